//! Answers to the charge point's requests.

use super::session::{Entered, Stopped};
use super::{ConcurrentUse, ConnectorState, Csms, CsmsEvent};
use crate::rpc::{CallError, ErrorCode};
use crate::v16::{
    Action, AuthorizationStatus, AuthorizeResponse, BootNotificationRequest,
    BootNotificationResponse, DataTransferRequest, DataTransferResponse, DataTransferStatus,
    DiagnosticsStatusNotificationResponse, FirmwareStatusNotificationResponse, GenericStatus,
    HeartbeatResponse, IdTagInfo, IdToken, LogStatusNotificationResponse, MeterValue,
    MeterValuesRequest, MeterValuesResponse, Request, Response, SecurityEventNotificationResponse,
    SignCertificateResponse, SignedFirmwareStatusNotificationResponse, StartTransactionRequest,
    StartTransactionResponse, StatusNotificationRequest, StatusNotificationResponse,
    StopTransactionRequest, StopTransactionResponse,
};
use alloc::boxed::Box;
use units::Instant;

impl Csms {
    pub(super) fn answer(&mut self, now: Instant, request: Request) -> Result<Response, CallError> {
        let response = match request {
            Request::Authorize(request) => {
                let id_tag_info = self.judge(now, &request.id_tag);
                let status = id_tag_info.status;
                self.emit(CsmsEvent::Authorized {
                    id_tag: request.id_tag,
                    status,
                });
                AuthorizeResponse { id_tag_info }.into()
            }
            Request::BootNotification(request) => self.boot(now, request).into(),
            Request::DataTransfer(request) => self.vendor_data(request).into(),
            Request::Heartbeat(_) => {
                self.emit(CsmsEvent::Heartbeat);
                HeartbeatResponse {
                    current_time: self.wall(now),
                }
                .into()
            }
            Request::MeterValues(request) => self.meter_values(request).into(),
            Request::StartTransaction(request) => self.start(now, &request)?.into(),
            Request::StatusNotification(request) => self.status(request).into(),
            Request::StopTransaction(request) => self.stop(now, &request).into(),
            report => return self.report(report),
        };
        Ok(response)
    }

    /// Reports that are acknowledged and passed on.
    fn report(&mut self, request: Request) -> Result<Response, CallError> {
        let response = match &request {
            Request::DiagnosticsStatusNotification(_) => {
                DiagnosticsStatusNotificationResponse {}.into()
            }
            Request::FirmwareStatusNotification(_) => FirmwareStatusNotificationResponse {}.into(),
            Request::LogStatusNotification(_) => LogStatusNotificationResponse {}.into(),
            Request::SecurityEventNotification(_) => SecurityEventNotificationResponse {}.into(),
            Request::SignedFirmwareStatusNotification(_) => {
                SignedFirmwareStatusNotificationResponse {}.into()
            }
            Request::SignCertificate(_) => SignCertificateResponse {
                status: GenericStatus::Accepted,
            }
            .into(),
            other => {
                let description = alloc::format!("{} is not taken here", other.action());
                return Err(CallError::new(ErrorCode::NotSupported, description));
            }
        };
        self.emit(CsmsEvent::Reported(Box::new(request)));
        Ok(response)
    }

    fn boot(&mut self, now: Instant, request: BootNotificationRequest) -> BootNotificationResponse {
        let status = self.config.registration;
        self.boot_answer = Some(status);
        self.emit(CsmsEvent::Booted {
            request: Box::new(request),
            status,
        });
        BootNotificationResponse {
            status,
            current_time: self.wall(now),
            interval: self.config.interval_s,
        }
    }

    fn vendor_data(&mut self, request: DataTransferRequest) -> DataTransferResponse {
        let status = if self.config.vendors.contains(&request.vendor_id) {
            DataTransferStatus::Accepted
        } else {
            DataTransferStatus::UnknownVendorId
        };
        self.emit(CsmsEvent::VendorData(Box::new(request)));
        DataTransferResponse { status, data: None }
    }

    fn meter_values(&mut self, request: MeterValuesRequest) -> MeterValuesResponse {
        if let Some(transaction_id) = request.transaction_id {
            let count = u64::try_from(request.meter_value.len()).unwrap_or(u64::MAX);
            let register = request
                .meter_value
                .iter()
                .rev()
                .find_map(MeterValue::register_wh);
            if !self.book.meter(transaction_id, count, register) {
                let action = Action::MeterValues;
                self.emit(CsmsEvent::UnknownTransaction {
                    transaction_id,
                    action,
                });
            }
        }
        self.emit(CsmsEvent::Metered(Box::new(request)));
        MeterValuesResponse {}
    }

    fn start(
        &mut self,
        now: Instant,
        request: &StartTransactionRequest,
    ) -> Result<StartTransactionResponse, CallError> {
        let mut id_tag_info = self.judge(now, &request.id_tag);
        if let Some(session) = self.book.before(request) {
            id_tag_info.status = session.verdict;
        } else if id_tag_info.status == AuthorizationStatus::Accepted
            && self.config.concurrent_use == ConcurrentUse::Refused
            && self.book.is_charging(&request.id_tag)
        {
            id_tag_info.status = AuthorizationStatus::ConcurrentTx;
        }
        let transaction_id = match self.book.start(request, id_tag_info.status) {
            Entered::New(id) => {
                if let Some(session) = self.book.session(id).cloned() {
                    self.emit(CsmsEvent::TransactionStarted(Box::new(session)));
                }
                id
            }
            Entered::Before(transaction_id) => {
                let action = Action::StartTransaction;
                self.emit(CsmsEvent::TransactionRepeated {
                    transaction_id,
                    action,
                });
                transaction_id
            }
            Entered::Full => {
                return Err(CallError::new(
                    ErrorCode::InternalError,
                    "the book of sessions is full",
                ));
            }
        };
        Ok(StartTransactionResponse {
            id_tag_info,
            transaction_id,
        })
    }

    /// A stop is always acknowledged: the charge point cannot do anything about our not knowing it.
    fn stop(&mut self, now: Instant, request: &StopTransactionRequest) -> StopTransactionResponse {
        let transaction_id = request.transaction_id;
        let action = Action::StopTransaction;
        match self.book.stop(request) {
            Stopped::Now => {
                if let Some(session) = self.book.session(transaction_id).cloned() {
                    self.emit(CsmsEvent::TransactionStopped(Box::new(session)));
                }
            }
            Stopped::Before => self.emit(CsmsEvent::TransactionRepeated {
                transaction_id,
                action,
            }),
            Stopped::Unknown => self.emit(CsmsEvent::UnknownTransaction {
                transaction_id,
                action,
            }),
        }
        let id_tag_info = request
            .id_tag
            .as_ref()
            .map(|id_tag| self.judge(now, id_tag));
        StopTransactionResponse { id_tag_info }
    }

    fn status(&mut self, request: StatusNotificationRequest) -> StatusNotificationResponse {
        let state = ConnectorState {
            status: request.status,
            error_code: request.error_code,
        };
        self.set_connector(request.connector_id, state);
        self.emit(CsmsEvent::StatusReported(Box::new(request)));
        StatusNotificationResponse {}
    }

    fn judge(&self, now: Instant, id_tag: &IdToken) -> IdTagInfo {
        let Some(info) = self.config.tokens.get(id_tag) else {
            return IdTagInfo::new(self.config.unknown_token);
        };
        let mut info = info.clone();
        let expired = info
            .expiry_date
            .is_some_and(|expiry| expiry <= self.wall(now));
        if expired && info.status == AuthorizationStatus::Accepted {
            info.status = AuthorizationStatus::Expired;
        }
        info
    }
}
