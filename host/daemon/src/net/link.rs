//! One link's task: connect, carry frames and pings, end with the reason.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::connect::{Connected, Failed, Socket, connect};
use super::limits::{CLOSE_REASON_BYTES, CLOSE_TIME};
use super::{ConnectRequest, LinkEvent, LinkFailure};

/// Runs a link from the first packet to [`LinkEvent::Down`].
pub(super) async fn run(
    request: ConnectRequest,
    events: mpsc::Sender<LinkEvent>,
    outgoing: mpsc::Receiver<String>,
    mut closing: watch::Receiver<Option<String>>,
) {
    let limit = Duration::from_secs(u64::from(request.timeout_s.max(1)));
    let connected = tokio::select! {
        biased;
        reason = close_wish(&mut closing) => Err(Failed(LinkFailure::ClosedByUs, reason)),
        connected = timeout(limit, connect(&request)) => connected.unwrap_or_else(|_| {
            let text = format!(
                "no connection within {} s; check URL, uplink and firewall",
                limit.as_secs()
            );
            Err(Failed(LinkFailure::Timeout, text))
        }),
    };
    let Failed(failure, detail) = match connected {
        Ok(Connected {
            socket,
            subprotocol,
            secure,
        }) => {
            let up = LinkEvent::Up {
                subprotocol,
                secure,
            };
            let link = Link {
                socket,
                events: events.clone(),
                outgoing,
                limit,
            };
            link.carry(up, request.keep_alive_s, &mut closing).await
        }
        Err(failed) => failed,
    };
    // Nobody may be listening any more; then there is nobody to tell.
    let _ = events.send(LinkEvent::Down { failure, detail }).await;
}

/// Resolves when the owner wants the link closed, or has dropped it.
async fn close_wish(closing: &mut watch::Receiver<Option<String>>) -> String {
    match closing.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => "the link was dropped".to_owned(),
    }
}

struct Link {
    socket: Socket,
    events: mpsc::Sender<LinkEvent>,
    outgoing: mpsc::Receiver<String>,
    limit: Duration,
}

/// When to ping, and until when the pong must be here.
struct KeepAlive {
    pings: Option<Interval>,
    pong: Option<Pin<Box<Sleep>>>,
}

enum Due {
    Ping,
    PongMissing,
}

impl KeepAlive {
    async fn new(keep_alive_s: u32) -> Self {
        let mut keep = Self {
            pings: None,
            pong: None,
        };
        if keep_alive_s > 0 {
            let mut pings = interval(Duration::from_secs(u64::from(keep_alive_s)));
            pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once; the first ping shall come one interval later.
            pings.tick().await;
            keep.pings = Some(pings);
        }
        keep
    }

    /// Resolves at the next ping or at the deadline of a pong; never, without keep-alive.
    async fn due(&mut self) -> Due {
        match (&mut self.pong, &mut self.pings) {
            (Some(deadline), _) => {
                deadline.await;
                Due::PongMissing
            }
            (None, Some(pings)) => {
                pings.tick().await;
                Due::Ping
            }
            (None, None) => std::future::pending().await,
        }
    }
}

impl Link {
    async fn carry(
        mut self,
        up: LinkEvent,
        keep_alive_s: u32,
        closing: &mut watch::Receiver<Option<String>>,
    ) -> Failed {
        if self.events.send(up).await.is_err() {
            return nobody_listens();
        }
        let mut alive = KeepAlive::new(keep_alive_s).await;
        loop {
            let step = tokio::select! {
                reason = close_wish(closing) => return self.close(reason).await,
                Some(text) = self.outgoing.recv() => self.write(Message::text(text)).await,
                due = alive.due() => self.keep_alive(&mut alive, due).await,
                message = self.socket.next() => {
                    // Whatever arrives shows that the peer lives.
                    alive.pong = None;
                    self.take(message).await
                }
            };
            if let Err(failed) = step {
                return failed;
            }
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Failed> {
        match timeout(self.limit, self.socket.send(message)).await {
            Ok(sent) => sent.map_err(socket_failed),
            Err(_) => Err(Failed(
                LinkFailure::Timeout,
                format!(
                    "the backend takes no data since {} s; check the uplink",
                    self.limit.as_secs()
                ),
            )),
        }
    }

    async fn keep_alive(&mut self, alive: &mut KeepAlive, due: Due) -> Result<(), Failed> {
        match due {
            Due::Ping => {
                alive.pong = Some(Box::pin(sleep(self.limit)));
                self.write(Message::Ping(Bytes::new())).await
            }
            Due::PongMissing => Err(Failed(
                LinkFailure::Timeout,
                format!(
                    "no answer to a ping within {} s; the uplink or something between (NAT) has dropped the connection",
                    self.limit.as_secs()
                ),
            )),
        }
    }

    async fn take(&mut self, message: Option<Result<Message, WsError>>) -> Result<(), Failed> {
        match message {
            None => Err(Failed(
                LinkFailure::Broken,
                "the backend hung up".to_owned(),
            )),
            Some(Err(error)) => {
                let failed = socket_failed(error);
                if failed.0 == LinkFailure::Protocol {
                    self.reject(CloseCode::Protocol).await;
                }
                Err(failed)
            }
            Some(Ok(Message::Text(text))) => {
                let frame = LinkEvent::Frame(text.as_str().to_owned());
                self.events.send(frame).await.map_err(|_| nobody_listens())
            }
            Some(Ok(Message::Binary(data))) => {
                self.reject(CloseCode::Unsupported).await;
                Err(Failed(
                    LinkFailure::Protocol,
                    format!(
                        "the backend sent a binary message of {} bytes; OCPP-J is text only",
                        data.len()
                    ),
                ))
            }
            Some(Ok(Message::Close(frame))) => Err(closed_by_peer(frame)),
            // Pongs of ours are answered by the socket itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
        }
    }

    /// Tells the peer why, if it still listens; the failure is reported either way.
    async fn reject(&mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        let _ = timeout(CLOSE_TIME, self.socket.close(Some(frame))).await;
    }

    /// Writes what was queued, closes, and waits for the peer's close.
    async fn close(mut self, reason: String) -> Failed {
        let mut text = reason.clone();
        while text.len() > CLOSE_REASON_BYTES {
            text.pop();
        }
        let politely = async {
            while let Ok(frame) = self.outgoing.try_recv() {
                if self.socket.send(Message::text(frame)).await.is_err() {
                    return;
                }
            }
            let frame = CloseFrame {
                code: CloseCode::Normal,
                reason: text.into(),
            };
            if self.socket.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // A peer that does not answer the close is left alone.
        let _ = timeout(CLOSE_TIME, politely).await;
        Failed(LinkFailure::ClosedByUs, reason)
    }
}

fn nobody_listens() -> Failed {
    Failed(
        LinkFailure::ClosedByUs,
        "nobody listens to this link any more".to_owned(),
    )
}

fn closed_by_peer(frame: Option<CloseFrame>) -> Failed {
    let text = match frame {
        Some(frame) if frame.reason.is_empty() => {
            format!("the backend closed with code {}", u16::from(frame.code))
        }
        Some(frame) => {
            format!(
                "the backend closed with code {}: {:?}",
                u16::from(frame.code),
                frame.reason.as_str()
            )
        }
        None => "the backend closed without a reason".to_owned(),
    };
    Failed(LinkFailure::ClosedByPeer, text)
}

fn socket_failed(error: WsError) -> Failed {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => closed_by_peer(None),
        WsError::Io(error) => Failed(
            LinkFailure::Broken,
            format!("the connection broke ({error})"),
        ),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Failed(
            LinkFailure::Broken,
            "the backend hung up without closing".to_owned(),
        ),
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => Failed(
            LinkFailure::Protocol,
            format!("the backend sent a message of {size} bytes; {max_size} are allowed"),
        ),
        other => Failed(
            LinkFailure::Protocol,
            format!("the backend broke the protocol: {other}"),
        ),
    }
}
