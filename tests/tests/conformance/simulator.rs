//! A foreign harness at the command line: everything that it needs to drive a station, without a line of ours in between
//! (docs/spec/simulator.md).

use serde_json::Value;

use crate::harness::{CARD, Case, QUIET, Setup};

fn cli(case: &Case, arguments: &str) -> String {
    let said = case.station.cli(arguments.split(' '));
    said.unwrap_or_else(|why| panic!("pilotwire {arguments}: {why}"))
}

fn shown(case: &Case) -> Value {
    serde_json::from_str(&cli(case, "status --json")).unwrap()
}

/// Asks again and again, as a harness would.
fn until(case: &Case, what: &str, fits: impl Fn(&Value) -> bool) {
    for _ in 0..100 {
        if fits(&shown(case)) {
            return;
        }
        std::thread::sleep(QUIET / 10);
    }
    panic!("never {what}: {}", shown(case));
}

fn begun(start: &[&str]) -> Case {
    let mut case = Setup::default().on_either().prepare();
    case.station.set_at_start(start);
    case.station.start();
    let open = case.opened();
    assert!(
        open.event["path"].as_str().unwrap().ends_with("/FOREIGN-1"),
        "{}",
        open.event
    );
    case
}

#[test]
fn a_foreign_harness_drives_the_station_from_the_command_line() {
    let mut case = begun(&[
        "identity=FOREIGN-1",
        "vendor=Somebody",
        "model=Something",
        "serial=S-17",
        "firmware=9.9",
        "backend-eflux/ocpp_keys=MeterValueSampleInterval=7;MeterValuesAlignedData=Voltage,Frequency;ConnectionTimeOut=33",
    ]);
    let boot = case.call("BootNotification");
    assert_eq!(boot.text("chargePointVendor"), "Somebody");
    assert_eq!(boot.text("chargePointModel"), "Something");
    assert_eq!(boot.text("chargePointSerialNumber"), "S-17");
    assert_eq!(boot.text("firmwareVersion"), "9.9");
    for (key, value) in [
        ("MeterValueSampleInterval", "7"),
        ("MeterValuesAlignedData", "Voltage,Frequency"),
        ("ConnectionTimeOut", "33"),
    ] {
        assert_eq!(case.configured(key), value, "{key}");
    }
    case.status(1, "Available");
    cli(&case, "sim plug-in --evse 1");
    case.status(1, "Preparing");
    cli(&case, &format!("sim swipe --evse 1 uid={CARD}"));
    case.call("StartTransaction");
    case.status(1, "Charging");
    assert_eq!(shown(&case)["evses"][0]["contactor"], "closed");
    cli(&case, "sim fault --evse 2 name=earth-lost");
    case.status(2, "Faulted");
    cli(&case, "sim clear --evse 2 name=earth-lost");
    cli(&case, "sim link-down");
    case.peer.refuse("a frame without a line", QUIET, |event| {
        event["event"] == "call" && event["action"] == "Heartbeat"
    });
    case.forget();
    cli(&case, "sim link-up");
    case.opened();
    let transaction = shown(&case)["evses"][0]["transaction"]["id"].clone();
    cli(&case, &format!("request stop transaction={transaction}"));
    case.call("StopTransaction");
    cli(&case, "sim ev-unplug --evse 1");
    until(&case, "unlocked", |status| {
        status["evses"][0]["lock"] == "unlocked"
    });
    cli(&case, "sim unplug --evse 1");
    case.status(1, "Available");
    case.status_at_leisure(2, "Available");
    cli(&case, &format!("request start token={CARD} evse=2"));
    cli(&case, "sim plug-in --evse 2");
    let started = case.call("StartTransaction");
    assert_eq!(started.number("connectorId"), 2);
    let wrong = case.station.cli("sim fault name=gremlins".split(' '));
    assert!(wrong.unwrap_err().contains("gremlins"));
}

#[test]
fn keys_at_start_are_set_once_and_what_the_central_system_sets_stays() {
    let start = [
        "identity=FOREIGN-1",
        "backend-eflux/ocpp_keys=ConnectionTimeOut=33;LocalPreAuthorize=true;NumberOfConnectors=7",
    ];
    let mut case = begun(&start);
    case.booted();
    assert_eq!(case.configured("ConnectionTimeOut"), "33");
    assert_eq!(case.configured("LocalPreAuthorize"), "true");
    assert_eq!(case.configured("NumberOfConnectors"), "2", "only told");
    case.configure("ConnectionTimeOut", "44");
    case.configure("LocalPreAuthorize", "false");
    cli(&case, "sim power-loss");
    case.forget();
    case.booted();
    assert_eq!(case.configured("ConnectionTimeOut"), "44");
    assert_eq!(case.configured("LocalPreAuthorize"), "false");
}
