//! Frames: bounds, error codes, and what an unparsable text is answered with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

use ocpp::limits::{
    ERROR_DESCRIPTION_CHARS_MAX, FRAME_BYTES_MAX, FRAME_DEPTH_MAX, FRAME_VALUES_MAX,
    MESSAGE_ID_CHARS_MAX,
};
use ocpp::rpc::{CallError, ErrorCode, Frame, FrameErrorKind, MessageId};
use serde_json::{Value, json};

fn id(text: &str) -> MessageId {
    MessageId::new(text).unwrap()
}

fn kind(text: &str) -> FrameErrorKind {
    Frame::parse(text).unwrap_err().kind
}

/// Code of the CALLERROR that a bad text is answered with.
fn answer_code(text: &str) -> Option<(MessageId, ErrorCode)> {
    match Frame::parse(text).unwrap_err().answer()? {
        Frame::CallError { id, error } => Some((id, error.code)),
        other => panic!("answered with {other:?}"),
    }
}

#[test]
fn the_three_frames_are_read_and_written() {
    for text in [
        r#"[2,"19223201","BootNotification",{"chargePointModel":"M"}]"#,
        r#"[3,"19223201",{"status":"Accepted"}]"#,
        r#"[4,"162376037","NotSupported","SetDisplayMessage is not supported",{"more":1}]"#,
    ] {
        assert_eq!(Frame::parse(text).unwrap().to_text(), text);
    }
}

#[test]
fn texts_in_ids_actions_and_descriptions_are_escaped() {
    let frame = Frame::call(id("a\"b\\\n"), "Odd\"Action", json!({}));
    assert_eq!(Frame::parse(&frame.to_text()).unwrap(), frame);
    let error = CallError::new(ErrorCode::GenericError, "say \"no\"\u{1}");
    let frame = Frame::error(id("1"), error);
    assert_eq!(Frame::parse(&frame.to_text()).unwrap(), frame);
}

#[test]
fn error_codes_are_spelt_as_the_1_6_text_spells_them() {
    let words: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(
        words,
        [
            "NotImplemented",
            "NotSupported",
            "InternalError",
            "ProtocolError",
            "SecurityError",
            "FormationViolation",
            "PropertyConstraintViolation",
            "OccurenceConstraintViolation",
            "TypeConstraintViolation",
            "GenericError",
        ]
    );
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_word(code.as_str()), Some(*code));
    }
}

#[test]
fn error_codes_of_later_versions_are_understood() {
    let code = |word| ErrorCode::from_word(word);
    let occurence = Some(ErrorCode::OccurenceConstraintViolation);
    assert_eq!(code("OccurrenceConstraintViolation"), occurence);
    assert_eq!(code("FormatViolation"), Some(ErrorCode::FormationViolation));
    assert_eq!(code("Nonsense"), None);
}

#[test]
fn an_unknown_error_code_still_ends_the_call_and_keeps_its_word() {
    let frame = Frame::parse(r#"[4,"7","Vendor.Oops","it broke",{}]"#).unwrap();
    let Frame::CallError { id: got, error } = frame else {
        panic!()
    };
    assert_eq!(got, id("7"));
    assert_eq!(error.code, ErrorCode::GenericError);
    assert_eq!(error.description, "Vendor.Oops: it broke");
    assert!(matches!(
        Frame::parse(r#"[4,"7"]"#),
        Ok(Frame::CallError { .. })
    ));
    assert!(matches!(
        Frame::parse(r#"[4,"7","NotSupported",null,null]"#),
        Ok(Frame::CallError { .. })
    ));
}

#[test]
fn descriptions_are_cut_to_the_standards_length_in_characters() {
    let error = CallError::new(ErrorCode::InternalError, "ü".repeat(5_000));
    assert_eq!(
        error.description.chars().count(),
        ERROR_DESCRIPTION_CHARS_MAX
    );
}

#[test]
fn a_frame_of_ten_megabytes_is_refused_before_it_is_parsed() {
    let text = format!(
        r#"[2,"big","Authorize",{{"idTag":"{}"}}]"#,
        "a".repeat(10_000_000)
    );
    assert_eq!(kind(&text), FrameErrorKind::TooLarge);
    assert_eq!(
        answer_code(&text),
        Some((id("big"), ErrorCode::FormationViolation))
    );
    assert_eq!(kind(&"[".repeat(10_000_000)), FrameErrorKind::TooLarge);
}

#[test]
fn the_largest_allowed_frame_passes_and_one_byte_more_does_not() {
    let frame = |filling: usize| format!(r#"[2,"1","X",{{"k":"{}"}}]"#, "a".repeat(filling));
    let rest = frame(0).len();
    assert!(Frame::parse(&frame(FRAME_BYTES_MAX - rest)).is_ok());
    assert_eq!(
        kind(&frame(FRAME_BYTES_MAX - rest + 1)),
        FrameErrorKind::TooLarge
    );
}

#[test]
fn nesting_ten_thousand_deep_is_refused_before_it_is_parsed() {
    let text = format!(
        r#"[2,"deep","X",{{"k":{}{}}}]"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(kind(&text), FrameErrorKind::TooDeep);
    assert_eq!(
        answer_code(&text),
        Some((id("deep"), ErrorCode::FormationViolation))
    );
}

#[test]
fn the_deepest_allowed_frame_passes_and_one_level_more_does_not() {
    let frame = |levels: usize| {
        format!(
            r#"[2,"1","X",{{"k":{}{}}}]"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(Frame::parse(&frame(FRAME_DEPTH_MAX - 2)).is_ok());
    assert_eq!(kind(&frame(FRAME_DEPTH_MAX - 1)), FrameErrorKind::TooDeep);
}

#[test]
fn brackets_inside_texts_do_not_count_as_nesting() {
    let text = format!(
        r#"[2,"1","X",{{"k":"{}\"{}"}}]"#,
        "[".repeat(500),
        "{,".repeat(500)
    );
    assert!(Frame::parse(&text).is_ok());
}

#[test]
fn a_frame_of_too_many_values_is_refused() {
    let text = format!(
        r#"[2,"1","X",{{"k":[{}1]}}]"#,
        "1,".repeat(FRAME_VALUES_MAX)
    );
    assert_eq!(kind(&text), FrameErrorKind::TooManyValues);
}

#[test]
fn garbage_is_reported_and_not_answered() {
    for text in [
        "",
        " ",
        "hello",
        "{}",
        "null",
        "[",
        "[]",
        "[2]",
        "\u{0}",
        "[2,",
        "[3,\"1\",",
        "[\"2\",\"1\"]",
    ] {
        assert_eq!(answer_code(text), None, "{text:?}");
    }
}

#[test]
fn a_call_with_broken_json_is_answered_with_formation_violation() {
    let expected = Some((id("m 1"), ErrorCode::FormationViolation));
    for text in [
        r#"[2,"m 1","Reset",{"type":"#,
        r#" [ 2 , "m 1" ,"Reset",{"type":Soft}]"#,
        r#"[2,"m 1"}"#,
        r#"[2,"m 1","Reset","#,
    ] {
        assert_eq!(kind(text), FrameErrorKind::NotJson, "{text}");
        assert_eq!(answer_code(text), expected, "{text}");
    }
}

#[test]
fn a_call_of_the_wrong_form_is_answered_with_formation_violation() {
    let expected = Some((id("m"), ErrorCode::FormationViolation));
    for (text, wanted) in [
        (r#"[2,"m","Reset",{},{}]"#, FrameErrorKind::WrongLength),
        (r#"[2,"m",7,{}]"#, FrameErrorKind::BadAction),
        (r#"[2,"m","Reset",[]]"#, FrameErrorKind::PayloadNotAnObject),
        (
            r#"[2,"m","Reset","Soft"]"#,
            FrameErrorKind::PayloadNotAnObject,
        ),
    ] {
        assert_eq!(kind(text), wanted, "{text}");
        assert_eq!(answer_code(text), expected, "{text}");
    }
}

#[test]
fn a_call_without_its_payload_is_answered_with_protocol_error() {
    for text in [r#"[2,"m","Reset"]"#, r#"[2,"m"]"#] {
        assert_eq!(kind(text), FrameErrorKind::Incomplete, "{text}");
        assert_eq!(
            answer_code(text),
            Some((id("m"), ErrorCode::ProtocolError)),
            "{text}"
        );
    }
}

#[test]
fn a_bad_answer_is_never_answered() {
    for text in [
        r#"[3,"m"]"#,
        r#"[3,"m",[]]"#,
        r#"[3,"m",{},{}]"#,
        r#"[3,"m",{"#,
    ] {
        assert_eq!(answer_code(text), None, "{text}");
    }
}

#[test]
fn unknown_message_types_are_ignored() {
    for text in [
        r#"[5,"m",{}]"#,
        r#"[1,"m"]"#,
        r#"[2.5,"m","A",{}]"#,
        r#"[-2,"m","A",{}]"#,
    ] {
        assert_eq!(kind(text), FrameErrorKind::UnknownMessageType, "{text}");
        assert_eq!(answer_code(text), None);
    }
}

#[test]
fn message_ids_are_bounded_in_characters_and_never_empty() {
    let call = |id: &str| format!(r#"[2,"{id}","Heartbeat",{{}}]"#);
    assert!(Frame::parse(&call(&"ü".repeat(MESSAGE_ID_CHARS_MAX))).is_ok());
    for bad in ["ü".repeat(MESSAGE_ID_CHARS_MAX + 1), String::new()] {
        assert_eq!(kind(&call(&bad)), FrameErrorKind::BadMessageId);
        assert_eq!(answer_code(&call(&bad)), None);
    }
    assert_eq!(
        kind(r#"[2,17,"Heartbeat",{}]"#),
        FrameErrorKind::BadMessageId
    );
}

#[test]
fn null_instead_of_an_empty_payload_does_no_harm() {
    let frame = Frame::parse(r#"[3,"m",null]"#).unwrap();
    assert_eq!(
        frame,
        Frame::result(id("m"), Value::Object(serde_json::Map::new()))
    );
}
