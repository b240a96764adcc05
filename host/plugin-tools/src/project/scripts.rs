//! JavaScript and Python projects: tools of these languages make the whole component.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::kind::Project;
use super::process;

const INSTALL_JS: &str = "Run `npm install` in the project's folder (Node.js 18 or newer); it installs what package.json names.";
const INSTALL_PYTHON: &str = "Run `python3 -m venv .venv` and `.venv/bin/pip install --requirement requirements.txt` in the \
    project's folder (Python 3.10 or newer).";

/// Makes the component of a JavaScript project.
///
/// # Errors
/// The tool is missing (the message says what to install), or does not take the project.
pub fn js(folder: &Path, project: &Project, out: &Path) -> Result<()> {
    let tool = process::own_or_path(folder, "node_modules/.bin", "componentize-qjs");
    if !process::works(&tool, "--help") {
        bail!("componentize-qjs is missing. {INSTALL_JS}");
    }
    // Without stubs the component would import a clock, files and random numbers; the synchronous runtime is the one for
    // contracts without asynchronous functions.
    let mut command = Command::new(std::path::absolute(tool)?);
    command.current_dir(folder).args(["--stub-wasi", "--sync"]);
    command.args(["--wit", "wit", "--world", project.kind.name()]);
    command.args(["--module-root", ".", "--js", "src/plugin.js", "--output"]);
    process::run(command.arg(out), INSTALL_JS)
}

/// Makes the component of a Python project.
///
/// # Errors
/// The tool is missing (the message says what to install) or another version than the pinned one, or it does not take the
/// project.
pub fn python(folder: &Path, project: &Project, out: &Path) -> Result<()> {
    let tool = process::own_or_path(folder, ".venv/bin", "componentize-py");
    let Some(version) = process::capture(Command::new(&tool).arg("--version")) else {
        bail!("componentize-py is missing. {INSTALL_PYTHON}");
    };
    let path = folder.join("requirements.txt");
    let pins = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let pinned = pins
        .lines()
        .find_map(|line| line.trim().strip_prefix("componentize-py=="));
    if let Some(pinned) = pinned
        && version.split_whitespace().nth(1) != Some(pinned)
    {
        bail!(
            "{} is here, and requirements.txt wants {pinned}. {INSTALL_PYTHON}",
            version.trim()
        );
    }
    // Left behind by the tests; it would be packed into the component.
    let compiled = folder.join("src/__pycache__");
    if compiled.exists() {
        std::fs::remove_dir_all(&compiled)
            .with_context(|| format!("cannot remove {}", compiled.display()))?;
    }
    let mut command = Command::new(std::path::absolute(tool)?);
    // The folders of the environment would be packed into the component otherwise.
    command.current_dir(folder).env_remove("VIRTUAL_ENV");
    command.args(["--wit-path", "wit", "--world", project.kind.name()]);
    command.args(["componentize", "--stub-wasi", "--python-path", "src"]);
    process::run(command.arg("--output").arg(out).arg("app"), INSTALL_PYTHON)
}
