//! The local authorization list: kept by the backend, used when it cannot be asked, or before it is.
//!
//! The list is stored in buckets, so that a whole new list is a bounded number of writes and one changed card wears little
//! flash.

use std::collections::BTreeMap;

use ocpp::rpc::MessageId;
use ocpp::v16::{
    AuthorizationData, AuthorizationStatus, GetLocalListVersionResponse, IdTagInfo, IdToken,
    Response, SendLocalListRequest, SendLocalListResponse, UpdateStatus, UpdateType,
};
use serde_json::{Value, json};
use units::Timestamp;

use super::limits::{LIST_BUCKETS, LIST_TOKENS, SEND_LIST_TOKENS};
use super::{Ocpp16, Operator};
use crate::backend::Role;
use crate::{StoreEntry, StoreWrite};

/// Prefix of the store keys of the buckets.
const PREFIX: &str = "list/";
/// Store key of the version.
const VERSION: &str = "list-version";

/// The list. Tokens are compared without regard to letter case.
#[derive(Debug, Default)]
pub struct LocalList {
    version: i64,
    entries: BTreeMap<String, IdTagInfo>,
}

fn key(tag: &str) -> String {
    tag.to_ascii_lowercase()
}

/// The bucket of a token: the same for ever.
fn bucket(tag: &str) -> usize {
    let hash = tag.bytes().fold(5381_usize, |hash, byte| {
        hash.wrapping_mul(33).wrapping_add(usize::from(byte))
    });
    hash % LIST_BUCKETS
}

impl LocalList {
    pub fn read(store: &[StoreEntry]) -> Self {
        let mut list = Self::default();
        for stored in store {
            if stored.key == VERSION {
                let text = std::str::from_utf8(&stored.value).unwrap_or_default();
                list.version = text.parse().unwrap_or(0);
            } else if stored.key.starts_with(PREFIX) {
                // A bucket that makes no sense is empty; the backend sends the list again when versions differ.
                let entries: Vec<Value> = serde_json::from_slice(&stored.value).unwrap_or_default();
                list.entries.extend(entries.iter().filter_map(parse));
            }
        }
        list
    }

    /// 0 = empty.
    fn told_version(&self) -> i64 {
        match self.entries.is_empty() {
            true => 0,
            false => self.version,
        }
    }

    /// What the list says about a token now.
    pub fn status(&self, tag: &str, wall: Option<Timestamp>) -> Option<IdTagInfo> {
        let mut info = self.entries.get(&key(tag))?.clone();
        let over = info
            .expiry_date
            .zip(wall)
            .is_some_and(|(end, now)| end <= now);
        if over && info.status == AuthorizationStatus::Accepted {
            info.status = AuthorizationStatus::Expired;
        }
        Some(info)
    }

    fn update(&mut self, request: &SendLocalListRequest) -> Result<Vec<StoreWrite>, UpdateStatus> {
        let sent = request
            .local_authorization_list
            .as_deref()
            .unwrap_or_default();
        if request.list_version <= 0 || sent.len() > SEND_LIST_TOKENS {
            return Err(UpdateStatus::Failed);
        }
        let mut new: BTreeMap<String, Option<IdTagInfo>> = BTreeMap::new();
        for AuthorizationData {
            id_tag,
            id_tag_info,
        } in sent
        {
            if new
                .insert(key(id_tag.as_str()), id_tag_info.clone())
                .is_some()
            {
                return Err(UpdateStatus::Failed);
            }
        }
        let mut entries = match request.update_type {
            UpdateType::Full if new.values().any(Option::is_none) => {
                return Err(UpdateStatus::Failed);
            }
            UpdateType::Full => BTreeMap::new(),
            UpdateType::Differential if request.list_version <= self.version => {
                return Err(UpdateStatus::VersionMismatch);
            }
            UpdateType::Differential => self.entries.clone(),
        };
        for (tag, info) in new {
            match info {
                Some(info) => entries.insert(tag, info),
                None => entries.remove(&tag),
            };
        }
        if entries.len() > LIST_TOKENS {
            return Err(UpdateStatus::Failed);
        }
        let before = std::mem::replace(&mut self.entries, entries);
        self.version = request.list_version;
        Ok(self.writes(&before))
    }

    /// The buckets that changed, and the version.
    fn writes(&self, before: &BTreeMap<String, IdTagInfo>) -> Vec<StoreWrite> {
        let (old, new) = (texts(before), texts(&self.entries));
        let changed = (0..LIST_BUCKETS).filter(|n| old.get(n) != new.get(n));
        let write = |number: usize| StoreWrite {
            key: format!("{PREFIX}{number:02}"),
            value: new.get(&number).map(|text| text.clone().into_bytes()),
        };
        let version = StoreWrite {
            key: VERSION.to_owned(),
            value: Some(self.version.to_string().into_bytes()),
        };
        changed.map(write).chain([version]).collect()
    }
}

/// The buckets that are not empty.
fn texts(entries: &BTreeMap<String, IdTagInfo>) -> BTreeMap<usize, String> {
    let mut buckets: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for (tag, info) in entries {
        let entry = json!([
            tag,
            info.status.as_str(),
            info.parent_id_tag.as_ref().map(IdToken::as_str),
            info.expiry_date.map(Timestamp::as_unix_millis),
        ]);
        buckets.entry(bucket(tag)).or_default().push(entry);
    }
    let text = |(number, entries): (usize, Vec<Value>)| (number, Value::from(entries).to_string());
    buckets.into_iter().map(text).collect()
}

fn parse(entry: &Value) -> Option<(String, IdTagInfo)> {
    let [tag, status, parent, expires] = entry.as_array()?.as_slice() else {
        return None;
    };
    let info = IdTagInfo {
        status: AuthorizationStatus::from_word(status.as_str()?)?,
        parent_id_tag: parent
            .as_str()
            .and_then(|parent| IdToken::new(parent.to_owned()).ok()),
        expiry_date: expires.as_i64().map(Timestamp::from_unix_millis),
    };
    Some((tag.as_str()?.to_owned(), info))
}

impl<O: Operator> Ocpp16<O> {
    fn has_local_list(&self) -> bool {
        self.config.flag("LocalAuthListEnabled")
    }

    pub(super) fn local_list_version(&mut self, id: &MessageId) {
        // -1 is how a station says that it has no list at all.
        let list_version = match self.has_local_list() {
            true => self.local_list.told_version(),
            false => -1,
        };
        self.answer(
            id,
            &Response::from(GetLocalListVersionResponse { list_version }),
        );
    }

    pub(super) fn send_local_list(&mut self, id: &MessageId, request: &SendLocalListRequest) {
        let status = if !self.has_local_list() {
            UpdateStatus::NotSupported
        } else if self.role != Role::Primary {
            UpdateStatus::Failed
        } else {
            match self.local_list.update(request) {
                Ok(writes) => {
                    // Committed with this call, before the answer leaves.
                    self.write(writes);
                    UpdateStatus::Accepted
                }
                Err(status) => status,
            }
        };
        self.answer(id, &Response::from(SendLocalListResponse { status }));
    }

    /// What the list says, if there is one.
    pub(super) fn listed(&self, tag: &str) -> Option<IdTagInfo> {
        let list = Some(&self.local_list).filter(|_| self.has_local_list())?;
        list.status(tag, self.now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(tag: &str, status: Option<AuthorizationStatus>) -> AuthorizationData {
        AuthorizationData {
            id_tag: IdToken::new(tag.to_owned()).unwrap(),
            id_tag_info: status.map(|status| IdTagInfo {
                status,
                parent_id_tag: None,
                expiry_date: None,
            }),
        }
    }

    fn request(
        list_version: i64,
        update_type: UpdateType,
        list: &[AuthorizationData],
    ) -> SendLocalListRequest {
        SendLocalListRequest {
            list_version,
            local_authorization_list: Some(list.to_vec()),
            update_type,
        }
    }

    const OK: Option<AuthorizationStatus> = Some(AuthorizationStatus::Accepted);

    #[test]
    fn updates_change_the_list_or_say_why_not() {
        let mut list = LocalList::default();
        let full = [
            data("ABC", OK),
            data("DEF", Some(AuthorizationStatus::Blocked)),
        ];
        assert!(list.update(&request(5, UpdateType::Full, &full)).is_ok());
        assert_eq!(list.told_version(), 5);
        let mut refuse = |version, kind, data: &[AuthorizationData]| {
            let before = (list.version, list.entries.clone());
            let status = list.update(&request(version, kind, data)).unwrap_err();
            assert_eq!(
                (list.version, list.entries.clone()),
                before,
                "nothing changed"
            );
            status
        };
        let differential = UpdateType::Differential;
        assert_eq!(refuse(5, differential, &[]), UpdateStatus::VersionMismatch);
        assert_eq!(refuse(0, UpdateType::Full, &[]), UpdateStatus::Failed);
        let twice = [data("X", OK), data("x", OK)];
        assert_eq!(refuse(6, differential, &twice), UpdateStatus::Failed);
        assert_eq!(
            refuse(6, UpdateType::Full, &[data("X", None)]),
            UpdateStatus::Failed
        );
        let many: Vec<_> = (0..=SEND_LIST_TOKENS)
            .map(|n| data(&format!("{n:08}"), OK))
            .collect();
        assert_eq!(refuse(6, UpdateType::Full, &many), UpdateStatus::Failed);
        let change = [data("abc", None), data("GHI", OK)];
        assert!(list.update(&request(6, differential, &change)).is_ok());
        let tags: Vec<&str> = list.entries.keys().map(String::as_str).collect();
        assert_eq!((tags, list.told_version()), (vec!["def", "ghi"], 6));
        assert!(list.update(&request(7, UpdateType::Full, &[])).is_ok());
        assert_eq!(list.told_version(), 0, "empty");
    }

    #[test]
    fn list_is_full_at_its_bound_and_comes_back_from_the_store() {
        let mut list = LocalList::default();
        let mut store: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut version = 0;
        for block in 0..LIST_TOKENS / SEND_LIST_TOKENS {
            version += 1;
            let from = block * SEND_LIST_TOKENS;
            let tags: Vec<_> = (from..from + SEND_LIST_TOKENS)
                .map(|n| data(&format!("TAG{n:08}"), OK))
                .collect();
            let writes = list
                .update(&request(version, UpdateType::Differential, &tags))
                .unwrap();
            assert!(writes.len() <= LIST_BUCKETS + 1);
            for write in writes {
                store.insert(write.key, write.value.unwrap());
            }
        }
        let more = request(
            version + 1,
            UpdateType::Differential,
            &[data("ONEMORE", OK)],
        );
        assert_eq!(list.update(&more), Err(UpdateStatus::Failed));
        let bytes: usize = store
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(bytes <= LIST_TOKENS * 120, "{bytes}");
        let entry = |(key, value): (&String, &Vec<u8>)| StoreEntry {
            key: key.clone(),
            value: value.clone(),
        };
        let read = LocalList::read(&store.iter().map(entry).collect::<Vec<_>>());
        assert_eq!((read.version, read.entries), (list.version, list.entries));
    }

    #[test]
    fn entry_whose_time_is_over_has_expired() {
        let mut list = LocalList::default();
        let mut entry = data("ABC", OK);
        entry.id_tag_info.as_mut().unwrap().expiry_date = Some(Timestamp::from_unix_millis(1_000));
        list.update(&request(1, UpdateType::Full, &[entry]))
            .unwrap();
        let status = |ms| {
            list.status("abc", Some(Timestamp::from_unix_millis(ms)))
                .unwrap()
                .status
        };
        assert_eq!(status(999), AuthorizationStatus::Accepted);
        assert_eq!(status(1_000), AuthorizationStatus::Expired);
    }
}
