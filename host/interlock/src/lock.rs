//! The plug lock of a socket: where it should be, how it is driven, what it means when it does not move.
//!
//! It is never driven open while the contactor is not proven open or a weld is suspected.

use units::Instant;

use crate::constants::{
    FORCED_UNLOCK_MS, LOCK_ERROR_RELEASE_MS, LOCK_MISSING_MS, LOCK_MS, LOCK_REST_MS,
    LOCK_STALE_RELEASE_MS, LOCKED_MS, UNLOCKED_MS,
};
use crate::dwell::Dwell;
use crate::event::{EventKind, EventRing};
use crate::limits::LOCK_ATTEMPTS;
use crate::types::{LockDrive, LockPosition, LockWish, PilotState};

/// Where the lock should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Keep,
    Locked,
    Unlocked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motor {
    Idle,
    Driving {
        since: Instant,
    },
    Resting {
        since: Instant,
    },
    /// All attempts were used.
    Exhausted,
}

/// What the lock depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    pub(crate) pilot: PilotState,
    pub(crate) settled: bool,
    pub(crate) plug_present: bool,
    pub(crate) wish: LockWish,
    pub(crate) permit_fresh: bool,
    /// Contactor commanded and seen open, and no weld suspected.
    pub(crate) safe_to_unlock: bool,
    /// A trip is active and this board's lock opens on trips.
    pub(crate) release_on_trip: bool,
    /// The lock failed: let the driver replug.
    pub(crate) failed: bool,
}

/// Causes of lock trips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) failed: bool,
    pub(crate) stuck: bool,
    pub(crate) missing: bool,
}

/// The lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lock {
    raw: LockPosition,
    steady: Dwell,
    position: LockPosition,
    lost: Dwell,
    error: Dwell,
    stale: Dwell,
    goal: Goal,
    motor: Motor,
    attempts: u8,
    stuck: bool,
    failed: bool,
    /// A forced unlock waits for the contactor since then.
    pending: Option<Instant>,
    /// A forced unlock was carried out; nothing locks until the plug or the vehicle was pulled.
    forced: bool,
}

impl Lock {
    pub(crate) const fn new() -> Self {
        Self {
            raw: LockPosition::Unknown,
            steady: Dwell::NEW,
            position: LockPosition::Unknown,
            lost: Dwell::NEW,
            error: Dwell::NEW,
            stale: Dwell::NEW,
            goal: Goal::Keep,
            motor: Motor::Idle,
            attempts: 0,
            stuck: false,
            failed: false,
            pending: None,
            forced: false,
        }
    }

    /// The filtered position.
    pub(crate) const fn position(&self) -> LockPosition {
        self.position
    }

    /// A forced unlock was carried out or waits.
    pub(crate) const fn forced(&self) -> bool {
        self.forced || self.pending.is_some()
    }

    /// Somebody asked for a forced unlock.
    pub(crate) fn force(&mut self, now: Instant) {
        self.pending = Some(now);
        self.retry();
    }

    /// Gives the motor its attempts again.
    pub(crate) fn retry(&mut self) {
        self.motor = Motor::Idle;
        self.attempts = 0;
    }

    /// A vehicle was plugged in: an earlier forced unlock has served its purpose.
    pub(crate) fn new_session(&mut self) {
        self.forced = false;
    }

    /// Takes the feedback; returns what is wrong.
    pub(crate) fn sense(
        &mut self,
        now: Instant,
        raw: LockPosition,
        closed: bool,
        log: &mut EventRing,
    ) -> Found {
        if raw != self.raw {
            self.raw = raw;
            self.steady = Dwell::NEW;
        }
        let span = match raw {
            LockPosition::Locked => LOCKED_MS,
            LockPosition::Unlocked | LockPosition::Unknown => UNLOCKED_MS,
            LockPosition::Missing => LOCK_MISSING_MS,
        };
        if self.steady.holds(true, now, span) && self.position != raw {
            self.position = raw;
            log.push(now, EventKind::Lock(raw));
        }
        if self.position == LockPosition::Unlocked {
            self.stuck = false;
        }
        let lost = self
            .lost
            .holds(closed && raw != LockPosition::Locked, now, UNLOCKED_MS);
        let failed = core::mem::replace(&mut self.failed, false) || lost;
        Found {
            failed,
            stuck: self.stuck,
            missing: self.position == LockPosition::Missing,
        }
    }

    /// Decides the motor's drive.
    pub(crate) fn drive(
        &mut self,
        now: Instant,
        around: &Surroundings,
        log: &mut EventRing,
    ) -> LockDrive {
        self.serve_pending(now, around, log);
        let goal = self.goal(now, around);
        if goal != self.goal {
            self.goal = goal;
            self.retry();
        }
        let (target, drive) = match goal {
            Goal::Keep => return self.rest(),
            Goal::Locked => (LockPosition::Locked, LockDrive::Lock),
            Goal::Unlocked => (LockPosition::Unlocked, LockDrive::Unlock),
        };
        if self.position == target || self.position == LockPosition::Missing {
            return self.rest();
        }
        match self.motor {
            Motor::Idle => self.begin(now, drive),
            Motor::Driving { since } if now.since(since) < LOCK_MS => drive,
            Motor::Driving { .. } => self.end_of_drive(now, goal),
            Motor::Resting { since } if now.since(since) < LOCK_REST_MS => LockDrive::Hold,
            Motor::Resting { .. } => self.begin(now, drive),
            Motor::Exhausted => LockDrive::Hold,
        }
    }

    fn rest(&mut self) -> LockDrive {
        self.retry();
        LockDrive::Hold
    }

    fn begin(&mut self, now: Instant, drive: LockDrive) -> LockDrive {
        self.motor = Motor::Driving { since: now };
        drive
    }

    fn end_of_drive(&mut self, now: Instant, goal: Goal) -> LockDrive {
        self.attempts = self.attempts.saturating_add(1);
        self.motor = Motor::Resting { since: now };
        if self.attempts >= LOCK_ATTEMPTS {
            self.motor = Motor::Exhausted;
            match goal {
                Goal::Locked => self.failed = true,
                Goal::Unlocked => self.stuck = true,
                Goal::Keep => {}
            }
        }
        LockDrive::Hold
    }

    fn serve_pending(&mut self, now: Instant, around: &Surroundings, log: &mut EventRing) {
        let Some(since) = self.pending else { return };
        if around.safe_to_unlock {
            self.pending = None;
            self.forced = true;
        } else if now.since(since) >= FORCED_UNLOCK_MS {
            self.pending = None;
            log.push(now, EventKind::UnlockRefused);
        }
        if self.forced && !around.plug_present {
            self.forced = false;
        }
    }

    fn goal(&mut self, now: Instant, around: &Surroundings) -> Goal {
        let error = matches!(around.pilot, PilotState::E | PilotState::F);
        let error_long = self.error.holds(error, now, LOCK_ERROR_RELEASE_MS);
        let stale_long = self
            .stale
            .holds(!around.permit_fresh, now, LOCK_STALE_RELEASE_MS);
        if !around.plug_present {
            self.forced = false;
        }
        if !around.safe_to_unlock || !around.settled {
            return Goal::Keep;
        }
        if self.forced || around.release_on_trip || around.failed || !around.plug_present {
            return Goal::Unlocked;
        }
        let keep_cable = around.wish == LockWish::WhileCablePresent && !stale_long;
        match around.pilot {
            PilotState::A if keep_cable => Goal::Keep,
            PilotState::A => Goal::Unlocked,
            PilotState::E | PilotState::F if error_long && !keep_cable => Goal::Unlocked,
            PilotState::E | PilotState::F => Goal::Keep,
            PilotState::B | PilotState::C | PilotState::D if !around.permit_fresh => {
                if stale_long {
                    Goal::Unlocked
                } else {
                    Goal::Keep
                }
            }
            PilotState::B | PilotState::C | PilotState::D => match around.wish {
                LockWish::WhenPlugged | LockWish::WhileCablePresent => Goal::Locked,
                LockWish::Release => Goal::Unlocked,
            },
        }
    }
}
