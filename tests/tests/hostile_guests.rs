//! Hostile guests: whatever a plugin does, its instance ends, in time, and nobody is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod guests;

use std::time::{Duration, Instant};

use guests::{
    all_grants, ask, at, authorizer, backend_start, hostile_authorizer, hostile_backend, load, now,
    question, setting,
};
use plugin_host::{
    AuthorizerInput, AuthorizerPlugin, AuthorizerStart, BackendCommand, BackendInput,
    BackendPlugin, ChainState, DisplayPlugin, FreeChargingPlugin, Grants, Limits, Opinion,
    PluginError, PluginKind, RefusalReason, decide,
};
use station::{Decision, Outcome, RequestId};

/// Ways of `test_guests::misbehave` and the kind of error each must end in.
const WAYS: [(&str, &str); 6] = [
    ("panic", "trap"),
    ("trap", "trap"),
    ("loop", "deadline"),
    ("recursion", "trap"),
    ("memory", "memory"),
    ("log-flood", "deadline"),
];

fn limits() -> Limits {
    Limits {
        memory_mib: 4,
        call_deadline_ms: 50,
        store_kib: 256,
        ..Limits::DEFAULT
    }
}

/// Runs a call and says how long it took. Generous bound: two busy cores must not make the test fail; the exact figure
/// is measured by `cargo xtask bench`.
#[allow(clippy::disallowed_methods, reason = "the test is about real time")]
fn within_deadline<T>(call: impl FnOnce() -> T) -> T {
    let bound = Duration::from_millis(50 + 1_000);
    let begin = Instant::now();
    let result = call();
    let took = begin.elapsed();
    assert!(took < bound, "stopped only after {took:?}");
    result
}

#[test]
fn authorizer_that_misbehaves_dies_in_time_and_accepts_nobody() {
    for (how, kind) in WAYS {
        let mut plugin = hostile_authorizer(how, limits());
        let error = within_deadline(|| plugin.handle(now(), ask(1, "04A1B2C3"))).unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
        assert!(plugin.is_dead(), "{how}");
        let again = plugin.handle(now(), ask(2, "04A1B2C3")).unwrap_err();
        assert_eq!(again, PluginError::Dead, "{how}");
    }
}

#[test]
fn authorizer_that_misbehaves_at_start_dies_in_time() {
    let loaded = load(PluginKind::Authorizer, "test/hostile-authorizer");
    for (how, kind) in WAYS {
        let mut plugin = AuthorizerPlugin::instantiate(&loaded, limits(), &all_grants()).unwrap();
        let settings = vec![setting("do", &format!("start:{how}"))];
        let start = AuthorizerStart {
            settings,
            ..AuthorizerStart::default()
        };
        let error = within_deadline(|| plugin.start(now(), start)).unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
        assert!(plugin.is_dead(), "{how}");
    }
}

#[test]
fn adapter_that_misbehaves_dies_in_time_and_commands_nothing() {
    for (how, kind) in WAYS {
        let mut plugin = hostile_backend(how, limits(), &all_grants());
        let input = BackendInput::Authorize(question(1, "04A1B2C3"));
        let error = within_deadline(|| plugin.handle(now(), input)).unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
        assert!(plugin.is_dead(), "{how}");
        assert_eq!(
            plugin.handle(now(), BackendInput::Timer),
            Err(PluginError::Dead),
            "{how}"
        );
    }
}

#[test]
fn adapter_that_misbehaves_at_start_dies_in_time() {
    let loaded = load(PluginKind::Backend, "test/hostile-backend");
    for (how, kind) in WAYS {
        let mut plugin = BackendPlugin::instantiate(&loaded, limits(), &all_grants()).unwrap();
        let start = backend_start(vec![setting("do", &format!("start:{how}"))]);
        let error = within_deadline(|| plugin.start(now(), start)).unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
    }
}

#[test]
fn new_instance_of_a_crashed_component_works() {
    let loaded = load(PluginKind::Authorizer, "test/hostile-authorizer");
    for _ in 0..20 {
        let mut plugin = authorizer(
            &loaded,
            limits(),
            &all_grants(),
            vec![setting("do", "trap")],
        );
        assert!(plugin.handle(now(), ask(1, "04A1B2C3")).is_err());
        let mut plugin = authorizer(&loaded, limits(), &all_grants(), Vec::new());
        let verdict = plugin
            .handle(now(), ask(1, "04A1B2C3"))
            .unwrap()
            .verdict
            .unwrap();
        assert_eq!(verdict.decision, Decision::Accepted);
    }
}

#[test]
fn error_texts_say_what_happened() {
    let error = |how| {
        hostile_authorizer(how, limits())
            .handle(now(), ask(1, "X"))
            .unwrap_err()
    };
    assert_eq!(
        error("loop").to_string(),
        "the plugin did not answer within 50 ms"
    );
    assert_eq!(
        error("memory").to_string(),
        "the plugin wanted more than 4 MiB of memory; raise `memory_mib` if that is right"
    );
    assert_eq!(
        error("panic").to_string(),
        "the plugin crashed: wasm trap: wasm `unreachable` instruction executed; its panic text, \
         if any, is in the log"
    );
    assert!(error("recursion").to_string().contains("crashed"));
}

#[test]
fn oversized_answer_ends_the_instance() {
    let roomy = Limits {
        memory_mib: 64,
        call_deadline_ms: 2_000,
        ..limits()
    };
    for how in ["huge", "store-flood"] {
        let mut plugin = hostile_authorizer(how, roomy);
        let error = plugin.handle(now(), ask(1, "04A1B2C3")).unwrap_err();
        assert_eq!(error.kind(), "output", "{how}: {error}");
        assert!(plugin.is_dead());
    }
    for how in ["huge", "huge-frame", "flood"] {
        let mut plugin = hostile_backend(how, roomy, &all_grants());
        let error = plugin.handle(now(), BackendInput::Timer).unwrap_err();
        assert_eq!(error.kind(), "output", "{how}: {error}");
        assert!(plugin.is_dead());
    }
}

#[test]
fn authorizer_with_nonsense_in_its_verdict_accepts_nobody_and_dies() {
    for how in [
        "wrong-id",
        "bad-limit",
        "bad-expiry",
        "keep-and-accept",
        "plug-token",
    ] {
        let mut plugin = hostile_authorizer(how, limits());
        let error = plugin.handle(now(), ask(1, "04A1B2C3")).unwrap_err();
        assert_eq!(error.kind(), "garbage", "{how}: {error}");
        assert!(plugin.is_dead());
    }
    for how in ["unasked", "unasked-keep", "unasked-reply"] {
        let mut plugin = hostile_authorizer(how, limits());
        let error = plugin
            .handle(now(), AuthorizerInput::BackendConnected(true))
            .unwrap_err();
        assert_eq!(error.kind(), "garbage", "{how}");
    }
}

#[test]
fn adapter_with_nonsense_in_what_is_committed_dies_and_nothing_is_committed() {
    for how in ["empty-key", "advance-ahead", "store-hoard", "half-commit"] {
        let mut plugin = hostile_backend(how, limits(), &all_grants());
        let error = plugin.handle(now(), BackendInput::Timer).unwrap_err();
        assert_eq!(error.kind(), "garbage", "{how}: {error}");
        assert!(plugin.is_dead(), "{how}");
    }
}

fn only_refusal(commands: Vec<BackendCommand>) -> plugin_host::Refusal {
    match <[BackendCommand; 1]>::try_from(commands) {
        Ok([BackendCommand::Refused(refusal)]) => refusal,
        other => panic!("one refusal expected: {other:?}"),
    }
}

#[test]
fn out_of_range_number_in_a_command_is_refused_and_answered() {
    for (how, command) in [
        ("bad-evse", "request-start"),
        ("bad-clock", "set-clock"),
        ("bad-url", "connect"),
        ("bad-timeout", "connect"),
    ] {
        let mut plugin = hostile_backend(how, limits(), &all_grants());
        let refusal = only_refusal(plugin.handle(now(), BackendInput::Timer).unwrap());
        assert_eq!(
            (refusal.command, &refusal.reason),
            (command, &RefusalReason::Range),
            "{how}"
        );
        assert!(
            !plugin.is_dead(),
            "{how}: a backend's bad number must not kill its adapter"
        );
        if how == "bad-evse" {
            assert_eq!(refusal.request, Some(RequestId(1)));
            assert_eq!(refusal.outcome(), Outcome::Unknown);
        }
    }
}

#[test]
fn verdict_for_a_request_nobody_made_is_not_a_verdict() {
    let mut plugin = hostile_backend("wrong-id", limits(), &all_grants());
    let input = BackendInput::Authorize(question(5, "04A1B2C3"));
    let refusal = only_refusal(plugin.handle(now(), input).unwrap());
    assert_eq!(refusal.reason, RefusalReason::NotAsked);
}

#[test]
fn second_verdict_for_one_request_is_not_a_verdict() {
    let mut plugin = hostile_backend("accept-all", limits(), &all_grants());
    let commands = plugin
        .handle(now(), BackendInput::Authorize(question(1, "04A1B2C3")))
        .unwrap();
    assert!(
        matches!(
            commands.as_slice(),
            [BackendCommand::Verdict {
                request: RequestId(1),
                ..
            }]
        ),
        "{commands:?}"
    );
    let refusal = only_refusal(plugin.handle(at(2_000), BackendInput::Timer).unwrap());
    assert_eq!(refusal.reason, RefusalReason::NotAsked);
}

#[test]
fn adapter_without_the_authorize_grant_accepts_nobody() {
    let mut plugin = hostile_backend("accept-all", limits(), &Grants::none());
    let input = BackendInput::Authorize(question(1, "04A1B2C3"));
    let refusal = only_refusal(plugin.handle(now(), input).unwrap());
    assert_eq!(
        refusal.to_string(),
        "plugin hostile-backend: `verdict` refused: the grant `authorize` is missing"
    );
}

#[test]
fn dead_authorizer_in_a_chain_is_no_opinion_and_the_next_one_decides() {
    let echo = load(PluginKind::Authorizer, "test/echo-authorizer");
    for (how, _) in WAYS {
        for (uid, expected) in [
            ("04A1B2C3", Decision::Accepted),
            ("DEADBEEF", Decision::NoOpinion),
        ] {
            let mut hostile = hostile_authorizer(how, limits());
            let mut echo = authorizer(&echo, limits(), &all_grants(), Vec::new());
            let opinion = |plugin: &mut AuthorizerPlugin| {
                let answer = plugin.handle(now(), ask(1, uid)).ok();
                answer
                    .and_then(|a| a.verdict)
                    .map_or(Opinion::None, Opinion::Given)
            };
            let opinions = [opinion(&mut hostile), opinion(&mut echo)];
            assert_eq!(opinions[0], Opinion::None);
            let ChainState::Decided(verdict) = decide(&opinions) else {
                panic!("nobody is awaited");
            };
            assert_eq!(verdict.decision, expected, "{how} {uid}");
        }
    }
}

#[test]
fn other_plugins_answer_while_hostile_ones_spin() {
    let slow = Limits {
        call_deadline_ms: 300,
        ..limits()
    };
    let echo = load(PluginKind::Authorizer, "test/echo-authorizer");
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    hostile_authorizer("loop", slow).handle(now(), ask(1, "04A1B2C3"))
                })
            })
            .collect();
        let patient = Limits {
            call_deadline_ms: 5_000,
            ..limits()
        };
        let mut echo = authorizer(&echo, patient, &all_grants(), Vec::new());
        for n in 0..1_000 {
            let verdict = echo
                .handle(now(), ask(n, "04A1B2C3"))
                .unwrap()
                .verdict
                .unwrap();
            assert_eq!(verdict.decision, Decision::Accepted);
        }
        for thread in spinning {
            assert_eq!(thread.join().unwrap().unwrap_err().kind(), "deadline");
        }
    });
}

fn hostile_free(
    how: &str,
    limits: Limits,
) -> (
    FreeChargingPlugin,
    Result<plugin_host::Behaviour, PluginError>,
) {
    let loaded = load(PluginKind::FreeCharging, "test/hostile-free");
    let mut plugin = FreeChargingPlugin::instantiate(&loaded, limits, &all_grants()).unwrap();
    let behaviour = within_deadline(|| plugin.start(now(), vec![setting("do", how)]));
    (plugin, behaviour)
}

#[test]
fn free_charging_mode_that_misbehaves_dies_in_time_and_accepts_nobody() {
    for (how, kind) in WAYS {
        let (mut plugin, behaviour) = hostile_free(how, limits());
        behaviour.unwrap();
        let asked = question(1, "04A1B2C3");
        let error = within_deadline(|| plugin.authorize(now(), asked)).unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
        let again = plugin.authorize(now(), question(2, "04A1B2C3"));
        assert_eq!(again, Err(PluginError::Dead), "{how}");
        let (plugin, behaviour) = hostile_free(&format!("start:{how}"), limits());
        assert_eq!(behaviour.unwrap_err().kind(), kind, "{how}");
        assert!(plugin.is_dead(), "{how}");
    }
}

#[test]
fn free_charging_mode_with_nonsense_in_its_answers_accepts_nobody_and_dies() {
    for how in ["long-token", "empty-token"] {
        let (plugin, behaviour) = hostile_free(how, limits());
        assert_eq!(behaviour.unwrap_err().kind(), "garbage", "{how}");
        assert!(plugin.is_dead(), "{how}");
    }
    let roomy = Limits {
        memory_mib: 64,
        call_deadline_ms: 1_000,
        ..limits()
    };
    for (how, kind) in [("wrong-id", "garbage"), ("huge", "output")] {
        let (mut plugin, behaviour) = hostile_free(how, roomy);
        behaviour.unwrap();
        let error = plugin
            .authorize(now(), question(1, "04A1B2C3"))
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{how}: {error}");
        assert!(plugin.is_dead(), "{how}");
    }
}

#[test]
fn free_charging_mode_without_the_grant_starts_nobody_and_accepts_nobody() {
    let loaded = load(PluginKind::FreeCharging, "free-modes");
    let mut plugin =
        FreeChargingPlugin::instantiate(&loaded, Limits::DEFAULT, &Grants::none()).unwrap();
    let settings = vec![setting("mode", "no-ocpp")];
    let behaviour = plugin.start(now(), settings).unwrap();
    assert_eq!(behaviour.start_on_plug, None);
    let verdict = plugin.authorize(now(), question(1, "FREE")).unwrap();
    assert_eq!(verdict.decision, Decision::NoOpinion);
}

#[test]
fn language_that_misbehaves_dies_in_time_and_its_text_is_never_shown() {
    let loaded = load(PluginKind::Display, "test/hostile-language");
    let roomy = Limits {
        memory_mib: 64,
        call_deadline_ms: 1_000,
        ..limits()
    };
    let nonsense = [
        ("huge", "output", roomy),
        ("control", "garbage", limits()),
        ("no-language", "garbage", limits()),
    ];
    let ways = WAYS.map(|(how, kind)| (how, kind, limits()));
    for (how, kind, limits) in ways.into_iter().chain(nonsense) {
        let mut plugin = DisplayPlugin::instantiate(&loaded, limits).unwrap();
        let error = within_deadline(|| plugin.render(now(), "indication.charging", &[("do", how)]));
        assert_eq!(error.unwrap_err().kind(), kind, "{how}");
        assert!(plugin.is_dead(), "{how}");
    }
    let mut plugin = DisplayPlugin::instantiate(&loaded, limits()).unwrap();
    let well = plugin.render(now(), "x", &[]).unwrap().unwrap();
    assert_eq!(well.text, "well");
}
