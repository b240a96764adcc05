//! Sessions at the station: plug, card, leave. Cases 003 to 005, 007_1, 023, 024, 041, 068 to 071.

use std::time::Duration;

use serde_json::json;

use crate::harness::{CARD, Case, OTHER_CARD, QUIET, SOON, Seen, Setup, in_order};

// acceptance: C12, C140, C142, C143, J30, P79
#[test]
fn tc_003_session_plug_first() {
    let mut case = Setup::default().on_either().start();
    case.station.plug_in(1);
    let preparing = case.status(1, "Preparing");
    case.station.swipe(1, CARD);
    let asked = case.call("Authorize");
    assert_eq!(asked.text("idTag"), case.tag(CARD));
    let started = case.call("StartTransaction");
    assert_eq!(started.number("connectorId"), 1);
    assert_eq!(started.text("idTag"), case.tag(CARD));
    assert!(started.number("meterStart") >= 0);
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &asked, &started, &charging]);
}

// acceptance: J12
#[test]
fn tc_004_1_session_card_first() {
    let mut case = Setup::default().on_either().start();
    case.station.swipe(1, CARD);
    let asked = case.call("Authorize");
    let preparing = case.status(1, "Preparing");
    case.no_call("StartTransaction");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    let charging = case.status(1, "Charging");
    in_order(&[&asked, &preparing, &started, &charging]);
}

// acceptance: P102
#[test]
fn tc_004_2_card_first_and_no_plug_within_connection_time_out() {
    let mut case = Setup::default().on_either().start();
    case.configure("ConnectionTimeOut", "2");
    case.station.swipe(1, CARD);
    case.call("Authorize");
    let preparing = case.status(1, "Preparing");
    let available = case.status(1, "Available");
    in_order(&[&preparing, &available]);
    case.plugged(1);
    case.no_call("StartTransaction");
}

#[test]
fn tc_005_1_vehicle_unplugged_stops_and_unlocks() {
    let mut case = Setup::default().start();
    case.configure("StopTransactionOnEVSideDisconnect", "true");
    case.configure("UnlockConnectorOnEVSideDisconnect", "true");
    let (_, transaction) = case.charging(1);
    case.station.ev_unplug(1);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("reason"), "EVDisconnected");
    let finishing = case.status(1, "Finishing");
    case.station.unplug(1);
    let available = case.status(1, "Available");
    in_order(&[&finishing, &available]);
}

#[test]
fn tc_005_2_vehicle_unplugged_stops_and_keeps_the_plug_locked() {
    let mut case = Setup::default().start();
    case.configure("StopTransactionOnEVSideDisconnect", "true");
    case.configure("UnlockConnectorOnEVSideDisconnect", "false");
    case.charging(1);
    case.station.ev_unplug(1);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.text("reason"), "EVDisconnected");
    case.status(1, "Finishing");
    std::thread::sleep(QUIET);
    assert_eq!(case.station.status()["evses"][0]["lock"], "locked");
    case.ask_for("UnlockConnector", json!({"connectorId": 1}), "Unlocked");
    case.station.unplug(1);
    case.status(1, "Available");
}

#[test]
fn tc_005_3_vehicle_unplugged_keeps_the_transaction() {
    let mut case = Setup::default().start();
    case.configure("StopTransactionOnEVSideDisconnect", "false");
    let (_, transaction) = case.charging(1);
    case.station.ev_unplug(1);
    case.status(1, "SuspendedEV");
    case.no_call("StopTransaction");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.text("reason"), "Remote");
}

// acceptance: J20, C144, C150
#[test]
fn tc_068_stop_with_the_same_card() {
    let mut case = Setup::default().start();
    let (started, transaction) = case.charging(1);
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    assert_eq!(stopped.text("idTag"), case.tag(CARD));
    assert_eq!(stopped.text("reason"), "Local");
    assert!(stopped.number("meterStop") >= started.number("meterStart"));
    case.status(1, "Finishing");
    case.station.unplug(1);
    case.status(1, "Available");
}

#[test]
fn tc_069_stop_with_a_card_of_the_same_group() {
    let mut case = Setup::default().start();
    let in_group = json!({"status": "Accepted", "parentIdTag": "GROUP"});
    case.answer("Authorize", json!({"idTagInfo": in_group}));
    case.answer(
        "StartTransaction",
        json!({"idTagInfo": in_group, "transactionId": 77}),
    );
    case.charging(1);
    case.station.swipe(1, OTHER_CARD);
    case.call_where("Authorize", |payload| payload["idTag"] == "04d4e5f6");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), 77);
    assert_eq!(stopped.text("idTag"), case.tag(OTHER_CARD));
    case.status(1, "Finishing");
}

// acceptance: J21
#[test]
fn a_card_of_no_common_group_does_not_stop() {
    let mut case = Setup::default().start();
    case.charging(1);
    case.station.swipe(1, OTHER_CARD);
    case.call_where("Authorize", |payload| payload["idTag"] == "04d4e5f6");
    case.no_call("StopTransaction");
    case.no_status(1, "Finishing");
}

#[test]
fn tc_007_1_cached_card_needs_no_authorize() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    one_session(&mut case);
    case.forget();
    case.station.swipe(1, CARD);
    let preparing = case.status(1, "Preparing");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &started, &charging]);
    case.no_call("Authorize");
}

// acceptance: C134
#[test]
fn tc_061_1_cleared_cache_is_asked_again() {
    let mut case = Setup::default().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    one_session(&mut case);
    case.ask_for("ClearCache", json!({}), "Accepted");
    case.forget();
    case.station.swipe(1, CARD);
    case.call("Authorize");
}

/// Charges once with the card and leaves, so that the card is in the cache.
pub fn one_session(case: &mut Case) {
    case.charging(1);
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
    case.status(1, "Finishing");
    case.station.unplug(1);
    case.status(1, "Available");
}

fn refused(status: &str) {
    let mut case = Setup::default().on_either().start();
    case.answer_cards(status);
    case.station.swipe(1, CARD);
    case.call("Authorize");
    case.no_call("StatusNotification");
    case.station.plug_in(1);
    case.status(1, "Preparing");
    case.no_call("StartTransaction");
    case.no_status(1, "Charging");
    assert_eq!(case.station.status()["evses"][0]["contactor"], "open");
}

// acceptance: J13
#[test]
fn tc_023_1_invalid_card_starts_nothing() {
    refused("Invalid");
}

#[test]
fn tc_023_2_expired_card_starts_nothing() {
    refused("Expired");
}

#[test]
fn tc_023_3_blocked_card_starts_nothing() {
    refused("Blocked");
}

#[test]
fn tc_023_4_refused_cards_start_nothing_one_after_the_other() {
    let mut case = Setup::default().on_either().start();
    case.plugged(1);
    case.status(1, "Preparing");
    for status in ["Invalid", "Expired", "Blocked"] {
        case.answer_cards(status);
        case.station.swipe(1, CARD);
        case.call("Authorize");
        case.no_call("StartTransaction");
    }
    case.station.unplug(1);
    case.status(1, "Available");
}

// Case 024, a plug that cannot be locked. The list wants `Faulted` with `ConnectorLockFailure`. Here the fault table
// (`LOCK_FAIL`: it does not stop) decides: `Faulted` would take the connector out of service, and a plug that is only
// half in is put right by the driver in a second. So the error code is told beside the status that holds anyway, which
// the standard permits, and `NoError` when the fault is gone. What the case is about stays: as long as the plug is not
// locked there is neither a transaction nor power.

/// The notice of the failed lock, beside this status.
fn lock_failure(case: &mut Case, status: &str) -> Seen {
    let told = case.call_where("StatusNotification", |payload| {
        payload["connectorId"] == 1 && payload["errorCode"] != "NoError"
    });
    assert_eq!(told.text("errorCode"), "ConnectorLockFailure");
    assert_eq!(told.text("vendorErrorCode"), "B_LOCK");
    assert_eq!(told.text("status"), status);
    told
}

/// Neither transaction nor power, and no status that says otherwise.
fn nothing_starts(case: &mut Case) {
    case.no_call("StartTransaction");
    for status in ["Charging", "Faulted"] {
        case.no_status(1, status);
    }
    let status = case.station.status();
    let evse = &status["evses"][0];
    assert_eq!(evse["contactor"], "open", "{status}");
    assert!(evse["transaction"].is_null(), "{status}");
}

/// The driver pulls the plug, and puts it in again now that the lock moves. The accepted card still waits for it.
fn replugged(case: &mut Case) {
    case.forget();
    case.station.clear(1, "lock-jammed");
    case.station.unplug(1);
    let gone = case.call_where("StatusNotification", |payload| {
        payload["connectorId"] == 1 && payload["vendorErrorCode"] == "B_LOCK"
    });
    assert_eq!(gone.text("errorCode"), "NoError");
    case.no_call("StartTransaction");
    case.station.plug_in(1);
    case.call("StartTransaction");
    case.status(1, "Charging");
}

// acceptance: P220
#[test]
fn tc_024_lock_failure_before_the_card_starts_nothing() {
    let mut case = Setup::default()
        .on_either()
        .setting("lock_only_if_authorized", false)
        .start();
    case.station.fault(1, "lock-jammed");
    case.station.plug_in(1);
    lock_failure(&mut case, "Preparing");
    case.station.swipe(1, CARD);
    case.call("Authorize");
    nothing_starts(&mut case);
    replugged(&mut case);
}

// acceptance: P220
#[test]
fn tc_024_lock_failure_after_the_card_starts_nothing() {
    let mut case = Setup::default().on_either().start();
    case.station.fault(1, "lock-jammed");
    case.station.swipe(1, CARD);
    case.call("Authorize");
    case.status(1, "Preparing");
    case.station.plug_in(1);
    lock_failure(&mut case, "Preparing");
    nothing_starts(&mut case);
    replugged(&mut case);
}

// acceptance: P220
#[test]
fn tc_024_lock_failure_is_told_beside_available_where_a_plug_alone_does_not_occupy() {
    let mut case = Setup::default()
        .on_both()
        .setting("lock_only_if_authorized", false)
        .start();
    case.station.fault(1, "lock-jammed");
    case.station.plug_in(1);
    lock_failure(&mut case, "Available");
    nothing_starts(&mut case);
}

// acceptance: J9
#[test]
fn tc_041_fault_blocks_until_it_is_cleared() {
    let mut case = Setup::default().start();
    case.station.fault(1, "over-voltage");
    let faulted = case.status(1, "Faulted");
    assert_eq!(faulted.text("errorCode"), "OverVoltage");
    assert_eq!(faulted.text("vendorErrorCode"), "C_OVP");
    case.station.swipe(1, CARD);
    case.plugged(1);
    case.no_call("StartTransaction");
    assert_eq!(case.station.status()["evses"][0]["contactor"], "open");
    case.station.unplug(1);
    case.station.clear(1, "over-voltage");
    let well = case.status_at_leisure(1, "Available");
    assert_eq!(well.text("errorCode"), "NoError");
}

// acceptance: C145, J31
#[test]
fn tc_070_sampled_meter_values() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "1");
    case.configure("MeterValuesSampledData", "Energy.Active.Import.Register");
    case.configure("StopTxnSampledData", "Energy.Active.Import.Register");
    let (_, transaction) = case.charging(1);
    for _ in 0..3 {
        let values = case.call_where("MeterValues", |payload| payload["connectorId"] == 1);
        assert_eq!(values.number("transactionId"), transaction);
        let sample = &values.payload()["meterValue"][0]["sampledValue"];
        assert_eq!(sample.as_array().map(Vec::len), Some(1), "{sample}");
        assert_eq!(
            sample[0]["context"].as_str().unwrap_or("Sample.Periodic"),
            "Sample.Periodic"
        );
        let measurand = sample[0]["measurand"].as_str();
        assert_eq!(
            measurand.unwrap_or("Energy.Active.Import.Register"),
            "Energy.Active.Import.Register"
        );
    }
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    let contexts = contexts_of(&stopped.payload()["transactionData"]);
    assert!(
        contexts
            .iter()
            .any(|context| context == "Transaction.Begin"),
        "{contexts:?}"
    );
    assert!(
        contexts.iter().any(|context| context == "Transaction.End"),
        "{contexts:?}"
    );
}

#[test]
fn tc_071_clock_aligned_meter_values() {
    let mut case = Setup::default().start();
    case.configure("ClockAlignedDataInterval", "2");
    case.configure("MeterValuesAlignedData", "Energy.Active.Import.Register");
    case.configure("StopTxnAlignedData", "Energy.Active.Import.Register");
    case.charging(1);
    let aligned = |payload: &serde_json::Value| {
        contexts_of(&payload["meterValue"]).contains(&"Sample.Clock".to_owned())
            && payload["transactionId"].is_i64()
    };
    for _ in 0..2 {
        let values = case.call_within("MeterValues", SOON, aligned);
        let time = values.payload()["meterValue"][0]["timestamp"]
            .as_str()
            .unwrap()
            .to_owned();
        let second: u32 = time[17..19].parse().unwrap();
        assert_eq!(second % 2, 0, "{time} is no multiple of 2 s after midnight");
    }
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    let contexts = contexts_of(&stopped.payload()["transactionData"]);
    assert!(
        contexts.iter().any(|context| context == "Sample.Clock"),
        "{contexts:?}"
    );
}

fn contexts_of(meter_values: &serde_json::Value) -> Vec<String> {
    let values = meter_values.as_array().cloned().unwrap_or_default();
    let samples = values
        .iter()
        .flat_map(|value| value["sampledValue"].as_array().into_iter());
    let context = |sample: &serde_json::Value| {
        sample["context"]
            .as_str()
            .unwrap_or("Sample.Periodic")
            .to_owned()
    };
    samples.flatten().map(context).collect()
}

#[test]
fn nothing_is_metered_after_the_transaction() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "1");
    case.configure("ClockAlignedDataInterval", "0");
    one_session(&mut case);
    case.forget();
    case.no_call_for("MeterValues", Duration::from_secs(3));
}
