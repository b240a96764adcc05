//! A station, a car and a central system on loopback, for people to look at.
//!
//! Builds plugins and station, starts a small OCPP 1.6J central system (the central-system half of `lib/ocpp`), starts
//! `pilotwire run` with a simulated board and an empty state folder, and walks through one session. The operator's URL
//! keeps its path; its host is replaced by loopback. Nothing here dials anybody.

mod csms;
pub mod operator;
mod script;
pub mod station;
mod summary;
mod view;

use anyhow::{Result, bail};
use clap::Args;

use crate::{plugins, shell};
use csms::CentralSystem;
use operator::Operator;
use station::{Launch, Station};

/// Arguments of `cargo xtask demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Run without a terminal; exit code 0 only if the session was charged and billed as expected.
    #[arg(long)]
    pub once: bool,
    /// Whose station: its adapter, its URL's path, its way to write card numbers.
    #[arg(long, value_enum, default_value = "e-flux")]
    pub pack: Operator,
}

/// Builds everything, then runs the demonstration.
///
/// # Errors
/// When something cannot be built or started, or the session was not charged and billed as expected.
pub fn run(arguments: &DemoArguments) -> Result<()> {
    plugins::run()?;
    shell::run(
        "build of the station's program",
        shell::cargo().args(["build", "--locked", "--package", "pilotwire"]),
    )?;
    let operator = arguments.pack;
    let csms = CentralSystem::start(operator)?;
    let station = Station::start(&Launch {
        name: "demo",
        program: shell::target().join("debug/pilotwire"),
        operator,
        base: format!("ws://127.0.0.1:{}", csms.port()),
        authority: None,
        whitelist: None,
    })?;
    println!(
        "station of {}: ws://127.0.0.1:{}{}/{} (state in {})",
        operator.pack(),
        csms.port(),
        operator.path(),
        operator::IDENTITY,
        station.folder().display()
    );
    let findings = if arguments.once {
        script::walk(&csms, &station, |line| println!("{line}"))
            .map(|()| script::findings(operator, &csms.snapshot()))
    } else {
        view::run(operator, &csms, &station).map(|()| Vec::new())
    };
    let findings = match findings {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("{}", station.log_end());
            return Err(error);
        }
    };
    println!("\n{}", summary::render(operator, &csms.snapshot()));
    if findings.is_empty() {
        return Ok(());
    }
    eprintln!("{}", station.log_end());
    for finding in &findings {
        eprintln!("not as expected: {finding}");
    }
    bail!("the session was not charged and billed as expected");
}
