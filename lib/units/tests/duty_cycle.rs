//! The conversions of the pilot's duty cycle against the vectors of the domain fact sheet §1.2.

use proptest::prelude::*;
use units::{DutyCycle, DutyMeaning, DutyOutOfRange, Milliamps};

fn duty(tenths: u16) -> DutyCycle {
    DutyCycle::try_from_tenths(tenths).unwrap_or(DutyCycle::NO_OFFER)
}

fn offering(ma: u32) -> Option<u16> {
    DutyCycle::offering(Milliamps::new(ma)).map(DutyCycle::tenths)
}

fn amps(ma: u32) -> DutyMeaning {
    DutyMeaning::Current(Milliamps::new(ma))
}

#[test]
fn currents_become_the_duty_cycles_of_the_fact_sheet_rounded_down() {
    // Percent in the fact sheet: 10.00, 11.67, 13.33, 16.67, 21.67, 26.67, 33.33, 41.67, 53.33, 80, 85, 89.2, 96.
    let vectors = [
        (6, 100),
        (7, 116),
        (8, 133),
        (10, 166),
        (13, 216),
        (16, 266),
        (20, 333),
        (25, 416),
        (32, 533),
        (48, 800),
        (51, 850),
        (63, 892),
        (80, 960),
    ];
    for (a, tenths) in vectors {
        assert_eq!(offering(a * 1_000), Some(tenths), "{a} A");
    }
}

#[test]
fn duty_cycles_become_the_currents_of_the_fact_sheet() {
    let vectors = [
        (50, DutyMeaning::Digital),
        (75, DutyMeaning::NotAllowed),
        (80, amps(6_000)),
        (99, amps(6_000)),
        (100, amps(6_000)),
        (850, amps(51_000)),
        (860, amps(55_000)),
        (900, amps(65_000)),
        (960, amps(80_000)),
        (965, amps(80_000)),
        (975, DutyMeaning::NotAllowed),
        (1_000, DutyMeaning::NoOffer),
    ];
    for (tenths, meaning) in vectors {
        assert_eq!(duty(tenths).meaning(), meaning, "{tenths} tenths");
    }
    // 26.67 % and 53.33 % lie between two steps of the generator; the steps around them enclose 16 A and 32 A.
    assert_eq!(
        (duty(266).current().get(), duty(267).current().get()),
        (15_960, 16_020)
    );
    assert_eq!(
        (duty(533).current().get(), duty(534).current().get()),
        (31_980, 32_040)
    );
}

#[test]
fn every_border_of_the_vehicle_table_is_on_the_stated_side() {
    let borders = [
        (0, DutyMeaning::NotAllowed),
        (29, DutyMeaning::NotAllowed),
        (30, DutyMeaning::Digital),
        (70, DutyMeaning::Digital),
        (71, DutyMeaning::NotAllowed),
        (79, DutyMeaning::NotAllowed),
        (851, amps(52_750)),
        (961, amps(80_000)),
        (970, amps(80_000)),
        (971, DutyMeaning::NotAllowed),
        (999, DutyMeaning::NotAllowed),
    ];
    for (tenths, meaning) in borders {
        assert_eq!(duty(tenths).meaning(), meaning, "{tenths} tenths");
    }
}

#[test]
fn less_than_six_amperes_cannot_be_offered() {
    assert_eq!(offering(0), None);
    assert_eq!(offering(5_999), None);
}

#[test]
fn between_51_and_52_5_amperes_51_are_offered() {
    for ma in [51_001, 51_500, 52_000, 52_499] {
        assert_eq!(offering(ma), Some(850), "{ma} mA");
    }
    assert_eq!(offering(52_500), Some(850));
    assert_eq!(offering(52_750), Some(851));
}

#[test]
fn more_than_80_amperes_offers_80() {
    assert_eq!(offering(80_001), Some(960));
    assert_eq!(offering(u32::MAX), Some(960));
}

#[test]
fn a_duty_cycle_above_one_hundred_percent_is_refused() {
    assert_eq!(
        DutyCycle::try_from_tenths(1_001),
        Err(DutyOutOfRange(1_001))
    );
}

#[test]
fn the_vehicle_never_reads_more_than_was_offered_for_any_current_up_to_81_amperes() {
    for ma in 0..=81_000 {
        let read =
            DutyCycle::offering(Milliamps::new(ma)).map_or(Milliamps::ZERO, DutyCycle::current);
        assert!(read.get() <= ma, "{ma} mA is read as {read}");
        // Nor needlessly little: one step of the generator, or the gap between the two rules.
        let loss = match ma {
            0..=51_000 => 60,
            51_001..=80_000 => 1_750,
            _ => 1_000,
        };
        assert!(
            ma < 6_000 || ma - read.get() <= loss,
            "{ma} mA is read as {read}"
        );
    }
}

proptest! {
    #[test]
    fn every_current_offers_nothing_or_a_readable_current(ma in any::<u32>()) {
        let offered = DutyCycle::offering(Milliamps::new(ma));
        prop_assert_eq!(offered.is_none(), ma < 6_000);
        if let Some(duty) = offered {
            prop_assert!((6_000..=80_000).contains(&duty.current().get()));
        }
    }
}
