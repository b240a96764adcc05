//! OCPP-S 1.5 and 1.6: the built station between two peers that are made from the service descriptions. Without the
//! descriptions, which are not ours to ship, a case says that it was skipped and why.

mod rig;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CARD, Certificates, IDENTITY, SOON};
use rig::{Rig, Setup, Version};

fn each(version: Version, case: impl Fn(Rig)) {
    if let Some(rig) = Setup::new(version).start() {
        case(rig);
    }
}

/// Plug, card, until the station reports charging; the StartTransaction.
fn charging(rig: &mut Rig) -> Value {
    rig.station.plug_in(1);
    rig.station.swipe(1, CARD);
    let started = rig.request("StartTransaction");
    let word = match rig.version {
        Version::V15 => "Occupied",
        Version::V16 => "Charging",
    };
    rig.status(1, word);
    started
}

fn contactor_closed(status: &Value) -> bool {
    status["evses"][0]["contactor"] == "closed"
}

fn whole_session(mut rig: Rig) {
    let answer = match rig.version {
        Version::V15 => {
            json!({"status": "Accepted", "currentTime": "@now", "heartbeatInterval": 1})
        }
        Version::V16 => json!({"status": "Accepted", "currentTime": "@now", "interval": 1}),
    };
    rig.answer("BootNotification", &answer);
    rig.station.start();
    let boot = rig.booted();
    assert_eq!(boot["headers"]["chargeBoxIdentity"], IDENTITY);
    assert_eq!(boot["headers"]["Action"], "/BootNotification");
    assert!(rig.url.starts_with("http://127.0.0.1:"), "{}", rig.url);
    assert_eq!(boot["args"]["chargePointVendor"], "Pilotwire");
    rig.request("Heartbeat");
    rig.call_for(
        "ChangeConfiguration",
        json!({"key": "MeterValueSampleInterval", "value": "1"}),
        "Accepted",
    );
    rig.station.plug_in(1);
    rig.station.swipe(1, CARD);
    let asked = rig.request("Authorize");
    assert_eq!(asked["args"]["idTag"], CARD.to_ascii_lowercase());
    let started = rig.request("StartTransaction");
    assert_eq!(started["args"]["connectorId"], 1);
    let word = match rig.version {
        Version::V15 => "Occupied",
        Version::V16 => "Charging",
    };
    rig.status(1, word);
    let metered = rig.request("MeterValues");
    assert_eq!(metered["args"]["transactionId"], 77);
    rig.station.swipe(1, CARD);
    let stopped = rig.request("StopTransaction");
    assert_eq!(stopped["args"]["transactionId"], 77);
    let reason = &stopped["args"]["reason"];
    match rig.version {
        Version::V15 => assert_eq!(*reason, Value::Null, "1.5 has no reasons"),
        Version::V16 => assert!(reason.is_null() || *reason == "Local"),
    }
    rig.station.unplug(1);
    rig.status(1, "Available");
    let mut ids: Vec<String> = Vec::new();
    for operation in [
        "BootNotification",
        "StatusNotification",
        "StartTransaction",
        "MeterValues",
    ] {
        for request in rig.all("request", operation) {
            ids.push(request["headers"]["MessageID"].as_str().unwrap().to_owned());
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "no message id is used twice");
}

// acceptance: P72, P73, P78, T83
#[test]
fn whole_session_over_1_5() {
    if let Some(rig) = Setup::new(Version::V15).prepare() {
        whole_session(rig);
    }
}

// acceptance: P72, P73, P78
#[test]
fn whole_session_over_1_6() {
    if let Some(rig) = Setup::new(Version::V16).prepare() {
        whole_session(rig);
    }
}

/// What both versions can call, and what comes of it at the station.
fn calls_of_both(rig: &mut Rig) {
    rig.call_for("ClearCache", json!({}), "Accepted");
    rig.call_for(
        "ChangeConfiguration",
        json!({"key": "ConnectionTimeOut", "value": "33"}),
        "Accepted",
    );
    rig.call_for(
        "ChangeConfiguration",
        json!({"key": "NoSuchKey", "value": "1"}),
        "NotSupported",
    );
    let answer = rig.call(
        "GetConfiguration",
        json!({"key": ["ConnectionTimeOut", "NoSuchKey"]}),
    );
    let keys = &answer["answer"]["configurationKey"];
    assert_eq!(keys[0]["key"], "ConnectionTimeOut", "{answer}");
    assert_eq!(keys[0]["value"], "33");
    assert_eq!(answer["answer"]["unknownKey"], json!(["NoSuchKey"]));
    let strangers = json!({"vendorId": "org.example", "messageId": "m", "data": "a\nb <&>"});
    rig.call_for("DataTransfer", strangers, "UnknownVendorId");
    let out = json!({"connectorId": 2, "type": "Inoperative"});
    rig.call_for("ChangeAvailability", out, "Accepted");
    rig.status(2, "Unavailable");
    let back = json!({"connectorId": 2, "type": "Operative"});
    rig.call_for("ChangeAvailability", back, "Accepted");
    rig.status(2, "Available");
    let list = match rig.version {
        Version::V15 => "localAuthorisationList",
        Version::V16 => "localAuthorizationList",
    };
    let entry = json!([{"idTag": "04D4E5F6", "idTagInfo": {"status": "Accepted"}}]);
    let full = json!({"updateType": "Full", "listVersion": 5, list: entry});
    rig.call_for("SendLocalList", full, "Accepted");
    let version = rig.call("GetLocalListVersion", json!({}));
    assert_eq!(version["answer"], 5, "{version}");
    let reserve = json!({"connectorId": 2, "expiryDate": "2100-01-01T00:00:00Z", "idTag": "04D4E5F6", "reservationId": 9});
    rig.call_for("ReserveNow", reserve, "Accepted");
    rig.status(2, "Reserved");
    rig.call_for("CancelReservation", json!({"reservationId": 9}), "Accepted");
    rig.status(2, "Available");
    rig.call_for("CancelReservation", json!({"reservationId": 9}), "Rejected");
}

/// Files, as far as they have to do with envelopes.
fn file_calls(rig: &mut Rig) {
    let later = json!({"retrieveDate": "2100-01-01T00:00:00Z", "location": "http://127.0.0.1:1/f"});
    let answer = rig.call("UpdateFirmware", later);
    assert!(answer.get("answer").is_some(), "{answer}");
    let answer = rig.call(
        "GetDiagnostics",
        json!({"location": "http://127.0.0.1:1/d", "retries": 0}),
    );
    let name = &answer["answer"];
    let name = name["fileName"].as_str().or(name.as_str());
    assert!(name.is_some_and(|name| !name.is_empty()), "{answer}");
    let failed = |event: &Value| event["args"]["status"] == "UploadFailed";
    rig.request_where("DiagnosticsStatusNotification", failed);
}

/// What only 1.6 has.
fn calls_of_1_6(rig: &mut Rig) {
    let schedule = json!({"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": "10.5"}]});
    let profile = json!({"chargingProfileId": 3, "stackLevel": 1, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": schedule});
    let set = json!({"connectorId": 1, "csChargingProfiles": profile});
    rig.call_for("SetChargingProfile", set, "Accepted");
    let asked = json!({"connectorId": 1, "duration": 60, "chargingRateUnit": "A"});
    rig.call_for("GetCompositeSchedule", asked, "Accepted");
    rig.call_for("ClearChargingProfile", json!({"id": 3}), "Accepted");
    rig.call_for("ClearChargingProfile", json!({"id": 3}), "Unknown");
    rig.call_for(
        "TriggerMessage",
        json!({"requestedMessage": "Heartbeat"}),
        "Accepted",
    );
    rig.request("Heartbeat");
}

fn remote_session(rig: &mut Rig) {
    rig.station.plug_in(1);
    let start = json!({"idTag": "REMOTE1", "connectorId": 1});
    rig.call_for("RemoteStartTransaction", start, "Accepted");
    let started = rig.request("StartTransaction");
    assert_eq!(started["args"]["idTag"], "REMOTE1");
    rig.station.shows("power", contactor_closed);
    rig.call_for(
        "RemoteStopTransaction",
        json!({"transactionId": 78}),
        "Rejected",
    );
    rig.call_for(
        "RemoteStopTransaction",
        json!({"transactionId": 77}),
        "Accepted",
    );
    rig.request("StopTransaction");
    let unlocked = match rig.version {
        Version::V15 => "Accepted",
        Version::V16 => "Unlocked",
    };
    rig.call_for("UnlockConnector", json!({"connectorId": 1}), unlocked);
    rig.station.unplug(1);
    rig.status(1, "Available");
    rig.call_for("Reset", json!({"type": "Soft"}), "Accepted");
    rig.booted();
    rig.call_for("ClearCache", json!({}), "Accepted");
}

// acceptance: P72, P75, T83
#[test]
fn central_system_calls_the_station_over_1_5() {
    each(Version::V15, |mut rig| {
        calls_of_both(&mut rig);
        remote_session(&mut rig);
        file_calls(&mut rig);
        assert_eq!(rig.uncalled, [""; 0]);
        let wanted = json!({"idTag": "A", "connectorId": 99});
        rig.call_for("RemoteStartTransaction", wanted, "Rejected");
    });
}

// acceptance: P72, P75
#[test]
fn central_system_calls_the_station_over_1_6() {
    each(Version::V16, |mut rig| {
        calls_of_both(&mut rig);
        calls_of_1_6(&mut rig);
        remote_session(&mut rig);
        file_calls(&mut rig);
        assert_eq!(rig.uncalled, [""; 0]);
    });
}

// acceptance: P78
#[test]
fn call_for_another_charge_point_gets_a_fault() {
    each(Version::V16, |mut rig| {
        let url = rig.url.clone();
        let told = json!({"url": url, "operation": "ClearCache", "identity": "SOMEBODY ELSE"});
        let answer = rig.converse(&told);
        assert_eq!(answer["subcodes"], json!(["IdentityMismatch"]), "{answer}");
    });
}

#[test]
fn transaction_is_told_again_with_the_same_id_until_it_is_answered() {
    for version in Version::BOTH {
        each(version, |mut rig| {
            rig.hang_up_on("StartTransaction");
            rig.station.plug_in(1);
            rig.station.swipe(1, CARD);
            rig.station.shows("power", contactor_closed);
            rig.station.shows("the broken link", |status| {
                status["plugins"][0]["registration"] != "registered"
            });
            let accepted = json!({"status": "Accepted"});
            let answer = json!({"transactionId": 80, "idTagInfo": accepted});
            rig.answer("StartTransaction", &answer);
            let started = rig.request("StartTransaction");
            let broken = rig.all("hangup", "StartTransaction");
            assert!(!broken.is_empty());
            for request in &broken {
                let id = &request["headers"]["MessageID"];
                assert_eq!(*id, started["headers"]["MessageID"]);
                assert_eq!(request["args"], started["args"]);
            }
            rig.station.swipe(1, CARD);
            assert_eq!(rig.request("StopTransaction")["args"]["transactionId"], 80);
            assert_eq!(rig.all("request", "BootNotification").len(), 1);
        });
    }
}

// acceptance: P76
#[test]
fn caller_that_is_not_on_the_whitelist_is_turned_away() {
    let setup = Setup::new(Version::V16).adapter("server_whitelist", "192.0.2.0/24");
    if let Some(mut rig) = setup.start() {
        let answer = rig.call("ClearCache", json!({}));
        assert!(answer["unreachable"].is_string(), "{answer}");
    }
    let setup = Setup::new(Version::V16).adapter("server_whitelist", "192.0.2.0/24,127.0.0.0/8");
    if let Some(mut rig) = setup.start() {
        rig.call_for("ClearCache", json!({}), "Accepted");
    }
}

// acceptance: P73
#[test]
fn central_system_over_https_with_a_password() {
    let mut setup = Setup::new(Version::V16).adapter("basic_auth_password", "0123456789abcdef");
    setup.tls = true;
    let Some(mut rig) = setup.start() else { return };
    let boot = rig.all("request", "BootNotification").remove(0);
    // base64 of the identity, a colon and the password.
    assert_eq!(
        boot["authorization"],
        "Basic UFcgVEVTVC0xOjAxMjM0NTY3ODlhYmNkZWY="
    );
    charging(&mut rig);
    rig.station.swipe(1, CARD);
    rig.request("StopTransaction");
}

// acceptance: P74
#[test]
fn station_is_called_over_tls_and_plain_http_gets_no_answer() {
    let setup = Setup::new(Version::V16).adapter("server_tls", "encrypt-only");
    let Some(mut rig) = setup.start() else { return };
    assert!(rig.url.starts_with("https://"), "{}", rig.url);
    rig.call_for("ClearCache", json!({}), "Accepted");
    let plain = rig.url.replace("https://", "http://");
    let answer = rig.converse(&json!({"url": plain, "operation": "ClearCache"}));
    assert!(answer["answer"].is_null(), "{answer}");
}

// acceptance: P74
#[test]
fn station_that_checks_callers_wants_to_see_a_certificate() {
    let mut setup = Setup::new(Version::V16).adapter("server_tls", "any-host");
    setup.tls = true;
    let Some(mut rig) = setup.start() else { return };
    let url = rig.url.clone();
    let nothing = rig.call("ClearCache", json!({}));
    assert!(nothing["unreachable"].is_string(), "{nothing}");
    let shown = |made: &Certificates| json!({"url": url, "operation": "ClearCache", "certificate": [made.chain(), made.key()]});
    let good = shown(rig.certificates.as_ref().unwrap());
    assert_eq!(rig.converse(&good)["answer"], "Accepted");
    let stranger = Certificates::create();
    let answer = rig.converse(&shown(&stranger));
    assert!(answer["unreachable"].is_string(), "{answer}");
}

/// A router that says one address, until the end of the test.
fn router() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let said: Value = serde_json::from_slice(&body).unwrap_or_default();
            let answer = if head.starts_with("post /api/login") && said["password"] == "secret" {
                json!({"success": true, "data": {"token": "0123abcd", "expires": 299}})
            } else if head.starts_with("get /api/interfaces/status")
                && head.contains("authorization: bearer 0123abcd")
            {
                let address = json!([{"address": "203.0.113.9", "mask": 32}]);
                json!({"success": true, "data": [{"area_type": "wan", "is_up": true, "ipv4-address": address}]})
            } else {
                json!({"success": false})
            };
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + &answer).as_bytes()).unwrap();
        }
    });
    url
}

// acceptance: P77
#[test]
fn public_address_is_set_by_hand_or_told_by_the_router() {
    let setup = Setup::new(Version::V16)
        .adapter("public_address_mode", "manual")
        .adapter("public_address", "cp.example:81");
    if let Some(rig) = setup.start() {
        assert_eq!(rig.url, "http://cp.example:81/");
    }
    let router = router();
    let mut setup = Setup::new(Version::V16)
        .adapter("public_address_mode", "teltonika")
        .adapter("router_url", &router)
        .adapter("router_password", "secret");
    setup.also.push(format!("{router}/api/"));
    if let Some(rig) = setup.start() {
        assert!(rig.url.starts_with("http://203.0.113.9:"), "{}", rig.url);
    }
}

#[test]
fn adapter_is_replaced_during_a_charge_and_the_central_system_does_not_notice() {
    for version in Version::BOTH {
        each(version, |mut rig| {
            charging(&mut rig);
            let changed = rig
                .pack
                .replace("reconnect_max_s = \"2\"", "reconnect_max_s = \"3\"");
            rig.station.apply(&changed);
            let status = rig
                .station
                .shows("the swap", |status| status["plugins"][0]["swaps"] == 1);
            assert!(contactor_closed(&status), "{status}");
            let last = rig.station.trial_over();
            assert!(last.ends_with("stays"), "{last}");
            rig.call_for("ClearCache", json!({}), "Accepted");
            rig.station.swipe(1, CARD);
            let stopped = rig.request("StopTransaction");
            assert_eq!(stopped["args"]["transactionId"], 77);
            assert_eq!(rig.all("request", "BootNotification").len(), 1);
            assert_eq!(rig.all("request", "StartTransaction").len(), 1);
        });
    }
}

#[test]
fn central_system_that_goes_and_comes_back_finds_the_station_as_it_was() {
    each(Version::V16, |mut rig| {
        rig.call_for(
            "ChangeConfiguration",
            json!({"key": "HeartbeatInterval", "value": "1"}),
            "Accepted",
        );
        rig.hang_up_on("Heartbeat");
        rig.station.shows("the broken link", |status| {
            status["plugins"][0]["registration"] != "registered"
        });
        std::thread::sleep(Duration::from_secs(3));
        rig.answer("Heartbeat", &json!({"currentTime": "@now"}));
        rig.station.shows("it is back", |status| {
            status["plugins"][0]["registration"] == "registered"
        });
        assert_eq!(rig.all("request", "BootNotification").len(), 1);
    });
}

/// Posts a body and returns the status of the answer.
fn post(url: &str, body: &str) -> u16 {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // The station may hang up before it has heard everything.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1);
    status.map_or(0, |status| status.parse().unwrap())
}

/// An envelope with this in its body.
fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:o=\"urn://Ocpp/Cp/2015/10/\">\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// Bodies of about this many bytes, each of another kind of trouble.
fn huge_bodies(bytes: usize) -> Vec<String> {
    let fill = |unit: &str| unit.repeat(bytes / unit.len());
    let attributes: String = (0..60).map(|n| format!(" a{n}=\"{n}\"")).collect();
    let keys = fill("<o:key>HeartbeatInterval</o:key>");
    let tokens =
        fill("<o:localAuthorizationList><o:idTag>04A1B2C3</o:idTag></o:localAuthorizationList>");
    let list = "<o:updateType>Full</o:updateType><o:listVersion>7</o:listVersion>";
    let data = format!("<o:vendorId>x</o:vendorId><o:data>{}</o:data>", fill("y"));
    vec![
        fill("<"),
        fill("<a>"),
        fill("="),
        envelope(&fill("x")),
        envelope(&fill("&#60;")),
        envelope(&fill("<a/>")),
        envelope(&fill("<a></a>")),
        envelope(&format!("<!--{}-->", fill("<"))),
        envelope(&fill(&format!("<a{attributes}/>"))),
        envelope(&format!(
            "<o:getConfigurationRequest>{keys}</o:getConfigurationRequest>"
        )),
        envelope(&format!(
            "<o:sendLocalListRequest>{list}{tokens}</o:sendLocalListRequest>"
        )),
        envelope(&format!(
            "<o:dataTransferRequest>{data}</o:dataTransferRequest>"
        )),
    ]
}

#[test]
fn caller_with_huge_envelopes_does_not_bring_the_adapter_down() {
    each(Version::V16, |mut rig| {
        let bodies = [250_000, 1_000_000].into_iter().flat_map(huge_bodies);
        for (number, body) in bodies.enumerate() {
            let status = post(&rig.url, &body);
            assert!((200..=599).contains(&status), "body {number}: {status}");
            let shown = rig.station.status();
            let plugin = &shown["plugins"][0];
            assert_eq!(plugin["failures"], 0, "body {number}: {plugin}");
        }
        assert_eq!(post(&rig.url, &"x".repeat(2 << 20)), 413);
        rig.call_for("ClearCache", json!({}), "Accepted");
    });
}
