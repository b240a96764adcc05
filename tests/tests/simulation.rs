//! Random lives of a whole station in virtual time: a fixed list of seeds, and one fresh seed per run.
//!
//! Every step is checked ([`pilotwire_tests::sim::checker`]). A failure prints its seed; run it again with
//! `PILOTWIRE_SEED=<seed> cargo nextest run -p pilotwire-tests fresh_seed`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test helper may panic")]

use drivers::sim::{EvPreset, PlugIn, SimCommand};
use pilotwire_tests::sim::{AdapterKind, GOOD_CARD, Probe, World, WorldConfig, plan};
use units::Millis;

/// How long trouble lasts before everything heals.
const TROUBLE: Millis = Millis::from_secs(600);
/// After healing a new session charges within this.
const LIVELY: Millis = Millis::from_secs(120);

/// A world of this seed; half of them let unknown cards in while the backend is away.
fn world(seed: u64) -> World {
    let offline = if seed.is_multiple_of(2) {
        "true"
    } else {
        "false"
    };
    let config = WorldConfig::new(seed)
        .setting("allow_unknown_offline", offline)
        .setting("meter_sample_interval_s", "10");
    World::new(config, Some(AdapterKind::of::<Probe>()))
}

/// Lives through `seed`, heals, and shows that the station still charges and that nothing was lost.
fn live(seed: u64) {
    let mut world = world(seed);
    plan::draw(&mut world, TROUBLE);
    world.run(TROUBLE);
    world.heal();
    for evse in 1..=2 {
        world.hardware(
            evse,
            SimCommand::PlugIn(PlugIn::preset(EvPreset::ThreePhase)),
        );
        world.run(Millis::from_secs(5));
        world.swipe(evse, GOOD_CARD);
        world.run_until("a healed EVSE charges", LIVELY, |world| {
            world.hw.control.view(evse).unwrap().current_ma[0] > 5_000
        });
        world.swipe(evse, GOOD_CARD);
        world.run_until("the transaction has ended", LIVELY, |world| {
            world.station().transactions().is_empty()
        });
    }
    world.run_until("everything is delivered", LIVELY, World::is_delivered);
    world.run(Millis::from_secs(1));
    if let Err(wrong) = world.checker.check_book(&world.net.csms) {
        world.fail(&wrong);
    }
}

macro_rules! seeds {
    ($($name:ident = $seed:literal,)*) => {
        $(
            #[test]
            fn $name() {
                live($seed);
            }
        )*
    };
}

seeds! {
    seed_1 = 1,
    seed_2 = 2,
    seed_3 = 3,
    seed_7 = 7,
    seed_11 = 11,
    seed_13 = 13,
    seed_42 = 42,
    seed_99 = 99,
    seed_118 = 118,
    seed_121 = 121,
    seed_404 = 404,
    seed_1867 = 1867,
    seed_2026 = 2026,
    seed_31337 = 31337,
    seed_65537 = 65537,
}

#[test]
fn fresh_seed() {
    let given = std::env::var("PILOTWIRE_SEED")
        .ok()
        .map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 16 | 0x51);
    println!("PILOTWIRE_SEED={seed}");
    live(seed);
}

#[test]
fn same_seed_lives_the_same_life() {
    let life = || {
        let mut world = world(5);
        plan::draw(&mut world, Millis::from_secs(120));
        world.run(Millis::from_secs(120));
        world.trace
    };
    let (one, two) = (life(), life());
    assert!(one.len() > 20, "something happened");
    assert_eq!(one, two);
}
