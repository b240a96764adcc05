//! Configuration keys that the person at the station gives: set once, as a backend would set them, whenever the setting's
//! text changes. What the backend sets afterwards stays.

use super::config::Change;
use super::operator::find;
use super::{Ocpp16, Operator};
use crate::backend::{Command, Role, SettingRequest};
use crate::{Level, Setting, StoreEntry, StoreWrite, log};

/// The adapter's setting.
pub(super) const SETTING: &str = "ocpp_keys";
/// Store key of the text that was carried out last.
const KEY: &str = "given-keys";

/// `KEY=VALUE;KEY=VALUE`, or `None` if it is something else.
pub(super) fn parse(text: &str) -> Option<Vec<(&str, &str)>> {
    let pairs = text.split(';').map(str::trim);
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (!key.trim().is_empty()).then(|| (key.trim(), value.trim()))
        })
        .collect()
}

impl<O: Operator> Ocpp16<O> {
    /// Carries the setting out, if its text is another one than last time.
    pub(super) fn take_given_keys(&mut self, settings: &[Setting], store: &[StoreEntry]) {
        let text = find(settings, SETTING).unwrap_or_default();
        let done = store.iter().find(|entry| entry.key == KEY);
        let done = done.map_or(&[][..], |entry| &entry.value);
        if self.role != Role::Primary || text.as_bytes() == done {
            return;
        }
        for (key, value) in parse(text).unwrap_or_default() {
            match self.config.change(key, value) {
                Change::Done { store, .. } => self.write(store),
                Change::AskStation { key, value } => {
                    let request_id = self.request_id();
                    self.command(Command::SetSetting(SettingRequest {
                        request_id,
                        key,
                        value,
                    }));
                }
                // The value stays out of it: it may be a password.
                Change::Decide { .. } => refused(key, "it has a setting of its own"),
                Change::Refused(status) => refused(key, status.as_str()),
            }
        }
        self.write([StoreWrite {
            key: KEY.to_owned(),
            value: (!text.is_empty()).then(|| text.as_bytes().to_vec()),
        }]);
    }
}

fn refused(key: &str, why: &str) {
    let what = format!("{SETTING}: {key} is not set: {why}");
    log(Level::Error, &what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_parted_by_semicolons_and_values_keep_their_commas() {
        let pairs = parse(" A = 1 ;B=x,y; ;C=").unwrap();
        assert_eq!(pairs, [("A", "1"), ("B", "x,y"), ("C", "")]);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("A"), None);
        assert_eq!(parse("=1"), None);
    }
}
