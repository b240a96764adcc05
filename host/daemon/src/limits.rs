//! Every bound of the daemon. Each says what breaks if it is smaller or larger.

use std::time::Duration;

/// The interlock's tick. The interlock's own bounds are stated in ticks of this length.
pub const TICK: Duration = Duration::from_millis(10);
/// The station looks at the interlocks this often. Larger: a swipe or a plug is noticed later.
pub const STATION_POLL: Duration = Duration::from_millis(10);
/// An unchanged interlock status is repeated to the station after this long, ms.
pub const STATUS_REPEAT_MS: u64 = 100;
/// Meters are read this often, ms.
pub const METER_PERIOD_MS: u64 = 1_000;
/// A meter is silent after this many readings that failed.
pub const METER_FAILURES: u32 = 5;
/// Card readers are asked this often, ms. Larger: half of what a card may take until power is granted goes by before it
/// is seen; smaller than [`STATION_POLL`] changes nothing.
pub const READER_PERIOD_MS: u64 = 10;
/// Events that may wait for the station. Full: the sender waits (adapters, control), nothing is lost.
pub const STATION_INBOX: usize = 1_024;
/// Inputs that may wait for an adapter. Full: the adapter is restarted, which brings it up to date.
pub const ADAPTER_INBOX: usize = 256;
/// Requests that may wait for the authorizers. Full: no opinion.
pub const AUTHORIZE_INBOX: usize = 32;
/// Link events that may wait for an adapter; a full queue holds the peer back.
pub const LINK_EVENTS: usize = 64;
/// Frames kept per adapter for people to look at.
pub const FRAMES_SHOWN: usize = 10;
/// Characters of a frame that are kept for people to look at.
pub const FRAME_SHOWN_CHARS: usize = 400;
/// Longest message accepted from a backend, bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// Longest line of the control socket, bytes.
pub const MAX_CONTROL_LINE: usize = 64 << 10;
/// Connections to the control socket at a time.
pub const MAX_CONTROL_CLIENTS: usize = 16;
/// How long the control socket waits for the station's answer.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);
/// Commands that one input of an adapter may lead to before the outcomes they cause are handed in.
pub const MAX_ADAPTER_ROUNDS: usize = 64;
/// How long SQLite waits for another writer.
pub const DATABASE_BUSY: Duration = Duration::from_secs(5);
/// Page of the database. Every commit writes each page that it touched, whole: larger pages wear the flash; smaller ones
/// break a transaction's entry into pieces.
pub const DATABASE_PAGE_BYTES: u32 = 1_024;
/// Memory for pages of the database, of each connection, as SQLite takes it: KiB, negative. Its own 2 MiB would fill up with a
/// long queue, times the adapters.
pub const DATABASE_CACHE: i64 = -512;
/// Journal entries that all adapters have passed are deleted in steps of this many.
pub const JOURNAL_PRUNE_STEP: u64 = 100;
/// Faults kept in the history.
pub const FAULT_HISTORY: u64 = 1_000;
/// An installer that restarts the machine has this long before the station starts again by itself.
pub const MACHINE_RESTART: Duration = Duration::from_secs(120);
/// What backends allow is kept for the next start at most this often, ms. Smaller: an adapter that changes its mind wears
/// the flash; larger: an older ceiling holds until the adapter has started.
pub const CEILINGS_KEPT_MS: u64 = 10_000;
/// The TCP watchdog waits at least this long, s. Smaller: a mistyped setting makes a station start all the time.
pub const WATCHDOG_MIN_S: u64 = 10;
/// Lines kept in the security log.
pub const SECURITY_LOG: u64 = 2_000;
/// Entries of the journal in a diagnostics archive.
pub const DIAGNOSTICS_ENTRIES: u64 = 500;
/// A backend that moves the clock by this much or more leaves a line in the security log, ms. Smaller: every correction of
/// a drift is one.
pub const CLOCK_STEP_MS: u64 = 5_000;
/// Log lines per second in the long run; more are counted and named once.
pub const LOG_LINES_PER_SECOND: u64 = 200;
/// Recent lines of the log that are kept in memory for diagnostics, bytes.
pub const LOG_KEPT_BYTES: usize = 128 << 10;
/// A kept line ends after this many bytes.
pub const LOG_KEPT_LINE_BYTES: usize = 1 << 10;
/// Interlock events that may wait for the log.
pub const INTERLOCK_EVENTS: usize = 256;
/// Time that adapters get to say their last words before a restart.
pub const LAST_WORDS: Duration = Duration::from_millis(800);
/// Messages that may wait for the languages. Full: the display is behind for one change.
pub const LANGUAGE_INBOX: usize = 64;
/// Lights are looked at this often, ms. Larger: short patterns are seen to stumble.
pub const INDICATOR_PERIOD_MS: u64 = 50;
/// Between two wake-ups that a plugin asks for there is at least this pause, ms. Smaller: a plugin that always asks for
/// "now" keeps a core busy.
pub const WAKE_PAUSE_MS: u64 = 10;
/// Each language is shown this long before the next one has its turn, ms.
pub const LANGUAGE_SHOWN_MS: u64 = 4_000;
/// Threads of authorizers and languages look around at least this often.
pub const AUTHORIZERS_IDLE: Duration = Duration::from_secs(60);
/// A swap of a backend adapter waits at most this long for the backend to confirm what is on its way, ms. Larger: a
/// backend that never answers holds up an update; smaller: it hears a message twice, with the same id.
pub const SWAP_QUIET_MS: u64 = 5_000;
/// A pack that was applied stays at the earliest after this long, ms.
pub const TRIAL_SETTLE_MS: u64 = 3_000;
/// A recording of a plugin ends at this size. Larger: a flash that fills with what nobody reads.
pub const MAX_RECORDING_BYTES: u64 = 16 * 1024 * 1024;
/// A recording of a plugin ends after this long at the latest, s.
pub const MAX_RECORDING_S: u64 = 24 * 60 * 60;
/// Recordings that a station keeps.
pub const MAX_RECORDINGS: usize = 8;
