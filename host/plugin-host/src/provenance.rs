//! Who vouches for a component: checked before a single byte of it is interpreted.
//!
//! A component is loaded only if a publisher that is trusted here signed exactly these bytes under this name, if neither
//! key, bytes nor version are revoked, if it is the version that the pack wants, and if it is not older than what ran
//! here before. A development mode accepts what nobody signed, and says so wherever it is shown.

use std::fmt;

use ed25519_dalek::VerifyingKey;
use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};
use sha2::{Digest, Sha256};

use crate::Manifest;
use crate::limits::MAX_COMPONENT_BYTES;
use crate::signature::{SignatureError, SignatureFile, to_hex};

/// Somebody whose plugins may run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Name, as in signatures.
    pub name: String,
    /// Its public key.
    pub key: VerifyingKey,
}

/// Something that must not run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// Everything signed with this key.
    Key(VerifyingKey),
    /// Exactly this component.
    Component([u8; 32]),
    /// Versions of a plugin.
    Versions {
        /// The plugin.
        plugin: String,
        /// Which, for example `<0.3.1`. Pre-releases are meant as well, as far as they come before.
        versions: VersionReq,
    },
}

/// Which version of a plugin the pack wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pin {
    /// Exactly this version.
    pub version: Option<Version>,
    /// Exactly these bytes.
    pub sha256: Option<[u8; 32]>,
}

/// Who is trusted, and what not any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// Publishers.
    pub publishers: Vec<Publisher>,
    /// What must not run.
    pub revoked: Vec<Revocation>,
    /// Components without a signature run too. Not for the street.
    pub development: bool,
}

/// Who vouches for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// A publisher signed it.
    Signed {
        /// Who.
        publisher: String,
        /// Which version.
        version: Version,
    },
    /// Nobody; the development mode let it through.
    Development,
}

impl Provenance {
    /// Whether a loaded component says of itself what was signed.
    ///
    /// # Errors
    /// [`ProvenanceError::Manifest`]; the component must not run then.
    pub fn matches(&self, manifest: &Manifest) -> Result<(), ProvenanceError> {
        match self {
            Self::Signed { version, .. } if version.to_string() != manifest.version => {
                Err(ProvenanceError::Manifest {
                    signed: version.clone(),
                    says: manifest.version.clone(),
                })
            }
            Self::Signed { .. } | Self::Development => Ok(()),
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed { publisher, .. } => write!(f, "signed by {publisher}"),
            Self::Development => f.write_str("NOT SIGNED (development mode)"),
        }
    }
}

/// Why a component must not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// Larger than any plugin.
    #[error("{bytes} bytes is larger than any plugin may be ({MAX_COMPONENT_BYTES})")]
    TooLarge {
        /// Size.
        bytes: usize,
    },
    /// No signature file.
    #[error(
        "it is not signed; put its .sig file beside it, or for development set `development = true` in the station's configuration"
    )]
    Unsigned,
    /// The signature file makes no sense.
    #[error("its signature file cannot be used: {0}; get it again from the publisher")]
    Malformed(#[from] SignatureError),
    /// Signed under another name.
    #[error("the signature is for {signed}, not for {wanted}; get the right .sig file")]
    Name {
        /// As signed.
        signed: String,
        /// As the pack says.
        wanted: String,
    },
    /// Other bytes than were signed: changed, cut, or another file.
    #[error("its bytes are not the ones that {publisher} signed; download it again")]
    Tampered {
        /// Who signed others.
        publisher: String,
    },
    /// Nobody trusted here is called so.
    #[error(
        "{publisher} signed it, who is not trusted here; add the publisher to the pack ([[publisher]]) if that is right"
    )]
    Unknown {
        /// Who.
        publisher: String,
    },
    /// The signature is not by the key that is trusted.
    #[error(
        "no key of {publisher} that is trusted here made the signature (it names key {key}); do not use this file unless {publisher} announced a new key, which then belongs into the pack"
    )]
    Forged {
        /// Who it pretends to be.
        publisher: String,
        /// The key that it names.
        key: String,
    },
    /// Revoked.
    #[error("{what} is revoked; install a later version")]
    Revoked {
        /// Key, component or version.
        what: String,
    },
    /// Not a version.
    #[error("{version:?} is no semantic version; the publisher has to sign it again")]
    Version {
        /// As signed.
        version: String,
    },
    /// The pack wants another one.
    #[error("it is {found}, the pack wants {wanted}; install that one, or change the pack")]
    Pinned {
        /// What it is.
        found: String,
        /// What the pack says.
        wanted: String,
    },
    /// The component says of itself that it is another version than the signed one.
    #[error(
        "version {signed} was signed, but it says it is {says:?}; the publisher has to sign it again"
    )]
    Manifest {
        /// As signed.
        signed: Version,
        /// As the component says.
        says: String,
    },
    /// Older than what ran here.
    #[error(
        "version {found} is older than {highest}, which ran here before; to go back on purpose, pin `version = \"{found}\"` in the pack"
    )]
    Downgrade {
        /// What it is.
        found: Version,
        /// What ran.
        highest: Version,
    },
}

/// Checks who vouches for a component. `signature` are the bytes of its signature file; `highest` is the highest version
/// of this plugin that ever ran here.
///
/// # Errors
/// [`ProvenanceError`]; the component must not be loaded then.
pub fn check(
    name: &str,
    component: &[u8],
    signature: Option<&[u8]>,
    trust: &Trust,
    pin: &Pin,
    highest: Option<&Version>,
) -> Result<Provenance, ProvenanceError> {
    if component.len() > MAX_COMPONENT_BYTES {
        return Err(ProvenanceError::TooLarge {
            bytes: component.len(),
        });
    }
    let sha256: [u8; 32] = Sha256::digest(component).into();
    if trust.revoked.contains(&Revocation::Component(sha256)) {
        return Err(revoked(format!("the component {}", to_hex(&sha256))));
    }
    if let Some(wanted) = pin.sha256.filter(|wanted| *wanted != sha256) {
        return Err(ProvenanceError::Pinned {
            found: to_hex(&sha256),
            wanted: to_hex(&wanted),
        });
    }
    let Some(signature) = signature else {
        return match trust.development {
            true => Ok(Provenance::Development),
            false => Err(ProvenanceError::Unsigned),
        };
    };
    let file = SignatureFile::parse(signature)?;
    let key = signed_by(&file, trust)?;
    if trust.revoked.contains(&Revocation::Key(key)) {
        return Err(revoked(format!("the key of {}", file.publisher)));
    }
    if file.name != name {
        return Err(ProvenanceError::Name {
            signed: file.name,
            wanted: name.to_owned(),
        });
    }
    if file.sha256 != sha256 {
        return Err(ProvenanceError::Tampered {
            publisher: file.publisher,
        });
    }
    let version = check_version(&file, trust, pin, highest)?;
    Ok(Provenance::Signed {
        publisher: file.publisher,
        version,
    })
}

/// The trusted key that made the signature.
fn signed_by(file: &SignatureFile, trust: &Trust) -> Result<VerifyingKey, ProvenanceError> {
    let publisher = file.publisher.clone();
    let mut named = trust
        .publishers
        .iter()
        .filter(|known| known.name == publisher)
        .peekable();
    if named.peek().is_none() {
        return Err(ProvenanceError::Unknown { publisher });
    }
    // A publisher may have an old and a new key.
    let by = named.find(|known| file.is_by(&known.key));
    by.map(|known| known.key).ok_or(ProvenanceError::Forged {
        publisher,
        key: file.key_id.clone(),
    })
}

fn check_version(
    file: &SignatureFile,
    trust: &Trust,
    pin: &Pin,
    highest: Option<&Version>,
) -> Result<Version, ProvenanceError> {
    let version = Version::parse(&file.version).map_err(|_| ProvenanceError::Version {
        version: file.version.clone(),
    })?;
    let is_revoked = trust.revoked.iter().any(|revocation| match revocation {
        Revocation::Versions { plugin, versions } => {
            *plugin == file.name && covers(versions, &version)
        }
        Revocation::Key(_) | Revocation::Component(_) => false,
    });
    if is_revoked {
        return Err(revoked(format!("{} {version}", file.name)));
    }
    match &pin.version {
        Some(wanted) if *wanted != version => Err(ProvenanceError::Pinned {
            found: format!("version {version}"),
            wanted: format!("version {wanted}"),
        }),
        // Whoever pins a version, or the very bytes, knows what it is.
        Some(_) => Ok(version),
        None if pin.sha256.is_some() => Ok(version),
        None => match highest.filter(|highest| version < **highest) {
            Some(highest) => Err(ProvenanceError::Downgrade {
                found: version,
                highest: highest.clone(),
            }),
            None => Ok(version),
        },
    }
}

/// Whether revoked versions include this one. A requirement alone leaves pre-releases out, which is right for what one
/// wants and wrong for what one must not have: `<0.3.1` has to catch 0.3.0-rc.1 too.
fn covers(versions: &VersionReq, version: &Version) -> bool {
    let release = Version::new(version.major, version.minor, version.patch);
    let below = |comparator: &Comparator| Version {
        major: comparator.major,
        minor: comparator.minor.unwrap_or(0),
        patch: comparator.patch.unwrap_or(0),
        pre: comparator.pre.clone(),
        build: BuildMetadata::EMPTY,
    };
    versions.matches(version)
        || version.pre != Prerelease::EMPTY
            && versions
                .comparators
                .iter()
                .all(|comparator| match comparator.op {
                    Op::Less => *version < below(comparator),
                    _ => comparator.matches(&release) || comparator.matches(version),
                })
}

fn revoked(what: String) -> ProvenanceError {
    ProvenanceError::Revoked { what }
}
