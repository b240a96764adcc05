//! The epoch clock: a thread that counts milliseconds while a guest runs, and rests while none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::EngineWeak;

use crate::limits::{EPOCH_IDLE_TICKS, EPOCH_TICK_MS};

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

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle_ticks = 0_u32;
    while !shared.stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
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
    }
}
