//! Meter readings, shared by MeterValues and StopTransaction.

use crate::wire::{Fault, Reader, at_least_one, text_or_number};
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;
use units::Timestamp;

wire_enum! {
    /// Why a reading was taken.
    pub enum ReadingContext {
        /// A pause began.
        InterruptionBegin = "Interruption.Begin",
        /// A pause ended.
        InterruptionEnd = "Interruption.End",
        /// At a clock-aligned interval.
        SampleClock = "Sample.Clock",
        /// At the sampling interval; what an absent context means.
        SamplePeriodic = "Sample.Periodic",
        /// The transaction began.
        TransactionBegin = "Transaction.Begin",
        /// The transaction ended.
        TransactionEnd = "Transaction.End",
        /// Asked for by the central system.
        Trigger = "Trigger",
        /// None of the others.
        Other = "Other",
    }
}

wire_enum! {
    /// How a reading is spelt.
    pub enum ValueFormat {
        /// A number; what an absent format means.
        Raw = "Raw",
        /// Signed binary data in hexadecimal.
        SignedData = "SignedData",
    }
}

wire_enum! {
    /// What was measured.
    pub enum Measurand {
        /// Register of exported active energy.
        EnergyActiveExportRegister = "Energy.Active.Export.Register",
        /// Register of imported active energy; what an absent measurand means.
        EnergyActiveImportRegister = "Energy.Active.Import.Register",
        /// Register of exported reactive energy.
        EnergyReactiveExportRegister = "Energy.Reactive.Export.Register",
        /// Register of imported reactive energy.
        EnergyReactiveImportRegister = "Energy.Reactive.Import.Register",
        /// Active energy exported in the interval.
        EnergyActiveExportInterval = "Energy.Active.Export.Interval",
        /// Active energy imported in the interval.
        EnergyActiveImportInterval = "Energy.Active.Import.Interval",
        /// Reactive energy exported in the interval.
        EnergyReactiveExportInterval = "Energy.Reactive.Export.Interval",
        /// Reactive energy imported in the interval.
        EnergyReactiveImportInterval = "Energy.Reactive.Import.Interval",
        /// Active power exported.
        PowerActiveExport = "Power.Active.Export",
        /// Active power imported.
        PowerActiveImport = "Power.Active.Import",
        /// Power offered to the vehicle.
        PowerOffered = "Power.Offered",
        /// Reactive power exported.
        PowerReactiveExport = "Power.Reactive.Export",
        /// Reactive power imported.
        PowerReactiveImport = "Power.Reactive.Import",
        /// Power factor.
        PowerFactor = "Power.Factor",
        /// Current to the vehicle.
        CurrentImport = "Current.Import",
        /// Current from the vehicle.
        CurrentExport = "Current.Export",
        /// Current offered to the vehicle.
        CurrentOffered = "Current.Offered",
        /// Voltage.
        Voltage = "Voltage",
        /// Mains frequency.
        Frequency = "Frequency",
        /// Temperature.
        Temperature = "Temperature",
        /// State of charge of the vehicle, in percent.
        SoC = "SoC",
        /// Fan speed.
        Rpm = "RPM",
    }
}

wire_enum! {
    /// Between which conductors.
    pub enum Phase {
        /// Line 1.
        L1 = "L1",
        /// Line 2.
        L2 = "L2",
        /// Line 3.
        L3 = "L3",
        /// Neutral.
        N = "N",
        /// Line 1 to neutral.
        L1N = "L1-N",
        /// Line 2 to neutral.
        L2N = "L2-N",
        /// Line 3 to neutral.
        L3N = "L3-N",
        /// Line 1 to line 2.
        L1L2 = "L1-L2",
        /// Line 2 to line 3.
        L2L3 = "L2-L3",
        /// Line 3 to line 1.
        L3L1 = "L3-L1",
    }
}

wire_enum! {
    /// Where it was measured.
    pub enum Location {
        /// In the cable.
        Cable = "Cable",
        /// In the vehicle.
        Ev = "EV",
        /// At the supply side.
        Inlet = "Inlet",
        /// At the outlet; what an absent location means.
        Outlet = "Outlet",
        /// In the cabinet.
        Body = "Body",
    }
}

wire_enum! {
    /// Unit of a reading.
    pub enum UnitOfMeasure {
        /// Watt-hours; what an absent unit means for energy.
        WattHours = "Wh",
        /// Kilowatt-hours.
        KiloWattHours = "kWh",
        /// Reactive volt-ampere-hours.
        VarHours = "varh",
        /// Thousand reactive volt-ampere-hours.
        KiloVarHours = "kvarh",
        /// Watts.
        Watts = "W",
        /// Kilowatts.
        KiloWatts = "kW",
        /// Volt-amperes.
        VoltAmperes = "VA",
        /// Kilovolt-amperes.
        KiloVoltAmperes = "kVA",
        /// Reactive volt-amperes.
        Vars = "var",
        /// Thousand reactive volt-amperes.
        KiloVars = "kvar",
        /// Amperes.
        Amperes = "A",
        /// Volts.
        Volts = "V",
        /// Kelvin.
        Kelvin = "K",
        /// Degrees Celsius in the first edition's misspelling, which some peers insist on.
        Celcius = "Celcius",
        /// Degrees Celsius.
        Celsius = "Celsius",
        /// Degrees Fahrenheit.
        Fahrenheit = "Fahrenheit",
        /// Percent.
        Percent = "Percent",
        /// Hertz; only the schema of MeterValues lists it.
        Hertz = "Hertz",
    }
}

wire_struct! {
    /// One value of a reading.
    pub struct SampledValue {
        /// The value as text: a decimal number, or signed data.
        value: String = "value" via text_or_number;
        /// Why it was taken.
        context: Option<ReadingContext> = "context";
        /// How it is spelt.
        format: Option<ValueFormat> = "format";
        /// What was measured.
        measurand: Option<Measurand> = "measurand";
        /// Between which conductors.
        phase: Option<Phase> = "phase";
        /// Where.
        location: Option<Location> = "location";
        /// In which unit.
        unit: Option<UnitOfMeasure> = "unit";
    }
}

impl SampledValue {
    /// A value with nothing said about it: a register of imported energy in watt-hours.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            context: None,
            format: None,
            measurand: None,
            phase: None,
            location: None,
            unit: None,
        }
    }
}

wire_struct! {
    /// Values read at one time.
    pub struct MeterValue {
        /// When.
        timestamp: Timestamp = "timestamp";
        /// The values. MeterValues wants at least one; StopTransaction's schema does not.
        sampled_value: Vec<SampledValue> = "sampledValue";
    }
}

impl SampledValue {
    /// The value in watt-hours if it is a register of imported energy over all phases. A fraction is cut.
    #[must_use]
    pub fn register_wh(&self) -> Option<i64> {
        let imported = matches!(
            self.measurand,
            None | Some(Measurand::EnergyActiveImportRegister)
        );
        let raw = matches!(self.format, None | Some(ValueFormat::Raw));
        if !imported || !raw || self.phase.is_some() {
            return None;
        }
        match self.unit {
            None | Some(UnitOfMeasure::WattHours) => Some(thousandths(&self.value)? / 1_000),
            Some(UnitOfMeasure::KiloWattHours) => thousandths(&self.value),
            Some(_) => None,
        }
    }
}

/// Reads the readings of MeterValues: at least one, each with at least one value.
pub(super) fn filled_readings(
    value: &Value,
    reader: &mut Reader,
) -> Result<Vec<MeterValue>, Fault> {
    let readings: Vec<MeterValue> = reader.list(value)?;
    at_least_one(&readings)?;
    for (index, reading) in readings.iter().enumerate() {
        reader.check_in_entry(index, "sampledValue", at_least_one(&reading.sampled_value))?;
    }
    Ok(readings)
}

impl MeterValue {
    /// The first register of imported energy among the values, in watt-hours.
    #[must_use]
    pub fn register_wh(&self) -> Option<i64> {
        self.sampled_value
            .iter()
            .find_map(SampledValue::register_wh)
    }
}

/// Decimal text in thousandths; further places are cut.
fn thousandths(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let thousandths = fraction.bytes().chain([b'0'; 3]).take(3);
    whole
        .bytes()
        .chain(thousandths)
        .try_fold(0_i64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
        })
}
