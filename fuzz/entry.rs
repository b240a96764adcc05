//! Entry points for hostile bytes, used by the fuzz targets and, with a seeded generator, by ordinary tests.
//!
//! Each must neither panic nor hang on any input, and checks what must hold whatever came in.

use ocpp::rpc::Frame;
use ocpp::v16::csms::{Csms, CsmsConfig};
use ocpp::v16::{AuthorizationStatus, ResetType, decode_request, decode_response};
use serde_json::Value;
use units::{Instant, Timestamp};

/// Parses a frame; what parses is written and parses again, and what is refused has a well-formed answer or none.
pub fn frame(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    match Frame::parse(text) {
        Ok(frame) => {
            let written = frame.to_text();
            if written.len() <= ocpp::limits::FRAME_BYTES_MAX {
                let again = Frame::parse(&written).expect("a written frame parses");
                assert_eq!(again.id(), frame.id());
            }
        }
        Err(error) => {
            if let Some(answer) = error.answer() {
                let parsed = Frame::parse(&answer.to_text()).expect("an answer parses");
                assert!(matches!(parsed, Frame::CallError { .. }));
            }
        }
    }
}

/// Decodes `Action request|response {payload}`; what decodes is encoded to something that decodes to the same.
pub fn decoders(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let mut parts = text.splitn(3, ' ');
    let (Some(action), Some(kind), Some(payload)) = (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    // Through the frame parser, because that is where the bounds are.
    let text = format!(
        "[2,\"x\",\"{}\",{payload}]",
        if action.contains(['"', '\\']) {
            ""
        } else {
            action
        }
    );
    let Ok(Frame::Call {
        action, payload, ..
    }) = Frame::parse(&text)
    else {
        return;
    };
    if kind == "request" {
        if let Ok(message) = decode_request(&action, &payload) {
            let again = decode_request(&action, &message.to_payload());
            assert_eq!(again.as_ref(), Ok(&message));
        }
    } else if let Ok(message) = decode_response(&action, &payload) {
        let again = decode_response(&action, &message.to_payload());
        assert_eq!(again.as_ref(), Ok(&message));
    }
}

/// Feeds lines to a central system; every frame it sends is well formed, and its book stays sound.
pub fn csms(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let config =
        CsmsConfig::accepting(300).with_token("04A1B2C3D4E5F6", AuthorizationStatus::Accepted);
    let mut csms = Csms::new(
        config,
        Instant::ZERO,
        Timestamp::from_unix_millis(1_772_000_000_000),
    );
    csms.reset(Instant::ZERO, ResetType::Soft)
        .expect("the first call fits");
    for (step, line) in text.lines().take(256).enumerate() {
        let now = Instant::from_millis(step as u64 * 1_000);
        csms.handle_frame(now, line);
        csms.handle_timeout(now);
        while let Some(frame) = csms.poll_frame() {
            let value: Value = serde_json::from_str(&frame).expect("a sent frame is JSON");
            assert!(value.is_array());
            Frame::parse(&frame).expect("a sent frame parses");
        }
        while csms.poll_event().is_some() {}
    }
    assert!(csms.book().sessions().count() <= 256);
}
