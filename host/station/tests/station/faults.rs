//! Faults: stop or go on per row, notices with both texts, the generated table.

use interlock::Trip;
use station::faults::{REGISTRY, TRIPS, find};
use station::*;

use crate::rig::*;
use crate::settings::compare_or_bless;

/// The 1.6 words a fault may carry.
const CODES: [&str; 14] = [
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
];

#[test]
fn every_row_of_the_registry_is_complete_and_fits_its_protocol() {
    for (position, spec) in REGISTRY.iter().enumerate() {
        assert!(CODES.contains(&spec.code), "{}: {}", spec.id, spec.code);
        for text in [spec.activation, spec.resolution, spec.vendor_code] {
            assert!(
                !text.is_empty() && text.chars().count() <= 50,
                "{}: {text}",
                spec.id
            );
        }
        assert_ne!(spec.activation, spec.resolution, "{}", spec.id);
        assert!(
            !spec.clears.is_empty() && !spec.action.is_empty(),
            "{}",
            spec.id
        );
        let first = REGISTRY.iter().position(|other| other.id == spec.id);
        assert_eq!(first, Some(position), "{} is there twice", spec.id);
        if spec.stops {
            assert!(spec.shown, "{}: what stops is shown", spec.id);
            assert!(spec.severity > Severity::Warning, "{}", spec.id);
        }
    }
}

/// Raises a fault while Alice charges: as a trip, or as an event.
fn charge_and_raise(id: &'static str) -> (Rig, Option<Trip>) {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.log.clear();
    let trip = TRIPS
        .iter()
        .find(|(_, fault)| *fault == id)
        .map(|(trip, _)| *trip);
    match trip {
        Some(trip) => rig.trip(ONE, trip),
        None => rig.event(Event::Fault {
            evse: Some(ONE),
            id,
            active: true,
        }),
    }
    (rig, trip)
}

fn clear(rig: &mut Rig, id: &'static str, trip: Option<Trip>) {
    match trip {
        Some(trip) => rig.untrip(ONE, trip),
        None => rig.event(Event::Fault {
            evse: Some(ONE),
            id,
            active: false,
        }),
    }
}

/// Stop or go on, and the two notices.
fn check(id: &'static str, code: &str, stops: bool) {
    let spec = find(id).unwrap();
    let (mut rig, trip) = charge_and_raise(id);
    let notice = rig
        .notices()
        .pop()
        .unwrap_or_else(|| panic!("{id}: no notice"));
    assert_eq!((notice.id, notice.code, notice.active), (id, code, true));
    assert_eq!(notice.message, spec.activation);
    assert_eq!(notice.stops_transaction, stops, "{id}");
    assert_eq!(rig.connector().fault.is_some(), stops, "{id}");
    if stops {
        assert_eq!(rig.end_reasons(), [StopReason::Other], "{id}");
        assert!(!rig.energised() && !rig.locked(), "{id}: open and unlocked");
        assert_eq!(rig.indication(), Indication::Fault);
    } else {
        assert_eq!(rig.ends(), [], "{id}");
    }
    clear(&mut rig, id, trip);
    let notice = rig.notices().pop().unwrap();
    assert_eq!((notice.id, notice.active), (id, false));
    assert_eq!(notice.message, spec.resolution);
    assert!(rig.connector().fault.is_none() && rig.station.faults().is_empty());
    assert_eq!(rig.running().is_some(), !stops, "{id}");
    assert_ne!(rig.indication(), Indication::Fault, "{id}");
}

/// Rows that let charging go on, as the sources (or, for fan, CAN and our own rows, the fact sheet) say.
const GO_ON: [&str; 13] = [
    "M3_SIGNAL",
    "SPD",
    "BACKEND",
    "LOCK_FAIL",
    "METER_EXT",
    "CANBUS",
    "READER",
    "VENTILATION",
    "FAN",
    "UNREG",
    "WIFI",
    "FLASH",
    "USB",
];

// acceptance: P226, C153
#[test]
fn every_row_stops_or_goes_on_as_the_table_says_and_tells_when_it_comes_and_goes() {
    for spec in REGISTRY {
        check(spec.id, spec.code, !GO_ON.contains(&spec.id));
    }
    assert!(GO_ON.iter().all(|id| find(id).is_some()));
}

// acceptance: P211
#[test]
fn residual_current_at_the_sensor_stops_until_the_interlock_has_reset_it() {
    check("RCMB", "GroundFailure", true);
    let (mut rig, _) = charge_and_raise("RCMB");
    rig.unplug(ONE);
    rig.seconds(3_600);
    rig.request(Request::Reset {
        kind: ResetKind::Soft,
    });
    assert!(
        rig.connector().fault.is_some(),
        "time, unplugging and resets clear nothing here"
    );
}

// acceptance: P212
#[test]
fn an_error_signalled_by_the_vehicle_does_not_end_the_transaction() {
    check("M3_SIGNAL", "EVCommunicationError", false);
}

// acceptance: P213
#[test]
fn a_missing_diode_stops() {
    check("M3_DIODE", "EVCommunicationError", true);
}

// acceptance: P214
#[test]
fn the_breaker_of_the_type_2_socket_stops() {
    check("MCB2", "OverCurrentFailure", true);
}

// acceptance: P215
#[test]
fn the_breaker_of_the_domestic_socket_stops() {
    check("MCBS", "OverCurrentFailure", true);
}

// acceptance: P216
#[test]
fn the_external_residual_current_device_stops() {
    check("RCD", "GroundFailure", true);
}

// acceptance: P217
#[test]
fn surge_protection_is_told_and_charging_goes_on() {
    check("SPD", "OtherError", false);
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.port(ONE).status.surge_tripped = true;
    rig.report(ONE);
    assert!(rig.energised());
    assert_eq!(rig.station.faults()[0].id, "SPD");
    rig.port(ONE).status.surge_tripped = false;
    rig.report(ONE);
    assert!(rig.station.faults().is_empty());
}

// acceptance: P218
#[test]
fn a_welded_contactor_stops_and_is_critical() {
    check("WELD", "PowerSwitchFailure", true);
    assert_eq!(find("WELD").unwrap().severity, Severity::Critical);
}

// acceptance: P220
#[test]
fn a_failed_lock_is_told_and_does_not_end_a_running_transaction() {
    check("LOCK_FAIL", "ConnectorLockFailure", false);
}

// acceptance: P221
#[test]
fn a_stuck_lock_stops() {
    check("LOCK_STUCK", "ConnectorLockFailure", true);
}

// acceptance: P222
#[test]
fn a_missing_lock_stops() {
    check("LOCK_MISS", "ConnectorLockFailure", true);
}

// acceptance: P88, P219
#[test]
fn a_lost_backend_is_told_and_shown_only_when_so_set() {
    let mut rig = Rig::new().boot();
    rig.event(Event::BackendOnline { online: false });
    assert!(
        rig.station.faults().is_empty(),
        "what never was there is not lost"
    );
    rig.event(Event::BackendOnline { online: true });
    rig.charge();
    rig.event(Event::BackendOnline { online: false });
    assert_eq!(rig.station.faults()[0].id, "BACKEND");
    assert_eq!(rig.indication(), Indication::Charging);
    rig.set("display_backend_disconnect_as_error", "true");
    assert_eq!(rig.indication(), Indication::Fault);
    assert!(rig.energised());
    rig.event(Event::BackendOnline { online: true });
    assert_eq!(rig.indication(), Indication::Charging);
}

// acceptance: P225
#[test]
fn a_silent_reader_is_told_and_charging_goes_on() {
    let mut rig = Rig::new().boot();
    rig.charge();
    rig.event(Event::ReaderSilent { silent: true });
    let notice = rig.notices().pop().unwrap();
    assert_eq!((notice.evse, notice.code), (None, "ReaderFailure"));
    assert!(rig.energised());
    rig.event(Event::ReaderSilent { silent: false });
    assert!(!rig.notices().pop().unwrap().active);
}

#[test]
fn a_fault_of_the_whole_station_stops_every_evse() {
    let mut rig = Rig::double().boot();
    rig.charge();
    rig.event(Event::Fault {
        evse: None,
        id: "HW",
        active: true,
    });
    assert_eq!(rig.end_reasons(), [StopReason::Other]);
    assert!(
        rig.station
            .connectors()
            .iter()
            .all(|connector| connector.fault.is_some())
    );
}

#[test]
fn a_fault_reported_twice_is_told_once_and_stands_until_both_reporters_are_content() {
    let mut rig = Rig::new().boot();
    rig.trip(ONE, Trip::Weld);
    rig.event(Event::Fault {
        evse: Some(ONE),
        id: "WELD",
        active: true,
    });
    assert_eq!(rig.notices().len(), 1);
    rig.event(Event::Fault {
        evse: Some(ONE),
        id: "WELD",
        active: false,
    });
    assert_eq!(
        rig.station.faults().len(),
        1,
        "an event cannot take back a trip"
    );
    rig.untrip(ONE, Trip::Weld);
    assert!(rig.station.faults().is_empty());
}

#[test]
fn faults_of_unknown_ids_or_evses_are_ignored() {
    let mut rig = Rig::new().boot();
    rig.event(Event::Fault {
        evse: Some(ONE),
        id: "NO_SUCH",
        active: true,
    });
    rig.event(Event::Fault {
        evse: Some(EvseId(9)),
        id: "HW",
        active: true,
    });
    assert!(rig.station.faults().is_empty());
}

#[test]
fn the_table_in_docs_spec_faults_is_the_registry() {
    let mut text = String::from(
        "# Faults\n\nGenerated from `host/station/src/fault_table.rs`; `BLESS=1 cargo nextest run -p station` \
         rewrites it.\n\nStops: ends the transaction and takes the connector out of service. Shown: the indicators show \
         a fault.\n\n| id | condition | OCPP 1.6 code | vendor code | severity | stops | shown | display | comes | goes | \
         clears | what to do |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    for spec in REGISTRY {
        let cells = [
            spec.id,
            spec.condition,
            spec.code,
            spec.vendor_code,
            spec.severity.name(),
            yes(spec.stops),
            yes(spec.shown),
            spec.display,
            spec.activation,
            spec.resolution,
            spec.clears,
            spec.action,
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    compare_or_bless("docs/spec/faults.md", &text);
}
