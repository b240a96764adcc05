//! Bounds of OCPP-S. Each says what breaks if it is smaller or larger.

/// Calls of the backend that may wait for their answer. More are told to come back.
pub const CALLS_OPEN: usize = 4;
/// Longest envelope that is read, bytes. A local list of 100 tokens takes 30 KiB. Larger: whoever reaches the port can
/// fill the memory of the adapter, or use up its time; smaller: vendor data does not fit.
pub const ENVELOPE_BYTES: usize = 256 * 1_024;
/// How long a call of the backend may wait for its answer, s. Larger: the host gives up first, and says less.
pub const CALL_WAIT_S: u64 = 25;
/// How long the host may take to say that it listens, s.
pub const LISTEN_WAIT_S: u64 = 15;
/// Seconds that a request has less than a call of the state machine. Smaller: the call is given up before it is known
/// why there is no answer, and the next one goes the same way.
pub const REQUEST_EARLIER_S: u32 = 1;
/// Longest time that the host gives a request, s; a longer one would be refused.
pub const REQUEST_WAIT_MAX_S: u32 = 600;
/// Longest pause before a router that did not say its address is asked again, s.
pub const ROUTER_RETRY_S: u64 = 30;
/// Seconds that the router may take for an answer.
pub const ROUTER_WAIT_S: u32 = 10;
/// Requests to the host are numbered from here, so that they are never taken for those of the state machine.
pub const REQUESTS_FROM: u64 = 1 << 62;
/// Rounds between transport and state machine that one input may lead to.
pub const ROUNDS: usize = 64;
/// Addresses of a list of allowed callers.
pub const ALLOWED: usize = 64;
