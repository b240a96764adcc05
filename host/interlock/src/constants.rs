//! Times and thresholds, each with who chose it and what breaks when it is smaller or larger.
//!
//! "§" is the domain fact sheet. What it does not give is our own choice, recorded in ADR 0001.

use units::{Milliamps, Millis};

/// Nominal distance of two steps. Source: architecture. Larger: the opening budget below no longer holds.
pub const TICK_MS: Millis = Millis::new(10);

/// A later tick counts as this much when time must pass before closing. Source: own choice, ADR 0001.
/// Larger: one sample after a stall passes for a steady level. Smaller: a slightly late tick delays charging.
pub const LATE_TICK_MS: Millis = Millis::new(20);

/// A vehicle that leaves C or D is without voltage after this. Source: §1.4 sequences 2.2, 8.1, 8.2.
pub const CONTACTOR_OFF_MAX_MS: Millis = Millis::new(100);
/// Time the contactor's mechanics may use of it. Source: own choice, ADR 0001; a slower contactor does not fit.
pub const CONTACTOR_MECHANICS_MS: Millis = Millis::new(20);
/// A vehicle that enters C2 gets voltage within this. Source: §1.4 sequence 4.
pub const CONTACTOR_ON_MAX_MS: Millis = Millis::new(3_000);

/// A or E is believed after this. Source: §1.1. Smaller: contact bounce opens. Larger: late.
pub const PILOT_TO_SAFE_MS: Millis = Millis::new(25);
/// Leaving C or D is believed after this. Source: §1.1 (at most 50 ms). Smaller: short toggles open (sequence 11).
pub const PILOT_LEAVE_MS: Millis = Millis::new(50);
/// Any other change is believed after this. Source: §1.1. Smaller: pulses pass for a state.
pub const PILOT_SETTLE_MS: Millis = Millis::new(250);
/// Share (1/n) of quiet time that is subtracted from accumulated leaving time. Source: own choice, ADR 0001.
/// Without it a pilot that flickers for ever would never count as left.
pub const PILOT_LEAK: u64 = 4;
/// Pilot samples after the contactor moved or the pilot drive changed that are not used. Source: §1.6 (10–50 ms).
pub const PILOT_BLANK_MS: Millis = Millis::new(20);
/// C or D must be steady this long before closing. Source: §1.6. Smaller: 400 ms toggles of the vehicle close.
pub const PLAUSIBILITY_MS: Millis = Millis::new(500);
/// The pilot's negative peak must lie in −12 V ± this. Source: §1.6.
pub const DIODE_TOLERANCE_MV: i32 = 2_000;
/// Nominal negative peak. Source: §1.1.
pub const PILOT_LOW_MV: i32 = -12_000;
/// A missing diode trips after this. Source: §1.6 (100 samples at 1 kHz in C; closing is blocked at once).
pub const DIODE_MS: Millis = Millis::new(100);
/// The negative peak must be right this long before closing. Source: own choice, ADR 0001.
pub const DIODE_PROVEN_MS: Millis = Millis::new(100);
/// Negative peaks after PWM was switched on that are not used. Source: own choice, ADR 0001 (two ticks).
pub const DIODE_BLANK_MS: Millis = Millis::new(30);

/// The vehicle opens S2 within this after x1. Source: §1.4 sequence 10.1.
pub const EV_STOP_MS: Millis = Millis::new(3_000);
/// After this the contactor opens under load. Source: §1.4 sequence 10.2.
pub const FORCED_OPEN_MS: Millis = Millis::new(6_000);
/// State F after a fault is held this long. Source: §1.4.
pub const STATE_F_MIN_MS: Millis = Millis::new(300);
/// The offer rises at most this often. Source: §1.4 sequence 6. Smaller: the vehicle cannot follow.
pub const PWM_MIN_INTERVAL_MS: Millis = Millis::new(5_000);
/// No closing again before this. Source: §1.5. Smaller: a pulsing vehicle wears the contactor.
pub const C_REENTRY_MS: Millis = Millis::new(5_000);
/// Standing faults must be gone this long. Source: §1.5. Smaller: a flickering fault flickers the contactor.
pub const ERROR_HOLD_MS: Millis = Millis::new(30_000);
/// Shortest quiet time before any latch clears. Source: own choice, ADR 0001.
pub const NORMAL_MIN_MS: Millis = Millis::new(1_000);
/// A local reset acts this long, so that a device may first be reset or tested. Source: own choice, ADR 0001.
pub const LOCAL_RESET_MS: Millis = Millis::new(10_000);
/// Highest offer to a vehicle with simplified pilot. Source: §1.4 sequence 1.2.
pub const SIMPLIFIED_MAX: Milliamps = Milliamps::from_amps(10);
/// Lowest current that can be offered. Source: §1.2.
pub const MIN_CURRENT: Milliamps = Milliamps::from_amps(6);
/// A permit that reaches further into the future is not believed. Source: own choice, ADR 0001.
/// Larger: a broken station holds the contactor longer.
pub const PERMIT_MAX_MS: Millis = Millis::new(10_000);

/// Wake-up: offered this long without C. Source: §1.5.
pub const WAKE_AFTER_MS: Millis = Millis::new(30_000);
/// Wake-up: length of the E or F step. Source: §1.5.
pub const WAKE_STEP_MS: Millis = Millis::new(4_000);
/// Wake-up: x1 after it. Source: §1.11 (§1.5 asks for at least 750 ms).
pub const WAKE_X1_MS: Millis = Millis::new(3_000);
/// Pause with pilot at x1 and contactor open around a change of phases. Source: §1.10.
pub const PHASE_PAUSE_MS: Millis = Millis::new(10_000);

/// A cable's coding must be steady this long to count. Source: own choice, ADR 0001.
pub const PROXIMITY_STEADY_MS: Millis = Millis::new(100);
/// A lost or shorted proximity pilot trips after this. Source: own choice within the 100 ms of §1.4.
pub const PROXIMITY_LOST_MS: Millis = Millis::new(50);
/// Another coding than the frozen one, or none at all after plug-in, trips after this. Source: own choice.
pub const PROXIMITY_CHANGED_MS: Millis = Millis::new(500);

/// Board samples missing this long trip. Source: own choice, ADR 0001; with the pilot filter inside 100 ms.
pub const BOARD_SILENT_MS: Millis = Millis::new(30);
/// Lost protective earth trips after this. Source: own choice within the 100 ms of §1.4.
pub const EARTH_MS: Millis = Millis::new(30);
/// A broken residual current device trips after this. Source: own choice, ADR 0001.
pub const DEVICE_FAULT_MS: Millis = Millis::new(100);
/// Age at which a self-test no longer counts. Source: §1.7 (at least every 24 h).
pub const SELF_TEST_MAX_AGE_MS: Millis = Millis::from_secs(24 * 3_600);
/// A running charge is paused this long before, so that nothing opens under load. Source: own choice, ADR 0001.
pub const SELF_TEST_RENEW_MS: Millis = Millis::new(10_000);
/// Age at which a self-test is due again: early enough to pause first.
pub const SELF_TEST_DUE_MS: Millis =
    Millis::new(SELF_TEST_MAX_AGE_MS.get() - SELF_TEST_RENEW_MS.get());
/// A self-test without result fails after this. Source: §1.7 (both outputs low by about 3 s), with reserve.
pub const SELF_TEST_TIMEOUT_MS: Millis = Millis::new(5_000);
/// After a self-test the device's output is not used this long. Source: §1.7 (1 s blanking).
pub const SELF_TEST_SETTLE_MS: Millis = Millis::new(1_000);
/// Distance between a failed self-test and the next. Source: own choice, ADR 0001.
pub const SELF_TEST_RETRY_MS: Millis = Millis::from_secs(60);
/// Length of a reset pulse to the residual current device. Source: own choice, ADR 0001.
pub const RESIDUAL_RESET_MS: Millis = Millis::new(500);
/// Distance of two reset pulses. Source: §1.7 (10 s).
pub const RESIDUAL_RESET_GAP_MS: Millis = Millis::from_secs(10);

/// The mirror contact follows within this. Source: own choice, ADR 0001. Smaller: slow contactors trip.
pub const MIRROR_MS: Millis = Millis::new(200);
/// The load side is dead this long after opening. Source: §1.8 (stuck-relay check after 1 s).
pub const LOAD_DEAD_MS: Millis = Millis::new(1_000);

/// Length of one drive of the lock motor. Source: §1.9, §1.11.
pub const LOCK_MS: Millis = Millis::new(1_000);
/// Rest between two drives. Source: own choice, ADR 0001.
pub const LOCK_REST_MS: Millis = Millis::new(500);
/// Feedback "locked" counts after this. Source: §1.9.
pub const LOCKED_MS: Millis = Millis::new(75);
/// Feedback "unlocked" counts after this; also: lost lock under voltage trips. Source: §1.9.
pub const UNLOCKED_MS: Millis = Millis::new(50);
/// A missing actuator counts after this. Source: own choice, ADR 0001.
pub const LOCK_MISSING_MS: Millis = Millis::new(500);
/// Standing pilot error unlocks after this. Source: §1.9 (5 s).
pub const LOCK_ERROR_RELEASE_MS: Millis = Millis::new(5_000);
/// A silent station no longer holds the cable after this. Source: own choice, ADR 0001.
pub const LOCK_STALE_RELEASE_MS: Millis = Millis::from_secs(60);
/// A forced unlock waits this long for the contactor to open. Source: own choice, ADR 0001 (6 s and reserve).
pub const FORCED_UNLOCK_MS: Millis = Millis::from_secs(10);

/// Measured current may exceed the offer by this share (1/n) … Source: §1.10 (10 %).
pub const OVER_CURRENT_SHARE: u32 = 10;
/// … plus this … Source: §1.10.
pub const OVER_CURRENT_PLUS: Milliamps = Milliamps::new(500);
/// … for this long. Source: §1.10.
pub const OVER_CURRENT_MS: Millis = Millis::new(7_000);
/// Voltage may differ from nominal by this many percent. Source: §5 (±15 %).
pub const VOLTAGE_PERCENT: i32 = 15;
/// Below this share of nominal (percent) a phase is missing. Source: own choice, ADR 0001.
pub const PHASE_MISSING_PERCENT: i32 = 20;
/// A wrong voltage trips after this. Source: own choice, ADR 0001. Smaller: motor starts nearby trip.
pub const VOLTAGE_MS: Millis = Millis::new(500);
/// A temperature sensor without a reading trips after this. Source: own choice, ADR 0001.
pub const SENSOR_SILENT_MS: Millis = Millis::new(5_000);
/// Ventilation that was asked for runs within this. Source: own choice, ADR 0001.
pub const VENTILATION_MS: Millis = Millis::new(5_000);

// The chains that must fit into each other.
const _: () = assert!(
    TICK_MS.get() + PILOT_BLANK_MS.get() + PILOT_LEAVE_MS.get() + CONTACTOR_MECHANICS_MS.get()
        <= CONTACTOR_OFF_MAX_MS.get(),
    "vehicle leaves C: sample, blanking, filter and contactor fit into 100 ms"
);
const _: () = assert!(
    TICK_MS.get() + PROXIMITY_LOST_MS.get() + TICK_MS.get() + CONTACTOR_MECHANICS_MS.get()
        <= CONTACTOR_OFF_MAX_MS.get(),
    "proximity lost"
);
const _: () = assert!(
    TICK_MS.get() + EARTH_MS.get() + TICK_MS.get() + CONTACTOR_MECHANICS_MS.get()
        <= CONTACTOR_OFF_MAX_MS.get(),
    "earth lost"
);
const _: () = assert!(
    PILOT_SETTLE_MS.get() + PLAUSIBILITY_MS.get() + DIODE_PROVEN_MS.get() + 2 * TICK_MS.get()
        <= CONTACTOR_ON_MAX_MS.get(),
    "the contactor closes within 3 s of C2"
);
const _: () = assert!(
    SELF_TEST_RENEW_MS.get() > FORCED_OPEN_MS.get() + TICK_MS.get(),
    "a charge is paused before its self-test is too old"
);
const _: () = assert!(
    EV_STOP_MS.get() < FORCED_OPEN_MS.get(),
    "the vehicle may stop by itself first"
);
