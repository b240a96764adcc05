//! Texts counted in characters, exact decimals, timestamps, and the leniencies that are noted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

use ocpp::limits::DECIMAL_TENTHS_MAX;
use ocpp::rpc::ErrorCode;
use ocpp::v16::{
    Action, AuthorizationStatus, ChargingSchedulePeriod, CiString, Decimal, IdToken, Initiator,
    MeterValue, Open, Request, SampledValue, decode_request, decode_request_noted, decode_response,
    format_timestamp, parse_timestamp,
};
use ocpp::wire::{FaultKind, parse_tenths};
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Timestamp;

fn millis(text: &str) -> Option<i64> {
    parse_timestamp(text).map(|(time, _)| time.as_unix_millis())
}

#[test]
fn texts_are_counted_in_characters_not_bytes() {
    assert!(IdToken::new("🔌".repeat(20)).is_ok());
    let error = IdToken::new("ß".repeat(21)).unwrap_err();
    assert_eq!((error.limit, error.found), (20, 21));
    assert_eq!(IdToken::truncated(&"ß".repeat(30)).as_str(), "ß".repeat(20));
}

#[test]
fn id_tags_compare_without_case_and_keep_their_spelling() {
    let upper = IdToken::new("04ABCDEF").unwrap();
    let lower = IdToken::new("04abcdef").unwrap();
    assert_eq!(upper, lower);
    assert_eq!(upper.cmp(&lower), core::cmp::Ordering::Equal);
    assert_eq!(upper, "04aBcDeF");
    assert_eq!(upper.as_str(), "04ABCDEF");
    assert_ne!(upper, IdToken::new("04ABCDEE").unwrap());
}

#[test]
fn limits_are_exact_decimals() {
    for (text, tenths) in [
        ("16", 160),
        ("16.0", 160),
        ("16.1", 161),
        ("-0.1", -1),
        ("0", 0),
        ("-0", 0),
        ("1e3", 10_000),
        ("1.61e1", 161),
        ("161E-1", 161),
        ("6.500000000000000000000000000", 65),
        ("0.0", 0),
    ] {
        assert_eq!(parse_tenths(text), Ok(tenths), "{text}");
    }
}

#[test]
fn a_second_decimal_place_or_a_huge_number_is_out_of_range_and_words_are_no_numbers() {
    let kind = |text: &str| parse_tenths(text).unwrap_err().kind;
    for text in [
        "0.05",
        "16.12",
        "1e-2",
        "1e-2000000000",
        "1e20",
        "9e2000000000",
        "99999999999999999999",
    ] {
        assert_eq!(kind(text), FaultKind::OutOfRange, "{text}");
    }
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "x",
        "--1",
        "1e",
        "0x10",
        "１",
        "+1",
        "1e99999999999",
    ] {
        assert_eq!(kind(text), FaultKind::WrongType, "{text}");
    }
}

#[test]
fn decimals_are_written_without_floating_point_noise() {
    for (tenths, text) in [
        (161, "16.1"),
        (160, "16"),
        (-1, "-0.1"),
        (0, "0"),
        (220_804, "22080.4"),
    ] {
        let period = ChargingSchedulePeriod {
            start_period: 0,
            limit: Decimal::from_tenths(tenths).unwrap(),
            number_phases: None,
        };
        let written = serde_json::to_string(&period).unwrap();
        assert_eq!(written, format!(r#"{{"limit":{text},"startPeriod":0}}"#));
    }
    assert_eq!(Decimal::from_tenths(DECIMAL_TENTHS_MAX + 1), None);
}

#[test]
fn timestamps_with_offset_fraction_and_without_zone_are_read() {
    let noon = millis("2024-01-31T12:00:00Z").unwrap();
    for text in [
        "2024-01-31T12:00:00.000Z",
        "2024-01-31T13:00:00+01:00",
        "2024-01-31T07:30:00-04:30",
        "2024-01-31T13:00:00+0100",
        "2024-01-31T13:00:00+01",
        "2024-01-31t12:00:00z",
        "2024-01-31 12:00:00",
        "2024-01-31T12:00:00",
        "2024-01-31T12:00:00.0000000",
    ] {
        assert_eq!(millis(text), Some(noon), "{text}");
    }
    assert_eq!(millis("2024-01-31T12:00:00.1239Z"), Some(noon + 123));
    assert_eq!(millis("2024-01-31T12:00:00.5Z"), Some(noon + 500));
    assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(
        millis("2016-12-31T23:59:60Z"),
        millis("2017-01-01T00:00:00Z")
    );
}

#[test]
fn texts_that_are_no_timestamps_are_refused() {
    for text in [
        "",
        "2024-01-31",
        "2024-01-31T12:00Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-10T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+1",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00ZZ",
        "2024/01/01T00:00:00Z",
        "20240101T000000Z",
        "2024-01-01T00:00:0🔌",
        "-024-01-01T00:00:00Z",
    ] {
        assert_eq!(millis(text), None, "{text}");
    }
}

#[test]
fn timestamps_are_written_in_utc_with_milliseconds_and_held_to_four_digit_years() {
    let text = |ms| format_timestamp(Timestamp::from_unix_millis(ms));
    assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(text(951_825_600_123), "2000-02-29T12:00:00.123Z");
    assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
    assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999Z");
    assert_eq!(text(i64::MIN), "0000-01-01T00:00:00.000Z");
}

proptest! {
    #[test]
    fn every_timestamp_of_four_digit_years_survives(ms in -62_167_219_200_000_i64..253_402_300_800_000) {
        let time = Timestamp::from_unix_millis(ms);
        prop_assert_eq!(parse_timestamp(&format_timestamp(time)).map(|(t, _)| t), Some(time));
    }

    #[test]
    fn every_decimal_survives_text_and_a_floating_point_parser(tenths in -DECIMAL_TENTHS_MAX..=DECIMAL_TENTHS_MAX) {
        let text = Decimal::from_tenths(tenths).unwrap().to_string();
        prop_assert_eq!(parse_tenths(&text), Ok(tenths));
        // What a guest's parser, which has no arbitrary precision, makes of it.
        let float: f64 = text.parse().unwrap();
        prop_assert_eq!(parse_tenths(&format!("{float}")), Ok(tenths));
        prop_assert_eq!(parse_tenths(&format!("{float:e}")), Ok(tenths));
    }

    #[test]
    fn no_text_upsets_the_timestamp_parser(text in "\\PC{0,40}") {
        let _ = parse_timestamp(&text);
    }
}

fn start_transaction() -> Value {
    json!({ "connectorId": 1, "idTag": "A", "meterStart": 5, "timestamp": "2024-01-31T12:00:00Z" })
}

#[test]
fn harmless_deviations_are_accepted_and_noted() {
    let payload = json!({
        "connectorId": "1", "idTag": "A", "meterStart": 5.0, "reservationId": null,
        "timestamp": "2024-01-31T12:00:00", "vendorThing": 1
    });
    let (request, notes) = decode_request_noted("StartTransaction", &payload).unwrap();
    assert_eq!(
        request,
        decode_request("StartTransaction", &start_transaction()).unwrap()
    );
    assert_eq!(notes.coerced, 2);
    assert_eq!(notes.nulls, 1);
    assert_eq!(notes.naive_timestamps, 1);
    assert_eq!(notes.unknown_fields, 1);
    assert_eq!(notes.total(), 5);
    assert!(notes.texts.iter().any(|text| text.contains("vendorThing")));
}

#[test]
fn a_message_by_the_book_has_no_notes() {
    let (_, notes) = decode_request_noted("StartTransaction", &start_transaction()).unwrap();
    assert!(notes.is_empty());
}

#[test]
fn described_deviations_are_bounded_and_foreign_names_are_cut() {
    let mut payload = start_transaction();
    for n in 0..1_000 {
        payload[format!("x{n}{}", "y".repeat(1_000))] = json!(0);
    }
    let (_, notes) = decode_request_noted("StartTransaction", &payload).unwrap();
    assert_eq!(notes.unknown_fields, 1_000);
    assert_eq!(notes.texts.len(), ocpp::limits::NOTES_TEXTS_MAX);
    assert!(notes.texts.iter().all(|text| text.len() < 100));
}

#[test]
fn meter_readings_given_as_numbers_are_taken_as_text() {
    let payload = json!({ "connectorId": 1, "meterValue": [
        { "timestamp": "2024-01-31T12:00:00Z", "sampledValue": [{ "value": 12.5 }] }
    ] });
    let (request, notes) = decode_request_noted("MeterValues", &payload).unwrap();
    let Request::MeterValues(request) = request else {
        panic!()
    };
    assert_eq!(request.meter_value[0].sampled_value[0].value, "12.5");
    assert_eq!(notes.coerced, 1);
}

#[test]
fn vendor_data_of_any_shape_arrives_as_text() {
    let payload = json!({ "vendorId": "v", "data": { "a": [1] } });
    let Ok(Request::DataTransfer(request)) = decode_request("DataTransfer", &payload) else {
        panic!()
    };
    assert_eq!(request.data.as_deref(), Some(r#"{"a":[1]}"#));
}

#[test]
fn a_trigger_for_an_unknown_message_decodes_so_that_not_implemented_can_be_answered() {
    for action in ["TriggerMessage", "ExtendedTriggerMessage"] {
        let (request, notes) =
            decode_request_noted(action, &json!({ "requestedMessage": "Selfie" })).unwrap();
        assert_eq!(notes.unlisted_words, 1);
        assert_eq!(request.to_payload()["requestedMessage"], "Selfie");
        if let Request::TriggerMessage(request) = request {
            let word = CiString::new("Selfie").unwrap();
            assert_eq!(request.requested_message, Open::Other(word));
        }
    }
    let long = json!({ "requestedMessage": "x".repeat(51) });
    let error = decode_request("TriggerMessage", &long).unwrap_err();
    assert_eq!(error.code, ErrorCode::PropertyConstraintViolation);
}

#[test]
fn enumerations_in_another_case_are_refused_with_the_fields_name() {
    let error = decode_request("Reset", &json!({ "type": "soft" })).unwrap_err();
    assert_eq!(error.code, ErrorCode::PropertyConstraintViolation);
    assert!(error.description.starts_with("type:"), "{error}");
}

#[test]
fn unknown_actions_are_not_implemented_and_the_name_is_cut() {
    let error = decode_request(&"Fly".repeat(1_000), &json!({})).unwrap_err();
    assert_eq!(error.code, ErrorCode::NotImplemented);
    assert!(error.description.len() < 100);
    assert_eq!(
        decode_request("reset", &json!({})).unwrap_err().code,
        ErrorCode::NotImplemented
    );
}

#[test]
fn a_payload_that_is_no_object_is_a_formation_violation() {
    for payload in [json!([]), json!("x"), json!(1)] {
        let error = decode_request("Heartbeat", &payload).unwrap_err();
        assert_eq!(error.code, ErrorCode::FormationViolation);
        let error = decode_response("Heartbeat", &payload).unwrap_err();
        assert_eq!(error.code, ErrorCode::FormationViolation);
    }
}

#[test]
fn a_64_bit_transaction_id_survives() {
    let payload = json!({ "transactionId": 9_007_199_254_740_993_i64 });
    let request = decode_request("RemoteStopTransaction", &payload).unwrap();
    assert_eq!(request.to_payload(), payload);
}

#[test]
fn every_action_knows_its_direction_and_data_transfer_goes_both_ways() {
    let either: Vec<_> = Action::ALL
        .iter()
        .filter(|action| action.initiator() == Initiator::Either)
        .collect();
    assert_eq!(either, [&Action::DataTransfer]);
    assert_eq!(Action::Authorize.initiator(), Initiator::ChargePoint);
    assert_eq!(Action::Reset.initiator(), Initiator::CentralSystem);
    assert_eq!(Action::ALL.len(), 39);
}

#[test]
fn messages_pass_through_serde_with_the_same_checks() {
    let period: ChargingSchedulePeriod =
        serde_json::from_str(r#"{"startPeriod":0,"limit":16.1}"#).unwrap();
    assert_eq!(period.limit.tenths(), 161);
    assert_eq!(period.limit.thousandths(), 16_100);
    let error = serde_json::from_str::<ChargingSchedulePeriod>(r#"{"startPeriod":0}"#).unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
    let status: AuthorizationStatus = serde_json::from_str("\"Blocked\"").unwrap();
    assert_eq!(status, AuthorizationStatus::Blocked);
}

#[test]
fn the_energy_register_is_found_among_readings() {
    let read = |json: Value| {
        let value: MeterValue = serde_json::from_value(json!({
            "timestamp": "2024-01-31T12:00:00Z", "sampledValue": json
        }))
        .unwrap();
        value.register_wh()
    };
    let register = "Energy.Active.Import.Register";
    assert_eq!(
        read(json!([{ "value": "16.2", "measurand": "Current.Import" }])),
        None
    );
    assert_eq!(read(json!([{ "value": "1234" }])), Some(1_234));
    assert_eq!(
        read(json!([{ "value": "1234.999", "measurand": register }])),
        Some(1_234)
    );
    assert_eq!(
        read(json!([{ "value": "1.2345", "measurand": register, "unit": "kWh" }])),
        Some(1_234)
    );
    assert_eq!(
        read(json!([{ "value": "12", "measurand": register, "phase": "L1" }])),
        None
    );
    assert_eq!(read(json!([{ "value": "zz" }])), None);
    assert_eq!(
        SampledValue::new("99999999999999999999").register_wh(),
        None
    );
}
