//! Backend adapter: Last Mile Solutions (evc-net) over OCPP 1.6.
//!
//! Everything but the operator's presets is in `sdk::ocpp16`. Source of the presets: fact sheet §7.1; the private access point is the protection, there is no TLS.
#![warn(missing_docs)]

use sdk::ocpp16::{Ocpp16, Operator};

/// The operator's presets.
pub struct Lms;

impl Operator for Lms {
    const NAME: &'static str = "backend-lms";
    const SUMMARY: &'static str = "Last Mile Solutions (evc-net) over OCPP 1.6";
    const URL: &'static str = "ws://ws-private.evc-net.com";
    const APN: &'static str = "evc-net.apn";
    const APN_USER: &'static str = "";
    const APN_PASSWORD: &'static str = "";
    const TOKEN_FORMAT: &'static str = "lower";
    const KEEP_ALIVE_S: u32 = 0;

    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The adapter.
pub type Adapter = Ocpp16<Lms>;

sdk::export_backend!(Adapter);

#[cfg(test)]
mod tests {
    use sdk::backend::BackendAdapter;
    use sdk::ocpp16::operator::AdapterSettings;
    use sdk::{Setting, Token, TokenKind};

    use super::*;

    // acceptance: P15, P18
    #[test]
    fn presets_are_the_operators() {
        let manifest = Adapter::describe();
        assert_eq!(manifest.name, "backend-lms");
        let settings: Vec<Setting> = manifest
            .settings
            .into_iter()
            .map(|spec| Setting {
                key: spec.key,
                value: spec.default_value,
            })
            .collect();
        let value = |key: &str| {
            settings
                .iter()
                .find(|s| s.key == key)
                .map(|s| s.value.as_str())
        };
        assert_eq!(value("apn"), Some("evc-net.apn"));
        assert_eq!(value("apn_user"), Some(""));
        assert_eq!(value("apn_password"), Some(""));
        let read = AdapterSettings::read::<Lms>(&settings, "PW 1");
        assert_eq!(read.connect_url(), "ws://ws-private.evc-net.com/PW%201");
        assert_eq!(read.keep_alive_s, 0);
        let card = Token {
            value: "0A0E9B83".to_owned(),
            kind: TokenKind::Rfid,
        };
        assert_eq!(read.token_format.format(&card), "0a0e9b83");
    }

    #[test]
    fn policy_pack_grants_what_is_asked_for_and_nothing_else() {
        let pack = include_str!("../../../policies/lms.toml");
        let mut granted: Vec<String> = pack
            .lines()
            .skip_while(|line| *line != "[plugin.grants]")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
            .collect();
        let mut asked = Adapter::describe().capabilities;
        granted.sort();
        asked.sort();
        assert_eq!(asked, granted);
        let url = <Lms as Operator>::URL;
        assert!(pack.contains(&format!("\"net.connect\" = [\"{url}\"]")));
    }
}
