//! Reservations: who may begin where, and when they end.

use interlock::Trip;
use station::*;
use units::{Millis, Timestamp};

use crate::rig::*;

const NOON: i64 = 1_800_000_000_000;

/// Two EVSEs, and the time is known.
fn rig() -> Rig {
    let mut rig = Rig::double().boot();
    rig.set_clock(NOON);
    rig
}

fn reserve(rig: &mut Rig, number: u32, evse: Option<EvseId>, token_value: &str) -> Outcome {
    reserve_for(rig, number, evse, token_value, None, 600)
}

fn reserve_for(
    rig: &mut Rig,
    reservation: u32,
    evse: Option<EvseId>,
    value: &str,
    group: Option<&str>,
    seconds: i64,
) -> Outcome {
    let wall = rig.station.moment(rig.now).wall.unwrap().as_unix_millis();
    rig.request(Request::Reserve {
        reservation,
        evse,
        token: token(value),
        group: group.map(str::to_owned),
        expires: Timestamp::from_unix_millis(wall + seconds * 1_000),
    })
    .unwrap()
}

fn is_reserved(rig: &Rig, evse: EvseId) -> bool {
    let connectors = rig.station.connectors();
    connectors.iter().any(|c| c.evse == evse && c.reserved)
}

fn reservation_of_start(rig: &Rig) -> Option<u32> {
    let start = |(_, _, event): &(JournalSeq, Moment, JournalEvent)| match event {
        JournalEvent::TransactionStarted { reservation, .. } => Some(*reservation),
        _ => None,
    };
    rig.journal.iter().find_map(start).expect("a start")
}

#[test]
fn reserved_evse_refuses_other_cards_without_asking_and_serves_the_one_it_is_kept_for() {
    let mut rig = rig();
    assert_eq!(reserve(&mut rig, 7, Some(ONE), ALICE), Outcome::Accepted);
    assert!(is_reserved(&rig, ONE) && !is_reserved(&rig, TWO));
    assert_eq!(rig.indication(), Indication::Reserved);
    rig.plug_in(ONE);
    rig.swipe_at(Some(ONE), BOB);
    assert_eq!((rig.starts(), rig.asked.len()), (vec![], 0));
    assert_eq!(
        rig.request(Rig::start_request(Some(ONE), BOB, false)),
        Some(Outcome::Rejected)
    );
    rig.swipe_at(Some(ONE), ALICE);
    assert_eq!(rig.starts().len(), 1);
    assert_eq!(reservation_of_start(&rig), Some(7));
    assert!(!is_reserved(&rig, ONE), "used up");
    assert_eq!(rig.station.reservations(), []);
}

#[test]
fn card_of_the_reserved_group_is_served() {
    for (group, served) in [("family", true), ("others", false)] {
        let mut rig = rig();
        rig.verdicts.insert(BOB.to_owned(), in_group(group));
        let outcome = reserve_for(&mut rig, 7, Some(ONE), ALICE, Some("family"), 600);
        assert_eq!(outcome, Outcome::Accepted);
        rig.plug_in(ONE);
        rig.swipe_at(Some(ONE), BOB);
        assert_eq!(rig.starts().len() == 1, served, "{group}");
        assert_eq!(is_reserved(&rig, ONE), !served, "{group}");
    }
}

#[test]
fn reservation_ends_at_its_time_and_when_it_is_cancelled_by_the_one_who_made_it() {
    let mut rig = rig();
    assert_eq!(
        reserve_for(&mut rig, 1, Some(ONE), ALICE, None, 30),
        Outcome::Accepted
    );
    rig.seconds(29);
    assert!(is_reserved(&rig, ONE));
    rig.seconds(1);
    assert!(!is_reserved(&rig, ONE));
    assert_eq!(reserve(&mut rig, 2, Some(ONE), ALICE), Outcome::Accepted);
    let cancel = Request::CancelReservation { reservation: 2 };
    let other = Requester::Adapter("other".to_owned());
    assert_eq!(
        rig.request_from(other, cancel.clone()),
        Some(Outcome::Unknown)
    );
    assert_eq!(rig.request(cancel.clone()), Some(Outcome::Accepted));
    assert!(!is_reserved(&rig, ONE));
    assert_eq!(rig.request(cancel), Some(Outcome::Unknown));
}

#[test]
fn reservation_is_refused_with_the_reason_that_the_evse_has() {
    let mut rig = rig();
    assert_eq!(
        reserve(&mut rig, 1, Some(EvseId(9)), ALICE),
        Outcome::Rejected
    );
    assert_eq!(
        reserve_for(&mut rig, 1, Some(ONE), ALICE, None, 0),
        Outcome::Rejected
    );
    rig.trip(ONE, Trip::Earth);
    assert_eq!(reserve(&mut rig, 1, Some(ONE), ALICE), Outcome::Faulted);
    rig.request(Request::SetAvailability {
        evse: Some(TWO),
        operative: false,
    });
    assert_eq!(reserve(&mut rig, 1, Some(TWO), ALICE), Outcome::Unavailable);
    rig.request(Request::SetAvailability {
        evse: Some(TWO),
        operative: true,
    });
    rig.plug_in(TWO);
    assert_eq!(reserve(&mut rig, 1, Some(TWO), ALICE), Outcome::Occupied);
    let mut unknown_time = Rig::double().boot();
    let outcome = unknown_time.request(Request::Reserve {
        reservation: 1,
        evse: Some(ONE),
        token: token(ALICE),
        group: None,
        expires: Timestamp::from_unix_millis(NOON),
    });
    assert_eq!(outcome, Some(Outcome::Rejected), "it could never end");
}

#[test]
fn same_number_replaces_and_another_number_finds_the_evse_taken() {
    let mut rig = rig();
    assert_eq!(reserve(&mut rig, 1, Some(ONE), ALICE), Outcome::Accepted);
    assert_eq!(reserve(&mut rig, 2, Some(ONE), BOB), Outcome::Occupied);
    assert_eq!(reserve(&mut rig, 1, Some(ONE), BOB), Outcome::Accepted);
    assert_eq!(rig.station.reservations()[0].token, token(BOB));
    assert_eq!(reserve(&mut rig, 1, Some(TWO), BOB), Outcome::Accepted);
    assert!(
        !is_reserved(&rig, ONE) && is_reserved(&rig, TWO),
        "it moved"
    );
    rig.plug_in(ONE);
    assert_eq!(reserve(&mut rig, 1, Some(ONE), BOB), Outcome::Occupied);
    assert!(
        is_reserved(&rig, TWO),
        "the old one stays when the new one cannot be"
    );
}

#[test]
fn reservation_for_any_evse_keeps_one_free() {
    let mut rig = rig();
    assert_eq!(reserve(&mut rig, 1, None, ALICE), Outcome::Accepted);
    assert!(!is_reserved(&rig, ONE) && !is_reserved(&rig, TWO));
    rig.plug_in(ONE);
    rig.swipe_at(Some(ONE), BOB);
    assert_eq!(rig.starts().len(), 1, "the other one is still free");
    assert_eq!(reserve(&mut rig, 2, Some(TWO), BOB), Outcome::Occupied);
    assert_eq!(reserve(&mut rig, 2, None, BOB), Outcome::Occupied);
    rig.plug_in(TWO);
    rig.verdicts
        .insert("CAROL".to_owned(), verdict(Decision::Accepted));
    rig.swipe_at(Some(TWO), "CAROL");
    assert_eq!(rig.starts().len(), 1, "the last one is kept");
    rig.swipe_at(Some(TWO), ALICE);
    assert_eq!(rig.starts().len(), 2);
    assert_eq!(rig.station.reservations(), [], "used up");
}

#[test]
fn reservation_survives_a_power_cut() {
    let mut rig = rig();
    reserve(&mut rig, 5, Some(ONE), ALICE);
    rig.run(10);
    let mut rig = rig.power_cycle(|_| {}).boot();
    assert_eq!(rig.station.reservations().len(), 1);
    assert_eq!(rig.indication(), Indication::Reserved);
    rig.set_clock(NOON + 601_000);
    rig.run(1);
    assert_eq!(
        rig.indication(),
        Indication::Available,
        "its time passed meanwhile"
    );
}

#[test]
fn vehicle_that_presents_itself_starts_nothing_at_a_reserved_evse() {
    let mut rig = rig();
    rig.verdicts
        .insert("FIXED".to_owned(), verdict(Decision::Accepted));
    rig.event(Event::PresentOnPlug(Some(token("FIXED"))));
    reserve(&mut rig, 5, Some(ONE), ALICE);
    rig.plug_in(ONE);
    assert_eq!(rig.starts(), []);
    rig.request(Request::CancelReservation { reservation: 5 });
    rig.run(Millis::from_secs(2).get());
    assert_eq!(rig.starts().len(), 1);
}

#[test]
fn number_of_reservations_has_a_bound() {
    let mut rig = rig();
    let made = (0..100).filter(|n| reserve(&mut rig, *n, None, ALICE) == Outcome::Accepted);
    assert_eq!(made.count(), 2, "never more than there are EVSEs");
}
