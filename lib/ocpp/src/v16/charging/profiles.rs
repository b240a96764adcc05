//! The installed charging profiles, and the transactions they refer to.

use super::check::{Refusal, check_form, check_place, check_time};
use super::plan::Plan;
use super::text::{self, Unreadable, Write};
use super::types::{Anchor, Capabilities, Moment, Scope, Site};
use crate::limits::{CHARGING_CONNECTORS_MAX, CHARGING_PROFILES_MAX};
use crate::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ClearChargingProfileRequest,
    ClearChargingProfileStatus, SetChargingProfileRequest,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// A charging profile in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The connector, or the whole station.
    pub scope: Scope,
    /// As it came. The transaction id of a purpose that has none is dropped.
    pub profile: ChargingProfile,
    /// The station's number of the transaction, for a TxProfile.
    pub transaction: Option<u64>,
    /// When it came: where a schedule begins that is for the station and says no start.
    pub arrived: Anchor,
}

impl Installed {
    /// It would replace, or be replaced by, a profile of the same purpose, place and level.
    fn same_slot(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.profile.charging_profile_purpose == other.profile.charging_profile_purpose
            && self.profile.stack_level == other.profile.stack_level
    }

    /// It can never hold again, as far as the wall clock says.
    fn is_over(&self, now: Moment) -> bool {
        let Some(wall) = now.wall else {
            return false;
        };
        let profile = &self.profile;
        let schedule = &profile.charging_schedule;
        let invalid = profile.valid_to.is_some_and(|to| to <= wall);
        let run_out = match (
            profile.charging_profile_kind,
            schedule.start_schedule,
            schedule.duration,
        ) {
            (ChargingProfileKind::Absolute, Some(start), Some(duration)) if duration > 0 => {
                let end = start
                    .as_unix_millis()
                    .saturating_add(duration.saturating_mul(1_000));
                end <= wall.as_unix_millis()
            }
            _ => false,
        };
        invalid || run_out
    }
}

/// A transaction that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The station's own number of it.
    pub transaction: u64,
    /// The central system's number; `None` until it has given one.
    pub number: Option<i64>,
    /// When it started.
    pub started: Anchor,
}

/// Charging profiles of one central system and the transactions they may refer to.
///
/// # Invariants
/// At most `profiles_max` profiles; ids are unique; at most one profile per purpose, place and stack level; every
/// profile has passed every check of [`Refusal`]; a TxProfile belongs to one of the station's transactions.
#[derive(Debug, Clone)]
pub struct ProfileStore {
    capabilities: Capabilities,
    profiles: BTreeMap<i64, Installed>,
    running: BTreeMap<u32, Running>,
    changed_profiles: BTreeSet<i64>,
    changed_running: BTreeSet<u32>,
}

impl ProfileStore {
    /// An empty store.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities: capabilities.bounded(),
            profiles: BTreeMap::new(),
            running: BTreeMap::new(),
            changed_profiles: BTreeSet::new(),
            changed_running: BTreeSet::new(),
        }
    }

    /// The store as [`Write`]s left it. Entries with foreign keys are passed over.
    ///
    /// What cannot be read is left out and reported; the rest is used. Whoever keeps the store should remove the
    /// reported keys. Call [`Self::retain`] next with the transactions that still run.
    pub fn read<'e>(
        capabilities: Capabilities,
        entries: impl IntoIterator<Item = (&'e str, &'e [u8])>,
    ) -> (Self, Vec<Unreadable>) {
        let mut store = Self::new(capabilities);
        let mut unreadable = Vec::new();
        for (key, value) in entries {
            let outcome = match text::parse(key, value) {
                Ok(text::Entry::Profile(installed)) => store.put_read(installed),
                Ok(text::Entry::Running(connector, running)) => {
                    store.running.insert(connector, running);
                    Ok(())
                }
                Ok(text::Entry::Foreign) => Ok(()),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = outcome {
                unreadable.push(Unreadable::new(key, reason));
            }
        }
        (store, unreadable)
    }

    fn put_read(&mut self, installed: Installed) -> Result<(), &'static str> {
        // The library's bounds, not the configured ones: lowering a setting takes nothing away.
        if self.profiles.len() >= CHARGING_PROFILES_MAX {
            return Err("more profiles than can be installed");
        }
        if self
            .profiles
            .values()
            .any(|other| other.same_slot(&installed))
        {
            return Err("second profile of its purpose, place and level");
        }
        self.profiles
            .insert(installed.profile.charging_profile_id, installed);
        Ok(())
    }

    /// What the station takes.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The installed profiles, by rising id.
    pub fn profiles(&self) -> impl Iterator<Item = &Installed> {
        self.profiles.values()
    }

    /// The running transactions with their connectors.
    pub fn running(&self) -> impl Iterator<Item = (u32, &Running)> {
        self.running
            .iter()
            .map(|(connector, running)| (*connector, running))
    }

    pub(super) fn running_on(&self, connector: u32) -> Option<&Running> {
        self.running.get(&connector)
    }

    /// Installs a profile. It replaces the one with its id, wherever that is, and the one of its purpose, place and
    /// stack level. If the store is full, profiles that can never hold again make room.
    ///
    /// Errors: why not; the store is as it was.
    pub fn install(
        &mut self,
        now: Moment,
        request: &SetChargingProfileRequest,
    ) -> Result<(), Refusal> {
        let scope =
            Scope::from_connector_id(request.connector_id).ok_or(Refusal::UnknownConnector)?;
        let profile = &request.cs_charging_profiles;
        check_place(profile, scope, &self.capabilities)?;
        let transaction = self.transaction_of(profile, scope)?;
        self.put(now, scope, profile.clone(), transaction)
    }

    /// Whether the profile of a remote start can be taken. Its transaction does not exist yet, so its transaction id
    /// is not looked at.
    ///
    /// Errors: why the remote start is to be rejected.
    pub fn check_start_profile(
        &self,
        now: Moment,
        profile: &ChargingProfile,
    ) -> Result<(), Refusal> {
        if profile.charging_profile_purpose != ChargingProfilePurpose::TxProfile {
            return Err(Refusal::NotTxProfile);
        }
        check_form(profile, &self.capabilities)?;
        check_time(profile, now)
    }

    /// Installs the profile of a remote start, once its transaction has begun on the connector.
    ///
    /// Errors: why not; the store is as it was.
    pub fn install_start_profile(
        &mut self,
        now: Moment,
        connector: u32,
        profile: &ChargingProfile,
    ) -> Result<(), Refusal> {
        self.check_start_profile(now, profile)?;
        let running = self.running.get(&connector).ok_or(Refusal::NoTransaction)?;
        let transaction = Some(running.transaction);
        let mut profile = profile.clone();
        profile.transaction_id = None;
        self.put(now, Scope::Connector(connector), profile, transaction)
    }

    /// The station's transaction that a profile belongs to.
    fn transaction_of(
        &self,
        profile: &ChargingProfile,
        scope: Scope,
    ) -> Result<Option<u64>, Refusal> {
        if profile.charging_profile_purpose != ChargingProfilePurpose::TxProfile {
            return Ok(None);
        }
        let running = self
            .running
            .get(&scope.connector_id())
            .ok_or(Refusal::NoTransaction)?;
        match profile.transaction_id {
            Some(wanted) if running.number != Some(wanted) => Err(Refusal::OtherTransaction),
            Some(_) | None => Ok(Some(running.transaction)),
        }
    }

    fn put(
        &mut self,
        now: Moment,
        scope: Scope,
        mut profile: ChargingProfile,
        transaction: Option<u64>,
    ) -> Result<(), Refusal> {
        check_form(&profile, &self.capabilities)?;
        check_time(&profile, now)?;
        if transaction.is_none() {
            profile.transaction_id = None;
        }
        let id = profile.charging_profile_id;
        let new = Installed {
            scope,
            profile,
            transaction,
            arrived: Anchor::seen(now),
        };
        let replaced =
            |other: &Installed| other.profile.charging_profile_id == id || other.same_slot(&new);
        let room = self.capabilities.profiles_max;
        let kept = self.profiles.values().filter(|other| !replaced(other));
        let full = kept.clone().count() >= room;
        if full && kept.filter(|other| !other.is_over(now)).count() >= room {
            return Err(Refusal::Full);
        }
        self.remove(|other| replaced(other) || (full && other.is_over(now)));
        self.changed_profiles.insert(id);
        self.profiles.insert(id, new);
        Ok(())
    }

    fn remove(&mut self, goes: impl Fn(&Installed) -> bool) -> usize {
        let before = self.profiles.len();
        let changed = &mut self.changed_profiles;
        self.profiles.retain(|id, installed| {
            let stays = !goes(installed);
            if !stays {
                changed.insert(*id);
            }
            stays
        });
        before.saturating_sub(self.profiles.len())
    }

    /// Removes profiles. An id decides alone; without one, those go that match every criterion given, and all go if
    /// none is given. Connector 0 means the profiles installed for connector 0, not those of every connector.
    pub fn clear(&mut self, request: &ClearChargingProfileRequest) -> ClearChargingProfileStatus {
        let removed = self.remove(|installed| {
            let profile = &installed.profile;
            if let Some(id) = request.id {
                return profile.charging_profile_id == id;
            }
            let connector = i64::from(installed.scope.connector_id());
            request
                .connector_id
                .is_none_or(|wanted| wanted == connector)
                && request
                    .charging_profile_purpose
                    .is_none_or(|wanted| wanted == profile.charging_profile_purpose)
                && request
                    .stack_level
                    .is_none_or(|wanted| wanted == profile.stack_level)
        });
        if removed > 0 {
            ClearChargingProfileStatus::Accepted
        } else {
            ClearChargingProfileStatus::Unknown
        }
    }

    /// A transaction runs on a connector. To be called when it starts, and may be called again after a restart. One
    /// that ran there before has ended. False if the station has no such connector.
    pub fn begin(&mut self, connector: u32, transaction: u64, started: Anchor) -> bool {
        if connector == 0 || connector > self.capabilities.connectors.min(CHARGING_CONNECTORS_MAX) {
            return false;
        }
        let before = self.running.get(&connector).copied();
        let same = before.filter(|running| running.transaction == transaction);
        let running = match same {
            // Known already: the anchor stays, unless the new one is better.
            Some(known) if !started.is_better_than(known.started) => known,
            Some(known) => Running { started, ..known },
            None => Running {
                transaction,
                number: None,
                started,
            },
        };
        if before != Some(running) {
            self.running.insert(connector, running);
            self.changed_running.insert(connector);
        }
        let scope = Scope::Connector(connector);
        self.remove(|other| {
            other.scope == scope && other.transaction.is_some_and(|other| other != transaction)
        });
        true
    }

    /// The central system has given a transaction its number. False if the transaction does not run.
    pub fn identify(&mut self, transaction: u64, number: i64) -> bool {
        for (connector, running) in &mut self.running {
            if running.transaction == transaction {
                if running.number != Some(number) {
                    running.number = Some(number);
                    self.changed_running.insert(*connector);
                }
                return true;
            }
        }
        false
    }

    /// A transaction has ended: its TxProfiles go. Says how many did.
    pub fn end(&mut self, transaction: u64) -> usize {
        self.retain_transactions(|running| running != transaction)
    }

    /// Only these transactions run; all others have ended meanwhile. Says how many TxProfiles went.
    pub fn retain(&mut self, transactions: &[u64]) -> usize {
        self.retain_transactions(|running| transactions.contains(&running))
    }

    fn retain_transactions(&mut self, runs: impl Fn(u64) -> bool) -> usize {
        let changed = &mut self.changed_running;
        self.running.retain(|connector, running| {
            let stays = runs(running.transaction);
            if !stays {
                changed.insert(*connector);
            }
            stays
        });
        self.remove(|installed| installed.transaction.is_some_and(|own| !runs(own)))
    }

    /// To be called when the wall clock becomes known or steps; does no harm with every event. The starts of
    /// transactions that were seen on the monotonic clock are noted at their right time, so that they outlive a
    /// restart.
    pub fn follow_clock(&mut self, now: Moment) {
        for (connector, running) in &mut self.running {
            if running.started.follow(now) {
                self.changed_running.insert(*connector);
            }
        }
        for (id, installed) in &mut self.profiles {
            if installed.arrived.follow(now) {
                self.changed_profiles.insert(*id);
            }
        }
    }

    /// Everything placed on the time line, as seen from now.
    #[must_use]
    pub fn plan<'a>(&'a self, now: Moment, site: &'a Site) -> Plan<'a> {
        Plan::new(self, now, site)
    }

    /// What has to be written to the key-value store since the last call; to be committed in one go.
    #[must_use]
    pub fn take_writes(&mut self) -> Vec<Write> {
        let profiles = core::mem::take(&mut self.changed_profiles);
        let running = core::mem::take(&mut self.changed_running);
        let profiles = profiles
            .into_iter()
            .map(|id| text::profile_write(id, self.profiles.get(&id)));
        let running = running
            .into_iter()
            .map(|connector| text::running_write(connector, self.running.get(&connector)));
        profiles.chain(running).collect()
    }
}
