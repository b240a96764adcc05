//! Installs what tests need of Python and npm: the independent central systems that the conformance tests talk to, the
//! peers of OCPP-S, and the tools that plugin projects in these languages pin.
//!
//! All come from the package registries and live under the target folder: nothing is installed outside the
//! repository. A stamp file holds what was asked for, so that a second run does nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

const PYTHON_MISSING: &str = "the tests need Python 3 with `venv`: on Debian and Ubuntu \
    `apt-get install python3 python3-venv`";
const NODE_MISSING: &str =
    "the tests need Node.js with npm: on Debian and Ubuntu `apt-get install nodejs npm`";

/// Interpreters tried for the virtual environment, best first.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// Where the templates of plugin projects are.
const TEMPLATES: &str = "host/plugin-tools/templates";

/// Makes sure that peers and tools are there.
///
/// # Errors
/// When Python, `venv` or Node.js are missing (the message says what to install) or a registry does not answer.
pub fn install() -> Result<()> {
    python(
        "the conformance peer",
        &python_folder(),
        "tests/conformance/peer/requirements.txt",
    )?;
    python(
        "plugin projects",
        &shell::root().join("target/projects-venv"),
        &format!("{TEMPLATES}/python/common/requirements.txt"),
    )?;
    node(
        "the second conformance peer",
        &node_folder(),
        "tests/conformance/peer-npm",
        ("ci", ""),
    )?;
    node(
        "plugin projects",
        &shell::root().join("target/projects-npm"),
        &format!("{TEMPLATES}/js/common"),
        // As the README says: some registries lack the tool for some machines, and `ci` wants it for all of them.
        ("install", ".in"),
    )?;
    python(
        "the client of OCPP-S",
        &shell::root().join("target/soap-venv"),
        "tests/tests/soap/requirements.txt",
    )?;
    node(
        "the central system of OCPP-S",
        &shell::root().join("target/soap-npm"),
        "tests/tests/soap",
        ("ci", ""),
    )
}

/// Folder of the Python peer's virtual environment.
pub fn python_folder() -> PathBuf {
    shell::root().join("target/conformance-venv")
}

/// Folder with the npm peer's `node_modules`.
pub fn node_folder() -> PathBuf {
    shell::root().join("target/conformance-npm")
}

/// A virtual environment with what a requirements file pins.
fn python(what: &str, folder: &Path, requirements: &str) -> Result<()> {
    let wanted = shell::root().join(requirements);
    let stamp = folder.join("pilotwire-stamp");
    if is_current(&stamp, &[&wanted]) {
        return Ok(());
    }
    let Some(python) = PYTHONS.iter().find(|python| can_make_environment(python)) else {
        bail!(PYTHON_MISSING);
    };
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(folder);
    shell::run(&format!("Python environment for {what}"), &mut make)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    pip.arg(&wanted);
    shell::run(&format!("pip install for {what}"), &mut pip)?;
    write_stamp(&stamp, &[&wanted])
}

fn can_make_environment(python: &str) -> bool {
    Command::new(python)
        .args([
            "-c",
            "import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 10))",
        ])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A `node_modules` with what a lock file pins. The files of a template (`.in`) have a placeholder for their name.
fn node(what: &str, folder: &Path, source: &str, (verb, ending): (&str, &str)) -> Result<()> {
    let source = shell::root().join(source);
    let (manifest, lock) = (
        source.join(format!("package.json{ending}")),
        source.join(format!("package-lock.json{ending}")),
    );
    let stamp = folder.join("pilotwire-stamp");
    if is_current(&stamp, &[&manifest, &lock]) {
        return Ok(());
    }
    if !shell::has("node", "--version") || !shell::has("npm", "--version") {
        bail!(NODE_MISSING);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {folder:?}"))?;
    for (from, to) in [(&manifest, "package.json"), (&lock, "package-lock.json")] {
        let text =
            std::fs::read_to_string(from).with_context(|| format!("cannot read {from:?}"))?;
        let text = text.replace("{{name}}", "plugin");
        std::fs::write(folder.join(to), text).context(to)?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        verb,
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ]);
    npm.current_dir(folder);
    shell::run(&format!("npm install for {what}"), &mut npm)?;
    write_stamp(&stamp, &[&manifest, &lock])
}

fn wanted_text(files: &[&Path]) -> Result<String> {
    let mut text = String::new();
    for file in files {
        text += &std::fs::read_to_string(file).with_context(|| format!("cannot read {file:?}"))?;
    }
    Ok(text)
}

fn is_current(stamp: &Path, wanted: &[&Path]) -> bool {
    match (std::fs::read_to_string(stamp), wanted_text(wanted)) {
        (Ok(stamped), Ok(wanted)) => stamped == wanted,
        _ => false,
    }
}

fn write_stamp(stamp: &Path, wanted: &[&Path]) -> Result<()> {
    std::fs::write(stamp, wanted_text(wanted)?).with_context(|| format!("cannot write {stamp:?}"))
}
