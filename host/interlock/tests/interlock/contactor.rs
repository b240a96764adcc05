//! The contactor does not do what it is told.

use interlock::{BoardProfile, Contact, LoadSide, LockDrive, LockPosition, MirrorContact, Trip};

use crate::bench::{Bench, ContactorHardware, Ev};

// acceptance: P218
#[test]
fn a_welded_contactor_trips_within_300_ms_of_the_open_command_and_never_closes_again() {
    let mut bench = Bench::socket();
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.world.ev = Ev::Ready;
    bench.until_open(100);
    let found = bench.until(1_000, |bench| bench.has(Trip::Weld));
    assert!(found <= 300, "{found}");
    bench.world.ev = Ev::Asks;
    bench.never_closes(60_000);
    bench.world.contactor_hardware = ContactorHardware::Works;
    bench.world.ev = Ev::Gone;
    bench.never_closes(60_000);
    assert!(
        bench.has(Trip::Weld),
        "it looks open now, but only a person may say so"
    );
    bench.world.local_reset = true;
    bench.run(2_000);
    assert!(!bench.has(Trip::Weld));
}

#[test]
fn the_plug_stays_locked_while_a_weld_is_suspected() {
    let mut bench = Bench::socket();
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.world.ev = Ev::Gone;
    bench.permit.unlock_count += 1;
    for _ in 0..3_000 {
        bench.step();
        assert_eq!(bench.out.lock, LockDrive::Hold);
    }
    assert_eq!(bench.status().lock, LockPosition::Locked);
}

#[test]
fn a_live_load_side_without_vehicle_is_a_weld() {
    let mut profile = BoardProfile::socket_32a();
    profile.mirror = MirrorContact::NotFitted;
    let mut bench = Bench::idle(profile);
    bench.world.closed = true;
    bench.world.contactor_hardware = ContactorHardware::Welded;
    let found = bench.until(2_000, |bench| bench.has(Trip::Weld));
    assert!((990..=1_020).contains(&found), "{found}");
}

#[test]
fn a_contactor_welded_before_the_start_is_found_at_the_start() {
    let mut bench = Bench::new(BoardProfile::socket_32a());
    bench.world.closed = true;
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.run(500);
    assert!(bench.has(Trip::Weld));
}

#[test]
fn a_contactor_that_does_not_close_trips_within_250_ms() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.world.contactor_hardware = ContactorHardware::StuckOpen;
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    assert!(bench.until_open(400) <= 250);
    assert!(bench.has(Trip::ContactorStuckOpen));
    bench.never_closes(20_000);
}

#[test]
fn a_relay_that_the_residual_device_opened_is_no_second_fault() {
    let mut bench = Bench::socket();
    bench.world.rdc_tripped = true;
    bench.world.feedback_override = Some(Contact::Open);
    bench.run(1_000);
    assert!(bench.has(Trip::ResidualCurrent));
    assert!(!bench.has(Trip::ContactorStuckOpen));
}

#[test]
fn a_contactor_that_is_not_proven_open_is_never_closed() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.feedback_override = Some(Contact::Unknown);
    bench.world.ev = Ev::Asks;
    bench.never_closes(3_000);
    assert!(bench.has(Trip::Weld), "unknown is the dangerous level");
}

#[test]
fn a_mirror_contact_that_fails_in_the_last_moment_prevents_closing() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    bench.never_closes(450);
    bench.world.feedback_override = Some(Contact::Unknown);
    bench.never_closes(200);
}

#[test]
fn the_plug_stays_locked_while_the_load_side_is_live_even_if_the_mirror_contact_says_open() {
    let mut profile = BoardProfile::socket_32a();
    profile.load_side = LoadSide::Always;
    let mut bench = Bench::charging(profile);
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.world.ev = Ev::Gone;
    bench.until_open(100);
    bench.world.feedback_override = Some(Contact::Open);
    for _ in 0..1_000 {
        bench.step();
        assert_eq!(bench.out.lock, LockDrive::Hold);
    }
    assert!(bench.has(Trip::Weld));
}

#[test]
fn a_load_side_sensed_at_all_times_is_checked_1_s_after_opening() {
    let mut profile = BoardProfile::tethered_32a();
    profile.load_side = LoadSide::Always;
    let mut bench = Bench::charging(profile);
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.world.feedback_override = Some(Contact::Open);
    bench.world.ev = Ev::Ready;
    // The mirror contact lies: first as a contactor that fell open by itself, then the load side stays live.
    bench.run(1_200);
    assert!(bench.has(Trip::Weld));
}

#[test]
fn a_load_side_that_is_only_sensed_unplugged_says_nothing_while_a_vehicle_could_feed_back() {
    let mut profile = BoardProfile::socket_32a();
    profile.mirror = MirrorContact::NotFitted;
    let mut bench = Bench::idle(profile);
    bench.plug_in();
    bench.run(3_000);
    bench.world.closed = true;
    bench.world.contactor_hardware = ContactorHardware::Welded;
    bench.run(5_000);
    assert!(bench.trips().is_empty());
    bench.world.ev = Ev::Gone;
    bench.run(2_000);
    assert!(bench.has(Trip::Weld));
}

#[test]
fn without_mirror_contact_the_lock_waits_200_ms_after_opening() {
    let mut profile = BoardProfile::socket_32a();
    profile.mirror = MirrorContact::NotFitted;
    profile.load_side = LoadSide::NotSensed;
    let mut bench = Bench::charging(profile);
    bench.world.ev = Ev::Gone;
    bench.until_open(100);
    let unlocked = bench.until(1_000, |bench| bench.out.lock == LockDrive::Unlock);
    assert!((190..=230).contains(&unlocked), "{unlocked}");
}
