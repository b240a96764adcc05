//! A free-charging mode that misbehaves in the way its setting `do` names, at `start` (`start:<way>`) or when it judges.
//!
//! Besides the ways of `test_guests::misbehave`: `wrong-id` (accepts another request), `huge` (10 MB of reason),
//! `long-token` (10 KB of token to start with, at start), `empty-token` (none at all, at start).

use sdk::free_charging::{Behaviour, FreeCharging, Reporting};
use sdk::{AuthorizeRequest, Decision, Manifest, Moment, Setting, Token, TokenKind, Verdict};

/// The plugin.
pub struct Hostile {
    how: String,
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
        (Self { how }, behaviour)
    }

    fn authorize(&mut self, _now: Moment, request: AuthorizeRequest) -> Verdict {
        test_guests::misbehave(&self.how);
        let mut verdict = Verdict::bare(request.request_id, Decision::Accepted);
        match self.how.as_str() {
            "wrong-id" => verdict.request_id = request.request_id.wrapping_add(1),
            "huge" => verdict.reason = Some("x".repeat(10_000_000)),
            _ => {}
        }
        verdict
    }
}

sdk::export_free_charging!(Hostile);
