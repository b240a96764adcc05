//! One tick: sense, supervise, decide, gate, report.

use units::{DutyCycle, Instant, Milliamps, Millis, Phases};

use crate::constants::{
    BOARD_SILENT_MS, DIODE_BLANK_MS, FORCED_OPEN_MS, PERMIT_MAX_MS, PILOT_BLANK_MS, PILOT_LEAK,
    PLAUSIBILITY_MS, SIMPLIFIED_MAX, TICK_MS,
};
use crate::event::{EventKind, OpenReason};
use crate::lock::Surroundings;
use crate::pilot::{Sample, is_energisable};
use crate::profile::{LockOnTrip, PhaseSwitching, ResidualDevice, Ventilation};
use crate::residual::Allowed;
use crate::sequence::{Drive, Facts};
use crate::trips::ClearContext;
use crate::types::{
    Attachment, Inputs, InterlockLimits, LockDrive, LockPosition, LockWish, Outputs, Permit,
    PilotDrive, PilotState, Status, Trip,
};
use crate::vehicle::Change;
use crate::{BoardProfile, Interlock};

impl Interlock {
    /// Decides one tick. Call it every 10 ms with a fresh sample and the station's latest permit.
    ///
    /// `now` must not run backwards; if it does, the contactor opens and [`Trip::Internal`] is latched.
    pub fn step(&mut self, now: Instant, inputs: &Inputs, permit: &Permit) -> Outputs {
        let (now, dt) = self.clock(now);
        let fresh = is_fresh(permit, now);
        if fresh {
            self.last_fresh = Some(now);
        }
        let tripped_before = !self.trips.set().is_empty();
        let actuator_retry = self.requests(now, inputs, permit);
        self.sense(now, dt, inputs);
        self.supervise(now, inputs, permit, actuator_retry);
        let closed_before = self.sequence.contactor();
        let blind_before = self.sequence.blind();
        self.open_first(now, inputs, tripped_before);
        self.offer_and_close(now, inputs, permit, fresh);
        let outputs = self.outputs(now, permit, fresh);
        let outputs = self.gate(now, outputs);
        if closed_before != outputs.contactor || blind_before != self.sequence.blind() {
            self.blanking.start(now, PILOT_BLANK_MS);
        }
        self.report(inputs, fresh, &outputs, now);
        outputs
    }

    /// Checks that time does not run backwards.
    fn clock(&mut self, now: Instant) -> (Instant, Millis) {
        let last = self.last_step.unwrap_or(now);
        if now < last {
            self.impossible = true;
        }
        let now = if now < last { last } else { now };
        self.last_step = Some(now);
        (now, now.since(last))
    }

    /// Takes requests that are told by counters and edges; true: retry the lock's actuator.
    fn requests(&mut self, now: Instant, inputs: &Inputs, permit: &Permit) -> bool {
        let counts = (permit.unlock_count, permit.actuator_retry_count);
        let (unlocks, retries) = self.counts.unwrap_or(counts);
        self.counts = Some(counts);
        if permit.unlock_count > unlocks {
            self.lock.force(now);
        }
        let retry = permit.actuator_retry_count > retries;
        if retry {
            self.lock.retry();
        }
        let pressed = inputs.sample_valid && inputs.local_reset;
        if pressed && !self.local_reset {
            self.local_reset_at = Some(now);
        }
        self.local_reset = pressed;
        retry
    }

    /// Updates the filters.
    fn sense(&mut self, now: Instant, dt: Millis, inputs: &Inputs) {
        let sample = if !inputs.sample_valid {
            Sample::Invalid
        } else if self.sequence.blind() || self.blanking.active(now) {
            Sample::Blind
        } else {
            Sample::High(inputs.pilot_high)
        };
        if let Some(from) = self.pilot.update(dt, sample) {
            self.events.push(
                now,
                EventKind::Pilot {
                    from,
                    to: self.pilot.state(),
                },
            );
        }
        if !inputs.sample_valid {
            // Held at the limit: the board need not be heard four times as long as it was silent.
            let silence = self.silence.get().saturating_add(dt.get());
            self.silence = Millis::new(silence.min(BOARD_SILENT_MS.get()));
            self.watch.unread();
            return;
        }
        let drained = dt.get().checked_div(PILOT_LEAK).unwrap_or(0);
        self.silence = Millis::new(self.silence.get().saturating_sub(drained));
        if is_socket(&self.profile) {
            self.proximity.update(now, inputs.proximity);
        }
        if self.pilot.settled() {
            self.follow_vehicle(now);
        }
    }

    fn follow_vehicle(&mut self, now: Instant) {
        match self
            .vehicle
            .update(now, self.pilot.state(), self.plug_present())
        {
            Change::None => {}
            Change::Connected => {
                self.proximity.thaw();
                self.sequence.new_session();
                self.lock.new_session();
            }
            Change::Gone => {
                self.residual.unplugged(self.sequence.charged());
                self.proximity.thaw();
                self.sequence.new_session();
            }
        }
        if self.vehicle.connected()
            && is_socket(&self.profile)
            && let Some(rating) = self.proximity.freeze()
        {
            let current = rating.current(self.sequence.phases());
            self.events.push(now, EventKind::CableRead(current));
        }
    }

    fn plug_present(&self) -> bool {
        !is_socket(&self.profile) || self.proximity.plug_present()
    }

    /// Looks for the cause of every trip, raises and clears.
    fn supervise(&mut self, now: Instant, inputs: &Inputs, permit: &Permit, actuator_retry: bool) {
        let context = ClearContext {
            absent_since: self.vehicle.absent_since(),
            local_reset_at: self.local_reset_at,
            actuator_retry,
        };
        self.rdc_self_test = false;
        self.rdc_reset = false;
        let impossible = core::mem::replace(&mut self.impossible, false);
        self.observe(now, Trip::Internal, impossible);
        self.observe(now, Trip::BoardSilent, self.silence >= BOARD_SILENT_MS);
        if inputs.sample_valid {
            self.supervise_switches(now, inputs);
            self.supervise_vehicle(now, inputs);
            self.supervise_supply(now, inputs, permit);
            self.supervise_residual(now, inputs, &context);
        }
        self.trips
            .clear(now, &self.profile, &context, &mut self.events);
    }

    fn observe(&mut self, now: Instant, trip: Trip, cause: bool) {
        self.trips.observe(trip, cause, now, &mut self.events);
    }

    /// Contactor, lock, breakers.
    fn supervise_switches(&mut self, now: Instant, inputs: &Inputs) {
        let closed = self.sequence.contactor();
        let absent = self.vehicle.absent_since().is_some();
        let contactor = self
            .watch
            .update(now, closed, absent, inputs, &self.profile);
        self.observe(now, Trip::Weld, contactor.weld);
        self.observe(now, Trip::ContactorStuckOpen, contactor.stuck_open);
        if is_socket(&self.profile) {
            let lock = self.lock.sense(now, inputs.lock, closed, &mut self.events);
            self.observe(now, Trip::LockFailed, lock.failed);
            self.observe(now, Trip::LockStuck, lock.stuck);
            self.observe(now, Trip::LockMissing, lock.missing);
        }
        let protections = &inputs.protections;
        self.observe(
            now,
            Trip::BreakerType2,
            protections.breaker_type2 == Some(true),
        );
        self.observe(
            now,
            Trip::BreakerDomestic,
            protections.breaker_domestic == Some(true),
        );
        self.observe(now, Trip::ExternalRcd, protections.rcd == Some(true));
        let earth = self.simple.earth_lost(now, inputs);
        self.observe(now, Trip::Earth, earth);
    }

    /// Pilot, diode, proximity, ventilation.
    fn supervise_vehicle(&mut self, now: Instant, inputs: &Inputs) {
        let state = self.pilot.state();
        let settled = self.pilot.settled();
        self.observe(now, Trip::PilotError, settled && state == PilotState::E);
        let pwm = self
            .sequence
            .pwm_since()
            .is_some_and(|since| now.since(since) >= DIODE_BLANK_MS);
        let present = self.vehicle.connected() && state != PilotState::E;
        let looking = pwm && present && !self.blanking.active(now);
        let diode = self
            .diode
            .is_missing(now, looking.then_some(inputs.pilot_low));
        self.observe(now, Trip::Diode, diode);
        if is_socket(&self.profile) {
            let connected = present && !self.sequence.blind();
            let wrong = self.proximity.is_wrong(now, connected);
            self.observe(now, Trip::Proximity, wrong);
        }
        let state_d = settled && state == PilotState::D;
        let ventilation = self
            .simple
            .ventilation_missing(now, state_d, inputs, &self.profile);
        self.observe(now, Trip::VentilationMissing, ventilation);
    }

    /// Voltage, current, temperature.
    fn supervise_supply(&mut self, now: Instant, inputs: &Inputs, permit: &Permit) {
        // What is connected now and what will be: a missing phase is known before it is switched to.
        let phases = self.wanted_phases(permit).max(self.sequence.phases());
        let volts = self
            .mains
            .update(now, phases, self.profile.nominal_voltage, &inputs.mains);
        self.observe(now, Trip::OverVoltage, volts.over);
        self.observe(now, Trip::UnderVoltage, volts.under);
        self.observe(now, Trip::PhaseMissing, volts.missing);
        let over = self
            .over_current
            .is_exceeded(now, self.sequence.offered(), &inputs.mains);
        self.observe(now, Trip::OverCurrent, over);
        let full = self.profile.max_current;
        let contactor = self.contactor_temperature.is_too_hot(
            now,
            self.profile.contactor_sensor.as_ref(),
            inputs.contactor_temperature,
            full,
        );
        self.observe(now, Trip::ContactorTemperature, contactor);
        let socket = self.socket_temperature.is_too_hot(
            now,
            self.profile.socket_sensor.as_ref(),
            inputs.socket_temperature,
            full,
        );
        self.observe(now, Trip::SocketTemperature, socket);
    }

    fn supervise_residual(&mut self, now: Instant, inputs: &Inputs, context: &ClearContext) {
        if self.profile.residual == ResidualDevice::NotFitted {
            self.observe(now, Trip::ResidualCurrent, false);
            self.observe(now, Trip::ResidualDevice, false);
            return;
        }
        let trips = self.trips.set();
        let allowed = Allowed {
            at_rest: self.watch.proven_open()
                && self.pilot.settled()
                && matches!(self.sequence.drive(), Drive::X1 | Drive::F),
            reclose: context.allows(self.profile.reclose.residual, now),
            tripped: trips.contains(Trip::ResidualCurrent) || trips.contains(Trip::ResidualDevice),
        };
        let found = self
            .residual
            .update(now, &inputs.residual, allowed, &mut self.events);
        self.observe(now, Trip::ResidualCurrent, found.current);
        self.observe(now, Trip::ResidualDevice, found.device);
        self.rdc_self_test = found.self_test;
        self.rdc_reset = found.reset;
    }

    /// Opens if anything asks for it, before anything else is decided.
    fn open_first(&mut self, now: Instant, inputs: &Inputs, tripped_before: bool) {
        let tripped = !self.trips.set().is_empty();
        let was_closed = self.sequence.contactor();
        let reason = if tripped {
            Some(OpenReason::Trip)
        } else if !self.asks() {
            Some(OpenReason::VehicleLeft)
        } else if !self.ventilated(inputs) || !self.self_test_fresh(now) {
            Some(OpenReason::Condition)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.sequence.open(now, reason, &mut self.events);
        }
        if tripped && !tripped_before {
            let hold_f = was_closed && self.asks();
            self.sequence.trip(now, hold_f, &mut self.events);
        }
    }

    fn asks(&self) -> bool {
        self.pilot.settled() && is_energisable(self.pilot.state())
    }

    /// Not in state D, or ventilation runs.
    fn ventilated(&self, inputs: &Inputs) -> bool {
        self.pilot.state() != PilotState::D
            || (self.profile.ventilation == Ventilation::Switched && inputs.ventilation)
    }

    fn self_test_fresh(&self, now: Instant) -> bool {
        match self.profile.residual {
            ResidualDevice::NotFitted => true,
            ResidualDevice::Fitted => self.residual.is_fresh(now),
        }
    }

    fn self_test_due(&self, now: Instant) -> bool {
        match self.profile.residual {
            ResidualDevice::NotFitted => false,
            ResidualDevice::Fitted => self.residual.must_renew(now),
        }
    }

    /// Offers, closes, wakes, pauses: everything that is not opening at once.
    fn offer_and_close(&mut self, now: Instant, inputs: &Inputs, permit: &Permit, fresh: bool) {
        let wanted = if fresh {
            self.wanted_phases(permit)
        } else {
            self.sequence.phases()
        };
        let pausing = self.sequence.switch_phases(now, wanted, &mut self.events);
        let may_offer = !pausing && self.may_offer(now, permit, fresh);
        let offer = if may_offer {
            DutyCycle::offering(self.limit(permit.max_current))
        } else {
            None
        };
        let asks = self.asks();
        let facts = Facts {
            offer,
            ready: asks && self.ventilated(inputs),
            asks,
            proven: self.proven(now, inputs),
            may_wake: permit.wake_up,
            unavailable: fresh
                && !permit.available
                && self.pilot.settled()
                && self.pilot.state() == PilotState::A,
        };
        self.sequence.advance(now, &facts, &mut self.events);
    }

    fn wanted_phases(&self, permit: &Permit) -> Phases {
        match (self.profile.phase_switching, self.profile.supply) {
            (PhaseSwitching::Switchable, Phases::Three) => permit.phases,
            (PhaseSwitching::Switchable | PhaseSwitching::Fixed, supply) => supply,
        }
    }

    fn may_offer(&self, now: Instant, permit: &Permit, fresh: bool) -> bool {
        let vehicle = self.vehicle.connected()
            && !self.vehicle.unsure()
            && (self.asks() || self.pilot.state() == PilotState::B);
        let plug = match self.profile.attachment {
            Attachment::Tethered(_) => true,
            Attachment::Socket => {
                self.proximity.frozen().is_some()
                    && self.proximity.plug_present()
                    && permit.lock != LockWish::Release
                    && !self.lock.forced()
            }
        };
        let station = fresh && permit.available;
        let device = self.self_test_fresh(now) && !self.self_test_due(now);
        self.trips.set().is_empty() && vehicle && plug && station && device
    }

    /// The permit's current, lowered by everything that the interlock knows.
    fn limit(&self, permitted: Milliamps) -> Milliamps {
        let limits = self.limits();
        let tethered = match self.profile.attachment {
            Attachment::Tethered(rating) => rating,
            Attachment::Socket => Milliamps::MAX,
        };
        let none = Milliamps::MAX;
        permitted
            .min(self.profile.max_current)
            .min(tethered)
            .min(limits.cable.unwrap_or(none))
            .min(limits.temperature.unwrap_or(none))
            .min(limits.simplified_pilot.unwrap_or(none))
    }

    fn limits(&self) -> InterlockLimits {
        let contactor = self.contactor_temperature.limit();
        let temperature = match (contactor, self.socket_temperature.limit()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        InterlockLimits {
            cable: self
                .proximity
                .frozen()
                .map(|rating| rating.current(self.sequence.phases())),
            temperature,
            simplified_pilot: self.vehicle.simplified().then_some(SIMPLIFIED_MAX),
        }
    }

    /// Everything that must be proven to close, besides the vehicle and the offer.
    fn proven(&self, now: Instant, inputs: &Inputs) -> bool {
        let locked = !is_socket(&self.profile) || self.lock.position() == LockPosition::Locked;
        inputs.sample_valid
            && locked
            && self.watch.proven_open()
            && self.diode.proven()
            && self.pilot.steady() >= PLAUSIBILITY_MS
            && inputs.earth_ok
            && self.self_test_fresh(now)
            && self.trips.set().is_empty()
    }

    fn outputs(&mut self, now: Instant, permit: &Permit, fresh: bool) -> Outputs {
        let trips = self.trips.set();
        let closed = self.sequence.contactor();
        let around = Surroundings {
            pilot: self.pilot.state(),
            settled: self.pilot.settled(),
            plug_present: self.proximity.plug_present(),
            wish: permit.lock,
            permit_fresh: fresh,
            safe_to_unlock: !closed && self.watch.proven_open() && !trips.contains(Trip::Weld),
            release_on_trip: !trips.is_empty() && self.profile.lock_on_trip == LockOnTrip::Release,
            failed: trips.contains(Trip::LockFailed),
        };
        let lock = if is_socket(&self.profile) {
            self.lock.drive(now, &around, &mut self.events)
        } else {
            LockDrive::Hold
        };
        let state_d = self.asks() && self.pilot.state() == PilotState::D;
        Outputs {
            pilot: self.sequence.pilot(self.profile.wake_step),
            contactor: closed,
            phases: self.sequence.phases(),
            lock,
            rdc_self_test: self.rdc_self_test,
            rdc_reset: self.rdc_reset,
            ventilation: state_d && self.profile.ventilation == Ventilation::Switched,
        }
    }

    /// Checks a closed contactor against the invariants once more, by other means than those that closed it.
    /// A contradiction opens and trips [`Trip::Internal`] in this very step.
    fn gate(&mut self, now: Instant, outputs: Outputs) -> Outputs {
        if !outputs.contactor {
            return outputs;
        }
        let pilot = matches!(outputs.pilot, PilotDrive::Pwm(_) | PilotDrive::Constant);
        let lock = !is_socket(&self.profile)
            || (self.lock.position() == LockPosition::Locked && outputs.lock == LockDrive::Hold);
        let grace = Millis::new(FORCED_OPEN_MS.get().saturating_add(TICK_MS.get()));
        let permitted = self.last_fresh.is_some_and(|at| now.since(at) <= grace);
        let sound = pilot
            && lock
            && permitted
            && self.asks()
            && self.trips.set().is_empty()
            && self.self_test_fresh(now)
            && !outputs.rdc_self_test;
        if sound {
            return outputs;
        }
        self.sequence
            .open(now, OpenReason::Condition, &mut self.events);
        self.observe(now, Trip::Internal, true);
        self.sequence.trip(now, false, &mut self.events);
        Outputs {
            contactor: false,
            pilot: PilotDrive::Constant,
            lock: LockDrive::Hold,
            ..outputs
        }
    }

    fn report(&mut self, inputs: &Inputs, fresh: bool, outputs: &Outputs, now: Instant) {
        if self.status.permit_fresh && !fresh && self.vehicle.connected() {
            self.events.push(now, EventKind::PermitStale);
        }
        let pilot = match outputs.pilot {
            PilotDrive::StateF => PilotState::F,
            PilotDrive::StateE => PilotState::E,
            PilotDrive::Constant | PilotDrive::Pwm(_) => self.pilot.state(),
        };
        self.status = Status {
            pilot,
            vehicle_connected: self.vehicle.connected(),
            cable_present: self.plug_present(),
            energised: outputs.contactor && self.watch.proven_closed(),
            contactor_command: outputs.contactor,
            lock: self.lock.position(),
            offered: self.sequence.offered(),
            limits: self.limits(),
            trips: self.trips.set(),
            surge_tripped: inputs.protections.surge == Some(true),
            phases: self.sequence.phases(),
            wake_up: self.sequence.wake_up(),
            permit_fresh: fresh,
            self_test_fresh: self.self_test_fresh(now),
        };
    }
}

/// A permit counts until it expires, and only if it does not reach too far: nobody may grant for ever.
fn is_fresh(permit: &Permit, now: Instant) -> bool {
    now < permit.valid_until && permit.valid_until.since(now) <= PERMIT_MAX_MS
}

const fn is_socket(profile: &BoardProfile) -> bool {
    matches!(profile.attachment, Attachment::Socket)
}
