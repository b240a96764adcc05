//! Text, number and time types that OCPP 1.6 messages are made of.
//!
//! Not here: enumerations and composite types (see [`super::messages`]).

use crate::limits::DECIMAL_TENTHS_MAX;
use crate::wire::{Deviation, Fault, FaultKind, Reader, Wire, bounded_text, parse_tenths};
use alloc::format;
use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use serde_json::{Number, Value};
use units::Timestamp;

/// Text of at most `N` characters that compares without regard to ASCII case.
///
/// # Invariants
/// Never more than `N` characters (not bytes).
#[derive(Clone, Default)]
pub struct CiString<const N: usize>(String);

/// The identifier of a card or user.
pub type IdToken = CiString<20>;

/// A text had more characters than its field carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// Characters the field carries.
    pub limit: usize,
    /// Characters the text has.
    pub found: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "has {} characters, {} are allowed",
            self.found, self.limit
        )
    }
}

impl core::error::Error for TooLong {}

impl<const N: usize> CiString<N> {
    /// Wraps a text.
    ///
    /// Errors: [`TooLong`] if it has more than `N` characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TooLong> {
        let text = text.into();
        // Bytes bound characters from above, so that most texts are not counted.
        if text.len() > N {
            let found = text.chars().count();
            if found > N {
                return Err(TooLong { limit: N, found });
            }
        }
        Ok(Self(text))
    }

    /// Wraps a text, cut after `N` characters. For texts of our own making that may be shortened.
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        Self(text.chars().take(N).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl<const N: usize> PartialEq for CiString<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl<const N: usize> Eq for CiString<N> {}

impl<const N: usize> PartialEq<str> for CiString<N> {
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl<const N: usize> PartialEq<&str> for CiString<N> {
    fn eq(&self, other: &&str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl<const N: usize> Ord for CiString<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl<const N: usize> PartialOrd for CiString<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Hash for CiString<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.folded() {
            state.write_u8(byte);
        }
        state.write_u8(0xff);
    }
}

impl<const N: usize> fmt::Debug for CiString<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const N: usize> fmt::Display for CiString<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const N: usize> AsRef<str> for CiString<N> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> TryFrom<&str> for CiString<N> {
    type Error = TooLong;

    fn try_from(text: &str) -> Result<Self, TooLong> {
        Self::new(text)
    }
}

impl<const N: usize> TryFrom<String> for CiString<N> {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Self, TooLong> {
        Self::new(text)
    }
}

impl<const N: usize> From<CiString<N>> for String {
    fn from(text: CiString<N>) -> Self {
        text.0
    }
}

impl<const N: usize> Wire for CiString<N> {
    fn read(value: &Value, _: &mut Reader) -> Result<Self, Fault> {
        bounded_text(value, N).map(Self)
    }

    fn write(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A decimal number with one place, as charging limits are: exact, never floating point.
///
/// # Invariants
/// At most [`DECIMAL_TENTHS_MAX`] in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// A number of tenths; `None` beyond [`DECIMAL_TENTHS_MAX`].
    #[must_use]
    pub const fn from_tenths(tenths: i64) -> Option<Self> {
        if tenths > DECIMAL_TENTHS_MAX || tenths < -DECIMAL_TENTHS_MAX {
            return None;
        }
        Some(Self(tenths))
    }

    /// A whole number.
    #[must_use]
    pub const fn from_whole(whole: i32) -> Self {
        // 2^31 · 10 is far inside the bound; `as` because `From` is not const.
        Self((whole as i64) * 10)
    }

    /// The value in tenths.
    #[must_use]
    pub const fn tenths(self) -> i64 {
        self.0
    }

    /// The value in thousandths, for instance milliamperes for a limit in amperes.
    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.0 * 100
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}", magnitude / 10)?;
        match magnitude % 10 {
            0 => Ok(()),
            tenth => write!(f, ".{tenth}"),
        }
    }
}

impl Wire for Decimal {
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        match value {
            Value::Number(number) => parse_tenths(&number.to_string()).map(Self),
            Value::String(text) => {
                let tenths = parse_tenths(text.trim())?;
                reader.note(Deviation::Coerced);
                Ok(Self(tenths))
            }
            other => Err(Fault::wrong_type("a number", other)),
        }
    }

    fn write(&self) -> Value {
        let text = self.to_string();
        // Our own spelling always parses; zero is the only honest stand-in the type system asks for.
        text.parse::<Number>()
            .map_or_else(|_| Value::from(0), Value::Number)
    }
}

impl Wire for Timestamp {
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        let Value::String(text) = value else {
            return Err(Fault::wrong_type("a timestamp", value));
        };
        let (time, zone) = parse_timestamp(text).ok_or_else(|| {
            Fault::new(
                FaultKind::WrongType,
                "should be a timestamp such as 2024-01-31T12:00:00Z",
            )
        })?;
        if zone == Zone::Missing {
            reader.note(Deviation::NaiveTimestamp);
        }
        Ok(time)
    }

    fn write(&self) -> Value {
        Value::String(format_timestamp(*self))
    }
}

/// Whether a timestamp said where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// `Z` or an offset was given.
    Given,
    /// No offset; taken as UTC.
    Missing,
}

const DAY_MS: i64 = 86_400_000;

/// Reads an RFC 3339 timestamp, or one without offset as UTC. Beyond milliseconds the fraction is cut.
///
/// `None` if it is neither. A leap second counts as the first instant of the next minute.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<(Timestamp, Zone)> {
    let bytes = text.as_bytes();
    let year = number(bytes, 0, 4)?;
    let month = number(bytes, 5, 2)?;
    let day = number(bytes, 8, 2)?;
    let hour = number(bytes, 11, 2)?;
    let minute = number(bytes, 14, 2)?;
    let second = number(bytes, 17, 2)?;
    let mark = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
    let marks =
        mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":");
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    if !marks || !in_range {
        return None;
    }
    let (millis, rest) = fraction(bytes.get(19..)?)?;
    let (offset_minutes, zone) = offset(rest)?;
    let days = days_from_civil(year, month, day);
    let in_day = ((hour * 60 + minute - offset_minutes) * 60 + second) * 1_000 + millis;
    Some((Timestamp::from_unix_millis(days * DAY_MS + in_day), zone))
}

/// Writes a timestamp as RFC 3339 in UTC with milliseconds; held inside the years 0000 to 9999.
#[must_use]
pub fn format_timestamp(time: Timestamp) -> String {
    const FIRST: i64 = -719_528 * DAY_MS;
    const LAST: i64 = 2_932_897 * DAY_MS - 1;
    let ms = time.as_unix_millis().clamp(FIRST, LAST);
    let (days, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil_from_days(days);
    let seconds = in_day / 1_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        in_day % 1_000
    )
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<i64> {
    let digits = bytes.get(at..at.checked_add(len)?)?;
    digits.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

/// Milliseconds of a fraction, if there is one, and what follows it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', digits)) = bytes.split_first() else {
        return Some((0, bytes));
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        return None;
    }
    let millis = (0..3).fold(0, |sum, place| {
        let digit = if place < count {
            digits.get(place).map_or(0, |byte| byte - b'0')
        } else {
            0
        };
        sum * 10 + i64::from(digit)
    });
    Some((millis, digits.get(count..)?))
}

/// Offset from UTC in minutes: `Z`, `+01:00`, `+0100`, `+01`, or nothing.
fn offset(bytes: &[u8]) -> Option<(i64, Zone)> {
    let sign = match bytes {
        [] => return Some((0, Zone::Missing)),
        b"Z" | b"z" => return Some((0, Zone::Given)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let hours = number(bytes, 1, 2)?;
    let minutes = match bytes.len() {
        3 => 0,
        5 => number(bytes, 3, 2)?,
        6 if bytes.get(3) == Some(&b':') => number(bytes, 4, 2)?,
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some((sign * (hours * 60 + minutes), Zone::Given))
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Counts years from March, so that the leap day is a year's last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    // 719_468 days lie between 0000-03-01 and 1970-01-01.
    y * 365 + leap_days + (m * 153 + 2) / 5 + day - 1 - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let in_era = days.rem_euclid(146_097);
    let year_in_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (year_in_era * 365 + year_in_era / 4 - year_in_era / 100);
    let month = (in_year * 5 + 2) / 153;
    let day = in_year - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year_in_era;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

/// A word of an enumeration, or another one where the standard has an answer for unknown words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open<T> {
    /// A word of the standard.
    Known(T),
    /// Any other word.
    Other(CiString<50>),
}

impl<T: Wire> Wire for Open<T> {
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        match T::read(value, reader) {
            Ok(known) => Ok(Self::Known(known)),
            Err(fault) if fault.kind == FaultKind::NotListed => {
                reader.note(Deviation::UnlistedWord);
                CiString::read(value, reader).map(Self::Other)
            }
            Err(fault) => Err(fault),
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::Known(known) => known.write(),
            Self::Other(word) => word.write(),
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}
