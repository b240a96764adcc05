//! The book of sessions: what is charged and what is billed.

use crate::limits::CSMS_SESSIONS_MAX;
use crate::v16::{
    AuthorizationStatus, ChargePointErrorCode, ChargePointStatus, IdToken, Reason,
    StartTransactionRequest, StopTransactionRequest,
};
use alloc::collections::{BTreeMap, BTreeSet};
use units::Timestamp;

/// Last reported state of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorState {
    /// Status.
    pub status: ChargePointStatus,
    /// Error.
    pub error_code: ChargePointErrorCode,
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
    /// Number of readings reported in between.
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

/// Whether an entry is new to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    New(i64),
    Before(i64),
    Full,
}

/// What a stop did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Now,
    Before,
    Unknown,
}

/// All sessions of one charge point.
///
/// # Invariants
/// A transaction number is given once. A session is billed once. At most [`CSMS_SESSIONS_MAX`] sessions; the oldest
/// billed one makes room.
#[derive(Debug)]
pub struct SessionBook {
    next_id: i64,
    sessions: BTreeMap<i64, Session>,
    starts: BTreeMap<StartKey, i64>,
    running: BTreeSet<i64>,
}

impl SessionBook {
    pub(super) const fn new(first_id: i64) -> Self {
        Self {
            next_id: first_id,
            sessions: BTreeMap::new(),
            starts: BTreeMap::new(),
            running: BTreeSet::new(),
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

    pub(super) fn is_charging(&self, id_tag: &IdToken) -> bool {
        self.running().any(|session| session.id_tag == *id_tag)
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
        if !self.make_room() {
            return Entered::Full;
        }
        let transaction_id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        let session = Session {
            transaction_id,
            connector_id: request.connector_id,
            id_tag: request.id_tag.clone(),
            verdict,
            reservation_id: request.reservation_id,
            meter_start_wh: request.meter_start,
            started_at: request.timestamp,
            last_register_wh: None,
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
            return Stopped::Unknown;
        };
        if session.end.is_some() {
            return Stopped::Before;
        }
        session.end = Some(SessionEnd {
            meter_stop_wh: request.meter_stop,
            at: request.timestamp,
            reason: request.reason.unwrap_or(Reason::Local),
            id_tag: request.id_tag.clone(),
        });
        self.running.remove(&request.transaction_id);
        Stopped::Now
    }

    /// Enters readings; false if there is no such session.
    pub(super) fn meter(&mut self, transaction_id: i64, count: u64, register: Option<i64>) -> bool {
        let Some(session) = self.sessions.get_mut(&transaction_id) else {
            return false;
        };
        session.readings = session.readings.saturating_add(count);
        session.last_register_wh = register.or(session.last_register_wh);
        true
    }

    fn make_room(&mut self) -> bool {
        if self.sessions.len() < CSMS_SESSIONS_MAX {
            return true;
        }
        let Some(oldest) = self.billed().next().map(|session| session.transaction_id) else {
            return false;
        };
        self.sessions.remove(&oldest);
        self.starts.retain(|_, id| *id != oldest);
        true
    }
}
