//! Instances and deliberate mistakes derived from JSON schemas of OCPP 1.6 that a peer ships.
//!
//! The schemas are not ours, so they are read where the peer is installed.

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Where the schemas are: `PILOTWIRE_OCPP_SCHEMAS`, or the virtual environment that the test command installs.
///
/// `None`, with a printed reason, where neither exists.
pub fn schemas_dir(test: &str) -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("PILOTWIRE_OCPP_SCHEMAS") {
        let dir = PathBuf::from(dir);
        assert!(
            dir.is_dir(),
            "PILOTWIRE_OCPP_SCHEMAS names no directory: {}",
            dir.display()
        );
        return Some(dir);
    }
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/conformance-venv/lib");
    let found = std::fs::read_dir(&lib).ok().and_then(|entries| {
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("site-packages/ocpp/v16/schemas"))
            .find(|path| path.is_dir())
    });
    if found.is_none() {
        println!(
            "skipped: {test}: no OCPP schemas; run `cargo xtask test`, which installs the Python package `ocpp`, \
             or point PILOTWIRE_OCPP_SCHEMAS at its v16/schemas"
        );
    }
    found
}

/// One message's schema.
pub struct Schema {
    pub action: String,
    pub is_request: bool,
    pub root: Value,
}

pub fn load(dir: &Path) -> Vec<Schema> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let root = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            match stem.strip_suffix("Response") {
                Some(action) => Schema {
                    action: action.into(),
                    is_request: false,
                    root,
                },
                None => Schema {
                    action: stem.into(),
                    is_request: true,
                    root,
                },
            }
        })
        .collect()
}

/// Step towards a field: a name, or the first entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Name(String),
    First,
}

/// A field somewhere in a message.
pub struct Site {
    pub path: Vec<Step>,
    pub required: bool,
    pub schema: Value,
}

impl Site {
    /// As the library writes paths.
    pub fn dotted(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Name(name) if text.is_empty() => text.push_str(name),
                Step::Name(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::First => text.push_str("[0]"),
            }
        }
        text
    }

    pub fn last_name(&self) -> &str {
        self.path
            .iter()
            .rev()
            .find_map(|step| {
                if let Step::Name(name) = step {
                    Some(name.as_str())
                } else {
                    None
                }
            })
            .unwrap()
    }
}

impl Schema {
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self
                .root
                .pointer(reference.trim_start_matches('#'))
                .unwrap(),
            None => schema,
        }
    }

    /// Every field, list entries included, depth first.
    pub fn sites(&self) -> Vec<Site> {
        let mut sites = Vec::new();
        self.collect(&self.root, &mut Vec::new(), &mut sites);
        sites
    }

    fn collect(&self, schema: &Value, path: &mut Vec<Step>, sites: &mut Vec<Site>) {
        let schema = self.resolve(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let required = |name: &String| {
                schema["required"]
                    .as_array()
                    .is_some_and(|list| list.iter().any(|v| v == name))
            };
            for (name, property) in properties {
                path.push(Step::Name(name.clone()));
                let resolved = self.resolve(property).clone();
                sites.push(Site {
                    path: path.clone(),
                    required: required(name),
                    schema: resolved,
                });
                self.collect(property, path, sites);
                path.pop();
            }
        }
        if let Some(items) = schema.get("items") {
            path.push(Step::First);
            let schema = self.resolve(items).clone();
            sites.push(Site {
                path: path.clone(),
                required: true,
                schema,
            });
            self.collect(items, path, sites);
            path.pop();
        }
    }

    /// Every field present, lists with one entry.
    pub fn full(&self) -> Value {
        self.instance(&self.root, true)
    }

    /// Only what is required.
    pub fn bare(&self) -> Value {
        self.instance(&self.root, false)
    }

    fn instance(&self, schema: &Value, full: bool) -> Value {
        let schema = self.resolve(schema);
        match schema["type"].as_str().unwrap() {
            "object" => {
                let mut object = Map::new();
                for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
                    let required = schema["required"]
                        .as_array()
                        .is_some_and(|list| list.iter().any(|v| v == name));
                    if full || required {
                        object.insert(name.clone(), self.instance(property, full));
                    }
                }
                Value::Object(object)
            }
            "array" => json!([self.instance(&schema["items"], full)]),
            "integer" => json!(7),
            "number" => json!(16),
            "boolean" => json!(true),
            "string" => text_for(schema),
            other => panic!("type {other} is new in the schemas"),
        }
    }

    /// Schema-valid instances: required only, full, and for each field every boundary the schema names.
    pub fn valid_instances(&self) -> Vec<Value> {
        let full = self.full();
        let mut instances = vec![self.bare(), full.clone()];
        for site in self.sites() {
            let mut put = |value: Value| {
                let mut instance = full.clone();
                if let Some(slot) = slot(&mut instance, &site.path) {
                    *slot = value;
                }
                instances.push(instance);
            };
            for value in boundaries(&site.schema) {
                put(value);
            }
            if site.schema["type"] == "array" {
                let item = self.instance(&site.schema["items"], true);
                put(json!([item, item, item]));
                if site.schema.get("minItems").is_none() {
                    put(json!([]));
                }
            }
            if !site.required {
                instances.push(without(&full, &site.path));
            }
        }
        instances
    }
}

fn text_for(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    match schema["format"].as_str() {
        Some("date-time") => json!("2024-02-29T23:59:59.250Z"),
        Some("uri") => json!("ftp://example.invalid/dir/file"),
        _ => json!("x"),
    }
}

/// Values at the edges of what the schema allows.
fn boundaries(schema: &Value) -> Vec<Value> {
    match schema["type"].as_str().unwrap() {
        "integer" => [0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX]
            .iter()
            .map(|n| json!(n))
            .collect(),
        "number" => [
            "0",
            "0.1",
            "-0.1",
            "6.5",
            "32",
            "16.1",
            "63.9",
            "22080.4",
            "1e3",
            "99999999.9",
        ]
        .iter()
        .map(|n| serde_json::from_str(n).unwrap())
        .collect(),
        "boolean" => vec![json!(true), json!(false)],
        "string" => strings(schema),
        _ => Vec::new(),
    }
}

fn strings(schema: &Value) -> Vec<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return words.clone();
    }
    if schema["format"] == "date-time" {
        return vec![
            json!("1970-01-01T00:00:00Z"),
            json!("2024-01-31T12:00:00.5+02:00"),
            json!("2023-12-31T23:30:00-01:30"),
            json!("2099-12-31T23:59:59.999Z"),
        ];
    }
    if schema.get("format").is_some() {
        return Vec::new();
    }
    let limit = schema["maxLength"].as_u64().unwrap_or(600) as usize;
    vec![
        json!("a".repeat(limit)),
        json!("ß".repeat(limit)),
        json!("充".repeat(limit)),
        json!("🔌".repeat(limit)),
        json!(
            "quote\" back\\ \u{7f}"
                .chars()
                .take(limit)
                .collect::<String>()
        ),
        json!(""),
    ]
}

/// The place of a field.
pub fn slot<'a>(instance: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(instance, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::First => value.get_mut(0),
    })
}

/// The instance with a field replaced.
pub fn with(instance: &Value, path: &[Step], value: Value) -> Value {
    let mut instance = instance.clone();
    *slot(&mut instance, path).unwrap() = value;
    instance
}

/// The instance with a field taken out.
pub fn without(instance: &Value, path: &[Step]) -> Value {
    let mut instance = instance.clone();
    let (last, parent) = path.split_last().unwrap();
    let Step::Name(name) = last else {
        panic!("only named fields can be taken out")
    };
    slot(&mut instance, parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name);
    instance
}
