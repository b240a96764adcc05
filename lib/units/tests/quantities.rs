//! Quantities saturate instead of wrapping, and monotonic time never runs backwards.

use units::{Instant, Milliamps, Millis, Millivolts, Phases, Timestamp};

#[test]
fn sums_and_differences_are_held_at_the_ends() {
    assert_eq!(
        Milliamps::MAX.saturating_add(Milliamps::new(1)),
        Milliamps::MAX
    );
    assert_eq!(
        Milliamps::ZERO.saturating_sub(Milliamps::new(1)),
        Milliamps::ZERO
    );
    assert_eq!(
        Millivolts::new(-12_000)
            .saturating_sub(Millivolts::new(1))
            .get(),
        -12_001
    );
    assert_eq!(Millis::from_secs(u64::MAX).get(), u64::MAX);
}

#[test]
fn the_span_since_a_later_instant_is_zero() {
    let (early, late) = (Instant::from_millis(5), Instant::from_millis(9));
    assert_eq!(late.since(early), Millis::new(4));
    assert_eq!(early.since(late), Millis::ZERO);
    assert_eq!(Instant::NEVER.after(Millis::new(1)), Instant::NEVER);
}

#[test]
fn every_quantity_prints_its_unit() {
    assert_eq!(Milliamps::from_amps(16).to_string(), "16000 mA");
    assert_eq!(Millis::from_secs(3).to_string(), "3000 ms");
    assert_eq!(Phases::Three.count(), 3);
    assert_eq!(Timestamp::from_unix_millis(-1).as_unix_millis(), -1);
}
