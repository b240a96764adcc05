//! OCPP 1.6 with the security whitepaper, in JSON.
//!
//! Duty: the 39 actions as types ([`messages`], [`Request`], [`Response`]), their decoding with the standard's error
//! codes ([`decode`]), and the central-system half as a state machine ([`csms`]).

pub mod charging;
pub mod csms;
pub mod decode;
pub mod messages;
mod request;
pub mod types;

pub use decode::{decode_request, decode_request_noted, decode_response, decode_response_noted};
pub use messages::*;
pub use request::{Action, Initiator, Profile, Request, Response};
pub use types::{CiString, Decimal, IdToken, Open, TooLong, format_timestamp, parse_timestamp};
