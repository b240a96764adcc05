//! The central-system half brings the charge point's local list in step.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::bench::{Bench, config, tag};
use common::model::ModelChargePoint;
use ocpp::limits::{CSMS_LIST_ENTRIES_MAX, CSMS_LIST_MESSAGE_ENTRIES_MAX, CSMS_LIST_REFUSALS_MAX};
use ocpp::rpc::Frame;
use ocpp::v16::csms::{Csms, CsmsEvent, ListEntries, ListFailure, ListTooLong};
use ocpp::v16::{
    AuthorizationStatus, IdTagInfo, IdToken, SendLocalListRequest, UpdateStatus, UpdateType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use units::{Instant, Timestamp};

fn entries(tags: &[&str]) -> ListEntries {
    tags.iter()
        .map(|text| (tag(text), IdTagInfo::new(AuthorizationStatus::Accepted)))
        .collect()
}

fn model() -> ModelChargePoint {
    ModelChargePoint {
        list_limit: 100,
        ..ModelChargePoint::default()
    }
}

struct Run {
    bench: Bench,
    charge_point: ModelChargePoint,
}

impl Run {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            charge_point: model(),
        }
    }

    fn sync(&mut self, tags: &[&str]) -> (Vec<String>, CsmsEvent) {
        self.bench.csms.want_local_list(entries(tags)).unwrap();
        self.bench.csms.sync_local_list(self.bench.now).unwrap();
        self.serve()
    }

    /// Lets the charge point answer everything; the calls in short, and the last event.
    fn serve(&mut self) -> (Vec<String>, CsmsEvent) {
        let mut seen = Vec::new();
        while let Some(call) = self.bench.frame() {
            let (action, payload) = (call[2].as_str().unwrap(), &call[3]);
            seen.push(short(action, payload));
            let result = self.charge_point.act(action, payload);
            let text = json!([3, call[1], result]).to_string();
            self.bench.csms.handle_frame(self.bench.now, &text);
        }
        (seen, self.bench.events().pop().unwrap())
    }
}

fn short(action: &str, payload: &Value) -> String {
    if action != "SendLocalList" {
        return action.to_owned();
    }
    let list = payload["localAuthorizationList"].as_array().unwrap();
    let entries: Vec<String> = list
        .iter()
        .map(|entry| {
            let sign = if entry.get("idTagInfo").is_some() {
                '+'
            } else {
                '-'
            };
            format!("{sign}{}", entry["idTag"].as_str().unwrap())
        })
        .collect();
    let (kind, version) = (
        payload["updateType"].as_str().unwrap(),
        &payload["listVersion"],
    );
    format!("{kind} {version} {}", entries.join(" "))
}

#[test]
fn an_empty_charge_point_gets_the_list_and_later_only_what_changed() {
    let mut run = Run::new();
    let (seen, last) = run.sync(&["A", "B"]);
    assert_eq!(seen, ["GetLocalListVersion", "Differential 1 +A +B"]);
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 1 });
    assert!(run.bench.csms.local_list().is_in_step());
    let (seen, last) = run.sync(&["B", "C"]);
    assert_eq!(seen, ["Differential 2 -A +C"]);
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 2 });
    let (seen, last) = run.sync(&["C", "B"]);
    assert_eq!(seen, [] as [&str; 0]);
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 2 });
    let (seen, _) = run.sync(&[]);
    assert_eq!(seen, ["Differential 3 -B -C"]);
    assert!(run.charge_point.list.is_empty());
}

#[test]
fn a_list_of_somebody_else_is_replaced_in_full() {
    let mut run = Run::new();
    run.charge_point.list = list_of("OLD");
    run.charge_point.list_version = 41;
    let (seen, last) = run.sync(&["A"]);
    assert_eq!(seen, ["GetLocalListVersion", "Full 42 +A"]);
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 42 });
    let left: Vec<&String> = run.charge_point.list.keys().collect();
    assert_eq!(left, ["A"]);
}

fn list_of(id_tag: &str) -> BTreeMap<String, Value> {
    [(id_tag.to_owned(), json!({ "status": "Accepted" }))].into()
}

#[test]
fn a_version_mismatch_is_answered_with_the_full_list_above_the_version_asked_for() {
    let mut run = Run::new();
    run.sync(&["A", "B"]);
    // Somebody else writes past us.
    run.charge_point.list = list_of("X");
    run.charge_point.list_version = 9;
    let (seen, last) = run.sync(&["A", "B", "C"]);
    assert_eq!(
        seen,
        [
            "Differential 2 +C",
            "GetLocalListVersion",
            "Full 10 +A +B +C"
        ]
    );
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 10 });
    assert_eq!(run.charge_point.list.len(), 3);
}

#[test]
fn a_long_list_goes_out_in_parts_no_longer_than_either_side_allows() {
    let mut run = Run::new();
    run.bench.csms.config_mut().list_message_entries = 3;
    let (seen, _) = run.sync(&["A", "B", "C", "D"]);
    assert_eq!(
        seen,
        [
            "GetLocalListVersion",
            "Differential 1 +A +B +C",
            "Differential 2 +D"
        ]
    );
    let csms = &mut run.bench.csms;
    csms.get_configuration(run.bench.now, &["SendLocalListMaxLength"])
        .unwrap();
    run.bench.serve(json!({ "configurationKey": [
        { "key": "SendLocalListMaxLength", "readonly": true, "value": "2" },
        { "key": "LocalAuthListMaxLength", "readonly": true, "value": "6" } ] }));
    let (seen, last) = run.sync(&["E", "F", "G"]);
    assert_eq!(
        seen,
        [
            "Differential 3 -A -B",
            "Differential 4 -C -D",
            "Differential 5 +E +F",
            "Differential 6 +G"
        ]
    );
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 6 });
    let (seen, last) = run.sync(&["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(seen, [] as [&str; 0]);
    let too_long = ListFailure::TooLong { limit: 6 };
    assert_eq!(last, CsmsEvent::LocalListFailed(too_long));
}

#[test]
fn a_list_that_is_refused_again_and_again_is_given_up() {
    let mut run = Run::new();
    run.charge_point.list_limit = 1;
    let (seen, last) = run.sync(&["A", "B"]);
    assert_eq!(
        seen,
        [
            "GetLocalListVersion",
            "Differential 1 +A +B",
            "Full 1 +A +B",
            "Full 1 +A +B"
        ]
    );
    assert_eq!(seen.len(), 1 + usize::from(CSMS_LIST_REFUSALS_MAX));
    let refused = ListFailure::Refused(UpdateStatus::Failed);
    assert_eq!(last, CsmsEvent::LocalListFailed(refused));
    run.charge_point.list_limit = 9;
    let (_, last) = run.sync(&["A", "B"]);
    assert!(matches!(last, CsmsEvent::LocalListInStep { .. }));
}

#[test]
fn a_charge_point_without_lists_is_left_alone_however_it_says_so() {
    let failed = CsmsEvent::LocalListFailed(ListFailure::NotSupported);
    let begin = || {
        let mut bench = Bench::new();
        bench.csms.want_local_list(entries(&["A"])).unwrap();
        bench.csms.sync_local_list(bench.now).unwrap();
        bench
    };
    let mut bench = begin();
    bench.serve(json!({ "listVersion": -1 }));
    assert_eq!(
        (bench.frame(), bench.events().pop()),
        (None, Some(failed.clone()))
    );
    let mut bench = begin();
    bench.refuse("NotSupported");
    assert_eq!(
        (bench.frame(), bench.events().pop()),
        (None, Some(failed.clone()))
    );
    let mut bench = begin();
    bench.serve(json!({ "listVersion": 0 }));
    bench.serve(json!({ "status": "NotSupported" }));
    assert_eq!((bench.frame(), bench.events().pop()), (None, Some(failed)));
}

#[test]
fn a_lost_answer_is_settled_by_the_version_at_the_next_try() {
    for arrived in [true, false] {
        let mut run = Run::new();
        run.sync(&["A"]);
        let csms = &mut run.bench.csms;
        csms.want_local_list(entries(&["A", "B"])).unwrap();
        csms.sync_local_list(run.bench.now).unwrap();
        let call = run.bench.swallow();
        if arrived {
            run.charge_point.act("SendLocalList", &call[3]);
        }
        let last = run.bench.events().pop().unwrap();
        assert_eq!(last, CsmsEvent::LocalListFailed(ListFailure::Unanswered));
        assert!(!run.bench.csms.local_list().is_in_step());
        let (seen, last) = run.sync(&["A", "B"]);
        if arrived {
            assert_eq!(seen, ["GetLocalListVersion"]);
        } else {
            assert_eq!(seen, ["GetLocalListVersion", "Differential 2 +B"]);
        }
        assert_eq!(last, CsmsEvent::LocalListInStep { version: 2 });
    }
}

#[test]
fn a_list_sent_past_the_book_is_noticed() {
    let mut run = Run::new();
    run.sync(&["A"]);
    let request = SendLocalListRequest {
        list_version: 2,
        local_authorization_list: Some(Vec::new()),
        update_type: UpdateType::Full,
    };
    run.bench.csms.call(run.bench.now, request).unwrap();
    run.serve();
    assert!(!run.bench.csms.local_list().is_in_step());
    let (seen, _) = run.sync(&["A"]);
    assert_eq!(seen, ["GetLocalListVersion", "Differential 3 +A"]);
}

#[test]
fn after_a_restart_of_the_owner_the_list_is_confirmed_by_its_version() {
    let mut run = Run::new();
    run.sync(&["A"]);
    let wall = Timestamp::from_unix_millis(common::bench::WALL);
    let memory = run.bench.csms.memory();
    let csms = Csms::with_memory(config(), Instant::ZERO, wall, memory);
    assert!(!csms.local_list().is_in_step());
    run.bench = Bench::on(csms);
    let (seen, last) = run.sync(&["A"]);
    assert_eq!(seen, ["GetLocalListVersion"]);
    assert_eq!(last, CsmsEvent::LocalListInStep { version: 1 });
}

#[test]
fn a_second_start_while_it_is_under_way_changes_nothing() {
    let mut run = Run::new();
    run.bench.csms.want_local_list(entries(&["A"])).unwrap();
    run.bench.csms.sync_local_list(run.bench.now).unwrap();
    assert!(run.bench.csms.local_list().is_under_way());
    // What is wanted may change meanwhile.
    let (seen, _) = run.sync(&["B"]);
    assert_eq!(seen, ["GetLocalListVersion", "Differential 1 +B"]);
}

#[test]
fn the_highest_version_is_followed_by_a_full_list_with_version_1() {
    let mut run = Run::new();
    run.charge_point.list = list_of("OLD");
    run.charge_point.list_version = i64::from(i32::MAX);
    let (seen, _) = run.sync(&["A"]);
    assert_eq!(seen, ["GetLocalListVersion", "Full 1 +A"]);
}

#[test]
fn the_longest_part_fits_a_frame_and_a_longer_list_is_refused() {
    // Six bytes each when written as JSON.
    let id_tag = |n: usize| IdToken::new(format!("{}{n:05}", "\u{1}".repeat(15))).unwrap();
    let info = IdTagInfo {
        expiry_date: Some(Timestamp::from_unix_millis(0)),
        parent_id_tag: Some(IdToken::new("\u{1}".repeat(20)).unwrap()),
        status: AuthorizationStatus::ConcurrentTx,
    };
    let list = |n: usize| (0..n).map(|n| (id_tag(n), info.clone())).collect();
    let mut bench = Bench::new();
    let too_long = bench.csms.want_local_list(list(CSMS_LIST_ENTRIES_MAX + 1));
    assert_eq!(
        too_long,
        Err(ListTooLong {
            limit: CSMS_LIST_ENTRIES_MAX
        })
    );
    bench.csms.want_local_list(list(1_500)).unwrap();
    bench.csms.sync_local_list(bench.now).unwrap();
    bench.serve(json!({ "listVersion": 7 }));
    let text = bench.csms.poll_frame().unwrap();
    let Frame::Call { payload, .. } = Frame::parse(&text).unwrap() else {
        panic!()
    };
    let sent = payload["localAuthorizationList"].as_array().unwrap().len();
    assert_eq!(sent, CSMS_LIST_MESSAGE_ENTRIES_MAX);
}
