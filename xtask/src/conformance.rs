//! The table of the conformance cases in docs/conformance.md: which test shows which case, and what its last run said.
//!
//! Each case writes a line about itself while it runs (`tests/tests/conformance/harness/record.rs`); a whole run of
//! `cargo xtask test`, or `cargo xtask conformance`, merges these lines with the tests in the sources. The table is generated, never edited, and says
//! the same after every run that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

const TABLE: &str = "docs/conformance.md";
const CASES_FOLDER: &str = "tests/tests/conformance";
/// One file for each test, named after it; also known to the harness.
const RESULTS: &str = "target/conformance-results";

/// The cases of a charge point in OCPP 1.6, as the compliancy list numbers them.
const CASES: &[(&str, &str)] = &[
    ("001", "Cold boot"),
    ("002", "Cold boot, pending"),
    ("003", "Session, plug first"),
    ("004_1", "Session, card first"),
    ("004_2", "Card first, no plug in time"),
    ("005_1", "Vehicle unplugged: stop and unlock"),
    ("005_2", "Vehicle unplugged: stop, keep locked"),
    ("005_3", "Vehicle unplugged: go on"),
    ("007_1", "Cached card"),
    ("007_2", "Cached card, remote start"),
    ("008_1", "Listed card"),
    ("008_2", "Listed card, remote start"),
    ("010", "Remote start, plug first"),
    ("011_1", "Remote start before the plug"),
    ("011_2", "Remote start, no plug in time"),
    ("012", "Remote stop"),
    ("013", "Hard reset"),
    ("014", "Soft reset"),
    ("015", "Hard reset in a transaction"),
    ("016", "Soft reset in a transaction"),
    ("017_1", "Unlock without a session"),
    ("017_2", "Unlock without a session, fixed cable"),
    ("018_1", "Unlock in a session"),
    ("018_2", "Unlock in a session, fixed cable"),
    ("019", "Get configuration"),
    ("021", "Change configuration"),
    ("023_1", "Invalid card"),
    ("023_2", "Expired card"),
    ("023_3", "Blocked card"),
    ("023_4", "Invalid, expired or blocked card"),
    ("023_5", "Invalid card, remote start"),
    ("024", "Lock failure"),
    ("026", "Remote start on a busy connector"),
    ("027", "Remote start on connector 0"),
    ("028", "Remote stop of an unknown transaction"),
    ("030", "Unlock failure"),
    ("031", "Unlock of an unknown connector"),
    (
        "032_1",
        "Power failure, stop before (told after, without backup power)",
    ),
    ("032_2", "Power failure, stop after"),
    ("034", "Power failure, connectors stay out of service"),
    ("036", "Connection loss in a transaction"),
    ("037_1", "Offline start, valid card"),
    ("037_2", "Offline start, invalid card, go on"),
    ("037_3", "Offline start, invalid card, stop"),
    ("038", "Offline stop"),
    ("039", "Offline transaction"),
    ("040_1", "Unknown configuration key"),
    ("040_2", "Invalid configuration value"),
    ("041", "Fault"),
    ("042_1", "Version of the local list, list off"),
    ("042_2", "Version of the local list, empty"),
    ("043", "Send the local list: whole, in parts, refused"),
    ("043_1", "Local list not supported"),
    ("043_2", "Local list, version mismatch"),
    ("043_3", "Local list that cannot be kept"),
    ("044_1", "Firmware update"),
    ("044_2", "Firmware update, download failed"),
    ("044_3", "Firmware update, installation failed"),
    ("045_1", "Diagnostics"),
    ("045_2", "Diagnostics, upload failed"),
    ("046_1", "Reservation of a connector, local start"),
    ("046_2", "Reservation of a connector, remote start"),
    ("047", "Reservation expires"),
    ("048_1", "Reservation of a faulted connector"),
    ("048_2", "Reservation of an occupied connector"),
    ("048_3", "Reservation of an unavailable connector"),
    ("048_4", "Reservation where none are taken"),
    ("049", "Reservation of any connector"),
    ("050_1", "Reservation of connector 0, all faulted"),
    ("050_2", "Reservation of connector 0, all occupied"),
    ("050_3", "Reservation of connector 0, all unavailable"),
    ("050_4", "Reservation of connector 0 where none are taken"),
    ("051", "Reservation cancelled"),
    ("052", "Cancelling an unknown reservation"),
    ("053_1", "Reservation for a parent, local start"),
    ("053_2", "Reservation for a parent, remote start"),
    ("054", "Trigger a message"),
    ("055", "Trigger refused"),
    ("056", "Default charging profile"),
    ("057", "Charging profile of a transaction"),
    ("058_1", "Charging profile of a transaction without one"),
    ("058_2", "Charging profile of another transaction"),
    ("059", "Remote start with a charging profile"),
    ("060", "Remote start with a profile of the wrong purpose"),
    ("061_1", "Cleared cache"),
    ("061_2", "Cleared cache, remote start"),
    ("062", "Data transfer of an unknown vendor"),
    ("066", "Composite schedule"),
    ("067", "Clear a charging profile"),
    ("068", "Stop with the same card"),
    ("069", "Stop with a card of the same group"),
    ("070", "Sampled meter values"),
    ("071", "Clock-aligned meter values"),
    ("072", "Stacked charging profiles"),
    ("073", "New password"),
    ("074", "New certificate of the charge point"),
    ("075_1", "Install a manufacturer root"),
    ("075_2", "Install a central-system root"),
    ("076", "Delete a certificate"),
    ("077", "Invalid certificate of the charge point"),
    ("078", "Invalid certificate of the central system"),
    ("079", "Security log"),
    ("080", "Signed firmware update"),
    ("081", "Signed firmware update, invalid signature"),
    ("082", "Default profile in a running transaction"),
    ("083", "Upgrade of the security profile"),
    ("084", "Downgrade of the security profile"),
    ("085", "Password of the charge point"),
    ("086", "TLS, certificate of the central system"),
    ("087", "TLS, certificate of the charge point"),
    ("088", "Subprotocol not agreed on (list of central systems)"),
];

/// Forgets what earlier runs said.
///
/// # Errors
/// When the folder cannot be removed.
pub fn forget_results() -> Result<()> {
    let folder = shell::root().join(RESULTS);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {folder:?}"))?;
    }
    Ok(())
}

/// Writes the table.
///
/// # Errors
/// When sources or results cannot be read, or the table cannot be written.
pub fn write() -> Result<()> {
    let root = shell::root();
    let tests = tests_in(&root.join(CASES_FOLDER))?;
    let results = results_in(&root.join(RESULTS))?;
    let text = render(&tests, &results, &central_systems(&root)?);
    let path = root.join(TABLE);
    std::fs::write(&path, text).with_context(|| format!("cannot write {path:?}"))?;
    println!("── {TABLE}: {} tests", tests.len());
    Ok(())
}

/// What one test said about itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    adapters: BTreeSet<String>,
    peers: BTreeSet<String>,
    failed: bool,
}

/// The tests of all files, as `room::name`, sorted.
fn tests_in(folder: &Path) -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {folder:?}"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let room = path.file_stem().unwrap_or_default().to_string_lossy();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
        tests.extend(
            test_names(&text)
                .into_iter()
                .map(|name| format!("{room}::{name}")),
        );
    }
    Ok(tests)
}

fn test_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            if std::mem::take(&mut is_test) {
                names.push(name);
            }
        }
    }
    names
}

fn results_in(folder: &Path) -> Result<BTreeMap<String, Outcome>> {
    let mut results = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(results);
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {folder:?}"))? {
        let path: PathBuf = entry?.path();
        let test = path.file_name().unwrap_or_default().to_string_lossy();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
        results.insert(test.replace('.', "::"), outcome(&text));
    }
    Ok(results)
}

/// Reads the lines of one test: verdict, adapter, peer. A test may run several stations; one failure fails it.
fn outcome(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        let mut parts = line.split('\t');
        outcome.failed |= parts.next() != Some("passed");
        outcome.adapters.extend(parts.next().map(str::to_owned));
        outcome.peers.extend(parts.next().map(str::to_owned));
    }
    outcome
}

/// Name and version of the central systems, from the files that pin them.
fn central_systems(root: &Path) -> Result<String> {
    let read = |name: &str| {
        let path = root.join("tests").join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))
    };
    let mut systems = Vec::new();
    for file in [
        "conformance/peer/requirements.txt",
        "tests/soap/requirements.txt",
    ] {
        let pinned = read(file)?;
        let pairs = pinned.lines().filter_map(|line| line.split_once("=="));
        systems.extend(pairs.map(|(name, version)| format!("Python `{name}` {version}")));
    }
    for file in [
        "conformance/peer-npm/package.json",
        "tests/soap/package.json",
    ] {
        let package: serde_json::Value = serde_json::from_str(&read(file)?).context(file)?;
        let dependencies = package
            .get("dependencies")
            .and_then(serde_json::Value::as_object);
        let version = |version: &serde_json::Value| version.as_str().unwrap_or("?").to_owned();
        systems.extend(
            dependencies
                .into_iter()
                .flatten()
                .map(|(name, pinned)| format!("npm `{name}` {}", version(pinned))),
        );
    }
    Ok(systems.join(", "))
}

/// The case ids in a test's name: `tc_004_2_card_first…` shows 004_2, `tc_010_and_012_…` shows both.
fn case_ids(name: &str) -> Vec<String> {
    let Some((_, rest)) = name.split_once("tc_") else {
        return Vec::new();
    };
    let mut ids: Vec<String> = Vec::new();
    for word in rest.split('_') {
        let number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        match ids.last_mut() {
            _ if number && word.len() == 3 => ids.push(word.to_owned()),
            Some(last) if number && word.len() == 1 && last.len() == 3 => {
                *last = format!("{last}_{word}");
            }
            _ if word == "and" => {}
            _ => break,
        }
    }
    ids
}

fn render(tests: &BTreeSet<String>, results: &BTreeMap<String, Outcome>, systems: &str) -> String {
    let mut text = format!(
        "# Conformance\n\nGenerated from what each case said when it last ran; `cargo xtask test` runs them all. Do not edit.\n\n\
         The built station with a simulated board, on loopback, against central systems, clients and file servers that nobody here wrote\n\
         ({systems}). The Python central system checks every frame of both sides,\n\
         calls and answers, against the schemas of OCPP 1.6 and against the framing rules; a violation fails the case. It counts frames where they pass and where\n\
         they are checked, and the case fails if the numbers differ.\n\n\
         ## Cases of the list\n\nNumbers as in the compliancy list of OCPP 1.6 for charge points.\n\n\
         | case | title | test | adapter | central system | result |\n|---|---|---|---|---|---|\n"
    );
    for (id, title) in CASES {
        let mut shown = false;
        for test in tests {
            if case_ids(test).iter().any(|other| other == id) {
                text += &format!(
                    "| {id} | {title} | `{test}` | {}\n",
                    cells(results.get(test))
                );
                shown = true;
            }
        }
        if !shown {
            text += &format!("| {id} | {title} | – | – | – | no test |\n");
        }
    }
    text += "\n## Beyond the list\n\n| case | test | adapter | central system | result |\n|---|---|---|---|---|\n";
    for test in tests.iter().filter(|test| case_ids(test).is_empty()) {
        let name = test
            .split_once("::")
            .map_or(test.as_str(), |(_, name)| name);
        let title = name.replace('_', " ");
        text += &format!("| {title} | `{test}` | {}\n", cells(results.get(test)));
    }
    text
}

fn cells(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else {
        return "– | – | no result |".to_owned();
    };
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let verdict = if outcome.failed { "failed" } else { "passed" };
    format!(
        "{} | {} | {verdict} |",
        list(&outcome.adapters),
        list(&outcome.peers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_ids_are_read_from_names() {
        assert_eq!(case_ids("session::tc_003_session"), ["003"]);
        assert_eq!(case_ids("session::tc_004_2_card_first"), ["004_2"]);
        assert_eq!(
            case_ids("operators::lms_tc_010_and_012_remote"),
            ["010", "012"]
        );
        assert_eq!(case_ids("queue::one_call_at_a_time"), [""; 0]);
    }

    #[test]
    fn one_failure_fails_a_test_with_several_stations() {
        let outcome = outcome("passed\te-flux\tPython\nfailed\te-flux\tPython\n");
        assert!(outcome.failed);
        assert_eq!(outcome.adapters.len(), 1);
    }

    #[test]
    fn every_case_has_a_test() {
        let tests = tests_in(&shell::root().join(CASES_FOLDER)).unwrap_or_default();
        let shown: BTreeSet<String> = tests.iter().flat_map(|test| case_ids(test)).collect();
        for (id, title) in CASES {
            assert!(shown.contains(*id), "{id} {title}");
        }
        let listed = |id: &String| CASES.iter().any(|(case, _)| case == id);
        let strangers: Vec<_> = shown.iter().filter(|id| !listed(id)).collect();
        assert!(strangers.is_empty(), "not in the list: {strangers:?}");
    }

    #[test]
    fn table_shows_verdicts_and_what_has_none() {
        let tests = BTreeSet::from(["session::tc_003_a".to_owned(), "queue::b_c".to_owned()]);
        let passed = outcome("passed\te-flux\tPython\n");
        let results = BTreeMap::from([("session::tc_003_a".to_owned(), passed)]);
        let text = render(&tests, &results, "Python `ocpp` 2");
        let row = "| 003 | Session, plug first | `session::tc_003_a` | e-flux | Python | passed |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| b c | `queue::b_c` | – | – | no result |"));
        assert!(text.contains("| 001 | Cold boot | – | – | – | no test |"));
    }
}
