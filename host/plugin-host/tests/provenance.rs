//! Which components may run: every reason to refuse one, by name.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

use ed25519_dalek::SigningKey;
use plugin_host::Manifest;
use plugin_host::limits::MAX_COMPONENT_BYTES;
use plugin_host::provenance::{
    Pin, Provenance, ProvenanceError, Publisher, Revocation, Trust, check,
};
use plugin_host::signature::{self, MAX_SIGNATURE_BYTES, SignatureError, SignatureFile};
use proptest::prelude::*;
use semver::{Version, VersionReq};
use sha2::{Digest, Sha256};

const NAME: &str = "auth-x";
const COMPONENT: &[u8] = b"\0asm and so on";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn trust() -> Trust {
    Trust {
        publishers: vec![Publisher {
            name: "acme".to_owned(),
            key: key(1).verifying_key(),
        }],
        ..Trust::default()
    }
}

fn signed(version: &str) -> String {
    SignatureFile::sign(&key(1), "acme", NAME, version, COMPONENT).to_text()
}

fn judge(component: &[u8], signature: &str, trust: &Trust) -> Result<Provenance, ProvenanceError> {
    check(
        NAME,
        component,
        Some(signature.as_bytes()),
        trust,
        &Pin::default(),
        None,
    )
}

#[test]
fn component_that_a_trusted_publisher_signed_may_run() {
    let found = judge(COMPONENT, &signed("1.2.3"), &trust()).unwrap();
    assert_eq!(
        found,
        Provenance::Signed {
            publisher: "acme".to_owned(),
            version: Version::new(1, 2, 3)
        }
    );
    assert_eq!(found.to_string(), "signed by acme");
}

#[test]
fn component_without_signature_runs_in_development_mode_only_and_says_so() {
    let unsigned = |trust: &Trust| check(NAME, COMPONENT, None, trust, &Pin::default(), None);
    assert_eq!(unsigned(&trust()), Err(ProvenanceError::Unsigned));
    let development = Trust {
        development: true,
        ..trust()
    };
    let found = unsigned(&development).unwrap();
    assert_eq!(found.to_string(), "NOT SIGNED (development mode)");
}

#[test]
fn development_mode_does_not_excuse_a_bad_signature() {
    let development = Trust {
        development: true,
        ..trust()
    };
    let error = judge(b"other", &signed("1.0.0"), &development).unwrap_err();
    assert!(matches!(error, ProvenanceError::Tampered { .. }), "{error}");
}

#[test]
fn changed_or_cut_component_is_refused() {
    for component in [&b"\0asm and so oN"[..], &COMPONENT[..5], b""] {
        let error = judge(component, &signed("1.0.0"), &trust()).unwrap_err();
        assert!(matches!(error, ProvenanceError::Tampered { .. }), "{error}");
        assert!(error.to_string().contains("download it again"));
    }
}

#[test]
fn oversized_component_is_refused_before_it_is_looked_at() {
    let large = vec![0; MAX_COMPONENT_BYTES + 1];
    let error = judge(&large, "", &trust()).unwrap_err();
    assert!(matches!(error, ProvenanceError::TooLarge { .. }), "{error}");
}

#[test]
fn stranger_and_forger_are_told_apart() {
    let stranger = SignatureFile::sign(&key(2), "evil", NAME, "1.0.0", COMPONENT).to_text();
    let error = judge(COMPONENT, &stranger, &trust()).unwrap_err();
    assert!(matches!(error, ProvenanceError::Unknown { .. }), "{error}");
    let forged = SignatureFile::sign(&key(2), "acme", NAME, "1.0.0", COMPONENT).to_text();
    let error = judge(COMPONENT, &forged, &trust()).unwrap_err();
    assert!(matches!(error, ProvenanceError::Forged { .. }), "{error}");
}

#[test]
fn signature_for_another_plugin_is_refused() {
    let other = SignatureFile::sign(&key(1), "acme", "auth-y", "1.0.0", COMPONENT).to_text();
    let error = judge(COMPONENT, &other, &trust()).unwrap_err();
    assert_eq!(
        error,
        ProvenanceError::Name {
            signed: "auth-y".to_owned(),
            wanted: NAME.to_owned()
        }
    );
}

#[test]
fn version_or_name_that_was_changed_after_signing_is_a_forgery() {
    let key_line = format!("key: {}", signature::key_id(&key(1).verifying_key()));
    let other_key = format!("key: {}", signature::key_id(&key(2).verifying_key()));
    for (from, to) in [
        ("1.0.0", "9.0.0"),
        ("auth-x", "auth-z"),
        ("acme", "acmf"),
        (key_line.as_str(), other_key.as_str()),
    ] {
        let changed = signed("1.0.0").replace(from, to);
        let error = judge(COMPONENT, &changed, &trust()).unwrap_err();
        assert!(
            matches!(
                error,
                ProvenanceError::Forged { .. } | ProvenanceError::Unknown { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn revoked_key_component_or_version_is_refused() {
    let sha256 = Sha256::digest(COMPONENT).into();
    let versions = |req: &str| Revocation::Versions {
        plugin: NAME.to_owned(),
        versions: VersionReq::parse(req).unwrap(),
    };
    for revocation in [
        Revocation::Key(key(1).verifying_key()),
        Revocation::Component(sha256),
        versions("<1.0.1"),
    ] {
        let trust = Trust {
            revoked: vec![revocation.clone()],
            ..trust()
        };
        let error = judge(COMPONENT, &signed("1.0.0"), &trust).unwrap_err();
        assert!(
            matches!(error, ProvenanceError::Revoked { .. }),
            "{revocation:?}: {error}"
        );
    }
    let trust = Trust {
        revoked: vec![versions("<1.0.0")],
        ..trust()
    };
    judge(COMPONENT, &signed("1.0.0"), &trust).unwrap();
}

#[test]
fn revoked_component_does_not_run_in_development_mode_either() {
    let trust = Trust {
        development: true,
        revoked: vec![Revocation::Component(Sha256::digest(COMPONENT).into())],
        ..Trust::default()
    };
    let error = check(NAME, COMPONENT, None, &trust, &Pin::default(), None).unwrap_err();
    assert!(matches!(error, ProvenanceError::Revoked { .. }), "{error}");
}

#[test]
fn older_version_than_ran_before_needs_a_pin() {
    let highest = Version::new(1, 2, 0);
    let judge = |version: &str, pin: &Pin| {
        let text = signed(version);
        check(
            NAME,
            COMPONENT,
            Some(text.as_bytes()),
            &trust(),
            pin,
            Some(&highest),
        )
    };
    let error = judge("1.1.9", &Pin::default()).unwrap_err();
    assert!(
        error.to_string().contains("pin `version = \"1.1.9\"`"),
        "{error}"
    );
    judge("1.2.0", &Pin::default()).unwrap();
    let pin = |version: &str| Pin {
        version: Some(Version::parse(version).unwrap()),
        sha256: None,
    };
    judge("1.1.9", &pin("1.1.9")).unwrap();
    let error = judge("1.3.0", &pin("1.2.0")).unwrap_err();
    assert!(matches!(error, ProvenanceError::Pinned { .. }), "{error}");
}

#[test]
fn revoked_versions_include_the_pre_releases_before_them() {
    let revoked = |req: &str, version: &str| {
        let trust = Trust {
            revoked: vec![Revocation::Versions {
                plugin: NAME.to_owned(),
                versions: VersionReq::parse(req).unwrap(),
            }],
            ..trust()
        };
        judge(COMPONENT, &signed(version), &trust).is_err()
    };
    for (req, version) in [
        ("<0.3.1", "0.3.0-rc.1"),
        ("<0.3.1", "0.3.1-rc.1"),
        ("<0.3", "0.3.0-rc.1"),
        (">=0.2.0, <0.3.1", "0.2.5-beta"),
        ("0.2", "0.2.5-beta"),
        ("=0.3.0-rc.1", "0.3.0-rc.1"),
        ("*", "1.0.0-alpha"),
        ("<=0.3.1", "0.3.1-rc.1"),
    ] {
        assert!(revoked(req, version), "{req} has to catch {version}");
    }
    for (req, version) in [
        ("<0.3.1", "0.3.1"),
        ("<0.3.1", "0.3.2-rc.1"),
        (">=0.2.0, <0.3.1", "0.1.9-beta"),
        ("=0.3.0-rc.1", "0.3.0-rc.2"),
    ] {
        assert!(!revoked(req, version), "{req} must not catch {version}");
    }
}

#[test]
fn component_has_to_say_the_version_that_was_signed() {
    let manifest = |version: &str| Manifest {
        name: NAME.to_owned(),
        version: version.to_owned(),
        summary: String::new(),
        capabilities: Vec::new(),
        settings: Vec::new(),
    };
    let found = judge(COMPONENT, &signed("1.2.3"), &trust()).unwrap();
    assert_eq!(found.matches(&manifest("1.2.3")), Ok(()));
    let error = found.matches(&manifest("1.2.4")).unwrap_err();
    assert!(
        error.to_string().contains("has to sign it again"),
        "{error}"
    );
    let nobody = Provenance::Development;
    assert_eq!(nobody.matches(&manifest("anything")), Ok(()));
}

#[test]
fn pinned_bytes_may_be_older_than_what_ran_before() {
    let pin = Pin {
        version: None,
        sha256: Some(Sha256::digest(COMPONENT).into()),
    };
    let highest = Version::new(2, 0, 0);
    let text = signed("1.0.0");
    let judge = |pin: &Pin| {
        let text = Some(text.as_bytes());
        check(NAME, COMPONENT, text, &trust(), pin, Some(&highest))
    };
    judge(&pin).unwrap();
    judge(&Pin::default()).unwrap_err();
}

#[test]
fn pinned_bytes_are_the_only_ones() {
    let pin = |sha256| Pin {
        version: None,
        sha256: Some(sha256),
    };
    let text = signed("1.0.0");
    let judge = |pin: &Pin| check(NAME, COMPONENT, Some(text.as_bytes()), &trust(), pin, None);
    judge(&pin(Sha256::digest(COMPONENT).into())).unwrap();
    let error = judge(&pin([7; 32])).unwrap_err();
    assert!(matches!(error, ProvenanceError::Pinned { .. }), "{error}");
}

#[test]
fn version_that_is_none_is_refused() {
    for version in ["1", "1.0", "v1.0.0", "latest"] {
        let error = judge(COMPONENT, &signed(version), &trust()).unwrap_err();
        assert!(matches!(error, ProvenanceError::Version { .. }), "{error}");
    }
}

#[test]
fn signature_file_that_is_none_says_what_is_wrong() {
    let good = signed("1.0.0");
    let long = "x".repeat(MAX_SIGNATURE_BYTES + 1);
    for (text, error) in [
        (
            String::new(),
            SignatureError::Format("pilotwire-signature 1"),
        ),
        (
            good.replace("signature 1", "signature 2"),
            SignatureError::Format("pilotwire-signature 1"),
        ),
        (
            good.replace("version: ", "vers: "),
            SignatureError::Line {
                line: 3,
                key: "version",
            },
        ),
        (
            good.replace("sha256: ", "sha256: 0"),
            SignatureError::Value("sha256"),
        ),
        (
            good.replace("publisher: acme", "publisher:  acme"),
            SignatureError::Value("publisher"),
        ),
        (
            good.replace("key: ", "key: z"),
            SignatureError::Value("key"),
        ),
        (
            good.replace('\n', "\r\n"),
            SignatureError::Format("pilotwire-signature 1"),
        ),
        (good.trim_end().to_owned(), SignatureError::Cut),
        (format!("{good}more\n"), SignatureError::Trailing),
        (format!("{good}\n"), SignatureError::Trailing),
        (long, SignatureError::TooLong),
    ] {
        assert_eq!(SignatureFile::parse(text.as_bytes()), Err(error), "{text}");
    }
    assert_eq!(
        SignatureFile::parse(b"\xff\xfe"),
        Err(SignatureError::NotText)
    );
}

#[test]
fn keys_go_through_their_files() {
    let text = signature::private_key_text(&[5; 32]);
    let read = signature::parse_private_key(&text).unwrap();
    assert_eq!(read.to_bytes(), key(5).to_bytes());
    let public = signature::public_key_text(&read);
    assert_eq!(
        signature::parse_public_key(&public),
        Some(key(5).verifying_key())
    );
    assert_eq!(signature::parse_public_key("00"), None);
    // The identity element: its "signatures" fit everything.
    let weak = format!("01{}", "00".repeat(31));
    assert_eq!(signature::parse_public_key(&weak), None);
    assert!(signature::parse_private_key("private: 00").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = SignatureFile::parse(&bytes);
    }

    #[test]
    fn what_parses_is_written_exactly_as_it_came(
        edits in prop::collection::vec((0_usize..1_000, any::<u8>(), 0_u8..3), 0..3),
    ) {
        let mut text = signed("1.0.0").into_bytes();
        for (place, byte, kind) in edits {
            let place = place % text.len();
            match kind {
                0 => text[place] = byte,
                1 => text.insert(place, byte),
                _ => drop(text.remove(place)),
            }
        }
        if let Ok(file) = SignatureFile::parse(&text) {
            prop_assert_eq!(file.to_text().into_bytes(), text);
        }
    }

    #[test]
    fn signature_file_survives_the_way_through_text(version in "[0-9.]{1,10}", publisher in "[a-z]{1,20}") {
        let file = SignatureFile::sign(&key(3), &publisher, NAME, &version, COMPONENT);
        prop_assert_eq!(SignatureFile::parse(file.to_text().as_bytes()), Ok(file.clone()));
        prop_assert!(file.is_by(&key(3).verifying_key()));
        prop_assert!(!file.is_by(&key(4).verifying_key()));
    }

    #[test]
    fn no_flipped_bit_passes(bit in 0_usize..8, place in 0_usize..1_000) {
        let mut text = signed("1.0.0").into_bytes();
        let place = place % text.len();
        text[place] ^= 1 << bit;
        let found = check(NAME, COMPONENT, Some(&text), &trust(), &Pin::default(), None);
        prop_assert!(found.is_err());
    }
}
