//! Restarts: power loss, resume or end, numbers that are never used twice.

use interlock::PilotState;
use station::*;
use units::WattHours;

use crate::rig::*;

fn charged() -> Rig {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.seconds(200);
    rig
}

fn end_of_loss(config: &mut StationConfig) {
    let key = "restart_transaction_after_power_loss".to_owned();
    config.settings.push((key, "false".to_owned()));
}

// acceptance: P84
#[test]
fn after_a_power_loss_the_transaction_goes_on_with_the_same_token_and_number() {
    let before = charged();
    let transaction = before.running();
    let view = before.station.transactions().pop().unwrap();
    let mut rig = before.power_cycle(|_| {});
    assert_eq!(rig.running(), transaction);
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(2);
    assert!(rig.energised());
    assert_eq!(rig.asked.len(), 0, "nobody is asked again");
    assert_eq!(rig.starts(), [], "it is not started again");
    let now = rig.station.transactions().pop().unwrap();
    assert_eq!((now.token, now.meter_start), (view.token, view.meter_start));
    assert_eq!(rig.readings()[0].1, ReadingContext::InterruptionEnd);
    rig.swipe(ALICE);
    assert_eq!(rig.end_reasons(), [StopReason::Local]);
}

// acceptance: P84
#[test]
fn after_a_power_loss_the_transaction_ends_with_the_last_known_register_when_so_set() {
    let before = charged();
    let known = before.record.evses[0].register;
    assert!(
        known > WattHours::new(1_000),
        "the register is stored while charging"
    );
    let rig = before.power_cycle(end_of_loss);
    let ended = rig.journal.iter().find_map(|(.., event)| match event {
        JournalEvent::TransactionEnded {
            transaction,
            meter_stop,
            reason,
            ..
        } => Some((*transaction, *meter_stop, *reason)),
        _ => None,
    });
    assert_eq!(
        ended,
        Some((TransactionId(1), known, StopReason::PowerLoss))
    );
    assert_eq!(rig.running(), None);
    assert!(
        rig.record.evses[0].transaction.is_none(),
        "it cannot end twice"
    );
    let again = rig.power_cycle(end_of_loss);
    assert_eq!(again.ends(), []);
}

#[test]
fn a_restart_by_software_ends_with_its_own_reason() {
    let rig = charged().power_cycle(|config| {
        end_of_loss(config);
        config.boot_reason = BootReason::Watchdog;
    });
    assert_eq!(rig.end_reasons(), [StopReason::Reboot]);
}

#[test]
fn a_transaction_whose_vehicle_left_during_the_power_loss_ends() {
    let mut rig = charged().power_cycle(|_| {}).boot();
    rig.seconds(28);
    assert_eq!(rig.ends(), []);
    rig.seconds(2);
    assert_eq!(rig.end_reasons(), [StopReason::PowerLoss]);
}

#[test]
fn a_resumed_transaction_gets_no_current_before_the_vehicle_is_back() {
    let mut rig = charged().power_cycle(|_| {}).boot();
    assert_eq!(rig.permit().max_current, units::Milliamps::ZERO);
    rig.plug_in(ONE);
    assert_eq!(rig.permit().max_current, units::Milliamps::from_amps(32));
}

#[test]
fn the_register_does_not_fall_over_a_restart() {
    let before = charged();
    let stored = before.record.evses[0].register;
    let mut rig = before.power_cycle(|_| {});
    assert_eq!(rig.station.register(ONE), Some(stored));
    rig.port(ONE).register = 0;
    let mut rig = rig.boot();
    rig.seconds(3);
    assert_eq!(rig.station.register(ONE), Some(stored));
}

#[test]
fn transaction_and_journal_numbers_are_never_used_twice() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.swipe(ALICE);
    let last = rig.journal.last().unwrap().0;
    let mut rig = rig.power_cycle(|_| {}).boot();
    rig.charge();
    assert_eq!(rig.starts()[0].0, TransactionId(2));
    assert_eq!(rig.journal[0].0, JournalSeq(last.0 + 1));
    let seqs: Vec<u64> = rig.journal.iter().map(|(seq, ..)| seq.0).collect();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seqs:?}"
    );
}

#[test]
fn a_running_transaction_of_an_evse_that_is_gone_ends() {
    let mut rig = Rig::double().boot();
    rig.plug_in(TWO);
    rig.swipe_at(Some(TWO), ALICE);
    let record = rig.record.clone();
    let rig = Rig::with(config(&[(ONE, interlock::Attachment::Socket)]), record);
    assert_eq!(rig.end_reasons(), [StopReason::PowerLoss]);
    let kept = rig
        .record
        .evses
        .iter()
        .find(|record| record.evse == TWO)
        .unwrap();
    assert_eq!(kept.transaction, None);
    assert_eq!(kept.register, WattHours::new(1_000), "its register is kept");
}

#[test]
fn a_token_only_transaction_waits_for_its_vehicle_for_ever() {
    let mut rig = Rig::set_up(&[("stop_transaction_mode", "token-only")]).boot();
    rig.charge();
    let mut rig = rig
        .power_cycle(|config| {
            let mode = ("stop_transaction_mode".to_owned(), "token-only".to_owned());
            config.settings.push(mode);
        })
        .boot();
    rig.seconds(3_600);
    assert_eq!(rig.ends(), []);
    assert!(rig.running().is_some());
}

#[test]
fn before_the_interlock_has_spoken_the_station_shows_its_self_test() {
    let rig = Rig::new();
    assert_eq!(rig.indication(), Indication::Boot);
    assert_eq!(rig.boot().indication(), Indication::Available);
}

#[test]
fn what_limits_or_stops_a_transaction_survives_a_restart() {
    let mut rig = Rig::set_up(&[("stop_on_invalid_token", "false")]).boot();
    let small = Verdict {
        limit: Some(units::Milliamps::from_amps(10)),
        ..verdict(Decision::Accepted)
    };
    rig.verdicts.insert(ALICE.to_owned(), small);
    let transaction = rig.charge();
    let mut rig = rig.power_cycle(|_| {}).boot();
    rig.plug_in(ONE);
    assert_eq!(rig.permit().max_current, units::Milliamps::from_amps(10));
    rig.set("stop_on_invalid_token", "false");
    let refused = verdict(Decision::Invalid);
    rig.event(Event::TransactionVerdict {
        transaction,
        verdict: refused,
        stop: true,
    });
    assert_eq!(rig.permit().max_current, units::Milliamps::ZERO);
    let mut rig = rig.power_cycle(|_| {}).boot();
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(60);
    assert_eq!(rig.running(), Some(transaction));
    assert_eq!(
        rig.permit().max_current,
        units::Milliamps::ZERO,
        "a refused token stays refused"
    );
}

#[test]
fn charging_that_the_user_stopped_does_not_go_on_after_a_restart() {
    let only = |config: &mut StationConfig| {
        let mode = (
            "stop_transaction_mode".to_owned(),
            "disconnect-only".to_owned(),
        );
        config.settings.push(mode);
    };
    let mut rig = Rig::set_up(&[("stop_transaction_mode", "disconnect-only")]).boot();
    rig.charge();
    rig.swipe(ALICE);
    let mut rig = rig.power_cycle(only).boot();
    rig.plug_in(ONE);
    rig.pilot(ONE, PilotState::C);
    rig.seconds(60);
    assert_eq!(rig.permit().max_current, units::Milliamps::ZERO);
    assert!(!rig.locked(), "the plug stays free");
    rig.unplug(ONE);
    assert_eq!(rig.end_reasons(), [StopReason::EvDisconnected]);
}

#[test]
fn a_token_accepted_without_an_opinion_is_still_checked_after_a_restart() {
    let mut rig = Rig::set_up(&[("allow_unknown_offline", "true")]).boot();
    rig.plug_in(ONE);
    rig.swipe("STRANGER");
    rig.seconds(31);
    assert!(rig.running().is_some());
    let mut rig = rig.power_cycle(|_| {}).boot();
    rig.plug_in(ONE);
    rig.event(Event::BackendOnline { online: true });
    assert_eq!(rig.asked.last().unwrap().2, AuthorizePurpose::Recheck);
}

/// Alice has charged and stopped; her cable is still in.
fn finished() -> Rig {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.swipe(ALICE);
    rig.seconds(1);
    assert_eq!(rig.indication(), Indication::Finishing);
    rig
}

#[test]
fn the_cable_of_an_ended_transaction_stays_free_over_any_number_of_restarts() {
    let mut rig = finished();
    for _restart in 0..3 {
        rig = rig.power_cycle(|_| {});
        rig.plug_in(ONE);
        rig.seconds(10);
        assert!(!rig.locked());
        assert_eq!(rig.indication(), Indication::Finishing);
        assert!(rig.record.evses[0].finishing);
    }
    rig.unplug(ONE);
    assert!(!rig.record.evses[0].finishing, "stored when it ends, too");
}

#[test]
fn a_cable_is_not_given_up_before_the_filters_of_the_interlock_have_settled() {
    let mut rig = finished().power_cycle(|_| {}).boot();
    rig.plug_in(ONE);
    rig.seconds(10);
    assert_eq!(rig.indication(), Indication::Finishing);
    assert!(!rig.locked());
}

#[test]
fn an_interlock_that_speaks_late_gets_the_same_time_to_settle() {
    let mut rig = finished().power_cycle(|_| {});
    rig.seconds(30);
    assert!(rig.record.evses[0].finishing, "nobody has said it is gone");
    let mut rig = rig.boot();
    rig.seconds(3);
    assert_eq!(rig.indication(), Indication::Available);
    assert!(!rig.record.evses[0].finishing);
    rig.plug_in(ONE);
    assert!(rig.locked(), "the next cable is held as always");
}

#[test]
fn the_cable_of_a_transaction_that_the_power_loss_ended_is_free() {
    let mut rig = charged().power_cycle(end_of_loss);
    rig.plug_in(ONE);
    rig.seconds(10);
    assert!(!rig.locked());
    assert_eq!(rig.indication(), Indication::Finishing);
    rig.swipe(BOB);
    rig.seconds(1);
    assert_eq!(rig.starts(), [(TransactionId(2), BOB.to_owned())]);
    assert!(rig.locked(), "a card starts the next transaction");
}

#[test]
fn a_power_loss_that_ends_a_transaction_whose_cable_is_gone_leaves_the_evse_available() {
    let mut rig = charged().power_cycle(end_of_loss).boot();
    rig.seconds(3);
    assert_eq!(rig.indication(), Indication::Available);
}
