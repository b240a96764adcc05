//! Local list, reservations, charging profiles, and a backend that is added in the middle of a session.

use super::*;
use crate::backend::{Limit, RunningTransaction};

/// One per kind that the adapter asked for since.
fn limits(host: &mut Host) -> Vec<(Option<u32>, Option<u32>, Option<u32>)> {
    let (limits, rest) = std::mem::take(&mut host.commands)
        .into_iter()
        .partition(|command| matches!(command, Command::Limit(_)));
    host.commands = rest;
    let told = |command| match command {
        Command::Limit(Limit {
            evse_id,
            max_current_ma,
            phases,
        }) => (evse_id, max_current_ma, phases),
        other => panic!("{other:?}"),
    };
    Vec::into_iter(limits).map(told).collect()
}

fn profile(id: i64, purpose: &str, kind: &str, limit: f64) -> Value {
    json!({
        "chargingProfileId": id, "stackLevel": 0, "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}, {"startPeriod": 60, "limit": 7.0}],
        },
    })
}

fn set(host: &mut Host, id: &str, connector: i64, profile: &Value) -> String {
    let payload = json!({"connectorId": connector, "csChargingProfiles": profile});
    host.call(id, "SetChargingProfile", &payload);
    host.taken_answer(id)[2]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn transaction_on(host: &mut Host, transaction: Option<u64>) {
    let status = ConnectorStatus {
        plugged: true,
        authorized: true,
        transaction,
        charging: ChargingState::Charging,
        at: moment(host.now),
        ..free(1)
    };
    host.give(Input::Connector(status));
}

#[test]
fn default_profile_becomes_a_ceiling_that_follows_its_schedule_from_the_start_of_the_transaction() {
    let mut host = Host::online(&[]);
    let default = profile(1, "TxDefaultProfile", "Relative", 16.0);
    assert_eq!(set(&mut host, "a", 1, &default), "Accepted");
    assert_eq!(limits(&mut host), [(Some(1), Some(16_000), None)]);
    host.wait(30_000);
    transaction_on(&mut host, Some(1));
    host.wait(59_999);
    assert_eq!(limits(&mut host), []);
    host.wait(1);
    assert_eq!(limits(&mut host), [(Some(1), Some(7_000), None)]);
    host.call("b", "ClearChargingProfile", &json!({"id": 1}));
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    assert_eq!(limits(&mut host), [(Some(1), None, None)]);
}

#[test]
fn profile_of_a_transaction_goes_with_it_and_profiles_survive_an_instance() {
    let mut host = Host::online(&[]);
    let own = profile(2, "TxProfile", "Relative", 10.0);
    assert_eq!(set(&mut host, "a", 1, &own), "Rejected", "nobody charges");
    transaction_on(&mut host, Some(1));
    assert_eq!(set(&mut host, "b", 1, &own), "Accepted");
    assert_eq!(limits(&mut host), [(Some(1), Some(10_000), None)]);
    host.replace(true);
    // The facts of this bench have no transaction: it ended meanwhile, and its profile went.
    assert_eq!(limits(&mut host), []);
    let mut absolute = profile(4, "ChargePointMaxProfile", "Absolute", 20.0);
    absolute["chargingSchedule"]["startSchedule"] = "2027-01-15T08:00:00Z".into();
    assert_eq!(set(&mut host, "d", 0, &absolute), "Accepted");
    let told = limits(&mut host);
    assert!(
        told.contains(&(None, Some(7_000), None)) || told.contains(&(None, Some(20_000), None)),
        "{told:?}"
    );
    host.replace(true);
    assert!(
        limits(&mut host)
            .iter()
            .any(|(evse, ceiling, _)| evse.is_none() && ceiling.is_some())
    );
}

#[test]
fn remote_start_brings_its_profile_to_the_transaction() {
    let mut host = Host::online(&[]);
    let start =
        |profile: Value| json!({"idTag": "ABC", "connectorId": 1, "chargingProfile": profile});
    host.call(
        "a",
        "RemoteStartTransaction",
        &start(profile(9, "TxDefaultProfile", "Relative", 8.0)),
    );
    assert_eq!(
        host.taken_answer("a")[2]["status"],
        "Rejected",
        "of another purpose"
    );
    host.call(
        "b",
        "RemoteStartTransaction",
        &start(profile(9, "TxProfile", "Relative", 8.0)),
    );
    host.outcome(OutcomeKind::Accepted);
    assert_eq!(host.taken_answer("b")[2]["status"], "Accepted");
    assert_eq!(limits(&mut host), []);
    transaction_on(&mut host, Some(1));
    assert_eq!(limits(&mut host), [(Some(1), Some(8_000), None)]);
    transaction_on(&mut host, None);
    assert_eq!(limits(&mut host), [(Some(1), None, None)]);
}

#[test]
fn composite_schedule_is_what_the_station_is_told() {
    let mut host = Host::online(&[]);
    set(
        &mut host,
        "a",
        1,
        &profile(1, "TxDefaultProfile", "Relative", 16.0),
    );
    let ask = json!({"connectorId": 1, "duration": 120, "chargingRateUnit": "A"});
    host.call("b", "GetCompositeSchedule", &ask);
    let answer = host.taken_answer("b")[2].clone();
    assert_eq!(answer["status"], "Accepted");
    let periods = answer["chargingSchedule"]["chargingSchedulePeriod"].clone();
    assert_eq!(periods[0]["limit"].as_f64(), Some(16.0));
    assert_eq!(periods[1]["startPeriod"], 60);
    assert_eq!(periods[1]["limit"].as_f64(), Some(7.0));
    host.call(
        "c",
        "GetCompositeSchedule",
        &json!({"connectorId": 9, "duration": 120}),
    );
    assert_eq!(host.taken_answer("c")[2]["status"], "Rejected");
}

#[test]
fn observers_backend_limits_nothing() {
    let mut host = Host::online(&[]);
    host.adapter.role = Role::Observer;
    assert_eq!(
        set(
            &mut host,
            "a",
            1,
            &profile(1, "TxDefaultProfile", "Relative", 6.0)
        ),
        "Rejected"
    );
    assert_eq!(limits(&mut host), []);
}

#[test]
fn reservation_is_asked_of_the_station_and_its_word_is_the_answer() {
    let mut host = Host::online(&[("id_token_format", "lower-reversed")]);
    let payload = json!({"connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "839b0e0a", "reservationId": -3});
    for (kind, word) in [
        (OutcomeKind::Accepted, "Accepted"),
        (OutcomeKind::Occupied, "Occupied"),
        (OutcomeKind::Faulted, "Faulted"),
        (OutcomeKind::Unavailable, "Unavailable"),
        (OutcomeKind::NotSupported, "Rejected"),
    ] {
        host.call(word, "ReserveNow", &payload);
        let asked = host.commands.iter().find_map(|command| match command {
            Command::Reserve(request) => Some(request.clone()),
            _ => None,
        });
        let asked = asked.unwrap();
        assert_eq!(
            asked.token.value.to_ascii_uppercase(),
            "0A0E9B83",
            "as the reader reads it"
        );
        host.give(Input::Outcome(Outcome {
            request_id: asked.request_id,
            kind,
            detail: String::new(),
        }));
        host.commands.clear();
        assert_eq!(host.taken_answer(word)[2]["status"], word);
    }
    host.call("no", "ReserveNow", &json!({"connectorId": 7, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "A", "reservationId": 1}));
    assert_eq!(host.taken_answer("no")[2]["status"], "Rejected");
    host.call("c", "CancelReservation", &json!({"reservationId": -3}));
    let cancelled = |command: &Command| matches!(command, Command::CancelReservation(r) if r.reservation == u32::MAX - 2);
    assert!(host.commands.iter().any(cancelled));
}

#[test]
fn listed_card_is_judged_by_the_list_when_nobody_can_be_asked() {
    let mut host = Host::online(&[]);
    let entry = |tag: &str, status: &str| json!({"idTag": tag, "idTagInfo": {"status": status}});
    let send = |list: Value| json!({"listVersion": 4, "updateType": "Full", "localAuthorizationList": list});
    host.call("v", "GetLocalListVersion", &json!({}));
    assert_eq!(host.taken_answer("v")[2]["listVersion"], 0);
    for (status, decision) in [
        ("Accepted", Decision::Accepted),
        ("Blocked", Decision::Blocked),
        ("Expired", Decision::Expired),
    ] {
        host.call(
            status,
            "SendLocalList",
            &send(json!([entry("0a0e9b83", status)])),
        );
        assert_eq!(host.taken_answer(status)[2]["status"], "Accepted");
        host.link_down();
        host.authorize(1);
        assert_eq!(host.verdict(), Some((1, decision)));
        host.replace(false);
        host.authorize(2);
        assert_eq!(
            host.verdict(),
            Some((2, decision)),
            "also in a new instance"
        );
        host.link_up();
        host.sent.clear();
        host.commands.clear();
    }
    host.call(
        "off",
        "ChangeConfiguration",
        &json!({"key": "LocalAuthListEnabled", "value": "false"}),
    );
    host.call("w", "GetLocalListVersion", &json!({}));
    assert_eq!(host.taken_answer("w")[2]["listVersion"], -1);
    host.call("x", "SendLocalList", &send(json!([])));
    assert_eq!(host.taken_answer("x")[2]["status"], "NotSupported");
    host.link_down();
    host.authorize(3);
    assert_eq!(host.verdict(), Some((3, Decision::NoOpinion)));
}

fn running(transaction: u64, start_seq: u64, silent: bool) -> RunningTransaction {
    RunningTransaction {
        transaction,
        evse_id: 1,
        connector_id: 1,
        token: card(),
        meter_start_wh: 500,
        started: moment(0),
        silent,
        start_seq,
    }
}

#[test]
fn backend_added_in_the_middle_hears_of_the_start_and_then_of_the_end() {
    let mut context = context(1, &Host::new().settings, &BTreeMap::new(), &[], 40, true);
    context.transactions = vec![
        running(7, 38, false),
        running(8, 39, true),
        running(9, 41, false),
    ];
    let mut host = Host::new();
    let (adapter, commands) = Ocpp16::start(moment(0), context);
    host.adapter = adapter;
    host.sent.clear();
    host.cursor = 40;
    host.execute(commands);
    host.answer_boot("Accepted", 300);
    host.answer_all_but("StartTransaction");
    let start = host.answer("StartTransaction", &start_answer(70, "Accepted"));
    assert_eq!(
        (&start["meterStart"], &start["connectorId"]),
        (&json!(500), &json!(1))
    );
    assert!(host.outbox.is_empty());
    assert!(
        !host.has_sent("StartTransaction"),
        "silent ones and those that come in the journal are not told"
    );
    host.ended(7);
    let stop = host.answer("StopTransaction", &json!({}));
    assert_eq!(stop["transactionId"], 70);
}

#[test]
fn start_that_was_refused_for_good_is_not_told_again_by_the_next_instance() {
    let mut host = Host::online(&[]);
    host.call(
        "a",
        "ChangeConfiguration",
        &json!({"key": "TransactionMessageAttempts", "value": "1"}),
    );
    host.sent.clear();
    host.started(7);
    let (id, _) = host.take("StartTransaction");
    host.give(Input::Frame(
        json!([4, id, "InternalError", "", {}]).to_string(),
    ));
    assert!(host.outbox.is_empty());
    let mut next = context(1, &host.settings, &host.store, &[], host.cursor, true);
    next.transactions = vec![running(7, 1, false)];
    let (adapter, commands) = Ocpp16::start(moment(host.now), next);
    host.adapter = adapter;
    host.execute(commands);
    assert!(host.outbox.is_empty());
    host.ended(7);
    assert!(
        host.store.keys().all(|key| !key.starts_with("tx/")),
        "and its mark goes with it"
    );
}
