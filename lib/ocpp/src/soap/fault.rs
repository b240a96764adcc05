//! SOAP faults with the codes of OCPP-S, and how they relate to the error codes of OCPP-J.

use crate::rpc::{CallError, ErrorCode};
use alloc::string::String;
use core::fmt;

/// What a fault says in its code and subcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultCode {
    /// The sender may not do this.
    SecurityError,
    /// The chargeBoxIdentity is not the receiver's, or does not fit the connection.
    IdentityMismatch,
    /// The address the sender wants to be called at does not fit its identity.
    UrlMismatch,
    /// The message is incomplete or malformed.
    ProtocolError,
    /// Something else is wrong. OCPP-S lists no such subcode; it exists for symmetry with OCPP-J.
    GenericError,
    /// The receiver failed although the message was good.
    InternalError,
    /// The receiver does not know the action.
    NotSupported,
    /// A header block that must be understood was not; SOAP's own code.
    MustUnderstand,
    /// The envelope is not of SOAP 1.2; SOAP's own code.
    VersionMismatch,
    /// Anything else: the sender's fault or the receiver's, and the subcode's local name if it has one.
    Other {
        /// Who is to blame.
        blame: Blame,
        /// Local name of the subcode; empty if there is none.
        subcode: String,
    },
}

/// Who is to blame for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request will fail again as it is.
    Sender,
    /// The request may succeed later.
    Receiver,
}

impl FaultCode {
    /// Who is to blame.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::SecurityError
            | Self::IdentityMismatch
            | Self::UrlMismatch
            | Self::ProtocolError
            | Self::GenericError
            | Self::MustUnderstand
            | Self::VersionMismatch => Blame::Sender,
            Self::InternalError | Self::NotSupported => Blame::Receiver,
            Self::Other { blame, .. } => *blame,
        }
    }

    /// The local name of the SOAP code.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::MustUnderstand => "MustUnderstand",
            Self::VersionMismatch => "VersionMismatch",
            other => match other.blame() {
                Blame::Sender => "Sender",
                Blame::Receiver => "Receiver",
            },
        }
    }

    /// The local name of the subcode; empty if there is none.
    #[must_use]
    pub fn subcode(&self) -> &str {
        match self {
            Self::SecurityError => "SecurityError",
            Self::IdentityMismatch => "IdentityMismatch",
            Self::UrlMismatch => "UrlMismatch",
            Self::ProtocolError => "ProtocolError",
            Self::GenericError => "GenericError",
            Self::InternalError => "InternalError",
            Self::NotSupported => "NotSupported",
            Self::MustUnderstand | Self::VersionMismatch => "",
            Self::Other { subcode, .. } => subcode,
        }
    }

    /// From local names as a peer wrote them.
    pub(super) fn from_names(code: &str, subcode: &str) -> Self {
        match (code, subcode) {
            ("MustUnderstand", _) => Self::MustUnderstand,
            ("VersionMismatch", _) => Self::VersionMismatch,
            (_, "SecurityError") => Self::SecurityError,
            (_, "IdentityMismatch") => Self::IdentityMismatch,
            (_, "UrlMismatch") => Self::UrlMismatch,
            (_, "ProtocolError") => Self::ProtocolError,
            (_, "GenericError") => Self::GenericError,
            (_, "InternalError") => Self::InternalError,
            (_, "NotSupported") => Self::NotSupported,
            (code, subcode) => Self::Other {
                // `Client` is what SOAP 1.1 called the sender; some stacks never changed.
                blame: if matches!(code, "Sender" | "Client") {
                    Blame::Sender
                } else {
                    Blame::Receiver
                },
                subcode: subcode.into(),
            },
        }
    }
}

/// A fault, received or to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// Its code.
    pub code: FaultCode,
    /// Why, for people.
    pub reason: String,
}

impl SoapFault {
    /// Puts a fault together.
    pub fn new(code: FaultCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// Status of the HTTP answer that carries it, as SOAP 1.2 binds it: 400 where the sender is to blame, else 500.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match (&self.code, self.code.blame()) {
            (FaultCode::MustUnderstand | FaultCode::VersionMismatch, _) => 500,
            (_, Blame::Sender) => 400,
            (_, Blame::Receiver) => 500,
        }
    }

    /// The error a state machine made for OCPP-J knows.
    #[must_use]
    pub fn to_call_error(&self) -> CallError {
        let code = match self.code {
            FaultCode::SecurityError | FaultCode::IdentityMismatch | FaultCode::UrlMismatch => {
                ErrorCode::SecurityError
            }
            FaultCode::ProtocolError => ErrorCode::ProtocolError,
            FaultCode::InternalError => ErrorCode::InternalError,
            FaultCode::NotSupported => ErrorCode::NotSupported,
            FaultCode::GenericError
            | FaultCode::MustUnderstand
            | FaultCode::VersionMismatch
            | FaultCode::Other { .. } => ErrorCode::GenericError,
        };
        CallError::new(code, self.reason.clone())
    }
}

impl From<&CallError> for SoapFault {
    fn from(error: &CallError) -> Self {
        let code = match error.code {
            ErrorCode::NotImplemented | ErrorCode::NotSupported => FaultCode::NotSupported,
            ErrorCode::InternalError => FaultCode::InternalError,
            ErrorCode::SecurityError => FaultCode::SecurityError,
            ErrorCode::GenericError => FaultCode::GenericError,
            _ => FaultCode::ProtocolError,
        };
        Self::new(code, error.description.clone())
    }
}

impl fmt::Display for SoapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subcode = self.code.subcode();
        let dash = if subcode.is_empty() { "" } else { "/" };
        write!(f, "{}{dash}{subcode}: {}", self.code.code(), self.reason)
    }
}
