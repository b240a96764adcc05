//! GET and PUT, with ranges, redirects and a bound on everything.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Either, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
    TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::content_range::ContentRange;
use super::limits::{CHUNK_BYTES, HTTP_HEAD_BYTES, MAX_REDIRECTS};
use super::partial::{Partial, Version};
use super::place::{Place, Scheme};
use super::transfer::{Failure, Line};
use crate::net::connect::{self, Way};

type Outgoing = Either<Empty<Bytes>, FileBody>;

/// An answer, and the connection that it still comes from.
struct Exchange {
    response: Response<Incoming>,
    _connection: Connection,
}

/// The task that drives a connection; it ends with the exchange.
struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Fetches a file, from where an earlier attempt ended if the server still has the same.
pub async fn download(
    line: &Line<'_>,
    place: &Place,
    partial: &mut Partial,
) -> Result<(), Failure> {
    let mut place = place.clone();
    for _ in 0..=MAX_REDIRECTS {
        let resume = resume(partial);
        let headers = resume.as_ref().map(|(_, headers)| headers.clone());
        let body = Either::Left(Empty::new());
        let exchange = ask(line, &place, Method::GET, headers.unwrap_or_default(), body).await?;
        let from = resume.map(|(from, _)| from);
        let headers = exchange.response.headers();
        match exchange.response.status() {
            StatusCode::OK => {
                partial.begin(version(headers))?;
                return receive(line, &place, exchange, partial).await;
            }
            StatusCode::PARTIAL_CONTENT => {
                check_range(headers, from, partial)?;
                return receive(line, &place, exchange, partial).await;
            }
            // The rest that we asked for is not there: the file has changed. From the beginning, at once.
            StatusCode::RANGE_NOT_SATISFIABLE if from.is_some() => {
                partial.begin(Version::default())?;
            }
            status if status.is_redirection() => place = redirected(line, &place, headers, status)?,
            status => return Err(refused(status)),
        }
    }
    Err(too_many())
}

/// Brings a file to its place.
pub async fn upload(line: &Line<'_>, place: &Place, file: &Path) -> Result<(), Failure> {
    let mut place = place.clone();
    for _ in 0..=MAX_REDIRECTS {
        let body = FileBody::open(file)?;
        let (moved, total) = (Arc::clone(&body.moved), body.left);
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        // hyper says nothing of an empty body, and servers wait for one.
        headers.insert(CONTENT_LENGTH, HeaderValue::from(total));
        line.progress.at(0, total, &place);
        let here = place.clone();
        let asked = ask(line, &here, Method::PUT, headers, Either::Right(body));
        let mut asked = std::pin::pin!(asked);
        // What hyper takes of the file is how far the upload is.
        let exchange = loop {
            let glance = line.settings.stall / 8;
            match tokio::time::timeout(glance, &mut asked).await {
                Ok(exchange) => break exchange?,
                Err(_) => line.progress.at(moved.load(Relaxed), total, &here),
            }
        };
        let status = exchange.response.status();
        match status {
            status if status.is_success() => return Ok(()),
            StatusCode::SEE_OTHER => return Err(refused(status)),
            status if status.is_redirection() => {
                place = redirected(line, &place, exchange.response.headers(), status)?;
            }
            status => return Err(refused(status)),
        }
    }
    Err(too_many())
}

/// From which byte on to ask, and with which headers.
fn resume(partial: &Partial) -> Option<(u64, HeaderMap)> {
    let from = partial.length();
    let version = partial.version();
    let proof = version.etag.as_deref().or(version.modified.as_deref())?;
    let proof = HeaderValue::from_str(proof).ok()?;
    let range = HeaderValue::from_str(&format!("bytes={from}-")).ok()?;
    (from > 0).then(|| {
        (
            from,
            HeaderMap::from_iter([(RANGE, range), (IF_RANGE, proof)]),
        )
    })
}

async fn ask(
    line: &Line<'_>,
    place: &Place,
    method: Method,
    headers: HeaderMap,
    body: Outgoing,
) -> Result<Exchange, Failure> {
    let settings = line.settings;
    let way = Way {
        strictness: settings.strictness,
        ca_file: settings.ca_file.as_deref(),
        certificates: settings.certificates.as_ref(),
        client_certificate: false,
        proxy: settings.proxy.as_ref(),
    };
    let opened = async {
        let opened = connect::open(place.url(), ["http", "https"], &way).await;
        opened.map_err(|failed| Failure::Again(failed.1.replace("the backend", "the server")))
    };
    let wire = line.within("connecting", opened).await?;
    let request = request(place, method, headers, body)?;
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HTTP_HEAD_BYTES)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| broken(&error))?;
        let connection = Connection(tokio::spawn(async move {
            // How it ended is told to whoever waits for the answer.
            let _ended = connection.await;
        }));
        let response = sender.send_request(request).await;
        Ok(Exchange {
            response: response.map_err(|error| broken(&error))?,
            _connection: connection,
        })
    };
    line.while_moving("waiting for the answer", exchange).await
}

fn request(
    place: &Place,
    method: Method,
    headers: HeaderMap,
    body: Outgoing,
) -> Result<Request<Outgoing>, Failure> {
    let wrong = || Failure::Final("the URL cannot be asked for; check its characters".to_owned());
    let url = place.url();
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .body(body)
        .map_err(|_| wrong())?;
    let own = request.headers_mut();
    *own = headers;
    own.insert(HOST, HeaderValue::from_str(&host).map_err(|_| wrong())?);
    own.insert(USER_AGENT, HeaderValue::from_static("pilotwire"));
    own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some((user, password)) = place.login() {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| wrong())?;
        value.set_sensitive(true);
        own.insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// Where the server sends us, if we may go there.
fn redirected(
    line: &Line<'_>,
    place: &Place,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Place, Failure> {
    let location = text(headers, LOCATION)
        .ok_or_else(|| Failure::Again(format!("the server answered {status} without a place")))?;
    let next = place.redirected(&location).ok_or_else(|| {
        Failure::Final("the server sends us to what is no URL of http or https".to_owned())
    })?;
    let shown = next.shown();
    if !matches!(next.scheme(), Scheme::Http | Scheme::Https)
        || !place.scheme().may_redirect_to(next.scheme())
    {
        return Err(Failure::Final(format!(
            "the server sends us to {shown}, which is another protocol or not secured; have the backend name that URL itself"
        )));
    }
    if !(line.allowed)(shown) {
        return Err(Failure::Final(format!(
            "the server sends us to {shown}, which `net.transfer` does not grant"
        )));
    }
    tracing::info!(from = place.shown(), to = shown, "redirected");
    Ok(next)
}

/// Which version of the file an answer carries.
fn version(headers: &HeaderMap) -> Version {
    Version {
        // A weak tag says "about the same", which is not enough for parts of one file.
        etag: text(headers, ETAG).filter(|tag| tag.starts_with('"')),
        modified: text(headers, LAST_MODIFIED),
        total: text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok()),
    }
}

/// The part must be the one that is missing, of the version that we have.
fn check_range(
    headers: &HeaderMap,
    from: Option<u64>,
    partial: &mut Partial,
) -> Result<(), Failure> {
    let range = text(headers, CONTENT_RANGE).and_then(|text| ContentRange::parse(&text));
    let answered = version(headers);
    let known = partial.version();
    let good = match (&range, from) {
        (Some(range), Some(from)) => {
            let to_the_end = range.total.is_none_or(|total| range.last + 1 == total);
            let total = range.total.or(known.total);
            range.first == from && to_the_end && (known.total.is_none() || total == known.total)
        }
        _ => false,
    };
    let same = answered.etag.is_none() || answered.etag == known.etag;
    if !good || !same {
        partial.begin(Version::default())?;
        return Err(Failure::Again(
            "the server sent another part of the file than asked for".to_owned(),
        ));
    }
    if let Some(ContentRange { last, .. }) = range {
        partial.set_total(last + 1)?;
    }
    Ok(())
}

async fn receive(
    line: &Line<'_>,
    place: &Place,
    exchange: Exchange,
    partial: &mut Partial,
) -> Result<(), Failure> {
    let Exchange {
        response,
        _connection,
    } = exchange;
    let headers = response.headers();
    if let Some(coding) = text(headers, CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(Failure::Final(format!(
            "the server sends the file packed ({coding}), which was not asked for"
        )));
    }
    // Otherwise nobody could tell the end of the file from the end of the connection.
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(Failure::Again(
            "the server does not say how long the file is".to_owned(),
        ));
    }
    let mut body = response.into_body();
    let total = partial.version().total.unwrap_or(0);
    line.progress.at(partial.length(), total, place);
    loop {
        let frame = async {
            body.frame()
                .await
                .transpose()
                .map_err(|error| broken(&error))
        };
        let Some(frame) = line.within("receiving", frame).await? else {
            return Ok(());
        };
        if let Ok(data) = frame.into_data() {
            partial.append(&data)?;
            line.progress.at(partial.length(), total, place);
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= super::limits::MAX_URL_BYTES).then(|| value.trim().to_owned())
}

fn refused(status: StatusCode) -> Failure {
    let advice = match status.as_u16() {
        401 | 403 | 407 => "; check user and password in the URL",
        404 | 410 => "; check the URL's path",
        405 | 501 => "; does this server take PUT?",
        413 => "; the file is too large for the server",
        507 => "; the server's disk is full",
        _ => "",
    };
    Failure::Again(format!("the server answered {status}{advice}"))
}

fn too_many() -> Failure {
    Failure::Final(format!(
        "the server sends us from place to place, more than {MAX_REDIRECTS} times"
    ))
}

fn broken(error: &hyper::Error) -> Failure {
    if error.is_parse() || error.is_parse_too_large() {
        return Failure::Again(format!("this is no proper HTTP: {error}"));
    }
    Failure::Again(format!("the connection broke ({error})"))
}

/// A file as the body of a request, with its length known before.
struct FileBody {
    file: File,
    left: u64,
    moved: Arc<AtomicU64>,
}

impl FileBody {
    fn open(path: &Path) -> Result<Self, Failure> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (left, file) = opened.map_err(|error| {
            Failure::Final(format!("what is to be sent cannot be read: {error}"))
        })?;
        Ok(Self {
            file,
            left,
            moved: Arc::default(),
        })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        // A short read of a local file, on this job's own thread.
        let read = match self.file.read(&mut chunk) {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        Poll::Ready(Some(read.map(|count| {
            chunk.truncate(count);
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            if count > self.left {
                chunk.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            }
            self.left = self.left.saturating_sub(count);
            self.moved.fetch_add(count, Relaxed);
            Frame::data(Bytes::from(chunk))
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
