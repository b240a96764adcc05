//! A station, a car and a central system on loopback, for people to look at.

use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Run without a terminal; exit code 0 only if the session was charged and billed as expected.
    #[arg(long)]
    pub once: bool,
}

/// Runs the demonstration.
///
/// # Errors
/// When something cannot be built or started, or the session went wrong.
pub fn run(_arguments: &DemoArguments) -> Result<()> {
    bail!("no demonstration yet: this command is being written")
}
