//! House rules that neither rustfmt nor clippy checks. Every finding says how to put it right.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::{acceptance, shell};

/// A file longer than this has two duties.
const MAX_LINES: usize = 900;
const FROZEN: &str = "wit/FROZEN.sha256";

/// Arguments of `cargo xtask tidy`.
#[derive(Debug, Default, Args)]
pub struct TidyArguments {
    /// Record the contracts as they are now, after an ADR said so.
    #[arg(long)]
    pub freeze_wit: bool,
}

/// A text that must not appear, where, and why.
struct Ban {
    /// Assembled from pieces so that this file does not find itself.
    text: &'static [&'static str],
    reason: &'static str,
    /// Path prefixes where it is allowed.
    allowed: &'static [&'static str],
    /// Allowed inside test code (`tests/`, `/tests/`, and below `#[cfg(test)]`).
    allowed_in_tests: bool,
}

const BANS: &[Ban] = &[
    Ban {
        text: &["Instant::", "now("],
        reason: "time comes in as `now`; only the daemon's clock module asks the machine",
        allowed: &[
            "host/daemon/src/clock.rs",
            "host/plugin-host/src/ticker.rs",
            "xtask/",
            "tests/",
        ],
        allowed_in_tests: true,
    },
    Ban {
        text: &["SystemTime::", "now("],
        reason: "wall-clock time is data; only the daemon's clock module asks the machine",
        allowed: &[
            "host/daemon/src/clock.rs",
            "xtask/",
            "tests/tests/conformance",
            "tests/src/bin",
        ],
        allowed_in_tests: false,
    },
    Ban {
        text: &["unbounded_", "channel("],
        reason: "every queue has a bound, named in limits.rs",
        allowed: &[],
        allowed_in_tests: false,
    },
    Ban {
        text: &["#[", "ignore"],
        reason: "a test runs or is deleted",
        allowed: &[],
        allowed_in_tests: false,
    },
    Ban {
        text: &["#[should_", "panic"],
        reason: "assert on the error; a panic for any other reason would pass too",
        allowed: &[],
        allowed_in_tests: false,
    },
    Ban {
        text: &["thread::", "sleep("],
        reason: "wait for an event with a bound; only conformance, rigs and hardware threads may sleep",
        allowed: &[
            "host/daemon/src/",
            "host/plugin-host/src/ticker.rs",
            "tests/tests/conformance",
            "tests/tests/rig",
            "tests/tests/crash",
            "tests/src/bin",
            "xtask/",
        ],
        allowed_in_tests: false,
    },
    Ban {
        text: &["tokio::time::", "sleep("],
        reason: "one timer of the daemon's loop drives everything; tests have virtual time",
        allowed: &["host/daemon/src/", "xtask/"],
        allowed_in_tests: false,
    },
    Ban {
        text: &["dbg", "!("],
        reason: "log it or drop it",
        allowed: &[],
        allowed_in_tests: false,
    },
];

/// Hosts of real operators; only these folders may name them.
const OPERATOR_HOSTS: &[&[&str]] = &[
    &["e-flux", ".nl"],
    &["total-ev-", "charge.com"],
    &["evc-", "net.com"],
    &["oamportal", ".com"],
    &["road", ".io"],
];
const MAY_NAME_OPERATORS: &[&str] = &[
    "plugins/",
    "policies/",
    "docs/",
    "tests/data/",
    "changelog.d/",
];

/// Checks the whole tree and prints every finding.
///
/// # Errors
/// When there is a finding.
pub fn run(arguments: &TidyArguments) -> Result<()> {
    shell::step("tidy");
    let root = shell::root();
    if arguments.freeze_wit {
        let path = root.join(FROZEN);
        std::fs::write(&path, wit_hashes(&root)?).with_context(|| format!("{path:?}"))?;
        println!("{FROZEN} written");
    }
    let mut findings = Vec::new();
    let tracked = tracked_files(&root)?;
    for name in &tracked {
        let Ok(text) = std::fs::read_to_string(root.join(name)) else {
            continue;
        };
        check_file(name, &text, &mut findings);
    }
    check_frozen(&root, &mut findings)?;
    check_acceptance(&root, &mut findings)?;
    if findings.is_empty() {
        println!("{} files, no finding", tracked.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("tidy: {} findings", findings.len());
}

/// Files that Git knows; build products and downloads are not ours to judge.
fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args(["ls-files", "-z"]);
    let names = shell::capture("list of files", &mut git)?;
    Ok(names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn check_file(name: &str, text: &str, findings: &mut Vec<String>) {
    check_operator_hosts(name, text, findings);
    check_work_marks(name, text, findings);
    if !name.ends_with(".rs") {
        return;
    }
    let generated = text.lines().take(3).any(|line| line.contains("@generated"));
    if !text.starts_with("//!") {
        findings.push(format!(
            "{name}:1: the first line must be a `//!` comment that says which room this is"
        ));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !generated {
        findings.push(format!(
            "{name}: {lines} lines; split it by duty ({MAX_LINES} at most)"
        ));
    }
    if !generated {
        check_bans(name, text, findings);
    }
}

fn check_bans(name: &str, text: &str, findings: &mut Vec<String>) {
    let test_file = name.starts_with("tests/") || name.contains("/tests/");
    for ban in BANS {
        if ban.allowed.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let banned = ban.text.concat();
        let mut in_tests = test_file;
        for (index, line) in text.lines().enumerate() {
            in_tests |= line.trim() == "#[cfg(test)]";
            let line = line.trim_start();
            if line.starts_with("//") || !line.contains(&banned) {
                continue;
            }
            if !(in_tests && ban.allowed_in_tests) {
                findings.push(format!("{name}:{}: `{banned}` — {}", index + 1, ban.reason));
            }
        }
    }
}

fn check_operator_hosts(name: &str, text: &str, findings: &mut Vec<String>) {
    if MAY_NAME_OPERATORS
        .iter()
        .any(|prefix| name.starts_with(prefix))
    {
        return;
    }
    for host in OPERATOR_HOSTS {
        let host = host.concat();
        for (index, line) in text.lines().enumerate() {
            if line.contains(&host) {
                findings.push(format!(
                    "{name}:{}: `{host}` is an operator's; only {} may name it",
                    index + 1,
                    MAY_NAME_OPERATORS.join(" ")
                ));
            }
        }
    }
}

/// Marks for unfinished work need an issue's number behind them.
fn check_work_marks(name: &str, text: &str, findings: &mut Vec<String>) {
    let marks = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X"].concat(),
    ];
    if !is_ours(name) {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        for mark in &marks {
            let Some((before, after)) = line.split_once(mark.as_str()) else {
                continue;
            };
            let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let issue = after
                .strip_prefix("(#")
                .is_some_and(|rest| rest.starts_with(|character: char| character.is_ascii_digit()));
            if is_word && !issue {
                findings.push(format!(
                    "{name}:{}: {mark} without an issue; write {mark}(#12) or do it",
                    index + 1
                ));
            }
        }
    }
}

/// Code and scripts; prose may speak about marks.
fn is_ours(name: &str) -> bool {
    [".rs", ".py", ".js", ".wit", ".sh", ".toml"]
        .iter()
        .any(|end| name.ends_with(end))
        || name == ".ci/run"
}

fn wit_hashes(root: &Path) -> Result<String> {
    let mut text = String::new();
    let mut names: Vec<_> = tracked_files(root)?
        .into_iter()
        .filter(|name| name.ends_with(".wit"))
        .collect();
    names.retain(|name| name.starts_with("wit/"));
    names.sort();
    for name in names {
        let bytes = std::fs::read(root.join(&name)).with_context(|| name.clone())?;
        let mut hex = String::new();
        for byte in Sha256::digest(&bytes) {
            hex += &format!("{byte:02x}");
        }
        text += &format!("{hex}  {name}\n");
    }
    Ok(text)
}

fn check_frozen(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let frozen = std::fs::read_to_string(root.join(FROZEN)).unwrap_or_default();
    let now = wit_hashes(root)?;
    for line in now
        .lines()
        .filter(|line| !frozen.lines().any(|old| old == *line))
    {
        let name = line.split_whitespace().last().unwrap_or_default();
        findings.push(format!(
            "{name}: the contract differs from {FROZEN}; a change needs an ADR and a version, \
             then `cargo xtask tidy --freeze-wit`"
        ));
    }
    for line in frozen
        .lines()
        .filter(|line| !now.lines().any(|new| new == *line))
    {
        let name = line.split_whitespace().last().unwrap_or_default();
        if !now.contains(name) {
            findings.push(format!(
                "{FROZEN}: {name} is gone; contracts are kept, not deleted"
            ));
        }
    }
    Ok(())
}

fn check_acceptance(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let map = std::fs::read_to_string(root.join(acceptance::MAP)).unwrap_or_default();
    match acceptance::generate(root) {
        Ok(fresh) if fresh == map => {}
        Ok(_) => findings.push(format!(
            "{}: not what the tests claim; run `cargo xtask acceptance`",
            acceptance::MAP
        )),
        Err(error) => findings.push(format!("{error:#}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(name, text, &mut findings);
        findings
    }

    #[test]
    fn a_file_without_its_duty_in_line_one_is_found() {
        assert_eq!(findings("lib/x/src/lib.rs", "use std::fmt;\n").len(), 1);
        assert!(findings("lib/x/src/lib.rs", "//! X.\n").is_empty());
    }

    #[test]
    fn a_file_above_the_bound_is_found() {
        let long = "//! X.\n".to_owned() + &"\n".repeat(MAX_LINES);
        assert_eq!(findings("lib/x/src/lib.rs", &long).len(), 1);
    }

    #[test]
    fn the_clock_is_banned_outside_its_module_and_allowed_in_tests() {
        let text = format!("//! X.\nlet a = std::time::Instant::{}();\n", "now");
        assert_eq!(findings("host/station/src/lib.rs", &text).len(), 1);
        assert!(findings("host/daemon/src/clock.rs", &text).is_empty());
        let test = format!(
            "//! X.\n#[cfg(test)]\nlet a = std::time::Instant::{}();\n",
            "now"
        );
        assert!(findings("host/daemon/src/lib.rs", &test).is_empty());
    }

    #[test]
    fn work_marks_need_an_issue() {
        let mark = ["TO", "DO"].concat();
        assert_eq!(findings("a.py", &format!("# {mark} later\n")).len(), 1);
        assert!(findings("a.py", &format!("# {mark}(#12) later\n")).is_empty());
        assert!(findings("a.py", &format!("# {mark}S_LIST\n")).is_empty());
    }

    #[test]
    fn operator_hosts_are_named_only_where_they_are_data() {
        let host = ["wss://ocpp.e-flux", ".nl/1.6"].concat();
        assert_eq!(
            findings("host/daemon/src/x.rs", &format!("//! {host}\n")).len(),
            1
        );
        assert!(findings("policies/e-flux.toml", &host).is_empty());
    }
}
