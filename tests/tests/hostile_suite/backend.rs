//! Attacks of backend adapters.

use std::sync::LazyLock;

use plugin_host::limits::{MAX_OUTBOX_FRAMES, OVER_QUOTA_PATIENCE_MS};
use plugin_host::{
    BackendCommand, BackendInput, BackendPlugin, Grant, Grants, Limits, Loaded, PluginError,
    PluginKind, Refusal, RefusalReason, StoreEntry,
};
use station::{Decision, Outcome};
use units::Instant;

use crate::guests::{all_grants, at, backend_start, load, now, question, setting};
use crate::table::Row;
use crate::{AT_START, COMMON, Deadly, LIMITS, deadly, died, manifests, roomy, survived};

const KIND: PluginKind = PluginKind::Backend;
const PATH: &str = "test/hostile-backend";

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(KIND, PATH));

const OWN: [Deadly; 9] = [
    deadly(
        "takes journal entries that it was not given",
        "advance-ahead",
        "garbage",
        "the call",
    ),
    deadly(
        "store key that is empty",
        "empty-key",
        "garbage",
        "the call",
    ),
    deadly("store key with a NUL", "nul-key", "garbage", "the call"),
    deadly("300 KiB for its store", "store-hoard", "garbage", "256 KiB"),
    roomy(deadly(
        "10,000 store writes",
        "store-flood",
        "output",
        "256 commands",
    )),
    roomy(deadly("10,000 commands", "flood", "output", "256 commands")),
    roomy(deadly(
        "10 MB in one durable frame",
        "huge-frame",
        "output",
        "512 KiB",
    )),
    deadly(
        "a good and a bad half to commit",
        "half-commit",
        "garbage",
        "the call",
    ),
    deadly(
        "durable frames without end",
        "outbox-flood",
        "garbage",
        "1,000 frames, 4 MiB",
    ),
];

fn start(how: &str, limits: Limits, grants: &Grants) -> BackendPlugin {
    let mut plugin = BackendPlugin::instantiate(&LOADED, limits, grants).unwrap();
    plugin
        .start(now(), backend_start(vec![setting("do", how)]))
        .unwrap();
    plugin
}

fn try_start(how: &str, store: Vec<StoreEntry>) -> Result<Vec<BackendCommand>, PluginError> {
    let mut plugin = BackendPlugin::instantiate(&LOADED, LIMITS, &all_grants())?;
    let mut context = backend_start(vec![setting("do", how)]);
    context.store = store;
    plugin.start(now(), context)
}

fn ask(plugin: &mut BackendPlugin, request: u64) -> Result<Vec<BackendCommand>, PluginError> {
    plugin.handle(
        now(),
        BackendInput::Authorize(question(request, "04A1B2C3")),
    )
}

/// A new instance of the same component works.
fn works() {
    let mut plugin = start("accept-all", LIMITS, &all_grants());
    assert_eq!(verdict(&mut plugin, 1), Decision::Accepted);
}

fn verdict(plugin: &mut BackendPlugin, asked: u64) -> Decision {
    match ask(plugin, asked).unwrap().as_slice() {
        [BackendCommand::Verdict { request, verdict }] if request.0 == asked => verdict.decision,
        other => panic!("{other:?}"),
    }
}

fn refusals(commands: &[BackendCommand]) -> Vec<&Refusal> {
    let mut refusals = Vec::new();
    for command in commands {
        if let BackendCommand::Refused(refusal) = command {
            refusals.push(refusal);
        }
    }
    refusals
}

/// All commands of one input, every one of them refused.
fn all_refused(how: &str, grants: &Grants) -> Vec<Refusal> {
    let mut plugin = start(how, LIMITS, grants);
    let commands = ask(&mut plugin, 1).unwrap();
    let refused: Vec<_> = refusals(&commands).into_iter().cloned().collect();
    assert_eq!(refused.len(), commands.len(), "{how}: {commands:?}");
    assert!(!plugin.is_dead(), "{how}");
    refused
}

pub fn rows(rows: &mut Vec<Row>) {
    manifests(KIND, PATH, rows);
    for attack in COMMON.iter().chain(&OWN) {
        let mut plugin = start(attack.how, attack.limits, &all_grants());
        rows.push(died(KIND, attack, || {
            let mut answer = ask(&mut plugin, 1);
            // A flood of frames takes some calls to be one.
            for _ in 0..MAX_OUTBOX_FRAMES / 200 {
                if answer.is_ok() {
                    answer = plugin.handle(now(), BackendInput::Timer);
                }
            }
            answer
        }));
        assert!(plugin.is_dead(), "{}", attack.how);
        works();
    }
    for attack in &AT_START {
        rows.push(died(KIND, attack, || try_start(attack.how, Vec::new())));
        works();
    }
    let kept = vec![StoreEntry {
        key: "half".to_owned(),
        value: vec![0],
    }];
    let attack = deadly(
        "crashes when it is given its store again",
        "",
        "trap",
        "the call",
    );
    rows.push(died(KIND, &attack, || try_start("restore-trap", kept)));
    assert!(try_start("restore-trap", Vec::new()).is_ok());
    refused(rows);
    lies(rows);
    more_lies(rows);
    floods(rows);
    more_floods(rows);
}

fn refused(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "every command, with no grant",
        "–",
        || {
            let refused = all_refused("everything", &Grants::none());
            assert!(refused.iter().all(|refusal| refusal.grant().is_some()));
            (
                format!("{} commands", refused.len()),
                "refuses each by name; requests are answered",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "hosts that read like the granted one",
        "–",
        || {
            let refused = all_refused("denied-hosts", &all_grants());
            assert!(refused.iter().all(|refusal| refusal.command == "connect"));
            (
                format!("{} URLs", refused.len()),
                "refuses each; nothing is resolved or dialled",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "files, servers, ports and headers that read like granted ones",
        "–",
        || {
            let refused = all_refused("denied-services", &all_grants());
            (
                format!("{} commands", refused.len()),
                "refuses each; nothing is read, resolved, dialled or opened",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "setting like a path, or with a NUL",
        "–",
        || {
            let mut grants = Grants::none();
            grants.allow_for(Grant::SettingsWrite, ["phases"]);
            for how in ["path-setting", "nul-setting"] {
                assert_eq!(all_refused(how, &grants).len(), 1, "{how}");
            }
            assert_eq!(all_refused("nul-setting", &all_grants()).len(), 1);
            ("2 settings".to_owned(), "refuses both")
        },
    ));
    rows.push(survived(KIND, "store key like a path", "–", || {
        let mut plugin = start("path-key", LIMITS, &all_grants());
        let commands = ask(&mut plugin, 1).unwrap();
        let [BackendCommand::Store(write)] = commands.as_slice() else {
            panic!("{commands:?}");
        };
        assert_eq!(write.key, "../../../etc/passwd");
        (
            "the key".to_owned(),
            "keeps it under that name in its table; no path",
        )
    }));
    for (attack, how) in [
        ("EVSE 4,294,967,295", "bad-evse"),
        ("clock 292 million years ago", "bad-clock"),
        ("time-out of 136 years", "bad-timeout"),
        ("limit of 4,294,967 A", "bad-limit"),
        ("URL of a file", "bad-url"),
    ] {
        rows.push(survived(KIND, attack, "–", || {
            let refused = all_refused(how, &all_grants());
            assert_eq!(refused[0].reason, RefusalReason::Range);
            (
                "a value out of range".to_owned(),
                "refuses it; a request is answered `unknown`",
            )
        }));
    }
}

fn lies(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "accepts a request that nobody made",
        "–",
        || {
            let refused = all_refused("wrong-id", &all_grants());
            assert_eq!(refused[0].reason, RefusalReason::NotAsked);
            ("a verdict".to_owned(), "ignores it")
        },
    ));
    rows.push(survived(
        KIND,
        "accepts the same request twice",
        "32 open requests",
        || {
            let mut plugin = start("accept-all", LIMITS, &all_grants());
            assert_eq!(verdict(&mut plugin, 1), Decision::Accepted);
            let again = plugin.handle(now(), BackendInput::Timer).unwrap();
            assert_eq!(refusals(&again)[0].reason, RefusalReason::NotAsked);
            ("two verdicts".to_owned(), "ignores the second")
        },
    ));
    rows.push(survived(
        KIND,
        "accepts without the grant `authorize`",
        "–",
        || {
            let refused = all_refused("accept-all", &Grants::none());
            assert_eq!(refused[0].grant(), Some(Grant::Authorize));
            ("a verdict".to_owned(), "refuses it")
        },
    ));
}

fn more_lies(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "EVSEs, connectors, transactions of nobody",
        "–",
        || {
            let mut plugin = start("lies", LIMITS, &all_grants());
            let commands = ask(&mut plugin, 1).unwrap();
            assert_eq!(refusals(&commands).len(), 4, "{commands:?}");
            assert_eq!(commands.len(), 15);
            (
                "15 lies".to_owned(),
                "refuses 4 that no station has; this station answers the others",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "other answers to the same question",
        "–",
        || {
            let mut plugin = start("moody", LIMITS, &all_grants());
            let answers: Vec<_> = (1..=4).map(|n| verdict(&mut plugin, n)).collect();
            let [yes, no] = [Decision::Accepted, Decision::Blocked];
            assert_eq!(answers, [no, yes, no, yes]);
            (
                "no, yes, no, yes".to_owned(),
                "takes each for the request it answers",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "log line that looks like others'",
        "1 line, 1 KiB",
        || {
            let mut plugin = start("log-forge", LIMITS, &all_grants());
            assert_eq!(ask(&mut plugin, 1), Ok(Vec::new()));
            (
                "line breaks and escapes".to_owned(),
                "writes one line, with the plugin's name",
            )
        },
    ));
}

fn timer(plugin: &mut BackendPlugin, ms: u64) -> Vec<BackendCommand> {
    plugin.handle(at(ms), BackendInput::Timer).unwrap()
}

fn floods(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "1,000 frames in a second",
        "200, then 50 a second",
        || {
            let mut plugin = start("send-flood", LIMITS, &all_grants());
            let mut sent = 0;
            for ms in (2_000..3_000).step_by(100) {
                let commands = timer(&mut plugin, ms);
                let is_send =
                    |command: &&BackendCommand| matches!(command, BackendCommand::Send(_));
                sent += commands.iter().filter(is_send).count();
                assert!(refusals(&commands).len() <= 1, "one line for all of them");
            }
            assert_eq!(sent, 245);
            (
                format!("{sent} frames"),
                "sends them, drops the others, counts and logs it once a call",
            )
        },
    ));
    let attack = deadly(
        "100 frames every 100 ms for a minute",
        "",
        "output",
        "60 s beyond the quota",
    );
    rows.push(died(KIND, &attack, || {
        let mut plugin = start("send-flood", LIMITS, &all_grants());
        let mut answer = Ok(Vec::new());
        for ms in (2_000..2_000 + OVER_QUOTA_PATIENCE_MS + 5_000).step_by(100) {
            answer = plugin.handle(at(ms), BackendInput::Timer);
            if answer.is_err() {
                assert!(ms > OVER_QUOTA_PATIENCE_MS);
                break;
            }
        }
        answer
    }));
}

fn more_floods(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "120 durable frames at once, quota 20",
        "20, then 50 a second",
        durable,
    ));
    rows.push(survived(
        KIND,
        "1,000 requests to the station in a second",
        "200, then 50 a second",
        || {
            let mut plugin = start("request-flood", LIMITS, &all_grants());
            let (mut passed, mut refused) = (0, 0);
            for ms in (2_000..3_000).step_by(100) {
                let commands = timer(&mut plugin, ms);
                for refusal in refusals(&commands) {
                    assert_eq!(refusal.reason, RefusalReason::Quota);
                    assert_eq!(refusal.outcome(), Outcome::Rejected);
                    assert!(refusal.request.is_some());
                    refused += 1;
                }
                passed += commands.len() - refusals(&commands).len();
            }
            assert_eq!((passed, refused), (245, 755));
            (
                format!("{passed} requests"),
                "passes them on, answers the others `rejected`",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "wants to be woken at once, always",
        "200, then 50 a second",
        || {
            let mut plugin = start("wake-flood", LIMITS, &all_grants());
            let (mut calls, mut next) = (0, Instant::from_millis(2_000));
            while next < Instant::from_millis(12_000) {
                calls += 1;
                let commands = timer(&mut plugin, next.as_millis());
                let [BackendCommand::WakeAt(Some(at))] = commands.as_slice() else {
                    panic!("{commands:?}");
                };
                next = *at;
            }
            assert!((690..=701).contains(&calls), "{calls}");
            (
                "700 calls in 10 s".to_owned(),
                "wakes it no sooner than the quota allows",
            )
        },
    ));
}

/// What is durable goes later, in its order, and none is lost.
fn durable() -> (String, &'static str) {
    let limits = Limits {
        message_burst: 20,
        ..LIMITS
    };
    let mut plugin = start("durable-flood", limits, &all_grants());
    let commands = timer(&mut plugin, 2_000);
    let mut sent: Vec<String> = commands
        .iter()
        .filter_map(|command| match command {
            BackendCommand::Send(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 20);
    assert!(refusals(&commands).is_empty(), "nothing durable is refused");
    let mut now = Instant::from_millis(2_000);
    while let Some(due) = plugin.poll_timeout(now) {
        assert!(due > now);
        now = due;
        while let Some(text) = plugin.held_frame(now) {
            sent.push(text);
        }
    }
    let expected: Vec<String> = (0..120).map(|n| format!("frame 1-{n}")).collect();
    assert_eq!(sent, expected);
    assert_eq!(now, Instant::from_millis(4_000));
    (
        "120 frames".to_owned(),
        "sends all, in order, the last one 2 s later",
    )
}
