//! What the opening hours promise.

use super::calendar::{DAY_S, Date};
use super::*;
use sdk::TokenKind;
use sdk::authorizer::Stage;
use sdk::testing::{Bench, never_accepts, question};

type Shop = Bench<OpenHours>;

const WEEK: &str = "Mo-Fr 07:00-19:00; Sa 09:00-13:00";
const CARD: &str = "04567DAA5F3580";

/// A moment in UTC.
fn utc(date: &str, hour: i64, minute: i64) -> i64 {
    Date::parse(date).unwrap().to_day() * DAY_S + hour * 3_600 + minute * 60
}

fn at(shop: &mut Shop, at: i64) -> (Decision, String) {
    shop.wall = Some(Timestamp::from_unix_millis(at * 1_000));
    let verdict = shop.ask(question(TokenKind::Rfid, CARD)).verdict.unwrap();
    (verdict.decision, verdict.reason.unwrap_or_default())
}

#[test]
fn inside_the_hours_others_judge_and_outside_the_next_opening_is_named() {
    let mut shop = Shop::new(&[("hours", WEEK)]);
    // 2026-11-20 is a Friday in winter: one hour ahead of UTC.
    assert_eq!(
        at(&mut shop, utc("2026-11-20", 6, 0)).0,
        Decision::NoOpinion
    );
    assert_eq!(
        at(&mut shop, utc("2026-11-20", 18, 0) - 1).0,
        Decision::NoOpinion
    );
    for (moment, opening) in [
        (utc("2026-11-20", 6, 0) - 1, "Fr 2026-11-20 07:00"),
        (utc("2026-11-20", 18, 0), "Sa 2026-11-21 09:00"),
        (utc("2026-11-21", 12, 0), "Mo 2026-11-23 07:00"),
        (utc("2026-11-22", 12, 0), "Mo 2026-11-23 07:00"),
    ] {
        let (decision, reason) = at(&mut shop, moment);
        assert_eq!(decision, Decision::Invalid);
        assert_eq!(reason, format!("closed; opens {opening}"));
    }
}

#[test]
fn holidays_are_closed_or_have_hours_of_their_own() {
    let mut shop = Shop::new(&[("hours", WEEK), ("holidays", "2026-12-24, 12-25")]);
    let (decision, reason) = at(&mut shop, utc("2026-12-24", 10, 0));
    assert_eq!(
        (decision, reason.as_str()),
        (Decision::Invalid, "closed; opens Sa 2026-12-26 09:00")
    );
    shop.set("hours", &format!("{WEEK}; PH 10:00-12:00"));
    assert_eq!(
        at(&mut shop, utc("2026-12-24", 10, 0)).0,
        Decision::NoOpinion
    );
    assert_eq!(
        at(&mut shop, utc("2026-12-24", 12, 0)).1,
        "closed; opens Fr 2026-12-25 10:00"
    );
}

#[test]
fn night_belongs_to_the_day_on_which_it_begins() {
    let mut shop = Shop::new(&[("hours", "Fr 22:00-06:00"), ("timezone", "UTC0")]);
    assert_eq!(
        at(&mut shop, utc("2026-11-20", 22, 0)).0,
        Decision::NoOpinion
    );
    assert_eq!(
        at(&mut shop, utc("2026-11-21", 5, 59)).0,
        Decision::NoOpinion
    );
    assert_eq!(
        at(&mut shop, utc("2026-11-21", 6, 0)).1,
        "closed; opens Fr 2026-11-27 22:00"
    );
    assert_eq!(at(&mut shop, utc("2026-11-20", 5, 0)).0, Decision::Invalid);
}

#[test]
fn stopping_and_later_checks_are_possible_at_any_hour() {
    let mut shop = Shop::new(&[("hours", "Mo 07:00-08:00")]);
    shop.wall = Some(Timestamp::from_unix_millis(
        utc("2026-11-22", 12, 0) * 1_000,
    ));
    for purpose in [AuthorizePurpose::Stop, AuthorizePurpose::Recheck] {
        let mut question = question(TokenKind::Rfid, CARD);
        question.request.purpose = purpose;
        assert_eq!(shop.decide(question), Decision::NoOpinion);
    }
    for kind in [TokenKind::Central, TokenKind::Mac, TokenKind::Fixed] {
        assert_eq!(
            shop.decide(question(kind, CARD)),
            Decision::Invalid,
            "to start, it is not"
        );
    }
}

#[test]
fn without_a_clock_the_setting_decides() {
    let mut shop = Shop::new(&[("hours", "24/7")]);
    let verdict = shop.ask(question(TokenKind::Rfid, CARD)).verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Invalid);
    assert!(verdict.reason.unwrap().contains("what time it is"));
    shop.set("when_clock_unknown", "allow");
    assert_eq!(shop.swipe(CARD), Decision::NoOpinion);
    shop.set("when_clock_unknown", "perhaps");
    assert_eq!(shop.swipe(CARD), Decision::Invalid);
}

#[test]
fn setting_that_is_not_understood_closes_the_station() {
    for (key, value) in [
        ("hours", "when we like"),
        ("holidays", "Christmas"),
        ("timezone", "Europe/Berlin"),
    ] {
        let mut shop = Shop::new(&[(key, value), ("when_clock_unknown", "allow")]);
        let noon = utc("2026-11-20", 11, 0);
        let (decision, reason) = at(&mut shop, noon);
        assert_eq!(decision, Decision::Invalid);
        assert!(reason.contains(key) && reason.contains(value), "{reason}");
        let right = match key {
            "hours" => "24/7",
            "holidays" => "",
            _ => "UTC0",
        };
        shop.set(key, right);
        assert_eq!(at(&mut shop, noon).0, Decision::NoOpinion);
    }
    let long = "x".repeat(100_000);
    let mut shop = Shop::new(&[("hours", &long), ("holidays", &long), ("timezone", &long)]);
    assert_eq!(at(&mut shop, 0).0, Decision::Invalid);
}

#[test]
fn never_open_has_no_next_opening() {
    let mut shop = Shop::new(&[("hours", "Mo off")]);
    assert_eq!(
        at(&mut shop, utc("2026-11-20", 11, 0)).1,
        "closed, and no opening within a year"
    );
    assert_eq!(
        shop.request("status").unwrap(),
        "closed, and no opening within a year"
    );
    shop.set("hours", "24/7");
    assert_eq!(shop.request("status").unwrap(), "open");
    assert!(shop.request("dance").is_err());
}

/// What the wall's clock shows, found the slow way: hour by hour, with the change of each year given by hand.
fn wall_minutes(at: i64, summers: &[(i64, i64)]) -> i64 {
    let is_summer = summers
        .iter()
        .any(|(begin, end)| (*begin..*end).contains(&at));
    at / 60 + if is_summer { 120 } else { 60 }
}

/// The rule of `hours`, said another way: which weekday (Thursday is 0) and which minute of it.
type Rule = fn(weekday: i64, minute: i64) -> bool;

#[test]
fn every_minute_of_a_year_with_its_changes_of_time_is_as_the_rules_say() {
    let summers = [(utc("2026-03-29", 1, 0), utc("2026-10-25", 1, 0))];
    let rules: [(&str, Rule); 3] = [
        (WEEK, |weekday, minute| match weekday {
            0 | 1 | 4 | 5 | 6 => (420..1_140).contains(&minute),
            2 => (540..780).contains(&minute),
            _ => false,
        }),
        // Open in the very hour that is missing in March and comes twice in October.
        ("Su 02:00-03:00", |weekday, minute| {
            weekday == 3 && (120..180).contains(&minute)
        }),
        ("Sa 23:30-02:30", |weekday, minute| {
            (weekday == 2 && minute >= 1_410) || (weekday == 3 && minute < 150)
        }),
    ];
    for (hours, is_open) in rules {
        let hours = Hours::parse(hours).unwrap();
        let holidays = Holidays::default();
        let zone = Zone::parse(CENTRAL_EUROPE).unwrap();
        let schedule = Schedule {
            hours: &hours,
            holidays: &holidays,
            zone: &zone,
        };
        let (first, last) = (utc("2026-01-01", 0, 0), utc("2027-01-01", 0, 0));
        // Backwards, so that the next opening is always known from what has been seen.
        let mut next_opening = None;
        let mut later_is_open = false;
        for at in (first / 60..last / 60).rev().map(|minute| minute * 60) {
            let wall = wall_minutes(at, &summers);
            let expected = is_open(wall.div_euclid(1_440) % 7, wall.rem_euclid(1_440));
            assert_eq!(schedule.is_open(at), expected, "{at}");
            if later_is_open && !expected {
                next_opening = Some(at + 60);
            }
            // Asked at some minutes only: each search costs a walk over the days.
            if !expected
                && at % 2_220 == 0
                && let Some(opening) = next_opening
            {
                assert_eq!(schedule.next_opening(at), Some(opening), "{at}");
            }
            later_is_open = expected;
        }
    }
}

#[test]
fn opening_that_falls_into_the_missing_hour_is_when_the_clock_has_jumped() {
    // Open from 02:30 to 04:00; on 2026-03-29 the wall jumps from 02:00 to 03:00.
    let mut shop = Shop::new(&[("hours", "Su 02:30-04:00")]);
    assert_eq!(
        at(&mut shop, utc("2026-03-29", 0, 59)).1,
        "closed; opens Su 2026-03-29 03:00"
    );
    assert_eq!(
        at(&mut shop, utc("2026-03-29", 1, 0)).0,
        Decision::NoOpinion
    );
    // Open only in the missing hour: not at all that day.
    shop.set("hours", "Su 02:00-03:00");
    assert_eq!(
        at(&mut shop, utc("2026-03-29", 0, 59)).1,
        "closed; opens Su 2026-04-05 02:00"
    );
    // The hour that comes twice is open twice.
    for hour in [0, 1] {
        assert_eq!(
            at(&mut shop, utc("2026-10-25", hour, 30)).0,
            Decision::NoOpinion
        );
    }
    assert_eq!(at(&mut shop, utc("2026-10-25", 2, 0)).0, Decision::Invalid);
}

#[test]
fn nobody_is_ever_accepted() {
    for hours in ["24/7", WEEK, "nonsense"] {
        let mut shop = Shop::new(&[("hours", hours)]);
        never_accepts(&mut shop, &[CARD]);
        for wall in [
            i64::MIN,
            -1,
            0,
            utc("2026-11-20", 11, 0) * 1_000,
            253_402_300_799_999,
            i64::MAX,
        ] {
            shop.wall = Some(Timestamp::from_unix_millis(wall));
            let mut late = question(TokenKind::Rfid, CARD);
            late.stage = Stage::Unanswered;
            assert_ne!(shop.decide(late), Decision::Accepted);
        }
    }
}
