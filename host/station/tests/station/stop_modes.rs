//! The four stop-transaction modes, one table: which event ends the transaction, with which reason.

use interlock::{PilotState, Trip};
use station::*;
use units::Milliamps;

use crate::rig::*;

#[derive(Debug, Clone, Copy)]
enum Happens {
    SameToken,
    RemoteStop,
    EvUnplug,
    StationUnplug,
    StateD,
    Rcd,
}

/// What ends in this mode, and why.
fn reason_of(mode: &str, happens: Happens) -> Option<StopReason> {
    let mut rig = Rig::set_up(&[("stop_transaction_mode", mode)]).boot();
    let transaction = rig.charge();
    match happens {
        Happens::SameToken => rig.swipe(ALICE),
        Happens::RemoteStop => {
            assert_eq!(
                rig.request(Request::Stop { transaction }),
                Some(Outcome::Accepted)
            );
        }
        Happens::EvUnplug => rig.ev_unplug(ONE),
        Happens::StationUnplug => rig.unplug(ONE),
        Happens::StateD => rig.pilot(ONE, PilotState::D),
        Happens::Rcd => rig.trip(ONE, Trip::ExternalRcd),
    }
    rig.seconds(1);
    assert!(rig.ends().len() <= 1, "at most one end");
    rig.end_reasons().first().copied()
}

fn check(mode: &str, expected: [Option<StopReason>; 6]) {
    use Happens::*;
    let happenings = [SameToken, RemoteStop, EvUnplug, StationUnplug, StateD, Rcd];
    for (happens, expected) in happenings.into_iter().zip(expected) {
        assert_eq!(reason_of(mode, happens), expected, "{mode}: {happens:?}");
    }
}

const LOCAL: Option<StopReason> = Some(StopReason::Local);
const REMOTE: Option<StopReason> = Some(StopReason::Remote);
const GONE: Option<StopReason> = Some(StopReason::EvDisconnected);
const OTHER: Option<StopReason> = Some(StopReason::Other);

// acceptance: P108
#[test]
fn mode_normal_ends_by_token_remote_stop_and_unplugging_at_either_end() {
    check("normal", [LOCAL, REMOTE, GONE, GONE, None, OTHER]);
}

// acceptance: P109
#[test]
fn mode_disconnect_only_ends_only_by_unplugging_at_the_station() {
    check("disconnect-only", [None, None, None, GONE, None, OTHER]);
}

// acceptance: P110
#[test]
fn mode_token_only_does_not_end_by_unplugging() {
    check("token-only", [LOCAL, REMOTE, None, None, None, OTHER]);
}

// acceptance: P111
#[test]
fn mode_d_and_rcd_ends_as_normal_and_by_state_d_and_residual_current_device() {
    check(
        "normal-mode-d-rcd",
        [LOCAL, REMOTE, GONE, GONE, OTHER, OTHER],
    );
}

// acceptance: P109
#[test]
fn mode_disconnect_only_stops_charging_by_token_and_bills_until_the_cable_is_out() {
    let mut rig = Rig::set_up(&[("stop_transaction_mode", "disconnect-only")]).boot();
    rig.charge();
    rig.swipe(ALICE);
    assert_eq!(rig.permit().max_current, Milliamps::ZERO);
    assert!(!rig.locked(), "the plug can be pulled");
    assert_eq!(rig.connector().charging, ChargingState::SuspendedEvse);
    rig.seconds(3_600);
    assert_eq!(rig.ends(), [], "parking goes on");
    rig.ev_unplug(ONE);
    assert_eq!(rig.ends(), [], "the cable is still in the socket");
    rig.unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
}

// acceptance: P109
#[test]
fn mode_disconnect_only_ends_a_tethered_session_when_the_vehicle_leaves() {
    let mut rig = Rig::tethered().boot();
    assert_eq!(
        rig.set("stop_transaction_mode", "disconnect-only"),
        Outcome::Accepted
    );
    rig.charge();
    rig.unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
}

// acceptance: P110
#[test]
fn mode_token_only_keeps_the_transaction_over_an_unplug_and_goes_on_at_replugging() {
    let mut rig = Rig::set_up(&[("stop_transaction_mode", "token-only")]).boot();
    let transaction = rig.charge();
    rig.unplug(ONE);
    assert_eq!(rig.running(), Some(transaction));
    assert_eq!(
        rig.permit().max_current,
        Milliamps::ZERO,
        "no offer without a vehicle"
    );
    assert_eq!(rig.connector().charging, ChargingState::SuspendedEv);
    rig.seconds(60);
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    assert!(rig.energised());
    assert_eq!(rig.running(), Some(transaction));
    rig.swipe(ALICE);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
}

#[test]
fn unplugging_at_the_vehicle_suspends_when_it_is_set_not_to_end() {
    let settings = [
        ("stop_on_ev_disconnect", "false"),
        ("unlock_on_ev_disconnect", "false"),
    ];
    let mut rig = Rig::set_up(&settings).boot();
    let transaction = rig.charge();
    rig.ev_unplug(ONE);
    rig.seconds(5);
    assert_eq!(rig.ends(), []);
    assert!(rig.locked(), "the cable stays in the socket");
    assert_eq!(rig.connector().charging, ChargingState::SuspendedEv);
    assert_eq!(
        rig.request(Request::Stop { transaction }),
        Some(Outcome::Accepted)
    );
    assert_eq!(rig.end_reasons(), [StopReason::Remote]);
}

#[test]
fn unplugging_at_the_vehicle_ends_and_releases_the_cable() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.ev_unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
    assert!(rig.connector().finishing && !rig.locked());
    rig.unplug(ONE);
    assert!(!rig.connector().finishing && !rig.connector().plugged);
}

#[test]
fn unplugging_at_the_vehicle_keeps_the_cable_locked_until_an_unlock_when_so_set() {
    let mut rig = Rig::set_up(&[("unlock_on_ev_disconnect", "false")]).boot();
    rig.charge();
    rig.ev_unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
    assert!(rig.connector().finishing && rig.locked());
    let unlock = Request::Unlock {
        evse: ONE,
        connector: ConnectorId(1),
    };
    rig.request(unlock);
    assert_eq!(rig.last_outcome(), Some(Outcome::Accepted));
    assert!(!rig.locked());
}
