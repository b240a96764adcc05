//! Follows a document to the letter: runs its `sh` blocks one after the other in one shell in an empty folder, and compares
//! what they print with the `text` blocks behind them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::programs::{command, scratch, text};

/// Stands in a `text` block for whatever comes: at the end of a line for its rest, alone on a line for any number of lines.
const ANYTHING: &str = "…";

/// One `sh` block and what it prints, if the document says so.
#[derive(Debug, Default)]
struct Step {
    commands: String,
    shown: Option<String>,
}

/// Follows the document.
pub fn follow(document: &Path) {
    let steps = steps(&std::fs::read_to_string(document).unwrap());
    assert!(steps.len() > 3, "{} has no steps", document.display());
    let folder = scratch("tutorial");
    let mut script = String::from("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n");
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(script, "exec > \"$SHOWN/{number}\" 2>&1\n{}", step.commands);
    }
    let shown = folder.join("shown");
    let work = folder.join("work");
    std::fs::create_dir_all(&shown).unwrap();
    std::fs::create_dir_all(&work).unwrap();
    let mut bash = command("bash");
    bash.current_dir(&work).env("SHOWN", &shown);
    // No job may hold the pipes open after the shell's end.
    bash.stdin(Stdio::null());
    let output = bash.args(["-c", &script]).output().unwrap();
    let printed = |number: usize| {
        let bytes = std::fs::read(shown.join(number.to_string()));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let reached = (0..steps.len()).rfind(|number| printed(*number).is_ok());
    let last = reached.unwrap_or_default();
    assert!(
        output.status.success(),
        "step {last} failed ({}):\n{}\n{}\n{}",
        output.status,
        steps[last].commands,
        printed(last).unwrap_or_default(),
        text(&output)
    );
    for (number, step) in steps.iter().enumerate() {
        let printed = printed(number).unwrap();
        if let Some(shown) = &step.shown {
            assert!(
                matches(shown, &printed),
                "step {number}:\n{}\nshows\n{shown}\nand prints\n{printed}",
                step.commands
            );
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<(&str, String)> = None;
    for line in document.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language, String::new())),
            (None, None) => {}
            (Some((_, content)), None) => {
                content.push_str(line);
                content.push('\n');
            }
            (Some((language, content)), Some(_)) => {
                let content = std::mem::take(content);
                match (*language, steps.last_mut()) {
                    ("sh", _) => steps.push(Step {
                        commands: content,
                        shown: None,
                    }),
                    ("text", Some(step)) => step.shown = Some(content),
                    _ => {}
                }
                block = None;
            }
        }
    }
    steps
}

/// Whether the lines of a `text` block are those that were printed.
fn matches(shown: &str, printed: &str) -> bool {
    let shown: Vec<_> = shown.lines().map(str::trim_end).collect();
    let printed: Vec<_> = printed.lines().map(str::trim_end).collect();
    lines_match(&shown, &printed)
}

fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return printed.is_empty();
    };
    if *first == ANYTHING {
        return (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]));
    }
    let Some((line, others)) = printed.split_first() else {
        return false;
    };
    line_matches(first, line) && lines_match(rest, others)
}

/// `…` in a line stands for any text.
fn line_matches(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn shown_text_stands_for_what_is_printed() {
    assert!(matches("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(matches("size … KiB, hash …\n", "size 46 KiB, hash 0af\n"));
    assert!(matches("…\n", ""));
    for (shown, printed) in [
        ("a\n", ""),
        ("", "a\n"),
        ("a\n", "ab\n"),
        ("a…c\n", "ab\n"),
        ("…\nx\n", "a\n"),
    ] {
        assert!(!matches(shown, printed), "{shown:?} {printed:?}");
    }
}
