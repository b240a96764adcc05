//! The ring plays its profile exactly, over virtual time.
use drivers::indicator::{Blip, Indicator, Pattern, Profile, Rgb, Shown, Step};
use units::{Instant, Millis};

const G: Rgb = Rgb(0, 255, 0);
const Y: Rgb = Rgb(255, 255, 0);
const B: Rgb = Rgb(0, 0, 255);
const RED: Rgb = Rgb(255, 0, 0);

fn pattern(colours: &[Rgb], ms: u64) -> Pattern {
    let steps = colours
        .iter()
        .map(|&colour| Step {
            colour,
            lasts: Millis::new(ms),
        })
        .collect();
    Pattern {
        steps,
        rotating: false,
    }
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

#[test]
fn a_refused_card_plays_green_yellow_blue_five_times_then_the_state_again() {
    let mut profile = Profile::default();
    profile.states.insert(Shown::Available, pattern(&[G], 0));
    profile
        .blips
        .insert(Blip::Refused, (pattern(&[G, Y, B], 200), 5));
    let mut ring = Indicator::new(profile, at(0));
    ring.set(at(0), Shown::Available);
    ring.blip(at(1000), Blip::Refused);
    for i in 0..15_u64 {
        let want = [G, Y, B]
            .into_iter()
            .cycle()
            .nth(usize::try_from(i).unwrap_or(0));
        assert_eq!(Some(ring.poll(at(1000 + i * 200)).ring), want);
        assert_eq!(ring.poll_timeout(), Some(at(1200 + i * 200)));
    }
    assert_eq!(ring.poll(at(4000)).ring, G);
    assert_eq!(ring.poll_timeout(), None);
}

#[test]
fn a_deleted_card_is_green_for_two_seconds_then_flashing_red_again() {
    let mut profile = Profile::default();
    profile
        .states
        .insert(Shown::MasterDeletion, pattern(&[RED, Rgb::default()], 500));
    profile
        .blips
        .insert(Blip::CardDeleted, (pattern(&[G], 2000), 1));
    let mut ring = Indicator::new(profile, at(0));
    ring.set(at(0), Shown::MasterDeletion);
    assert_eq!(ring.poll(at(499)).ring, RED);
    assert_eq!(ring.poll(at(500)).ring, Rgb::default());
    ring.blip(at(1000), Blip::CardDeleted);
    assert_eq!(ring.poll(at(2999)).ring, G);
    assert_eq!(ring.poll(at(3000)).ring, RED);
    assert_eq!(ring.poll(at(3500)).ring, Rgb::default());
}

#[test]
fn a_terminal_shows_the_ring_in_its_colour_and_dark_as_a_dot() {
    let lit = drivers::indicator::Frame {
        ring: G,
        rotating: false,
    };
    assert_eq!(
        drivers::indicator::draw(&lit),
        ["\u{1b}[38;2;0;255;0m●\u{1b}[0m"]
    );
    let dark = drivers::indicator::Frame {
        ring: Rgb::default(),
        rotating: true,
    };
    assert_eq!(drivers::indicator::draw(&dark), ["\u{1b}[90m·\u{1b}[0m"]);
}
