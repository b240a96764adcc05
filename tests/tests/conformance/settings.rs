//! The configuration as a central system sees it. Cases 019, 021, 040.

use serde_json::json;

use crate::harness::{QUIET, Setup};

/// Configuration keys that the Core profile requires of every station.
const REQUIRED: &[&str] = &[
    "AuthorizeRemoteTxRequests",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "MeterValueSampleInterval",
    "NumberOfConnectors",
    "ResetRetries",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnSampledData",
    "SupportedFeatureProfiles",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
];

// acceptance: C130
#[test]
fn tc_019_get_configuration() {
    let mut case = Setup::default().start();
    let one = case.ask(
        "GetConfiguration",
        json!({"key": ["SupportedFeatureProfiles"]}),
    );
    let keys = one["configurationKey"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{one}");
    assert!(keys[0]["value"].as_str().unwrap().contains("Core"), "{one}");
    let all = case.ask("GetConfiguration", json!({}));
    let keys = all["configurationKey"].as_array().unwrap();
    for required in REQUIRED {
        assert!(
            keys.iter().any(|key| key["key"] == *required),
            "{required} is missing"
        );
    }
    let mixed = json!({"key": ["HeartbeatInterval", "NumberOfConnectors", "NoSuchKey"]});
    let answer = case.ask("GetConfiguration", mixed);
    assert_eq!(
        answer["configurationKey"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    assert_eq!(answer["unknownKey"], json!(["NoSuchKey"]));
}

// acceptance: C133, J28
#[test]
fn tc_021_change_configuration_survives_a_restart() {
    let mut case = Setup::default().start();
    case.configure("MeterValueSampleInterval", "37");
    assert_eq!(case.configured("MeterValueSampleInterval"), "37");
    case.forget();
    case.station.power_off();
    case.station.start();
    case.booted();
    assert_eq!(case.configured("MeterValueSampleInterval"), "37");
}

#[test]
fn tc_040_1_change_of_an_unknown_key() {
    let mut case = Setup::default().start();
    let payload = json!({"key": "NoSuchKey", "value": "1"});
    case.ask_for("ChangeConfiguration", payload, "NotSupported");
}

#[test]
fn tc_040_2_change_to_an_invalid_value() {
    let mut case = Setup::default().start();
    let before = case.configured("MeterValueSampleInterval");
    for value in ["-1", "often", "", "99999999999999999999"] {
        let payload = json!({"key": "MeterValueSampleInterval", "value": value});
        case.ask_for("ChangeConfiguration", payload, "Rejected");
    }
    assert_eq!(case.configured("MeterValueSampleInterval"), before);
}

#[test]
fn a_read_only_key_is_not_changed() {
    let mut case = Setup::default().start();
    case.ask_for(
        "ChangeConfiguration",
        json!({"key": "NumberOfConnectors", "value": "9"}),
        "Rejected",
    );
    assert_eq!(case.configured("NumberOfConnectors"), "2");
}

/// Operators send a list of changes right after the first contact and then restart the station. A change that takes a new
/// connection does not break into it.
// acceptance: P47, T113
#[test]
fn a_burst_of_changes_survives_the_reset_that_follows() {
    let mut case = Setup::default().start();
    case.configure(
        "AuthorizationKey",
        "0123456789abcdef0123456789abcdef01234567",
    );
    let burst = [
        ("WebSocketPingInterval", "60"),
        ("MeterValueSampleInterval", "41"),
        ("ClockAlignedDataInterval", "0"),
        ("ConnectionTimeOut", "42"),
        ("AuthorizeRemoteTxRequests", "false"),
        ("LocalPreAuthorize", "false"),
        ("StopTransactionOnInvalidId", "true"),
        (
            "MeterValuesSampledData",
            "Energy.Active.Import.Register,Power.Active.Import",
        ),
    ];
    for (key, value) in burst {
        case.configure(key, value);
    }
    case.peer
        .refuse("a new connection", QUIET, |event| event["event"] == "close");
    case.forget();
    case.ask_for("Reset", json!({"type": "Soft"}), "Accepted");
    case.booted();
    for (key, value) in burst {
        assert_eq!(case.configured(key), value, "{key}");
    }
}
