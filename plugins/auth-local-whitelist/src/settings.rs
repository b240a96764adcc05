//! The settings of the local whitelist.

use auth_cards::{ListFormat, MAX_ENTRIES, flag, seconds, spec};
use sdk::{Level, Setting, SettingSpec};
use units::Millis;

/// What people set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) enabled: bool,
    pub(crate) entries: String,
    pub(crate) format: ListFormat,
    pub(crate) refuse_unknown: bool,
    pub(crate) max_entries: usize,
    pub(crate) three_slots: bool,
    pub(crate) learn_timeout: Millis,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            entries: String::new(),
            format: ListFormat::Any,
            refuse_unknown: false,
            max_entries: MAX_ENTRIES,
            three_slots: false,
            learn_timeout: Millis::from_secs(60),
        }
    }
}

impl Settings {
    /// Takes a value; `false` if the setting is somebody else's.
    pub(crate) fn apply(&mut self, setting: &Setting) -> bool {
        let Setting { key, value } = setting;
        match key.as_str() {
            "enabled" => flag(key, value, &mut self.enabled),
            "entries" => self.entries.clone_from(value),
            "list_format" => match ListFormat::parse(value) {
                Some(format) => self.format = format,
                None => sdk::log(
                    Level::Warn,
                    &format!(
                        "list_format is none of {}; it stays as it was",
                        ListFormat::NAMES
                    ),
                ),
            },
            "refuse_unknown" => flag(key, value, &mut self.refuse_unknown),
            "max_entries" => match value.parse() {
                Ok(most @ 1..=MAX_ENTRIES) => self.max_entries = most,
                Ok(_) | Err(_) => sdk::log(
                    Level::Warn,
                    "max_entries is no number between 1 and 1000; it stays as it was",
                ),
            },
            "three_slots" => flag(key, value, &mut self.three_slots),
            "learn_timeout_s" => seconds(key, value, &mut self.learn_timeout),
            _ => return false,
        }
        true
    }
}

/// The settings as the manifest lists them.
pub(crate) fn specs() -> Vec<SettingSpec> {
    vec![
        spec("enabled", "true", "false: the list is not looked at"),
        spec(
            "entries",
            "",
            "UIDs separated by colons; UID@1 is valid at EVSE 1 only, MAC=001A2B3C4D5E is a vehicle",
        ),
        spec(
            "list_format",
            "any",
            "How the list is written: any, lower, upper, lower-reversed, upper-reversed",
        ),
        spec(
            "refuse_unknown",
            "false",
            "true: a card that is not listed is refused",
        ),
        spec("max_entries", "1000", "Most entries, 1 to 1000"),
        spec(
            "three_slots",
            "false",
            "true: three numbered places for cards instead of a list",
        ),
        spec(
            "learn_timeout_s",
            "60",
            "Learning ends by itself after this long without a new card",
        ),
    ]
}
