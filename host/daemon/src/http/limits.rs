//! Bounds of HTTP for backend adapters.

use std::time::Duration;

/// Requests of one adapter that may be on their way at a time. OCPP allows one call; the rest are for the router and for
/// calls that were given up on our side and not on the other.
pub const REQUESTS_OPEN: usize = 8;
/// A kept connection that was not used for this long is closed. Larger: something between (NAT) may have forgotten it,
/// and the next request is lost until its time is up.
pub const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Longest head of an answer or of a call, bytes.
pub const HEAD_BYTES: usize = 16 << 10;
/// Headers of an answer or of a call.
pub const HEADERS: usize = 64;
/// Connections to one server at a time. More wait in the system's queue.
pub const CONNECTIONS: usize = 16;
/// Calls that may wait for the adapter's answer. More are answered 503.
pub const CALLS_OPEN: usize = 4;
/// How long a caller may take for the TLS handshake, and again for the head and again for the body of a call.
pub const CALLER_TIME: Duration = Duration::from_secs(20);
/// How long the adapter may take to answer; then the caller gets 503.
pub const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Pause after a connection could not be accepted (out of files, for example).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Addresses and networks of a list of allowed callers.
pub const ALLOWED: usize = 64;
/// Own addresses that are told.
pub const OWN_ADDRESSES: usize = 16;
/// Events that may wait for an adapter; a full queue holds callers back.
pub const EVENTS: usize = 16;
