//! The rules that hold after every step, whatever the plan does.

use std::collections::{BTreeMap, BTreeSet};

use drivers::sim::{SimFault, SimView, offer_of};
use interlock::{LockPosition, Outputs, Permit, PilotState, Status, Trip};
use ocpp::v16::csms::Csms;
use station::{
    Decision, Event, IdToken, JournalEvent, Measurand, ReadingContext, Request, RequestId,
    TransactionId,
};
use units::{Instant, Millis};

use super::disk::Disk;

/// A vehicle that leaves state C is without voltage after this (the standard), plus one tick of sampling.
const OFF_MS: u64 = 110;
/// A withdrawn offer opens the contactor after this at the latest (sequence 10.2), plus slack of two ticks.
const FORCED_MS: u64 = 6_020;
/// A pressed reset switch acts this long.
const RESET_MS: u64 = 10_000;
/// A transaction's current may trail its journaled end by this (contacts open before the end is written).
const TRAIL_MS: u64 = 50;

/// What one interlock step saw and did, and what is physically true.
pub struct StepFacts {
    pub evse: u8,
    pub now: Instant,
    pub tick: Millis,
    pub permit: Permit,
    pub status: Status,
    pub outputs: Outputs,
    pub local_reset: bool,
    pub view: SimView,
    pub contacts_closed: bool,
}

#[derive(Debug, Clone, Copy)]
struct EvseMemory {
    /// When the vehicle last was in C or D, physically.
    ready_at: Option<Instant>,
    /// When the plug last was held, physically.
    held_at: Option<Instant>,
    /// When the permit last was fresh.
    fresh_at: Option<Instant>,
    /// When a transaction last ran here, as the journal says.
    running_at: Option<Instant>,
    /// When the contacts were last held together by a weld.
    welded_at: Option<Instant>,
    /// When somebody last pressed the board's reset switch.
    reset_at: Option<Instant>,
    trips: interlock::Trips,
    register: u64,
}

const FORGOTTEN: EvseMemory = EvseMemory {
    ready_at: None,
    held_at: None,
    fresh_at: None,
    running_at: None,
    welded_at: None,
    reset_at: None,
    trips: interlock::Trips::NONE,
    register: 0,
};

impl EvseMemory {
    /// A weld holds the contacts, or has just let go.
    fn is_welded(&self, facts: &StepFacts) -> bool {
        let since = self.welded_at.map(|at| facts.now.since(at).get());
        since.is_some_and(|ms| ms <= OFF_MS + facts.tick.get())
    }
}

/// A transaction as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub evse: u8,
    pub token: String,
    pub start_wh: u64,
    pub stop_wh: Option<u64>,
    pub readings: u64,
    /// Those between begin and end; an operator's adapter tells the other two in the start and the stop.
    pub between: u64,
}

/// Watches a world.
#[derive(Debug)]
pub struct Checker {
    seed: u64,
    evses: Vec<EvseMemory>,
    asked: BTreeMap<RequestId, IdToken>,
    accepted: BTreeSet<String>,
    read_journal: usize,
    transactions: BTreeMap<TransactionId, Told>,
    violation: Option<String>,
    /// Steps checked.
    pub steps: u64,
}

impl Checker {
    pub fn new(seed: u64, evses: usize) -> Self {
        Self {
            seed,
            evses: vec![FORGOTTEN; evses],
            asked: BTreeMap::new(),
            accepted: BTreeSet::new(),
            read_journal: 0,
            transactions: BTreeMap::new(),
            violation: None,
            steps: 0,
        }
    }

    /// The first violation counts; what follows is its echo.
    pub fn violate(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(what.into());
        }
    }

    pub fn take_violation(&mut self) -> Option<String> {
        self.violation
            .take()
            .map(|what| format!("{what} (seed {})", self.seed))
    }

    /// Transactions as the journal tells them.
    pub const fn transactions(&self) -> &BTreeMap<TransactionId, Told> {
        &self.transactions
    }

    /// Requests of the run before mean nothing to the next.
    pub fn power_cut(&mut self) {
        self.asked.clear();
    }

    pub fn asked(&mut self, request: RequestId, token: &IdToken) {
        self.asked.insert(request, token.clone());
    }

    /// An event on its way to the station.
    pub fn check_event(&mut self, event: &Event) {
        match event {
            Event::Verdict { request, verdict } => {
                if let Some(token) = self.asked.remove(request)
                    && verdict.decision == Decision::Accepted
                {
                    self.accepted.insert(token.value);
                }
            }
            Event::Request {
                what:
                    Request::Start {
                        token,
                        authorize_first: false,
                        ..
                    },
                ..
            } => {
                self.accepted.insert(token.value.clone());
            }
            _ => {}
        }
    }

    /// After a step of one interlock.
    pub fn check_step(&mut self, facts: &StepFacts) {
        self.steps += 1;
        let place = usize::from(facts.evse) - 1;
        let mut memory = self.evses[place];
        if facts.view.faults.has(SimFault::ContactorWelded) {
            memory.welded_at = Some(facts.now);
        }
        if facts.local_reset {
            memory.reset_at = Some(facts.now);
        }
        if let Err(wrong) = check_closed(facts, &mut memory)
            .and_then(|()| check_offer(facts))
            .and_then(|()| check_latches(facts, &memory))
            .and_then(|()| self.check_current(facts, &mut memory))
        {
            self.violate(format!("evse {}: {wrong}", facts.evse));
        }
        memory.trips = facts.status.trips;
        self.evses[place] = memory;
    }

    /// Current flows only while the journal knows a transaction.
    fn check_current(&self, facts: &StepFacts, memory: &mut EvseMemory) -> Result<(), String> {
        let running = self
            .transactions
            .values()
            .any(|told| told.evse == facts.evse && told.stop_wh.is_none());
        if running {
            memory.running_at = Some(facts.now);
        }
        let flows = facts.view.current_ma.iter().any(|ma| *ma > 0);
        if !flows || memory.is_welded(facts) {
            return Ok(());
        }
        let since = memory.running_at.map(|at| facts.now.since(at).get());
        let bound = TRAIL_MS + facts.tick.get();
        match since {
            Some(ms) if ms <= bound => Ok(()),
            _ => Err(format!(
                "{:?} mA flow and no transaction runs",
                facts.view.current_ma
            )),
        }
    }

    /// After a tick: what the journal got.
    pub fn check_journal(&mut self, disk: &Disk) {
        while let Some(entry) = disk.journal.get(self.read_journal) {
            let expected = u64::try_from(self.read_journal).unwrap() + 1;
            if entry.seq.0 != expected {
                self.violate(format!(
                    "journal position {} where {expected} belongs",
                    entry.seq.0
                ));
            }
            self.read_journal += 1;
            if let Err(wrong) = self.check_entry(&entry.event) {
                self.violate(format!("journal {}: {wrong}", entry.seq.0));
            }
        }
    }

    fn check_entry(&mut self, event: &JournalEvent) -> Result<(), String> {
        match event {
            JournalEvent::TransactionStarted {
                transaction,
                evse,
                token,
                meter_start,
                offline,
                ..
            } => {
                if !self.accepted.contains(&token.value) && !offline {
                    return Err(format!("{} starts and was never accepted", token.value));
                }
                let busy = self
                    .transactions
                    .iter()
                    .find(|(_, told)| told.evse == evse.0 && told.stop_wh.is_none());
                if let Some((other, _)) = busy {
                    return Err(format!("starts while transaction {} runs", other.0));
                }
                let told = Told {
                    evse: evse.0,
                    token: token.value.clone(),
                    start_wh: meter_start.get(),
                    stop_wh: None,
                    readings: 0,
                    between: 0,
                };
                if self.transactions.insert(*transaction, told).is_some() {
                    return Err(format!("transaction {} starts twice", transaction.0));
                }
                self.register(evse.0, meter_start.get())
            }
            JournalEvent::TransactionMetered {
                transaction,
                reading,
            } => {
                let told = self.running(*transaction)?;
                told.readings += 1;
                let edge = matches!(
                    reading.context,
                    ReadingContext::TransactionBegin | ReadingContext::TransactionEnd
                );
                told.between += u64::from(!edge);
                let evse = told.evse;
                let register = reading.samples.iter().find(|sample| {
                    sample.measurand == Measurand::EnergyImportWh && sample.phase.is_none()
                });
                match register {
                    Some(sample) => self.register(evse, sample.value.unsigned_abs()),
                    None => Ok(()),
                }
            }
            JournalEvent::TransactionEnded {
                transaction,
                meter_stop,
                ..
            } => {
                let told = self.running(*transaction)?;
                if meter_stop.get() < told.start_wh {
                    return Err(format!(
                        "transaction {} took negative energy",
                        transaction.0
                    ));
                }
                told.stop_wh = Some(meter_stop.get());
                let evse = told.evse;
                self.register(evse, meter_stop.get())
            }
            JournalEvent::Security { .. } => Ok(()),
        }
    }

    fn running(&mut self, transaction: TransactionId) -> Result<&mut Told, String> {
        match self.transactions.get_mut(&transaction) {
            None => Err(format!("transaction {} was never started", transaction.0)),
            Some(told) if told.stop_wh.is_some() => {
                Err(format!("transaction {} has ended already", transaction.0))
            }
            Some(told) => Ok(told),
        }
    }

    fn register(&mut self, evse: u8, value: u64) -> Result<(), String> {
        let memory = &mut self.evses[usize::from(evse) - 1];
        if value < memory.register {
            return Err(format!(
                "the register fell from {} to {value} Wh",
                memory.register
            ));
        }
        memory.register = value;
        Ok(())
    }

    /// When everything is delivered: the central system's book tells the same story as the journal, in the same order.
    pub fn check_book(&self, csms: &Csms) -> Result<(), String> {
        let book: Vec<_> = csms.book().sessions().collect();
        if book.len() != self.transactions.len() {
            return Err(format!(
                "{} transactions in the journal, {} in the book",
                self.transactions.len(),
                book.len()
            ));
        }
        for ((id, told), session) in self.transactions.iter().zip(book) {
            let stop = session
                .end
                .as_ref()
                .map(|end| end.meter_stop_wh.unsigned_abs());
            // A reading may arrive twice, when its confirmation was lost; none may be missing.
            let all_read = session.readings >= told.between;
            let same = all_read
                && session.connector_id == i64::from(told.evse)
                && session.meter_start_wh.unsigned_abs() == told.start_wh
                && stop == told.stop_wh
                && session.id_tag.as_str().eq_ignore_ascii_case(&told.token);
            if !same {
                return Err(format!(
                    "transaction {}: {told:?} in the journal, {session:?}",
                    id.0
                ));
            }
        }
        Ok(())
    }
}

/// Contactor closed ⇒ everything the architecture demands, by the interlock's word and by the physics.
fn check_closed(facts: &StepFacts, memory: &mut EvseMemory) -> Result<(), String> {
    let (status, view, now) = (&facts.status, &facts.view, facts.now);
    if status.permit_fresh {
        memory.fresh_at = Some(now);
    }
    let broken = [SimFault::PilotShort, SimFault::PilotLost];
    let connected = view.ev.is_some() && !broken.iter().any(|fault| view.faults.has(*fault));
    if connected && view.s2 {
        memory.ready_at = Some(now);
    }
    if view.plug_held {
        memory.held_at = Some(now);
    }
    let welded = memory.is_welded(facts);
    let ready_ms = memory.ready_at.map(|at| now.since(at).get());
    if facts.contacts_closed && !welded && ready_ms.is_none_or(|ms| ms > OFF_MS + facts.tick.get())
    {
        return Err(format!(
            "contacts closed {ready_ms:?} ms after the vehicle left state C"
        ));
    }
    if !facts.outputs.contactor {
        return Ok(());
    }
    if !matches!(status.pilot, PilotState::C | PilotState::D) {
        return Err(format!(
            "contactor commanded closed in pilot state {:?}",
            status.pilot
        ));
    }
    if !status.trips.is_empty() {
        let trips: Vec<Trip> = status.trips.iter().collect();
        return Err(format!("contactor commanded closed with {trips:?}"));
    }
    let stale_ms = memory.fresh_at.map(|at| now.since(at).get());
    if stale_ms.is_none_or(|ms| ms > FORCED_MS + facts.tick.get()) {
        return Err(format!(
            "contactor commanded closed {stale_ms:?} ms after the permit expired"
        ));
    }
    let loose_ms = memory.held_at.map(|at| now.since(at).get());
    if status.lock != LockPosition::Locked || loose_ms.is_none_or(|ms| ms > OFF_MS) {
        return Err("contactor commanded closed on a plug that is not locked".to_owned());
    }
    if !status.self_test_fresh {
        return Err("contactor commanded closed without a fresh self-test".to_owned());
    }
    Ok(())
}

/// Offered current ≤ every limit, as a car reads it.
fn check_offer(facts: &StepFacts) -> Result<(), String> {
    let offered = offer_of(facts.outputs.pilot);
    if offered == 0 {
        return Ok(());
    }
    if !facts.status.permit_fresh {
        return Err(format!("offers {offered} mA without a fresh permit"));
    }
    let permitted = facts.permit.max_current.get();
    if offered > permitted {
        return Err(format!("offers {offered} mA, permitted are {permitted}"));
    }
    if let Some(cable) = facts.status.limits.cable
        && offered > cable.get()
    {
        return Err(format!("offers {offered} mA on a cable of {cable}"));
    }
    if !facts.status.trips.is_empty() {
        return Err(format!("offers {offered} mA with a trip"));
    }
    Ok(())
}

/// A latched trip stays until the vehicle is unplugged or somebody resets it at the board.
fn check_latches(facts: &StepFacts, memory: &EvseMemory) -> Result<(), String> {
    let latched = [
        Trip::ResidualCurrent,
        Trip::ExternalRcd,
        Trip::BreakerType2,
        Trip::Diode,
        Trip::Earth,
        Trip::OverCurrent,
        Trip::Weld,
    ];
    let reset_ms = memory.reset_at.map(|at| facts.now.since(at).get());
    let reset = reset_ms.is_some_and(|ms| ms <= RESET_MS + facts.tick.get());
    for trip in latched {
        let cleared = memory.trips.contains(trip) && !facts.status.trips.contains(trip);
        // A weld clears at the board only; the others also when the vehicle has gone.
        let unplugged = trip != Trip::Weld && !facts.status.vehicle_connected;
        if cleared && !reset && !unplugged {
            return Err(format!("{trip:?} cleared by itself"));
        }
    }
    Ok(())
}
