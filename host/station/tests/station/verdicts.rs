//! Verdicts that come late, never, or twice; rules for the time without a backend; later refusals.

use interlock::PilotState;
use station::*;
use units::{Milliamps, Timestamp};

use crate::rig::*;

const STRANGER: &str = "DEADBEEF";

#[test]
fn no_verdict_in_time_is_no_opinion_and_never_accepts() {
    let mut rig = Rig::new().boot();
    rig.swipe(STRANGER);
    assert_eq!(rig.indication(), Indication::Authorising);
    rig.run(29_999);
    assert_eq!(rig.indication(), Indication::Authorising);
    rig.run(1);
    assert_eq!(rig.indication(), Indication::Available);
    assert_eq!(rig.signals(), [Signal::CardSeen, Signal::Rejected]);
}

#[test]
fn a_late_or_doubled_or_foreign_verdict_changes_nothing() {
    let mut rig = Rig::new().boot();
    rig.swipe(STRANGER);
    let request = rig.asked[0].0;
    rig.seconds(31);
    for request in [request, request, RequestId(999)] {
        rig.event(Event::Verdict {
            request,
            verdict: verdict(Decision::Accepted),
        });
    }
    assert_eq!(rig.indication(), Indication::Available);
    rig.plug_in(ONE);
    assert_eq!(rig.starts(), []);
}

#[test]
fn another_card_while_a_verdict_is_awaited_is_refused_and_the_same_one_is_no_second_question() {
    let mut rig = Rig::new().boot();
    rig.swipe(STRANGER);
    rig.swipe(STRANGER);
    assert_eq!(rig.asked.len(), 1);
    rig.swipe(BOB);
    assert_eq!(rig.asked.len(), 1);
    assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
}

#[test]
fn an_accepted_token_whose_validity_is_over_is_refused() {
    let mut rig = Rig::new().boot();
    rig.set_clock(1_000_000);
    let old = Verdict {
        expires: Some(Timestamp::from_unix_millis(1_000_000)),
        ..verdict(Decision::Accepted)
    };
    rig.verdicts.insert(ALICE.to_owned(), old);
    rig.swipe(ALICE);
    assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
}

#[test]
fn a_fault_that_comes_before_the_verdict_refuses_it() {
    let mut rig = Rig::new().boot();
    rig.swipe(STRANGER);
    rig.trip(ONE, interlock::Trip::Weld);
    let request = rig.asked[0].0;
    rig.event(Event::Verdict {
        request,
        verdict: verdict(Decision::Accepted),
    });
    assert!(!rig.connector().authorized);
}

fn offline_stranger() -> Rig {
    let settings = [
        ("allow_unknown_offline", "true"),
        ("verdict_timeout_s", "5"),
        ("stop_on_invalid_token", "true"),
    ];
    let mut rig = Rig::set_up(&settings).boot();
    rig.event(Event::BackendOnline { online: false });
    rig.plug_in(ONE);
    rig.swipe(STRANGER);
    rig.seconds(5);
    rig.pilot(ONE, PilotState::C);
    assert!(rig.energised());
    rig
}

// acceptance: P105
#[test]
fn an_unknown_token_starts_without_a_backend_when_so_set_and_is_checked_when_it_is_back() {
    let mut rig = offline_stranger();
    let Some((.., JournalEvent::TransactionStarted { offline, .. })) = rig.journal.first() else {
        panic!("the start is the first entry");
    };
    assert!(offline);
    rig.verdicts
        .insert(STRANGER.to_owned(), verdict(Decision::Invalid));
    rig.event(Event::BackendOnline { online: true });
    assert_eq!(rig.asked.last().unwrap().2, AuthorizePurpose::Recheck);
    assert_eq!(rig.end_reasons(), [StopReason::Deauthorized]);
}

#[test]
fn an_unknown_token_that_turns_out_good_goes_on_and_is_not_asked_again() {
    let mut rig = offline_stranger();
    rig.verdicts
        .insert(STRANGER.to_owned(), verdict(Decision::Accepted));
    for online in [true, false, true] {
        rig.event(Event::BackendOnline { online });
    }
    let rechecks = rig
        .asked
        .iter()
        .filter(|asked| asked.2 == AuthorizePurpose::Recheck)
        .count();
    assert_eq!(rechecks, 1);
    assert!(rig.energised());
}

// acceptance: P104
#[test]
fn an_unknown_token_does_not_start_without_a_backend_by_default() {
    let mut rig = Rig::new().boot();
    rig.event(Event::BackendOnline { online: false });
    rig.plug_in(ONE);
    rig.swipe(STRANGER);
    rig.seconds(60);
    assert_eq!(rig.starts(), []);
}

fn refuse(rig: &mut Rig, stop: bool) {
    let transaction = rig.running().unwrap();
    let verdict = verdict(Decision::Invalid);
    rig.event(Event::TransactionVerdict {
        transaction,
        verdict,
        stop,
    });
}

#[test]
fn a_token_refused_later_ends_the_transaction() {
    let mut rig = Rig::new().boot();
    rig.charge();
    refuse(&mut rig, true);
    assert_eq!(rig.ends(), [(StopReason::Deauthorized, None)]);
    assert!(!rig.locked());
}

#[test]
fn a_token_refused_later_only_suspends_when_setting_or_backend_say_so() {
    for (setting, stop) in [("false", true), ("true", false)] {
        let mut rig = Rig::set_up(&[("stop_on_invalid_token", setting)]).boot();
        rig.charge();
        refuse(&mut rig, stop);
        rig.seconds(10);
        assert_eq!(rig.ends(), []);
        assert_eq!(rig.permit().max_current, Milliamps::ZERO);
        assert_eq!(rig.indication(), Indication::SuspendedEvse);
    }
}

#[test]
fn a_token_refused_later_may_take_the_set_energy_before_it_is_suspended() {
    let settings = [
        ("stop_on_invalid_token", "false"),
        ("max_energy_on_invalid_wh", "20"),
    ];
    let mut rig = Rig::set_up(&settings).boot();
    rig.charge();
    let at_refusal = rig.station.register(ONE).unwrap().get();
    refuse(&mut rig, true);
    rig.seconds(10);
    assert!(rig.energised());
    rig.seconds(60);
    assert!(!rig.energised());
    assert_eq!(rig.station.register(ONE).unwrap().get(), at_refusal + 20);
    assert_eq!(rig.ends(), []);
}

#[test]
fn an_opinion_about_another_transaction_or_no_opinion_changes_nothing() {
    let mut rig = Rig::new().boot();
    let transaction = rig.charge();
    let other = TransactionId(transaction.0 + 1);
    for (transaction, decision) in [
        (other, Decision::Blocked),
        (transaction, Decision::NoOpinion),
    ] {
        let verdict = verdict(decision);
        rig.event(Event::TransactionVerdict {
            transaction,
            verdict,
            stop: true,
        });
    }
    assert!(rig.energised());
}

#[test]
fn a_group_learnt_from_the_backend_later_lets_its_other_card_stop() {
    let mut rig = Rig::new().boot();
    let transaction = rig.charge();
    let verdict = in_group("FAMILY");
    rig.event(Event::TransactionVerdict {
        transaction,
        verdict,
        stop: false,
    });
    rig.verdicts.insert(BOB.to_owned(), in_group("FAMILY"));
    rig.swipe(BOB);
    assert_eq!(rig.ends(), [(StopReason::Local, Some(BOB.to_owned()))]);
}

#[test]
fn what_was_accepted_without_asking_the_backend_is_journaled_as_offline() {
    for offline in [true, false] {
        let mut rig = Rig::new().boot();
        let known = Verdict {
            offline,
            ..verdict(Decision::Accepted)
        };
        rig.verdicts.insert(ALICE.to_owned(), known);
        rig.charge();
        let Some((.., JournalEvent::TransactionStarted { offline: told, .. })) =
            rig.journal.first()
        else {
            panic!("the start is the first entry");
        };
        assert_eq!(*told, offline);
    }
}

#[test]
fn one_reader_for_all_lets_a_card_of_the_group_stop_the_transaction_of_its_group() {
    let mut rig = Rig::double().boot();
    for (evse, card, group) in [(ONE, ALICE, "BLUE"), (TWO, BOB, "RED")] {
        rig.verdicts.insert(card.to_owned(), in_group(group));
        rig.plug_in(evse);
        rig.swipe_at(Some(evse), card);
    }
    rig.verdicts.insert(STRANGER.to_owned(), in_group("RED"));
    rig.swipe_at(None, STRANGER);
    assert_eq!(rig.ends(), [(StopReason::Local, Some(STRANGER.to_owned()))]);
    assert_eq!(rig.station.transactions()[0].evse, ONE);
}

// acceptance: P105
#[test]
fn token_accepted_in_doubt_is_asked_about_again_when_the_backend_is_back_and_may_be_stopped() {
    let mut rig = Rig::new().boot();
    rig.event(Event::BackendOnline { online: false });
    let doubt = Verdict {
        offline: true,
        ..verdict(Decision::Accepted)
    };
    rig.verdicts.insert(ALICE.to_owned(), doubt);
    rig.charge();
    rig.verdicts
        .insert(ALICE.to_owned(), verdict(Decision::Invalid));
    rig.event(Event::BackendOnline { online: true });
    rig.seconds(2);
    let (_, token, purpose, _) = rig.asked.last().unwrap().clone();
    assert_eq!(
        (token.value.as_str(), purpose),
        (ALICE, AuthorizePurpose::Recheck)
    );
    assert_eq!(rig.end_reasons(), [StopReason::Deauthorized]);
}

// acceptance: P147
#[test]
fn enforced_master_reader_serves_every_evse_and_the_others_serve_none() {
    let mut rig = Rig::double().boot();
    rig.set("enforce_master_rfid", "true");
    rig.plug_in(TWO);
    rig.swipe_at(Some(TWO), ALICE);
    assert_eq!((rig.starts(), rig.asked.len()), (vec![], 0));
    rig.swipe_at(Some(ONE), ALICE);
    let evses: Vec<EvseId> = rig.station.transactions().iter().map(|t| t.evse).collect();
    assert_eq!(evses, [TWO], "the vehicle is there");
    rig.swipe_at(Some(ONE), ALICE);
    rig.seconds(1);
    assert_eq!(rig.station.transactions(), [], "it ends there too");
    rig.set("enforce_master_rfid", "false");
    rig.unplug(TWO);
    rig.plug_in(TWO);
    rig.swipe_at(Some(TWO), ALICE);
    assert_eq!(rig.station.transactions().len(), 1);
}
