//! The charging meter of one EVSE.

use core::fmt;

use units::{Instant, Milliamps, Millivolts, WattHours, Watts};

/// The charging meter of one EVSE.
pub trait Meter: Send {
    /// One reading. May take as long as the meter's bus needs; never called from the interlock's thread.
    ///
    /// # Errors
    /// [`MeterError`]; the last good register stays valid, because registers never fall.
    fn read(&mut self, now: Instant) -> Result<Measurement, MeterError>;
}

/// One reading of a meter. `None`: this meter does not measure it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measurement {
    /// Imported energy since the meter was made.
    pub register: WattHours,
    /// Active power towards the vehicle.
    pub power: Watts,
    /// RMS current, L1 L2 L3.
    pub current: [Option<Milliamps>; 3],
    /// RMS voltage line to neutral, L1 L2 L3.
    pub voltage: [Option<Millivolts>; 3],
    /// Mains frequency in millihertz.
    pub frequency_mhz: Option<u32>,
}

/// Why there is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterError {
    /// It does not answer.
    Silent,
    /// It answered something that cannot be true, for example a register that fell.
    Implausible,
}

impl fmt::Display for MeterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "the meter does not answer; check its wiring, bus address and supply",
            Self::Implausible => {
                "the meter's answer cannot be true; check the meter type in the configuration"
            }
        })
    }
}

impl std::error::Error for MeterError {}
