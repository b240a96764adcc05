//! The interlock's thread: every 10 ms it reads the boards, steps the interlocks and writes the boards.
//!
//! It owns boards and interlocks. Permits come in and statuses go out through slots that never make it wait; its log
//! goes into a bounded queue whose reader only ever polls, so that sending never waits either. It allocates nothing
//! after its start.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use drivers::Board;
use interlock::{Interlock, LogEvent, Permit};
use station::EvseId;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::clock::Clock;
use crate::limits::TICK;
use crate::slot::{PermitSlot, StatusSlot};

/// One EVSE as the thread drives it.
pub struct Drive {
    /// Which.
    pub evse: EvseId,
    /// Its board.
    pub board: Box<dyn Board>,
    /// Its interlock.
    pub interlock: Interlock,
    /// Permit from the station.
    pub permit: Arc<PermitSlot>,
    /// Status for the station.
    pub status: Arc<StatusSlot>,
}

/// How the thread is doing.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Ticks done.
    pub ticks: AtomicU64,
    /// Ticks that began more than a whole tick late.
    pub late: AtomicU64,
    /// Longest delay of a tick, µs.
    pub worst_delay_us: AtomicU64,
    /// Log events that found the queue full.
    pub lost_events: AtomicU64,
    /// The thread has real-time priority.
    pub realtime: AtomicBool,
}

/// The running thread.
#[derive(Debug)]
pub struct InterlockThread {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl InterlockThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine refuses another thread.
    pub fn start(
        clock: Clock,
        drives: Vec<Drive>,
        events: SyncSender<(EvseId, LogEvent)>,
        pulse: Arc<Pulse>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("interlock".to_owned())
            .spawn(move || run(clock, drives, &events, &pulse, &told))?;
        Ok(Self { stop, thread })
    }

    /// Opens every contactor and ends the thread. Answers whether it had run until then.
    pub fn stop(self) -> bool {
        self.stop.store(true, Relaxed);
        self.thread.join().is_ok()
    }
}

fn run(
    clock: Clock,
    mut drives: Vec<Drive>,
    events: &SyncSender<(EvseId, LogEvent)>,
    pulse: &Pulse,
    stop: &AtomicBool,
) {
    pulse.realtime.store(ask_for_realtime(), Relaxed);
    let mut permits = vec![Permit::NONE; drives.len()];
    let mut next = clock.now();
    let tick_ms = u64::try_from(TICK.as_millis()).unwrap_or(10);
    loop {
        let stopping = stop.load(Relaxed);
        let now = clock.now();
        let delay_us = now.since(next).get().saturating_mul(1_000);
        pulse.worst_delay_us.fetch_max(delay_us, Relaxed);
        if delay_us > tick_ms * 1_000 {
            pulse.late.fetch_add(1, Relaxed);
        }
        for (drive, permit) in drives.iter_mut().zip(&mut permits) {
            if let Some(fresh) = drive.permit.get() {
                *permit = fresh;
            }
            let inputs = drive.board.read(now);
            let given = if stopping { Permit::NONE } else { *permit };
            let mut outputs = drive.interlock.step(now, &inputs, &given);
            if stopping {
                // The process ends: nobody watches any longer, so the contactor opens whatever the state.
                outputs.contactor = false;
                outputs.pilot = interlock::PilotDrive::Constant;
            }
            drive.board.write(now, &outputs);
            drive.status.put(&drive.interlock.status());
            for event in drive.interlock.drain_events() {
                if events.try_send((drive.evse, event)).is_err() {
                    pulse.lost_events.fetch_add(1, Relaxed);
                }
            }
        }
        pulse.ticks.fetch_add(1, Relaxed);
        if stopping {
            return;
        }
        next = next.after(units::Millis::new(tick_ms));
        let wait = next.since(clock.now());
        if wait.get() == 0 && clock.now().since(next).get() > 10 * tick_ms {
            // The machine slept; catching up tick by tick would only step over old samples.
            next = clock.now();
        }
        std::thread::sleep(std::time::Duration::from_millis(wait.get()));
    }
}

/// Priority within `SCHED_FIFO`: above every ordinary thread, below the kernel's own (1 to 99).
const FIFO_PRIORITY: u8 = 50;

/// Asks for `SCHED_FIFO` for this thread alone. Without the right to it, the thread asks for nice −20 and otherwise runs
/// as any other; answers whether it got `SCHED_FIFO`.
fn ask_for_realtime() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let fifo = ThreadPriorityValue::try_from(FIFO_PRIORITY).is_ok_and(|value| {
        let priority = ThreadPriority::Crossplatform(value);
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    });
    if !fifo {
        // Without the right to this either, nothing is lost.
        let _ordinary = rustix::process::nice(-20);
    }
    fifo
}
