//! What the cache of a backend's approvals promises.

use std::collections::BTreeMap;

use super::entry::{END_OF_EPOCH_MS, YEAR_MS};
use super::*;
use sdk::testing::{Bench, never_accepts, question};
use sdk::{Token, TokenKind};
use units::{Millis, Timestamp};

type Cache = Bench<OcppCache>;

const ANNA: &str = "04567DAA5F3580";
const BERT: &str = "0A0E9B83";
/// Some day in 2027.
const TODAY: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn cache(settings: &[(&str, &str)]) -> Cache {
    let mut cache = Cache::new(settings);
    cache.wall = Some(Timestamp::from_unix_millis(TODAY));
    cache.input(Input::BackendConnected(true));
    cache
}

fn go_to(cache: &mut Cache, wall_ms: i64) {
    cache.wall = Some(Timestamp::from_unix_millis(wall_ms));
}

fn card(uid: &str) -> Token {
    Token {
        value: uid.to_owned(),
        kind: TokenKind::Rfid,
    }
}

fn says(cache: &mut Cache, uid: &str, decision: Decision) {
    cache.hear(card(uid), Verdict::bare(0, decision));
}

fn says_until(cache: &mut Cache, uid: &str, end: i64) {
    let expires_wall_ms = Some(end);
    cache.hear(
        card(uid),
        Verdict {
            expires_wall_ms,
            ..Verdict::bare(0, Decision::Accepted)
        },
    );
}

fn unanswered(cache: &mut Cache, uid: &str) -> Decision {
    let mut question = question(TokenKind::Rfid, uid);
    question.stage = Stage::Unanswered;
    cache.decide(question)
}

// acceptance: P131
#[test]
fn token_that_the_backend_approved_is_kept_with_group_limit_and_end() {
    let mut cache = cache(&[]);
    assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
    let verdict = Verdict {
        group: Some("FAMILY".to_owned()),
        limit_ma: Some(16_000),
        expires_wall_ms: Some(TODAY + DAY_MS),
        ..Verdict::bare(0, Decision::Accepted)
    };
    cache.hear(card(ANNA), verdict);
    cache.restart();
    let verdict = cache.ask(question(TokenKind::Rfid, ANNA)).verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Accepted);
    assert_eq!(verdict.group.as_deref(), Some("FAMILY"));
    assert_eq!(verdict.limit_ma, Some(16_000));
    assert_eq!(verdict.expires_wall_ms, Some(TODAY + DAY_MS));
}

// acceptance: P132
#[test]
fn kept_token_is_accepted_before_the_backend_is_asked_and_without_it() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    cache.input(Input::BackendConnected(false));
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    assert_eq!(unanswered(&mut cache, ANNA), Decision::Accepted);
    assert_eq!(cache.swipe(BERT), Decision::NoOpinion);
}

// acceptance: P133
#[test]
fn cache_that_is_off_leaves_every_tap_to_the_backend() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    cache.set("enabled", "false");
    for connected in [true, false] {
        cache.input(Input::BackendConnected(connected));
        assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
        assert_eq!(unanswered(&mut cache, ANNA), Decision::NoOpinion);
    }
    says(&mut cache, BERT, Decision::Accepted);
    cache.set("enabled", "true");
    assert_eq!(
        cache.swipe(BERT),
        Decision::NoOpinion,
        "nothing was kept meanwhile"
    );
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    cache.set("enabled", "false");
    says(&mut cache, ANNA, Decision::Blocked);
    cache.set("enabled", "true");
    assert_eq!(
        cache.swipe(ANNA),
        Decision::NoOpinion,
        "but a refusal counts even then"
    );
}

// acceptance: P146
#[test]
fn local_pre_authorize_and_local_authorize_offline_say_when_the_cache_counts() {
    // (pre-authorize, offline, connected) → (before the backend, after it did not answer)
    for (pre, offline, connected, first, after) in [
        ("true", "true", true, true, true),
        ("true", "true", false, true, true),
        ("true", "false", true, true, false),
        ("true", "false", false, true, false),
        ("false", "true", true, false, true),
        ("false", "true", false, true, true),
        ("false", "false", true, false, false),
        ("false", "false", false, false, false),
    ] {
        let mut cache = cache(&[
            ("local_pre_authorize", pre),
            ("local_authorize_offline", offline),
        ]);
        says(&mut cache, ANNA, Decision::Accepted);
        cache.input(Input::BackendConnected(connected));
        assert_eq!(
            cache.swipe(ANNA) == Decision::Accepted,
            first,
            "{pre} {offline} {connected}"
        );
        let accepted = unanswered(&mut cache, ANNA) == Decision::Accepted;
        assert_eq!(accepted, after, "{pre} {offline} {connected}");
    }
}

// acceptance: P136
#[test]
fn entries_without_an_end_are_valid_until_the_last_day_of_2038() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    go_to(&mut cache, END_OF_EPOCH_MS - 1);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    go_to(&mut cache, END_OF_EPOCH_MS);
    assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
    assert_eq!(cache.request("list").unwrap(), "no entry", "it has gone");
    // 2038-12-31 is the last day: 2039-01-01 is 68 years and 18 leap days (1970 is year 0: 69 years, 17 leap days).
    assert_eq!(END_OF_EPOCH_MS, (69 * 365 + 17) * DAY_MS);
}

// acceptance: P137
#[test]
fn entries_without_an_end_are_valid_for_a_year_after_the_last_confirmation() {
    let mut cache = cache(&[("expiry_mode", "one-year")]);
    says(&mut cache, ANNA, Decision::Accepted);
    says(&mut cache, BERT, Decision::Accepted);
    go_to(&mut cache, TODAY + YEAR_MS - 1);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    says(&mut cache, ANNA, Decision::Accepted);
    go_to(&mut cache, TODAY + YEAR_MS);
    assert_eq!(
        cache.swipe(ANNA),
        Decision::Accepted,
        "it was confirmed again"
    );
    assert_eq!(unanswered(&mut cache, BERT), Decision::NoOpinion);
    assert_eq!(cache.request("list").unwrap(), ANNA);
}

#[test]
fn the_backends_own_end_counts_in_both_modes() {
    for mode in ["end-of-epoch", "one-year"] {
        let mut cache = cache(&[("expiry_mode", mode)]);
        says_until(&mut cache, ANNA, TODAY + 2 * YEAR_MS);
        says_until(&mut cache, BERT, TODAY - 1);
        assert_eq!(
            cache.swipe(BERT),
            Decision::NoOpinion,
            "the backend may know better"
        );
        assert_eq!(
            unanswered(&mut cache, BERT),
            Decision::Expired,
            "nobody in doubt may accept it"
        );
        go_to(&mut cache, TODAY + 2 * YEAR_MS - 1);
        assert_eq!(cache.swipe(ANNA), Decision::Accepted);
        go_to(&mut cache, TODAY + 2 * YEAR_MS);
        assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
    }
}

#[test]
fn without_a_clock_only_the_end_of_the_epoch_is_far_enough() {
    for (mode, without_end) in [
        ("end-of-epoch", Decision::Accepted),
        ("one-year", Decision::NoOpinion),
    ] {
        let mut cache = cache(&[("expiry_mode", mode)]);
        says(&mut cache, ANNA, Decision::Accepted);
        says_until(&mut cache, BERT, TODAY + YEAR_MS);
        cache.wall = None;
        cache.restart();
        assert_eq!(cache.swipe(ANNA), without_end, "{mode}");
        assert_eq!(cache.swipe(BERT), Decision::NoOpinion, "{mode}");
        let after = unanswered(&mut cache, BERT);
        assert_eq!(after, Decision::NoOpinion, "{mode}");
    }
}

#[test]
fn confirmation_without_a_clock_counts_from_when_the_clock_is_known() {
    let mut cache = cache(&[("expiry_mode", "one-year")]);
    cache.wall = None;
    says(&mut cache, ANNA, Decision::Accepted);
    assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
    go_to(&mut cache, TODAY);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    cache.restart();
    go_to(&mut cache, TODAY + YEAR_MS - 1);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    go_to(&mut cache, TODAY + YEAR_MS);
    assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
}

#[test]
fn refusal_forgets_the_token_and_an_absent_opinion_does_not() {
    for (decision, expected) in [
        (Decision::Blocked, Decision::NoOpinion),
        (Decision::Expired, Decision::NoOpinion),
        (Decision::Invalid, Decision::NoOpinion),
        (Decision::Concurrent, Decision::Accepted),
        (Decision::NoOpinion, Decision::Accepted),
    ] {
        let mut cache = cache(&[]);
        says(&mut cache, ANNA, Decision::Accepted);
        says(&mut cache, ANNA, decision);
        cache.restart();
        assert_eq!(cache.swipe(ANNA), expected, "{decision:?}");
        says(&mut cache, BERT, decision);
        assert_eq!(cache.swipe(BERT), Decision::NoOpinion);
    }
}

#[test]
fn check_of_a_running_transaction_is_the_backends() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    for stage in [Stage::First, Stage::Unanswered] {
        let mut recheck = question(TokenKind::Rfid, ANNA);
        recheck.request.purpose = AuthorizePurpose::Recheck;
        recheck.stage = stage;
        assert_eq!(cache.decide(recheck), Decision::NoOpinion);
    }
}

#[test]
fn kinds_of_tokens_are_kept_apart() {
    let mut cache = cache(&[]);
    let accepted = Verdict::bare(0, Decision::Accepted);
    for kind in [TokenKind::Central, TokenKind::Fixed, TokenKind::Other] {
        let token = Token {
            value: BERT.to_owned(),
            kind,
        };
        cache.hear(token, accepted.clone());
    }
    assert_eq!(cache.swipe(BERT), Decision::NoOpinion);
    assert_eq!(
        cache.decide(question(TokenKind::Central, "0a0e9b83")),
        Decision::Accepted
    );
    for kind in [TokenKind::Fixed, TokenKind::Other, TokenKind::Mac] {
        assert_eq!(cache.decide(question(kind, BERT)), Decision::NoOpinion);
    }
    let mac = Token {
        value: "00:1A:2B:3C:4D:5E".to_owned(),
        kind: TokenKind::Mac,
    };
    cache.hear(mac, accepted);
    assert_eq!(
        cache.decide(question(TokenKind::Mac, "001a2b3c4d5e")),
        Decision::Accepted
    );
}

#[test]
fn oldest_token_makes_room_for_a_new_one() {
    let mut cache = cache(&[]);
    let uid = |n: usize| format!("{:08X}", 0x1000_0000 + n);
    for n in 0..MAX_TOKENS {
        says(&mut cache, &uid(n), Decision::Accepted);
    }
    says(&mut cache, &uid(0), Decision::Accepted);
    cache.restart();
    says(&mut cache, &uid(9_999), Decision::Accepted);
    assert_eq!(cache.swipe(&uid(9_999)), Decision::Accepted);
    assert_eq!(
        cache.swipe(&uid(0)),
        Decision::Accepted,
        "it was confirmed again"
    );
    assert_eq!(cache.swipe(&uid(1)), Decision::NoOpinion, "the oldest");
    assert_eq!(cache.swipe(&uid(2)), Decision::Accepted);
    let list = cache.request("list").unwrap();
    assert!(list.starts_with(&uid(9_999)), "newest first: {list}");
    assert_eq!(list.split(", ").count(), 80);
    assert!(list.ends_with("and 420 older ones"), "{list}");
    assert!(
        cache
            .request("add 04567DAA5F3580")
            .unwrap_err()
            .contains("room for 500")
    );
}

// acceptance: P135
#[test]
fn typed_entries_are_added_to_the_others_and_clearing_empties_the_cache() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    assert_eq!(
        cache.request("add 0a0e9b83").unwrap(),
        "1 added; 2 of 500 entries"
    );
    assert_eq!(cache.swipe(BERT), Decision::Accepted);
    assert_eq!(cache.swipe(ANNA), Decision::Accepted);
    let imported = cache
        .request("import 0A0E9B83:11223344;MAC=001A2B3C4D5E")
        .unwrap();
    assert_eq!(imported, "2 added; 4 of 500 entries");
    cache.request("import --decimal 3536403172").unwrap();
    assert_eq!(cache.swipe("E43AC9D2"), Decision::Accepted);
    let exported = cache.request("export").unwrap();
    assert_eq!(
        exported,
        format!("E43AC9D2:MAC=001A2B3C4D5E:11223344:0A0E9B83:{ANNA}")
    );
    cache.request("remove 11223344").unwrap();
    assert_eq!(cache.swipe("11223344"), Decision::NoOpinion);
    for bad in [
        "remove 11223344",
        "add 04@1",
        "add 0A0E9B83@1",
        "add",
        "import",
        "import x",
        "add 08A1B2C3",
        "dance",
    ] {
        assert!(cache.request(bad).is_err(), "{bad}");
    }
    assert_eq!(cache.request("clear").unwrap(), "0 of 500 entries");
    assert!(cache.store().is_empty());
    assert_eq!(cache.swipe(ANNA), Decision::NoOpinion);
    cache.set("enabled", "false");
    assert!(cache.request("list").unwrap_err().contains("enabled"));
}

#[test]
fn longest_entries_fit_into_the_store() {
    let mut cache = cache(&[]);
    for n in 0..MAX_TOKENS {
        let verdict = Verdict {
            group: Some("ü".repeat(36)),
            limit_ma: Some(80_000),
            expires_wall_ms: Some(253_402_300_799_999),
            ..Verdict::bare(0, Decision::Accepted)
        };
        let token = Token {
            value: format!("{n:036}"),
            kind: TokenKind::Central,
        };
        cache.hear(token, verdict);
    }
    assert_eq!(
        cache.decide(question(TokenKind::Central, &format!("{:036}", 0))),
        Decision::Accepted
    );
}

#[test]
fn malformed_and_over_long_opinions_are_not_kept() {
    let mut cache = cache(&[]);
    let long = "A".repeat(10_000);
    for value in ["", "A\tB", "A\nB", &long] {
        for kind in [TokenKind::Rfid, TokenKind::Mac, TokenKind::Central] {
            let token = Token {
                value: value.to_owned(),
                kind,
            };
            cache.hear(token, Verdict::bare(0, Decision::Accepted));
        }
    }
    assert!(cache.store().is_empty());
    let group = Some(long);
    cache.hear(
        card(ANNA),
        Verdict {
            group,
            ..Verdict::bare(0, Decision::Accepted)
        },
    );
    assert_eq!(
        cache
            .ask(question(TokenKind::Rfid, ANNA))
            .verdict
            .unwrap()
            .group,
        None
    );
}

#[test]
fn nobody_elses_token_is_ever_accepted() {
    let mut cache = cache(&[]);
    says(&mut cache, ANNA, Decision::Accepted);
    says_until(&mut cache, "11223344", TODAY - 1);
    says(&mut cache, "55667788", Decision::Blocked);
    let unknown = ["DEADBEEF", "11223344", "55667788", "04567DAA5F35"];
    never_accepts(&mut cache, &unknown);
    cache.input(Input::BackendConnected(false));
    never_accepts(&mut cache, &unknown);
    cache.pass(Millis::from_secs(1));
    cache.wall = None;
    never_accepts(&mut cache, &unknown);
}

#[test]
fn damaged_store_accepts_nobody() {
    let mut store = BTreeMap::new();
    let lines = "R\t04A1B2C3\t\t\tlater\t\t1\nR\tx\t\t\t\t\t2\n?\t04A1B2C3\t\t\t\t\t3\nR\t04A1B2C3\nR\t04A1B2C3\t\t\t\t\t";
    store.insert("cache/00".to_owned(), lines.as_bytes().to_vec());
    let mut cache = Cache::with_store(&[], store);
    assert_eq!(cache.request("list").unwrap(), "no entry");
    never_accepts(&mut cache, &["04A1B2C3"]);
}
