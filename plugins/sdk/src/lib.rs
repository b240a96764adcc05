//! What a Pilotwire plugin is written against.
//!
//! A plugin is a state machine: the host calls it with the time and one input, it answers with commands. It has no
//! clock, socket, thread, file or random number. Implement the trait of your plugin's kind ([`backend::BackendAdapter`],
//! [`authorizer::Authorizer`], [`free_charging::FreeCharging`], [`language::Language`]) and export it with the macro of
//! the same kind; the same type is unit-tested natively, where the macro does nothing.
//!
//! The feature `testing` brings benches that play the host natively, and the replay of what a station recorded.
//!
//! Not here: the generated bindings. They are hidden behind the macros.
#![warn(missing_docs)]

pub mod authorizer;
pub mod backend;
#[cfg(feature = "catalogue")]
pub mod catalogue;
pub mod free_charging;
pub mod language;
mod log;
#[cfg(feature = "ocpp16")]
pub mod ocpp16;
#[cfg(feature = "ocpp-s")]
pub mod ocpps;
mod services;
mod types;

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;

#[cfg(any(target_arch = "wasm32", feature = "testing"))]
#[doc(hidden)]
#[path = "wasm/mod.rs"]
pub mod __wasm;

pub use log::{Level, log};
pub use types::*;
