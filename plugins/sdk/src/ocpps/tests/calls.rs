//! Calls of the backend.

use ocpp::soap::FaultCode;
use ocpp::v16::decode_request;

use super::*;
use crate::backend::Outcome;

fn request(action: &str, payload: &Value) -> Request {
    decode_request(action, payload).unwrap()
}

fn change(key: &str, value: &str) -> Request {
    request("ChangeConfiguration", &json!({"key": key, "value": value}))
}

#[test]
fn call_is_answered_over_the_same_exchange() {
    for version in ["1.5", "1.6"] {
        let mut host = Host::online(&[("soap_version", version)]);
        host.call(11, IDENTITY, &change("HeartbeatInterval", "60"));
        let relates = host.answers[0].body.contains("urn:uuid:1");
        assert!(relates, "{}", host.answers[0].body);
        let (status, outcome) = host.answered(11, Action::ChangeConfiguration);
        assert_eq!(status, 200);
        assert_eq!(outcome.unwrap().to_payload(), json!({"status": "Accepted"}));
    }
}

#[test]
fn security_profiles_are_none_of_soap() {
    let mut host = Host::online(&[("basic_auth_password", "0123456789abcdef")]);
    host.call(11, IDENTITY, &change("SecurityProfile", "1"));
    let (_, outcome) = host.answered(11, Action::ChangeConfiguration);
    assert_eq!(
        outcome.unwrap().to_payload(),
        json!({"status": "NotSupported"})
    );
}

#[test]
fn call_that_waits_for_the_station_is_answered_when_it_has_spoken() {
    let mut host = Host::online(&[]);
    host.call(12, IDENTITY, &request("Reset", &json!({"type": "Soft"})));
    assert_eq!(host.answers, []);
    let request_id = host.adapter.inner.next_request;
    host.tell(Input::Outcome(Outcome {
        request_id,
        kind: OutcomeKind::Accepted,
        detail: String::new(),
    }));
    let (status, outcome) = host.answered(12, Action::Reset);
    assert_eq!(status, 200);
    assert_eq!(outcome.unwrap().to_payload(), json!({"status": "Accepted"}));
}

// acceptance: P78
#[test]
fn call_for_another_charge_point_is_refused() {
    let mut host = Host::online(&[]);
    host.call(13, "PW 2", &change("HeartbeatInterval", "60"));
    let (status, outcome) = host.answered(13, Action::ChangeConfiguration);
    assert_eq!(status, 400);
    assert_eq!(outcome.unwrap_err().code, FaultCode::IdentityMismatch);
}

#[test]
fn what_is_no_call_gets_a_fault_or_a_plain_refusal() {
    let mut host = Host::online(&[]);
    host.call_with(1, "GET", "");
    assert_eq!(host.answers.remove(0).status, 405);
    for (body, code) in [
        ("hello", FaultCode::ProtocolError),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            FaultCode::ProtocolError,
        ),
        ("<a/>", FaultCode::VersionMismatch),
        (&"x".repeat(300_000), FaultCode::ProtocolError),
    ] {
        host.call_with(2, "POST", body);
        let (status, outcome) = host.answered(2, Action::Reset);
        let fault = outcome.unwrap_err();
        assert_eq!(fault.code, code, "{body}");
        assert_eq!(status, u32::from(fault.http_status()));
    }
    let wrong = Codec::new(Version::Ocpp15, Service::ChargePoint);
    let headers = ocpp::soap::Addressing::request("1", IDENTITY, "", "");
    let body = wrong.write_request(&headers, &change("HeartbeatInterval", "60"));
    host.call_with(3, "POST", &body.unwrap());
    let (_, outcome) = host.answered(3, Action::ChangeConfiguration);
    assert_eq!(outcome.unwrap_err().code, FaultCode::NotSupported);
    assert_eq!(
        host.registration(),
        Registration::Registered,
        "nothing of the link"
    );
}

#[test]
fn error_of_the_state_machine_becomes_a_fault() {
    let mut host = Host::online(&[]);
    let location = json!({"connectorId": 1, "expiryDate": "2027-01-15T09:00:00Z", "idTag": "A", "reservationId": 1});
    host.call(14, IDENTITY, &request("ReserveNow", &location));
    host.pass(60_000);
    let (status, outcome) = host.answered(14, Action::ReserveNow);
    assert_eq!(status, 500);
    assert_eq!(outcome.unwrap_err().code, FaultCode::InternalError);
    assert_eq!(host.answers, [], "answered once");
}

#[test]
fn only_a_few_calls_may_wait() {
    let mut host = Host::online(&[]);
    for call_id in 1..=6 {
        let reset = request("UnlockConnector", &json!({"connectorId": 1}));
        host.call(call_id, IDENTITY, &reset);
    }
    for call_id in [5, 6] {
        let (status, outcome) = host.answered(call_id, Action::UnlockConnector);
        assert_eq!(status, 500);
        assert!(outcome.unwrap_err().reason.contains("too many"));
    }
    assert_eq!(host.answers, []);
}

#[test]
fn backend_that_has_not_accepted_the_station_gets_no_word_but_that() {
    let mut host = Host::new(&[]);
    host.listening();
    let (boot, received) = host.next();
    let answer =
        json!({"status": "Rejected", "currentTime": "2027-01-15T08:00:00Z", "interval": 60});
    host.answer(&boot, &received, &answer);
    host.call(15, IDENTITY, &change("HeartbeatInterval", "60"));
    let (_, outcome) = host.answered(15, Action::ChangeConfiguration);
    assert!(outcome.unwrap_err().reason.contains("not accepted"));
}

#[test]
fn calls_that_wait_when_the_link_goes_are_told_so() {
    let mut host = Host::online(&[]);
    host.call(
        16,
        IDENTITY,
        &request("UnlockConnector", &json!({"connectorId": 1})),
    );
    host.started();
    let (start, _) = host.next();
    host.fail(&start);
    let (_, outcome) = host.answered(16, Action::UnlockConnector);
    assert!(outcome.unwrap_err().reason.contains("lost"));
}
