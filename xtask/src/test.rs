//! Builds everything and runs every test.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::{ci, conformance, peers, plugins, shell};

/// Conformance cases mostly wait for a peer or a timer, so more of them run at once than there are cores.
const CONFORMANCE_THREADS: &str = "6";
const CONFORMANCE: &str = "binary(=conformance)";
/// What needs Python, npm and a C compiler for WebAssembly.
const FOREIGN: &str = "binary(=conformance) | binary(=projects)";

/// Arguments of `cargo xtask test`.
#[derive(Debug, Default, Args)]
pub struct TestArguments {
    /// Leave out the tests that need Python and Node.js: conformance, and plugin projects.
    #[arg(long)]
    pub no_conformance: bool,
    /// Run only tests whose name contains this.
    pub filter: Option<String>,
}

/// Counts of all test runs together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Which program runs the tests, and so which of its lines count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// One `Summary` line. It also shows the output of failed tests, each with a result line of its own.
    Nextest,
    /// One `test result:` line for each binary.
    Cargo,
}

/// Builds plugins and daemon, installs the peers, runs all tests, closes with counts.
///
/// # Errors
/// When something does not build, a peer cannot be installed, or a test fails.
pub fn run(arguments: &TestArguments) -> Result<()> {
    plugins::run()?;
    if !arguments.no_conformance {
        peers::install()?;
    }
    shell::run(
        "build of the station's program and of its tools",
        shell::cargo().args(["build", "--locked"]).args([
            "--package",
            "pilotwire",
            "--package",
            "pilotwire-plugin",
        ]),
    )?;
    let runner = Runner::find();
    conformance::forget_results()?;
    let mut counts = Counts::default();
    let mut all_ran = true;
    for (what, mut command) in runs(arguments, runner) {
        all_ran &= shell::run_watched(&what, &mut command, |line| counts.read(line, runner))?;
    }
    if !arguments.no_conformance && arguments.filter.is_none() {
        conformance::write()?;
    }
    println!(
        "── all tests: {} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    if counts.failed > 0 {
        bail!("{} tests failed", counts.failed);
    }
    if !all_ran {
        bail!("a test run ended badly; see above");
    }
    if counts.passed == 0 && arguments.filter.is_none() {
        bail!("no test ran");
    }
    Ok(())
}

impl Runner {
    fn find() -> Self {
        if shell::has("cargo-nextest", "--version") {
            return Self::Nextest;
        }
        println!(
            "note: cargo-nextest is not installed, so `cargo test` runs the tests one binary after the other.\n\
             `cargo install cargo-nextest --locked` makes this faster; building it takes some minutes."
        );
        Self::Cargo
    }
}

fn runs(arguments: &TestArguments, runner: Runner) -> Vec<(String, Command)> {
    let nextest = runner == Runner::Nextest;
    let mut runs = Vec::new();
    let mut add = |what: &str, mut cargo: Command, options: &[&str]| {
        if nextest {
            cargo.args([
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ]);
            cargo.args(["--no-tests", "warn"]);
            cargo.args(options).args(&arguments.filter);
        } else {
            cargo.args([
                "test",
                "--workspace",
                "--locked",
                "--no-fail-fast",
                "--lib",
                "--bins",
            ]);
            cargo.args(["--tests"]).args(&arguments.filter);
        }
        runs.push((what.to_owned(), cargo));
    };
    if nextest {
        let rest = match arguments.no_conformance {
            true => format!("not ({FOREIGN})"),
            false => format!("not {CONFORMANCE}"),
        };
        add("tests of the host", shell::cargo(), &["-E", &rest]);
        if !arguments.no_conformance {
            let options = ["-E", CONFORMANCE, "--test-threads", CONFORMANCE_THREADS];
            add("conformance tests", shell::cargo(), &options);
        }
    } else {
        add("tests of the host and conformance", shell::cargo(), &[]);
    }
    add("tests of the plugins, natively", ci::in_plugins(), &[]);
    runs
}

impl Counts {
    /// Reads nextest's summary or one of `cargo test`'s result lines; ignores everything else.
    fn read(&mut self, line: &str, runner: Runner) {
        let line = without_colours(line);
        let line = line.trim();
        let counts = match runner {
            Runner::Nextest => line
                .strip_prefix("Summary")
                .and_then(|rest| rest.split_once("run:"))
                .map(|(_, counts)| counts),
            Runner::Cargo => line.strip_prefix("test result:"),
        };
        for part in counts.unwrap_or_default().split([',', ';', '.', '(', ')']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" | "timed" | "exec" => self.failed += number,
                // nextest's "skipped" are the tests that the other run has, so they are not counted.
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for rest in characters.by_ref() {
                if rest.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(runner: Runner, lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.read(line, runner));
        counts
    }

    #[test]
    fn counts_of_nextest_are_read_with_and_without_colours() {
        let plain =
            "     Summary [   0.213s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped";
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.2s] \u{1b}[1m4\u{1b}[0m tests run: \
                        \u{1b}[1m4\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(
            counts(Runner::Nextest, &[plain, coloured]),
            Counts {
                passed: 14,
                failed: 2,
                skipped: 0
            }
        );
    }

    #[test]
    fn counts_of_cargo_test_are_added_up() {
        let line = "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.1s";
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            counts(Runner::Cargo, &[line, bad]),
            Counts {
                passed: 8,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn timed_out_tests_count_as_failed() {
        let line = "Summary [ 90.0s] 2/3 tests run: 1 passed, 1 timed out, 4 skipped";
        assert_eq!(
            counts(Runner::Nextest, &[line]),
            Counts {
                passed: 1,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn failed_test_whose_output_nextest_shows_counts_once() {
        let output =
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 140 filtered out";
        let summary = "     Summary [   9.1s] 3 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(
            counts(Runner::Nextest, &[output, summary, output]),
            Counts {
                passed: 2,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn other_lines_do_not_count() {
        for runner in [Runner::Nextest, Runner::Cargo] {
            assert_eq!(
                counts(runner, &["PASS [0.1s] x 5 passed", "3 failed"]),
                Counts::default()
            );
        }
    }
}
