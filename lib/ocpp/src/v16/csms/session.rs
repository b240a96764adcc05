//! The book of sessions: what is charged and what is billed.

use super::readings::ReadingsSeen;
use crate::limits::{CSMS_ORPHANS_MAX, CSMS_SESSIONS_MAX};
use crate::v16::{
    AuthorizationStatus, ChargePointErrorCode, ChargePointStatus, IdToken, MeterValue, Reason,
    StartTransactionRequest, StopTransactionRequest,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use units::Timestamp;

/// Last reported state of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorState {
    /// Status.
    pub status: ChargePointStatus,
    /// Error.
    pub error_code: ChargePointErrorCode,
    /// Since when, if the charge point said so.
    pub since: Option<Timestamp>,
}

/// End of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// Register at the end, in watt-hours.
    pub meter_stop_wh: i64,
    /// When.
    pub at: Timestamp,
    /// Why; an absent reason is local.
    pub reason: Reason,
    /// Who ended it, if someone did.
    pub id_tag: Option<IdToken>,
}

/// One transaction in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Our number for it.
    pub transaction_id: i64,
    /// Where.
    pub connector_id: i64,
    /// Who.
    pub id_tag: IdToken,
    /// The verdict given at the start.
    pub verdict: AuthorizationStatus,
    /// The reservation it used.
    pub reservation_id: Option<i64>,
    /// Register at the start, in watt-hours.
    pub meter_start_wh: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// The latest register reported in between, in watt-hours.
    pub last_register_wh: Option<i64>,
    /// When that register was read.
    pub last_register_at: Option<Timestamp>,
    /// Number of readings reported in between; one that came twice counts once.
    pub readings: u64,
    /// Its end; `None` while it runs.
    pub end: Option<SessionEnd>,
}

impl Session {
    /// Energy billed, or reported so far, in watt-hours. Negative if the charge point's register fell.
    #[must_use]
    pub fn energy_wh(&self) -> i64 {
        let last = match &self.end {
            Some(end) => end.meter_stop_wh,
            None => self.last_register_wh.unwrap_or(self.meter_start_wh),
        };
        last.saturating_sub(self.meter_start_wh)
    }
}

/// What a start is recognised by when it comes again under another message id.
type StartKey = (i64, i64, i64, IdToken);

fn start_key(request: &StartTransactionRequest) -> StartKey {
    let at = request.timestamp.as_unix_millis();
    (
        request.connector_id,
        at,
        request.meter_start,
        request.id_tag.clone(),
    )
}

fn start_key_of(session: &Session) -> StartKey {
    (
        session.connector_id,
        session.started_at.as_unix_millis(),
        session.meter_start_wh,
        session.id_tag.clone(),
    )
}

fn end_of(request: &StopTransactionRequest) -> SessionEnd {
    SessionEnd {
        meter_stop_wh: request.meter_stop,
        at: request.timestamp,
        reason: request.reason.unwrap_or(Reason::Local),
        id_tag: request.id_tag.clone(),
    }
}

/// Whether an entry is new to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    New(i64),
    Before(i64),
    Full,
}

/// What a stop did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    Now,
    Before,
    Unknown(SessionEnd),
}

/// What readings did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metered {
    /// At least one is new.
    Now,
    Before,
    Unknown,
}

/// How transactions are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbering {
    /// The next number.
    pub(super) next: i64,
    /// Distance to the one after it; at least 1.
    pub(super) step: i64,
}

impl Numbering {
    fn skip_past(&mut self, id: i64) {
        if self.next <= id {
            let steps = (id.saturating_sub(self.next) / self.step).saturating_add(1);
            let ahead = self.step.saturating_mul(steps);
            self.next = self.next.saturating_add(ahead);
        }
    }
}

/// All sessions of one charge point.
///
/// # Invariants
/// A transaction number is given once. A session is billed once. At most [`CSMS_SESSIONS_MAX`] sessions; the oldest
/// billed one makes room.
#[derive(Debug)]
pub struct SessionBook {
    numbering: Numbering,
    sessions: BTreeMap<i64, Session>,
    starts: BTreeMap<StartKey, i64>,
    running: BTreeSet<i64>,
    seen: ReadingsSeen,
    orphans: BTreeMap<i64, SessionEnd>,
}

impl SessionBook {
    pub(super) fn new(first: i64, step: i64) -> Self {
        Self {
            numbering: Numbering {
                next: first,
                step: step.max(1),
            },
            sessions: BTreeMap::new(),
            starts: BTreeMap::new(),
            running: BTreeSet::new(),
            seen: ReadingsSeen::default(),
            orphans: BTreeMap::new(),
        }
    }

    /// Puts sessions of an earlier run back. The newest are kept if there are too many; no number of theirs is given
    /// again.
    pub(super) fn restore(
        &mut self,
        next: i64,
        mut sessions: Vec<Session>,
        orphans: Vec<(i64, SessionEnd)>,
    ) {
        self.numbering.next = self.numbering.next.max(next);
        sessions.sort_by_key(|session| session.transaction_id);
        let surplus = sessions.len().saturating_sub(CSMS_SESSIONS_MAX);
        for session in sessions.into_iter().skip(surplus) {
            let id = session.transaction_id;
            self.numbering.skip_past(id);
            self.starts.insert(start_key_of(&session), id);
            if session.end.is_none() {
                self.running.insert(id);
            }
            self.sessions.insert(id, session);
        }
        for (id, end) in orphans.into_iter().take(CSMS_ORPHANS_MAX) {
            self.orphans.insert(id, end);
        }
    }

    /// A session by its number.
    #[must_use]
    pub fn session(&self, transaction_id: i64) -> Option<&Session> {
        self.sessions.get(&transaction_id)
    }

    /// Every session, by number.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Sessions that run.
    pub fn running(&self) -> impl Iterator<Item = &Session> {
        self.running.iter().filter_map(|id| self.sessions.get(id))
    }

    /// Sessions that are over.
    pub fn billed(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .values()
            .filter(|session| session.end.is_some())
    }

    /// Ends of transactions that are not in the book, by the number the charge point gave: another central system
    /// may have begun them, or this one before it lost its memory.
    pub fn orphans(&self) -> impl Iterator<Item = (i64, &SessionEnd)> {
        self.orphans.iter().map(|(id, end)| (*id, end))
    }

    /// The number the next transaction gets.
    #[must_use]
    pub const fn next_transaction_id(&self) -> i64 {
        self.numbering.next
    }

    pub(super) fn is_charging(&self, id_tag: &IdToken) -> bool {
        self.running().any(|session| session.id_tag == *id_tag)
    }

    /// Sessions still open on a connector; more than none when it starts another one, so their ends were lost.
    pub(super) fn running_on(&self, connector_id: i64) -> impl Iterator<Item = i64> {
        self.running()
            .filter(move |session| session.connector_id == connector_id)
            .map(|session| session.transaction_id)
    }

    pub(super) fn before(&self, request: &StartTransactionRequest) -> Option<&Session> {
        self.starts
            .get(&start_key(request))
            .and_then(|id| self.sessions.get(id))
    }

    pub(super) fn start(
        &mut self,
        request: &StartTransactionRequest,
        verdict: AuthorizationStatus,
    ) -> Entered {
        if let Some(session) = self.before(request) {
            return Entered::Before(session.transaction_id);
        }
        let transaction_id = self.numbering.next;
        let Some(next) = transaction_id.checked_add(self.numbering.step) else {
            return Entered::Full;
        };
        if !self.make_room() {
            return Entered::Full;
        }
        self.numbering.next = next;
        let session = Session {
            transaction_id,
            connector_id: request.connector_id,
            id_tag: request.id_tag.clone(),
            verdict,
            reservation_id: request.reservation_id,
            meter_start_wh: request.meter_start,
            started_at: request.timestamp,
            last_register_wh: None,
            last_register_at: None,
            readings: 0,
            end: None,
        };
        self.sessions.insert(transaction_id, session);
        self.starts.insert(start_key(request), transaction_id);
        self.running.insert(transaction_id);
        Entered::New(transaction_id)
    }

    pub(super) fn stop(&mut self, request: &StopTransactionRequest) -> Stopped {
        let Some(session) = self.sessions.get_mut(&request.transaction_id) else {
            return self.stop_orphan(request);
        };
        if session.end.is_some() {
            return Stopped::Before;
        }
        session.end = Some(end_of(request));
        self.running.remove(&request.transaction_id);
        Stopped::Now
    }

    fn stop_orphan(&mut self, request: &StopTransactionRequest) -> Stopped {
        let end = end_of(request);
        if self.orphans.get(&request.transaction_id) == Some(&end) {
            return Stopped::Before;
        }
        while self.orphans.len() >= CSMS_ORPHANS_MAX {
            self.orphans.pop_first();
        }
        self.orphans.insert(request.transaction_id, end.clone());
        Stopped::Unknown(end)
    }

    /// Enters readings, each once.
    pub(super) fn meter(&mut self, transaction_id: i64, readings: &[MeterValue]) -> Metered {
        let Some(session) = self.sessions.get_mut(&transaction_id) else {
            return Metered::Unknown;
        };
        let mut outcome = Metered::Before;
        for reading in readings {
            if !self.seen.is_new(transaction_id, reading) {
                continue;
            }
            outcome = Metered::Now;
            session.readings = session.readings.saturating_add(1);
            let Some(register) = reading.register_wh() else {
                continue;
            };
            // A reading from before may come late; it does not take the register back.
            if session
                .last_register_at
                .is_none_or(|at| at <= reading.timestamp)
            {
                session.last_register_wh = Some(register);
                session.last_register_at = Some(reading.timestamp);
            }
        }
        outcome
    }

    fn make_room(&mut self) -> bool {
        if self.sessions.len() < CSMS_SESSIONS_MAX {
            return true;
        }
        let Some(oldest) = self.billed().next().map(|session| session.transaction_id) else {
            return false;
        };
        if let Some(session) = self.sessions.remove(&oldest) {
            self.starts.remove(&start_key_of(&session));
        }
        true
    }
}
