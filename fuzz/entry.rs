//! Entry points for hostile bytes, used by the fuzz targets and, with a seeded generator, by ordinary tests.
//!
//! Each must neither panic nor hang on any input, and checks what must hold whatever came in.

use ocpp::limits;
use ocpp::rpc::{Frame, MessageId};
use ocpp::v16::csms::{Csms, CsmsConfig};
use ocpp::v16::{
    AuthorizationStatus, IdTagInfo, IdToken, Initiator, RegistrationStatus, Request, ResetType,
    decode_request, decode_response,
};
use serde_json::Value;
use units::{Instant, Millis, Timestamp};

/// Parses a frame; what parses is written and parses again, and what is refused has a well-formed answer or none.
pub fn frame(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    match Frame::parse(text) {
        Ok(frame) => {
            let written = frame.to_text();
            if written.len() <= ocpp::limits::FRAME_BYTES_MAX {
                let again = Frame::parse(&written).expect("a written frame parses");
                assert_eq!(again.id(), frame.id());
            }
        }
        Err(error) => {
            if let Some(answer) = error.answer() {
                let parsed = Frame::parse(&answer.to_text()).expect("an answer parses");
                assert!(matches!(parsed, Frame::CallError { .. }));
            }
        }
    }
}

/// Decodes `Action request|response {payload}`; what decodes is encoded to something that decodes to the same.
pub fn decoders(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.splitn(3, ' ');
    let (Some(action), Some(kind), Some(payload)) = (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    // Through the frame parser, because that is where the bounds are.
    let text = format!(
        "[2,\"x\",\"{}\",{payload}]",
        if action.contains(['"', '\\']) {
            ""
        } else {
            action
        }
    );
    let Ok(Frame::Call {
        action, payload, ..
    }) = Frame::parse(&text)
    else {
        return;
    };
    if kind == "request" {
        if let Ok(message) = decode_request(&action, &payload) {
            let again = decode_request(&action, &message.to_payload());
            assert_eq!(again.as_ref(), Ok(&message));
        }
    } else if let Ok(message) = decode_response(&action, &payload) {
        let again = decode_response(&action, &message.to_payload());
        assert_eq!(again.as_ref(), Ok(&message));
    }
}

/// Feeds lines to a central system; every frame it sends is well formed, every call gets an answer, and its books
/// keep their bounds.
///
/// A line is a frame; or `=payload`, the result of the call in flight; or `!code`, its error; or `@n`, the owner's
/// n-th command; or `~`, the end of the connection.
pub fn csms(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let mut config =
        CsmsConfig::accepting(300).with_token("04A1B2C3D4E5F6", AuthorizationStatus::Accepted);
    config.silence = Some(Millis::from_secs(60));
    let wall = Timestamp::from_unix_millis(1_772_000_000_000);
    let mut csms = Csms::new(config, Instant::ZERO, wall);
    csms.reset(Instant::ZERO, ResetType::Soft)
        .expect("the first call fits");
    let mut in_flight = None;
    for (step, line) in text.lines().take(256).enumerate() {
        let now = Instant::from_millis(step as u64 * 1_000);
        csms.handle_timeout(now);
        let wanted = match line.as_bytes().first() {
            Some(b'@') => {
                command(&mut csms, now, line);
                None
            }
            Some(b'~') => {
                csms.handle_disconnected();
                None
            }
            Some(b'=') => {
                let id = in_flight.as_ref().map_or("\"cs-0\"", String::as_str);
                let frame = format!("[3,{id},{}]", line.get(1..).unwrap_or(""));
                deliver(&mut csms, now, &frame)
            }
            Some(b'!') => {
                let id = in_flight.as_ref().map_or("\"cs-0\"", String::as_str);
                let frame = format!("[4,{id},\"{}\",\"\",{{}}]", line.get(1..).unwrap_or(""));
                deliver(&mut csms, now, &frame)
            }
            _ => deliver(&mut csms, now, line),
        };
        let mut answers = Vec::new();
        while let Some(frame) = csms.poll_frame() {
            match Frame::parse(&frame).expect("a sent frame parses") {
                Frame::Call {
                    id,
                    action,
                    payload,
                } => {
                    let request = decode_request(&action, &payload).expect("we read what we send");
                    assert_ne!(request.action().initiator(), Initiator::ChargePoint);
                    in_flight = Some(Value::from(id.as_str()).to_string());
                }
                Frame::CallResult { id, .. } | Frame::CallError { id, .. } => answers.push(id),
            }
        }
        if let Some(wanted) = wanted {
            assert_eq!(answers, [wanted], "a call without its answer");
        }
        while csms.poll_event().is_some() {}
    }
    check_books(&csms);
}

/// Hands a frame over; the id that must be answered, unless it is a repetition.
fn deliver(csms: &mut Csms, now: Instant, text: &str) -> Option<MessageId> {
    let wanted = match Frame::parse(text) {
        Ok(Frame::Call { id, .. }) => Some(id),
        Ok(Frame::CallResult { .. } | Frame::CallError { .. }) => None,
        Err(error) => error.answer().map(|answer| answer.id().clone()),
    };
    csms.handle_frame(now, text);
    wanted
}

fn check_books(csms: &Csms) {
    assert!(csms.book().sessions().count() <= 256);
    assert!(csms.reservations().reservations().count() <= limits::CSMS_RESERVATIONS_MAX);
    assert!(csms.profiles().profiles().count() <= limits::CSMS_PROFILES_MAX);
    assert!(csms.keys().keys().count() <= limits::CSMS_KEYS_MAX);
    assert!(csms.book().orphans().count() <= limits::CSMS_ORPHANS_MAX);
    let wall = Timestamp::from_unix_millis(1_772_000_000_000);
    let config = CsmsConfig::accepting(300);
    let again = Csms::with_memory(config, Instant::ZERO, wall, csms.memory());
    assert_eq!(again.memory().sessions, csms.memory().sessions);
    assert_eq!(again.memory().profiles, csms.memory().profiles);
}

/// The owner's commands by number. One that is refused is none.
fn command(csms: &mut Csms, now: Instant, line: &str) {
    let tag = || IdToken::truncated("04A1B2C3D4E5F6");
    let later = Timestamp::from_unix_millis(1_772_000_030_000);
    let text = line.get(1..).unwrap_or("");
    let number: i64 = text.parse().unwrap_or(0);
    let outcome = match number % 23 {
        0 => csms
            .want_local_list(
                [(tag(), IdTagInfo::new(AuthorizationStatus::Accepted))]
                    .into_iter()
                    .take(usize::from(number % 2 == 0))
                    .collect(),
            )
            .is_ok(),
        1 => csms.sync_local_list(now).is_ok(),
        2 => csms.reserve(now, 1, tag(), None, later).is_ok(),
        3 => csms.cancel_reservation(now, 1).is_ok(),
        _ => match decoded_command(number) {
            Some(request) => csms.call(now, request).is_ok(),
            None => csms.admit(now, RegistrationStatus::Accepted).is_ok(),
        },
    };
    let _ = outcome;
}

fn decoded_command(number: i64) -> Option<Request> {
    let (action, payload) = match number % 23 {
        4 => ("GetDiagnostics", r#"{"location":"ftp://x.invalid/"}"#),
        5 => (
            "UpdateFirmware",
            r#"{"location":"ftp://x.invalid/f","retrieveDate":"2026-03-01T08:30:00Z"}"#,
        ),
        6 => (
            "GetLog",
            r#"{"log":{"remoteLocation":"ftp://x.invalid/"},"logType":"SecurityLog","requestId":1}"#,
        ),
        7 => (
            "SignedUpdateFirmware",
            r#"{"requestId":2,"firmware":{"location":"l","retrieveDateTime":"2026-03-01T08:30:00Z","signingCertificate":"c","signature":"s"}}"#,
        ),
        8 => (
            "SetChargingProfile",
            r#"{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16}]}}}"#,
        ),
        9 => ("ClearChargingProfile", "{}"),
        10 => ("GetCompositeSchedule", r#"{"connectorId":1,"duration":60}"#),
        11 => ("GetConfiguration", "{}"),
        12 => ("ChangeConfiguration", r#"{"key":"K","value":"1"}"#),
        13 => ("GetLocalListVersion", "{}"),
        14 => (
            "SendLocalList",
            r#"{"listVersion":3,"updateType":"Differential"}"#,
        ),
        15 => ("CertificateSigned", r#"{"certificateChain":"pem"}"#),
        16 => (
            "InstallCertificate",
            r#"{"certificateType":"ManufacturerRootCertificate","certificate":"pem"}"#,
        ),
        17 => (
            "DeleteCertificate",
            r#"{"certificateHashData":{"hashAlgorithm":"SHA256","issuerNameHash":"a","issuerKeyHash":"b","serialNumber":"1"}}"#,
        ),
        18 => (
            "GetInstalledCertificateIds",
            r#"{"certificateType":"ManufacturerRootCertificate"}"#,
        ),
        19 => (
            "ExtendedTriggerMessage",
            r#"{"requestedMessage":"Heartbeat"}"#,
        ),
        20 => (
            "RemoteStartTransaction",
            r#"{"idTag":"04A1B2C3D4E5F6","chargingProfile":{"chargingProfileId":2,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16}]}}}"#,
        ),
        21 => ("DataTransfer", r#"{"vendorId":"v"}"#),
        _ => return None,
    };
    let payload = serde_json::from_str(payload).expect("our own JSON");
    Some(decode_request(action, &payload).expect("our own request"))
}
