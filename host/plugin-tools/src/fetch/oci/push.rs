//! `push`: a component and its signature into a registry, and out comes what stations pin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use wit_parser::decoding::DecodedWasm;

use super::fetch::without_digest;
use super::layout::{self, Interfaces};
use super::registry::Registry;
use crate::fetch::Network;
use crate::fetch::digest::Digest;
use crate::fetch::limits::{MAX_COMPONENT_BYTES, MAX_SIGNATURE_BYTES};
use crate::fetch::source::{Oci, Source};

/// What to push, and where to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The component, name.wasm, its signature name.sig beside it.
    component: PathBuf,
    /// `oci://host/repository[:tag]`, whose last part is the plugin's name.
    target: String,
    /// Push without signature: stations take it in development mode only.
    #[arg(long)]
    unsigned: bool,
    #[command(flatten)]
    network: Network,
}

/// Pushes, and prints the source that stations can pin.
///
/// # Errors
/// The component is none or not signed, or the registry does not take it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let Source::Oci(target) = Source::parse(&arguments.target)? else {
        bail!("a push goes to a registry: oci://host/repository[:tag]");
    };
    without_digest(&target)?;
    check_name(&arguments.component, &target)?;
    let component = read(&arguments.component, MAX_COMPONENT_BYTES)?;
    let signature = signature_of(arguments)?;
    let interfaces = interfaces(&component)
        .with_context(|| format!("{} is no component", arguments.component.display()))?;
    let (config, manifest) =
        layout::write(&target.name, &component, interfaces, signature.as_deref())?;
    let digest = Digest::of(&manifest);
    let client = arguments.network.client()?;
    let mut registry = Registry::new(&client, &target)?;
    eprintln!("{}: {} KiB", target.name, component.len().div_ceil(1_024));
    registry.upload(&component)?;
    registry.upload(&config)?;
    let reference = target.tag.clone().unwrap_or_else(|| digest.to_string());
    registry.upload_manifest(&reference, &manifest)?;
    println!("{}", target.pinned(digest));
    Ok(())
}

/// Stations name the file after the repository, and the signature is for one name.
fn check_name(component: &Path, target: &Oci) -> Result<()> {
    let stem = component.file_stem().unwrap_or_default();
    if stem != target.name.as_str() {
        bail!(
            "{} would become {}.wasm; the repository's last part must be the plugin's name",
            component.display(),
            target.name
        );
    }
    Ok(())
}

fn signature_of(arguments: &Arguments) -> Result<Option<Vec<u8>>> {
    let path = arguments.component.with_extension("sig");
    if arguments.unsigned {
        return Ok(None);
    }
    if !path.exists() {
        bail!(
            "{} is not there; `pilotwire plugin sign` makes it, --unsigned goes without",
            path.display()
        );
    }
    read(&path, MAX_SIGNATURE_BYTES).map(Some)
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    if std::fs::metadata(path).with_context(unreadable)?.len() > max {
        bail!(
            "{} is larger than {max} bytes, which is the most that is taken",
            path.display()
        );
    }
    std::fs::read(path).with_context(unreadable)
}

/// What registries show of a component.
fn interfaces(component: &[u8]) -> Result<Interfaces> {
    let DecodedWasm::Component(resolve, world) = wit_parser::decoding::decode(component)? else {
        bail!("it is a package of interfaces");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    let name = |key| resolve.name_world_key(key);
    Ok(Interfaces {
        exports: world.exports.keys().map(name).collect(),
        imports: world.imports.keys().map(name).collect(),
    })
}
