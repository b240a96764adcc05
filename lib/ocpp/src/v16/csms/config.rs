//! What a central system answers with.

use crate::limits::{CALL_TIMEOUT, CSMS_LIST_MESSAGE_ENTRIES_MAX};
use crate::v16::{
    AuthorizationStatus, CiString, GenericStatus, IdTagInfo, IdToken, RegistrationStatus,
};
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
    /// Heartbeat interval of an accepted boot, in seconds; also the retry interval of any other, unless
    /// [`retry_interval_s`](Self::retry_interval_s) is given.
    pub interval_s: i64,
    /// Seconds until a charge point that was not accepted boots again.
    pub retry_interval_s: Option<i64>,
    /// How long a connected charge point may say nothing before that is reported; `None` for never.
    pub silence: Option<Millis>,
    /// Known idTags.
    pub tokens: BTreeMap<IdToken, IdTagInfo>,
    /// Verdict on any other idTag, and on one the owner said nothing about in time.
    pub unknown_token: AuthorizationStatus,
    /// How long the owner is asked about an idTag that is not in the table
    /// ([`CsmsEvent::VerdictWanted`](super::CsmsEvent::VerdictWanted)); `None` for not at all. Well below the time
    /// after which charge points give up an answer.
    pub ask_owner: Option<Millis>,
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
    /// Distance between transaction numbers. With as many numbers as charge points, each beginning at its own first
    /// one, no two charge points share a number.
    pub transaction_id_step: i64,
    /// Whether requests for certificates are taken. A taken one is the owner's to have signed.
    pub certificate_requests: GenericStatus,
    /// Entries of the local list in one message. The charge point's own bound, once it is known, and
    /// [`CSMS_LIST_MESSAGE_ENTRIES_MAX`] hold besides.
    pub list_message_entries: usize,
}

impl CsmsConfig {
    /// Accepts every boot, knows no idTag, and counts transactions from 1.
    #[must_use]
    pub fn accepting(interval_s: i64) -> Self {
        Self {
            registration: RegistrationStatus::Accepted,
            interval_s,
            retry_interval_s: None,
            silence: None,
            tokens: BTreeMap::new(),
            unknown_token: AuthorizationStatus::Invalid,
            ask_owner: None,
            concurrent_use: ConcurrentUse::Refused,
            vendors: BTreeSet::new(),
            call_timeout: CALL_TIMEOUT,
            id_prefix: "cs-".into(),
            first_transaction_id: 1,
            transaction_id_step: 1,
            certificate_requests: GenericStatus::Accepted,
            list_message_entries: CSMS_LIST_MESSAGE_ENTRIES_MAX,
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
