//! The register that never falls, samples of transactions, clock-aligned samples, a silent meter.

use interlock::PilotState;
use station::*;
use units::WattHours;

use crate::rig::*;

fn clock_readings(rig: &Rig) -> Vec<i64> {
    let wall = |moment: Moment| moment.wall.unwrap().as_unix_millis();
    let free = rig.log.iter().filter_map(|action| match action {
        Action::Reading {
            request: None,
            reading,
        } if reading.context == ReadingContext::SampleClock => Some(wall(reading.moment)),
        _ => None,
    });
    let running = rig.journal.iter().filter_map(|(.., event)| match event {
        JournalEvent::TransactionMetered { reading, .. }
            if reading.context == ReadingContext::SampleClock =>
        {
            Some(wall(reading.moment))
        }
        _ => None,
    });
    free.chain(running).collect()
}

#[test]
fn a_transaction_has_readings_at_begin_end_and_every_interval() {
    let mut rig = Rig::set_up(&[("meter_sample_interval_s", "10")]).boot();
    rig.charge();
    rig.seconds(34);
    rig.swipe(ALICE);
    let contexts: Vec<ReadingContext> = rig.readings().into_iter().map(|(_, c)| c).collect();
    let (begin, end) = (
        ReadingContext::TransactionBegin,
        ReadingContext::TransactionEnd,
    );
    let sample = ReadingContext::SamplePeriodic;
    assert_eq!(contexts, [begin, sample, sample, sample, end]);
    let times: Vec<u64> = rig.readings().into_iter().map(|(at, _)| at).collect();
    assert_eq!(
        [
            times[1] - times[0],
            times[2] - times[1],
            times[3] - times[2]
        ],
        [10_000; 3]
    );
}

#[test]
fn a_changed_interval_holds_for_the_running_transaction_and_0_takes_no_samples() {
    let mut rig = Rig::set_up(&[("meter_sample_interval_s", "0")]).boot();
    rig.charge();
    rig.seconds(600);
    assert_eq!(rig.readings().len(), 1);
    rig.set("meter_sample_interval_s", "60");
    rig.seconds(120);
    assert_eq!(rig.readings().len(), 3);
}

#[test]
fn energy_is_the_difference_of_the_registers() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.seconds(100);
    let view = rig.station.transactions().pop().unwrap();
    assert_eq!(
        view.energy.get(),
        rig.station.register(ONE).unwrap().get() - 1_000
    );
    assert!(view.energy.get() >= 99);
    rig.swipe(ALICE);
    let Some((.., JournalEvent::TransactionEnded { meter_stop, .. })) = rig.journal.last() else {
        panic!("the end is the last entry");
    };
    assert_eq!(*meter_stop, WattHours::new(1_000 + view.energy.get()));
}

#[test]
fn a_register_that_falls_is_held_at_its_highest() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.seconds(10);
    let highest = rig.station.register(ONE).unwrap();
    rig.port(ONE).register = 3;
    rig.seconds(5);
    assert_eq!(rig.station.register(ONE), Some(highest));
    rig.swipe(ALICE);
    let Some((.., JournalEvent::TransactionEnded { meter_stop, .. })) = rig.journal.last() else {
        panic!("the end is the last entry");
    };
    assert_eq!(*meter_stop, highest);
}

#[test]
fn no_transaction_starts_before_the_meter_was_read() {
    let mut rig = Rig::new();
    rig.port(ONE).metered = false;
    let mut rig = rig.boot();
    rig.plug_in(ONE);
    rig.swipe(ALICE);
    rig.seconds(5);
    assert_eq!(rig.starts(), []);
    rig.port(ONE).metered = true;
    rig.seconds(2);
    assert_eq!(rig.starts().len(), 1);
}

// acceptance: P223
#[test]
fn a_silent_meter_stops_with_the_last_register_and_nothing_starts_until_it_answers() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.seconds(10);
    let last = rig.station.register(ONE).unwrap();
    rig.port(ONE).metered = false;
    rig.event(Event::MeterSilent { evse: ONE });
    assert_eq!(rig.notices().pop().unwrap().code, "PowerMeterFailure");
    assert_eq!(rig.end_reasons(), [StopReason::Other]);
    let Some((.., JournalEvent::TransactionEnded { meter_stop, .. })) = rig.journal.last() else {
        panic!("the end is the last entry");
    };
    assert_eq!(*meter_stop, last);
    rig.swipe(ALICE);
    assert_eq!(rig.starts().len(), 1);
    rig.port(ONE).metered = true;
    rig.seconds(1);
    assert!(!rig.notices().pop().unwrap().active);
    rig.swipe(ALICE);
    assert_eq!(rig.starts().len(), 2);
}

#[test]
fn values_of_a_meter_that_has_gone_are_not_sent_again_as_new() {
    let mut rig = Rig::set_up(&[("meter_sample_interval_s", "10")]).boot();
    rig.charge();
    rig.port(ONE).metered = false;
    rig.seconds(300);
    let samples = rig.readings().len();
    assert!(
        samples <= 8,
        "{samples} readings of a meter that is gone for minutes"
    );
    rig.port(ONE).metered = true;
    rig.seconds(20);
    assert!(rig.readings().len() > samples);
}

#[test]
fn clock_aligned_samples_are_taken_at_multiples_from_midnight_utc() {
    let mut rig = Rig::set_up(&[("clock_aligned_interval_s", "900")]).boot();
    rig.seconds(2_000);
    assert_eq!(
        clock_readings(&rig),
        [] as [i64; 0],
        "not before the time is known"
    );
    // 2023-11-14 22:13:20 UTC; the next quarter is 22:15:00.
    rig.set_clock(1_700_000_000_000);
    rig.seconds(1_000 + 900);
    assert_eq!(
        clock_readings(&rig),
        [1_700_000_100_000, 1_700_001_000_000, 1_700_001_900_000]
    );
}

#[test]
fn clock_aligned_samples_belong_to_the_transaction_that_runs() {
    let mut rig = Rig::set_up(&[("meter_sample_interval_s", "0")]).boot();
    rig.set_clock(1_700_000_000_000);
    rig.set("clock_aligned_interval_s", "60");
    rig.charge();
    rig.seconds(120);
    let clock = ReadingContext::SampleClock;
    assert_eq!(
        rig.readings()
            .iter()
            .filter(|(_, context)| *context == clock)
            .count(),
        2
    );
}

#[test]
fn a_wall_clock_that_jumps_moves_no_timer_but_the_aligned_one() {
    let mut rig = Rig::set_up(&[("clock_aligned_interval_s", "900")]).boot();
    rig.set_clock(1_700_000_000_000);
    rig.swipe(ALICE);
    rig.seconds(10);
    rig.set_clock(1_900_000_000_000);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    rig.run(34_999);
    assert_eq!(rig.indication(), Indication::AuthorisedWaiting);
    rig.run(1);
    assert_eq!(rig.indication(), Indication::Available);
    rig.set_clock(0);
    rig.seconds(900);
    assert_eq!(clock_readings(&rig), [900_000]);
}

#[test]
fn a_reading_has_the_register_of_the_station_first_and_what_is_offered() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.request(Request::ReadMeter {
        evse: ONE,
        context: ReadingContext::Trigger,
    });
    let Some(Action::Reading { reading, .. }) = rig.log.last() else {
        panic!("no reading")
    };
    let register = rig.station.register(ONE).unwrap().get();
    let first = reading.samples[0];
    assert_eq!(first.measurand, Measurand::EnergyImportWh);
    assert_eq!(u64::try_from(first.value), Ok(register));
    let offered = reading
        .samples
        .iter()
        .find(|s| s.measurand == Measurand::CurrentOfferedMa);
    assert_eq!(offered.unwrap().value, 32_000);
}

#[test]
fn a_reading_with_too_many_samples_is_cut() {
    let mut rig = Rig::new().boot();
    let sample = Sample {
        measurand: Measurand::VoltageMv,
        phase: None,
        value: 230_000,
    };
    let register = WattHours::new(1_000);
    rig.event(Event::Meter {
        evse: ONE,
        register,
        samples: vec![sample; 10_000],
    });
    rig.request(Request::ReadMeter {
        evse: ONE,
        context: ReadingContext::Trigger,
    });
    let Some(Action::Reading { reading, .. }) = rig.log.last() else {
        panic!("no reading")
    };
    assert_eq!(reading.samples.len(), station::limits::MAX_SAMPLES);
}

#[test]
fn a_vehicle_that_sleeps_is_woken_only_when_so_set() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.pilot(ONE, PilotState::B);
    assert!(rig.permit().wake_up);
    rig.set("allow_ev_wake_up", "false");
    assert!(!rig.permit().wake_up);
}
