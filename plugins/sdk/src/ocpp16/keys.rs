//! What a configuration key is: its values, who keeps it, who may change it, when that takes effect.

use super::key_list::SPECS;
use super::limits::LIST_ITEMS;
use crate::StationInfo;
use crate::backend::Phase;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; `1` and `0` are understood.
    Flag,
    /// A whole number.
    Number { min: u64, max: u64 },
    /// Comma-separated measurands that a station can deliver, each with a phase if only that is wanted.
    Measurands,
    /// One `connector.rotation` for the station and each connector, comma-separated.
    PhaseRotation,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text of up to so many characters.
    Text { max: usize },
    /// Never told; 16 to 40 characters.
    Secret,
    /// A comma-separated list that only the adapter writes.
    List,
}

/// Who may do what with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
    WriteOnly,
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    AtOnce,
    /// On a new connection, which is made as soon as the backend has been silent for a moment.
    Reconnects,
    /// On the next connection, which somebody else must bring about.
    NextConnection,
}

/// Who keeps a key.
#[derive(Debug, Clone, Copy)]
pub enum Keeper {
    /// The station, under this key of its registry.
    Station(&'static str),
    /// The adapter, with this default (or the setting of this name).
    Own {
        default: &'static str,
        setting: &'static str,
    },
    /// What the station is.
    Fact(fn(&Facts<'_>) -> String),
    /// What the adapter knows at the moment.
    Told,
}

/// What facts are made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub info: &'a StationInfo,
    pub identity: &'a str,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub key: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page of keys"))]
    pub section: &'static str,
    pub kind: Kind,
    pub keeper: Keeper,
    pub access: Access,
    pub effect: Effect,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page of keys"))]
    pub summary: &'static str,
}

impl Spec {
    pub const fn read_only(self) -> Self {
        Self {
            access: Access::ReadOnly,
            ..self
        }
    }

    pub const fn reconnects(self) -> Self {
        Self {
            effect: Effect::Reconnects,
            ..self
        }
    }

    pub const fn next_connection(self) -> Self {
        Self {
            effect: Effect::NextConnection,
            ..self
        }
    }
}

pub const CORE: &str = "Core";
pub const LIST: &str = "Local Auth List Management";
pub const FIRMWARE: &str = "Firmware Management";
pub const RESERVATION: &str = "Reservation";
pub const CHARGING: &str = "Smart Charging";
pub const SECURITY: &str = "Security whitepaper";
pub const VENDOR: &str = "Vendor";

/// The sections in the order of the page.
#[cfg(test)]
pub const SECTIONS: [&str; 7] = [
    CORE,
    FIRMWARE,
    LIST,
    RESERVATION,
    CHARGING,
    SECURITY,
    VENDOR,
];

pub const fn station(
    section: &'static str,
    key: &'static str,
    kind: Kind,
    registry: &'static str,
    summary: &'static str,
) -> Spec {
    Spec {
        key,
        section,
        kind,
        keeper: Keeper::Station(registry),
        access: Access::ReadWrite,
        effect: Effect::AtOnce,
        summary,
    }
}

pub const fn own(
    section: &'static str,
    key: &'static str,
    kind: Kind,
    keeper: (&'static str, &'static str),
    summary: &'static str,
) -> Spec {
    Spec {
        key,
        section,
        kind,
        keeper: Keeper::Own {
            default: keeper.0,
            setting: keeper.1,
        },
        access: Access::ReadWrite,
        effect: Effect::AtOnce,
        summary,
    }
}

pub const fn fact(
    section: &'static str,
    key: &'static str,
    kind: Kind,
    fact: fn(&Facts<'_>) -> String,
    summary: &'static str,
) -> Spec {
    Spec {
        key,
        section,
        kind,
        keeper: Keeper::Fact(fact),
        access: Access::ReadOnly,
        effect: Effect::AtOnce,
        summary,
    }
}

pub const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}

/// A number that is told and not set: its range is what the type can say.
pub const COUNT: Kind = number(0, u32::MAX as u64);
pub const DAY_S: u64 = 86_400;
pub const AMPERES: Kind = number(0, 80);

/// The key with this name, in any letter case.
pub fn spec(key: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.key.eq_ignore_ascii_case(key))
}

/// Measurands that readings of a station can have.
pub const MEASURANDS: [&str; 10] = [
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
];

/// An item of a list of measurands: the measurand, and the phase if only that is wanted (`Voltage.L1`).
pub fn measurand(item: &str) -> Option<(&str, Option<Phase>)> {
    if MEASURANDS.contains(&item) {
        return Some((item, None));
    }
    let (name, phase) = item.rsplit_once('.')?;
    let phase = match phase {
        "L1" | "L1-N" => Phase::L1,
        "L2" | "L2-N" => Phase::L2,
        "L3" | "L3-N" => Phase::L3,
        "N" => Phase::N,
        _ => return None,
    };
    MEASURANDS.contains(&name).then_some((name, Some(phase)))
}

const ROTATIONS: [&str; 8] = [
    "NotApplicable",
    "Unknown",
    "RST",
    "RTS",
    "SRT",
    "STR",
    "TRS",
    "TSR",
];

/// The items of a comma-separated list.
fn items(value: &str) -> Vec<&str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// The value as it is kept, or `None` if it is none.
pub fn check(spec: &Spec, value: &str) -> Option<String> {
    // Every character of a password counts.
    let value = match spec.kind {
        Kind::Secret => value,
        _ => value.trim(),
    };
    match spec.kind {
        Kind::Flag => match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Number { min, max } => {
            let number: u64 = value.parse().ok()?;
            (min..=max).contains(&number).then(|| number.to_string())
        }
        Kind::Measurands => {
            let items = items(value);
            let known = items.iter().all(|item| measurand(item).is_some());
            (known && items.len() <= LIST_ITEMS).then(|| items.join(","))
        }
        Kind::PhaseRotation => {
            let items = items(value);
            let place = |item: &&str| {
                let (connector, rotation) = item.split_once('.')?;
                let connector: u32 = connector.trim().parse().ok()?;
                ROTATIONS.contains(&rotation.trim()).then_some(connector)
            };
            let places: Vec<u32> = items.iter().map_while(place).collect();
            let once = |(at, place): (usize, &u32)| !places.iter().skip(at + 1).any(|p| p == place);
            let fits = !items.is_empty() && places.len() == items.len();
            (fits && places.iter().enumerate().all(once)).then(|| items.join(","))
        }
        Kind::Word(words) => words.contains(&value).then(|| value.to_owned()),
        Kind::Text { max } => (value.chars().count() <= max).then(|| value.to_owned()),
        Kind::Secret => {
            (value.is_empty() || (16..=40).contains(&value.len())).then(|| value.to_owned())
        }
        Kind::List => None,
    }
}

/// The connectors that a phase rotation names.
pub fn rotated(value: &str) -> impl Iterator<Item = usize> + '_ {
    value.split(',').filter_map(|item| {
        let connector = item.split_once('.')?.0;
        connector.trim().parse().ok()
    })
}
