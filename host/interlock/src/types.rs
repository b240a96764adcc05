//! What crosses the interlock's border: inputs of the board, the station's permit, outputs, status.

use units::{DeciCelsius, DutyCycle, Instant, Milliamps, Millis, Millivolts, Ohms, Phases};

/// State of the control pilot as the standard names it, without the PWM suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PilotState {
    /// No vehicle.
    A,
    /// Vehicle connected, not ready.
    B,
    /// Vehicle ready, no ventilation needed.
    C,
    /// Vehicle ready, ventilation needed.
    D,
    /// Short to earth, or pilot lost.
    E,
    /// The EVSE itself holds the pilot at −12 V: not available.
    F,
}

/// A two-level input that may also be unknown; unknown is always treated as the dangerous level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// The contact is open.
    Open,
    /// The contact is closed.
    Closed,
    /// The board cannot tell.
    Unknown,
}

/// Position of the plug lock, as its feedback says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPosition {
    /// The plug can be pulled.
    Unlocked,
    /// The plug is held.
    Locked,
    /// Between the ends, or no feedback.
    Unknown,
    /// The board has a lock output but finds no actuator on it.
    Missing,
}

/// What the board's residual direct current device reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidualCurrent {
    /// The 6 mA DC (or 30 mA AC) output is active.
    pub tripped: bool,
    /// The device reports itself broken or is not there.
    pub device_fault: bool,
    /// State of the self-test that [`Outputs::rdc_self_test`] started.
    pub self_test: SelfTest,
}

/// Progress of the residual current device's self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTest {
    /// None is running.
    Idle,
    /// Test current flows.
    Running,
    /// The device tripped and released as it must.
    Passed,
    /// The device did not trip, or did not release.
    Failed,
}

/// What the mains side measures. `None` means that this board does not measure it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainsReading {
    /// RMS voltage line to neutral on the supply side, L1 L2 L3.
    pub voltage: [Option<Millivolts>; 3],
    /// RMS current towards the vehicle, L1 L2 L3.
    pub current: [Option<Milliamps>; 3],
}

/// External protective devices, where the board has a contact for them. `None`: not wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protections {
    /// Circuit breaker of the type-2 socket tripped.
    pub breaker_type2: Option<bool>,
    /// Circuit breaker of the domestic socket tripped.
    pub breaker_domestic: Option<bool>,
    /// External residual current device tripped.
    pub rcd: Option<bool>,
    /// Surge protection tripped (warning only).
    pub surge: Option<bool>,
}

/// One sample of everything the board knows, taken at `now` of the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Highest level of the pilot since the last tick.
    pub pilot_high: Millivolts,
    /// Lowest level of the pilot since the last tick (≈ −12 V with PWM on and a diode present).
    pub pilot_low: Millivolts,
    /// Resistance between proximity pilot and earth; `None` = the converter did not answer.
    pub proximity: Option<Ohms>,
    /// Mirror contact of the main contactor.
    pub contactor_feedback: Contact,
    /// Voltage on the load side of the contactor (weld check): `Closed` = live, `Open` = dead,
    /// `Unknown` = the board cannot tell.
    pub load_side_voltage: Contact,
    /// Lock feedback.
    pub lock: LockPosition,
    /// Protective earth continuity; `false` opens.
    pub earth_ok: bool,
    /// Residual current device.
    pub residual: ResidualCurrent,
    /// Other protective devices.
    pub protections: Protections,
    /// Supply side measurements.
    pub mains: MainsReading,
    /// Temperature of contactor or relay.
    pub contactor_temperature: Option<DeciCelsius>,
    /// Temperature of the socket contacts or plug holder.
    pub socket_temperature: Option<DeciCelsius>,
    /// Ventilation of the room is available and running (state D).
    pub ventilation: bool,
    /// Somebody acknowledged latched trips at the board itself (key switch, button held): rising edge counts.
    pub local_reset: bool,
    /// The converter that made this sample is alive; `false` makes every other field untrusted.
    pub sample_valid: bool,
}

/// When the plug is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWish {
    /// Lock as soon as a plug is in (state B and up).
    WhenPlugged,
    /// Lock as above, and keep a locked plug locked after the vehicle's end was pulled (state A) while the cable
    /// is still in the socket.
    WhileCablePresent,
    /// The station does not ask for a lock yet (not authorised); the contactor stays open meanwhile.
    Release,
}

/// The station's right to draw current, with an expiry. The station renews it every 100 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Highest current to offer; below 6 A means: offer nothing (state x1).
    pub max_current: Milliamps,
    /// Phases to use.
    pub phases: Phases,
    /// The permit is void from here on.
    pub valid_until: Instant,
    /// What the lock shall do while no rule of the interlock overrides it.
    pub lock: LockWish,
    /// `false` puts the pilot into state F when no vehicle is connected.
    pub available: bool,
    /// May the interlock wake a sleeping vehicle (once per plug-in)?
    pub wake_up: bool,
    /// Counts forced unlock requests. A rise withdraws the offer and unlocks once, as soon as the contactor is proven
    /// open; after 10 s without that it is refused. Nothing is offered again until the next plug-in.
    pub unlock_count: u32,
    /// Counts requests to retry actuators after a stuck lock (unlock request, hard reset); a rise retries once.
    pub actuator_retry_count: u32,
}

impl Permit {
    /// Permits nothing; what a station that has not spoken yet has granted.
    pub const NONE: Self = Self {
        max_current: Milliamps::ZERO,
        phases: Phases::One,
        valid_until: Instant::ZERO,
        lock: LockWish::Release,
        available: true,
        wake_up: false,
        unlock_count: 0,
        actuator_retry_count: 0,
    };
}

/// What the pilot generator shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PilotDrive {
    /// Constant +12 V (state x1).
    Constant,
    /// PWM of this duty cycle (state x2).
    Pwm(DutyCycle),
    /// Constant −12 V (state F).
    StateF,
    /// Pilot disconnected, as if the cable were pulled (state E, wake-up only).
    StateE,
}

/// What the lock motor shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockDrive {
    /// No movement.
    Hold,
    /// Drive towards locked.
    Lock,
    /// Drive towards unlocked.
    Unlock,
}

/// Commands to the board for the coming tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outputs {
    /// Pilot generator.
    pub pilot: PilotDrive,
    /// Main contactor: `true` = close.
    pub contactor: bool,
    /// Phases that the contactor connects when closed.
    pub phases: Phases,
    /// Plug lock.
    pub lock: LockDrive,
    /// Run the residual current device's self-test.
    pub rdc_self_test: bool,
    /// Reset the residual current device (as the reclose policy allows).
    pub rdc_reset: bool,
    /// Ask for room ventilation.
    pub ventilation: bool,
}

impl Outputs {
    /// Nothing driven, contactor open, pilot constant: what a board does before the first step.
    pub const SAFE: Self = Self {
        pilot: PilotDrive::Constant,
        contactor: false,
        phases: Phases::One,
        lock: LockDrive::Hold,
        rdc_self_test: false,
        rdc_reset: false,
        ventilation: false,
    };
}

/// Reasons for a latched or standing trip; one bit each in [`Trips`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Trip {
    /// Residual current device of the board (6 mA DC / 30 mA AC).
    ResidualCurrent,
    /// Residual current device missing, broken, or its self-test failed.
    ResidualDevice,
    /// External residual current device.
    ExternalRcd,
    /// Protective earth lost.
    Earth,
    /// Pilot shorted or lost while connected (state E, implausible level).
    PilotError,
    /// No diode in the vehicle: tampering or a defect.
    Diode,
    /// Proximity pilot missing, shorted or changed during the session.
    Proximity,
    /// Breaker of the type-2 socket.
    BreakerType2,
    /// Breaker of the domestic socket.
    BreakerDomestic,
    /// Measured over-current.
    OverCurrent,
    /// Mains over-voltage.
    OverVoltage,
    /// Mains under-voltage.
    UnderVoltage,
    /// A phase is missing.
    PhaseMissing,
    /// The contactor is welded: load side live or mirror contact closed although commanded open.
    Weld,
    /// The contactor did not close although commanded.
    ContactorStuckOpen,
    /// The plug could not be locked.
    LockFailed,
    /// The plug could not be unlocked.
    LockStuck,
    /// No lock actuator found.
    LockMissing,
    /// Contactor or relay too hot.
    ContactorTemperature,
    /// Socket or plug holder too hot.
    SocketTemperature,
    /// Vehicle asks for ventilation and there is none.
    VentilationMissing,
    /// The board's samples are missing or invalid.
    BoardSilent,
    /// An impossible internal state; opened because of it.
    Internal,
}

impl Trip {
    /// Every trip, in the order of the bits.
    pub const ALL: [Self; 23] = [
        Self::ResidualCurrent,
        Self::ResidualDevice,
        Self::ExternalRcd,
        Self::Earth,
        Self::PilotError,
        Self::Diode,
        Self::Proximity,
        Self::BreakerType2,
        Self::BreakerDomestic,
        Self::OverCurrent,
        Self::OverVoltage,
        Self::UnderVoltage,
        Self::PhaseMissing,
        Self::Weld,
        Self::ContactorStuckOpen,
        Self::LockFailed,
        Self::LockStuck,
        Self::LockMissing,
        Self::ContactorTemperature,
        Self::SocketTemperature,
        Self::VentilationMissing,
        Self::BoardSilent,
        Self::Internal,
    ];

    /// Its place in [`Trip::ALL`].
    pub(crate) fn index(self) -> usize {
        usize::try_from(bit(self).trailing_zeros()).unwrap_or(usize::MAX)
    }
}

/// A set of trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trips(u32);

impl Trips {
    /// No trip.
    pub const NONE: Self = Self(0);

    /// Is `trip` in the set?
    #[must_use]
    pub const fn contains(self, trip: Trip) -> bool {
        self.0 & bit(trip) != 0
    }

    /// The set with `trip`.
    #[must_use]
    pub const fn with(self, trip: Trip) -> Self {
        Self(self.0 | bit(trip))
    }

    /// The set without `trip`.
    #[must_use]
    pub const fn without(self, trip: Trip) -> Self {
        Self(self.0 & !bit(trip))
    }

    /// Is the set empty?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as bits, for keeping it over a restart.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// A set from bits that [`Trips::bits`] gave; bits that name no trip are dropped.
    #[must_use]
    pub const fn from_bits_truncate(bits: u32) -> Self {
        Self(bits & !(u32::MAX << Trip::ALL.len()))
    }

    /// The trips in the set.
    pub fn iter(self) -> impl Iterator<Item = Trip> {
        Trip::ALL
            .into_iter()
            .filter(move |trip| self.contains(*trip))
    }
}

#[allow(
    clippy::as_conversions,
    reason = "the discriminant of a fieldless repr(u8) enum"
)]
const fn bit(trip: Trip) -> u32 {
    1 << (trip as u8)
}

/// Why the interlock offers less than the permit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterlockLimits {
    /// Cable rating from the proximity pilot (`None`: tethered cable or no plug).
    pub cable: Option<Milliamps>,
    /// Derating by temperature (`None`: none).
    pub temperature: Option<Milliamps>,
    /// Simplified pilot: 10 A (`None`: vehicle has a normal pilot).
    pub simplified_pilot: Option<Milliamps>,
}

/// Progress of a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeUp {
    /// Nothing was tried in this plug-in.
    NotTried,
    /// Running now.
    Running,
    /// Done; the vehicle still sleeps, or has woken (see the pilot state).
    Done,
}

/// What the interlock tells the station after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Filtered pilot state.
    pub pilot: PilotState,
    /// A vehicle's plug is in the socket or the vehicle is at the tethered cable (pilot B, C, D; or E after those).
    pub vehicle_connected: bool,
    /// A cable is in the socket (proximity); always `true` for a tethered cable.
    pub cable_present: bool,
    /// The contactor is commanded closed and its mirror contact agrees.
    pub energised: bool,
    /// The contactor command of this step.
    pub contactor_command: bool,
    /// Lock position after filtering.
    pub lock: LockPosition,
    /// Current offered on the pilot now; zero if none.
    pub offered: Milliamps,
    /// Limits that the interlock itself adds.
    pub limits: InterlockLimits,
    /// Standing or latched trips.
    pub trips: Trips,
    /// Warnings that do not open (surge protection).
    pub surge_tripped: bool,
    /// Phases in use (after a switching pause).
    pub phases: Phases,
    /// Wake-up progress.
    pub wake_up: WakeUp,
    /// The permit was fresh in this step.
    pub permit_fresh: bool,
    /// The residual current device's self-test is fresh (24 h).
    pub self_test_fresh: bool,
}

impl Status {
    /// The status before the first step.
    #[must_use]
    pub const fn at_start(phases: Phases, trips: Trips) -> Self {
        Self {
            pilot: PilotState::A,
            vehicle_connected: false,
            cable_present: false,
            energised: false,
            contactor_command: false,
            lock: LockPosition::Unknown,
            offered: Milliamps::ZERO,
            limits: InterlockLimits {
                cable: None,
                temperature: None,
                simplified_pilot: None,
            },
            trips,
            surge_tripped: false,
            phases,
            wake_up: WakeUp::NotTried,
            permit_fresh: false,
            self_test_fresh: false,
        }
    }
}

/// How a latched protection may be reclosed; a property of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReclosePolicy {
    /// Only by [`Inputs::local_reset`].
    ManualLocal,
    /// When the vehicle is unplugged.
    OnUnplug,
    /// This long after the vehicle was unplugged (10 s; 15 min for old residual current monitors).
    AutoDelay(Millis),
}

/// How the cable is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// Case B: type-2 socket-outlet with lock and proximity pilot.
    Socket,
    /// Case C: tethered cable of this rating; no lock, no proximity check.
    Tethered(Milliamps),
}
