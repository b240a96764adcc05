//! What the simulated board of one EVSE shows to its meter, its reader and the control interface.
//!
//! Atomics, so that the interlock's thread never waits for anybody who looks.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::ev::EvMode;
use super::fault::FaultSet;

/// One EVSE's physics as last published. Readers may see values of two neighbouring ticks; nothing here decides.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) energy_uj: AtomicU64,
    pub(super) current_ma: [AtomicU32; 3],
    pub(super) voltage_mv: [AtomicU32; 3],
    pub(super) flags: AtomicU32,
    pub(super) faults: AtomicU64,
    pub(super) ev_taken_wh: AtomicU64,
    /// Commands given and commands carried out.
    pub(super) given: AtomicU64,
    pub(super) done: AtomicU64,
}

/// Bits of [`Shared::flags`].
pub(super) mod flag {
    pub const CABLE: u32 = 1;
    pub const EV: u32 = 1 << 1;
    pub const HELD: u32 = 1 << 2;
    pub const CLOSED: u32 = 1 << 3;
    pub const S2: u32 = 1 << 4;
    pub const PAUSED: u32 = 1 << 5;
    pub const FULL: u32 = 1 << 6;
    pub const ASLEEP: u32 = 1 << 7;
    pub const TORN: u32 = 1 << 8;
}

impl Shared {
    pub(super) fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    pub(super) fn faults(&self) -> FaultSet {
        FaultSet::from_bits(self.faults.load(Relaxed))
    }

    /// Every command given has been carried out, so the published state is current.
    pub(super) fn is_settled(&self) -> bool {
        self.given.load(Relaxed) == self.done.load(Relaxed)
    }
}

/// What a person standing at the simulated EVSE would see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimView {
    /// A cable is in the station's socket (or belongs to the station).
    pub cable: bool,
    /// A vehicle is at the other end of it, and what it is about.
    pub ev: Option<EvMode>,
    /// The vehicle has closed S2.
    pub s2: bool,
    /// The plug is held by the lock.
    pub plug_held: bool,
    /// The contactor's main contacts are closed.
    pub contactor_closed: bool,
    /// The cable was torn off.
    pub torn: bool,
    /// Current on L1, L2, L3 in mA.
    pub current_ma: [u32; 3],
    /// Energy the vehicle took since it was connected, Wh.
    pub ev_taken_wh: u64,
    /// Faults that stand.
    pub faults: FaultSet,
}

impl Shared {
    pub(super) fn view(&self) -> SimView {
        let flags = self.flags();
        let mode = if flags & flag::ASLEEP != 0 {
            EvMode::Asleep
        } else if flags & flag::PAUSED != 0 {
            EvMode::Paused
        } else if flags & flag::FULL != 0 {
            EvMode::Full
        } else {
            EvMode::Charge
        };
        SimView {
            cable: flags & flag::CABLE != 0,
            ev: (flags & flag::EV != 0).then_some(mode),
            s2: flags & flag::S2 != 0,
            plug_held: flags & flag::HELD != 0,
            contactor_closed: flags & flag::CLOSED != 0,
            torn: flags & flag::TORN != 0,
            current_ma: self.current_ma.each_ref().map(|ma| ma.load(Relaxed)),
            ev_taken_wh: self.ev_taken_wh.load(Relaxed),
            faults: self.faults(),
        }
    }
}
