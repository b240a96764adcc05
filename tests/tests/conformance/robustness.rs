//! Central systems that send what they should not. The standard's error comes back, and nothing changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{CARD, Case, QUIET, SOON, Setup};

/// The station still talks and still charges.
fn is_well(case: &mut Case) {
    case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
    case.forget();
    case.charging(1);
}

fn raw(case: &mut Case, text: &str) {
    case.peer.command(json!({"do": "raw", "text": text}));
}

/// A call with this payload gets exactly this code (docs/spec/ocpp16-errors.md), and nothing changes.
fn refused(action: &str, payload: Value, code: &str) {
    let mut case = Setup::default().start();
    assert_eq!(case.ask_wrongly(action, payload), code);
    case.no_call("StatusNotification");
    is_well(&mut case);
}

#[test]
fn a_missing_field_is_an_occurence_constraint_violation() {
    let payload = json!({"key": "HeartbeatInterval"});
    refused(
        "ChangeConfiguration",
        payload,
        "OccurenceConstraintViolation",
    );
}

#[test]
fn a_wrong_type_is_a_type_constraint_violation() {
    let payload = json!({"transactionId": {"no": 1}});
    refused("RemoteStopTransaction", payload, "TypeConstraintViolation");
}

#[test]
fn a_too_long_text_is_a_property_constraint_violation() {
    let payload = json!({"idTag": "x".repeat(21)});
    refused(
        "RemoteStartTransaction",
        payload,
        "PropertyConstraintViolation",
    );
}

#[test]
fn a_value_outside_the_enumeration_is_a_property_constraint_violation() {
    let payload = json!({"type": "Gentle"});
    refused("Reset", payload, "PropertyConstraintViolation");
}

#[test]
fn an_action_that_is_not_offered_is_not_supported() {
    // A charge point says it; it is not asked of one.
    refused("Heartbeat", json!({}), "NotSupported");
}

#[test]
fn an_additional_field_is_harmless() {
    let mut case = Setup::default().start();
    let payload = json!({"key": ["HeartbeatInterval"], "colour": "blue"});
    assert_eq!(case.ask_wrongly("GetConfiguration", payload), "accepted");
    is_well(&mut case);
}

/// Frames that are no calls, but can be recognised as such.
#[test]
fn a_malformed_call_gets_the_error_of_its_malformation() {
    let mut case = Setup::default().start();
    for (text, code) in [
        (r#"[2,"{id}"]"#, "ProtocolError"),
        (r#"[2,"{id}","Reset"]"#, "ProtocolError"),
        (
            r#"[2,"{id}","Reset",{"type":"Hard"},1]"#,
            "FormationViolation",
        ),
        (r#"[2,"{id}","Reset",[]]"#, "FormationViolation"),
        (r#"[2,"{id}","Reset","Hard"]"#, "FormationViolation"),
        (r#"[2,"{id}",null,{"type":"Hard"}]"#, "FormationViolation"),
        (r#"[2,"{id}","Reset",{"type":"Hard""#, "FormationViolation"),
        (r#"[2,"{id}","Reset",null]"#, "OccurenceConstraintViolation"),
    ] {
        let id = format!("bad-{}", text.len());
        let sent = text.replace("{id}", &id);
        case.peer
            .command(json!({"do": "raw", "text": sent, "id": id, "action": "Reset"}));
        let answer = case
            .peer
            .expect(&format!("answer to {sent}"), SOON, |event| {
                event["id"] == id && (event["event"] == "result" || event["event"] == "error")
            });
        assert_eq!(answer.event["code"], code, "{sent}: {}", answer.event);
    }
    case.no_call("BootNotification");
    is_well(&mut case);
}

#[test]
fn an_unknown_action_is_not_implemented() {
    refused("MakeCoffee", json!({}), "NotImplemented");
}

#[test]
fn garbage_changes_nothing() {
    let mut case = Setup::default().start();
    let nested = "[".repeat(5000);
    let garbage = [
        "",
        "{",
        "null",
        "[]",
        "[2]",
        "[2,\"a\"]",
        "[2,\"a\",\"Reset\"]",
        "[9,\"a\",\"Reset\",{}]",
        "[2,7,\"Reset\",{\"type\":\"Hard\"}]",
        "[2,\"a\",\"Reset\",[]]",
        "[2,\"a\",null,{}]",
        "[3]",
        "[3,\"nobody\",{}]",
        "[4,\"nobody\",\"InternalError\",\"\",{}]",
        "\u{0}\u{1}",
        &nested,
    ];
    // The answers to those that can be recognised as calls are to no call that the peer knows of.
    case.tolerate("to no call of ours");
    case.forget();
    for text in garbage {
        raw(&mut case, text);
    }
    // Neither a reset nor a lost connection.
    case.peer.refuse("a reset", QUIET, |event| {
        event["event"] == "close" || event["action"] == "BootNotification"
    });
    is_well(&mut case);
}

/// Half a surrogate pair is no character; JSON can write it all the same.
#[test]
fn text_that_is_no_unicode_is_refused() {
    let mut case = Setup::default().start();
    let text = r#"[2,"half","DataTransfer",{"vendorId":"\ud800"}]"#;
    case.peer.command(json!({
        "do": "raw", "text": text, "id": "half", "action": "DataTransfer"
    }));
    let answer = case
        .peer
        .expect("an error", SOON, |event| event["id"] == "half");
    assert_eq!(answer.event["code"], "FormationViolation");
    is_well(&mut case);
}

/// Latin-1 in a text frame: the WebSocket is broken by that, and must be made anew. Nothing of it is executed.
#[test]
fn text_in_another_encoding_breaks_the_connection_and_nothing_else() {
    let mut case = Setup::default().start();
    let text = "[2,\"x\",\"Reset\",{\"type\":\"Hard\",\"why\":\"caf\u{e9}\"}]";
    let hex: String = text.chars().map(|c| format!("{:02x}", c as u32)).collect();
    case.forget();
    case.peer.command(json!({"do": "raw", "hex": hex}));
    let closed = case
        .peer
        .expect("the end of the connection", SOON, |event| {
            event["event"] == "close"
        });
    // RFC 6455, 8.1: the connection must fail. It has 1007 for this but orders no code; 1002 is what the station's library says.
    let code = closed.event["code"].as_u64().unwrap();
    assert!([1002, 1007].contains(&code), "{code}");
    case.opened();
    case.no_call("BootNotification");
    is_well(&mut case);
}

#[test]
fn a_huge_frame_does_not_hurt() {
    let mut case = Setup::default().start();
    let huge = "y".repeat(3_000_000);
    case.tolerate("to no call of ours");
    raw(
        &mut case,
        &json!([2, "big", "DataTransfer", {"vendorId": "v", "data": huge}]).to_string(),
    );
    std::thread::sleep(QUIET);
    let start = Instant::now();
    // The station may close the connection for it; then it must come back.
    loop {
        let id = case.peer.send_call(
            "GetConfiguration",
            json!({"key": ["HeartbeatInterval"]}),
            false,
        );
        let answers = |event: &Value| event["id"] == id && event["event"] == "result";
        std::thread::sleep(Duration::from_millis(500));
        if !case.peer.all(answers).is_empty() {
            return;
        }
        assert!(start.elapsed() < SOON, "the station does not come back");
    }
}

#[test]
fn a_doubled_message_id_is_answered_and_executed_once() {
    let mut case = Setup::default().start();
    case.tolerate("an answer twice");
    let call = json!([2, "twice", "TriggerMessage", {"requestedMessage": "Heartbeat"}]);
    case.peer.command(json!({
        "do": "raw", "text": call.to_string(), "id": "twice", "action": "TriggerMessage"
    }));
    raw(&mut case, &call.to_string());
    case.peer.expect("answer", SOON, |event| {
        event["event"] == "result" && event["id"] == "twice"
    });
    case.peer.expect("the answer again", SOON, |event| {
        event["event"] == "violation" && event["what"] == "an answer twice"
    });
    case.call("Heartbeat");
    case.no_call("Heartbeat");
}

#[test]
fn a_late_answer_is_ignored() {
    let mut case = Setup::default().start();
    case.plugged(1);
    raw(
        &mut case,
        &json!([3, "long-gone", {"idTagInfo": {"status": "Accepted"}}]).to_string(),
    );
    case.no_call("StartTransaction");
    case.station.swipe(1, CARD);
    let asked = case.call("Authorize");
    let started = case.call("StartTransaction");
    case.status(1, "Charging");
    // An answer to a question that was answered already does not undo the first.
    let invalid = json!({"idTagInfo": {"status": "Invalid"}});
    for answered in [asked.id(), started.id()] {
        raw(&mut case, &json!([3, answered, invalid]).to_string());
    }
    case.no_call("StopTransaction");
    assert_eq!(case.station.status()["evses"][0]["contactor"], "closed");
}

#[test]
fn an_answer_of_the_wrong_shape_accepts_no_card() {
    let mut case = Setup::default().start();
    for raw in [
        r#"[3,"{id}",{}]"#,
        r#"[3,"{id}",{"idTagInfo":{}}]"#,
        r#"[3,"{id}",{"idTagInfo":{"status":"Perhaps"}}]"#,
        r#"[3,"{id}",{"idTagInfo":{"status":["Accepted"]}}]"#,
        r#"[3,"{id}",null]"#,
        r#"[4,"{id}","InternalError","",{}]"#,
    ] {
        case.peer
            .command(json!({"do": "answer", "action": "Authorize", "raw": raw, "times": 1}));
        case.station.swipe(1, CARD);
        case.call("Authorize");
        std::thread::sleep(Duration::from_millis(700));
        let status = case.station.status();
        assert_eq!(
            status["evses"][0]["connector"]["authorized"], false,
            "{raw}: {status}"
        );
    }
    is_well(&mut case);
}

#[test]
fn a_transaction_id_of_64_bits_comes_back_unchanged() {
    let mut case = Setup::default().start();
    let large: i64 = (1 << 53) + 1;
    let raw =
        format!(r#"[3,"{{id}}",{{"idTagInfo":{{"status":"Accepted"}},"transactionId":{large}}}]"#);
    case.peer
        .command(json!({"do": "answer", "action": "StartTransaction", "raw": raw, "times": 1}));
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
    case.status(1, "Charging");
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), large);
}

#[test]
fn numbers_as_text_and_times_without_zone_are_understood() {
    let mut case = Setup::default().prepare();
    let raw =
        r#"[3,"{id}",{"status":"Accepted","currentTime":"2031-05-06T07:08:09","interval":"300"}]"#;
    case.peer
        .command(json!({"do": "answer", "action": "BootNotification", "raw": raw}));
    case.station.start();
    case.booted();
}

#[test]
fn minimum_status_duration_hides_what_lasts_shorter() {
    let mut case = Setup::default()
        .on_either()
        .setting("lock_only_if_authorized", true)
        .start();
    case.ask_for(
        "ChangeConfiguration",
        json!({"key": "MinimumStatusDuration", "value": "3"}),
        "Accepted",
    );
    case.forget();
    case.plugged(1);
    case.station.unplug(1);
    case.peer
        .refuse("short status", Duration::from_secs(4), |event| {
            event["payload"]["status"] == "Preparing"
        });
    let start = Instant::now();
    case.station.plug_in(1);
    case.status(1, "Preparing");
    assert!(start.elapsed() >= Duration::from_secs(3));
}

#[test]
fn pings_are_answered() {
    let mut case = Setup::default().start();
    case.peer.command(json!({"do": "ping"}));
    case.peer
        .expect("pong", SOON, |event| event["event"] == "pong");
}

fn pings(case: &mut Case) -> usize {
    case.forget();
    std::thread::sleep(Duration::from_millis(4_500));
    case.peer.all(|event| event["event"] == "ping").len()
}

#[test]
fn web_socket_ping_interval_is_kept_and_can_be_changed() {
    let mut case = Setup::default().adapter("keep_alive_s", "1").start();
    assert_eq!(case.configured("WebSocketPingInterval"), "1");
    let often = pings(&mut case);
    assert!((3..=5).contains(&often), "{often} pings in 4.5 s");
    // 0 is off.
    case.forget();
    case.configure("WebSocketPingInterval", "0");
    // It takes a new connection, which is made when the backend has asked for nothing for a while.
    case.peer
        .expect("a new connection", SOON, |event| event["event"] == "open");
    assert_eq!(pings(&mut case), 0);
}
