//! Meter readings in the words of OCPP 1.6.

use ocpp::v16::{self as wire, MeterValue, SampledValue, UnitOfMeasure};
use units::Timestamp;

use super::keys::measurand;
use crate::Moment;
use crate::backend::{Measurand, MeterReading, Phase, ReadingContext, Sample};

/// The reading with only the measurands asked for; `None` if nothing is left, or nobody knows when it was.
pub fn only(
    reading: &MeterReading,
    wanted: &[String],
    wall: Option<Timestamp>,
) -> Option<MeterReading> {
    let at = Moment {
        wall: Some(reading.at.wall.or(wall)?),
        ..reading.at
    };
    let is_wanted = |sample: &&Sample| {
        let word = word(sample.measurand);
        wanted
            .iter()
            .filter_map(|item| measurand(item))
            .any(|(name, phase)| {
                name == word.as_str() && (phase.is_none() || phase == sample.phase)
            })
    };
    let samples: Vec<Sample> = reading.samples.iter().filter(is_wanted).cloned().collect();
    (!samples.is_empty()).then_some(MeterReading {
        at,
        samples,
        ..*reading
    })
}

/// The reading as a MeterValue; `None` if nobody knows when it was.
pub fn meter_value(reading: &MeterReading) -> Option<MeterValue> {
    let context = reading.context;
    let samples = reading.samples.iter();
    Some(MeterValue {
        timestamp: reading.at.wall?,
        sampled_value: samples.map(|sample| sampled(sample, context)).collect(),
    })
}

fn sampled(sample: &Sample, why: ReadingContext) -> SampledValue {
    let (value, unit) = match sample.measurand {
        Measurand::EnergyImportRegisterWh | Measurand::EnergyExportRegisterWh => {
            (sample.value.to_string(), Some(UnitOfMeasure::WattHours))
        }
        Measurand::PowerImportW | Measurand::PowerOfferedW => {
            (sample.value.to_string(), Some(UnitOfMeasure::Watts))
        }
        Measurand::CurrentImportMa | Measurand::CurrentOfferedMa => {
            (fixed(sample.value, 1_000), Some(UnitOfMeasure::Amperes))
        }
        Measurand::VoltageMv => (fixed(sample.value, 1_000), Some(UnitOfMeasure::Volts)),
        // `Hertz` is not in the list of every message; the unit of a frequency is clear without it.
        Measurand::FrequencyMhz => (fixed(sample.value, 1_000), None),
        Measurand::TemperatureDc => (fixed(sample.value, 10), Some(UnitOfMeasure::Celsius)),
        Measurand::SocPercent => (sample.value.to_string(), Some(UnitOfMeasure::Percent)),
    };
    let phase = sample.phase.map(|phase| match (phase, sample.measurand) {
        (Phase::L1, Measurand::VoltageMv) => wire::Phase::L1N,
        (Phase::L2, Measurand::VoltageMv) => wire::Phase::L2N,
        (Phase::L3, Measurand::VoltageMv) => wire::Phase::L3N,
        (Phase::L1, _) => wire::Phase::L1,
        (Phase::L2, _) => wire::Phase::L2,
        (Phase::L3, _) => wire::Phase::L3,
        (Phase::N, _) => wire::Phase::N,
    });
    SampledValue {
        value,
        context: Some(context(why)),
        format: None,
        measurand: Some(word(sample.measurand)),
        phase,
        location: Some(wire::Location::Outlet),
        unit,
    }
}

/// A number of thousandths (or tenths) as a decimal, without floating point.
fn fixed(value: i64, parts: i64) -> String {
    let digits = if parts == 10 { 1 } else { 3 };
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.abs() / parts, value.abs() % parts);
    let text = format!("{sign}{whole}.{rest:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const fn word(measurand: Measurand) -> wire::Measurand {
    match measurand {
        Measurand::EnergyImportRegisterWh => wire::Measurand::EnergyActiveImportRegister,
        Measurand::EnergyExportRegisterWh => wire::Measurand::EnergyActiveExportRegister,
        Measurand::PowerImportW => wire::Measurand::PowerActiveImport,
        Measurand::PowerOfferedW => wire::Measurand::PowerOffered,
        Measurand::CurrentImportMa => wire::Measurand::CurrentImport,
        Measurand::CurrentOfferedMa => wire::Measurand::CurrentOffered,
        Measurand::VoltageMv => wire::Measurand::Voltage,
        Measurand::FrequencyMhz => wire::Measurand::Frequency,
        Measurand::TemperatureDc => wire::Measurand::Temperature,
        Measurand::SocPercent => wire::Measurand::SoC,
    }
}

const fn context(context: ReadingContext) -> wire::ReadingContext {
    match context {
        ReadingContext::TransactionBegin => wire::ReadingContext::TransactionBegin,
        ReadingContext::TransactionEnd => wire::ReadingContext::TransactionEnd,
        ReadingContext::SamplePeriodic => wire::ReadingContext::SamplePeriodic,
        ReadingContext::SampleClock => wire::ReadingContext::SampleClock,
        ReadingContext::Trigger => wire::ReadingContext::Trigger,
        ReadingContext::InterruptionBegin => wire::ReadingContext::InterruptionBegin,
        ReadingContext::InterruptionEnd => wire::ReadingContext::InterruptionEnd,
        ReadingContext::Other => wire::ReadingContext::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::fixed;

    #[test]
    fn thousandths_become_decimals_without_rounding() {
        assert_eq!(fixed(230_100, 1_000), "230.1");
        assert_eq!(fixed(16_000, 1_000), "16");
        assert_eq!(fixed(-50, 1_000), "-0.05");
        assert_eq!(fixed(0, 1_000), "0");
        assert_eq!(fixed(215, 10), "21.5");
    }
}
