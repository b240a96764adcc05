//! A central system, a charge point of another make, and the WebSocket between them.

use futures_util::{SinkExt, StreamExt};
use ocpp::rpc::MessageId;
use ocpp::v16::csms::{Csms, CsmsConfig, CsmsEvent};
use ocpp::v16::{Action, AuthorizationStatus, CiString, IdToken, Request, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval, timeout_at};
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
pub const WALL: Timestamp = Timestamp::from_unix_millis(1_772_353_800_000);
/// A card that is known, of the group FLEET7.
pub const CARD: &str = "04A1B2C3D4E5F6";

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
pub struct Rig {
    /// The one under test.
    pub csms: Csms,
    socket: WebSocketStream<TcpStream>,
    began: Instant,
    tick: Interval,
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
    pub async fn start(config: CsmsConfig) -> Option<Self> {
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
            tick: interval(TICK),
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

    /// Time since the beginning.
    pub fn now(&self) -> units::Instant {
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
            _ = self.tick.tick() => self.csms.handle_timeout(self.now()),
        }
        while let Some(event) = self.csms.poll_event() {
            self.events.push_back(event);
        }
        self.flush().await;
    }

    /// Sends what is to be sent.
    pub async fn flush(&mut self) {
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
    pub async fn event(&mut self, what: &str, fits: impl Fn(&CsmsEvent) -> bool) -> CsmsEvent {
        self.until(what, |rig| {
            let place = rig.events.iter().position(&fits)?;
            rig.events.remove(place)
        })
        .await
    }

    /// The next thing the charge point told of this kind about this action.
    pub async fn told(&mut self, kind: &str, action: &str) -> Value {
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

    /// Gives the charge point a command.
    pub fn command(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("the charge point is there");
        self.commands.flush().unwrap();
    }

    /// Lets the charge point send a call; its answer as the charge point understood it.
    pub async fn ask(&mut self, action: Action, payload: Value) -> Value {
        let action = action.as_str();
        self.command(&json!({"do": "call", "action": action, "payload": payload}));
        self.told("answer", action).await["payload"].take()
    }

    /// Boots as a charge point does first of all.
    pub async fn boot(&mut self) {
        let boot = json!({"chargePointVendor": "Independent", "chargePointModel": "One"});
        let answer = self.ask(Action::BootNotification, boot).await;
        assert_eq!(answer["status"], "Accepted");
    }

    /// Issues a call; its answer, and the payload as the charge point received it.
    pub async fn issue(&mut self, request: Request) -> (Response, Value) {
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

    /// Waits until the charge point objects to the type of a field, as it should here.
    pub async fn objection(&mut self, action: &str) {
        let fits = |told: &Value| told["event"] == "objection" && told["action"] == action;
        let objection = self
            .until(&format!("objection to {action}"), |rig| {
                let place = rig.told.iter().position(fits)?;
                rig.told.remove(place)
            })
            .await;
        let what = objection["what"].as_str().unwrap();
        assert!(what.contains("TypeConstraintViolationError"), "{what}");
    }

    /// The charge point's next frame, past the central system.
    pub async fn raw_frame(&mut self) -> Value {
        let frame = timeout_at(Instant::now() + PATIENCE, self.socket.next()).await;
        let frame = frame.expect("a frame in time").unwrap().unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    }

    /// Sends a frame past the central system.
    pub async fn send_raw(&mut self, frame: Value) {
        let text = Message::text(frame.to_string());
        self.socket.send(text).await.unwrap();
    }

    /// Asserts that nothing happened that should not.
    pub fn all_was_well(&self) {
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
pub fn ends(event: &CsmsEvent, call: &MessageId) -> bool {
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

/// What the central system goes by.
pub fn config() -> CsmsConfig {
    let mut config = CsmsConfig::accepting(300).with_token(CARD, AuthorizationStatus::Accepted);
    let info = config.tokens.get_mut(&IdToken::new(CARD).unwrap()).unwrap();
    info.parent_id_tag = Some(IdToken::new("FLEET7").unwrap());
    info.expiry_date = Some(Timestamp::from_unix_millis(1_900_000_000_000));
    config.vendors.insert(CiString::new("independent").unwrap());
    config
}
