//! The interlock's reaction on a real 10 ms tick while hostile guests spin on every core.
//!
//! A simulated board and a car are brought to a closed contactor in virtual time; that state is kept. Then a thread steps
//! the real interlock once per real tick, as the daemon's does, and on every injected event (a residual current, or the
//! car going from C to B) measures the time from the event to the command to open. Each event starts from the kept state.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use drivers::Board;
use drivers::sim::{EvPreset, PlugIn, SimCommand, SimEvseConfig, SimStation};
use interlock::{BoardProfile, Inputs, Interlock, LockWish, Permit};
use plugin_host::{Engine, EngineConfig, Limits};
use units::{Milliamps, Millis, Millivolts, Phases};

use crate::calls::{load, moment, question, start};
use crate::{percentile, report};

const TICK: Duration = Duration::from_millis(10);
const TICK_MS: u64 = 10;
const EVENTS: usize = 1_500;
/// Virtual time until the contactor must have closed.
const CLOSED_WITHIN_MS: u64 = 60_000;
/// Steps after an event within which it must open; more means that the rule is broken, not late.
const MAX_STEPS: u32 = 50;

type Failure = Box<dyn std::error::Error>;

struct Charging {
    interlock: Interlock,
    inputs: Inputs,
    at: units::Instant,
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

fn charging() -> Result<Charging, Failure> {
    let mut station = SimStation::new(&[SimEvseConfig::socket()], 1);
    let mut interlock = Interlock::new(profile());
    let plug = SimCommand::PlugIn(PlugIn::preset(EvPreset::ThreePhase));
    let mut plug = Some(plug);
    for ms in (0..CLOSED_WITHIN_MS).step_by(10) {
        let now = units::Instant::from_millis(ms);
        if ms >= 5_000
            && let Some(plug) = plug.take()
        {
            station.apply(now, 1, plug)?;
        }
        let board = station.boards.first_mut().ok_or("no board")?;
        let inputs = board.read(now);
        let outputs = interlock.step(now, &inputs, &permit(now));
        board.write(now, &outputs);
        // Some seconds longer than the first close, so that every filter has settled.
        if outputs.contactor && ms > 40_000 {
            return Ok(Charging {
                interlock,
                inputs,
                at: now,
            });
        }
    }
    Err(format!("the contactor never closed: {:?}", interlock.status()).into())
}

fn profile() -> BoardProfile {
    BoardProfile::socket_32a()
}

/// Every other event is a residual current, the others are a car that goes from C to B.
fn is_fault(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn after_event(inputs: &Inputs, number: usize) -> Inputs {
    let mut inputs = *inputs;
    if is_fault(number) {
        inputs.residual.tripped = true;
    } else {
        inputs.pilot_high = Millivolts::new(9_000);
    }
    inputs
}

/// What the ticking thread and the injecting thread share.
#[derive(Default)]
struct Shared {
    /// Number of the event that stands, 0 for none.
    event: AtomicU32,
    /// When the contactor was commanded open for it, ns since the start.
    opened_ns: AtomicU64,
    /// Longest time from a tick's due time to the end of its step, ns.
    worst_tick_ns: AtomicU64,
    ticks: AtomicU32,
    stop: AtomicBool,
}

/// Measures and reports.
pub fn measure(components: &Path) -> Result<(), Failure> {
    let charging = charging()?;
    let epoch = Instant::now();
    let shared = Arc::new(Shared::default());
    let cores = std::thread::available_parallelism()?.get();
    let engine = Engine::new(EngineConfig::STATION)?;
    let hostile = load(&engine, components, "hostile-authorizer")?;
    let mut threads = Vec::new();
    for _ in 0..cores {
        let (hostile, shared) = (hostile.clone(), Arc::clone(&shared));
        threads.push(std::thread::spawn(move || {
            let limits = Limits::DEFAULT;
            while !shared.stop.load(Ordering::Relaxed) {
                if let Ok(mut plugin) = start(&hostile, limits, "loop") {
                    // It never answers: that is the load.
                    let _ = plugin.handle(moment(), question(1));
                }
            }
        }));
    }
    let ticking = Arc::clone(&shared);
    let ticker = std::thread::Builder::new()
        .name("interlock".to_owned())
        .spawn(move || tick(&ticking, &charging, epoch))?;
    let outcome = inject(&shared, epoch);
    shared.stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().map_err(|_| "a hostile thread panicked")?;
    }
    ticker
        .join()
        .map_err(|_| "the interlock's thread panicked")?;
    let Reactions {
        mut fault,
        mut left,
    } = outcome?;
    report_reactions("fault", &mut fault);
    report_reactions("left", &mut left);
    #[allow(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "nanoseconds of a tick"
    )]
    let worst = shared.worst_tick_ns.load(Ordering::Relaxed) as f64 / 1e6;
    let ticks = usize::try_from(shared.ticks.load(Ordering::Relaxed))?;
    report("interlock_tick_worst_ms", worst, "ms", ticks);
    Ok(())
}

/// Reactions in ms, by event.
struct Reactions {
    fault: Vec<f64>,
    left: Vec<f64>,
}

fn report_reactions(event: &str, samples: &mut [f64]) {
    let count = samples.len();
    for (name, share) in [("p999", 0.999), ("max", 1.0)] {
        let value = percentile(samples, share);
        report(&format!("interlock_{event}_{name}_ms"), value, "ms", count);
    }
}

fn nanos(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The interlock's thread: one step per tick, late or not.
fn tick(shared: &Shared, charging: &Charging, epoch: Instant) {
    // As the daemon's thread does; without the right to it, the thread runs as any other, and the table says so.
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let fifo = ThreadPriorityValue::try_from(50_u8).is_ok_and(|value| {
        let priority = ThreadPriority::Crossplatform(value);
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    });
    if !fifo {
        eprintln!(
            "note: no right to SCHED_FIFO here, so the interlock's rows are those of an ordinary thread"
        );
    }
    let mut interlock = charging.interlock.clone();
    let (mut now, mut seen, mut done) = (charging.at, 0, 0);
    let mut due = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        due += TICK;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let event = shared.event.load(Ordering::Acquire);
        if event != seen {
            seen = event;
            interlock = charging.interlock.clone();
            now = charging.at;
        }
        now = now.after(Millis::new(TICK_MS));
        let number = usize::try_from(event).unwrap_or_default();
        let inputs = if event == 0 {
            charging.inputs
        } else {
            after_event(&charging.inputs, number)
        };
        let outputs = interlock.step(now, &inputs, &permit(now));
        if event != 0 && done != event && !outputs.contactor {
            done = event;
            shared.opened_ns.store(nanos(epoch), Ordering::Release);
        }
        let took = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.worst_tick_ns.fetch_max(took, Ordering::Relaxed);
        shared.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets events come at odd times and collects the reactions in ms.
fn inject(shared: &Shared, epoch: Instant) -> Result<Reactions, Failure> {
    let mut reactions = Reactions {
        fault: Vec::new(),
        left: Vec::new(),
    };
    for number in 1..=EVENTS {
        // Not in step with the tick: 7 ms and a prime number of microseconds.
        std::thread::sleep(Duration::from_micros(
            7_000 + u64::try_from(number * 911 % 9_973)?,
        ));
        let since = nanos(epoch);
        shared.opened_ns.store(0, Ordering::Release);
        shared
            .event
            .store(u32::try_from(number)?, Ordering::Release);
        let opened = loop {
            let opened = shared.opened_ns.load(Ordering::Acquire);
            if opened != 0 {
                break opened;
            }
            if nanos(epoch).saturating_sub(since) > u64::from(MAX_STEPS) * TICK_MS * 1_000_000 {
                return Err(format!("event {number} never opened the contactor").into());
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        #[allow(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "some milliseconds"
        )]
        let took = opened.saturating_sub(since) as f64 / 1e6;
        if is_fault(number) {
            reactions.fault.push(took);
        } else {
            reactions.left.push(took);
        }
    }
    Ok(reactions)
}
