//! What differs between operators: URL, letter case of cards, TLS, passwords, status strategy.

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    Authority, CARD, Case, Certificates, FileServer, Operator, SOON, Setup, in_order,
};
use crate::profiles::{entry, profile, reserve, send_list, set_profile};
use crate::transfers::{BAD, INSTALLER, diagnostics, firmware, trusts, update, uploading};

/// One whole session, with what every operator must see. Where either plug or card makes a connector occupied, the plug
/// alone is told; where it takes both, it is not.
fn whole_session(setup: Setup, either: bool) {
    let setup = if either {
        setup.on_either()
    } else {
        setup.on_both()
    };
    let mut case = setup.start();
    let operator = case.station.operator();
    let open = case.peer.all(|event| event["event"] == "open");
    assert_eq!(open[0]["path"], operator.whole_path());
    assert_eq!(open[0]["subprotocol"], "ocpp1.6");
    case.plugged(1);
    if either {
        case.status(1, "Preparing");
    } else {
        case.no_call("StatusNotification");
    }
    case.station.swipe(1, CARD);
    let asked = case.call("Authorize");
    assert_eq!(asked.text("idTag"), operator.tag(CARD));
    let started = case.call("StartTransaction");
    let transaction = case.transaction_of(&started);
    case.status(1, "Charging");
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    case.status(1, "Finishing");
    case.station.unplug(1);
    let available = case.status(1, "Available");
    in_order(&[&asked, &started, &stopped, &available]);
}

#[test]
fn eflux_tc_003_session_occupied_on_charging() {
    whole_session(Setup::default(), false);
}

#[test]
fn total_tc_003_session_occupied_on_charging() {
    whole_session(Setup::of(Operator::Total), false);
}

#[test]
fn lms_tc_003_session_occupied_on_charging() {
    whole_session(Setup::of(Operator::Lms), false);
}

// acceptance: P23
#[test]
fn eflux_tc_003_session() {
    whole_session(Setup::default(), true);
}

#[test]
fn eflux_tc_003_session_over_tls() {
    whole_session(Setup::default().over_tls(), true);
}

// acceptance: P22
#[test]
fn total_tc_003_session_with_upper_case_cards() {
    whole_session(Setup::of(Operator::Total), true);
}

#[test]
fn total_tc_003_session_over_tls() {
    whole_session(Setup::of(Operator::Total).over_tls(), true);
}

#[test]
fn lms_tc_003_session() {
    whole_session(Setup::of(Operator::Lms), true);
}

#[test]
fn lms_tc_003_session_over_tls() {
    whole_session(Setup::of(Operator::Lms).over_tls(), true);
}

fn cold_boot(operator: Operator) {
    let mut case = Setup::of(operator).prepare();
    let rejected = json!({"status": "Rejected", "currentTime": "now", "interval": 2});
    case.peer.command(json!({
        "do": "answer", "action": "BootNotification", "payload": rejected, "times": 1
    }));
    let accepted = json!({"status": "Accepted", "currentTime": "now", "interval": 1});
    case.answer("BootNotification", accepted);
    case.station.start();
    case.call("BootNotification");
    case.booted();
    case.call("Heartbeat");
}

#[test]
fn total_tc_001_cold_boot() {
    cold_boot(Operator::Total);
}

#[test]
fn lms_tc_001_cold_boot() {
    cold_boot(Operator::Lms);
}

fn remote_start_and_stop(operator: Operator) {
    let mut case = Setup::of(operator).start();
    case.plugged(2);
    let start = json!({"connectorId": 2, "idTag": case.tag(CARD)});
    case.ask_for("RemoteStartTransaction", start, "Accepted");
    let started = case.call("StartTransaction");
    assert_eq!(started.number("connectorId"), 2);
    let transaction = case.transaction_of(&started);
    case.status(2, "Charging");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.text("reason"), "Remote");
}

#[test]
fn total_tc_010_and_012_remote_start_and_stop() {
    remote_start_and_stop(Operator::Total);
}

#[test]
fn lms_tc_010_and_012_remote_start_and_stop() {
    remote_start_and_stop(Operator::Lms);
}

fn offline_stop(operator: Operator) {
    let mut case = Setup::of(operator).start();
    let (_, transaction) = case.charging(1);
    case.forget();
    case.peer.offline();
    case.station.swipe(1, CARD);
    case.station_shows("the end of the transaction", |status| {
        status["evses"][0]["transaction"].is_null()
    });
    case.peer.online();
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
}

#[test]
fn total_tc_038_offline_stop() {
    offline_stop(Operator::Total);
}

#[test]
fn lms_tc_038_offline_stop() {
    offline_stop(Operator::Lms);
}

fn refused_card(operator: Operator) {
    let mut case = Setup::of(operator).start();
    case.answer_cards("Invalid");
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    case.call("Authorize");
    case.no_call("StartTransaction");
    assert_eq!(case.station.status()["evses"][0]["contactor"], "open");
}

#[test]
fn total_tc_023_1_invalid_card() {
    refused_card(Operator::Total);
}

#[test]
fn lms_tc_023_1_invalid_card() {
    refused_card(Operator::Lms);
}

#[test]
fn lms_tc_041_fault() {
    let mut case = Setup::of(Operator::Lms).start();
    case.station.fault(1, "over-voltage");
    case.status(1, "Faulted");
    case.station.clear(1, "over-voltage");
    case.status_at_leisure(1, "Available");
}

// acceptance: P82
#[test]
fn the_basic_password_is_sent() {
    let mut case = Setup::default()
        .adapter("basic_auth_password", "open sesame")
        .prepare();
    // The identity and the password of this case, in Base64.
    case.peer
        .command(json!({"do": "password", "header": "Basic UFcgVEVTVC0xOm9wZW4gc2VzYW1l"}));
    case.station.start();
    case.booted();
}

// acceptance: P86
#[test]
fn an_unknown_authority_is_refused() {
    let mut case = Setup::default().over_tls().prepare();
    case.station.distrust();
    case.station.start();
    case.station_shows("why it does not connect", |status| {
        let why = &status["plugins"][0]["link_detail"];
        why.as_str().is_some_and(|why| why.contains("certificate"))
    });
    case.peer
        .refuse("connection", Duration::from_secs(4), |event| {
            event["event"] == "open"
        });
}

#[test]
fn a_certificate_of_another_authority_is_refused_until_the_right_one_is_back() {
    let mut case = Setup::default().over_tls().start();
    let stranger = Certificates::create();
    case.peer.offline();
    case.peer.online_with(&stranger);
    case.forget();
    case.peer
        .refuse("connection", Duration::from_secs(4), |event| {
            event["event"] == "open"
        });
    case.peer.offline();
    let right = case.certificates.take().unwrap();
    case.peer.online_with(&right);
    case.peer
        .expect("connection", SOON, |event| event["event"] == "open");
}

// acceptance: P92
#[test]
fn occupied_on_charging_needs_both_plug_and_card() {
    let mut case = Setup::default().on_both().start();
    case.plugged(1);
    case.no_status(1, "Preparing");
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
    case.status(1, "Charging");
}

// acceptance: P93
#[test]
fn occupied_on_authorized_needs_only_one_of_plug_and_card() {
    let mut case = Setup::default().on_either().start();
    case.station.plug_in(1);
    case.status(1, "Preparing");
    case.station.swipe(2, CARD);
    case.status(2, "Preparing");
}

fn asleep(until_c: &str) -> Case {
    let mut case = Setup::default()
        .adapter("preparing_until_c", until_c)
        .start();
    case.station.plug_in_asleep(1);
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
    case
}

// acceptance: P94
#[test]
fn preparing_lasts_until_state_c_when_so_set() {
    let mut case = asleep("true");
    case.no_status(1, "Charging");
}

// acceptance: P94
#[test]
fn charging_is_told_in_state_b_when_so_set() {
    let mut case = asleep("false");
    case.status(1, "Charging");
}

fn heartbeats_beside_other_calls(force: &str) -> Case {
    let mut case = Setup::default().adapter("force_heartbeat", force).prepare();
    let accepted = json!({"status": "Accepted", "currentTime": "now", "interval": 2});
    case.answer("BootNotification", accepted);
    case.station.start();
    case.booted();
    case.configure("MeterValueSampleInterval", "1");
    case.charging(1);
    case.call("MeterValues");
    case.forget();
    case
}

// acceptance: P83
#[test]
fn heartbeats_are_sent_beside_other_calls_when_forced() {
    let mut case = heartbeats_beside_other_calls("true");
    case.call("Heartbeat");
    case.call("Heartbeat");
}

// acceptance: P83
#[test]
fn other_calls_stand_for_heartbeats_when_not_forced() {
    let mut case = heartbeats_beside_other_calls("false");
    case.no_call_for("Heartbeat", Duration::from_secs(5));
}

// acceptance: J25, J26
#[test]
fn any_url_and_identity_of_a_platform_will_do() {
    let mut case = Setup::of(Operator::Lms)
        .adapter("identity", "other/station?1")
        .start();
    let open = case
        .peer
        .expect("connection", SOON, |event| event["event"] == "open");
    assert_eq!(open.event["path"], "/other%2Fstation%3F1");
    case.charging(1);
}

/// What the security whitepaper and the optional profiles need is granted by the operator's pack, not only by E-Flux's.
fn everything_is_granted(operator: Operator) {
    let files = FileServer::start();
    files.put("firmware.bin", BAD);
    let mut case = Setup::of(operator).installer(INSTALLER).start();
    diagnostics(&mut case, &files.http(""), 0);
    uploading(&mut case, "Uploaded");
    trusts(&mut case, &Authority::new("Maker"));
    assert_eq!(reserve(&mut case, 1, 7, CARD, 600), "Accepted");
    case.ask_for("CancelReservation", json!({"reservationId": 7}), "Accepted");
    let default = profile(1, "TxDefaultProfile", 10.0);
    assert_eq!(set_profile(&mut case, 0, &default), "Accepted");
    let list = json!([entry(&case, CARD, "Accepted")]);
    assert_eq!(send_list(&mut case, 1, "Full", list), "Accepted");
    update(&mut case, &files.http("firmware.bin"), json!({}));
    firmware(&mut case, "InstallationFailed");
}

#[test]
fn total_grants_what_every_profile_needs() {
    everything_is_granted(Operator::Total);
}

#[test]
fn lms_grants_what_every_profile_needs() {
    everything_is_granted(Operator::Lms);
}
