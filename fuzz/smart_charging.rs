//! Entry point for hostile charging profiles and stored entries, used by the fuzz target and, with a seeded generator,
//! by an ordinary test.
//!
//! The input is a script, one step a line:
//!
//! ```text
//! set {SetChargingProfile}   clear {ClearChargingProfile}   ask {GetCompositeSchedule}   start {ChargingProfile}
//! begin CONNECTOR TRANSACTION   number TRANSACTION NUMBER   end TRANSACTION
//! tick SECONDS   wall MS|-   site LOCAL_MA MILLIVOLTS   restart   entry KEY VALUE (and restart)
//! ```

use ocpp::v16::charging::{
    Anchor, Capabilities, ConnectorSite, Moment, PhaseSwitching, ProfileStore, Scope, Site,
};
use ocpp::v16::{
    ChargingProfile, ClearChargingProfileRequest, GenericStatus, GetCompositeScheduleRequest,
    SetChargingProfileRequest,
};
use std::collections::BTreeMap;
use units::{Instant, Milliamps, Millis, Millivolts, Phases, Timestamp};

const STEPS_MAX: usize = 64;
const PROFILES_MAX: usize = 6;

fn capabilities() -> Capabilities {
    Capabilities {
        profiles_max: PROFILES_MAX,
        ..Capabilities::full(2)
    }
}

/// Everything a script works on.
struct Station {
    store: ProfileStore,
    /// What has been written so far.
    entries: BTreeMap<String, String>,
    now: Moment,
    site: Site,
}

/// Runs a script; whatever it says, no limit exceeds what the installation allows, what is composed is what holds, and
/// what is stored comes back.
pub fn smart_charging(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let connector = ConnectorSite {
        local_limit: Milliamps::from_amps(32),
        phases: Phases::Three,
        switching: PhaseSwitching::ThreeToOne,
    };
    let mut station = Station {
        store: ProfileStore::new(capabilities()),
        entries: BTreeMap::new(),
        now: Moment {
            monotonic: Instant::ZERO,
            wall: Some(Timestamp::from_unix_millis(1_772_352_000_000)),
        },
        site: Site {
            nominal_voltage: Millivolts::new(230_000),
            local_limit: Milliamps::from_amps(63),
            phases: Phases::Three,
            connectors: vec![connector, connector],
        },
    };
    for line in text.lines().take(STEPS_MAX) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        station.step(word, rest);
        station.check();
    }
}

/// Reads the two numbers of a step.
fn pair<A: core::str::FromStr, B: core::str::FromStr>(text: &str) -> Option<(A, B)> {
    let (first, second) = text.split_once(' ')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

impl Station {
    fn step(&mut self, word: &str, rest: &str) {
        match word {
            "set" => {
                if let Ok(request) = serde_json::from_str::<SetChargingProfileRequest>(rest) {
                    let before = self.store.profiles().count();
                    if self.store.install(self.now, &request).is_err() {
                        assert_eq!(self.store.profiles().count(), before);
                    }
                }
            }
            "start" => {
                if let Ok(profile) = serde_json::from_str::<ChargingProfile>(rest) {
                    let _ = self.store.install_start_profile(self.now, 1, &profile);
                }
            }
            "clear" => {
                if let Ok(request) = serde_json::from_str::<ClearChargingProfileRequest>(rest) {
                    self.store.clear(&request);
                }
            }
            "ask" => {
                if let Ok(request) = serde_json::from_str::<GetCompositeScheduleRequest>(rest) {
                    self.ask(&request);
                }
            }
            "begin" => {
                if let Some((connector, transaction)) = pair(rest) {
                    self.store
                        .begin(connector, transaction, Anchor::seen(self.now));
                }
            }
            "number" => {
                if let Some((transaction, number)) = pair(rest) {
                    self.store.identify(transaction, number);
                }
            }
            "end" => {
                if let Ok(transaction) = rest.parse() {
                    self.store.end(transaction);
                }
            }
            other => self.surroundings(other, rest),
        }
    }

    fn surroundings(&mut self, word: &str, rest: &str) {
        match word {
            "tick" => {
                let seconds = rest.parse().unwrap_or(1);
                self.now.monotonic = self.now.monotonic.after(Millis::from_secs(seconds));
                self.store.follow_clock(self.now);
            }
            "wall" => self.now.wall = rest.parse().ok().map(Timestamp::from_unix_millis),
            "site" => {
                if let Some((limit, voltage)) = pair(rest) {
                    self.site.nominal_voltage = Millivolts::new(voltage);
                    for connector in &mut self.site.connectors {
                        connector.local_limit = Milliamps::new(limit);
                    }
                }
            }
            "entry" => {
                if let Some((key, value)) = rest.split_once(' ') {
                    self.write();
                    self.entries.insert(key.into(), value.into());
                    self.restart();
                }
            }
            "restart" => self.restart(),
            _ => {}
        }
    }

    fn restart(&mut self) {
        self.write();
        let entries = self.entries.iter();
        let entries = entries.map(|(key, value)| (key.as_str(), value.as_bytes()));
        let (store, unreadable) = ProfileStore::read(capabilities(), entries);
        self.store = store;
        for lost in unreadable {
            self.entries.remove(&lost.key);
        }
    }

    fn write(&mut self) {
        for write in self.store.take_writes() {
            match write.value {
                Some(value) => self.entries.insert(write.key, value),
                None => self.entries.remove(&write.key),
            };
        }
    }

    fn ask(&self, request: &GetCompositeScheduleRequest) {
        let plan = self.store.plan(self.now, &self.site);
        let answer = plan.answer(request);
        let Some(schedule) = answer.charging_schedule else {
            assert_eq!(answer.status, GenericStatus::Rejected);
            return;
        };
        let scope = Scope::from_connector_id(request.connector_id).expect("it was answered");
        let mut end = -1;
        for period in &schedule.charging_schedule_period {
            assert!(period.start_period > end);
            end = period.start_period;
            let after =
                Millis::from_secs(u64::try_from(period.start_period).expect("not negative"));
            let limit = plan.limit_after(scope, after).expect("it was answered");
            assert_eq!(limit.in_unit(schedule.charging_rate_unit), period.limit);
        }
        assert!(
            schedule
                .duration
                .is_some_and(|duration| duration > end && duration <= request.duration)
        );
    }

    fn check(&mut self) {
        assert!(self.store.profiles().count() <= ocpp::limits::CHARGING_PROFILES_MAX);
        let plan = self.store.plan(self.now, &self.site);
        for (scope, local) in [
            (Scope::Connector(1), self.site.connectors[0].local_limit),
            (Scope::Connector(2), self.site.connectors[1].local_limit),
            (Scope::Station, self.site.local_limit),
        ] {
            let limit = plan.limit(scope).expect("the station has it");
            assert!(limit.current <= local);
            if let Some(change) = plan.next_change(scope, Millis::ZERO) {
                assert!(change > Millis::ZERO);
                let before = Millis::new(change.get() - 1);
                let still = plan.limit_after(scope, before).expect("the station has it");
                assert_eq!(still.current, limit.current);
            }
        }
        // What is written comes back as it was.
        let mut copy = self.store.clone();
        let before: Vec<_> = copy
            .profiles()
            .map(|one| (one.scope, one.profile.clone()))
            .collect();
        self.write();
        let ours = self.entries.iter().filter(|(key, _)| {
            let id = key
                .strip_prefix("charging/p/")
                .and_then(|id| id.parse::<i64>().ok());
            id.is_some_and(|id| before.iter().any(|(_, p)| p.charging_profile_id == id))
        });
        let ours = ours.map(|(key, value)| (key.as_str(), value.as_bytes()));
        let (again, unreadable) = ProfileStore::read(capabilities(), ours);
        assert_eq!(unreadable, []);
        let after: Vec<_> = again
            .profiles()
            .map(|one| (one.scope, one.profile.clone()))
            .collect();
        assert_eq!(before, after);
        drop(copy.take_writes());
    }
}
