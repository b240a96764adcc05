//! The values of the configuration keys. A key is the station's (the adapter only translates its name), the adapter's own
//! (kept in its store), or told only. Which keys there are is in [`keys`](super::keys).

use std::collections::BTreeMap;

use ocpp::v16::{
    CiString, ConfigurationStatus, GetConfigurationRequest, GetConfigurationResponse, KeyValue,
};

use super::key_list::SPECS;
use super::keys::{Access, Effect, Facts, Keeper, Kind, Spec, check, rotated, spec};
use super::limits::KEYS_ASKED;
use super::operator::find;
use crate::{Setting, StationInfo, StoreEntry, StoreWrite};

/// Prefix of the store keys that hold changed configuration keys.
const PREFIX: &str = "cfg/";
/// Characters of a value that OCPP 1.6 has room for.
const VALUE_CHARS: usize = 500;

/// What comes of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Changed; store this, and connect anew if it says so.
    Done {
        /// The answer.
        status: ConfigurationStatus,
        /// What to store.
        store: Vec<StoreWrite>,
        /// It takes effect on a new connection.
        reconnect: bool,
    },
    /// The station keeps it; its outcome is the answer.
    AskStation {
        /// Key of the station's registry.
        key: String,
        /// Value as the registry writes it.
        value: String,
    },
    /// The adapter decides more than whether the value fits: this is the value.
    Decide {
        /// The value as it would be kept.
        value: String,
    },
    /// Not changed.
    Refused(ConfigurationStatus),
}

/// All keys with their values.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// By the name of the key.
    values: BTreeMap<&'static str, String>,
    evses: usize,
    /// Values longer than OCPP 1.6 has room for are told whole, and more keys may be asked for at once.
    long: bool,
}

/// The answer to GetConfiguration, and the values that its type has no room for.
pub struct Told {
    /// The answer; long values are cut.
    pub answer: GetConfigurationResponse,
    /// Key and whole value, if the option lets them be told.
    pub long: Vec<(&'static str, String)>,
}

impl Configuration {
    /// Own keys: the store wins over the settings, the settings over the defaults.
    #[must_use]
    pub fn new(
        settings: &[Setting],
        store: &[StoreEntry],
        info: &StationInfo,
        identity: &str,
    ) -> Self {
        let mut values = BTreeMap::new();
        let facts = Facts { info, identity };
        for spec in SPECS {
            let value = match spec.keeper {
                Keeper::Station(registry) => of_station(settings, registry, info),
                Keeper::Own { default, setting } => {
                    let given = find(settings, setting).unwrap_or(default);
                    let given = check(spec, given).unwrap_or_else(|| default.to_owned());
                    Some(
                        stored(store, spec.key)
                            .and_then(|text| check(spec, &text))
                            .unwrap_or(given),
                    )
                }
                Keeper::Fact(fact) => Some(fact(&facts)),
                Keeper::Told => Some(String::new()),
            };
            if let Some(value) = value {
                values.insert(spec.key, value);
            }
        }
        Self {
            values,
            evses: info.evses.len(),
            long: find(settings, "allow_long_get_configuration_keys") == Some("true"),
        }
    }

    /// The station changed a setting of its own.
    pub fn station_setting_changed(&mut self, setting: &Setting) {
        for spec in SPECS {
            let Keeper::Station(registry) = spec.keeper else {
                continue;
            };
            // A new value for the station replaces what single EVSEs had, as in the registry.
            let for_all = self.values.contains_key(spec.key)
                && per_evse(registry).is_some_and(|(base, _)| base == setting.key);
            if registry == setting.key || for_all {
                self.values.insert(spec.key, setting.value.clone());
            }
        }
    }

    /// Answers GetConfiguration. `now` has what the adapter alone knows, by key.
    #[must_use]
    pub fn get(
        &self,
        request: &GetConfigurationRequest,
        now: impl Fn(&'static str) -> String,
    ) -> Told {
        let asked = request.key.as_deref().unwrap_or_default();
        let mut known: Vec<(&Spec, String)> = Vec::new();
        let mut unknown = Vec::new();
        if asked.is_empty() {
            known.extend(
                SPECS
                    .iter()
                    .filter_map(|spec| Some((spec, self.value(spec, &now)?))),
            );
            known.sort_by_key(|(spec, _)| spec.key);
        }
        let most = if self.long { asked.len() } else { KEYS_ASKED };
        for key in asked.iter().take(most) {
            let found = spec(key.as_str());
            match found.and_then(|spec| Some((spec, self.value(spec, &now)?))) {
                Some(found) => known.push(found),
                None => unknown.push(key.clone()),
            }
        }
        let long = known
            .iter()
            .filter(|(_, value)| self.long && value.chars().count() > VALUE_CHARS);
        let long = long.map(|(spec, value)| (spec.key, value.clone()));
        let long: Vec<(&'static str, String)> = long.collect();
        let told: Vec<KeyValue> = known
            .iter()
            .map(|(spec, value)| key_value(spec, value))
            .collect();
        let answer = GetConfigurationResponse {
            configuration_key: (asked.is_empty() || !told.is_empty()).then_some(told),
            unknown_key: (!unknown.is_empty()).then_some(unknown),
        };
        Told { answer, long }
    }

    fn value(&self, spec: &Spec, now: impl Fn(&'static str) -> String) -> Option<String> {
        match spec.keeper {
            Keeper::Told => Some(now(spec.key)),
            Keeper::Station(_) | Keeper::Own { .. } | Keeper::Fact(_) => {
                self.values.get(spec.key).cloned()
            }
        }
    }

    /// Changes a key, as far as it is the adapter's to change.
    pub fn change(&mut self, key: &str, value: &str) -> Change {
        let known = spec(key).filter(|spec| self.values.contains_key(spec.key));
        let Some(spec) = known else {
            return Change::Refused(ConfigurationStatus::NotSupported);
        };
        // An empty password is how the adapter keeps "none"; a backend cannot take the password away.
        let fits = check(spec, value)
            .filter(|_| spec.access != Access::ReadOnly)
            .filter(|text| spec.kind != Kind::Secret || !text.is_empty())
            .filter(|text| {
                spec.kind != Kind::PhaseRotation || rotated(text).all(|at| at <= self.evses)
            });
        let Some(value) = fits else {
            return Change::Refused(ConfigurationStatus::Rejected);
        };
        match spec.keeper {
            Keeper::Station(registry) => Change::AskStation {
                key: registry.to_owned(),
                value,
            },
            Keeper::Own { .. } if spec.effect == Effect::NextConnection => Change::Decide { value },
            Keeper::Own { .. } => {
                let store = self.set_own(spec.key, &value);
                Change::Done {
                    status: ConfigurationStatus::Accepted,
                    reconnect: spec.effect == Effect::Reconnects && !store.is_empty(),
                    store,
                }
            }
            Keeper::Fact(_) | Keeper::Told => Change::Refused(ConfigurationStatus::Rejected),
        }
    }

    /// Sets an own key; answers what to store (nothing, if nothing changes).
    pub fn set_own(&mut self, key: &str, value: &str) -> Vec<StoreWrite> {
        let Some(spec) = spec(key) else {
            return Vec::new();
        };
        if self.values.get(spec.key).is_some_and(|old| old == value) {
            return Vec::new();
        }
        self.values.insert(spec.key, value.to_owned());
        vec![StoreWrite {
            key: format!("{PREFIX}{}", spec.key),
            value: Some(value.as_bytes().to_vec()),
        }]
    }

    /// Tells this value of a key that is kept elsewhere.
    pub fn show(&mut self, key: &'static str, value: String) {
        self.values.insert(key, value);
    }

    /// A value that is true or false.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value == "true")
    }

    /// A number; 0 if there is none.
    #[must_use]
    pub fn number(&self, key: &str) -> u64 {
        self.values
            .get(key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    }

    /// A list.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        let text = self.values.get(key).map_or("", String::as_str);
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A text; `None` if it is empty.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.values
            .get(key)
            .filter(|value| !value.is_empty())
            .cloned()
    }
}

fn key_value(spec: &Spec, value: &str) -> KeyValue {
    let told = (spec.access != Access::WriteOnly).then(|| cut(spec, value));
    KeyValue {
        key: CiString::truncated(spec.key),
        readonly: spec.access == Access::ReadOnly,
        value: told.map(|text| CiString::truncated(&text)),
    }
}

/// As much of a value as OCPP 1.6 has room for; a list is cut between two items.
fn cut(spec: &Spec, value: &str) -> String {
    if value.chars().count() <= VALUE_CHARS {
        return value.to_owned();
    }
    let head: String = value.chars().take(VALUE_CHARS + 1).collect();
    match head.rfind([',', ':']).and_then(|end| head.get(..end)) {
        Some(whole) if spec.kind == Kind::List => whole.to_owned(),
        _ => head.chars().take(VALUE_CHARS).collect(),
    }
}

/// Whether the value suits the configuration key that starts with this setting; `None` if none does.
pub(super) fn fits(setting: &str, value: &str) -> Option<bool> {
    let starts =
        |spec: &&Spec| matches!(spec.keeper, Keeper::Own { setting: own, .. } if own == setting);
    let spec = SPECS.iter().find(starts)?;
    Some(check(spec, value).is_some())
}

/// Splits the registry key of a single EVSE into the station's key and the number.
fn per_evse(registry: &'static str) -> Option<(&'static str, u32)> {
    let (base, number) = registry.rsplit_once('.')?;
    Some((base, number.parse().ok()?))
}

/// The value of a station's setting. An EVSE has the station's until it has one of its own; a key of an EVSE that the
/// station does not have does not exist.
fn of_station(settings: &[Setting], registry: &'static str, info: &StationInfo) -> Option<String> {
    let value = match per_evse(registry) {
        None => find(settings, registry),
        Some((base, number)) => {
            let exists = info.evses.iter().any(|evse| evse.evse_id == number);
            let own = find(settings, registry).or_else(|| find(settings, base));
            own.filter(|_| exists)
        }
    };
    value.map(str::to_owned)
}

fn stored(store: &[StoreEntry], key: &str) -> Option<String> {
    let wanted = format!("{PREFIX}{key}");
    let entry = store.iter().find(|entry| entry.key == wanted)?;
    String::from_utf8(entry.value.clone()).ok()
}
