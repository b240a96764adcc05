//! Charging profiles that the charge point has, or may have.

use crate::limits::{CSMS_ARRIVING_PROFILES_MAX, CSMS_PROFILES_MAX};
use crate::v16::{
    ChargingProfile, ChargingProfilePurpose, ClearChargingProfileRequest, IdToken,
    RemoteStartTransactionRequest, SetChargingProfileRequest,
};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A profile and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledProfile {
    /// The connector; 0 for the whole charge point.
    pub connector_id: i64,
    /// The profile.
    pub profile: ChargingProfile,
    /// False if an answer was lost, so that the charge point may or may not have it.
    pub certain: bool,
}

impl InstalledProfile {
    pub(super) fn of(request: &SetChargingProfileRequest) -> Self {
        Self {
            connector_id: request.connector_id,
            profile: request.cs_charging_profiles.clone(),
            certain: true,
        }
    }

    /// True if the standard lets a charge point keep only one of the two.
    fn displaces(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.profile, &other.profile);
        ours.charging_profile_id == theirs.charging_profile_id
            || (self.connector_id == other.connector_id
                && ours.charging_profile_purpose == theirs.charging_profile_purpose
                && ours.stack_level == theirs.stack_level
                && ours.transaction_id == theirs.transaction_id)
    }
}

/// Whether a profile is one that a clearing names.
fn is_named(request: &ClearChargingProfileRequest, entry: &InstalledProfile) -> bool {
    let profile = &entry.profile;
    if let Some(id) = request.id {
        return profile.charging_profile_id == id;
    }
    request
        .connector_id
        .is_none_or(|connector| connector == entry.connector_id)
        && request
            .charging_profile_purpose
            .is_none_or(|purpose| purpose == profile.charging_profile_purpose)
        && request
            .stack_level
            .is_none_or(|level| level == profile.stack_level)
}

#[derive(Debug)]
struct Arriving {
    connector_id: Option<i64>,
    id_tag: IdToken,
    profile: ChargingProfile,
    certain: bool,
}

/// The charging profiles of one charge point.
///
/// # Invariants
/// At most [`CSMS_PROFILES_MAX`]; the oldest is forgotten beyond it. Profiles of a transaction go with it.
#[derive(Debug, Default)]
pub struct ProfileBook {
    installed: Vec<InstalledProfile>,
    arriving: VecDeque<Arriving>,
}

impl ProfileBook {
    /// Every profile, in the order in which they were installed.
    pub fn profiles(&self) -> impl Iterator<Item = &InstalledProfile> {
        self.installed.iter()
    }

    pub(super) fn has_room_for(&self, entry: &InstalledProfile) -> bool {
        self.installed.len() < CSMS_PROFILES_MAX
            || self.installed.iter().any(|other| entry.displaces(other))
    }

    /// The charge point took a profile.
    pub(super) fn install(&mut self, entry: InstalledProfile) {
        self.installed.retain(|other| !entry.displaces(other));
        self.push(entry);
    }

    /// The answer to a profile was lost: it is there, or what it displaces still is. Asking again and again adds it once.
    pub(super) fn doubt_install(&mut self, mut entry: InstalledProfile) {
        let mut there = false;
        for other in &mut self.installed {
            if entry.displaces(other) {
                there |= entry.connector_id == other.connector_id && entry.profile == other.profile;
                other.certain = false;
            }
        }
        if !there {
            entry.certain = false;
            self.push(entry);
        }
    }

    fn push(&mut self, entry: InstalledProfile) {
        if self.installed.len() >= CSMS_PROFILES_MAX {
            self.installed.remove(0);
        }
        self.installed.push(entry);
    }

    /// The charge point has none of these any more.
    pub(super) fn clear(&mut self, request: &ClearChargingProfileRequest) {
        self.installed.retain(|entry| !is_named(request, entry));
    }

    /// The answer to a clearing was lost.
    pub(super) fn doubt_clear(&mut self, request: &ClearChargingProfileRequest) {
        for entry in &mut self.installed {
            if is_named(request, entry) {
                entry.certain = false;
            }
        }
    }

    /// A remote start with a profile was taken, or perhaps taken; the profile arrives with its transaction.
    pub(super) fn expect(&mut self, request: RemoteStartTransactionRequest, certain: bool) {
        let Some(profile) = request.charging_profile else {
            return;
        };
        while self.arriving.len() >= CSMS_ARRIVING_PROFILES_MAX {
            self.arriving.pop_front();
        }
        self.arriving.push_back(Arriving {
            connector_id: request.connector_id,
            id_tag: request.id_tag,
            profile,
            certain,
        });
    }

    /// A transaction began; a profile sent with its remote start is installed for it.
    pub(super) fn transaction_started(
        &mut self,
        transaction_id: i64,
        connector_id: i64,
        id_tag: &IdToken,
    ) {
        let place = self.arriving.iter().position(|arriving| {
            arriving.id_tag == *id_tag
                && arriving
                    .connector_id
                    .is_none_or(|connector| connector == connector_id)
        });
        if let Some(arriving) = place.and_then(|place| self.arriving.remove(place)) {
            let mut profile = arriving.profile;
            profile.transaction_id = Some(transaction_id);
            self.install(InstalledProfile {
                connector_id,
                profile,
                certain: arriving.certain,
            });
        }
    }

    /// A transaction ended; its profiles are gone.
    pub(super) fn transaction_stopped(&mut self, transaction_id: i64, connector_id: i64) {
        self.installed.retain(|entry| {
            let profile = &entry.profile;
            let of_it = match profile.transaction_id {
                Some(id) => id == transaction_id,
                None => entry.connector_id == connector_id,
            };
            profile.charging_profile_purpose != ChargingProfilePurpose::TxProfile || !of_it
        });
    }

    pub(super) fn restore(&mut self, entries: impl IntoIterator<Item = InstalledProfile>) {
        for entry in entries {
            self.push(entry);
        }
    }
}
