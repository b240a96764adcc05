//! Words that events and actions share: tokens, verdicts, readings, transactions, connector facts.

pub use interlock::PilotState;
use units::{Instant, Milliamps, Timestamp, WattHours};

/// Number of an EVSE, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvseId(pub u8);

/// Number of a connector of one EVSE, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorId(pub u8);

/// Local number of a transaction; never used twice in the life of a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

/// Correlates a request with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Position in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalSeq(pub u64);

/// When something happened: monotonic always, wall clock if it was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic time of the running process.
    pub at: Instant,
    /// Wall clock; `None` while nobody has told the station the time.
    pub wall: Option<Timestamp>,
}

/// How a token came to the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// UID of a card, upper-case hexadecimal in air order.
    Rfid,
    /// From a backend's remote start.
    Central,
    /// MAC address of the vehicle.
    Mac,
    /// Fixed token of a free-charging mode.
    Fixed,
    /// Anything else.
    Other,
}

/// A token that identifies who wants to charge (OCPP 2.0.1: IdToken).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdToken {
    /// The text.
    pub value: String,
    /// Where it came from.
    pub kind: TokenKind,
}

/// Why a verdict is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizePurpose {
    /// Start a transaction.
    Start,
    /// Stop a running one with another token.
    Stop,
    /// Check again what was accepted while the backend was away.
    Recheck,
}

/// An authorizer's answer. `NoOpinion` never accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// May charge.
    Accepted,
    /// Known and blocked.
    Blocked,
    /// Known and expired.
    Expired,
    /// Not known.
    Invalid,
    /// Runs a transaction elsewhere already.
    Concurrent,
    /// Cannot tell, did not answer in time, or died.
    NoOpinion,
}

/// A decision with its circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Group (parent) of the token.
    pub group: Option<String>,
    /// End of validity.
    pub expires: Option<Timestamp>,
    /// Highest current this token may draw.
    pub limit: Option<Milliamps>,
    /// For people.
    pub reason: Option<String>,
    /// Given without the backend having been asked although there is one.
    pub offline: bool,
    /// Who gave it, for example `backend-eflux`; empty for no opinion.
    pub source: String,
}

/// What is measured in a [`Sample`]; the unit is in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measurand {
    /// Imported energy register, Wh.
    EnergyImportWh,
    /// Exported energy register, Wh.
    EnergyExportWh,
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
    /// Temperature, tenths of °C.
    TemperatureDc,
    /// State of charge, percent.
    SocPercent,
}

/// Phase of a sample; `None` elsewhere means the sum or not phase-related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SamplePhase {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What and in which unit.
    pub measurand: Measurand,
    /// On which phase.
    pub phase: Option<SamplePhase>,
    /// The value in the measurand's unit.
    pub value: i64,
}

/// Why a reading was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Where.
    pub evse: EvseId,
    /// When.
    pub moment: Moment,
    /// Why.
    pub context: ReadingContext,
    /// What; at most `limits::MAX_SAMPLES`.
    pub samples: Vec<Sample>,
}

/// Why a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What is written durably, in order, and handed to every adapter through its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEvent {
    /// A transaction began. Committed before any power is granted to it.
    TransactionStarted {
        /// Its number.
        transaction: TransactionId,
        /// Where.
        evse: EvseId,
        /// Which connector.
        connector: ConnectorId,
        /// Who.
        token: IdToken,
        /// Group of the token.
        group: Option<String>,
        /// Register at the start.
        meter_start: WattHours,
        /// Reservation it uses up.
        reservation: Option<u32>,
        /// Accepted without the backend's opinion.
        offline: bool,
        /// Not to be reported as a transaction.
        silent: bool,
    },
    /// A reading of a running transaction.
    TransactionMetered {
        /// Its number.
        transaction: TransactionId,
        /// The reading.
        reading: MeterReading,
    },
    /// A transaction ended.
    TransactionEnded {
        /// Its number.
        transaction: TransactionId,
        /// Where.
        evse: EvseId,
        /// Who ended it, if a token did.
        token: Option<IdToken>,
        /// Register at the end.
        meter_stop: WattHours,
        /// Why.
        reason: StopReason,
    },
    /// Something security-relevant, in words.
    Security {
        /// The words.
        text: String,
    },
}

/// What a transaction, or a vehicle without one, is doing (OCPP 2.0.1: ChargingState).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Kind of a fault notice, for the switches that mute them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Real errors.
    Error,
    /// Informative, for example the controller's temperature.
    Informative,
    /// USB errors of double stations.
    Usb,
}

/// A fault came, stands, or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultNotice {
    /// Where; `None` concerns the whole station.
    pub evse: Option<EvseId>,
    /// Id in the fault registry, for example `RCMB`.
    pub id: &'static str,
    /// Error code in the words of OCPP 1.6 ChargePointErrorCode (a vocabulary, not a protocol).
    pub code: &'static str,
    /// Vendor code, for example `B_RCMB`.
    pub vendor_code: &'static str,
    /// For people: activation or resolution text.
    pub message: String,
    /// It stands (`true`) or has gone.
    pub active: bool,
    /// Ends the transaction and takes the connector out of service.
    pub stops_transaction: bool,
    /// Kind.
    pub kind: NoticeKind,
    /// When.
    pub moment: Moment,
}

/// Facts about one connector; adapters map them to their protocol's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorStatus {
    /// Where.
    pub evse: EvseId,
    /// Which.
    pub connector: ConnectorId,
    /// Availability as ordered; survives a restart.
    pub operative: bool,
    /// A vehicle (or cable, for the pilot's sake) is plugged in.
    pub plugged: bool,
    /// A session is authorised.
    pub authorized: bool,
    /// Filtered pilot state.
    pub pilot: PilotState,
    /// Charging state.
    pub charging: ChargingState,
    /// A transaction has ended and the cable is still in.
    pub finishing: bool,
    /// Reserved.
    pub reserved: bool,
    /// Running transaction.
    pub transaction: Option<TransactionId>,
    /// Fault that takes it out of service.
    pub fault: Option<FaultNotice>,
    /// When this became true.
    pub moment: Moment,
}

/// Kind of a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetKind {
    /// End transactions properly, then restart.
    Soft,
    /// Restart the hardware as fast as is safe.
    Hard,
}

/// Why the station started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Answer of the station to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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

/// Source of a limit row; the answer to "why not more?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitSource {
    /// Rating of the cable (proximity pilot).
    Cable,
    /// Hardware of this EVSE (manufacturer).
    Hardware,
    /// Installation (installer).
    Installation,
    /// Operator.
    Operator,
    /// Supply line shared by the EVSEs of one station.
    SupplyLine,
    /// Load management.
    LoadManagement,
    /// A backend's profile.
    BackendProfile,
    /// Temperature.
    Temperature,
    /// The token's own limit.
    Token,
    /// The user at the station.
    User,
    /// Simplified pilot: 10 A.
    SimplifiedPilot,
}

/// One row of the limit table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Who limits.
    pub source: LimitSource,
    /// To how much, per phase.
    pub current: Milliamps,
}

/// What the station shows; an indicator profile maps it to LEDs, buzzer and display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indication {
    /// Self-test after power-up.
    Boot,
    /// Free.
    Available,
    /// Reserved.
    Reserved,
    /// A verdict is awaited.
    Authorising,
    /// Authorised, waiting for the vehicle.
    AuthorisedWaiting,
    /// Plugged and authorised; checks and lock run.
    Preparing,
    /// Offered, and the vehicle does not take it.
    SuspendedEv,
    /// Nothing is offered.
    SuspendedEvse,
    /// Energy flows.
    Charging,
    /// Ended, cable still in.
    Finishing,
    /// Fault.
    Fault,
    /// Out of service as ordered.
    Unavailable,
    /// Software update.
    Update,
}

/// What a backend hears of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reporting {
    /// Nothing.
    Nothing,
    /// Connector status only.
    StatusOnly,
    /// Status and transactions.
    Transactions,
}

/// How sessions go while everybody may charge for free, domain fact sheet §2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeCharging {
    /// Presented by itself when a vehicle is plugged in.
    pub start_on_plug: Option<IdToken>,
    /// What the backend hears.
    pub reporting: Reporting,
    /// Token to report instead of the presented one.
    pub report_as: Option<IdToken>,
    /// The backend may end the session.
    pub remote_stop: bool,
    /// The token that started the session ends it; otherwise only unplugging does.
    pub token_stops: bool,
}

/// A short signal on top of the standing indication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// One beep: accepted, or stopped by card.
    Accepted,
    /// Two beeps, 0.5 s apart: card refused or not readable.
    Rejected,
    /// A card is being read.
    CardSeen,
}
