//! What the clock on the wall shows: a POSIX TZ text such as `CET-1CEST,M3.5.0,M10.5.0/3` or `UTC0`.
//!
//! A table of all zones would be larger than this plugin and old within a year; the rule of one place fits into a setting.
//! Read are: a name, its offset (west is positive, as POSIX has it), and for summer time a second name, perhaps its offset,
//! and two rules `Mmonth.week.day/time` (week 5 is the last one of the month, day 0 is Sunday, time is 02:00 if left out).
//! The other two ways to write a rule are refused, and so is summer time without rules, which would mean a guess.

use crate::calendar::{DAY_S, Date, Local, digits};

const HOUR_S: i64 = 3_600;
/// Longest text.
const MAX_CHARS: usize = 100;

/// When summer time begins or ends, on the wall before the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    month: i64,
    /// 1 to 5; 5 is the last.
    week: i64,
    /// 0 is Sunday.
    weekday: i64,
    /// Seconds after midnight.
    time_s: i64,
}

/// Summer time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
    offset_s: i64,
    begin: Change,
    end: Change,
}

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// East of Greenwich, seconds.
    offset_s: i64,
    summer: Option<Summer>,
}

impl Zone {
    /// Reads a POSIX TZ text.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_CHARS {
            return Err(format!("longer than {MAX_CHARS} characters"));
        }
        parse_zone(text).ok_or_else(|| {
            format!(
                "{} is no POSIX TZ text like `UTC0` or `CET-1CEST,M3.5.0,M10.5.0/3`",
                auth_cards::quoted(text)
            )
        })
    }

    /// What the wall shows more than Greenwich at this moment, seconds.
    #[must_use]
    pub fn offset_at(&self, at: i64) -> i64 {
        let Some(summer) = self.summer else {
            return self.offset_s;
        };
        let year = Local::of(at.saturating_add(self.offset_s)).date().year;
        let (begin, end) = self.changes(&summer, year);
        let is_summer = if begin < end {
            (begin..end).contains(&at)
        } else {
            // South of the equator the year begins in summer.
            !(end..begin).contains(&at)
        };
        if is_summer {
            summer.offset_s
        } else {
            self.offset_s
        }
    }

    /// The moments of this year at which the wall's clock jumps.
    pub fn jumps(&self, year: i64) -> impl Iterator<Item = i64> {
        let changes = self.summer.map(|summer| self.changes(&summer, year));
        changes.into_iter().flat_map(|(begin, end)| [begin, end])
    }

    /// All offsets that this zone knows.
    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        let summer = self.summer.map(|summer| summer.offset_s);
        std::iter::once(self.offset_s).chain(summer)
    }

    fn changes(&self, summer: &Summer, year: i64) -> (i64, i64) {
        let begin = summer.begin.on_wall(year).saturating_sub(self.offset_s);
        let end = summer.end.on_wall(year).saturating_sub(summer.offset_s);
        (begin, end)
    }
}

impl Change {
    /// Seconds since 1970 on the wall that shows the time before the change.
    fn on_wall(&self, year: i64) -> i64 {
        let first = Date {
            year,
            month: self.month,
            day: 1,
        };
        let next = if self.month == 12 {
            Date {
                year: year.saturating_add(1),
                month: 1,
                day: 1,
            }
        } else {
            Date {
                month: self.month.saturating_add(1),
                ..first
            }
        };
        // 1970-01-01 was a Thursday, four days after Sunday.
        let weekday = first.to_day().saturating_add(4).rem_euclid(7);
        let ahead = self.weekday.saturating_sub(weekday).rem_euclid(7);
        let weeks = self.week.saturating_sub(1).saturating_mul(7);
        let mut day = first.to_day().saturating_add(ahead).saturating_add(weeks);
        while day >= next.to_day() {
            day = day.saturating_sub(7);
        }
        day.saturating_mul(DAY_S).saturating_add(self.time_s)
    }
}

fn parse_zone(text: &str) -> Option<Zone> {
    let (offset_s, rest) = parse_offset(parse_name(text)?)?;
    let zone = Zone {
        offset_s: offset_s.checked_neg()?,
        summer: None,
    };
    if rest.is_empty() {
        return Some(zone);
    }
    let rest = parse_name(rest)?;
    let (summer_s, rest) = match parse_offset(rest) {
        Some((offset, rest)) => (offset.checked_neg()?, rest),
        None => (zone.offset_s.saturating_add(HOUR_S), rest),
    };
    let (begin, end) = rest.strip_prefix(',')?.split_once(',')?;
    let summer = Summer {
        offset_s: summer_s,
        begin: parse_change(begin)?,
        end: parse_change(end)?,
    };
    Some(Zone {
        summer: Some(summer),
        ..zone
    })
}

/// Takes a name of three letters or more, or one in angle brackets; returns what is behind it.
fn parse_name(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, rest) = rest.split_once('>')?;
        let fits = name.len() >= 3
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-'));
        return fits.then_some(rest);
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (text.len().saturating_sub(rest.len()) >= 3).then_some(rest)
}

/// Takes `[+-]h[h][:mm[:ss]]`; returns seconds and what is behind it.
fn parse_offset(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ':')));
    let (number, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => (-1_i64, number),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let seconds = parse_clock(number).filter(|s| *s <= DAY_S)?;
    Some((sign.saturating_mul(seconds), rest))
}

/// `h[h][:mm[:ss]]` in seconds, at most 24 hours and 59:59.
fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = parts.next()?;
    let hours = digits(hour, 1)
        .or_else(|| digits(hour, 2))
        .filter(|h| *h <= 24)?;
    let mut sixtieth = || -> Option<i64> {
        match parts.next() {
            None => Some(0),
            Some(part) => digits(part, 2).filter(|n| *n < 60),
        }
    };
    let (minutes, seconds) = (sixtieth()?, sixtieth()?);
    let total = hours
        .saturating_mul(HOUR_S)
        .saturating_add(minutes.saturating_mul(60));
    parts
        .next()
        .is_none()
        .then(|| total.saturating_add(seconds))
}

/// `Mm.w.d[/time]`.
fn parse_change(text: &str) -> Option<Change> {
    let (day, time) = text.split_once('/').unwrap_or((text, "2"));
    let mut parts = day.strip_prefix('M')?.split('.');
    let month = parts.next()?;
    let change = Change {
        month: digits(month, 1)
            .or_else(|| digits(month, 2))
            .filter(|m| (1..=12).contains(m))?,
        week: digits(parts.next()?, 1).filter(|w| (1..=5).contains(w))?,
        weekday: digits(parts.next()?, 1).filter(|d| *d <= 6)?,
        time_s: parse_clock(time)?,
    };
    parts.next().is_none().then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(date: &str, hour: i64, minute: i64) -> i64 {
        Date::parse(date).unwrap().to_day() * DAY_S + hour * HOUR_S + minute * 60
    }

    fn offset(zone: &str, at: i64) -> i64 {
        Zone::parse(zone).unwrap().offset_at(at)
    }

    #[test]
    fn central_europe_changes_at_one_oclock_utc_on_the_last_sundays_of_march_and_october() {
        const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
        for (year, march, october) in [
            (2024, "2024-03-31", "2024-10-27"),
            (2026, "2026-03-29", "2026-10-25"),
            (2027, "2027-03-28", "2027-10-31"),
        ] {
            assert_eq!(offset(ZONE, utc(march, 1, 0) - 1), HOUR_S, "{year}");
            assert_eq!(offset(ZONE, utc(march, 1, 0)), 2 * HOUR_S, "{year}");
            assert_eq!(offset(ZONE, utc(october, 1, 0) - 1), 2 * HOUR_S, "{year}");
            assert_eq!(offset(ZONE, utc(october, 1, 0)), HOUR_S, "{year}");
        }
    }

    #[test]
    fn other_places_have_other_rules() {
        const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
        assert_eq!(offset(NEW_YORK, utc("2026-03-08", 7, 0) - 1), -5 * HOUR_S);
        assert_eq!(offset(NEW_YORK, utc("2026-03-08", 7, 0)), -4 * HOUR_S);
        assert_eq!(offset(NEW_YORK, utc("2026-11-01", 6, 0)), -5 * HOUR_S);
        const SYDNEY: &str = "AEST-10AEDT,M10.1.0,M4.1.0/3";
        assert_eq!(offset(SYDNEY, utc("2026-01-01", 0, 0)), 11 * HOUR_S);
        assert_eq!(offset(SYDNEY, utc("2026-07-01", 0, 0)), 10 * HOUR_S);
        assert_eq!(offset(SYDNEY, utc("2026-12-31", 23, 0)), 11 * HOUR_S);
        assert_eq!(offset("UTC0", 0), 0);
        assert_eq!(offset("<+0545>-5:45", 0), 5 * HOUR_S + 45 * 60);
        assert_eq!(
            offset(
                "<-03>+3<-02>+2,M3.5.0/24,M10.5.0/24:00:00",
                utc("2026-07-01", 0, 0)
            ),
            -2 * HOUR_S
        );
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for bad in [
            "",
            "UTC",
            "CE-1",
            "Europe/Berlin",
            "CET-1CEST",
            "CET-1CEST,J60,J300",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.5.7,M10.5.0",
            "CET-1CEST,M3.5.0/x,M10.5.0",
            "CET-25",
            "CET-1:60",
            "CET-1:00:00:00",
            "CET--1",
            "<é+>-1",
            "CET-1CEST,M3.5.0.1,M10.5.0",
            "CET-1 CEST",
        ] {
            assert!(Zone::parse(bad).is_err(), "{bad}");
        }
        assert!(Zone::parse(&"A".repeat(1_000)).is_err());
    }
}
