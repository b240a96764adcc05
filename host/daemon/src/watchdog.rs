//! The TCP watchdog: a station whose backend stays away for too long starts anew, in case it is the station's fault.

use plugin_host::BackendRole;
use station::settings::key::TCP_WATCHDOG;
use station::{BootReason, Request, ResetKind};
use units::{Instant, Millis};

use crate::limits::WATCHDOG_MIN_S;
use crate::station_thread::Core;

/// Since when the primary backend has been away.
#[derive(Debug, Default)]
pub struct BackendWatch {
    /// `None`: it is there, or there is none.
    away_since: Option<Instant>,
    online: bool,
}

impl BackendWatch {
    /// The primary backend came or went.
    pub fn changed(&mut self, online: bool) {
        self.online = online;
    }

    /// Whether the station is to start anew. `after`: the setting, s, 0 = never; `idle`: nobody charges.
    fn is_due(&mut self, now: Instant, after: u64, wanted: bool, idle: bool) -> bool {
        if self.online || !wanted {
            self.away_since = None;
            return false;
        }
        let since = *self.away_since.get_or_insert(now);
        let patience = Millis::from_secs(after.max(WATCHDOG_MIN_S));
        after > 0 && idle && now >= since.after(patience)
    }
}

impl Core {
    pub(crate) fn watch_backend(&mut self, now: Instant) {
        let primary = |role| role == BackendRole::Primary;
        let wanted = self.adapters.iter().any(|adapter| primary(adapter.role));
        let after = self.station.setting(TCP_WATCHDOG);
        let after = after.and_then(|text| text.parse().ok()).unwrap_or(0);
        let idle = self.station.transactions().is_empty();
        if self.ended.is_none() && self.backend_watch.is_due(now, after, wanted, idle) {
            tracing::error!("no backend for {after} s; the station starts anew");
            self.backend_watch = BackendWatch::default();
            self.next_boot_reason = BootReason::Watchdog;
            self.own_request(Request::Reset {
                kind: ResetKind::Soft,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_millis(s * 1_000)
    }

    // acceptance: P87
    #[test]
    fn station_starts_anew_when_its_backend_was_away_for_the_whole_time() {
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 10_800, true, true));
        assert!(!watch.is_due(at(10_799), 10_800, true, true));
        assert!(watch.is_due(at(10_800), 10_800, true, true));
    }

    #[test]
    fn backend_that_comes_back_begins_the_time_anew() {
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 60, true, true));
        watch.changed(true);
        assert!(!watch.is_due(at(59), 60, true, true));
        watch.changed(false);
        assert!(!watch.is_due(at(60), 60, true, true));
        assert!(!watch.is_due(at(119), 60, true, true));
        assert!(watch.is_due(at(120), 60, true, true));
    }

    #[test]
    fn session_is_not_ended_for_it() {
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 60, true, false));
        assert!(!watch.is_due(at(3_600), 60, true, false));
        assert!(watch.is_due(at(3_601), 60, true, true));
    }

    // acceptance: P87
    #[test]
    fn zero_is_off_and_a_station_without_backend_has_nothing_to_wait_for() {
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 0, true, true));
        assert!(!watch.is_due(at(1_000_000), 0, true, true));
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 60, false, true));
        assert!(!watch.is_due(at(1_000), 60, false, true));
    }

    #[test]
    fn mistyped_time_does_not_make_a_station_start_all_the_time() {
        let mut watch = BackendWatch::default();
        assert!(!watch.is_due(at(0), 1, true, true));
        assert!(!watch.is_due(at(WATCHDOG_MIN_S - 1), 1, true, true));
        assert!(watch.is_due(at(WATCHDOG_MIN_S), 1, true, true));
    }
}
