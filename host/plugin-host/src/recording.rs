//! Recordings: what a plugin was told and what it answered, one call per line, so that the same can be told again.
//!
//! A line is a JSON object in the shapes of the contract (`docs/spec/recording.md`). A recording begins with a `start`, so
//! it is complete in itself; whoever begins one replaces the instance. It ends by itself, at its size or its time.
//!
//! Not in a recording: passwords, which become `***`. In it: cards, frames, the plugin's store. It is nobody's business.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use station::Moment;
use units::Instant;

use crate::contract::host::pilotwire::host::types;
use crate::convert;
use crate::error::PluginError;

/// Stands for what must not be in a recording.
pub(crate) const HIDDEN: &str = "***";

/// Writes recordings; ends by itself.
pub struct Recorder {
    out: Box<dyn Write + Send>,
    bytes_left: u64,
    until: Instant,
    calls: u64,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("bytes_left", &self.bytes_left)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Writes at most this many bytes, and nothing after `until`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, max_bytes: u64, until: Instant) -> Self {
        Self {
            out,
            bytes_left: max_bytes,
            until,
            calls: 0,
        }
    }

    /// One call; `false` if this was the end.
    fn write(&mut self, now: Instant, line: &Value) -> io::Result<bool> {
        let text = format!("{line}\n");
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if now > self.until || length > self.bytes_left {
            return Ok(false);
        }
        self.bytes_left = self.bytes_left.saturating_sub(length);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        self.calls = self.calls.saturating_add(1);
        Ok(true)
    }
}

/// Where the instances of one plugin look for a recorder.
#[derive(Default)]
pub(crate) struct RecordingSlot {
    /// 0 = nobody records; each recording has another number.
    number: AtomicU64,
    begun: AtomicU64,
    recorder: Mutex<Option<Recorder>>,
}

impl RecordingSlot {
    pub(crate) fn begin(&self, recorder: Recorder) {
        let mut slot = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(recorder);
        let number = self.begun.fetch_add(1, SeqCst).saturating_add(1);
        self.number.store(number, SeqCst);
    }

    /// Ends it; the number of calls in it, if there was one.
    pub(crate) fn end(&self) -> Option<u64> {
        let mut slot = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        self.number.store(0, SeqCst);
        slot.take().map(|recorder| recorder.calls)
    }

    pub(crate) fn calls(&self) -> Option<u64> {
        let slot = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map(|recorder| recorder.calls)
    }

    /// The recording that runs; none for almost every call of almost every plugin.
    pub(crate) fn number(&self) -> Option<u64> {
        let number = self.number.load(SeqCst);
        (number != 0).then_some(number)
    }

    fn write(&self, plugin: &str, now: Instant, line: &Value) {
        let ended = {
            let mut slot = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(recorder) = slot.as_mut() else {
                return;
            };
            match recorder.write(now, line) {
                Ok(true) => return,
                Ok(false) => "its size or time is reached".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        let calls = self.end().unwrap_or_default();
        tracing::warn!(plugin, calls, "the recording ends: {ended}");
    }
}

/// Who is recorded; every `start` says it.
pub(crate) struct Recorded<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) version: &'a str,
    /// Package of the contract with its version.
    pub(crate) contract: &'a str,
}

/// One call and its answer.
pub(crate) fn write(
    slot: &RecordingSlot,
    who: &Recorded<'_>,
    (call, now): (&str, Moment),
    input: &impl Serialize,
    answer: Result<&impl Serialize, &PluginError>,
) {
    let encoded = || -> serde_json::Result<Value> {
        let moment: types::Moment = convert::moment(now);
        let mut line = json!({
            "call": call,
            "now": serde_json::to_value(moment)?,
            "input": serde_json::to_value(input)?,
        });
        let (key, value) = match answer {
            Ok(answer) => ("answer", serde_json::to_value(answer)?),
            Err(error) => ("failed", Value::from(error.to_string())),
        };
        if let Some(line) = line.as_object_mut() {
            line.insert(key.to_owned(), value);
            if call == "start" || call == "render" {
                line.insert("plugin".to_owned(), who.plugin.into());
                line.insert("version".to_owned(), who.version.into());
                line.insert("contract".to_owned(), who.contract.into());
            }
        }
        hide_passwords(&mut line);
        Ok(line)
    };
    match encoded() {
        Ok(line) => slot.write(who.plugin, now.at, &line),
        Err(error) => tracing::warn!(plugin = who.plugin, "a call is not recorded: {error}"),
    }
}

/// Replaces the values of password settings and of basic authentication.
pub(crate) fn hide_passwords(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_passwords),
        Value::Object(fields) => {
            let secret = fields
                .get("key")
                .and_then(Value::as_str)
                .is_some_and(|key| key.contains("password") || key.contains("secret"));
            if secret && let Some(value @ Value::String(_)) = fields.get_mut("value") {
                *value = HIDDEN.into();
            }
            if let Some(Value::Array(pair)) = fields.get_mut("basic_auth")
                && let Some(password) = pair.get_mut(1)
            {
                *password = HIDDEN.into();
            }
            fields.values_mut().for_each(hide_passwords);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Millis;

    fn line(number: u32) -> Value {
        json!({ "call": "handle", "number": number })
    }

    #[test]
    fn recording_ends_at_its_size_and_at_its_time() {
        let slot = RecordingSlot::default();
        let end = Instant::ZERO.after(Millis::new(1_000));
        slot.write("p", Instant::ZERO, &line(0));
        assert_eq!(slot.end(), None, "nothing is written before it begins");
        slot.begin(Recorder::new(Box::new(io::sink()), 80, end));
        slot.write("p", Instant::ZERO, &line(1));
        slot.write("p", end, &line(2));
        assert_eq!(slot.calls(), Some(2));
        slot.write("p", end, &line(3));
        assert_eq!(
            (slot.calls(), slot.number()),
            (None, None),
            "80 bytes are two lines"
        );
        slot.begin(Recorder::new(Box::new(io::sink()), 1_000, end));
        assert_eq!(slot.number(), Some(2));
        slot.write("p", end.after(Millis::new(1)), &line(1));
        assert_eq!(slot.number(), None, "too late");
    }

    #[test]
    fn passwords_are_not_in_a_recording() {
        let mut line = json!({
            "settings": [{ "key": "basic_auth_password", "value": "x" }, { "key": "url", "value": "y" }],
            "answer": [{ "Connect": { "url": "y", "basic_auth": ["user", [1, 2]] } }, { "basic_auth": null }],
        });
        hide_passwords(&mut line);
        assert_eq!(line["settings"][0]["value"], HIDDEN);
        assert_eq!(line["settings"][1]["value"], "y");
        assert_eq!(
            line["answer"][0]["Connect"]["basic_auth"],
            json!(["user", HIDDEN])
        );
    }
}
