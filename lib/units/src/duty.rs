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
        write!(
            f,
            "duty cycle of {} tenths of a percent; the range is 0 to 1000",
            self.0
        )
    }
}

/// Below this a vehicle may not be offered anything: 6 A.
const OFFER_MIN_MA: u32 = 6_000;
/// End of the first rule (85 %): 51 A.
const LOW_RULE_MAX_MA: u32 = 51_000;
/// From here the second rule gives more than 85 %: 52.5 A.
const HIGH_RULE_MIN_MA: u32 = 52_500;
/// Highest current a duty cycle can tell (96 %): 80 A.
const OFFER_MAX_MA: u32 = 80_000;
/// First rule: milliamperes per tenth of a percent (0.6 A per percent).
const LOW_RULE_MA_PER_TENTH: u32 = 60;
/// Second rule: milliamperes per tenth of a percent (2.5 A per percent).
const HIGH_RULE_MA_PER_TENTH: u32 = 250;
/// Second rule: offset in tenths (64 %).
const HIGH_RULE_OFFSET: u16 = 640;
/// Last tenth of the first rule, 85 %.
const LOW_RULE_LAST_TENTH: u16 = 850;

impl DutyCycle {
    /// Constant positive level: no offer.
    pub const NO_OFFER: Self = Self(1_000);

    /// Wraps tenths of a percent.
    ///
    /// # Errors
    /// [`DutyOutOfRange`] above 1000.
    pub const fn try_from_tenths(tenths: u16) -> Result<Self, DutyOutOfRange> {
        if tenths > 1_000 {
            Err(DutyOutOfRange(tenths))
        } else {
            Ok(Self(tenths))
        }
    }

    /// Tenths of a percent.
    #[must_use]
    pub const fn tenths(self) -> u16 {
        self.0
    }

    /// The duty cycle that offers at most `current`; `None` below 6 A, where nothing can be offered.
    ///
    /// Rounded down to a tenth, so that a vehicle never reads more than `current`. Above 51 A and below 52.5 A the
    /// 51 A duty cycle is used, because the second rule would be read by the first one there; above 80 A the 80 A one.
    ///
    /// Source: domain fact sheet §1.2 (current → duty, EVSE view).
    #[must_use]
    pub fn offering(current: Milliamps) -> Option<Self> {
        let ma = current.get().min(OFFER_MAX_MA);
        if ma < OFFER_MIN_MA {
            return None;
        }
        let (raw, offset) = if ma < HIGH_RULE_MIN_MA {
            (ma.min(LOW_RULE_MAX_MA) / LOW_RULE_MA_PER_TENTH, 0)
        } else {
            (ma / HIGH_RULE_MA_PER_TENTH, HIGH_RULE_OFFSET)
        };
        // Both quotients are below 1000; the conversion cannot fail, and if it did nothing would be offered.
        let tenths = u16::try_from(raw).ok()?.checked_add(offset)?;
        Self::try_from_tenths(tenths).ok()
    }

    /// What a vehicle reads from this duty cycle.
    ///
    /// Source: domain fact sheet §1.2 (duty → current, EV view).
    #[must_use]
    pub fn meaning(self) -> DutyMeaning {
        match self.0 {
            30..=70 => DutyMeaning::Digital,
            80..100 => DutyMeaning::Current(Milliamps::new(OFFER_MIN_MA)),
            100..=LOW_RULE_LAST_TENTH => {
                DutyMeaning::Current(Milliamps::new(u32::from(self.0) * LOW_RULE_MA_PER_TENTH))
            }
            851..=960 => {
                let steps = u32::from(self.0.saturating_sub(HIGH_RULE_OFFSET));
                DutyMeaning::Current(Milliamps::new(steps * HIGH_RULE_MA_PER_TENTH))
            }
            961..=970 => DutyMeaning::Current(Milliamps::new(OFFER_MAX_MA)),
            1_000 => DutyMeaning::NoOffer,
            // < 3 %, 7–8 %, 97–100 %; values above 1000 cannot be made.
            _ => DutyMeaning::NotAllowed,
        }
    }

    /// Highest current a vehicle may draw at this duty cycle; zero where it may draw none by the pilot alone.
    #[must_use]
    pub fn current(self) -> Milliamps {
        match self.meaning() {
            DutyMeaning::Current(current) => current,
            DutyMeaning::NotAllowed | DutyMeaning::Digital | DutyMeaning::NoOffer => {
                Milliamps::ZERO
            }
        }
    }
}
