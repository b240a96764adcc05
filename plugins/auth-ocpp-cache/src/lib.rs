//! Authorizer: remembers the tokens that a backend has accepted, for faster answers and for times without the backend.
//!
//! It hears every opinion of a backend (grant `authorize.opinions`). An accepted token is kept with its group, limit and
//! end of validity; a refused one is forgotten. At most 500 are kept, the one that was confirmed longest ago goes first.
//!
//! Before the backend is asked, a kept token is accepted with `local_pre_authorize`, or with `local_authorize_offline`
//! while no backend is connected. When the backend was asked and did not answer, it is accepted with
//! `local_authorize_offline`. A check of a running transaction is always left to the backend.
//!
//! # Validity
//! An end that the backend gave counts as it is. Entries without one end by `expiry_mode`: on the last day of 2038
//! (`end-of-epoch`) or 365 days after the last confirmation (`one-year`).
//!
//! While nobody has told the station the time, an end cannot be checked, and the safe side is the backend's: such an entry
//! is not accepted. Only the end of the epoch needs no clock; entries without an end of their own go on in that mode.
#![warn(missing_docs)]

mod entry;
mod requests;
#[cfg(test)]
mod tests;

use auth_cards::{ListFormat, Slots, flag, spec};
use sdk::authorizer::{Answer, Authorizer, BackendOpinion, Input, Question, Stage, StartContext};
use sdk::{AuthorizePurpose, Decision, Level, Manifest, Moment, Setting, Verdict};

use entry::{CacheEntry, ExpiryMode, Key, Validity};

/// Most tokens that are kept. Smaller: regular guests must ask again; larger: judging takes longer.
const MAX_TOKENS: usize = 500;

/// The cache.
#[derive(Debug)]
pub struct OcppCache {
    settings: Settings,
    entries: Slots<CacheEntry>,
    backend_connected: bool,
    /// Rises with every confirmation; says which entry is the oldest.
    next_order: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    enabled: bool,
    local_pre_authorize: bool,
    local_authorize_offline: bool,
    expiry_mode: ExpiryMode,
    format: ListFormat,
}

impl Settings {
    fn apply(&mut self, setting: &Setting) {
        let Setting { key, value } = setting;
        match key.as_str() {
            "enabled" => flag(key, value, &mut self.enabled),
            "local_pre_authorize" => flag(key, value, &mut self.local_pre_authorize),
            "local_authorize_offline" => flag(key, value, &mut self.local_authorize_offline),
            "expiry_mode" => match value.as_str() {
                "end-of-epoch" => self.expiry_mode = ExpiryMode::EndOfEpoch,
                "one-year" => self.expiry_mode = ExpiryMode::OneYear,
                _ => sdk::log(
                    Level::Warn,
                    "expiry_mode is neither end-of-epoch nor one-year; it stays as it was",
                ),
            },
            "list_format" => match ListFormat::parse(value) {
                Some(format) => self.format = format,
                None => sdk::log(
                    Level::Warn,
                    &format!(
                        "list_format is none of {}; it stays as it was",
                        ListFormat::NAMES
                    ),
                ),
            },
            _ => {}
        }
    }
}

impl OcppCache {
    fn judge(&mut self, now: Moment, question: &Question) -> Verdict {
        let request = &question.request;
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        let offline = self.settings.local_authorize_offline;
        let may = match question.stage {
            Stage::First => {
                self.settings.local_pre_authorize || (offline && !self.backend_connected)
            }
            Stage::Unanswered => offline,
        };
        let is_recheck = request.purpose == AuthorizePurpose::Recheck;
        if !self.settings.enabled || !may || is_recheck {
            return verdict;
        }
        let Some(key) = Key::of_token(&request.token) else {
            return verdict;
        };
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else {
            return verdict;
        };
        match entry.validity(now.wall, self.settings.expiry_mode) {
            Validity::Until(end) => {
                verdict.decision = Decision::Accepted;
                verdict.group.clone_from(&entry.group);
                verdict.limit_ma = entry.limit_ma;
                verdict.expires_wall_ms = Some(end);
                verdict.reason = Some("a backend has accepted the token before".to_owned());
            }
            // Before the backend is asked it may know better; afterwards nobody in doubt should accept the token.
            Validity::Ended if question.stage == Stage::Unanswered => {
                verdict.decision = Decision::Expired;
                verdict.reason = Some("the end that the backend gave is over".to_owned());
            }
            Validity::Ended | Validity::Unknown => {}
            Validity::Outlived => {
                self.entries.remove(|entry| entry.key == key);
            }
        }
        verdict
    }

    fn hear(&mut self, now: Moment, opinion: &BackendOpinion) {
        let BackendOpinion { token, verdict } = opinion;
        let Some(key) = Key::of_token(token) else {
            return;
        };
        match verdict.decision {
            Decision::Accepted if self.settings.enabled => {
                let entry = CacheEntry::new(key, verdict, now.wall, self.order());
                self.keep(entry);
            }
            Decision::Blocked | Decision::Expired | Decision::Invalid => {
                self.entries.remove(|entry| entry.key == key);
            }
            // A token that charges elsewhere just now is a good token: it stays as it was.
            Decision::Accepted | Decision::Concurrent | Decision::NoOpinion => {}
        }
    }

    fn order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order = order.saturating_add(1);
        order
    }

    /// Keeps an entry in place of the same token's, in a free place, or in place of the oldest.
    fn keep(&mut self, entry: CacheEntry) {
        if let Some(slot) = self.entries.position(|old| old.key == entry.key) {
            self.entries.put(slot, entry);
            return;
        }
        if self.entries.len() >= MAX_TOKENS
            && let Some(oldest) = self.entries.iter().map(|entry| entry.order).min()
        {
            self.entries.remove(|entry| entry.order == oldest);
        }
        self.entries.add(entry);
    }

    /// The clock is known now: entries that were confirmed without it count from here.
    fn date(&mut self, now: Moment) {
        let Some(wall) = now.wall else {
            return;
        };
        while let Some(slot) = self.entries.position(|entry| entry.changed.is_none())
            && let Some(entry) = self.entries.get(slot).cloned()
        {
            let changed = Some(wall.as_unix_millis());
            self.entries.put(slot, CacheEntry { changed, ..entry });
        }
    }
}

impl Authorizer for OcppCache {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-ocpp-cache".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Remembers the tokens that a backend has accepted".to_owned(),
            capabilities: vec!["authorize".to_owned(), "authorize.opinions".to_owned()],
            settings: vec![
                spec(
                    "enabled",
                    "true",
                    "false: nothing is kept, every token is the backend's to judge",
                ),
                spec(
                    "local_pre_authorize",
                    "true",
                    "true: a kept token is accepted without asking the backend",
                ),
                spec(
                    "local_authorize_offline",
                    "true",
                    "true: a kept token is accepted while the backend is away",
                ),
                spec(
                    "expiry_mode",
                    "end-of-epoch",
                    "End of entries without one of their own: end-of-epoch (2038-12-31) or one-year",
                ),
                spec(
                    "list_format",
                    "any",
                    "How people write card numbers here: any, lower, upper, lower-reversed, upper-reversed",
                ),
            ],
        }
    }

    fn start(now: Moment, context: StartContext) -> (Self, Answer) {
        let entries = Slots::<CacheEntry>::load("cache", MAX_TOKENS, &context.store);
        let newest = entries.iter().map(|entry| entry.order).max();
        let mut cache = Self {
            settings: Settings {
                enabled: true,
                local_pre_authorize: true,
                local_authorize_offline: true,
                expiry_mode: ExpiryMode::EndOfEpoch,
                format: ListFormat::Any,
            },
            entries,
            backend_connected: context.backend_connected,
            next_order: newest.map_or(0, |order| order.saturating_add(1)),
        };
        for setting in &context.settings {
            cache.settings.apply(setting);
        }
        cache.date(now);
        let answer = Answer {
            store: cache.entries.take_writes(),
            ..Answer::default()
        };
        (cache, answer)
    }

    fn handle(&mut self, now: Moment, input: Input) -> Answer {
        self.date(now);
        let mut answer = Answer::default();
        match input {
            Input::Authorize(question) => answer.verdict = Some(self.judge(now, &question)),
            Input::SettingChanged(setting) => self.settings.apply(&setting),
            Input::BackendConnected(connected) => self.backend_connected = connected,
            Input::BackendOpinion(opinion) => self.hear(now, &opinion),
            Input::Request(request) => {
                answer.reply = Some(self.handle_request(now, &request.words));
            }
            Input::Busy(_) | Input::Timer => {}
        }
        answer.store = self.entries.take_writes();
        answer
    }
}

sdk::export_authorizer!(OcppCache);
