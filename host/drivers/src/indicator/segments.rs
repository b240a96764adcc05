//! The segment display: values in turns, an error instead of them, the end of an upgrade before everything.

use std::collections::BTreeMap;

use units::{Instant, Millis};

use super::{Facts, Shown, Upgrade};

/// A value that the display can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Mains voltage.
    Voltage,
    /// Current, only while charging.
    Current,
    /// Mains frequency.
    Frequency,
    /// Energy of the session.
    Energy,
    /// Duration of the session.
    Duration,
    /// Number of the station.
    Station,
}

impl Value {
    /// All of them with the words that profiles use.
    pub const ALL: [(&'static str, Self); 6] = [
        ("voltage", Self::Voltage),
        ("current", Self::Current),
        ("frequency", Self::Frequency),
        ("energy", Self::Energy),
        ("duration", Self::Duration),
        ("station", Self::Station),
    ];

    /// The value with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, value)| value)
    }
}

/// What a segment display shows, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// How long each value is shown.
    pub period: Millis,
    /// Values in their order, with their formats: `ccc.0 V` (three places, a zero), `cc.c A` (two places and a tenth),
    /// `ccc Min`.
    pub values: Vec<(Value, String)>,
    /// Text by fault id.
    pub errors: BTreeMap<String, String>,
    /// Text of an upgrade that went well.
    pub upgrade_done: String,
    /// Texts of upgrades that failed, from error 1.
    pub upgrade_failed: Vec<String>,
}

impl Segments {
    /// The text of the display now.
    #[must_use]
    pub fn text(&self, now: Instant, shown: Shown, facts: &Facts) -> String {
        match facts.upgrade {
            Some(Upgrade::Done) => return self.upgrade_done.clone(),
            Some(Upgrade::Failed(error)) => {
                let place = usize::from(error).saturating_sub(1);
                let known = self.upgrade_failed.get(place);
                return known
                    .or(self.upgrade_failed.last())
                    .cloned()
                    .unwrap_or_default();
            }
            None => {}
        }
        let error = facts.faults.iter().find_map(|id| self.errors.get(id));
        if let Some(error) = error {
            return error.clone();
        }
        let texts: Vec<String> = self
            .values
            .iter()
            .filter_map(|(value, format)| Some(formatted(format, tenths(*value, shown, facts)?)))
            .collect();
        let turn = now.as_millis() / self.period.get().max(1);
        let count = u64::try_from(texts.len()).unwrap_or(0);
        let place = turn.checked_rem(count).unwrap_or(0);
        let place = usize::try_from(place).unwrap_or(0);
        texts.into_iter().nth(place).unwrap_or_default()
    }
}

/// The value in tenths; `None` if there is nothing to show.
fn tenths(value: Value, shown: Shown, facts: &Facts) -> Option<u32> {
    let whole = |number: Option<u32>| number.map(|number| number.saturating_mul(10));
    match value {
        Value::Voltage => facts.voltage_dv,
        Value::Current if shown == Shown::Charging => facts.current_da,
        Value::Current => None,
        Value::Frequency => facts.frequency_dhz,
        Value::Energy => facts.energy_dkwh,
        Value::Duration => whole(facts.minutes),
        Value::Station => whole(facts.station_number),
    }
}

/// Puts a value in a format: each `c` before the point is a place, `.c` a tenth, `.0` always zero. A value that is too
/// large for its places shows all nines.
fn formatted(format: &str, tenths: u32) -> String {
    let places = format.chars().take_while(|c| *c == 'c').count();
    let rest = format.get(places..).unwrap_or_default();
    let (decimal, rest) = match (rest.strip_prefix(".c"), rest.strip_prefix(".0")) {
        (Some(rest), _) => (Some(tenths % 10), rest),
        (None, Some(rest)) => (Some(0), rest),
        (None, None) => (None, rest),
    };
    let power = u32::try_from(places)
        .ok()
        .and_then(|p| 10_u32.checked_pow(p));
    let largest = power.map_or(u32::MAX, |power| power.saturating_sub(1));
    let (whole, decimal) = match tenths / 10 {
        whole if whole > largest => (largest, decimal.map(|_| 9)),
        whole => (whole, decimal),
    };
    match decimal {
        Some(decimal) => format!("{whole:>places$}.{decimal}{rest}"),
        None => format!("{whole:>places$}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_the_products() {
        for (format, tenths, text) in [
            ("ccc.0 V", 2_304, "230.0 V"),
            ("cc.c A", 163, "16.3 A"),
            ("cc.c A", 61, " 6.1 A"),
            ("cc.c Hz", 500, "50.0 Hz"),
            ("cc.c kWH", 74, " 7.4 kWH"),
            ("cc.c kWH", 1_234, "99.9 kWH"),
            ("ccc Min", 420, " 42 Min"),
            ("ccc Min", 99_990, "999 Min"),
            ("c", 30, "3"),
        ] {
            assert_eq!(formatted(format, tenths), text, "{format} {tenths}");
        }
    }
}
