//! Modes and faults of a whole station in virtual time: what each setting and each broken part does to a charge.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use drivers::sim::{EvCommand, EvPreset, SimCommand, SimFault};
use pilotwire_tests::sim::hands::{
    charges, charging, current, delivered, faulty, online, plug, running, secs,
};
use pilotwire_tests::sim::{Do, GOOD_CARD, World, WorldConfig};
use station::{ConnectorId, EvseId, Request};

fn mode(seed: u64, mode: &str) -> World {
    charging(WorldConfig::new(seed).setting("stop_transaction_mode", mode))
}

// acceptance: P108
#[test]
fn normal_mode_ends_when_the_vehicle_is_unplugged_at_either_end() {
    let mut world = mode(1, "normal");
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(5));
    assert!(!running(&world));
    assert!(
        !world.hw.control.view(1).unwrap().plug_held,
        "the cable is released"
    );
    delivered(&mut world);
}

// acceptance: P109
#[test]
fn disconnect_only_mode_stops_charging_by_card_and_ends_by_unplugging() {
    let mut world = mode(2, "disconnect-only");
    world.swipe(1, GOOD_CARD);
    world.run(secs(10));
    assert_eq!(current(&world, 1), 0, "charging has stopped");
    assert!(
        running(&world),
        "and the transaction goes on: parking is billed"
    );
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(5));
    assert!(running(&world), "the vehicle's end does not count");
    world.hardware(1, SimCommand::Unplug);
    world.run(secs(5));
    assert!(!running(&world));
    delivered(&mut world);
}

// acceptance: P110
#[test]
fn token_only_mode_survives_unplugging_and_ends_by_card() {
    let mut world = mode(3, "token-only");
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(20));
    assert!(running(&world));
    plug(&mut world, 1, EvPreset::ThreePhase);
    charges(&mut world, 1);
    world.swipe(1, GOOD_CARD);
    world.run(secs(10));
    assert!(!running(&world));
    assert_eq!(world.checker.transactions().len(), 1);
    delivered(&mut world);
}

// acceptance: P111
#[test]
fn mode_d_ends_the_transaction_when_the_vehicle_asks_for_ventilation() {
    let mut world = mode(4, "normal-mode-d-rcd");
    world.hardware(1, SimCommand::Ev(EvCommand::Ventilation(true)));
    world.run(secs(12));
    assert!(!running(&world));
    assert_eq!(current(&world, 1), 0);
    let mut world = mode(5, "normal-mode-d-rcd");
    world.hardware(1, SimCommand::Fault(SimFault::ExternalRcd));
    world.run(secs(12));
    assert!(!running(&world), "a residual current ends it too");
}

// acceptance: P112, P113
#[test]
fn plug_is_locked_at_plug_in_or_after_authorisation_as_the_setting_says() {
    for (setting, held_before) in [("false", true), ("true", false)] {
        let config = WorldConfig::new(6).setting("lock_only_if_authorized", setting);
        let mut world = online(config);
        plug(&mut world, 1, EvPreset::ThreePhase);
        world.run(secs(5));
        assert_eq!(
            world.hw.control.view(1).unwrap().plug_held,
            held_before,
            "{setting}"
        );
        world.swipe(1, GOOD_CARD);
        charges(&mut world, 1);
        assert!(world.hw.control.view(1).unwrap().plug_held, "{setting}");
    }
}

/// A fault that ends a charge: it is reported under its id, nothing charges while it stands, and after it has gone and
/// the vehicle was unplugged a new session charges.
fn ends_a_charge(seed: u64, fault: SimFault, id: &str) {
    let mut world = charging(WorldConfig::new(seed));
    world.hardware(1, SimCommand::Fault(fault));
    world.run(secs(12));
    assert!(faulty(&world, id), "{id} is reported");
    assert!(!running(&world), "{id} ends the transaction");
    assert_eq!(current(&world, 1), 0);
    world.swipe(1, GOOD_CARD);
    world.run(secs(20));
    assert_eq!(current(&world, 1), 0, "{id}: no card helps");
    world.hardware(1, SimCommand::Clear(None));
    world.run(secs(40));
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(20));
    world.hardware(1, SimCommand::Unplug);
    world.run(secs(40));
    assert!(!faulty(&world, id), "{id} has gone");
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    world.run(secs(5));
    delivered(&mut world);
}

// acceptance: P212
#[test]
fn error_on_the_pilot_is_reported_opens_and_does_not_end_the_transaction() {
    let mut world = charging(WorldConfig::new(10));
    world.hardware(1, SimCommand::Fault(SimFault::PilotShort));
    world.run(secs(12));
    assert!(faulty(&world, "M3_SIGNAL"));
    assert_eq!(current(&world, 1), 0);
    assert!(running(&world), "the vehicle may recover");
    world.hardware(1, SimCommand::Clear(None));
    world.run(secs(31));
    assert!(!faulty(&world, "M3_SIGNAL"));
    charges(&mut world, 1);
    assert_eq!(world.checker.transactions().len(), 1);
}

// acceptance: P213
#[test]
fn missing_diode_ends_the_charge() {
    ends_a_charge(11, SimFault::DiodeMissing, "M3_DIODE");
}

// acceptance: P214
#[test]
fn breaker_of_the_type_2_socket_ends_the_charge() {
    ends_a_charge(12, SimFault::BreakerType2, "MCB2");
}

// acceptance: P216
#[test]
fn external_residual_current_device_ends_the_charge() {
    ends_a_charge(13, SimFault::ExternalRcd, "RCD");
}

#[test]
fn lost_earth_ends_the_charge() {
    ends_a_charge(14, SimFault::EarthLost, "PE");
}

// acceptance: P217
#[test]
fn surge_protection_is_reported_and_the_charge_goes_on() {
    let mut world = charging(WorldConfig::new(15));
    world.hardware(1, SimCommand::Fault(SimFault::Surge));
    world.run(secs(20));
    assert!(faulty(&world, "SPD"));
    assert!(running(&world) && current(&world, 1) > 5_000);
}

// acceptance: P218
#[test]
fn welded_contactor_takes_the_evse_out_of_service_until_somebody_resets_it_at_the_board() {
    let mut world = charging(WorldConfig::new(16));
    world.hardware(1, SimCommand::Fault(SimFault::ContactorWelded));
    world.swipe(1, GOOD_CARD);
    world.run(secs(20));
    assert!(faulty(&world, "WELD"));
    assert!(!running(&world));
    world.hardware(1, SimCommand::Clear(None));
    world.run(secs(30));
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(30));
    assert!(faulty(&world, "WELD"), "unplugging is not enough");
    world.hardware(1, SimCommand::LocalReset);
    world.run(secs(15));
    assert!(!faulty(&world, "WELD"));
}

// acceptance: P220, P222
#[test]
fn plug_that_cannot_be_locked_gets_no_current() {
    for (fault, id) in [
        (SimFault::LockJammed, "LOCK_FAIL"),
        (SimFault::LockMissing, "LOCK_MISS"),
    ] {
        let mut world = online(WorldConfig::new(17));
        world.hardware(1, SimCommand::Fault(fault));
        plug(&mut world, 1, EvPreset::ThreePhase);
        world.run(secs(3));
        world.swipe(1, GOOD_CARD);
        world.run(secs(40));
        assert!(faulty(&world, id), "{id}");
        assert_eq!(current(&world, 1), 0, "{id}");
    }
}

// acceptance: P221
#[test]
fn lock_that_is_stuck_is_reported_and_an_unlock_request_tries_again() {
    let mut world = charging(WorldConfig::new(18));
    world.hardware(1, SimCommand::Fault(SimFault::LockJammed));
    world.swipe(1, GOOD_CARD);
    world.run(secs(40));
    assert!(faulty(&world, "LOCK_STUCK"));
    assert!(world.hw.control.view(1).unwrap().plug_held);
    world.hardware(1, SimCommand::Clear(None));
    let what = Request::Unlock {
        evse: EvseId(1),
        connector: ConnectorId(1),
    };
    world.act(Do::Local(what)).unwrap();
    world.run(secs(10));
    assert!(!world.hw.control.view(1).unwrap().plug_held);
    assert!(!faulty(&world, "LOCK_STUCK"));
}

#[test]
fn sleeping_vehicle_is_woken_once_if_the_setting_allows_it() {
    for (allowed, wakes) in [("true", true), ("false", false)] {
        let mut world = online(WorldConfig::new(19).setting("allow_ev_wake_up", allowed));
        plug(&mut world, 1, EvPreset::Sleeper);
        world.run(secs(3));
        world.swipe(1, GOOD_CARD);
        world.run(secs(60));
        assert_eq!(
            current(&world, 1) > 5_000,
            wakes,
            "allow_ev_wake_up = {allowed}"
        );
    }
}

#[test]
fn stubborn_vehicle_is_cut_off_after_six_seconds() {
    let mut world = online(WorldConfig::new(20));
    plug(&mut world, 1, EvPreset::Stubborn);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    world.swipe(1, GOOD_CARD);
    world.run(secs(5));
    assert!(current(&world, 1) > 0, "it draws on without an offer");
    world.run(secs(2));
    assert_eq!(current(&world, 1), 0);
    assert!(!running(&world));
    delivered(&mut world);
}
