//! Random messages of every action in both directions, made from the schemas an independent peer validates with.
//!
//! Each must decode without a note, encode to something that the schema takes and that means the same, and pass the
//! frame parser. Skipped, with a printed reason, where the peer's package is not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::same_meaning;
use common::schema::{Schema, load, schemas_dir};
use ocpp::rpc::{Frame, MessageId};
use ocpp::v16::{
    Action, decode_request_noted, decode_response_noted, format_timestamp, parse_timestamp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use units::Timestamp;

/// Random messages per schema; 78 schemas.
const CASES_PER_SCHEMA: u32 = 128;

/// 1970 to 2100, where offsets cannot lead out of four-digit years.
const TIMES: std::ops::Range<i64> = 0..4_102_444_800_000;

fn value_of(root: &Schema, schema: &Value) -> BoxedStrategy<Value> {
    let schema = root.resolve(schema);
    match schema["type"].as_str().unwrap() {
        "object" => object_of(root, schema),
        "array" => {
            let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
            vec(value_of(root, &schema["items"]), least..4)
                .prop_map(Value::from)
                .boxed()
        }
        "integer" => prop_oneof![any::<i64>(), -10_i64..100]
            .prop_map(Value::from)
            .boxed(),
        "number" => (-9_999_999_i64..9_999_999)
            .prop_map(|tenths| serde_json::from_str(&tenths_text(tenths)).unwrap())
            .boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "string" => text_of(schema),
        other => panic!("type {other} is new in the schemas"),
    }
}

fn tenths_text(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let magnitude = tenths.abs();
    format!("{sign}{}.{}", magnitude / 10, magnitude % 10)
}

fn object_of(root: &Schema, schema: &Value) -> BoxedStrategy<Value> {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let mut fields: BoxedStrategy<Vec<(String, Option<Value>)>> = Just(Vec::new()).boxed();
    for (name, property) in properties {
        let required = schema["required"]
            .as_array()
            .is_some_and(|list| list.iter().any(|v| v == name));
        let value = value_of(root, property);
        let value = if required {
            value.prop_map(Some).boxed()
        } else {
            proptest::option::of(value).boxed()
        };
        let name = name.clone();
        fields = (fields, value)
            .prop_map(move |(mut fields, value)| {
                fields.push((name.clone(), value));
                fields
            })
            .boxed();
    }
    fields
        .prop_map(|fields| {
            let present = fields.into_iter().filter_map(|(n, v)| v.map(|v| (n, v)));
            Value::Object(present.collect())
        })
        .boxed()
}

fn text_of(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return proptest::sample::select(words.clone()).boxed();
    }
    match schema["format"].as_str() {
        Some("date-time") => (TIMES, -12_i64 * 60..=14 * 60)
            .prop_map(|(ms, offset)| json!(with_offset(ms, offset)))
            .boxed(),
        Some("uri") => "(ftps?|https?)://[a-z]{1,20}\\.invalid/[a-zA-Z0-9/_.-]{0,60}"
            .prop_map(Value::from)
            .boxed(),
        _ => {
            let limit = schema["maxLength"].as_u64().unwrap_or(80) as usize;
            let most = limit.min(80);
            prop_oneof![
                8 => vec(any::<char>(), 0..=most).prop_map(text),
                1 => any::<char>().prop_map(move |c| json!(c.to_string().repeat(limit))),
            ]
            .boxed()
        }
    }
}

fn text(characters: Vec<char>) -> Value {
    Value::from(characters.into_iter().collect::<String>())
}

/// The instant, told by a clock that is ahead of UTC by some minutes.
fn with_offset(ms: i64, offset: i64) -> String {
    if offset == 0 {
        return format_timestamp(Timestamp::from_unix_millis(ms));
    }
    let local = format_timestamp(Timestamp::from_unix_millis(ms + offset * 60_000));
    let sign = if offset < 0 { '-' } else { '+' };
    let magnitude = offset.abs();
    let (hours, minutes) = (magnitude / 60, magnitude % 60);
    format!(
        "{}{sign}{hours:02}:{minutes:02}",
        local.trim_end_matches('Z')
    )
}

fn check(
    schema: &Schema,
    validator: &jsonschema::Validator,
    instance: &Value,
) -> Result<(), TestCaseError> {
    prop_assert!(validator.is_valid(instance), "generator: {}", instance);
    let (again, notes) = if schema.is_request {
        decode_request_noted(&schema.action, instance).map(|(m, n)| (m.to_payload(), n))
    } else {
        decode_response_noted(&schema.action, instance).map(|(m, n)| (m.to_payload(), n))
    }
    .map_err(|error| TestCaseError::fail(format!("refused: {error}")))?;
    prop_assert!(notes.is_empty(), "noted {}", notes);
    prop_assert!(same_meaning(instance, &again), "became {}", again);
    prop_assert!(
        validator.is_valid(&again),
        "the schema refuses what we write: {}",
        again
    );
    let id = MessageId::from_counter(1);
    let frame = if schema.is_request {
        Frame::call(id, schema.action.as_str(), again)
    } else {
        Frame::result(id, again)
    };
    prop_assert_eq!(Frame::parse(&frame.to_text()), Ok(frame));
    Ok(())
}

#[test]
fn random_messages_of_every_schema_decode_and_what_we_write_is_valid_again() {
    let name = "random_messages_of_every_schema_decode_and_what_we_write_is_valid_again";
    let Some(dir) = schemas_dir(name) else {
        return;
    };
    let schemas = load(&dir);
    let count = Cell::new(0_u32);
    for schema in &schemas {
        let validator = jsonschema::validator_for(&schema.root).unwrap();
        let mut runner = TestRunner::new(Config {
            cases: CASES_PER_SCHEMA,
            failure_persistence: None,
            ..Config::default()
        });
        let strategy = value_of(schema, &schema.root);
        runner
            .run(&strategy, |instance| {
                count.set(count.get() + 1);
                check(schema, &validator, &instance)
            })
            .unwrap_or_else(|error| {
                panic!(
                    "{} (request: {}): {error}",
                    schema.action, schema.is_request
                )
            });
    }
    println!("{} random messages survived", count.get());
    assert_eq!(schemas.len(), Action::ALL.len() * 2);
    assert!(count.get() >= CASES_PER_SCHEMA * 78);
}

#[test]
fn the_fields_of_every_message_are_those_of_its_schema() {
    let Some(dir) = schemas_dir("the_fields_of_every_message_are_those_of_its_schema") else {
        return;
    };
    for schema in load(&dir) {
        let action = Action::from_word(&schema.action).unwrap();
        let fields = if schema.is_request {
            action.request_fields()
        } else {
            action.response_fields()
        };
        let mut ours: Vec<(&str, bool)> = fields.iter().map(|f| (f.name, f.required)).collect();
        ours.sort_unstable();
        let empty = Map::new();
        let properties = schema.root["properties"].as_object().unwrap_or(&empty);
        let mut theirs: Vec<(&str, bool)> = properties
            .keys()
            .map(|name| {
                let required = schema.root["required"]
                    .as_array()
                    .is_some_and(|list| list.iter().any(|v| v == name));
                (name.as_str(), required)
            })
            .collect();
        theirs.sort_unstable();
        assert_eq!(
            ours, theirs,
            "{} (request: {})",
            schema.action, schema.is_request
        );
    }
}

#[test]
fn the_generators_times_mean_what_they_should() {
    for (ms, offset) in [(0, 0), (1_000, -90), (1_772_352_000_123, 840)] {
        let (time, _) = parse_timestamp(&with_offset(ms, offset)).unwrap();
        assert_eq!(time.as_unix_millis(), ms);
    }
}
