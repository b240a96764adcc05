//! Messages that must not be lost, and the order in which they go out.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::harness::{CARD, SOON, Setup, in_order};

#[test]
fn a_refused_start_is_repeated_with_its_id_and_then_dropped() {
    let mut case = Setup::default().start();
    case.configure("TransactionMessageAttempts", "3");
    case.configure("TransactionMessageRetryInterval", "1");
    case.peer
        .command(json!({"do": "answer", "action": "StartTransaction", "error": "InternalError"}));
    case.plugged(1);
    case.station.swipe(1, CARD);
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        ids.insert(case.call("StartTransaction").id().to_owned());
    }
    assert_eq!(ids.len(), 1, "a repetition keeps its message id: {ids:?}");
    case.no_call_for("StartTransaction", Duration::from_secs(5));
}

#[test]
fn a_refused_stop_is_repeated_with_its_id_and_then_dropped() {
    let mut case = Setup::default().start();
    case.configure("TransactionMessageAttempts", "2");
    case.configure("TransactionMessageRetryInterval", "1");
    case.peer
        .command(json!({"do": "answer", "action": "StopTransaction", "error": "InternalError"}));
    case.charging(1);
    case.station.swipe(1, CARD);
    let first = case.call("StopTransaction");
    let second = case.call("StopTransaction");
    assert_eq!(first.id(), second.id());
    case.no_call_for("StopTransaction", Duration::from_secs(4));
}

#[test]
fn transaction_messages_keep_their_order_behind_a_refused_one() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "1");
    case.configure("TransactionMessageAttempts", "3");
    case.configure("TransactionMessageRetryInterval", "1");
    case.peer.command(json!({
        "do": "answer", "action": "StartTransaction", "error": "InternalError", "times": 2
    }));
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
    case.call("StartTransaction");
    let started = case.call("StartTransaction");
    let transaction = case.transaction_of(&started);
    let values = case.call("MeterValues");
    assert_eq!(values.number("transactionId"), transaction);
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    in_order(&[&started, &values, &stopped]);
}

/// The peer reports a second call before the first is answered as a violation; here it takes its time.
#[test]
fn one_call_at_a_time() {
    let mut case = Setup::default().start();
    for action in ["Authorize", "StartTransaction", "StatusNotification"] {
        let payload = match action {
            "Authorize" => json!({"idTagInfo": {"status": "Accepted"}}),
            "StartTransaction" => {
                json!({"idTagInfo": {"status": "Accepted"}, "transactionId": 5})
            }
            _ => json!({}),
        };
        case.peer
            .command(json!({"do": "answer", "action": action, "payload": payload, "delay_s": 0.4}));
    }
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    case.station.plug_in(2);
    case.station.swipe(2, CARD);
    case.call("StartTransaction");
    case.status(1, "Charging");
}

#[test]
fn calls_of_the_central_system_are_answered_while_ours_is_open() {
    let mut case = Setup::default().start();
    case.peer.command(json!({
        "do": "answer", "action": "Authorize",
        "payload": {"idTagInfo": {"status": "Accepted"}}, "delay_s": 2
    }));
    case.station.swipe(1, CARD);
    case.call("Authorize");
    let answer = case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
    assert!(answer["configurationKey"].is_array());
    case.station_shows("the accepted card", |status| {
        status["evses"][0]["connector"]["authorized"] == true
    });
}

// acceptance: P85
#[test]
fn a_message_without_an_answer_is_sent_again_after_the_connection_timeout() {
    let mut case = Setup::default()
        .adapter("connection_timeout_s", "2")
        .start();
    case.configure("TransactionMessageRetryInterval", "1");
    case.peer.command(json!({
        "do": "answer", "action": "StartTransaction", "silent": true, "times": 1
    }));
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    let first = case.call("StartTransaction");
    let second = case.call_within("StartTransaction", Duration::from_secs(25), |_| true);
    assert_eq!(first.id(), second.id());
}

#[test]
fn a_message_cut_off_by_the_link_is_sent_again_with_its_id() {
    let mut case = Setup::default().start();
    case.peer.command(json!({
        "do": "answer", "action": "StartTransaction", "silent": true, "times": 1
    }));
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    let first = case.call("StartTransaction");
    case.peer.command(json!({"do": "drop"}));
    let second = case.call("StartTransaction");
    assert_eq!(first.id(), second.id());
    assert_eq!(first.payload(), second.payload());
}

#[test]
fn a_message_cut_off_by_the_power_is_sent_again_with_its_id() {
    let mut case = Setup::default().start();
    case.peer.command(json!({
        "do": "answer", "action": "StartTransaction", "silent": true, "times": 1
    }));
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    let first = case.call("StartTransaction");
    case.station.power_off();
    case.station.start();
    let booted = case.call("BootNotification");
    let second = case.call("StartTransaction");
    assert_eq!(first.id(), second.id());
    assert_eq!(first.payload(), second.payload());
    in_order(&[&booted, &second]);
}

/// The link is away for a long charge; every sample arrives afterwards, once, in order.
#[test]
fn everything_measured_offline_arrives_once_and_in_order() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "1");
    let (_, transaction) = case.charging(1);
    case.forget();
    case.peer.offline();
    std::thread::sleep(Duration::from_secs(6));
    case.station.swipe(1, CARD);
    case.peer.online();
    let stopped = case.call_within("StopTransaction", SOON, |_| true);
    assert_eq!(stopped.number("transactionId"), transaction);
    let values = case
        .peer
        .all(|event| event["event"] == "call" && event["action"] == "MeterValues");
    let ids: BTreeSet<_> = values.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), values.len(), "each sample comes once");
    assert!(values.len() >= 5, "{} samples of 6 s", values.len());
    let energy: Vec<i64> = values
        .iter()
        .map(|event| {
            let value = &event["payload"]["meterValue"][0]["sampledValue"][0]["value"];
            value.as_str().unwrap().parse::<f64>().unwrap() as i64
        })
        .collect();
    assert!(
        energy.windows(2).all(|pair| pair[0] <= pair[1]),
        "the register falls: {energy:?}"
    );
}
