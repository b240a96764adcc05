//! The simulated board of one EVSE and all the physics behind it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;

use interlock::{
    Attachment, Contact, Inputs, LockDrive, LockPosition, MainsReading, Outputs, PilotDrive,
    Protections, ResidualCurrent,
};
use units::{DeciCelsius, Instant, Milliamps, Millivolts, Ohms, Phases};

use super::command::{PlugIn, Quantity};
use super::ev::{EvMode, SimEv};
use super::fault::{FaultSet, SimFault};
use super::parts::{Contactor, LockMotor, ResidualDevice, contact};
use super::rng::Rng;
use super::shared::{Shared, flag};
use super::{BoardCommand, SimEvseConfig};
use crate::board::Board;
use crate::limits::{SIM_STEP_MS, SIM_WALK_MS};

/// Open circuit on the proximity pilot, as the converter shows it.
const OHMS_OPEN: u32 = 1_000_000;
/// The generator's level, mV.
const PILOT_MV: i32 = 12_000;
/// Forward voltage of the vehicle's diode, mV.
const DIODE_MV: i32 = 700;
/// The generator's source resistance.
const SOURCE_OHMS: i32 = 1_000;
/// How long a pressed reset switch stays pressed, ms.
const RESET_PRESS_MS: u64 = 500;
/// Temperature rise at 32 A, d°C.
const RISE_AT_32A: i64 = 300;
/// Thermal time constant, ms.
const THERMAL_MS: i64 = 600_000;

/// The board of one simulated EVSE. Physics moves when [`Board::read`] is called, up to its `now`.
#[derive(Debug)]
pub struct SimBoard {
    config: SimEvseConfig,
    shared: Arc<Shared>,
    inbox: Receiver<BoardCommand>,
    rng: Rng,
    at: Option<Instant>,
    outputs: Outputs,
    contactor: Contactor,
    lock: LockMotor,
    residual: ResidualDevice,
    cable: Option<Milliamps>,
    ev: Option<SimEv>,
    torn: bool,
    faults: FaultSet,
    energy_uj: u64,
    /// Temperature above ambient, in millionths of d°C.
    heat_ud: i64,
    set: SetValues,
    reset_ms: u64,
    ventilation: bool,
}

/// Quantities that somebody has set by hand.
#[derive(Debug, Clone, Copy)]
struct SetValues {
    ambient: i16,
    contactor: Option<i16>,
    socket: Option<i16>,
    voltage_mv: [u32; 3],
}

/// What the board commands before anybody has written: nothing.
const IDLE: Outputs = Outputs {
    pilot: PilotDrive::Constant,
    contactor: false,
    phases: Phases::One,
    lock: LockDrive::Hold,
    rdc_self_test: false,
    rdc_reset: false,
    ventilation: false,
};

impl SimBoard {
    pub(super) fn new(
        config: SimEvseConfig,
        shared: Arc<Shared>,
        inbox: Receiver<BoardCommand>,
        rng: Rng,
    ) -> Self {
        let mut board = Self {
            config,
            shared,
            inbox,
            rng,
            at: None,
            outputs: IDLE,
            contactor: Contactor::default(),
            lock: LockMotor::default(),
            residual: ResidualDevice::default(),
            cable: None,
            ev: None,
            torn: false,
            faults: FaultSet::default(),
            energy_uj: config.world.energy_uj,
            heat_ud: 0,
            set: SetValues {
                ambient: 200,
                contactor: None,
                socket: None,
                voltage_mv: [230_000; 3],
            },
            reset_ms: 0,
            ventilation: config.ventilation,
        };
        if let Some(plug) = config.world.plug {
            board.plug_in(plug);
            board.lock.restore(config.world.held);
        }
        board.publish();
        board
    }

    /// Mains fails: every output drops, the contactor falls open; cable, vehicle and bolt stay where they are.
    pub fn power_cut(&mut self) {
        self.outputs = IDLE;
        self.contactor = Contactor::default();
        if let Some(ev) = &mut self.ev {
            ev.step(0, None, [0; 3]);
        }
        self.publish();
    }

    /// The vehicle, if one is connected.
    #[must_use]
    pub const fn ev(&self) -> Option<&SimEv> {
        self.ev.as_ref()
    }

    /// Current on each line now.
    #[must_use]
    pub fn currents(&self) -> [Milliamps; 3] {
        self.currents_ma().map(Milliamps::new)
    }

    /// The contactor's main contacts are closed, whatever the mirror contact says.
    #[must_use]
    pub const fn contacts_closed(&self) -> bool {
        self.contactor.is_closed()
    }

    fn tethered(&self) -> bool {
        matches!(self.config.attachment, Attachment::Tethered(_))
    }

    fn plug_in(&mut self, plug: PlugIn) {
        self.cable = Some(plug.cable);
        self.ev = plug.ev_side.then(|| SimEv::new(plug.profile()));
        self.torn = false;
    }

    fn handle_command(&mut self, command: BoardCommand) {
        match command {
            BoardCommand::PlugIn(plug) => self.plug_in(plug),
            BoardCommand::Unplug => {
                if self.tethered() || !self.lock.holds(self.faults) {
                    self.cable = None;
                    self.ev = None;
                    self.torn = false;
                }
            }
            BoardCommand::Tear => {
                self.ev = None;
                self.torn = self.cable.is_some() && !self.tethered();
            }
            BoardCommand::EvUnplug => self.ev = None,
            BoardCommand::Ev(command) => {
                if let Some(ev) = &mut self.ev {
                    ev.handle_command(command);
                }
            }
            BoardCommand::Fault(fault) => self.faults.insert(fault),
            BoardCommand::Clear(Some(fault)) => self.faults.remove(fault),
            BoardCommand::Clear(None) => self.faults.clear(),
            BoardCommand::LocalReset => self.reset_ms = RESET_PRESS_MS,
            BoardCommand::Set(quantity, value) => self.set_value(quantity, value),
        }
    }

    fn set_value(&mut self, quantity: Quantity, value: i32) {
        let tenths = i16::try_from(value.saturating_mul(10)).unwrap_or(i16::MAX);
        let millivolts = u32::try_from(value).unwrap_or(0).saturating_mul(1_000);
        let [l1, l2, l3] = &mut self.set.voltage_mv;
        match quantity {
            Quantity::Ambient => self.set.ambient = tenths,
            Quantity::ContactorTemperature => self.set.contactor = Some(tenths),
            Quantity::SocketTemperature => self.set.socket = Some(tenths),
            Quantity::VoltageL1 => *l1 = millivolts,
            Quantity::VoltageL2 => *l2 = millivolts,
            Quantity::VoltageL3 => *l3 = millivolts,
            Quantity::Ventilation => self.ventilation = value != 0,
        }
    }

    /// The vehicle's end of the pilot is connected to the generator's end.
    fn pilot_through(&self) -> bool {
        self.ev.is_some() && !self.torn && !self.faults.has(SimFault::PilotLost)
    }

    fn supply_mv(&self) -> [u32; 3] {
        let missing = [
            SimFault::PhaseL1Missing,
            SimFault::PhaseL2Missing,
            SimFault::PhaseL3Missing,
        ];
        let mut lines = self.set.voltage_mv;
        for (line, (missing, place)) in lines.iter_mut().zip(missing.into_iter().zip(0_u8..)) {
            if self.faults.has(missing) || (place > 0 && self.config.supply == Phases::One) {
                *line = 0;
            } else if self.faults.has(SimFault::OverVoltage) {
                *line = 270_000;
            } else if self.faults.has(SimFault::UnderVoltage) {
                *line = 180_000;
            }
        }
        lines
    }

    fn inlet_mv(&self) -> [u32; 3] {
        let [l1, l2, l3] = self.supply_mv();
        match (self.contactor.is_closed(), self.outputs.phases) {
            (false, _) => [0; 3],
            (true, Phases::One) => [l1, 0, 0],
            (true, Phases::Three) => [l1, l2, l3],
        }
    }

    fn currents_ma(&self) -> [u32; 3] {
        let inlet = self.inlet_mv();
        self.ev.as_ref().map_or([0; 3], |ev| ev.currents_ma(inlet))
    }

    fn advance(&mut self, now: Instant) {
        let at = self.at.unwrap_or(now);
        let gap = now.since(at).get();
        let skipped = gap.saturating_sub(SIM_WALK_MS);
        if skipped > 0 {
            self.count_energy(skipped);
        }
        let mut left = gap - skipped;
        while left > 0 {
            let dt = left.min(SIM_STEP_MS);
            self.step(dt);
            left -= dt;
        }
        self.at = Some(now);
    }

    fn step(&mut self, dt: u64) {
        self.count_energy(dt);
        self.residual.step(
            dt,
            self.outputs.rdc_self_test,
            self.outputs.rdc_reset,
            self.faults,
        );
        // The residual current device opens the coil's circuit itself, without asking anybody.
        let coil = self.outputs.contactor && !self.residual.tripped();
        self.contactor.step(dt, coil, self.faults);
        if !self.tethered() {
            self.lock.step(dt, self.outputs.lock, self.faults);
        }
        let drive = self.pilot_through().then_some(self.outputs.pilot);
        let inlet = self.inlet_mv();
        if let Some(ev) = &mut self.ev {
            ev.set_greedy(self.faults.has(SimFault::OverCurrent));
            ev.step(dt, drive, inlet);
        }
        self.reset_ms = self.reset_ms.saturating_sub(dt);
        self.warm(dt);
    }

    fn count_energy(&mut self, dt: u64) {
        let inlet = self.inlet_mv();
        let power_mw: u64 = self
            .currents_ma()
            .iter()
            .zip(inlet)
            .map(|(ma, mv)| u64::from(*ma) * u64::from(mv) / 1_000)
            .sum();
        self.energy_uj = self.energy_uj.saturating_add(power_mw.saturating_mul(dt));
    }

    fn warm(&mut self, dt: u64) {
        let amps_max = self
            .currents_ma()
            .into_iter()
            .max()
            .map_or(0, |ma| i64::from(ma) / 1_000);
        let target = RISE_AT_32A * 1_000_000 * amps_max * amps_max / (32 * 32);
        let dt = i64::try_from(dt).unwrap_or(0);
        self.heat_ud += (target - self.heat_ud) * dt / THERMAL_MS;
    }

    fn pilot_levels(&mut self) -> (i32, i32) {
        let noise = if self.config.noise {
            self.rng.around_zero(80)
        } else {
            0
        };
        if self.faults.has(SimFault::PilotShort) {
            return (noise, noise);
        }
        let ev = if self.pilot_through() {
            self.ev.as_ref()
        } else {
            None
        };
        let diode = ev.is_some_and(|ev| ev.diode() && !self.faults.has(SimFault::DiodeMissing));
        let ohms = ev.map(SimEv::pilot_ohms);
        let high = match ohms {
            None => PILOT_MV,
            Some(r) if diode => DIODE_MV + (PILOT_MV - DIODE_MV) * r / (r + SOURCE_OHMS),
            Some(r) => PILOT_MV * r / (r + SOURCE_OHMS),
        };
        let low = match ohms {
            Some(r) if !diode => -(PILOT_MV * r / (r + SOURCE_OHMS)),
            _ => -PILOT_MV,
        };
        let (high, low) = match self.outputs.pilot {
            PilotDrive::Constant => (high, high),
            PilotDrive::Pwm(duty) if duty.tenths() == 0 => (low, low),
            PilotDrive::Pwm(duty) if duty.tenths() == 1_000 => (high, high),
            PilotDrive::Pwm(_) => (high, low),
            PilotDrive::StateF => (low, low),
            // Measured behind the relay that disconnects it: nothing there.
            PilotDrive::StateE => (0, 0),
        };
        (high + noise, low + noise)
    }

    fn proximity(&self) -> Option<Ohms> {
        let plugged = match self.cable {
            _ if self.faults.has(SimFault::ProximitySilent) => return None,
            _ if self.faults.has(SimFault::ProximityShort) => return Some(Ohms::new(5)),
            _ if self.faults.has(SimFault::ProximityOpen) || self.tethered() => None,
            cable => cable,
        };
        Some(Ohms::new(match plugged.map(Milliamps::get) {
            None => OHMS_OPEN,
            Some(..=13_000) => 1_500,
            Some(..=20_000) => 680,
            Some(..=32_000) => 220,
            Some(_) => 100,
        }))
    }

    fn mains(&mut self) -> MainsReading {
        let supply = self.supply_mv();
        let noise = if self.config.noise {
            self.rng.around_zero(500)
        } else {
            0
        };
        let current = self.currents_ma();
        let wired = match self.config.supply {
            Phases::One => [true, false, false],
            Phases::Three => [true; 3],
        };
        let mut reading = MainsReading {
            voltage: [None; 3],
            current: [None; 3],
        };
        let lines = reading.voltage.iter_mut().zip(reading.current.iter_mut());
        for ((voltage, ma_out), (wired, (mv, ma))) in
            lines.zip(wired.into_iter().zip(supply.into_iter().zip(current)))
        {
            let mv = i32::try_from(mv).unwrap_or(i32::MAX);
            *voltage = wired.then(|| Millivolts::new(if mv > 0 { mv + noise } else { 0 }));
            *ma_out = wired.then(|| Milliamps::new(ma));
        }
        reading
    }

    fn temperature(&self, set: Option<i16>, hot: SimFault) -> DeciCelsius {
        let rise = i16::try_from(self.heat_ud / 1_000_000).unwrap_or(i16::MAX);
        DeciCelsius::new(match set {
            _ if self.faults.has(hot) => 950,
            Some(value) => value,
            None => self.set.ambient.saturating_add(rise),
        })
    }

    fn publish(&self) {
        let shared = &self.shared;
        shared.energy_uj.store(self.energy_uj, Relaxed);
        shared.faults.store(self.faults.bits(), Relaxed);
        for (cell, ma) in shared.current_ma.iter().zip(self.currents_ma()) {
            cell.store(ma, Relaxed);
        }
        for (cell, mv) in shared.voltage_mv.iter().zip(self.supply_mv()) {
            cell.store(mv, Relaxed);
        }
        let ev = self.ev.as_ref();
        let mode = ev.map(SimEv::mode);
        shared
            .ev_taken_wh
            .store(ev.map_or(0, |ev| ev.taken().get()), Relaxed);
        let bits = [
            (flag::CABLE, self.cable.is_some() || self.tethered()),
            (flag::EV, ev.is_some()),
            (flag::HELD, self.lock.holds(self.faults)),
            (flag::CLOSED, self.contactor.is_closed()),
            (flag::S2, ev.is_some_and(SimEv::s2_closed)),
            (flag::PAUSED, mode == Some(EvMode::Paused)),
            (flag::FULL, mode == Some(EvMode::Full)),
            (flag::ASLEEP, mode == Some(EvMode::Asleep)),
            (flag::TORN, self.torn),
        ];
        let flags = bits
            .iter()
            .filter(|(_, on)| *on)
            .fold(0, |flags, (bit, _)| flags | bit);
        shared.flags.store(flags, Relaxed);
    }
}

impl Board for SimBoard {
    fn read(&mut self, now: Instant) -> Inputs {
        self.advance(now);
        let mut done = 0;
        while let Ok(command) = self.inbox.try_recv() {
            self.handle_command(command);
            done += 1;
        }
        let (high, low) = self.pilot_levels();
        let silent = self.faults.has(SimFault::BoardSilent);
        let inputs = Inputs {
            pilot_high: Millivolts::new(high),
            pilot_low: Millivolts::new(low),
            proximity: self.proximity(),
            contactor_feedback: self.contactor.feedback(self.faults),
            load_side_voltage: if self.config.weld_sense {
                contact(self.contactor.is_closed())
            } else {
                Contact::Unknown
            },
            lock: if self.tethered() {
                LockPosition::Unlocked
            } else {
                self.lock.position(self.faults)
            },
            earth_ok: !self.faults.has(SimFault::EarthLost),
            residual: ResidualCurrent {
                tripped: self.residual.tripped(),
                device_fault: self.faults.has(SimFault::ResidualBroken),
                self_test: self.residual.self_test(),
            },
            protections: Protections {
                breaker_type2: Some(self.faults.has(SimFault::BreakerType2)),
                breaker_domestic: Some(self.faults.has(SimFault::BreakerDomestic)),
                rcd: Some(self.faults.has(SimFault::ExternalRcd)),
                surge: Some(self.faults.has(SimFault::Surge)),
            },
            mains: self.mains(),
            contactor_temperature: Some(
                self.temperature(self.set.contactor, SimFault::ContactorHot),
            ),
            socket_temperature: Some(self.temperature(self.set.socket, SimFault::SocketHot)),
            ventilation: self.ventilation,
            local_reset: self.reset_ms > 0,
            sample_valid: !silent,
        };
        self.publish();
        self.shared.done.fetch_add(done, Relaxed);
        inputs
    }

    fn write(&mut self, now: Instant, outputs: &Outputs) {
        self.advance(now);
        self.outputs = *outputs;
    }
}
