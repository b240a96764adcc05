//! Dates and days of the week, without a time zone: days are counted from 1970-01-01, a Thursday.

/// Seconds of a day.
pub const DAY_S: i64 = 86_400;

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: i64,
    /// Month, from 1.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weekday(u8);

/// What a clock on a wall shows: seconds since 1970-01-01 00:00 as if there were no time zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local(i64);

/// Names of the days, Monday first.
const NAMES: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

impl Weekday {
    /// Days of the week, Monday first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..7).map(Self)
    }

    /// `Mo` to `Su`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|day| day.name() == text)
    }

    /// `Mo` to `Su`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// From 0 for Monday to 6 for Sunday.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// Of a day counted from 1970-01-01.
    #[must_use]
    pub fn of_day(day: i64) -> Self {
        // 1970-01-01 was a Thursday, three days after Monday.
        let index = day.saturating_add(3).rem_euclid(7);
        Self(u8::try_from(index).unwrap_or(0))
    }
}

impl Date {
    /// The date of a day counted from 1970-01-01.
    ///
    /// Counts in eras of 400 years that begin on 1 March, so that the leap day is a year's last.
    #[must_use]
    pub const fn of_day(day: i64) -> Self {
        let shifted = day.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + 400 * era + if month <= 2 { 1 } else { 0 };
        Self { year, month, day }
    }

    /// This date as a day counted from 1970-01-01.
    #[must_use]
    pub const fn to_day(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + of_year;
        146_097 * era + of_era - 719_468
    }

    /// A date that exists, written `2026-12-25`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let date = Self {
            year: digits(year, 4)?,
            month: digits(month, 2)?,
            day: digits(day, 2)?,
        };
        (Self::of_day(date.to_day()) == date).then_some(date)
    }
}

impl Local {
    /// From seconds since 1970-01-01 00:00 on that wall.
    #[must_use]
    pub const fn of(seconds: i64) -> Self {
        Self(seconds)
    }

    /// The day, counted from 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_S)
    }

    /// The date.
    #[must_use]
    pub const fn date(self) -> Date {
        Date::of_day(self.day())
    }

    /// The day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        Weekday::of_day(self.day())
    }

    /// Full minutes since midnight.
    #[must_use]
    pub const fn minute_of_day(self) -> i64 {
        self.0.rem_euclid(DAY_S).div_euclid(60)
    }
}

/// A number of exactly this many digits.
#[must_use]
pub fn digits(text: &str, count: usize) -> Option<i64> {
    let right = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    right.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_has_one_date_and_follows_the_day_before() {
        let mut before = Date::of_day(-1);
        assert_eq!(
            before,
            Date {
                year: 1969,
                month: 12,
                day: 31
            }
        );
        for day in 0..146_097 {
            let date = Date::of_day(day);
            assert_eq!(date.to_day(), day);
            let leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
            let last = match before.month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            if before.day < last {
                assert_eq!((date.month, date.day), (before.month, before.day + 1));
            } else {
                assert_eq!((date.month, date.day), (before.month % 12 + 1, 1));
            }
            before = date;
        }
    }

    #[test]
    fn days_of_the_week_are_those_of_the_calendar() {
        for (date, name) in [
            ("1970-01-01", "Th"),
            ("2000-02-29", "Tu"),
            ("2026-11-21", "Sa"),
            ("2038-12-31", "Fr"),
        ] {
            let day = Date::parse(date).unwrap().to_day();
            assert_eq!(Weekday::of_day(day).name(), name, "{date}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_none() {
        for bad in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "26-01-01",
            "2026-04-31",
            "+026-01-01",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
        assert!(Date::parse("2028-02-29").is_some());
    }
}
