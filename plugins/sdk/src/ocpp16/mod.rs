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
mod frames;
mod given;
mod key_list;
mod keys;
mod limits;
mod link;
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

use ocpp::rpc::{Correlator, CorrelatorLimits, Inbox, MessageId};
use ocpp::v16::{LogStatus, UpdateFirmwareStatus};
use units::{Instant, Millis};

use crate::backend::{
    AdapterState, BackendAdapter, Command, Input, Registration, ResetKind, Role,
    RunningTransaction, StartContext,
};
use crate::{Manifest, Moment, StationInfo, StoreWrite};

use authorize::{Cache, Questions};
use charging::Charging;
use config::Configuration;
use firmware::Firmware;
use limits::CALLS_WAITING;
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
        adapter.take_given_keys(&given, &context.store);
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
}
