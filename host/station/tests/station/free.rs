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

#[test]
fn card_of_the_same_group_stops_no_free_session() {
    for mode in [
        any_card(Reporting::Transactions, None),
        on_plug(Reporting::Transactions),
    ] {
        let mut rig = rig(mode);
        for card in [ALICE, BOB, FREE] {
            rig.verdicts.insert(card.to_owned(), in_group("FLEET"));
        }
        rig.plug_in(ONE);
        rig.swipe(ALICE);
        rig.pilot(ONE, PilotState::C);
        rig.seconds(1);
        rig.swipe(BOB);
        rig.seconds(1);
        assert!(rig.energised());
        assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
        assert!(
            rig.asked
                .iter()
                .all(|asked| asked.2 == AuthorizePurpose::Start),
            "nobody is asked about it"
        );
    }
}

#[test]
fn refusal_by_a_backend_ends_no_free_session() {
    for stop in [true, false] {
        let mut rig = rig(on_plug(Reporting::Transactions));
        rig.plug_in(ONE);
        rig.pilot(ONE, PilotState::C);
        rig.seconds(1);
        let transaction = rig.running().unwrap();
        // Also when the mode has been switched off since, and over a restart.
        rig.event(Event::FreeCharging(None));
        let mut rig = rig.power_cycle(|_| {});
        rig.plug_in(ONE);
        rig.pilot(ONE, PilotState::C);
        let verdict = verdict(Decision::Invalid);
        rig.event(Event::TransactionVerdict {
            transaction,
            verdict,
            stop,
        });
        rig.seconds(60);
        assert!(rig.energised(), "stop: {stop}");
    }
}

// acceptance: P119
#[test]
fn unplugging_ends_a_session_that_started_at_plug_in_whatever_the_stop_mode() {
    for mode in ["normal", "disconnect-only", "token-only"] {
        for mut rig in [Rig::new().boot(), Rig::tethered().boot()] {
            rig.set("stop_transaction_mode", mode);
            rig.set("stop_on_ev_disconnect", "false");
            rig.verdicts
                .insert(FREE.to_owned(), verdict(Decision::Accepted));
            rig.event(Event::FreeCharging(Some(on_plug(Reporting::Transactions))));
            for sessions in 1..3 {
                rig.plug_in(ONE);
                rig.pilot(ONE, PilotState::C);
                rig.seconds(1);
                assert_eq!(rig.starts().len(), sessions, "{mode}");
                assert!(rig.energised(), "{mode}");
                rig.unplug(ONE);
                rig.seconds(1);
                assert_eq!(rig.ends().len(), sessions, "{mode}");
            }
        }
    }
}

#[test]
fn session_that_a_backend_stopped_does_not_start_again_before_the_next_plug_in() {
    let mut rig = rig(on_plug(Reporting::Transactions));
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(1);
    let transaction = rig.running().unwrap();
    rig.request(Request::Stop { transaction });
    rig.seconds(120);
    assert_eq!(rig.starts().len(), 1);
    rig.unplug(ONE);
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.starts().len(), 2);
}

#[test]
fn mode_that_went_before_the_vehicle_was_ready_starts_nothing() {
    let mut rig = rig(on_plug(Reporting::Nothing));
    rig.port(ONE).jammed = true;
    rig.plug_in(ONE);
    rig.seconds(1);
    assert!(rig.connector().authorized, "accepted, but not held yet");
    rig.event(Event::FreeCharging(None));
    rig.port(ONE).jammed = false;
    rig.report(ONE);
    rig.seconds(60);
    assert_eq!(rig.starts(), []);
    assert!(rig.locked(), "as every plug that waits for a card");
}

#[test]
fn answer_about_a_token_that_presents_itself_no_more_is_ignored() {
    let mut rig = Rig::new().boot();
    rig.event(Event::FreeCharging(Some(on_plug(Reporting::Nothing))));
    rig.plug_in(ONE);
    let (request, ..) = rig.asked[0].clone();
    rig.event(Event::FreeCharging(None));
    let verdict = verdict(Decision::Accepted);
    rig.event(Event::Verdict { request, verdict });
    rig.seconds(1);
    assert_eq!(rig.running(), None);
}

#[test]
fn card_that_was_accepted_for_free_charges_by_those_rules_although_the_mode_has_gone() {
    let mut rig = rig(any_card(Reporting::StatusOnly, None));
    rig.swipe(ALICE);
    rig.event(Event::FreeCharging(None));
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(silent_starts(&rig), [true]);
}

#[test]
fn card_that_was_presented_before_free_charging_is_paid_for() {
    for card in [ALICE, "SLOW"] {
        let mut rig = Rig::new().boot();
        rig.swipe(card);
        let mode = any_card(Reporting::Nothing, None);
        rig.event(Event::FreeCharging(Some(mode)));
        let (request, ..) = rig.asked[0].clone();
        let verdict = verdict(Decision::Accepted);
        rig.event(Event::Verdict { request, verdict });
        rig.plug_in(ONE);
        rig.seconds(1);
        assert_eq!(silent_starts(&rig), [false], "{card}");
    }
}

#[test]
fn vehicle_that_could_not_be_held_in_time_is_tried_again() {
    let mut rig = rig(on_plug(Reporting::Nothing));
    rig.port(ONE).jammed = true;
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(100);
    assert_eq!(rig.running(), None);
    rig.port(ONE).jammed = false;
    rig.report(ONE);
    rig.seconds(1);
    assert!(rig.energised());
}

#[test]
fn vehicle_at_an_evse_out_of_service_starts_when_it_is_back() {
    let mut rig = rig(on_plug(Reporting::Nothing));
    let available = |operative| Request::SetAvailability {
        evse: Some(ONE),
        operative,
    };
    rig.request(available(false));
    rig.plug_in(ONE);
    rig.seconds(5);
    assert_eq!(rig.starts(), []);
    rig.request(available(true));
    rig.seconds(1);
    assert_eq!(rig.starts().len(), 1);
}

// acceptance: P106
#[test]
fn free_charging_comes_before_the_token_that_presents_itself() {
    let mut rig = Rig::new().boot();
    let free = Event::FreeCharging(Some(any_card(Reporting::Nothing, None)));
    rig.event(free);
    rig.event(Event::PresentOnPlug(Some(token(ALICE))));
    rig.plug_in(ONE);
    rig.seconds(1);
    assert_eq!(rig.asked.len(), 0, "this mode waits for a card");
    rig.event(Event::FreeCharging(Some(on_plug(Reporting::Nothing))));
    let (request, ..) = rig.asked[0].clone();
    let refused = verdict(Decision::Invalid);
    rig.event(Event::Verdict {
        request,
        verdict: refused,
    });
    rig.event(Event::PresentOnPlug(Some(token(BOB))));
    rig.event(Event::PresentOnPlug(Some(token(ALICE))));
    assert_eq!(rig.asked.len(), 1, "this is not what presents itself");
    rig.event(Event::FreeCharging(None));
    rig.seconds(1);
    assert_eq!(rig.starts()[0].1, ALICE, "the instruction still stands");
    assert_eq!(silent_starts(&rig), [false]);
}

// acceptance: P106
#[test]
fn other_instruction_is_another_chance_for_the_vehicle_that_is_there() {
    let mut rig = Rig::new().boot();
    rig.verdicts
        .insert("BAD".to_owned(), verdict(Decision::Invalid));
    rig.event(Event::PresentOnPlug(Some(token("BAD"))));
    rig.plug_in(ONE);
    rig.event(Event::PresentOnPlug(Some(token("BAD"))));
    assert_eq!(rig.asked.len(), 1, "the same instruction is none");
    rig.event(Event::PresentOnPlug(Some(token(BOB))));
    rig.seconds(1);
    assert_eq!(rig.starts()[0].1, BOB);
    rig.swipe(BOB);
    rig.seconds(60);
    assert_eq!(rig.starts().len(), 1, "what has ended waits for a plug-in");
}

#[test]
fn card_is_asked_about_while_the_token_that_presented_itself_was_refused() {
    let mut rig = Rig::new().boot();
    rig.verdicts
        .insert("BAD".to_owned(), verdict(Decision::Invalid));
    rig.event(Event::PresentOnPlug(Some(token("BAD"))));
    rig.plug_in(ONE);
    assert!(rig.locked(), "a refusal in silence gives no cable back");
    rig.swipe(ALICE);
    rig.seconds(1);
    assert_eq!(rig.starts()[0].1, ALICE);
}

#[test]
fn card_of_the_same_group_stops_no_free_session_at_a_reader_for_all_either() {
    let mut rig = Rig::double().boot();
    for (card, group) in [(ALICE, "FLEET"), (BOB, "FLEET"), ("CAROL", "OTHER")] {
        rig.verdicts.insert(card.to_owned(), in_group(group));
    }
    let mode = any_card(Reporting::Transactions, None);
    rig.event(Event::FreeCharging(Some(mode)));
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.event(Event::FreeCharging(None));
    rig.plug_in(TWO);
    rig.swipe_at(Some(TWO), "CAROL");
    rig.seconds(1);
    rig.swipe_at(None, BOB);
    rig.seconds(1);
    assert_eq!(
        rig.asked.last().unwrap().2,
        AuthorizePurpose::Stop,
        "it could be a card for the other one"
    );
    assert_eq!(rig.ends(), []);
}

#[test]
fn free_session_is_not_checked_again_when_the_backend_is_back() {
    let mut rig = rig(any_card(Reporting::Transactions, None));
    rig.set("allow_unknown_offline", "true");
    rig.plug_in(ONE);
    rig.swipe("STRANGER");
    rig.seconds(31);
    assert!(rig.running().is_some());
    rig.event(Event::BackendOnline { online: true });
    assert_eq!(rig.asked.len(), 1);
}

#[test]
fn session_that_only_unplugging_ends_ends_when_the_vehicle_left_during_a_power_cut() {
    let token_only = |config: &mut StationConfig| {
        let mode = ("stop_transaction_mode".to_owned(), "token-only".to_owned());
        config.settings.push(mode);
    };
    let mut before = rig(on_plug(Reporting::Transactions));
    before.plug_in(ONE);
    before.pilot(ONE, PilotState::C);
    before.seconds(1);
    let mut rig = before.power_cycle(token_only).boot();
    assert!(rig.running().is_some());
    rig.seconds(30);
    assert_eq!(rig.end_reasons(), [StopReason::PowerLoss]);
}
