//! Where the backend is told to call.

use super::*;

fn callback(given: &[(&str, &str)]) -> Option<String> {
    let mut host = Host::new(given);
    host.listening();
    host.next().1.addressing.from
}

// acceptance: P77
#[test]
fn address_is_the_one_towards_the_backend_the_local_one_or_as_set() {
    let is = |given: &[(&str, &str)], url: &str| assert_eq!(callback(given).as_deref(), Some(url));
    is(&[], "http://10.0.0.5:8090/");
    is(
        &[("server_port", "9000"), ("server_tls", "normal")],
        "https://10.0.0.5:9000/",
    );
    let manual = |address: &str, url: &str| {
        is(
            &[
                ("public_address_mode", "manual"),
                ("public_address", address),
            ],
            url,
        );
    };
    manual("cp.example", "http://cp.example:8090/");
    manual("cp.example:80", "http://cp.example:80/");
    manual("2001:db8::1", "http://[2001:db8::1]:8090/");
    manual("[2001:db8::1]:80", "http://[2001:db8::1]:80/");
    manual("https://cp.example/cp1", "https://cp.example/cp1");
}

// acceptance: P77
#[test]
fn local_address_is_a_private_one() {
    for (addresses, url) in [
        (["100.64.0.7", "192.168.1.5"], "http://192.168.1.5:8090/"),
        (["100.64.0.7", "100.64.0.8"], "http://100.64.0.7:8090/"),
        (["2001:db8::1", "fd00::1"], "http://[fd00::1]:8090/"),
    ] {
        let mut host = Host::new(&[("public_address_mode", "local")]);
        host.addresses = addresses.map(str::to_owned).to_vec();
        host.listening();
        assert_eq!(host.next().1.addressing.from.as_deref(), Some(url));
    }
}

#[test]
fn station_without_any_address_says_none() {
    let mut host = Host::new(&[]);
    host.addresses.clear();
    host.listening();
    assert_eq!(host.next().1.addressing.from, None);
}

// acceptance: P77
#[test]
fn new_address_is_told_at_once() {
    let mut host = Host::online(&[
        ("public_address_refresh_s", "60"),
        ("heartbeat_interval_s", "3600"),
    ]);
    host.pass(60_000);
    host.listening();
    assert_eq!(host.requests, [], "the same address is no news");
    host.addresses = vec!["10.0.0.6".to_owned()];
    host.pass(60_000);
    host.listening();
    let (_, received) = host.next();
    assert_eq!(received.request.action(), Action::Heartbeat);
    assert_eq!(
        received.addressing.from.as_deref(),
        Some("http://10.0.0.6:8090/")
    );
}

/// A router that says what it is told to.
fn router(host: &mut Host, login: &Value, interfaces: &Value) {
    let asked = host.requests.remove(0);
    assert_eq!(asked.url, "http://192.168.1.1/api/login");
    assert_eq!(asked.method, "POST");
    let who: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(who, json!({"username": "admin", "password": "secret"}));
    host.respond(&asked, 200, &login.to_string());
    if host
        .requests
        .first()
        .is_some_and(|next| next.url.ends_with("/status"))
    {
        let asked = host.requests.remove(0);
        assert_eq!(asked.url, "http://192.168.1.1/api/interfaces/status");
        assert!(
            asked
                .headers
                .contains(&("Authorization".to_owned(), "Bearer t0k".to_owned()))
        );
        host.respond(&asked, 200, &interfaces.to_string());
    }
}

fn behind_a_router() -> Host {
    Host::new(&[
        ("public_address_mode", "teltonika"),
        ("router_password", "secret"),
        ("public_address_refresh_s", "60"),
    ])
}

fn interface(area: &str, up: bool, metric: u64, address: &str) -> Value {
    json!({"area_type": area, "is_up": up, "metric": metric, "ipv4-address": [{"address": address, "mask": 24}]})
}

// acceptance: P77
#[test]
fn router_is_asked_for_its_address_and_again_later() {
    let mut host = behind_a_router();
    host.listening();
    let login = json!({"success": true, "data": {"token": "t0k", "expires": 299}});
    let interfaces = |address: &str| {
        json!({"success": true, "data": [
            interface("lan", true, 0, "192.168.1.1"),
            interface("wan", false, 1, "198.51.100.1"),
            interface("wan", true, 3, "198.51.100.2"),
            interface("wan", true, 2, address)]})
    };
    router(&mut host, &login, &interfaces("203.0.113.7"));
    let (request, received) = host.next();
    assert_eq!(
        received.addressing.from.as_deref(),
        Some("http://203.0.113.7:8090/")
    );
    let answer =
        json!({"status": "Accepted", "currentTime": "2027-01-15T08:00:00Z", "interval": 300});
    host.answer(&request, &received, &answer);
    host.answer_all();
    host.pass(60_000);
    host.listening();
    router(&mut host, &login, &interfaces("203.0.113.8"));
    let (_, received) = host.next();
    assert_eq!(
        received.addressing.from.as_deref(),
        Some("http://203.0.113.8:8090/")
    );
}

#[test]
fn router_that_says_nothing_keeps_nobody_from_charging_and_is_asked_again() {
    let nothing = json!({});
    for login in [
        json!({"success": false, "errors": [{"code": 121}]}),
        json!({"success": true, "data": {}}),
        json!({"success": true, "data": {"token": "a\r\nb"}}),
        json!([]),
    ] {
        let mut host = behind_a_router();
        host.listening();
        router(&mut host, &login, &nothing);
        assert_eq!(
            host.next().1.addressing.from.as_deref(),
            Some("http://10.0.0.5:8090/")
        );
        host.pass(31_000);
        assert!(!host.listens.is_empty(), "looked up again soon");
    }
    let mut host = behind_a_router();
    host.listening();
    let asked = host.requests.remove(0);
    host.fail(&asked);
    host.boot();
    assert_eq!(host.registration(), Registration::Registered);
    for interfaces in [
        json!({"data": []}),
        json!({"data": 1}),
        json!({"data": [interface("wan", true, 1, "x")]}),
    ] {
        let mut host = behind_a_router();
        host.listening();
        router(&mut host, &json!({"data": {"token": "t0k"}}), &interfaces);
        assert_eq!(
            host.next().1.addressing.from.as_deref(),
            Some("http://10.0.0.5:8090/")
        );
    }
}
