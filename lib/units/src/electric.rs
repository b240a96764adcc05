//! Electrical and thermal quantities.

use core::fmt;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($raw:ty), $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($raw);

        impl $name {
            /// Zero of this quantity.
            pub const ZERO: Self = Self(0);
            /// Largest value that fits.
            pub const MAX: Self = Self(<$raw>::MAX);

            #[doc = concat!("Wraps a raw number of ", $unit, ".")]
            #[must_use]
            pub const fn new(raw: $raw) -> Self {
                Self(raw)
            }

            #[doc = concat!("The raw number of ", $unit, ".")]
            #[must_use]
            pub const fn get(self) -> $raw {
                self.0
            }

            /// Sum, held at the largest value instead of wrapping.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Difference, held at the smallest value instead of wrapping.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.0, $unit)
            }
        }
    };
}

quantity!(
    /// A current, always a magnitude.
    Milliamps(u32),
    "mA"
);
quantity!(
    /// A voltage; signed, because the pilot's low level is negative.
    Millivolts(i32),
    "mV"
);
quantity!(
    /// Active power; positive is import (towards the vehicle).
    Watts(i32),
    "W"
);
quantity!(
    /// Energy of a register; registers never fall.
    WattHours(u64),
    "Wh"
);
quantity!(
    /// A resistance, as measured between proximity pilot and protective earth.
    Ohms(u32),
    "Ω"
);
quantity!(
    /// A temperature in tenths of a degree Celsius.
    DeciCelsius(i16),
    "d°C"
);

impl Milliamps {
    /// Wraps whole amperes.
    #[must_use]
    pub const fn from_amps(amps: u16) -> Self {
        // Widened through its bytes: `From` is not callable in const functions, and `as` is banned here.
        let [low, high] = amps.to_le_bytes();
        Self::new(u32::from_le_bytes([low, high, 0, 0]) * 1_000)
    }

    /// The smaller of two currents.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if self.get() < other.get() {
            self
        } else {
            other
        }
    }
}

/// How many phases of the supply a session may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phases {
    /// Single-phase: L1 and N only.
    One,
    /// Three-phase: L1, L2, L3 and N.
    Three,
}

impl Phases {
    /// Number of phase conductors.
    #[must_use]
    pub const fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}
