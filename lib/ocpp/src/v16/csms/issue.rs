//! Our own calls: what they mean for the books, and what becomes of the books when they end.

use super::{
    CallNotIssued, Csms, CsmsEvent, InstalledProfile, Job, JobKind, JobPhase, Reservation,
    ReservationEnd, ReservationState, SigningRequest,
    keys::{KeyName, KeyText},
};
use crate::rpc::{CallError, CallRefused, MessageId, OutgoingCall};
use crate::v16::{
    Action, CertificateHashData, CertificateUse, ChargingProfileStatus,
    ClearChargingProfileRequest, DeleteCertificateStatus, GenericStatus, InstallCertificateStatus,
    LogStatus, RemoteStartTransactionRequest, Request, ReservationStatus, Response,
    UpdateFirmwareStatus,
};
use alloc::boxed::Box;
use units::Instant;

/// Who sent a local list, or asked for its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListSender {
    /// The run that brings the list in step.
    Run,
    /// The owner, past the book; a list of this version.
    Owner(i64),
}

/// What a call means for the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing.
    Plain,
    RemoteStart(Box<RemoteStartTransactionRequest>),
    Reserve(Box<Reservation>),
    CancelReservation(i64),
    SetProfile(Box<InstalledProfile>),
    ClearProfiles(ClearChargingProfileRequest),
    ListVersion(ListSender),
    SendList(ListSender),
    Job {
        job: Box<Job>,
        /// The job it takes the place of; comes back if the new one is refused.
        before: Option<Box<Job>>,
    },
    SetKey(Box<(KeyName, KeyText)>),
    GetKeys,
    /// For this request, if one was waiting.
    SignedCertificate(Option<Box<SigningRequest>>),
    InstallRoot(CertificateUse),
    DeleteRoot(Box<CertificateHashData>),
    ListRoots(CertificateUse),
}

/// What waits with a call for its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) action: Action,
    pub(super) purpose: Purpose,
}

/// How a call ended.
pub(super) enum Outcome<'a> {
    Answered(&'a Response),
    Refused(&'a CallError),
    /// The answer was lost, or did not fit. The charge point may have acted if the call was sent.
    Unanswered {
        sent: bool,
    },
}

impl Csms {
    /// Issues a call, to be sent when those before it are answered.
    ///
    /// The books follow whatever is sent this way: reservations, profiles, jobs, keys, certificates and the local
    /// list.
    ///
    /// Errors: [`CallNotIssued`].
    pub fn call(
        &mut self,
        now: Instant,
        request: impl Into<Request>,
    ) -> Result<MessageId, CallNotIssued> {
        let request = request.into();
        self.check_admission(request.action())?;
        let purpose = self.purpose(now, &request)?;
        self.issue(now, &request, purpose)
    }

    pub(super) fn issue(
        &mut self,
        now: Instant,
        request: &Request,
        purpose: Purpose,
    ) -> Result<MessageId, CallNotIssued> {
        let action = request.action();
        let id = self.next_id();
        let issued = Issued {
            action,
            purpose: purpose.clone(),
        };
        let call = OutgoingCall::new(id.clone(), action.as_str(), request.to_payload(), issued);
        match self.calls.try_call(now, call) {
            Ok(()) => {
                self.calls_issued = self.calls_issued.saturating_add(1);
                self.enter(purpose);
                Ok(id)
            }
            // The id counts up, so it is never in use; the queue is the only reason left.
            Err(CallRefused::QueueFull(_) | CallRefused::IdInUse(_)) => {
                Err(CallNotIssued::QueueFull)
            }
        }
    }

    fn purpose(&self, now: Instant, request: &Request) -> Result<Purpose, CallNotIssued> {
        Ok(match request {
            Request::RemoteStartTransaction(request) if request.charging_profile.is_some() => {
                Purpose::RemoteStart(Box::new(request.clone()))
            }
            Request::ReserveNow(request) => {
                if !self.reservations.has_room_for(request.reservation_id) {
                    return Err(CallNotIssued::BookFull(Action::ReserveNow));
                }
                Purpose::Reserve(Box::new(Reservation::asked(request)))
            }
            Request::CancelReservation(request) => {
                Purpose::CancelReservation(request.reservation_id)
            }
            Request::SetChargingProfile(request) => {
                let entry = InstalledProfile::of(request);
                if !self.profiles.has_room_for(&entry) {
                    return Err(CallNotIssued::BookFull(Action::SetChargingProfile));
                }
                Purpose::SetProfile(Box::new(entry))
            }
            Request::ClearChargingProfile(request) => Purpose::ClearProfiles(request.clone()),
            Request::GetLocalListVersion(_) => Purpose::ListVersion(ListSender::Owner(0)),
            Request::SendLocalList(request) => {
                Purpose::SendList(ListSender::Owner(request.list_version))
            }
            Request::GetDiagnostics(_) => self.job_purpose(now, JobKind::Diagnostics, None)?,
            Request::UpdateFirmware(_) => self.job_purpose(now, JobKind::Firmware, None)?,
            Request::GetLog(request) => {
                let kind = JobKind::Log(request.log_type);
                self.job_purpose(now, kind, Some(request.request_id))?
            }
            Request::SignedUpdateFirmware(request) => {
                self.job_purpose(now, JobKind::SignedFirmware, Some(request.request_id))?
            }
            Request::ChangeConfiguration(request) => {
                Purpose::SetKey(Box::new((request.key.clone(), request.value.clone())))
            }
            Request::GetConfiguration(_) => Purpose::GetKeys,
            Request::CertificateSigned(_) => {
                Purpose::SignedCertificate(self.certificates.request().cloned().map(Box::new))
            }
            Request::InstallCertificate(request) => Purpose::InstallRoot(request.certificate_type),
            Request::DeleteCertificate(request) => {
                Purpose::DeleteRoot(Box::new(request.certificate_hash_data.clone()))
            }
            Request::GetInstalledCertificateIds(request) => {
                Purpose::ListRoots(request.certificate_type)
            }
            Request::Authorize(_)
            | Request::BootNotification(_)
            | Request::ChangeAvailability(_)
            | Request::ClearCache(_)
            | Request::DataTransfer(_)
            | Request::DiagnosticsStatusNotification(_)
            | Request::ExtendedTriggerMessage(_)
            | Request::FirmwareStatusNotification(_)
            | Request::GetCompositeSchedule(_)
            | Request::Heartbeat(_)
            | Request::LogStatusNotification(_)
            | Request::MeterValues(_)
            | Request::RemoteStartTransaction(_)
            | Request::RemoteStopTransaction(_)
            | Request::Reset(_)
            | Request::SecurityEventNotification(_)
            | Request::SignCertificate(_)
            | Request::SignedFirmwareStatusNotification(_)
            | Request::StartTransaction(_)
            | Request::StatusNotification(_)
            | Request::StopTransaction(_)
            | Request::TriggerMessage(_)
            | Request::UnlockConnector(_) => Purpose::Plain,
        })
    }

    fn job_purpose(
        &self,
        now: Instant,
        kind: JobKind,
        request_id: Option<i64>,
    ) -> Result<Purpose, CallNotIssued> {
        if self.jobs.is_open(kind) {
            return Err(CallNotIssued::StillAsked(kind));
        }
        Ok(Purpose::Job {
            job: Box::new(Job::asked(kind, request_id, self.wall(now))),
            before: self.jobs.job(kind).cloned().map(Box::new),
        })
    }

    /// What the books note when a call is issued.
    fn enter(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Reserve(reservation) => self.reservations.ask(&reservation),
            Purpose::Job { job, .. } => self.jobs.ask(*job),
            Purpose::Plain
            | Purpose::RemoteStart(_)
            | Purpose::CancelReservation(_)
            | Purpose::SetProfile(_)
            | Purpose::ClearProfiles(_)
            | Purpose::ListVersion(_)
            | Purpose::SendList(_)
            | Purpose::SetKey(_)
            | Purpose::GetKeys
            | Purpose::SignedCertificate(_)
            | Purpose::InstallRoot(_)
            | Purpose::DeleteRoot(_)
            | Purpose::ListRoots(_) => {}
        }
    }

    /// What the books note when a call is over. Steps of the local list that follow are the caller's to take.
    pub(super) fn conclude(&mut self, now: Option<Instant>, purpose: Purpose, outcome: &Outcome) {
        match purpose {
            Purpose::Plain => {}
            Purpose::RemoteStart(request) => self.remote_start_over(*request, outcome),
            Purpose::Reserve(reservation) => self.reserve_over(*reservation, outcome),
            Purpose::CancelReservation(id) => self.cancel_over(id, outcome),
            Purpose::SetProfile(entry) => self.set_profile_over(*entry, outcome),
            Purpose::ClearProfiles(request) => match outcome {
                // Unknown means that there is none of these; either way they are gone.
                Outcome::Answered(Response::ClearChargingProfile(_)) => {
                    self.profiles.clear(&request);
                }
                Outcome::Unanswered { sent: true } => self.profiles.doubt_clear(&request),
                Outcome::Answered(_) | Outcome::Refused(_) | Outcome::Unanswered { .. } => {}
            },
            Purpose::ListVersion(sender) => self.list_version_over(now, sender, outcome),
            Purpose::SendList(sender) => self.send_list_over(now, sender, outcome),
            Purpose::Job { job, before } => self.job_over(now, &job, before, outcome),
            Purpose::SetKey(key) => {
                let (name, value) = *key;
                if let Outcome::Answered(Response::ChangeConfiguration(response)) = outcome {
                    self.keys.set(&name, value, response.status);
                }
            }
            Purpose::GetKeys => {
                if let Outcome::Answered(Response::GetConfiguration(response)) = outcome {
                    self.keys.told(response);
                }
            }
            Purpose::SignedCertificate(_)
            | Purpose::InstallRoot(_)
            | Purpose::DeleteRoot(_)
            | Purpose::ListRoots(_) => self.certificate_call_over(purpose, outcome),
        }
    }

    fn remote_start_over(&mut self, request: RemoteStartTransactionRequest, outcome: &Outcome) {
        match outcome {
            Outcome::Answered(Response::RemoteStartTransaction(response)) => {
                if response.status == GenericStatus::Accepted {
                    self.profiles.expect(request, true);
                }
            }
            Outcome::Unanswered { sent: true } => self.profiles.expect(request, false),
            Outcome::Answered(_) | Outcome::Refused(_) | Outcome::Unanswered { .. } => {}
        }
    }

    fn reserve_over(&mut self, mut reservation: Reservation, outcome: &Outcome) {
        let end = match outcome {
            Outcome::Answered(Response::ReserveNow(response)) => match response.status {
                ReservationStatus::Accepted => {
                    reservation.state = ReservationState::Held;
                    self.reservations.put(reservation.clone());
                    self.emit(CsmsEvent::ReservationHeld(Box::new(reservation)));
                    return;
                }
                refusal => ReservationEnd::Refused(refusal),
            },
            Outcome::Unanswered { sent: true } => {
                reservation.state = ReservationState::Doubtful;
                self.reservations.put(reservation);
                return;
            }
            Outcome::Answered(_) | Outcome::Refused(_) | Outcome::Unanswered { .. } => {
                ReservationEnd::NotMade
            }
        };
        self.reservations.take_asked(reservation.reservation_id);
        self.emit(CsmsEvent::ReservationEnded {
            reservation: Box::new(reservation),
            end,
        });
    }

    fn cancel_over(&mut self, id: i64, outcome: &Outcome) {
        match outcome {
            Outcome::Answered(Response::CancelReservation(response)) => {
                let end = match response.status {
                    GenericStatus::Accepted => ReservationEnd::Cancelled,
                    GenericStatus::Rejected => ReservationEnd::NotThere,
                };
                self.end_reservation(id, end);
            }
            Outcome::Unanswered { sent: true } => self.reservations.doubt(id),
            Outcome::Answered(_) | Outcome::Refused(_) | Outcome::Unanswered { .. } => {}
        }
    }

    pub(super) fn end_reservation(&mut self, id: i64, end: ReservationEnd) {
        if let Some(reservation) = self.reservations.take(id) {
            self.emit(CsmsEvent::ReservationEnded {
                reservation: Box::new(reservation),
                end,
            });
        }
    }

    fn set_profile_over(&mut self, entry: InstalledProfile, outcome: &Outcome) {
        match outcome {
            Outcome::Answered(Response::SetChargingProfile(response)) => {
                if response.status == ChargingProfileStatus::Accepted {
                    self.profiles.install(entry);
                }
            }
            Outcome::Unanswered { sent: true } => self.profiles.doubt_install(entry),
            Outcome::Answered(_) | Outcome::Refused(_) | Outcome::Unanswered { .. } => {}
        }
    }

    fn job_over(
        &mut self,
        now: Option<Instant>,
        asked: &Job,
        before: Option<Box<Job>>,
        outcome: &Outcome,
    ) {
        let wall = now.map_or(asked.changed_at, |now| self.wall(now));
        let Some(job) = self.jobs.close(asked.kind) else {
            return;
        };
        let (phase, file_name) = match outcome {
            Outcome::Answered(response) => taken(response),
            Outcome::Refused(_) | Outcome::Unanswered { sent: false } => (JobPhase::Refused, None),
            Outcome::Unanswered { sent: true } => (JobPhase::Doubtful, None),
        };
        // A report may overtake the answer; it says more.
        if job.phase == JobPhase::Asked {
            job.phase = phase;
        }
        job.file_name = file_name;
        job.changed_at = wall;
        let job = job.clone();
        if let Some(before) = before.filter(|_| job.phase == JobPhase::Refused) {
            self.jobs.put(*before);
        }
        self.emit(CsmsEvent::JobChanged(Box::new(job)));
    }

    fn certificate_call_over(&mut self, purpose: Purpose, outcome: &Outcome) {
        let lost = matches!(outcome, Outcome::Unanswered { sent: true });
        match (purpose, outcome) {
            (Purpose::SignedCertificate(Some(csr)), Outcome::Answered(_)) => {
                self.certificates.delivered(&csr);
            }
            (
                Purpose::InstallRoot(of),
                Outcome::Answered(Response::InstallCertificate(response)),
            ) if response.status == InstallCertificateStatus::Accepted => {
                self.certificates.forget(of);
            }
            (
                Purpose::DeleteRoot(root),
                Outcome::Answered(Response::DeleteCertificate(response)),
            ) if response.status != DeleteCertificateStatus::Failed => {
                self.certificates.removed(&root);
            }
            (
                Purpose::ListRoots(of),
                Outcome::Answered(Response::GetInstalledCertificateIds(response)),
            ) => self.certificates.told(of, response),
            (Purpose::InstallRoot(of), Outcome::Unanswered { .. }) if lost => {
                self.certificates.forget(of);
            }
            (Purpose::DeleteRoot(_), Outcome::Unanswered { .. }) if lost => {
                self.certificates.forget_all();
            }
            _ => {}
        }
    }
}

/// Whether an answer takes a job, and the file it names.
fn taken(response: &Response) -> (JobPhase, Option<crate::v16::CiString<255>>) {
    let phase = |taken| {
        if taken {
            JobPhase::Taken
        } else {
            JobPhase::Refused
        }
    };
    match response {
        Response::GetDiagnostics(response) => (
            phase(response.file_name.is_some()),
            response.file_name.clone(),
        ),
        Response::GetLog(response) => (
            phase(response.status != LogStatus::Rejected),
            response.filename.clone(),
        ),
        Response::SignedUpdateFirmware(response) => (
            phase(matches!(
                response.status,
                UpdateFirmwareStatus::Accepted | UpdateFirmwareStatus::AcceptedCanceled
            )),
            None,
        ),
        _ => (JobPhase::Taken, None),
    }
}
