//! The security whitepaper: passwords, TLS on both sides, certificates, and the way from one security profile to the next.
//! Cases 073 to 078, 083 to 088. Every certificate is made by `openssl`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Authority, Case, LEISURE, Pair, SOON, Seen, Setup, end, in_order};

/// 20 bytes, as the whitepaper writes them.
const KEY: &str = "0123456789abcdef0123456789abcdef01234567";
/// Identity, colon and these bytes, in Base64.
const BASIC: &str = "Basic UFcgVEVTVC0xOgEjRWeJq83vASNFZ4mrze8BI0Vn";
/// 20 other bytes.
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210fedcba98";
/// The same for them.
const OTHER_BASIC: &str = "Basic UFcgVEVTVC0xOv7cuph2VDIQ/ty6mHZUMhD+3LqY";
/// No profile may be given up, and no attempt made, within this time.
const WATCHED: Duration = Duration::from_secs(6);

fn profile_1() -> Case {
    let mut case = Setup::default()
        .adapter("security_profile", "1")
        .adapter("basic_auth_password", KEY)
        .prepare();
    case.peer
        .command(json!({"do": "password", "header": BASIC}));
    case.station.start();
    case.booted();
    case
}

/// Over TLS with a password, at a server with this certificate.
fn profile_2(authority: &Authority, server: &Pair) -> Case {
    let mut case = Setup::default()
        .adapter("security_profile", "2")
        .adapter("basic_auth_password", KEY)
        .trusting(authority)
        .prepare();
    reopen(&mut case, server.options());
    case.station.start();
    case.booted();
    case
}

/// The central system closes and listens again, with other options.
fn reopen(case: &mut Case, options: Value) {
    case.peer.offline();
    case.peer.online_as(options);
}

fn with(mut options: Value, key: &str, value: Value) -> Value {
    options[key] = value;
    options
}

fn event(case: &mut Case, kind: &str) -> Seen {
    case.call_within("SecurityEventNotification", LEISURE, |payload| {
        payload["type"] == kind
    })
}

fn no_connection(case: &mut Case, within: Duration) {
    case.peer
        .refuse("a connection", within, |event| event["event"] == "open");
}

/// Has the station make a key and a request; the request.
fn csr(case: &mut Case) -> String {
    case.ask_for(
        "ExtendedTriggerMessage",
        json!({"requestedMessage": "SignChargePointCertificate"}),
        "Accepted",
    );
    case.call("SignCertificate").text("csr").to_owned()
}

fn certify(case: &mut Case, authority: &Authority) {
    let request = csr(case);
    let chain = authority.station(&request);
    let signed = json!({"certificateChain": chain});
    case.ask_for("CertificateSigned", signed, "Accepted");
}

/// Has the station restart, and leaves it alone with a central system that listens with these options.
fn restart_towards(case: &mut Case, options: Value) {
    case.forget();
    case.ask_for("Reset", json!({"type": "Hard"}), "Accepted");
    reopen(case, options);
}

/// Mutual TLS, reached as a central system would: certificate, profile, restart. Returns the connection too.
fn profile_3(authority: &Authority, server: &Pair) -> (Case, Seen) {
    let mut case = profile_2(authority, server);
    install(
        &mut case,
        "CentralSystemRootCertificate",
        authority,
        "Accepted",
    );
    case.configure("CpoName", "Pilotwire tests");
    certify(&mut case, authority);
    case.configure("SecurityProfile", "3");
    restart_towards(&mut case, mutual(authority, server));
    let open = case.opened();
    case.booted();
    (case, open)
}

fn mutual(authority: &Authority, server: &Pair) -> Value {
    with(server.options(), "client_ca", json!(authority.file()))
}

fn install(case: &mut Case, kind: &str, authority: &Authority, status: &str) {
    let root = json!({"certificateType": kind, "certificate": authority.pem()});
    case.ask_for("InstallCertificate", root, status);
}

fn installed(case: &mut Case, kind: &str) -> Vec<Value> {
    let answer = case.ask(
        "GetInstalledCertificateIds",
        json!({"certificateType": kind}),
    );
    let hashes = answer["certificateHashData"].as_array().cloned();
    let expected = if hashes.is_some() {
        "Accepted"
    } else {
        "NotFound"
    };
    assert_eq!(answer["status"], expected, "{answer}");
    hashes.unwrap_or_default()
}

#[test]
fn tc_073_new_password() {
    let mut case = profile_1();
    case.forget();
    case.configure("AuthorizationKey", OTHER_KEY);
    case.peer
        .command(json!({"do": "password", "header": OTHER_BASIC}));
    let open = case.opened();
    assert_eq!(open.event["authorization"], OTHER_BASIC);
    let told = case.ask("GetConfiguration", json!({"key": ["AuthorizationKey"]}));
    assert!(!told.to_string().contains(OTHER_KEY), "{told}");
    assert!(told["configurationKey"][0]["value"].is_null(), "{told}");
    case.station.power_off();
    case.station.start();
    let open = case.opened();
    assert_eq!(open.event["authorization"], OTHER_BASIC);
}

#[test]
fn tc_074_new_certificate_of_the_station() {
    let authority = Authority::new("Root");
    let server = authority.server("server");
    let (mut case, first) = profile_3(&authority, &server);
    case.forget();
    certify(&mut case, &authority);
    let second = case.opened();
    assert!(second.event["client_serial"].is_string());
    assert_ne!(second.event["client_serial"], first.event["client_serial"]);
    assert_eq!(second.event["client"], first.event["client"]);
}

fn root_is_installed(kind: &str) {
    let authority = Authority::new("A new root");
    let mut case = Setup::default().start();
    assert!(installed(&mut case, kind).is_empty());
    install(&mut case, kind, &authority, "Accepted");
    assert_eq!(installed(&mut case, kind), [authority.hash()]);
    let nonsense = json!({"certificateType": kind, "certificate": "nonsense"});
    case.ask_for("InstallCertificate", nonsense, "Rejected");
    case.station.power_off();
    case.station.start();
    case.booted();
    assert_eq!(installed(&mut case, kind), [authority.hash()]);
}

#[test]
fn tc_075_1_root_of_the_manufacturer() {
    root_is_installed("ManufacturerRootCertificate");
}

#[test]
fn tc_075_2_root_of_the_central_system() {
    root_is_installed("CentralSystemRootCertificate");
}

#[test]
fn tc_075_2_root_of_the_central_system_is_trusted_from_then_on() {
    let (old, new) = (Authority::new("Old"), Authority::new("New"));
    let mut case = profile_2(&old, &old.server("server"));
    install(&mut case, "CentralSystemRootCertificate", &new, "Accepted");
    case.forget();
    reopen(&mut case, new.server("server").options());
    case.opened();
    case.ask("GetConfiguration", json!({"key": ["SecurityProfile"]}));
}

#[test]
fn tc_076_certificate_is_deleted() {
    let (first, second) = (Authority::new("First"), Authority::new("Second"));
    let mut case = Setup::default().start();
    let kind = "CentralSystemRootCertificate";
    install(&mut case, kind, &first, "Accepted");
    install(&mut case, kind, &second, "Accepted");
    assert_eq!(installed(&mut case, kind).len(), 2);
    let gone = json!({"certificateHashData": first.hash()});
    case.ask_for("DeleteCertificate", gone.clone(), "Accepted");
    assert_eq!(installed(&mut case, kind), [second.hash()]);
    case.ask_for("DeleteCertificate", gone, "NotFound");
}

#[test]
fn tc_076_the_last_root_of_a_link_with_tls_stays() {
    let authority = Authority::new("Root");
    let mut case = profile_2(&authority, &authority.server("server"));
    let kind = "CentralSystemRootCertificate";
    install(&mut case, kind, &authority, "Accepted");
    let last = json!({"certificateHashData": authority.hash()});
    case.ask_for("DeleteCertificate", last, "Failed");
    assert_eq!(installed(&mut case, kind), [authority.hash()]);
}

#[test]
fn tc_077_certificate_that_is_not_the_stations() {
    let authority = Authority::new("Root");
    let server = authority.server("server");
    let (mut case, _) = profile_3(&authority, &server);
    csr(&mut case);
    let foreign = json!({"certificateChain": authority.foreign_station("PW TEST-1")});
    case.ask_for("CertificateSigned", foreign, "Rejected");
    event(&mut case, "InvalidChargePointCertificate");
    // And one of an authority that nobody installed.
    let stranger = Authority::new("Stranger");
    let request = csr(&mut case);
    let strange = json!({"certificateChain": stranger.station(&request)});
    case.ask_for("CertificateSigned", strange, "Rejected");
    event(&mut case, "InvalidChargePointCertificate");
}

#[test]
fn tc_078_central_system_with_a_bad_certificate() {
    let (authority, stranger) = (Authority::new("Root"), Authority::new("Stranger"));
    let good = authority.server("server");
    let mut case = profile_2(&authority, &good);
    let bad = [
        stranger.server("server"),
        authority.server_elsewhere("elsewhere"),
        authority.expired_server("expired"),
    ];
    for bad in bad {
        case.forget();
        reopen(&mut case, bad.options());
        no_connection(&mut case, Duration::from_secs(4));
        reopen(&mut case, good.options());
        let open = case.opened();
        let told = event(&mut case, "InvalidCentralSystemCertificate");
        in_order(&[&open, &told]);
    }
}

#[test]
fn tc_083_from_password_to_tls() {
    let authority = Authority::new("Root");
    let server = authority.server("server");
    let mut case = Setup::default()
        .adapter("security_profile", "1")
        .adapter("basic_auth_password", KEY)
        .trusting(&authority)
        .start();
    case.configure("SecurityProfile", "2");
    restart_towards(&mut case, server.options());
    let open = case.opened();
    assert!(open.event["tls"].is_string(), "{}", open.event);
    assert_eq!(open.event["authorization"], BASIC);
    case.booted();
    assert_eq!(case.configured("SecurityProfile"), "2");
    // What has worked is never given up: a server without TLS gets nothing.
    case.forget();
    reopen(&mut case, json!({"cert": null}));
    no_connection(&mut case, 3 * WATCHED);
    reopen(&mut case, server.options());
    case.opened();
}

#[test]
fn tc_083_from_tls_to_mutual_tls() {
    let authority = Authority::new("Root");
    let server = authority.server("server");
    let (mut case, open) = profile_3(&authority, &server);
    assert!(open.event["client"].is_string(), "{}", open.event);
    assert!(open.event["authorization"].is_null(), "{}", open.event);
    assert_eq!(case.configured("SecurityProfile"), "3");
}

/// A central system that cannot do what it asked for finds its station again.
#[test]
fn profile_that_cannot_be_used_is_given_up_and_told() {
    let authority = Authority::new("Root");
    let mut case = Setup::default()
        .adapter("security_profile", "1")
        .adapter("basic_auth_password", KEY)
        .trusting(&authority)
        .start();
    case.configure("SecurityProfile", "2");
    restart_towards(&mut case, json!({"cert": null}));
    let open = case.opened();
    assert!(open.event["tls"].is_null(), "{}", open.event);
    case.call("BootNotification");
    case.call_where("SecurityEventNotification", |payload| {
        let info = payload["techInfo"].as_str().unwrap_or_default();
        payload["type"] == "ReconfigurationOfSecurityParameters" && info.contains("back to 1")
    });
    assert_eq!(case.configured("SecurityProfile"), "1");
}

#[test]
fn tc_084_profile_is_not_lowered() {
    let authority = Authority::new("Root");
    let mut case = profile_2(&authority, &authority.server("server"));
    for lower in ["0", "1"] {
        let change = json!({"key": "SecurityProfile", "value": lower});
        case.ask_for("ChangeConfiguration", change, "Rejected");
    }
    assert_eq!(case.configured("SecurityProfile"), "2");
    // Nor raised to what the station has no certificate for.
    let change = json!({"key": "SecurityProfile", "value": "3"});
    case.ask_for("ChangeConfiguration", change, "Rejected");
}

#[test]
fn profile_that_lacks_what_it_needs_is_rejected() {
    let mut case = Setup::default().start();
    for profile in ["1", "2", "3", "4"] {
        let change = json!({"key": "SecurityProfile", "value": profile});
        case.ask_for("ChangeConfiguration", change, "Rejected");
    }
    assert_eq!(case.configured("SecurityProfile"), "0");
}

#[test]
fn tc_085_password_is_sent_and_a_wrong_one_gets_nowhere() {
    let mut case = profile_1();
    let open = case.peer.all(|event| event["event"] == "open");
    assert_eq!(open[0]["authorization"], BASIC);
    case.forget();
    case.peer
        .command(json!({"do": "password", "header": OTHER_BASIC}));
    case.peer.offline();
    case.peer.online();
    case.peer.expect("a refused connection", SOON, |event| {
        event["event"] == "unauthorized"
    });
    case.no_call("BootNotification");
    case.peer
        .command(json!({"do": "password", "header": BASIC}));
    case.opened();
    event(&mut case, "FailedToAuthenticateAtCentralSystem");
}

#[test]
fn tc_086_every_required_suite_and_no_older_tls() {
    let authority = Authority::new("Root");
    let (ec, rsa) = (authority.server("server"), authority.rsa_server("rsa"));
    let mut case = profile_2(&authority, &ec);
    let open = case.peer.all(|event| event["event"] == "open");
    assert_eq!(open[0]["tls"], "TLSv1.3");
    for (server, suite) in [
        (&ec, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (&ec, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (&rsa, "ECDHE-RSA-AES128-GCM-SHA256"),
        (&rsa, "ECDHE-RSA-AES256-GCM-SHA384"),
    ] {
        case.forget();
        reopen(&mut case, with(server.options(), "ciphers", suite.into()));
        let open = case.opened();
        assert_eq!(open.event["tls"], "TLSv1.2");
        assert_eq!(open.event["cipher"], suite);
    }
    case.forget();
    case.peer.offline();
    let mut old = ec.old_server(case.peer.port());
    case.station_shows("a server that is too old", |status| {
        status["plugins"].to_string().contains("must speak TLS 1.2")
    });
    end(&mut old);
    case.peer
        .online_as(with(ec.options(), "ciphers", Value::Null));
    case.opened();
    event(&mut case, "InvalidTLSVersion");
}

#[test]
fn tc_087_certificate_of_the_station_is_shown() {
    let authority = Authority::new("Root");
    let server = authority.server("server");
    // Without one it gets nowhere at a server that insists on it.
    let mut case = profile_2(&authority, &server);
    case.forget();
    reopen(&mut case, mutual(&authority, &server));
    case.no_call_for("StatusNotification", WATCHED);
    case.no_call("Heartbeat");
    drop(case);
    let (_case, open) = profile_3(&authority, &server);
    assert_eq!(open.event["client_organization"], "Pilotwire tests");
    assert_eq!(open.event["client"], "PW TEST-1");
}

/// In the list for central systems; a station has its half of it: what is not agreed on is not spoken.
#[test]
fn tc_088_central_system_that_agrees_to_no_subprotocol() {
    let mut case = Setup::default().prepare();
    case.peer.offline();
    case.peer.online_as(json!({"no_subprotocol": true}));
    case.station.start();
    case.no_call_for("BootNotification", WATCHED);
    case.peer.offline();
    case.peer.online_as(json!({"no_subprotocol": false}));
    case.booted();
}

/// Told when there is somebody to tell it to, even after a restart in between.
#[test]
fn security_event_of_an_offline_time_arrives_after_a_restart() {
    let (authority, stranger) = (Authority::new("Root"), Authority::new("Stranger"));
    let good = authority.server("server");
    let mut case = profile_2(&authority, &good);
    case.forget();
    reopen(&mut case, stranger.server("server").options());
    case.station_shows("the bad certificate", |status| {
        // The first entry is that the station started.
        status["journal"]["last"].as_u64() > Some(1)
    });
    case.station.power_off();
    reopen(&mut case, good.options());
    case.station.start();
    let booted = case.call("BootNotification");
    let told = event(&mut case, "InvalidCentralSystemCertificate");
    in_order(&[&booted, &told]);
}
