//! Remote start and remote stop.

use interlock::{PilotState, Trip};
use station::*;

use crate::rig::*;

fn start(rig: &mut Rig, evse: Option<EvseId>, value: &str, authorize_first: bool) -> Outcome {
    rig.request(Rig::start_request(evse, value, authorize_first))
        .unwrap()
}

#[test]
fn a_remote_start_waits_for_the_vehicle_and_starts_without_a_verdict_when_not_asked_for_one() {
    let mut rig = Rig::new().boot();
    assert_eq!(
        start(&mut rig, Some(ONE), "REMOTE", false),
        Outcome::Accepted
    );
    assert_eq!(rig.asked.len(), 0);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    rig.plug_in(ONE);
    assert_eq!(rig.starts(), [(TransactionId(1), "REMOTE".to_owned())]);
}

#[test]
fn a_remote_start_with_authorize_first_starts_only_when_accepted() {
    for (decision, starts) in [(Decision::Accepted, 1), (Decision::Invalid, 0)] {
        let mut rig = Rig::new().boot();
        rig.verdicts.insert("REMOTE".to_owned(), verdict(decision));
        rig.plug_in(ONE);
        assert_eq!(
            start(&mut rig, Some(ONE), "REMOTE", true),
            Outcome::Accepted
        );
        assert_eq!(rig.asked[0].2, AuthorizePurpose::Start);
        assert_eq!(rig.starts().len(), starts, "{decision:?}");
    }
}

#[test]
fn a_remote_start_without_a_vehicle_expires() {
    let mut rig = Rig::set_up(&[("vehicle_connection_timeout_s", "10")]).boot();
    start(&mut rig, Some(ONE), "REMOTE", false);
    rig.seconds(10);
    assert_eq!(rig.indication(), Indication::Available);
    rig.plug_in(ONE);
    assert_eq!(rig.starts(), []);
}

#[test]
fn a_second_remote_start_is_rejected_while_the_first_is_checked_or_waits() {
    let mut rig = Rig::new().boot();
    assert_eq!(
        start(&mut rig, Some(ONE), "SILENT", true),
        Outcome::Accepted
    );
    assert_eq!(
        start(&mut rig, Some(ONE), "SILENT", true),
        Outcome::Rejected
    );
    rig.seconds(30);
    assert_eq!(
        start(&mut rig, Some(ONE), "REMOTE", false),
        Outcome::Accepted
    );
    assert_eq!(
        start(&mut rig, Some(ONE), "REMOTE", false),
        Outcome::Rejected
    );
    assert_eq!(start(&mut rig, None, "OTHER", false), Outcome::Rejected);
}

#[test]
fn a_remote_start_is_rejected_where_it_cannot_work() {
    type Break = fn(&mut Rig);
    let breaks: [(&str, Break); 4] = [
        ("occupied", |rig| {
            rig.charge();
        }),
        ("faulted", |rig| rig.trip(ONE, Trip::BreakerType2)),
        ("out of service", |rig| {
            rig.request(Request::SetAvailability {
                evse: Some(ONE),
                operative: false,
            });
        }),
        ("restarting", |rig| {
            rig.request(Request::Reset {
                kind: ResetKind::Soft,
            });
        }),
    ];
    for (why, break_it) in breaks {
        let mut rig = Rig::new().boot();
        break_it(&mut rig);
        let before = rig.starts().len();
        assert_eq!(
            start(&mut rig, Some(ONE), "REMOTE", false),
            Outcome::Rejected,
            "{why}"
        );
        assert_eq!(rig.starts().len(), before);
    }
    let mut rig = Rig::new().boot();
    assert_eq!(
        start(&mut rig, Some(EvseId(9)), "REMOTE", false),
        Outcome::Rejected
    );
    assert_eq!(start(&mut rig, Some(ONE), "", false), Outcome::Rejected);
}

#[test]
fn a_remote_start_without_evse_takes_the_one_with_a_vehicle_then_the_first_free_one() {
    let mut rig = Rig::double().boot();
    rig.plug_in(TWO);
    assert_eq!(start(&mut rig, None, "A", false), Outcome::Accepted);
    assert_eq!(rig.station.transactions()[0].evse, TWO);
    assert_eq!(start(&mut rig, None, "B", false), Outcome::Accepted);
    assert_eq!(
        rig.station.indication(ONE),
        Some(Indication::AuthorisedWaiting)
    );
    assert_eq!(
        start(&mut rig, None, "C", false),
        Outcome::Rejected,
        "nothing is free"
    );
}

#[test]
fn a_remote_stop_ends_the_transaction_and_releases_the_plug() {
    let mut rig = Rig::new().boot();
    let transaction = rig.charge();
    assert_eq!(
        rig.request(Request::Stop { transaction }),
        Some(Outcome::Accepted)
    );
    assert_eq!(rig.ends(), [(StopReason::Remote, None)]);
    assert!(!rig.locked() && rig.connector().finishing);
}

#[test]
fn a_remote_stop_of_an_unknown_transaction_is_rejected_and_changes_nothing() {
    let mut rig = Rig::new().boot();
    let TransactionId(running) = rig.charge();
    let unknown = TransactionId(running + 1);
    assert_eq!(
        rig.request(Request::Stop {
            transaction: unknown
        }),
        Some(Outcome::Rejected)
    );
    assert!(rig.energised());
    let ended = TransactionId(running);
    rig.request(Request::Stop { transaction: ended });
    assert_eq!(
        rig.request(Request::Stop { transaction: ended }),
        Some(Outcome::Rejected),
        "an ended one is unknown"
    );
}

#[test]
fn a_card_stops_what_was_started_remotely_with_the_same_token_value() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    start(&mut rig, Some(ONE), ALICE, false);
    rig.pilot(ONE, PilotState::C);
    rig.swipe(ALICE);
    assert_eq!(rig.ends(), [(StopReason::Local, Some(ALICE.to_owned()))]);
}

#[test]
fn a_remote_start_without_evse_and_vehicle_goes_to_the_vehicle_that_comes_first() {
    let mut rig = Rig::double().boot();
    assert_eq!(start(&mut rig, None, "A", false), Outcome::Accepted);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    // Plugged in before the request, but the pilot was still being filtered; or much later.
    rig.run(200);
    rig.plug_in(TWO);
    rig.seconds(1);
    assert_eq!(rig.station.transactions()[0].evse, TWO);
    assert_eq!(rig.indication(), Indication::Available);
}

/// A double station where the vehicle at EVSE 1 has charged and is still there.
fn one_has_charged() -> Rig {
    let mut rig = Rig::double().boot();
    rig.charge();
    rig.swipe(ALICE);
    rig.seconds(1);
    assert!(rig.connector().finishing);
    rig
}

#[test]
fn a_remote_start_without_evse_prefers_the_vehicle_that_has_not_charged_yet() {
    for (plugged_after_ms, evse) in [(None, TWO), (Some(250), TWO), (Some(400), ONE)] {
        let mut rig = one_has_charged();
        if plugged_after_ms.is_none() {
            rig.plug_in(TWO);
        }
        assert_eq!(start(&mut rig, None, "A", false), Outcome::Accepted);
        if let Some(ms) = plugged_after_ms {
            rig.run(ms);
            rig.plug_in(TWO);
        }
        rig.seconds(1);
        let views = rig.station.transactions();
        assert_eq!(views.len(), 1, "{plugged_after_ms:?}");
        assert_eq!(views[0].evse, evse, "{plugged_after_ms:?}");
    }
}

#[test]
fn a_remote_start_without_evse_charges_the_vehicle_again_that_is_alone_there() {
    let mut rig = one_has_charged();
    start(&mut rig, None, "A", false);
    rig.run(limits::CHOICE_WAIT.get());
    assert_eq!(rig.station.transactions()[0].evse, ONE);
}

#[test]
fn a_remote_start_without_evse_that_finds_no_vehicle_in_time_waits_for_the_first_as_long_as_any() {
    let mut rig = Rig::double().boot();
    start(&mut rig, None, "A", false);
    rig.seconds(44);
    for evse in [ONE, TWO] {
        let shown = rig.station.indication(evse);
        assert_eq!(shown, Some(Indication::AuthorisedWaiting), "{evse:?}");
    }
    rig.seconds(1);
    assert_eq!(rig.indication(), Indication::Available);
    rig.plug_in(TWO);
    rig.seconds(1);
    assert_eq!(rig.starts(), []);
}

#[test]
fn a_remote_start_to_be_checked_first_is_checked_for_the_vehicle_that_is_there() {
    let mut rig = one_has_charged();
    rig.verdicts
        .insert("A".to_owned(), verdict(Decision::Accepted));
    start(&mut rig, None, "A", true);
    rig.seconds(1);
    assert_eq!(rig.station.transactions()[0].evse, ONE);
}

#[test]
fn a_card_after_a_remote_start_for_any_evse_does_not_take_over_its_second_choice() {
    let mut rig = one_has_charged();
    start(&mut rig, None, "A", false);
    rig.swipe_at(None, BOB);
    rig.seconds(1);
    assert_eq!(rig.starts().len(), 1, "a card waits for the next vehicle");
    rig.plug_in(TWO);
    rig.seconds(1);
    assert_eq!(rig.station.transactions()[0].evse, TWO);
}
