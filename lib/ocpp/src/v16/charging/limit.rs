//! A limit, and how it comes about from a rate, a ceiling and what the installation allows.

use super::schedule::Choice;
use super::types::{ConnectorSite, PhaseSwitching, Site};
use crate::limits::DECIMAL_TENTHS_MAX;
use crate::v16::{ChargingProfilePurpose, ChargingRateUnit, Decimal};
use units::{Milliamps, Phases, Watts};

/// What a limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decider {
    /// The installation; no profile asks for less.
    Local,
    /// For the station: what its connectors may draw together.
    Connectors,
    /// A charging profile.
    Profile {
        /// Its purpose.
        purpose: ChargingProfilePurpose,
        /// Its number.
        id: i64,
    },
}

/// What may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Per phase, rounded down. Zero is a pause. May lie between zero and what a vehicle can do; the station pauses
    /// then too.
    pub current: Milliamps,
    /// Phases that may be used.
    pub phases: Phases,
    /// What it comes from.
    pub decider: Decider,
    /// `minChargingRate` of the profile that gives the connector its rate, per phase: below it the vehicle charges
    /// poorly. Advice for whoever shares power among vehicles; it never raises or lowers the limit. `None` for the
    /// station.
    pub minimum: Option<Milliamps>,
    /// Exact, so that neither unit suffers from the other: mA · mV = µW.
    power_uw: i64,
}

impl Limit {
    /// Over all phases, rounded down.
    #[must_use]
    pub fn power(&self) -> Watts {
        Watts::new(i32::try_from(self.power_uw / 1_000_000).unwrap_or(i32::MAX))
    }

    /// As a schedule says it: amperes per phase or watts over all phases, rounded down to tenths.
    #[must_use]
    pub fn in_unit(&self, unit: ChargingRateUnit) -> Decimal {
        let tenths = match unit {
            ChargingRateUnit::Amperes => i64::from(self.current.get() / 100),
            ChargingRateUnit::Watts => self.power_uw / 100_000,
        };
        // Bounded by the local limit, far below what a decimal carries.
        Decimal::from_tenths(tenths.min(DECIMAL_TENTHS_MAX)).unwrap_or(Decimal::ZERO)
    }

    /// Whether it asks for the same of the station.
    pub(super) fn same_effect(&self, other: &Self) -> bool {
        (self.current, self.phases, self.power_uw, self.minimum)
            == (other.current, other.phases, other.power_uw, other.minimum)
    }
}

/// A rate in its unit as power over phases of a voltage.
fn power_uw(rate: Decimal, unit: ChargingRateUnit, microwatts_per_ma: i64) -> i64 {
    match unit {
        ChargingRateUnit::Amperes => rate.thousandths().saturating_mul(microwatts_per_ma),
        ChargingRateUnit::Watts => rate.tenths().saturating_mul(100_000),
    }
}

impl Choice<'_> {
    fn unit(&self) -> ChargingRateUnit {
        self.installed.profile.charging_schedule.charging_rate_unit
    }

    /// A missing number means three phases.
    fn phases(&self) -> i64 {
        self.period.number_phases.unwrap_or(3)
    }

    fn decider(&self) -> Decider {
        Decider::Profile {
            purpose: self.installed.profile.charging_profile_purpose,
            id: self.installed.profile.charging_profile_id,
        }
    }
}

fn current(power_uw: i64, microwatts_per_ma: i64) -> Milliamps {
    let ma = power_uw.checked_div(microwatts_per_ma).unwrap_or(0);
    Milliamps::new(u32::try_from(ma.max(0)).unwrap_or(u32::MAX))
}

/// The limit of one connector.
pub(super) fn of_connector(
    site: &Site,
    connector: &ConnectorSite,
    rate: Option<Choice<'_>>,
    ceiling: Option<Choice<'_>>,
) -> Limit {
    let choices = [rate, ceiling];
    let fewer = choices.iter().flatten().any(|choice| choice.phases() < 3);
    let phases = match connector.switching {
        PhaseSwitching::ThreeToOne if fewer => Phases::One,
        PhaseSwitching::ThreeToOne | PhaseSwitching::Fixed => connector.phases,
    };
    let per_ma = site.voltage_mv().saturating_mul(i64::from(phases.count()));
    let mut limit = Limit {
        current: connector.local_limit,
        phases,
        decider: Decider::Local,
        minimum: rate.and_then(|rate| minimum(rate, per_ma)),
        power_uw: i64::from(connector.local_limit.get()).saturating_mul(per_ma),
    };
    for choice in choices.iter().flatten() {
        let power_uw = power_uw(choice.period.limit, choice.unit(), per_ma);
        if power_uw < limit.power_uw {
            limit.power_uw = power_uw;
            limit.current = current(power_uw, per_ma);
            limit.decider = choice.decider();
        }
    }
    limit
}

/// Rounded up, because it is a minimum.
fn minimum(choice: Choice<'_>, per_ma: i64) -> Option<Milliamps> {
    let rate = choice
        .installed
        .profile
        .charging_schedule
        .min_charging_rate?;
    let power_uw = power_uw(rate, choice.unit(), per_ma);
    Some(current(power_uw.saturating_add(per_ma - 1), per_ma))
}

/// Sums up what the connectors may draw, phase on phase: the worst case of how they are wired.
pub(super) struct Total {
    current_ma: i64,
    power_uw: i64,
}

impl Total {
    pub const ZERO: Self = Self {
        current_ma: 0,
        power_uw: 0,
    };

    pub fn add(&mut self, limit: &Limit) {
        self.current_ma += i64::from(limit.current.get());
        self.power_uw = self.power_uw.saturating_add(limit.power_uw);
    }

    /// The limit of the station: its connectors together, but no more than the ceiling and the supply allow.
    pub fn limit(self, site: &Site, ceiling: Option<Choice<'_>>) -> Limit {
        let per_ma = site
            .voltage_mv()
            .saturating_mul(i64::from(site.phases.count()));
        let local_uw = i64::from(site.local_limit.get()).saturating_mul(per_ma);
        let sum = u32::try_from(self.current_ma).unwrap_or(u32::MAX);
        let mut limit = Limit {
            current: site.local_limit,
            phases: site.phases,
            decider: Decider::Local,
            minimum: None,
            power_uw: local_uw.min(self.power_uw),
        };
        if sum < limit.current.get() {
            limit.current = Milliamps::new(sum);
            limit.decider = Decider::Connectors;
        }
        if let Some(choice) = ceiling {
            let ceiling_uw = power_uw(choice.period.limit, choice.unit(), per_ma);
            let ceiling = current(ceiling_uw, per_ma);
            limit.power_uw = limit.power_uw.min(ceiling_uw);
            if ceiling < limit.current {
                limit.current = ceiling;
                limit.decider = choice.decider();
            }
        }
        limit
    }
}
