//! Every call of the central system.

use crate::rig::{CARD, Rig, config};
use ocpp::v16::csms::{Csms, CsmsEvent, JobKind, JobPhase, ReservationState};
use ocpp::v16::*;
use serde_json::{Value, json};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

/// One call of the central system, what the charge point answers, and what the books say then.
struct Row(Action, Value, Value, fn(&Csms) -> bool);

fn profile(id: i64, purpose: &str) -> Value {
    json!({"chargingProfileId": id, "stackLevel": 1, "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute", "recurrencyKind": "Daily", "validFrom": "2026-03-01T08:30:00.000Z",
        "validTo": "2026-03-01T18:30:00.000Z", "chargingSchedule": {
            "duration": 3600, "startSchedule": "2026-03-01T08:30:00.000Z", "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3},
                {"startPeriod": 600, "limit": 21.4}],
            "minChargingRate": 6.1}})
}

fn phase(csms: &Csms, kind: JobKind) -> Option<JobPhase> {
    csms.jobs().job(kind).map(|job| job.phase)
}

fn key<'a>(csms: &'a Csms, name: &str) -> Option<&'a str> {
    Some(csms.keys().key(name)?.value.as_ref()?.as_str())
}

fn roots(csms: &Csms) -> Option<usize> {
    let roots = csms
        .certificates()
        .roots(CertificateUse::CentralSystemRootCertificate);
    roots.map(<[_]>::len)
}

fn core_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    vec![
        Row(
            Action::ChangeAvailability,
            json!({"connectorId": 2, "type": "Inoperative"}),
            json!({"status": "Scheduled"}),
            |_| true,
        ),
        Row(
            Action::GetConfiguration,
            json!({"key": ["HeartbeatInterval", "Nonsense"]}),
            json!({"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "300"}],
                "unknownKey": ["Nonsense"]}),
            |csms| key(csms, "HeartbeatInterval") == Some("300"),
        ),
        Row(
            Action::ChangeConfiguration,
            json!({"key": "MeterValueSampleInterval", "value": "60"}),
            accepted(),
            |csms| key(csms, "MeterValueSampleInterval") == Some("60"),
        ),
        Row(
            Action::ChangeConfiguration,
            json!({"key": "Nonsense", "value": "1"}),
            json!({"status": "NotSupported"}),
            |csms| csms.keys().key("Nonsense").is_none(),
        ),
        Row(
            Action::GetConfiguration,
            json!({}),
            json!({"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "300"},
                {"key": "MeterValueSampleInterval", "readonly": false, "value": "60"}], "unknownKey": []}),
            |csms| csms.keys().keys().count() == 2,
        ),
        Row(Action::ClearCache, json!({}), accepted(), |_| true),
        Row(
            Action::UnlockConnector,
            json!({"connectorId": 1}),
            json!({"status": "UnlockFailed"}),
            |_| true,
        ),
        Row(
            Action::DataTransfer,
            json!({"vendorId": "Pilotwire", "messageId": "M", "data": "d"}),
            json!({"status": "UnknownMessageId", "data": "d"}),
            |_| true,
        ),
        Row(
            Action::RemoteStopTransaction,
            json!({"transactionId": 77}),
            json!({"status": "Rejected"}),
            |_| true,
        ),
        Row(Action::Reset, json!({"type": "Soft"}), accepted(), |_| true),
    ]
}

fn list_reservation_and_profile_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    vec![
        Row(
            Action::SendLocalList,
            json!({"listVersion": 5, "updateType": "Full", "localAuthorizationList": [
                {"idTag": "A1", "idTagInfo": {"status": "Accepted", "expiryDate": "2026-03-01T18:30:00.000Z",
                    "parentIdTag": "FLEET7"}}]}),
            accepted(),
            |_| true,
        ),
        Row(
            Action::SendLocalList,
            json!({"listVersion": 5, "updateType": "Differential",
                "localAuthorizationList": [{"idTag": "B2"}]}),
            json!({"status": "VersionMismatch"}),
            |_| true,
        ),
        Row(
            Action::GetLocalListVersion,
            json!({}),
            json!({"listVersion": 5}),
            |csms| csms.local_list().known().map(|known| known.version) == Some(5),
        ),
        Row(
            Action::ReserveNow,
            json!({"connectorId": 1, "expiryDate": "2026-03-01T18:30:00.000Z", "idTag": "A1",
                "parentIdTag": "FLEET7", "reservationId": 3}),
            accepted(),
            |csms| {
                csms.reservations().reservation(3).map(|held| held.state)
                    == Some(ReservationState::Held)
            },
        ),
        Row(
            Action::CancelReservation,
            json!({"reservationId": 3}),
            accepted(),
            |csms| csms.reservations().reservations().count() == 0,
        ),
        Row(
            Action::SetChargingProfile,
            json!({"connectorId": 1, "csChargingProfiles": profile(5, "TxDefaultProfile")}),
            accepted(),
            |csms| csms.profiles().profiles().any(|entry| entry.certain),
        ),
        Row(
            Action::GetCompositeSchedule,
            json!({"connectorId": 1, "duration": 900, "chargingRateUnit": "A"}),
            json!({"status": "Accepted", "connectorId": 1, "scheduleStart": "2026-03-01T08:30:00.000Z",
                "chargingSchedule": {"duration": 900, "chargingRateUnit": "A", "minChargingRate": 6.1,
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3},
                        {"startPeriod": 600, "limit": 21.4}]}}),
            |_| true,
        ),
        Row(
            Action::ClearChargingProfile,
            json!({"id": 5}),
            accepted(),
            |csms| csms.profiles().profiles().count() == 0,
        ),
        Row(
            Action::ClearChargingProfile,
            json!({"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile",
                "stackLevel": 1}),
            json!({"status": "Unknown"}),
            |_| true,
        ),
    ]
}

fn file_and_certificate_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    let root = || {
        json!({"hashAlgorithm": "SHA256", "issuerNameHash": "ab12", "issuerKeyHash": "cd34",
        "serialNumber": "01ff"})
    };
    let of = || json!({"certificateType": "CentralSystemRootCertificate"});
    vec![
        Row(
            Action::GetDiagnostics,
            json!({"location": "ftp://files.example.invalid/in", "retries": 2,
                "retryInterval": 60, "startTime": "2026-03-01T08:30:00.000Z", "stopTime": "2026-03-01T18:30:00.000Z"}),
            json!({"fileName": "diag-1.tar"}),
            |csms| phase(csms, JobKind::Diagnostics) == Some(JobPhase::Taken),
        ),
        Row(
            Action::UpdateFirmware,
            json!({"location": "http://files.example.invalid/fw.bin", "retries": 3,
                "retrieveDate": "2026-03-01T08:30:00.000Z", "retryInterval": 30}),
            json!({}),
            |csms| phase(csms, JobKind::Firmware) == Some(JobPhase::Taken),
        ),
        Row(
            Action::GetLog,
            json!({"logType": "SecurityLog", "requestId": 9, "retries": 1, "retryInterval": 5,
                "log": {"remoteLocation": "https://files.example.invalid/log",
                    "oldestTimestamp": "2026-03-01T08:30:00.000Z", "latestTimestamp": "2026-03-01T18:30:00.000Z"}}),
            json!({"status": "Accepted", "filename": "sec.log"}),
            |csms| phase(csms, JobKind::Log(LogType::SecurityLog)) == Some(JobPhase::Taken),
        ),
        Row(
            Action::SignedUpdateFirmware,
            json!({"retries": 1, "retryInterval": 10, "requestId": 11, "firmware": {
                "location": "https://files.example.invalid/fw.bin", "retrieveDateTime": "2026-03-01T08:30:00.000Z",
                "installDateTime": "2026-03-01T18:30:00.000Z", "signingCertificate": PEM, "signature": "c2ln"}}),
            accepted(),
            |csms| phase(csms, JobKind::SignedFirmware) == Some(JobPhase::Taken),
        ),
        Row(
            Action::GetInstalledCertificateIds,
            of(),
            json!({"status": "NotFound"}),
            |csms| roots(csms) == Some(0),
        ),
        Row(
            Action::InstallCertificate,
            json!({"certificateType": "CentralSystemRootCertificate",
                "certificate": PEM}),
            accepted(),
            |csms| roots(csms).is_none(),
        ),
        Row(
            Action::GetInstalledCertificateIds,
            of(),
            json!({"status": "Accepted", "certificateHashData": [root()]}),
            |csms| roots(csms) == Some(1),
        ),
        Row(
            Action::DeleteCertificate,
            json!({"certificateHashData": root()}),
            accepted(),
            |csms| roots(csms) == Some(0),
        ),
        Row(
            Action::DeleteCertificate,
            json!({"certificateHashData": root()}),
            json!({"status": "NotFound"}),
            |csms| roots(csms) == Some(0),
        ),
    ]
}

impl Rig {
    async fn play(&mut self, Row(action, payload, expected, holds): Row) {
        let request = decode_request(action.as_str(), &payload).unwrap();
        let (response, received) = self.issue(request.clone()).await;
        assert_eq!(received, request.to_payload(), "{action}");
        assert_eq!(received, payload, "{action}");
        let expected = decode_response(action.as_str(), &expected).unwrap();
        assert_eq!(response, expected, "{action}");
        assert!(holds(&self.csms), "the books after {action}");
    }
}

/// Calls that make the charge point send something.
async fn trigger(rig: &mut Rig) {
    let accepted = || json!({"status": "Accepted"});
    rig.play(Row(
        Action::TriggerMessage,
        json!({"requestedMessage": "Heartbeat"}),
        accepted(),
        |_| true,
    ))
    .await;
    rig.event("heartbeat", |event| *event == CsmsEvent::Heartbeat)
        .await;
    let what = json!({"requestedMessage": "SignChargePointCertificate", "connectorId": 1});
    rig.play(Row(
        Action::ExtendedTriggerMessage,
        what,
        accepted(),
        |_| true,
    ))
    .await;
    rig.told("answer", "SignCertificate").await;
    assert!(rig.csms.certificates().request().is_some());
    let chain = json!({"certificateChain": PEM});
    rig.play(Row(Action::CertificateSigned, chain, accepted(), |csms| {
        csms.certificates().request().is_none()
    }))
    .await;
}

/// A remote start with a profile, and its remote stop.
async fn start_and_stop(rig: &mut Rig) {
    let accepted = || json!({"status": "Accepted"});
    let start =
        json!({"connectorId": 2, "idTag": CARD, "chargingProfile": profile(6, "TxProfile")});
    rig.play(Row(
        Action::RemoteStartTransaction,
        start,
        accepted(),
        |_| true,
    ))
    .await;
    let answer = rig.told("answer", "StartTransaction").await["payload"].take();
    let transaction = answer["transactionId"].as_i64().unwrap();
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!((session.connector_id, session.meter_start_wh), (2, 500));
    let with_it = |csms: &Csms| {
        csms.profiles()
            .profiles()
            .filter(|entry| entry.profile.transaction_id.is_some())
            .count()
    };
    assert_eq!(with_it(&rig.csms), 1);
    rig.play(Row(
        Action::RemoteStopTransaction,
        json!({"transactionId": transaction}),
        accepted(),
        |_| true,
    ))
    .await;
    rig.told("answer", "StopTransaction").await;
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!(
        session.end.as_ref().map(|end| end.reason),
        Some(Reason::Remote)
    );
    assert_eq!((session.energy_wh(), with_it(&rig.csms)), (200, 0));
}

/// Reports on what was asked for settle the jobs.
async fn finish_jobs(rig: &mut Rig) {
    let reports = [
        (
            Action::DiagnosticsStatusNotification,
            json!({"status": "Uploaded"}),
            JobKind::Diagnostics,
        ),
        (
            Action::FirmwareStatusNotification,
            json!({"status": "Installed"}),
            JobKind::Firmware,
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "Uploaded", "requestId": 9}),
            JobKind::Log(LogType::SecurityLog),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "Installed", "requestId": 11}),
            JobKind::SignedFirmware,
        ),
    ];
    for (action, payload, kind) in reports {
        rig.ask(action, payload).await;
        assert_eq!(phase(&rig.csms, kind), Some(JobPhase::Done), "{action}");
    }
}

#[tokio::test]
async fn every_call_of_the_central_system_is_taken_by_an_independent_charge_point_and_its_answer_understood()
 {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    rig.boot().await;
    let rows = [
        core_calls(),
        list_reservation_and_profile_calls(),
        file_and_certificate_calls(),
    ];
    let mut issued: Vec<Action> = rows.iter().flatten().map(|row| row.0).collect();
    issued.extend([Action::TriggerMessage, Action::ExtendedTriggerMessage]);
    issued.extend([Action::CertificateSigned, Action::RemoteStartTransaction]);
    for action in Action::ALL {
        let ours = action.initiator() != Initiator::ChargePoint;
        assert_eq!(issued.contains(action), ours, "{action}");
    }
    for row in rows.into_iter().flatten() {
        rig.play(row).await;
    }
    trigger(&mut rig).await;
    start_and_stop(&mut rig).await;
    finish_jobs(&mut rig).await;
    rig.all_was_well();
}
