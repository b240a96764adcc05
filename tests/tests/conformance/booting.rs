//! First contact. Cases 001 and 002, and the booting cases that no official list has.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CARD, Case, SOON, Setup, in_order};

/// BootNotification is answered so, once.
fn answer_boot_once(case: &mut Case, status: &str, interval: u32) {
    let payload = json!({"status": status, "currentTime": "now", "interval": interval});
    case.peer.command(
        json!({"do": "answer", "action": "BootNotification", "payload": payload, "times": 1}),
    );
}

fn accept_boot(case: &mut Case, heartbeat: u32) {
    let payload = json!({"status": "Accepted", "currentTime": "now", "interval": heartbeat});
    case.answer("BootNotification", payload);
}

// acceptance: C139, C141
#[test]
fn tc_001_cold_boot_rejected_then_accepted() {
    let mut case = Setup::default().prepare();
    answer_boot_once(&mut case, "Rejected", 2);
    accept_boot(&mut case, 1);
    case.station.start();
    let first = case.call("BootNotification");
    assert!(!first.text("chargePointVendor").is_empty());
    assert!(!first.text("chargePointModel").is_empty());
    case.peer.refuse(
        "any call while rejected",
        Duration::from_millis(1500),
        is_call,
    );
    let second = case.call("BootNotification");
    let mut seen = vec![first, second];
    for connector in 0..=2 {
        seen.push(case.status(connector, "Available"));
    }
    in_order(&seen[..3].iter().collect::<Vec<_>>());
    for _ in 0..3 {
        case.call_within("Heartbeat", Duration::from_secs(4), |_| true);
    }
}

fn is_call(event: &Value) -> bool {
    event["event"] == "call"
}

fn pending() -> Case {
    let mut case = Setup::default().prepare();
    answer_boot_once(&mut case, "Pending", 4);
    accept_boot(&mut case, 300);
    case.station.start();
    case.call("BootNotification");
    case
}

#[test]
fn tc_002_cold_boot_pending() {
    let mut case = pending();
    let answer = case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
    assert_eq!(answer["configurationKey"][0]["key"], "HeartbeatInterval");
    case.configure("MeterValueSampleInterval", "33");
    case.peer.refuse(
        "any call while pending",
        Duration::from_millis(1500),
        is_call,
    );
    case.booted();
    assert_eq!(case.configured("MeterValueSampleInterval"), "33");
}

#[test]
fn remote_start_and_stop_are_refused_while_pending() {
    let mut case = pending();
    let start = json!({"connectorId": 1, "idTag": case.tag(CARD)});
    case.ask_for("RemoteStartTransaction", start, "Rejected");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": 1}),
        "Rejected",
    );
    case.booted();
}

#[test]
fn a_boot_message_can_be_triggered_while_pending() {
    let mut case = pending();
    case.ask_for(
        "TriggerMessage",
        json!({"requestedMessage": "BootNotification"}),
        "Accepted",
    );
    case.call_within("BootNotification", Duration::from_secs(2), |_| true);
    case.status(1, "Available");
}

#[test]
fn a_new_password_while_pending_is_used_for_the_next_connection() {
    let mut case = pending();
    let password = "0123456789abcdef0123456789abcdef01234567";
    case.configure("AuthorizationKey", password);
    case.booted();
    case.peer.offline();
    case.peer.online();
    let open = case
        .peer
        .expect("connection with a password", SOON, |event| {
            event["event"] == "open" && event["authorization"].is_string()
        });
    // Identity, colon and the 20 bytes that the 40 digits stand for, in Base64.
    assert_eq!(
        open.event["authorization"],
        "Basic UFcgVEVTVC0xOgEjRWeJq83vASNFZ4mrze8BI0Vn"
    );
}

#[test]
fn a_rejected_station_does_not_answer_calls() {
    let mut case = Setup::default().prepare();
    answer_boot_once(&mut case, "Rejected", 4);
    accept_boot(&mut case, 300);
    case.station.start();
    case.call("BootNotification");
    let id = case.peer.send_call("GetConfiguration", json!({}), false);
    case.peer.refuse(
        "an answer while rejected",
        Duration::from_secs(2),
        |event| {
            event["id"] == id && ["result", "error"].contains(&event["event"].as_str().unwrap())
        },
    );
    case.booted();
}

#[test]
fn boot_is_repeated_after_an_error() {
    let mut case = Setup::default().prepare();
    case.peer.command(json!({
        "do": "answer", "action": "BootNotification", "error": "InternalError", "times": 1
    }));
    case.station.start();
    case.call("BootNotification");
    case.call_within("BootNotification", Duration::from_secs(30), |_| true);
    case.status(1, "Available");
}

#[test]
fn boot_is_repeated_when_nobody_answers() {
    let mut case = Setup::default()
        .adapter("connection_timeout_s", "2")
        .prepare();
    case.peer.command(json!({
        "do": "answer", "action": "BootNotification", "silent": true, "times": 1
    }));
    case.station.start();
    case.call("BootNotification");
    case.call_within("BootNotification", Duration::from_secs(30), |_| true);
    case.status(1, "Available");
}

/// A transaction that ended while the station was dark is reported after the boot was accepted, not before.
#[test]
fn a_pending_stop_waits_for_the_accepted_boot() {
    let mut case = Setup::default()
        .setting("restart_transaction_after_power_loss", false)
        .start();
    let (_, transaction) = case.charging(1);
    case.station.power_off();
    case.forget();
    answer_boot_once(&mut case, "Pending", 3);
    case.station.start();
    let pending = case.call("BootNotification");
    let accepted = case.call("BootNotification");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    in_order(&[&pending, &accepted, &stopped]);
}

#[test]
fn the_wall_clock_of_the_central_system_is_taken() {
    let mut case = Setup::default().prepare();
    let payload =
        json!({"status": "Accepted", "currentTime": "2031-05-06T07:08:09Z", "interval": 300});
    case.answer("BootNotification", payload);
    case.station.start();
    case.booted();
    let (started, _) = case.charging(1);
    assert!(
        started.text("timestamp").starts_with("2031-05-06T07:"),
        "{}",
        started.event
    );
}
