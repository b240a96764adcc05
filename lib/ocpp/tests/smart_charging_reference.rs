//! Smart charging against a slow reference, on random installations, transactions and sets of profiles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

#[path = "smart_charging_support/reference.rs"]
mod reference;
mod smart_charging_support;

use ocpp::limits::COMPOSITE_PERIODS_MAX;
use ocpp::v16::charging::{
    Anchor, Capabilities, ConnectorSite, Limit, Moment, PhaseSwitching, Plan, ProfileStore, Scope,
    Site,
};
use ocpp::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ChargingRateUnit,
    ChargingSchedule, ChargingSchedulePeriod, Decimal, RecurrencyKind, SetChargingProfileRequest,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reference::{Answer, Sent, World};
use smart_charging_support::{MORNING, ONE, STATION, TWO, at, restarted};
use units::{Instant, Milliamps, Millis, Millivolts, Phases, Timestamp};

const SCOPES: [Scope; 3] = [ONE, TWO, STATION];
const UNITS: [ChargingRateUnit; 2] = [ChargingRateUnit::Amperes, ChargingRateUnit::Watts];
/// The host started this long before the first moment of a test.
const UPTIME_MS: i64 = 2_000_000_000;

fn epoch() -> i64 {
    at(MORNING).as_unix_millis()
}

fn wall(ms: i64) -> Timestamp {
    Timestamp::from_unix_millis(ms)
}

fn moment(ms: i64) -> Moment {
    let monotonic = u64::try_from(ms - epoch() + UPTIME_MS).unwrap();
    Moment {
        monotonic: Instant::from_millis(monotonic),
        wall: Some(wall(ms)),
    }
}

fn phases() -> impl Strategy<Value = Phases> {
    select(vec![Phases::One, Phases::Three])
}

fn site() -> impl Strategy<Value = Site> {
    let switching = select(vec![PhaseSwitching::Fixed, PhaseSwitching::ThreeToOne]);
    let local = || (0_u32..40_000).prop_map(Milliamps::new);
    let connector =
        (local(), phases(), switching).prop_map(|(local_limit, phases, switching)| ConnectorSite {
            local_limit,
            phases,
            switching,
        });
    let voltage = select(vec![230_000, 120_000, 239_999]);
    (
        voltage,
        local(),
        phases(),
        prop::collection::vec(connector, 2),
    )
        .prop_map(|(voltage, local_limit, phases, connectors)| Site {
            nominal_voltage: Millivolts::new(voltage),
            local_limit,
            phases,
            connectors,
        })
}

/// A time around the start of the test; `span` in seconds, with milliseconds now and then.
fn time(span: i64) -> impl Strategy<Value = Timestamp> {
    (-span..span, select(vec![0, 0, 1, 500, 999]))
        .prop_map(|(seconds, ms)| wall(epoch() + seconds * 1_000 + ms))
}

fn periods(span: i64) -> impl Strategy<Value = Vec<ChargingSchedulePeriod>> {
    let period = (1..span, 0_i64..400, of(1_i64..=3));
    (prop::collection::vec(period, 1..6), any::<bool>()).prop_map(|(mut periods, watts)| {
        periods.sort_by_key(|period| period.0);
        periods.dedup_by_key(|period| period.0);
        periods[0].0 = 0;
        let scale = if watts { 690 } else { 1 };
        periods
            .into_iter()
            .map(
                |(start_period, tenths, number_phases)| ChargingSchedulePeriod {
                    start_period,
                    limit: Decimal::from_tenths(tenths * scale).unwrap(),
                    number_phases,
                },
            )
            .collect()
    })
}

fn schedule(span: i64) -> impl Strategy<Value = ChargingSchedule> {
    (
        of(0..span),
        of(time(span)),
        select(UNITS.to_vec()),
        periods(span),
        of(0_i64..100),
    )
        .prop_map(
            |(duration, start_schedule, unit, periods, minimum)| ChargingSchedule {
                duration,
                start_schedule,
                charging_rate_unit: unit,
                charging_schedule_period: periods,
                min_charging_rate: minimum.and_then(Decimal::from_tenths),
            },
        )
}

fn profile(span: i64) -> impl Strategy<Value = ChargingProfile> {
    (
        1_i64..20,
        0_i64..4,
        select(ChargingProfilePurpose::ALL.to_vec()),
        select(ChargingProfileKind::ALL.to_vec()),
        select(RecurrencyKind::ALL.to_vec()),
        (
            prop::option::weighted(0.3, time(span)),
            prop::option::weighted(0.3, time(span)),
        ),
        schedule(span),
    )
        .prop_map(
            |(id, level, purpose, kind, recurrency, valid, mut schedule)| {
                let recurring = kind == ChargingProfileKind::Recurring;
                if recurring && valid.0.is_none() && schedule.start_schedule.is_none() {
                    schedule.start_schedule = Some(wall(epoch() - 15 * 86_400_000));
                }
                ChargingProfile {
                    charging_profile_id: id,
                    transaction_id: None,
                    stack_level: level,
                    charging_profile_purpose: purpose,
                    charging_profile_kind: kind,
                    recurrency_kind: recurring.then_some(recurrency),
                    valid_from: valid.0,
                    valid_to: valid.1.filter(|to| valid.0.is_none_or(|from| from < *to)),
                    charging_schedule: schedule,
                }
            },
        )
}

/// A world and the store that should see it the same way; `busy` of 100 connectors charge.
fn world_that_is(busy: u32, span: i64) -> impl Strategy<Value = (World, ProfileStore)> {
    let sent = prop::collection::vec((0_u32..3, profile(span), 0..span), 0..14);
    let started =
        || (0_u32..100, 0..span * 1_000).prop_map(move |(roll, ago)| (roll < busy).then_some(ago));
    (
        site(),
        (started(), started()),
        sent,
        select(vec![0, 1, 499, 998]),
    )
        .prop_map(|(site, (one, two), sent, ms)| {
            let mut store = ProfileStore::new(Capabilities::full(2));
            let now = epoch() + ms;
            let started = [one, two].map(|ago| ago.map(|ago| now - ago));
            for (connector, start) in (1..).zip(started) {
                if let Some(start) = start {
                    store.begin(connector, u64::from(connector), Anchor::seen(moment(start)));
                }
            }
            let mut world = World {
                site,
                now,
                started,
                sent: Vec::new(),
            };
            for (connector, profile, ago) in sent {
                let came = now - ago * 1_000;
                let sent = Sent {
                    connector,
                    profile,
                    came,
                };
                let request = SetChargingProfileRequest {
                    connector_id: i64::from(connector),
                    cs_charging_profiles: sent.profile.clone(),
                };
                let over = sent.profile.valid_to.is_some_and(|to| to <= wall(came));
                let taken = store.install(moment(came), &request).is_ok();
                assert_eq!(taken, world.may_install(&sent) && !over, "{sent:?}");
                if taken {
                    world.install(sent);
                }
            }
            (world, store)
        })
}

fn world(span: i64) -> impl Strategy<Value = (World, ProfileStore)> {
    world_that_is(50, span)
}

fn seen(limit: &Limit) -> Answer {
    Answer {
        current_ma: i128::from(limit.current.get()),
        // Tenths of watts is as fine as it is shown.
        power_uw: i128::from(limit.in_unit(ChargingRateUnit::Watts).tenths()) * 100_000,
        phases: i128::from(limit.phases.count()),
        minimum_ma: limit.minimum.map(|minimum| i128::from(minimum.get())),
    }
}

fn expected(world: &World, scope: Scope, time: i64) -> Answer {
    let answer = world.answer(scope, time);
    Answer {
        power_uw: answer.power_uw / 100_000 * 100_000,
        ..answer
    }
}

fn at_second(schedule: &ChargingSchedule, second: i64) -> &ChargingSchedulePeriod {
    let periods = &schedule.charging_schedule_period;
    let next = periods.partition_point(|period| period.start_period <= second);
    &periods[next - 1]
}

/// Limit and composite schedule against the reference, every `step` seconds over `duration`.
fn compare(world: &World, plan: &Plan<'_>, duration: i64, step: usize) {
    for scope in SCOPES {
        let schedules = UNITS.map(|unit| {
            let schedule = plan.composite(scope, Millis::ZERO, duration, unit).unwrap();
            (unit, schedule)
        });
        for second in (0..duration).step_by(step) {
            let answer = expected(world, scope, world.now + second * 1_000);
            let after = Millis::from_secs(second.try_into().unwrap());
            let limit = plan.limit_after(scope, after).unwrap();
            assert_eq!(seen(&limit), answer, "{scope:?} after {second} s");
            for (unit, schedule) in &schedules {
                if second >= schedule.duration.unwrap() {
                    continue;
                }
                let period = at_second(schedule, second);
                let composed = (i128::from(period.limit.tenths()), period.number_phases);
                let phases = Some(i64::try_from(answer.phases).unwrap());
                assert_eq!(
                    composed,
                    (answer.tenths(*unit), phases),
                    "{scope:?} at {second} s in {unit}"
                );
                assert_eq!(limit.in_unit(*unit), period.limit);
            }
        }
        for (_, schedule) in &schedules {
            let cut = schedule.charging_schedule_period.len() == COMPOSITE_PERIODS_MAX;
            assert!(cut || schedule.duration == Some(duration));
            let periods = &schedule.charging_schedule_period;
            assert_eq!(periods[0].start_period, 0);
            for pair in periods.windows(2) {
                assert!(pair[0].start_period < pair[1].start_period);
                let alike = (pair[0].limit, pair[0].number_phases)
                    == (pair[1].limit, pair[1].number_phases);
                assert!(!alike, "neighbours that are alike are one");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limit_and_composite_schedule_match_the_reference_second_by_second((world, store) in world(1_200)) {
        compare(&world, &store.plan(moment(world.now), &world.site), 1_300, 1);
    }

    #[test]
    fn limit_and_composite_schedule_match_the_reference_over_weeks((world, store) in world(9 * 86_400)) {
        // A prime number of seconds, so that every second of a minute is met.
        compare(&world, &store.plan(moment(world.now), &world.site), 20 * 86_400, 1_009);
    }

    #[test]
    fn the_next_change_is_the_first_moment_that_differs(
        (world, store) in world(1_200), after in 0_u64..1_000_000,
    ) {
        let plan = store.plan(moment(world.now), &world.site);
        for scope in SCOPES {
            let from = plan.limit_after(scope, Millis::new(after)).unwrap();
            let same = |ms: u64| {
                let limit = plan.limit_after(scope, Millis::new(ms)).unwrap();
                seen(&limit) == seen(&from)
            };
            let change = plan.next_change(scope, Millis::new(after));
            let end = change.map_or(after + 3_600_000, Millis::get);
            prop_assert!(end > after);
            for ms in (after..end.min(after + 3_600_000)).step_by(1_000) {
                let answer = expected(&world, scope, world.now + i64::try_from(ms).unwrap());
                prop_assert_eq!(answer, seen(&from), "{:?} after {} ms", scope, ms);
            }
            if let Some(change) = change {
                prop_assert!(same(change.get() - 1));
                // A limit that recurs for ever without a change is looked at for a limited time only.
                let given_up = change.get() > 7 * 86_400_000;
                prop_assert!(given_up || !same(change.get()), "{:?}: none after {}", scope, change);
            }
        }
    }

    #[test]
    fn what_a_plan_foresees_is_what_a_later_plan_finds((world, store) in world_that_is(100, 1_200), after in 0_i64..1_000_000) {
        let plan = store.plan(moment(world.now), &world.site);
        let later = store.plan(moment(world.now + after), &world.site);
        for scope in SCOPES {
            let foreseen = plan.limit_after(scope, Millis::new(after.try_into().unwrap()));
            prop_assert_eq!(foreseen, later.limit(scope));
        }
    }

    #[test]
    fn a_restart_changes_no_limit((world, mut store) in world(1_200), uptime in 0_u64..100_000) {
        let before = store.clone();
        let mut now = moment(world.now);
        let before = before.plan(now, &world.site);
        let store = restarted(&mut store);
        now.monotonic = Instant::from_millis(uptime);
        let after = store.plan(now, &world.site);
        for scope in SCOPES {
            prop_assert_eq!(before.limit(scope), after.limit(scope));
            prop_assert_eq!(before.next_change(scope, Millis::ZERO), after.next_change(scope, Millis::ZERO));
        }
    }
}
