//! The settings that only OCPP-S has.

use ocpp::soap::Version;

use super::limits::ALLOWED;
use crate::backend::ServerTls;
use crate::ocpp16::operator::{Operator, find, manifest};
use crate::{Level, Manifest, Setting, SettingSpec, log};

/// Settings of OCPP-J that mean nothing here: HTTP has no pings, and no security profiles.
const WITHOUT: [&str; 2] = ["keep_alive_s", "security_profile"];

/// Settings of OCPP-S with their defaults.
const SETTINGS: [(&str, &str, &str); 10] = [
    ("soap_version", "1.6", "version of OCPP-S: 1.6 or 1.5"),
    (
        "server_port",
        "8090",
        "port on which the backend calls the station",
    ),
    (
        "server_tls",
        "none",
        "none, encrypt-only, or callers show a certificate: expired-and-any-host, any-host, expired, normal",
    ),
    (
        "server_whitelist",
        "",
        "addresses and networks that may call, with commas between them; empty = all",
    ),
    (
        "public_address_mode",
        "auto",
        "where the backend calls: local, manual, auto (the address towards the backend), teltonika (what the router says)",
    ),
    (
        "public_address",
        "",
        "for manual: host, host:port or a whole URL",
    ),
    (
        "public_address_refresh_s",
        "300",
        "seconds after which the own address is looked up again",
    ),
    (
        "router_url",
        "http://192.168.1.1",
        "for teltonika: the router, http:// or https://",
    ),
    ("router_user", "admin", "user at the router"),
    ("router_password", "", "password at the router"),
];

/// How the backend comes to the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressMode {
    /// The station's address in its own network.
    Local,
    /// As a person has set it.
    Manual,
    /// The address from which the station reaches the backend.
    Auto,
    /// The address that a Teltonika router has towards the outside.
    Teltonika,
}

/// The settings, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapSettings {
    /// Where the backend's service is.
    pub url: String,
    /// Version of OCPP-S.
    pub version: Version,
    /// Port of the station's service.
    pub port: u32,
    /// Its TLS.
    pub tls: ServerTls,
    /// Who may call it.
    pub allowed: Vec<String>,
    /// How its address is found.
    pub mode: AddressMode,
    /// For [`AddressMode::Manual`].
    pub address: String,
    /// Seconds between looks at the own address.
    pub refresh_s: u32,
    /// The router.
    pub router_url: String,
    /// User there.
    pub router_user: String,
    /// Password there.
    pub router_password: String,
    /// Which settings made no sense, for people.
    pub complaint: Option<String>,
}

/// What an adapter over OCPP-S says of itself.
#[must_use]
pub fn soap_manifest<O: Operator>() -> Manifest {
    let mut all = manifest::<O>();
    all.settings
        .retain(|spec| !WITHOUT.contains(&spec.key.as_str()));
    for spec in &mut all.settings {
        if spec.key == "url" {
            spec.default_value = O::URL.to_owned();
            spec.summary = "URL of the backend's service, http:// or https://".to_owned();
        }
    }
    all.settings.extend(
        SETTINGS
            .iter()
            .map(|(key, default_value, summary)| SettingSpec {
                key: (*key).to_owned(),
                default_value: (*default_value).to_owned(),
                summary: (*summary).to_owned(),
            }),
    );
    all.capabilities.retain(|name| name != "net.connect");
    all.capabilities
        .extend(["net.http".to_owned(), "net.listen".to_owned()]);
    all
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        let host = url.strip_prefix(scheme);
        host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    })
}

fn version(text: &str) -> Option<Version> {
    match text {
        "1.5" => Some(Version::Ocpp15),
        "1.6" => Some(Version::Ocpp16),
        _ => None,
    }
}

fn tls(text: &str) -> Option<ServerTls> {
    match text {
        "none" => Some(ServerTls::None),
        "encrypt-only" => Some(ServerTls::EncryptOnly),
        "expired-and-any-host" => Some(ServerTls::ExpiredAndAnyHost),
        "any-host" => Some(ServerTls::AnyHost),
        "expired" => Some(ServerTls::Expired),
        "normal" => Some(ServerTls::Normal),
        _ => None,
    }
}

fn mode(text: &str) -> Option<AddressMode> {
    match text {
        "local" => Some(AddressMode::Local),
        "manual" => Some(AddressMode::Manual),
        "auto" => Some(AddressMode::Auto),
        "teltonika" => Some(AddressMode::Teltonika),
        _ => None,
    }
}

fn list(text: &str) -> Vec<String> {
    text.split([',', ' ', '\n'])
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a list can be used. A wrong one is not cut short: a station that is open to everybody because of a typing
/// error is worse than one that does not listen.
fn is_list(text: &str) -> bool {
    let items = list(text);
    let fits = |item: &String| {
        let (address, prefix) = match item.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (item.as_str(), None),
        };
        let longest = match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|p| p <= longest))
    };
    items.len() <= ALLOWED && items.iter().all(fits)
}

fn makes_sense(key: &str, value: &str) -> bool {
    match key {
        "url" | "router_url" => is_http(value),
        "soap_version" => version(value).is_some(),
        "server_port" => value.parse::<u16>().is_ok(),
        "server_tls" => tls(value).is_some(),
        "server_whitelist" => is_list(value),
        "public_address_mode" => mode(value).is_some(),
        "public_address_refresh_s" => value
            .parse::<u32>()
            .is_ok_and(|s| (10..=86_400).contains(&s)),
        _ => true,
    }
}

/// A whitelist that makes no sense stands for this network: nobody is in it.
const NOBODY: &str = "0.0.0.0/32";

impl SoapSettings {
    /// Reads the settings; what is missing or makes no sense is replaced by the default.
    #[must_use]
    pub fn read<O: Operator>(given: &[Setting]) -> Self {
        let mut replaced = Vec::new();
        let mut text = |key: &'static str| -> String {
            let default = SETTINGS
                .iter()
                .find(|(name, _, _)| *name == key)
                .map_or(O::URL, |(_, default, _)| default);
            match find(given, key) {
                Some(value) if makes_sense(key, value) => value.to_owned(),
                // A URL that nobody has set is told of when it is needed.
                Some("") | None => default.to_owned(),
                Some(_) => {
                    replaced.push(key);
                    if key == "server_whitelist" {
                        NOBODY
                    } else {
                        default
                    }
                    .to_owned()
                }
            }
        };
        let mut settings = Self {
            url: text("url"),
            version: version(&text("soap_version")).unwrap_or(Version::Ocpp16),
            port: text("server_port").parse().unwrap_or(8090),
            tls: tls(&text("server_tls")).unwrap_or(ServerTls::None),
            allowed: list(&text("server_whitelist")),
            mode: mode(&text("public_address_mode")).unwrap_or(AddressMode::Auto),
            address: text("public_address"),
            refresh_s: text("public_address_refresh_s").parse().unwrap_or(300),
            router_url: text("router_url"),
            router_user: text("router_user"),
            router_password: text("router_password"),
            complaint: None,
        };
        if settings.mode == AddressMode::Manual && settings.address.trim().is_empty() {
            replaced.push("public_address");
            settings.mode = AddressMode::Auto;
        }
        if !replaced.is_empty() {
            // The values stay out of it: an address may carry a password.
            let complaint = format!("settings that make no sense: {}", replaced.join(", "));
            log(Level::Error, &complaint);
            settings.complaint = Some(complaint);
        }
        settings
    }
}
