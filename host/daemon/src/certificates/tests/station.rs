//! The station's own certificate: requests, chains, renewal, interruptions.

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use units::Timestamp;

use super::{
    Anchor, Authority, CENTRAL, CertificateStore, ChainInstalled, MANUFACTURER, NOW, State,
    certify, install,
};
use crate::certificates::Deleted;
use plugin_host::HashAlgorithm;

fn rejected(store: &CertificateStore, chain: &str) -> String {
    match store.install_chain(chain, Some(NOW)) {
        ChainInstalled::Rejected(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Takes the chain whatever it is, as of now.
fn keep(store: &CertificateStore, chain: &str) {
    let installed = store.install_chain(chain, Some(NOW));
    assert!(
        matches!(installed, ChainInstalled::Accepted(_)),
        "{installed:?}"
    );
}

fn serial(store: &CertificateStore) -> Option<String> {
    store
        .station_certificate(Some(NOW))
        .map(|certificate| certificate.serial_number)
}

#[test]
fn request_names_the_station_and_its_operator_with_a_p256_key() {
    let state = State::new("csr");
    let csr = state.open().create_csr("CP-0815", "Operator").unwrap();
    let request = CertificateSigningRequestParams::from_pem(&csr).unwrap();
    let names = &request.params.distinguished_name;
    assert_eq!(names.get(&DnType::CommonName).unwrap(), &"CP-0815".into());
    assert_eq!(
        names.get(&DnType::OrganizationName).unwrap(),
        &"Operator".into()
    );
    assert_eq!(names.iter().count(), 2);
    assert_eq!(
        request.public_key.algorithm(),
        &rcgen::PKCS_ECDSA_P256_SHA256
    );
    assert!(!csr.contains("PRIVATE"));
}

#[test]
fn request_with_a_name_that_no_certificate_holds_is_refused() {
    let state = State::new("csr-names");
    let store = state.open();
    for name in ["", "a\nb", &"x".repeat(65)] {
        assert!(store.create_csr(name, "Operator").is_err(), "{name:?}");
    }
    assert!(store.create_csr("CP", &"x".repeat(65)).is_err());
    assert!(store.create_csr("CP", "").is_ok());
}

#[test]
fn chain_for_the_pending_key_becomes_current_and_survives_a_restart() {
    let state = State::new("chain");
    let store = state.open();
    let root = Authority::new("root");
    let below = root.below("below");
    install(&store, CENTRAL, &root);
    assert_eq!(store.station_certificate(Some(NOW)), None);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let chain = format!("{}{}", below.sign(&csr), below.pem);
    assert_eq!(
        store.install_chain(&chain, Some(NOW)),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
    let store = state.open();
    let certificate = store.station_certificate(Some(NOW)).unwrap();
    assert_eq!(certificate.common_name, "CP-0815");
    assert_eq!(certificate.organization.as_deref(), Some("Operator"));
    assert_eq!(store.identity().unwrap().cert.len(), 2);
    assert!(!state.station("pending.pem").exists());
}

#[test]
fn chain_may_lead_to_a_manufacturer_root() {
    let state = State::new("manufacturer");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("central"));
    let maker = Authority::new("maker");
    install(&store, MANUFACTURER, &maker);
    let csr = store.create_csr("CP", "Operator").unwrap();
    assert_eq!(
        store.install_chain(&maker.sign(&csr), Some(NOW)),
        ChainInstalled::Accepted(Anchor::ManufacturerRoot)
    );
}

#[test]
fn chain_of_a_stranger_is_rejected_once_a_central_system_root_is_installed() {
    let state = State::new("stranger");
    let store = state.open();
    let stranger = Authority::new("root");
    let csr = store.create_csr("CP", "Operator").unwrap();
    // The same name as the stranger's: only the key tells them apart.
    install(&store, CENTRAL, &Authority::new("root"));
    let reason = rejected(&store, &stranger.sign(&csr));
    assert!(reason.contains("no root that is installed"), "{reason}");
    // Bringing its own root along does not help.
    rejected(&store, &format!("{}{}", stranger.sign(&csr), stranger.pem));
}

#[test]
fn without_a_central_system_root_the_chain_is_taken_and_marked_as_unverified() {
    let state = State::new("unverified");
    let store = state.open();
    install(&store, MANUFACTURER, &Authority::new("maker"));
    let root = Authority::new("root");
    let csr = store.create_csr("CP", "Operator").unwrap();
    assert_eq!(
        store.install_chain(&root.sign(&csr), Some(NOW)),
        ChainInstalled::Accepted(Anchor::Unverified)
    );
    let csr = store.create_csr("CP", "Operator").unwrap();
    let torn = format!("{}{}", root.sign(&csr), Authority::new("other").pem);
    let reason = rejected(&store, &torn);
    assert!(reason.contains("hold together"), "{reason}");
}

#[test]
fn chain_that_was_not_asked_for_is_rejected() {
    let state = State::new("unasked");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let key = KeyPair::generate().unwrap();
    let foreign = CertificateParams::new(Vec::<String>::new())
        .unwrap()
        .signed_by(&key, &root.issuer)
        .unwrap()
        .pem();
    assert!(rejected(&store, &foreign).contains("asked for none"));
    store.create_csr("CP", "Operator").unwrap();
    assert!(rejected(&store, &foreign).contains("another key"));
}

#[test]
fn second_request_replaces_the_first() {
    let state = State::new("second");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let first = store.create_csr("CP", "Operator").unwrap();
    let second = store.create_csr("CP", "Operator").unwrap();
    assert!(rejected(&store, &root.sign(&first)).contains("another key"));
    assert_eq!(
        store.install_chain(&root.sign(&second), Some(NOW)),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
}

#[test]
fn certificate_that_is_not_as_asked_for_is_rejected_and_the_old_one_stays() {
    let state = State::new("properties");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let old = serial(&store);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    type Change = fn(&mut CertificateParams);
    let changes: [(Change, &str); 6] = [
        (
            |params| {
                params
                    .distinguished_name
                    .push(DnType::CommonName, "CP-4711")
            },
            "common name",
        ),
        (
            |params| {
                params
                    .distinguished_name
                    .push(DnType::OrganizationName, "Else")
            },
            "organisation",
        ),
        (
            |params| {
                params.distinguished_name.remove(DnType::OrganizationName);
            },
            "organisation",
        ),
        (
            |params| params.not_after = date_time_ymd(2025, 1, 1),
            "was valid until",
        ),
        (
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "TLS client",
        ),
        (
            |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
            "a CA's certificate",
        ),
    ];
    for (change, word) in changes {
        let reason = rejected(&store, &root.sign_with(&csr, change));
        assert!(reason.contains(word), "{reason:?} does not say {word:?}");
        assert_eq!(serial(&store), old);
    }
    // The request still waits.
    assert_eq!(
        store.install_chain(&root.sign(&csr), Some(NOW)),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
    assert_ne!(serial(&store), old);
}

#[test]
fn text_that_is_no_chain_is_rejected() {
    let state = State::new("no-chain");
    let store = state.open();
    let root = Authority::new("root");
    let csr = store.create_csr("CP", "Operator").unwrap();
    let leaf = root.sign(&csr);
    for (text, word) in [
        (String::new(), "no certificate"),
        ("\u{fffd}".to_owned(), "no certificate"),
        (csr.clone(), "something else"),
        (leaf.replace("MII", "MIJ"), ""),
        (leaf.repeat(9), "more than 8"),
        (leaf.repeat(40), "longer than"),
    ] {
        let reason = rejected(&store, &text);
        assert!(reason.contains(word), "{reason:?} does not say {word:?}");
    }
}

#[test]
fn certificate_for_the_current_key_renews_it_without_a_request() {
    let state = State::new("same-key");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let csr = store.create_csr("CP", "Operator").unwrap();
    let short = root.sign_with(&csr, |params| params.not_after = date_time_ymd(2026, 6, 20));
    keep(&store, &short);
    assert!(store.station_certificate(Some(NOW)).unwrap().is_due(NOW));
    assert_eq!(
        store.install_chain(&root.sign(&csr), Some(NOW)),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
    assert!(!store.station_certificate(Some(NOW)).unwrap().is_due(NOW));
}

#[test]
fn certificate_is_due_a_month_before_its_end() {
    let state = State::new("due");
    let store = state.open();
    let root = Authority::new("root");
    let csr = store.create_csr("CP", "Operator").unwrap();
    let leaf = root.sign_with(&csr, |params| params.not_after = date_time_ymd(2027, 1, 1));
    keep(&store, &leaf);
    let certificate = store.station_certificate(Some(NOW)).unwrap();
    let end = certificate.not_after.as_unix_millis();
    let day = 24 * 60 * 60 * 1_000;
    let before = |days: i64| Timestamp::from_unix_millis(end - days * day);
    assert!(!certificate.is_due(before(31)));
    assert!(certificate.is_due(before(29)));
    assert!(certificate.is_due(before(-1)));
}

#[test]
fn certificate_that_begins_later_is_used_from_then_on() {
    let state = State::new("later");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let old = serial(&store);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let later = root.sign_with(&csr, |params| params.not_before = date_time_ymd(2026, 7, 1));
    let ChainInstalled::AcceptedForLater(Anchor::CentralSystemRoot, begin) =
        store.install_chain(&later, Some(NOW))
    else {
        panic!("it must be kept");
    };
    assert_eq!(serial(&store), old);
    let store = state.open();
    assert_eq!(serial(&store), old);
    let new = store.station_certificate(Some(begin)).unwrap();
    assert_ne!(Some(new.serial_number), old);
    assert_eq!(new.not_before, begin);
    assert!(!state.station("next.pem").exists());
    assert!(!state.station("pending.pem").exists());
}

#[test]
fn newer_request_ends_a_chain_that_waits_for_its_time() {
    let state = State::new("overtaken");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let later = root.sign_with(&csr, |params| params.not_before = date_time_ymd(2026, 7, 1));
    let kept = store.install_chain(&later, Some(NOW));
    let ChainInstalled::AcceptedForLater(_, begin) = kept else {
        panic!("{kept:?}");
    };
    certify(&store, &root);
    let new = serial(&store);
    let then = store.station_certificate(Some(begin)).unwrap();
    assert_eq!(Some(then.serial_number), new);
}

#[test]
fn without_a_clock_the_time_is_not_checked() {
    let state = State::new("no-clock");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let csr = store.create_csr("CP", "Operator").unwrap();
    let expired = root.sign_with(&csr, |params| params.not_after = date_time_ymd(2025, 1, 1));
    assert_eq!(
        store.install_chain(&expired, None),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
}

#[test]
fn kill_between_keeping_the_chain_and_removing_its_request_is_healed() {
    let state = State::new("kill");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let pending = std::fs::read(state.station("pending.pem")).unwrap();
    let leaf = root.sign(&csr);
    keep(&store, &leaf);
    let new = serial(&store);
    assert!(new.is_some());
    std::fs::write(state.station("pending.pem"), &pending).unwrap();
    let store = state.open();
    assert_eq!(serial(&store), new);
    assert!(!state.station("pending.pem").exists());
}

#[test]
fn kill_before_the_rename_leaves_the_old_certificate_and_the_request() {
    let state = State::new("kill-before");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let old = serial(&store);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let unfinished = state.station("current.pem.unfinished");
    std::fs::write(&unfinished, "-----BEGIN PRIVATE KEY-----\nMIGH").unwrap();
    let store = state.open();
    assert_eq!(serial(&store), old);
    assert!(!unfinished.exists());
    assert_eq!(
        store.install_chain(&root.sign(&csr), Some(NOW)),
        ChainInstalled::Accepted(Anchor::CentralSystemRoot)
    );
}

#[test]
fn own_certificate_cannot_be_deleted_by_its_hash() {
    let state = State::new("own");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let identity = store.identity().unwrap();
    let facts = |der: &[u8]| crate::certificates::parse::Facts::of(der).unwrap();
    let own = crate::certificates::hash::certificate_hash(
        HashAlgorithm::Sha256,
        &facts(&identity.cert[0]),
        &facts(&root.der).public_key,
    );
    let Deleted::Failed(reason) = store.delete(&own, false) else {
        panic!("it must stay");
    };
    assert!(reason.contains("own certificate"), "{reason}");
    assert!(store.station_certificate(Some(NOW)).is_some());
}
