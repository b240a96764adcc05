//! A simulated board and vehicle around one interlock, stepped every 10 ms.

use interlock::{
    Attachment, BoardProfile, Contact, Inputs, Interlock, LockDrive, LockPosition, LockWish,
    LogEvent, MainsReading, Outputs, Permit, PilotDrive, PilotState, Protections, ResidualCurrent,
    ResidualDevice, SelfTest, Status, Trip, Trips,
};
use units::{DeciCelsius, Instant, Milliamps, Millis, Millivolts, Ohms, Phases};

pub const TICK: u64 = 10;

/// What hangs on the pilot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ev {
    Gone,
    Ready,
    Asks,
    AsksVentilation,
    Shorted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockHardware {
    Works,
    Jammed,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactorHardware {
    Works,
    Welded,
    StuckOpen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestHardware {
    Passes,
    Fails,
    NeverAnswers,
    AlwaysSaysPassed,
}

/// Everything the interlock cannot decide.
#[derive(Debug, Clone)]
pub struct World {
    pub ev: Ev,
    pub diode: bool,
    /// The vehicle opens S2 this long after the offer is withdrawn.
    pub obeys_x1_after: Option<u64>,
    pub proximity: Option<u32>,
    pub lock_hardware: LockHardware,
    pub lock: LockPosition,
    pub contactor_hardware: ContactorHardware,
    pub closed: bool,
    pub test_hardware: TestHardware,
    pub rdc_tripped: bool,
    pub rdc_latches: bool,
    pub rdc_fault: bool,
    pub earth_ok: bool,
    pub volts: [i32; 3],
    pub amps: [u32; 3],
    pub contactor_temperature: Option<i16>,
    pub socket_temperature: Option<i16>,
    pub fan_works: bool,
    pub sample_valid: bool,
    pub local_reset: bool,
    pub protections: Protections,
    pub pilot_override: Option<i32>,
    pub feedback_override: Option<Contact>,
    motor_ms: u64,
    moving_ms: u64,
    test_ms: u64,
    fan: bool,
    x1_ms: u64,
}

pub struct Bench {
    pub interlock: Interlock,
    pub now: u64,
    pub world: World,
    pub permit: Permit,
    /// The station renews the permit every step.
    pub station_alive: bool,
    pub out: Outputs,
    pub events: Vec<LogEvent>,
    fresh_at: u64,
    left_at: Option<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            ev: Ev::Gone,
            diode: true,
            obeys_x1_after: Some(500),
            proximity: Some(1_000_000),
            lock_hardware: LockHardware::Works,
            lock: LockPosition::Unlocked,
            contactor_hardware: ContactorHardware::Works,
            closed: false,
            test_hardware: TestHardware::Passes,
            rdc_tripped: false,
            rdc_latches: true,
            rdc_fault: false,
            earth_ok: true,
            volts: [230_000; 3],
            amps: [0; 3],
            contactor_temperature: Some(250),
            socket_temperature: Some(250),
            fan_works: true,
            sample_valid: true,
            local_reset: false,
            protections: Protections {
                breaker_type2: Some(false),
                breaker_domestic: Some(false),
                rcd: Some(false),
                surge: Some(false),
            },
            pilot_override: None,
            feedback_override: None,
            motor_ms: 0,
            moving_ms: 0,
            test_ms: 0,
            fan: false,
            x1_ms: 0,
        }
    }

    fn pilot(&self, drive: PilotDrive) -> (i32, i32) {
        let level = match self.ev {
            Ev::Gone => 12_000,
            Ev::Ready => 9_000,
            Ev::Asks => 6_000,
            Ev::AsksVentilation => 3_000,
            Ev::Shorted => 0,
        };
        let level = self.pilot_override.unwrap_or(level);
        match drive {
            PilotDrive::StateF => (-12_000, -12_000),
            PilotDrive::StateE => (0, 0),
            PilotDrive::Constant => (level, level),
            PilotDrive::Pwm(_) if self.ev == Ev::Shorted => (level, 0),
            PilotDrive::Pwm(_) if self.diode || self.ev == Ev::Gone => (level, -12_000),
            PilotDrive::Pwm(_) => (level, -level),
        }
    }

    fn inputs(&self, drive: PilotDrive) -> Inputs {
        let (high, low) = self.pilot(drive);
        let contact = if self.closed {
            Contact::Closed
        } else {
            Contact::Open
        };
        let self_test = match (self.test_hardware, self.test_ms) {
            (TestHardware::AlwaysSaysPassed, _) => SelfTest::Passed,
            (_, 0) => SelfTest::Idle,
            (TestHardware::NeverAnswers, _) | (_, 1..300) => SelfTest::Running,
            (TestHardware::Passes, _) => SelfTest::Passed,
            (TestHardware::Fails, _) => SelfTest::Failed,
        };
        Inputs {
            pilot_high: Millivolts::new(high),
            pilot_low: Millivolts::new(low),
            proximity: self.proximity.map(Ohms::new),
            contactor_feedback: self.feedback_override.unwrap_or(contact),
            load_side_voltage: contact,
            lock: if self.lock_hardware == LockHardware::Missing {
                LockPosition::Missing
            } else {
                self.lock
            },
            earth_ok: self.earth_ok,
            residual: ResidualCurrent {
                tripped: self.rdc_tripped || (100..300).contains(&self.test_ms),
                device_fault: self.rdc_fault,
                self_test,
            },
            protections: self.protections,
            mains: MainsReading {
                voltage: self.volts.map(|v| Some(Millivolts::new(v))),
                current: self.amps.map(|a| Some(Milliamps::new(a))),
            },
            contactor_temperature: self.contactor_temperature.map(DeciCelsius::new),
            socket_temperature: self.socket_temperature.map(DeciCelsius::new),
            ventilation: self.fan && self.fan_works,
            local_reset: self.local_reset,
            sample_valid: self.sample_valid,
        }
    }

    /// Lets the hardware follow the outputs for one tick.
    fn follow(&mut self, out: &Outputs) {
        let moving = self.closed != out.contactor;
        self.moving_ms = if moving { self.moving_ms + TICK } else { 0 };
        if moving && self.moving_ms >= 2 * TICK {
            self.closed = match self.contactor_hardware {
                ContactorHardware::Works => out.contactor,
                ContactorHardware::Welded => true,
                ContactorHardware::StuckOpen => false,
            };
        }
        let target = match out.lock {
            LockDrive::Hold => None,
            LockDrive::Lock => Some(LockPosition::Locked),
            LockDrive::Unlock => Some(LockPosition::Unlocked),
        };
        self.motor_ms = if target.is_some() {
            self.motor_ms + TICK
        } else {
            0
        };
        if let Some(target) = target
            && self.lock_hardware == LockHardware::Works
            && self.motor_ms >= 300
        {
            self.lock = target;
        }
        self.test_ms = if out.rdc_self_test {
            self.test_ms + TICK
        } else {
            0
        };
        if out.rdc_reset && !self.rdc_latches {
            self.rdc_tripped = false;
        }
        self.fan = out.ventilation;
        let x1 = out.pilot == PilotDrive::Constant;
        self.x1_ms = if x1 { self.x1_ms + TICK } else { 0 };
        let asks = matches!(self.ev, Ev::Asks | Ev::AsksVentilation);
        if asks
            && x1
            && self
                .obeys_x1_after
                .is_some_and(|after| self.x1_ms == after.max(TICK))
        {
            self.ev = Ev::Ready;
        }
    }
}

impl Bench {
    pub fn new(profile: BoardProfile) -> Self {
        Self::around(Interlock::new(profile))
    }

    pub fn around(interlock: Interlock) -> Self {
        Self {
            interlock,
            now: 1_000,
            world: World::new(),
            permit: permit(32, Phases::Three),
            station_alive: true,
            out: Outputs::SAFE,
            events: Vec::new(),
            fresh_at: 0,
            left_at: None,
        }
    }

    /// A bench whose self-test has passed, with nothing plugged in.
    pub fn idle(profile: BoardProfile) -> Self {
        let mut bench = Self::new(profile);
        bench.run(2_000);
        bench
    }

    /// A bench in the middle of a charge with 32 A offered.
    pub fn charging(profile: BoardProfile) -> Self {
        let mut bench = Self::idle(profile);
        bench.plug_in();
        bench.run(3_000);
        bench.world.ev = Ev::Asks;
        bench.run(3_000);
        assert!(
            bench.status().energised,
            "the bench must be charging: {:?}",
            bench.status()
        );
        bench
    }

    pub fn socket() -> Self {
        Self::charging(BoardProfile::socket_32a())
    }

    /// Plugs a cable of 32 A and a vehicle with S2 open.
    pub fn plug_in(&mut self) {
        self.world.proximity = Some(220);
        self.world.ev = Ev::Ready;
    }

    pub fn unplug(&mut self) {
        self.world.ev = Ev::Gone;
        if self.world.lock != LockPosition::Locked {
            self.world.proximity = Some(1_000_000);
        }
    }

    pub fn status(&self) -> Status {
        self.interlock.status()
    }

    pub fn has(&self, trip: Trip) -> bool {
        self.status().trips.contains(trip)
    }

    pub fn trips(&self) -> Trips {
        self.status().trips
    }

    pub fn offered_a(&self) -> u32 {
        // Rounded up: the duty cycle is rounded down to whole tenths.
        self.status().offered.get().div_ceil(1_000)
    }

    pub fn step(&mut self) {
        if self.station_alive {
            self.permit.valid_until = Instant::from_millis(self.now + 500);
        }
        let now = Instant::from_millis(self.now);
        let inputs = self.world.inputs(self.out.pilot);
        self.out = self.interlock.step(now, &inputs, &self.permit);
        self.events.extend(self.interlock.drain_events());
        if self.permit.valid_until > now {
            self.fresh_at = self.now;
        }
        self.check();
        self.world.follow(&self.out);
        self.now += TICK;
    }

    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms / TICK {
            self.step();
        }
    }

    /// Milliseconds until the condition holds after a step; panics after `limit`.
    pub fn until(&mut self, limit: u64, condition: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        while self.now - start <= limit {
            self.step();
            if condition(self) {
                return self.now - TICK - start;
            }
        }
        panic!("not within {limit} ms: {:?} {:?}", self.out, self.status());
    }

    pub fn until_open(&mut self, limit: u64) -> u64 {
        assert!(self.out.contactor, "it must be closed first");
        self.until(limit, |bench| !bench.out.contactor)
    }

    pub fn until_closed(&mut self, limit: u64) -> u64 {
        self.until(limit, |bench| bench.out.contactor)
    }

    pub fn never_closes(&mut self, ms: u64) {
        for _ in 0..ms / TICK {
            self.step();
            assert!(
                !self.out.contactor,
                "closed at {}: {:?}",
                self.now,
                self.status()
            );
        }
    }

    /// The invariants of the interlock, checked from outside after every step.
    fn check(&mut self) {
        let (out, status) = (self.out, self.status());
        let profile = *self.interlock.profile();
        let context = || format!("at {}: {out:?} {status:?} {:?}", self.now, self.world);
        let socket = profile.attachment == Attachment::Socket;
        if out.contactor {
            assert!(status.trips.is_empty(), "closed with a trip {}", context());
            assert!(
                matches!(status.pilot, PilotState::C | PilotState::D),
                "{}",
                context()
            );
            assert!(
                !socket || status.lock == LockPosition::Locked,
                "unlocked {}",
                context()
            );
            assert!(!out.rdc_self_test, "self-test under voltage {}", context());
            assert_eq!(
                out.lock,
                LockDrive::Hold,
                "lock moves under voltage {}",
                context()
            );
            assert!(
                profile.residual == ResidualDevice::NotFitted || status.self_test_fresh,
                "self-test too old {}",
                context()
            );
            assert!(
                self.now - self.fresh_at <= 6_010,
                "permit stale {}",
                context()
            );
        }
        if out.lock == LockDrive::Unlock {
            assert!(!self.world.closed, "unlocks a live plug {}", context());
        }
        if status.permit_fresh {
            assert!(status.offered <= self.permit.max_current, "{}", context());
        }
        assert!(status.offered <= profile.max_current, "{}", context());
        assert!(
            status
                .limits
                .cable
                .is_none_or(|cable| status.offered <= cable),
            "{}",
            context()
        );
        let really_asks = matches!(self.world.ev, Ev::Asks | Ev::AsksVentilation)
            && self.world.pilot_override.is_none();
        if really_asks || self.world.pilot_override.is_some() || !out.contactor {
            self.left_at = None;
        } else {
            let left = *self.left_at.get_or_insert(self.now);
            assert!(
                self.now - left < 80,
                "the vehicle left C, still closed {}",
                context()
            );
        }
    }
}

pub fn permit(amps: u16, phases: Phases) -> Permit {
    Permit {
        max_current: Milliamps::from_amps(amps),
        phases,
        valid_until: Instant::ZERO.after(Millis::new(0)),
        lock: LockWish::WhenPlugged,
        available: true,
        wake_up: false,
        unlock_count: 0,
        actuator_retry_count: 0,
    }
}
