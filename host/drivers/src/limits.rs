//! Bounds of this crate.

/// Longest UID a card can present (triple size, ISO 14443-3).
pub const MAX_UID_BYTES: usize = 10;
/// Commands that may wait for one simulated EVSE; one is taken per step, so this is never a backlog in practice.
pub const SIM_INBOX: usize = 64;
/// Cards that may wait at one simulated reader; more than a person can hold up in a second.
pub const SIM_CARDS: usize = 32;
/// EVSEs of one simulated station.
pub const SIM_EVSES: u8 = 8;
/// Largest step, in milliseconds, the physics takes at once; a longer gap is walked in steps of this size.
pub const SIM_STEP_MS: u64 = 10;
/// A gap longer than this, in milliseconds, is not walked but skipped: nothing changes in it but the energy.
pub const SIM_WALK_MS: u64 = 120_000;
