//! The other side's calls: which are new, and which are repetitions to be answered as before.

use super::MessageId;
use crate::limits::{ANSWERED_BYTES_MAX, ANSWERED_CALLS_MAX};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use serde_json::Value;

/// What an incoming call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Not seen before.
    New {
        /// True if the call before it still waits for our answer; the standard allows one at a time.
        overlaps: bool,
    },
    /// The same call again. Not to be acted on; the answer given before, if there is one yet, is to be sent again.
    Repeated(Option<String>),
}

#[derive(Debug)]
struct Entry {
    id: MessageId,
    fingerprint: u64,
    answer: Option<String>,
}

/// Remembers incoming calls and our answers.
///
/// A call repeats another of the same connection if id, action and payload are the same. The same id with other content
/// is a new call: peers exist that count from one again.
///
/// # Invariants
/// At most [`ANSWERED_CALLS_MAX`] calls and [`ANSWERED_BYTES_MAX`] bytes of answers are kept; the oldest go first.
#[derive(Debug, Default)]
pub struct Inbox {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Inbox {
    /// An empty inbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at an incoming call.
    pub fn open(&mut self, id: &MessageId, action: &str, payload: &Value) -> Opened {
        let fingerprint = fingerprint(action, payload);
        let known = |entry: &&Entry| entry.id == *id && entry.fingerprint == fingerprint;
        if let Some(entry) = self.entries.iter().find(known) {
            return Opened::Repeated(entry.answer.clone());
        }
        let overlaps = self.entries.iter().any(|entry| entry.answer.is_none());
        while self.entries.len() >= ANSWERED_CALLS_MAX {
            self.forget_oldest();
        }
        self.entries.push_back(Entry {
            id: id.clone(),
            fingerprint,
            answer: None,
        });
        Opened::New { overlaps }
    }

    /// Keeps the answer to the latest call with this id.
    pub fn answered(&mut self, id: &MessageId, text: &str) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.id == *id) {
            let before = entry
                .answer
                .replace(text.to_string())
                .map_or(0, |answer| answer.len());
            self.bytes = self.bytes.saturating_sub(before).saturating_add(text.len());
        }
        while self.bytes > ANSWERED_BYTES_MAX {
            self.forget_oldest();
        }
    }

    /// Forgets everything, because the connection is gone.
    ///
    /// The peer may have restarted and count from one again; a stale answer to its first call (an old time, an old
    /// boot status) would do more harm than acting on a repetition. What must not happen twice over reconnects is
    /// recognised by its content elsewhere.
    pub fn handle_disconnected(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn forget_oldest(&mut self) {
        match self.entries.pop_front() {
            Some(entry) => {
                self.bytes = self
                    .bytes
                    .saturating_sub(entry.answer.map_or(0, |answer| answer.len()));
            }
            None => self.bytes = 0,
        }
    }
}

/// FNV-1a over the call's content. A collision that the peer constructs only makes it miss its own call.
pub(crate) fn fingerprint(action: &str, payload: &Value) -> u64 {
    let payload = payload.to_string();
    action
        .bytes()
        .chain([0])
        .chain(payload.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}
