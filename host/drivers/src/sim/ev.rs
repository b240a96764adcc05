//! A simulated vehicle: resistors on the pilot, a battery behind a ramp, habits and bad habits.

use interlock::PilotDrive;
use units::{Milliamps, Phases, WattHours};

/// Resistance on the pilot while S2 is open.
const OHMS_B: i32 = 2_740;
/// Resistance with S2 closed.
const OHMS_C: i32 = 882;
/// Resistance with S2 closed and ventilation asked for.
const OHMS_D: i32 = 246;
/// A pilot that is gone this long wakes a vehicle that wakes on pilot loss.
const WAKE_LOSS_MS: u64 = 1_000;
/// A constant pilot this long, then an offer, wakes a vehicle that wakes on a pause.
const WAKE_PAUSE_MS: u64 = 2_000;
/// Length of the short S2 signal (sequence 11).
const TOGGLE_MS: u64 = 300;

/// What rouses a sleeping vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    /// A new offer.
    OnOffer,
    /// Constant pilot for a while, then an offer.
    OnPause,
    /// Loss of the pilot (state E or F, an emulated unplug), then an offer.
    OnPilotLoss,
    /// Nothing but [`EvCommand::Start`].
    Never,
}

/// How a vehicle is built and behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvProfile {
    /// Phases of its on-board charger.
    pub phases: Phases,
    /// Highest current of its on-board charger.
    pub max_current: Milliamps,
    /// How fast it raises its current, per second.
    pub ramp: Milliamps,
    /// From an offer to S2 closed, ms.
    pub ready_after_ms: u64,
    /// From a changed offer to the beginning of its change, ms (the standard allows 5 s).
    pub follow_after_ms: u64,
    /// From a withdrawn offer to S2 open, ms (the standard allows 3 s).
    pub stop_after_ms: u64,
    /// What its battery takes before it stops; `None` = never full.
    pub battery: Option<WattHours>,
    /// It has S2; without, it is a simplified vehicle that shows state C as soon as it is plugged in.
    pub has_s2: bool,
    /// It has a diode in the pilot.
    pub diode: bool,
    /// It asks for ventilation (state D).
    pub ventilation: bool,
    /// It sleeps when plugged in.
    pub asleep: bool,
    /// What rouses it.
    pub wakes: Wakes,
    /// It stops when the offer is withdrawn; `false` draws on (sequence 10.2).
    pub obeys: bool,
}

/// Vehicles by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvPreset {
    /// 3~ 16 A, healthy.
    ThreePhase,
    /// 1~ 32 A, healthy.
    OnePhase,
    /// No S2: state C at once.
    Simplified,
    /// Asleep, wakes when the pilot is lost and comes back.
    Sleeper,
    /// Asleep, never wakes by itself.
    DeepSleeper,
    /// Asks for ventilation.
    Ventilation,
    /// No diode.
    NoDiode,
    /// Draws on when the offer is withdrawn.
    Stubborn,
    /// 3~ 16 A and full after 500 Wh.
    SmallBattery,
}

impl EvPreset {
    /// Every preset with its name.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::ThreePhase, "three-phase"),
        (Self::OnePhase, "one-phase"),
        (Self::Simplified, "simplified"),
        (Self::Sleeper, "sleeper"),
        (Self::DeepSleeper, "deep-sleeper"),
        (Self::Ventilation, "ventilation"),
        (Self::NoDiode, "no-diode"),
        (Self::Stubborn, "stubborn"),
        (Self::SmallBattery, "small-battery"),
    ];

    /// The preset of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(preset, _)| *preset)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(preset, _)| *preset == self)
            .map_or("", |(_, name)| name)
    }

    /// What it means.
    #[must_use]
    pub const fn profile(self) -> EvProfile {
        let mut profile = EvProfile {
            phases: Phases::Three,
            max_current: Milliamps::from_amps(16),
            ramp: Milliamps::from_amps(8),
            ready_after_ms: 1_500,
            follow_after_ms: 500,
            stop_after_ms: 1_000,
            battery: None,
            has_s2: true,
            diode: true,
            ventilation: false,
            asleep: false,
            wakes: Wakes::OnOffer,
            obeys: true,
        };
        match self {
            Self::ThreePhase => {}
            Self::OnePhase => {
                profile.phases = Phases::One;
                profile.max_current = Milliamps::from_amps(32);
            }
            Self::Simplified => {
                profile.phases = Phases::One;
                profile.has_s2 = false;
            }
            Self::Sleeper => {
                profile.asleep = true;
                profile.wakes = Wakes::OnPilotLoss;
            }
            Self::DeepSleeper => {
                profile.asleep = true;
                profile.wakes = Wakes::Never;
            }
            Self::Ventilation => profile.ventilation = true,
            Self::NoDiode => profile.diode = false,
            Self::Stubborn => profile.obeys = false,
            Self::SmallBattery => profile.battery = Some(WattHours::new(500)),
        }
        profile
    }
}

/// What can be asked of a vehicle while it is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvCommand {
    /// Wants to charge, from pause, sleep or full.
    Start,
    /// Opens S2 until [`EvCommand::Start`].
    Pause,
    /// Its user or battery has had enough: ramps down, opens S2.
    Stop,
    /// Falls asleep: opens S2 and answers no offer until roused.
    Sleep,
    /// Closes (or opens) S2 for 300 ms (sequence 11).
    Toggle,
    /// From now on asks for ventilation, or no longer.
    Ventilation(bool),
    /// Draws at most this much.
    Draw(Milliamps),
}

/// What the vehicle is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvMode {
    /// Wants energy.
    Charge,
    /// Does not want any until told.
    Paused,
    /// Has enough.
    Full,
    /// Sleeps.
    Asleep,
}

/// Current that a vehicle reads from the pilot, mA; 0 = none.
///
/// It has its own table, because a car does not share the station's code.
#[must_use]
pub fn offer_of(drive: PilotDrive) -> u32 {
    let PilotDrive::Pwm(duty) = drive else {
        return 0;
    };
    let tenths = u32::from(duty.tenths());
    match tenths {
        80..100 => 6_000,
        100..=850 => tenths * 60,
        851..=960 => (tenths - 640) * 250,
        961..=970 => 80_000,
        _ => 0,
    }
}

/// A vehicle at a cable.
#[derive(Debug, Clone)]
pub struct SimEv {
    profile: EvProfile,
    mode: EvMode,
    s2: bool,
    current_ma: u64,
    /// Rest of the ramp in µA, so that short steps do not lose it.
    ramp_rest: u64,
    offer_ma: u32,
    offer_since_ms: u64,
    followed_ma: u32,
    loss_ms: u64,
    pause_ms: u64,
    toggle_ms: u64,
    taken_uj: u64,
    greedy: bool,
}

impl SimEv {
    /// A vehicle that has just been connected.
    #[must_use]
    pub const fn new(profile: EvProfile) -> Self {
        Self {
            profile,
            mode: if profile.asleep {
                EvMode::Asleep
            } else {
                EvMode::Charge
            },
            s2: !profile.has_s2,
            current_ma: 0,
            ramp_rest: 0,
            offer_ma: 0,
            offer_since_ms: 0,
            followed_ma: 0,
            loss_ms: 0,
            pause_ms: 0,
            toggle_ms: 0,
            taken_uj: 0,
            greedy: false,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn mode(&self) -> EvMode {
        self.mode
    }

    /// Energy taken since it was connected.
    #[must_use]
    pub const fn taken(&self) -> WattHours {
        WattHours::new(self.taken_uj / super::UJ_PER_WH)
    }

    /// Its diode works.
    pub(super) const fn diode(&self) -> bool {
        self.profile.diode
    }

    /// S2 is closed.
    pub(super) const fn s2_closed(&self) -> bool {
        self.s2 != (self.toggle_ms > 0)
    }

    /// Resistance it puts on the pilot.
    pub(super) const fn pilot_ohms(&self) -> i32 {
        match (self.s2_closed(), self.profile.ventilation) {
            (false, _) => OHMS_B,
            (true, false) => OHMS_C,
            (true, true) => OHMS_D,
        }
    }

    pub(super) const fn set_greedy(&mut self, greedy: bool) {
        self.greedy = greedy;
    }

    pub(super) fn handle_command(&mut self, command: EvCommand) {
        match command {
            EvCommand::Start => {
                self.mode = EvMode::Charge;
                self.taken_uj = 0;
            }
            EvCommand::Pause => self.mode = EvMode::Paused,
            EvCommand::Stop => self.mode = EvMode::Full,
            EvCommand::Sleep => self.mode = EvMode::Asleep,
            EvCommand::Toggle => self.toggle_ms = TOGGLE_MS,
            EvCommand::Ventilation(on) => self.profile.ventilation = on,
            EvCommand::Draw(current) => self.profile.max_current = current,
        }
    }

    /// Lets `dt_ms` pass. `drive` is `None` while the pilot does not reach the vehicle.
    ///
    /// `voltage_mv` is what stands at its inlet; zero where the contactor connects nothing.
    pub(super) fn step(&mut self, dt_ms: u64, drive: Option<PilotDrive>, voltage_mv: [u32; 3]) {
        self.toggle_ms = self.toggle_ms.saturating_sub(dt_ms);
        self.read_pilot(dt_ms, drive);
        self.decide_s2();
        self.move_current(dt_ms, voltage_mv);
        let power_mw: u64 = self
            .currents_ma(voltage_mv)
            .iter()
            .zip(voltage_mv)
            .map(|(ma, mv)| u64::from(*ma) * u64::from(mv) / 1_000)
            .sum();
        self.taken_uj = self.taken_uj.saturating_add(power_mw.saturating_mul(dt_ms));
        if let Some(battery) = self.profile.battery
            && self.mode == EvMode::Charge
            && self.taken() >= battery
        {
            self.mode = EvMode::Full;
        }
    }

    fn read_pilot(&mut self, dt_ms: u64, drive: Option<PilotDrive>) {
        let offer = drive.map_or(0, offer_of);
        if offer == self.offer_ma {
            self.offer_since_ms = self.offer_since_ms.saturating_add(dt_ms);
        } else {
            if self.offer_ma == 0 && self.mode == EvMode::Asleep && self.is_roused() {
                self.mode = EvMode::Charge;
            }
            self.offer_ma = offer;
            self.offer_since_ms = 0;
        }
        match drive {
            None | Some(PilotDrive::StateE | PilotDrive::StateF) => self.loss_ms += dt_ms,
            Some(PilotDrive::Constant) => self.pause_ms += dt_ms,
            Some(PilotDrive::Pwm(_)) => {
                self.loss_ms = 0;
                self.pause_ms = 0;
            }
        }
        if self.offer_since_ms >= self.profile.follow_after_ms {
            self.followed_ma = self.offer_ma;
        }
    }

    const fn is_roused(&self) -> bool {
        match self.profile.wakes {
            Wakes::OnOffer => true,
            Wakes::OnPause => self.pause_ms >= WAKE_PAUSE_MS,
            Wakes::OnPilotLoss => self.loss_ms >= WAKE_LOSS_MS,
            Wakes::Never => false,
        }
    }

    const fn decide_s2(&mut self) {
        if !self.profile.has_s2 {
            return;
        }
        let wants = matches!(self.mode, EvMode::Charge);
        if self.s2 {
            let withdrawn = self.offer_ma == 0
                && self.profile.obeys
                && self.offer_since_ms >= self.profile.stop_after_ms;
            if withdrawn || (!wants && self.current_ma == 0) {
                self.s2 = false;
            }
        } else if wants && self.offer_ma > 0 && self.offer_since_ms >= self.profile.ready_after_ms {
            self.s2 = true;
        }
    }

    fn move_current(&mut self, dt_ms: u64, voltage_mv: [u32; 3]) {
        let live = voltage_mv.first().is_some_and(|mv| *mv > 0);
        if !live || !self.s2 {
            self.current_ma = 0;
            self.ramp_rest = 0;
            return;
        }
        let wants = self.mode == EvMode::Charge;
        let allowed = match (wants, self.profile.obeys) {
            (false, _) => 0,
            (true, true) => u64::from(self.followed_ma),
            // A stubborn vehicle remembers the last offer it liked.
            (true, false) => u64::from(self.followed_ma).max(self.current_ma),
        };
        let mut target = allowed.min(u64::from(self.profile.max_current.get()));
        if self.greedy && target > 0 {
            target += target * 3 / 10 + 2_000;
        }
        let ramp_ua = u64::from(self.profile.ramp.get()) * dt_ms + self.ramp_rest;
        let step_ma = ramp_ua / 1_000;
        self.ramp_rest = ramp_ua % 1_000;
        self.current_ma = if target >= self.current_ma {
            target.min(self.current_ma + step_ma)
        } else {
            // Down goes four times as fast as up.
            target.max(self.current_ma.saturating_sub(step_ma * 4))
        };
    }

    /// Current on L1, L2, L3.
    pub(super) fn currents_ma(&self, voltage_mv: [u32; 3]) -> [u32; 3] {
        let current = u32::try_from(self.current_ma).unwrap_or(u32::MAX);
        let [l1, l2, l3] = voltage_mv.map(|mv| if mv > 0 { current } else { 0 });
        match self.profile.phases {
            Phases::One => [l1, 0, 0],
            Phases::Three => [l1, l2, l3],
        }
    }
}
