//! TLS of the station as a server, with six modes.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use super::store::CertificateStore;
use super::types::CertificateUse;
use crate::net::{overlooking_time, provider, roots_of_file};

/// How a server of the station uses TLS. Source: domain fact sheet §2.4, SSL mode as server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTls {
    /// Plain HTTP.
    None,
    /// Encryption; whoever calls is believed.
    EncryptOnly,
    /// The caller's chain is checked; time and host not.
    ExpiredAndAnyHost,
    /// The caller's chain and time are checked; host not.
    AnyHost,
    /// The caller's chain and host are checked; time not.
    Expired,
    /// The caller's certificate is checked wholly.
    Normal,
}

impl ServerTls {
    /// Every mode with its name in configurations.
    #[cfg(test)]
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::None, "none"),
        (Self::EncryptOnly, "encrypt-only"),
        (Self::ExpiredAndAnyHost, "expired-and-any-host"),
        (Self::AnyHost, "any-host"),
        (Self::Expired, "expired"),
        (Self::Normal, "normal"),
    ];

    const fn checks_chain(self) -> bool {
        !matches!(self, Self::None | Self::EncryptOnly)
    }

    const fn checks_time(self) -> bool {
        matches!(self, Self::AnyHost | Self::Normal)
    }

    const fn checks_host(self) -> bool {
        matches!(self, Self::Expired | Self::Normal)
    }
}

/// TLS of a server; gives each connection its configuration.
#[derive(Debug, Clone)]
pub struct TlsServer {
    mode: ServerTls,
    store: CertificateStore,
    backend_host: Option<String>,
    ca_file: Option<PathBuf>,
}

impl TlsServer {
    /// A server's TLS; `None` for plain HTTP. `backend_host`: host of the backend's URL, if it is known; a caller whose
    /// certificate names it is at the right host.
    #[must_use]
    pub fn new(
        mode: ServerTls,
        store: CertificateStore,
        backend_host: Option<String>,
    ) -> Option<Self> {
        match mode {
            ServerTls::None => None,
            ServerTls::EncryptOnly
            | ServerTls::ExpiredAndAnyHost
            | ServerTls::AnyHost
            | ServerTls::Expired
            | ServerTls::Normal => Some(Self {
                mode,
                store,
                backend_host,
                ca_file: None,
            }),
        }
    }

    /// The authorities in this PEM file vouch for callers too.
    #[must_use]
    pub fn trusting(self, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..self }
    }

    /// Says whether callers can be served now, and makes the key that is shown, if there is none: better when the server
    /// starts than with the first caller.
    ///
    /// # Errors
    /// As [`TlsServer::config`].
    pub fn check(&self) -> Result<(), String> {
        self.config(IpAddr::from([127, 0, 0, 1])).map(|_| ())
    }

    /// The configuration for one connection. Roots and the station's certificate are read anew, so what was installed a
    /// moment ago counts.
    ///
    /// The host of a caller is right if its certificate names the caller's address or the backend's host.
    ///
    /// # Errors
    /// For people: the mode checks callers and no root is there to check them with, or there is no key to show.
    pub fn config(&self, caller: IpAddr) -> Result<Arc<ServerConfig>, String> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = if self.mode.checks_chain() {
            builder.with_client_cert_verifier(Arc::new(Verifier::new(self, caller)?))
        } else {
            builder.with_no_client_auth()
        };
        let identity = SingleCertAndKey::from(self.store.server_identity()?);
        Ok(Arc::new(builder.with_cert_resolver(Arc::new(identity))))
    }
}

/// Checks callers, each part only if the mode says so.
struct Verifier {
    mode: ServerTls,
    chain: Arc<dyn ClientCertVerifier>,
    hosts: Vec<ServerName<'static>>,
}

impl Verifier {
    fn new(server: &TlsServer, caller: IpAddr) -> Result<Self, String> {
        let mut roots = match &server.ca_file {
            Some(path) => roots_of_file(path)?,
            None => RootCertStore::empty(),
        };
        roots.add_parsable_certificates(server.store.anchors(CertificateUse::CentralSystemRoot));
        if roots.is_empty() {
            return Err(
                "callers cannot be checked: install a central-system root, or configure `[tls] ca`"
                    .to_owned(),
            );
        }
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| format!("callers cannot be checked: {error}"))?;
        let address = ServerName::IpAddress(caller.to_canonical().into());
        let backend = server
            .backend_host
            .clone()
            .and_then(|host| ServerName::try_from(host).ok());
        Ok(Self {
            mode: server.mode,
            chain,
            hosts: std::iter::once(address).chain(backend).collect(),
        })
    }

    fn check_host(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        let mut checked = Ok(());
        for host in &self.hosts {
            checked = verify_server_name(&certificate, host);
            if checked.is_ok() {
                break;
            }
        }
        checked
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("mode", &self.mode)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        overlooking_time(self.mode.checks_time(), now, |time| {
            self.chain
                .verify_client_cert(end_entity, intermediates, time)
                .map(|_| ())
        })?;
        if self.mode.checks_host() {
            self.check_host(end_entity)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
