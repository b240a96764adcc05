//! Hours, holidays and time zone together: is it open at this moment, and when will it be?

use crate::calendar::{DAY_S, Date, Local, Weekday};
use crate::holidays::Holidays;
use crate::hours::Hours;
use crate::zone::Zone;

/// How far ahead an opening is looked for.
const DAYS_AHEAD: i64 = 366;

/// Everything that decides whether it is open.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'a> {
    /// Opening hours.
    pub hours: &'a Hours,
    /// Holidays.
    pub holidays: &'a Holidays,
    /// Time zone.
    pub zone: &'a Zone,
}

impl Schedule<'_> {
    /// It is open at this moment, seconds since 1970 UTC.
    #[must_use]
    pub fn is_open(&self, at: i64) -> bool {
        let wall = Local::of(at.saturating_add(self.zone.offset_at(at)));
        let (day, minute) = (wall.day(), wall.minute_of_day());
        // What began yesterday may not have ended.
        let since_yesterday = minute.saturating_add(DAY_S.div_euclid(60));
        let yesterday = day.saturating_sub(1);
        let began = |day: i64, minute: i64| {
            self.spans(day)
                .iter()
                .any(|span| (span.from..span.until).contains(&minute))
        };
        began(day, minute) || began(yesterday, since_yesterday)
    }

    /// The first moment after `at` at which it opens; `None` if that is more than a year away. It is closed at `at`.
    ///
    /// The door opens only where a span begins on the wall, or where the clock on the wall jumps into one.
    #[must_use]
    pub fn next_opening(&self, at: i64) -> Option<i64> {
        let today = Local::of(at.saturating_add(self.zone.offset_at(at))).day();
        for ahead in 0..=DAYS_AHEAD {
            let day = today.saturating_add(ahead);
            let midnight = day.saturating_mul(DAY_S);
            let year = Date::of_day(day).year;
            let starts = self.spans(day).iter().flat_map(|span| {
                let wall = midnight.saturating_add(span.from.saturating_mul(60));
                self.zone
                    .offsets()
                    .map(move |offset| wall.saturating_sub(offset))
            });
            let is_of_this_day = |moment: &i64| {
                Local::of(moment.saturating_add(self.zone.offset_at(*moment))).day() == day
            };
            let found = starts
                .chain(self.zone.jumps(year))
                .filter(|moment| *moment > at && is_of_this_day(moment) && self.is_open(*moment))
                .min();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn spans(&self, day: i64) -> &[crate::hours::Span] {
        let is_holiday = self.holidays.contains(Date::of_day(day));
        self.hours.spans(Weekday::of_day(day), is_holiday)
    }
}
