//! What the demonstration knows of each operator.

use clap::ValueEnum;

/// An operator with a policy pack of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operator {
    /// E-Flux by Road.
    EFlux,
    /// TotalEnergies.
    Total,
    /// Last Mile Solutions.
    Lms,
}

/// Identity of the station at its central system.
pub const IDENTITY: &str = "PW-DEMO-0001";
/// The card of the demonstration, in air order.
pub const CARD: &str = "04A1B2C3D4E580";

impl Operator {
    /// Name of its policy pack.
    pub fn pack(self) -> &'static str {
        match self {
            Self::EFlux => "e-flux",
            Self::Total => "total",
            Self::Lms => "lms",
        }
    }

    /// Name of its adapter.
    pub fn adapter(self) -> &'static str {
        match self {
            Self::EFlux => "backend-eflux",
            Self::Total => "backend-total",
            Self::Lms => "backend-lms",
        }
    }

    /// Path of its URL; the identity comes behind it.
    pub fn path(self) -> &'static str {
        match self {
            Self::EFlux => "/1.6/powerstation",
            Self::Total => "/ocpp/WebSocket",
            Self::Lms => "",
        }
    }

    /// The card's number as this operator wants it.
    pub fn tag(self) -> String {
        match self {
            Self::Total => CARD.to_ascii_uppercase(),
            Self::EFlux | Self::Lms => CARD.to_ascii_lowercase(),
        }
    }
}
