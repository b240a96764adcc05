//! Backend adapter: any central system over OCPP-S (SOAP), version 1.5 or 1.6.
//!
//! Everything is in `sdk::ocpps`. There are no presets of an operator: the policy pack sets `url`, and whatever else the
//! operator wants (`id_token_format`, `apn`, …).
#![warn(missing_docs)]

use sdk::ocpp16::Operator;
use sdk::ocpps::OverSoap;

/// No operator in particular.
pub struct OcppS;

impl Operator for OcppS {
    const NAME: &'static str = "backend-ocpp-s";
    const SUMMARY: &'static str = "Any central system over OCPP-S 1.5 or 1.6 (SOAP)";
    const URL: &'static str = "";
    const APN: &'static str = "";
    const APN_USER: &'static str = "";
    const APN_PASSWORD: &'static str = "";
    const TOKEN_FORMAT: &'static str = "lower";
    const KEEP_ALIVE_S: u32 = 0;

    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The adapter.
pub type Adapter = OverSoap<OcppS>;

sdk::export_backend!(Adapter);

#[cfg(test)]
mod tests {
    use sdk::backend::BackendAdapter;

    use super::*;

    // acceptance: P72, P73, P74, P75, P76, P77
    #[test]
    fn settings_of_the_web_page_are_all_there_with_their_defaults() {
        let manifest = Adapter::describe();
        assert_eq!(manifest.name, "backend-ocpp-s");
        for (key, value) in [
            ("url", ""),
            ("soap_version", "1.6"),
            ("server_port", "8090"),
            ("server_tls", "none"),
            ("server_whitelist", ""),
            ("public_address_mode", "auto"),
        ] {
            let spec = manifest.settings.iter().find(|spec| spec.key == key);
            assert_eq!(
                spec.map(|spec| spec.default_value.as_str()),
                Some(value),
                "{key}"
            );
        }
    }

    #[test]
    fn policy_pack_grants_what_is_asked_for_and_nothing_else() {
        let pack = include_str!("../../../policies/ocpp-s.toml");
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
    }
}
