//! TLS: the versions and suites of both sides, and the client's five levels of strictness.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::cipher_suite;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::limits::OVERLOOKED_TIMES;
use crate::certificates::{CertificateStore, CertificateUse, is_common_name};

/// How strictly the server's certificate is checked. Source: domain fact sheet §2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsStrictness {
    /// Encryption only: whoever answers is believed. For a laboratory.
    EncryptOnly,
    /// Chain checked; time and host name not.
    AllowExpiredSkipHost,
    /// Chain and time checked; host name not.
    SkipHost,
    /// Chain and host name checked; time not.
    AllowExpired,
    /// Everything checked.
    #[default]
    Normal,
}

impl TlsStrictness {
    /// Every level with its name in configurations.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::EncryptOnly, "encrypt-only"),
        (Self::AllowExpiredSkipHost, "allow-expired-skip-host"),
        (Self::SkipHost, "skip-host"),
        (Self::AllowExpired, "allow-expired"),
        (Self::Normal, "normal"),
    ];

    const fn checks_chain(self) -> bool {
        !matches!(self, Self::EncryptOnly)
    }

    const fn checks_time(self) -> bool {
        matches!(self, Self::SkipHost | Self::Normal)
    }

    const fn checks_host(self) -> bool {
        matches!(self, Self::AllowExpired | Self::Normal)
    }
}

impl fmt::Display for TlsStrictness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL
            .iter()
            .find(|(level, _)| level == self)
            .map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for TlsStrictness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(level, _)| *level)
            .ok_or_else(|| {
                format!(
                    "no TLS strictness is called {text:?}; there are: {}",
                    Self::ALL.map(|(_, name)| name).join(", ")
                )
            })
    }
}

/// The cryptography of both sides: TLS 1.3, and with TLS 1.2 only what the security whitepaper allows and rustls has. Its
/// suites without forward secrecy (`TLS_RSA_…`) are not in rustls.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        ..rustls::crypto::ring::default_provider()
    })
}

/// What a client trusts and shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trust<'a> {
    /// How strictly the server's certificate is checked.
    pub strictness: TlsStrictness,
    /// PEM file of the authorities to trust instead of the public ones.
    pub ca_file: Option<&'a Path>,
    /// The station's certificates: its central-system roots are trusted too.
    pub certificates: Option<&'a CertificateStore>,
    /// Show the station's own certificate.
    pub client_certificate: bool,
}

/// TLS for one connection to a server.
pub(crate) struct ClientTls {
    pub config: ClientConfig,
    /// Becomes true when the server has shown its certificate.
    pub certificate_seen: Arc<AtomicBool>,
}

impl ClientTls {
    /// A configuration for one connection.
    ///
    /// # Errors
    /// For people: what is wrong with the file, or that there is no certificate to show.
    pub fn new(trust: &Trust<'_>) -> Result<Self, String> {
        let provider = provider();
        let mut roots = roots(trust.ca_file)?;
        if let Some(store) = trust.certificates {
            roots.add_parsable_certificates(store.anchors(CertificateUse::CentralSystemRoot));
        }
        let certificate_seen = Arc::new(AtomicBool::new(false));
        let verifier = Arc::new(Verifier {
            strictness: trust.strictness,
            roots,
            algorithms: provider.signature_verification_algorithms,
            certificate_seen: Arc::clone(&certificate_seen),
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = if trust.client_certificate {
            let identity = trust
                .certificates
                .and_then(CertificateStore::identity)
                .ok_or(
                    "the station has no certificate to show; have it ask the backend for one first",
                )?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        } else {
            builder.with_no_client_auth()
        };
        Ok(Self {
            config,
            certificate_seen,
        })
    }
}

/// A configuration for any client of the station.
///
/// # Errors
/// As [`ClientTls::new`].
pub(crate) fn client_config(trust: &Trust<'_>) -> Result<ClientConfig, String> {
    ClientTls::new(trust).map(|tls| tls.config)
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    match ca_file {
        Some(path) => roots_of_file(path),
        None => Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()),
    }
}

/// The authorities of a PEM file.
///
/// # Errors
/// For people: what is wrong with it.
pub(crate) fn roots_of_file(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |what: String| format!("CA file {}: {what}", path.display());
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| wrong(format!("{error}; check the path and its permissions")))?;
    for certificate in certificates {
        let certificate = certificate
            .map_err(|error| wrong(format!("{error}; it must hold certificates in PEM form")))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("{error}; is it a CA's certificate?")))?;
    }
    if roots.is_empty() {
        return Err(wrong(
            "no certificate in it; it must hold at least one in PEM form".to_owned(),
        ));
    }
    Ok(roots)
}

/// Checks chain, time and host name, each only if the strictness says so.
///
/// The handshake's own signature is checked at every level: whoever answers must own the certificate shown.
#[derive(Debug)]
struct Verifier {
    strictness: TlsStrictness,
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    certificate_seen: Arc<AtomicBool>,
}

/// Checks a chain; if time is not to be checked, a certificate outside its time is looked at as of a time it was valid.
pub(crate) fn overlooking_time(
    checks_time: bool,
    now: UnixTime,
    check: impl Fn(UnixTime) -> Result<(), rustls::Error>,
) -> Result<(), rustls::Error> {
    let mut time = now;
    let mut tries = 0;
    loop {
        let checked = check(time);
        let valid_at = match &checked {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after,
                ..
            })) => *not_after,
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => *not_before,
            Ok(()) | Err(_) => return checked,
        };
        if checks_time || tries == OVERLOOKED_TIMES {
            return checked;
        }
        time = valid_at;
        tries += 1;
    }
}

/// Checks the name of a server: its alternative names; in a certificate without any, the common name, where the security
/// whitepaper puts it.
fn check_name(
    der: &CertificateDer<'_>,
    certificate: &ParsedCertificate<'_>,
    server_name: &ServerName<'_>,
) -> Result<(), rustls::Error> {
    let checked = verify_server_name(certificate, server_name);
    if checked.is_err() && is_common_name(der, &server_name.to_str()) {
        return Ok(());
    }
    checked
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.certificate_seen.store(true, Relaxed);
        if self.strictness.checks_chain() {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            overlooking_time(self.strictness.checks_time(), now, |time| {
                verify_server_cert_signed_by_trust_anchor(
                    &certificate,
                    &self.roots,
                    intermediates,
                    time,
                    self.algorithms.all,
                )
            })?;
            if self.strictness.checks_host() {
                check_name(end_entity, &certificate, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What to check when a certificate was refused.
pub(super) fn advice(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "check the station's clock and have the backend's certificate renewed"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "check the host name in the backend URL against the certificate"
        }
        CertificateError::UnknownIssuer => {
            "the issuer is not trusted; check the URL, or give the operator's CA as `[tls] ca`, or have it installed"
        }
        _ => "check that the URL leads to the operator's backend and not to something in between",
    }
}
