//! From plug-in to unplug: both orders, time-outs, indications, signals, lock.

use interlock::{LockPosition, LockWish, PilotState, Trip};
use station::*;
use units::Milliamps;

use crate::rig::*;

// acceptance: J9, J10, J12, J14, J18, J19, J20, J22, J23, J24, C12
#[test]
fn a_session_shows_its_indications_in_order_when_the_card_comes_first() {
    let mut rig = Rig::new().boot();
    assert_eq!(rig.indication(), Indication::Available);
    rig.swipe(ALICE);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    assert_eq!(rig.starts(), [], "no transaction without a vehicle");
    rig.port(ONE).jammed = true;
    rig.plug_in(ONE);
    assert_eq!(
        rig.indication(),
        Indication::Preparing,
        "the lock has not engaged yet"
    );
    assert_eq!(rig.starts(), []);
    rig.port(ONE).jammed = false;
    rig.report(ONE);
    rig.run(100);
    assert_eq!(rig.starts().len(), 1);
    assert_eq!(
        rig.indication(),
        Indication::Preparing,
        "the vehicle has time to react"
    );
    rig.seconds(20);
    assert_eq!(rig.indication(), Indication::SuspendedEv);
    rig.pilot(ONE, PilotState::C);
    assert_eq!(rig.indication(), Indication::Charging);
    rig.swipe(ALICE);
    assert_eq!(rig.indication(), Indication::Finishing);
    assert!(!rig.locked(), "the end releases the plug");
    rig.unplug(ONE);
    assert_eq!(rig.indication(), Indication::Available);
    let expected = [
        Indication::Boot,
        Indication::Available,
        Indication::Authorising,
        Indication::AuthorisedWaiting,
        Indication::Preparing,
        Indication::SuspendedEv,
        Indication::Charging,
        Indication::Finishing,
        Indication::Available,
    ];
    assert_eq!(rig.indications(), expected);
}

// acceptance: C12, C78
#[test]
fn a_card_after_plugging_in_starts_the_transaction() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    assert_eq!(rig.starts(), [], "plugging in alone starts nothing");
    assert_eq!(rig.connector().charging, ChargingState::EvConnected);
    rig.swipe(ALICE);
    assert_eq!(rig.starts(), [(TransactionId(1), ALICE.to_owned())]);
    assert!(rig.connector().authorized);
    rig.pilot(ONE, PilotState::C);
    assert_eq!(rig.connector().charging, ChargingState::Charging);
}

#[test]
fn current_is_granted_only_after_the_start_is_in_the_journal() {
    let mut rig = Rig::new().boot();
    rig.commits = false;
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(30);
    assert_eq!(rig.starts().len(), 1);
    assert_eq!(rig.permit().max_current, Milliamps::ZERO);
    assert_eq!(rig.connector().charging, ChargingState::EvConnected);
    rig.commit();
    assert_eq!(rig.permit().max_current, Milliamps::from_amps(32));
    assert!(rig.energised());
}

#[test]
fn permits_are_renewed_every_100_ms_and_expire_after_500_ms() {
    let mut rig = Rig::new().boot();
    rig.charge();
    let mut last = rig.permit().valid_until.as_millis();
    for _ in 0..50 {
        rig.run(100);
        let until = rig.permit().valid_until.as_millis();
        assert_eq!(until - last, 100);
        assert!(until > rig.now.as_millis() && until <= rig.now.as_millis() + 500);
        last = until;
    }
}

// acceptance: P102
#[test]
fn an_authorisation_without_a_vehicle_expires_after_45_s() {
    let mut rig = Rig::new().boot();
    rig.swipe(ALICE);
    rig.run(44_999);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    rig.run(1);
    assert_eq!(rig.indication(), Indication::Available);
    assert!(!rig.connector().authorized);
    rig.plug_in(ONE);
    rig.seconds(5);
    assert_eq!(rig.starts(), [], "an expired authorisation starts nothing");
}

#[test]
fn the_same_card_again_while_waiting_begins_the_time_anew() {
    let mut rig = Rig::new().boot();
    rig.swipe(ALICE);
    rig.seconds(40);
    rig.swipe(ALICE);
    assert_eq!(rig.asked.len(), 1, "nobody is asked twice");
    rig.seconds(40);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    rig.seconds(5);
    assert_eq!(rig.indication(), Indication::Available);
}

// acceptance: J13, C151
#[test]
fn a_refused_card_starts_nothing_and_gets_two_beeps() {
    for decision in [
        Decision::Invalid,
        Decision::Blocked,
        Decision::Expired,
        Decision::Concurrent,
    ] {
        let mut rig = Rig::new().boot();
        rig.verdicts.insert(ALICE.to_owned(), verdict(decision));
        rig.plug_in(ONE);
        assert!(rig.locked(), "locked at plug-in");
        rig.swipe(ALICE);
        assert_eq!(rig.signals(), [Signal::CardSeen, Signal::Rejected]);
        assert_eq!(rig.indication(), Indication::Available);
        assert!(!rig.locked(), "who was refused gets the cable back");
        rig.seconds(60);
        assert_eq!(rig.starts(), []);
        assert_eq!(rig.permit().max_current, Milliamps::ZERO);
    }
}

// acceptance: C151
#[test]
fn a_card_that_cannot_be_read_gets_two_beeps() {
    let mut rig = Rig::new().boot();
    rig.event(Event::TokenUnreadable { evse: Some(ONE) });
    assert_eq!(rig.signals(), [Signal::Rejected]);
}

#[test]
fn a_token_too_long_or_empty_is_refused_without_asking() {
    let mut rig = Rig::new().boot();
    rig.swipe("");
    rig.swipe(&"A".repeat(37));
    assert_eq!(rig.asked.len(), 0);
    rig.verdicts
        .insert("A".repeat(36), verdict(Decision::Accepted));
    rig.swipe(&"A".repeat(36));
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
}

// acceptance: J20, J22, C79, C150, C152
#[test]
fn the_same_card_ends_the_transaction_with_one_beep_and_releases_the_plug() {
    let mut rig = Rig::new().boot();
    rig.charge();
    assert!(rig.locked() && rig.energised());
    rig.log.clear();
    rig.swipe(ALICE);
    assert_eq!(rig.signals(), [Signal::CardSeen, Signal::Accepted]);
    assert_eq!(rig.ends(), [(StopReason::Local, Some(ALICE.to_owned()))]);
    assert!(!rig.energised() && !rig.locked());
    assert!(rig.connector().finishing);
    assert_eq!(
        rig.asked.len(),
        1,
        "the token that started needs no verdict to stop"
    );
}

// acceptance: J21
#[test]
fn a_different_card_does_not_end_the_transaction() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.log.clear();
    rig.swipe(BOB);
    assert_eq!(rig.asked.last().unwrap().2, AuthorizePurpose::Stop);
    assert_eq!(rig.signals(), [Signal::CardSeen, Signal::Rejected]);
    rig.seconds(60);
    assert_eq!(rig.ends(), []);
    assert!(rig.energised());
}

// acceptance: J21
#[test]
fn a_different_card_is_not_even_asked_for_when_the_setting_says_so() {
    let mut rig = Rig::set_up(&[("authorize_for_stop", "false")]).boot();
    rig.charge();
    rig.swipe(BOB);
    assert_eq!(rig.asked.len(), 1);
    assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
    assert_eq!(rig.ends(), []);
}

#[test]
fn a_card_of_the_same_group_ends_the_transaction() {
    let mut rig = Rig::new().boot();
    rig.verdicts.insert(ALICE.to_owned(), in_group("FAMILY"));
    rig.verdicts.insert(BOB.to_owned(), in_group("FAMILY"));
    rig.charge();
    rig.swipe(BOB);
    let (_, _, purpose, group) = rig.asked.last().unwrap();
    assert_eq!(
        (*purpose, group.as_deref()),
        (AuthorizePurpose::Stop, Some("FAMILY"))
    );
    assert_eq!(rig.ends(), [(StopReason::Local, Some(BOB.to_owned()))]);
}

#[test]
fn a_card_of_another_group_or_a_refused_one_of_the_same_group_ends_nothing() {
    let refused = Verdict {
        decision: Decision::Blocked,
        ..in_group("FAMILY")
    };
    for answer in [in_group("OTHERS"), refused] {
        let mut rig = Rig::new().boot();
        rig.verdicts.insert(ALICE.to_owned(), in_group("FAMILY"));
        rig.verdicts.insert(BOB.to_owned(), answer);
        rig.charge();
        rig.swipe(BOB);
        assert_eq!(rig.ends(), []);
    }
}

#[test]
fn a_card_while_finishing_starts_the_next_transaction() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.swipe(ALICE);
    assert!(rig.connector().finishing);
    rig.swipe(BOB);
    assert!(!rig.connector().finishing);
    assert_eq!(rig.starts().len(), 2);
    assert_eq!(rig.running(), Some(TransactionId(2)));
    assert!(rig.locked() && rig.energised());
}

// acceptance: J9
#[test]
fn a_fault_refuses_the_card_until_it_is_gone() {
    let mut rig = Rig::new().boot();
    rig.trip(ONE, Trip::Earth);
    assert_eq!(rig.indication(), Indication::Fault);
    rig.swipe(ALICE);
    assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
    assert_eq!(rig.asked.len(), 0);
    rig.plug_in(ONE);
    rig.seconds(5);
    assert_eq!(rig.starts(), []);
    rig.untrip(ONE, Trip::Earth);
    rig.swipe(ALICE);
    assert_eq!(rig.starts().len(), 1);
}

// acceptance: J17, P220
#[test]
fn a_plug_that_cannot_be_locked_starts_no_transaction() {
    let mut rig = Rig::new().boot();
    rig.swipe(ALICE);
    rig.port(ONE).jammed = true;
    rig.trip(ONE, Trip::LockFailed);
    rig.plug_in(ONE);
    rig.seconds(10);
    assert_eq!(rig.starts(), []);
    let notice = rig.notices().pop().unwrap();
    assert_eq!(
        (notice.id, notice.code),
        ("LOCK_FAIL", "ConnectorLockFailure")
    );
    assert!(notice.active && !notice.stops_transaction);
    rig.unplug(ONE);
    rig.port(ONE).jammed = false;
    rig.untrip(ONE, Trip::LockFailed);
    rig.plug_in(ONE);
    assert_eq!(rig.starts().len(), 1, "plugged in fully, it works");
}

// acceptance: P113
#[test]
fn the_plug_is_locked_at_plug_in() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    assert_eq!(rig.permit().lock, LockWish::WhenPlugged);
    assert!(rig.locked());
    rig.ev_unplug(ONE);
    assert!(
        !rig.locked(),
        "without a vehicle and a card nothing holds the cable"
    );
}

// acceptance: P112
#[test]
fn the_plug_is_locked_only_after_authorisation_when_the_setting_says_so() {
    let mut rig = Rig::set_up(&[("lock_only_if_authorized", "true")]).boot();
    rig.plug_in(ONE);
    assert_eq!(rig.permit().lock, LockWish::Release);
    assert!(!rig.locked());
    rig.swipe(ALICE);
    assert!(rig.locked());
    assert_eq!(rig.starts().len(), 1);
    rig.swipe(ALICE);
    assert!(!rig.locked());
}

#[test]
fn two_evses_charge_independently() {
    let mut rig = Rig::double().boot();
    for (evse, card) in [(ONE, ALICE), (TWO, BOB)] {
        rig.plug_in(evse);
        rig.swipe_at(Some(evse), card);
        rig.pilot(evse, PilotState::C);
    }
    assert_eq!(rig.station.transactions().len(), 2);
    rig.swipe_at(Some(ONE), ALICE);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
    assert!(rig.ports[&TWO].status.energised);
}

#[test]
fn one_reader_for_all_gives_the_token_to_the_first_vehicle() {
    let mut rig = Rig::double().boot();
    rig.swipe_at(None, ALICE);
    assert_eq!(
        rig.station.indication(TWO),
        Some(Indication::AuthorisedWaiting)
    );
    rig.plug_in(TWO);
    let view = rig.station.transactions().pop().unwrap();
    assert_eq!((view.evse, view.token.value.as_str()), (TWO, ALICE));
    assert_eq!(rig.station.indication(ONE), Some(Indication::Available));
    rig.swipe_at(None, ALICE);
    assert_eq!(
        rig.end_reasons(),
        [StopReason::Local],
        "the same reader stops it"
    );
}

#[test]
fn one_reader_for_all_prefers_the_evse_where_a_vehicle_waits() {
    let mut rig = Rig::double().boot();
    rig.plug_in(TWO);
    rig.swipe_at(None, ALICE);
    assert_eq!(rig.station.transactions().pop().unwrap().evse, TWO);
}

#[test]
fn the_end_is_written_when_the_contactor_is_open() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.port(ONE).opens = false;
    rig.swipe(ALICE);
    assert_eq!(
        rig.permit().max_current,
        Milliamps::ZERO,
        "the offer goes at once"
    );
    rig.seconds(3);
    assert_eq!(rig.ends(), []);
    let before = rig.station.register(ONE).unwrap();
    rig.port(ONE).opens = true;
    rig.run(100);
    rig.port(ONE).status.energised = false;
    rig.port(ONE).status.contactor_command = false;
    rig.report(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
    let Some((.., JournalEvent::TransactionEnded { meter_stop, .. })) = rig.journal.last() else {
        panic!("the end is the last entry");
    };
    assert!(
        *meter_stop >= before,
        "energy until the contactor opened counts"
    );
}

#[test]
fn the_end_is_written_after_10_s_even_if_the_contactor_stays_closed() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.port(ONE).opens = false;
    rig.swipe(ALICE);
    rig.run(9_999);
    assert_eq!(rig.ends(), []);
    rig.run(1);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
}

#[test]
fn a_tethered_cable_needs_no_lock() {
    let mut rig = Rig::tethered().boot();
    assert_eq!(rig.indication(), Indication::Available);
    rig.charge();
    assert_eq!(rig.ports[&ONE].status.lock, LockPosition::Unlocked);
    rig.unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
    assert_eq!(rig.indication(), Indication::Available);
}

#[test]
fn vehicle_that_pauses_and_goes_on_shows_suspended_and_charging() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.pilot(ONE, PilotState::B);
    assert_eq!(rig.connector().charging, ChargingState::SuspendedEv);
    rig.pilot(ONE, PilotState::C);
    assert_eq!(rig.connector().charging, ChargingState::Charging);
    assert_eq!(rig.starts().len(), 1);
}

#[test]
fn an_authorisation_that_expires_at_a_plugged_vehicle_gives_the_cable_back() {
    let mut rig = Rig::new();
    rig.port(ONE).metered = false;
    let mut rig = rig.boot();
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.seconds(44);
    assert!(rig.locked(), "authorised, waiting for the meter");
    rig.seconds(1);
    assert!(!rig.locked());
    assert_eq!(rig.starts(), []);
}

#[test]
fn a_lock_that_failed_starts_nothing_even_if_its_feedback_says_locked() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    assert!(rig.locked());
    rig.trip(ONE, Trip::LockFailed);
    rig.swipe(ALICE);
    rig.seconds(5);
    assert_eq!(rig.starts(), []);
    rig.untrip(ONE, Trip::LockFailed);
    assert_eq!(rig.starts().len(), 1);
}
