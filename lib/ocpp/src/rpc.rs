//! Frames of OCPP-J: CALL, CALLRESULT, CALLERROR, independent of the OCPP version.
//!
//! Duty: text to frame and back, with bounds on size, depth and ids checked before anything is parsed; the error
//! codes; and, in [`Correlator`] and [`Inbox`], which answer belongs to which call.
//!
//! Not here: what an action means (see [`crate::v16`]), WebSocket frames, retries of transaction messages.
//!
//! Source: OCPP-J 1.6, 4.1 and 4.2.

mod correlator;
mod inbox;
mod scan;

pub use correlator::{CallRefused, Correlator, CorrelatorLimits, Ended, Matched, OutgoingCall};
pub(crate) use inbox::fingerprint;
pub use inbox::{Inbox, Opened};

use crate::limits::{
    ERROR_DESCRIPTION_CHARS_MAX, FRAME_BYTES_MAX, FRAME_DEPTH_MAX, FRAME_VALUES_MAX,
    MESSAGE_ID_CHARS_MAX,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde_json::{Map, Value};

const CALL: u64 = 2;
const CALL_RESULT: u64 = 3;
const CALL_ERROR: u64 = 4;

/// The id of a call; its answer carries the same.
///
/// # Invariants
/// 1 to [`MESSAGE_ID_CHARS_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Wraps an id; `None` if it is empty or too long.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits = !text.is_empty()
            && (text.len() <= MESSAGE_ID_CHARS_MAX || text.chars().count() <= MESSAGE_ID_CHARS_MAX);
        fits.then_some(Self(text))
    }

    /// A counter as id.
    #[must_use]
    pub fn from_counter(counter: u64) -> Self {
        Self(counter.to_string())
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a call was not answered with a result, in the words of OCPP-J 1.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The action is not known.
    NotImplemented,
    /// The action is known and not offered.
    NotSupported,
    /// Something inside went wrong.
    InternalError,
    /// The payload is incomplete, or does not fit the state of the conversation.
    ProtocolError,
    /// A matter of security forbids it.
    SecurityError,
    /// The payload does not have the form of the action.
    FormationViolation,
    /// A field's value is not allowed.
    PropertyConstraintViolation,
    /// A field is missing, or there too often. The single r is the standard's spelling.
    OccurenceConstraintViolation,
    /// A field has the wrong type.
    TypeConstraintViolation,
    /// None of the others.
    GenericError,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::NotImplemented,
        Self::NotSupported,
        Self::InternalError,
        Self::ProtocolError,
        Self::SecurityError,
        Self::FormationViolation,
        Self::PropertyConstraintViolation,
        Self::OccurenceConstraintViolation,
        Self::TypeConstraintViolation,
        Self::GenericError,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotImplemented => "NotImplemented",
            Self::NotSupported => "NotSupported",
            Self::InternalError => "InternalError",
            Self::ProtocolError => "ProtocolError",
            Self::SecurityError => "SecurityError",
            Self::FormationViolation => "FormationViolation",
            Self::PropertyConstraintViolation => "PropertyConstraintViolation",
            Self::OccurenceConstraintViolation => "OccurenceConstraintViolation",
            Self::TypeConstraintViolation => "TypeConstraintViolation",
            Self::GenericError => "GenericError",
        }
    }

    /// The code of a word. The spellings of later versions are understood; `None` for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "OccurrenceConstraintViolation" => Some(Self::OccurenceConstraintViolation),
            "FormatViolation" | "RpcFrameworkError" => Some(Self::FormationViolation),
            _ => Self::ALL.iter().copied().find(|code| code.as_str() == word),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The content of a CALLERROR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The code.
    pub code: ErrorCode,
    /// Words for a person, at most [`ERROR_DESCRIPTION_CHARS_MAX`] characters.
    pub description: String,
    /// Further data.
    pub details: Map<String, Value>,
}

impl CallError {
    /// An error without further data; the description is cut to its bound.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        let description = description
            .as_ref()
            .chars()
            .take(ERROR_DESCRIPTION_CHARS_MAX)
            .collect();
        Self {
            code,
            description,
            details: Map::new(),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.description)
    }
}

impl core::error::Error for CallError {}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Asks the other side for something.
    Call {
        /// The call's id.
        id: MessageId,
        /// Name of the action, as received.
        action: String,
        /// An object.
        payload: Value,
    },
    /// Answers a call.
    CallResult {
        /// The call's id.
        id: MessageId,
        /// An object.
        payload: Value,
    },
    /// Answers a call that failed.
    CallError {
        /// The call's id.
        id: MessageId,
        /// Why it failed.
        error: CallError,
    },
}

impl Frame {
    /// A CALL.
    #[must_use]
    pub fn call(id: MessageId, action: impl Into<String>, payload: Value) -> Self {
        Self::Call {
            id,
            action: action.into(),
            payload,
        }
    }

    /// A CALLRESULT.
    #[must_use]
    pub const fn result(id: MessageId, payload: Value) -> Self {
        Self::CallResult { id, payload }
    }

    /// A CALLERROR.
    #[must_use]
    pub const fn error(id: MessageId, error: CallError) -> Self {
        Self::CallError { id, error }
    }

    /// The id of the call it belongs to.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        match self {
            Self::Call { id, .. } | Self::CallResult { id, .. } | Self::CallError { id, .. } => id,
        }
    }

    /// Parses a frame.
    ///
    /// Errors: [`FrameError`]; if the text was at least recognisable as a call, [`FrameError::answer`] is what to
    /// send back.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let fail = |kind| FrameError {
            kind,
            call_id: scan::call_id(text),
        };
        if text.len() > FRAME_BYTES_MAX {
            return Err(fail(FrameErrorKind::TooLarge));
        }
        let shape = scan::shape(text);
        if shape.depth > FRAME_DEPTH_MAX {
            return Err(fail(FrameErrorKind::TooDeep));
        }
        if shape.values > FRAME_VALUES_MAX {
            return Err(fail(FrameErrorKind::TooManyValues));
        }
        match serde_json::from_str(text) {
            Ok(Value::Array(items)) => Self::from_items(items),
            Ok(_) => Err(fail(FrameErrorKind::NotAnArray)),
            Err(_) => Err(fail(FrameErrorKind::NotJson)),
        }
    }

    fn from_items(items: Vec<Value>) -> Result<Self, FrameError> {
        let silent = |kind| FrameError {
            kind,
            call_id: None,
        };
        let mut items = items.into_iter();
        let kind = match items.next() {
            Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
            _ => 0,
        };
        if !(CALL..=CALL_ERROR).contains(&kind) {
            return Err(silent(FrameErrorKind::UnknownMessageType));
        }
        let Some(Value::String(id)) = items.next() else {
            return Err(silent(FrameErrorKind::BadMessageId));
        };
        let Some(id) = MessageId::new(id) else {
            return Err(silent(FrameErrorKind::BadMessageId));
        };
        let rest: Vec<Value> = items.collect();
        match kind {
            CALL => call_from(id, rest),
            CALL_RESULT => result_from(id, rest),
            _ => error_from(id, rest),
        }
    }

    /// The frame's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Call {
                id,
                action,
                payload,
            } => {
                format!(
                    "[{CALL},{},{},{payload}]",
                    quoted(id.as_str()),
                    quoted(action)
                )
            }
            Self::CallResult { id, payload } => {
                format!("[{CALL_RESULT},{},{payload}]", quoted(id.as_str()))
            }
            Self::CallError { id, error } => {
                let CallError {
                    code,
                    description,
                    details,
                } = error;
                let details = Value::Object(details.clone());
                let (id, description) = (quoted(id.as_str()), quoted(description));
                format!("[{CALL_ERROR},{id},\"{code}\",{description},{details}]")
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `null` stands for an empty object with some peers; it does no harm.
fn object_or_null(value: Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value),
        Value::Null => Some(Value::Object(Map::new())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn call_from(id: MessageId, rest: Vec<Value>) -> Result<Frame, FrameError> {
    let fail = |kind, id| FrameError {
        kind,
        call_id: Some(id),
    };
    if rest.len() < 2 {
        return Err(fail(FrameErrorKind::Incomplete, id));
    }
    let Ok([action, payload]) = <[Value; 2]>::try_from(rest) else {
        return Err(fail(FrameErrorKind::WrongLength, id));
    };
    let Value::String(action) = action else {
        return Err(fail(FrameErrorKind::BadAction, id));
    };
    match object_or_null(payload) {
        Some(payload) => Ok(Frame::Call {
            id,
            action,
            payload,
        }),
        None => Err(fail(FrameErrorKind::PayloadNotAnObject, id)),
    }
}

fn result_from(id: MessageId, rest: Vec<Value>) -> Result<Frame, FrameError> {
    let fail = |kind| FrameError {
        kind,
        call_id: None,
    };
    let Ok([payload]) = <[Value; 1]>::try_from(rest) else {
        return Err(fail(FrameErrorKind::WrongLength));
    };
    match object_or_null(payload) {
        Some(payload) => Ok(Frame::CallResult { id, payload }),
        None => Err(fail(FrameErrorKind::PayloadNotAnObject)),
    }
}

/// Reads a CALLERROR generously: it ends a call whatever its words are, so only the id has to be right.
fn error_from(id: MessageId, rest: Vec<Value>) -> Result<Frame, FrameError> {
    let mut rest = rest.into_iter();
    let word = match rest.next() {
        Some(Value::String(word)) => word,
        _ => String::new(),
    };
    let text = match rest.next() {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let mut error = match ErrorCode::from_word(&word) {
        Some(code) => CallError::new(code, text),
        None => CallError::new(ErrorCode::GenericError, format!("{word}: {text}")),
    };
    if let Some(Value::Object(details)) = rest.next() {
        error.details = details;
    }
    Ok(Frame::CallError { id, error })
}

/// Why a text is not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameErrorKind {
    /// More than [`FRAME_BYTES_MAX`] bytes.
    TooLarge,
    /// Nested deeper than [`FRAME_DEPTH_MAX`].
    TooDeep,
    /// More than [`FRAME_VALUES_MAX`] values.
    TooManyValues,
    /// Not JSON.
    NotJson,
    /// JSON, but not an array.
    NotAnArray,
    /// The first element is none of the three message types.
    UnknownMessageType,
    /// The id is no text, empty, or too long.
    BadMessageId,
    /// A call without its payload, or without its action too.
    Incomplete,
    /// A call with too many elements, or an answer with too few or too many.
    WrongLength,
    /// The action is not a text.
    BadAction,
    /// The payload is not an object.
    PayloadNotAnObject,
}

impl fmt::Display for FrameErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "frame is larger than {FRAME_BYTES_MAX} bytes"),
            Self::TooDeep => write!(f, "frame is nested deeper than {FRAME_DEPTH_MAX} levels"),
            Self::TooManyValues => write!(f, "frame has more than {FRAME_VALUES_MAX} values"),
            Self::NotJson => f.write_str("frame is not valid JSON"),
            Self::NotAnArray => f.write_str("frame is not an array"),
            Self::UnknownMessageType => f.write_str("message type is not 2, 3 or 4"),
            Self::BadMessageId => {
                write!(
                    f,
                    "message id is not a text of 1 to {MESSAGE_ID_CHARS_MAX} characters"
                )
            }
            Self::Incomplete => f.write_str("frame ends before its payload"),
            Self::WrongLength => f.write_str("frame has the wrong number of elements"),
            Self::BadAction => f.write_str("action is not a text"),
            Self::PayloadNotAnObject => f.write_str("payload is not an object"),
        }
    }
}

/// A text that is not a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// What is wrong.
    pub kind: FrameErrorKind,
    /// The id, if the text was recognisable as a call.
    pub call_id: Option<MessageId>,
}

impl FrameError {
    /// The CALLERROR to send back; `None` where nobody waits for an answer.
    #[must_use]
    pub fn answer(&self) -> Option<Frame> {
        let id = self.call_id.clone()?;
        let code = match self.kind {
            FrameErrorKind::Incomplete => ErrorCode::ProtocolError,
            FrameErrorKind::TooLarge
            | FrameErrorKind::TooDeep
            | FrameErrorKind::TooManyValues
            | FrameErrorKind::NotJson
            | FrameErrorKind::NotAnArray
            | FrameErrorKind::UnknownMessageType
            | FrameErrorKind::BadMessageId
            | FrameErrorKind::WrongLength
            | FrameErrorKind::BadAction
            | FrameErrorKind::PayloadNotAnObject => ErrorCode::FormationViolation,
        };
        let error = CallError::new(code, self.kind.to_string());
        Some(Frame::CallError { id, error })
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match &self.call_id {
            Some(id) => write!(f, " (call {id})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for FrameError {}
