//! The safety interlock of one EVSE.
//!
//! Duty: decide, every tick, what the pilot, the contactor and the lock do. [`Interlock::step`] is the whole
//! interface: inputs and the station's permit go in, commands and a status come out. It does no I/O, takes no lock,
//! allocates nothing and cannot panic.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod types;

pub use types::*;
