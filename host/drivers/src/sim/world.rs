//! What is left of a simulated EVSE when its process dies: a real cable and a real meter would still be there.

use core::fmt::Write as _;

use units::Phases;

use super::command::{PlugIn, SimError, parse_plug};

/// The part of a simulated EVSE's world that outlives a restart of the software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimWorld {
    /// Energy that has passed the meter, in microjoules.
    pub energy_uj: u64,
    /// Cable and vehicle in place.
    pub plug: Option<PlugIn>,
    /// The lock holds the plug.
    pub held: bool,
}

impl SimWorld {
    /// A new meter, nothing plugged in.
    pub const EMPTY: Self = Self {
        energy_uj: 0,
        plug: None,
        held: false,
    };

    /// One line of `key=value` words, read back by [`SimWorld::parse`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("energy_uj={} held={}", self.energy_uj, u8::from(self.held));
        let Some(plug) = &self.plug else { return text };
        let mut word = |key: &str, value: u64| {
            // Writing to a String cannot fail.
            let _ = write!(text, " {key}={value}");
        };
        word("ev_side", u64::from(plug.ev_side));
        word("cable_a", u64::from(plug.cable.get() / 1_000));
        if let Some(phases) = plug.phases {
            word("phases", if phases == Phases::One { 1 } else { 3 });
        }
        if let Some(current) = plug.max_current {
            word("current_a", u64::from(current.get() / 1_000));
        }
        if let Some(battery) = plug.battery {
            word("battery_wh", battery.get());
        }
        if let Some(ready) = plug.ready_after_ms {
            word("ready_ms", u64::from(ready));
        }
        let _ = write!(text, " ev={}", plug.preset.name());
        text
    }

    /// Reads what [`SimWorld::to_text`] wrote.
    ///
    /// # Errors
    /// [`SimError`] naming the word that makes no sense.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let arg = |key: &str| {
            text.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .find(|(k, _)| *k == key)
                .map(|(_, value)| value.to_owned())
        };
        let energy = arg("energy_uj").unwrap_or_else(|| "0".to_owned());
        let energy_uj = energy.parse().map_err(|_| {
            SimError(format!(
                "`energy_uj` is {energy:?}; it must be a whole number"
            ))
        })?;
        let plug = match arg("ev") {
            None => None,
            Some(_) => {
                let ev_side = arg("ev_side").as_deref() != Some("0");
                Some(PlugIn {
                    ev_side,
                    ..parse_plug(&arg)?
                })
            }
        };
        Ok(Self {
            energy_uj,
            plug,
            held: arg("held").as_deref() == Some("1"),
        })
    }
}

#[cfg(test)]
mod tests {
    use units::{Milliamps, WattHours};

    use super::super::ev::EvPreset;
    use super::*;

    #[test]
    fn a_world_survives_being_written_and_read() {
        let worlds = [
            SimWorld::EMPTY,
            SimWorld {
                energy_uj: 123_456_789_012,
                plug: Some(PlugIn {
                    preset: EvPreset::OnePhase,
                    cable: Milliamps::from_amps(20),
                    phases: Some(Phases::One),
                    max_current: Some(Milliamps::from_amps(13)),
                    battery: Some(WattHours::new(7_000)),
                    ready_after_ms: Some(250),
                    ev_side: false,
                }),
                held: true,
            },
        ];
        for world in worlds {
            assert_eq!(SimWorld::parse(&world.to_text()), Ok(world));
        }
        assert!(SimWorld::parse("energy_uj=much").is_err());
    }
}
