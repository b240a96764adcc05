//! Bounds of the OCPP 1.6 adapters. Each says what breaks if it is smaller or larger.

/// Calls that may wait behind the one in flight. Smaller: statuses of a double station after a reconnect do not fit.
pub const CALLS_WAITING: usize = 32;
/// Random part of the pause before a reconnect, in percent of it.
pub const JITTER_PERCENT: u64 = 25;
/// Tokens in the authorisation cache. Larger: the store's quota of 256 KiB is in danger.
pub const CACHE_TOKENS: usize = 500;
/// Readings kept for the StopTransaction of one transaction; later ones replace the last.
pub const STOP_READINGS: usize = 64;
/// Answers of the station that the backend waits for; a call beyond them is answered that the station is busy.
pub const WAITING_ANSWERS: usize = 32;
/// How long the station may take to say what comes of a call, s. Smaller: a slow lock is answered with an error.
/// Larger: calls that the station forgot keep others out.
pub const ANSWER_WAIT_S: u64 = 60;
/// Pause before a boot message that was not answered is sent again, s.
pub const BOOT_RETRY_S: u64 = 10;
/// Shortest interval a backend may set for boot messages and heartbeats, s.
pub const INTERVAL_MIN_S: u64 = 1;
/// Longest such interval, s: a day.
pub const INTERVAL_MAX_S: u64 = 86_400;
/// Fault notices kept to be told after a reconnect.
pub const NOTICES_WAITING: usize = 32;
/// Longest wait or pause that a setting may order, s: a day.
pub const WAIT_MAX_S: u32 = 86_400;
