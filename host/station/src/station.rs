//! The station itself.

use std::collections::VecDeque;

use interlock::Permit;
use units::{Instant, Milliamps, WattHours};

use crate::action::{Action, PersistentEvse, PersistentState};
use crate::clock::Clock;
use crate::config::{EvseConfig, Identity, StationConfig};
use crate::event::{Event, Requester};
use crate::evse::{Authorization, CONNECTOR, Evse, Rules, Surroundings};
use crate::faults::{Faults, Reporter};
use crate::limits::{MAX_ACTIONS, MAX_EVSES, MAX_UNCOMMITTED};
use crate::reservation::Reservation;
use crate::settings::{Role, SettingView, Settings, key};
use crate::types::*;

/// A running transaction, for people and for adapters that start in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// Its number.
    pub transaction: TransactionId,
    /// Where.
    pub evse: EvseId,
    /// Which connector.
    pub connector: ConnectorId,
    /// Who.
    pub token: IdToken,
    /// Group of the token.
    pub group: Option<String>,
    /// Register at the start.
    pub meter_start: WattHours,
    /// Energy so far.
    pub energy: WattHours,
    /// When it began.
    pub started: Moment,
    /// Not reported as a transaction.
    pub silent: bool,
    /// Journal position of its start, or a later one.
    pub start_seq: JournalSeq,
}

/// What had to be left out because a bound was reached; rises for ever, zero in a healthy station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overflow {
    /// Indications and signals held back because nobody polled the actions.
    pub actions: u64,
    /// Meter samples not journaled because the journal does not commit.
    pub samples: u64,
    /// Requests and tokens refused because too much was waiting.
    pub requests: u64,
}

/// A verdict that is awaited.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub request: RequestId,
    pub evse: Option<EvseId>,
    pub token: IdToken,
    pub purpose: AuthorizePurpose,
    pub deadline: Instant,
    /// In force when it was asked.
    pub rules: Rules,
    /// Nobody stands at the reader.
    pub by_itself: bool,
}

/// An unlock that waits for the lock.
#[derive(Debug, Clone)]
pub(crate) struct PendingUnlock {
    pub to: Requester,
    pub request: RequestId,
    pub evse: EvseId,
    /// The lock counted as stuck already when it was asked for.
    pub was_stuck: bool,
    pub deadline: Instant,
}

/// A restart that waits for open contactors and the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingReset {
    pub kind: ResetKind,
    pub deadline: Instant,
}

/// The station.
///
/// Call grammar: [`Station::handle_event`] or [`Station::handle_timeout`], then [`Station::poll_action`] until it
/// answers `None`, then sleep until [`Station::poll_timeout`] or the next event. `now` never runs backwards. Permits
/// are polled first; of two for the same EVSE only the later is kept.
///
/// # Invariants
/// All `Journal` and `Persist` actions of one drain belong into one database transaction: a journaled start without the
/// record of its transaction, or the other way round, would break "each start has exactly one end".
#[derive(Debug)]
pub struct Station {
    pub(crate) config: StationConfig,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) faults: Faults,
    pub(crate) evses: Vec<Evse>,
    /// Records of EVSEs that this configuration does not have; kept as they are.
    pub(crate) foreign: Vec<PersistentEvse>,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) pending: Vec<Pending>,
    /// Accepted at a reader that serves all EVSEs; the first vehicle gets it.
    pub(crate) floating: Option<Authorization>,
    /// Then it gets the vehicle of an ended transaction, if no other has come.
    pub(crate) choice_due: Option<Instant>,
    pub(crate) free: Option<FreeCharging>,
    /// Presented by itself at plug-in; a free-charging mode comes first.
    pub(crate) plug_token: Option<IdToken>,
    pub(crate) unlocks: Vec<PendingUnlock>,
    pub(crate) reset: Option<PendingReset>,
    pub(crate) restarting: bool,
    pub(crate) backend_online: Option<bool>,
    pub(crate) next_request: u64,
    pub(crate) next_transaction: u64,
    pub(crate) next_journal: u64,
    pub(crate) committed: JournalSeq,
    pub(crate) clock_due: Option<Instant>,
    pub(crate) reservations: Vec<Reservation>,
    /// Software is being updated; until then at the latest.
    pub(crate) updating: Option<Instant>,
    /// Ceiling for the sum of all EVSEs.
    pub(crate) shared_limit: Option<Milliamps>,
    pub(crate) persist_now: bool,
    pub(crate) persist_due: Option<Instant>,
    pub(crate) overflow: Overflow,
}

impl Station {
    /// A station that has just started. `restored` is what the last [`Action::Persist`] said (with the journal's
    /// highest position + 1 as `next_journal`), or the default on first start.
    ///
    /// What [`StationConfig::check`] refuses is left out: call it before.
    #[must_use]
    pub fn new(config: StationConfig, restored: PersistentState, now: Moment) -> Self {
        let mut ids: Vec<EvseId> = Vec::new();
        let mut evses = Vec::new();
        for evse in &config.evses {
            if !ids.contains(&evse.id) && ids.len() < MAX_EVSES {
                ids.push(evse.id);
                let record = restored.evses.iter().find(|record| record.evse == evse.id);
                evses.push(Evse::new(*evse, record, now.at));
            }
        }
        let mut settings = Settings::new(&ids);
        for (key, value) in &config.settings {
            let _what_check_refuses_is_left_out = settings.try_set(key, value, Role::Manufacturer);
        }
        let next_journal = restored.next_journal.max(1);
        let mut station = Self {
            config,
            clock: Clock::from_moment(now),
            settings,
            faults: Faults::default(),
            evses,
            foreign: Vec::new(),
            actions: VecDeque::new(),
            pending: Vec::new(),
            floating: None,
            choice_due: None,
            free: None,
            plug_token: None,
            unlocks: Vec::new(),
            reset: None,
            restarting: false,
            backend_online: None,
            next_request: 1,
            next_transaction: restored.next_transaction.max(1),
            next_journal,
            committed: JournalSeq(next_journal.saturating_sub(1)),
            clock_due: None,
            reservations: restored.reservations,
            shared_limit: None,
            updating: None,
            persist_now: true,
            persist_due: None,
            overflow: Overflow::default(),
        };
        station.restore(restored.evses, now.at);
        station.reschedule_clock(now.at);
        station.expire_reservations(now.at);
        station.settle(now.at);
        station
    }

    /// Takes an event. What was due before `now` is done first.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        self.expire(now);
        match event {
            Event::Interlock { evse, status } => self.handle_status(now, evse, status),
            Event::Meter {
                evse,
                register,
                samples,
            } => {
                self.handle_meter(now, evse, register, samples);
            }
            Event::MeterSilent { evse } if self.evse(evse).is_some() => {
                self.report_fault(now, Reporter::Station, Some(evse), "METER_OCPP", true);
            }
            Event::MeterSilent { .. } => {}
            Event::TokenPresented { evse, token } => self.handle_token(now, evse, token),
            Event::TokenUnreadable { evse } => self.signal(evse, Signal::Rejected),
            Event::ReaderSilent { silent } => {
                self.report_fault(now, Reporter::Station, None, "READER", silent);
            }
            Event::Verdict { request, verdict } => self.handle_verdict(now, request, verdict),
            Event::TransactionVerdict {
                transaction,
                verdict,
                stop,
            } => {
                self.handle_opinion(now, transaction, verdict, stop);
            }
            Event::Request {
                from,
                request,
                what,
            } => self.handle_request(now, from, request, what),
            Event::JournalCommitted { seq } => self.handle_committed(seq),
            Event::LimitChanged {
                evse,
                source,
                current,
            } => {
                self.handle_limit(evse, source, current);
            }
            Event::SharedLimit { current } => self.shared_limit = current,
            Event::PhaseLimit { evse, phases } => {
                if let Some(evse) = self.evse_mut(evse) {
                    evse.phase_limit = phases;
                }
            }
            Event::BackendOnline { online } => self.handle_backend(now, online),
            Event::FreeCharging(mode) => self.handle_free_charging(mode),
            Event::PresentOnPlug(token) => self.handle_plug_token(token),
            Event::TokenConsumed { request } => {
                self.pending.retain(|pending| pending.request != request);
            }
            Event::Security { text } => {
                if !self.is_full() {
                    self.journal(now, JournalEvent::Security { text });
                }
            }
            Event::ClockSet { wall } => {
                self.clock.set(now, wall);
                self.reschedule_clock(now);
                self.expire_reservations(now);
            }
            Event::Fault { evse, id, active } => {
                if evse.is_none_or(|evse| self.evse(evse).is_some()) {
                    self.report_fault(now, Reporter::Outside, evse, id, active);
                }
            }
        }
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        for evse in &mut self.evses {
            if evse.permit_waits {
                evse.permit_waits = false;
                return Some(Action::Permit {
                    evse: evse.config.id,
                    permit: evse.permit,
                });
            }
        }
        self.actions.pop_front()
    }

    /// When [`Station::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let per_evse = self.evses.iter().flat_map(|evse| {
            let transaction = evse.transaction.as_ref();
            [
                Some(evse.permit_due),
                evse.authorization
                    .as_ref()
                    .map(|authorization| authorization.deadline),
                evse.grace,
                evse.finishing_check,
                transaction.and_then(|transaction| transaction.next_sample),
                transaction.and_then(|transaction| transaction.resume_until),
                transaction.and_then(|transaction| Some(transaction.ending.as_ref()?.deadline)),
            ]
        });
        let own = [
            self.floating
                .as_ref()
                .map(|authorization| authorization.deadline),
            self.reset
                .filter(|_| !self.restarting)
                .map(|reset| reset.deadline),
            self.choice_due,
            self.clock_due,
            self.persist_due,
            self.next_reservation_end(),
            self.updating,
        ];
        let pending = self.pending.iter().map(|pending| Some(pending.deadline));
        let unlocks = self.unlocks.iter().map(|unlock| Some(unlock.deadline));
        per_evse
            .chain(own)
            .chain(pending)
            .chain(unlocks)
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.settle(now);
    }

    fn expire(&mut self, now: Instant) {
        self.expire_verdicts(now);
        self.expire_choice(now);
        self.expire_authorizations(now);
        self.expire_transactions(now);
        self.take_due_samples(now);
        self.expire_unlocks(now);
        self.expire_finishing(now);
        self.expire_reservations(now);
        self.updating.take_if(|until| *until <= now);
        if self.persist_due.is_some_and(|due| due <= now) {
            self.persist_due = None;
            self.persist_now = true;
        }
    }

    fn handle_committed(&mut self, seq: JournalSeq) {
        let handed_out = JournalSeq(self.next_journal.saturating_sub(1));
        self.committed = self.committed.max(seq.min(handed_out));
    }

    fn handle_limit(&mut self, evse: EvseId, source: LimitSource, current: Option<Milliamps>) {
        let from_outside = match source {
            LimitSource::SupplyLine
            | LimitSource::LoadManagement
            | LimitSource::BackendProfile
            | LimitSource::User => true,
            // These rows are the station's own: settings, hardware, token and the interlock's status.
            LimitSource::Cable
            | LimitSource::Hardware
            | LimitSource::Installation
            | LimitSource::Operator
            | LimitSource::Temperature
            | LimitSource::Token
            | LimitSource::SimplifiedPilot => false,
        };
        let Some(evse) = self.evse_mut(evse).filter(|_| from_outside) else {
            return;
        };
        match current {
            Some(current) => {
                evse.outside_limits.insert(source, current);
            }
            None => {
                evse.outside_limits.remove(&source);
            }
        }
    }

    /// The part of the shared ceiling that an EVSE with a transaction gets: all the same, and where that is less than a
    /// vehicle can use, the first ones get the minimum and the others wait.
    pub(crate) fn share_of(&self, id: EvseId) -> Option<Milliamps> {
        let shared = self.shared_limit?.get();
        let running: Vec<EvseId> = self
            .evses
            .iter()
            .filter(|evse| evse.transaction.is_some())
            .map(|evse| evse.config.id)
            .collect();
        let place = running.iter().position(|running| *running == id);
        let Some(place) = place else {
            return Some(Milliamps::new(shared));
        };
        let minimum = self
            .settings
            .number(key::MINIMUM_CURRENT_A)
            .saturating_mul(1_000);
        let most = shared.checked_div(minimum.max(1)).unwrap_or(0);
        let served = u32::try_from(running.len())
            .unwrap_or(u32::MAX)
            .min(most.max(1));
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let share = if place < served {
            shared.checked_div(served).unwrap_or(0)
        } else {
            0
        };
        Some(Milliamps::new(share))
    }

    fn handle_backend(&mut self, now: Instant, online: bool) {
        let before = self.backend_online.replace(online);
        if online {
            self.report_fault(now, Reporter::Station, None, "BACKEND", false);
            if before != Some(true) {
                self.recheck_unverified(now);
            }
        } else if before == Some(true) {
            self.report_fault(now, Reporter::Station, None, "BACKEND", true);
        }
    }

    pub(crate) fn report_fault(
        &mut self,
        now: Instant,
        by: Reporter,
        evse: Option<EvseId>,
        id: &str,
        active: bool,
    ) {
        let moment = self.clock.moment(now);
        if let Some(notice) = self.faults.report(by, evse, id, active, moment) {
            self.push_fault(notice);
        }
    }

    /// Queues a notice. When nobody polls, the latest about a fault replaces the earlier ones, so that a fault that
    /// comes and goes cannot fill the queue.
    pub(crate) fn push_fault(&mut self, notice: FaultNotice) {
        if self.actions.len() >= MAX_ACTIONS {
            let before = self.actions.len();
            self.actions.retain(|action| {
                !matches!(action, Action::FaultChanged { notice: old }
                    if (old.evse, old.id) == (notice.evse, notice.id))
            });
            let dropped = before.saturating_sub(self.actions.len());
            let dropped = u64::try_from(dropped).unwrap_or(u64::MAX);
            self.overflow.actions = self.overflow.actions.saturating_add(dropped);
        }
        self.push(Action::FaultChanged { notice });
    }

    pub(crate) fn evse(&self, id: EvseId) -> Option<&Evse> {
        self.evses.iter().find(|evse| evse.config.id == id)
    }

    pub(crate) fn evse_mut(&mut self, id: EvseId) -> Option<&mut Evse> {
        self.evses.iter_mut().find(|evse| evse.config.id == id)
    }

    pub(crate) fn ids(&self) -> Vec<EvseId> {
        self.evses.iter().map(|evse| evse.config.id).collect()
    }

    /// Queues what must not be lost.
    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Queues what may be shown later or not at all; answers whether there was room.
    pub(crate) fn try_push(&mut self, action: Action) -> bool {
        let room = self.actions.len() < MAX_ACTIONS;
        if room {
            self.actions.push_back(action);
        } else {
            self.overflow.actions = self.overflow.actions.saturating_add(1);
        }
        room
    }

    pub(crate) fn signal(&mut self, evse: Option<EvseId>, signal: Signal) {
        let _counted_if_full = self.try_push(Action::Signal { evse, signal });
    }

    /// Writes one journal entry; answers its position.
    pub(crate) fn journal(&mut self, now: Instant, event: JournalEvent) -> JournalSeq {
        let seq = JournalSeq(self.next_journal);
        self.next_journal = self.next_journal.saturating_add(1);
        let moment = self.clock.moment(now);
        self.push(Action::Journal { seq, moment, event });
        seq
    }

    /// Too much is waiting for anything that adds to it.
    pub(crate) fn is_full(&self) -> bool {
        self.actions.len() >= MAX_ACTIONS || self.backlog() >= MAX_UNCOMMITTED
    }

    /// Journal entries handed out and not yet committed.
    pub(crate) fn backlog(&self) -> u64 {
        self.next_journal
            .saturating_sub(1)
            .saturating_sub(self.committed.0)
    }

    pub(crate) fn surroundings(&self, evse: EvseId) -> Surroundings<'_> {
        let show_backend = self.settings.flag(key::DISPLAY_BACKEND_DISCONNECT);
        let awaited = |pending: &Pending| {
            pending.purpose == AuthorizePurpose::Start && pending.evse.is_none_or(|at| at == evse)
        };
        Surroundings {
            settings: &self.settings,
            committed: self.committed,
            stopped: self.faults.stopping(evse).is_some(),
            fault_shown: self.faults.shown(evse, show_backend),
            authorising: self.pending.iter().any(awaited),
            floating: self.floating.is_some(),
            reserved: self.is_reserved(evse),
            updating: self.updating.is_some(),
            share: self.share_of(evse),
        }
    }

    /// Who the station is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.config.identity
    }

    /// Its EVSEs.
    #[must_use]
    pub fn evses(&self) -> &[EvseConfig] {
        &self.config.evses
    }

    /// `now` with the wall clock, if that is known.
    #[must_use]
    pub fn moment(&self, now: Instant) -> Moment {
        self.clock.moment(now)
    }

    /// Facts about every connector, in the order of the EVSEs, as they were last told.
    #[must_use]
    pub fn connectors(&self) -> Vec<ConnectorStatus> {
        self.evses
            .iter()
            .filter_map(|evse| evse.told.clone())
            .collect()
    }

    /// The limit table of one EVSE and the row that wins; `None` if there is no such EVSE.
    #[must_use]
    pub fn limits(&self, evse: EvseId) -> Option<(Vec<Limit>, Limit)> {
        let evse = self.evse(evse)?;
        let rows = evse.limit_rows(&self.settings, self.share_of(evse.config.id));
        let winner = evse.winner(&rows);
        Some((rows, winner))
    }

    /// Faults standing now.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultNotice> {
        self.faults.notices()
    }

    /// Every setting in force.
    #[must_use]
    pub fn settings(&self) -> Vec<SettingView> {
        self.settings.views()
    }

    /// One setting as text; `key.N` asks for EVSE N.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).map(str::to_owned)
    }

    /// Running transactions.
    #[must_use]
    pub fn transactions(&self) -> Vec<TransactionView> {
        let view = |evse: &Evse| {
            let transaction = evse.transaction.as_ref()?;
            Some(TransactionView {
                transaction: transaction.id,
                evse: evse.config.id,
                connector: CONNECTOR,
                token: transaction.reported(),
                group: transaction.group.clone(),
                meter_start: transaction.meter_start,
                energy: evse.register.saturating_sub(transaction.meter_start),
                started: transaction.started,
                silent: transaction.rules.silent,
                start_seq: transaction.start_seq,
            })
        };
        self.evses.iter().filter_map(view).collect()
    }

    /// The standing indication of one EVSE.
    #[must_use]
    pub fn indication(&self, evse: EvseId) -> Option<Indication> {
        Some(self.evse(evse)?.indication(&self.surroundings(evse)))
    }

    /// The permit last given to the interlock of one EVSE.
    #[must_use]
    pub fn permit(&self, evse: EvseId) -> Option<Permit> {
        self.evse(evse).map(|evse| evse.permit)
    }

    /// Register of the charging meter, as the station counts it (it never falls).
    #[must_use]
    pub fn register(&self, evse: EvseId) -> Option<WattHours> {
        self.evse(evse).map(|evse| evse.register)
    }

    /// Current offered to the vehicle now, as the interlock reports it.
    #[must_use]
    pub fn offered(&self, evse: EvseId) -> Option<Milliamps> {
        let evse = self.evse(evse)?;
        Some(evse.status.map_or(Milliamps::ZERO, |status| status.offered))
    }

    /// What had to be left out.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }
}
