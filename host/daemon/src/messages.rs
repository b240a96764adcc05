//! What the threads of the daemon say to each other.

use std::fmt;

use plugin_host::{
    BackendInput, EvseInfo, FileCommand, Grants, RunningTransaction, Setting, Stage, TransferReport,
};
use serde_json::Value;
use station::{ConnectorStatus, Event, EvseId, FaultNotice, Identity, RequestId, Verdict};
use tokio::sync::oneshot;
use units::Timestamp;

use crate::authorize::Standing;
use crate::ceilings::Ceiling;
use crate::deploy::{Deployment, Ready};
use crate::files::Report;

/// What the station's thread is told.
#[derive(Debug)]
pub enum ToStation {
    /// An event for the station.
    Event(Event),
    /// A backend told the time.
    SetClock(Timestamp),
    /// An adapter has a new instance and wants to know how things stand.
    WantsFacts(u64),
    /// The authorizers have no opinion: ask the backend, or it is the end of asking.
    NoOpinion(RequestId, Stage),
    /// An authorizer kept the token for itself.
    Consumed(RequestId),
    /// A verdict from the authorizers or the free-charging mode.
    Verdict(RequestId, Verdict),
    /// A verdict from a backend.
    BackendVerdict(RequestId, Verdict),
    /// What the backend of this adapter allows at an EVSE, or at all together (`None`).
    Ceiling(String, Option<EvseId>, Ceiling),
    /// What the authorizers want shown or presented, and the free-charging mode in force.
    Standing(Box<Standing>),
    /// A part of the station says whether it could be replaced.
    Switched {
        /// Which deployment.
        deployment: u64,
        /// Which part.
        part: Part,
        /// Or why not.
        result: Result<(), String>,
    },
    /// A pack that was read, verified and compiled is to be applied.
    ApplyPack(Box<Deployment>, oneshot::Sender<Value>),
    /// An adapter asks for a file to be moved or installed.
    File(Box<FileRequest>),
    /// How that goes.
    FileReport(Report),
    /// An adapter reports a security event.
    Security(String),
    /// Somebody at the control socket asks.
    Control(Value, oneshot::Sender<Value>),
    /// The process was asked to end.
    Shutdown,
}

/// An adapter asks for a file to be moved or installed.
#[derive(Debug)]
pub struct FileRequest {
    /// Who.
    pub adapter: String,
    /// Its number for it.
    pub request: RequestId,
    /// What.
    pub command: FileCommand,
    /// Where it may go, also after a redirect.
    pub grants: Grants,
}

/// What a deployment replaces as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Free-charging mode and authorizers.
    Authorizers,
    /// Languages.
    Languages,
    /// One backend adapter.
    Backend(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorizers => f.write_str("authorizers"),
            Self::Languages => f.write_str("languages"),
            Self::Backend(name) => f.write_str(name),
        }
    }
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
    /// Another version, or other settings and rights, take over at the next quiet moment.
    Swap(u64, Box<Ready>),
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
    /// What became of the installation that the adapter asked for and a restart ended.
    pub installation: Option<TransferReport>,
}
