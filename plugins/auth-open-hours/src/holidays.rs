//! Days that count as holidays: `2026-04-06, 12-25, 12-26`. Without a year a day is one every year.

use crate::calendar::Date;

/// Most holidays. Larger: judging takes longer; ten years with twenty each fit.
const MAX_HOLIDAYS: usize = 400;
/// A leap year, so that 29 February may be a yearly holiday.
const SOME_LEAP_YEAR: &str = "2028-";

/// The holidays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays {
    dates: Vec<Date>,
    /// Month and day.
    yearly: Vec<(i64, i64)>,
}

impl Holidays {
    /// Reads dates separated by commas, semicolons or blanks.
    ///
    /// # Errors
    /// A sentence that names the date.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut holidays = Self::default();
        let separator = |c: char| matches!(c, ',' | ';') || c.is_whitespace();
        for item in text.split(separator).filter(|item| !item.is_empty()) {
            let is_yearly = item.len() == "12-25".len();
            let date = if is_yearly {
                Date::parse(&format!("{SOME_LEAP_YEAR}{item}"))
            } else {
                Date::parse(item)
            };
            let date = date.ok_or_else(|| format!("{} is no date", auth_cards::quoted(item)))?;
            if is_yearly {
                holidays.yearly.push((date.month, date.day));
            } else {
                holidays.dates.push(date);
            }
            if holidays.dates.len().saturating_add(holidays.yearly.len()) > MAX_HOLIDAYS {
                return Err(format!("more than {MAX_HOLIDAYS} holidays"));
            }
        }
        Ok(holidays)
    }

    /// The day is one of them.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        self.dates.contains(&date) || self.yearly.contains(&(date.month, date.day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_are_dates_or_days_of_every_year() {
        let holidays = Holidays::parse("2026-04-06, 12-25;02-29").unwrap();
        let is = |text: &str| holidays.contains(Date::parse(text).unwrap());
        assert!(is("2026-04-06") && is("2026-12-25") && is("2031-12-25") && is("2028-02-29"));
        assert!(!is("2027-04-06") && !is("2026-12-26"));
        assert_eq!(Holidays::parse(" "), Ok(Holidays::default()));
    }

    #[test]
    fn what_is_no_date_is_named() {
        for bad in [
            "12-32",
            "02-30",
            "2026-2-3",
            "Christmas",
            "2026-02-29",
            "12/25",
        ] {
            assert!(Holidays::parse(bad).unwrap_err().contains(bad), "{bad}");
        }
        assert!(Holidays::parse(&"12-25,".repeat(401)).is_err());
    }
}
