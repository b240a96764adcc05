//! Drivers: the thin layer between the deciding crates and copper.
//!
//! Duty: one trait per device family ([`Board`], [`Meter`], [`CardReader`]) and, beside each, a simulated device
//! ([`sim`]) that behaves like the real one, faults included; and the real devices: [`pn532`], a card reader. A driver
//! reads and writes; it never decides.
//!
//! Time arrives as `now`; no driver asks the machine for it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod board;
pub mod indicator;
pub mod limits;
mod meter;
pub mod pn532;
mod reader;
pub mod sim;

pub use board::Board;
pub use meter::{Measurement, Meter, MeterError};
pub use reader::{CardReader, CardSeen, CardUid, CardUidError, ReaderError};
