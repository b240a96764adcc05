//! Authorizer: lets people charge when nobody knows their token and no backend answers.
//!
//! `mode` is `off`, `on` (a card or a vehicle's address is enough) or `immediately` (plugging in is enough: while no
//! backend is connected the station presents the token of the setting `tag` by itself). It speaks only after everybody
//! else had the chance, its yes is provisional and says so, and it never speaks about stopping or about a check of a
//! running transaction: that check, when the backend is back, is what may end the charge.
//!
//! Without any backend this would let everybody charge for ever; a policy pack that combines the two is refused by its
//! linter, which knows whether there is a backend. This plugin knows only whether one is connected.
#![warn(missing_docs)]

#[cfg(test)]
mod tests;

use auth_cards::{Entry, spec};
use sdk::authorizer::{Answer, Authorizer, Input, Question, Stage, StartContext};
use sdk::{
    AuthorizePurpose, Decision, Level, Manifest, Moment, Setting, Token, TokenKind, Verdict,
};

/// Longest token that every backend understands: OCPP 1.6 allows 20 characters.
const MAX_TAG_CHARS: usize = 20;
const PROVISIONAL: &str = "provisional: no backend answered; the token is checked when one does";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Off,
    On,
    Immediately,
}

/// The benefit of the doubt.
#[derive(Debug)]
pub struct IfInDoubt {
    mode: Mode,
    /// `None`: there is none, or none that a backend would understand.
    tag: Option<String>,
    backend_connected: bool,
}

impl IfInDoubt {
    fn apply(&mut self, setting: &Setting) {
        let value = setting.value.as_str();
        match setting.key.as_str() {
            "mode" => {
                self.mode = match value {
                    "off" => Mode::Off,
                    "on" => Mode::On,
                    "immediately" => Mode::Immediately,
                    _ => {
                        warn("mode is none of off, on, immediately; it is off");
                        Mode::Off
                    }
                };
            }
            "tag" => {
                let fits = (1..=MAX_TAG_CHARS).contains(&value.len())
                    && value.bytes().all(|b| b.is_ascii_graphic());
                if !fits && !value.is_empty() {
                    warn(
                        "tag is not 1 to 20 visible ASCII characters; nothing is presented at plug-in",
                    );
                }
                self.tag = fits.then(|| value.to_owned());
            }
            _ => {}
        }
    }

    fn judge(&self, question: &Question) -> Verdict {
        let request = &question.request;
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        let is_last_word =
            question.stage == Stage::Unanswered && request.purpose == AuthorizePurpose::Start;
        let in_doubt = match self.mode {
            Mode::Off => false,
            Mode::On => is_presented(&request.token),
            Mode::Immediately => is_presented(&request.token) || self.is_own(&request.token),
        };
        if is_last_word && in_doubt {
            verdict.decision = Decision::Accepted;
            verdict.reason = Some(PROVISIONAL.to_owned());
        }
        verdict
    }

    fn is_own(&self, token: &Token) -> bool {
        token.kind == TokenKind::Fixed && self.tag.as_ref() == Some(&token.value)
    }

    fn answer(&self, verdict: Option<Verdict>) -> Answer {
        let tag = self
            .tag
            .clone()
            .filter(|_| self.mode == Mode::Immediately && !self.backend_connected);
        Answer {
            verdict,
            present_on_plug: tag.map(|value| Token {
                value,
                kind: TokenKind::Fixed,
            }),
            ..Answer::default()
        }
    }
}

/// A person stands behind it: a card, or a vehicle by its address; and it is one that a backend can check later.
fn is_presented(token: &Token) -> bool {
    Entry::of_token(token).is_some()
}

fn warn(text: &str) {
    sdk::log(Level::Warn, text);
}

impl Authorizer for IfInDoubt {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-if-in-doubt".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Lets people charge when nobody knows their token and no backend answers"
                .to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec(
                    "mode",
                    "off",
                    "off, on (any card), immediately (plugging in is enough while the backend is away)",
                ),
                spec(
                    "tag",
                    "",
                    "Token that stands for whoever plugs in with mode immediately; 1 to 20 characters",
                ),
            ],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut plugin = Self {
            mode: Mode::Off,
            tag: None,
            backend_connected: context.backend_connected,
        };
        for setting in &context.settings {
            plugin.apply(setting);
        }
        let answer = plugin.answer(None);
        (plugin, answer)
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Answer {
        match input {
            Input::Authorize(question) => self.answer(Some(self.judge(&question))),
            Input::SettingChanged(setting) => {
                self.apply(&setting);
                self.answer(None)
            }
            Input::BackendConnected(connected) => {
                self.backend_connected = connected;
                self.answer(None)
            }
            Input::Request(_) => Answer {
                reply: Some(Err(
                    "there is nothing to ask; its settings are `mode` and `tag`".to_owned(),
                )),
                ..self.answer(None)
            },
            Input::Busy(_) | Input::Timer | Input::BackendOpinion(_) => self.answer(None),
        }
    }
}

sdk::export_authorizer!(IfInDoubt);
