//! The journal survives, in order, once.

use plugin_host::{DurableFrame, StoreWrite};
use station::{
    EvseId, IdToken, PersistentEvse, PersistentTransaction, Requester, Reservation, StopReason,
    TokenKind, TransactionId,
};
use units::WattHours;

use super::*;

fn scratch(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("pilotwire-journal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("station.db")
}

fn ended(transaction: u64) -> JournalEvent {
    JournalEvent::TransactionEnded {
        transaction: TransactionId(transaction),
        evse: EvseId(1),
        token: None,
        meter_stop: WattHours::new(10),
        reason: StopReason::Local,
    }
}

fn entry(seq: u64, at: u64) -> (JournalSeq, Moment, JournalEvent) {
    (
        JournalSeq(seq),
        Moment {
            at: Instant::from_millis(at),
            wall: None,
        },
        ended(seq),
    )
}

#[test]
fn entries_come_back_in_order_after_an_abrupt_end() {
    let path = scratch("order");
    let mut store = open(&path).unwrap().store;
    store
        .commit_station(&[entry(1, 5), entry(2, 6)], None)
        .unwrap();
    // No close, no checkpoint: as a killed process leaves it.
    std::mem::forget(store);
    let store = open(&path).unwrap().store;
    let (seq, _, event) = store.entry_after(JournalSeq(0)).unwrap().unwrap();
    assert_eq!((seq, event), (JournalSeq(1), ended(1)));
    let (seq, _, event) = store.entry_after(seq).unwrap().unwrap();
    assert_eq!((seq, event), (JournalSeq(2), ended(2)));
    assert!(store.entry_after(seq).unwrap().is_none());
    assert_eq!(store.persistent_state().unwrap().next_journal, 3);
}

#[test]
fn time_that_was_unknown_is_filled_in_when_that_start_learns_it_later() {
    let path = scratch("time");
    let mut store = open(&path).unwrap().store;
    store.commit_station(&[entry(1, 500)], None).unwrap();
    assert_eq!(
        store.entry_after(JournalSeq(0)).unwrap().unwrap().1.wall,
        None
    );
    store.set_wall_offset(1_700_000_000_000).unwrap();
    let wall = store.entry_after(JournalSeq(0)).unwrap().unwrap().1.wall;
    assert_eq!(wall, Some(Timestamp::from_unix_millis(1_700_000_000_500)));
}

#[test]
fn entry_that_cannot_be_read_does_not_hold_up_those_behind_it() {
    let path = scratch("unreadable");
    let mut store = open(&path).unwrap().store;
    let entries = [entry(1, 1), entry(2, 2), entry(3, 3), entry(4, 4)];
    store.commit_station(&entries, None).unwrap();
    store
        .db
        .execute_batch(
            "UPDATE journal SET event = '{\"ended\": nothing' WHERE seq = 2;
             UPDATE journal SET event = x'ff00fe' WHERE seq = 3;",
        )
        .unwrap();
    let next = |seq| store.entry_after(JournalSeq(seq)).unwrap();
    assert_eq!(next(0).unwrap().0, JournalSeq(1));
    let (seq, _, event) = next(1).unwrap();
    assert_eq!((seq, event), (JournalSeq(4), ended(4)));
    store
        .db
        .execute("UPDATE journal SET event = '' WHERE seq = 4", [])
        .unwrap();
    assert!(store.entry_after(JournalSeq(1)).unwrap().is_none());
}

#[test]
fn cursor_outbox_and_store_change_together_or_not_at_all() {
    let path = scratch("together");
    let mut store = open(&path).unwrap().store;
    store.adapter_state("a").unwrap();
    let frame = |id: &str| DurableFrame {
        id: id.to_owned(),
        text: "[2]".to_owned(),
    };
    let write = StoreWrite {
        key: "k".to_owned(),
        value: Some(vec![1]),
    };
    let batch = AdapterBatch {
        advance: Some(JournalSeq(3)),
        store: vec![write.clone()],
        enqueue: vec![frame("m1")],
        dequeue: Vec::new(),
    };
    store.commit_adapter("a", &batch).unwrap();
    // The same id again must be refused, and then nothing of that call counts.
    let again = AdapterBatch {
        advance: Some(JournalSeq(9)),
        store: vec![],
        ..batch.clone()
    };
    assert!(store.commit_adapter("a", &again).is_err());
    let state = open(&path).unwrap().store.adapter_state("a").unwrap();
    assert_eq!(state.cursor, JournalSeq(3));
    assert_eq!(state.outbox, [frame("m1")]);
    assert_eq!(state.store.len(), 1);
    let confirm = AdapterBatch {
        dequeue: vec!["m1".to_owned()],
        store: vec![StoreWrite {
            value: None,
            ..write
        }],
        ..AdapterBatch::default()
    };
    store.commit_adapter("a", &confirm).unwrap();
    let state = store.adapter_state("a").unwrap();
    assert!(state.outbox.is_empty() && state.store.is_empty());
}

#[test]
fn cursor_never_goes_back_and_adapters_do_not_share_anything() {
    let path = scratch("cursor");
    let mut store = open(&path).unwrap().store;
    for seq in [5, 3] {
        let batch = AdapterBatch {
            advance: Some(JournalSeq(seq)),
            ..AdapterBatch::default()
        };
        store.commit_adapter("a", &batch).unwrap();
    }
    assert_eq!(store.cursor("a").unwrap(), Some(JournalSeq(5)));
    assert_eq!(store.cursor("b").unwrap(), None);
}

#[test]
fn entries_are_deleted_only_when_every_adapter_has_passed_them() {
    let path = scratch("prune");
    let mut store = open(&path).unwrap().store;
    store.adapter_state("a").unwrap();
    store.adapter_state("b").unwrap();
    store
        .commit_station(&[entry(1, 1), entry(2, 2), entry(3, 3)], None)
        .unwrap();
    let batch = AdapterBatch {
        advance: Some(JournalSeq(3)),
        ..AdapterBatch::default()
    };
    store.commit_adapter("a", &batch).unwrap();
    let both = ["a".to_owned(), "b".to_owned()];
    store.prune(&both).unwrap();
    assert_eq!(store.entries_after(JournalSeq(0)).unwrap(), 3);
    store.commit_adapter("b", &batch).unwrap();
    store.prune(&both).unwrap();
    assert_eq!(store.entries_after(JournalSeq(0)).unwrap(), 1);
    // Positions go on where they were, even with an empty journal.
    assert_eq!(store.persistent_state().unwrap().next_journal, 4);
}

#[test]
fn damaged_file_is_moved_aside_and_a_new_one_begins() {
    let path = scratch("damaged");
    std::fs::write(
        &path,
        b"this is no database, but it is long enough to look like one".repeat(20),
    )
    .unwrap();
    let opened = open(&path).unwrap();
    let aside = opened.moved_aside.unwrap();
    assert!(aside.exists() && aside != path);
    assert_eq!(opened.store.persistent_state().unwrap().next_transaction, 1);
}

#[test]
fn file_of_a_newer_program_is_refused_and_left_alone() {
    let path = scratch("newer");
    let store = open(&path).unwrap().store;
    store
        .db
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    drop(store);
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("newer program"), "{error}");
    assert!(path.exists());
}

#[test]
fn every_start_has_a_number_of_its_own() {
    let path = scratch("boots");
    let first = open(&path).unwrap().store.boot();
    assert_eq!(open(&path).unwrap().store.boot(), first + 1);
}

/// One thing that happens to the database.
#[derive(Debug, Clone)]
enum Step {
    /// The station writes this many entries.
    Write(u64),
    /// The adapter takes the next entry and keeps a frame for it.
    Take,
    /// The backend confirms the oldest frame.
    Confirm,
    /// The adapter wants to keep a frame whose id waits already, and to take more with it.
    Repeat,
    /// The adapter claims an older position.
    GoBack,
    /// Everything is dropped without a word, and a new start opens the file.
    Die,
    /// Old entries are deleted.
    Prune,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        (1_u64..4).prop_map(Step::Write),
        Just(Step::Take),
        Just(Step::Confirm),
        Just(Step::Repeat),
        Just(Step::GoBack),
        Just(Step::Die),
        Just(Step::Prune),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the database should hold, and the database.
struct Life {
    path: PathBuf,
    store: Store,
    written: u64,
    cursor: u64,
    outbox: Vec<String>,
}

impl Life {
    fn step(&mut self, step: &Step) {
        let frame = |id: String| DurableFrame {
            text: format!("frame {id}"),
            id,
        };
        match step {
            Step::Write(count) => {
                let entries: Vec<_> = (1..=*count).map(|n| entry(self.written + n, n)).collect();
                self.store.commit_station(&entries, None).unwrap();
                self.written += count;
            }
            Step::Take => {
                let next = self.store.entry_after(JournalSeq(self.cursor)).unwrap();
                let Some((seq, _, event)) = next else {
                    assert_eq!(self.cursor, self.written, "an entry is missing");
                    return;
                };
                assert_eq!((seq.0, event), (self.cursor + 1, ended(self.cursor + 1)));
                let batch = AdapterBatch {
                    advance: Some(seq),
                    enqueue: vec![frame(format!("m{}", seq.0))],
                    ..AdapterBatch::default()
                };
                self.store.commit_adapter("a", &batch).unwrap();
                self.cursor = seq.0;
                self.outbox.push(format!("m{}", seq.0));
            }
            Step::Confirm if self.outbox.is_empty() => {}
            Step::Confirm => {
                let batch = AdapterBatch {
                    dequeue: vec![self.outbox.remove(0)],
                    ..AdapterBatch::default()
                };
                self.store.commit_adapter("a", &batch).unwrap();
            }
            Step::Repeat => {
                let Some(id) = self.outbox.first() else {
                    return;
                };
                let batch = AdapterBatch {
                    advance: Some(JournalSeq(self.cursor + 1)),
                    enqueue: vec![frame("other".to_owned()), frame(id.clone())],
                    ..AdapterBatch::default()
                };
                assert!(self.store.commit_adapter("a", &batch).is_err());
            }
            Step::GoBack => {
                let batch = AdapterBatch {
                    advance: Some(JournalSeq(self.cursor.saturating_sub(1))),
                    ..AdapterBatch::default()
                };
                self.store.commit_adapter("a", &batch).unwrap();
            }
            Step::Die => {
                let next = open(&self.path).unwrap().store;
                std::mem::forget(std::mem::replace(&mut self.store, next));
            }
            Step::Prune => self.store.prune(&["a".to_owned()]).unwrap(),
        }
    }

    fn check(&mut self) {
        let state = self.store.adapter_state("a").unwrap();
        assert_eq!(state.cursor, JournalSeq(self.cursor));
        let kept: Vec<&str> = state.outbox.iter().map(|frame| frame.id.as_str()).collect();
        assert_eq!(kept, self.outbox);
        assert_eq!(
            self.store.persistent_state().unwrap().next_journal,
            self.written + 1
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn no_entry_is_lost_or_taken_twice_and_no_frame_id_waits_twice(steps in steps()) {
        let path = scratch("life");
        let mut store = open(&path).unwrap().store;
        store.adapter_state("a").unwrap();
        let mut life = Life { path, store, written: 0, cursor: 0, outbox: Vec::new() };
        for step in &steps {
            life.step(step);
            life.check();
        }
    }
}

/// A charge for free that the backend knows under another name, and at the next EVSE a cable that is to be pulled.
fn record() -> PersistentState {
    let token = |value: &str, kind| IdToken {
        value: value.to_owned(),
        kind,
    };
    let transaction = PersistentTransaction {
        transaction: TransactionId(7),
        token: token("04567DAA5F3580", TokenKind::Rfid),
        group: Some("FLEET".to_owned()),
        meter_start: WattHours::new(1_200),
        started: Moment {
            at: Instant::ZERO,
            wall: Some(Timestamp::from_unix_millis(1_700_000_000_000)),
        },
        free: true,
        silent: true,
        report_as: Some(token("GRATIS", TokenKind::Fixed)),
        remote_stop: false,
        token_stops: false,
        limit: None,
        unverified: true,
        refused_at: Some(WattHours::new(2_000)),
        stopped_by_user: true,
    };
    let evse = |number, finishing, transaction| PersistentEvse {
        evse: EvseId(number),
        operative: true,
        register: WattHours::new(1_500),
        finishing,
        transaction,
    };
    PersistentState {
        next_transaction: 8,
        next_journal: 9,
        evses: vec![evse(1, false, Some(transaction)), evse(2, true, None)],
        reservations: [
            (Requester::Local, None),
            (Requester::Adapter("backend-x".to_owned()), Some(EvseId(2))),
        ]
        .map(|(by, evse)| Reservation {
            id: 17,
            by,
            evse,
            token: token("0A0E9B83", TokenKind::Central),
            group: Some("family".to_owned()),
            expires: Timestamp::from_unix_millis(1_800_000_000_000),
        })
        .to_vec(),
    }
}

#[test]
fn record_for_a_restart_comes_back_as_it_was_written() {
    let path = scratch("record");
    let mut store = open(&path).unwrap().store;
    store.commit_station(&[], Some(&record())).unwrap();
    std::mem::forget(store);
    let mut read = open(&path).unwrap().store.persistent_state().unwrap();
    // This one follows from the entries.
    read.next_journal = record().next_journal;
    assert_eq!(read, record());
}

#[test]
fn record_of_the_first_version_means_a_usual_session_and_no_cable_to_be_pulled() {
    let mut written = encode::state(&record());
    assert!(
        written
            .as_object_mut()
            .unwrap()
            .remove("reservations")
            .is_some()
    );
    for evse in written["evses"].as_array_mut().unwrap() {
        evse.as_object_mut().unwrap().remove("finishing");
        let Some(transaction) = evse["transaction"].as_object_mut() else {
            continue;
        };
        for key in NEW_IN_TRANSACTIONS {
            assert!(transaction.remove(key).is_some(), "{key}");
        }
    }
    let read = encode::parse_state(&written.to_string()).unwrap();
    assert!(read.evses.iter().all(|evse| !evse.finishing));
    let transaction = read.evses[0].transaction.clone().unwrap();
    assert_eq!(transaction.report_as, None);
    assert!(transaction.remote_stop && transaction.token_stops && !transaction.free);
}

/// What records of the first version do not have.
const NEW_IN_TRANSACTIONS: [&str; 4] = ["free", "report_as", "remote_stop", "token_stops"];

/// Sizes in the files, by one entry, its frame and the confirmation of it.
#[test]
fn small_commit_writes_little() {
    const ROUNDS: u64 = 20;
    let path = scratch("little");
    let mut store = open(&path).unwrap().store;
    store.adapter_state("a").unwrap();
    let wal = path.with_extension("db-wal");
    let size = || std::fs::metadata(&wal).unwrap().len();
    let before = size();
    for round in 1..=ROUNDS {
        store.commit_station(&[entry(round, 5)], None).unwrap();
        let id = format!("1-{round}");
        let frame = DurableFrame {
            id: id.clone(),
            text: "x".repeat(400),
        };
        let taken = AdapterBatch {
            advance: Some(JournalSeq(round)),
            enqueue: vec![frame],
            ..AdapterBatch::default()
        };
        store.commit_adapter("a", &taken).unwrap();
        let confirmed = AdapterBatch {
            dequeue: vec![id],
            ..AdapterBatch::default()
        };
        store.commit_adapter("a", &confirmed).unwrap();
    }
    let each = (size() - before) / ROUNDS;
    assert!(each <= 8 * 1024, "{each} bytes for each message");
}

#[test]
fn frames_keep_their_order_when_the_outbox_was_empty_in_between() {
    let path = scratch("order-of-frames");
    let mut store = open(&path).unwrap().store;
    let frame = |id: &str| DurableFrame {
        id: id.to_owned(),
        text: "[2]".to_owned(),
    };
    let mut change = |enqueue: &[&str], dequeue: &[&str]| {
        let batch = AdapterBatch {
            enqueue: enqueue.iter().map(|id| frame(id)).collect(),
            dequeue: dequeue.iter().map(|id| (*id).to_owned()).collect(),
            ..AdapterBatch::default()
        };
        store.commit_adapter("a", &batch).unwrap();
    };
    change(&["1", "2"], &[]);
    change(&[], &["1", "2"]);
    change(&["3", "4"], &[]);
    change(&["5"], &["4"]);
    change(&["6"], &["3"]);
    let state = open(&path).unwrap().store.adapter_state("a").unwrap();
    let ids: Vec<_> = state.outbox.iter().map(|frame| &*frame.id).collect();
    assert_eq!(ids, ["5", "6"]);
}

#[test]
fn security_events_are_logged_with_the_journal_and_keep_when_the_journal_is_pruned() {
    let path = scratch("security");
    let mut store = open(&path).unwrap().store;
    let event = |seq: u64, text: &str| {
        let (seq, moment, _) = entry(seq, seq * 100);
        let text = text.to_owned();
        (seq, moment, JournalEvent::Security { text })
    };
    store
        .commit_station(&[event(1, "StartupOfTheDevice"), entry(2, 5)], None)
        .unwrap();
    store
        .commit_station(&[event(3, "InvalidFirmwareSignature: no.bin")], None)
        .unwrap();
    store.prune(&[]).unwrap();
    assert_eq!(store.security_log().unwrap().len(), 2);
    // The time of both becomes known later.
    store.set_wall_offset(1_700_000_000_000).unwrap();
    let at = |ms| Some(Timestamp::from_unix_millis(1_700_000_000_000_i64 + ms));
    let expected = [
        (at(100), "StartupOfTheDevice".to_owned()),
        (at(300), "InvalidFirmwareSignature: no.bin".to_owned()),
    ];
    assert_eq!(store.security_log().unwrap(), expected);
}

#[test]
fn security_log_is_bounded_and_the_oldest_lines_go() {
    let path = scratch("security-bound");
    let mut store = open(&path).unwrap().store;
    let lines = crate::limits::SECURITY_LOG + 10;
    let events: Vec<_> = (1..=lines)
        .map(|seq| {
            let (seq, moment, _) = entry(seq, 1);
            let text = seq.0.to_string();
            (seq, moment, JournalEvent::Security { text })
        })
        .collect();
    store.commit_station(&events, None).unwrap();
    let log = store.security_log().unwrap();
    assert_eq!(log.len() as u64, crate::limits::SECURITY_LOG);
    assert_eq!(log[0].1, "11");
}

#[test]
fn database_of_an_earlier_version_learns_to_keep_security_events() {
    let path = scratch("security-old");
    drop(open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TABLE security_log")
        .unwrap();
    let opened = open(&path).unwrap();
    assert!(opened.moved_aside.is_none());
    assert!(opened.store.security_log().unwrap().is_empty());
}

#[test]
fn history_for_people_names_faults_and_the_newest_entries() {
    let path = scratch("history");
    let mut store = open(&path).unwrap().store;
    store
        .commit_station(&[entry(1, 5), entry(2, 6)], None)
        .unwrap();
    let entries = store.newest_entries().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries[0].1.starts_with("1 {"), "{}", entries[0].1);
    assert!(store.fault_history().unwrap().is_empty());
}
