//! How many messages a plugin may send: token buckets on the time that comes with every call.

use units::{Instant, Millis};

use crate::limits::{Limits, OVER_QUOTA_PATIENCE_MS};

/// Thousandths of a token: with them, a millisecond's worth is a whole number.
const TOKEN: u64 = 1_000;

/// A token bucket; full at first. Pure: the time comes with every call, and never runs backwards.
#[derive(Debug, Clone)]
pub struct Bucket {
    per_s: u64,
    /// In thousandths, as `level` is.
    capacity: u64,
    level: u64,
    at: Instant,
}

impl Bucket {
    /// `burst` tokens at once, then `per_s` a second; neither is less than one.
    #[must_use]
    pub fn new(per_s: u32, burst: u32) -> Self {
        let capacity = u64::from(burst.max(1)).saturating_mul(TOKEN);
        Self {
            per_s: u64::from(per_s.max(1)),
            capacity,
            level: capacity,
            at: Instant::ZERO,
        }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        match self.level.checked_sub(TOKEN) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }

    /// Gives one token back, if there is room.
    pub fn credit(&mut self, now: Instant) {
        self.refill(now);
        self.level = self.level.saturating_add(TOKEN).min(self.capacity);
    }

    /// When the next token can be taken; not before `now`.
    #[must_use]
    pub fn ready_at(&self, now: Instant) -> Instant {
        let now = now.max(self.at);
        let missing = TOKEN.saturating_sub(self.level_at(now));
        now.after(Millis::new(missing.div_ceil(self.per_s)))
    }

    fn level_at(&self, now: Instant) -> u64 {
        let gained = now.since(self.at).get().saturating_mul(self.per_s);
        self.level.saturating_add(gained).min(self.capacity)
    }

    fn refill(&mut self, now: Instant) {
        let now = now.max(self.at);
        self.level = self.level_at(now);
        self.at = now;
    }

    fn is_full(&self) -> bool {
        self.level >= self.capacity
    }
}

/// What the quota says to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// It may go.
    Within,
    /// It may not.
    Beyond,
    /// It may not, and the plugin has been at its quota for so long that it is no accident.
    Persistent,
}

/// A bucket that remembers since when it has not been full after it was empty.
#[derive(Debug, Clone)]
pub struct Meter {
    bucket: Bucket,
    short_since: Option<Instant>,
}

impl Meter {
    /// The message quota of these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            bucket: Bucket::new(limits.messages_per_s, limits.message_burst),
            short_since: None,
        }
    }

    /// Counts one message.
    pub fn count(&mut self, now: Instant) -> Quota {
        self.bucket.refill(now);
        if self.bucket.is_full() {
            self.short_since = None;
        }
        if self.bucket.take(now) {
            return Quota::Within;
        }
        let since = *self.short_since.get_or_insert(now);
        if now.since(since).get() >= OVER_QUOTA_PATIENCE_MS {
            Quota::Persistent
        } else {
            Quota::Beyond
        }
    }

    /// Makes room for one message more: somebody asked for it.
    pub fn credit(&mut self, now: Instant) {
        self.bucket.credit(now);
    }

    /// When the next message may go.
    #[must_use]
    pub fn ready_at(&self, now: Instant) -> Instant {
        self.bucket.ready_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn meter(per_s: u32, burst: u32) -> Meter {
        Meter::new(Limits {
            messages_per_s: per_s,
            message_burst: burst,
            ..Limits::DEFAULT
        })
    }

    #[test]
    fn burst_goes_at_once_and_then_the_rate() {
        let mut bucket = Bucket::new(50, 200);
        assert_eq!((0..1_000).filter(|_| bucket.take(at(0))).count(), 200);
        assert_eq!(bucket.ready_at(at(0)), at(20));
        assert_eq!((0..1_000).filter(|_| bucket.take(at(1_000))).count(), 50);
        assert_eq!((0..1_000).filter(|_| bucket.take(at(60_000))).count(), 200);
    }

    #[test]
    fn credit_never_overfills() {
        let mut bucket = Bucket::new(1, 2);
        for _ in 0..10 {
            bucket.credit(at(0));
        }
        assert_eq!((0..10).filter(|_| bucket.take(at(0))).count(), 2);
        bucket.credit(at(0));
        assert!(bucket.take(at(0)) && !bucket.take(at(0)));
    }

    #[test]
    fn flood_is_persistent_after_a_minute_and_a_burst_is_not() {
        let mut meter = meter(50, 200);
        let mut first = None;
        // 100 a second, twice what is allowed.
        for ms in (0..120_000).step_by(10) {
            let quota = meter.count(at(ms));
            if quota == Quota::Beyond {
                first.get_or_insert(ms);
            }
            let long = first.is_some_and(|first| ms - first >= OVER_QUOTA_PATIENCE_MS);
            let unexpected = if long {
                Quota::Beyond
            } else {
                Quota::Persistent
            };
            assert_ne!(quota, unexpected, "{ms}");
        }
        assert!(first.is_some_and(|ms| ms < 10_000));
        // Ten seconds of silence and all is forgotten.
        assert_eq!(meter.count(at(130_000)), Quota::Within);
        let burst: Vec<_> = (0..300).map(|_| meter.count(at(130_000))).collect();
        assert_eq!(burst.last(), Some(&Quota::Beyond));
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_burst_and_rate(
            per_s in 1_u32..2_000, burst in 1_u32..500,
            steps in prop::collection::vec(0_u64..400, 1..60),
        ) {
            let mut bucket = Bucket::new(per_s, burst);
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                while taken.len() < 100_000 && bucket.take(at(now)) {
                    taken.push(now);
                }
                prop_assert!(!bucket.take(at(now)));
            }
            for (first, begin) in taken.iter().enumerate().step_by(7) {
                for (last, end) in taken.iter().enumerate().skip(first).step_by(11) {
                    let allowed = u64::from(burst) * 1_000 + u64::from(per_s) * (end - begin);
                    prop_assert!((last - first + 1) as u64 * 1_000 <= allowed);
                }
            }
        }

        #[test]
        fn steady_sender_below_the_rate_is_never_held_up(per_s in 1_u32..1_000, burst in 1_u32..100, n in 1_u64..500) {
            let pause = 1_000_u64.div_ceil(u64::from(per_s));
            let mut meter = meter(per_s, burst);
            for k in 0..n {
                prop_assert_eq!(meter.count(at(k * pause)), Quota::Within);
            }
        }

        #[test]
        fn next_token_is_there_when_it_was_promised_and_not_before(
            per_s in 1_u32..2_000, burst in 1_u32..50, start in 0_u64..100_000,
        ) {
            let mut bucket = Bucket::new(per_s, burst);
            while bucket.take(at(start)) {}
            let ready = bucket.ready_at(at(start));
            prop_assert!(ready > at(start));
            let before = at(ready.as_millis() - 1);
            prop_assert!(!bucket.clone().take(before));
            prop_assert!(bucket.take(ready));
        }

        #[test]
        fn clock_that_goes_back_gives_nothing(per_s in 1_u32..1_000, times in prop::collection::vec(0_u64..5_000, 1..200)) {
            let mut bucket = Bucket::new(per_s, 10);
            let latest = times.iter().max().copied().unwrap_or(0);
            let taken = times.iter().filter(|ms| bucket.take(at(**ms))).count() as u64;
            prop_assert!(taken * 1_000 <= 10_000 + u64::from(per_s) * latest);
        }
    }
}
