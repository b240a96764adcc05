//! What backends allow: ceilings for the current, by adapter. Of several the lowest holds.

use std::collections::BTreeMap;

use station::{Event, EvseId, LimitSource};
use units::{Instant, Milliamps, Phases};

use crate::station_thread::Core;

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

impl Core {
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
