//! The hostile suite: every kind of plugin and every attack, with an interlock that ticks beside them. It prints a table and compares
//! docs/hostile.md with it; `BLESS=1` writes that page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "helpers of tests are tests too"
)]

mod authorizer;
mod backend;
mod grants;
#[path = "../guests/mod.rs"]
mod guests;
mod interlock_beside;
mod small;
mod table;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guests::{ENGINE, all_grants, component};
use plugin_host::{
    AuthorizerPlugin, BackendPlugin, DisplayPlugin, FreeChargingPlugin, Limits, PluginError,
    PluginKind,
};
use table::Row;

/// What every guest is given.
const LIMITS: Limits = Limits {
    memory_mib: 4,
    call_deadline_ms: 50,
    store_kib: 256,
    ..Limits::DEFAULT
};
/// For guests that must live long enough to answer too much.
const ROOMY: Limits = Limits {
    memory_mib: 64,
    call_deadline_ms: 2_000,
    store_kib: 256,
    ..Limits::DEFAULT
};
/// Two busy cores must not make the suite fail; the exact figure is measured by `cargo xtask bench`.
const SLACK: Duration = Duration::from_secs(1);

/// An attack that ends the instance.
#[derive(Clone, Copy)]
struct Deadly {
    attack: &'static str,
    how: &'static str,
    /// Kind of the error.
    error: &'static str,
    bound: &'static str,
    limits: Limits,
}

const fn deadly(
    attack: &'static str,
    how: &'static str,
    error: &'static str,
    bound: &'static str,
) -> Deadly {
    Deadly {
        attack,
        how,
        error,
        bound,
        limits: LIMITS,
    }
}

const fn roomy(deadly: Deadly) -> Deadly {
    Deadly {
        limits: ROOMY,
        ..deadly
    }
}

/// What every kind can do.
const COMMON: [Deadly; 12] = [
    deadly("panics", "panic", "trap", "the call"),
    deadly("executes `unreachable`", "trap", "trap", "the call"),
    deadly("loops for ever", "loop", "deadline", "50 ms"),
    deadly("answers, but much too late", "slow", "deadline", "50 ms"),
    deadly(
        "calls itself for ever",
        "recursion",
        "trap",
        "512 KiB of stack",
    ),
    deadly("takes all memory", "memory", "memory", "4 MiB"),
    deadly(
        "logs without end",
        "log-flood",
        "deadline",
        "50 ms, 40 lines",
    ),
    deadly(
        "logs bytes that are not UTF-8",
        "log-bytes",
        "garbage",
        "the call",
    ),
    deadly("text that is not UTF-8", "bad-bytes", "garbage", "the call"),
    deadly(
        "text outside its memory",
        "bad-pointer",
        "garbage",
        "the call",
    ),
    deadly(
        "text longer than its memory",
        "bad-length",
        "garbage",
        "the call",
    ),
    roomy(deadly("10 MB of text", "huge", "output", "512 KiB")),
];

/// Some of it done at the start.
const AT_START: [Deadly; 6] = [
    deadly("panics at its start", "start:panic", "trap", "the call"),
    deadly(
        "executes `unreachable` at its start",
        "start:trap",
        "trap",
        "the call",
    ),
    deadly(
        "loops for ever at its start",
        "start:loop",
        "deadline",
        "50 ms",
    ),
    deadly(
        "calls itself for ever at its start",
        "start:recursion",
        "trap",
        "512 KiB of stack",
    ),
    deadly(
        "takes all memory at its start",
        "start:memory",
        "memory",
        "4 MiB",
    ),
    deadly(
        "logs without end at its start",
        "start:log-flood",
        "deadline",
        "50 ms, 40 lines",
    ),
];

fn seen(error: &PluginError) -> String {
    match error.kind() {
        "trap" => "a crash",
        "deadline" => "no answer in time",
        "memory" => "more memory wanted than there is",
        "output" => "too large an answer",
        "garbage" => "an answer that breaks the contract",
        other => other,
    }
    .to_owned()
}

const DROPPED: &str = "drops the instance and the whole answer";

/// Times a call.
#[allow(clippy::disallowed_methods, reason = "the suite is about real time")]
fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = call();
    (result, begin.elapsed())
}

/// The row of an attack that must end the instance, in time and in the right way.
fn died<T: std::fmt::Debug>(
    kind: PluginKind,
    deadly: &Deadly,
    call: impl FnOnce() -> Result<T, PluginError>,
) -> Row {
    let (result, took) = timed(call);
    let what = format!("{kind}: {}", deadly.attack);
    let error = result.expect_err(&what);
    assert_eq!(error.kind(), deadly.error, "{what}: {error}");
    let deadline = Duration::from_millis(deadly.limits.call_deadline_ms.into());
    assert!(took < deadline + SLACK, "{what}: ended after {took:?}");
    Row {
        kind: kind.name(),
        attack: deadly.attack,
        seen: seen(&error),
        did: DROPPED.to_owned(),
        bound: deadly.bound.to_owned(),
        took,
    }
}

/// The row of an attack that the instance survives; `call` checks and says what was seen and done.
fn survived(
    kind: PluginKind,
    attack: &'static str,
    bound: &str,
    call: impl FnOnce() -> (String, &'static str),
) -> Row {
    let ((seen, did), took) = timed(call);
    Row {
        kind: kind.name(),
        attack,
        seen,
        did: did.to_owned(),
        bound: bound.to_owned(),
        took,
    }
}

/// A component whose manifest's summary begins with other bytes.
fn garbled(path: &str, with: &[u8]) -> Vec<u8> {
    const SUMMARY: &[u8] = b"A guest of the host's tests; never shipped";
    let mut bytes = component(path);
    let places = bytes.windows(SUMMARY.len());
    let place = places
        .enumerate()
        .find(|(_, window)| *window == SUMMARY)
        .map(|(place, _)| place)
        .expect("the summary is a constant of the component");
    bytes[place..place + with.len()].copy_from_slice(with);
    bytes
}

fn describe(kind: PluginKind, name: &str, bytes: &[u8]) -> Result<String, PluginError> {
    let loaded = ENGINE.load(kind, name, bytes, None).unwrap();
    let grants = all_grants();
    Ok(match kind {
        PluginKind::Backend => format!(
            "{:?}",
            BackendPlugin::instantiate(&loaded, LIMITS, &grants)?
        ),
        PluginKind::Authorizer => {
            format!(
                "{:?}",
                AuthorizerPlugin::instantiate(&loaded, LIMITS, &grants)?
            )
        }
        PluginKind::FreeCharging => {
            format!(
                "{:?}",
                FreeChargingPlugin::instantiate(&loaded, LIMITS, &grants)?
            )
        }
        PluginKind::Display => format!("{:?}", DisplayPlugin::instantiate(&loaded, LIMITS)?),
    })
}

/// Attacks with the component itself and its manifest, the same for every kind.
fn manifests(kind: PluginKind, path: &str, rows: &mut Vec<Row>) {
    let name = path.rsplit('/').next().unwrap();
    assert!(describe(kind, name, &component(path)).is_ok());
    let not_started = |attack, bytes: &[u8], name: &str| {
        let attack = deadly(attack, "", "garbage", "before its first call");
        let mut row = died(kind, &attack, || describe(kind, name, bytes));
        row.did = "does not start it".to_owned();
        row
    };
    rows.push(not_started(
        "manifest with control characters",
        &garbled(path, b"\n\x1b"),
        name,
    ));
    rows.push(not_started(
        "manifest that is not UTF-8",
        &garbled(path, b"\xff\xfe"),
        name,
    ));
    rows.push(not_started(
        "another name than in the pack",
        &component(path),
        "somebody-else",
    ));
    rows.push(survived(
        kind,
        "component cut off, or with a flipped magic",
        "before it is compiled",
        || {
            let whole = component(path);
            for cut in [0, 7, whole.len() / 2, whole.len() - 1] {
                assert!(
                    ENGINE.load(kind, name, &whole[..cut], None).is_err(),
                    "{cut}"
                );
            }
            let mut flipped = whole;
            flipped[0] ^= 1;
            assert!(ENGINE.load(kind, name, &flipped, None).is_err());
            ("no component".to_owned(), "does not load it")
        },
    ));
}

fn all_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    backend::rows(&mut rows);
    authorizer::rows(&mut rows);
    small::free_charging(&mut rows);
    small::display(&mut rows);
    rows
}

fn compare_or_bless(page: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/hostile.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/hostile.md says something else than this run; if this run is right:\n\
         BLESS=1 cargo nextest run -p pilotwire-tests --test hostile_suite"
    );
}

#[test]
fn hostile_plugin_of_any_kind_gets_nothing_beyond_its_grant_and_the_interlock_keeps_its_bound() {
    let stop = AtomicBool::new(false);
    let (rows, beside) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| interlock_beside::run(&stop));
        let rows = std::panic::catch_unwind(all_rows);
        stop.store(true, Ordering::Relaxed);
        (rows, beside.join().unwrap())
    });
    let rows = rows.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    table::print(&rows, &beside.check());
    compare_or_bless(&table::page(&rows));
}
