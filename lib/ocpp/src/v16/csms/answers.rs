//! Answers to the charge point's requests.

use super::session::{Entered, Metered, Stopped};
use super::{ConcurrentUse, ConnectorState, Csms, CsmsEvent, JobReport, ReservationEnd};
use crate::rpc::{CallError, ErrorCode};
use crate::v16::{
    Action, AuthorizationStatus, AuthorizeResponse, BootNotificationRequest,
    BootNotificationResponse, DataTransferRequest, DataTransferResponse, DataTransferStatus,
    DiagnosticsStatusNotificationResponse, FirmwareStatusNotificationResponse, GenericStatus,
    HeartbeatResponse, IdTagInfo, IdToken, LogStatusNotificationResponse, MeterValuesRequest,
    MeterValuesResponse, RegistrationStatus, Request, Response, SecurityEventNotificationResponse,
    SignCertificateRequest, SignCertificateResponse, SignedFirmwareStatusNotificationResponse,
    StartTransactionRequest, StartTransactionResponse, StatusNotificationRequest,
    StatusNotificationResponse, StopTransactionRequest, StopTransactionResponse,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use units::Instant;

impl Csms {
    /// Answers a request; the verdict is the owner's, if the owner was asked.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request: Request,
        verdict: Option<IdTagInfo>,
    ) -> Result<Response, CallError> {
        let response = match request {
            Request::Authorize(request) => {
                let id_tag_info = verdict.unwrap_or_else(|| self.judge(now, &request.id_tag));
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
            Request::StartTransaction(request) => self.start(now, &request, verdict)?.into(),
            Request::StatusNotification(request) => self.status(request).into(),
            Request::StopTransaction(request) => self.stop(now, request).into(),
            report => return self.report(now, report),
        };
        Ok(response)
    }

    /// Reports that are acknowledged and passed on.
    fn report(&mut self, now: Instant, request: Request) -> Result<Response, CallError> {
        let mut about = None;
        let response = match &request {
            Request::DiagnosticsStatusNotification(request) => {
                about = Some((JobReport::Diagnostics(request.status), None));
                DiagnosticsStatusNotificationResponse {}.into()
            }
            Request::FirmwareStatusNotification(request) => {
                about = Some((JobReport::Firmware(request.status), None));
                FirmwareStatusNotificationResponse {}.into()
            }
            Request::LogStatusNotification(request) => {
                about = Some((JobReport::Log(request.status), request.request_id));
                LogStatusNotificationResponse {}.into()
            }
            Request::SecurityEventNotification(_) => SecurityEventNotificationResponse {}.into(),
            Request::SignedFirmwareStatusNotification(request) => {
                about = Some((
                    JobReport::SignedFirmware(request.status),
                    request.request_id,
                ));
                SignedFirmwareStatusNotificationResponse {}.into()
            }
            Request::SignCertificate(request) => self.certificate_request(request).into(),
            other => {
                let description = alloc::format!("{} is not taken here", other.action());
                return Err(CallError::new(ErrorCode::NotSupported, description));
            }
        };
        self.emit(CsmsEvent::Reported(Box::new(request)));
        let wall = self.wall(now);
        let job = about.and_then(|(report, id)| self.jobs.report(report, id, wall));
        if let Some(job) = job {
            self.emit(CsmsEvent::JobChanged(Box::new(job)));
        }
        Ok(response)
    }

    fn certificate_request(&mut self, request: &SignCertificateRequest) -> SignCertificateResponse {
        let status = self.config.certificate_requests;
        if status == GenericStatus::Accepted {
            self.certificates.requested(request.csr.clone());
        }
        SignCertificateResponse { status }
    }

    fn boot(&mut self, now: Instant, request: BootNotificationRequest) -> BootNotificationResponse {
        let status = self.config.registration;
        self.boot_answer = Some(status);
        // A second boot message on the same connection was asked for; it is no restart.
        if !core::mem::replace(&mut self.booted_here, true) {
            self.keys.restarted();
        }
        self.emit(CsmsEvent::Booted {
            request: Box::new(request),
            status,
        });
        BootNotificationResponse {
            status,
            current_time: self.wall(now),
            interval: match status {
                RegistrationStatus::Accepted => self.config.interval_s,
                RegistrationStatus::Pending | RegistrationStatus::Rejected => self
                    .config
                    .retry_interval_s
                    .unwrap_or(self.config.interval_s),
            },
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
        let action = Action::MeterValues;
        if let Some(transaction_id) = request.transaction_id {
            match self.book.meter(transaction_id, &request.meter_value) {
                Metered::Now => {}
                Metered::Before => {
                    self.emit(CsmsEvent::TransactionRepeated {
                        transaction_id,
                        action,
                    });
                    return MeterValuesResponse {};
                }
                Metered::Unknown => self.emit(CsmsEvent::UnknownTransaction {
                    transaction_id,
                    action,
                }),
            }
        }
        self.emit(CsmsEvent::Metered(Box::new(request)));
        MeterValuesResponse {}
    }

    fn start(
        &mut self,
        now: Instant,
        request: &StartTransactionRequest,
        verdict: Option<IdTagInfo>,
    ) -> Result<StartTransactionResponse, CallError> {
        let mut id_tag_info = verdict.unwrap_or_else(|| self.judge(now, &request.id_tag));
        if let Some(session) = self.book.before(request) {
            id_tag_info.status = session.verdict;
        } else if id_tag_info.status == AuthorizationStatus::Accepted
            && self.config.concurrent_use == ConcurrentUse::Refused
            && self.book.is_charging(&request.id_tag)
        {
            id_tag_info.status = AuthorizationStatus::ConcurrentTx;
        }
        let open: Vec<i64> = self.book.running_on(request.connector_id).collect();
        let transaction_id = match self.book.start(request, id_tag_info.status) {
            Entered::New(id) => {
                for transaction_id in open {
                    self.emit(CsmsEvent::TransactionLeftOpen { transaction_id });
                }
                self.started(id, request);
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

    fn started(&mut self, transaction_id: i64, request: &StartTransactionRequest) {
        if let Some(id) = request.reservation_id {
            self.end_reservation(id, ReservationEnd::Used { transaction_id });
        }
        let connector_id = request.connector_id;
        self.profiles
            .transaction_started(transaction_id, connector_id, &request.id_tag);
        if let Some(session) = self.book.session(transaction_id).cloned() {
            self.emit(CsmsEvent::TransactionStarted(Box::new(session)));
        }
    }

    /// A stop is always acknowledged: the charge point cannot do anything about our not knowing it.
    fn stop(&mut self, now: Instant, request: StopTransactionRequest) -> StopTransactionResponse {
        let transaction_id = request.transaction_id;
        let action = Action::StopTransaction;
        match self.book.stop(&request) {
            Stopped::Now => self.stopped(&request),
            Stopped::Before => self.emit(CsmsEvent::TransactionRepeated {
                transaction_id,
                action,
            }),
            Stopped::Unknown(end) => {
                let end = Box::new(end);
                self.emit(CsmsEvent::OrphanStopped {
                    transaction_id,
                    end,
                });
                self.emit(CsmsEvent::UnknownTransaction {
                    transaction_id,
                    action,
                });
            }
        }
        let id_tag_info = request
            .id_tag
            .as_ref()
            .map(|id_tag| self.judge(now, id_tag));
        StopTransactionResponse { id_tag_info }
    }

    fn stopped(&mut self, request: &StopTransactionRequest) {
        let transaction_id = request.transaction_id;
        let Some(session) = self.book.session(transaction_id).cloned() else {
            return;
        };
        self.profiles
            .transaction_stopped(transaction_id, session.connector_id);
        if let Some(readings) = request.transaction_data.clone() {
            self.emit(CsmsEvent::TransactionData {
                transaction_id,
                readings,
            });
        }
        self.emit(CsmsEvent::TransactionStopped(Box::new(session)));
    }

    fn status(&mut self, request: StatusNotificationRequest) -> StatusNotificationResponse {
        let state = ConnectorState {
            status: request.status,
            error_code: request.error_code,
            since: request.timestamp,
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
