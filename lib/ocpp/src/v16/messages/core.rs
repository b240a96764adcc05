//! Core profile: boot, authorisation, transactions, status, configuration, remote commands.

use super::metering::filled_readings;
use super::{ChargingProfile, GenericStatus, MeterValue};
use crate::v16::types::{CiString, IdToken};
use crate::wire::any_as_text;
use alloc::string::String;
use alloc::vec::Vec;
use units::Timestamp;

wire_enum! {
    /// Verdict of the central system on an idTag.
    pub enum AuthorizationStatus {
        /// May charge.
        Accepted = "Accepted",
        /// Known, and barred.
        Blocked = "Blocked",
        /// Known, and no longer valid.
        Expired = "Expired",
        /// Not known.
        Invalid = "Invalid",
        /// Already in another transaction and not allowed two.
        ConcurrentTx = "ConcurrentTx",
    }
}

wire_struct! {
    /// What the central system knows about an idTag.
    pub struct IdTagInfo {
        /// When the verdict should be asked for again.
        expiry_date: Option<Timestamp> = "expiryDate";
        /// The group the idTag belongs to.
        parent_id_tag: Option<IdToken> = "parentIdTag";
        /// The verdict.
        status: AuthorizationStatus = "status";
    }
}

impl IdTagInfo {
    /// A bare verdict.
    #[must_use]
    pub const fn new(status: AuthorizationStatus) -> Self {
        Self {
            expiry_date: None,
            parent_id_tag: None,
            status,
        }
    }
}

wire_struct! {
    /// Asks whether an idTag may charge.
    pub struct AuthorizeRequest {
        /// The idTag presented.
        id_tag: IdToken = "idTag";
    }
}

wire_struct! {
    /// Answers whether an idTag may charge.
    pub struct AuthorizeResponse {
        /// The verdict.
        id_tag_info: IdTagInfo = "idTagInfo";
    }
}

wire_struct! {
    /// Introduces the charge point after a start.
    pub struct BootNotificationRequest {
        /// Maker of the charge point.
        charge_point_vendor: CiString<20> = "chargePointVendor";
        /// Model of the charge point.
        charge_point_model: CiString<20> = "chargePointModel";
        /// Serial number of the charge point.
        charge_point_serial_number: Option<CiString<25>> = "chargePointSerialNumber";
        /// Serial number of the cabinet; deprecated by the standard, still sent by many.
        charge_box_serial_number: Option<CiString<25>> = "chargeBoxSerialNumber";
        /// Version of the firmware.
        firmware_version: Option<CiString<50>> = "firmwareVersion";
        /// Number of the SIM card.
        iccid: Option<CiString<20>> = "iccid";
        /// Subscriber number of the SIM card.
        imsi: Option<CiString<20>> = "imsi";
        /// Type of the main meter.
        meter_type: Option<CiString<25>> = "meterType";
        /// Serial number of the main meter.
        meter_serial_number: Option<CiString<25>> = "meterSerialNumber";
    }
}

wire_enum! {
    /// Whether the central system takes the charge point.
    pub enum RegistrationStatus {
        /// Taken.
        Accepted = "Accepted",
        /// The central system wants to look or configure first.
        Pending = "Pending",
        /// Not taken.
        Rejected = "Rejected",
    }
}

wire_struct! {
    /// Answers a boot.
    pub struct BootNotificationResponse {
        /// Whether the charge point is taken.
        status: RegistrationStatus = "status";
        /// The central system's time.
        current_time: Timestamp = "currentTime";
        /// Seconds between heartbeats if accepted, otherwise until the next boot message.
        interval: i64 = "interval";
    }
}

wire_enum! {
    /// Wanted availability.
    pub enum AvailabilityType {
        /// Out of service.
        Inoperative = "Inoperative",
        /// In service.
        Operative = "Operative",
    }
}

wire_struct! {
    /// Takes a connector in or out of service.
    pub struct ChangeAvailabilityRequest {
        /// The connector; 0 for the whole charge point.
        connector_id: i64 = "connectorId";
        /// Wanted availability.
        kind: AvailabilityType = "type";
    }
}

wire_enum! {
    /// Whether availability changes.
    pub enum AvailabilityStatus {
        /// Changed.
        Accepted = "Accepted",
        /// Not changed.
        Rejected = "Rejected",
        /// Changes when the transaction in progress has ended.
        Scheduled = "Scheduled",
    }
}

wire_struct! {
    /// Answers a change of availability.
    pub struct ChangeAvailabilityResponse {
        /// The outcome.
        status: AvailabilityStatus = "status";
    }
}

wire_struct! {
    /// Sets a configuration key.
    pub struct ChangeConfigurationRequest {
        /// The key.
        key: CiString<50> = "key";
        /// Its new value, always as text.
        value: CiString<500> = "value";
    }
}

wire_enum! {
    /// Whether a configuration key was set.
    pub enum ConfigurationStatus {
        /// Set and in force.
        Accepted = "Accepted",
        /// Not set: read-only, or the value is invalid.
        Rejected = "Rejected",
        /// Set, in force after a restart.
        RebootRequired = "RebootRequired",
        /// Key not known.
        NotSupported = "NotSupported",
    }
}

wire_struct! {
    /// Answers the setting of a key.
    pub struct ChangeConfigurationResponse {
        /// The outcome.
        status: ConfigurationStatus = "status";
    }
}

wire_struct! {
    /// Empties the authorisation cache.
    pub struct ClearCacheRequest {}
}

wire_struct! {
    /// Answers the emptying of the cache.
    pub struct ClearCacheResponse {
        /// The outcome.
        status: GenericStatus = "status";
    }
}

wire_struct! {
    /// Carries vendors' own data in either direction.
    pub struct DataTransferRequest {
        /// Whose data it is.
        vendor_id: CiString<255> = "vendorId";
        /// Which message of theirs.
        message_id: Option<CiString<50>> = "messageId";
        /// The data. Other JSON than text arrives here by its spelling.
        data: Option<String> = "data" via any_as_text;
    }
}

wire_enum! {
    /// Whether vendor data was understood.
    pub enum DataTransferStatus {
        /// Understood and taken.
        Accepted = "Accepted",
        /// Understood, not taken.
        Rejected = "Rejected",
        /// The vendor has no such message here.
        UnknownMessageId = "UnknownMessageId",
        /// The vendor is not known here.
        UnknownVendorId = "UnknownVendorId",
    }
}

wire_struct! {
    /// Answers vendor data.
    pub struct DataTransferResponse {
        /// The outcome.
        status: DataTransferStatus = "status";
        /// Data in return.
        data: Option<String> = "data" via any_as_text;
    }
}

wire_struct! {
    /// Asks for configuration keys.
    pub struct GetConfigurationRequest {
        /// The keys asked for; all if absent or empty.
        key: Option<Vec<CiString<50>>> = "key";
    }
}

wire_struct! {
    /// One configuration key.
    pub struct KeyValue {
        /// The key.
        key: CiString<50> = "key";
        /// True if the central system may not set it.
        readonly: bool = "readonly";
        /// Its value; absent if it is set but secret.
        value: Option<CiString<500>> = "value";
    }
}

wire_struct! {
    /// Answers the question for configuration keys.
    pub struct GetConfigurationResponse {
        /// The known keys.
        configuration_key: Option<Vec<KeyValue>> = "configurationKey";
        /// Keys that were asked for and are not known.
        unknown_key: Option<Vec<CiString<50>>> = "unknownKey";
    }
}

wire_struct! {
    /// Says that the charge point lives.
    pub struct HeartbeatRequest {}
}

wire_struct! {
    /// Answers a heartbeat.
    pub struct HeartbeatResponse {
        /// The central system's time.
        current_time: Timestamp = "currentTime";
    }
}

wire_struct! {
    /// Reports meter readings.
    pub struct MeterValuesRequest {
        /// The connector; 0 for the main meter.
        connector_id: i64 = "connectorId";
        /// The transaction they belong to.
        transaction_id: Option<i64> = "transactionId";
        /// The readings, at least one.
        meter_value: Vec<MeterValue> = "meterValue" via filled_readings;
    }
}

wire_struct! {
    /// Answers meter readings.
    pub struct MeterValuesResponse {}
}

wire_struct! {
    /// Asks the charge point to start a transaction.
    pub struct RemoteStartTransactionRequest {
        /// The connector; the charge point's choice if absent.
        connector_id: Option<i64> = "connectorId";
        /// The idTag to charge for.
        id_tag: IdToken = "idTag";
        /// Profile for the new transaction.
        charging_profile: Option<ChargingProfile> = "chargingProfile";
    }
}

wire_struct! {
    /// Answers a remote start.
    pub struct RemoteStartTransactionResponse {
        /// Whether it will be tried.
        status: GenericStatus = "status";
    }
}

wire_struct! {
    /// Asks the charge point to stop a transaction.
    pub struct RemoteStopTransactionRequest {
        /// The transaction.
        transaction_id: i64 = "transactionId";
    }
}

wire_struct! {
    /// Answers a remote stop.
    pub struct RemoteStopTransactionResponse {
        /// Whether it will be tried.
        status: GenericStatus = "status";
    }
}

wire_enum! {
    /// How to restart.
    pub enum ResetType {
        /// At once, as if power had been cut.
        Hard = "Hard",
        /// After transactions have been stopped.
        Soft = "Soft",
    }
}

wire_struct! {
    /// Asks the charge point to restart.
    pub struct ResetRequest {
        /// How.
        kind: ResetType = "type";
    }
}

wire_struct! {
    /// Answers a restart request.
    pub struct ResetResponse {
        /// Whether it will restart.
        status: GenericStatus = "status";
    }
}

wire_struct! {
    /// Reports the start of a transaction.
    pub struct StartTransactionRequest {
        /// The connector.
        connector_id: i64 = "connectorId";
        /// Who charges.
        id_tag: IdToken = "idTag";
        /// Meter register at the start, in watt-hours.
        meter_start: i64 = "meterStart";
        /// The reservation that ends with it.
        reservation_id: Option<i64> = "reservationId";
        /// When it started.
        timestamp: Timestamp = "timestamp";
    }
}

wire_struct! {
    /// Answers the start of a transaction.
    pub struct StartTransactionResponse {
        /// Verdict on the idTag.
        id_tag_info: IdTagInfo = "idTagInfo";
        /// The central system's number for the transaction.
        transaction_id: i64 = "transactionId";
    }
}

wire_enum! {
    /// Error a connector reports.
    pub enum ChargePointErrorCode {
        /// The plug could not be locked or unlocked.
        ConnectorLockFailure = "ConnectorLockFailure",
        /// The vehicle does not follow the pilot's rules.
        EvCommunicationError = "EVCommunicationError",
        /// Ground fault protection tripped.
        GroundFailure = "GroundFailure",
        /// Too hot inside.
        HighTemperature = "HighTemperature",
        /// Hardware or software inside.
        InternalError = "InternalError",
        /// Central system and local list contradict each other.
        LocalListConflict = "LocalListConflict",
        /// No error.
        NoError = "NoError",
        /// None of the others; see the vendor's code.
        OtherError = "OtherError",
        /// Over-current protection tripped.
        OverCurrentFailure = "OverCurrentFailure",
        /// The meter cannot be read.
        PowerMeterFailure = "PowerMeterFailure",
        /// The contactor does not obey.
        PowerSwitchFailure = "PowerSwitchFailure",
        /// The card reader does not answer.
        ReaderFailure = "ReaderFailure",
        /// A reset did not work.
        ResetFailure = "ResetFailure",
        /// Supply voltage too low.
        UnderVoltage = "UnderVoltage",
        /// Supply voltage too high.
        OverVoltage = "OverVoltage",
        /// Weak radio signal.
        WeakSignal = "WeakSignal",
    }
}

wire_enum! {
    /// Status a connector reports.
    pub enum ChargePointStatus {
        /// Free.
        Available = "Available",
        /// Someone is about to charge.
        Preparing = "Preparing",
        /// Energy flows, or may flow.
        Charging = "Charging",
        /// The charge point holds back.
        SuspendedEvse = "SuspendedEVSE",
        /// The vehicle holds back.
        SuspendedEv = "SuspendedEV",
        /// The transaction is over, the plug still in.
        Finishing = "Finishing",
        /// Kept for someone.
        Reserved = "Reserved",
        /// Out of service.
        Unavailable = "Unavailable",
        /// Out of order.
        Faulted = "Faulted",
    }
}

wire_struct! {
    /// Reports a connector's status.
    pub struct StatusNotificationRequest {
        /// The connector; 0 for the whole charge point.
        connector_id: i64 = "connectorId";
        /// The error, or that there is none.
        error_code: ChargePointErrorCode = "errorCode";
        /// Further words.
        info: Option<CiString<50>> = "info";
        /// The status.
        status: ChargePointStatus = "status";
        /// Since when.
        timestamp: Option<Timestamp> = "timestamp";
        /// Whose error code the next field is.
        vendor_id: Option<CiString<255>> = "vendorId";
        /// The vendor's error code.
        vendor_error_code: Option<CiString<50>> = "vendorErrorCode";
    }
}

wire_struct! {
    /// Answers a status.
    pub struct StatusNotificationResponse {}
}

wire_enum! {
    /// Why a transaction ended.
    pub enum Reason {
        /// The emergency stop was pressed.
        EmergencyStop = "EmergencyStop",
        /// The cable was taken out at the vehicle.
        EvDisconnected = "EVDisconnected",
        /// A hard reset was ordered.
        HardReset = "HardReset",
        /// The user stopped at the charge point; what an absent reason means.
        Local = "Local",
        /// None of the others.
        Other = "Other",
        /// Power was lost.
        PowerLoss = "PowerLoss",
        /// The charge point restarted by itself.
        Reboot = "Reboot",
        /// The central system stopped it.
        Remote = "Remote",
        /// A soft reset was ordered.
        SoftReset = "SoftReset",
        /// The connector was unlocked from afar.
        UnlockCommand = "UnlockCommand",
        /// The central system did not authorise it.
        DeAuthorized = "DeAuthorized",
    }
}

wire_struct! {
    /// Reports the end of a transaction.
    pub struct StopTransactionRequest {
        /// Who ended it, if someone did.
        id_tag: Option<IdToken> = "idTag";
        /// Meter register at the end, in watt-hours.
        meter_stop: i64 = "meterStop";
        /// When it ended.
        timestamp: Timestamp = "timestamp";
        /// The central system's number for the transaction.
        transaction_id: i64 = "transactionId";
        /// Why; absent means local.
        reason: Option<Reason> = "reason";
        /// Readings over the transaction. The schema of this message does not list the unit `Hertz`.
        transaction_data: Option<Vec<MeterValue>> = "transactionData";
    }
}

wire_struct! {
    /// Answers the end of a transaction.
    pub struct StopTransactionResponse {
        /// Verdict on the idTag, if there was one.
        id_tag_info: Option<IdTagInfo> = "idTagInfo";
    }
}

wire_struct! {
    /// Asks to release the plug.
    pub struct UnlockConnectorRequest {
        /// The connector.
        connector_id: i64 = "connectorId";
    }
}

wire_enum! {
    /// Whether the plug was released.
    pub enum UnlockStatus {
        /// Released.
        Unlocked = "Unlocked",
        /// Tried in vain.
        UnlockFailed = "UnlockFailed",
        /// Nothing to unlock, or no such connector.
        NotSupported = "NotSupported",
    }
}

wire_struct! {
    /// Answers the request to release the plug.
    pub struct UnlockConnectorResponse {
        /// The outcome.
        status: UnlockStatus = "status";
    }
}
