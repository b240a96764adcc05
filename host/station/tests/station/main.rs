//! The station's rules, by name. A rig drives the station in virtual time with a scripted fake of interlock, meter,
//! journal and plugins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod faults;
mod free;
mod interlocked;
mod invariants;
mod limits;
mod metering;
mod remote;
mod requests;
mod reservations;
mod restart;
mod rig;
mod sessions;
mod settings;
mod stop_modes;
mod verdicts;
