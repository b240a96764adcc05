//! A small server: whoever is allowed may call, and the adapter answers.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::address::Allowed;
use super::limits::{
    ACCEPT_PAUSE, ANSWER_TIME, CALLER_TIME, CALLS_OPEN, CONNECTIONS, HEAD_BYTES, HEADERS,
};
use super::{Headers, HttpEvent};
use crate::certificates::server::TlsServer;

/// What to listen for.
pub struct Listen {
    /// Port on all of the station's addresses; 0 lets the system choose.
    pub port: u16,
    /// `None` = plain HTTP.
    pub tls: Option<TlsServer>,
    /// Who may call. Others are hung up on before they say a word.
    pub allowed: Allowed,
    /// Longest body of a call, bytes.
    pub max_body_bytes: usize,
}

/// Somebody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Name of the call for its answer; unique in this process.
    pub call_id: u64,
    /// Who.
    pub peer: IpAddr,
    /// For example `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// Those that are text.
    pub headers: Headers,
    /// The body. What is no UTF-8 is refused here.
    pub body: String,
}

struct Answer {
    status: u16,
    headers: Headers,
    body: String,
}

/// Names of calls go on counting over servers, so that a late answer never goes to somebody else.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

struct Shared {
    tls: Option<TlsServer>,
    allowed: Allowed,
    max_body_bytes: usize,
    events: mpsc::Sender<HttpEvent>,
    open: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>,
    calls: Semaphore,
}

/// A server that listens. Dropping it ends it, with every call.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens. Every call goes to `events`.
    ///
    /// # Errors
    /// For people: why that cannot be.
    pub async fn start(listen: Listen, events: mpsc::Sender<HttpEvent>) -> Result<Self, String> {
        if let Some(tls) = &listen.tls {
            tls.check()?;
        }
        let port = listen.port;
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is in use by another program or another adapter of this station; choose another one"
            ),
            io::ErrorKind::PermissionDenied => {
                format!("port {port} may not be used by this program; choose one above 1023")
            }
            _ => format!("port {port} cannot be listened on: {error}"),
        };
        let listener = bind(port).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let shared = Arc::new(Shared {
            tls: listen.tls,
            allowed: listen.allowed,
            max_body_bytes: listen.max_body_bytes,
            events,
            open: Mutex::new(BTreeMap::new()),
            calls: Semaphore::new(CALLS_OPEN),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self {
            port,
            shared,
            stop,
            task,
        })
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Answers a call. False: nobody waits for that any more.
    pub fn answer(&self, call_id: u64, status: u16, headers: Headers, body: String) -> bool {
        let waiting = open_calls(&self.shared).remove(&call_id);
        waiting.is_some_and(|waiting| {
            let answer = Answer {
                status,
                headers,
                body,
            };
            waiting.send(answer).is_ok()
        })
    }

    /// Stops listening. Calls that wait are answered 503.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        open_calls(&self.shared).clear();
        // A task that was cancelled with its runtime has ended too.
        let _ = self.task.await;
    }
}

fn open_calls(
    shared: &Shared,
) -> std::sync::MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answer>>> {
    shared.open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both kinds of addresses where the machine has both.
async fn bind(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
        }
        bound => bound,
    }
}

/// Resolves when the server is stopped or dropped.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    // An error says that the server was dropped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = ended(&mut stopped) => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            () = ended(&mut stopped) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!("a caller could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !shared.allowed.allows(peer) {
            tracing::warn!(%peer, "a caller was turned away: it is not on the list of allowed addresses");
            continue;
        }
        let (shared, mut stopped) = (Arc::clone(&shared), stopped.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = ended(&mut stopped) => {}
                () = serve(stream, peer, shared) => {}
            }
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, shared: Arc<Shared>) {
    let Some(tls) = &shared.tls else {
        return serve_wire(TokioIo::new(stream), peer, shared).await;
    };
    // For each caller anew: roots may have been installed, and some modes look at the caller's address.
    let acceptor = match tls.config(peer) {
        Ok(config) => TlsAcceptor::from(config),
        Err(reason) => {
            tracing::warn!(%peer, "a caller was turned away: {reason}");
            return;
        }
    };
    match timeout(CALLER_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => serve_wire(TokioIo::new(stream), peer, shared).await,
        Ok(Err(error)) => tracing::warn!(%peer, "a caller's TLS handshake failed: {error}"),
        Err(_) => tracing::warn!(%peer, "a caller did not finish its TLS handshake in time"),
    }
}

async fn serve_wire<W>(wire: W, peer: IpAddr, shared: Arc<Shared>)
where
    W: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(call(request, peer, &shared).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CALLER_TIME)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(wire, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, "a caller's connection ended: {error}");
    }
}

/// Forgets a call when its caller hangs up or its time is over.
struct Open<'a> {
    shared: &'a Shared,
    call_id: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        open_calls(self.shared).remove(&self.call_id);
    }
}

async fn call(request: Request<Incoming>, peer: IpAddr, shared: &Shared) -> Response<Full<Bytes>> {
    let Ok(_permit) = shared.calls.try_acquire() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many calls at a time");
    };
    let (head, body) = request.into_parts();
    let body = Limited::new(body, shared.max_body_bytes);
    let body = match timeout(CALLER_TIME, body.collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the body is broken"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let Ok(body) = String::from_utf8(body.into()) else {
        return plain(StatusCode::BAD_REQUEST, "the body is no UTF-8 text");
    };
    let call_id = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
    let (waiting, answer) = oneshot::channel();
    open_calls(shared).insert(call_id, waiting);
    let _open = Open { shared, call_id };
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let called = Called {
        call_id,
        peer,
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        headers,
        body,
    };
    let answered = async {
        shared.events.send(HttpEvent::Called(called)).await.ok()?;
        answer.await.ok()
    };
    match timeout(ANSWER_TIME, answered).await {
        Ok(Some(answer)) => response(answer),
        Ok(None) | Err(_) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the station does not answer now",
        ),
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// An answer that the adapter has no part in; the connection ends with it.
fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
