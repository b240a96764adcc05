//! Certificates of the security whitepaper.

use super::*;
use crate::backend::{CertificateHash, CertificateUse, HashAlgorithm};

fn hash() -> CertificateHash {
    CertificateHash {
        algorithm: HashAlgorithm::Sha256,
        issuer_name_hash: "a1".to_owned(),
        issuer_key_hash: "b2".to_owned(),
        serial_number: "1f".to_owned(),
    }
}

fn hash_on_the_wire() -> Value {
    json!({
        "hashAlgorithm": "SHA256", "issuerNameHash": "a1", "issuerKeyHash": "b2", "serialNumber": "1f",
    })
}

/// The number and kind of the request for the installed roots.
fn listed(host: &mut Host) -> Option<(u64, CertificateUse)> {
    host.asked(|command| match command {
        Command::ListCertificates(request) => Some((request.request_id, request.kind)),
        _ => None,
    })
}

fn chain(host: &mut Host) -> u64 {
    let signed = json!({"certificateChain": "-----BEGIN CERTIFICATE-----"});
    host.call("signed", "CertificateSigned", &signed);
    let request = host.asked(|command| match command {
        Command::InstallChain(request) => Some(request.request_id),
        _ => None,
    });
    request.unwrap()
}

#[test]
fn tc_075_root_is_installed_and_found_by_its_kind() {
    for (word, kind) in [
        (
            "ManufacturerRootCertificate",
            CertificateUse::ManufacturerRoot,
        ),
        (
            "CentralSystemRootCertificate",
            CertificateUse::CentralSystemRoot,
        ),
    ] {
        let mut host = Host::online(&[]);
        let payload = json!({"certificateType": word, "certificate": "-----BEGIN"});
        host.call("a", "InstallCertificate", &payload);
        let request = host.asked(|command| match command {
            Command::InstallCertificate(request) => Some(request.clone()),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!((request.kind, request.pem.as_str()), (kind, "-----BEGIN"));
        host.outcome_of(request.request_id, OutcomeKind::Accepted, "");
        assert_eq!(host.taken_answer("a")[2]["status"], "Accepted");
        let payload = json!({"certificateType": word});
        host.call("b", "GetInstalledCertificateIds", &payload);
        let (request, asked) = listed(&mut host).unwrap();
        assert_eq!(asked, kind);
        host.outcome_of(request, OutcomeKind::Accepted, "");
        assert!(host.sent.is_empty(), "the list follows the outcome");
        host.give(Input::Certificates((request, vec![hash()])));
        let answer = host.taken_answer("b")[2].clone();
        assert_eq!(answer["status"], "Accepted");
        assert_eq!(answer["certificateHashData"], json!([hash_on_the_wire()]));
    }
}

#[test]
fn installation_that_does_not_work_is_told_apart() {
    for (kind, word) in [
        (OutcomeKind::Rejected, "Rejected"),
        (OutcomeKind::NotSupported, "Rejected"),
        (OutcomeKind::Failed, "Failed"),
    ] {
        let mut host = Host::online(&[]);
        let payload = json!({"certificateType": "ManufacturerRootCertificate", "certificate": "x"});
        host.call("a", "InstallCertificate", &payload);
        let request = host.asked(|command| match command {
            Command::InstallCertificate(request) => Some(request.request_id),
            _ => None,
        });
        host.outcome_of(request.unwrap(), kind, "");
        assert_eq!(host.taken_answer("a")[2]["status"], word);
    }
}

#[test]
fn no_root_and_no_right_to_know_are_not_found() {
    for accepted in [true, false] {
        let mut host = Host::online(&[]);
        let payload = json!({"certificateType": "ManufacturerRootCertificate"});
        host.call("a", "GetInstalledCertificateIds", &payload);
        let (request, _) = listed(&mut host).unwrap();
        if accepted {
            host.outcome_of(request, OutcomeKind::Accepted, "");
            host.give(Input::Certificates((request, Vec::new())));
        } else {
            host.outcome_of(request, OutcomeKind::NotSupported, "no grant");
        }
        assert_eq!(host.taken_answer("a")[2], json!({"status": "NotFound"}));
    }
}

#[test]
fn tc_076_root_is_deleted_once_and_one_that_must_stay_fails() {
    for (kind, word) in [
        (OutcomeKind::Accepted, "Accepted"),
        (OutcomeKind::Unknown, "NotFound"),
        (OutcomeKind::Rejected, "Failed"),
        (OutcomeKind::Failed, "Failed"),
    ] {
        let mut host = Host::online(&[]);
        let payload = json!({"certificateHashData": hash_on_the_wire()});
        host.call("a", "DeleteCertificate", &payload);
        let request = host.asked(|command| match command {
            Command::DeleteCertificate(request) => Some(request.clone()),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!(request.certificate, hash());
        host.outcome_of(request.request_id, kind, "");
        assert_eq!(host.taken_answer("a")[2]["status"], word);
    }
}

#[test]
fn tc_074_new_certificate_is_asked_for_signed_and_used_on_a_new_connection() {
    let mut host = Host::online(&[("security_profile", "3"), ("cpo_name", "Operator")]);
    host.client_certificate = true;
    let trigger = json!({"requestedMessage": "SignChargePointCertificate"});
    host.call("t", "ExtendedTriggerMessage", &trigger);
    assert_eq!(host.taken_answer("t")[2]["status"], "Accepted");
    let request = host.asked(|command| match command {
        Command::CreateCsr(request) => Some(request.clone()),
        _ => None,
    });
    let request = request.unwrap();
    assert_eq!(request.common_name, "S1", "the serial number");
    assert_eq!(request.organization, "Operator");
    host.outcome_of(request.request_id, OutcomeKind::Accepted, "");
    host.give(Input::Csr((request.request_id, "the request".to_owned())));
    let asked = host.answer("SignCertificate", &json!({"status": "Accepted"}));
    assert_eq!(asked["csr"], "the request");
    let chain = chain(&mut host);
    host.outcome_of(chain, OutcomeKind::Accepted, "");
    assert_eq!(host.taken_answer("signed")[2]["status"], "Accepted");
    host.wait(RECONNECT_QUIET_S * 1_000);
    let closed = |command: &Command| match command {
        Command::Disconnect(_) => Some(()),
        _ => None,
    };
    assert_eq!(host.asked(closed), Some(()));
    assert!(host.events().is_empty());
}

#[test]
fn certificate_for_later_use_does_not_break_the_connection() {
    let mut host = Host::online(&[]);
    let chain = chain(&mut host);
    host.outcome_of(chain, OutcomeKind::Accepted, "");
    host.wait(RECONNECT_QUIET_S * 1_000);
    let closed = |command: &Command| matches!(command, Command::Disconnect(_));
    assert!(!host.commands.iter().any(closed));
}

#[test]
fn tc_077_bad_certificate_is_rejected_and_is_a_security_event() {
    let mut host = Host::online(&[("security_profile", "3")]);
    let chain = chain(&mut host);
    host.outcome_of(chain, OutcomeKind::Rejected, "it has expired");
    assert_eq!(host.taken_answer("signed")[2]["status"], "Rejected");
    let events = ["InvalidChargePointCertificate: it has expired"];
    assert_eq!(host.events(), events);
}

#[test]
fn observer_touches_no_certificate() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    let root = json!({"certificateType": "ManufacturerRootCertificate", "certificate": "x"});
    let delete = json!({"certificateHashData": hash_on_the_wire()});
    let list = json!({"certificateType": "ManufacturerRootCertificate"});
    let signed = json!({"certificateChain": "x"});
    let sign = json!({"requestedMessage": "SignChargePointCertificate"});
    for (action, payload, word) in [
        ("InstallCertificate", root, "Rejected"),
        ("DeleteCertificate", delete, "Failed"),
        ("GetInstalledCertificateIds", list, "NotFound"),
        ("CertificateSigned", signed, "Rejected"),
        ("ExtendedTriggerMessage", sign, "Rejected"),
    ] {
        host.call(action, action, &payload);
        assert_eq!(host.taken_answer(action)[2]["status"], word, "{action}");
    }
    let asks = |command: &Command| !matches!(command, Command::WakeAt(_) | Command::State(_));
    assert!(!host.commands.iter().any(asks), "{:?}", host.commands);
}
