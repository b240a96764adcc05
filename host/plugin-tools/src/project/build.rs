//! `build`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

/// Which project.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder of the project.
    folder: PathBuf,
}

/// Does it.
///
/// # Errors
/// Whatever is wrong with the project.
pub fn run(arguments: &Arguments) -> Result<()> {
    bail!("{} cannot be used", arguments.folder.display())
}
