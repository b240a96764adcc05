//! What the local whitelist promises.

use std::collections::BTreeMap;

use super::*;
use sdk::testing::{Bench, never_accepts, question};
use units::{Millis, Timestamp};

type List = Bench<LocalWhitelist>;

fn at_evse(list: &mut List, uid: &str, evse_id: Option<u32>) -> Decision {
    let mut question = question(TokenKind::Rfid, uid);
    question.request.evse_id = evse_id;
    list.decide(question)
}

fn plug_in(list: &mut List, mac: &str) -> Answer {
    list.ask(question(TokenKind::Mac, mac))
}

// acceptance: P138
#[test]
fn listed_card_is_accepted_before_any_backend_is_asked() {
    let mut list = List::new(&[("entries", "04A1B2C3:11223344")]);
    for connected in [true, false] {
        list.input(Input::BackendConnected(connected));
        assert_eq!(list.swipe("04A1B2C3"), Decision::Accepted);
        assert_eq!(list.swipe("11223344"), Decision::Accepted);
        for unknown in ["04A1B2C4", "04A1B2C3FF", "", "04A1B2C3:11223344"] {
            assert_eq!(list.swipe(unknown), Decision::NoOpinion, "{unknown}");
        }
    }
}

#[test]
fn empty_list_accepts_nobody() {
    for entries in [
        "",
        ":",
        "::",
        " : ",
        "@1",
        "04A1B2C3@",
        "04A1B2C3@0",
        "04A1B2C3@x",
        "04A1B2",
        "04A1B2CG",
    ] {
        let mut list = List::new(&[("entries", entries)]);
        assert_eq!(list.request("list").unwrap(), "no entry", "{entries:?}");
        assert_eq!(list.swipe(""), Decision::NoOpinion);
        assert_eq!(list.swipe("04A1B2C3"), Decision::NoOpinion);
    }
}

#[test]
fn refuse_unknown_refuses_unknown_cards_and_nothing_else() {
    let mut list = List::new(&[("entries", "04A1B2C3"), ("refuse_unknown", "true")]);
    assert_eq!(list.swipe("DEADBEEF"), Decision::Invalid);
    assert_eq!(list.swipe("04A1B2C3"), Decision::Accepted);
    for kind in [
        TokenKind::Central,
        TokenKind::Mac,
        TokenKind::Fixed,
        TokenKind::Other,
    ] {
        assert_eq!(list.decide(question(kind, "04A1B2C3")), Decision::NoOpinion);
    }
}

// acceptance: P145
#[test]
fn card_scoped_to_an_evse_is_refused_elsewhere_and_at_a_shared_reader() {
    let mut list = List::new(&[("entries", "04A1B2C3@1:11223344@2:11223344@3")]);
    assert_eq!(at_evse(&mut list, "04A1B2C3", Some(1)), Decision::Accepted);
    assert_eq!(at_evse(&mut list, "04A1B2C3", Some(2)), Decision::Invalid);
    assert_eq!(at_evse(&mut list, "04A1B2C3", None), Decision::Invalid);
    assert_eq!(at_evse(&mut list, "11223344", Some(3)), Decision::Accepted);
    list.request("add 55667788@2").unwrap();
    list.restart();
    assert_eq!(at_evse(&mut list, "55667788", Some(2)), Decision::Accepted);
    assert_eq!(at_evse(&mut list, "55667788", Some(1)), Decision::Invalid);
}

#[test]
fn vehicle_is_judged_by_its_mac_address_and_a_card_never_by_a_vehicles() {
    let mut list = List::new(&[("entries", "MAC=001A2B3C4D5E:AABBCCDDEEFF")]);
    for mac in ["001A2B3C4D5E", "00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E"] {
        let decision = plug_in(&mut list, mac).verdict.unwrap().decision;
        assert_eq!(decision, Decision::Accepted, "{mac}");
    }
    assert_eq!(list.swipe("001A2B3C4D5E"), Decision::NoOpinion);
    let verdict = plug_in(&mut list, "AABBCCDDEEFF").verdict.unwrap();
    assert_eq!(verdict.decision, Decision::NoOpinion, "that one is a card");
}

// acceptance: P129, P130
#[test]
fn entries_must_be_written_in_the_lists_letter_case_and_byte_order() {
    for (format, entry, right) in [
        ("any", "0A0e9B83", true),
        ("upper", "0A0E9B83", true),
        ("upper", "0a0e9b83", false),
        ("lower", "0a0e9b83", true),
        ("lower", "0A0E9B83", false),
        ("upper-reversed", "839B0E0A", true),
        ("upper-reversed", "0A0E9B83", false),
        ("lower-reversed", "839b0e0a", true),
        ("lower-reversed", "839B0E0A", false),
    ] {
        let expected = if right {
            Decision::Accepted
        } else {
            Decision::NoOpinion
        };
        let mut list = List::new(&[("entries", entry), ("list_format", format)]);
        assert_eq!(list.swipe("0A0E9B83"), expected, "{format} {entry}");
        let mut typed = List::new(&[("list_format", format)]);
        let reply = typed.request(&format!("add {entry}"));
        assert_eq!(typed.swipe("0A0E9B83"), expected, "{format} {entry}");
        if right {
            let exported = typed.request("export").unwrap();
            assert!(exported.eq_ignore_ascii_case(entry), "{format}: {exported}");
        } else if let Err(why) = reply {
            assert!(why.contains("list_format"), "{why}");
        }
    }
}

#[test]
fn settings_may_come_in_any_order_and_change_later() {
    let mut list = List::new(&[("list_format", "lower-reversed"), ("entries", "c3b2a104")]);
    assert_eq!(list.swipe("04A1B2C3"), Decision::Accepted);
    list.set("entries", "11223344");
    assert_eq!(list.swipe("04A1B2C3"), Decision::NoOpinion);
    assert_eq!(list.swipe("44332211"), Decision::Accepted);
    list.set("some_other_setting", "1");
    list.set("list_format", "sideways");
    assert_eq!(list.swipe("44332211"), Decision::Accepted);
}

// acceptance: P139
#[test]
fn enabled_list_of_colon_separated_entries_judges_and_one_that_is_off_judges_and_answers_nobody() {
    let mut list = List::new(&[
        ("entries", "04A1B2C3:99AABBCC"),
        ("enabled", "false"),
        ("refuse_unknown", "true"),
    ]);
    assert_eq!(list.swipe("04A1B2C3"), Decision::NoOpinion);
    assert_eq!(list.swipe("DEADBEEF"), Decision::NoOpinion);
    assert!(list.request("list").unwrap_err().contains("enabled"));
    assert!(list.request("learn on").is_err());
    assert!(list.request("help").is_ok());
    list.set("enabled", "true");
    assert_eq!(list.swipe("04A1B2C3"), Decision::Accepted);
    assert_eq!(list.swipe("99AABBCC"), Decision::Accepted);
    list.request("learn on").unwrap();
    list.set("enabled", "off");
    assert_eq!(list.last.show, None);
    assert_eq!(list.swipe("11223344"), Decision::NoOpinion);
}

// acceptance: P141
#[test]
fn typed_and_learned_cards_are_added_and_survive_a_restart() {
    let mut list = List::new(&[]);
    list.request("add 04567DAA5F3580").unwrap();
    list.request("learn on").unwrap();
    assert_eq!(list.last.show, Some(Notice::Adding));
    let answer = list.kept("11223344");
    assert_eq!((answer.verdict, answer.show), (None, Some(Notice::Adding)));
    list.kept("55667788");
    list.kept("55667788");
    list.restart();
    assert_eq!(list.last.show, None, "learning does not survive");
    for uid in ["04567DAA5F3580", "11223344", "55667788"] {
        assert_eq!(list.swipe(uid), Decision::Accepted);
    }
    let all = list.request("list").unwrap();
    assert_eq!(
        all,
        "04567DAA5F3580 (RFID), 11223344 (RFID), 55667788 (RFID)"
    );
}

// acceptance: P142
#[test]
fn vehicle_that_is_plugged_in_while_learning_is_added() {
    let mut list = List::new(&[]);
    list.request("learn on").unwrap();
    assert!(plug_in(&mut list, "00:1A:2B:3C:4D:5E").consumed);
    list.request("learn off").unwrap();
    let verdict = plug_in(&mut list, "00:1A:2B:3C:4D:5E").verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Accepted);
    assert_eq!(list.request("list").unwrap(), "MAC=001A2B3C4D5E (MAC)");
    list.request("learn on").unwrap();
    let answer = plug_in(&mut list, "00:1A:2B:3C:4D:5E");
    assert!(!answer.consumed, "a known vehicle comes to charge");
    assert_eq!(answer.verdict.unwrap().decision, Decision::Accepted);
}

// acceptance: P143
#[test]
fn learning_ends_when_told_and_by_itself() {
    let mut list = List::new(&[("learn_timeout_s", "20")]);
    list.request("learn on").unwrap();
    list.request("learn off").unwrap();
    assert_eq!((list.last.show, list.last.wake_at), (None, None));
    assert_eq!(list.swipe("11223344"), Decision::NoOpinion);

    list.request("learn on").unwrap();
    list.pass(Millis::from_secs(19));
    list.kept("11223344");
    list.pass(Millis::from_secs(19));
    assert_eq!(
        list.last.show,
        Some(Notice::Adding),
        "a new card renews the time"
    );
    list.pass(Millis::from_secs(1));
    assert_eq!((list.last.show, list.last.wake_at), (None, None));

    list.request("learn on").unwrap();
    list.pass_silently(Millis::from_secs(20));
    assert_eq!(
        list.swipe("55667788"),
        Decision::NoOpinion,
        "a late timer learns nothing"
    );
    assert_eq!(list.last.show, None);
}

#[test]
fn learning_keeps_only_tokens_that_want_to_start_a_charge() {
    let mut list = List::new(&[("entries", "04A1B2C3")]);
    list.request("learn on").unwrap();
    let mut stop = question(TokenKind::Rfid, "11223344");
    stop.request.purpose = AuthorizePurpose::Stop;
    assert!(!list.ask(stop).consumed);
    let mut recheck = question(TokenKind::Rfid, "11223344");
    recheck.request.purpose = AuthorizePurpose::Recheck;
    assert!(!list.ask(recheck).consumed);
    let mut late = question(TokenKind::Rfid, "11223344");
    late.stage = Stage::Unanswered;
    assert!(!list.ask(late).consumed);
    for kind in [TokenKind::Central, TokenKind::Fixed, TokenKind::Other] {
        assert_eq!(list.decide(question(kind, "11223344")), Decision::NoOpinion);
    }
    assert_eq!(list.request("list").unwrap(), "04A1B2C3 (RFID)");
}

#[test]
fn random_numbers_are_refused_with_the_reason() {
    let mut list = List::new(&[]);
    let why = list.request("add 08A1B2C3").unwrap_err();
    assert!(why.contains("random"), "{why}");
    assert!(
        list.request("import 08A1B2C3")
            .unwrap_err()
            .contains("random")
    );
    list.request("learn on").unwrap();
    let verdict = list
        .ask(question(TokenKind::Rfid, "08A1B2C3"))
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert!(verdict.reason.unwrap().contains("random"));
    let verdict = list
        .ask(question(TokenKind::Rfid, "nonsense"))
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert_eq!(list.request("list").unwrap(), "no entry");
}

// acceptance: P144
#[test]
fn list_can_be_searched_exported_cleared_and_imported_and_a_row_removed() {
    let mut list = List::new(&[]);
    let imported = list
        .request("import 04A1B2C3:11223344@2;55667788,MAC=001A2B3C4D5E")
        .unwrap();
    assert_eq!(imported, "4 added, 0 were there already; 4 of 1000 entries");
    assert_eq!(list.request("search 2233").unwrap(), "11223344@2 (RFID)");
    assert_eq!(list.request("search 9999").unwrap(), "no entry");
    list.request("remove 55667788").unwrap();
    assert_eq!(list.swipe("55667788"), Decision::NoOpinion);
    assert!(
        list.request("remove 55667788")
            .unwrap_err()
            .contains("not listed")
    );
    let exported = list.request("export").unwrap();
    assert_eq!(exported, "04A1B2C3:11223344@2:MAC=001A2B3C4D5E");
    assert_eq!(
        list.request("clear").unwrap(),
        "3 removed; the list is empty"
    );
    assert!(list.store().is_empty());
    assert_eq!(list.swipe("04A1B2C3"), Decision::NoOpinion);
    list.request(&format!("import {exported}")).unwrap();
    assert_eq!(list.request("export").unwrap(), exported);
    let replaced = list.request("import --replace 04A1B2C3 99AABBCC").unwrap();
    assert_eq!(replaced, "2 added, 0 were there already; 2 of 1000 entries");
    list.restart();
    assert_eq!(list.request("export").unwrap(), "04A1B2C3:99AABBCC");
}

#[test]
fn import_understands_other_systems_scopes_and_decimal_numbers() {
    let mut list = List::new(&[]);
    list.request("import --decimal 3536403172:1").unwrap();
    assert_eq!(at_evse(&mut list, "E43AC9D2", Some(1)), Decision::Accepted);
    assert_eq!(at_evse(&mut list, "E43AC9D2", Some(2)), Decision::Invalid);
    for bad in [
        "import",
        "import --replace",
        "import --hex 04A1B2C3",
        "import --replace 04A1B2C3:zz",
    ] {
        let why = list.request(bad).unwrap_err();
        assert!(!why.is_empty(), "{bad}");
        assert_eq!(list.request("export").unwrap(), "E43AC9D2@1", "{bad}");
    }
}

#[test]
fn entries_of_the_setting_are_removed_in_the_setting() {
    let mut list = List::new(&[("entries", "04A1B2C3")]);
    assert!(
        list.request("remove 04A1B2C3")
            .unwrap_err()
            .contains("setting `entries`")
    );
    assert!(
        list.request("add 04A1B2C3")
            .unwrap_err()
            .contains("already")
    );
    list.request("add 11223344").unwrap();
    let cleared = list.request("clear").unwrap();
    assert_eq!(cleared, "1 removed; 1 remain, from the setting `entries`");
    assert_eq!(list.swipe("04A1B2C3"), Decision::Accepted);
}

#[test]
fn full_list_takes_nothing_more_and_says_so() {
    let many: Vec<String> = (0..1_005)
        .map(|n| format!("{:08X}", 0x1000_0000 + n))
        .collect();
    let mut fixed = List::new(&[("entries", &many.join(":"))]);
    assert_eq!(fixed.swipe(&many[999]), Decision::Accepted);
    assert_eq!(fixed.swipe(&many[1_000]), Decision::NoOpinion);
    assert!(
        fixed
            .request("add 0102030405060708090A")
            .unwrap_err()
            .contains("full")
    );

    let mut own = List::new(&[]);
    let long: Vec<String> = (0..1_000).map(|n| format!("{n:020X}@99")).collect();
    own.request(&format!("import {}", long.join(":"))).unwrap();
    assert_eq!(own.request("list").unwrap().split(", ").count(), 1_000);
    assert_eq!(own.request("export").unwrap().split(':').count(), 1_000);
    assert!(
        own.request("import 11223344")
            .unwrap_err()
            .contains("1001 entries")
    );
    assert!(own.request("learn on").unwrap_err().contains("full"));
    own.request("clear").unwrap();
    assert!(own.store().is_empty());

    let mut two = List::new(&[("max_entries", "2")]);
    two.request("learn on").unwrap();
    two.kept("11223344");
    two.kept("55667788");
    let verdict = two
        .ask(question(TokenKind::Rfid, "99AABBCC"))
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert!(verdict.reason.unwrap().contains("full"));
}

#[test]
fn foreign_words_are_answered_and_change_nothing() {
    let mut list = List::new(&[("entries", "04A1B2C3")]);
    let long = format!("add {}", "A".repeat(100_000));
    for line in [
        "",
        "help",
        "dance",
        "add",
        "add 1 2",
        "add x\u{0}y\n",
        "learn",
        "learn maybe",
        "remove",
        "remove @",
        "slots",
        "read",
        "write 1",
        "search",
        &long,
    ] {
        let reply = list.request(line);
        assert_eq!(
            reply.is_ok(),
            matches!(line, "" | "help"),
            "{line}: {reply:?}"
        );
    }
    assert_eq!(list.request("export").unwrap(), "04A1B2C3");
}

// acceptance: C112, C113, C114, C115
#[test]
fn read_card_is_shown_and_written_to_one_of_three_slots() {
    let mut list = List::new(&[("three_slots", "true"), ("entries", "DEADBEEF")]);
    assert_eq!(
        list.request("slots").unwrap(),
        "1: empty, 2: empty, 3: empty, read: nothing"
    );
    for (number, uid) in [("1", "11223344"), ("2", "55667788"), ("3", "99AABBCC")] {
        assert!(
            list.request(&format!("write {number}")).is_err(),
            "no card was read"
        );
        list.request("read").unwrap();
        assert_eq!(list.last.show, Some(Notice::Adding));
        assert_eq!(list.kept(uid).show, None);
        let shown = list.request("slots").unwrap();
        assert!(shown.ends_with(&format!("read: {uid}")), "{shown}");
        assert_ne!(
            list.swipe("0A0E9B83"),
            Decision::Accepted,
            "one card is read"
        );
        list.request(&format!("write {number}")).unwrap();
        assert_eq!(list.swipe(uid), Decision::Accepted);
    }
    list.restart();
    assert_eq!(
        list.request("slots").unwrap(),
        "1: 11223344, 2: 55667788, 3: 99AABBCC, read: nothing"
    );
    assert_eq!(
        list.swipe("DEADBEEF"),
        Decision::NoOpinion,
        "three cards, wherever they come from"
    );
    list.request("read").unwrap();
    list.kept("DDEEFF00");
    for number in ["0", "4", "x"] {
        assert!(list.request(&format!("write {number}")).is_err());
    }
    list.request("write 2").unwrap();
    assert_eq!(list.swipe("55667788"), Decision::NoOpinion);
    assert_eq!(list.swipe("DDEEFF00"), Decision::Accepted);
    for more in ["add 01020304", "import 01020304", "learn on"] {
        assert!(list.request(more).unwrap_err().contains("three slots"));
    }
    list.request("read").unwrap();
    list.kept("11223344");
    assert_eq!(
        list.request("write 3").unwrap_err(),
        "the card is in slot 1 already"
    );
}

// acceptance: C116
#[test]
fn cards_are_read_and_written_in_standby_only() {
    let mut list = List::new(&[("three_slots", "true")]);
    list.input(Input::Busy(true));
    assert!(list.request("read").unwrap_err().contains("standby"));
    assert_eq!(list.swipe("11223344"), Decision::NoOpinion);
    list.input(Input::Busy(false));
    list.request("read").unwrap();
    list.kept("11223344");
    list.input(Input::Busy(true));
    assert!(list.request("write 1").unwrap_err().contains("standby"));
    list.input(Input::Busy(false));
    assert!(
        list.request("write 1").is_err(),
        "the read card is forgotten"
    );
    assert_eq!(
        list.request("slots").unwrap(),
        "1: empty, 2: empty, 3: empty, read: nothing"
    );
    list.busy = true;
    list.restart();
    assert!(list.request("read").is_err());
}

#[test]
fn card_is_forgotten_when_nobody_writes_it() {
    let mut list = List::new(&[("three_slots", "true")]);
    list.request("read").unwrap();
    list.pass(Millis::from_secs(60));
    assert_eq!((list.last.show, list.last.wake_at), (None, None));
    assert_eq!(list.swipe("11223344"), Decision::NoOpinion);
    list.request("read").unwrap();
    let random = list
        .ask(question(TokenKind::Rfid, "08A1B2C3"))
        .verdict
        .unwrap();
    assert_eq!(random.decision, Decision::Invalid);
    list.kept("11223344");
    list.pass_silently(Millis::from_secs(60));
    assert!(list.request("write 1").is_err());
}

#[test]
fn nobody_elses_token_is_ever_accepted() {
    let unknown = ["DEADBEEF", "04A1B2C300", "04A1B2", "C3B2A104"];
    for settings in [
        &[("entries", "04A1B2C3:11223344@2:MAC=001A2B3C4D5E")][..],
        &[("three_slots", "true")],
        &[("entries", "04A1B2C3"), ("list_format", "lower")],
    ] {
        let mut list = List::new(settings);
        list.wall = Some(Timestamp::from_unix_millis(1_800_000_000_000));
        never_accepts(&mut list, &unknown);
        let _three_slots_know_no_learning = list.request("learn on");
        let _a_list_knows_no_slots = list.request("read");
        never_accepts(&mut list, &[]);
    }
}

#[test]
fn damaged_store_accepts_nobody() {
    let mut store = BTreeMap::new();
    store.insert("list/00".to_owned(), vec![0xff; 300]);
    store.insert("list/01".to_owned(), b"\n\n@1\nMAC=\n".to_vec());
    let mut list = List::with_store(&[], store);
    assert_eq!(list.request("list").unwrap(), "no entry");
    never_accepts(&mut list, &["DEADBEEF"]);
}

/// `pilotwire plugin record auth-local-whitelist` of a simulated station: an unknown card, the same card after it was added.
const STREET: &str = include_str!("../recordings/street.jsonl");

#[test]
fn recording_of_a_station_is_answered_as_it_was() {
    let replayed = sdk::testing::replay_authorizer::<LocalWhitelist>(STREET);
    assert_eq!((replayed.calls, replayed.differences), (10, Vec::new()));
    let forged = STREET.replace("\"words\":[\"add\"", "\"words\":[\"remove\"");
    let replayed = sdk::testing::replay_authorizer::<LocalWhitelist>(&forged);
    assert!(replayed.differences.len() >= 2, "{replayed:?}");
}

// acceptance: P128
#[test]
fn number_as_a_phone_shows_it_is_the_cards_number() {
    let spellings = [
        "04:56:7D:AA:5F:35:80",
        "04:56:7d:aa:5f:35:80",
        "04 56 7D AA 5F 35 80",
        "04-56-7d-aa-5f-35-80",
        "04567daa5f3580",
    ];
    for spelling in spellings {
        let mut list = List::new(&[("entries", spelling)]);
        assert_eq!(list.request("list").unwrap(), "04567DAA5F3580 (RFID)");
        assert_eq!(list.swipe("04567DAA5F3580"), Decision::Accepted);
        let mut list = List::new(&[("entries", "")]);
        list.request(&format!("add {spelling}")).unwrap();
        assert_eq!(list.swipe("04567DAA5F3580"), Decision::Accepted);
        assert_eq!(list.swipe("56"), Decision::NoOpinion);
        list.request(&format!("remove {spelling}")).unwrap();
        assert_eq!(list.swipe("04567DAA5F3580"), Decision::NoOpinion);
        let text = format!("import 04A1B2C3, {spelling}@2; 0A 0E 9B 83");
        list.request(&text).unwrap();
        let listed = list.request("list").unwrap();
        for entry in ["04A1B2C3 ", "04567DAA5F3580@2 ", "0A0E9B83 "] {
            assert!(listed.contains(entry), "{listed}");
        }
    }
    let mut list = List::new(&[("entries", "11223344:04:56:7D:AA:5F:35:80@1:55667788")]);
    assert_eq!(list.swipe("11223344"), Decision::Accepted);
    assert_eq!(list.swipe("55667788"), Decision::Accepted);
    assert_eq!(
        at_evse(&mut list, "04567DAA5F3580", Some(1)),
        Decision::Accepted
    );
    // Two in a row could be cut in more than one place; none of it is guessed.
    let mut list = List::new(&[("entries", "04:56:7D:AA:0A:0E:9B:83")]);
    assert_eq!(list.request("list").unwrap(), "no entry");
    let refused = list.request("add 04:56:7D:AA:5F").unwrap_err();
    assert!(refused.contains("04:56:7D:AA:5F"), "{refused}");
}
