//! What each test says about itself, for the table in docs/conformance.md (`xtask/src/conformance.rs` merges it).

use std::fs::OpenOptions;
use std::io::Write;

use super::process;

/// Appends one line to the test's file: verdict, adapter, peer. Nothing that fails here fails the case.
pub fn write(adapter: &str, peer: &str) {
    let Some(test) = test_name() else {
        return;
    };
    let folder = process::root().join("target/conformance-results");
    let file = folder.join(test.replace("::", "."));
    let verdict = if std::thread::panicking() {
        "failed"
    } else {
        "passed"
    };
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&file))
        .and_then(|mut file| writeln!(file, "{verdict}\t{adapter}\t{peer}"));
    if let Err(error) = written {
        eprintln!("{}: {error}", file.display());
    }
}

/// The test runner names the thread after the test, or runs the only test it was asked for in the main thread.
fn test_name() -> Option<String> {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| name.contains("::"));
    name.map(str::to_owned).or_else(|| {
        let mut arguments = std::env::args();
        arguments.find(|argument| argument == "--exact")?;
        std::env::args().find(|argument| argument.contains("::"))
    })
}
