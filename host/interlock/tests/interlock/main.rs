//! Tests of the interlock against a small simulated board and vehicle, in virtual time.
//!
//! The bench checks the invariants after every single step of every test; a test adds its own rule on top.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at once"
)]

mod bench;
mod contactor;
mod exhaustive;
mod golden;
mod lock;
mod offer;
mod opening;
mod pilot;
mod random;
mod residual;
mod supply;
mod table;
mod wake;
