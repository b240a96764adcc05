//! Whether a charging profile may be installed.

use super::types::{Capabilities, Moment, Scope};
use crate::limits::CHARGING_SECONDS_MAX;
use crate::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ChargingProfileStatus,
    ChargingSchedule,
};
use core::fmt;

/// Why a charging profile was not installed. Nothing of the store has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The station has no such connector.
    UnknownConnector,
    /// A ChargePointMaxProfile is for connector 0 only.
    NotForConnector,
    /// A TxProfile is for a connector, not for connector 0.
    NotForStation,
    /// A TxProfile needs a running transaction on its connector.
    NoTransaction,
    /// The transaction that runs there has another number, or none yet because the backend was not told of it.
    OtherTransaction,
    /// A remote start takes a TxProfile only.
    NotTxProfile,
    /// Stack level below zero or above `ChargeProfileMaxStackLevel`.
    StackLevel,
    /// Unit that `ChargingScheduleAllowedChargingRateUnit` does not name.
    Unit,
    /// No period, or more than `ChargingScheduleMaxPeriods`.
    PeriodCount,
    /// The first period does not begin at 0.
    FirstPeriod,
    /// A period does not begin later than the one before, or begins beyond [`CHARGING_SECONDS_MAX`].
    PeriodOrder,
    /// A limit, or the minimum rate, is below zero.
    NegativeLimit,
    /// Other than 1, 2 or 3 phases.
    Phases,
    /// Duration below zero or beyond [`CHARGING_SECONDS_MAX`].
    Duration,
    /// A recurring profile without its recurrency kind.
    NoRecurrency,
    /// A recurring profile with neither startSchedule nor validFrom: nobody knows when its day begins.
    NoStart,
    /// It ends before it begins.
    Validity,
    /// Its validity is over already.
    Expired,
    /// `MaxChargingProfilesInstalled` profiles are installed.
    Full,
}

impl Refusal {
    /// The status to answer with.
    #[must_use]
    pub const fn status(self) -> ChargingProfileStatus {
        ChargingProfileStatus::Rejected
    }

    const fn text(self) -> &'static str {
        match self {
            Self::UnknownConnector => "the station has no such connector",
            Self::NotForConnector => "a ChargePointMaxProfile is for connector 0 only",
            Self::NotForStation => "a TxProfile is not for connector 0",
            Self::NoTransaction => "no transaction runs on that connector",
            Self::OtherTransaction => "another transaction runs on that connector",
            Self::NotTxProfile => "a remote start takes a TxProfile only",
            Self::StackLevel => "stack level outside the allowed range",
            Self::Unit => "charging rate unit is not allowed here",
            Self::PeriodCount => "no period, or too many",
            Self::FirstPeriod => "the first period does not begin at 0",
            Self::PeriodOrder => "a period does not begin later than the one before",
            Self::NegativeLimit => "a limit is below zero",
            Self::Phases => "numberPhases is not 1, 2 or 3",
            Self::Duration => "duration outside the allowed range",
            Self::NoRecurrency => "a recurring profile needs its recurrencyKind",
            Self::NoStart => "a recurring profile needs startSchedule or validFrom",
            Self::Validity => "validTo is not later than validFrom",
            Self::Expired => "validTo has passed",
            Self::Full => "as many profiles as fit are installed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Refusal {}

/// Checks purpose against place.
pub(super) fn check_place(
    profile: &ChargingProfile,
    scope: Scope,
    capabilities: &Capabilities,
) -> Result<(), Refusal> {
    if scope.connector_id() > capabilities.connectors {
        return Err(Refusal::UnknownConnector);
    }
    match (profile.charging_profile_purpose, scope) {
        (ChargingProfilePurpose::ChargePointMaxProfile, Scope::Connector(_)) => {
            Err(Refusal::NotForConnector)
        }
        (ChargingProfilePurpose::TxProfile, Scope::Station) => Err(Refusal::NotForStation),
        (
            ChargingProfilePurpose::ChargePointMaxProfile
            | ChargingProfilePurpose::TxDefaultProfile
            | ChargingProfilePurpose::TxProfile,
            Scope::Station | Scope::Connector(_),
        ) => Ok(()),
    }
}

/// Checks what does not depend on time, place or what else is installed.
pub(super) fn check_form(
    profile: &ChargingProfile,
    capabilities: &Capabilities,
) -> Result<(), Refusal> {
    let level_fits =
        u32::try_from(profile.stack_level).is_ok_and(|level| level <= capabilities.stack_level_max);
    if !level_fits {
        return Err(Refusal::StackLevel);
    }
    check_schedule(&profile.charging_schedule, capabilities)?;
    if profile.charging_profile_kind == ChargingProfileKind::Recurring {
        if profile.recurrency_kind.is_none() {
            return Err(Refusal::NoRecurrency);
        }
        if profile.charging_schedule.start_schedule.is_none() && profile.valid_from.is_none() {
            return Err(Refusal::NoStart);
        }
    }
    match (profile.valid_from, profile.valid_to) {
        (Some(from), Some(to)) if to <= from => Err(Refusal::Validity),
        _ => Ok(()),
    }
}

fn check_schedule(schedule: &ChargingSchedule, capabilities: &Capabilities) -> Result<(), Refusal> {
    if !capabilities.units.allow(schedule.charging_rate_unit) {
        return Err(Refusal::Unit);
    }
    let periods = &schedule.charging_schedule_period;
    if periods.is_empty() || periods.len() > capabilities.periods_max {
        return Err(Refusal::PeriodCount);
    }
    let mut before = None;
    for period in periods {
        match before {
            None if period.start_period != 0 => return Err(Refusal::FirstPeriod),
            Some(before) if period.start_period <= before => return Err(Refusal::PeriodOrder),
            _ => before = Some(period.start_period),
        }
        if period.start_period > CHARGING_SECONDS_MAX {
            return Err(Refusal::PeriodOrder);
        }
        if period.limit.tenths() < 0 {
            return Err(Refusal::NegativeLimit);
        }
        if period.number_phases.is_some_and(|n| !(1..=3).contains(&n)) {
            return Err(Refusal::Phases);
        }
    }
    if schedule
        .min_charging_rate
        .is_some_and(|rate| rate.tenths() < 0)
    {
        return Err(Refusal::NegativeLimit);
    }
    match schedule.duration {
        Some(duration) if !(0..=CHARGING_SECONDS_MAX).contains(&duration) => Err(Refusal::Duration),
        _ => Ok(()),
    }
}

/// A profile that is over is refused rather than accepted and ignored.
pub(super) fn check_time(profile: &ChargingProfile, now: Moment) -> Result<(), Refusal> {
    match (profile.valid_to, now.wall) {
        (Some(to), Some(wall)) if to <= wall => Err(Refusal::Expired),
        _ => Ok(()),
    }
}
