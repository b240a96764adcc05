//! What the station wants done.

use interlock::Permit;
use units::{Milliamps, WattHours};

use crate::event::Requester;
use crate::reservation::Reservation;
use crate::types::*;

/// Everything the station can ask for. Actions are polled in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give this permit to the interlock of one EVSE (renewed every 100 ms).
    Permit {
        /// Where.
        evse: EvseId,
        /// The permit.
        permit: Permit,
    },
    /// Ask the plugins for a verdict; answered with [`crate::Event::Verdict`] or, after a bound, taken as no opinion.
    Authorize {
        /// Correlates.
        request: RequestId,
        /// Where.
        evse: Option<EvseId>,
        /// Who.
        token: IdToken,
        /// Why.
        purpose: AuthorizePurpose,
        /// Group of the running transaction, for `Stop`.
        group: Option<String>,
    },
    /// Write this to the journal durably, then report [`crate::Event::JournalCommitted`].
    Journal {
        /// Position; rises by one.
        seq: JournalSeq,
        /// When it happened.
        moment: Moment,
        /// What.
        event: JournalEvent,
    },
    /// Store what a restart needs: running transactions, availability, registers. Replaces the record before. Belongs
    /// into the same database transaction as the `Journal` actions polled with it.
    Persist {
        /// The record.
        state: PersistentState,
    },
    /// A connector's facts changed.
    ConnectorChanged {
        /// The facts.
        status: ConnectorStatus,
    },
    /// A fault came or went.
    FaultChanged {
        /// The notice.
        notice: FaultNotice,
    },
    /// A reading outside a transaction, or the answer to [`crate::Request::ReadMeter`].
    Reading {
        /// The request it answers, if any.
        request: Option<(Requester, RequestId)>,
        /// The reading.
        reading: MeterReading,
    },
    /// Answer to a [`crate::Event::Request`].
    Respond {
        /// To whom.
        to: Requester,
        /// Which request.
        request: RequestId,
        /// The answer.
        outcome: Outcome,
        /// For people and logs.
        detail: String,
    },
    /// Show this standing indication.
    Indicate {
        /// Where.
        evse: EvseId,
        /// What.
        indication: Indication,
    },
    /// Give this short signal.
    Signal {
        /// Where; `None` = the station's one indicator.
        evse: Option<EvseId>,
        /// What.
        signal: Signal,
    },
    /// A setting has a new value; tell the plugins, store it.
    SettingChanged {
        /// Key.
        key: String,
        /// Value as text.
        value: String,
    },
    /// Restart now; contactors are open and transactions are ended (or kept for resuming) already.
    Restart {
        /// How.
        kind: ResetKind,
    },
}

/// What a restart needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersistentState {
    /// Next transaction number.
    pub next_transaction: u64,
    /// Next journal position.
    pub next_journal: u64,
    /// Per EVSE.
    pub evses: Vec<PersistentEvse>,
    /// What is reserved.
    pub reservations: Vec<Reservation>,
}

/// What a restart needs of one EVSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistentEvse {
    /// Where.
    pub evse: EvseId,
    /// In service as ordered.
    pub operative: bool,
    /// Highest register seen, so that it never falls.
    pub register: WattHours,
    /// A transaction has ended and its cable is still in.
    pub finishing: bool,
    /// Transaction that was running.
    pub transaction: Option<PersistentTransaction>,
}

/// A running transaction as a restart needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistentTransaction {
    /// Its number.
    pub transaction: TransactionId,
    /// Who.
    pub token: IdToken,
    /// Group of the token.
    pub group: Option<String>,
    /// Register at the start.
    pub meter_start: WattHours,
    /// When it began.
    pub started: Moment,
    /// Begun while everybody charged for free.
    pub free: bool,
    /// Not reported as a transaction.
    pub silent: bool,
    /// Token to report instead of its own.
    pub report_as: Option<IdToken>,
    /// The backend may end it.
    pub remote_stop: bool,
    /// Its token ends it.
    pub token_stops: bool,
    /// Highest current its token may draw.
    pub limit: Option<Milliamps>,
    /// Accepted although nobody had an opinion; to be checked again.
    pub unverified: bool,
    /// Its token was refused later: no current from this register on.
    pub refused_at: Option<WattHours>,
    /// The user stopped charging; only unplugging ends it.
    pub stopped_by_user: bool,
}
