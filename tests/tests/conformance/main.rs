//! The built station against central systems that nobody here wrote, over real WebSockets on loopback.
//!
//! Every case of the compliancy list is a test under its number (`tc_003_…`). The Python peer checks every frame in both
//! directions; a case fails when the station breaks a schema or a framing rule, even if the case itself went well.
//! `cargo xtask test` installs the peers and builds the station first. Real sockets and real time: the one place beside
//! the rigs where a test may wait for the clock.

#![allow(
    clippy::disallowed_methods,
    reason = "a real peer runs on the real clock; bounds are measured with it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: whatever is not as expected fails the case"
)]

mod harness;

mod availability;
mod booting;
mod connection;
mod hostile_adapter;
mod installs;
mod lists;
mod long_queue;
mod middle;
mod operators;
mod packs;
mod power;
mod power_cuts;
mod profiles;
mod queue;
mod recordings;
mod remote;
mod reservations;
mod robustness;
mod schedules;
mod second_peer;
mod security;
mod session;
mod settings;
mod simulator;
mod soap;
mod swaps;
mod transfers;
mod triggers;
