//! The adapter under the simulator: natively, behind the SDK's trait, with the storage discipline of the host.

use sdk::Moment;
use sdk::backend::{BackendAdapter, Command, Input, StartContext};
use units::Instant;

/// A running adapter of any type.
pub trait Running: Send {
    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command>;
}

impl<A: BackendAdapter + Send> Running for A {
    fn handle(&mut self, now: Moment, input: Input) -> Vec<Command> {
        BackendAdapter::handle(self, now, input)
    }
}

/// An instance and its first commands.
pub type Started = (Box<dyn Running>, Vec<Command>);

/// How to start an adapter.
#[derive(Clone, Copy)]
pub struct AdapterKind {
    pub describe: fn() -> sdk::Manifest,
    pub start: fn(Moment, StartContext) -> Started,
}

impl AdapterKind {
    /// This adapter type.
    pub const fn of<A: BackendAdapter + Send>() -> Self {
        Self {
            describe: A::describe,
            start: |now, context| {
                let (adapter, commands) = A::start(now, context);
                (Box::new(adapter), commands)
            },
        }
    }
}

/// One instance and what belongs to it alone.
pub struct Instance {
    pub running: Box<dyn Running>,
    pub wake_at: Option<Instant>,
    /// The entry that was handed out and is not taken yet.
    pub handed: Option<u64>,
    /// It said that the backend has accepted the station.
    pub registered: bool,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("wake_at", &self.wake_at)
            .finish_non_exhaustive()
    }
}
