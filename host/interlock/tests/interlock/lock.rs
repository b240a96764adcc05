//! The plug lock.

use interlock::{BoardProfile, EventKind, LockDrive, LockPosition, LockWish, PilotDrive, Trip};

use crate::bench::{Bench, Ev, LockHardware};
use crate::opening::unplug_wholly;

// acceptance: J15, P113
#[test]
fn the_plug_is_locked_at_plug_in_when_the_station_wishes_it() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    let locked = bench.until(2_000, |bench| bench.status().lock == LockPosition::Locked);
    assert!(locked <= 1_000, "{locked}");
    assert!(!bench.out.contactor);
}

// acceptance: P112
#[test]
fn the_plug_stays_free_until_the_station_is_authorised_and_nothing_closes_meanwhile() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.permit.lock = LockWish::Release;
    bench.plug_in();
    bench.run(2_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
    assert_eq!(bench.out.pilot, PilotDrive::Constant);
    bench.world.ev = Ev::Asks;
    bench.never_closes(2_000);
    bench.permit.lock = LockWish::WhenPlugged;
    bench.until_closed(6_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

// acceptance: C149
#[test]
fn the_lock_never_moves_while_the_contactor_is_closed() {
    let mut bench = Bench::socket();
    bench.world.obeys_x1_after = None;
    bench.permit.lock = LockWish::Release;
    bench.permit.unlock_count += 1;
    while bench.out.contactor {
        assert_eq!(bench.out.lock, LockDrive::Hold);
        bench.step();
    }
    bench.run(2_000);
    assert_eq!(
        bench.status().lock,
        LockPosition::Unlocked,
        "afterwards it opens"
    );
}

// acceptance: C152
#[test]
fn the_plug_is_released_when_the_station_ends_the_session() {
    let mut bench = Bench::socket();
    bench.permit.lock = LockWish::Release;
    bench.permit.max_current = units::Milliamps::ZERO;
    bench.until_open(3_000);
    let freed = bench.until(2_000, |bench| bench.status().lock == LockPosition::Unlocked);
    assert!(freed <= 1_000, "{freed}");
}

// acceptance: C152
#[test]
fn the_plug_is_released_when_the_vehicle_end_is_pulled() {
    let mut bench = Bench::socket();
    bench.world.ev = Ev::Gone;
    bench.until(3_000, |bench| bench.status().lock == LockPosition::Unlocked);
}

#[test]
fn a_cable_is_kept_when_the_station_wishes_it_while_a_cable_is_present() {
    let mut bench = Bench::socket();
    bench.permit.lock = LockWish::WhileCablePresent;
    bench.world.ev = Ev::Gone;
    bench.run(10_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
    bench.permit.lock = LockWish::WhenPlugged;
    bench.run(2_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
}

// acceptance: C153
#[test]
fn the_plug_is_released_on_a_fault_where_the_board_says_so() {
    let mut bench = Bench::charging(BoardProfile::cabur_socket_32a());
    bench.world.protections.rcd = Some(true);
    bench.until_open(100);
    bench.run(2_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
}

#[test]
fn the_plug_stays_locked_on_a_fault_where_the_board_says_so() {
    let mut bench = Bench::socket();
    bench.world.protections.rcd = Some(true);
    bench.until_open(100);
    bench.run(5_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

// acceptance: P220, J17
#[test]
fn a_plug_that_cannot_be_locked_is_never_energised_and_is_told_after_3_attempts() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.world.lock_hardware = LockHardware::Jammed;
    bench.plug_in();
    let told = bench.until(6_000, |bench| bench.has(Trip::LockFailed));
    assert!((3_500..=5_500).contains(&told), "{told}");
    bench.world.ev = Ev::Asks;
    bench.never_closes(5_000);
    // Replugging is the remedy.
    bench.world.lock_hardware = LockHardware::Works;
    unplug_wholly(&mut bench);
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
}

#[test]
fn a_lock_that_opens_under_voltage_opens_the_contactor_within_60_ms() {
    for position in [LockPosition::Unlocked, LockPosition::Unknown] {
        let mut bench = Bench::socket();
        bench.world.lock = position;
        assert!(bench.until_open(100) <= 60);
        assert!(bench.has(Trip::LockFailed));
    }
}

// acceptance: P221
#[test]
fn a_stuck_lock_is_told_and_tried_again_on_unlock_or_hard_reset() {
    for by_unlock in [true, false] {
        let mut bench = Bench::socket();
        bench.world.lock_hardware = LockHardware::Jammed;
        bench.world.ev = Ev::Gone;
        bench.until(8_000, |bench| bench.has(Trip::LockStuck));
        bench.run(5_000);
        bench.world.lock_hardware = LockHardware::Works;
        bench.run(5_000);
        assert!(
            bench.has(Trip::LockStuck),
            "it does not try for ever by itself"
        );
        assert_eq!(bench.out.lock, LockDrive::Hold);
        if by_unlock {
            bench.permit.unlock_count += 1;
        } else {
            bench.permit.actuator_retry_count += 1;
        }
        bench.run(3_000);
        assert!(!bench.has(Trip::LockStuck));
        assert_eq!(bench.status().lock, LockPosition::Unlocked);
    }
}

// acceptance: P222
#[test]
fn a_missing_actuator_is_told_and_looked_for_again_on_hard_reset_only() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.world.lock_hardware = LockHardware::Missing;
    bench.until(1_000, |bench| bench.has(Trip::LockMissing));
    bench.world.lock_hardware = LockHardware::Works;
    bench.permit.unlock_count += 1;
    bench.run(5_000);
    assert!(bench.has(Trip::LockMissing));
    bench.permit.actuator_retry_count += 1;
    bench.run(2_000);
    assert!(!bench.has(Trip::LockMissing));
}

#[test]
fn a_forced_unlock_waits_for_the_contactor_and_unlocks_once() {
    let mut bench = Bench::socket();
    bench.permit.max_current = units::Milliamps::ZERO;
    bench.permit.unlock_count += 1;
    bench.until(5_000, |bench| bench.status().lock == LockPosition::Unlocked);
    bench.run(5_000);
    assert_eq!(
        bench.status().lock,
        LockPosition::Unlocked,
        "not locked again at once"
    );
    bench.unplug();
    bench.run(1_000);
    bench.plug_in();
    bench.permit.max_current = units::Milliamps::from_amps(16);
    bench.run(3_000);
    assert_eq!(
        bench.status().lock,
        LockPosition::Locked,
        "the next plug is locked"
    );
}

#[test]
fn a_forced_unlock_is_refused_when_the_contactor_does_not_open_in_10_s() {
    let mut bench = Bench::socket();
    bench.world.contactor_hardware = crate::bench::ContactorHardware::Welded;
    bench.permit.unlock_count += 1;
    bench.run(12_000);
    assert!(
        bench
            .events
            .iter()
            .any(|event| event.kind == EventKind::UnlockRefused)
    );
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

#[test]
fn a_forced_unlock_withdraws_the_offer() {
    let mut bench = Bench::socket();
    bench.permit.unlock_count += 1;
    bench.step();
    assert_eq!(bench.out.pilot, PilotDrive::Constant);
}

#[test]
fn the_first_counts_of_a_permit_are_a_beginning_and_not_a_rise() {
    let mut bench = Bench::new(BoardProfile::socket_32a());
    bench.permit.unlock_count = 7;
    bench.plug_in();
    bench.run(3_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

#[test]
fn a_silent_station_keeps_the_cable_for_60_s_and_then_frees_it() {
    let mut bench = Bench::socket();
    bench.station_alive = false;
    bench.run(30_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
    bench.run(40_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
}

#[test]
fn a_standing_pilot_error_frees_the_plug_after_5_s() {
    let mut bench = Bench::socket();
    bench.world.ev = Ev::Shorted;
    bench.run(4_500);
    assert_eq!(bench.status().lock, LockPosition::Locked);
    bench.run(2_500);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
}

#[test]
fn a_tethered_cable_never_drives_a_lock() {
    let mut bench = Bench::charging(BoardProfile::tethered_32a());
    bench.permit.unlock_count += 1;
    bench.world.ev = Ev::Gone;
    for _ in 0..500 {
        bench.step();
        assert_eq!(bench.out.lock, LockDrive::Hold);
    }
}

#[test]
fn the_lock_rests_after_a_restart_until_the_pilot_has_been_seen() {
    let mut bench = Bench::new(BoardProfile::socket_32a());
    bench.plug_in();
    bench.world.lock = LockPosition::Locked;
    for _ in 0..25 {
        bench.step();
        assert_eq!(bench.out.lock, LockDrive::Hold);
    }
    bench.run(3_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

#[test]
fn a_cable_freed_without_vehicle_is_locked_again_for_the_next_vehicle() {
    let mut bench = Bench::socket();
    bench.permit.lock = LockWish::WhileCablePresent;
    bench.world.ev = Ev::Gone;
    bench.run(1_000);
    bench.permit.unlock_count += 1;
    bench.run(2_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
    bench.plug_in();
    bench.run(8_000);
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

#[test]
fn a_lock_that_failed_half_way_is_driven_open_so_that_the_driver_can_replug() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.world.lock_hardware = LockHardware::Jammed;
    bench.world.lock = LockPosition::Unknown;
    bench.plug_in();
    bench.until(8_000, |bench| bench.has(Trip::LockFailed));
    bench.world.lock_hardware = LockHardware::Works;
    bench.run(2_000);
    assert_eq!(bench.status().lock, LockPosition::Unlocked);
}
