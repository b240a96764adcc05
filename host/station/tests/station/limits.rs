//! The limit table: every row has a source, the lowest wins, too little suspends.

use interlock::PilotState;
use station::*;
use units::{Milliamps, Phases};

use crate::rig::*;

const fn amps(amps: u16) -> Milliamps {
    Milliamps::from_amps(amps)
}

fn limit(rig: &mut Rig, source: LimitSource, current: Option<u16>) {
    let current = current.map(Milliamps::from_amps);
    rig.event(Event::LimitChanged {
        evse: ONE,
        source,
        current,
    });
}

fn winner(rig: &Rig) -> (LimitSource, Milliamps) {
    let (rows, winner) = rig.station.limits(ONE).unwrap();
    assert!(rows.contains(&winner));
    assert!(rows.iter().all(|row| row.current >= winner.current));
    (winner.source, winner.current)
}

#[test]
fn the_lowest_row_wins_whoever_sets_it() {
    let mut rig = Rig::new().boot();
    rig.charge();
    assert_eq!(winner(&rig).1, amps(32));
    type Set = fn(&mut Rig);
    let steps: [(LimitSource, u16, Set); 10] = [
        (LimitSource::Installation, 25, |rig| {
            rig.set("installation_current_limit_a", "25");
        }),
        (LimitSource::Operator, 24, |rig| {
            rig.set("operator_current_limit_a", "24");
        }),
        (LimitSource::SupplyLine, 23, |rig| {
            limit(rig, LimitSource::SupplyLine, Some(23))
        }),
        (LimitSource::LoadManagement, 22, |rig| {
            limit(rig, LimitSource::LoadManagement, Some(22));
        }),
        (LimitSource::BackendProfile, 21, |rig| {
            limit(rig, LimitSource::BackendProfile, Some(21));
        }),
        (LimitSource::User, 20, |rig| {
            limit(rig, LimitSource::User, Some(20))
        }),
        (LimitSource::Temperature, 19, |rig| {
            rig.port(ONE).status.limits.temperature = Some(amps(19));
            rig.report(ONE);
        }),
        (LimitSource::Token, 18, |rig| {
            let transaction = rig.running().unwrap();
            let verdict = Verdict {
                limit: Some(amps(18)),
                ..verdict(Decision::Accepted)
            };
            rig.event(Event::TransactionVerdict {
                transaction,
                verdict,
                stop: false,
            });
        }),
        (LimitSource::Cable, 13, |rig| {
            rig.port(ONE).status.limits.cable = Some(amps(13));
            rig.report(ONE);
        }),
        (LimitSource::SimplifiedPilot, 10, |rig| {
            rig.port(ONE).status.limits.simplified_pilot = Some(amps(10));
            rig.report(ONE);
        }),
    ];
    for (source, current, set) in steps {
        set(&mut rig);
        assert_eq!(winner(&rig), (source, amps(current)));
        assert_eq!(rig.permit().max_current, amps(current), "{source:?}");
    }
}

#[test]
fn a_row_that_goes_lets_the_next_one_win() {
    let mut rig = Rig::new().boot();
    rig.charge();
    limit(&mut rig, LimitSource::BackendProfile, Some(10));
    limit(&mut rig, LimitSource::LoadManagement, Some(16));
    assert_eq!(rig.permit().max_current, amps(10));
    limit(&mut rig, LimitSource::BackendProfile, None);
    assert_eq!(winner(&rig), (LimitSource::LoadManagement, amps(16)));
    assert_eq!(rig.permit().max_current, amps(16));
}

#[test]
fn rows_of_the_station_itself_cannot_be_set_from_outside() {
    let mut rig = Rig::new().boot();
    let own = [
        LimitSource::Cable,
        LimitSource::Hardware,
        LimitSource::Installation,
        LimitSource::Operator,
        LimitSource::Temperature,
        LimitSource::Token,
        LimitSource::SimplifiedPilot,
    ];
    for source in own {
        limit(&mut rig, source, Some(7));
    }
    assert_eq!(winner(&rig), (LimitSource::Hardware, amps(32)));
}

#[test]
fn less_than_the_minimum_current_suspends_and_more_resumes() {
    let mut rig = Rig::new().boot();
    rig.charge();
    limit(&mut rig, LimitSource::BackendProfile, Some(6));
    assert_eq!(
        rig.permit().max_current,
        Milliamps::ZERO,
        "the default minimum is 7 A"
    );
    assert_eq!(rig.indication(), Indication::SuspendedEvse);
    assert_eq!(rig.ends(), []);
    rig.set("minimum_current_a", "6");
    assert_eq!(rig.permit().max_current, amps(6));
    limit(&mut rig, LimitSource::BackendProfile, Some(0));
    assert_eq!(rig.indication(), Indication::SuspendedEvse);
    limit(&mut rig, LimitSource::BackendProfile, None);
    assert_eq!(rig.indication(), Indication::Charging);
}

#[test]
fn a_transaction_may_start_suspended() {
    let mut rig = Rig::new().boot();
    limit(&mut rig, LimitSource::LoadManagement, Some(0));
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.pilot(ONE, PilotState::B);
    assert_eq!(rig.starts().len(), 1);
    assert_eq!(rig.connector().charging, ChargingState::SuspendedEvse);
}

#[test]
fn a_limit_of_the_verdict_holds_for_its_transaction_only() {
    let mut rig = Rig::new().boot();
    let small = Verdict {
        limit: Some(amps(10)),
        ..verdict(Decision::Accepted)
    };
    rig.verdicts.insert(ALICE.to_owned(), small);
    rig.charge();
    assert_eq!(winner(&rig), (LimitSource::Token, amps(10)));
    rig.swipe(ALICE);
    rig.swipe(BOB);
    assert_eq!(winner(&rig).1, amps(32));
}

#[test]
fn a_limit_of_one_evse_leaves_the_other_alone() {
    let mut rig = Rig::double().boot();
    assert_eq!(
        rig.set("operator_current_limit_a.2", "16"),
        Outcome::Accepted
    );
    assert_eq!(rig.station.limits(ONE).unwrap().1.current, amps(32));
    assert_eq!(rig.station.limits(TWO).unwrap().1.current, amps(16));
    assert!(rig.station.limits(EvseId(3)).is_none());
}

#[test]
fn phases_are_those_connected_and_never_more_than_wired() {
    let mut rig = Rig::new().boot();
    rig.charge();
    assert_eq!(rig.permit().phases, Phases::Three);
    rig.set("phases", "1");
    assert_eq!(rig.permit().phases, Phases::One);
    let mut single = config(&[(ONE, interlock::Attachment::Socket)]);
    single.evses[0].phases = Phases::One;
    let mut rig = Rig::with(single, PersistentState::default()).boot();
    rig.charge();
    assert_eq!(rig.permit().phases, Phases::One);
}

#[test]
fn what_all_evses_may_draw_together_is_shared_among_those_that_charge() {
    let mut rig = Rig::double().boot();
    rig.event(Event::SharedLimit {
        current: Some(amps(20)),
    });
    rig.plug_in(ONE);
    rig.swipe_at(Some(ONE), ALICE);
    assert_eq!(permit(&rig, ONE), amps(20), "alone");
    rig.plug_in(TWO);
    rig.swipe_at(Some(TWO), BOB);
    assert_eq!((permit(&rig, ONE), permit(&rig, TWO)), (amps(10), amps(10)));
    rig.event(Event::SharedLimit {
        current: Some(amps(9)),
    });
    assert_eq!(
        (permit(&rig, ONE), permit(&rig, TWO)),
        (amps(9), amps(0)),
        "9 A do for one"
    );
    rig.event(Event::SharedLimit {
        current: Some(amps(5)),
    });
    assert_eq!((permit(&rig, ONE), permit(&rig, TWO)), (amps(0), amps(0)));
    rig.event(Event::SharedLimit { current: None });
    assert_eq!((permit(&rig, ONE), permit(&rig, TWO)), (amps(32), amps(32)));
}

#[test]
fn phases_are_limited_from_outside_and_never_raised() {
    let mut rig = Rig::new().boot();
    rig.charge();
    let phases = |rig: &Rig| rig.station.permit(ONE).unwrap().phases;
    assert_eq!(phases(&rig), Phases::Three);
    rig.event(Event::PhaseLimit {
        evse: ONE,
        phases: Some(Phases::One),
    });
    assert_eq!(phases(&rig), Phases::One);
    rig.set("phases", "1");
    rig.event(Event::PhaseLimit {
        evse: ONE,
        phases: Some(Phases::Three),
    });
    assert_eq!(phases(&rig), Phases::One);
}

fn permit(rig: &Rig, evse: EvseId) -> Milliamps {
    rig.station.permit(evse).unwrap().max_current
}
