//! Entry point for hostile envelopes, used by the fuzz target and, with a seeded generator, by an ordinary test.
//!
//! It must neither panic nor hang on any input, and checks what must hold whatever came in.

use ocpp::soap::{Addressing, Codec, Service, Version};
use ocpp::v16::Action;

/// Reads bytes as a request and as answers of every service; what was read is written and reads the same, and what was
/// refused has a fault that reads as one.
pub fn soap(data: &[u8]) {
    for version in [Version::Ocpp15, Version::Ocpp16] {
        for service in [Service::CentralSystem, Service::ChargePoint] {
            let codec = Codec::new(version, service);
            request(codec, data);
            for action in Action::ALL {
                let name = action.as_str().get(1..).unwrap_or("");
                let mentioned = data
                    .windows(name.len() + 8)
                    .any(|w| w.starts_with(name.as_bytes()) && w.ends_with(b"Response"));
                if mentioned || *action == Action::Heartbeat {
                    response(codec, *action, data);
                }
            }
        }
    }
}

fn request(codec: Codec, data: &[u8]) {
    match codec.read_request(data) {
        Ok(received) => {
            if let Ok(text) = codec.write_request(&received.addressing, &received.request) {
                let again = codec
                    .read_request(text.as_bytes())
                    .expect("a written request reads");
                if let Ok(twice) = codec.write_request(&again.addressing, &again.request) {
                    let last = codec
                        .read_request(twice.as_bytes())
                        .expect("a written request reads");
                    assert_eq!(last.request, again.request);
                }
            }
        }
        Err(error) => {
            let fault = error.to_fault();
            let text = codec.write_fault(&error.addressing.answer(), &fault);
            let answer = codec
                .read_response(Action::DataTransfer, text.as_bytes())
                .expect("a fault reads");
            assert_eq!(answer.outcome.expect_err("a fault").code, fault.code);
        }
    }
}

fn response(codec: Codec, action: Action, data: &[u8]) {
    let Ok(received) = codec.read_response(action, data) else {
        return;
    };
    match received.outcome {
        Ok(response) => {
            let text = codec
                .write_response(&Addressing::default(), &response)
                .expect("what was read can be said");
            codec
                .read_response(action, text.as_bytes())
                .expect("a written response reads");
        }
        Err(fault) => {
            let text = codec.write_fault(&received.addressing, &fault);
            let again = codec
                .read_response(action, text.as_bytes())
                .expect("a fault reads");
            assert!(again.outcome.is_err());
        }
    }
}
