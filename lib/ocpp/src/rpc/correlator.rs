//! Our own calls: one in flight, the rest waiting, every answer matched to its call.

use super::{Frame, MessageId};
use crate::limits::{CALL_QUEUE_MAX, CALL_TIMEOUT, FINISHED_CALLS_MAX};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;
use units::{Instant, Millis};

/// A call to be sent; `T` is whatever its owner wants back with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingCall<T> {
    /// Its id; must be new among the calls waiting and in flight.
    pub id: MessageId,
    /// Its action.
    pub action: String,
    /// The whole frame. Kept as text, so that a repetition is the same to the byte.
    pub text: String,
    /// How long to wait for the answer; the correlator's own time-out if `None`.
    pub timeout: Option<Millis>,
    /// The owner's context.
    pub tag: T,
}

impl<T> OutgoingCall<T> {
    /// Writes a call.
    #[must_use]
    pub fn new(id: MessageId, action: &str, payload: Value, tag: T) -> Self {
        let text = Frame::call(id.clone(), action, payload).to_text();
        Self {
            id,
            action: action.into(),
            text,
            timeout: None,
            tag,
        }
    }
}

/// A call that is over without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended<T> {
    /// The call.
    pub call: OutgoingCall<T>,
    /// True if its frame had been taken for sending, so that the other side may have acted on it.
    pub sent: bool,
}

/// Why a call was not taken. The call comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRefused<T> {
    /// The queue is full.
    QueueFull(OutgoingCall<T>),
    /// A call with this id is waiting or in flight.
    IdInUse(OutgoingCall<T>),
}

/// What an answer belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched<T> {
    /// The call in flight, which is over now.
    Call(OutgoingCall<T>),
    /// A call given up before; to be reported, not acted on.
    Late,
    /// A call answered before; to be reported, not acted on.
    Doubled,
    /// No call of ours; to be reported, not acted on.
    Unknown,
}

/// Bounds of a correlator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorrelatorLimits {
    /// Calls that may wait behind the one in flight.
    pub queue: usize,
    /// How long an answer is awaited.
    pub timeout: Millis,
}

impl Default for CorrelatorLimits {
    /// [`CALL_QUEUE_MAX`] and [`CALL_TIMEOUT`].
    fn default() -> Self {
        Self {
            queue: CALL_QUEUE_MAX,
            timeout: CALL_TIMEOUT,
        }
    }
}

#[derive(Debug)]
struct InFlight<T> {
    call: OutgoingCall<T>,
    sent: bool,
    deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Answered,
    GivenUp,
}

/// Sends calls one at a time and matches their answers.
///
/// Grammar: [`try_call`](Self::try_call) any time; then [`poll_frame`](Self::poll_frame) until it is empty, and
/// [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout). The time-out of a call begins
/// when the call before it is over, not when its frame is taken.
///
/// # Invariants
/// At most one call is in flight. Nothing waits while no call is in flight.
#[derive(Debug)]
pub struct Correlator<T> {
    limits: CorrelatorLimits,
    waiting: VecDeque<OutgoingCall<T>>,
    in_flight: Option<InFlight<T>>,
    finished: VecDeque<(MessageId, Ending)>,
}

impl<T> Default for Correlator<T> {
    fn default() -> Self {
        Self::new(CorrelatorLimits::default())
    }
}

impl<T> Correlator<T> {
    /// An idle correlator.
    #[must_use]
    pub const fn new(limits: CorrelatorLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            in_flight: None,
            finished: VecDeque::new(),
        }
    }

    /// Takes a call, to be sent when those before it are over.
    ///
    /// Errors: [`CallRefused`] with the call, if the queue is full or the id in use.
    pub fn try_call(&mut self, now: Instant, call: OutgoingCall<T>) -> Result<(), CallRefused<T>> {
        let in_use = self
            .in_flight
            .as_ref()
            .is_some_and(|f| f.call.id == call.id)
            || self.waiting.iter().any(|waiting| waiting.id == call.id);
        if in_use {
            return Err(CallRefused::IdInUse(call));
        }
        if self.in_flight.is_some() && self.waiting.len() >= self.limits.queue {
            return Err(CallRefused::QueueFull(call));
        }
        self.waiting.push_back(call);
        self.advance(now);
        Ok(())
    }

    /// The frame to send now, once per call.
    pub fn poll_frame(&mut self) -> Option<String> {
        let in_flight = self
            .in_flight
            .as_mut()
            .filter(|in_flight| !in_flight.sent)?;
        in_flight.sent = true;
        Some(in_flight.call.text.clone())
    }

    /// Matches the id of a CALLRESULT or CALLERROR.
    pub fn handle_answer(&mut self, now: Instant, id: &MessageId) -> Matched<T> {
        match self
            .in_flight
            .take_if(|in_flight| in_flight.sent && in_flight.call.id == *id)
        {
            Some(in_flight) => {
                self.remember(in_flight.call.id.clone(), Ending::Answered);
                self.advance(now);
                Matched::Call(in_flight.call)
            }
            None => match self
                .finished
                .iter()
                .rev()
                .find(|(finished, _)| finished == id)
            {
                Some((_, Ending::Answered)) => Matched::Doubled,
                Some((_, Ending::GivenUp)) => Matched::Late,
                None => Matched::Unknown,
            },
        }
    }

    /// The call whose time is up, if any; the next one is then in flight.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Ended<T>> {
        let in_flight = self
            .in_flight
            .take_if(|in_flight| in_flight.deadline <= now)?;
        self.remember(in_flight.call.id.clone(), Ending::GivenUp);
        self.advance(now);
        Some(Ended {
            call: in_flight.call,
            sent: in_flight.sent,
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|in_flight| in_flight.deadline)
    }

    /// Takes back the first call not yet sent whose context matches; nothing of it was told to the other side.
    pub fn withdraw(
        &mut self,
        now: Instant,
        matches: impl Fn(&T) -> bool,
    ) -> Option<OutgoingCall<T>> {
        let unsent = self
            .in_flight
            .take_if(|in_flight| !in_flight.sent && matches(&in_flight.call.tag));
        if let Some(in_flight) = unsent {
            self.advance(now);
            return Some(in_flight.call);
        }
        let place = self.waiting.iter().position(|call| matches(&call.tag))?;
        self.waiting.remove(place)
    }

    /// Empties the correlator because the connection is gone; every call comes back, in order.
    pub fn handle_disconnected(&mut self) -> Vec<Ended<T>> {
        let mut ended = Vec::with_capacity(self.waiting.len() + 1);
        if let Some(in_flight) = self.in_flight.take() {
            self.remember(in_flight.call.id.clone(), Ending::GivenUp);
            ended.push(Ended {
                call: in_flight.call,
                sent: in_flight.sent,
            });
        }
        ended.extend(
            self.waiting
                .drain(..)
                .map(|call| Ended { call, sent: false }),
        );
        ended
    }

    /// The call in flight.
    #[must_use]
    pub fn in_flight(&self) -> Option<&OutgoingCall<T>> {
        self.in_flight.as_ref().map(|in_flight| &in_flight.call)
    }

    /// True if no call waits or is in flight.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Number of calls waiting behind the one in flight.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn advance(&mut self, now: Instant) {
        if self.in_flight.is_none() {
            self.in_flight = self.waiting.pop_front().map(|call| {
                let deadline = now.after(call.timeout.unwrap_or(self.limits.timeout));
                InFlight {
                    call,
                    sent: false,
                    deadline,
                }
            });
        }
    }

    fn remember(&mut self, id: MessageId, ending: Ending) {
        while self.finished.len() >= FINISHED_CALLS_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back((id, ending));
    }
}
