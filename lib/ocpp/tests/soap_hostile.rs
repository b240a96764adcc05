//! Hostile envelopes: the fuzz target's entry point, run here with a seeded generator because CI has no fuzzer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

#[path = "common/mod.rs"]
mod common;
#[path = "../../../fuzz/soap_entry.rs"]
mod soap_entry;
mod soap_support;

use common::Random;
use soap_support::{Message, codecs, samples};
use std::path::{Path, PathBuf};

const SEED: u64 = 0x50a9_2026;
const ROUNDS_PER_SEED_INPUT: usize = 25;

/// Pieces that a random byte seldom makes.
const TOKENS: &[&str] = &[
    "<",
    "</",
    "/>",
    ">",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml?>",
    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
    "&a;",
    "&lt;",
    "&#x0;",
    "&#1114112;",
    " xmlns=\"\"",
    " xmlns:o=\"urn:x\"",
    " xsi:nil=\"true\"",
    " s:mustUnderstand=\"1\"",
    "<o:info/>",
    "<s:Body/>",
    "<s:Header>",
    "2024-02-30T00:00:00Z",
    "99999999999999999999",
    "-0.05",
    "\u{feff}",
    "🔌",
    "\u{0}",
    "\"",
    "'",
];

fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/soap")
}

/// The seed inputs: every sample in every envelope that can hold it.
fn seeds() -> Vec<(String, String)> {
    let mut seeds = Vec::new();
    for codec in codecs() {
        let service = codec.namespace().replace("urn://Ocpp/", "");
        let service = service.replace(['/'], "");
        for message in samples() {
            if let Some(text) = message.write(codec) {
                let name = match &message {
                    Message::Request(m) => format!("{service}-{}-request", m.action()),
                    Message::Response(m) => format!("{service}-{}-response", m.action()),
                };
                seeds.push((name, text));
            }
        }
    }
    seeds
}

fn mutate(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.next().to_ne_bytes()[0],
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
                let token = TOKENS[random.below(TOKENS.len())];
                let end = (at + token.len()).min(bytes.len());
                bytes.splice(at..end, token.bytes());
            }
        }
    }
    bytes
}

#[test]
fn no_bytes_upset_the_envelope_reader() {
    println!("seed {SEED:#x}");
    let mut random = Random(SEED);
    for (_, text) in seeds() {
        soap_entry::soap(text.as_bytes());
        for _ in 0..ROUNDS_PER_SEED_INPUT {
            soap_entry::soap(&mutate(text.as_bytes(), &mut random));
        }
    }
}

#[test]
fn the_seed_corpus_is_what_the_codec_writes() {
    let bless = std::env::var_os("BLESS").is_some();
    for (name, text) in seeds() {
        let path = corpus_dir().join(&name);
        if bless {
            std::fs::create_dir_all(corpus_dir()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, text, "{name}; BLESS=1 writes the corpus anew");
    }
}

#[test]
fn signs_for_which_the_parser_would_make_room_are_counted_first() {
    use ocpp::soap::{Codec, Service, Trouble, Version};
    let codec = Codec::new(Version::Ocpp16, Service::ChargePoint);
    let read = |inside: &str| {
        let text = format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>{inside}</s:Body></s:Envelope>"
        );
        codec.read_request(text.as_bytes()).unwrap_err()
    };
    for inside in [
        format!("<!--{}-->", "<".repeat(900_000)),
        format!("<![CDATA[{}]]>", "<".repeat(900_000)),
        "<".repeat(900_000),
        "=".repeat(900_000),
        format!("<a b=\"{}\"/>", "=".repeat(900_000)),
    ] {
        let error = read(&inside);
        assert_eq!(error.trouble, Trouble::TooLarge, "{error}");
    }
}
