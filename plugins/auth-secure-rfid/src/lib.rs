//! Authorizer: refuses cards that cannot prove that they are no copy.
//!
//! A UID alone can be copied onto another card. Readers that check a secret of the card (DESFire EV2 with the operator's
//! key) say so with each card; with `enforce` on, any other card is refused, to start and to stop. This plugin accepts
//! nobody: who passes is judged by the others. It must stand first in the pack, because the first decisive answer counts.
//!
//! No card is at the reader when a running transaction is checked again, so nothing is asked of it there.
#![warn(missing_docs)]

use auth_cards::{flag, spec};
use sdk::authorizer::{Answer, Authorizer, Input, Question, StartContext};
use sdk::{AuthorizePurpose, Decision, Manifest, Moment, Setting, TokenKind, Verdict};

/// The gate.
#[derive(Debug)]
pub struct SecureRfid {
    enforce: bool,
}

impl SecureRfid {
    fn apply(&mut self, setting: &Setting) {
        if setting.key == "enforce" {
            flag(&setting.key, &setting.value, &mut self.enforce);
        }
    }

    fn judge(&self, question: &Question) -> Verdict {
        let request = &question.request;
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        let is_presented = match request.purpose {
            AuthorizePurpose::Start | AuthorizePurpose::Stop => true,
            AuthorizePurpose::Recheck => false,
        };
        let is_card = request.token.kind == TokenKind::Rfid;
        if self.enforce && is_card && is_presented && !question.secure {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some(
                "this station takes only cards that prove they are no copy (secure RFID)"
                    .to_owned(),
            );
        }
        verdict
    }
}

impl Authorizer for SecureRfid {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-secure-rfid".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Refuses cards that cannot prove they are no copy; must stand first"
                .to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![spec(
                "enforce",
                "off",
                "on: a card that its reader did not prove is refused",
            )],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut plugin = Self { enforce: false };
        for setting in &context.settings {
            plugin.apply(setting);
        }
        (plugin, Answer::default())
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Answer {
        match input {
            Input::Authorize(question) => Answer::verdict(self.judge(&question)),
            Input::SettingChanged(setting) => {
                self.apply(&setting);
                Answer::default()
            }
            Input::Request(_) => Answer {
                reply: Some(Err(
                    "there is nothing to ask; its setting is `enforce`".to_owned()
                )),
                ..Answer::default()
            },
            Input::BackendConnected(_)
            | Input::Busy(_)
            | Input::Timer
            | Input::BackendOpinion(_) => Answer::default(),
        }
    }
}

sdk::export_authorizer!(SecureRfid);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::authorizer::Stage;
    use sdk::testing::{Bench, never_accepts, question};

    type Gate = Bench<SecureRfid>;

    const CARD: &str = "04567DAA5F3580";

    fn card(secure: bool) -> Question {
        Question {
            secure,
            ..question(TokenKind::Rfid, CARD)
        }
    }

    // acceptance: P148
    #[test]
    fn card_that_proves_nothing_is_refused_with_the_reason_and_a_proven_one_left_to_others() {
        let mut gate = Gate::new(&[("enforce", "on")]);
        for stage in [Stage::First, Stage::Unanswered] {
            for purpose in [AuthorizePurpose::Start, AuthorizePurpose::Stop] {
                let ask = |secure| {
                    let mut question = card(secure);
                    question.stage = stage;
                    question.request.purpose = purpose;
                    question
                };
                let verdict = gate.ask(ask(false)).verdict.unwrap();
                assert_eq!(verdict.decision, Decision::Invalid);
                assert!(verdict.reason.unwrap().contains("no copy"));
                assert_eq!(gate.decide(ask(true)), Decision::NoOpinion);
            }
        }
    }

    #[test]
    fn off_refuses_nobody() {
        let mut gate = Gate::new(&[]);
        assert_eq!(gate.decide(card(false)), Decision::NoOpinion);
        gate.set("enforce", "on");
        assert_eq!(gate.decide(card(false)), Decision::Invalid);
        gate.set("enforce", "whatever");
        assert_eq!(
            gate.decide(card(false)),
            Decision::Invalid,
            "a bad value opens nothing"
        );
        gate.set("enforce", "off");
        assert_eq!(gate.decide(card(false)), Decision::NoOpinion);
    }

    #[test]
    fn what_is_no_card_and_what_is_not_at_the_reader_needs_no_proof() {
        let mut gate = Gate::new(&[("enforce", "on")]);
        for kind in [
            TokenKind::Central,
            TokenKind::Mac,
            TokenKind::Fixed,
            TokenKind::Other,
        ] {
            assert_eq!(gate.decide(question(kind, CARD)), Decision::NoOpinion);
        }
        let mut recheck = card(false);
        recheck.request.purpose = AuthorizePurpose::Recheck;
        assert_eq!(gate.decide(recheck), Decision::NoOpinion);
    }

    #[test]
    fn nobody_is_ever_accepted() {
        for enforce in ["on", "off"] {
            let mut gate = Gate::new(&[("enforce", enforce)]);
            never_accepts(&mut gate, &[CARD]);
            assert_eq!(gate.decide(card(true)), Decision::NoOpinion);
            assert!(gate.request("help").is_err());
        }
    }
}
