//! Round trip over instances of the schemas an independent peer validates with, and the right error for each mistake.
//!
//! Skipped, with a printed reason, where the peer's package is not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::same_meaning;
use common::schema::{Schema, Site, load, schemas_dir, slot, with, without};
use ocpp::rpc::{CallError, ErrorCode};
use ocpp::v16::{
    Action, decode_request, decode_request_noted, decode_response, decode_response_noted,
};
use ocpp::wire::Notes;
use serde_json::{Value, json};

fn recode(schema: &Schema, payload: &Value) -> Result<(Value, Notes), CallError> {
    if schema.is_request {
        decode_request_noted(&schema.action, payload).map(|(m, notes)| (m.to_payload(), notes))
    } else {
        decode_response_noted(&schema.action, payload).map(|(m, notes)| (m.to_payload(), notes))
    }
}

fn refusal(schema: &Schema, payload: &Value) -> Option<CallError> {
    if schema.is_request {
        decode_request(&schema.action, payload).err()
    } else {
        decode_response(&schema.action, payload).err()
    }
}

#[test]
fn every_action_of_the_schemas_is_known_and_no_other() {
    let Some(dir) = schemas_dir("every_action_of_the_schemas_is_known_and_no_other") else {
        return;
    };
    let schemas = load(&dir);
    let of_schemas: Vec<&str> = schemas
        .iter()
        .filter(|s| s.is_request)
        .map(|s| s.action.as_str())
        .collect();
    let mut ours: Vec<&str> = Action::ALL.iter().map(|a| a.as_str()).collect();
    ours.sort_unstable();
    assert_eq!(ours, of_schemas);
    assert_eq!(schemas.len(), 78);
}

#[test]
fn schema_valid_messages_survive_decoding_and_encoding() {
    let Some(dir) = schemas_dir("schema_valid_messages_survive_decoding_and_encoding") else {
        return;
    };
    let mut count = 0;
    for schema in load(&dir) {
        let validator = jsonschema::validator_for(&schema.root).unwrap();
        for instance in schema.valid_instances() {
            let name = format!("{} (request: {})", schema.action, schema.is_request);
            assert!(
                validator.is_valid(&instance),
                "generator made nonsense for {name}: {instance}"
            );
            let (again, notes) = recode(&schema, &instance)
                .unwrap_or_else(|error| panic!("{name} refused: {error}\n{instance}"));
            assert!(
                same_meaning(&instance, &again),
                "{name} changed:\n{instance}\n{again}"
            );
            assert!(
                validator.is_valid(&again),
                "{name}: we write what the schema refuses: {again}"
            );
            // `1e3` is a number like any other; nothing else may be called a deviation.
            assert!(notes.is_empty(), "{name} noted {notes} in {instance}");
            count += 1;
        }
    }
    println!("{count} schema-valid instances survived");
    assert!(count > 768, "the generator lost cases: {count}");
}

/// The two triggers take unlisted words, because the answer `NotImplemented` exists for them.
fn is_open(site: &Site) -> bool {
    site.last_name() == "requestedMessage"
}

/// Values of a type the field does not have and that no leniency covers.
fn wrong_values(site: &Site, action: &str) -> Vec<Value> {
    let any_text = action == "DataTransfer" && site.last_name() == "data";
    match site.schema["type"].as_str().unwrap() {
        "string" if any_text => Vec::new(),
        "string" if site.last_name() == "value" && site.schema.get("maxLength").is_none() => {
            vec![json!({}), json!([]), json!(true)]
        }
        "string" if site.schema["format"] == "date-time" => {
            vec![
                json!(5),
                json!("yesterday"),
                json!("2024-02-30T00:00:00Z"),
                json!(""),
            ]
        }
        "string" => vec![json!(5), json!(true), json!({}), json!([])],
        "integer" | "number" => vec![json!("x"), json!(true), json!({}), json!([]), json!("")],
        "boolean" => vec![json!("true"), json!(1), json!({})],
        "array" => vec![json!({}), json!("x"), json!(1)],
        "object" => vec![json!([]), json!("x"), json!(1)],
        other => panic!("type {other}"),
    }
}

#[test]
fn each_mistake_gets_its_error_code_and_the_name_of_the_field() {
    let Some(dir) = schemas_dir("each_mistake_gets_its_error_code_and_the_name_of_the_field")
    else {
        return;
    };
    let mut count = 0;
    for schema in load(&dir) {
        let full = schema.full();
        for site in schema.sites() {
            for (code, payload) in mistakes(&schema, &full, &site) {
                let path = site.dotted();
                let error = refusal(&schema, &payload)
                    .unwrap_or_else(|| panic!("{} took a bad {path}: {payload}", schema.action));
                assert_eq!(
                    error.code, code,
                    "{} {path}: {error}\n{payload}",
                    schema.action
                );
                assert!(
                    error.description.starts_with(&path),
                    "{} {path}: {error}",
                    schema.action
                );
                count += 1;
            }
        }
    }
    println!("{count} mistakes were named");
    assert!(count > 1_000, "the generator lost cases: {count}");
}

fn mistakes(schema: &Schema, full: &Value, site: &Site) -> Vec<(ErrorCode, Value)> {
    let mut list = Vec::new();
    if site.required && site.path.last() != Some(&common::schema::Step::First) {
        list.push((
            ErrorCode::OccurenceConstraintViolation,
            without(full, &site.path),
        ));
        list.push((
            ErrorCode::TypeConstraintViolation,
            with(full, &site.path, Value::Null),
        ));
    }
    for value in wrong_values(site, &schema.action) {
        list.push((
            ErrorCode::TypeConstraintViolation,
            with(full, &site.path, value),
        ));
    }
    let property = ErrorCode::PropertyConstraintViolation;
    if let Some(limit) = site.schema["maxLength"].as_u64() {
        let limit = limit as usize;
        for letter in ["a", "ß", "🔌"] {
            list.push((
                property,
                with(full, &site.path, json!(letter.repeat(limit + 1))),
            ));
        }
    }
    if let Some(words) = site.schema["enum"].as_array().filter(|_| !is_open(site)) {
        let other_case = words[0].as_str().unwrap().to_ascii_uppercase() + "_";
        list.push((property, with(full, &site.path, json!(other_case))));
        list.push((property, with(full, &site.path, json!(""))));
    }
    if site.schema["type"] == "number" {
        for text in ["0.05", "16.12", "1e20", "-1e-2"] {
            let number: Value = serde_json::from_str(text).unwrap();
            list.push((property, with(full, &site.path, number)));
        }
    }
    if site.schema["type"] == "integer" {
        let huge: Value = serde_json::from_str("92233720368547758070").unwrap();
        list.push((property, with(full, &site.path, huge)));
    }
    if site.schema["minItems"] == 1 {
        let none = with(full, &site.path, json!([]));
        list.push((ErrorCode::OccurenceConstraintViolation, none));
    }
    list
}

#[test]
fn unknown_fields_are_ignored_and_counted_in_every_message() {
    let Some(dir) = schemas_dir("unknown_fields_are_ignored_and_counted_in_every_message") else {
        return;
    };
    for schema in load(&dir) {
        let full = schema.full();
        let mut payload = full.clone();
        payload["vendorExtra"] = json!({ "deep": [1, 2, 3] });
        let mut expected = 1;
        for site in schema.sites() {
            if site.schema["type"] == "object" {
                slot(&mut payload, &site.path).unwrap()["vendorExtra"] = json!("x");
                expected += 1;
            }
        }
        let (again, notes) = recode(&schema, &payload).unwrap();
        assert_eq!(notes.unknown_fields, expected, "{}", schema.action);
        assert!(notes.texts[0].contains("vendorExtra"));
        assert!(same_meaning(&full, &again), "{}", schema.action);
    }
}
