//! `pilotwire pack`: look at a policy pack, compare it with a running station, put it in force, take it back.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::{At, ask};
use crate::pack::{self, Pack};
use crate::pack_lint::{self, Finding};
use crate::print::out;

/// What can be done with packs.
#[derive(Debug, Subcommand)]
pub enum PackCommand {
    /// Check a pack: words, grants, and the installation rules of the manuals. Nothing is opened.
    Check {
        /// The pack.
        file: PathBuf,
    },
    /// Say what would change if this pack were applied to the running station.
    Diff {
        #[command(flatten)]
        at: At,
        /// The pack.
        file: PathBuf,
    },
    /// Put a pack in force without stopping a charge. It is on trial first, and is taken back if it does not prove itself.
    Apply {
        #[command(flatten)]
        at: At,
        /// The pack.
        file: PathBuf,
        /// Do not wait for the end of the trial.
        #[arg(long)]
        no_wait: bool,
    },
    /// Go back to the pack before this one; ends a trial.
    Rollback {
        #[command(flatten)]
        at: At,
        /// Do not wait for the end of the trial.
        #[arg(long)]
        no_wait: bool,
    },
    /// Say which pack is in force and how the last change went.
    Status {
        #[command(flatten)]
        at: At,
    },
}

/// Does it.
///
/// # Errors
/// Whatever went wrong, with what to do.
pub fn run(command: PackCommand) -> Result<()> {
    match command {
        PackCommand::Check { file } => check(&file),
        PackCommand::Diff { at, file } => {
            let text = read(&file)?;
            let new = pack::parse(&file, &text, &Default::default())?;
            let status = ask(&at.state_dir, &json!({ "verb": "pack-status" }))?;
            let running = word(&status, "text");
            let old = pack::parse(Path::new("the running pack"), running, &Default::default())?;
            let lines = pack_lint::differences(&old, &new);
            out!("{} → {}", old.name, new.name);
            for line in &lines {
                out!("  {line}");
            }
            if lines.is_empty() {
                out!("  nothing changes");
            }
            Ok(())
        }
        PackCommand::Apply { at, file, no_wait } => {
            let text = read(&file)?;
            let pack = pack::parse(&file, &text, &Default::default())?;
            report(&file, &pack_lint::check(&pack))?;
            let request = json!({ "verb": "pack-apply", "text": text, "file": file });
            ask(&at.state_dir, &request)?;
            out!("{} is in force, on trial", pack.name);
            if no_wait { Ok(()) } else { wait(&at) }
        }
        PackCommand::Rollback { at, no_wait } => {
            ask(&at.state_dir, &json!({ "verb": "pack-rollback" }))?;
            if no_wait { Ok(()) } else { wait(&at) }
        }
        PackCommand::Status { at } => {
            let status = ask(&at.state_dir, &json!({ "verb": "pack-status" }))?;
            out!("{}: {}", word(&status, "pack"), word(&status, "summary"));
            if status.get("on_trial") == Some(&Value::Bool(true)) {
                out!("on trial, {} s left at most", seconds_left(&status));
            }
            for (label, key) in [("last change", "last"), ("before it", "before")] {
                if !word(&status, key).is_empty() {
                    out!("{label}: {}", word(&status, key));
                }
            }
            Ok(())
        }
    }
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn seconds_left(status: &Value) -> u64 {
    let left = status.get("trial_ends_in_s").and_then(Value::as_u64);
    left.unwrap_or_default()
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .with_context(|| format!("the pack {} cannot be read", file.display()))
}

fn check(file: &Path) -> Result<()> {
    let text = read(file)?;
    let pack: Pack = pack::parse(file, &text, &Default::default())?;
    report(file, &pack_lint::check(&pack))?;
    out!(
        "{}: good. {} ({} plugins): {}",
        file.display(),
        pack.name,
        pack.plugins.len(),
        pack.summary
    );
    Ok(())
}

/// Prints what was found; an error in it is an error.
fn report(file: &Path, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        eprintln!("{}: {finding}", file.display());
    }
    let errors = findings.iter().filter(|finding| finding.is_error).count();
    if errors > 0 {
        bail!(
            "{}: {errors} rules are broken; nothing was done",
            file.display()
        );
    }
    Ok(())
}

/// Shows the trial until it ends.
fn wait(at: &At) -> Result<()> {
    let mut shown = 0;
    loop {
        let status = ask(&at.state_dir, &json!({ "verb": "pack-status" }))?;
        if status.get("on_trial") != Some(&Value::Bool(true)) {
            let last = word(&status, "last");
            out!("{last}");
            if last.contains("was taken back") {
                bail!("{} is in force", word(&status, "pack"));
            }
            return Ok(());
        }
        if shown % 10 == 0 {
            out!("on trial, {} s left at most", seconds_left(&status));
            std::io::stdout().flush()?;
        }
        shown += 1;
        std::thread::sleep(Duration::from_millis(500));
    }
}
