//! The safety interlock of one EVSE.
//!
//! Duty: decide, every tick, what the pilot, the contactor and the lock do. [`Interlock::step`] is the whole
//! interface: inputs and the station's permit go in, commands and a status come out. It does no I/O, takes no lock,
//! allocates nothing and cannot panic.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod event;
pub mod limits;
mod profile;
mod types;

pub use event::{EventKind, LogEvent, OpenReason};
pub use profile::*;
pub use types::*;

use event::EventRing;
use units::Instant;

/// The interlock of one EVSE.
#[derive(Debug, Clone)]
pub struct Interlock {
    profile: BoardProfile,
    status: Status,
    events: EventRing,
}

impl Interlock {
    /// An interlock that has seen nothing: contactor open, nothing offered.
    #[must_use]
    pub const fn new(profile: BoardProfile) -> Self {
        Self::resume(profile, Trips::NONE)
    }

    /// An interlock after a restart of the software: `latched` are the trips of the last [`Status`] that was
    /// kept, so that no restart clears a latched protection.
    #[must_use]
    pub const fn resume(profile: BoardProfile, latched: Trips) -> Self {
        Self {
            profile,
            status: Status::at_start(profile.supply, latched),
            events: EventRing::new(),
        }
    }

    /// Decides one tick. Call it every 10 ms with a fresh sample and the station's latest permit.
    pub fn step(&mut self, now: Instant, inputs: &Inputs, permit: &Permit) -> Outputs {
        let _ = (now, inputs, permit);
        Outputs::SAFE
    }

    /// What the last step found.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Takes the logged events, oldest first.
    pub fn drain_events(&mut self) -> impl Iterator<Item = LogEvent> + '_ {
        core::iter::from_fn(|| self.events.pop())
    }

    /// Events that were lost because nobody drained the ring.
    #[must_use]
    pub const fn lost_events(&self) -> u32 {
        self.events.lost()
    }

    /// The board this interlock was made for.
    #[must_use]
    pub const fn profile(&self) -> &BoardProfile {
        &self.profile
    }
}
