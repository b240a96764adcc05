//! Random lives of a station: vehicles, faults, permits, late ticks. The bench checks the invariants at every step.
//!
//! The seed is printed when an invariant breaks; `INTERLOCK_SEED=n` runs that one.

use interlock::{
    BoardProfile, Contact, LoadSide, LockOnTrip, LockPosition, LockWish, Trip, Trips, Ventilation,
};
use proptest::prelude::*;
use units::{Milliamps, Phases};

use crate::bench::{Bench, ContactorHardware, Ev, LockHardware, TestHardware};

/// A small generator of our own: the same seed gives the same life on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // Multiplier and increment of Knuth's MMIX.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

fn profile(random: &mut Random) -> BoardProfile {
    let mut profile = random.pick(&[
        BoardProfile::socket_32a(),
        BoardProfile::socket_32a_old_monitor(),
        BoardProfile::cabur_socket_32a(),
        BoardProfile::tethered_32a(),
    ]);
    profile.ventilation = random.pick(&[Ventilation::NotFitted, Ventilation::Switched]);
    profile.load_side = random.pick(&[
        LoadSide::NotSensed,
        LoadSide::Always,
        LoadSide::OnlyUnplugged,
    ]);
    profile.lock_on_trip = random.pick(&[LockOnTrip::FollowWish, LockOnTrip::Release]);
    profile
}

/// Changes something; what was broken is mended more often than something breaks.
fn disturb(bench: &mut Bench, random: &mut Random) {
    let world = &mut bench.world;
    match random.below(34) {
        0..=3 => {
            world.ev = Ev::Ready;
            world.proximity = Some(random.pick(&[1_500, 680, 220, 100]));
        }
        4..=8 => world.ev = Ev::Asks,
        9 => world.ev = random.pick(&[Ev::AsksVentilation, Ev::Shorted]),
        10..=11 => bench.unplug(),
        12 => {
            bench.permit.max_current = Milliamps::new(u32::try_from(random.below(40_000)).unwrap())
        }
        13 => bench.permit.phases = random.pick(&[Phases::One, Phases::Three]),
        14 => {
            bench.permit.lock = random.pick(&[
                LockWish::WhenPlugged,
                LockWish::WhileCablePresent,
                LockWish::Release,
            ])
        }
        15 => bench.permit.unlock_count += 1,
        16 => bench.permit.actuator_retry_count += 1,
        17 => bench.permit.available = !random.one_in(3),
        18 => bench.permit.wake_up = random.one_in(2),
        19 => bench.station_alive = !random.one_in(3),
        20 => {
            world.lock_hardware = random.pick(&[
                LockHardware::Works,
                LockHardware::Works,
                LockHardware::Jammed,
                LockHardware::Missing,
            ])
        }
        21 => {
            world.contactor_hardware = if random.one_in(6) {
                random.pick(&[ContactorHardware::Welded, ContactorHardware::StuckOpen])
            } else {
                ContactorHardware::Works
            }
        }
        22 => {
            world.test_hardware = random.pick(&[
                TestHardware::Passes,
                TestHardware::Passes,
                TestHardware::Fails,
                TestHardware::NeverAnswers,
            ])
        }
        23 => world.earth_ok = !random.one_in(4),
        24 => world.sample_valid = !random.one_in(3),
        25 => world.rdc_tripped = random.one_in(4),
        26 => {
            world.volts = [
                230_000,
                230_000,
                random.pick(&[230_000, 230_000, 0, 300_000]),
            ]
        }
        27 => world.amps = [u32::try_from(random.below(40_000)).unwrap(); 3],
        28 => world.socket_temperature = random.pick(&[Some(250), Some(750), Some(900), None]),
        29 => world.diode = !random.one_in(4),
        30 => world.feedback_override = random.pick(&[None, None, None, Some(Contact::Unknown)]),
        31 => world.obeys_x1_after = random.pick(&[Some(100), Some(2_500), None]),
        32 => world.local_reset = !world.local_reset,
        _ => {
            world.lock = random.pick(&[
                LockPosition::Locked,
                LockPosition::Unlocked,
                LockPosition::Unknown,
            ])
        }
    }
}

/// Lives one life of `events` disturbances; returns how often the contactor was closed.
fn live(seed: u64, events: u32) -> u32 {
    let mut random = Random(seed);
    let profile = profile(&mut random);
    let mut bench = Bench::idle(profile);
    let mut closed = 0;
    let mut before = false;
    for event in 0..events {
        if event % 20 == 19 && random.one_in(2) {
            mend(&mut bench);
            bench.run(40_000);
            bench.plug_in();
            bench.run(5_000);
            bench.world.ev = Ev::Asks;
            bench.run(3_000);
        }
        disturb(&mut bench, &mut random);
        let steps = random.pick(&[1, 3, 10, 60, 300, 900]);
        for _ in 0..steps {
            if random.one_in(50) {
                // A late tick. What the checks allow for reaction does not grow by more than this.
                bench.now += random.pick(&[3, 10]);
            }
            bench.step();
            closed += u32::from(bench.out.contactor && !before);
            before = bench.out.contactor;
        }
        assert!(
            !bench.has(Trip::Internal),
            "the gate had to correct the interlock"
        );
    }
    closed
}

#[test]
fn random_lives_keep_the_invariants_and_charge_now_and_then() {
    let seeds: Vec<u64> = match std::env::var("INTERLOCK_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..150).collect(),
    };
    let mut closed = 0;
    for seed in seeds {
        let result = std::panic::catch_unwind(|| live(seed, 120));
        match result {
            Ok(times) => closed += times,
            Err(cause) => {
                eprintln!("INTERLOCK_SEED={seed}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    assert!(
        closed > 250 || std::env::var("INTERLOCK_SEED").is_ok(),
        "closed {closed} times only"
    );
}

/// After everything is mended and a person has reset the board, the next vehicle charges.
fn heals(seed: u64) {
    let mut random = Random(seed);
    let profile = profile(&mut random);
    let mut bench = Bench::idle(profile);
    for _ in 0..60 {
        disturb(&mut bench, &mut random);
        bench.run(random.pick(&[10, 100, 2_000]));
    }
    mend(&mut bench);
    // Long enough for another self-test after a failed one (60 s) and for every hold (30 s).
    bench.run(130_000);
    bench.world.local_reset = true;
    bench.run(15_000);
    bench.world.local_reset = false;
    bench.run(15_000);
    assert!(
        bench.trips().is_empty(),
        "seed {seed}: {:?}",
        bench.status()
    );
    bench.plug_in();
    bench.run(5_000);
    bench.world.ev = Ev::Asks;
    bench.run(8_000);
    assert!(
        bench.status().energised,
        "seed {seed}: {:?}",
        bench.status()
    );
}

/// Everything is whole again, nothing is plugged in, and the station behaves; contactor and lock are where they are.
fn mend(bench: &mut Bench) {
    let (lock, closed) = (bench.world.lock, bench.world.closed);
    bench.world = Bench::new(*bench.interlock.profile()).world;
    bench.world.lock = lock;
    bench.world.closed = closed;
    bench.world.rdc_latches = false;
    let (unlocks, retries) = (bench.permit.unlock_count, bench.permit.actuator_retry_count);
    bench.permit = crate::bench::permit(32, Phases::Three);
    bench.permit.unlock_count = unlocks + 1;
    bench.permit.actuator_retry_count = retries + 1;
    bench.station_alive = true;
}

#[test]
fn a_mended_station_charges_again_after_any_life() {
    for seed in 1_000..1_100 {
        heals(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn fresh_random_lives_keep_the_invariants(seed in any::<u64>()) {
        live(seed, 40);
    }

    #[test]
    fn no_input_panics_or_closes_without_a_proven_vehicle(
        high in any::<i32>(), low in any::<i32>(), ohms in any::<u32>(), volts in any::<i32>(),
        amps in any::<u32>(), degrees in any::<i16>(), now in any::<u64>(), latched in any::<u32>(),
    ) {
        use interlock::{Interlock, Outputs};
        use units::{DeciCelsius, Instant, Millivolts, Ohms};
        let mut interlock =
            Interlock::resume(BoardProfile::socket_32a(), Trips::from_bits_truncate(latched));
        let mut inputs = crate::golden::quiet_inputs();
        inputs.pilot_high = Millivolts::new(high);
        inputs.pilot_low = Millivolts::new(low);
        inputs.proximity = Some(Ohms::new(ohms));
        inputs.mains.voltage = [Some(Millivolts::new(volts)); 3];
        inputs.mains.current = [Some(Milliamps::new(amps)); 3];
        inputs.contactor_temperature = Some(DeciCelsius::new(degrees));
        let mut out = Outputs::SAFE;
        for tick in 0..300_u64 {
            let now = Instant::from_millis(now.saturating_add(tick * 10));
            let mut permit = crate::bench::permit(32, Phases::Three);
            permit.valid_until = now.after(units::Millis::new(500));
            out = interlock.step(now, &inputs, &permit);
        }
        prop_assert!(!out.contactor, "the residual device never answered its self-test");
    }
}
