//! What people ask of the cache. What they type is added to what the backend has approved; clearing empties it.

use auth_cards::{Entry, EntryKind, SEPARATOR, parse_import, quoted, words};
use sdk::{Decision, Moment, TokenKind, Verdict};

use crate::entry::{CacheEntry, Key};
use crate::{MAX_TOKENS, OcppCache};

/// Most entries of one listing.
const MAX_LISTED: usize = 80;

const HELP: &str = "help | list | add UID or MAC=... | remove UID or MAC=... | clear | export | import [--decimal] TEXT";

type Reply = Result<String, String>;

impl OcppCache {
    pub(crate) fn handle_request(&mut self, now: Moment, line: &[String]) -> Reply {
        let words: Vec<&str> = words(line).collect();
        match words.as_slice() {
            [] | ["help"] => Ok(HELP.to_owned()),
            ["clear"] => {
                self.entries.remove(|_| true);
                Ok(self.count())
            }
            _ if !self.settings.enabled => {
                Err("the OCPP whitelist is off; set `enabled` to true first".to_owned())
            }
            ["list"] => Ok(self.list()),
            ["export"] => Ok(self.written().collect::<Vec<_>>().join(":")),
            ["add", text] => self.add(now, text, false),
            ["import", "--decimal", rest @ ..] => self.add(now, &rest.join(" "), true),
            ["import", rest @ ..] => self.add(now, &rest.join(" "), false),
            ["remove", text] => self.handle_remove(text),
            [verb, ..] => Err(format!(
                "{} is not understood here; `help` tells the words",
                quoted(verb)
            )),
        }
    }

    /// Newest first.
    fn written(&self) -> impl Iterator<Item = String> {
        let mut entries: Vec<&CacheEntry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.order));
        let format = self.settings.format;
        entries.into_iter().filter_map(move |entry| {
            let kind = match entry.key.kind {
                TokenKind::Rfid => EntryKind::Card,
                TokenKind::Mac => EntryKind::Mac,
                TokenKind::Central | TokenKind::Fixed | TokenKind::Other => return None,
            };
            let entry = Entry {
                kind,
                value: entry.key.value.clone(),
                evse_id: None,
            };
            Some(entry.write(format))
        })
    }

    fn list(&self) -> String {
        let all = self.written().count();
        let shown: Vec<String> = self.written().take(MAX_LISTED).collect();
        match all {
            0 => "no entry".to_owned(),
            all if all > shown.len() => {
                format!(
                    "{} and {} older ones",
                    shown.join(SEPARATOR),
                    all.saturating_sub(shown.len())
                )
            }
            _ => shown.join(SEPARATOR),
        }
    }

    fn add(&mut self, now: Moment, text: &str, decimal: bool) -> Reply {
        let wanted = parse_import(text, self.settings.format, decimal)?;
        if wanted.iter().any(|entry| entry.evse_id.is_some()) {
            return Err(
                "a backend approves a token for the whole station; leave out the EVSE".to_owned(),
            );
        }
        let mut fresh: Vec<Key> = Vec::new();
        for entry in wanted {
            let key = key(entry);
            let is_known = self.entries.position(|old| old.key == key).is_some();
            if !is_known && !fresh.contains(&key) {
                fresh.push(key);
            }
        }
        // People push nothing out that a backend has approved.
        if self.entries.len().saturating_add(fresh.len()) > MAX_TOKENS {
            return Err(format!(
                "the cache has room for {MAX_TOKENS} entries; nothing was added"
            ));
        }
        let added = fresh.len();
        for key in fresh {
            let order = self.order();
            let verdict = Verdict::bare(0, Decision::Accepted);
            self.keep(CacheEntry::new(key, &verdict, now.wall, order));
        }
        Ok(format!("{added} added; {}", self.count()))
    }

    fn handle_remove(&mut self, text: &str) -> Reply {
        let entry = Entry::parse(text, self.settings.format)
            .map_err(|why| format!("{} is no entry: {why}", quoted(text)))?;
        let key = key(entry);
        match self.entries.remove(|entry| entry.key == key) {
            0 => Err(format!("{} is not in the cache", quoted(text))),
            _ => Ok(self.count()),
        }
    }

    fn count(&self) -> String {
        format!("{} of {MAX_TOKENS} entries", self.entries.len())
    }
}

fn key(entry: Entry) -> Key {
    let kind = match entry.kind {
        EntryKind::Card => TokenKind::Rfid,
        EntryKind::Mac => TokenKind::Mac,
    };
    Key {
        kind,
        value: entry.value,
    }
}
