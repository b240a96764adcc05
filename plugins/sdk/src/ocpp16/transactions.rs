//! Transactions: journal entries become StartTransaction, MeterValues and StopTransaction, in order, once.
//!
//! The outbox holds one frame at a time. Its id and text never change; it is sent again until the backend confirms it,
//! over lost connections, restarts and swaps. What the confirmation teaches (the backend's transaction number) is
//! stored together with the removal of the frame.

use std::collections::{BTreeMap, BTreeSet};

use ocpp::rpc::{CallError, Frame, MessageId, OutgoingCall};
use ocpp::v16::{
    IdToken, MeterValue, MeterValuesRequest, Reason, Request, Response, StartTransactionRequest,
    StopTransactionRequest,
};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

use super::authorize::verdict;
use super::readings::{meter_value, only};
use super::reserve::backend_number;
use super::stop_readings::StopReadings;
use super::{About, Ocpp16, Operator};
use crate::backend::{
    Command, DurableFrame, JournalEntry, JournalEvent, MeterReading, ReadingContext, Role,
    StopReason, TransactionEnded, TransactionStarted, TransactionVerdict,
};
use crate::{Level, StoreEntry, StoreWrite, Token, log};

/// Store key: what the frame in the outbox is about.
const OUT_KEY: &str = "out";
/// Prefix of the store keys that hold the backend's transaction numbers.
const NUMBER_PREFIX: &str = "tx/";

/// Stands for the number of a transaction whose start the backend has refused for good.
const UNNUMBERED: &str = "none";

/// What the frame in the outbox is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Start {
        transaction: u64,
        tag: String,
    },
    Meter,
    Stop {
        transaction: u64,
        tag: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Out {
    frame: DurableFrame,
    kind: Kind,
    /// It waits for its answer.
    sent: bool,
    /// How often the backend refused it.
    refusals: u64,
}

/// What is known of transactions.
#[derive(Debug, Default)]
pub struct Transactions {
    out: Option<Out>,
    numbers: BTreeMap<u64, i64>,
    /// Transactions whose start the backend has refused for good.
    unnumbered: BTreeSet<u64>,
    /// Readings for StopTransaction.
    stop_readings: StopReadings,
    pub retry_at: Option<Instant>,
}

impl Transactions {
    pub fn read(store: &[StoreEntry], outbox: Vec<DurableFrame>) -> Self {
        let kind = store
            .iter()
            .find(|entry| entry.key == OUT_KEY)
            .and_then(|entry| parse_kind(&entry.value))
            .unwrap_or(Kind::Meter);
        let heard = || {
            store.iter().filter_map(|entry| {
                let local: u64 = entry.key.strip_prefix(NUMBER_PREFIX)?.parse().ok()?;
                Some((local, std::str::from_utf8(&entry.value).ok()?))
            })
        };
        let numbers = heard().filter_map(|(local, number)| Some((local, number.parse().ok()?)));
        let unnumbered = heard().filter(|(_, number)| *number == UNNUMBERED);
        let out = outbox.into_iter().next().map(|frame| Out {
            frame,
            kind,
            sent: false,
            refusals: 0,
        });
        Self {
            out,
            numbers: numbers.collect(),
            unnumbered: unnumbered.map(|(local, _)| local).collect(),
            stop_readings: StopReadings::read(store),
            retry_at: None,
        }
    }

    /// The station's number of the backend's transaction.
    pub fn local(&self, number: i64) -> Option<u64> {
        self.numbers
            .iter()
            .find(|(_, other)| **other == number)
            .map(|(local, _)| *local)
    }

    /// The backend's number of the station's transaction.
    pub fn number(&self, local: u64) -> Option<i64> {
        self.numbers.get(&local).copied()
    }

    /// Nothing is on its way to the backend.
    pub const fn is_empty(&self) -> bool {
        self.out.is_none()
    }

    /// The backend has been told of it, or is being told, or has refused to hear of it.
    pub fn has_heard_of(&self, transaction: u64) -> bool {
        let on_its_way = self.out.as_ref().is_some_and(
            |out| matches!(&out.kind, Kind::Start { transaction: told, .. } if *told == transaction),
        );
        on_its_way
            || self.numbers.contains_key(&transaction)
            || self.unnumbered.contains(&transaction)
    }

    /// The frame in the outbox may be sent (again).
    pub fn resend(&mut self) {
        self.retry_at = None;
        if let Some(out) = &mut self.out {
            out.sent = false;
        }
    }
}

fn parse_kind(bytes: &[u8]) -> Option<Kind> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let tag = || value.get("tag").and_then(Value::as_str).map(str::to_owned);
    if let Some(transaction) = value.get("start") {
        return Some(Kind::Start {
            transaction: transaction.as_u64()?,
            tag: tag()?,
        });
    }
    match value.get("stop") {
        Some(transaction) => Some(Kind::Stop {
            transaction: transaction.as_u64()?,
            tag: tag(),
        }),
        None => Some(Kind::Meter),
    }
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Start { transaction, tag } => json!({ "start": transaction, "tag": tag }),
        Kind::Meter => json!({}),
        Kind::Stop { transaction, tag } => json!({ "stop": transaction, "tag": tag }),
    }
    .to_string()
}

pub(super) fn wire_register(wh: u64) -> i64 {
    i64::try_from(wh).unwrap_or(i64::MAX)
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn on_journal(&mut self, entry: JournalEntry) {
        let Some(wall) = entry.at.wall else {
            log(
                Level::Warn,
                "a journal entry without a time is not taken yet",
            );
            return;
        };
        let seq = entry.seq;
        match entry.event {
            JournalEvent::Started(started) => self.started(seq, wall, &started),
            JournalEvent::Metered((transaction, reading)) => {
                self.metered(seq, wall, transaction, &reading)
            }
            JournalEvent::Ended(ended) => self.ended(seq, wall, ended),
            JournalEvent::Security(_) => self.command(Command::Advance(seq)),
        }
    }

    pub(super) fn tag(&self, token: &Token) -> IdToken {
        IdToken::truncated(&self.settings.token_format.format(token))
    }

    fn started(&mut self, seq: u64, wall: Timestamp, started: &TransactionStarted) {
        if started.silent {
            self.command(Command::Advance(seq));
            return;
        }
        let tag = self.tag(&started.token);
        let kind = Kind::Start {
            transaction: started.transaction,
            tag: tag.as_str().to_owned(),
        };
        let request = Request::from(StartTransactionRequest {
            connector_id: i64::from(started.evse_id),
            id_tag: tag,
            meter_start: wire_register(started.meter_start_wh),
            reservation_id: started.reservation.map(backend_number),
            timestamp: wall,
        });
        self.enqueue(seq, &request, kind);
    }

    fn metered(&mut self, seq: u64, wall: Timestamp, transaction: u64, reading: &MeterReading) {
        let Some(number) = self.transactions.number(transaction) else {
            self.command(Command::Advance(seq));
            return;
        };
        let aligned = reading.context == ReadingContext::SampleClock;
        let for_stop = if aligned {
            "StopTxnAlignedData"
        } else {
            "StopTxnSampledData"
        };
        if let Some(kept) = only(reading, &self.config.list(for_stop), Some(wall)) {
            let writes = self.transactions.stop_readings.keep(transaction, kept);
            self.write(writes);
        }
        let wanted = match reading.context {
            // Begin and end are in StartTransaction and StopTransaction.
            ReadingContext::TransactionBegin | ReadingContext::TransactionEnd => Vec::new(),
            ReadingContext::SampleClock => self.config.list("MeterValuesAlignedData"),
            ReadingContext::SamplePeriodic
            | ReadingContext::Trigger
            | ReadingContext::InterruptionBegin
            | ReadingContext::InterruptionEnd
            | ReadingContext::Other => self.config.list("MeterValuesSampledData"),
        };
        let value = only(reading, &wanted, Some(wall)).and_then(|reading| meter_value(&reading));
        match value {
            Some(value) => {
                let request = Request::from(MeterValuesRequest {
                    connector_id: i64::from(reading.evse_id),
                    transaction_id: Some(number),
                    meter_value: vec![value],
                });
                self.enqueue(seq, &request, Kind::Meter);
            }
            None => self.command(Command::Advance(seq)),
        }
    }

    fn ended(&mut self, seq: u64, wall: Timestamp, ended: TransactionEnded) {
        let (readings, writes) = self.transactions.stop_readings.take(ended.transaction);
        self.write(writes);
        let readings: Vec<MeterValue> = readings.iter().filter_map(meter_value).collect();
        let Some(number) = self.transactions.number(ended.transaction) else {
            // Silent, or its start was refused for good; the backend has no number for it.
            if self.transactions.unnumbered.remove(&ended.transaction) {
                self.forget_number(ended.transaction);
            }
            self.command(Command::Advance(seq));
            return;
        };
        let tag = ended.token.as_ref().map(|token| self.tag(token));
        let kind = Kind::Stop {
            transaction: ended.transaction,
            tag: tag.as_ref().map(|tag| tag.as_str().to_owned()),
        };
        let request = Request::from(StopTransactionRequest {
            id_tag: tag,
            meter_stop: wire_register(ended.meter_stop_wh),
            timestamp: wall,
            transaction_id: number,
            reason: Some(reason(ended.reason)),
            transaction_data: (!readings.is_empty()).then_some(readings),
        });
        self.enqueue(seq, &request, kind);
    }

    fn enqueue(&mut self, seq: u64, request: &Request, kind: Kind) {
        self.command(Command::Advance(seq));
        // The journal's position is used once in the life of a station.
        self.enqueue_as(format!("j{seq}"), seq, request, kind);
    }

    /// Enqueues the start of a transaction that has no journal entry for this adapter. The transaction's number is used
    /// once in the life of a station too.
    pub(super) fn enqueue_start(&mut self, transaction: u64, request: &Request) {
        let Request::StartTransaction(start) = request else {
            return;
        };
        let tag = start.id_tag.as_str().to_owned();
        let kind = Kind::Start { transaction, tag };
        self.enqueue_as(format!("t{transaction}"), transaction, request, kind);
    }

    fn enqueue_as(&mut self, id: String, counter: u64, request: &Request, kind: Kind) {
        let id = MessageId::new(id).unwrap_or_else(|| MessageId::from_counter(counter));
        let text =
            Frame::call(id.clone(), request.action().as_str(), request.to_payload()).to_text();
        let frame = DurableFrame {
            id: id.as_str().to_owned(),
            text,
        };
        self.command(Command::Enqueue(frame.clone()));
        let about = StoreWrite {
            key: OUT_KEY.to_owned(),
            value: Some(kind_text(&kind).into_bytes()),
        };
        self.write([about]);
        self.transactions.out = Some(Out {
            frame,
            kind,
            sent: false,
            refusals: 0,
        });
    }

    /// Sends the frame in the outbox, if it is its time.
    pub(super) fn send_durable(&mut self) {
        if !self.is_online()
            || !self.calls.is_idle()
            || self
                .transactions
                .retry_at
                .is_some_and(|at| at > self.now.at)
        {
            return;
        }
        let Some(out) = self.transactions.out.as_ref().filter(|out| !out.sent) else {
            return;
        };
        let Some(id) = MessageId::new(out.frame.id.clone()) else {
            // Not ours: no id of ours is refused. Keeping it would hold up everything behind it.
            let id = out.frame.id.clone();
            self.transactions.out = None;
            return self.confirmed(&id);
        };
        let action = match out.kind {
            Kind::Start { .. } => "StartTransaction",
            Kind::Meter => "MeterValues",
            Kind::Stop { .. } => "StopTransaction",
        };
        let call = OutgoingCall {
            id,
            action: action.to_owned(),
            text: out.frame.text.clone(),
            timeout: None,
            tag: About::Durable,
        };
        // Without room it stays where it is and is tried again with the next input.
        let queued = self.calls.try_call(self.now.at, call).is_ok();
        self.transactions.retry_at = None;
        if let Some(out) = &mut self.transactions.out {
            out.sent = queued;
        }
    }

    pub(super) fn durable_answered(&mut self, response: &Response) {
        let Some(out) = self.transactions.out.take() else {
            return;
        };
        match (&out.kind, response) {
            (Kind::Start { transaction, tag }, Response::StartTransaction(answer)) => {
                self.transactions
                    .numbers
                    .insert(*transaction, answer.transaction_id);
                self.charging.identify(*transaction, answer.transaction_id);
                let number = answer.transaction_id.to_string().into_bytes();
                let key = format!("{NUMBER_PREFIX}{transaction}");
                self.write([StoreWrite {
                    key,
                    value: Some(number),
                }]);
                self.remember(tag, &answer.id_tag_info);
                if self.role == Role::Primary {
                    self.command(Command::TransactionVerdict(TransactionVerdict {
                        transaction: *transaction,
                        verdict: verdict(0, &answer.id_tag_info),
                        stop: self.config.flag("StopTransactionOnInvalidId"),
                    }));
                }
            }
            (Kind::Stop { transaction, tag }, response) => {
                self.forget_number(*transaction);
                if let (Some(tag), Response::StopTransaction(answer)) = (tag, response)
                    && let Some(info) = &answer.id_tag_info
                {
                    self.remember(tag, info);
                }
            }
            (Kind::Start { .. } | Kind::Meter, _) => {}
        }
        self.confirmed(&out.frame.id);
    }

    /// The backend could not process the frame: again after a while, then given up.
    pub(super) fn durable_refused(&mut self, error: &CallError) {
        let attempts = self.config.number("TransactionMessageAttempts").max(1);
        let interval = self.config.number("TransactionMessageRetryInterval");
        let Some(out) = &mut self.transactions.out else {
            return;
        };
        out.refusals = out.refusals.saturating_add(1);
        out.sent = false;
        if out.refusals < attempts {
            let wait = Millis::from_secs(interval.saturating_mul(out.refusals));
            self.transactions.retry_at = Some(self.now.at.after(wait));
            return;
        }
        let (id, kind) = (out.frame.id.clone(), out.kind.clone());
        self.transactions.out = None;
        let text = format!("message {id} was refused {attempts} times and is given up: {error}");
        log(Level::Error, &text);
        self.last_error = Some(text);
        match kind {
            Kind::Stop { transaction, .. } => self.forget_number(transaction),
            Kind::Start { transaction, .. } => {
                self.transactions.unnumbered.insert(transaction);
                self.write([StoreWrite {
                    key: format!("{NUMBER_PREFIX}{transaction}"),
                    value: Some(UNNUMBERED.as_bytes().to_vec()),
                }]);
            }
            Kind::Meter => {}
        }
        self.confirmed(&id);
    }

    /// No answer: the frame stays, however often; only refusals count.
    pub(super) fn durable_unanswered(&mut self) {
        let interval =
            Millis::from_secs(self.config.number("TransactionMessageRetryInterval").max(1));
        if let Some(out) = &mut self.transactions.out {
            out.sent = false;
        }
        self.transactions.retry_at = self.link_up.then(|| self.now.at.after(interval));
    }

    fn forget_number(&mut self, transaction: u64) {
        self.transactions.numbers.remove(&transaction);
        self.write([StoreWrite {
            key: format!("{NUMBER_PREFIX}{transaction}"),
            value: None,
        }]);
    }

    fn confirmed(&mut self, id: &str) {
        self.command(Command::Dequeue(id.to_owned()));
        self.write([StoreWrite {
            key: OUT_KEY.to_owned(),
            value: None,
        }]);
    }

    // ---- readings outside the journal ----

    pub(super) fn on_reading(&mut self, request: Option<u64>, reading: &MeterReading) {
        let triggered = request
            .and_then(|request| self.readings.remove(&request))
            .is_some();
        let list = match (triggered, reading.context) {
            (false, ReadingContext::SampleClock) => "MeterValuesAlignedData",
            _ => "MeterValuesSampledData",
        };
        if !self.is_online() {
            return;
        }
        let wanted = only(reading, &self.config.list(list), self.now.wall);
        let Some(value) = wanted.and_then(|reading| meter_value(&reading)) else {
            return;
        };
        let local = self.statuses.transaction(reading.evse_id);
        let message = Request::from(MeterValuesRequest {
            connector_id: i64::from(reading.evse_id),
            transaction_id: local.and_then(|local| self.transactions.number(local)),
            meter_value: vec![value],
        });
        let _said_if_full = self.call(&message, About::Notice);
    }
}

const fn reason(reason: StopReason) -> Reason {
    match reason {
        StopReason::Local => Reason::Local,
        StopReason::EvDisconnected => Reason::EvDisconnected,
        StopReason::Remote => Reason::Remote,
        StopReason::Deauthorized => Reason::DeAuthorized,
        StopReason::EmergencyStop => Reason::EmergencyStop,
        StopReason::HardReset => Reason::HardReset,
        StopReason::SoftReset => Reason::SoftReset,
        StopReason::PowerLoss => Reason::PowerLoss,
        StopReason::Reboot => Reason::Reboot,
        StopReason::UnlockCommand => Reason::UnlockCommand,
        StopReason::Other => Reason::Other,
    }
}
