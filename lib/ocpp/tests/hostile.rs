//! Hostile bytes: the fuzz targets' entry points, run here with a seeded generator because CI has no fuzzer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;
#[path = "../../../fuzz/entry.rs"]
mod entry;
#[path = "../../../fuzz/smart_charging.rs"]
mod smart_charging;

use common::{Random, samples};
use std::path::Path;

const SEED: u64 = 0x16_2026;
const ROUNDS_PER_SEED_INPUT: usize = 2_000;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Pieces that a random byte seldom makes.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0.05",
    "1e400",
    "-0",
    "9223372036854775808",
    "\"\"",
    "[]",
    "{}",
    "[[[[",
    "}}",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\"2024-02-30T00:00:00Z\"",
    "\"9999-12-31T23:59:60.9999999+23:59\"",
    "\"0000-01-01T00:00:00\"",
    "🔌",
    "\u{202e}",
    " ",
];

fn mutate(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.next() as u8,
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
            3 => bytes.truncate(at),
            4 => {
                let end = at + random.below(bytes.len() - at + 1);
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                // Swap a JSON value's beginning for another token.
                let token = TOKENS[random.below(TOKENS.len())];
                let end = (at + token.len()).min(bytes.len());
                bytes.splice(at..end, token.bytes());
            }
        }
    }
    bytes
}

fn run(name: &str, inputs: Vec<Vec<u8>>, entry: fn(&[u8])) {
    println!("{name}: seed {SEED:#x}");
    let mut random = Random(SEED);
    for input in inputs {
        entry(&input);
        for _ in 0..ROUNDS_PER_SEED_INPUT {
            entry(&mutate(&input, &mut random));
        }
    }
}

#[test]
fn no_bytes_upset_the_frame_parser() {
    run("frame", corpus("frame"), entry::frame);
}

#[test]
fn no_bytes_upset_a_decoder() {
    let mut inputs = corpus("decoders");
    inputs.extend(samples().iter().map(|sample| {
        let kind = if sample.is_request {
            "request"
        } else {
            "response"
        };
        format!("{} {kind} {}", sample.action, sample.payload).into_bytes()
    }));
    run("decoders", inputs, entry::decoders);
}

#[test]
fn no_bytes_upset_the_central_system() {
    run("csms", corpus("csms"), entry::csms);
}

#[test]
fn no_profile_and_no_stored_entry_upsets_smart_charging() {
    let entry = smart_charging::smart_charging;
    run("smart_charging", corpus("smart_charging"), entry);
}

#[test]
fn every_seed_input_of_the_decoders_is_a_real_message() {
    for input in corpus("decoders") {
        let text = String::from_utf8(input).unwrap();
        let mut parts = text.splitn(3, ' ');
        let (action, kind) = (parts.next().unwrap(), parts.next().unwrap());
        let payload = serde_json::from_str(parts.next().unwrap()).unwrap();
        match kind {
            "request" => drop(ocpp::v16::decode_request(action, &payload).unwrap()),
            "response" => drop(ocpp::v16::decode_response(action, &payload).unwrap()),
            other => panic!("kind {other}"),
        }
    }
}
