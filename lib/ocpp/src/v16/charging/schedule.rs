//! Profiles on the time line, and stacks of them.
//!
//! All times here are milliseconds from the moment of asking, so that nothing below depends on a clock.

use super::profiles::Installed;
use super::types::{Moment, Scope};
use crate::v16::{
    ChargingProfileKind, ChargingProfilePurpose, ChargingSchedulePeriod, RecurrencyKind,
};
use alloc::vec::Vec;
use core::cmp::Reverse;
use units::Timestamp;

const DAY_MS: i64 = 86_400_000;
/// Farther away than anything that is placed.
pub(super) const NEVER: i64 = i64::MAX;

/// A profile that has a value, and the period it takes it from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'a> {
    pub installed: &'a Installed,
    pub period: &'a ChargingSchedulePeriod,
}

/// A profile on the time line.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    installed: &'a Installed,
    /// Where its schedule begins (for a recurring one: began for the first time).
    origin: i64,
    /// After which time it begins again.
    every: Option<i64>,
    /// Holds from here on, until (exclusive) there.
    from: i64,
    to: i64,
    /// Length of the schedule, once begun.
    length: i64,
}

/// Whether a profile can be placed without the wall clock.
pub(super) fn needs_wall(installed: &Installed) -> bool {
    let profile = &installed.profile;
    profile.valid_from.is_some()
        || profile.valid_to.is_some()
        || match profile.charging_profile_kind {
            ChargingProfileKind::Recurring => true,
            ChargingProfileKind::Absolute => profile.charging_schedule.start_schedule.is_some(),
            ChargingProfileKind::Relative => false,
        }
}

impl<'a> Placed<'a> {
    /// Places a profile, `elapsed_ms` after the start of the transaction it applies to. `None` if that takes the wall
    /// clock and nobody knows it.
    pub fn new(installed: &'a Installed, now: Moment, elapsed_ms: i64) -> Option<Self> {
        if now.wall.is_none() && needs_wall(installed) {
            return None;
        }
        let wall_ms = now.wall.map_or(0, Timestamp::as_unix_millis);
        let offset = |time: Timestamp| time.as_unix_millis().saturating_sub(wall_ms);
        let profile = &installed.profile;
        let schedule = &profile.charging_schedule;
        // Where a schedule begins that says no start.
        let beginning = match profile.charging_profile_purpose {
            ChargingProfilePurpose::ChargePointMaxProfile => {
                installed.arrived.elapsed_ms(now).saturating_neg()
            }
            ChargingProfilePurpose::TxDefaultProfile | ChargingProfilePurpose::TxProfile => {
                elapsed_ms.saturating_neg()
            }
        };
        let start = schedule.start_schedule.map(offset);
        let valid_from = profile.valid_from.map(offset);
        let (origin, every) = match profile.charging_profile_kind {
            ChargingProfileKind::Relative => (beginning, None),
            ChargingProfileKind::Absolute => (start.unwrap_or(beginning), None),
            ChargingProfileKind::Recurring => {
                let every = match profile.recurrency_kind {
                    Some(RecurrencyKind::Weekly) => 7 * DAY_MS,
                    Some(RecurrencyKind::Daily) | None => DAY_MS,
                };
                (start.or(valid_from).unwrap_or(beginning), Some(every))
            }
        };
        let length = match schedule.duration {
            Some(seconds) if seconds > 0 => seconds.saturating_mul(1_000),
            Some(_) | None => NEVER,
        };
        Some(Self {
            installed,
            origin,
            every,
            from: valid_from.map_or(origin, |from| from.max(origin)),
            to: profile.valid_to.map_or(NEVER, offset),
            length: length.min(every.unwrap_or(NEVER)),
        })
    }

    /// Its value at a time, and until when (exclusive) nothing about that changes.
    fn at(&self, time: i64) -> (Option<Choice<'a>>, i64) {
        if time >= self.to {
            return (None, NEVER);
        }
        if time < self.from {
            return (None, self.from.min(self.to));
        }
        let since = time.saturating_sub(self.origin);
        let into = self.every.map_or(since, |every| since.rem_euclid(every));
        let begun = time.saturating_sub(into);
        if into >= self.length {
            let again = self
                .every
                .map_or(NEVER, |every| begun.saturating_add(every));
            return (None, again.min(self.to));
        }
        let installed = self.installed;
        let periods = &installed.profile.charging_schedule.charging_schedule_period;
        let starts = |period: &ChargingSchedulePeriod| period.start_period.saturating_mul(1_000);
        let next = periods.partition_point(|period| starts(period) <= into);
        let period = next.checked_sub(1).and_then(|index| periods.get(index));
        let end = periods
            .get(next)
            .map_or(self.length, |period| starts(period).min(self.length));
        let choice = period.map(|period| Choice { installed, period });
        (choice, begun.saturating_add(end).min(self.to))
    }

    fn order(&self) -> impl Ord + use<> {
        let profile = &self.installed.profile;
        (
            profile.charging_profile_purpose != ChargingProfilePurpose::TxProfile,
            Reverse(profile.stack_level),
            self.installed.scope == Scope::Station,
            profile.charging_profile_id,
        )
    }
}

/// Brings profiles into the order in which they are asked.
pub(super) fn sort(stack: &mut [Placed<'_>]) {
    stack.sort_by_key(Placed::order);
}

/// Walks along a stack; the times asked for must not go back.
pub(super) struct Walk<'p, 'a> {
    stack: &'p [Placed<'a>],
    /// Last value of each profile, and until when it is good.
    seen: Vec<(Option<Choice<'a>>, i64)>,
    /// Last answer, and until when it is good.
    answer: (Option<Choice<'a>>, i64),
}

impl<'p, 'a> Walk<'p, 'a> {
    pub fn new(stack: &'p [Placed<'a>]) -> Self {
        let mut seen = Vec::new();
        seen.resize(stack.len(), (None, i64::MIN));
        let answer = (None, i64::MIN);
        Self {
            stack,
            seen,
            answer,
        }
    }

    /// The first profile that has a value, and until when (exclusive) the answer is good.
    pub fn at(&mut self, time: i64) -> (Option<Choice<'a>>, i64) {
        if self.answer.1 <= time {
            self.answer = self.ask(time);
        }
        self.answer
    }

    fn ask(&mut self, time: i64) -> (Option<Choice<'a>>, i64) {
        let mut good_until = NEVER;
        for (placed, seen) in self.stack.iter().zip(&mut self.seen) {
            if seen.1 <= time {
                *seen = placed.at(time);
            }
            good_until = good_until.min(seen.1);
            if seen.0.is_some() {
                return (seen.0, good_until);
            }
        }
        (None, good_until)
    }
}
