//! From the backend contract's commands to the station's types: range checks and grants, here and only here.
//!
//! What is committed together (`advance`, `store`, `enqueue`, `dequeue`) is all or nothing: one bad value there and the
//! whole answer is garbage. Every other bad or ungranted command is refused on its own, because its numbers often come
//! from the backend, and a backend must not be able to kill its adapter.

use std::collections::VecDeque;

use station::{JournalSeq, RequestId, ResetKind, TransactionId};
use units::{Instant, Milliamps, Phases};

use crate::backend::{AdapterState, BackendCommand, ConnectRequest, DurableFrame, Registration};
use crate::contract::backend::exports::pilotwire::backend::adapter as g;
use crate::contract::host::pilotwire::host::types as shared;
use crate::convert::{self, OutOfRange};
use crate::error::PluginError;
use crate::grants::{Grant, Grants, is_plain_url};
use crate::limits::{
    Limits, MAX_CONNECT_TIMEOUT_S, MAX_FRAME_ID_CHARS, MAX_KEEP_ALIVE_S, MAX_NAME_CHARS,
    MAX_OPEN_REQUESTS, MAX_PASSWORD_BYTES, MAX_SUBPROTOCOLS, MAX_TEXT_CHARS, MAX_URL_CHARS,
};
use crate::manifest::{Refusal, RefusalReason};
use crate::outbox::Outbox;
use crate::quota::{Meter, Quota};
use crate::services::{FileCommand, HttpCommand};
use crate::store_quota::StoreQuota;

/// Authorize requests that the adapter may still answer, oldest first.
#[derive(Debug, Default)]
pub(crate) struct OpenRequests(VecDeque<RequestId>);

impl OpenRequests {
    pub(crate) fn open(&mut self, request: RequestId) {
        if self.0.len() >= MAX_OPEN_REQUESTS {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    fn close(&mut self, request: RequestId) -> bool {
        let place = self.0.iter().position(|open| *open == request);
        place.is_some_and(|place| self.0.remove(place).is_some())
    }
}

/// What the checks need to know.
pub(crate) struct Check<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) grants: &'a Grants,
    pub(crate) limits: Limits,
    /// Entries up to here were taken.
    pub(crate) cursor: &'a mut JournalSeq,
    /// Entries up to here were handed over.
    pub(crate) given: JournalSeq,
    pub(crate) open: &'a mut OpenRequests,
    pub(crate) store: &'a mut StoreQuota,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) now: Instant,
    pub(crate) rates: &'a mut Rates,
}

/// What the adapter may do how often.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Frames.
    pub(crate) frames: Meter,
    /// What goes to the station.
    pub(crate) requests: Meter,
    /// Calls that it asks for.
    pub(crate) wakes: Meter,
}

impl Rates {
    pub(crate) fn new(limits: Limits) -> Self {
        let meter = Meter::new(limits);
        Self {
            frames: meter.clone(),
            requests: meter.clone(),
            wakes: meter,
        }
    }
}

/// What becomes of a frame.
enum Send {
    /// It goes.
    Now(String),
    /// It is durable and goes later.
    Held,
    /// It is not durable and does not go.
    Dropped,
}

/// Why one command is not executed.
pub(crate) enum Bad {
    Refused {
        command: &'static str,
        reason: RefusalReason,
        detail: String,
        request: Option<u64>,
    },
    Fatal(PluginError),
}

impl Check<'_> {
    /// Checks a whole answer.
    ///
    /// Errors: [`PluginError::Output`] for too many commands, [`PluginError::Garbage`] for a bad value in what is
    /// committed together.
    pub(crate) fn commands(
        &mut self,
        commands: Vec<g::Command>,
    ) -> Result<Vec<BackendCommand>, PluginError> {
        let max = usize::try_from(self.limits.output_commands).unwrap_or(usize::MAX);
        if commands.len() > max {
            return Err(PluginError::Output(format!(
                "{} commands, allowed are {max}",
                commands.len()
            )));
        }
        let mut checked = Vec::with_capacity(commands.len());
        let mut dropped = 0_usize;
        for command in commands {
            let command = match command {
                g::Command::Send(text) => {
                    match self.send(text)? {
                        Send::Now(text) => checked.push(BackendCommand::Send(text)),
                        Send::Held => {}
                        Send::Dropped => dropped = dropped.saturating_add(1),
                    }
                    continue;
                }
                other => other,
            };
            checked.push(
                match self
                    .within_quota(&command)
                    .and_then(|()| self.command(command))
                {
                    Ok(command) => command,
                    Err(Bad::Fatal(error)) => return Err(error),
                    Err(Bad::Refused {
                        command,
                        reason,
                        detail,
                        request,
                    }) => BackendCommand::Refused(Refusal {
                        plugin: self.plugin.to_owned(),
                        command,
                        reason,
                        detail,
                        request: request.map(RequestId),
                    }),
                },
            );
        }
        if dropped > 0 {
            // One for all of them: a flood must not become a flood of log lines.
            let detail = format!("{}; {dropped} dropped", self.over());
            checked.push(BackendCommand::Refused(Refusal {
                plugin: self.plugin.to_owned(),
                command: "send",
                reason: RefusalReason::Quota,
                detail,
                request: None,
            }));
        }
        Ok(checked)
    }

    fn over(&self) -> String {
        format!(
            "more than {} messages at once and {} a second; raise `messages_per_s` if that is right",
            self.limits.message_burst, self.limits.messages_per_s
        )
    }

    fn count(&self, quota: Quota) -> Result<bool, PluginError> {
        match quota {
            Quota::Within => Ok(true),
            Quota::Beyond => Ok(false),
            Quota::Persistent => Err(PluginError::Output(format!("for too long {}", self.over()))),
        }
    }

    fn send(&mut self, text: String) -> Result<Send, PluginError> {
        // A frame that waits goes first.
        if !self.outbox.holds() {
            let quota = self.rates.frames.count(self.now);
            if self.count(quota)? {
                return Ok(Send::Now(text));
            }
        }
        Ok(match self.outbox.hold(&text) {
            true => Send::Held,
            false => Send::Dropped,
        })
    }

    /// Counts what goes to the station or the network. Verdicts need no count: each answers a question.
    fn within_quota(&mut self, command: &g::Command) -> Result<(), Bad> {
        let (command, request) = match command {
            g::Command::Connect(_) => ("connect", None),
            g::Command::SetClock(_) => ("set-clock", None),
            g::Command::TransactionVerdict(_) => ("transaction-verdict", None),
            g::Command::State(_) => ("state", None),
            g::Command::RequestStart(r) => ("request-start", Some(r.request_id)),
            g::Command::RequestStop(r) => ("request-stop", Some(r.request_id)),
            g::Command::Unlock(r) => ("unlock", Some(r.request_id)),
            g::Command::Reset(r) => ("reset", Some(r.request_id)),
            g::Command::SetAvailability(r) => ("set-availability", Some(r.request_id)),
            g::Command::SetSetting(r) => ("set-setting", Some(r.request_id)),
            g::Command::ReadMeter(r) => ("read-meter", Some(r.request_id)),
            g::Command::Limit(_) => ("limit", None),
            g::Command::Reserve(r) => ("reserve", Some(r.request_id)),
            g::Command::CancelReservation(r) => ("cancel-reservation", Some(r.request_id)),
            g::Command::Upload(r) => ("upload", Some(r.request_id)),
            g::Command::DownloadFirmware(r) => ("download-firmware", Some(r.request_id)),
            g::Command::InstallFirmware(request) => ("install-firmware", Some(*request)),
            g::Command::CancelTransfer(_) => ("cancel-transfer", None),
            g::Command::ListCertificates(r) => ("list-certificates", Some(r.request_id)),
            g::Command::InstallCertificate(r) => ("install-certificate", Some(r.request_id)),
            g::Command::DeleteCertificate(r) => ("delete-certificate", Some(r.request_id)),
            g::Command::CreateCsr(r) => ("create-csr", Some(r.request_id)),
            g::Command::InstallChain(r) => ("install-chain", Some(r.request_id)),
            g::Command::SecurityEvent(_) => ("security-event", None),
            g::Command::HttpRequest(r) => ("http-request", Some(r.request_id)),
            g::Command::Listen(_) => ("listen", None),
            g::Command::Advance(_)
            | g::Command::Store(_)
            | g::Command::Enqueue(_)
            | g::Command::Dequeue(_)
            | g::Command::Disconnect(_)
            | g::Command::Send(_)
            | g::Command::WakeAt(_)
            | g::Command::Verdict(_)
            | g::Command::StopListening
            | g::Command::HttpAnswer(_) => return Ok(()),
        };
        let quota = self.rates.requests.count(self.now);
        if self.count(quota).map_err(Bad::Fatal)? {
            return Ok(());
        }
        Err(Bad::Refused {
            command,
            reason: RefusalReason::Quota,
            detail: self.over(),
            request,
        })
    }

    fn command(&mut self, command: g::Command) -> Result<BackendCommand, Bad> {
        match command {
            g::Command::Advance(seq) => self.advance(seq),
            g::Command::Store(write) => {
                let write = convert::store_write(write).map_err(garbage)?;
                self.store
                    .write(&write, self.limits.store_kib)
                    .map_err(Bad::Fatal)?;
                Ok(BackendCommand::Store(write))
            }
            g::Command::Enqueue(frame) => {
                let id = convert::name("the id of a durable frame", frame.id, MAX_FRAME_ID_CHARS)
                    .map_err(garbage)?;
                let frame = DurableFrame {
                    id,
                    text: frame.text,
                };
                self.outbox.enqueue(&frame).map_err(Bad::Fatal)?;
                Ok(BackendCommand::Enqueue(frame))
            }
            g::Command::Dequeue(id) => {
                let id = convert::name("the id of a durable frame", id, MAX_FRAME_ID_CHARS)
                    .map_err(garbage)?;
                self.outbox.dequeue(&id);
                Ok(BackendCommand::Dequeue(id))
            }
            g::Command::Connect(request) => self.connect(request),
            g::Command::Disconnect(reason) => {
                let reason = convert::text("the reason", reason, MAX_TEXT_CHARS)
                    .map_err(|detail| range("disconnect", detail, None))?;
                Ok(BackendCommand::Disconnect(reason))
            }
            g::Command::Send(text) => Ok(BackendCommand::Send(text)),
            g::Command::WakeAt(at) => {
                let soonest = self.rates.wakes.ready_at(self.now);
                let at = at.map(|at| Instant::from_millis(at).max(soonest));
                Ok(BackendCommand::WakeAt(at))
            }
            g::Command::SetClock(wall_ms) => {
                self.needs(Grant::ClockSet, "set-clock", None)?;
                let wall = convert::clock(wall_ms).map_err(|d| range("set-clock", d, None))?;
                Ok(BackendCommand::SetClock(wall))
            }
            g::Command::Verdict(verdict) => self.verdict(verdict),
            g::Command::TransactionVerdict(verdict) => self.transaction_verdict(verdict),
            g::Command::State(state) => adapter_state(state),
            g::Command::RequestStart(r) => self.request_start(r),
            g::Command::RequestStop(r) => self.request_stop(r),
            g::Command::Unlock(r) => self.unlock(r),
            g::Command::Reset(r) => self.reset(r),
            g::Command::SetAvailability(r) => self.set_availability(r),
            g::Command::SetSetting(r) => self.set_setting(r),
            g::Command::ReadMeter(r) => self.read_meter(r),
            g::Command::Limit(limit) => self.limit(&limit),
            g::Command::Reserve(r) => self.reserve(r),
            g::Command::CancelReservation(r) => self.cancel_reservation(&r),
            g::Command::Upload(r) => self.upload(r),
            g::Command::DownloadFirmware(r) => self.download(r),
            g::Command::InstallFirmware(request) => self.install(request),
            g::Command::CancelTransfer(request) => Ok(BackendCommand::File(
                RequestId(request),
                FileCommand::Cancel,
            )),
            command @ (g::Command::ListCertificates(_)
            | g::Command::InstallCertificate(_)
            | g::Command::DeleteCertificate(_)
            | g::Command::CreateCsr(_)
            | g::Command::InstallChain(_)) => self.certificates(command),
            g::Command::SecurityEvent(text) => self.security_event(text),
            g::Command::HttpRequest(r) => self.http_request(r),
            g::Command::Listen(r) => self.listen(r),
            g::Command::StopListening => Ok(BackendCommand::Http(HttpCommand::StopListening)),
            g::Command::HttpAnswer(r) => self.http_answer(r),
        }
    }

    /// The journal only goes forward, and never past what the adapter was given.
    fn advance(&mut self, seq: u64) -> Result<BackendCommand, Bad> {
        if seq <= self.cursor.0 || seq > self.given.0 {
            return Err(garbage(format!(
                "it advances to journal entry {seq}; it has taken {} and was given {}",
                self.cursor.0, self.given.0
            )));
        }
        *self.cursor = JournalSeq(seq);
        Ok(BackendCommand::Advance(JournalSeq(seq)))
    }

    fn connect(&self, request: g::ConnectRequest) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "connect";
        let bad = |detail: String| range(COMMAND, detail, None);
        let url = convert::name("the URL", request.url, MAX_URL_CHARS).map_err(bad)?;
        self.needs(Grant::NetConnect, COMMAND, None)?;
        if !is_plain_url(&url, &["ws", "wss"]) {
            return Err(bad("the URL is not a plain ws:// or wss:// URL".to_owned()));
        }
        if !self.grants.covers_url(&url) {
            return Err(Bad::Refused {
                command: COMMAND,
                reason: RefusalReason::Grant(Grant::NetConnect),
                detail: url,
                request: None,
            });
        }
        if request.subprotocols.len() > MAX_SUBPROTOCOLS {
            return Err(bad(format!("more than {MAX_SUBPROTOCOLS} subprotocols")));
        }
        let mut subprotocols = Vec::new();
        for subprotocol in request.subprotocols {
            if !subprotocol
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            {
                return Err(bad(
                    "a subprotocol with a character that HTTP does not allow".to_owned(),
                ));
            }
            subprotocols
                .push(convert::name("a subprotocol", subprotocol, MAX_NAME_CHARS).map_err(bad)?);
        }
        if let Some((user, password)) = &request.basic_auth
            && (user.chars().count() > MAX_PASSWORD_BYTES
                || user.contains(':')
                || user.chars().any(char::is_control)
                || password.len() > MAX_PASSWORD_BYTES)
        {
            return Err(bad(
                "user or password is too long or has a forbidden character".to_owned(),
            ));
        }
        let timeout_ok = (1..=MAX_CONNECT_TIMEOUT_S).contains(&request.timeout_s);
        if !timeout_ok || request.keep_alive_s > MAX_KEEP_ALIVE_S {
            return Err(bad(format!(
                "time-out {} s or keep-alive {} s is out of range",
                request.timeout_s, request.keep_alive_s
            )));
        }
        Ok(BackendCommand::Connect(ConnectRequest {
            url,
            subprotocols,
            basic_auth: request.basic_auth,
            keep_alive_s: request.keep_alive_s,
            timeout_s: request.timeout_s,
            client_certificate: request.client_certificate == Some(true),
        }))
    }

    fn verdict(&mut self, verdict: shared::Verdict) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "verdict";
        self.needs(Grant::Authorize, COMMAND, None)?;
        let id = verdict.request_id;
        let (request, verdict) =
            convert::verdict(verdict, self.plugin).map_err(|d| range(COMMAND, d, None))?;
        if !self.open.close(request) {
            return Err(Bad::Refused {
                command: COMMAND,
                reason: RefusalReason::NotAsked,
                detail: format!("request {id}"),
                request: None,
            });
        }
        Ok(BackendCommand::Verdict { request, verdict })
    }

    fn transaction_verdict(&self, later: g::TransactionVerdict) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "transaction-verdict";
        self.needs(Grant::Authorize, COMMAND, None)?;
        let (_, verdict) =
            convert::verdict(later.verdict, self.plugin).map_err(|d| range(COMMAND, d, None))?;
        Ok(BackendCommand::TransactionVerdict {
            transaction: TransactionId(later.transaction),
            verdict,
            stop: later.stop,
        })
    }

    fn request_start(&self, r: g::StartRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("request-start", Some(r.request_id));
        self.needs(Grant::StationStart, name, id)?;
        let bad = |detail| range(name, detail, id);
        Ok(BackendCommand::RequestStart {
            request: RequestId(r.request_id),
            evse: r.evse_id.map(convert::evse).transpose().map_err(bad)?,
            token: convert::token_from(r.token).map_err(bad)?,
            authorize_first: r.authorize_first,
        })
    }

    fn request_stop(&self, r: g::StopRequest) -> Result<BackendCommand, Bad> {
        self.needs(Grant::StationStop, "request-stop", Some(r.request_id))?;
        Ok(BackendCommand::RequestStop {
            request: RequestId(r.request_id),
            transaction: TransactionId(r.transaction),
        })
    }

    fn unlock(&self, r: g::UnlockRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("unlock", Some(r.request_id));
        self.needs(Grant::StationUnlock, name, id)?;
        let bad = |detail| range(name, detail, id);
        Ok(BackendCommand::Unlock {
            request: RequestId(r.request_id),
            evse: convert::evse(r.evse_id).map_err(bad)?,
            connector: convert::connector(r.connector_id).map_err(bad)?,
        })
    }

    fn reset(&self, r: g::ResetRequest) -> Result<BackendCommand, Bad> {
        self.needs(Grant::StationReset, "reset", Some(r.request_id))?;
        let kind = match r.kind {
            g::ResetKind::Soft => ResetKind::Soft,
            g::ResetKind::Hard => ResetKind::Hard,
        };
        Ok(BackendCommand::Reset {
            request: RequestId(r.request_id),
            kind,
        })
    }

    fn set_availability(&self, r: g::AvailabilityRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("set-availability", Some(r.request_id));
        self.needs(Grant::StationAvailability, name, id)?;
        let evse = r.evse_id.map(convert::evse).transpose();
        Ok(BackendCommand::SetAvailability {
            request: RequestId(r.request_id),
            evse: evse.map_err(|detail| range(name, detail, id))?,
            operative: r.operative,
        })
    }

    fn read_meter(&self, r: g::ReadMeterRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("read-meter", Some(r.request_id));
        self.needs(Grant::MeterRead, name, id)?;
        Ok(BackendCommand::ReadMeter {
            request: RequestId(r.request_id),
            evse: convert::evse(r.evse_id).map_err(|detail| range(name, detail, id))?,
            context: context(r.context),
        })
    }

    fn set_setting(&self, r: g::SettingRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("set-setting", Some(r.request_id));
        self.needs(Grant::SettingsWrite, name, id)?;
        let bad = |detail| range(name, detail, id);
        let key = convert::name("the key", r.key, MAX_NAME_CHARS).map_err(bad)?;
        let value =
            convert::text("the value", r.value, station::limits::MAX_SETTING_CHARS).map_err(bad)?;
        if !self.grants.covers_setting_write(&key) {
            return Err(Bad::Refused {
                command: name,
                reason: RefusalReason::Grant(Grant::SettingsWrite),
                detail: format!("the setting `{key}`"),
                request: id,
            });
        }
        Ok(BackendCommand::SetSetting {
            request: RequestId(r.request_id),
            key,
            value,
        })
    }

    fn limit(&self, limit: &g::Limit) -> Result<BackendCommand, Bad> {
        const COMMAND: &str = "limit";
        self.needs(Grant::StationLimit, COMMAND, None)?;
        let bad = |detail| range(COMMAND, detail, None);
        let phases = match limit.phases {
            None | Some(3) => None,
            Some(1 | 2) => Some(Phases::One),
            Some(other) => return Err(bad(format!("{other} phases"))),
        };
        Ok(BackendCommand::Limit {
            evse: limit.evse_id.map(convert::evse).transpose().map_err(bad)?,
            current: limit.max_current_ma.map(Milliamps::new),
            phases,
        })
    }

    fn reserve(&self, r: g::ReserveRequest) -> Result<BackendCommand, Bad> {
        let (name, id) = ("reserve", Some(r.request_id));
        self.needs(Grant::StationReserve, name, id)?;
        let bad = |detail| range(name, detail, id);
        let group = match r.group {
            Some(group) => Some(convert::name("the group", group, MAX_NAME_CHARS).map_err(bad)?),
            None => None,
        };
        Ok(BackendCommand::Reserve {
            request: RequestId(r.request_id),
            evse: r.evse_id.map(convert::evse).transpose().map_err(bad)?,
            reservation: r.reservation,
            token: convert::token_from(r.token).map_err(bad)?,
            group,
            expires: convert::expiry(r.expires_wall_ms).map_err(bad)?,
        })
    }

    fn cancel_reservation(&self, r: &g::CancelReservationRequest) -> Result<BackendCommand, Bad> {
        let id = Some(r.request_id);
        self.needs(Grant::StationReserve, "cancel-reservation", id)?;
        Ok(BackendCommand::CancelReservation {
            request: RequestId(r.request_id),
            reservation: r.reservation,
        })
    }

    pub(crate) fn needs(
        &self,
        grant: Grant,
        command: &'static str,
        request: Option<u64>,
    ) -> Result<(), Bad> {
        if self.grants.has(grant) {
            return Ok(());
        }
        let reason = RefusalReason::Grant(grant);
        Err(Bad::Refused {
            command,
            reason,
            detail: String::new(),
            request,
        })
    }
}

fn garbage(detail: OutOfRange) -> Bad {
    Bad::Fatal(PluginError::Garbage(detail))
}

pub(crate) fn range(command: &'static str, detail: OutOfRange, request: Option<u64>) -> Bad {
    Bad::Refused {
        command,
        reason: RefusalReason::Range,
        detail,
        request,
    }
}

fn adapter_state(state: g::AdapterState) -> Result<BackendCommand, Bad> {
    let bad = |detail| range("state", detail, None);
    let last_error = match state.last_error {
        Some(error) => Some(convert::text("the last error", error, MAX_TEXT_CHARS).map_err(bad)?),
        None => None,
    };
    Ok(BackendCommand::State(AdapterState {
        registration: match state.registration {
            g::Registration::Offline => Registration::Offline,
            g::Registration::Connecting => Registration::Connecting,
            g::Registration::Pending => Registration::Pending,
            g::Registration::Rejected => Registration::Rejected,
            g::Registration::Registered => Registration::Registered,
        },
        detail: convert::text("the state's text", state.detail, MAX_TEXT_CHARS).map_err(bad)?,
        last_error,
    }))
}

const fn context(context: g::ReadingContext) -> station::ReadingContext {
    use station::ReadingContext as S;
    match context {
        g::ReadingContext::TransactionBegin => S::TransactionBegin,
        g::ReadingContext::TransactionEnd => S::TransactionEnd,
        g::ReadingContext::SamplePeriodic => S::SamplePeriodic,
        g::ReadingContext::SampleClock => S::SampleClock,
        g::ReadingContext::Trigger => S::Trigger,
        g::ReadingContext::InterruptionBegin => S::InterruptionBegin,
        g::ReadingContext::InterruptionEnd => S::InterruptionEnd,
        g::ReadingContext::Other => S::Other,
    }
}
