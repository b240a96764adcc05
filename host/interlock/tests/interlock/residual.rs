//! The residual direct current device: self-test, trips, reclose policies.

use interlock::{BoardProfile, Interlock, PilotDrive, ReclosePolicy, ResidualDevice, Trip};
use units::Millis;

use crate::bench::{Bench, Ev, TestHardware};
use crate::opening::unplug_wholly;

fn profile(policy: ReclosePolicy) -> BoardProfile {
    let mut profile = BoardProfile::socket_32a();
    profile.reclose.residual = policy;
    profile
}

fn tripped(policy: ReclosePolicy) -> Bench {
    let mut bench = Bench::charging(profile(policy));
    bench.world.rdc_tripped = true;
    bench.world.rdc_latches = false;
    bench.until_open(100);
    assert!(bench.has(Trip::ResidualCurrent));
    bench
}

#[test]
fn contactor_opens_in_the_same_step_when_the_residual_current_device_trips() {
    let mut bench = Bench::socket();
    bench.world.rdc_tripped = true;
    assert_eq!(bench.until_open(100), 0);
    assert!(bench.has(Trip::ResidualCurrent));
}

// acceptance: P211
#[test]
fn a_residual_trip_is_reset_on_unplug_where_the_board_says_so() {
    let mut bench = tripped(ReclosePolicy::OnUnplug);
    bench.never_closes(60_000);
    assert!(bench.has(Trip::ResidualCurrent), "not while plugged in");
    unplug_wholly(&mut bench);
    assert!(!bench.has(Trip::ResidualCurrent));
}

// acceptance: P211
#[test]
fn a_residual_trip_is_reset_10_s_or_15_min_after_unplugging_where_the_board_says_so() {
    for delay in [10_000, 900_000] {
        let mut bench = tripped(ReclosePolicy::AutoDelay(Millis::new(delay)));
        unplug_wholly(&mut bench);
        assert!(bench.has(Trip::ResidualCurrent));
        let cleared = 4_000 + bench.until(delay, |bench| !bench.has(Trip::ResidualCurrent));
        assert!(
            (delay..delay + 3_000).contains(&cleared),
            "{delay}: {cleared}"
        );
    }
}

#[test]
fn a_residual_trip_with_manual_reclosing_clears_by_the_local_reset_only() {
    let mut bench = tripped(ReclosePolicy::ManualLocal);
    unplug_wholly(&mut bench);
    bench.run(1_000_000);
    bench.permit.actuator_retry_count += 1;
    bench.permit.unlock_count += 1;
    bench.run(1_000);
    assert!(
        bench.has(Trip::ResidualCurrent),
        "no request of the station clears it"
    );
    assert!(bench.world.rdc_tripped, "the device was not reset either");
    bench.world.local_reset = true;
    bench.run(3_000);
    assert!(!bench.has(Trip::ResidualCurrent));
}

#[test]
fn a_restart_of_the_software_clears_no_latched_protection() {
    let before = tripped(ReclosePolicy::ManualLocal);
    let kept = interlock::Trips::from_bits_truncate(before.trips().bits());
    let mut bench = Bench::around(Interlock::resume(profile(ReclosePolicy::ManualLocal), kept));
    bench.run(60_000);
    assert!(bench.has(Trip::ResidualCurrent));
}

#[test]
fn a_device_that_stays_tripped_is_reset_6_times_and_no_more() {
    let mut bench = tripped(ReclosePolicy::OnUnplug);
    bench.world.rdc_latches = true;
    unplug_wholly(&mut bench);
    let mut pulses = 0;
    let mut before = bench.out.rdc_reset;
    for _ in 0..30_000 {
        bench.step();
        pulses += u32::from(bench.out.rdc_reset && !before);
        before = bench.out.rdc_reset;
    }
    assert!(
        (5..=6).contains(&pulses),
        "one may have been given while unplugging: {pulses}"
    );
    assert!(bench.has(Trip::ResidualCurrent));
}

#[test]
fn nothing_is_offered_before_the_self_test_has_passed() {
    let mut bench = Bench::new(BoardProfile::tethered_32a());
    bench.world.ev = Ev::Ready;
    bench.until(2_000, |bench| bench.out.rdc_self_test);
    assert_eq!(bench.out.pilot, PilotDrive::Constant);
    bench.until(2_000, |bench| bench.status().self_test_fresh);
    bench.run(100);
    assert!(matches!(bench.out.pilot, PilotDrive::Pwm(_)));
}

// acceptance: J17
#[test]
fn a_failed_self_test_prevents_the_session() {
    for hardware in [
        TestHardware::Fails,
        TestHardware::NeverAnswers,
        TestHardware::AlwaysSaysPassed,
    ] {
        let mut bench = Bench::new(BoardProfile::tethered_32a());
        bench.world.test_hardware = hardware;
        bench.run(10_000);
        assert!(bench.has(Trip::ResidualDevice), "{hardware:?}");
        bench.plug_in();
        bench.run(2_000);
        bench.world.ev = Ev::Asks;
        bench.never_closes(20_000);
    }
}

#[test]
fn a_failed_self_test_clears_only_by_a_passed_one() {
    let mut bench = Bench::new(BoardProfile::tethered_32a());
    bench.world.test_hardware = TestHardware::Fails;
    bench.run(30_000);
    assert!(bench.has(Trip::ResidualDevice));
    bench.world.test_hardware = TestHardware::Passes;
    bench.run(20_000);
    assert!(
        bench.has(Trip::ResidualDevice),
        "tested again after 60 s, not before"
    );
    bench.run(30_000);
    assert!(bench.trips().is_empty());
}

#[test]
fn the_device_is_tested_after_every_charge() {
    let mut bench = Bench::socket();
    assert!(bench.status().self_test_fresh);
    bench.world.ev = Ev::Gone;
    bench.run(100);
    assert!(!bench.status().self_test_fresh);
    bench.run(3_000);
    assert!(bench.status().self_test_fresh);
}

#[test]
fn a_self_test_is_repeated_after_24_h_at_rest() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    let day = 24 * 3_600_000;
    // A second per step is late for a tick but fast enough for an idle day.
    while bench.now < day - 60_000 {
        bench.now += 990;
        bench.step();
    }
    assert!(bench.status().self_test_fresh);
    bench.until(120_000, |bench| bench.out.rdc_self_test);
}

#[test]
fn a_charge_of_24_h_pauses_for_the_self_test_and_goes_on() {
    let mut bench = Bench::charging(BoardProfile::tethered_32a());
    let day = 24 * 3_600_000;
    // Ten ticks at a time, until shortly before: the interlock does not need every tick.
    while bench.now < day - 60_000 {
        bench.now += 90;
        bench.step();
    }
    assert!(bench.status().energised);
    bench.until(120_000, |bench| bench.out.pilot == PilotDrive::Constant);
    assert!(
        bench.out.contactor,
        "the vehicle stops first, nothing is cut"
    );
    bench.until(7_000, |bench| bench.out.rdc_self_test);
    bench.run(6_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(6_000);
}

#[test]
fn a_broken_residual_current_device_opens_within_120_ms() {
    let mut bench = Bench::socket();
    bench.world.rdc_fault = true;
    assert!(bench.until_open(200) <= 120);
    assert!(bench.has(Trip::ResidualDevice));
}

#[test]
fn a_board_without_the_device_charges_without_self_test() {
    let mut profile = BoardProfile::tethered_32a();
    profile.residual = ResidualDevice::NotFitted;
    let mut bench = Bench::idle(profile);
    bench.world.rdc_fault = true;
    bench.plug_in();
    bench.run(2_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    assert!(
        bench
            .events
            .iter()
            .all(|e| e.kind != interlock::EventKind::SelfTestStarted)
    );
}

#[test]
fn a_device_that_tripped_is_tested_again_before_the_next_charge() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    assert!(bench.status().self_test_fresh);
    bench.world.rdc_tripped = true;
    bench.world.rdc_latches = false;
    bench.run(20);
    assert!(!bench.status().self_test_fresh);
    bench.until(5_000, |bench| bench.out.rdc_self_test);
}

#[test]
fn an_output_that_lingers_after_the_self_test_is_no_trip_and_one_that_stays_is() {
    for (lingers, trips) in [(500, false), (1_200, true)] {
        let mut bench = Bench::new(BoardProfile::tethered_32a());
        bench.until(3_000, |bench| bench.out.rdc_self_test);
        bench.until(1_000, |bench| !bench.out.rdc_self_test);
        bench.world.rdc_tripped = true;
        bench.run(lingers);
        assert_eq!(bench.has(Trip::ResidualCurrent), trips, "{lingers} ms");
        if !trips {
            bench.world.rdc_tripped = false;
            bench.run(100);
            assert!(bench.status().self_test_fresh);
        }
    }
}
