//! Calls of the other profiles and of the security whitepaper in one line each.

use super::{CallNotIssued, Csms};
use crate::rpc::MessageId;
use crate::v16::{
    CancelReservationRequest, CertificateHashData, CertificateSignedRequest, CertificateUse,
    ChargingProfile, ChargingRateUnit, CiString, ClearChargingProfileRequest,
    DeleteCertificateRequest, ExtendedMessageTrigger, ExtendedTriggerMessageRequest, Firmware,
    GetCompositeScheduleRequest, GetDiagnosticsRequest, GetInstalledCertificateIdsRequest,
    GetLocalListVersionRequest, GetLogRequest, IdToken, InstallCertificateRequest, LogParameters,
    LogType, ReserveNowRequest, SetChargingProfileRequest, SignedUpdateFirmwareRequest,
    UpdateFirmwareRequest,
};
use alloc::string::String;
use units::{Instant, Timestamp};

/// How often, and how far apart, the charge point tries a transfer; both its own choice if absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// How often to try again.
    pub retries: Option<i64>,
    /// Seconds between tries.
    pub interval_s: Option<i64>,
}

/// Each returns the call's id; its answer comes as an event, and the books follow it.
impl Csms {
    /// Reserves a connector, or any of them with connector 0, under a number that is returned too.
    pub fn reserve(
        &mut self,
        now: Instant,
        connector_id: i64,
        id_tag: IdToken,
        parent_id_tag: Option<IdToken>,
        expires_at: Timestamp,
    ) -> Result<(MessageId, i64), CallNotIssued> {
        let reservation_id = self.reservations.fresh_id();
        let request = ReserveNowRequest {
            connector_id,
            expiry_date: expires_at,
            id_tag,
            parent_id_tag,
            reservation_id,
        };
        self.call(now, request).map(|id| (id, reservation_id))
    }

    /// Cancels a reservation.
    pub fn cancel_reservation(
        &mut self,
        now: Instant,
        reservation_id: i64,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, CancelReservationRequest { reservation_id })
    }

    /// Asks for the version of the local list. Bringing the list in step does so by itself.
    pub fn get_local_list_version(&mut self, now: Instant) -> Result<MessageId, CallNotIssued> {
        self.call(now, GetLocalListVersionRequest {})
    }

    /// Installs a charging profile; connector 0 is the whole charge point.
    pub fn set_charging_profile(
        &mut self,
        now: Instant,
        connector_id: i64,
        profile: ChargingProfile,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            SetChargingProfileRequest {
                connector_id,
                cs_charging_profiles: profile,
            },
        )
    }

    /// Removes the charging profiles that the request names; all of them if it names nothing.
    pub fn clear_charging_profiles(
        &mut self,
        now: Instant,
        named: ClearChargingProfileRequest,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, named)
    }

    /// Asks for the limits that result from all profiles.
    pub fn get_composite_schedule(
        &mut self,
        now: Instant,
        connector_id: i64,
        duration_s: i64,
        charging_rate_unit: Option<ChargingRateUnit>,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            GetCompositeScheduleRequest {
                connector_id,
                duration: duration_s,
                charging_rate_unit,
            },
        )
    }

    /// Asks for diagnostics of a span of time to be uploaded.
    pub fn get_diagnostics(
        &mut self,
        now: Instant,
        location: impl Into<String>,
        span: (Option<Timestamp>, Option<Timestamp>),
        tries: Tries,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            GetDiagnosticsRequest {
                location: location.into(),
                retries: tries.retries,
                retry_interval: tries.interval_s,
                start_time: span.0,
                stop_time: span.1,
            },
        )
    }

    /// Asks for a firmware update without a signature.
    pub fn update_firmware(
        &mut self,
        now: Instant,
        location: impl Into<String>,
        retrieve_date: Timestamp,
        tries: Tries,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            UpdateFirmwareRequest {
                location: location.into(),
                retries: tries.retries,
                retrieve_date,
                retry_interval: tries.interval_s,
            },
        )
    }

    /// Asks for a log to be uploaded, under a number that is returned too.
    pub fn get_log(
        &mut self,
        now: Instant,
        log_type: LogType,
        log: LogParameters,
        tries: Tries,
    ) -> Result<(MessageId, i64), CallNotIssued> {
        let request_id = self.jobs.fresh_id();
        let request = GetLogRequest {
            log,
            log_type,
            request_id,
            retries: tries.retries,
            retry_interval: tries.interval_s,
        };
        self.call(now, request).map(|id| (id, request_id))
    }

    /// Asks for a signed firmware update, under a number that is returned too.
    pub fn signed_update_firmware(
        &mut self,
        now: Instant,
        firmware: Firmware,
        tries: Tries,
    ) -> Result<(MessageId, i64), CallNotIssued> {
        let request_id = self.jobs.fresh_id();
        let request = SignedUpdateFirmwareRequest {
            retries: tries.retries,
            retry_interval: tries.interval_s,
            request_id,
            firmware,
        };
        self.call(now, request).map(|id| (id, request_id))
    }

    /// Delivers a signed certificate chain in PEM. One that is too long cannot be cut, so it is given as it will be
    /// sent; see [`CiString::new`].
    pub fn certificate_signed(
        &mut self,
        now: Instant,
        certificate_chain: CiString<10000>,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, CertificateSignedRequest { certificate_chain })
    }

    /// Installs a root certificate in PEM.
    pub fn install_certificate(
        &mut self,
        now: Instant,
        certificate_type: CertificateUse,
        certificate: CiString<5500>,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            InstallCertificateRequest {
                certificate_type,
                certificate,
            },
        )
    }

    /// Removes a root certificate.
    pub fn delete_certificate(
        &mut self,
        now: Instant,
        certificate_hash_data: CertificateHashData,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            DeleteCertificateRequest {
                certificate_hash_data,
            },
        )
    }

    /// Asks which root certificates are installed.
    pub fn get_installed_certificates(
        &mut self,
        now: Instant,
        certificate_type: CertificateUse,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(now, GetInstalledCertificateIdsRequest { certificate_type })
    }

    /// Asks for a message, the whitepaper's way.
    pub fn extended_trigger(
        &mut self,
        now: Instant,
        message: ExtendedMessageTrigger,
        connector_id: Option<i64>,
    ) -> Result<MessageId, CallNotIssued> {
        self.call(
            now,
            ExtendedTriggerMessageRequest {
                requested_message: message.into(),
                connector_id,
            },
        )
    }
}
