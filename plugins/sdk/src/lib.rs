//! What a Pilotwire plugin is written against.
//!
//! A plugin is a state machine: the host calls it with the time and one input, it answers with commands. It has no
//! clock, socket, thread, file or random number. Implement the trait of your plugin's kind ([`backend::BackendAdapter`],
//! [`authorizer::Authorizer`], [`free_charging::FreeCharging`], [`language::Language`]) and export it with the macro of
//! the same kind; the same type is unit-tested natively, where the macro does nothing.
//!
//! Not here: the generated bindings. They exist for `wasm32` only and are hidden behind the macros.
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
mod types;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[path = "wasm/mod.rs"]
pub mod __wasm;

pub use log::{Level, log};
pub use types::*;
