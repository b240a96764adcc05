//! The simulated hardware behaves like hardware.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test helper may panic"
)]

use drivers::sim::{
    EvCommand, EvPreset, PlugIn, SimCommand, SimEvseConfig, SimFault, SimStation, SimWorld,
};
use drivers::{Board, CardReader, CardSeen, CardUid, Meter, MeterError, ReaderError};
use interlock::{
    Attachment, Contact, Inputs, LockDrive, LockPosition, Outputs, PilotDrive, SelfTest,
};
use units::{DutyCycle, Instant, Milliamps, Phases};

const OFF: Outputs = Outputs {
    pilot: PilotDrive::Constant,
    contactor: false,
    phases: Phases::Three,
    lock: LockDrive::Hold,
    rdc_self_test: false,
    rdc_reset: false,
    ventilation: false,
};

/// One EVSE, stepped by hand.
struct Bench {
    station: SimStation,
    now: u64,
    out: Outputs,
}

impl Bench {
    fn new(config: SimEvseConfig) -> Self {
        Self {
            station: SimStation::new(&[config], 7),
            now: 0,
            out: OFF,
        }
    }

    fn quiet() -> Self {
        Self::new(SimEvseConfig {
            noise: false,
            ..SimEvseConfig::socket()
        })
    }

    fn apply(&mut self, command: SimCommand) {
        self.station
            .apply(Instant::from_millis(self.now), 1, command)
            .unwrap();
    }

    fn refused(&mut self, command: SimCommand) -> String {
        self.station
            .apply(Instant::from_millis(self.now), 1, command)
            .unwrap_err()
            .to_string()
    }

    fn plug(&mut self, preset: EvPreset) {
        self.apply(SimCommand::PlugIn(PlugIn::preset(preset)));
        self.step();
    }

    fn step(&mut self) -> Inputs {
        self.now += 10;
        let now = Instant::from_millis(self.now);
        let board = &mut self.station.boards[0];
        let inputs = board.read(now);
        board.write(now, &self.out);
        inputs
    }

    fn run(&mut self, ms: u64) -> Inputs {
        let mut inputs = self.step();
        for _ in 1..ms / 10 {
            inputs = self.step();
        }
        inputs
    }

    fn offer(&mut self, tenths: u16) {
        self.out.pilot = PilotDrive::Pwm(DutyCycle::try_from_tenths(tenths).unwrap());
    }

    fn current_ma(&self) -> [u32; 3] {
        self.station.control.view(1).unwrap().current_ma
    }

    fn register(&mut self) -> u64 {
        self.station.meters[0]
            .read(Instant::from_millis(self.now))
            .unwrap()
            .register
            .get()
    }
}

#[test]
fn pilot_levels_follow_the_vehicles_resistors_and_diode() {
    let mut bench = Bench::quiet();
    let levels = |inputs: Inputs| (inputs.pilot_high.get(), inputs.pilot_low.get());
    assert_eq!(levels(bench.step()), (12_000, 12_000));
    bench.plug(EvPreset::ThreePhase);
    let (high, low) = levels(bench.step());
    assert!(
        (8_500..=9_500).contains(&high) && high == low,
        "B1: {high} {low}"
    );
    bench.offer(533);
    bench.step();
    let (high, low) = levels(bench.step());
    assert!(
        (8_500..=9_500).contains(&high) && low == -12_000,
        "B2: {high} {low}"
    );
    let (high, low) = levels(bench.run(2_000));
    assert!(
        (5_500..=6_500).contains(&high) && low == -12_000,
        "C2: {high} {low}"
    );
    bench.apply(SimCommand::Ev(EvCommand::Ventilation(true)));
    bench.step();
    let (high, _) = levels(bench.step());
    assert!((2_500..=3_500).contains(&high), "D2: {high}");
    bench.apply(SimCommand::Fault(SimFault::DiodeMissing));
    bench.step();
    let (_, low) = levels(bench.step());
    assert!(low > -10_000, "no diode: {low}");
    bench.apply(SimCommand::Fault(SimFault::PilotShort));
    bench.step();
    assert_eq!(levels(bench.step()), (0, 0));
    bench.apply(SimCommand::Clear(None));
    bench.out.pilot = PilotDrive::StateF;
    bench.step();
    assert_eq!(levels(bench.step()), (-12_000, -12_000));
}

#[test]
fn proximity_resistor_codes_the_cable_and_stays_when_only_the_vehicle_leaves() {
    for (cable, ohms) in [(13, 1_500), (20, 680), (32, 220), (63, 100)] {
        let mut bench = Bench::quiet();
        assert!(
            bench.step().proximity.unwrap().get() > 4_500,
            "nothing plugged in reads open"
        );
        let plug = PlugIn {
            cable: Milliamps::from_amps(cable),
            ..PlugIn::preset(EvPreset::OnePhase)
        };
        bench.apply(SimCommand::PlugIn(plug));
        assert_eq!(bench.step().proximity.unwrap().get(), ohms);
        bench.apply(SimCommand::EvUnplug);
        bench.step();
        let inputs = bench.step();
        assert_eq!(inputs.proximity.unwrap().get(), ohms);
        assert_eq!(inputs.pilot_high.get(), 12_000);
    }
}

#[test]
fn contactor_takes_its_time_and_its_mirror_contact_follows() {
    let mut bench = Bench::quiet();
    bench.out.contactor = true;
    assert_eq!(bench.step().contactor_feedback, Contact::Open);
    assert_eq!(bench.step().contactor_feedback, Contact::Open);
    assert_eq!(bench.run(50).contactor_feedback, Contact::Closed);
    assert_eq!(bench.step().load_side_voltage, Contact::Closed);
    bench.out.contactor = false;
    assert_eq!(bench.run(60).contactor_feedback, Contact::Open);
    bench.apply(SimCommand::Fault(SimFault::ContactorWelded));
    let inputs = bench.run(100);
    assert_eq!(inputs.contactor_feedback, Contact::Closed);
    assert_eq!(inputs.load_side_voltage, Contact::Closed);
    bench.apply(SimCommand::Clear(None));
    bench.apply(SimCommand::Fault(SimFault::ContactorStuckOpen));
    bench.run(100);
    bench.out.contactor = true;
    assert_eq!(bench.run(200).contactor_feedback, Contact::Open);
}

#[test]
fn residual_trip_opens_the_contacts_in_hardware_and_stays_until_reset() {
    let mut bench = Bench::quiet();
    bench.out.contactor = true;
    bench.run(100);
    assert!(bench.station.boards[0].contacts_closed());
    bench.apply(SimCommand::Fault(SimFault::ResidualTrip));
    assert!(bench.run(50).residual.tripped);
    assert!(
        !bench.station.boards[0].contacts_closed(),
        "nobody withdrew the command"
    );
    bench.out.contactor = false;
    bench.apply(SimCommand::Clear(None));
    assert!(bench.run(1_000).residual.tripped);
    bench.out.rdc_reset = true;
    assert!(!bench.run(100).residual.tripped);
}

#[test]
fn residual_self_test_takes_three_seconds_and_shows_its_result() {
    let mut bench = Bench::quiet();
    bench.out.rdc_self_test = true;
    assert_eq!(bench.run(2_900).residual.self_test, SelfTest::Running);
    assert_eq!(bench.run(200).residual.self_test, SelfTest::Passed);
    bench.out.rdc_self_test = false;
    assert_eq!(bench.run(2_000).residual.self_test, SelfTest::Idle);
    bench.apply(SimCommand::Fault(SimFault::ResidualSelfTestFails));
    bench.out.rdc_self_test = true;
    assert_eq!(bench.run(3_200).residual.self_test, SelfTest::Failed);
}

#[test]
fn lock_bolt_travels_one_second_jams_and_can_be_missing() {
    let mut bench = Bench::quiet();
    bench.out.lock = LockDrive::Lock;
    assert_eq!(bench.run(900).lock, LockPosition::Unknown);
    assert_eq!(bench.run(200).lock, LockPosition::Locked);
    bench.apply(SimCommand::Fault(SimFault::LockJammed));
    bench.out.lock = LockDrive::Unlock;
    assert_eq!(bench.run(3_000).lock, LockPosition::Locked);
    bench.apply(SimCommand::Clear(Some(SimFault::LockJammed)));
    assert_eq!(bench.run(1_100).lock, LockPosition::Unlocked);
    bench.apply(SimCommand::Fault(SimFault::LockMissing));
    assert_eq!(bench.run(20).lock, LockPosition::Missing);
}

#[test]
fn locked_plug_cannot_be_pulled_but_the_cable_can_tear() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::ThreePhase);
    bench.out.lock = LockDrive::Lock;
    bench.run(1_200);
    assert!(
        bench
            .refused(SimCommand::Unplug)
            .contains("lock holds the plug")
    );
    bench.apply(SimCommand::Tear);
    let inputs = bench.run(20);
    assert_eq!(inputs.pilot_high.get(), 12_000);
    assert_eq!(
        inputs.proximity.unwrap().get(),
        220,
        "the plug's rest is still in the socket"
    );
    assert_eq!(inputs.lock, LockPosition::Locked);
    let plug = SimCommand::PlugIn(PlugIn::preset(EvPreset::ThreePhase));
    assert!(bench.refused(plug).contains("torn"));
}

#[test]
fn vehicle_ramps_to_the_offer_follows_it_and_stops_when_it_is_withdrawn() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::ThreePhase);
    bench.offer(166);
    bench.run(2_000);
    bench.out.contactor = true;
    bench.run(500);
    let ramping = bench.current_ma()[0];
    assert!((1..9_960).contains(&ramping), "{ramping}");
    bench.run(5_000);
    assert_eq!(bench.current_ma(), [9_960; 3]);
    bench.offer(100);
    bench.run(2_000);
    assert_eq!(bench.current_ma(), [6_000; 3]);
    bench.out.pilot = PilotDrive::Constant;
    let inputs = bench.run(1_500);
    assert_eq!(bench.current_ma(), [0; 3]);
    assert!(inputs.pilot_high.get() > 8_000, "S2 is open again");
}

#[test]
fn stubborn_vehicle_draws_on_without_an_offer_until_the_contactor_opens() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::Stubborn);
    bench.offer(166);
    bench.run(2_000);
    bench.out.contactor = true;
    bench.run(4_000);
    bench.out.pilot = PilotDrive::Constant;
    let inputs = bench.run(10_000);
    assert_eq!(bench.current_ma()[0], 9_960);
    assert!(inputs.pilot_high.get() < 7_000);
    bench.out.contactor = false;
    bench.run(50);
    assert_eq!(bench.current_ma(), [0; 3]);
}

#[test]
fn one_phase_vehicle_and_one_phase_contactor_load_only_line_1() {
    for (preset, phases) in [
        (EvPreset::OnePhase, Phases::Three),
        (EvPreset::ThreePhase, Phases::One),
    ] {
        let mut bench = Bench::quiet();
        bench.plug(preset);
        bench.out.phases = phases;
        bench.offer(166);
        bench.run(2_000);
        bench.out.contactor = true;
        bench.run(4_000);
        assert_eq!(bench.current_ma(), [9_960, 0, 0]);
    }
}

#[test]
fn sleeper_wakes_after_a_lost_pilot_and_the_deep_sleeper_does_not() {
    for (preset, wakes) in [(EvPreset::Sleeper, true), (EvPreset::DeepSleeper, false)] {
        let mut bench = Bench::quiet();
        bench.plug(preset);
        bench.offer(166);
        assert!(bench.run(10_000).pilot_high.get() > 8_000, "asleep");
        bench.out.pilot = PilotDrive::StateE;
        bench.run(4_000);
        bench.offer(166);
        assert_eq!(bench.run(5_000).pilot_high.get() < 7_000, wakes);
    }
}

#[test]
fn battery_that_is_full_opens_s2_and_start_closes_it_again() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::SmallBattery);
    bench.offer(266);
    bench.run(2_000);
    bench.out.contactor = true;
    let inputs = bench.run(300_000);
    assert!(inputs.pilot_high.get() > 8_000, "state B when full");
    let taken = bench.station.control.view(1).unwrap().ev_taken_wh;
    assert!((500..510).contains(&taken), "{taken}");
    assert!(
        bench.register().abs_diff(taken) <= 1,
        "meter and vehicle agree"
    );
    bench.apply(SimCommand::Ev(EvCommand::Start));
    assert!(bench.run(3_000).pilot_high.get() < 7_000);
}

#[test]
fn register_integrates_power_never_falls_and_outlives_a_restart_of_the_simulation() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::ThreePhase);
    bench.offer(266);
    bench.run(2_000);
    bench.out.contactor = true;
    bench.run(10_000);
    let before = bench.register();
    bench.run(3_600_000 / 10);
    // 15.96 A at 230 V on three lines for a tenth of an hour.
    let gained = bench.register() - before;
    assert!((1_098..=1_104).contains(&gained), "{gained}");
    bench.apply(SimCommand::Fault(SimFault::MeterSilent));
    bench.step();
    let now = Instant::from_millis(bench.now);
    assert_eq!(bench.station.meters[0].read(now), Err(MeterError::Silent));
    bench.apply(SimCommand::Clear(None));
    bench.step();
    let last = bench.register();
    let world = bench.station.control.world(1).unwrap();
    let world = SimWorld::parse(&world.to_text()).unwrap();
    let mut again = Bench::new(SimEvseConfig {
        world,
        ..SimEvseConfig::socket()
    });
    again.step();
    assert_eq!(again.register(), last);
    assert!(
        again.station.control.view(1).unwrap().ev.is_some(),
        "the car is still there"
    );
}

#[test]
fn cards_are_seen_once_in_order_and_not_at_all_by_a_dead_reader() {
    let mut bench = Bench::quiet();
    let uid = CardUid::try_from_hex("0a0e9b83").unwrap();
    bench.apply(SimCommand::Card(CardSeen::Uid(uid)));
    bench.apply(SimCommand::Card(CardSeen::Unreadable));
    let now = Instant::from_millis(10);
    let reader = &mut bench.station.readers[0];
    assert_eq!(reader.poll(now), Ok(Some(CardSeen::Uid(uid))));
    assert_eq!(reader.poll(now), Ok(Some(CardSeen::Unreadable)));
    assert_eq!(reader.poll(now), Ok(None));
    bench.apply(SimCommand::Fault(SimFault::ReaderSilent));
    bench.step();
    bench.apply(SimCommand::Card(CardSeen::Uid(uid)));
    assert_eq!(bench.station.readers[0].poll(now), Err(ReaderError::Silent));
    bench.apply(SimCommand::Clear(None));
    bench.step();
    assert_eq!(bench.station.readers[0].poll(now), Ok(None));
}

#[test]
fn commands_for_a_missing_evse_or_vehicle_are_refused_with_advice() {
    let mut bench = Bench::quiet();
    bench.step();
    let now = Instant::ZERO;
    let text = bench
        .station
        .apply(now, 2, SimCommand::Unplug)
        .unwrap_err()
        .to_string();
    assert!(text.contains("1 to 1"), "{text}");
    assert!(
        bench
            .refused(SimCommand::Unplug)
            .contains("nothing is plugged in")
    );
    assert!(
        bench
            .refused(SimCommand::Ev(EvCommand::Pause))
            .contains("plug-in")
    );
    bench.plug(EvPreset::ThreePhase);
    let again = SimCommand::PlugIn(PlugIn::preset(EvPreset::ThreePhase));
    assert!(bench.refused(again).contains("unplug"));
}

#[test]
fn tethered_cable_has_no_proximity_and_no_lock() {
    let attachment = Attachment::Tethered(Milliamps::from_amps(32));
    let mut bench = Bench::new(SimEvseConfig {
        attachment,
        noise: false,
        ..SimEvseConfig::socket()
    });
    bench.plug(EvPreset::OnePhase);
    bench.out.lock = LockDrive::Lock;
    let inputs = bench.run(1_500);
    assert!(inputs.proximity.unwrap().get() > 4_500);
    assert_eq!(inputs.lock, LockPosition::Unlocked);
    bench.apply(SimCommand::Unplug);
    assert_eq!(bench.run(30).pilot_high.get(), 12_000);
}

#[test]
fn over_current_power_cut_and_missing_phase_show_in_the_measurements() {
    let mut bench = Bench::quiet();
    bench.plug(EvPreset::ThreePhase);
    bench.offer(166);
    bench.run(2_000);
    bench.out.contactor = true;
    bench.apply(SimCommand::Fault(SimFault::OverCurrent));
    let inputs = bench.run(6_000);
    assert!(inputs.mains.current[0].unwrap().get() > 14_000);
    bench.apply(SimCommand::Fault(SimFault::PhaseL2Missing));
    bench.step();
    let inputs = bench.step();
    assert_eq!(inputs.mains.voltage[1].unwrap().get(), 0);
    assert_eq!(inputs.mains.current[1].unwrap().get(), 0);
    bench.station.boards[0].power_cut();
    bench.out = OFF;
    let inputs = bench.step();
    assert_eq!(inputs.contactor_feedback, Contact::Open);
    assert_eq!(inputs.proximity.unwrap().get(), 220, "the plug is still in");
}

#[test]
fn same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut bench = Bench {
            station: SimStation::new(&[SimEvseConfig::socket()], seed),
            now: 0,
            out: OFF,
        };
        bench.plug(EvPreset::ThreePhase);
        bench.offer(266);
        (0..500).map(|_| bench.step()).collect::<Vec<_>>()
    };
    assert!(run(3) == run(3));
    assert!(run(3) != run(4), "noise comes from the seed");
}
