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
/// Bytes after which a line that never makes a frame counts as broken.
pub const PN532_GARBAGE_BYTES: usize = 4_096;
/// Cards that may wait at one reader until the station asks for them; more than a person can hold up in that time.
pub const PN532_CARDS: usize = 8;
/// What a reader's protocol may have to tell at once; the oldest goes first.
pub const PN532_EVENTS: usize = 16;
/// Bytes that may wait for a serial line that takes none.
pub const PN532_SEND_BYTES: usize = 512;
/// Bytes read from a serial line at once.
pub const PN532_READ_BYTES: usize = 256;
