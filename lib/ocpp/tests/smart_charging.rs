//! Smart charging: which profiles are taken, which limit holds, and what the composite schedule says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod smart_charging_support;

use ocpp::limits::{CHARGING_PERIODS_MAX, CHARGING_SECONDS_MAX, COMPOSITE_PERIODS_MAX};
use ocpp::v16::charging::{
    AllowedUnits, Anchor, Capabilities, Decider, NoComposite, PhaseSwitching, ProfileStore, Refusal,
};
use ocpp::v16::{
    ChargingProfile, ChargingProfileKind, GenericStatus, GetCompositeScheduleRequest,
    RecurrencyKind,
};
use smart_charging_support::*;
use units::{Milliamps, Millis, Millivolts, Phases};

/// Connector 1 charges, transaction 7 of the station and 42 of the central system, since the host's start.
fn charging() -> ProfileStore {
    let mut store = store();
    assert!(store.begin(1, 7, Anchor::seen(moment(0))));
    assert!(store.identify(7, 42));
    store
}

fn refused(connector: i64, profile: ChargingProfile) -> Refusal {
    let mut store = charging();
    let refusal = set(&mut store, moment(10), connector, profile).unwrap_err();
    assert!(store.profiles().next().is_none(), "refused and kept");
    assert!(!refusal.to_string().is_empty());
    refusal
}

// ---- which profiles are taken ----

#[test]
fn a_ceiling_is_taken_for_connector_0_only() {
    assert_eq!(
        refused(1, profile(1, Max, 0, &[(0, 10)])),
        Refusal::NotForConnector
    );
    assert_eq!(
        set(&mut store(), moment(0), 0, profile(1, Max, 0, &[(0, 10)])),
        Ok(())
    );
}

#[test]
fn a_default_is_taken_for_the_station_and_for_each_connector_but_no_other() {
    for connector in 0..=2 {
        let default = profile(1, Default, 0, &[(0, 10)]);
        assert_eq!(set(&mut store(), moment(0), connector, default), Ok(()));
    }
    for connector in [-1, 3, i64::MAX, i64::MIN] {
        let default = profile(1, Default, 0, &[(0, 10)]);
        assert_eq!(refused(connector, default), Refusal::UnknownConnector);
    }
}

// acceptance: C138
#[test]
fn a_transactions_profile_needs_that_transaction_on_that_connector() {
    let tx = || profile(1, Tx, 0, &[(0, 10)]);
    assert_eq!(refused(0, tx()), Refusal::NotForStation);
    assert_eq!(refused(2, tx()), Refusal::NoTransaction);
    assert_eq!(refused(1, tx().of(43)), Refusal::OtherTransaction);
    assert_eq!(set(&mut charging(), moment(1), 1, tx().of(42)), Ok(()));
    assert_eq!(
        set(&mut charging(), moment(1), 1, tx()),
        Ok(()),
        "id is optional"
    );
}

#[test]
fn a_transaction_the_backend_has_not_numbered_yet_matches_no_number() {
    let mut store = store();
    store.begin(1, 7, Anchor::seen(moment(0)));
    let of_42 = profile(1, Tx, 0, &[(0, 10)]).of(42);
    assert_eq!(
        set(&mut store, moment(1), 1, of_42),
        Err(Refusal::OtherTransaction)
    );
    assert_eq!(
        set(&mut store, moment(1), 1, profile(1, Tx, 0, &[(0, 10)])),
        Ok(())
    );
}

#[test]
fn stack_level_unit_and_number_of_periods_keep_to_what_the_station_says() {
    let capabilities = Capabilities {
        connectors: 2,
        stack_level_max: 3,
        periods_max: 2,
        profiles_max: 2,
        units: AllowedUnits::Amperes,
    };
    let mut store = ProfileStore::new(capabilities);
    let mut try_it = |profile| set(&mut store, moment(0), 0, profile);
    assert_eq!(
        try_it(profile(1, Default, 4, &[(0, 6)])),
        Err(Refusal::StackLevel)
    );
    assert_eq!(
        try_it(profile(1, Default, -1, &[(0, 6)])),
        Err(Refusal::StackLevel)
    );
    assert_eq!(
        try_it(profile(1, Default, 3, &[(0, 6)]).in_watts()),
        Err(Refusal::Unit)
    );
    let three = profile(1, Default, 3, &[(0, 6), (1, 7), (2, 8)]);
    assert_eq!(try_it(three), Err(Refusal::PeriodCount));
    assert_eq!(
        try_it(profile(1, Default, 3, &[])),
        Err(Refusal::PeriodCount)
    );
    assert_eq!(try_it(profile(1, Default, 3, &[(0, 6), (1, 7)])), Ok(()));
    assert_eq!(try_it(profile(2, Default, 2, &[(0, 6)])), Ok(()));
    assert_eq!(
        try_it(profile(3, Default, 1, &[(0, 6)])),
        Err(Refusal::Full)
    );
    assert_eq!(
        try_it(profile(3, Default, 2, &[(0, 6)])),
        Ok(()),
        "takes the place of 2"
    );
    assert_eq!(ids(&store), [1, 3]);
}

#[test]
fn capabilities_beyond_the_librarys_bounds_are_cut() {
    let store = ProfileStore::new(Capabilities {
        connectors: u32::MAX,
        stack_level_max: u32::MAX,
        periods_max: usize::MAX,
        profiles_max: usize::MAX,
        units: AllowedUnits::Both,
    });
    assert_eq!(store.capabilities().periods_max, CHARGING_PERIODS_MAX);
}

#[test]
fn periods_out_of_order_or_not_beginning_at_0_are_refused() {
    let level = |periods| refused(0, profile(1, Default, 0, periods));
    assert_eq!(level(&[(1, 6)]), Refusal::FirstPeriod);
    assert_eq!(level(&[(-1, 6)]), Refusal::FirstPeriod);
    assert_eq!(level(&[(0, 6), (60, 8), (30, 7)]), Refusal::PeriodOrder);
    assert_eq!(level(&[(0, 6), (60, 8), (60, 7)]), Refusal::PeriodOrder);
    assert_eq!(
        level(&[(0, 6), (CHARGING_SECONDS_MAX + 1, 8)]),
        Refusal::PeriodOrder
    );
}

#[test]
fn nonsense_in_numbers_is_refused() {
    let default = || profile(1, Default, 0, &[(0, 6)]);
    assert_eq!(
        refused(0, profile(1, Default, 0, &[(0, -1)])),
        Refusal::NegativeLimit
    );
    assert_eq!(refused(0, default().min_rate(-1)), Refusal::NegativeLimit);
    for phases in [0, 4, -1] {
        assert_eq!(refused(0, default().on_phases(phases)), Refusal::Phases);
    }
    assert_eq!(refused(0, default().lasting(-1)), Refusal::Duration);
    assert_eq!(
        refused(0, default().lasting(CHARGING_SECONDS_MAX + 1)),
        Refusal::Duration
    );
}

#[test]
fn a_recurring_profile_needs_its_kind_and_a_start() {
    let mut nameless = profile(1, Default, 0, &[(0, 6)]).daily(at(MORNING));
    nameless.recurrency_kind = None;
    assert_eq!(refused(0, nameless), Refusal::NoRecurrency);
    let mut startless = profile(1, Default, 0, &[(0, 6)]).daily(at(MORNING));
    startless.charging_schedule.start_schedule = None;
    assert_eq!(refused(0, startless), Refusal::NoStart);
}

#[test]
fn a_profile_that_is_over_is_refused_rather_than_ignored() {
    let (early, late) = (Some(at(MORNING)), Some(later(at(MORNING), 10)));
    let default = || profile(1, Default, 0, &[(0, 6)]);
    assert_eq!(refused(0, default().valid(late, early)), Refusal::Validity);
    assert_eq!(refused(0, default().valid(early, early)), Refusal::Validity);
    assert_eq!(refused(0, default().valid(None, late)), Refusal::Expired);
    let still = default().valid(None, Some(later(at(MORNING), 11)));
    assert_eq!(set(&mut store(), moment(10), 0, still), Ok(()));
    let unknown = default().valid(None, late);
    assert_eq!(
        set(&mut store(), timeless(10), 0, unknown),
        Ok(()),
        "nobody knows the time"
    );
}

#[test]
fn a_profile_replaces_the_one_with_its_id_wherever_that_is() {
    let mut store = charging();
    set(&mut store, moment(1), 1, profile(5, Tx, 3, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 0, profile(5, Max, 0, &[(0, 20)])).unwrap();
    assert_eq!(ids(&store), [5]);
    assert_eq!(
        store
            .profiles()
            .next()
            .unwrap()
            .profile
            .charging_profile_purpose,
        Max
    );
}

#[test]
fn a_profile_replaces_the_one_of_its_purpose_place_and_level_only() {
    let mut store = charging();
    set(&mut store, moment(1), 1, profile(1, Default, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 2, profile(2, Default, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 0, profile(3, Default, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 1, profile(4, Default, 1, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 1, profile(5, Tx, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 0, profile(6, Max, 0, &[(0, 6)])).unwrap();
    assert_eq!(ids(&store), [1, 2, 3, 4, 5, 6], "no two share a place");
    set(&mut store, moment(1), 1, profile(9, Default, 0, &[(0, 8)])).unwrap();
    assert_eq!(ids(&store), [2, 3, 4, 5, 6, 9]);
}

#[test]
fn profiles_that_can_never_hold_again_make_room_when_the_store_is_full() {
    let capabilities = Capabilities {
        profiles_max: 2,
        ..Capabilities::full(2)
    };
    let mut store = ProfileStore::new(capabilities);
    let past = profile(1, Default, 0, &[(0, 6)])
        .absolute(at(MORNING))
        .lasting(60);
    set(&mut store, moment(0), 0, past).unwrap();
    set(&mut store, moment(0), 0, profile(2, Default, 1, &[(0, 6)])).unwrap();
    let third = || profile(3, Default, 2, &[(0, 6)]);
    assert_eq!(set(&mut store, moment(59), 0, third()), Err(Refusal::Full));
    assert_eq!(
        set(&mut store, timeless(60), 0, third()),
        Err(Refusal::Full)
    );
    assert_eq!(set(&mut store, moment(60), 0, third()), Ok(()));
    assert_eq!(ids(&store), [2, 3]);
}

#[test]
fn a_remote_start_takes_a_transactions_profile_and_installs_it_when_the_transaction_begins() {
    let mut store = store();
    let tx = profile(1, Tx, 0, &[(0, 10)]).of(99);
    assert_eq!(store.check_start_profile(moment(0), &tx), Ok(()));
    for other in [Default, Max] {
        let other = profile(1, other, 0, &[(0, 10)]);
        assert_eq!(
            store.check_start_profile(moment(0), &other),
            Err(Refusal::NotTxProfile)
        );
    }
    let broken = profile(1, Tx, 0, &[(5, 10)]);
    assert_eq!(
        store.check_start_profile(moment(0), &broken),
        Err(Refusal::FirstPeriod)
    );
    let early = store.install_start_profile(moment(0), 1, &tx);
    assert_eq!(early, Err(Refusal::NoTransaction));
    store.begin(1, 7, Anchor::seen(moment(5)));
    assert_eq!(store.install_start_profile(moment(5), 1, &tx), Ok(()));
    assert_eq!(ma(&store.plan(moment(6), &site()), ONE), 10_000);
}

// ---- clearing, and the end of a transaction ----

// acceptance: C137
#[test]
fn clearing_matches_every_criterion_given_and_an_id_decides_alone() {
    use ocpp::v16::ClearChargingProfileRequest as Clear;
    use ocpp::v16::ClearChargingProfileStatus::{Accepted, Unknown};
    let full = || {
        let mut store = charging();
        set(&mut store, moment(1), 0, profile(1, Max, 0, &[(0, 6)])).unwrap();
        set(&mut store, moment(1), 0, profile(2, Default, 0, &[(0, 6)])).unwrap();
        set(&mut store, moment(1), 1, profile(3, Default, 1, &[(0, 6)])).unwrap();
        set(&mut store, moment(1), 1, profile(4, Tx, 1, &[(0, 6)])).unwrap();
        set(&mut store, moment(1), 2, profile(5, Default, 1, &[(0, 6)])).unwrap();
        store
    };
    let none = Clear {
        id: None,
        connector_id: None,
        charging_profile_purpose: None,
        stack_level: None,
    };
    let cases: &[(Clear, &[i64])] = &[
        (none.clone(), &[]),
        (
            Clear {
                id: Some(3),
                ..none.clone()
            },
            &[1, 2, 4, 5],
        ),
        (
            Clear {
                id: Some(3),
                connector_id: Some(2),
                stack_level: Some(9),
                ..none.clone()
            },
            &[1, 2, 4, 5],
        ),
        (
            Clear {
                id: Some(9),
                ..none.clone()
            },
            &[1, 2, 3, 4, 5],
        ),
        (
            Clear {
                connector_id: Some(0),
                ..none.clone()
            },
            &[3, 4, 5],
        ),
        (
            Clear {
                connector_id: Some(1),
                ..none.clone()
            },
            &[1, 2, 5],
        ),
        (
            Clear {
                charging_profile_purpose: Some(Default),
                ..none.clone()
            },
            &[1, 4],
        ),
        (
            Clear {
                stack_level: Some(1),
                ..none.clone()
            },
            &[1, 2],
        ),
        (
            Clear {
                connector_id: Some(1),
                stack_level: Some(1),
                ..none.clone()
            },
            &[1, 2, 5],
        ),
        (
            Clear {
                connector_id: Some(1),
                stack_level: Some(1),
                charging_profile_purpose: Some(Tx),
                ..none.clone()
            },
            &[1, 2, 3, 5],
        ),
        (
            Clear {
                connector_id: Some(2),
                stack_level: Some(0),
                ..none.clone()
            },
            &[1, 2, 3, 4, 5],
        ),
        (
            Clear {
                connector_id: Some(-1),
                ..none.clone()
            },
            &[1, 2, 3, 4, 5],
        ),
    ];
    for (request, left) in cases {
        let mut store = full();
        let status = store.clear(request);
        assert_eq!(ids(&store), *left, "{request:?}");
        assert_eq!(
            status,
            if left.len() == 5 { Unknown } else { Accepted },
            "{request:?}"
        );
        if left.is_empty() {
            assert_eq!(store.clear(request), Unknown, "a second time");
        }
    }
}

#[test]
fn the_end_of_a_transaction_takes_its_profiles_and_no_others() {
    let mut store = charging();
    store.begin(2, 8, Anchor::seen(moment(0)));
    set(&mut store, moment(1), 1, profile(1, Tx, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 1, profile(2, Tx, 1, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 2, profile(3, Tx, 0, &[(0, 6)])).unwrap();
    set(&mut store, moment(1), 1, profile(4, Default, 0, &[(0, 6)])).unwrap();
    assert_eq!(store.end(7), 2);
    assert_eq!(ids(&store), [3, 4]);
    assert_eq!(store.end(7), 0, "ended already");
    assert_eq!(store.retain(&[]), 1);
    assert_eq!(ids(&store), [4]);
    assert_eq!(store.running().count(), 0);
}

#[test]
fn a_transaction_that_follows_unseen_on_a_connector_ends_the_one_before() {
    let mut store = charging();
    set(&mut store, moment(1), 1, profile(1, Tx, 0, &[(0, 6)])).unwrap();
    store.begin(1, 7, Anchor::seen(moment(2)));
    assert_eq!(ids(&store), [1], "the same one, told twice");
    store.begin(1, 8, Anchor::seen(moment(3)));
    assert!(ids(&store).is_empty());
    let of_42 = profile(1, Tx, 0, &[(0, 6)]).of(42);
    assert_eq!(
        set(&mut store, moment(4), 1, of_42),
        Err(Refusal::OtherTransaction)
    );
    assert!(
        !store.begin(3, 9, Anchor::seen(moment(5))),
        "no such connector"
    );
    assert!(!store.begin(0, 9, Anchor::seen(moment(5))));
    assert!(!store.identify(7, 42), "gone");
}

// ---- which limit holds ----

#[test]
fn without_profiles_the_local_limits_hold() {
    let store = store();
    let site = site();
    let plan = store.plan(moment(0), &site);
    assert_eq!((ma(&plan, ONE), ma(&plan, STATION)), (32_000, 63_000));
    assert_eq!(plan.limit(ONE).unwrap().decider, Decider::Local);
    assert_eq!(plan.next_change(ONE, Millis::ZERO), None);
    assert_eq!(
        plan.limit(smart_charging_support::TWO)
            .unwrap()
            .power()
            .get(),
        22_080
    );
    assert!(
        plan.limit(ocpp::v16::charging::Scope::Connector(3))
            .is_none()
    );
    assert!(
        plan.limit(ocpp::v16::charging::Scope::Connector(0))
            .is_none()
    );
}

#[test]
fn the_local_limit_always_wins_and_a_profile_never_raises_it() {
    let mut store = charging();
    set(&mut store, moment(0), 0, profile(1, Max, 0, &[(0, 500)])).unwrap();
    set(&mut store, moment(0), 1, profile(2, Tx, 0, &[(0, 400)])).unwrap();
    let mut site = site();
    site.connectors[0].local_limit = Milliamps::from_amps(13);
    let plan = store.plan(moment(1), &site);
    assert_eq!((ma(&plan, ONE), ma(&plan, STATION)), (13_000, 45_000));
    assert_eq!(plan.limit(STATION).unwrap().decider, Decider::Connectors);
}

#[test]
fn a_transactions_profile_stands_in_front_of_defaults_even_when_it_allows_more() {
    let mut store = charging();
    set(&mut store, moment(0), 0, profile(1, Default, 9, &[(0, 6)])).unwrap();
    set(&mut store, moment(0), 1, profile(2, Tx, 0, &[(0, 16)])).unwrap();
    let site = site();
    let plan = store.plan(moment(1), &site);
    assert_eq!((ma(&plan, ONE), ma(&plan, TWO)), (16_000, 6_000));
    let decider = Decider::Profile { purpose: Tx, id: 2 };
    assert_eq!(plan.limit(ONE).unwrap().decider, decider);
}

#[test]
fn the_higher_level_wins_where_it_has_a_value_and_the_lower_one_elsewhere() {
    let mut store = charging();
    let start = at(MORNING);
    set(&mut store, moment(0), 0, profile(1, Default, 0, &[(0, 6)])).unwrap();
    let high = profile(2, Default, 1, &[(0, 20), (60, 10)])
        .absolute(later(start, 100))
        .lasting(120);
    set(&mut store, moment(0), 0, high).unwrap();
    let plan_site = site();
    let plan = store.plan(moment(0), &plan_site);
    let expected = [(0, 60), (100, 200), (160, 100), (220, 60)];
    assert_eq!(composite(&plan, ONE, 400, Amperes), expected);
}

#[test]
fn on_the_same_level_the_connectors_own_default_stands_before_the_stations() {
    let mut store = store();
    set(&mut store, moment(0), 0, profile(1, Default, 1, &[(0, 6)])).unwrap();
    set(&mut store, moment(0), 1, profile(2, Default, 1, &[(0, 16)])).unwrap();
    let site = site();
    assert_eq!(ma(&store.plan(moment(0), &site), ONE), 16_000);
    set(&mut store, moment(0), 0, profile(3, Default, 2, &[(0, 8)])).unwrap();
    assert_eq!(
        ma(&store.plan(moment(0), &site), ONE),
        8_000,
        "a higher level beats the place"
    );
}

#[test]
fn the_ceiling_caps_connectors_and_the_station() {
    let mut store = charging();
    set(&mut store, moment(0), 0, profile(1, Max, 0, &[(0, 10)])).unwrap();
    set(&mut store, moment(0), 1, profile(2, Tx, 0, &[(0, 16)])).unwrap();
    set(&mut store, moment(0), 2, profile(3, Default, 0, &[(0, 7)])).unwrap();
    let site = site();
    let plan = store.plan(moment(1), &site);
    assert_eq!(
        (ma(&plan, ONE), ma(&plan, TWO), ma(&plan, STATION)),
        (10_000, 7_000, 10_000)
    );
}

#[test]
fn zero_is_a_pause_and_not_the_absence_of_a_limit() {
    let mut store = charging();
    set(&mut store, moment(0), 0, profile(1, Default, 0, &[(0, 0)])).unwrap();
    let site = site();
    let plan = store.plan(moment(1), &site);
    assert_eq!((ma(&plan, ONE), ma(&plan, STATION)), (0, 0));
    assert_eq!(composite(&plan, ONE, 60, Watts), [(0, 0)]);
}

#[test]
fn recurring_profiles_recur_over_weeks_and_not_before_their_start() {
    let mut store = store();
    let start = at("2026-03-02T22:00:00Z");
    let nightly = profile(1, Default, 0, &[(0, 32), (8 * 3_600, 6)]).daily(start);
    set(&mut store, moment(0), 0, nightly).unwrap();
    let weekly = profile(2, Default, 1, &[(0, 0)])
        .weekly(at("2026-03-01T12:00:00Z"))
        .lasting(3_600);
    set(&mut store, moment(0), 0, weekly).unwrap();
    let site = site();
    let limit = |time: &str| {
        let wall = at(time);
        let elapsed = (wall.as_unix_millis() - at(MORNING).as_unix_millis()) / 1_000;
        ma(&store.plan(moment(elapsed), &site), ONE)
    };
    assert_eq!(
        limit("2026-03-02T21:59:59Z"),
        32_000,
        "not begun: the local limit"
    );
    assert_eq!(limit("2026-03-03T05:59:59Z"), 32_000);
    assert_eq!(limit("2026-03-03T06:00:00Z"), 6_000);
    assert_eq!(limit("2026-03-20T21:59:59Z"), 6_000);
    assert_eq!(limit("2026-03-20T22:00:00Z"), 32_000);
    assert_eq!(
        limit("2026-03-29T12:00:00Z"),
        0,
        "four weeks later, also over a change of daylight saving"
    );
    assert_eq!(limit("2026-03-29T13:00:00Z"), 6_000);
    assert_eq!(limit("2026-03-30T12:00:00Z"), 6_000, "a Monday");
}

#[test]
fn a_recurring_profile_without_start_counts_from_its_validity() {
    let mut store = store();
    let mut nightly = profile(1, Default, 0, &[(0, 6), (3_600, 16)])
        .valid(Some(at("2026-02-01T00:00:00Z")), None);
    nightly.charging_profile_kind = ChargingProfileKind::Recurring;
    nightly.recurrency_kind = Some(RecurrencyKind::Daily);
    set(&mut store, moment(0), 0, nightly).unwrap();
    let site = site();
    let plan = store.plan(moment(0), &site);
    let expected = [(0, 160), (16 * 3_600, 60), (17 * 3_600, 160)];
    assert_eq!(composite(&plan, ONE, 86_400, Amperes), expected);
}

#[test]
fn validity_begins_at_its_first_and_ends_before_its_last_moment_and_moves_no_schedule() {
    let mut store = charging();
    let start = at(MORNING);
    let limited = profile(1, Default, 0, &[(0, 20), (100, 10)])
        .absolute(start)
        .valid(Some(later(start, 50)), Some(later(start, 150)));
    set(&mut store, moment(0), 0, limited).unwrap();
    let site = site();
    let expected = [(0, 320), (50, 200), (100, 100), (150, 320)];
    assert_eq!(
        composite(&store.plan(moment(0), &site), ONE, 200, Amperes),
        expected
    );
}

#[test]
fn a_relative_schedule_counts_from_the_transactions_start_and_for_an_idle_connector_from_now() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &[(0, 20), (100, 10)]),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(moment(40), &site);
    assert_eq!(composite(&plan, ONE, 200, Amperes), [(0, 200), (60, 100)]);
    assert_eq!(composite(&plan, TWO, 200, Amperes), [(0, 200), (100, 100)]);
}

#[test]
fn an_absolute_schedule_without_start_counts_from_the_transactions_start() {
    let mut store = charging();
    let mut default = profile(1, Default, 0, &[(0, 20), (100, 10)]);
    default.charging_profile_kind = ChargingProfileKind::Absolute;
    set(&mut store, moment(30), 0, default).unwrap();
    let site = site();
    let plan = store.plan(moment(40), &site);
    assert_eq!(composite(&plan, ONE, 200, Amperes), [(0, 200), (60, 100)]);
}

#[test]
fn a_ceiling_that_names_no_start_counts_from_its_arrival() {
    let mut store = charging();
    set(
        &mut store,
        moment(30),
        0,
        profile(1, Max, 0, &[(0, 20), (100, 10)]),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(moment(40), &site);
    assert_eq!(composite(&plan, ONE, 200, Amperes), [(0, 200), (90, 100)]);
}

#[test]
fn a_duration_of_zero_is_no_duration() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &[(0, 9)]).lasting(0),
    )
    .unwrap();
    assert_eq!(ma(&store.plan(moment(40), &site()), ONE), 9_000);
}

// ---- units and phases ----

#[test]
fn watts_are_divided_by_the_phases_in_use_and_the_nominal_voltage() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        1,
        profile(1, Tx, 0, &[(0, 11_000)]).in_watts(),
    )
    .unwrap();
    let mut site = site();
    let ma_of_one = |store: &ProfileStore, site: &_| ma(&store.plan(moment(1), site), ONE);
    assert_eq!(
        ma_of_one(&store, &site),
        15_942,
        "rounded down from 15.942 A"
    );
    site.connectors[0].phases = Phases::One;
    assert_eq!(
        ma_of_one(&store, &site),
        32_000,
        "47.8 A on one phase; the local limit wins"
    );
    site.nominal_voltage = Millivolts::new(400_000);
    let plan = store.plan(moment(1), &site);
    let watts = plan.limit(ONE).unwrap().power().get();
    assert_eq!(watts, 32 * 230, "a voltage nobody has is taken as 230 V");
}

#[test]
fn fewer_phases_are_obeyed_by_switching_or_else_the_power_is_kept() {
    let mut store = charging();
    let one_phase = profile(1, Tx, 0, &[(0, 3_680)]).in_watts().on_phases(1);
    set(&mut store, moment(0), 1, one_phase).unwrap();
    let mut site = site();
    let limit = store.plan(moment(1), &site).limit(ONE).unwrap();
    assert_eq!((limit.current.get(), limit.phases), (5_333, Phases::Three));
    site.connectors[0].switching = PhaseSwitching::ThreeToOne;
    let limit = store.plan(moment(1), &site).limit(ONE).unwrap();
    assert_eq!((limit.current.get(), limit.phases), (16_000, Phases::One));
    set(
        &mut store,
        moment(1),
        1,
        profile(1, Tx, 0, &[(0, 16)]).on_phases(2),
    )
    .unwrap();
    let limit = store.plan(moment(1), &site).limit(ONE).unwrap();
    assert_eq!((limit.current.get(), limit.phases), (16_000, Phases::One));
    set(
        &mut store,
        moment(1),
        1,
        profile(1, Tx, 0, &[(0, 16)]).on_phases(3),
    )
    .unwrap();
    assert_eq!(
        store.plan(moment(1), &site).limit(ONE).unwrap().phases,
        Phases::Three
    );
}

#[test]
fn a_limit_comes_back_exactly_in_its_own_unit() {
    let site = site();
    for tenths in [1, 59, 61, 137, 319] {
        let mut store = charging();
        let mut odd = profile(1, Tx, 0, &[(0, 0)]);
        odd.charging_schedule.charging_schedule_period[0].limit = amps(tenths);
        set(&mut store, moment(0), 1, odd.clone()).unwrap();
        assert_eq!(
            composite(&store.plan(moment(1), &site), ONE, 1, Amperes),
            [(0, tenths)]
        );
        set(&mut store, moment(0), 1, odd.in_watts()).unwrap();
        assert_eq!(
            composite(&store.plan(moment(1), &site), ONE, 1, Watts),
            [(0, tenths)]
        );
    }
}

#[test]
fn the_minimum_rate_is_handed_on_and_raises_nothing() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        1,
        profile(1, Tx, 0, &[(0, 5)]).min_rate(81),
    )
    .unwrap();
    let limit = store.plan(moment(1), &site()).limit(ONE).unwrap();
    assert_eq!(
        (limit.current.get(), limit.minimum),
        (5_000, Some(Milliamps::new(8_100)))
    );
    let watts = profile(1, Tx, 0, &[(0, 5_000)]).in_watts().min_rate(41_401);
    set(&mut store, moment(0), 1, watts).unwrap();
    let limit = store.plan(moment(1), &site()).limit(ONE).unwrap();
    assert_eq!(limit.minimum, Some(Milliamps::new(6_001)), "rounded up");
}

#[test]
fn the_stations_power_adds_up_what_its_connectors_may_draw() {
    let mut store = store();
    set(&mut store, moment(0), 1, profile(1, Default, 0, &[(0, 10)])).unwrap();
    set(&mut store, moment(0), 2, profile(2, Default, 0, &[(0, 20)])).unwrap();
    let mut site = site();
    site.connectors[1].phases = Phases::One;
    let plan = store.plan(moment(0), &site);
    assert_eq!(
        composite(&plan, STATION, 60, Amperes),
        [(0, 300)],
        "the worst case on one phase"
    );
    assert_eq!(
        composite(&plan, STATION, 60, Watts),
        [(0, (30 * 230 + 20 * 230) * 10)]
    );
}

// ---- the composite schedule ----

// acceptance: C138
#[test]
fn purposes_combine_as_the_compliancy_test_expects() {
    let mut store = charging();
    let start = at(MORNING);
    let ceiling = profile(1, Max, 0, &[(0, 10)])
        .absolute(start)
        .lasting(86_400);
    let default = profile(
        2,
        Default,
        0,
        &[(0, 6), (60, 10), (120, 8), (180, 25), (260, 8)],
    );
    let tx = profile(
        3,
        Tx,
        0,
        &[(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)],
    )
    .of(42);
    set(&mut store, moment(0), 0, ceiling).unwrap();
    set(
        &mut store,
        moment(0),
        1,
        default.absolute(start).lasting(300),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(moment(0), &site);
    let defaults = [
        (0, 60),
        (60, 100),
        (120, 80),
        (180, 100),
        (260, 80),
        (300, 100),
    ];
    assert_eq!(composite(&plan, ONE, 400, Amperes), defaults);
    set(&mut store, moment(0), 1, tx.absolute(start).lasting(260)).unwrap();
    let plan = store.plan(moment(0), &site);
    let all = [
        (0, 80),
        (50, 100),
        (200, 60),
        (240, 100),
        (260, 80),
        (300, 100),
    ];
    assert_eq!(composite(&plan, ONE, 400, Amperes), all);
}

#[test]
fn stacked_profiles_combine_as_the_compliancy_test_expects() {
    let mut store = store();
    let start = at(MORNING);
    let low = profile(1, Default, 0, &[(0, 6), (100, 8), (200, 10)])
        .absolute(start)
        .lasting(400);
    let high = profile(2, Default, 1, &[(0, 7), (100, 9)])
        .absolute(start)
        .lasting(150);
    set(&mut store, moment(0), 1, low).unwrap();
    set(&mut store, moment(0), 1, high).unwrap();
    let site = site();
    let expected = [(0, 70), (100, 90), (150, 80), (200, 100)];
    assert_eq!(
        composite(&store.plan(moment(0), &site), ONE, 350, Amperes),
        expected
    );
}

#[test]
fn a_composite_schedule_is_answered_in_the_unit_asked_for_and_begins_now() {
    let mut store = charging();
    set(&mut store, moment(0), 1, profile(1, Tx, 0, &[(0, 10)])).unwrap();
    let site = site();
    let plan = store.plan(moment(5), &site);
    let mut request = GetCompositeScheduleRequest {
        connector_id: 1,
        duration: 400,
        charging_rate_unit: Some(Watts),
    };
    let answer = plan.answer(&request);
    assert_eq!(answer.status, GenericStatus::Accepted);
    assert_eq!(
        (answer.connector_id, answer.schedule_start),
        (Some(1), Some(later(at(MORNING), 5)))
    );
    let schedule = answer.charging_schedule.unwrap();
    assert_eq!(
        (schedule.duration, schedule.charging_rate_unit),
        (Some(400), Watts)
    );
    assert_eq!(schedule.charging_schedule_period[0].limit.tenths(), 69_000);
    assert_eq!(schedule.charging_schedule_period[0].number_phases, Some(3));
    request.charging_rate_unit = None;
    assert_eq!(
        plan.answer(&request)
            .charging_schedule
            .unwrap()
            .charging_rate_unit,
        Amperes
    );
    for connector_id in [3, -1] {
        let answer = plan.answer(&GetCompositeScheduleRequest {
            connector_id,
            ..request.clone()
        });
        assert_eq!(
            (answer.status, answer.charging_schedule),
            (GenericStatus::Rejected, None)
        );
    }
    let nothing = plan.composite(ONE, Millis::ZERO, 0, Amperes);
    assert_eq!(nothing, Err(NoComposite::Duration));
}

#[test]
fn a_composite_schedule_of_too_many_periods_is_cut_and_says_so() {
    let mut store = store();
    let restless: Vec<(i64, i32)> = (0..96).map(|n| (n * 900, 6 + (n % 2) as i32)).collect();
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &restless).daily(at(MORNING)),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(moment(0), &site);
    let schedule = plan
        .composite(ONE, Millis::ZERO, i64::MAX, Amperes)
        .unwrap();
    assert_eq!(
        schedule.charging_schedule_period.len(),
        COMPOSITE_PERIODS_MAX
    );
    assert_eq!(schedule.duration, Some(900 * COMPOSITE_PERIODS_MAX as i64));
}

// ---- clocks ----

#[test]
fn a_step_of_the_wall_clock_moves_absolute_schedules_and_not_relative_ones() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &[(0, 20), (100, 10)]),
    )
    .unwrap();
    let ceiling = profile(2, Max, 0, &[(0, 15)]).absolute(later(at(MORNING), 3_600));
    set(&mut store, moment(0), 0, ceiling).unwrap();
    let site = site();
    assert_eq!(ma(&store.plan(moment(50), &site), ONE), 20_000);
    let mut jumped = moment(50);
    jumped.wall = Some(later(at(MORNING), 3_650));
    store.complete_clocks(jumped);
    let plan = store.plan(jumped, &site);
    assert_eq!(composite(&plan, ONE, 200, Amperes), [(0, 150), (50, 100)]);
}

#[test]
fn while_the_wall_clock_is_unknown_only_what_names_no_time_holds() {
    let mut store = charging();
    set(&mut store, moment(0), 0, profile(1, Default, 0, &[(0, 12)])).unwrap();
    set(
        &mut store,
        moment(0),
        0,
        profile(2, Default, 1, &[(0, 6)]).daily(at(MORNING)),
    )
    .unwrap();
    set(
        &mut store,
        moment(0),
        0,
        profile(3, Max, 0, &[(0, 8)]).absolute(at(MORNING)),
    )
    .unwrap();
    let until = Some(later(at(MORNING), 3_600));
    set(
        &mut store,
        moment(0),
        1,
        profile(4, Tx, 0, &[(0, 7)]).valid(None, until),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(timeless(1), &site);
    assert_eq!((ma(&plan, ONE), plan.undated()), (12_000, 3));
    let none = plan.composite(ONE, Millis::ZERO, 60, Amperes);
    assert_eq!(none, Err(NoComposite::NoWallClock));
    assert_eq!(store.plan(moment(1), &site).undated(), 0);
}

/// The store as it comes back after a restart.
fn restarted(store: &mut ProfileStore) -> ProfileStore {
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

#[test]
fn after_a_restart_a_relative_schedule_goes_on_where_the_transaction_is() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        1,
        profile(1, Tx, 0, &[(0, 20), (100, 10)]).of(42),
    )
    .unwrap();
    let mut store = restarted(&mut store);
    store.retain(&[7]);
    let mut now = moment(60);
    now.monotonic = units::Instant::from_millis(3_000);
    let site = site();
    assert_eq!(
        composite(&store.plan(now, &site), ONE, 200, Amperes),
        [(0, 200), (40, 100)]
    );
    store.complete_clocks(now);
    now.wall = Some(later(at(MORNING), 9_999));
    let expected = [(0, 200), (40, 100)];
    assert_eq!(
        composite(&store.plan(now, &site), ONE, 200, Amperes),
        expected,
        "anchored"
    );
    set(&mut store, now, 1, profile(2, Tx, 1, &[(0, 9)]).of(42)).unwrap();
}

#[test]
fn after_a_restart_without_any_clock_a_relative_schedule_begins_again() {
    let mut store = store();
    store.begin(1, 7, Anchor::seen(timeless(50)));
    set(
        &mut store,
        timeless(50),
        1,
        profile(1, Tx, 0, &[(0, 20), (100, 10)]),
    )
    .unwrap();
    let store = restarted(&mut store);
    let site = site();
    assert_eq!(ma(&store.plan(timeless(99), &site), ONE), 20_000);
    assert_eq!(ma(&store.plan(timeless(100), &site), ONE), 10_000);
}

#[test]
fn the_start_of_a_transaction_that_began_without_wall_clock_is_stored_when_the_time_becomes_known()
{
    let mut store = store();
    store.begin(1, 7, Anchor::seen(timeless(50)));
    set(
        &mut store,
        timeless(50),
        1,
        profile(1, Tx, 0, &[(0, 20), (100, 10)]),
    )
    .unwrap();
    drop(store.take_writes());
    store.complete_clocks(timeless(60));
    assert!(store.take_writes().is_empty());
    store.complete_clocks(moment(70));
    assert_eq!(
        store.take_writes().len(),
        2,
        "the transaction and the profile"
    );
    store.complete_clocks(moment(80));
    assert!(store.take_writes().is_empty());
    let (_, running) = store.running().next().unwrap();
    assert_eq!(running.started.elapsed_ms(moment(90)), 40_000);
}

#[test]
fn the_next_change_is_told_to_the_millisecond() {
    let mut store = charging();
    let start = units::Timestamp::from_unix_millis(at(MORNING).as_unix_millis() + 1_500);
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &[(0, 9), (10, 9), (20, 8)]).absolute(start),
    )
    .unwrap();
    let site = site();
    let plan = store.plan(moment(0), &site);
    assert_eq!(
        plan.next_change(ONE, Millis::ZERO),
        Some(Millis::new(1_500))
    );
    assert_eq!(
        plan.next_change(ONE, Millis::new(1_499)),
        Some(Millis::new(1_500))
    );
    assert_eq!(
        plan.next_change(ONE, Millis::new(1_500)),
        Some(Millis::new(21_500)),
        "9 A to 9 A is none"
    );
    assert_eq!(plan.next_change(ONE, Millis::new(21_500)), None);
    assert_eq!(
        composite(&plan, ONE, 60, Amperes),
        [(0, 320), (2, 90), (22, 80)]
    );
}

// ---- the stored form ----

#[test]
fn writes_bring_back_exactly_what_was_installed() {
    let mut store = charging();
    let start = at(MORNING);
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Max, 3, &[(0, 10), (60, 0)])
            .absolute(start)
            .lasting(99),
    )
    .unwrap();
    set(
        &mut store,
        moment(1),
        2,
        profile(-5, Default, 0, &[(0, 9)])
            .weekly(start)
            .in_watts()
            .on_phases(1),
    )
    .unwrap();
    let valid = profile(i64::MAX, Tx, 0, &[(0, 9)]).valid(Some(start), Some(later(start, 9_000)));
    set(&mut store, moment(2), 1, valid.of(42).min_rate(60)).unwrap();
    let before: Vec<_> = store
        .profiles()
        .map(|p| (p.scope, p.profile.clone(), p.transaction))
        .collect();
    let running: Vec<_> = store
        .running()
        .map(|(c, r)| (c, r.transaction, r.number))
        .collect();
    let again = restarted(&mut store);
    let after: Vec<_> = again
        .profiles()
        .map(|p| (p.scope, p.profile.clone(), p.transaction))
        .collect();
    assert_eq!(before, after);
    assert_eq!(
        running,
        again
            .running()
            .map(|(c, r)| (c, r.transaction, r.number))
            .collect::<Vec<_>>()
    );
}

#[test]
fn what_is_removed_is_removed_from_the_store_too() {
    let mut store = charging();
    set(&mut store, moment(0), 1, profile(1, Tx, 0, &[(0, 9)])).unwrap();
    assert_eq!(store.take_writes().len(), 2);
    assert!(store.take_writes().is_empty(), "nothing changed since");
    store.end(7);
    let writes: Vec<_> = store
        .take_writes()
        .into_iter()
        .map(|w| (w.key, w.value))
        .collect();
    assert_eq!(
        writes,
        [("charging/p/1".into(), None), ("charging/t/1".into(), None)]
    );
}

/// Pinned, because stations in the field have it on their flash.
#[test]
fn the_stored_form_is_this_one() {
    let mut store = charging();
    set(
        &mut store,
        moment(0),
        1,
        profile(17, Tx, 2, &[(0, 16), (60, 6)]).of(42).on_phases(3),
    )
    .unwrap();
    let writes: Vec<_> = store
        .take_writes()
        .into_iter()
        .map(|w| (w.key, w.value.unwrap()))
        .collect();
    let wall = at(MORNING).as_unix_millis();
    let expected = [
        (
            "charging/p/17".to_string(),
            format!(
                "[1,1,17,\"TxProfile\",\"Relative\",null,2,42,7,null,null,null,null,\"A\",null,{wall},[0,160,3,60,60,3]]"
            ),
        ),
        ("charging/t/1".to_string(), format!("[1,7,42,{wall}]")),
    ];
    assert_eq!(writes, expected);
}

#[test]
fn stored_bytes_that_make_no_sense_are_reported_and_the_rest_is_used() {
    let good = r#"[1,0,2,"TxDefaultProfile","Relative",null,0,null,null,null,null,null,null,"A",null,null,[0,60,0]]"#;
    let entries: &[(&str, &str, &str)] = &[
        ("charging/p/2", good, ""),
        ("out", "{}", ""),
        ("charging/p/3", good, "key and id differ"),
        ("charging/p/4", "", "not a list"),
        ("charging/p/5", "{}", "not a list"),
        ("charging/p/6", "[2]", "written by another version"),
        ("charging/p/7", "[1]", "too short"),
        (
            "charging/p/8",
            &good.replace("TxDefaultProfile", "TxSomething"),
            "unknown word",
        ),
        (
            "charging/p/9",
            &good.replace("[0,60,0]", "[0,60]"),
            "period cut off",
        ),
        (
            "charging/p/10",
            &good.replace("[0,60,0]", "[]"),
            "not a profile that can be installed",
        ),
        (
            "charging/p/11",
            &good.replace("[0,60,0]", "[5,60,0]"),
            "not a profile that can be installed",
        ),
        (
            "charging/p/12",
            &good.replace("TxDefaultProfile", "TxProfile"),
            "not a profile that can be installed",
        ),
        (
            "charging/p/13",
            &good.replace(",0,2,", ",1,13,").replace("TxDefault", "Tx"),
            "purpose and transaction do not fit",
        ),
        (
            "charging/p/14",
            &good.replace(",0,2,", ",0,14,"),
            "second profile of its purpose, place and level",
        ),
        ("charging/p/15", &"9".repeat(9_000), "too long"),
        ("charging/t/x", "[1,7,42,null]", "key without connector"),
        ("charging/t/65", "[1,7,42,null]", "no such connector"),
        ("charging/t/1", "[1,-7,42,null]", "not a transaction"),
        ("charging/t/2", "[1,7,42,null,0]", "too long"),
    ];
    let (store, unreadable) = ProfileStore::read(
        Capabilities::full(2),
        entries
            .iter()
            .map(|(key, value, _)| (*key, value.as_bytes())),
    );
    assert_eq!(ids(&store), [2]);
    let wrong: Vec<_> = entries
        .iter()
        .filter(|(_, _, reason)| !reason.is_empty())
        .map(|(k, _, r)| (*k, *r))
        .collect();
    let found: Vec<_> = unreadable
        .iter()
        .map(|u| (u.key.as_str(), u.reason))
        .collect();
    assert_eq!(found, wrong);
    assert!(unreadable[0].to_string().contains("charging/p/3"));
}
