//! OCPP as a pure protocol library.
//!
//! Duty: frames, message types, decoding with the standard's error codes, and the two halves of the protocol as
//! state machines. Time arrives as an argument; frames go in and out as text. It runs unchanged inside a WebAssembly
//! guest and in a native test.
//!
//! Not here: sockets, clocks, random numbers, storage, logging. The words of OCPP 1.6 (charge point, idTag, central
//! system) stay inside [`v16`].
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

pub mod limits;
pub mod rpc;
#[macro_use]
pub mod wire;
pub mod v16;

#[cfg(feature = "soap")]
pub mod soap;
