//! Opening hours: `Mo-Fr 07:00-12:00,13:00-19:00; Sa 09:00-13:00; PH off`, or `24/7`.
//!
//! Rules are separated by semicolons; each names days (`Mo`, `Mo-Fr`, `Mo,We,Fr`, `Sa-Mo`) and times of the day, or `off`.
//! A later rule replaces what an earlier one said about the same day. `PH` is a holiday: its rule replaces that of the day
//! of the week, and without one holidays are closed. An end before the beginning is one on the next day (`22:00-06:00`), and
//! belongs to the day on which it begins; `24:00` is an end, too. Times are those on the wall.

use crate::calendar::{Weekday, digits};

/// Most spans of one day. Larger: judging takes longer.
const MAX_SPANS: usize = 8;
/// Longest text.
const MAX_CHARS: usize = 1_000;
const DAY_MINUTES: i64 = 24 * 60;
/// The place of holidays among the days; 0 to 6 are those of the week.
const HOLIDAY: usize = 7;

/// From minute to minute, counted from the midnight of the day it begins on; the end may lie on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First minute.
    pub from: i64,
    /// First minute that is no longer in it.
    pub until: i64,
}

/// The hours of a week and of holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    days: [Vec<Span>; 8],
}

impl Hours {
    /// Reads the rules.
    ///
    /// # Errors
    /// A sentence that names the rule.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_CHARS {
            return Err(format!("longer than {MAX_CHARS} characters"));
        }
        let mut hours = Self {
            days: Default::default(),
        };
        if text.trim() == "24/7" {
            let whole_day = Span {
                from: 0,
                until: DAY_MINUTES,
            };
            for day in &mut hours.days {
                day.push(whole_day);
            }
            return Ok(hours);
        }
        let rules = text.split(';').map(str::trim);
        let mut any = false;
        for rule in rules.filter(|rule| !rule.is_empty()) {
            any = true;
            hours.apply(rule).ok_or_else(|| {
                format!(
                    "{} is no rule like `Mo-Fr 07:00-19:00`",
                    auth_cards::quoted(rule)
                )
            })?;
        }
        if any {
            Ok(hours)
        } else {
            Err("there is no rule in it".to_owned())
        }
    }

    /// What is open on a day that begins the spans.
    #[must_use]
    pub fn spans(&self, weekday: Weekday, is_holiday: bool) -> &[Span] {
        let place = if is_holiday {
            HOLIDAY
        } else {
            usize::from(weekday.index())
        };
        self.days.get(place).map_or(&[], Vec::as_slice)
    }

    fn apply(&mut self, rule: &str) -> Option<()> {
        let (days, times) = rule.split_once(char::is_whitespace)?;
        let spans = parse_times(times)?;
        for place in parse_days(days)? {
            self.days.get_mut(place)?.clone_from(&spans);
        }
        Some(())
    }
}

fn parse_days(text: &str) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    for item in text.split(',') {
        if item == "PH" {
            places.push(HOLIDAY);
            continue;
        }
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let first = usize::from(Weekday::parse(first)?.index());
        let last = usize::from(Weekday::parse(last)?.index());
        let count = last.saturating_add(7).saturating_sub(first).rem_euclid(7);
        places.extend((0..=count).map(|n| first.saturating_add(n).rem_euclid(7)));
    }
    Some(places)
}

fn parse_times(text: &str) -> Option<Vec<Span>> {
    if text.trim() == "off" {
        return Some(Vec::new());
    }
    let mut spans = Vec::new();
    for item in text.split(',').map(str::trim) {
        let (from, until) = item.split_once('-')?;
        let from = parse_time(from).filter(|from| *from < DAY_MINUTES)?;
        let until = parse_time(until)?;
        if from == until || spans.len() == MAX_SPANS {
            return None;
        }
        let over_midnight = until < from;
        let until = if over_midnight {
            until.saturating_add(DAY_MINUTES)
        } else {
            until
        };
        spans.push(Span { from, until });
    }
    Some(spans)
}

fn parse_time(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let of_day = hour.saturating_mul(60).saturating_add(minute);
    (minute < 60 && of_day <= DAY_MINUTES).then_some(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str, day: &str) -> Vec<(i64, i64)> {
        let hours = Hours::parse(text).unwrap();
        let (weekday, holiday) = match day {
            "PH" => (Weekday::parse("Mo").unwrap(), true),
            day => (Weekday::parse(day).unwrap(), false),
        };
        let spans = hours.spans(weekday, holiday);
        spans.iter().map(|span| (span.from, span.until)).collect()
    }

    #[test]
    fn rules_name_days_and_times() {
        let text = "Mo-Fr 07:00-12:00, 13:00-19:00; Sa,Su 09:00-24:00; We off; PH 10:00-11:30";
        assert_eq!(spans(text, "Mo"), [(420, 720), (780, 1_140)]);
        assert_eq!(spans(text, "We"), [], "the later rule counts");
        assert_eq!(spans(text, "Su"), [(540, 1_440)]);
        assert_eq!(spans(text, "PH"), [(600, 690)]);
        assert_eq!(
            spans("Mo-Su 00:00-24:00", "PH"),
            [],
            "holidays are closed without a rule"
        );
        assert_eq!(spans("24/7", "PH"), [(0, 1_440)]);
        assert_eq!(spans("Sa-Mo 22:00-06:00", "Su"), [(1_320, 1_800)]);
        assert_eq!(spans("Sa-Mo 22:00-06:00", "Tu"), []);
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for bad in [
            "",
            ";",
            "always",
            "Mo",
            "Mo 7:00-19:00",
            "Mo 07:00",
            "Mo 07:00-07:00",
            "Mo 24:00-25:00",
            "Mo 07:60-08:00",
            "Xx 07:00-19:00",
            "mo 07:00-19:00",
            "Mo-Fr-Su 07:00-08:00",
            "Mo 07:00-19:00,",
            "Mo 07:00-19:00 Tu 07:00-19:00",
            "Mo -1:00-02:00",
            "24/7; Mo off",
        ] {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
        assert!(
            Hours::parse("Mo 07:00-19:00; nonsense")
                .unwrap_err()
                .contains("`nonsense`")
        );
        assert!(Hours::parse(&"Mo off;".repeat(1_000)).is_err());
        let nine = format!("Mo {}", ["01:00-02:00"; 9].join(","));
        assert!(Hours::parse(&nine).is_err());
    }
}
