//! The central-system half: answers, the book of sessions, calls, and a peer that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

use ocpp::limits::{
    CALL_QUEUE_MAX, CALL_TIMEOUT, CSMS_EVENTS_MAX, CSMS_FRAMES_MAX, OWN_MESSAGE_ID_CHARS_MAX,
};
use ocpp::rpc::ErrorCode;
use ocpp::v16::csms::{CallNotIssued, ConcurrentUse, Csms, CsmsConfig, CsmsEvent, Stray};
use ocpp::v16::{
    Action, AuthorizationStatus, AvailabilityType, ChargePointStatus, HeartbeatRequest, IdTagInfo,
    IdToken, MessageTrigger, Reason, RegistrationStatus, ResetType, Response,
};
use serde_json::{Value, json};
use units::{Instant, Timestamp};

const WALL: i64 = 1_772_352_000_000; // 2026-03-01T08:00:00Z

struct Bench {
    csms: Csms,
    now: Instant,
    next: u32,
}

impl Bench {
    fn new() -> Self {
        let config = CsmsConfig::accepting(300)
            .with_token("CARD-1", AuthorizationStatus::Accepted)
            .with_token("CARD-2", AuthorizationStatus::Accepted)
            .with_token("STOLEN", AuthorizationStatus::Blocked);
        Self {
            csms: Csms::new(config, Instant::ZERO, Timestamp::from_unix_millis(WALL)),
            now: Instant::ZERO,
            next: 0,
        }
    }

    fn frame(&mut self, text: &str) -> Option<Value> {
        self.csms.handle_frame(self.now, text);
        self.csms
            .poll_frame()
            .map(|text| serde_json::from_str(&text).unwrap())
    }

    /// Sends a request with a fresh id and returns the payload of its result.
    fn ask(&mut self, action: &str, payload: Value) -> Value {
        self.next += 1;
        let id = format!("cp-{}", self.next);
        let answer = self
            .frame(&json!([2, id, action, payload]).to_string())
            .unwrap();
        assert_eq!(
            (&answer[0], &answer[1]),
            (&json!(3), &json!(id)),
            "{answer}"
        );
        answer[2].clone()
    }

    fn refused(&mut self, action: &str, payload: Value) -> (String, String) {
        self.next += 1;
        let text = json!([2, format!("cp-{}", self.next), action, payload]).to_string();
        let answer = self.frame(&text).unwrap();
        assert_eq!(answer[0], 4, "{answer}");
        (
            answer[2].as_str().unwrap().into(),
            answer[3].as_str().unwrap().into(),
        )
    }

    fn events(&mut self) -> Vec<CsmsEvent> {
        core::iter::from_fn(|| self.csms.poll_event()).collect()
    }

    fn last_event(&mut self) -> CsmsEvent {
        self.events().pop().unwrap()
    }

    fn boot(&mut self) -> Value {
        self.ask(
            "BootNotification",
            json!({ "chargePointVendor": "P", "chargePointModel": "T" }),
        )
    }
}

fn start(id_tag: &str, meter: i64, minute: u32) -> Value {
    json!({ "connectorId": 1, "idTag": id_tag, "meterStart": meter,
            "timestamp": format!("2026-03-01T08:{minute:02}:00Z") })
}

fn stop(transaction_id: &Value, meter: i64) -> Value {
    json!({ "transactionId": transaction_id, "meterStop": meter, "idTag": "CARD-1",
            "timestamp": "2026-03-01T09:00:00Z", "reason": "EVDisconnected" })
}

#[test]
fn a_boot_is_answered_with_status_interval_and_the_time_of_the_moment() {
    let mut bench = Bench::new();
    bench.now = Instant::from_millis(1_500);
    assert_eq!(
        bench.boot(),
        json!({ "status": "Accepted", "interval": 300, "currentTime": "2026-03-01T08:00:01.500Z" })
    );
    assert_eq!(
        bench.csms.registration(),
        Some(RegistrationStatus::Accepted)
    );
    bench.csms.config_mut().registration = RegistrationStatus::Pending;
    bench.csms.config_mut().interval_s = 7;
    let answer = bench.boot();
    assert_eq!(
        (&answer["status"], &answer["interval"]),
        (&json!("Pending"), &json!(7))
    );
}

#[test]
fn a_rejected_charge_point_gets_errors_and_bills_nothing() {
    let mut bench = Bench::new();
    bench.csms.config_mut().registration = RegistrationStatus::Rejected;
    bench.boot();
    let (code, _) = bench.refused("StartTransaction", start("CARD-1", 0, 1));
    assert_eq!(code, ErrorCode::ProtocolError.as_str());
    assert_eq!(bench.csms.book().sessions().count(), 0);
}

#[test]
fn requests_while_pending_are_answered_and_reported() {
    let mut bench = Bench::new();
    bench.csms.config_mut().registration = RegistrationStatus::Pending;
    bench.boot();
    bench.events();
    bench.ask("Heartbeat", json!({}));
    assert!(bench.events().contains(&CsmsEvent::WhilePending {
        action: Action::Heartbeat
    }));
}

#[test]
fn id_tags_are_judged_by_the_table_without_regard_to_case() {
    let mut bench = Bench::new();
    let expiry = Timestamp::from_unix_millis(WALL + 1_000);
    let info = IdTagInfo {
        expiry_date: Some(expiry),
        parent_id_tag: Some(IdToken::new("GROUP").unwrap()),
        status: AuthorizationStatus::Accepted,
    };
    bench
        .csms
        .config_mut()
        .tokens
        .insert(IdToken::new("SHORT").unwrap(), info);
    let verdict = |tag: &str, bench: &mut Bench| {
        bench.ask("Authorize", json!({ "idTag": tag }))["idTagInfo"]["status"].clone()
    };
    assert_eq!(verdict("card-1", &mut bench), "Accepted");
    assert_eq!(verdict("STOLEN", &mut bench), "Blocked");
    assert_eq!(verdict("NOBODY", &mut bench), "Invalid");
    assert_eq!(verdict("SHORT", &mut bench), "Accepted");
    bench.now = Instant::from_millis(1_000);
    assert_eq!(verdict("SHORT", &mut bench), "Expired");
    let answer = bench.ask("Authorize", json!({ "idTag": "SHORT" }));
    assert_eq!(answer["idTagInfo"]["parentIdTag"], "GROUP");
}

#[test]
fn a_session_is_booked_metered_and_billed_once() {
    let mut bench = Bench::new();
    bench.boot();
    let started = bench.ask("StartTransaction", start("CARD-1", 1_000, 1));
    assert_eq!(started["idTagInfo"]["status"], "Accepted");
    let id = started["transactionId"].clone();
    let reading = json!({ "connectorId": 1, "transactionId": id, "meterValue": [
        { "timestamp": "2026-03-01T08:30:00Z", "sampledValue": [{ "value": "4200" }] }] });
    bench.ask("MeterValues", reading);
    let number = id.as_i64().unwrap();
    assert_eq!(
        bench.csms.book().session(number).unwrap().energy_wh(),
        3_200
    );
    bench.ask("StopTransaction", stop(&id, 8_500));
    let session = bench.csms.book().billed().next().unwrap().clone();
    assert_eq!((session.energy_wh(), session.readings), (7_500, 1));
    assert_eq!(session.end.as_ref().unwrap().reason, Reason::EvDisconnected);
    assert_eq!(bench.csms.book().running().count(), 0);
    assert_eq!(
        bench.last_event(),
        CsmsEvent::TransactionStopped(Box::new(session))
    );
}

#[test]
fn the_same_message_again_gets_the_same_answer_and_changes_nothing() {
    let mut bench = Bench::new();
    let text = json!([2, "s1", "StartTransaction", start("CARD-1", 0, 1)]).to_string();
    let first = bench.frame(&text).unwrap();
    assert_eq!(bench.frame(&text).unwrap(), first);
    assert!(matches!(bench.last_event(), CsmsEvent::CallRepeated { .. }));
    bench.csms.handle_disconnected();
    assert_eq!(bench.frame(&text).unwrap(), first);
    assert!(matches!(
        bench.last_event(),
        CsmsEvent::TransactionRepeated { .. }
    ));
    assert_eq!(bench.csms.book().sessions().count(), 1);
}

#[test]
fn a_charge_point_that_boots_again_with_the_same_message_id_gets_a_fresh_answer() {
    let mut bench = Bench::new();
    let payload = json!({ "chargePointVendor": "P", "chargePointModel": "T" });
    let text = json!([2, "1", "BootNotification", payload]).to_string();
    bench.csms.config_mut().registration = RegistrationStatus::Pending;
    assert_eq!(bench.frame(&text).unwrap()[2]["status"], "Pending");
    bench.csms.handle_disconnected();
    bench.csms.config_mut().registration = RegistrationStatus::Accepted;
    assert_eq!(bench.frame(&text).unwrap()[2]["status"], "Accepted");
}

#[test]
fn a_start_or_stop_under_a_second_message_id_is_recognised_and_not_billed_twice() {
    let mut bench = Bench::new();
    let id = bench.ask("StartTransaction", start("CARD-1", 0, 1))["transactionId"].clone();
    let again = bench.ask("StartTransaction", start("CARD-1", 0, 1));
    assert_eq!(again["transactionId"], id);
    assert_eq!(again["idTagInfo"]["status"], "Accepted");
    bench.ask("StopTransaction", stop(&id, 500));
    bench.ask("StopTransaction", stop(&id, 900));
    assert_eq!(bench.csms.book().sessions().count(), 1);
    assert_eq!(bench.csms.book().billed().next().unwrap().energy_wh(), 500);
    let repeated = bench
        .events()
        .iter()
        .filter(|e| matches!(e, CsmsEvent::TransactionRepeated { .. }))
        .count();
    assert_eq!(repeated, 2);
}

#[test]
fn an_id_tag_in_use_is_answered_concurrent_unless_allowed() {
    let mut bench = Bench::new();
    let status = |answer: &Value| answer["idTagInfo"]["status"].clone();
    bench.ask("StartTransaction", start("CARD-1", 0, 1));
    assert_eq!(
        status(&bench.ask("StartTransaction", start("CARD-1", 0, 2))),
        "ConcurrentTx"
    );
    bench.csms.config_mut().concurrent_use = ConcurrentUse::Allowed;
    assert_eq!(
        status(&bench.ask("StartTransaction", start("CARD-1", 0, 3))),
        "Accepted"
    );
}

#[test]
fn a_refused_card_still_gets_a_transaction_number() {
    let mut bench = Bench::new();
    let answer = bench.ask("StartTransaction", start("STOLEN", 0, 1));
    assert_eq!(answer["idTagInfo"]["status"], "Blocked");
    let session = bench
        .csms
        .book()
        .session(answer["transactionId"].as_i64().unwrap())
        .unwrap();
    assert_eq!(session.verdict, AuthorizationStatus::Blocked);
}

#[test]
fn transactions_that_are_not_in_the_book_are_acknowledged_and_reported() {
    let mut bench = Bench::new();
    let answer = bench.ask("StopTransaction", stop(&json!(4711), 5));
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    assert_eq!(
        bench.last_event(),
        CsmsEvent::UnknownTransaction {
            transaction_id: 4711,
            action: Action::StopTransaction
        }
    );
    assert_eq!(bench.csms.book().sessions().count(), 0);
}

#[test]
fn the_last_status_of_each_connector_is_kept() {
    let mut bench = Bench::new();
    let status =
        |id: i64, word: &str| json!({ "connectorId": id, "errorCode": "NoError", "status": word });
    bench.ask("StatusNotification", status(1, "Preparing"));
    bench.ask("StatusNotification", status(1, "Charging"));
    assert_eq!(
        bench.csms.connector(1).unwrap().status,
        ChargePointStatus::Charging
    );
    assert_eq!(bench.csms.connector(2), None);
    for id in 0..10_000 {
        bench.ask("StatusNotification", status(id, "Available"));
        bench.events();
    }
    assert_eq!(bench.csms.connector(9_999), None);
}

#[test]
fn vendor_data_is_accepted_from_known_vendors_only() {
    let mut bench = Bench::new();
    let data = json!({ "vendorId": "known", "data": "x" });
    assert_eq!(
        bench.ask("DataTransfer", data.clone())["status"],
        "UnknownVendorId"
    );
    bench
        .csms
        .config_mut()
        .vendors
        .insert("known".try_into().unwrap());
    assert_eq!(bench.ask("DataTransfer", data)["status"], "Accepted");
}

#[test]
fn reports_about_firmware_logs_and_security_are_acknowledged() {
    let mut bench = Bench::new();
    for (action, payload) in [
        (
            "DiagnosticsStatusNotification",
            json!({ "status": "Uploaded" }),
        ),
        ("FirmwareStatusNotification", json!({ "status": "Idle" })),
        ("LogStatusNotification", json!({ "status": "Idle" })),
        (
            "SignedFirmwareStatusNotification",
            json!({ "status": "Idle" }),
        ),
        (
            "SecurityEventNotification",
            json!({ "type": "X", "timestamp": "2026-03-01T08:00:00Z" }),
        ),
    ] {
        assert_eq!(bench.ask(action, payload), json!({}), "{action}");
        assert!(matches!(bench.last_event(), CsmsEvent::Reported(_)));
    }
    assert_eq!(
        bench.ask("SignCertificate", json!({ "csr": "pem" }))["status"],
        "Accepted"
    );
}

#[test]
fn each_bad_request_gets_the_standards_error_and_changes_nothing() {
    let mut bench = Bench::new();
    let mut without_meter = start("CARD-1", 0, 1);
    without_meter.as_object_mut().unwrap().remove("meterStart");
    for (action, payload, code) in [
        ("Fly", json!({}), ErrorCode::NotImplemented),
        ("Reset", json!({ "type": "Soft" }), ErrorCode::NotSupported),
        (
            "StartTransaction",
            without_meter,
            ErrorCode::OccurenceConstraintViolation,
        ),
        (
            "StartTransaction",
            start(&"x".repeat(21), 0, 1),
            ErrorCode::PropertyConstraintViolation,
        ),
        (
            "Authorize",
            json!({ "idTag": 5 }),
            ErrorCode::TypeConstraintViolation,
        ),
        ("Authorize", json!([]), ErrorCode::FormationViolation),
    ] {
        assert_eq!(bench.refused(action, payload).0, code.as_str(), "{action}");
    }
    assert_eq!(bench.csms.book().sessions().count(), 0);
}

#[test]
fn garbage_is_reported_and_answered_only_if_it_was_a_call() {
    let mut bench = Bench::new();
    assert_eq!(bench.frame("}{"), None);
    assert!(matches!(bench.last_event(), CsmsEvent::Garbled(_)));
    let answer = bench.frame(r#"[2,"g","Authorize",{"idTag":"#).unwrap();
    assert_eq!(
        (&answer[0], &answer[2]),
        (&json!(4), &json!("FormationViolation"))
    );
}

#[test]
fn calls_go_out_one_at_a_time_and_answers_come_back_as_events() {
    let mut bench = Bench::new();
    let now = bench.now;
    let first = bench.csms.remote_start(now, Some(1), "CARD-1").unwrap();
    let second = bench
        .csms
        .get_configuration(now, &["HeartbeatInterval"])
        .unwrap();
    let frame: Value = serde_json::from_str(&bench.csms.poll_frame().unwrap()).unwrap();
    assert_eq!(frame[3], json!({ "connectorId": 1, "idTag": "CARD-1" }));
    assert_eq!(bench.csms.poll_frame(), None);
    let next = bench
        .frame(&json!([3, first.as_str(), { "status": "Accepted" }]).to_string())
        .unwrap();
    assert_eq!(
        (&next[1], &next[2]),
        (&json!(second.as_str()), &json!("GetConfiguration"))
    );
    let CsmsEvent::CallAnswered {
        id,
        response: Response::RemoteStartTransaction(_),
    } = bench.last_event()
    else {
        panic!()
    };
    assert_eq!(id, first);
    bench.frame(&json!([4, second.as_str(), "NotSupported", "no", {}]).to_string());
    let CsmsEvent::CallRefused { action, error, .. } = bench.last_event() else {
        panic!()
    };
    assert_eq!(
        (action, error.code),
        (Action::GetConfiguration, ErrorCode::NotSupported)
    );
}

#[test]
fn every_helper_writes_its_call() {
    let mut bench = Bench::new();
    let (csms, now) = (&mut bench.csms, bench.now);
    csms.remote_stop(now, 5).unwrap();
    csms.reset(now, ResetType::Hard).unwrap();
    csms.change_availability(now, 0, AvailabilityType::Operative)
        .unwrap();
    csms.change_configuration(now, "K", "V").unwrap();
    csms.get_configuration(now, &[]).unwrap();
    csms.clear_cache(now).unwrap();
    csms.unlock_connector(now, 1).unwrap();
    csms.trigger(now, MessageTrigger::Heartbeat, None).unwrap();
    let mut seen = Vec::new();
    while let Some(text) = bench.csms.poll_frame() {
        let frame: Value = serde_json::from_str(&text).unwrap();
        seen.push(format!("{} {}", frame[2].as_str().unwrap(), frame[3]));
        bench.csms.handle_frame(
            now,
            &json!([4, frame[1], "GenericError", "", {}]).to_string(),
        );
    }
    assert_eq!(
        seen,
        [
            r#"RemoteStopTransaction {"transactionId":5}"#,
            r#"Reset {"type":"Hard"}"#,
            r#"ChangeAvailability {"connectorId":0,"type":"Operative"}"#,
            r#"ChangeConfiguration {"key":"K","value":"V"}"#,
            "GetConfiguration {}",
            "ClearCache {}",
            r#"UnlockConnector {"connectorId":1}"#,
            r#"TriggerMessage {"requestedMessage":"Heartbeat"}"#,
        ]
    );
}

#[test]
fn a_call_that_is_the_charge_points_to_send_or_one_too_many_is_not_issued() {
    let mut bench = Bench::new();
    let now = bench.now;
    let wrong = bench.csms.call(now, HeartbeatRequest {});
    assert_eq!(wrong, Err(CallNotIssued::WrongDirection(Action::Heartbeat)));
    for _ in 0..=CALL_QUEUE_MAX {
        bench.csms.clear_cache(now).unwrap();
    }
    assert_eq!(bench.csms.clear_cache(now), Err(CallNotIssued::QueueFull));
}

#[test]
fn a_silent_charge_point_costs_a_timeout_and_its_late_answer_is_reported_only() {
    let mut bench = Bench::new();
    let id = bench.csms.clear_cache(Instant::ZERO).unwrap();
    bench.csms.poll_frame();
    let due = bench.csms.poll_timeout().unwrap();
    assert_eq!(due, Instant::ZERO.after(CALL_TIMEOUT));
    bench.csms.handle_timeout(due);
    let action = Action::ClearCache;
    assert_eq!(
        bench.last_event(),
        CsmsEvent::CallTimedOut {
            id: id.clone(),
            action
        }
    );
    assert_eq!(bench.csms.poll_timeout(), None);
    let result = json!([3, id.as_str(), { "status": "Accepted" }]).to_string();
    bench.frame(&result);
    assert_eq!(
        bench.events(),
        [CsmsEvent::StrayAnswer {
            id,
            stray: Stray::Late
        }]
    );
}

#[test]
fn doubled_and_unknown_answers_are_reported_only() {
    let mut bench = Bench::new();
    let id = bench.csms.clear_cache(Instant::ZERO).unwrap();
    bench.csms.poll_frame();
    let result = json!([3, id.as_str(), { "status": "Accepted" }]).to_string();
    bench.frame(&result);
    bench.events();
    bench.frame(&result);
    assert_eq!(
        bench.events(),
        [CsmsEvent::StrayAnswer {
            id,
            stray: Stray::Doubled
        }]
    );
    bench.frame(r#"[4,"never","InternalError","",{}]"#);
    assert!(matches!(
        bench.last_event(),
        CsmsEvent::StrayAnswer {
            stray: Stray::Unknown,
            ..
        }
    ));
}

#[test]
fn an_answer_that_does_not_fit_its_action_is_reported_as_bad() {
    let mut bench = Bench::new();
    let id = bench.csms.clear_cache(Instant::ZERO).unwrap();
    bench.csms.poll_frame();
    bench.frame(&json!([3, id.as_str(), { "status": "Perhaps" }]).to_string());
    let CsmsEvent::BadAnswer { action, error, .. } = bench.last_event() else {
        panic!()
    };
    assert_eq!(
        (action, error.code),
        (Action::ClearCache, ErrorCode::PropertyConstraintViolation)
    );
}

#[test]
fn a_lost_connection_ends_calls_and_keeps_the_book() {
    let mut bench = Bench::new();
    bench.ask("StartTransaction", start("CARD-1", 0, 1));
    bench.csms.clear_cache(bench.now).unwrap();
    bench.csms.reset(bench.now, ResetType::Soft).unwrap();
    bench.csms.poll_frame();
    bench.events();
    bench.csms.handle_disconnected();
    let sent: Vec<bool> = bench
        .events()
        .into_iter()
        .map(|event| {
            if let CsmsEvent::CallLost { sent, .. } = event {
                sent
            } else {
                panic!()
            }
        })
        .collect();
    assert_eq!(sent, [true, false]);
    assert_eq!(bench.csms.poll_frame(), None);
    assert_eq!(bench.csms.book().running().count(), 1);
}

#[test]
fn message_ids_of_calls_never_repeat_and_carry_the_prefix() {
    let mut bench = Bench::new();
    bench.csms.config_mut().id_prefix = "run7-and-a-prefix-that-is-far-too-long-for-an-id".into();
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let id = bench.csms.clear_cache(bench.now).unwrap();
        bench.csms.poll_frame();
        bench.frame(&json!([3, id.as_str(), { "status": "Accepted" }]).to_string());
        assert!(id.as_str().starts_with("run7-"));
        assert!(id.as_str().len() <= OWN_MESSAGE_ID_CHARS_MAX);
        assert!(ids.insert(id));
    }
}

#[test]
fn events_and_answers_nobody_takes_are_bounded_and_counted() {
    let mut bench = Bench::new();
    for n in 0..2_000 {
        bench.csms.handle_frame(
            bench.now,
            &json!([2, format!("h{n}"), "Heartbeat", {}]).to_string(),
        );
    }
    let frames = core::iter::from_fn(|| bench.csms.poll_frame()).count();
    assert_eq!(frames, CSMS_FRAMES_MAX);
    assert!(bench.csms.events_lost() > 0);
    assert_eq!(bench.events().len(), CSMS_EVENTS_MAX);
}
