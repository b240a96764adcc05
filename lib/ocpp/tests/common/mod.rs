//! Shared by the tests: a seeded generator, the samples, and instances made from the peer's JSON schemas.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod bench;
pub mod model;
pub mod schema;

use serde_json::Value;

/// A payload of our own making; one line of `samples.jsonl`.
pub struct Sample {
    pub action: String,
    pub is_request: bool,
    pub payload: Value,
}

/// One realistic payload per action and direction, written by us.
pub fn samples() -> Vec<Sample> {
    include_str!("../data/samples.jsonl")
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            Sample {
                action: value["action"].as_str().unwrap().to_string(),
                is_request: value["kind"] == "request",
                payload: value["payload"].clone(),
            }
        })
        .collect()
}

/// Small, seeded, good enough to pick mutations (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Equal as messages: timestamps by the instant they name, to the millisecond; numbers by value.
pub fn same_meaning(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same_meaning(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_meaning(a, b))
        }
        (Value::String(a), Value::String(b)) => {
            a == b
                || match (ocpp::v16::parse_timestamp(a), ocpp::v16::parse_timestamp(b)) {
                    (Some((a, _)), Some((b, _))) => a == b,
                    _ => false,
                }
        }
        (Value::Number(a), Value::Number(b)) => {
            a.to_string() == b.to_string()
                || ocpp::wire::parse_tenths(&a.to_string()).ok()
                    == Some(ocpp::wire::parse_tenths(&b.to_string()).unwrap())
        }
        _ => a == b,
    }
}
