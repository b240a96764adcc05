//! The settings registry: who may write what, what is refused, and that every key does something.

use station::settings::{REGISTRY, SettingSpec};
use station::*;

use crate::rig::*;

/// Compares a generated file of the repository, or rewrites it with `BLESS=1`.
pub fn compare_or_bless(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    let same = file == text;
    assert!(
        same,
        "{} is not what the registry says; run with BLESS=1",
        path.display()
    );
}

#[test]
fn the_table_in_docs_spec_settings_is_the_registry() {
    let mut text = String::from(
        "# Settings\n\nGenerated from `host/station/src/settings.rs`; `BLESS=1 cargo nextest run -p station` rewrites \
         it.\n\nRole: the lowest that may write (user < operator < installer < manufacturer); backend adapters write as \
         operator, the local API as installer, the configuration file as manufacturer. Scope EVSE: `key` sets all, \
         `key.2` sets EVSE 2 alone.\n\n| key | allowed | default | role | scope | restart | what it does |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for spec in REGISTRY {
        let scope = match spec.scope {
            station::settings::Scope::Station => "station",
            station::settings::Scope::Evse => "EVSE",
        };
        let restart = if spec.restart { "yes" } else { "no" };
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {scope} | {restart} | {} |\n",
            spec.key,
            spec.kind,
            spec.default,
            spec.role.name(),
            spec.summary,
        ));
    }
    compare_or_bless("docs/spec/settings.md", &text);
}

#[test]
fn every_default_is_allowed_and_every_key_is_there_once() {
    for (position, spec) in REGISTRY.iter().enumerate() {
        assert_eq!(
            spec.try_parse(spec.default).as_deref(),
            Ok(spec.default),
            "{}",
            spec.key
        );
        assert_eq!(
            REGISTRY.iter().position(|other| other.key == spec.key),
            Some(position)
        );
    }
}

#[test]
fn a_setting_is_changed_told_and_read_back() {
    let mut rig = Rig::new().boot();
    assert_eq!(rig.set("meter_sample_interval_s", "030"), Outcome::Accepted);
    assert_eq!(
        rig.station.setting("meter_sample_interval_s").as_deref(),
        Some("30")
    );
    let told = rig.log.iter().any(|action| {
        *action
            == Action::SettingChanged {
                key: "meter_sample_interval_s".to_owned(),
                value: "30".to_owned(),
            }
    });
    assert!(told);
}

#[test]
fn values_of_the_wrong_type_or_out_of_range_are_rejected_and_change_nothing() {
    let wrong = [
        ("meter_sample_interval_s", "-1"),
        ("meter_sample_interval_s", "86401"),
        ("meter_sample_interval_s", "99999999999999999999"),
        ("meter_sample_interval_s", "+5"),
        ("meter_sample_interval_s", ""),
        ("stop_on_ev_disconnect", "yes"),
        ("stop_transaction_mode", "sometimes"),
        ("minimum_current_a", "5"),
    ];
    let mut rig = Rig::new().boot();
    let before = rig.station.settings();
    for (key, value) in wrong {
        assert_eq!(rig.set(key, value), Outcome::Rejected, "{key} = {value}");
    }
    assert_eq!(rig.station.settings(), before);
}

#[test]
fn unknown_keys_are_unknown() {
    let mut rig = Rig::new().boot();
    let unknown = [
        "no_such_key",
        "phases.9",
        "phases.",
        "stop_transaction_mode.1",
        ".1",
        "phases.1.1",
    ];
    for key in unknown {
        assert_eq!(rig.set(key, "1"), Outcome::Unknown, "{key}");
    }
}

#[test]
fn an_adapter_writes_as_operator_and_the_local_api_as_installer() {
    let mut rig = Rig::new().boot();
    let what = Request::SetSetting {
        key: "installation_current_limit_a".to_owned(),
        value: "16".to_owned(),
    };
    assert_eq!(rig.request(what.clone()), Some(Outcome::Rejected));
    assert_eq!(
        rig.request_from(Requester::Local, what),
        Some(Outcome::Accepted)
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_the_reason() {
    let socket = interlock::Attachment::Socket;
    let mut none = config(&[]);
    assert_eq!(none.check(), Err(ConfigError::EvseCount(0)));
    none = config(&[(ONE, socket), (ONE, socket)]);
    assert_eq!(none.check(), Err(ConfigError::EvseNumber(ONE)));
    let mut wrong = config(&[(ONE, socket)]);
    wrong.settings = vec![("phases".to_owned(), "2".to_owned())];
    let text = wrong.check().unwrap_err().to_string();
    assert_eq!(text, "setting `phases`: allowed is 1, 3");
    let mut weak = config(&[(ONE, socket)]);
    weak.evses[0].max_current = units::Milliamps::from_amps(5);
    assert_eq!(weak.check(), Err(ConfigError::HardwareLimit(ONE)));
}

/// The tests of this crate that change a key and see the difference; a new key must be entered here.
#[test]
fn every_key_is_changed_by_a_test_that_sees_the_difference() {
    let sources = concat!(
        include_str!("faults.rs"),
        include_str!("limits.rs"),
        include_str!("metering.rs"),
        include_str!("remote.rs"),
        include_str!("restart.rs"),
        include_str!("sessions.rs"),
        include_str!("stop_modes.rs"),
        include_str!("verdicts.rs"),
    );
    // The daemon acts on these; its tests see the difference (watchdog.rs, and conformance case by case).
    let elsewhere = ["tcp_watchdog_s"];
    let here = |spec: &&SettingSpec| !elsewhere.contains(&spec.key);
    for spec in REGISTRY.iter().filter(here) {
        let quoted = format!("\"{}", spec.key);
        assert!(sources.contains(&quoted), "no test changes {}", spec.key);
    }
}
