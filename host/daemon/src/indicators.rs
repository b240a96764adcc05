//! Indicator profiles: read from their TOML files, and fed with what the station wants to show.

use std::collections::BTreeMap;
use std::path::Path;

use drivers::indicator::{
    Beeps, Blip, BlipSpec, Facts, Light, Profile, Segments, Shown, Value, Wifi,
};
use plugin_host::Notice;
use serde::Deserialize;
use station::{Indication, Measurand, SamplePhase, Signal};
use units::{Instant, Millis};

use crate::config::{ConfigError, Source};
use crate::limits::INDICATOR_PERIOD_MS;
use crate::station_thread::{Core, Place};

type Words = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    finishing_max_s: Option<u32>,
    #[serde(default)]
    ring: Words,
    #[serde(default)]
    signal: BTreeMap<String, SignalTable>,
    #[serde(default)]
    led: BTreeMap<String, Words>,
    #[serde(default)]
    plugged: Words,
    #[serde(default)]
    wifi: Words,
    #[serde(default)]
    segments: Option<SegmentsTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalTable {
    ring: Option<String>,
    buzzer: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentsTable {
    period_ms: u32,
    values: Vec<String>,
    formats: Words,
    errors: Words,
    upgrade_done: String,
    upgrade_failed: Vec<String>,
}

/// Reads and checks a profile.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn read(path: &Path) -> Result<Profile, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: path.to_owned(),
        line: None,
        key: String::new(),
        reason: format!("the indicator profile cannot be read: {error}"),
        remedy: "let `indicator` name a file of policies/indicators/".to_owned(),
    })?;
    parse(path, &text)
}

/// Checks the text of a profile.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn parse(path: &Path, text: &str) -> Result<Profile, ConfigError> {
    let source = Source { file: path, text };
    let file: File = source.parse()?;
    let mut profile = Profile {
        name: file.name.clone(),
        finishing_max: file.finishing_max_s.map(|s| Millis::from_secs(s.into())),
        ring: lights(&source, &file.ring)?,
        ..Profile::default()
    };
    for (word, table) in &file.signal {
        let Some(blip) = Blip::from_word(word) else {
            let known = Blip::ALL.map(|(word, _)| word).join(", ");
            return Err(unknown(&source, word, "signal", &known));
        };
        let ring = table.ring.as_deref().map(Light::parse).transpose();
        let buzzer = table.buzzer.as_deref().map(Beeps::parse).transpose();
        let wrong = |reason: String| source.error(source.line_of(word), word, reason, "");
        let spec = BlipSpec {
            ring: ring.map_err(wrong)?,
            buzzer: buzzer.map_err(wrong)?,
        };
        profile.blips.insert(blip, spec);
    }
    for (name, words) in &file.led {
        profile.leds.insert(name.clone(), lights(&source, words)?);
    }
    for (name, text) in &file.plugged {
        profile
            .plugged
            .insert(name.clone(), light(&source, name, text)?);
    }
    for (word, text) in &file.wifi {
        let found = Wifi::ALL.into_iter().find(|(known, _)| known == word);
        let Some((_, wifi)) = found else {
            let known = Wifi::ALL.map(|(word, _)| word).join(", ");
            return Err(unknown(&source, word, "state of the network", &known));
        };
        profile.wifi.insert(wifi, light(&source, word, text)?);
    }
    profile.segments = match file.segments {
        Some(table) => Some(segments(&source, table)?),
        None => None,
    };
    Ok(profile)
}

fn unknown(source: &Source<'_>, word: &str, what: &str, known: &str) -> ConfigError {
    source.error(
        source.line_of(word),
        word,
        format!("is no {what}"),
        format!("there are {known}"),
    )
}

fn light(source: &Source<'_>, key: &str, text: &str) -> Result<Light, ConfigError> {
    Light::parse(text).map_err(|reason| source.error(source.line_of(key), key, reason, ""))
}

fn lights(source: &Source<'_>, words: &Words) -> Result<BTreeMap<Shown, Light>, ConfigError> {
    let mut lights = BTreeMap::new();
    for (word, text) in words {
        let Some(shown) = Shown::from_word(word) else {
            let known = Shown::ALL.map(|(word, _)| word).join(", ");
            return Err(unknown(source, word, "state", &known));
        };
        lights.insert(shown, light(source, word, text)?);
    }
    Ok(lights)
}

fn segments(source: &Source<'_>, table: SegmentsTable) -> Result<Segments, ConfigError> {
    let mut values = Vec::new();
    for word in &table.values {
        let Some(value) = Value::from_word(word) else {
            let known = Value::ALL.map(|(word, _)| word).join(", ");
            return Err(unknown(source, word, "value", &known));
        };
        let Some(format) = table.formats.get(word) else {
            return Err(source.error(
                source.line_of("values"),
                word,
                "has no format",
                "add it under [segments.formats], for example \"cc.c A\"",
            ));
        };
        values.push((value, format.clone()));
    }
    for id in table.errors.keys() {
        if !station::faults::REGISTRY.iter().any(|spec| spec.id == id) {
            return Err(source.error(
                source.line_of(id),
                id,
                "the station has no such fault",
                "docs/spec/faults.md lists them",
            ));
        }
    }
    if !(500..=60_000).contains(&table.period_ms) {
        return Err(source.error(
            source.line_of("period_ms"),
            "period_ms",
            "nobody can read that",
            "choose 500 to 60000",
        ));
    }
    Ok(Segments {
        period: Millis::new(table.period_ms.into()),
        values,
        errors: table.errors,
        upgrade_done: table.upgrade_done,
        upgrade_failed: table.upgrade_failed,
    })
}

/// What an EVSE shows for what the station indicates; an authorizer's menu goes before.
#[must_use]
pub const fn shown(indication: Indication, notice: Option<Notice>) -> Shown {
    match (notice, indication) {
        // Nobody may be led to believe that a faulty station is in order.
        (_, Indication::Fault) => Shown::Fault,
        (Some(Notice::Adding), _) => Shown::Adding,
        (Some(Notice::Removing), _) => Shown::Removing,
        (Some(Notice::Done), _) => Shown::Done,
        (None, Indication::Boot) => Shown::Boot,
        (None, Indication::Available) => Shown::Available,
        (None, Indication::Reserved) => Shown::Reserved,
        (None, Indication::Authorising) => Shown::Authorising,
        (None, Indication::AuthorisedWaiting) => Shown::AuthorisedWaiting,
        (None, Indication::Preparing) => Shown::Preparing,
        (None, Indication::SuspendedEv) => Shown::SuspendedEv,
        (None, Indication::SuspendedEvse) => Shown::SuspendedEvse,
        (None, Indication::Charging) => Shown::Charging,
        (None, Indication::Finishing) => Shown::Finishing,
        (None, Indication::Unavailable) => Shown::Unavailable,
        (None, Indication::Update) => Shown::Update,
    }
}

/// The short signal for a signal of the station.
#[must_use]
pub const fn blip(signal: Signal) -> Blip {
    match signal {
        Signal::CardSeen => Blip::CardSeen,
        Signal::Accepted => Blip::Accepted,
        Signal::Rejected => Blip::Rejected,
    }
}

impl Core {
    /// Shows at every EVSE what is to be shown.
    pub(crate) fn indicate(&mut self, now: Instant) {
        if now < self.indicators_due {
            return;
        }
        self.indicators_due = now.after(Millis::new(INDICATOR_PERIOD_MS));
        let facts: Vec<Facts> = self
            .places
            .iter()
            .map(|place| self.facts(now, place))
            .collect();
        let notice = self.standing.notice;
        for (place, facts) in self.places.iter_mut().zip(facts) {
            place.indicator.set(now, shown(place.indication, notice));
            place.indicator.facts(facts);
            let frame = place.indicator.frame(now);
            if place.frame.as_ref() != Some(&frame) {
                if let Err(error) = place.lamps.show(&frame) {
                    tracing::warn!(evse = place.evse.0, "{error}");
                }
                place.frame = Some(frame);
            }
        }
    }

    fn facts(&self, now: Instant, place: &Place) -> Facts {
        let here = |evse: Option<station::EvseId>| evse.is_none_or(|evse| evse == place.evse);
        let faults = self.station.faults();
        let faults = faults.iter().filter(|fault| here(fault.evse));
        let sessions = self.station.transactions();
        let session = sessions.iter().find(|t| t.evse == place.evse);
        let reading = |measurand: Measurand, phase: Option<SamplePhase>| {
            let samples = place.samples.iter();
            let value = samples
                .filter(|s| s.measurand == measurand && (phase.is_none() || s.phase == phase))
                .map(|s| s.value)
                .max();
            value.and_then(|value| u32::try_from(value / 100).ok())
        };
        Facts {
            plugged: place
                .told
                .is_some_and(|(status, _)| status.vehicle_connected),
            faults: faults.map(|fault| fault.id.to_owned()).collect(),
            wifi: None,
            upgrade: None,
            voltage_dv: reading(Measurand::VoltageMv, Some(SamplePhase::L1)),
            frequency_dhz: reading(Measurand::FrequencyMhz, None),
            current_da: reading(Measurand::CurrentImportMa, None),
            energy_dkwh: session.and_then(|s| u32::try_from(s.energy.get() / 100).ok()),
            minutes: session
                .and_then(|s| u32::try_from(now.since(s.started.at).get() / 60_000).ok()),
            station_number: Some(place.evse.0.into()),
        }
    }
}

#[cfg(test)]
#[path = "indicators_tests.rs"]
mod tests;
