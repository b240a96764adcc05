//! The station's thread: the state machine, its journal, meters, readers, and who is told what.
//!
//! It is the only one that touches [`Station`]. It never waits for an adapter: what an adapter's queue cannot take
//! makes that adapter start again, which brings it up to date.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use drivers::indicator::{Frame, Indicator, Indicators};
use drivers::sim::{SimControl, SimWorld};
use drivers::{CardReader, CardSeen, Meter};
use interlock::{LogEvent, Status, Trips};
use plugin_host::{
    AuthorizeRequest, BackendInput, BackendRole, Behaviour, EvseInfo, RunningTransaction, Setting,
    Stage,
};
use serde_json::Value;
use station::{
    Action, BootReason, Decision, Event, EvseId, FreeCharging, IdToken, Indication, JournalEvent,
    JournalSeq, Measurand, Moment, PersistentState, Reporting, RequestId, Requester, ResetKind,
    Sample, SamplePhase, Signal, Station, TokenKind, Verdict,
};
use tokio::sync::mpsc;
use units::{Instant, Millis, Timestamp};

use crate::adapter::{AdapterHandle, AdapterSeed};
use crate::authorize::{Authorizers, Standing, ToAuthorizers};
use crate::ceilings::Ceilings;
use crate::clock::{Clock, WallClock};
use crate::deploy::Deployed;
use crate::files::Files;
use crate::interlock_thread::Pulse;
use crate::journal::Store;
use crate::languages::{Languages, ToLanguages, Words};
use crate::limits::{
    JOURNAL_PRUNE_STEP, LAST_WORDS, METER_FAILURES, METER_PERIOD_MS, READER_PERIOD_MS,
    STATION_POLL, STATUS_REPEAT_MS,
};
use crate::messages::{Facts, ToAdapter, ToStation};
use crate::slot::{PermitSlot, StatusSlot, trip_names};
use crate::start::RESTARTS;
use crate::watchdog::BackendWatch;

/// Journal writes that failed are tried again after this long, ms.
const RETRY_MS: u64 = 500;
/// The simulated world is looked at this often, ms; plugs and locks are written down when they change.
const WORLD_MS: u64 = 100;
/// Energy alone is written down every so many looks; every journal entry writes it too.
const WORLD_ENERGY_LOOKS: u64 = 50;

/// One EVSE as the station's thread sees it.
pub struct Place {
    /// Which.
    pub evse: EvseId,
    /// Permit for its interlock.
    pub permit: Arc<PermitSlot>,
    /// Status of its interlock.
    pub status: Arc<StatusSlot>,
    /// Its meter.
    pub meter: Box<dyn Meter>,
    /// Its reader.
    pub reader: Box<dyn CardReader>,
    /// Last status told to the station, and when.
    pub told: Option<(Status, Instant)>,
    /// Readings that failed in a row.
    pub meter_failures: u32,
    /// Last indication.
    pub indication: Indication,
    /// Last short signals, newest last.
    pub signals: Vec<Signal>,
    /// Decides what lights, buzzer and segment display show.
    pub indicator: Indicator,
    /// The lights, the buzzer and the segment display.
    pub lamps: Box<dyn Indicators>,
    /// What they show.
    pub frame: Option<Frame>,
    /// Last values of the meter.
    pub samples: Vec<Sample>,
    /// What the languages were told to say.
    pub said: Vec<Words>,
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The process was asked to end.
    Shutdown,
    /// The station restarts.
    Restart(ResetKind),
}

/// Everything of the station's thread.
pub struct Core {
    pub(crate) station: Station,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) wall: WallClock,
    pub(crate) places: Vec<Place>,
    pub(crate) adapters: Vec<AdapterHandle>,
    pub(crate) next_adapter: u64,
    pub(crate) seed: AdapterSeed,
    pub(crate) authorizers: Authorizers,
    pub(crate) languages: Languages,
    pub(crate) deployed: Deployed,
    pub(crate) standing: Standing,
    /// What the backends allow.
    pub(crate) ceilings: Ceilings,
    /// As they were kept last, and when to look again.
    pub(crate) ceilings_kept: String,
    pub(crate) ceilings_due: Instant,
    /// Transfers and firmware.
    pub(crate) files: Files,
    pub(crate) backend_watch: BackendWatch,
    /// What the next start is told, if the station restarts.
    pub(crate) next_boot_reason: BootReason,
    /// The last card that proved to be no copy.
    pub(crate) proven: Option<IdToken>,
    /// A session runs, as the authorizers were told.
    pub(crate) busy: bool,
    pub(crate) sim: SimControl,
    pub(crate) world_files: Vec<PathBuf>,
    /// Folder of the recordings of plugins.
    pub(crate) recordings: PathBuf,
    pub(crate) log_events: Receiver<(EvseId, LogEvent)>,
    pub(crate) commits: u64,
    pub(crate) pulse: Arc<Pulse>,
    /// Requests for a verdict that are under way, for the backend's turn.
    pub(crate) asked: BTreeMap<RequestId, AuthorizeRequest>,
    /// Entries and the record that a full disk holds up.
    pub(crate) uncommitted: Vec<(JournalSeq, Moment, JournalEvent)>,
    pub(crate) unsaved: Option<PersistentState>,
    pub(crate) retry_at: Option<Instant>,
    pub(crate) latched: String,
    pub(crate) meter_due: Instant,
    pub(crate) reader_due: Instant,
    pub(crate) world_due: Instant,
    pub(crate) world_looks: u64,
    /// The simulated world as it was last written down, by EVSE.
    pub(crate) worlds: Vec<Option<SimWorld>>,
    pub(crate) indicators_due: Instant,
    pub(crate) readers_silent: bool,
    pub(crate) ended: Option<Ended>,
    pub(crate) local_answers: BTreeMap<RequestId, tokio::sync::oneshot::Sender<Value>>,
    pub(crate) next_local: u64,
}

impl Core {
    /// Runs until the station restarts or the process ends.
    pub fn run(mut self, inbox: &Receiver<ToStation>, watchdog: impl Fn()) -> (Ended, Self) {
        self.tell_ceilings(self.clock.now());
        self.security("StartupOfTheDevice");
        self.settle();
        loop {
            match inbox.recv_timeout(self.wait()) {
                Ok(message) => {
                    self.handle(message);
                    // What waits already is taken along, a bounded number at a time.
                    for _ in 0..64 {
                        let Ok(message) = inbox.try_recv() else { break };
                        self.handle(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.ended = Some(Ended::Shutdown),
            }
            self.look_around();
            self.settle();
            watchdog();
            if let Some(ended) = self.ended {
                return (ended, self);
            }
        }
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let due = self.station.poll_timeout().map_or(STATION_POLL, |due| {
            Duration::from_millis(due.since(now).get())
        });
        due.min(STATION_POLL)
    }

    fn handle(&mut self, message: ToStation) {
        let now = self.clock.now();
        match message {
            ToStation::Event(event) => {
                if let Event::BackendOnline { online } = event {
                    self.tell_authorizers(ToAuthorizers::BackendConnected(online));
                    self.backend_watch.changed(online);
                }
                self.station.handle_event(now, event);
            }
            ToStation::SetClock(wall) => self.set_clock(now, wall),
            ToStation::WantsFacts(adapter) => self.inform(adapter),
            ToStation::NoOpinion(request, Stage::First) => self.ask_backend(now, request),
            ToStation::NoOpinion(request, Stage::Unanswered) => {
                self.no_opinion(now, request, "nobody knows the card");
            }
            ToStation::Consumed(request) => {
                self.asked.remove(&request);
                self.station
                    .handle_event(now, Event::TokenConsumed { request });
            }
            ToStation::Verdict(request, verdict) => {
                self.asked.remove(&request);
                self.station
                    .handle_event(now, Event::Verdict { request, verdict });
            }
            ToStation::BackendVerdict(request, verdict) => {
                self.backend_verdict(now, request, verdict);
            }
            ToStation::Ceiling(adapter, evse, ceiling) => {
                self.ceilings.set(&adapter, evse, ceiling);
                self.tell_ceilings(now);
            }
            ToStation::Standing(standing) => self.set_standing(now, *standing),
            ToStation::Switched {
                deployment,
                part,
                result,
            } => self.switched(deployment, &part, result),
            ToStation::ApplyPack(deployment, answer) => self.apply_pack(*deployment, answer),
            ToStation::Control(request, answer) => self.control(&request, answer),
            ToStation::File(asked) => self.file(*asked),
            ToStation::FileReport(report) => self.file_report(report),
            ToStation::Security(text) => self.security(&text),
            ToStation::Shutdown => self.ended = Some(Ended::Shutdown),
        }
    }

    fn set_clock(&mut self, now: Instant, wall: Timestamp) {
        self.report_clock_step(wall);
        let offset = self.wall.set(now, wall);
        if let Err(error) = self.store.set_wall_offset(offset) {
            tracing::error!("the time of this start cannot be stored: {error}");
        }
        self.station.handle_event(now, Event::ClockSet { wall });
        // Entries that waited for a time can go now.
        self.broadcast(|| ToAdapter::JournalGrew);
    }

    // ---- hardware ----

    fn look_around(&mut self) {
        let now = self.clock.now();
        self.read_interlocks(now);
        if now >= self.reader_due {
            self.reader_due = now.after(Millis::new(READER_PERIOD_MS));
            self.read_cards(now);
        }
        if now >= self.meter_due {
            self.meter_due = now.after(Millis::new(METER_PERIOD_MS));
            for place in 0..self.places.len() {
                self.read_meter(now, place);
            }
        }
        if now >= self.world_due {
            self.world_due = now.after(Millis::new(WORLD_MS));
            self.world_looks = self.world_looks.wrapping_add(1);
            self.save_world(self.world_looks.is_multiple_of(WORLD_ENERGY_LOOKS));
        }
        while let Ok((evse, event)) = self.log_events.try_recv() {
            tracing::info!(
                evse = evse.0,
                at_ms = event.at.as_millis(),
                "interlock: {:?}",
                event.kind
            );
        }
        self.station.handle_timeout(now);
        let busy = !self.station.transactions().is_empty();
        if busy != self.busy {
            self.busy = busy;
            self.tell_authorizers(ToAuthorizers::Busy(busy));
        }
        self.keep_ceilings(now);
        self.watch_backend(now);
        self.watch_trial(now);
        self.say();
        self.indicate(now);
    }

    fn read_interlocks(&mut self, now: Instant) {
        let mut latched = Vec::with_capacity(self.places.len());
        for place in &mut self.places {
            let Some(status) = place.status.get() else {
                continue;
            };
            latched.push(status.trips.bits().to_string());
            let repeat = place
                .told
                .is_none_or(|(told, at)| told != status || now.since(at).get() >= STATUS_REPEAT_MS);
            if repeat {
                let before = place.told.map_or(Trips::NONE, |(told, _)| told.trips);
                if before != status.trips {
                    tracing::warn!(evse = place.evse.0, trips = ?trip_names(status.trips), "trips");
                }
                place.told = Some((status, now));
                let evse = place.evse;
                self.station
                    .handle_event(now, Event::Interlock { evse, status });
            }
        }
        let latched = latched.join(",");
        if latched != self.latched {
            self.latched.clone_from(&latched);
            if let Err(error) = self.store.put_record("trips", &latched) {
                tracing::error!("latched trips cannot be stored: {error}");
            }
        }
    }

    fn read_cards(&mut self, now: Instant) {
        let mut silent = false;
        for place in &mut self.places {
            match place.reader.poll(now) {
                Ok(Some(seen @ (CardSeen::Uid(uid) | CardSeen::ProvenUid(uid)))) => {
                    let token = IdToken {
                        value: uid.to_string(),
                        kind: TokenKind::Rfid,
                    };
                    self.proven = matches!(seen, CardSeen::ProvenUid(_)).then(|| token.clone());
                    let evse = Some(place.evse);
                    self.station
                        .handle_event(now, Event::TokenPresented { evse, token });
                }
                Ok(Some(CardSeen::Unreadable)) => {
                    let evse = Some(place.evse);
                    self.station
                        .handle_event(now, Event::TokenUnreadable { evse });
                }
                Ok(None) => {}
                Err(_) => silent = true,
            }
        }
        if silent != self.readers_silent {
            self.readers_silent = silent;
            self.station
                .handle_event(now, Event::ReaderSilent { silent });
        }
    }

    fn read_meter(&mut self, now: Instant, place: usize) {
        let Some(place) = self.places.get_mut(place) else {
            return;
        };
        let evse = place.evse;
        match place.meter.read(now) {
            Ok(reading) => {
                place.meter_failures = 0;
                let offered = place.told.map_or(0, |(status, _)| status.offered.get());
                let samples = samples(&reading, offered);
                let register = reading.register;
                place.samples.clone_from(&samples);
                self.station.handle_event(
                    now,
                    Event::Meter {
                        evse,
                        register,
                        samples,
                    },
                );
            }
            Err(error) => {
                place.meter_failures = place.meter_failures.saturating_add(1);
                if place.meter_failures == METER_FAILURES {
                    tracing::error!(evse = evse.0, "{error}");
                    self.station.handle_event(now, Event::MeterSilent { evse });
                }
            }
        }
    }

    /// What a real street would keep while the program is gone: cable, vehicle, register.
    fn save_world(&mut self, with_energy: bool) {
        for (number, file) in self.world_files.iter().enumerate() {
            let evse = u8::try_from(number + 1).unwrap_or(u8::MAX);
            let Some(world) = self.sim.world(evse) else {
                continue;
            };
            let Some(saved) = self.worlds.get_mut(number) else {
                continue;
            };
            let moved = saved.is_none_or(|old| (old.plug, old.held) != (world.plug, world.held));
            let drawn = with_energy && saved.is_none_or(|old| old.energy_uj != world.energy_uj);
            if !moved && !drawn {
                continue;
            }
            *saved = Some(world);
            let temporary = file.with_extension("new");
            let written = std::fs::write(&temporary, world.to_text())
                .and_then(|()| std::fs::rename(&temporary, file));
            if let Err(error) = written {
                tracing::warn!("{}: {error}", file.display());
            }
        }
    }

    // ---- actions ----

    /// Does what the station wants until it wants nothing more.
    fn settle(&mut self) {
        loop {
            let mut rest = Vec::new();
            let before = self.uncommitted.len();
            while let Some(action) = self.station.poll_action() {
                match action {
                    Action::Permit { evse, permit } => {
                        if let Some(place) = self.places.iter().find(|place| place.evse == evse) {
                            place.permit.put(&permit);
                        }
                    }
                    Action::Journal { seq, moment, event } => {
                        self.uncommitted.push((seq, moment, event))
                    }
                    Action::Persist { state } => self.unsaved = Some(state),
                    other => rest.push(other),
                }
            }
            let nothing_new = rest.is_empty() && self.uncommitted.len() == before;
            let committed = self.commit();
            for action in rest {
                self.act(action);
            }
            if nothing_new && !committed {
                break;
            }
        }
    }

    /// Writes journal and record in one transaction. Answers whether the station was told of new entries.
    fn commit(&mut self) -> bool {
        let now = self.clock.now();
        let held_up = self.retry_at.is_some_and(|at| now < at);
        if held_up || (self.uncommitted.is_empty() && self.unsaved.is_none()) {
            return false;
        }
        if !self.uncommitted.is_empty() {
            self.save_world(true);
        }
        match self
            .store
            .commit_station(&self.uncommitted, self.unsaved.as_ref())
        {
            Ok(()) => {
                self.retry_at = None;
                self.unsaved = None;
                self.commits = self.commits.saturating_add(1);
                let last = self.uncommitted.last().map(|(seq, _, _)| *seq);
                self.uncommitted.clear();
                let Some(seq) = last else { return false };
                self.station
                    .handle_event(now, Event::JournalCommitted { seq });
                self.broadcast(|| ToAdapter::JournalGrew);
                if seq.0 % JOURNAL_PRUNE_STEP == 0 {
                    self.prune();
                }
                true
            }
            Err(error) => {
                tracing::error!(
                    "the journal cannot be written, nothing new is granted power: {error}"
                );
                self.retry_at = Some(now.after(Millis::new(RETRY_MS)));
                false
            }
        }
    }

    fn prune(&mut self) {
        let names: Vec<String> = self
            .adapters
            .iter()
            .map(|adapter| adapter.name.clone())
            .collect();
        if let Err(error) = self.store.prune(&names) {
            tracing::warn!("old journal entries stay: {error}");
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            // Done before, together.
            Action::Permit { .. } | Action::Journal { .. } | Action::Persist { .. } => {}
            Action::Authorize {
                request,
                evse,
                token,
                purpose,
                group,
            } => {
                self.authorize(AuthorizeRequest {
                    request,
                    evse,
                    token,
                    purpose,
                    group,
                });
            }
            Action::ConnectorChanged { .. } if self.tells_nothing() => {}
            Action::ConnectorChanged { status } => {
                self.broadcast(|| ToAdapter::Input(BackendInput::Connector(status.clone())));
            }
            Action::FaultChanged { notice } => {
                if let Err(error) = self.store.add_fault(&notice) {
                    tracing::error!("fault history: {error}");
                }
                tracing::warn!(
                    id = notice.id,
                    active = notice.active,
                    "fault: {}",
                    notice.message
                );
                self.broadcast(|| ToAdapter::Input(BackendInput::Fault(notice.clone())));
            }
            Action::Reading { request, reading } => self.reading(request, reading),
            Action::Respond {
                to,
                request,
                outcome,
                detail,
            } => match to {
                Requester::Adapter(name) => {
                    let input = BackendInput::Outcome {
                        request,
                        outcome,
                        detail,
                    };
                    self.tell_named(&name, ToAdapter::Input(input));
                }
                Requester::Local => self.answer_local(request, outcome, &detail),
            },
            Action::Indicate { evse, indication } => {
                if let Some(place) = self.places.iter_mut().find(|place| place.evse == evse) {
                    place.indication = indication;
                }
            }
            Action::Signal { evse, signal } => self.signal(evse, signal),
            Action::SettingChanged { key, value } => {
                if let Err(error) = self.store.put_setting(&key, &value) {
                    tracing::error!(key, "the setting is in force but cannot be stored: {error}");
                }
                let setting = Setting { key, value };
                self.tell_authorizers(ToAuthorizers::SettingChanged(setting.clone()));
                self.broadcast(|| ToAdapter::Input(BackendInput::SettingChanged(setting.clone())));
            }
            Action::Restart { kind } => self.restart(kind),
        }
    }

    fn signal(&mut self, evse: Option<EvseId>, signal: Signal) {
        let now = self.clock.now();
        for place in &mut self.places {
            if evse.is_none_or(|evse| evse == place.evse) {
                if place.signals.len() >= 8 {
                    place.signals.remove(0);
                }
                place.signals.push(signal);
                place.indicator.blip(now, crate::indicators::blip(signal));
            }
        }
    }

    fn reading(&mut self, request: Option<(Requester, RequestId)>, reading: station::MeterReading) {
        match request {
            Some((Requester::Adapter(name), request)) => {
                let input = BackendInput::Meter {
                    request: Some(request),
                    reading,
                };
                self.tell_named(&name, ToAdapter::Input(input));
            }
            Some((Requester::Local, request)) => {
                self.answer_local(request, station::Outcome::Accepted, "reading taken");
            }
            None => self.broadcast(|| {
                ToAdapter::Input(BackendInput::Meter {
                    request: None,
                    reading: reading.clone(),
                })
            }),
        }
    }

    fn restart(&mut self, kind: ResetKind) {
        tracing::warn!(?kind, "restarting");
        self.security("ResetOrReboot");
        let reason = self.next_boot_reason;
        let word = RESTARTS.iter().find(|(ordered, _)| *ordered == reason);
        let word = word.map_or("", |(_, word)| word);
        if let Err(error) = self.store.put_record("boot_reason", word) {
            tracing::error!("the reason of the restart cannot be stored: {error}");
        }
        self.broadcast(|| ToAdapter::Input(BackendInput::Restarting(reason)));
        // Contactors are open already; the pause lets answers leave before the links close.
        std::thread::sleep(LAST_WORDS);
        self.ended = Some(Ended::Restart(kind));
    }

    // ---- plugins ----

    /// A free-charging mode is in force that tells backends nothing.
    fn tells_nothing(&self) -> bool {
        let free = self.standing.free.as_ref();
        free.is_some_and(|mode| mode.reporting == plugin_host::Reporting::Nothing)
    }

    fn authorize(&mut self, request: AuthorizeRequest) {
        self.asked.insert(request.request, request.clone());
        while self.asked.len() > crate::limits::AUTHORIZE_INBOX {
            self.asked.pop_first();
        }
        self.ask_authorizers(request, Stage::First);
    }

    fn ask_authorizers(&mut self, request: AuthorizeRequest, stage: Stage) {
        let id = request.request;
        let secure = self.proven.as_ref() == Some(&request.token);
        let question = ToAuthorizers::Authorize {
            request,
            stage,
            secure,
        };
        if self.authorizers.inbox.try_send(question).is_err() {
            let now = self.clock.now();
            self.no_opinion(now, id, "too many cards at once");
        }
    }

    fn ask_backend(&mut self, now: Instant, id: RequestId) {
        let Some(request) = self.asked.get(&id).cloned() else {
            return;
        };
        let primary = self
            .adapters
            .iter()
            .find(|adapter| adapter.role == BackendRole::Primary && adapter.informed);
        match primary.map(|adapter| adapter.id) {
            Some(adapter) => {
                self.tell(adapter, ToAdapter::Input(BackendInput::Authorize(request)));
            }
            None => self.ask_once_more(now, id),
        }
    }

    /// The backend judged a token, or could not.
    fn backend_verdict(&mut self, now: Instant, request: RequestId, verdict: Verdict) {
        if verdict.decision == Decision::NoOpinion {
            return self.ask_once_more(now, request);
        }
        if let Some(asked) = self.asked.remove(&request) {
            let opinion = ToAuthorizers::BackendOpinion(asked.token, verdict.clone());
            self.tell_authorizers(opinion);
        }
        self.station
            .handle_event(now, Event::Verdict { request, verdict });
    }

    /// The authorizers' second turn: no backend had an answer.
    fn ask_once_more(&mut self, now: Instant, id: RequestId) {
        match self.asked.get(&id).cloned() {
            Some(request) => self.ask_authorizers(request, Stage::Unanswered),
            None => self.no_opinion(now, id, "no backend answered"),
        }
    }

    fn set_standing(&mut self, now: Instant, standing: Standing) {
        if standing.free != self.standing.free {
            let mode = standing.free.clone().map(free_charging);
            tracing::info!(?mode, "free charging");
            self.station.handle_event(now, Event::FreeCharging(mode));
        }
        if standing.present_on_plug != self.standing.present_on_plug {
            let token = standing.present_on_plug.clone();
            self.station.handle_event(now, Event::PresentOnPlug(token));
        }
        let told_nothing = self.tells_nothing();
        self.standing = standing;
        if told_nothing && !self.tells_nothing() {
            // Backends hear now what was kept from them.
            for status in self.station.connectors() {
                self.broadcast(|| ToAdapter::Input(BackendInput::Connector(status.clone())));
            }
        }
    }

    fn no_opinion(&mut self, now: Instant, request: RequestId, reason: &str) {
        self.asked.remove(&request);
        let verdict = Verdict {
            decision: Decision::NoOpinion,
            group: None,
            expires: None,
            limit: None,
            reason: Some(reason.to_owned()),
            offline: true,
            source: String::new(),
        };
        self.station
            .handle_event(now, Event::Verdict { request, verdict });
    }

    pub(crate) fn tell_authorizers(&self, message: ToAuthorizers) {
        if let Err(error) = self.authorizers.inbox.try_send(message) {
            tracing::error!("the authorizers do not keep up; they were not told: {error}");
        }
    }

    pub(crate) fn tell_languages(&self, message: ToLanguages) {
        if let Err(error) = self.languages.inbox.try_send(message) {
            tracing::warn!("the languages do not keep up; they were not told: {error}");
        }
    }

    fn inform(&mut self, id: u64) {
        let name = self.adapters.iter().find(|adapter| adapter.id == id);
        let installation = name.and_then(|adapter| self.installation(&adapter.name));
        let facts = Facts {
            installation,
            identity: self.station.identity().clone(),
            evses: self
                .station
                .evses()
                .iter()
                .map(|evse| EvseInfo {
                    evse: evse.id,
                    connectors: 1,
                    fixed_cable: matches!(evse.attachment, interlock::Attachment::Tethered(_)),
                    max_current: evse.max_current,
                    phases: evse.phases.count(),
                })
                .collect(),
            connectors: self.station.connectors(),
            transactions: self
                .station
                .transactions()
                .into_iter()
                .map(|t| RunningTransaction {
                    transaction: t.transaction,
                    evse: t.evse,
                    connector: t.connector,
                    token: t.token,
                    meter_start: t.meter_start,
                    started: t.started,
                    silent: t.silent,
                    start_seq: t.start_seq,
                })
                .collect(),
            faults: self.station.faults(),
            settings: self
                .station
                .settings()
                .into_iter()
                .map(|view| Setting {
                    key: view.key,
                    value: view.value,
                })
                .collect(),
        };
        if let Some(adapter) = self.adapters.iter_mut().find(|adapter| adapter.id == id) {
            adapter.informed = true;
            // Facts and the place in the journal belong together: nothing is told twice or not at all.
            if let Err(error) = self.store.know_adapter(&adapter.name) {
                tracing::error!(
                    plugin = adapter.name,
                    "its place in the journal cannot be stored: {error}"
                );
            }
        }
        self.tell(id, ToAdapter::Facts(Box::new(facts)));
    }

    fn broadcast(&mut self, message: impl Fn() -> ToAdapter) {
        let informed = self.adapters.iter().filter(|adapter| adapter.informed);
        let informed: Vec<u64> = informed.map(|adapter| adapter.id).collect();
        for id in informed {
            self.tell(id, message());
        }
    }

    pub(crate) fn tell_named(&mut self, name: &str, message: ToAdapter) {
        let found = self.adapters.iter().find(|adapter| adapter.name == name);
        if let Some(id) = found.map(|adapter| adapter.id) {
            self.tell(id, message);
        }
    }

    /// Never waits. An adapter that cannot take more is started again and told everything anew.
    pub(crate) fn tell(&mut self, id: u64, message: ToAdapter) {
        let Some(adapter) = self.adapters.iter_mut().find(|adapter| adapter.id == id) else {
            return;
        };
        match adapter.inbox.try_send(message) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::error!(
                    plugin = adapter.name,
                    "the adapter does not keep up; it is started again"
                );
                if !std::mem::replace(&mut adapter.informed, false) {
                    return;
                }
                let inbox = adapter.inbox.clone();
                let sender = std::thread::Builder::new().name("adapter-restart".to_owned());
                // One short-lived thread waits for room; `informed` keeps a second one from being started.
                let spawned = sender.spawn(move || {
                    let _ends_with_the_process = inbox.blocking_send(ToAdapter::Restart);
                });
                if let Err(error) = spawned {
                    tracing::error!("the adapter stays uninformed: {error}");
                }
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                tracing::error!(plugin = adapter.name, "the adapter's thread has ended");
            }
        }
    }

    /// Ends the other threads and says what is left for the next start.
    pub fn close(mut self) {
        self.files.stop();
        self.save_world(true);
        for adapter in &self.adapters {
            if adapter.inbox.try_send(ToAdapter::Stop).is_err() {
                tracing::warn!(
                    plugin = adapter.name,
                    "the adapter is ended without a last word"
                );
            }
        }
        for adapter in self.adapters {
            adapter.join();
        }
        self.authorizers.join();
        self.languages.join();
    }
}

fn free_charging(mode: Behaviour) -> FreeCharging {
    FreeCharging {
        start_on_plug: mode.start_on_plug,
        reporting: match mode.reporting {
            plugin_host::Reporting::Nothing => Reporting::Nothing,
            plugin_host::Reporting::StatusOnly => Reporting::StatusOnly,
            plugin_host::Reporting::Transactions => Reporting::Transactions,
        },
        report_as: mode.report_as,
        remote_stop: mode.remote_stop,
        token_stops: mode.token_stops,
    }
}

fn samples(reading: &drivers::Measurement, offered_ma: u32) -> Vec<Sample> {
    let sum = |measurand, value: i64| Sample {
        measurand,
        phase: None,
        value,
    };
    let register = i64::try_from(reading.register.get()).unwrap_or(i64::MAX);
    let mut samples = vec![
        sum(Measurand::EnergyImportWh, register),
        sum(Measurand::PowerImportW, i64::from(reading.power.get())),
        sum(Measurand::CurrentOfferedMa, i64::from(offered_ma)),
    ];
    let phases = [SamplePhase::L1, SamplePhase::L2, SamplePhase::L3];
    for (phase, current) in phases.into_iter().zip(reading.current) {
        if let Some(current) = current {
            let value = i64::from(current.get());
            samples.push(Sample {
                measurand: Measurand::CurrentImportMa,
                phase: Some(phase),
                value,
            });
        }
    }
    for (phase, voltage) in phases.into_iter().zip(reading.voltage) {
        if let Some(voltage) = voltage {
            let value = i64::from(voltage.get());
            samples.push(Sample {
                measurand: Measurand::VoltageMv,
                phase: Some(phase),
                value,
            });
        }
    }
    if let Some(frequency) = reading.frequency_mhz {
        samples.push(sum(Measurand::FrequencyMhz, i64::from(frequency)));
    }
    samples
}
