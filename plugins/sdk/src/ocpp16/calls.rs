//! Calls of the backend: what is asked, what the station says to it, and the answer.

use ocpp::rpc::{CallError, ErrorCode, MessageId};
use ocpp::v16::{
    AvailabilityStatus, AvailabilityType, CancelReservationResponse, ChangeAvailabilityRequest,
    ChangeAvailabilityResponse, ChangeConfigurationRequest, ChangeConfigurationResponse,
    ClearCacheResponse, ConfigurationStatus, DataTransferResponse, DataTransferStatus,
    GenericStatus, GetConfigurationRequest, RemoteStartTransactionRequest,
    RemoteStartTransactionResponse, RemoteStopTransactionRequest, RemoteStopTransactionResponse,
    Request, ReserveNowResponse, ResetRequest as ResetMessage, ResetResponse, ResetType, Response,
    UnlockConnectorRequest, UnlockConnectorResponse, UnlockStatus,
};
use serde_json::Value;
use units::Millis;

use super::config::{Change, Told};
use super::limits::{ANSWER_WAIT_S, RESET_WAIT_S, WAITING_ANSWERS};
use super::reserve;
use super::{Ocpp16, Operator, Registered, ResetTries, Waiting};
use crate::backend::{
    AvailabilityRequest, Command, Outcome, OutcomeKind, ResetKind, ResetRequest, Role,
    SettingRequest, StartRequest, StopRequest, UnlockRequest,
};
use crate::{Level, Token, TokenKind, log};

impl<O: Operator> Ocpp16<O> {
    pub(super) fn on_request(&mut self, id: &MessageId, request: Request) {
        match request {
            Request::RemoteStartTransaction(request) => self.remote_start(id, request),
            Request::RemoteStopTransaction(request) => self.remote_stop(id, &request),
            Request::UnlockConnector(request) => self.unlock(id, &request),
            Request::Reset(request) => self.reset(id, &request),
            Request::ChangeAvailability(request) => self.change_availability(id, &request),
            Request::ChangeConfiguration(request) => self.change_configuration(id, &request),
            Request::GetConfiguration(request) => self.get_configuration(id, &request),
            Request::ClearCache(_) => {
                let enabled = self.config.flag("AuthorizationCacheEnabled");
                let writes = self.cache.clear();
                self.write(writes);
                let status = if enabled {
                    GenericStatus::Accepted
                } else {
                    GenericStatus::Rejected
                };
                self.answer(id, &Response::from(ClearCacheResponse { status }));
            }
            Request::DataTransfer(_) => {
                let status = DataTransferStatus::UnknownVendorId;
                self.answer(
                    id,
                    &Response::from(DataTransferResponse { status, data: None }),
                );
            }
            Request::TriggerMessage(request) => self.trigger(id, &request),
            Request::GetLocalListVersion(_) => self.local_list_version(id),
            Request::SendLocalList(request) => self.send_local_list(id, &request),
            Request::ReserveNow(request) => self.reserve(id, &request),
            Request::CancelReservation(request) => self.cancel_reservation(id, &request),
            Request::SetChargingProfile(request) => self.set_charging_profile(id, &request),
            Request::ClearChargingProfile(request) => self.clear_charging_profile(id, &request),
            Request::GetCompositeSchedule(request) => self.composite_schedule(id, &request),
            Request::ExtendedTriggerMessage(request) => self.extended_trigger(id, &request),
            Request::UpdateFirmware(request) => self.update_firmware(id, &request),
            Request::SignedUpdateFirmware(request) => self.signed_update_firmware(id, &request),
            Request::GetDiagnostics(request) => self.get_diagnostics(id, &request),
            Request::GetLog(request) => self.get_log(id, &request),
            Request::InstallCertificate(request) => self.install_certificate(id, &request),
            Request::DeleteCertificate(request) => self.delete_certificate(id, &request),
            Request::GetInstalledCertificateIds(request) => self.certificate_ids(id, &request),
            Request::CertificateSigned(request) => self.certificate_signed(id, &request),
            other => self.answer_not_supported(id, other.action().as_str()),
        }
    }

    /// May the backend command, and does the station listen yet?
    pub(super) fn may_command(&self) -> bool {
        self.role == Role::Primary
    }

    /// Asks the station, and keeps the answer open until it has said what comes of it. With too many answers open the
    /// call is refused at once: a backend that hears nothing waits for its time-out.
    pub(super) fn ask_station(&mut self, waiting: Waiting, command: impl FnOnce(u64) -> Command) {
        if self.waiting.len() >= WAITING_ANSWERS {
            let busy = format!("busy: {WAITING_ANSWERS} calls wait for the station; try again");
            return self.answer_error(waiting.id(), CallError::new(ErrorCode::InternalError, busy));
        }
        let request_id = self.request_id();
        let due = self.now.at.after(Millis::from_secs(ANSWER_WAIT_S));
        self.waiting.insert(request_id, (waiting, due));
        self.command(command(request_id));
    }

    /// Answers the calls on which the station has said nothing in time.
    pub(super) fn answer_overdue(&mut self) {
        let now = self.now.at;
        while let Some(request_id) = self
            .waiting
            .iter()
            .find_map(|(request_id, (_, due))| (*due <= now).then_some(*request_id))
        {
            if let Some((waiting, _)) = self.waiting.remove(&request_id) {
                let late = format!("the station has not answered within {ANSWER_WAIT_S} s");
                self.answer_error(waiting.id(), CallError::new(ErrorCode::InternalError, late));
            }
        }
    }

    pub(super) fn connector(&self, connector_id: i64) -> Option<u32> {
        u32::try_from(connector_id)
            .ok()
            .filter(|connector| self.statuses.has(*connector))
    }

    fn remote_start(&mut self, id: &MessageId, request: RemoteStartTransactionRequest) {
        let evse_id = match request.connector_id {
            None => Ok(None),
            Some(connector) => self
                .connector(connector)
                .filter(|c| *c > 0)
                .map(Some)
                .ok_or(()),
        };
        let fits = self.may_command() && self.registered == Registered::Yes;
        let taken = |adapter: &mut Self, evse_id| {
            adapter.take_start_profile(evse_id, request.charging_profile.clone())
        };
        let fits = fits && evse_id.is_ok_and(|evse_id| taken(self, evse_id));
        let (true, Ok(evse_id)) = (fits, evse_id) else {
            let status = GenericStatus::Rejected;
            self.answer(
                id,
                &Response::from(RemoteStartTransactionResponse { status }),
            );
            return;
        };
        let token = Token {
            value: request.id_tag.as_str().to_owned(),
            kind: TokenKind::Central,
        };
        let authorize_first = self.config.flag("AuthorizeRemoteTxRequests");
        self.ask_station(Waiting::RemoteStart(id.clone()), |request_id| {
            Command::RequestStart(StartRequest {
                request_id,
                evse_id,
                token,
                authorize_first,
            })
        });
    }

    fn remote_stop(&mut self, id: &MessageId, request: &RemoteStopTransactionRequest) {
        let local = self.transactions.local(request.transaction_id);
        let fits = self.may_command() && self.registered == Registered::Yes;
        match local.filter(|_| fits) {
            Some(transaction) => {
                self.ask_station(Waiting::RemoteStop(id.clone()), |request_id| {
                    Command::RequestStop(StopRequest {
                        request_id,
                        transaction,
                    })
                });
            }
            None => {
                let status = GenericStatus::Rejected;
                self.answer(
                    id,
                    &Response::from(RemoteStopTransactionResponse { status }),
                );
            }
        }
    }

    fn unlock(&mut self, id: &MessageId, request: &UnlockConnectorRequest) {
        match self
            .connector(request.connector_id)
            .filter(|c| *c > 0 && self.may_command())
        {
            Some(evse_id) => {
                self.ask_station(Waiting::Unlock(id.clone()), |request_id| {
                    Command::Unlock(UnlockRequest {
                        request_id,
                        evse_id,
                        connector_id: 1,
                    })
                });
            }
            None => {
                let status = UnlockStatus::NotSupported;
                self.answer(id, &Response::from(UnlockConnectorResponse { status }));
            }
        }
    }

    fn reset(&mut self, id: &MessageId, request: &ResetMessage) {
        if !self.may_command() {
            let status = GenericStatus::Rejected;
            self.answer(id, &Response::from(ResetResponse { status }));
            return;
        }
        let kind = match request.kind {
            ResetType::Hard => ResetKind::Hard,
            ResetType::Soft => ResetKind::Soft,
        };
        self.reset = Some(ResetTries {
            kind,
            left: self.config.number("ResetRetries"),
            due: None,
        });
        self.order_reset(id, kind);
    }

    fn order_reset(&mut self, id: &MessageId, kind: ResetKind) {
        self.ask_station(Waiting::Reset(id.clone()), |request_id| {
            Command::Reset(ResetRequest { request_id, kind })
        });
    }

    /// What the station said to a reset; `None` if it is tried again.
    fn reset_outcome(&mut self, id: &MessageId, kind: OutcomeKind) -> Option<GenericStatus> {
        match (kind, &mut self.reset) {
            (OutcomeKind::Accepted, reset) => {
                let due = self.now.at.after(Millis::from_secs(RESET_WAIT_S));
                if let Some(reset) = reset {
                    reset.due = Some(due);
                }
                Some(GenericStatus::Accepted)
            }
            (OutcomeKind::Failed, Some(reset)) if reset.left > 0 => {
                reset.left = reset.left.saturating_sub(1);
                let kind = reset.kind;
                self.order_reset(id, kind);
                None
            }
            // Not allowed, not possible, or failed for good.
            (
                OutcomeKind::Rejected
                | OutcomeKind::Scheduled
                | OutcomeKind::RestartRequired
                | OutcomeKind::Unknown
                | OutcomeKind::NotSupported
                | OutcomeKind::Failed
                | OutcomeKind::Occupied
                | OutcomeKind::Faulted
                | OutcomeKind::Unavailable,
                reset,
            ) => {
                *reset = None;
                Some(GenericStatus::Rejected)
            }
        }
    }

    /// Orders a reset again that the station took and that has not happened.
    pub(super) fn retry_reset_if_due(&mut self) {
        let now = self.now.at;
        let Some(reset) = self
            .reset
            .filter(|reset| reset.due.is_some_and(|due| due <= now))
        else {
            return;
        };
        if reset.left == 0 {
            log(Level::Error, "the station has not reset; no try is left");
            self.reset = None;
            return;
        }
        log(Level::Warn, "the station has not reset; it is told again");
        self.reset = Some(ResetTries {
            left: reset.left.saturating_sub(1),
            due: Some(now.after(Millis::from_secs(RESET_WAIT_S))),
            ..reset
        });
        let (request_id, kind) = (self.request_id(), reset.kind);
        self.command(Command::Reset(ResetRequest { request_id, kind }));
    }

    fn change_availability(&mut self, id: &MessageId, request: &ChangeAvailabilityRequest) {
        let Some(connector) = self
            .connector(request.connector_id)
            .filter(|_| self.may_command())
        else {
            let status = AvailabilityStatus::Rejected;
            self.answer(id, &Response::from(ChangeAvailabilityResponse { status }));
            return;
        };
        let operative = request.kind == AvailabilityType::Operative;
        self.ask_station(Waiting::Availability(id.clone()), |request_id| {
            Command::SetAvailability(AvailabilityRequest {
                request_id,
                evse_id: (connector > 0).then_some(connector),
                operative,
            })
        });
    }

    fn get_configuration(&mut self, id: &MessageId, request: &GetConfigurationRequest) {
        let now = self.now.wall;
        let known = |key| match key {
            "AuthorizationCacheList" => self.cache.accepted(now).join(":"),
            _ => String::new(),
        };
        let Told { answer, long } = self.config.get(request, known);
        let mut payload = Response::from(answer).to_payload();
        let keys = payload.get_mut("configurationKey");
        for told in keys.and_then(Value::as_array_mut).into_iter().flatten() {
            let whole = long.iter().find(|(key, _)| {
                let name = told.get("key").and_then(Value::as_str);
                name == Some(*key)
            });
            if let (Some((_, whole)), Some(told)) = (whole, told.as_object_mut()) {
                told.insert("value".to_owned(), Value::String(whole.clone()));
            }
        }
        self.answer_payload(id, payload);
    }

    fn change_configuration(&mut self, id: &MessageId, request: &ChangeConfigurationRequest) {
        if !self.may_command() {
            let status = ConfigurationStatus::Rejected;
            self.answer(id, &Response::from(ChangeConfigurationResponse { status }));
            return;
        }
        match self
            .config
            .change(request.key.as_str(), request.value.as_str())
        {
            Change::Done {
                status,
                store,
                reconnect,
            } => {
                if request.key == "AuthorizationKey" && !store.is_empty() {
                    self.security_event("ReconfigurationOfSecurityParameters: AuthorizationKey");
                }
                self.write(store);
                self.answer(id, &Response::from(ChangeConfigurationResponse { status }));
                if request.key == "HeartbeatInterval" {
                    self.schedule_heartbeat();
                }
                if reconnect {
                    self.renew_since = self.renew_since.or(Some(self.now.at));
                }
            }
            Change::AskStation { key, value } => {
                self.ask_station(Waiting::Setting(id.clone()), |request_id| {
                    Command::SetSetting(SettingRequest {
                        request_id,
                        key,
                        value,
                    })
                });
            }
            Change::Decide { value } => self.change_profile(id, &value),
            Change::Refused(status) => {
                self.answer(id, &Response::from(ChangeConfigurationResponse { status }));
            }
        }
    }

    // ---- what the station said ----

    pub(super) fn on_outcome(&mut self, outcome: &Outcome) {
        self.readings.remove(&outcome.request_id);
        if self.firmware_outcome(outcome) {
            return;
        }
        self.upload_begun(outcome);
        let Some((waiting, due)) = self.waiting.remove(&outcome.request_id) else {
            return;
        };
        let accepted = outcome.kind == OutcomeKind::Accepted;
        let generic = if accepted {
            GenericStatus::Accepted
        } else {
            GenericStatus::Rejected
        };
        let (id, response) = match waiting {
            Waiting::RemoteStart(id) => (
                id,
                Response::from(RemoteStartTransactionResponse { status: generic }),
            ),
            Waiting::RemoteStop(id) => (
                id,
                Response::from(RemoteStopTransactionResponse { status: generic }),
            ),
            Waiting::Reset(id) => {
                let Some(status) = self.reset_outcome(&id, outcome.kind) else {
                    return;
                };
                (id, Response::from(ResetResponse { status }))
            }
            Waiting::Unlock(id) => {
                let status = match outcome.kind {
                    OutcomeKind::Accepted => UnlockStatus::Unlocked,
                    OutcomeKind::NotSupported | OutcomeKind::Unknown => UnlockStatus::NotSupported,
                    OutcomeKind::Rejected
                    | OutcomeKind::Scheduled
                    | OutcomeKind::RestartRequired
                    | OutcomeKind::Failed
                    | OutcomeKind::Occupied
                    | OutcomeKind::Faulted
                    | OutcomeKind::Unavailable => UnlockStatus::UnlockFailed,
                };
                (id, Response::from(UnlockConnectorResponse { status }))
            }
            Waiting::Availability(id) => {
                let status = match outcome.kind {
                    OutcomeKind::Accepted => AvailabilityStatus::Accepted,
                    OutcomeKind::Scheduled => AvailabilityStatus::Scheduled,
                    OutcomeKind::Rejected
                    | OutcomeKind::RestartRequired
                    | OutcomeKind::Unknown
                    | OutcomeKind::NotSupported
                    | OutcomeKind::Failed
                    | OutcomeKind::Occupied
                    | OutcomeKind::Faulted
                    | OutcomeKind::Unavailable => AvailabilityStatus::Rejected,
                };
                (id, Response::from(ChangeAvailabilityResponse { status }))
            }
            Waiting::Setting(id) => {
                let status = match outcome.kind {
                    OutcomeKind::Accepted => ConfigurationStatus::Accepted,
                    OutcomeKind::RestartRequired => ConfigurationStatus::RebootRequired,
                    OutcomeKind::Unknown | OutcomeKind::NotSupported => {
                        ConfigurationStatus::NotSupported
                    }
                    OutcomeKind::Rejected
                    | OutcomeKind::Scheduled
                    | OutcomeKind::Failed
                    | OutcomeKind::Occupied
                    | OutcomeKind::Faulted
                    | OutcomeKind::Unavailable => ConfigurationStatus::Rejected,
                };
                (id, Response::from(ChangeConfigurationResponse { status }))
            }
            Waiting::Reserve(id) => {
                let status = reserve::status(outcome.kind);
                (id, Response::from(ReserveNowResponse { status }))
            }
            Waiting::CancelReservation(id) => (
                id,
                Response::from(CancelReservationResponse { status: generic }),
            ),
            waiting @ (Waiting::Diagnostics(..) | Waiting::Log(..)) => {
                return self.upload_outcome(&waiting, accepted);
            }
            // The list follows.
            waiting @ (Waiting::CertificateIds(_) | Waiting::Profile(..)) if accepted => {
                return drop(self.waiting.insert(outcome.request_id, (waiting, due)));
            }
            // Without a list nobody knows whom the station trusts.
            Waiting::Profile(id, profile) => return self.raise_profile(&id, profile, false),
            waiting => return self.certificates_outcome(waiting, outcome),
        };
        self.answer(&id, &response);
    }
}
