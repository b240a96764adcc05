//! Composite schedules against the schema that an independent peer validates with.
//!
//! Skipped, with a printed reason, where the peer's package is not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;
mod smart_charging_support;

use common::schema::{load, schemas_dir};
use ocpp::v16::{GetCompositeScheduleRequest, Response, decode_response};
use serde_json::Value;
use smart_charging_support::*;

#[test]
fn every_answer_to_get_composite_schedule_keeps_to_the_schema() {
    let Some(dir) = schemas_dir("every_answer_to_get_composite_schedule_keeps_to_the_schema")
    else {
        return;
    };
    let schemas = load(&dir);
    let schema = schemas
        .iter()
        .find(|schema| schema.action == "GetCompositeSchedule" && !schema.is_request)
        .unwrap();
    let validator = jsonschema::validator_for(&schema.root).unwrap();

    let mut store = charging();
    let odd = profile(1, Tx, 0, &[(0, 11_111), (7, 0), (9, 4_141), (11, 1)]).in_watts();
    set(&mut store, moment(0), 1, odd.on_phases(1)).unwrap();
    let nightly = profile(2, Default, 0, &[(0, 16), (60, 7)]).daily(at(MORNING));
    set(&mut store, moment(0), 0, nightly.min_rate(61)).unwrap();
    set(
        &mut store,
        moment(0),
        0,
        profile(3, Max, 0, &[(0, 20), (30, 13)]),
    )
    .unwrap();
    let site = site();
    for now in [moment(3), timeless(3)] {
        let plan = store.plan(now, &site);
        for connector_id in [-1, 0, 1, 2, 3] {
            for duration in [-1, 0, 1, 400, 86_400, i64::MAX] {
                for charging_rate_unit in [None, Some(Amperes), Some(Watts)] {
                    let answer = plan.answer(&GetCompositeScheduleRequest {
                        connector_id,
                        duration,
                        charging_rate_unit,
                    });
                    let answer = Response::from(answer);
                    // Through text, as the peer gets it.
                    let text = answer.to_payload().to_string();
                    let payload: Value = serde_json::from_str(&text).unwrap();
                    assert!(validator.is_valid(&payload), "{text}");
                    let again = decode_response("GetCompositeSchedule", &payload);
                    assert_eq!(again.unwrap(), answer);
                }
            }
        }
    }
}
