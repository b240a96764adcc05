//! A condition that must hold for a while.

use units::{Instant, Millis};

/// Remembers since when a condition has held without a break.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dwell(Option<Instant>);

impl Dwell {
    pub(crate) const NEW: Self = Self(None);

    /// Notes whether the condition holds at `now`; true once it has held for `span`.
    pub(crate) fn holds(&mut self, condition: bool, now: Instant, span: Millis) -> bool {
        if !condition {
            self.0 = None;
            return false;
        }
        let since = *self.0.get_or_insert(now);
        now.since(since) >= span
    }
}
