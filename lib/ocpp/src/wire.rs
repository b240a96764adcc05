//! How a Rust type becomes a JSON value and back, with errors that name the field.
//!
//! Duty: the [`Wire`] trait, the [`Reader`] that knows where in the message it stands, and the macros that define
//! messages and enumerations once. `serde`'s derive is not used for decoding because its errors are texts: the
//! standard wants to know whether a field was missing, of the wrong type, or out of bounds.
//!
//! Not here: any message (see [`crate::v16::messages`]) and the mapping to error codes (see
//! [`crate::v16::decode`]).

#[macro_use]
mod macros;

use crate::limits::{FOREIGN_NAME_CHARS_MAX, NOTES_TEXTS_MAX};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde_json::{Map, Value};

/// A field of a message, as documentation and tests see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its JSON name.
    pub name: &'static str,
    /// False if it may be left out.
    pub required: bool,
}

/// A type with a JSON form.
pub trait Wire: Sized {
    /// True if a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// Reads a value that is present.
    ///
    /// Errors: the fault; the reader then still stands at the faulty field.
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault>;

    /// The JSON form.
    fn write(&self) -> Value;

    /// What to make of a field that is not there: an error, except for optional fields.
    fn absent() -> Result<Self, Fault> {
        Err(Fault::new(FaultKind::Missing, "is missing"))
    }

    /// True if the field is left out when written.
    fn is_absent(&self) -> bool {
        false
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The value does not have the form of a message at all.
    Malformed,
    /// A required field is missing.
    Missing,
    /// A list has fewer entries than the standard asks for.
    TooFew,
    /// The field has another JSON type, or its text is not of the field's type.
    WrongType,
    /// A text has more characters than the standard allows.
    TooLong,
    /// A text is none of the words the standard lists.
    NotListed,
    /// A number is outside what the standard, or this library, can carry.
    OutOfRange,
}

/// A fault without its place; the [`Reader`] knows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// What is wrong, to be read after the field's name.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// Puts a fault together.
    pub fn new(kind: FaultKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The fault of finding a different JSON type.
    #[must_use]
    pub fn wrong_type(wanted: &'static str, found: &Value) -> Self {
        Self::new(
            FaultKind::WrongType,
            format!("should be {wanted}, is {}", type_name(found)),
        )
    }
}

/// A fault with its place in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Dotted path of the field, such as `chargingProfile.stackLevel`; empty for the message itself.
    pub path: String,
    /// What is wrong there.
    pub fault: Fault,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "payload: {}", self.fault.detail)
        } else {
            write!(f, "{}: {}", self.path, self.fault.detail)
        }
    }
}

impl core::error::Error for DecodeError {}

/// Deviations from the standard that were accepted because they do no harm. Worth a log line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Fields the standard does not know.
    pub unknown_fields: u32,
    /// Timestamps without an offset, taken as UTC.
    pub naive_timestamps: u32,
    /// Numbers given as text, numbers with a needless fraction, or text given as a number.
    pub coerced: u32,
    /// Optional fields given as `null`.
    pub nulls: u32,
    /// Words outside an enumeration where the standard has an answer for them.
    pub unlisted_words: u32,
    /// The first deviations in words, at most [`NOTES_TEXTS_MAX`].
    pub texts: Vec<String>,
}

impl Notes {
    /// True if the message kept to the standard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Number of deviations.
    #[must_use]
    pub fn total(&self) -> u32 {
        [
            self.naive_timestamps,
            self.coerced,
            self.nulls,
            self.unlisted_words,
        ]
        .iter()
        .fold(self.unknown_fields, |sum, n| sum.saturating_add(*n))
    }
}

/// For the log: how many deviations, and the first of them.
impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} deviations", self.total())?;
        match self.texts.first() {
            Some(first) => write!(f, ", first: {first}"),
            None => Ok(()),
        }
    }
}

/// Kinds of accepted deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// A timestamp without an offset.
    NaiveTimestamp,
    /// A number as text, or the other way round.
    Coerced,
    /// `null` instead of leaving the field out.
    Null,
    /// A word outside an open enumeration.
    UnlistedWord,
}

#[derive(Debug, Clone, Copy)]
enum Segment {
    Field(&'static str),
    Index(usize),
}

/// Walks through a message, knowing where it stands and what was tolerated so far.
#[derive(Debug, Default)]
pub struct Reader {
    path: Vec<Segment>,
    notes: Notes,
}

impl Reader {
    /// A reader at the top of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a whole message.
    ///
    /// Errors: the first fault, with its path.
    pub fn read<T: Wire>(mut self, value: &Value) -> Result<(T, Notes), DecodeError> {
        match T::read(value, &mut self) {
            Ok(message) => Ok((message, self.notes)),
            Err(fault) => Err(DecodeError {
                path: self.path(),
                fault,
            }),
        }
    }

    /// Reads one field of an object with a reading function.
    pub fn field<T: Wire>(
        &mut self,
        object: &Map<String, Value>,
        name: &'static str,
        read: impl FnOnce(&Value, &mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let value = match self.enter(object, name) {
            Some(value) => read(value, self)?,
            None => T::absent()?,
        };
        self.leave();
        Ok(value)
    }

    // The steps below are the same for every field; kept out of line, because a guest pays for each copy.
    #[inline(never)]
    fn enter<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        name: &'static str,
    ) -> Option<&'v Value> {
        self.path.push(Segment::Field(name));
        object.get(name)
    }

    #[inline(never)]
    fn leave(&mut self) {
        self.path.pop();
    }

    /// Applies a further check to a field that was read.
    pub fn check(&mut self, name: &'static str, outcome: Result<(), Fault>) -> Result<(), Fault> {
        if outcome.is_err() {
            self.path.push(Segment::Field(name));
        }
        outcome
    }

    /// Applies a further check to a field of a list's entry that was read.
    pub fn check_in_entry(
        &mut self,
        index: usize,
        name: &'static str,
        outcome: Result<(), Fault>,
    ) -> Result<(), Fault> {
        if outcome.is_err() {
            self.path.push(Segment::Index(index));
        }
        self.check(name, outcome)
    }

    /// Reads the entries of a list.
    pub fn list<T: Wire>(&mut self, value: &Value) -> Result<Vec<T>, Fault> {
        let Value::Array(items) = value else {
            return Err(Fault::wrong_type("a list", value));
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.push(Segment::Index(index));
            list.push(T::read(item, self)?);
            self.path.pop();
        }
        Ok(list)
    }

    /// The value as an object whose unknown fields have been noted.
    pub fn object<'v>(
        &mut self,
        value: &'v Value,
        known: &[&str],
    ) -> Result<&'v Map<String, Value>, Fault> {
        let Value::Object(object) = value else {
            return Err(Fault::wrong_type("an object", value));
        };
        for name in object.keys() {
            if !known.contains(&name.as_str()) {
                self.notes.unknown_fields = self.notes.unknown_fields.saturating_add(1);
                let name: String = name.chars().take(FOREIGN_NAME_CHARS_MAX).collect();
                self.text(|path| format!("{path}: unknown field {name:?}"));
            }
        }
        Ok(object)
    }

    /// Notes an accepted deviation at the present place.
    pub fn note(&mut self, deviation: Deviation) {
        let (count, what) = match deviation {
            Deviation::NaiveTimestamp => (
                &mut self.notes.naive_timestamps,
                "timestamp without offset, taken as UTC",
            ),
            Deviation::Coerced => (&mut self.notes.coerced, "value of a neighbouring type"),
            Deviation::Null => (&mut self.notes.nulls, "null taken as absent"),
            Deviation::UnlistedWord => (&mut self.notes.unlisted_words, "word not in the list"),
        };
        *count = count.saturating_add(1);
        self.text(|path| format!("{path}: {what}"));
    }

    fn text(&mut self, write: impl FnOnce(&str) -> String) {
        if self.notes.texts.len() < NOTES_TEXTS_MAX {
            let path = self.path();
            self.notes
                .texts
                .push(write(if path.is_empty() { "payload" } else { &path }));
        }
    }

    fn path(&self) -> String {
        let mut text = String::new();
        for segment in &self.path {
            match segment {
                Segment::Field(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Segment::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// Reads text that has a bound in characters.
#[inline(never)]
pub(crate) fn bounded_text(value: &Value, limit: usize) -> Result<String, Fault> {
    let Value::String(text) = value else {
        return Err(Fault::wrong_type("a text", value));
    };
    // Bytes bound characters from above, so that most texts are not counted.
    if text.len() > limit {
        let found = text.chars().count();
        if found > limit {
            let detail = format!("has {found} characters, {limit} are allowed");
            return Err(Fault::new(FaultKind::TooLong, detail));
        }
    }
    Ok(text.clone())
}

/// Finds a word in a list.
#[inline(never)]
pub(crate) fn listed_word(
    value: &Value,
    words: &[&str],
    complaint: &'static str,
) -> Result<usize, Fault> {
    let Value::String(word) = value else {
        return Err(Fault::wrong_type("a text", value));
    };
    let place = words.iter().position(|listed| listed == word);
    place.ok_or_else(|| Fault::new(FaultKind::NotListed, complaint))
}

/// Puts a field into an object.
#[inline(never)]
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.into(), value);
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<T: Wire> Wire for Option<T> {
    const OPTIONAL: bool = true;

    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        if value.is_null() {
            reader.note(Deviation::Null);
            return Ok(None);
        }
        T::read(value, reader).map(Some)
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Wire::write)
    }

    fn absent() -> Result<Self, Fault> {
        Ok(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        reader.list(value)
    }

    fn write(&self) -> Value {
        Value::Array(self.iter().map(Wire::write).collect())
    }
}

impl Wire for String {
    fn read(value: &Value, _: &mut Reader) -> Result<Self, Fault> {
        match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(Fault::wrong_type("a text", other)),
        }
    }

    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Wire for bool {
    fn read(value: &Value, _: &mut Reader) -> Result<Self, Fault> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            other => Err(Fault::wrong_type("a boolean", other)),
        }
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

/// Integers of a message are 64 bits wide: the schemas give no bound, and a transaction id beyond 32 bits exists in
/// the field.
impl Wire for i64 {
    fn read(value: &Value, reader: &mut Reader) -> Result<Self, Fault> {
        match value {
            Value::Number(number) => {
                if let Some(integer) = number.as_i64() {
                    return Ok(integer);
                }
                let integer = whole_number(&number.to_string())?;
                reader.note(Deviation::Coerced);
                Ok(integer)
            }
            Value::String(text) => {
                let integer = text.trim().parse().map_err(|_| {
                    Fault::new(FaultKind::WrongType, "should be an integer, is a text")
                })?;
                reader.note(Deviation::Coerced);
                Ok(integer)
            }
            other => Err(Fault::wrong_type("an integer", other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

/// Reads `12.0` and `1e3`, which JSON counts as integers.
fn whole_number(text: &str) -> Result<i64, Fault> {
    let tenths = parse_tenths(text).map_err(|fault| match fault.kind {
        FaultKind::OutOfRange => Fault::new(FaultKind::OutOfRange, "is too large an integer"),
        _ => Fault::new(FaultKind::WrongType, "should be an integer"),
    })?;
    if tenths % 10 == 0 {
        Ok(tenths / 10)
    } else {
        Err(Fault::new(
            FaultKind::WrongType,
            "should be an integer, has a fraction",
        ))
    }
}

/// Reads decimal text into tenths without floating point.
///
/// Errors: [`FaultKind::WrongType`] if the text is no number; [`FaultKind::OutOfRange`] if it needs more than one
/// decimal place or exceeds [`DECIMAL_TENTHS_MAX`](crate::limits::DECIMAL_TENTHS_MAX).
pub fn parse_tenths(text: &str) -> Result<i64, Fault> {
    let not_a_number = || Fault::new(FaultKind::WrongType, "should be a number");
    let too_large = || Fault::new(FaultKind::OutOfRange, "is too large a number");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
            (
                mantissa,
                exponent.parse::<i32>().map_err(|_| not_a_number())?,
            )
        }
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    // A double's shortest spelling is short, but a peer may pad with zeros at will.
    let fraction = match fraction.trim_end_matches('0') {
        "" if !fraction.is_empty() => "0",
        trimmed => trimmed,
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(not_a_number());
    }
    let mut value: i64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i64::from(digit - b'0')))
            .ok_or_else(too_large)?;
    }
    if value == 0 {
        return Ok(0);
    }
    // The value now counts units of 10^-(fraction digits); bring it to tenths.
    let places = i32::try_from(fraction.len()).map_err(|_| too_large())?;
    let mut shift = exponent.saturating_sub(places).saturating_add(1);
    while shift > 0 {
        value = value.checked_mul(10).ok_or_else(too_large)?;
        shift -= 1;
    }
    while shift < 0 {
        if value % 10 != 0 {
            return Err(Fault::new(
                FaultKind::OutOfRange,
                "has more than one decimal place",
            ));
        }
        value /= 10;
        shift += 1;
    }
    if value > crate::limits::DECIMAL_TENTHS_MAX {
        return Err(too_large());
    }
    Ok(if negative { -value } else { value })
}

/// Check for lists that must not be empty.
pub fn at_least_one<T>(list: &[T]) -> Result<(), Fault> {
    if list.is_empty() {
        return Err(Fault::new(FaultKind::TooFew, "needs at least one entry"));
    }
    Ok(())
}

/// [`at_least_one`] for a list that may be left out.
pub fn at_least_one_if_present<T>(list: &Option<Vec<T>>) -> Result<(), Fault> {
    list.as_deref().map_or(Ok(()), at_least_one)
}

/// Reads text; a number or boolean is taken by its JSON spelling and noted.
pub fn text_or_number(value: &Value, reader: &mut Reader) -> Result<String, Fault> {
    match value {
        Value::Number(number) => {
            reader.note(Deviation::Coerced);
            Ok(number.to_string())
        }
        other => String::read(other, reader),
    }
}

/// Reads optional text; anything else is kept as its JSON spelling and noted.
pub fn any_as_text(value: &Value, reader: &mut Reader) -> Result<Option<String>, Fault> {
    match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Null => {
            reader.note(Deviation::Null);
            Ok(None)
        }
        other => {
            reader.note(Deviation::Coerced);
            Ok(Some(other.to_string()))
        }
    }
}
