//! `pilotwire-plugin fetch` and `push`, run as programs: against a web server that misbehaves on request, and against a
//! real registry.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first thing that is not as it should be"
)]

mod registry;
mod support;
mod web;
mod web_broken;
