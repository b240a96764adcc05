//! Calls of the backend under load, and while the station or the role does not allow them.

use super::*;

#[test]
fn call_beyond_those_that_wait_is_answered_at_once_that_the_station_is_busy() {
    let mut host = Host::online(&[]);
    let unlock = json!({"connectorId": 1});
    for number in 0..WAITING_ANSWERS {
        host.call(&format!("u{number}"), "UnlockConnector", &unlock);
    }
    assert!(host.sent.is_empty(), "the station has not said anything");
    assert_eq!(host.commands.len(), WAITING_ANSWERS + 1, "and one wake-up");
    host.call("more", "UnlockConnector", &unlock);
    let answer = host.taken_answer("more");
    assert_eq!(
        (&answer[0], &answer[2]),
        (&json!(4), &json!("InternalError"))
    );
    assert!(answer[3].as_str().unwrap().starts_with("busy"), "{answer}");
    let asked = |host: &Host| {
        let unlocks = host.commands.iter();
        unlocks.filter(|c| matches!(c, Command::Unlock(_))).count()
    };
    assert_eq!(asked(&host), WAITING_ANSWERS, "it is not done either");
    // What needs no answer of the station is answered as always.
    host.call(
        "get",
        "GetConfiguration",
        &json!({"key": ["HeartbeatInterval"]}),
    );
    assert_eq!(host.taken_answer("get")[0], 3);
    // One answer makes room for one call.
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("u31")[2]["status"], "Unlocked");
    host.call("again", "UnlockConnector", &unlock);
    assert_eq!(asked(&host), WAITING_ANSWERS + 1);
    // The oldest still gets its answer.
    let oldest = host.commands.iter().find_map(|command| match command {
        Command::Unlock(request) => Some(request.request_id),
        _ => None,
    });
    host.give(Input::Outcome(Outcome {
        request_id: oldest.unwrap(),
        kind: OutcomeKind::Failed,
        detail: String::new(),
    }));
    assert_eq!(host.taken_answer("u0")[2]["status"], "UnlockFailed");
}

#[test]
fn call_on_which_the_station_says_nothing_is_answered_with_an_error_in_time() {
    let mut host = Host::online(&[]);
    host.call("a", "UnlockConnector", &json!({"connectorId": 1}));
    let wake = host
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::WakeAt(at) => *at,
            _ => None,
        });
    assert_eq!(wake.unwrap().as_millis(), host.now + ANSWER_WAIT_S * 1_000);
    host.wait(ANSWER_WAIT_S * 1_000 - 1);
    assert!(host.sent.is_empty());
    host.wait(1);
    let answer = host.taken_answer("a");
    assert_eq!(
        (&answer[0], &answer[2]),
        (&json!(4), &json!("InternalError"))
    );
    // What comes afterwards is nobody's answer.
    host.outcome(OutcomeKind::Accepted);
    assert!(host.sent.is_empty());
}
