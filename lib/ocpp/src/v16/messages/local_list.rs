//! Local authorization list profile.

use super::IdTagInfo;
use crate::v16::types::IdToken;
use alloc::vec::Vec;

wire_struct! {
    /// Asks for the version of the local list.
    pub struct GetLocalListVersionRequest {}
}

wire_struct! {
    /// Answers with the version of the local list.
    pub struct GetLocalListVersionResponse {
        /// The version; 0 for an empty list, -1 if lists are not supported.
        list_version: i64 = "listVersion";
    }
}

wire_struct! {
    /// One entry of the local list.
    pub struct AuthorizationData {
        /// The idTag.
        id_tag: IdToken = "idTag";
        /// What is known about it; absent in a differential update removes the entry.
        id_tag_info: Option<IdTagInfo> = "idTagInfo";
    }
}

wire_enum! {
    /// How the sent list relates to the stored one.
    pub enum UpdateType {
        /// Changes to the stored list.
        Differential = "Differential",
        /// Replaces the stored list.
        Full = "Full",
    }
}

wire_struct! {
    /// Sends a local list.
    pub struct SendLocalListRequest {
        /// Version the list has after the update.
        list_version: i64 = "listVersion";
        /// The entries.
        local_authorization_list: Option<Vec<AuthorizationData>> = "localAuthorizationList";
        /// Whether it replaces or changes the stored list.
        update_type: UpdateType = "updateType";
    }
}

wire_enum! {
    /// Whether the list was stored.
    pub enum UpdateStatus {
        /// Stored.
        Accepted = "Accepted",
        /// Could not be stored.
        Failed = "Failed",
        /// Lists are not supported.
        NotSupported = "NotSupported",
        /// The version does not follow the stored one.
        VersionMismatch = "VersionMismatch",
    }
}

wire_struct! {
    /// Answers a local list.
    pub struct SendLocalListResponse {
        /// The outcome.
        status: UpdateStatus = "status";
    }
}
