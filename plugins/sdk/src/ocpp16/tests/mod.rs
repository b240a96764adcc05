//! The adapter against scripted frames, with a host that keeps what must survive.

mod certificates;
mod chaos;
mod commands;
mod config;
mod connection;
mod firmware;
mod logs;
mod profiles;
mod security;
mod session;
mod silent;
mod stop_readings;
mod trigger;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use units::{Instant, Timestamp};

use super::limits::{
    ANSWER_WAIT_S, DURABLE_NOTICES, INSTALL_RETRY_S, INSTALLED_WAIT_S, RECONNECT_QUIET_S,
    RESET_WAIT_S, STOP_READINGS, STOP_VALUES, UPGRADE_ATTEMPTS, WAITING_ANSWERS,
};
use super::*;
use crate::backend::{
    BootReason, ChargingState, ConnectRequest, ConnectorStatus, DurableFrame, FaultNotice,
    JournalEntry, JournalEvent, LinkDown, LinkFailure, LinkUp, Measurand, MeterReading, NoticeKind,
    Outcome, OutcomeKind, Phase, PilotState, ReadingContext, Sample, StopReason, TransactionEnded,
    TransactionStarted, TransferReport, TransferStage,
};
use crate::{
    AuthorizePurpose, AuthorizeRequest, Decision, EvseInfo, Setting, StoreEntry, Token, TokenKind,
};

struct TestOperator;

impl Operator for TestOperator {
    const NAME: &'static str = "backend-test";
    const SUMMARY: &'static str = "For tests.";
    const URL: &'static str = "ws://127.0.0.1:1/ocpp";
    const APN: &'static str = "";
    const APN_USER: &'static str = "";
    const APN_PASSWORD: &'static str = "";
    const TOKEN_FORMAT: &'static str = "lower";
    const KEEP_ALIVE_S: u32 = 0;
    fn version() -> &'static str {
        "0.0.0"
    }
}

const WALL: i64 = 1_800_000_000_000;

/// A host: executes what is durable, keeps the rest for the test to look at.
struct Host {
    adapter: Ocpp16<TestOperator>,
    settings: Vec<Setting>,
    store: BTreeMap<String, Vec<u8>>,
    outbox: Vec<DurableFrame>,
    cursor: u64,
    now: u64,
    sent: Vec<Value>,
    commands: Vec<Command>,
    boot_count: u64,
    /// What became of an installation over a restart.
    installation: Option<TransferReport>,
    client_certificate: bool,
    /// A transaction runs when an instance starts.
    busy: bool,
    /// Bytes written to the store and the outbox.
    written: usize,
}

fn moment(ms: u64) -> Moment {
    let wall = WALL + i64::try_from(ms).unwrap();
    Moment {
        at: Instant::from_millis(ms),
        wall: Some(Timestamp::from_unix_millis(wall)),
    }
}

fn station() -> StationInfo {
    let evse = |evse_id| EvseInfo {
        evse_id,
        connectors: 1,
        fixed_cable: false,
        max_current_ma: 32_000,
        phases: 3,
    };
    StationInfo {
        vendor: "Pilotwire".to_owned(),
        model: "Reference AC".to_owned(),
        serial: "S1".to_owned(),
        firmware: "0.1.0".to_owned(),
        iccid: None,
        imsi: None,
        meter_type: None,
        meter_serial: None,
        evses: vec![evse(1), evse(2)],
    }
}

fn free(evse_id: u32) -> ConnectorStatus {
    ConnectorStatus {
        evse_id,
        connector_id: 1,
        operative: true,
        plugged: false,
        authorized: false,
        pilot: PilotState::A,
        charging: ChargingState::Idle,
        finishing: false,
        reserved: false,
        transaction: None,
        fault: None,
        at: moment(0),
    }
}

fn context(
    host_boot: u64,
    settings: &[Setting],
    store: &BTreeMap<String, Vec<u8>>,
    outbox: &[DurableFrame],
    cursor: u64,
    link: bool,
) -> StartContext {
    StartContext {
        identity: "PW 1".to_owned(),
        role: Role::Primary,
        settings: settings.to_vec(),
        store: store
            .iter()
            .map(|(key, value)| StoreEntry {
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
        outbox: outbox.to_vec(),
        cursor,
        station: station(),
        connectors: vec![free(1), free(2)],
        transactions: Vec::new(),
        faults: Vec::new(),
        link: link.then(|| LinkUp {
            subprotocol: Some("ocpp1.6".to_owned()),
            secure: false,
        }),
        boot_reason: BootReason::PowerUp,
        boot_count: host_boot,
        installation: None,
        client_certificate: false,
    }
}

impl Host {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let mut all: Vec<Setting> = manifest::<TestOperator>()
            .settings
            .into_iter()
            .map(|spec| Setting {
                key: spec.key,
                value: spec.default_value,
            })
            .collect();
        let station = [
            ("meter_sample_interval_s", "60"),
            ("vehicle_connection_timeout_s", "45"),
        ];
        for (key, value) in station.iter().chain(settings) {
            all.retain(|setting| setting.key != *key);
            all.push(Setting {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            });
        }
        let store = BTreeMap::new();
        let (adapter, commands) = Ocpp16::start(moment(0), context(1, &all, &store, &[], 0, false));
        let mut host = Self {
            adapter,
            settings: all,
            store,
            outbox: Vec::new(),
            cursor: 0,
            now: 0,
            sent: Vec::new(),
            commands: Vec::new(),
            boot_count: 1,
            installation: None,
            client_certificate: false,
            busy: false,
            written: 0,
        };
        host.execute(commands);
        host
    }

    /// Connected and accepted, with the statuses told.
    fn online(settings: &[(&str, &str)]) -> Self {
        let mut host = Self::with(settings);
        host.link_up();
        host.answer_boot("Accepted", 300);
        host.answer_all(&json!({}));
        host.sent.clear();
        host.commands.clear();
        host
    }

    /// The instance dies and a new one starts; the link stays.
    fn replace(&mut self, link: bool) {
        let mut context = context(
            self.boot_count,
            &self.settings,
            &self.store,
            &self.outbox,
            self.cursor,
            link,
        );
        context.installation.clone_from(&self.installation);
        context.client_certificate = self.client_certificate;
        if self.busy {
            context.connectors[0].transaction = Some(7);
        }
        let (adapter, commands) = Ocpp16::start(moment(self.now), context);
        self.adapter = adapter;
        self.execute(commands);
    }

    fn execute(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Advance(seq) => self.cursor = self.cursor.max(seq),
                Command::Store(write) => {
                    self.written += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
                    match write.value {
                        Some(value) => drop(self.store.insert(write.key, value)),
                        None => drop(self.store.remove(&write.key)),
                    }
                }
                Command::Enqueue(frame) => {
                    assert!(
                        self.outbox.iter().all(|other| other.id != frame.id),
                        "id used twice: {}",
                        frame.id
                    );
                    self.written += frame.text.len();
                    self.outbox.push(frame);
                }
                Command::Dequeue(id) => self.outbox.retain(|frame| frame.id != id),
                Command::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
                Command::WakeAt(at) => {
                    let late = at.is_some_and(|at| at.as_millis() <= self.now);
                    assert!(!late, "woken for ever: {at:?} at {} ms", self.now);
                    self.commands.push(Command::WakeAt(at));
                }
                other => self.commands.push(other),
            }
        }
    }

    fn give(&mut self, input: Input) {
        let commands = self.adapter.handle(moment(self.now), input);
        self.execute(commands);
    }

    fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.give(Input::Timer);
    }

    fn link_up(&mut self) {
        self.give(Input::LinkUp(LinkUp {
            subprotocol: Some("ocpp1.6".to_owned()),
            secure: false,
        }));
    }

    fn link_down(&mut self) {
        self.give(Input::LinkDown(LinkDown {
            failure: LinkFailure::Network,
            detail: "gone".to_owned(),
        }));
    }

    /// Takes the first call sent with this action.
    fn take(&mut self, action: &str) -> (String, Value) {
        let place = self
            .sent
            .iter()
            .position(|frame| frame[0] == 2 && frame[2] == action);
        let Some(place) = place else {
            panic!("no {action} among {:?}", self.sent)
        };
        let frame = self.sent.remove(place);
        (frame[1].as_str().unwrap().to_owned(), frame[3].clone())
    }

    fn has_sent(&self, action: &str) -> bool {
        self.sent
            .iter()
            .any(|frame| frame[0] == 2 && frame[2] == action)
    }

    fn result(&mut self, id: &str, payload: &Value) {
        self.give(Input::Frame(json!([3, id, payload]).to_string()));
    }

    fn answer(&mut self, action: &str, payload: &Value) -> Value {
        let (id, request) = self.take(action);
        self.result(&id, payload);
        request
    }

    fn answer_boot(&mut self, status: &str, interval: u64) {
        let answer =
            json!({"status": status, "currentTime": "2027-01-15T08:00:00Z", "interval": interval});
        self.answer("BootNotification", &answer);
    }

    /// Answers every call that is sent until none is.
    fn answer_all(&mut self, payload: &Value) -> Vec<Value> {
        let mut seen = Vec::new();
        while let Some(place) = self.sent.iter().position(|frame| frame[0] == 2) {
            let frame = self.sent.remove(place);
            let id = frame[1].as_str().unwrap().to_owned();
            seen.push(frame);
            self.result(&id, payload);
        }
        seen
    }

    /// Answers every call that is sent except this one.
    fn answer_all_but(&mut self, action: &str) {
        let other = |frame: &Value| frame[0] == 2 && frame[2] != action;
        while let Some(place) = self.sent.iter().position(other) {
            let frame = self.sent.remove(place);
            self.result(frame[1].as_str().unwrap(), &json!({}));
        }
    }

    fn call(&mut self, id: &str, action: &str, payload: &Value) {
        self.give(Input::Frame(json!([2, id, action, payload]).to_string()));
    }

    /// Takes the answer to a call of the backend.
    fn taken_answer(&mut self, id: &str) -> Value {
        let place = self
            .sent
            .iter()
            .position(|frame| frame[0] != 2 && frame[1] == id);
        let Some(place) = place else {
            panic!("no answer {id} among {:?}", self.sent)
        };
        self.sent.remove(place)
    }

    fn journal(&mut self, event: JournalEvent) {
        let seq = self.cursor + 1;
        self.give(Input::Journal(JournalEntry {
            seq,
            at: moment(self.now),
            event,
        }));
    }

    fn started(&mut self, transaction: u64) {
        self.journal(JournalEvent::Started(TransactionStarted {
            transaction,
            evse_id: 1,
            connector_id: 1,
            token: card(),
            meter_start_wh: 1_000,
            reservation: None,
            offline: false,
            silent: false,
        }));
    }

    fn ended(&mut self, transaction: u64) {
        self.journal(JournalEvent::Ended(TransactionEnded {
            transaction,
            evse_id: 1,
            token: Some(card()),
            meter_stop_wh: 3_000,
            reason: StopReason::Local,
        }));
    }

    fn metered(&mut self, transaction: u64, context: ReadingContext) {
        let sample = |measurand, value| Sample {
            measurand,
            phase: None,
            value,
        };
        self.journal(JournalEvent::Metered((
            transaction,
            MeterReading {
                evse_id: 1,
                at: moment(self.now),
                context,
                samples: vec![
                    sample(Measurand::EnergyImportRegisterWh, 2_000),
                    sample(Measurand::SocPercent, 50),
                ],
            },
        )));
    }

    fn authorize(&mut self, request_id: u64) {
        self.give(Input::Authorize(AuthorizeRequest {
            request_id,
            evse_id: Some(1),
            token: card(),
            purpose: AuthorizePurpose::Start,
            group: None,
        }));
    }

    fn verdict(&mut self) -> Option<(u64, Decision)> {
        let place = self
            .commands
            .iter()
            .position(|command| matches!(command, Command::Verdict(_)))?;
        match self.commands.remove(place) {
            Command::Verdict(verdict) => Some((verdict.request_id, verdict.decision)),
            _ => None,
        }
    }

    fn outcome(&mut self, kind: OutcomeKind) {
        let request_id = self
            .commands
            .iter()
            .rev()
            .find_map(|command| match command {
                Command::RequestStart(request) => Some(request.request_id),
                Command::RequestStop(request) => Some(request.request_id),
                Command::Unlock(request) => Some(request.request_id),
                Command::Reset(request) => Some(request.request_id),
                Command::SetAvailability(request) => Some(request.request_id),
                Command::SetSetting(request) => Some(request.request_id),
                _ => None,
            });
        let request_id = request_id.unwrap();
        self.give(Input::Outcome(Outcome {
            request_id,
            kind,
            detail: String::new(),
        }));
    }
}

impl Host {
    /// Takes the oldest command of this kind.
    fn asked<T>(&mut self, kind: impl Fn(&Command) -> Option<T>) -> Option<T> {
        let place = self.commands.iter().position(|c| kind(c).is_some())?;
        kind(&self.commands.remove(place))
    }

    fn outcome_of(&mut self, request_id: u64, kind: OutcomeKind, detail: &str) {
        self.give(Input::Outcome(Outcome {
            request_id,
            kind,
            detail: detail.to_owned(),
        }));
    }

    fn report(&mut self, request_id: u64, stage: TransferStage) {
        self.give(Input::Transfer(TransferReport {
            request_id,
            stage,
            detail: "as the station says".to_owned(),
        }));
    }

    /// The station restarts; everything that was told is answered.
    fn restart(&mut self) {
        self.boot_count += 1;
        self.link_is_made_anew();
    }

    /// A new instance, a new connection, the backend accepts.
    fn link_is_made_anew(&mut self) {
        self.replace(false);
        self.link_up();
        if self.has_sent("BootNotification") {
            self.answer_boot("Accepted", 0);
        }
    }

    /// Answers what is sent, and lists the statuses in these messages.
    fn told(&mut self, action: &str) -> Vec<String> {
        let all = self.answer_all(&json!({}));
        let of_it = all.iter().filter(|frame| frame[2] == action);
        let status = |frame: &Value| frame[3]["status"].as_str().unwrap().to_owned();
        of_it.map(status).collect()
    }

    /// The security events that the adapter told the station.
    fn events(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.asked(|command| match command {
            Command::SecurityEvent(text) => Some(text.clone()),
            _ => None,
        }) {
            events.push(event);
        }
        events
    }
}

fn card() -> Token {
    Token {
        value: "0A0E9B83".to_owned(),
        kind: TokenKind::Rfid,
    }
}

fn start_answer(number: i64, status: &str) -> Value {
    json!({"transactionId": number, "idTagInfo": {"status": status}})
}
