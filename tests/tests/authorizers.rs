//! The shipped authorizers as components in the host: their chain, their bounds, and a station that does what they say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod guests;
#[allow(
    dead_code,
    reason = "the station's own tests use the rest of their rig"
)]
#[path = "../../host/station/tests/station/rig.rs"]
mod rig;

use guests::{ENGINE, component, now, question, setting};
use interlock::PilotState;
use plugin_host::{
    AuthorizeRequest, AuthorizerAnswer, AuthorizerInput, AuthorizerPlugin, AuthorizerStart,
    ChainState, Grant, Grants, Limits, Loaded, Notice, Opinion, PluginKind, Stage, decide,
};
use rig::{ONE, Rig};
use station::{
    AuthorizePurpose, Decision, Event, EvseId, IdToken, Indication, StopReason, TokenKind, Verdict,
};

const ANNA: &str = "04567DAA5F3580";
const BERT: &str = "0A0E9B83";
const STRANGER: &str = "DEADBEEF";
const MASTER: &str = "04FFEEDDCCBBAA";

const ALL: [&str; 6] = [
    "auth-secure-rfid",
    "auth-open-hours",
    "auth-local-whitelist",
    "auth-master-card",
    "auth-ocpp-cache",
    "auth-if-in-doubt",
];

fn loaded(name: &str) -> Loaded {
    ENGINE
        .load(PluginKind::Authorizer, name, &component(name), None)
        .unwrap()
}

fn grants() -> Grants {
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    grants.allow(Grant::AuthorizeOpinions);
    grants
}

/// The plugin with its manifest's settings under these ones, as the daemon starts it.
fn started(
    loaded: &Loaded,
    grants: &Grants,
    settings: &[(&str, &str)],
) -> (AuthorizerPlugin, AuthorizerAnswer) {
    let mut plugin = AuthorizerPlugin::instantiate(loaded, Limits::DEFAULT, grants).unwrap();
    let value = |key: &str| settings.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
    let start = AuthorizerStart {
        settings: plugin
            .describe()
            .settings
            .iter()
            .map(|spec| setting(&spec.key, value(&spec.key).unwrap_or(&spec.default_value)))
            .collect(),
        ..AuthorizerStart::default()
    };
    let answer = plugin.start(now(), start).unwrap();
    (plugin, answer)
}

fn plugin(name: &str, settings: &[(&str, &str)]) -> AuthorizerPlugin {
    started(&loaded(name), &grants(), settings).0
}

fn request(plugin: &mut AuthorizerPlugin, line: &str) -> Result<String, String> {
    let words = line.split(' ').map(str::to_owned).collect();
    let input = AuthorizerInput::Request { id: 1, words };
    plugin.handle(now(), input).unwrap().reply.unwrap()
}

/// What a chain makes of a token.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Verdict(Verdict),
    Kept,
}

/// Asks the members in order, as the daemon does.
fn judge(
    chain: &mut [AuthorizerPlugin],
    request: &AuthorizeRequest,
    stage: Stage,
    secure: bool,
) -> Outcome {
    let mut opinions = vec![Opinion::Pending; chain.len()];
    loop {
        match decide(&opinions) {
            ChainState::Decided(verdict) => return Outcome::Verdict(verdict),
            ChainState::Waiting(place) => {
                let input = AuthorizerInput::Authorize {
                    request: request.clone(),
                    stage,
                    secure,
                };
                let answer = chain[place].handle(now(), input).unwrap();
                if answer.consumed {
                    return Outcome::Kept;
                }
                opinions[place] = answer.verdict.map_or(Opinion::None, Opinion::Given);
            }
        }
    }
}

fn decision(chain: &mut [AuthorizerPlugin], uid: &str, stage: Stage, secure: bool) -> Decision {
    match judge(chain, &question(7, uid), stage, secure) {
        Outcome::Verdict(verdict) => verdict.decision,
        Outcome::Kept => panic!("a member kept the card"),
    }
}

fn card(uid: &str) -> IdToken {
    IdToken {
        value: uid.to_owned(),
        kind: TokenKind::Rfid,
    }
}

fn opinion(uid: &str, decision: Decision) -> AuthorizerInput {
    AuthorizerInput::BackendOpinion {
        token: card(uid),
        verdict: rig::verdict(decision),
    }
}

#[test]
fn every_authorizer_asks_for_the_rights_it_needs_and_for_no_more() {
    for name in ALL {
        let (plugin, _) = started(&loaded(name), &grants(), &[]);
        let hears_opinions = name == "auth-ocpp-cache";
        let mut wanted = vec!["authorize"];
        wanted.extend(hears_opinions.then_some("authorize.opinions"));
        assert_eq!(plugin.describe().capabilities, wanted, "{name}");
        assert_eq!(
            plugin.hears(&opinion(ANNA, Decision::Accepted)),
            hears_opinions,
            "{name}"
        );
    }
}

#[test]
fn unknown_expired_malformed_and_over_long_tokens_are_accepted_by_nobody() {
    let long = "04A1B2C3".repeat(5_000);
    for name in ALL {
        let mut plugin = plugin(name, &[("entries", ANNA), ("master", MASTER)]);
        if name == "auth-ocpp-cache" {
            let mut verdict = rig::verdict(Decision::Accepted);
            verdict.expires = Some(units::Timestamp::from_unix_millis(1_000));
            let token = card(BERT);
            plugin
                .handle(now(), AuthorizerInput::BackendOpinion { token, verdict })
                .unwrap();
        }
        for value in [STRANGER, BERT, "", "\u{0}\n", "04A1B2C", "💳", &long] {
            for kind in [
                TokenKind::Rfid,
                TokenKind::Mac,
                TokenKind::Central,
                TokenKind::Fixed,
            ] {
                for stage in [Stage::First, Stage::Unanswered] {
                    let mut request = question(7, value);
                    request.token.kind = kind;
                    let secure = true;
                    let input = AuthorizerInput::Authorize {
                        request,
                        stage,
                        secure,
                    };
                    let answer = plugin.handle(now(), input).unwrap();
                    let accepted = answer
                        .verdict
                        .is_some_and(|v| v.decision == Decision::Accepted);
                    assert!(!accepted, "{name} {kind:?} {stage:?}");
                }
            }
        }
        assert!(!plugin.is_dead(), "{name}");
    }
}

#[test]
fn chain_asks_the_gates_first_the_lists_next_and_doubt_last() {
    let mut chain = [
        plugin("auth-secure-rfid", &[("enforce", "on")]),
        plugin(
            "auth-open-hours",
            &[("hours", "24/7"), ("timezone", "UTC0")],
        ),
        plugin("auth-local-whitelist", &[("entries", ANNA)]),
        plugin("auth-ocpp-cache", &[]),
        plugin("auth-if-in-doubt", &[("mode", "on")]),
    ];
    chain[3]
        .handle(now(), opinion(BERT, Decision::Accepted))
        .unwrap();
    for stage in [Stage::First, Stage::Unanswered] {
        assert_eq!(
            decision(&mut chain, ANNA, stage, false),
            Decision::Invalid,
            "a copy"
        );
        assert_eq!(decision(&mut chain, ANNA, stage, true), Decision::Accepted);
        assert_eq!(decision(&mut chain, BERT, stage, true), Decision::Accepted);
    }
    assert_eq!(
        decision(&mut chain, STRANGER, Stage::First, true),
        Decision::NoOpinion
    );
    assert_eq!(
        decision(&mut chain, STRANGER, Stage::Unanswered, true),
        Decision::Accepted
    );
    let closed = AuthorizerInput::SettingChanged(setting("hours", "Mo off"));
    chain[1].handle(now(), closed).unwrap();
    assert_eq!(
        decision(&mut chain, ANNA, Stage::First, true),
        Decision::Invalid,
        "closed"
    );
}

#[test]
fn list_of_a_thousand_is_imported_judged_shown_and_cleared_within_the_default_bounds() {
    let mut list = plugin("auth-local-whitelist", &[]);
    let uids: Vec<String> = (0..1_000).map(|n| format!("{n:020X}")).collect();
    request(&mut list, &format!("import {}", uids.join("@99:"))).unwrap();
    assert_eq!(
        request(&mut list, "list").unwrap().split(", ").count(),
        1_000
    );
    let exported = request(&mut list, "export").unwrap();
    assert_eq!(exported.split(':').count(), 1_000);
    assert_eq!(
        decision(&mut [list], &uids[999], Stage::First, false),
        Decision::Accepted
    );
    let mut list = plugin("auth-local-whitelist", &[]);
    request(&mut list, &format!("import {exported}")).unwrap();
    assert_eq!(request(&mut list, "export").unwrap(), exported);
    request(&mut list, "clear").unwrap();
    assert_eq!(request(&mut list, "list").unwrap(), "no entry");
    let too_long = request(&mut list, &format!("add {}", "A".repeat(60_000))).unwrap_err();
    assert!(too_long.contains("too long"), "{too_long}");
    assert!(!list.is_dead());
}

#[test]
fn full_cache_and_a_year_of_closed_doors_are_answered_within_the_default_bounds() {
    let mut cache = plugin("auth-ocpp-cache", &[]);
    for n in 0..501_u32 {
        cache
            .handle(
                now(),
                opinion(&format!("{:08X}", 0x1000_0000 + n), Decision::Accepted),
            )
            .unwrap();
    }
    assert!(
        request(&mut cache, "list")
            .unwrap()
            .ends_with("and 420 older ones")
    );
    request(&mut cache, "clear").unwrap();
    // 29 February as the only opening: the search walks through a whole year and finds none in 2027.
    let hours = [("hours", "PH 10:00-11:00"), ("holidays", "2028-02-29")];
    let mut shop = plugin("auth-open-hours", &hours);
    let status = request(&mut shop, "status").unwrap();
    assert_eq!(status, "closed, and no opening within a year");
}

#[test]
fn master_cards_menu_is_shown_and_without_the_grant_it_is_not() {
    let settings = [("master", MASTER)];
    let ask = || guests::ask(7, MASTER);
    let mut plugin = plugin("auth-master-card", &settings);
    let answer = plugin.handle(now(), ask()).unwrap();
    assert_eq!((answer.consumed, answer.show), (true, Some(Notice::Adding)));
    let answer = plugin.handle(now(), guests::ask(8, ANNA)).unwrap();
    assert!(answer.consumed && !answer.store.is_empty());
    let answer = plugin.handle(now(), ask()).unwrap();
    assert_eq!(answer.show, Some(Notice::Removing));
    let answer = plugin.handle(now(), guests::ask(9, ANNA)).unwrap();
    assert_eq!(answer.show, Some(Notice::Done));

    let (mut powerless, _) = started(&loaded("auth-master-card"), &Grants::none(), &settings);
    let answer = powerless.handle(now(), ask()).unwrap();
    assert_eq!((answer.consumed, answer.show), (false, None));
}

/// The station asks, the chain answers in its first turn or, as no backend is there, in its second.
fn answer_without_backend(rig: &mut Rig, chain: &mut [AuthorizerPlugin]) -> Verdict {
    let (number, token, purpose, group) = rig.asked.last().cloned().unwrap();
    let asked = AuthorizeRequest {
        request: number,
        evse: Some(EvseId(1)),
        token,
        purpose,
        group,
    };
    assert_eq!(purpose, AuthorizePurpose::Start);
    let Outcome::Verdict(first) = judge(chain, &asked, Stage::First, false) else {
        panic!("kept");
    };
    assert_eq!(
        first.decision,
        Decision::NoOpinion,
        "the backend has its turn first"
    );
    let Outcome::Verdict(verdict) = judge(chain, &asked, Stage::Unanswered, false) else {
        panic!("kept");
    };
    let event = Event::Verdict {
        request: number,
        verdict: verdict.clone(),
    };
    rig.event(event);
    verdict
}

fn backend_is_back_and_refuses(rig: &mut Rig) {
    rig.event(Event::BackendOnline { online: true });
    let transaction = rig.running().unwrap();
    rig.event(Event::TransactionVerdict {
        transaction,
        verdict: rig::verdict(Decision::Invalid),
        stop: true,
    });
    rig.seconds(1);
}

fn station_without_backend() -> Rig {
    let mut rig = Rig::set_up(&[("stop_on_invalid_token", "true")]).boot();
    rig.event(Event::BackendOnline { online: false });
    rig
}

// acceptance: P104
#[test]
fn nobody_knows_the_card_and_no_doubt_is_allowed() {
    let mut chain = [
        plugin("auth-ocpp-cache", &[]),
        plugin("auth-if-in-doubt", &[("mode", "off")]),
    ];
    let mut rig = station_without_backend();
    rig.plug_in(ONE);
    rig.swipe(STRANGER);
    let verdict = answer_without_backend(&mut rig, &mut chain);
    assert_eq!(verdict.decision, Decision::NoOpinion);
    rig.seconds(60);
    assert_eq!(rig.running(), None);
}

// acceptance: P105
#[test]
fn unknown_card_charges_while_no_backend_answers_and_is_stopped_when_the_backend_refuses_it() {
    let mut chain = [
        plugin("auth-ocpp-cache", &[]),
        plugin("auth-if-in-doubt", &[("mode", "on")]),
    ];
    let mut rig = station_without_backend();
    rig.plug_in(ONE);
    rig.swipe(STRANGER);
    let verdict = answer_without_backend(&mut rig, &mut chain);
    assert!(verdict.reason.unwrap().contains("provisional"));
    assert_eq!(verdict.source, "auth-if-in-doubt");
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    assert_eq!(rig.indication(), Indication::Charging);
    backend_is_back_and_refuses(&mut rig);
    assert_eq!(rig.end_reasons(), [StopReason::Deauthorized]);
    assert!(!rig.energised());
}

// acceptance: P106
#[test]
fn plugging_in_is_enough_while_no_backend_answers_and_is_stopped_when_the_backend_refuses_it() {
    let settings = [("mode", "immediately"), ("tag", "PLUGGED")];
    let (mut doubt, answer) = started(&loaded("auth-if-in-doubt"), &grants(), &settings);
    let mut rig = station_without_backend();
    rig.event(Event::PresentOnPlug(answer.present_on_plug));
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.asked.len(), 1, "no card was needed");
    let verdict = answer_without_backend(&mut rig, std::slice::from_mut(&mut doubt));
    assert!(verdict.reason.unwrap().contains("provisional"));
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    assert_eq!(rig.indication(), Indication::Charging);
    assert_eq!(rig.starts()[0].1, "PLUGGED");
    let online = doubt
        .handle(now(), AuthorizerInput::BackendConnected(true))
        .unwrap();
    rig.event(Event::PresentOnPlug(online.present_on_plug.clone()));
    backend_is_back_and_refuses(&mut rig);
    assert_eq!(rig.end_reasons(), [StopReason::Deauthorized]);
    assert_eq!(online.present_on_plug, None);
}

// acceptance: P132
#[test]
fn kept_token_charges_while_no_backend_answers() {
    let mut cache = plugin("auth-ocpp-cache", &[("local_pre_authorize", "false")]);
    cache
        .handle(now(), AuthorizerInput::BackendConnected(true))
        .unwrap();
    cache
        .handle(now(), opinion(STRANGER, Decision::Accepted))
        .unwrap();
    let mut rig = station_without_backend();
    rig.plug_in(ONE);
    rig.swipe(STRANGER);
    let verdict = answer_without_backend(&mut rig, std::slice::from_mut(&mut cache));
    assert_eq!(verdict.source, "auth-ocpp-cache");
    rig.seconds(1);
    assert!(rig.running().is_some());
}
