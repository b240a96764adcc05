//! For the tests of plugins, natively: benches that play the host, and the replay of recordings.
//!
//! A bench checks every answer against the contract as the host does, keeps the store as the host does, and lets time pass:
//! [`Bench`] for authorizers, [`BackendBench`] for backend adapters. Free-charging modes and languages need none: they are
//! functions. [`replay`] tells a plugin what a station recorded (`pilotwire plugin record`) and compares.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the benches are test code; they run natively only"
)]

mod authorizer;
mod backend;
mod replay;

pub use authorizer::{Bench, never_accepts, question};
pub use backend::{BackendBench, connector, start_context};
pub use replay::{
    Difference, Replayed, replay_authorizer, replay_backend, replay_free_charging, replay_language,
};
