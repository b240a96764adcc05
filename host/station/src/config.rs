//! What the station is made of: EVSEs, identity, and the settings that differ from their defaults.

use core::fmt;

use interlock::Attachment;
use units::{Milliamps, Phases};

use crate::limits::MAX_EVSES;
use crate::settings::{Role, SettingError, Settings};
use crate::types::{BootReason, EvseId};

/// Who the station says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Vendor.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Firmware version.
    pub firmware: String,
    /// ICCID of the SIM, if there is one.
    pub iccid: Option<String>,
    /// IMSI of the SIM, if there is one.
    pub imsi: Option<String>,
    /// Type of the charging meter.
    pub meter_type: Option<String>,
    /// Serial number of the charging meter.
    pub meter_serial: Option<String>,
}

/// One EVSE; it has one connector, number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvseConfig {
    /// Its number, from 1.
    pub id: EvseId,
    /// Socket-outlet with lock, or tethered cable.
    pub attachment: Attachment,
    /// Highest current of its hardware, per phase.
    pub max_current: Milliamps,
    /// Phases that are wired.
    pub phases: Phases,
}

/// What [`crate::Station::new`] needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationConfig {
    /// Who it is.
    pub identity: Identity,
    /// Its EVSEs, at most [`MAX_EVSES`].
    pub evses: Vec<EvseConfig>,
    /// Settings that differ from the registry's default: key and value as text, applied with the manufacturer's role.
    pub settings: Vec<(String, String)>,
    /// Why the software started; decides the reason of a transaction that cannot be resumed.
    pub boot_reason: BootReason,
}

/// A configuration that cannot be used, with what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// No EVSE at all, or too many.
    EvseCount(usize),
    /// Number 0, or the same number twice.
    EvseNumber(EvseId),
    /// The hardware limit is below 6 A, the least a pilot can offer.
    HardwareLimit(EvseId),
    /// A setting was refused.
    Setting {
        /// Its key.
        key: String,
        /// Why.
        error: SettingError,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EvseCount(n) => {
                write!(
                    f,
                    "{n} EVSEs configured; give at least one and at most {MAX_EVSES}"
                )
            }
            Self::EvseNumber(id) => {
                write!(
                    f,
                    "EVSE number {} is 0 or used twice; number them from 1",
                    id.0
                )
            }
            Self::HardwareLimit(id) => {
                write!(
                    f,
                    "EVSE {}: a hardware limit below 6 A can never charge",
                    id.0
                )
            }
            Self::Setting { key, error } => write!(f, "setting `{key}`: {error}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl StationConfig {
    /// Checks everything that [`crate::Station::new`] would otherwise leave out.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.evses.is_empty() || self.evses.len() > MAX_EVSES {
            return Err(ConfigError::EvseCount(self.evses.len()));
        }
        for (position, evse) in self.evses.iter().enumerate() {
            let twice = self
                .evses
                .iter()
                .skip(position + 1)
                .any(|other| other.id == evse.id);
            if evse.id.0 == 0 || twice {
                return Err(ConfigError::EvseNumber(evse.id));
            }
            if evse.max_current < Milliamps::from_amps(6) {
                return Err(ConfigError::HardwareLimit(evse.id));
            }
        }
        let ids: Vec<EvseId> = self.evses.iter().map(|evse| evse.id).collect();
        let mut settings = Settings::new(&ids);
        for (key, value) in &self.settings {
            settings
                .try_set(key, value, Role::Manufacturer)
                .map_err(|error| ConfigError::Setting {
                    key: key.clone(),
                    error,
                })?;
        }
        Ok(())
    }
}
