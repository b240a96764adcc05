//! Waking a sleeping vehicle.

use interlock::{BoardProfile, PilotDrive, WakeStep, WakeUp};

use crate::bench::{Bench, Ev};

fn sleeping(step: WakeStep) -> Bench {
    let mut profile = BoardProfile::tethered_32a();
    profile.wake_step = step;
    let mut bench = Bench::idle(profile);
    bench.permit.wake_up = true;
    bench.plug_in();
    bench.until(2_000, |bench| matches!(bench.out.pilot, PilotDrive::Pwm(_)));
    bench
}

#[test]
fn a_sleeping_vehicle_is_woken_once_after_30_s_by_4_s_of_e_or_f_and_3_s_of_x1() {
    for (step, drive) in [
        (WakeStep::StateF, PilotDrive::StateF),
        (WakeStep::DisconnectPilot, PilotDrive::StateE),
    ] {
        let mut bench = sleeping(step);
        let began = bench.until(31_000, |bench| bench.out.pilot == drive);
        assert!((29_900..=30_050).contains(&began), "{began}");
        assert_eq!(bench.status().wake_up, WakeUp::Running);
        assert!(bench.status().vehicle_connected);
        let unplugged = bench.until(5_000, |bench| bench.out.pilot != drive);
        assert!((3_980..=4_020).contains(&unplugged), "{unplugged}");
        assert_eq!(bench.out.pilot, PilotDrive::Constant);
        let pause = bench.until(4_000, |bench| matches!(bench.out.pilot, PilotDrive::Pwm(_)));
        assert!((2_980..=3_020).contains(&pause), "{pause}");
        assert_eq!(bench.status().wake_up, WakeUp::Done);
        for _ in 0..20_000 {
            bench.step();
            assert!(
                matches!(bench.out.pilot, PilotDrive::Pwm(_)),
                "once per plug-in"
            );
        }
    }
}

#[test]
fn a_woken_vehicle_charges() {
    let mut bench = sleeping(WakeStep::StateF);
    bench.until(60_000, |bench| bench.status().wake_up == WakeUp::Done);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
}

#[test]
fn a_vehicle_is_not_woken_without_permission() {
    let mut bench = sleeping(WakeStep::StateF);
    bench.permit.wake_up = false;
    for _ in 0..10_000 {
        bench.step();
        assert!(matches!(bench.out.pilot, PilotDrive::Pwm(_)));
    }
    assert_eq!(bench.status().wake_up, WakeUp::NotTried);
}

#[test]
fn a_vehicle_that_has_charged_and_stopped_is_not_woken() {
    let mut bench = sleeping(WakeStep::StateF);
    bench.world.ev = Ev::Asks;
    bench.until_closed(3_000);
    bench.run(1_000);
    bench.world.ev = Ev::Ready;
    bench.run(100_000);
    assert_eq!(bench.status().wake_up, WakeUp::NotTried);
}

#[test]
fn a_wake_up_ends_when_the_permit_goes() {
    let mut bench = sleeping(WakeStep::StateF);
    bench.until(31_000, |bench| bench.out.pilot == PilotDrive::StateF);
    bench.station_alive = false;
    bench.until(600, |bench| bench.out.pilot == PilotDrive::Constant);
}

#[test]
fn the_next_plug_in_may_be_woken_again() {
    let mut bench = sleeping(WakeStep::StateF);
    bench.until(60_000, |bench| bench.status().wake_up == WakeUp::Done);
    bench.unplug();
    bench.run(1_000);
    assert_eq!(bench.status().wake_up, WakeUp::NotTried);
    bench.plug_in();
    bench.until(40_000, |bench| bench.status().wake_up == WakeUp::Running);
}
