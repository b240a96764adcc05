//! The station: sessions, transactions, limits, authorisation flow, faults, indications.
//!
//! Duty: decide everything between the interlock (which has the last word on the contactor) and the plugins (which
//! only have opinions). Pure: [`Station::handle_event`] takes an event and the time, [`Station::poll_action`] gives what
//! is to be done, [`Station::poll_timeout`] says when to call [`Station::handle_timeout`]. It speaks no protocol.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod action;
mod authorization;
mod clock;
mod config;
mod event;
mod evse;
mod fault_table;
pub mod faults;
mod free;
pub mod limits;
mod metering;
mod pilot;
mod request;
mod reservation;
pub mod settings;
mod settle;
mod station;
mod transaction;
mod types;

pub use action::*;
pub use config::*;
pub use event::*;
pub use faults::{FaultSpec, Severity};
pub use reservation::Reservation;
pub use settings::{Role, SettingError, SettingView};
pub use station::{Overflow, Station, TransactionView};
pub use types::*;
