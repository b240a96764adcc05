//! The adapter against scripted frames, with a host that keeps what must survive.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use units::{Instant, Timestamp};

use super::*;
use crate::backend::{
    BootReason, ChargingState, ConnectorStatus, DurableFrame, FaultNotice, JournalEntry,
    JournalEvent, LinkFailure, LinkUp, Measurand, MeterReading, NoticeKind, Outcome, OutcomeKind,
    PilotState, ReadingContext, Sample, StopReason, TransactionEnded, TransactionStarted,
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
        let context = context(
            self.boot_count,
            &self.settings,
            &self.store,
            &self.outbox,
            self.cursor,
            link,
        );
        let (adapter, commands) = Ocpp16::start(moment(self.now), context);
        self.adapter = adapter;
        self.execute(commands);
    }

    fn execute(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Advance(seq) => self.cursor = self.cursor.max(seq),
                Command::Store(write) => match write.value {
                    Some(value) => drop(self.store.insert(write.key, value)),
                    None => drop(self.store.remove(&write.key)),
                },
                Command::Enqueue(frame) => {
                    assert!(
                        self.outbox.iter().all(|other| other.id != frame.id),
                        "id used twice: {}",
                        frame.id
                    );
                    self.outbox.push(frame);
                }
                Command::Dequeue(id) => self.outbox.retain(|frame| frame.id != id),
                Command::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
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

fn card() -> Token {
    Token {
        value: "0A0E9B83".to_owned(),
        kind: TokenKind::Rfid,
    }
}

fn start_answer(number: i64, status: &str) -> Value {
    json!({"transactionId": number, "idTagInfo": {"status": status}})
}

#[test]
fn tc_001_rejected_boot_is_silent_for_the_interval_and_then_tries_again() {
    let mut host = Host::new();
    host.link_up();
    host.answer_boot("Rejected", 5);
    host.call("a", "GetConfiguration", &json!({}));
    host.wait(4_000);
    assert!(host.sent.is_empty(), "{:?}", host.sent);
    host.wait(1_000);
    host.answer_boot("Accepted", 60);
    let told = host.answer_all(&json!({}));
    let connectors: Vec<_> = told
        .iter()
        .map(|frame| frame[3]["connectorId"].clone())
        .collect();
    assert_eq!(connectors, [0, 1, 2]);
    assert!(told.iter().all(|frame| frame[3]["status"] == "Available"));
    host.wait(60_000);
    assert!(host.has_sent("Heartbeat"));
}

// acceptance: C139, J25
#[test]
fn tc_002_pending_boot_answers_questions_and_refuses_remote_starts() {
    let mut host = Host::new();
    host.link_up();
    host.answer_boot("Pending", 2);
    host.call(
        "a",
        "GetConfiguration",
        &json!({"key": ["NumberOfConnectors"]}),
    );
    assert_eq!(
        host.taken_answer("a")[2]["configurationKey"][0]["value"],
        "2"
    );
    host.call(
        "b",
        "RemoteStartTransaction",
        &json!({"idTag": "x", "connectorId": 1}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "Rejected");
    assert!(host.sent.is_empty());
    host.wait(2_000);
    host.answer_boot("Accepted", 60);
    assert!(host.has_sent("StatusNotification"));
}

#[test]
fn boot_that_nobody_answers_is_sent_again() {
    let mut host = Host::new();
    host.link_up();
    host.take("BootNotification");
    host.wait(60_000);
    host.wait(10_000);
    assert!(host.has_sent("BootNotification"));
}

// acceptance: C142, C143, C144, C145, C140, J31
#[test]
fn tc_003_session_is_reported_from_card_to_end() {
    let mut host = Host::online(&[]);
    host.give(Input::Connector(ConnectorStatus {
        plugged: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        ..free(1)
    }));
    let status = host.answer("StatusNotification", &json!({}));
    assert_eq!(
        (status["connectorId"].clone(), status["status"].clone()),
        (json!(1), json!("Preparing"))
    );
    host.authorize(7);
    let request = host.answer("Authorize", &json!({"idTagInfo": {"status": "Accepted"}}));
    assert_eq!(request["idTag"], "0a0e9b83");
    assert_eq!(host.verdict(), Some((7, Decision::Accepted)));
    host.started(1);
    let start = host.answer("StartTransaction", &start_answer(4_711, "Accepted"));
    assert_eq!(
        start,
        json!({"connectorId": 1, "idTag": "0a0e9b83", "meterStart": 1000, "timestamp": start["timestamp"]})
    );
    assert!(host.outbox.is_empty());
    let charging = ConnectorStatus {
        plugged: true,
        authorized: true,
        pilot: PilotState::C,
        charging: ChargingState::Charging,
        transaction: Some(1),
        ..free(1)
    };
    host.give(Input::Connector(charging.clone()));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Charging"
    );
    host.metered(1, ReadingContext::SamplePeriodic);
    let values = host.answer("MeterValues", &json!({}));
    assert_eq!(values["transactionId"], 4_711);
    let samples = values["meterValue"][0]["sampledValue"].as_array().unwrap();
    assert_eq!(samples.len(), 1, "the state of charge is not asked for");
    assert_eq!(samples[0]["value"], "2000");
    assert_eq!(samples[0]["context"], "Sample.Periodic");
    host.ended(1);
    let stop = host.answer(
        "StopTransaction",
        &json!({"idTagInfo": {"status": "Accepted"}}),
    );
    assert_eq!(
        (
            stop["transactionId"].clone(),
            stop["meterStop"].clone(),
            stop["reason"].clone()
        ),
        (json!(4_711), json!(3_000), json!("Local"))
    );
    host.give(Input::Connector(ConnectorStatus {
        transaction: None,
        finishing: true,
        charging: ChargingState::EvConnected,
        ..charging
    }));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["status"],
        "Finishing"
    );
    assert!(host.outbox.is_empty() && !host.store.contains_key("out"));
    assert!(!host.store.keys().any(|key| key.starts_with("tx/")));
}

// acceptance: C128, C13, J29
#[test]
fn tc_010_remote_start_is_answered_with_what_the_station_says() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(host.commands.iter().any(|command| matches!(command, Command::RequestStart(r) if r.authorize_first && r.evse_id == Some(1))));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("a")[2]["status"], "Accepted");
    host.call(
        "b",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    host.outcome(OutcomeKind::Rejected);
    assert_eq!(host.taken_answer("b")[2]["status"], "Rejected");
}

// acceptance: P103
#[test]
fn tc_010_remote_start_asks_for_a_verdict_only_if_the_key_says_so() {
    let mut host = Host::online(&[("authorize_remote_start", "false")]);
    host.call(
        "a",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStart(r) if !r.authorize_first))
    );
    host.call(
        "b",
        "ChangeConfiguration",
        &json!({"key": "AuthorizeRemoteTxRequests", "value": "true"}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    host.commands.clear();
    host.call(
        "c",
        "RemoteStartTransaction",
        &json!({"idTag": "remote", "connectorId": 1}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStart(r) if r.authorize_first))
    );
}

#[test]
fn tc_027_remote_start_on_connector_0_or_an_unknown_one_is_rejected() {
    let mut host = Host::online(&[]);
    for (id, connector) in [("a", 0), ("b", 99)] {
        host.call(
            id,
            "RemoteStartTransaction",
            &json!({"idTag": "remote", "connectorId": connector}),
        );
        assert_eq!(host.taken_answer(id)[2]["status"], "Rejected");
    }
}

// acceptance: C129
#[test]
fn tc_012_and_028_remote_stop_finds_the_transaction_by_the_backends_number() {
    let mut host = Host::online(&[]);
    host.started(9);
    host.answer("StartTransaction", &start_answer(5_000_000_000, "Accepted"));
    host.call("a", "RemoteStopTransaction", &json!({"transactionId": 1}));
    assert_eq!(host.taken_answer("a")[2]["status"], "Rejected");
    host.call(
        "b",
        "RemoteStopTransaction",
        &json!({"transactionId": 5_000_000_000_i64}),
    );
    assert!(
        host.commands
            .iter()
            .any(|command| matches!(command, Command::RequestStop(r) if r.transaction == 9))
    );
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
}

// acceptance: C131, C132
#[test]
fn tc_013_to_018_reset_availability_and_unlock_are_the_stations_to_decide() {
    let mut host = Host::online(&[]);
    for (action, payload, kind, word) in [
        (
            "Reset",
            json!({"type": "Soft"}),
            OutcomeKind::Accepted,
            "Accepted",
        ),
        (
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Inoperative"}),
            OutcomeKind::Scheduled,
            "Scheduled",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 1}),
            OutcomeKind::Failed,
            "UnlockFailed",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 2}),
            OutcomeKind::NotSupported,
            "NotSupported",
        ),
        (
            "UnlockConnector",
            json!({"connectorId": 1}),
            OutcomeKind::Accepted,
            "Unlocked",
        ),
    ] {
        let id = format!("{action}{word}");
        host.call(&id, action, &payload);
        host.outcome(kind);
        assert_eq!(host.taken_answer(&id)[2]["status"], word);
    }
    host.call("x", "UnlockConnector", &json!({"connectorId": 99}));
    assert_eq!(host.taken_answer("x")[2]["status"], "NotSupported");
}

// acceptance: C134
#[test]
fn tc_007_and_061_cached_token_is_accepted_at_once_until_the_cache_is_cleared() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "ChangeConfiguration",
        &json!({"key": "LocalPreAuthorize", "value": "true"}),
    );
    host.taken_answer("a");
    host.authorize(1);
    host.answer(
        "Authorize",
        &json!({"idTagInfo": {"status": "Accepted", "parentIdTag": "group"}}),
    );
    host.verdict();
    host.authorize(2);
    assert!(!host.has_sent("Authorize"));
    assert_eq!(host.verdict(), Some((2, Decision::Accepted)));
    // It survives a new instance.
    host.replace(true);
    host.answer_all(&json!({}));
    host.authorize(3);
    assert_eq!(host.verdict(), Some((3, Decision::Accepted)));
    host.call("b", "ClearCache", &json!({}));
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    host.authorize(4);
    assert!(host.has_sent("Authorize"));
}

#[test]
fn tc_023_refused_token_is_refused_with_its_reason() {
    let mut host = Host::online(&[]);
    for (request, word, decision) in [
        (1, "Invalid", Decision::Invalid),
        (2, "Expired", Decision::Expired),
        (3, "Blocked", Decision::Blocked),
        (4, "ConcurrentTx", Decision::Concurrent),
    ] {
        host.authorize(request);
        host.answer("Authorize", &json!({"idTagInfo": {"status": word}}));
        assert_eq!(host.verdict(), Some((request, decision)));
    }
}

#[test]
fn silence_refusal_and_nonsense_of_the_backend_accept_nobody() {
    let mut host = Host::online(&[]);
    host.authorize(1);
    host.take("Authorize");
    host.wait(60_000);
    assert_eq!(host.verdict(), Some((1, Decision::NoOpinion)));
    host.authorize(2);
    let (id, _) = host.take("Authorize");
    host.give(Input::Frame(
        json!([4, id, "InternalError", "", {}]).to_string(),
    ));
    assert_eq!(host.verdict(), Some((2, Decision::NoOpinion)));
    host.authorize(3);
    host.answer("Authorize", &json!({"idTagInfo": {"status": "Perhaps"}}));
    assert_eq!(host.verdict(), Some((3, Decision::NoOpinion)));
    host.link_down();
    host.authorize(4);
    assert_eq!(host.verdict(), Some((4, Decision::NoOpinion)));
}

#[test]
fn late_doubled_and_unknown_answers_change_nothing() {
    let mut host = Host::online(&[]);
    host.authorize(1);
    let (id, _) = host.take("Authorize");
    host.wait(60_000);
    host.verdict();
    let accepted = json!({"idTagInfo": {"status": "Accepted"}});
    host.result(&id, &accepted);
    host.result(&id, &accepted);
    host.result("nobody", &accepted);
    assert_eq!(host.verdict(), None);
    assert!(!host.store.keys().any(|key| key.starts_with("cache/")));
}

#[test]
fn transaction_message_keeps_id_and_text_over_lost_links_dead_instances_and_restarts() {
    let mut host = Host::online(&[]);
    host.started(1);
    let first = host.sent.clone();
    host.link_down();
    host.now += 400_000;
    host.link_up();
    assert_eq!(host.sent.pop(), first.last().cloned());
    host.replace(true);
    for _ in 0..3 {
        host.answer("StatusNotification", &json!({}));
    }
    assert_eq!(host.sent.pop(), first.last().cloned());
    // A restart of the station: boot first, then the same frame again.
    host.boot_count = 2;
    host.replace(false);
    host.sent.clear();
    host.link_up();
    host.sent.retain(|frame| frame[2] == "BootNotification");
    host.answer_boot("Accepted", 300);
    for _ in 0..3 {
        host.answer("StatusNotification", &json!({}));
    }
    assert_eq!(host.sent.last(), first.last());
    host.answer("StartTransaction", &start_answer(77, "Accepted"));
    assert!(host.outbox.is_empty());
    host.ended(1);
    assert_eq!(host.take("StopTransaction").1["transactionId"], 77);
}

#[test]
fn refused_transaction_message_is_tried_as_often_as_the_keys_say_and_then_given_up() {
    let mut host = Host::online(&[]);
    for (id, key, value) in [
        ("a", "TransactionMessageAttempts", "3"),
        ("b", "TransactionMessageRetryInterval", "10"),
    ] {
        host.call(
            id,
            "ChangeConfiguration",
            &json!({"key": key, "value": value}),
        );
        assert_eq!(host.taken_answer(id)[2]["status"], "Accepted");
    }
    host.started(1);
    let mut ids = Vec::new();
    for pause in [10_000, 20_000, 30_000] {
        let (id, _) = host.take("StartTransaction");
        host.give(Input::Frame(
            json!([4, id, "InternalError", "no", {}]).to_string(),
        ));
        ids.push(id);
        host.wait(pause - 1_000);
        assert!(!host.has_sent("StartTransaction"));
        host.wait(1_000);
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert!(host.outbox.is_empty());
    let said = host
        .commands
        .iter()
        .any(|command| matches!(command, Command::State(state) if state.last_error.is_some()));
    assert!(said);
}

#[test]
fn tc_037_token_refused_in_start_transaction_is_told_to_the_station() {
    let mut host = Host::online(&[]);
    host.started(1);
    host.answer("StartTransaction", &start_answer(1, "Invalid"));
    let told = host.commands.iter().any(|command| {
        matches!(command, Command::TransactionVerdict(v) if v.transaction == 1 && v.verdict.decision == Decision::Invalid)
    });
    assert!(told);
}

// acceptance: C130, C133
#[test]
fn tc_019_021_and_040_keys_are_read_and_changed_as_the_standard_says() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "GetConfiguration",
        &json!({"key": ["SupportedFeatureProfiles", "NoSuchKey"]}),
    );
    let answer = host.taken_answer("a");
    assert!(
        answer[2]["configurationKey"][0]["value"]
            .as_str()
            .unwrap()
            .contains("Core")
    );
    assert_eq!(answer[2]["unknownKey"], json!(["NoSuchKey"]));
    host.call(
        "b",
        "ChangeConfiguration",
        &json!({"key": "NoSuchKey", "value": "1"}),
    );
    assert_eq!(host.taken_answer("b")[2]["status"], "NotSupported");
    host.call(
        "c",
        "ChangeConfiguration",
        &json!({"key": "MeterValueSampleInterval", "value": "-1"}),
    );
    assert_eq!(host.taken_answer("c")[2]["status"], "Rejected");
    host.call(
        "d",
        "ChangeConfiguration",
        &json!({"key": "MeterValueSampleInterval", "value": "15"}),
    );
    assert!(host.commands.iter().any(|command| matches!(command, Command::SetSetting(s) if s.key == "meter_sample_interval_s" && s.value == "15")));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("d")[2]["status"], "Accepted");
    host.call(
        "e",
        "ChangeConfiguration",
        &json!({"key": "HeartbeatInterval", "value": "15"}),
    );
    host.taken_answer("e");
    host.replace(true);
    host.call(
        "f",
        "GetConfiguration",
        &json!({"key": ["HeartbeatInterval"]}),
    );
    assert_eq!(
        host.taken_answer("f")[2]["configurationKey"][0]["value"],
        "15"
    );
}

#[test]
fn tc_062_unknown_vendors_and_unknown_actions_get_the_standards_answers() {
    let mut host = Host::online(&[]);
    host.call("a", "DataTransfer", &json!({"vendorId": "nobody"}));
    assert_eq!(host.taken_answer("a")[2]["status"], "UnknownVendorId");
    host.call("b", "MakeCoffee", &json!({}));
    assert_eq!(host.taken_answer("b")[2], "NotImplemented");
    host.call(
        "c",
        "SendLocalList",
        &json!({"listVersion": 1, "updateType": "Full"}),
    );
    assert_eq!(host.taken_answer("c")[2], "NotSupported");
    host.call("d", "Reset", &json!({}));
    assert_eq!(host.taken_answer("d")[0], 4);
    host.give(Input::Frame("rubbish".to_owned()));
    host.give(Input::Frame("[]".to_owned()));
    assert!(host.sent.is_empty());
}

#[test]
fn repeated_call_of_the_backend_is_answered_alike_and_done_once() {
    let mut host = Host::online(&[]);
    let payload = json!({"key": "HeartbeatInterval", "value": "77"});
    host.call("a", "ChangeConfiguration", &payload);
    let first = host.taken_answer("a");
    host.call("a", "ChangeConfiguration", &payload);
    assert_eq!(host.taken_answer("a"), first);
}

// acceptance: P92, P93
#[test]
fn strategy_decides_when_a_connector_is_no_longer_available() {
    let plugged = ConnectorStatus {
        plugged: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        ..free(1)
    };
    let mut either = Host::online(&[("status_strategy", "occupied-on-authorized")]);
    either.give(Input::Connector(plugged.clone()));
    assert_eq!(either.take("StatusNotification").1["status"], "Preparing");
    let mut both = Host::online(&[("status_strategy", "occupied-on-charging")]);
    both.give(Input::Connector(plugged.clone()));
    assert!(!both.has_sent("StatusNotification"));
    both.give(Input::Connector(ConnectorStatus {
        authorized: true,
        ..plugged
    }));
    assert_eq!(both.take("StatusNotification").1["status"], "Preparing");
}

// acceptance: P94
#[test]
fn charging_is_told_in_state_c_only_or_already_in_state_b() {
    let started = ConnectorStatus {
        plugged: true,
        authorized: true,
        pilot: PilotState::B,
        charging: ChargingState::EvConnected,
        transaction: Some(1),
        ..free(1)
    };
    for (setting, word) in [("true", "Preparing"), ("false", "Charging")] {
        let mut host = Host::online(&[("preparing_until_c", setting)]);
        host.give(Input::Connector(started.clone()));
        assert_eq!(host.take("StatusNotification").1["status"], word);
    }
}

#[test]
fn fault_that_does_not_stop_is_told_with_the_present_status_and_taken_back() {
    let notice = |active| FaultNotice {
        evse_id: Some(1),
        id: "SPD".to_owned(),
        code: "OtherError".to_owned(),
        vendor_code: "B_SPD".to_owned(),
        message: "surge protection tripped; this text is much longer than fifty characters"
            .to_owned(),
        active,
        stops_transaction: false,
        kind: NoticeKind::Error,
        at: moment(0),
    };
    let mut host = Host::online(&[]);
    host.give(Input::Fault(notice(true)));
    let told = host.answer("StatusNotification", &json!({}));
    assert_eq!(
        (
            told["status"].clone(),
            told["errorCode"].clone(),
            told["vendorErrorCode"].clone()
        ),
        (json!("Available"), json!("OtherError"), json!("B_SPD"))
    );
    assert_eq!(told["info"].as_str().unwrap().chars().count(), 50);
    host.give(Input::Fault(notice(false)));
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["errorCode"],
        "NoError"
    );
    let mut muted = Host::online(&[("send_error_notifications", "false")]);
    muted.give(Input::Fault(notice(true)));
    assert!(!muted.has_sent("StatusNotification"));
}

#[test]
fn tc_054_triggered_message_follows_the_answer() {
    let mut host = Host::online(&[]);
    for (id, what) in [
        ("a", "Heartbeat"),
        ("b", "FirmwareStatusNotification"),
        ("c", "BootNotification"),
    ] {
        host.call(id, "TriggerMessage", &json!({"requestedMessage": what}));
        assert_eq!(host.sent[0][2]["status"], "Accepted");
        assert_eq!(host.sent[1][2], what);
        host.sent.clear();
        host.wait(60_000);
        host.sent.clear();
    }
    host.call(
        "x",
        "TriggerMessage",
        &json!({"requestedMessage": "MeterValues", "connectorId": 9}),
    );
    assert_eq!(host.taken_answer("x")[2]["status"], "Rejected");
    host.call(
        "y",
        "TriggerMessage",
        &json!({"requestedMessage": "Weather"}),
    );
    assert_eq!(host.taken_answer("y")[2]["status"], "NotImplemented");
}

#[test]
fn pauses_between_connects_grow_up_to_the_maximum_and_differ_between_stations() {
    let mut host = Host::with(&[("reconnect_base_s", "2"), ("reconnect_max_s", "30")]);
    let mut last = 0;
    for _ in 0..8 {
        host.link_down();
        let pause = host.adapter.reconnect_at.unwrap().as_millis() - host.now;
        assert!((2_000..=38_000).contains(&pause), "{pause}");
        assert!(pause >= last || pause >= 30_000, "{pause} after {last}");
        last = pause;
        host.wait(pause);
        let connects = host
            .commands
            .iter()
            .filter(|command| matches!(command, Command::Connect(_)))
            .count();
        assert!(connects > 0);
        host.commands.clear();
    }
}

// acceptance: C141, P83
#[test]
fn heartbeat_is_forced_or_left_out_while_other_messages_show_life() {
    for (force, beats) in [("true", true), ("false", false)] {
        let mut host = Host::online(&[("force_heartbeat", force)]);
        host.wait(200_000);
        host.authorize(1);
        host.answer("Authorize", &json!({"idTagInfo": {"status": "Accepted"}}));
        host.wait(100_000);
        assert_eq!(
            host.has_sent("Heartbeat"),
            beats,
            "force_heartbeat = {force}"
        );
    }
}

// acceptance: P80, P82, P85
#[test]
fn connection_carries_keep_alive_password_and_time_out() {
    let mut host = Host::with(&[
        ("keep_alive_s", "45"),
        ("basic_auth_password", "secret-of-16-chars"),
        ("connection_timeout_s", "20"),
    ]);
    let connect = host.commands.iter().find_map(|command| match command {
        Command::Connect(request) => Some(request.clone()),
        _ => None,
    });
    let connect = connect.unwrap();
    assert_eq!((connect.keep_alive_s, connect.timeout_s), (45, 20));
    assert_eq!(
        connect.basic_auth,
        Some(("PW 1".to_owned(), b"secret-of-16-chars".to_vec()))
    );
    assert_eq!(connect.subprotocols, ["ocpp1.6"]);
    assert_eq!(connect.url, "ws://127.0.0.1:1/ocpp/PW%201");
    host.call("x", "Reset", &json!({"type": "Soft"}));
}

#[test]
fn observer_obeys_nobody() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    host.started(3);
    host.answer("StartTransaction", &start_answer(3, "Accepted"));
    host.commands.clear();
    for (id, action, payload) in [
        (
            "a",
            "RemoteStartTransaction",
            json!({"idTag": "x", "connectorId": 1}),
        ),
        ("b", "RemoteStopTransaction", json!({"transactionId": 3})),
        ("c", "Reset", json!({"type": "Hard"})),
        (
            "d",
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Inoperative"}),
        ),
        (
            "e",
            "ChangeConfiguration",
            json!({"key": "HeartbeatInterval", "value": "1"}),
        ),
    ] {
        host.call(id, action, &payload);
        assert_eq!(host.taken_answer(id)[2]["status"], "Rejected", "{action}");
    }
    assert!(host.commands.is_empty(), "{:?}", host.commands);
}

#[test]
fn entry_without_a_time_waits() {
    let mut host = Host::online(&[]);
    let at = Moment {
        at: Instant::ZERO,
        wall: None,
    };
    let event = JournalEvent::Security("door opened".to_owned());
    host.give(Input::Journal(JournalEntry { seq: 1, at, event }));
    assert_eq!(host.cursor, 0);
}
