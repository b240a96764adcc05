//! Central systems that send what they should not. The standard's error comes back, and nothing changes.

use std::time::Duration;

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

#[test]
fn a_missing_field_is_an_occurence_constraint_violation() {
    let mut case = Setup::default().start();
    let code = case.ask_wrongly("ChangeConfiguration", json!({"key": "HeartbeatInterval"}));
    assert!(
        [
            "OccurenceConstraintViolation",
            "FormationViolation",
            "ProtocolError"
        ]
        .contains(&code.as_str()),
        "{code}"
    );
    is_well(&mut case);
}

#[test]
fn a_wrong_type_is_a_type_constraint_violation() {
    let mut case = Setup::default().start();
    let code = case.ask_wrongly("RemoteStopTransaction", json!({"transactionId": {"no": 1}}));
    assert!(
        ["TypeConstraintViolation", "FormationViolation"].contains(&code.as_str()),
        "{code}"
    );
    is_well(&mut case);
}

#[test]
fn a_too_long_text_is_a_constraint_violation() {
    let mut case = Setup::default().start();
    let long = "x".repeat(21);
    let code = case.ask_wrongly("RemoteStartTransaction", json!({"idTag": long}));
    assert!(
        [
            "PropertyConstraintViolation",
            "TypeConstraintViolation",
            "FormationViolation"
        ]
        .contains(&code.as_str()),
        "{code}"
    );
    case.no_status(1, "Preparing");
    is_well(&mut case);
}

#[test]
fn a_value_outside_the_enumeration_is_a_property_constraint_violation() {
    let mut case = Setup::default().start();
    let code = case.ask_wrongly("Reset", json!({"type": "Gentle"}));
    assert!(
        [
            "PropertyConstraintViolation",
            "TypeConstraintViolation",
            "FormationViolation"
        ]
        .contains(&code.as_str()),
        "{code}"
    );
    is_well(&mut case);
}

#[test]
fn an_additional_field_is_harmless() {
    let mut case = Setup::default().start();
    let payload = json!({"key": ["HeartbeatInterval"], "colour": "blue"});
    let code = case.ask_wrongly("GetConfiguration", payload);
    assert!(
        ["accepted", "FormationViolation"].contains(&code.as_str()),
        "{code}"
    );
    is_well(&mut case);
}

#[test]
fn an_unknown_action_is_not_implemented() {
    let mut case = Setup::default().start();
    let code = case.ask_wrongly("MakeCoffee", json!({}));
    assert_eq!(code, "NotImplemented");
    is_well(&mut case);
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
    // Whether and how the station answers such frames is its own choice, as long as it stays in the standard's forms.
    case.tolerate("to no call of ours");
    for text in garbage {
        raw(&mut case, text);
    }
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
    let start = std::time::Instant::now();
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
    let call =
        json!([2, "twice", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"}]);
    case.peer.command(json!({
        "do": "raw", "text": call.to_string(), "id": "twice", "action": "ChangeConfiguration"
    }));
    raw(&mut case, &call.to_string());
    case.peer.expect("answer", SOON, |event| {
        event["event"] == "result" && event["id"] == "twice"
    });
    assert_eq!(case.configured("HeartbeatInterval"), "77");
}

#[test]
fn a_late_answer_is_ignored() {
    let mut case = Setup::default().start();
    case.station.plug_in(1);
    case.status(1, "Preparing");
    raw(
        &mut case,
        &json!([3, "long-gone", {"idTagInfo": {"status": "Accepted"}}]).to_string(),
    );
    case.no_call("StartTransaction");
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
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
        case.peer
            .refuse("preparing", Duration::from_millis(700), |event| {
                event["payload"]["status"] == "Preparing"
            });
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
        .setting("lock_only_if_authorized", true)
        .start();
    case.ask_for(
        "ChangeConfiguration",
        json!({"key": "MinimumStatusDuration", "value": "3"}),
        "Accepted",
    );
    case.forget();
    case.station.plug_in(1);
    std::thread::sleep(Duration::from_millis(1000));
    case.station.unplug(1);
    case.peer
        .refuse("short status", Duration::from_secs(4), |event| {
            event["payload"]["status"] == "Preparing"
        });
}

#[test]
fn pings_are_answered_and_sent() {
    let mut case = Setup::default().adapter("keep_alive_s", "1").start();
    std::thread::sleep(Duration::from_secs(3));
    case.ask("GetConfiguration", json!({"key": ["HeartbeatInterval"]}));
}
