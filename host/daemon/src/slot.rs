//! Single-value slots between the interlock's thread and the station: the last value wins, nobody ever waits.
//!
//! A slot is a sequence lock over plain atomic words: the writer makes the version odd, stores the words, makes it even
//! again; a reader that saw the same even version before and after has a whole value. Neither side can hold up the other.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use interlock::{
    InterlockLimits, LockPosition, LockWish, Permit, PilotState, Status, Trips, WakeUp,
};
use units::{Instant, Milliamps, Phases};

/// How often a reader tries before it says "not now".
const READ_TRIES: usize = 64;
const WORDS: usize = 4;

/// A slot for one value of a type that fits into four words.
#[derive(Debug, Default)]
pub struct Slot {
    version: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Slot {
    fn write(&self, words: [u64; WORDS]) {
        self.version.fetch_add(1, SeqCst);
        for (to, from) in self.words.iter().zip(words) {
            to.store(from, SeqCst);
        }
        self.version.fetch_add(1, SeqCst);
    }

    /// The value, with its version; `None` if nothing was written yet, or a writer was in the way all the time.
    fn read(&self) -> Option<(u64, [u64; WORDS])> {
        for _ in 0..READ_TRIES {
            let before = self.version.load(SeqCst);
            let words = self.words.each_ref().map(|word| word.load(SeqCst));
            if before.is_multiple_of(2) && self.version.load(SeqCst) == before {
                return (before > 0).then_some((before, words));
            }
            std::hint::spin_loop();
        }
        None
    }
}

/// The permit of one EVSE: one writer (the station), one reader (the interlock).
#[derive(Debug, Default)]
pub struct PermitSlot(Slot);

impl PermitSlot {
    /// Replaces the permit.
    pub fn put(&self, permit: &Permit) {
        let lock: u32 = match permit.lock {
            LockWish::Release => 0,
            LockWish::WhenPlugged => 1,
            LockWish::WhileCablePresent => 2,
        };
        let flags = flag(permit.phases == Phases::Three, 0)
            | lock << 4
            | flag(permit.available, 2)
            | flag(permit.wake_up, 3);
        self.0.write([
            permit.valid_until.as_millis(),
            pair(permit.max_current.get(), flags),
            pair(permit.unlock_count, permit.actuator_retry_count),
            0,
        ]);
    }

    /// The last permit. `None` leaves the reader with the one it had, which expires by itself.
    #[must_use]
    pub fn get(&self) -> Option<Permit> {
        let (_, [until, current, counts, _]) = self.0.read()?;
        let (max_current, flags) = halves(current);
        let (unlock_count, actuator_retry_count) = halves(counts);
        Some(Permit {
            max_current: Milliamps::new(max_current),
            phases: if is(flags, 0) {
                Phases::Three
            } else {
                Phases::One
            },
            valid_until: Instant::from_millis(until),
            lock: match flags >> 4 & 0xF {
                1 => LockWish::WhenPlugged,
                2 => LockWish::WhileCablePresent,
                _ => LockWish::Release,
            },
            available: is(flags, 2),
            wake_up: is(flags, 3),
            unlock_count,
            actuator_retry_count,
        })
    }
}

/// The status of one interlock: one writer (the interlock), any number of readers.
#[derive(Debug, Default)]
pub struct StatusSlot(Slot);

/// Names of the trips in a set, for logs and the status.
#[must_use]
pub fn trip_names(trips: Trips) -> Vec<String> {
    trips.iter().map(|trip| format!("{trip:?}")).collect()
}

/// A limit that is absent, on this border.
const NO_LIMIT: u32 = u32::MAX;

impl StatusSlot {
    /// Replaces the status.
    pub fn put(&self, status: &Status) {
        let pilot = match status.pilot {
            PilotState::A => 0,
            PilotState::B => 1,
            PilotState::C => 2,
            PilotState::D => 3,
            PilotState::E => 4,
            PilotState::F => 5,
        };
        let lock = match status.lock {
            LockPosition::Unlocked => 0,
            LockPosition::Locked => 1,
            LockPosition::Unknown => 2,
            LockPosition::Missing => 3,
        };
        let wake = match status.wake_up {
            WakeUp::NotTried => 0,
            WakeUp::Running => 1,
            WakeUp::Done => 2,
        };
        let flags = pilot
            | lock << 4
            | wake << 8
            | flag(status.vehicle_connected, 12)
            | flag(status.cable_present, 13)
            | flag(status.energised, 14)
            | flag(status.contactor_command, 15)
            | flag(status.surge_tripped, 16)
            | flag(status.phases == Phases::Three, 17)
            | flag(status.permit_fresh, 18)
            | flag(status.self_test_fresh, 19);
        let limit = |limit: Option<Milliamps>| limit.map_or(NO_LIMIT, Milliamps::get);
        self.0.write([
            pair(flags, status.offered.get()),
            pair(status.trips.bits(), limit(status.limits.cable)),
            pair(
                limit(status.limits.temperature),
                limit(status.limits.simplified_pilot),
            ),
            0,
        ]);
    }

    /// The last status; `None` before the first step.
    #[must_use]
    pub fn get(&self) -> Option<Status> {
        let (_, [first, second, third, _]) = self.0.read()?;
        let (flags, offered) = halves(first);
        let (trips, cable) = halves(second);
        let (temperature, simplified) = halves(third);
        let limit = |raw: u32| (raw != NO_LIMIT).then_some(Milliamps::new(raw));
        Some(Status {
            pilot: match flags & 0xF {
                0 => PilotState::A,
                1 => PilotState::B,
                2 => PilotState::C,
                3 => PilotState::D,
                5 => PilotState::F,
                _ => PilotState::E,
            },
            vehicle_connected: is(flags, 12),
            cable_present: is(flags, 13),
            energised: is(flags, 14),
            contactor_command: is(flags, 15),
            lock: match flags >> 4 & 0xF {
                0 => LockPosition::Unlocked,
                1 => LockPosition::Locked,
                3 => LockPosition::Missing,
                _ => LockPosition::Unknown,
            },
            offered: Milliamps::new(offered),
            limits: InterlockLimits {
                cable: limit(cable),
                temperature: limit(temperature),
                simplified_pilot: limit(simplified),
            },
            trips: Trips::from_bits_truncate(trips),
            surge_tripped: is(flags, 16),
            phases: if is(flags, 17) {
                Phases::Three
            } else {
                Phases::One
            },
            wake_up: match flags >> 8 & 0xF {
                0 => WakeUp::NotTried,
                1 => WakeUp::Running,
                _ => WakeUp::Done,
            },
            permit_fresh: is(flags, 18),
            self_test_fresh: is(flags, 19),
        })
    }
}

const fn flag(set: bool, place: u32) -> u32 {
    if set { 1 << place } else { 0 }
}

const fn is(flags: u32, place: u32) -> bool {
    flags & 1 << place != 0
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(word: u64) -> (u32, u32) {
    let low = u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (u32::try_from(word >> 32).unwrap_or(u32::MAX), low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slot_is_empty_until_something_is_put() {
        assert!(PermitSlot::default().get().is_none());
        assert!(StatusSlot::default().get().is_none());
    }

    proptest! {
        #[test]
        fn permit_comes_out_as_it_went_in(
            max in any::<u32>(), three in any::<bool>(), until in any::<u64>(), lock in 0_usize..3,
            available in any::<bool>(), wake_up in any::<bool>(), unlock in any::<u32>(), retry in any::<u32>(),
        ) {
            let permit = Permit {
                max_current: Milliamps::new(max),
                phases: if three { Phases::Three } else { Phases::One },
                valid_until: Instant::from_millis(until),
                lock: [LockWish::Release, LockWish::WhenPlugged, LockWish::WhileCablePresent][lock],
                available, wake_up, unlock_count: unlock, actuator_retry_count: retry,
            };
            let slot = PermitSlot::default();
            slot.put(&permit);
            prop_assert_eq!(slot.get(), Some(permit));
        }
    }

    #[test]
    fn reader_never_sees_half_a_value() {
        let slot = std::sync::Arc::new(PermitSlot::default());
        let permit = |n: u32| Permit {
            max_current: Milliamps::new(n),
            valid_until: Instant::from_millis(u64::from(n)),
            unlock_count: n,
            ..Permit::NONE
        };
        let writer = {
            let slot = std::sync::Arc::clone(&slot);
            std::thread::spawn(move || (0..200_000).for_each(|n| slot.put(&permit(n))))
        };
        while !writer.is_finished() {
            if let Some(seen) = slot.get() {
                assert_eq!(seen, permit(seen.unlock_count));
            }
        }
        assert!(writer.join().is_ok());
    }
}
