//! Authorisation: the cache, and the question to the backend.

use std::collections::BTreeMap;

use ocpp::v16::{AuthorizationStatus, AuthorizeRequest as Message, IdTagInfo, IdToken, Request};
use serde_json::{Value, json};
use units::Timestamp;

use super::limits::CACHE_TOKENS;
use super::{About, Ocpp16, Operator};
use crate::backend::Command;
use crate::{AuthorizeRequest, Decision, StoreEntry, StoreWrite, Verdict};

/// Prefix of the cache's store keys.
const PREFIX: &str = "cache/";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    status: AuthorizationStatus,
    parent: Option<String>,
    expires: Option<i64>,
    /// Rises with every change; the lowest is the oldest.
    age: u64,
}

/// Tokens the backend has judged. Tokens are compared without regard to letter case.
#[derive(Debug, Default)]
pub struct Cache {
    entries: BTreeMap<String, Entry>,
    next_age: u64,
}

fn key(tag: &str) -> String {
    tag.to_ascii_lowercase()
}

impl Cache {
    pub fn read(store: &[StoreEntry]) -> Self {
        let mut cache = Self::default();
        for stored in store {
            let Some(tag) = stored.key.strip_prefix(PREFIX) else {
                continue;
            };
            // An entry that makes no sense is as good as none.
            let Some(entry) = parse(&stored.value) else {
                continue;
            };
            cache.next_age = cache.next_age.max(entry.age.saturating_add(1));
            cache.entries.insert(tag.to_owned(), entry);
        }
        cache
    }

    /// The entry, unless it has expired (it never has while nobody knows the time).
    fn valid(&self, tag: &str, wall: Option<Timestamp>) -> Option<&Entry> {
        let entry = self.entries.get(&key(tag))?;
        let expired = match (entry.expires, wall) {
            (Some(expires), Some(wall)) => expires <= wall.as_unix_millis(),
            (Some(_), None) | (None, _) => false,
        };
        (!expired).then_some(entry)
    }

    fn put(&mut self, tag: &str, info: &IdTagInfo) -> Vec<StoreWrite> {
        let entry = Entry {
            status: info.status,
            parent: info
                .parent_id_tag
                .as_ref()
                .map(|parent| parent.as_str().to_owned()),
            expires: info.expiry_date.map(Timestamp::as_unix_millis),
            age: self.next_age,
        };
        let same = self.entries.get(&key(tag)).is_some_and(|old| {
            Entry {
                age: entry.age,
                ..old.clone()
            } == entry
        });
        if same {
            // Flash wears; nothing new is not written.
            return Vec::new();
        }
        self.next_age = self.next_age.saturating_add(1);
        let text = json!({
            "status": entry.status.as_str(), "parent": entry.parent, "expires": entry.expires, "age": entry.age,
        });
        let mut writes = vec![StoreWrite {
            key: format!("{PREFIX}{}", key(tag)),
            value: Some(text.to_string().into_bytes()),
        }];
        self.entries.insert(key(tag), entry);
        while self.entries.len() > CACHE_TOKENS {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.age)
                .map(|(tag, _)| tag.clone());
            let Some(oldest) = oldest else { break };
            self.entries.remove(&oldest);
            writes.push(StoreWrite {
                key: format!("{PREFIX}{oldest}"),
                value: None,
            });
        }
        writes
    }

    /// Forgets everything.
    pub fn clear(&mut self) -> Vec<StoreWrite> {
        let entries = std::mem::take(&mut self.entries);
        let forget = |tag: String| StoreWrite {
            key: format!("{PREFIX}{tag}"),
            value: None,
        };
        entries.into_keys().map(forget).collect()
    }
}

fn parse(bytes: &[u8]) -> Option<Entry> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    Some(Entry {
        status: AuthorizationStatus::from_word(value.get("status")?.as_str()?)?,
        parent: value.get("parent")?.as_str().map(str::to_owned),
        expires: value.get("expires")?.as_i64(),
        age: value.get("age")?.as_u64()?,
    })
}

pub fn decision(status: AuthorizationStatus) -> Decision {
    match status {
        AuthorizationStatus::Accepted => Decision::Accepted,
        AuthorizationStatus::Blocked => Decision::Blocked,
        AuthorizationStatus::Expired => Decision::Expired,
        AuthorizationStatus::Invalid => Decision::Invalid,
        AuthorizationStatus::ConcurrentTx => Decision::Concurrent,
    }
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn on_authorize(&mut self, request: AuthorizeRequest) {
        let tag = self.settings.token_format.format(&request.token);
        let Ok(id_tag) = IdToken::new(tag.clone()) else {
            let verdict = Verdict {
                reason: Some("the token is longer than the 20 characters of OCPP 1.6".to_owned()),
                ..Verdict::bare(request.request_id, Decision::Invalid)
            };
            self.command(Command::Verdict(verdict));
            return;
        };
        let online = self.is_online();
        let allowed = if online {
            "LocalPreAuthorize"
        } else {
            "LocalAuthorizeOffline"
        };
        if self.config.flag(allowed)
            && let Some(verdict) = self.cached(request.request_id, &tag)
        {
            self.command(Command::Verdict(verdict));
            return;
        }
        let about = About::Authorize {
            request_id: request.request_id,
            tag,
        };
        if !online || !self.call(&Request::from(Message { id_tag }), about) {
            self.command(Command::Verdict(Verdict::bare(
                request.request_id,
                Decision::NoOpinion,
            )));
        }
    }

    /// The cache's verdict; only an acceptance counts, anything else is asked again.
    fn cached(&self, request_id: u64, tag: &str) -> Option<Verdict> {
        if !self.config.flag("AuthorizationCacheEnabled") {
            return None;
        }
        let entry = self.cache.valid(tag, self.now.wall)?;
        (entry.status == AuthorizationStatus::Accepted).then(|| Verdict {
            group: entry.parent.clone(),
            expires_wall_ms: entry.expires,
            reason: Some("known from the authorisation cache".to_owned()),
            ..Verdict::bare(request_id, Decision::Accepted)
        })
    }

    pub(super) fn authorize_answered(&mut self, request_id: u64, tag: &str, info: &IdTagInfo) {
        self.remember(tag, info);
        self.command(Command::Verdict(verdict(request_id, info)));
    }

    pub(super) fn authorize_unanswered(&mut self, request_id: u64, tag: &str) {
        let offline = self.config.flag("LocalAuthorizeOffline");
        let verdict = offline
            .then(|| self.cached(request_id, tag))
            .flatten()
            .unwrap_or_else(|| Verdict::bare(request_id, Decision::NoOpinion));
        self.command(Command::Verdict(verdict));
    }

    /// Keeps what the backend said about a token.
    pub(super) fn remember(&mut self, tag: &str, info: &IdTagInfo) {
        // "In another transaction" says nothing about tomorrow.
        if self.config.flag("AuthorizationCacheEnabled")
            && info.status != AuthorizationStatus::ConcurrentTx
        {
            let writes = self.cache.put(tag, info);
            self.write(writes);
        }
    }
}

pub fn verdict(request_id: u64, info: &IdTagInfo) -> Verdict {
    Verdict {
        group: info
            .parent_id_tag
            .as_ref()
            .map(|parent| parent.as_str().to_owned()),
        expires_wall_ms: info.expiry_date.map(Timestamp::as_unix_millis),
        ..Verdict::bare(request_id, decision(info.status))
    }
}
