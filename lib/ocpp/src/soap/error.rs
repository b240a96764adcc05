//! What can go wrong with an envelope: where, what, and what to answer.

use super::Addressing;
use super::fault::{FaultCode, SoapFault};
use super::limits::REASON_CHARS_MAX;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

/// A place in the text of an envelope, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl Place {
    /// The beginning.
    #[must_use]
    pub const fn start() -> Self {
        Self { line: 1, column: 1 }
    }

    /// The place of a byte of the text.
    pub(super) fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.get(line_start..).unwrap_or("").chars().count();
        let number = |count: usize| u32::try_from(count).map_or(u32::MAX, |n| n.saturating_add(1));
        Self {
            line: number(lines),
            column: number(column),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Kinds of trouble with an envelope that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The bytes are not UTF-8 text or not well-formed XML, or have a document type declaration.
    NotXml,
    /// A bound of [`super::limits`] was exceeded.
    TooLarge,
    /// It is XML but not an envelope of SOAP 1.2.
    NotSoap,
    /// A header block must be understood and is not.
    NotUnderstood,
    /// A header is missing, doubled, or says something else than the body.
    Headers,
    /// The body's action is unknown, or of another version or service.
    NotSupported,
    /// The body is not what its action asks for.
    Content,
}

/// Why an envelope was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// Where in the text.
    pub place: Place,
    /// Dotted path of the field in the names of the message types; empty outside a message.
    pub path: String,
    /// What is wrong.
    pub detail: Cow<'static, str>,
    /// The headers as far as they were read, so that the answer can name the request.
    pub addressing: Box<Addressing>,
}

impl ReadError {
    pub(super) fn new(
        trouble: Trouble,
        place: Place,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            trouble,
            place,
            path: String::new(),
            detail: detail.into(),
            addressing: Box::default(),
        }
    }

    /// The fault to answer a request with that was refused so.
    #[must_use]
    pub fn to_fault(&self) -> SoapFault {
        let code = match self.trouble {
            Trouble::NotUnderstood => FaultCode::MustUnderstand,
            Trouble::NotSupported => FaultCode::NotSupported,
            Trouble::NotSoap => FaultCode::VersionMismatch,
            Trouble::NotXml | Trouble::TooLarge | Trouble::Headers | Trouble::Content => {
                FaultCode::ProtocolError
            }
        };
        let reason: String = self.to_string().chars().take(REASON_CHARS_MAX).collect();
        SoapFault::new(code, reason)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.detail)
    }
}

impl core::error::Error for ReadError {}

/// Something that the version of OCPP-S has no words for, and for which no near word is honest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsayable {
    /// What cannot be said, in the names of the message types.
    pub what: String,
}

impl Unsayable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    pub(super) fn word(field: &str, word: &str) -> Self {
        Self::new(format!("{field} {word}"))
    }
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this version of OCPP-S cannot say {}", self.what)
    }
}

impl core::error::Error for Unsayable {}
