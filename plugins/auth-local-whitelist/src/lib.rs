//! Authorizer: judges cards by a list in the station's settings.
//!
//! The list is one setting, `entries`: UIDs separated by colons, each optionally limited to one EVSE with `@`, for
//! example `04A1B2C3:04D4E5F6@1`. How the list was written (letter case, byte order) is a setting, because lists are
//! copied from other systems. A card that is on the list is accepted; any other token gets no opinion, so that the next
//! authorizer or the backend may judge it. Unknown cards are refused only if `refuse_unknown` says so.
#![warn(missing_docs)]

use sdk::authorizer::{Answer, Authorizer, Input, StartContext};
use sdk::{
    AuthorizeRequest, Decision, Level, Manifest, Moment, Setting, SettingSpec, TokenKind, Verdict,
};

/// Most entries that are taken; the rest is left out and said so in the log.
const MAX_ENTRIES: usize = 1_000;
/// Longest UID in hexadecimal digits (10 bytes: a triple-size UID).
const MAX_UID_DIGITS: usize = 20;
/// Shortest UID in hexadecimal digits (4 bytes: a single-size UID).
const MIN_UID_DIGITS: usize = 8;

/// One accepted card.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// As presented: upper-case hexadecimal in air order.
    uid: String,
    /// The only EVSE it may use; `None` = all.
    evse_id: Option<u32>,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListFormat {
    /// Letters count in either case, bytes in air order.
    Any,
    /// Lower case only, air order.
    Lower,
    /// Upper case only, air order.
    Upper,
    /// Lower case only, bytes reversed.
    LowerReversed,
    /// Upper case only, bytes reversed.
    UpperReversed,
}

impl ListFormat {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::Any),
            "lower" => Some(Self::Lower),
            "upper" => Some(Self::Upper),
            "lower-reversed" => Some(Self::LowerReversed),
            "upper-reversed" => Some(Self::UpperReversed),
            _ => None,
        }
    }

    /// The UID as a reader presents it, or `None` if the text is not a UID in this format.
    fn normalise(self, text: &str) -> Option<String> {
        let length_ok = (MIN_UID_DIGITS..=MAX_UID_DIGITS).contains(&text.len());
        if !length_ok
            || !text.len().is_multiple_of(2)
            || !text.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return None;
        }
        let (lower, upper) = (
            text.bytes().any(|b| b.is_ascii_lowercase()),
            text.bytes().any(|b| b.is_ascii_uppercase()),
        );
        let (case_ok, reversed) = match self {
            Self::Any => (true, false),
            Self::Lower => (!upper, false),
            Self::Upper => (!lower, false),
            Self::LowerReversed => (!upper, true),
            Self::UpperReversed => (!lower, true),
        };
        if !case_ok {
            return None;
        }
        let upper = text.to_ascii_uppercase();
        Some(if reversed {
            reverse_bytes(&upper)
        } else {
            upper
        })
    }
}

/// Reverses the order of the bytes of an even number of hexadecimal digits.
fn reverse_bytes(hex: &str) -> String {
    hex.as_bytes()
        .rchunks(2)
        .flat_map(|pair| pair.iter().map(|b| char::from(*b)))
        .collect()
}

/// The whitelist.
#[derive(Debug)]
pub struct LocalWhitelist {
    text: String,
    format: ListFormat,
    refuse_unknown: bool,
    entries: Vec<Entry>,
}

impl LocalWhitelist {
    fn apply(&mut self, setting: Setting) {
        match setting.key.as_str() {
            "entries" => self.text = setting.value,
            "list_format" => match ListFormat::parse(&setting.value) {
                Some(format) => self.format = format,
                None => sdk::log(
                    Level::Warn,
                    "list_format is none of any, lower, upper, lower-reversed, upper-reversed; it stays as it was",
                ),
            },
            "refuse_unknown" => self.refuse_unknown = setting.value == "true",
            _ => return,
        }
        self.entries = parse_entries(&self.text, self.format);
    }

    fn judge(&self, request: &AuthorizeRequest) -> Verdict {
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        if request.token.kind != TokenKind::Rfid {
            return verdict;
        }
        let uid = request.token.value.to_ascii_uppercase();
        let listed = self.entries.iter().filter(|e| e.uid == uid);
        let mut known = false;
        let mut allowed = false;
        for entry in listed {
            known = true;
            // A card bound to an EVSE is not accepted at a reader that serves all: nobody could say which was meant.
            allowed |= entry.evse_id.is_none() || entry.evse_id == request.evse_id;
        }
        if allowed {
            verdict.decision = Decision::Accepted;
        } else if known {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some("the card is listed for another EVSE".to_owned());
        } else if self.refuse_unknown {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some("the card is not on the local list".to_owned());
        }
        verdict
    }
}

fn parse_entries(text: &str, format: ListFormat) -> Vec<Entry> {
    let mut entries = Vec::new();
    for item in text
        .split(':')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        if entries.len() == MAX_ENTRIES {
            sdk::log(
                Level::Warn,
                "the local list has more than 1000 entries; the rest is not used",
            );
            break;
        }
        match parse_entry(item, format) {
            Some(entry) => entries.push(entry),
            // The entry itself stays out of the log: it identifies a person.
            None => sdk::log(
                Level::Warn,
                "an entry of the local list is not a UID in the list's format",
            ),
        }
    }
    entries
}

fn parse_entry(item: &str, format: ListFormat) -> Option<Entry> {
    let (uid, evse_id) = match item.split_once('@') {
        None => (item, None),
        Some((uid, evse)) => (uid, Some(evse.parse::<u32>().ok().filter(|n| *n > 0)?)),
    };
    Some(Entry {
        uid: format.normalise(uid)?,
        evse_id,
    })
}

impl Authorizer for LocalWhitelist {
    fn describe() -> Manifest {
        let spec = |key: &str, default_value: &str, summary: &str| SettingSpec {
            key: key.to_owned(),
            default_value: default_value.to_owned(),
            summary: summary.to_owned(),
        };
        Manifest {
            name: "auth-local-whitelist".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Accepts the cards on a list in the station's settings".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec(
                    "entries",
                    "",
                    "UIDs separated by colons; UID@1 is valid at EVSE 1 only",
                ),
                spec(
                    "list_format",
                    "any",
                    "How the list is written: any, lower, upper, lower-reversed, upper-reversed",
                ),
                spec(
                    "refuse_unknown",
                    "false",
                    "true: a card that is not listed is refused",
                ),
            ],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut list = Self {
            text: String::new(),
            format: ListFormat::Any,
            refuse_unknown: false,
            entries: Vec::new(),
        };
        for setting in context.settings {
            list.apply(setting);
        }
        (list, Answer::default())
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Answer {
        match input {
            Input::Authorize(question) => Answer::verdict(self.judge(&question.request)),
            Input::SettingChanged(setting) => {
                self.apply(setting);
                Answer::default()
            }
            _ => Answer::default(),
        }
    }
}

sdk::export_authorizer!(LocalWhitelist);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::authorizer::{Question, Stage};
    use sdk::{AuthorizePurpose, Token};

    fn now() -> Moment {
        Moment {
            at: units::Instant::ZERO,
            wall: None,
        }
    }

    fn list(settings: &[(&str, &str)]) -> LocalWhitelist {
        let settings = settings
            .iter()
            .map(|(key, value)| Setting {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let context = StartContext {
            settings,
            ..StartContext::default()
        };
        LocalWhitelist::start(now(), context).0
    }

    fn ask(
        list: &mut LocalWhitelist,
        uid: &str,
        kind: TokenKind,
        evse_id: Option<u32>,
    ) -> Decision {
        let request = AuthorizeRequest {
            request_id: 7,
            evse_id,
            token: Token {
                value: uid.to_owned(),
                kind,
            },
            purpose: AuthorizePurpose::Start,
            group: None,
        };
        let question = Question {
            request,
            stage: Stage::First,
            secure: false,
        };
        let verdict = list
            .handle(now(), Input::Authorize(question))
            .verdict
            .unwrap();
        assert_eq!(verdict.request_id, 7);
        verdict.decision
    }

    fn swipe(list: &mut LocalWhitelist, uid: &str) -> Decision {
        ask(list, uid, TokenKind::Rfid, Some(1))
    }

    #[test]
    fn listed_card_is_accepted_and_unlisted_card_gets_no_opinion() {
        let mut list = list(&[("entries", "04A1B2C3:11223344")]);
        assert_eq!(swipe(&mut list, "04A1B2C3"), Decision::Accepted);
        assert_eq!(swipe(&mut list, "11223344"), Decision::Accepted);
        assert_eq!(swipe(&mut list, "04A1B2C4"), Decision::NoOpinion);
        assert_eq!(swipe(&mut list, "04A1B2C3FF"), Decision::NoOpinion);
        assert_eq!(swipe(&mut list, ""), Decision::NoOpinion);
        assert_eq!(swipe(&mut list, "04A1B2C3:11223344"), Decision::NoOpinion);
    }

    #[test]
    fn empty_list_accepts_nobody() {
        for entries in [
            "",
            ":",
            "::",
            " : ",
            "@1",
            "04A1B2C3@",
            "04A1B2C3@0",
            "04A1B2C3@x",
            "04A1B2",
            "04A1B2CG",
        ] {
            let mut list = list(&[("entries", entries)]);
            assert!(list.entries.is_empty(), "{entries:?}");
            assert_eq!(swipe(&mut list, ""), Decision::NoOpinion);
            assert_eq!(swipe(&mut list, "04A1B2C3"), Decision::NoOpinion);
        }
    }

    #[test]
    fn refuse_unknown_turns_no_opinion_into_invalid() {
        let mut list = list(&[("entries", "04A1B2C3"), ("refuse_unknown", "true")]);
        assert_eq!(swipe(&mut list, "DEADBEEF"), Decision::Invalid);
        assert_eq!(swipe(&mut list, "04A1B2C3"), Decision::Accepted);
    }

    #[test]
    fn card_scoped_to_an_evse_is_refused_elsewhere_and_at_a_shared_reader() {
        let mut list = list(&[("entries", "04A1B2C3@1:11223344@2:11223344@3")]);
        assert_eq!(
            ask(&mut list, "04A1B2C3", TokenKind::Rfid, Some(1)),
            Decision::Accepted
        );
        assert_eq!(
            ask(&mut list, "04A1B2C3", TokenKind::Rfid, Some(2)),
            Decision::Invalid
        );
        assert_eq!(
            ask(&mut list, "04A1B2C3", TokenKind::Rfid, None),
            Decision::Invalid
        );
        assert_eq!(
            ask(&mut list, "11223344", TokenKind::Rfid, Some(3)),
            Decision::Accepted
        );
    }

    #[test]
    fn only_cards_are_judged() {
        let mut list = list(&[("entries", "04A1B2C3"), ("refuse_unknown", "true")]);
        for kind in [
            TokenKind::Central,
            TokenKind::Mac,
            TokenKind::Fixed,
            TokenKind::Other,
        ] {
            assert_eq!(
                ask(&mut list, "04A1B2C3", kind, Some(1)),
                Decision::NoOpinion
            );
        }
    }

    #[test]
    fn list_format_decides_letter_case_and_byte_order() {
        let uid = "04A1B2C3";
        for (format, entry, accepted) in [
            ("any", "04a1B2c3", true),
            ("upper", "04A1B2C3", true),
            ("upper", "04a1b2c3", false),
            ("lower", "04a1b2c3", true),
            ("lower", "04A1B2C3", false),
            ("upper-reversed", "C3B2A104", true),
            ("upper-reversed", "04A1B2C3", false),
            ("lower-reversed", "c3b2a104", true),
            ("lower-reversed", "C3B2A104", false),
        ] {
            let mut list = list(&[("entries", entry), ("list_format", format)]);
            let expected = if accepted {
                Decision::Accepted
            } else {
                Decision::NoOpinion
            };
            assert_eq!(swipe(&mut list, uid), expected, "{format} {entry}");
        }
    }

    #[test]
    fn settings_may_come_in_any_order_and_change_later() {
        let mut list = list(&[("list_format", "lower-reversed"), ("entries", "c3b2a104")]);
        assert_eq!(swipe(&mut list, "04A1B2C3"), Decision::Accepted);
        let change = Setting {
            key: "entries".to_owned(),
            value: "11223344".to_owned(),
        };
        assert_eq!(
            list.handle(now(), Input::SettingChanged(change)),
            Answer::default()
        );
        assert_eq!(swipe(&mut list, "04A1B2C3"), Decision::NoOpinion);
        assert_eq!(swipe(&mut list, "44332211"), Decision::Accepted);
    }

    #[test]
    fn list_is_cut_at_its_bound() {
        let text: String = (0..MAX_ENTRIES + 5).map(|n| format!("{n:08X}:")).collect();
        assert_eq!(parse_entries(&text, ListFormat::Any).len(), MAX_ENTRIES);
    }
}
