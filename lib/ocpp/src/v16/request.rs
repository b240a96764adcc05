//! Every action with its request and its response.

use super::messages::*;
use crate::wire::{DecodeError, Field, Notes, Reader, Wire};
use serde_json::Value;

/// Who sends the request of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// Only the charge point.
    ChargePoint,
    /// Only the central system.
    CentralSystem,
    /// Either side: vendor data.
    Either,
}

/// Feature profile of OCPP 1.6 an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// What every charge point must do.
    Core,
    /// Firmware updates and diagnostics.
    FirmwareManagement,
    /// Local authorization list.
    LocalAuthListManagement,
    /// Reservations.
    Reservation,
    /// Messages on demand.
    RemoteTrigger,
    /// Charging profiles.
    SmartCharging,
    /// The security whitepaper.
    Security,
}

macro_rules! actions {
    ( $( $name:ident = $word:literal ( $request:ident, $response:ident ) $initiator:ident $profile:ident, )* ) => {
        wire_enum! {
            /// The name of an action.
            pub enum Action {
                $( #[doc = concat!("`", stringify!($name), "`.")] $name = $word, )*
            }
        }

        impl Action {
            /// Who may send its request.
            #[must_use]
            pub const fn initiator(self) -> Initiator {
                match self { $( Self::$name => Initiator::$initiator, )* }
            }

            /// The feature profile it belongs to.
            #[must_use]
            pub const fn profile(self) -> Profile {
                match self { $( Self::$name => Profile::$profile, )* }
            }

            /// The fields of its request.
            #[must_use]
            pub const fn request_fields(self) -> &'static [Field] {
                match self { $( Self::$name => $request::FIELDS, )* }
            }

            /// The fields of its response.
            #[must_use]
            pub const fn response_fields(self) -> &'static [Field] {
                match self { $( Self::$name => $response::FIELDS, )* }
            }
        }

        /// A request of any action, in either direction.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Request {
            $( #[doc = concat!("A request for `", stringify!($name), "`.")] $name($request), )*
        }

        impl Request {
            /// Its action.
            #[must_use]
            pub const fn action(&self) -> Action {
                match self { $( Self::$name(_) => Action::$name, )* }
            }

            /// The payload of its CALL.
            #[must_use]
            pub fn to_payload(&self) -> Value {
                match self { $( Self::$name(message) => message.write(), )* }
            }

            /// Reads the payload of a CALL.
            ///
            /// Errors: the first fault with its field.
            pub fn decode(action: Action, payload: &Value) -> Result<(Self, Notes), DecodeError> {
                match action {
                    $( Action::$name => Reader::new()
                        .read(payload)
                        .map(|(message, notes)| (Self::$name(message), notes)), )*
                }
            }
        }

        /// A response of any action.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Response {
            $( #[doc = concat!("A response to `", stringify!($name), "`.")] $name($response), )*
        }

        impl Response {
            /// Its action.
            #[must_use]
            pub const fn action(&self) -> Action {
                match self { $( Self::$name(_) => Action::$name, )* }
            }

            /// The payload of its CALLRESULT.
            #[must_use]
            pub fn to_payload(&self) -> Value {
                match self { $( Self::$name(message) => message.write(), )* }
            }

            /// Reads the payload of a CALLRESULT.
            ///
            /// Errors: the first fault with its field.
            pub fn decode(action: Action, payload: &Value) -> Result<(Self, Notes), DecodeError> {
                match action {
                    $( Action::$name => Reader::new()
                        .read(payload)
                        .map(|(message, notes)| (Self::$name(message), notes)), )*
                }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(message: $request) -> Self {
                    Self::$name(message)
                }
            }

            impl From<$response> for Response {
                fn from(message: $response) -> Self {
                    Self::$name(message)
                }
            }
        )*
    };
}

actions! {
    Authorize = "Authorize" (AuthorizeRequest, AuthorizeResponse) ChargePoint Core,
    BootNotification = "BootNotification" (BootNotificationRequest, BootNotificationResponse) ChargePoint Core,
    ChangeAvailability = "ChangeAvailability" (ChangeAvailabilityRequest, ChangeAvailabilityResponse) CentralSystem Core,
    ChangeConfiguration = "ChangeConfiguration" (ChangeConfigurationRequest, ChangeConfigurationResponse) CentralSystem Core,
    ClearCache = "ClearCache" (ClearCacheRequest, ClearCacheResponse) CentralSystem Core,
    DataTransfer = "DataTransfer" (DataTransferRequest, DataTransferResponse) Either Core,
    GetConfiguration = "GetConfiguration" (GetConfigurationRequest, GetConfigurationResponse) CentralSystem Core,
    Heartbeat = "Heartbeat" (HeartbeatRequest, HeartbeatResponse) ChargePoint Core,
    MeterValues = "MeterValues" (MeterValuesRequest, MeterValuesResponse) ChargePoint Core,
    RemoteStartTransaction = "RemoteStartTransaction" (RemoteStartTransactionRequest, RemoteStartTransactionResponse) CentralSystem Core,
    RemoteStopTransaction = "RemoteStopTransaction" (RemoteStopTransactionRequest, RemoteStopTransactionResponse) CentralSystem Core,
    Reset = "Reset" (ResetRequest, ResetResponse) CentralSystem Core,
    StartTransaction = "StartTransaction" (StartTransactionRequest, StartTransactionResponse) ChargePoint Core,
    StatusNotification = "StatusNotification" (StatusNotificationRequest, StatusNotificationResponse) ChargePoint Core,
    StopTransaction = "StopTransaction" (StopTransactionRequest, StopTransactionResponse) ChargePoint Core,
    UnlockConnector = "UnlockConnector" (UnlockConnectorRequest, UnlockConnectorResponse) CentralSystem Core,
    DiagnosticsStatusNotification = "DiagnosticsStatusNotification" (DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse) ChargePoint FirmwareManagement,
    FirmwareStatusNotification = "FirmwareStatusNotification" (FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse) ChargePoint FirmwareManagement,
    GetDiagnostics = "GetDiagnostics" (GetDiagnosticsRequest, GetDiagnosticsResponse) CentralSystem FirmwareManagement,
    UpdateFirmware = "UpdateFirmware" (UpdateFirmwareRequest, UpdateFirmwareResponse) CentralSystem FirmwareManagement,
    GetLocalListVersion = "GetLocalListVersion" (GetLocalListVersionRequest, GetLocalListVersionResponse) CentralSystem LocalAuthListManagement,
    SendLocalList = "SendLocalList" (SendLocalListRequest, SendLocalListResponse) CentralSystem LocalAuthListManagement,
    CancelReservation = "CancelReservation" (CancelReservationRequest, CancelReservationResponse) CentralSystem Reservation,
    ReserveNow = "ReserveNow" (ReserveNowRequest, ReserveNowResponse) CentralSystem Reservation,
    TriggerMessage = "TriggerMessage" (TriggerMessageRequest, TriggerMessageResponse) CentralSystem RemoteTrigger,
    ClearChargingProfile = "ClearChargingProfile" (ClearChargingProfileRequest, ClearChargingProfileResponse) CentralSystem SmartCharging,
    GetCompositeSchedule = "GetCompositeSchedule" (GetCompositeScheduleRequest, GetCompositeScheduleResponse) CentralSystem SmartCharging,
    SetChargingProfile = "SetChargingProfile" (SetChargingProfileRequest, SetChargingProfileResponse) CentralSystem SmartCharging,
    CertificateSigned = "CertificateSigned" (CertificateSignedRequest, CertificateSignedResponse) CentralSystem Security,
    DeleteCertificate = "DeleteCertificate" (DeleteCertificateRequest, DeleteCertificateResponse) CentralSystem Security,
    ExtendedTriggerMessage = "ExtendedTriggerMessage" (ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse) CentralSystem Security,
    GetInstalledCertificateIds = "GetInstalledCertificateIds" (GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse) CentralSystem Security,
    GetLog = "GetLog" (GetLogRequest, GetLogResponse) CentralSystem Security,
    InstallCertificate = "InstallCertificate" (InstallCertificateRequest, InstallCertificateResponse) CentralSystem Security,
    LogStatusNotification = "LogStatusNotification" (LogStatusNotificationRequest, LogStatusNotificationResponse) ChargePoint Security,
    SecurityEventNotification = "SecurityEventNotification" (SecurityEventNotificationRequest, SecurityEventNotificationResponse) ChargePoint Security,
    SignCertificate = "SignCertificate" (SignCertificateRequest, SignCertificateResponse) ChargePoint Security,
    SignedFirmwareStatusNotification = "SignedFirmwareStatusNotification" (SignedFirmwareStatusNotificationRequest, SignedFirmwareStatusNotificationResponse) ChargePoint Security,
    SignedUpdateFirmware = "SignedUpdateFirmware" (SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse) CentralSystem Security,
}
