//! What the owner of the profiles tells about time, the installation and the bounds it wants.

use crate::limits::{
    CHARGING_CLOCK_STEP_MIN, CHARGING_CONNECTORS_MAX, CHARGING_PERIODS_MAX, CHARGING_PROFILES_MAX,
    CHARGING_STACK_LEVEL_MAX, CHARGING_VOLTAGE_DEFAULT, CHARGING_VOLTAGE_MAX, CHARGING_VOLTAGE_MIN,
};
use crate::v16::ChargingRateUnit;
use alloc::vec::Vec;
use units::{Instant, Milliamps, Millivolts, Phases, Timestamp};

/// Now, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic time since the host's start.
    pub monotonic: Instant,
    /// Wall clock; `None` while nobody has told the station the time.
    pub wall: Option<Timestamp>,
}

/// A past moment that must be found again: the start of a transaction, or the arrival of a profile.
///
/// The monotonic side is preferred, because no step of the wall clock moves it. It does not survive a restart of the
/// host; then the wall clock's side counts. If that is unknown too, the moment is taken to be the host's start: a
/// relative schedule runs again from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Monotonic milliseconds; negative for what lies before the host's start.
    pub(super) monotonic_ms: Option<i64>,
    pub(super) wall: Option<Timestamp>,
}

impl Anchor {
    /// A moment that was seen since the host's start.
    #[must_use]
    pub fn seen(at: Moment) -> Self {
        Self {
            monotonic_ms: Some(monotonic_ms(at)),
            wall: at.wall,
        }
    }

    /// A moment before the host's start; `None` if its wall-clock time was never known.
    #[must_use]
    pub const fn remembered(wall: Option<Timestamp>) -> Self {
        Self {
            monotonic_ms: None,
            wall,
        }
    }

    /// Milliseconds from the anchor to now; never negative.
    #[must_use]
    pub fn elapsed_ms(self, now: Moment) -> i64 {
        let elapsed = match (self.monotonic_ms, self.wall, now.wall) {
            (Some(then), _, _) => monotonic_ms(now).saturating_sub(then),
            (None, Some(then), Some(wall)) => {
                wall.as_unix_millis().saturating_sub(then.as_unix_millis())
            }
            _ => monotonic_ms(now),
        };
        elapsed.max(0)
    }

    /// The monotonic side counts more than the wall clock's, and that more than none. Of two equals the first stays.
    pub(super) fn is_better_than(self, other: Self) -> bool {
        let worth = |anchor: Self| (anchor.monotonic_ms.is_some(), anchor.wall.is_some());
        worth(self) > worth(other)
    }

    /// Brings the wall clock's side in line with the monotonic one, which was right if it was seen: after the time
    /// became known, or after a step of [`CHARGING_CLOCK_STEP_MIN`] or more. True if that changed it, which is worth
    /// storing.
    ///
    /// A remembered moment stays as it is: its wall clock's side is all there is.
    pub(super) fn follow(&mut self, now: Moment) -> bool {
        let Some(wall) = now.wall else {
            return false;
        };
        if self.monotonic_ms.is_none() && self.wall.is_some() {
            return false;
        }
        let then = wall.as_unix_millis().saturating_sub(self.elapsed_ms(now));
        // Neither side: from now on, the host's start as if it had been seen.
        let monotonic_ms = *self.monotonic_ms.get_or_insert(0);
        let step = match self.wall {
            None => u64::MAX,
            // What has not happened yet says nothing.
            Some(_) if monotonic_ms > self::monotonic_ms(now) => 0,
            Some(known) => known.as_unix_millis().abs_diff(then),
        };
        if step < CHARGING_CLOCK_STEP_MIN.get() {
            return false;
        }
        self.wall = Some(Timestamp::from_unix_millis(then));
        true
    }
}

fn monotonic_ms(at: Moment) -> i64 {
    i64::try_from(at.monotonic.as_millis()).unwrap_or(i64::MAX)
}

/// What a limit is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole charge point: connector 0 on the wire.
    Station,
    /// One connector, counted from 1.
    Connector(u32),
}

impl Scope {
    /// From the number on the wire; `None` if it is none.
    #[must_use]
    pub fn from_connector_id(id: i64) -> Option<Self> {
        match u32::try_from(id).ok()? {
            0 => Some(Self::Station),
            connector => Some(Self::Connector(connector)),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn connector_id(self) -> u32 {
        match self {
            Self::Station => 0,
            Self::Connector(connector) => connector,
        }
    }
}

/// Whether a connector can leave two of its phases out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhaseSwitching {
    /// It cannot. `numberPhases` cannot be obeyed then: a limit in amperes holds on every phase, and a limit in watts
    /// is divided by the phases there are, so that the power is kept.
    Fixed,
    /// From three phases to one and back. `numberPhases` of 1 or 2 means one phase.
    ThreeToOne,
}

/// A connector as the installation knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorSite {
    /// Lowest of cable, hardware, installation and operator limit, per phase. Always wins.
    pub local_limit: Milliamps,
    /// Phases that a session can use. Of the installation, unless the vehicle is known to use one only.
    pub phases: Phases,
    /// Whether it can leave phases out.
    pub switching: PhaseSwitching,
}

/// The installation, at the moment of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Line to neutral. Outside [`CHARGING_VOLTAGE_MIN`]`..=`[`CHARGING_VOLTAGE_MAX`] it is a mistake, and
    /// [`CHARGING_VOLTAGE_DEFAULT`] is used.
    pub nominal_voltage: Millivolts,
    /// What the supply of the whole station allows, per phase. Always wins.
    pub local_limit: Milliamps,
    /// Phases of the supply.
    pub phases: Phases,
    /// Connector 1 first.
    pub connectors: Vec<ConnectorSite>,
}

impl Site {
    /// The voltage that is calculated with, mV; always positive.
    #[must_use]
    pub fn voltage_mv(&self) -> i64 {
        let voltage = self.nominal_voltage;
        let used = if (CHARGING_VOLTAGE_MIN..=CHARGING_VOLTAGE_MAX).contains(&voltage) {
            voltage
        } else {
            CHARGING_VOLTAGE_DEFAULT
        };
        i64::from(used.get())
    }

    /// A connector; `None` if the station has none of that number.
    #[must_use]
    pub fn connector(&self, number: u32) -> Option<&ConnectorSite> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.connectors.get(index)
    }
}

/// Units that profiles may use: `ChargingScheduleAllowedChargingRateUnit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AllowedUnits {
    /// `Current`.
    Amperes,
    /// `Power`.
    Watts,
    /// `Current,Power`.
    Both,
}

impl AllowedUnits {
    /// Whether a profile may use the unit.
    #[must_use]
    pub const fn allow(self, unit: ChargingRateUnit) -> bool {
        match self {
            Self::Both => true,
            Self::Amperes => matches!(unit, ChargingRateUnit::Amperes),
            Self::Watts => matches!(unit, ChargingRateUnit::Watts),
        }
    }

    /// Unit of a composite schedule whose request names none.
    #[must_use]
    pub const fn preferred(self) -> ChargingRateUnit {
        match self {
            Self::Amperes | Self::Both => ChargingRateUnit::Amperes,
            Self::Watts => ChargingRateUnit::Watts,
        }
    }
}

/// What the station takes; the same numbers as its configuration keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Connectors, numbered from 1. At most [`CHARGING_CONNECTORS_MAX`] count.
    pub connectors: u32,
    /// `ChargeProfileMaxStackLevel`, at most [`CHARGING_STACK_LEVEL_MAX`].
    pub stack_level_max: u32,
    /// `ChargingScheduleMaxPeriods`, at most [`CHARGING_PERIODS_MAX`].
    pub periods_max: usize,
    /// `MaxChargingProfilesInstalled`, at most [`CHARGING_PROFILES_MAX`].
    pub profiles_max: usize,
    /// `ChargingScheduleAllowedChargingRateUnit`.
    pub units: AllowedUnits,
}

impl Capabilities {
    /// Everything this library can do, for a station of so many connectors.
    #[must_use]
    pub fn full(connectors: u32) -> Self {
        Self {
            connectors,
            stack_level_max: CHARGING_STACK_LEVEL_MAX,
            periods_max: CHARGING_PERIODS_MAX,
            profiles_max: CHARGING_PROFILES_MAX,
            units: AllowedUnits::Both,
        }
        .bounded()
    }

    /// With every number inside the library's bounds.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            connectors: self.connectors.min(CHARGING_CONNECTORS_MAX),
            stack_level_max: self.stack_level_max.min(CHARGING_STACK_LEVEL_MAX),
            periods_max: self.periods_max.min(CHARGING_PERIODS_MAX),
            profiles_max: self.profiles_max.min(CHARGING_PROFILES_MAX),
            units: self.units,
        }
    }
}
