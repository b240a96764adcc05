//! How other programs are started, and what is said when they are missing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command with the terminal's own output.
///
/// # Errors
/// It cannot be started (with `install`, which says what to install), or it fails.
pub fn run(command: &mut Command, install: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{program}`. {install}"))?;
    if !status.success() {
        bail!("`{program}` failed ({status}); its messages are above");
    }
    Ok(())
}

/// Standard output of a command, if it succeeds.
pub fn capture(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// Whether a program can be run with this argument.
pub fn works(program: impl AsRef<OsStr>, argument: &str) -> bool {
    capture(Command::new(program).arg(argument)).is_some()
}

/// The project's own copy of a program, or the one on the PATH.
pub fn own_or_path(folder: &Path, own: &str, name: &str) -> PathBuf {
    let own = folder.join(own).join(name);
    match own.canonicalize() {
        Ok(_) => own,
        Err(_) => PathBuf::from(name),
    }
}
