//! Many swaps of the real adapter in the built station while a car charges and readings are reported: what the central
//! system hears, and what the contactor does.

use serde_json::{Value, json};

use crate::harness::{CARD, Case, Seen, Setup};

/// Swaps of a normal run, an even number; `cargo xtask bench` does a thousand.
const SWAPS: u64 = 50;
const ADAPTER: &str = "backend-eflux";

fn swaps(status: &Value) -> u64 {
    let plugins = status["plugins"].as_array().unwrap();
    let adapter = plugins.iter().find(|plugin| plugin["name"] == ADAPTER);
    adapter.unwrap()["swaps"].as_u64().unwrap()
}

/// Lines of the station's log about its contactor.
fn contactor_events(case: &Case) -> usize {
    let log = case.station.log();
    log.lines()
        .filter(|line| line.contains("interlock: Contactor"))
        .count()
}

/// Applies a pack with another deadline for the adapter, and takes it back while it is on trial: two swaps.
fn there_and_back(case: &Case, round: u64) {
    let text = case.station.pack_text();
    let (before, rest) = text.split_once("call_deadline_ms = ").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let deadline = 200 + round;
    case.station
        .apply(&format!("{before}call_deadline_ms = {deadline}\n{after}"));
    case.station
        .shows("the new one", |status| swaps(status) == 2 * round + 1);
    case.station.control(&json!({"verb": "pack-rollback"}));
    case.station
        .shows("the old one", |status| swaps(status) == 2 * round + 2);
}

/// Positions in the station's journal that these messages speak of; the adapter names each message after its entry.
fn positions(calls: &[Value]) -> Vec<u64> {
    let position = |call: &Value| call["id"].as_str()?.strip_prefix('j')?.parse().ok();
    calls
        .iter()
        .map(|call| position(call).unwrap_or_else(|| panic!("not of the journal: {call}")))
        .collect()
}

fn register(call: &Value) -> f64 {
    let samples = call["payload"]["meterValue"][0]["sampledValue"].as_array();
    let mut samples = samples.unwrap().iter();
    let register = |sample: &&Value| {
        let measurand = sample["measurand"].as_str();
        measurand.is_none_or(|name| name == "Energy.Active.Import.Register")
    };
    let sample = samples.find(register).unwrap();
    sample["value"].as_str().unwrap().parse().unwrap()
}

#[test]
fn swaps_of_the_real_adapter_during_a_charge_lose_double_and_open_nothing() {
    let mut case = Setup::default()
        .setting("meter_sample_interval_s", 1)
        .start();
    case.forget();
    let (started, transaction) = case.charging(1);
    let contactor = contactor_events(&case);
    assert!(contactor > 0, "the log tells of the contactor");
    for round in 0..SWAPS / 2 {
        there_and_back(&case, round);
    }
    let status = case.station.shows("everything is told", told);
    assert_eq!(swaps(&status), SWAPS);
    assert_eq!(status["evses"][0]["contactor"], "closed");
    assert_eq!(contactor_events(&case), contactor, "the contactor noticed");
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    case.station.shows("everything is told", told);
    check(&mut case, &started, &stopped);
}

/// Every entry of the journal was taken by the adapter, and everything that it made of them is confirmed.
fn told(status: &Value) -> bool {
    let plugin = &status["plugins"][0];
    plugin["journal_lag"] == 0 && plugin["outbox"] == 0
}

fn check(case: &mut Case, started: &Seen, stopped: &Seen) {
    let calls = case.peer.all(|event| {
        let action = event["action"].as_str().unwrap_or_default();
        let told = action.ends_with("Transaction") || action == "MeterValues";
        told && event["event"] == "call"
    });
    let of = |action: &str| calls.iter().filter(|call| call["action"] == action).count();
    assert_eq!((of("StartTransaction"), of("StopTransaction")), (1, 1));
    assert_eq!(calls.first(), Some(&started.event));
    assert_eq!(calls.last(), Some(&stopped.event));
    let values = calls.iter().filter(|call| call["action"] == "MeterValues");
    let mut energy = 0.0;
    for value in values {
        assert!(register(value) >= energy, "out of order: {value}");
        energy = register(value);
    }
    let readings = of("MeterValues");
    let last = case.station.status()["journal"]["last"].as_u64().unwrap();
    // The readings beside start and end are in StartTransaction and StopTransaction.
    let first = last - u64::try_from(readings + 3).unwrap();
    let mut every = vec![first];
    every.extend(first + 2..=last - 2);
    every.push(last);
    assert_eq!(
        positions(&calls),
        every,
        "every entry once, in order, under its own id"
    );
    assert!(readings >= 3, "readings were reported meanwhile");
    let reconnects = case
        .peer
        .all(|event| event["event"] == "open" || event["event"] == "close");
    assert_eq!(reconnects, [""; 0], "the connection was kept");
    case.no_call("BootNotification");
    println!("{SWAPS} swaps, {readings} readings, none lost or doubled, the contactor never moved");
}
