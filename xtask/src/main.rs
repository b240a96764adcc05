//! The repository's own commands. `cargo xtask --help` lists them.
//!
//! Everything here runs on a developer's machine or in CI, never on a station: it may ask the clock, start processes
//! and open loopback sockets. It never dials an operator.

#![allow(
    clippy::disallowed_methods,
    reason = "these commands run on a developer's machine, on its clock"
)]

mod acceptance;
mod bench;
mod ci;
mod conformance;
mod demo;
#[cfg(test)]
mod dependency_rule;
mod peers;
mod plugins;
mod queue;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Commands of the Pilotwire repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct PluginArguments {
    /// Build everything twice and compare the hashes.
    #[arg(long)]
    check_reproducible: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a station with a simulated board, car and central system on loopback.
    Demo(demo::DemoArguments),
    /// Build every plugin as a WebAssembly component.
    Plugins(PluginArguments),
    /// Build everything and run every test; closes with counts.
    Test(test::TestArguments),
    /// Install the central systems of the conformance tests, to run single cases with `cargo nextest`.
    Peers,
    /// What CI runs: format, tidy, lints, documentation, tests.
    Ci,
    /// Deliver a queue of 100,000 transaction messages while the power fails again and again (about ten minutes).
    Queue(queue::QueueArguments),
    /// House rules that no other tool checks.
    Tidy(tidy::TidyArguments),
    /// Write docs/conformance.md from what the conformance cases said when they last ran.
    Conformance,
    /// Collect `// acceptance:` lines into tests/acceptance.toml.
    Acceptance,
    /// Measure the design's numbers and print them beside their bounds.
    Bench(bench::BenchArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Plugins(PluginArguments {
            check_reproducible: true,
        }) => plugins::check_reproducible(),
        Command::Plugins(_) => plugins::run(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Peers => peers::install(),
        Command::Ci => ci::run(),
        Command::Queue(arguments) => queue::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
        Command::Conformance => conformance::write(),
        Command::Acceptance => acceptance::write(),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
