//! Replays a recording of a station against the plugin's own type, natively.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::__wasm::{
    Convert, authorizer as a, backend as b, free_charging as f, host, language as l,
};
use crate::authorizer::Authorizer;
use crate::backend::BackendAdapter;
use crate::free_charging::FreeCharging;
use crate::language::Language;
use a::bindings::exports::pilotwire::authorizer::judge;
use b::bindings::exports::pilotwire::backend::adapter;
use f::bindings::exports::pilotwire::free_charging::mode;
use host::pilotwire::host::types::Moment;
use l::bindings::exports::pilotwire::display::language;

/// Stands for passwords, which are not in recordings.
const HIDDEN: &str = "***";

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// Calls that were made.
    pub calls: usize,
    /// Answers that differ.
    pub differences: Vec<Difference>,
}

/// One answer that is not the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Line of the recording, from 1.
    pub line: usize,
    /// The recorded answer.
    pub recorded: Value,
    /// The answer now.
    pub now: Value,
}

/// Replays a recording of a backend adapter.
///
/// # Panics
/// The text is no recording of one.
#[must_use]
pub fn replay_backend<T: BackendAdapter>(recording: &str) -> Replayed {
    let mut plugin: Option<T> = None;
    replay(
        recording,
        "pilotwire:backend@0.2.0",
        |call, now: Moment, input| match call {
            "start" => {
                let context: adapter::StartContext = parsed(input);
                let (made, commands) = T::start(now.convert(), context.convert());
                plugin = Some(made);
                commands
                    .into_iter()
                    .map(Convert::convert)
                    .collect::<Vec<adapter::Command>>()
            }
            _ => {
                let input: adapter::Input = parsed(input);
                let plugin = plugin.as_mut().unwrap();
                plugin.handle(now.convert(), input.convert()).convert()
            }
        },
    )
}

/// Replays a recording of an authorizer.
///
/// # Panics
/// The text is no recording of one.
#[must_use]
pub fn replay_authorizer<T: Authorizer>(recording: &str) -> Replayed {
    let mut plugin: Option<T> = None;
    replay(
        recording,
        "pilotwire:authorizer@0.2.0",
        |call, now: Moment, input| -> judge::Answer {
            match call {
                "start" => {
                    let context: judge::StartContext = parsed(input);
                    let (made, answer) = T::start(now.convert(), context.convert());
                    plugin = Some(made);
                    answer.convert()
                }
                _ => {
                    let input: judge::Input = parsed(input);
                    let plugin = plugin.as_mut().unwrap();
                    plugin.handle(now.convert(), input.convert()).convert()
                }
            }
        },
    )
}

/// Replays a recording of a free-charging mode.
///
/// # Panics
/// The text is no recording of one.
#[must_use]
pub fn replay_free_charging<T: FreeCharging>(recording: &str) -> Replayed {
    let mut plugin: Option<T> = None;
    replay(
        recording,
        "pilotwire:free-charging@0.1.0",
        |call, now: Moment, input| -> Value {
            match call {
                "start" => {
                    let settings: Vec<mode::Setting> = parsed(input);
                    let (made, behaviour) = T::start(now.convert(), settings.convert());
                    plugin = Some(made);
                    let behaviour: mode::Behaviour = behaviour.convert();
                    encoded(&behaviour)
                }
                _ => {
                    let request: mode::AuthorizeRequest = parsed(input);
                    let plugin = plugin.as_mut().unwrap();
                    let verdict: mode::Verdict =
                        plugin.authorize(now.convert(), request.convert()).convert();
                    encoded(&verdict)
                }
            }
        },
    )
}

/// Replays a recording of a language.
///
/// # Panics
/// The text is no recording of one.
#[must_use]
pub fn replay_language<T: Language>(recording: &str) -> Replayed {
    replay(
        recording,
        "pilotwire:display@0.1.0",
        |_, now: Moment, input| {
            let message: language::Message = parsed(input);
            let rendered: Option<language::Rendered> =
                T::render(now.convert(), &message.convert()).convert();
            rendered
        },
    )
}

fn replay<A: Serialize>(
    recording: &str,
    contract: &str,
    mut tell: impl FnMut(&str, Moment, Value) -> A,
) -> Replayed {
    let mut replayed = Replayed::default();
    for (number, text) in recording.lines().enumerate() {
        let line = number + 1;
        let mut told: Value = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("line {line} is no JSON object: {error}"));
        if let Some(recorded) = told.get("contract").and_then(Value::as_str) {
            assert_eq!(
                recorded, contract,
                "line {line} is of another kind of plugin"
            );
        }
        let mut part = |key: &str| told.get_mut(key).map(Value::take).unwrap_or_default();
        let (call, now, input) = (part("call"), part("now"), part("input"));
        let recorded = part("answer");
        let call = call
            .as_str()
            .unwrap_or_else(|| panic!("line {line} has no call"));
        let mut now = encoded(&tell(call, parsed(now), input));
        hide_passwords(&mut now);
        replayed.calls += 1;
        if now != recorded {
            replayed.differences.push(Difference {
                line,
                recorded,
                now,
            });
        }
    }
    replayed
}

fn parsed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("not a recording: {error}"))
}

fn encoded(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// As the station does when it records.
fn hide_passwords(answer: &mut Value) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(hide_passwords),
        Value::Object(fields) => {
            if let Some(Value::Array(pair)) = fields.get_mut("basic_auth")
                && let Some(password) = pair.get_mut(1)
            {
                *password = HIDDEN.into();
            }
            fields.values_mut().for_each(hide_passwords);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
