//! Roots: what is taken, listed, deleted, and what damage does.

use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd};
use units::Timestamp;

use super::{Authority, CENTRAL, MANUFACTURER, NOW, State, install, only_file};
use crate::certificates::limits::{CLOCK_TOLERANCE_MS, ROOT_PEM_BYTES, ROOTS_PER_USE};
use crate::certificates::{CertificateStore, Deleted, Installed};
use plugin_host::{CertificateHash, HashAlgorithm};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn rejected(store: &CertificateStore, pem: &str) -> String {
    match store.install(CENTRAL, pem, Some(NOW)) {
        Installed::Rejected(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn installed_roots_are_listed_by_use_and_survive_a_restart() {
    let state = State::new("listed");
    let store = state.open();
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    install(&store, CENTRAL, &one);
    install(&store, MANUFACTURER, &two);
    let listed = [store.list(CENTRAL), store.list(MANUFACTURER)];
    assert_eq!(listed.each_ref().map(Vec::len), [1, 1]);
    assert_ne!(listed[0], listed[1]);
    let store = state.open();
    assert_eq!([store.list(CENTRAL), store.list(MANUFACTURER)], listed);
}

#[test]
fn the_same_root_again_is_accepted_and_changes_nothing() {
    let state = State::new("again");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    install(&store, CENTRAL, &root);
    assert_eq!(store.list(CENTRAL).len(), 1);
}

#[test]
fn files_and_folders_are_closed_to_others() {
    let state = State::new("modes");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("root"));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    let folder = state.0.join("certificates/central-system");
    let file = only_file(&folder);
    assert_eq!(mode(&folder) & 0o777, 0o700);
    assert_eq!(mode(&file) & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    state.open();
    assert_eq!(mode(&file) & 0o777, 0o600);
}

#[test]
fn what_is_no_root_is_rejected_with_the_reason() {
    let state = State::new("no-root");
    let store = state.open();
    let root = Authority::new("root");
    let leaf = {
        let key = KeyPair::generate().unwrap();
        CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem()
    };
    let signs_nothing = Authority::with("no-sign", |params| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    let explicit_no_ca = Authority::with("no-ca", |params| params.is_ca = IsCa::ExplicitNoCa);
    let key = KeyPair::generate().unwrap().serialize_pem();
    for (pem, word) in [
        (String::new(), "no certificate"),
        ("certificate".to_owned(), "no certificate"),
        (leaf, "no CA"),
        (signs_nothing.pem, "key usage"),
        (explicit_no_ca.pem, "no CA"),
        (root.below("below").pem, "no root"),
        (format!("{0}{0}", root.pem), "more than one"),
        (format!("{}{key}", root.pem), "something else"),
        (root.pem.replace("MII", "MIJ"), ""),
        ("-".repeat(ROOT_PEM_BYTES + 1), "longer"),
    ] {
        let reason = rejected(&store, &pem);
        assert!(reason.contains(word), "{reason:?} does not say {word:?}");
    }
    assert_eq!(store.list(CENTRAL), []);
}

#[test]
fn forged_root_is_rejected() {
    let state = State::new("forged");
    let store = state.open();
    let root = Authority::new("root");
    let mut der = root.der.to_vec();
    *der.last_mut().unwrap() ^= 1;
    let reason = rejected(
        &store,
        &crate::certificates::station::pem("CERTIFICATE", &der),
    );
    assert!(reason.contains("forged"), "{reason}");
}

#[test]
fn root_outside_its_time_is_rejected_if_the_time_is_known() {
    let state = State::new("time");
    let store = state.open();
    let expired = Authority::with("old", |params| params.not_after = date_time_ymd(2025, 1, 1));
    let future = Authority::with("new", |params| {
        params.not_before = date_time_ymd(2100, 1, 1)
    });
    assert!(rejected(&store, &expired.pem).contains("was valid until"));
    assert!(rejected(&store, &future.pem).contains("only from"));
    assert_eq!(
        store.install(CENTRAL, &expired.pem, None),
        Installed::Accepted
    );
}

#[test]
fn root_that_was_made_a_moment_ago_by_a_clock_that_is_ahead_is_taken() {
    let state = State::new("ahead");
    let store = state.open();
    let root = Authority::with("new", |params| {
        params.not_before = date_time_ymd(2026, 6, 1)
    });
    let begin = NOW.as_unix_millis() / DAY_MS * DAY_MS;
    let before = |ms| Some(Timestamp::from_unix_millis(begin - ms));
    let early = store.install(CENTRAL, &root.pem, before(CLOCK_TOLERANCE_MS + 1));
    assert!(matches!(early, Installed::Rejected(_)), "{early:?}");
    let ahead = store.install(CENTRAL, &root.pem, before(CLOCK_TOLERANCE_MS));
    assert_eq!(ahead, Installed::Accepted);
}

#[test]
fn number_of_roots_is_bounded_for_each_use() {
    let state = State::new("bounded");
    let store = state.open();
    for number in 0..ROOTS_PER_USE {
        install(&store, CENTRAL, &Authority::new(&format!("root {number}")));
    }
    let more = Authority::new("one more");
    assert!(rejected(&store, &more.pem).contains("delete one first"));
    install(&store, MANUFACTURER, &more);
}

#[test]
fn root_is_deleted_by_its_hash_of_any_algorithm_in_either_case() {
    let state = State::new("delete");
    let store = state.open();
    for algorithm in [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
    ] {
        let root = Authority::new("root");
        install(&store, CENTRAL, &root);
        install(&store, MANUFACTURER, &Authority::new("another"));
        let facts = crate::certificates::parse::Facts::of(&root.der).unwrap();
        let named =
            crate::certificates::hash::certificate_hash(algorithm, &facts, &facts.public_key);
        let wanted = CertificateHash {
            issuer_name_hash: named.issuer_name_hash.to_uppercase(),
            issuer_key_hash: named.issuer_key_hash.to_uppercase(),
            serial_number: format!("00{}", named.serial_number.to_uppercase()),
            algorithm,
        };
        let before = store.list(MANUFACTURER);
        assert_eq!(store.delete(&wanted, false), Deleted::Accepted);
        assert_eq!(store.list(CENTRAL), []);
        assert_eq!(store.list(MANUFACTURER), before);
        assert_eq!(store.delete(&wanted, false), Deleted::NotFound);
    }
}

#[test]
fn hash_with_one_part_wrong_is_not_found() {
    let state = State::new("not-found");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("root"));
    let hash = store.list(CENTRAL).pop().unwrap();
    let other = "ab".repeat(32);
    for wrong in [
        CertificateHash {
            algorithm: HashAlgorithm::Sha512,
            ..hash.clone()
        },
        CertificateHash {
            issuer_name_hash: other.clone(),
            ..hash.clone()
        },
        CertificateHash {
            issuer_key_hash: other.clone(),
            ..hash.clone()
        },
        CertificateHash {
            serial_number: other,
            ..hash.clone()
        },
    ] {
        assert_eq!(store.delete(&wrong, false), Deleted::NotFound);
    }
    assert_eq!(store.delete(&hash, false), Deleted::Accepted);
}

#[test]
fn last_central_system_root_stays_while_a_link_with_tls_is_configured() {
    let state = State::new("last");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("one"));
    install(&store, CENTRAL, &Authority::new("two"));
    install(&store, MANUFACTURER, &Authority::new("maker"));
    let [first, last] = store.list(CENTRAL).try_into().unwrap();
    assert_eq!(store.delete(&first, true), Deleted::Accepted);
    assert!(matches!(store.delete(&last, true), Deleted::Failed(_)));
    let maker = store.list(MANUFACTURER).pop().unwrap();
    assert_eq!(store.delete(&maker, true), Deleted::Accepted);
    assert_eq!(store.list(CENTRAL), std::slice::from_ref(&last));
    assert_eq!(store.delete(&last, false), Deleted::Accepted);
}

#[test]
fn serial_number_has_no_leading_zeros() {
    let state = State::new("serial");
    let store = state.open();
    // The first byte has its highest bit set, so DER puts a zero byte before it; the other begins with a zero digit.
    for (serial, text) in [
        (vec![0xA0, 0x01], "a001"),
        (vec![0x0F, 0xFF], "fff"),
        (vec![0x01], "1"),
    ] {
        let root = Authority::with("serial", |params| {
            params.serial_number = Some(serial.clone().into());
        });
        install(&store, CENTRAL, &root);
        let hash = store.list(CENTRAL).pop().unwrap();
        assert_eq!(hash.serial_number, text);
        assert_eq!(store.delete(&hash, false), Deleted::Accepted);
    }
}

#[test]
fn damaged_files_are_reported_and_passed_over() {
    let state = State::new("damage");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("one"));
    let folder = state.0.join("certificates/central-system");
    let file = only_file(&folder);
    let whole = std::fs::read(&file).unwrap();
    install(&store, CENTRAL, &Authority::new("two"));
    let station = state.station("current.pem");
    let garbage: [&[u8]; 5] = [
        b"",
        &whole[..whole.len() / 2],
        b"\xFF\x00garbage\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &[b'x'; 100_000],
    ];
    for bytes in garbage {
        std::fs::write(&file, bytes).unwrap();
        std::fs::write(&station, bytes).unwrap();
        let (store, damaged) = CertificateStore::open(&state.0).unwrap();
        let paths: Vec<_> = damaged.iter().map(|damage| damage.path.clone()).collect();
        assert_eq!(paths, [file.clone(), station.clone()]);
        assert_eq!(store.list(CENTRAL).len(), 1);
        assert_eq!(store.station_certificate(Some(NOW)), None);
        assert!(store.identity().is_none());
    }
    // What was damaged can be installed again.
    std::fs::remove_file(&station).unwrap();
    let text = String::from_utf8(whole).unwrap();
    assert_eq!(store.install(CENTRAL, &text, None), Installed::Accepted);
    assert_eq!(state.open().list(CENTRAL).len(), 2);
}

#[test]
fn unfinished_file_of_a_killed_writer_is_removed_and_counts_for_nothing() {
    let state = State::new("unfinished");
    let store = state.open();
    install(&store, CENTRAL, &Authority::new("root"));
    let folder = state.0.join("certificates/central-system");
    let unfinished = folder.join("abc.pem.unfinished");
    std::fs::write(&unfinished, "-----BEGIN CERT").unwrap();
    assert_eq!(store.list(CENTRAL).len(), 1);
    assert_eq!(state.open().list(CENTRAL).len(), 1);
    assert!(!unfinished.exists());
}

#[test]
fn root_that_cannot_be_written_has_failed() {
    let state = State::new("failed");
    let store = state.open();
    std::fs::remove_dir(state.0.join("certificates/central-system")).unwrap();
    let installed = store.install(CENTRAL, &Authority::new("root").pem, Some(NOW));
    assert!(matches!(installed, Installed::Failed(_)), "{installed:?}");
}
