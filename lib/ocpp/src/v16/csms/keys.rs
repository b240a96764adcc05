//! Configuration keys as the charge point last told them.

use crate::limits::CSMS_KEYS_MAX;
use crate::v16::{CiString, ConfigurationStatus, GetConfigurationResponse};
use alloc::collections::BTreeMap;

/// Keys whose value is a secret; what was sent is not kept.
const SECRET: &[&str] = &["AuthorizationKey"];

/// A key's name.
pub type KeyName = CiString<50>;

/// A key's value.
pub type KeyText = CiString<500>;

/// One configuration key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownKey {
    /// Its value; `None` if it is secret or was never told.
    pub value: Option<KeyText>,
    /// True if it cannot be set; `None` if that was never told.
    pub readonly: Option<bool>,
    /// The value it gets with the next restart.
    pub after_restart: Option<KeyText>,
}

/// The configuration of one charge point as far as it is known.
///
/// # Invariants
/// At most [`CSMS_KEYS_MAX`] keys; further ones are not noted.
#[derive(Debug, Default)]
pub struct KeyBook {
    keys: BTreeMap<KeyName, KnownKey>,
}

impl KeyBook {
    /// A key by its name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&KnownKey> {
        self.keys.get(&KeyName::new(name).ok()?)
    }

    /// Every known key, by name.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyName, &KnownKey)> {
        self.keys.iter()
    }

    /// A key's value as a count.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        let value = self.key(name)?.value.as_ref()?;
        value.as_str().trim().parse().ok()
    }

    fn entry(&mut self, name: &KeyName) -> Option<&mut KnownKey> {
        if self.keys.len() >= CSMS_KEYS_MAX && !self.keys.contains_key(name) {
            return None;
        }
        Some(self.keys.entry(name.clone()).or_default())
    }

    /// The charge point told keys.
    pub(super) fn told(&mut self, response: &GetConfigurationResponse) {
        for told in response.configuration_key.iter().flatten() {
            let secret = SECRET.iter().any(|secret| told.key == *secret);
            if let Some(entry) = self.entry(&told.key) {
                entry.value = told.value.clone().filter(|_| !secret);
                entry.readonly = Some(told.readonly);
            }
        }
        for unknown in response.unknown_key.iter().flatten() {
            self.keys.remove(unknown);
        }
    }

    /// The charge point answered the setting of a key.
    pub(super) fn set(&mut self, name: &KeyName, value: KeyText, status: ConfigurationStatus) {
        if SECRET.iter().any(|secret| *name == *secret) {
            return;
        }
        match status {
            ConfigurationStatus::Accepted => {
                if let Some(entry) = self.entry(name) {
                    entry.value = Some(value);
                    entry.after_restart = None;
                }
            }
            ConfigurationStatus::RebootRequired => {
                if let Some(entry) = self.entry(name) {
                    entry.after_restart = Some(value);
                }
            }
            ConfigurationStatus::Rejected => {}
            ConfigurationStatus::NotSupported => {
                self.keys.remove(name);
            }
        }
    }

    /// The charge point restarted.
    pub(super) fn restarted(&mut self) {
        for entry in self.keys.values_mut() {
            if let Some(value) = entry.after_restart.take() {
                entry.value = Some(value);
            }
        }
    }
}
