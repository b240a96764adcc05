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

/// Online, with this many further tries of a reset, and a reset ordered.
fn resetting(retries: &str) -> Host {
    let mut host = Host::online(&[]);
    let change = json!({"key": "ResetRetries", "value": retries});
    host.call("key", "ChangeConfiguration", &change);
    assert_eq!(host.taken_answer("key")[2]["status"], "Accepted");
    host.call("r", "Reset", &json!({"type": "Hard"}));
    host
}

fn resets(host: &Host) -> usize {
    let is_reset =
        |command: &&Command| matches!(command, Command::Reset(r) if r.kind == ResetKind::Hard);
    host.commands.iter().filter(is_reset).count()
}

#[test]
fn reset_that_fails_is_tried_again_as_often_as_the_key_says_before_it_is_rejected() {
    for (retries, tries) in [("0", 1), ("2", 3)] {
        let mut host = resetting(retries);
        for tried in 1..=tries {
            assert!(host.sent.is_empty());
            assert_eq!(resets(&host), tried);
            host.outcome(OutcomeKind::Failed);
        }
        assert_eq!(host.taken_answer("r")[2]["status"], "Rejected");
        host.wait(RESET_WAIT_S * 1_000);
        assert_eq!(resets(&host), tries);
    }
}

#[test]
fn reset_that_works_at_the_second_try_is_accepted_once() {
    let mut host = resetting("1");
    host.outcome(OutcomeKind::Failed);
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("r")[2]["status"], "Accepted");
    assert!(host.sent.is_empty());
}

#[test]
fn reset_that_was_taken_and_did_not_happen_is_ordered_again() {
    let mut host = resetting("2");
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("r")[2]["status"], "Accepted");
    host.wait(RESET_WAIT_S * 1_000 - 1);
    assert_eq!(resets(&host), 1);
    host.wait(1);
    assert_eq!(resets(&host), 2);
    host.outcome(OutcomeKind::Accepted);
    for expected in [3, 3, 3] {
        host.wait(RESET_WAIT_S * 1_000);
        assert_eq!(resets(&host), expected, "two further tries, no more");
    }
    assert!(
        host.sent.iter().all(|frame| frame[0] == 2),
        "one answer only"
    );
}

#[test]
fn reset_that_is_not_allowed_is_not_tried_again() {
    for kind in [OutcomeKind::Rejected, OutcomeKind::NotSupported] {
        let mut host = resetting("5");
        host.outcome(kind);
        assert_eq!(host.taken_answer("r")[2]["status"], "Rejected");
        assert_eq!(resets(&host), 1);
    }
}

/// Online as an observer, with a transaction that its backend knows as 3.
fn observer(id_tag_status: &str) -> Host {
    let mut host = Host::with(&[]);
    host.adapter.role = Role::Observer;
    host.link_up();
    host.answer_boot("Accepted", 300);
    assert_eq!(host.answer_all(&json!({})).len(), 3, "statuses as always");
    host.started(1);
    host.answer("StartTransaction", &start_answer(3, id_tag_status));
    host
}

/// Everything an adapter can ask of the station.
fn says_something(command: &&Command) -> bool {
    !matches!(
        command,
        Command::Connect(_) | Command::WakeAt(_) | Command::State(_)
    )
}

#[test]
fn observer_refuses_what_only_the_primary_may_order() {
    let mut host = observer("Accepted");
    for (action, payload, word) in [
        (
            "RemoteStartTransaction",
            json!({"idTag": "x", "connectorId": 1}),
            "Rejected",
        ),
        ("RemoteStartTransaction", json!({"idTag": "x"}), "Rejected"),
        (
            "RemoteStopTransaction",
            json!({"transactionId": 3}),
            "Rejected",
        ),
        ("UnlockConnector", json!({"connectorId": 1}), "NotSupported"),
        ("Reset", json!({"type": "Soft"}), "Rejected"),
        (
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Operative"}),
            "Rejected",
        ),
        (
            "ChangeConfiguration",
            json!({"key": "ConnectionTimeOut", "value": "9"}),
            "Rejected",
        ),
    ] {
        host.call(action, action, &payload);
        assert_eq!(host.taken_answer(action)[2]["status"], word, "{action}");
    }
    let asked: Vec<&Command> = host.commands.iter().filter(says_something).collect();
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn observer_gives_no_verdict_neither_at_the_card_nor_later_nor_the_time() {
    let mut host = observer("Invalid");
    host.authorize(1);
    assert!(!host.has_sent("Authorize"));
    host.wait(120_000);
    host.link_down();
    host.authorize(2);
    let said: Vec<&Command> = host.commands.iter().filter(says_something).collect();
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn observer_tells_and_answers_everything_else_as_usual() {
    let mut host = observer("Accepted");
    host.metered(1, ReadingContext::SamplePeriodic);
    assert_eq!(host.answer("MeterValues", &json!({}))["transactionId"], 3);
    host.call(
        "g",
        "GetConfiguration",
        &json!({"key": ["NumberOfConnectors"]}),
    );
    assert_eq!(
        host.taken_answer("g")[2]["configurationKey"][0]["value"],
        "2"
    );
    host.call(
        "t",
        "TriggerMessage",
        &json!({"requestedMessage": "Heartbeat"}),
    );
    assert_eq!(host.taken_answer("t")[2]["status"], "Accepted");
    host.answer("Heartbeat", &json!({"currentTime": "2027-01-15T08:00:00Z"}));
    host.ended(1);
    assert_eq!(
        host.answer("StopTransaction", &json!({}))["transactionId"],
        3
    );
    assert_eq!((host.cursor, host.outbox.len()), (3, 0));
}
