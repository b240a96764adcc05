//! Units of measure of a charging station.
//!
//! Duty: one checked newtype per unit, so that a current is never added to a voltage and a wall-clock time never
//! drives a timer. `no_std`, no dependencies, no I/O.
//!
//! Not here: anything that decides. Rounding rules that belong to a standard (duty cycle ↔ current) are in
//! [`DutyCycle`], with the clause beside them.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions)]

mod duty;
mod electric;
mod time;

pub use duty::{DutyCycle, DutyMeaning, DutyOutOfRange};
pub use electric::{DeciCelsius, Milliamps, Millivolts, Ohms, Phases, WattHours, Watts};
pub use time::{Instant, Millis, Timestamp};
