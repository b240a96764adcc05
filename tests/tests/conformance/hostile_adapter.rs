//! A hostile backend adapter in a running station: charging goes on, nobody is accepted by it, and it shows.

use serde_json::{Value, json};

use crate::harness::{CARD, OTHER_CARD, Station};

/// A station with a local whitelist and a backend adapter that misbehaves on every card that is not on the list.
fn station(what: &str) -> Station {
    let station = Station::prepare_hostile(what, CARD);
    station.start();
    station
}

fn evse(status: &Value) -> &Value {
    &status["evses"][0]
}

fn adapter(status: &Value) -> Value {
    let plugins = status["plugins"].as_array().cloned().unwrap_or_default();
    plugins
        .into_iter()
        .find(|plugin| plugin["kind"] == "backend")
        .unwrap_or_default()
}

#[test]
fn adapter_that_crashes_hangs_or_grows_neither_ends_a_charge_nor_accepts_a_card() {
    for what in ["panic", "loop", "recursion", "memory", "huge"] {
        let station = station(what);
        station.shows(&format!("{what}: registers are read"), |status| {
            evse(status)["register_wh"].is_number()
        });
        station.plug_in(1);
        station.shows(&format!("{what}: locked"), |status| {
            evse(status)["lock"] == "locked"
        });
        station.swipe(1, CARD);
        station.shows(&format!("{what}: charging"), |status| {
            evse(status)["contactor"] == "closed"
        });
        // A card that nobody knows goes to the adapter, which dies of it.
        station.plug_in(2);
        station.swipe(2, OTHER_CARD);
        let status = station.shows(&format!("{what}: the failure shows"), |status| {
            adapter(status)["failures"].as_u64().unwrap_or(0) > 0
        });
        assert!(
            adapter(&status)["last_error"].is_string(),
            "{what}: {status}"
        );
        for _ in 0..20 {
            let status = station.status();
            assert_eq!(evse(&status)["contactor"], "closed", "{what}: {status}");
            assert!(
                status["evses"][1]["transaction"].is_null(),
                "{what}: {status}"
            );
            assert_eq!(status["evses"][1]["contactor"], "open", "{what}: {status}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        station.control(&json!({"verb": "plugin-list"}));
    }
}
