//! The station's one way out: a WebSocket client with TLS, for backend adapters.
//!
//! Duty: open a connection as a [`ConnectRequest`] says, carry text frames both ways, say when it is up and why it is
//! down. It does not retry (the adapter decides when), and it does not read what it carries (only guests speak
//! OCPP).
//!
//! ```text
//!   adapter ─▶ spawn ─▶ task: resolve → TCP (→ proxy) → TLS → upgrade ─▶ Up ─▶ frames, pings ─▶ Down
//!                         │ one LinkEvent::Down always ends it; nothing follows it
//! ```

pub(crate) mod connect;
pub mod limits;
mod link;
mod tls;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::certificates::CertificateStore;
use limits::OUTGOING_FRAMES;

pub use tls::TlsStrictness;
pub(crate) use tls::client_config;
pub(crate) use tls::{ClientTls, Trust, overlooking_time, provider, roots_of_file};

/// What to connect to, and how.
#[derive(Clone)]
pub struct ConnectRequest {
    /// `ws://` or `wss://`, path complete (the adapter has appended the identity).
    pub url: Url,
    /// Subprotocols to offer, best first; the server must choose one of them. Empty: none is asked for.
    pub subprotocols: Vec<String>,
    /// User and password for HTTP Basic authentication.
    pub basic_auth: Option<(String, Vec<u8>)>,
    /// Seconds between pings; 0 = no pings.
    pub keep_alive_s: u32,
    /// Seconds for each of: the whole connecting, the answer to a ping, the writing of a frame.
    pub timeout_s: u32,
    /// How strictly the server's certificate is checked.
    pub strictness: TlsStrictness,
    /// HTTP proxy (`http://[user:password@]host:port`) that is asked to CONNECT.
    pub proxy: Option<Url>,
    /// PEM file of the certificate authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The station's certificates: its central-system roots are trusted too.
    pub certificates: Option<CertificateStore>,
    /// Show the station's own certificate (TLS client authentication).
    pub client_certificate: bool,
    /// Longest message accepted, bytes; a longer one ends the connection.
    pub max_frame_bytes: usize,
}

impl fmt::Debug for ConnectRequest {
    /// Without passwords: this ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("url", &self.url.as_str())
            .field("subprotocols", &self.subprotocols)
            .field(
                "basic_auth",
                &self.basic_auth.as_ref().map(|(user, _)| user),
            )
            .field("keep_alive_s", &self.keep_alive_s)
            .field("timeout_s", &self.timeout_s)
            .field("strictness", &self.strictness)
            .field("proxy", &self.proxy.as_ref().and_then(Url::host_str))
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .field("max_frame_bytes", &self.max_frame_bytes)
            .finish()
    }
}

/// What happens to a link. `Down` comes exactly once and is the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected.
    Up {
        /// The subprotocol the server chose; `None` if none was asked for.
        subprotocol: Option<String>,
        /// Over TLS.
        secure: bool,
    },
    /// A text frame arrived.
    Frame(String),
    /// Never connected, or connected no longer.
    Down {
        /// Which kind of failure.
        failure: LinkFailure,
        /// For people: what happened and what to check.
        detail: String,
    },
}

/// Why a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFailure {
    /// The request itself is wrong: URL, proxy, password, CA file.
    Configuration,
    /// The host's name has no address.
    Resolve,
    /// No TCP connection.
    Unreachable,
    /// The proxy refused.
    Proxy,
    /// The server's certificate is not acceptable at this strictness.
    Certificate,
    /// The server speaks none of the TLS versions that are allowed (1.2, 1.3).
    TlsVersion,
    /// The server speaks none of the cipher suites that are allowed.
    TlsCipherSuites,
    /// TLS failed for another reason.
    Tls,
    /// The server refused identity or password (401, 403).
    Unauthorized,
    /// The server refused the upgrade otherwise.
    Refused,
    /// The server chose no subprotocol, or one that was not offered.
    Subprotocol,
    /// Something took longer than `timeout_s`.
    Timeout,
    /// The peer broke the protocol: binary or oversized message, broken text, bad frame.
    Protocol,
    /// The peer closed properly.
    ClosedByPeer,
    /// We closed.
    ClosedByUs,
    /// The connection broke.
    Broken,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// [`OUTGOING_FRAMES`] frames wait already; keep it and try when some have left.
    Full,
    /// The link is down.
    Down,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => {
                write!(
                    f,
                    "{OUTGOING_FRAMES} frames wait to be written; the peer reads too slowly"
                )
            }
            Self::Down => f.write_str("the link is down"),
        }
    }
}

impl std::error::Error for SendError {}

/// A link that is connecting or connected. Dropping it closes the link.
#[derive(Debug)]
pub struct LinkHandle {
    outgoing: mpsc::Sender<String>,
    close: watch::Sender<Option<String>>,
    task: JoinHandle<()>,
}

impl LinkHandle {
    /// Queues a text frame. It is written once the link is up.
    ///
    /// # Errors
    /// [`SendError`]; the frame was not taken then.
    pub fn try_send(&self, text: String) -> Result<(), SendError> {
        self.outgoing.try_send(text).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Down,
        })
    }

    /// Closes properly: frames queued before are still written, then a close frame with this reason.
    pub fn close(&self, reason: &str) {
        self.close.send_replace(Some(reason.to_owned()));
    }

    /// Waits until the link's task has ended.
    pub async fn join(self) {
        let Self {
            outgoing,
            close,
            task,
        } = self;
        drop(outgoing);
        // A task that was cancelled with its runtime has ended too.
        let _ = task.await;
        drop(close);
    }
}

/// Starts connecting. Every event goes to `events`; the last is [`LinkEvent::Down`].
///
/// Must be called inside a tokio runtime. A receiver that does not read holds the link back, not the station.
pub fn spawn(request: ConnectRequest, events: mpsc::Sender<LinkEvent>) -> LinkHandle {
    let (outgoing, to_write) = mpsc::channel(OUTGOING_FRAMES);
    let (close, closing) = watch::channel(None);
    let task = tokio::spawn(link::run(request, events, to_write, closing));
    LinkHandle {
        outgoing,
        close,
        task,
    }
}
