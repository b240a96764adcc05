//! Remote trigger profile.

use crate::v16::types::Open;

wire_enum! {
    /// Message the central system can ask for.
    pub enum MessageTrigger {
        /// A boot notification.
        BootNotification = "BootNotification",
        /// The state of a diagnostics upload.
        DiagnosticsStatusNotification = "DiagnosticsStatusNotification",
        /// The state of a firmware update.
        FirmwareStatusNotification = "FirmwareStatusNotification",
        /// A heartbeat.
        Heartbeat = "Heartbeat",
        /// Meter readings.
        MeterValues = "MeterValues",
        /// Connector status.
        StatusNotification = "StatusNotification",
    }
}

wire_enum! {
    /// Whether the message will be sent.
    pub enum TriggerMessageStatus {
        /// It will, after this answer.
        Accepted = "Accepted",
        /// It will not.
        Rejected = "Rejected",
        /// Unknown or not available message.
        NotImplemented = "NotImplemented",
    }
}

wire_struct! {
    /// Asks for a message.
    pub struct TriggerMessageRequest {
        /// The message. An unlisted word decodes, because the answer `NotImplemented` exists for it.
        requested_message: Open<MessageTrigger> = "requestedMessage";
        /// The connector it should be about.
        connector_id: Option<i64> = "connectorId";
    }
}

wire_struct! {
    /// Answers the request for a message.
    pub struct TriggerMessageResponse {
        /// The outcome.
        status: TriggerMessageStatus = "status";
    }
}
