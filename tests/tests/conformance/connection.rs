//! A link that goes away and comes back. Cases 036 to 039.

use std::time::Duration;

use serde_json::json;

use crate::harness::{CARD, Case, SOON, Setup, in_order};
use crate::session::one_session;

/// Cuts the link and waits until the station must have noticed.
fn cut(case: &mut Case) {
    case.forget();
    case.peer.offline();
    std::thread::sleep(Duration::from_millis(300));
}

fn reconnect(case: &mut Case) {
    case.peer.online();
    case.peer
        .expect("connection", SOON, |event| event["event"] == "open");
}

/// A station that knows the card from an earlier session.
fn knows_the_card() -> Case {
    let mut case = Setup::default().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalAuthorizeOffline", "true");
    one_session(&mut case);
    case
}

#[test]
fn tc_036_connection_loss_in_a_transaction() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "1");
    let (_, transaction) = case.charging(1);
    case.call("MeterValues");
    cut(&mut case);
    std::thread::sleep(Duration::from_secs(3));
    let online = wall_clock();
    reconnect(&mut case);
    let mut times = Vec::new();
    for _ in 0..5 {
        let values = case.call("MeterValues");
        assert_eq!(values.number("transactionId"), transaction);
        times.push(
            values.payload()["meterValue"][0]["timestamp"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let mut sorted = times.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(
        times, sorted,
        "values come in order, each with its own time"
    );
    assert!(
        times[0] < online && times[1] < online,
        "what was measured offline comes with its own time: {times:?} after {online}"
    );
    case.no_call("BootNotification");
    case.no_call("StopTransaction");
}

#[test]
fn tc_037_1_offline_start_of_a_valid_card() {
    let mut case = knows_the_card();
    cut(&mut case);
    case.station.swipe(1, CARD);
    case.station.plug_in(1);
    case.station_shows("a transaction", |status| {
        !status["evses"][0]["transaction"].is_null()
    });
    // The clock below shows whole seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    let online = wall_clock();
    reconnect(&mut case);
    let started = case.call("StartTransaction");
    assert!(
        started.text("timestamp") < online.as_str(),
        "the original time, not the delivery's"
    );
    case.status(1, "Charging");
}

/// Wall clock as RFC 3339 text in UTC, to the second.
fn wall_clock() -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S"])
        .output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

fn offline_start_that_turns_out_invalid(stop: bool) -> Case {
    let mut case = Setup::default().start();
    case.configure("AllowOfflineTxForUnknownId", "true");
    case.configure(
        "StopTransactionOnInvalidId",
        if stop { "true" } else { "false" },
    );
    let invalid = json!({"idTagInfo": {"status": "Invalid"}, "transactionId": 55});
    case.answer("StartTransaction", invalid);
    cut(&mut case);
    case.station.swipe(1, CARD);
    case.station.plug_in(1);
    std::thread::sleep(Duration::from_secs(2));
    reconnect(&mut case);
    case.call("StartTransaction");
    case
}

#[test]
fn tc_037_2_offline_start_of_an_invalid_card_keeps_the_transaction() {
    let mut case = offline_start_that_turns_out_invalid(false);
    case.status(1, "SuspendedEVSE");
    case.no_call("StopTransaction");
    case.station_shows("an open contactor", |status| {
        status["evses"][0]["contactor"] == "open"
    });
    // It goes on without energy until somebody ends it.
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": 55}),
        "Accepted",
    );
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.text("reason"), "Remote");
}

#[test]
fn tc_037_3_offline_start_of_an_invalid_card_is_stopped() {
    let mut case = offline_start_that_turns_out_invalid(true);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), 55);
    assert_eq!(stopped.text("reason"), "DeAuthorized");
    case.status(1, "Finishing");
}

#[test]
fn tc_038_offline_stop() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    cut(&mut case);
    case.station.swipe(1, CARD);
    case.station_shows("the end of the transaction", |status| {
        status["evses"][0]["transaction"].is_null()
    });
    // The clock below shows whole seconds.
    std::thread::sleep(Duration::from_millis(1_100));
    let online = wall_clock();
    reconnect(&mut case);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "Local");
    assert!(
        stopped.text("timestamp") < online.as_str(),
        "the original time, not the delivery's"
    );
    case.status(1, "Finishing");
}

#[test]
fn tc_039_offline_transaction() {
    let mut case = knows_the_card();
    cut(&mut case);
    case.station.swipe(1, CARD);
    case.station.plug_in(1);
    std::thread::sleep(Duration::from_secs(2));
    case.station.swipe(1, CARD);
    std::thread::sleep(Duration::from_secs(1));
    case.station.unplug(1);
    std::thread::sleep(Duration::from_millis(1_100));
    let online = wall_clock();
    reconnect(&mut case);
    let started = case.call("StartTransaction");
    let transaction = case.transaction_of(&started);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    in_order(&[&started, &stopped]);
    assert!(started.text("timestamp") < stopped.text("timestamp"));
    assert!(stopped.text("timestamp") < online.as_str());
    assert!(stopped.number("meterStop") >= started.number("meterStart"));
}

#[test]
fn the_station_reconnects_after_the_central_system_restarts() {
    let mut case = Setup::default().start();
    for _ in 0..2 {
        cut(&mut case);
        reconnect(&mut case);
    }
    case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
    case.no_call("BootNotification");
}

#[test]
fn a_connection_that_breaks_without_a_word_is_opened_again() {
    let mut case = Setup::default().start();
    case.forget();
    case.peer.command(json!({"do": "drop"}));
    case.peer
        .expect("connection", SOON, |event| event["event"] == "open");
    case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
}

// acceptance: P88
#[test]
fn a_lost_central_system_is_shown_as_a_fault_only_where_that_is_wanted() {
    for wanted in [false, true] {
        let mut case = Setup::default()
            .setting("display_backend_disconnect_as_error", wanted)
            .start();
        cut(&mut case);
        let status = case.station.shows("the lost link", |status| {
            let faults = status["faults"].to_string();
            faults.contains("BACKEND")
        });
        let shown = if wanted { "fault" } else { "available" };
        assert_eq!(status["evses"][0]["indication"], shown, "{status}");
    }
}

// acceptance: P87
#[test]
fn station_without_its_central_system_starts_anew_when_the_tcp_watchdog_says_so() {
    let mut case = Setup::default().setting("tcp_watchdog_s", 10).start();
    let boot = case.station.status()["boot"].as_u64().unwrap();
    cut(&mut case);
    std::thread::sleep(Duration::from_secs(13));
    reconnect(&mut case);
    // A link that only was away is taken up again without it.
    case.call("BootNotification");
    assert!(case.station.status()["boot"].as_u64() > Some(boot));
}
