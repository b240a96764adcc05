//! `fetch` from a registry.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::layout::Artefact;
use super::registry::Registry;
use crate::fetch::client::{Ask, Client};
use crate::fetch::digest::Digest;
use crate::fetch::folder::{self, Part};
use crate::fetch::progress::Progress;
use crate::fetch::source::Oci;
use crate::fetch::transfer::{self, Expected};
use crate::fetch::warn_unsigned;

/// Fetches.
///
/// # Errors
/// Whatever kept the component from arriving whole.
pub fn fetch(client: &Client, source: &Oci, into: &Path) -> Result<PathBuf> {
    let mut registry = Registry::new(client, source)?;
    let Some(pin) = source.digest else {
        return Err(unpinned(&mut registry, source));
    };
    let artefact = Artefact::parse(&registry.pinned("manifests", "manifest", pin)?)?;
    let config = registry.pinned("blobs", "configuration", artefact.config_digest)?;
    artefact.check_config(&config)?;

    let component = into.join(format!("{}.wasm", source.name));
    let mut progress = Progress::new(&format!("{}.wasm", source.name));
    let signature = artefact.signature.as_deref();
    if signature.is_none() {
        warn_unsigned(&mut progress, &source.pinned(pin));
    }
    if folder::finished(&component) == Some(artefact.layer_digest) {
        progress.say("the component is here already");
        folder::place_signature(&component, signature)?;
        return Ok(component);
    }
    let mut part = Part::open(into, &source.name, &artefact.layer.digest)?;
    let blob = registry.url(&format!("blobs/{}", artefact.layer_digest))?;
    let expected = Expected {
        digest: Some(artefact.layer_digest),
        size: Some(artefact.layer.size),
    };
    let mut request = |headers| {
        registry.send(Ask {
            headers,
            ..Ask::get(&blob)
        })
    };
    if let Err(error) = transfer::fetch(&mut part, expected, &mut request, &mut progress) {
        if part.len().ok() == Some(0) {
            part.discard();
        }
        return Err(error);
    }
    part.finish(&component, signature)?;
    Ok(component)
}

/// What to say to a source without digest: the tag's digest of now, so that it can be pinned.
fn unpinned(registry: &mut Registry<'_>, source: &Oci) -> anyhow::Error {
    let tag = source.tag.as_deref().unwrap_or("latest");
    let why = "a tag can be moved to another component, so the digest has to be given";
    match registry.document(&format!("manifests/{tag}")) {
        Ok(manifest) => anyhow::anyhow!(
            "{why}; the tag {tag} is this one now: {}",
            source.pinned(Digest::of(&manifest))
        ),
        Err(error) => error.context(format!(
            "{why}: write oci://{}/{}@sha256:…; the digest of the tag {tag} cannot be had",
            source.host, source.repository
        )),
    }
}

/// Refuses a source for `push` that has a digest: it comes out of the push.
///
/// # Errors
/// It has one.
pub fn without_digest(source: &Oci) -> Result<()> {
    if source.digest.is_some() {
        bail!("leave out the digest: it is known after the push, which prints it");
    }
    Ok(())
}
