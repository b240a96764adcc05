//! Profiles and transactions as entries of a key-value store.
//!
//! One entry per profile and per running transaction, each a short JSON list that begins with the format's version:
//!
//! ```text
//! charging/p/17  [1, connector, id, purpose, kind, recurrency, level, number, transaction, from, to,
//!                 duration_s, start, unit, minimum, arrived, [start_s, limit, phases, ...]]
//! charging/t/1   [1, transaction, number, started]
//! ```
//!
//! Times are milliseconds since 1970, rates tenths of the unit, phases 0 if not given, and `null` stands for what is
//! absent. A profile of 24 periods takes less than 500 bytes.

use super::check::{check_form, check_place};
use super::profiles::{Installed, Running};
use super::types::{Anchor, Capabilities, Scope};
use crate::limits::{CHARGING_CONNECTORS_MAX, CHARGING_RECORD_BYTES_MAX};
use crate::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ChargingRateUnit,
    ChargingSchedule, ChargingSchedulePeriod, Decimal, RecurrencyKind,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde_json::{Value, json};
use units::Timestamp;

const VERSION: i64 = 1;
const PROFILE_PREFIX: &str = "charging/p/";
const RUNNING_PREFIX: &str = "charging/t/";

/// A change of the key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key; all begin with `charging/`.
    pub key: String,
    /// The new value; `None` removes the key.
    pub value: Option<String>,
}

/// An entry of the key-value store that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its key.
    pub key: String,
    /// What is wrong with its value.
    pub reason: &'static str,
}

impl Unreadable {
    pub(super) fn new(key: &str, reason: &'static str) -> Self {
        let key = key.into();
        Self { key, reason }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored charging entry {:?}: {}", self.key, self.reason)
    }
}

impl core::error::Error for Unreadable {}

/// What an entry turned out to be.
pub(super) enum Entry {
    Profile(Installed),
    Running(u32, Running),
    /// Not ours.
    Foreign,
}

pub(super) fn profile_write(id: i64, installed: Option<&Installed>) -> Write {
    Write {
        key: format!("{PROFILE_PREFIX}{id}"),
        value: installed.map(|installed| profile_text(installed).to_string()),
    }
}

pub(super) fn running_write(connector: u32, running: Option<&Running>) -> Write {
    Write {
        key: format!("{RUNNING_PREFIX}{connector}"),
        value: running.map(|running| {
            let started = millis(running.started.wall);
            json!([VERSION, running.transaction, running.number, started]).to_string()
        }),
    }
}

fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_unix_millis)
}

fn profile_text(installed: &Installed) -> Value {
    let profile = &installed.profile;
    let schedule = &profile.charging_schedule;
    let periods: Vec<i64> = schedule
        .charging_schedule_period
        .iter()
        .flat_map(|period| {
            let phases = period.number_phases.unwrap_or(0);
            [period.start_period, period.limit.tenths(), phases]
        })
        .collect();
    json!([
        VERSION,
        installed.scope.connector_id(),
        profile.charging_profile_id,
        profile.charging_profile_purpose.as_str(),
        profile.charging_profile_kind.as_str(),
        profile.recurrency_kind.map(RecurrencyKind::as_str),
        profile.stack_level,
        profile.transaction_id,
        installed.transaction,
        millis(profile.valid_from),
        millis(profile.valid_to),
        schedule.duration,
        millis(schedule.start_schedule),
        schedule.charging_rate_unit.as_str(),
        schedule.min_charging_rate.map(Decimal::tenths),
        millis(installed.arrived.wall),
        periods,
    ])
}

/// Reads an entry.
///
/// Errors: what is wrong with it.
pub(super) fn parse(key: &str, value: &[u8]) -> Result<Entry, &'static str> {
    if let Some(id) = key.strip_prefix(PROFILE_PREFIX) {
        let installed = parse_profile(value)?;
        if id != installed.profile.charging_profile_id.to_string() {
            return Err("key and id differ");
        }
        return Ok(Entry::Profile(installed));
    }
    if let Some(connector) = key.strip_prefix(RUNNING_PREFIX) {
        let connector = connector.parse().map_err(|_| "key without connector")?;
        if connector == 0 || connector > CHARGING_CONNECTORS_MAX {
            return Err("no such connector");
        }
        return Ok(Entry::Running(connector, parse_running(value)?));
    }
    Ok(Entry::Foreign)
}

/// Takes the values of a list one after the other.
struct Fields(alloc::vec::IntoIter<Value>);

impl Fields {
    fn open(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > CHARGING_RECORD_BYTES_MAX {
            return Err("too long");
        }
        let Ok(Value::Array(list)) = serde_json::from_slice(bytes) else {
            return Err("not a list");
        };
        let mut fields = Self(list.into_iter());
        match fields.number()? {
            VERSION => Ok(fields),
            _ => Err("written by another version"),
        }
    }

    fn next(&mut self) -> Result<Value, &'static str> {
        self.0.next().ok_or("too short")
    }

    fn optional(&mut self) -> Result<Option<i64>, &'static str> {
        match self.next()? {
            Value::Null => Ok(None),
            value => value.as_i64().map(Some).ok_or("not a number"),
        }
    }

    fn number(&mut self) -> Result<i64, &'static str> {
        self.optional()?.ok_or("not a number")
    }

    fn time(&mut self) -> Result<Option<Timestamp>, &'static str> {
        Ok(self.optional()?.map(Timestamp::from_unix_millis))
    }

    fn transaction(&mut self) -> Result<Option<u64>, &'static str> {
        match self.next()? {
            Value::Null => Ok(None),
            value => value.as_u64().map(Some).ok_or("not a transaction"),
        }
    }

    fn word<T>(&mut self, known: impl Fn(&str) -> Option<T>) -> Result<Option<T>, &'static str> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::String(word) => known(&word).map(Some).ok_or("unknown word"),
            _ => Err("not a word"),
        }
    }

    fn rate(&mut self) -> Result<Option<Decimal>, &'static str> {
        match self.optional()? {
            None => Ok(None),
            Some(tenths) => Decimal::from_tenths(tenths)
                .map(Some)
                .ok_or("rate out of range"),
        }
    }

    fn close(mut self) -> Result<(), &'static str> {
        self.0.next().map_or(Ok(()), |_| Err("too long"))
    }
}

fn parse_running(bytes: &[u8]) -> Result<Running, &'static str> {
    let mut fields = Fields::open(bytes)?;
    let running = Running {
        transaction: fields.transaction()?.ok_or("no transaction")?,
        number: fields.optional()?,
        started: Anchor::remembered(fields.time()?),
    };
    fields.close()?;
    Ok(running)
}

fn parse_profile(bytes: &[u8]) -> Result<Installed, &'static str> {
    let mut fields = Fields::open(bytes)?;
    let scope = Scope::from_connector_id(fields.number()?).ok_or("no such connector")?;
    let charging_profile_id = fields.number()?;
    let charging_profile_purpose = fields
        .word(ChargingProfilePurpose::from_word)?
        .ok_or("no purpose")?;
    let charging_profile_kind = fields
        .word(ChargingProfileKind::from_word)?
        .ok_or("no kind")?;
    let recurrency_kind = fields.word(RecurrencyKind::from_word)?;
    let stack_level = fields.number()?;
    let transaction_id = fields.optional()?;
    let transaction = fields.transaction()?;
    let (valid_from, valid_to) = (fields.time()?, fields.time()?);
    let (duration, start_schedule) = (fields.optional()?, fields.time()?);
    let charging_rate_unit = fields.word(ChargingRateUnit::from_word)?.ok_or("no unit")?;
    let min_charging_rate = fields.rate()?;
    let arrived = Anchor::remembered(fields.time()?);
    let charging_schedule_period = parse_periods(&fields.next()?)?;
    fields.close()?;
    let profile = ChargingProfile {
        charging_profile_id,
        transaction_id,
        stack_level,
        charging_profile_purpose,
        charging_profile_kind,
        recurrency_kind,
        valid_from,
        valid_to,
        charging_schedule: ChargingSchedule {
            duration,
            start_schedule,
            charging_rate_unit,
            charging_schedule_period,
            min_charging_rate,
        },
    };
    let bounds = Capabilities::full(CHARGING_CONNECTORS_MAX);
    let checked =
        check_place(&profile, scope, &bounds).and_then(|()| check_form(&profile, &bounds));
    if checked.is_err() {
        return Err("not a profile that can be installed");
    }
    let of_transaction = charging_profile_purpose == ChargingProfilePurpose::TxProfile;
    if of_transaction != transaction.is_some() {
        return Err("purpose and transaction do not fit");
    }
    Ok(Installed {
        scope,
        profile,
        transaction,
        arrived,
    })
}

fn parse_periods(value: &Value) -> Result<Vec<ChargingSchedulePeriod>, &'static str> {
    let Value::Array(numbers) = value else {
        return Err("no list of periods");
    };
    let (triples, rest) = numbers.as_chunks::<3>();
    if !rest.is_empty() {
        return Err("period cut off");
    }
    triples
        .iter()
        .map(|[start, limit, phases]| {
            let number = |value: &Value| value.as_i64().ok_or("not a number");
            let phases = number(phases)?;
            Ok(ChargingSchedulePeriod {
                start_period: number(start)?,
                limit: Decimal::from_tenths(number(limit)?).ok_or("rate out of range")?,
                number_phases: (phases != 0).then_some(phases),
            })
        })
        .collect()
}
