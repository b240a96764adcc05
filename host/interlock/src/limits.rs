//! Named bounds of everything that repeats or fills up.

/// Log events kept between two drains. A session makes about 20; a flood loses the oldest and counts them.
pub const EVENT_RING: usize = 64;

/// Drives of the lock motor before the lock is called failed or stuck.
///
/// Source: own choice, ADR 0001. Smaller: a plug that needs a second push fails. Larger: the driver waits in front
/// of a dead station.
pub const LOCK_ATTEMPTS: u8 = 3;

/// Resets of the residual current device after one unplug.
///
/// Source: domain fact sheet §1.7 (open firmware stops after 6).
pub const RESIDUAL_RESETS: u8 = 6;

/// Wake-ups per plug-in.
///
/// Source: domain fact sheet §1.5.
pub const WAKE_UPS_PER_PLUG_IN: u8 = 1;
