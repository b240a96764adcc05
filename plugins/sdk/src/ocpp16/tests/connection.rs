//! Statuses, faults, triggers, heartbeat, connection, observers.

use super::*;

// acceptance: P92, P93
#[test]
fn strategy_decides_when_a_connector_is_no_longer_available() {
    let plugged = ConnectorStatus {
        plugged: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        ..free(1)
    };
    let mut either = Host::online(&[("status_strategy", "occupied-on-authorized")]);
    either.give(Input::Connector(plugged.clone()));
    assert_eq!(either.take("StatusNotification").1["status"], "Preparing");
    let mut both = Host::online(&[("status_strategy", "occupied-on-charging")]);
    both.give(Input::Connector(plugged.clone()));
    assert!(!both.has_sent("StatusNotification"));
    both.give(Input::Connector(ConnectorStatus {
        authorized: true,
        ..plugged
    }));
    assert_eq!(both.take("StatusNotification").1["status"], "Preparing");
}

// acceptance: P94
#[test]
fn charging_is_told_in_state_c_only_or_already_in_state_b() {
    let started = ConnectorStatus {
        plugged: true,
        authorized: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        transaction: Some(1),
        ..free(1)
    };
    for (setting, word) in [("true", "Preparing"), ("false", "Charging")] {
        let mut host = Host::online(&[("preparing_until_c", setting)]);
        host.give(Input::Connector(started.clone()));
        assert_eq!(host.take("StatusNotification").1["status"], word);
    }
}

/// Online, with a minimum duration of statuses.
fn patient(seconds: &str) -> Host {
    let mut host = Host::online(&[]);
    let change = json!({"key": "MinimumStatusDuration", "value": seconds});
    host.call("a", "ChangeConfiguration", &change);
    assert_eq!(host.taken_answer("a")[2]["status"], "Accepted");
    host
}

fn plugged() -> ConnectorStatus {
    ConnectorStatus {
        plugged: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        ..free(1)
    }
}

#[test]
fn status_that_lasts_shorter_than_the_minimum_is_not_told() {
    let mut host = patient("3");
    host.give(Input::Connector(plugged()));
    host.wait(2_999);
    assert!(!host.has_sent("StatusNotification"));
    host.give(Input::Connector(free(1)));
    host.wait(60_000);
    assert!(
        !host.has_sent("StatusNotification"),
        "it is as it was told before"
    );
}

#[test]
fn status_that_lasts_the_minimum_is_told_by_itself_with_the_time_it_began() {
    let mut host = patient("3");
    host.wait(1_000);
    host.give(Input::Connector(plugged()));
    let wake = host
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::WakeAt(at) => *at,
            _ => None,
        });
    assert_eq!(wake, Some(Instant::from_millis(4_000)));
    host.wait(3_000);
    let told = host.answer("StatusNotification", &json!({}));
    assert_eq!(told["status"], "Preparing");
    let began = told["timestamp"].as_str().unwrap();
    assert!(began.starts_with("2027-01-15T08:00:01"), "{began}");
    // Told once, and the key is the same for a new instance.
    host.wait(10_000);
    assert!(!host.has_sent("StatusNotification"));
    assert_eq!(host.store["cfg/MinimumStatusDuration"], b"3");
}

#[test]
fn every_change_begins_the_minimum_anew_and_a_trigger_does_not_wait_for_it() {
    let mut host = patient("3");
    host.give(Input::Connector(plugged()));
    host.wait(2_000);
    let charging = ConnectorStatus {
        authorized: true,
        pilot: PilotState::C,
        charging: ChargingState::Charging,
        transaction: Some(1),
        ..plugged()
    };
    host.give(Input::Connector(charging));
    host.wait(2_000);
    assert!(!host.has_sent("StatusNotification"));
    let trigger = json!({"requestedMessage": "StatusNotification", "connectorId": 1});
    host.call("t", "TriggerMessage", &trigger);
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Charging"
    );
    host.wait(1_000);
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Charging"
    );
}

#[test]
fn first_status_after_a_boot_does_not_wait() {
    let mut host = patient("3600");
    host.boot_count = 2;
    host.replace(false);
    host.link_up();
    host.answer_boot("Accepted", 300);
    assert_eq!(host.answer_all(&json!({})).len(), 3);
}

#[test]
fn fault_that_does_not_stop_is_told_with_the_present_status_and_taken_back() {
    let notice = |active| FaultNotice {
        evse_id: Some(1),
        id: "SPD".to_owned(),
        code: "OtherError".to_owned(),
        vendor_code: "B_SPD".to_owned(),
        message: "surge protection tripped; this text is much longer than fifty characters"
            .to_owned(),
        active,
        stops_transaction: false,
        kind: NoticeKind::Error,
        at: moment(0),
    };
    let mut host = Host::online(&[]);
    host.give(Input::Fault(notice(true)));
    let told = host.answer("StatusNotification", &json!({}));
    assert_eq!(
        (
            told["status"].clone(),
            told["errorCode"].clone(),
            told["vendorErrorCode"].clone()
        ),
        (json!("Available"), json!("OtherError"), json!("B_SPD"))
    );
    assert_eq!(told["info"].as_str().unwrap().chars().count(), 50);
    host.give(Input::Fault(notice(false)));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["errorCode"],
        "NoError"
    );
    let mut muted = Host::online(&[("send_error_notifications", "false")]);
    muted.give(Input::Fault(notice(true)));
    assert!(!muted.has_sent("StatusNotification"));
}

#[test]
fn tc_054_triggered_message_follows_the_answer() {
    let mut host = Host::online(&[]);
    for (id, what) in [
        ("a", "Heartbeat"),
        ("b", "FirmwareStatusNotification"),
        ("c", "BootNotification"),
    ] {
        host.call(id, "TriggerMessage", &json!({"requestedMessage": what}));
        assert_eq!(host.sent[0][2]["status"], "Accepted");
        assert_eq!(host.sent[1][2], what);
        host.sent.clear();
        host.wait(60_000);
        host.sent.clear();
    }
    host.call(
        "x",
        "TriggerMessage",
        &json!({"requestedMessage": "MeterValues", "connectorId": 9}),
    );
    assert_eq!(host.taken_answer("x")[2]["status"], "Rejected");
    host.call(
        "y",
        "TriggerMessage",
        &json!({"requestedMessage": "Weather"}),
    );
    assert_eq!(host.taken_answer("y")[2]["status"], "NotImplemented");
}

#[test]
fn pauses_between_connects_grow_up_to_the_maximum_and_differ_between_stations() {
    let mut host = Host::with(&[("reconnect_base_s", "2"), ("reconnect_max_s", "30")]);
    let mut last = 0;
    for _ in 0..8 {
        host.link_down();
        let pause = host.adapter.reconnect_at.unwrap().as_millis() - host.now;
        assert!((2_000..=38_000).contains(&pause), "{pause}");
        assert!(pause >= last || pause >= 30_000, "{pause} after {last}");
        last = pause;
        host.wait(pause);
        let connects = host
            .commands
            .iter()
            .filter(|command| matches!(command, Command::Connect(_)))
            .count();
        assert!(connects > 0);
        host.commands.clear();
    }
}

// acceptance: C141, P83
#[test]
fn heartbeat_is_forced_or_left_out_while_other_messages_show_life() {
    for (force, beats) in [("true", true), ("false", false)] {
        let mut host = Host::online(&[("force_heartbeat", force)]);
        host.wait(200_000);
        host.authorize(1);
        host.answer("Authorize", &json!({"idTagInfo": {"status": "Accepted"}}));
        host.wait(100_000);
        assert_eq!(
            host.has_sent("Heartbeat"),
            beats,
            "force_heartbeat = {force}"
        );
    }
}

// acceptance: P80, P82, P85
#[test]
fn connection_carries_keep_alive_password_and_time_out() {
    let mut host = Host::with(&[
        ("keep_alive_s", "45"),
        ("basic_auth_password", "secret-of-16-chars"),
        ("connection_timeout_s", "20"),
    ]);
    let connect = host.commands.iter().find_map(|command| match command {
        Command::Connect(request) => Some(request.clone()),
        _ => None,
    });
    let connect = connect.unwrap();
    assert_eq!((connect.keep_alive_s, connect.timeout_s), (45, 20));
    assert_eq!(
        connect.basic_auth,
        Some(("PW 1".to_owned(), b"secret-of-16-chars".to_vec()))
    );
    assert_eq!(connect.subprotocols, ["ocpp1.6"]);
    assert_eq!(connect.url, "ws://127.0.0.1:1/ocpp/PW%201");
    host.call("x", "Reset", &json!({"type": "Soft"}));
}

#[test]
fn observer_obeys_nobody() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    host.started(3);
    host.answer("StartTransaction", &start_answer(3, "Accepted"));
    host.commands.clear();
    for (id, action, payload) in [
        (
            "a",
            "RemoteStartTransaction",
            json!({"idTag": "x", "connectorId": 1}),
        ),
        ("b", "RemoteStopTransaction", json!({"transactionId": 3})),
        ("c", "Reset", json!({"type": "Hard"})),
        (
            "d",
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Inoperative"}),
        ),
        (
            "e",
            "ChangeConfiguration",
            json!({"key": "HeartbeatInterval", "value": "1"}),
        ),
    ] {
        host.call(id, action, &payload);
        assert_eq!(host.taken_answer(id)[2]["status"], "Rejected", "{action}");
    }
    assert!(host.commands.is_empty(), "{:?}", host.commands);
}

#[test]
fn entry_without_a_time_waits() {
    let mut host = Host::online(&[]);
    let at = Moment {
        at: Instant::ZERO,
        wall: None,
    };
    let event = JournalEvent::Security("door opened".to_owned());
    host.give(Input::Journal(JournalEntry { seq: 1, at, event }));
    assert_eq!(host.cursor, 0);
}

#[test]
fn setting_that_makes_no_sense_is_said_in_the_adapters_state() {
    let mut host = Host::with(&[("id_token_format", "sideways"), ("keep_alive_s", "often")]);
    let state = |host: &Host| {
        host.commands
            .iter()
            .rev()
            .find_map(|command| match command {
                Command::State(state) => Some(state.detail.clone()),
                _ => None,
            })
    };
    for _ in 0..2 {
        let detail = state(&host).unwrap();
        assert!(
            detail.ends_with("default used: keep_alive_s, id_token_format"),
            "{detail}"
        );
        host.link_up();
        host.commands
            .retain(|command| matches!(command, Command::State(_)));
    }
    let plain = Host::with(&[]);
    assert_eq!(state(&plain).as_deref(), Some("Connecting"));
}
