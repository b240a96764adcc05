//! A station with a fake of everything around it, in virtual time.

use std::collections::BTreeMap;

use interlock::{
    Attachment, InterlockLimits, LockPosition, LockWish, Permit, PilotState, Status, Trip, Trips,
    WakeUp,
};
use station::*;
use units::{Instant, Milliamps, Millis, Phases, Timestamp, WattHours};

pub const ONE: EvseId = EvseId(1);
pub const TWO: EvseId = EvseId(2);
pub const ALICE: &str = "04567DAA5F3580";
pub const BOB: &str = "0A0E9B83";

/// What the world around one EVSE looks like.
pub struct Port {
    pub status: Status,
    pub attachment: Attachment,
    pub register: u64,
    /// The meter answers once a second.
    pub metered: bool,
    /// The contactor follows the permit; `false` lets it stay closed.
    pub opens: bool,
    /// The lock cannot move.
    pub jammed: bool,
    permit: Permit,
    unlock_count: u32,
}

/// The station and its surroundings.
pub struct Rig {
    pub station: Station,
    pub now: Instant,
    pub ports: BTreeMap<EvseId, Port>,
    /// Everything polled except permits, in order.
    pub log: Vec<Action>,
    /// The journal, as it was handed out.
    pub journal: Vec<(JournalSeq, Moment, JournalEvent)>,
    /// The last record for a restart that was stored.
    pub record: PersistentState,
    /// The journal is stored up to here.
    pub committed: JournalSeq,
    /// Handed out and not stored yet.
    unwritten: Option<PersistentState>,
    /// The journal commits at once.
    pub commits: bool,
    /// Verdicts by token; a token without one is not answered.
    pub verdicts: BTreeMap<String, Verdict>,
    pub asked: Vec<(RequestId, IdToken, AuthorizePurpose, Option<String>)>,
    next_request: u64,
    next_meter: Instant,
}

pub fn config(evses: &[(EvseId, Attachment)]) -> StationConfig {
    let evse = |(id, attachment): &(EvseId, Attachment)| EvseConfig {
        id: *id,
        attachment: *attachment,
        max_current: Milliamps::from_amps(32),
        phases: Phases::Three,
    };
    StationConfig {
        identity: Identity::default(),
        evses: evses.iter().map(evse).collect(),
        settings: Vec::new(),
        boot_reason: BootReason::PowerUp,
    }
}

pub fn token(value: &str) -> IdToken {
    IdToken {
        value: value.to_owned(),
        kind: TokenKind::Rfid,
    }
}

pub fn verdict(decision: Decision) -> Verdict {
    Verdict {
        decision,
        group: None,
        expires: None,
        limit: None,
        reason: None,
        offline: false,
        source: "test".to_owned(),
    }
}

pub fn in_group(group: &str) -> Verdict {
    Verdict {
        group: Some(group.to_owned()),
        ..verdict(Decision::Accepted)
    }
}

fn idle(attachment: Attachment) -> Status {
    Status {
        pilot: PilotState::A,
        vehicle_connected: false,
        cable_present: matches!(attachment, Attachment::Tethered(_)),
        energised: false,
        contactor_command: false,
        lock: LockPosition::Unlocked,
        offered: Milliamps::ZERO,
        limits: InterlockLimits {
            cable: None,
            temperature: None,
            simplified_pilot: None,
        },
        trips: Trips::NONE,
        surge_tripped: false,
        phases: Phases::Three,
        wake_up: WakeUp::NotTried,
        permit_fresh: true,
        self_test_fresh: true,
    }
}

impl Rig {
    /// One EVSE with a socket-outlet; Alice and Bob are accepted.
    pub fn new() -> Self {
        Self::with(
            config(&[(ONE, Attachment::Socket)]),
            PersistentState::default(),
        )
    }

    pub fn tethered() -> Self {
        let cable = Attachment::Tethered(Milliamps::from_amps(32));
        Self::with(config(&[(ONE, cable)]), PersistentState::default())
    }

    pub fn double() -> Self {
        let evses = [(ONE, Attachment::Socket), (TWO, Attachment::Socket)];
        Self::with(config(&evses), PersistentState::default())
    }

    pub fn set_up(settings: &[(&str, &str)]) -> Self {
        let mut config = config(&[(ONE, Attachment::Socket)]);
        config.settings = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        config.check().unwrap();
        Self::with(config, PersistentState::default())
    }

    pub fn with(config: StationConfig, record: PersistentState) -> Self {
        let now = Instant::from_millis(1_000);
        let port = |evse: &EvseConfig| {
            let known = record.evses.iter().find(|known| known.evse == evse.id);
            let port = Port {
                status: idle(evse.attachment),
                attachment: evse.attachment,
                register: known.map_or(1_000, |known| known.register.get()),
                metered: true,
                opens: true,
                jammed: false,
                permit: Permit::NONE,
                unlock_count: 0,
            };
            (evse.id, port)
        };
        let ports = config.evses.iter().map(port).collect();
        let station = Station::new(
            config,
            record.clone(),
            Moment {
                at: now,
                wall: None,
            },
        );
        let accepted = || verdict(Decision::Accepted);
        let mut rig = Self {
            station,
            now,
            ports,
            log: Vec::new(),
            journal: Vec::new(),
            committed: JournalSeq(record.next_journal.max(1) - 1),
            record,
            unwritten: None,
            commits: true,
            verdicts: [(ALICE.to_owned(), accepted()), (BOB.to_owned(), accepted())].into(),
            asked: Vec::new(),
            next_request: 1,
            next_meter: now,
        };
        rig.drain();
        rig
    }

    /// Reports the present state of every interlock and meter, as a running board does soon after the start.
    pub fn boot(mut self) -> Self {
        for id in self.ports.keys().copied().collect::<Vec<_>>() {
            self.report(id);
        }
        self.run(1_000);
        self
    }

    pub fn port(&mut self, evse: EvseId) -> &mut Port {
        self.ports.get_mut(&evse).unwrap()
    }

    pub fn event(&mut self, event: Event) {
        self.station.handle_event(self.now, event);
        self.drain();
    }

    /// Lets time pass; timers and meters run.
    pub fn run(&mut self, ms: u64) {
        let end = self.now.after(Millis::new(ms));
        loop {
            let due = self
                .station
                .poll_timeout()
                .unwrap_or(Instant::NEVER)
                .min(self.next_meter);
            if due > end {
                break;
            }
            assert!(
                due >= self.now || due == self.next_meter,
                "a timer lies in the past: {due:?}"
            );
            self.now = self.now.max(due);
            if self.next_meter <= self.now {
                self.next_meter = self.now.after(Millis::from_secs(1));
                self.read_meters();
            } else {
                self.station.handle_timeout(self.now);
                let next = self.station.poll_timeout().unwrap_or(Instant::NEVER);
                assert!(
                    next > self.now,
                    "a timer that was handled is due again: {next:?}"
                );
                self.drain();
            }
        }
        self.now = end;
    }

    pub fn seconds(&mut self, s: u64) {
        self.run(s * 1_000);
    }

    fn read_meters(&mut self) {
        for id in self.ports.keys().copied().collect::<Vec<_>>() {
            let port = self.port(id);
            if !port.metered {
                continue;
            }
            if port.status.energised {
                port.register += 1;
            }
            let register = WattHours::new(port.register);
            let value = if port.status.energised { 3_600 } else { 0 };
            let samples = vec![Sample {
                measurand: Measurand::PowerImportW,
                phase: None,
                value,
            }];
            self.event(Event::Meter {
                evse: id,
                register,
                samples,
            });
        }
    }

    /// Tells the station what the interlock of this EVSE sees now.
    pub fn report(&mut self, evse: EvseId) {
        let status = self.port(evse).status;
        self.event(Event::Interlock { evse, status });
    }

    /// Polls everything; journal, plugins and interlock react at once, until nothing changes any more.
    pub fn drain(&mut self) {
        for _round in 0..32 {
            let mut commit = None;
            let mut answers = Vec::new();
            while let Some(action) = self.station.poll_action() {
                match action {
                    Action::Permit { evse, permit } => {
                        self.port(evse).permit = permit;
                        continue;
                    }
                    Action::Journal {
                        seq,
                        moment,
                        ref event,
                    } => {
                        self.journal.push((seq, moment, event.clone()));
                        commit = Some(seq);
                    }
                    Action::Persist { ref state } => self.unwritten = Some(state.clone()),
                    Action::Authorize {
                        request,
                        ref token,
                        purpose,
                        ref group,
                        ..
                    } => {
                        self.asked
                            .push((request, token.clone(), purpose, group.clone()));
                        let known = self.verdicts.get(&token.value);
                        answers.extend(known.map(|verdict| (request, verdict.clone())));
                    }
                    _ => {}
                }
                self.log.push(action);
            }
            let mut events = Vec::new();
            if self.commits {
                self.store();
            }
            if let Some(seq) = commit.filter(|_| self.commits) {
                events.push(Event::JournalCommitted { seq });
            }
            for (request, verdict) in answers {
                events.push(Event::Verdict { request, verdict });
            }
            for (id, port) in &mut self.ports {
                if port.react() {
                    events.push(Event::Interlock {
                        evse: *id,
                        status: port.status,
                    });
                }
            }
            if events.is_empty() {
                return;
            }
            for event in events {
                self.station.handle_event(self.now, event);
            }
        }
        panic!("station and surroundings do not come to rest");
    }

    /// Journal and record become durable together.
    fn store(&mut self) {
        if let Some(state) = self.unwritten.take() {
            self.record = state;
        }
        self.committed = self.journal.last().map_or(self.committed, |(seq, ..)| *seq);
    }

    /// The journal works again.
    pub fn commit(&mut self) {
        self.commits = true;
        self.store();
        let seq = self.committed;
        self.event(Event::JournalCommitted { seq });
    }

    /// Plug and vehicle, vehicle not ready yet.
    pub fn plug_in(&mut self, evse: EvseId) {
        let port = self.port(evse);
        port.status.pilot = PilotState::B;
        port.status.vehicle_connected = true;
        port.status.cable_present = true;
        if matches!(port.attachment, Attachment::Socket) {
            port.status.limits.cable = Some(Milliamps::from_amps(32));
        }
        self.report(evse);
    }

    pub fn pilot(&mut self, evse: EvseId, pilot: PilotState) {
        self.port(evse).status.pilot = pilot;
        self.report(evse);
    }

    /// The cable is pulled at the vehicle and stays in the socket.
    pub fn ev_unplug(&mut self, evse: EvseId) {
        let port = self.port(evse);
        port.status.pilot = PilotState::A;
        port.status.vehicle_connected = false;
        self.report(evse);
    }

    /// The cable is pulled at the station.
    pub fn unplug(&mut self, evse: EvseId) {
        let port = self.port(evse);
        let trips = port.status.trips;
        port.status = idle(port.attachment);
        port.status.trips = trips;
        self.report(evse);
    }

    pub fn trip(&mut self, evse: EvseId, trip: Trip) {
        let port = self.port(evse);
        port.status.trips = port.status.trips.with(trip);
        port.react();
        self.report(evse);
    }

    pub fn untrip(&mut self, evse: EvseId, trip: Trip) {
        let port = self.port(evse);
        port.status.trips = port.status.trips.without(trip);
        self.report(evse);
    }

    pub fn swipe(&mut self, value: &str) {
        self.swipe_at(Some(ONE), value);
    }

    pub fn swipe_at(&mut self, evse: Option<EvseId>, value: &str) {
        self.event(Event::TokenPresented {
            evse,
            token: token(value),
        });
    }

    /// Alice charges at EVSE 1.
    pub fn charge(&mut self) -> TransactionId {
        self.plug_in(ONE);
        self.swipe(ALICE);
        self.pilot(ONE, PilotState::C);
        self.seconds(1);
        assert_eq!(self.indication(), Indication::Charging);
        self.running().expect("a transaction runs")
    }

    /// Asks as an adapter; answers what the station answered at once.
    pub fn request(&mut self, what: Request) -> Option<Outcome> {
        self.request_from(Requester::Adapter("backend".to_owned()), what)
    }

    pub fn request_from(&mut self, from: Requester, what: Request) -> Option<Outcome> {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.event(Event::Request {
            from,
            request,
            what,
        });
        self.outcome(request)
    }

    /// The answer to the latest request.
    pub fn last_outcome(&self) -> Option<Outcome> {
        self.outcome(RequestId(self.next_request - 1))
    }

    fn outcome(&self, wanted: RequestId) -> Option<Outcome> {
        self.log.iter().find_map(|action| match action {
            Action::Respond {
                request, outcome, ..
            } if *request == wanted => Some(*outcome),
            _ => None,
        })
    }

    pub fn set(&mut self, key: &str, value: &str) -> Outcome {
        let what = Request::SetSetting {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.request_from(Requester::Local, what).unwrap()
    }

    pub fn start_request(evse: Option<EvseId>, value: &str, authorize_first: bool) -> Request {
        let token = IdToken {
            value: value.to_owned(),
            kind: TokenKind::Central,
        };
        Request::Start {
            evse,
            token,
            authorize_first,
        }
    }

    pub fn set_clock(&mut self, unix_ms: i64) {
        self.event(Event::ClockSet {
            wall: Timestamp::from_unix_millis(unix_ms),
        });
    }

    pub fn indication(&self) -> Indication {
        self.station.indication(ONE).unwrap()
    }

    pub fn connector(&self) -> ConnectorStatus {
        self.station.connectors().into_iter().next().unwrap()
    }

    pub fn running(&self) -> Option<TransactionId> {
        self.station
            .transactions()
            .first()
            .map(|view| view.transaction)
    }

    pub fn permit(&self) -> Permit {
        self.station.permit(ONE).unwrap()
    }

    pub fn locked(&self) -> bool {
        self.ports[&ONE].status.lock == LockPosition::Locked
    }

    pub fn energised(&self) -> bool {
        self.ports[&ONE].status.energised
    }

    /// Starts in the journal, as transaction and token.
    pub fn starts(&self) -> Vec<(TransactionId, String)> {
        let start = |event: &JournalEvent| match event {
            JournalEvent::TransactionStarted {
                transaction, token, ..
            } => Some((*transaction, token.value.clone())),
            _ => None,
        };
        self.journal
            .iter()
            .filter_map(|(.., event)| start(event))
            .collect()
    }

    /// Ends in the journal, as reason and token.
    pub fn ends(&self) -> Vec<(StopReason, Option<String>)> {
        let end = |event: &JournalEvent| match event {
            JournalEvent::TransactionEnded { reason, token, .. } => {
                Some((*reason, token.as_ref().map(|token| token.value.clone())))
            }
            _ => None,
        };
        self.journal
            .iter()
            .filter_map(|(.., event)| end(event))
            .collect()
    }

    pub fn end_reasons(&self) -> Vec<StopReason> {
        self.ends().into_iter().map(|(reason, _)| reason).collect()
    }

    /// Contexts of the transaction readings in the journal.
    pub fn readings(&self) -> Vec<(u64, ReadingContext)> {
        let reading = |event: &JournalEvent| match event {
            JournalEvent::TransactionMetered { reading, .. } => {
                Some((reading.moment.at.as_millis(), reading.context))
            }
            _ => None,
        };
        self.journal
            .iter()
            .filter_map(|(.., event)| reading(event))
            .collect()
    }

    pub fn signals(&self) -> Vec<Signal> {
        let signal = |action: &Action| match action {
            Action::Signal { signal, .. } => Some(*signal),
            _ => None,
        };
        self.log.iter().filter_map(signal).collect()
    }

    pub fn notices(&self) -> Vec<FaultNotice> {
        let notice = |action: &Action| match action {
            Action::FaultChanged { notice } => Some(notice.clone()),
            _ => None,
        };
        self.log.iter().filter_map(notice).collect()
    }

    pub fn indications(&self) -> Vec<Indication> {
        let indication = |action: &Action| match action {
            Action::Indicate { indication, .. } => Some(*indication),
            _ => None,
        };
        self.log.iter().filter_map(indication).collect()
    }

    pub fn restarted(&self) -> Option<ResetKind> {
        self.log.iter().find_map(|action| match action {
            Action::Restart { kind } => Some(*kind),
            _ => None,
        })
    }

    /// The power fails now and comes back: a new station from the last record.
    pub fn power_cycle(self, change: impl FnOnce(&mut StationConfig)) -> Self {
        let evses: Vec<(EvseId, Attachment)> = self
            .station
            .evses()
            .iter()
            .map(|evse| (evse.id, evse.attachment))
            .collect();
        let mut config = config(&evses);
        change(&mut config);
        Self::with(config, self.record)
    }
}

impl Port {
    /// What interlock and lock make of the permit; answers whether anything changed.
    fn react(&mut self) -> bool {
        let before = self.status;
        let offer = self.permit.max_current >= Milliamps::from_amps(6)
            && self.status.trips.is_empty()
            && self.status.vehicle_connected;
        let wants = matches!(self.status.pilot, PilotState::C | PilotState::D);
        let held = matches!(self.attachment, Attachment::Tethered(_))
            || self.status.lock == LockPosition::Locked;
        let close = offer && wants && held;
        let close = close || (!self.opens && self.status.energised);
        self.status.energised = close;
        self.status.contactor_command = close;
        let cable = self.status.limits.cable.unwrap_or(Milliamps::MAX);
        self.status.offered = if offer {
            self.permit.max_current.min(cable)
        } else {
            Milliamps::ZERO
        };
        if matches!(self.attachment, Attachment::Socket) && !self.jammed && !close {
            let forced = std::mem::replace(&mut self.unlock_count, self.permit.unlock_count)
                != self.permit.unlock_count;
            self.status.lock = match (self.permit.lock, self.status.cable_present) {
                (_, false) | (LockWish::Release, _) => LockPosition::Unlocked,
                (_, true) if forced => LockPosition::Unlocked,
                (_, true) if self.status.vehicle_connected => LockPosition::Locked,
                (LockWish::WhileCablePresent, true) => self.status.lock,
                (LockWish::WhenPlugged, true) => LockPosition::Unlocked,
            };
        }
        self.status != before
    }
}
