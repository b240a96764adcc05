//! Words that all plugin kinds share. They mirror `wit/host/host.wit` one to one.

use units::{Instant, Timestamp};

/// A point in time, handed to every call. A plugin has no other clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic time since the host's start; drives every timer.
    pub at: Instant,
    /// Wall clock; `None` while nobody has told the station the time.
    pub wall: Option<Timestamp>,
}

/// One setting, as the station's registry writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Registry key.
    pub key: String,
    /// Value as text.
    pub value: String,
}

/// One entry of the plugin's own key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
}

/// A change of the plugin's own key-value store, committed with the call that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreWrite {
    /// Key.
    pub key: String,
    /// New value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// What a plugin is and what it asks for. The policy pack must grant each capability too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name as the policy pack spells it, for example `backend-eflux`.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// One sentence for people.
    pub summary: String,
    /// Names of the grants it needs, for example `net.connect`.
    pub capabilities: Vec<String>,
    /// Settings of its own.
    pub settings: Vec<SettingSpec>,
}

/// A setting that the plugin itself defines; the policy pack may override the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingSpec {
    /// Key.
    pub key: String,
    /// Value if the policy pack says nothing.
    pub default_value: String,
    /// One sentence for people.
    pub summary: String,
}

/// How a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// UID of a card, upper-case hexadecimal in air order.
    Rfid,
    /// Given by a backend with a remote start.
    Central,
    /// MAC address of the vehicle.
    Mac,
    /// Fixed token of a free-charging mode.
    Fixed,
    /// Anything else.
    Other,
}

/// A token that identifies who wants to charge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The text.
    pub value: String,
    /// How it was presented.
    pub kind: TokenKind,
}

/// Why a verdict is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthorizePurpose {
    /// Start a transaction.
    Start,
    /// Stop a running transaction with another token than the one that started it.
    Stop,
    /// Check again a token that was accepted while the backend was away.
    Recheck,
}

/// The host asks: may this token charge?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Correlates; the verdict repeats it.
    pub request_id: u64,
    /// EVSE that the token was presented at; `None` if the station has one reader for all.
    pub evse_id: Option<u32>,
    /// Who.
    pub token: Token,
    /// Why.
    pub purpose: AuthorizePurpose,
    /// Group of the running transaction, for `Stop`.
    pub group: Option<String>,
}

/// Answer to an authorize request. `NoOpinion` never accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// May charge.
    Accepted,
    /// Known and blocked.
    Blocked,
    /// Known and expired.
    Expired,
    /// Not known.
    Invalid,
    /// Runs a transaction elsewhere already.
    Concurrent,
    /// Cannot tell.
    NoOpinion,
}

/// A decision with its circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The request it answers.
    pub request_id: u64,
    /// The decision.
    pub decision: Decision,
    /// Group (parent) of the token.
    pub group: Option<String>,
    /// Wall-clock end of validity, milliseconds since 1970.
    pub expires_wall_ms: Option<i64>,
    /// Highest current this token may draw, milliamperes per phase.
    pub limit_ma: Option<u32>,
    /// For people: why.
    pub reason: Option<String>,
}

impl Verdict {
    /// A bare decision without group, expiry, limit or reason.
    #[must_use]
    pub const fn bare(request_id: u64, decision: Decision) -> Self {
        Self {
            request_id,
            decision,
            group: None,
            expires_wall_ms: None,
            limit_ma: None,
            reason: None,
        }
    }
}

/// One EVSE of the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvseInfo {
    /// Number, from 1.
    pub evse_id: u32,
    /// Connectors, numbered from 1.
    pub connectors: u32,
    /// The cable is fixed at the station (case C): nothing to unlock.
    pub fixed_cable: bool,
    /// Rated current per phase, milliamperes.
    pub max_current_ma: u32,
    /// Phases.
    pub phases: u32,
}

/// The station as it introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationInfo {
    /// Vendor.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Firmware version.
    pub firmware: String,
    /// ICCID of the modem's SIM card.
    pub iccid: Option<String>,
    /// IMSI of the modem's SIM card.
    pub imsi: Option<String>,
    /// Type of the main meter.
    pub meter_type: Option<String>,
    /// Serial number of the main meter.
    pub meter_serial: Option<String>,
    /// EVSEs.
    pub evses: Vec<EvseInfo>,
}
