//! The central-system half's books: reservations, profiles, jobs, keys, certificates, admission, silence, memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::bench::{Bench, WALL, config, profile, start, stop, tag};
use ocpp::limits::{CSMS_KEYS_MAX, CSMS_PROFILES_MAX, CSMS_RESERVATIONS_MAX};
use ocpp::v16::csms::{
    CallNotIssued, Csms, CsmsEvent, JobKind, JobPhase, JobReport, ReservationEnd, ReservationState,
    Tries,
};
use ocpp::v16::{
    Action, CertificateHashData, CertificateUse, ChargingProfilePurpose, CiString,
    ClearChargingProfileRequest, ExtendedMessageTrigger, Firmware, GenericStatus, HashAlgorithm,
    LogParameters, LogType, MessageTrigger, RegistrationStatus, ReservationStatus,
    SendLocalListRequest, UpdateType, UploadLogStatus,
};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

fn reserve(bench: &mut Bench, seconds: i64) -> i64 {
    let expires = bench.wall_in(seconds);
    let (_, id) = bench
        .csms
        .reserve(bench.now, 1, tag("CARD-1"), None, expires)
        .unwrap();
    id
}

fn reservation_ends(bench: &mut Bench) -> Vec<(i64, ReservationEnd)> {
    let ended = |event| match event {
        CsmsEvent::ReservationEnded { reservation, end } => Some((reservation.reservation_id, end)),
        _ => None,
    };
    bench.events().into_iter().filter_map(ended).collect()
}

#[test]
fn a_reservation_is_held_once_accepted_and_used_by_the_transaction_that_names_it() {
    let mut bench = Bench::new();
    let id = reserve(&mut bench, 600);
    let asked = bench.csms.reservations().reservation(id).unwrap();
    assert_eq!(asked.state, ReservationState::Asked);
    let (action, payload) = bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(action, "ReserveNow");
    assert_eq!(
        payload,
        json!({ "connectorId": 1, "idTag": "CARD-1", "reservationId": id,
                "expiryDate": "2026-03-01T08:10:00.000Z" })
    );
    let held = bench.csms.reservations().reservation(id).unwrap();
    assert_eq!(held.state, ReservationState::Held);
    let mut request = start(1, "CARD-1", 1);
    request["reservationId"] = json!(id);
    let answer = bench.ask("StartTransaction", request);
    let transaction_id = answer["transactionId"].as_i64().unwrap();
    assert_eq!(bench.csms.reservations().reservation(id), None);
    assert_eq!(
        reservation_ends(&mut bench),
        [(id, ReservationEnd::Used { transaction_id })]
    );
}

#[test]
fn a_refused_reservation_is_not_kept_and_leaves_one_held_under_its_number_alone() {
    let mut bench = Bench::new();
    let id = reserve(&mut bench, 600);
    bench.serve(json!({ "status": "Occupied" }));
    assert_eq!(bench.csms.reservations().reservations().count(), 0);
    let refused = ReservationEnd::Refused(ReservationStatus::Occupied);
    assert_eq!(reservation_ends(&mut bench), [(id, refused)]);

    let id = reserve(&mut bench, 600);
    bench.serve(json!({ "status": "Accepted" }));
    let mut again = bench.csms.reservations().reservation(id).unwrap().clone();
    again.connector_id = 2;
    let request = ocpp::v16::ReserveNowRequest {
        connector_id: 2,
        expiry_date: again.expires_at,
        id_tag: again.id_tag.clone(),
        parent_id_tag: None,
        reservation_id: id,
    };
    bench.csms.call(bench.now, request.clone()).unwrap();
    bench.serve(json!({ "status": "Faulted" }));
    let kept = bench.csms.reservations().reservation(id).unwrap();
    assert_eq!((kept.connector_id, kept.state), (1, ReservationState::Held));
    bench.csms.call(bench.now, request).unwrap();
    bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(
        bench
            .csms
            .reservations()
            .reservation(id)
            .unwrap()
            .connector_id,
        2
    );
}

#[test]
fn a_reservation_expires_by_the_clock_without_a_word_from_the_charge_point() {
    let mut bench = Bench::new();
    let id = reserve(&mut bench, 60);
    bench.serve(json!({ "status": "Accepted" }));
    bench.events();
    let due = Instant::ZERO.after(Millis::from_secs(60));
    assert_eq!(bench.csms.poll_timeout(), Some(due));
    bench.csms.handle_timeout(Instant::from_millis(59_999));
    assert_eq!(reservation_ends(&mut bench), []);
    bench.csms.handle_timeout(due);
    assert_eq!(
        reservation_ends(&mut bench),
        [(id, ReservationEnd::Expired)]
    );
    assert_eq!(bench.csms.poll_timeout(), None);
}

#[test]
fn a_lost_answer_leaves_a_reservation_doubtful_until_it_is_settled() {
    let mut bench = Bench::new();
    let id = reserve(&mut bench, 600);
    bench.swallow();
    let doubtful = bench.csms.reservations().reservation(id).unwrap();
    assert_eq!(doubtful.state, ReservationState::Doubtful);
    bench.csms.cancel_reservation(bench.now, id).unwrap();
    bench.serve(json!({ "status": "Rejected" }));
    assert_eq!(
        reservation_ends(&mut bench),
        [(id, ReservationEnd::NotThere)]
    );
    // One that never left is certainly not there.
    reserve(&mut bench, 600);
    let never_sent = reserve(&mut bench, 600);
    bench.frame();
    bench.csms.handle_disconnected();
    assert_eq!(
        reservation_ends(&mut bench),
        [(never_sent, ReservationEnd::NotMade)]
    );
    assert_eq!(bench.csms.reservations().reservations().count(), 1);
}

#[test]
fn a_cancelled_reservation_is_gone_and_the_book_is_bounded() {
    let mut bench = Bench::new();
    for _ in 0..CSMS_RESERVATIONS_MAX {
        reserve(&mut bench, 600);
        bench.serve(json!({ "status": "Accepted" }));
    }
    let expires = bench.wall_in(600);
    let full = bench
        .csms
        .reserve(bench.now, 1, tag("CARD-1"), None, expires);
    assert_eq!(
        full.unwrap_err(),
        CallNotIssued::BookFull(Action::ReserveNow)
    );
    bench.events();
    bench.csms.cancel_reservation(bench.now, 1).unwrap();
    bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(
        reservation_ends(&mut bench),
        [(1, ReservationEnd::Cancelled)]
    );
    reserve(&mut bench, 600);
}

fn install(bench: &mut Bench, connector: i64, profile: ocpp::v16::ChargingProfile) {
    bench
        .csms
        .set_charging_profile(bench.now, connector, profile)
        .unwrap();
    bench.serve(json!({ "status": "Accepted" }));
}

fn installed(bench: &Bench) -> Vec<(i64, bool)> {
    bench
        .csms
        .profiles()
        .profiles()
        .map(|entry| (entry.profile.charging_profile_id, entry.certain))
        .collect()
}

#[test]
fn a_profile_takes_the_place_of_one_with_its_number_or_its_place_in_the_stack() {
    use ChargingProfilePurpose::{ChargePointMaxProfile, TxDefaultProfile};
    let mut bench = Bench::new();
    install(&mut bench, 0, profile(1, ChargePointMaxProfile, 0));
    install(&mut bench, 1, profile(2, TxDefaultProfile, 0));
    install(&mut bench, 1, profile(3, TxDefaultProfile, 1));
    install(&mut bench, 1, profile(4, TxDefaultProfile, 0));
    install(&mut bench, 0, profile(3, TxDefaultProfile, 7));
    assert_eq!(installed(&bench), [(1, true), (4, true), (3, true)]);
    let rejected = profile(9, TxDefaultProfile, 0);
    bench
        .csms
        .set_charging_profile(bench.now, 1, rejected)
        .unwrap();
    bench.serve(json!({ "status": "Rejected" }));
    assert_eq!(installed(&bench).len(), 3);
}

#[test]
fn a_clearing_removes_what_it_names_and_nothing_else() {
    use ChargingProfilePurpose::{ChargePointMaxProfile, TxDefaultProfile};
    let mut bench = Bench::new();
    let clear = |bench: &mut Bench, named: Value, status: &str| {
        let named: ClearChargingProfileRequest = serde_json::from_value(named).unwrap();
        bench
            .csms
            .clear_charging_profiles(bench.now, named)
            .unwrap();
        bench.serve(json!({ "status": status }));
    };
    for (id, connector, level) in [(1, 1, 0), (2, 1, 1), (3, 2, 0), (4, 2, 1)] {
        install(&mut bench, connector, profile(id, TxDefaultProfile, level));
    }
    install(&mut bench, 0, profile(5, ChargePointMaxProfile, 0));
    clear(&mut bench, json!({ "id": 5, "connectorId": 1 }), "Accepted");
    assert_eq!(installed(&bench).len(), 4);
    clear(
        &mut bench,
        json!({ "connectorId": 2, "stackLevel": 1 }),
        "Accepted",
    );
    assert_eq!(installed(&bench), [(1, true), (2, true), (3, true)]);
    clear(
        &mut bench,
        json!({ "chargingProfilePurpose": "TxProfile" }),
        "Unknown",
    );
    assert_eq!(installed(&bench).len(), 3);
    clear(&mut bench, json!({}), "Unknown");
    assert_eq!(installed(&bench), []);
}

#[test]
fn lost_answers_leave_profiles_uncertain() {
    use ChargingProfilePurpose::TxDefaultProfile;
    let mut bench = Bench::new();
    install(&mut bench, 1, profile(1, TxDefaultProfile, 0));
    install(&mut bench, 1, profile(2, TxDefaultProfile, 1));
    bench
        .csms
        .set_charging_profile(bench.now, 1, profile(3, TxDefaultProfile, 0))
        .unwrap();
    bench.swallow();
    assert_eq!(installed(&bench), [(1, false), (2, true), (3, false)]);
    install(&mut bench, 1, profile(3, TxDefaultProfile, 0));
    assert_eq!(installed(&bench), [(2, true), (3, true)]);
    let named = serde_json::from_value(json!({ "stackLevel": 1 })).unwrap();
    bench
        .csms
        .clear_charging_profiles(bench.now, named)
        .unwrap();
    bench.swallow();
    assert_eq!(installed(&bench), [(2, false), (3, true)]);
}

#[test]
fn profiles_of_a_transaction_come_with_a_remote_start_and_go_with_its_end() {
    use ChargingProfilePurpose::{TxDefaultProfile, TxProfile};
    let mut bench = Bench::new();
    install(&mut bench, 1, profile(1, TxDefaultProfile, 0));
    bench
        .csms
        .remote_start_with_profile(bench.now, Some(1), "CARD-1", profile(2, TxProfile, 0))
        .unwrap();
    bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(installed(&bench), [(1, true)]);
    bench.start(2, "CARD-2", 1);
    assert_eq!(installed(&bench), [(1, true)]);
    let id = bench.start(1, "CARD-1", 2);
    assert_eq!(installed(&bench), [(1, true), (2, true)]);
    let of_it = bench.csms.profiles().profiles().last().unwrap();
    assert_eq!(of_it.profile.transaction_id, Some(id));
    install(&mut bench, 1, profile(3, TxProfile, 4));
    install(&mut bench, 2, profile(4, TxProfile, 4));
    bench.ask("StopTransaction", stop(id));
    assert_eq!(installed(&bench), [(1, true), (4, true)]);
}

#[test]
fn the_book_of_profiles_is_bounded() {
    use ChargingProfilePurpose::TxDefaultProfile;
    let mut bench = Bench::new();
    for n in 0..CSMS_PROFILES_MAX as i64 {
        install(&mut bench, 1, profile(n, TxDefaultProfile, n));
        bench.events();
    }
    let one_more = profile(9_999, TxDefaultProfile, 9_999);
    let full = bench.csms.set_charging_profile(bench.now, 1, one_more);
    assert_eq!(
        full.unwrap_err(),
        CallNotIssued::BookFull(Action::SetChargingProfile)
    );
    install(&mut bench, 1, profile(5, TxDefaultProfile, 5));
    assert_eq!(installed(&bench).len(), CSMS_PROFILES_MAX);
}

fn phase(bench: &Bench, kind: JobKind) -> JobPhase {
    bench.csms.jobs().job(kind).unwrap().phase
}

#[test]
fn an_upload_of_diagnostics_is_followed_to_its_end() {
    let mut bench = Bench::new();
    let ask = |bench: &mut Bench| {
        let csms = &mut bench.csms;
        csms.get_diagnostics(
            bench.now,
            "ftp://x.invalid/",
            (None, None),
            Tries::default(),
        )
    };
    ask(&mut bench).unwrap();
    assert_eq!(phase(&bench, JobKind::Diagnostics), JobPhase::Asked);
    assert_eq!(
        ask(&mut bench),
        Err(CallNotIssued::StillAsked(JobKind::Diagnostics))
    );
    bench.serve(json!({ "fileName": "diag.zip" }));
    let job = bench.csms.jobs().job(JobKind::Diagnostics).unwrap();
    assert_eq!(job.phase, JobPhase::Taken);
    assert_eq!(job.file_name.as_ref().unwrap(), &"diag.zip");
    for (word, expected) in [
        ("Idle", JobPhase::Taken),
        ("Uploading", JobPhase::Running),
        ("Uploaded", JobPhase::Done),
        ("Idle", JobPhase::Done),
    ] {
        bench.ask("DiagnosticsStatusNotification", json!({ "status": word }));
        assert_eq!(phase(&bench, JobKind::Diagnostics), expected, "{word}");
    }
    ask(&mut bench).unwrap();
    bench.serve(json!({}));
    // Nothing to upload: the job before it is still the latest.
    assert_eq!(phase(&bench, JobKind::Diagnostics), JobPhase::Done);
    let last = bench.events().pop().unwrap();
    assert!(matches!(last, CsmsEvent::JobChanged(job) if job.phase == JobPhase::Refused));
}

#[test]
fn a_job_under_way_whose_charge_point_is_idle_has_failed() {
    let mut bench = Bench::new();
    let when = bench.wall_in(60);
    bench
        .csms
        .update_firmware(bench.now, "ftp://x.invalid/fw", when, Tries::default())
        .unwrap();
    bench.serve(json!({}));
    assert_eq!(phase(&bench, JobKind::Firmware), JobPhase::Taken);
    for (word, expected) in [
        ("Downloading", JobPhase::Running),
        ("Downloaded", JobPhase::Running),
        ("Idle", JobPhase::Failed),
        ("Installing", JobPhase::Running),
        ("Installed", JobPhase::Done),
    ] {
        bench.ask("FirmwareStatusNotification", json!({ "status": word }));
        assert_eq!(phase(&bench, JobKind::Firmware), expected, "{word}");
    }
}

fn get_log(bench: &mut Bench, log_type: LogType) -> i64 {
    let log = LogParameters {
        remote_location: CiString::truncated("https://x.invalid/"),
        oldest_timestamp: None,
        latest_timestamp: None,
    };
    let (_, id) = bench
        .csms
        .get_log(bench.now, log_type, log, Tries::default())
        .unwrap();
    id
}

#[test]
fn reports_on_logs_and_signed_firmware_belong_to_the_job_with_their_number() {
    let mut bench = Bench::new();
    let first = get_log(&mut bench, LogType::SecurityLog);
    bench.serve(json!({ "status": "Accepted", "filename": "sec.log" }));
    bench.pass(Millis::from_secs(1));
    let second = get_log(&mut bench, LogType::DiagnosticsLog);
    bench.serve(json!({ "status": "AcceptedCanceled" }));
    assert_ne!(first, second);
    let (security, diagnostics) = (
        JobKind::Log(LogType::SecurityLog),
        JobKind::Log(LogType::DiagnosticsLog),
    );
    let report = |bench: &mut Bench, payload: Value| bench.ask("LogStatusNotification", payload);
    report(
        &mut bench,
        json!({ "status": "Uploaded", "requestId": first }),
    );
    assert_eq!(phase(&bench, security), JobPhase::Done);
    assert_eq!(phase(&bench, diagnostics), JobPhase::Taken);
    report(
        &mut bench,
        json!({ "status": "Uploading", "requestId": 77 }),
    );
    assert_eq!(phase(&bench, diagnostics), JobPhase::Taken);
    bench.pass(Millis::from_secs(1));
    report(
        &mut bench,
        json!({ "status": "Uploading", "requestId": second }),
    );
    report(&mut bench, json!({ "status": "UploadFailure" }));
    let job = bench.csms.jobs().job(diagnostics).unwrap();
    assert_eq!(job.phase, JobPhase::Failed);
    assert_eq!(
        job.report,
        Some(JobReport::Log(UploadLogStatus::UploadFailure))
    );

    let firmware = Firmware {
        location: CiString::truncated("https://x.invalid/fw"),
        retrieve_date_time: bench.wall_in(0),
        install_date_time: None,
        signing_certificate: CiString::truncated("pem"),
        signature: CiString::truncated("c2ln"),
    };
    let (_, id) = bench
        .csms
        .signed_update_firmware(bench.now, firmware, Tries::default())
        .unwrap();
    // The first report overtakes the answer.
    let call = bench.frame().unwrap();
    bench.ask(
        "SignedFirmwareStatusNotification",
        json!({ "status": "Downloading", "requestId": id }),
    );
    let answer = json!([3, call[1], { "status": "Accepted" }]).to_string();
    bench.csms.handle_frame(bench.now, &answer);
    assert_eq!(phase(&bench, JobKind::SignedFirmware), JobPhase::Running);
    bench.ask(
        "SignedFirmwareStatusNotification",
        json!({ "status": "Installed", "requestId": id + 1 }),
    );
    assert_eq!(
        phase(&bench, JobKind::SignedFirmware),
        JobPhase::Running,
        "that is another job's"
    );
    bench.ask(
        "SignedFirmwareStatusNotification",
        json!({ "status": "InvalidSignature", "requestId": id }),
    );
    assert_eq!(phase(&bench, JobKind::SignedFirmware), JobPhase::Failed);
}

#[test]
fn a_lost_answer_leaves_a_job_doubtful_and_a_refusal_brings_the_one_before_back() {
    let mut bench = Bench::new();
    get_log(&mut bench, LogType::SecurityLog);
    bench.swallow();
    let kind = JobKind::Log(LogType::SecurityLog);
    assert_eq!(phase(&bench, kind), JobPhase::Doubtful);
    get_log(&mut bench, LogType::SecurityLog);
    bench.serve(json!({ "status": "Rejected" }));
    assert_eq!(phase(&bench, kind), JobPhase::Doubtful);
    get_log(&mut bench, LogType::SecurityLog);
    bench.refuse("NotSupported");
    assert_eq!(phase(&bench, kind), JobPhase::Doubtful);
}

#[test]
fn keys_are_known_as_told_and_as_set() {
    let mut bench = Bench::new();
    bench.csms.get_configuration(bench.now, &[]).unwrap();
    bench.serve(json!({ "configurationKey": [
        { "key": "HeartbeatInterval", "readonly": false, "value": "300" },
        { "key": "AuthorizationKey", "readonly": false, "value": "secret" },
        { "key": "NumberOfConnectors", "readonly": true, "value": "2" } ] }));
    let value = |bench: &Bench, name: &str| {
        let key = bench.csms.keys().key(name).cloned();
        key.and_then(|key| key.value)
            .map(|value| value.as_str().to_owned())
    };
    assert_eq!(value(&bench, "heartbeatinterval"), Some("300".into()));
    assert_eq!(value(&bench, "AuthorizationKey"), None);
    assert_eq!(
        bench
            .csms
            .keys()
            .key("NumberOfConnectors")
            .unwrap()
            .readonly,
        Some(true)
    );
    let set = |bench: &mut Bench, key: &str, text: &str, status: &str| {
        bench
            .csms
            .change_configuration(bench.now, key, text)
            .unwrap();
        bench.serve(json!({ "status": status }));
    };
    set(&mut bench, "HeartbeatInterval", "60", "Accepted");
    set(&mut bench, "AuthorizationKey", "other", "Accepted");
    set(&mut bench, "NumberOfConnectors", "3", "Rejected");
    assert_eq!(value(&bench, "HeartbeatInterval"), Some("60".into()));
    assert_eq!(value(&bench, "AuthorizationKey"), None);
    assert_eq!(value(&bench, "NumberOfConnectors"), Some("2".into()));
    bench.boot();
    set(&mut bench, "HeartbeatInterval", "90", "RebootRequired");
    bench.boot();
    assert_eq!(value(&bench, "HeartbeatInterval"), Some("60".into()));
    bench.csms.handle_disconnected();
    bench.boot();
    assert_eq!(value(&bench, "HeartbeatInterval"), Some("90".into()));
    set(&mut bench, "HeartbeatInterval", "1", "NotSupported");
    assert_eq!(bench.csms.keys().key("HeartbeatInterval"), None);
}

#[test]
fn keys_beyond_the_bound_are_not_noted() {
    let mut bench = Bench::new();
    let keys: Vec<Value> = (0..CSMS_KEYS_MAX + 10)
        .map(|n| json!({ "key": format!("Vendor{n}"), "readonly": false, "value": "x" }))
        .collect();
    bench.csms.get_configuration(bench.now, &[]).unwrap();
    bench.serve(json!({ "configurationKey": keys }));
    assert_eq!(bench.csms.keys().keys().count(), CSMS_KEYS_MAX);
}

fn root(serial: &str) -> Value {
    json!({ "hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb",
            "serialNumber": serial })
}

#[test]
fn a_request_for_a_certificate_waits_until_it_is_answered() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.ask("SignCertificate", json!({ "csr": "one" })),
        json!({ "status": "Accepted" })
    );
    let chain = || CiString::truncated("pem");
    bench.csms.certificate_signed(bench.now, chain()).unwrap();
    let call = bench.frame().unwrap();
    assert_eq!(call[3], json!({ "certificateChain": "pem" }));
    // A newer request arrives before the answer to the certificate for the first; it is not forgotten.
    bench.ask("SignCertificate", json!({ "csr": "ONE" }));
    let answer = json!([3, call[1], { "status": "Accepted" }]).to_string();
    bench.csms.handle_frame(bench.now, &answer);
    assert_eq!(bench.csms.certificates().request().unwrap().as_str(), "ONE");
    bench.csms.certificate_signed(bench.now, chain()).unwrap();
    bench.serve(json!({ "status": "Rejected" }));
    assert_eq!(bench.csms.certificates().request(), None);
    bench.csms.config_mut().certificate_requests = GenericStatus::Rejected;
    assert_eq!(
        bench.ask("SignCertificate", json!({ "csr": "two" })),
        json!({ "status": "Rejected" })
    );
    assert_eq!(bench.csms.certificates().request(), None);
}

#[test]
fn roots_are_known_as_named_until_something_is_installed() {
    let mut bench = Bench::new();
    let of = CertificateUse::ManufacturerRootCertificate;
    let named = |bench: &Bench| bench.csms.certificates().roots(of).map(<[_]>::len);
    assert_eq!(named(&bench), None);
    let list = |bench: &mut Bench, roots: Value| {
        bench
            .csms
            .get_installed_certificates(bench.now, of)
            .unwrap();
        bench.serve(roots);
    };
    list(&mut bench, json!({ "status": "NotFound" }));
    assert_eq!(named(&bench), Some(0));
    bench
        .csms
        .install_certificate(bench.now, of, CiString::truncated("pem"))
        .unwrap();
    bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(named(&bench), None);
    let two = json!({ "status": "Accepted", "certificateHashData": [root("01"), root("02")] });
    list(&mut bench, two.clone());
    assert_eq!(named(&bench), Some(2));
    let first = CertificateHashData {
        hash_algorithm: HashAlgorithm::Sha256,
        issuer_name_hash: CiString::truncated("aa"),
        issuer_key_hash: CiString::truncated("bb"),
        serial_number: CiString::truncated("01"),
    };
    let delete = |bench: &mut Bench| {
        bench
            .csms
            .delete_certificate(bench.now, first.clone())
            .unwrap();
    };
    delete(&mut bench);
    bench.serve(json!({ "status": "Failed" }));
    assert_eq!(named(&bench), Some(2));
    delete(&mut bench);
    bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(named(&bench), Some(1));
    delete(&mut bench);
    bench.swallow();
    assert_eq!(named(&bench), None);
}

#[test]
fn nothing_is_sent_to_a_rejected_charge_point_and_no_remote_start_to_a_pending_one() {
    let mut bench = Bench::new();
    bench.csms.config_mut().registration = RegistrationStatus::Pending;
    bench.csms.config_mut().retry_interval_s = Some(20);
    assert_eq!(bench.boot()["interval"], 20);
    let refused = CallNotIssued::NotAdmitted(RegistrationStatus::Pending);
    let remote = bench.csms.remote_start(bench.now, None, "CARD-1");
    assert_eq!(remote, Err(refused));
    assert_eq!(bench.csms.remote_stop(bench.now, 1), Err(refused));
    bench.csms.get_configuration(bench.now, &[]).unwrap();
    bench.csms.config_mut().registration = RegistrationStatus::Rejected;
    bench.boot();
    assert_eq!(bench.frame(), None, "the call issued before stays back");
    let refused = CallNotIssued::NotAdmitted(RegistrationStatus::Rejected);
    assert_eq!(bench.csms.clear_cache(bench.now), Err(refused));
    assert_eq!(bench.csms.sync_local_list(bench.now), Err(refused));
    bench.csms.config_mut().registration = RegistrationStatus::Accepted;
    assert_eq!(bench.boot()["interval"], 300);
    assert_eq!(bench.frame().unwrap()[2], "GetConfiguration");
}

#[test]
fn admitting_a_pending_charge_point_asks_it_to_boot_again() {
    let mut bench = Bench::new();
    bench.csms.config_mut().registration = RegistrationStatus::Pending;
    let admit = |bench: &mut Bench, status| bench.csms.admit(bench.now, status).unwrap();
    assert_eq!(admit(&mut bench, RegistrationStatus::Accepted), None);
    assert_eq!(admit(&mut bench, RegistrationStatus::Pending), None);
    bench.boot();
    assert!(admit(&mut bench, RegistrationStatus::Accepted).is_some());
    let (action, payload) = bench.serve(json!({ "status": "Accepted" }));
    assert_eq!(action, "TriggerMessage");
    assert_eq!(payload["requestedMessage"], "BootNotification");
    assert_eq!(bench.boot()["status"], "Accepted");
}

#[test]
fn a_connected_charge_point_that_says_nothing_is_reported_once() {
    let mut config = config();
    config.silence = Some(Millis::from_secs(90));
    let mut bench = Bench::with(config);
    assert_eq!(bench.csms.poll_timeout(), None);
    bench.boot();
    let due = Instant::from_millis(90_000);
    assert_eq!(bench.csms.poll_timeout(), Some(due));
    bench.events();
    bench.csms.handle_timeout(Instant::from_millis(89_999));
    bench.csms.handle_timeout(due);
    bench.csms.handle_timeout(Instant::from_millis(200_000));
    let since = Instant::ZERO;
    assert_eq!(bench.events(), [CsmsEvent::Silent { since }]);
    assert_eq!(bench.csms.poll_timeout(), None);
    bench.now = Instant::from_millis(200_000);
    bench.ask("Heartbeat", json!({}));
    assert_eq!(bench.csms.heard_at(), Some(bench.now));
    assert!(bench.csms.poll_timeout().is_some());
    bench.csms.handle_disconnected();
    assert_eq!(bench.csms.heard_at(), None);
    assert_eq!(bench.csms.poll_timeout(), None);
}

#[test]
fn readings_that_come_twice_count_once_and_an_old_one_does_not_take_the_register_back() {
    let mut bench = Bench::new();
    let id = bench.start(1, "CARD-1", 1);
    let reading = |minute: u32, wh: u32| {
        json!({ "connectorId": 1, "transactionId": id, "meterValue": [
            { "timestamp": format!("2026-03-01T08:{minute:02}:00Z"),
              "sampledValue": [{ "value": wh.to_string() }] }] })
    };
    bench.events();
    bench.ask("MeterValues", reading(10, 1_100));
    bench.ask("MeterValues", reading(20, 2_100));
    bench.ask("MeterValues", reading(10, 1_100));
    bench.ask("MeterValues", reading(15, 1_600));
    let session = bench.csms.book().session(id).unwrap();
    assert_eq!((session.readings, session.energy_wh()), (3, 2_000));
    let metered = |event: &CsmsEvent| matches!(event, CsmsEvent::Metered(_));
    let events = bench.events();
    assert_eq!(events.iter().filter(|event| metered(event)).count(), 3);
    assert!(events.contains(&CsmsEvent::TransactionRepeated {
        transaction_id: id,
        action: Action::MeterValues
    }));
}

#[test]
fn an_end_of_an_unknown_transaction_is_kept_once() {
    let mut bench = Bench::new();
    bench.ask("StopTransaction", stop(4_711));
    bench.ask("StopTransaction", stop(4_711));
    let orphans: Vec<i64> = bench.csms.book().orphans().map(|(id, _)| id).collect();
    assert_eq!(orphans, [4_711]);
    let events = bench.events();
    assert!(matches!(
        &events[0],
        CsmsEvent::OrphanStopped { transaction_id: 4_711, end } if end.meter_stop_wh == 900
    ));
    assert!(matches!(
        events.last(),
        Some(CsmsEvent::TransactionRepeated { .. })
    ));
}

#[test]
fn a_transaction_whose_end_was_lost_is_named_when_the_next_one_begins() {
    let mut bench = Bench::new();
    let lost = bench.start(1, "CARD-1", 1);
    bench.start(2, "CARD-2", 1);
    bench.events();
    bench.start(1, "CARD-1", 30);
    let left = CsmsEvent::TransactionLeftOpen {
        transaction_id: lost,
    };
    let events = bench.events();
    assert_eq!(events.iter().filter(|event| **event == left).count(), 1);
    // Its end may still come.
    bench.ask("StopTransaction", stop(lost));
    assert_eq!(bench.csms.book().billed().count(), 1);
}

#[test]
fn transaction_numbers_keep_their_distance() {
    let mut config = config();
    config.first_transaction_id = 7;
    config.transaction_id_step = 10;
    let mut bench = Bench::with(config.clone());
    assert_eq!(bench.start(1, "CARD-1", 1), 7);
    assert_eq!(bench.start(2, "CARD-2", 1), 17);
    let memory = bench.csms.memory();
    let mut lost_counter = memory.clone();
    lost_counter.next_transaction_id = 0;
    for memory in [memory, lost_counter] {
        let wall = Timestamp::from_unix_millis(WALL);
        let csms = Csms::with_memory(config.clone(), Instant::ZERO, wall, memory);
        assert_eq!(Bench::on(csms).start(1, "CARD-1", 9), 27);
    }
}

#[test]
fn a_restart_of_the_owner_changes_nothing_that_was_certain() {
    let mut bench = Bench::new();
    bench.boot();
    let running = bench.start(1, "CARD-1", 1);
    let over = bench.start(2, "CARD-2", 2);
    bench.ask("StopTransaction", stop(over));
    reserve(&mut bench, 600);
    bench.serve(json!({ "status": "Accepted" }));
    install(
        &mut bench,
        1,
        profile(1, ChargingProfilePurpose::TxDefaultProfile, 0),
    );
    let asked = reserve(&mut bench, 600);
    get_log(&mut bench, LogType::SecurityLog);
    let before = bench.csms.memory();
    let wall = Timestamp::from_unix_millis(WALL);
    let csms = Csms::with_memory(config(), Instant::ZERO, wall, before.clone());
    let mut after = Bench::on(csms);
    assert_eq!(
        after.csms.reservations().reservation(asked).unwrap().state,
        ReservationState::Doubtful
    );
    assert_eq!(
        phase(&after, JobKind::Log(LogType::SecurityLog)),
        JobPhase::Doubtful
    );
    assert_eq!(after.csms.memory().sessions, before.sessions);
    assert_eq!(after.csms.memory().profiles, before.profiles);
    assert_eq!(
        after.csms.registration(),
        Some(RegistrationStatus::Accepted)
    );
    // The station did not get the answers: it sends both starts and the stop again.
    assert_eq!(after.start(1, "CARD-1", 1), running);
    assert_eq!(after.start(2, "CARD-2", 2), over);
    after.ask("StopTransaction", stop(over));
    assert_eq!(after.csms.book().sessions().count(), 2);
    assert_eq!(after.csms.book().running().count(), 1);
    let fresh = reserve(&mut after, 600);
    assert!(fresh > asked);
}

#[test]
fn every_helper_of_the_other_profiles_writes_its_call() {
    let mut bench = Bench::new();
    let (csms, now) = (&mut bench.csms, bench.now);
    csms.get_local_list_version(now).unwrap();
    csms.get_composite_schedule(now, 1, 60, None).unwrap();
    csms.extended_trigger(
        now,
        ExtendedMessageTrigger::SignChargePointCertificate,
        None,
    )
    .unwrap();
    csms.trigger(now, MessageTrigger::MeterValues, Some(1))
        .unwrap();
    csms.data_transfer(now, "v", Some("m"), Some("d".into()))
        .unwrap();
    csms.call(
        now,
        SendLocalListRequest {
            list_version: 1,
            local_authorization_list: None,
            update_type: UpdateType::Full,
        },
    )
    .unwrap();
    let mut seen = Vec::new();
    while let Some(call) = bench.frame() {
        seen.push(format!("{} {}", call[2].as_str().unwrap(), call[3]));
        let text = json!([4, call[1], "GenericError", "", {}]).to_string();
        bench.csms.handle_frame(now, &text);
    }
    assert_eq!(
        seen,
        [
            "GetLocalListVersion {}",
            r#"GetCompositeSchedule {"connectorId":1,"duration":60}"#,
            r#"ExtendedTriggerMessage {"requestedMessage":"SignChargePointCertificate"}"#,
            r#"TriggerMessage {"connectorId":1,"requestedMessage":"MeterValues"}"#,
            r#"DataTransfer {"data":"d","messageId":"m","vendorId":"v"}"#,
            r#"SendLocalList {"listVersion":1,"updateType":"Full"}"#,
        ]
    );
    assert_eq!(bench.csms.poll_timeout(), None);
}
