//! All the HTTP of one adapter: what it asks for, and what it is told.
//!
//! The adapter's thread gives commands to [`HttpPort::act`] and waits for [`HttpPort::next`] beside everything else. The
//! server outlives the instance: a new one that listens as the one before is told the addresses, and no caller is hung
//! up on.

use std::path::PathBuf;

use plugin_host::{
    BackendInput, HttpAnswer, HttpCall, HttpCommand, HttpRequest as Asked,
    HttpResponse as Answered, Listen as Wanted, Listening, ServerTls as WantedTls,
};
use station::RequestId;
use tokio::sync::mpsc;
use url::{Host, Url};

use super::limits::EVENTS;
use super::{Allowed, Called, Client, HttpEvent, HttpRequest, Listen, Server, own_addresses};
use crate::adapter::down_of;
use crate::certificates::CertificateStore;
use crate::certificates::server::{ServerTls, TlsServer};
use crate::limits::MAX_FRAME_BYTES;
use crate::net::{LinkFailure, TlsStrictness};

/// What the HTTP of an adapter needs of the station.
#[derive(Debug, Clone)]
pub struct HttpSetup {
    /// How strictly servers' certificates are checked.
    pub strictness: TlsStrictness,
    /// Certificate authorities to trust instead of the public ones; those who call are checked against them too.
    pub ca_file: Option<PathBuf>,
    /// The station's certificates.
    pub certificates: CertificateStore,
    /// HTTP proxy; hosts of the station's own network are asked without it.
    pub proxy: Option<Url>,
}

/// What came of listening.
#[derive(Debug)]
pub struct Listened {
    /// `None`: it does not listen.
    server: Option<Server>,
    wanted: Wanted,
    told: Listening,
}

/// The HTTP of one adapter.
#[derive(Debug)]
pub struct HttpPort {
    pub(super) setup: HttpSetup,
    client: Client,
    server: Option<(Wanted, Server)>,
    /// A server is being made ready; what is wanted meanwhile.
    busy: bool,
    next: Option<Wanted>,
    /// The server being made ready is not wanted any more.
    unwanted: bool,
    cut: bool,
    send: mpsc::Sender<HttpEvent>,
    events: mpsc::Receiver<HttpEvent>,
}

impl HttpPort {
    /// Nothing is asked and nobody listens yet.
    #[must_use]
    pub fn new(setup: HttpSetup) -> Self {
        let (send, events) = mpsc::channel(EVENTS);
        Self {
            setup,
            client: Client::default(),
            server: None,
            busy: false,
            next: None,
            unwanted: false,
            cut: false,
            send,
            events,
        }
    }

    /// Does what the adapter asks for, inside a tokio runtime. What comes back at once is handed to the adapter.
    #[must_use]
    pub fn act(&mut self, command: HttpCommand) -> Option<BackendInput> {
        match command {
            HttpCommand::Request(asked) => self.request(asked),
            HttpCommand::Listen(wanted) => {
                self.unwanted = false;
                if self.busy {
                    self.next = Some(wanted);
                } else {
                    self.listen(wanted);
                }
                None
            }
            HttpCommand::StopListening => {
                self.stop_listening();
                None
            }
            HttpCommand::Answer(answer) => {
                self.answer(answer);
                None
            }
        }
    }

    /// Waits for the next thing the adapter is to be told. May be given up at any time.
    pub async fn next(&mut self) -> BackendInput {
        loop {
            // It never ends: this holds a sender itself.
            let Some(event) = self.events.recv().await else {
                return std::future::pending().await;
            };
            if let Some(input) = self.input(event) {
                return input;
            }
        }
    }

    /// The line is cut, as in a simulation: no request leaves and no call arrives.
    pub fn set_cut(&mut self, cut: bool) {
        self.cut = cut;
        self.client.forget();
    }

    /// Connections that were made with other certificates are not used again.
    pub fn certificates_changed(&self) {
        self.client.forget();
    }

    /// Listens no longer; those who wait are told so.
    pub fn stop_listening(&mut self) {
        self.next = None;
        self.unwanted = self.busy;
        // Dropping it ends it.
        self.server = None;
    }

    // ---- requests ----

    fn request(&self, asked: Asked) -> Option<BackendInput> {
        let request = asked.request;
        let failed = |failure: LinkFailure, detail: String| {
            Some(BackendInput::HttpResponse(Answered {
                request,
                status: 0,
                headers: Vec::new(),
                body: String::new(),
                failure: Some(down_of(failure, detail)),
            }))
        };
        if self.cut {
            let detail = "the simulated line is cut".to_owned();
            return failed(LinkFailure::Unreachable, detail);
        }
        let url = match Url::parse(&asked.url) {
            Ok(url) => url,
            Err(error) => return failed(LinkFailure::Configuration, format!("URL: {error}")),
        };
        let proxy = self.setup.proxy.clone().filter(|_| !is_near(&url));
        let wanted = HttpRequest {
            method: asked.method,
            url,
            headers: asked.headers,
            body: asked.body,
            timeout_s: asked.timeout_s,
            strictness: self.setup.strictness,
            ca_file: self.setup.ca_file.clone(),
            certificates: Some(self.setup.certificates.clone()),
            client_certificate: false,
            proxy,
            max_body_bytes: MAX_FRAME_BYTES,
        };
        if self.client.spawn(request.0, wanted, self.send.clone()) {
            return None;
        }
        let detail = "too many requests are on their way".to_owned();
        failed(LinkFailure::Refused, detail)
    }

    // ---- the server ----

    fn listen(&mut self, wanted: Wanted) {
        self.busy = true;
        let old = self.server.take();
        let (setup, send) = (self.setup.clone(), self.send.clone());
        tokio::spawn(async move {
            let listened = listen(wanted, old, &setup, send.clone()).await;
            // The adapter may have ended; then the server ends too.
            let _ = send.send(HttpEvent::Listened(Box::new(listened))).await;
        });
    }

    fn answer(&self, answer: HttpAnswer) {
        let Some((_, server)) = &self.server else {
            return;
        };
        let HttpAnswer {
            call,
            status,
            headers,
            body,
        } = answer;
        if !server.answer(call, status, headers, body) {
            tracing::debug!("an answer came too late: nobody waits for it");
        }
    }

    fn input(&mut self, event: HttpEvent) -> Option<BackendInput> {
        match event {
            HttpEvent::Answered { request_id, result } => {
                let request = RequestId(request_id);
                Some(BackendInput::HttpResponse(match result {
                    Ok(response) => Answered {
                        request,
                        status: response.status,
                        headers: response.headers,
                        body: response.body,
                        failure: None,
                    },
                    Err(failed) => Answered {
                        request,
                        status: 0,
                        headers: Vec::new(),
                        body: String::new(),
                        failure: Some(down_of(failed.failure, failed.detail)),
                    },
                }))
            }
            HttpEvent::Called(_) if self.cut => None,
            HttpEvent::Called(called) => Some(BackendInput::HttpCall(call_of(called))),
            HttpEvent::Listened(listened) => {
                let Listened {
                    server,
                    wanted,
                    told,
                } = *listened;
                self.busy = false;
                if std::mem::take(&mut self.unwanted) {
                    return None;
                }
                self.server = server.map(|server| (wanted, server));
                match self.next.take() {
                    Some(next) => {
                        self.listen(next);
                        None
                    }
                    None => Some(BackendInput::Listening(told)),
                }
            }
        }
    }
}

fn call_of(called: Called) -> HttpCall {
    HttpCall {
        call: called.call_id,
        peer: called.peer.to_string(),
        method: called.method,
        path: called.path,
        headers: called.headers,
        body: called.body,
    }
}

/// Whether a host is of the station's own network, which no proxy leads to.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        Some(Host::Ipv6(address)) => address.is_unique_local() || address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Keeps the server if it is the one that is wanted, else makes one.
async fn listen(
    wanted: Wanted,
    old: Option<(Wanted, Server)>,
    setup: &HttpSetup,
    send: mpsc::Sender<HttpEvent>,
) -> Listened {
    let towards = wanted
        .towards
        .as_deref()
        .and_then(|url| Url::parse(url).ok());
    let kept = match old {
        Some((same, server)) if same == wanted => Some(server),
        Some((_, server)) => {
            server.stop().await;
            None
        }
        None => None,
    };
    let server = match kept {
        Some(server) => Ok(server),
        None => start(&wanted, towards.as_ref(), setup, send).await,
    };
    let addresses = own_addresses(towards.as_ref()).await;
    let (port, detail) = match &server {
        Ok(server) => (server.port(), String::new()),
        Err(detail) => (0, detail.clone()),
    };
    Listened {
        server: server.ok(),
        wanted,
        told: Listening {
            port,
            addresses: addresses.iter().map(ToString::to_string).collect(),
            detail,
        },
    }
}

async fn start(
    wanted: &Wanted,
    towards: Option<&Url>,
    setup: &HttpSetup,
    send: mpsc::Sender<HttpEvent>,
) -> Result<Server, String> {
    let mode = match wanted.tls {
        WantedTls::None => ServerTls::None,
        WantedTls::EncryptOnly => ServerTls::EncryptOnly,
        WantedTls::ExpiredAndAnyHost => ServerTls::ExpiredAndAnyHost,
        WantedTls::AnyHost => ServerTls::AnyHost,
        WantedTls::Expired => ServerTls::Expired,
        WantedTls::Normal => ServerTls::Normal,
    };
    let backend_host = towards.and_then(Url::host_str).map(str::to_owned);
    let listen = Listen {
        port: wanted.port,
        tls: TlsServer::new(mode, setup.certificates.clone(), backend_host)
            .map(|server| server.trusting(setup.ca_file.clone())),
        allowed: Allowed::read(wanted.allowed.iter().map(String::as_str))?,
        max_body_bytes: MAX_FRAME_BYTES,
    };
    Server::start(listen, send).await
}
