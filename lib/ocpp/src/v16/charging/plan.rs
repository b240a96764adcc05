//! The limits of a station over time, as seen from one moment.

use super::limit::{Limit, Total, of_connector};
use super::profiles::ProfileStore;
use super::schedule::{NEVER, Placed, Walk, needs_wall, sort};
use super::types::{ConnectorSite, Moment, Scope, Site};
use crate::limits::{CHARGING_LOOKAHEAD_STEPS_MAX, COMPOSITE_PERIODS_MAX, COMPOSITE_STEPS_MAX};
use crate::v16::{
    ChargingProfilePurpose, ChargingRateUnit, ChargingSchedule, ChargingSchedulePeriod,
    GenericStatus, GetCompositeScheduleRequest, GetCompositeScheduleResponse,
};
use alloc::vec::Vec;
use core::fmt;
use units::{Millis, Timestamp};

/// Why there is no composite schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoComposite {
    /// The station has no such connector.
    UnknownConnector,
    /// Nobody knows what time it is, so the schedule could not say when it starts.
    NoWallClock,
    /// A duration of zero or less.
    Duration,
}

impl fmt::Display for NoComposite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownConnector => "the station has no such connector",
            Self::NoWallClock => "the wall clock is unknown",
            Self::Duration => "the duration is not positive",
        })
    }
}

impl core::error::Error for NoComposite {}

/// The limits over time, as seen from one moment ([`ProfileStore::plan`]).
///
/// Good until a profile, a transaction, the installation or the wall clock changes; then make a new one, which is
/// cheap. Times are given as time after that moment. For a connector without a transaction it is assumed that one
/// starts at that moment.
#[derive(Debug)]
pub struct Plan<'a> {
    site: &'a Site,
    now: Moment,
    preferred: ChargingRateUnit,
    ceiling: Vec<Placed<'a>>,
    /// Of connector 1 first.
    rates: Vec<Vec<Placed<'a>>>,
    undated: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(store: &'a ProfileStore, now: Moment, site: &'a Site) -> Self {
        let mut ceiling: Vec<_> = store
            .profiles()
            .filter(|installed| {
                installed.profile.charging_profile_purpose
                    == ChargingProfilePurpose::ChargePointMaxProfile
            })
            .filter_map(|installed| Placed::new(installed, now, 0))
            .collect();
        sort(&mut ceiling);
        let rates = (1..)
            .zip(&site.connectors)
            .map(|(connector, _)| rates_of(store, now, connector))
            .collect();
        let undated = match now.wall {
            Some(_) => 0,
            None => store
                .profiles()
                .filter(|installed| needs_wall(installed))
                .count(),
        };
        Self {
            site,
            now,
            preferred: store.capabilities().units.preferred(),
            ceiling,
            rates,
            undated,
        }
    }

    /// Profiles that hold nothing now because they name a time and the wall clock is unknown. Worth a line in the log.
    #[must_use]
    pub const fn undated(&self) -> usize {
        self.undated
    }

    /// The limit that holds now; `None` if the station has no such connector.
    #[must_use]
    pub fn limit(&self, scope: Scope) -> Option<Limit> {
        self.limit_after(scope, Millis::ZERO)
    }

    /// The limit that will hold after some time; `None` if the station has no such connector.
    #[must_use]
    pub fn limit_after(&self, scope: Scope, after: Millis) -> Option<Limit> {
        let mut sweep = Sweep::new(self, scope)?;
        Some(sweep.at(offset(after)).0)
    }

    /// After which time the limit is not the one any more that holds `after` some time; `None` if it holds for ever.
    ///
    /// It never changes before. Where a great many periods are alike, a time may be given at which it only might.
    #[must_use]
    pub fn next_change(&self, scope: Scope, after: Millis) -> Option<Millis> {
        let mut sweep = Sweep::new(self, scope)?;
        let (limit, mut until) = sweep.at(offset(after));
        for _ in 0..CHARGING_LOOKAHEAD_STEPS_MAX {
            if until == NEVER {
                return None;
            }
            let (next, good_until) = sweep.at(until);
            if !next.same_effect(&limit) {
                break;
            }
            until = good_until;
        }
        (until != NEVER).then(|| Millis::new(u64::try_from(until).unwrap_or(0)))
    }

    /// The composite schedule from `after` some time on: the value at each whole second of it is the limit that holds
    /// at that second, in the unit asked for.
    ///
    /// Neighbouring periods that are alike are one. More than [`COMPOSITE_PERIODS_MAX`] are cut, and the duration says
    /// so.
    ///
    /// Errors: why there is none.
    pub fn composite(
        &self,
        scope: Scope,
        after: Millis,
        duration_s: i64,
        unit: ChargingRateUnit,
    ) -> Result<ChargingSchedule, NoComposite> {
        let mut sweep = Sweep::new(self, scope).ok_or(NoComposite::UnknownConnector)?;
        let wall = self.now.wall.ok_or(NoComposite::NoWallClock)?;
        if duration_s <= 0 {
            return Err(NoComposite::Duration);
        }
        let start = offset(after);
        let mut periods: Vec<ChargingSchedulePeriod> = Vec::new();
        let mut second = 0;
        for _ in 0..COMPOSITE_STEPS_MAX {
            if second >= duration_s {
                break;
            }
            let time = start.saturating_add(second.saturating_mul(1_000));
            let (limit, until) = sweep.at(time);
            let period = ChargingSchedulePeriod {
                start_period: second,
                limit: limit.in_unit(unit),
                number_phases: Some(i64::from(limit.phases.count())),
            };
            let alike = periods.last().is_some_and(|last| {
                (last.limit, last.number_phases) == (period.limit, period.number_phases)
            });
            if !alike {
                if periods.len() == COMPOSITE_PERIODS_MAX {
                    break;
                }
                periods.push(period);
            }
            second = match until {
                NEVER => duration_s,
                // The first whole second that is not before the change.
                until => until
                    .saturating_sub(start)
                    .saturating_add(999)
                    .div_euclid(1_000),
            };
        }
        let start_ms = wall.as_unix_millis().saturating_add(start);
        Ok(ChargingSchedule {
            duration: Some(second.min(duration_s)),
            start_schedule: Some(Timestamp::from_unix_millis(start_ms)),
            charging_rate_unit: unit,
            charging_schedule_period: periods,
            min_charging_rate: None,
        })
    }

    /// Answers GetCompositeSchedule: accepted with the schedule from now on, or rejected.
    #[must_use]
    pub fn answer(&self, request: &GetCompositeScheduleRequest) -> GetCompositeScheduleResponse {
        let unit = request.charging_rate_unit.unwrap_or(self.preferred);
        let schedule = Scope::from_connector_id(request.connector_id)
            .ok_or(NoComposite::UnknownConnector)
            .and_then(|scope| self.composite(scope, Millis::ZERO, request.duration, unit));
        match schedule {
            Ok(schedule) => GetCompositeScheduleResponse {
                status: GenericStatus::Accepted,
                connector_id: Some(request.connector_id),
                schedule_start: schedule.start_schedule,
                charging_schedule: Some(schedule),
            },
            Err(_) => GetCompositeScheduleResponse {
                status: GenericStatus::Rejected,
                connector_id: None,
                schedule_start: None,
                charging_schedule: None,
            },
        }
    }
}

fn offset(after: Millis) -> i64 {
    i64::try_from(after.get()).unwrap_or(NEVER)
}

/// What gives a connector its rate, in the order of asking.
fn rates_of(store: &ProfileStore, now: Moment, connector: u32) -> Vec<Placed<'_>> {
    let running = store.running_on(connector);
    let elapsed_ms = running.map_or(0, |running| running.started.elapsed_ms(now));
    let mut rates: Vec<_> = store
        .profiles()
        .filter(
            |installed| match installed.profile.charging_profile_purpose {
                ChargingProfilePurpose::ChargePointMaxProfile => false,
                ChargingProfilePurpose::TxDefaultProfile => match installed.scope {
                    Scope::Station => true,
                    Scope::Connector(own) => own == connector,
                },
                ChargingProfilePurpose::TxProfile => {
                    installed.scope == Scope::Connector(connector)
                        && running.is_some_and(|run| installed.transaction == Some(run.transaction))
                }
            },
        )
        .filter_map(|installed| Placed::new(installed, now, elapsed_ms))
        .collect();
    sort(&mut rates);
    rates
}

/// Walks along all that matters to a scope; the times asked for must not go back.
struct Sweep<'p, 'a> {
    site: &'a Site,
    whole_station: bool,
    ceiling: Walk<'p, 'a>,
    rates: Vec<(&'a ConnectorSite, Walk<'p, 'a>)>,
}

impl<'p, 'a> Sweep<'p, 'a> {
    fn new(plan: &'p Plan<'a>, scope: Scope) -> Option<Self> {
        let site = plan.site;
        let all = site.connectors.iter().zip(&plan.rates);
        let (skip, take) = match scope {
            Scope::Station => (0, usize::MAX),
            Scope::Connector(connector) => {
                site.connector(connector)?;
                (usize::try_from(connector).ok()?.checked_sub(1)?, 1)
            }
        };
        Some(Self {
            site,
            whole_station: scope == Scope::Station,
            ceiling: Walk::new(&plan.ceiling),
            rates: all
                .skip(skip)
                .take(take)
                .map(|(connector, stack)| (connector, Walk::new(stack)))
                .collect(),
        })
    }

    /// The limit at a time, and until when (exclusive) it is good.
    fn at(&mut self, time: i64) -> (Limit, i64) {
        let (ceiling, mut until) = self.ceiling.at(time);
        let mut total = Total::ZERO;
        for (connector, walk) in &mut self.rates {
            let (rate, good_until) = walk.at(time);
            until = until.min(good_until);
            let limit = of_connector(self.site, connector, rate, ceiling);
            if !self.whole_station {
                return (limit, until);
            }
            total.add(&limit);
        }
        (total.limit(self.site, ceiling), until)
    }
}
