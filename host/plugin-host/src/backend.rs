//! What goes to a backend adapter and comes back, in the station's types. Mirrors `wit/backend/backend.wit`.

use station::{
    BootReason, ConnectorId, ConnectorStatus, EvseId, FaultNotice, IdToken, JournalEvent,
    JournalSeq, MeterReading, Moment, Outcome, ReadingContext, RequestId, ResetKind, TransactionId,
    Verdict,
};
use units::{Instant, Milliamps, Phases, Timestamp, WattHours};

use crate::manifest::{Setting, StoreEntry, StoreWrite};
use crate::services::{
    CertificateCommand, CertificateHash, FileCommand, HttpCall, HttpCommand, HttpResponse,
    Listening, TransferReport,
};
use crate::{AuthorizeRequest, Refusal};

/// Whether the adapter's backend may command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendRole {
    /// It may.
    Primary,
    /// It only hears.
    Observer,
}

/// A frame that must reach the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableFrame {
    /// Message id, the same for every repetition.
    pub id: String,
    /// The frame.
    pub text: String,
}

/// The link is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkUp {
    /// Subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// Over TLS.
    pub secure: bool,
}

/// Why a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFailure {
    /// Nobody answered or the connection broke.
    Network,
    /// The server's certificate was refused.
    Tls,
    /// The server refused the upgrade.
    Refused,
    /// Wrong subprotocol, oversized or non-text frame.
    Protocol,
    /// Closed as the adapter asked.
    Closed,
    /// The grant for the URL is missing.
    Denied,
}

/// The link is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkDown {
    /// Kind.
    pub failure: LinkFailure,
    /// For people and logs.
    pub detail: String,
}

/// One EVSE as the adapter sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvseInfo {
    /// Which.
    pub evse: EvseId,
    /// Its connectors, numbered from 1.
    pub connectors: u8,
    /// Tethered cable.
    pub fixed_cable: bool,
    /// Rated current per phase.
    pub max_current: Milliamps,
    /// Phases wired.
    pub phases: u8,
}

/// A transaction that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTransaction {
    /// Which.
    pub transaction: TransactionId,
    /// Where.
    pub evse: EvseId,
    /// Which connector.
    pub connector: ConnectorId,
    /// Who.
    pub token: IdToken,
    /// Register at the start.
    pub meter_start: WattHours,
    /// When it began.
    pub started: Moment,
    /// Not to be reported as a transaction.
    pub silent: bool,
    /// The journal entry of its start, or a later one.
    pub start_seq: JournalSeq,
}

/// What an adapter knows when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendStart {
    /// Identity of the station at this backend.
    pub identity: String,
    /// Role.
    pub role: BackendRole,
    /// Settings, its own and those of the station. Station settings without a `settings.read` grant are left out by
    /// the plugin host (a key that the adapter's manifest defines is its own).
    pub settings: Vec<Setting>,
    /// Its store.
    pub store: Vec<StoreEntry>,
    /// Frames not yet confirmed, oldest first.
    pub outbox: Vec<DurableFrame>,
    /// Journal entries up to here were taken.
    pub cursor: JournalSeq,
    /// Who the station is.
    pub station: station::Identity,
    /// EVSEs.
    pub evses: Vec<EvseInfo>,
    /// Connectors.
    pub connectors: Vec<ConnectorStatus>,
    /// Running transactions.
    pub transactions: Vec<RunningTransaction>,
    /// Standing faults.
    pub faults: Vec<FaultNotice>,
    /// The link, if it is up already.
    pub link: Option<LinkUp>,
    /// Why the station started.
    pub boot_reason: BootReason,
    /// Rises with every start of the station.
    pub boot_count: u64,
    /// What became of the installation that the adapter asked for last, if a restart ended it.
    pub installation: Option<TransferReport>,
    /// The station holds a certificate of its own that a link can present.
    pub client_certificate: bool,
}

/// An event that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Position.
    pub seq: JournalSeq,
    /// When it happened.
    pub moment: Moment,
    /// What.
    pub event: JournalEvent,
}

/// Everything an adapter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendInput {
    /// The time it asked for has come.
    Timer,
    /// The link came up.
    LinkUp(LinkUp),
    /// The link went down, or could not be made.
    LinkDown(LinkDown),
    /// A text frame arrived.
    Frame(String),
    /// The next journal entry.
    Journal(JournalEntry),
    /// A connector's facts changed.
    Connector(ConnectorStatus),
    /// A fault came or went.
    Fault(FaultNotice),
    /// A reading outside the journal, with the request it answers.
    Meter {
        /// The adapter's request, if it answers one.
        request: Option<RequestId>,
        /// The reading.
        reading: MeterReading,
    },
    /// Somebody wants a verdict.
    Authorize(AuthorizeRequest),
    /// Answer to a request command.
    Outcome {
        /// Which request.
        request: RequestId,
        /// How it ended.
        outcome: Outcome,
        /// For people.
        detail: String,
    },
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The station is about to restart.
    Restarting(BootReason),
    /// How a transfer or an installation goes.
    Transfer(TransferReport),
    /// The installed roots, with the request that asked for them.
    Certificates(RequestId, Vec<CertificateHash>),
    /// A request for a certificate in PEM, with the request that asked for it.
    Csr(RequestId, String),
    /// What a server said.
    HttpResponse(HttpResponse),
    /// How it stands with the listener.
    Listening(Listening),
    /// Somebody calls.
    HttpCall(HttpCall),
}

/// Where and how to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// Complete URL, covered by the grant.
    pub url: String,
    /// Subprotocols, best first.
    pub subprotocols: Vec<String>,
    /// User and password.
    pub basic_auth: Option<(String, Vec<u8>)>,
    /// Ping interval, s; 0 = off.
    pub keep_alive_s: u32,
    /// Give up connecting after this long, s.
    pub timeout_s: u32,
    /// Present the station's own certificate.
    pub client_certificate: bool,
}

/// How the adapter stands with its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// No link.
    Offline,
    /// Being connected.
    Connecting,
    /// The backend wants to configure first.
    Pending,
    /// The backend refuses the station.
    Rejected,
    /// Accepted.
    Registered,
}

/// What the adapter says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterState {
    /// How it stands with its backend.
    pub registration: Registration,
    /// For people.
    pub detail: String,
    /// Last message that the backend refused for good.
    pub last_error: Option<String>,
}

/// Everything an adapter can ask for, checked and granted. In the order of the answer.
///
/// `Advance`, `Store`, `Enqueue` and `Dequeue` of one answer must be committed in one transaction before anything else
/// of it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendCommand {
    /// The journal is taken up to here.
    Advance(JournalSeq),
    /// Change its store.
    Store(StoreWrite),
    /// Keep until dequeued.
    Enqueue(DurableFrame),
    /// Confirmed; forget it.
    Dequeue(String),
    /// Make the link.
    Connect(ConnectRequest),
    /// Close the link, for this reason.
    Disconnect(String),
    /// Send now.
    Send(String),
    /// Wake at this time.
    WakeAt(Option<Instant>),
    /// Set the wall clock.
    SetClock(Timestamp),
    /// Answer to an open authorize request.
    Verdict {
        /// Which.
        request: RequestId,
        /// The verdict; `source` is the plugin's name.
        verdict: Verdict,
    },
    /// Later opinion about a running transaction.
    TransactionVerdict {
        /// Which.
        transaction: TransactionId,
        /// The opinion.
        verdict: Verdict,
        /// End it if negative.
        stop: bool,
    },
    /// Start a transaction.
    RequestStart {
        /// Correlates.
        request: RequestId,
        /// Where.
        evse: Option<EvseId>,
        /// Who.
        token: IdToken,
        /// Ask the plugins first.
        authorize_first: bool,
    },
    /// End a transaction.
    RequestStop {
        /// Correlates.
        request: RequestId,
        /// Which.
        transaction: TransactionId,
    },
    /// Unlock a plug.
    Unlock {
        /// Correlates.
        request: RequestId,
        /// Where.
        evse: EvseId,
        /// Which.
        connector: ConnectorId,
    },
    /// Restart.
    Reset {
        /// Correlates.
        request: RequestId,
        /// How.
        kind: ResetKind,
    },
    /// Take in or out of service.
    SetAvailability {
        /// Correlates.
        request: RequestId,
        /// Where; `None` = all.
        evse: Option<EvseId>,
        /// In service.
        operative: bool,
    },
    /// Change a station setting.
    SetSetting {
        /// Correlates.
        request: RequestId,
        /// Key.
        key: String,
        /// Value.
        value: String,
    },
    /// Take a reading.
    ReadMeter {
        /// Correlates.
        request: RequestId,
        /// Where.
        evse: EvseId,
        /// Label.
        context: ReadingContext,
    },
    /// A ceiling that stands until it is replaced.
    Limit {
        /// Where; `None` = for the sum of all EVSEs.
        evse: Option<EvseId>,
        /// Per phase; `None` = no ceiling.
        current: Option<Milliamps>,
        /// Highest number of phases.
        phases: Option<Phases>,
    },
    /// Keep an EVSE free.
    Reserve {
        /// Correlates.
        request: RequestId,
        /// Where; `None` = any.
        evse: Option<EvseId>,
        /// The backend's number.
        reservation: u32,
        /// For whom.
        token: IdToken,
        /// Tokens of this group may use it too.
        group: Option<String>,
        /// Until when.
        expires: Timestamp,
    },
    /// Give a reservation up.
    CancelReservation {
        /// Correlates.
        request: RequestId,
        /// The backend's number.
        reservation: u32,
    },
    /// What it says of itself.
    State(AdapterState),
    /// About files and firmware.
    File(RequestId, FileCommand),
    /// About certificates.
    Certificate(RequestId, CertificateCommand),
    /// For the journal and the security log.
    SecurityEvent(String),
    /// About HTTP.
    Http(HttpCommand),
    /// A command that is not to be executed. Log it; if it has a request, answer that with its outcome.
    Refused(Refusal),
}
