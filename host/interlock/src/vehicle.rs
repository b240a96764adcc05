//! Is a vehicle connected, since when is none, and has it a simplified pilot?

use units::Instant;

use crate::constants::{EV_STOP_MS, PROXIMITY_CHANGED_MS};
use crate::dwell::Dwell;
use crate::pilot::is_energisable;
use crate::types::PilotState;

/// What changed with the vehicle in this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// It was plugged in.
    Connected,
    /// It is gone.
    Gone,
}

/// The vehicle at this connector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vehicle {
    connected: bool,
    simplified: bool,
    /// The first state after the start was C or D: is it a simplified pilot, or did the software restart?
    unsure_since: Option<Instant>,
    absent_since: Option<Instant>,
    seen: bool,
    pulled: Dwell,
}

impl Vehicle {
    pub(crate) const fn new() -> Self {
        Self {
            connected: false,
            simplified: false,
            unsure_since: None,
            absent_since: None,
            seen: false,
            pulled: Dwell::NEW,
        }
    }

    /// Follows the filtered pilot; `plug_present` is true for a tethered cable.
    pub(crate) fn update(&mut self, now: Instant, state: PilotState, plug_present: bool) -> Change {
        let error = matches!(state, PilotState::E | PilotState::F);
        let pulled = self
            .pulled
            .holds(error && !plug_present, now, PROXIMITY_CHANGED_MS);
        let connected = match state {
            PilotState::A => false,
            PilotState::B | PilotState::C | PilotState::D => true,
            PilotState::E | PilotState::F => self.connected && !pulled,
        };
        let first = !core::mem::replace(&mut self.seen, true);
        let before = core::mem::replace(&mut self.connected, connected);
        if state == PilotState::B {
            self.simplified = false;
            self.unsure_since = None;
        }
        // A vehicle that obeys x1 opens S2 within this time; one that stays has no S2 to open (§1.4, 1.2 and 10.1).
        if self
            .unsure_since
            .is_some_and(|since| now.since(since) >= EV_STOP_MS)
        {
            self.unsure_since = None;
            self.simplified = is_energisable(state);
        }
        match (before, connected) {
            (false, true) => {
                self.absent_since = None;
                self.simplified = is_energisable(state) && !first;
                self.unsure_since = (is_energisable(state) && first).then_some(now);
                Change::Connected
            }
            (true, false) => {
                self.absent_since = Some(now);
                self.simplified = false;
                self.unsure_since = None;
                Change::Gone
            }
            (false, false) if first && state == PilotState::A => {
                self.absent_since = Some(now);
                Change::None
            }
            (false, false) | (true, true) => {
                if state == PilotState::A {
                    self.absent_since.get_or_insert(now);
                }
                Change::None
            }
        }
    }

    pub(crate) const fn connected(&self) -> bool {
        self.connected
    }

    pub(crate) const fn simplified(&self) -> bool {
        self.simplified
    }

    /// It is not yet known whether this vehicle can stop by itself.
    pub(crate) const fn unsure(&self) -> bool {
        self.unsure_since.is_some()
    }

    pub(crate) const fn absent_since(&self) -> Option<Instant> {
        self.absent_since
    }
}
