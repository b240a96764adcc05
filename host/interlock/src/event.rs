//! What the interlock tells its log: typed events in a fixed ring.

use units::{Instant, Milliamps, Phases};

use crate::limits::EVENT_RING;
use crate::types::{LockPosition, PilotState, Trip};

/// Something worth a line in the log. Formatting happens outside, never in the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The filtered pilot state changed.
    Pilot {
        /// State before.
        from: PilotState,
        /// State now.
        to: PilotState,
    },
    /// The contactor is commanded closed on these phases.
    ContactorClose(Phases),
    /// The contactor is commanded open.
    ContactorOpen(OpenReason),
    /// The offer on the pilot changed; zero = withdrawn.
    Offer(Milliamps),
    /// A trip came up.
    TripRaised(Trip),
    /// A trip was cleared by its rule.
    TripCleared(Trip),
    /// The cable's rating was read and frozen for the session.
    CableRead(Milliamps),
    /// The lock reached another position.
    Lock(LockPosition),
    /// A forced unlock was refused, because the contactor did not open in time.
    UnlockRefused,
    /// The residual current device's self-test began.
    SelfTestStarted,
    /// The self-test passed.
    SelfTestPassed,
    /// A wake-up began.
    WakeUpStarted,
    /// The permit went stale while something was offered.
    PermitStale,
    /// The contactor phases were switched.
    PhasesSwitched(Phases),
}

/// Why the contactor was commanded open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenReason {
    /// The vehicle left C or D: sequences 2.2, 8.1, 8.2, 10.1.
    VehicleLeft,
    /// A trip.
    Trip,
    /// The vehicle did not stop within 6 s after the offer was withdrawn: sequence 10.2.
    ForcedOpen,
    /// Another closing condition no longer holds.
    Condition,
}

/// An event with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEvent {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub kind: EventKind,
}

/// The last events, oldest first; when full the oldest is lost and counted.
#[derive(Debug, Clone)]
pub(crate) struct EventRing {
    slots: [Option<LogEvent>; EVENT_RING],
    /// Slot of the oldest event.
    head: usize,
    len: usize,
    lost: u32,
}

impl EventRing {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [None; EVENT_RING],
            head: 0,
            len: 0,
            lost: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, kind: EventKind) {
        if self.len == EVENT_RING {
            self.head = next(self.head);
            self.len = self.len.saturating_sub(1);
            self.lost = self.lost.saturating_add(1);
        }
        let tail = self
            .head
            .saturating_add(self.len)
            .checked_rem(EVENT_RING)
            .unwrap_or(0);
        if let Some(slot) = self.slots.get_mut(tail) {
            *slot = Some(LogEvent { at, kind });
            self.len = self.len.saturating_add(1);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<LogEvent> {
        if self.len == 0 {
            return None;
        }
        let event = self.slots.get_mut(self.head).and_then(Option::take);
        self.head = next(self.head);
        self.len = self.len.saturating_sub(1);
        event
    }

    pub(crate) const fn lost(&self) -> u32 {
        self.lost
    }
}

fn next(slot: usize) -> usize {
    slot.saturating_add(1).checked_rem(EVENT_RING).unwrap_or(0)
}
