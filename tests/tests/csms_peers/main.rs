//! The central-system half of OCPP 1.6 against a charge point that knows nothing of us, over a WebSocket on loopback.
//!
//! The charge point is the `ChargePoint` of the Python package `ocpp` on a client of `websockets`: it holds every frame
//! in both directions against the package's copy of the schemas, and answers through one handler for each call. What
//! it objects to fails the test. Without the environment that `cargo xtask test` installs a test says that it was
//! skipped and why.
//!
//! The package has all 39 messages, those of the security whitepaper included. What it lacks: it checks neither
//! CALLERRORs nor the order of messages nor whether a time is one, and it sends no second call before the first is
//! answered, so nothing here is about those.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: whatever is not as expected fails the case"
)]

mod calls;
mod rig;

use ocpp::v16::csms::{CsmsEvent, ReservationEnd};
use ocpp::v16::*;
use rig::{CARD, Rig, WALL, config, ends};
use serde_json::{Value, json};

fn reading(at: &str, register: &str, context: &str) -> Value {
    json!({"timestamp": at, "sampledValue": [
        {"value": register, "context": context, "format": "Raw", "measurand": "Energy.Active.Import.Register",
            "location": "Outlet", "unit": "Wh"},
        {"value": "15.9", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
    ]})
}

/// Boot, heartbeat, cards, status and vendor data.
async fn talk_before_charging(rig: &mut Rig) {
    let boot = json!({"chargePointVendor": "Independent", "chargePointModel": "One",
        "chargePointSerialNumber": "I-0001", "chargeBoxSerialNumber": "BOX-0001", "firmwareVersion": "1.0",
        "iccid": "8946000000000000001", "imsi": "240010000000001", "meterType": "EM", "meterSerialNumber": "M-1"});
    let answer = rig.ask(Action::BootNotification, boot).await;
    assert_eq!(
        (&answer["status"], &answer["interval"]),
        (&json!("Accepted"), &json!(300))
    );
    let booted = rig
        .event("boot", |event| matches!(event, CsmsEvent::Booted { .. }))
        .await;
    let CsmsEvent::Booted { request, status } = booted else {
        unreachable!()
    };
    assert_eq!(status, RegistrationStatus::Accepted);
    assert_eq!(request.charge_point_vendor, "Independent");
    assert_eq!(rig.csms.registration(), Some(RegistrationStatus::Accepted));

    let answer = rig.ask(Action::Heartbeat, json!({})).await;
    let time = answer["currentTime"].as_str().unwrap();
    assert!(time.starts_with("2026-03-01T08:3"), "{time}");
    rig.event("heartbeat", |event| *event == CsmsEvent::Heartbeat)
        .await;

    let known = rig.ask(Action::Authorize, json!({"idTag": CARD})).await;
    assert_eq!(known["idTagInfo"]["status"], "Accepted");
    assert_eq!(known["idTagInfo"]["parentIdTag"], "FLEET7");
    let unknown = rig.ask(Action::Authorize, json!({"idTag": "NOBODY"})).await;
    assert_eq!(unknown, json!({"idTagInfo": {"status": "Invalid"}}));
    for expected in [AuthorizationStatus::Accepted, AuthorizationStatus::Invalid] {
        rig.event(
            "verdict",
            |event| matches!(event, CsmsEvent::Authorized { status, .. } if *status == expected),
        )
        .await;
    }

    let status = json!({"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "info": "plugged",
        "timestamp": "2026-03-01T08:30:01.250000+00:00", "vendorId": "Independent", "vendorErrorCode": "0"});
    assert_eq!(rig.ask(Action::StatusNotification, status).await, json!({}));
    let connector = rig.csms.connector(1).expect("a connector");
    assert_eq!(connector.status, ChargePointStatus::Preparing);
    assert_eq!(connector.error_code, ChargePointErrorCode::NoError);
    let since = connector.since.expect("a time").as_unix_millis();
    assert_eq!(since, WALL.as_unix_millis() + 1_250);

    let data = json!({"vendorId": "Independent", "messageId": "Tariff", "data": "{\"price\":3}"});
    let answer = rig.ask(Action::DataTransfer, data).await;
    assert_eq!(answer, json!({"status": "Accepted"}));
    let answer = rig
        .ask(Action::DataTransfer, json!({"vendorId": "Other"}))
        .await;
    assert_eq!(answer, json!({"status": "UnknownVendorId"}));
    for vendor in ["Independent", "Other"] {
        rig.event(
            "vendor data",
            |event| matches!(event, CsmsEvent::VendorData(data) if data.vendor_id == vendor),
        )
        .await;
    }
}

/// A session with readings, and a second one that the same card may not have.
async fn charge(rig: &mut Rig) {
    let start = |connector: i64| {
        json!({"connectorId": connector, "idTag": CARD, "meterStart": 12000,
            "timestamp": "2026-03-01T08:30:02+00:00"})
    };
    let answer = rig.ask(Action::StartTransaction, start(1)).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let transaction = answer["transactionId"].as_i64().unwrap();
    let answer = rig.ask(Action::StartTransaction, start(2)).await;
    assert_eq!(answer["idTagInfo"]["status"], "ConcurrentTx");
    let second = answer["transactionId"].as_i64().unwrap();
    assert_ne!(second, transaction);
    let stop = json!({"transactionId": second, "meterStop": 12000, "reason": "DeAuthorized",
        "timestamp": "2026-03-01T08:30:03+00:00"});
    assert_eq!(rig.ask(Action::StopTransaction, stop).await, json!({}));

    let readings = json!({"connectorId": 1, "transactionId": transaction, "meterValue": [
        reading("2026-03-01T08:31:00+00:00", "12345", "Sample.Periodic"),
        reading("2026-03-01T08:32:00+00:00", "12890", "Sample.Periodic")]});
    assert_eq!(rig.ask(Action::MeterValues, readings).await, json!({}));
    let aligned = json!({"connectorId": 0, "meterValue": [
        reading("2026-03-01T09:00:00+00:00", "90000", "Sample.Clock")]});
    assert_eq!(rig.ask(Action::MeterValues, aligned).await, json!({}));
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!(
        (session.readings, session.last_register_wh),
        (2, Some(12_890))
    );
    assert_eq!((session.energy_wh(), &session.end), (890, &None));
    assert_eq!(rig.csms.book().running().count(), 1);

    let stop = json!({"transactionId": transaction, "idTag": CARD, "meterStop": 19000, "reason": "EVDisconnected",
        "timestamp": "2026-03-01T18:30:00+00:00",
        "transactionData": [reading("2026-03-01T18:30:00+00:00", "19000", "Transaction.End")]});
    let answer = rig.ask(Action::StopTransaction, stop).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!((session.connector_id, session.energy_wh()), (1, 7_000));
    assert_eq!(session.id_tag, CARD);
    let end = session.end.as_ref().expect("an end");
    assert_eq!(end.reason, Reason::EvDisconnected);
    assert_eq!(rig.csms.book().running().count(), 0);
    assert_eq!(rig.csms.book().billed().count(), 2);
    let metered = |event: &CsmsEvent| matches!(event, CsmsEvent::Metered(_));
    for _ in 0..2 {
        rig.event("readings", metered).await;
    }
    rig.event("readings of the whole transaction", |event| {
        matches!(event, CsmsEvent::TransactionData { transaction_id, readings }
            if *transaction_id == transaction && readings.len() == 1)
    })
    .await;
    for ended in [second, transaction] {
        rig.event("end", |event| {
            matches!(event, CsmsEvent::TransactionStopped(session) if session.transaction_id == ended)
        })
        .await;
    }
}

/// Reports that nobody asked for, with and without what is optional.
async fn report(rig: &mut Rig) {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n";
    let time = "2026-03-01T08:30:00.000001+00:00";
    let reports = [
        (
            Action::DiagnosticsStatusNotification,
            json!({"status": "Idle"}),
        ),
        (
            Action::FirmwareStatusNotification,
            json!({"status": "Installed"}),
        ),
        (
            Action::SecurityEventNotification,
            json!({"type": "SettingSystemTime", "timestamp": time, "techInfo": "step of 4 s"}),
        ),
        (
            Action::SecurityEventNotification,
            json!({"type": "StartupOfTheDevice", "timestamp": time, "techInfo": null}),
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "UploadFailure", "requestId": 9}),
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "Idle", "requestId": null}),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "SignatureVerified", "requestId": 11}),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "Idle", "requestId": null}),
        ),
    ];
    for (action, payload) in reports {
        assert_eq!(
            rig.ask(action, payload.clone()).await,
            json!({}),
            "{action}"
        );
        let reported = rig
            .event("report", |event| matches!(event, CsmsEvent::Reported(_)))
            .await;
        let CsmsEvent::Reported(request) = reported else {
            unreachable!()
        };
        assert_eq!(request.action(), action);
        for (key, value) in payload.as_object().unwrap() {
            if key != "timestamp" {
                assert_eq!(request.to_payload()[key], *value, "{action}");
            }
        }
    }
    let answer = rig.ask(Action::SignCertificate, json!({"csr": csr})).await;
    assert_eq!(answer, json!({"status": "Accepted"}));
    let request = rig.csms.certificates().request().expect("a request");
    assert_eq!(request.as_str(), csr);
}

#[tokio::test]
async fn every_call_of_an_independent_charge_point_is_answered_by_the_schemas_and_entered_in_the_books()
 {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    talk_before_charging(&mut rig).await;
    charge(&mut rig).await;
    report(&mut rig).await;
    rig.all_was_well();
}

#[tokio::test]
async fn a_call_the_charge_point_does_not_know_is_refused_and_nothing_stays_in_the_books() {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    rig.boot().await;
    rig.command(&json!({"do": "unlearn", "action": "ReserveNow"}));
    rig.told("unlearned", "ReserveNow").await;
    let payload = json!({"connectorId": 1, "expiryDate": "2026-03-01T18:30:00.000Z", "idTag": "A1",
        "reservationId": 3});
    let request = decode_request("ReserveNow", &payload).unwrap();
    let id = rig.csms.call(rig.now(), request).unwrap();
    rig.flush().await;
    let refused = rig.event("refusal", |event| ends(event, &id)).await;
    let CsmsEvent::CallRefused { error, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.code, ocpp::rpc::ErrorCode::NotImplemented);
    rig.event("end of the reservation", |event| {
        matches!(event, CsmsEvent::ReservationEnded { end, .. } if *end == ReservationEnd::NotMade)
    })
    .await;
    assert_eq!(rig.csms.reservations().reservations().count(), 0);
    rig.all_was_well();
}

#[tokio::test]
async fn the_charge_point_objects_to_whatever_breaks_a_schema_in_either_direction() {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    rig.boot().await;
    let long = json!({"idTag": "A".repeat(21)});
    let asked = json!({"do": "call", "action": "Authorize", "payload": long});
    rig.command(&asked);
    rig.objection("Authorize").await;

    rig.command(&json!({"do": "call", "action": "Heartbeat", "payload": {}}));
    let call = rig.raw_frame().await;
    rig.send_raw(json!([3, call[1], {"currentTime": 5}])).await;
    rig.objection("Heartbeat").await;

    rig.send_raw(json!([2, "raw-1", "Reset", {"type": "Perhaps"}]))
        .await;
    let answer = rig.raw_frame().await;
    assert_eq!((&answer[0], &answer[1]), (&json!(4), &json!("raw-1")));
    rig.all_was_well();
}
