//! Bringing the charge point's local list in step, call by call.

use super::issue::{ListSender, Outcome, Purpose};
use super::local_list::{ListLimits, ListStep};
use super::{CallNotIssued, Csms, CsmsEvent, ListEntries, ListFailure, ListTooLong};
use crate::rpc::{CallError, ErrorCode};
use crate::v16::{Action, GetLocalListVersionRequest, Response, UpdateStatus};
use units::Instant;

impl Csms {
    /// Says what the charge point's local list should be. Nothing is sent before
    /// [`sync_local_list`](Self::sync_local_list).
    ///
    /// Errors: [`ListTooLong`].
    pub fn want_local_list(&mut self, entries: ListEntries) -> Result<(), ListTooLong> {
        self.list.want(entries)
    }

    /// Brings the charge point's local list in step with what is wanted; the end is an event, and comes at once if
    /// nothing needs to be sent. While it is under way, a second call changes nothing.
    ///
    /// A list in more than one message is incomplete at the charge point until the last one is taken.
    ///
    /// Errors: [`CallNotIssued`] if nothing may be sent now.
    pub fn sync_local_list(&mut self, now: Instant) -> Result<(), CallNotIssued> {
        self.check_admission(Action::SendLocalList)?;
        if !self.list.is_under_way() {
            self.list.begin();
            self.advance_list(now);
        }
        Ok(())
    }

    fn advance_list(&mut self, now: Instant) {
        let limits = ListLimits {
            message: self
                .keys
                .count("SendLocalListMaxLength")
                .unwrap_or(usize::MAX)
                .min(self.config.list_message_entries),
            list: self.keys.count("LocalAuthListMaxLength"),
        };
        let issued = match self.list.step(limits) {
            ListStep::AskVersion => {
                let purpose = Purpose::ListVersion(ListSender::Run);
                self.issue(now, &GetLocalListVersionRequest {}.into(), purpose)
            }
            ListStep::Send(request) => {
                self.issue(now, &request.into(), Purpose::SendList(ListSender::Run))
            }
            ListStep::InStep => {
                self.list.end();
                let version = self.list.known().map_or(0, |known| known.version);
                self.emit(CsmsEvent::LocalListInStep { version });
                return;
            }
            ListStep::Failed(failure) => return self.fail_list(failure),
        };
        if issued.is_err() {
            self.list.unanswered(false);
            self.fail_list(ListFailure::Busy);
        }
    }

    fn fail_list(&mut self, failure: ListFailure) {
        self.list.end();
        self.emit(CsmsEvent::LocalListFailed(failure));
    }

    /// After a lost connection there is no `now`, and no next step either.
    fn next_list_step(&mut self, now: Option<Instant>) {
        match now {
            Some(now) if self.list.is_under_way() => self.advance_list(now),
            Some(_) | None => {}
        }
    }

    pub(super) fn list_version_over(
        &mut self,
        now: Option<Instant>,
        sender: ListSender,
        outcome: &Outcome,
    ) {
        if let Outcome::Answered(Response::GetLocalListVersion(response)) = outcome {
            self.list.told(response.list_version);
        }
        if sender != ListSender::Run {
            return;
        }
        match outcome {
            Outcome::Answered(_) => self.next_list_step(now),
            Outcome::Refused(error) => self.fail_list(failure_of(error)),
            Outcome::Unanswered { .. } => self.fail_list(ListFailure::Unanswered),
        }
    }

    pub(super) fn send_list_over(
        &mut self,
        now: Option<Instant>,
        sender: ListSender,
        outcome: &Outcome,
    ) {
        if let ListSender::Owner(version) = sender {
            let untouched = match outcome {
                Outcome::Answered(Response::SendLocalList(response)) => {
                    response.status != UpdateStatus::Accepted
                }
                Outcome::Answered(_) | Outcome::Unanswered { sent: true } => false,
                Outcome::Refused(_) | Outcome::Unanswered { sent: false } => true,
            };
            if !untouched {
                self.list.overwritten(version);
            }
            return;
        }
        match outcome {
            Outcome::Answered(Response::SendLocalList(response)) => {
                match self.list.answered(response.status) {
                    Some(failure) => self.fail_list(failure),
                    None => self.next_list_step(now),
                }
            }
            Outcome::Refused(error) => {
                // An error leaves open how far the charge point came.
                self.list.unanswered(true);
                self.fail_list(failure_of(error));
            }
            Outcome::Answered(_) => {
                self.list.unanswered(true);
                self.fail_list(ListFailure::Unanswered);
            }
            Outcome::Unanswered { sent } => {
                self.list.unanswered(*sent);
                self.fail_list(ListFailure::Unanswered);
            }
        }
    }
}

fn failure_of(error: &CallError) -> ListFailure {
    match error.code {
        ErrorCode::NotImplemented | ErrorCode::NotSupported => ListFailure::NotSupported,
        ErrorCode::InternalError
        | ErrorCode::ProtocolError
        | ErrorCode::SecurityError
        | ErrorCode::FormationViolation
        | ErrorCode::PropertyConstraintViolation
        | ErrorCode::OccurenceConstraintViolation
        | ErrorCode::TypeConstraintViolation
        | ErrorCode::GenericError => ListFailure::Error,
    }
}
