//! The cable's coding resistor: read before PWM, frozen for the session, watched during it.

use units::{Instant, Milliamps, Ohms, Phases};

use crate::constants::{PROXIMITY_CHANGED_MS, PROXIMITY_LOST_MS, PROXIMITY_STEADY_MS};
use crate::dwell::Dwell;

/// What the resistor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// No plug in the socket.
    Open,
    /// A cable of 13, 20, 32 or 63 A.
    Cable(Rating),
    /// Shorted, between two windows, or no answer.
    Faulty,
}

/// Ratings that a resistor can code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rating {
    /// 1500 Ω.
    A13,
    /// 680 Ω.
    A20,
    /// 220 Ω.
    A32,
    /// 100 Ω: 63 A three-phase, 70 A single-phase.
    A63,
}

impl Rating {
    /// What the cable carries on these phases.
    pub(crate) const fn current(self, phases: Phases) -> Milliamps {
        match (self, phases) {
            (Self::A13, _) => Milliamps::from_amps(13),
            (Self::A20, _) => Milliamps::from_amps(20),
            (Self::A32, _) => Milliamps::from_amps(32),
            (Self::A63, Phases::Three) => Milliamps::from_amps(63),
            (Self::A63, Phases::One) => Milliamps::from_amps(70),
        }
    }
}

/// Sorts a resistance into its window.
///
/// Source: domain fact sheet §1.3. On the border of two windows the smaller rating counts; 2200–4500 Ω codes
/// nothing: own choice, ADR 0001 (faulty).
const fn classify(resistance: Option<Ohms>) -> Coding {
    match resistance {
        None => Coding::Faulty,
        Some(ohms) => match ohms.get() {
            0..=74 => Coding::Faulty,
            75..=149 => Coding::Cable(Rating::A63),
            150..=329 => Coding::Cable(Rating::A32),
            330..=999 => Coding::Cable(Rating::A20),
            1_000..=2_200 => Coding::Cable(Rating::A13),
            2_201..=4_500 => Coding::Faulty,
            4_501.. => Coding::Open,
        },
    }
}

/// The filtered proximity pilot of a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proximity {
    raw: Coding,
    steady: Dwell,
    coding: Coding,
    frozen: Option<Rating>,
    lost: Dwell,
    changed: Dwell,
    unread: Dwell,
}

impl Proximity {
    pub(crate) const fn new() -> Self {
        Self {
            raw: Coding::Open,
            steady: Dwell::NEW,
            coding: Coding::Open,
            frozen: None,
            lost: Dwell::NEW,
            changed: Dwell::NEW,
            unread: Dwell::NEW,
        }
    }

    /// Takes a reading.
    pub(crate) fn update(&mut self, now: Instant, resistance: Option<Ohms>) {
        let raw = classify(resistance);
        if raw != self.raw {
            self.raw = raw;
            self.steady = Dwell::NEW;
        }
        if self.steady.holds(true, now, PROXIMITY_STEADY_MS) {
            self.coding = raw;
        }
    }

    /// Forgets the frozen rating: a vehicle was plugged in or is gone.
    pub(crate) fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Freezes the rating if the coding is a steady cable and none is frozen; returns it when it did.
    pub(crate) fn freeze(&mut self) -> Option<Rating> {
        match (self.frozen, self.coding) {
            (None, Coding::Cable(rating)) => {
                self.frozen = Some(rating);
                self.frozen
            }
            (None, Coding::Open | Coding::Faulty) | (Some(_), _) => None,
        }
    }

    /// Is anything wrong with the proximity pilot while a vehicle is connected?
    pub(crate) fn is_wrong(&mut self, now: Instant, connected: bool) -> bool {
        let frozen = if connected { self.frozen } else { None };
        let lost = frozen.is_some() && matches!(self.raw, Coding::Open | Coding::Faulty);
        let changed = matches!((frozen, self.raw), (Some(a), Coding::Cable(b)) if a != b);
        let unread = connected && frozen.is_none();
        // All three are told every time, so that none keeps an old start.
        let lost = self.lost.holds(lost, now, PROXIMITY_LOST_MS);
        let changed = self.changed.holds(changed, now, PROXIMITY_CHANGED_MS);
        let unread = self.unread.holds(unread, now, PROXIMITY_CHANGED_MS);
        lost || changed || unread
    }

    /// The rating of this session.
    pub(crate) const fn frozen(&self) -> Option<Rating> {
        self.frozen
    }

    /// Is something in the socket? A faulty coding counts as a plug.
    pub(crate) const fn plug_present(&self) -> bool {
        !matches!(self.coding, Coding::Open)
    }
}
