//! Two sides of a connection, each with a correlator and an inbox, over a link that loses, doubles and delays.
//!
//! Each side has one call in flight at most; each call ends once; an answered call was acted on once, in the order in
//! which the calls were made, and arrived as it was written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::{Sample, same_meaning, samples};
use ocpp::rpc::{
    Correlator, CorrelatorLimits, Frame, Inbox, Matched, MessageId, Opened, OutgoingCall,
};
use ocpp::v16::{Request, Response, decode_request, decode_response};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use units::{Instant, Millis};

const TIMEOUT: Millis = Millis::new(1_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Left,
    Right,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A side makes a call with one of the samples.
    Call(Side, usize),
    /// The oldest frame under way to a side arrives.
    Arrive(Side),
    /// It arrives, and a copy stays under way.
    ArriveTwice(Side),
    /// It is lost.
    Lose(Side),
    Pass(u64),
    Disconnect,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Left), Just(Side::Right)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (side(), any::<usize>()).prop_map(|(side, n)| Step::Call(side, n)),
        10 => side().prop_map(Step::Arrive),
        2 => side().prop_map(Step::ArriveTwice),
        1 => side().prop_map(Step::Lose),
        2 => (0_u64..1_500).prop_map(Step::Pass),
        1 => Just(Step::Disconnect),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    TimedOut,
    Lost,
}

struct Peer {
    calls: Correlator<u64>,
    inbox: Inbox,
    made: u64,
    ended: BTreeMap<u64, End>,
    /// Numbers of the other side's calls that were acted on, in order.
    acted: Vec<u64>,
    /// Frames under way to this side.
    incoming: VecDeque<String>,
}

impl Peer {
    fn new() -> Self {
        Self {
            calls: Correlator::new(CorrelatorLimits {
                queue: 4,
                timeout: TIMEOUT,
            }),
            inbox: Inbox::new(),
            made: 0,
            ended: BTreeMap::new(),
            acted: Vec::new(),
            incoming: VecDeque::new(),
        }
    }

    fn end(&mut self, number: u64, end: End) {
        let before = self.ended.insert(number, end);
        assert_eq!(before, None, "call {number} ended twice");
    }
}

struct Link {
    peers: BTreeMap<Side, Peer>,
    now: Instant,
    requests: Vec<Request>,
    responses: BTreeMap<&'static str, Response>,
}

fn decoded(sample: &Sample) -> Request {
    let request = decode_request(&sample.action, &sample.payload).unwrap();
    assert!(same_meaning(&request.to_payload(), &sample.payload));
    request
}

impl Link {
    fn new() -> Self {
        let samples = samples();
        let requests = samples.iter().filter(|s| s.is_request).map(decoded);
        let responses = samples.iter().filter(|s| !s.is_request).map(|sample| {
            let response = decode_response(&sample.action, &sample.payload).unwrap();
            (response.action().as_str(), response)
        });
        Self {
            peers: [(Side::Left, Peer::new()), (Side::Right, Peer::new())].into(),
            now: Instant::ZERO,
            requests: requests.collect(),
            responses: responses.collect(),
        }
    }

    fn peer(&mut self, side: Side) -> &mut Peer {
        self.peers.get_mut(&side).unwrap()
    }

    fn call(&mut self, side: Side, sample: usize) {
        let request = self.requests[sample % self.requests.len()].clone();
        let now = self.now;
        let peer = self.peer(side);
        let id = MessageId::from_counter(peer.made);
        let action = request.action().as_str();
        let call = OutgoingCall::new(id, action, request.to_payload(), peer.made);
        if peer.calls.try_call(now, call).is_ok() {
            peer.made += 1;
        }
        self.pump(side);
    }

    /// Puts what a side has to send on the way.
    fn pump(&mut self, side: Side) {
        while let Some(text) = self.peer(side).calls.poll_frame() {
            self.peer(side.other()).incoming.push_back(text);
        }
    }

    fn arrive(&mut self, side: Side, text: &str) {
        let now = self.now;
        match Frame::parse(text).unwrap() {
            Frame::Call {
                id,
                action,
                payload,
            } => {
                let request = decode_request(&action, &payload).unwrap();
                assert!(self.requests.contains(&request), "changed under way");
                let response = self.responses[request.action().as_str()].clone();
                let peer = self.peer(side);
                let answer = match peer.inbox.open(&id, &action, &payload) {
                    Opened::Repeated(answer) => answer,
                    Opened::New { .. } => {
                        peer.acted.push(id.as_str().parse().unwrap());
                        let text = Frame::result(id.clone(), response.to_payload()).to_text();
                        peer.inbox.answered(&id, &text);
                        Some(text)
                    }
                };
                self.peer(side.other()).incoming.extend(answer);
            }
            Frame::CallResult { id, payload } => {
                let peer = self.peer(side);
                if let Matched::Call(call) = peer.calls.handle_answer(now, &id) {
                    decode_response(&call.action, &payload).unwrap();
                    peer.end(call.tag, End::Answered);
                }
                self.pump(side);
            }
            Frame::CallError { .. } => panic!("nothing here is refused"),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Call(side, sample) => self.call(*side, *sample),
            Step::Arrive(side) => {
                if let Some(text) = self.peer(*side).incoming.pop_front() {
                    self.arrive(*side, &text);
                }
            }
            Step::ArriveTwice(side) => {
                if let Some(text) = self.peer(*side).incoming.front().cloned() {
                    self.arrive(*side, &text);
                }
            }
            Step::Lose(side) => {
                self.peer(*side).incoming.pop_front();
            }
            Step::Pass(ms) => {
                self.now = self.now.after(Millis::new(*ms));
                let now = self.now;
                for side in [Side::Left, Side::Right] {
                    while let Some(ended) = self.peer(side).calls.handle_timeout(now) {
                        self.peer(side).end(ended.call.tag, End::TimedOut);
                    }
                    self.pump(side);
                }
            }
            Step::Disconnect => {
                for side in [Side::Left, Side::Right] {
                    let peer = self.peer(side);
                    peer.incoming.clear();
                    peer.inbox.handle_disconnected();
                    for ended in peer.calls.handle_disconnected() {
                        peer.end(ended.call.tag, End::Lost);
                    }
                }
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (side, peer) in &self.peers {
            let open = peer.made - peer.ended.len() as u64;
            let held = peer.calls.waiting() + usize::from(!peer.calls.is_idle());
            prop_assert_eq!(open, held as u64, "{:?} lost track of a call", side);
            let other = &self.peers[&side.other()];
            let acted: BTreeSet<u64> = other.acted.iter().copied().collect();
            prop_assert_eq!(acted.len(), other.acted.len(), "acted on twice");
            prop_assert!(other.acted.is_sorted(), "acted out of order");
            for (number, end) in &peer.ended {
                if *end == End::Answered {
                    prop_assert!(acted.contains(number), "answered without being acted on");
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_once_and_is_acted_on_at_most_once_and_in_order(steps in vec(step(), 0..120)) {
        let mut link = Link::new();
        for step in &steps {
            link.apply(step);
            link.check()?;
        }
    }

    #[test]
    fn over_a_good_link_every_call_of_both_sides_is_answered(calls in vec((side(), any::<usize>()), 0..60)) {
        let mut link = Link::new();
        for (side, sample) in calls {
            link.call(side, sample);
            for side in [Side::Left, Side::Right] {
                link.apply(&Step::Arrive(side));
            }
        }
        while link.peers.values().any(|peer| !peer.incoming.is_empty()) {
            for side in [Side::Left, Side::Right] {
                link.apply(&Step::Arrive(side));
            }
        }
        link.check()?;
        for peer in link.peers.values() {
            prop_assert!(peer.calls.is_idle());
            prop_assert!(peer.ended.values().all(|end| *end == End::Answered));
        }
    }
}
