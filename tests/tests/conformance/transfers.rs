//! Firmware down, diagnostics and logs up, over real HTTP and FTP servers, with an installer that is a shell script.
//! Cases 044, 045, 079 to 081.

use serde_json::{Value, json};

use crate::harness::{Authority, CARD, Case, FileServer, Pair, Seen, Setup, in_order};
use crate::profiles::expiry;

/// What the installer takes.
const GOOD: &[u8] = b"firmware 2, good";
/// What it does not.
pub const BAD: &[u8] = b"firmware 2, rotten";
pub const INSTALLER: &str = r#"#!/bin/sh
echo "$1" >> "$(dirname "$0")/calls"
case "$1" in
  install) grep -q good "$2" || { echo "this is no image" >&2; exit 3; } ;;
  restart) exit 1 ;;
esac
"#;

pub fn update(case: &mut Case, location: &str, more: Value) {
    let mut payload = json!({"location": location, "retrieveDate": expiry(-1)});
    for (key, value) in more.as_object().unwrap() {
        payload[key] = value.clone();
    }
    assert_eq!(case.ask("UpdateFirmware", payload), json!({}));
}

fn told(case: &mut Case, action: &str, status: &str) -> Seen {
    case.call_where(action, |payload| payload["status"] == status)
}

pub fn firmware(case: &mut Case, status: &str) -> Seen {
    told(case, "FirmwareStatusNotification", status)
}

fn no_firmware_status(case: &mut Case, status: &str) {
    case.peer.refuse(status, crate::harness::QUIET, |event| {
        event["event"] == "call" && event["payload"]["status"] == status
    });
}

fn updated(case: &mut Case) {
    let mut seen: Vec<Seen> = ["Downloading", "Downloaded", "Installing"]
        .iter()
        .map(|status| firmware(case, status))
        .collect();
    seen.push(case.call("BootNotification"));
    seen.push(firmware(case, "Installed"));
    in_order(&seen.iter().collect::<Vec<_>>());
    for connector in 0..=2 {
        case.status(connector, "Available");
    }
    let calls = std::fs::read_to_string(case.station.file("calls")).unwrap();
    assert_eq!(calls, "install\nrestart\nconfirm\n");
}

#[test]
fn tc_044_1_firmware_is_fetched_over_https_and_from_nobody_else() {
    let authority = Authority::new("Root");
    let (good, bad) = (
        authority.server("files"),
        authority.server_elsewhere("elsewhere"),
    );
    let (files, fake) = (FileServer::over_tls(&good), FileServer::over_tls(&bad));
    for server in [&files, &fake] {
        server.put("firmware.bin", GOOD);
    }
    let mut case = Setup::default()
        .installer(INSTALLER)
        .trusting(&authority)
        .start();
    case.forget();
    update(&mut case, &fake.http("firmware.bin"), json!({"retries": 0}));
    firmware(&mut case, "DownloadFailed");
    case.forget();
    update(&mut case, &files.http("firmware.bin"), json!({}));
    updated(&mut case);
}

// acceptance: P205
#[test]
fn tc_044_1_firmware_is_fetched_over_http_and_installed() {
    let files = FileServer::start();
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default().installer(INSTALLER).start();
    case.forget();
    update(&mut case, &files.http("firmware.bin"), json!({}));
    updated(&mut case);
    let asked = files.expect("http");
    assert_eq!(
        (&asked["method"], &asked["path"]),
        (&"GET".into(), &"/firmware.bin".into())
    );
}

#[test]
fn tc_044_1_firmware_is_fetched_over_ftp_and_installed() {
    let files = FileServer::start();
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default().installer(INSTALLER).start();
    case.forget();
    update(&mut case, &files.ftp("firmware.bin"), json!({}));
    updated(&mut case);
    assert_eq!(files.expect("ftp")["method"], "RETR");
}

#[test]
fn tc_044_2_firmware_that_is_not_there() {
    let files = FileServer::start();
    let mut case = Setup::default().installer(INSTALLER).start();
    let none = json!({"retries": 0});
    update(&mut case, &files.http("firmware.bin"), none.clone());
    firmware(&mut case, "DownloadFailed");
    case.forget();
    update(&mut case, &files.ftp("firmware.bin"), none);
    firmware(&mut case, "DownloadFailed");
    no_firmware_status(&mut case, "Installing");
}

#[test]
fn tc_044_3_firmware_that_the_installer_does_not_take() {
    let files = FileServer::start();
    files.put("firmware.bin", BAD);
    let mut case = Setup::default().installer(INSTALLER).start();
    case.forget();
    update(&mut case, &files.http("firmware.bin"), json!({}));
    let seen = [
        "Downloading",
        "Downloaded",
        "Installing",
        "InstallationFailed",
    ]
    .map(|status| firmware(&mut case, status));
    in_order(&seen.iter().collect::<Vec<_>>());
    case.no_call("BootNotification");
    case.charging(1);
}

#[test]
fn a_download_is_tried_again_as_often_as_it_says() {
    let mut files = FileServer::start();
    files.put("firmware.bin", BAD);
    files.fail(503, 2);
    let mut case = Setup::default().installer(INSTALLER).start();
    let twice = json!({"retries": 2, "retryInterval": 1});
    update(&mut case, &files.http("firmware.bin"), twice);
    firmware(&mut case, "Downloaded");
    files.fail(503, 2);
    firmware(&mut case, "InstallationFailed");
    case.forget();
    let once = json!({"retries": 1, "retryInterval": 1});
    update(&mut case, &files.http("firmware.bin"), once);
    firmware(&mut case, "DownloadFailed");
}

#[test]
fn firmware_waits_for_its_date_and_for_the_end_of_a_transaction() {
    let files = FileServer::start();
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default().installer(INSTALLER).start();
    let (_, transaction) = case.charging(1);
    update(
        &mut case,
        &files.http("firmware.bin"),
        json!({"retrieveDate": expiry(4)}),
    );
    case.no_call("FirmwareStatusNotification");
    firmware(&mut case, "Downloaded");
    no_firmware_status(&mut case, "Installing");
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    let installing = firmware(&mut case, "Installing");
    firmware(&mut case, "Installed");
    in_order(&[&stopped, &installing]);
}

pub fn diagnostics(case: &mut Case, location: &str, retries: i64) -> Value {
    let payload = json!({"location": location, "retries": retries, "retryInterval": 1});
    case.ask("GetDiagnostics", payload)["fileName"].clone()
}

pub fn uploading(case: &mut Case, end: &str) {
    let action = "DiagnosticsStatusNotification";
    let begun = told(case, action, "Uploading");
    let ended = told(case, action, end);
    in_order(&[&begun, &ended]);
}

fn is_archive(files: &FileServer, name: &Value) {
    let content = files.get(name.as_str().unwrap());
    assert_eq!(&content[..2], [0x1f, 0x8b], "gzip");
}

#[test]
fn tc_045_1_diagnostics_are_uploaded() {
    let files = FileServer::start();
    let mut case = Setup::default().start();
    let name = diagnostics(&mut case, &files.http(""), 0);
    uploading(&mut case, "Uploaded");
    is_archive(&files, &name);
    let name = diagnostics(&mut case, &files.ftp(""), 0);
    uploading(&mut case, "Uploaded");
    is_archive(&files, &name);
}

#[test]
fn tc_045_2_diagnostics_that_find_no_place() {
    let files = FileServer::start();
    let mut case = Setup::default().start();
    diagnostics(&mut case, &files.http("no/such/folder/"), 0);
    uploading(&mut case, "UploadFailed");
    diagnostics(&mut case, &files.ftp_locked(""), 0);
    uploading(&mut case, "UploadFailed");
}

#[test]
fn an_upload_is_tried_again_as_often_as_it_says() {
    let mut files = FileServer::start();
    let mut case = Setup::default().start();
    files.fail(500, 2);
    let name = diagnostics(&mut case, &files.http(""), 2);
    uploading(&mut case, "Uploaded");
    is_archive(&files, &name);
    files.fail(500, 2);
    diagnostics(&mut case, &files.http(""), 1);
    uploading(&mut case, "UploadFailed");
}

fn get_log(case: &mut Case, kind: &str, request: i64, location: &str) -> String {
    let payload = json!({
        "logType": kind, "requestId": request, "retries": 0, "log": {"remoteLocation": location},
    });
    let answer = case.ask("GetLog", payload);
    assert_eq!(answer["status"], "Accepted");
    answer["filename"].as_str().unwrap().to_owned()
}

fn log_status(case: &mut Case, status: &str, request: i64) -> Seen {
    let seen = told(case, "LogStatusNotification", status);
    assert_eq!(seen.number("requestId"), request);
    seen
}

#[test]
fn tc_079_security_log_is_uploaded() {
    let files = FileServer::start();
    let mut case = Setup::default().adapter("security_events", "true").start();
    // Something to log: a certificate that is none.
    let signed = json!({"certificateChain": "no certificate"});
    case.ask_for("CertificateSigned", signed, "Rejected");
    case.call_where("SecurityEventNotification", |payload| {
        payload["type"] == "InvalidChargePointCertificate"
    });
    let name = get_log(&mut case, "SecurityLog", 79, &files.http(""));
    let uploading = log_status(&mut case, "Uploading", 79);
    let uploaded = log_status(&mut case, "Uploaded", 79);
    in_order(&[&uploading, &uploaded]);
    let log = String::from_utf8(files.get(&name)).unwrap();
    assert!(log.contains("InvalidChargePointCertificate"), "{log}");
}

#[test]
fn a_diagnostics_log_and_a_log_that_nobody_takes() {
    let files = FileServer::start();
    let mut case = Setup::default().start();
    let name = get_log(&mut case, "DiagnosticsLog", 1, &files.ftp(""));
    log_status(&mut case, "Uploaded", 1);
    is_archive(&files, &name.into());
    get_log(&mut case, "SecurityLog", 2, &files.ftp_locked(""));
    log_status(&mut case, "PermissionDenied", 2);
    get_log(&mut case, "SecurityLog", 3, &files.http("no/such/folder/"));
    log_status(&mut case, "UploadFailure", 3);
}

#[test]
fn a_log_is_uploaded_again_as_often_as_it_says() {
    let mut files = FileServer::start();
    files.fail(500, 1);
    let mut case = Setup::default().start();
    let payload = json!({
        "logType": "DiagnosticsLog", "requestId": 5, "retries": 1, "retryInterval": 1,
        "log": {"remoteLocation": files.http("")},
    });
    let answer = case.ask("GetLog", payload);
    log_status(&mut case, "Uploaded", 5);
    is_archive(&files, &answer["filename"]);
}

fn signed_update(case: &mut Case, location: &str, signer: &Pair, signature: &str, status: &str) {
    let payload = json!({
        "requestId": 80, "retries": 0, "firmware": {
            "location": location, "retrieveDateTime": expiry(-1), "signingCertificate": signer.pem(),
            "signature": signature,
        },
    });
    case.ask_for("SignedUpdateFirmware", payload, status);
}

pub fn trusts(case: &mut Case, authority: &Authority) {
    let root = json!({
        "certificateType": "ManufacturerRootCertificate", "certificate": authority.pem(),
    });
    case.ask_for("InstallCertificate", root, "Accepted");
}

fn signed_status(case: &mut Case, status: &str) -> Seen {
    let seen = told(case, "SignedFirmwareStatusNotification", status);
    assert_eq!(seen.number("requestId"), 80);
    seen
}

#[test]
fn tc_080_signed_firmware_is_verified_and_installed() {
    let (files, maker) = (FileServer::start(), Authority::new("Maker"));
    let signer = maker.signer("Signer");
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default().installer(INSTALLER).start();
    trusts(&mut case, &maker);
    case.forget();
    let signature = signer.signature(GOOD);
    let place = files.http("firmware.bin");
    signed_update(&mut case, &place, &signer, &signature, "Accepted");
    let mut seen: Vec<Seen> = [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
    ]
    .iter()
    .map(|status| signed_status(&mut case, status))
    .collect();
    seen.push(case.call("BootNotification"));
    seen.push(signed_status(&mut case, "Installed"));
    in_order(&seen.iter().collect::<Vec<_>>());
    case.status(1, "Available");
}

#[test]
fn tc_081_signature_of_other_firmware() {
    let (files, maker) = (FileServer::start(), Authority::new("Maker"));
    let signer = maker.signer("Signer");
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default()
        .installer(INSTALLER)
        .adapter("security_events", "true")
        .start();
    trusts(&mut case, &maker);
    let signature = signer.signature(BAD);
    let place = files.http("firmware.bin");
    signed_update(&mut case, &place, &signer, &signature, "Accepted");
    let downloaded = signed_status(&mut case, "Downloaded");
    let invalid = signed_status(&mut case, "InvalidSignature");
    in_order(&[&downloaded, &invalid]);
    case.call_where("SecurityEventNotification", |payload| {
        payload["type"] == "InvalidFirmwareSignature"
    });
    case.no_call("BootNotification");
    assert!(!case.station.file("calls").exists(), "nothing is installed");
}

#[test]
fn signed_firmware_of_a_stranger_is_not_even_fetched() {
    let (files, maker) = (FileServer::start(), Authority::new("Maker"));
    let stranger = Authority::new("Stranger");
    let signer = stranger.signer("Signer");
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default()
        .installer(INSTALLER)
        .adapter("security_events", "true")
        .start();
    trusts(&mut case, &maker);
    let signature = signer.signature(GOOD);
    let place = files.http("firmware.bin");
    signed_update(&mut case, &place, &signer, &signature, "InvalidCertificate");
    case.call_where("SecurityEventNotification", |payload| {
        payload["type"] == "InvalidFirmwareSigningCertificate"
    });
    case.no_call("SignedFirmwareStatusNotification");
}

#[test]
fn a_signed_download_is_tried_again_as_often_as_it_says() {
    let (mut files, maker) = (FileServer::start(), Authority::new("Maker"));
    let signer = maker.signer("Signer");
    files.put("firmware.bin", BAD);
    files.fail(503, 1);
    let mut case = Setup::default().installer(INSTALLER).start();
    trusts(&mut case, &maker);
    let payload = json!({
        "requestId": 80, "retries": 1, "retryInterval": 1, "firmware": {
            "location": files.http("firmware.bin"), "retrieveDateTime": expiry(-1),
            "signingCertificate": signer.pem(), "signature": signer.signature(BAD),
        },
    });
    case.ask_for("SignedUpdateFirmware", payload, "Accepted");
    signed_status(&mut case, "SignatureVerified");
    signed_status(&mut case, "InstallationFailed");
}

/// A station without an installer says so by failing, not by silence.
#[test]
fn a_station_without_installer_ends_an_update_as_failed() {
    let files = FileServer::start();
    files.put("firmware.bin", GOOD);
    let mut case = Setup::default().start();
    update(
        &mut case,
        &files.http("firmware.bin"),
        json!({"retries": 0}),
    );
    firmware(&mut case, "DownloadFailed");
    case.no_call("BootNotification");
}
