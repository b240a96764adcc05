//! Diagnostics and logs.

use super::*;
use crate::backend::{Document, UploadRequest};

const DIAGNOSTICS: &str = "DiagnosticsStatusNotification";
const LOG: &str = "LogStatusNotification";

fn upload(host: &mut Host) -> Option<UploadRequest> {
    host.asked(|command| match command {
        Command::Upload(request) => Some(request.clone()),
        _ => None,
    })
}

fn diagnostics(host: &mut Host, id: &str) -> UploadRequest {
    let payload = json!({
        "location": "ftp://u:p@files/in/", "retries": 2, "retryInterval": 5,
        "startTime": "2027-01-15T07:00:00Z", "stopTime": "2027-01-15T08:00:00Z",
    });
    host.call(id, "GetDiagnostics", &payload);
    upload(host).unwrap()
}

fn log_order(number: i64, kind: &str) -> Value {
    json!({"logType": kind, "requestId": number, "log": {"remoteLocation": "https://files/in/"}})
}

#[test]
fn tc_045_1_diagnostics_get_a_name_at_once_and_are_told_to_the_end() {
    let mut host = Host::online(&[]);
    let request = diagnostics(&mut host, "a");
    assert_eq!(request.document, Document::Diagnostics);
    assert_eq!(request.url, "ftp://u:p@files/in/");
    assert_eq!((request.retries, request.retry_interval_s), (2, 5));
    let span = (request.from_wall_ms.unwrap(), request.to_wall_ms.unwrap());
    assert_eq!(span.1.as_unix_millis() - span.0.as_unix_millis(), 3_600_000);
    host.outcome_of(request.request_id, OutcomeKind::Accepted, "");
    let name = "PW-1_diagnostics_2027-01-15T08-00-00.tar.gz";
    assert_eq!(request.file_name, name);
    assert_eq!(host.taken_answer("a")[2]["fileName"], name);
    for _ in 0..3 {
        host.report(request.request_id, TransferStage::Running);
    }
    host.report(request.request_id, TransferStage::Done);
    assert_eq!(host.told(DIAGNOSTICS), ["Uploading", "Uploaded"]);
    assert_eq!(host.store.get("upload"), None);
}

#[test]
fn tc_045_2_upload_that_fails_is_told_and_one_that_is_not_begun_has_no_name() {
    let mut host = Host::online(&[]);
    let id = diagnostics(&mut host, "a").request_id;
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Failed);
    assert_eq!(host.told(DIAGNOSTICS), ["Uploading", "UploadFailed"]);

    let mut host = Host::online(&[]);
    let id = diagnostics(&mut host, "a").request_id;
    host.outcome_of(id, OutcomeKind::NotSupported, "no grant");
    assert_eq!(host.taken_answer("a")[2], json!({}));
    assert_eq!(host.told(DIAGNOSTICS), [""; 0]);
}

#[test]
fn upload_that_a_restart_ended_has_failed() {
    let mut host = Host::online(&[]);
    let id = diagnostics(&mut host, "a").request_id;
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Running);
    assert_eq!(host.told(DIAGNOSTICS), ["Uploading"]);
    host.link_is_made_anew();
    assert_eq!(host.told(DIAGNOSTICS), [""; 0], "a swap ends nothing");
    host.report(id, TransferStage::Running);
    host.restart();
    assert_eq!(host.told(DIAGNOSTICS), ["UploadFailed"]);
    host.restart();
    assert_eq!(host.told(DIAGNOSTICS), [""; 0], "once");
}

#[test]
fn upload_goes_on_while_the_backend_is_gone() {
    let mut host = Host::online(&[]);
    let id = diagnostics(&mut host, "a").request_id;
    host.link_down();
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Done);
    host.link_up();
    assert_eq!(host.told(DIAGNOSTICS), ["Uploading", "Uploaded"]);
}

#[test]
fn tc_079_security_log_is_uploaded_under_the_backends_number() {
    let mut host = Host::online(&[]);
    host.call("a", "GetLog", &log_order(7, "SecurityLog"));
    let request = upload(&mut host).unwrap();
    assert_eq!(request.document, Document::SecurityLog);
    host.outcome_of(request.request_id, OutcomeKind::Accepted, "");
    let answer = host.taken_answer("a");
    assert_eq!(answer[2]["status"], "Accepted");
    assert_eq!(answer[2]["filename"], request.file_name);
    host.report(request.request_id, TransferStage::Running);
    let first = host.answer(LOG, &json!({}));
    assert_eq!(first, json!({"status": "Uploading", "requestId": 7}));
    host.report(request.request_id, TransferStage::Done);
    let last = host.answer(LOG, &json!({}));
    assert_eq!(last, json!({"status": "Uploaded", "requestId": 7}));
}

#[test]
fn newer_log_cancels_the_upload_under_way_and_says_so() {
    let mut host = Host::online(&[]);
    host.call("a", "GetLog", &log_order(7, "DiagnosticsLog"));
    let old = upload(&mut host).unwrap().request_id;
    host.outcome_of(old, OutcomeKind::Accepted, "");
    host.call("b", "GetLog", &log_order(8, "SecurityLog"));
    let new = upload(&mut host).unwrap().request_id;
    host.report(old, TransferStage::Cancelled);
    host.outcome_of(new, OutcomeKind::Accepted, "");
    assert_eq!(host.taken_answer("b")[2]["status"], "AcceptedCanceled");
    host.report(new, TransferStage::Done);
    let told = host.answer_all(&json!({}));
    assert!(
        told.iter().all(|frame| frame[3]["requestId"] == 8),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}

#[test]
fn server_that_lets_nobody_in_is_told_apart() {
    for (detail, word) in [
        ("the server says 550", "PermissionDenied"),
        ("HTTP 403 Forbidden", "PermissionDenied"),
        ("nobody answers at 127.0.0.1:4030", "UploadFailure"),
    ] {
        let mut host = Host::online(&[]);
        host.call("a", "GetLog", &log_order(7, "SecurityLog"));
        let request_id = upload(&mut host).unwrap().request_id;
        host.outcome_of(request_id, OutcomeKind::Accepted, "");
        host.give(Input::Transfer(TransferReport {
            request_id,
            stage: TransferStage::Failed,
            detail: detail.to_owned(),
        }));
        assert_eq!(host.told(LOG), ["Uploading", word], "{detail}");
    }
}

#[test]
fn observer_gets_no_files() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    let payload = json!({"location": "ftp://files/"});
    host.call("a", "GetDiagnostics", &payload);
    assert_eq!(host.taken_answer("a")[2], json!({}));
    host.call("b", "GetLog", &log_order(7, "SecurityLog"));
    assert_eq!(host.taken_answer("b")[2]["status"], "Rejected");
    assert_eq!(upload(&mut host), None);
}
