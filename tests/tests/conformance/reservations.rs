//! Reservations by remote start, for a group, for connector 0, and every way to refuse one. Cases 046_2, 048, 050, 053_2;
//! the others of theirs are in `profiles.rs`.

use serde_json::json;

use crate::harness::{CARD, Case, OTHER_CARD, Setup, in_order};
use crate::profiles::{expiry, reserve};

fn remote_start(case: &mut Case, card: &str, status: &str) {
    let payload = json!({"connectorId": 1, "idTag": case.tag(card)});
    case.ask_for("RemoteStartTransaction", payload, status);
}

fn availability(case: &mut Case, connector: i64, kind: &str) {
    let payload = json!({"connectorId": connector, "type": kind});
    case.ask_for("ChangeAvailability", payload, "Accepted");
}

/// The station's pack without the right to reserve: a station that takes no reservations.
fn without_reservations() -> Case {
    let case = Setup::default().start();
    let pack = case.station.pack_text();
    let without = pack.replace("\"station.reserve\" = true\n", "");
    assert_ne!(pack, without);
    case.station.apply(&without);
    case.station.trial_over();
    case
}

#[test]
fn tc_046_2_reserved_connector_serves_the_remote_start_it_is_kept_for() {
    let mut case = Setup::default().on_either().start();
    availability(&mut case, 2, "Inoperative");
    case.status(2, "Unavailable");
    assert_eq!(reserve(&mut case, 1, 46, CARD, 600), "Accepted");
    case.status(1, "Reserved");
    remote_start(&mut case, OTHER_CARD, "Rejected");
    case.no_call("StartTransaction");
    remote_start(&mut case, CARD, "Accepted");
    let preparing = case.status(1, "Preparing");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    assert_eq!(started.number("reservationId"), 46);
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &started, &charging]);
}

#[test]
fn tc_048_1_reservation_of_a_faulted_connector() {
    let mut case = Setup::default().start();
    case.station.fault(1, "earth-lost");
    case.status(1, "Faulted");
    assert_eq!(reserve(&mut case, 1, 48, CARD, 600), "Faulted");
}

#[test]
fn tc_048_2_reservation_of_an_occupied_connector() {
    let mut case = Setup::default().start();
    case.plugged(1);
    assert_eq!(reserve(&mut case, 1, 48, CARD, 600), "Occupied");
}

#[test]
fn tc_048_3_reservation_of_an_unavailable_connector() {
    let mut case = Setup::default().start();
    availability(&mut case, 1, "Inoperative");
    case.status(1, "Unavailable");
    assert_eq!(reserve(&mut case, 1, 48, CARD, 600), "Unavailable");
}

#[test]
fn tc_048_4_and_050_4_reservation_at_a_station_that_takes_none() {
    let mut case = without_reservations();
    assert_eq!(reserve(&mut case, 1, 48, CARD, 600), "Rejected");
    assert_eq!(reserve(&mut case, 0, 50, CARD, 600), "Rejected");
    case.no_status(1, "Reserved");
}

#[test]
fn tc_050_1_reservation_of_connector_zero_while_all_are_faulted() {
    let mut case = Setup::default().start();
    for connector in [1, 2] {
        case.station.fault(connector, "earth-lost");
        case.status(connector.into(), "Faulted");
    }
    assert_eq!(reserve(&mut case, 0, 50, CARD, 600), "Faulted");
}

#[test]
fn tc_050_2_reservation_of_connector_zero_while_all_are_occupied() {
    let mut case = Setup::default().start();
    case.plugged(1);
    case.plugged(2);
    assert_eq!(reserve(&mut case, 0, 50, CARD, 600), "Occupied");
}

#[test]
fn tc_050_3_reservation_of_connector_zero_while_all_are_unavailable() {
    let mut case = Setup::default().start();
    availability(&mut case, 0, "Inoperative");
    case.status(1, "Unavailable");
    case.status(2, "Unavailable");
    assert_eq!(reserve(&mut case, 0, 50, CARD, 600), "Unavailable");
}

#[test]
fn tc_053_2_reserved_parent_serves_a_remote_start_of_its_group() {
    let mut case = Setup::default().on_either().start();
    case.configure("AuthorizeRemoteTxRequests", "true");
    case.answer(
        "Authorize",
        json!({"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}),
    );
    let payload = json!({
        "connectorId": 1, "expiryDate": expiry(600), "idTag": case.tag(CARD), "parentIdTag": "FAMILY",
        "reservationId": 53,
    });
    case.ask_for("ReserveNow", payload, "Accepted");
    case.status(1, "Reserved");
    remote_start(&mut case, OTHER_CARD, "Accepted");
    let asked = case.call("Authorize");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    assert_eq!(started.number("reservationId"), 53);
    assert_eq!(started.text("idTag"), case.tag(OTHER_CARD));
    let charging = case.status(1, "Charging");
    in_order(&[&asked, &started, &charging]);
}
