//! Where things are, and how other programs are started.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The repository's top folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target folder of the host workspace.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(set) => root().join(set),
        None => root().join("target"),
    }
}

/// The cargo that runs this command; Debian's would lack the toolchain's components.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Announces and runs a command with the terminal's own output; fails with `what` when it fails.
///
/// # Errors
/// When the program cannot be started or ends with another code than 0.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    step(what);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| cannot_start(command, what))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    Ok(())
}

/// Runs a command, shows its standard error line by line and gives the lines to `seen`.
///
/// Returns whether the command succeeded. Errors only when it cannot be run at all.
pub fn run_watched(what: &str, command: &mut Command, mut seen: impl FnMut(&str)) -> Result<bool> {
    step(what);
    // Both streams go through one pipe so that their lines keep their order.
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.stdin(Stdio::null());
    command
        .stdout(writer.try_clone().context("no pipe")?)
        .stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| cannot_start(command, what))?;
    // The command keeps copies of the pipe's writing end; they must go, or the end of output is never seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("output broke off")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        seen(&line);
    }
    Ok(child.wait().context("lost the child process")?.success())
}

/// Runs a command silently and returns its standard output.
///
/// # Errors
/// When it cannot be started or fails; its standard error is in the message.
pub fn capture(what: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command, what))?;
    if !output.status.success() {
        bail!(
            "{what}: failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be found and run.
pub fn has(program: impl AsRef<OsStr>, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Prints a heading.
pub fn step(what: &str) {
    println!("── {what}");
}

fn cannot_start(command: &Command, what: &str) -> String {
    format!(
        "{what}: cannot start `{}`; is it installed?",
        command.get_program().to_string_lossy()
    )
}
