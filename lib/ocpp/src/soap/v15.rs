//! What 1.5 says differently, and what it cannot say.
//!
//! Duty: from the message types (which are those of 1.6) to the words of 1.5 and back. Where 1.5 has no word, the
//! nearest one that misleads nobody is taken; where there is none, writing fails with [`Unsayable`], or the part is
//! left out if the rest still holds. The table in `docs/spec/ocpp-soap.md` lists every case.
//!
//! Not here: names and order of elements (see `super::tables`).

use super::error::Unsayable;
use crate::v16::{
    ChargePointErrorCode, ChargePointStatus, ConfigurationStatus, DiagnosticsStatus,
    FirmwareStatus, Location, Measurand, ReadingContext, RegistrationStatus, Request, Response,
    UnitOfMeasure, UnlockStatus,
};
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

fn put(object: &mut Object, field: &str, word: &str) {
    object.insert(field.into(), Value::String(word.into()));
}

/// Turns the payload of a request into that of 1.5.
pub(super) fn request_out(request: &Request, payload: &mut Object) -> Result<(), Unsayable> {
    match request {
        Request::StatusNotification(message) => {
            put(payload, "status", status_out(message.status));
            let code = error_code_out(message.error_code);
            put(payload, "errorCode", code);
            // The word 1.5 does not have is better in the free text than nowhere.
            if code == "OtherError"
                && message.error_code != ChargePointErrorCode::OtherError
                && message.info.is_none()
            {
                put(payload, "info", message.error_code.as_str());
            }
            Ok(())
        }
        Request::FirmwareStatusNotification(message) => match message.status {
            FirmwareStatus::Downloaded
            | FirmwareStatus::DownloadFailed
            | FirmwareStatus::InstallationFailed
            | FirmwareStatus::Installed => Ok(()),
            FirmwareStatus::Downloading | FirmwareStatus::Idle | FirmwareStatus::Installing => {
                Err(Unsayable::word("firmware status", message.status.as_str()))
            }
        },
        Request::DiagnosticsStatusNotification(message) => match message.status {
            DiagnosticsStatus::Uploaded | DiagnosticsStatus::UploadFailed => Ok(()),
            DiagnosticsStatus::Idle | DiagnosticsStatus::Uploading => Err(Unsayable::word(
                "diagnostics status",
                message.status.as_str(),
            )),
        },
        Request::MeterValues(_) => {
            let left = payload.get_mut("meterValue").map_or(0, readings_out);
            if left == 0 {
                return Err(Unsayable::new("any of these readings"));
            }
            Ok(())
        }
        Request::StopTransaction(_) => {
            payload.remove("reason");
            if let Some(mut readings) = payload.remove("transactionData")
                && readings_out(&mut readings) > 0
            {
                payload.insert("transactionData".into(), json!([{ "values": readings }]));
            }
            Ok(())
        }
        Request::RemoteStartTransaction(message) if message.charging_profile.is_some() => {
            Err(Unsayable::new("a charging profile"))
        }
        _ => Ok(()),
    }
}

/// Turns the payload of a response into that of 1.5.
pub(super) fn response_out(response: &Response, payload: &mut Object) {
    match response {
        Response::BootNotification(message) => {
            // Told to wait, a charge point of 1.5 can only be turned away; it comes back after the interval.
            let status = match message.status {
                RegistrationStatus::Accepted => "Accepted",
                RegistrationStatus::Pending | RegistrationStatus::Rejected => "Rejected",
            };
            put(payload, "status", status);
        }
        Response::UnlockConnector(message) => {
            let status = match message.status {
                UnlockStatus::Unlocked => "Accepted",
                UnlockStatus::UnlockFailed | UnlockStatus::NotSupported => "Rejected",
            };
            put(payload, "status", status);
        }
        Response::ChangeConfiguration(message) => {
            let status = match message.status {
                ConfigurationStatus::Accepted | ConfigurationStatus::RebootRequired => "Accepted",
                ConfigurationStatus::Rejected => "Rejected",
                ConfigurationStatus::NotSupported => "NotSupported",
            };
            put(payload, "status", status);
        }
        _ => {}
    }
}

/// Turns the payload of a request of 1.5 into that of the message types.
pub(super) fn request_in(payload: &mut Object) {
    // Told apart by their fields: no other request has a list of transaction data, and only one has an error code.
    if let Some(Value::Array(blocks)) = payload.get_mut("transactionData") {
        let lists = blocks.iter_mut().filter_map(|block| match block {
            Value::Object(block) => block.remove("values"),
            _ => None,
        });
        let readings: Vec<Value> = lists
            .flat_map(|list| match list {
                Value::Array(items) => items,
                other => alloc::vec![other],
            })
            .collect();
        *blocks = readings;
        blocks.iter_mut().for_each(reading_in);
    }
    if let Some(Value::Array(readings)) = payload.get_mut("meterValue") {
        readings.iter_mut().for_each(reading_in);
    }
    if payload.contains_key("errorCode") {
        replace(
            payload,
            "status",
            "Occupied",
            ChargePointStatus::Preparing.as_str(),
        );
        let code = ChargePointErrorCode::EvCommunicationError.as_str();
        replace(payload, "errorCode", "Mode3Error", code);
        // 1.5 gives these texts no bound.
        for (field, limit) in [("info", 50), ("vendorId", 255), ("vendorErrorCode", 50)] {
            if let Some(Value::String(text)) = payload.get_mut(field) {
                *text = text.chars().take(limit).collect();
            }
        }
    }
    payload.remove("hash");
}

/// Turns the payload of a response of 1.5 into that of the message types.
pub(super) fn response_in(action: crate::v16::Action, payload: &mut Object) {
    use crate::v16::Action;
    match action {
        Action::UnlockConnector => {
            replace(
                payload,
                "status",
                "Accepted",
                UnlockStatus::Unlocked.as_str(),
            );
            replace(
                payload,
                "status",
                "Rejected",
                UnlockStatus::UnlockFailed.as_str(),
            );
        }
        Action::SendLocalList => {
            replace(payload, "status", "HashError", "Failed");
            payload.remove("hash");
        }
        _ => {}
    }
}

fn replace(object: &mut Object, field: &str, from: &str, to: &str) {
    if object.get(field).and_then(Value::as_str) == Some(from) {
        put(object, field, to);
    }
}

/// The status as 1.5 has it: with a car at the connector it knows one word.
const fn status_out(status: ChargePointStatus) -> &'static str {
    match status {
        ChargePointStatus::Available => "Available",
        ChargePointStatus::Preparing
        | ChargePointStatus::Charging
        | ChargePointStatus::SuspendedEvse
        | ChargePointStatus::SuspendedEv
        | ChargePointStatus::Finishing => "Occupied",
        ChargePointStatus::Reserved => "Reserved",
        ChargePointStatus::Unavailable => "Unavailable",
        ChargePointStatus::Faulted => "Faulted",
    }
}

const fn error_code_out(code: ChargePointErrorCode) -> &'static str {
    match code {
        ChargePointErrorCode::EvCommunicationError => "Mode3Error",
        ChargePointErrorCode::InternalError
        | ChargePointErrorCode::LocalListConflict
        | ChargePointErrorCode::OverVoltage => "OtherError",
        same @ (ChargePointErrorCode::ConnectorLockFailure
        | ChargePointErrorCode::GroundFailure
        | ChargePointErrorCode::HighTemperature
        | ChargePointErrorCode::NoError
        | ChargePointErrorCode::OtherError
        | ChargePointErrorCode::OverCurrentFailure
        | ChargePointErrorCode::PowerMeterFailure
        | ChargePointErrorCode::PowerSwitchFailure
        | ChargePointErrorCode::ReaderFailure
        | ChargePointErrorCode::ResetFailure
        | ChargePointErrorCode::UnderVoltage
        | ChargePointErrorCode::WeakSignal) => same.as_str(),
    }
}

/// Keeps of a list of readings what 1.5 can say, and returns how many values are left.
fn readings_out(readings: &mut Value) -> usize {
    let Value::Array(readings) = readings else {
        return 0;
    };
    let mut left = 0;
    readings.retain_mut(|reading| {
        let Some(Value::Array(values)) = reading.get_mut("sampledValue") else {
            return false;
        };
        values.retain_mut(|value| {
            value
                .as_object_mut()
                .is_some_and(|value| sample_out(value).is_some())
        });
        left += values.len();
        !values.is_empty()
    });
    left
}

/// Puts one value into the words of 1.5; `None` if it would then mean something else.
fn sample_out(value: &mut Object) -> Option<()> {
    // Without its phase, a value of one phase reads as that of all.
    if value.contains_key("phase") {
        return None;
    }
    if let Some(measurand) = value.get("measurand").and_then(Value::as_str)
        && !is_measurand_15(Measurand::from_word(measurand)?)
    {
        return None;
    }
    if let Some(unit) = value.get("unit").and_then(Value::as_str) {
        let word = unit_out(UnitOfMeasure::from_word(unit)?)?;
        put(value, "unit", word);
    }
    if let Some(location) = value.get("location").and_then(Value::as_str) {
        let word = match Location::from_word(location)? {
            // The cable is what hangs on the outlet.
            Location::Cable | Location::Outlet => "Outlet",
            Location::Inlet => "Inlet",
            Location::Body => "Body",
            Location::Ev => return None,
        };
        put(value, "location", word);
    }
    let context = value.get("context").and_then(Value::as_str);
    if let Some(ReadingContext::Trigger | ReadingContext::Other) =
        context.and_then(ReadingContext::from_word)
    {
        value.remove("context");
    }
    Some(())
}

const fn is_measurand_15(measurand: Measurand) -> bool {
    match measurand {
        Measurand::EnergyActiveExportRegister
        | Measurand::EnergyActiveImportRegister
        | Measurand::EnergyReactiveExportRegister
        | Measurand::EnergyReactiveImportRegister
        | Measurand::EnergyActiveExportInterval
        | Measurand::EnergyActiveImportInterval
        | Measurand::EnergyReactiveExportInterval
        | Measurand::EnergyReactiveImportInterval
        | Measurand::PowerActiveExport
        | Measurand::PowerActiveImport
        | Measurand::PowerReactiveExport
        | Measurand::PowerReactiveImport
        | Measurand::CurrentImport
        | Measurand::CurrentExport
        | Measurand::Voltage
        | Measurand::Temperature => true,
        Measurand::PowerOffered
        | Measurand::PowerFactor
        | Measurand::CurrentOffered
        | Measurand::Frequency
        | Measurand::SoC
        | Measurand::Rpm => false,
    }
}

const fn unit_out(unit: UnitOfMeasure) -> Option<&'static str> {
    match unit {
        UnitOfMeasure::Amperes => Some("Amp"),
        UnitOfMeasure::Volts => Some("Volt"),
        UnitOfMeasure::Celcius | UnitOfMeasure::Celsius => Some("Celsius"),
        same @ (UnitOfMeasure::WattHours
        | UnitOfMeasure::KiloWattHours
        | UnitOfMeasure::VarHours
        | UnitOfMeasure::KiloVarHours
        | UnitOfMeasure::Watts
        | UnitOfMeasure::KiloWatts
        | UnitOfMeasure::Vars
        | UnitOfMeasure::KiloVars) => Some(same.as_str()),
        UnitOfMeasure::VoltAmperes
        | UnitOfMeasure::KiloVoltAmperes
        | UnitOfMeasure::Kelvin
        | UnitOfMeasure::Fahrenheit
        | UnitOfMeasure::Percent
        | UnitOfMeasure::Hertz => None,
    }
}

fn reading_in(reading: &mut Value) {
    let Some(Value::Array(values)) = reading.get_mut("sampledValue") else {
        return;
    };
    for value in values.iter_mut().filter_map(Value::as_object_mut) {
        replace(value, "unit", "Amp", UnitOfMeasure::Amperes.as_str());
        replace(value, "unit", "Volt", UnitOfMeasure::Volts.as_str());
    }
}

/// What the service description of 1.6 says differently from its JSON schemas: no unit for hertz, and one spelling
/// of Celsius.
pub(super) fn request_out_16(request: &Request, payload: &mut Object) {
    let field = match request {
        Request::MeterValues(_) => "meterValue",
        Request::StopTransaction(_) => "transactionData",
        _ => return,
    };
    let Some(Value::Array(readings)) = payload.get_mut(field) else {
        return;
    };
    let lists = readings
        .iter_mut()
        .filter_map(|reading| reading.get_mut("sampledValue")?.as_array_mut());
    for value in lists.flatten().filter_map(Value::as_object_mut) {
        replace(value, "unit", "Celcius", "Celsius");
        if value.get("unit").and_then(Value::as_str) == Some("Hertz") {
            value.remove("unit");
        }
    }
}
