//! What an instance of a real plugin costs: memory, and the way from a signed file to its first answer. Beside it a child
//! process that answers the same question as JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use plugin_host::provenance::{Pin, Publisher, Trust, check};
use plugin_host::signature::parse_public_key;
use plugin_host::{
    AuthorizerPlugin, AuthorizerStart, Engine, EngineConfig, Grant, Grants, Limits, Loaded,
    PluginKind,
};
use serde_json::Value;

use crate::calls::{moment, question, question_as_json};
use crate::{CHILD, percentile, report};

const INSTANCES: usize = 50;
/// The component that the table calls small, and another one.
const SMALL: &str = "auth-local-whitelist";
const OTHER: &str = "auth-open-hours";
const COLD: usize = 5;
const WARM: usize = 30;
const CHILDREN: usize = 30;

type Failure = Box<dyn std::error::Error>;

/// Measures and reports.
pub fn measure(components: &Path) -> Result<(), Failure> {
    memory(components, SMALL, "instance")?;
    memory(components, OTHER, "other_instance")?;
    child_memory()?;
    install(components)?;
    child_start()
}

fn instance(loaded: &Loaded) -> Result<AuthorizerPlugin, Failure> {
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    let mut plugin = AuthorizerPlugin::instantiate(loaded, Limits::DEFAULT, &grants)?;
    plugin.start(moment(), AuthorizerStart::default())?;
    Ok(plugin)
}

/// Resident memory that each of many started instances adds to this process: idle, and after it was asked.
fn memory(components: &Path, name: &str, row: &str) -> Result<(), Failure> {
    let engine = Engine::new(EngineConfig::STATION)?;
    let component = std::fs::read(components.join(format!("{name}.wasm")))?;
    // Loaded from its compiled form, as in a running station: the compiler's own memory is not an instance's.
    let cache = Scratch::new(row)?;
    engine.load(PluginKind::Authorizer, name, &component, Some(&cache.0))?;
    let loaded = engine.load(PluginKind::Authorizer, name, &component, Some(&cache.0))?;
    // The first one brings in what all share: the code, the image of the memory.
    let mut first = instance(&loaded)?;
    first.handle(moment(), question(0))?;
    let before = kib("/proc/self/status", "VmRSS:")?;
    let mut plugins = Vec::with_capacity(INSTANCES);
    for _ in 0..INSTANCES {
        plugins.push(instance(&loaded)?);
    }
    let idle = kib("/proc/self/status", "VmRSS:")?;
    for plugin in &mut plugins {
        plugin.handle(moment(), question(1))?;
    }
    let used = kib("/proc/self/status", "VmRSS:")?;
    let count = f64::from(u32::try_from(INSTANCES)?);
    let each = |now: f64| (now - before) / count;
    report(&format!("{row}_idle_kib"), each(idle), "KiB", INSTANCES);
    report(&format!("{row}_used_kib"), each(used), "KiB", INSTANCES);
    Ok(())
}

/// The proportional share of many child processes that do the same: pages that they share are counted once for all.
fn child_memory() -> Result<(), Failure> {
    let mut children = Vec::with_capacity(INSTANCES);
    for _ in 0..INSTANCES {
        children.push(Rival::start()?);
    }
    for (row, asked) in [("child_idle_kib", false), ("child_used_kib", true)] {
        let mut sum = 0.0;
        if asked {
            for child in &mut children {
                child.ask(1)?;
            }
        }
        for child in &children {
            let file = format!("/proc/{}/smaps_rollup", child.child.id());
            sum += kib(&file, "Pss:")?;
        }
        let each = sum / f64::from(u32::try_from(INSTANCES)?);
        report(row, each, "KiB", INSTANCES);
    }
    Ok(())
}

/// From a signed file to the first answer: verified, compiled (or taken from what this host compiled before), started.
fn install(components: &Path) -> Result<(), Failure> {
    let trust = trust(components)?;
    let engine = Engine::new(EngineConfig::STATION)?;
    let cache = Scratch::new("install")?;
    let once = |cache: Option<&Path>| -> Result<f64, Failure> {
        let begin = Instant::now();
        let component = std::fs::read(components.join(format!("{SMALL}.wasm")))?;
        let signature = std::fs::read(components.join(format!("{SMALL}.sig")))?;
        check(
            SMALL,
            &component,
            Some(&signature),
            &trust,
            &Pin::default(),
            None,
        )?;
        let loaded = engine.load(PluginKind::Authorizer, SMALL, &component, cache)?;
        let mut plugin = instance(&loaded)?;
        plugin.handle(moment(), question(1))?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    };
    let mut cold = (0..COLD)
        .map(|_| once(None))
        .collect::<Result<Vec<_>, _>>()?;
    once(Some(&cache.0))?;
    let mut warm = (0..WARM)
        .map(|_| once(Some(&cache.0)))
        .collect::<Result<Vec<_>, _>>()?;
    report("install_cold_ms", percentile(&mut cold, 0.5), "ms", COLD);
    report("install_warm_ms", percentile(&mut warm, 0.5), "ms", WARM);
    Ok(())
}

/// The publisher of the components that were built here.
fn trust(components: &Path) -> Result<Trust, Failure> {
    let text = std::fs::read_to_string(components.join("publisher.pub"))?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|value| value.trim_matches([' ', '=', '"']).to_owned())
    };
    let (name, key) = (value("name"), value("key"));
    let key = key.as_deref().and_then(parse_public_key);
    let (Some(name), Some(key)) = (name, key) else {
        return Err("no publisher in target/components/publisher.pub".into());
    };
    Ok(Trust {
        publishers: vec![Publisher { name, key }],
        ..Trust::default()
    })
}

fn child_start() -> Result<(), Failure> {
    let mut samples = Vec::with_capacity(CHILDREN);
    for _ in 0..CHILDREN {
        let begin = Instant::now();
        let mut child = Rival::start()?;
        child.ask(1)?;
        samples.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let median = percentile(&mut samples, 0.5);
    report("child_start_ms", median, "ms", CHILDREN);
    Ok(())
}

/// This program as a child that answers lines of JSON.
struct Rival {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Rival {
    fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHILD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let from = BufReader::new(from);
        Ok(Self { child, to, from })
    }

    fn ask(&mut self, number: usize) -> Result<(), Failure> {
        writeln!(self.to, "{}", question_as_json(number))?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        if answer.get("decision").is_none() {
            return Err(format!("the child answered {line}").into());
        }
        Ok(())
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of this run alone.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(what: &str) -> std::io::Result<Self> {
        let name = format!("pilotwire-bench-{what}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-overs in the temporary folder are no failure.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A number of KiB in one of the kernel's files.
fn kib(file: &str, key: &str) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or(format!("no {key} in {file}"))?.parse()?)
}
