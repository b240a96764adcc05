//! Who we are to a registry: from the environment, or from the file that container tools keep.

use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fetch::client::read_bounded;

/// Name and password as the value of an `Authorization` header; none: anonymous.
///
/// # Errors
/// The file that should say is unreadable.
pub fn basic(host: &str) -> Result<Option<String>> {
    let user = std::env::var("PILOTWIRE_REGISTRY_USER").ok();
    let password = std::env::var("PILOTWIRE_REGISTRY_PASSWORD").ok();
    if let (Some(user), Some(password)) = (user, password) {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        return Ok(Some(format!("Basic {pair}")));
    }
    let Some(path) = container_file().filter(|path| path.exists()) else {
        return Ok(None);
    };
    let bytes = read_bounded(&path)?;
    stored(&bytes, host).with_context(|| format!("{} is not JSON", path.display()))
}

fn container_file() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    Some(folder.or_else(home)?.join("config.json"))
}

fn stored(bytes: &[u8], host: &str) -> Result<Option<String>> {
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    let entry = value.get("auths").and_then(|hosts| hosts.get(host));
    let pair = entry.and_then(|entry| entry.get("auth")?.as_str());
    Ok(pair
        .filter(|pair| !pair.is_empty())
        .map(|pair| format!("Basic {pair}")))
}

/// What a registry says about how to log in.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenge {
    /// With name and password.
    Basic,
    /// With a token that is got at `realm`.
    Bearer {
        /// Where tokens are got.
        realm: String,
        /// What to ask for there.
        query: Vec<(String, String)>,
    },
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut query) = (None, Vec::new());
        let mut rest = rest.trim_start();
        // Values are quoted, and a scope has commas inside.
        while let Some((key, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"')?;
            match key {
                "realm" => realm = Some(value.to_owned()),
                "service" | "scope" => query.push((key.to_owned(), value.to_owned())),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        let realm = realm?;
        Some(Self::Bearer { realm, query })
    }
}

/// The token of a token server's answer.
///
/// # Errors
/// There is none.
pub fn token(answer: &[u8]) -> Result<String> {
    let value: serde_json::Value =
        serde_json::from_slice(answer).context("the token server's answer is not JSON")?;
    let named = value.get("token").or_else(|| value.get("access_token"));
    let token = named.and_then(serde_json::Value::as_str);
    token
        .map(str::to_owned)
        .context("the token server gave no token; check the login of this registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_says_where_a_token_is_got() {
        let header = "Bearer realm=\"https://login.example/token\",service=\"registry.example\", \
                      scope=\"repository:a/b:pull,push\"";
        let Some(Challenge::Bearer { realm, query }) = Challenge::parse(header) else {
            panic!("no challenge");
        };
        assert_eq!(realm, "https://login.example/token");
        assert_eq!(query[1].1, "repository:a/b:pull,push");
        assert_eq!(
            Challenge::parse("basic realm=\"x\""),
            Some(Challenge::Basic)
        );
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse("Bearer service=\"x\""), None);
        assert_eq!(Challenge::parse("Bearer realm=\"x"), None);
    }

    #[test]
    fn login_of_container_tools_is_found_by_host_and_port() {
        let file = br#"{"auths":{"registry.example:5000":{"auth":"dTpw"},"empty.example":{}}}"#;
        let login = |host| stored(file, host).unwrap();
        assert_eq!(
            login("registry.example:5000").as_deref(),
            Some("Basic dTpw")
        );
        assert_eq!(login("registry.example"), None);
        assert_eq!(login("empty.example"), None);
        assert!(stored(b"no", "x").is_err());
    }

    #[test]
    fn token_has_two_names() {
        assert_eq!(token(br#"{"token":"a"}"#).unwrap(), "a");
        assert_eq!(token(br#"{"access_token":"b"}"#).unwrap(), "b");
        assert!(token(b"{}").is_err());
    }
}
