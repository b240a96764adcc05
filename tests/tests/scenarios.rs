//! Scenarios of a whole station in virtual time: real interlocks, real station, an adapter, a central system.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test helper may panic")]

use drivers::sim::{EvCommand, EvPreset, SimCommand, SimFault};
use interlock::Trip;
use pilotwire_tests::sim::hands::{
    OPERATORS, charges, current, delivered, online, online_with, plug, said, secs, world,
};
use pilotwire_tests::sim::{
    AdapterKind, BLOCKED_CARD, Do, GOOD_CARD, OTHER_CARD, Probe, World, WorldConfig,
};
use station::{Event, LimitSource};
use units::{Milliamps, Millis};

/// Plug in, card, charge a minute, card, unplug.
fn whole_charge(world: &mut World) {
    plug(world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(world, 1);
    world.run(secs(60));
    world.swipe(1, GOOD_CARD);
    world.run_until("the plug is free", secs(20), |world| {
        !world.hw.control.view(1).unwrap().plug_held
    });
    world.hardware(1, SimCommand::Unplug);
    world.run(secs(2));
}

/// The trace as text; compared with the file, or written to it when `PILOTWIRE_BLESS` is set.
fn check_golden(name: &str, world: &World) {
    let path = format!("{}/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let lines = world
        .trace
        .iter()
        .map(|(at, line)| format!("{at:>8} {line}\n"));
    let text: String = lines.collect();
    if std::env::var_os("PILOTWIRE_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == golden,
        "the trace differs from {path}; if that is right, bless it with PILOTWIRE_BLESS=1:\n{text}"
    );
}

#[test]
fn whole_charge_goes_as_the_golden_trace_says() {
    let mut world = online(WorldConfig::new(1));
    whole_charge(&mut world);
    delivered(&mut world);
    let billed: Vec<_> = world.net.csms.book().billed().collect();
    assert_eq!(billed.len(), 1);
    assert!(billed[0].energy_wh() > 100, "{} Wh", billed[0].energy_wh());
    check_golden("whole_charge", &world);
}

// acceptance: C12, J12
#[test]
fn card_first_then_plug_charges_too() {
    let mut world = online(WorldConfig::new(2));
    world.swipe(2, GOOD_CARD);
    world.run(secs(20));
    assert!(said(&world, 0, "evse 2: shows AuthorisedWaiting"));
    assert!(
        world.checker.transactions().is_empty(),
        "nothing starts without a vehicle"
    );
    plug(&mut world, 2, EvPreset::OnePhase);
    charges(&mut world, 2);
    assert_eq!(world.net.csms.book().running().count(), 1);
}

// acceptance: J20, J22, C149, C150, C152
#[test]
fn plug_is_held_while_charging_and_comes_free_when_the_same_card_ends_it() {
    let mut world = online(WorldConfig::new(15));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    let pulled = world.act(Do::Hardware(1, SimCommand::Unplug));
    assert!(pulled.unwrap_err().contains("lock holds the plug"));
    let from = world.now.as_millis();
    world.swipe(1, GOOD_CARD);
    world.run(secs(5));
    assert!(said(&world, from, "evse 1: signals Accepted"));
    assert!(!said(&world, from, "evse 1: signals Rejected"));
    assert!(world.station().transactions().is_empty());
    world.hardware(1, SimCommand::Unplug);
    world.run(secs(2));
    assert!(said(&world, from, "evse 1: shows Available"));
}

// acceptance: J21
#[test]
fn another_card_does_not_end_the_charge() {
    let mut world = online(WorldConfig::new(16));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    let from = world.now.as_millis();
    world.swipe(1, OTHER_CARD);
    world.run(secs(40));
    assert!(said(&world, from, "evse 1: signals Rejected"));
    assert_eq!(world.station().transactions().len(), 1);
    assert!(current(&world, 1) > 5_000);
}

// acceptance: P102
#[test]
fn card_whose_vehicle_does_not_come_within_45_s_is_forgotten() {
    let mut world = online(WorldConfig::new(3));
    world.swipe(1, GOOD_CARD);
    world.run(secs(46));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(30));
    assert_eq!(current(&world, 1), 0);
    assert!(world.checker.transactions().is_empty());
}

// acceptance: J13
#[test]
fn blocked_and_unknown_cards_never_charge() {
    let mut world = online(WorldConfig::new(4));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    for card in [BLOCKED_CARD, "01020304"] {
        world.swipe(1, card);
        world.run(secs(40));
        assert!(world.checker.transactions().is_empty(), "{card}");
        assert_eq!(current(&world, 1), 0, "{card}");
        assert!(said(&world, 0, "evse 1: signals Rejected"), "{card}");
    }
}

#[test]
fn dead_adapter_accepts_no_card() {
    let mut world = World::new(WorldConfig::new(5), None);
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    world.run(secs(60));
    assert!(world.checker.transactions().is_empty());
    assert_eq!(current(&world, 1), 0);
}

/// What happened to contactors, offers and journal, without what the line did.
fn electrical(world: &World) -> Vec<(u64, String)> {
    let words = ["contactor", "offers", "pilot", "lock", "journal"];
    let kept = |line: &str| words.iter().any(|word| line.contains(word));
    world
        .trace
        .iter()
        .filter(|(_, line)| kept(line))
        .cloned()
        .collect()
}

#[test]
fn death_of_the_adapter_in_the_middle_of_a_charge_changes_nothing_electrical_and_loses_no_message()
{
    let run = |deaths: &[u64]| {
        let mut world = online(WorldConfig::new(6).setting("meter_sample_interval_s", "5"));
        let from = world.now.as_millis();
        for death in deaths {
            world
                .plan
                .entry(from + death)
                .or_default()
                .push(Do::KillAdapter);
        }
        whole_charge(&mut world);
        delivered(&mut world);
        world
    };
    let calm = run(&[]);
    for deaths in [&[20_000][..], &[12_000, 20_000, 20_600, 33_330], &[70_000]] {
        let world = run(deaths);
        assert_eq!(
            electrical(&world),
            electrical(&calm),
            "deaths at {deaths:?} ms"
        );
        let book = |world: &World| {
            world
                .net
                .csms
                .book()
                .sessions()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(book(&world), book(&calm), "deaths at {deaths:?} ms");
    }
}

#[test]
fn malformed_doubled_and_unknown_frames_change_nothing() {
    let run = |disturbed: bool| {
        let mut world = online(WorldConfig::new(7).setting("meter_sample_interval_s", "5"));
        if disturbed {
            let from = world.now.as_millis();
            for (place, text) in [
                "",
                "{}",
                "[]",
                "[3]",
                "[3,\"nobody-asked\",{}]",
                "[4,\"nobody\",\"X\",\"\",{}]",
                "[2,\"q1\",\"Explode\",{}]",
                "[2,\"q2\",\"RemoteStopTransaction\",{}]",
                "[2,\"q3\",\"RemoteStopTransaction\",{\"transactionId\":99}]",
                "[9,\"x\"]",
            ]
            .iter()
            .enumerate()
            {
                let at = from + 10_000 + 5_000 * u64::try_from(place).unwrap();
                let twice = vec![
                    Do::Inject((*text).to_owned()),
                    Do::Inject((*text).to_owned()),
                ];
                world.plan.insert(at, twice);
            }
        }
        whole_charge(&mut world);
        delivered(&mut world);
        world
    };
    assert_eq!(electrical(&run(true)), electrical(&run(false)));
}

#[test]
fn central_system_starts_and_stops_a_charge() {
    let mut world = online(WorldConfig::new(8));
    plug(&mut world, 2, EvPreset::ThreePhase);
    world.run(secs(3));
    world
        .act(Do::RemoteStart(Some(2), OTHER_CARD.to_owned()))
        .unwrap();
    charges(&mut world, 2);
    let number = world
        .net
        .csms
        .book()
        .running()
        .next()
        .unwrap()
        .transaction_id;
    world.act(Do::RemoteStop(number)).unwrap();
    world.run_until("no transaction", secs(20), |world| {
        world.station().transactions().is_empty()
    });
    delivered(&mut world);
    assert_eq!(current(&world, 2), 0);
}

#[test]
fn charging_goes_on_for_hours_offline_and_10_000_messages_follow_in_order() {
    hours_offline(AdapterKind::of::<Probe>());
}

#[test]
fn operators_adapter_delivers_10_000_messages_in_order_after_hours_offline() {
    let (_, kind) = OPERATORS[0];
    hours_offline(kind);
}

fn hours_offline(kind: AdapterKind) {
    let config = WorldConfig::new(9).setting("meter_sample_interval_s", "1");
    let config = WorldConfig {
        latency: Millis::ZERO,
        ..config
    };
    let mut world = online_with(config, kind);
    for (evse, card) in [(1, GOOD_CARD), (2, OTHER_CARD)] {
        plug(&mut world, evse, EvPreset::ThreePhase);
        world.run(secs(3));
        world.swipe(evse, card);
        charges(&mut world, evse);
    }
    delivered_so_far(&mut world);
    let before = world.net.delivered;
    world.act(Do::Link(false)).unwrap();
    // Nothing happens but time; a coarser tick is enough for that.
    world.config.tick = Millis::new(200);
    world.run(secs(5_050));
    world.config.tick = Millis::new(10);
    assert!(
        current(&world, 1) > 5_000 && current(&world, 2) > 5_000,
        "both still charge"
    );
    let queued = world.disk.last_seq() - world.disk.adapter.cursor;
    assert!(queued >= 10_000, "{queued} queued");
    world.act(Do::Link(true)).unwrap();
    // The longest pause of an operator's adapter before it dials again is 300 s and a quarter.
    world.run_until("the queue is delivered", secs(440), |world| {
        world.disk.adapter.cursor + 4 >= world.disk.last_seq()
    });
    assert!(
        world.net.delivered - before >= queued,
        "one message per entry"
    );
    for (evse, card) in [(1, GOOD_CARD), (2, OTHER_CARD)] {
        world.swipe(evse, card);
    }
    world.run_until("both ended", secs(20), |world| {
        world.station().transactions().is_empty()
    });
    delivered(&mut world);
    for (told, session) in world
        .checker
        .transactions()
        .values()
        .zip(world.net.csms.book().billed())
    {
        let once = [told.readings, told.between];
        assert!(
            once.contains(&session.readings),
            "every reading arrived once: {session:?}, {told:?}"
        );
    }
}

#[test]
fn thousand_swaps_in_a_day_of_charging_lose_double_and_open_nothing() {
    const SWAPS: u64 = 1_000;
    /// A whole day, seconds.
    const DAY: u64 = 24 * 60 * 60;
    /// Swaps of one session.
    const SESSION: u64 = 10;
    let config = WorldConfig::new(11).setting("meter_sample_interval_s", "300");
    let mut world = online_with(config, OPERATORS[0].1);
    let closed = |world: &World| world.hw.control.view(1).unwrap().contactor_closed;
    let mut sessions = 0;
    for swap in 0..SWAPS {
        let between = DAY / SWAPS;
        if swap % SESSION == 0 {
            plug(&mut world, 1, EvPreset::ThreePhase);
            world.run(secs(3));
            world.swipe(1, GOOD_CARD);
            charges(&mut world, 1);
            sessions += 1;
        }
        // Nothing happens but time; a coarser tick is enough for that.
        world.config.tick = Millis::new(400);
        world.run(secs(between - 20));
        world.config.tick = Millis::new(10);
        // Half of the swaps fall on the moment when a message has just been confirmed.
        if swap % 2 == 0 {
            world.run_until("quiet", secs(10), World::is_delivered);
        }
        let before = closed(&world);
        assert!(before, "it charges before swap {swap}");
        world.run_until("a quiet moment", secs(10), |world| {
            world.disk.adapter.outbox.is_empty()
        });
        world.act(Do::SwapAdapter).unwrap();
        world.run(secs(2));
        assert!(closed(&world), "swap {swap} opened the contactor");
        assert!(world.is_registered(), "swap {swap} lost the backend");
        if swap % SESSION == SESSION - 1 {
            world.swipe(1, GOOD_CARD);
            world.run_until("the plug is free", secs(20), |world| {
                !world.hw.control.view(1).unwrap().plug_held
            });
            world.hardware(1, SimCommand::Unplug);
            world.run(secs(5));
        }
    }
    delivered(&mut world);
    let transactions = world.checker.transactions();
    assert_eq!(transactions.len(), sessions);
    let billed = world.net.csms.book().billed();
    assert_eq!(billed.count(), sessions, "each billed once");
    println!("{SWAPS} swaps, {sessions} sessions, none lost or doubled, no contactor opened");
}

fn delivered_so_far(world: &mut World) {
    world.run_until("nothing waits", secs(10), World::is_delivered);
}

/// A short charge with a pause for thought before every step; the same hands whether the power was cut or not.
fn patient_charge(world: &mut World, look: impl Fn(&World)) {
    world.run(secs(9));
    if world.hw.control.view(1).unwrap().ev.is_none() {
        plug(world, 1, EvPreset::ThreePhase);
    }
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    world.run(secs(35));
    look(world);
    if !world.station().transactions().is_empty() {
        world.swipe(1, GOOD_CARD);
    }
    world.run(secs(12));
    let _ = world.act(Do::Hardware(1, SimCommand::Unplug));
    world.run(secs(5));
    delivered(world);
}

/// Cuts the power at every opportunity of a charge, one run each.
fn cut_everywhere(resume: &str, check: impl Fn(&World, u64)) {
    let config = || {
        WorldConfig::new(10)
            .setting("restart_transaction_after_power_loss", resume)
            .setting("meter_sample_interval_s", "25")
    };
    let mut calm = world(config());
    patient_charge(&mut calm, |_| {});
    assert_eq!(calm.net.csms.book().billed().count(), 1);
    assert!(calm.points > 20, "{} opportunities", calm.points);
    for point in 1..=calm.points {
        let mut world = world(WorldConfig {
            crash_at: Some(point),
            ..config()
        });
        patient_charge(&mut world, |world| check(world, point));
    }
}

#[test]
fn power_cut_at_any_opportunity_resumes_the_transaction() {
    cut_everywhere("true", |world, point| {
        let told = world.checker.transactions();
        assert!(told.len() <= 1, "opportunity {point}: {told:?}");
        if let Some(told) = told.values().next() {
            assert_eq!(told.stop_wh, None, "opportunity {point}: still running");
            assert!(
                current(world, 1) > 5_000,
                "opportunity {point}: charges again"
            );
        }
    });
}

#[test]
fn power_cut_at_any_opportunity_ends_the_transaction_where_the_setting_says_so() {
    cut_everywhere("false", |world, point| {
        let running = world.station().transactions().len();
        let open = world
            .checker
            .transactions()
            .values()
            .filter(|t| t.stop_wh.is_none())
            .count();
        assert_eq!(
            running, open,
            "opportunity {point}: journal and station agree"
        );
    });
}

// acceptance: P211
#[test]
fn residual_current_trip_ends_the_charge_and_stays_until_the_plug_is_pulled() {
    let mut world = online(WorldConfig::new(11));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    world.hardware(1, SimCommand::Fault(SimFault::ResidualTrip));
    world.run(Millis::new(50));
    assert_eq!(current(&world, 1), 0);
    world.hardware(1, SimCommand::Clear(None));
    world.run(secs(60));
    assert!(world.status(1).trips.contains(Trip::ResidualCurrent));
    assert!(world.station().transactions().is_empty());
    // Neither the card nor the central system starts it again.
    world.swipe(1, GOOD_CARD);
    world
        .act(Do::RemoteStart(Some(1), GOOD_CARD.to_owned()))
        .unwrap();
    world.run(secs(30));
    assert_eq!(current(&world, 1), 0);
    world.hardware(1, SimCommand::EvUnplug);
    world.run(secs(15));
    world.hardware(1, SimCommand::Unplug);
    world.run(secs(5));
    assert!(!world.status(1).trips.contains(Trip::ResidualCurrent));
    delivered(&mut world);
}

#[test]
fn limit_that_falls_while_charging_is_followed_and_below_the_minimum_it_suspends() {
    let mut world = online(WorldConfig::new(12));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    let limit = |world: &mut World, amps: u16| {
        let current = Some(Milliamps::from_amps(amps));
        world
            .act(Do::Limit(1, LimitSource::LoadManagement, current))
            .unwrap();
        world.run(secs(15));
    };
    limit(&mut world, 10);
    assert!(
        (9_000..=10_000).contains(&current(&world, 1)),
        "{}",
        current(&world, 1)
    );
    limit(&mut world, 3);
    assert_eq!(current(&world, 1), 0);
    assert_eq!(
        world.station().transactions().len(),
        1,
        "suspended, not ended"
    );
    limit(&mut world, 16);
    assert!(current(&world, 1) > 10_000, "resumed");
}

#[test]
fn vehicle_that_pauses_sleeps_and_toggles_keeps_its_transaction() {
    let mut world = online(WorldConfig::new(13));
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    for habit in [EvCommand::Pause, EvCommand::Sleep] {
        world.hardware(1, SimCommand::Ev(habit));
        world.run(secs(10));
        assert_eq!(current(&world, 1), 0);
        world.hardware(1, SimCommand::Ev(EvCommand::Start));
        charges(&mut world, 1);
    }
    world.hardware(1, SimCommand::Ev(EvCommand::Toggle));
    world.run(secs(30));
    charges(&mut world, 1);
    assert_eq!(world.checker.transactions().len(), 1);
}

#[test]
fn event_without_an_effect_has_no_trace() {
    // The checker's own eyes: a verdict nobody asked for is not an acceptance.
    let mut world = online(WorldConfig::new(14));
    let request = station::RequestId(77);
    let verdict = station::Verdict {
        decision: station::Decision::Accepted,
        group: None,
        expires: None,
        limit: None,
        reason: None,
        offline: false,
        source: "nobody".to_owned(),
    };
    world.push_event(Event::Verdict { request, verdict });
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(30));
    assert_eq!(current(&world, 1), 0);
}
