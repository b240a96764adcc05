//! Authorizer: judges cards and vehicles by a list of its own. No backend is asked about a listed token.
//!
//! The list is what the setting `entries` says and what people added: typed, imported, or learned by holding cards to the
//! reader and plugging vehicles in. Entries are UIDs separated by colons, each optionally limited to one EVSE with `@`,
//! for example `04A1B2C3:04D4E5F6@1`; vehicles are `MAC=001A2B3C4D5E`. How the list was written (letter case, byte order)
//! is a setting, because lists are copied from other systems. A listed token is accepted; any other one gets no opinion,
//! so that the next authorizer or the backend may judge it. Unknown cards are refused only if `refuse_unknown` says so.
//!
//! With `three_slots` the station has exactly three places for cards, filled by reading a card and writing it to a slot in
//! standby, and nothing else counts.
#![warn(missing_docs)]

mod requests;
mod settings;
#[cfg(test)]
mod tests;

use auth_cards::{Entry, EntryKind, MAX_ENTRIES, Slots, parse_list};
use sdk::authorizer::{Answer, Authorizer, Input, Notice, Question, Stage, StartContext};
use sdk::{
    AuthorizePurpose, AuthorizeRequest, Decision, Level, Manifest, Moment, Setting, TokenKind,
    Verdict,
};
use units::Instant;

use settings::Settings;

/// Slots in the mode of the same name.
const SLOTS: usize = 3;

/// A card that is being read for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    /// When the card, or the wait for one, is forgotten.
    until: Instant,
    /// The card, once one was held to the reader.
    card: Option<Entry>,
}

/// The whitelist.
#[derive(Debug)]
pub struct LocalWhitelist {
    settings: Settings,
    /// What the setting `entries` says.
    fixed: Vec<Entry>,
    /// What people added; the first three are the slots of `three_slots`.
    own: Slots<Entry>,
    busy: bool,
    /// Until when new tokens are added by themselves.
    learning: Option<Instant>,
    reading: Option<Reading>,
}

impl LocalWhitelist {
    fn apply(&mut self, setting: &Setting) {
        if !self.settings.apply(setting) {
            return;
        }
        let settings = &self.settings;
        let warn = |text: &str| sdk::log(Level::Warn, text);
        self.fixed = if settings.three_slots {
            if !settings.entries.is_empty() {
                warn("the setting entries does not count where there are three slots");
            }
            Vec::new()
        } else {
            parse_list(
                &settings.entries,
                settings.format,
                settings.max_entries,
                warn,
            )
        };
        if settings.three_slots || !settings.enabled {
            self.learning = None;
        }
        if !settings.three_slots || !settings.enabled {
            self.reading = None;
        }
    }

    /// What counts, from the setting and from people.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let slots_only = self.settings.three_slots;
        let slots = (0..SLOTS).filter_map(|slot| self.own.get(slot));
        let added = self.own.iter();
        self.fixed
            .iter()
            .chain(slots.filter(move |_| slots_only))
            .chain(added.filter(move |_| !slots_only))
    }

    fn is_full(&self) -> bool {
        self.entries().count() >= self.settings.max_entries
    }

    fn judge(&self, request: &AuthorizeRequest) -> Verdict {
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        let is_card = request.token.kind == TokenKind::Rfid;
        if !self.settings.enabled {
            return verdict;
        }
        let presented = Entry::of_token(&request.token);
        let (mut known, mut allowed) = (false, false);
        for entry in self.entries() {
            if presented.as_ref().is_some_and(|token| token.is_same(entry)) {
                known = true;
                // A token bound to an EVSE is not accepted at a reader that serves all: nobody could say which was meant.
                allowed |= entry.evse_id.is_none() || entry.evse_id == request.evse_id;
            }
        }
        if allowed {
            verdict.decision = Decision::Accepted;
        } else if known {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some("the card is listed for another EVSE".to_owned());
        } else if self.settings.refuse_unknown && is_card {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some("the card is not on the local list".to_owned());
        }
        verdict
    }

    fn handle_question(&mut self, now: Instant, question: &Question) -> Answer {
        let is_start =
            question.stage == Stage::First && question.request.purpose == AuthorizePurpose::Start;
        let taken = if !is_start {
            None
        } else if self.is_waiting_for_a_card() {
            self.read(now, &question.request)
        } else if self.learning.is_some() {
            self.learn(now, &question.request)
        } else {
            None
        };
        taken.unwrap_or_else(|| Answer::verdict(self.judge(&question.request)))
    }

    /// A token is presented while new ones are learned. `None`: it is judged as always.
    fn learn(&mut self, now: Instant, request: &AuthorizeRequest) -> Option<Answer> {
        let kind = match request.token.kind {
            TokenKind::Rfid => EntryKind::Card,
            TokenKind::Mac => EntryKind::Mac,
            TokenKind::Central | TokenKind::Fixed | TokenKind::Other => return None,
        };
        let Some(entry) = Entry::of_token(&request.token) else {
            return Some(refused(request, "its number is none that can be listed"));
        };
        if self.entries().any(|listed| listed.is_same(&entry)) {
            // A card is held to the reader twice by mistake; a known vehicle is plugged in to be charged.
            return (kind == EntryKind::Card).then(kept);
        }
        let entry = match entry.lasting() {
            Ok(entry) => entry,
            Err(why) => return Some(refused(request, &why)),
        };
        if self.is_full() || !self.own.add(entry) {
            return Some(refused(request, &self.full()));
        }
        self.learning = Some(now.after(self.settings.learn_timeout));
        Some(kept())
    }

    /// A token is presented while a card is to be read for a slot.
    fn read(&mut self, now: Instant, request: &AuthorizeRequest) -> Option<Answer> {
        let entry = Entry::of_token(&request.token).filter(|e| e.kind == EntryKind::Card)?;
        let entry = match entry.lasting() {
            Ok(entry) => entry,
            Err(why) => return Some(refused(request, &why)),
        };
        self.reading = Some(Reading {
            until: now.after(self.settings.learn_timeout),
            card: Some(entry),
        });
        Some(kept())
    }

    fn is_waiting_for_a_card(&self) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.card.is_none())
    }

    fn full(&self) -> String {
        let most = self.settings.max_entries;
        format!("the list is full: it has {most} entries")
    }

    /// A late timer must not leave a door open.
    fn close_what_is_over(&mut self, now: Instant) {
        self.learning = self.learning.filter(|until| now < *until);
        self.reading = self.reading.take().filter(|reading| now < reading.until);
    }

    /// The answer with everything that stands.
    fn standing(&mut self, answer: Answer) -> Answer {
        let waiting = self.is_waiting_for_a_card();
        let reading = self.reading.as_ref().map(|reading| reading.until);
        Answer {
            store: self.own.take_writes(),
            wake_at: self.learning.into_iter().chain(reading).min(),
            show: (self.learning.is_some() || waiting).then_some(Notice::Adding),
            ..answer
        }
    }
}

fn kept() -> Answer {
    Answer {
        consumed: true,
        ..Answer::default()
    }
}

fn refused(request: &AuthorizeRequest, why: &str) -> Answer {
    Answer::verdict(Verdict {
        reason: Some(format!("not added: {why}")),
        ..Verdict::bare(request.request_id, Decision::Invalid)
    })
}

impl Authorizer for LocalWhitelist {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-local-whitelist".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Accepts the cards and vehicles on a list of its own".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: settings::specs(),
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut list = Self {
            settings: Settings::default(),
            fixed: Vec::new(),
            own: Slots::load("list", MAX_ENTRIES, &context.store),
            busy: context.busy,
            learning: None,
            reading: None,
        };
        for setting in &context.settings {
            list.apply(setting);
        }
        (list, Answer::default())
    }

    fn handle(&mut self, now: Moment, input: Input) -> Answer {
        self.close_what_is_over(now.at);
        let answer = match input {
            Input::Authorize(question) => self.handle_question(now.at, &question),
            Input::SettingChanged(setting) => {
                self.apply(&setting);
                Answer::default()
            }
            Input::Busy(busy) => {
                self.busy = busy;
                if busy {
                    self.reading = None;
                }
                Answer::default()
            }
            Input::Request(request) => Answer {
                reply: Some(self.handle_request(now.at, &request.words)),
                ..Answer::default()
            },
            Input::Timer | Input::BackendConnected(_) | Input::BackendOpinion(_) => {
                Answer::default()
            }
        };
        self.standing(answer)
    }
}

sdk::export_authorizer!(LocalWhitelist);
