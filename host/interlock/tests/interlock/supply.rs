//! Current, voltage, phases, temperature.

use interlock::{BoardProfile, Trip};
use units::Phases;

use crate::bench::Bench;
use crate::opening::unplug_wholly;

#[test]
fn current_above_110_percent_and_half_an_ampere_trips_after_7_s() {
    let mut bench = Bench::socket();
    // 31.98 A are offered (whole tenths of duty): 31.98 × 1.1 + 0.5 = 35.678 A.
    bench.world.amps = [35_700, 30_000, 30_000];
    let opened = bench.until_open(8_000);
    assert!((6_990..=7_020).contains(&opened), "{opened}");
    assert!(bench.has(Trip::OverCurrent));
    bench.world.amps = [0; 3];
    bench.run(60_000);
    assert!(bench.has(Trip::OverCurrent), "latched until unplugged");
    unplug_wholly(&mut bench);
    assert!(!bench.has(Trip::OverCurrent));
}

#[test]
fn current_up_to_110_percent_and_half_an_ampere_does_not_trip() {
    let mut bench = Bench::socket();
    bench.world.amps = [35_700; 3];
    bench.run(6_000);
    bench.world.amps = [35_670; 3];
    bench.run(20_000);
    assert!(bench.status().energised);
}

#[test]
fn a_vehicle_that_follows_a_lower_offer_within_5_s_does_not_trip() {
    let mut bench = Bench::socket();
    bench.world.amps = [32_000; 3];
    bench.permit.max_current = units::Milliamps::from_amps(6);
    bench.run(5_000);
    bench.world.amps = [6_000; 3];
    bench.run(20_000);
    assert!(bench.status().energised);
}

fn opens_with(volts: [i32; 3], trip: Trip) {
    let mut bench = Bench::socket();
    bench.world.volts = volts;
    assert!(bench.until_open(1_000) <= 520, "{trip:?}");
    assert!(bench.has(trip), "{trip:?}");
    bench.world.volts = [230_000; 3];
    bench.run(29_000);
    assert!(bench.has(trip), "held for 30 s");
    bench.run(2_000);
    assert!(!bench.has(trip));
}

#[test]
fn voltage_above_115_percent_trips_within_520_ms_and_clears_after_30_s() {
    opens_with([230_000, 264_501, 230_000], Trip::OverVoltage);
}

#[test]
fn voltage_below_85_percent_trips_within_520_ms_and_clears_after_30_s() {
    opens_with([195_499, 230_000, 230_000], Trip::UnderVoltage);
}

#[test]
fn a_missing_phase_trips_within_520_ms_and_clears_after_30_s() {
    opens_with([230_000, 230_000, 0], Trip::PhaseMissing);
}

#[test]
fn voltages_within_15_percent_do_not_trip() {
    let mut bench = Bench::socket();
    bench.world.volts = [264_500, 195_500, 230_000];
    bench.run(5_000);
    assert!(bench.status().energised);
}

#[test]
fn a_phase_that_is_not_used_may_be_missing() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.permit.phases = Phases::One;
    bench.run(100);
    bench.world.volts = [230_000, 0, 0];
    bench.run(5_000);
    assert!(bench.trips().is_empty());
    bench.permit.phases = Phases::Three;
    bench.run(1_000);
    assert!(
        bench.has(Trip::PhaseMissing),
        "known before it is switched to"
    );
}

#[test]
fn a_hot_socket_lowers_the_offer_linearly_and_then_trips() {
    let mut bench = Bench::socket();
    for (temperature, amps) in [(700, 32), (775, 19), (849, 6)] {
        bench.world.socket_temperature = Some(temperature);
        bench.run(10_000);
        assert_eq!(bench.offered_a(), amps, "at {temperature}");
        assert!(bench.status().energised);
    }
    bench.world.socket_temperature = Some(850);
    assert_eq!(bench.until_open(100), 0);
    assert!(bench.has(Trip::SocketTemperature));
}

#[test]
fn a_hot_contactor_trips_until_it_has_cooled_for_30_s() {
    let mut bench = Bench::socket();
    bench.world.contactor_temperature = Some(900);
    bench.until_open(100);
    assert!(bench.has(Trip::ContactorTemperature));
    bench.world.contactor_temperature = Some(700);
    bench.run(60_000);
    assert!(bench.has(Trip::ContactorTemperature), "not cool enough");
    bench.world.contactor_temperature = Some(640);
    bench.run(29_000);
    assert!(bench.has(Trip::ContactorTemperature));
    bench.run(2_000);
    assert!(!bench.has(Trip::ContactorTemperature));
}

#[test]
fn a_silent_temperature_sensor_trips_after_5_s() {
    let mut bench = Bench::socket();
    bench.world.contactor_temperature = None;
    let opened = bench.until_open(6_000);
    assert!((4_990..=5_020).contains(&opened), "{opened}");
    assert!(bench.has(Trip::ContactorTemperature));
}

#[test]
fn a_board_without_temperature_sensor_needs_no_reading() {
    let mut profile = BoardProfile::socket_32a();
    profile.contactor_sensor = None;
    profile.socket_sensor = None;
    let mut bench = Bench::charging(profile);
    bench.world.contactor_temperature = None;
    bench.world.socket_temperature = None;
    bench.run(10_000);
    assert!(bench.status().energised);
}

#[test]
fn the_charge_goes_on_by_itself_after_a_supply_fault_has_healed() {
    let mut bench = Bench::socket();
    bench.world.volts = [300_000; 3];
    bench.run(1_000);
    bench.world.volts = [230_000; 3];
    bench.run(31_000);
    assert!(bench.trips().is_empty());
    bench.run(1_000);
    bench.world.ev = crate::bench::Ev::Asks;
    bench.until_closed(3_000);
}

#[test]
fn a_missing_phase_is_known_before_the_station_has_spoken() {
    let mut bench = Bench::new(BoardProfile::socket_32a());
    bench.station_alive = false;
    bench.permit = interlock::Permit::NONE;
    bench.world.volts = [230_000, 230_000, 0];
    bench.run(1_000);
    assert!(bench.has(Trip::PhaseMissing));
}
