//! Pilot states, hysteresis, filter times, the diode, ventilation, the simplified pilot.

use interlock::{BoardProfile, Interlock, PilotDrive, PilotState, Trip, Trips, Ventilation};

use crate::bench::{Bench, Ev};

fn settled_at(millivolts: i32) -> PilotState {
    let mut bench = Bench::new(BoardProfile::tethered_32a());
    bench.world.pilot_override = Some(millivolts);
    bench.run(500);
    bench.status().pilot
}

#[test]
fn every_window_of_the_pilot_is_its_state() {
    let windows = [
        (11_000, PilotState::A),
        (12_000, PilotState::A),
        (13_000, PilotState::A),
        (8_000, PilotState::B),
        (10_000, PilotState::B),
        (5_000, PilotState::C),
        (7_000, PilotState::C),
        (2_000, PilotState::D),
        (4_000, PilotState::D),
        (1_000, PilotState::E),
        (0, PilotState::E),
        (-1_000, PilotState::E),
    ];
    for (millivolts, state) in windows {
        assert_eq!(settled_at(millivolts), state, "{millivolts} mV");
    }
}

#[test]
fn a_pilot_outside_every_window_is_an_error() {
    for millivolts in [-12_000, -5_000, -1_001, 14_001, i32::MAX, i32::MIN] {
        assert_eq!(settled_at(millivolts), PilotState::E, "{millivolts} mV");
    }
}

#[test]
fn between_two_windows_the_state_stays_what_it_was() {
    let gaps = [
        (9_000, 10_500, 12_000, PilotState::B, PilotState::A),
        (6_000, 7_500, 9_000, PilotState::C, PilotState::B),
        (3_000, 4_500, 6_000, PilotState::D, PilotState::C),
    ];
    for (low, between, high, below, above) in gaps {
        let mut bench = Bench::new(BoardProfile::tethered_32a());
        for (level, expected) in [(low, below), (between, below), (high, above)] {
            bench.world.pilot_override = Some(level);
            bench.run(500);
            // A fault elsewhere may stop the charge, never the classification.
            assert_eq!(bench.status().pilot, expected, "{level} mV");
        }
        bench.world.pilot_override = Some(between);
        bench.run(500);
        let kept = bench.status().pilot;
        let careful = if below == PilotState::C {
            PilotState::B
        } else {
            above
        };
        assert_eq!(
            kept,
            if between == 10_500 {
                PilotState::A
            } else {
                careful
            }
        );
    }
}

#[test]
fn b_to_c_takes_250_ms_and_c_to_b_at_most_50_ms() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    let up = bench.until(1_000, |bench| bench.status().pilot == PilotState::C);
    assert!((240..=270).contains(&up), "{up}");
    bench.world.ev = Ev::Ready;
    let down = bench.until(1_000, |bench| bench.status().pilot == PilotState::B);
    assert!(down <= 50, "{down}");
}

#[test]
fn unplugging_from_b_is_seen_within_40_ms_and_withdraws_the_offer() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    bench.plug_in();
    bench.run(3_000);
    assert!(matches!(bench.out.pilot, PilotDrive::Pwm(_)));
    bench.world.ev = Ev::Gone;
    let seen = bench.until(100, |bench| bench.out.pilot == PilotDrive::Constant);
    assert!(seen <= 40, "sequence 2.1: {seen}");
}

#[test]
fn contactor_closes_within_3_s_of_c2_and_not_before_500_ms_of_steady_c() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    let closed = bench.until_closed(3_000);
    assert!((500..=1_000).contains(&closed), "{closed}");
}

#[test]
fn pulses_of_the_vehicle_of_400_ms_never_close() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    for _ in 0..6 {
        bench.world.ev = Ev::Asks;
        bench.never_closes(400);
        bench.world.ev = Ev::Ready;
        bench.never_closes(200);
    }
}

#[test]
fn contactor_closes_again_only_5_s_after_it_opened() {
    let mut bench = Bench::socket();
    bench.world.ev = Ev::Ready;
    bench.until_open(100);
    bench.world.ev = Ev::Asks;
    let again = bench.until_closed(6_000);
    assert!((4_980..=5_020).contains(&again), "{again}");
}

// acceptance: P213
#[test]
fn a_vehicle_without_diode_is_never_energised_and_trips_until_unplugged() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    bench.world.diode = false;
    bench.plug_in();
    bench.until(3_000, |bench| bench.has(Trip::Diode));
    bench.world.ev = Ev::Asks;
    bench.never_closes(40_000);
    bench.world.diode = true;
    bench.never_closes(40_000);
    assert!(bench.has(Trip::Diode), "only unplugging clears it");
    bench.unplug();
    bench.run(2_000);
    assert!(!bench.has(Trip::Diode));
}

#[test]
fn a_diode_that_is_lost_while_charging_opens_within_120_ms() {
    let mut bench = Bench::socket();
    bench.world.diode = false;
    assert!(bench.until_open(200) <= 120);
    assert!(bench.has(Trip::Diode));
}

#[test]
fn state_d_without_ventilation_is_refused_until_unplugged() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    bench.plug_in();
    bench.run(2_000);
    bench.world.ev = Ev::AsksVentilation;
    bench.never_closes(5_000);
    assert!(bench.has(Trip::VentilationMissing));
    assert_eq!(bench.out.pilot, PilotDrive::Constant);
    bench.unplug();
    bench.run(2_000);
    assert!(!bench.has(Trip::VentilationMissing));
}

fn ventilated() -> BoardProfile {
    let mut profile = BoardProfile::socket_32a();
    profile.ventilation = Ventilation::Switched;
    profile
}

#[test]
fn state_d_closes_when_the_ventilation_runs_and_opens_at_once_when_it_stops() {
    let mut bench = Bench::idle(ventilated());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::AsksVentilation;
    bench.until_closed(3_000);
    assert!(bench.out.ventilation);
    bench.run(500);
    bench.world.fan_works = false;
    assert_eq!(bench.until_open(100), 0);
}

#[test]
fn ventilation_that_does_not_start_trips_after_5_s() {
    let mut bench = Bench::idle(ventilated());
    bench.world.fan_works = false;
    bench.world.obeys_x1_after = None;
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::AsksVentilation;
    bench.never_closes(5_000);
    assert!(bench.trips().is_empty(), "it is given time to start");
    bench.never_closes(500);
    assert!(bench.has(Trip::VentilationMissing));
}

#[test]
fn a_charge_that_moves_from_c_to_d_without_ventilation_opens_within_60_ms() {
    let mut bench = Bench::socket();
    bench.world.ev = Ev::AsksVentilation;
    assert!(bench.until_open(100) <= 60);
    assert!(bench.has(Trip::VentilationMissing));
}

#[test]
fn a_vehicle_that_goes_straight_from_a_to_c_is_offered_10_a() {
    let mut bench = Bench::idle(BoardProfile::tethered_32a());
    bench.world.obeys_x1_after = None;
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    assert_eq!(bench.offered_a(), 10, "sequence 1.2");
    assert!(bench.status().limits.simplified_pilot.is_some());
    // It has an S2 after all.
    bench.world.ev = Ev::Ready;
    bench.run(6_000);
    assert!(bench.status().limits.simplified_pilot.is_none());
    assert_eq!(bench.offered_a(), 32);
}

#[test]
fn a_restart_while_the_vehicle_asks_waits_3_s_for_it_to_obey() {
    let resumed = || {
        let mut bench = Bench::around(Interlock::resume(BoardProfile::tethered_32a(), Trips::NONE));
        bench.world.ev = Ev::Asks;
        bench
    };
    let mut obeys = resumed();
    obeys.run(6_000);
    obeys.world.ev = Ev::Asks;
    obeys.run(6_000);
    assert!(obeys.status().energised);
    assert_eq!(obeys.offered_a(), 32);
    let mut stays = resumed();
    stays.world.obeys_x1_after = None;
    let closed = stays.until_closed(6_000);
    assert!(closed >= 3_000, "{closed}");
    assert_eq!(stays.offered_a(), 10);
}

#[test]
fn an_unavailable_station_without_vehicle_holds_state_f_and_comes_back() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.permit.available = false;
    bench.run(100);
    assert_eq!(
        (bench.out.pilot, bench.status().pilot),
        (PilotDrive::StateF, PilotState::F)
    );
    bench.permit.available = true;
    bench.run(500);
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
}

#[test]
fn two_samples_with_a_stall_between_them_prove_no_steady_state() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Asks;
    for _ in 0..3 {
        bench.step();
        bench.now += 400;
    }
    assert_eq!(bench.status().pilot, PilotState::B);
    assert!(!bench.out.contactor);
}

#[test]
fn a_plug_that_is_pulled_while_the_pilot_is_shorted_counts_as_unplugged() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.plug_in();
    bench.run(3_000);
    bench.world.ev = Ev::Shorted;
    bench.run(8_000);
    assert!(bench.status().vehicle_connected);
    bench.world.proximity = Some(1_000_000);
    bench.run(1_000);
    assert!(!bench.status().vehicle_connected);
}
