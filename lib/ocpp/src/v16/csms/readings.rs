//! Readings seen before, so that one that comes twice counts once.

use crate::limits::{CSMS_METERED_SESSIONS_MAX, CSMS_READINGS_REMEMBERED_MAX};
use crate::rpc::fingerprint;
use crate::v16::MeterValue;
use crate::wire::Wire;
use alloc::collections::{BTreeMap, VecDeque};

/// Fingerprints of the latest readings of the latest sessions.
///
/// # Invariants
/// At most [`CSMS_METERED_SESSIONS_MAX`] sessions with [`CSMS_READINGS_REMEMBERED_MAX`] fingerprints each.
#[derive(Debug, Default)]
pub(super) struct ReadingsSeen {
    by_transaction: BTreeMap<i64, VecDeque<u64>>,
}

impl ReadingsSeen {
    /// True the first time; the reading is remembered.
    pub(super) fn is_new(&mut self, transaction_id: i64, reading: &MeterValue) -> bool {
        let mark = fingerprint("", &reading.write());
        if !self.by_transaction.contains_key(&transaction_id) {
            while self.by_transaction.len() >= CSMS_METERED_SESSIONS_MAX {
                self.by_transaction.pop_first();
            }
        }
        let marks = self.by_transaction.entry(transaction_id).or_default();
        if marks.contains(&mark) {
            return false;
        }
        while marks.len() >= CSMS_READINGS_REMEMBERED_MAX {
            marks.pop_front();
        }
        marks.push_back(mark);
        true
    }
}
