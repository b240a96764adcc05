//! Calls of the Core and Remote Trigger profiles in one line each.

use super::{CallNotIssued, Csms};
use crate::rpc::MessageId;
use crate::v16::{
    AvailabilityType, ChangeAvailabilityRequest, ChangeConfigurationRequest, ChargingProfile,
    CiString, ClearCacheRequest, DataTransferRequest, GetConfigurationRequest, IdToken,
    MessageTrigger, RegistrationStatus, RemoteStartTransactionRequest,
    RemoteStopTransactionRequest, ResetRequest, ResetType, TriggerMessageRequest,
    UnlockConnectorRequest,
};
use alloc::string::String;
use units::Instant;

/// Each returns the call's id; its answer comes as an event. Texts that are too long are cut.
impl Csms {
    /// Asks to start a transaction; `None` leaves the connector to the charge point.
    pub fn remote_start(
        &mut self,
        now: Instant,
        connector_id: Option<i64>,
        id_tag: &str,
    ) -> Result<MessageId, CallNotIssued> {
        let id_tag = IdToken::truncated(id_tag);
        self.call(
            now,
            RemoteStartTransactionRequest {
                connector_id,
                id_tag,
                charging_profile: None,
            },
        )
    }

    /// Asks to start a transaction with a profile of its own.
    pub fn remote_start_with_profile(
        &mut self,
        now: Instant,
        connector_id: Option<i64>,
        id_tag: &str,
        profile: ChargingProfile,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            RemoteStartTransactionRequest {
                connector_id,
                id_tag: IdToken::truncated(id_tag),
                charging_profile: Some(profile),
            },
        )
    }

    /// Asks to stop a transaction.
    pub fn remote_stop(
        &mut self,
        now: Instant,
        transaction_id: i64,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, RemoteStopTransactionRequest { transaction_id })
    }

    /// Asks to restart.
    pub fn reset(&mut self, now: Instant, kind: ResetType) -> Result<MessageId, CallNotIssued> {
        self.call(now, ResetRequest { kind })
    }

    /// Takes a connector in or out of service.
    pub fn change_availability(
        &mut self,
        now: Instant,
        connector_id: i64,
        kind: AvailabilityType,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, ChangeAvailabilityRequest { connector_id, kind })
    }

    /// Sets a configuration key.
    pub fn change_configuration(
        &mut self,
        now: Instant,
        key: &str,
        value: &str,
    ) -> Result<MessageId, CallNotIssued> {
        let (key, value) = (CiString::truncated(key), CiString::truncated(value));
        self.call(now, ChangeConfigurationRequest { key, value })
    }

    /// Asks for configuration keys; for all if the list is empty.
    pub fn get_configuration(
        &mut self,
        now: Instant,
        keys: &[&str],
    ) -> Result<MessageId, CallNotIssued> {
        let key = keys.iter().map(|key| CiString::truncated(key)).collect();
        self.call(
            now,
            GetConfigurationRequest {
                key: (!keys.is_empty()).then_some(key),
            },
        )
    }

    /// Empties the authorisation cache.
    pub fn clear_cache(&mut self, now: Instant) -> Result<MessageId, CallNotIssued> {
        self.call(now, ClearCacheRequest {})
    }

    /// Releases the plug.
    pub fn unlock_connector(
        &mut self,
        now: Instant,
        connector_id: i64,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, UnlockConnectorRequest { connector_id })
    }

    /// Asks for a message.
    pub fn trigger(
        &mut self,
        now: Instant,
        message: MessageTrigger,
        connector_id: Option<i64>,
    ) -> Result<MessageId, CallNotIssued> {
        let requested_message = message.into();
        self.call(
            now,
            TriggerMessageRequest {
                requested_message,
                connector_id,
            },
        )
    }

    /// Sends vendor data.
    pub fn data_transfer(
        &mut self,
        now: Instant,
        vendor_id: &str,
        message_id: Option<&str>,
        data: Option<String>,
    ) -> Result<MessageId, CallNotIssued> {
        let request = DataTransferRequest {
            vendor_id: CiString::truncated(vendor_id),
            message_id: message_id.map(CiString::truncated),
            data,
        };
        self.call(now, request)
    }

    /// Changes how boot messages are answered. A charge point that waits with a pending boot is asked to boot again
    /// at once; any other hears of it at its next boot.
    pub fn admit(
        &mut self,
        now: Instant,
        registration: RegistrationStatus,
    ) -> Result<Option<MessageId>, CallNotIssued> {
        self.config_mut().registration = registration;
        let waits = self.registration() == Some(RegistrationStatus::Pending);
        if !waits || registration == RegistrationStatus::Pending {
            return Ok(None);
        }
        self.trigger(now, MessageTrigger::BootNotification, None)
            .map(Some)
    }
}
