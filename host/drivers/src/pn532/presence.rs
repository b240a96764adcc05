//! Cards as people use them: reported once while they stay on the reader, and again after they left.
//!
//! The rules of docs/spec/readers.md, "Held to the reader": an empty look is not yet an empty reader; a random number is
//! another one at every look and still the same card; where two cards answer, neither is taken.

use units::{Instant, Millis};

use super::card::{Card, Malformed, Sight};
use crate::reader::CardUid;

/// A card has left when it was missing for so long.
const GONE: Millis = Millis::new(1_000);
/// Looks that must have found nothing in that time.
const GONE_LOOKS: u8 = 3;
/// Two cards that are seen in turn within this time lie on the reader together.
const TOGETHER: Millis = Millis::new(400);

/// What is worth telling the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// A card was held up.
    Card(Card),
    /// Several cards were held up; none was taken.
    Several,
    /// A card was held up and could not be read.
    Unreadable,
}

/// By what a card is the same at the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Number(CardUid),
    Random { atqa: u16, sak: u8 },
}

impl Likeness {
    fn of(card: &Card) -> Self {
        if card.uid.is_random() {
            Self::Random {
                atqa: card.atqa,
                sak: card.sak,
            }
        } else {
            Self::Number(card.uid)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    /// This card, seen last at this time.
    Card(Likeness, Instant),
    /// Something that was reported as no card; all of it must go before a card counts.
    Unclear,
}

/// What is on the reader.
#[derive(Debug)]
pub struct Presence {
    held: Held,
    /// Another card than the held one, and when it was seen.
    rival: Option<(Likeness, Instant)>,
    /// Since when nothing answers, and how many looks found nothing.
    missing: Option<(Instant, u8)>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            held: Held::Nothing,
            rival: None,
            missing: None,
        }
    }
}

impl Presence {
    /// Takes what a look showed.
    pub fn see(&mut self, now: Instant, sight: Result<Sight, Malformed>) -> Option<Report> {
        if matches!(sight, Ok(Sight::Nothing)) {
            self.see_nothing(now);
            return None;
        }
        self.missing = None;
        match sight {
            Ok(Sight::Nothing) => None,
            Ok(Sight::One(card)) => self.see_card(now, card),
            Ok(Sight::Several) => self.see_unclear(Report::Several),
            // A held card that is moved may answer badly once.
            Err(Malformed) if matches!(self.held, Held::Card(..)) => None,
            Err(Malformed) => self.see_unclear(Report::Unreadable),
        }
    }

    fn see_nothing(&mut self, now: Instant) {
        let (since, looks) = self.missing.unwrap_or((now, 0));
        let looks = looks.saturating_add(1);
        self.missing = Some((since, looks));
        if looks >= GONE_LOOKS && now.since(since) >= GONE {
            self.held = Held::Nothing;
            self.rival = None;
        }
    }

    fn see_card(&mut self, now: Instant, card: Card) -> Option<Report> {
        let likeness = Likeness::of(&card);
        match self.held {
            Held::Unclear => None,
            Held::Card(held, _) if held == likeness => {
                let together = self
                    .rival
                    .is_some_and(|(_, seen)| now.since(seen) < TOGETHER);
                if together {
                    return self.see_unclear(Report::Several);
                }
                self.held = Held::Card(held, now);
                None
            }
            Held::Card(_, seen) if now.since(seen) < TOGETHER => {
                self.rival = Some((likeness, now));
                None
            }
            Held::Nothing | Held::Card(..) => {
                self.held = Held::Card(likeness, now);
                self.rival = None;
                Some(Report::Card(card))
            }
        }
    }

    fn see_unclear(&mut self, report: Report) -> Option<Report> {
        let is_new = self.held != Held::Unclear;
        self.held = Held::Unclear;
        self.rival = None;
        is_new.then_some(report)
    }
}
