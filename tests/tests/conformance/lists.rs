//! The local authorization list at work. Cases 008 and 043_1 to 043_3; what answers a version has is in `profiles.rs`.

use serde_json::{Value, json};

use crate::harness::{CARD, Case, OTHER_CARD, Setup, in_order};
use crate::profiles::{entry, send_list, version};

fn with_list() -> Case {
    let mut case = Setup::default().on_either().start();
    case.configure("LocalAuthListEnabled", "true");
    case.configure("LocalPreAuthorize", "true");
    assert_eq!(version(&mut case), 0);
    let list = json!([entry(&case, CARD, "Accepted")]);
    assert_eq!(send_list(&mut case, 1, "Full", list), "Accepted");
    case
}

#[test]
fn tc_008_1_listed_card_needs_no_authorize() {
    let mut case = with_list();
    case.station.swipe(1, CARD);
    let preparing = case.status(1, "Preparing");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    assert_eq!(started.text("idTag"), case.tag(CARD));
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &started, &charging]);
    case.no_call("Authorize");
}

#[test]
fn tc_008_2_remote_start_with_a_listed_card() {
    let mut case = with_list();
    case.configure("AuthorizeRemoteTxRequests", "true");
    let start = json!({"connectorId": 1, "idTag": case.tag(CARD)});
    case.ask_for("RemoteStartTransaction", start, "Accepted");
    let preparing = case.status(1, "Preparing");
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    let charging = case.status(1, "Charging");
    in_order(&[&preparing, &started, &charging]);
    case.no_call("Authorize");
}

#[test]
fn tc_043_1_list_is_not_supported_while_it_is_off() {
    let mut case = Setup::default().start();
    case.configure("LocalAuthListEnabled", "false");
    let list = json!([entry(&case, CARD, "Accepted")]);
    assert_eq!(send_list(&mut case, 1, "Full", list), "NotSupported");
    assert_eq!(version(&mut case), -1);
}

#[test]
fn tc_043_2_differential_list_that_is_not_newer_is_a_version_mismatch() {
    let mut case = Setup::default().start();
    let first = json!([entry(&case, CARD, "Accepted")]);
    assert_eq!(send_list(&mut case, 2, "Full", first), "Accepted");
    assert_eq!(version(&mut case), 2);
    let second = json!([entry(&case, OTHER_CARD, "Accepted")]);
    let differential = "Differential";
    assert_eq!(
        send_list(&mut case, 5, differential, second.clone()),
        "Accepted"
    );
    assert_eq!(version(&mut case), 5);
    assert_eq!(
        send_list(&mut case, 4, differential, second),
        "VersionMismatch"
    );
    assert_eq!(version(&mut case), 5);
}

#[test]
fn tc_043_3_list_that_cannot_be_kept_fails_and_the_old_one_stays() {
    let mut case = with_list();
    let most: usize = case.configured("SendLocalListMaxLength").parse().unwrap();
    let many: Vec<Value> = (0..=most)
        .map(|number| json!({"idTag": format!("TAG{number:08}"), "idTagInfo": {"status": "Accepted"}}))
        .collect();
    assert_eq!(send_list(&mut case, 9, "Full", many.into()), "Failed");
    assert_eq!(version(&mut case), 1);
    case.station.swipe(1, CARD);
    case.status(1, "Preparing");
    case.no_call("Authorize");
}

/// Tags of OCPP 1.6 have 20 characters; some central systems send those of 2.0.1.
#[test]
fn list_with_a_tag_of_36_characters_is_refused_and_the_old_one_stays() {
    let mut case = with_list();
    let list = json!([{"idTag": "0".repeat(36), "idTagInfo": {"status": "Accepted"}}]);
    let payload =
        json!({"listVersion": 2, "updateType": "Differential", "localAuthorizationList": list});
    assert_eq!(
        case.ask_wrongly("SendLocalList", payload),
        "PropertyConstraintViolation"
    );
    assert_eq!(version(&mut case), 1);
}

#[test]
fn tag_is_taken_off_the_list_by_an_entry_without_info() {
    let mut case = with_list();
    let gone = json!([{"idTag": case.tag(CARD)}]);
    assert_eq!(send_list(&mut case, 2, "Differential", gone), "Accepted");
    case.station.swipe(1, CARD);
    case.call("Authorize");
}
