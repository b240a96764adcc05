//! What the ring of a station shows, as a pure function of its state, its profile and the time.
//!
//! A [`Profile`] is data: one [`Pattern`] per state and per blip. The [`Indicator`] plays it; it reads no clock.

use std::collections::BTreeMap;

use units::{Instant, Millis};

/// A colour; all zero is dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The state a station shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the states of the specification")]
pub enum Shown {
    Boot,
    Available,
    Reserved,
    Authorising,
    Authorised,
    Preparing,
    SuspendedEv,
    SuspendedEvse,
    Charging,
    Finishing,
    Fault,
    Update,
    Unpowered,
    MasterStorage,
    MasterDeletion,
}

/// Something shown for a moment over the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the events of the specification")]
pub enum Blip {
    CardSeen,
    Accepted,
    Refused,
    CardDeleted,
}

/// One colour and how long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The colour.
    pub colour: Rgb,
    /// How long; one step alone is steady whatever it says.
    pub lasts: Millis,
}

/// Steps played round and round; no step at all is dark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Whether the light runs round the ring.
    pub rotating: bool,
}

impl Pattern {
    fn cycle(&self) -> u64 {
        self.steps
            .iter()
            .fold(0, |sum, step| sum.saturating_add(step.lasts.get()))
    }

    /// The colour after `elapsed`, and how long it still stays if it changes at all.
    fn at(&self, elapsed: Millis) -> (Rgb, Option<Millis>) {
        let first = self.steps.first().map_or(Rgb::default(), |s| s.colour);
        if self.steps.len() < 2 {
            return (first, None);
        }
        let Some(mut rest) = elapsed.get().checked_rem(self.cycle()) else {
            return (first, None);
        };
        for step in &self.steps {
            match rest.checked_sub(step.lasts.get()) {
                Some(left) => rest = left,
                None => {
                    let stays = step.lasts.get().saturating_sub(rest);
                    return (step.colour, Some(Millis::new(stays)));
                }
            }
        }
        (first, None)
    }
}

/// What one product shows; a state or blip it does not name is dark or not shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The ring per state.
    pub states: BTreeMap<Shown, Pattern>,
    /// The ring per blip, and how often its steps play.
    pub blips: BTreeMap<Blip, (Pattern, u32)>,
}

/// What the ring shows right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The colour of the ring.
    pub ring: Rgb,
    /// Whether it runs round.
    pub rotating: bool,
}

/// Plays a profile.
#[derive(Debug, Clone)]
pub struct Indicator {
    profile: Profile,
    shown: Shown,
    since: Instant,
    blip: Option<(Blip, Instant)>,
    next: Option<Instant>,
}

impl Indicator {
    /// An indicator that shows [`Shown::Boot`] from `now` on.
    #[must_use]
    pub const fn new(profile: Profile, now: Instant) -> Self {
        Self {
            profile,
            shown: Shown::Boot,
            since: now,
            blip: None,
            next: Some(now),
        }
    }

    /// Shows another state; the same state again does not restart its pattern.
    pub fn set(&mut self, now: Instant, shown: Shown) {
        if self.shown != shown {
            self.shown = shown;
            self.since = now;
            self.next = Some(now);
        }
    }

    /// Shows a blip over the state, if the profile has it.
    pub fn blip(&mut self, now: Instant, blip: Blip) {
        if self.profile.blips.contains_key(&blip) {
            self.blip = Some((blip, now));
            self.next = Some(now);
        }
    }

    /// What the ring shows now.
    pub fn poll(&mut self, now: Instant) -> Frame {
        if let Some((blip, from)) = self.blip {
            if let Some((pattern, times)) = self.profile.blips.get(&blip) {
                let whole = pattern.cycle().saturating_mul(u64::from(*times));
                let elapsed = now.since(from);
                if elapsed.get() < whole {
                    let (ring, stays) = pattern.at(elapsed);
                    let end = from.after(Millis::new(whole));
                    self.next = Some(stays.map_or(end, |s| now.after(s)));
                    return Frame {
                        ring,
                        rotating: pattern.rotating,
                    };
                }
            }
            self.blip = None;
        }
        let Some(pattern) = self.profile.states.get(&self.shown) else {
            self.next = None;
            return Frame {
                ring: Rgb::default(),
                rotating: false,
            };
        };
        let (ring, stays) = pattern.at(now.since(self.since));
        self.next = stays.map(|s| now.after(s));
        Frame {
            ring,
            rotating: pattern.rotating,
        }
    }

    /// When to poll next; none while nothing will change by itself.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

/// The ring as one line for a terminal, in its colour; dark is a grey dot.
#[must_use]
pub fn draw(frame: &Frame) -> Vec<String> {
    let Rgb(r, g, b) = frame.ring;
    let ring = match (frame.ring == Rgb::default(), frame.rotating) {
        (true, _) => "\u{1b}[90m·\u{1b}[0m".to_owned(),
        (false, true) => format!("\u{1b}[38;2;{r};{g};{b}m◌\u{1b}[0m"),
        (false, false) => format!("\u{1b}[38;2;{r};{g};{b}m●\u{1b}[0m"),
    };
    vec![ring]
}
