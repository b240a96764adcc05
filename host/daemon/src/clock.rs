//! The only place that asks the machine for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Instant as StdInstant, SystemTime, UNIX_EPOCH};

use station::Moment;
use units::{Instant, Timestamp};

/// The monotonic clock of this process. Copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: StdInstant,
}

impl Clock {
    /// Starts the clock at [`Instant::ZERO`].
    #[must_use]
    pub fn start() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this module is the clock")]
        let start = StdInstant::now();
        Self { start }
    }

    /// Microseconds since the start, for measuring.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Monotonic time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        let ms = self.start.elapsed().as_millis();
        Instant::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
    }
}

/// The machine's wall clock, for a station whose configuration says that it is right (`wall_clock = "system"`).
#[must_use]
pub fn system_wall() -> Option<Timestamp> {
    #[allow(clippy::disallowed_methods, reason = "this module is the clock")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis())
        .ok()
        .map(Timestamp::from_unix_millis)
}

/// The wall clock as the station knows it, shared by all threads: an offset to the monotonic clock, or nothing.
#[derive(Debug, Clone)]
pub struct WallClock {
    clock: Clock,
    offset_ms: Arc<AtomicI64>,
}

/// "Not known"; no real offset is this far away.
const UNKNOWN: i64 = i64::MIN;

impl WallClock {
    /// A wall clock that nobody has set.
    #[must_use]
    pub fn unknown(clock: Clock) -> Self {
        Self {
            clock,
            offset_ms: Arc::new(AtomicI64::new(UNKNOWN)),
        }
    }

    /// Sets it; answers the offset to the monotonic clock.
    pub fn set(&self, now: Instant, wall: Timestamp) -> i64 {
        let monotonic = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let offset = wall.as_unix_millis().saturating_sub(monotonic);
        self.offset_ms.store(offset, Relaxed);
        offset
    }

    /// Now, with the wall clock if it is known.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let at = self.clock.now();
        let monotonic = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        let wall = match self.offset_ms.load(Relaxed) {
            UNKNOWN => None,
            offset => Some(Timestamp::from_unix_millis(
                monotonic.saturating_add(offset),
            )),
        };
        Moment { at, wall }
    }
}
