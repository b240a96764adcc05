//! The adapter over OCPP-S against a scripted host and a scripted backend.

mod address;
mod calls;
mod link;

use std::collections::BTreeMap;

use ocpp::soap::{Codec, ReceivedRequest, Service, SoapFault, Version};
use ocpp::v16::{Action, Request, Response, decode_response};
use serde_json::{Value, json};
use units::{Instant, Timestamp};

use super::*;
use crate::backend::{
    BootReason, ChargingState, ConnectorStatus, DurableFrame, HttpAnswer, HttpCall, HttpRequest,
    HttpResponse, JournalEntry, JournalEvent, LinkDown, LinkFailure, ListenRequest, Listening,
    PilotState, Registration, Role, ServerTls, TransactionStarted,
};
use crate::{EvseInfo, StationInfo, StoreEntry, Token, TokenKind};

struct TestOperator;

impl Operator for TestOperator {
    const NAME: &'static str = "backend-test-soap";
    const SUMMARY: &'static str = "For tests.";
    const URL: &'static str = "http://127.0.0.1:1/cs";
    const APN: &'static str = "";
    const APN_USER: &'static str = "";
    const APN_PASSWORD: &'static str = "";
    const TOKEN_FORMAT: &'static str = "lower";
    const KEEP_ALIVE_S: u32 = 0;
    fn version() -> &'static str {
        "0.0.0"
    }
}

const IDENTITY: &str = "PW 1";
const OWN: &str = "10.0.0.5";

/// A host with a station, and what the adapter asked of it.
struct Host {
    adapter: OverSoap<TestOperator>,
    settings: Vec<Setting>,
    version: Version,
    store: BTreeMap<String, Vec<u8>>,
    outbox: Vec<DurableFrame>,
    cursor: u64,
    boot_count: u64,
    now: u64,
    wake: Option<Instant>,
    requests: Vec<HttpRequest>,
    listens: Vec<ListenRequest>,
    answers: Vec<HttpAnswer>,
    state: Option<AdapterState>,
    addresses: Vec<String>,
}

fn moment(ms: u64) -> Moment {
    let wall = 1_800_000_000_000 + i64::try_from(ms).unwrap();
    Moment {
        at: Instant::from_millis(ms),
        wall: Some(Timestamp::from_unix_millis(wall)),
    }
}

fn connector() -> ConnectorStatus {
    ConnectorStatus {
        evse_id: 1,
        connector_id: 1,
        operative: true,
        plugged: false,
        authorized: false,
        pilot: PilotState::A,
        charging: ChargingState::Idle,
        finishing: false,
        reserved: false,
        transaction: None,
        fault: None,
        at: moment(0),
    }
}

fn station() -> StationInfo {
    StationInfo {
        vendor: "Pilotwire".to_owned(),
        model: "Reference AC".to_owned(),
        serial: "S1".to_owned(),
        firmware: "0.1.0".to_owned(),
        iccid: None,
        imsi: None,
        meter_type: None,
        meter_serial: None,
        evses: vec![EvseInfo {
            evse_id: 1,
            connectors: 1,
            fixed_cable: false,
            max_current_ma: 32_000,
            phases: 3,
        }],
    }
}

impl Host {
    fn new(given: &[(&str, &str)]) -> Self {
        let mut settings: Vec<Setting> = soap_manifest::<TestOperator>()
            .settings
            .into_iter()
            .map(|spec| Setting {
                key: spec.key,
                value: spec.default_value,
            })
            .collect();
        for (key, value) in given {
            settings.retain(|setting| setting.key != *key);
            settings.push(Setting {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            });
        }
        let is_old = given.contains(&("soap_version", "1.5"));
        let (adapter, said) = OverSoap::start(moment(0), Self::context(&settings, 1));
        let mut host = Self {
            adapter,
            settings,
            version: if is_old {
                Version::Ocpp15
            } else {
                Version::Ocpp16
            },
            store: BTreeMap::new(),
            outbox: Vec::new(),
            cursor: 0,
            boot_count: 1,
            now: 0,
            wake: None,
            requests: Vec::new(),
            listens: Vec::new(),
            answers: Vec::new(),
            state: None,
            addresses: vec![OWN.to_owned(), "192.168.1.5".to_owned()],
        };
        host.take(said);
        host
    }

    /// Listens and is accepted; the statuses are told and everything is answered.
    fn online(given: &[(&str, &str)]) -> Self {
        let mut host = Self::new(given);
        host.listening();
        host.boot();
        host.answer_all();
        host
    }

    fn context(settings: &[Setting], boot_count: u64) -> StartContext {
        StartContext {
            identity: IDENTITY.to_owned(),
            role: Role::Primary,
            settings: settings.to_vec(),
            store: Vec::new(),
            outbox: Vec::new(),
            cursor: 0,
            station: station(),
            connectors: vec![connector()],
            transactions: Vec::new(),
            faults: Vec::new(),
            link: None,
            boot_reason: BootReason::PowerUp,
            boot_count,
            installation: None,
            client_certificate: false,
        }
    }

    /// Another instance from what survives; after a power cut, the station has started once more.
    fn replace(&mut self, power_cut: bool) {
        self.boot_count += u64::from(power_cut);
        let mut context = Self::context(&self.settings, self.boot_count);
        let entry = |(key, value): (&String, &Vec<u8>)| StoreEntry {
            key: key.clone(),
            value: value.clone(),
        };
        context.store = self.store.iter().map(entry).collect();
        context.outbox.clone_from(&self.outbox);
        context.cursor = self.cursor;
        self.wake = None;
        self.requests.clear();
        self.listens.clear();
        let (adapter, said) = OverSoap::start(moment(self.now), context);
        self.adapter = adapter;
        self.take(said);
    }

    fn take(&mut self, said: Vec<Command>) {
        for said in said {
            match said {
                Command::HttpRequest(request) => self.requests.push(request),
                Command::Listen(request) => self.listens.push(request),
                Command::HttpAnswer(answer) => self.answers.push(answer),
                Command::Store(write) => {
                    match write.value {
                        Some(value) => self.store.insert(write.key, value),
                        None => self.store.remove(&write.key),
                    };
                }
                Command::Enqueue(frame) => self.outbox.push(frame),
                Command::Dequeue(id) => {
                    let before = self.outbox.len();
                    self.outbox.retain(|frame| frame.id != id);
                    assert!(self.outbox.len() < before, "{id} was never enqueued");
                }
                Command::Advance(seq) => self.cursor = seq,
                Command::WakeAt(at) => {
                    assert!(at.is_none_or(|at| at.as_millis() > self.now), "{at:?}");
                    self.wake = at;
                }
                Command::State(state) => self.state = Some(state),
                link @ (Command::Connect(_) | Command::Disconnect(_) | Command::Send(_)) => {
                    panic!("there is no such link: {link:?}")
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let said = self.adapter.handle(moment(self.now), input);
        self.take(said);
    }

    /// Time passes; the timer rings whenever it is due.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        for _ in 0..1_000 {
            match self.wake.filter(|wake| wake.as_millis() <= end) {
                Some(wake) => {
                    self.now = wake.as_millis().max(self.now);
                    self.wake = None;
                    self.tell(Input::Timer);
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("woken for ever");
    }

    fn listening(&mut self) {
        let asked = self.listens.remove(0);
        self.tell(Input::Listening(Listening {
            port: if asked.port == 0 { 40_000 } else { asked.port },
            addresses: self.addresses.clone(),
            detail: String::new(),
        }));
    }

    fn codec(&self, service: Service) -> Codec {
        Codec::new(self.version, service)
    }

    /// The next request, as the backend reads it.
    fn next(&mut self) -> (HttpRequest, ReceivedRequest) {
        assert!(!self.requests.is_empty(), "nothing was sent");
        let request = self.requests.remove(0);
        let codec = self.codec(Service::CentralSystem);
        let received = codec.read_request(request.body.as_bytes()).unwrap();
        (request, received)
    }

    fn answer(&mut self, request: &HttpRequest, received: &ReceivedRequest, payload: &Value) {
        let action = received.request.action();
        let response = decode_response(action.as_str(), payload).unwrap();
        let codec = self.codec(Service::CentralSystem);
        let body = codec
            .write_response(&received.addressing.answer(), &response)
            .unwrap();
        self.respond(request, 200, &body);
    }

    fn respond(&mut self, request: &HttpRequest, status: u32, body: &str) {
        self.tell(Input::HttpResponse(HttpResponse {
            request_id: request.request_id,
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            failure: None,
        }));
    }

    fn fail(&mut self, request: &HttpRequest) {
        self.tell(Input::HttpResponse(HttpResponse {
            request_id: request.request_id,
            status: 0,
            headers: Vec::new(),
            body: String::new(),
            failure: Some(LinkDown {
                failure: LinkFailure::Network,
                detail: "gone".to_owned(),
            }),
        }));
    }

    fn boot(&mut self) {
        let (request, received) = self.next();
        assert_eq!(received.request.action(), Action::BootNotification);
        let answer =
            json!({"status": "Accepted", "currentTime": "2027-01-15T08:00:00Z", "interval": 300});
        self.answer(&request, &received, &answer);
    }

    fn answer_all(&mut self) -> Vec<Action> {
        let mut seen = Vec::new();
        while !self.requests.is_empty() {
            let (request, received) = self.next();
            let action = received.request.action();
            seen.push(action);
            let accepted = json!({"status": "Accepted"});
            let answer = match action {
                Action::StartTransaction => json!({"idTagInfo": accepted, "transactionId": 7}),
                Action::Heartbeat => json!({"currentTime": "2027-01-15T08:00:00Z"}),
                Action::Authorize => json!({"idTagInfo": accepted}),
                _ => json!({}),
            };
            self.answer(&request, &received, &answer);
        }
        seen
    }

    fn started(&mut self) {
        let event = JournalEvent::Started(TransactionStarted {
            transaction: 1,
            evse_id: 1,
            connector_id: 1,
            token: Token {
                value: "04A1B2C3".to_owned(),
                kind: TokenKind::Rfid,
            },
            meter_start_wh: 1_000,
            reservation: None,
            offline: false,
            silent: false,
        });
        self.journal(event);
    }

    fn journal(&mut self, event: JournalEvent) {
        let entry = JournalEntry {
            seq: self.cursor + 1,
            at: moment(self.now),
            event,
        };
        self.tell(Input::Journal(entry));
    }

    /// The backend calls.
    fn call(&mut self, call_id: u64, identity: &str, request: &Request) {
        let codec = self.codec(Service::ChargePoint);
        let to = format!("http://{OWN}:8090/");
        let headers = ocpp::soap::Addressing::request("urn:uuid:1", identity, to, "");
        let body = codec.write_request(&headers, request).unwrap();
        self.call_with(call_id, "POST", &body);
    }

    fn call_with(&mut self, call_id: u64, method: &str, body: &str) {
        self.tell(Input::HttpCall(HttpCall {
            call_id,
            peer: "192.0.2.1".to_owned(),
            method: method.to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: body.to_owned(),
        }));
    }

    /// The answer to a call as the backend reads it.
    fn answered(&mut self, call_id: u64, action: Action) -> (u32, Result<Response, SoapFault>) {
        assert!(!self.answers.is_empty(), "nothing was answered");
        let answer = self.answers.remove(0);
        assert_eq!(answer.call_id, call_id);
        let codec = self.codec(Service::ChargePoint);
        let received = codec.read_response(action, answer.body.as_bytes()).unwrap();
        (answer.status, received.outcome)
    }

    fn registration(&self) -> Registration {
        self.state.as_ref().unwrap().registration
    }
}

#[test]
fn settings_of_the_link_are_those_of_http() {
    let manifest = soap_manifest::<TestOperator>();
    let keys: Vec<&str> = manifest.settings.iter().map(|s| s.key.as_str()).collect();
    assert!(keys.contains(&"soap_version") && !keys.contains(&"keep_alive_s"));
    let url = manifest.settings.iter().find(|s| s.key == "url").unwrap();
    assert_eq!(url.default_value, TestOperator::URL);
    let has = |name: &str| manifest.capabilities.iter().any(|c| c == name);
    assert!(has("net.http") && has("net.listen") && !has("net.connect"));
}

#[test]
fn setting_that_makes_no_sense_is_told_and_a_wrong_whitelist_lets_nobody_in() {
    let host = Host::new(&[
        ("url", "ws://127.0.0.1:1/"),
        ("server_port", "x"),
        ("server_tls", "much"),
        ("server_whitelist", "backend.example"),
        ("public_address_mode", "manual"),
        ("soap_version", "1.2"),
        ("public_address_refresh_s", "0"),
        ("router_url", "router"),
    ]);
    let complaint = host.adapter.transport.complaint().unwrap();
    for key in [
        "url",
        "server_port",
        "server_tls",
        "server_whitelist",
        "public_address",
        "soap_version",
        "public_address_refresh_s",
        "router_url",
    ] {
        assert!(complaint.contains(key), "{complaint}");
    }
    assert_eq!(host.listens[0].allowed, ["0.0.0.0/32"]);
    assert_eq!(host.listens[0].port, 8090);
    let detail = &host.state.as_ref().unwrap().detail;
    assert!(detail.contains("make no sense"), "{detail}");
}

// acceptance: P74, P75, P76
#[test]
fn port_tls_and_whitelist_are_what_the_station_listens_with() {
    let host = Host::new(&[]);
    assert_eq!(host.listens[0].port, 8090);
    assert_eq!(host.listens[0].tls, ServerTls::None);
    assert!(host.listens[0].allowed.is_empty());
    for (name, tls) in [
        ("none", ServerTls::None),
        ("encrypt-only", ServerTls::EncryptOnly),
        ("expired-and-any-host", ServerTls::ExpiredAndAnyHost),
        ("any-host", ServerTls::AnyHost),
        ("expired", ServerTls::Expired),
        ("normal", ServerTls::Normal),
    ] {
        let host = Host::new(&[
            ("server_tls", name),
            ("server_port", "9000"),
            ("server_whitelist", "192.0.2.1, 10.0.0.0/8"),
        ]);
        assert_eq!(host.listens[0].tls, tls);
        assert_eq!(host.listens[0].port, 9_000);
        assert_eq!(host.listens[0].allowed, ["192.0.2.1", "10.0.0.0/8"]);
    }
}

#[test]
fn password_becomes_the_header_of_basic_authentication() {
    let mut host = Host::new(&[("basic_auth_password", "secret")]);
    host.listening();
    let (request, _) = host.next();
    let header = request.headers.iter().find(|(n, _)| n == "Authorization");
    assert_eq!(header.unwrap().1, "Basic UFcgMTpzZWNyZXQ=");
    for (pair, text) in [("a", "YTo="), ("ab", "YWI6"), ("abc", "YWJjOg==")] {
        assert_eq!(basic(pair, b""), format!("Basic {text}"));
    }
}
