//! `pilotwire plugin keygen|sign|verify`: for publishers of plugins, and for whoever wants to know who made one.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use plugin_host::provenance::{self, Pin, Publisher, Trust};
use plugin_host::signature::{
    SignatureFile, parse_private_key, parse_public_key, private_key_text, public_key_text,
};

use crate::print::out;
use crate::{cli_plugin, pack};

/// Makes a key pair. The private key goes to a new file; the public one is printed as a pack wants it.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn keygen(out: &Path, publisher: &str) -> Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow::anyhow!("the machine gives no random numbers: {error}"))?;
    let text = private_key_text(&seed);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| {
            format!(
                "{} cannot be made; a key that exists is never overwritten",
                out.display()
            )
        })?;
    let key = parse_private_key(&text)?;
    out!(
        "# {} is secret. This goes into policy packs:",
        out.display()
    );
    out!(
        "[[publisher]]\nname = {publisher:?}\nkey = {:?}",
        public_key_text(&key)
    );
    Ok(())
}

/// Signs a component and writes the signature beside it.
///
/// # Errors
/// The component is no plugin, or a file cannot be read or written.
pub fn sign(key: &Path, publisher: &str, component: &Path) -> Result<()> {
    let text = std::fs::read_to_string(key)
        .with_context(|| format!("the key {} cannot be read", key.display()))?;
    let key = parse_private_key(&text).with_context(|| {
        format!(
            "{} is no key file; `pilotwire plugin keygen` makes one",
            key.display()
        )
    })?;
    let bytes = read(component)?;
    let (_, manifest) = cli_plugin::manifest_of(component, &bytes, None)?;
    semver::Version::parse(&manifest.version).with_context(|| {
        format!(
            "the plugin says its version is {:?}, which is no semantic version",
            manifest.version
        )
    })?;
    let file = SignatureFile::sign(&key, publisher, &manifest.name, &manifest.version, &bytes);
    let (out, text) = (signature_path(component), file.to_text());
    // A publisher's name may be anything on the command line, but not in a signature.
    SignatureFile::parse(text.as_bytes())
        .with_context(|| format!("no station could read a signature by {publisher:?}"))?;
    std::fs::write(&out, text).with_context(|| format!("{} cannot be written", out.display()))?;
    out!(
        "{}: {} {} by {publisher}",
        out.display(),
        manifest.name,
        manifest.version
    );
    Ok(())
}

/// Says who signed a component, and whether it may run.
///
/// # Errors
/// It may not, with the reason.
pub fn verify(component: &Path, pack: Option<&Path>, key: Option<&str>) -> Result<()> {
    let bytes = read(component)?;
    let path = signature_path(component);
    let signature = std::fs::read(&path)
        .with_context(|| format!("the signature {} cannot be read", path.display()))?;
    let (name, mut trust, mut pin) = (
        cli_plugin::stem(component),
        Trust::default(),
        Pin::default(),
    );
    if let Some(pack) = pack {
        let pack = pack::read(pack, &Default::default())?;
        (trust.publishers, trust.revoked) = (pack.publishers, pack.revoked);
        let policy = pack.plugins.into_iter().find(|policy| policy.name == name);
        pin = policy.map(|policy| policy.pin).unwrap_or_default();
    }
    if let Some(key) = key {
        let key = parse_public_key(key).context("`--publisher-key` is no public key")?;
        // Whoever it is: the name in the file is the one that is asked about.
        let name = SignatureFile::parse(&signature)?.publisher;
        trust.publishers.push(Publisher { name, key });
    }
    if trust.publishers.is_empty() {
        bail!("nobody is trusted; say whom with --pack or --publisher-key");
    }
    let found = provenance::check(name, &bytes, Some(&signature), &trust, &pin, None)
        .with_context(|| format!("{} must not run", component.display()))?;
    let (_, manifest) = cli_plugin::manifest_of(component, &bytes, None)?;
    match found {
        provenance::Provenance::Signed { publisher, version }
            if version.to_string() == manifest.version =>
        {
            out!(
                "{}: {name} {version}, signed by {publisher}",
                component.display()
            );
            Ok(())
        }
        provenance::Provenance::Signed { version, .. } => bail!(
            "{} says it is version {}, but {version} was signed",
            component.display(),
            manifest.version
        ),
        provenance::Provenance::Development => bail!("{} is not signed", component.display()),
    }
}

/// `x.wasm` has its signature in `x.sig`.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    component.with_extension("sig")
}

fn read(component: &Path) -> Result<Vec<u8>> {
    std::fs::read(component)
        .with_context(|| format!("the component {} cannot be read", component.display()))
}
