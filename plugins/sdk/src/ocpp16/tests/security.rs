//! Security profiles: how they are raised, fall back and stay; and security events.

use super::*;
use crate::backend::CertificateHash;
use crate::backend::HashAlgorithm;

const PASSWORD: &str = "0123456789abcdef";

fn raise(host: &mut Host, profile: &str) {
    let payload = json!({"key": "SecurityProfile", "value": profile});
    host.call(&format!("raise {profile}"), "ChangeConfiguration", &payload);
}

fn raised(host: &mut Host, profile: &str) -> String {
    raise(host, profile);
    let answer = host.taken_answer(&format!("raise {profile}"));
    answer[2]["status"].as_str().unwrap().to_owned()
}

fn profile(host: &mut Host, id: &str) -> String {
    host.call(id, "GetConfiguration", &json!({"key": ["SecurityProfile"]}));
    let answer = host.taken_answer(id);
    let value = &answer[2]["configurationKey"][0]["value"];
    value.as_str().unwrap().to_owned()
}

fn connect(host: &mut Host) -> Option<ConnectRequest> {
    host.asked(|command| match command {
        Command::Connect(request) => Some(request.clone()),
        _ => None,
    })
}

/// The connection could not be made.
fn fails(host: &mut Host, failure: LinkFailure, detail: &str) {
    host.give(Input::LinkDown(LinkDown {
        failure,
        detail: detail.to_owned(),
    }));
}

/// Waits until the adapter connects again.
fn next_attempt(host: &mut Host) -> ConnectRequest {
    for _ in 0..400 {
        if let Some(request) = connect(host) {
            return request;
        }
        host.wait(1_000);
    }
    panic!("it does not connect again")
}

fn secure_link_up(host: &mut Host) {
    host.give(Input::LinkUp(LinkUp {
        subprotocol: Some("ocpp1.6".to_owned()),
        secure: true,
    }));
    if host.has_sent("BootNotification") {
        host.answer_boot("Accepted", 300);
    }
}

#[test]
fn profile_decides_scheme_password_and_certificate_of_the_connection() {
    for (profile, scheme, password, certificate) in [
        ("0", "ws://", true, None),
        ("1", "ws://", true, None),
        ("2", "wss://", true, None),
        ("3", "wss://", false, Some(true)),
    ] {
        let mut host = Host::with(&[
            ("security_profile", profile),
            ("basic_auth_password", PASSWORD),
        ]);
        let request = connect(&mut host).unwrap();
        assert_eq!(request.url, format!("{scheme}127.0.0.1:1/ocpp/PW%201"));
        assert_eq!(request.basic_auth.is_some(), password, "profile {profile}");
        assert_eq!(request.client_certificate, certificate);
    }
}

#[test]
fn url_with_tls_keeps_it_below_profile_2() {
    let mut host = Host::with(&[("url", "wss://127.0.0.1:1/a"), ("security_profile", "1")]);
    assert_eq!(
        connect(&mut host).unwrap().url,
        "wss://127.0.0.1:1/a/PW%201"
    );
}

#[test]
fn tc_073_new_password_is_used_on_a_new_connection_and_never_told() {
    let mut host = Host::online(&[("security_profile", "1"), ("basic_auth_password", PASSWORD)]);
    let key = "00112233445566778899aabbccddeeff00112233";
    let payload = json!({"key": "AuthorizationKey", "value": key});
    host.call("a", "ChangeConfiguration", &payload);
    assert_eq!(host.taken_answer("a")[2]["status"], "Accepted");
    let event = ["ReconfigurationOfSecurityParameters: AuthorizationKey"];
    assert_eq!(host.events(), event);
    host.call(
        "b",
        "GetConfiguration",
        &json!({"key": ["AuthorizationKey"]}),
    );
    assert_eq!(
        host.taken_answer("b")[2]["configurationKey"][0]["value"],
        Value::Null
    );
    host.wait(RECONNECT_QUIET_S * 1_000);
    fails(&mut host, LinkFailure::Closed, "as asked");
    let (user, bytes) = next_attempt(&mut host).basic_auth.unwrap();
    assert_eq!(user, "PW 1");
    assert_eq!(bytes.len(), 20);
    assert_eq!(bytes[..3], [0x00, 0x11, 0x22]);
    host.restart();
    assert_eq!(connect(&mut host).unwrap().basic_auth.unwrap().1, bytes);
}

#[test]
fn password_of_the_backend_is_hexadecimal_from_32_digits_and_a_typed_one_only_with_40() {
    let digits = "00112233445566778899aabbccddeeff";
    let typed = Host::with(&[("basic_auth_password", digits)]);
    assert_eq!(typed.adapter.password().unwrap(), digits.as_bytes());
    let mut host = Host::online(&[("basic_auth_password", "short")]);
    assert_eq!(host.adapter.password().unwrap(), b"short");
    let payload = json!({"key": "AuthorizationKey", "value": digits});
    host.call("a", "ChangeConfiguration", &payload);
    assert_eq!(host.adapter.password().unwrap().len(), 16);
}

#[test]
fn tc_083_profile_is_raised_with_the_next_connection_and_does_not_fall_back() {
    let mut host = Host::online(&[("security_profile", "1"), ("basic_auth_password", PASSWORD)]);
    assert_eq!(raised(&mut host, "2"), "Accepted");
    assert_eq!(profile(&mut host, "p"), "2");
    host.wait(RECONNECT_QUIET_S * 2_000);
    let closed = |command: &Command| matches!(command, Command::Disconnect(_));
    assert!(
        !host.commands.iter().any(closed),
        "the reset comes from the backend"
    );
    let events = host.events();
    assert!(
        events[0].starts_with("ReconfigurationOfSecurityParameters: "),
        "{events:?}"
    );
    host.commands.clear();
    host.boot_count += 1;
    host.replace(false);
    assert!(connect(&mut host).unwrap().url.starts_with("wss://"));
    secure_link_up(&mut host);
    host.answer_all(&json!({}));
    for attempt in 0..3 * UPGRADE_ATTEMPTS {
        fails(&mut host, LinkFailure::Network, "gone");
        let request = next_attempt(&mut host);
        assert!(request.url.starts_with("wss://"), "attempt {attempt}");
    }
    host.restart();
    assert_eq!(profile(&mut host, "q"), "2");
    let url = connect(&mut host).unwrap().url;
    assert!(url.starts_with("wss://"), "the setting has not changed");
}

#[test]
fn tc_084_profile_is_never_lowered_and_never_raised_without_what_it_needs() {
    let mut host = Host::online(&[("security_profile", "2"), ("basic_auth_password", PASSWORD)]);
    for lower in ["1", "0"] {
        assert_eq!(raised(&mut host, lower), "Rejected");
    }
    assert_eq!(raised(&mut host, "2"), "Accepted", "nothing changes");
    assert_eq!(raised(&mut host, "3"), "Rejected", "no certificate");
    assert_eq!(raised(&mut host, "4"), "Rejected");
    assert_eq!(raised(&mut host, "high"), "Rejected");
    let mut bare = Host::online(&[]);
    for profile in ["1", "2"] {
        assert_eq!(raised(&mut bare, profile), "Rejected", "no password");
    }
    assert_eq!(profile(&mut bare, "p"), "0");
}

#[test]
fn profile_3_needs_a_certificate_and_shows_it() {
    let mut host = Host::online(&[("security_profile", "2"), ("basic_auth_password", PASSWORD)]);
    host.client_certificate = true;
    host.replace(true);
    assert_eq!(raised(&mut host, "3"), "Accepted");
    host.link_down();
    let request = next_attempt(&mut host);
    assert_eq!(request.client_certificate, Some(true));
    assert_eq!(request.basic_auth, None);
}

#[test]
fn without_public_trust_a_root_must_be_installed() {
    for (roots, word) in [(0, "Rejected"), (1, "Accepted")] {
        let mut host =
            Host::online(&[("basic_auth_password", PASSWORD), ("public_trust", "false")]);
        raise(&mut host, "2");
        let request = host.asked(|command| match command {
            Command::ListCertificates(request) => Some(request.request_id),
            _ => None,
        });
        let request = request.unwrap();
        host.outcome_of(request, OutcomeKind::Accepted, "");
        let root = CertificateHash {
            algorithm: HashAlgorithm::Sha256,
            issuer_name_hash: String::new(),
            issuer_key_hash: String::new(),
            serial_number: String::new(),
        };
        host.give(Input::Certificates((request, vec![root; roots])));
        assert_eq!(host.taken_answer("raise 2")[2]["status"], word);
    }
    let mut host = Host::online(&[("basic_auth_password", PASSWORD), ("public_trust", "false")]);
    raise(&mut host, "2");
    let request = host.asked(|command| match command {
        Command::ListCertificates(request) => Some(request.request_id),
        _ => None,
    });
    host.outcome_of(request.unwrap(), OutcomeKind::NotSupported, "no grant");
    assert_eq!(host.taken_answer("raise 2")[2]["status"], "Rejected");
}

#[test]
fn upgrade_that_cannot_connect_falls_back_after_a_bounded_number_of_attempts_and_says_so() {
    let mut host = Host::online(&[("security_profile", "1"), ("basic_auth_password", PASSWORD)]);
    assert_eq!(raised(&mut host, "2"), "Accepted");
    host.events();
    // The old connection breaks; that is no failure of the new profile.
    host.link_down();
    for attempt in 0..UPGRADE_ATTEMPTS {
        let request = next_attempt(&mut host);
        assert!(request.url.starts_with("wss://"), "attempt {attempt}");
        if attempt == 1 {
            // Restarts do not begin the count anew.
            host.boot_count += 1;
            host.replace(false);
            connect(&mut host).unwrap();
        }
        fails(&mut host, LinkFailure::Network, "nobody answers");
    }
    let request = next_attempt(&mut host);
    assert!(request.url.starts_with("ws://"), "{}", request.url);
    assert!(request.basic_auth.is_some());
    let events = host.events();
    assert_eq!(
        events,
        [
            "ReconfigurationOfSecurityParameters: SecurityProfile 2 cannot be used, back to 1: nobody answers"
        ]
    );
    host.link_up();
    host.answer_boot("Accepted", 0);
    host.answer_all(&json!({}));
    assert_eq!(profile(&mut host, "p"), "1");
    assert_eq!(raised(&mut host, "2"), "Accepted", "it may be tried again");
}

#[test]
fn connection_that_is_taken_and_dropped_without_an_answer_is_a_failure_too() {
    let mut host = Host::online(&[("basic_auth_password", PASSWORD)]);
    assert_eq!(raised(&mut host, "2"), "Accepted");
    host.link_down();
    for _ in 0..UPGRADE_ATTEMPTS {
        assert!(next_attempt(&mut host).url.starts_with("wss://"));
        host.give(Input::LinkUp(LinkUp {
            subprotocol: Some("ocpp1.6".to_owned()),
            secure: true,
        }));
        host.sent.clear();
        fails(&mut host, LinkFailure::Network, "closed");
    }
    assert!(next_attempt(&mut host).url.starts_with("ws://"));
}

#[test]
fn setting_that_somebody_changes_at_the_station_takes_the_backends_profile_away() {
    let mut host = Host::online(&[("basic_auth_password", PASSWORD)]);
    assert_eq!(raised(&mut host, "2"), "Accepted");
    host.link_down();
    next_attempt(&mut host);
    secure_link_up(&mut host);
    for (setting, scheme) in [("0", "wss://"), ("1", "ws://")] {
        host.settings.retain(|s| s.key != "security_profile");
        host.settings.push(Setting {
            key: "security_profile".to_owned(),
            value: setting.to_owned(),
        });
        host.commands.clear();
        host.replace(false);
        assert!(connect(&mut host).unwrap().url.starts_with(scheme));
    }
}

// ---- events ----

#[test]
fn tc_078_server_with_an_invalid_certificate_is_an_event_once_for_a_row_of_attempts() {
    let mut host = Host::online(&[("security_profile", "2"), ("basic_auth_password", PASSWORD)]);
    host.link_down();
    for _ in 0..3 {
        next_attempt(&mut host);
        fails(
            &mut host,
            LinkFailure::Tls,
            "InvalidCentralSystemCertificate: the certificate has expired",
        );
    }
    let expected = ["InvalidCentralSystemCertificate: the certificate has expired"];
    assert_eq!(host.events(), expected);
    next_attempt(&mut host);
    secure_link_up(&mut host);
    host.wait(300_000);
    host.answer_all(&json!({"currentTime": "2027-01-15T08:00:00Z"}));
    fails(
        &mut host,
        LinkFailure::Tls,
        "InvalidCentralSystemCertificate: another one",
    );
    assert_eq!(
        host.events(),
        ["InvalidCentralSystemCertificate: another one"]
    );
}

#[test]
fn failed_connection_is_the_event_that_its_detail_begins_with() {
    for (failure, detail, event) in [
        (
            LinkFailure::Tls,
            "InvalidTLSVersion: only TLS 1.0",
            "InvalidTLSVersion",
        ),
        (
            LinkFailure::Tls,
            "InvalidTLSCipherSuite: none in common",
            "InvalidTLSCipherSuite",
        ),
        (
            LinkFailure::Tls,
            "InvalidCentralSystemCertificate: expired",
            "InvalidCentralSystemCertificate",
        ),
        (
            LinkFailure::Refused,
            "FailedToAuthenticateAtCentralSystem: 401",
            "FailedToAuthenticateAtCentralSystem",
        ),
        (
            LinkFailure::Tls,
            "TLS failed: x; the backend wants a certificate of the station",
            "",
        ),
        (
            LinkFailure::Tls,
            "the backend hung up during the TLS handshake",
            "",
        ),
        (LinkFailure::Refused, "the backend answered 404", ""),
        (LinkFailure::Refused, "Invalid: something else", ""),
    ] {
        let mut host = Host::with(&[]);
        fails(&mut host, failure, detail);
        let events = host.events();
        let kind = events.first().and_then(|event| event.split(": ").next());
        assert_eq!(kind.unwrap_or_default(), event, "{detail}");
    }
}

#[test]
fn events_of_the_journal_arrive_in_order_with_transactions_and_again_until_they_are_heard() {
    let mut host = Host::online(&[("security_profile", "1"), ("basic_auth_password", PASSWORD)]);
    let event = |text: &str| JournalEvent::Security(text.to_owned());
    host.link_down();
    host.journal(event("SettingSystemTime: the backend set the clock"));
    host.link_up();
    let (first, message) = host.take("SecurityEventNotification");
    assert_eq!(message["type"], "SettingSystemTime");
    assert_eq!(message["techInfo"], "the backend set the clock");
    assert!(message["timestamp"].is_string());
    host.link_is_made_anew();
    host.answer_all_but("SecurityEventNotification");
    let (again, _) = host.take("SecurityEventNotification");
    assert_eq!(first, again, "the same frame");
    host.result(&again, &json!({}));
    assert!(host.outbox.is_empty());
    host.started(1);
    host.answer("StartTransaction", &start_answer(9, "Accepted"));
    host.journal(event("StartupOfTheDevice"));
    let message = host.answer("SecurityEventNotification", &json!({}));
    assert_eq!(message["techInfo"], Value::Null);
    host.ended(1);
    host.answer("StopTransaction", &json!({}));
    assert_eq!(host.cursor, 4);
}

#[test]
fn backend_without_the_whitepaper_never_hears_of_an_event_unless_it_is_wanted() {
    let event = || JournalEvent::Security("StartupOfTheDevice".to_owned());
    let mut host = Host::online(&[("basic_auth_password", PASSWORD)]);
    host.journal(event());
    assert!(!host.has_sent("SecurityEventNotification"));
    assert_eq!(host.cursor, 1);
    let mut host = Host::online(&[("security_events", "true")]);
    host.journal(event());
    assert!(host.has_sent("SecurityEventNotification"));
}

#[test]
fn event_that_the_backend_refuses_does_not_hold_up_the_transactions_behind_it() {
    let mut host = Host::online(&[("security_events", "true")]);
    host.journal(JournalEvent::Security(
        "TamperDetectionActivated".to_owned(),
    ));
    let (id, _) = host.take("SecurityEventNotification");
    let refusal = json!([4, id, "NotImplemented", "", {}]);
    host.give(Input::Frame(refusal.to_string()));
    assert!(host.outbox.is_empty());
    host.started(1);
    assert!(host.has_sent("StartTransaction"));
}

#[test]
fn long_event_is_cut_to_what_the_message_has_room_for() {
    let mut host = Host::online(&[("security_events", "true")]);
    let text = format!("{}: {}", "K".repeat(80), "d".repeat(400));
    host.journal(JournalEvent::Security(text));
    let message = host.answer("SecurityEventNotification", &json!({}));
    assert_eq!(message["type"].as_str().unwrap().len(), 50);
    assert_eq!(message["techInfo"].as_str().unwrap().len(), 255);
}
