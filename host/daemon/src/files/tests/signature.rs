//! Signed updates: keys of the tests' own making; RSA by `openssl`, which is what people sign images with.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, SigningKey as _, date_time_ymd,
};
use sha2::{Digest as _, Sha256};

use super::http_server::HttpServer;
use super::*;
use crate::files::rsa;
use crate::files::signature::{Signer, Untrusted};

type Authority = CertifiedIssuer<'static, KeyPair>;

const IMAGE: &[u8] = b"what a signed image holds";

fn root() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn now() -> Option<Timestamp> {
    Some(Timestamp::from_unix_millis(NOW_MS))
}

/// A signer's certificate as PEM.
fn certificate(
    authority: &Authority,
    key: &KeyPair,
    change: impl FnOnce(&mut CertificateParams),
) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    change(&mut params);
    params.signed_by(key, authority).unwrap().pem()
}

fn roots(authority: &Authority) -> Vec<CertificateDer<'static>> {
    vec![authority.der().clone()]
}

fn signed(key: &KeyPair) -> String {
    STANDARD.encode(key.sign(IMAGE).unwrap())
}

fn check(
    pem: &str,
    signature: &str,
    roots: &[CertificateDer<'static>],
    image: &[u8],
) -> Result<(), Untrusted> {
    let signer = Signer::check(pem, signature, roots, now())?;
    signer.has_signed(&Sha256::digest(image).into())
}

fn refused_certificate(result: Result<(), Untrusted>) -> String {
    match result {
        Err(Untrusted::Certificate(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn image_signed_with_p256_by_a_trusted_signer_is_good_and_any_other_is_not() {
    let root = root();
    let key = KeyPair::generate().unwrap();
    let pem = certificate(&root, &key, |_| {});
    let signature = signed(&key);
    assert_eq!(check(&pem, &signature, &roots(&root), IMAGE), Ok(()));
    // Base64 with line ends, as tools write it.
    let (head, tail) = signature.split_at(20);
    let broken = format!("{head}\n{tail}\n");
    assert_eq!(check(&pem, &broken, &roots(&root), IMAGE), Ok(()));
    let other = signed(&KeyPair::generate().unwrap());
    for (signature, image) in [
        (signature.as_str(), b"another image".as_slice()),
        (other.as_str(), IMAGE),
        ("no base64!", IMAGE),
        ("", IMAGE),
    ] {
        let result = check(&pem, signature, &roots(&root), image);
        assert!(
            matches!(result, Err(Untrusted::Signature(_))),
            "{signature}"
        );
    }
}

#[test]
fn signer_must_lead_to_a_manufacturer_root() {
    let (root, stranger) = (root(), self::root());
    let key = KeyPair::generate().unwrap();
    let good = certificate(&root, &key, |_| {});
    let why = refused_certificate(check(&good, &signed(&key), &roots(&stranger), IMAGE));
    assert!(why.contains("only bears the name"), "{why}");
    let why = refused_certificate(check(&good, &signed(&key), &[], IMAGE));
    assert!(why.contains("no manufacturer root is installed"), "{why}");
    // A stranger that vouches for itself.
    let mut own = CertificateParams::new(Vec::new()).unwrap();
    own.distinguished_name.push(DnType::CommonName, "stranger");
    let own = own.self_signed(&key).unwrap();
    let why = refused_certificate(check(&own.pem(), &signed(&key), &roots(&root), IMAGE));
    assert!(why.contains("no installed manufacturer root"), "{why}");
    // A signer that makes itself an authority for another.
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
    let leaf = certificate(&between, &key, |_| {});
    let both = format!("{leaf}{}", between.pem());
    refused_certificate(check(&both, &signed(&key), &roots(&root), IMAGE));
}

#[test]
fn certificate_between_signer_and_root_is_found_in_the_text() {
    let root = root();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let pem = certificate(&between, &key, |_| {});
    refused_certificate(check(&pem, &signed(&key), &roots(&root), IMAGE));
    let both = format!("{pem}{}", between.pem());
    assert_eq!(check(&both, &signed(&key), &roots(&root), IMAGE), Ok(()));
    let many = format!("{pem}{}", between.pem().repeat(5));
    let why = refused_certificate(check(&many, &signed(&key), &roots(&root), IMAGE));
    assert!(why.contains("too many"), "{why}");
}

#[test]
fn certificates_outside_their_time_or_purpose_are_refused() {
    let root = root();
    let key = KeyPair::generate().unwrap();
    type Change = dyn Fn(&mut CertificateParams);
    let cases: [(&str, &Change); 6] = [
        ("has expired", &|params| {
            params.not_after = date_time_ymd(2026, 11, 1)
        }),
        ("not valid yet", &|params| {
            params.not_before = date_time_ymd(2027, 1, 1)
        }),
        ("authority's", &|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
        }),
        ("signing code", &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }),
        ("not meant for signatures", &|params| {
            params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
        }),
        ("", &|params| params.extended_key_usages.clear()),
    ];
    for (expected, change) in cases {
        let pem = certificate(&root, &key, change);
        let result = check(&pem, &signed(&key), &roots(&root), IMAGE);
        if expected.is_empty() {
            assert_eq!(result, Ok(()));
        } else {
            let why = refused_certificate(result);
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }
    let pem = certificate(&root, &key, |_| {});
    let unknown = Signer::check(&pem, &signed(&key), &roots(&root), None).map(|_| ());
    assert!(refused_certificate(unknown).contains("does not know the time"));
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "x",
    ] {
        refused_certificate(check(pem, &signed(&key), &roots(&root), IMAGE));
    }
}

#[test]
fn other_curves_are_refused() {
    let root = root();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let pem = certificate(&root, &key, |_| {});
    let why = refused_certificate(check(&pem, &signed(&key), &roots(&root), IMAGE));
    assert!(why.contains("neither RSA"), "{why}");
}

fn openssl(folder: &Folder, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// An RSA key of `openssl`, in `key.pem`, and the image beside it.
fn rsa_key(folder: &Folder, bits: u32) -> KeyPair {
    folder.write("image", IMAGE);
    let bits = format!("rsa_keygen_bits:{bits}");
    openssl(
        folder,
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &bits,
            "-out",
            "key.pem",
        ],
    );
    KeyPair::from_pem(&String::from_utf8(folder.read("key.pem").unwrap()).unwrap()).unwrap()
}

#[test]
fn rsa_signatures_of_openssl_are_good_in_every_padding_and_bad_when_changed() {
    let root = root();
    for bits in [2_048, 3_072, 2_049] {
        let folder = Folder::new();
        let key = rsa_key(&folder, bits);
        let pem = certificate(&root, &key, |_| {});
        let pss = |salt: &str| {
            let salt = format!("rsa_pss_saltlen:{salt}");
            openssl(
                &folder,
                &[
                    "dgst",
                    "-sha256",
                    "-sign",
                    "key.pem",
                    "-sigopt",
                    "rsa_padding_mode:pss",
                    "-sigopt",
                    &salt,
                    "image",
                ],
            )
        };
        let plain = openssl(&folder, &["dgst", "-sha256", "-sign", "key.pem", "image"]);
        let wrong_hash = openssl(&folder, &["dgst", "-sha384", "-sign", "key.pem", "image"]);
        for signature in [plain.clone(), pss("32"), pss("max"), pss("0")] {
            let text = STANDARD.encode(&signature);
            assert_eq!(check(&pem, &text, &roots(&root), IMAGE), Ok(()), "{bits}");
            assert!(check(&pem, &text, &roots(&root), b"another").is_err());
            for place in [0, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[place] ^= 1;
                assert!(check(&pem, &STANDARD.encode(changed), &roots(&root), IMAGE).is_err());
            }
            let mut longer = signature.clone();
            longer.insert(0, 0);
            assert!(check(&pem, &STANDARD.encode(longer), &roots(&root), IMAGE).is_err());
        }
        assert!(check(&pem, &STANDARD.encode(wrong_hash), &roots(&root), IMAGE).is_err());
    }
}

/// What the private key makes of an encoding that is ours.
fn raw(folder: &Folder, encoded: &[u8]) -> String {
    folder.write("encoded", encoded);
    let padding = "rsa_padding_mode:none";
    let line = [
        "pkeyutl", "-decrypt", "-inkey", "key.pem", "-pkeyopt", padding, "-in", "encoded",
    ];
    STANDARD.encode(openssl(folder, &line))
}

/// A PSS encoding for 2,048 bits: padding, mark, salt, and trailer may be wrong.
fn pss(padding: u8, mark: u8, trailer: u8) -> Vec<u8> {
    let hash = Sha256::digest(IMAGE);
    let salt = [9; 32];
    let inner = Sha256::new()
        .chain_update([0; 8])
        .chain_update(hash)
        .chain_update(salt)
        .finalize();
    let mut block = vec![padding; 255 - 32 - 32 - 1];
    block[0] = 0;
    block.push(mark);
    block.extend(salt);
    let block = &mut block[..223];
    for (number, part) in (0_u32..).zip(block.chunks_mut(32)) {
        let mask = Sha256::new()
            .chain_update(inner)
            .chain_update(number.to_be_bytes())
            .finalize();
        part.iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    block[0] &= 0x7f;
    [&block[..], &inner, &[trailer]].concat()
}

#[test]
fn rsa_encodings_that_only_look_right_are_refused() {
    let root = root();
    let folder = Folder::new();
    let key = rsa_key(&folder, 2_048);
    let pem = certificate(&root, &key, |_| {});
    let good = |encoded: &[u8]| check(&pem, &raw(&folder, encoded), &roots(&root), IMAGE).is_ok();
    let info = [
        0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20,
    ];
    let hashed = [&info[..], &Sha256::digest(IMAGE)].concat();
    let plain = |kind: u8, padding: u8, end: u8, behind: usize| {
        let mut encoded = vec![0, kind];
        encoded.resize(256 - 52 - behind, padding);
        encoded.push(end);
        encoded.extend(&hashed);
        encoded.resize(256, 7);
        encoded
    };
    assert!(good(&plain(1, 0xff, 0, 0)));
    // Another kind of block, other padding, no end of it, and room behind the hash for whatever makes the number fit.
    for encoded in [
        plain(2, 0xff, 0, 0),
        plain(1, 0xfe, 0, 0),
        plain(1, 0xff, 1, 0),
        plain(1, 0xff, 0, 100),
    ] {
        assert!(!good(&encoded));
    }
    assert!(good(&pss(0, 1, 0xbc)));
    for encoded in [pss(0, 1, 0xcc), pss(1, 1, 0xbc), pss(0, 2, 0xbc)] {
        assert!(!good(&encoded));
    }
}

/// `RSAPublicKey` of two numbers.
fn public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let mut value = vec![0];
        value.extend_from_slice(bytes);
        let mut der = vec![2, 0x82];
        der.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        der.extend(value);
        der
    };
    let inner = [number(modulus), number(exponent)].concat();
    let mut der = vec![0x30, 0x82];
    der.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
    der.extend(inner);
    der
}

#[test]
fn weak_and_senseless_rsa_keys_are_refused() {
    let modulus = |bytes: usize, last: u8| {
        let mut modulus = vec![0xff; bytes];
        modulus[bytes - 1] = last;
        modulus
    };
    assert!(rsa::PublicKey::from_der(&public_key(&modulus(256, 1), &[1, 0, 1])).is_some());
    for (modulus, exponent) in [
        (modulus(128, 1), vec![1, 0, 1]),
        (modulus(513, 1), vec![1, 0, 1]),
        (modulus(256, 2), vec![1, 0, 1]),
        (modulus(256, 1), vec![1]),
        (modulus(256, 1), vec![2]),
        (modulus(256, 1), vec![1, 0, 0, 0, 1]),
        (vec![0; 256], vec![3]),
    ] {
        assert!(rsa::PublicKey::from_der(&public_key(&modulus, &exponent)).is_none());
    }
    // The signature 0 or 1 opens to 0 or 1, whatever the key.
    let key = rsa::PublicKey::from_der(&public_key(&modulus(256, 1), &[3])).unwrap();
    for last in [0, 1] {
        let mut signature = vec![0; 256];
        signature[255] = last;
        assert!(!key.verify_pkcs1_sha256(&[0; 32], &signature));
        assert!(!key.verify_pss_sha256(&[0; 32], &signature));
    }
    assert!(!key.verify_pkcs1_sha256(&[0; 32], &[0xff; 256]));
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _key = rsa::PublicKey::from_der(&bytes);
    }

    #[test]
    fn any_text_is_no_certificate(text in "\\PC{0,60}") {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        prop_assert!(Signer::check(&pem, "", &[], now()).is_err());
        prop_assert!(Signer::check(&text, &text, &[], now()).is_err());
    }
}

/// A signed update of `IMAGE`, with what the server really has.
fn update(
    request: u64,
    server: &HttpServer,
    pem: &str,
    key: &KeyPair,
    root: &Authority,
) -> FirmwareJob {
    FirmwareJob {
        signature: Some(FirmwareSignature {
            certificate_pem: pem.to_owned(),
            signature_base64: signed(key),
        }),
        roots: roots(root),
        ..firmware(request, &server.url("/f"))
    }
}

#[test]
fn signed_update_is_verified_kept_and_installed_where_signatures_are_required() {
    let (root, key) = (root(), KeyPair::generate().unwrap());
    let pem = certificate(&root, &key, |_| {});
    let server = HttpServer::new(IMAGE, []);
    let rig = Rig::with(Folder::new(), |settings| {
        settings.firmware.require_signature = true
    });
    rig.files
        .download_firmware(update(1, &server, &pem, &key, &root))
        .unwrap();
    assert_eq!(
        rig.stages(3),
        [Stage::Running, Stage::Done, Stage::Verified]
    );
    rig.idle();
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
}

#[test]
fn update_with_a_bad_signature_is_thrown_away() {
    let (root, key) = (root(), KeyPair::generate().unwrap());
    let pem = certificate(&root, &key, |_| {});
    let server = HttpServer::new(b"what somebody put there instead", []);
    let rig = Rig::new();
    rig.files
        .download_firmware(update(1, &server, &pem, &key, &root))
        .unwrap();
    assert_eq!(
        rig.stages(3),
        [Stage::Running, Stage::Done, Stage::InvalidSignature]
    );
    rig.idle();
    assert_eq!(rig.image(), None);
    assert_eq!(
        rig.files.install_firmware("a", 1, "1.0"),
        Err(Refused::Unknown)
    );
}

#[test]
fn update_of_a_stranger_is_refused_before_a_byte_is_fetched() {
    let (root, key) = (root(), KeyPair::generate().unwrap());
    let pem = certificate(&self::root(), &key, |_| {});
    let server = HttpServer::new(IMAGE, []);
    let rig = Rig::new();
    rig.files
        .download_firmware(update(1, &server, &pem, &key, &root))
        .unwrap();
    assert_eq!(rig.next().stage, Stage::InvalidCertificate);
    rig.idle();
    assert!(server.asked().is_empty());
    assert!(rig.reports.try_recv().is_err());
}
