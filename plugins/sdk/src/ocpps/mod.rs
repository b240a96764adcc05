//! The same adapter over OCPP-S: SOAP 1.2 over HTTP, versions 1.5 and 1.6.
//!
//! A plugin exports [`OverSoap`] of its [`Operator`] instead of [`Ocpp16`]. The state machine inside is the same and
//! speaks frames of OCPP-J; what stands between it and the host is the transport here, which makes HTTP requests of its
//! calls and frames of what the backend answers and asks.
//!
//! ```text
//!  host ── HttpResponse, HttpCall, Listening ──▶ transport ── LinkUp, LinkDown, Frame ──▶ Ocpp16
//!       ◀── HttpRequest, HttpAnswer, Listen ────           ◀── Connect, Disconnect, Send ──
//! ```

mod address;
mod limits;
mod settings;
mod transport;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::marker::PhantomData;

use ocpp::v16::{HeartbeatRequest, Request};
use units::Instant;

use crate::backend::{AdapterState, BackendAdapter, Command, Input, OutcomeKind, StartContext};
use crate::ocpp16::{About, Ocpp16, Operator, Registered};
use crate::{Manifest, Moment, Setting};

use limits::ROUNDS;
pub use settings::{AddressMode, SoapSettings, soap_manifest};
use transport::{Out, Transport, Wish};

/// The operator inside: its URL is the transport's business.
struct Inside<O>(PhantomData<O>);

impl<O: Operator> Operator for Inside<O> {
    const NAME: &'static str = O::NAME;
    const SUMMARY: &'static str = O::SUMMARY;
    const URL: &'static str = "ws://127.0.0.1:1/";
    const APN: &'static str = O::APN;
    const APN_USER: &'static str = O::APN_USER;
    const APN_PASSWORD: &'static str = O::APN_PASSWORD;
    const TOKEN_FORMAT: &'static str = O::TOKEN_FORMAT;
    const KEEP_ALIVE_S: u32 = 0;

    fn version() -> &'static str {
        O::version()
    }
}

/// An adapter for OCPP-S.
pub struct OverSoap<O> {
    inner: Ocpp16<Inside<O>>,
    transport: Transport,
    inner_wake: Option<Instant>,
    told_wake: Option<Option<Instant>>,
}

impl<O: Operator> BackendAdapter for OverSoap<O> {
    fn describe() -> Manifest {
        soap_manifest::<O>()
    }

    fn start(now: Moment, mut context: StartContext) -> (Self, Vec<Command>) {
        let settings = SoapSettings::read::<O>(&context.settings);
        let transport = Transport::new(settings, &context.identity, now.at);
        // The state machine keeps to its own default, which it never uses.
        context.settings.retain(|Setting { key, .. }| key != "url");
        context.link = None;
        let (inner, commands) = Ocpp16::start(now, context);
        let mut adapter = Self {
            inner,
            transport,
            inner_wake: None,
            told_wake: None,
        };
        let said = adapter.drive(now, commands);
        (adapter, said)
    }

    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command> {
        self.transport.on_time(now.at);
        let mut commands = Vec::new();
        match input {
            Input::HttpResponse(response) => self.transport.response(now.at, &response),
            Input::Listening(listening) => self.transport.listening(now.at, listening),
            Input::HttpCall(call) => {
                let rejected = self.inner.registered == Registered::Rejected;
                self.transport.called(now.at, &call, rejected);
            }
            Input::Outcome(outcome) if self.transport.owns(outcome.request_id) => {
                if outcome.kind != OutcomeKind::Accepted {
                    let detail = outcome.detail;
                    self.transport.refused(now.at, outcome.request_id, &detail);
                }
            }
            // Links are the transport's business.
            Input::LinkUp(_) | Input::LinkDown(_) | Input::Frame(_) => {}
            input => commands = self.inner.handle(now, input),
        }
        self.drive(now, commands)
    }
}

impl<O: Operator> OverSoap<O> {
    /// Carries commands and frames between state machine and transport until both are done.
    fn drive(&mut self, now: Moment, commands: Vec<Command>) -> Vec<Command> {
        let mut said = Vec::new();
        let mut commands = VecDeque::from(commands);
        for _ in 0..ROUNDS {
            while let Some(command) = commands.pop_front() {
                self.take(now, command, &mut said);
            }
            let Some(out) = self.transport.poll() else {
                break;
            };
            commands.extend(self.pass_on(now, out, &mut said));
        }
        self.wake(now, &mut said);
        said
    }

    /// A command of the state machine.
    fn take(&mut self, now: Moment, command: Command, said: &mut Vec<Command>) {
        match command {
            Command::Connect(request) => {
                let known = self.inner.registered == Registered::Yes;
                let wish = Wish {
                    authorization: request
                        .basic_auth
                        .map(|(user, password)| basic(&user, &password)),
                    timeout_s: request.timeout_s,
                    probe: known.then(|| self.inner.message_id()),
                };
                self.transport.connect(now.at, wish);
            }
            Command::Disconnect(reason) => self.transport.disconnect(reason),
            Command::Send(text) => self.transport.send(&text),
            Command::WakeAt(at) => self.inner_wake = at,
            Command::State(state) => said.push(self.state(state)),
            // Never seen by the host: confirmed before it could be kept.
            Command::Dequeue(id) if is_new(said, &id) => said.retain(|said| !enqueues(said, &id)),
            other => said.push(other),
        }
    }

    fn pass_on(&mut self, now: Moment, out: Out, said: &mut Vec<Command>) -> Vec<Command> {
        match out {
            Out::Request(request) => said.push(Command::HttpRequest(request)),
            Out::Listen(request) => said.push(Command::Listen(request)),
            Out::Answer(answer) => said.push(Command::HttpAnswer(answer)),
            Out::Up(up) => return self.inner.handle(now, Input::LinkUp(up)),
            Out::Down(down) => return self.inner.handle(now, Input::LinkDown(down)),
            Out::Frame(text) => return self.inner.handle(now, Input::Frame(text)),
            Out::NewAddress if self.inner.is_online() => {
                let heartbeat = Request::from(HeartbeatRequest {});
                let _said_if_full = self.inner.call(&heartbeat, About::Heartbeat);
                return self.inner.handle(now, Input::Timer);
            }
            // The boot message tells it.
            Out::NewAddress => {}
        }
        Vec::new()
    }

    fn state(&self, state: AdapterState) -> Command {
        let detail = match self.transport.complaint() {
            Some(complaint) if state.detail.is_empty() => complaint.to_owned(),
            Some(complaint) => format!("{}; {complaint}", state.detail),
            None => state.detail,
        };
        Command::State(AdapterState { detail, ..state })
    }

    fn wake(&mut self, now: Moment, said: &mut Vec<Command>) {
        // The host forgets a wake-up that has come.
        if matches!(self.told_wake, Some(Some(at)) if at <= now.at) {
            self.told_wake = None;
        }
        let due = [self.inner_wake, self.transport.next_due()]
            .into_iter()
            .flatten()
            .min();
        if self.told_wake != Some(due) {
            self.told_wake = Some(due);
            said.push(Command::WakeAt(due));
        }
    }
}

fn enqueues(said: &Command, id: &str) -> bool {
    matches!(said, Command::Enqueue(frame) if frame.id == id)
}

fn is_new(said: &[Command], id: &str) -> bool {
    said.iter().any(|said| enqueues(said, id))
}

/// The header of HTTP Basic authentication.
fn basic(user: &str, password: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let pair = [user.as_bytes(), b":", password].concat();
    let mut text = String::from("Basic ");
    for chunk in pair.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let index = usize::try_from(bits >> shift & 63).unwrap_or(0);
            let digit = DIGITS.get(index).copied().unwrap_or(b'=');
            text.push(char::from(if at <= chunk.len() { digit } else { b'=' }));
        }
    }
    text
}
