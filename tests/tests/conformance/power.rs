//! Restarts and power cuts. Cases 013 to 016, 032, 034.

use std::time::Duration;

use serde_json::json;

use crate::harness::{CARD, Case, Setup, in_order};

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

/// The list wants the stop before the station goes dark, which takes backup power. A station without it cannot say
/// anything while the power goes; it says the same as soon as it is back, once, and the list's end is reached: the stop
/// by reason of power loss, the connector with the plug finishing, the other one available.
#[test]
fn tc_032_1_power_failure_without_backup_power() {
    let mut case = Setup::default()
        .setting("restart_transaction_after_power_loss", false)
        .start();
    let (started, transaction) = case.charging(1);
    case.forget();
    // Nobody answers: the process is gone at once, and the supervisor starts it again.
    assert!(!case.station.try_sim("power-loss", json!({})));
    let booted = case.call("BootNotification");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "PowerLoss");
    assert!(stopped.number("meterStop") >= started.number("meterStart"));
    in_order(&[&booted, &stopped]);
    case.status(1, "Finishing");
    case.status(2, "Available");
    case.no_call("StopTransaction");
    case.no_call("StartTransaction");
    case.station.unplug(1);
    case.status(1, "Available");
}

/// The power goes without a warning of any kind; the stop is told afterwards.
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
    case.status(1, "Finishing");
    case.status(2, "Available");
}

/// A reset is told to retry if it does not succeed. One that succeeds happens once, whatever the key says, and the key
/// outlives it. (No reset of this station can fail from outside; the retries themselves are tested beside the adapter.)
#[test]
fn reset_retries_are_kept_within_bounds_and_a_reset_that_succeeds_happens_once() {
    let mut case = Setup::default().start();
    for wrong in ["-1", "many", "1000000"] {
        let payload = json!({"key": "ResetRetries", "value": wrong});
        case.ask_for("ChangeConfiguration", payload, "Rejected");
    }
    case.configure("ResetRetries", "3");
    case.forget();
    case.ask_for("Reset", json!({"type": "Soft"}), "Accepted");
    case.booted();
    assert_eq!(case.configured("ResetRetries"), "3");
    case.no_call_for("BootNotification", Duration::from_secs(8));
    case.charging(1);
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
    for connector in 0..=2 {
        case.status(connector, "Unavailable");
    }
    case.plugged(1);
    case.station.swipe(1, CARD);
    case.no_call("StartTransaction");
}
