//! Does the contactor do what it is told? Mirror contact and load side.

use units::Instant;

use crate::constants::{LOAD_DEAD_MS, MIRROR_MS};
use crate::dwell::Dwell;
use crate::profile::{BoardProfile, LoadSide, MirrorContact};
use crate::types::{Contact, Inputs};

/// What the supervision found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// It is closed, or its load side is live, although commanded open.
    pub(crate) weld: bool,
    /// It is open although commanded closed.
    pub(crate) stuck_open: bool,
}

/// Watches the contactor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContactorWatch {
    welded: Dwell,
    live: Dwell,
    stuck: Dwell,
    open: Dwell,
    proven_open: bool,
    proven_closed: bool,
}

impl ContactorWatch {
    pub(crate) const fn new() -> Self {
        Self {
            welded: Dwell::NEW,
            live: Dwell::NEW,
            stuck: Dwell::NEW,
            open: Dwell::NEW,
            proven_open: false,
            proven_closed: false,
        }
    }

    /// Compares the last command with what is seen.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        commanded: bool,
        absent: bool,
        inputs: &Inputs,
        profile: &BoardProfile,
    ) -> Found {
        let (seen_open, seen_closed) = match profile.mirror {
            MirrorContact::Fitted => (
                inputs.contactor_feedback == Contact::Open,
                inputs.contactor_feedback == Contact::Closed,
            ),
            MirrorContact::NotFitted => (!commanded, commanded),
        };
        let live = match profile.load_side {
            LoadSide::NotSensed => false,
            LoadSide::Always => inputs.load_side_voltage != Contact::Open,
            LoadSide::OnlyUnplugged => absent && inputs.load_side_voltage != Contact::Open,
        };
        // An unknown mirror contact counts against what was commanded, whichever that is.
        let welded = self.welded.holds(!commanded && !seen_open, now, MIRROR_MS);
        let live_long = self.live.holds(!commanded && live, now, LOAD_DEAD_MS);
        let stuck_open = self.stuck.holds(commanded && !seen_closed, now, MIRROR_MS);
        // Without a mirror contact only time can tell that it has opened.
        let open_long = self.open.holds(!commanded && seen_open, now, MIRROR_MS);
        let open = match profile.mirror {
            MirrorContact::Fitted => !commanded && seen_open,
            MirrorContact::NotFitted => open_long,
        };
        self.proven_open = open && !live;
        self.proven_closed = commanded && seen_closed;
        Found {
            weld: welded || live_long,
            stuck_open,
        }
    }

    /// Commanded open, seen open, and no voltage on the load side where it is sensed.
    pub(crate) const fn proven_open(&self) -> bool {
        self.proven_open
    }

    /// Commanded closed and seen closed.
    pub(crate) const fn proven_closed(&self) -> bool {
        self.proven_closed
    }

    /// The board could not be read: nothing is proven.
    pub(crate) fn unread(&mut self) {
        self.proven_open = false;
        self.proven_closed = false;
    }
}
