//! Smart charging: which limit holds, in which unit, on which phases, and what the composite schedule says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod smart_charging_support;

use ocpp::limits::COMPOSITE_PERIODS_MAX;
use ocpp::v16::charging::{Decider, NoComposite, PhaseSwitching, ProfileStore, Scope};
use ocpp::v16::{ChargingProfileKind, GenericStatus, GetCompositeScheduleRequest, RecurrencyKind};
use smart_charging_support::*;
use units::{Milliamps, Millis, Millivolts, Phases};

// ---- which limit holds ----

#[test]
fn without_profiles_the_local_limits_hold() {
    let store = store();
    let site = site();
    let plan = store.plan(moment(0), &site);
    assert_eq!((ma(&plan, ONE), ma(&plan, STATION)), (32_000, 63_000));
    assert_eq!(plan.limit(ONE).unwrap().decider, Decider::Local);
    assert_eq!(plan.next_change(ONE, Millis::ZERO), None);
    assert_eq!(plan.limit(TWO).unwrap().power().get(), 22_080);
    assert!(plan.limit(Scope::Connector(3)).is_none());
    assert!(plan.limit(Scope::Connector(0)).is_none());
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
