//! The safety interlock of one EVSE.
//!
//! Duty: decide, every tick, what the pilot, the contactor and the lock do. [`Interlock::step`] is the whole
//! interface: inputs and the station's permit go in, commands and a status come out. It does no I/O, takes no lock,
//! allocates nothing and cannot panic. Any doubt opens the contactor first; people are told after.
//!
//! Not here: who may charge (the station), how a pin is read (the drivers), basic electrical protection (hardware;
//! see SAFETY.md).
//!
//! A step runs in a fixed order:
//!
//! ```text
//! sense ── pilot, proximity, vehicle        filters
//!   └► supervise ── every trip's cause      latches, reclose policies     rules.rs names each rule
//!        └► decide ── open first, then offer, then close                  sequence.rs
//!             └► lock                                                     lock.rs
//!                  └► gate ── checks the result once more; a contradiction opens and trips `Internal`
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions, clippy::arithmetic_side_effects)]

pub mod constants;
mod contactor;
mod dwell;
mod event;
pub mod limits;
mod lock;
mod pilot;
mod profile;
mod proximity;
mod residual;
pub mod rules;
mod sequence;
mod step;
mod supervise;
mod trips;
mod types;
mod vehicle;

pub use event::{EventKind, LogEvent, OpenReason};
pub use profile::*;
pub use types::*;

use contactor::ContactorWatch;
use event::EventRing;
use lock::Lock;
use pilot::{Blanking, Pilot};
use proximity::Proximity;
use residual::Residual;
use sequence::Sequence;
use supervise::{Diode, Mains, OverCurrent, Simple, Temperature};
use trips::TripTable;
use units::{Instant, Millis};
use vehicle::Vehicle;

/// The interlock of one EVSE.
///
/// # Invariants
/// After every [`Interlock::step`] a closed contactor means: filtered pilot C, or D with ventilation; no trip; plug
/// locked (socket); residual current device's self-test fresh (if fitted); permit fresh, or the offer withdrawn for
/// less than 6 s.
#[derive(Debug, Clone)]
pub struct Interlock {
    profile: BoardProfile,
    status: Status,
    events: EventRing,
    last_step: Option<Instant>,
    /// When the permit was fresh the last time.
    last_fresh: Option<Instant>,
    /// Something impossible was seen in this step or the last gate.
    impossible: bool,
    /// Time without valid samples, draining four times slower than it fills.
    silence: Millis,
    pilot: Pilot,
    blanking: Blanking,
    vehicle: Vehicle,
    proximity: Proximity,
    lock: Lock,
    watch: ContactorWatch,
    residual: Residual,
    diode: Diode,
    over_current: OverCurrent,
    mains: Mains,
    contactor_temperature: Temperature,
    socket_temperature: Temperature,
    simple: Simple,
    trips: TripTable,
    sequence: Sequence,
    /// Last unlock and retry counts of the permit.
    counts: Option<(u32, u32)>,
    local_reset: bool,
    local_reset_at: Option<Instant>,
    rdc_self_test: bool,
    rdc_reset: bool,
}

impl Interlock {
    /// An interlock that has seen nothing: contactor open, nothing offered.
    #[must_use]
    pub fn new(profile: BoardProfile) -> Self {
        Self::resume(profile, Trips::NONE)
    }

    /// An interlock after a restart of the software: `latched` are the trips of the last [`Status`] that was kept,
    /// so that no restart clears a latched protection. Trips of the lock are looked for anew.
    #[must_use]
    pub fn resume(profile: BoardProfile, latched: Trips) -> Self {
        let latched = latched
            .without(Trip::LockFailed)
            .without(Trip::LockStuck)
            .without(Trip::LockMissing);
        Self {
            profile,
            status: Status::at_start(profile.supply, latched),
            events: EventRing::new(),
            last_step: None,
            last_fresh: None,
            impossible: false,
            silence: Millis::ZERO,
            pilot: Pilot::new(),
            blanking: Blanking::NEW,
            vehicle: Vehicle::new(),
            proximity: Proximity::new(),
            lock: Lock::new(),
            watch: ContactorWatch::new(),
            residual: Residual::new(),
            diode: Diode::new(),
            over_current: OverCurrent::new(),
            mains: Mains::new(),
            contactor_temperature: Temperature::new(),
            socket_temperature: Temperature::new(),
            simple: Simple::new(),
            trips: TripTable::new(latched),
            sequence: Sequence::new(profile.supply),
            counts: None,
            local_reset: false,
            local_reset_at: None,
            rdc_self_test: false,
            rdc_reset: false,
        }
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
