//! The registry of settings: key, type, unit, range, default, role that may write it, scope, restart needed.
//!
//! A key that does nothing does not exist: every entry of [`REGISTRY`] names where it acts, and a test changes each one
//! and looks for the difference.

use core::fmt;

use crate::limits::MAX_SETTING_CHARS;
use crate::types::EvseId;

/// Who may write; a higher role may do what the lower ones may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The user at the station.
    User,
    /// The operator, and with it every backend adapter.
    Operator,
    /// The installer, and with it the local API.
    Installer,
    /// The manufacturer, and with it the configuration file.
    Manufacturer,
}

impl Role {
    /// Its name in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Installer => "installer",
            Self::Manufacturer => "manufacturer",
        }
    }
}

/// One value per station, or one per EVSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One value.
    Station,
    /// `key` sets all EVSEs, `key.2` sets EVSE 2 alone.
    Evse,
}

/// Type and range of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number {
        /// Unit, for people.
        unit: &'static str,
        /// Lowest value.
        min: u32,
        /// Highest value.
        max: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One entry of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingSpec {
    /// Its key.
    pub key: &'static str,
    /// Type and range.
    pub kind: SettingType,
    /// Default, as text.
    pub default: &'static str,
    /// Lowest role that may write it.
    pub role: Role,
    /// Per station or per EVSE.
    pub scope: Scope,
    /// Takes effect after a restart.
    pub restart: bool,
    /// What it does, for people.
    pub summary: &'static str,
}

/// One value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingView {
    /// Key, with `.N` for the value of one EVSE alone.
    pub key: String,
    /// Value as text.
    pub value: String,
    /// Its entry in the registry.
    pub spec: &'static SettingSpec,
}

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingError {
    /// No such key.
    Unknown,
    /// Wrong type or out of range; says what is allowed.
    Invalid(String),
    /// This role is needed.
    Role(Role),
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(f, "no such key"),
            Self::Invalid(allowed) => write!(f, "allowed is {allowed}"),
            Self::Role(role) => write!(f, "only the {} may change it", role.name()),
        }
    }
}

impl std::error::Error for SettingError {}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal,)*) => {
        /// The keys of the registry.
        pub mod key {
            $($(#[$doc])* pub const $name: &str = $key;)*
        }
    };
}

keys! {
    /// Seconds an authorisation waits for a vehicle.
    VEHICLE_CONNECTION_TIMEOUT_S = "vehicle_connection_timeout_s",
    /// Seconds to wait for a verdict.
    VERDICT_TIMEOUT_S = "verdict_timeout_s",
    /// What ends a transaction.
    STOP_TRANSACTION_MODE = "stop_transaction_mode",
    /// Ends when the cable is pulled at the vehicle.
    STOP_ON_EV_DISCONNECT = "stop_on_ev_disconnect",
    /// Unlocks when the cable is pulled at the vehicle.
    UNLOCK_ON_EV_DISCONNECT = "unlock_on_ev_disconnect",
    /// Locks after authorisation only.
    LOCK_ONLY_IF_AUTHORIZED = "lock_only_if_authorized",
    /// Resumes after a power cut.
    RESTART_TRANSACTION_AFTER_POWER_LOSS = "restart_transaction_after_power_loss",
    /// Seconds between samples in a transaction.
    METER_SAMPLE_INTERVAL_S = "meter_sample_interval_s",
    /// Seconds between clock-aligned samples.
    CLOCK_ALIGNED_INTERVAL_S = "clock_aligned_interval_s",
    /// Asks for a verdict when another token is presented to stop.
    AUTHORIZE_FOR_STOP = "authorize_for_stop",
    /// The first reader serves every EVSE, the others none.
    ENFORCE_MASTER_RFID = "enforce_master_rfid",
    /// Ends a transaction whose token is refused later.
    STOP_ON_INVALID_TOKEN = "stop_on_invalid_token",
    /// Energy that such a transaction may still take.
    MAX_ENERGY_ON_INVALID_WH = "max_energy_on_invalid_wh",
    /// Accepts unknown tokens while nobody has an opinion.
    ALLOW_UNKNOWN_OFFLINE = "allow_unknown_offline",
    /// Wakes sleeping vehicles.
    ALLOW_EV_WAKE_UP = "allow_ev_wake_up",
    /// Suspends below this current.
    MINIMUM_CURRENT_A = "minimum_current_a",
    /// Limit of the installer.
    INSTALLATION_CURRENT_LIMIT_A = "installation_current_limit_a",
    /// Limit of the operator.
    OPERATOR_CURRENT_LIMIT_A = "operator_current_limit_a",
    /// Phases that are connected.
    PHASES = "phases",
    /// Shows a lost backend as a fault.
    DISPLAY_BACKEND_DISCONNECT = "display_backend_disconnect_as_error",
    /// Seconds without a backend after which the station starts anew.
    TCP_WATCHDOG = "tcp_watchdog_s",
}

const fn spec(
    key: &'static str,
    kind: SettingType,
    default: &'static str,
    role: Role,
    scope: Scope,
    summary: &'static str,
) -> SettingSpec {
    SettingSpec {
        key,
        kind,
        default,
        role,
        scope,
        restart: false,
        summary,
    }
}

const fn number(unit: &'static str, min: u32, max: u32) -> SettingType {
    SettingType::Number { unit, min, max }
}

/// Every setting of the station.
pub const REGISTRY: &[SettingSpec] = &[
    spec(
        key::VEHICLE_CONNECTION_TIMEOUT_S,
        number("s", 1, 3_600),
        "45",
        Role::Operator,
        Scope::Station,
        "An authorisation without a vehicle expires after this long.",
    ),
    spec(
        key::VERDICT_TIMEOUT_S,
        number("s", 1, 300),
        "30",
        Role::Operator,
        Scope::Station,
        "A verdict that has not come by then counts as no opinion.",
    ),
    spec(
        key::STOP_TRANSACTION_MODE,
        SettingType::Choice(&[
            "normal",
            "disconnect-only",
            "token-only",
            "normal-mode-d-rcd",
        ]),
        "normal",
        Role::Operator,
        Scope::Station,
        "What ends a transaction: token, remote stop or unplugging; only unplugging at the station; only token or remote stop; as normal and also pilot state D.",
    ),
    spec(
        key::STOP_ON_EV_DISCONNECT,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "In the normal modes, unplugging at the vehicle ends the transaction; otherwise it is suspended.",
    ),
    spec(
        key::UNLOCK_ON_EV_DISCONNECT,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "Unplugging at the vehicle releases the plug at the station.",
    ),
    spec(
        key::LOCK_ONLY_IF_AUTHORIZED,
        SettingType::Bool,
        "false",
        Role::Operator,
        Scope::Station,
        "Locks the plug after authorisation instead of at plug-in.",
    ),
    spec(
        key::RESTART_TRANSACTION_AFTER_POWER_LOSS,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "Resumes a transaction after a restart with the same token; otherwise it ends with the last known register.",
    ),
    spec(
        key::METER_SAMPLE_INTERVAL_S,
        number("s", 0, 86_400),
        "60",
        Role::Operator,
        Scope::Station,
        "Time between meter samples of a transaction; 0 takes none.",
    ),
    spec(
        key::CLOCK_ALIGNED_INTERVAL_S,
        number("s", 0, 86_400),
        "0",
        Role::Operator,
        Scope::Station,
        "Meter samples at multiples of this from midnight UTC; 0 takes none.",
    ),
    spec(
        key::AUTHORIZE_FOR_STOP,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "Asks for a verdict when another token is presented; one of the same group stops the transaction.",
    ),
    spec(
        key::ENFORCE_MASTER_RFID,
        SettingType::Bool,
        "false",
        Role::Operator,
        Scope::Station,
        "The card reader of the first EVSE serves every EVSE; cards at the others are refused.",
    ),
    spec(
        key::STOP_ON_INVALID_TOKEN,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "Ends a transaction whose token a backend refuses later; otherwise it is suspended.",
    ),
    spec(
        key::MAX_ENERGY_ON_INVALID_WH,
        number("Wh", 0, 1_000_000),
        "0",
        Role::Operator,
        Scope::Station,
        "Energy that a transaction may take after its token was refused and before it is suspended.",
    ),
    spec(
        key::ALLOW_UNKNOWN_OFFLINE,
        SettingType::Bool,
        "false",
        Role::Operator,
        Scope::Station,
        "Accepts a token nobody has an opinion about; it is checked again when the backend is back.",
    ),
    spec(
        key::ALLOW_EV_WAKE_UP,
        SettingType::Bool,
        "true",
        Role::Operator,
        Scope::Station,
        "Lets the interlock wake a sleeping vehicle once per plug-in.",
    ),
    spec(
        key::MINIMUM_CURRENT_A,
        number("A", 6, 80),
        "7",
        Role::Operator,
        Scope::Station,
        "Below this current the station suspends charging instead of offering it.",
    ),
    spec(
        key::INSTALLATION_CURRENT_LIMIT_A,
        number("A", 0, 80),
        "80",
        Role::Installer,
        Scope::Evse,
        "Highest current per phase that the installation carries.",
    ),
    spec(
        key::OPERATOR_CURRENT_LIMIT_A,
        number("A", 0, 80),
        "80",
        Role::Operator,
        Scope::Evse,
        "Highest current per phase that the operator allows; may change during a transaction.",
    ),
    spec(
        key::PHASES,
        SettingType::Choice(&["1", "3"]),
        "3",
        Role::Installer,
        Scope::Evse,
        "Phases that are connected; never more than are wired.",
    ),
    spec(
        key::DISPLAY_BACKEND_DISCONNECT,
        SettingType::Bool,
        "false",
        Role::Operator,
        Scope::Station,
        "Shows a lost backend as a fault on the indicators.",
    ),
    spec(
        key::TCP_WATCHDOG,
        number("s", 0, 604_800),
        "10800",
        Role::Operator,
        Scope::Station,
        "After this long without its primary backend the station starts anew, unless a transaction runs; 0 = never, 1 to 9 count as 10.",
    ),
];

impl SettingSpec {
    /// Checks and normalises a value.
    ///
    /// # Errors
    /// [`SettingError::Invalid`] with what is allowed.
    pub fn try_parse(&self, value: &str) -> Result<String, SettingError> {
        let value = value.trim();
        let good = value.len() <= MAX_SETTING_CHARS
            && match self.kind {
                SettingType::Bool => value == "true" || value == "false",
                SettingType::Number { min, max, .. } => {
                    value.bytes().all(|byte| byte.is_ascii_digit())
                        && value.parse::<u32>().is_ok_and(|n| (min..=max).contains(&n))
                }
                SettingType::Choice(words) => words.contains(&value),
            };
        if !good {
            return Err(SettingError::Invalid(self.kind.to_string()));
        }
        Ok(match value.parse::<u32>() {
            Ok(n) if matches!(self.kind, SettingType::Number { .. }) => n.to_string(),
            Ok(_) | Err(_) => value.to_owned(),
        })
    }
}

impl fmt::Display for SettingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => write!(f, "true or false"),
            Self::Number { unit, min, max } => write!(f, "{min} to {max} {unit}"),
            Self::Choice(words) => write!(f, "{}", words.join(", ")),
        }
    }
}

/// The values in force.
#[derive(Debug, Clone)]
pub struct Settings {
    evses: Vec<EvseId>,
    /// One base value per entry of the registry, in its order.
    base: Vec<String>,
    /// Values of one EVSE alone.
    own: Vec<(usize, EvseId, String)>,
}

impl Settings {
    /// All defaults.
    #[must_use]
    pub fn new(evses: &[EvseId]) -> Self {
        let base = REGISTRY
            .iter()
            .map(|spec| spec.default.to_owned())
            .collect();
        Self {
            evses: evses.to_vec(),
            base,
            own: Vec::new(),
        }
    }

    /// Sets one value; answers its entry in the registry and the value as it is kept.
    ///
    /// # Errors
    /// [`SettingError`]; nothing changes then.
    pub fn try_set(
        &mut self,
        key: &str,
        value: &str,
        role: Role,
    ) -> Result<(&'static SettingSpec, String), SettingError> {
        let (index, evse) = self.find(key).ok_or(SettingError::Unknown)?;
        let spec = REGISTRY.get(index).ok_or(SettingError::Unknown)?;
        if role < spec.role {
            return Err(SettingError::Role(spec.role));
        }
        let value = spec.try_parse(value)?;
        match evse {
            Some(evse) => {
                self.own.retain(|(i, e, _)| (*i, *e) != (index, evse));
                self.own.push((index, evse, value.clone()));
            }
            None => {
                self.own.retain(|(i, ..)| *i != index);
                if let Some(slot) = self.base.get_mut(index) {
                    slot.clone_from(&value);
                }
            }
        }
        Ok((spec, value))
    }

    /// The value of a key as text; `key.N` asks for EVSE N.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let (index, evse) = self.find(key)?;
        self.value(index, evse)
    }

    /// Every value in force.
    #[must_use]
    pub fn views(&self) -> Vec<SettingView> {
        let base = REGISTRY
            .iter()
            .zip(&self.base)
            .map(|(spec, value)| SettingView {
                key: spec.key.to_owned(),
                value: value.clone(),
                spec,
            });
        let own = self.own.iter().filter_map(|(index, evse, value)| {
            let spec = REGISTRY.get(*index)?;
            let key = format!("{}.{}", spec.key, evse.0);
            Some(SettingView {
                key,
                value: value.clone(),
                spec,
            })
        });
        base.chain(own).collect()
    }

    /// Is a switch on?
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    /// A number of the station.
    pub(crate) fn number(&self, key: &str) -> u32 {
        self.get(key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    }

    /// A number of one EVSE.
    pub(crate) fn number_of(&self, key: &str, evse: EvseId) -> u32 {
        let value = self
            .find(key)
            .and_then(|(index, _)| self.value(index, Some(evse)));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    fn value(&self, index: usize, evse: Option<EvseId>) -> Option<&str> {
        let own = evse.and_then(|evse| {
            self.own
                .iter()
                .find(|(i, e, _)| (*i, *e) == (index, evse))
                .map(|(.., value)| value)
        });
        own.or_else(|| self.base.get(index)).map(String::as_str)
    }

    fn find(&self, key: &str) -> Option<(usize, Option<EvseId>)> {
        let position = |key: &str| REGISTRY.iter().position(|spec| spec.key == key);
        if let Some(index) = position(key) {
            return Some((index, None));
        }
        let (key, number) = key.rsplit_once('.')?;
        let index = position(key)?;
        let evse = EvseId(number.parse().ok()?);
        let per_evse = REGISTRY.get(index)?.scope == Scope::Evse;
        (per_evse && self.evses.contains(&evse)).then_some((index, Some(evse)))
    }
}
