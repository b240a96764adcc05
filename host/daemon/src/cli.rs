//! The command line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use plugin_host::{
    AuthorizerPlugin, BackendPlugin, DisplayPlugin, Engine, EngineConfig, FreeChargingPlugin,
    Manifest, PluginKind,
};
use serde_json::{Value, json};

use crate::cli_pack::{self, PackCommand};
use crate::clock::Clock;
use crate::{cli_install, cli_sign, config, control, logging, pack, start};

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
    /// Ask the station for something, as a person at the cabinet: start, stop, unlock, reset, availability, set, read-meter.
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

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List the plugins of a running station.
    List {
        #[command(flatten)]
        at: At,
    },
    /// Say in plain words what a component is and what it asks for.
    Inspect {
        /// The component, for example target/components/backend-eflux.wasm.
        component: PathBuf,
        /// Its kind: backend, authorizer, free-charging, display. Found out if not given.
        #[arg(long)]
        kind: Option<String>,
        /// Show what this policy pack gives it.
        #[arg(long)]
        pack: Option<PathBuf>,
    },
    /// Replace the instance of a plugin, out of quarantine too; the charge goes on.
    #[command(visible_alias = "release")]
    Restart {
        #[command(flatten)]
        at: At,
        /// The plugin.
        name: String,
    },
    /// Show what a plugin of a running station is doing.
    Status {
        #[command(flatten)]
        at: At,
        /// The plugin.
        name: String,
    },
    /// Check new components and copy them into a station's folder; `pack apply` puts them in force.
    Install {
        /// A component (its .sig file is beside it), or a folder of components.
        source: PathBuf,
        /// The station's configuration: whom it trusts, and where its components are.
        #[arg(long)]
        config: PathBuf,
    },
    /// Make a publisher's key pair: the private key goes to a file, the public one is printed for packs.
    Keygen {
        /// File of the private key; must not exist.
        #[arg(long)]
        out: PathBuf,
        /// The publisher's name.
        #[arg(long)]
        publisher: String,
    },
    /// Sign a component; the signature goes to a .sig file beside it.
    Sign {
        /// File of the private key.
        #[arg(long)]
        key: PathBuf,
        /// The publisher's name.
        #[arg(long)]
        publisher: String,
        /// The component.
        component: PathBuf,
    },
    /// Say who signed a component and whether it may run.
    Verify {
        /// The component; its .sig file is beside it.
        component: PathBuf,
        /// Trust this pack's publishers.
        #[arg(long)]
        pack: Option<PathBuf>,
        /// Trust this public key.
        #[arg(long)]
        publisher_key: Option<String>,
    },
    /// Ask an authorizer something in its own words, for example `list` or `add 0A0E9B83`; `help` lists them.
    Request {
        #[command(flatten)]
        at: At,
        /// The plugin.
        name: String,
        /// The words.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
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
        Command::Plugin(command) => plugin(command),
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
            println!("done");
            Ok(())
        }
        Command::Request { at, what, details } => {
            let mut request = json!({ "verb": "request", "what": what });
            add(&mut request, details);
            let answer = ask(&at.state_dir, &request)?;
            println!(
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
            println!(
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
                println!(
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
        println!("{}", serde_json::to_string_pretty(&status)?);
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
    println!(
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
        println!(
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
            println!(
                "  transaction {} · token {} · {} Wh",
                word(transaction, "id"),
                word(transaction, "token"),
                word(transaction, "energy_wh")
            );
        }
    }
    for fault in list("faults") {
        println!(
            "fault {} at EVSE {}: {}",
            word(&fault, "id"),
            word(&fault, "evse"),
            word(&fault, "message")
        );
    }
    for plugin in list("plugins") {
        println!("{}", plugin_line(&plugin));
    }
    Ok(())
}

fn plugin_line(plugin: &Value) -> String {
    let word = |key: &str| match plugin.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let mut line = format!(
        "{} {} ({}): {}",
        word("name"),
        word("version"),
        word("kind"),
        word("state")
    );
    for (label, key) in [
        ("link", "link"),
        ("", "detail"),
        ("failures", "failures"),
        ("last error:", "last_error"),
    ] {
        let text = word(key);
        if !text.is_empty() && text != "0" {
            line.push_str(&format!(" · {label} {text}"));
        }
    }
    line
}

fn plugin(command: PluginCommand) -> Result<()> {
    match command {
        PluginCommand::List { at } => {
            let answer = ask(&at.state_dir, &json!({ "verb": "plugin-list" }))?;
            for plugin in answer
                .get("plugins")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                println!("{}", plugin_line(plugin));
            }
            Ok(())
        }
        PluginCommand::Inspect {
            component,
            kind,
            pack,
        } => inspect(&component, kind.as_deref(), pack.as_deref()),
        PluginCommand::Install { source, config } => cli_install::run(&source, &config),
        PluginCommand::Keygen { out, publisher } => cli_sign::keygen(&out, &publisher),
        PluginCommand::Sign {
            key,
            publisher,
            component,
        } => cli_sign::sign(&key, &publisher, &component),
        PluginCommand::Verify {
            component,
            pack,
            publisher_key,
        } => cli_sign::verify(&component, pack.as_deref(), publisher_key.as_deref()),
        PluginCommand::Status { at, name } => {
            let request = json!({ "verb": "plugin-inspect", "name": name });
            let answer = ask(&at.state_dir, &request)?;
            let plugin = answer.get("plugin").and_then(Value::as_object);
            for (key, value) in plugin.into_iter().flatten().filter(|(_, v)| !v.is_null()) {
                match value {
                    Value::String(text) => println!("{key}: {text}"),
                    other => println!("{key}: {other}"),
                }
            }
            Ok(())
        }
        PluginCommand::Request { at, name, words } => {
            let request = json!({ "verb": "plugin-request", "name": name, "words": words });
            let answer = ask(&at.state_dir, &request)?;
            println!(
                "{}",
                answer
                    .get("reply")
                    .and_then(Value::as_str)
                    .unwrap_or("done")
            );
            Ok(())
        }
        PluginCommand::Restart { at, name } => ask(
            &at.state_dir,
            &json!({ "verb": "plugin-restart", "name": name }),
        )
        .map(|_| println!("done")),
    }
}

fn inspect(component: &Path, kind: Option<&str>, pack: Option<&Path>) -> Result<()> {
    let bytes = std::fs::read(component).with_context(|| component.display().to_string())?;
    let (kind, manifest) = manifest_of(component, &bytes, kind)?;
    describe(kind, &manifest, bytes.len(), pack)
}

/// Name of a component: its file's, without the ending.
#[must_use]
pub fn stem(component: &Path) -> &str {
    let stem = component.file_stem().and_then(|name| name.to_str());
    stem.unwrap_or_default()
}

/// Kind and manifest of a component.
///
/// # Errors
/// It is no plugin of this or of any kind.
pub fn manifest_of(
    component: &Path,
    bytes: &[u8],
    kind: Option<&str>,
) -> Result<(PluginKind, Manifest)> {
    let name = stem(component);
    let kinds = match kind {
        Some(kind) => vec![
            PluginKind::from_name(kind)
                .with_context(|| format!("{kind:?} is no kind of plugin"))?,
        ],
        None => vec![
            PluginKind::Backend,
            PluginKind::Authorizer,
            PluginKind::FreeCharging,
            PluginKind::Display,
        ],
    };
    let engine = Engine::new(EngineConfig::STATION)?;
    let mut refusal = None;
    for kind in kinds {
        match engine.load(kind, name, bytes, None) {
            Ok(loaded) => return Ok((kind, manifest(kind, &loaded)?)),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(error) => Err(error.into()),
        None => bail!("no kind to try"),
    }
}

fn manifest(kind: PluginKind, loaded: &plugin_host::Loaded) -> Result<Manifest> {
    let (limits, none) = (plugin_host::Limits::DEFAULT, plugin_host::Grants::none());
    Ok(match kind {
        PluginKind::Backend => BackendPlugin::instantiate(loaded, limits, &none)?
            .describe()
            .clone(),
        PluginKind::Authorizer => AuthorizerPlugin::instantiate(loaded, limits, &none)?
            .describe()
            .clone(),
        PluginKind::FreeCharging => FreeChargingPlugin::instantiate(loaded, limits, &none)?
            .describe()
            .clone(),
        PluginKind::Display => DisplayPlugin::instantiate(loaded, limits)?
            .describe()
            .clone(),
    })
}

fn describe(
    kind: PluginKind,
    manifest: &Manifest,
    bytes: usize,
    pack: Option<&Path>,
) -> Result<()> {
    println!(
        "{} {}: {}",
        manifest.name, manifest.version, manifest.summary
    );
    println!(
        "kind: {kind} · {} KiB · no clock, network, files or threads of its own",
        bytes / 1_024
    );
    let granted = match pack {
        Some(path) => pack::read(path, &Default::default())?
            .plugins
            .into_iter()
            .find(|policy| policy.name == manifest.name)
            .map(|policy| policy.grants),
        None => None,
    };
    println!("it asks for:");
    for capability in &manifest.capabilities {
        let gets = match &granted {
            Some(grants) if grants.missing(std::slice::from_ref(capability)).is_empty() => {
                " – granted"
            }
            Some(_) => " – NOT granted",
            None => "",
        };
        println!("  {capability}{gets}");
    }
    println!("settings:");
    for setting in &manifest.settings {
        println!(
            "  {} = {:?}    {}",
            setting.key, setting.default_value, setting.summary
        );
    }
    Ok(())
}
