//! What the store is asked and what it answers.

pub(super) use plugin_host::{CertificateHash, HashAlgorithm};
use std::fmt;

use units::Timestamp;

use super::limits::RENEW_BEFORE_MS;

/// What a root is trusted for. Source: OCPP 1.6 security whitepaper, certificate use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateUse {
    /// Signs the backends' certificates and the stations'.
    CentralSystemRoot,
    /// Signs the certificates that sign firmware.
    ManufacturerRoot,
}

impl CertificateUse {
    /// Every use.
    pub const ALL: [Self; 2] = [Self::CentralSystemRoot, Self::ManufacturerRoot];

    /// The folder of its roots.
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::CentralSystemRoot => "central-system",
            Self::ManufacturerRoot => "manufacturer",
        }
    }
}

impl fmt::Display for CertificateUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CentralSystemRoot => "central-system root",
            Self::ManufacturerRoot => "manufacturer root",
        })
    }
}

/// Answer to an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// It is kept (or was already).
    Accepted,
    /// It is not what it should be, or there is no room; the reason.
    Rejected(String),
    /// It is good and could not be kept; the reason.
    Failed(String),
}

/// What the station's certificate was checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// A central-system root that is installed.
    CentralSystemRoot,
    /// A manufacturer root that is installed.
    ManufacturerRoot,
    /// Nothing: no central-system root is installed. The chain itself is whole.
    Unverified,
}

/// Answer to the installation of the station's own chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainInstalled {
    /// The station has this certificate now.
    Accepted(Anchor),
    /// The station will use it from the time on that its certificate begins.
    AcceptedForLater(Anchor, Timestamp),
    /// Discarded; the reason. The old certificate stays.
    Rejected(String),
    /// It is good and could not be kept; the reason. The old certificate stays.
    Failed(String),
}

/// Answer to a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Accepted,
    /// No such certificate.
    NotFound,
    /// It stays; the reason.
    Failed(String),
}

/// Facts of the station's current certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationCertificate {
    /// Common name of the subject.
    pub common_name: String,
    /// Organisation of the subject.
    pub organization: Option<String>,
    /// Lower-case hexadecimal without leading zeros.
    pub serial_number: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
}

impl StationCertificate {
    /// Ends within a month (security whitepaper: renew one month before).
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.not_after.as_unix_millis() < now.as_unix_millis().saturating_add(RENEW_BEFORE_MS)
    }
}

/// A file of the store that cannot be used. It stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub path: std::path::PathBuf,
    /// What is wrong with it.
    pub reason: String,
}
