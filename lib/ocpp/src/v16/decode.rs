//! From a decoding fault to the CALLERROR the standard wants.
//!
//! | fault | code |
//! |---|---|
//! | payload is not an object | FormationViolation |
//! | field missing, list too short | OccurenceConstraintViolation |
//! | wrong JSON type, text that is no timestamp | TypeConstraintViolation |
//! | too long, unknown word, number out of range or not a multiple of 0.1 | PropertyConstraintViolation |
//! | action unknown | NotImplemented |
//!
//! The description always names the field. Codes are spelt as OCPP-J 1.6 spells them.

use super::{Action, Request, Response};
use crate::limits::FOREIGN_NAME_CHARS_MAX;
use crate::rpc::{CallError, ErrorCode};
use crate::wire::{DecodeError, FaultKind, Notes};
use alloc::format;
use alloc::string::{String, ToString};
use serde_json::Value;

impl From<&DecodeError> for CallError {
    fn from(error: &DecodeError) -> Self {
        CallError::new(code_of(error), error.to_string())
    }
}

fn code_of(error: &DecodeError) -> ErrorCode {
    match error.fault.kind {
        FaultKind::Malformed => ErrorCode::FormationViolation,
        // The message itself being a list or a text is a matter of form, not of a field's type.
        FaultKind::WrongType if error.path.is_empty() => ErrorCode::FormationViolation,
        FaultKind::Missing | FaultKind::TooFew => ErrorCode::OccurenceConstraintViolation,
        FaultKind::WrongType => ErrorCode::TypeConstraintViolation,
        FaultKind::TooLong | FaultKind::NotListed | FaultKind::OutOfRange => {
            ErrorCode::PropertyConstraintViolation
        }
    }
}

/// Decodes a request.
///
/// Errors: the CALLERROR to answer with.
pub fn decode_request(action: &str, payload: &Value) -> Result<Request, CallError> {
    decode_request_noted(action, payload).map(|(request, _)| request)
}

/// [`decode_request`] together with the deviations that were tolerated.
pub fn decode_request_noted(action: &str, payload: &Value) -> Result<(Request, Notes), CallError> {
    let action = known_action(action)?;
    Request::decode(action, payload).map_err(|error| CallError::from(&error))
}

/// Decodes the answer to a request of the given action.
///
/// Errors: what is wrong with it, as the CALLERROR it would be; a bad answer is reported, never answered.
pub fn decode_response(action: &str, payload: &Value) -> Result<Response, CallError> {
    decode_response_noted(action, payload).map(|(response, _)| response)
}

/// [`decode_response`] together with the deviations that were tolerated.
pub fn decode_response_noted(
    action: &str,
    payload: &Value,
) -> Result<(Response, Notes), CallError> {
    let action = known_action(action)?;
    Response::decode(action, payload).map_err(|error| CallError::from(&error))
}

fn known_action(action: &str) -> Result<Action, CallError> {
    Action::from_word(action).ok_or_else(|| {
        let shown: String = action.chars().take(FOREIGN_NAME_CHARS_MAX).collect();
        CallError::new(
            ErrorCode::NotImplemented,
            format!("unknown action {shown:?}"),
        )
    })
}
