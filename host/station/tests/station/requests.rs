//! Unlock, reset, availability, meter reading; bounds.

use interlock::{LockPosition, PilotState, Trip};
use station::limits::{MAX_ACTIONS, MAX_UNCOMMITTED};
use station::*;
use units::Instant;

use crate::rig::*;

const UNLOCK: Request = Request::Unlock {
    evse: ONE,
    connector: ConnectorId(1),
};

#[test]
fn unlock_ends_the_transaction_and_answers_when_the_lock_has_moved() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.request(UNLOCK);
    assert_eq!(rig.last_outcome(), Some(Outcome::Accepted));
    assert_eq!(rig.end_reasons(), [StopReason::UnlockCommand]);
    assert!(!rig.locked());
    rig.seconds(30);
    assert!(!rig.locked(), "it does not lock again by itself");
}

#[test]
fn unlock_without_a_session_answers_at_once() {
    let mut rig = Rig::new().boot();
    let before = rig.permit().unlock_count;
    assert_eq!(rig.request(UNLOCK), Some(Outcome::Accepted));
    assert_eq!(
        rig.permit().unlock_count,
        before + 1,
        "the interlock tries it all the same"
    );
}

#[test]
fn unlock_of_a_fixed_cable_is_not_supported_and_charging_goes_on() {
    let mut rig = Rig::tethered().boot();
    rig.charge();
    assert_eq!(rig.request(UNLOCK), Some(Outcome::NotSupported));
    assert!(rig.energised());
}

#[test]
fn unlock_of_an_unknown_connector_is_unknown() {
    let mut rig = Rig::new().boot();
    for (evse, connector) in [(EvseId(99), ConnectorId(1)), (ONE, ConnectorId(2))] {
        assert_eq!(
            rig.request(Request::Unlock { evse, connector }),
            Some(Outcome::Unknown)
        );
    }
}

#[test]
fn unlock_of_a_jammed_lock_fails_after_a_bound() {
    let mut rig = Rig::new().boot();
    rig.plug_in(ONE);
    rig.port(ONE).jammed = true;
    assert_eq!(rig.request(UNLOCK), None);
    rig.seconds(8);
    assert_eq!(rig.last_outcome(), Some(Outcome::Failed));
}

// acceptance: P221
#[test]
fn unlock_and_hard_reset_retry_a_stuck_lock() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.port(ONE).jammed = true;
    rig.swipe(ALICE);
    rig.trip(ONE, Trip::LockStuck);
    let notice = rig.notices().pop().unwrap();
    assert_eq!(
        (notice.id, notice.code),
        ("LOCK_STUCK", "ConnectorLockFailure")
    );
    assert!(notice.stops_transaction);
    assert_eq!(rig.indication(), Indication::Fault);
    let retries = rig.permit().actuator_retry_count;
    rig.request(UNLOCK);
    assert_eq!(rig.permit().actuator_retry_count, retries + 1);
    rig.port(ONE).jammed = false;
    rig.untrip(ONE, Trip::LockStuck);
    assert_eq!(rig.last_outcome(), Some(Outcome::Accepted));
    assert_eq!(rig.indication(), Indication::Finishing);
    rig.request(Request::Reset {
        kind: ResetKind::Hard,
    });
    assert_eq!(rig.permit().actuator_retry_count, retries + 2);
}

// acceptance: P222
#[test]
fn a_missing_lock_takes_the_connector_out_of_service_and_a_hard_reset_tries_again() {
    let mut rig = Rig::new().boot();
    rig.port(ONE).status.lock = LockPosition::Missing;
    rig.port(ONE).jammed = true;
    rig.trip(ONE, Trip::LockMissing);
    let fault = rig.connector().fault.unwrap();
    assert_eq!((fault.id, fault.stops_transaction), ("LOCK_MISS", true));
    assert_eq!(rig.request(UNLOCK), Some(Outcome::Failed));
    let retries = rig.permit().actuator_retry_count;
    rig.request(Request::Reset {
        kind: ResetKind::Hard,
    });
    assert_eq!(rig.permit().actuator_retry_count, retries + 1);
    rig.untrip(ONE, Trip::LockMissing);
    assert!(rig.connector().fault.is_none());
}

#[test]
fn a_reset_without_a_transaction_restarts_at_once() {
    for kind in [ResetKind::Soft, ResetKind::Hard] {
        let mut rig = Rig::new().boot();
        assert_eq!(
            rig.request(Request::Reset { kind }),
            Some(Outcome::Accepted)
        );
        assert_eq!(rig.restarted(), Some(kind));
    }
}

#[test]
fn a_reset_ends_the_transaction_and_waits_for_the_journal() {
    let cases = [
        (ResetKind::Soft, StopReason::SoftReset),
        (ResetKind::Hard, StopReason::HardReset),
    ];
    for (kind, reason) in cases {
        let mut rig = Rig::new().boot();
        rig.charge();
        rig.commits = false;
        assert_eq!(
            rig.request(Request::Reset { kind }),
            Some(Outcome::Accepted)
        );
        assert_eq!(rig.end_reasons(), [reason]);
        rig.seconds(5);
        assert_eq!(rig.restarted(), None, "the end is not written yet");
        rig.commit();
        assert_eq!(rig.restarted(), Some(kind));
    }
}

#[test]
fn a_soft_reset_does_not_wait_for_ever_for_a_journal_that_never_commits() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.commits = false;
    rig.request(Request::Reset {
        kind: ResetKind::Soft,
    });
    rig.run(29_999);
    assert_eq!(rig.restarted(), None);
    rig.run(1);
    assert_eq!(rig.restarted(), Some(ResetKind::Soft));
}

#[test]
fn nothing_starts_while_restarting() {
    let mut rig = Rig::new().boot();
    rig.request(Request::Reset {
        kind: ResetKind::Soft,
    });
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    assert_eq!(rig.signals().last(), Some(&Signal::Rejected));
    assert_eq!(rig.starts(), []);
}

#[test]
fn an_evse_goes_out_of_service_at_once_when_free_and_survives_a_restart() {
    let mut rig = Rig::new().boot();
    let away = Request::SetAvailability {
        evse: Some(ONE),
        operative: false,
    };
    assert_eq!(rig.request(away.clone()), Some(Outcome::Accepted));
    assert_eq!(rig.indication(), Indication::Unavailable);
    assert!(!rig.permit().available);
    rig.swipe(ALICE);
    assert_eq!(rig.asked.len(), 0);
    assert_eq!(
        rig.request(away),
        Some(Outcome::Accepted),
        "doing it again is no error"
    );
    let mut rig = rig.power_cycle(|_| {}).boot();
    assert_eq!(rig.indication(), Indication::Unavailable);
    let back = Request::SetAvailability {
        evse: None,
        operative: true,
    };
    assert_eq!(rig.request(back), Some(Outcome::Accepted));
    assert_eq!(rig.indication(), Indication::Available);
}

#[test]
fn going_out_of_service_is_scheduled_while_a_transaction_runs_or_is_about_to() {
    let mut rig = Rig::new().boot();
    rig.charge();
    let away = Request::SetAvailability {
        evse: None,
        operative: false,
    };
    assert_eq!(rig.request(away.clone()), Some(Outcome::Scheduled));
    assert!(rig.connector().operative && rig.energised());
    rig.swipe(ALICE);
    assert!(!rig.connector().operative);

    let mut rig = Rig::new().boot();
    rig.swipe(ALICE);
    assert_eq!(rig.request(away), Some(Outcome::Scheduled));
    rig.seconds(45);
    assert_eq!(rig.indication(), Indication::Unavailable);
}

#[test]
fn a_scheduled_removal_can_be_taken_back() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.request(Request::SetAvailability {
        evse: Some(ONE),
        operative: false,
    });
    let back = Request::SetAvailability {
        evse: Some(ONE),
        operative: true,
    };
    assert_eq!(rig.request(back), Some(Outcome::Accepted));
    rig.swipe(ALICE);
    assert!(rig.connector().operative);
    let unknown = Request::SetAvailability {
        evse: Some(EvseId(7)),
        operative: true,
    };
    assert_eq!(rig.request(unknown), Some(Outcome::Unknown));
}

#[test]
fn a_meter_is_read_on_request() {
    let mut rig = Rig::new().boot();
    rig.request(Request::ReadMeter {
        evse: ONE,
        context: ReadingContext::Trigger,
    });
    let Some(Action::Reading {
        request: Some(_),
        reading,
    }) = rig.log.last()
    else {
        panic!("the reading is the answer");
    };
    assert_eq!(reading.context, ReadingContext::Trigger);
    let unknown = Request::ReadMeter {
        evse: EvseId(3),
        context: ReadingContext::Trigger,
    };
    assert_eq!(rig.request(unknown), Some(Outcome::Failed));
}

#[test]
fn what_nobody_polls_is_bounded_and_counted() {
    let mut rig = Rig::new().boot();
    let transaction = rig.charge();
    let now = rig.now;
    let station = &mut rig.station;
    for n in 0..5_000_u64 {
        let from = Requester::Local;
        let what = Request::Stop {
            transaction: TransactionId(999),
        };
        station.handle_event(
            now,
            Event::Request {
                from,
                request: RequestId(n),
                what,
            },
        );
        station.handle_event(now, Event::TokenUnreadable { evse: None });
        station.handle_event(now, Event::ReaderSilent { silent: n % 2 == 0 });
    }
    let overflow = station.overflow();
    assert!(overflow.requests > 0 && overflow.actions > 0);
    let what = Request::Stop { transaction };
    station.handle_event(
        now,
        Event::Request {
            from: Requester::Local,
            request: RequestId(1),
            what,
        },
    );
    let mut polled = 0;
    while station.poll_action().is_some() {
        polled += 1;
    }
    assert!(polled < MAX_ACTIONS + 16, "{polled} actions were kept");
    rig.report(ONE);
    rig.run(1_000);
    assert!(
        rig.energised(),
        "a request that did not fit was refused, nothing else happened"
    );
}

#[test]
fn samples_give_way_when_the_journal_does_not_commit_and_the_end_is_still_written() {
    let mut rig = Rig::set_up(&[("meter_sample_interval_s", "1")]).boot();
    rig.charge();
    rig.commits = false;
    rig.seconds(2 * MAX_UNCOMMITTED);
    assert!(rig.station.overflow().samples > 0);
    assert!(rig.energised(), "charging goes on");
    rig.swipe(ALICE);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
    rig.swipe(BOB);
    assert_eq!(
        rig.starts().len(),
        1,
        "nothing new starts before the journal works"
    );
    rig.commit();
    rig.swipe(BOB);
    assert_eq!(rig.starts().len(), 2);
}

#[test]
fn timers_ask_for_a_time_ahead() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.pilot(ONE, PilotState::B);
    rig.seconds(120);
    assert!(rig.station.poll_timeout() > Some(rig.now));
    assert!(rig.station.poll_timeout() < Some(Instant::NEVER));
}

// acceptance: P158
#[test]
fn update_keeps_everybody_out_shows_itself_and_ends_by_itself_after_ten_minutes() {
    let mut rig = Rig::new().boot();
    let update = |begins| Request::Update { begins };
    let local = || Requester::Local;
    assert_eq!(
        rig.request(update(true)),
        Some(Outcome::Rejected),
        "no backend may"
    );
    assert_eq!(
        rig.request_from(local(), update(true)),
        Some(Outcome::Accepted)
    );
    assert_eq!(rig.indication(), Indication::Update);
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    assert_eq!((rig.starts(), rig.asked.len()), (vec![], 0));
    rig.seconds(599);
    assert_eq!(rig.indication(), Indication::Update);
    rig.seconds(1);
    assert_eq!(rig.indication(), Indication::Available);
    rig.swipe(ALICE);
    assert_eq!(rig.starts().len(), 1);
    assert_eq!(
        rig.request_from(local(), update(true)),
        Some(Outcome::Rejected),
        "somebody charges"
    );
    assert_ne!(rig.indication(), Indication::Update);
    rig.swipe(ALICE);
    rig.unplug(ONE);
    rig.seconds(2);
    assert_eq!(
        rig.request_from(local(), update(true)),
        Some(Outcome::Accepted)
    );
    assert_eq!(
        rig.request_from(local(), update(false)),
        Some(Outcome::Accepted)
    );
    assert_eq!(rig.indication(), Indication::Available);
}

#[test]
fn security_event_goes_to_the_journal_and_changes_nothing_else() {
    let mut rig = Rig::new().boot();
    rig.charge();
    let (permit, before) = (rig.permit(), rig.journal.len());
    let text = "InvalidCentralSystemCertificate: cpo.example".to_owned();
    rig.event(Event::Security { text: text.clone() });
    let journal = &rig.journal;
    assert_eq!(journal.len(), before + 1);
    assert_eq!(
        journal.last().map(|(.., event)| event),
        Some(&JournalEvent::Security { text })
    );
    assert_eq!(rig.permit().max_current, permit.max_current);
    assert!(rig.energised());
}

#[test]
fn flood_of_security_events_does_not_grow_the_station() {
    let mut rig = Rig::new().boot();
    for n in 0..2 * MAX_ACTIONS {
        rig.station.handle_event(
            rig.now,
            Event::Security {
                text: n.to_string(),
            },
        );
    }
    let mut journaled = 0;
    while let Some(action) = rig.station.poll_action() {
        journaled += usize::from(matches!(action, Action::Journal { .. }));
    }
    assert!(journaled <= MAX_ACTIONS, "{journaled}");
}
