//! Plugin projects: `new` writes one, `build` makes a component of it.
//!
//! A project holds everything it needs: the contracts, and for Rust the SDK's sources. Its `plugin.toml` says what it is.

pub mod build;
mod c;
mod contract;
mod embedded;
mod kind;
pub mod new;
mod process;
mod rust;
mod scripts;
