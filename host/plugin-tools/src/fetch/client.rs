//! HTTP with this program's rules: certificates checked, no way from HTTPS to HTTP, bounded time, bounded answers.
//!
//! `ureq` rather than `reqwest` or `oci-client`: it blocks, so no async runtime comes with it (three packages that the
//! workspace had not; `oci-client` is 186 in all), its rustls with ring is the workspace's, and a layer can be asked for
//! from any byte on and answered by whoever holds it, so a transfer that broke in another run of the program goes on.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use url::Url;

use super::limits::{MAX_LOCAL_FILE_BYTES, MAX_REDIRECTS, REQUEST_SILENCES};
use super::source::{check_scheme, is_loopback};

/// Why something did not arrive.
#[derive(Debug)]
pub enum Failure {
    /// It may arrive at the next try.
    Broken(Error),
    /// It will not.
    Final(Error),
}

impl Failure {
    /// The reason.
    #[must_use]
    pub fn into_error(self) -> Error {
        match self {
            Self::Broken(error) | Self::Final(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers that go wherever a redirect leads.
    pub headers: Vec<(&'static str, String)>,
    /// `Authorization`, which goes to this URL's host and port only.
    pub authorization: Option<String>,
    /// What to send along.
    pub body: Option<Vec<u8>>,
}

impl Ask {
    /// Asks for a URL.
    #[must_use]
    pub fn get(url: &Url) -> Self {
        Self {
            method: Method::GET,
            url: url.clone(),
            headers: Vec::new(),
            authorization: None,
            body: None,
        }
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
    /// Where it came from in the end.
    pub url: Url,
}

impl Answer {
    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The whole body, if it is no longer than `max` bytes.
    ///
    /// # Errors
    /// It is longer, or breaks off.
    pub fn whole(mut self, max: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let mut reader = self.body.as_reader().take(max + 1);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| broken(&self.url, error.into()))?;
        if bytes.len() as u64 > max {
            return Err(Failure::Final(anyhow!(
                "{}: the answer is larger than {max} bytes, which is the most that is taken",
                self.url
            )));
        }
        Ok(bytes)
    }
}

/// Makes requests.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    /// For this very machine: never through a proxy.
    direct: Agent,
    own_roots: bool,
}

impl Client {
    /// A client that trusts the usual certificate authorities and those of `ca`, and waits so long for a silent server.
    ///
    /// # Errors
    /// The file has no certificates.
    pub fn new(ca: Option<&Path>, silence: Duration) -> Result<Self> {
        let roots = match ca {
            Some(path) => RootCerts::new_with_certs(&roots_and(path)?),
            None => RootCerts::WebPki,
        };
        let build = || {
            Agent::config_builder()
                .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
                .http_status_as_error(false)
                // Followed here, because of the rules.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(concat!("pilotwire-plugin/", env!("CARGO_PKG_VERSION")))
                .timeout_global(Some(silence.saturating_mul(REQUEST_SILENCES)))
                .timeout_connect(Some(silence))
                .timeout_recv_response(Some(silence))
                .timeout_per_read(Some(silence))
                .timeout_per_write(Some(silence))
        };
        Ok(Self {
            agent: build().build().into(),
            direct: build().proxy(None).build().into(),
            own_roots: ca.is_some(),
        })
    }

    /// Whether somebody gave root certificates: then even this very machine is asked over HTTPS.
    #[must_use]
    pub fn has_own_roots(&self) -> bool {
        self.own_roots
    }

    /// Sends a request; follows redirects of GET and HEAD.
    ///
    /// # Errors
    /// No answer, or a redirect against the rules. Any status is an answer.
    pub fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut url = ask.url.clone();
        check_scheme(&url)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(ask, &url)?;
            let status = response.status();
            let follow = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
                && matches!(ask.method, Method::GET | Method::HEAD);
            if !follow {
                let (parts, body) = response.into_parts();
                return Ok(Answer {
                    status,
                    headers: parts.headers,
                    body,
                    url,
                });
            }
            url = redirected(&url, &response)?;
        }
        Err(Failure::Final(anyhow!(
            "{} redirects more than {MAX_REDIRECTS} times; give the URL where the file really is",
            ask.url
        )))
    }

    fn once(&self, ask: &Ask, url: &Url) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(url.as_str())
            // A compressed answer has other bytes, and no byte to go on from.
            .header("Accept-Encoding", "identity");
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(value) = ask
            .authorization
            .as_ref()
            .filter(|_| same_origin(&ask.url, url))
        {
            request = request.header("Authorization", value);
        }
        let agent = if is_loopback(url) {
            &self.direct
        } else {
            &self.agent
        };
        let unsendable = |error: ureq::http::Error| Failure::Final(error.into());
        let answer = match &ask.body {
            Some(body) => agent.run(request.body(body.as_slice()).map_err(unsendable)?),
            None => agent.run(request.body(()).map_err(unsendable)?),
        };
        answer.map_err(|error| broken(url, error))
    }
}

/// Whether two URLs lead to the same server.
#[must_use]
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// What a status that is no success means.
#[must_use]
pub fn refusal(url: &Url, status: StatusCode) -> Failure {
    let text = match status.as_u16() {
        401 | 403 => format!("{url}: the server wants a login, or this one may not ({status})"),
        404 | 410 => format!("{url}: there is no such file ({status}); check the source"),
        408 | 429 | 500..=599 => {
            return Failure::Broken(anyhow!("{url}: the server cannot answer now ({status})"));
        }
        _ => format!("{url}: the server answered {status}"),
    };
    Failure::Final(anyhow!(text))
}

fn redirected(from: &Url, response: &Response<Body>) -> Result<Url, Failure> {
    let location = response.headers().get("location");
    let to = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .with_context(|| format!("{from} redirects to nowhere; tell whoever runs the server"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Failure::Final(anyhow!(
            "{from} redirects to {to}, which is not encrypted; that is not followed: give an https:// URL that stays so"
        )));
    }
    check_scheme(&to).with_context(|| format!("{from} redirects elsewhere"))?;
    Ok(to)
}

/// What an error of the connection means for whoever reads it.
pub fn broken(url: &Url, error: ureq::Error) -> Failure {
    let host = url.host_str().unwrap_or_default();
    match error {
        ureq::Error::Io(error) => match tls_error(&error) {
            Some(reason) => untrusted(host, reason),
            None if error.kind() == ErrorKind::UnexpectedEof => {
                Failure::Broken(anyhow!("{url}: the connection broke ({error})"))
            }
            None => Failure::Broken(anyhow!(
                "{url}: no connection ({error}); check the source and the network"
            )),
        },
        ureq::Error::Rustls(reason) => untrusted(host, &reason),
        ureq::Error::Timeout(_) => Failure::Broken(anyhow!(
            "{url}: the server takes too long; --timeout SECONDS waits longer"
        )),
        ureq::Error::HostNotFound => Failure::Broken(anyhow!(
            "{host} is not found; check the source and the network"
        )),
        ureq::Error::ConnectionFailed => {
            Failure::Broken(anyhow!("{host} cannot be reached; check the network"))
        }
        other => Failure::Broken(anyhow!("{url}: {other}")),
    }
}

fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn untrusted(host: &str, reason: &rustls::Error) -> Failure {
    Failure::Final(match reason {
        rustls::Error::InvalidCertificate(reason) => anyhow!(
            "the certificate of {host} is not trusted ({reason}); if it is of your own certificate authority, give \
             that one's certificate with --ca FILE"
        ),
        other => anyhow!("{host} speaks no TLS that can be trusted ({other})"),
    })
}

/// The usual roots, and those of a PEM file.
fn roots_and(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = read_bounded(path)?;
    let mut own = Vec::new();
    for item in parse_pem(&pem) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            own.push(certificate);
        }
    }
    if own.is_empty() {
        bail!("{} has no certificate in PEM form", path.display());
    }
    let usual = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    own.extend(usual.map(|root| Certificate::from_der(root).to_owned()));
    Ok(own)
}

/// A small local file.
///
/// # Errors
/// It is not there, or not small.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(unreadable)?
        .take(MAX_LOCAL_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(unreadable)?;
    if bytes.len() as u64 > MAX_LOCAL_FILE_BYTES {
        bail!(
            "{} is larger than {MAX_LOCAL_FILE_BYTES} bytes",
            path.display()
        );
    }
    Ok(bytes)
}
