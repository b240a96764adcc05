//! Configuration keys: which there are, what they may be, how they are told.

use ocpp::v16::{CiString, ConfigurationStatus, GetConfigurationRequest};

use super::super::config::{Change, Configuration};
use super::super::key_list::SPECS;
use super::super::keys::{Access, Effect, Keeper, Kind, MEASURANDS, SECTIONS, Spec};
use super::super::limits::{KEYS_ASKED, LIST_ITEMS, RECONNECT_LATEST_S};
use super::*;

fn info() -> StationInfo {
    StationInfo {
        vendor: "V".to_owned(),
        model: "M".to_owned(),
        serial: String::new(),
        firmware: String::new(),
        iccid: None,
        imsi: None,
        meter_type: None,
        meter_serial: None,
        evses: vec![crate::EvseInfo {
            evse_id: 1,
            connectors: 1,
            fixed_cable: false,
            max_current_ma: 1,
            phases: 1,
        }],
    }
}

fn configuration() -> Configuration {
    let settings = [Setting {
        key: "vehicle_connection_timeout_s".to_owned(),
        value: "45".to_owned(),
    }];
    Configuration::new(&settings, &[], &info(), "PW 1")
}

fn done(change: &Change) -> bool {
    matches!(
        change,
        Change::Done {
            status: ConfigurationStatus::Accepted,
            ..
        }
    )
}

#[test]
fn values_of_the_wrong_kind_are_rejected() {
    for (key, value) in [
        ("AuthorizationCacheEnabled", "maybe"),
        ("HeartbeatInterval", "-1"),
        ("HeartbeatInterval", "ten"),
        ("MeterValuesSampledData", "Energy.Dark"),
        ("ConnectorPhaseRotation", "1.XYZ"),
        ("ConnectorPhaseRotation", "7.RST"),
        ("AuthorizationKey", "short"),
        ("ConnectorPhaseRotation", ""),
        ("ConnectorPhaseRotation", "0.RST,0.STR"),
        ("NumberOfConnectors", "3"),
        ("AuthorizationCacheList", "0a0e9b83"),
    ] {
        let change = configuration().change(key, value);
        assert_eq!(
            change,
            Change::Refused(ConfigurationStatus::Rejected),
            "{key} = {value}"
        );
    }
}

#[test]
fn own_keys_change_at_once_and_are_stored_once() {
    let mut config = configuration();
    let change = config.change("heartbeatinterval", "17");
    let Change::Done { store, .. } = &change else {
        panic!("{change:?}")
    };
    assert_eq!(store[0].key, "cfg/HeartbeatInterval");
    assert_eq!(config.number("HeartbeatInterval"), 17);
    assert!(config.set_own("HeartbeatInterval", "17").is_empty());
    assert!(done(
        &config.change("MeterValuesSampledData", "SoC, Voltage")
    ));
    assert_eq!(config.list("MeterValuesSampledData"), ["SoC", "Voltage"]);
    assert!(done(
        &config.change("ConnectorPhaseRotation", "0.RST,1.STR")
    ));
}

#[test]
fn keys_of_the_station_are_asked_of_it_and_follow_it() {
    let mut config = configuration();
    let change = config.change("ConnectionTimeOut", "90");
    let key = "vehicle_connection_timeout_s".to_owned();
    assert_eq!(
        change,
        Change::AskStation {
            key: key.clone(),
            value: "90".to_owned()
        }
    );
    assert_eq!(config.number("ConnectionTimeOut"), 45);
    config.station_setting_changed(&Setting {
        key,
        value: "90".to_owned(),
    });
    assert_eq!(config.number("ConnectionTimeOut"), 90);
    // A station without this setting does not have the key.
    let change = config.change("MaxEnergyOnInvalidId", "5");
    assert_eq!(change, Change::Refused(ConfigurationStatus::NotSupported));
}

#[test]
fn password_is_never_told_and_connects_anew() {
    let mut config = configuration();
    let change = config.change("AuthorizationKey", "0123456789abcdef");
    assert!(matches!(
        change,
        Change::Done {
            reconnect: true,
            ..
        }
    ));
    let key = CiString::truncated("AuthorizationKey");
    let asked = GetConfigurationRequest {
        key: Some(vec![key]),
    };
    let told = config.get(&asked, |_| String::new());
    assert_eq!(told.answer.configuration_key.unwrap()[0].value, None);
    assert_eq!(
        config.text("AuthorizationKey").as_deref(),
        Some("0123456789abcdef")
    );
}

#[test]
fn second_limit_exists_with_a_second_evse_and_follows_the_first_until_it_has_its_own() {
    let mut two = info();
    let mut second = two.evses[0];
    second.evse_id = 2;
    two.evses.push(second);
    let setting = |key: &str, value: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let given = [setting("operator_current_limit_a", "80")];
    let mut config = Configuration::new(&given, &[], &two, "PW 1");
    assert_eq!(
        config.change("OperatorCurrentLimit_2", "16"),
        Change::AskStation {
            key: "operator_current_limit_a.2".to_owned(),
            value: "16".to_owned()
        }
    );
    config.station_setting_changed(&setting("operator_current_limit_a.2", "16"));
    assert_eq!(config.number("OperatorCurrentLimit"), 80);
    assert_eq!(config.number("OperatorCurrentLimit_2"), 16);
    // The registry drops what single EVSEs have when the station's value is set.
    config.station_setting_changed(&setting("operator_current_limit_a", "32"));
    assert_eq!(config.number("OperatorCurrentLimit_2"), 32);

    let mut single = Configuration::new(&given, &[], &info(), "PW 1");
    assert_eq!(
        single.change("OperatorCurrentLimit_2", "16"),
        Change::Refused(ConfigurationStatus::NotSupported)
    );
    single.station_setting_changed(&setting("operator_current_limit_a", "32"));
    assert_eq!(single.text("OperatorCurrentLimit_2"), None);
}

#[test]
fn password_can_not_be_emptied_and_is_kept_to_the_letter() {
    let mut config = configuration();
    assert_eq!(
        config.change("AuthorizationKey", ""),
        Change::Refused(ConfigurationStatus::Rejected)
    );
    assert!(done(
        &config.change("AuthorizationKey", " 0123456789abcdef ")
    ));
    assert_eq!(
        config.text("AuthorizationKey").as_deref(),
        Some(" 0123456789abcdef ")
    );
}

/// What the station keeps, at its defaults.
const STATION: &[(&str, &str)] = &[
    ("allow_unknown_offline", "false"),
    ("authorize_for_stop", "true"),
    ("clock_aligned_interval_s", "0"),
    ("display_backend_disconnect_as_error", "false"),
    ("enforce_master_rfid", "false"),
    ("installation_current_limit_a", "80"),
    ("lock_only_if_authorized", "false"),
    ("max_energy_on_invalid_wh", "0"),
    ("operator_current_limit_a", "80"),
    ("restart_transaction_after_power_loss", "true"),
    ("stop_on_ev_disconnect", "true"),
    ("stop_on_invalid_token", "true"),
    ("stop_transaction_mode", "normal"),
    ("unlock_on_ev_disconnect", "true"),
];

fn whole() -> Host {
    Host::online(STATION)
}

/// A repeated id would be answered as before.
fn fresh_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("call {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn ask(host: &mut Host, keys: &Value) -> Value {
    let id = fresh_id();
    host.call(&id, "GetConfiguration", keys);
    host.taken_answer(&id)[2].clone()
}

fn value(host: &mut Host, key: &str) -> String {
    let told = ask(host, &json!({"key": [key]}));
    let value = &told["configurationKey"][0]["value"];
    value.as_str().unwrap_or_default().to_owned()
}

fn set(host: &mut Host, key: &str, value: &str) -> String {
    let id = fresh_id();
    host.call(
        &id,
        "ChangeConfiguration",
        &json!({"key": key, "value": value}),
    );
    let asks = host
        .commands
        .iter()
        .any(|command| matches!(command, Command::SetSetting(_)));
    if asks {
        let command = host
            .commands
            .iter()
            .position(|command| matches!(command, Command::SetSetting(_)));
        let Command::SetSetting(request) = host.commands.remove(command.unwrap()) else {
            unreachable!()
        };
        host.give(Input::Outcome(Outcome {
            request_id: request.request_id,
            kind: OutcomeKind::Accepted,
            detail: String::new(),
        }));
        let setting = Setting {
            key: request.key,
            value: request.value,
        };
        // What the station was told it knows at the next start too.
        host.settings.retain(|other| other.key != setting.key);
        host.settings.push(setting.clone());
        host.give(Input::SettingChanged(setting));
    }
    host.taken_answer(&id)[2]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What OCPP 1.6 lists for the profiles spoken, less what this station cannot do (ocpp16-keys.md says why).
const STANDARD: &[&str] = &[
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MaxEnergyOnInvalidId",
    "MeterValuesAlignedData",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledData",
    "MeterValuesSampledDataMaxLength",
    "MeterValueSampleInterval",
    "MinimumStatusDuration",
    "NumberOfConnectors",
    "ResetRetries",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledData",
    "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles",
    "SupportedFeatureProfilesMaxLength",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "WebSocketPingInterval",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled",
];

// acceptance: P47, T112
#[test]
fn tc_019_all_keys_are_told_with_value_and_access_and_single_ones_by_name_in_any_case() {
    let mut host = whole();
    let all = ask(&mut host, &json!({}));
    let all = all["configurationKey"].as_array().unwrap();
    let find = |key: &str| all.iter().find(|told| told["key"] == key);
    for key in STANDARD {
        assert!(find(key).is_some(), "{key} is missing");
    }
    assert_eq!(find("NumberOfConnectors").unwrap()["readonly"], true);
    assert_eq!(find("ConnectionTimeOut").unwrap()["readonly"], false);
    assert_eq!(find("ConnectionTimeOut").unwrap()["value"], "45");
    assert_eq!(find("ChargePointVendor").unwrap()["value"], "Pilotwire");
    assert_eq!(find("ChargeBoxIdentity").unwrap()["value"], "PW 1");
    assert_eq!(find("OperatorCurrentLimit_2").unwrap()["value"], "80");
    assert!(find("OperatorCurrentLimit_3").is_none(), "two EVSEs");
    assert!(all.len() <= KEYS_ASKED, "all fit into one answer");

    let keys = json!({"key": ["heartbeatinterval", "NoSuchKey"]});
    let some = ask(&mut host, &keys);
    assert_eq!(some["configurationKey"].as_array().unwrap().len(), 1);
    assert_eq!(some["configurationKey"][0]["key"], "HeartbeatInterval");
    assert_eq!(some["unknownKey"], json!(["NoSuchKey"]));
}

// acceptance: T114
#[test]
fn every_key_that_is_not_read_only_takes_its_own_value_and_every_other_refuses() {
    let mut host = whole();
    let all = ask(&mut host, &json!({}));
    for told in all["configurationKey"].as_array().unwrap() {
        let key = told["key"].as_str().unwrap();
        if key == "SecurityProfile" {
            continue;
        }
        let value = told["value"].as_str().unwrap_or("0123456789abcdef");
        let expected = if told["readonly"] == true {
            "Rejected"
        } else {
            "Accepted"
        };
        assert_eq!(set(&mut host, key, value), expected, "{key} = {value}");
    }
}

// acceptance: P47, T113, T108
#[test]
fn row_of_changes_at_the_first_contact_is_accepted_and_kept_over_the_reset_that_follows() {
    let mut host = whole();
    let row = [
        ("HeartbeatInterval", "240"),
        ("MeterValueSampleInterval", "900"),
        (
            "MeterValuesSampledData",
            "Energy.Active.Import.Register,SoC",
        ),
        ("StopTxnSampledData", "Energy.Active.Import.Register"),
        ("ClockAlignedDataInterval", "900"),
        ("WebSocketPingInterval", "60"),
        ("AuthorizationKey", "0123456789abcdef0123"),
        ("ConnectionTimeOut", "120"),
        ("LocalPreAuthorize", "false"),
        ("LocalAuthorizeOffline", "true"),
        ("AuthorizeRemoteTxRequests", "false"),
        ("StopTransactionOnInvalidId", "true"),
        ("TransactionMessageAttempts", "5"),
        ("OperatorCurrentLimit", "16"),
        ("ConnectorPhaseRotation", "0.RST, 1.RST, 2.STR"),
    ];
    for (key, value) in row {
        assert_eq!(set(&mut host, key, value), "Accepted", "{key}");
        host.wait(200);
    }
    let told = |command: &Command| matches!(command, Command::Disconnect(_));
    assert!(!host.commands.iter().any(told), "not in the middle of it");
    host.call("r", "Reset", &json!({"type": "Soft"}));
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("r")[2]["status"], "Accepted");
    host.boot_count += 1;
    host.replace(false);
    host.link_up();
    host.answer_boot("Accepted", 0);
    host.answer_all(&json!({}));
    for (key, kept) in row {
        if key != "AuthorizationKey" {
            assert_eq!(value(&mut host, key), kept.replace(", ", ","), "{key}");
        }
    }
    let password = host.adapter.config.text("AuthorizationKey");
    assert_eq!(password.as_deref(), Some("0123456789abcdef0123"));
}

#[test]
fn connection_is_made_anew_for_a_key_when_the_backend_is_silent_or_after_a_minute() {
    let closed = |host: &Host| {
        let asks = |command: &Command| matches!(command, Command::Disconnect(_));
        host.commands.iter().any(asks)
    };
    let mut host = whole();
    set(&mut host, "WebSocketPingInterval", "60");
    host.wait(RECONNECT_QUIET_S * 1_000 - 1);
    assert!(!closed(&host));
    host.wait(1);
    assert!(closed(&host));

    let mut busy = whole();
    set(&mut busy, "WebSocketPingInterval", "60");
    for _ in 0..RECONNECT_LATEST_S - 1 {
        busy.wait(1_000);
        value(&mut busy, "HeartbeatInterval");
        assert!(!closed(&busy));
    }
    busy.wait(1_000);
    assert!(closed(&busy));

    let mut same = whole();
    set(&mut same, "WebSocketPingInterval", "0");
    same.wait(RECONNECT_LATEST_S * 1_000);
    assert!(!closed(&same), "nothing has changed");

    let mut resetting = whole();
    set(&mut resetting, "WebSocketPingInterval", "60");
    resetting.call("r", "Reset", &json!({"type": "Soft"}));
    resetting.outcome(OutcomeKind::Accepted);
    resetting.wait(RECONNECT_QUIET_S * 2_000);
    assert!(!closed(&resetting), "last words come first");
}

#[test]
fn list_of_measurands_has_no_more_items_than_its_max_length_key_says() {
    let mut host = whole();
    for key in [
        "MeterValuesSampledData",
        "MeterValuesAlignedData",
        "StopTxnSampledData",
        "StopTxnAlignedData",
    ] {
        let most: usize = value(&mut host, &format!("{key}MaxLength"))
            .parse()
            .unwrap();
        assert_eq!(most, LIST_ITEMS);
        let items = |count: usize| vec!["SoC"; count].join(", ");
        assert_eq!(set(&mut host, key, &items(most)), "Accepted");
        assert_eq!(set(&mut host, key, &items(most + 1)), "Rejected");
        assert_eq!(set(&mut host, key, &MEASURANDS.join(",")), "Accepted");
        assert_eq!(value(&mut host, key), MEASURANDS.join(","));
        assert_eq!(set(&mut host, key, ""), "Accepted", "none");
        assert_eq!(value(&mut host, key), "");
    }
}

#[test]
fn measurand_with_a_phase_is_that_phase_alone() {
    let mut host = whole();
    for wrong in ["Voltage.L4", "Voltage.", ".L1", "Dark.L1", "Voltage.L1.L1"] {
        let status = set(&mut host, "MeterValuesSampledData", wrong);
        assert_eq!(status, "Rejected", "{wrong}");
    }
    let list = "Voltage.L2, Current.Import";
    let status = set(&mut host, "MeterValuesSampledData", list);
    assert_eq!(status, "Accepted");
    let sample = |measurand, phase| Sample {
        measurand,
        phase: Some(phase),
        value: 1_000,
    };
    let samples = [Phase::L1, Phase::L2]
        .into_iter()
        .flat_map(|phase| {
            let voltage = sample(Measurand::VoltageMv, phase);
            [voltage, sample(Measurand::CurrentImportMa, phase)]
        })
        .collect();
    host.started(1);
    host.answer("StartTransaction", &start_answer(9, "Accepted"));
    host.journal(JournalEvent::Metered((
        1,
        MeterReading {
            evse_id: 1,
            at: moment(0),
            context: ReadingContext::SamplePeriodic,
            samples,
        },
    )));
    let told = host.answer("MeterValues", &json!({}));
    let told = told["meterValue"][0]["sampledValue"].as_array().unwrap();
    let told: Vec<(&str, &str)> = told
        .iter()
        .map(|v| {
            (
                v["measurand"].as_str().unwrap(),
                v["phase"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Current.Import", "L1"),
            ("Voltage", "L2-N"),
            ("Current.Import", "L2")
        ]
    );
}

/// A host whose cache has this many accepted cards, and one that is blocked.
fn with_cards(long: &str, cards: u32) -> Host {
    let mut host = Host::with(&[("allow_long_get_configuration_keys", long)]);
    for card in 0..cards {
        let entry = json!({"status": "Accepted", "parent": null, "expires": null, "age": card});
        let key = format!("cache/{card:014x}");
        host.store.insert(key, entry.to_string().into_bytes());
    }
    let blocked = json!({"status": "Blocked", "parent": null, "expires": null, "age": cards});
    host.store
        .insert("cache/blocked".to_owned(), blocked.to_string().into_bytes());
    host.replace(false);
    host.link_up();
    host.answer_boot("Accepted", 0);
    host.answer_all(&json!({}));
    host
}

// acceptance: P95, T110
#[test]
fn long_value_is_told_whole_only_if_the_option_allows_it_and_else_cut_between_two_items() {
    let mut short = with_cards("false", 100);
    let list = value(&mut short, "AuthorizationCacheList");
    assert_eq!(list.len(), 33 * 15 - 1, "33 whole cards of 14 digits");
    assert!(list.split(':').all(|card| card.len() == 14));
    let mut long = with_cards("true", 100);
    let list = value(&mut long, "AuthorizationCacheList");
    assert_eq!(list.split(':').count(), 100, "and not the blocked one");
    let all = ask(&mut long, &json!({}));
    let all = all["configurationKey"].as_array().unwrap();
    let told = all
        .iter()
        .find(|told| told["key"] == "AuthorizationCacheList");
    assert_eq!(told.unwrap()["value"], *list);
}

// acceptance: P95
#[test]
fn more_keys_than_the_maximum_are_answered_only_if_the_option_allows_it() {
    let keys: Vec<&str> = std::iter::repeat_n("ResetRetries", KEYS_ASKED + 1).collect();
    for (long, answered) in [("false", KEYS_ASKED), ("true", KEYS_ASKED + 1)] {
        let mut host = Host::online(&[("allow_long_get_configuration_keys", long)]);
        let told = ask(&mut host, &json!({ "key": keys }));
        assert_eq!(told["configurationKey"].as_array().unwrap().len(), answered);
    }
}

// acceptance: P89, P90, P91, P227
#[test]
fn notices_of_each_kind_are_told_when_they_come_and_when_they_go_unless_switched_off() {
    let notice = |kind, active| {
        Input::Fault(FaultNotice {
            evse_id: Some(1),
            id: "TEMPERATURE".to_owned(),
            code: "HighTemperature".to_owned(),
            vendor_code: "B_TEMP".to_owned(),
            message: "warm".to_owned(),
            active,
            stops_transaction: false,
            kind,
            at: moment(0),
        })
    };
    for (kind, key, default) in [
        (
            NoticeKind::Informative,
            "SendInformativeStatusNotifications",
            "true",
        ),
        (NoticeKind::Error, "SendErrorStatusNotifications", "true"),
        (NoticeKind::Usb, "SendUsbErrorStatusNotifications", "false"),
    ] {
        let mut host = whole();
        assert_eq!(value(&mut host, key), default);
        assert_eq!(set(&mut host, key, "true"), "Accepted");
        host.give(notice(kind, true));
        let came = host.answer("StatusNotification", &json!({}));
        assert_eq!(came["errorCode"], "HighTemperature");
        assert_eq!(came["vendorErrorCode"], "B_TEMP");
        host.give(notice(kind, false));
        let went = host.answer("StatusNotification", &json!({}));
        assert_eq!(went["errorCode"], "NoError");
        assert_eq!(set(&mut host, key, "false"), "Accepted");
        host.give(notice(kind, true));
        assert!(!host.has_sent("StatusNotification"), "{kind:?}");
    }
}

// acceptance: T84, T104, T105, T106
#[test]
fn identity_is_the_backends_and_heartbeats_come_as_often_as_the_boot_says() {
    let mut host = Host::with(&[]);
    let connect = host.commands.iter().find_map(|command| match command {
        Command::Connect(request) => Some(request.clone()),
        _ => None,
    });
    let connect = connect.unwrap();
    assert!(connect.url.ends_with("/PW%201"), "{}", connect.url);
    assert_eq!(connect.subprotocols, ["ocpp1.6"]);
    host.link_up();
    host.answer_boot("Accepted", 240);
    host.answer_all(&json!({}));
    assert_eq!(value(&mut host, "HeartbeatInterval"), "240");
    assert_eq!(value(&mut host, "ChargeBoxIdentity"), "PW 1");
    host.wait(239_999);
    assert!(!host.has_sent("Heartbeat"));
    host.wait(1);
    assert!(host.has_sent("Heartbeat"));
}

// ---- the page ----

fn kind(spec: &Spec) -> String {
    match spec.kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Number { max, .. } if max == u64::from(u32::MAX) => "number".to_owned(),
        Kind::Number { min, max } => format!("{min} to {max}"),
        Kind::Measurands => "list of measurands".to_owned(),
        Kind::PhaseRotation => "list of `connector.rotation`".to_owned(),
        Kind::Word(words) => words.join(", "),
        Kind::Text { max } => format!("text, up to {max} characters"),
        Kind::Secret => "16 to 40 characters".to_owned(),
        Kind::List => "list".to_owned(),
    }
}

fn row(spec: &Spec) -> String {
    let access = match spec.access {
        Access::ReadWrite => "RW",
        Access::ReadOnly => "R",
        Access::WriteOnly => "W",
    };
    let effect = match (spec.access, spec.effect) {
        (Access::ReadOnly, _) => "",
        (_, Effect::AtOnce) => "at once",
        (_, Effect::Reconnects) => "new connection, made by itself",
        (_, Effect::NextConnection) => "next connection or restart",
    };
    let keeper = match spec.keeper {
        Keeper::Station(registry) => format!("station: `{registry}`"),
        Keeper::Own { setting: "", .. } => "adapter".to_owned(),
        Keeper::Own { setting, .. } => format!("adapter: `{setting}`"),
        Keeper::Fact(_) | Keeper::Told => String::new(),
    };
    let of_setting = |setting: &str| {
        let settings = manifest::<TestOperator>().settings;
        settings
            .into_iter()
            .find(|spec| spec.key == setting)
            .map(|spec| spec.default_value)
    };
    let default = match spec.keeper {
        Keeper::Own { default, setting } => of_setting(setting).unwrap_or(default.to_owned()),
        Keeper::Station(_) | Keeper::Fact(_) | Keeper::Told => String::new(),
    };
    let default = default.replace(',', ", ");
    format!(
        "| `{}` | {access} | {} | {default} | {effect} | {keeper} | {} |\n",
        spec.key,
        kind(spec),
        spec.summary
    )
}

const HEAD: &str = include_str!("keys_head.md");

#[test]
fn page_of_keys_is_what_the_registry_says() {
    let mut page = HEAD.to_owned();
    let table = "\n| key | access | value | default | takes effect | kept by | what it does |\n|---|---|---|---|---|---|---|\n";
    for section in SECTIONS {
        let mut rows: Vec<&Spec> = SPECS
            .iter()
            .filter(|spec| spec.section == section)
            .collect();
        rows.sort_by_key(|spec| spec.key);
        if rows.is_empty() {
            continue;
        }
        page += &format!("\n## {section}\n{table}");
        page.extend(rows.into_iter().map(row));
    }
    let all: usize = SECTIONS
        .iter()
        .map(|section| SPECS.iter().filter(|spec| spec.section == *section).count())
        .sum();
    assert_eq!(all, SPECS.len(), "every key is on the page");
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/spec/ocpp16-keys.md"
    );
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "{path} is not what the registry says; run with BLESS=1"
    );
}
