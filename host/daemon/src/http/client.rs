//! Requests to servers. One connection is kept for a short while.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use url::{Position, Url};

use super::limits::{HEAD_BYTES, HEADERS, KEEP_ALIVE, REQUESTS_OPEN};
use super::{Headers, HttpEvent};
use crate::certificates::CertificateStore;
use crate::net::connect::{Failed, Way, open};
use crate::net::{LinkFailure, TlsStrictness};

/// A request.
#[derive(Clone)]
pub struct HttpRequest {
    /// For example `POST`.
    pub method: String,
    /// `http://` or `https://`.
    pub url: Url,
    /// Without host and length, which are filled in.
    pub headers: Headers,
    /// Empty = none.
    pub body: String,
    /// Seconds for all of it.
    pub timeout_s: u32,
    /// How strictly the server's certificate is checked.
    pub strictness: TlsStrictness,
    /// PEM file of the certificate authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The station's certificates: its central-system roots are trusted too.
    pub certificates: Option<CertificateStore>,
    /// Show the station's own certificate (TLS client authentication).
    pub client_certificate: bool,
    /// HTTP proxy (`http://[user:password@]host:port`) that is asked to CONNECT.
    pub proxy: Option<Url>,
    /// Longest body of an answer, bytes.
    pub max_body_bytes: usize,
}

impl fmt::Debug for HttpRequest {
    /// Without headers and body, which may hold passwords: this ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("timeout_s", &self.timeout_s)
            .field("strictness", &self.strictness)
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// For example 200.
    pub status: u16,
    /// Those that are text.
    pub headers: Headers,
    /// The body; what is no UTF-8 is replaced.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpFailure {
    /// Which kind.
    pub failure: LinkFailure,
    /// For people: what happened and what to check.
    pub detail: String,
}

type Sender = http1::SendRequest<Full<Bytes>>;

/// A connection that may be used once more.
struct Kept {
    key: String,
    sender: Sender,
}

#[derive(Default)]
struct Shared {
    /// With the number of the putting, so that its end closes no later one.
    kept: Mutex<(u64, Option<Kept>)>,
    open: AtomicUsize,
}

/// Makes requests for one adapter.
#[derive(Clone, Default)]
pub struct Client {
    shared: Arc<Shared>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a request; its end is told as [`HttpEvent::Answered`], always and once.
    ///
    /// Must be called inside a tokio runtime. Returns false, and tells nothing, when [`REQUESTS_OPEN`] are on their way
    /// already.
    #[must_use]
    pub fn spawn(
        &self,
        request_id: u64,
        request: HttpRequest,
        events: mpsc::Sender<HttpEvent>,
    ) -> bool {
        let shared = Arc::clone(&self.shared);
        if shared.open.fetch_add(1, Ordering::AcqRel) >= REQUESTS_OPEN {
            shared.open.fetch_sub(1, Ordering::AcqRel);
            return false;
        }
        tokio::spawn(async move {
            let limit = Duration::from_secs(u64::from(request.timeout_s.max(1)));
            let result = tokio::time::timeout(limit, send(&shared, request))
                .await
                .unwrap_or_else(|_| {
                    let detail = format!(
                        "no answer within {} s; check URL, uplink and firewall",
                        limit.as_secs()
                    );
                    Err(Failed(LinkFailure::Timeout, detail))
                })
                .map_err(|Failed(failure, detail)| HttpFailure { failure, detail });
            shared.open.fetch_sub(1, Ordering::AcqRel);
            // The adapter may have ended; then there is nobody to tell.
            let _ = events
                .send(HttpEvent::Answered { request_id, result })
                .await;
        });
        true
    }

    /// Closes the kept connection, for example because the certificates changed.
    pub fn forget(&self) {
        lock(&self.shared).1 = None;
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, (u64, Option<Kept>)> {
    // A panic cannot leave half a connection behind.
    shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(shared: &Arc<Shared>, request: HttpRequest) -> Result<HttpResponse, Failed> {
    let key = format!(
        "{} {} {:?} {} {:?}",
        &request.url[..Position::BeforePath],
        request.strictness,
        request.ca_file,
        request.client_certificate,
        request.proxy.as_ref().map(Url::as_str)
    );
    let mut message = message(&request)?;
    let kept = lock(shared).1.take();
    if let Some(mut kept) = kept.filter(|kept| kept.key == key)
        && kept.sender.ready().await.is_ok()
    {
        match kept.sender.try_send_request(message).await {
            Ok(response) => return take(shared, key, kept.sender, response, &request).await,
            Err(mut error) => match error.take_message() {
                // The server had closed the connection and has seen nothing of this.
                Some(unsent) => message = unsent,
                None => return Err(failed(&error.into_error())),
            },
        }
    }
    let way = Way {
        strictness: request.strictness,
        ca_file: request.ca_file.as_deref(),
        certificates: request.certificates.as_ref(),
        client_certificate: request.client_certificate,
        proxy: request.proxy.as_ref(),
    };
    let wire = open(&request.url, ["http", "https"], &way).await?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // Its end is seen by whoever waits for an answer.
        let _ = connection.await;
    });
    let response = sender
        .send_request(message)
        .await
        .map_err(|error| failed(&error))?;
    take(shared, key, sender, response, &request).await
}

fn message(request: &HttpRequest) -> Result<Request<Full<Bytes>>, Failed> {
    let wrong = |what: &str| {
        Failed(
            LinkFailure::Configuration,
            format!("the request cannot be sent: {what}"),
        )
    };
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| wrong("its method is no HTTP method"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers.iter().take(HEADERS) {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("the name of a header holds characters that HTTP does not allow"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| wrong("a header holds characters that HTTP does not allow"))?;
        headers.append(name, value);
    }
    let host = &request.url[Position::BeforeHost..Position::AfterPort];
    let host = HeaderValue::from_str(host).map_err(|_| wrong("the host's name"))?;
    headers.insert(HOST, host);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    let target = &request.url[Position::BeforePath..Position::AfterQuery];
    let mut message = Request::new(Full::new(Bytes::from(request.body.clone())));
    *message.method_mut() = method;
    *message.uri_mut() = target
        .parse()
        .map_err(|_| wrong("the URL holds characters that HTTP does not allow"))?;
    *message.headers_mut() = headers;
    Ok(message)
}

/// Reads an answer to its end and keeps the connection if it can be used again.
async fn take(
    shared: &Arc<Shared>,
    key: String,
    sender: Sender,
    response: Response<Incoming>,
    request: &HttpRequest,
) -> Result<HttpResponse, Failed> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, request.max_body_bytes);
    let body = body.collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let text = format!("the answer is longer than {} bytes", request.max_body_bytes);
            return Failed(LinkFailure::Protocol, text);
        }
        Failed(
            LinkFailure::Broken,
            format!("the connection broke in the middle of the answer ({error})"),
        )
    })?;
    keep(shared, Kept { key, sender });
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    })
}

fn keep(shared: &Arc<Shared>, kept: Kept) {
    if kept.sender.is_closed() {
        return;
    }
    let putting = {
        let mut slot = lock(shared);
        slot.0 = slot.0.wrapping_add(1);
        slot.1 = Some(kept);
        slot.0
    };
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        tokio::time::sleep(KEEP_ALIVE).await;
        if let Some(shared) = shared.upgrade() {
            let mut slot = lock(&shared);
            if slot.0 == putting {
                slot.1 = None;
            }
        }
    });
}

fn failed(error: &hyper::Error) -> Failed {
    if error.is_parse() || error.is_parse_too_large() {
        return Failed(
            LinkFailure::Protocol,
            format!(
                "what answers does not speak HTTP ({error}); check port and http:// or https://"
            ),
        );
    }
    Failed(
        LinkFailure::Broken,
        format!("the server hung up without an answer ({error})"),
    )
}
