//! Authorizer: a MASTER card opens the station's own list for adding and removing cards.
//!
//! ```text
//!              MASTER              MASTER
//!   standby ───────────▶ storage ───────────▶ deletion ──┐ card on the list: removed,
//!      ▲                    │                   │  ▲     │ done for 2 s, and back
//!      │                    │ time-out          │  └─────┘
//!      └────────────────────┴───────────────────┘ MASTER or time-out
//! ```
//!
//! In storage every card held to the reader is added. The menu opens in standby only, and closes when a session begins.
//! The MASTER card itself never charges. The list survives a restart, the open menu does not.
//!
//! What the manual of the original leaves open and this plugin decides: the time-out; that a card which cannot be added
//! is refused; that a second card during the two seconds counts like any other.
#![warn(missing_docs)]

mod requests;
#[cfg(test)]
mod tests;

use auth_cards::{Entry, MAX_ENTRIES, Slots, canonical_uid, flag, seconds, spec};
use sdk::authorizer::{Answer, Authorizer, Input, Notice, Question, Stage, StartContext};
use sdk::{
    AuthorizePurpose, AuthorizeRequest, Decision, Level, Manifest, Moment, Setting, TokenKind,
    Verdict,
};
use units::{Instant, Millis};

/// How long a removal is shown.
const DONE_SHOWN: Millis = Millis::from_secs(2);

/// Where the menu is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Menu {
    Closed,
    /// Cards are added.
    Storage {
        until: Instant,
    },
    /// Cards are removed.
    Deletion {
        until: Instant,
        /// A removal is shown until then.
        done: Option<Instant>,
    },
}

/// The list and its MASTER card.
#[derive(Debug)]
pub struct MasterCard {
    master: Option<String>,
    refuse_unknown: bool,
    timeout: Millis,
    list: Slots<Entry>,
    menu: Menu,
    busy: bool,
}

impl MasterCard {
    fn apply(&mut self, setting: &Setting) {
        match setting.key.as_str() {
            "master" => {
                self.master = canonical_uid(&setting.value);
                self.menu = Menu::Closed;
                if self.master.is_none() && !setting.value.is_empty() {
                    sdk::log(Level::Warn, "master is no UID; no card opens the menu");
                }
            }
            "refuse_unknown" => flag(&setting.key, &setting.value, &mut self.refuse_unknown),
            "menu_timeout_s" => seconds(&setting.key, &setting.value, &mut self.timeout),
            _ => {}
        }
    }

    fn handle_question(&mut self, now: Instant, question: &Question) -> Answer {
        let request = &question.request;
        let is_swipe = question.stage == Stage::First
            && request.purpose == AuthorizePurpose::Start
            && request.token.kind == TokenKind::Rfid;
        if self.is_master(&request.token.value) {
            return if is_swipe {
                self.turn_menu(now, request)
            } else {
                refused(request, "the MASTER card does not charge")
            };
        }
        match self.menu {
            Menu::Storage { .. } if is_swipe => self.store(now, request),
            Menu::Deletion { done, .. } if is_swipe => self.delete(now, done, request),
            Menu::Closed | Menu::Storage { .. } | Menu::Deletion { .. } => {
                Answer::verdict(self.judge(request))
            }
        }
    }

    fn is_master(&self, value: &str) -> bool {
        let master = self.master.as_ref();
        master.is_some_and(|master| master.eq_ignore_ascii_case(value))
    }

    /// The MASTER card is held to the reader.
    fn turn_menu(&mut self, now: Instant, request: &AuthorizeRequest) -> Answer {
        if self.busy {
            return refused(request, "the list is changed in standby only");
        }
        let until = now.after(self.timeout);
        self.menu = match self.menu {
            Menu::Closed => Menu::Storage { until },
            Menu::Storage { .. } => Menu::Deletion { until, done: None },
            Menu::Deletion { .. } => Menu::Closed,
        };
        kept()
    }

    fn store(&mut self, now: Instant, request: &AuthorizeRequest) -> Answer {
        self.menu = Menu::Storage {
            until: now.after(self.timeout),
        };
        let Some(entry) = Entry::of_token(&request.token) else {
            return refused(request, "its number is none that can be listed");
        };
        if self
            .list
            .position(|listed| listed.is_same(&entry))
            .is_some()
        {
            return kept();
        }
        match self.add(entry) {
            Ok(()) => kept(),
            Err(why) => refused(request, &format!("not added: {why}")),
        }
    }

    fn delete(
        &mut self,
        now: Instant,
        done: Option<Instant>,
        request: &AuthorizeRequest,
    ) -> Answer {
        let presented = Entry::of_token(&request.token);
        let same = |listed: &Entry| presented.as_ref().is_some_and(|e| e.is_same(listed));
        let removed = self.list.remove(same) > 0;
        self.menu = Menu::Deletion {
            until: now.after(self.timeout),
            done: if removed {
                Some(now.after(DONE_SHOWN))
            } else {
                done
            },
        };
        kept()
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let entry = entry.lasting()?;
        if self.is_master(&entry.value) {
            return Err("it is the MASTER card".to_owned());
        }
        if self.list.add(entry) {
            Ok(())
        } else {
            Err(format!("the list is full: it has {MAX_ENTRIES} entries"))
        }
    }

    fn judge(&self, request: &AuthorizeRequest) -> Verdict {
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        if request.token.kind != TokenKind::Rfid {
            return verdict;
        }
        let presented = Entry::of_token(&request.token);
        let known = presented
            .and_then(|card| self.list.position(|listed| listed.is_same(&card)))
            .is_some();
        if known {
            verdict.decision = Decision::Accepted;
        } else if self.refuse_unknown {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some("the card is not on the station's list".to_owned());
        }
        verdict
    }

    /// What time has ended is over, even if the timer is late.
    fn close_what_is_over(&mut self, now: Instant) {
        self.menu = match self.menu {
            Menu::Storage { until } | Menu::Deletion { until, .. } if until <= now => Menu::Closed,
            Menu::Deletion { until, done } => Menu::Deletion {
                until,
                done: done.filter(|end| now < *end),
            },
            other @ (Menu::Closed | Menu::Storage { .. }) => other,
        };
    }

    /// The answer with everything that stands.
    fn standing(&mut self, answer: Answer) -> Answer {
        let (wake_at, show) = match self.menu {
            Menu::Closed => (None, None),
            Menu::Storage { until } => (Some(until), Some(Notice::Adding)),
            Menu::Deletion { until, done: None } => (Some(until), Some(Notice::Removing)),
            Menu::Deletion {
                until,
                done: Some(end),
            } => (Some(end.min(until)), Some(Notice::Done)),
        };
        Answer {
            store: self.list.take_writes(),
            wake_at,
            show,
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
        reason: Some(why.to_owned()),
        ..Verdict::bare(request.request_id, Decision::Invalid)
    })
}

impl Authorizer for MasterCard {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-master-card".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Accepts the cards that a MASTER card has put on the station's list"
                .to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec(
                    "master",
                    "",
                    "UID of the MASTER card; empty: nobody can open the menu",
                ),
                spec(
                    "refuse_unknown",
                    "true",
                    "true: a card that is not listed is refused; false: others may judge it",
                ),
                spec(
                    "menu_timeout_s",
                    "30",
                    "The menu closes by itself after this long without a card",
                ),
            ],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut plugin = Self {
            master: None,
            refuse_unknown: true,
            timeout: Millis::from_secs(30),
            list: Slots::load("list", MAX_ENTRIES, &context.store),
            menu: Menu::Closed,
            busy: context.busy,
        };
        for setting in &context.settings {
            plugin.apply(setting);
        }
        (plugin, Answer::default())
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
                    self.menu = Menu::Closed;
                }
                Answer::default()
            }
            Input::Request(request) => Answer {
                reply: Some(self.handle_request(&request.words)),
                ..Answer::default()
            },
            Input::Timer | Input::BackendConnected(_) | Input::BackendOpinion(_) => {
                Answer::default()
            }
        };
        self.standing(answer)
    }
}

sdk::export_authorizer!(MasterCard);
