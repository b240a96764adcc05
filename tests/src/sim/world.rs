//! The world and its clock.

use std::collections::{BTreeMap, VecDeque};

use drivers::sim::{Rng, SimCommand, SimEvseConfig, SimFault, SimStation};
use drivers::{Board as _, CardReader as _, CardSeen, Measurement, Meter as _};
use interlock::{BoardProfile, Interlock, Permit, Status};
use station::{
    BootReason, Event, EvseConfig, EvseId, IdToken, Identity, Measurand, Moment, Request,
    RequestId, Requester, ResetKind, Sample, SamplePhase, Station, StationConfig, TokenKind,
};
use units::{Instant, Millis, Phases};

use super::adapter::{AdapterKind, Instance};
use super::checker::{Checker, StepFacts};
use super::convert;
use super::disk::Disk;
use super::network::Network;
use super::plan::Do;

/// EVSEs of the simulated station.
pub const EVSES: u8 = 2;
/// Meters are read this often, ms.
const METER_MS: u64 = 1_000;
/// Readers are asked this often, ms.
const READER_MS: u64 = 100;
/// The station hears from an interlock at least this often, ms.
const STATUS_MS: u64 = 100;
/// A dead adapter is started again after this.
const ADAPTER_BACK: Millis = Millis::new(500);
/// Software restarts take this long.
const RESTART_TIME: Millis = Millis::new(1_000);
/// Lines of the trace that a failure shows.
const TAIL: usize = 60;

/// How a world is made.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    pub seed: u64,
    pub tick: Millis,
    pub latency: Millis,
    /// Station settings that differ from the defaults.
    pub settings: Vec<(String, String)>,
    /// Adapter settings that differ from its defaults.
    pub adapter_settings: Vec<(String, String)>,
    /// The power is cut at this opportunity (counted from 1), and comes back later.
    pub crash_at: Option<u64>,
}

impl WorldConfig {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            tick: Millis::new(10),
            latency: Millis::new(20),
            settings: Vec::new(),
            adapter_settings: Vec::new(),
            crash_at: None,
        }
    }

    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// The power went in the middle of something.
#[derive(Debug)]
pub struct Crash;

/// Something to be done by station or adapter.
#[derive(Debug)]
pub(super) enum Work {
    Station(Event),
    Adapter(sdk::backend::Input),
}

/// What runs while the power is on.
pub(super) struct Software {
    pub interlocks: Vec<Interlock>,
    pub permits: Vec<Permit>,
    pub told: Vec<Option<(Status, Instant)>>,
    pub station: Station,
    pub adapter: Option<Instance>,
    pub adapter_back_at: Option<Instant>,
    pub restart: Option<ResetKind>,
    pub reader_silent: bool,
}

pub struct World {
    pub now: Instant,
    pub config: WorldConfig,
    pub hw: SimStation,
    pub disk: Disk,
    pub net: Network,
    pub checker: Checker,
    pub plan: BTreeMap<u64, Vec<Do>>,
    /// Opportunities for a power cut so far.
    pub points: u64,
    /// How often, per million, an opportunity is taken.
    pub cut_rate: u64,
    /// Decides which.
    cut_by: Rng,
    /// Notable events, oldest first.
    pub trace: Vec<(u64, String)>,
    pub(super) kind: Option<AdapterKind>,
    pub(super) software: Option<Software>,
    pub(super) work: VecDeque<Work>,
    back_at: Option<Instant>,
    boot_reason: BootReason,
}

impl World {
    pub fn new(config: WorldConfig, kind: Option<AdapterKind>) -> Self {
        let evse = SimEvseConfig::socket();
        let mut world = Self {
            now: Instant::ZERO,
            hw: SimStation::new(&[evse; EVSES as usize], config.seed),
            disk: Disk::default(),
            net: Network::new(config.latency),
            checker: Checker::new(config.seed, usize::from(EVSES)),
            plan: BTreeMap::new(),
            points: 0,
            cut_rate: 0,
            cut_by: Rng::new(config.seed ^ 0xC07),
            trace: Vec::new(),
            kind,
            software: None,
            work: VecDeque::new(),
            back_at: None,
            boot_reason: BootReason::PowerUp,
            config,
        };
        world.boot();
        world
    }

    pub fn station(&self) -> &Station {
        &self.software.as_ref().expect("the power is on").station
    }

    pub fn status(&self, evse: u8) -> Status {
        let software = self.software.as_ref().expect("the power is on");
        software.interlocks[usize::from(evse) - 1].status()
    }

    pub fn is_on(&self) -> bool {
        self.software.is_some()
    }

    /// The adapter says that the backend has accepted the station.
    pub fn is_registered(&self) -> bool {
        let adapter = self
            .software
            .as_ref()
            .and_then(|software| software.adapter.as_ref());
        adapter.is_some_and(|adapter| adapter.registered)
    }

    /// Every journal entry has reached the central system and was confirmed.
    pub fn is_delivered(&self) -> bool {
        self.disk.adapter.outbox.is_empty() && self.disk.adapter.cursor == self.disk.last_seq()
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.trace.push((self.now.as_millis(), text.into()));
    }

    /// Does something now. Refused when hands cannot do it.
    pub fn act(&mut self, what: Do) -> Result<(), String> {
        match what {
            Do::Hardware(evse, command) => {
                self.note(format!("evse {evse}: {}", describe(&command)));
                self.hw
                    .apply(self.now, evse, command)
                    .map_err(|error| error.to_string())?;
            }
            Do::Link(up) => {
                self.note(if up { "uplink is back" } else { "uplink fails" });
                self.net.set_reachable(up);
            }
            Do::KillAdapter => {
                self.note("the adapter dies");
                if let Some(software) = &mut self.software {
                    software.adapter = None;
                    software.adapter_back_at = Some(self.now.after(ADAPTER_BACK));
                    self.work.retain(|work| matches!(work, Work::Station(_)));
                    self.work
                        .push_back(Work::Station(Event::BackendOnline { online: false }));
                }
            }
            Do::SwapAdapter => {
                if !self.disk.adapter.outbox.is_empty() {
                    return Err("a message is on its way".to_owned());
                }
                self.note("another adapter takes over");
                if let Some(software) = &mut self.software {
                    software.adapter = None;
                    software.adapter_back_at = Some(self.now);
                }
            }
            Do::CutPower(outage) => self.cut_power(outage),
            Do::Inject(text) => self.net.inject(self.now, &text),
            Do::RemoteStart(connector, card) => {
                let csms = &mut self.net.csms;
                csms.remote_start(self.now, connector, &card)
                    .map_err(|error| error.to_string())?;
            }
            Do::RemoteStop(transaction) => {
                let csms = &mut self.net.csms;
                csms.remote_stop(self.now, transaction)
                    .map_err(|error| error.to_string())?;
            }
            Do::Local(what) => {
                let (from, request) = (Requester::Local, RequestId(self.now.as_millis()));
                self.work.push_back(Work::Station(Event::Request {
                    from,
                    request,
                    what,
                }));
            }
            Do::Limit(evse, source, current) => {
                let evse = EvseId(evse);
                let event = Event::LimitChanged {
                    evse,
                    source,
                    current,
                };
                self.work.push_back(Work::Station(event));
            }
        }
        Ok(())
    }

    /// Tells the station something out of the blue.
    pub fn push_event(&mut self, event: Event) {
        self.work.push_back(Work::Station(event));
    }

    pub fn hardware(&mut self, evse: u8, command: SimCommand) {
        self.act(Do::Hardware(evse, command)).expect("possible now");
    }

    pub fn swipe(&mut self, evse: u8, card: &str) {
        let uid = drivers::CardUid::try_from_hex(card).unwrap();
        self.hardware(evse, SimCommand::Card(CardSeen::Uid(uid)));
    }

    /// Lets this much time pass.
    pub fn run(&mut self, span: Millis) {
        let until = self.now.after(span);
        while self.now < until {
            self.step();
        }
    }

    /// Lets time pass until something is so; fails after `bound`.
    pub fn run_until(&mut self, what: &str, bound: Millis, holds: impl Fn(&Self) -> bool) {
        let until = self.now.after(bound);
        while !holds(self) {
            if self.now >= until {
                self.fail(&format!("not within {bound}: {what}"));
            }
            self.step();
        }
    }

    /// One tick.
    pub fn step(&mut self) {
        self.now = self.now.after(self.config.tick);
        if self.back_at.is_some_and(|at| at <= self.now) {
            self.back_at = None;
            self.boot();
        }
        while let Some(entry) = self
            .plan
            .first_entry()
            .filter(|e| *e.key() <= self.now.as_millis())
        {
            for what in entry.remove() {
                // A random plan may ask for what hands cannot do; then nothing happens.
                let _ = self.act(what);
            }
        }
        if self.tick().is_err() {
            self.cut_power(Millis::from_secs(3));
        }
        if let Some(wrong) = self.checker.take_violation() {
            self.fail(&wrong);
        }
    }

    /// Ends the run with everything somebody needs to run it again.
    pub fn fail(&self, what: &str) -> ! {
        let from = self.trace.len().saturating_sub(TAIL);
        let mut text = format!(
            "{what}\n  seed {} at {} ms, power cut at opportunity {:?}\n",
            self.config.seed,
            self.now.as_millis(),
            self.config.crash_at
        );
        for (at, line) in &self.trace[from..] {
            text.push_str(&format!("  {at:>9} {line}\n"));
        }
        panic!("{text}");
    }

    /// An opportunity for a power cut.
    pub(super) fn point(&mut self) -> Result<(), Crash> {
        self.points += 1;
        let chosen = self.config.crash_at == Some(self.points);
        if chosen || self.cut_by.chance(self.cut_rate) {
            Err(Crash)
        } else {
            Ok(())
        }
    }

    /// The mains fails: software and line are gone, contactors fall open, the disk and the street remain.
    pub fn cut_power(&mut self, outage: Millis) {
        if self.software.is_none() {
            return;
        }
        self.note("power cut");
        self.software = None;
        self.work.clear();
        self.net.cut();
        for board in &mut self.hw.boards {
            board.power_cut();
        }
        self.checker.power_cut();
        self.boot_reason = BootReason::PowerUp;
        self.back_at = Some(self.now.after(outage));
    }

    /// The software ends and begins again; the hardware keeps its power.
    fn restart(&mut self) {
        self.note("software restarts");
        self.software = None;
        self.work.clear();
        self.net.cut();
        for board in &mut self.hw.boards {
            board.power_cut();
        }
        self.checker.power_cut();
        self.boot_reason = BootReason::RemoteReset;
        self.back_at = Some(self.now.after(RESTART_TIME));
    }

    fn boot(&mut self) {
        self.disk.boots += 1;
        self.disk.booted_at = Some(self.now);
        self.note(format!("boot {}", self.disk.boots));
        let profile = BoardProfile::socket_32a();
        let ids = 1..=EVSES;
        let evses = ids.clone().map(|id| EvseConfig {
            id: EvseId(id),
            attachment: profile.attachment,
            max_current: profile.max_current,
            phases: Phases::Three,
        });
        let mut settings = self.config.settings.clone();
        settings.extend(self.disk.settings.clone());
        let config = StationConfig {
            identity: Identity {
                vendor: "Pilotwire".to_owned(),
                model: "Simulated".to_owned(),
                serial: "SIM-1".to_owned(),
                firmware: "0.1.0".to_owned(),
                ..Identity::default()
            },
            evses: evses.collect(),
            settings,
            boot_reason: self.boot_reason,
        };
        config
            .check()
            .expect("a station configuration that can be used");
        let moment = Moment {
            at: self.now,
            wall: None,
        };
        let resume = |id| Interlock::resume(profile, self.disk.latched(id));
        self.software = Some(Software {
            interlocks: ids.clone().map(resume).collect(),
            permits: vec![Permit::NONE; usize::from(EVSES)],
            told: vec![None; usize::from(EVSES)],
            station: Station::new(config, self.disk.restored(), moment),
            adapter: None,
            adapter_back_at: Some(self.now),
            restart: None,
            reader_silent: false,
        });
    }

    fn tick(&mut self) -> Result<(), Crash> {
        for evse in 1..=EVSES {
            self.step_evse(evse);
        }
        if self.software.is_none() {
            return Ok(());
        }
        let at = self.now.as_millis();
        let tick = self.config.tick.get();
        if at % METER_MS < tick {
            self.read_meters();
        }
        if at % READER_MS < tick {
            self.read_cards();
        }
        self.pump()?;
        self.run_adapter()?;
        let restart = self
            .software
            .as_mut()
            .and_then(|software| software.restart.take());
        if restart.is_some() {
            self.restart();
        }
        self.checker.check_journal(&self.disk);
        Ok(())
    }

    fn step_evse(&mut self, evse: u8) {
        let place = usize::from(evse) - 1;
        let board = &mut self.hw.boards[place];
        let inputs = board.read(self.now);
        let Some(software) = &mut self.software else {
            return;
        };
        let permit = software.permits[place];
        let interlock = &mut software.interlocks[place];
        let before = interlock.status();
        let outputs = interlock.step(self.now, &inputs, &permit);
        board.write(self.now, &outputs);
        let status = interlock.status();
        let due = software.told[place]
            .is_none_or(|(told, at)| told != status || self.now.since(at).get() >= STATUS_MS);
        if due {
            software.told[place] = Some((status, self.now));
            self.work.push_back(Work::Station(Event::Interlock {
                evse: EvseId(evse),
                status,
            }));
        }
        self.disk.trips.insert(evse, status.trips.bits());
        let facts = StepFacts {
            evse,
            now: self.now,
            tick: self.config.tick,
            permit,
            status,
            outputs,
            local_reset: inputs.local_reset,
            view: self.hw.control.view(evse).expect("an EVSE"),
            contacts_closed: self.hw.boards[place].contacts_closed(),
        };
        self.checker.check_step(&facts);
        for line in changes(evse, &before, &status) {
            self.note(line);
        }
    }

    fn read_meters(&mut self) {
        for evse in 1..=EVSES {
            let meter = &mut self.hw.meters[usize::from(evse) - 1];
            let evse = EvseId(evse);
            let event = match meter.read(self.now) {
                Ok(measurement) => Event::Meter {
                    evse,
                    register: measurement.register,
                    samples: samples(&measurement),
                },
                Err(_) => Event::MeterSilent { evse },
            };
            self.work.push_back(Work::Station(event));
        }
    }

    fn read_cards(&mut self) {
        let mut silent = false;
        for evse in 1..=EVSES {
            let reader = &mut self.hw.readers[usize::from(evse) - 1];
            let place = Some(EvseId(evse));
            let event = match reader.poll(self.now) {
                Ok(None) => continue,
                Ok(Some(CardSeen::Unreadable)) => Event::TokenUnreadable { evse: place },
                Ok(Some(CardSeen::Uid(uid) | CardSeen::ProvenUid(uid))) => Event::TokenPresented {
                    evse: place,
                    token: IdToken {
                        value: uid.to_string(),
                        kind: TokenKind::Rfid,
                    },
                },
                Err(_) => {
                    silent = true;
                    continue;
                }
            };
            self.work.push_back(Work::Station(event));
        }
        if let Some(software) = &mut self.software
            && software.reader_silent != silent
        {
            software.reader_silent = silent;
            self.work
                .push_back(Work::Station(Event::ReaderSilent { silent }));
        }
    }

    /// Heals everything that is broken and takes away what is plugged in, as a service technician would.
    pub fn heal(&mut self) {
        self.plan.clear();
        self.config.crash_at = None;
        self.cut_rate = 0;
        self.net.rude = None;
        let _ = self.act(Do::Link(true));
        for evse in 1..=EVSES {
            self.hardware(evse, SimCommand::Clear(None));
            for source in convert::OUTSIDE_LIMITS {
                let _ = self.act(Do::Limit(evse, source, None));
            }
        }
        self.run(Millis::from_secs(60));
        for evse in 1..=EVSES {
            let view = self.hw.control.view(evse).expect("an EVSE");
            if view.ev.is_some() {
                self.hardware(evse, SimCommand::EvUnplug);
            }
        }
        self.run(Millis::from_secs(20));
        for evse in 1..=EVSES {
            self.hardware(evse, SimCommand::LocalReset);
            let what = Request::Unlock {
                evse: EvseId(evse),
                connector: station::ConnectorId(1),
            };
            let _ = self.act(Do::Local(what));
        }
        self.run(Millis::from_secs(20));
        for evse in 1..=EVSES {
            if self.hw.control.view(evse).expect("an EVSE").cable {
                self.hardware(evse, SimCommand::Unplug);
            }
        }
        self.run(Millis::from_secs(60));
    }
}

fn describe(command: &SimCommand) -> String {
    match command {
        SimCommand::PlugIn(plug) => format!("plug in {}", plug.preset.name()),
        SimCommand::Fault(fault) => format!("fault {}", fault.name()),
        SimCommand::Clear(fault) => format!("clear {}", fault.map_or("all", SimFault::name)),
        other => format!("{other:?}"),
    }
}

/// What changed in an interlock's status, in words.
fn changes(evse: u8, before: &Status, after: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |text: String| lines.push(format!("evse {evse}: {text}"));
    if before.pilot != after.pilot {
        say(format!("pilot {:?}", after.pilot));
    }
    if before.offered != after.offered {
        say(format!("offers {}", after.offered));
    }
    if before.lock != after.lock {
        say(format!("lock {:?}", after.lock));
    }
    if before.contactor_command != after.contactor_command {
        say(format!(
            "contactor {}",
            if after.contactor_command {
                "closes"
            } else {
                "opens"
            }
        ));
    }
    if before.trips != after.trips {
        say(format!(
            "trips {:?}",
            after.trips.iter().collect::<Vec<_>>()
        ));
    }
    lines
}

fn samples(measurement: &Measurement) -> Vec<Sample> {
    let sum = |measurand, value| Sample {
        measurand,
        phase: None,
        value,
    };
    let register = i64::try_from(measurement.register.get()).unwrap();
    let mut samples = vec![
        sum(Measurand::EnergyImportWh, register),
        sum(Measurand::PowerImportW, measurement.power.get().into()),
    ];
    let phases = [SamplePhase::L1, SamplePhase::L2, SamplePhase::L3];
    for (phase, current) in phases.into_iter().zip(measurement.current) {
        if let Some(current) = current {
            samples.push(Sample {
                measurand: Measurand::CurrentImportMa,
                phase: Some(phase),
                value: current.get().into(),
            });
        }
    }
    samples
}
