//! What the central-system half tells its owner.

use super::{Job, ListFailure, Reservation, ReservationEnd, Session, SessionEnd};
use crate::rpc::{CallError, FrameError, MessageId};
use crate::v16::{
    Action, AuthorizationStatus, BootNotificationRequest, DataTransferRequest, IdToken, MeterValue,
    MeterValuesRequest, RegistrationStatus, Request, Response, StatusNotificationRequest,
};
use crate::wire::Notes;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use units::Instant;

/// Why an answer belongs to no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// The call had been given up.
    Late,
    /// The call had been answered.
    Doubled,
    /// There was no such call.
    Unknown,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CsmsEvent {
    /// The charge point booted and was answered.
    Booted {
        /// What it said.
        request: Box<BootNotificationRequest>,
        /// What it was answered.
        status: RegistrationStatus,
    },
    /// A heartbeat came.
    Heartbeat,
    /// A connector reported its status.
    StatusReported(Box<StatusNotificationRequest>),
    /// An idTag was asked about.
    Authorized {
        /// The idTag.
        id_tag: IdToken,
        /// The verdict.
        status: AuthorizationStatus,
    },
    /// The charge point waits for a verdict on an idTag that is not in the table; see
    /// [`give_verdict`](super::Csms::give_verdict).
    VerdictWanted {
        /// Number of the question.
        question: u64,
        /// The idTag.
        id_tag: IdToken,
        /// Authorize or StartTransaction.
        action: Action,
    },
    /// A transaction began.
    TransactionStarted(Box<Session>),
    /// A transaction ended and is billed.
    TransactionStopped(Box<Session>),
    /// Readings that came with the end of a transaction.
    TransactionData {
        /// The transaction.
        transaction_id: i64,
        /// The readings.
        readings: Vec<MeterValue>,
    },
    /// A transaction began on a connector where another one is still open: the end of that one was lost. It stays
    /// open in the book, because its end may still come.
    TransactionLeftOpen {
        /// The one that is still open.
        transaction_id: i64,
    },
    /// A transaction that is not in the book ended. The charge point was told that all is well; what becomes of it
    /// is the owner's to decide.
    OrphanStopped {
        /// The number the charge point gave.
        transaction_id: i64,
        /// Its end.
        end: Box<SessionEnd>,
    },
    /// A start, a stop or readings that are in the book already came again under another message id; they changed
    /// nothing.
    TransactionRepeated {
        /// The transaction.
        transaction_id: i64,
        /// StartTransaction, StopTransaction or MeterValues.
        action: Action,
    },
    /// A message named a transaction that is not in the book.
    UnknownTransaction {
        /// The number it named.
        transaction_id: i64,
        /// StopTransaction or MeterValues.
        action: Action,
    },
    /// Readings came.
    Metered(Box<MeterValuesRequest>),
    /// A reservation was made.
    ReservationHeld(Box<Reservation>),
    /// A reservation is over, or was not made.
    ReservationEnded {
        /// The reservation.
        reservation: Box<Reservation>,
        /// Why.
        end: ReservationEnd,
    },
    /// The charge point's local list is what the owner wants.
    LocalListInStep {
        /// Its version.
        version: i64,
    },
    /// The charge point's local list could not be brought in step; what it has may be unknown.
    LocalListFailed(ListFailure),
    /// Something became known about an upload or an update.
    JobChanged(Box<Job>),
    /// A connected charge point says nothing.
    Silent {
        /// Since when.
        since: Instant,
    },
    /// Vendor data came.
    VendorData(Box<DataTransferRequest>),
    /// A report about firmware, diagnostics, logs or security came.
    Reported(Box<Request>),
    /// One of our calls was answered.
    CallAnswered {
        /// The call.
        id: MessageId,
        /// Its answer.
        response: Response,
    },
    /// One of our calls was answered with an error.
    CallRefused {
        /// The call.
        id: MessageId,
        /// Its action.
        action: Action,
        /// The error.
        error: CallError,
    },
    /// The answer to one of our calls does not fit its action.
    BadAnswer {
        /// The call.
        id: MessageId,
        /// Its action.
        action: Action,
        /// What is wrong with the answer.
        error: CallError,
    },
    /// One of our calls was not answered in time.
    CallTimedOut {
        /// The call.
        id: MessageId,
        /// Its action.
        action: Action,
    },
    /// The connection went before one of our calls was answered.
    CallLost {
        /// The call.
        id: MessageId,
        /// Its action.
        action: Action,
        /// True if the charge point may have received it.
        sent: bool,
    },
    /// An answer that belongs to no call; nothing was done.
    StrayAnswer {
        /// The id it carries.
        id: MessageId,
        /// What is known about that id.
        stray: Stray,
    },
    /// A call came a second time; it was answered as before and changed nothing.
    CallRepeated {
        /// Its id.
        id: MessageId,
    },
    /// A request was answered with an error.
    RequestRefused {
        /// The action it named.
        action: String,
        /// The error.
        error: CallError,
    },
    /// A request came although the boot is pending. It was answered: it may have been triggered.
    WhilePending {
        /// Its action.
        action: Action,
    },
    /// A message deviated harmlessly from the standard.
    Deviations {
        /// The action.
        action: Action,
        /// The deviations.
        notes: Notes,
    },
    /// A text was no frame.
    Garbled(FrameError),
    /// The peer sends requests and takes no answers; one answer was dropped.
    AnswerDropped,
}
