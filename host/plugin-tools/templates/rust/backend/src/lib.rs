//! Backend adapter: a central system over OCPP 1.6.
//!
//! The protocol is in `sdk::ocpp16`; here is what this operator wants differently. An adapter for another protocol
//! implements `sdk::backend::BackendAdapter` itself.

use sdk::ocpp16::{Ocpp16, Operator};

/// The operator's presets. Each is the default of a setting that the policy pack may change.
pub struct Presets;

impl Operator for Presets {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "A central system over OCPP 1.6";
    const URL: &'static str = "ws://127.0.0.1:9000/ocpp";
    const APN: &'static str = "";
    const APN_USER: &'static str = "";
    const APN_PASSWORD: &'static str = "";
    const TOKEN_FORMAT: &'static str = "upper";
    const KEEP_ALIVE_S: u32 = 60;

    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The adapter.
pub type Adapter = Ocpp16<Presets>;

sdk::export_backend!(Adapter);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::backend::{BackendAdapter, Command};
    use sdk::testing::{BackendBench, start_context};

    #[test]
    fn adapter_connects_and_introduces_the_station() {
        let mut bench = BackendBench::<Adapter>::new(start_context(1, &[]));
        let connect = bench.commands.iter().find_map(|command| match command {
            Command::Connect(request) => Some(request.clone()),
            _ => None,
        });
        let connect = connect.unwrap();
        assert_eq!(connect.url, "ws://127.0.0.1:9000/ocpp/PW%201");
        assert_eq!(connect.subprotocols, ["ocpp1.6"]);
        bench.link_up(Some("ocpp1.6"));
        assert!(
            bench.sent[0].contains("BootNotification"),
            "{:?}",
            bench.sent
        );
    }

    #[test]
    fn policy_pack_grants_what_the_adapter_asks_for() {
        let pack = include_str!("../pack.toml");
        for capability in Adapter::describe().capabilities {
            assert!(
                pack.contains(&format!("\"{capability}\" = ")),
                "{capability}"
            );
        }
    }
}
