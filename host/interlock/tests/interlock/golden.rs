//! Golden traces of the standard's sequences: what the station does, line by line, as small text files.
//!
//! `BLESS=1 cargo nextest run -p interlock` rewrites them; review the difference as text.

use std::fmt::Write as _;
use std::path::PathBuf;

use interlock::{
    BoardProfile, Contact, EventKind, Inputs, LockDrive, LockPosition, MainsReading, PilotDrive,
    Protections, ResidualCurrent, SelfTest,
};
use units::{DeciCelsius, Milliamps, Millivolts, Ohms, Phases};

use crate::bench::{Bench, Ev};

/// A board at rest, for tests that feed inputs by hand.
pub fn quiet_inputs() -> Inputs {
    Inputs {
        pilot_high: Millivolts::new(12_000),
        pilot_low: Millivolts::new(12_000),
        proximity: Some(Ohms::new(1_000_000)),
        contactor_feedback: Contact::Open,
        load_side_voltage: Contact::Open,
        lock: LockPosition::Unlocked,
        earth_ok: true,
        residual: ResidualCurrent {
            tripped: false,
            device_fault: false,
            self_test: SelfTest::Idle,
        },
        protections: Protections {
            breaker_type2: None,
            breaker_domestic: None,
            rcd: None,
            surge: None,
        },
        mains: MainsReading {
            voltage: [None; 3],
            current: [None; 3],
        },
        contactor_temperature: Some(DeciCelsius::new(250)),
        socket_temperature: Some(DeciCelsius::new(250)),
        ventilation: false,
        local_reset: false,
        sample_valid: true,
    }
}

/// Writes a line whenever something that the outside can see changes.
struct Trace {
    bench: Bench,
    text: String,
    start: u64,
    last: String,
}

impl Trace {
    fn new(bench: Bench, title: &str) -> Self {
        let mut text = format!("# {title}\n");
        text.push_str(
            "# ms since the first line | pilot state and drive | contactor | lock motor | events\n",
        );
        let start = bench.now;
        let mut trace = Self {
            bench,
            text,
            start,
            last: String::new(),
        };
        trace.bench.events.clear();
        trace
    }

    /// Something happens outside.
    fn does(&mut self, what: &str, change: impl FnOnce(&mut Bench)) {
        writeln!(self.text, "-- {what}").unwrap();
        change(&mut self.bench);
    }

    fn run(&mut self, ms: u64) {
        let until = self.bench.now + ms;
        while self.bench.now < until {
            let now = self.bench.now - self.start;
            self.bench.step();
            let line = self.line();
            let events: Vec<String> = self
                .bench
                .events
                .drain(..)
                .filter_map(|event| name(event.kind))
                .collect();
            if line != self.last || !events.is_empty() {
                writeln!(self.text, "{now:>6} | {line} | {}", events.join(", ")).unwrap();
                self.last = line;
            }
        }
    }

    fn line(&self) -> String {
        let (out, status) = (self.bench.out, self.bench.status());
        let pilot = match out.pilot {
            PilotDrive::Constant => format!("{:?}1", status.pilot),
            PilotDrive::Pwm(duty) => {
                let tenths = duty.tenths();
                format!("{:?}2 {}.{} %", status.pilot, tenths / 10, tenths % 10)
            }
            PilotDrive::StateF | PilotDrive::StateE => format!("{:?}", status.pilot),
        };
        let contactor = match (out.contactor, out.phases) {
            (false, _) => "open",
            (true, Phases::One) => "closed 1~",
            (true, Phases::Three) => "closed 3~",
        };
        let lock = match out.lock {
            LockDrive::Hold => "hold",
            LockDrive::Lock => "lock",
            LockDrive::Unlock => "unlock",
        };
        format!("{pilot:<10} | {contactor:<9} | {lock:<6}")
    }

    fn matches(self, name: &str) {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name]
            .iter()
            .collect();
        let text: String = self
            .text
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, text).unwrap();
            return;
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text,
            golden,
            "differs from {}; BLESS=1 rewrites it",
            path.display()
        );
    }
}

/// Events that the columns do not show already.
fn name(kind: EventKind) -> Option<String> {
    match kind {
        EventKind::Pilot { .. } | EventKind::ContactorClose(_) => None,
        EventKind::ContactorOpen(reason) => Some(format!("opened: {reason:?}")),
        EventKind::Offer(current) => Some(format!("offer {current}")),
        EventKind::TripRaised(trip) => Some(format!("trip {trip:?}")),
        EventKind::TripCleared(trip) => Some(format!("cleared {trip:?}")),
        EventKind::CableRead(current) => Some(format!("cable {current}")),
        EventKind::Lock(position) => Some(format!("lock {position:?}")),
        EventKind::UnlockRefused => Some("unlock refused".to_owned()),
        EventKind::SelfTestStarted => Some("self-test".to_owned()),
        EventKind::SelfTestPassed => Some("self-test passed".to_owned()),
        EventKind::WakeUpStarted => Some("wake-up".to_owned()),
        EventKind::PermitStale => Some("permit stale".to_owned()),
        EventKind::PhasesSwitched(phases) => Some(format!("phases {phases:?}")),
    }
}

fn idle(title: &str) -> Trace {
    Trace::new(Bench::idle(BoardProfile::socket_32a()), title)
}

fn offered(title: &str) -> Trace {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.permit.max_current = Milliamps::from_amps(16);
    bench.plug_in();
    bench.run(6_000);
    Trace::new(bench, title)
}

fn charging(title: &str) -> Trace {
    let mut trace = offered(title);
    trace.bench.world.ev = Ev::Asks;
    trace.bench.run(6_000);
    assert!(trace.bench.status().energised);
    trace.start = trace.bench.now;
    trace.bench.events.clear();
    trace
}

#[test]
fn sequence_1_1_plug_in_then_4_charge_then_8_1_stop_then_2_1_unplug() {
    let mut trace = idle("1.1 plug in, 4 the vehicle asks, 8.1 it stops with PWM on, 2.1 unplug");
    trace.run(100);
    trace.does("plugs in", Bench::plug_in);
    trace.run(4_000);
    trace.does("closes S2", |bench| bench.world.ev = Ev::Asks);
    trace.run(3_000);
    trace.does("opens S2", |bench| bench.world.ev = Ev::Ready);
    trace.run(1_000);
    trace.does("unplugs the vehicle end", |bench| bench.world.ev = Ev::Gone);
    trace.run(2_000);
    trace.does("pulls the cable", Bench::unplug);
    trace.run(2_000);
    trace.matches("seq_1_1_4_8_1_2_1.txt");
}

#[test]
fn sequence_1_2_simplified_pilot() {
    let mut trace = idle("1.2 plug in with S2 closed: 10 A");
    trace.does("plugs in with S2 closed", |bench| {
        bench.plug_in();
        bench.world.ev = Ev::Asks;
        bench.world.obeys_x1_after = None;
    });
    trace.run(4_000);
    trace.matches("seq_1_2.txt");
}

#[test]
fn sequence_2_2_pilot_lost_while_charging() {
    let mut trace = charging("2.2 unplug while charging");
    trace.does("pulls the vehicle end", |bench| bench.world.ev = Ev::Gone);
    trace.run(2_000);
    trace.matches("seq_2_2.txt");
}

#[test]
fn sequence_3_power_becomes_available() {
    let mut bench = Bench::idle(BoardProfile::socket_32a());
    bench.permit.max_current = Milliamps::ZERO;
    bench.plug_in();
    bench.run(6_000);
    let mut trace = Trace::new(bench, "3.1 power becomes available in B, then 3.2 in C");
    trace.does("16 A are permitted", |bench| {
        bench.permit.max_current = Milliamps::from_amps(16);
    });
    trace.run(6_000);
    trace.does(
        "nothing is permitted, the vehicle keeps S2 closed",
        |bench| {
            bench.world.obeys_x1_after = None;
            bench.world.ev = Ev::Asks;
            bench.permit.max_current = Milliamps::ZERO;
        },
    );
    trace.run(6_000);
    trace.does("16 A are permitted", |bench| {
        bench.permit.max_current = Milliamps::from_amps(16);
    });
    trace.run(3_000);
    trace.matches("seq_3.txt");
}

#[test]
fn sequence_6_the_offer_changes() {
    let mut trace = charging("6 the offer changes: down at once, up after 5 s");
    trace.does("10 A", |bench| {
        bench.permit.max_current = Milliamps::from_amps(10)
    });
    trace.run(1_000);
    trace.does("32 A", |bench| {
        bench.permit.max_current = Milliamps::from_amps(32)
    });
    trace.run(6_000);
    trace.matches("seq_6.txt");
}

#[test]
fn sequence_8_2_the_vehicle_stops_with_pwm_off() {
    let mut trace = charging("9.1 the offer is withdrawn, 10.1 and 8.2 the vehicle stops");
    trace.does("nothing is permitted", |bench| {
        bench.world.obeys_x1_after = Some(1_500);
        bench.permit.max_current = Milliamps::ZERO;
    });
    trace.run(4_000);
    trace.matches("seq_9_1_10_1_8_2.txt");
}

#[test]
fn sequence_10_2_the_vehicle_does_not_react() {
    let mut trace = charging("9.1 the offer is withdrawn, 10.2 the vehicle does not react");
    trace.does("nothing is permitted", |bench| {
        bench.world.obeys_x1_after = None;
        bench.permit.max_current = Milliamps::ZERO;
    });
    trace.run(8_000);
    trace.matches("seq_9_1_10_2.txt");
}

#[test]
fn sequence_9_2_the_offer_is_withdrawn_in_b() {
    let mut trace = offered("9.2 the offer is withdrawn in B");
    trace.does("nothing is permitted", |bench| {
        bench.permit.max_current = Milliamps::ZERO
    });
    trace.run(1_000);
    trace.matches("seq_9_2.txt");
}

#[test]
fn sequence_9_3_the_station_becomes_unavailable_without_vehicle() {
    let mut trace = idle("9.3 not available without vehicle: F, and back");
    trace.does("not available", |bench| bench.permit.available = false);
    trace.run(1_000);
    trace.does("available", |bench| bench.permit.available = true);
    trace.run(1_000);
    trace.matches("seq_9_3.txt");
}

#[test]
fn sequence_11_short_toggles_of_s2() {
    let mut trace = offered("11 three pulses of 300 ms: nothing is switched");
    for _ in 0..3 {
        trace.does("closes S2", |bench| bench.world.ev = Ev::Asks);
        trace.run(300);
        trace.does("opens S2", |bench| bench.world.ev = Ev::Ready);
        trace.run(300);
    }
    trace.matches("seq_11.txt");
}

#[test]
fn sequence_12_fault_under_voltage() {
    let mut trace = charging("12 a fault under voltage: open, F for 300 ms, x1; unplugging clears");
    trace.does("residual current", |bench| {
        bench.world.rdc_tripped = true;
        bench.world.rdc_latches = false;
    });
    trace.run(3_000);
    trace.does("pulls the vehicle end", |bench| bench.world.ev = Ev::Gone);
    trace.run(4_000);
    trace.matches("seq_12.txt");
}

#[test]
fn wake_up_and_permit_expiry() {
    let mut trace = offered("A.5.3 wake-up, charge, then the station falls silent");
    trace.bench.permit.wake_up = true;
    trace.run(40_000);
    trace.does("wakes and closes S2", |bench| {
        bench.world.ev = Ev::Asks;
        bench.world.obeys_x1_after = None;
    });
    trace.run(3_000);
    trace.does("the station falls silent", |bench| {
        bench.station_alive = false
    });
    trace.run(70_000);
    trace.matches("wake_up_and_permit_expiry.txt");
}

#[test]
fn phases_are_switched() {
    let mut trace = charging("1~/3~ switch: withdraw, stop, 10 s pause, offer");
    trace.does("one phase", |bench| bench.permit.phases = Phases::One);
    trace.run(12_000);
    trace.does("closes S2", |bench| bench.world.ev = Ev::Asks);
    trace.run(3_000);
    trace.matches("phase_switch.txt");
}
