//! Random lives of a whole station in virtual time: a fixed list of seeds, and one fresh seed per run.
//!
//! Every step is checked ([`pilotwire_tests::sim::checker`]). A failure prints its seed; run it again with
//! `PILOTWIRE_SEED=<seed> cargo nextest run -p pilotwire-tests fresh_seed`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test helper may panic")]

use drivers::sim::{EvPreset, PlugIn, SimCommand};
use pilotwire_tests::sim::hands::OPERATORS;
use pilotwire_tests::sim::{AdapterKind, GOOD_CARD, Probe, Rude, World, WorldConfig, plan};
use units::Millis;

/// How long trouble lasts before everything heals.
const TROUBLE: Millis = Millis::from_secs(600);
/// After healing a new session charges within this.
const LIVELY: Millis = Millis::from_secs(120);

/// A world of this seed; half of them let unknown cards in while the backend is away.
fn world(seed: u64, kind: AdapterKind) -> World {
    let offline = if seed.is_multiple_of(2) {
        "true"
    } else {
        "false"
    };
    let config = WorldConfig::new(seed)
        .setting("allow_unknown_offline", offline)
        .setting("meter_sample_interval_s", "10");
    // A link that was away for a minute is dialled again within seconds, so that healing needs no hours.
    let adapter_settings = vec![("reconnect_max_s".to_owned(), "10".to_owned())];
    let config = WorldConfig {
        adapter_settings,
        ..config
    };
    World::new(config, Some(kind))
}

const PROBE: AdapterKind = AdapterKind::of::<Probe>();

/// Lives through `seed`, heals, and shows that the station still charges and that nothing was lost.
fn live(seed: u64, kind: AdapterKind, rude: bool) -> World {
    let mut world = world(seed, kind);
    plan::draw(&mut world, TROUBLE);
    if rude {
        world.net.rude = Some(Rude::new(seed));
    }
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
    world
}

macro_rules! seeds {
    ($($name:ident = $seed:literal,)*) => {
        $(
            #[test]
            fn $name() {
                live($seed, PROBE, false);
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
    live(seed, PROBE, false);
    for (name, kind) in OPERATORS {
        println!("adapter {name}");
        live(seed, kind, true);
    }
}

/// The fixed seeds of the operators' adapters.
const OPERATOR_SEEDS: [u64; 8] = [1, 2, 7, 42, 118, 404, 2026, 31337];

macro_rules! operators {
    ($($name:ident = $place:literal,)*) => {
        $(
            #[test]
            fn $name() {
                let (name, kind) = OPERATORS[$place];
                let mut repeated = 0;
                for seed in OPERATOR_SEEDS {
                    println!("adapter {name}, seed {seed}");
                    let world = live(seed, kind, true);
                    let again = |(_, line): &&(u64, String)| line.ends_with(" again");
                    repeated += world.trace.iter().filter(again).count();
                }
                assert!(repeated > 0, "lost answers have made the station repeat itself");
            }
        )*
    };
}

operators! {
    eflux_adapter_loses_and_doubles_nothing_in_random_lives = 0,
    lms_adapter_loses_and_doubles_nothing_in_random_lives = 1,
    total_adapter_loses_and_doubles_nothing_in_random_lives = 2,
}

#[test]
fn same_seed_lives_the_same_life() {
    let life = || {
        let mut world = world(5, PROBE);
        plan::draw(&mut world, Millis::from_secs(120));
        world.run(Millis::from_secs(120));
        world.trace
    };
    let (one, two) = (life(), life());
    assert!(one.len() > 20, "something happened");
    assert_eq!(one, two);
}
