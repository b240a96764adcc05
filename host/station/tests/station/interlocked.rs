//! Station and the real interlock together, on a board that does as it is told: what the fake of the other tests
//! assumes about the interlock must be so.

use interlock::{
    BoardProfile, Contact, Inputs, Interlock, LockDrive, LockPosition, MainsReading, Outputs,
    Permit, PilotDrive, Protections, ResidualCurrent, SelfTest, Status,
};
use station::*;
use units::{DeciCelsius, Instant, Milliamps, Millis, Millivolts, Ohms, WattHours};

use crate::rig::{ALICE, ONE, config, token, verdict};

const TICK: Millis = Millis::new(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vehicle {
    Away,
    Waits,
    Takes,
}

/// A board, its interlock and the station, stepped every 10 ms.
struct Post {
    station: Station,
    interlock: Interlock,
    permit: Permit,
    out: Option<Outputs>,
    now: Instant,
    vehicle: Vehicle,
    cable: bool,
    residual: bool,
    lock: LockPosition,
    lock_ms: u64,
    test_ms: u64,
    reported: Option<Status>,
    reported_at: Instant,
    ends: Vec<(StopReason, Instant)>,
    contactor_at_end: Vec<bool>,
    record: PersistentState,
}

impl Post {
    fn new() -> Self {
        Self::with(PersistentState::default())
    }

    fn with(record: PersistentState) -> Self {
        let now = Instant::from_millis(1_000);
        let profile = BoardProfile::socket_32a();
        let config = config(&[(ONE, profile.attachment)]);
        let moment = Moment {
            at: now,
            wall: None,
        };
        Self {
            station: Station::new(config, record.clone(), moment),
            interlock: Interlock::new(profile),
            permit: Permit::NONE,
            out: None,
            now,
            vehicle: Vehicle::Away,
            cable: false,
            residual: false,
            lock: LockPosition::Unlocked,
            lock_ms: 0,
            test_ms: 0,
            reported: None,
            reported_at: Instant::ZERO,
            ends: Vec::new(),
            contactor_at_end: Vec::new(),
            record,
        }
    }

    fn inputs(&self) -> Inputs {
        let high = match self.vehicle {
            Vehicle::Away => 12_000,
            Vehicle::Waits => 9_000,
            Vehicle::Takes => 6_000,
        };
        let (high, low) = match self.out.map(|out| out.pilot) {
            Some(PilotDrive::Pwm(_)) => (high, -12_000),
            Some(PilotDrive::StateF) => (-12_000, -12_000),
            Some(PilotDrive::StateE) => (0, 0),
            Some(PilotDrive::Constant) | None => (high, high),
        };
        let closed = self.closed();
        let contact = if closed {
            Contact::Closed
        } else {
            Contact::Open
        };
        let amps = if closed && self.vehicle == Vehicle::Takes {
            10_000
        } else {
            0
        };
        let self_test = match self.test_ms {
            0 => SelfTest::Idle,
            1..300 => SelfTest::Running,
            _ => SelfTest::Passed,
        };
        Inputs {
            pilot_high: Millivolts::new(high),
            pilot_low: Millivolts::new(low),
            proximity: Some(Ohms::new(if self.cable { 220 } else { 1_000_000 })),
            contactor_feedback: contact,
            load_side_voltage: contact,
            lock: self.lock,
            earth_ok: true,
            residual: ResidualCurrent {
                tripped: self.residual || (100..300).contains(&self.test_ms),
                device_fault: false,
                self_test,
            },
            protections: Protections {
                breaker_type2: None,
                breaker_domestic: None,
                rcd: None,
                surge: None,
            },
            mains: MainsReading {
                voltage: [Some(Millivolts::new(230_000)); 3],
                current: [Some(Milliamps::new(amps)); 3],
            },
            contactor_temperature: Some(DeciCelsius::new(250)),
            socket_temperature: Some(DeciCelsius::new(250)),
            ventilation: false,
            local_reset: false,
            sample_valid: true,
        }
    }

    fn closed(&self) -> bool {
        self.out.is_some_and(|out| out.contactor)
    }

    fn step(&mut self) {
        self.now = self.now.after(TICK);
        let out = self.interlock.step(self.now, &self.inputs(), &self.permit);
        self.follow(&out);
        self.out = Some(out);
        let status = self.interlock.status();
        let stale = self.now.since(self.reported_at) >= Millis::new(100);
        if self.reported != Some(status) || stale {
            self.reported = Some(status);
            self.reported_at = self.now;
            self.event(Event::Interlock { evse: ONE, status });
        }
        if self.now.as_millis().is_multiple_of(1_000) {
            let register = WattHours::new(self.now.as_millis() / 1_000);
            self.event(Event::Meter {
                evse: ONE,
                register,
                samples: Vec::new(),
            });
        }
        if self
            .station
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.station.handle_timeout(self.now);
            self.drain();
        }
    }

    fn follow(&mut self, out: &Outputs) {
        self.test_ms = if out.rdc_self_test {
            self.test_ms + 10
        } else {
            0
        };
        let target = match out.lock {
            LockDrive::Hold => return,
            LockDrive::Lock => LockPosition::Locked,
            LockDrive::Unlock => LockPosition::Unlocked,
        };
        self.lock_ms = if self.lock == target {
            0
        } else {
            self.lock_ms + 10
        };
        if self.lock_ms >= 300 {
            self.lock = target;
        }
    }

    fn event(&mut self, event: Event) {
        self.station.handle_event(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.station.poll_action() {
            match action {
                Action::Permit { permit, .. } => self.permit = permit,
                Action::Authorize { request, .. } => {
                    let verdict = verdict(Decision::Accepted);
                    self.station
                        .handle_event(self.now, Event::Verdict { request, verdict });
                }
                Action::Persist { state } => self.record = state,
                Action::Journal { seq, event, .. } => {
                    if let JournalEvent::TransactionEnded { reason, .. } = event {
                        self.ends.push((reason, self.now));
                        self.contactor_at_end.push(self.closed());
                    }
                    self.station
                        .handle_event(self.now, Event::JournalCommitted { seq });
                }
                _ => {}
            }
        }
    }

    fn seconds(&mut self, s: u64) {
        for _ in 0..s * 100 {
            self.step();
        }
    }

    fn swipe(&mut self) {
        self.event(Event::TokenPresented {
            evse: Some(ONE),
            token: token(ALICE),
        });
    }

    fn plug_in(&mut self) {
        self.cable = true;
        self.vehicle = Vehicle::Waits;
        self.seconds(4);
    }

    fn indication(&self) -> Indication {
        self.station.indication(ONE).unwrap()
    }

    fn charging() -> Self {
        let mut post = Self::new();
        post.seconds(10);
        assert_eq!(post.indication(), Indication::Available);
        post.swipe();
        post.plug_in();
        assert_eq!(post.lock, LockPosition::Locked);
        // 53.3 %: the duty cycle is rounded down.
        assert_eq!(post.station.offered(ONE), Some(Milliamps::new(31_980)));
        post.vehicle = Vehicle::Takes;
        post.seconds(4);
        assert!(post.closed());
        assert_eq!(post.indication(), Indication::Charging);
        post
    }
}

// acceptance: J15, J16
#[test]
fn card_then_plug_then_energy_then_card_then_unplug() {
    let mut post = Post::charging();
    let (rows, winner) = post.station.limits(ONE).unwrap();
    assert!(rows.contains(&Limit {
        source: LimitSource::Cable,
        current: winner.current
    }));
    post.swipe();
    assert_eq!(post.ends, [], "the contactor is still closed");
    post.vehicle = Vehicle::Waits;
    post.seconds(3);
    assert_eq!(post.ends.len(), 1);
    assert_eq!(
        (post.ends[0].0, &post.contactor_at_end),
        (StopReason::Local, &vec![false])
    );
    assert_eq!(post.lock, LockPosition::Unlocked);
    assert_eq!(post.indication(), Indication::Finishing);
    post.vehicle = Vehicle::Away;
    post.cable = false;
    post.seconds(2);
    assert_eq!(post.indication(), Indication::Available);
}

#[test]
fn a_vehicle_that_does_not_react_to_the_stop_is_switched_off_and_the_end_comes_after() {
    let mut post = Post::charging();
    post.swipe();
    let asked = post.now;
    post.seconds(9);
    assert_eq!(post.contactor_at_end, [false]);
    let waited = post.ends[0].1.since(asked);
    assert!(waited < Millis::new(7_500), "ended after {waited}");
}

#[test]
fn unplugging_at_the_vehicle_ends_and_the_cable_comes_free() {
    let mut post = Post::charging();
    post.vehicle = Vehicle::Away;
    post.seconds(2);
    assert_eq!(post.ends[0].0, StopReason::EvDisconnected);
    assert_eq!(post.lock, LockPosition::Unlocked);
    assert!(post.station.connectors()[0].finishing);
    post.cable = false;
    post.seconds(2);
    assert_eq!(post.indication(), Indication::Available);
}

// acceptance: P109
#[test]
fn mode_disconnect_only_bills_until_the_cable_is_out_of_the_socket() {
    let mut post = Post::charging();
    let what = Request::SetSetting {
        key: "stop_transaction_mode".to_owned(),
        value: "disconnect-only".to_owned(),
    };
    post.event(Event::Request {
        from: Requester::Local,
        request: RequestId(1),
        what,
    });
    post.vehicle = Vehicle::Away;
    post.seconds(5);
    assert_eq!(post.ends, [], "the cable is still in the socket");
    post.cable = false;
    post.seconds(2);
    assert_eq!(post.ends[0].0, StopReason::EvDisconnected);
}

// acceptance: P211
#[test]
fn a_residual_current_trip_ends_the_transaction_and_clears_at_unplugging() {
    let mut post = Post::charging();
    post.residual = true;
    post.seconds(1);
    assert!(!post.closed());
    assert_eq!(post.ends[0].0, StopReason::Other);
    assert_eq!(post.station.faults()[0].id, "RCMB");
    post.residual = false;
    post.seconds(30);
    assert_eq!(
        post.indication(),
        Indication::Fault,
        "it is latched while plugged in"
    );
    post.vehicle = Vehicle::Away;
    post.cable = false;
    post.seconds(15);
    assert!(post.station.faults().is_empty());
    assert_eq!(post.indication(), Indication::Available);
}

#[test]
fn a_station_that_hangs_withdraws_its_offer_by_not_renewing_it() {
    let mut post = Post::charging();
    // The station hangs from here on: nobody renews the permit.
    for _ in 0..60 {
        post.now = post.now.after(TICK);
        let out = post.interlock.step(post.now, &post.inputs(), &post.permit);
        post.out = Some(out);
    }
    assert!(
        !matches!(post.out.unwrap().pilot, PilotDrive::Pwm(_)),
        "the offer is withdrawn"
    );
}

#[test]
fn a_wake_up_of_a_sleeping_vehicle_does_not_look_like_unplugging() {
    let mut post = Post::new();
    post.seconds(10);
    post.swipe();
    post.plug_in();
    post.seconds(120);
    assert_eq!(
        post.reported.map(|status| status.wake_up),
        Some(interlock::WakeUp::Done)
    );
    assert_eq!(post.ends, []);
    assert_eq!(post.indication(), Indication::SuspendedEv);
    assert_eq!(post.lock, LockPosition::Locked);
    post.vehicle = Vehicle::Takes;
    post.seconds(6);
    assert_eq!(post.indication(), Indication::Charging);
}

#[test]
fn a_limit_below_the_minimum_opens_the_contactor_and_a_higher_one_closes_it_again() {
    let mut post = Post::charging();
    let source = LimitSource::BackendProfile;
    let zero = Some(Milliamps::ZERO);
    post.event(Event::LimitChanged {
        evse: ONE,
        source,
        current: zero,
    });
    post.seconds(10);
    assert!(!post.closed());
    assert_eq!(post.indication(), Indication::SuspendedEvse);
    assert_eq!(post.ends, []);
    post.event(Event::LimitChanged {
        evse: ONE,
        source,
        current: None,
    });
    post.seconds(20);
    assert!(post.closed());
    assert_eq!(post.indication(), Indication::Charging);
}

#[test]
fn the_cable_of_an_ended_transaction_is_not_caught_again_by_a_restart() {
    for (cable, vehicle) in [
        (true, Vehicle::Takes),
        (true, Vehicle::Waits),
        (true, Vehicle::Away),
        (false, Vehicle::Away),
    ] {
        let mut before = Post::charging();
        before.swipe();
        before.seconds(10);
        assert_eq!(before.lock, LockPosition::Unlocked);
        let mut post = Post::with(before.record);
        (post.cable, post.vehicle) = (cable, vehicle);
        for _step in 0..2_000 {
            post.step();
            assert_eq!(post.lock, LockPosition::Unlocked, "{vehicle:?}");
        }
        let shown = if cable {
            Indication::Finishing
        } else {
            Indication::Available
        };
        assert_eq!(post.indication(), shown, "{vehicle:?}");
        (post.cable, post.vehicle) = (false, Vehicle::Away);
        post.seconds(2);
        post.plug_in();
        assert_eq!(post.lock, LockPosition::Locked, "the next one is held");
    }
}
