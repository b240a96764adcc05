//! The firmware daemon of a charging station: the composition root.
//!
//! The parts and who talks to whom:
//!
//! ```text
//!  interlock thread ──status slot──▶ station thread ──inbox──▶ adapter threads (plugin, link, timers)
//!        ◀──permit slot──              │  ▲   │                        │
//!                                  journal │  authorizers' thread      └──▶ network
//!                                          └── control socket, metrics
//! ```
#![forbid(unsafe_code)]

mod adapter;
mod api;
mod authorize;
mod ceilings;
mod certificates;
mod cli;
mod cli_install;
mod cli_pack;
mod cli_plugin;
mod cli_sign;
mod clock;
mod config;
mod control;
mod deploy;
mod files;
mod http;
mod indicators;
mod interlock_thread;
mod journal;
mod languages;
mod limits;
mod logging;
mod messages;
mod metrics;
mod net;
mod pack;
mod pack_lint;
mod print;
mod readers;
mod recordings;
mod say;
mod services;
mod slot;
mod start;
mod station_thread;
mod status;
mod systemd;
mod trust;
mod watchdog;

use clap::Parser;

fn main() -> std::process::ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pilotwire: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
