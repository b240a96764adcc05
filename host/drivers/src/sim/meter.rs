//! The simulated charging meter.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use units::{Instant, Milliamps, Millivolts, Phases, WattHours, Watts};

use super::UJ_PER_WH;
use super::fault::SimFault;
use super::shared::Shared;
use crate::meter::{Measurement, Meter, MeterError};

/// The charging meter of one simulated EVSE.
#[derive(Debug)]
pub struct SimMeter {
    shared: Arc<Shared>,
    supply: Phases,
}

impl SimMeter {
    pub(super) const fn new(shared: Arc<Shared>, supply: Phases) -> Self {
        Self { shared, supply }
    }
}

impl Meter for SimMeter {
    fn read(&mut self, _now: Instant) -> Result<Measurement, MeterError> {
        if self.shared.faults().has(SimFault::MeterSilent) {
            return Err(MeterError::Silent);
        }
        let mut measurement = Measurement {
            register: WattHours::new(self.shared.energy_uj.load(Relaxed) / UJ_PER_WH),
            power: Watts::ZERO,
            current: [None; 3],
            voltage: [None; 3],
            frequency_mhz: Some(50_000),
        };
        let lines = usize::from(self.supply.count());
        let values = self
            .shared
            .current_ma
            .iter()
            .zip(&self.shared.voltage_mv)
            .take(lines);
        let out = measurement
            .current
            .iter_mut()
            .zip(measurement.voltage.iter_mut());
        let mut power_mw = 0_u64;
        for ((ma, mv), (current, voltage)) in values.zip(out) {
            let (ma, mv) = (ma.load(Relaxed), mv.load(Relaxed));
            *current = Some(Milliamps::new(ma));
            *voltage = Some(Millivolts::new(i32::try_from(mv).unwrap_or(i32::MAX)));
            power_mw += u64::from(ma) * u64::from(mv) / 1_000;
        }
        measurement.power = Watts::new(i32::try_from(power_mw / 1_000).unwrap_or(i32::MAX));
        Ok(measurement)
    }
}
