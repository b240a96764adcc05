//! Smart charging: the backend's profiles, and the ceilings that follow from them now.
//!
//! What a profile means is decided in `ocpp::v16::charging`; here profiles are kept, the station is told the ceiling that
//! holds, and told again when it changes. What the station itself allows is never raised by it.

use std::collections::BTreeMap;

use ocpp::rpc::MessageId;
use ocpp::v16::charging::{
    Anchor, Capabilities, ConnectorSite, Decider, Moment as At, PhaseSwitching, ProfileStore,
    Scope, Site,
};
use ocpp::v16::{
    ChargingProfile, ChargingProfileStatus, ClearChargingProfileRequest,
    ClearChargingProfileResponse, ClearChargingProfileStatus, GetCompositeScheduleRequest,
    Response, SetChargingProfileRequest, SetChargingProfileResponse,
};
use units::{Instant, Milliamps, Millis, Millivolts, Phases};

use super::limits::{PROFILE_PERIODS, START_PROFILE_WAIT_S, WALL_STEP_MS};
use super::{Ocpp16, Operator};
use crate::backend::{Command, ConnectorStatus, Limit, Role, RunningTransaction};
use crate::{Level, Moment, Setting, StationInfo, StoreEntry, StoreWrite, log};

/// Settings of the station that limit before any profile does; a composite schedule knows them.
const LOCAL_LIMITS: [&str; 2] = ["installation_current_limit_a", "operator_current_limit_a"];

/// The profile of a remote start, until its transaction begins.
#[derive(Debug)]
struct StartProfile {
    evse_id: Option<u32>,
    profile: ChargingProfile,
    due: Instant,
}

/// Profiles, and what the station was told of them.
#[derive(Debug)]
pub struct Charging {
    store: ProfileStore,
    station: StationInfo,
    /// Values of [`LOCAL_LIMITS`], by key, also with `.N`.
    local: BTreeMap<String, u32>,
    start_profile: Option<StartProfile>,
    told: BTreeMap<Option<u32>, Limit>,
    /// Something changed since the ceilings were told.
    changed: bool,
    /// They change by themselves then.
    pub next_change: Option<Instant>,
    /// Wall clock minus monotonic clock, ms, when they were told.
    offset: Option<i64>,
}

/// The numbers that the configuration keys tell too.
pub fn capabilities(info: &StationInfo) -> Capabilities {
    let connectors = u32::try_from(info.evses.len()).unwrap_or(u32::MAX);
    let full = Capabilities::full(connectors);
    Capabilities {
        periods_max: full.periods_max.min(PROFILE_PERIODS),
        ..full
    }
}

fn at(now: Moment) -> At {
    At {
        monotonic: now.at,
        wall: now.wall,
    }
}

const fn phases(count: u32) -> Phases {
    if count == 1 {
        Phases::One
    } else {
        Phases::Three
    }
}

impl Charging {
    pub fn read(
        store: &[StoreEntry],
        settings: &[Setting],
        station: &StationInfo,
        running: &[RunningTransaction],
        now: Moment,
    ) -> Self {
        let text = |entry: &StoreEntry| (entry.key.clone(), entry.value.clone());
        let entries: Vec<(String, Vec<u8>)> = store.iter().map(text).collect();
        let entries = entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()));
        let (profiles, unreadable) = ProfileStore::read(capabilities(station), entries);
        for entry in unreadable {
            log(Level::Error, &entry.to_string());
        }
        let mut charging = Self {
            store: profiles,
            station: station.clone(),
            local: BTreeMap::new(),
            start_profile: None,
            told: BTreeMap::new(),
            changed: true,
            next_change: None,
            offset: None,
        };
        for setting in settings {
            charging.setting_changed(setting);
        }
        let numbers: Vec<u64> = running.iter().map(|running| running.transaction).collect();
        charging.store.retain(&numbers);
        for running in running {
            let started = Anchor::remembered(running.started.wall);
            charging
                .store
                .begin(running.evse_id, running.transaction, started);
        }
        charging.store.follow_clock(at(now));
        charging
    }

    pub fn setting_changed(&mut self, setting: &Setting) {
        let base = setting.key.split('.').next().unwrap_or_default();
        if LOCAL_LIMITS.contains(&base) {
            match setting.value.parse() {
                Ok(amps) => self.local.insert(setting.key.clone(), amps),
                Err(_) => self.local.remove(&setting.key),
            };
            self.changed = true;
        }
    }

    fn site(&self) -> Site {
        let local = |evse_id: u32, hardware_ma: u32| {
            let set = |key: &str| {
                let own = self.local.get(&format!("{key}.{evse_id}"));
                own.or_else(|| self.local.get(key)).copied()
            };
            let amps = LOCAL_LIMITS.iter().filter_map(|key| set(key)).min();
            let set = amps.map(|amps| amps.saturating_mul(1_000));
            Milliamps::new(set.map_or(hardware_ma, |set| set.min(hardware_ma)))
        };
        let connector = |evse: &crate::EvseInfo| ConnectorSite {
            local_limit: local(evse.evse_id, evse.max_current_ma),
            phases: phases(evse.phases),
            switching: PhaseSwitching::ThreeToOne,
        };
        let connectors: Vec<ConnectorSite> = self.station.evses.iter().map(connector).collect();
        let sum = connectors.iter().map(|one| one.local_limit.get());
        let three = connectors.iter().any(|one| one.phases == Phases::Three);
        Site {
            nominal_voltage: Millivolts::new(230_000),
            local_limit: Milliamps::new(sum.fold(0, u32::saturating_add)),
            phases: if three { Phases::Three } else { Phases::One },
            connectors,
        }
    }

    /// A connector's facts: a transaction began or ended there.
    pub fn connector_changed(&mut self, facts: &ConnectorStatus) {
        let before = self
            .store
            .running()
            .find(|(connector, _)| *connector == facts.evse_id);
        let before = before.map(|(_, running)| running.transaction);
        if before == facts.transaction {
            return;
        }
        self.changed = true;
        if let Some(ended) = before {
            self.store.end(ended);
        }
        let Some(transaction) = facts.transaction else {
            return;
        };
        let now = at(facts.at);
        self.store
            .begin(facts.evse_id, transaction, Anchor::seen(now));
        let own = |start: &mut StartProfile| start.evse_id.is_none_or(|evse| evse == facts.evse_id);
        if let Some(start) = self.start_profile.take_if(own)
            && let Err(refusal) =
                self.store
                    .install_start_profile(now, facts.evse_id, &start.profile)
        {
            log(
                Level::Error,
                &format!("the profile of the remote start is not taken: {refusal}"),
            );
        }
    }

    /// The backend's number of a transaction.
    pub fn identify(&mut self, transaction: u64, number: i64) {
        self.changed |= self.store.identify(transaction, number);
    }

    /// What to store since the last call.
    fn writes(&mut self) -> Vec<StoreWrite> {
        let write = |write: ocpp::v16::charging::Write| StoreWrite {
            key: write.key,
            value: write.value.map(String::into_bytes),
        };
        self.store.take_writes().into_iter().map(write).collect()
    }

    /// The ceilings that changed. What no profile lowers has none.
    fn ceilings(&mut self, now: Moment) -> Vec<Limit> {
        let wall = now.wall.map(|wall| {
            let monotonic = i64::try_from(now.at.as_millis()).unwrap_or(i64::MAX);
            wall.as_unix_millis().saturating_sub(monotonic)
        });
        let stepped = match (self.offset, wall) {
            (Some(before), Some(after)) => before.abs_diff(after) > WALL_STEP_MS,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        if !self.changed && !stepped && self.next_change.is_none_or(|due| due > now.at) {
            return Vec::new();
        }
        self.changed = false;
        self.offset = wall;
        self.store.follow_clock(at(now));
        let site = self.site();
        let plan = self.store.plan(at(now), &site);
        let connectors = self
            .station
            .evses
            .iter()
            .map(|evse| Scope::Connector(evse.evse_id));
        let mut next: Option<Millis> = None;
        let mut ceilings = Vec::new();
        for scope in [Scope::Station].into_iter().chain(connectors) {
            let Some(limit) = plan.limit(scope) else {
                continue;
            };
            next = next
                .into_iter()
                .chain(plan.next_change(scope, Millis::ZERO))
                .min();
            let lowered = matches!(limit.decider, Decider::Profile { .. });
            let evse_id = Some(scope.connector_id()).filter(|number| *number > 0);
            ceilings.push(Limit {
                evse_id,
                max_current_ma: lowered.then(|| limit.current.get()),
                phases: (lowered && limit.phases == Phases::One).then_some(1),
            });
        }
        self.next_change = next.map(|after| now.at.after(after.max(Millis::new(1))));
        let told = &mut self.told;
        ceilings.retain(|limit| {
            let nothing = limit.max_current_ma.is_none() && limit.phases.is_none();
            let before = told.insert(limit.evse_id, *limit);
            before != Some(*limit) && !(before.is_none() && nothing)
        });
        ceilings
    }
}

impl<O: Operator> Ocpp16<O> {
    /// Stores what changed, and tells the station the ceilings that hold from now on.
    pub(super) fn tell_ceilings(&mut self) {
        let ceilings = self.charging.ceilings(self.now);
        let writes = self.charging.writes();
        self.write(writes);
        if self.role == Role::Primary {
            self.commands
                .extend(ceilings.into_iter().map(Command::Limit));
        }
    }

    pub(super) fn set_charging_profile(
        &mut self,
        id: &MessageId,
        request: &SetChargingProfileRequest,
    ) {
        if self.role != Role::Primary {
            let status = ChargingProfileStatus::Rejected;
            return self.answer(id, &Response::from(SetChargingProfileResponse { status }));
        }
        let status = match self.charging.store.install(at(self.now), request) {
            Ok(()) => ChargingProfileStatus::Accepted,
            Err(refusal) => {
                log(
                    Level::Warn,
                    &format!("a charging profile is not taken: {refusal}"),
                );
                refusal.status()
            }
        };
        self.charging.changed = true;
        self.answer(id, &Response::from(SetChargingProfileResponse { status }));
    }

    pub(super) fn clear_charging_profile(
        &mut self,
        id: &MessageId,
        request: &ClearChargingProfileRequest,
    ) {
        let status = match self.role {
            Role::Primary => self.charging.store.clear(request),
            Role::Observer => ClearChargingProfileStatus::Unknown,
        };
        self.charging.changed = true;
        self.answer(id, &Response::from(ClearChargingProfileResponse { status }));
    }

    pub(super) fn composite_schedule(
        &mut self,
        id: &MessageId,
        request: &GetCompositeScheduleRequest,
    ) {
        let site = self.charging.site();
        let answer = self
            .charging
            .store
            .plan(at(self.now), &site)
            .answer(request);
        self.answer(id, &Response::from(answer));
    }

    /// Whether the profile of a remote start can be taken; it is kept until the transaction begins.
    pub(super) fn take_start_profile(
        &mut self,
        evse_id: Option<u32>,
        profile: Option<ChargingProfile>,
    ) -> bool {
        let Some(profile) = profile else {
            self.charging.start_profile = None;
            return true;
        };
        let good = self
            .charging
            .store
            .check_start_profile(at(self.now), &profile);
        if let Err(refusal) = good {
            log(
                Level::Warn,
                &format!("a remote start is refused: {refusal}"),
            );
            return false;
        }
        let wait = self
            .config
            .number("ConnectionTimeOut")
            .saturating_add(START_PROFILE_WAIT_S);
        self.charging.start_profile = Some(StartProfile {
            evse_id,
            profile,
            due: self.now.at.after(Millis::from_secs(wait)),
        });
        true
    }

    /// Nobody came for whom it was meant.
    pub(super) fn drop_old_start_profile(&mut self) {
        let now = self.now.at;
        self.charging
            .start_profile
            .take_if(|start| start.due <= now);
    }
}
