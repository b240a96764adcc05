//! Drives the backend adapters of the templates that report in JSON, as the daemon does: commits what is to be kept, loses
//! links, kills instances. Every language says the same.

use std::collections::BTreeMap;

use plugin_host::{
    BackendCommand, BackendInput, BackendPlugin, DurableFrame, Grant, Grants, JournalEntry, Limits,
    LinkDown, LinkFailure, LinkUp, Loaded, PluginKind, Registration, RunningTransaction,
    StoreEntry,
};
use serde_json::{Value, json};
use station::{
    ChargingState, ConnectorId, ConnectorStatus, Decision, EvseId, IdToken, JournalEvent,
    JournalSeq, Measurand, MeterReading, Moment, Outcome, PilotState, ReadingContext, RequestId,
    Sample, StopReason, TokenKind, TransactionId,
};
use units::{Instant, Timestamp, WattHours};

use super::programs::Project;
use crate::guests::{backend_start, question, setting};

const URL: &str = "ws://127.0.0.1:9000/report";
const WALL_MS: i64 = 1_893_456_000_000;
const CHARGE: TransactionId = TransactionId(7);

/// An adapter, and what the station keeps for it.
pub struct Reporter {
    loaded: Loaded,
    limits: Limits,
    plugin: BackendPlugin,
    now_ms: u64,
    cursor: u64,
    store: BTreeMap<String, Vec<u8>>,
    outbox: Vec<DurableFrame>,
}

impl Reporter {
    /// Loads a component under the bounds of the project's pack.
    pub fn load(project: &Project, component: &[u8]) -> Self {
        let kind = PluginKind::Backend;
        let loaded = project.loaded(kind, component);
        let limits = project.limits();
        let plugin = instance(&loaded, limits);
        assert_eq!(plugin.describe().name, project.name);
        assert_eq!(plugin.describe().settings[0].key, "url");
        Self {
            loaded,
            limits,
            plugin,
            now_ms: 1_000,
            cursor: 4,
            store: BTreeMap::new(),
            outbox: Vec::new(),
        }
    }

    /// Every rule.
    pub fn examine(&mut self) {
        self.connects_and_waits_for_the_welcome();
        self.takes_the_journal_and_loses_nothing();
        self.leaves_alone_what_is_not_to_be_reported();
        self.reports_what_began_before_it_was_added();
        self.asks_about_cards_and_ends_charges();
        self.survives_its_server();
    }

    fn now(&self) -> Moment {
        Moment {
            at: Instant::from_millis(self.now_ms),
            wall: Some(Timestamp::from_unix_millis(WALL_MS)),
        }
    }

    /// A new instance: after boot, a trap or a swap.
    fn start(&mut self, link: bool, running: Vec<RunningTransaction>) -> Vec<BackendCommand> {
        self.plugin = instance(&self.loaded, self.limits);
        let mut start = backend_start(vec![setting("url", URL)]);
        let entries = self.store.iter();
        start.store = entries
            .map(|(key, value)| StoreEntry {
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        start.outbox.clone_from(&self.outbox);
        start.cursor = JournalSeq(self.cursor);
        start.connectors = vec![self.connector(false)];
        start.transactions = running;
        start.link = link.then(up);
        let commands = self.plugin.start(self.now(), start).unwrap();
        self.committed(commands)
    }

    fn handle(&mut self, input: BackendInput) -> Vec<BackendCommand> {
        self.now_ms += 10;
        let shown: String = format!("{input:?}").chars().take(200).collect();
        let commands = self.plugin.handle(self.now(), input);
        let commands = commands.unwrap_or_else(|error| panic!("{shown}: {error}"));
        self.committed(commands)
    }

    /// Keeps what is to be kept.
    fn committed(&mut self, commands: Vec<BackendCommand>) -> Vec<BackendCommand> {
        for command in &commands {
            match command {
                BackendCommand::Advance(seq) => self.cursor = seq.0,
                BackendCommand::Store(write) => {
                    match &write.value {
                        Some(value) => self.store.insert(write.key.clone(), value.clone()),
                        None => self.store.remove(&write.key),
                    };
                }
                BackendCommand::Enqueue(frame) => self.outbox.push(frame.clone()),
                BackendCommand::Dequeue(id) => self.outbox.retain(|frame| frame.id != *id),
                BackendCommand::Refused(refusal) => panic!("refused: {refusal:?}"),
                _ => {}
            }
        }
        commands
    }

    fn hear(&mut self, message: &Value) -> Vec<BackendCommand> {
        self.handle(BackendInput::Frame(message.to_string()))
    }

    fn welcome(&mut self) -> Vec<BackendCommand> {
        let hello = self.handle(BackendInput::LinkUp(up()));
        assert_eq!(types(&hello), ["hello"]);
        self.hear(&json!({"type": "welcome", "time_ms": WALL_MS}))
    }

    fn entry(&mut self, event: JournalEvent) -> Vec<BackendCommand> {
        let seq = JournalSeq(self.cursor + 1);
        let moment = self.now();
        let commands = self.handle(BackendInput::Journal(JournalEntry { seq, moment, event }));
        assert_eq!(self.cursor, seq.0, "it did not take the entry");
        commands
    }

    fn connector(&self, charges: bool) -> ConnectorStatus {
        ConnectorStatus {
            evse: EvseId(1),
            connector: ConnectorId(1),
            operative: true,
            plugged: charges,
            authorized: charges,
            pilot: if charges {
                PilotState::C
            } else {
                PilotState::A
            },
            charging: match charges {
                true => ChargingState::Charging,
                false => ChargingState::Idle,
            },
            finishing: false,
            reserved: false,
            transaction: charges.then_some(CHARGE),
            fault: None,
            moment: self.now(),
        }
    }

    fn started(&self, silent: bool) -> JournalEvent {
        JournalEvent::TransactionStarted {
            transaction: CHARGE,
            evse: EvseId(1),
            connector: ConnectorId(1),
            token: card(),
            group: None,
            meter_start: WattHours::new(1_500),
            reservation: None,
            offline: false,
            silent,
        }
    }

    fn metered(&self) -> JournalEvent {
        let sample = |measurand, value| Sample {
            measurand,
            phase: None,
            value,
        };
        JournalEvent::TransactionMetered {
            transaction: CHARGE,
            reading: MeterReading {
                evse: EvseId(1),
                moment: self.now(),
                context: ReadingContext::SamplePeriodic,
                samples: vec![
                    sample(Measurand::PowerImportW, 11_000),
                    sample(Measurand::EnergyImportWh, 1_600),
                ],
            },
        }
    }

    fn connects_and_waits_for_the_welcome(&mut self) {
        let commands = self.start(false, Vec::new());
        assert_eq!(connected(&commands), ["ws://127.0.0.1:9000/report/CP1"]);
        assert!(sent(&commands).is_empty());
        let question = BackendInput::Authorize(question(1, "04A1B2C3"));
        assert_eq!(verdicts(&self.handle(question)), [Decision::NoOpinion]);
        let hello = self.handle(BackendInput::LinkUp(up()));
        assert_eq!(sent(&hello)[0]["station"], "CP1");
        assert_eq!(sent(&hello)[0]["boot"], 1);
        let silence = self.handle(BackendInput::Timer);
        assert!(matches!(silence[0], BackendCommand::Disconnect(_)));
        let welcome = self.hear(&json!({"type": "welcome", "time_ms": WALL_MS}));
        let clock = BackendCommand::SetClock(Timestamp::from_unix_millis(WALL_MS));
        assert!(welcome.contains(&clock), "{welcome:?}");
        assert_eq!(registration(&welcome), Some(Registration::Registered));
        let status = json!({"type": "status", "evse": 1, "connector": 1, "status": "available"});
        assert_eq!(sent(&welcome), [status]);
        let charging = self.handle(BackendInput::Connector(self.connector(true)));
        assert_eq!(sent(&charging)[0]["status"], "charging");
        let same = self.handle(BackendInput::Connector(self.connector(true)));
        assert!(same.is_empty(), "{same:?}");
    }

    fn takes_the_journal_and_loses_nothing(&mut self) {
        let begun = self.entry(self.started(false));
        let started = json!({
            "type": "started", "id": "j5", "transaction": 7, "evse": 1, "connector": 1, "card": "04A1B2C3",
            "meter_wh": 1_500, "time_ms": WALL_MS,
        });
        assert_eq!(sent(&begun), [started]);
        let kept = self.outbox.clone();
        assert_eq!(kept.len(), 1);
        let durable = begun
            .iter()
            .position(|command| matches!(command, BackendCommand::Enqueue(_)));
        let first = begun
            .iter()
            .position(|command| matches!(command, BackendCommand::Send(_)));
        assert!(durable < first, "sent before it is durable: {begun:?}");

        // The confirmation is lost with the link; pauses double.
        let mut pauses = Vec::new();
        for _ in 0..3 {
            let lost = self.handle(BackendInput::LinkDown(down()));
            assert_eq!(registration(&lost), Some(Registration::Offline));
            let wake = lost.iter().find_map(|command| match command {
                BackendCommand::WakeAt(Some(at)) => Some(at.as_millis()),
                _ => None,
            });
            pauses.push(wake.unwrap() - self.now_ms);
            assert_eq!(connected(&self.handle(BackendInput::Timer)).len(), 1);
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000]);
        let welcome = self.welcome();
        assert!(texts(&welcome).contains(&kept[0].text), "{welcome:?}");

        // The instance dies with the frame unconfirmed; the link stays.
        let reborn = self.start(true, vec![self.running(JournalSeq(5))]);
        assert_eq!(types(&reborn), ["hello"]);
        assert!(connected(&reborn).is_empty());
        let welcome = self.hear(&json!({"type": "welcome"}));
        assert!(texts(&welcome).contains(&kept[0].text), "{welcome:?}");
        assert_eq!(self.outbox, kept, "kept twice");

        self.acknowledged("j5");
        let energy = self.entry(self.metered());
        let message = json!({
            "type": "energy", "id": "j6", "transaction": 7, "meter_wh": 1_600, "time_ms": WALL_MS,
        });
        assert_eq!(sent(&energy), [message]);
        self.acknowledged("j6");
        let ended = self.entry(ended());
        let message = json!({
            "type": "ended", "id": "j7", "transaction": 7, "meter_wh": 1_700, "reason": "ev-disconnected",
            "time_ms": WALL_MS,
        });
        assert_eq!(sent(&ended), [message]);
        self.acknowledged("j7");
        assert!(self.store.is_empty(), "{:?}", self.store);
    }

    fn acknowledged(&mut self, id: &str) {
        for _ in 0..2 {
            self.hear(&json!({"type": "ack", "id": id}));
            assert!(self.outbox.is_empty(), "{:?}", self.outbox);
        }
    }

    fn leaves_alone_what_is_not_to_be_reported(&mut self) {
        let text = "a cabinet was opened".to_owned();
        for event in [
            self.started(true),
            self.metered(),
            ended(),
            JournalEvent::Security { text },
        ] {
            let commands = self.entry(event);
            assert_eq!(commands.len(), 1, "{commands:?}");
        }
        assert!(self.outbox.is_empty() && self.store.is_empty());
    }

    fn reports_what_began_before_it_was_added(&mut self) {
        // Its start still comes.
        let commands = self.start(false, vec![self.running(JournalSeq(self.cursor + 1))]);
        assert!(self.outbox.is_empty(), "{commands:?}");
        self.start(false, vec![self.running(JournalSeq(self.cursor))]);
        let ids: Vec<_> = self.outbox.iter().map(|frame| frame.id.clone()).collect();
        assert_eq!(ids, ["t7"]);
        let welcome = self.welcome();
        assert!(types(&welcome).contains(&"started".to_owned()));
        self.acknowledged("t7");
        self.entry(ended());
        assert_eq!(self.outbox.len(), 1);
        let id = self.outbox[0].id.clone();
        self.acknowledged(&id);
    }

    fn running(&self, start_seq: JournalSeq) -> RunningTransaction {
        RunningTransaction {
            transaction: CHARGE,
            evse: EvseId(1),
            connector: ConnectorId(1),
            token: card(),
            meter_start: WattHours::new(1_500),
            started: self.now(),
            silent: false,
            start_seq,
        }
    }

    fn asks_about_cards_and_ends_charges(&mut self) {
        for (said, decision) in [
            (json!("accepted"), Decision::Accepted),
            (json!("blocked"), Decision::Blocked),
            (json!("concurrent"), Decision::Concurrent),
            (json!("yes"), Decision::NoOpinion),
            (json!(""), Decision::NoOpinion),
            (json!(true), Decision::NoOpinion),
            (Value::Null, Decision::NoOpinion),
        ] {
            let asked = self.handle(BackendInput::Authorize(question(9, "04A1B2C3")));
            let message = json!({
                "type": "card", "request": 9, "evse": 1, "card": "04A1B2C3", "purpose": "start",
            });
            assert_eq!(sent(&asked), [message]);
            assert!(verdicts(&asked).is_empty());
            let answer = self.hear(&json!({"type": "verdict", "request": 9, "decision": said}));
            assert_eq!(verdicts(&answer), [decision], "{said}");
        }
        let stop = self.hear(&json!({"type": "stop", "request": 3, "transaction": 7}));
        let wanted = BackendCommand::RequestStop {
            request: RequestId(3),
            transaction: CHARGE,
        };
        assert_eq!(stop, [wanted]);
        let done = self.handle(BackendInput::Outcome {
            request: RequestId(3),
            outcome: Outcome::Accepted,
            detail: String::new(),
        });
        let message = json!({"type": "done", "request": 3, "result": "accepted"});
        assert_eq!(sent(&done), [message]);
    }

    fn survives_its_server(&mut self) {
        let long = format!("{{\"type\":\"{}\"}}", "x".repeat(10_000));
        let deep = "[".repeat(20_000);
        for text in [
            "",
            "{",
            "null",
            "[]",
            "7",
            "\"",
            "{\"type\":7}",
            "{\"type\":\"ack\"}",
            "\u{0}",
            "{\"type\":\"stop\",\"request\":-1,\"transaction\":1}",
            "{\"type\":\"stop\",\"request\":1e300,\"transaction\":1}",
            "{\"type\":\"stop\",\"request\":18446744073709551615,\"transaction\":1}",
            "{\"type\":\"verdict\",\"decision\":\"accepted\"}",
            "{\"type\":\"constructor\"}",
            &long,
            &deep,
        ] {
            let commands = self.handle(BackendInput::Frame(text.to_owned()));
            assert!(commands.is_empty(), "{text:.80}: {commands:?}");
        }
        // It still works.
        let again = setting("url", "ws://127.0.0.1:9000/report/elsewhere");
        let changed = self.handle(BackendInput::SettingChanged(again));
        assert!(matches!(changed[0], BackendCommand::Disconnect(_)));
        self.handle(BackendInput::LinkDown(down()));
        let again = self.handle(BackendInput::Timer);
        let url = "ws://127.0.0.1:9000/report/elsewhere/CP1";
        assert_eq!(connected(&again), [url]);
    }
}

fn instance(loaded: &Loaded, limits: Limits) -> BackendPlugin {
    let mut grants = Grants::none();
    grants.allow_for(Grant::NetConnect, [URL]);
    for grant in [Grant::Authorize, Grant::StationStop, Grant::ClockSet] {
        grants.allow(grant);
    }
    BackendPlugin::instantiate(loaded, limits, &grants).unwrap()
}

fn up() -> LinkUp {
    LinkUp {
        subprotocol: None,
        secure: false,
    }
}

fn down() -> LinkDown {
    LinkDown {
        failure: LinkFailure::Network,
        detail: "gone".to_owned(),
    }
}

fn card() -> IdToken {
    IdToken {
        value: "04A1B2C3".to_owned(),
        kind: TokenKind::Rfid,
    }
}

fn ended() -> JournalEvent {
    JournalEvent::TransactionEnded {
        transaction: CHARGE,
        evse: EvseId(1),
        token: None,
        meter_stop: WattHours::new(1_700),
        reason: StopReason::EvDisconnected,
    }
}

fn texts(commands: &[BackendCommand]) -> Vec<String> {
    let texts = commands.iter().filter_map(|command| match command {
        BackendCommand::Send(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn sent(commands: &[BackendCommand]) -> Vec<Value> {
    let texts = texts(commands).into_iter();
    texts
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

fn types(commands: &[BackendCommand]) -> Vec<String> {
    let messages = sent(commands).into_iter();
    messages
        .map(|message| message["type"].as_str().unwrap().to_owned())
        .collect()
}

fn connected(commands: &[BackendCommand]) -> Vec<&str> {
    let urls = commands.iter().filter_map(|command| match command {
        BackendCommand::Connect(request) => Some(request.url.as_str()),
        _ => None,
    });
    urls.collect()
}

fn verdicts(commands: &[BackendCommand]) -> Vec<Decision> {
    let decisions = commands.iter().filter_map(|command| match command {
        BackendCommand::Verdict { verdict, .. } => Some(verdict.decision),
        _ => None,
    });
    decisions.collect()
}

fn registration(commands: &[BackendCommand]) -> Option<Registration> {
    commands.iter().rev().find_map(|command| match command {
        BackendCommand::State(state) => Some(state.registration),
        _ => None,
    })
}
