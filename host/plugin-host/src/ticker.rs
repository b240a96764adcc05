//! The epoch clock: a thread that counts milliseconds while a guest runs, and rests while none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasmtime::EngineWeak;

use crate::limits::{EPOCH_CATCH_UP_TICKS, EPOCH_IDLE_TICKS, EPOCH_TICK_MS};

/// Ends with the engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Calls under way.
    running: AtomicUsize,
    /// The thread sleeps until it is woken.
    resting: AtomicBool,
    stop: AtomicBool,
}

/// While it lives, the clock ticks.
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            running: AtomicUsize::new(0),
            resting: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let in_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("plugin-epochs".to_owned())
            .spawn(move || tick(&engine, &in_thread))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Announces a call; to be held for as long as the guest runs.
    pub(crate) fn running(&self) -> Running<'_> {
        // Order matters: `tick` sets `resting` and then looks at `running`; here it is the other way round, so that one
        // of the two sees the other.
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.swap(false, Ordering::SeqCst) {
            self.wake();
        }
        Running(&self.shared)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The thread only ends normally; there is nothing to learn from its result.
            let _ = thread.join();
        }
    }
}

/// When the next tick is due. Counted from the last one's due time, not from when the thread was awake: a sleep always
/// takes a little longer than asked for, and over a deadline of 100 ticks that sums up to several milliseconds. A machine
/// that stood still is forgiven: the guest stood still with it.
fn next_due(due: Instant, now: Instant) -> Instant {
    let tick = Duration::from_millis(EPOCH_TICK_MS);
    let oldest = now.checked_sub(tick.saturating_mul(EPOCH_CATCH_UP_TICKS));
    oldest.map_or(due, |oldest| due.max(oldest)) + tick
}

#[allow(
    clippy::disallowed_methods,
    reason = "it is the clock that guests' deadlines are counted by; nothing that decides sees this time"
)]
fn machine_time() -> Instant {
    Instant::now()
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle_ticks = 0_u32;
    let mut due = machine_time();
    while !shared.stop.load(Ordering::SeqCst) {
        let now = machine_time();
        due = next_due(due, now);
        std::thread::sleep(due.saturating_duration_since(now));
        let Some(engine) = engine.upgrade() else {
            return;
        };
        engine.increment_epoch();
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle_ticks = 0;
            continue;
        }
        idle_ticks = idle_ticks.saturating_add(1);
        if idle_ticks < EPOCH_IDLE_TICKS {
            continue;
        }
        idle_ticks = 0;
        shared.resting.store(true, Ordering::SeqCst);
        while shared.resting.load(Ordering::SeqCst)
            && shared.running.load(Ordering::SeqCst) == 0
            && !shared.stop.load(Ordering::SeqCst)
        {
            std::thread::park();
        }
        shared.resting.store(false, Ordering::SeqCst);
        // The rest is not made up for.
        due = machine_time();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(EPOCH_TICK_MS);

    #[test]
    fn ticks_are_due_a_tick_apart_however_late_each_one_was() {
        let mut due = machine_time();
        let first = due;
        for number in 1..=100_u32 {
            due = next_due(due, due + TICK / 3);
            assert_eq!(due, first + TICK * number);
        }
    }

    #[test]
    fn machine_that_stood_still_does_not_cost_a_guest_its_deadline() {
        let due = machine_time();
        let now = due + Duration::from_secs(10);
        let (mut due, mut at_once) = (next_due(due, now), 1);
        while due <= now {
            due = next_due(due, now);
            at_once += 1;
        }
        assert!(at_once <= EPOCH_CATCH_UP_TICKS + 1, "{at_once} ticks");
    }
}
