//! The peer itself: it objects to frames that break their schema, whoever sends them. Without this, a peer that checks
//! nothing would pass for a station without faults.

use std::process::Command;

use serde_json::json;

use super::{Peer, PeerKind, SOON, process};

#[test]
fn peer_objects_to_calls_and_answers_in_both_directions() {
    let mut peer = Peer::start(PeerKind::Python, None);
    let root = process::root();
    let mut station = Command::new(root.join("target/conformance-venv/bin/python"))
        .arg(root.join("tests/conformance/peer/bad_station.py"))
        .arg(peer.port().to_string())
        .spawn()
        .unwrap();
    let mut objects = |kind: &str, to: &str| {
        peer.expect(&format!("{kind} {to}"), SOON, |event| {
            event["event"] == kind
                && event["what"]
                    .as_str()
                    .is_some_and(|what| what.starts_with(to))
        });
    };
    objects("violation", "BootNotification");
    // Ours: a call without what it must have, then a good one that is answered badly.
    peer.send_call("ChangeConfiguration", json!({"key": "A"}), false);
    let mut objects = |kind: &str, to: &str| {
        peer.expect(&format!("{kind} {to}"), SOON, |event| {
            event["event"] == kind
                && event["what"]
                    .as_str()
                    .is_some_and(|what| what.starts_with(to))
        });
    };
    objects("mistake", "ChangeConfiguration");
    objects("violation", "ChangeConfiguration");
    // Ours: an answer of the wrong shape.
    peer.command(
        json!({"do": "answer", "action": "BootNotification", "payload": {"status": "Maybe"}}),
    );
    process::end(&mut station);
    let wrong = peer.wrongs(&[]);
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
}
