//! The central-system half asks its owner about cards that are not in its table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::bench::{Bench, config, start};
use ocpp::limits::CSMS_QUESTIONS_MAX;
use ocpp::v16::csms::{CsmsEvent, NoSuchQuestion};
use ocpp::v16::{AuthorizationStatus, IdTagInfo};
use serde_json::{Value, json};
use units::{Instant, Millis};

fn bench_that_asks() -> Bench {
    let mut config = config();
    config.ask_owner = Some(Millis::from_secs(10));
    Bench::with(config)
}

/// A request for which no answer comes yet; the number of the question it raises.
fn question(bench: &mut Bench, id: &str, action: &str, payload: Value) -> u64 {
    let text = json!([2, id, action, payload]).to_string();
    bench.csms.handle_frame(bench.now, &text);
    assert_eq!(bench.frame(), None);
    let Some(CsmsEvent::VerdictWanted { question, .. }) = bench.events().pop() else {
        panic!("no question")
    };
    question
}

#[test]
fn an_owner_who_wants_to_is_asked_about_cards_that_are_not_in_the_table() {
    let mut bench = bench_that_asks();
    let known = bench.ask("Authorize", json!({ "idTag": "CARD-1" }));
    assert_eq!(known["idTagInfo"]["status"], "Accepted");
    let number = question(&mut bench, "q1", "Authorize", json!({ "idTag": "NEW" }));
    // The same call again finds the question still open.
    let again = json!([2, "q1", "Authorize", { "idTag": "NEW" }]).to_string();
    bench.csms.handle_frame(bench.now, &again);
    assert_eq!(bench.frame(), None);
    let verdict = IdTagInfo::new(AuthorizationStatus::Accepted);
    let give =
        |bench: &mut Bench, number| bench.csms.give_verdict(bench.now, number, verdict.clone());
    assert_eq!(give(&mut bench, number), Ok(()));
    assert_eq!(
        bench.frame().unwrap(),
        json!([3, "q1", { "idTagInfo": { "status": "Accepted" } }])
    );
    assert_eq!(give(&mut bench, number), Err(NoSuchQuestion));

    let number = question(&mut bench, "q2", "StartTransaction", start(1, "NEW", 1));
    assert_eq!(bench.csms.book().sessions().count(), 0);
    give(&mut bench, number).unwrap();
    let answer = bench.frame().unwrap();
    assert_eq!(answer[2]["idTagInfo"]["status"], "Accepted");
    // What was decided is not asked again.
    let repeated = bench.ask("StartTransaction", start(1, "NEW", 1));
    assert_eq!(repeated["transactionId"], answer[2]["transactionId"]);
}

#[test]
fn an_owner_who_says_nothing_is_answered_for_and_a_lost_connection_drops_the_question() {
    let mut bench = bench_that_asks();
    let number = question(&mut bench, "q1", "StartTransaction", start(1, "NEW", 1));
    let due = Instant::ZERO.after(Millis::from_secs(10));
    assert_eq!(bench.csms.poll_timeout(), Some(due));
    bench.now = due;
    bench.csms.handle_timeout(due);
    let answer = bench.frame().unwrap();
    assert_eq!(answer[2]["idTagInfo"]["status"], "Invalid");
    let verdict = IdTagInfo::new(AuthorizationStatus::Accepted);
    let late = bench.csms.give_verdict(due, number, verdict.clone());
    assert_eq!(late, Err(NoSuchQuestion));

    let number = question(&mut bench, "q2", "Authorize", json!({ "idTag": "NEW" }));
    bench.csms.handle_disconnected();
    let gone = bench.csms.give_verdict(bench.now, number, verdict);
    assert_eq!((gone, bench.frame()), (Err(NoSuchQuestion), None));
}

#[test]
fn questions_beyond_the_bound_are_answered_by_the_table() {
    let mut bench = bench_that_asks();
    for n in 0..CSMS_QUESTIONS_MAX {
        question(
            &mut bench,
            &format!("q{n}"),
            "Authorize",
            json!({ "idTag": format!("N{n}") }),
        );
    }
    let answer = bench.ask("Authorize", json!({ "idTag": "ONE-MORE" }));
    assert_eq!(answer["idTagInfo"]["status"], "Invalid");
}
