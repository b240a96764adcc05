//! How the three products show their states, row by row; and how a wrong profile is refused.

use drivers::indicator::{Colour, Facts, Frame, Indicator, Upgrade};

use super::*;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn profile(name: &str) -> Profile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/indicators");
    read(&folder.join(format!("{name}.toml"))).unwrap()
}

fn frame(name: &str, shown: Shown, facts: Facts, ms: u64) -> Frame {
    let mut indicator = Indicator::new(profile(name), at(0));
    indicator.set(at(0), shown);
    indicator.facts(facts);
    indicator.frame(at(ms))
}

/// Colours of the ring from the moment the state is reached, one per 250 ms.
fn ring(name: &str, shown: Shown) -> Vec<Colour> {
    let mut indicator = Indicator::new(profile(name), at(0));
    indicator.set(at(0), shown);
    (0..16).map(|n| indicator.frame(at(n * 250)).ring).collect()
}

fn steady(colour: Colour) -> Vec<Colour> {
    vec![colour; 16]
}

/// Half of the period lit, half dark.
fn blinking(colour: Colour, period_ms: usize) -> Vec<Colour> {
    let half = period_ms / 2 / 250;
    let lit = |n: usize| (n / half.max(1)).is_multiple_of(2);
    let colour = |n| if lit(n) { colour } else { Colour::Off };
    (0..16).map(colour).collect()
}

// acceptance: J1, J2, J3, J4, J5
#[test]
fn joinon_shows_states_and_master_menu_in_its_colours() {
    use Colour::{Blue, Green, Red, White};
    for (shown, colours) in [
        (Shown::Available, steady(Green)),
        (Shown::AuthorisedWaiting, blinking(Green, 1_000)),
        (Shown::Preparing, blinking(Green, 1_000)),
        (Shown::SuspendedEv, blinking(Blue, 1_000)),
        (Shown::SuspendedEvse, blinking(Blue, 1_000)),
        (Shown::Charging, steady(Blue)),
        (Shown::Finishing, blinking(Green, 1_000)),
        (Shown::Fault, steady(Red)),
        (Shown::Adding, blinking(White, 1_000)),
        (Shown::Removing, blinking(Red, 1_000)),
        (Shown::Done, steady(Green)),
    ] {
        assert_eq!(ring("joinon", shown), colours, "{shown:?}");
    }
}

// acceptance: C15, C67, C68, C69, C70, C71, C72
#[test]
fn cabur_belt_shows_its_six_states() {
    use Colour::{Blue, Green, Red, White};
    for (shown, colours) in [
        (Shown::Boot, steady(White)),
        (Shown::Available, blinking(Green, 2_000)),
        (Shown::SuspendedEv, blinking(Blue, 500)),
        (Shown::SuspendedEvse, blinking(Blue, 500)),
        (Shown::Preparing, steady(Blue)),
        (Shown::AuthorisedWaiting, steady(Blue)),
        (Shown::Charging, blinking(Blue, 2_000)),
        (Shown::Fault, steady(Red)),
    ] {
        assert_eq!(ring("cabur", shown), colours, "{shown:?}");
    }
}

// acceptance: C17, C73
#[test]
fn cabur_network_led_has_five_states() {
    use Colour::{Blue, Green, Off, Red};
    for (wifi, first, then) in [
        (Wifi::ApIdle, Blue, Blue),
        (Wifi::ApClient, Blue, Off),
        (Wifi::ClientDisconnected, Green, Green),
        (Wifi::ClientConnected, Green, Off),
        (Wifi::Damaged, Red, Red),
    ] {
        let led = |ms| {
            let facts = Facts {
                wifi: Some(wifi),
                ..Facts::default()
            };
            frame("cabur", Shown::Available, facts, ms).leds["wifi"]
        };
        assert_eq!((led(0), led(600)), (first, then), "{wifi:?}");
    }
}

// acceptance: C17, C74, C77, C147
#[test]
fn cabur_plug_led_and_corners_are_lit_while_a_vehicle_is_connected() {
    for plugged in [true, false] {
        let facts = Facts {
            plugged,
            ..Facts::default()
        };
        let frame = frame("cabur", Shown::Available, facts, 700);
        let lit = if plugged { Colour::White } else { Colour::Off };
        assert_eq!(frame.leds["plug"], lit);
        assert_eq!(frame.leds["corners"], lit);
    }
}

// acceptance: C75
#[test]
fn cabur_charge_led_is_steady_while_charging_and_blinks_while_suspended() {
    let led = |shown, ms| frame("cabur", shown, Facts::default(), ms).leds["charge"];
    for ms in [0, 600] {
        assert_eq!(led(Shown::Charging, ms), Colour::White);
        assert_eq!(led(Shown::Available, ms), Colour::Off);
    }
    for shown in [Shown::SuspendedEv, Shown::SuspendedEvse] {
        assert_eq!(led(shown, 0), Colour::White);
        assert_eq!(led(shown, 600), Colour::Off);
    }
}

// acceptance: C76
#[test]
fn cabur_fault_led_is_red_in_a_fault_only() {
    let led = |shown| frame("cabur", shown, Facts::default(), 0).leds["fault"];
    assert_eq!(led(Shown::Fault), Colour::Red);
    assert_eq!(led(Shown::Charging), Colour::Off);
}

fn sounds(blip: Blip) -> Vec<bool> {
    let mut indicator = Indicator::new(profile("cabur"), at(0));
    indicator.blip(at(1_000), blip);
    (0..20)
        .map(|n| indicator.frame(at(1_000 + n * 100)).buzzer)
        .collect()
}

// acceptance: C148, C150, C151
#[test]
fn cabur_beeps_once_for_yes_and_twice_half_a_second_apart_for_no() {
    let beeps = |starts: &[usize]| -> Vec<bool> {
        let sounding = |n| starts.iter().any(|start| (*start..start + 2).contains(&n));
        (0..20).map(sounding).collect()
    };
    assert_eq!(sounds(Blip::Accepted), beeps(&[0]));
    // 150 ms of beep, 500 ms of pause.
    let twice = sounds(Blip::Rejected);
    assert!(twice[0] && twice[1] && !twice[2] && !twice[6] && twice[7] && !twice[8]);
    assert!(!twice[9..].contains(&true), "twice, not more");
    assert_eq!(sounds(Blip::CardSeen), vec![false; 20]);
}

fn values() -> Facts {
    Facts {
        voltage_dv: Some(2_304),
        current_da: Some(163),
        frequency_dhz: Some(500),
        energy_dkwh: Some(74),
        minutes: Some(42),
        station_number: Some(7),
        ..Facts::default()
    }
}

// acceptance: C16, C42, C43, C44, C45, C46, C47, C48
#[test]
fn cabur_display_rotates_its_values_in_its_formats() {
    let texts = |shown, turns: u64| -> Vec<String> {
        let turn = |n| frame("cabur", shown, values(), n * 3_000 + 10).segments;
        (0..turns).map(turn).collect()
    };
    assert_eq!(
        texts(Shown::Charging, 7),
        [
            "230.0 V", "16.3 A", "50.0 Hz", " 7.4 kWH", " 42 Min", "  7", "230.0 V"
        ]
    );
    let idle = texts(Shown::SuspendedEv, 6);
    assert!(
        idle.iter().all(|text| !text.ends_with(" A")),
        "the current is shown only while charging: {idle:?}"
    );
}

// acceptance: C49, C50, C51, C52, C53, C54, C55, C56, C57, C58, C59, C60, C61, C62, C63, C64, C65
#[test]
fn cabur_display_shows_the_code_of_a_fault_instead_of_values() {
    for (fault, text) in [
        ("OC", "ERR OCP"),
        ("OV", "ERR OVP"),
        ("UV", "ERR LVP"),
        ("METER_OCPP", "ERR MET"),
        ("CANBUS", "ERR CAN ADDR"),
        ("PE", "ERR PE"),
        ("M3_SIGNAL", "ERR CP"),
        ("M3_DIODE", "ERR CP"),
        ("WELD", "ERR R12"),
        ("CONTACTOR", "ERR R3N"),
        ("TEMP_RELAY", "ERR ROT"),
        ("LOCK_STUCK", "ERR ELK"),
        ("TEMP_PLUG", "ERR OCT"),
        ("RCMB", "ERR IRD"),
        ("FAN", "ERR FAN"),
        ("PP", "ERR PP"),
        ("PHASE", "ERR MIS"),
    ] {
        let facts = Facts {
            faults: vec![fault.to_owned()],
            ..values()
        };
        for ms in [0, 4_000] {
            let frame = frame("cabur", Shown::Fault, facts.clone(), ms);
            assert_eq!(frame.segments, text, "{fault}");
        }
    }
}

// acceptance: C66
#[test]
fn cabur_display_shows_how_an_upgrade_ended() {
    for (upgrade, text) in [
        (Upgrade::Done, "100 UP"),
        (Upgrade::Failed(1), "E01 UP"),
        (Upgrade::Failed(2), "E02 UP"),
        (Upgrade::Failed(3), "E03 UP"),
        (Upgrade::Failed(4), "E04 UP"),
    ] {
        let facts = Facts {
            upgrade: Some(upgrade),
            ..values()
        };
        let frame = frame("cabur", Shown::Available, facts, 0);
        assert_eq!(frame.segments, text);
    }
}

// acceptance: P151, P154, P155, P157
#[test]
fn powerstation_ring_shows_its_states() {
    use Colour::{Blue, Green, Yellow};
    let cycle: Vec<Colour> = (0..16)
        .map(|n| [Green, Green, Yellow, Yellow, Blue, Blue][n % 6])
        .collect();
    for (shown, colours) in [
        (Shown::Available, steady(Green)),
        (Shown::Reserved, steady(Yellow)),
        (Shown::AuthorisedWaiting, blinking(Blue, 500)),
        (Shown::Charging, blinking(Blue, 2_000)),
        (Shown::Fault, cycle),
    ] {
        assert_eq!(ring("powerstation", shown), colours, "{shown:?}");
    }
}

// acceptance: P152
#[test]
fn powerstation_is_yellow_for_half_a_minute_at_most_while_finishing() {
    let ring = |ms| frame("powerstation", Shown::Finishing, Facts::default(), ms).ring;
    assert_eq!(ring(0), Colour::Yellow);
    assert_eq!(ring(30_000), Colour::Yellow);
    assert_eq!(ring(30_001), Colour::Green);
}

// acceptance: P150, P153
#[test]
fn powerstation_ring_runs_white_when_a_card_is_seen_and_while_the_backend_is_asked() {
    let frame = frame("powerstation", Shown::Authorising, Facts::default(), 400);
    assert_eq!((frame.ring, frame.rotating), (Colour::White, true));
    let mut indicator = Indicator::new(profile("powerstation"), at(0));
    indicator.set(at(0), Shown::Available);
    indicator.blip(at(1_000), Blip::CardSeen);
    let seen = indicator.frame(at(1_500));
    assert_eq!((seen.ring, seen.rotating), (Colour::White, true));
    let after = indicator.frame(at(2_000));
    assert_eq!((after.ring, after.rotating), (Colour::Green, false));
}

// acceptance: P156
#[test]
fn powerstation_shows_a_refused_card_five_times_and_then_its_state_again() {
    let mut indicator = Indicator::new(profile("powerstation"), at(0));
    indicator.set(at(0), Shown::Available);
    indicator.blip(at(1_000), Blip::Rejected);
    let colours: Vec<Colour> = (0..16)
        .map(|n| indicator.frame(at(1_000 + n * 200)).ring)
        .collect();
    let once = [Colour::Green, Colour::Yellow, Colour::Blue];
    assert_eq!(colours[..15], once.repeat(5)[..]);
    assert_eq!(colours[15], Colour::Green);
}

#[test]
fn every_profile_has_a_light_for_every_state_of_its_product() {
    for name in ["joinon", "cabur", "powerstation"] {
        let profile = profile(name);
        for (word, shown) in Shown::ALL {
            let not_of_this_product = matches!(shown, Shown::Boot | Shown::Update);
            assert!(
                profile.ring.contains_key(&shown) || not_of_this_product,
                "{name}: {word}"
            );
        }
    }
}

#[test]
fn fault_goes_before_an_authorizers_menu_and_the_menu_before_everything_else() {
    let menu = Some(Notice::Adding);
    assert_eq!(shown(Indication::Fault, menu), Shown::Fault);
    assert_eq!(shown(Indication::Available, menu), Shown::Adding);
    assert_eq!(shown(Indication::Charging, Some(Notice::Done)), Shown::Done);
    assert_eq!(shown(Indication::Charging, None), Shown::Charging);
}

#[test]
fn profile_of_an_oem_is_a_file_and_a_wrong_one_says_what_is_right() {
    let good = "name = \"own\"\n[ring]\ncharging = \"blue blink 3000\"\n[signal.accepted]\nbuzzer = \"beep 100\"\n";
    let parse = |text: &str| super::parse(Path::new("own.toml"), text);
    assert_eq!(parse(good).unwrap().name, "own");
    for (from, to, says) in [
        ("blue blink 3000", "purple", "is no colour; there are off"),
        ("blue blink 3000", "blue blink", "a period has"),
        ("blue blink 3000", "blue+red", "write for example"),
        ("blue blink 3000", "", "write for example"),
        ("charging", "loading", "there are boot, available"),
        ("beep 100", "beep", "write for example \"beep 150\""),
        ("beep 100", "beep 100 pause 1 x2", "write for example"),
        (
            "signal.accepted",
            "signal.yes",
            "there are card-seen, accepted",
        ),
        ("[ring]", "[rng]", "did you mean `ring`?"),
    ] {
        let error = parse(&good.replace(from, to)).unwrap_err().to_string();
        assert!(
            error.contains(says) && error.starts_with("own.toml"),
            "{to}: {error}"
        );
    }
    let cabur = include_str!("../../../policies/indicators/cabur.toml");
    for (from, to, says) in [
        ("OC = ", "OOPS = ", "the station has no such fault"),
        ("voltage = \"ccc.0 V\"\n", "", "has no format"),
        ("period_ms = 3000", "period_ms = 3", "choose 500 to 60000"),
        ("\"voltage\",", "\"power\",", "there are voltage"),
    ] {
        let error = parse(&cabur.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(says), "{to}: {error}");
    }
}
