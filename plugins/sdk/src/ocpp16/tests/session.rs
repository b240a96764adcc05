//! Registration, sessions, remote commands, keys.

use super::*;

#[test]
fn tc_001_rejected_boot_is_silent_for_the_interval_and_then_tries_again() {
    let mut host = Host::new();
    host.link_up();
    host.answer_boot("Rejected", 5);
    host.call("a", "GetConfiguration", &json!({}));
    host.wait(4_000);
    assert!(host.sent.is_empty(), "{:?}", host.sent);
    host.wait(1_000);
    host.answer_boot("Accepted", 60);
    let told = host.answer_all(&json!({}));
    let connectors: Vec<_> = told
        .iter()
        .map(|frame| frame[3]["connectorId"].clone())
        .collect();
    assert_eq!(connectors, [0, 1, 2]);
    assert!(told.iter().all(|frame| frame[3]["status"] == "Available"));
    host.wait(60_000);
    assert!(host.has_sent("Heartbeat"));
}

// acceptance: C139, J25
#[test]
fn tc_002_pending_boot_answers_questions_and_refuses_remote_starts() {
    let mut host = Host::new();
    host.link_up();
    host.answer_boot("Pending", 2);
    host.call(
        "a",
        "GetConfiguration",
        &json!({"key": ["NumberOfConnectors"]}),
    );
    assert_eq!(
        host.taken_answer("a")[2]["configurationKey"][0]["value"],
        "2"
    );
    host.call(
        "b",
        "RemoteStartTransaction",
        &json!({"idTag": "x", "connectorId": 1}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "Rejected");
    assert!(host.sent.is_empty());
    host.wait(2_000);
    host.answer_boot("Accepted", 60);
    assert!(host.has_sent("StatusNotification"));
}

#[test]
fn boot_that_nobody_answers_is_sent_again() {
    let mut host = Host::new();
    host.link_up();
    host.take("BootNotification");
    host.wait(60_000);
    host.wait(10_000);
    assert!(host.has_sent("BootNotification"));
}

// acceptance: C142, C143, C144, C145, C140, J31, C127
#[test]
fn tc_003_session_is_reported_from_card_to_end() {
    let mut host = Host::online(&[]);
    host.give(Input::Connector(ConnectorStatus {
        plugged: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        ..free(1)
    }));
    let status = host.answer("StatusNotification", &json!({}));
    assert_eq!(
        (status["connectorId"].clone(), status["status"].clone()),
        (json!(1), json!("Preparing"))
    );
    host.authorize(7);
    let request = host.answer("Authorize", &json!({"idTagInfo": {"status": "Accepted"}}));
    assert_eq!(request["idTag"], "0a0e9b83");
    assert_eq!(host.verdict(), Some((7, Decision::Accepted)));
    host.started(1);
    let start = host.answer("StartTransaction", &start_answer(4_711, "Accepted"));
    assert_eq!(
        start,
        json!({"connectorId": 1, "idTag": "0a0e9b83", "meterStart": 1000, "timestamp": start["timestamp"]})
    );
    assert!(host.outbox.is_empty());
    let charging = ConnectorStatus {
        plugged: true,
        authorized: true,
        pilot: PilotState::C,
        charging: ChargingState::Charging,
        transaction: Some(1),
        ..free(1)
    };
    host.give(Input::Connector(charging.clone()));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Charging"
    );
    host.metered(1, ReadingContext::SamplePeriodic);
    let values = host.answer("MeterValues", &json!({}));
    assert_eq!(values["transactionId"], 4_711);
    let samples = values["meterValue"][0]["sampledValue"].as_array().unwrap();
    assert_eq!(samples.len(), 1, "the state of charge is not asked for");
    assert_eq!(samples[0]["value"], "2000");
    assert_eq!(samples[0]["context"], "Sample.Periodic");
    host.ended(1);
    let stop = host.answer(
        "StopTransaction",
        &json!({"idTagInfo": {"status": "Accepted"}}),
    );
    assert_eq!(
        (
            stop["transactionId"].clone(),
            stop["meterStop"].clone(),
            stop["reason"].clone()
        ),
        (json!(4_711), json!(3_000), json!("Local"))
    );
    host.give(Input::Connector(ConnectorStatus {
        transaction: None,
        finishing: true,
        charging: ChargingState::EvConnected,
        ..charging
    }));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Finishing"
    );
    assert!(host.outbox.is_empty() && !host.store.contains_key("out"));
    assert!(!host.store.keys().any(|key| key.starts_with("tx/")));
}

// acceptance: C128, C13, J29, C126, T111
#[test]
fn tc_010_remote_start_is_answered_with_what_the_station_says() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(host.commands.iter().any(|command| matches!(command, Command::RequestStart(r) if r.authorize_first && r.evse_id == Some(1))));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("a")[2]["status"], "Accepted");
    host.call(
        "b",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    host.outcome(OutcomeKind::Rejected);
    assert_eq!(host.taken_answer("b")[2]["status"], "Rejected");
}

// acceptance: P103
#[test]
fn tc_010_remote_start_asks_for_a_verdict_only_if_the_key_says_so() {
    let mut host = Host::online(&[("authorize_remote_start", "false")]);
    host.call(
        "a",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStart(r) if !r.authorize_first))
    );
    host.call(
        "b",
        "ChangeConfiguration",
        &json!({"key": "AuthorizeRemoteTxRequests", "value": "true"}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    host.commands.clear();
    host.call(
        "c",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStart(r) if r.authorize_first))
    );
}

#[test]
fn tc_027_remote_start_on_connector_0_or_an_unknown_one_is_rejected() {
    let mut host = Host::online(&[]);
    for (id, connector) in [("a", 0), ("b", 99)] {
        host.call(
            id,
            "RemoteStartTransaction",
            &json!({"idTag": "remote", "connectorId": connector}),
        );
        assert_eq!(host.taken_answer(id)[2]["status"], "Rejected");
    }
}

// acceptance: C129, C126, T111
#[test]
fn tc_012_and_028_remote_stop_finds_the_transaction_by_the_backends_number() {
    let mut host = Host::online(&[]);
    host.started(9);
    host.answer("StartTransaction", &start_answer(5_000_000_000, "Accepted"));
    host.call("a", "RemoteStopTransaction", &json!({"transactionId": 1}));
    assert_eq!(host.taken_answer("a")[2]["status"], "Rejected");
    host.call(
        "b",
        "RemoteStopTransaction",
        &json!({"transactionId": 5_000_000_000_i64}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStop(r) if r.transaction == 9))
    );
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
}

// acceptance: C131, C132, C126, T108
#[test]
fn tc_013_to_018_reset_availability_and_unlock_are_the_stations_to_decide() {
    let mut host = Host::online(&[]);
    for (action, payload, kind, word) in [
        (
            "Reset",
            json!({"type": "Soft"}),
            OutcomeKind::Accepted,
            "Accepted",
        ),
        (
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Inoperative"}),
            OutcomeKind::Scheduled,
            "Scheduled",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 1}),
            OutcomeKind::Failed,
            "UnlockFailed",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 2}),
            OutcomeKind::NotSupported,
            "NotSupported",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 1}),
            OutcomeKind::Accepted,
            "Unlocked",
        ),
    ] {
        let id = format!("{action}{word}");
        host.call(&id, action, &payload);
        host.outcome(kind);
        assert_eq!(host.taken_answer(&id)[2]["status"], word);
    }
    host.call("x", "UnlockConnector", &json!({"connectorId": 99}));
    assert_eq!(host.taken_answer("x")[2]["status"], "NotSupported");
}

// acceptance: C134
#[test]
fn tc_007_and_061_cached_token_is_accepted_at_once_until_the_cache_is_cleared() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "ChangeConfiguration",
        &json!({"key": "LocalPreAuthorize", "value": "true"}),
    );
    host.taken_answer("a");
    host.authorize(1);
    host.answer(
        "Authorize",
        &json!({"idTagInfo": {"status": "Accepted", "parentIdTag": "group"}}),
    );
    host.verdict();
    host.authorize(2);
    assert!(!host.has_sent("Authorize"));
    assert_eq!(host.verdict(), Some((2, Decision::Accepted)));
    // It survives a new instance.
    host.replace(true);
    host.answer_all(&json!({}));
    host.authorize(3);
    assert_eq!(host.verdict(), Some((3, Decision::Accepted)));
    host.call("b", "ClearCache", &json!({}));
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    host.authorize(4);
    assert!(host.has_sent("Authorize"));
}

#[test]
fn tc_023_refused_token_is_refused_with_its_reason() {
    let mut host = Host::online(&[]);
    for (request, word, decision) in [
        (1, "Invalid", Decision::Invalid),
        (2, "Expired", Decision::Expired),
        (3, "Blocked", Decision::Blocked),
        (4, "ConcurrentTx", Decision::Concurrent),
    ] {
        host.authorize(request);
        host.answer("Authorize", &json!({"idTagInfo": {"status": word}}));
        assert_eq!(host.verdict(), Some((request, decision)));
    }
}

#[test]
fn silence_refusal_and_nonsense_of_the_backend_accept_nobody() {
    let mut host = Host::online(&[]);
    host.authorize(1);
    host.take("Authorize");
    host.wait(60_000);
    assert_eq!(host.verdict(), Some((1, Decision::NoOpinion)));
    host.authorize(2);
    let (id, _) = host.take("Authorize");
    host.give(Input::Frame(
        json!([4, id, "InternalError", "", {}]).to_string(),
    ));
    assert_eq!(host.verdict(), Some((2, Decision::NoOpinion)));
    host.authorize(3);
    host.answer("Authorize", &json!({"idTagInfo": {"status": "Perhaps"}}));
    assert_eq!(host.verdict(), Some((3, Decision::NoOpinion)));
    host.link_down();
    host.authorize(4);
    assert_eq!(host.verdict(), Some((4, Decision::NoOpinion)));
}

#[test]
fn card_is_left_to_others_when_its_own_time_is_up() {
    for (settings, seconds) in [
        (vec![], 20),
        (vec![("authorize_timeout_s", "5")], 5),
        // Never later than any other answer.
        (vec![("connection_timeout_s", "7")], 7),
        // Never later than the station gives up by itself.
        (vec![("verdict_timeout_s", "10")], 9),
        (vec![("verdict_timeout_s", "1")], 1),
    ] {
        let mut host = Host::online(&settings);
        host.authorize(1);
        host.take("Authorize");
        let wake = host
            .commands
            .iter()
            .rev()
            .find_map(|command| match command {
                Command::WakeAt(at) => *at,
                _ => None,
            });
        assert_eq!(wake.unwrap().as_millis(), host.now + seconds * 1_000);
        host.wait(seconds * 1_000 - 1);
        assert_eq!(host.verdict(), None);
        host.wait(1);
        assert_eq!(host.verdict(), Some((1, Decision::NoOpinion)));
        host.wait(60_000);
        assert_eq!(host.verdict(), None, "one question, one verdict");
    }
}

#[test]
fn station_that_waits_shorter_now_is_answered_sooner() {
    let mut host = Host::online(&[]);
    host.give(Input::SettingChanged(Setting {
        key: "verdict_timeout_s".to_owned(),
        value: "4".to_owned(),
    }));
    host.authorize(1);
    host.wait(3_000);
    assert_eq!(host.verdict(), Some((1, Decision::NoOpinion)));
}

#[test]
fn card_behind_a_call_that_nobody_answers_has_its_own_time_and_is_not_asked_afterwards() {
    let mut host = Host::online(&[]);
    host.started(1);
    let (id, _) = host.take("StartTransaction");
    host.authorize(1);
    assert!(!host.has_sent("Authorize"), "one call at a time");
    host.wait(20_000);
    assert_eq!(host.verdict(), Some((1, Decision::NoOpinion)));
    host.result(&id, &start_answer(1, "Accepted"));
    assert!(!host.has_sent("Authorize"));
    // The next card is asked as always.
    host.authorize(2);
    host.answer("Authorize", &json!({"idTagInfo": {"status": "Accepted"}}));
    assert_eq!(host.verdict(), Some((2, Decision::Accepted)));
}

#[test]
fn late_doubled_and_unknown_answers_change_nothing() {
    let mut host = Host::online(&[]);
    host.authorize(1);
    let (id, _) = host.take("Authorize");
    host.wait(60_000);
    host.verdict();
    let accepted = json!({"idTagInfo": {"status": "Accepted"}});
    host.result(&id, &accepted);
    host.result(&id, &accepted);
    host.result("nobody", &accepted);
    assert_eq!(host.verdict(), None);
    assert!(!host.store.keys().any(|key| key.starts_with("cache/")));
}

#[test]
fn transaction_message_keeps_id_and_text_over_lost_links_dead_instances_and_restarts() {
    let mut host = Host::online(&[]);
    host.started(1);
    let first = host.sent.clone();
    host.link_down();
    host.now += 400_000;
    host.link_up();
    assert_eq!(host.sent.pop(), first.last().cloned());
    host.replace(true);
    for _ in 0..3 {
        host.answer("StatusNotification", &json!({}));
    }
    assert_eq!(host.sent.pop(), first.last().cloned());
    // A restart of the station: boot first, then the same frame again.
    host.boot_count = 2;
    host.replace(false);
    host.sent.clear();
    host.link_up();
    host.sent.retain(|frame| frame[2] == "BootNotification");
    host.answer_boot("Accepted", 300);
    for _ in 0..3 {
        host.answer("StatusNotification", &json!({}));
    }
    assert_eq!(host.sent.last(), first.last());
    host.answer("StartTransaction", &start_answer(77, "Accepted"));
    assert!(host.outbox.is_empty());
    host.ended(1);
    assert_eq!(host.take("StopTransaction").1["transactionId"], 77);
}

#[test]
fn refused_transaction_message_is_tried_as_often_as_the_keys_say_and_then_given_up() {
    let mut host = Host::online(&[]);
    for (id, key, value) in [
        ("a", "TransactionMessageAttempts", "3"),
        ("b", "TransactionMessageRetryInterval", "10"),
    ] {
        host.call(
            id,
            "ChangeConfiguration",
            &json!({"key": key, "value": value}),
        );
        assert_eq!(host.taken_answer(id)[2]["status"], "Accepted");
    }
    host.started(1);
    let mut ids = Vec::new();
    for pause in [10_000, 20_000, 30_000] {
        let (id, _) = host.take("StartTransaction");
        host.give(Input::Frame(
            json!([4, id, "InternalError", "no", {}]).to_string(),
        ));
        ids.push(id);
        host.wait(pause - 1_000);
        assert!(!host.has_sent("StartTransaction"));
        host.wait(1_000);
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert!(host.outbox.is_empty());
    let said = host
        .commands
        .iter()
        .any(|command| matches!(command, Command::State(state) if state.last_error.is_some()));
    assert!(said);
}

#[test]
fn repetition_that_is_due_while_another_call_is_open_waits_for_it_and_wakes_nobody() {
    let mut host = Host::online(&[]);
    for (id, key, value) in [
        ("a", "TransactionMessageAttempts", "3"),
        ("b", "TransactionMessageRetryInterval", "10"),
    ] {
        host.call(
            id,
            "ChangeConfiguration",
            &json!({"key": key, "value": value}),
        );
        host.taken_answer(id);
    }
    host.started(1);
    let (id, _) = host.take("StartTransaction");
    host.give(Input::Frame(
        json!([4, id, "InternalError", "", {}]).to_string(),
    ));
    host.wait(9_000);
    let mut status = free(1);
    status.plugged = true;
    host.give(Input::Connector(status));
    let (open, _) = host.take("StatusNotification");
    // The repetition is due and cannot go: the host of these tests refuses to be asked for a wake-up in the past.
    host.wait(5_000);
    host.wait(5_000);
    assert!(!host.has_sent("StartTransaction"));
    host.result(&open, &json!({}));
    assert!(host.has_sent("StartTransaction"));
}

#[test]
fn tc_037_token_refused_in_start_transaction_is_told_to_the_station() {
    let mut host = Host::online(&[]);
    host.started(1);
    host.answer("StartTransaction", &start_answer(1, "Invalid"));
    let told = host.commands.iter().any(|command| {
        matches!(command, Command::TransactionVerdict(v) if v.transaction == 1 && v.verdict.decision == Decision::Invalid)
    });
    assert!(told);
}

// acceptance: C130, C133
#[test]
fn tc_019_021_and_040_keys_are_read_and_changed_as_the_standard_says() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "GetConfiguration",
        &json!({"key": ["SupportedFeatureProfiles", "NoSuchKey"]}),
    );
    let answer = host.taken_answer("a");
    assert!(
        answer[2]["configurationKey"][0]["value"]
            .as_str()
            .unwrap()
            .contains("Core")
    );
    assert_eq!(answer[2]["unknownKey"], json!(["NoSuchKey"]));
    host.call(
        "b",
        "ChangeConfiguration",
        &json!({"key": "NoSuchKey", "value": "1"}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "NotSupported");
    host.call(
        "c",
        "ChangeConfiguration",
        &json!({"key": "MeterValueSampleInterval", "value": "-1"}),
    );
    assert_eq!(host.taken_answer("c")[2]["status"], "Rejected");
    host.call(
        "d",
        "ChangeConfiguration",
        &json!({"key": "MeterValueSampleInterval", "value": "15"}),
    );
    assert!(host.commands.iter().any(|command| matches!(command, Command::SetSetting(s) if s.key == "meter_sample_interval_s" && s.value == "15")));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("d")[2]["status"], "Accepted");
    host.call(
        "e",
        "ChangeConfiguration",
        &json!({"key": "HeartbeatInterval", "value": "15"}),
    );
    host.taken_answer("e");
    host.replace(true);
    host.call(
        "f",
        "GetConfiguration",
        &json!({"key": ["HeartbeatInterval"]}),
    );
    assert_eq!(
        host.taken_answer("f")[2]["configurationKey"][0]["value"],
        "15"
    );
}

#[test]
fn energy_after_a_refused_token_is_one_setting_under_two_names() {
    let mut host = Host::online(&[("max_energy_on_invalid_wh", "0")]);
    let ask = json!({"key": ["MaxEnergyOnInvalidId"]});
    let told = |host: &mut Host, id: &str| {
        host.call(id, "GetConfiguration", &ask);
        host.taken_answer(id)[2]["configurationKey"][0].clone()
    };
    assert_eq!(
        told(&mut host, "before"),
        json!({"key": "MaxEnergyOnInvalidId", "readonly": false, "value": "0"})
    );
    // From the backend to the station.
    let change = |value: &str| json!({"key": "MaxEnergyOnInvalidId", "value": value});
    host.call("set", "ChangeConfiguration", &change("5000"));
    assert!(host.commands.iter().any(|command| matches!(command, Command::SetSetting(s) if s.key == "max_energy_on_invalid_wh" && s.value == "5000")));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("set")[2]["status"], "Accepted");
    // From the station to the backend, whoever changed it.
    host.give(Input::SettingChanged(Setting {
        key: "max_energy_on_invalid_wh".to_owned(),
        value: "7000".to_owned(),
    }));
    assert_eq!(told(&mut host, "after")["value"], "7000");
    host.call("bad", "ChangeConfiguration", &change("-1"));
    assert_eq!(host.taken_answer("bad")[2]["status"], "Rejected");
}

#[test]
fn tc_062_unknown_vendors_and_unknown_actions_get_the_standards_answers() {
    let mut host = Host::online(&[]);
    host.call("a", "DataTransfer", &json!({"vendorId": "nobody"}));
    assert_eq!(host.taken_answer("a")[2]["status"], "UnknownVendorId");
    host.call("b", "MakeCoffee", &json!({}));
    assert_eq!(host.taken_answer("b")[2], "NotImplemented");
    // A charge point says it; it is not asked of one.
    host.call("c", "Heartbeat", &json!({}));
    assert_eq!(host.taken_answer("c")[2], "NotSupported");
    host.call("d", "Reset", &json!({}));
    assert_eq!(host.taken_answer("d")[0], 4);
    host.give(Input::Frame("rubbish".to_owned()));
    host.give(Input::Frame("[]".to_owned()));
    assert!(host.sent.is_empty());
}

#[test]
fn repeated_call_of_the_backend_is_answered_alike_and_done_once() {
    let mut host = Host::online(&[]);
    let payload = json!({"key": "HeartbeatInterval", "value": "77"});
    host.call("a", "ChangeConfiguration", &payload);
    let first = host.taken_answer("a");
    host.call("a", "ChangeConfiguration", &payload);
    assert_eq!(host.taken_answer("a"), first);
}
