//! `fetch`: a component and its signature, from an HTTPS URL or an OCI registry, into a folder.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

/// What to fetch, and where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// `https://host/path/name.wasm`, or `oci://host/repository@sha256:…`.
    source: String,
    /// Folder that the component and its .sig file go to.
    #[arg(long)]
    into: PathBuf,
}

/// Fetches.
///
/// # Errors
/// Whatever kept the component from arriving whole.
pub fn run(arguments: &Arguments) -> Result<()> {
    bail!(
        "{} cannot be fetched into {}",
        arguments.source,
        arguments.into.display()
    )
}
