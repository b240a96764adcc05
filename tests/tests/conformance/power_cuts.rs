//! `kill -9` at random points of repeated sessions: no transaction message is lost, none gets a second id, no register falls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{CARD, Case, SOON, Setup};

/// Kills of a normal run; `PILOTWIRE_POWER_CUTS` asks for more.
const CUTS: u64 = 6;
/// Longest life between two kills, ms.
const LIFE_MS: u64 = 9_000;

/// A small generator, so that a printed seed repeats the choices (the clock does the rest).
pub struct Chance(pub u64);

impl Chance {
    /// A number below this.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A number that the environment may set.
pub fn from_environment(key: &str, default: u64) -> u64 {
    std::env::var(key)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn no_transaction_message_is_lost_or_doubled_when_the_process_is_killed_at_any_point() {
    let seed = from_environment("PILOTWIRE_SEED", u64::from(std::process::id()));
    let cuts = from_environment("PILOTWIRE_POWER_CUTS", CUTS);
    println!("PILOTWIRE_SEED={seed} PILOTWIRE_POWER_CUTS={cuts}");
    let mut chance = Chance(seed);
    let mut case = Setup::default()
        .setting("restart_transaction_after_power_loss", true)
        .setting("meter_sample_interval_s", 1)
        .start();
    for _ in 0..cuts {
        let end = Instant::now() + Duration::from_millis(chance.below(LIFE_MS) + 50);
        while Instant::now() < end {
            // What is impossible just now is refused, and that is fine.
            match chance.below(8) {
                0..=2 => case.station.try_sim("plug-in", json!({"evse": 1})),
                3..=4 => case
                    .station
                    .try_sim("swipe", json!({"evse": 1, "uid": CARD})),
                5 => case.station.try_sim("unplug", json!({"evse": 1})),
                _ => true,
            };
            std::thread::sleep(Duration::from_millis(chance.below(1_200)));
        }
        case.station.power_off();
        case.station.start();
    }
    come_to_rest(&mut case);
    check(&mut case);
}

/// Ends what runs and waits until everything is told.
fn come_to_rest(case: &mut Case) {
    let start = Instant::now();
    let at_rest = |status: &Value| {
        let (evse, plugin) = (&status["evses"][0], &status["plugins"][0]);
        evse["transaction"].is_null()
            && evse["pilot"] == "A"
            && plugin["registration"] == "registered"
            && plugin["journal_lag"] == 0
            && plugin["outbox"] == 0
    };
    loop {
        let status = case.station.status();
        if at_rest(&status) {
            return;
        }
        assert!(
            start.elapsed() < 4 * SOON,
            "the station does not come to rest: {status}"
        );
        // A plug that is held needs the card: to end what runs, or to begin and end once more.
        let running = !status["evses"][0]["transaction"].is_null();
        if running
            || !case.station.try_sim("unplug", json!({"evse": 1}))
                && status["evses"][0]["pilot"] != "A"
        {
            case.station
                .try_sim("swipe", json!({"evse": 1, "uid": CARD}));
            std::thread::sleep(Duration::from_secs(3));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn check(case: &mut Case) {
    let told = case.peer.all(|event| {
        let action = event["action"].as_str().unwrap_or_default();
        event["event"] == "call"
            && ["StartTransaction", "StopTransaction", "MeterValues"].contains(&action)
    });
    let answers = case
        .peer
        .all(|event| event["event"] == "answered" && event["action"] == "StartTransaction");
    // One id, one text; repetitions are allowed, other words under the same id are not.
    let mut first: Vec<&Value> = Vec::new();
    let mut texts: BTreeMap<&str, &Value> = BTreeMap::new();
    for event in &told {
        let id = event["id"].as_str().unwrap();
        match texts.get(id) {
            Some(text) => assert_eq!(**text, event["payload"], "{id} changed its words"),
            None => {
                assert!(
                    !first
                        .iter()
                        .any(|other| other["payload"] == event["payload"]),
                    "said again under another id: {event}"
                );
                texts.insert(id, &event["payload"]);
                first.push(event);
            }
        }
    }
    let mut register = 0;
    let mut running: Option<&Value> = None;
    let mut sessions = 0;
    for event in first {
        let payload = &event["payload"];
        match event["action"].as_str().unwrap() {
            "StartTransaction" => {
                assert!(
                    running.is_none(),
                    "a start before the last one's stop: {event}"
                );
                assert!(
                    payload["meterStart"].as_i64().unwrap() >= register,
                    "the register fell: {event}"
                );
                register = payload["meterStart"].as_i64().unwrap();
                running = Some(event);
            }
            action => {
                let start = running.unwrap_or_else(|| panic!("no start before {event}"));
                let given = |number: &Value| {
                    answers
                        .iter()
                        .any(|a| a["id"] == start["id"] && a["payload"]["transactionId"] == *number)
                };
                assert!(
                    given(&payload["transactionId"]),
                    "a number that was not given to this start: {event}"
                );
                if action == "StopTransaction" {
                    assert!(
                        payload["meterStop"].as_i64().unwrap() >= register,
                        "the register fell: {event}"
                    );
                    register = payload["meterStop"].as_i64().unwrap();
                    running = None;
                    sessions += 1;
                }
            }
        }
    }
    assert!(running.is_none(), "no stop for {running:?}");
    println!("{sessions} sessions, {} messages", told.len());
}
