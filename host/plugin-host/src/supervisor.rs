//! When a dead plugin is started again, and when it is left alone.

use std::collections::VecDeque;

use units::{Instant, Millis};

use crate::limits::{
    BACKOFF_FIRST_MS, BACKOFF_MAX_MS, FAILURE_WINDOW_MS, QUARANTINE_FAILURES, QUARANTINE_MS,
};

/// What is to be done with a plugin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It runs.
    Running,
    /// It is dead; start it again at this time.
    Backoff {
        /// When.
        until: Instant,
    },
    /// It failed too often; it stays out until somebody releases it, or until this time.
    Quarantined {
        /// When it gets another chance by itself.
        until: Instant,
    },
}

impl Health {
    /// In a word, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Backoff { .. } => "backing off",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}

/// Watches one plugin. Pure: the time comes with every call. It never waits for what it watches.
#[derive(Debug, Clone)]
pub struct Supervisor {
    health: Health,
    /// Recent failures, oldest first; at most [`QUARANTINE_FAILURES`].
    failures: VecDeque<Instant>,
    total_failures: u64,
    last_error: Option<String>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A plugin that has not failed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            health: Health::Running,
            failures: VecDeque::new(),
            total_failures: 0,
            last_error: None,
        }
    }

    /// The plugin failed. Returns what follows.
    ///
    /// Failures count for ten minutes; each within that window doubles the pause, and too many put it in quarantine.
    pub fn failed(&mut self, now: Instant, error: &str) -> Health {
        self.total_failures = self.total_failures.saturating_add(1);
        self.last_error = Some(error.to_owned());
        self.forget_old(now);
        self.failures.push_back(now);
        self.health = if self.failures.len() >= QUARANTINE_FAILURES {
            Health::Quarantined {
                until: now.after(Millis::new(QUARANTINE_MS)),
            }
        } else {
            let doublings = u32::try_from(self.failures.len())
                .unwrap_or(u32::MAX)
                .saturating_sub(1);
            let factor = 2_u64.saturating_pow(doublings);
            let pause = BACKOFF_FIRST_MS.saturating_mul(factor).min(BACKOFF_MAX_MS);
            Health::Backoff {
                until: now.after(Millis::new(pause)),
            }
        };
        self.health
    }

    /// Whether it may be started now. Answering yes counts as the start.
    pub fn try_restart(&mut self, now: Instant) -> bool {
        match self.health {
            Health::Running => false,
            Health::Backoff { until } | Health::Quarantined { until } if now < until => false,
            Health::Backoff { .. } => {
                self.health = Health::Running;
                true
            }
            Health::Quarantined { .. } => {
                // One failure more and it is back in quarantine; it does not start all over.
                self.failures
                    .truncate(QUARANTINE_FAILURES.saturating_sub(1));
                self.failures.iter_mut().for_each(|failure| *failure = now);
                self.health = Health::Running;
                true
            }
        }
    }

    /// Somebody (a person, a new version) gives it a fresh start.
    pub fn release(&mut self, now: Instant) {
        self.failures.clear();
        if self.health != Health::Running {
            self.health = Health::Backoff { until: now };
        }
    }

    /// How it is.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// When to ask [`Supervisor::try_restart`] again.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.health {
            Health::Running => None,
            Health::Backoff { until } | Health::Quarantined { until } => Some(until),
        }
    }

    /// Failures since the start of the station, for metrics.
    #[must_use]
    pub const fn total_failures(&self) -> u64 {
        self.total_failures
    }

    /// Last failure in words, for status.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    fn forget_old(&mut self, now: Instant) {
        let counts = |failure: &Instant| now.since(*failure).get() < FAILURE_WINDOW_MS;
        self.failures.retain(counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn pause_doubles_with_every_failure() {
        let mut supervisor = Supervisor::new();
        assert_eq!(
            supervisor.failed(at(0), "x"),
            Health::Backoff {
                until: at(BACKOFF_FIRST_MS)
            }
        );
        assert!(!supervisor.try_restart(at(BACKOFF_FIRST_MS - 1)));
        assert!(supervisor.try_restart(at(BACKOFF_FIRST_MS)));
        assert!(
            !supervisor.try_restart(at(BACKOFF_FIRST_MS)),
            "it runs already"
        );
        let second = supervisor.failed(at(1_000), "y");
        assert_eq!(
            second,
            Health::Backoff {
                until: at(1_000 + 2 * BACKOFF_FIRST_MS)
            }
        );
        assert_eq!(supervisor.last_error(), Some("y"));
    }

    fn fail_until_quarantine(supervisor: &mut Supervisor) -> Instant {
        let mut now = at(0);
        for _ in 0..=QUARANTINE_FAILURES {
            match supervisor.failed(now, "x") {
                Health::Quarantined { until } => return until,
                Health::Backoff { until } => {
                    assert!(supervisor.try_restart(until));
                    now = until;
                }
                Health::Running => panic!("it failed"),
            }
        }
        panic!("never quarantined");
    }

    #[test]
    fn repeated_failures_end_in_quarantine_that_ends_late_and_returns_at_once() {
        let mut supervisor = Supervisor::new();
        let until = fail_until_quarantine(&mut supervisor);
        assert_eq!(supervisor.total_failures(), QUARANTINE_FAILURES as u64);
        assert!(!supervisor.try_restart(at(until.as_millis() - 1)));
        assert!(supervisor.try_restart(until));
        assert!(matches!(
            supervisor.failed(until, "again"),
            Health::Quarantined { .. }
        ));
    }

    #[test]
    fn release_ends_quarantine_with_a_clean_record() {
        let mut supervisor = Supervisor::new();
        fail_until_quarantine(&mut supervisor);
        supervisor.release(at(50));
        assert!(supervisor.try_restart(at(50)));
        assert_eq!(
            supervisor.failed(at(60), "x"),
            Health::Backoff {
                until: at(60 + BACKOFF_FIRST_MS)
            }
        );
    }

    #[test]
    fn rare_failures_never_add_up() {
        let mut supervisor = Supervisor::new();
        for n in 0..100 {
            let now = at(n * FAILURE_WINDOW_MS);
            assert_eq!(
                supervisor.failed(now, "x"),
                Health::Backoff {
                    until: now.after(Millis::new(BACKOFF_FIRST_MS))
                }
            );
        }
    }
}
