//! `fetch`: a component and its signature, from an HTTPS URL or an OCI registry, into a folder. `push`: the way there.
//!
//! What arrives is not believed: whoever installs it checks its signature. What is done here is that it arrives whole, of
//! a bounded size, in bounded time, from where it was asked for, and under a name that is one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use client::Client;
use limits::{MAX_TIMEOUT_S, TIMEOUT_S};
use progress::Progress;
use source::Source;

mod client;
mod digest;
mod folder;
mod limits;
pub mod oci;
mod progress;
mod source;
mod transfer;
mod web;

/// What to fetch, and where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// `https://host/path/name.wasm[#sha256=…]`, or `oci://host/repository[:tag]@sha256:…`.
    source: String,
    /// Folder that the component and its .sig file go to.
    #[arg(long)]
    into: PathBuf,
    #[command(flatten)]
    network: Network,
}

/// How to talk to servers.
#[derive(Debug, Args)]
pub struct Network {
    /// PEM file with certificate authorities to trust besides the usual ones. The variable `PILOTWIRE_CA` does the same.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// How long a silent server is waited for, s.
    #[arg(long, default_value_t = TIMEOUT_S, value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT_S))]
    timeout: u64,
}

impl Network {
    fn client(&self) -> Result<Client> {
        let variable = std::env::var_os("PILOTWIRE_CA").map(PathBuf::from);
        let ca = self.ca.as_ref().or(variable.as_ref());
        Client::new(ca.map(PathBuf::as_path), Duration::from_secs(self.timeout))
    }
}

/// Fetches.
///
/// # Errors
/// Whatever kept the component from arriving whole.
pub fn run(arguments: &Arguments) -> Result<()> {
    let source = Source::parse(&arguments.source)?;
    let client = arguments.network.client()?;
    let component = match &source {
        Source::Web(source) => web::fetch(&client, source, &arguments.into)?,
        Source::Oci(source) => oci::fetch::fetch(&client, source, &arguments.into)?,
    };
    println!("{}", component.display());
    Ok(())
}

/// A missing signature is no error here: in development mode a station takes the component.
fn warn_unsigned(progress: &mut Progress, place: &str) {
    progress.say(&format!(
        "warning: not signed: there is no signature at {place}; a station refuses it, except in development mode"
    ));
}
