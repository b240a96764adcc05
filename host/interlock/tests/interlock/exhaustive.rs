//! Every combination of a discretised input, to a stated depth.
//!
//! Depth 1: every one of the 12,960 combinations below is held for 600 ms from each of four situations (idle, offered,
//! charging, withdrawing). Depth 2: every ordered pair of single deviations, 10, 40 and 300 ms apart, from a charge.
//! The bench checks the invariants after every step; here it is also checked that only good inputs stay energised.

use interlock::{BoardProfile, Contact, LockPosition};

use crate::bench::{Bench, Ev, LockHardware, World};

/// One value of one input.
type Deviation = (&'static str, fn(&mut World));

/// Each input's values; the first of each is the good one.
const DIMENSIONS: [&[Deviation]; 10] = [
    &[
        ("C", |w| w.ev = Ev::Asks),
        ("A", |w| w.ev = Ev::Gone),
        ("B", |w| w.ev = Ev::Ready),
        ("D", |w| w.ev = Ev::AsksVentilation),
        ("E", |w| w.ev = Ev::Shorted),
    ],
    &[
        ("diode", |w| w.diode = true),
        ("no diode", |w| w.diode = false),
    ],
    &[
        ("cable 32 A", |w| w.proximity = Some(220)),
        ("no cable", |w| w.proximity = Some(1_000_000)),
        ("cable silent", |w| w.proximity = None),
    ],
    &[
        ("locked", |w| {
            w.lock_hardware = LockHardware::Works;
            w.lock = LockPosition::Locked;
        }),
        ("unlocked", |w| jam(w, LockPosition::Unlocked)),
        ("lock unknown", |w| jam(w, LockPosition::Unknown)),
    ],
    &[
        ("mirror true", |w| w.feedback_override = None),
        ("mirror unknown", |w| {
            w.feedback_override = Some(Contact::Unknown)
        }),
        ("mirror closed", |w| {
            w.feedback_override = Some(Contact::Closed)
        }),
    ],
    &[
        ("earth", |w| w.earth_ok = true),
        ("no earth", |w| w.earth_ok = false),
    ],
    &[
        ("rdc ok", |w| (w.rdc_tripped, w.rdc_fault) = (false, false)),
        ("rdc tripped", |w| w.rdc_tripped = true),
        ("rdc broken", |w| w.rdc_fault = true),
    ],
    &[
        ("230 V", |w| w.volts = [230_000; 3]),
        ("180 V", |w| w.volts = [180_000; 3]),
    ],
    &[
        ("cool", |w| w.socket_temperature = Some(250)),
        ("hot", |w| w.socket_temperature = Some(900)),
    ],
    &[
        ("samples", |w| w.sample_valid = true),
        ("silence", |w| w.sample_valid = false),
    ],
];

/// A lock that stays where it is, whatever the motor does.
fn jam(world: &mut World, position: LockPosition) {
    world.lock_hardware = LockHardware::Jammed;
    world.lock = position;
}

fn combinations() -> usize {
    DIMENSIONS.iter().map(|values| values.len()).product()
}

fn combination(mut index: usize) -> Vec<Deviation> {
    let mut chosen = Vec::new();
    for values in DIMENSIONS {
        chosen.push(values[index % values.len()]);
        index /= values.len();
    }
    chosen
}

fn clone(bench: &Bench) -> Bench {
    let mut copy = Bench::around(bench.interlock.clone());
    copy.now = bench.now;
    copy.world = bench.world.clone();
    copy.permit = bench.permit;
    copy.out = bench.out;
    copy
}

fn situations() -> [Bench; 4] {
    let mut idle = Bench::idle(BoardProfile::socket_32a());
    idle.world.obeys_x1_after = None;
    let mut offered = clone(&idle);
    offered.plug_in();
    offered.run(3_000);
    let mut charging = clone(&offered);
    charging.world.ev = Ev::Asks;
    charging.run(3_000);
    assert!(charging.status().energised);
    let mut withdrawing = clone(&charging);
    withdrawing.permit.max_current = units::Milliamps::ZERO;
    withdrawing.run(1_000);
    [idle, offered, charging, withdrawing]
}

#[test]
fn every_combination_of_inputs_keeps_the_invariants_and_only_the_good_one_is_energised() {
    assert_eq!(combinations(), 5 * 2 * 3 * 3 * 3 * 2 * 3 * 2 * 2 * 2);
    for (number, situation) in situations().iter().enumerate() {
        for index in 0..combinations() {
            let chosen = combination(index);
            let mut bench = clone(situation);
            for (_, apply) in &chosen {
                apply(&mut bench.world);
            }
            bench.run(600);
            let bad = chosen
                .iter()
                .zip(DIMENSIONS)
                .filter(|((name, _), values)| *name != values[0].0 && !is_harmless(number, name));
            let bad: Vec<_> = bad.map(|((name, _), _)| *name).collect();
            assert!(
                bad.is_empty() || !bench.out.contactor,
                "situation {number}: energised with {bad:?}"
            );
        }
    }
}

/// What cannot be told from good: a mirror contact that says "closed" of a closed contactor, and the diode while
/// the pilot is constant (the offer is withdrawn and the contactor opens within 6 s anyway).
fn is_harmless(situation: usize, name: &str) -> bool {
    (name == "mirror closed" && (2..4).contains(&situation))
        || (name == "no diode" && situation == 3)
}

#[test]
fn every_single_deviation_from_each_situation_opens_and_every_situation_survives_the_good_inputs() {
    for (number, situation) in situations().iter().enumerate() {
        for (dimension, values) in DIMENSIONS.iter().enumerate() {
            for (name, apply) in values.iter().skip(1) {
                let mut bench = clone(situation);
                apply(&mut bench.world);
                bench.run(700);
                let harmless = is_harmless(number, name);
                assert!(
                    !bench.out.contactor || harmless,
                    "situation {number}, dimension {dimension}: energised with {name}"
                );
            }
        }
    }
    let [_, _, charging, _] = &situations();
    let mut good = clone(charging);
    for values in DIMENSIONS {
        (values[0].1)(&mut good.world);
    }
    good.run(10_000);
    assert!(good.status().energised);
}

#[test]
fn every_ordered_pair_of_deviations_keeps_the_invariants() {
    let [_, _, charging, _] = &situations();
    let single: Vec<Deviation> = DIMENSIONS
        .iter()
        .flat_map(|values| values.iter().skip(1))
        .copied()
        .collect();
    for (_, first) in &single {
        for (_, second) in &single {
            for gap in [10, 40, 300] {
                let mut bench = clone(charging);
                first(&mut bench.world);
                bench.run(gap);
                second(&mut bench.world);
                bench.run(1_500);
                for values in DIMENSIONS {
                    (values[0].1)(&mut bench.world);
                }
                bench.run(1_000);
            }
        }
    }
}
