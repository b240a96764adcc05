//! Requests of the station, and when the backend counts as there.

use super::*;

fn boot_goes_out(version: &str, namespace: &str) {
    let mut host = Host::new(&[("soap_version", version)]);
    host.listening();
    let (request, received) = host.next();
    assert_eq!(request.url, TestOperator::URL);
    assert_eq!(request.method, "POST");
    assert!(request.body.contains(namespace), "{}", request.body);
    let kind = (
        "Content-Type",
        "application/soap+xml; charset=utf-8; action=\"/BootNotification\"",
    );
    let found = request
        .headers
        .iter()
        .any(|(n, v)| (n.as_str(), v.as_str()) == kind);
    assert!(found, "{:?}", request.headers);
    let headers = &received.addressing;
    assert_eq!(headers.charge_box_identity.as_deref(), Some(IDENTITY));
    assert_eq!(headers.action.as_deref(), Some("/BootNotification"));
    assert_eq!(headers.to.as_deref(), Some(TestOperator::URL));
    assert_eq!(headers.from.as_deref(), Some("http://10.0.0.5:8090/"));
    assert_eq!(headers.reply_to.as_deref(), Some(ocpp::soap::ANONYMOUS));
    assert!(
        headers
            .message_id
            .as_ref()
            .unwrap()
            .starts_with("urn:pilotwire:1-")
    );
    let answer =
        json!({"status": "Accepted", "currentTime": "2027-01-15T08:00:00Z", "interval": 300});
    host.answer(&request, &received, &answer);
    assert_eq!(host.registration(), Registration::Registered);
    let statuses = host.answer_all();
    assert_eq!(
        statuses,
        [Action::StatusNotification; 2],
        "station and connector"
    );
}

// acceptance: P72, P73, P78
#[test]
fn boot_message_of_1_6_goes_out_as_an_envelope_and_its_answer_registers() {
    boot_goes_out("1.6", "urn://Ocpp/Cs/2015/10/");
}

// acceptance: P72, T83
#[test]
fn boot_message_of_1_5_goes_out_as_an_envelope_and_its_answer_registers() {
    boot_goes_out("1.5", "urn://Ocpp/Cs/2012/06/");
}

// acceptance: P73
#[test]
fn backend_may_be_http_or_https_and_without_a_url_nothing_is_sent() {
    for url in ["http://127.0.0.1:1/a", "https://127.0.0.1:1/b?c=d"] {
        let mut host = Host::new(&[("url", url)]);
        assert_eq!(host.listens[0].towards.as_deref(), Some(url));
        host.listening();
        assert_eq!(host.next().0.url, url);
    }
    let mut adapter = Host::new(&[]).adapter;
    adapter.transport = Transport::new(
        SoapSettings {
            url: String::new(),
            ..SoapSettings::read::<TestOperator>(&[])
        },
        IDENTITY,
        Instant::ZERO,
    );
    let wish = Wish {
        authorization: None,
        timeout_s: 60,
        probe: None,
    };
    adapter.transport.connect(Instant::ZERO, wish);
    let out = adapter.transport.poll();
    assert!(
        matches!(&out, Some(Out::Down(down)) if down.detail.contains("`url`")),
        "{out:?}"
    );
    assert_eq!(adapter.transport.poll(), None);
}

#[test]
fn message_ids_are_never_used_twice_not_even_after_a_restart_or_a_swap() {
    let mut ids = Vec::new();
    let mut host = Host::new(&[]);
    for power_cut in [false, true, true] {
        host.listening();
        while !host.requests.is_empty() {
            let (request, received) = host.next();
            ids.push(received.addressing.message_id.clone().unwrap());
            host.fail(&request);
        }
        host.now += 1;
        host.replace(power_cut);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(count >= 3);
}

#[test]
fn transaction_is_repeated_with_the_same_id_until_it_is_answered() {
    let mut host = Host::online(&[]);
    host.started();
    assert_eq!(host.outbox.len(), 1);
    let (request, first) = host.next();
    assert_eq!(first.request.action(), Action::StartTransaction);
    host.fail(&request);
    assert_eq!(host.registration(), Registration::Offline);
    let mut host = {
        host.now += 1;
        host.replace(true);
        host
    };
    host.listening();
    host.boot();
    let again = loop {
        let (request, received) = host.next();
        if received.request.action() == Action::StartTransaction {
            let accepted = json!({"idTagInfo": {"status": "Accepted"}, "transactionId": 7});
            host.answer(&request, &received, &accepted);
            break received;
        }
        host.answer(&request, &received, &json!({}));
    };
    assert_eq!(again.addressing.message_id, first.addressing.message_id);
    assert_eq!(again.request, first.request);
    assert!(host.outbox.is_empty());
}

#[test]
fn one_call_at_a_time_is_on_its_way() {
    let mut host = Host::new(&[]);
    host.listening();
    host.boot();
    host.started();
    let mut count = 0;
    while !host.requests.is_empty() {
        assert_eq!(host.requests.len(), 1);
        let (request, received) = host.next();
        let start = received.request.action() == Action::StartTransaction;
        let answer = if start {
            json!({"idTagInfo": {"status": "Accepted"}, "transactionId": 7})
        } else {
            json!({})
        };
        host.answer(&request, &received, &answer);
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn after_a_request_without_answer_the_backend_has_to_answer_a_heartbeat_before_it_counts_as_there()
{
    let mut host = Host::online(&[("reconnect_base_s", "3"), ("reconnect_max_s", "60")]);
    host.started();
    let (request, _) = host.next();
    host.fail(&request);
    assert_eq!(host.registration(), Registration::Offline);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let since = host.now;
        while host.listens.is_empty() {
            host.pass(500);
        }
        pauses.push(host.now - since);
        host.listening();
        let (request, received) = host.next();
        assert_eq!(received.request.action(), Action::Heartbeat);
        assert_ne!(host.registration(), Registration::Registered);
        host.fail(&request);
    }
    assert!(pauses[0] < pauses[1] && pauses[1] < pauses[2], "{pauses:?}");
    while host.listens.is_empty() {
        host.pass(500);
    }
    host.listening();
    let (request, received) = host.next();
    host.answer(
        &request,
        &received,
        &json!({"currentTime": "2027-01-15T08:00:00Z"}),
    );
    assert_eq!(host.registration(), Registration::Registered);
    assert!(host.answer_all().contains(&Action::StartTransaction));
    assert!(host.outbox.is_empty());
}

#[test]
fn page_of_something_in_between_is_no_answer_and_loses_nothing() {
    for status in [200, 302, 404, 502] {
        let mut host = Host::online(&[]);
        host.started();
        let (request, _) = host.next();
        host.respond(
            &request,
            status,
            "<!DOCTYPE html><html><body>Log in</body></html>",
        );
        assert_eq!(host.registration(), Registration::Offline, "{status}");
        let detail = &host.state.as_ref().unwrap().detail;
        assert!(detail.contains(&status.to_string()), "{detail}");
        assert_eq!(host.outbox.len(), 1);
    }
}

#[test]
fn message_the_backend_breaks_on_is_refused_and_not_for_ever() {
    let attempts = |reply: &dyn Fn(&mut Host, &HttpRequest, &ReceivedRequest)| {
        let mut host = Host::online(&[]);
        host.started();
        let mut count = 0;
        for _ in 0..1_000 {
            if host.outbox.is_empty() {
                break;
            }
            while !host.requests.is_empty() {
                let (request, received) = host.next();
                if received.request.action() == Action::StartTransaction {
                    count += 1;
                    reply(&mut host, &request, &received);
                } else {
                    let now = json!({"currentTime": "2027-01-15T08:00:00Z"});
                    host.answer(&request, &received, &now);
                }
            }
            host.pass(10_000);
        }
        assert!(host.outbox.is_empty());
        count
    };
    let broken = attempts(&|host, request, _| host.respond(request, 500, "java.lang.Oops"));
    let fault = attempts(&|host, request, received| {
        let fault = SoapFault::new(ocpp::soap::FaultCode::InternalError, "no");
        let codec = host.codec(Service::CentralSystem);
        let body = codec.write_fault(&received.addressing.answer(), &fault);
        host.respond(request, 500, &body);
    });
    assert_eq!((broken, fault), (3, 3), "TransactionMessageAttempts");
}

/// A reading of nothing but the power offered.
fn offered(version: &str) -> (Host, u64) {
    use crate::backend::{Measurand, MeterReading, ReadingContext, Sample};
    let mut host = Host::online(&[
        ("soap_version", version),
        ("meter_values_sampled_data", "Power.Offered"),
    ]);
    host.started();
    host.answer_all();
    let reading = MeterReading {
        evse_id: 1,
        at: moment(host.now),
        context: ReadingContext::SamplePeriodic,
        samples: vec![Sample {
            measurand: Measurand::PowerOfferedW,
            phase: None,
            value: 1_000,
        }],
    };
    let cursor = host.cursor;
    host.journal(JournalEvent::Metered((1, reading)));
    (host, cursor + 1)
}

#[test]
fn what_1_5_cannot_say_holds_up_nothing() {
    let (mut host, cursor) = offered("1.6");
    assert_eq!(host.cursor, cursor);
    assert_eq!(host.answer_all(), [Action::MeterValues]);
    let (host, cursor) = offered("1.5");
    assert_eq!(host.requests, [], "there is no word for it");
    assert!(host.outbox.is_empty());
    assert_eq!(host.cursor, cursor);
}

#[test]
fn server_that_cannot_listen_is_told_and_tried_again() {
    let mut host = Host::new(&[]);
    host.listens.clear();
    host.tell(Input::Listening(Listening {
        port: 0,
        addresses: Vec::new(),
        detail: "port 8090 is in use".to_owned(),
    }));
    assert_eq!(host.registration(), Registration::Offline);
    assert!(host.state.as_ref().unwrap().detail.contains("in use"));
    host.pass(10_000);
    host.listening();
    host.boot();
    assert_eq!(host.registration(), Registration::Registered);
}

#[test]
fn host_that_never_says_whether_it_listens_is_asked_again() {
    let mut host = Host::new(&[]);
    host.listens.clear();
    host.pass(30_000);
    assert!(!host.listens.is_empty());
}

#[test]
fn request_the_host_refuses_takes_the_link_down_with_its_words() {
    let mut host = Host::new(&[]);
    host.listening();
    let (request, _) = host.next();
    host.tell(Input::Outcome(crate::backend::Outcome {
        request_id: request.request_id,
        kind: OutcomeKind::NotSupported,
        detail: "no grant net.http".to_owned(),
    }));
    assert_eq!(host.registration(), Registration::Offline);
    assert!(host.state.as_ref().unwrap().detail.contains("net.http"));
}

#[test]
fn late_answer_to_an_instance_before_is_nobodys() {
    let mut host = Host::online(&[]);
    host.started();
    let (request, received) = host.next();
    host.now += 5;
    host.replace(false);
    host.listening();
    let (second, _) = host.next();
    assert_ne!(request.request_id, second.request_id);
    let accepted = json!({"idTagInfo": {"status": "Accepted"}, "transactionId": 7});
    host.answer(&request, &received, &accepted);
    assert_eq!(host.outbox.len(), 1, "still unconfirmed");
}

#[test]
fn swap_keeps_the_registration_and_boots_no_second_time() {
    let mut host = Host::online(&[]);
    host.now += 5;
    host.replace(false);
    host.listening();
    assert_eq!(host.registration(), Registration::Registered);
    assert!(!host.answer_all().contains(&Action::BootNotification));
}

#[test]
fn security_events_which_soap_has_no_word_for_hold_up_nothing() {
    for version in ["1.5", "1.6"] {
        let mut host = Host::online(&[("soap_version", version)]);
        let cursor = host.cursor;
        let event = "SettingSystemTime: by an hour".to_owned();
        host.journal(JournalEvent::Security(event));
        assert_eq!(host.cursor, cursor + 1);
        assert!(host.outbox.is_empty());
        host.started();
        assert_eq!(host.answer_all(), [Action::StartTransaction]);
        assert!(host.outbox.is_empty());
    }
}

#[test]
fn new_password_is_used_from_the_next_connection_on() {
    let mut host = Host::online(&[("basic_auth_password", "0123456789abcdef")]);
    let change = json!({"key": "AuthorizationKey", "value": "fedcba9876543210"});
    let change = ocpp::v16::decode_request("ChangeConfiguration", &change).unwrap();
    host.call(21, IDENTITY, &change);
    let (_, outcome) = host.answered(21, Action::ChangeConfiguration);
    assert_eq!(outcome.unwrap().to_payload(), json!({"status": "Accepted"}));
    for _ in 0..20 {
        if !host.listens.is_empty() {
            break;
        }
        host.pass(1_000);
    }
    host.listening();
    assert_eq!(host.registration(), Registration::Registered);
    host.started();
    let (request, _) = host.next();
    let header = request.headers.iter().find(|(n, _)| n == "Authorization");
    let wanted = basic(IDENTITY, b"fedcba9876543210");
    assert_eq!(header.unwrap().1, wanted);
}
