//! What is offered: limits, duty cycle, its pace, phases.

use interlock::{BoardProfile, PhaseSwitching, PilotDrive};
use units::{Milliamps, Phases};

use crate::bench::{Bench, Ev};

fn plugged(profile: BoardProfile, ohms: u32, amps: u16, phases: Phases) -> Bench {
    let mut bench = Bench::idle(profile);
    bench.permit.max_current = Milliamps::from_amps(amps);
    bench.permit.phases = phases;
    bench.plug_in();
    bench.world.proximity = Some(ohms);
    bench.run(3_000);
    bench
}

#[test]
fn the_cable_coding_limits_the_offer() {
    let mut profile = BoardProfile::socket_32a();
    profile.max_current = Milliamps::from_amps(80);
    let codings = [
        (1_500, Phases::Three, 13),
        (1_000, Phases::Three, 13),
        (2_200, Phases::Three, 13),
        (680, Phases::Three, 20),
        (330, Phases::Three, 20),
        (999, Phases::Three, 20),
        (220, Phases::Three, 32),
        (150, Phases::Three, 32),
        (100, Phases::Three, 63),
        (75, Phases::Three, 63),
        (100, Phases::One, 70),
    ];
    for (ohms, phases, amps) in codings {
        let bench = plugged(profile, ohms, 80, phases);
        assert_eq!(bench.offered_a(), amps, "{ohms} ohms {phases:?}");
        let cable = bench.status().limits.cable;
        assert_eq!(cable, Some(Milliamps::new(amps * 1_000)), "{ohms} ohms");
    }
}

#[test]
fn a_cable_that_codes_nothing_is_not_charged_and_trips() {
    for ohms in [0, 74, 2_201, 4_500, 1_000_000] {
        let mut bench = plugged(BoardProfile::socket_32a(), ohms, 32, Phases::Three);
        assert_eq!(bench.out.pilot, PilotDrive::Constant, "{ohms} ohms");
        assert!(bench.has(interlock::Trip::Proximity), "{ohms} ohms");
        bench.world.ev = Ev::Asks;
        bench.never_closes(3_000);
    }
}

#[test]
fn the_coding_is_read_anew_at_every_plug_in() {
    let mut bench = plugged(BoardProfile::socket_32a(), 220, 32, Phases::Three);
    assert_eq!(bench.offered_a(), 32);
    crate::opening::unplug_wholly(&mut bench);
    bench.plug_in();
    bench.world.proximity = Some(1_500);
    bench.run(3_000);
    assert_eq!(bench.offered_a(), 13);
}

#[test]
fn a_tethered_cable_limits_by_its_rating_and_has_no_proximity_check() {
    let mut profile = BoardProfile::tethered_32a();
    profile.attachment = interlock::Attachment::Tethered(Milliamps::from_amps(16));
    let mut bench = plugged(profile, 0, 32, Phases::Three);
    assert_eq!(bench.offered_a(), 16);
    bench.world.proximity = None;
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
}

#[test]
fn the_offer_is_the_permit_held_at_the_hardware() {
    for (permitted, offered) in [(6, 6), (10, 10), (16, 16), (32, 32), (63, 32)] {
        let bench = plugged(BoardProfile::tethered_32a(), 220, permitted, Phases::Three);
        assert_eq!(bench.offered_a(), offered);
    }
}

#[test]
fn a_permit_below_6_a_offers_nothing() {
    let mut bench = plugged(BoardProfile::tethered_32a(), 220, 5, Phases::Three);
    assert_eq!(bench.out.pilot, PilotDrive::Constant);
    bench.world.ev = Ev::Asks;
    bench.never_closes(3_000);
}

#[test]
fn less_is_offered_at_once_and_more_after_5_s() {
    let mut bench = Bench::socket();
    bench.run(5_000);
    bench.permit.max_current = Milliamps::from_amps(10);
    bench.step();
    assert_eq!(bench.offered_a(), 10);
    bench.permit.max_current = Milliamps::from_amps(8);
    bench.step();
    assert_eq!(bench.offered_a(), 8);
    bench.permit.max_current = Milliamps::from_amps(20);
    let raised = bench.until(6_000, |bench| bench.offered_a() == 20);
    assert!((4_970..=5_020).contains(&raised), "{raised}");
}

#[test]
fn a_withdrawn_offer_comes_back_after_5_s_at_the_earliest() {
    let mut bench = plugged(BoardProfile::tethered_32a(), 220, 16, Phases::Three);
    bench.permit.max_current = Milliamps::ZERO;
    bench.run(100);
    bench.permit.max_current = Milliamps::from_amps(16);
    let back = bench.until(6_000, |bench| bench.offered_a() == 16);
    assert!((4_880..=5_020).contains(&back), "{back}");
}

#[test]
fn phases_switch_only_after_opening_and_10_s_of_pause() {
    let mut bench = Bench::socket();
    bench.permit.phases = Phases::One;
    bench.step();
    assert_eq!(
        bench.out.pilot,
        PilotDrive::Constant,
        "the offer is withdrawn first"
    );
    assert_eq!(bench.out.phases, Phases::Three);
    bench.until_open(3_000);
    let pause = bench.until(12_000, |bench| bench.out.phases == Phases::One);
    assert!((9_900..=10_050).contains(&pause), "{pause}");
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    assert_eq!(bench.status().phases, Phases::One);
}

#[test]
fn phases_switch_after_10_s_of_x1_even_if_the_contactor_opened_long_ago() {
    let mut bench = Bench::socket();
    bench.world.ev = Ev::Ready;
    bench.run(60_000);
    bench.permit.phases = Phases::One;
    let pause = bench.until(12_000, |bench| bench.out.phases == Phases::One);
    assert!((9_980..=10_050).contains(&pause), "{pause}");
}

#[test]
fn phases_switch_at_once_before_the_first_charge_of_a_plug_in() {
    let bench = plugged(BoardProfile::socket_32a(), 220, 16, Phases::One);
    assert_eq!(bench.out.phases, Phases::One);
    assert_eq!(bench.offered_a(), 16);
}

#[test]
fn a_board_with_fixed_phases_ignores_the_wish() {
    let mut profile = BoardProfile::socket_32a();
    profile.phase_switching = PhaseSwitching::Fixed;
    let bench = plugged(profile, 220, 16, Phases::One);
    assert_eq!(bench.out.phases, Phases::Three);
}

#[test]
fn a_single_phase_board_never_connects_three() {
    let mut profile = BoardProfile::socket_32a();
    profile.supply = Phases::One;
    let bench = plugged(profile, 220, 16, Phases::Three);
    assert_eq!(bench.out.phases, Phases::One);
}

// acceptance: J14, J16
#[test]
fn every_check_passes_before_the_session_begins_electrically() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    assert!(
        bench.status().self_test_fresh,
        "tested before the vehicle came"
    );
    bench.plug_in();
    bench.until(3_000, |bench| matches!(bench.out.pilot, PilotDrive::Pwm(_)));
    bench.run(2_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    bench.run(100);
    assert!(bench.status().energised);
    assert_eq!(bench.status().lock, interlock::LockPosition::Locked);
}
