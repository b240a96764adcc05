//! Envelopes of OCPP-S: what is read and written, what 1.5 says differently, and what is refused with which words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod soap_support;

use ocpp::rpc::{CallError, ErrorCode};
use ocpp::soap::limits::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, ENVELOPE_BYTES_MAX};
use ocpp::soap::{
    ANONYMOUS, Addressing, Blame, Codec, FaultCode, ReadError, Service, SoapFault, Trouble, Version,
};
use ocpp::v16::*;
use soap_support::{Message, VERSIONS, codecs, headers, samples};
use std::collections::BTreeSet;

const CS_15: Codec = Codec::new(Version::Ocpp15, Service::CentralSystem);
const CS_16: Codec = Codec::new(Version::Ocpp16, Service::CentralSystem);
const CP_15: Codec = Codec::new(Version::Ocpp15, Service::ChargePoint);
const CP_16: Codec = Codec::new(Version::Ocpp16, Service::ChargePoint);

fn decode(action: &str, payload: &str) -> Request {
    decode_request(action, &serde_json::from_str(payload).unwrap()).unwrap()
}

/// Writes a request in 1.5 and reads it again.
fn through_15(action: &str, payload: &str) -> String {
    let request = Message::Request(decode(action, payload));
    let codec = if CS_15.supports(Action::from_word(action).unwrap()) {
        CS_15
    } else {
        CP_15
    };
    let text = request.write(codec).expect("1.5 can say it");
    request.read(codec, &text).payload().to_string()
}

fn unsayable_15(action: &str, payload: &str) -> String {
    let request = decode(action, payload);
    let codec = if request.action().initiator() == Initiator::CentralSystem {
        CP_15
    } else {
        CS_15
    };
    codec.write_request(&headers(), &request).unwrap_err().what
}

/// An envelope around a body, with the charge point's service of 1.6 under an unusual prefix.
fn around(header: &str, body: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<E:Envelope xmlns:E='http://www.w3.org/2003/05/soap-envelope' \
         xmlns:w='http://www.w3.org/2005/08/addressing' xmlns:q='urn://Ocpp/Cp/2015/10/'>\n\
         <E:Header>{header}</E:Header>\n<E:Body>{body}</E:Body></E:Envelope>"
    )
}

fn refused(text: &str) -> ReadError {
    CP_16.read_request(text.as_bytes()).unwrap_err()
}

#[test]
fn each_version_has_its_actions_and_no_security_action() {
    let of = |codec: Codec| -> usize { Action::ALL.iter().filter(|a| codec.supports(**a)).count() };
    assert_eq!(
        [of(CS_15), of(CS_16), of(CP_15), of(CP_16)],
        [10, 10, 15, 19]
    );
    let refused = Request::from(GetInstalledCertificateIdsRequest {
        certificate_type: CertificateUse::CentralSystemRootCertificate,
    });
    let error = CP_16.write_request(&headers(), &refused).unwrap_err();
    assert_eq!(error.what, "GetInstalledCertificateIds");
}

#[test]
fn every_sample_survives_in_every_service_that_has_its_action() {
    let mut seen = BTreeSet::new();
    for codec in [CS_16, CP_16] {
        for message in samples() {
            if let Some(text) = message.write(codec) {
                assert_eq!(message.read(codec, &text), message, "{text}");
                seen.insert(format!("{codec:?} {message:?}"));
            }
        }
    }
    assert_eq!(seen.len(), (10 + 19) * 2);
}

#[test]
fn headers_go_out_and_come_back_and_the_answer_relates_to_the_request() {
    for codec in codecs() {
        let action = if codec.supports(Action::Heartbeat) {
            Request::from(HeartbeatRequest {})
        } else {
            Request::from(ClearCacheRequest {})
        };
        let text = codec.write_request(&headers(), &action).unwrap();
        let read = codec.read_request(text.as_bytes()).unwrap().addressing;
        let wanted = Addressing {
            action: Some(format!("/{}", action.action())),
            ..headers()
        };
        assert_eq!(read, wanted);
        let answer = read.answer();
        assert_eq!(answer.relates_to, headers().message_id);
        assert_eq!(answer.to.as_deref(), Some(ANONYMOUS));
        assert_eq!(answer.charge_box_identity, None);
    }
    let kind = Codec::content_type(Action::Heartbeat);
    assert_eq!(
        kind,
        "application/soap+xml; charset=utf-8; action=\"/Heartbeat\""
    );
}

#[test]
fn prefixes_comments_cdata_nil_and_foreign_elements_do_not_matter() {
    let text = around(
        "<w:Action E:mustUnderstand='1'>/ReserveNow</w:Action><x:Trace xmlns:x='urn:x'>1</x:Trace>",
        "<reserveNowRequest xmlns='urn://Ocpp/Cp/2015/10/' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\
         <q:connectorId> +1\n</q:connectorId><!-- a comment --><idTag>04<![CDATA[A1]]>&#66;</idTag>\
         <expiryDate>2026-03-01T09:00:00+01:00</expiryDate><parentIdTag i:nil='true'/>\
         <reservationId>7</reservationId><colour>red</colour></reserveNowRequest>",
    );
    let received = CP_16.read_request(text.as_bytes()).unwrap();
    let Request::ReserveNow(message) = received.request else {
        panic!("another message");
    };
    assert_eq!((message.connector_id, message.reservation_id), (1, 7));
    assert_eq!(message.id_tag.as_str(), "04A1B");
    assert_eq!(message.parent_id_tag, None);
    assert_eq!(
        format_timestamp(message.expiry_date),
        "2026-03-01T08:00:00.000Z"
    );
    assert_eq!(received.notes.unknown_fields, 1);
}

#[test]
fn decimals_are_read_as_xml_schema_spells_them() {
    for (spelt, tenths) in [
        ("16", 160),
        ("+16.50", 165),
        (".5", 5),
        ("6.", 60),
        ("-0.1", -1),
        ("007.0", 70),
    ] {
        let text = around("", &profile(spelt));
        let request = CP_16.read_request(text.as_bytes()).unwrap().request;
        let Request::SetChargingProfile(message) = request else {
            panic!("another message");
        };
        let period = &message
            .cs_charging_profiles
            .charging_schedule
            .charging_schedule_period[0];
        assert_eq!(period.limit.tenths(), tenths, "{spelt}");
    }
    let error = refused(&around("", &profile("1.25")));
    let path = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit";
    assert_eq!(
        (error.trouble, error.path.as_str()),
        (Trouble::Content, path)
    );
    assert!(error.to_string().starts_with("line 4, column"), "{error}");
    assert!(
        error.place.column > 100,
        "the place is the field's: {error}"
    );
}

fn profile(limit: &str) -> String {
    format!(
        "<q:setChargingProfileRequest><q:connectorId>1</q:connectorId><q:csChargingProfiles>\
         <q:chargingProfileId>1</q:chargingProfileId><q:stackLevel>0</q:stackLevel>\
         <q:chargingProfilePurpose>TxProfile</q:chargingProfilePurpose>\
         <q:chargingProfileKind>Relative</q:chargingProfileKind><q:chargingSchedule>\
         <q:chargingRateUnit>A</q:chargingRateUnit><q:chargingSchedulePeriod><q:startPeriod>0</q:startPeriod>\
         <q:limit>{limit}</q:limit></q:chargingSchedulePeriod></q:chargingSchedule></q:csChargingProfiles>\
         </q:setChargingProfileRequest>"
    )
}

#[test]
fn statuses_that_1_5_lacks_are_occupied_and_error_codes_keep_their_name_in_the_info() {
    for status in [
        "Preparing",
        "Charging",
        "SuspendedEV",
        "SuspendedEVSE",
        "Finishing",
    ] {
        let payload = format!(r#"{{"connectorId":1,"errorCode":"NoError","status":"{status}"}}"#);
        let text = Message::Request(decode("StatusNotification", &payload))
            .write(CS_15)
            .unwrap();
        assert!(text.contains("<o:status>Occupied</o:status>"), "{text}");
    }
    let payload = r#"{"connectorId":1,"errorCode":"OverVoltage","status":"Faulted"}"#;
    let back = through_15("StatusNotification", payload);
    assert_eq!(
        back,
        r#"{"connectorId":1,"errorCode":"OtherError","info":"OverVoltage","status":"Faulted"}"#
    );
    let payload = r#"{"connectorId":1,"errorCode":"EVCommunicationError","status":"Faulted"}"#;
    let text = Message::Request(decode("StatusNotification", payload))
        .write(CS_15)
        .unwrap();
    assert!(
        text.contains("<o:errorCode>Mode3Error</o:errorCode>"),
        "{text}"
    );
    assert_eq!(through_15("StatusNotification", payload), payload);
}

#[test]
fn what_1_5_cannot_say_without_misleading_is_not_written() {
    for status in ["Idle", "Downloading", "Installing"] {
        let payload = format!(r#"{{"status":"{status}"}}"#);
        let what = unsayable_15("FirmwareStatusNotification", &payload);
        assert_eq!(what, format!("firmware status {status}"));
    }
    for status in ["Idle", "Uploading"] {
        let payload = format!(r#"{{"status":"{status}"}}"#);
        assert!(unsayable_15("DiagnosticsStatusNotification", &payload).ends_with(status));
    }
    let what = unsayable_15("TriggerMessage", r#"{"requestedMessage":"Heartbeat"}"#);
    assert_eq!(what, "TriggerMessage");
    let only_phases = r#"{"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T08:00:00Z",
        "sampledValue":[{"value":"1","phase":"L1"},{"value":"50","measurand":"Frequency"}]}]}"#;
    assert_eq!(
        unsayable_15("MeterValues", only_phases),
        "any of these readings"
    );
}

#[test]
fn readings_of_1_5_are_values_with_attributes_and_never_mean_something_else() {
    let payload = r#"{"connectorId":1,"transactionId":9,"meterValue":[{"timestamp":"2026-03-01T08:00:00.000Z",
        "sampledValue":[{"value":"1200","unit":"Wh","context":"Trigger"},{"value":"16","measurand":"Current.Import",
        "unit":"A","location":"Cable"},{"value":"400","phase":"L1"},{"value":"80","measurand":"SoC","location":"EV"}]}]}"#;
    let text = Message::Request(decode("MeterValues", payload))
        .write(CS_15)
        .unwrap();
    let wanted = "<o:values><o:timestamp>2026-03-01T08:00:00.000Z</o:timestamp><o:value unit=\"Wh\">1200</o:value>\
        <o:value measurand=\"Current.Import\" location=\"Outlet\" unit=\"Amp\">16</o:value></o:values>";
    assert!(text.contains(wanted), "{text}");
    let back = through_15("MeterValues", payload);
    assert!(back.contains(r#""unit":"A""#), "{back}");
}

#[test]
fn a_stop_of_1_5_has_no_reason_and_its_data_in_blocks() {
    let payload = r#"{"meterStop":10,"timestamp":"2026-03-01T08:00:00.000Z","transactionId":4,"reason":"Remote",
        "transactionData":[{"timestamp":"2026-03-01T08:00:00.000Z","sampledValue":[{"value":"1"}]},
        {"timestamp":"2026-03-01T08:05:00.000Z","sampledValue":[{"value":"2"}]}]}"#;
    let text = Message::Request(decode("StopTransaction", payload))
        .write(CS_15)
        .unwrap();
    assert_eq!(text.matches("<o:transactionData>").count(), 1);
    assert_eq!(text.matches("<o:values>").count(), 2);
    let back = through_15("StopTransaction", payload);
    assert!(!back.contains("reason"));
    assert_eq!(back.matches("sampledValue").count(), 2, "{back}");
}

#[test]
fn answers_of_1_5_use_its_words() {
    let cases = [
        (
            Response::from(UnlockConnectorResponse {
                status: UnlockStatus::Unlocked,
            }),
            "Accepted",
        ),
        (
            UnlockConnectorResponse {
                status: UnlockStatus::NotSupported,
            }
            .into(),
            "Rejected",
        ),
        (
            ChangeConfigurationResponse {
                status: ConfigurationStatus::RebootRequired,
            }
            .into(),
            "Accepted",
        ),
    ];
    for (response, word) in cases {
        let text = CP_15
            .write_response(&headers().answer(), &response)
            .unwrap();
        assert!(
            text.contains(&format!("<o:status>{word}</o:status>")),
            "{text}"
        );
    }
    let boot = r#"{"status":"Pending","currentTime":"2026-03-01T08:00:00Z","interval":60}"#;
    let boot = decode_response("BootNotification", &serde_json::from_str(boot).unwrap()).unwrap();
    let text = CS_15.write_response(&headers().answer(), &boot).unwrap();
    assert!(
        text.contains("<o:heartbeatInterval>60</o:heartbeatInterval>"),
        "{text}"
    );
    assert!(text.contains("<o:status>Rejected</o:status>"), "{text}");
}

#[test]
fn faults_carry_code_subcode_and_reason_in_both_directions() {
    let codes = [
        (FaultCode::SecurityError, Blame::Sender, 400),
        (FaultCode::IdentityMismatch, Blame::Sender, 400),
        (FaultCode::UrlMismatch, Blame::Sender, 400),
        (FaultCode::ProtocolError, Blame::Sender, 400),
        (FaultCode::GenericError, Blame::Sender, 400),
        (FaultCode::InternalError, Blame::Receiver, 500),
        (FaultCode::NotSupported, Blame::Receiver, 500),
        (FaultCode::MustUnderstand, Blame::Sender, 500),
        (FaultCode::VersionMismatch, Blame::Sender, 500),
        (
            FaultCode::Other {
                blame: Blame::Receiver,
                subcode: "Busy".into(),
            },
            Blame::Receiver,
            500,
        ),
    ];
    for codec in codecs() {
        for (code, blame, status) in codes.clone() {
            let fault = SoapFault::new(code, "because <of> & \"that\"");
            assert_eq!((fault.code.blame(), fault.http_status()), (blame, status));
            let text = codec.write_fault(&headers().answer(), &fault);
            let answer = codec
                .read_response(Action::DataTransfer, text.as_bytes())
                .unwrap();
            assert_eq!(answer.outcome, Err(fault));
            assert_eq!(answer.addressing.relates_to, headers().message_id);
        }
    }
}

#[test]
fn errors_of_the_state_machine_become_faults_and_come_back_as_errors() {
    for code in ErrorCode::ALL {
        let fault = SoapFault::from(&CallError::new(*code, "why"));
        let back = fault.to_call_error();
        assert_eq!(back.description, "why");
        let wanted = match code {
            ErrorCode::NotImplemented => ErrorCode::NotSupported,
            ErrorCode::FormationViolation
            | ErrorCode::PropertyConstraintViolation
            | ErrorCode::OccurenceConstraintViolation
            | ErrorCode::TypeConstraintViolation => ErrorCode::ProtocolError,
            same => *same,
        };
        assert_eq!(back.code, wanted);
    }
}

#[test]
fn what_is_no_envelope_is_refused_with_place_and_reason() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>";
    let cases: &[(&[u8], Trouble, &str)] = &[
        (b"", Trouble::NotXml, "line 1"),
        (b"\xff\xfe<", Trouble::NotXml, "not UTF-8"),
        (b"<a><b></a>", Trouble::NotXml, "line 1, column 7"),
        (b"<a>&b;</a>", Trouble::NotXml, "line 1, column 4"),
        (
            bomb.as_bytes(),
            Trouble::NotXml,
            "document type declaration is refused",
        ),
        (b"<a/>", Trouble::NotSoap, "no envelope of SOAP 1.2"),
        (
            b"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>",
            Trouble::NotSoap,
            "SOAP 1.1",
        ),
    ];
    for (bytes, trouble, words) in cases {
        let error = CP_16.read_request(bytes).unwrap_err();
        assert_eq!(error.trouble, *trouble, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn bounds_hold_before_the_tree_is_built() {
    let deep = format!(
        "{}{}",
        "<a>".repeat(DEPTH_MAX + 1),
        "</a>".repeat(DEPTH_MAX + 1)
    );
    let wide = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
    let attributes: String = (0..=ATTRIBUTES_MAX).map(|n| format!(" a{n}='>'")).collect();
    let many = format!("<a{attributes}/>");
    let spaces = format!("<a>{}</a>", "<b xmlns='urn:b'/>".repeat(1_100));
    let long = " ".repeat(ENVELOPE_BYTES_MAX + 1);
    let remarks = "<a>".to_string() + &"<!---->".repeat(140_000) + "</a>";
    for text in [deep, wide, many, spaces, long, remarks] {
        let error = refused(&text);
        assert_eq!(error.trouble, Trouble::TooLarge, "{error}");
    }
    let comments = format!("<a>{}</a>", "<!-- <a> --><![CDATA[<a>]]>".repeat(2_000));
    assert_eq!(refused(&comments).trouble, Trouble::NotSoap);
}

const RESET: &str = "<q:resetRequest><q:type>Soft</q:type></q:resetRequest>";

/// Refuses every envelope for the same reason.
fn all_refused(cases: &[(&str, &str)], trouble: Trouble, code: &FaultCode) {
    for (header, body) in cases {
        let text = around(header, body);
        let error = refused(&text);
        assert_eq!(error.trouble, trouble, "{error}\n{text}");
        assert_eq!(error.to_fault().code, *code);
        assert!(error.place.line == 3 || error.place.line == 4, "{error}");
    }
}

#[test]
fn headers_that_do_not_fit_are_refused_with_the_fault_that_says_so() {
    let must = "<x:Security xmlns:x='urn:x' E:mustUnderstand='true'/>";
    all_refused(
        &[(must, RESET)],
        Trouble::NotUnderstood,
        &FaultCode::MustUnderstand,
    );
    let twice = "<w:MessageID>1</w:MessageID><w:MessageID>2</w:MessageID>";
    let other = "<w:Action>/ClearCache</w:Action>";
    all_refused(
        &[(twice, RESET), (other, RESET)],
        Trouble::Headers,
        &FaultCode::ProtocolError,
    );
    let named = around("<w:MessageID>m-1</w:MessageID>", "<q:resetRequest/>");
    assert_eq!(
        refused(&named).addressing.message_id.as_deref(),
        Some("m-1")
    );
}

#[test]
fn bodies_that_do_not_fit_are_refused_with_the_fault_that_says_so() {
    let malformed = [
        ("", ""),
        ("", &RESET.repeat(2)),
        ("", "<q:resetRequest/>"),
        ("", "<q:resetRequest><q:type>Warm</q:type></q:resetRequest>"),
        (
            "",
            "<q:resetRequest><q:type>Soft</q:type><q:type>Hard</q:type></q:resetRequest>",
        ),
        ("", "<q:resetRequest>Soft</q:resetRequest>"),
        (
            "",
            "<q:resetRequest><q:type><q:a/></q:type></q:resetRequest>",
        ),
    ];
    all_refused(&malformed, Trouble::Content, &FaultCode::ProtocolError);
    let unknown = [
        ("", "<q:heartbeatRequest/>"),
        ("", "<q:explodeRequest/>"),
        ("", "<r:resetRequest xmlns:r='urn://Ocpp/Cp/2012/06/'/>"),
    ];
    all_refused(&unknown, Trouble::NotSupported, &FaultCode::NotSupported);
}

#[test]
fn an_answer_to_something_else_is_no_answer() {
    for version in VERSIONS {
        let codec = Codec::new(version, Service::ChargePoint);
        let answer = Response::from(ClearCacheResponse {
            status: GenericStatus::Accepted,
        });
        let text = codec
            .write_response(&Addressing::default(), &answer)
            .unwrap();
        let error = codec
            .read_response(Action::Reset, text.as_bytes())
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("an answer to ClearCache, Reset was asked"),
            "{error}"
        );
    }
}
