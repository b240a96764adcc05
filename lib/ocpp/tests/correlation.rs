//! One call in flight per direction; late, doubled and unknown answers are told apart; repetitions are recognised.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

use ocpp::limits::{ANSWERED_BYTES_MAX, ANSWERED_CALLS_MAX, CALL_QUEUE_MAX, FINISHED_CALLS_MAX};
use ocpp::rpc::{
    CallRefused, Correlator, CorrelatorLimits, Ended, Inbox, Matched, MessageId, Opened,
    OutgoingCall,
};
use serde_json::json;
use units::{Instant, Millis};

fn id(n: usize) -> MessageId {
    MessageId::from_counter(n as u64)
}

fn call(n: usize) -> OutgoingCall<usize> {
    OutgoingCall::new(id(n), "Heartbeat", json!({}), n)
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn correlator() -> Correlator<usize> {
    Correlator::new(CorrelatorLimits {
        queue: 3,
        timeout: Millis::new(1_000),
    })
}

fn tag(matched: Matched<usize>) -> usize {
    match matched {
        Matched::Call(call) => call.tag,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_second_call_waits_for_the_answer_to_the_first() {
    let mut calls = correlator();
    calls.try_call(at(0), call(1)).unwrap();
    calls.try_call(at(0), call(2)).unwrap();
    assert_eq!(calls.poll_frame().unwrap(), r#"[2,"1","Heartbeat",{}]"#);
    assert_eq!(calls.poll_frame(), None);
    assert_eq!(tag(calls.handle_answer(at(10), &id(1))), 1);
    assert_eq!(calls.poll_frame().unwrap(), r#"[2,"2","Heartbeat",{}]"#);
    assert_eq!(tag(calls.handle_answer(at(20), &id(2))), 2);
    assert!(calls.is_idle());
}

#[test]
fn a_frame_is_given_out_once() {
    let mut calls = correlator();
    calls.try_call(at(0), call(1)).unwrap();
    assert!(calls.poll_frame().is_some());
    assert_eq!(calls.poll_frame(), None);
}

#[test]
fn the_queue_is_bounded_and_gives_the_call_back() {
    let mut calls = Correlator::default();
    for n in 0..=CALL_QUEUE_MAX {
        calls.try_call(at(0), call(n)).unwrap();
    }
    let refused = calls.try_call(at(0), call(999));
    assert!(matches!(refused, Err(CallRefused::QueueFull(call)) if call.tag == 999));
    assert_eq!(calls.waiting(), CALL_QUEUE_MAX);
}

#[test]
fn an_id_in_use_is_refused() {
    let mut calls = correlator();
    calls.try_call(at(0), call(1)).unwrap();
    assert!(matches!(
        calls.try_call(at(0), call(1)),
        Err(CallRefused::IdInUse(_))
    ));
    calls.try_call(at(0), call(2)).unwrap();
    assert!(matches!(
        calls.try_call(at(0), call(2)),
        Err(CallRefused::IdInUse(_))
    ));
}

#[test]
fn a_silent_peer_costs_one_timeout_per_call_and_the_next_goes_out() {
    let mut calls = correlator();
    calls.try_call(at(0), call(1)).unwrap();
    calls.try_call(at(0), call(2)).unwrap();
    calls.poll_frame();
    assert_eq!(calls.poll_timeout(), Some(at(1_000)));
    assert_eq!(calls.handle_timeout(at(999)), None);
    let ended = calls.handle_timeout(at(1_000)).unwrap();
    assert_eq!((ended.call.tag, ended.sent), (1, true));
    assert_eq!(calls.poll_timeout(), Some(at(2_000)));
    assert!(calls.poll_frame().unwrap().contains("\"2\""));
}

#[test]
fn a_call_can_be_taken_back_until_it_is_sent() {
    let mut calls = correlator();
    let now = Instant::ZERO;
    for number in 0..3 {
        calls.try_call(now, call(number)).unwrap();
    }
    assert!(calls.poll_frame().is_some());
    assert_eq!(calls.withdraw(now, |tag| *tag == 0), None, "it is sent");
    assert_eq!(calls.withdraw(now, |tag| *tag == 1).unwrap().tag, 1);
    assert_eq!(calls.withdraw(now, |tag| *tag == 1), None);
    assert_eq!(calls.waiting(), 1);
    // The next one is in flight without having been taken for sending.
    calls.handle_answer(now, &call(0).id);
    assert_eq!(calls.withdraw(now, |tag| *tag == 2).unwrap().tag, 2);
    assert!(calls.is_idle() && calls.poll_frame().is_none());
}

#[test]
fn a_call_may_bring_its_own_timeout() {
    let mut calls = correlator();
    calls
        .try_call(
            at(0),
            OutgoingCall {
                timeout: Some(Millis::new(5)),
                ..call(1)
            },
        )
        .unwrap();
    assert_eq!(calls.poll_timeout(), Some(at(5)));
}

#[test]
fn late_doubled_and_unknown_answers_are_told_apart_and_change_nothing() {
    let mut calls = correlator();
    for n in 1..=3 {
        calls.try_call(at(0), call(n)).unwrap();
    }
    calls.poll_frame();
    calls.handle_timeout(at(1_000)).unwrap();
    assert_eq!(calls.handle_answer(at(1_001), &id(1)), Matched::Late);
    calls.poll_frame();
    assert_eq!(tag(calls.handle_answer(at(1_002), &id(2))), 2);
    assert_eq!(calls.handle_answer(at(1_003), &id(2)), Matched::Doubled);
    assert_eq!(calls.handle_answer(at(1_004), &id(77)), Matched::Unknown);
    assert_eq!(calls.in_flight().unwrap().tag, 3);
}

#[test]
fn an_answer_to_a_call_that_was_not_sent_yet_is_unknown() {
    let mut calls = correlator();
    calls.try_call(at(0), call(1)).unwrap();
    calls.try_call(at(0), call(2)).unwrap();
    assert_eq!(calls.handle_answer(at(1), &id(1)), Matched::Unknown);
    assert_eq!(calls.handle_answer(at(1), &id(2)), Matched::Unknown);
    assert_eq!(calls.in_flight().unwrap().tag, 1);
}

#[test]
fn finished_calls_are_remembered_within_a_bound() {
    let mut calls = correlator();
    for n in 0..=FINISHED_CALLS_MAX {
        calls.try_call(at(0), call(n)).unwrap();
        calls.poll_frame();
        tag(calls.handle_answer(at(0), &id(n)));
    }
    assert_eq!(calls.handle_answer(at(0), &id(0)), Matched::Unknown);
    assert_eq!(calls.handle_answer(at(0), &id(1)), Matched::Doubled);
}

#[test]
fn a_lost_connection_gives_every_call_back_in_order() {
    let mut calls = correlator();
    for n in 1..=3 {
        calls.try_call(at(0), call(n)).unwrap();
    }
    calls.poll_frame();
    let ended: Vec<(usize, bool)> = calls
        .handle_disconnected()
        .into_iter()
        .map(|Ended { call, sent }| (call.tag, sent))
        .collect();
    assert_eq!(ended, [(1, true), (2, false), (3, false)]);
    assert!(calls.is_idle());
    assert_eq!(calls.poll_frame(), None);
    assert_eq!(calls.handle_answer(at(1), &id(1)), Matched::Late);
    // The same call may be tried again with the same id and text.
    calls.try_call(at(2), call(1)).unwrap();
    assert_eq!(calls.poll_frame().unwrap(), call(1).text);
}

#[test]
fn a_repeated_call_gets_the_answer_it_got_before() {
    let mut inbox = Inbox::new();
    let payload = json!({ "type": "Soft" });
    assert_eq!(
        inbox.open(&id(1), "Reset", &payload),
        Opened::New { overlaps: false }
    );
    assert_eq!(
        inbox.open(&id(1), "Reset", &payload),
        Opened::Repeated(None)
    );
    inbox.answered(&id(1), "[3]");
    assert_eq!(
        inbox.open(&id(1), "Reset", &payload),
        Opened::Repeated(Some("[3]".into()))
    );
}

#[test]
fn the_same_id_with_other_content_is_a_new_call() {
    let mut inbox = Inbox::new();
    inbox.open(&id(1), "Reset", &json!({ "type": "Soft" }));
    inbox.answered(&id(1), "[3]");
    let hard = json!({ "type": "Hard" });
    assert_eq!(
        inbox.open(&id(1), "Reset", &hard),
        Opened::New { overlaps: false }
    );
    inbox.answered(&id(1), "[33]");
    assert_eq!(
        inbox.open(&id(1), "Reset", &hard),
        Opened::Repeated(Some("[33]".into()))
    );
}

#[test]
fn a_call_before_the_answer_to_the_last_one_is_seen_as_overlapping() {
    let mut inbox = Inbox::new();
    inbox.open(&id(1), "ClearCache", &json!({}));
    assert_eq!(
        inbox.open(&id(2), "ClearCache", &json!({})),
        Opened::New { overlaps: true }
    );
    inbox.handle_disconnected();
    assert_eq!(
        inbox.open(&id(3), "ClearCache", &json!({})),
        Opened::New { overlaps: false }
    );
}

#[test]
fn the_inbox_forgets_the_oldest_beyond_its_bounds() {
    let mut inbox = Inbox::new();
    for n in 0..=ANSWERED_CALLS_MAX {
        inbox.open(&id(n), "ClearCache", &json!({}));
        inbox.answered(&id(n), "[3]");
    }
    assert_eq!(
        inbox.open(&id(0), "ClearCache", &json!({})),
        Opened::New { overlaps: false }
    );
    let mut inbox = Inbox::new();
    let half = "x".repeat(ANSWERED_BYTES_MAX / 2);
    for n in 0..3 {
        inbox.open(&id(n), "ClearCache", &json!({}));
        inbox.answered(&id(n), &half);
    }
    assert_eq!(
        inbox.open(&id(0), "ClearCache", &json!({})),
        Opened::New { overlaps: false }
    );
    assert_eq!(
        inbox.open(&id(2), "ClearCache", &json!({})),
        Opened::Repeated(Some(half))
    );
}

#[test]
fn a_peer_that_counts_from_one_again_after_a_reconnect_gets_no_stale_answer() {
    let mut inbox = Inbox::new();
    inbox.open(&id(1), "BootNotification", &json!({}));
    inbox.answered(&id(1), "[3,\"1\",{\"status\":\"Pending\"}]");
    inbox.handle_disconnected();
    let again = inbox.open(&id(1), "BootNotification", &json!({}));
    assert_eq!(again, Opened::New { overlaps: false });
}
