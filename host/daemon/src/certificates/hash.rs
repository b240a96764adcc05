//! Names of certificates as OCSP makes them.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::parse::Facts;
use super::types::{CertificateHash, HashAlgorithm};

/// The name of a certificate whose issuer has this key.
pub fn certificate_hash(
    algorithm: HashAlgorithm,
    certificate: &Facts,
    issuer_key: &[u8],
) -> CertificateHash {
    CertificateHash {
        algorithm,
        issuer_name_hash: digest(algorithm, &certificate.issuer),
        issuer_key_hash: digest(algorithm, issuer_key),
        serial_number: certificate.serial.clone(),
    }
}

/// Whether both name the same certificate. Backends write hexadecimal in both cases, some with leading zeros.
pub fn same(one: &CertificateHash, other: &CertificateHash) -> bool {
    let serial = |hash: &CertificateHash| hex_number(&hash.serial_number);
    one.algorithm == other.algorithm
        && one
            .issuer_name_hash
            .eq_ignore_ascii_case(&other.issuer_name_hash)
        && one
            .issuer_key_hash
            .eq_ignore_ascii_case(&other.issuer_key_hash)
        && serial(one) == serial(other)
}

/// Lower case, without leading zeros; zero is `0`.
pub fn hex_number(text: &str) -> String {
    let digits = text.trim_start_matches('0');
    if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.to_ascii_lowercase()
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    digest(HashAlgorithm::Sha256, bytes)
}

fn digest(algorithm: HashAlgorithm, bytes: &[u8]) -> String {
    match algorithm {
        HashAlgorithm::Sha256 => hex(&Sha256::digest(bytes)),
        HashAlgorithm::Sha384 => hex(&Sha384::digest(bytes)),
        HashAlgorithm::Sha512 => hex(&Sha512::digest(bytes)),
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
