//! The rules, as data: hazard, source, time limit and the test that shows each.
//!
//! The code that follows a rule is in the module named; the numbers are in [`crate::constants`]. A test compares this
//! table with the tests that exist and with SAFETY.md, and asks that every trip has a rule.
//!
//! "§" is the domain fact sheet of this project, which re-words what public sources say. No clause of a standard is
//! cited that was not opened; "own choice" is recorded in ADR 0001.

use crate::types::Trip;

/// One rule of the interlock.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What could happen to people or equipment.
    pub hazard: &'static str,
    /// What the interlock does.
    pub rule: &'static str,
    /// Where the rule and its number come from.
    pub source: &'static str,
    /// Time from cause to command, where one is promised.
    pub limit_ms: Option<u32>,
    /// The trip it raises, if it is a fault.
    pub trip: Option<Trip>,
    /// The test that shows it (`module::name` in `tests/interlock`).
    pub test: &'static str,
}

const fn opens(
    hazard: &'static str,
    rule: &'static str,
    source: &'static str,
    limit_ms: u32,
    test: &'static str,
) -> Rule {
    Rule {
        hazard,
        rule,
        source,
        limit_ms: Some(limit_ms),
        trip: None,
        test,
    }
}

const fn trips(
    hazard: &'static str,
    rule: &'static str,
    source: &'static str,
    limit_ms: u32,
    trip: Trip,
    test: &'static str,
) -> Rule {
    Rule {
        hazard,
        rule,
        source,
        limit_ms: Some(limit_ms),
        trip: Some(trip),
        test,
    }
}

const fn holds(
    hazard: &'static str,
    rule: &'static str,
    source: &'static str,
    test: &'static str,
) -> Rule {
    Rule {
        hazard,
        rule,
        source,
        limit_ms: None,
        trip: None,
        test,
    }
}

const SHOCK: &str = "electric shock";
const ARC: &str = "arc or live contacts at an open plug";
const FIRE: &str = "overheating, fire";
const GAS: &str = "explosion of battery gas";
const WEAR: &str = "contactor wears and welds";

/// Every rule.
pub const RULES: [Rule; 53] = [
    // Opening: the vehicle.
    opens(
        ARC,
        "opens when the vehicle opens S2, PWM on",
        "§1.4 sequence 8.1",
        60,
        "opening::contactor_opens_within_60_ms_when_the_vehicle_opens_s2_with_pwm_on",
    ),
    opens(
        ARC,
        "opens when the vehicle opens S2, PWM off",
        "§1.4 sequence 8.2",
        60,
        "opening::contactor_opens_within_60_ms_when_the_vehicle_opens_s2_with_pwm_off",
    ),
    opens(
        ARC,
        "opens when the plug is pulled",
        "§1.4 sequence 2.2",
        40,
        "opening::contactor_opens_within_40_ms_when_the_plug_is_pulled_from_c",
    ),
    trips(
        SHOCK,
        "opens when the pilot is shorted or implausible",
        "§1.1, §1.4 sequence 12",
        40,
        Trip::PilotError,
        "opening::contactor_opens_within_40_ms_and_trips_when_the_pilot_is_shorted",
    ),
    opens(
        ARC,
        "a flickering pilot counts as left",
        "own choice, ADR 0001",
        150,
        "opening::a_pilot_that_flickers_between_c_and_b_counts_as_left",
    ),
    trips(
        SHOCK,
        "refuses and opens without the vehicle's diode",
        "§1.6",
        120,
        Trip::Diode,
        "pilot::a_diode_that_is_lost_while_charging_opens_within_120_ms",
    ),
    trips(
        ARC,
        "opens when the proximity pilot is lost",
        "§1.3, own choice, ADR 0001",
        60,
        Trip::Proximity,
        "opening::contactor_opens_within_60_ms_when_the_proximity_pilot_is_lost",
    ),
    trips(
        GAS,
        "opens in state D without ventilation",
        "§1.6",
        60,
        Trip::VentilationMissing,
        "pilot::a_charge_that_moves_from_c_to_d_without_ventilation_opens_within_60_ms",
    ),
    opens(
        GAS,
        "opens when ventilation stops in state D",
        "§1.1",
        0,
        "pilot::state_d_closes_when_the_ventilation_runs_and_opens_at_once_when_it_stops",
    ),
    // Opening: protections.
    trips(
        SHOCK,
        "opens when earth is lost",
        "§1.4",
        40,
        Trip::Earth,
        "opening::contactor_opens_within_40_ms_when_the_earth_is_lost",
    ),
    trips(
        SHOCK,
        "stays open after the residual current device has tripped",
        "§1.7",
        0,
        Trip::ResidualCurrent,
        "residual::contactor_opens_in_the_same_step_when_the_residual_current_device_trips",
    ),
    trips(
        SHOCK,
        "opens when the residual current device is broken",
        "§1.7",
        120,
        Trip::ResidualDevice,
        "residual::a_broken_residual_current_device_opens_within_120_ms",
    ),
    trips(
        SHOCK,
        "opens when the external residual current device has tripped",
        "§5",
        0,
        Trip::ExternalRcd,
        "opening::contactor_opens_in_the_same_step_when_the_external_rcd_trips",
    ),
    trips(
        FIRE,
        "opens when the breaker of the type-2 socket has tripped",
        "§5",
        0,
        Trip::BreakerType2,
        "opening::contactor_opens_in_the_same_step_when_the_breaker_of_the_type_2_socket_trips",
    ),
    trips(
        FIRE,
        "opens when the breaker of the domestic socket has tripped",
        "§5",
        0,
        Trip::BreakerDomestic,
        "opening::contactor_opens_in_the_same_step_when_the_breaker_of_the_domestic_socket_trips",
    ),
    trips(
        FIRE,
        "opens on over-current: 10 % + 0.5 A for 7 s",
        "§1.10",
        7_020,
        Trip::OverCurrent,
        "supply::current_above_110_percent_and_half_an_ampere_trips_after_7_s",
    ),
    trips(
        FIRE,
        "opens above +15 % of nominal voltage",
        "§5, time: own choice",
        520,
        Trip::OverVoltage,
        "supply::voltage_above_115_percent_trips_within_520_ms_and_clears_after_30_s",
    ),
    trips(
        FIRE,
        "opens below −15 % of nominal voltage",
        "§5, time: own choice",
        520,
        Trip::UnderVoltage,
        "supply::voltage_below_85_percent_trips_within_520_ms_and_clears_after_30_s",
    ),
    trips(
        FIRE,
        "opens when a phase in use is missing",
        "§5, threshold: own choice",
        520,
        Trip::PhaseMissing,
        "supply::a_missing_phase_trips_within_520_ms_and_clears_after_30_s",
    ),
    trips(
        FIRE,
        "derates, then opens when socket or plug is hot",
        "§5, own choice, ADR 0001",
        0,
        Trip::SocketTemperature,
        "supply::a_hot_socket_lowers_the_offer_linearly_and_then_trips",
    ),
    trips(
        FIRE,
        "opens when contactor or relay is hot",
        "§5, own choice, ADR 0001",
        0,
        Trip::ContactorTemperature,
        "supply::a_hot_contactor_trips_until_it_has_cooled_for_30_s",
    ),
    trips(
        FIRE,
        "a silent temperature sensor opens",
        "own choice, ADR 0001",
        5_020,
        Trip::ContactorTemperature,
        "supply::a_silent_temperature_sensor_trips_after_5_s",
    ),
    trips(
        SHOCK,
        "opens when the board is silent",
        "own choice, ADR 0001",
        40,
        Trip::BoardSilent,
        "opening::contactor_opens_within_40_ms_when_the_board_falls_silent",
    ),
    trips(
        SHOCK,
        "opens on anything impossible",
        "own choice, ADR 0001",
        0,
        Trip::Internal,
        "opening::time_that_runs_backwards_opens_and_trips_internal",
    ),
    // Opening: the station.
    opens(
        SHOCK,
        "a stale permit withdraws the offer and opens",
        "§1.4 sequence 10.2",
        6_510,
        "opening::a_stale_permit_withdraws_the_offer_at_once_and_opens_after_6_s",
    ),
    opens(
        WEAR,
        "a withdrawn offer opens when the vehicle has stopped",
        "§1.4 sequence 10.1",
        70,
        "opening::withdrawn_offer_lets_the_vehicle_stop_and_opens_without_load",
    ),
    opens(
        SHOCK,
        "a vehicle that does not stop is opened under load",
        "§1.4 sequence 10.2",
        6_010,
        "opening::contactor_opens_under_load_6_s_after_the_offer_was_withdrawn",
    ),
    holds(
        SHOCK,
        "a permit that reaches more than 10 s ahead is void",
        "own choice, ADR 0001",
        "opening::a_permit_for_ever_is_not_believed",
    ),
    // Closing.
    holds(
        ARC,
        "closes only after 500 ms of steady C, within 3 s",
        "§1.4 sequence 4, §1.6",
        "pilot::contactor_closes_within_3_s_of_c2_and_not_before_500_ms_of_steady_c",
    ),
    holds(
        WEAR,
        "pulses of the vehicle close nothing",
        "§1.5, §1.4 sequence 11",
        "pilot::pulses_of_the_vehicle_of_400_ms_never_close",
    ),
    holds(
        WEAR,
        "closes again 5 s after opening at the earliest",
        "§1.5",
        "pilot::contactor_closes_again_only_5_s_after_it_opened",
    ),
    holds(
        SHOCK,
        "offers nothing before the self-test has passed",
        "§1.7",
        "residual::nothing_is_offered_before_the_self_test_has_passed",
    ),
    trips(
        SHOCK,
        "a failed or silent self-test blocks",
        "§1.7",
        5_100,
        Trip::ResidualDevice,
        "residual::a_failed_self_test_prevents_the_session",
    ),
    holds(
        SHOCK,
        "the self-test is repeated after every charge",
        "§1.7",
        "residual::the_device_is_tested_after_every_charge",
    ),
    holds(
        SHOCK,
        "a charge of 24 h pauses for the self-test",
        "§1.7, pause: own choice",
        "residual::a_charge_of_24_h_pauses_for_the_self_test_and_goes_on",
    ),
    holds(
        SHOCK,
        "a manual reclose policy is never bypassed",
        "§1.7",
        "residual::a_residual_trip_with_manual_reclosing_clears_by_the_local_reset_only",
    ),
    holds(
        SHOCK,
        "a restart clears no latch",
        "own choice, ADR 0001",
        "residual::a_restart_of_the_software_clears_no_latched_protection",
    ),
    // The offer.
    holds(
        FIRE,
        "the cable's coding limits the offer",
        "§1.3",
        "offer::the_cable_coding_limits_the_offer",
    ),
    trips(
        FIRE,
        "an uncoded cable is not charged",
        "§1.3",
        520,
        Trip::Proximity,
        "offer::a_cable_that_codes_nothing_is_not_charged_and_trips",
    ),
    trips(
        FIRE,
        "another coding during a session opens",
        "§1.3, own choice, ADR 0001",
        520,
        Trip::Proximity,
        "opening::contactor_opens_within_520_ms_when_the_cable_coding_changes",
    ),
    holds(
        FIRE,
        "a simplified pilot is offered 10 A",
        "§1.4 sequence 1.2",
        "pilot::a_vehicle_that_goes_straight_from_a_to_c_is_offered_10_a",
    ),
    holds(
        WEAR,
        "the offer falls at once and rises every 5 s",
        "§1.4 sequence 6, ADR 0001",
        "offer::less_is_offered_at_once_and_more_after_5_s",
    ),
    holds(
        WEAR,
        "phases switch after opening and 10 s of pause",
        "§1.10",
        "offer::phases_switch_only_after_opening_and_10_s_of_pause",
    ),
    holds(
        ARC,
        "a wake-up is done once, with the contactor open",
        "§1.5",
        "wake::a_sleeping_vehicle_is_woken_once_after_30_s_by_4_s_of_e_or_f_and_3_s_of_x1",
    ),
    holds(
        SHOCK,
        "state F for 300 ms after a fault under voltage",
        "§1.4",
        "opening::state_f_is_held_300_ms_after_a_fault_under_voltage",
    ),
    // Contactor.
    trips(
        SHOCK,
        "a welded contactor is found and never closed again",
        "§1.8",
        300,
        Trip::Weld,
        "contactor::a_welded_contactor_trips_within_300_ms_of_the_open_command_and_never_closes_again",
    ),
    trips(
        SHOCK,
        "a live load side is a weld",
        "§1.8",
        1_020,
        Trip::Weld,
        "contactor::a_live_load_side_without_vehicle_is_a_weld",
    ),
    trips(
        FIRE,
        "a contactor that does not close is opened",
        "§1.8, time: own choice",
        250,
        Trip::ContactorStuckOpen,
        "contactor::a_contactor_that_does_not_close_trips_within_250_ms",
    ),
    // Lock.
    holds(
        ARC,
        "the lock never moves under voltage",
        "§1.9",
        "lock::the_lock_never_moves_while_the_contactor_is_closed",
    ),
    holds(
        ARC,
        "the plug stays locked while a weld is suspected",
        "§1.9",
        "contactor::the_plug_stays_locked_while_a_weld_is_suspected",
    ),
    trips(
        ARC,
        "a plug that cannot be locked is not energised",
        "§1.9",
        5_500,
        Trip::LockFailed,
        "lock::a_plug_that_cannot_be_locked_is_never_energised_and_is_told_after_3_attempts",
    ),
    trips(
        ARC,
        "a stuck lock is told",
        "§1.9",
        8_000,
        Trip::LockStuck,
        "lock::a_stuck_lock_is_told_and_tried_again_on_unlock_or_hard_reset",
    ),
    trips(
        ARC,
        "a missing actuator is told",
        "§1.9",
        1_000,
        Trip::LockMissing,
        "lock::a_missing_actuator_is_told_and_looked_for_again_on_hard_reset_only",
    ),
];
