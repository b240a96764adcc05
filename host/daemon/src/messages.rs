//! What the threads of the daemon say to each other.

use plugin_host::{BackendInput, EvseInfo, RunningTransaction, Setting};
use serde_json::Value;
use station::{ConnectorStatus, Event, FaultNotice, Identity, RequestId, Verdict};
use tokio::sync::oneshot;
use units::Timestamp;

/// What the station's thread is told.
#[derive(Debug)]
pub enum ToStation {
    /// An event for the station.
    Event(Event),
    /// A backend told the time.
    SetClock(Timestamp),
    /// An adapter (by its place in the pack) has a new instance and wants to know how things stand.
    WantsFacts(usize),
    /// The authorizers have no opinion; ask the backend.
    NoOpinion(RequestId),
    /// A verdict from the authorizers or an adapter.
    Verdict(RequestId, Verdict),
    /// Somebody at the control socket asks.
    Control(Value, oneshot::Sender<Value>),
    /// The process was asked to end.
    Shutdown,
}

/// What an adapter is told.
#[derive(Debug)]
pub enum ToAdapter {
    /// How things stand; the new instance can start.
    Facts(Box<Facts>),
    /// Something happened.
    Input(BackendInput),
    /// The journal has new entries.
    JournalGrew,
    /// Replace the instance.
    Restart,
    /// Simulated trouble on the line: while `true` nothing connects.
    LinkCut(bool),
    /// The process ends.
    Stop,
}

/// How things stand at the station, for an adapter that starts.
#[derive(Debug)]
pub struct Facts {
    /// Who the station is.
    pub identity: Identity,
    /// EVSEs.
    pub evses: Vec<EvseInfo>,
    /// Connectors.
    pub connectors: Vec<ConnectorStatus>,
    /// Running transactions.
    pub transactions: Vec<RunningTransaction>,
    /// Standing faults.
    pub faults: Vec<FaultNotice>,
    /// The station's settings.
    pub settings: Vec<Setting>,
}
