//! Policy packs: which plugins a station runs, in which order, with which settings, grants and limits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plugin_host::provenance::{Pin, Publisher, Revocation};
use plugin_host::{BackendRole, Grant, Grants, Limits, PluginKind};
use serde::Deserialize;
use toml::Spanned;

use crate::config::{ConfigError, PluginOverride, Source, as_text};
use crate::trust::{self, PublisherTable, RevokedTable};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    summary: String,
    #[serde(default)]
    indicator: Option<PathBuf>,
    #[serde(default)]
    health: HealthTable,
    #[serde(default)]
    publisher: Vec<Spanned<PublisherTable>>,
    #[serde(default)]
    revoked: Vec<Spanned<RevokedTable>>,
    #[serde(default)]
    settings: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    plugin: Vec<Spanned<PluginTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthTable {
    within_s: Option<Spanned<u32>>,
    backend: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginTable {
    name: String,
    kind: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    grants: BTreeMap<String, toml::Value>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    settings: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    memory_mib: Option<u32>,
    call_deadline_ms: Option<u32>,
    store_kib: Option<u32>,
    output_kib: Option<u32>,
    output_commands: Option<u32>,
    messages_per_s: Option<u32>,
    message_burst: Option<u32>,
}

/// One plugin of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginPolicy {
    /// Its name; the component is `<name>.wasm`.
    pub name: String,
    /// Its kind.
    pub kind: PluginKind,
    /// Role of a backend adapter.
    pub role: BackendRole,
    /// Which version it has to be.
    pub pin: Pin,
    /// What it may do.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
    /// Settings that differ from its own defaults.
    pub settings: BTreeMap<String, String>,
}

/// A checked policy pack.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// For people.
    pub summary: String,
    /// File of its indicator profile, relative to the folder of the configuration's pack.
    pub indicator: Option<PathBuf>,
    /// When it is good enough to stay.
    pub health: Health,
    /// Whose plugins may run.
    pub publishers: Vec<Publisher>,
    /// What must not run any more.
    pub revoked: Vec<Revocation>,
    /// Settings of the station that it brings along.
    pub settings: Vec<(String, String)>,
    /// Its plugins, in order.
    pub plugins: Vec<PluginPolicy>,
    /// As it was written.
    pub text: String,
}

/// When a pack that was applied to a running station is good enough to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Time that it gets, seconds.
    pub within_s: u32,
    /// The primary backend must have accepted the station.
    pub needs_backend: bool,
}

impl Health {
    /// A minute, with the backend.
    pub const DEFAULT: Self = Self {
        within_s: 60,
        needs_backend: true,
    };
}

/// Reads and checks a pack; `overrides` are the configuration's.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn read(
    path: &Path,
    overrides: &BTreeMap<String, PluginOverride>,
) -> Result<Pack, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: path.to_owned(),
        line: None,
        key: String::new(),
        reason: format!("the policy pack cannot be read: {error}"),
        remedy: "let `pack` name a file of policies/".to_owned(),
    })?;
    let pack = parse(path, &text, overrides)?;
    check_overrides(path, &text, &pack, overrides)?;
    Ok(pack)
}

/// The configuration must not speak of plugins that its own pack does not have.
fn check_overrides(
    path: &Path,
    text: &str,
    pack: &Pack,
    overrides: &BTreeMap<String, PluginOverride>,
) -> Result<(), ConfigError> {
    let source = Source { file: path, text };
    let plugins = &pack.plugins;
    for name in overrides.keys() {
        if !plugins.iter().any(|plugin| plugin.name == *name) {
            let names: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
            return Err(source.error(
                None,
                &format!("plugin.{name}"),
                "the configuration names a plugin that this pack does not have",
                format!("the pack has {}", names.join(", ")),
            ));
        }
    }
    Ok(())
}

/// Checks the text of a pack.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn parse(
    path: &Path,
    text: &str,
    overrides: &BTreeMap<String, PluginOverride>,
) -> Result<Pack, ConfigError> {
    let source = Source { file: path, text };
    let file: File = source.parse()?;
    let mut plugins: Vec<PluginPolicy> = Vec::new();
    for table in file.plugin {
        let line = source.line_at(table.span().start);
        let mut policy = plugin(&source, line, table.into_inner())?;
        if plugins.iter().any(|other| other.name == policy.name) {
            let reason = format!("plugin {} stands twice", policy.name);
            return Err(source.error(Some(line), "name", reason, "remove one of them"));
        }
        if let Some(given) = overrides.get(&policy.name) {
            apply(&mut policy, given);
        }
        plugins.push(policy);
    }
    check_roles(&source, &plugins)?;
    Ok(Pack {
        name: file.name,
        summary: file.summary,
        indicator: file.indicator,
        health: health(&source, &file.health)?,
        publishers: trust::publishers(&source, &file.publisher)?,
        revoked: trust::revoked(&source, &file.revoked)?,
        settings: station_settings(&source, &file.settings)?,
        plugins,
        text: text.to_owned(),
    })
}

fn health(source: &Source<'_>, table: &HealthTable) -> Result<Health, ConfigError> {
    let mut health = Health::DEFAULT;
    if let Some(within) = &table.within_s {
        health.within_s = *within.get_ref();
        if !(5..=3_600).contains(&health.within_s) {
            return Err(source.error(
                Some(source.line_at(within.span().start)),
                "within_s",
                format!("{} s is no time to judge a pack in", health.within_s),
                "choose 5 to 3600",
            ));
        }
    }
    if let Some(backend) = &table.backend {
        health.needs_backend = match backend.get_ref().as_str() {
            "registered" => true,
            "any" => false,
            other => {
                return Err(source.error(
                    Some(source.line_at(backend.span().start)),
                    "backend",
                    format!("{other:?} is no condition"),
                    "choose registered, or any",
                ));
            }
        };
    }
    Ok(health)
}

fn station_settings(
    source: &Source<'_>,
    table: &BTreeMap<String, Spanned<toml::Value>>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut settings = Vec::new();
    for (key, value) in table {
        if !station::settings::REGISTRY
            .iter()
            .any(|spec| spec.key == key)
        {
            return Err(source.error(
                Some(source.line_at(value.span().start)),
                key,
                "the station has no such setting",
                "`pilotwire config schema` lists them",
            ));
        }
        settings.push((key.clone(), as_text(value.get_ref())));
    }
    Ok(settings)
}

fn apply(policy: &mut PluginPolicy, given: &PluginOverride) {
    for prefix in &given.connect {
        let is_http = prefix.starts_with("http://") || prefix.starts_with("https://");
        let grant = if is_http {
            Grant::NetHttp
        } else {
            Grant::NetConnect
        };
        policy.grants.allow_for(grant, [prefix.clone()]);
    }
    policy.settings.extend(given.settings.clone());
}

fn check_roles(source: &Source<'_>, plugins: &[PluginPolicy]) -> Result<(), ConfigError> {
    let primaries = plugins
        .iter()
        .filter(|p| p.kind == PluginKind::Backend && p.role == BackendRole::Primary)
        .count();
    if primaries > 1 {
        return Err(source.error(
            None,
            "role",
            format!("{primaries} backends are primary"),
            "only one may command; make the others role = \"observer\"",
        ));
    }
    Ok(())
}

fn plugin(
    source: &Source<'_>,
    line: usize,
    table: PluginTable,
) -> Result<PluginPolicy, ConfigError> {
    let refuse = |key: &str, reason: String, remedy: &str| {
        Err(source.error(Some(line), key, reason, remedy))
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if table.name.is_empty() || !table.name.chars().all(plain) {
        return refuse(
            "name",
            format!("{:?} is no plugin name", table.name),
            "use lower-case letters, digits and hyphens, for example backend-eflux",
        );
    }
    let Some(kind) = PluginKind::from_name(&table.kind) else {
        return refuse(
            "kind",
            format!("{:?} is no kind of plugin", table.kind),
            "choose backend, authorizer, free-charging or display",
        );
    };
    let role = match (kind, table.role.as_deref()) {
        (PluginKind::Backend, Some("observer")) => BackendRole::Observer,
        (PluginKind::Backend, None | Some("primary")) | (_, None) => BackendRole::Primary,
        (PluginKind::Backend, Some(other)) => {
            return refuse(
                "role",
                format!("{other:?} is no role"),
                "choose primary or observer",
            );
        }
        (_, Some(_)) => {
            return refuse("role", format!("a {kind} has no role"), "remove the line");
        }
    };
    let mut grants = Grants::none();
    for (name, value) in &table.grants {
        let list = match value {
            toml::Value::Boolean(true) => Vec::new(),
            toml::Value::Boolean(false) => continue,
            toml::Value::Array(list) => list.iter().map(as_text).collect(),
            _ => {
                return refuse(
                    name,
                    "is neither a list nor true".to_owned(),
                    "write true, or a list of URL prefixes or setting keys",
                );
            }
        };
        if let Err(error) = grants.allow_named(name, &list) {
            return refuse(name, error.to_string(), "correct the name");
        }
    }
    Ok(PluginPolicy {
        name: table.name,
        kind,
        role,
        pin: trust::pin(
            source,
            line,
            table.version.as_deref(),
            table.sha256.as_deref(),
        )?,
        grants,
        limits: limits(&table.limits),
        settings: table
            .settings
            .iter()
            .map(|(key, value)| (key.clone(), as_text(value)))
            .collect(),
    })
}

fn limits(table: &LimitsTable) -> Limits {
    let default = Limits::DEFAULT;
    Limits {
        memory_mib: table.memory_mib.unwrap_or(default.memory_mib),
        call_deadline_ms: table.call_deadline_ms.unwrap_or(default.call_deadline_ms),
        store_kib: table.store_kib.unwrap_or(default.store_kib),
        output_kib: table.output_kib.unwrap_or(default.output_kib),
        output_commands: table.output_commands.unwrap_or(default.output_commands),
        messages_per_s: table.messages_per_s.unwrap_or(default.messages_per_s),
        message_burst: table.message_burst.unwrap_or(default.message_burst),
    }
    .clamped()
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
