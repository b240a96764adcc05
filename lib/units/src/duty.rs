//! The duty cycle of the control pilot and its two conversions.

use core::fmt;

use crate::Milliamps;

/// A pilot duty cycle in tenths of a percent, 0 to 1000.
///
/// One tenth is one microsecond of the 1 kHz pilot, the resolution of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DutyCycle(u16);

/// What a duty cycle tells the vehicle.
///
/// Source: domain fact sheet §1.2 (duty → current, EV view).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DutyMeaning {
    /// Charging is not allowed.
    NotAllowed,
    /// 3–7 %: a digital channel decides; no charging without it.
    Digital,
    /// The highest current the vehicle may draw.
    Current(Milliamps),
    /// 100 %: a constant positive level, no offer (state x1).
    NoOffer,
}

/// A duty cycle above 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DutyOutOfRange(pub u16);

impl fmt::Display for DutyOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "duty cycle of {} tenths of a percent; the range is 0 to 1000", self.0)
    }
}

impl DutyCycle {
    /// Constant positive level: no offer.
    pub const NO_OFFER: Self = Self(1_000);

    /// Wraps tenths of a percent.
    ///
    /// # Errors
    /// [`DutyOutOfRange`] above 1000.
    pub const fn try_from_tenths(tenths: u16) -> Result<Self, DutyOutOfRange> {
        if tenths > 1_000 { Err(DutyOutOfRange(tenths)) } else { Ok(Self(tenths)) }
    }

    /// Tenths of a percent.
    #[must_use]
    pub const fn tenths(self) -> u16 {
        self.0
    }
}
