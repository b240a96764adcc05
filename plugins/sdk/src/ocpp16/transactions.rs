//! Transactions: journal entries become StartTransaction, MeterValues and StopTransaction, in order, once.
//!
//! The outbox holds one frame of the journal at a time, and notices that must arrive too (how far an update is, for
//! example), in the order in which they came up. A frame's id and text never change; it is sent again until the backend
//! confirms it, over lost connections, restarts and swaps. What the confirmation teaches (the backend's transaction
//! number) is stored together with the removal of the frame.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ocpp::rpc::{CallError, Frame, MessageId, OutgoingCall};
use ocpp::v16::{
    IdToken, MeterValue, MeterValuesRequest, Reason, Request, Response, StartTransactionRequest,
    StopTransactionRequest,
};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

use super::authorize::verdict;
use super::limits::DURABLE_NOTICES;
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

/// First letter of the ids of notices that do not come from the journal.
const NOTICE_ID: char = 'n';

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
    /// Nothing follows from the answer. Refused once, it is left: it was heard.
    Notice,
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
    /// The outbox, oldest first.
    queue: VecDeque<Out>,
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
        let out = |frame: DurableFrame| Out {
            kind: if frame.id.starts_with(NOTICE_ID) {
                Kind::Notice
            } else {
                kind.clone()
            },
            frame,
            sent: false,
            refusals: 0,
        };
        Self {
            queue: outbox.into_iter().map(out).collect(),
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
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The backend has been told of it, or is being told, or has refused to hear of it.
    pub fn has_heard_of(&self, transaction: u64) -> bool {
        let on_its_way = self.queue.iter().any(
            |out| matches!(&out.kind, Kind::Start { transaction: told, .. } if *told == transaction),
        );
        on_its_way
            || self.numbers.contains_key(&transaction)
            || self.unnumbered.contains(&transaction)
    }

    /// The frame in the outbox may be sent (again).
    pub fn resend(&mut self) {
        self.retry_at = None;
        if let Some(out) = self.queue.front_mut() {
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
    if value.get("notice").is_some() {
        return Some(Kind::Notice);
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
        Kind::Notice => json!({ "notice": true }),
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
            JournalEvent::Security(text) => match self.security_message(&text, wall) {
                Some(message) => self.enqueue(seq, &message.into(), Kind::Notice),
                None => self.command(Command::Advance(seq)),
            },
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
        self.transactions.queue.push_back(Out {
            frame,
            kind,
            sent: false,
            refusals: 0,
        });
    }

    /// Enqueues a message that is no part of a transaction and must arrive, behind everything that must arrive before.
    pub(super) fn enqueue_notice(&mut self, request: &Request) {
        let notices = |out: &&Out| out.frame.id.starts_with(NOTICE_ID);
        if self.transactions.queue.iter().filter(notices).count() >= DURABLE_NOTICES {
            let oldest = self.transactions.queue.iter();
            let oldest = oldest.filter(notices).find(|out| !out.sent);
            if let Some(id) = oldest.map(|out| out.frame.id.clone()) {
                log(Level::Warn, "the oldest notice is left out: too many wait");
                self.transactions.queue.retain(|out| out.frame.id != id);
                self.command(Command::Dequeue(id));
            }
        }
        let id = format!("{NOTICE_ID}{}", self.message_id().as_str());
        let counter = self.next_message;
        let id = MessageId::new(id).unwrap_or_else(|| MessageId::from_counter(counter));
        let action = request.action();
        let text = Frame::call(id.clone(), action.as_str(), request.to_payload()).to_text();
        let frame = DurableFrame {
            id: id.as_str().to_owned(),
            text,
        };
        self.command(Command::Enqueue(frame.clone()));
        self.transactions.queue.push_back(Out {
            frame,
            kind: Kind::Notice,
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
        let Some(out) = self.transactions.queue.front().filter(|out| !out.sent) else {
            return;
        };
        let Ok(Frame::Call { id, action, .. }) = Frame::parse(&out.frame.text) else {
            // Not ours: every frame of ours is one. Keeping it would hold up everything behind it.
            if let Some(out) = self.transactions.queue.pop_front() {
                self.confirmed(&out);
            }
            return;
        };
        let call = OutgoingCall {
            id,
            action,
            text: out.frame.text.clone(),
            timeout: None,
            tag: About::Durable,
        };
        // Without room it stays where it is and is tried again with the next input.
        let queued = self.calls.try_call(self.now.at, call).is_ok();
        self.transactions.retry_at = None;
        if let Some(out) = self.transactions.queue.front_mut() {
            out.sent = queued;
        }
    }

    pub(super) fn durable_answered(&mut self, response: &Response) {
        let Some(out) = self.transactions.queue.pop_front() else {
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
            (Kind::Start { .. } | Kind::Meter | Kind::Notice, _) => {}
        }
        self.confirmed(&out);
    }

    /// The backend could not process the frame: again after a while, then given up.
    pub(super) fn durable_refused(&mut self, error: &CallError) {
        let attempts = self.config.number("TransactionMessageAttempts").max(1);
        let interval = self.config.number("TransactionMessageRetryInterval");
        let Some(out) = self.transactions.queue.front_mut() else {
            return;
        };
        out.refusals = out.refusals.saturating_add(1);
        out.sent = false;
        if out.refusals < attempts && out.kind != Kind::Notice {
            let wait = Millis::from_secs(interval.saturating_mul(out.refusals));
            self.transactions.retry_at = Some(self.now.at.after(wait));
            return;
        }
        let Some(out) = self.transactions.queue.pop_front() else {
            return;
        };
        let id = &out.frame.id;
        if out.kind == Kind::Notice {
            log(Level::Warn, &format!("notice {id} was refused: {error}"));
            return self.confirmed(&out);
        }
        let text = format!("message {id} was refused {attempts} times and is given up: {error}");
        log(Level::Error, &text);
        self.last_error = Some(text);
        match &out.kind {
            Kind::Stop { transaction, .. } => self.forget_number(*transaction),
            Kind::Start { transaction, .. } => {
                self.transactions.unnumbered.insert(*transaction);
                self.write([StoreWrite {
                    key: format!("{NUMBER_PREFIX}{transaction}"),
                    value: Some(UNNUMBERED.as_bytes().to_vec()),
                }]);
            }
            Kind::Meter | Kind::Notice => {}
        }
        self.confirmed(&out);
    }

    /// No answer: the frame stays, however often; only refusals count.
    pub(super) fn durable_unanswered(&mut self) {
        let interval =
            Millis::from_secs(self.config.number("TransactionMessageRetryInterval").max(1));
        if let Some(out) = self.transactions.queue.front_mut() {
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

    fn confirmed(&mut self, out: &Out) {
        self.command(Command::Dequeue(out.frame.id.clone()));
        if out.frame.id.starts_with(NOTICE_ID) {
            return;
        }
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
        // What a pending backend triggers it gets.
        let may_tell = self.is_online() || (triggered && self.link_up);
        if !may_tell {
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
