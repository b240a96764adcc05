//! What the station says at each EVSE: which messages, with which values. The languages turn them into words.

use station::settings::key::DISPLAY_BACKEND_DISCONNECT;
use station::{EvseId, Indication, LimitSource, Measurand, TransactionView};
use units::Instant;

use crate::languages::{ToLanguages, Words};
use crate::limits::LANGUAGE_SHOWN_MS;
use crate::station_thread::{Core, Place};
use crate::status::{indication_word, limit_word};

/// A message with one value.
fn valued(id: &str, name: &str, value: String) -> Words {
    Words {
        id: id.to_owned(),
        arguments: vec![(name.to_owned(), value)],
    }
}

/// Which of several languages is shown now: each for a few seconds, in the pack's order.
#[must_use]
pub fn shown(now: Instant, languages: usize) -> usize {
    let turn = usize::try_from(now.as_millis() / LANGUAGE_SHOWN_MS).unwrap_or(0);
    turn.checked_rem(languages).unwrap_or(0)
}

impl Core {
    /// Tells the languages what has changed.
    pub(crate) fn say(&mut self) {
        let wanted: Vec<(EvseId, Vec<Words>)> = self
            .places
            .iter()
            .map(|place| (place.evse, self.words(place)))
            .collect();
        for (place, (evse, words)) in wanted.into_iter().enumerate() {
            let Some(place) = self.places.get_mut(place) else {
                continue;
            };
            if place.said != words {
                place.said.clone_from(&words);
                self.tell_languages(ToLanguages::Say(evse, words));
            }
        }
    }

    fn words(&self, place: &Place) -> Vec<Words> {
        use plugin_host::Notice;
        let first = match self.standing.notice {
            Some(Notice::Adding) => "card.learning".to_owned(),
            Some(Notice::Removing) => "card.removing".to_owned(),
            Some(Notice::Done) => "card.done".to_owned(),
            None => format!("indication.{}", indication_word(place.indication)),
        };
        let mut words = vec![Words::plain(first)];
        if place.indication == Indication::Fault {
            let faults = self.station.faults();
            let here = |evse: Option<EvseId>| evse.is_none_or(|evse| evse == place.evse);
            if let Some(fault) = faults.iter().find(|fault| here(fault.evse)) {
                words.push(Words::plain(format!("fault.{}", fault.id)));
                words.push(Words::plain(format!("fault.{}.action", fault.id)));
            }
        }
        let transactions = self.station.transactions();
        if let Some(session) = transactions.iter().find(|t| t.evse == place.evse) {
            // Tenths of a kilowatt-hour: the display does not change with every watt-hour.
            let tenths = session.energy.get() / 100;
            let kwh = format!("{}.{}", tenths / 10, tenths % 10);
            words.push(valued("session.energy", "kwh", kwh));
            words.extend(self.session_words(place, session));
        } else if place.indication == Indication::Available {
            let number = place.evse.0.to_string();
            words.push(valued("display.station-number", "number", number));
        }
        if place.indication != Indication::Fault && self.shows_backend() {
            words.push(Words::plain("backend.offline"));
        }
        if self.deployed.development() {
            words.push(Words::plain("development.mode"));
        }
        words
    }
}

impl Core {
    /// How long, how much, and why not more.
    fn session_words(&self, place: &Place, session: &TransactionView) -> Vec<Words> {
        let now = self.station.moment(self.clock.now());
        let ms = match (session.started.wall, now.wall) {
            (Some(from), Some(to)) => to.as_unix_millis().saturating_sub(from.as_unix_millis()),
            _ => i64::try_from(now.at.since(session.started.at).get()).unwrap_or(0),
        };
        let minutes = (ms / 60_000).max(0).to_string();
        let mut words = vec![valued("session.duration", "minutes", minutes)];
        // A display that changes with every tenth of a volt is not read.
        let rounded = |measurand, unit: i64| {
            let mut found = place
                .samples
                .iter()
                .filter(|sample| sample.measurand == measurand);
            found
                .next()
                .map(|sample| ((sample.value + unit / 2) / unit).to_string())
        };
        let values = [
            (
                "session.current",
                "ampere",
                rounded(Measurand::CurrentImportMa, 1_000),
            ),
            (
                "display.voltage",
                "volt",
                rounded(Measurand::VoltageMv, 1_000),
            ),
            (
                "display.frequency",
                "hertz",
                rounded(Measurand::FrequencyMhz, 1_000),
            ),
        ];
        for (id, name, value) in values {
            words.extend(value.map(|value| valued(id, name, value)));
        }
        let limit = self.station.limits(place.evse).map(|(_, winner)| winner);
        if let Some(limit) = limit.filter(|limit| limit.source != LimitSource::Hardware) {
            let ampere = (limit.current.get() / 1_000).to_string();
            let source = format!("limit.{}", limit_word(limit.source));
            let arguments = [("ampere", ampere), ("source", source)];
            words.push(Words {
                id: "limit.reason".to_owned(),
                arguments: arguments
                    .map(|(name, value)| (name.to_owned(), value))
                    .to_vec(),
            });
        }
        words
    }

    /// A backend is away, and people are to know.
    fn shows_backend(&self) -> bool {
        let wanted = self.station.setting(DISPLAY_BACKEND_DISCONNECT).as_deref() == Some("true");
        wanted
            && self
                .station
                .faults()
                .iter()
                .any(|fault| fault.id == "BACKEND")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // acceptance: P149
    #[test]
    fn languages_take_turns_in_the_packs_order() {
        let at = |ms| shown(Instant::from_millis(ms), 4);
        let period = LANGUAGE_SHOWN_MS;
        assert_eq!([at(0), at(period - 1), at(period)], [0, 0, 1]);
        assert_eq!([at(2 * period), at(3 * period), at(4 * period)], [2, 3, 0]);
        assert_eq!(shown(Instant::from_millis(99_999), 1), 0);
        assert_eq!(shown(Instant::from_millis(99_999), 0), 0);
    }
}
