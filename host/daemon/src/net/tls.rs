//! TLS as a client, with five levels of strictness.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::limits::OVERLOOKED_TIMES;

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

/// A client configuration of this strictness that trusts `ca_file`, or the public authorities.
///
/// # Errors
/// For people: what is wrong with the file.
pub(super) fn client_config(
    strictness: TlsStrictness,
    ca_file: Option<&Path>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Verifier {
        strictness,
        roots: roots(ca_file)?,
        algorithms: provider.signature_verification_algorithms,
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(path) = ca_file else {
        return Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    };
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
}

impl Verifier {
    /// Checks the chain; a certificate outside its time is looked at as of a time it was valid, if that is allowed.
    fn check_chain(
        &self,
        certificate: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let mut time = now;
        let mut tries = 0;
        loop {
            let checked = verify_server_cert_signed_by_trust_anchor(
                certificate,
                &self.roots,
                intermediates,
                time,
                self.algorithms.all,
            );
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
            if self.strictness.checks_time() || tries == OVERLOOKED_TIMES {
                return checked;
            }
            time = valid_at;
            tries += 1;
        }
    }
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
        if self.strictness.checks_chain() {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            self.check_chain(&certificate, intermediates, now)?;
            if self.strictness.checks_host() {
                verify_server_name(&certificate, server_name)?;
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
            "the issuer is not trusted; check the URL, or give the operator's CA as `ca_file`"
        }
        _ => "check that the URL leads to the operator's backend and not to something in between",
    }
}
