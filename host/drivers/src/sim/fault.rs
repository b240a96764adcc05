//! Faults of the simulated hardware, by name.

/// One fault of the simulated hardware; its bit in a [`FaultSet`] is its place in [`SimFault::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SimFault {
    /// Pilot shorted to earth.
    PilotShort,
    /// Pilot wire broken inside the station.
    PilotLost,
    /// The vehicle's diode is missing or shorted.
    DiodeMissing,
    /// Proximity pilot shorted to earth.
    ProximityShort,
    /// Proximity pilot open although a plug is in.
    ProximityOpen,
    /// The proximity converter does not answer.
    ProximitySilent,
    /// Protective earth lost.
    EarthLost,
    /// Main contacts welded: closed whatever is commanded.
    ContactorWelded,
    /// Main contacts never close.
    ContactorStuckOpen,
    /// The mirror contact says open whatever the main contacts do.
    MirrorStuckOpen,
    /// The mirror contact says closed whatever the main contacts do.
    MirrorStuckClosed,
    /// The lock motor does not move.
    LockJammed,
    /// No lock motor on the output.
    LockMissing,
    /// Direct current flows to earth: the residual current device trips and stays tripped until reset.
    ResidualTrip,
    /// The residual current device reports itself broken.
    ResidualBroken,
    /// The residual current device fails its self-tests.
    ResidualSelfTestFails,
    /// Breaker of the type-2 socket is off.
    BreakerType2,
    /// Breaker of the domestic socket is off.
    BreakerDomestic,
    /// External residual current device is off.
    ExternalRcd,
    /// Surge protection has reacted.
    Surge,
    /// Mains at 270 V.
    OverVoltage,
    /// Mains at 180 V.
    UnderVoltage,
    /// Line 1 is dead.
    PhaseL1Missing,
    /// Line 2 is dead.
    PhaseL2Missing,
    /// Line 3 is dead.
    PhaseL3Missing,
    /// The contactor is at 95 °C.
    ContactorHot,
    /// The socket's contacts are at 95 °C.
    SocketHot,
    /// The vehicle draws 30 % and 2 A more than it is offered.
    OverCurrent,
    /// The board's samples are invalid.
    BoardSilent,
    /// The charging meter does not answer.
    MeterSilent,
    /// The card reader does not answer.
    ReaderSilent,
}

impl SimFault {
    /// Every fault with its name, as the control interface spells it.
    pub const ALL: [(Self, &'static str); 31] = [
        (Self::PilotShort, "pilot-short"),
        (Self::PilotLost, "pilot-lost"),
        (Self::DiodeMissing, "diode-missing"),
        (Self::ProximityShort, "proximity-short"),
        (Self::ProximityOpen, "proximity-open"),
        (Self::ProximitySilent, "proximity-silent"),
        (Self::EarthLost, "earth-lost"),
        (Self::ContactorWelded, "contactor-welded"),
        (Self::ContactorStuckOpen, "contactor-stuck-open"),
        (Self::MirrorStuckOpen, "mirror-stuck-open"),
        (Self::MirrorStuckClosed, "mirror-stuck-closed"),
        (Self::LockJammed, "lock-jammed"),
        (Self::LockMissing, "lock-missing"),
        (Self::ResidualTrip, "rdc-trip"),
        (Self::ResidualBroken, "rdc-broken"),
        (Self::ResidualSelfTestFails, "rdc-self-test-fails"),
        (Self::BreakerType2, "breaker-type2"),
        (Self::BreakerDomestic, "breaker-domestic"),
        (Self::ExternalRcd, "rcd"),
        (Self::Surge, "surge"),
        (Self::OverVoltage, "over-voltage"),
        (Self::UnderVoltage, "under-voltage"),
        (Self::PhaseL1Missing, "phase-l1-missing"),
        (Self::PhaseL2Missing, "phase-l2-missing"),
        (Self::PhaseL3Missing, "phase-l3-missing"),
        (Self::ContactorHot, "contactor-hot"),
        (Self::SocketHot, "socket-hot"),
        (Self::OverCurrent, "over-current"),
        (Self::BoardSilent, "board-silent"),
        (Self::MeterSilent, "meter-silent"),
        (Self::ReaderSilent, "reader-silent"),
    ];

    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(fault, _)| *fault)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(fault, _)| *fault == self)
            .map_or("", |(_, name)| name)
    }

    const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// The faults that stand at one EVSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultSet(u64);

impl FaultSet {
    /// Does it stand?
    #[must_use]
    pub const fn has(self, fault: SimFault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// Lets a fault come.
    pub const fn insert(&mut self, fault: SimFault) {
        self.0 |= fault.bit();
    }

    /// Heals a fault.
    pub const fn remove(&mut self, fault: SimFault) {
        self.0 &= !fault.bit();
    }

    /// Heals everything.
    pub const fn clear(&mut self) {
        self.0 = 0;
    }

    /// No fault stands.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the standing faults.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        SimFault::ALL
            .iter()
            .filter(move |(fault, _)| self.has(*fault))
            .map(|(_, name)| *name)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_in_the_table_once_and_found_by_its_name() {
        let mut seen = FaultSet::default();
        for (place, (fault, name)) in SimFault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, place, "{name} is out of order");
            assert!(!seen.has(*fault), "{name} shares a bit");
            seen.insert(*fault);
            assert_eq!(SimFault::named(name), Some(*fault));
            assert_eq!(fault.name(), *name);
        }
        assert_eq!(seen.names().count(), SimFault::ALL.len());
    }
}
