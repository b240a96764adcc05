//! From pilot voltages to a pilot state: windows, hysteresis, filter times.
//!
//! The filter is quick towards states without voltage and slow towards states with it. Time spent away from C or D
//! is accumulated and drains four times slower than it fills, so a pilot that flickers counts as left.

use units::{Instant, Millis, Millivolts};

use crate::constants::{
    LATE_TICK_MS, PILOT_LEAK, PILOT_LEAVE_MS, PILOT_SETTLE_MS, PILOT_TO_SAFE_MS,
};
use crate::types::PilotState;

/// One look at the pilot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    /// A trusted positive peak.
    High(Millivolts),
    /// The converter's sample is not valid.
    Invalid,
    /// The station itself drives E or F, or something was just switched: nothing can be seen.
    Blind,
}

/// The filtered pilot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pilot {
    state: PilotState,
    raw: PilotState,
    /// How long the raw state has been the same, late ticks counted short.
    held: Millis,
    /// How long samples have spoken against the present C or D.
    away: Millis,
    settled: bool,
}

impl Pilot {
    pub(crate) const fn new() -> Self {
        Self {
            state: PilotState::A,
            raw: PilotState::A,
            held: Millis::ZERO,
            away: Millis::ZERO,
            settled: false,
        }
    }

    /// Takes a sample that is `dt` younger than the last; returns the state before, if it changed.
    pub(crate) fn update(&mut self, dt: Millis, sample: Sample) -> Option<PilotState> {
        let before = self.state;
        match sample {
            Sample::High(level) => self.take(dt, classify(level, self.raw)),
            Sample::Invalid => {
                // Speaks against C and D, but names no other state; the silent board trips by itself.
                self.held = Millis::ZERO;
                self.away = shorter(plus(self.away, dt), PILOT_LEAVE_MS);
            }
            Sample::Blind => self.held = Millis::ZERO,
        }
        (before != self.state).then_some(before)
    }

    fn take(&mut self, dt: Millis, raw: PilotState) {
        if raw == self.raw {
            self.held = plus(self.held, shorter(dt, LATE_TICK_MS));
        } else {
            self.raw = raw;
            self.held = Millis::ZERO;
        }
        if !self.settled {
            if self.held >= PILOT_SETTLE_MS {
                self.settled = true;
                self.become_state(raw);
            }
            return;
        }
        if raw == self.state {
            let drained = dt.get().checked_div(PILOT_LEAK).unwrap_or(0);
            self.away = Millis::new(self.away.get().saturating_sub(drained));
            return;
        }
        let due = if is_energisable(self.state) {
            self.leave(
                dt,
                if is_safe(raw) {
                    PILOT_TO_SAFE_MS
                } else {
                    PILOT_LEAVE_MS
                },
            )
        } else {
            self.held
                >= if is_safe(raw) {
                    PILOT_TO_SAFE_MS
                } else {
                    PILOT_SETTLE_MS
                }
        };
        if due {
            self.become_state(raw);
        }
    }

    fn leave(&mut self, dt: Millis, limit: Millis) -> bool {
        self.away = plus(self.away, dt);
        self.away >= limit
    }

    fn become_state(&mut self, state: PilotState) {
        self.state = state;
        self.away = Millis::ZERO;
    }

    /// The filtered state.
    pub(crate) const fn state(&self) -> PilotState {
        self.state
    }

    /// Has any state been seen long enough since the start?
    pub(crate) const fn settled(&self) -> bool {
        self.settled
    }

    /// How long the samples have agreed with the filtered state, without a break.
    pub(crate) fn steady(&self) -> Millis {
        if self.raw == self.state {
            self.held
        } else {
            Millis::ZERO
        }
    }
}

/// C and D: the vehicle asks for energy.
pub(crate) const fn is_energisable(state: PilotState) -> bool {
    matches!(state, PilotState::C | PilotState::D)
}

/// A, E, F: nothing may be energised and no more questions are asked.
const fn is_safe(state: PilotState) -> bool {
    matches!(state, PilotState::A | PilotState::E | PilotState::F)
}

/// Sorts a positive peak into its window. Between two windows the previous raw state stays if it is one of the
/// neighbours; otherwise the neighbour that energises less.
///
/// Source: domain fact sheet §1.1 (windows); above 14 V and below −1 V: own choice, ADR 0001 (an error).
fn classify(high: Millivolts, previous: PilotState) -> PilotState {
    let keep = |neighbour: PilotState, careful: PilotState| {
        if previous == neighbour {
            neighbour
        } else {
            careful
        }
    };
    match high.get() {
        11_000..=14_000 => PilotState::A,
        10_001..=10_999 => keep(PilotState::A, PilotState::B),
        8_000..=10_000 => PilotState::B,
        7_001..=7_999 => keep(PilotState::C, PilotState::B),
        5_000..=7_000 => PilotState::C,
        4_001..=4_999 => keep(PilotState::C, PilotState::D),
        2_000..=4_000 => PilotState::D,
        1_001..=1_999 => keep(PilotState::D, PilotState::E),
        _ => PilotState::E,
    }
}

fn plus(a: Millis, b: Millis) -> Millis {
    Millis::new(a.get().saturating_add(b.get()))
}

fn shorter(a: Millis, b: Millis) -> Millis {
    if a < b { a } else { b }
}

/// Since when the board looks away from the pilot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blanking(Instant);

impl Blanking {
    pub(crate) const NEW: Self = Self(Instant::ZERO);

    pub(crate) fn start(&mut self, now: Instant, span: Millis) {
        self.0 = now.after(span);
    }

    pub(crate) fn active(&self, now: Instant) -> bool {
        now < self.0
    }
}
