//! Where a component comes from: `https://…/name.wasm[#sha256=…]` or `oci://host/repository[:tag][@sha256:…]`.

use anyhow::{Context, Result, bail};
use url::{Host, Url};

use super::digest::Digest;
use super::limits::MAX_NAME_CHARS;

/// A parsed source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of a web server.
    Web(Web),
    /// An artefact of a registry.
    Oci(Oci),
}

/// A component at a URL, its signature beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The component's URL, without fragment.
    pub component: Url,
    /// The signature's URL.
    pub signature: Url,
    /// The plugin's name: the file's, without `.wasm`.
    pub name: String,
    /// What the component must be.
    pub digest: Option<Digest>,
}

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oci {
    /// `host` or `host:port`.
    pub host: String,
    /// Repository, with slashes.
    pub repository: String,
    /// Tag, for people; a digest decides.
    pub tag: Option<String>,
    /// Digest of the manifest.
    pub digest: Option<Digest>,
    /// The plugin's name: the repository's last part.
    pub name: String,
}

impl Source {
    /// Reads a source.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("oci://") {
            return Oci::parse(rest).map(Self::Oci);
        }
        Web::parse(text).map(Self::Web)
    }
}

impl Web {
    fn parse(text: &str) -> Result<Self> {
        let mut component = Url::parse(text).with_context(|| {
            format!("{text:?} is no source; write https://host/path/name.wasm or oci://host/repository@sha256:…")
        })?;
        check_scheme(&component)?;
        if !component.username().is_empty() || component.password().is_some() {
            bail!(
                "a source must not contain a password: it would end up in logs; leave out what is before the @"
            );
        }
        let digest = match component.fragment() {
            None => None,
            Some(fragment) => Some(
                fragment
                    .strip_prefix("sha256=")
                    .context("after # only sha256= and 64 hexadecimal digits can follow")
                    .and_then(Digest::from_hex)?,
            ),
        };
        component.set_fragment(None);
        let (folder, file) = component.path().rsplit_once('/').unwrap_or_default();
        let Some(name) = file.strip_suffix(".wasm").filter(|name| !name.is_empty()) else {
            bail!("{component} is no component: the path must end in the plugin's name and .wasm");
        };
        let name = plugin_name(name)?;
        let mut signature = component.clone();
        signature.set_path(&format!("{folder}/{name}.sig"));
        Ok(Self {
            component,
            signature,
            name,
            digest,
        })
    }
}

impl Oci {
    /// Reads what follows `oci://`.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub fn parse(rest: &str) -> Result<Self> {
        let (rest, digest) = match rest.split_once('@') {
            Some((_, digest)) if digest.contains('/') => {
                bail!(
                    "a source must not contain a password: it would end up in logs; see docs/spec/distribution.md for registries that want one"
                )
            }
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (rest, None),
        };
        let (host, path) = rest.split_once('/').with_context(|| {
            format!("oci://{rest} names no repository; write oci://host/repository@sha256:…")
        })?;
        let whole = Url::parse(&format!("https://{host}/"))
            .ok()
            .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
        if whole.is_none() || host.is_empty() {
            bail!("{host:?} is no registry; write host or host:port");
        }
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (path, None),
        };
        if let Some(tag) = tag.as_deref().filter(|tag| !is_tag(tag)) {
            bail!(
                "{tag:?} is no tag; use letters, digits, dots, hyphens and underscores, at most 128"
            );
        }
        if repository.len() > 255 || !repository.split('/').all(is_repository_part) {
            bail!(
                "{repository:?} is no repository; use lower-case letters, digits and hyphens, with / between parts"
            );
        }
        let last = repository.rsplit('/').next().unwrap_or_default();
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag,
            digest,
            name: plugin_name(last)?,
        })
    }

    /// This place with the digest of its manifest: what `fetch` wants.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}"));
        format!(
            "oci://{}/{}{}@{digest}",
            self.host,
            self.repository,
            tag.unwrap_or_default()
        )
    }
}

/// HTTPS, or HTTP to this very machine.
///
/// # Errors
/// Anything else.
pub fn check_scheme(url: &Url) -> Result<()> {
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => bail!(
            "{url} is not encrypted; use https:// (plain http:// is for this machine's own addresses only)"
        ),
        other => bail!("{other}:// is not supported; use https:// or oci://"),
    }
}

/// Whether a URL leads to this very machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A plugin's name as policy packs have it; it becomes a file's name, so nothing that means something in a path.
fn plugin_name(name: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(plain) {
        bail!(
            "{name:?} is no plugin name: lower-case letters, digits and hyphens, at most {MAX_NAME_CHARS}; the source \
             must end in the name that the policy pack uses"
        );
    }
    Ok(name.to_owned())
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_repository_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(plain)
        && part.ends_with(plain)
        && part
            .chars()
            .all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
        && !part.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn web_source_names_component_signature_and_plugin() {
        let text = format!("https://plugins.example/a/auth-open-hours.wasm?v=1#sha256={HEX}");
        let Source::Web(web) = Source::parse(&text).unwrap() else {
            panic!("not a web source");
        };
        assert_eq!(web.name, "auth-open-hours");
        assert_eq!(web.digest.unwrap().hex(), HEX);
        assert_eq!(
            [web.component.as_str(), web.signature.as_str()],
            [
                "https://plugins.example/a/auth-open-hours.wasm?v=1",
                "https://plugins.example/a/auth-open-hours.sig?v=1"
            ]
        );
    }

    #[test]
    fn registry_source_names_host_repository_tag_and_digest() {
        let text = format!("oci://registry.example:5000/acme/auth-hours:1.0@sha256:{HEX}");
        let Source::Oci(oci) = Source::parse(&text).unwrap() else {
            panic!("not a registry source");
        };
        assert_eq!(oci.host, "registry.example:5000");
        assert_eq!(oci.repository, "acme/auth-hours");
        assert_eq!(oci.tag.as_deref(), Some("1.0"));
        assert_eq!(oci.name, "auth-hours");
        assert_eq!(oci.pinned(oci.digest.unwrap()), text);
    }

    #[test]
    fn source_that_is_none_is_refused_with_what_to_write() {
        let table = [
            ("auth.wasm", "is no source; write https://"),
            ("ftp://host.example/a.wasm", "ftp:// is not supported"),
            (
                "http://host.example/a.wasm",
                "is not encrypted; use https://",
            ),
            (
                "https://u:p@host.example/a.wasm",
                "must not contain a password",
            ),
            (
                "https://host.example/a.wat",
                "must end in the plugin's name and .wasm",
            ),
            (
                "https://host.example/.wasm",
                "must end in the plugin's name and .wasm",
            ),
            ("https://host.example/a.wasm#latest", "after # only sha256="),
            (
                "https://host.example/a.wasm#sha256=12",
                "64 lower-case hexadecimal",
            ),
            (
                "https://host.example/..%2f..%2fetc%2fa.wasm",
                "is no plugin name",
            ),
            ("https://host.example/%2e%2e.wasm", "is no plugin name"),
            ("https://host.example/Auth.wasm", "is no plugin name"),
            ("https://host.example/a\\..\\b_c.wasm", "is no plugin name"),
            ("oci://registry.example", "names no repository"),
            (
                "oci://u:p@registry.example/a",
                "must not contain a password",
            ),
            ("oci:///a", "is no registry"),
            ("oci://registry.example?x/a", "is no registry"),
            ("oci://registry.example/../a", "is no repository"),
            ("oci://registry.example/a/..", "is no repository"),
            ("oci://registry.example/A", "is no repository"),
            ("oci://registry.example/a//b", "is no repository"),
            ("oci://registry.example/a.b", "is no plugin name"),
            ("oci://registry.example/a:?", "is no tag"),
            ("oci://registry.example/a@latest", "is no digest"),
            (
                "oci://registry.example/a@sha512:00",
                "sha512 digests are not supported",
            ),
        ];
        for (text, reason) in table {
            let error = format!("{:#}", Source::parse(text).unwrap_err());
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in ["127.0.0.1:80", "127.9.9.9", "[::1]:8080", "localhost"] {
            assert!(
                Source::parse(&format!("http://{text}/a.wasm")).is_ok(),
                "{text}"
            );
        }
        for text in ["192.168.0.1", "127.0.0.1.host.example", "localhost.example"] {
            assert!(
                Source::parse(&format!("http://{text}/a.wasm")).is_err(),
                "{text}"
            );
        }
    }
}
