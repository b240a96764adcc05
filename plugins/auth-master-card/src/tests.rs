//! What the MASTER card promises, step by step as its manual has it.
//!
//! The lights are the host's: `Adding` is flashing white, `Removing` flashing red, `Done` fixed green, nothing is the
//! station's own indication, in standby fixed green.

use super::*;
use sdk::testing::{Bench, never_accepts, question};

type Station = Bench<MasterCard>;

const MASTER: &str = "04FFEEDDCCBBAA";
const ANNA: &str = "04567DAA5F3580";
const BERT: &str = "0A0E9B83";

fn station() -> Station {
    Station::new(&[("master", MASTER)])
}

/// A station whose list has these cards, put there by the MASTER card.
fn station_with(cards: &[&str]) -> Station {
    let mut station = station();
    station.kept(MASTER);
    for card in cards {
        station.kept(card);
    }
    station.kept(MASTER);
    station.kept(MASTER);
    assert_eq!(station.last.show, None);
    station
}

// acceptance: J1
#[test]
fn first_swipe_of_the_master_card_opens_storage() {
    let mut station = station();
    assert_eq!(station.last.show, None, "fixed green");
    assert_eq!(
        station.kept(MASTER).show,
        Some(Notice::Adding),
        "flashing white"
    );
}

// acceptance: J2
#[test]
fn second_swipe_of_the_master_card_opens_deletion() {
    let mut station = station();
    station.kept(MASTER);
    assert_eq!(
        station.kept(MASTER).show,
        Some(Notice::Removing),
        "flashing red"
    );
}

// acceptance: J3
#[test]
fn card_swiped_in_deletion_leaves_the_list_and_two_seconds_of_done_show_it() {
    let mut station = station_with(&[ANNA, BERT]);
    assert_eq!(station.swipe(ANNA), Decision::Accepted);
    station.kept(MASTER);
    station.kept(MASTER);
    assert_eq!(station.kept(ANNA).show, Some(Notice::Done), "fixed green");
    station.pass(Millis::new(1_999));
    assert_eq!(station.last.show, Some(Notice::Done));
    station.pass(Millis::new(1));
    assert_eq!(
        station.last.show,
        Some(Notice::Removing),
        "flashing red again"
    );
    station.kept(MASTER);
    assert_eq!(station.swipe(ANNA), Decision::Invalid);
    assert_eq!(station.swipe(BERT), Decision::Accepted);
}

// acceptance: J4
#[test]
fn third_swipe_of_the_master_card_leaves_the_menu() {
    let mut station = station_with(&[ANNA]);
    station.kept(MASTER);
    station.kept(MASTER);
    station.kept(ANNA);
    assert_eq!(
        station.kept(MASTER).show,
        None,
        "fixed green, also within the two seconds"
    );
    assert_eq!(station.last.wake_at, None);
    assert_eq!(station.swipe(BERT), Decision::Invalid, "the menu is closed");
}

// acceptance: J5
#[test]
fn card_swiped_in_storage_joins_the_list() {
    let mut station = station();
    assert_eq!(station.swipe(ANNA), Decision::Invalid);
    station.kept(MASTER);
    assert_eq!(station.kept(ANNA).show, Some(Notice::Adding));
    station.kept(ANNA);
    assert_eq!(station.request("list").unwrap(), ANNA);
    station.kept(MASTER);
    station.kept(MASTER);
    assert_eq!(station.swipe(ANNA), Decision::Accepted);
}

// acceptance: J6
#[test]
fn storage_is_left_by_the_master_card_and_any_menu_by_time() {
    let mut station = station();
    station.kept(MASTER);
    station.kept(MASTER);
    station.kept(MASTER);
    assert_eq!(station.last.show, None, "storage, deletion, out");
    for swipes in 1..=2 {
        for _ in 0..swipes {
            station.kept(MASTER);
        }
        station.pass(Millis::from_secs(29));
        station.kept(ANNA);
        station.pass(Millis::from_secs(29));
        assert_ne!(station.last.show, None, "a card renews the time");
        station.pass(Millis::from_secs(1));
        assert_eq!((station.last.show, station.last.wake_at), (None, None));
        assert!(!station.ask(question(TokenKind::Rfid, BERT)).consumed);
    }
    station.kept(MASTER);
    station.pass_silently(Millis::from_secs(30));
    assert_eq!(
        station.swipe(BERT),
        Decision::Invalid,
        "a late timer adds nobody"
    );
    assert_eq!(
        station.kept(MASTER).show,
        Some(Notice::Adding),
        "it begins anew"
    );
}

// acceptance: J7
#[test]
fn master_card_never_charges() {
    let mut station = station();
    let why = station.request(&format!("add {MASTER}")).unwrap_err();
    assert!(why.contains("MASTER"), "{why}");
    for kind in [
        TokenKind::Rfid,
        TokenKind::Central,
        TokenKind::Mac,
        TokenKind::Fixed,
        TokenKind::Other,
    ] {
        for purpose in [
            AuthorizePurpose::Start,
            AuthorizePurpose::Stop,
            AuthorizePurpose::Recheck,
        ] {
            for stage in [Stage::First, Stage::Unanswered] {
                for busy in [false, true] {
                    station.input(Input::Busy(busy));
                    let mut question = question(kind, MASTER);
                    question.request.purpose = purpose;
                    question.stage = stage;
                    let answer = station.ask(question);
                    let refused = answer
                        .verdict
                        .is_some_and(|v| v.decision == Decision::Invalid);
                    assert!(
                        refused || answer.consumed,
                        "{kind:?} {purpose:?} {stage:?} {busy}"
                    );
                }
            }
        }
    }
    // A card of the list becomes the MASTER card: it charges no longer.
    let mut station = station_with(&[ANNA]);
    station.set("master", ANNA);
    assert!(station.ask(question(TokenKind::Rfid, ANNA)).consumed);
    let mut stop = question(TokenKind::Rfid, ANNA);
    stop.request.purpose = AuthorizePurpose::Stop;
    assert_eq!(station.decide(stop), Decision::Invalid);
}

// acceptance: J8
#[test]
fn several_cards_are_added_and_removed_one_after_another() {
    let cards = ["11111111", "22222222", "33333333", "44444444"];
    let mut station = station_with(&cards);
    for card in cards {
        assert_eq!(station.swipe(card), Decision::Accepted);
    }
    station.kept(MASTER);
    station.kept(MASTER);
    for card in &cards[..3] {
        assert_eq!(station.kept(card).show, Some(Notice::Done));
        station.pass(Millis::from_secs(1));
    }
    assert_eq!(
        station.last.show,
        Some(Notice::Done),
        "the last one began a second ago"
    );
    station.pass(Millis::from_secs(1));
    assert_eq!(station.last.show, Some(Notice::Removing));
    station.kept(MASTER);
    assert_eq!(station.request("list").unwrap(), "44444444");
}

#[test]
fn unlisted_card_in_deletion_changes_nothing() {
    let mut station = station_with(&[ANNA]);
    station.kept(MASTER);
    station.kept(MASTER);
    assert_eq!(station.kept(BERT).show, Some(Notice::Removing));
    assert_eq!(station.request("list").unwrap(), ANNA);
}

#[test]
fn menu_opens_in_standby_only_and_closes_when_a_session_begins() {
    let mut station = station();
    station.input(Input::Busy(true));
    let verdict = station
        .ask(question(TokenKind::Rfid, MASTER))
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert!(verdict.reason.unwrap().contains("standby"));
    assert_eq!(station.last.show, None);
    station.input(Input::Busy(false));
    station.kept(MASTER);
    station.input(Input::Busy(true));
    assert_eq!((station.last.show, station.last.wake_at), (None, None));
    assert_eq!(station.swipe(BERT), Decision::Invalid);
    station.input(Input::Busy(false));
    assert_eq!(station.last.show, None, "and stays closed");
}

#[test]
fn list_survives_a_restart_and_the_open_menu_does_not() {
    let mut station = station();
    station.kept(MASTER);
    station.kept(ANNA);
    station.restart();
    assert_eq!((station.last.show, station.last.wake_at), (None, None));
    assert_eq!(station.swipe(ANNA), Decision::Accepted);
    assert_eq!(station.swipe(BERT), Decision::Invalid);
}

#[test]
fn unknown_cards_are_refused_or_left_to_others() {
    let mut station = station();
    let verdict = station
        .ask(question(TokenKind::Rfid, BERT))
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert!(verdict.reason.is_some());
    station.set("refuse_unknown", "false");
    assert_eq!(station.swipe(BERT), Decision::NoOpinion);
    assert_eq!(
        station.decide(question(TokenKind::Central, ANNA)),
        Decision::NoOpinion
    );
}

#[test]
fn card_that_cannot_be_listed_is_refused_in_storage() {
    let mut station = station();
    station.kept(MASTER);
    for (uid, why) in [("08A1B2C3", "random"), ("nonsense", "number")] {
        let verdict = station.ask(question(TokenKind::Rfid, uid)).verdict.unwrap();
        assert_eq!(verdict.decision, Decision::Invalid);
        assert!(verdict.reason.unwrap().contains(why));
    }
    assert_eq!(station.last.show, Some(Notice::Adding));
    station.input(Input::Timer);
    for n in 0..MAX_ENTRIES {
        station.kept(&format!("{:08X}", 0x1000_0000 + n));
    }
    let verdict = station
        .ask(question(TokenKind::Rfid, ANNA))
        .verdict
        .unwrap();
    assert!(verdict.reason.unwrap().contains("full"));
    station.request("clear").unwrap();
    assert!(station.store().is_empty());
}

#[test]
fn without_a_master_card_nobody_opens_the_menu() {
    for master in ["", "none", "04FFEEDD CCBBAA"] {
        let mut station = Station::new(&[("master", master)]);
        assert_eq!(station.swipe(MASTER), Decision::Invalid);
        never_accepts(&mut station, &[MASTER, ANNA]);
        assert_eq!(station.last.show, None, "{master}");
    }
}

#[test]
fn people_look_at_the_list_and_change_it() {
    let mut station = station();
    assert_eq!(station.request("list").unwrap(), "no card");
    assert_eq!(station.request("add 0a0e9b83").unwrap(), "1 cards");
    assert_eq!(station.swipe(BERT), Decision::Accepted);
    for bad in [
        "add 0A0E9B83",
        "add 08A1B2C3",
        "add x",
        "add 0A0E9B84@1",
        "add MAC=001A2B3C4D5E",
        "remove 0A0E9B84",
        "dance",
        "add",
    ] {
        assert!(station.request(bad).is_err(), "{bad}");
    }
    assert_eq!(station.request("remove 0A0E9B83").unwrap(), "0 cards");
    assert_eq!(station.swipe(BERT), Decision::Invalid);
}

#[test]
fn nobody_elses_token_is_ever_accepted() {
    let mut station = station_with(&[ANNA]);
    never_accepts(
        &mut station,
        &["DEADBEEF", "04567DAA5F35", "04567DAA5F358000"],
    );
    station.set("refuse_unknown", "false");
    never_accepts(&mut station, &["DEADBEEF"]);
    never_accepts(&mut station, &[MASTER]);
}
