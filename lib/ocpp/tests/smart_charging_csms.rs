//! Smart charging with both halves: our central system sets, asks and clears, and the store answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod smart_charging_support;

use ocpp::rpc::Frame;
use ocpp::v16::charging::ProfileStore;
use ocpp::v16::csms::{Csms, CsmsConfig};
use ocpp::v16::{
    ChargingProfileStatus, ClearChargingProfileRequest, ClearChargingProfileResponse,
    GetCompositeScheduleRequest, Request, Response, SetChargingProfileRequest,
    SetChargingProfileResponse, decode_request,
};
use smart_charging_support::*;
use units::Instant;

/// The charge point's side of the three messages, as an adapter would have it.
fn answer(store: &mut ProfileStore, request: Request) -> Response {
    let site = site();
    match request {
        Request::SetChargingProfile(request) => {
            let outcome = store.install(moment(1), &request);
            let status =
                outcome.map_or_else(|no| no.status(), |()| ChargingProfileStatus::Accepted);
            SetChargingProfileResponse { status }.into()
        }
        Request::ClearChargingProfile(request) => {
            let status = store.clear(&request);
            ClearChargingProfileResponse { status }.into()
        }
        Request::GetCompositeSchedule(request) => {
            store.plan(moment(1), &site).answer(&request).into()
        }
        other => panic!("{other:?}"),
    }
}

/// Sends a call from the central system to the store and the answer back.
fn exchange(csms: &mut Csms, store: &mut ProfileStore, request: impl Into<Request>) -> Response {
    csms.call(Instant::ZERO, request).unwrap();
    let Frame::Call {
        id,
        action,
        payload,
    } = Frame::parse(&csms.poll_frame().unwrap()).unwrap()
    else {
        panic!("not a call");
    };
    let response = answer(store, decode_request(&action, &payload).unwrap());
    let payload = response.to_payload();
    csms.handle_frame(Instant::ZERO, &Frame::CallResult { id, payload }.to_text());
    response
}

#[test]
fn what_the_central_system_believes_is_installed_is_what_the_charge_point_has() {
    let mut store = charging();
    let mut csms = Csms::new(CsmsConfig::accepting(300), Instant::ZERO, at(MORNING));
    let boot = r#"[2,"1","BootNotification",{"chargePointVendor":"P","chargePointModel":"T"}]"#;
    csms.handle_frame(Instant::ZERO, boot);
    csms.poll_frame().unwrap();
    for (connector_id, profile) in [
        (0, profile(1, Max, 0, &[(0, 20)])),
        (1, profile(2, Tx, 0, &[(0, 16), (60, 10)]).of(42)),
        (1, profile(3, Max, 0, &[(0, 16)])),
        (2, profile(4, Default, 5, &[(0, 16)])),
        (
            2,
            profile(5, Default, 5, &[(0, 8)])
                .daily(at(MORNING))
                .in_watts()
                .on_phases(1),
        ),
        (2, profile(6, Tx, 5, &[(0, 8)])),
    ] {
        let request = SetChargingProfileRequest {
            connector_id,
            cs_charging_profiles: profile,
        };
        exchange(&mut csms, &mut store, request);
    }
    let believed = |csms: &Csms| {
        let mut ids: Vec<_> = csms
            .profiles()
            .profiles()
            .map(|one| one.profile.charging_profile_id)
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&store), [1, 2, 5]);
    assert_eq!(believed(&csms), ids(&store));

    let ask = GetCompositeScheduleRequest {
        connector_id: 1,
        duration: 100,
        charging_rate_unit: None,
    };
    let Response::GetCompositeSchedule(schedule) = exchange(&mut csms, &mut store, ask) else {
        panic!("another answer");
    };
    let periods = schedule.charging_schedule.unwrap().charging_schedule_period;
    assert_eq!(periods.len(), 2);

    let clear = ClearChargingProfileRequest {
        id: None,
        connector_id: Some(2),
        charging_profile_purpose: None,
        stack_level: None,
    };
    exchange(&mut csms, &mut store, clear);
    assert_eq!(ids(&store), [1, 2]);
    assert_eq!(believed(&csms), ids(&store));
}
