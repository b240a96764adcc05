//! A free-charging mode that misbehaves in the way its setting `do` names, at `start` (`start:<way>`) or when it judges.
//!
//! Besides the ways of `test_guests::misbehave`: `wrong-id` (accepts another request), `huge` (10 MB of reason),
//! `long-token` (10 KB of token to start with, at start), `empty-token` (none at all, at start), `moody` (accepts every other time),
//! `bad-limit`, `bad-expiry`, `control` (line breaks and escapes in its reason), `bad-bytes-token` (no text to start with, at start), and
//! the strings of `test_guests::bad_string` as reason.

use sdk::free_charging::{Behaviour, FreeCharging, Reporting};
use sdk::{AuthorizeRequest, Decision, Manifest, Moment, Setting, Token, TokenKind, Verdict};

/// The plugin.
pub struct Hostile {
    how: String,
    /// Questions it was asked.
    asked: u64,
}

impl FreeCharging for Hostile {
    fn describe() -> Manifest {
        test_guests::manifest("hostile-free")
    }

    fn start(_now: Moment, settings: Vec<Setting>) -> (Self, Behaviour) {
        let how = settings.into_iter().find(|s| s.key == "do");
        let how = how.map(|s| s.value).unwrap_or_default();
        if let Some(how) = how.strip_prefix("start:") {
            test_guests::misbehave(how);
        }
        let token = match how.as_str() {
            "long-token" => "x".repeat(10_000),
            "empty-token" => String::new(),
            "bad-bytes-token" => test_guests::bad_string("bad-bytes").unwrap_or_default(),
            _ => "FREE".to_owned(),
        };
        let token = Token {
            value: token,
            kind: TokenKind::Fixed,
        };
        let behaviour = Behaviour {
            start_on_plug: Some(token),
            reporting: Reporting::Transactions,
            report_as: None,
            remote_stop: true,
            token_stops: true,
        };
        (Self { how, asked: 0 }, behaviour)
    }

    fn authorize(&mut self, _now: Moment, request: AuthorizeRequest) -> Verdict {
        test_guests::misbehave(&self.how);
        let mut verdict = Verdict::bare(request.request_id, Decision::Accepted);
        if let Some(reason) = test_guests::bad_string(&self.how) {
            verdict.reason = Some(reason);
        }
        self.asked = self.asked.wrapping_add(1);
        match self.how.as_str() {
            "moody" if self.asked.is_multiple_of(2) => verdict.decision = Decision::Blocked,
            "bad-limit" => verdict.limit_ma = Some(u32::MAX),
            "bad-expiry" => verdict.expires_wall_ms = Some(i64::MIN),
            "control" => verdict.reason = Some("a\u{1b}[2J\nb\0".to_owned()),
            "wrong-id" => verdict.request_id = request.request_id.wrapping_add(1),
            "huge" => verdict.reason = Some("x".repeat(10_000_000)),
            _ => {}
        }
        verdict
    }
}

sdk::export_free_charging!(Hostile);
