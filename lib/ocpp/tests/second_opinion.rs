//! An unrelated implementation decodes what we encode.
//!
//! `rust-ocpp` knows no security whitepaper and has faults of its own; each known one is listed with its reason, so
//! that a new disagreement is not mistaken for an old one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::schema::{load, schemas_dir};
use common::{same_meaning, samples};
use ocpp::v16::{Action, Profile, decode_request, decode_response};
use rust_ocpp::v1_6::messages as theirs;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

fn through<T: Serialize + DeserializeOwned>(payload: &Value) -> Result<Value, String> {
    let decoded: T = serde_json::from_value(payload.clone()).map_err(|e| e.to_string())?;
    serde_json::to_value(&decoded).map_err(|e| e.to_string())
}

macro_rules! second_opinion {
    ( $( $action:ident = $module:ident :: ($request:ident, $response:ident), )* ) => {
        /// What they make of a payload; `None` for actions they do not know.
        fn second_opinion(action: Action, is_request: bool, payload: &Value) -> Option<Result<Value, String>> {
            match (action, is_request) {
                $(
                    (Action::$action, true) => Some(through::<theirs::$module::$request>(payload)),
                    (Action::$action, false) => Some(through::<theirs::$module::$response>(payload)),
                )*
                _ => None,
            }
        }
    };
}

second_opinion! {
    Authorize = authorize::(AuthorizeRequest, AuthorizeResponse),
    BootNotification = boot_notification::(BootNotificationRequest, BootNotificationResponse),
    CancelReservation = cancel_reservation::(CancelReservationRequest, CancelReservationResponse),
    ChangeAvailability = change_availability::(ChangeAvailabilityRequest, ChangeAvailabilityResponse),
    ChangeConfiguration = change_configuration::(ChangeConfigurationRequest, ChangeConfigurationResponse),
    ClearCache = clear_cache::(ClearCacheRequest, ClearCacheResponse),
    ClearChargingProfile = clear_charging_profile::(ClearChargingProfileRequest, ClearChargingProfileResponse),
    DataTransfer = data_transfer::(DataTransferRequest, DataTransferResponse),
    DiagnosticsStatusNotification = diagnostics_status_notification::(
        DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse),
    FirmwareStatusNotification = firmware_status_notification::(
        FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse),
    GetCompositeSchedule = get_composite_schedule::(GetCompositeScheduleRequest, GetCompositeScheduleResponse),
    GetConfiguration = get_configuration::(GetConfigurationRequest, GetConfigurationResponse),
    GetDiagnostics = get_diagnostics::(GetDiagnosticsRequest, GetDiagnosticsResponse),
    GetLocalListVersion = get_local_list_version::(GetLocalListVersionRequest, GetLocalListVersionResponse),
    Heartbeat = heart_beat::(HeartbeatRequest, HeartbeatResponse),
    MeterValues = meter_values::(MeterValuesRequest, MeterValuesResponse),
    RemoteStartTransaction = remote_start_transaction::(
        RemoteStartTransactionRequest, RemoteStartTransactionResponse),
    RemoteStopTransaction = remote_stop_transaction::(RemoteStopTransactionRequest, RemoteStopTransactionResponse),
    ReserveNow = reserve_now::(ReserveNowRequest, ReserveNowResponse),
    Reset = reset::(ResetRequest, ResetResponse),
    SendLocalList = send_local_list::(SendLocalListRequest, SendLocalListResponse),
    SetChargingProfile = set_charging_profile::(SetChargingProfileRequest, SetChargingProfileResponse),
    StartTransaction = start_transaction::(StartTransactionRequest, StartTransactionResponse),
    StatusNotification = status_notification::(StatusNotificationRequest, StatusNotificationResponse),
    StopTransaction = stop_transaction::(StopTransactionRequest, StopTransactionResponse),
    TriggerMessage = trigger_message::(TriggerMessageRequest, TriggerMessageResponse),
    UnlockConnector = unlock_connector::(UnlockConnectorRequest, UnlockConnectorResponse),
    UpdateFirmware = update_firmware::(UpdateFirmwareRequest, UpdateFirmwareResponse),
}

fn ours(action: &str, is_request: bool, payload: &Value) -> Value {
    if is_request {
        decode_request(action, payload).unwrap().to_payload()
    } else {
        decode_response(action, payload).unwrap().to_payload()
    }
}

/// Known faults of rust-ocpp 3.0.4, by what is in the message.
fn known_fault(payload: &Value) -> Option<&'static str> {
    match payload {
        Value::Array(items) => items.iter().find_map(known_fault),
        Value::Object(fields) => fields.values().find_map(known_fault),
        Value::String(text) if text == "Hertz" => Some("it does not know the unit Hertz"),
        Value::String(text) if text == "Celcius" => Some("it corrects the schema's Celcius"),
        Value::Number(number) => match number.as_i64() {
            Some(n) if n < 0 => Some("it refuses negative integers in some fields"),
            Some(n) if n > i64::from(i32::MAX) => Some("its integers have 32 bits"),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn an_unrelated_implementation_understands_our_samples() {
    let mut asked = 0;
    for sample in samples() {
        let action = Action::from_word(&sample.action).unwrap();
        let encoded = ours(&sample.action, sample.is_request, &sample.payload);
        match second_opinion(action, sample.is_request, &encoded) {
            Some(Ok(again)) => {
                assert!(
                    same_meaning(&encoded, &again),
                    "{action}:\n{encoded}\n{again}"
                );
                asked += 1;
            }
            Some(Err(error)) => panic!("{action} is refused: {error}\n{encoded}"),
            None => assert_eq!(action.profile(), Profile::Security),
        }
    }
    assert_eq!(asked, 2 * 28);
}

#[test]
fn an_unrelated_implementation_agrees_on_schema_valid_messages() {
    let Some(dir) = schemas_dir("an_unrelated_implementation_agrees_on_schema_valid_messages")
    else {
        return;
    };
    let (mut agreed, mut known, mut new) = (0, BTreeMap::new(), Vec::new());
    for schema in load(&dir) {
        let action = Action::from_word(&schema.action).unwrap();
        for instance in schema.valid_instances() {
            let encoded = ours(&schema.action, schema.is_request, &instance);
            let Some(opinion) = second_opinion(action, schema.is_request, &encoded) else {
                continue;
            };
            let verdict = match opinion {
                Ok(again) if same_meaning(&encoded, &again) => {
                    agreed += 1;
                    continue;
                }
                Ok(again) => format!("{action} changed:\n  {encoded}\n  {again}"),
                Err(error) => format!("{action} refused: {error}\n  {encoded}"),
            };
            match known_fault(&encoded) {
                Some(fault) => *known.entry(fault).or_insert(0) += 1,
                None => new.push(verdict),
            }
        }
    }
    println!("{agreed} agreed; known disagreements: {known:?}");
    assert!(
        new.is_empty(),
        "{} new disagreements:\n{}",
        new.len(),
        new.join("\n")
    );
    assert_eq!(
        known.len(),
        4,
        "a listed fault no longer shows; take it off the list: {known:?}"
    );
    assert!(agreed > 800, "too few compared: {agreed}");
}
