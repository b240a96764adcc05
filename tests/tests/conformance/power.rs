//! Restarts and power cuts. Cases 013 to 016, 032, 034.

use serde_json::json;

use crate::harness::{Case, Setup, in_order};

fn reset_without_transaction(kind: &str) {
    let mut case = Setup::default().start();
    let out = json!({"connectorId": 1, "type": "Inoperative"});
    case.ask_for("ChangeAvailability", out, "Accepted");
    case.status(1, "Unavailable");
    case.forget();
    case.ask_for("Reset", json!({"type": kind}), "Accepted");
    let booted = case.call("BootNotification");
    let unavailable = case.status(1, "Unavailable");
    case.status(2, "Available");
    in_order(&[&booted, &unavailable]);
    let back = json!({"connectorId": 1, "type": "Operative"});
    case.ask_for("ChangeAvailability", back, "Accepted");
    case.status(1, "Available");
}

#[test]
fn tc_013_hard_reset_without_transaction() {
    reset_without_transaction("Hard");
}

#[test]
fn tc_014_soft_reset_without_transaction() {
    reset_without_transaction("Soft");
}

fn reset_with_transaction(kind: &str, reason: &str) -> Case {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    case.forget();
    case.ask_for("Reset", json!({"type": kind}), "Accepted");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), reason);
    case.call("BootNotification");
    case
}

// acceptance: C131
#[test]
fn tc_015_hard_reset_with_transaction() {
    let mut case = reset_with_transaction("Hard", "HardReset");
    case.status(2, "Available");
}

#[test]
fn tc_016_soft_reset_with_transaction() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    case.forget();
    case.ask_for("Reset", json!({"type": "Soft"}), "Accepted");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "SoftReset");
    let booted = case.call("BootNotification");
    in_order(&[&stopped, &booted]);
    case.status(2, "Available");
}

/// Without backup power: the stop is told afterwards. (Case 032_1 needs backup power, which no board here has.)
#[test]
fn tc_032_2_power_failure_with_stop_after() {
    let mut case = Setup::default()
        .setting("restart_transaction_after_power_loss", false)
        .start();
    let (started, transaction) = case.charging(1);
    case.forget();
    case.station.power_off();
    case.station.start();
    let booted = case.call("BootNotification");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "PowerLoss");
    assert!(stopped.number("meterStop") >= started.number("meterStart"));
    in_order(&[&booted, &stopped]);
    case.status(2, "Available");
}

#[test]
fn power_failure_resumes_the_transaction_when_so_configured() {
    let mut case = Setup::default()
        .setting("restart_transaction_after_power_loss", true)
        .start();
    let (_, transaction) = case.charging(1);
    case.forget();
    case.station.power_off();
    case.station.start();
    case.call("BootNotification");
    case.no_call("StopTransaction");
    case.no_call("StartTransaction");
    case.status(1, "Charging");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
}

#[test]
fn tc_034_power_failure_keeps_unavailable() {
    let mut case = Setup::default().start();
    let out = json!({"connectorId": 0, "type": "Inoperative"});
    case.ask_for("ChangeAvailability", out, "Accepted");
    case.status(1, "Unavailable");
    case.status(2, "Unavailable");
    case.forget();
    case.station.power_off();
    case.station.start();
    case.call("BootNotification");
    case.status(1, "Unavailable");
    case.status(2, "Unavailable");
}
