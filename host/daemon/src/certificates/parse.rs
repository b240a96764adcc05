//! Foreign text into certificates. Everything here may be hostile.

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use units::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name, X509Version};

use super::hash::{hex, hex_number};
use super::types::StationCertificate;

/// What this module wants to know of a certificate.
#[derive(Debug, Clone)]
pub struct Facts {
    /// DER of the issuer's name.
    pub issuer: Vec<u8>,
    /// DER of the subject's name.
    pub subject: Vec<u8>,
    /// Lower-case hexadecimal without leading zeros.
    pub serial: String,
    /// The public key's bit string.
    pub public_key: Vec<u8>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub common_names: Vec<String>,
    pub organizations: Vec<String>,
    /// May sign certificates, as far as its extensions say.
    pub is_authority: Result<(), &'static str>,
    /// May be shown by a TLS client, as far as its extensions say.
    pub is_client: bool,
    /// Its subject is its issuer, and the signature is by its own key.
    pub is_self_signed: bool,
    /// It names hosts in the subject alternative name.
    pub has_alternative_names: bool,
}

impl Facts {
    /// Reads one certificate.
    ///
    /// # Errors
    /// For people.
    pub fn of(der: &[u8]) -> Result<Self, String> {
        let (rest, certificate) = X509Certificate::from_der(der)
            .map_err(|error| format!("it is no X.509 certificate ({error})"))?;
        if !rest.is_empty() {
            return Err("something follows the certificate".to_owned());
        }
        if certificate.version() != X509Version::V3 {
            return Err(
                "it is an X.509 certificate of an old version; TLS needs version 3".to_owned(),
            );
        }
        let broken = |error| format!("its extensions cannot be read ({error})");
        let validity = certificate.validity();
        let client = certificate.extended_key_usage().map_err(broken)?;
        let names = certificate.subject_alternative_name().map_err(broken)?;
        Ok(Self {
            issuer: certificate.issuer().as_raw().to_vec(),
            subject: certificate.subject().as_raw().to_vec(),
            serial: hex_number(&hex(certificate.raw_serial())),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            not_before: timestamp(validity.not_before.timestamp()),
            not_after: timestamp(validity.not_after.timestamp()),
            common_names: common_names(certificate.subject()),
            organizations: organizations(certificate.subject()),
            is_authority: authority(&certificate)?,
            is_client: client.is_none_or(|usage| usage.value.client_auth || usage.value.any),
            is_self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw()
                && certificate.verify_signature(None).is_ok(),
            has_alternative_names: names.is_some(),
        })
    }

    /// Whether the certificate is valid at this time.
    ///
    /// # Errors
    /// For people: when it is.
    pub fn check_time(&self, now: Timestamp) -> Result<(), String> {
        if now < self.not_before {
            return Err(format!(
                "it is valid only from {} on",
                text(self.not_before)
            ));
        }
        if now > self.not_after {
            return Err(format!("it was valid until {}", text(self.not_after)));
        }
        Ok(())
    }

    /// For a page and for renewal.
    pub fn station(&self) -> StationCertificate {
        StationCertificate {
            common_name: self.common_names.first().cloned().unwrap_or_default(),
            organization: self.organizations.first().cloned(),
            serial_number: self.serial.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}

fn authority(certificate: &X509Certificate<'_>) -> Result<Result<(), &'static str>, String> {
    let broken = |error| format!("its extensions cannot be read ({error})");
    let constraints = certificate.basic_constraints().map_err(broken)?;
    if !constraints.is_some_and(|constraints| constraints.value.ca) {
        return Ok(Err("it is no CA's certificate (basic constraints)"));
    }
    // An authority without key usage may use its key for everything; many private ones are made so.
    let usage = certificate.key_usage().map_err(broken)?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Ok(Err("its key may not sign certificates (key usage)"));
    }
    Ok(Ok(()))
}

/// Certificates of a PEM text, in their order, and nothing else.
///
/// # Errors
/// For people.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for section in sections(pem.as_bytes()) {
        match section? {
            (SectionKind::Certificate, der) => found.push(CertificateDer::from(der)),
            (_, _) => return Err("it holds something else than certificates".to_owned()),
        }
    }
    if found.is_empty() {
        return Err("no certificate in PEM form is in it".to_owned());
    }
    Ok(found)
}

/// A key and what belongs to it, as this store writes them.
pub struct KeyFile {
    pub key: PrivateKeyDer<'static>,
    pub chain: Vec<CertificateDer<'static>>,
    pub request: Option<Vec<u8>>,
}

/// Reads a file of this store.
///
/// # Errors
/// For people.
pub fn key_file(bytes: &[u8]) -> Result<KeyFile, String> {
    let mut key = None;
    let mut chain = Vec::new();
    let mut request = None;
    for section in sections(bytes) {
        match section? {
            (SectionKind::PrivateKey, der) => {
                key = Some(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der)));
            }
            (SectionKind::Certificate, der) => chain.push(CertificateDer::from(der)),
            (SectionKind::Csr, der) => request = Some(der),
            (_, _) => return Err("it holds what this station does not write".to_owned()),
        }
    }
    let key = key.ok_or("no private key is in it")?;
    Ok(KeyFile {
        key,
        chain,
        request,
    })
}

/// Whom a signing request names, and its key.
pub struct Requested {
    pub common_names: Vec<String>,
    pub organizations: Vec<String>,
    pub public_key: Vec<u8>,
}

/// Reads a signing request.
///
/// # Errors
/// For people.
pub fn request(der: &[u8]) -> Result<Requested, String> {
    let (_, request) = X509CertificationRequest::from_der(der)
        .map_err(|error| format!("it is no signing request ({error})"))?;
    let info = &request.certification_request_info;
    Ok(Requested {
        common_names: common_names(&info.subject),
        organizations: organizations(&info.subject),
        public_key: info.subject_pki.subject_public_key.data.to_vec(),
    })
}

/// Whether a certificate without subject alternative names has this host as its common name.
pub fn is_common_name(der: &[u8], host: &str) -> bool {
    Facts::of(der).is_ok_and(|facts| {
        let [name] = facts.common_names.as_slice() else {
            return false;
        };
        !facts.has_alternative_names && name.eq_ignore_ascii_case(host)
    })
}

/// A date for people.
pub fn text(time: Timestamp) -> String {
    let seconds = time.as_unix_millis().div_euclid(1_000);
    x509_parser::time::ASN1Time::from_timestamp(seconds)
        .map_or_else(|_| format!("{seconds} s"), |time| time.to_string())
}

fn sections(bytes: &[u8]) -> impl Iterator<Item = Result<(SectionKind, Vec<u8>), String>> + '_ {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes)
        .map(|section| section.map_err(|error| format!("it is no PEM text ({error})")))
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds.saturating_mul(1_000))
}

fn common_names(name: &X509Name<'_>) -> Vec<String> {
    name.iter_common_name().filter_map(string).collect()
}

fn organizations(name: &X509Name<'_>) -> Vec<String> {
    name.iter_organization().filter_map(string).collect()
}

fn string(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    attribute.as_str().ok().map(str::to_owned)
}
