//! A well-behaved authorizer for measurements: accepts the one card `04A1B2C3`, has no opinion on others.

use sdk::authorizer::{Answer, Authorizer, Input, StartContext};
use sdk::{Decision, Manifest, Moment, Verdict};

/// The plugin.
pub struct Echo;

impl Authorizer for Echo {
    fn describe() -> Manifest {
        test_guests::manifest("echo-authorizer")
    }

    fn start(_now: Moment, _context: StartContext) -> (Self, Answer) {
        (Self, Answer::default())
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Answer {
        let Input::Authorize(question) = input else {
            return Answer::default();
        };
        let request = question.request;
        let known = request.token.value == "04A1B2C3";
        let decision = if known {
            Decision::Accepted
        } else {
            Decision::NoOpinion
        };
        Answer::verdict(Verdict::bare(request.request_id, decision))
    }
}

sdk::export_authorizer!(Echo);
