//! The edge towards OCPP-S: frames of the state machine become HTTP requests, answers and calls become frames.
//!
//! A link is a state of mind here: it is up when the station's server stands, its address is known, and nothing speaks
//! against the backend being there. A request without an answer takes it down; after that a heartbeat has to be answered
//! before it is up again, so that nobody counts on a backend that is gone.
//!
//! ```text
//!  connect ─▶ Listening ─▶ (AskingRouter) ─▶ (Probing) ─▶ Up ──request without answer──▶ Down
//! ```

use std::collections::{BTreeMap, VecDeque};

use ocpp::rpc::{CallError, ErrorCode, Frame, MessageId};
use ocpp::soap::{Addressing, Codec, FaultCode, ReadError, Service, SoapFault, Trouble};
use ocpp::v16::{
    Action, ChangeConfigurationResponse, ConfigurationStatus, HeartbeatRequest, Request, Response,
    decode_request, decode_response,
};
use serde_json::json;
use units::{Instant, Millis};

use super::address::{self, PublicAddress};
use super::limits::{
    CALL_WAIT_S, CALLS_OPEN, ENVELOPE_BYTES, LISTEN_WAIT_S, REQUEST_EARLIER_S, REQUEST_WAIT_MAX_S,
    REQUESTS_FROM, ROUTER_RETRY_S,
};
use super::settings::{AddressMode, SoapSettings};
use crate::backend::{
    HttpAnswer, HttpCall, HttpRequest, HttpResponse, LinkDown, LinkFailure, LinkUp, ListenRequest,
    Listening,
};
use crate::{Level, log};

/// What comes out of the transport, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Out {
    /// Ask the host for a request.
    Request(HttpRequest),
    /// Ask the host to listen, or to say the addresses again.
    Listen(ListenRequest),
    /// Answer a call.
    Answer(HttpAnswer),
    /// Tell the state machine that the link is up.
    Up(LinkUp),
    /// Tell it that the link is down.
    Down(LinkDown),
    /// Hand it a frame.
    Frame(String),
    /// The backend should learn of a new address now.
    NewAddress,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Flight {
    /// A call of the state machine.
    Call { id: MessageId, action: Action },
    /// Is the backend there?
    Probe,
    /// A token of the router.
    Login,
    /// Its interfaces.
    Interfaces,
}

/// A call of the backend that waits for the state machine.
#[derive(Debug)]
struct Open {
    call_id: u64,
    action: Action,
    answer: Addressing,
    due: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Down,
    Listening { until: Instant },
    AskingRouter,
    Probing,
    Up,
}

/// What the state machine knows when it wants a link.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// The header with the password, if there is one.
    pub authorization: Option<String>,
    /// Seconds to wait for an answer.
    pub timeout_s: u32,
    /// Id of a heartbeat, if one may be sent now.
    pub probe: Option<MessageId>,
}

/// The transport.
#[derive(Debug)]
pub(super) struct Transport {
    settings: SoapSettings,
    identity: String,
    wish: Wish,
    stage: Stage,
    /// A request had no answer; the backend has to show itself.
    doubt: bool,
    port: u32,
    public: PublicAddress,
    /// The address that the backend was told last.
    told: Option<String>,
    refresh_at: Option<Instant>,
    router_asked: bool,
    flights: BTreeMap<u64, Flight>,
    open: BTreeMap<String, Open>,
    next_request: u64,
    out: VecDeque<Out>,
}

impl Transport {
    /// Nothing is asked for yet.
    pub fn new(settings: SoapSettings, identity: &str, now: Instant) -> Self {
        Self {
            settings,
            identity: identity.to_owned(),
            wish: Wish {
                authorization: None,
                timeout_s: 60,
                probe: None,
            },
            stage: Stage::Down,
            doubt: false,
            port: 0,
            public: PublicAddress::default(),
            told: None,
            refresh_at: None,
            router_asked: false,
            flights: BTreeMap::new(),
            open: BTreeMap::new(),
            // An answer to an earlier instance's request must not be taken for one of ours.
            next_request: REQUESTS_FROM.saturating_add(now.as_millis() << 16),
            out: VecDeque::new(),
        }
    }

    /// What comes out next.
    pub fn poll(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    /// When it wants to be woken.
    pub fn next_due(&self) -> Option<Instant> {
        let listen = match self.stage {
            Stage::Listening { until } => Some(until),
            _ => None,
        };
        let open = self.open.values().map(|open| open.due).min();
        [listen, open, self.refresh_at].into_iter().flatten().min()
    }

    /// Settings that made no sense, for people.
    pub fn complaint(&self) -> Option<&str> {
        self.settings.complaint.as_deref()
    }

    const fn codec(&self, service: Service) -> Codec {
        Codec::new(self.settings.version, service)
    }

    fn request_id(&mut self) -> u64 {
        self.next_request = self.next_request.saturating_add(1);
        self.next_request
    }

    // ---- the link ----

    /// The state machine wants a link.
    pub fn connect(&mut self, now: Instant, wish: Wish) {
        self.flights.clear();
        self.wish = wish;
        if self.settings.url.is_empty() {
            let detail = "the URL of the backend is missing; set the adapter's `url`".to_owned();
            return self.down(LinkFailure::Refused, detail);
        }
        let until = now.after(Millis::from_secs(LISTEN_WAIT_S));
        self.stage = Stage::Listening { until };
        self.listen();
    }

    fn listen(&mut self) {
        self.out.push_back(Out::Listen(ListenRequest {
            port: self.settings.port,
            tls: self.settings.tls,
            allowed: self.settings.allowed.clone(),
            towards: Some(self.settings.url.clone()),
        }));
    }

    /// The state machine wants the link closed.
    pub fn disconnect(&mut self, reason: String) {
        self.down(LinkFailure::Closed, reason);
        // It was no fault of the backend's.
        self.doubt = false;
    }

    fn down(&mut self, failure: LinkFailure, detail: String) {
        self.stage = Stage::Down;
        self.flights.clear();
        self.router_asked = false;
        let open = std::mem::take(&mut self.open);
        for open in open.into_values() {
            self.refuse(open, "the station has lost its connection; ask again");
        }
        self.out.push_back(Out::Down(LinkDown { failure, detail }));
    }

    fn is_down(&self) -> bool {
        self.stage == Stage::Down
    }

    /// The host says whether it listens, and where.
    pub fn listening(&mut self, now: Instant, listening: Listening) {
        if listening.port == 0 {
            if !self.is_down() {
                self.doubt = false;
                let detail = format!("nobody can call the station: {}", listening.detail);
                self.down(LinkFailure::Refused, detail);
            }
            return;
        }
        self.port = listening.port;
        self.public.set_own(listening.addresses);
        self.refresh_at = Some(now.after(Millis::from_secs(u64::from(self.settings.refresh_s))));
        if self.settings.mode == AddressMode::Teltonika {
            self.ask_router();
        }
        match self.stage {
            Stage::Listening { .. } if self.router_asked => self.stage = Stage::AskingRouter,
            Stage::Listening { .. } => self.address_known(),
            Stage::Up => self.address_changed(),
            Stage::Down | Stage::AskingRouter | Stage::Probing => {}
        }
    }

    /// All is there but, perhaps, the backend.
    fn address_known(&mut self) {
        match self.wish.probe.take().filter(|_| self.doubt) {
            Some(id) => {
                self.stage = Stage::Probing;
                let sent = self.request(&id, &Request::from(HeartbeatRequest {}), Flight::Probe);
                if !sent {
                    self.up();
                }
            }
            None => self.up(),
        }
    }

    fn up(&mut self) {
        self.stage = Stage::Up;
        self.told = self.callback();
        let told = self.told.as_deref().unwrap_or("nowhere");
        log(Level::Info, &format!("the backend can call at {told}"));
        self.out.push_back(Out::Up(LinkUp {
            subprotocol: None,
            secure: self.settings.url.starts_with("https"),
        }));
    }

    /// The backend answered, whatever it said.
    fn answered(&mut self) {
        self.doubt = false;
        if self.stage == Stage::Probing {
            self.up();
        }
    }

    // ---- the own address ----

    fn callback(&self) -> Option<String> {
        self.public.url(&self.settings, self.port)
    }

    fn address_changed(&mut self) {
        let callback = self.callback();
        if callback != self.told {
            let shown = callback.as_deref().unwrap_or("nowhere");
            log(Level::Info, &format!("the backend can now call at {shown}"));
            self.told = callback;
            self.out.push_back(Out::NewAddress);
        }
    }

    fn ask_router(&mut self) {
        if self.router_asked {
            return;
        }
        self.router_asked = true;
        let request_id = self.request_id();
        self.flights.insert(request_id, Flight::Login);
        let request = address::login(&self.settings, request_id);
        self.out.push_back(Out::Request(request));
    }

    fn router_answered(&mut self, now: Instant, response: &HttpResponse) {
        match address::token(response) {
            Ok(token) => {
                let request_id = self.request_id();
                self.flights.insert(request_id, Flight::Interfaces);
                let request = address::interfaces(&self.settings, &token, request_id);
                self.out.push_back(Out::Request(request));
            }
            Err(why) => self.router_done(now, Err(why)),
        }
    }

    fn router_done(&mut self, now: Instant, outside: Result<String, String>) {
        self.router_asked = false;
        match outside {
            Ok(address) => self.public.set_router(address),
            Err(why) => {
                log(
                    Level::Warn,
                    &format!("the router does not say the address of the station: {why}"),
                );
                let wait = u64::from(self.settings.refresh_s).min(ROUTER_RETRY_S);
                self.refresh_at = Some(now.after(Millis::from_secs(wait)));
            }
        }
        match self.stage {
            Stage::AskingRouter => self.address_known(),
            Stage::Up => self.address_changed(),
            _ => {}
        }
    }

    // ---- requests ----

    /// A frame of the state machine: a call of ours, or the answer to one of the backend's.
    pub fn send(&mut self, text: &str) {
        match Frame::parse(text) {
            Ok(Frame::Call {
                id,
                action,
                payload,
            }) => match decode_request(&action, &payload) {
                Ok(request) => self.call(&id, &request),
                Err(error) => self.answer_ourselves(&id, error),
            },
            Ok(Frame::CallResult { id, payload }) => self.result(&id, &payload),
            Ok(Frame::CallError { id, error }) => {
                if let Some(open) = self.open.remove(id.as_str()) {
                    let fault = SoapFault::from(&error);
                    self.fault(open.call_id, &open.answer, &fault);
                }
            }
            Err(error) => log(Level::Error, &format!("a frame of our own: {error}")),
        }
    }

    fn call(&mut self, id: &MessageId, request: &Request) {
        if self.stage != Stage::Up {
            log(Level::Warn, "a call is left out: there is no link");
            return;
        }
        let action = request.action();
        let id = id.clone();
        let flight = Flight::Call {
            id: id.clone(),
            action,
        };
        if !self.request(&id, request, flight) {
            let what = format!("{action} is nothing that this version of OCPP-S can say");
            if hears_nothing(action) {
                log(Level::Info, &format!("{what}: left out"));
                let text = Frame::result(id, json!({})).to_text();
                self.out.push_back(Out::Frame(text));
            } else {
                let error = CallError::new(ErrorCode::NotSupported, what);
                self.answer_ourselves(&id, error);
            }
        }
    }

    fn answer_ourselves(&mut self, id: &MessageId, error: CallError) {
        let text = Frame::error(id.clone(), error).to_text();
        self.out.push_back(Out::Frame(text));
    }

    /// Sends a request; false if this version has no words for it.
    fn request(&mut self, id: &MessageId, request: &Request, flight: Flight) -> bool {
        let action = request.action();
        let url = self.settings.url.clone();
        let headers = Addressing {
            from: self.callback(),
            ..Addressing::request(format!("urn:pilotwire:{id}"), &self.identity, &url, "")
        };
        let codec = self.codec(Service::CentralSystem);
        let Ok(body) = codec.write_request(&headers, request) else {
            return false;
        };
        let mut headers = vec![("Content-Type".to_owned(), Codec::content_type(action))];
        if let Some(value) = &self.wish.authorization {
            headers.push(("Authorization".to_owned(), value.clone()));
        }
        let request_id = self.request_id();
        self.flights.insert(request_id, flight);
        self.out.push_back(Out::Request(HttpRequest {
            request_id,
            method: "POST".to_owned(),
            url,
            headers,
            body,
            timeout_s: self
                .wish
                .timeout_s
                .saturating_sub(REQUEST_EARLIER_S)
                .clamp(1, REQUEST_WAIT_MAX_S),
        }));
        true
    }

    /// The end of a request.
    pub fn response(&mut self, now: Instant, response: &HttpResponse) {
        // One that was given up, or of an earlier instance.
        let Some(flight) = self.flights.remove(&response.request_id) else {
            return;
        };
        match flight {
            Flight::Login => self.router_answered(now, response),
            Flight::Interfaces => self.router_done(now, address::outside(response)),
            Flight::Probe => {
                if self.take(Action::Heartbeat, response).is_some() {
                    self.answered();
                }
            }
            Flight::Call { id, action } => {
                if let Some(outcome) = self.take(action, response) {
                    self.answered();
                    let frame = match outcome {
                        Ok(payload) => Frame::result(id, payload),
                        Err(error) => Frame::error(id, error),
                    };
                    self.out.push_back(Out::Frame(frame.to_text()));
                }
            }
        }
    }

    /// What the backend says; `None` if nobody there speaks OCPP-S: then the link is down.
    fn take(
        &mut self,
        action: Action,
        response: &HttpResponse,
    ) -> Option<Result<serde_json::Value, CallError>> {
        if response.status == 0 {
            self.doubt = true;
            let (failure, detail) = match &response.failure {
                Some(down) => (down.failure, down.detail.clone()),
                None => (LinkFailure::Network, "no answer".to_owned()),
            };
            self.down(failure, detail);
            return None;
        }
        let codec = self.codec(Service::CentralSystem);
        let fits = response.body.len() <= ENVELOPE_BYTES;
        match fits.then(|| codec.read_response(action, response.body.as_bytes())) {
            Some(Ok(answer)) => {
                if !answer.notes.is_empty() {
                    log(
                        Level::Info,
                        &format!("answer to {action}: {}", answer.notes),
                    );
                }
                Some(match answer.outcome {
                    Ok(answer) => Ok(answer.to_payload()),
                    Err(fault) => Err(fault.to_call_error()),
                })
            }
            // An envelope that cannot be read, or a service that breaks on this message: that counts as refused, so that
            // it is not for ever. A page of something in between does not.
            Some(Err(error)) if response.status == 500 || is_envelope(&error) => {
                let what = format!("HTTP {}, {error}", response.status);
                Some(Err(CallError::new(ErrorCode::FormationViolation, what)))
            }
            Some(Err(_)) | None => {
                self.doubt = true;
                let (failure, detail) = status_words(response.status);
                self.down(failure, detail);
                None
            }
        }
    }

    /// Whether a number is of a request of the transport, not of the state machine.
    #[allow(clippy::unused_self, reason = "a question to the transport")]
    pub const fn owns(&self, request_id: u64) -> bool {
        request_id >= REQUESTS_FROM
    }

    /// The host refused a request.
    pub fn refused(&mut self, now: Instant, request_id: u64, detail: &str) {
        let failure = LinkDown {
            failure: LinkFailure::Denied,
            detail: detail.to_owned(),
        };
        let response = HttpResponse {
            request_id,
            status: 0,
            headers: Vec::new(),
            body: String::new(),
            failure: Some(failure),
        };
        self.response(now, &response);
    }

    // ---- calls of the backend ----

    /// Somebody calls. `rejected`: the backend does not take the station, which is silent therefore.
    pub fn called(&mut self, now: Instant, call: &HttpCall, rejected: bool) {
        if call.method != "POST" {
            let allow = vec![("Allow".to_owned(), "POST".to_owned())];
            return self.out.push_back(Out::Answer(HttpAnswer {
                call_id: call.call_id,
                status: 405,
                headers: allow,
                body: String::new(),
            }));
        }
        if call.body.len() > ENVELOPE_BYTES {
            let detail = format!("at most {ENVELOPE_BYTES} bytes are read");
            let fault = SoapFault::new(FaultCode::ProtocolError, detail);
            return self.fault(call.call_id, &Addressing::default(), &fault);
        }
        let codec = self.codec(Service::ChargePoint);
        let received = match codec.read_request(call.body.as_bytes()) {
            Ok(received) => received,
            Err(error) => {
                log(Level::Warn, &format!("a call of {}: {error}", call.peer));
                let fault = error.to_fault();
                return self.fault(call.call_id, &error.addressing.answer(), &fault);
            }
        };
        let answer = received.addressing.answer();
        if let Some(other) = &received.addressing.charge_box_identity
            && *other != self.identity
        {
            let reason = "this is another charge point";
            log(Level::Warn, &format!("a call of {}: {reason}", call.peer));
            let fault = SoapFault::new(FaultCode::IdentityMismatch, reason);
            return self.fault(call.call_id, &answer, &fault);
        }
        let action = received.request.action();
        if is_security_profile(&received.request) {
            return self.no_security_profile(call.call_id, &answer);
        }
        let refused = if rejected {
            Some("the central system has not accepted this charge point")
        } else if self.open.len() >= CALLS_OPEN {
            Some("too many calls wait for an answer; ask again")
        } else {
            None
        };
        if let Some(reason) = refused {
            let fault = SoapFault::new(FaultCode::InternalError, reason);
            return self.fault(call.call_id, &answer, &fault);
        }
        if !received.notes.is_empty() {
            log(Level::Info, &format!("{action}: {}", received.notes));
        }
        let Some(id) = MessageId::new(format!("http-{}", call.call_id)) else {
            return;
        };
        let open = Open {
            call_id: call.call_id,
            action,
            answer,
            due: now.after(Millis::from_secs(CALL_WAIT_S)),
        };
        self.open.insert(id.as_str().to_owned(), open);
        let frame = Frame::call(id, action.as_str(), received.request.to_payload());
        self.out.push_back(Out::Frame(frame.to_text()));
    }

    /// Profiles are of connections that last; here TLS and password are settings.
    fn no_security_profile(&mut self, call_id: u64, headers: &Addressing) {
        let status = ConfigurationStatus::NotSupported;
        let response = Response::from(ChangeConfigurationResponse { status });
        let codec = self.codec(Service::ChargePoint);
        if let Ok(body) = codec.write_response(headers, &response) {
            self.answer(call_id, 200, body);
        }
    }

    fn result(&mut self, id: &MessageId, payload: &serde_json::Value) {
        let Some(open) = self.open.remove(id.as_str()) else {
            return;
        };
        let codec = self.codec(Service::ChargePoint);
        let written = decode_response(open.action.as_str(), payload)
            .ok()
            .and_then(|response| codec.write_response(&open.answer, &response).ok());
        match written {
            Some(body) => self.answer(open.call_id, 200, body),
            None => self.refuse(open, "the answer cannot be said in this version of OCPP-S"),
        }
    }

    fn refuse(&mut self, open: Open, reason: &str) {
        let fault = SoapFault::new(FaultCode::InternalError, reason);
        self.fault(open.call_id, &open.answer, &fault);
    }

    fn fault(&mut self, call_id: u64, headers: &Addressing, fault: &SoapFault) {
        let body = self.codec(Service::ChargePoint).write_fault(headers, fault);
        self.answer(call_id, fault.http_status(), body);
    }

    fn answer(&mut self, call_id: u64, status: u16, body: String) {
        let kind = Codec::ANSWER_CONTENT_TYPE.to_owned();
        self.out.push_back(Out::Answer(HttpAnswer {
            call_id,
            status: u32::from(status),
            headers: vec![("Content-Type".to_owned(), kind)],
            body,
        }));
    }

    // ---- time ----

    /// What is due.
    pub fn on_time(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Listening { until } if until <= now) {
            let detail = "the station's server does not come up".to_owned();
            self.down(LinkFailure::Network, detail);
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = None;
            if !self.is_down() {
                self.listen();
            }
        }
        let late: Vec<String> = self
            .open
            .iter()
            .filter(|(_, open)| open.due <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Some(open) = self.open.remove(&id) {
                self.refuse(open, "the station has not come to an answer in time");
            }
        }
    }
}

fn is_security_profile(request: &Request) -> bool {
    matches!(request, Request::ChangeConfiguration(change) if change.key == "SecurityProfile")
}

/// Whether it was an envelope at all.
const fn is_envelope(error: &ReadError) -> bool {
    !matches!(error.trouble, Trouble::NotXml | Trouble::NotSoap)
}

/// Messages whose answer says nothing: where the version has no words for one, it is the same as said.
const fn hears_nothing(action: Action) -> bool {
    matches!(
        action,
        Action::MeterValues
            | Action::StatusNotification
            | Action::FirmwareStatusNotification
            | Action::DiagnosticsStatusNotification
            | Action::SecurityEventNotification
            | Action::LogStatusNotification
            | Action::SignedFirmwareStatusNotification
    )
}

fn status_words(status: u32) -> (LinkFailure, String) {
    let (failure, what) = match status {
        401 | 403 => (
            LinkFailure::Refused,
            "check the identity and `basic_auth_password`",
        ),
        404 | 405 | 410 => (LinkFailure::Refused, "check the path in `url`"),
        300..=399 => (
            LinkFailure::Refused,
            "redirects are not followed, check `url`",
        ),
        415 => (LinkFailure::Refused, "check `soap_version`"),
        500..=599 => (LinkFailure::Network, "its service is down"),
        _ => (
            LinkFailure::Protocol,
            "no OCPP-S is spoken there, check `url`",
        ),
    };
    (failure, format!("the backend answered {status}: {what}"))
}
