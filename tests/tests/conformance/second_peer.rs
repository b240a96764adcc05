//! A second central system, unrelated to the first: npm `ocpp-rpc` in strict mode.

use serde_json::json;

use crate::harness::{CARD, PeerKind, Setup, in_order};

#[test]
fn a_whole_session_with_the_second_central_system() {
    let mut case = Setup {
        peer: PeerKind::Node,
        ..Setup::default()
    }
    .start();
    case.configure("MeterValueSampleInterval", "1");
    assert_eq!(case.configured("MeterValueSampleInterval"), "1");
    let (started, transaction) = case.charging(1);
    let metered = case.call("MeterValues");
    assert_eq!(metered.number("transactionId"), transaction);
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    case.status(1, "Finishing");
    case.station.unplug(1);
    let available = case.status(1, "Available");
    in_order(&[&started, &metered, &stopped, &available]);
}

#[test]
fn remote_start_and_stop_with_the_second_central_system() {
    let mut case = Setup {
        peer: PeerKind::Node,
        ..Setup::default()
    }
    .start();
    case.plugged(1);
    let start = json!({"connectorId": 1, "idTag": case.tag(CARD)});
    case.ask_for("RemoteStartTransaction", start, "Accepted");
    let started = case.call("StartTransaction");
    let transaction = case.transaction_of(&started);
    case.status(1, "Charging");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    case.call("StopTransaction");
}
