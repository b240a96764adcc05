//! Backend adapters that speak OCPP 1.6 over WebSocket, all but the few lines in which operators differ.
//!
//! A plugin names its [`Operator`] and exports [`Ocpp16`] of it. Framing, messages and the rule of one call in flight
//! come from the `ocpp` library; what is decided here is what a charge point does with them.
//!
//! ```text
//!  link up ─▶ BootNotification ─▶ Accepted ─▶ statuses, heartbeat, outbox ─▶ journal entries one at a time
//!                 ▲    │ Pending / Rejected / no answer
//!                 └────┘ after the interval
//! ```
//!
//! What must survive is in the store (`cfg/…` keys, `cache/…` tokens, `tx/…` transaction numbers, `list…` the
//! local list, `charging/…` profiles, `rd/…` readings for
//! StopTransaction, `out`, `reg`), in the outbox, and in the cursor; everything else is asked for or told again.

mod authorize;
mod boot;
mod calls;
mod certificates;
mod charging;
pub mod config;
mod firmware;
mod key_list;
mod keys;
mod limits;
mod local_list;
mod logs;
mod middle;
pub mod operator;
mod readings;
mod reserve;
mod security;
mod status;
mod stop_readings;
mod transactions;
mod trigger;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

use ocpp::rpc::{
    CallError, Correlator, CorrelatorLimits, Ended, ErrorCode, Frame, Inbox, Matched, MessageId,
    Opened, OutgoingCall,
};
use ocpp::v16::{LogStatus, Request, Response, UpdateFirmwareStatus};
use units::{Instant, Millis, Timestamp};

use crate::backend::{
    AdapterState, BackendAdapter, Command, ConnectRequest, Input, LinkDown, Registration,
    ResetKind, Role, RunningTransaction, StartContext,
};
use crate::{Level, Manifest, Moment, StationInfo, StoreWrite, log};

use authorize::{Cache, Questions};
use charging::Charging;
use config::Configuration;
use firmware::Firmware;
use limits::{CALLS_WAITING, JITTER_PERCENT, RECONNECT_LATEST_S, RECONNECT_QUIET_S};
use local_list::LocalList;
use logs::Upload;
pub use operator::Operator;
use operator::{AdapterSettings, checked, manifest};
use security::Security;
use status::Statuses;
use transactions::Transactions;

/// What a call of ours was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// BootNotification.
    Boot,
    /// Heartbeat.
    Heartbeat,
    /// StatusNotification of a connector; 0 is the station.
    Status(u32),
    /// Something that may be lost: fault notices, triggered messages, readings outside a transaction.
    Notice,
    /// Authorize for this request of the station.
    Authorize { request_id: u64, tag: String },
    /// The frame in the outbox.
    Durable,
}

/// An answer to the backend that waits for the station.
#[derive(Debug, Clone)]
pub(crate) enum Waiting {
    /// RemoteStartTransaction.
    RemoteStart(MessageId),
    /// RemoteStopTransaction.
    RemoteStop(MessageId),
    /// UnlockConnector.
    Unlock(MessageId),
    /// Reset.
    Reset(MessageId),
    /// ChangeAvailability.
    Availability(MessageId),
    /// ChangeConfiguration.
    Setting(MessageId),
    /// ReserveNow.
    Reserve(MessageId),
    /// CancelReservation.
    CancelReservation(MessageId),
    /// GetDiagnostics, with the file's name.
    Diagnostics(MessageId, String),
    /// GetLog, with the file's name and the answer if the station begins.
    Log(MessageId, String, LogStatus),
    /// SignedUpdateFirmware, with the answer if the signer's certificate is good.
    SignedUpdate(MessageId, UpdateFirmwareStatus),
    /// InstallCertificate.
    InstallCertificate(MessageId),
    /// DeleteCertificate.
    DeleteCertificate(MessageId),
    /// GetInstalledCertificateIds; the list comes after the outcome.
    CertificateIds(MessageId),
    /// CertificateSigned.
    Chain(MessageId),
    /// ChangeConfiguration of the security profile; the list of roots comes after the outcome.
    Profile(MessageId, u64),
}

impl Waiting {
    /// The call that waits.
    pub(crate) fn id(&self) -> &MessageId {
        match self {
            Self::RemoteStart(id)
            | Self::RemoteStop(id)
            | Self::Unlock(id)
            | Self::Reset(id)
            | Self::Availability(id)
            | Self::Setting(id)
            | Self::Reserve(id)
            | Self::CancelReservation(id)
            | Self::Diagnostics(id, _)
            | Self::Log(id, _, _)
            | Self::SignedUpdate(id, _)
            | Self::InstallCertificate(id)
            | Self::DeleteCertificate(id)
            | Self::CertificateIds(id)
            | Self::Chain(id)
            | Self::Profile(id, _) => id,
        }
    }
}

/// A reset that the backend ordered. An instance that lives on has not seen it succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResetTries {
    kind: ResetKind,
    /// Further tries, as the key `ResetRetries` said.
    left: u64,
    /// When it counts as unsuccessful, once the station has taken it.
    due: Option<Instant>,
}

/// How far the backend has taken us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It was not asked, or has not answered.
    No,
    /// It wants to look or configure first.
    Pending,
    /// It does not take us; we are silent until the interval is over.
    Rejected,
    /// It has taken us.
    Yes,
}

/// An adapter for OCPP 1.6.
pub struct Ocpp16<O> {
    operator: PhantomData<O>,
    pub(crate) now: Moment,
    pub(crate) settings: AdapterSettings,
    pub(crate) config: Configuration,
    pub(crate) station: StationInfo,
    pub(crate) role: Role,
    pub(crate) boot_count: u64,
    pub(crate) started_ms: u64,
    pub(crate) next_message: u64,
    pub(crate) next_request: u64,
    pub(crate) calls: Correlator<About>,
    pub(crate) inbox: Inbox,
    /// By the number of our request to the station, with the time by which it must be answered.
    pub(crate) waiting: BTreeMap<u64, (Waiting, Instant)>,
    pub(crate) reset: Option<ResetTries>,
    pub(crate) registered: Registered,
    pub(crate) link_up: bool,
    pub(crate) connecting: bool,
    pub(crate) attempts: u32,
    pub(crate) reconnect_at: Option<Instant>,
    /// Since when a changed key waits for a new connection.
    pub(crate) renew_since: Option<Instant>,
    /// When the backend last asked for something.
    pub(crate) last_asked: Instant,
    pub(crate) boot_at: Option<Instant>,
    pub(crate) heartbeat_at: Option<Instant>,
    pub(crate) last_call: Instant,
    pub(crate) statuses: Statuses,
    pub(crate) cache: Cache,
    pub(crate) local_list: LocalList,
    pub(crate) charging: Charging,
    /// Transactions that began before this backend was added.
    pub(crate) unheard: VecDeque<RunningTransaction>,
    pub(crate) questions: Questions,
    pub(crate) transactions: Transactions,
    pub(crate) firmware: Firmware,
    /// The upload under way.
    pub(crate) upload: Option<Upload>,
    /// The upload that the station was asked for last.
    pub(crate) upload_asked: Option<Upload>,
    pub(crate) security: Security,
    /// The station has a certificate of its own.
    pub(crate) client_certificate: bool,
    /// The signing request that the station was asked for.
    pub(crate) csr_asked: Option<u64>,
    pub(crate) last_error: Option<String>,
    pub(crate) link_detail: String,
    /// What the last state said, without the seconds that pass.
    shown: Option<(Registration, Option<Instant>, Option<String>, String)>,
    wake: Option<Option<Instant>>,
    commands: Vec<Command>,
    /// Requests of the station for a reading that the backend triggered: request id → connector.
    pub(crate) readings: BTreeMap<u64, u32>,
    /// What to do after the answer has left: triggered messages, a new connection.
    pub(crate) afterwards: VecDeque<After>,
}

/// What follows an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// Send BootNotification.
    Boot,
    /// Send Heartbeat.
    Heartbeat,
    /// Send the status of a connector, or of all.
    Status(Option<u32>),
    /// Take a reading of a connector, or of all, and send it.
    Meter(Option<u32>),
    /// Tell how far the upload of diagnostics is.
    DiagnosticsStatus,
    /// Tell how far the upload of a log is.
    LogStatus,
    /// Tell how far the update is.
    FirmwareStatus,
    /// Tell how far the update is, in the whitepaper's words.
    SignedFirmwareStatus,
    /// Ask for a new certificate of the station.
    Sign,
}

impl<O: Operator> BackendAdapter for Ocpp16<O> {
    fn describe() -> Manifest {
        manifest::<O>()
    }

    fn start(now: Moment, context: StartContext) -> (Self, Vec<Command>) {
        let (given, complaint) = checked::<O>(&context.settings);
        let settings = AdapterSettings {
            complaint,
            ..AdapterSettings::read::<O>(&given, &context.identity)
        };
        let config =
            Configuration::new(&given, &context.store, &context.station, &settings.identity);
        let charging = Charging::read(
            &context.store,
            &given,
            &context.station,
            &context.transactions,
            now,
        );
        let call_timeout = Millis::from_secs(u64::from(settings.connection_timeout_s.max(1)));
        let mut adapter = Self {
            operator: PhantomData,
            now,
            config,
            station: context.station,
            role: context.role,
            boot_count: context.boot_count,
            started_ms: now.at.as_millis(),
            next_message: 0,
            // Unique over restarts: what a transfer is asked with outlives the instance.
            next_request: (context.boot_count << 40).saturating_add(now.at.as_millis()),
            calls: Correlator::new(CorrelatorLimits {
                queue: CALLS_WAITING,
                timeout: call_timeout,
            }),
            inbox: Inbox::new(),
            waiting: BTreeMap::new(),
            reset: None,
            registered: boot::restored(&context.store, context.boot_count),
            link_up: false,
            connecting: false,
            attempts: 0,
            reconnect_at: None,
            renew_since: None,
            last_asked: now.at,
            boot_at: None,
            heartbeat_at: None,
            last_call: now.at,
            statuses: Statuses::new(context.connectors, context.faults),
            cache: Cache::read(&context.store),
            local_list: LocalList::read(&context.store),
            charging,
            unheard: VecDeque::new(),
            questions: Questions::new(&context.settings),
            transactions: Transactions::read(&context.store, context.outbox),
            firmware: Firmware::read(&context.store),
            upload: Upload::read(&context.store),
            upload_asked: None,
            security: Security::read(&given, &context.store),
            client_certificate: context.client_certificate,
            csr_asked: None,
            last_error: None,
            link_detail: String::new(),
            shown: None,
            wake: None,
            commands: Vec::new(),
            readings: BTreeMap::new(),
            afterwards: VecDeque::new(),
            settings,
        };
        adapter.find_unheard(context.cursor, context.transactions);
        adapter.resume_update(context.installation.as_ref());
        adapter.resume_upload();
        let profile = adapter.security.next().to_string();
        adapter.config.show("SecurityProfile", profile);
        if context.link.is_some() {
            adapter.on_link_up();
        } else {
            adapter.connect();
        }
        let commands = adapter.finish();
        (adapter, commands)
    }

    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command> {
        self.now = now;
        match input {
            Input::Timer => {}
            Input::LinkUp(_) => self.on_link_up(),
            Input::LinkDown(down) => self.on_link_down(&down),
            Input::Frame(text) => self.on_frame(&text),
            Input::Journal(entry) => self.on_journal(entry),
            Input::Connector(status) => {
                self.charging.connector_changed(&status);
                self.statuses.connector_changed(status);
            }
            Input::Fault(notice) => self.on_fault(notice),
            Input::Meter((request, reading)) => self.on_reading(request, &reading),
            Input::Authorize(request) => self.on_authorize(request),
            Input::Outcome(outcome) => self.on_outcome(&outcome),
            Input::SettingChanged(setting) => {
                self.config.station_setting_changed(&setting);
                self.questions.station_setting_changed(&setting);
                self.charging.setting_changed(&setting);
            }
            Input::Transfer(report) => {
                self.firmware_report(&report);
                self.upload_report(&report);
            }
            Input::Certificates((request, hashes)) => self.on_certificates(request, &hashes),
            Input::Csr((request, pem)) => self.on_csr(request, &pem),
            // OCPP-J needs no HTTP of its own.
            Input::HttpResponse(_) | Input::Listening(_) | Input::HttpCall(_) => {}
            Input::Restarting(_) => {}
        }
        self.finish()
    }
}

impl<O: Operator> Ocpp16<O> {
    /// What is due, then everything that was asked for.
    fn finish(&mut self) -> Vec<Command> {
        self.on_time();
        self.tell_unheard();
        self.tell_ceilings();
        self.send_statuses();
        self.send_durable();
        while let Some(text) = self.calls.poll_frame() {
            self.last_call = self.now.at;
            self.commands.push(Command::Send(text));
        }
        let wake = self.next_wake();
        if self.wake != Some(wake) {
            self.wake = Some(wake);
            self.commands.push(Command::WakeAt(wake));
        }
        self.show();
        std::mem::take(&mut self.commands)
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(crate) fn write(&mut self, writes: impl IntoIterator<Item = StoreWrite>) {
        self.commands.extend(writes.into_iter().map(Command::Store));
    }

    fn on_time(&mut self) {
        let now = self.now.at;
        // The host forgets a wake-up that has come.
        if matches!(self.wake, Some(Some(at)) if at <= now) {
            self.wake = None;
        }
        if self.reconnect_at.is_some_and(|at| at <= now) {
            self.connect();
        }
        while let Some(ended) = self.calls.handle_timeout(now) {
            self.unanswered(ended);
        }
        self.answer_overdue();
        self.retry_reset_if_due();
        self.drop_old_start_profile();
        self.give_up_questions();
        self.firmware_if_due();
        self.boot_if_due();
        self.heartbeat_if_due();
        self.renew_if_due();
        while let Some(after) = self.afterwards.pop_front() {
            self.follow_up(after);
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        [
            self.reconnect_at,
            self.renew_due(),
            self.boot_at.filter(|_| self.link_up),
            self.heartbeat_at.filter(|_| self.is_online()),
            self.calls.poll_timeout().filter(|_| self.link_up),
            // One that is due and held up by another call goes when that call ends.
            self.transactions
                .retry_at
                .filter(|at| self.is_online() && *at > self.now.at),
            self.waiting.values().map(|(_, due)| *due).min(),
            self.questions.next_due(),
            self.charging.next_change,
            self.firmware
                .next_due(self.now.at, self.now.wall, self.statuses.is_idle()),
            self.reset.as_ref().and_then(|reset| reset.due),
            self.statuses
                .next_due(self.now.at, self.minimum_status_duration())
                .filter(|_| self.is_online()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Connected, and the backend has taken us.
    pub(crate) fn is_online(&self) -> bool {
        self.link_up && self.registered == Registered::Yes
    }

    fn show(&mut self) {
        let registration = match (self.link_up, self.registered) {
            (false, _) if self.connecting => Registration::Connecting,
            (false, _) => Registration::Offline,
            (true, Registered::No) => Registration::Connecting,
            (true, Registered::Pending) => Registration::Pending,
            (true, Registered::Rejected) => Registration::Rejected,
            (true, Registered::Yes) => Registration::Registered,
        };
        let detail = match registration {
            Registration::Registered => match self.heartbeat_at {
                Some(at) => {
                    format!(
                        "Connected (send heartbeat in {} seconds)",
                        at.since(self.now.at).get() / 1_000
                    )
                }
                None => "Connected".to_owned(),
            },
            Registration::Offline => self.link_detail.clone(),
            Registration::Connecting => "Connecting".to_owned(),
            Registration::Pending => "The backend wants to configure first".to_owned(),
            Registration::Rejected => "The backend does not accept this identity".to_owned(),
        };
        let detail = match &self.settings.complaint {
            Some(complaint) if detail.is_empty() => complaint.clone(),
            Some(complaint) => format!("{detail}; {complaint}"),
            None => detail,
        };
        let last_error = self.last_error.clone();
        let shown = (
            registration,
            self.heartbeat_at,
            last_error.clone(),
            self.link_detail.clone(),
        );
        if self.shown.as_ref() != Some(&shown) {
            self.shown = Some(shown);
            self.commands.push(Command::State(AdapterState {
                registration,
                detail,
                last_error,
            }));
        }
    }

    // ---- the link ----

    fn connect(&mut self) {
        self.reconnect_at = None;
        self.connecting = true;
        let password = self
            .config
            .text("AuthorizationKey")
            .unwrap_or_else(|| self.settings.password.clone());
        let identity = self.settings.identity.clone();
        let profile = self.security.next();
        self.profile_tried();
        self.command(Command::Connect(ConnectRequest {
            url: security::secured(&self.settings.connect_url(), profile),
            subprotocols: vec!["ocpp1.6".to_owned()],
            basic_auth: (!password.is_empty() && profile < 3)
                .then(|| (identity, operator::password_bytes(&password))),
            keep_alive_s: u32::try_from(self.config.number("WebSocketPingInterval"))
                .unwrap_or(u32::MAX),
            timeout_s: self.settings.connection_timeout_s,
            client_certificate: self.presents_certificate().then_some(true),
        }));
    }

    /// When the connection is made anew for a changed key: after the row of changes that a backend sends at the first
    /// contact, so that none is lost.
    fn renew_due(&self) -> Option<Instant> {
        let since = self.renew_since?;
        let quiet = self.last_asked.after(Millis::from_secs(RECONNECT_QUIET_S));
        Some(quiet.min(since.after(Millis::from_secs(RECONNECT_LATEST_S))))
    }

    fn renew_if_due(&mut self) {
        if self.renew_due().is_some_and(|at| at <= self.now.at) {
            self.renew_since = None;
            let why = "new credentials or settings".to_owned();
            self.command(Command::Disconnect(why));
        }
    }

    fn on_link_up(&mut self) {
        self.link_up = true;
        self.connecting = false;
        self.link_detail.clear();
        match self.registered {
            // The backend knows us from before the connection was lost.
            Registered::Yes => self.schedule_heartbeat(),
            Registered::No => self.boot_at = Some(self.now.at),
            // The interval the backend ordered outlasts a lost connection.
            Registered::Pending | Registered::Rejected => {
                self.boot_at = self.boot_at.or(Some(self.now.at));
            }
        }
    }

    fn on_link_down(&mut self, down: &LinkDown) {
        self.link_up = false;
        self.connecting = false;
        self.renew_since = None;
        self.profile_failed(down);
        self.link_detail = down.detail.clone();
        self.inbox.handle_disconnected();
        self.waiting.clear();
        for ended in self.calls.handle_disconnected() {
            self.unanswered(ended);
        }
        self.attempts = self.attempts.saturating_add(1);
        let pause = self.pause();
        self.reconnect_at = Some(self.now.at.after(pause));
    }

    /// Doubles with every attempt up to the maximum; the jitter comes from identity and attempt, so that a thousand
    /// stations do not come back in the same second and a replay does the same again.
    fn pause(&self) -> Millis {
        let base = u64::from(self.settings.reconnect_base_s.max(1)).saturating_mul(1_000);
        let max = u64::from(self.settings.reconnect_max_s.max(1)).saturating_mul(1_000);
        let doubled = base
            .saturating_mul(1_u64 << self.attempts.saturating_sub(1).min(16))
            .min(max);
        let seed = self
            .settings
            .identity
            .bytes()
            .chain(self.attempts.to_le_bytes())
            .chain(self.boot_count.to_le_bytes());
        let hash = seed.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Millis::new(doubled.saturating_add(doubled * (hash % JITTER_PERCENT) / 100))
    }

    // ---- frames ----

    /// A message id that is used once: start of the station, start of the instance, number.
    pub(crate) fn message_id(&mut self) -> MessageId {
        self.next_message = self.next_message.saturating_add(1);
        MessageId::new(format!(
            "{}-{}-{}",
            self.boot_count, self.started_ms, self.next_message
        ))
        .unwrap_or_else(|| MessageId::from_counter(self.next_message))
    }

    pub(crate) fn request_id(&mut self) -> u64 {
        self.next_request = self.next_request.saturating_add(1);
        self.next_request
    }

    /// Queues a call; answers whether there was room.
    pub(crate) fn call(&mut self, request: &Request, about: About) -> bool {
        self.call_within(request, about, None)
    }

    /// Queues a call with its own time to wait for the answer.
    pub(crate) fn call_within(
        &mut self,
        request: &Request,
        about: About,
        timeout: Option<Millis>,
    ) -> bool {
        let id = self.message_id();
        let mut call =
            OutgoingCall::new(id, request.action().as_str(), request.to_payload(), about);
        call.timeout = timeout;
        let queued = self.calls.try_call(self.now.at, call).is_ok();
        if !queued {
            log(
                Level::Warn,
                &format!("{} is left out: too many calls wait", request.action()),
            );
        }
        queued
    }

    fn on_frame(&mut self, text: &str) {
        match Frame::parse(text) {
            Ok(Frame::Call {
                id,
                action,
                payload,
            }) => self.on_call(&id, &action, &payload),
            Ok(Frame::CallResult { id, payload }) => {
                if let Some(call) = self.matched(&id) {
                    match ocpp::v16::decode_response(&call.action, &payload) {
                        Ok(response) => self.answered(call, response),
                        Err(error) => {
                            log(Level::Warn, &format!("answer to {}: {error}", call.action));
                            self.refused(call, &error);
                        }
                    }
                }
            }
            Ok(Frame::CallError { id, error }) => {
                if let Some(call) = self.matched(&id) {
                    log(
                        Level::Warn,
                        &format!("{} was refused: {error}", call.action),
                    );
                    self.refused(call, &error);
                }
            }
            Err(error) => {
                log(Level::Warn, &error.to_string());
                if let Some(answer) = error.answer() {
                    self.command(Command::Send(answer.to_text()));
                }
            }
        }
    }

    fn matched(&mut self, id: &MessageId) -> Option<OutgoingCall<About>> {
        match self.calls.handle_answer(self.now.at, id) {
            Matched::Call(call) => Some(call),
            Matched::Late => {
                log(Level::Warn, &format!("late answer {id} ignored"));
                None
            }
            Matched::Doubled | Matched::Unknown => {
                log(
                    Level::Warn,
                    &format!("answer {id} to no call of ours ignored"),
                );
                None
            }
        }
    }

    fn answered(&mut self, call: OutgoingCall<About>, response: Response) {
        // Only a backend that answers counts as reached; one that takes connections and drops them does not.
        self.attempts = 0;
        self.profile_works();
        match (call.tag, response) {
            (About::Boot, Response::BootNotification(answer)) => self.boot_answered(&answer),
            (About::Heartbeat, Response::Heartbeat(answer)) => self.set_clock(answer.current_time),
            (About::Status(connector), _) => self.statuses.told(connector),
            (About::Authorize { request_id, tag }, Response::Authorize(answer)) => {
                self.authorize_answered(request_id, &tag, &answer.id_tag_info);
            }
            (About::Durable, response) => self.durable_answered(&response),
            (About::Boot | About::Heartbeat | About::Notice | About::Authorize { .. }, _) => {}
        }
    }

    /// An observer's backend does not tell the station the time.
    pub(crate) fn set_clock(&mut self, wall: Timestamp) {
        if self.role == Role::Primary {
            self.command(Command::SetClock(wall));
        }
    }

    /// The backend answered a call with an error, or with nonsense.
    fn refused(&mut self, call: OutgoingCall<About>, error: &CallError) {
        match call.tag {
            About::Boot => self.boot_unanswered(),
            About::Authorize { request_id, tag } => self.authorize_unanswered(request_id, &tag),
            About::Durable => self.durable_refused(error),
            // It was heard; saying it again would not change the answer.
            About::Status(connector) => self.statuses.told(connector),
            About::Heartbeat | About::Notice => {}
        }
    }

    /// A call ended without an answer: its time was up, or the connection went.
    fn unanswered(&mut self, ended: Ended<About>) {
        match ended.call.tag {
            About::Boot => self.boot_unanswered(),
            About::Status(connector) => self.statuses.untold(connector),
            About::Authorize { request_id, tag } => self.authorize_unanswered(request_id, &tag),
            About::Durable => self.durable_unanswered(),
            About::Heartbeat | About::Notice => {}
        }
    }

    fn on_call(&mut self, id: &MessageId, action: &str, payload: &serde_json::Value) {
        self.last_asked = self.now.at;
        if self.registered == Registered::Rejected {
            log(
                Level::Info,
                &format!("{action} is not answered: the backend has not accepted us"),
            );
            return;
        }
        if let Opened::Repeated(answer) = self.inbox.open(id, action, payload) {
            if let Some(text) = answer {
                self.command(Command::Send(text));
            }
            return;
        }
        match ocpp::v16::decode_request(action, payload) {
            Ok(request) => self.on_request(id, request),
            Err(error) => self.answer_error(id, error),
        }
    }

    pub(crate) fn answer(&mut self, id: &MessageId, response: &Response) {
        self.answer_payload(id, response.to_payload());
    }

    pub(crate) fn answer_payload(&mut self, id: &MessageId, payload: serde_json::Value) {
        let text = Frame::result(id.clone(), payload).to_text();
        self.inbox.answered(id, &text);
        self.command(Command::Send(text));
    }

    pub(crate) fn answer_error(&mut self, id: &MessageId, error: CallError) {
        log(Level::Warn, &format!("call {id}: {error}"));
        let text = Frame::error(id.clone(), error).to_text();
        self.inbox.answered(id, &text);
        self.command(Command::Send(text));
    }

    pub(crate) fn answer_not_supported(&mut self, id: &MessageId, what: &str) {
        let error = CallError::new(
            ErrorCode::NotSupported,
            format!("{what} is not offered by this station"),
        );
        self.answer_error(id, error);
    }
}
