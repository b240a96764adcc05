//! Readiness and watchdog for systemd. Without systemd every call does nothing.

use std::cell::Cell;

use sd_notify::NotifyState;
use units::Instant;

use crate::clock::Clock;

/// Tells systemd that the station is ready to plug.
pub fn ready() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!("systemd was not told: {error}");
    }
}

/// Tells systemd that the station ends.
pub fn stopping() {
    // Nobody is left to act on a failure.
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// A sign of life from the station's thread, as often as systemd wants it (half its time-out).
pub fn watchdog(clock: Clock) -> impl Fn() {
    let period_ms = sd_notify::watchdog_enabled()
        .and_then(|timeout| u64::try_from(timeout.as_millis() / 2).ok());
    let due = Cell::new(Instant::ZERO);
    move || {
        let Some(period_ms) = period_ms else { return };
        let now = clock.now();
        if now >= due.get() {
            due.set(now.after(units::Millis::new(period_ms)));
            if let Err(error) = sd_notify::notify(&[NotifyState::Watchdog]) {
                tracing::warn!("systemd's watchdog was not told: {error}");
            }
        }
    }
}
