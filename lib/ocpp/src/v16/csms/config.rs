//! What a central system answers with.

use crate::limits::CALL_TIMEOUT;
use crate::v16::{AuthorizationStatus, CiString, IdTagInfo, IdToken, RegistrationStatus};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use units::Millis;

/// Whether an idTag may be in two transactions at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConcurrentUse {
    /// It may.
    Allowed,
    /// The second StartTransaction is answered with `ConcurrentTx`.
    Refused,
}

/// Behaviour of the central system. May be changed while it runs.
#[derive(Debug, Clone)]
pub struct CsmsConfig {
    /// Answer to a boot message.
    pub registration: RegistrationStatus,
    /// Heartbeat interval of an accepted, retry interval of any other boot; seconds.
    pub interval_s: i64,
    /// Known idTags.
    pub tokens: BTreeMap<IdToken, IdTagInfo>,
    /// Verdict on any other idTag.
    pub unknown_token: AuthorizationStatus,
    /// Whether an idTag may be in two transactions at once.
    pub concurrent_use: ConcurrentUse,
    /// Vendors whose data is accepted; data of others is answered with `UnknownVendorId`.
    pub vendors: BTreeSet<CiString<255>>,
    /// How long an answer to a call is awaited.
    pub call_timeout: Millis,
    /// Beginning of every message id, so that ids of different runs differ; its first
    /// [`CSMS_ID_PREFIX_CHARS_MAX`](crate::limits::CSMS_ID_PREFIX_CHARS_MAX) characters are used.
    pub id_prefix: String,
    /// Number of the first transaction.
    pub first_transaction_id: i64,
}

impl CsmsConfig {
    /// Accepts every boot, knows no idTag, and counts transactions from 1.
    #[must_use]
    pub fn accepting(interval_s: i64) -> Self {
        Self {
            registration: RegistrationStatus::Accepted,
            interval_s,
            tokens: BTreeMap::new(),
            unknown_token: AuthorizationStatus::Invalid,
            concurrent_use: ConcurrentUse::Refused,
            vendors: BTreeSet::new(),
            call_timeout: CALL_TIMEOUT,
            id_prefix: "cs-".into(),
            first_transaction_id: 1,
        }
    }

    /// Adds an idTag; one that is too long is cut, and so will never match.
    #[must_use]
    pub fn with_token(mut self, id_tag: &str, status: AuthorizationStatus) -> Self {
        self.tokens
            .insert(IdToken::truncated(id_tag), IdTagInfo::new(status));
        self
    }
}
