//! Readings for the `transactionData` of StopTransaction, in the store until the transaction ends.
//!
//! A new instance goes on with them. Flash wears: a session may write 64 KiB in all, so a long transaction keeps fewer
//! readings further apart. When there are too many, every second one between the first and the last goes, and from
//! then on only every second one is kept.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use units::{Instant, Timestamp};

use super::limits::{STOP_READINGS, STOP_TRANSACTIONS, STOP_VALUES, STOP_WRITTEN_BYTES};
use crate::backend::{Measurand, MeterReading, Phase, ReadingContext, Sample};
use crate::{Level, Moment, StoreEntry, StoreWrite, log};

/// Prefix of the store keys: `rd/`, transaction, `/`, number of the reading.
const PREFIX: &str = "rd/";

// The order is what the store knows; new ones go to the end.
const MEASURANDS: [Measurand; 10] = [
    Measurand::EnergyImportRegisterWh,
    Measurand::EnergyExportRegisterWh,
    Measurand::PowerImportW,
    Measurand::PowerOfferedW,
    Measurand::CurrentImportMa,
    Measurand::CurrentOfferedMa,
    Measurand::VoltageMv,
    Measurand::FrequencyMhz,
    Measurand::TemperatureDc,
    Measurand::SocPercent,
];
const PHASES: [Option<Phase>; 5] = [
    None,
    Some(Phase::L1),
    Some(Phase::L2),
    Some(Phase::L3),
    Some(Phase::N),
];
const CONTEXTS: [ReadingContext; 8] = [
    ReadingContext::TransactionBegin,
    ReadingContext::TransactionEnd,
    ReadingContext::SamplePeriodic,
    ReadingContext::SampleClock,
    ReadingContext::Trigger,
    ReadingContext::InterruptionBegin,
    ReadingContext::InterruptionEnd,
    ReadingContext::Other,
];

/// What is kept of one transaction.
#[derive(Debug)]
struct Kept {
    /// By the number of the reading in its transaction.
    readings: BTreeMap<u64, MeterReading>,
    next: u64,
    /// Every so manyth reading is kept.
    spacing: u64,
    /// Bytes this transaction has written to the store.
    written: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            readings: BTreeMap::new(),
            next: 0,
            spacing: 1,
            written: 0,
        }
    }
}

impl Kept {
    fn is_full(&self) -> bool {
        let values: usize = self.readings.values().map(|r| r.samples.len()).sum();
        self.readings.len() > 2 && (self.readings.len() > STOP_READINGS || values > STOP_VALUES)
    }

    /// Doubles the spacing until what is kept is within its bounds; answers the numbers that went.
    fn thin(&mut self) -> Vec<u64> {
        let mut gone = Vec::new();
        while self.is_full() {
            self.spacing = self.spacing.saturating_mul(2);
            let first = self.readings.keys().next().copied();
            let last = self.readings.keys().next_back().copied();
            let spacing = self.spacing;
            self.readings.retain(|number, _| {
                let stays = number.is_multiple_of(spacing)
                    || Some(*number) == first
                    || Some(*number) == last;
                if !stays {
                    gone.push(*number);
                }
                stays
            });
        }
        gone
    }
}

/// The readings of all transactions that run.
#[derive(Debug, Default)]
pub struct StopReadings {
    transactions: BTreeMap<u64, Kept>,
}

fn key(transaction: u64, number: u64) -> String {
    format!("{PREFIX}{transaction}/{number}")
}

impl StopReadings {
    pub fn read(store: &[StoreEntry]) -> Self {
        let mut all = Self::default();
        for entry in store {
            // An entry that makes no sense is as good as none.
            let Some((transaction, number)) = place(&entry.key) else {
                continue;
            };
            let Some((reading, spacing, written)) = parse(&entry.value) else {
                continue;
            };
            let kept = all.transactions.entry(transaction).or_default();
            kept.readings.insert(number, reading);
            kept.next = kept.next.max(number.saturating_add(1));
            // Both only grow.
            kept.spacing = kept.spacing.max(spacing);
            kept.written = kept.written.max(written);
        }
        all
    }

    /// Keeps a reading of which only the samples wanted are left; answers what to write.
    pub fn keep(&mut self, transaction: u64, reading: MeterReading) -> Vec<StoreWrite> {
        if self.transactions.len() >= STOP_TRANSACTIONS
            && !self.transactions.contains_key(&transaction)
        {
            log(
                Level::Warn,
                "readings for StopTransaction are left out: too many transactions",
            );
            return Vec::new();
        }
        let kept = self.transactions.entry(transaction).or_default();
        let number = kept.next;
        kept.next = number.saturating_add(1);
        let end = reading.context == ReadingContext::TransactionEnd;
        if !number.is_multiple_of(kept.spacing) && !kept.readings.is_empty() && !end {
            return Vec::new();
        }
        let row = Row::of(&reading);
        kept.readings.insert(number, reading);
        let mut writes: Vec<StoreWrite> = kept
            .thin()
            .into_iter()
            .map(|number| StoreWrite {
                key: key(transaction, number),
                value: None,
            })
            .collect();
        let forgotten: usize = writes.iter().map(|write| write.key.len()).sum();
        kept.written = kept.written.saturating_add(forgotten);
        let key = key(transaction, number);
        let value = row.text(kept.spacing, kept.written);
        let after = kept.written.saturating_add(key.len() + value.len());
        // Beyond that the rest is in memory only, and the new instance has a gap.
        if after <= STOP_WRITTEN_BYTES {
            kept.written = after;
            writes.push(StoreWrite {
                key,
                value: Some(row.text(kept.spacing, kept.written).into_bytes()),
            });
        }
        writes
    }

    /// The readings of a transaction that is over, and what to write.
    pub fn take(&mut self, transaction: u64) -> (Vec<MeterReading>, Vec<StoreWrite>) {
        let kept = self.transactions.remove(&transaction).unwrap_or_default();
        let forget = |number: &u64| StoreWrite {
            key: key(transaction, *number),
            value: None,
        };
        let writes = kept.readings.keys().map(forget).collect();
        (kept.readings.into_values().collect(), writes)
    }
}

fn place(key: &str) -> Option<(u64, u64)> {
    let (transaction, number) = key.strip_prefix(PREFIX)?.split_once('/')?;
    Some((transaction.parse().ok()?, number.parse().ok()?))
}

/// A reading as the store has it.
struct Row {
    wall_ms: Option<i64>,
    context: usize,
    samples: Vec<(usize, usize, i64)>,
}

fn code<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter()
        .position(|other| other == one)
        .unwrap_or(all.len())
}

impl Row {
    fn of(reading: &MeterReading) -> Self {
        let sample = |sample: &Sample| {
            let (measurand, phase) = (sample.measurand, sample.phase);
            (
                code(&MEASURANDS, &measurand),
                code(&PHASES, &phase),
                sample.value,
            )
        };
        Self {
            wall_ms: reading.at.wall.map(Timestamp::as_unix_millis),
            context: code(&CONTEXTS, &reading.context),
            samples: reading.samples.iter().map(sample).collect(),
        }
    }

    fn text(&self, spacing: u64, written: usize) -> String {
        json!([self.wall_ms, self.context, spacing, written, self.samples]).to_string()
    }
}

fn parse(bytes: &[u8]) -> Option<(MeterReading, u64, usize)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let sample = |value: &Value| {
        Some(Sample {
            measurand: *MEASURANDS.get(number(value.get(0)?)?)?,
            phase: *PHASES.get(number(value.get(1)?)?)?,
            value: value.get(2)?.as_i64()?,
        })
    };
    let reading = MeterReading {
        // Nobody asks afterwards: StopTransaction has one connector.
        evse_id: 0,
        at: Moment {
            at: Instant::ZERO,
            wall: Some(Timestamp::from_unix_millis(value.get(0)?.as_i64()?)),
        },
        context: *CONTEXTS.get(number(value.get(1)?)?)?,
        samples: value
            .get(4)?
            .as_array()?
            .iter()
            .map(sample)
            .collect::<Option<_>>()?,
    };
    Some((
        reading,
        value.get(2)?.as_u64()?.max(1),
        number(value.get(3)?)?,
    ))
}
