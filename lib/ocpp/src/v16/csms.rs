//! The central-system half of OCPP 1.6 for one charge point, as a pure state machine.
//!
//! Duty: answer a charge point (boot, authorisation, transactions, readings, status, vendor data, reports), issue
//! every call of the standard to it one at a time, and keep books: its sessions, reservations, charging profiles,
//! local list, jobs (uploads and updates), configuration keys and certificates. The books follow what the charge
//! point answered; where an answer was lost they say so. A portal can stand on it; the demo and the tests do.
//!
//! It survives reconnects of its charge point, and restarts of its owner by way of [`CsmsMemory`].
//!
//! Not here: the WebSocket, several charge points (one [`Csms`] each), users and prices, signing of certificates.
//!
//! ```text
//!  connected ──▶ handle_frame(now, text)*      ──▶ poll_frame()* to the peer
//!            ──▶ call(now, request)*           ──▶ poll_event()* to the owner
//!            ──▶ handle_timeout(now) at poll_timeout()
//!  connection gone ──▶ handle_disconnected(now)
//! ```

mod answers;
mod calls;
mod certificates;
mod config;
mod event;
mod issue;
mod jobs;
mod keys;
mod list_run;
mod local_list;
mod memory;
mod profiles;
mod questions;
mod readings;
mod requests;
mod reservations;
mod session;
mod timers;

pub use certificates::{CertificateBook, SigningRequest};
pub use config::{ConcurrentUse, CsmsConfig};
pub use event::{CsmsEvent, Stray};
pub use jobs::{Job, JobBook, JobKind, JobPhase, JobReport};
pub use keys::{KeyBook, KeyName, KeyText, KnownKey};
pub use local_list::{KnownList, ListEntries, ListFailure, ListTooLong, LocalList};
pub use memory::CsmsMemory;
pub use profiles::{InstalledProfile, ProfileBook};
pub use questions::NoSuchQuestion;
pub use requests::Tries;
pub use reservations::{Reservation, ReservationBook, ReservationEnd, ReservationState};
pub use session::{ConnectorState, Session, SessionBook, SessionEnd};

use super::{
    Action, Initiator, RegistrationStatus, Request, Response, decode_request_noted,
    decode_response_noted,
};
use crate::limits::{
    CALL_QUEUE_MAX, CSMS_CONNECTORS_MAX, CSMS_EVENTS_MAX, CSMS_FRAMES_MAX, CSMS_ID_PREFIX_CHARS_MAX,
};
use crate::rpc::{
    CallError, Correlator, CorrelatorLimits, ErrorCode, Frame, Inbox, Matched, MessageId, Opened,
    OutgoingCall,
};
use crate::wire::Notes;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use core::fmt;
use issue::{Issued, Outcome};
use questions::Question;
use serde_json::Value;
use units::{Instant, Timestamp};

/// Why a call could not be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallNotIssued {
    /// [`CALL_QUEUE_MAX`] calls wait already.
    QueueFull,
    /// This action is the charge point's to send.
    WrongDirection(Action),
    /// The charge point's boot was answered with a status that does not allow this call.
    NotAdmitted(RegistrationStatus),
    /// What this action asks for is kept in a book, and the book is full.
    BookFull(Action),
    /// A job of this kind was asked for, and the answer is still awaited.
    StillAsked(JobKind),
}

impl fmt::Display for CallNotIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull => write!(f, "{CALL_QUEUE_MAX} calls wait already"),
            Self::WrongDirection(action) => write!(f, "{action} is sent by charge points only"),
            Self::NotAdmitted(status) => {
                write!(f, "the boot was answered with {status}; accept it first")
            }
            Self::BookFull(action) => {
                write!(f, "too many entries for {action}; clear some first")
            }
            Self::StillAsked(kind) => write!(f, "{kind:?} was asked for; wait for the answer"),
        }
    }
}

impl core::error::Error for CallNotIssued {}

/// The central system's side of one charge point.
#[derive(Debug)]
pub struct Csms {
    config: CsmsConfig,
    wall_at: (Instant, Timestamp),
    calls: Correlator<Issued>,
    inbox: Inbox,
    frames: VecDeque<String>,
    events: VecDeque<CsmsEvent>,
    events_lost: u64,
    calls_issued: u64,
    boot_answer: Option<RegistrationStatus>,
    connectors: BTreeMap<i64, ConnectorState>,
    heard: Heard,
    /// True once a boot message came on this connection.
    booted_here: bool,
    book: SessionBook,
    reservations: ReservationBook,
    profiles: ProfileBook,
    list: LocalList,
    jobs: JobBook,
    keys: KeyBook,
    certificates: CertificateBook,
    questions: VecDeque<Question>,
    questions_asked: u64,
}

/// When the charge point was last heard on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Not on this connection.
    Never,
    At(Instant),
    /// Then, and its silence was reported.
    SilentSince(Instant),
}

impl Csms {
    /// A central system that has not seen its charge point yet; `wall` is the wall-clock time at `now`.
    #[must_use]
    pub fn new(config: CsmsConfig, now: Instant, wall: Timestamp) -> Self {
        let limits = CorrelatorLimits {
            queue: CALL_QUEUE_MAX,
            timeout: config.call_timeout,
        };
        let book = SessionBook::new(config.first_transaction_id, config.transaction_id_step);
        Self {
            config,
            wall_at: (now, wall),
            calls: Correlator::new(limits),
            inbox: Inbox::new(),
            frames: VecDeque::new(),
            events: VecDeque::new(),
            events_lost: 0,
            calls_issued: 0,
            boot_answer: None,
            connectors: BTreeMap::new(),
            heard: Heard::Never,
            booted_here: false,
            book,
            reservations: ReservationBook::default(),
            profiles: ProfileBook::default(),
            list: LocalList::default(),
            jobs: JobBook::default(),
            keys: KeyBook::default(),
            certificates: CertificateBook::default(),
            questions: VecDeque::new(),
            questions_asked: 0,
        }
    }

    /// Takes a frame from the charge point.
    pub fn handle_frame(&mut self, now: Instant, text: &str) {
        self.heard = Heard::At(now);
        match Frame::parse(text) {
            Ok(Frame::Call {
                id,
                action,
                payload,
            }) => self.handle_call(now, &id, &action, &payload),
            Ok(Frame::CallResult { id, payload }) => {
                if let Some(call) = self.match_answer(now, &id) {
                    self.handle_result(now, call, &payload);
                }
            }
            Ok(Frame::CallError { id, error }) => {
                if let Some(call) = self.match_answer(now, &id) {
                    let (id, Issued { action, purpose }) = (call.id, call.tag);
                    self.emit(CsmsEvent::CallRefused {
                        id,
                        action,
                        error: error.clone(),
                    });
                    self.conclude(Some(now), purpose, &Outcome::Refused(&error));
                }
            }
            Err(error) => {
                if let Some(answer) = error.answer() {
                    self.send(answer.to_text());
                }
                self.emit(CsmsEvent::Garbled(error));
            }
        }
    }

    /// The next frame for the charge point. Calls stay back while its boot is rejected.
    pub fn poll_frame(&mut self) -> Option<String> {
        let answer = self.frames.pop_front();
        if answer.is_some() || self.boot_answer == Some(RegistrationStatus::Rejected) {
            return answer;
        }
        self.calls.poll_frame()
    }

    /// The next event for the owner.
    pub fn poll_event(&mut self) -> Option<CsmsEvent> {
        self.events.pop_front()
    }

    /// Events that were dropped because nobody took them.
    #[must_use]
    pub const fn events_lost(&self) -> u64 {
        self.events_lost
    }

    /// The connection is gone: unsent frames and unanswered calls are given up; the books stay.
    pub fn handle_disconnected(&mut self) {
        self.frames.clear();
        self.heard = Heard::Never;
        self.booted_here = false;
        self.questions.clear();
        self.inbox.handle_disconnected();
        for ended in self.calls.handle_disconnected() {
            let (id, Issued { action, purpose }) = (ended.call.id, ended.call.tag);
            let sent = ended.sent;
            self.emit(CsmsEvent::CallLost { id, action, sent });
            self.conclude(None, purpose, &Outcome::Unanswered { sent });
        }
    }

    /// The configuration; changes hold from the next message on.
    pub const fn config_mut(&mut self) -> &mut CsmsConfig {
        &mut self.config
    }

    /// Sets the wall-clock time at `now`.
    pub const fn set_wall(&mut self, now: Instant, wall: Timestamp) {
        self.wall_at = (now, wall);
    }

    /// What the last boot message was answered with; `None` before the first.
    #[must_use]
    pub const fn registration(&self) -> Option<RegistrationStatus> {
        self.boot_answer
    }

    /// The last status of a connector; 0 is the whole charge point.
    #[must_use]
    pub fn connector(&self, connector_id: i64) -> Option<&ConnectorState> {
        self.connectors.get(&connector_id)
    }

    /// The book of sessions.
    #[must_use]
    pub const fn book(&self) -> &SessionBook {
        &self.book
    }

    /// Reservations.
    #[must_use]
    pub const fn reservations(&self) -> &ReservationBook {
        &self.reservations
    }

    /// Charging profiles.
    #[must_use]
    pub const fn profiles(&self) -> &ProfileBook {
        &self.profiles
    }

    /// The local list.
    #[must_use]
    pub const fn local_list(&self) -> &LocalList {
        &self.list
    }

    /// Uploads and updates.
    #[must_use]
    pub const fn jobs(&self) -> &JobBook {
        &self.jobs
    }

    /// Configuration keys.
    #[must_use]
    pub const fn keys(&self) -> &KeyBook {
        &self.keys
    }

    /// Certificates.
    #[must_use]
    pub const fn certificates(&self) -> &CertificateBook {
        &self.certificates
    }

    /// Whether the charge point's registration lets this call out.
    fn check_admission(&self, action: Action) -> Result<(), CallNotIssued> {
        if action.initiator() == Initiator::ChargePoint {
            return Err(CallNotIssued::WrongDirection(action));
        }
        let remote = matches!(
            action,
            Action::RemoteStartTransaction | Action::RemoteStopTransaction
        );
        match self.boot_answer {
            Some(status @ RegistrationStatus::Rejected) => Err(CallNotIssued::NotAdmitted(status)),
            Some(status @ RegistrationStatus::Pending) if remote => {
                Err(CallNotIssued::NotAdmitted(status))
            }
            Some(RegistrationStatus::Pending | RegistrationStatus::Accepted) | None => Ok(()),
        }
    }

    fn handle_call(&mut self, now: Instant, id: &MessageId, action: &str, payload: &Value) {
        if let Opened::Repeated(answer) = self.inbox.open(id, action, payload) {
            self.emit(CsmsEvent::CallRepeated { id: id.clone() });
            if let Some(text) = answer {
                self.send(text);
            }
            return;
        }
        let answer = match self.decode_call(action, payload) {
            Ok((request, notes)) => {
                self.note(request.action(), notes);
                let Some(request) = self.ask_owner(now, id, request) else {
                    return;
                };
                self.answer(now, request, None)
            }
            Err(error) => Err(error),
        };
        self.reply(id, action, answer);
    }

    fn reply(&mut self, id: &MessageId, action: &str, answer: Result<Response, CallError>) {
        let frame = match answer {
            Ok(response) => Frame::result(id.clone(), response.to_payload()),
            Err(error) => {
                let action = action
                    .chars()
                    .take(crate::limits::ACTION_CHARS_MAX)
                    .collect();
                self.emit(CsmsEvent::RequestRefused {
                    action,
                    error: error.clone(),
                });
                Frame::error(id.clone(), error)
            }
        };
        let text = frame.to_text();
        self.inbox.answered(id, &text);
        self.send(text);
    }

    fn decode_call(&mut self, name: &str, payload: &Value) -> Result<(Request, Notes), CallError> {
        let action = Action::from_word(name);
        if let Some(action) = action.filter(|a| a.initiator() == Initiator::CentralSystem) {
            let description = format!("{action} is sent by the central system only");
            return Err(CallError::new(ErrorCode::NotSupported, description));
        }
        if let Some(action) = action.filter(|a| *a != Action::BootNotification) {
            match self.boot_answer {
                Some(RegistrationStatus::Rejected) => {
                    let description = format!("{action} before the boot was accepted");
                    return Err(CallError::new(ErrorCode::ProtocolError, description));
                }
                Some(RegistrationStatus::Pending) => self.emit(CsmsEvent::WhilePending { action }),
                // A reconnect without a boot is the rule, not the exception.
                Some(RegistrationStatus::Accepted) | None => {}
            }
        }
        decode_request_noted(name, payload)
    }

    fn match_answer(&mut self, now: Instant, id: &MessageId) -> Option<OutgoingCall<Issued>> {
        let stray = match self.calls.handle_answer(now, id) {
            Matched::Call(call) => return Some(call),
            Matched::Late => Stray::Late,
            Matched::Doubled => Stray::Doubled,
            Matched::Unknown => Stray::Unknown,
        };
        self.emit(CsmsEvent::StrayAnswer {
            id: id.clone(),
            stray,
        });
        None
    }

    fn handle_result(&mut self, now: Instant, call: OutgoingCall<Issued>, payload: &Value) {
        let (id, Issued { action, purpose }) = (call.id, call.tag);
        match decode_response_noted(action.as_str(), payload) {
            Ok((response, notes)) => {
                self.note(action, notes);
                self.emit(CsmsEvent::CallAnswered {
                    id,
                    response: response.clone(),
                });
                self.conclude(Some(now), purpose, &Outcome::Answered(&response));
            }
            Err(error) => {
                self.emit(CsmsEvent::BadAnswer { id, action, error });
                self.conclude(Some(now), purpose, &Outcome::Unanswered { sent: true });
            }
        }
    }

    fn note(&mut self, action: Action, notes: Notes) {
        if !notes.is_empty() {
            self.emit(CsmsEvent::Deviations { action, notes });
        }
    }

    /// Ids count up within the prefix; the prefix tells restarts apart.
    fn next_id(&self) -> MessageId {
        let prefix = self
            .config
            .id_prefix
            .chars()
            .take(CSMS_ID_PREFIX_CHARS_MAX)
            .collect::<String>();
        let number = MessageId::from_counter(self.calls_issued);
        MessageId::new(format!("{prefix}{number}")).unwrap_or(number)
    }

    fn set_connector(&mut self, connector_id: i64, state: ConnectorState) {
        if self.connectors.len() < CSMS_CONNECTORS_MAX
            || self.connectors.contains_key(&connector_id)
        {
            self.connectors.insert(connector_id, state);
        }
    }

    fn send(&mut self, text: String) {
        if self.frames.len() >= CSMS_FRAMES_MAX {
            self.emit(CsmsEvent::AnswerDropped);
            return;
        }
        self.frames.push_back(text);
    }

    fn emit(&mut self, event: CsmsEvent) {
        if self.events.len() >= CSMS_EVENTS_MAX {
            self.events.pop_front();
            self.events_lost = self.events_lost.saturating_add(1);
        }
        self.events.push_back(event);
    }
}
