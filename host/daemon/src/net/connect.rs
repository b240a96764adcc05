//! From a request to an open WebSocket: name, TCP, proxy, TLS, upgrade. HTTP uses all but the upgrade.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, PeerIncompatible, PeerMisbehaved};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};

use super::limits::{ADDRESSES_TRIED, LINK_BUFFER_BYTES, PROXY_HEAD_BYTES};
use super::{ClientTls, ConnectRequest, LinkFailure, TlsStrictness, Trust, tls};
use crate::certificates::CertificateStore;

/// A failure and the words for it.
#[derive(Debug)]
pub(crate) struct Failed(pub LinkFailure, pub String);

/// TCP, with or without TLS on top.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

/// An open connection.
pub(super) struct Connected {
    pub socket: Socket,
    pub subprotocol: Option<String>,
    pub secure: bool,
}

/// How to come to a server.
#[derive(Default)]
pub(crate) struct Way<'a> {
    /// How strictly its certificate is checked.
    pub strictness: TlsStrictness,
    /// Authorities to trust instead of the public ones.
    pub ca_file: Option<&'a Path>,
    /// The station's certificates: its central-system roots are trusted too.
    pub certificates: Option<&'a CertificateStore>,
    /// Show the station's own certificate.
    pub client_certificate: bool,
    /// HTTP proxy that is asked to CONNECT.
    pub proxy: Option<&'a Url>,
}

/// Opens a connection to the host of a URL, over TLS if `schemes` says so: the plain one and the secure one. The caller
/// bounds the time.
pub(crate) async fn open(
    url: &Url,
    schemes: [&str; 2],
    way: &Way<'_>,
) -> Result<Box<dyn Wire>, Failed> {
    let target = Target::of(url, schemes)?;
    let tls = if target.secure {
        let trust = Trust {
            strictness: way.strictness,
            ca_file: way.ca_file,
            certificates: way.certificates,
            client_certificate: way.client_certificate,
        };
        let tls =
            ClientTls::new(&trust).map_err(|text| Failed(LinkFailure::Configuration, text))?;
        Some(tls)
    } else {
        None
    };
    let tcp = match way.proxy {
        Some(proxy) => through_proxy(proxy, &target).await?,
        None => tcp(&target.host, target.port, "the backend").await?,
    };
    Ok(match tls {
        Some(ClientTls {
            config,
            certificate_seen,
        }) => {
            let connector = TlsConnector::from(Arc::new(config));
            let stream = connector.connect(target.server_name()?, tcp).await;
            Box::new(stream.map_err(|error| tls_failed(&error, certificate_seen.load(Relaxed)))?)
        }
        None => Box::new(tcp),
    })
}

/// Opens the connection. The caller bounds the time.
pub(super) async fn connect(request: &ConnectRequest) -> Result<Connected, Failed> {
    let target = Target::of(&request.url, ["ws", "wss"])?;
    let upgrade = upgrade_request(request)?;
    let way = Way {
        strictness: request.strictness,
        ca_file: request.ca_file.as_deref(),
        certificates: request.certificates.as_ref(),
        client_certificate: request.client_certificate,
        proxy: request.proxy.as_ref(),
    };
    let wire = open(&request.url, ["ws", "wss"], &way).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(LINK_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(request.max_frame_bytes))
        .max_frame_size(Some(request.max_frame_bytes));
    let (socket, response) = client_async_with_config(upgrade, wire, Some(config))
        .await
        .map_err(upgrade_failed)?;
    let subprotocol = response
        .headers()
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    Ok(Connected {
        socket,
        subprotocol,
        secure: target.secure,
    })
}

/// Where a URL leads.
struct Target {
    host: String,
    port: u16,
    secure: bool,
}

impl Target {
    fn of(url: &Url, [plain, secured]: [&str; 2]) -> Result<Self, Failed> {
        let wrong = |text: String| Failed(LinkFailure::Configuration, text);
        let secure = match url.scheme() {
            scheme if scheme == plain => false,
            scheme if scheme == secured => true,
            other => {
                return Err(wrong(format!(
                    "the backend URL begins with {other:?}; it must begin with {plain}:// or {secured}://"
                )));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "the backend URL holds a user or password; set `basic_auth_password` instead"
                    .to_owned(),
            ));
        }
        if url.fragment().is_some() {
            return Err(wrong(
                "the backend URL holds a `#`, which no server ever sees".to_owned(),
            ));
        }
        let host = host_of(url).ok_or_else(|| wrong("the backend URL names no host".to_owned()))?;
        let port = url.port().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { host, port, secure })
    }

    fn server_name(&self) -> Result<ServerName<'static>, Failed> {
        ServerName::try_from(self.host.clone()).map_err(|_| {
            let text = format!(
                "{:?} cannot be a TLS server's name; check the URL",
                self.host
            );
            Failed(LinkFailure::Configuration, text)
        })
    }

    /// `host:port`, an IPv6 address in brackets.
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The host without an IPv6 address's brackets.
fn host_of(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

fn upgrade_request(request: &ConnectRequest) -> Result<Request, Failed> {
    let wrong = |text: &str| Failed(LinkFailure::Configuration, text.to_owned());
    let mut upgrade = request
        .url
        .as_str()
        .into_client_request()
        .map_err(|_| wrong("the backend URL cannot be asked for; check its characters"))?;
    if !request.subprotocols.is_empty() {
        let value = HeaderValue::from_str(&request.subprotocols.join(", "))
            .map_err(|_| wrong("a subprotocol holds characters that HTTP does not allow"))?;
        upgrade.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    if let Some((user, password)) = &request.basic_auth {
        if user.contains(':') {
            return Err(wrong(
                "HTTP Basic allows no `:` in the user; check the identity",
            ));
        }
        upgrade
            .headers_mut()
            .insert(AUTHORIZATION, basic(user, password)?);
    }
    Ok(upgrade)
}

fn basic(user: &str, password: &[u8]) -> Result<HeaderValue, Failed> {
    let mut pair = user.as_bytes().to_vec();
    pair.push(b':');
    pair.extend_from_slice(password);
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).map_err(|_| {
            Failed(
                LinkFailure::Configuration,
                "the password cannot be sent; check it".to_owned(),
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn tcp(host: &str, port: u16, who: &str) -> Result<TcpStream, Failed> {
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        let text = format!(
            "the name {host:?} of {who} has no address ({error}); check the URL, DNS and the uplink"
        );
        Failed(LinkFailure::Resolve, text)
    })?;
    let mut last = None;
    for address in addresses.take(ADDRESSES_TRIED) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Frames are small and wait for answers; without this each would wait for an acknowledgement.
                stream.set_nodelay(true).map_err(|error| broken(&error))?;
                return Ok(stream);
            }
            Err(error) => last = Some((address, error)),
        }
    }
    Err(match last {
        Some((address, error)) => Failed(
            LinkFailure::Unreachable,
            format!(
                "{who} at {address} cannot be reached ({error}); check port, firewall and uplink"
            ),
        ),
        None => Failed(
            LinkFailure::Resolve,
            format!("the name {host:?} of {who} has no address"),
        ),
    })
}

async fn through_proxy(proxy: &Url, target: &Target) -> Result<TcpStream, Failed> {
    let wrong = |text: &str| Failed(LinkFailure::Configuration, text.to_owned());
    if proxy.scheme() != "http" {
        return Err(wrong("the proxy must be an http:// URL"));
    }
    let host = host_of(proxy).ok_or_else(|| wrong("the proxy URL names no host"))?;
    let mut stream = tcp(&host, proxy.port().unwrap_or(80), "the proxy").await?;
    let authority = target.authority();
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if !proxy.username().is_empty() {
        let password = proxy.password().unwrap_or_default();
        let value = basic(proxy.username(), password.as_bytes())?;
        let value = value
            .to_str()
            .map_err(|_| wrong("the proxy's password cannot be sent"))?;
        head.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream
        .write_all(head.as_bytes())
        .await
        .map_err(|error| broken(&error))?;
    let answer = proxy_answer(&mut stream).await?;
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    let refused = |text: String| Err(Failed(LinkFailure::Proxy, text));
    match status {
        "200" => Ok(stream),
        "407" => refused("the proxy wants a user and password; put them into its URL".to_owned()),
        _ => refused(format!(
            "the proxy does not connect to {authority}: {answer:?}; check its rules"
        )),
    }
}

/// First line of the proxy's answer; its head is read to the end and not one byte further.
async fn proxy_answer(stream: &mut TcpStream) -> Result<String, Failed> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= PROXY_HEAD_BYTES {
            let text = format!("the proxy's answer is longer than {PROXY_HEAD_BYTES} bytes");
            return Err(Failed(LinkFailure::Proxy, text));
        }
        let byte = stream.read_u8().await.map_err(|error| {
            let text = format!("the proxy hung up ({error}); is it an HTTP proxy?");
            Failed(LinkFailure::Proxy, text)
        })?;
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

fn broken(error: &io::Error) -> Failed {
    if tls_error(error).is_some() {
        // With TLS 1.3 a server that dislikes the station's certificate says so after the handshake.
        return tls_failed(error, true);
    }
    Failed(
        LinkFailure::Broken,
        format!("the connection broke ({error})"),
    )
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// `certificate_seen`: the server had shown its certificate, so version and suite were agreed upon.
fn tls_failed(error: &io::Error, certificate_seen: bool) -> Failed {
    let Some(inner) = tls_error(error) else {
        return Failed(
            LinkFailure::Tls,
            format!("the backend hung up during the TLS handshake ({error}); check the port"),
        );
    };
    if let rustls::Error::InvalidCertificate(why) = inner {
        let text = format!(
            "the backend's certificate is not accepted: {why}; {}",
            tls::advice(why)
        );
        return Failed(LinkFailure::Certificate, text);
    }
    let (failure, check) = match inner {
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => (
            LinkFailure::TlsVersion,
            "the backend must speak TLS 1.2 or 1.3",
        ),
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) if certificate_seen => {
            (LinkFailure::Tls, REFUSED_US)
        }
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon,
        )
        | rustls::Error::PeerMisbehaved(
            PeerMisbehaved::SelectedUnofferedCipherSuite
            | PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
        ) => (
            LinkFailure::TlsCipherSuites,
            "the backend must speak ECDHE with AES-GCM, or TLS 1.3",
        ),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        ) => (LinkFailure::Tls, REFUSED_US),
        _ => (
            LinkFailure::Tls,
            "check that the port speaks TLS 1.2 or 1.3",
        ),
    };
    Failed(failure, format!("TLS failed: {inner}; {check}"))
}

/// What an alert about a certificate means on this side.
const REFUSED_US: &str = "the backend wants a certificate of the station, or another one; check security profile and certificate";

fn upgrade_failed(error: WsError) -> Failed {
    match error {
        WsError::Http(response) => {
            let status = response.status();
            match status.as_u16() {
                401 | 403 => Failed(
                    LinkFailure::Unauthorized,
                    format!(
                        "the backend answered {status}; check the identity and `basic_auth_password`"
                    ),
                ),
                404 => Failed(
                    LinkFailure::Refused,
                    format!(
                        "the backend answered {status}; check the URL's path and that the identity is registered"
                    ),
                ),
                300..=399 => Failed(
                    LinkFailure::Refused,
                    format!(
                        "the backend answered {status}; redirects are not followed, check the URL"
                    ),
                ),
                _ => Failed(
                    LinkFailure::Refused,
                    format!("the backend answered {status}"),
                ),
            }
        }
        WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(why)) => Failed(
            LinkFailure::Subprotocol,
            format!("{why}; check which OCPP versions the backend speaks at this URL"),
        ),
        WsError::Io(error) => broken(&error),
        other => Failed(
            LinkFailure::Refused,
            format!("no WebSocket answers there ({other}); check the URL and ws:// or wss://"),
        ),
    }
}
