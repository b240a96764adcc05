//! Authorisation: the cache, and the question to the backend.

use std::collections::BTreeMap;

use ocpp::v16::{AuthorizationStatus, AuthorizeRequest as Message, IdTagInfo, IdToken, Request};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

use super::limits::CACHE_TOKENS;
use super::{About, Ocpp16, Operator};
use crate::backend::{Command, Role};
use crate::{AuthorizeRequest, Decision, Level, Setting, StoreEntry, StoreWrite, Verdict, log};

/// Prefix of the cache's store keys.
const PREFIX: &str = "cache/";
/// The station's setting that says how long it waits for a verdict.
const VERDICT_TIMEOUT_KEY: &str = "verdict_timeout_s";

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

    /// The tokens that may charge now.
    pub fn accepted(&self, wall: Option<Timestamp>) -> Vec<&str> {
        let tags = self.entries.iter().filter(|(tag, entry)| {
            entry.status == AuthorizationStatus::Accepted && self.valid(tag, wall).is_some()
        });
        tags.map(|(tag, _)| tag.as_str()).collect()
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

/// Questions of the station that wait for the backend. Each has its own end, whatever the call before it waits for.
#[derive(Debug, Default)]
pub struct Questions {
    /// By the number of the station's request: when it is given up, and the token.
    open: BTreeMap<u64, (Instant, String)>,
    /// How long the station waits, if it lets us know.
    station_waits_s: Option<u32>,
}

impl Questions {
    pub fn new(settings: &[Setting]) -> Self {
        let mut questions = Self::default();
        for setting in settings {
            questions.station_setting_changed(setting);
        }
        questions
    }

    pub fn station_setting_changed(&mut self, setting: &Setting) {
        if setting.key == VERDICT_TIMEOUT_KEY {
            self.station_waits_s = setting.value.parse().ok();
        }
    }

    /// The time for an answer: as the setting says, but over before the station itself gives up, so that others may
    /// still be asked.
    fn time(&self, setting_s: u32) -> Millis {
        let less = self
            .station_waits_s
            .map(|seconds| seconds.saturating_sub(1));
        let seconds = less.map_or(setting_s, |less| setting_s.min(less)).max(1);
        Millis::from_secs(seconds.into())
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.open.values().map(|(due, _)| *due).min()
    }
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn on_authorize(&mut self, request: AuthorizeRequest) {
        if self.role == Role::Observer {
            // An observer has no say, and silence is no opinion; its backend is not asked in vain.
            log(Level::Warn, "an observer is not to judge cards");
            return;
        }
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
            && let Some(verdict) = self.known(request.request_id, &tag)
        {
            self.command(Command::Verdict(verdict));
            return;
        }
        let request_id = request.request_id;
        let longest = self.settings.connection_timeout_s;
        let time = self
            .questions
            .time(self.settings.authorize_timeout_s.min(longest));
        let about = About::Authorize {
            request_id,
            tag: tag.clone(),
        };
        if online && self.call_within(&Request::from(Message { id_tag }), about, Some(time)) {
            let due = self.now.at.after(time);
            self.questions.open.insert(request_id, (due, tag));
        } else {
            let verdict = Verdict::bare(request_id, Decision::NoOpinion);
            self.command(Command::Verdict(verdict));
        }
    }

    /// Leaves the questions to others whose time is up, wherever their calls are.
    pub(super) fn give_up_questions(&mut self) {
        let now = self.now.at;
        while let Some((request_id, tag)) = self
            .questions
            .open
            .iter()
            .find_map(|(id, (due, tag))| (*due <= now).then(|| (*id, tag.clone())))
        {
            log(Level::Warn, "the backend has not judged a card in time");
            // Nobody needs the answer to a question that was not even sent.
            let ours = |about: &About| matches!(about, About::Authorize { request_id: id, .. } if *id == request_id);
            let _sent_already = self.calls.withdraw(now, ours);
            self.authorize_unanswered(request_id, &tag);
        }
    }

    /// What is known of a token without asking: the list comes first, then the cache. While the backend can be asked,
    /// only an acceptance counts; while it cannot, a token that is known as refused is not an unknown one.
    fn known(&self, request_id: u64, tag: &str) -> Option<Verdict> {
        let counts =
            |info: &IdTagInfo| info.status == AuthorizationStatus::Accepted || !self.is_online();
        match self.listed(tag) {
            Some(info) => Some(info).filter(counts).map(|info| Verdict {
                reason: Some("known from the local authorization list".to_owned()),
                ..verdict(request_id, &info)
            }),
            None => self.cached(request_id, tag),
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
        if self.questions.open.remove(&request_id).is_some() {
            self.command(Command::Verdict(verdict(request_id, info)));
        }
    }

    pub(super) fn authorize_unanswered(&mut self, request_id: u64, tag: &str) {
        if self.questions.open.remove(&request_id).is_none() {
            return;
        }
        let offline = self.config.flag("LocalAuthorizeOffline");
        let verdict = offline
            .then(|| self.known(request_id, tag))
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
