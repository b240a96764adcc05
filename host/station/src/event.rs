//! What happens to the station.

use units::{Milliamps, Phases, Timestamp, WattHours};

use crate::types::*;

/// Everything that can happen to the station. `now` comes with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The interlock's status of one EVSE, after a step in which it changed, and at least every 100 ms.
    Interlock {
        /// Where.
        evse: EvseId,
        /// Its status.
        status: interlock::Status,
    },
    /// A meter answered.
    Meter {
        /// The charging meter's reading.
        evse: EvseId,
        /// Import register.
        register: WattHours,
        /// All values, the register included.
        samples: Vec<Sample>,
    },
    /// A charging meter is silent.
    MeterSilent {
        /// Where.
        evse: EvseId,
    },
    /// A card was held to a reader.
    TokenPresented {
        /// Reader's EVSE; `None` if one reader serves all.
        evse: Option<EvseId>,
        /// The token.
        token: IdToken,
    },
    /// A card was held to a reader that could not read it.
    TokenUnreadable {
        /// Reader's EVSE.
        evse: Option<EvseId>,
    },
    /// The reader is silent, or is back.
    ReaderSilent {
        /// `true` = silent.
        silent: bool,
    },
    /// The plugins' verdict for [`crate::Action::Authorize`].
    Verdict {
        /// The request it answers; anything else is ignored.
        request: RequestId,
        /// The verdict.
        verdict: Verdict,
    },
    /// A backend's later opinion about a running transaction's token.
    TransactionVerdict {
        /// Which transaction.
        transaction: TransactionId,
        /// The opinion.
        verdict: Verdict,
        /// End the transaction if it is negative (else only stop offering).
        stop: bool,
    },
    /// Somebody outside asks for something; answered with [`crate::Action::Respond`].
    Request {
        /// Who asks and which of theirs it is.
        from: Requester,
        /// Correlates.
        request: RequestId,
        /// What.
        what: Request,
    },
    /// The journal has durably stored everything up to here.
    JournalCommitted {
        /// Highest stored position.
        seq: JournalSeq,
    },
    /// A limit row came, changed or went (`None`).
    LimitChanged {
        /// Where.
        evse: EvseId,
        /// Which row.
        source: LimitSource,
        /// The current per phase.
        current: Option<Milliamps>,
    },
    /// The ceiling for the sum of all EVSEs came, changed or went (`None`); it is shared among those that charge.
    SharedLimit {
        /// The current per phase.
        current: Option<Milliamps>,
    },
    /// The highest number of phases came, changed or went (`None`).
    PhaseLimit {
        /// Where.
        evse: EvseId,
        /// The phases.
        phases: Option<Phases>,
    },
    /// The primary backend is connected and has accepted the station, or is not.
    BackendOnline {
        /// `true` = online.
        online: bool,
    },
    /// Something that matters for security happened; it goes to the journal. `Kind` or `Kind: detail`.
    Security {
        /// What.
        text: String,
    },
    /// The wall clock became known or was corrected.
    ClockSet {
        /// Wall clock now.
        wall: Timestamp,
    },
    /// The free-charging mode that is in force from now on; `None` = off. A running session keeps the rules that it
    /// began with.
    FreeCharging(Option<FreeCharging>),
    /// A token that is presented by itself when a vehicle is plugged in, judged like a card; `None` = no more.
    PresentOnPlug(Option<IdToken>),
    /// An authorizer kept the token of this [`crate::Action::Authorize`] for itself: nobody is authorised or refused.
    TokenConsumed {
        /// The request.
        request: RequestId,
    },
    /// A fault that is not the interlock's came or went (registry id, see `faults`).
    Fault {
        /// Where; `None` for the whole station.
        evse: Option<EvseId>,
        /// Id in the fault registry.
        id: &'static str,
        /// Stands or gone.
        active: bool,
    },
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requester {
    /// A backend adapter, by plugin name.
    Adapter(String),
    /// The local API or a person at the station.
    Local,
}

/// What can be asked of the station. No request closes a contactor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Start a transaction for this token.
    Start {
        /// Where; `None` lets the station choose the first suitable EVSE.
        evse: Option<EvseId>,
        /// For whom.
        token: IdToken,
        /// Ask the plugins for a verdict first, as if presented locally.
        authorize_first: bool,
    },
    /// End a transaction.
    Stop {
        /// Which.
        transaction: TransactionId,
    },
    /// Unlock a plug; ends the transaction.
    Unlock {
        /// Where.
        evse: EvseId,
        /// Which.
        connector: ConnectorId,
    },
    /// Restart.
    Reset {
        /// How.
        kind: ResetKind,
    },
    /// Take an EVSE (or all) in or out of service.
    SetAvailability {
        /// Where; `None` = all.
        evse: Option<EvseId>,
        /// In service.
        operative: bool,
    },
    /// Change a setting of the registry.
    SetSetting {
        /// Key.
        key: String,
        /// Value as text.
        value: String,
    },
    /// Keep an EVSE free for a token; the same number of the same requester replaces.
    Reserve {
        /// The requester's number.
        reservation: u32,
        /// Where; `None` = any.
        evse: Option<EvseId>,
        /// For whom.
        token: IdToken,
        /// Tokens of this group may use it too.
        group: Option<String>,
        /// Until when.
        expires: Timestamp,
    },
    /// Give a reservation up.
    CancelReservation {
        /// The requester's number.
        reservation: u32,
    },
    /// Software is about to be updated, or is not any more: while it is, nobody begins to charge. Ends by itself after
    /// [`crate::limits::UPDATE_WAIT`].
    Update {
        /// It begins.
        begins: bool,
    },
    /// Take a reading now; answered with [`crate::Action::Reading`].
    ReadMeter {
        /// Where.
        evse: EvseId,
        /// Label of the reading.
        context: ReadingContext,
    },
}
