//! The central system: the pure half of `lib/ocpp` over one WebSocket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use ocpp::v16::csms::{Csms, CsmsConfig, CsmsEvent, Session};
use ocpp::v16::{AuthorizationStatus, ChargePointStatus};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

use super::operator::{IDENTITY, Operator};

const SUBPROTOCOL: &str = "ocpp1.6";
const HEARTBEAT_S: i64 = 60;
/// Frames kept for the view.
const FRAMES_KEPT: usize = 40;
/// Statuses kept for the summary; one session has about six.
const STATUSES_KEPT: usize = 200;
/// How often the state machine's timers are looked at.
const TICK: Duration = Duration::from_millis(100);

/// One frame, for people.
#[derive(Debug, Clone)]
pub struct SeenFrame {
    /// From the station (else to it).
    pub inbound: bool,
    /// The text.
    pub text: String,
}

/// What the central system knows.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// A station is connected.
    pub connected: bool,
    /// The station's boot was accepted.
    pub registered: bool,
    /// How often a station connected.
    pub connections: u32,
    /// Last frames, oldest first.
    pub frames: VecDeque<SeenFrame>,
    /// Status of each connector over time, oldest first.
    pub statuses: VecDeque<(i64, ChargePointStatus)>,
    /// Cards that were asked about.
    pub asked: Vec<String>,
    /// Every session.
    pub sessions: Vec<Session>,
    /// Frames that should not have come.
    pub oddities: Vec<String>,
}

/// A central system on loopback, in a thread of its own.
pub struct CentralSystem {
    port: u16,
    shared: Arc<Mutex<Snapshot>>,
}

impl CentralSystem {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub fn start(operator: Operator) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("no port on loopback for the central system")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Mutex::new(Snapshot::default()));
        let inner = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("central-system".to_owned())
            .spawn(move || runtime.block_on(serve(operator, &listener, &inner)))?;
        Ok(Self { port, shared })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it knows now.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.shared).clone()
    }
}

fn lock(shared: &Mutex<Snapshot>) -> MutexGuard<'_, Snapshot> {
    // The snapshot is only ever extended, so a panic elsewhere leaves it usable.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wall() -> units::Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    units::Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> units::Instant {
        units::Instant::from_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

async fn serve(operator: Operator, listener: &TcpListener, shared: &Mutex<Snapshot>) {
    let clock = Clock(std::time::Instant::now());
    let config = CsmsConfig::accepting(HEARTBEAT_S)
        .with_token(&operator.tag(), AuthorizationStatus::Accepted);
    let mut csms = Csms::new(config, clock.now(), wall());
    while let Ok((stream, _)) = listener.accept().await {
        match accept(operator, stream).await {
            Ok(socket) => {
                {
                    let mut seen = lock(shared);
                    seen.connected = true;
                    seen.connections += 1;
                }
                converse(&mut csms, socket, &clock, shared).await;
                csms.handle_disconnected();
                lock(shared).connected = false;
            }
            Err(error) => lock(shared)
                .oddities
                .push(format!("refused a connection: {error}")),
        }
    }
}

async fn accept(
    operator: Operator,
    stream: TcpStream,
) -> Result<WebSocketStream<TcpStream>, tokio_tungstenite::tungstenite::Error> {
    let expected = format!("{}/{IDENTITY}", operator.path());
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let check = |request: &Request, mut response: Response| {
        let offered = request.headers().get("Sec-WebSocket-Protocol");
        let offered = offered
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let offers = offered
            .split(',')
            .any(|protocol| protocol.trim() == SUBPROTOCOL);
        if request.uri().path() != expected || !offers {
            let mut refusal = ErrorResponse::new(Some("not a station of ours".to_owned()));
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            return Err(refusal);
        }
        let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", subprotocol);
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async(stream, check).await
}

async fn converse(
    csms: &mut Csms,
    mut socket: WebSocketStream<TcpStream>,
    clock: &Clock,
    shared: &Mutex<Snapshot>,
) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    keep_frame(shared, true, &text);
                    csms.handle_frame(clock.now(), &text);
                }
                Some(Ok(Message::Binary(_))) => {
                    lock(shared).oddities.push("a binary frame".to_owned());
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            _ = tick.tick() => csms.handle_timeout(clock.now()),
        }
        note_events(csms, shared);
        while let Some(text) = csms.poll_frame() {
            keep_frame(shared, false, &text);
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    }
}

fn keep_frame(shared: &Mutex<Snapshot>, inbound: bool, text: &str) {
    let mut seen = lock(shared);
    if seen.frames.len() == FRAMES_KEPT {
        seen.frames.pop_front();
    }
    seen.frames.push_back(SeenFrame {
        inbound,
        text: text.to_owned(),
    });
}

fn note_events(csms: &mut Csms, shared: &Mutex<Snapshot>) {
    let mut seen = lock(shared);
    while let Some(event) = csms.poll_event() {
        match event {
            CsmsEvent::Booted { .. } => seen.registered = true,
            CsmsEvent::StatusReported(status) => {
                if seen.statuses.len() == STATUSES_KEPT {
                    seen.statuses.pop_front();
                }
                seen.statuses
                    .push_back((status.connector_id, status.status));
            }
            CsmsEvent::Authorized { id_tag, .. } => seen.asked.push(id_tag.as_str().to_owned()),
            CsmsEvent::Garbled(_)
            | CsmsEvent::RequestRefused { .. }
            | CsmsEvent::StrayAnswer { .. }
            | CsmsEvent::BadAnswer { .. }
            | CsmsEvent::UnknownTransaction { .. }
            | CsmsEvent::TransactionLeftOpen { .. }
            | CsmsEvent::OrphanStopped { .. }
            | CsmsEvent::Deviations { .. }
            | CsmsEvent::AnswerDropped => seen.oddities.push(format!("{event:?}")),
            CsmsEvent::Heartbeat
            | CsmsEvent::TransactionStarted(_)
            | CsmsEvent::TransactionStopped(_)
            | CsmsEvent::TransactionRepeated { .. }
            | CsmsEvent::Metered(_)
            | CsmsEvent::TransactionData { .. }
            | CsmsEvent::VerdictWanted { .. }
            | CsmsEvent::ReservationHeld(_)
            | CsmsEvent::ReservationEnded { .. }
            | CsmsEvent::LocalListInStep { .. }
            | CsmsEvent::LocalListFailed(_)
            | CsmsEvent::JobChanged(_)
            | CsmsEvent::Silent { .. }
            | CsmsEvent::VendorData(_)
            | CsmsEvent::Reported(_)
            | CsmsEvent::CallAnswered { .. }
            | CsmsEvent::CallRefused { .. }
            | CsmsEvent::CallTimedOut { .. }
            | CsmsEvent::CallLost { .. }
            | CsmsEvent::CallRepeated { .. }
            | CsmsEvent::WhilePending { .. } => {}
        }
    }
    seen.sessions = csms.book().sessions().cloned().collect();
}
