//! An interlock that ticks beside the attacks, in a thread of its own as in the daemon, and opens its contactor again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drivers::Board;
use drivers::sim::{EvPreset, PlugIn, SimCommand, SimEvseConfig, SimStation};
use interlock::{BoardProfile, Inputs, Interlock, LockWish, Permit};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use units::{Milliamps, Millis, Phases};

const TICK: Duration = Duration::from_millis(10);
/// Ticks between two residual currents.
const EVERY: u64 = 20;
/// Ticks from a residual current to the command to open, by the interlock's own rule.
const MAX_TICKS: u64 = 2;
/// The longest pause between two ticks with a real-time priority; without the right to it, the machine decides.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// What the interlock's thread has seen.
pub struct Beside {
    pub ticks: u64,
    pub opened: u64,
    pub worst_ticks: u64,
    pub worst_pause: Duration,
    pub real_time: bool,
}

impl Beside {
    /// Fails if the interlock ever missed its bound.
    pub fn check(&self) -> String {
        assert!(self.opened > 10, "only {} openings", self.opened);
        assert!(
            self.worst_ticks <= MAX_TICKS,
            "opened only after {} ticks",
            self.worst_ticks
        );
        let bound = if self.real_time {
            MAX_PAUSE
        } else {
            Duration::from_secs(2)
        };
        assert!(
            self.worst_pause < bound,
            "no tick for {:?}",
            self.worst_pause
        );
        format!(
            "the interlock beside them: {} ticks of 10 ms, {} openings, each within {} tick(s) (bound {MAX_TICKS}); longest pause \
             between two ticks {:.1} ms (bound {} ms{})",
            self.ticks,
            self.opened,
            self.worst_ticks,
            self.worst_pause.as_secs_f64() * 1e3,
            bound.as_millis(),
            if self.real_time {
                ""
            } else {
                "; no right to SCHED_FIFO here"
            }
        )
    }
}

fn permit(now: units::Instant) -> Permit {
    Permit {
        max_current: Milliamps::from_amps(16),
        phases: Phases::Three,
        valid_until: now.after(Millis::new(500)),
        lock: LockWish::WhenPlugged,
        available: true,
        wake_up: false,
        unlock_count: 0,
        actuator_retry_count: 0,
    }
}

/// A closed contactor, reached in virtual time.
fn charging() -> (Interlock, Inputs, units::Instant) {
    let mut station = SimStation::new(&[SimEvseConfig::socket()], 1);
    let mut interlock = Interlock::new(BoardProfile::socket_32a());
    for ms in (0..60_000).step_by(10) {
        let now = units::Instant::from_millis(ms);
        if ms == 5_000 {
            let plug = SimCommand::PlugIn(PlugIn::preset(EvPreset::ThreePhase));
            station.apply(now, 1, plug).unwrap();
        }
        let inputs = station.boards[0].read(now);
        let outputs = interlock.step(now, &inputs, &permit(now));
        station.boards[0].write(now, &outputs);
        // Some seconds longer than the first close, so that every filter has settled.
        if outputs.contactor && ms > 40_000 {
            return (interlock, inputs, now);
        }
    }
    panic!("the contactor never closed");
}

fn real_time() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    ThreadPriorityValue::try_from(50_u8).is_ok_and(|value| {
        let priority = ThreadPriority::Crossplatform(value);
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    })
}

/// Ticks until told to stop.
#[allow(clippy::disallowed_methods, reason = "the test is about real time")]
pub fn run(stop: &AtomicBool) -> Beside {
    let (charging, inputs, since) = charging();
    let mut tripped = inputs;
    tripped.residual.tripped = true;
    let mut seen = Beside {
        ticks: 0,
        opened: 0,
        worst_ticks: 0,
        worst_pause: Duration::ZERO,
        real_time: real_time(),
    };
    let (mut interlock, mut now) = (charging.clone(), since);
    let (mut due, mut last) = (Instant::now(), Instant::now());
    let mut event = None;
    while !stop.load(Ordering::Relaxed) {
        due += TICK;
        while Instant::now() < due {
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        seen.worst_pause = seen.worst_pause.max(last.elapsed());
        last = Instant::now();
        seen.ticks += 1;
        now = now.after(Millis::new(10));
        if event.is_none() && seen.ticks.is_multiple_of(EVERY) {
            event = Some(seen.ticks);
        }
        let inputs = if event.is_some() { &tripped } else { &inputs };
        let outputs = interlock.step(now, inputs, &permit(now));
        match event {
            None => assert!(outputs.contactor, "it charges until something is wrong"),
            Some(began) if !outputs.contactor => {
                seen.opened += 1;
                seen.worst_ticks = seen.worst_ticks.max(seen.ticks - began + 1);
                (interlock, now, event) = (charging.clone(), since, None);
            }
            Some(began) => assert!(seen.ticks - began < 50, "it never opened"),
        }
    }
    seen
}
