//! Local authorization list, reservations, charging profiles: cases 042 to 069 as far as they are about them, over a real
//! WebSocket; and what belongs to them at the station.

use ocpp::v16::{IdToken, Request, ReserveNowRequest};
use serde_json::{Value, json};
use units::Timestamp;

use crate::harness::{CARD, Case, OTHER_CARD, Setup};

/// A time this many seconds from now, as OCPP writes it.
pub fn expiry(seconds: i64) -> Value {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = i64::try_from(now.as_millis()).unwrap() + seconds * 1_000;
    let request = Request::from(ReserveNowRequest {
        connector_id: 0,
        expiry_date: Timestamp::from_unix_millis(at),
        id_tag: IdToken::truncated("X"),
        parent_id_tag: None,
        reservation_id: 0,
    });
    request.to_payload()["expiryDate"].clone()
}

pub fn reserve(case: &mut Case, connector: i64, number: i64, card: &str, seconds: i64) -> String {
    let tag = case.tag(card);
    let payload = json!({
        "connectorId": connector, "expiryDate": expiry(seconds), "idTag": tag, "reservationId": number,
    });
    let answer = case.ask("ReserveNow", payload);
    answer["status"].as_str().unwrap().to_owned()
}

pub fn entry(case: &Case, card: &str, status: &str) -> Value {
    json!({"idTag": case.tag(card), "idTagInfo": {"status": status}})
}

pub fn send_list(case: &mut Case, version: i64, kind: &str, list: Value) -> String {
    let payload =
        json!({"listVersion": version, "updateType": kind, "localAuthorizationList": list});
    let answer = case.ask("SendLocalList", payload);
    answer["status"].as_str().unwrap().to_owned()
}

pub fn version(case: &mut Case) -> i64 {
    case.ask("GetLocalListVersion", json!({}))["listVersion"]
        .as_i64()
        .unwrap()
}

#[test]
fn tc_042_1_and_042_2_version_of_a_list_that_is_off_or_empty() {
    let mut case = Setup::default().on_either().start();
    assert_eq!(version(&mut case), 0);
    case.configure("LocalAuthListEnabled", "false");
    assert_eq!(version(&mut case), -1);
}

#[test]
fn tc_043_list_is_sent_whole_and_in_parts_and_refused_when_it_does_not_fit() {
    let mut case = Setup::default().on_either().start();
    let first = json!([entry(&case, CARD, "Accepted")]);
    assert_eq!(send_list(&mut case, 5, "Full", first), "Accepted");
    assert_eq!(version(&mut case), 5);
    let other = json!([entry(&case, OTHER_CARD, "Blocked")]);
    assert_eq!(
        send_list(&mut case, 5, "Differential", other.clone()),
        "VersionMismatch"
    );
    assert_eq!(
        send_list(&mut case, 6, "Differential", other.clone()),
        "Accepted"
    );
    assert_eq!(version(&mut case), 6);
    case.configure("LocalAuthListEnabled", "false");
    assert_eq!(send_list(&mut case, 7, "Full", other), "NotSupported");
}

#[test]
fn listed_card_starts_while_the_backend_is_away_and_a_blocked_one_does_not() {
    let mut case = Setup::default().start();
    let list = json!([
        entry(&case, CARD, "Accepted"),
        entry(&case, OTHER_CARD, "Blocked")
    ]);
    assert_eq!(send_list(&mut case, 1, "Full", list), "Accepted");
    case.configure("AllowOfflineTxForUnknownId", "true");
    case.peer.offline();
    case.station_shows("the lost link", |status| {
        status["plugins"].to_string().contains("\"link\":\"down\"")
    });
    case.station.plug_in(1);
    case.station.swipe(1, OTHER_CARD);
    case.station_shows("the refusal", |status| {
        status["evses"][0]["signals"]
            .to_string()
            .contains("Rejected")
    });
    case.station.swipe(1, CARD);
    case.station_shows("the charge", |status| {
        status["evses"][0]["contactor"] == "closed"
    });
    case.peer.online();
    let started = case.call("StartTransaction");
    assert_eq!(started.text("idTag"), case.tag(CARD));
}

// acceptance: C135
#[test]
fn tc_046_1_reserved_connector_serves_the_card_it_is_kept_for() {
    let mut case = Setup::default().on_either().start();
    assert_eq!(reserve(&mut case, 1, 46, CARD, 600), "Accepted");
    case.status(1, "Reserved");
    case.station.plug_in(1);
    case.station.swipe(1, OTHER_CARD);
    case.no_call("StartTransaction");
    case.station.swipe(1, CARD);
    let started = case.call("StartTransaction");
    assert_eq!(started.number("reservationId"), 46);
    case.status(1, "Charging");
}

#[test]
fn tc_047_reservation_ends_at_its_time() {
    let mut case = Setup::default().start();
    assert_eq!(reserve(&mut case, 1, 47, CARD, 3), "Accepted");
    case.status(1, "Reserved");
    case.status(1, "Available");
}

#[test]
fn tc_049_reservation_of_any_connector() {
    let mut case = Setup::default().start();
    assert_eq!(case.configured("ReserveConnectorZeroSupported"), "true");
    assert_eq!(reserve(&mut case, 0, 49, CARD, 600), "Accepted");
    case.station.plug_in(2);
    case.station.swipe(2, CARD);
    let started = case.call("StartTransaction");
    assert_eq!(
        (
            started.number("reservationId"),
            started.number("connectorId")
        ),
        (49, 2)
    );
}

// acceptance: C136
#[test]
fn tc_051_and_052_reservation_is_cancelled_once() {
    let mut case = Setup::default().on_either().start();
    assert_eq!(reserve(&mut case, 1, 51, CARD, 600), "Accepted");
    case.status(1, "Reserved");
    case.ask_for(
        "CancelReservation",
        json!({"reservationId": 51}),
        "Accepted",
    );
    case.status(1, "Available");
    case.ask_for(
        "CancelReservation",
        json!({"reservationId": 51}),
        "Rejected",
    );
}

#[test]
fn tc_053_1_reserved_parent_serves_every_card_of_its_group() {
    let mut case = Setup::default().start();
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
    case.station.plug_in(1);
    case.station.swipe(1, OTHER_CARD);
    let started = case.call("StartTransaction");
    assert_eq!(started.number("reservationId"), 53);
}

pub fn profile(id: i64, purpose: &str, limit: f64) -> Value {
    json!({
        "chargingProfileId": id, "stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    })
}

pub fn set_profile(case: &mut Case, connector: i64, profile: &Value) -> String {
    let payload = json!({"connectorId": connector, "csChargingProfiles": profile});
    case.ask("SetChargingProfile", payload)["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub fn offers(case: &Case, milliamps: u64) {
    case.station_shows(&format!("an offer of {milliamps} mA"), |status| {
        let offered = status["evses"][0]["offered_ma"].as_u64().unwrap_or(0);
        offered <= milliamps && offered + 300 > milliamps
    });
}

// acceptance: C137, C138
#[test]
fn tc_056_and_067_default_profile_limits_the_next_transaction_and_its_removal_frees_it() {
    let mut case = Setup::default().start();
    assert_eq!(
        set_profile(&mut case, 0, &profile(1, "TxDefaultProfile", 10.0)),
        "Accepted"
    );
    case.charging(1);
    offers(&case, 10_000);
    let status = case.station.status();
    assert_eq!(
        status["evses"][0]["limited_by"], "backend-profile",
        "{status}"
    );
    case.ask_for("ClearChargingProfile", json!({"id": 1}), "Accepted");
    offers(&case, 32_000);
    case.ask_for("ClearChargingProfile", json!({"id": 1}), "Unknown");
}

#[test]
fn tc_057_profile_of_a_running_transaction_needs_its_number() {
    let mut case = Setup::default().start();
    assert_eq!(
        set_profile(&mut case, 1, &profile(2, "TxProfile", 8.0)),
        "Rejected"
    );
    let (_, transaction) = case.charging(1);
    let mut own = profile(2, "TxProfile", 8.0);
    own["transactionId"] = (transaction + 7).into();
    assert_eq!(set_profile(&mut case, 1, &own), "Rejected");
    own["transactionId"] = transaction.into();
    assert_eq!(set_profile(&mut case, 1, &own), "Accepted");
    offers(&case, 8_000);
    let other = set_profile(&mut case, 1, &profile(3, "ChargePointMaxProfile", 8.0));
    assert_eq!(other, "Rejected", "at a connector");
}

#[test]
fn tc_059_remote_start_with_a_profile() {
    let mut case = Setup::default().start();
    case.station.plug_in(1);
    let payload = json!({
        "connectorId": 1, "idTag": case.tag(CARD), "chargingProfile": profile(59, "TxProfile", 9.0),
    });
    case.ask_for("RemoteStartTransaction", payload, "Accepted");
    case.call("StartTransaction");
    offers(&case, 9_000);
}

#[test]
fn tc_066_composite_schedule_says_what_is_offered() {
    let mut case = Setup::default().start();
    assert_eq!(
        set_profile(&mut case, 0, &profile(1, "ChargePointMaxProfile", 12.0)),
        "Accepted"
    );
    case.charging(1);
    offers(&case, 12_000);
    let ask = json!({"connectorId": 1, "duration": 300, "chargingRateUnit": "A"});
    let answer = case.ask("GetCompositeSchedule", ask);
    assert_eq!(answer["status"], "Accepted");
    let periods = &answer["chargingSchedule"]["chargingSchedulePeriod"];
    assert_eq!(periods[0]["limit"].as_f64(), Some(12.0), "{answer}");
    case.ask_for(
        "GetCompositeSchedule",
        json!({"connectorId": 9, "duration": 300}),
        "Rejected",
    );
}

#[test]
fn profiles_and_reservations_survive_a_power_cut() {
    let mut case = Setup::default().start();
    assert_eq!(
        set_profile(&mut case, 0, &profile(1, "TxDefaultProfile", 10.0)),
        "Accepted"
    );
    assert_eq!(reserve(&mut case, 2, 67, OTHER_CARD, 600), "Accepted");
    case.status(2, "Reserved");
    case.station.power_off();
    case.station.start();
    case.status(2, "Reserved");
    case.charging(1);
    offers(&case, 10_000);
}
