//! The causes of trips that are read straight from the board: earth, breakers, mains, temperatures, diode, ventilation.
//!
//! Each function answers one question about now; [`crate::rules::RULES`] names hazard, source, time and test of each.

use units::{DeciCelsius, Instant, Milliamps, Millivolts, Phases};

use crate::constants::{
    DIODE_MS, DIODE_PROVEN_MS, DIODE_TOLERANCE_MV, EARTH_MS, MIN_CURRENT, OVER_CURRENT_MS,
    OVER_CURRENT_PLUS, OVER_CURRENT_SHARE, PHASE_MISSING_PERCENT, PILOT_LOW_MV, SENSOR_SILENT_MS,
    VENTILATION_MS, VOLTAGE_MS, VOLTAGE_PERCENT,
};
use crate::dwell::Dwell;
use crate::profile::{BoardProfile, TemperatureLimits, Ventilation};
use crate::types::{Inputs, MainsReading};

/// The diode check of the vehicle: the pilot's negative peak while PWM is on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Diode {
    bad: Dwell,
    good: Dwell,
    proven: bool,
}

impl Diode {
    pub(crate) const fn new() -> Self {
        Self {
            bad: Dwell::NEW,
            good: Dwell::NEW,
            proven: false,
        }
    }

    /// Takes a negative peak; `None` = PWM is off or was just switched on. True: the diode is missing.
    pub(crate) fn is_missing(&mut self, now: Instant, low: Option<Millivolts>) -> bool {
        let good = low.is_some_and(|low| {
            low.get().saturating_sub(PILOT_LOW_MV).saturating_abs() <= DIODE_TOLERANCE_MV
        });
        self.proven = self.good.holds(good, now, DIODE_PROVEN_MS);
        self.bad.holds(low.is_some() && !good, now, DIODE_MS)
    }

    /// Has the negative peak been right long enough to close?
    pub(crate) const fn proven(&self) -> bool {
        self.proven
    }
}

/// Measured current against the offer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverCurrent(Dwell);

impl OverCurrent {
    pub(crate) const fn new() -> Self {
        Self(Dwell::NEW)
    }

    /// Takes a reading; `offered` is zero when nothing is offered (sequence 10.2 then limits the time).
    pub(crate) fn is_exceeded(
        &mut self,
        now: Instant,
        offered: Milliamps,
        mains: &MainsReading,
    ) -> bool {
        let share = offered.get().checked_div(OVER_CURRENT_SHARE).unwrap_or(0);
        let limit = offered
            .saturating_add(Milliamps::new(share))
            .saturating_add(OVER_CURRENT_PLUS);
        let highest = mains.current.iter().flatten().max();
        let exceeded = offered > Milliamps::ZERO && highest.is_some_and(|current| *current > limit);
        self.0.holds(exceeded, now, OVER_CURRENT_MS)
    }
}

/// Mains voltage of the phases in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mains {
    over: Dwell,
    under: Dwell,
    missing: Dwell,
}

/// Causes of voltage trips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MainsFound {
    pub(crate) over: bool,
    pub(crate) under: bool,
    pub(crate) missing: bool,
}

impl Mains {
    pub(crate) const fn new() -> Self {
        Self {
            over: Dwell::NEW,
            under: Dwell::NEW,
            missing: Dwell::NEW,
        }
    }

    /// Takes a reading. A phase that the board does not measure is never wrong.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        phases: Phases,
        nominal: Millivolts,
        mains: &MainsReading,
    ) -> MainsFound {
        let share = |percent: i32| {
            let product = i64::from(nominal.get()).saturating_mul(i64::from(percent));
            product.checked_div(100).unwrap_or(0)
        };
        let used = usize::from(phases.count());
        let (mut over, mut under, mut missing) = (false, false, false);
        for volts in mains
            .voltage
            .iter()
            .take(used)
            .flatten()
            .map(|v| i64::from(v.get()))
        {
            missing |= volts < share(PHASE_MISSING_PERCENT);
            under |= volts >= share(PHASE_MISSING_PERCENT) && volts < share(100 - VOLTAGE_PERCENT);
            over |= volts > share(100 + VOLTAGE_PERCENT);
        }
        MainsFound {
            over: self.over.holds(over, now, VOLTAGE_MS),
            under: self.under.holds(under, now, VOLTAGE_MS),
            missing: self.missing.holds(missing, now, VOLTAGE_MS),
        }
    }
}

/// One temperature sensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temperature {
    silent: Dwell,
    tripped: bool,
    limit: Option<Milliamps>,
}

impl Temperature {
    pub(crate) const fn new() -> Self {
        Self {
            silent: Dwell::NEW,
            tripped: false,
            limit: None,
        }
    }

    /// Takes a reading; true: too hot, or a fitted sensor is silent.
    pub(crate) fn is_too_hot(
        &mut self,
        now: Instant,
        limits: Option<&TemperatureLimits>,
        reading: Option<DeciCelsius>,
        full: Milliamps,
    ) -> bool {
        let Some(limits) = limits else {
            self.limit = None;
            return false;
        };
        let silent = self.silent.holds(reading.is_none(), now, SENSOR_SILENT_MS);
        if let Some(reading) = reading {
            self.tripped = if self.tripped {
                reading >= limits.clear_below
            } else {
                reading >= limits.trip_at
            };
            self.limit = derated(limits, reading, full);
        }
        self.tripped || silent
    }

    /// What the temperature leaves of the offer; `None` = all.
    pub(crate) const fn limit(&self) -> Option<Milliamps> {
        self.limit
    }
}

/// Falls linearly from `full` at `derate_from` to the minimum current at `trip_at`, in whole amperes so that noise
/// does not move the offer.
fn derated(limits: &TemperatureLimits, reading: DeciCelsius, full: Milliamps) -> Option<Milliamps> {
    let span = i32::from(limits.trip_at.get()).saturating_sub(i32::from(limits.derate_from.get()));
    let over = i32::from(reading.get()).saturating_sub(i32::from(limits.derate_from.get()));
    if over <= 0 {
        return None;
    }
    let room = u64::from(full.saturating_sub(MIN_CURRENT).get());
    let left = u64::try_from(span.saturating_sub(over)).unwrap_or(0);
    let share = room
        .saturating_mul(left)
        .checked_div(u64::try_from(span).unwrap_or(0))
        .unwrap_or(0);
    let amps = share.checked_div(1_000).unwrap_or(0).saturating_mul(1_000);
    let above = Milliamps::new(u32::try_from(amps).unwrap_or(0));
    Some(MIN_CURRENT.saturating_add(above))
}

/// Earth, ventilation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simple {
    earth: Dwell,
    ventilation: Dwell,
}

impl Simple {
    pub(crate) const fn new() -> Self {
        Self {
            earth: Dwell::NEW,
            ventilation: Dwell::NEW,
        }
    }

    /// Is protective earth lost?
    pub(crate) fn earth_lost(&mut self, now: Instant, inputs: &Inputs) -> bool {
        self.earth.holds(!inputs.earth_ok, now, EARTH_MS)
    }

    /// Does the vehicle ask for ventilation that does not come?
    pub(crate) fn ventilation_missing(
        &mut self,
        now: Instant,
        state_d: bool,
        inputs: &Inputs,
        profile: &BoardProfile,
    ) -> bool {
        match profile.ventilation {
            Ventilation::NotFitted => state_d,
            Ventilation::Switched => {
                self.ventilation
                    .holds(state_d && !inputs.ventilation, now, VENTILATION_MS)
            }
        }
    }
}
