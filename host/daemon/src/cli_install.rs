//! `pilotwire plugin install`: new components for a station, checked before they are copied. `pilotwire pack apply` then
//! puts them in force, on trial as every change.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use plugin_host::limits::MAX_COMPONENT_BYTES;
use plugin_host::provenance::{self, Trust};
use plugin_host::signature::MAX_SIGNATURE_BYTES;

use crate::cli_plugin;
use crate::cli_sign::signature_path;
use crate::config::{self, Config};
use crate::deploy::read_bounded;
use crate::pack;
use crate::print::out;

/// Longest readable part of a download folder's name.
const MAX_FOLDER_CHARS: usize = 80;

/// Most components of one folder. More: not a folder of plugins.
const MAX_COMPONENTS: usize = 256;

struct New {
    name: String,
    component: Vec<u8>,
    signature: Option<Vec<u8>>,
    origin: String,
}

/// Installs one component, every component of a folder, or one from an HTTPS URL or an OCI registry; all or none.
///
/// # Errors
/// The first component that must not run, or that cannot be read or written.
pub fn run(source: &Path, config: &Path) -> Result<()> {
    let config = config::read(config, &[])?;
    let Some(url) = source.to_str().filter(|source| source.contains("://")) else {
        return install_from(source, &config);
    };
    let folder = config.state_dir.join("fetched").join(folder_of(url));
    let status = cli_plugin::tools()?
        .args(["fetch", url, "--into"])
        .arg(&folder)
        .status()
        .context("the download cannot be started")?;
    if !status.success() {
        // What arrived stays: the next try goes on from there.
        bail!("nothing was installed; try again to resume");
    }
    let installed = install_from(&folder, &config);
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    installed
}

/// Folder in which a download can be resumed: the same for the same source, another for another.
fn folder_of(url: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let readable: String = url.chars().map(letter).take(MAX_FOLDER_CHARS).collect();
    let mut hasher = DefaultHasher::new();
    hasher.write(url.as_bytes());
    let hash = hasher.finish();
    format!("{readable}-{hash:016x}")
}

fn install_from(source: &Path, config: &Config) -> Result<()> {
    let pack = pack::read(&config.pack, &config.plugins)?;
    let mut trust = Trust {
        publishers: config.publishers.clone(),
        revoked: pack.revoked.clone(),
        development: config.development,
    };
    trust.publishers.extend(pack.publishers.iter().cloned());
    let files = components(source)?;
    let mut checked = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let new = check(file, &trust, &pack)
            .with_context(|| format!("{}: nothing was installed", file.display()))?;
        out!(
            "{}/{} checked: {}, {} KiB, {}",
            number + 1,
            files.len(),
            new.name,
            new.component.len() / 1_024,
            new.origin
        );
        checked.push(new);
    }
    std::fs::create_dir_all(&config.components)
        .with_context(|| format!("{} cannot be made", config.components.display()))?;
    for new in &checked {
        install(new, &config.components)?;
    }
    out!(
        "{} installed in {}; `pilotwire pack apply {}` puts them in force",
        checked.len(),
        config.components.display(),
        config.pack.display()
    );
    Ok(())
}

fn components(source: &Path) -> Result<Vec<PathBuf>> {
    if source.is_file() {
        return Ok(vec![source.to_owned()]);
    }
    let entries = std::fs::read_dir(source)
        .with_context(|| format!("{} is neither a component nor a folder", source.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wasm") && path.is_file() {
            files.push(path);
        }
        if files.len() > MAX_COMPONENTS {
            bail!(
                "{} has more than {MAX_COMPONENTS} components",
                source.display()
            );
        }
    }
    if files.is_empty() {
        bail!("{} has no components (*.wasm)", source.display());
    }
    files.sort();
    Ok(files)
}

fn check(file: &Path, trust: &Trust, pack: &pack::Pack) -> Result<New> {
    let name = cli_plugin::stem(file).to_owned();
    let unreadable = || format!("{} cannot be read", file.display());
    let component = read_bounded(file, MAX_COMPONENT_BYTES).with_context(unreadable)?;
    let signature = signature_path(file);
    let signature = match signature.exists() {
        true => Some(read_bounded(&signature, MAX_SIGNATURE_BYTES).with_context(unreadable)?),
        false => None,
    };
    let policy = pack.plugins.iter().find(|policy| policy.name == name);
    let pin = policy.map(|policy| policy.pin.clone()).unwrap_or_default();
    let found = provenance::check(&name, &component, signature.as_deref(), trust, &pin, None)?;
    let (_, manifest) = cli_plugin::manifest_of(file, &component, None)?;
    found.matches(&manifest)?;
    Ok(New {
        name,
        component,
        signature,
        origin: format!("version {}, {found}", manifest.version),
    })
}

/// Both files appear whole: the signature last, so that a station that reads in between refuses rather than mixes.
fn install(new: &New, folder: &Path) -> Result<()> {
    let component = folder.join(format!("{}.wasm", new.name));
    let signature = signature_path(&component);
    write_whole(&component, &new.component)?;
    match &new.signature {
        Some(bytes) => write_whole(&signature, bytes),
        None if signature.exists() => std::fs::remove_file(&signature)
            .with_context(|| format!("{} cannot be removed", signature.display())),
        None => Ok(()),
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_a_component_or_a_folder_of_components() {
        let folder = std::env::temp_dir().join(format!("pilotwire-install-{}", std::process::id()));
        let _left_over = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let error = components(&folder).unwrap_err().to_string();
        assert!(error.contains("has no components"), "{error}");
        for name in ["b.wasm", "a.wasm", "a.sig", "notes.txt"] {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        let found = components(&folder).unwrap();
        assert_eq!(found, [folder.join("a.wasm"), folder.join("b.wasm")]);
        assert_eq!(components(&found[0]).unwrap(), found[..1]);
        assert!(components(&folder.join("none")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
