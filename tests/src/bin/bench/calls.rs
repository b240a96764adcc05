//! One authorize request and its decision: as a component, as JSON to a child process. And a guest that never ends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use plugin_host::{
    AuthorizeRequest, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, Engine, EngineConfig,
    Grant, Grants, Limits, Loaded, PluginError, PluginKind, Setting,
};
use serde_json::{Value, json};
use station::{AuthorizePurpose, Decision, EvseId, IdToken, Moment, RequestId, TokenKind};

use crate::{CHILD, percentile, report};

const WARM_CALLS: usize = 20_000;
const CALLS: usize = 200_000;
const CHILD_CALLS: usize = 5_000;
const RUNAWAYS: usize = 20;
const DEADLINE_MS: u32 = 50;
const CARD: &str = "04A1B2C3";

type Failure = Box<dyn std::error::Error>;

/// A moment without a wall clock.
pub const fn moment() -> Moment {
    Moment {
        at: units::Instant::ZERO,
        wall: None,
    }
}

/// Reads and loads a test guest.
pub fn load(engine: &Engine, components: &Path, name: &str) -> Result<Loaded, Failure> {
    let file = components.join(format!("test/{name}.wasm"));
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(engine.load(PluginKind::Authorizer, name, &bytes, None)?)
}

/// An instance that has started with this value of its setting `do`.
pub fn start(loaded: &Loaded, limits: Limits, how: &str) -> Result<AuthorizerPlugin, Failure> {
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    let mut plugin = AuthorizerPlugin::instantiate(loaded, limits, &grants)?;
    let settings = vec![Setting {
        key: "do".to_owned(),
        value: how.to_owned(),
    }];
    plugin.start(
        moment(),
        AuthorizerStart {
            settings,
            ..AuthorizerStart::default()
        },
    )?;
    Ok(plugin)
}

/// The request that everybody is asked.
pub fn question(number: u64) -> AuthorizerInput {
    AuthorizerInput::question(AuthorizeRequest {
        request: RequestId(number),
        evse: Some(EvseId(1)),
        token: IdToken {
            value: CARD.to_owned(),
            kind: TokenKind::Rfid,
        },
        purpose: AuthorizePurpose::Start,
        group: None,
    })
}

/// The component, warm.
pub fn guest(components: &Path) -> Result<(), Failure> {
    let engine = Engine::new(EngineConfig::STATION)?;
    let mut plugin = start(
        &load(&engine, components, "echo-authorizer")?,
        Limits::DEFAULT,
        "",
    )?;
    let mut samples = Vec::with_capacity(CALLS);
    for number in 0..WARM_CALLS + CALLS {
        let question = question(u64::try_from(number)?);
        let start = Instant::now();
        let answer = plugin.handle(moment(), question)?;
        let took = start.elapsed();
        let accepted = answer
            .verdict
            .is_some_and(|v| v.decision == Decision::Accepted);
        if !accepted {
            return Err("the measured guest refused the card".into());
        }
        if number >= WARM_CALLS {
            samples.push(took.as_secs_f64() * 1e6);
        }
    }
    report(
        "guest_call_us",
        percentile(&mut samples, 0.5),
        "µs",
        samples.len(),
    );
    Ok(())
}

/// The same question as JSON through pipes to this program as a child.
pub fn child_process() -> Result<(), Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut to, from) = (child.stdin.take(), child.stdout.take());
    let (Some(to), Some(from)) = (to.as_mut(), from) else {
        return Err("no pipes".into());
    };
    let mut from = BufReader::new(from);
    let mut samples = Vec::with_capacity(CHILD_CALLS);
    let mut line = String::new();
    for number in 0..CHILD_CALLS {
        let start = Instant::now();
        let question = question_as_json(number).to_string() + "\n";
        to.write_all(question.as_bytes())?;
        to.flush()?;
        line.clear();
        from.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        if answer.get("decision") != Some(&json!("accepted")) {
            return Err(format!("the child answered {line}").into());
        }
    }
    child.kill()?;
    child.wait()?;
    report(
        "child_round_trip_us",
        percentile(&mut samples, 0.5),
        "µs",
        samples.len(),
    );
    Ok(())
}

/// The question as text, for the child process and for MQTT.
pub fn question_as_json(number: usize) -> Value {
    json!({"request": number, "evse": 1, "token": {"value": CARD, "kind": "rfid"}, "purpose": "start"})
}

/// The decision as text.
pub fn decide(question: &str) -> String {
    let known = serde_json::from_str::<Value>(question).is_ok_and(|question| {
        question.pointer("/token/value").and_then(Value::as_str) == Some(CARD)
    });
    let decision = if known { "accepted" } else { "no-opinion" };
    json!({"decision": decision}).to_string()
}

/// The child: one line in, one line out, until its input ends.
pub fn child() -> ExitCode {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if writeln!(out, "{}", decide(&line))
            .and_then(|()| out.flush())
            .is_err()
        {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// How much longer than its deadline a guest runs that never ends.
pub fn runaway(components: &Path) -> Result<(), Failure> {
    let engine = Engine::new(EngineConfig::STATION)?;
    let loaded = load(&engine, components, "hostile-authorizer")?;
    let limits = Limits {
        call_deadline_ms: DEADLINE_MS,
        ..Limits::DEFAULT
    };
    let mut over = Vec::with_capacity(RUNAWAYS);
    for number in 0..RUNAWAYS {
        let mut plugin = start(&loaded, limits, "loop")?;
        let start = Instant::now();
        let answer = plugin.handle(moment(), question(u64::try_from(number)?));
        let took = start.elapsed().as_secs_f64() * 1e3;
        if !matches!(answer, Err(PluginError::Deadline { .. })) {
            return Err("the endless guest was not ended by its deadline".into());
        }
        over.push(took - f64::from(DEADLINE_MS));
    }
    report(
        "runaway_over_deadline_ms",
        percentile(&mut over, 1.0),
        "ms",
        over.len(),
    );
    Ok(())
}
