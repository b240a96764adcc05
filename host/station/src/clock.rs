//! The wall clock as data: an offset to the monotonic clock, known only after somebody has told it.

use units::{Instant, Millis, Timestamp};

use crate::types::Moment;

const DAY_MS: i64 = 86_400_000;

/// What the station knows about the wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Wall clock minus monotonic clock, in milliseconds.
    offset_ms: Option<i64>,
}

impl Clock {
    /// A clock that knows what this moment knows.
    pub(crate) fn from_moment(moment: Moment) -> Self {
        let mut clock = Self::default();
        if let Some(wall) = moment.wall {
            clock.set(moment.at, wall);
        }
        clock
    }

    /// The wall clock became known or was corrected.
    pub(crate) fn set(&mut self, now: Instant, wall: Timestamp) {
        self.offset_ms = Some(wall.as_unix_millis().saturating_sub(monotonic(now)));
    }

    /// `now` with the wall clock, if that is known.
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        let wall = self
            .offset_ms
            .map(|offset| Timestamp::from_unix_millis(monotonic(now).saturating_add(offset)));
        Moment { at: now, wall }
    }

    /// When the wall clock will show this; times before the start are the start. `None` while the time is not known.
    pub(crate) fn instant_of(&self, wall: Timestamp) -> Option<Instant> {
        let at = wall.as_unix_millis().saturating_sub(self.offset_ms?);
        Some(Instant::from_millis(u64::try_from(at).unwrap_or(0)))
    }

    /// The next multiple of `interval_s` from midnight UTC after `now`; `None` if the time is not known or the interval
    /// is 0. An interval that does not divide the day starts again at midnight.
    pub(crate) fn next_aligned(&self, now: Instant, interval_s: u32) -> Option<Instant> {
        let wall = self.moment(now).wall?.as_unix_millis();
        let interval_ms = i64::from(interval_s).saturating_mul(1_000);
        let of_day = wall.rem_euclid(DAY_MS);
        let passed = of_day.checked_div(interval_ms)?;
        let next = passed
            .saturating_add(1)
            .saturating_mul(interval_ms)
            .min(DAY_MS);
        let wait = u64::try_from(next.saturating_sub(of_day)).unwrap_or(0);
        Some(now.after(Millis::new(wait)))
    }
}

fn monotonic(now: Instant) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn wall_clock_is_unknown_until_somebody_tells_it() {
        let mut clock = Clock::default();
        assert_eq!(clock.moment(at(5)).wall, None);
        assert_eq!(clock.next_aligned(at(5), 900), None);
        clock.set(at(1_000), Timestamp::from_unix_millis(1_700_000_000_000));
        let wall = clock.moment(at(3_000)).wall.map(Timestamp::as_unix_millis);
        assert_eq!(wall, Some(1_700_000_002_000));
    }

    #[test]
    fn aligned_times_are_multiples_from_midnight_utc() {
        let mut clock = Clock::default();
        // 1970-01-02 00:14:59.500 UTC at monotonic 100.
        clock.set(at(100), Timestamp::from_unix_millis(DAY_MS + 899_500));
        assert_eq!(clock.next_aligned(at(100), 900), Some(at(600)));
        assert_eq!(clock.next_aligned(at(600), 900), Some(at(900_600)));
        assert_eq!(clock.next_aligned(at(100), 0), None);
    }

    #[test]
    fn an_interval_that_does_not_divide_the_day_starts_again_at_midnight() {
        let mut clock = Clock::default();
        // 23:59:00 UTC; 7-hour steps end at 21:00, the next one is midnight.
        clock.set(at(0), Timestamp::from_unix_millis(DAY_MS - 60_000));
        assert_eq!(clock.next_aligned(at(0), 7 * 3_600), Some(at(60_000)));
    }
}
