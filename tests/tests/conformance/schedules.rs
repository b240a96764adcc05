//! Charging profiles as a composite schedule shows them. Cases 056 to 060, 066, 067, 072, 082; that the station keeps to
//! them is in `profiles.rs`, what each means in `docs/spec/smart-charging.md`.

use serde_json::{Value, json};

use crate::harness::{CARD, Case, Setup};
use crate::profiles::{expiry, offers, profile, set_profile};

/// A station that offers 6 A too; by itself it pauses below 7.
fn down_to_six() -> Case {
    Setup::default().setting("minimum_current_a", 6).start()
}

/// A profile on a level, with these periods (start, amperes), for so long.
fn stacked(id: i64, purpose: &str, level: i64, periods: &[(i64, f64)], duration: i64) -> Value {
    let mut stacked = profile(id, purpose, 0.0);
    stacked["stackLevel"] = level.into();
    let periods: Vec<Value> = periods
        .iter()
        .map(|(start, limit)| json!({"startPeriod": start, "limit": limit}))
        .collect();
    stacked["chargingSchedule"]["chargingSchedulePeriod"] = periods.into();
    stacked["chargingSchedule"]["duration"] = duration.into();
    stacked
}

/// The periods (start, amperes) of a composite schedule.
fn composite(case: &mut Case, connector: i64, duration: i64) -> Vec<(i64, f64)> {
    let ask = json!({"connectorId": connector, "duration": duration, "chargingRateUnit": "A"});
    let answer = case.ask("GetCompositeSchedule", ask);
    assert_eq!(answer["status"], "Accepted", "{answer}");
    assert_eq!(answer["connectorId"], connector);
    assert!(answer["scheduleStart"].is_string(), "{answer}");
    let schedule = &answer["chargingSchedule"];
    assert_eq!(schedule["chargingRateUnit"], "A");
    let periods = schedule["chargingSchedulePeriod"].as_array().unwrap();
    let number = |period: &Value| {
        let start = period["startPeriod"].as_i64().unwrap();
        (start, period["limit"].as_f64().unwrap())
    };
    periods.iter().map(number).collect()
}

/// The schedules began when the transaction did, up to half a minute before anybody asked.
fn is_shifted(told: &[(i64, f64)], expected: &[(i64, f64)]) {
    let limits = |periods: &[(i64, f64)]| periods.iter().map(|p| p.1).collect::<Vec<_>>();
    assert_eq!(limits(told), limits(expected), "{told:?}, not {expected:?}");
    assert_eq!(told[0].0, 0);
    let shift = expected.get(1).map_or(0, |second| second.0 - told[1].0);
    assert!((0..30).contains(&shift), "{told:?}, not {expected:?}");
    for (told, expected) in told.iter().zip(expected).skip(1) {
        assert_eq!(told.0, expected.0 - shift, "{told:?}, not {expected:?}");
    }
}

#[test]
fn tc_056_default_profile_shows_in_the_composite_schedule() {
    let mut case = down_to_six();
    let default = stacked(56, "TxDefaultProfile", 0, &[(0, 6.0), (120, 10.0)], 300);
    assert_eq!(set_profile(&mut case, 1, &default), "Accepted");
    case.charging(1);
    is_shifted(&composite(&mut case, 1, 240), &[(0, 6.0), (120, 10.0)]);
    offers(&case, 6_000);
}

#[test]
fn tc_057_profile_of_the_transaction_shows_in_the_composite_schedule() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    let mut own = stacked(57, "TxProfile", 0, &[(0, 8.0), (120, 11.0)], 300);
    own["transactionId"] = transaction.into();
    assert_eq!(set_profile(&mut case, 1, &own), "Accepted");
    is_shifted(&composite(&mut case, 1, 240), &[(0, 8.0), (120, 11.0)]);
    offers(&case, 8_000);
}

#[test]
fn tc_058_1_profile_of_a_transaction_without_one() {
    let mut case = Setup::default().start();
    let mut own = profile(58, "TxProfile", 8.0);
    assert_eq!(set_profile(&mut case, 1, &own), "Rejected");
    own["transactionId"] = 1.into();
    assert_eq!(set_profile(&mut case, 1, &own), "Rejected");
}

#[test]
fn tc_058_2_profile_of_another_transaction() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    let mut own = profile(58, "TxProfile", 8.0);
    own["transactionId"] = (transaction + 1).into();
    assert_eq!(set_profile(&mut case, 1, &own), "Rejected");
    offers(&case, 32_000);
}

#[test]
fn tc_060_remote_start_with_a_profile_of_another_purpose() {
    let mut case = Setup::default().start();
    for purpose in ["TxDefaultProfile", "ChargePointMaxProfile"] {
        let payload = json!({
            "connectorId": 1, "idTag": case.tag(CARD), "chargingProfile": profile(60, purpose, 9.0),
        });
        case.ask_for("RemoteStartTransaction", payload, "Rejected");
    }
    case.station.plug_in(1);
    case.no_call("StartTransaction");
}

#[test]
fn tc_066_composite_schedule_is_the_lowest_of_all_purposes() {
    let mut case = down_to_six();
    let number = |text: String| text.parse::<u32>().unwrap();
    assert!(number(case.configured("MaxChargingProfilesInstalled")) >= 3);
    assert!(number(case.configured("ChargingScheduleMaxPeriods")) >= 5);
    let ceiling = profile(1, "ChargePointMaxProfile", 10.0);
    assert_eq!(set_profile(&mut case, 0, &ceiling), "Accepted");
    let default = [(0, 6.0), (60, 10.0), (120, 8.0), (180, 25.0), (260, 8.0)];
    let default = stacked(2, "TxDefaultProfile", 0, &default, 300);
    assert_eq!(set_profile(&mut case, 1, &default), "Accepted");
    let (_, transaction) = case.charging(1);
    let own = [(0, 8.0), (50, 11.0), (140, 16.0), (200, 6.0), (240, 12.0)];
    let mut own = stacked(3, "TxProfile", 0, &own, 260);
    own["transactionId"] = transaction.into();
    assert_eq!(set_profile(&mut case, 1, &own), "Accepted");
    let lowest = [
        (0, 8.0),
        (50, 10.0),
        (200, 6.0),
        (240, 10.0),
        (260, 8.0),
        (300, 10.0),
    ];
    is_shifted(&composite(&mut case, 1, 400), &lowest);
}

#[test]
fn tc_067_profiles_are_cleared_by_what_they_are() {
    let mut case = Setup::default().start();
    let fill = |case: &mut Case| {
        for (id, level, limit) in [(1, 0, 7.0), (2, 1, 9.0)] {
            let default = stacked(id, "TxDefaultProfile", level, &[(0, limit)], 86_400);
            assert_eq!(set_profile(case, 1, &default), "Accepted");
        }
    };
    let now = |case: &mut Case| composite(case, 1, 60)[0].1;
    fill(&mut case);
    assert_eq!(now(&mut case), 9.0, "the higher level wins");
    let level = json!({
        "connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1,
    });
    case.ask_for("ClearChargingProfile", level.clone(), "Accepted");
    assert_eq!(now(&mut case), 7.0);
    case.ask_for("ClearChargingProfile", level, "Unknown");
    case.ask_for("ClearChargingProfile", json!({"id": 1}), "Accepted");
    assert_eq!(now(&mut case), 32.0);
    fill(&mut case);
    case.ask_for("ClearChargingProfile", json!({}), "Accepted");
    assert_eq!(now(&mut case), 32.0);
    case.ask_for("ClearChargingProfile", json!({}), "Unknown");
}

#[test]
fn tc_072_higher_level_counts_until_it_is_over() {
    let mut case = Setup::default().start();
    let low = [(0, 6.0), (100, 8.0), (200, 10.0)];
    let low = stacked(1, "TxDefaultProfile", 0, &low, 400);
    let high = stacked(2, "TxDefaultProfile", 1, &[(0, 7.0), (100, 9.0)], 150);
    assert_eq!(set_profile(&mut case, 1, &low), "Accepted");
    assert_eq!(set_profile(&mut case, 1, &high), "Accepted");
    case.charging(1);
    is_shifted(
        &composite(&mut case, 1, 350),
        &[(0, 7.0), (100, 9.0), (150, 8.0), (200, 10.0)],
    );
    offers(&case, 7_000);
}

#[test]
fn tc_082_default_profile_counts_for_a_transaction_that_runs() {
    let mut case = down_to_six();
    case.charging(1);
    offers(&case, 32_000);
    let default = stacked(82, "TxDefaultProfile", 0, &[(0, 6.0), (120, 8.0)], 300);
    assert_eq!(set_profile(&mut case, 1, &default), "Accepted");
    is_shifted(&composite(&mut case, 1, 240), &[(0, 6.0), (120, 8.0)]);
    offers(&case, 6_000);
}

/// One profile that names its time, one that comes round every day, over a ceiling; and what the station then offers.
#[test]
fn absolute_and_recurring_schedules_are_combined() {
    let mut case = Setup::default().start();
    let mut absolute = stacked(1, "TxDefaultProfile", 1, &[(0, 7.0), (100, 9.0)], 200);
    absolute["chargingProfileKind"] = "Absolute".into();
    absolute["chargingSchedule"]["startSchedule"] = expiry(-50);
    let mut daily = stacked(2, "TxDefaultProfile", 0, &[(0, 12.0), (400, 14.0)], 3_600);
    daily["chargingProfileKind"] = "Recurring".into();
    daily["recurrencyKind"] = "Daily".into();
    // Three days and ten seconds ago.
    daily["chargingSchedule"]["startSchedule"] = expiry(-3 * 86_400 - 10);
    assert_eq!(set_profile(&mut case, 1, &absolute), "Accepted");
    assert_eq!(set_profile(&mut case, 1, &daily), "Accepted");
    // Absolute until 150 s from now; then the day's, from 390 s on at its second step.
    let expected = [(0, 7.0), (50, 9.0), (150, 12.0), (390, 14.0)];
    is_shifted(&composite(&mut case, 1, 500), &expected);
    case.charging(1);
    offers(&case, 7_000);
}

#[test]
fn composite_schedule_speaks_watts_when_asked() {
    let mut case = Setup::default().start();
    let ceiling = profile(1, "ChargePointMaxProfile", 10.0);
    assert_eq!(set_profile(&mut case, 0, &ceiling), "Accepted");
    let ask = json!({"connectorId": 1, "duration": 60, "chargingRateUnit": "W"});
    let answer = case.ask("GetCompositeSchedule", ask);
    let schedule = &answer["chargingSchedule"];
    assert_eq!(schedule["chargingRateUnit"], "W");
    // 10 A on three phases of 230 V.
    let limit = schedule["chargingSchedulePeriod"][0]["limit"].as_f64();
    assert_eq!(limit, Some(6_900.0), "{answer}");
}

/// A central system that manages load in two ways at once: with profiles, and with the limit that it sets as a key.
// acceptance: P179
#[test]
fn profile_and_limit_of_the_operator_hold_together() {
    let mut case = Setup::default().start();
    let default = profile(1, "TxDefaultProfile", 10.0);
    assert_eq!(set_profile(&mut case, 0, &default), "Accepted");
    case.charging(1);
    offers(&case, 10_000);
    case.configure("OperatorCurrentLimit", "8");
    offers(&case, 8_000);
    assert_eq!(composite(&mut case, 1, 60)[0].1, 8.0);
    case.configure("OperatorCurrentLimit", "16");
    offers(&case, 10_000);
    case.ask_for("ClearChargingProfile", json!({"id": 1}), "Accepted");
    offers(&case, 16_000);
}
