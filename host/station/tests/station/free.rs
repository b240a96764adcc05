//! Free charging (domain fact sheet §2.1), tokens that present themselves, tokens that nobody is to hear of.

use interlock::PilotState;
use station::*;

use crate::rig::*;

const FREE: &str = "FREE";

fn fixed(value: &str) -> IdToken {
    IdToken {
        value: value.to_owned(),
        kind: TokenKind::Fixed,
    }
}

/// Starts at plug-in and tells nobody of transactions.
fn on_plug(reporting: Reporting) -> FreeCharging {
    FreeCharging {
        start_on_plug: Some(fixed(FREE)),
        reporting,
        report_as: None,
        remote_stop: reporting == Reporting::Transactions,
        token_stops: false,
    }
}

/// Starts with any card.
fn any_card(reporting: Reporting, report_as: Option<&str>) -> FreeCharging {
    FreeCharging {
        start_on_plug: None,
        reporting,
        report_as: report_as.map(fixed),
        remote_stop: reporting == Reporting::Transactions,
        token_stops: true,
    }
}

fn rig(mode: FreeCharging) -> Rig {
    let mut rig = Rig::new().boot();
    rig.verdicts
        .insert(FREE.to_owned(), verdict(Decision::Accepted));
    rig.event(Event::FreeCharging(Some(mode)));
    rig
}

fn silent_starts(rig: &Rig) -> Vec<bool> {
    let silent = |event: &JournalEvent| match event {
        JournalEvent::TransactionStarted { silent, .. } => Some(*silent),
        _ => None,
    };
    rig.journal
        .iter()
        .filter_map(|(.., event)| silent(event))
        .collect()
}

// acceptance: P10, P114, P115, P124
#[test]
fn mode_without_auth_charges_as_soon_as_a_vehicle_is_plugged_in() {
    for reporting in [
        Reporting::Nothing,
        Reporting::StatusOnly,
        Reporting::Transactions,
    ] {
        let mut rig = rig(on_plug(reporting));
        assert_eq!(rig.running(), None);
        rig.plug_in(ONE);
        rig.pilot(ONE, PilotState::C);
        rig.seconds(1);
        assert!(rig.energised(), "{reporting:?}");
        let silent = reporting != Reporting::Transactions;
        assert_eq!(silent_starts(&rig), [silent], "{reporting:?}");
        assert_eq!(rig.signals(), [], "nobody stands at the reader");
        rig.unplug(ONE);
        rig.seconds(1);
        assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
        rig.plug_in(ONE);
        rig.seconds(1);
        assert_eq!(rig.starts().len(), 2, "the next vehicle starts anew");
    }
}

// acceptance: P119
#[test]
fn mode_that_comes_into_force_takes_the_vehicle_that_is_plugged_in_already() {
    let mut rig = Rig::new().boot();
    rig.verdicts
        .insert(FREE.to_owned(), verdict(Decision::Accepted));
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    assert_eq!(rig.running(), None);
    rig.event(Event::FreeCharging(Some(on_plug(Reporting::Transactions))));
    rig.seconds(1);
    assert!(rig.energised());
    assert_eq!(rig.starts()[0].1, FREE);
}

// acceptance: P116, P117, P122
#[test]
fn session_that_is_not_reported_cannot_be_stopped_or_started_by_a_backend() {
    for mode in [
        on_plug(Reporting::StatusOnly),
        any_card(Reporting::StatusOnly, None),
    ] {
        let mut rig = rig(mode);
        rig.plug_in(ONE);
        rig.swipe(ALICE);
        rig.pilot(ONE, PilotState::C);
        rig.seconds(1);
        let transaction = rig.running().unwrap();
        let stop = rig.request(Request::Stop { transaction });
        assert_eq!(stop, Some(Outcome::Rejected));
        assert!(rig.energised());
        rig.unplug(ONE);
        rig.seconds(1);
        let start = rig.request(Rig::start_request(Some(ONE), BOB, false));
        assert_eq!(start, Some(Outcome::Rejected));
        assert_eq!(rig.running(), None);
    }
}

// acceptance: P118, P121, P122
#[test]
fn fixed_tag_is_what_others_hear_of_and_the_card_that_started_is_what_stops() {
    let mut rig = rig(any_card(Reporting::Transactions, Some("GRATIS")));
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    assert_eq!(rig.starts()[0].1, "GRATIS");
    assert_eq!(rig.station.transactions()[0].token.value, "GRATIS");
    rig.swipe(BOB);
    rig.seconds(1);
    assert!(rig.energised(), "another card does not stop it");
    rig.swipe(ALICE);
    rig.seconds(1);
    assert_eq!(rig.ends(), [(StopReason::Local, Some("GRATIS".to_owned()))]);
}

// acceptance: P118, P119, P120
#[test]
fn reported_session_can_be_stopped_by_the_backend() {
    for mode in [
        on_plug(Reporting::Transactions),
        any_card(Reporting::Transactions, Some("GRATIS")),
        any_card(Reporting::Transactions, None),
    ] {
        let mut rig = rig(mode);
        rig.plug_in(ONE);
        rig.swipe(ALICE);
        rig.pilot(ONE, PilotState::C);
        rig.seconds(1);
        let transaction = rig.running().unwrap();
        let stop = rig.request(Request::Stop { transaction });
        assert_eq!(stop, Some(Outcome::Accepted));
        rig.seconds(1);
        assert_eq!(rig.end_reasons(), [StopReason::Remote]);
        assert!(!rig.energised());
    }
}

// acceptance: P119
#[test]
fn card_does_not_stop_a_session_that_started_at_plug_in() {
    let mut rig = rig(on_plug(Reporting::Transactions));
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    rig.swipe(FREE);
    rig.swipe(ALICE);
    rig.seconds(1);
    assert!(rig.energised());
}

// acceptance: P120
#[test]
fn any_card_is_reported_as_itself() {
    let mut rig = rig(any_card(Reporting::Transactions, None));
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.seconds(1);
    assert_eq!(rig.starts()[0].1, ALICE);
}

// acceptance: P114
#[test]
fn change_of_mode_leaves_the_running_session_its_rules() {
    let mut rig = rig(any_card(Reporting::StatusOnly, None));
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    let transaction = rig.running().unwrap();
    rig.event(Event::FreeCharging(None));
    rig.seconds(1);
    assert!(rig.energised(), "switching it off stops nobody");
    let stop = rig.request(Request::Stop { transaction });
    assert_eq!(stop, Some(Outcome::Rejected));
    rig.swipe(ALICE);
    rig.seconds(1);
    assert!(!rig.energised());
    rig.unplug(ONE);
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.running(), None, "and from now on everybody is asked");
}

#[test]
fn rules_of_a_session_survive_a_power_cut() {
    let mut before = rig(any_card(Reporting::Transactions, Some("GRATIS")));
    before.plug_in(ONE);
    before.swipe(ALICE);
    before.pilot(ONE, PilotState::C);
    before.seconds(1);
    let mut rig = before.power_cycle(|_| {});
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.station.transactions()[0].token.value, "GRATIS");
    rig.swipe(ALICE);
    rig.seconds(1);
    assert_eq!(rig.ends(), [(StopReason::Local, Some("GRATIS".to_owned()))]);
}

#[test]
fn second_vehicle_at_another_evse_starts_as_well() {
    let mut rig = Rig::double().boot();
    rig.verdicts
        .insert(FREE.to_owned(), verdict(Decision::Accepted));
    rig.event(Event::FreeCharging(Some(on_plug(Reporting::Transactions))));
    rig.plug_in(TWO);
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.starts().len(), 2);
}

// acceptance: P106
#[test]
fn token_that_presents_itself_is_judged_like_a_card_and_refused_in_silence() {
    let mut rig = Rig::new().boot();
    rig.event(Event::PresentOnPlug(Some(token("BAD"))));
    rig.verdicts
        .insert("BAD".to_owned(), verdict(Decision::Invalid));
    rig.plug_in(ONE);
    rig.seconds(5);
    assert_eq!(rig.running(), None);
    assert_eq!(rig.asked.len(), 1, "once for each vehicle");
    assert_eq!(rig.signals(), []);
    rig.unplug(ONE);
    rig.verdicts
        .insert("BAD".to_owned(), verdict(Decision::Accepted));
    rig.plug_in(ONE);
    rig.seconds(1);
    assert!(rig.running().is_some());
    assert_eq!(silent_starts(&rig), [false], "with the usual rules");
    rig.event(Event::PresentOnPlug(None));
    assert!(rig.running().is_some());
}

// acceptance: J7
#[test]
fn token_that_an_authorizer_keeps_is_neither_accepted_nor_refused() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    rig.swipe("MASTER");
    let (request, ..) = rig.asked[0].clone();
    rig.event(Event::TokenConsumed { request });
    rig.seconds(60);
    assert_eq!(rig.running(), None);
    assert_eq!(rig.signals(), [Signal::CardSeen]);
    rig.swipe(ALICE);
    rig.seconds(1);
    assert!(
        rig.running().is_some(),
        "the next card is asked about again"
    );
}

#[test]
fn cable_of_an_ended_transaction_is_free_after_a_restart_and_needs_no_card() {
    let mut before = Rig::new().boot();
    before.charge();
    before.swipe(ALICE);
    before.seconds(1);
    before.ev_unplug(ONE);
    let mut rig = before.power_cycle(|_| {});
    rig.plug_in(ONE);
    rig.seconds(10);
    assert!(!rig.locked(), "the cable is not caught again");
    assert_eq!(rig.indication(), Indication::Finishing);
    rig.unplug(ONE);
    rig.plug_in(ONE);
    rig.seconds(1);
    assert!(rig.locked(), "the next one is held as always");
}

#[test]
fn cable_that_was_pulled_while_the_station_was_off_is_forgotten() {
    let mut before = Rig::new().boot();
    before.charge();
    before.swipe(ALICE);
    before.seconds(1);
    let mut rig = before.power_cycle(|_| {}).boot();
    assert_eq!(rig.indication(), Indication::Finishing, "not known yet");
    rig.seconds(5);
    assert_eq!(rig.indication(), Indication::Available);
    let rig = rig.power_cycle(|_| {}).boot();
    assert_eq!(rig.indication(), Indication::Available);
}
