//! Messages that the central system asks for. Cases 054 and 055.

use serde_json::{Value, json};

use crate::harness::{Case, Seen, Setup, in_order};

/// Asks for a message; the answer must come before it. Returns the message.
fn triggered(case: &mut Case, action: &str, trigger: &str, connector: Option<i64>) -> Seen {
    case.forget();
    let mut payload = json!({"requestedMessage": trigger});
    if let Some(connector) = connector {
        payload["connectorId"] = connector.into();
    }
    let id = case.peer.send_call(action, payload, false);
    let answer = case
        .peer
        .expect("answer to a trigger", crate::harness::SOON, |event| {
            event["id"] == id && event["event"] == "result"
        });
    assert_eq!(answer.payload()["status"], "Accepted", "{trigger}");
    let message = match trigger {
        "FirmwareStatusNotification" if action == "ExtendedTriggerMessage" => {
            "SignedFirmwareStatusNotification"
        }
        other => other,
    };
    let seen = case.call(message);
    in_order(&[&answer, &seen]);
    seen
}

fn contexts(values: &Seen) -> Vec<Value> {
    let samples = values.payload()["meterValue"][0]["sampledValue"].as_array();
    samples
        .unwrap()
        .iter()
        .map(|sample| sample["context"].clone())
        .collect()
}

#[test]
fn tc_054_every_message_can_be_triggered() {
    let mut case = Setup::default().start();
    let trigger = "TriggerMessage";
    let values = triggered(&mut case, trigger, "MeterValues", Some(1));
    assert_eq!(values.number("connectorId"), 1);
    assert!(
        contexts(&values)
            .iter()
            .all(|context| *context == "Trigger")
    );
    assert!(!contexts(&values).is_empty());
    triggered(&mut case, trigger, "Heartbeat", None);
    let status = triggered(&mut case, trigger, "StatusNotification", Some(2));
    assert_eq!(status.number("connectorId"), 2);
    assert_eq!(status.text("status"), "Available");
    let diagnostics = triggered(&mut case, trigger, "DiagnosticsStatusNotification", None);
    assert_eq!(diagnostics.text("status"), "Idle");
    let firmware = triggered(&mut case, trigger, "FirmwareStatusNotification", None);
    assert_eq!(firmware.text("status"), "Idle");
    triggered(&mut case, trigger, "BootNotification", None);
}

#[test]
fn tc_054_a_triggered_reading_of_a_transaction_names_it() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    let values = triggered(&mut case, "TriggerMessage", "MeterValues", Some(1));
    assert_eq!(values.number("transactionId"), transaction);
    let status = triggered(&mut case, "TriggerMessage", "StatusNotification", Some(1));
    assert_eq!(status.text("status"), "Charging");
}

#[test]
fn tc_054_status_of_every_connector_is_triggered_without_a_number() {
    let mut case = Setup::default().start();
    triggered(&mut case, "TriggerMessage", "StatusNotification", None);
    case.forget();
    case.ask_for(
        "TriggerMessage",
        json!({"requestedMessage": "StatusNotification"}),
        "Accepted",
    );
    for connector in 0..=2 {
        case.status(connector, "Available");
    }
}

#[test]
fn tc_055_trigger_of_what_is_not_there() {
    let mut case = Setup::default().start();
    case.ask_for(
        "TriggerMessage",
        json!({"requestedMessage": "MeterValues", "connectorId": 99}),
        "Rejected",
    );
    let id = case.peer.send_call(
        "TriggerMessage",
        json!({"requestedMessage": "CoffeeNotification"}),
        true,
    );
    let answer = case.peer.expect("answer", crate::harness::SOON, |event| {
        event["id"] == id && event["event"] == "result"
    });
    assert_eq!(answer.payload()["status"], "NotImplemented");
    case.no_call("MeterValues");
}

/// The whitepaper's trigger knows more messages.
#[test]
fn the_extended_trigger_brings_its_messages() {
    let mut case = Setup::default().start();
    let trigger = "ExtendedTriggerMessage";
    let values = triggered(&mut case, trigger, "MeterValues", Some(1));
    assert!(
        contexts(&values)
            .iter()
            .all(|context| *context == "Trigger")
    );
    triggered(&mut case, trigger, "Heartbeat", None);
    triggered(&mut case, trigger, "StatusNotification", Some(1));
    let log = triggered(&mut case, trigger, "LogStatusNotification", None);
    assert_eq!(log.text("status"), "Idle");
    let firmware = triggered(&mut case, trigger, "FirmwareStatusNotification", None);
    assert_eq!(firmware.text("status"), "Idle");
    triggered(&mut case, trigger, "BootNotification", None);
    case.ask_for(
        trigger,
        json!({"requestedMessage": "MeterValues", "connectorId": 99}),
        "Rejected",
    );
}
