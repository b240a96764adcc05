//! Grants: what a plugin may do. Nothing by default; a right must be in the plugin's manifest and in the policy pack.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// Names of all grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// Connect to URLs with the listed prefixes.
    NetConnect,
    /// Ask for a transaction.
    StationStart,
    /// End a transaction.
    StationStop,
    /// Unlock a plug.
    StationUnlock,
    /// Restart the station.
    StationReset,
    /// Take EVSEs in and out of service.
    StationAvailability,
    /// Write the listed settings, or `*`.
    SettingsWrite,
    /// Read the listed settings, or `*`.
    SettingsRead,
    /// Set the wall clock.
    ClockSet,
    /// Ask for meter readings.
    MeterRead,
    /// Give verdicts on tokens, also later ones on the token of a running transaction.
    Authorize,
    /// Hear what backends say about tokens.
    AuthorizeOpinions,
    /// Set ceilings for the offered current.
    StationLimit,
    /// Reserve EVSEs.
    StationReserve,
    /// Read diagnostics and the security log.
    DiagnosticsRead,
    /// Get and install firmware.
    FirmwareUpdate,
    /// Exchange files with URLs of the listed prefixes, or `*`.
    NetTransfer,
    /// Install and remove certificates, ask for the station's own, report security events.
    Certificates,
    /// Send HTTP requests to URLs with the listed prefixes.
    NetHttp,
    /// Be called over HTTP on the listed ports.
    NetListen,
}

impl Grant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::NetConnect,
        Self::StationStart,
        Self::StationStop,
        Self::StationUnlock,
        Self::StationReset,
        Self::StationAvailability,
        Self::SettingsWrite,
        Self::SettingsRead,
        Self::ClockSet,
        Self::MeterRead,
        Self::Authorize,
        Self::AuthorizeOpinions,
        Self::StationLimit,
        Self::StationReserve,
        Self::DiagnosticsRead,
        Self::FirmwareUpdate,
        Self::NetTransfer,
        Self::Certificates,
        Self::NetHttp,
        Self::NetListen,
    ];

    /// Name as manifests and policy packs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetConnect => "net.connect",
            Self::StationStart => "station.start",
            Self::StationStop => "station.stop",
            Self::StationUnlock => "station.unlock",
            Self::StationReset => "station.reset",
            Self::StationAvailability => "station.availability",
            Self::SettingsWrite => "settings.write",
            Self::SettingsRead => "settings.read",
            Self::ClockSet => "clock.set",
            Self::MeterRead => "meter.read",
            Self::Authorize => "authorize",
            Self::AuthorizeOpinions => "authorize.opinions",
            Self::StationLimit => "station.limit",
            Self::StationReserve => "station.reserve",
            Self::DiagnosticsRead => "diagnostics.read",
            Self::FirmwareUpdate => "firmware.update",
            Self::NetTransfer => "net.transfer",
            Self::Certificates => "certificates",
            Self::NetHttp => "net.http",
            Self::NetListen => "net.listen",
        }
    }

    /// The grant with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.name() == name)
    }

    /// Whether the grant needs a list (URL prefixes, setting keys) to be worth anything.
    #[must_use]
    pub const fn takes_list(self) -> bool {
        match self {
            Self::NetConnect
            | Self::SettingsWrite
            | Self::SettingsRead
            | Self::NetTransfer
            | Self::NetHttp
            | Self::NetListen => true,
            Self::StationStart
            | Self::StationStop
            | Self::StationUnlock
            | Self::StationReset
            | Self::StationAvailability
            | Self::ClockSet
            | Self::MeterRead
            | Self::Authorize
            | Self::AuthorizeOpinions
            | Self::StationLimit
            | Self::StationReserve
            | Self::DiagnosticsRead
            | Self::FirmwareUpdate
            | Self::Certificates => false,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no grant; the grants are net.connect, station.start, station.stop, station.unlock, station.reset, station.availability, settings.write, settings.read, clock.set, meter.read, authorize, authorize.opinions, station.limit, station.reserve, diagnostics.read, firmware.update, net.transfer, certificates, net.http, net.listen"
)]
pub struct UnknownGrant(pub String);

/// The rights of one plugin. [`Grants::none`] has none; rights are added one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    granted: BTreeMap<Grant, BTreeSet<String>>,
}

impl Grants {
    /// No rights.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a right without a list.
    pub fn allow(&mut self, grant: Grant) -> &mut Self {
        self.granted.entry(grant).or_default();
        self
    }

    /// Adds a right for these URL prefixes or setting keys (`*` = every key). Entries add up.
    pub fn allow_for<I, S>(&mut self, grant: Grant, list: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.granted
            .entry(grant)
            .or_default()
            .extend(list.into_iter().map(Into::into));
        self
    }

    /// Adds a right by name, as a policy pack spells it.
    ///
    /// # Errors
    /// [`UnknownGrant`] when there is no such grant.
    pub fn allow_named(&mut self, name: &str, list: &[String]) -> Result<&mut Self, UnknownGrant> {
        let grant = Grant::from_name(name).ok_or_else(|| UnknownGrant(name.to_owned()))?;
        Ok(self.allow_for(grant, list.iter().cloned()))
    }

    /// These rights without those that the manifest does not ask for.
    #[must_use]
    pub fn narrowed_to(&self, capabilities: &[String]) -> Self {
        let asked = |grant: &Grant| capabilities.iter().any(|name| name == grant.name());
        let granted = self.granted.iter().filter(|(grant, _)| asked(grant));
        Self {
            granted: granted
                .map(|(grant, list)| (*grant, list.clone()))
                .collect(),
        }
    }

    /// Capabilities that a manifest asks for and that are not granted; to be said in logs and `plugin inspect`.
    #[must_use]
    pub fn missing<'a>(&self, capabilities: &'a [String]) -> Vec<&'a str> {
        let granted = |name: &str| Grant::from_name(name).is_some_and(|grant| self.has(grant));
        capabilities
            .iter()
            .map(String::as_str)
            .filter(|name| !granted(name))
            .collect()
    }

    /// Names of the rights, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.granted.keys().map(|grant| grant.name())
    }

    /// Each right with what it covers, one text per entry, sorted.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (grant, list) in &self.granted {
            match grant.takes_list() {
                true => lines.extend(list.iter().map(|entry| format!("{grant} {entry}"))),
                false => lines.push(grant.to_string()),
            }
        }
        lines
    }

    /// Whether the right was given. A right with a list may still not cover the case.
    #[must_use]
    pub fn has(&self, grant: Grant) -> bool {
        self.granted.contains_key(&grant)
    }

    /// Whether this URL may be connected to.
    ///
    /// A prefix counts only up to a boundary: `wss://a.example/ocpp` covers `wss://a.example/ocpp/CP1`, but neither
    /// `wss://a.example/ocppx` nor `wss://a.example.evil/ocpp`. A URL with user information, a backslash or a dot
    /// segment is never covered: it may lead elsewhere than it reads.
    #[must_use]
    pub fn covers_url(&self, url: &str) -> bool {
        is_plain_url(url, &["ws", "wss"])
            && self
                .list(Grant::NetConnect)
                .any(|prefix| url_has_prefix(url, prefix))
    }

    /// Whether HTTP requests may go to this URL; prefixes as in [`Self::covers_url`].
    #[must_use]
    pub fn covers_http(&self, url: &str) -> bool {
        is_plain_url(url, &["http", "https"])
            && self
                .list(Grant::NetHttp)
                .any(|prefix| url_has_prefix(url, prefix))
    }

    /// Whether files may be exchanged with this URL. It may hold user and password, which prefixes do not; `*` covers
    /// every host, because backends name file servers as they like.
    #[must_use]
    pub fn covers_transfer(&self, url: &str) -> bool {
        let Some(bare) = without_user(url) else {
            return false;
        };
        is_plain_url(&bare, &["http", "https", "ftp", "ftps"])
            && self
                .list(Grant::NetTransfer)
                .any(|prefix| prefix == "*" || url_has_prefix(&bare, prefix))
    }

    /// Whether the station may be called on this port.
    #[must_use]
    pub fn covers_port(&self, port: u16) -> bool {
        self.list(Grant::NetListen)
            .any(|entry| entry == "*" || entry.parse() == Ok(port))
    }

    /// Whether this setting may be written.
    #[must_use]
    pub fn covers_setting_write(&self, key: &str) -> bool {
        self.list(Grant::SettingsWrite)
            .any(|entry| entry == "*" || entry == key)
    }

    /// Whether this setting may be read.
    #[must_use]
    pub fn covers_setting_read(&self, key: &str) -> bool {
        self.list(Grant::SettingsRead)
            .any(|entry| entry == "*" || entry == key)
    }

    fn list(&self, grant: Grant) -> impl Iterator<Item = &str> {
        self.granted
            .get(&grant)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// The URL without user and password, if it is one. A second `@` in the authority makes it none.
fn without_user(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = rest.strip_prefix(authority)?;
    let host = authority
        .split_once('@')
        .map_or(authority, |(_, host)| host);
    Some(format!("{scheme}://{host}{path}"))
}

/// A URL of one of these schemes that means what it reads.
pub(crate) fn is_plain_url(url: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = rest.strip_prefix(authority).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    schemes.contains(&scheme)
        && !authority.is_empty()
        && !authority.contains('@')
        && url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !path.split('/').any(is_dot_segment)
}

/// `.` and `..`, also percent-encoded.
fn is_dot_segment(segment: &str) -> bool {
    let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
    decoded == "." || decoded == ".."
}

fn url_has_prefix(url: &str, prefix: &str) -> bool {
    let Some(rest) = url.strip_prefix(prefix) else {
        return false;
    };
    // A prefix that stops within the authority must not be continued to another host or port.
    let after_scheme = prefix.split_once("://").map_or("", |(_, rest)| rest);
    if after_scheme.is_empty() {
        return false;
    }
    prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(prefixes: &[&str]) -> Grants {
        let mut grants = Grants::none();
        grants.allow_for(Grant::NetConnect, prefixes.iter().copied());
        grants
    }

    #[test]
    fn nothing_is_granted_by_default() {
        let grants = Grants::none();
        assert!(Grant::ALL.into_iter().all(|grant| !grants.has(grant)));
        assert!(!grants.covers_url("ws://127.0.0.1/"));
        assert!(!grants.covers_setting_write("phases") && !grants.covers_setting_read("phases"));
    }

    #[test]
    fn every_grant_is_found_by_its_name_and_no_other_name_is_one() {
        for grant in Grant::ALL {
            assert_eq!(Grant::from_name(grant.name()), Some(grant));
        }
        let error = Grants::none().allow_named("net.listens", &[]).unwrap_err();
        assert!(error.to_string().starts_with("`net.listens` is no grant"));
    }

    #[test]
    fn url_is_covered_only_up_to_a_boundary() {
        let grants = net(&["wss://cpo.example/1.6/e-flux", "ws://127.0.0.1:9000"]);
        for url in [
            "wss://cpo.example/1.6/e-flux",
            "wss://cpo.example/1.6/e-flux/CP%201",
            "ws://127.0.0.1:9000",
            "ws://127.0.0.1:9000/x",
            "ws://127.0.0.1:9000?x",
        ] {
            assert!(grants.covers_url(url), "{url}");
        }
        for url in [
            "ws://cpo.example/1.6/e-flux",
            "wss://cpo.example/1.6/e-fluxx",
            "wss://cpo.example/1.6/e-flux/../other",
            "wss://cpo.example/1.6/e-flux/%2E%2e/other",
            "wss://cpo.example.evil.example/1.6/e-flux",
            "ws://127.0.0.1:90001/",
            "ws://127.0.0.1:9000@evil.example/",
            "ws://127.0.0.1:9000\\@evil.example/",
            "http://127.0.0.1:9000/",
            "ws:///",
            "",
        ] {
            assert!(!grants.covers_url(url), "{url}");
        }
    }

    #[test]
    fn empty_or_schemeless_prefix_covers_nothing() {
        for prefix in ["", "ws", "ws://", "wss://"] {
            assert!(!net(&[prefix]).covers_url("ws://127.0.0.1/"), "{prefix:?}");
        }
    }

    #[test]
    fn files_go_only_to_granted_places_whoever_the_user_is() {
        let mut grants = Grants::none();
        grants.allow_for(
            Grant::NetTransfer,
            ["ftp://files.example/up/", "https://fw.example"],
        );
        for url in [
            "ftp://files.example/up/a.zip",
            "ftp://user:p%40ss@files.example/up/",
            "https://fw.example/1.bin?x=1",
        ] {
            assert!(grants.covers_transfer(url), "{url}");
        }
        for url in [
            "ftp://files.example/up",
            "ftp://files.example/up/../other",
            "ftp://files.example@evil.example/up/",
            "ftp://a@files.example@evil.example/up/",
            "ftp://a:b@evil.example/@files.example/up/",
            "https://fw.example.evil.example/",
            "file:///etc/passwd",
            "wss://fw.example/",
        ] {
            assert!(!grants.covers_transfer(url), "{url}");
        }
        grants.allow_for(Grant::NetTransfer, ["*"]);
        assert!(grants.covers_transfer("ftps://anywhere.example/x"));
        assert!(!grants.covers_transfer("file:///etc/passwd"));
    }

    #[test]
    fn http_and_ports_are_covered_by_what_is_listed() {
        let mut grants = Grants::none();
        grants.allow_for(Grant::NetHttp, ["http://127.0.0.1:9000"]);
        grants.allow_for(Grant::NetListen, ["8090"]);
        assert!(grants.covers_http("http://127.0.0.1:9000/soap"));
        assert!(!grants.covers_http("https://127.0.0.1:9000/soap"));
        assert!(!grants.covers_http("http://127.0.0.1:9000@evil.example/"));
        assert!(grants.covers_port(8090) && !grants.covers_port(809));
        grants.allow_for(Grant::NetListen, ["*"]);
        assert!(grants.covers_port(1));
    }

    #[test]
    fn settings_are_covered_by_key_or_star() {
        let mut grants = Grants::none();
        grants.allow_for(Grant::SettingsWrite, ["meter_sample_interval_s"]);
        assert!(grants.covers_setting_write("meter_sample_interval_s"));
        assert!(!grants.covers_setting_write("meter_sample_interval"));
        assert!(!grants.covers_setting_read("meter_sample_interval_s"));
        grants.allow_for(Grant::SettingsRead, ["*"]);
        assert!(grants.covers_setting_read("anything"));
        assert!(!grants.covers_setting_write("anything"));
    }

    #[test]
    fn right_needs_both_manifest_and_policy_pack() {
        let mut pack = Grants::none();
        pack.allow(Grant::Authorize).allow(Grant::StationReset);
        let manifest = ["authorize".to_owned(), "clock.set".to_owned()];
        let effective = pack.narrowed_to(&manifest);
        assert!(effective.has(Grant::Authorize));
        assert!(
            !effective.has(Grant::StationReset),
            "granted, but not asked for"
        );
        assert!(
            !effective.has(Grant::ClockSet),
            "asked for, but not granted"
        );
        assert_eq!(pack.missing(&manifest), ["clock.set"]);
    }
}
