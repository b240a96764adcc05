//! The long queue of transaction messages with random power cuts, at its full length. CI runs it short, as one of the
//! conformance cases (`tests/tests/conformance/long_queue.rs`).

use anyhow::Result;
use clap::Args;

use crate::{peers, plugins, shell};

/// Arguments of `cargo xtask queue`.
#[derive(Debug, Args)]
pub struct QueueArguments {
    /// Messages that wait for the central system.
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// How often the station is killed while it delivers them.
    #[arg(long, default_value_t = 50)]
    cuts: u64,
    /// Where the power cuts fall; a failed run prints its own.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Builds what is needed and runs it.
///
/// # Errors
/// When something does not build, or a message is lost, doubled or out of order.
pub fn run(arguments: &QueueArguments) -> Result<()> {
    plugins::run()?;
    peers::install()?;
    shell::run(
        "build of the station's program",
        shell::cargo().args(["build", "--locked", "--package", "pilotwire"]),
    )?;
    let mut test = shell::cargo();
    test.args([
        "test",
        "--locked",
        "--package",
        "pilotwire-tests",
        "--test",
        "conformance",
    ]);
    test.args(["--", "--nocapture", "long_queue::"]);
    test.env("PILOTWIRE_QUEUED", arguments.messages.to_string())
        .env("PILOTWIRE_POWER_CUTS", arguments.cuts.to_string())
        .env("PILOTWIRE_SEED", arguments.seed.to_string());
    shell::run("long queue with power cuts", &mut test)
}
