//! The central-system half against a charge point that keeps to the standard, over a link that loses what it likes.
//!
//! Whatever is lost: what the books call certain is so, nothing the charge point has is missing from them, and once
//! the link is good again the local list comes in step. Sessions are begun, ended and billed once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod common;

use common::bench::{Bench, WALL, config, profile, tag};
use common::model::ModelChargePoint;
use ocpp::rpc::MessageId;
use ocpp::v16::csms::{Csms, CsmsEvent, ListEntries, ReservationState};
use ocpp::v16::{
    Action, AuthorizationStatus, ChargingProfilePurpose, ClearChargingProfileRequest, IdTagInfo,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use units::{Instant, Timestamp};

const CASES: u32 = 256;

/// What becomes of one call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    /// The charge point acts, its answer is lost.
    AnswerLost,
    /// The charge point acts, its answer comes too late.
    AnswerLate,
    /// The charge point never sees it.
    CallLost,
    /// The charge point answers with an error and does nothing.
    Error,
    /// The connection goes after the charge point acted.
    Disconnected,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Answered),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::AnswerLate),
        1 => Just(Fate::CallLost),
        1 => Just(Fate::Error),
        1 => Just(Fate::Disconnected),
    ]
}

#[derive(Debug, Clone)]
enum Op {
    Install {
        connector: i64,
        id: i64,
        level: i64,
    },
    Clear {
        id: Option<i64>,
        connector: Option<i64>,
        level: Option<i64>,
    },
    Reserve,
    Cancel(i64),
    /// Bit n: the n-th card is wanted.
    Want(u8),
    Sync,
    /// Somebody else writes the charge point's list.
    Meddle(u8),
    /// The owner restarts with its memory.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_i64..3, 0_i64..5, 0_i64..3)
            .prop_map(|(connector, id, level)| Op::Install { connector, id, level }),
        2 => (
            proptest::option::of(0_i64..5),
            proptest::option::of(0_i64..3),
            proptest::option::of(0_i64..3),
        )
            .prop_map(|(id, connector, level)| Op::Clear { id, connector, level }),
        2 => Just(Op::Reserve),
        2 => (1_i64..8).prop_map(Op::Cancel),
        2 => any::<u8>().prop_map(Op::Want),
        3 => Just(Op::Sync),
        1 => any::<u8>().prop_map(Op::Meddle),
        1 => Just(Op::Restart),
    ]
}

struct World {
    bench: Bench,
    charge_point: ModelChargePoint,
    fates: Vec<Fate>,
    late: Option<String>,
}

fn cards(bits: u8) -> ListEntries {
    (0..8)
        .filter(|n| bits & (1 << n) != 0)
        .map(|n| {
            let info = IdTagInfo::new(AuthorizationStatus::Accepted);
            (tag(&format!("CARD-{n}")), info)
        })
        .collect()
}

impl World {
    fn new(fates: Vec<Fate>) -> Self {
        let mut config = config();
        config.list_message_entries = 3;
        Self {
            bench: Bench::with(config),
            charge_point: ModelChargePoint {
                list_limit: 8,
                ..ModelChargePoint::default()
            },
            fates,
            late: None,
        }
    }

    fn apply(&mut self, op: &Op) {
        let (csms, now) = (&mut self.bench.csms, self.bench.now);
        match op {
            Op::Install {
                connector,
                id,
                level,
            } => {
                let purpose = ChargingProfilePurpose::TxDefaultProfile;
                let entry = profile(*id, purpose, *level);
                csms.set_charging_profile(now, *connector, entry).unwrap();
            }
            Op::Clear {
                id,
                connector,
                level,
            } => {
                let named = ClearChargingProfileRequest {
                    id: *id,
                    connector_id: *connector,
                    charging_profile_purpose: None,
                    stack_level: *level,
                };
                csms.clear_charging_profiles(now, named).unwrap();
            }
            Op::Reserve => {
                let far = Timestamp::from_unix_millis(WALL * 2);
                csms.reserve(now, 1, tag("CARD-1"), None, far).unwrap();
            }
            Op::Cancel(id) => {
                csms.cancel_reservation(now, *id).unwrap();
            }
            Op::Want(bits) => csms.want_local_list(cards(*bits)).unwrap(),
            Op::Sync => csms.sync_local_list(now).unwrap(),
            Op::Meddle(bits) => {
                let entries = cards(*bits);
                // One that writes in full, above every version in use.
                self.charge_point.list_version += 100;
                self.charge_point.list = entries
                    .keys()
                    .map(|id_tag| (id_tag.as_str().to_owned(), json!({ "status": "Blocked" })))
                    .collect();
                // The book cannot know; it is told by nobody.
                self.bench.csms.get_local_list_version(now).unwrap();
            }
            Op::Restart => {
                let mut config = config();
                config.list_message_entries = 3;
                config.id_prefix = format!("r{}-", self.bench.now.as_millis());
                let wall = self.bench.csms.wall(now);
                let memory = self.bench.csms.memory();
                self.bench.csms = Csms::with_memory(config, now, wall, memory);
            }
        }
        self.drain();
    }

    /// Lets every call meet its fate.
    fn drain(&mut self) {
        while let Some(call) = self.bench.frame() {
            if let Some(late) = self.late.take() {
                self.bench.csms.handle_frame(self.bench.now, &late);
            }
            let (action, payload) = (call[2].as_str().unwrap().to_owned(), call[3].clone());
            // Only the book of whoever meddles would know; so that call always comes through.
            let fate = if action == "GetLocalListVersion" {
                Fate::Answered
            } else {
                self.fates.pop().unwrap_or(Fate::Answered)
            };
            let mut result = || {
                let result = self.charge_point.act(&action, &payload);
                json!([3, call[1], result]).to_string()
            };
            match fate {
                Fate::Answered => {
                    let text = result();
                    self.bench.csms.handle_frame(self.bench.now, &text);
                }
                Fate::AnswerLost => {
                    result();
                    self.time_out();
                }
                Fate::AnswerLate => {
                    self.late = Some(result());
                    self.time_out();
                }
                Fate::CallLost => self.time_out(),
                Fate::Error => {
                    let text = json!([4, call[1], "InternalError", "", {}]).to_string();
                    self.bench.csms.handle_frame(self.bench.now, &text);
                }
                Fate::Disconnected => {
                    result();
                    self.bench.csms.handle_disconnected();
                }
            }
        }
        self.bench.events();
    }

    fn time_out(&mut self) {
        let due = self.bench.csms.poll_timeout().unwrap();
        self.bench.now = due;
        self.bench.csms.handle_timeout(due);
    }

    fn check(&self) -> Result<(), TestCaseError> {
        self.check_profiles()?;
        let book = self.bench.csms.reservations();
        for entry in book.reservations() {
            let there = self
                .charge_point
                .reservations
                .contains_key(&entry.reservation_id);
            prop_assert!(entry.state != ReservationState::Asked, "{:?}", entry);
            prop_assert!(there || entry.state == ReservationState::Doubtful);
        }
        for id in self.charge_point.reservations.keys() {
            prop_assert!(
                book.reservation(*id).is_some(),
                "reservation {} forgotten",
                id
            );
        }
        if self.bench.csms.local_list().is_in_step() {
            self.check_list()?;
        }
        Ok(())
    }

    fn check_profiles(&self) -> Result<(), TestCaseError> {
        let book: Vec<_> = self.bench.csms.profiles().profiles().collect();
        let there = |connector: i64, profile: &Value| {
            self.charge_point
                .profiles
                .values()
                .any(|entry| entry.0 == connector && entry.1 == *profile)
        };
        for entry in &book {
            let profile = serde_json::to_value(&entry.profile).unwrap();
            prop_assert!(!entry.certain || there(entry.connector_id, &profile));
        }
        for (connector, profile) in self.charge_point.profiles.values() {
            let known = book.iter().any(|entry| {
                entry.connector_id == *connector
                    && serde_json::to_value(&entry.profile).unwrap() == *profile
            });
            prop_assert!(known, "profile {} forgotten", profile);
        }
        Ok(())
    }

    fn check_list(&self) -> Result<(), TestCaseError> {
        let wanted: BTreeMap<String, Value> = self
            .bench
            .csms
            .local_list()
            .wanted()
            .iter()
            .map(|(id_tag, info)| {
                let info = serde_json::to_value(info).unwrap();
                (id_tag.as_str().to_owned(), info)
            })
            .collect();
        prop_assert_eq!(&wanted, &self.charge_point.list);
        Ok(())
    }
}

/// One message about transactions. Messages come in order, each as often as the link makes the station repeat it.
#[derive(Debug, Clone)]
struct Charge {
    connector: i64,
    card: u8,
    energy: u32,
    readings: u8,
    /// How often each message is sent; at least once.
    repeats: u8,
    /// The connection goes between two repetitions.
    reconnects: bool,
    /// The owner restarts after the start.
    restarts: bool,
    /// The stop is lost for good.
    stop_lost: bool,
}

fn charge() -> impl Strategy<Value = Charge> {
    (
        1_i64..4,
        0_u8..4,
        0_u32..50_000,
        0_u8..5,
        1_u8..4,
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(connector, card, energy, readings, repeats, flags)| Charge {
                connector,
                card,
                energy,
                readings,
                repeats,
                reconnects: flags[0],
                restarts: flags[1],
                stop_lost: flags[2],
            },
        )
}

fn send(bench: &mut Bench, charge: &Charge, action: &str, payload: &Value) -> Value {
    let first = bench.ask(action, payload.clone());
    for _ in 1..charge.repeats {
        if charge.reconnects {
            bench.csms.handle_disconnected();
        }
        let again = bench.ask(action, payload.clone());
        assert_eq!(
            again, first,
            "{action} was answered otherwise the second time"
        );
    }
    first
}

fn restart(bench: &mut Bench) {
    let wall = bench.csms.wall(bench.now);
    let memory = bench.csms.memory();
    bench.csms = Csms::with_memory(config(), bench.now, wall, memory);
}

fn minute(n: usize, part: usize) -> String {
    let at = n * 10 + part;
    format!("2026-03-01T{:02}:{:02}:00Z", 8 + at / 60, at % 60)
}

fn check_sessions(charges: &[Charge]) -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    bench.csms.config_mut().concurrent_use = ocpp::v16::csms::ConcurrentUse::Allowed;
    let mut ids = Vec::new();
    for (n, charge) in charges.iter().enumerate() {
        bench.csms.config_mut().concurrent_use = ocpp::v16::csms::ConcurrentUse::Allowed;
        let start = json!({ "connectorId": charge.connector, "idTag": format!("CARD-{}", charge.card),
                            "meterStart": n, "timestamp": minute(n, 0) });
        let id = send(&mut bench, charge, "StartTransaction", &start)["transactionId"]
            .as_i64()
            .unwrap();
        if charge.restarts {
            restart(&mut bench);
        }
        for reading in 0..charge.readings {
            let wh = n as u32 + u32::from(reading);
            let payload = json!({ "connectorId": charge.connector, "transactionId": id, "meterValue": [
                { "timestamp": minute(n, 1 + usize::from(reading)),
                  "sampledValue": [{ "value": wh.to_string() }] }] });
            send(&mut bench, charge, "MeterValues", &payload);
        }
        if !charge.stop_lost {
            let stop = json!({ "transactionId": id, "timestamp": minute(n, 9),
                               "meterStop": n as u32 + charge.energy });
            send(&mut bench, charge, "StopTransaction", &stop);
        }
        ids.push(id);
        bench.events();
    }
    let book = bench.csms.book();
    prop_assert_eq!(book.sessions().count(), charges.len());
    for (id, charge) in ids.iter().zip(charges) {
        let session = book.session(*id).unwrap();
        prop_assert_eq!(session.readings, u64::from(charge.readings));
        prop_assert_eq!(session.end.is_some(), !charge.stop_lost);
        if !charge.stop_lost {
            prop_assert_eq!(session.energy_wh(), i64::from(charge.energy));
        }
    }
    prop_assert_eq!(book.orphans().count(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_books_call_certain_is_so_and_nothing_is_forgotten(
        ops in vec(op(), 0..40),
        fates in vec(fate(), 0..80),
        wanted in any::<u8>(),
    ) {
        let mut world = World::new(fates);
        for op in &ops {
            world.apply(op);
            world.check()?;
        }
        // The link is good from here on.
        world.fates.clear();
        world.apply(&Op::Want(wanted));
        world.bench.csms.sync_local_list(world.bench.now).unwrap();
        while let Some(call) = world.bench.frame() {
            let result = world.charge_point.act(call[2].as_str().unwrap(), &call[3]);
            let text = json!([3, call[1], result]).to_string();
            world.bench.csms.handle_frame(world.bench.now, &text);
        }
        let last = world.bench.events().pop();
        prop_assert!(matches!(last, Some(CsmsEvent::LocalListInStep { .. })), "{:?}", last);
        world.check()?;
        world.check_list()?;
    }

    #[test]
    fn sessions_are_begun_ended_and_billed_once_however_often_they_are_told(charges in vec(charge(), 0..12)) {
        check_sessions(&charges)?;
    }
}

#[test]
fn a_call_that_ended_is_never_matched_again() {
    let mut bench = Bench::new();
    let id: MessageId = bench.csms.clear_cache(bench.now).unwrap();
    let call = bench.swallow();
    assert_eq!(call[2], Action::ClearCache.as_str());
    let text = json!([3, id.as_str(), { "status": "Accepted" }]).to_string();
    bench.events();
    bench.csms.handle_frame(Instant::NEVER, &text);
    assert!(matches!(
        bench.events().as_slice(),
        [CsmsEvent::StrayAnswer { .. }]
    ));
}
