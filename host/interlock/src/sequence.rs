//! What the pilot offers and whether the contactor is closed: the sequences of the standard's Annex A.
//!
//! ```text
//!            may offer                       vehicle in C, all proven
//!   x1 ───────────────────► x2 (PWM) ─────────────────────────────► closed, x2
//!   ▲ ▲                       │  30 s without C: wake-up (once)        │
//!   │ └───────────────────────┘                                        │ offer withdrawn
//!   │                                                                  ▼
//!   └──────────── vehicle stops, or 6 s ◄───────────────────── closed, x1
//! ```
//! From anywhere: a trip, or a vehicle that leaves C and D, opens at once.

use units::{DutyCycle, Instant, Milliamps, Phases};

use crate::constants::{
    C_REENTRY_MS, FORCED_OPEN_MS, PHASE_PAUSE_MS, PWM_MIN_INTERVAL_MS, STATE_F_MIN_MS,
    WAKE_AFTER_MS, WAKE_STEP_MS, WAKE_X1_MS,
};
use crate::event::{EventKind, EventRing, OpenReason};
use crate::limits::WAKE_UPS_PER_PLUG_IN;
use crate::profile::WakeStep;
use crate::types::{PilotDrive, WakeUp};

/// What the pilot generator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Constant +12 V.
    X1,
    /// PWM.
    X2(DutyCycle),
    /// −12 V because a charge was stopped by a fault, or because the station is not available.
    F,
    /// Wake-up: the electronic unplug.
    WakeEf,
    /// Wake-up: x1 after it.
    WakeX1,
}

/// Facts that the sequence needs, gathered by the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// What may be offered now; `None` = nothing.
    pub(crate) offer: Option<DutyCycle>,
    /// Vehicle in C, or in D with ventilation running.
    pub(crate) ready: bool,
    /// Vehicle in C or D, ventilation or not.
    pub(crate) asks: bool,
    /// Everything that is needed to close, besides the offer and the vehicle.
    pub(crate) proven: bool,
    /// The permit allows a wake-up.
    pub(crate) may_wake: bool,
    /// Not available and no vehicle: hold F.
    pub(crate) unavailable: bool,
}

/// State of the sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence {
    drive: Drive,
    drive_since: Instant,
    /// Since when PWM has been on, whatever its duty.
    pwm_since: Option<Instant>,
    contactor: bool,
    phases: Phases,
    /// Last change of the offer in this plug-in.
    offer_changed: Option<Instant>,
    /// Since when the offer is withdrawn while the contactor is still closed.
    withdrawn: Option<Instant>,
    /// Last opening in this plug-in.
    opened: Option<Instant>,
    /// Has the contactor been closed in this plug-in?
    charged: bool,
    /// Offered since then, and the vehicle has not asked yet.
    waiting: Option<Instant>,
    wakes: u8,
}

impl Sequence {
    pub(crate) const fn new(phases: Phases) -> Self {
        Self {
            drive: Drive::X1,
            drive_since: Instant::ZERO,
            pwm_since: None,
            contactor: false,
            phases,
            offer_changed: None,
            withdrawn: None,
            opened: None,
            charged: false,
            waiting: None,
            wakes: 0,
        }
    }

    /// A vehicle was plugged in, or is gone: everything that counts per plug-in begins again.
    pub(crate) fn new_session(&mut self) {
        self.offer_changed = None;
        self.opened = None;
        self.charged = self.contactor;
        self.waiting = None;
        self.wakes = 0;
    }

    pub(crate) const fn contactor(&self) -> bool {
        self.contactor
    }

    pub(crate) const fn phases(&self) -> Phases {
        self.phases
    }

    pub(crate) const fn charged(&self) -> bool {
        self.charged
    }

    pub(crate) const fn drive(&self) -> Drive {
        self.drive
    }

    /// Since when PWM has been on.
    pub(crate) const fn pwm_since(&self) -> Option<Instant> {
        self.pwm_since
    }

    /// The pilot cannot be read: the station itself holds it.
    pub(crate) const fn blind(&self) -> bool {
        matches!(self.drive, Drive::F | Drive::WakeEf)
    }

    /// Current offered now.
    pub(crate) fn offered(&self) -> Milliamps {
        match self.drive {
            Drive::X2(duty) => duty.current(),
            Drive::X1 | Drive::F | Drive::WakeEf | Drive::WakeX1 => Milliamps::ZERO,
        }
    }

    /// Wake-up progress.
    pub(crate) const fn wake_up(&self) -> WakeUp {
        match (self.drive, self.wakes) {
            (Drive::WakeEf | Drive::WakeX1, _) => WakeUp::Running,
            (Drive::X1 | Drive::X2(_) | Drive::F, 0) => WakeUp::NotTried,
            (Drive::X1 | Drive::X2(_) | Drive::F, _) => WakeUp::Done,
        }
    }

    /// What the board is told about the pilot.
    pub(crate) const fn pilot(&self, step: WakeStep) -> PilotDrive {
        match self.drive {
            Drive::X1 | Drive::WakeX1 => PilotDrive::Constant,
            Drive::X2(duty) => PilotDrive::Pwm(duty),
            Drive::F => PilotDrive::StateF,
            Drive::WakeEf => match step {
                WakeStep::DisconnectPilot => PilotDrive::StateE,
                WakeStep::StateF => PilotDrive::StateF,
            },
        }
    }

    /// Opens, at once.
    pub(crate) fn open(&mut self, now: Instant, reason: OpenReason, log: &mut EventRing) {
        if self.contactor {
            self.contactor = false;
            self.opened = Some(now);
            self.withdrawn = None;
            log.push(now, EventKind::ContactorOpen(reason));
        }
    }

    /// A trip came up: withdraws the offer; with `hold_f` the pilot is held at F for a while (§1.4, sequence 12).
    pub(crate) fn trip(&mut self, now: Instant, hold_f: bool, log: &mut EventRing) {
        let drive = if hold_f { Drive::F } else { Drive::X1 };
        self.become_drive(now, drive, log);
    }

    /// Chooses the phases: at once before the first charge of a plug-in, after a pause otherwise. True while the
    /// offer must be withdrawn for it.
    pub(crate) fn switch_phases(
        &mut self,
        now: Instant,
        wanted: Phases,
        log: &mut EventRing,
    ) -> bool {
        if wanted == self.phases {
            return false;
        }
        if self.contactor {
            return true;
        }
        // Both must have rested: the contactor since it opened, the pilot since x1.
        let rested = |since: Instant| now.since(since) >= PHASE_PAUSE_MS;
        let paused =
            self.drive == Drive::X1 && rested(self.drive_since) && self.opened.is_none_or(rested);
        if !self.charged || paused {
            self.phases = wanted;
            log.push(now, EventKind::PhasesSwitched(wanted));
            return false;
        }
        true
    }

    /// Advances by one step: pilot first, then the contactor.
    pub(crate) fn advance(&mut self, now: Instant, facts: &Facts, log: &mut EventRing) {
        self.advance_drive(now, facts, log);
        if self.contactor {
            self.force_open(now, log);
        } else {
            self.try_close(now, facts, log);
        }
        if facts.asks || !matches!(self.drive, Drive::X2(_)) {
            self.waiting = None;
        }
    }

    fn advance_drive(&mut self, now: Instant, facts: &Facts, log: &mut EventRing) {
        let age = now.since(self.drive_since);
        match self.drive {
            Drive::F if facts.unavailable || age < STATE_F_MIN_MS => {}
            Drive::F => self.become_drive(now, Drive::X1, log),
            Drive::X1 if facts.unavailable && !self.contactor => {
                self.become_drive(now, Drive::F, log);
            }
            Drive::X1 => {
                if let Some(duty) = facts.offer.filter(|_| self.may_raise(now)) {
                    self.become_drive(now, Drive::X2(duty), log);
                    self.waiting = Some(now);
                }
            }
            Drive::X2(present) => self.advance_offer(now, present, facts, log),
            Drive::WakeEf | Drive::WakeX1 if facts.offer.is_none() => {
                self.become_drive(now, Drive::X1, log);
            }
            Drive::WakeEf if age >= WAKE_STEP_MS => self.become_drive(now, Drive::WakeX1, log),
            Drive::WakeEf => {}
            Drive::WakeX1 if age >= WAKE_X1_MS => {
                if let Some(duty) = facts.offer {
                    self.become_drive(now, Drive::X2(duty), log);
                }
            }
            Drive::WakeX1 => {}
        }
    }

    fn advance_offer(
        &mut self,
        now: Instant,
        present: DutyCycle,
        facts: &Facts,
        log: &mut EventRing,
    ) {
        let Some(duty) = facts.offer else {
            self.become_drive(now, Drive::X1, log);
            return;
        };
        let slept = self
            .waiting
            .is_some_and(|since| now.since(since) >= WAKE_AFTER_MS);
        if slept
            && facts.may_wake
            && self.wakes < WAKE_UPS_PER_PLUG_IN
            && !self.contactor
            && !facts.asks
        {
            self.wakes = self.wakes.saturating_add(1);
            log.push(now, EventKind::WakeUpStarted);
            self.become_drive(now, Drive::WakeEf, log);
        } else if duty < present || (duty > present && self.may_raise(now)) {
            // Less is always at once: it can only make things safer. More waits (ADR 0001).
            self.become_drive(now, Drive::X2(duty), log);
        }
    }

    fn may_raise(&self, now: Instant) -> bool {
        self.offer_changed
            .is_none_or(|at| now.since(at) >= PWM_MIN_INTERVAL_MS)
    }

    fn become_drive(&mut self, now: Instant, drive: Drive, log: &mut EventRing) {
        let before = self.offered();
        if drive == self.drive {
            return;
        }
        self.drive = drive;
        self.drive_since = now;
        self.pwm_since = matches!(drive, Drive::X2(_)).then(|| self.pwm_since.unwrap_or(now));
        if self.offered() != before {
            self.offer_changed = Some(now);
            log.push(now, EventKind::Offer(self.offered()));
        }
    }

    fn force_open(&mut self, now: Instant, log: &mut EventRing) {
        if matches!(self.drive, Drive::X2(_)) {
            self.withdrawn = None;
            return;
        }
        let since = *self.withdrawn.get_or_insert(now);
        if now.since(since) >= FORCED_OPEN_MS {
            self.open(now, OpenReason::ForcedOpen, log);
        }
    }

    fn try_close(&mut self, now: Instant, facts: &Facts, log: &mut EventRing) {
        let rested = self.opened.is_none_or(|at| now.since(at) >= C_REENTRY_MS);
        let offering = matches!(self.drive, Drive::X2(_)) && facts.offer.is_some();
        if offering && facts.ready && facts.proven && rested {
            self.contactor = true;
            self.charged = true;
            self.withdrawn = None;
            log.push(now, EventKind::ContactorClose(self.phases));
        }
    }
}
