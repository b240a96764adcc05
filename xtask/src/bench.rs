//! The design's numbers, each beside its bound.

use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {}

/// Measures and prints the table.
///
/// # Errors
/// When something cannot be built or started.
pub fn run(_arguments: &BenchArguments) -> Result<()> {
    bail!("not measured yet: this command is being written")
}
