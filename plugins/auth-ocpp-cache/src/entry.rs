//! One remembered token, how long it counts, and its line in the store.

use auth_cards::{Line, canonical_mac, canonical_uid};
use sdk::{Token, TokenKind, Verdict};
use units::Timestamp;

/// End of 2038-12-31, UTC: practically never.
pub(crate) const END_OF_EPOCH_MS: i64 = 2_177_452_800_000;
/// 365 days.
pub(crate) const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;
/// Longest token or group; the station's own bound.
const MAX_CHARS: usize = 36;

/// When entries end for which the backend gave no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiryMode {
    /// On the last day of 2038.
    EndOfEpoch,
    /// A year after the last confirmation.
    OneYear,
}

/// What a remembered token is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: TokenKind,
    pub(crate) value: String,
}

impl Key {
    /// `None` for tokens that are never remembered: malformed ones, and those nobody presented.
    pub(crate) fn of_token(token: &Token) -> Option<Self> {
        let value = match token.kind {
            TokenKind::Rfid => canonical_uid(&token.value)?,
            TokenKind::Mac => canonical_mac(&token.value)?,
            // OCPP compares without letter case.
            TokenKind::Central => fit(&token.value)?.to_ascii_uppercase(),
            TokenKind::Fixed | TokenKind::Other => return None,
        };
        Some(Self {
            kind: token.kind,
            value,
        })
    }
}

/// How long an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Valid now, until this wall clock, ms.
    Until(i64),
    /// The backend's end is over.
    Ended,
    /// The end that the mode gave is over.
    Outlived,
    /// It has an end, and nobody knows what time it is.
    Unknown,
}

/// One remembered token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheEntry {
    pub(crate) key: Key,
    pub(crate) group: Option<String>,
    pub(crate) limit_ma: Option<u32>,
    /// The end that the backend gave, wall clock, ms.
    pub(crate) expires: Option<i64>,
    /// Last confirmation, wall clock, ms; `None` = the clock was not known yet.
    pub(crate) changed: Option<i64>,
    pub(crate) order: u64,
}

impl CacheEntry {
    pub(crate) fn new(key: Key, verdict: &Verdict, wall: Option<Timestamp>, order: u64) -> Self {
        Self {
            key,
            group: verdict.group.as_deref().and_then(fit).map(str::to_owned),
            limit_ma: verdict.limit_ma,
            expires: verdict.expires_wall_ms,
            changed: wall.map(Timestamp::as_unix_millis),
            order,
        }
    }

    pub(crate) fn validity(&self, wall: Option<Timestamp>, mode: ExpiryMode) -> Validity {
        let wall = wall.map(Timestamp::as_unix_millis);
        let (end, over) = match (self.expires, mode, self.changed) {
            (Some(end), _, _) => (end, Validity::Ended),
            (None, ExpiryMode::EndOfEpoch, _) if wall.is_none() => {
                return Validity::Until(END_OF_EPOCH_MS);
            }
            (None, ExpiryMode::EndOfEpoch, _) => (END_OF_EPOCH_MS, Validity::Outlived),
            (None, ExpiryMode::OneYear, Some(changed)) => {
                (changed.saturating_add(YEAR_MS), Validity::Outlived)
            }
            (None, ExpiryMode::OneYear, None) => return Validity::Unknown,
        };
        match wall {
            None => Validity::Unknown,
            Some(wall) if wall < end => Validity::Until(end),
            Some(_) => over,
        }
    }
}

/// The text if it is one that the station could have given us.
fn fit(text: &str) -> Option<&str> {
    let fits = (1..=MAX_CHARS).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then_some(text)
}

impl Line for CacheEntry {
    fn to_line(&self) -> String {
        let kind = match self.key.kind {
            TokenKind::Rfid => 'R',
            TokenKind::Mac => 'M',
            TokenKind::Central => 'C',
            TokenKind::Fixed | TokenKind::Other => '?',
        };
        let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
        format!(
            "{kind}\t{}\t{}\t{}\t{}\t{}\t{}",
            self.key.value,
            self.group.as_deref().unwrap_or_default(),
            number(self.limit_ma.map(i64::from)),
            number(self.expires),
            number(self.changed),
            self.order,
        )
    }

    fn from_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, value, group, limit, expires, changed, order] = fields.as_slice() else {
            return None;
        };
        let kind = match *kind {
            "R" => TokenKind::Rfid,
            "M" => TokenKind::Mac,
            "C" => TokenKind::Central,
            _ => return None,
        };
        let token = Token {
            value: (*value).to_owned(),
            kind,
        };
        Some(Self {
            key: Key::of_token(&token)?,
            group: fit(group).map(str::to_owned),
            limit_ma: optional(limit)?,
            expires: optional(expires)?,
            changed: optional(changed)?,
            order: order.parse().ok()?,
        })
    }
}

/// An empty field is no value; a damaged one is no entry.
fn optional<T: std::str::FromStr>(field: &str) -> Option<Option<T>> {
    if field.is_empty() {
        return Some(None);
    }
    field.parse().ok().map(Some)
}
