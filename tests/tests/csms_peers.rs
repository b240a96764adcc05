//! The central-system half of OCPP 1.6 against a charge point that knows nothing of us, over a WebSocket on loopback.
//!
//! The charge point is the `ChargePoint` of the Python package `ocpp` on a client of `websockets`: it holds every frame
//! in both directions against the package's copy of the schemas, and answers through one handler for each call. What
//! it objects to fails the test. Without the environment that `cargo xtask test` installs a test says that it was
//! skipped and why.
//!
//! The package has all 39 messages, those of the security whitepaper included. What it lacks: it checks neither
//! CALLERRORs nor the order of messages nor whether a time is one, and it sends no second call before the first is
//! answered, so nothing here is about those.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: whatever is not as expected fails the case"
)]

use futures_util::{SinkExt, StreamExt};
use ocpp::rpc::MessageId;
use ocpp::v16::csms::{
    Csms, CsmsConfig, CsmsEvent, JobKind, JobPhase, ReservationEnd, ReservationState,
};
use ocpp::v16::*;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request as Opening, Response as Opened,
};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use units::Timestamp;

/// How long anything may take; starting Python on a busy machine takes longest.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the state machine's timers are looked at.
const TICK: Duration = Duration::from_millis(50);
const LINES_WAITING_MAX: usize = 64;
const SUBPROTOCOL: &str = "ocpp1.6";
const PATH: &str = "/ocpp/CP-1";
/// 2026-03-01T08:30:00Z, where the wall clock begins.
const WALL: Timestamp = Timestamp::from_unix_millis(1_772_353_800_000);
const CARD: &str = "04A1B2C3D4E5F6";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

/// Where the Python environment is, or `None` with a printed reason.
fn python() -> Option<PathBuf> {
    let path = root().join("target/conformance-venv/bin/python");
    if path.exists() {
        return Some(path);
    }
    println!(
        "skipped: {} is missing; `cargo xtask test` installs it",
        path.display()
    );
    None
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The charge point's process, ended when this goes.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A central system and its one charge point.
struct Rig {
    csms: Csms,
    socket: WebSocketStream<TcpStream>,
    began: Instant,
    /// Events nobody looked at yet.
    events: VecDeque<CsmsEvent>,
    /// What the charge point told and nobody looked at yet.
    told: VecDeque<Value>,
    lines: mpsc::Receiver<Value>,
    commands: ChildStdin,
    _program: Program,
}

impl Rig {
    /// Both ends, connected; `None` if there is no Python environment.
    async fn start(config: CsmsConfig) -> Option<Self> {
        let python = python()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut child = Command::new(python)
            .arg("-u")
            .arg(root().join("tests/conformance/peer/charge_point.py"))
            .arg(format!("ws://127.0.0.1:{port}{PATH}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the charge point starts");
        let commands = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let program = Program(child);
        let (sender, lines) = mpsc::channel(LINES_WAITING_MAX);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        let (stream, _) = timeout_at(began + PATIENCE, listener.accept())
            .await
            .expect("the charge point connects in time")
            .unwrap();
        let mut rig = Self {
            csms: Csms::new(config, units::Instant::from_millis(0), WALL),
            socket: accept(stream).await,
            began,
            events: VecDeque::new(),
            told: VecDeque::new(),
            lines,
            commands,
            _program: program,
        };
        let open = rig.told("open", "").await;
        assert_eq!(open["subprotocol"], SUBPROTOCOL);
        Some(rig)
    }

    fn now(&self) -> units::Instant {
        let elapsed = self.began.elapsed().as_millis();
        units::Instant::from_millis(elapsed.try_into().unwrap())
    }

    /// Waits for one thing and does what it asks for.
    async fn step(&mut self) {
        tokio::select! {
            frame = self.socket.next() => match frame {
                Some(Ok(Message::Text(text))) => self.csms.handle_frame(self.now(), &text),
                other => panic!("the charge point sent {other:?}"),
            },
            line = self.lines.recv() => {
                let line = line.expect("the charge point ended");
                assert!(line.is_object(), "the charge point printed {line}");
                self.told.push_back(line);
            }
            () = tokio::time::sleep(TICK) => self.csms.handle_timeout(self.now()),
        }
        while let Some(event) = self.csms.poll_event() {
            self.events.push_back(event);
        }
        self.flush().await;
    }

    async fn flush(&mut self) {
        while let Some(text) = self.csms.poll_frame() {
            self.socket.send(Message::text(text)).await.unwrap();
        }
    }

    /// Goes on until there is what is looked for.
    async fn until<T>(&mut self, what: &str, mut find: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            let step = timeout_at(deadline, self.step()).await;
            let (told, events) = (&self.told, &self.events);
            assert!(
                step.is_ok() && Instant::now() < deadline,
                "no {what}; the charge point told {told:#?}; events: {events:#?}"
            );
        }
    }

    /// The next event that fits.
    async fn event(&mut self, what: &str, fits: impl Fn(&CsmsEvent) -> bool) -> CsmsEvent {
        self.until(what, |rig| {
            let place = rig.events.iter().position(&fits)?;
            rig.events.remove(place)
        })
        .await
    }

    /// The next thing the charge point told of this kind about this action.
    async fn told(&mut self, kind: &str, action: &str) -> Value {
        self.until(&format!("{kind} {action}"), |rig| {
            let objection = rig.told.iter().find(|told| told["event"] == "objection");
            assert_eq!(objection, None, "the charge point objects");
            let fits = |told: &Value| {
                told["event"] == kind && (action.is_empty() || told["action"] == action)
            };
            let place = rig.told.iter().position(fits)?;
            rig.told.remove(place)
        })
        .await
    }

    fn command(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("the charge point is there");
        self.commands.flush().unwrap();
    }

    /// Lets the charge point send a call; its answer as the charge point understood it.
    async fn ask(&mut self, action: Action, payload: Value) -> Value {
        let action = action.as_str();
        self.command(&json!({"do": "call", "action": action, "payload": payload}));
        self.told("answer", action).await["payload"].take()
    }

    /// Boots as a charge point does first of all.
    async fn boot(&mut self) {
        let boot = json!({"chargePointVendor": "Independent", "chargePointModel": "One"});
        let answer = self.ask(Action::BootNotification, boot).await;
        assert_eq!(answer["status"], "Accepted");
    }

    /// Issues a call; its answer, and the payload as the charge point received it.
    async fn issue(&mut self, request: Request) -> (Response, Value) {
        let action = request.action();
        let id = self.csms.call(self.now(), request).unwrap();
        self.flush().await;
        let answered = self
            .event(&format!("answer to {action}"), |event| ends(event, &id))
            .await;
        let CsmsEvent::CallAnswered { response, .. } = answered else {
            panic!("{action} ended with {answered:?}");
        };
        let payload = self.told("called", action.as_str()).await["payload"].take();
        (response, payload)
    }

    /// Asserts that nothing happened that should not.
    fn all_was_well(&self) {
        let objection = self.told.iter().find(|told| told["event"] == "objection");
        assert_eq!(objection, None, "the charge point objects");
        let odd = self.events.iter().find(|event| is_odd(event));
        assert_eq!(odd, None);
        assert_eq!(self.csms.events_lost(), 0);
    }
}

/// Takes a WebSocket connection of a charge point.
async fn accept(stream: TcpStream) -> WebSocketStream<TcpStream> {
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let check = |request: &Opening, mut response: Opened| -> Result<Opened, ErrorResponse> {
        assert_eq!(request.uri().path(), PATH);
        let header = "Sec-WebSocket-Protocol";
        assert_eq!(request.headers()[header], SUBPROTOCOL);
        let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(header, subprotocol);
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async(stream, check)
        .await
        .unwrap()
}

/// Whether an event is the end of this call, good or bad.
fn ends(event: &CsmsEvent, call: &MessageId) -> bool {
    match event {
        CsmsEvent::CallAnswered { id, .. }
        | CsmsEvent::CallRefused { id, .. }
        | CsmsEvent::BadAnswer { id, .. }
        | CsmsEvent::CallTimedOut { id, .. }
        | CsmsEvent::CallLost { id, .. } => id == call,
        _ => false,
    }
}

/// Whether an event says that one of the two sides did something wrong.
fn is_odd(event: &CsmsEvent) -> bool {
    matches!(
        event,
        CsmsEvent::Garbled(_)
            | CsmsEvent::RequestRefused { .. }
            | CsmsEvent::StrayAnswer { .. }
            | CsmsEvent::BadAnswer { .. }
            | CsmsEvent::CallRefused { .. }
            | CsmsEvent::CallTimedOut { .. }
            | CsmsEvent::CallLost { .. }
            | CsmsEvent::CallRepeated { .. }
            | CsmsEvent::TransactionRepeated { .. }
            | CsmsEvent::TransactionLeftOpen { .. }
            | CsmsEvent::UnknownTransaction { .. }
            | CsmsEvent::OrphanStopped { .. }
            | CsmsEvent::Deviations { .. }
            | CsmsEvent::AnswerDropped
    )
}

fn config() -> CsmsConfig {
    let mut config = CsmsConfig::accepting(300).with_token(CARD, AuthorizationStatus::Accepted);
    let info = config.tokens.get_mut(&IdToken::new(CARD).unwrap()).unwrap();
    info.parent_id_tag = Some(IdToken::new("FLEET7").unwrap());
    info.expiry_date = Some(Timestamp::from_unix_millis(1_900_000_000_000));
    config.vendors.insert(CiString::new("independent").unwrap());
    config
}

fn reading(at: &str, register: &str, context: &str) -> Value {
    json!({"timestamp": at, "sampledValue": [
        {"value": register, "context": context, "format": "Raw", "measurand": "Energy.Active.Import.Register",
            "location": "Outlet", "unit": "Wh"},
        {"value": "15.9", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
    ]})
}

/// Boot, heartbeat, cards, status and vendor data.
async fn talk_before_charging(rig: &mut Rig) {
    let boot = json!({"chargePointVendor": "Independent", "chargePointModel": "One",
        "chargePointSerialNumber": "I-0001", "chargeBoxSerialNumber": "BOX-0001", "firmwareVersion": "1.0",
        "iccid": "8946000000000000001", "imsi": "240010000000001", "meterType": "EM", "meterSerialNumber": "M-1"});
    let answer = rig.ask(Action::BootNotification, boot).await;
    assert_eq!(
        (&answer["status"], &answer["interval"]),
        (&json!("Accepted"), &json!(300))
    );
    let booted = rig
        .event("boot", |event| matches!(event, CsmsEvent::Booted { .. }))
        .await;
    let CsmsEvent::Booted { request, status } = booted else {
        unreachable!()
    };
    assert_eq!(status, RegistrationStatus::Accepted);
    assert_eq!(request.charge_point_vendor, "Independent");
    assert_eq!(rig.csms.registration(), Some(RegistrationStatus::Accepted));

    let answer = rig.ask(Action::Heartbeat, json!({})).await;
    let time = answer["currentTime"].as_str().unwrap();
    assert!(time.starts_with("2026-03-01T08:3"), "{time}");
    rig.event("heartbeat", |event| *event == CsmsEvent::Heartbeat)
        .await;

    let known = rig.ask(Action::Authorize, json!({"idTag": CARD})).await;
    assert_eq!(known["idTagInfo"]["status"], "Accepted");
    assert_eq!(known["idTagInfo"]["parentIdTag"], "FLEET7");
    let unknown = rig.ask(Action::Authorize, json!({"idTag": "NOBODY"})).await;
    assert_eq!(unknown, json!({"idTagInfo": {"status": "Invalid"}}));
    for expected in [AuthorizationStatus::Accepted, AuthorizationStatus::Invalid] {
        rig.event(
            "verdict",
            |event| matches!(event, CsmsEvent::Authorized { status, .. } if *status == expected),
        )
        .await;
    }

    let status = json!({"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "info": "plugged",
        "timestamp": "2026-03-01T08:30:01.250000+00:00", "vendorId": "Independent", "vendorErrorCode": "0"});
    assert_eq!(rig.ask(Action::StatusNotification, status).await, json!({}));
    let connector = rig.csms.connector(1).expect("a connector");
    assert_eq!(connector.status, ChargePointStatus::Preparing);
    assert_eq!(connector.error_code, ChargePointErrorCode::NoError);
    let since = connector.since.expect("a time").as_unix_millis();
    assert_eq!(since, WALL.as_unix_millis() + 1_250);

    let data = json!({"vendorId": "Independent", "messageId": "Tariff", "data": "{\"price\":3}"});
    let answer = rig.ask(Action::DataTransfer, data).await;
    assert_eq!(answer, json!({"status": "Accepted"}));
    let answer = rig
        .ask(Action::DataTransfer, json!({"vendorId": "Other"}))
        .await;
    assert_eq!(answer, json!({"status": "UnknownVendorId"}));
    for vendor in ["Independent", "Other"] {
        rig.event(
            "vendor data",
            |event| matches!(event, CsmsEvent::VendorData(data) if data.vendor_id == vendor),
        )
        .await;
    }
}

/// A session with readings, and a second one that the same card may not have.
async fn charge(rig: &mut Rig) {
    let start = |connector: i64| {
        json!({"connectorId": connector, "idTag": CARD, "meterStart": 12000,
            "timestamp": "2026-03-01T08:30:02+00:00"})
    };
    let answer = rig.ask(Action::StartTransaction, start(1)).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let transaction = answer["transactionId"].as_i64().unwrap();
    let answer = rig.ask(Action::StartTransaction, start(2)).await;
    assert_eq!(answer["idTagInfo"]["status"], "ConcurrentTx");
    let second = answer["transactionId"].as_i64().unwrap();
    assert_ne!(second, transaction);
    let stop = json!({"transactionId": second, "meterStop": 12000, "reason": "DeAuthorized",
        "timestamp": "2026-03-01T08:30:03+00:00"});
    assert_eq!(rig.ask(Action::StopTransaction, stop).await, json!({}));

    let readings = json!({"connectorId": 1, "transactionId": transaction, "meterValue": [
        reading("2026-03-01T08:31:00+00:00", "12345", "Sample.Periodic"),
        reading("2026-03-01T08:32:00+00:00", "12890", "Sample.Periodic")]});
    assert_eq!(rig.ask(Action::MeterValues, readings).await, json!({}));
    let aligned = json!({"connectorId": 0, "meterValue": [
        reading("2026-03-01T09:00:00+00:00", "90000", "Sample.Clock")]});
    assert_eq!(rig.ask(Action::MeterValues, aligned).await, json!({}));
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!(
        (session.readings, session.last_register_wh),
        (2, Some(12_890))
    );
    assert_eq!((session.energy_wh(), &session.end), (890, &None));
    assert_eq!(rig.csms.book().running().count(), 1);

    let stop = json!({"transactionId": transaction, "idTag": CARD, "meterStop": 19000, "reason": "EVDisconnected",
        "timestamp": "2026-03-01T18:30:00+00:00",
        "transactionData": [reading("2026-03-01T18:30:00+00:00", "19000", "Transaction.End")]});
    let answer = rig.ask(Action::StopTransaction, stop).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!((session.connector_id, session.energy_wh()), (1, 7_000));
    assert_eq!(session.id_tag, CARD);
    let end = session.end.as_ref().expect("an end");
    assert_eq!(end.reason, Reason::EvDisconnected);
    assert_eq!(rig.csms.book().running().count(), 0);
    assert_eq!(rig.csms.book().billed().count(), 2);
    let metered = |event: &CsmsEvent| matches!(event, CsmsEvent::Metered(_));
    for _ in 0..2 {
        rig.event("readings", metered).await;
    }
    rig.event("readings of the whole transaction", |event| {
        matches!(event, CsmsEvent::TransactionData { transaction_id, readings }
            if *transaction_id == transaction && readings.len() == 1)
    })
    .await;
    for ended in [second, transaction] {
        rig.event("end", |event| {
            matches!(event, CsmsEvent::TransactionStopped(session) if session.transaction_id == ended)
        })
        .await;
    }
}

/// Reports that nobody asked for, with and without what is optional.
async fn report(rig: &mut Rig) {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n";
    let time = "2026-03-01T08:30:00.000001+00:00";
    let reports = [
        (
            Action::DiagnosticsStatusNotification,
            json!({"status": "Idle"}),
        ),
        (
            Action::FirmwareStatusNotification,
            json!({"status": "Installed"}),
        ),
        (
            Action::SecurityEventNotification,
            json!({"type": "SettingSystemTime", "timestamp": time, "techInfo": "step of 4 s"}),
        ),
        (
            Action::SecurityEventNotification,
            json!({"type": "StartupOfTheDevice", "timestamp": time, "techInfo": null}),
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "UploadFailure", "requestId": 9}),
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "Idle", "requestId": null}),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "SignatureVerified", "requestId": 11}),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "Idle", "requestId": null}),
        ),
    ];
    for (action, payload) in reports {
        assert_eq!(
            rig.ask(action, payload.clone()).await,
            json!({}),
            "{action}"
        );
        let reported = rig
            .event("report", |event| matches!(event, CsmsEvent::Reported(_)))
            .await;
        let CsmsEvent::Reported(request) = reported else {
            unreachable!()
        };
        assert_eq!(request.action(), action);
        for (key, value) in payload.as_object().unwrap() {
            if key != "timestamp" {
                assert_eq!(request.to_payload()[key], *value, "{action}");
            }
        }
    }
    let answer = rig.ask(Action::SignCertificate, json!({"csr": csr})).await;
    assert_eq!(answer, json!({"status": "Accepted"}));
    let request = rig.csms.certificates().request().expect("a request");
    assert_eq!(request.as_str(), csr);
}

#[tokio::test]
async fn every_call_of_an_independent_charge_point_is_answered_by_the_schemas_and_entered_in_the_books()
 {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    talk_before_charging(&mut rig).await;
    charge(&mut rig).await;
    report(&mut rig).await;
    rig.all_was_well();
}

/// One call of the central system, what the charge point answers, and what the books say then.
struct Row(Action, Value, Value, fn(&Csms) -> bool);

fn profile(id: i64, purpose: &str) -> Value {
    json!({"chargingProfileId": id, "stackLevel": 1, "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute", "recurrencyKind": "Daily", "validFrom": "2026-03-01T08:30:00.000Z",
        "validTo": "2026-03-01T18:30:00.000Z", "chargingSchedule": {
            "duration": 3600, "startSchedule": "2026-03-01T08:30:00.000Z", "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3},
                {"startPeriod": 600, "limit": 21.4}],
            "minChargingRate": 6.1}})
}

fn phase(csms: &Csms, kind: JobKind) -> Option<JobPhase> {
    csms.jobs().job(kind).map(|job| job.phase)
}

fn key<'a>(csms: &'a Csms, name: &str) -> Option<&'a str> {
    Some(csms.keys().key(name)?.value.as_ref()?.as_str())
}

fn roots(csms: &Csms) -> Option<usize> {
    let roots = csms
        .certificates()
        .roots(CertificateUse::CentralSystemRootCertificate);
    roots.map(<[_]>::len)
}

fn core_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    vec![
        Row(
            Action::ChangeAvailability,
            json!({"connectorId": 2, "type": "Inoperative"}),
            json!({"status": "Scheduled"}),
            |_| true,
        ),
        Row(
            Action::GetConfiguration,
            json!({"key": ["HeartbeatInterval", "Nonsense"]}),
            json!({"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "300"}],
                "unknownKey": ["Nonsense"]}),
            |csms| key(csms, "HeartbeatInterval") == Some("300"),
        ),
        Row(
            Action::ChangeConfiguration,
            json!({"key": "MeterValueSampleInterval", "value": "60"}),
            accepted(),
            |csms| key(csms, "MeterValueSampleInterval") == Some("60"),
        ),
        Row(
            Action::ChangeConfiguration,
            json!({"key": "Nonsense", "value": "1"}),
            json!({"status": "NotSupported"}),
            |csms| csms.keys().key("Nonsense").is_none(),
        ),
        Row(
            Action::GetConfiguration,
            json!({}),
            json!({"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "300"},
                {"key": "MeterValueSampleInterval", "readonly": false, "value": "60"}], "unknownKey": []}),
            |csms| csms.keys().keys().count() == 2,
        ),
        Row(Action::ClearCache, json!({}), accepted(), |_| true),
        Row(
            Action::UnlockConnector,
            json!({"connectorId": 1}),
            json!({"status": "UnlockFailed"}),
            |_| true,
        ),
        Row(
            Action::DataTransfer,
            json!({"vendorId": "Pilotwire", "messageId": "M", "data": "d"}),
            json!({"status": "UnknownMessageId", "data": "d"}),
            |_| true,
        ),
        Row(
            Action::RemoteStopTransaction,
            json!({"transactionId": 77}),
            json!({"status": "Rejected"}),
            |_| true,
        ),
        Row(Action::Reset, json!({"type": "Soft"}), accepted(), |_| true),
    ]
}

fn list_reservation_and_profile_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    vec![
        Row(
            Action::SendLocalList,
            json!({"listVersion": 5, "updateType": "Full", "localAuthorizationList": [
                {"idTag": "A1", "idTagInfo": {"status": "Accepted", "expiryDate": "2026-03-01T18:30:00.000Z",
                    "parentIdTag": "FLEET7"}}]}),
            accepted(),
            |_| true,
        ),
        Row(
            Action::SendLocalList,
            json!({"listVersion": 5, "updateType": "Differential",
                "localAuthorizationList": [{"idTag": "B2"}]}),
            json!({"status": "VersionMismatch"}),
            |_| true,
        ),
        Row(
            Action::GetLocalListVersion,
            json!({}),
            json!({"listVersion": 5}),
            |csms| csms.local_list().known().map(|known| known.version) == Some(5),
        ),
        Row(
            Action::ReserveNow,
            json!({"connectorId": 1, "expiryDate": "2026-03-01T18:30:00.000Z", "idTag": "A1",
                "parentIdTag": "FLEET7", "reservationId": 3}),
            accepted(),
            |csms| {
                csms.reservations().reservation(3).map(|held| held.state)
                    == Some(ReservationState::Held)
            },
        ),
        Row(
            Action::CancelReservation,
            json!({"reservationId": 3}),
            accepted(),
            |csms| csms.reservations().reservations().count() == 0,
        ),
        Row(
            Action::SetChargingProfile,
            json!({"connectorId": 1, "csChargingProfiles": profile(5, "TxDefaultProfile")}),
            accepted(),
            |csms| csms.profiles().profiles().any(|entry| entry.certain),
        ),
        Row(
            Action::GetCompositeSchedule,
            json!({"connectorId": 1, "duration": 900, "chargingRateUnit": "A"}),
            json!({"status": "Accepted", "connectorId": 1, "scheduleStart": "2026-03-01T08:30:00.000Z",
                "chargingSchedule": {"duration": 900, "chargingRateUnit": "A", "minChargingRate": 6.1,
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3},
                        {"startPeriod": 600, "limit": 21.4}]}}),
            |_| true,
        ),
        Row(
            Action::ClearChargingProfile,
            json!({"id": 5}),
            accepted(),
            |csms| csms.profiles().profiles().count() == 0,
        ),
        Row(
            Action::ClearChargingProfile,
            json!({"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile",
                "stackLevel": 1}),
            json!({"status": "Unknown"}),
            |_| true,
        ),
    ]
}

fn file_and_certificate_calls() -> Vec<Row> {
    let accepted = || json!({"status": "Accepted"});
    let root = || {
        json!({"hashAlgorithm": "SHA256", "issuerNameHash": "ab12", "issuerKeyHash": "cd34",
        "serialNumber": "01ff"})
    };
    let of = || json!({"certificateType": "CentralSystemRootCertificate"});
    vec![
        Row(
            Action::GetDiagnostics,
            json!({"location": "ftp://files.example.invalid/in", "retries": 2,
                "retryInterval": 60, "startTime": "2026-03-01T08:30:00.000Z", "stopTime": "2026-03-01T18:30:00.000Z"}),
            json!({"fileName": "diag-1.tar"}),
            |csms| phase(csms, JobKind::Diagnostics) == Some(JobPhase::Taken),
        ),
        Row(
            Action::UpdateFirmware,
            json!({"location": "http://files.example.invalid/fw.bin", "retries": 3,
                "retrieveDate": "2026-03-01T08:30:00.000Z", "retryInterval": 30}),
            json!({}),
            |csms| phase(csms, JobKind::Firmware) == Some(JobPhase::Taken),
        ),
        Row(
            Action::GetLog,
            json!({"logType": "SecurityLog", "requestId": 9, "retries": 1, "retryInterval": 5,
                "log": {"remoteLocation": "https://files.example.invalid/log",
                    "oldestTimestamp": "2026-03-01T08:30:00.000Z", "latestTimestamp": "2026-03-01T18:30:00.000Z"}}),
            json!({"status": "Accepted", "filename": "sec.log"}),
            |csms| phase(csms, JobKind::Log(LogType::SecurityLog)) == Some(JobPhase::Taken),
        ),
        Row(
            Action::SignedUpdateFirmware,
            json!({"retries": 1, "retryInterval": 10, "requestId": 11, "firmware": {
                "location": "https://files.example.invalid/fw.bin", "retrieveDateTime": "2026-03-01T08:30:00.000Z",
                "installDateTime": "2026-03-01T18:30:00.000Z", "signingCertificate": PEM, "signature": "c2ln"}}),
            accepted(),
            |csms| phase(csms, JobKind::SignedFirmware) == Some(JobPhase::Taken),
        ),
        Row(
            Action::GetInstalledCertificateIds,
            of(),
            json!({"status": "NotFound"}),
            |csms| roots(csms) == Some(0),
        ),
        Row(
            Action::InstallCertificate,
            json!({"certificateType": "CentralSystemRootCertificate",
                "certificate": PEM}),
            accepted(),
            |csms| roots(csms).is_none(),
        ),
        Row(
            Action::GetInstalledCertificateIds,
            of(),
            json!({"status": "Accepted", "certificateHashData": [root()]}),
            |csms| roots(csms) == Some(1),
        ),
        Row(
            Action::DeleteCertificate,
            json!({"certificateHashData": root()}),
            accepted(),
            |csms| roots(csms) == Some(0),
        ),
        Row(
            Action::DeleteCertificate,
            json!({"certificateHashData": root()}),
            json!({"status": "NotFound"}),
            |csms| roots(csms) == Some(0),
        ),
    ]
}

impl Rig {
    async fn play(&mut self, Row(action, payload, expected, holds): Row) {
        let request = decode_request(action.as_str(), &payload).unwrap();
        let (response, received) = self.issue(request.clone()).await;
        assert_eq!(received, request.to_payload(), "{action}");
        assert_eq!(received, payload, "{action}");
        let expected = decode_response(action.as_str(), &expected).unwrap();
        assert_eq!(response, expected, "{action}");
        assert!(holds(&self.csms), "the books after {action}");
    }
}

/// Calls that make the charge point send something.
async fn trigger(rig: &mut Rig) {
    let accepted = || json!({"status": "Accepted"});
    rig.play(Row(
        Action::TriggerMessage,
        json!({"requestedMessage": "Heartbeat"}),
        accepted(),
        |_| true,
    ))
    .await;
    rig.event("heartbeat", |event| *event == CsmsEvent::Heartbeat)
        .await;
    let what = json!({"requestedMessage": "SignChargePointCertificate", "connectorId": 1});
    rig.play(Row(
        Action::ExtendedTriggerMessage,
        what,
        accepted(),
        |_| true,
    ))
    .await;
    rig.told("answer", "SignCertificate").await;
    assert!(rig.csms.certificates().request().is_some());
    let chain = json!({"certificateChain": PEM});
    rig.play(Row(Action::CertificateSigned, chain, accepted(), |csms| {
        csms.certificates().request().is_none()
    }))
    .await;
}

/// A remote start with a profile, and its remote stop.
async fn start_and_stop(rig: &mut Rig) {
    let accepted = || json!({"status": "Accepted"});
    let start =
        json!({"connectorId": 2, "idTag": CARD, "chargingProfile": profile(6, "TxProfile")});
    rig.play(Row(
        Action::RemoteStartTransaction,
        start,
        accepted(),
        |_| true,
    ))
    .await;
    let answer = rig.told("answer", "StartTransaction").await["payload"].take();
    let transaction = answer["transactionId"].as_i64().unwrap();
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!((session.connector_id, session.meter_start_wh), (2, 500));
    let with_it = |csms: &Csms| {
        csms.profiles()
            .profiles()
            .filter(|entry| entry.profile.transaction_id.is_some())
            .count()
    };
    assert_eq!(with_it(&rig.csms), 1);
    rig.play(Row(
        Action::RemoteStopTransaction,
        json!({"transactionId": transaction}),
        accepted(),
        |_| true,
    ))
    .await;
    rig.told("answer", "StopTransaction").await;
    let session = rig.csms.book().session(transaction).expect("a session");
    assert_eq!(
        session.end.as_ref().map(|end| end.reason),
        Some(Reason::Remote)
    );
    assert_eq!((session.energy_wh(), with_it(&rig.csms)), (200, 0));
}

/// Reports on what was asked for settle the jobs.
async fn finish_jobs(rig: &mut Rig) {
    let reports = [
        (
            Action::DiagnosticsStatusNotification,
            json!({"status": "Uploaded"}),
            JobKind::Diagnostics,
        ),
        (
            Action::FirmwareStatusNotification,
            json!({"status": "Installed"}),
            JobKind::Firmware,
        ),
        (
            Action::LogStatusNotification,
            json!({"status": "Uploaded", "requestId": 9}),
            JobKind::Log(LogType::SecurityLog),
        ),
        (
            Action::SignedFirmwareStatusNotification,
            json!({"status": "Installed", "requestId": 11}),
            JobKind::SignedFirmware,
        ),
    ];
    for (action, payload, kind) in reports {
        rig.ask(action, payload).await;
        assert_eq!(phase(&rig.csms, kind), Some(JobPhase::Done), "{action}");
    }
}

#[tokio::test]
async fn every_call_of_the_central_system_is_taken_by_an_independent_charge_point_and_its_answer_understood()
 {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    rig.boot().await;
    let rows = [
        core_calls(),
        list_reservation_and_profile_calls(),
        file_and_certificate_calls(),
    ];
    let mut issued: Vec<Action> = rows.iter().flatten().map(|row| row.0).collect();
    issued.extend([Action::TriggerMessage, Action::ExtendedTriggerMessage]);
    issued.extend([Action::CertificateSigned, Action::RemoteStartTransaction]);
    for action in Action::ALL {
        let ours = action.initiator() != Initiator::ChargePoint;
        assert_eq!(issued.contains(action), ours, "{action}");
    }
    for row in rows.into_iter().flatten() {
        rig.play(row).await;
    }
    trigger(&mut rig).await;
    start_and_stop(&mut rig).await;
    finish_jobs(&mut rig).await;
    rig.all_was_well();
}

#[tokio::test]
async fn a_call_the_charge_point_does_not_know_is_refused_and_nothing_stays_in_the_books() {
    let Some(mut rig) = Rig::start(config()).await else {
        return;
    };
    rig.boot().await;
    rig.command(&json!({"do": "unlearn", "action": "ReserveNow"}));
    rig.told("unlearned", "ReserveNow").await;
    let payload = json!({"connectorId": 1, "expiryDate": "2026-03-01T18:30:00.000Z", "idTag": "A1",
        "reservationId": 3});
    let request = decode_request("ReserveNow", &payload).unwrap();
    let id = rig.csms.call(rig.now(), request).unwrap();
    rig.flush().await;
    let refused = rig.event("refusal", |event| ends(event, &id)).await;
    let CsmsEvent::CallRefused { error, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.code, ocpp::rpc::ErrorCode::NotImplemented);
    rig.event("end of the reservation", |event| {
        matches!(event, CsmsEvent::ReservationEnded { end, .. } if *end == ReservationEnd::NotMade)
    })
    .await;
    assert_eq!(rig.csms.reservations().reservations().count(), 0);
    rig.all_was_well();
}
