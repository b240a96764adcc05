//! Commands of the control interface, as words.

use core::fmt;

use units::{Milliamps, Phases, WattHours};

use super::ev::{EvCommand, EvPreset, EvProfile};
use super::fault::SimFault;
use crate::reader::{CardSeen, CardUid};

/// What can be done to a simulated EVSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimCommand {
    /// Connect a vehicle (and, at a socket, a cable).
    PlugIn(PlugIn),
    /// Pull the plug out of the station (tethered: out of the vehicle).
    Unplug,
    /// The vehicle drives off with the plug still locked: the cable tears.
    Tear,
    /// Pull the plug out of the vehicle; the cable stays in the station.
    EvUnplug,
    /// Hold a card to the reader.
    Card(CardSeen),
    /// Something about the vehicle.
    Ev(EvCommand),
    /// Let a fault come.
    Fault(SimFault),
    /// Heal one fault, or all.
    Clear(Option<SimFault>),
    /// Press the reset switch at the board.
    LocalReset,
    /// Set a measured quantity.
    Set(Quantity, i32),
}

/// A vehicle and a cable to plug in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlugIn {
    /// Which vehicle.
    pub preset: EvPreset,
    /// Rating of the cable.
    pub cable: Milliamps,
    /// Instead of the preset's.
    pub phases: Option<Phases>,
    /// Instead of the preset's.
    pub max_current: Option<Milliamps>,
    /// Instead of the preset's.
    pub battery: Option<WattHours>,
    /// Instead of the preset's, ms.
    pub ready_after_ms: Option<u32>,
    /// A vehicle is at the other end of the cable.
    pub ev_side: bool,
}

impl PlugIn {
    /// This preset at a 32 A cable.
    #[must_use]
    pub const fn preset(preset: EvPreset) -> Self {
        Self {
            preset,
            cable: Milliamps::from_amps(32),
            phases: None,
            max_current: None,
            battery: None,
            ready_after_ms: None,
            ev_side: true,
        }
    }

    /// The vehicle.
    #[must_use]
    pub fn profile(&self) -> EvProfile {
        let mut profile = self.preset.profile();
        profile.phases = self.phases.unwrap_or(profile.phases);
        profile.max_current = self.max_current.unwrap_or(profile.max_current);
        profile.battery = self.battery.or(profile.battery);
        profile.ready_after_ms = self
            .ready_after_ms
            .map_or(profile.ready_after_ms, u64::from);
        profile
    }
}

/// A quantity that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Ambient temperature, °C.
    Ambient,
    /// Contactor temperature, °C.
    ContactorTemperature,
    /// Socket temperature, °C.
    SocketTemperature,
    /// Mains voltage of line 1, V.
    VoltageL1,
    /// Mains voltage of line 2, V.
    VoltageL2,
    /// Mains voltage of line 3, V.
    VoltageL3,
    /// Ventilation of the room, 0 or 1.
    Ventilation,
}

impl Quantity {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Ambient, "ambient-temperature"),
        (Self::ContactorTemperature, "contactor-temperature"),
        (Self::SocketTemperature, "socket-temperature"),
        (Self::VoltageL1, "voltage-l1"),
        (Self::VoltageL2, "voltage-l2"),
        (Self::VoltageL3, "voltage-l3"),
        (Self::Ventilation, "ventilation"),
    ];
}

/// Why a command makes no sense; the text says what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimError(pub(super) String);

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SimError {}

/// Words that [`SimCommand::parse`] takes for `do`.
pub const SIM_VERBS: [&str; 14] = [
    "plug-in",
    "unplug",
    "tear",
    "ev-unplug",
    "ev-plug",
    "swipe",
    "swipe-unreadable",
    "ev",
    "fault",
    "clear",
    "local-reset",
    "set",
    "ventilation-on",
    "ventilation-off",
];

const EV_WORDS: &str = "start, pause, stop, sleep, toggle, ventilation-on, ventilation-off, draw";

impl SimCommand {
    /// Reads a command of the control interface: its verb and a way to look up its arguments by name.
    ///
    /// Arguments: `plug-in` takes `ev` (a preset), `cable_a`, `phases`, `current_a`, `battery_wh`, `ready_ms`; `swipe`
    /// takes `uid`; `fault` and `clear` take `name` (`clear` without one heals everything); `ev` takes `name` and for
    /// `draw` also `current_a`; `set` takes `name` and `value`.
    ///
    /// # Errors
    /// [`SimError`] that lists what is allowed.
    pub fn parse(verb: &str, arg: impl Fn(&str) -> Option<String>) -> Result<Self, SimError> {
        match verb {
            "plug-in" | "ev-plug" => parse_plug(&arg).map(Self::PlugIn),
            "unplug" => Ok(Self::Unplug),
            "tear" => Ok(Self::Tear),
            "ev-unplug" => Ok(Self::EvUnplug),
            "swipe" => {
                let uid = needed(&arg, "swipe", "uid", "the card's UID, for example 0A0E9B83")?;
                let uid = CardUid::try_from_hex(&uid).map_err(|e| SimError(e.to_string()))?;
                let proven = arg("secure").is_some_and(|value| value == "true");
                Ok(Self::Card(if proven {
                    CardSeen::ProvenUid(uid)
                } else {
                    CardSeen::Uid(uid)
                }))
            }
            "swipe-unreadable" => Ok(Self::Card(CardSeen::Unreadable)),
            "ev" => parse_ev(&arg),
            "fault" => {
                let name = needed(&arg, "fault", "name", &fault_names())?;
                fault(&name).map(Self::Fault)
            }
            "clear" => match arg("name") {
                Some(name) if name != "all" => fault(&name).map(|fault| Self::Clear(Some(fault))),
                _ => Ok(Self::Clear(None)),
            },
            "local-reset" => Ok(Self::LocalReset),
            "set" => parse_set(&arg),
            "ventilation-on" => Ok(Self::Set(Quantity::Ventilation, 1)),
            "ventilation-off" => Ok(Self::Set(Quantity::Ventilation, 0)),
            _ => Err(SimError(format!(
                "the simulated board knows no {verb:?}; it knows: {}",
                SIM_VERBS.join(", ")
            ))),
        }
    }
}

fn needed(
    arg: &impl Fn(&str) -> Option<String>,
    verb: &str,
    key: &str,
    allowed: &str,
) -> Result<String, SimError> {
    arg(key).ok_or_else(|| SimError(format!("`{verb}` needs `{key}`: {allowed}")))
}

fn fault_names() -> String {
    SimFault::ALL.map(|(_, name)| name).join(", ")
}

fn fault(name: &str) -> Result<SimFault, SimError> {
    SimFault::named(name).ok_or_else(|| {
        SimError(format!(
            "no fault is called {name:?}; there are: {}",
            fault_names()
        ))
    })
}

fn number(
    arg: &impl Fn(&str) -> Option<String>,
    key: &str,
    range: core::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, SimError> {
    let Some(text) = arg(key) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(value) if range.contains(&value) => Ok(Some(value)),
        Ok(_) | Err(_) => Err(SimError(format!(
            "`{key}` is {text:?}; it must be a whole number from {} to {}",
            range.start(),
            range.end()
        ))),
    }
}

fn amps(amps: u32) -> Milliamps {
    Milliamps::new(amps.saturating_mul(1_000))
}

pub(super) fn parse_plug(arg: &impl Fn(&str) -> Option<String>) -> Result<PlugIn, SimError> {
    let preset = match arg("ev") {
        None => EvPreset::ThreePhase,
        Some(name) => EvPreset::named(&name).ok_or_else(|| {
            SimError(format!(
                "no vehicle is called {name:?}; there are: {}",
                EvPreset::ALL.map(|(_, name)| name).join(", ")
            ))
        })?,
    };
    let cable = match number(arg, "cable_a", 0..=63)? {
        None => 32,
        Some(rating @ (13 | 20 | 32 | 63)) => rating,
        Some(other) => {
            return Err(SimError(format!(
                "no cable is coded for {other} A; 13, 20, 32 and 63 are"
            )));
        }
    };
    let phases = match number(arg, "phases", 1..=3)? {
        None => None,
        Some(1) => Some(Phases::One),
        Some(3) => Some(Phases::Three),
        Some(_) => return Err(SimError("`phases` must be 1 or 3".to_owned())),
    };
    Ok(PlugIn {
        preset,
        cable: amps(cable),
        phases,
        max_current: number(arg, "current_a", 1..=80)?.map(amps),
        battery: number(arg, "battery_wh", 1..=1_000_000)?.map(|wh| WattHours::new(u64::from(wh))),
        ready_after_ms: number(arg, "ready_ms", 0..=600_000)?,
        ev_side: true,
    })
}

fn parse_ev(arg: &impl Fn(&str) -> Option<String>) -> Result<SimCommand, SimError> {
    let name = needed(arg, "ev", "name", EV_WORDS)?;
    let command = match name.as_str() {
        "start" => EvCommand::Start,
        "pause" => EvCommand::Pause,
        "stop" => EvCommand::Stop,
        "sleep" => EvCommand::Sleep,
        "toggle" => EvCommand::Toggle,
        "ventilation-on" => EvCommand::Ventilation(true),
        "ventilation-off" => EvCommand::Ventilation(false),
        "draw" => match number(arg, "current_a", 0..=80)? {
            Some(current) => EvCommand::Draw(amps(current)),
            None => return Err(SimError("`ev draw` needs `current_a`, 0 to 80".to_owned())),
        },
        _ => {
            return Err(SimError(format!(
                "a vehicle cannot be told to {name:?}; it can: {EV_WORDS}"
            )));
        }
    };
    Ok(SimCommand::Ev(command))
}

fn parse_set(arg: &impl Fn(&str) -> Option<String>) -> Result<SimCommand, SimError> {
    let names = Quantity::ALL.map(|(_, name)| name).join(", ");
    let name = needed(arg, "set", "name", &names)?;
    let (quantity, _) = *Quantity::ALL
        .iter()
        .find(|(_, n)| *n == name)
        .ok_or_else(|| {
            SimError(format!(
                "no quantity is called {name:?}; there are: {names}"
            ))
        })?;
    let text = needed(arg, "set", "value", "a whole number (°C, V, or 0 and 1)")?;
    match text.parse::<i32>() {
        Ok(value @ -60..=500) => Ok(SimCommand::Set(quantity, value)),
        Ok(_) | Err(_) => Err(SimError(format!(
            "`value` is {text:?}; it must be a whole number from -60 to 500"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(verb: &str, args: &[(&str, &str)]) -> Result<SimCommand, SimError> {
        SimCommand::parse(verb, |key| {
            args.iter()
                .find(|(k, _)| *k == key)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn every_listed_verb_is_understood_with_its_arguments() {
        for verb in SIM_VERBS {
            let args: &[(&str, &str)] = match verb {
                "swipe" => &[("uid", "0a0e9b83")],
                "fault" => &[("name", "earth-lost")],
                "ev" => &[("name", "pause")],
                "set" => &[("name", "socket-temperature"), ("value", "70")],
                _ => &[],
            };
            assert!(parse(verb, args).is_ok(), "{verb}");
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_words_allowed() {
        let text = parse("explode", &[]).unwrap_err().to_string();
        assert!(text.contains("plug-in") && text.contains("swipe"), "{text}");
        let text = parse("fault", &[("name", "gremlin")])
            .unwrap_err()
            .to_string();
        assert!(text.contains("contactor-welded"), "{text}");
        let text = parse("plug-in", &[("ev", "tractor")])
            .unwrap_err()
            .to_string();
        assert!(text.contains("small-battery"), "{text}");
        let text = parse("plug-in", &[("cable_a", "16")])
            .unwrap_err()
            .to_string();
        assert!(text.contains("13, 20, 32"), "{text}");
        let text = parse("swipe", &[("uid", "xyz")]).unwrap_err().to_string();
        assert!(text.contains("hexadecimal"), "{text}");
        let text = parse("set", &[("name", "voltage-l1"), ("value", "9999")])
            .unwrap_err()
            .to_string();
        assert!(text.contains("-60 to 500"), "{text}");
    }
}
