//! What the interlock must know about one board: attachment, ratings, fitted features, reclose policies.
//!
//! There is no `Default`: nobody can guess a board. Presets exist only for what a manual describes.

use units::{DeciCelsius, Milliamps, Millis, Millivolts, Phases};

use crate::types::{Attachment, ReclosePolicy};

/// Is a residual direct current device part of the board?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResidualDevice {
    /// The installation has a type B device upstream; the board has none, `Inputs::residual` is ignored.
    NotFitted,
    /// The board has one. Its fault output opens the contactor in hardware; the interlock follows.
    Fitted,
}

/// What the board can sense on the load side of the contactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadSide {
    /// Nothing: only the mirror contact tells of a weld.
    NotSensed,
    /// Voltage is sensed at all times.
    Always,
    /// The reading counts only while no vehicle is connected (it could feed back).
    OnlyUnplugged,
}

/// Can the board ventilate the room (state D)?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ventilation {
    /// No: a vehicle that asks for ventilation is refused.
    NotFitted,
    /// Yes: asked for by `Outputs::ventilation`, confirmed by `Inputs::ventilation`.
    Switched,
}

/// Does the contactor have a mirror (auxiliary) contact?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorContact {
    /// No. Then the load side should be sensed; without either no weld can be found.
    NotFitted,
    /// Yes.
    Fitted,
}

/// How the board makes an electronic "unplug" for the wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeStep {
    /// It can disconnect the pilot (state E).
    DisconnectPilot,
    /// It holds the pilot at −12 V (state F).
    StateF,
}

/// May the board switch between one and three phases?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseSwitching {
    /// No: the contactor always connects what the supply has.
    Fixed,
    /// Yes, after a pause.
    Switchable,
}

/// What the lock does when a trip opened the contactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOnTrip {
    /// It goes on following the permit's wish.
    FollowWish,
    /// It opens as soon as the contactor is proven open (Cabur).
    Release,
}

/// Limits of one temperature sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemperatureLimits {
    /// From here on the offer falls linearly towards the minimum current.
    pub derate_from: DeciCelsius,
    /// At and above this the contactor opens.
    pub trip_at: DeciCelsius,
    /// The trip may clear below this.
    pub clear_below: DeciCelsius,
}

/// How each latched protection is reclosed. Nothing else clears them: no permit, plugin or restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reclose {
    /// Residual direct current device: tripped, broken, or its self-test failed.
    pub residual: ReclosePolicy,
    /// External residual current device.
    pub external_rcd: ReclosePolicy,
    /// Circuit breakers.
    pub breakers: ReclosePolicy,
    /// Measured over-current.
    pub over_current: ReclosePolicy,
    /// Welded contactor.
    pub weld: ReclosePolicy,
}

/// Everything the interlock knows about its board. Fixed for the life of an [`crate::Interlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardProfile {
    /// Socket with lock, or tethered cable.
    pub attachment: Attachment,
    /// Highest current of board and installation material.
    pub max_current: Milliamps,
    /// Phases that are wired.
    pub supply: Phases,
    /// Can the contactor connect one phase of three?
    pub phase_switching: PhaseSwitching,
    /// Nominal voltage line to neutral.
    pub nominal_voltage: Millivolts,
    /// Residual direct current device.
    pub residual: ResidualDevice,
    /// Mirror contact.
    pub mirror: MirrorContact,
    /// Load side sensing.
    pub load_side: LoadSide,
    /// Room ventilation.
    pub ventilation: Ventilation,
    /// The wake-up's electronic unplug.
    pub wake_step: WakeStep,
    /// Sensor at contactor or relay, if fitted.
    pub contactor_sensor: Option<TemperatureLimits>,
    /// Sensor at socket contacts or plug holder, if fitted.
    pub socket_sensor: Option<TemperatureLimits>,
    /// Lock behaviour after a trip.
    pub lock_on_trip: LockOnTrip,
    /// Reclose policies.
    pub reclose: Reclose,
}

/// Nominal voltage of the public European mains, line to neutral.
const MAINS_230_V: Millivolts = Millivolts::new(230_000);

/// Sensor limits used by the presets.
///
/// Source: own choice, ADR 0001; no manual gives numbers. A board maker must replace them.
const PRESET_TEMPERATURE: TemperatureLimits = TemperatureLimits {
    derate_from: DeciCelsius::new(700),
    trip_at: DeciCelsius::new(850),
    clear_below: DeciCelsius::new(650),
};

impl BoardProfile {
    /// A 32 A type-2 socket in the manner of Powerstation TWO.
    ///
    /// Source: domain fact sheet §1.7 (residual current: reset on every unplug), §1.8 (load side sensed while
    /// unplugged), §1.9. Temperature limits: own choice, ADR 0001.
    #[must_use]
    pub const fn socket_32a() -> Self {
        Self {
            attachment: Attachment::Socket,
            max_current: Milliamps::from_amps(32),
            supply: Phases::Three,
            phase_switching: PhaseSwitching::Switchable,
            nominal_voltage: MAINS_230_V,
            residual: ResidualDevice::Fitted,
            mirror: MirrorContact::Fitted,
            load_side: LoadSide::OnlyUnplugged,
            ventilation: Ventilation::NotFitted,
            wake_step: WakeStep::StateF,
            contactor_sensor: Some(PRESET_TEMPERATURE),
            socket_sensor: Some(PRESET_TEMPERATURE),
            lock_on_trip: LockOnTrip::FollowWish,
            reclose: Reclose {
                residual: ReclosePolicy::OnUnplug,
                external_rcd: ReclosePolicy::OnUnplug,
                breakers: ReclosePolicy::OnUnplug,
                over_current: ReclosePolicy::OnUnplug,
                weld: ReclosePolicy::ManualLocal,
            },
        }
    }

    /// The same socket with a residual current monitor up to version D0469: recloses 15 min after unplugging.
    ///
    /// Source: domain fact sheet §1.7.
    #[must_use]
    pub const fn socket_32a_old_monitor() -> Self {
        let mut profile = Self::socket_32a();
        profile.reclose.residual = ReclosePolicy::AutoDelay(Millis::from_secs(15 * 60));
        profile
    }

    /// A 32 A type-2 socket in the manner of Cabur EV PLUS: the lock opens on a fault, and protections are
    /// reclosed by hand only.
    ///
    /// Source: domain fact sheet §1.7, §1.9. Temperature limits: own choice, ADR 0001.
    #[must_use]
    pub const fn cabur_socket_32a() -> Self {
        let mut profile = Self::socket_32a();
        profile.lock_on_trip = LockOnTrip::Release;
        profile.reclose = Reclose {
            residual: ReclosePolicy::ManualLocal,
            external_rcd: ReclosePolicy::ManualLocal,
            breakers: ReclosePolicy::ManualLocal,
            over_current: ReclosePolicy::OnUnplug,
            weld: ReclosePolicy::ManualLocal,
        };
        profile
    }

    /// A 32 A tethered cable with otherwise the equipment of [`BoardProfile::socket_32a`].
    #[must_use]
    pub const fn tethered_32a() -> Self {
        let mut profile = Self::socket_32a();
        profile.attachment = Attachment::Tethered(Milliamps::from_amps(32));
        profile
    }
}
