//! Backend adapters: between the station and one charge station management system. Mirrors
//! `wit/backend/backend.wit`, where the contract is explained.

use units::{Instant, Timestamp};

pub use crate::services::{
    CertificateHash, CertificateUse, CertificatesRequest, CsrRequest, DeleteCertificateRequest,
    Document, FirmwareRequest, FirmwareSignature, HashAlgorithm, Headers, HttpAnswer, HttpCall,
    HttpRequest, HttpResponse, InstallCertificateRequest, InstallChainRequest, ListenRequest,
    Listening, ServerTls, TransferReport, TransferStage, UploadRequest,
};
use crate::{
    AuthorizeRequest, Manifest, Moment, Setting, StationInfo, StoreEntry, StoreWrite, Token,
    Verdict,
};

/// What an adapter knows when it starts: after boot, a trap or a swap; the same in all three cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartContext {
    /// Identity of the station at this backend.
    pub identity: String,
    /// Whether its backend may command.
    pub role: Role,
    /// Station settings it may read, and its own, with the policy pack's values.
    pub settings: Vec<Setting>,
    /// Its key-value store.
    pub store: Vec<StoreEntry>,
    /// Frames enqueued and not yet dequeued, oldest first.
    pub outbox: Vec<DurableFrame>,
    /// Journal entries up to this one were taken.
    pub cursor: u64,
    /// The station as it introduces itself.
    pub station: StationInfo,
    /// Facts about every connector.
    pub connectors: Vec<ConnectorStatus>,
    /// Transactions running now.
    pub transactions: Vec<RunningTransaction>,
    /// Faults standing now.
    pub faults: Vec<FaultNotice>,
    /// The link is up already (after a trap or a swap).
    pub link: Option<LinkUp>,
    /// Why the station started.
    pub boot_reason: BootReason,
    /// Increases by one with every start of the station; makes ids unique over restarts.
    pub boot_count: u64,
    /// What became of the installation that this adapter asked for last, if a restart ended it; the same at every start
    /// until it asks for the next download.
    pub installation: Option<TransferReport>,
    /// The station holds a certificate of its own that a link can present.
    pub client_certificate: bool,
}

/// What the backend may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It may command.
    Primary,
    /// It is reported to and may not command.
    Observer,
}

/// Why the station started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BootReason {
    /// Mains came.
    PowerUp,
    /// A backend or a person asked.
    RemoteReset,
    /// A schedule asked.
    ScheduledReset,
    /// A watchdog fired.
    Watchdog,
    /// New firmware.
    FirmwareUpdate,
    /// Nobody knows.
    Unknown,
}

/// A frame that must reach the backend. It is sent again after every loss until the adapter dequeues it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableFrame {
    /// Message id; the same for every repetition.
    pub id: String,
    /// The frame as it goes on the wire.
    pub text: String,
}

/// The link is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkUp {
    /// Subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// It runs over TLS.
    pub secure: bool,
}

/// Why a link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkFailure {
    /// Nobody answered or the connection broke.
    Network,
    /// The server's certificate was refused.
    Tls,
    /// The server refused the upgrade (`detail` has the HTTP status).
    Refused,
    /// Wrong subprotocol, oversized or non-text frame.
    Protocol,
    /// Closed as the adapter asked.
    Closed,
    /// The grant for this URL is missing.
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

/// Filtered state of the control pilot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PilotState {
    /// State A.
    A,
    /// State B.
    B,
    /// State C.
    C,
    /// State D.
    D,
    /// State E.
    E,
    /// State F.
    F,
}

/// What the transaction (or the vehicle without one) is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChargingState {
    /// No vehicle.
    Idle,
    /// Vehicle connected, nothing offered yet.
    EvConnected,
    /// Energy may flow and the vehicle takes it.
    Charging,
    /// Offered, and the vehicle does not take it.
    SuspendedEv,
    /// The station offers nothing.
    SuspendedEvse,
}

/// Facts about one connector; the adapter maps them to its protocol's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorStatus {
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Connector of the EVSE, from 1.
    pub connector_id: u32,
    /// Availability as ordered (persistent).
    pub operative: bool,
    /// A vehicle is plugged in.
    pub plugged: bool,
    /// A session is authorised.
    pub authorized: bool,
    /// Filtered pilot state.
    pub pilot: PilotState,
    /// What the transaction or the vehicle is doing.
    pub charging: ChargingState,
    /// A transaction has ended and the cable is still in.
    pub finishing: bool,
    /// Reserved.
    pub reserved: bool,
    /// Running transaction, local number.
    pub transaction: Option<u64>,
    /// Fault that takes the connector out of service.
    pub fault: Option<FaultNotice>,
    /// When this became true.
    pub at: Moment,
}

/// A fault came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultNotice {
    /// Where; `None` concerns the whole station.
    pub evse_id: Option<u32>,
    /// Fault id of the registry, for example `RCMB`.
    pub id: String,
    /// Error code in the words of OCPP 1.6, for example `GroundFailure`.
    pub code: String,
    /// Vendor code, for example `B_RCMB`.
    pub vendor_code: String,
    /// For people.
    pub message: String,
    /// It stands; else it has gone.
    pub active: bool,
    /// Ends the transaction and takes the connector out of service.
    pub stops_transaction: bool,
    /// For the switches that mute it.
    pub kind: NoticeKind,
    /// When.
    pub at: Moment,
}

/// Kind of a fault notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// A real error.
    Error,
    /// Informative, for example the controller's temperature.
    Informative,
    /// USB errors of double stations.
    Usb,
}

/// What is measured; the unit is in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measurand {
    /// Imported energy register, Wh.
    EnergyImportRegisterWh,
    /// Exported energy register, Wh.
    EnergyExportRegisterWh,
    /// Power towards the vehicle, W.
    PowerImportW,
    /// Power offered, W.
    PowerOfferedW,
    /// Current towards the vehicle, mA.
    CurrentImportMa,
    /// Current offered, mA.
    CurrentOfferedMa,
    /// Voltage line to neutral, mV.
    VoltageMv,
    /// Frequency, mHz.
    FrequencyMhz,
    /// Temperature, tenths of a degree Celsius.
    TemperatureDc,
    /// State of charge, percent.
    SocPercent,
}

/// Phase of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Line 1.
    L1,
    /// Line 2.
    L2,
    /// Line 3.
    L3,
    /// Neutral.
    N,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What, and in which unit.
    pub measurand: Measurand,
    /// On which phase; `None` = the sum, or not phase-related.
    pub phase: Option<Phase>,
    /// The value in the measurand's unit.
    pub value: i64,
}

/// Why a reading was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadingContext {
    /// At the start of a transaction.
    TransactionBegin,
    /// At its end.
    TransactionEnd,
    /// Periodic sample during a transaction.
    SamplePeriodic,
    /// Aligned to the wall clock.
    SampleClock,
    /// Somebody asked.
    Trigger,
    /// Power was lost.
    InterruptionBegin,
    /// Power came back.
    InterruptionEnd,
    /// Anything else.
    Other,
}

/// A set of samples of one EVSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterReading {
    /// EVSE, from 1.
    pub evse_id: u32,
    /// When.
    pub at: Moment,
    /// Why.
    pub context: ReadingContext,
    /// The values.
    pub samples: Vec<Sample>,
}

/// Why a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopReason {
    /// By the user at the station.
    Local,
    /// The vehicle was unplugged.
    EvDisconnected,
    /// By a backend.
    Remote,
    /// The token lost its right.
    Deauthorized,
    /// Emergency stop.
    EmergencyStop,
    /// Hard reset.
    HardReset,
    /// Soft reset.
    SoftReset,
    /// Power was lost and the session is not resumed.
    PowerLoss,
    /// The software restarted.
    Reboot,
    /// Unlock by a backend.
    UnlockCommand,
    /// Anything else, a fault for example.
    Other,
}

/// A transaction began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionStarted {
    /// The transaction's local number.
    pub transaction: u64,
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Connector of the EVSE, from 1.
    pub connector_id: u32,
    /// Who.
    pub token: Token,
    /// Register at the start, Wh.
    pub meter_start_wh: u64,
    /// Reservation it uses up.
    pub reservation: Option<u32>,
    /// Accepted without the backend's opinion.
    pub offline: bool,
    /// Not to be reported as a transaction (free-charging modes without one).
    pub silent: bool,
}

/// A transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionEnded {
    /// The transaction's local number.
    pub transaction: u64,
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Who ended it, if a token did.
    pub token: Option<Token>,
    /// Register at the end, Wh.
    pub meter_stop_wh: u64,
    /// Why.
    pub reason: StopReason,
}

/// A transaction that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTransaction {
    /// The transaction's local number.
    pub transaction: u64,
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Connector of the EVSE, from 1.
    pub connector_id: u32,
    /// Who.
    pub token: Token,
    /// Register at the start, Wh.
    pub meter_start_wh: u64,
    /// When it began.
    pub started: Moment,
    /// Not to be reported as a transaction.
    pub silent: bool,
    /// The journal entry of its start, or a later one. An adapter whose cursor is not behind it and that does not know
    /// the transaction was added in the middle of it.
    pub start_seq: u64,
}

/// What must not be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEvent {
    /// A transaction began.
    Started(TransactionStarted),
    /// A reading that belongs to a transaction; kept in order with start and end.
    Metered((u64, MeterReading)),
    /// A transaction ended.
    Ended(TransactionEnded),
    /// Security-relevant event: `Kind` or `Kind: detail`, kinds as the security whitepaper of OCPP 1.6 spells them.
    Security(String),
}

/// An event that must not be lost. The host hands the next one only after `advance` and while the outbox is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Position in the journal; rises by one.
    pub seq: u64,
    /// When it happened; the wall clock is filled in afterwards if it became known later.
    pub at: Moment,
    /// What happened.
    pub event: JournalEvent,
}

/// How a request command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Done, or begun.
    Accepted,
    /// Not possible now.
    Rejected,
    /// Will be done when the running transaction has ended.
    Scheduled,
    /// Done; takes effect after a restart.
    RestartRequired,
    /// No such key, connector or transaction.
    Unknown,
    /// This station cannot do that.
    NotSupported,
    /// Tried, and it did not work.
    Failed,
    /// For reservations: used, or reserved for somebody else.
    Occupied,
    /// For reservations: a fault takes it out of service.
    Faulted,
    /// For reservations: out of service as ordered.
    Unavailable,
}

/// Answer of the station to a request command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// How it ended.
    pub kind: OutcomeKind,
    /// For people.
    pub detail: String,
}

/// Everything an adapter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The time asked for with [`Command::WakeAt`] has come.
    Timer,
    /// The link came up.
    LinkUp(LinkUp),
    /// The link went down, or could not be made.
    LinkDown(LinkDown),
    /// A text frame arrived.
    Frame(String),
    /// The next journal entry; take it with [`Command::Advance`].
    Journal(JournalEntry),
    /// A connector's facts changed.
    Connector(ConnectorStatus),
    /// A fault came or went.
    Fault(FaultNotice),
    /// A reading outside the journal: clock-aligned without a transaction, or the answer to [`Command::ReadMeter`] (with its request id).
    Meter((Option<u64>, MeterReading)),
    /// Somebody wants a verdict.
    Authorize(AuthorizeRequest),
    /// Answer to a request command.
    Outcome(Outcome),
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The station is about to restart; last words may be sent.
    Restarting(BootReason),
    /// How a transfer or an installation goes.
    Transfer(TransferReport),
    /// Answer to [`Command::ListCertificates`], with its request id.
    Certificates((u64, Vec<CertificateHash>)),
    /// Answer to [`Command::CreateCsr`], with its request id: the request in PEM.
    Csr((u64, String)),
    /// Answer to [`Command::HttpRequest`].
    HttpResponse(HttpResponse),
    /// The listener stands, moved to other addresses, or fell.
    Listening(Listening),
    /// Somebody calls; answer with [`Command::HttpAnswer`].
    HttpCall(HttpCall),
}

/// Where and how to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// Complete URL, identity appended and encoded.
    pub url: String,
    /// Subprotocols offered, best first.
    pub subprotocols: Vec<String>,
    /// User and password bytes for HTTP basic authentication.
    pub basic_auth: Option<(String, Vec<u8>)>,
    /// Ping interval in seconds; 0 = off.
    pub keep_alive_s: u32,
    /// Give up connecting after this long.
    pub timeout_s: u32,
    /// Present the station's own certificate; `None` = no.
    pub client_certificate: Option<bool>,
}

/// Kind of a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetKind {
    /// End transactions properly, then restart.
    Soft,
    /// Restart as fast as is safe.
    Hard,
}

/// Start a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// Where; `None` lets the station choose.
    pub evse_id: Option<u32>,
    /// Who.
    pub token: Token,
    /// Ask for a verdict as if the token had been presented locally.
    pub authorize_first: bool,
}

/// Who the adapter says it is to the people at the cabinet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registration {
    /// No link.
    Offline,
    /// The link is being made.
    Connecting,
    /// The backend wants to configure first.
    Pending,
    /// The backend refuses the station.
    Rejected,
    /// The backend has accepted the station.
    Registered,
}

/// What the adapter says of itself, for status pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterState {
    /// How it stands with the backend.
    pub registration: Registration,
    /// For people, for example `Connected (send heartbeat in 42 seconds)`.
    pub detail: String,
    /// Last transaction message the backend refused for good, if any.
    pub last_error: Option<String>,
}

/// Unlock a plug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Connector of the EVSE, from 1.
    pub connector_id: u32,
}

/// Restart the station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// How.
    pub kind: ResetKind,
}

/// Take an EVSE in or out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// Where; `None` = all.
    pub evse_id: Option<u32>,
    /// In service.
    pub operative: bool,
}

/// Change a station setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// Registry key.
    pub key: String,
    /// Value as text.
    pub value: String,
}

/// End a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// The transaction's local number.
    pub transaction: u64,
}

/// Take a reading now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMeterRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// EVSE, from 1.
    pub evse_id: u32,
    /// Label of the reading.
    pub context: ReadingContext,
}

/// The backend's later opinion on the token of a running transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionVerdict {
    /// The transaction's local number.
    pub transaction: u64,
    /// The opinion; its request id is not used.
    pub verdict: Verdict,
    /// End the transaction if the opinion is negative.
    pub stop: bool,
}

/// A ceiling for the offered current. It stands until it is replaced, also over restarts of the adapter, and goes with the
/// adapter's plugin. Of several ceilings the lowest holds; nothing here raises what the station itself allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// `None` = for the sum of all EVSEs.
    pub evse_id: Option<u32>,
    /// Milliamperes per phase; below the station's minimum current nothing is offered. `None` = no ceiling.
    pub max_current_ma: Option<u32>,
    /// Highest number of phases; `None` = as wired.
    pub phases: Option<u32>,
}

/// Keep an EVSE free for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// `None` = any EVSE: one is kept free.
    pub evse_id: Option<u32>,
    /// The backend's number; the same number replaces the reservation.
    pub reservation: u32,
    /// For whom.
    pub token: Token,
    /// Tokens of this group may use it too.
    pub group: Option<String>,
    /// Until when.
    pub expires_wall_ms: Timestamp,
}

/// Give a reservation up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelReservationRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// The backend's number.
    pub reservation: u32,
}

/// Everything an adapter can ask for. `Advance`, `Store`, `Enqueue` and `Dequeue` of one call are committed together, before the others are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The journal is taken up to this position.
    Advance(u64),
    /// Change the store.
    Store(StoreWrite),
    /// Keep this frame until it is dequeued. It is not sent by this.
    Enqueue(DurableFrame),
    /// The backend has confirmed the frame with this id.
    Dequeue(String),
    /// Make the link (an existing one is closed first).
    Connect(ConnectRequest),
    /// Close the link; the text is for logs.
    Disconnect(String),
    /// Sends now; lost if the link is down. Needs no enqueue.
    Send(String),
    /// Wakes the adapter at this monotonic time; replaces the one before; `None` cancels.
    WakeAt(Option<Instant>),
    /// Wall clock as the backend says.
    SetClock(Timestamp),
    /// Answer to [`Input::Authorize`].
    Verdict(Verdict),
    /// Later opinion on a running transaction.
    TransactionVerdict(TransactionVerdict),
    /// Start a transaction.
    RequestStart(StartRequest),
    /// End a transaction.
    RequestStop(StopRequest),
    /// Unlock a plug.
    Unlock(UnlockRequest),
    /// Restart.
    Reset(ResetRequest),
    /// Take in or out of service.
    SetAvailability(AvailabilityRequest),
    /// Change a station setting.
    SetSetting(SettingRequest),
    /// Take a reading now.
    ReadMeter(ReadMeterRequest),
    /// A ceiling for the offered current.
    Limit(Limit),
    /// Keep an EVSE free.
    Reserve(ReserveRequest),
    /// Give a reservation up.
    CancelReservation(CancelReservationRequest),
    /// What the adapter says of itself.
    State(AdapterState),
    /// Bring a document to the backend. An outcome says whether it begins, reports follow; so for all about files.
    Upload(UploadRequest),
    /// Get an image and keep it.
    DownloadFirmware(FirmwareRequest),
    /// Install what was downloaded with this request id; then the station restarts.
    InstallFirmware(u64),
    /// Give a transfer up.
    CancelTransfer(u64),
    /// Name the installed roots.
    ListCertificates(CertificatesRequest),
    /// Trust a root.
    InstallCertificate(InstallCertificateRequest),
    /// Trust a root no longer.
    DeleteCertificate(DeleteCertificateRequest),
    /// Make a key and a request for its certificate.
    CreateCsr(CsrRequest),
    /// The certificate that was asked for.
    InstallChain(InstallChainRequest),
    /// For the journal, where every adapter hears it, and the security log: `Kind` or `Kind: detail`.
    SecurityEvent(String),
    /// Ask an HTTP server.
    HttpRequest(HttpRequest),
    /// Listen for calls.
    Listen(ListenRequest),
    /// Listen no longer.
    StopListening,
    /// Answer a call.
    HttpAnswer(HttpAnswer),
}

/// A backend adapter.
///
/// Call grammar: `describe` at any time; `start` once per instance; then `handle`, one call at a time. After a trap
/// or a missed deadline the instance is gone and a new one is started from the store, the outbox and the cursor.
pub trait BackendAdapter: Sized + 'static {
    /// Who the plugin is and what it asks for.
    fn describe() -> Manifest;
    /// Makes an instance.
    fn start(now: Moment, context: StartContext) -> (Self, Vec<Command>);
    /// Takes one input.
    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command>;
}

/// Exports a type as this component's backend adapter. Does nothing natively.
#[macro_export]
macro_rules! export_backend {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the generated exports are C functions")]
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: ::core::cell::RefCell<::core::option::Option<$plugin>> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }
            $crate::__backend_glue!($plugin, PLUGIN);
        };
    };
}
