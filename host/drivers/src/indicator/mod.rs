//! Lights, buzzer and segment display of a station: what they show, as a profile says.
//!
//! A profile is data: for each state of an EVSE the light of the ring (or belt), of each status LED, and what the buzzer
//! does for each signal; and which values the segment display rotates. [`Indicator`] is a state machine with the time as
//! an argument; [`Indicators`] is what a board's outputs implement.

mod light;
mod segments;

use std::collections::BTreeMap;

use units::{Instant, Millis};

pub use light::{Beeps, Colour, Light};
pub use segments::{Segments, Value};

/// What an EVSE shows (domain fact sheet §6.5), and what an authorizer's menu shows instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// Self-test after power-up.
    Boot,
    /// Free.
    Available,
    /// Reserved.
    Reserved,
    /// A verdict is awaited.
    Authorising,
    /// Authorised, waiting for the vehicle.
    AuthorisedWaiting,
    /// Plugged and authorised; checks and lock run.
    Preparing,
    /// Offered, and the vehicle does not take it.
    SuspendedEv,
    /// Nothing is offered.
    SuspendedEvse,
    /// Energy flows.
    Charging,
    /// Ended, cable still in.
    Finishing,
    /// Fault.
    Fault,
    /// Out of service as ordered.
    Unavailable,
    /// Software update.
    Update,
    /// Menu: cards are added.
    Adding,
    /// Menu: cards are removed.
    Removing,
    /// Menu: a card was added or removed just now.
    Done,
}

impl Shown {
    /// All of them with the words that profiles use.
    pub const ALL: [(&'static str, Self); 16] = [
        ("boot", Self::Boot),
        ("available", Self::Available),
        ("reserved", Self::Reserved),
        ("authorising", Self::Authorising),
        ("authorised-waiting", Self::AuthorisedWaiting),
        ("preparing", Self::Preparing),
        ("suspended-ev", Self::SuspendedEv),
        ("suspended-evse", Self::SuspendedEvse),
        ("charging", Self::Charging),
        ("finishing", Self::Finishing),
        ("fault", Self::Fault),
        ("unavailable", Self::Unavailable),
        ("update", Self::Update),
        ("adding", Self::Adding),
        ("removing", Self::Removing),
        ("done", Self::Done),
    ];

    /// The state with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, shown)| shown)
    }
}

/// A short signal on top of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blip {
    /// A card is at the reader.
    CardSeen,
    /// Accepted, or stopped by card.
    Accepted,
    /// Refused, or not readable.
    Rejected,
}

impl Blip {
    /// All of them with the words that profiles use.
    pub const ALL: [(&'static str, Self); 3] = [
        ("card-seen", Self::CardSeen),
        ("accepted", Self::Accepted),
        ("rejected", Self::Rejected),
    ];

    /// The signal with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, blip)| blip)
    }
}

/// State of the wireless network, for its LED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wifi {
    /// Access point without a client.
    ApIdle,
    /// Access point with a client.
    ApClient,
    /// Client without a connection.
    ClientDisconnected,
    /// Client with a connection.
    ClientConnected,
    /// The module is damaged.
    Damaged,
}

impl Wifi {
    /// All of them with the words that profiles use.
    pub const ALL: [(&'static str, Self); 5] = [
        ("ap-idle", Self::ApIdle),
        ("ap-client", Self::ApClient),
        ("client-disconnected", Self::ClientDisconnected),
        ("client-connected", Self::ClientConnected),
        ("damaged", Self::Damaged),
    ];
}

/// How an upgrade ended, for the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Upgrade {
    /// Well.
    Done,
    /// With this error, 1 to 4.
    Failed(u8),
}

/// What LEDs and display need to know beside the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// A vehicle is plugged in.
    pub plugged: bool,
    /// Standing faults that are shown, by registry id; the first is displayed.
    pub faults: Vec<String>,
    /// The wireless network, if the station has one.
    pub wifi: Option<Wifi>,
    /// How the last upgrade ended, as long as that is to be shown.
    pub upgrade: Option<Upgrade>,
    /// Voltage in tenths of a volt.
    pub voltage_dv: Option<u32>,
    /// Frequency in tenths of a hertz.
    pub frequency_dhz: Option<u32>,
    /// Current in tenths of an ampere; shown only while charging.
    pub current_da: Option<u32>,
    /// Energy of the session in tenths of a kilowatt-hour.
    pub energy_dkwh: Option<u32>,
    /// Duration of the session in minutes.
    pub minutes: Option<u32>,
    /// Number of the station.
    pub station_number: Option<u32>,
}

/// A short signal of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlipSpec {
    /// Light of the ring, with a number of repetitions.
    pub ring: Option<Light>,
    /// What the buzzer does.
    pub buzzer: Option<Beeps>,
}

/// How one product shows its states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Name.
    pub name: String,
    /// Ring or belt.
    pub ring: BTreeMap<Shown, Light>,
    /// "Finishing" is shown at most this long, then "available"; `None` = until the cable is out.
    pub finishing_max: Option<Millis>,
    /// Signals.
    pub blips: BTreeMap<Blip, BlipSpec>,
    /// Status LEDs by name.
    pub leds: BTreeMap<String, BTreeMap<Shown, Light>>,
    /// LED that is lit while a vehicle is plugged in.
    pub plugged: BTreeMap<String, Light>,
    /// The LED of the wireless network.
    pub wifi: BTreeMap<Wifi, Light>,
    /// The segment display.
    pub segments: Option<Segments>,
}

/// What every output shows at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Ring or belt.
    pub ring: Colour,
    /// The light runs around the ring.
    pub rotating: bool,
    /// Status LEDs by name.
    pub leds: BTreeMap<String, Colour>,
    /// The buzzer sounds.
    pub buzzer: bool,
    /// The segment display.
    pub segments: String,
}

/// The outputs of one EVSE.
pub trait Indicators: Send {
    /// Shows this from now on.
    ///
    /// # Errors
    /// The outputs do not answer; charging goes on.
    fn show(&mut self, frame: &Frame) -> Result<(), IndicatorError>;
}

/// The outputs do not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorError(pub String);

impl core::fmt::Display for IndicatorError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the indicators do not answer: {}", self.0)
    }
}

impl std::error::Error for IndicatorError {}

/// Decides what one EVSE's outputs show. Pure: the time comes with every call.
#[derive(Debug, Clone)]
pub struct Indicator {
    profile: Profile,
    shown: Shown,
    since: Instant,
    blip: Option<(Blip, Instant)>,
    facts: Facts,
}

impl Indicator {
    /// An indicator of a station that has just started.
    #[must_use]
    pub fn new(profile: Profile, now: Instant) -> Self {
        Self {
            profile,
            shown: Shown::Boot,
            since: now,
            blip: None,
            facts: Facts::default(),
        }
    }

    /// Another state is to be shown.
    pub fn set(&mut self, now: Instant, shown: Shown) {
        if self.shown != shown {
            self.shown = shown;
            self.since = now;
        }
    }

    /// A short signal.
    pub fn blip(&mut self, now: Instant, blip: Blip) {
        self.blip = Some((blip, now));
    }

    /// What else is to be known.
    pub fn facts(&mut self, facts: Facts) {
        self.facts = facts;
    }

    /// What every output shows now.
    #[must_use]
    pub fn frame(&self, now: Instant) -> Frame {
        let shown = self.shown_now(now);
        let age = now.since(self.since);
        let ring = self.profile.ring.get(&shown);
        let mut frame = Frame {
            ring: ring.map_or(Colour::Off, |light| light.at(age)),
            rotating: ring.is_some_and(|light| light.rotates),
            ..Frame::default()
        };
        if let Some((blip, at)) = self.blip
            && let Some(spec) = self.profile.blips.get(&blip)
        {
            let age = now.since(at);
            if let Some(light) = spec.ring.as_ref().filter(|light| !light.is_over(age)) {
                frame.ring = light.at(age);
                frame.rotating = light.rotates;
            }
            frame.buzzer = spec.buzzer.is_some_and(|beeps| beeps.sounds(age));
        }
        for (name, lights) in &self.profile.leds {
            let light = lights.get(&shown);
            let colour = light.map_or(Colour::Off, |light| light.at(age));
            frame.leds.insert(name.clone(), colour);
        }
        for (name, light) in &self.profile.plugged {
            let lit = self.facts.plugged;
            let colour = if lit { light.at(age) } else { Colour::Off };
            frame.leds.insert(name.clone(), colour);
        }
        if !self.profile.wifi.is_empty() {
            let light = self
                .facts
                .wifi
                .and_then(|wifi| self.profile.wifi.get(&wifi));
            let since_start = Millis::new(now.as_millis());
            let colour = light.map_or(Colour::Off, |light| light.at(since_start));
            frame.leds.insert("wifi".to_owned(), colour);
        }
        if let Some(segments) = &self.profile.segments {
            frame.segments = segments.text(now, shown, &self.facts);
        }
        frame
    }

    fn shown_now(&self, now: Instant) -> Shown {
        let over = |max: Millis| now.since(self.since) > max;
        match self.shown {
            Shown::Finishing if self.profile.finishing_max.is_some_and(over) => Shown::Available,
            shown => shown,
        }
    }
}
