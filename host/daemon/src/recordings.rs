//! `pilotwire plugin record|replay`: what a plugin of a running station was told, for whoever wants to find out why it
//! did what it did, and for the tests of its author.

use std::fs::{DirBuilder, OpenOptions};
use std::io::BufReader;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use plugin_host::{Engine, EngineConfig, Limits, Loaded, Recorder, replay};
use serde_json::{Value, json};
use units::Millis;

use crate::cli_plugin;
use crate::limits::{MAX_RECORDING_BYTES, MAX_RECORDING_S, MAX_RECORDINGS};
use crate::print::out;
use crate::station_thread::Core;

impl Core {
    /// Begins a recording of a plugin, with a new instance so that it is complete, or ends one.
    pub(crate) fn record_plugin(&mut self, request: &Value) -> Result<Value, String> {
        let name = request.get("name").and_then(Value::as_str);
        let name = name.ok_or("say which plugin, as `name`")?.to_owned();
        let loaded = self.loaded(&name)?;
        if request.get("stop").and_then(Value::as_bool) == Some(true) {
            return match loaded.end_recording() {
                Some(calls) => Ok(json!({ "ok": true, "calls": calls })),
                None => Err(format!("{name} is not being recorded")),
            };
        }
        let seconds = request.get("seconds").and_then(Value::as_u64);
        let seconds = seconds.unwrap_or(MAX_RECORDING_S);
        if !(1..=MAX_RECORDING_S).contains(&seconds) {
            return Err(format!("a recording takes 1 to {MAX_RECORDING_S} s"));
        }
        let file = format!(
            "{name}-{}-{}.jsonl",
            self.store.boot(),
            self.clock.now().as_millis()
        );
        let path = self.recordings.join(file);
        let out = create(&self.recordings, &path).map_err(|error| format!("{error:#}"))?;
        let until = self
            .clock
            .now()
            .after(Millis::new(seconds.saturating_mul(1_000)));
        loaded.begin_recording(Recorder::new(Box::new(out), MAX_RECORDING_BYTES, until));
        self.restart_plugin(request)?;
        Ok(json!({ "ok": true, "file": path, "seconds": seconds }))
    }

    pub(crate) fn loaded(&self, name: &str) -> Result<Loaded, String> {
        let now = &self.deployed.now;
        let mut all = now.judges.iter().chain(&now.languages).chain(&now.backends);
        let found = all.find(|ready| ready.policy.name == name);
        found.map(|ready| ready.loaded.clone()).ok_or_else(|| {
            format!("no plugin is called {name:?}; `pilotwire plugin list` lists them")
        })
    }
}

/// A new file that only the station's user can read: cards are in it.
fn create(folder: &Path, path: &Path) -> Result<std::fs::File> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let kept = std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .count();
    if kept >= MAX_RECORDINGS {
        bail!(
            "{kept} recordings are kept already; delete some in {}",
            folder.display()
        );
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be made", path.display()))
}

/// Tells a component what a recording says, and shows where it answers otherwise.
///
/// # Errors
/// Some answer differs, or the recording is not for this component.
pub fn replay(recording: &Path, component: &Path) -> Result<()> {
    let bytes = std::fs::read(component).with_context(|| component.display().to_string())?;
    let (kind, manifest) = cli_plugin::manifest_of(component, &bytes, None)?;
    let engine = Engine::new(EngineConfig::STATION)?;
    let loaded = engine.load(kind, cli_plugin::stem(component), &bytes, None)?;
    let file = std::fs::File::open(recording).with_context(|| recording.display().to_string())?;
    let told = replay::replay(&loaded, Limits::DEFAULT, BufReader::new(file))?;
    for difference in &told.differences {
        out!(
            "line {}, {}:\n  recorded: {}\n  now:      {}",
            difference.line,
            difference.call,
            difference.recorded,
            difference.now
        );
    }
    let of = format!("{} {}", manifest.name, manifest.version);
    match told.different {
        0 => {
            out!("{of} answers all {} calls as recorded", told.calls);
            Ok(())
        }
        different => bail!(
            "{of} answers {different} of {} calls otherwise than recorded",
            told.calls
        ),
    }
}
