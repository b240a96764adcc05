//! Small servers for the link's tests: a WebSocket server, plain or TLS, and an HTTP proxy. Loopback only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use url::Url;

use crate::net::connect::Wire;
use crate::net::{ConnectRequest, LinkEvent, LinkHandle, TlsStrictness, spawn};

pub type ServerSocket = WebSocketStream<Box<dyn Wire>>;

/// What a server answers to the upgrade.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Header to send, whatever was offered.
    pub subprotocol: Option<&'static str>,
    /// Status other than 101.
    pub status: Option<u16>,
}

impl Answer {
    pub fn ocpp16() -> Self {
        Self {
            subprotocol: Some("ocpp1.6"),
            status: None,
        }
    }
}

/// A listener on a free loopback port.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Takes one connection and upgrades it; gives the socket and the request's head as `path` and headers.
pub async fn accept(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    answer: Answer,
) -> Option<(ServerSocket, Request)> {
    let (tcp, _) = listener.accept().await.unwrap();
    let wire: Box<dyn Wire> = match tls {
        Some(acceptor) => Box::new(acceptor.accept(tcp).await.ok()?),
        None => Box::new(tcp),
    };
    upgrade(wire, answer).await
}

/// The WebSocket half of [`accept`].
#[allow(
    clippy::result_large_err,
    reason = "the callback's type is the library's"
)]
pub async fn upgrade(wire: Box<dyn Wire>, answer: Answer) -> Option<(ServerSocket, Request)> {
    let mut seen = None;
    let callback = |request: &Request, mut response: Response| {
        seen = Some(request.clone());
        if let Some(status) = answer.status {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::from_u16(status).unwrap();
            return Err(refusal);
        }
        if let Some(subprotocol) = answer.subprotocol {
            response
                .headers_mut()
                .insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        }
        Ok(response)
    };
    let socket = accept_hdr_async(wire, callback).await.ok()?;
    Some((socket, seen?))
}

/// A certificate authority and a server certificate of its making.
pub struct Pki {
    pub acceptor: TlsAcceptor,
    /// PEM file of the authority; removed when dropped.
    pub ca_file: PemFile,
}

/// A file in the temporary directory.
pub struct PemFile(pub PathBuf);

impl PemFile {
    pub fn new(name: &str, text: &str) -> Self {
        let file = format!("pilotwire-net-{}-{name}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for PemFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Pki {
    /// A server certificate for `host`, valid in these years.
    pub fn new(test: &str, host: &str, years: (i32, i32)) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name
            .push(rcgen::DnType::CommonName, format!("CA of {test}"));
        let ca_key = KeyPair::generate().unwrap();
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let mut server = CertificateParams::new(vec![host.to_owned()]).unwrap();
        server.not_before = date_time_ymd(years.0, 1, 1);
        server.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_file: PemFile::new(test, &ca_certificate.pem()),
        }
    }
}

/// A request as an adapter would make it.
pub fn request(url: &str) -> ConnectRequest {
    ConnectRequest {
        url: Url::parse(url).unwrap(),
        subprotocols: vec!["ocpp1.6".to_owned()],
        basic_auth: None,
        keep_alive_s: 0,
        timeout_s: 10,
        strictness: TlsStrictness::Normal,
        proxy: None,
        ca_file: None,
        certificates: None,
        client_certificate: false,
        max_frame_bytes: 65_536,
    }
}

/// A link and its events.
pub struct Client {
    pub link: LinkHandle,
    pub events: mpsc::Receiver<LinkEvent>,
}

impl Client {
    pub fn new(request: ConnectRequest) -> Self {
        let (to_events, events) = mpsc::channel(8);
        Self {
            link: spawn(request, to_events),
            events,
        }
    }

    pub async fn event(&mut self) -> LinkEvent {
        self.events
            .recv()
            .await
            .expect("an event before the link ends")
    }

    /// Waits for the link's end; fails if anything but frames comes before.
    pub async fn down(&mut self) -> (crate::net::LinkFailure, String) {
        loop {
            match self.event().await {
                LinkEvent::Down { failure, detail } => return (failure, detail),
                LinkEvent::Frame(_) => {}
                up @ LinkEvent::Up { .. } => panic!("unexpected {up:?}"),
            }
        }
    }
}

/// An HTTP proxy for one connection: gives the head of the request, answers `head`, then copies both ways.
pub async fn proxy_once(listener: TcpListener, head: &'static str, to: SocketAddr) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (mut client, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(client.read_u8().await.unwrap());
    }
    client.write_all(head.as_bytes()).await.unwrap();
    if head.contains(" 200 ") {
        let mut server = TcpStream::connect(to).await.unwrap();
        tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
    String::from_utf8(asked).unwrap()
}
