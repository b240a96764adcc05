//! What a central system asks for: start, stop, unlock. Cases 007_2, 010 to 012, 017, 018, 023_5, 026 to 031, 061_2, 062.

use serde_json::json;

use crate::harness::{CARD, Case, OTHER_CARD, QUIET, Setup, in_order};
use crate::session::one_session;

fn remote_start(case: &mut Case, connector: i64, status: &str) {
    let payload = json!({"connectorId": connector, "idTag": case.tag(CARD)});
    case.ask_for("RemoteStartTransaction", payload, status);
}

#[test]
fn tc_007_2_remote_start_with_a_cached_card() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    case.configure("AuthorizeRemoteTxRequests", "true");
    one_session(&mut case);
    case.forget();
    remote_start(&mut case, 1, "Accepted");
    case.status(1, "Preparing");
    case.station.plug_in(1);
    case.call("StartTransaction");
    case.status(1, "Charging");
    case.no_call("Authorize");
}

#[test]
fn tc_061_2_remote_start_after_a_cleared_cache() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    case.configure("AuthorizeRemoteTxRequests", "true");
    one_session(&mut case);
    case.ask_for("ClearCache", json!({}), "Accepted");
    case.forget();
    remote_start(&mut case, 1, "Accepted");
    case.call("Authorize");
    case.status(1, "Preparing");
}

// acceptance: P103
#[test]
fn tc_010_remote_start_with_the_cable_in() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizeRemoteTxRequests", "true");
    assert_eq!(case.configured("AuthorizeRemoteTxRequests"), "true");
    case.station.plug_in(1);
    let preparing = case.status(1, "Preparing");
    remote_start(&mut case, 1, "Accepted");
    let asked = case.call("Authorize");
    let started = case.call("StartTransaction");
    assert_eq!(started.text("idTag"), case.tag(CARD));
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &asked, &started, &charging]);
}

#[test]
fn tc_010_remote_start_without_authorize() {
    let mut case = Setup::default().start();
    case.configure("AuthorizeRemoteTxRequests", "false");
    case.plugged(1);
    remote_start(&mut case, 1, "Accepted");
    case.call("StartTransaction");
    case.status(1, "Charging");
    case.no_call("Authorize");
}

// acceptance: C13, C128
#[test]
fn tc_011_1_remote_start_before_the_cable() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizeRemoteTxRequests", "true");
    remote_start(&mut case, 1, "Accepted");
    let asked = case.call("Authorize");
    let preparing = case.status(1, "Preparing");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    let charging = case.status(1, "Charging");
    in_order(&[&asked, &preparing, &started, &charging]);
}

#[test]
fn tc_011_2_remote_start_and_no_cable_in_time() {
    let mut case = Setup::default().on_either().start();
    case.configure("ConnectionTimeOut", "2");
    remote_start(&mut case, 1, "Accepted");
    let preparing = case.status(1, "Preparing");
    let available = case.status(1, "Available");
    in_order(&[&preparing, &available]);
    case.no_call("StartTransaction");
}

// acceptance: C129
#[test]
fn tc_012_remote_stop() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "Remote");
    case.status(1, "Finishing");
    case.station.unplug(1);
    case.status(1, "Available");
}

#[test]
fn tc_017_1_unlock_without_a_session() {
    let mut case = Setup::default()
        .setting("lock_only_if_authorized", false)
        .start();
    case.plugged(1);
    case.station_shows("a locked plug", |status| {
        status["evses"][0]["lock"] == "locked"
    });
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "Unlocked");
    assert_eq!(case.station.status()["evses"][0]["lock"], "unlocked");
    case.no_call("StartTransaction");
}

#[test]
fn tc_017_2_unlock_of_a_fixed_cable() {
    let mut case = Setup {
        fixed_cable: true,
        ..Setup::default()
    }
    .start();
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "NotSupported");
}

#[test]
fn tc_018_1_unlock_ends_the_session() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "Unlocked");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "UnlockCommand");
    case.status(1, "Finishing");
    case.station.unplug(1);
    case.status(1, "Available");
}

#[test]
fn tc_018_2_unlock_of_a_fixed_cable_changes_nothing() {
    let mut case = Setup {
        fixed_cable: true,
        ..Setup::default()
    }
    .start();
    let (_, transaction) = case.charging(1);
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "NotSupported");
    case.no_call("StopTransaction");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
}

#[test]
fn tc_023_5_remote_start_with_an_invalid_card() {
    let mut case = Setup::default().start();
    case.configure("AuthorizeRemoteTxRequests", "true");
    case.answer_cards("Invalid");
    remote_start(&mut case, 1, "Accepted");
    case.call("Authorize");
    case.plugged(1);
    case.no_call("StartTransaction");
    assert_eq!(case.station.status()["evses"][0]["contactor"], "open");
}

#[test]
fn tc_026_remote_start_on_a_busy_connector() {
    let mut case = Setup::default().start();
    case.charging(1);
    remote_start(&mut case, 1, "Rejected");
    case.no_call("StartTransaction");
    case.no_call("StopTransaction");
}

#[test]
fn tc_027_remote_start_on_connector_zero() {
    let mut case = Setup::default().start();
    remote_start(&mut case, 0, "Rejected");
    case.plugged(1);
    case.no_call("StartTransaction");
}

#[test]
fn tc_028_remote_stop_of_an_unknown_transaction() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    let unknown = json!({"transactionId": transaction + 1});
    case.ask_for("RemoteStopTransaction", unknown, "Rejected");
    case.no_call("StopTransaction");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
}

#[test]
fn tc_030_unlock_failure() {
    let mut case = Setup::default().start();
    case.charging(1);
    case.station.fault(1, "lock-jammed");
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "UnlockFailed");
}

#[test]
fn tc_031_unlock_of_an_unknown_connector() {
    let mut case = Setup::default().start();
    case.ask_for(
        "UnlockConnector",
        json!({"connectorId": 99}),
        "NotSupported",
    );
}

#[test]
fn tc_062_data_transfer_of_an_unknown_vendor() {
    let mut case = Setup::default().start();
    let payload = json!({"vendorId": "org.example.nobody", "messageId": "x", "data": "y"});
    case.ask_for("DataTransfer", payload, "UnknownVendorId");
}

#[test]
fn remote_start_without_a_connector_takes_the_first_free_one() {
    let mut case = Setup::default().start();
    case.charging(1);
    let payload = json!({"idTag": case.tag(OTHER_CARD)});
    case.ask_for("RemoteStartTransaction", payload, "Accepted");
    case.station.plug_in(2);
    let started = case.call("StartTransaction");
    assert_eq!(started.number("connectorId"), 2);
}

#[test]
fn a_second_remote_start_is_refused_while_the_first_waits() {
    let mut case = Setup::default().start();
    remote_start(&mut case, 1, "Accepted");
    case.station_shows("the accepted start", |status| {
        status["evses"][0]["connector"]["authorized"] == true
    });
    remote_start(&mut case, 1, "Rejected");
    case.no_call_for("StartTransaction", QUIET);
}

// acceptance: J29
#[test]
fn an_app_sees_the_status_and_starts_and_stops_from_afar() {
    let mut case = Setup::default().on_either().start();
    case.station.plug_in(1);
    case.status(1, "Preparing");
    remote_start(&mut case, 1, "Accepted");
    let started = case.call("StartTransaction");
    let transaction = case.transaction_of(&started);
    case.status(1, "Charging");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    case.call("StopTransaction");
    case.status(1, "Finishing");
}
