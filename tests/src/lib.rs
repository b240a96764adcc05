//! What the tests of the whole product share: a station in virtual time.
//!
//! Imported by nobody but the tests in `tests/`.
#![forbid(unsafe_code)]

pub mod sim;
