//! Connectors and the whole station out of service and back, at once and when the transaction is over; and what a card does
//! where no case of the list says it.

use serde_json::json;

use crate::harness::{CARD, Case, OTHER_CARD, Setup, in_order};

fn change(case: &mut Case, connector: i64, kind: &str, status: &str) {
    let payload = json!({"connectorId": connector, "type": kind});
    case.ask_for("ChangeAvailability", payload, status);
}

// acceptance: C132
#[test]
fn connector_zero_takes_the_whole_station_out_of_service_and_back() {
    let mut case = Setup::default().start();
    change(&mut case, 0, "Inoperative", "Accepted");
    for connector in 0..=2 {
        case.status(connector, "Unavailable");
    }
    case.plugged(1);
    case.station.swipe(1, CARD);
    case.no_call("StartTransaction");
    case.station.unplug(1);
    change(&mut case, 0, "Operative", "Accepted");
    for connector in 0..=2 {
        case.status(connector, "Available");
    }
    change(&mut case, 99, "Inoperative", "Rejected");
}

#[test]
fn connector_goes_out_of_service_when_its_transaction_is_over() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    change(&mut case, 1, "Inoperative", "Scheduled");
    case.no_call("StopTransaction");
    case.no_status(1, "Unavailable");
    case.station.swipe(1, CARD);
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.number("transactionId"), transaction);
    let out = case.status(1, "Unavailable");
    in_order(&[&stopped, &out]);
    change(&mut case, 1, "Operative", "Accepted");
    case.status(1, "Finishing");
}

#[test]
fn station_goes_out_of_service_connector_by_connector() {
    let mut case = Setup::default().start();
    case.charging(1);
    change(&mut case, 0, "Inoperative", "Scheduled");
    case.status(2, "Unavailable");
    case.no_call("StopTransaction");
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
    case.status(1, "Unavailable");
}

/// Somebody is about to charge: they are let, and if they do not come, it is out of service.
#[test]
fn connector_that_prepares_goes_out_of_service_when_nobody_comes() {
    let mut case = Setup::default().on_either().start();
    case.configure("ConnectionTimeOut", "3");
    case.station.swipe(1, CARD);
    let preparing = case.status(1, "Preparing");
    change(&mut case, 1, "Inoperative", "Scheduled");
    let out = case.status(1, "Unavailable");
    in_order(&[&preparing, &out]);
    case.plugged(1);
    case.station.swipe(1, CARD);
    case.no_call("StartTransaction");
}

#[test]
fn connector_that_prepared_goes_out_of_service_after_its_transaction() {
    let mut case = Setup::default().on_either().start();
    case.station.swipe(1, CARD);
    case.status(1, "Preparing");
    change(&mut case, 1, "Inoperative", "Scheduled");
    case.plugged(1);
    case.call("StartTransaction");
    case.status(1, "Charging");
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
    case.status(1, "Unavailable");
}

#[test]
fn card_at_a_finishing_connector_begins_anew() {
    let mut case = Setup::default().start();
    let (_, first) = case.charging(1);
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
    case.status(1, "Finishing");
    case.station.swipe(1, OTHER_CARD);
    let started = case.call("StartTransaction");
    assert_eq!(started.text("idTag"), case.tag(OTHER_CARD));
    assert_ne!(case.transaction_of(&started), first);
    case.status(1, "Charging");
}

/// What the answer to a start or a stop says of a card holds for the cache.
#[test]
fn answers_to_start_and_stop_change_the_cache() {
    let mut case = Setup::default().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    case.charging(1);
    case.answer(
        "StopTransaction",
        json!({"idTagInfo": {"status": "Blocked"}}),
    );
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
    case.status(1, "Finishing");
    case.station.unplug(1);
    case.status(1, "Available");
    case.forget();
    // Not accepted from the cache any longer: the central system is asked again.
    case.station.swipe(1, CARD);
    case.call("Authorize");
}

#[test]
fn answer_to_a_start_takes_a_card_out_of_the_cache() {
    let mut case = Setup::default().start();
    case.configure("AuthorizationCacheEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    case.configure("StopTransactionOnInvalidId", "true");
    case.answer(
        "StartTransaction",
        json!({"idTagInfo": {"status": "Invalid"}, "transactionId": 9}),
    );
    case.plugged(1);
    case.station.swipe(1, CARD);
    case.call("Authorize");
    case.call("StartTransaction");
    let stopped = case.call("StopTransaction");
    assert_eq!(stopped.text("reason"), "DeAuthorized");
    case.station.unplug(1);
    case.status(1, "Available");
    case.forget();
    case.station.swipe(1, CARD);
    case.call("Authorize");
}
