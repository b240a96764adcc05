//! Signs what this checkout builds, with a publisher key of its own.
//!
//! Tests, demo and packs then go through real signatures. The key is made at the first use, stays in `target/` and is
//! worth nothing elsewhere: no shipped pack names it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;
use signature::{SignatureFile, parse_private_key, private_key_text, public_key_text};

/// The very code that stations check with; see docs/adr/0011-signatures.md for why it is not a dependency.
#[path = "../../../host/plugin-host/src/signature.rs"]
#[allow(dead_code, reason = "signing needs a part of it")]
mod signature;

/// Name of this checkout's publisher.
const PUBLISHER: &str = "development";
/// File of its private key in `target/`.
const PRIVATE_KEY: &str = "development-publisher.key";
/// File of its public key beside the components, as a pack writes it.
pub const PUBLIC_KEY: &str = "publisher.pub";

/// The publisher of what this checkout builds.
pub struct Publisher {
    key: ed25519_dalek::SigningKey,
}

impl Publisher {
    /// The one of this checkout. Writes its public key beside the components.
    ///
    /// # Errors
    /// A key cannot be read, made, understood or written.
    pub fn of_this_checkout() -> Result<Self> {
        let target = shell::root().join("target");
        let publisher = Self::of(&target)?;
        let (path, text) = publisher.public(&target.join("components"));
        super::write_if_changed(&path, text.as_bytes())?;
        Ok(publisher)
    }

    /// The one of this folder (`target/`); its key is made if there is none.
    ///
    /// # Errors
    /// The key cannot be read, made or understood.
    fn of(target: &Path) -> Result<Self> {
        let path = target.join(PRIVATE_KEY);
        if !path.exists() {
            make_key(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let key = parse_private_key(&text).with_context(|| {
            format!(
                "{} is no key; remove it, and a new one is made",
                path.display()
            )
        })?;
        Ok(Self { key })
    }

    /// Text of the signature file of a component.
    #[must_use]
    pub fn sign(&self, name: &str, version: &str, component: &[u8]) -> String {
        SignatureFile::sign(&self.key, PUBLISHER, name, version, component).to_text()
    }

    /// File and text that tell packs and tests who this publisher is.
    fn public(&self, components: &Path) -> (PathBuf, String) {
        let text = format!(
            "[[publisher]]\nname = \"{PUBLISHER}\"\nkey = \"{}\"\n",
            public_key_text(&self.key)
        );
        (components.join(PUBLIC_KEY), text)
    }
}

/// `x.wasm` has its signature in `x.sig`.
#[must_use]
pub fn path_of(component: &Path) -> PathBuf {
    component.with_extension("sig")
}

/// Two runs at once agree on one key: the first that is complete under its name.
fn make_key(path: &Path) -> Result<()> {
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        bail!("the machine gives no random numbers: {error}");
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
        .open(&unfinished)?
        .write_all(private_key_text(&seed).as_bytes())?;
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::signature::parse_public_key;
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("pilotwire-sign-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn key_of_a_checkout_is_made_once_and_is_private() {
        let folder = folder("key");
        let first = Publisher::of(&folder).unwrap();
        let again = Publisher::of(&folder).unwrap();
        assert_eq!(first.key.to_bytes(), again.key.to_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let file = std::fs::metadata(folder.join(PRIVATE_KEY)).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            1,
            "no leftovers"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn signature_is_the_publishers_whose_key_lies_beside_the_components() {
        let folder = folder("public");
        let publisher = Publisher::of(&folder).unwrap();
        let text = publisher.sign("auth-x", "0.1.0", b"component");
        let (path, public) = publisher.public(&folder);
        assert_eq!(path, folder.join("publisher.pub"));
        let public: toml::Table = toml::from_str(&public).unwrap();
        let table = &public["publisher"][0];
        let key = parse_public_key(table["key"].as_str().unwrap()).unwrap();
        let file = SignatureFile::parse(text.as_bytes()).unwrap();
        assert!(file.is_by(&key));
        assert_eq!(table["name"].as_str(), Some(file.publisher.as_str()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn damaged_key_says_what_to_do() {
        let folder = folder("damaged");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(PRIVATE_KEY), "nonsense").unwrap();
        let error = Publisher::of(&folder).err().unwrap();
        assert!(format!("{error:#}").contains("remove it"), "{error:#}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
