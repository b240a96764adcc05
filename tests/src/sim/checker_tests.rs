//! The checkers see what they are for: each rule, broken once.

use drivers::sim::{EvMode, FaultSet, SimView};
use interlock::{
    LockDrive, LockPosition, LockWish, Outputs, Permit, PilotDrive, PilotState, Status, Trip, Trips,
};
use station::{
    ConnectorId, EvseId, IdToken, JournalEvent, JournalSeq, Moment, StopReason, TokenKind,
    TransactionId,
};
use units::{DutyCycle, Instant, Milliamps, Millis, Phases, WattHours};

use super::checker::{Checker, StepFacts};
use super::disk::{Disk, Entry};

/// A step of an EVSE that charges as it should.
fn charging() -> StepFacts {
    let mut status = Status::at_start(Phases::Three, Trips::NONE);
    status.pilot = PilotState::C;
    status.vehicle_connected = true;
    status.lock = LockPosition::Locked;
    status.permit_fresh = true;
    status.self_test_fresh = true;
    status.limits.cable = Some(Milliamps::from_amps(32));
    let view = SimView {
        cable: true,
        ev: Some(EvMode::Charge),
        s2: true,
        plug_held: true,
        contactor_closed: true,
        torn: false,
        current_ma: [0; 3],
        ev_taken_wh: 0,
        faults: FaultSet::default(),
    };
    StepFacts {
        evse: 1,
        now: Instant::from_millis(1_000),
        tick: Millis::new(10),
        permit: Permit {
            max_current: Milliamps::from_amps(16),
            valid_until: Instant::from_millis(1_500),
            lock: LockWish::WhenPlugged,
            ..Permit::NONE
        },
        status,
        outputs: Outputs {
            pilot: PilotDrive::Pwm(DutyCycle::try_from_tenths(266).unwrap()),
            contactor: true,
            phases: Phases::Three,
            lock: LockDrive::Hold,
            rdc_self_test: false,
            rdc_reset: false,
            ventilation: false,
        },
        local_reset: false,
        view,
        contacts_closed: true,
    }
}

/// What the checker says after a good step and then this one, `later` ms after it.
fn after(later: u64, change: impl Fn(&mut StepFacts)) -> Option<String> {
    let mut checker = Checker::new(0, 1);
    checker.check_step(&charging());
    let mut facts = charging();
    facts.now = facts.now.after(Millis::new(later));
    change(&mut facts);
    checker.check_step(&facts);
    checker.take_violation()
}

fn sees(words: &str, violation: Option<String>) {
    let violation = violation.unwrap_or_else(|| panic!("{words}: not seen"));
    assert!(violation.contains(words), "{violation}");
}

#[test]
fn good_step_is_no_violation() {
    assert_eq!(after(10, |_| {}), None);
}

#[test]
fn contactor_that_stays_closed_is_seen() {
    sees("left state C", after(200, |facts| facts.view.s2 = false));
    assert_eq!(
        after(50, |facts| facts.view.s2 = false),
        None,
        "the standard gives 100 ms"
    );
    sees(
        "pilot state B",
        after(10, |facts| facts.status.pilot = PilotState::B),
    );
    sees(
        "Earth",
        after(10, |facts| {
            facts.status.trips = Trips::NONE.with(Trip::Earth)
        }),
    );
    sees(
        "self-test",
        after(10, |facts| facts.status.self_test_fresh = false),
    );
    sees(
        "not locked",
        after(10, |facts| facts.status.lock = LockPosition::Unknown),
    );
    sees(
        "not locked",
        after(200, |facts| facts.view.plug_held = false),
    );
    let stale = |facts: &mut StepFacts| {
        facts.status.permit_fresh = false;
        facts.outputs.pilot = PilotDrive::Constant;
    };
    sees("permit expired", after(6_100, stale));
    assert_eq!(after(5_900, stale), None, "the vehicle has 6 s to stop");
}

#[test]
fn offer_above_a_limit_is_seen() {
    let too_much = PilotDrive::Pwm(DutyCycle::try_from_tenths(267).unwrap());
    sees(
        "permitted are 16000",
        after(10, |facts| facts.outputs.pilot = too_much),
    );
    let thin = Some(Milliamps::from_amps(13));
    sees("cable", after(10, |facts| facts.status.limits.cable = thin));
    sees(
        "fresh permit",
        after(10, |facts| facts.status.permit_fresh = false),
    );
}

#[test]
fn latch_that_opens_by_itself_is_seen() {
    let mut checker = Checker::new(0, 1);
    let mut facts = charging();
    facts.outputs.contactor = false;
    facts.outputs.pilot = PilotDrive::Constant;
    facts.status.trips = Trips::NONE.with(Trip::ResidualCurrent);
    checker.check_step(&facts);
    facts.status.trips = Trips::NONE;
    checker.check_step(&facts);
    sees("ResidualCurrent cleared", checker.take_violation());
}

#[test]
fn current_without_a_transaction_is_seen() {
    sees(
        "no transaction",
        after(10, |facts| facts.view.current_ma = [6_000; 3]),
    );
}

fn journal(events: Vec<JournalEvent>) -> Option<String> {
    let mut checker = Checker::new(0, 1);
    let mut disk = Disk::default();
    for (seq, event) in (1..).zip(events) {
        let moment = Moment {
            at: Instant::ZERO,
            wall: None,
        };
        disk.journal.push(Entry {
            seq: JournalSeq(seq),
            moment,
            event,
            boot: 1,
        });
    }
    checker.check_journal(&disk);
    checker.take_violation()
}

fn start(number: u64, register: u64, offline: bool) -> JournalEvent {
    JournalEvent::TransactionStarted {
        transaction: TransactionId(number),
        evse: EvseId(1),
        connector: ConnectorId(1),
        token: IdToken {
            value: "AA".to_owned(),
            kind: TokenKind::Rfid,
        },
        group: None,
        meter_start: WattHours::new(register),
        reservation: None,
        offline,
        silent: false,
    }
}

fn end(number: u64, register: u64) -> JournalEvent {
    JournalEvent::TransactionEnded {
        transaction: TransactionId(number),
        evse: EvseId(1),
        token: None,
        meter_stop: WattHours::new(register),
        reason: StopReason::Local,
    }
}

#[test]
fn journal_that_tells_nonsense_is_seen() {
    assert_eq!(
        journal(vec![start(1, 5, true), end(1, 9), start(2, 9, true)]),
        None
    );
    sees("never accepted", journal(vec![start(1, 5, false)]));
    sees(
        "while transaction 1 runs",
        journal(vec![start(1, 5, true), start(2, 5, true)]),
    );
    sees(
        "has ended already",
        journal(vec![start(1, 5, true), end(1, 5), end(1, 5)]),
    );
    sees("never started", journal(vec![end(1, 5)]));
    sees(
        "negative energy",
        journal(vec![start(1, 5, true), end(1, 4)]),
    );
    let fell = vec![start(1, 5, true), end(1, 9), start(2, 8, true)];
    sees("register fell", journal(fell));
    sees(
        "starts twice",
        journal(vec![start(1, 5, true), end(1, 9), start(1, 9, true)]),
    );
}
