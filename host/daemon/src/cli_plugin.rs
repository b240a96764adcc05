//! `pilotwire plugin`: look at plugins, install, sign, restart and record them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use plugin_host::{
    AuthorizerPlugin, BackendPlugin, DisplayPlugin, Engine, EngineConfig, FreeChargingPlugin,
    Limits, Manifest, PluginKind,
};
use serde_json::{Value, json};

use crate::cli::{At, ask};
use crate::print::out;
use crate::{cli_install, cli_sign, pack, recordings};

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
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
        /// A component (its .sig file is beside it), a folder of components, `https://…` or `oci://…@sha256:…`.
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
    /// Record what a plugin of a running station is told and answers, into a file of its state folder.
    ///
    /// The plugin's instance is replaced, so that the recording is complete; the charge goes on. Passwords are left out.
    /// Cards and messages are in it: it is nobody's business.
    Record {
        #[command(flatten)]
        at: At,
        /// The plugin.
        name: String,
        /// Ends after this many seconds, if not stopped before.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Stop the recording that runs.
        #[arg(long)]
        stop: bool,
    },
    /// Tell a component what a recording says, and show where it answers otherwise.
    Replay {
        /// The recording.
        recording: PathBuf,
        /// The component.
        component: PathBuf,
    },
    /// Make a plugin project that builds, tests and runs.
    #[command(disable_help_flag = true)]
    New(Tool),
    /// Build a plugin project into a component.
    #[command(disable_help_flag = true)]
    Build(Tool),
    /// Download a component from an HTTPS URL or an OCI registry.
    #[command(disable_help_flag = true)]
    Fetch(Tool),
    /// Upload a signed component to an OCI registry.
    #[command(disable_help_flag = true)]
    Push(Tool),
}

/// What is handed on to the program `pilotwire-plugin`; its `--help` explains it.
#[derive(Debug, clap::Args)]
pub struct Tool {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// One line about a plugin.
#[must_use]
pub fn plugin_line(plugin: &Value) -> String {
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

/// Does what the command line says.
///
/// # Errors
/// Whatever went wrong, with what to do.
pub fn run(command: PluginCommand) -> Result<()> {
    match command {
        PluginCommand::List { at } => list(&at),
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
        PluginCommand::Status { at, name } => status(&at, &name),
        PluginCommand::Request { at, name, words } => {
            let request = json!({ "verb": "plugin-request", "name": name, "words": words });
            let answer = ask(&at.state_dir, &request)?;
            let reply = answer.get("reply").and_then(Value::as_str);
            out!("{}", reply.unwrap_or("done"));
            Ok(())
        }
        PluginCommand::Restart { at, name } => ask(
            &at.state_dir,
            &json!({ "verb": "plugin-restart", "name": name }),
        )
        .map(|_| out!("done")),
        PluginCommand::Record {
            at,
            name,
            seconds,
            stop,
        } => record(&at, &name, seconds, stop),
        PluginCommand::Replay {
            recording,
            component,
        } => recordings::replay(&recording, &component),
        PluginCommand::New(tool) => hand_on("new", &tool),
        PluginCommand::Build(tool) => hand_on("build", &tool),
        PluginCommand::Fetch(tool) => hand_on("fetch", &tool),
        PluginCommand::Push(tool) => hand_on("push", &tool),
    }
}

fn list(at: &At) -> Result<()> {
    let answer = ask(&at.state_dir, &json!({ "verb": "plugin-list" }))?;
    let plugins = answer.get("plugins").and_then(Value::as_array);
    for plugin in plugins.into_iter().flatten() {
        out!("{}", plugin_line(plugin));
    }
    Ok(())
}

fn status(at: &At, name: &str) -> Result<()> {
    let request = json!({ "verb": "plugin-inspect", "name": name });
    let answer = ask(&at.state_dir, &request)?;
    let plugin = answer.get("plugin").and_then(Value::as_object);
    for (key, value) in plugin.into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        match value {
            Value::String(text) => out!("{key}: {text}"),
            other => out!("{key}: {other}"),
        }
    }
    Ok(())
}

fn record(at: &At, name: &str, seconds: u64, stop: bool) -> Result<()> {
    let request =
        json!({ "verb": "plugin-record", "name": name, "seconds": seconds, "stop": stop });
    let answer = ask(&at.state_dir, &request)?;
    match answer.get("calls") {
        Some(calls) => out!("{calls} calls were recorded"),
        None => {
            let file = answer.get("file").and_then(Value::as_str);
            out!("recording into {}", file.unwrap_or_default());
        }
    }
    Ok(())
}

/// Name of the program beside this one that has what a running station must not carry.
const TOOLS: &str = "pilotwire-plugin";

/// The program for plugin projects and downloads.
///
/// # Errors
/// It is not there; stations do not carry it.
pub fn tools() -> Result<Command> {
    let own = std::env::current_exe().context("this program's own path is unknown")?;
    let tools = own.with_file_name(TOOLS);
    if !tools.is_file() {
        bail!(
            "this needs the program {TOOLS} beside pilotwire, {}; stations do not carry it: run this on your computer",
            tools.display()
        );
    }
    Ok(Command::new(tools))
}

/// Becomes the other program.
fn hand_on(command: &str, tool: &Tool) -> Result<()> {
    let error = tools()?.arg(command).args(&tool.arguments).exec();
    Err(error).with_context(|| format!("{TOOLS} cannot be run"))
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
    out!(
        "{} {}: {}",
        manifest.name,
        manifest.version,
        manifest.summary
    );
    out!(
        "kind: {kind} · {} KiB · no clock, network, files or threads of its own",
        bytes / 1_024
    );
    let policy = match pack {
        Some(path) => pack::read(path, &Default::default())?
            .plugins
            .into_iter()
            .find(|policy| policy.name == manifest.name),
        None => None,
    };
    let (limits, whose) = match &policy {
        Some(policy) => (policy.limits, "its limits"),
        None => (Limits::DEFAULT, "its limits, if a pack says nothing else"),
    };
    out!("{whose}:");
    for line in limits.lines(kind) {
        out!("  {line}");
    }
    let granted = policy.map(|policy| policy.grants);
    out!("it asks for:");
    for capability in &manifest.capabilities {
        let gets = match &granted {
            Some(grants) if grants.missing(std::slice::from_ref(capability)).is_empty() => {
                " – granted"
            }
            Some(_) => " – NOT granted",
            None => "",
        };
        out!("  {capability}{gets}");
    }
    out!("settings:");
    for setting in &manifest.settings {
        out!(
            "  {} = {:?}    {}",
            setting.key,
            setting.default_value,
            setting.summary
        );
    }
    Ok(())
}
