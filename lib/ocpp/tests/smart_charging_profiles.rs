//! Smart charging: which profiles are taken, replaced, cleared, and end with their transaction.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod smart_charging_support;

use ocpp::limits::{CHARGING_PERIODS_MAX, CHARGING_SECONDS_MAX};
use ocpp::v16::ChargingProfile;
use ocpp::v16::charging::{AllowedUnits, Anchor, Capabilities, ProfileStore, Refusal};
use smart_charging_support::*;

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

#[test]
fn a_transaction_told_again_keeps_its_first_start() {
    let mut store = charging();
    assert!(store.begin(1, 7, Anchor::seen(moment(40))));
    assert!(store.begin(1, 7, Anchor::remembered(Some(at(MORNING)))));
    let (_, running) = store.running().next().unwrap();
    assert_eq!(running.started, Anchor::seen(moment(0)));
    assert_eq!(running.number, Some(42));
}

#[test]
fn a_profile_that_is_over_stays_to_be_cleared_while_there_is_room() {
    let mut store = store();
    let past = profile(1, Default, 0, &[(0, 6)])
        .absolute(at(MORNING))
        .lasting(60);
    set(&mut store, moment(0), 0, past).unwrap();
    set(&mut store, moment(60), 0, profile(2, Default, 1, &[(0, 6)])).unwrap();
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn the_transaction_id_of_a_profile_for_no_transaction_is_dropped() {
    let mut store = store();
    set(
        &mut store,
        moment(0),
        0,
        profile(1, Default, 0, &[(0, 6)]).of(42),
    )
    .unwrap();
    assert_eq!(
        store.profiles().next().unwrap().profile.transaction_id,
        None
    );
}
