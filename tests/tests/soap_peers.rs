//! OCPP-S against peers that are made from the service descriptions and know nothing of us, over HTTP on loopback.
//!
//! The npm package `soap` is the central system, the Python package `zeep` the client of a charge point, and lxml
//! validates every envelope against the schemas. The descriptions are not ours to ship: they are read from
//! `PILOTWIRE_OCPP_WSDL`, or from `../shared/data/ocpp-wsdl`; without them, or without the peers that
//! `cargo xtask test` installs, a test says that it was skipped and why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: whatever is not as expected fails the case"
)]

use ocpp::soap::{Addressing, Codec, FaultCode, Service, SoapFault, Version};
use ocpp::v16::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const IDENTITY: &str = "CP-1";
const OWN_ADDRESS: &str = "http://127.0.0.1:8090/";
const PATIENCE: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The service description, or `None` with a printed reason.
fn description(version: Version, service: Service) -> Option<PathBuf> {
    let folder = std::env::var_os("PILOTWIRE_OCPP_WSDL")
        .map_or_else(|| root().join("../shared/data/ocpp-wsdl"), PathBuf::from);
    let file = folder.join(match (version, service) {
        (Version::Ocpp15, Service::CentralSystem) => "ocpp_centralsystemservice_1.5_final.wsdl",
        (Version::Ocpp15, Service::ChargePoint) => "ocpp_chargepointservice_1.5_final.wsdl",
        (Version::Ocpp16, Service::CentralSystem) => "OCPP_CentralSystemService_1.6.wsdl",
        (Version::Ocpp16, Service::ChargePoint) => "OCPP_ChargePointService_1.6.wsdl",
    });
    if file.is_file() {
        return Some(file);
    }
    println!(
        "skipped: {} is not there; point PILOTWIRE_OCPP_WSDL at the folder with the OCPP-S service descriptions",
        file.display()
    );
    None
}

fn installed(path: &str) -> Option<PathBuf> {
    let path = root().join("target").join(path);
    if path.exists() {
        return Some(path);
    }
    println!(
        "skipped: {} is missing; `cargo xtask test` installs it",
        path.display()
    );
    None
}

/// A peer that speaks lines of JSON.
struct Peer {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the peer starts");
        Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn python(arguments: &[&str]) -> Option<Self> {
        let python = installed("soap-venv/bin/python")?;
        let script = root().join("tests/tests/soap/client.py");
        Some(Self::start(
            Command::new(python).arg(script).args(arguments),
        ))
    }

    fn node(description: &Path) -> Option<Self> {
        let modules = installed("soap-npm/node_modules")?;
        let script = root().join("tests/tests/soap/server.js");
        let mut command = Command::new("node");
        Some(Self::start(
            command
                .arg(script)
                .arg(description)
                .env("NODE_PATH", modules),
        ))
    }

    fn tell(&mut self, what: &Value) {
        writeln!(self.to.as_mut().unwrap(), "{what}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the peer ended");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.to = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One realistic payload per action and direction.
fn sample(action: Action, kind: &str) -> Value {
    include_str!("../../lib/ocpp/tests/data/samples.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|value| value["action"] == action.as_str() && value["kind"] == kind)
        .expect("a sample")["payload"]
        .clone()
}

fn request(action: Action) -> Request {
    decode_request(action.as_str(), &sample(action, "request")).unwrap()
}

fn response(action: Action) -> Response {
    decode_response(action.as_str(), &sample(action, "response")).unwrap()
}

fn headers(id: &str, to: &str) -> Addressing {
    Addressing::request(id, IDENTITY, to, OWN_ADDRESS)
}

/// All texts and numbers inside a value, sorted.
fn leaves(value: &Value) -> Vec<String> {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(object) => object.values().for_each(|value| collect(value, into)),
            Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
            Value::Null => {}
            Value::String(text) => into.push(text.clone()),
            // Stacks differ in whether 16 and 16.0 are one number.
            other => into.push(other.to_string().trim_end_matches(".0").into()),
        }
    }
    let mut found = Vec::new();
    collect(value, &mut found);
    found.sort();
    found
}

/// The leaves of a message of ours as a version has them.
fn leaves_in(version: Version, message: &Value) -> Vec<String> {
    let mut leaves = leaves(message);
    if version == Version::Ocpp15 {
        for leaf in &mut leaves {
            for (from, to) in [("Preparing", "Occupied"), ("A", "Amp")] {
                if leaf == from {
                    *leaf = to.into();
                }
            }
        }
        leaves.sort();
    }
    leaves
}

/// Posts an envelope and returns status and body.
fn post(port: u64, action: Action, body: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // HTTP/1.0: the answer ends with the connection, and is not chunked.
    let head = format!(
        "POST /cs HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        Codec::content_type(action),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

/// What a central system says in an answer of a version.
fn answer_in(version: Version, action: Action) -> Value {
    let mut answer = sample(action, "response");
    if version == Version::Ocpp15 && action == Action::BootNotification {
        let object = answer.as_object_mut().unwrap();
        let interval = object.remove("interval").unwrap();
        object.insert("heartbeatInterval".into(), interval);
    }
    answer
}

/// The sample, without what 1.5 has no word for.
fn sayable(version: Version, action: Action) -> Request {
    let mut payload = sample(action, "request");
    if version == Version::Ocpp15 {
        match action {
            Action::FirmwareStatusNotification => payload["status"] = json!("Installed"),
            Action::DiagnosticsStatusNotification => payload["status"] = json!("Uploaded"),
            Action::MeterValues => {
                payload["meterValue"] = json!([{ "timestamp": "2026-03-01T08:00:00.000Z", "sampledValue": [
                    { "value": "1200", "unit": "Wh", "context": "Sample.Clock" },
                    { "value": "15.9", "measurand": "Current.Import", "unit": "A", "location": "Outlet" }] }]);
            }
            Action::StopTransaction => {
                payload.as_object_mut().unwrap().remove("reason");
                payload["transactionData"] = json!([{ "timestamp": "2026-03-01T08:00:00.000Z",
                    "sampledValue": [{ "value": "1200", "unit": "Wh", "context": "Transaction.End" }] }]);
            }
            _ => {}
        }
    }
    decode_request(action.as_str(), &payload).unwrap()
}

fn station_talks_to_a_central_system(version: Version) {
    let codec = Codec::new(version, Service::CentralSystem);
    let Some(description) = description(version, Service::CentralSystem) else {
        return;
    };
    let Some(mut peer) = Peer::node(&description) else {
        return;
    };
    let port = peer.hear()["port"].as_u64().unwrap();
    let url = format!("http://127.0.0.1:{port}/cs");
    let mut count = 0;
    for action in Action::ALL
        .iter()
        .copied()
        .filter(|action| codec.supports(*action))
    {
        peer.tell(&json!({ "operation": action.as_str(), "answer": answer_in(version, action) }));
        assert_eq!(peer.hear()["event"], "told");
        let request = sayable(version, action);
        let id = format!("1-{count}");
        let text = codec.write_request(&headers(&id, &url), &request).unwrap();
        let (status, body) = post(port, action, &text);
        assert_eq!(status, 200, "{action}: {}", String::from_utf8_lossy(&body));
        let heard = peer.hear();
        assert_eq!(heard["operation"], action.as_str());
        assert_eq!(heard["headers"]["chargeBoxIdentity"], IDENTITY);
        assert_eq!(heard["headers"]["From"]["Address"], OWN_ADDRESS);
        let wanted = leaves_in(version, &request.to_payload());
        assert_eq!(leaves(&heard["args"]), wanted, "{action}: {heard}");
        let answer = codec.read_response(action, &body);
        let answer = answer.unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(answer.outcome, Ok(response(action)));
        assert!(answer.notes.is_empty(), "{action}: {}", answer.notes);
        assert_eq!(answer.addressing.relates_to, Some(id));
        assert_eq!(answer.addressing.action, Some(format!("/{action}Response")));
        count += 1;
    }
    assert_eq!(count, 10);
    let fault = json!({ "code": "Sender", "subcode": "SecurityError", "reason": "not you" });
    peer.tell(&json!({ "operation": "Heartbeat", "fault": fault }));
    peer.hear();
    let text = codec
        .write_request(&headers("1-f", &url), &request(Action::Heartbeat))
        .unwrap();
    let (status, body) = post(port, Action::Heartbeat, &text);
    assert_eq!(status, 500);
    let answer = codec.read_response(Action::Heartbeat, &body).unwrap();
    assert_eq!(
        answer.outcome,
        Err(SoapFault::new(FaultCode::SecurityError, "not you"))
    );
}

#[test]
fn a_central_system_made_from_the_1_5_description_understands_every_request_and_is_understood() {
    station_talks_to_a_central_system(Version::Ocpp15);
}

#[test]
fn a_central_system_made_from_the_1_6_description_understands_every_request_and_is_understood() {
    station_talks_to_a_central_system(Version::Ocpp16);
}

/// Reads one HTTP request; `None` at the end of the connection.
fn read_http(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}

/// A charge point that answers every operation with the sample, and ClearCache with a fault.
fn charge_point(codec: Codec) -> (String, mpsc::Receiver<(Addressing, Request)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, heard) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            while let Some(body) = read_http(&mut stream) {
                let (status, text) = match codec.read_request(&body) {
                    Ok(received) => {
                        assert!(received.notes.is_empty(), "{}", received.notes);
                        let back = received.addressing.answer();
                        let action = received.request.action();
                        drop(tell.send((received.addressing, received.request)));
                        if action == Action::ClearCache {
                            let fault = SoapFault::new(FaultCode::NotSupported, "no cache");
                            (fault.http_status(), codec.write_fault(&back, &fault))
                        } else {
                            (200, codec.write_response(&back, &response(action)).unwrap())
                        }
                    }
                    Err(error) => {
                        let fault = error.to_fault();
                        (
                            fault.http_status(),
                            codec.write_fault(&error.addressing.answer(), &fault),
                        )
                    }
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
                    Codec::ANSWER_CONTENT_TYPE,
                    text.len()
                );
                let stream = stream.get_mut();
                stream.write_all((head + &text).as_bytes()).unwrap();
            }
        }
    });
    (url, heard)
}

/// Times as instants and everything else as it is: Python writes offsets where we write Z.
fn with_plain_times(leaves: Vec<String>) -> Vec<String> {
    let plain = leaves.into_iter().map(|leaf| match parse_timestamp(&leaf) {
        Some((time, _)) => format_timestamp(time),
        None => leaf,
    });
    let mut leaves: Vec<String> = plain.collect();
    leaves.sort();
    leaves
}

fn client_calls_the_station(version: Version) {
    let codec = Codec::new(version, Service::ChargePoint);
    let Some(description) = description(version, Service::ChargePoint) else {
        return;
    };
    let (url, heard) = charge_point(codec);
    let name = match version {
        Version::Ocpp15 => "1.5",
        Version::Ocpp16 => "1.6",
    };
    let Some(mut peer) = Peer::python(&["call", description.to_str().unwrap(), &url, name]) else {
        return;
    };
    let mut count = 0;
    loop {
        let line = peer.hear();
        if line["done"] == true {
            assert_eq!(line["missing"], json!([]), "operations of the description");
            break;
        }
        let action = Action::from_word(line["operation"].as_str().unwrap()).unwrap();
        let (addressing, request) = heard
            .try_recv()
            .unwrap_or_else(|_| panic!("nothing arrived: {line}"));
        assert_eq!(request.action(), action);
        assert_eq!(addressing.charge_box_identity.as_deref(), Some(IDENTITY));
        assert_eq!(addressing.action, Some(format!("/{action}")));
        assert!(addressing.message_id.is_some() && addressing.to.as_deref() == Some(&url));
        check_request(version, &request);
        if action == Action::ClearCache {
            let shown = line.to_string();
            assert!(
                shown.contains("NotSupported") && shown.contains("no cache"),
                "{line}"
            );
        } else {
            let mut wanted = leaves(&sample(action, "response"));
            if version == Version::Ocpp15 && action == Action::UnlockConnector {
                // Its sample says that the unlocking failed.
                wanted = vec!["Rejected".into()];
            }
            let understood = with_plain_times(leaves(&line["answer"]));
            assert_eq!(understood, with_plain_times(wanted), "{line}");
        }
        count += 1;
    }
    assert_eq!(count, if version == Version::Ocpp15 { 15 } else { 19 });
}

/// What the client sent is what arrived, where it is not plain.
fn check_request(version: Version, request: &Request) {
    match request {
        Request::ChangeConfiguration(message) => assert_eq!(message.value.as_str(), "<&>\"' 60"),
        Request::DataTransfer(message) => assert_eq!(message.data.as_deref(), Some("a\nb")),
        Request::SendLocalList(message) => {
            let list = message.local_authorization_list.as_ref().unwrap();
            let parent = list[0].id_tag_info.as_ref().unwrap().parent_id_tag.as_ref();
            assert_eq!((list.len(), parent.unwrap().as_str()), (2, "FLEET7"));
        }
        Request::GetConfiguration(message) => assert_eq!(message.key.as_ref().unwrap().len(), 2),
        Request::RemoteStartTransaction(message) => {
            assert_eq!(
                message.charging_profile.is_some(),
                version == Version::Ocpp16
            );
        }
        Request::SetChargingProfile(message) => {
            let periods = &message
                .cs_charging_profiles
                .charging_schedule
                .charging_schedule_period;
            let limits: Vec<i64> = periods.iter().map(|period| period.limit.tenths()).collect();
            assert_eq!(limits, [160, 65]);
        }
        Request::ReserveNow(message) => {
            assert_eq!(
                format_timestamp(message.expiry_date),
                "2026-03-01T08:00:00.000Z"
            );
        }
        _ => {}
    }
}

#[test]
fn a_client_made_from_the_1_5_description_calls_every_operation_and_understands_the_answers() {
    client_calls_the_station(Version::Ocpp15);
}

#[test]
fn a_client_made_from_the_1_6_description_calls_every_operation_and_understands_the_answers() {
    client_calls_the_station(Version::Ocpp16);
}

/// A payload with a list of values in one place.
fn each_word(action: &str, payload: &Value, at: &str, words: &[&str]) -> Vec<Request> {
    let place = |word: &&str| {
        let mut payload = payload.clone();
        *payload.pointer_mut(at).expect("the place is there") = json!(word);
        decode_request(action, &payload).unwrap()
    };
    words.iter().map(place).collect()
}

/// Requests with every word that a version may have to put differently.
fn words_of_every_kind() -> Vec<Request> {
    macro_rules! words {
        ($name:ident) => {
            &$name::ALL
                .iter()
                .map(|word| word.as_str())
                .collect::<Vec<_>>()
        };
    }
    let status = json!({ "connectorId": 1, "status": "Available", "errorCode": "NoError" });
    let reading = json!({ "value": "1", "context": "Other", "format": "Raw", "measurand": "Voltage", "phase": "N",
        "location": "Body", "unit": "V" });
    let one = json!({ "connectorId": 1, "meterValue": [{ "timestamp": "2026-03-01T08:00:00Z", "sampledValue": [reading] }] });
    let mut without_phase = one.clone();
    let value = without_phase
        .pointer_mut("/meterValue/0/sampledValue/0")
        .unwrap();
    value.as_object_mut().unwrap().remove("phase");
    let stop = json!({ "meterStop": 1, "timestamp": "2026-03-01T08:00:00Z", "transactionId": 1, "reason": "Local" });
    let mut all = each_word(
        "StatusNotification",
        &status,
        "/status",
        words!(ChargePointStatus),
    );
    all.extend(each_word(
        "StatusNotification",
        &status,
        "/errorCode",
        words!(ChargePointErrorCode),
    ));
    all.extend(each_word(
        "StopTransaction",
        &stop,
        "/reason",
        words!(Reason),
    ));
    for payload in [&one, &without_phase] {
        for (field, words) in [
            ("context", words!(ReadingContext)),
            ("format", words!(ValueFormat)),
            ("measurand", words!(Measurand)),
            ("location", words!(Location)),
            ("unit", words!(UnitOfMeasure)),
        ] {
            let at = format!("/meterValue/0/sampledValue/0/{field}");
            all.extend(each_word("MeterValues", payload, &at, words));
        }
    }
    let status = json!({ "status": "Idle" });
    all.extend(each_word(
        "FirmwareStatusNotification",
        &status,
        "/status",
        words!(FirmwareStatus),
    ));
    all.extend(each_word(
        "DiagnosticsStatusNotification",
        &status,
        "/status",
        words!(DiagnosticsStatus),
    ));
    all
}

/// Every envelope of a service that the codec can write.
fn envelopes(codec: Codec) -> Vec<String> {
    let mut all = Vec::new();
    let to = headers("1-1", "http://127.0.0.1:1/");
    for action in Action::ALL
        .iter()
        .copied()
        .filter(|action| codec.supports(*action))
    {
        all.extend(codec.write_request(&to, &request(action)));
        let answer = sample(action, "response");
        all.extend(codec.write_response(&to.answer(), &response(action)));
        let words = [
            "Accepted",
            "Rejected",
            "Scheduled",
            "NotSupported",
            "RebootRequired",
            "Unlocked",
            "UnlockFailed",
            "Failed",
            "VersionMismatch",
            "Faulted",
            "Occupied",
            "Unavailable",
            "Pending",
            "UnknownVendorId",
            "Unknown",
        ];
        for word in words.iter().filter(|_| answer.get("status").is_some()) {
            let mut answer = answer.clone();
            answer["status"] = json!(word);
            if let Ok(answer) = decode_response(action.as_str(), &answer) {
                all.extend(codec.write_response(&to.answer(), &answer));
            }
        }
    }
    for request in words_of_every_kind() {
        all.extend(codec.write_request(&to, &request));
    }
    all.push(codec.write_fault(&to.answer(), &SoapFault::new(FaultCode::InternalError, "x")));
    all
}

#[test]
fn every_envelope_is_valid_by_the_schemas_of_its_description() {
    for version in [Version::Ocpp15, Version::Ocpp16] {
        for service in [Service::CentralSystem, Service::ChargePoint] {
            let Some(description) = description(version, service) else {
                return;
            };
            let Some(mut peer) = Peer::python(&["validate", description.to_str().unwrap()]) else {
                return;
            };
            let envelopes = envelopes(Codec::new(version, service));
            for text in &envelopes {
                peer.tell(&json!({ "xml": text }));
                let verdict = peer.hear();
                assert_eq!(verdict["problems"], json!([]), "{verdict}\n{text}");
            }
            println!(
                "{version:?} {service:?}: {} envelopes are valid",
                envelopes.len()
            );
            assert!(envelopes.len() > 20);
        }
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let Some(description) = description(Version::Ocpp16, Service::CentralSystem) else {
        return;
    };
    let Some(mut peer) = Peer::python(&["validate", description.to_str().unwrap()]) else {
        return;
    };
    let codec = Codec::new(Version::Ocpp16, Service::CentralSystem);
    let text = codec
        .write_request(&headers("1", "x"), &request(Action::Authorize))
        .unwrap();
    for (from, to) in [
        ("o:idTag>", "o:idtag>"),
        ("urn://Ocpp/Cs/2015/10/", "urn://Ocpp/Cs/2012/06/"),
    ] {
        peer.tell(&json!({ "xml": text.replace(from, to) }));
        assert_ne!(peer.hear()["problems"], json!([]));
    }
}
