//! The configuration keys of OCPP 1.6: which exist, what they may be, who keeps them.
//!
//! A key is either the station's (the adapter only translates its name), the adapter's own (kept in its store), or fixed.

use std::collections::BTreeMap;

use ocpp::v16::{
    CiString, ConfigurationStatus, GetConfigurationRequest, GetConfigurationResponse, KeyValue,
};

use super::charging::capabilities;
use super::limits::{LIST_TOKENS, SEND_LIST_TOKENS};
use super::operator::find;
use crate::{Setting, StationInfo, StoreEntry, StoreWrite};

/// Prefix of the store keys that hold changed configuration keys.
const PREFIX: &str = "cfg/";
/// Keys that one GetConfiguration answers.
const MAX_KEYS: usize = 100;
/// Longest list of measurands.
const MAX_LIST: usize = 16;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Number {
        min: u64,
        max: u64,
    },
    /// Comma-separated measurands that a station can deliver.
    Measurands,
    /// One `connector.rotation` per connector.
    PhaseRotation,
    /// Never told; 16 to 40 characters.
    Secret,
}

/// Who keeps a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeper {
    /// The station, under this key of its registry.
    Station(&'static str),
    /// The adapter, with this default (or the setting of this name).
    Own {
        default: &'static str,
        setting: &'static str,
    },
}

struct Spec {
    key: &'static str,
    kind: Kind,
    keeper: Keeper,
    /// Takes effect on the next connection, which is made at once.
    reconnect: bool,
}

const fn station(key: &'static str, kind: Kind, registry: &'static str) -> Spec {
    Spec {
        key,
        kind,
        keeper: Keeper::Station(registry),
        reconnect: false,
    }
}

const fn own(key: &'static str, kind: Kind, default: &'static str, setting: &'static str) -> Spec {
    Spec {
        key,
        kind,
        keeper: Keeper::Own { default, setting },
        reconnect: false,
    }
}

const fn connection(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    setting: &'static str,
) -> Spec {
    Spec {
        key,
        kind,
        keeper: Keeper::Own { default, setting },
        reconnect: true,
    }
}

const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}

const DAY_S: u64 = 86_400;

/// Feature profiles that the adapters speak.
const PROFILES: &str = "Core,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger";

const SPECS: &[Spec] = &[
    station(
        "AllowOfflineTxForUnknownId",
        Kind::Flag,
        "allow_unknown_offline",
    ),
    own("AuthorizationCacheEnabled", Kind::Flag, "true", ""),
    connection("AuthorizationKey", Kind::Secret, "", "basic_auth_password"),
    own(
        "AuthorizeRemoteTxRequests",
        Kind::Flag,
        "true",
        "authorize_remote_start",
    ),
    station(
        "ClockAlignedDataInterval",
        number(0, DAY_S),
        "clock_aligned_interval_s",
    ),
    station(
        "ConnectionTimeOut",
        number(0, DAY_S),
        "vehicle_connection_timeout_s",
    ),
    own(
        "ConnectorPhaseRotation",
        Kind::PhaseRotation,
        "0.Unknown",
        "",
    ),
    own(
        "HeartbeatInterval",
        number(0, DAY_S),
        "300",
        "heartbeat_interval_s",
    ),
    own("LocalAuthListEnabled", Kind::Flag, "true", ""),
    own(
        "LocalAuthorizeOffline",
        Kind::Flag,
        "true",
        "local_authorize_offline",
    ),
    own(
        "LocalPreAuthorize",
        Kind::Flag,
        "false",
        "local_pre_authorize",
    ),
    station(
        "MaxEnergyOnInvalidId",
        number(0, 1_000_000),
        "max_energy_on_invalid_wh",
    ),
    station(
        "MeterValueSampleInterval",
        number(0, DAY_S),
        "meter_sample_interval_s",
    ),
    own(
        "MeterValuesAlignedData",
        Kind::Measurands,
        "Energy.Active.Import.Register",
        "",
    ),
    own(
        "MeterValuesSampledData",
        Kind::Measurands,
        "Energy.Active.Import.Register",
        "meter_values_sampled_data",
    ),
    own("MinimumStatusDuration", number(0, 3_600), "0", ""),
    station(
        "OperatorCurrentLimit",
        number(0, 80),
        "operator_current_limit_a",
    ),
    station(
        "OperatorCurrentLimit_2",
        number(0, 80),
        "operator_current_limit_a.2",
    ),
    own("ResetRetries", number(0, 10), "1", ""),
    station(
        "StopTransactionOnEVSideDisconnect",
        Kind::Flag,
        "stop_on_ev_disconnect",
    ),
    station(
        "StopTransactionOnInvalidId",
        Kind::Flag,
        "stop_on_invalid_token",
    ),
    own("StopTxnAlignedData", Kind::Measurands, "", ""),
    own("StopTxnSampledData", Kind::Measurands, "", ""),
    own("TransactionMessageAttempts", number(1, 100), "3", ""),
    own(
        "TransactionMessageRetryInterval",
        number(0, 3_600),
        "60",
        "",
    ),
    station(
        "UnlockConnectorOnEVSideDisconnect",
        Kind::Flag,
        "unlock_on_ev_disconnect",
    ),
    connection(
        "WebSocketPingInterval",
        number(0, DAY_S),
        "0",
        "keep_alive_s",
    ),
];

/// Measurands that readings of a station can have.
const MEASURANDS: [&str; 10] = [
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
];

const ROTATIONS: [&str; 8] = [
    "NotApplicable",
    "Unknown",
    "RST",
    "RTS",
    "SRT",
    "STR",
    "TRS",
    "TSR",
];

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
    /// Not changed.
    Refused(ConfigurationStatus),
}

/// All keys with their values.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// By the name of the key.
    values: BTreeMap<&'static str, String>,
    fixed: BTreeMap<&'static str, String>,
    evses: usize,
}

impl Configuration {
    /// Own keys: the store wins over the settings, the settings over the defaults.
    #[must_use]
    pub fn new(settings: &[Setting], store: &[StoreEntry], info: &StationInfo) -> Self {
        let mut values = BTreeMap::new();
        for spec in SPECS {
            let value = match spec.keeper {
                Keeper::Station(registry) => find(settings, registry)
                    .or_else(|| find(settings, inherited(registry, info)?))
                    .map(str::to_owned),
                Keeper::Own { default, setting } => {
                    let given = find(settings, setting).unwrap_or(default);
                    let given = check(spec, given).unwrap_or_else(|| default.to_owned());
                    Some(
                        stored(store, spec.key)
                            .and_then(|text| check(spec, &text))
                            .unwrap_or(given),
                    )
                }
            };
            if let Some(value) = value {
                values.insert(spec.key, value);
            }
        }
        let charging = capabilities(info);
        let fixed = BTreeMap::from([
            ("ChargePointModel", info.model.clone()),
            ("ChargePointVendor", info.vendor.clone()),
            (
                "ConnectorPhaseRotationMaxLength",
                info.evses.len().saturating_add(1).to_string(),
            ),
            ("GetConfigurationMaxKeys", MAX_KEYS.to_string()),
            ("MeterValuesAlignedDataMaxLength", MAX_LIST.to_string()),
            ("MeterValuesSampledDataMaxLength", MAX_LIST.to_string()),
            ("NumberOfConnectors", info.evses.len().to_string()),
            ("StopTxnAlignedDataMaxLength", MAX_LIST.to_string()),
            ("StopTxnSampledDataMaxLength", MAX_LIST.to_string()),
            ("SupportedFeatureProfiles", PROFILES.to_owned()),
            (
                "ChargeProfileMaxStackLevel",
                charging.stack_level_max.to_string(),
            ),
            (
                "ChargingScheduleAllowedChargingRateUnit",
                "Current,Power".to_owned(),
            ),
            (
                "ChargingScheduleMaxPeriods",
                charging.periods_max.to_string(),
            ),
            ("ConnectorSwitch3to1PhaseSupported", "true".to_owned()),
            ("LocalAuthListMaxLength", LIST_TOKENS.to_string()),
            (
                "MaxChargingProfilesInstalled",
                charging.profiles_max.to_string(),
            ),
            ("ReserveConnectorZeroSupported", "true".to_owned()),
            ("SendLocalListMaxLength", SEND_LIST_TOKENS.to_string()),
        ]);
        Self {
            values,
            fixed,
            evses: info.evses.len(),
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

    /// Answers GetConfiguration.
    #[must_use]
    pub fn get(&self, request: &GetConfigurationRequest) -> GetConfigurationResponse {
        let asked = request.key.as_deref().unwrap_or_default();
        if asked.is_empty() {
            let mut all: Vec<KeyValue> = SPECS
                .iter()
                .filter_map(|spec| self.key_value(spec.key))
                .collect();
            all.extend(self.fixed.keys().filter_map(|key| self.key_value(key)));
            all.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
            return GetConfigurationResponse {
                configuration_key: Some(all),
                unknown_key: None,
            };
        }
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for key in asked.iter().take(MAX_KEYS) {
            match self.key_value(key.as_str()) {
                Some(value) => known.push(value),
                None => unknown.push(key.clone()),
            }
        }
        GetConfigurationResponse {
            configuration_key: (!known.is_empty()).then_some(known),
            unknown_key: (!unknown.is_empty()).then_some(unknown),
        }
    }

    fn key_value(&self, key: &str) -> Option<KeyValue> {
        if let Some((name, value)) = self
            .fixed
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
        {
            let value = Some(CiString::truncated(value));
            return Some(KeyValue {
                key: CiString::truncated(name),
                readonly: true,
                value,
            });
        }
        let spec = spec(key)?;
        let value = self.values.get(spec.key)?;
        let told = (spec.kind != Kind::Secret).then(|| CiString::truncated(value));
        Some(KeyValue {
            key: CiString::truncated(spec.key),
            readonly: false,
            value: told,
        })
    }

    /// Changes a key, as far as it is the adapter's to change.
    pub fn change(&mut self, key: &str, value: &str) -> Change {
        if self
            .fixed
            .keys()
            .any(|fixed| fixed.eq_ignore_ascii_case(key))
        {
            return Change::Refused(ConfigurationStatus::Rejected);
        }
        let known = spec(key).filter(|spec| self.values.contains_key(spec.key));
        let Some(spec) = known else {
            return Change::Refused(ConfigurationStatus::NotSupported);
        };
        // An empty password is how the adapter keeps "none"; a backend cannot take the password away.
        let fits = check(spec, value)
            .filter(|text| spec.kind != Kind::Secret || !text.is_empty())
            .filter(|text| self.names_connectors(spec, text));
        let Some(value) = fits else {
            return Change::Refused(ConfigurationStatus::Rejected);
        };
        match spec.keeper {
            Keeper::Station(registry) => Change::AskStation {
                key: registry.to_owned(),
                value,
            },
            Keeper::Own { .. } => {
                let store = self.set_own(spec.key, &value);
                Change::Done {
                    status: ConfigurationStatus::Accepted,
                    store,
                    reconnect: spec.reconnect,
                }
            }
        }
    }

    fn names_connectors(&self, spec: &Spec, value: &str) -> bool {
        spec.kind != Kind::PhaseRotation
            || value.split(',').all(|part| {
                let connector = part
                    .trim()
                    .split('.')
                    .next()
                    .and_then(|number| number.parse().ok());
                connector.is_some_and(|number: usize| number <= self.evses)
            })
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

/// Whether the value suits the configuration key that starts with this setting; `None` if none does.
pub(super) fn fits(setting: &str, value: &str) -> Option<bool> {
    let starts =
        |spec: &&Spec| matches!(spec.keeper, Keeper::Own { setting: own, .. } if own == setting);
    let spec = SPECS.iter().find(starts)?;
    Some(check(spec, value).is_some())
}

fn spec(key: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.key.eq_ignore_ascii_case(key))
}

/// Splits the registry key of a single EVSE into the station's key and the number.
fn per_evse(registry: &'static str) -> Option<(&'static str, u32)> {
    let (base, number) = registry.rsplit_once('.')?;
    Some((base, number.parse().ok()?))
}

/// The key whose value an EVSE has until it has one of its own; `None` if the station has no such EVSE.
fn inherited(registry: &'static str, info: &StationInfo) -> Option<&'static str> {
    let (base, number) = per_evse(registry)?;
    let exists = info.evses.iter().any(|evse| evse.evse_id == number);
    exists.then_some(base)
}

fn stored(store: &[StoreEntry], key: &str) -> Option<String> {
    let wanted = format!("{PREFIX}{key}");
    let entry = store.iter().find(|entry| entry.key == wanted)?;
    String::from_utf8(entry.value.clone()).ok()
}

/// The value as it is kept, or `None` if it is none.
fn check(spec: &Spec, value: &str) -> Option<String> {
    // Every character of a password counts.
    let value = match spec.kind {
        Kind::Secret => value,
        _ => value.trim(),
    };
    match spec.kind {
        Kind::Flag => match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Number { min, max } => {
            let number: u64 = value.parse().ok()?;
            (min..=max).contains(&number).then(|| number.to_string())
        }
        Kind::Measurands => {
            let items: Vec<&str> = value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect();
            let known = items.iter().all(|item| MEASURANDS.contains(item));
            (known && items.len() <= MAX_LIST).then(|| items.join(","))
        }
        Kind::PhaseRotation => {
            let known = |part: &str| {
                let rotation = part.trim().split_once('.').map(|(_, rotation)| rotation);
                rotation.is_some_and(|rotation| ROTATIONS.contains(&rotation))
            };
            value.split(',').all(known).then(|| value.to_owned())
        }
        Kind::Secret => {
            (value.is_empty() || (16..=40).contains(&value.len())).then(|| value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> StationInfo {
        StationInfo {
            vendor: "V".to_owned(),
            model: "M".to_owned(),
            serial: String::new(),
            firmware: String::new(),
            iccid: None,
            imsi: None,
            meter_type: None,
            meter_serial: None,
            evses: vec![crate::EvseInfo {
                evse_id: 1,
                connectors: 1,
                fixed_cable: false,
                max_current_ma: 1,
                phases: 1,
            }],
        }
    }

    fn configuration() -> Configuration {
        let settings = [Setting {
            key: "vehicle_connection_timeout_s".to_owned(),
            value: "45".to_owned(),
        }];
        Configuration::new(&settings, &[], &info())
    }

    fn done(change: &Change) -> bool {
        matches!(
            change,
            Change::Done {
                status: ConfigurationStatus::Accepted,
                ..
            }
        )
    }

    #[test]
    fn values_of_the_wrong_kind_are_rejected() {
        for (key, value) in [
            ("AuthorizationCacheEnabled", "maybe"),
            ("HeartbeatInterval", "-1"),
            ("HeartbeatInterval", "ten"),
            ("MeterValuesSampledData", "Energy.Dark"),
            ("ConnectorPhaseRotation", "1.XYZ"),
            ("ConnectorPhaseRotation", "7.RST"),
            ("AuthorizationKey", "short"),
            ("NumberOfConnectors", "3"),
        ] {
            let change = configuration().change(key, value);
            assert_eq!(
                change,
                Change::Refused(ConfigurationStatus::Rejected),
                "{key} = {value}"
            );
        }
    }

    #[test]
    fn own_keys_change_at_once_and_are_stored_once() {
        let mut config = configuration();
        let change = config.change("heartbeatinterval", "17");
        let Change::Done { store, .. } = &change else {
            panic!("{change:?}")
        };
        assert_eq!(store[0].key, "cfg/HeartbeatInterval");
        assert_eq!(config.number("HeartbeatInterval"), 17);
        assert!(config.set_own("HeartbeatInterval", "17").is_empty());
        assert!(done(
            &config.change("MeterValuesSampledData", "SoC, Voltage")
        ));
        assert_eq!(config.list("MeterValuesSampledData"), ["SoC", "Voltage"]);
        assert!(done(
            &config.change("ConnectorPhaseRotation", "0.RST,1.STR")
        ));
    }

    #[test]
    fn keys_of_the_station_are_asked_of_it_and_follow_it() {
        let mut config = configuration();
        let change = config.change("ConnectionTimeOut", "90");
        let key = "vehicle_connection_timeout_s".to_owned();
        assert_eq!(
            change,
            Change::AskStation {
                key: key.clone(),
                value: "90".to_owned()
            }
        );
        assert_eq!(config.number("ConnectionTimeOut"), 45);
        config.station_setting_changed(&Setting {
            key,
            value: "90".to_owned(),
        });
        assert_eq!(config.number("ConnectionTimeOut"), 90);
        // A station without this setting does not have the key.
        let change = config.change("MaxEnergyOnInvalidId", "5");
        assert_eq!(change, Change::Refused(ConfigurationStatus::NotSupported));
    }

    #[test]
    fn password_is_never_told_and_connects_anew() {
        let mut config = configuration();
        let change = config.change("AuthorizationKey", "0123456789abcdef");
        assert!(matches!(
            change,
            Change::Done {
                reconnect: true,
                ..
            }
        ));
        let key = CiString::truncated("AuthorizationKey");
        let answer = config.get(&GetConfigurationRequest {
            key: Some(vec![key]),
        });
        assert_eq!(answer.configuration_key.unwrap()[0].value, None);
        assert_eq!(
            config.text("AuthorizationKey").as_deref(),
            Some("0123456789abcdef")
        );
    }

    #[test]
    fn second_limit_exists_with_a_second_evse_and_follows_the_first_until_it_has_its_own() {
        let mut two = info();
        let mut second = two.evses[0];
        second.evse_id = 2;
        two.evses.push(second);
        let setting = |key: &str, value: &str| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let given = [setting("operator_current_limit_a", "80")];
        let mut config = Configuration::new(&given, &[], &two);
        assert_eq!(
            config.change("OperatorCurrentLimit_2", "16"),
            Change::AskStation {
                key: "operator_current_limit_a.2".to_owned(),
                value: "16".to_owned()
            }
        );
        config.station_setting_changed(&setting("operator_current_limit_a.2", "16"));
        assert_eq!(config.number("OperatorCurrentLimit"), 80);
        assert_eq!(config.number("OperatorCurrentLimit_2"), 16);
        // The registry drops what single EVSEs have when the station's value is set.
        config.station_setting_changed(&setting("operator_current_limit_a", "32"));
        assert_eq!(config.number("OperatorCurrentLimit_2"), 32);

        let mut single = Configuration::new(&given, &[], &info());
        assert_eq!(
            single.change("OperatorCurrentLimit_2", "16"),
            Change::Refused(ConfigurationStatus::NotSupported)
        );
        single.station_setting_changed(&setting("operator_current_limit_a", "32"));
        assert_eq!(single.text("OperatorCurrentLimit_2"), None);
    }

    #[test]
    fn password_can_not_be_emptied_and_is_kept_to_the_letter() {
        let mut config = configuration();
        assert_eq!(
            config.change("AuthorizationKey", ""),
            Change::Refused(ConfigurationStatus::Rejected)
        );
        assert!(done(
            &config.change("AuthorizationKey", " 0123456789abcdef ")
        ));
        assert_eq!(
            config.text("AuthorizationKey").as_deref(),
            Some(" 0123456789abcdef ")
        );
    }
}
