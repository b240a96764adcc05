//! What backends allow: ceilings for the current, by adapter. Of several the lowest holds.
//!
//! They are kept over a restart of the station, so that none is missing until its adapter has started and says it anew.

use std::collections::BTreeMap;

use station::{Event, EvseId, LimitSource};
use units::{Instant, Milliamps, Millis, Phases};

use crate::limits::CEILINGS_KEPT_MS;
use crate::station_thread::Core;

/// Where they are kept in the database.
pub const RECORD: &str = "ceilings";

/// What one backend allows at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// Per phase.
    pub current: Option<Milliamps>,
    /// Highest number of phases.
    pub phases: Option<Phases>,
}

/// What all backends allow.
#[derive(Debug, Default)]
pub struct Ceilings {
    by: BTreeMap<(String, Option<EvseId>), Ceiling>,
}

impl Ceilings {
    /// Replaces what an adapter said about a place. An adapter has one ceiling per EVSE of the station and one for all:
    /// the station ignores places that it does not have.
    pub fn set(&mut self, adapter: &str, evse: Option<EvseId>, ceiling: Ceiling) {
        let key = (adapter.to_owned(), evse);
        match ceiling == Ceiling::default() {
            true => self.by.remove(&key),
            false => self.by.insert(key, ceiling),
        };
    }

    /// An adapter is gone, and with it what it said.
    pub fn forget(&mut self, adapter: &str) {
        self.by.retain(|(by, _), _| by != adapter);
    }

    /// What holds at a place.
    #[must_use]
    pub fn at(&self, evse: Option<EvseId>) -> Ceiling {
        let here = self.by.iter().filter(|((_, at), _)| *at == evse);
        here.fold(Ceiling::default(), |lowest, (_, ceiling)| Ceiling {
            current: lowest.current.into_iter().chain(ceiling.current).min(),
            phases: match (lowest.phases, ceiling.phases) {
                (Some(Phases::One), _) | (_, Some(Phases::One)) => Some(Phases::One),
                (lowest, other) => lowest.or(other),
            },
        })
    }
}

impl Ceilings {
    /// What was kept, as far as these adapters still are there. What cannot be read is left out: its adapter says it anew.
    #[must_use]
    pub fn restored(text: &str, adapters: &[&str]) -> Self {
        let mut ceilings = Self::default();
        for line in text.lines() {
            if let Some((adapter, evse, ceiling)) = parse(line)
                && adapters.contains(&adapter)
            {
                ceilings.set(adapter, evse, ceiling);
            }
        }
        ceilings
    }

    /// A line per ceiling: EVSE (0 = all), mA and phases (`-` = no ceiling), adapter.
    #[must_use]
    pub fn to_text(&self) -> String {
        let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let mut text = String::new();
        for ((adapter, evse), ceiling) in &self.by {
            let evse = evse.map_or(0, |evse| evse.0);
            let current = number(ceiling.current.map(Milliamps::get));
            let phases = number(ceiling.phases.map(|phases| phases.count().into()));
            text.push_str(&format!("{evse} {current} {phases} {adapter}\n"));
        }
        text
    }
}

fn parse(line: &str) -> Option<(&str, Option<EvseId>, Ceiling)> {
    let mut words = line.splitn(4, ' ');
    let evse: u8 = words.next()?.parse().ok()?;
    let mut number = || match words.next()? {
        "-" => Some(None),
        number => number.parse::<u32>().ok().map(Some),
    };
    let current = number()?.map(Milliamps::new);
    let phases = match number()? {
        Some(1) => Some(Phases::One),
        Some(3) => Some(Phases::Three),
        None => None,
        Some(_) => return None,
    };
    let evse = (evse != 0).then_some(EvseId(evse));
    Some((words.next()?, evse, Ceiling { current, phases }))
}

impl Core {
    /// Keeps what holds for the next start. Not at once: an adapter may change its mind often, and flash wears.
    pub(crate) fn keep_ceilings(&mut self, now: Instant) {
        if now < self.ceilings_due {
            return;
        }
        self.ceilings_due = now.after(Millis::new(CEILINGS_KEPT_MS));
        let text = self.ceilings.to_text();
        if text != self.ceilings_kept {
            match self.store.put_record(RECORD, &text) {
                Ok(()) => self.ceilings_kept = text,
                Err(error) => tracing::error!("the backends' ceilings cannot be kept: {error}"),
            }
        }
    }

    /// Tells the station what holds now.
    pub(crate) fn tell_ceilings(&mut self, now: Instant) {
        let everywhere = self.ceilings.at(None);
        let shared = Event::SharedLimit {
            current: everywhere.current,
        };
        self.station.handle_event(now, shared);
        let places: Vec<EvseId> = self.station.evses().iter().map(|evse| evse.id).collect();
        for evse in places {
            let here = self.ceilings.at(Some(evse));
            let one = [here.phases, everywhere.phases].contains(&Some(Phases::One));
            let source = LimitSource::BackendProfile;
            let current = here.current;
            let limit = Event::LimitChanged {
                evse,
                source,
                current,
            };
            self.station.handle_event(now, limit);
            let phases = one.then_some(Phases::One);
            self.station
                .handle_event(now, Event::PhaseLimit { evse, phases });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amps(amps: u16) -> Ceiling {
        Ceiling {
            current: Some(Milliamps::from_amps(amps)),
            phases: None,
        }
    }

    #[test]
    fn lowest_ceiling_of_all_backends_holds_at_each_place() {
        let mut ceilings = Ceilings::default();
        let one = Some(EvseId(1));
        assert_eq!(ceilings.at(one), Ceiling::default());
        ceilings.set("a", one, amps(16));
        ceilings.set("b", one, amps(10));
        ceilings.set("b", None, amps(20));
        assert_eq!((ceilings.at(one), ceilings.at(None)), (amps(10), amps(20)));
        assert_eq!(ceilings.at(Some(EvseId(2))), Ceiling::default());
        ceilings.set("b", one, Ceiling::default());
        assert_eq!(ceilings.at(one), amps(16));
        ceilings.forget("a");
        assert_eq!(ceilings.at(one), Ceiling::default());
    }

    #[test]
    fn ceilings_are_kept_for_the_adapters_that_are_still_there() {
        let mut ceilings = Ceilings::default();
        ceilings.set("a", Some(EvseId(2)), amps(16));
        let phases = Some(Phases::One);
        let current = Some(Milliamps::new(9_500));
        ceilings.set("b with spaces", None, Ceiling { current, phases });
        let text = ceilings.to_text();
        assert_eq!(text, "2 16000 - a\n0 9500 1 b with spaces\n");
        let back = Ceilings::restored(&text, &["a", "b with spaces"]);
        assert_eq!(back.to_text(), text);
        let fewer = Ceilings::restored(&text, &["a"]);
        assert_eq!(fewer.at(None), Ceiling::default());
        assert_eq!(fewer.at(Some(EvseId(2))), amps(16));
    }

    #[test]
    fn kept_text_that_nobody_wrote_is_left_out_line_by_line() {
        let text = "\n1\n1 x - a\n1 10000 2 a\n300 1 1 a\n1 10000 - a\n-1 1 1 a\n1 5";
        let ceilings = Ceilings::restored(text, &["a"]);
        assert_eq!(ceilings.to_text(), "1 10000 - a\n");
    }

    #[test]
    fn one_phase_is_fewer_than_three_whoever_says_so() {
        let mut ceilings = Ceilings::default();
        let phases = |phases| Ceiling {
            current: None,
            phases: Some(phases),
        };
        ceilings.set("a", None, phases(Phases::Three));
        ceilings.set("b", None, phases(Phases::One));
        assert_eq!(ceilings.at(None).phases, Some(Phases::One));
        ceilings.forget("b");
        assert_eq!(ceilings.at(None).phases, Some(Phases::Three));
    }
}
