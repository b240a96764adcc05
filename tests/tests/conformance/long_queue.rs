//! A queue as long as weeks without a central system make it, delivered while the power fails again and again.
//!
//! `cargo xtask queue` runs it with 100,000 messages; the numbers of a usual run are below.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Case, SOON, Setup};
use crate::power_cuts::{Chance, from_environment};

/// Messages of a usual run; `PILOTWIRE_QUEUED` asks for more.
const MESSAGES: u64 = 4_000;
/// Power cuts of a usual run; `PILOTWIRE_POWER_CUTS` asks for more.
const CUTS: u64 = 8;
/// Messages of one session: a start, readings, a stop.
const A_SESSION: u64 = 100;
/// The slowest that counts as delivering at all.
const STALLS_AFTER: Duration = Duration::from_secs(60);

/// What arrived so far. The register that each message names is one higher than that of the message before.
#[derive(Debug, Default)]
struct Arrived {
    ids: BTreeSet<String>,
    last: Option<Value>,
    next_register: u64,
    transaction: i64,
    repeated: u64,
}

fn register(payload: &Value) -> u64 {
    let whole = payload["meterStart"].as_u64();
    whole.or(payload["meterStop"].as_u64()).unwrap_or_else(|| {
        let samples = payload["meterValue"][0]["sampledValue"].as_array().unwrap();
        let energy = |sample: &&Value| {
            sample["measurand"].is_null() || sample["measurand"] == "Energy.Active.Import.Register"
        };
        let text = samples.iter().find(energy).unwrap()["value"].as_str();
        text.unwrap().parse::<f64>().unwrap() as u64
    })
}

impl Arrived {
    fn take(&mut self, event: &Value) {
        let action = event["action"].as_str().unwrap_or_default();
        if event["event"] == "answered" && action == "StartTransaction" {
            self.transaction = event["payload"]["transactionId"].as_i64().unwrap();
        }
        let told = ["StartTransaction", "MeterValues", "StopTransaction"].contains(&action);
        if event["event"] != "call" || !told {
            return;
        }
        let (id, payload) = (event["id"].as_str().unwrap(), &event["payload"]);
        if !self.ids.insert(id.to_owned()) {
            // Only what was under way may come again, and word for word.
            self.repeated += 1;
            assert_eq!(self.last.as_ref(), Some(event), "an old message again");
            return;
        }
        assert_eq!(
            register(payload),
            self.next_register,
            "out of order: {event}"
        );
        if action != "StartTransaction" {
            assert_eq!(payload["transactionId"], self.transaction, "{event}");
        }
        self.next_register += 1;
        self.last = Some(event.clone());
    }
}

/// A station with a queue of so many messages, not running; nobody listens.
fn filled(messages: u64) -> (Case, u64) {
    let mut case = Setup::default()
        .setting("meter_sample_interval_s", 0)
        .start();
    // What it tells of its start is told, or is nobody's business.
    is_empty(&case);
    case.peer.offline();
    case.station.power_off();
    let total = case
        .station
        .fill_queue(messages.div_ceil(A_SESSION), A_SESSION - 2);
    case.peer.online();
    case.forget();
    (case, total)
}

#[test]
fn a_long_queue_is_delivered_in_order_and_once_whenever_the_power_fails() {
    let seed = from_environment("PILOTWIRE_SEED", u64::from(std::process::id()));
    let messages = from_environment("PILOTWIRE_QUEUED", MESSAGES);
    let cuts = from_environment("PILOTWIRE_POWER_CUTS", CUTS);
    println!("PILOTWIRE_SEED={seed} PILOTWIRE_QUEUED={messages} PILOTWIRE_POWER_CUTS={cuts}");
    let mut chance = Chance(seed);
    let (mut case, total) = filled(messages);
    let mut after: Vec<u64> = (0..cuts).map(|_| chance.below(total)).collect();
    after.sort_unstable_by(|a, b| b.cmp(a));
    let mut arrived = Arrived::default();
    let (begin, mut progress) = (Instant::now(), Instant::now());
    case.station.start();
    while arrived.next_register < total {
        let before = arrived.next_register;
        for event in case.peer.take() {
            arrived.take(&event);
        }
        if arrived.next_register > before {
            progress = Instant::now();
        }
        assert!(
            progress.elapsed() < STALLS_AFTER,
            "nothing arrives after {} of {total}",
            arrived.next_register
        );
        if after.last().is_some_and(|at| arrived.next_register >= *at) {
            after.pop();
            std::thread::sleep(Duration::from_millis(chance.below(40)));
            case.station.power_off();
            case.station.start();
            progress = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "{total} messages, {cuts} power cuts, {} sent twice, {:?}",
        arrived.repeated,
        begin.elapsed()
    );
    assert!(arrived.repeated <= cuts, "at most one for each power cut");
    nothing_is_left(&mut case, &mut arrived);
    assert_eq!(arrived.next_register, total, "nothing was made up");
}

fn is_empty(case: &Case) {
    case.station_shows("an empty queue", |status| {
        let plugin = &status["plugins"][0];
        plugin["journal_lag"] == 0 && plugin["outbox"] == 0
    });
}

fn nothing_is_left(case: &mut Case, arrived: &mut Arrived) {
    is_empty(case);
    case.no_call_for("MeterValues", SOON / 10);
    for event in case.peer.take() {
        arrived.take(&event);
    }
}
