//! `pilotwire-plugin`: what `pilotwire plugin` hands on, because a running station needs none of it.
//!
//! `pilotwire plugin new|build|fetch …` runs this program, which lies beside `pilotwire`. It carries what a station must
//! not: a component encoder, project templates, a registry client.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod fetch;
mod project;

/// Plugin projects and downloads.
#[derive(Debug, Parser)]
#[command(name = "pilotwire plugin", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Download a component from an HTTPS URL or an OCI registry.
    Fetch(fetch::Arguments),
    /// Put a signed component into an OCI registry.
    Push(fetch::oci::push::Arguments),
    /// Make a plugin project that builds, tests and runs.
    New(project::new::Arguments),
    /// Build the project of a folder into a component.
    Build(project::build::Arguments),
}

fn main() -> ExitCode {
    let outcome: Result<()> = match Arguments::parse().command {
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Push(arguments) => fetch::oci::push::run(&arguments),
        Command::New(arguments) => project::new::run(&arguments),
        Command::Build(arguments) => project::build::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
