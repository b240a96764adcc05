//! Attacks of authorizers.

use std::sync::LazyLock;

use plugin_host::{
    AuthorizerAnswer, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, Grants, Limits, Loaded,
    PluginError, PluginKind, StoreEntry,
};
use station::Decision;
use units::Instant;

use crate::guests::{all_grants, ask, at, authorizer, load, now, setting};
use crate::table::Row;
use crate::{AT_START, COMMON, Deadly, LIMITS, deadly, died, manifests, roomy, survived};

const KIND: PluginKind = PluginKind::Authorizer;
const PATH: &str = "test/hostile-authorizer";
const CARD: &str = "04A1B2C3";

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(KIND, PATH));

/// What only an authorizer can do, when it is asked.
const ASKED: [Deadly; 8] = [
    deadly(
        "accepts another request than it was asked",
        "wrong-id",
        "garbage",
        "the call",
    ),
    deadly(
        "accepts with a limit of 4,294,967 A",
        "bad-limit",
        "garbage",
        "the call",
    ),
    deadly(
        "accepts until the year 292,278,994",
        "bad-expiry",
        "garbage",
        "the call",
    ),
    deadly(
        "keeps a token and accepts it too",
        "keep-and-accept",
        "garbage",
        "the call",
    ),
    deadly(
        "10 KB of token to present at plug-in",
        "plug-token",
        "garbage",
        "the call",
    ),
    deadly("store key with a NUL", "nul-key", "garbage", "the call"),
    deadly("300 KiB for its store", "store-hoard", "garbage", "256 KiB"),
    roomy(deadly(
        "10,000 store writes",
        "store-flood",
        "output",
        "256 writes",
    )),
];

/// The same when nobody asks it.
const UNASKED: [Deadly; 4] = [
    deadly(
        "verdict that nobody asked for",
        "unasked",
        "garbage",
        "the call",
    ),
    deadly(
        "keeps a token that nobody presented",
        "unasked-keep",
        "garbage",
        "the call",
    ),
    deadly("replies to nobody", "unasked-reply", "garbage", "the call"),
    roomy(deadly("1 MB of reply", "reply-flood", "output", "512 KiB")),
];

fn start(how: &str, limits: Limits, grants: &Grants) -> AuthorizerPlugin {
    authorizer(&LOADED, limits, grants, vec![setting("do", how)])
}

fn try_start(how: &str, store: Vec<StoreEntry>) -> Result<AuthorizerAnswer, PluginError> {
    let mut plugin = AuthorizerPlugin::instantiate(&LOADED, LIMITS, &all_grants())?;
    let start = AuthorizerStart {
        settings: vec![setting("do", how)],
        store,
        ..AuthorizerStart::default()
    };
    plugin.start(now(), start)
}

fn decision(plugin: &mut AuthorizerPlugin, request: u64) -> Decision {
    let answer = plugin.handle(now(), ask(request, CARD)).unwrap();
    answer.verdict.unwrap().decision
}

/// A new instance of the same component works.
fn works() {
    assert_eq!(
        decision(&mut start("", LIMITS, &all_grants()), 1),
        Decision::Accepted
    );
}

pub fn rows(rows: &mut Vec<Row>) {
    manifests(KIND, PATH, rows);
    for attack in COMMON.iter().chain(&ASKED) {
        let mut plugin = start(attack.how, attack.limits, &all_grants());
        rows.push(died(KIND, attack, || plugin.handle(now(), ask(1, CARD))));
        assert!(plugin.is_dead(), "{}", attack.how);
        works();
    }
    for attack in &UNASKED {
        let mut plugin = start(attack.how, attack.limits, &all_grants());
        let input = match attack.how {
            "reply-flood" => AuthorizerInput::Request {
                id: 1,
                words: Vec::new(),
            },
            _ => AuthorizerInput::BackendConnected(true),
        };
        rows.push(died(KIND, attack, || plugin.handle(now(), input)));
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
    survivors(rows);
}

fn survivors(rows: &mut Vec<Row>) {
    rows.push(survived(
        KIND,
        "accepts without the grant `authorize`",
        "–",
        || {
            assert_eq!(
                decision(&mut start("", LIMITS, &Grants::none()), 1),
                Decision::NoOpinion
            );
            ("a verdict".to_owned(), "takes it for no opinion")
        },
    ));
    rows.push(survived(
        KIND,
        "other answers to the same question",
        "–",
        || {
            let mut plugin = start("moody", LIMITS, &all_grants());
            let answers: Vec<_> = (1..=4).map(|n| decision(&mut plugin, n)).collect();
            let [yes, no] = [Decision::Accepted, Decision::Blocked];
            assert_eq!(answers, [yes, no, yes, no]);
            (
                "yes, no, yes, no".to_owned(),
                "takes each for the request it answers",
            )
        },
    ));
    rows.push(survived(KIND, "store key like a path", "–", || {
        let mut plugin = start("path-key", LIMITS, &all_grants());
        let store = plugin.handle(now(), ask(1, CARD)).unwrap().store;
        assert_eq!(store[0].key, "../../../etc/passwd");
        (
            "the key".to_owned(),
            "keeps it under that name in its table; no path",
        )
    }));
    rows.push(wakes());
    rows.push(survived(
        KIND,
        "log line that looks like others'",
        "1 line, 1 KiB",
        || {
            let mut plugin = start("log-forge", LIMITS, &all_grants());
            assert_eq!(decision(&mut plugin, 1), Decision::Accepted);
            (
                "line breaks and escapes".to_owned(),
                "writes one line, with the plugin's name",
            )
        },
    ));
}

fn wakes() -> Row {
    survived(
        KIND,
        "wants to be woken at once, always",
        "200, then 50 a second",
        || {
            let mut plugin = start("wake-flood", LIMITS, &all_grants());
            let poke = AuthorizerInput::BackendConnected(true);
            let mut next = plugin.handle(at(0), poke).unwrap().wake_at.unwrap();
            let (mut calls, end) = (0_u64, Instant::from_millis(10_000));
            while next < end {
                calls += 1;
                let answer = plugin.handle(at(next.as_millis()), AuthorizerInput::Timer);
                next = answer.unwrap().wake_at.unwrap();
            }
            assert!((690..=701).contains(&calls), "{calls}");
            (
                "700 calls in 10 s".to_owned(),
                "wakes it no sooner than the quota allows",
            )
        },
    )
}
