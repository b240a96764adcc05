//! Random histories, and what must hold after every step.

use std::collections::{BTreeMap, BTreeSet};

use interlock::{PilotState, Trip};
use proptest::prelude::*;
use station::*;
use units::{Milliamps, Timestamp, WattHours};

use crate::rig::*;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    PlugIn,
    EvUnplug,
    Unplug,
    Pilot(PilotState),
    Swipe(&'static str),
    SwipeAnywhere(&'static str),
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
    Reserve(u32, &'static str, bool),
    CancelReservation(u32),
    Shared(Option<u16>),
    MeterGone(bool),
    ContactorOpens(bool),
    PowerCycle,
    Free(Option<(bool, Reporting)>),
    PresentOnPlug(bool),
    Consume,
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
    let reporting = prop_oneof![
        Just(Reporting::Nothing),
        Just(Reporting::StatusOnly),
        Just(Reporting::Transactions)
    ];
    let card = prop_oneof![3 => Just(ALICE), 1 => Just(BOB), 1 => Just("SILENT"), 1 => Just("BAD")];
    prop_oneof![
        6 => (0_u64..70_000).prop_map(Step::Wait),
        6 => Just(Step::PlugIn),
        2 => Just(Step::EvUnplug),
        2 => Just(Step::Unplug),
        5 => pilot.prop_map(Step::Pilot),
        6 => card.clone().prop_map(Step::Swipe),
        3 => card.prop_map(Step::SwipeAnywhere),
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
        2 => (0_u32..3, prop_oneof![Just(ALICE), Just(BOB)], any::<bool>())
            .prop_map(|(n, card, anywhere)| Step::Reserve(n, card, anywhere)),
        1 => (0_u32..3).prop_map(Step::CancelReservation),
        1 => proptest::option::of(0_u16..70).prop_map(Step::Shared),
        1 => any::<bool>().prop_map(Step::MeterGone),
        1 => any::<bool>().prop_map(Step::ContactorOpens),
        1 => Just(Step::PowerCycle),
        1 => proptest::option::of((any::<bool>(), reporting)).prop_map(Step::Free),
        1 => any::<bool>().prop_map(Step::PresentOnPlug),
        1 => Just(Step::Consume),
    ]
}

type Entry = (JournalSeq, Moment, JournalEvent);

/// What lasts over all lives of the station.
struct History {
    /// The durable journal of the lives before this one.
    journal: Vec<Entry>,
    registers: BTreeMap<EvseId, WattHours>,
    unknown_allowed: bool,
}

impl History {
    /// The power fails: what was not stored is lost, journal and record alike.
    fn power_cycle(&mut self, mut rig: Rig) -> Rig {
        let durable = |entry: &Entry| entry.0 <= rig.committed;
        self.journal
            .extend(rig.journal.iter().filter(|entry| durable(entry)).cloned());
        for record in &rig.record.evses {
            self.registers.insert(record.evse, record.register);
        }
        let verdicts = std::mem::take(&mut rig.verdicts);
        let mut rig = rig.power_cycle(|_| {});
        rig.verdicts = verdicts;
        rig
    }
}

fn apply(rig: &mut Rig, evse: EvseId, step: &Step) {
    match *step {
        Step::Wait(ms) => rig.run(ms),
        Step::PlugIn => rig.plug_in(evse),
        Step::EvUnplug => rig.ev_unplug(evse),
        Step::Unplug => rig.unplug(evse),
        Step::Pilot(pilot) => {
            if rig.ports[&evse].status.vehicle_connected {
                rig.pilot(evse, pilot);
            }
        }
        Step::Swipe(card) => rig.swipe_at(Some(evse), card),
        Step::SwipeAnywhere(card) => rig.swipe_at(None, card),
        Step::RemoteStart(first) => {
            rig.request(Rig::start_request(None, "REMOTE", first));
        }
        Step::RemoteStop => {
            let transaction = rig.running().unwrap_or(TransactionId(0));
            rig.request(Request::Stop { transaction });
        }
        Step::Unlock => {
            rig.request(Request::Unlock {
                evse,
                connector: ConnectorId(1),
            });
        }
        Step::Trip(trip, true) => rig.trip(evse, trip),
        Step::Trip(trip, false) => rig.untrip(evse, trip),
        Step::Limit(source, current) => {
            let current = current.map(Milliamps::from_amps);
            rig.event(Event::LimitChanged {
                evse,
                source,
                current,
            });
        }
        Step::Commits(true) => rig.commit(),
        Step::Commits(false) => rig.commits = false,
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
                evse,
                register,
                samples: Vec::new(),
            });
        }
        Step::Available(operative) => {
            rig.request(Request::SetAvailability {
                evse: Some(evse),
                operative,
            });
        }
        Step::Reserve(reservation, card, anywhere) => {
            let wall = rig.station.moment(rig.now).wall;
            let expires = wall.map_or(90_000, |wall| wall.as_unix_millis() + 90_000);
            rig.request(Request::Reserve {
                reservation,
                evse: Some(evse).filter(|_| !anywhere),
                token: token(card),
                group: None,
                expires: Timestamp::from_unix_millis(expires),
            });
        }
        Step::CancelReservation(reservation) => {
            rig.request(Request::CancelReservation { reservation });
        }
        Step::Shared(amps) => {
            let current = amps.map(Milliamps::from_amps);
            rig.event(Event::SharedLimit { current });
        }
        Step::MeterGone(gone) => {
            rig.port(evse).metered = !gone;
            if gone {
                rig.event(Event::MeterSilent { evse });
            }
        }
        Step::ContactorOpens(opens) => {
            rig.port(evse).opens = opens;
            rig.report(evse);
        }
        Step::Free(mode) => rig.event(Event::FreeCharging(mode.map(|(on_plug, reporting)| {
            FreeCharging {
                start_on_plug: on_plug.then(|| token(BOB)),
                reporting,
                report_as: on_plug.then(|| token(ALICE)),
                remote_stop: reporting == Reporting::Transactions,
                token_stops: !on_plug,
            }
        }))),
        Step::PresentOnPlug(on) => rig.event(Event::PresentOnPlug(on.then(|| token("SILENT")))),
        Step::Consume => {
            let asked = rig.asked.last().map(|asked| asked.0);
            let request = asked.unwrap_or(RequestId(0));
            let before = rig.signals();
            rig.event(Event::TokenConsumed { request });
            assert_eq!(rig.signals(), before, "a token that was kept is no news");
        }
        Step::PowerCycle => unreachable!("the history does that"),
    }
}

/// Could this token have started a transaction in this history at all?
fn was_accepted(rig: &Rig, token: &str, history: &History) -> bool {
    rig.verdicts
        .get(token)
        .is_some_and(|verdict| verdict.decision == Decision::Accepted)
        || (history.unknown_allowed && token == "SILENT")
}

/// Checks the whole journal; answers what is open, with the position of its start.
fn check_journal(rig: &Rig, history: &History) -> BTreeMap<TransactionId, JournalSeq> {
    let mut open = BTreeMap::new();
    let mut ended = BTreeSet::new();
    let mut written: BTreeMap<EvseId, u64> = BTreeMap::new();
    let mut position = 0;
    for (seq, _, event) in history.journal.iter().chain(&rig.journal) {
        position += 1;
        assert_eq!(seq.0, position, "journal positions rise by one");
        match event {
            JournalEvent::TransactionStarted {
                transaction,
                token,
                meter_start,
                evse,
                ..
            } => {
                assert!(was_accepted(rig, &token.value, history), "{token:?}");
                assert!(!ended.contains(transaction), "a number is used twice");
                assert!(open.insert(*transaction, *seq).is_none(), "started twice");
                let before = written.insert(*evse, meter_start.get());
                assert!(
                    before <= Some(meter_start.get()),
                    "a register in the journal fell"
                );
            }
            JournalEvent::TransactionEnded {
                transaction,
                meter_stop,
                evse,
                ..
            } => {
                assert!(open.remove(transaction).is_some(), "an end without a start");
                ended.insert(*transaction);
                let before = written.insert(*evse, meter_stop.get());
                assert!(
                    before <= Some(meter_stop.get()),
                    "a register in the journal fell"
                );
            }
            JournalEvent::TransactionMetered {
                transaction,
                reading,
            } => {
                assert!(
                    open.contains_key(transaction),
                    "a reading outside its transaction"
                );
                let value = u64::try_from(reading.samples[0].value).unwrap();
                let before = written.insert(reading.evse, value);
                assert!(before <= Some(value), "a register in the journal fell");
            }
            JournalEvent::Security { .. } => {}
        }
    }
    open
}

/// A running session is what its start said, whatever mode came since.
fn check_rules(rig: &Rig, history: &History) {
    let views = rig.station.transactions();
    for (.., event) in history.journal.iter().chain(&rig.journal) {
        let JournalEvent::TransactionStarted {
            transaction,
            token,
            silent,
            ..
        } = event
        else {
            continue;
        };
        if let Some(view) = views.iter().find(|view| view.transaction == *transaction) {
            assert_eq!((&view.token, view.silent), (token, *silent));
        }
    }
}

/// Checks every invariant.
fn check(rig: &Rig, history: &mut History) {
    let open = check_journal(rig, history);
    check_rules(rig, history);
    let views = rig.station.transactions();
    let running: Vec<TransactionId> = views.iter().map(|view| view.transaction).collect();
    let started: Vec<TransactionId> = open.keys().copied().collect();
    let mut sorted = running.clone();
    sorted.sort();
    assert_eq!(
        sorted, started,
        "what runs is what was started and not ended"
    );
    for connector in rig.station.connectors() {
        let evse = connector.evse;
        let register = rig.station.register(evse).unwrap();
        let before = history.registers.insert(evse, register);
        assert!(before <= Some(register), "the register fell");
        let (rows, winner) = rig.station.limits(evse).unwrap();
        let permit = rig.station.permit(evse).unwrap();
        assert!(permit.valid_until.as_millis() <= rig.now.as_millis() + 500);
        for row in rows {
            assert!(
                winner.current <= row.current && permit.max_current <= row.current,
                "{row:?}"
            );
        }
        if permit.max_current > Milliamps::ZERO {
            let view = views.iter().find(|view| view.evse == evse);
            let view = view.expect("current needs a transaction");
            assert!(
                open[&view.transaction] <= rig.committed,
                "current before the commit"
            );
            assert!(connector.fault.is_none(), "current with a fault that stops");
            assert!(connector.authorized && connector.plugged);
        }
    }
}

/// In the end everybody leaves: every start has its end.
fn leave(rig: &mut Rig, history: &mut History) {
    rig.commit();
    rig.set("stop_transaction_mode", "normal");
    rig.set("stop_on_ev_disconnect", "true");
    for evse in [ONE, TWO] {
        rig.port(evse).opens = true;
        rig.unplug(evse);
        if let Some(transaction) = rig.running() {
            rig.request(Request::Stop { transaction });
        }
    }
    rig.run(60_000);
    check(rig, history);
    assert_eq!(
        check_journal(rig, history),
        BTreeMap::new(),
        "a start without an end"
    );
    for connector in rig.station.connectors() {
        assert!(!connector.finishing && connector.transaction.is_none());
    }
    for evse in [ONE, TWO] {
        assert_eq!(
            rig.station.permit(evse).unwrap().max_current,
            Milliamps::ZERO
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_history_breaks_an_invariant(
        steps in proptest::collection::vec((any::<bool>(), step()), 1..60),
    ) {
        let mut rig = Rig::double().boot();
        rig.verdicts.insert("BAD".to_owned(), verdict(Decision::Invalid));
        rig.verdicts.insert("REMOTE".to_owned(), verdict(Decision::Accepted));
        let mut history = History {
            journal: Vec::new(),
            registers: BTreeMap::new(),
            unknown_allowed: false,
        };
        for (second, step) in &steps {
            let evse = if *second { TWO } else { ONE };
            history.unknown_allowed |= matches!(step, Step::Setting("allow_unknown_offline", _));
            match step {
                Step::PowerCycle => rig = history.power_cycle(rig),
                step => apply(&mut rig, evse, step),
            }
            check(&rig, &mut history);
        }
        leave(&mut rig, &mut history);
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
