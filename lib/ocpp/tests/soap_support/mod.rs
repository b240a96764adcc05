//! Shared by the tests of OCPP-S: every message of a version, and headers.
#![allow(dead_code, reason = "each test binary uses its part")]

use ocpp::soap::{Addressing, Codec, Service, Version};
use ocpp::v16::{MessageTrigger, Request, Response, decode_request, decode_response};
use serde_json::Value;

pub const VERSIONS: [Version; 2] = [Version::Ocpp15, Version::Ocpp16];
pub const SERVICES: [Service; 2] = [Service::CentralSystem, Service::ChargePoint];

/// A message of our own making, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

impl Message {
    /// A message like this one with another payload; words outside the enumerations are not for these tests.
    pub fn decode(&self, payload: &Value) -> Option<Self> {
        if let Self::Request(Request::TriggerMessage(_)) = self {
            let word = payload["requestedMessage"].as_str()?;
            MessageTrigger::from_word(word)?;
        }
        match self {
            Self::Request(old) => decode_request(old.action().as_str(), payload)
                .ok()
                .map(Self::Request),
            Self::Response(old) => decode_response(old.action().as_str(), payload)
                .ok()
                .map(Self::Response),
        }
    }

    pub fn payload(&self) -> Value {
        match self {
            Self::Request(message) => message.to_payload(),
            Self::Response(message) => message.to_payload(),
        }
    }

    /// Writes it; `None` if the codec cannot say it.
    pub fn write(&self, codec: Codec) -> Option<String> {
        match self {
            Self::Request(message) => codec.write_request(&headers(), message).ok(),
            Self::Response(message) => codec.write_response(&headers().answer(), message).ok(),
        }
    }

    /// Reads what was written; deviations are not tolerated.
    pub fn read(&self, codec: Codec, text: &str) -> Self {
        match self {
            Self::Request(_) => {
                let received = codec.read_request(text.as_bytes());
                let received = received.unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert!(received.notes.is_empty(), "{}\n{text}", received.notes);
                Self::Request(received.request)
            }
            Self::Response(message) => {
                let received = codec.read_response(message.action(), text.as_bytes());
                let received = received.unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert!(received.notes.is_empty(), "{}\n{text}", received.notes);
                Self::Response(received.outcome.expect("no fault"))
            }
        }
    }
}

/// One realistic message per action and direction.
pub fn samples() -> Vec<Message> {
    include_str!("../data/samples.jsonl")
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let action = value["action"].as_str().unwrap();
            let payload = &value["payload"];
            if value["kind"] == "request" {
                Message::Request(decode_request(action, payload).unwrap())
            } else {
                Message::Response(decode_response(action, payload).unwrap())
            }
        })
        .collect()
}

pub fn codecs() -> impl Iterator<Item = Codec> {
    VERSIONS
        .into_iter()
        .flat_map(|version| SERVICES.map(|service| Codec::new(version, service)))
}

pub fn headers() -> Addressing {
    Addressing::request(
        "7-42",
        "CP <1> & \"co\"",
        "http://127.0.0.1:1/cs?a=1&b=2",
        "http://127.0.0.1:8090/",
    )
}
