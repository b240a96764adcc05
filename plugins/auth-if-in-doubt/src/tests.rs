//! What the benefit of the doubt promises.

use super::*;
use sdk::testing::{Bench, never_accepts, question};

type Doubt = Bench<IfInDoubt>;

const CARD: &str = "04567DAA5F3580";

fn at(stage: Stage, kind: TokenKind, value: &str) -> Question {
    Question {
        stage,
        ..question(kind, value)
    }
}

fn unanswered(kind: TokenKind, value: &str) -> Question {
    at(Stage::Unanswered, kind, value)
}

// acceptance: P104
#[test]
fn off_accepts_nobody() {
    let mut doubt = Doubt::new(&[("tag", "PLUGGED")]);
    never_accepts(&mut doubt, &[CARD, "PLUGGED", "001A2B3C4D5E"]);
    assert_eq!(doubt.last.present_on_plug, None);
    for mode in ["", "On", "perhaps"] {
        doubt.set("mode", mode);
        never_accepts(&mut doubt, &[CARD, "PLUGGED"]);
    }
}

#[test]
fn on_accepts_cards_and_vehicles_when_nobody_answered_and_says_that_it_is_provisional() {
    let mut doubt = Doubt::new(&[("mode", "on"), ("tag", "PLUGGED")]);
    for (kind, value) in [
        (TokenKind::Rfid, CARD),
        (TokenKind::Mac, "00:1A:2B:3C:4D:5E"),
    ] {
        assert_eq!(
            doubt.decide(at(Stage::First, kind, value)),
            Decision::NoOpinion
        );
        let verdict = doubt.ask(unanswered(kind, value)).verdict.unwrap();
        assert_eq!(verdict.decision, Decision::Accepted);
        assert!(verdict.reason.unwrap().contains("provisional"));
    }
    assert_eq!(doubt.last.present_on_plug, None, "a card must be presented");
    let own = unanswered(TokenKind::Fixed, "PLUGGED");
    assert_eq!(doubt.decide(own), Decision::NoOpinion);
}

#[test]
fn immediately_presents_its_tag_while_no_backend_is_connected_and_accepts_it_when_nobody_answers() {
    let mut doubt = Doubt::new(&[("mode", "immediately"), ("tag", "PLUGGED")]);
    let tag = doubt.last.present_on_plug.clone().unwrap();
    assert_eq!(
        (tag.value.as_str(), tag.kind),
        ("PLUGGED", TokenKind::Fixed)
    );
    assert_eq!(
        doubt.decide(at(Stage::First, tag.kind, &tag.value)),
        Decision::NoOpinion
    );
    let verdict = doubt.ask(unanswered(tag.kind, &tag.value)).verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Accepted);
    assert!(verdict.reason.unwrap().contains("provisional"));
    assert_eq!(
        doubt.last.present_on_plug,
        Some(tag.clone()),
        "every answer says it anew"
    );
    assert_eq!(
        doubt.decide(unanswered(TokenKind::Rfid, CARD)),
        Decision::Accepted
    );

    doubt.input(Input::BackendConnected(true));
    assert_eq!(doubt.last.present_on_plug, None);
    doubt.restart();
    assert_eq!(doubt.last.present_on_plug, None);
    doubt.input(Input::BackendConnected(false));
    assert_eq!(doubt.last.present_on_plug, Some(tag));
    for other in [Input::Busy(true), Input::Timer] {
        assert!(doubt.input(other).present_on_plug.is_some());
    }
}

#[test]
fn tag_that_no_backend_would_understand_is_neither_presented_nor_accepted() {
    for tag in ["", " ", "A B", "ümlaut", "123456789012345678901", "A\nB"] {
        let mut doubt = Doubt::new(&[("mode", "immediately"), ("tag", tag)]);
        assert_eq!(doubt.last.present_on_plug, None, "{tag:?}");
        assert_eq!(
            doubt.decide(unanswered(TokenKind::Fixed, tag)),
            Decision::NoOpinion
        );
    }
}

#[test]
fn stopping_and_later_checks_are_never_in_doubt() {
    let mut doubt = Doubt::new(&[("mode", "immediately"), ("tag", "PLUGGED")]);
    for purpose in [AuthorizePurpose::Stop, AuthorizePurpose::Recheck] {
        for (kind, value) in [(TokenKind::Rfid, CARD), (TokenKind::Fixed, "PLUGGED")] {
            let mut question = unanswered(kind, value);
            question.request.purpose = purpose;
            assert_eq!(doubt.decide(question), Decision::NoOpinion, "{purpose:?}");
        }
    }
}

#[test]
fn malformed_tokens_and_tokens_nobody_presented_are_never_accepted() {
    for mode in ["on", "immediately"] {
        let mut doubt = Doubt::new(&[("mode", mode), ("tag", "PLUGGED")]);
        never_accepts(
            &mut doubt,
            &["PLUGGED ", "plugged", "PLUGGE", "04567DAA5F358"],
        );
        for kind in [TokenKind::Central, TokenKind::Other] {
            assert_eq!(doubt.decide(unanswered(kind, CARD)), Decision::NoOpinion);
        }
        assert_eq!(
            doubt.decide(unanswered(TokenKind::Rfid, "PLUGGED")),
            Decision::NoOpinion
        );
        assert!(doubt.request("help").is_err());
    }
}
