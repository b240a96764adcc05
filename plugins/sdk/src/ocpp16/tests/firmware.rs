//! Firmware updates, unsigned and signed, from the order to the end over restarts.

use super::*;
use crate::backend::FirmwareRequest;

const STATUS: &str = "FirmwareStatusNotification";
const SIGNED: &str = "SignedFirmwareStatusNotification";

/// The wall clock so many seconds after the start.
fn wall(seconds: i64) -> String {
    ocpp::v16::format_timestamp(Timestamp::from_unix_millis(WALL + seconds * 1_000))
}

fn order(host: &mut Host, retrieve_s: i64) {
    let payload = json!({
        "location": "ftp://files/fw.bin", "retrieveDate": wall(retrieve_s), "retries": 1, "retryInterval": 7,
    });
    host.call("update", "UpdateFirmware", &payload);
    assert_eq!(host.taken_answer("update")[2], json!({}));
}

fn signed_order(id: &str, number: i64, install_s: Option<i64>) -> (String, Value) {
    let mut firmware = json!({
        "location": "https://files/fw.bin", "retrieveDateTime": wall(0),
        "signingCertificate": "-----BEGIN", "signature": "c2ln",
    });
    if let Some(install) = install_s {
        firmware["installDateTime"] = json!(wall(install));
    }
    (
        id.to_owned(),
        json!({"requestId": number, "firmware": firmware}),
    )
}

fn download(host: &mut Host) -> Option<FirmwareRequest> {
    host.asked(|command| match command {
        Command::DownloadFirmware(request) => Some(request.clone()),
        _ => None,
    })
}

fn install(host: &mut Host) -> Option<u64> {
    host.asked(|command| match command {
        Command::InstallFirmware(request) => Some(*request),
        _ => None,
    })
}

/// A signed order that the station has begun; the number of its request.
fn signed_begun(host: &mut Host, install_s: Option<i64>) -> u64 {
    let (id, payload) = signed_order("signed", 42, install_s);
    host.call(&id, "SignedUpdateFirmware", &payload);
    let request = download(host).unwrap();
    let signature = request.signature.unwrap();
    assert_eq!(signature.signature_base64, "c2ln");
    host.outcome_of(request.request_id, OutcomeKind::Accepted, "");
    host.report(request.request_id, TransferStage::Running);
    assert_eq!(host.taken_answer("signed")[2]["status"], "Accepted");
    request.request_id
}

fn in_transaction(transaction: Option<u64>) -> Input {
    Input::Connector(ConnectorStatus {
        plugged: transaction.is_some(),
        transaction,
        ..free(1)
    })
}

// acceptance: P205, T109
#[test]
fn tc_044_1_update_is_downloaded_installed_and_told_to_the_end_over_the_restart() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let request = download(&mut host).unwrap();
    assert_eq!(request.url, "ftp://files/fw.bin");
    assert_eq!((request.retries, request.retry_interval_s), (1, 7));
    assert_eq!(request.signature, None);
    let id = request.request_id;
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Running);
    assert_eq!(host.told(STATUS), ["Downloading"], "once for all attempts");
    host.report(id, TransferStage::Done);
    assert_eq!(host.told(STATUS), ["Downloaded"]);
    assert_eq!(install(&mut host), Some(id));
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Installing);
    host.report(id, TransferStage::Restarting);
    assert_eq!(host.told(STATUS), ["Installing"]);
    host.installation = Some(TransferReport {
        request_id: id,
        stage: TransferStage::Installed,
        detail: String::new(),
    });
    host.restart();
    assert_eq!(host.told(STATUS), ["Installed"]);
    assert!(host.events().is_empty(), "the station itself reports that");
    host.restart();
    host.link_is_made_anew();
    assert_eq!(host.told(STATUS), [""; 0], "exactly once");
}

#[test]
fn tc_044_2_download_that_fails_or_is_not_begun_is_told() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Failed);
    assert_eq!(host.told(STATUS), ["Downloading", "DownloadFailed"]);
    assert_eq!(host.store.get("fw"), None);

    for kind in [OutcomeKind::Rejected, OutcomeKind::NotSupported] {
        let mut host = Host::online(&[]);
        order(&mut host, 0);
        let id = download(&mut host).unwrap().request_id;
        host.outcome_of(id, kind, "no grant");
        assert_eq!(host.told(STATUS), ["DownloadFailed"]);
    }
}

#[test]
fn tc_044_3_installation_that_fails_is_told_before_or_after_the_restart() {
    let begun = || {
        let mut host = Host::online(&[]);
        order(&mut host, 0);
        let id = download(&mut host).unwrap().request_id;
        host.report(id, TransferStage::Running);
        host.report(id, TransferStage::Done);
        host.outcome_of(id, OutcomeKind::Accepted, "");
        host.report(id, TransferStage::Installing);
        (host, id)
    };
    let told = ["Downloading", "Downloaded", "Installing"];
    let (mut host, id) = begun();
    host.report(id, TransferStage::InstallFailed);
    let all = host.told(STATUS);
    assert_eq!(all[..3], told);
    assert_eq!(all[3..], ["InstallationFailed"]);
    let (mut host, id) = begun();
    assert_eq!(host.told(STATUS), told);
    host.installation = Some(TransferReport {
        request_id: id,
        stage: TransferStage::InstallFailed,
        detail: "the old firmware runs".to_owned(),
    });
    host.restart();
    assert_eq!(host.told(STATUS), ["InstallationFailed"]);
}

#[test]
fn station_may_find_out_after_the_start_what_became_of_the_installation() {
    for (stage, word) in [
        (Some(TransferStage::Installed), "Installed"),
        (Some(TransferStage::InstallFailed), "InstallationFailed"),
        (None, "InstallationFailed"),
    ] {
        let mut host = Host::online(&[("heartbeat_interval_s", "0")]);
        order(&mut host, 0);
        let id = download(&mut host).unwrap().request_id;
        host.report(id, TransferStage::Done);
        host.report(id, TransferStage::Restarting);
        assert_eq!(host.told(STATUS), ["Downloaded", "Installing"]);
        host.restart();
        assert_eq!(host.told(STATUS), [""; 0]);
        host.link_is_made_anew();
        host.wait(60_000);
        assert_eq!(host.told(STATUS), [""; 0], "nothing is claimed yet");
        match stage {
            Some(stage) => host.report(id, stage),
            None => host.wait(INSTALLED_WAIT_S * 1_000),
        }
        assert_eq!(host.told(STATUS), [word]);
        host.restart();
        assert_eq!(host.told(STATUS), [""; 0], "once");
    }
}

#[test]
fn instance_that_died_during_the_installation_asks_again_and_does_not_install_twice() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.report(id, TransferStage::Done);
    assert_eq!(install(&mut host), Some(id));
    host.link_is_made_anew();
    host.wait(INSTALL_RETRY_S * 1_000);
    assert_eq!(install(&mut host), Some(id));
    host.outcome_of(id, OutcomeKind::Rejected, "it installs already");
    host.report(id, TransferStage::Restarting);
    host.answer_all(&json!({}));
    host.restart();
    host.answer_all(&json!({}));
    assert_eq!(install(&mut host), None);
}

#[test]
fn update_for_later_waits_for_its_date_over_a_restart_and_a_swap() {
    let mut host = Host::online(&[]);
    order(&mut host, 3_600);
    assert_eq!(download(&mut host), None);
    host.restart();
    host.link_is_made_anew();
    host.answer_all(&json!({}));
    assert_eq!(download(&mut host), None);
    host.wait(3_599_999);
    assert_eq!(download(&mut host), None);
    host.wait(1);
    assert_eq!(download(&mut host).unwrap().url, "ftp://files/fw.bin");
    assert_eq!(host.told(STATUS), [""; 0], "nothing has happened yet");
}

#[test]
fn adapter_wakes_itself_for_the_date() {
    let mut host = Host::online(&[("heartbeat_interval_s", "0")]);
    order(&mut host, 60);
    let wake = host
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::WakeAt(at) => *at,
            _ => None,
        });
    assert_eq!(wake.unwrap().as_millis(), 60_000);
}

#[test]
fn installation_waits_until_no_transaction_runs() {
    let mut host = Host::online(&[]);
    host.give(in_transaction(Some(7)));
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.report(id, TransferStage::Done);
    assert_eq!(install(&mut host), None);
    host.busy = true;
    host.restart();
    host.wait(60_000);
    assert_eq!(install(&mut host), None, "the image is kept meanwhile");
    host.give(in_transaction(None));
    assert_eq!(install(&mut host), Some(id));
    assert_eq!(install(&mut host), None, "once");
}

#[test]
fn station_that_cannot_install_yet_is_asked_again() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.report(id, TransferStage::Done);
    assert_eq!(host.told(STATUS), ["Downloaded"]);
    for _ in 0..3 {
        assert_eq!(install(&mut host), Some(id));
        host.outcome_of(id, OutcomeKind::Rejected, "busy");
        assert_eq!(install(&mut host), None, "not at once");
        host.wait(INSTALL_RETRY_S * 1_000);
    }
    assert_eq!(install(&mut host), Some(id));
    host.outcome_of(id, OutcomeKind::Unknown, "no image");
    assert_eq!(host.told(STATUS), ["InstallationFailed"]);
}

#[test]
fn download_goes_on_with_the_next_instance_and_after_a_restart() {
    for restarts in [0, 1] {
        let mut host = Host::online(&[]);
        order(&mut host, 0);
        let first = download(&mut host).unwrap().request_id;
        host.report(first, TransferStage::Running);
        assert_eq!(host.told(STATUS), ["Downloading"]);
        host.boot_count += restarts;
        host.now += 1;
        host.link_is_made_anew();
        let second = download(&mut host).unwrap().request_id;
        assert_ne!(first, second);
        host.report(first, TransferStage::Cancelled);
        host.report(second, TransferStage::Running);
        host.report(second, TransferStage::Done);
        assert_eq!(host.told(STATUS), ["Downloaded"]);
    }
}

#[test]
fn newer_order_replaces_the_one_under_way() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let old = download(&mut host).unwrap().request_id;
    host.report(old, TransferStage::Running);
    let payload = json!({"location": "ftp://files/newer.bin", "retrieveDate": wall(0)});
    host.call("newer", "UpdateFirmware", &payload);
    let cancelled = host.asked(|command| match command {
        Command::CancelTransfer(request) => Some(*request),
        _ => None,
    });
    assert_eq!(cancelled, Some(old));
    let newer = download(&mut host).unwrap();
    assert_eq!(newer.url, "ftp://files/newer.bin");
    host.report(old, TransferStage::Done);
    assert_eq!(host.told(STATUS), ["Downloading"], "of the old one");
    host.report(newer.request_id, TransferStage::Running);
    assert_eq!(host.told(STATUS), ["Downloading"]);
}

#[test]
fn nothing_replaces_an_installation() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.report(id, TransferStage::Done);
    let payload = json!({"location": "ftp://files/newer.bin", "retrieveDate": wall(0)});
    host.call("newer", "UpdateFirmware", &payload);
    assert_eq!(host.taken_answer("newer")[2], "InternalError");
    let (id, payload) = signed_order("signed", 1, None);
    host.call(&id, "SignedUpdateFirmware", &payload);
    assert_eq!(host.taken_answer(&id)[2]["status"], "Rejected");
}

#[test]
fn reports_without_a_connection_arrive_in_order_once_it_is_back() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.link_down();
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Done);
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Installing);
    host.replace(false);
    host.link_up();
    let expected = ["Downloading", "Downloaded", "Installing"];
    assert_eq!(host.told(STATUS), expected);
    assert!(host.outbox.is_empty());
}

#[test]
fn report_that_the_backend_refuses_is_not_repeated_and_holds_nothing_up() {
    let mut host = Host::online(&[]);
    order(&mut host, 0);
    let id = download(&mut host).unwrap().request_id;
    host.report(id, TransferStage::Running);
    host.report(id, TransferStage::Failed);
    let (frame, _) = host.take(STATUS);
    host.give(Input::Frame(
        json!([4, frame, "NotImplemented", "", {}]).to_string(),
    ));
    assert_eq!(host.told(STATUS), ["DownloadFailed"]);
    assert!(host.outbox.is_empty());
}

#[test]
fn observer_is_not_updated() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    let payload = json!({"location": "ftp://files/fw.bin", "retrieveDate": wall(0)});
    host.call("a", "UpdateFirmware", &payload);
    assert_eq!(host.taken_answer("a")[2], "NotSupported");
    let (id, payload) = signed_order("b", 1, None);
    host.call(&id, "SignedUpdateFirmware", &payload);
    assert_eq!(host.taken_answer(&id)[2]["status"], "Rejected");
    assert_eq!(download(&mut host), None);
}

// ---- signed ----

#[test]
fn tc_080_signed_update_is_verified_installed_and_carries_its_number_everywhere() {
    let mut host = Host::online(&[]);
    let id = signed_begun(&mut host, None);
    host.report(id, TransferStage::Done);
    assert_eq!(install(&mut host), None, "not before it is verified");
    host.report(id, TransferStage::Verified);
    assert_eq!(install(&mut host), Some(id));
    host.outcome_of(id, OutcomeKind::Accepted, "");
    host.report(id, TransferStage::Installing);
    host.report(id, TransferStage::Restarting);
    let mut all = host.answer_all(&json!({}));
    host.installation = Some(TransferReport {
        request_id: id,
        stage: TransferStage::Installed,
        detail: String::new(),
    });
    host.restart();
    all.extend(host.answer_all(&json!({})));
    let told: Vec<&Value> = all.iter().filter(|frame| frame[2] == SIGNED).collect();
    let statuses: Vec<&str> = told
        .iter()
        .map(|frame| frame[3]["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "Installing",
            "InstallRebooting",
            "Installed"
        ]
    );
    assert!(told.iter().all(|frame| frame[3]["requestId"] == 42));
    assert!(all.iter().all(|frame| frame[2] != STATUS));
}

#[test]
fn tc_081_invalid_signature_is_told_and_is_a_security_event() {
    let mut host = Host::online(&[]);
    let id = signed_begun(&mut host, None);
    host.report(id, TransferStage::Done);
    host.report(id, TransferStage::InvalidSignature);
    let told = ["Downloading", "Downloaded", "InvalidSignature"];
    assert_eq!(host.told(SIGNED), told);
    assert_eq!(
        host.events(),
        ["InvalidFirmwareSignature: as the station says"]
    );
    assert_eq!(install(&mut host), None);
    assert_eq!(host.store.get("fw"), None);
}

#[test]
fn certificate_of_a_stranger_is_the_answer_to_the_order() {
    let mut host = Host::online(&[]);
    let (id, payload) = signed_order("signed", 42, None);
    host.call(&id, "SignedUpdateFirmware", &payload);
    let request = download(&mut host).unwrap().request_id;
    host.outcome_of(request, OutcomeKind::Accepted, "");
    assert!(host.sent.is_empty(), "the station looks first");
    host.report(request, TransferStage::InvalidCertificate);
    assert_eq!(host.taken_answer(&id)[2]["status"], "InvalidCertificate");
    let events = host.events();
    assert!(
        events[0].starts_with("InvalidFirmwareSigningCertificate: "),
        "{events:?}"
    );
    assert_eq!(host.told(SIGNED), [""; 0]);
}

#[test]
fn signed_update_that_the_station_does_not_begin_is_rejected() {
    let mut host = Host::online(&[]);
    let (id, payload) = signed_order("signed", 42, None);
    host.call(&id, "SignedUpdateFirmware", &payload);
    let request = download(&mut host).unwrap().request_id;
    host.outcome_of(request, OutcomeKind::NotSupported, "no installer");
    assert_eq!(host.taken_answer(&id)[2]["status"], "Rejected");
    assert_eq!(host.store.get("fw"), None);
}

#[test]
fn second_signed_update_cancels_the_first_and_says_so() {
    let mut host = Host::online(&[]);
    let first = signed_begun(&mut host, None);
    let (id, payload) = signed_order("second", 43, None);
    host.call(&id, "SignedUpdateFirmware", &payload);
    let second = download(&mut host).unwrap().request_id;
    host.report(first, TransferStage::Cancelled);
    host.report(second, TransferStage::Running);
    assert_eq!(host.taken_answer(&id)[2]["status"], "AcceptedCanceled");
}

#[test]
fn signed_update_for_later_is_told_as_scheduled_for_download_and_for_installation() {
    let mut host = Host::online(&[]);
    let (id, mut payload) = signed_order("signed", 42, Some(7_200));
    payload["firmware"]["retrieveDateTime"] = json!(wall(3_600));
    host.call(&id, "SignedUpdateFirmware", &payload);
    assert_eq!(host.taken_answer(&id)[2]["status"], "Accepted");
    assert_eq!(host.told(SIGNED), ["DownloadScheduled"]);
    host.wait(3_600_000);
    let request = download(&mut host).unwrap().request_id;
    host.report(request, TransferStage::Running);
    host.report(request, TransferStage::Done);
    host.report(request, TransferStage::Verified);
    let told = host.told(SIGNED);
    assert_eq!(
        told,
        [
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "InstallScheduled"
        ]
    );
    host.restart();
    host.answer_all(&json!({}));
    host.wait(3_599_999);
    assert_eq!(install(&mut host), None);
    host.wait(1);
    assert_eq!(install(&mut host), Some(request));
}
