//! Shared by the tests of smart charging: short ways to write profiles, sites and moments.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

use ocpp::v16::charging::{
    Anchor, Capabilities, ConnectorSite, Moment, PhaseSwitching, Plan, ProfileStore, Refusal,
    Scope, Site,
};
use ocpp::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ChargingRateUnit,
    ChargingSchedule, ChargingSchedulePeriod, Decimal, RecurrencyKind, SetChargingProfileRequest,
    parse_timestamp,
};
use units::{Instant, Milliamps, Millis, Millivolts, Phases, Timestamp};

pub use ChargingProfilePurpose::{
    ChargePointMaxProfile as Max, TxDefaultProfile as Default, TxProfile as Tx,
};
pub use ChargingRateUnit::{Amperes, Watts};

pub const STATION: Scope = Scope::Station;
pub const ONE: Scope = Scope::Connector(1);
pub const TWO: Scope = Scope::Connector(2);

/// A Sunday morning.
pub const MORNING: &str = "2026-03-01T08:00:00Z";

pub fn at(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap().0
}

pub fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(time.as_unix_millis() + seconds * 1_000)
}

pub fn secs(seconds: i64) -> Millis {
    Millis::from_secs(seconds.try_into().unwrap())
}

/// So many seconds after the host's start, which was at [`MORNING`].
pub fn moment(seconds: i64) -> Moment {
    Moment {
        monotonic: Instant::ZERO.after(secs(seconds)),
        wall: Some(later(at(MORNING), seconds)),
    }
}

/// The same without a wall clock.
pub fn timeless(seconds: i64) -> Moment {
    Moment {
        wall: None,
        ..moment(seconds)
    }
}

pub fn connector(amps: u16) -> ConnectorSite {
    ConnectorSite {
        local_limit: Milliamps::from_amps(amps),
        phases: Phases::Three,
        switching: PhaseSwitching::Fixed,
    }
}

/// Two connectors of 32 A on a supply of 63 A, three phases, 230 V.
pub fn site() -> Site {
    Site {
        nominal_voltage: Millivolts::new(230_000),
        local_limit: Milliamps::from_amps(63),
        phases: Phases::Three,
        connectors: vec![connector(32), connector(32)],
    }
}

pub fn amps(tenths: i64) -> Decimal {
    Decimal::from_tenths(tenths).unwrap()
}

/// Periods from `(start in seconds, limit in whole units)`.
pub fn steps(periods: &[(i64, i32)]) -> Vec<ChargingSchedulePeriod> {
    periods
        .iter()
        .map(|(start_period, limit)| ChargingSchedulePeriod {
            start_period: *start_period,
            limit: Decimal::from_whole(*limit),
            number_phases: None,
        })
        .collect()
}

/// A relative profile in amperes.
pub fn profile(
    id: i64,
    purpose: ChargingProfilePurpose,
    level: i64,
    periods: &[(i64, i32)],
) -> ChargingProfile {
    ChargingProfile {
        charging_profile_id: id,
        transaction_id: None,
        stack_level: level,
        charging_profile_purpose: purpose,
        charging_profile_kind: ChargingProfileKind::Relative,
        recurrency_kind: None,
        valid_from: None,
        valid_to: None,
        charging_schedule: ChargingSchedule {
            duration: None,
            start_schedule: None,
            charging_rate_unit: Amperes,
            charging_schedule_period: steps(periods),
            min_charging_rate: None,
        },
    }
}

/// Further properties of a profile, one call each.
pub trait With: Sized {
    fn absolute(self, start: Timestamp) -> Self;
    fn daily(self, start: Timestamp) -> Self;
    fn weekly(self, start: Timestamp) -> Self;
    fn lasting(self, seconds: i64) -> Self;
    fn valid(self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self;
    fn in_watts(self) -> Self;
    fn on_phases(self, phases: i64) -> Self;
    fn of(self, number: i64) -> Self;
    fn min_rate(self, tenths: i64) -> Self;
}

impl With for ChargingProfile {
    fn absolute(mut self, start: Timestamp) -> Self {
        self.charging_profile_kind = ChargingProfileKind::Absolute;
        self.charging_schedule.start_schedule = Some(start);
        self
    }

    fn daily(mut self, start: Timestamp) -> Self {
        self.charging_profile_kind = ChargingProfileKind::Recurring;
        self.recurrency_kind = Some(RecurrencyKind::Daily);
        self.charging_schedule.start_schedule = Some(start);
        self
    }

    fn weekly(self, start: Timestamp) -> Self {
        let mut profile = self.daily(start);
        profile.recurrency_kind = Some(RecurrencyKind::Weekly);
        profile
    }

    fn lasting(mut self, seconds: i64) -> Self {
        self.charging_schedule.duration = Some(seconds);
        self
    }

    fn valid(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        (self.valid_from, self.valid_to) = (from, to);
        self
    }

    fn in_watts(mut self) -> Self {
        self.charging_schedule.charging_rate_unit = Watts;
        self
    }

    fn on_phases(mut self, phases: i64) -> Self {
        for period in &mut self.charging_schedule.charging_schedule_period {
            period.number_phases = Some(phases);
        }
        self
    }

    fn of(mut self, number: i64) -> Self {
        self.transaction_id = Some(number);
        self
    }

    fn min_rate(mut self, tenths: i64) -> Self {
        self.charging_schedule.min_charging_rate = Some(amps(tenths));
        self
    }
}

/// A station of two connectors that can do everything.
pub fn store() -> ProfileStore {
    ProfileStore::new(Capabilities::full(2))
}

pub fn set(
    store: &mut ProfileStore,
    now: Moment,
    connector_id: i64,
    profile: ChargingProfile,
) -> Result<(), Refusal> {
    store.install(
        now,
        &SetChargingProfileRequest {
            connector_id,
            cs_charging_profiles: profile,
        },
    )
}

pub fn ids(store: &ProfileStore) -> Vec<i64> {
    store
        .profiles()
        .map(|installed| installed.profile.charging_profile_id)
        .collect()
}

/// The limit now in milliamperes.
pub fn ma(plan: &Plan<'_>, scope: Scope) -> u32 {
    plan.limit(scope).unwrap().current.get()
}

/// A composite schedule as `(start, tenths of the unit)`.
pub fn composite(
    plan: &Plan<'_>,
    scope: Scope,
    duration: i64,
    unit: ChargingRateUnit,
) -> Vec<(i64, i64)> {
    plan.composite(scope, Millis::ZERO, duration, unit)
        .unwrap()
        .charging_schedule_period
        .iter()
        .map(|period| (period.start_period, period.limit.tenths()))
        .collect()
}

/// Connector 1 charges, transaction 7 of the station and 42 of the central system, since the host's start.
pub fn charging() -> ProfileStore {
    let mut store = store();
    assert!(store.begin(1, 7, Anchor::seen(moment(0))));
    assert!(store.identify(7, 42));
    store
}

/// The store as it comes back after a restart.
pub fn restarted(store: &mut ProfileStore) -> ProfileStore {
    let entries: Vec<(String, Vec<u8>)> = store
        .take_writes()
        .into_iter()
        .filter_map(|write| Some((write.key, write.value?.into_bytes())))
        .collect();
    let entries = entries
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_slice()));
    let (store, unreadable) = ProfileStore::read(*store.capabilities(), entries);
    assert_eq!(unreadable, []);
    store
}
