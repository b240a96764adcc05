//! Trusted publishers and revocations, as configurations and packs write them.

use plugin_host::provenance::{Pin, Publisher, Revocation};
use plugin_host::signature::{from_hex, parse_public_key};
use semver::{Version, VersionReq};
use serde::Deserialize;
use toml::Spanned;

use crate::config::{ConfigError, Source};

/// One `[[publisher]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherTable {
    name: String,
    key: String,
}

/// One `[[revoked]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedTable {
    key: Option<String>,
    sha256: Option<String>,
    plugin: Option<String>,
    versions: Option<String>,
}

/// Checks publishers.
///
/// # Errors
/// [`ConfigError`] for the first that is wrong.
pub fn publishers(
    source: &Source<'_>,
    tables: &[Spanned<PublisherTable>],
) -> Result<Vec<Publisher>, ConfigError> {
    let mut publishers = Vec::new();
    for table in tables {
        let line = Some(source.line_at(table.span().start));
        let PublisherTable { name, key } = table.get_ref();
        let Some(key) = parse_public_key(key) else {
            return Err(source.error(
                line,
                "key",
                format!("is no public key of publisher {name:?}"),
                "write the 64 hexadecimal digits that `pilotwire plugin keygen` printed",
            ));
        };
        if name.is_empty() {
            return Err(source.error(line, "name", "is empty", "write the publisher's name"));
        }
        publishers.push(Publisher {
            name: name.clone(),
            key,
        });
    }
    Ok(publishers)
}

/// Checks revocations.
///
/// # Errors
/// [`ConfigError`] for the first that is wrong.
pub fn revoked(
    source: &Source<'_>,
    tables: &[Spanned<RevokedTable>],
) -> Result<Vec<Revocation>, ConfigError> {
    let mut revoked = Vec::new();
    for table in tables {
        let refuse = |key: &str, reason: &str, remedy: &str| {
            let line = Some(source.line_at(table.span().start));
            Err(source.error(line, key, reason, remedy))
        };
        let RevokedTable {
            key,
            sha256,
            plugin,
            versions,
        } = table.get_ref();
        revoked.push(match (key, sha256, plugin, versions) {
            (Some(key), None, None, None) => match parse_public_key(key) {
                Some(key) => Revocation::Key(key),
                None => return refuse("key", "is no public key", "write its 64 digits"),
            },
            (None, Some(sha256), None, None) => match from_hex(sha256) {
                Some(sha256) => Revocation::Component(sha256),
                None => return refuse("sha256", "is no SHA-256", "write its 64 digits"),
            },
            (None, None, Some(plugin), Some(versions)) => match VersionReq::parse(versions) {
                Ok(versions) => Revocation::Versions {
                    plugin: plugin.clone(),
                    versions,
                },
                Err(_) => {
                    return refuse(
                        "versions",
                        "names no versions",
                        "write for example \"<0.3.1\" or \"=0.2.0\"",
                    );
                }
            },
            _ => {
                return refuse(
                    "revoked",
                    "has to say exactly one thing",
                    "write `key`, or `sha256`, or `plugin` with `versions`",
                );
            }
        });
    }
    Ok(revoked)
}

/// Checks what a pack says about the version of one plugin.
///
/// # Errors
/// [`ConfigError`] if it is no version or no SHA-256.
pub fn pin(
    source: &Source<'_>,
    line: usize,
    version: Option<&str>,
    sha256: Option<&str>,
) -> Result<Pin, ConfigError> {
    let version = match version.map(Version::parse).transpose() {
        Ok(version) => version,
        Err(_) => {
            return Err(source.error(
                Some(line),
                "version",
                "is no version",
                "write for example \"0.3.1\"",
            ));
        }
    };
    let sha256 = match sha256.map(from_hex) {
        Some(None) => {
            return Err(source.error(
                Some(line),
                "sha256",
                "is no SHA-256",
                "write its 64 lower-case digits",
            ));
        }
        Some(sha256) => sha256,
        None => None,
    };
    Ok(Pin { version, sha256 })
}
