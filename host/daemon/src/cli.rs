//! The command line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use crate::cli_pack::{self, PackCommand};
use crate::cli_plugin::{self, PluginCommand};
use crate::clock::Clock;
use crate::print::out;
use crate::{config, control, logging, pack, start};

/// Firmware of an AC charging station: a native safety interlock, and plugins for everything else.
#[derive(Debug, Parser)]
#[command(name = "pilotwire", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a station.
    Run {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Set something for this run: identity, vendor, model, serial, firmware, state_dir, a setting of the station,
        /// or `PLUGIN/KEY` for a setting of a plugin.
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
        set: Vec<(String, String)>,
    },
    /// Look at configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what a running station is doing, and what limits it.
    Status {
        #[command(flatten)]
        at: At,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Check policy packs, and change the one of a running station.
    #[command(subcommand)]
    Pack(PackCommand),
    /// Drive the simulated board of a running station.
    ///
    /// WHAT is one of plug-in, unplug, tear, ev-unplug, ev-plug, swipe, swipe-unreadable, ev, fault, clear, local-reset,
    /// set, ventilation-on, ventilation-off, link-down, link-up, power-loss. docs/spec/api.md explains each with its
    /// arguments.
    Sim {
        #[command(flatten)]
        at: At,
        /// What happens.
        what: String,
        /// At which EVSE.
        #[arg(long, default_value_t = 1)]
        evse: u8,
        /// More details, for example `uid=0A0E9B83`, `name=earth-lost`, `cable_a=20`.
        #[arg(value_name = "KEY=VALUE", value_parser = key_value)]
        details: Vec<(String, String)>,
    },
    /// Ask the station for something, as a person at the cabinet: start, stop, unlock, reset, availability, set, update,
    /// read-meter.
    Request {
        #[command(flatten)]
        at: At,
        /// What is asked for.
        what: String,
        /// Details, for example `token=0A0E9B83`, `evse=1`, `key=operator_current_limit_a value=16`.
        #[arg(value_name = "KEY=VALUE", value_parser = key_value)]
        details: Vec<(String, String)>,
    },
}

/// Where the running station keeps its control socket.
#[derive(Debug, clap::Args)]
pub struct At {
    /// State folder of the station.
    #[arg(long, env = "PILOTWIRE_STATE_DIR", default_value = "state")]
    pub state_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check a configuration and its policy pack; nothing is opened.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print every setting of the station with type, range and default.
    Schema,
    /// Print an example with every key explained.
    Example,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write KEY=VALUE".to_owned()),
    }
}

/// Does what the command line says.
///
/// # Errors
/// Whatever went wrong, with what to do.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run { config, set } => {
            let clock = Clock::start();
            let config = config::read(&config, &set)?;
            let pack = pack::read(&config.pack, &config.plugins)?;
            logging::start(clock, &config.log_level, config.log_format);
            start::run(config, pack, clock)
        }
        Command::Config(command) => show_config(command),
        Command::Status { at, json } => status(&at, json),
        Command::Plugin(command) => cli_plugin::run(command),
        Command::Pack(command) => cli_pack::run(command),
        Command::Sim {
            at,
            what,
            evse,
            details,
        } => {
            let mut request = json!({ "verb": "sim", "do": &what, "evse": evse });
            add(&mut request, details);
            match ask(&at.state_dir, &request) {
                // Whoever loses power says nothing more.
                Err(error) if what == "power-loss" && error.is::<Gone>() => {}
                answer => drop(answer?),
            }
            out!("done");
            Ok(())
        }
        Command::Request { at, what, details } => {
            let mut request = json!({ "verb": "request", "what": what });
            add(&mut request, details);
            let answer = ask(&at.state_dir, &request)?;
            out!(
                "{}",
                answer
                    .get("outcome")
                    .and_then(Value::as_str)
                    .unwrap_or("done")
            );
            Ok(())
        }
    }
}

fn add(request: &mut Value, details: Vec<(String, String)>) {
    for (key, text) in details {
        // Numbers and booleans as such, so that `evse=1` and `operative=false` mean what they read.
        let value = match serde_json::from_str(&text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if key != "uid" && key != "token" => {
                value
            }
            _ => Value::String(text),
        };
        if let Some(object) = request.as_object_mut() {
            object.insert(key, value);
        }
    }
}

/// The station took the request and ended.
#[derive(Debug, thiserror::Error)]
#[error("the station ended before it answered")]
struct Gone;

/// One request over the control socket.
///
/// # Errors
/// No station answers there, or it refused.
pub fn ask(state_dir: &Path, request: &Value) -> Result<Value> {
    let path = control::socket_path(state_dir);
    let mut stream = UnixStream::connect(&path).with_context(|| {
        format!(
            "no station answers at {}; is it running, and is --state-dir right?",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(crate::limits::CONTROL_TIMEOUT * 2))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut line = String::new();
    let read = BufReader::new(stream)
        .read_line(&mut line)
        .context("the station did not answer")?;
    if read == 0 {
        return Err(Gone.into());
    }
    let answer: Value =
        serde_json::from_str(&line).context("the station's answer makes no sense")?;
    if answer.get("ok") == Some(&Value::Bool(true)) {
        return Ok(answer);
    }
    bail!(
        "{}",
        answer
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("the station refused")
    )
}

fn show_config(command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check { file } => {
            let config = config::read(&file, &[])?;
            let pack = pack::read(&config.pack, &config.plugins)?;
            out!(
                "{}: good. Station {:?} with {} EVSEs, policy pack {} ({} plugins): {}",
                file.display(),
                config.identity,
                config.station.evses.len(),
                pack.name,
                pack.plugins.len(),
                pack.summary
            );
        }
        ConfigCommand::Schema => {
            for spec in station::settings::REGISTRY {
                out!(
                    "{} = {}    # {:?}, {}: {}",
                    spec.key,
                    spec.default,
                    spec.kind,
                    spec.role.name(),
                    spec.summary
                );
            }
        }
        ConfigCommand::Example => print!("{}", config::EXAMPLE),
    }
    Ok(())
}

fn status(at: &At, json: bool) -> Result<()> {
    let status = ask(&at.state_dir, &json!({ "verb": "status" }))?;
    if json {
        out!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let word = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "–".to_owned(),
        Some(other) => other.to_string(),
    };
    let list = |key: &str| {
        status
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    out!(
        "pack {} · clock {}",
        word(&status, "pack"),
        if word(&status, "clock_known") == "true" {
            "known"
        } else {
            "not known yet"
        }
    );
    for evse in list("evses") {
        let amps = |key: &str| {
            evse.get(key)
                .and_then(Value::as_u64)
                .map_or("–".to_owned(), |ma| {
                    format!("{}.{} A", ma / 1_000, ma % 1_000 / 100)
                })
        };
        out!(
            "EVSE {}: {} · pilot {} · offered {} · contactor {} · lock {} · limit {} by {} · register {} Wh",
            word(&evse, "evse"),
            word(&evse, "indication"),
            word(&evse, "pilot"),
            amps("offered_ma"),
            word(&evse, "contactor"),
            word(&evse, "lock"),
            amps("limit_ma"),
            word(&evse, "limited_by"),
            word(&evse, "register_wh"),
        );
        if let Some(transaction) = evse.get("transaction").filter(|t| !t.is_null()) {
            out!(
                "  transaction {} · token {} · {} Wh",
                word(transaction, "id"),
                word(transaction, "token"),
                word(transaction, "energy_wh")
            );
        }
    }
    for fault in list("faults") {
        out!(
            "fault {} at EVSE {}: {}",
            word(&fault, "id"),
            word(&fault, "evse"),
            word(&fault, "message")
        );
    }
    for plugin in list("plugins") {
        out!("{}", cli_plugin::plugin_line(&plugin));
    }
    Ok(())
}
