//! Replays: a component is told what a recording says, and its answers are held against the recorded ones.
//!
//! Works for a component in any language. Nothing outside happens: what it answers is compared and forgotten.

use std::io::BufRead;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::authorizer_plugin as authorizer;
use crate::backend_plugin::{self as backend, NO_TIME};
use crate::contract;
use crate::contract::host::pilotwire::host::types;
use crate::engine::{Loaded, Pre};
use crate::error::PluginError;
use crate::guest::{Guest, GuestState};
use crate::limits::{Limits, MAX_DIFFERENCES, MAX_RECORDED_LINE_BYTES};
use crate::recording::hide_passwords;
use crate::small_plugins as small;

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// Calls that were made.
    pub calls: u64,
    /// How many answers differ.
    pub different: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// One answer that is not the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Line of the recording.
    pub line: u64,
    /// The call, for example `handle Frame`.
    pub call: String,
    /// The recorded answer, or the recorded failure.
    pub recorded: Value,
    /// The answer now.
    pub now: Value,
}

/// A recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("the recording cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// A line is no call.
    #[error("line {line} of the recording: {detail}")]
    Garbage {
        /// Which.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// It was made of a plugin of another kind or contract.
    #[error(
        "line {line}: the recording is of {recorded}, the component fulfils {component}; replay it with a component of that contract"
    )]
    OtherContract {
        /// Which line.
        line: u64,
        /// The recording's contract.
        recorded: String,
        /// The component's.
        component: &'static str,
    },
    /// The component does not even start.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Tells a component everything that a recording says, one call after the other.
///
/// # Errors
/// The recording is no recording of this kind of component.
pub fn replay(
    loaded: &Loaded,
    limits: Limits,
    recording: impl BufRead,
) -> Result<Replayed, ReplayError> {
    match loaded.pre() {
        Pre::Backend(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(recording, backend::CONTRACT, make, tell_backend)
        }
        Pre::FirstBackend(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(recording, backend::FIRST_CONTRACT, make, tell_first_backend)
        }
        Pre::Authorizer(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(recording, authorizer::CONTRACT, make, tell_authorizer)
        }
        Pre::FirstAuthorizer(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(
                recording,
                authorizer::FIRST_CONTRACT,
                make,
                tell_first_authorizer,
            )
        }
        Pre::FreeCharging(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(
                recording,
                small::FREE_CHARGING_CONTRACT,
                make,
                tell_free_charging,
            )
        }
        Pre::Display(pre) => {
            let make = || Guest::instantiate(loaded, limits, |store| pre.instantiate(store));
            tell(recording, small::DISPLAY_CONTRACT, make, tell_display)
        }
    }
}

/// Answer of a guest, or its failure; as JSON.
type Answer = Result<Value, PluginError>;

/// One line, taken apart.
struct Call {
    name: String,
    now: types::Moment,
    input: Value,
}

fn tell<B>(
    recording: impl BufRead,
    contract: &'static str,
    make: impl Fn() -> Result<Guest<B>, PluginError>,
    tell: impl Fn(&mut Guest<B>, Call) -> Result<Answer, String>,
) -> Result<Replayed, ReplayError> {
    let mut guest = make()?;
    let mut result = Replayed::default();
    let mut lines = recording;
    let mut line = 0;
    while let Some(mut told) = next(&mut lines, &mut line)? {
        let garbage = |detail: String| ReplayError::Garbage { line, detail };
        if let Some(recorded) = told.get("contract").and_then(Value::as_str)
            && recorded != contract
        {
            return Err(ReplayError::OtherContract {
                line,
                recorded: recorded.to_owned(),
                component: contract,
            });
        }
        let call = call_of(&mut told).map_err(garbage)?;
        let name = format!("{} {}", call.name, case(&call.input));
        // Every start is a new instance; one that failed needs a new one too.
        if call.name == "start" || guest.is_dead() {
            guest = make()?;
        }
        let answer = tell(&mut guest, call).map_err(garbage)?;
        result.calls = result.calls.saturating_add(1);
        compare(&mut result, line, name, &told, answer);
    }
    Ok(result)
}

/// The next line; `None` at the end.
fn next(lines: &mut impl BufRead, number: &mut u64) -> Result<Option<Value>, ReplayError> {
    let mut text = Vec::new();
    let most = u64::try_from(MAX_RECORDED_LINE_BYTES).unwrap_or(u64::MAX);
    std::io::Read::take(&mut *lines, most).read_until(b'\n', &mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    *number = number.saturating_add(1);
    let line = *number;
    let value = serde_json::from_slice(&text).map_err(|error| ReplayError::Garbage {
        line,
        detail: format!("it is no JSON object, or longer than {most} bytes: {error}"),
    })?;
    Ok(Some(value))
}

fn call_of(told: &mut Value) -> Result<Call, String> {
    let name = told.get("call").and_then(Value::as_str);
    let name = name.ok_or("it has no `call`")?.to_owned();
    let now = told.get("now").cloned().ok_or("it has no `now`")?;
    Ok(Call {
        name,
        now: parsed(now)?,
        input: told.get_mut("input").map(Value::take).unwrap_or_default(),
    })
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn encoded<T: Serialize>(answer: Result<T, PluginError>) -> Result<Answer, String> {
    match answer {
        Ok(answer) => serde_json::to_value(answer)
            .map(Ok)
            .map_err(|error| error.to_string()),
        Err(error) => Ok(Err(error)),
    }
}

/// Name of the case, for people.
fn case(input: &Value) -> &str {
    match input {
        Value::Object(fields) if fields.len() == 1 => {
            fields.keys().next().map_or("", String::as_str)
        }
        Value::String(case) => case,
        _ => "",
    }
}

fn compare(result: &mut Replayed, line: u64, call: String, told: &Value, answer: Answer) {
    let (recorded, now) = match answer {
        Ok(mut answer) => {
            hide_passwords(&mut answer);
            (told.get("answer"), answer)
        }
        Err(error) => (told.get("failed"), Value::from(error.to_string())),
    };
    if recorded == Some(&now) {
        return;
    }
    result.different = result.different.saturating_add(1);
    if result.differences.len() < MAX_DIFFERENCES {
        let recorded = told.get("answer").or_else(|| told.get("failed"));
        result.differences.push(Difference {
            line,
            call,
            recorded: recorded.cloned().unwrap_or_default(),
            now,
        });
    }
}

fn unknown(call: &str) -> String {
    format!("this kind of plugin has no call `{call}`")
}

/// Calls of one contract: name of the call, type of its input, the binding's function.
macro_rules! calls {
    ($fn:ident, $bindings:ty, $interface:ident, { $($name:literal => $input:ty, $call:ident);+ $(;)? }) => {
        fn $fn(guest: &mut Guest<$bindings>, call: Call) -> Result<Answer, String> {
            let now = call.now;
            match call.name.as_str() {
                $($name => {
                    let input: $input = parsed(call.input)?;
                    encoded(guest.call(NO_TIME, |b: &$bindings, store: &mut wasmtime::Store<GuestState>| {
                        b.$interface().$call(store, now, &input)
                    }))
                })+
                other => Err(unknown(other)),
            }
        }
    };
}

use contract::authorizer::exports::pilotwire::authorizer::judge;
use contract::authorizer_0_1::exports::pilotwire::authorizer::judge as first;
use contract::backend::exports::pilotwire::backend::adapter;
use contract::backend_0_1::exports::pilotwire::backend::adapter as first_adapter;
use contract::display::exports::pilotwire::display::language;

calls!(tell_backend, contract::backend::Backend, pilotwire_backend_adapter, {
    "start" => adapter::StartContext, call_start;
    "handle" => adapter::Input, call_handle;
});
calls!(tell_first_backend, contract::backend_0_1::Backend, pilotwire_backend_adapter, {
    "start" => first_adapter::StartContext, call_start;
    "handle" => first_adapter::Input, call_handle;
});
calls!(tell_authorizer, contract::authorizer::Authorizer, pilotwire_authorizer_judge, {
    "start" => judge::StartContext, call_start;
    "handle" => judge::Input, call_handle;
});
calls!(tell_first_authorizer, contract::authorizer_0_1::Authorizer, pilotwire_authorizer_judge, {
    "start" => first::StartContext, call_start;
    "handle" => first::Input, call_handle;
});
calls!(tell_free_charging, contract::free_charging::FreeCharging, pilotwire_free_charging_mode, {
    "start" => Vec<types::Setting>, call_start;
    "authorize" => types::AuthorizeRequest, call_authorize;
});
calls!(tell_display, contract::display::Display, pilotwire_display_language, {
    "render" => language::Message, call_render;
});
