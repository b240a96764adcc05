//! The moving parts of a simulated board: contactor, lock motor, residual current device.

use interlock::{Contact, LockDrive, LockPosition, SelfTest};

use super::fault::{FaultSet, SimFault};

/// Main contacts close this long after the coil is energised.
const CLOSE_MS: u64 = 20;
/// Main contacts open this long after the coil is released.
const OPEN_MS: u64 = 15;
/// The mirror contact follows the main contacts after this.
const MIRROR_MS: u64 = 5;
/// The lock's bolt needs this long from end to end.
const LOCK_TRAVEL_MS: u64 = 1_000;
/// The residual current device's self-test takes this long.
const SELF_TEST_MS: u64 = 3_000;
/// The result of a self-test stays readable at least this long.
const SELF_TEST_SHOWN_MS: u64 = 1_000;

/// A contactor with a mirror contact.
#[derive(Debug, Clone, Default)]
pub(super) struct Contactor {
    closed: bool,
    mirror: bool,
    moving_ms: u64,
    mirror_ms: u64,
}

impl Contactor {
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// `coil` is what reaches the coil: the command, unless the residual current device cuts it in hardware.
    pub(super) fn step(&mut self, dt_ms: u64, coil: bool, faults: FaultSet) {
        let welded = faults.has(SimFault::ContactorWelded);
        let wanted = welded || (coil && !faults.has(SimFault::ContactorStuckOpen));
        if wanted == self.closed {
            self.moving_ms = 0;
        } else {
            self.moving_ms += dt_ms;
            if self.moving_ms >= if wanted { CLOSE_MS } else { OPEN_MS } {
                self.closed = wanted;
                self.moving_ms = 0;
                self.mirror_ms = 0;
            }
        }
        if self.mirror != self.closed {
            self.mirror_ms += dt_ms;
            if self.mirror_ms >= MIRROR_MS {
                self.mirror = self.closed;
            }
        }
    }

    pub(super) fn feedback(&self, faults: FaultSet) -> Contact {
        let closed = if faults.has(SimFault::MirrorStuckOpen) {
            false
        } else {
            self.mirror || faults.has(SimFault::MirrorStuckClosed)
        };
        contact(closed)
    }
}

pub(super) const fn contact(closed: bool) -> Contact {
    if closed {
        Contact::Closed
    } else {
        Contact::Open
    }
}

/// A lock motor with end switches.
#[derive(Debug, Clone, Default)]
pub(super) struct LockMotor {
    /// 0 = unlocked, [`LOCK_TRAVEL_MS`] = locked.
    bolt_ms: u64,
}

impl LockMotor {
    pub(super) fn step(&mut self, dt_ms: u64, drive: LockDrive, faults: FaultSet) {
        if faults.has(SimFault::LockJammed) || faults.has(SimFault::LockMissing) {
            return;
        }
        self.bolt_ms = match drive {
            LockDrive::Hold => self.bolt_ms,
            LockDrive::Lock => (self.bolt_ms + dt_ms).min(LOCK_TRAVEL_MS),
            LockDrive::Unlock => self.bolt_ms.saturating_sub(dt_ms),
        };
    }

    pub(super) const fn position(&self, faults: FaultSet) -> LockPosition {
        match self.bolt_ms {
            _ if faults.has(SimFault::LockMissing) => LockPosition::Missing,
            0 => LockPosition::Unlocked,
            LOCK_TRAVEL_MS.. => LockPosition::Locked,
            _ => LockPosition::Unknown,
        }
    }

    /// The plug is held: any position but fully unlocked.
    pub(super) const fn holds(&self, faults: FaultSet) -> bool {
        self.bolt_ms > 0 && !faults.has(SimFault::LockMissing)
    }

    /// Puts the bolt where it was before a restart of the simulation.
    pub(super) const fn restore(&mut self, locked: bool) {
        self.bolt_ms = if locked { LOCK_TRAVEL_MS } else { 0 };
    }
}

/// A residual direct current device. A trip stays until it is reset and its cause is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct ResidualDevice {
    tripped: bool,
    test: Test,
    reset_before: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum Test {
    #[default]
    Idle,
    Running {
        ms: u64,
    },
    Done {
        passed: bool,
        ms: u64,
    },
}

impl ResidualDevice {
    pub(super) fn step(&mut self, dt_ms: u64, test: bool, reset: bool, faults: FaultSet) {
        let cause = faults.has(SimFault::ResidualTrip);
        if cause {
            self.tripped = true;
        } else if reset && !self.reset_before {
            self.tripped = false;
        }
        self.reset_before = reset;
        self.test = match self.test {
            Test::Idle if test => Test::Running { ms: 0 },
            Test::Idle => Test::Idle,
            Test::Running { ms } if ms + dt_ms >= SELF_TEST_MS => {
                let broken = faults.has(SimFault::ResidualSelfTestFails)
                    || faults.has(SimFault::ResidualBroken);
                Test::Done {
                    passed: !broken,
                    ms: 0,
                }
            }
            Test::Running { ms } => Test::Running { ms: ms + dt_ms },
            Test::Done { ms, .. } if !test && ms + dt_ms >= SELF_TEST_SHOWN_MS => Test::Idle,
            Test::Done { passed, ms } => Test::Done {
                passed,
                ms: ms + dt_ms,
            },
        };
    }

    pub(super) const fn tripped(&self) -> bool {
        self.tripped
    }

    pub(super) const fn self_test(&self) -> SelfTest {
        match self.test {
            Test::Idle => SelfTest::Idle,
            Test::Running { .. } => SelfTest::Running,
            Test::Done { passed: true, .. } => SelfTest::Passed,
            Test::Done { passed: false, .. } => SelfTest::Failed,
        }
    }
}
