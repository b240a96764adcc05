//! A backend adapter written from the contract alone, as small as it can be.
//!
//! Duty: drive the host's promises (one journal entry at a time, the same id for every repetition, the outbox handed
//! over at every start) without any operator's habits in between. It shares no code with the real adapters.

use ocpp::v16::{format_timestamp, parse_timestamp};
use sdk::backend::{
    AdapterState, BackendAdapter, ChargingState, Command, ConnectRequest, ConnectorStatus,
    DurableFrame, Input, JournalEntry, JournalEvent, Measurand, Outcome, OutcomeKind,
    ReadingContext, Registration, StartContext, StartRequest, StopReason, StopRequest,
};
use sdk::{Decision, Manifest, Moment, StoreWrite, Token, TokenKind, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use units::{Millis, Timestamp};

const RECONNECT: Millis = Millis::from_secs(5);

/// The probe.
#[derive(Debug)]
pub struct Probe {
    boot: u64,
    /// When this instance began: an instance after a trap must not use the ids of the one before.
    born: u64,
    sent: u64,
    greeting: String,
    online: bool,
    outbox: Vec<DurableFrame>,
    /// Local transaction → the backend's number.
    known: BTreeMap<u64, i64>,
    connectors: BTreeMap<u32, ConnectorStatus>,
    waiting: Option<JournalEntry>,
    calls: BTreeMap<u64, String>,
}

impl BackendAdapter for Probe {
    fn describe() -> Manifest {
        Manifest {
            name: "probe".to_owned(),
            version: "0.0.0".to_owned(),
            summary: "Drives the host's promises in tests.".to_owned(),
            capabilities: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn start(now: Moment, context: StartContext) -> (Self, Vec<Command>) {
        let known = context.store.iter().filter_map(|entry| {
            let number = std::str::from_utf8(&entry.value).ok()?.parse().ok()?;
            Some((entry.key.parse().ok()?, number))
        });
        let mut probe = Self {
            boot: context.boot_count,
            born: now.at.as_millis(),
            sent: 0,
            greeting: String::new(),
            online: false,
            outbox: context.outbox,
            known: known.collect(),
            connectors: BTreeMap::new(),
            waiting: None,
            calls: BTreeMap::new(),
        };
        for connector in context.connectors {
            probe.connectors.insert(connector.evse_id, connector);
        }
        let first = if context.link.is_some() {
            probe.hello()
        } else {
            connect()
        };
        (probe, vec![first])
    }

    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command> {
        match input {
            Input::Timer => vec![connect()],
            Input::LinkUp(_) => vec![self.hello()],
            Input::LinkDown(_) => {
                self.online = false;
                vec![
                    state(Registration::Offline),
                    Command::WakeAt(Some(now.at.after(RECONNECT))),
                ]
            }
            Input::Frame(text) => self.frame(now, &text),
            Input::Journal(entry) => {
                self.waiting = Some(entry);
                self.take_entry(now)
            }
            Input::Connector(connector) => {
                let report = self.online.then(|| self.status(&connector));
                self.connectors.insert(connector.evse_id, connector);
                report.into_iter().collect()
            }
            Input::Authorize(request) if self.online => {
                let id = format!("a{}-{}", self.boot, request.request_id);
                vec![call(
                    &id,
                    "Authorize",
                    json!({ "idTag": request.token.value }),
                )]
            }
            Input::Authorize(request) => {
                vec![Command::Verdict(Verdict::bare(
                    request.request_id,
                    Decision::NoOpinion,
                ))]
            }
            Input::Outcome(outcome) => self.answer(&outcome),
            Input::Fault(_)
            | Input::Meter(_)
            | Input::SettingChanged(_)
            | Input::Restarting(_)
            | Input::Transfer(_)
            | Input::Certificates(_)
            | Input::Csr(_)
            | Input::HttpResponse(_)
            | Input::Listening(_)
            | Input::HttpCall(_) => Vec::new(),
        }
    }
}

impl Probe {
    fn hello(&mut self) -> Command {
        let boot = json!({ "chargePointVendor": "Pilotwire", "chargePointModel": "Probe" });
        self.greeting = self.next_id();
        call(&self.greeting, "BootNotification", boot)
    }

    fn next_id(&mut self) -> String {
        self.sent += 1;
        format!("p{}-{}-{}", self.boot, self.born, self.sent)
    }

    fn status(&mut self, connector: &ConnectorStatus) -> Command {
        let status = match connector.charging {
            _ if connector.fault.is_some() => "Faulted",
            _ if connector.finishing => "Finishing",
            _ if !connector.operative => "Unavailable",
            ChargingState::Idle => "Available",
            ChargingState::EvConnected => "Preparing",
            ChargingState::Charging => "Charging",
            ChargingState::SuspendedEv => "SuspendedEV",
            ChargingState::SuspendedEvse => "SuspendedEVSE",
        };
        let id = self.next_id();
        let body =
            json!({ "connectorId": connector.evse_id, "errorCode": "NoError", "status": status });
        call(&id, "StatusNotification", body)
    }

    fn frame(&mut self, now: Moment, text: &str) -> Vec<Command> {
        let Ok(Value::Array(frame)) = serde_json::from_str(text) else {
            return Vec::new();
        };
        let kind = frame.first().and_then(Value::as_u64);
        let id = frame
            .get(1)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match kind {
            Some(2) => self.called(&id, &frame),
            Some(3) => self.answered(now, &id, frame.get(2).unwrap_or(&Value::Null)),
            Some(4) => self.confirmed(now, &id, None),
            _ => Vec::new(),
        }
    }

    fn called(&mut self, id: &str, frame: &[Value]) -> Vec<Command> {
        let action = frame.get(2).and_then(Value::as_str).unwrap_or_default();
        let body = frame.get(3).unwrap_or(&Value::Null);
        let request_id = u64::try_from(self.calls.len()).unwrap_or(0) + self.boot * 10_000;
        let command = match action {
            "RemoteStartTransaction" => {
                let evse_id = body["connectorId"]
                    .as_u64()
                    .and_then(|n| u32::try_from(n).ok());
                let card = body["idTag"].as_str().map(|value| Token {
                    value: value.to_owned(),
                    kind: TokenKind::Central,
                });
                card.map(|token| {
                    let authorize_first = false;
                    let start = StartRequest {
                        request_id,
                        evse_id,
                        token,
                        authorize_first,
                    };
                    Command::RequestStart(start)
                })
            }
            "RemoteStopTransaction" => {
                let number = body["transactionId"].as_i64();
                let local = self.known.iter().find(|(_, known)| Some(**known) == number);
                local.map(|(transaction, _)| {
                    let transaction = *transaction;
                    Command::RequestStop(StopRequest {
                        request_id,
                        transaction,
                    })
                })
            }
            _ => {
                let error = json!([4, id, "NotImplemented", "", {}]);
                return vec![Command::Send(error.to_string())];
            }
        };
        match command {
            Some(command) => {
                self.calls.insert(request_id, id.to_owned());
                vec![command]
            }
            None => {
                vec![Command::Send(
                    json!([3, id, { "status": "Rejected" }]).to_string(),
                )]
            }
        }
    }

    fn answer(&mut self, outcome: &Outcome) -> Vec<Command> {
        let Some(id) = self.calls.get(&outcome.request_id) else {
            return Vec::new();
        };
        let status = if outcome.kind == OutcomeKind::Accepted {
            "Accepted"
        } else {
            "Rejected"
        };
        vec![Command::Send(
            json!([3, id, { "status": status }]).to_string(),
        )]
    }

    fn answered(&mut self, now: Moment, id: &str, body: &Value) -> Vec<Command> {
        if id == self.greeting && body["status"] == "Accepted" && !self.online {
            return self.accepted(now, body);
        }
        let request = id
            .strip_prefix(&format!("a{}-", self.boot))
            .and_then(|n| n.parse().ok());
        if let Some(request) = request {
            let decision = match body["idTagInfo"]["status"].as_str() {
                Some("Accepted") => Decision::Accepted,
                Some("Blocked") => Decision::Blocked,
                Some("Expired") => Decision::Expired,
                Some("ConcurrentTx") => Decision::Concurrent,
                _ => Decision::Invalid,
            };
            return vec![Command::Verdict(Verdict::bare(request, decision))];
        }
        self.confirmed(now, id, body["transactionId"].as_i64())
    }

    fn accepted(&mut self, now: Moment, body: &Value) -> Vec<Command> {
        self.online = true;
        let clock = body["currentTime"].as_str().and_then(parse_timestamp);
        let clock = clock.map(|(time, _)| time);
        let mut commands: Vec<Command> = clock.map(Command::SetClock).into_iter().collect();
        commands.push(state(Registration::Registered));
        for connector in self.connectors.clone().into_values() {
            commands.push(self.status(&connector));
        }
        commands.extend(
            self.outbox
                .first()
                .map(|frame| Command::Send(frame.text.clone())),
        );
        let wall = clock.or(now.wall);
        commands.extend(self.take_entry(Moment { wall, ..now }));
        commands
    }

    /// The backend has confirmed (or refused for good) the frame it was asked to take.
    fn confirmed(&mut self, now: Moment, id: &str, number: Option<i64>) -> Vec<Command> {
        if self.outbox.first().is_none_or(|frame| frame.id != id) {
            return Vec::new();
        }
        let frame = self.outbox.remove(0);
        let mut commands = vec![Command::Dequeue(frame.id.clone())];
        let started = frame
            .id
            .split('t')
            .nth(1)
            .and_then(|n| n.parse::<u64>().ok());
        if let (Some(transaction), Some(number)) = (started, number) {
            self.known.insert(transaction, number);
            let value = Some(number.to_string().into_bytes());
            commands.push(Command::Store(StoreWrite {
                key: transaction.to_string(),
                value,
            }));
        }
        commands.extend(
            self.outbox
                .first()
                .map(|frame| Command::Send(frame.text.clone())),
        );
        commands.extend(self.take_entry(now));
        commands
    }

    /// Takes the waiting entry if it can be told: not before the time is known and the frames before it are gone.
    fn take_entry(&mut self, now: Moment) -> Vec<Command> {
        let Some(entry) = self.waiting.take() else {
            return Vec::new();
        };
        let at = wall(entry.at, now);
        let (Some(at), true) = (at, self.outbox.is_empty()) else {
            self.waiting = Some(entry);
            return Vec::new();
        };
        let mut commands = vec![Command::Advance(entry.seq)];
        if let Some(frame) = self.told(&entry, at, now) {
            self.outbox.push(frame.clone());
            commands.push(Command::Enqueue(frame.clone()));
            if self.online {
                commands.push(Command::Send(frame.text));
            }
        }
        commands
    }

    fn told(&self, entry: &JournalEntry, at: Timestamp, now: Moment) -> Option<DurableFrame> {
        let id = match &entry.event {
            JournalEvent::Started(start) => format!("j{}t{}", entry.seq, start.transaction),
            _ => format!("j{}", entry.seq),
        };
        let time = format_timestamp(at);
        let (action, body) = match &entry.event {
            JournalEvent::Started(start) => (
                "StartTransaction",
                json!({
                    "connectorId": start.evse_id, "idTag": start.token.value,
                    "meterStart": start.meter_start_wh, "timestamp": time,
                }),
            ),
            JournalEvent::Metered((transaction, reading)) => {
                let taken = format_timestamp(wall(reading.at, now)?);
                let register = reading.samples.iter().find(|sample| {
                    sample.measurand == Measurand::EnergyImportRegisterWh && sample.phase.is_none()
                })?;
                let context = context(reading.context);
                let value = json!({ "value": register.value.to_string(), "context": context });
                let values = json!([{ "timestamp": taken, "sampledValue": [value] }]);
                (
                    "MeterValues",
                    json!({
                        "connectorId": reading.evse_id,
                        "transactionId": self.known.get(transaction)?, "meterValue": values,
                    }),
                )
            }
            JournalEvent::Ended(end) => {
                let reason = match end.reason {
                    StopReason::EvDisconnected => "EVDisconnected",
                    StopReason::Remote => "Remote",
                    StopReason::PowerLoss => "PowerLoss",
                    StopReason::Local => "Local",
                    _ => "Other",
                };
                (
                    "StopTransaction",
                    json!({
                        "transactionId": self.known.get(&end.transaction)?,
                        "meterStop": end.meter_stop_wh, "timestamp": time, "reason": reason,
                    }),
                )
            }
            JournalEvent::Security(_) => return None,
        };
        let text = json!([2, id, action, body]).to_string();
        Some(DurableFrame { id, text })
    }
}

const fn context(context: ReadingContext) -> &'static str {
    match context {
        ReadingContext::TransactionBegin => "Transaction.Begin",
        ReadingContext::TransactionEnd => "Transaction.End",
        ReadingContext::SamplePeriodic => "Sample.Periodic",
        ReadingContext::SampleClock => "Sample.Clock",
        ReadingContext::Trigger => "Trigger",
        ReadingContext::InterruptionBegin => "Interruption.Begin",
        ReadingContext::InterruptionEnd => "Interruption.End",
        ReadingContext::Other => "Other",
    }
}

/// Wall-clock time of a moment, reckoned from now if it was not known then.
fn wall(at: Moment, now: Moment) -> Option<Timestamp> {
    let reckoned = |now_wall: Timestamp| {
        let past = i64::try_from(now.at.since(at.at).get()).ok()?;
        Some(Timestamp::from_unix_millis(
            now_wall.as_unix_millis() - past,
        ))
    };
    at.wall.or_else(|| now.wall.and_then(reckoned))
}

fn connect() -> Command {
    Command::Connect(ConnectRequest {
        url: "ws://127.0.0.1/SIM-1".to_owned(),
        subprotocols: vec!["ocpp1.6".to_owned()],
        basic_auth: None,
        keep_alive_s: 0,
        timeout_s: 60,
        client_certificate: None,
    })
}

fn call(id: &str, action: &str, body: Value) -> Command {
    Command::Send(json!([2, id, action, body]).to_string())
}

fn state(registration: Registration) -> Command {
    Command::State(AdapterState {
        registration,
        detail: String::new(),
        last_error: None,
    })
}
