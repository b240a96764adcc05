//! Random histories, and what must hold after every step.

use std::collections::BTreeMap;

use interlock::{PilotState, Trip};
use proptest::prelude::*;
use station::*;
use units::{Milliamps, WattHours};

use crate::rig::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    PlugIn,
    EvUnplug,
    Unplug,
    Pilot(PilotState),
    Swipe(&'static str),
    RemoteStart(bool),
    RemoteStop,
    Unlock,
    Trip(Trip, bool),
    Limit(LimitSource, Option<u16>),
    Commits(bool),
    Setting(&'static str, &'static str),
    Opinion(Decision, bool),
    Online(bool),
    Meter(u64),
    Available(bool),
    MeterGone(bool),
    ContactorOpens(bool),
    PowerCycle,
}

fn step() -> impl Strategy<Value = Step> {
    let pilot = prop_oneof![
        Just(PilotState::B),
        Just(PilotState::C),
        Just(PilotState::D),
        Just(PilotState::E),
    ];
    let source = prop_oneof![
        Just(LimitSource::BackendProfile),
        Just(LimitSource::LoadManagement),
        Just(LimitSource::User),
    ];
    let trip = prop_oneof![
        Just(Trip::Earth),
        Just(Trip::PilotError),
        Just(Trip::LockFailed)
    ];
    let setting = prop_oneof![
        Just(("stop_transaction_mode", "normal")),
        Just(("stop_transaction_mode", "disconnect-only")),
        Just(("stop_transaction_mode", "token-only")),
        Just(("stop_transaction_mode", "normal-mode-d-rcd")),
        Just(("stop_on_ev_disconnect", "false")),
        Just(("unlock_on_ev_disconnect", "false")),
        Just(("stop_on_invalid_token", "false")),
        Just(("allow_unknown_offline", "true")),
        Just(("operator_current_limit_a", "9")),
        Just(("minimum_current_a", "10")),
    ];
    let decision = prop_oneof![
        Just(Decision::Accepted),
        Just(Decision::Invalid),
        Just(Decision::NoOpinion)
    ];
    let card = prop_oneof![3 => Just(ALICE), 1 => Just(BOB), 1 => Just("SILENT"), 1 => Just("BAD")];
    prop_oneof![
        6 => (0_u64..70_000).prop_map(Step::Wait),
        6 => Just(Step::PlugIn),
        2 => Just(Step::EvUnplug),
        2 => Just(Step::Unplug),
        5 => pilot.prop_map(Step::Pilot),
        6 => card.prop_map(Step::Swipe),
        2 => any::<bool>().prop_map(Step::RemoteStart),
        1 => Just(Step::RemoteStop),
        1 => Just(Step::Unlock),
        2 => (trip, any::<bool>()).prop_map(|(trip, on)| Step::Trip(trip, on)),
        3 => (source, proptest::option::of(0_u16..40)).prop_map(|(s, c)| Step::Limit(s, c)),
        2 => any::<bool>().prop_map(Step::Commits),
        2 => setting.prop_map(|(key, value)| Step::Setting(key, value)),
        1 => (decision, any::<bool>()).prop_map(|(d, stop)| Step::Opinion(d, stop)),
        1 => any::<bool>().prop_map(Step::Online),
        2 => (0_u64..5_000).prop_map(Step::Meter),
        1 => any::<bool>().prop_map(Step::Available),
        1 => any::<bool>().prop_map(Step::MeterGone),
        1 => any::<bool>().prop_map(Step::ContactorOpens),
        1 => Just(Step::PowerCycle),
    ]
}

/// What has been seen over all lives of the station.
struct Seen {
    starts: BTreeMap<TransactionId, WattHours>,
    ends: BTreeMap<TransactionId, WattHours>,
    register: WattHours,
    /// Highest register in the journal.
    written: u64,
    next_seq: u64,
}

fn apply(mut rig: Rig, step: &Step) -> Rig {
    match *step {
        Step::Wait(ms) => rig.run(ms),
        Step::PlugIn => rig.plug_in(ONE),
        Step::EvUnplug => rig.ev_unplug(ONE),
        Step::Unplug => rig.unplug(ONE),
        Step::Pilot(pilot) => {
            if rig.ports[&ONE].status.vehicle_connected {
                rig.pilot(ONE, pilot);
            }
        }
        Step::Swipe(card) => rig.swipe(card),
        Step::RemoteStart(first) => {
            rig.request(Rig::start_request(None, "REMOTE", first));
        }
        Step::RemoteStop => {
            let transaction = rig.running().unwrap_or(TransactionId(0));
            rig.request(Request::Stop { transaction });
        }
        Step::Unlock => {
            rig.request(Request::Unlock {
                evse: ONE,
                connector: ConnectorId(1),
            });
        }
        Step::Trip(trip, true) => rig.trip(ONE, trip),
        Step::Trip(trip, false) => rig.untrip(ONE, trip),
        Step::Limit(source, current) => {
            let current = current.map(Milliamps::from_amps);
            rig.event(Event::LimitChanged {
                evse: ONE,
                source,
                current,
            });
        }
        Step::Commits(commits) => {
            rig.commits = commits;
            if let Some((seq, ..)) = rig.journal.last().filter(|_| commits) {
                let seq = *seq;
                rig.event(Event::JournalCommitted { seq });
            }
        }
        Step::Setting(key, value) => {
            rig.set(key, value);
        }
        Step::Opinion(decision, stop) => {
            let transaction = rig.running().unwrap_or(TransactionId(0));
            let verdict = verdict(decision);
            rig.event(Event::TransactionVerdict {
                transaction,
                verdict,
                stop,
            });
        }
        Step::Online(online) => rig.event(Event::BackendOnline { online }),
        Step::Meter(register) => {
            let register = WattHours::new(register);
            rig.event(Event::Meter {
                evse: ONE,
                register,
                samples: Vec::new(),
            });
        }
        Step::Available(operative) => {
            rig.request(Request::SetAvailability {
                evse: None,
                operative,
            });
        }
        Step::MeterGone(gone) => {
            rig.port(ONE).metered = !gone;
            if gone {
                rig.event(Event::MeterSilent { evse: ONE });
            }
        }
        Step::ContactorOpens(opens) => {
            rig.port(ONE).opens = opens;
            rig.report(ONE);
        }
        Step::PowerCycle => {
            let verdicts = std::mem::take(&mut rig.verdicts);
            rig = rig.power_cycle(|_| {});
            rig.verdicts = verdicts;
        }
    }
    rig
}

/// Could this token have started a transaction in this history at all?
fn was_accepted(rig: &Rig, token: &str, unknown_allowed: bool) -> bool {
    rig.verdicts
        .get(token)
        .is_some_and(|verdict| verdict.decision == Decision::Accepted)
        || token == "REMOTE"
        || (unknown_allowed && token == "SILENT")
}

/// Takes in what the journal got since the last look, and checks every invariant.
fn check(rig: &mut Rig, seen: &mut Seen, unknown_allowed: bool) {
    for (seq, _, event) in std::mem::take(&mut rig.journal) {
        assert_eq!(seq.0, seen.next_seq + 1, "journal positions rise by one");
        seen.next_seq = seq.0;
        match event {
            JournalEvent::TransactionStarted {
                transaction,
                token,
                meter_start,
                ..
            } => {
                assert!(
                    was_accepted(rig, &token.value, unknown_allowed),
                    "{token:?}"
                );
                assert!(
                    seen.starts.insert(transaction, meter_start).is_none(),
                    "started twice"
                );
            }
            JournalEvent::TransactionEnded {
                transaction,
                meter_stop,
                ..
            } => {
                let start = seen.starts.get(&transaction).expect("an end has a start");
                assert!(meter_stop >= *start, "energy is not negative");
                assert!(
                    meter_stop.get() >= seen.written,
                    "the end is not below a sample"
                );
                assert!(
                    seen.ends.insert(transaction, meter_stop).is_none(),
                    "ended twice"
                );
            }
            JournalEvent::TransactionMetered {
                transaction,
                reading,
            } => {
                let value = u64::try_from(reading.samples[0].value).unwrap();
                assert!(
                    value >= seen.written,
                    "a written register is never undercut"
                );
                seen.written = value;
                assert!(seen.starts.contains_key(&transaction));
                assert!(
                    !seen.ends.contains_key(&transaction),
                    "a reading after the end"
                );
            }
            JournalEvent::Security { .. } => {}
        }
    }
    let register = rig.station.register(ONE).unwrap();
    assert!(register >= seen.register, "the register fell");
    seen.register = register;
    let running: Vec<TransactionId> = rig
        .station
        .transactions()
        .iter()
        .map(|view| view.transaction)
        .collect();
    let open: Vec<TransactionId> = seen
        .starts
        .keys()
        .filter(|id| !seen.ends.contains_key(id))
        .copied()
        .collect();
    assert_eq!(running, open, "what runs is what was started and not ended");
    let (rows, winner) = rig.station.limits(ONE).unwrap();
    let permit = rig.permit();
    for row in rows {
        assert!(
            winner.current <= row.current && permit.max_current <= row.current,
            "{row:?}"
        );
    }
    if permit.max_current > Milliamps::ZERO {
        assert_eq!(running.len(), 1, "current without a transaction");
        assert!(
            rig.connector().fault.is_none(),
            "current with a fault that stops"
        );
        assert!(rig.station.connectors()[0].authorized);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_an_invariant(steps in proptest::collection::vec(step(), 1..60)) {
        let mut rig = Rig::new().boot();
        rig.verdicts.insert("BAD".to_owned(), verdict(Decision::Invalid));
        rig.verdicts.insert("REMOTE".to_owned(), verdict(Decision::Accepted));
        let mut seen = Seen {
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            register: WattHours::ZERO,
            written: 0,
            next_seq: 0,
        };
        let mut unknown_allowed = false;
        for step in &steps {
            unknown_allowed |= matches!(step, Step::Setting("allow_unknown_offline", _));
            if matches!(step, Step::PowerCycle) {
                // What the last run knew and nobody had stored or written is read from the meter again.
                seen.register = rig.record.evses[0].register;
            }
            rig = apply(rig, step);
            check(&mut rig, &mut seen, unknown_allowed);
        }
        // In the end everybody leaves: every start has its end.
        rig.commits = true;
        rig.event(Event::JournalCommitted { seq: JournalSeq(seen.next_seq) });
        rig.port(ONE).opens = true;
        rig.set("stop_transaction_mode", "normal");
        rig.set("stop_on_ev_disconnect", "true");
        rig.unplug(ONE);
        if let Some(transaction) = rig.running() {
            rig.request(Request::Stop { transaction });
        }
        rig.run(60_000);
        check(&mut rig, &mut seen, unknown_allowed);
        prop_assert_eq!(seen.starts.len(), seen.ends.len());
        prop_assert_eq!(rig.permit().max_current, Milliamps::ZERO);
    }
}

#[test]
fn a_commit_of_positions_that_were_never_handed_out_counts_for_nothing() {
    let mut rig = Rig::new().boot();
    rig.commits = false;
    rig.event(Event::JournalCommitted {
        seq: JournalSeq(u64::MAX),
    });
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(5);
    assert_eq!(rig.permit().max_current, Milliamps::ZERO);
    let seq = rig.journal[0].0;
    rig.event(Event::JournalCommitted { seq });
    assert!(
        rig.permit().max_current > Milliamps::ZERO,
        "the start is all it takes"
    );
}
