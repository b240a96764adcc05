//! What the station says at each EVSE: which messages, with which values. The languages turn them into words.

use station::{EvseId, Indication};
use units::Instant;

use crate::languages::{ToLanguages, Words};
use crate::limits::LANGUAGE_SHOWN_MS;
use crate::station_thread::{Core, Place};
use crate::status::indication_word;

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
        }
        if self.deployed.development() {
            words.push(Words::plain("development.mode"));
        }
        words
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
