//! Authorizer: the cards of the setting `cards` may charge.
//!
//! A card is a UID, or `UID@SECONDS`: good until that second since 1970. Whatever is not on the list gets no opinion, so
//! that the next authorizer or the backend may judge it.

use sdk::authorizer::{Answer, Authorizer, Input, Question, StartContext};
use sdk::{Decision, Level, Manifest, Moment, SettingSpec, TokenKind, Verdict};

/// One card of the list.
#[derive(Debug, PartialEq, Eq)]
struct Card {
    uid: String,
    until_ms: Option<i64>,
}

/// The plugin.
#[derive(Debug, Default)]
pub struct Plugin {
    cards: Vec<Card>,
}

/// Reads one entry of the list; `None` if it is not understood.
fn card(entry: &str) -> Option<Card> {
    let (uid, until_ms) = match entry.split_once('@') {
        Some((uid, seconds)) => (uid, Some(seconds.parse::<i64>().ok()?.checked_mul(1_000)?)),
        None => (entry, None),
    };
    let is_uid = !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_uid.then(|| Card {
        uid: uid.to_ascii_uppercase(),
        until_ms,
    })
}

impl Plugin {
    fn set(&mut self, key: &str, value: &str) {
        if key != "cards" {
            return;
        }
        self.cards.clear();
        for entry in value.split_whitespace() {
            match card(entry) {
                Some(card) => self.cards.push(card),
                None => sdk::log(Level::Warn, &format!("not a card: {entry}")),
            }
        }
    }

    fn judge(&self, now: Moment, question: &Question) -> Verdict {
        let request = &question.request;
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        if request.token.kind != TokenKind::Rfid {
            return verdict;
        }
        let Some(card) = self
            .cards
            .iter()
            .find(|card| card.uid == request.token.value)
        else {
            return verdict;
        };
        let wall_ms = now.wall.map(|wall| wall.as_unix_millis());
        verdict.decision = match (card.until_ms, wall_ms) {
            (None, _) => Decision::Accepted,
            (Some(until), Some(now)) if now < until => Decision::Accepted,
            (Some(_), Some(_)) => Decision::Expired,
            // Nobody has told the station the time: better no opinion than a wrong one.
            (Some(_), None) => Decision::NoOpinion,
        };
        if verdict.decision == Decision::Accepted {
            verdict.expires_wall_ms = card.until_ms;
            verdict.reason = Some("on the list of {{name}}".to_owned());
        }
        verdict
    }
}

impl Authorizer for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "{{name}}".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Accepts the cards of its setting".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![SettingSpec {
                key: "cards".to_owned(),
                default_value: String::new(),
                summary: "UIDs that may charge, separated by blanks; UID@SECONDS until then only"
                    .to_owned(),
            }],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut plugin = Self::default();
        for setting in &context.settings {
            plugin.set(&setting.key, &setting.value);
        }
        (plugin, Answer::default())
    }

    fn handle(&mut self, now: Moment, input: Input) -> Answer {
        match input {
            Input::Authorize(question) => Answer::verdict(self.judge(now, &question)),
            Input::SettingChanged(setting) => {
                self.set(&setting.key, &setting.value);
                Answer::default()
            }
            Input::Request(_) => Answer {
                reply: Some(Ok(format!("{} cards on the list", self.cards.len()))),
                ..Answer::default()
            },
            Input::BackendConnected(_)
            | Input::Busy(_)
            | Input::Timer
            | Input::BackendOpinion(_) => Answer::default(),
        }
    }
}

sdk::export_authorizer!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::testing::{Bench, never_accepts};

    const CARD: &str = "04A1B2C3";
    const UNTIL_2030: &str = "0A0E9B83@1893456000";

    #[test]
    fn card_on_the_list_is_accepted_and_any_other_left_to_others() {
        let mut bench = Bench::<Plugin>::new(&[("cards", CARD)]);
        assert_eq!(bench.swipe(CARD), Decision::Accepted);
        assert_eq!(bench.swipe("DEADBEEF"), Decision::NoOpinion);
    }

    #[test]
    fn card_with_an_end_is_accepted_until_then() {
        let mut bench = Bench::<Plugin>::new(&[("cards", UNTIL_2030)]);
        assert_eq!(
            bench.swipe("0A0E9B83"),
            Decision::NoOpinion,
            "the time is not known"
        );
        bench.wall = Some(units::Timestamp::from_unix_millis(1_893_455_999_999));
        assert_eq!(bench.swipe("0A0E9B83"), Decision::Accepted);
        bench.wall = Some(units::Timestamp::from_unix_millis(1_893_456_000_000));
        assert_eq!(bench.swipe("0A0E9B83"), Decision::Expired);
    }

    #[test]
    fn nobody_else_is_ever_accepted() {
        never_accepts(&mut Bench::<Plugin>::new(&[]), &[CARD]);
        never_accepts(
            &mut Bench::<Plugin>::new(&[("cards", "* null @ 04A1B2C3@x")]),
            &[CARD],
        );
    }
}
