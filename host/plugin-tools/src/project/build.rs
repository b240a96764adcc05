//! `build`: makes a component of a project.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use sha2::{Digest, Sha256};

use super::contract::Contract;
use super::kind::{Language, Project};
use super::{c, rust, scripts};

/// What to build.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder of the project.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// File of the component. Without it, `build/NAME.wasm` in the project.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Builds, checks, and says what came of it.
///
/// # Errors
/// It is no project, a tool is missing (with what to install), it does not compile, or the component breaks its contract.
pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = arguments.folder.as_path();
    let project = Project::read(folder)?;
    let contract = Contract::read(folder, &project)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => folder.join("build").join(format!("{}.wasm", project.name)),
    };
    let out = std::path::absolute(out)?;
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    // Under another name first, so that nobody ever loads half a component, or one that breaks its contract.
    let unfinished = out.with_extension(format!("{}.tmp", std::process::id()));
    let built = build(folder, &project, &contract, &unfinished)
        .and_then(|bytes| {
            std::fs::rename(&unfinished, &out)
                .with_context(|| format!("cannot write {}", out.display()))?;
            Ok(bytes)
        })
        .inspect_err(|_| drop(std::fs::remove_file(&unfinished)))?;
    let hash: String = Sha256::digest(&built)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("{}", shown(&out).display());
    println!("  {} KiB, sha256 {hash}", built.len().div_ceil(1024));
    Ok(())
}

fn build(
    folder: &Path,
    project: &Project,
    contract: &Contract,
    unfinished: &Path,
) -> Result<Vec<u8>> {
    let title = project.language.title();
    match project.language {
        Language::Rust | Language::C => {
            step(1, &format!("compiling {} ({title})", project.name));
            let module = match project.language {
                Language::C => c::compile(folder, project)?,
                _ => rust::compile(folder, project)?,
            };
            step(2, "making a component of it");
            let component = wit_component::ComponentEncoder::default()
                .validate(true)
                .module(&module)
                .context("the module has no contract; is the export macro missing?")?
                .encode()
                .context("the module does not fit its contract")?;
            std::fs::write(unfinished, component)
                .with_context(|| format!("cannot write {}", unfinished.display()))?;
        }
        Language::Js => {
            step(1, &format!("checking the tools for {title}"));
            step(2, &format!("making a component of {}", project.name));
            scripts::js(folder, project, unfinished)?;
        }
        Language::Python => {
            step(1, &format!("checking the tools for {title}"));
            step(
                2,
                &format!("making a component of {} (some seconds)", project.name),
            );
            scripts::python(folder, project, unfinished)?;
        }
    }
    step(3, "checking it against its contract");
    let bytes = std::fs::read(unfinished)
        .with_context(|| format!("{} was not written", unfinished.display()))?;
    contract.check(&bytes)?;
    Ok(bytes)
}

fn step(number: u32, what: &str) {
    println!("── {number}/3 {what}");
}

/// Relative to the current folder if it is below it.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let relative = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.unwrap_or_else(|| path.to_path_buf())
}
