//! An authorizer that misbehaves in the way its setting `do` names, at `start` (`start:<way>`) or when it is asked.
//!
//! Besides the ways of `test_guests::misbehave`: `wrong-id` (accepts another request), `huge` (10 MB of reason),
//! `bad-limit` (accepts with an impossible current), `bad-expiry` (accepts until far outside any calendar),
//! `store-flood` (10,000 store writes), `unasked` (a verdict for an input that is no question), `unasked-keep` and `unasked-reply` (the same with a token kept or a
//! reply), `keep-and-accept` (keeps the token and judges it too), `keep` (keeps every token), `plug-token` (10 KB of token),
//! `tell-settings` (the keys it was shown, as reason), `moody` (accepts every other time), `wake-flood` (wants to be woken at once, always),
//! `path-key` and `nul-key` (store keys like paths, and with a NUL), `store-hoard` (300 KiB), `restore-trap` (crashes if its store has
//! anything), `reply-flood` (1 MB of reply), and the strings of `test_guests::bad_string` as reason.

use sdk::authorizer::{Answer, Authorizer, Input, Question, StartContext};
use sdk::{Decision, Manifest, Moment, StoreWrite, Token, TokenKind, Verdict};

/// The plugin.
pub struct Hostile {
    how: String,
    /// Keys of the settings it was shown.
    seen: Vec<String>,
    /// Questions it was asked.
    asked: u64,
}

impl Authorizer for Hostile {
    fn describe() -> Manifest {
        test_guests::manifest("hostile-authorizer")
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let seen = context.settings.iter().map(|s| s.key.clone()).collect();
        let mut settings = context.settings.into_iter();
        let how = settings.find(|s| s.key == "do").map(|s| s.value);
        let how = how.unwrap_or_default();
        if let Some(how) = how.strip_prefix("start:") {
            test_guests::misbehave(how);
        }
        if how == "restore-trap" && !context.store.is_empty() {
            test_guests::misbehave("trap");
        }
        let asked = 0;
        (Self { how, seen, asked }, Answer::default())
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Answer {
        test_guests::misbehave(&self.how);
        if let Input::SettingChanged(setting) = &input {
            self.seen.push(setting.key.clone());
        }
        let Input::Authorize(Question { request, .. }) = input else {
            return match self.how.as_str() {
                "unasked" => Answer::verdict(Verdict::bare(1, Decision::Accepted)),
                "unasked-keep" => keep(None),
                "wake-flood" => Answer {
                    wake_at: Some(units::Instant::ZERO),
                    ..Answer::default()
                },
                "reply-flood" => Answer {
                    reply: Some(Ok("x".repeat(1_000_000))),
                    ..Answer::default()
                },
                "unasked-reply" => Answer {
                    reply: Some(Ok("nobody asked".to_owned())),
                    ..Answer::default()
                },
                _ => Answer::default(),
            };
        };
        let mut verdict = Verdict::bare(request.request_id, Decision::Accepted);
        if let Some(reason) = test_guests::bad_string(&self.how) {
            verdict.reason = Some(reason);
        }
        self.asked = self.asked.wrapping_add(1);
        match self.how.as_str() {
            "wrong-id" => verdict.request_id = request.request_id.wrapping_add(1),
            "tell-settings" => verdict.reason = Some(self.seen.join(" ")),
            "huge" => verdict.reason = Some("x".repeat(10_000_000)),
            "bad-limit" => verdict.limit_ma = Some(u32::MAX),
            "bad-expiry" => verdict.expires_wall_ms = Some(i64::MAX),
            "store-flood" => {
                let write = |n| StoreWrite {
                    key: format!("k{n}"),
                    value: Some(vec![0; 16]),
                };
                return Answer {
                    store: (0..10_000).map(write).collect(),
                    ..Answer::verdict(verdict)
                };
            }
            "moody" if self.asked.is_multiple_of(2) => verdict.decision = Decision::Blocked,
            "path-key" => return write("../../../etc/passwd", 16, verdict),
            "nul-key" => return write("list\0.wasm", 16, verdict),
            "store-hoard" => return write("hoard", 300 << 10, verdict),
            "restore-trap" => return write("half", 1, verdict),
            "keep-and-accept" => return keep(Some(verdict)),
            "keep" => return keep(None),
            "plug-token" => {
                return Answer {
                    present_on_plug: Some(Token {
                        value: "x".repeat(10_000),
                        kind: TokenKind::Other,
                    }),
                    ..Answer::verdict(verdict)
                };
            }
            _ => {}
        }
        Answer::verdict(verdict)
    }
}

fn write(key: &str, bytes: usize, verdict: Verdict) -> Answer {
    let write = StoreWrite {
        key: key.to_owned(),
        value: Some(vec![0; bytes]),
    };
    Answer {
        store: vec![write],
        ..Answer::verdict(verdict)
    }
}

fn keep(verdict: Option<Verdict>) -> Answer {
    Answer {
        verdict,
        consumed: true,
        ..Answer::default()
    }
}

sdk::export_authorizer!(Hostile);
