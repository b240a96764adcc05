//! Attacks of free-charging modes and languages.

use std::sync::LazyLock;

use plugin_host::{
    Behaviour, DisplayPlugin, FreeChargingPlugin, Grants, Limits, Loaded, PluginError, PluginKind,
    Rendered,
};
use station::Decision;

use crate::guests::{all_grants, load, now, question, setting};
use crate::table::Row;
use crate::{AT_START, COMMON, Deadly, LIMITS, deadly, died, manifests, survived};

const FREE_PATH: &str = "test/hostile-free";
const LANGUAGE_PATH: &str = "test/hostile-language";

static FREE: LazyLock<Loaded> = LazyLock::new(|| load(PluginKind::FreeCharging, FREE_PATH));
static LANGUAGE: LazyLock<Loaded> = LazyLock::new(|| load(PluginKind::Display, LANGUAGE_PATH));

const ASKED: [Deadly; 4] = [
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
        "accepts until 292 million years ago",
        "bad-expiry",
        "garbage",
        "the call",
    ),
    deadly(
        "control characters in its reason",
        "control",
        "garbage",
        "the call",
    ),
];

const BEHAVIOURS: [Deadly; 3] = [
    deadly(
        "10 KB of token to start with",
        "long-token",
        "garbage",
        "the call",
    ),
    deadly(
        "empty token to start with",
        "empty-token",
        "garbage",
        "the call",
    ),
    deadly(
        "token that is not UTF-8",
        "bad-bytes-token",
        "garbage",
        "the call",
    ),
];

const TEXTS: [Deadly; 3] = [
    deadly(
        "control characters in its text",
        "control",
        "garbage",
        "the call",
    ),
    deadly("no language", "no-language", "garbage", "the call"),
    deadly("language like a path", "path-tag", "garbage", "the call"),
];

fn try_start(
    how: &str,
    limits: Limits,
    grants: &Grants,
) -> (FreeChargingPlugin, Result<Behaviour, PluginError>) {
    let mut plugin = FreeChargingPlugin::instantiate(&FREE, limits, grants).unwrap();
    let behaviour = plugin.start(now(), vec![setting("do", how)]);
    (plugin, behaviour)
}

fn decision(plugin: &mut FreeChargingPlugin, request: u64) -> Decision {
    let verdict = plugin.authorize(now(), question(request, "FREE"));
    verdict.unwrap().decision
}

fn free_works() {
    let (mut plugin, behaviour) = try_start("", LIMITS, &all_grants());
    assert!(behaviour.unwrap().start_on_plug.is_some());
    assert_eq!(decision(&mut plugin, 1), Decision::Accepted);
}

pub fn free_charging(rows: &mut Vec<Row>) {
    const KIND: PluginKind = PluginKind::FreeCharging;
    manifests(KIND, FREE_PATH, rows);
    for attack in COMMON.iter().chain(&ASKED) {
        let (mut plugin, behaviour) = try_start(attack.how, attack.limits, &all_grants());
        behaviour.unwrap();
        rows.push(died(KIND, attack, || {
            plugin.authorize(now(), question(1, "FREE"))
        }));
        assert!(plugin.is_dead(), "{}", attack.how);
        free_works();
    }
    for attack in &BEHAVIOURS {
        rows.push(died(KIND, attack, || {
            try_start(attack.how, LIMITS, &all_grants()).1
        }));
        free_works();
    }
    for attack in &AT_START {
        rows.push(died(KIND, attack, || {
            try_start(attack.how, LIMITS, &all_grants()).1
        }));
        free_works();
    }
    rows.push(survived(
        KIND,
        "accepts without the grant `authorize`",
        "–",
        || {
            let (mut plugin, behaviour) = try_start("", LIMITS, &Grants::none());
            assert_eq!(behaviour.unwrap().start_on_plug, None);
            assert_eq!(decision(&mut plugin, 1), Decision::NoOpinion);
            (
                "a token and a verdict".to_owned(),
                "starts nobody, and takes the verdict for no opinion",
            )
        },
    ));
    rows.push(survived(
        KIND,
        "other answers to the same question",
        "–",
        || {
            let mut plugin = try_start("moody", LIMITS, &all_grants()).0;
            let answers: Vec<_> = (1..=4).map(|n| decision(&mut plugin, n)).collect();
            let [yes, no] = [Decision::Accepted, Decision::Blocked];
            assert_eq!(answers, [yes, no, yes, no]);
            (
                "yes, no, yes, no".to_owned(),
                "takes each for the request it answers",
            )
        },
    ));
}

fn render(how: &str, limits: Limits) -> Result<Option<Rendered>, PluginError> {
    let mut plugin = DisplayPlugin::instantiate(&LANGUAGE, limits).unwrap();
    let rendered = plugin.render(now(), "indication.charging", &[("do", how)]);
    assert_eq!(plugin.is_dead(), rendered.is_err());
    rendered
}

pub fn display(rows: &mut Vec<Row>) {
    const KIND: PluginKind = PluginKind::Display;
    manifests(KIND, LANGUAGE_PATH, rows);
    for attack in COMMON.iter().chain(&TEXTS) {
        let mut row = died(KIND, attack, || render(attack.how, attack.limits));
        row.did = "drops the instance; the host's own English is shown".to_owned();
        rows.push(row);
        assert_eq!(render("", LIMITS).unwrap().unwrap().text, "well");
    }
    rows.push(survived(
        KIND,
        "other texts for the same message",
        "512 characters",
        || {
            let mut plugin = DisplayPlugin::instantiate(&LANGUAGE, LIMITS).unwrap();
            let mut text = || {
                let rendered = plugin.render(now(), "x", &[("do", "moody")]);
                rendered.unwrap().unwrap().text
            };
            assert_ne!(text(), text());
            (
                "two texts".to_owned(),
                "shows what it says; nothing else depends on it",
            )
        },
    ));
}
