//! A whole station in virtual time: simulated hardware, the real interlocks, the real station, a real adapter behind
//! the SDK's trait, a central system, and a disk that forgets what was not committed.
//!
//! Duty: run fast, run the same way twice from one seed, and check the rules of the house after every step
//! ([`checker`]). Time moves only in [`World::step`].
//!
//! ```text
//!  plan ─▶ World ── boards ◀▶ interlocks ◀ permits ─ station ─ journal ▶ disk ▶ adapter ▶ network ▶ csms
//!            └── checker looks at all of it after every tick
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "test support: what fails here is a failed test"
)]

pub mod adapter;
pub mod checker;
#[cfg(test)]
mod checker_tests;
pub mod convert;
pub mod disk;
pub mod hands;
mod host;
pub mod network;
pub mod plan;
pub mod probe;
pub mod world;

pub use adapter::AdapterKind;
pub use checker::Checker;
pub use disk::Disk;
pub use network::{BLOCKED_CARD, GOOD_CARD, Network, OTHER_CARD, Rude};
pub use plan::Do;
pub use probe::Probe;
pub use world::{World, WorldConfig};
