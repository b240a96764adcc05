//! The elements of every message in the order of the service descriptions, for 1.6 and, where it differs, for 1.5.
//!
//! Duty: names, order and kinds of elements. The names on the right are those of the message types in [`crate::v16`].
//!
//! Not here: words that differ between the versions (see [`super::v15`]).

use super::Version;
use crate::v16::Action;

/// How the text of an element is to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text as it stands.
    Text,
    /// A word or a time: white space around it does not count.
    Word,
    /// A whole number.
    Int,
    /// A number with one decimal place.
    Decimal,
    /// A boolean.
    Flag,
    /// Elements inside.
    Object(Table),
    /// The reading of 1.5: its text is the value, its attributes are the other fields.
    Reading,
}

/// One element of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    /// Its local name in the envelope.
    pub(super) xml: &'static str,
    /// Its name in the message types.
    pub(super) json: &'static str,
    pub(super) kind: Kind,
    /// True if it may be there more than once; it is a list in the message types.
    pub(super) many: bool,
}

/// The elements of a message in order.
pub(super) type Table = &'static [Element];

const fn one(name: &'static str, kind: Kind) -> Element {
    renamed(name, name, kind)
}

const fn renamed(xml: &'static str, json: &'static str, kind: Kind) -> Element {
    Element {
        xml,
        json,
        kind,
        many: false,
    }
}

const fn many(xml: &'static str, json: &'static str, kind: Kind) -> Element {
    Element {
        xml,
        json,
        kind,
        many: true,
    }
}

use Kind::{Decimal, Flag, Int, Object, Reading, Text, Word};

const NOTHING: Table = &[];
const STATUS: Table = &[one("status", Word)];
const CONNECTOR: Table = &[one("connectorId", Int)];
const ID_TAG_INFO: Table = &[
    one("status", Word),
    one("expiryDate", Word),
    one("parentIdTag", Text),
];
const AUTHORIZE: Table = &[one("idTag", Text)];
const WITH_ID_TAG_INFO: Table = &[one("idTagInfo", Object(ID_TAG_INFO))];
const BOOT: Table = &[
    one("chargePointVendor", Text),
    one("chargePointModel", Text),
    one("chargePointSerialNumber", Text),
    one("chargeBoxSerialNumber", Text),
    one("firmwareVersion", Text),
    one("iccid", Text),
    one("imsi", Text),
    one("meterType", Text),
    one("meterSerialNumber", Text),
];
const BOOT_ANSWER: Table = &[
    one("status", Word),
    one("currentTime", Word),
    one("interval", Int),
];
const BOOT_ANSWER_15: Table = &[
    one("status", Word),
    one("currentTime", Word),
    renamed("heartbeatInterval", "interval", Int),
];
const TRANSFER: Table = &[
    one("vendorId", Text),
    one("messageId", Text),
    one("data", Text),
];
const TRANSFER_ANSWER: Table = &[one("status", Word), one("data", Text)];
const HEARTBEAT_ANSWER: Table = &[one("currentTime", Word)];
const SAMPLE: Table = &[
    one("value", Text),
    one("context", Word),
    one("format", Word),
    one("measurand", Word),
    one("phase", Word),
    one("location", Word),
    one("unit", Word),
];
/// Fields of a reading that are attributes in 1.5.
pub(super) const READING_ATTRIBUTES: [&str; 5] =
    ["context", "format", "measurand", "location", "unit"];
const METER_VALUE: Table = &[
    one("timestamp", Word),
    many("sampledValue", "sampledValue", Object(SAMPLE)),
];
const METER_VALUE_15: Table = &[
    one("timestamp", Word),
    many("value", "sampledValue", Reading),
];
const METER_VALUES: Table = &[
    one("connectorId", Int),
    one("transactionId", Int),
    many("meterValue", "meterValue", Object(METER_VALUE)),
];
const METER_VALUES_15: Table = &[
    one("connectorId", Int),
    one("transactionId", Int),
    many("values", "meterValue", Object(METER_VALUE_15)),
];
const START: Table = &[
    one("connectorId", Int),
    one("idTag", Text),
    one("timestamp", Word),
    one("meterStart", Int),
    one("reservationId", Int),
];
const START_ANSWER: Table = &[
    one("transactionId", Int),
    one("idTagInfo", Object(ID_TAG_INFO)),
];
const STATUS_NOTIFICATION: Table = &[
    one("connectorId", Int),
    one("status", Word),
    one("errorCode", Word),
    one("info", Text),
    one("timestamp", Word),
    one("vendorId", Text),
    one("vendorErrorCode", Text),
];
const STOP: Table = &[
    one("transactionId", Int),
    one("idTag", Text),
    one("timestamp", Word),
    one("meterStop", Int),
    one("reason", Word),
    many("transactionData", "transactionData", Object(METER_VALUE)),
];
const TRANSACTION_DATA_15: Table = &[many("values", "values", Object(METER_VALUE_15))];
const STOP_15: Table = &[
    one("transactionId", Int),
    one("idTag", Text),
    one("timestamp", Word),
    one("meterStop", Int),
    many(
        "transactionData",
        "transactionData",
        Object(TRANSACTION_DATA_15),
    ),
];
const CHANGE_AVAILABILITY: Table = &[one("connectorId", Int), one("type", Word)];
const CHANGE_CONFIGURATION: Table = &[one("key", Text), one("value", Text)];
const GET_CONFIGURATION: Table = &[many("key", "key", Text)];
const KEY_VALUE: Table = &[one("key", Text), one("readonly", Flag), one("value", Text)];
const GET_CONFIGURATION_ANSWER: Table = &[
    many("configurationKey", "configurationKey", Object(KEY_VALUE)),
    many("unknownKey", "unknownKey", Text),
];
const PERIOD: Table = &[
    one("startPeriod", Int),
    one("limit", Decimal),
    one("numberPhases", Int),
];
const SCHEDULE: Table = &[
    one("duration", Int),
    one("startSchedule", Word),
    one("chargingRateUnit", Word),
    many(
        "chargingSchedulePeriod",
        "chargingSchedulePeriod",
        Object(PERIOD),
    ),
    one("minChargingRate", Decimal),
];
const PROFILE: Table = &[
    one("chargingProfileId", Int),
    one("transactionId", Int),
    one("stackLevel", Int),
    one("chargingProfilePurpose", Word),
    one("chargingProfileKind", Word),
    one("recurrencyKind", Word),
    one("validFrom", Word),
    one("validTo", Word),
    one("chargingSchedule", Object(SCHEDULE)),
];
const REMOTE_START: Table = &[
    one("connectorId", Int),
    one("idTag", Text),
    one("chargingProfile", Object(PROFILE)),
];
const REMOTE_START_15: Table = &[one("idTag", Text), one("connectorId", Int)];
const TRANSACTION: Table = &[one("transactionId", Int)];
const RESET: Table = &[one("type", Word)];
const GET_DIAGNOSTICS: Table = &[
    one("location", Text),
    one("startTime", Word),
    one("stopTime", Word),
    one("retries", Int),
    one("retryInterval", Int),
];
const GET_DIAGNOSTICS_ANSWER: Table = &[one("fileName", Text)];
const UPDATE_FIRMWARE: Table = &[
    one("retrieveDate", Word),
    one("location", Text),
    one("retries", Int),
    one("retryInterval", Int),
];
const LIST_VERSION: Table = &[one("listVersion", Int)];
const LIST_ENTRY: Table = &[one("idTag", Text), one("idTagInfo", Object(ID_TAG_INFO))];
const SEND_LIST: Table = &[
    one("listVersion", Int),
    many(
        "localAuthorizationList",
        "localAuthorizationList",
        Object(LIST_ENTRY),
    ),
    one("updateType", Word),
];
const SEND_LIST_15: Table = &[
    one("updateType", Word),
    one("listVersion", Int),
    many(
        "localAuthorisationList",
        "localAuthorizationList",
        Object(LIST_ENTRY),
    ),
];
const RESERVATION: Table = &[one("reservationId", Int)];
const RESERVE: Table = &[
    one("connectorId", Int),
    one("expiryDate", Word),
    one("idTag", Text),
    one("parentIdTag", Text),
    one("reservationId", Int),
];
const TRIGGER: Table = &[one("requestedMessage", Word), one("connectorId", Int)];
const CLEAR_PROFILE: Table = &[
    one("id", Int),
    one("connectorId", Int),
    one("chargingProfilePurpose", Word),
    one("stackLevel", Int),
];
const COMPOSITE: Table = &[
    one("connectorId", Int),
    one("duration", Int),
    one("chargingRateUnit", Word),
];
const COMPOSITE_ANSWER: Table = &[
    one("status", Word),
    one("connectorId", Int),
    one("scheduleStart", Word),
    one("chargingSchedule", Object(SCHEDULE)),
];
const SET_PROFILE: Table = &[
    one("connectorId", Int),
    one("csChargingProfiles", Object(PROFILE)),
];

/// The elements of an action's request and response; `None` if the version does not have the action.
pub(super) const fn tables(version: Version, action: Action) -> Option<(Table, Table)> {
    match version {
        Version::Ocpp15 => tables_15(action),
        Version::Ocpp16 => tables_16(action),
    }
}

const fn tables_16(action: Action) -> Option<(Table, Table)> {
    Some(match action {
        Action::Authorize => (AUTHORIZE, WITH_ID_TAG_INFO),
        Action::BootNotification => (BOOT, BOOT_ANSWER),
        Action::ChangeAvailability => (CHANGE_AVAILABILITY, STATUS),
        Action::ChangeConfiguration => (CHANGE_CONFIGURATION, STATUS),
        Action::ClearCache => (NOTHING, STATUS),
        Action::DataTransfer => (TRANSFER, TRANSFER_ANSWER),
        Action::GetConfiguration => (GET_CONFIGURATION, GET_CONFIGURATION_ANSWER),
        Action::Heartbeat => (NOTHING, HEARTBEAT_ANSWER),
        Action::MeterValues => (METER_VALUES, NOTHING),
        Action::RemoteStartTransaction => (REMOTE_START, STATUS),
        Action::RemoteStopTransaction => (TRANSACTION, STATUS),
        Action::Reset => (RESET, STATUS),
        Action::StartTransaction => (START, START_ANSWER),
        Action::StatusNotification => (STATUS_NOTIFICATION, NOTHING),
        Action::StopTransaction => (STOP, WITH_ID_TAG_INFO),
        Action::UnlockConnector => (CONNECTOR, STATUS),
        Action::DiagnosticsStatusNotification | Action::FirmwareStatusNotification => {
            (STATUS, NOTHING)
        }
        Action::GetDiagnostics => (GET_DIAGNOSTICS, GET_DIAGNOSTICS_ANSWER),
        Action::UpdateFirmware => (UPDATE_FIRMWARE, NOTHING),
        Action::GetLocalListVersion => (NOTHING, LIST_VERSION),
        Action::SendLocalList => (SEND_LIST, STATUS),
        Action::CancelReservation => (RESERVATION, STATUS),
        Action::ReserveNow => (RESERVE, STATUS),
        Action::TriggerMessage => (TRIGGER, STATUS),
        Action::ClearChargingProfile => (CLEAR_PROFILE, STATUS),
        Action::GetCompositeSchedule => (COMPOSITE, COMPOSITE_ANSWER),
        Action::SetChargingProfile => (SET_PROFILE, STATUS),
        Action::CertificateSigned
        | Action::DeleteCertificate
        | Action::ExtendedTriggerMessage
        | Action::GetInstalledCertificateIds
        | Action::GetLog
        | Action::InstallCertificate
        | Action::LogStatusNotification
        | Action::SecurityEventNotification
        | Action::SignCertificate
        | Action::SignedFirmwareStatusNotification
        | Action::SignedUpdateFirmware => return None,
    })
}

const fn tables_15(action: Action) -> Option<(Table, Table)> {
    match action {
        Action::BootNotification => Some((BOOT, BOOT_ANSWER_15)),
        Action::MeterValues => Some((METER_VALUES_15, NOTHING)),
        Action::StopTransaction => Some((STOP_15, WITH_ID_TAG_INFO)),
        Action::RemoteStartTransaction => Some((REMOTE_START_15, STATUS)),
        Action::SendLocalList => Some((SEND_LIST_15, STATUS)),
        Action::TriggerMessage
        | Action::ClearChargingProfile
        | Action::GetCompositeSchedule
        | Action::SetChargingProfile => None,
        same => tables_16(same),
    }
}
