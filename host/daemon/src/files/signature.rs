//! Signatures of firmware images, as the OCPP 1.6 security whitepaper has them.
//!
//! The signer's certificate must lead to an installed manufacturer root, be valid now, and be meant for signing. Its key
//! must have signed the SHA-256 of the image: RSA with PSS or PKCS#1 v1.5, or ECDSA with P-256. That is what
//! `openssl dgst -sha256 -sign` makes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use units::Timestamp;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::limits::MAX_CHAIN;
use super::rsa;

/// Extended key usage "code signing", needed only if the certificate restricts its use at all.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// Object identifiers of keys, as X.509 writes them.
const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const ELLIPTIC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";

/// What is wrong with a signed update, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untrusted {
    /// The signer is not to be trusted, whatever it signed.
    Certificate(String),
    /// A trusted signer did not sign this.
    Signature(String),
}

/// A signer that leads to a manufacturer root.
pub struct Signer {
    key: Key,
    signature: Vec<u8>,
}

enum Key {
    Rsa { key: rsa::PublicKey, pss_only: bool },
    P256(VerifyingKey),
}

impl Signer {
    /// Checks the signer's certificate, and that the signature can be read at all.
    ///
    /// # Errors
    /// [`Untrusted`].
    pub fn check(
        certificate_pem: &str,
        signature_base64: &str,
        roots: &[CertificateDer<'static>],
        now: Option<Timestamp>,
    ) -> Result<Self, Untrusted> {
        let certificates = certificates(certificate_pem)?;
        let Some((signer, between)) = certificates.split_first() else {
            return Err(stranger("there is no certificate in the text"));
        };
        chain(signer, between, roots, now)?;
        let key = key(signer)?;
        let text: String = signature_base64.split_whitespace().collect();
        let signature = STANDARD
            .decode(text)
            .map_err(|_| Untrusted::Signature("the signature is no Base64".to_owned()))?;
        Ok(Self { key, signature })
    }

    /// Has it signed an image with this SHA-256?
    ///
    /// # Errors
    /// [`Untrusted::Signature`].
    pub fn has_signed(&self, sha256: &[u8; 32]) -> Result<(), Untrusted> {
        let good = match &self.key {
            Key::Rsa { key, pss_only } => {
                key.verify_pss_sha256(sha256, &self.signature)
                    || (!pss_only && key.verify_pkcs1_sha256(sha256, &self.signature))
            }
            Key::P256(key) => Signature::from_der(&self.signature)
                .or_else(|_| Signature::from_slice(&self.signature))
                .is_ok_and(|signature| key.verify_prehash(sha256, &signature).is_ok()),
        };
        match good {
            true => Ok(()),
            false => Err(Untrusted::Signature(
                "the signature is not that of this image; it is damaged or not the one that was signed"
                    .to_owned(),
            )),
        }
    }
}

fn stranger(text: &str) -> Untrusted {
    Untrusted::Certificate(text.to_owned())
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Untrusted> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| stranger("the certificate is no PEM text"))?;
        if certificates.len() == MAX_CHAIN {
            return Err(stranger("there are too many certificates in the text"));
        }
        certificates.push(certificate);
    }
    Ok(certificates)
}

/// From the signer to a root, now.
fn chain(
    signer: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    roots: &[CertificateDer<'static>],
    now: Option<Timestamp>,
) -> Result<(), Untrusted> {
    let anchors: Vec<TrustAnchor<'_>> = roots
        .iter()
        .filter_map(|root| anchor_from_trusted_cert(root).ok())
        .collect();
    if anchors.is_empty() {
        return Err(stranger(
            "no manufacturer root is installed on this station; install one first",
        ));
    }
    let seconds = now.and_then(|now| u64::try_from(now.as_unix_millis() / 1_000).ok());
    let Some(seconds) = seconds else {
        return Err(stranger(
            "the station does not know the time yet, and cannot tell whether the certificate is valid",
        ));
    };
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let certificate = EndEntityCert::try_from(signer)
        .map_err(|error| stranger(&format!("the certificate cannot be read: {error}")))?;
    let path = certificate.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        between,
        now,
        KeyUsage::required_if_present(CODE_SIGNING),
        None,
        None,
    );
    path.map(|_| ()).map_err(|error| {
        let why = match &error {
            webpki::Error::UnknownIssuer => "it leads to no installed manufacturer root".to_owned(),
            webpki::Error::InvalidSignatureForPublicKey => {
                "its issuer only bears the name of an installed manufacturer root".to_owned()
            }
            webpki::Error::CertExpired { .. } => "it has expired".to_owned(),
            webpki::Error::CertNotValidYet { .. } => {
                "it is not valid yet; is the station's clock right?".to_owned()
            }
            webpki::Error::CaUsedAsEndEntity => "it is an authority's, not a signer's".to_owned(),
            webpki::Error::RequiredEkuNotFoundContext(_) => {
                "it is not meant for signing code".to_owned()
            }
            other => other.to_string(),
        };
        stranger(&format!("the signer's certificate is not accepted: {why}"))
    })
}

fn key(certificate: &CertificateDer<'_>) -> Result<Key, Untrusted> {
    let other = || stranger("the signer's key is neither RSA of 2,048 to 4,096 bits nor P-256");
    let (_, certificate) = X509Certificate::from_der(certificate)
        .map_err(|_| stranger("the certificate cannot be read"))?;
    if let Ok(Some(usage)) = certificate.key_usage()
        && !usage.value.digital_signature()
    {
        return Err(stranger(
            "the signer's certificate is not meant for signatures",
        ));
    }
    let info: &SubjectPublicKeyInfo<'_> = certificate.public_key();
    let algorithm = info.algorithm.algorithm.to_id_string();
    let bits = &info.subject_public_key.data;
    match algorithm.as_str() {
        RSA | RSA_PSS => Ok(Key::Rsa {
            key: rsa::PublicKey::from_der(bits).ok_or_else(other)?,
            pss_only: algorithm == RSA_PSS,
        }),
        ELLIPTIC => {
            let curve = info.algorithm.parameters.as_ref();
            let curve = curve
                .and_then(|curve| curve.as_oid().ok())
                .ok_or_else(other)?;
            if curve.to_id_string() != P256 {
                return Err(other());
            }
            VerifyingKey::from_sec1_bytes(bits)
                .map(Key::P256)
                .map_err(|_| other())
        }
        _ => Err(other()),
    }
}
