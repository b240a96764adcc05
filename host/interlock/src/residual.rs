//! The residual direct current device: its self-test before charging, its trips, its reset.
//!
//! The device opens the contactor by itself, in hardware. This module keeps it open, tests the device, and resets it
//! only as the board's reclose policy allows.

use units::Instant;

use crate::constants::{
    DEVICE_FAULT_MS, RESIDUAL_RESET_GAP_MS, RESIDUAL_RESET_MS, SELF_TEST_DUE_MS,
    SELF_TEST_MAX_AGE_MS, SELF_TEST_RETRY_MS, SELF_TEST_SETTLE_MS, SELF_TEST_TIMEOUT_MS,
};
use crate::dwell::Dwell;
use crate::event::{EventKind, EventRing};
use crate::limits::RESIDUAL_RESETS;
use crate::types::{ResidualCurrent, SelfTest};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Idle,
    /// `armed`: the device has shown something else than a result, so a result is this test's.
    Running {
        since: Instant,
        armed: bool,
    },
    /// The test current is off; the output is not believed yet.
    Settling {
        since: Instant,
    },
}

/// What the rest of the interlock says about testing and resetting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// Contactor proven open and nothing offered.
    pub(crate) at_rest: bool,
    /// The reclose policy allows a reset or another test after a failure.
    pub(crate) reclose: bool,
    /// A residual trip is active.
    pub(crate) tripped: bool,
}

/// What the device makes the interlock believe and do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    /// Cause of a residual current trip.
    pub(crate) current: bool,
    /// Cause of a device trip.
    pub(crate) device: bool,
    /// Output: run the self-test.
    pub(crate) self_test: bool,
    /// Output: reset the device.
    pub(crate) reset: bool,
}

/// State of the supervision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual {
    test: Test,
    passed_at: Option<Instant>,
    /// A test without success stands until the next one passes.
    failed_at: Option<Instant>,
    fault: Dwell,
    reset_at: Option<Instant>,
    resets: u8,
}

impl Residual {
    pub(crate) const fn new() -> Self {
        Self {
            test: Test::Idle,
            passed_at: None,
            failed_at: None,
            fault: Dwell::NEW,
            reset_at: None,
            resets: 0,
        }
    }

    /// Is the last passed test young enough, and not used up by an earlier charge?
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.test == Test::Idle
            && self
                .passed_at
                .is_some_and(|at| now.since(at) < SELF_TEST_MAX_AGE_MS)
    }

    /// Must a running charge pause soon for a new test?
    pub(crate) fn must_renew(&self, now: Instant) -> bool {
        self.passed_at
            .is_none_or(|at| now.since(at) >= SELF_TEST_DUE_MS)
    }

    /// The vehicle was unplugged; `charged` uses the test up. Resets are counted from here again.
    pub(crate) fn unplugged(&mut self, charged: bool) {
        self.resets = 0;
        if charged {
            self.passed_at = None;
        }
    }

    /// Takes a reading.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        input: &ResidualCurrent,
        allowed: Allowed,
        log: &mut EventRing,
    ) -> Verdict {
        let fault = self.fault.holds(input.device_fault, now, DEVICE_FAULT_MS);
        self.advance(now, input, allowed, log);
        if self.test == Test::Idle && self.wants_test(now, input, allowed) {
            self.test = Test::Running {
                since: now,
                armed: false,
            };
            log.push(now, EventKind::SelfTestStarted);
        }
        let testing = self.test != Test::Idle;
        // A real trip ends trust in the device until it has been tested again.
        let current = input.tripped && !testing;
        if current || fault {
            self.passed_at = None;
        }
        Verdict {
            current,
            device: fault || self.failed_at.is_some(),
            self_test: matches!(self.test, Test::Running { .. }),
            reset: self.reset(now, input, allowed, testing),
        }
    }

    fn advance(
        &mut self,
        now: Instant,
        input: &ResidualCurrent,
        allowed: Allowed,
        log: &mut EventRing,
    ) {
        match self.test {
            Test::Idle => {}
            // The contactor left its rest: whatever the test says is no longer about an idle device.
            Test::Running { .. } | Test::Settling { .. } if !allowed.at_rest => {
                self.passed_at = None;
                self.test = Test::Idle;
            }
            Test::Running { since, armed } => match input.self_test {
                SelfTest::Passed if armed => {
                    self.passed_at = Some(now);
                    self.failed_at = None;
                    self.test = Test::Settling { since: now };
                    log.push(now, EventKind::SelfTestPassed);
                }
                SelfTest::Failed if armed => self.fail(now),
                SelfTest::Idle | SelfTest::Running | SelfTest::Passed | SelfTest::Failed => {
                    let shown = matches!(input.self_test, SelfTest::Idle | SelfTest::Running);
                    self.test = Test::Running {
                        since,
                        armed: armed || shown,
                    };
                    if now.since(since) >= SELF_TEST_TIMEOUT_MS {
                        self.fail(now);
                    }
                }
            },
            Test::Settling { since } => {
                if !input.tripped || now.since(since) >= SELF_TEST_SETTLE_MS {
                    self.test = Test::Idle;
                }
            }
        }
    }

    fn fail(&mut self, now: Instant) {
        self.passed_at = None;
        self.failed_at = Some(now);
        self.test = Test::Settling { since: now };
    }

    fn wants_test(&self, now: Instant, input: &ResidualCurrent, allowed: Allowed) -> bool {
        if !allowed.at_rest || input.tripped || input.device_fault || !self.must_renew(now) {
            return false;
        }
        match self.failed_at {
            None => !allowed.tripped,
            Some(at) => allowed.reclose && now.since(at) >= SELF_TEST_RETRY_MS,
        }
    }

    fn reset(
        &mut self,
        now: Instant,
        input: &ResidualCurrent,
        allowed: Allowed,
        testing: bool,
    ) -> bool {
        if let Some(at) = self.reset_at {
            if now.since(at) < RESIDUAL_RESET_MS {
                return true;
            }
            if now.since(at) < RESIDUAL_RESET_GAP_MS {
                return false;
            }
        }
        let due = allowed.tripped && allowed.reclose && input.tripped && !testing;
        if due && self.resets < RESIDUAL_RESETS {
            self.resets = self.resets.saturating_add(1);
            self.reset_at = Some(now);
            return true;
        }
        false
    }
}
