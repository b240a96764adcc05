//! The configuration file: read and checked before anything opens.
//!
//! Every refusal names file, line, key, reason and remedy. Unknown keys are refused, with the nearest known one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use interlock::{Attachment, BoardProfile};
use plugin_host::provenance::Publisher;
use serde::Deserialize;
use station::{BootReason, EvseConfig, EvseId, Identity, StationConfig};
use toml::Spanned;
use units::{Milliamps, Phases};
use url::Url;

use crate::files::{FirmwareConfig, FirmwareTable};
use crate::net::TlsStrictness;
use crate::readers::{ReaderConfig, ReaderTable};
use crate::trust::{self, PublisherTable};

/// Text of an example with every key explained; `pilotwire config example` prints it and a test reads it.
pub const EXAMPLE: &str = include_str!("example.toml");

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Which file.
    pub file: PathBuf,
    /// Line, from 1, if one is to blame.
    pub line: Option<usize>,
    /// Which key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.reason)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Where a value of the file came from, for errors.
pub(crate) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count()
    }

    /// Line of the first assignment of `key`, for keys whose values carry no position.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.text
            .lines()
            .position(|line| {
                line.trim_start()
                    .strip_prefix(key)
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            })
            .map(|place| place + 1)
    }

    pub(crate) fn error(
        &self,
        line: Option<usize>,
        key: &str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// Reads TOML into a type with `deny_unknown_fields`.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(self.text).map_err(|error| {
            let line = error.span().map(|span| self.line_at(span.start));
            let key = error
                .span()
                .and_then(|span| self.text.get(span))
                .filter(|text| !text.contains('\n') && text.len() < 60)
                .unwrap_or_default()
                .trim()
                .to_owned();
            let reason = error.message().to_owned();
            let remedy = match nearest(&reason) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`pilotwire config example` shows every key".to_owned(),
            };
            self.error(line, &key, reason, remedy)
        })
    }
}

/// For "unknown field `x`, expected one of `a`, `b`": the one of them that is nearest to `x`.
fn nearest(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = message
        .starts_with("unknown field")
        .then(|| words.next())??;
    words
        .map(|word| (distance(wrong, word), word))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, word)| word.to_owned())
}

/// Edits that turn one word into the other.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cb, above) in b.chars().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(ca != cb))
                .min(above + 1)
                .min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    board: Spanned<String>,
    identity: Spanned<String>,
    state_dir: PathBuf,
    pack: Spanned<PathBuf>,
    components: PathBuf,
    #[serde(default)]
    development: bool,
    #[serde(default)]
    publisher: Vec<Spanned<PublisherTable>>,
    #[serde(default)]
    wall_clock: Option<Spanned<String>>,
    #[serde(default)]
    station: StationTable,
    #[serde(default)]
    evse: Vec<Spanned<EvseTable>>,
    #[serde(default)]
    settings: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    plugin: BTreeMap<String, PluginTable>,
    #[serde(default)]
    tls: TlsTable,
    #[serde(default)]
    proxy: Option<Spanned<String>>,
    #[serde(default)]
    api: ApiTable,
    #[serde(default)]
    log: LogTable,
    #[serde(default)]
    firmware: Option<Spanned<FirmwareTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StationTable {
    vendor: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    firmware: Option<String>,
    iccid: Option<String>,
    imsi: Option<String>,
    meter_type: Option<String>,
    meter_serial: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvseTable {
    #[serde(default)]
    profile: Option<String>,
    max_current_a: u16,
    #[serde(default)]
    phases: Option<u8>,
    #[serde(default)]
    reader: Option<ReaderTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginTable {
    #[serde(default)]
    connect: Vec<String>,
    #[serde(default)]
    settings: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    #[serde(default)]
    ca: Option<PathBuf>,
    #[serde(default)]
    strictness: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiTable {
    #[serde(default)]
    listen: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogTable {
    #[serde(default)]
    level: Option<Spanned<String>>,
    #[serde(default)]
    format: Option<Spanned<String>>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// What one plugin of the pack is given instead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginOverride {
    /// URL prefixes added to its `net.connect` grant.
    pub connect: Vec<String>,
    /// Settings instead of the pack's.
    pub settings: BTreeMap<String, String>,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Identity at the backend.
    pub identity: String,
    /// Folder of everything that must survive.
    pub state_dir: PathBuf,
    /// The policy pack's file.
    pub pack: PathBuf,
    /// Folder of the components.
    pub components: PathBuf,
    /// Components that nobody signed may run. Not for the street.
    pub development: bool,
    /// Whose plugins may run, beside the pack's publishers.
    pub publishers: Vec<Publisher>,
    /// The machine's wall clock is right from the start.
    pub trust_system_clock: bool,
    /// The station's parts.
    pub station: StationConfig,
    /// Board profiles, one per EVSE.
    pub profiles: Vec<BoardProfile>,
    /// Card readers, one per EVSE.
    pub readers: Vec<ReaderConfig>,
    /// What the pack's plugins are given instead.
    pub plugins: BTreeMap<String, PluginOverride>,
    /// Certificate authorities instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// How strictly a backend's certificate is checked.
    pub strictness: TlsStrictness,
    /// HTTP proxy.
    pub proxy: Option<Url>,
    /// Address of metrics and status.
    pub api_listen: Option<std::net::SocketAddr>,
    /// Log filter.
    pub log_level: String,
    /// Log format.
    pub log_format: LogFormat,
    /// How new firmware comes into place.
    pub firmware: FirmwareConfig,
}

/// Reads and checks a file. `set` are `KEY=VALUE` pairs of the command line that win over the file.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn read(path: &Path, set: &[(String, String)]) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: path.to_owned(),
        line: None,
        key: String::new(),
        reason: format!("cannot be read: {error}"),
        remedy: "`pilotwire config example` prints one to begin with".to_owned(),
    })?;
    parse(path, &text, set)
}

/// Checks the text of a file.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn parse(path: &Path, text: &str, set: &[(String, String)]) -> Result<Config, ConfigError> {
    let source = Source { file: path, text };
    let mut file: File = source.parse()?;
    apply_set(&source, &mut file, set)?;
    let board = file.board.get_ref().as_str();
    if board != "simulated" {
        let line = source.line_at(file.board.span().start);
        return Err(source.error(
            Some(line),
            "board",
            format!("there is no driver for board {board:?}"),
            "write board = \"simulated\", or build a driver in (docs/spec/config.md)",
        ));
    }
    let identity = identity(&source, &file.identity)?;
    let (evses, profiles) = evses(&source, &file.evse)?;
    let readers = readers(&source, &file.evse, evses.len())?;
    let settings = settings(&file.settings);
    let station = StationConfig {
        identity: station_identity(&file.station, &identity),
        evses,
        settings,
        boot_reason: BootReason::PowerUp,
    };
    station.check().map_err(|error| {
        let key = match &error {
            station::ConfigError::Setting { key, .. } => key.clone(),
            station::ConfigError::EvseCount(_)
            | station::ConfigError::EvseNumber(_)
            | station::ConfigError::HardwareLimit(_) => "evse".to_owned(),
        };
        let remedy = unknown_setting_remedy(&key);
        source.error(source.line_of(&key), &key, error.to_string(), remedy)
    })?;
    let base = path.parent().unwrap_or(Path::new("."));
    let strictness = strictness(&source, file.tls.strictness.as_ref())?;
    Ok(Config {
        identity,
        state_dir: base.join(&file.state_dir),
        pack: base.join(file.pack.get_ref()),
        components: base.join(&file.components),
        development: file.development,
        publishers: trust::publishers(&source, &file.publisher)?,
        trust_system_clock: wall_clock(&source, file.wall_clock.as_ref())?,
        station,
        profiles,
        readers,
        plugins: file
            .plugin
            .into_iter()
            .map(|(name, table)| (name, plugin(table)))
            .collect(),
        ca_file: file.tls.ca.map(|ca| base.join(ca)),
        strictness,
        proxy: proxy(&source, file.proxy.as_ref())?,
        api_listen: listen(&source, file.api.listen.as_ref())?,
        log_level: log_level(&source, file.log.level.as_ref())?,
        log_format: log_format(&source, file.log.format.as_ref())?,
        firmware: FirmwareConfig::checked(&source, file.firmware.as_ref())?,
    })
}

fn apply_set(
    source: &Source<'_>,
    file: &mut File,
    set: &[(String, String)],
) -> Result<(), ConfigError> {
    for (key, value) in set {
        match key.as_str() {
            "identity" => file.identity = Spanned::new(0..0, value.clone()),
            "vendor" => file.station.vendor = Some(value.clone()),
            "model" => file.station.model = Some(value.clone()),
            "serial" => file.station.serial = Some(value.clone()),
            "firmware" => file.station.firmware = Some(value.clone()),
            "state_dir" => file.state_dir = PathBuf::from(value),
            _ => match key.split_once('/') {
                Some((plugin, key)) => {
                    let table = file.plugin.entry(plugin.to_owned()).or_default();
                    table
                        .settings
                        .insert(key.to_owned(), toml::Value::String(value.clone()));
                }
                None => {
                    let value = Spanned::new(0..0, toml::Value::String(value.clone()));
                    file.settings.insert(key.clone(), value);
                }
            },
        }
    }
    let known = station::settings::REGISTRY.iter().map(|spec| spec.key);
    let known: Vec<&str> = known.collect();
    for (key, value) in &file.settings {
        let plain = key.split('.').next().unwrap_or(key);
        if !known.contains(&plain) {
            let line = Some(source.line_at(value.span().start)).filter(|_| value.span().end > 0);
            return Err(source.error(
                line,
                key,
                "no setting of the station has this name",
                unknown_setting_remedy(key),
            ));
        }
    }
    Ok(())
}

fn unknown_setting_remedy(key: &str) -> String {
    let near = station::settings::REGISTRY
        .iter()
        .map(|spec| (distance(key, spec.key), spec.key))
        .min()
        .filter(|(distance, _)| (1..=4).contains(distance));
    match near {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => "docs/spec/settings.md lists every setting with its range".to_owned(),
    }
}

fn identity(source: &Source<'_>, identity: &Spanned<String>) -> Result<String, ConfigError> {
    let text = identity.get_ref();
    let fits = (1..=48).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.clone());
    }
    let line = source.line_at(identity.span().start);
    Err(source.error(
        Some(line),
        "identity",
        "must have 1 to 48 printable characters",
        "write the identity that the backend knows this station by",
    ))
}

fn station_identity(table: &StationTable, identity: &str) -> Identity {
    let or =
        |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    Identity {
        vendor: or(&table.vendor, "Pilotwire"),
        model: or(&table.model, "Reference AC"),
        serial: or(&table.serial, identity),
        firmware: or(&table.firmware, env!("CARGO_PKG_VERSION")),
        iccid: table.iccid.clone(),
        imsi: table.imsi.clone(),
        meter_type: table.meter_type.clone(),
        meter_serial: table.meter_serial.clone(),
    }
}

type Evses = (Vec<EvseConfig>, Vec<BoardProfile>);

fn evses(source: &Source<'_>, tables: &[Spanned<EvseTable>]) -> Result<Evses, ConfigError> {
    let mut configs = Vec::new();
    let mut profiles = Vec::new();
    // Two sockets of 32 A are what a double station has.
    let default = || (Some(String::from("socket-32a")), 32, 3, None);
    let rows: Vec<_> = if tables.is_empty() {
        vec![default(), default()]
    } else {
        tables
            .iter()
            .map(|table| {
                let EvseTable {
                    profile,
                    max_current_a,
                    phases,
                    reader: _,
                } = table.get_ref();
                let line = source.line_at(table.span().start);
                (
                    profile.clone(),
                    *max_current_a,
                    phases.unwrap_or(3),
                    Some(line),
                )
            })
            .collect()
    };
    for (place, (profile, amps, phases, line)) in rows.into_iter().enumerate() {
        let name = profile.unwrap_or_else(|| "socket-32a".to_owned());
        let mut board = match name.as_str() {
            "socket-32a" => BoardProfile::socket_32a(),
            "socket-32a-old-monitor" => BoardProfile::socket_32a_old_monitor(),
            "cabur-socket-32a" => BoardProfile::cabur_socket_32a(),
            "tethered-32a" => BoardProfile::tethered_32a(),
            other => {
                return Err(source.error(
                    line,
                    "profile",
                    format!("no board profile is called {other:?}"),
                    "choose socket-32a, socket-32a-old-monitor, cabur-socket-32a or tethered-32a",
                ));
            }
        };
        if !(6..=32).contains(&amps) {
            return Err(source.error(
                line,
                "max_current_a",
                format!("{amps} A is outside of what this board profile carries"),
                "write 6 to 32",
            ));
        }
        let phases = match phases {
            1 => Phases::One,
            3 => Phases::Three,
            other => {
                return Err(source.error(
                    line,
                    "phases",
                    format!("{other} phases"),
                    "write 1 or 3",
                ));
            }
        };
        board.max_current = Milliamps::from_amps(amps);
        board.supply = phases;
        if let Attachment::Tethered(rating) = &mut board.attachment {
            *rating = Milliamps::from_amps(amps);
        }
        let id = u8::try_from(place + 1).unwrap_or(u8::MAX);
        configs.push(EvseConfig {
            id: EvseId(id),
            attachment: board.attachment,
            max_current: board.max_current,
            phases,
        });
        profiles.push(board);
    }
    Ok((configs, profiles))
}

/// One reader for each of so many EVSEs.
fn readers(
    source: &Source<'_>,
    tables: &[Spanned<EvseTable>],
    evses: usize,
) -> Result<Vec<ReaderConfig>, ConfigError> {
    let mut readers = Vec::new();
    for table in tables {
        let line = source.line_at(table.span().start);
        let reader = table.get_ref().reader.clone();
        readers.push(ReaderConfig::parse(source, Some(line), reader, &readers)?);
    }
    readers.resize(evses, ReaderConfig::Simulated);
    Ok(readers)
}

/// A TOML value as the registry writes it.
pub(crate) fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn settings(table: &BTreeMap<String, Spanned<toml::Value>>) -> Vec<(String, String)> {
    table
        .iter()
        .map(|(key, value)| (key.clone(), as_text(value.get_ref())))
        .collect()
}

fn plugin(table: PluginTable) -> PluginOverride {
    PluginOverride {
        connect: table.connect,
        settings: table
            .settings
            .iter()
            .map(|(key, value)| (key.clone(), as_text(value)))
            .collect(),
    }
}

fn strictness(
    source: &Source<'_>,
    value: Option<&Spanned<String>>,
) -> Result<TlsStrictness, ConfigError> {
    let Some(value) = value else {
        return Ok(TlsStrictness::Normal);
    };
    let found = TlsStrictness::ALL
        .iter()
        .find(|(_, name)| name == value.get_ref());
    found.map(|(level, _)| *level).ok_or_else(|| {
        let names = TlsStrictness::ALL.map(|(_, name)| name).join(", ");
        let line = Some(source.line_at(value.span().start));
        let reason = format!("{:?} is no level", value.get_ref());
        source.error(line, "strictness", reason, format!("choose one of {names}"))
    })
}

fn wall_clock(source: &Source<'_>, value: Option<&Spanned<String>>) -> Result<bool, ConfigError> {
    match value.map(|value| (value.get_ref().as_str(), value.span().start)) {
        None | Some(("backend", _)) => Ok(false),
        Some(("system", _)) => Ok(true),
        Some((other, at)) => Err(source.error(
            Some(source.line_at(at)),
            "wall_clock",
            format!("{other:?} is no source of time"),
            "write \"backend\" (the central system tells the time) or \"system\" (the machine's clock is right)",
        )),
    }
}

fn proxy(source: &Source<'_>, value: Option<&Spanned<String>>) -> Result<Option<Url>, ConfigError> {
    let Some(value) = value.filter(|value| !value.get_ref().is_empty()) else {
        return Ok(None);
    };
    match Url::parse(value.get_ref()) {
        Ok(url) if url.scheme() == "http" && url.host_str().is_some() => Ok(Some(url)),
        Ok(_) | Err(_) => Err(source.error(
            Some(source.line_at(value.span().start)),
            "proxy",
            "is no HTTP proxy",
            "write http://host:port, or leave it out",
        )),
    }
}

fn listen(
    source: &Source<'_>,
    value: Option<&Spanned<String>>,
) -> Result<Option<std::net::SocketAddr>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let line = Some(source.line_at(value.span().start));
    let address: std::net::SocketAddr = value.get_ref().parse().map_err(|_| {
        source.error(
            line,
            "listen",
            "is no address",
            "write for example \"127.0.0.1:8180\"",
        )
    })?;
    if !address.ip().is_loopback() {
        return Err(source.error(
            line,
            "listen",
            "metrics and status are not protected, so they are for this machine only",
            "write a loopback address, for example \"127.0.0.1:8180\", and put a proxy in front",
        ));
    }
    Ok(Some(address))
}

fn log_level(source: &Source<'_>, value: Option<&Spanned<String>>) -> Result<String, ConfigError> {
    let Some(value) = value else {
        return Ok("info".to_owned());
    };
    match value.get_ref().as_str() {
        level @ ("error" | "warn" | "info" | "debug" | "trace") => Ok(level.to_owned()),
        other => Err(source.error(
            Some(source.line_at(value.span().start)),
            "level",
            format!("{other:?} is no level"),
            "choose error, warn, info, debug or trace",
        )),
    }
}

fn log_format(
    source: &Source<'_>,
    value: Option<&Spanned<String>>,
) -> Result<LogFormat, ConfigError> {
    match value.map(|value| (value.get_ref().as_str(), value.span().start)) {
        None | Some(("plain", _)) => Ok(LogFormat::Plain),
        Some(("json", _)) => Ok(LogFormat::Json),
        Some((other, at)) => Err(source.error(
            Some(source.line_at(at)),
            "format",
            format!("{other:?} is no format"),
            "choose plain or json",
        )),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
