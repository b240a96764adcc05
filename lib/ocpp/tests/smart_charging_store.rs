//! Smart charging: steps of the clock, restarts, and the stored form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod smart_charging_support;

use ocpp::v16::charging::{Anchor, Capabilities, NoComposite, ProfileStore};
use smart_charging_support::*;
use units::{Instant, Millis, Timestamp};

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
    store.follow_clock(jumped);
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
    now.monotonic = Instant::from_millis(3_000);
    let site = site();
    assert_eq!(
        composite(&store.plan(now, &site), ONE, 200, Amperes),
        [(0, 200), (40, 100)]
    );
    // The clock was wrong at the start and is put right.
    now.wall = Some(later(at(MORNING), 80));
    store.follow_clock(now);
    assert_eq!(
        composite(&store.plan(now, &site), ONE, 200, Amperes),
        [(0, 200), (20, 100)]
    );
    assert!(store.take_writes().is_empty());
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
    store.follow_clock(timeless(60));
    assert!(store.take_writes().is_empty());
    store.follow_clock(moment(70));
    assert_eq!(
        store.take_writes().len(),
        2,
        "the transaction and the profile"
    );
    store.follow_clock(moment(80));
    assert!(store.take_writes().is_empty());
    let (_, running) = store.running().next().unwrap();
    assert_eq!(running.started.elapsed_ms(moment(90)), 40_000);
}

#[test]
fn a_step_of_the_wall_clock_puts_the_stored_start_of_a_transaction_right() {
    let mut store = charging();
    drop(store.take_writes());
    let mut now = moment(60);
    now.wall = Some(later(at(MORNING), 60 + 9));
    store.follow_clock(now);
    assert!(store.take_writes().is_empty(), "not worth a write");
    now.wall = Some(later(at(MORNING), 60 + 3_600));
    store.follow_clock(now);
    assert_eq!(store.take_writes().len(), 1);
    let (_, running) = store.running().next().unwrap();
    assert_eq!(running.started.elapsed_ms(now), 60_000, "unmoved");
    let wall = later(at(MORNING), 3_600).as_unix_millis();
    let mut other = store.clone();
    store.identify(7, 43);
    let text = store.take_writes().pop().unwrap().value.unwrap();
    assert_eq!(text, format!("[1,7,43,{wall}]"));
    // Back again, as a backend with a wrong clock may have it.
    now.wall = Some(later(at(MORNING), 60));
    other.follow_clock(now);
    assert_eq!(other.take_writes().len(), 1);
}

#[test]
fn the_next_change_is_told_to_the_millisecond() {
    let mut store = charging();
    let start = Timestamp::from_unix_millis(at(MORNING).as_unix_millis() + 1_500);
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

#[test]
fn a_transactions_profile_whose_transaction_was_lost_from_the_store_waits_for_it() {
    let entry = r#"[1,1,2,"TxProfile","Relative",null,0,null,7,null,null,null,null,"A",null,null,[0,60,0]]"#;
    let entries = [("charging/p/2", entry.as_bytes())];
    let (mut store, unreadable) = ProfileStore::read(Capabilities::full(2), entries);
    assert_eq!(unreadable, []);
    let site = site();
    assert_eq!(ma(&store.plan(moment(0), &site), ONE), 32_000);
    store.begin(1, 7, Anchor::remembered(None));
    assert_eq!(ma(&store.plan(moment(0), &site), ONE), 6_000);
    store.begin(1, 8, Anchor::seen(moment(0)));
    assert!(ids(&store).is_empty());
}
