//! The latches: what raised a trip, and the only ways it clears.

use units::{Instant, Millis};

use crate::constants::{ERROR_HOLD_MS, LOCAL_RESET_MS, NORMAL_MIN_MS};
use crate::event::{EventKind, EventRing};
use crate::profile::{BoardProfile, Ventilation};
use crate::types::{ReclosePolicy, Trip, Trips};

/// How a trip clears once its cause is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClearRule {
    /// The cause has been gone this long.
    Gone(Millis),
    /// The cause has been gone this long, or the vehicle was unplugged.
    GoneOrUnplug(Millis),
    /// As the board's reclose policy says.
    Policy(ReclosePolicy),
    /// By unplugging, or by a request to retry the actuator.
    UnplugOrRetry,
    /// By a request to retry the actuator.
    Retry,
}

/// The rule of each trip on this board. Source: domain fact sheet §1.5, §1.7–1.9, §5 (column "clear").
pub(crate) const fn rule(trip: Trip, profile: &BoardProfile) -> ClearRule {
    let reclose = &profile.reclose;
    match trip {
        Trip::ResidualCurrent | Trip::ResidualDevice => ClearRule::Policy(reclose.residual),
        Trip::ExternalRcd => ClearRule::Policy(reclose.external_rcd),
        Trip::BreakerType2 | Trip::BreakerDomestic => ClearRule::Policy(reclose.breakers),
        Trip::OverCurrent => ClearRule::Policy(reclose.over_current),
        Trip::Weld => ClearRule::Policy(reclose.weld),
        Trip::Earth | Trip::Diode | Trip::Proximity | Trip::ContactorStuckOpen | Trip::Internal => {
            ClearRule::Policy(ReclosePolicy::OnUnplug)
        }
        Trip::VentilationMissing => match profile.ventilation {
            Ventilation::NotFitted => ClearRule::Policy(ReclosePolicy::OnUnplug),
            Ventilation::Switched => ClearRule::Gone(ERROR_HOLD_MS),
        },
        Trip::PilotError => ClearRule::GoneOrUnplug(ERROR_HOLD_MS),
        Trip::OverVoltage
        | Trip::UnderVoltage
        | Trip::PhaseMissing
        | Trip::ContactorTemperature
        | Trip::SocketTemperature
        | Trip::BoardSilent => ClearRule::Gone(ERROR_HOLD_MS),
        Trip::LockFailed => ClearRule::UnplugOrRetry,
        Trip::LockStuck => ClearRule::Gone(NORMAL_MIN_MS),
        Trip::LockMissing => ClearRule::Retry,
    }
}

/// What clearing depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClearContext {
    /// Since when no vehicle has been connected.
    pub(crate) absent_since: Option<Instant>,
    /// When somebody last reset at the board itself.
    pub(crate) local_reset_at: Option<Instant>,
    /// A retry of the lock's actuator was asked for in this step.
    pub(crate) actuator_retry: bool,
}

impl ClearContext {
    /// Does the reclose policy allow it now?
    pub(crate) fn allows(&self, policy: ReclosePolicy, now: Instant) -> bool {
        let local = self
            .local_reset_at
            .is_some_and(|at| now.since(at) <= LOCAL_RESET_MS);
        local
            || match policy {
                ReclosePolicy::ManualLocal => false,
                ReclosePolicy::OnUnplug => self.absent_since.is_some(),
                ReclosePolicy::AutoDelay(delay) => self
                    .absent_since
                    .is_some_and(|since| now.since(since) >= delay),
            }
    }
}

#[derive(Debug, Clone, Copy)]
struct Latch {
    trip: Trip,
    active: bool,
    /// Since when the cause has been gone; `None` = it is there, or was never looked for.
    normal_since: Option<Instant>,
    /// A retry was asked for and the cause has not been looked at since.
    retried: bool,
}

/// All trips with their latches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TripTable {
    latches: [Latch; Trip::ALL.len()],
}

impl TripTable {
    /// A table in which `latched` are active.
    pub(crate) fn new(latched: Trips) -> Self {
        Self {
            latches: Trip::ALL.map(|trip| Latch {
                trip,
                active: latched.contains(trip),
                normal_since: None,
                retried: false,
            }),
        }
    }

    /// Notes whether the cause of `trip` is there now.
    pub(crate) fn observe(&mut self, trip: Trip, cause: bool, now: Instant, log: &mut EventRing) {
        let Some(latch) = self.latches.get_mut(trip.index()) else {
            return;
        };
        if cause {
            latch.normal_since = None;
            latch.retried = false;
            if !latch.active {
                latch.active = true;
                log.push(now, EventKind::TripRaised(trip));
            }
        } else if latch.normal_since.is_none() {
            latch.normal_since = Some(now);
        }
    }

    /// Clears what its rule allows to clear.
    pub(crate) fn clear(
        &mut self,
        now: Instant,
        profile: &BoardProfile,
        context: &ClearContext,
        log: &mut EventRing,
    ) {
        for latch in self.latches.iter_mut().filter(|latch| latch.active) {
            latch.retried |= context.actuator_retry;
            let Some(normal) = latch.normal_since else {
                continue;
            };
            let quiet = now.since(normal);
            let unplugged = context.allows(ReclosePolicy::OnUnplug, now);
            let allowed = match rule(latch.trip, profile) {
                ClearRule::Gone(span) => {
                    quiet >= span || context.allows(ReclosePolicy::ManualLocal, now)
                }
                ClearRule::GoneOrUnplug(span) => quiet >= span || unplugged,
                ClearRule::Policy(policy) => context.allows(policy, now),
                ClearRule::UnplugOrRetry => unplugged || latch.retried,
                ClearRule::Retry => {
                    latch.retried || context.allows(ReclosePolicy::ManualLocal, now)
                }
            };
            if allowed && quiet >= NORMAL_MIN_MS {
                latch.active = false;
                latch.retried = false;
                log.push(now, EventKind::TripCleared(latch.trip));
            }
        }
    }

    /// The active trips.
    pub(crate) fn set(&self) -> Trips {
        let active = self.latches.iter().filter(|latch| latch.active);
        active.fold(Trips::NONE, |set, latch| set.with(latch.trip))
    }
}
