//! The storage of the simulated station: what is committed survives a power cut, the rest does not.

use std::collections::BTreeMap;

use interlock::Trips;
use sdk::backend::DurableFrame;
use station::{JournalEvent, JournalSeq, Moment, PersistentState};
use units::{Instant, Timestamp};

/// One journal entry and the run of the software that wrote it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: JournalSeq,
    pub moment: Moment,
    pub event: JournalEvent,
    pub boot: u64,
}

/// What one adapter keeps.
#[derive(Debug, Clone, Default)]
pub struct AdapterRecord {
    pub cursor: u64,
    pub outbox: Vec<DurableFrame>,
    pub store: BTreeMap<String, Vec<u8>>,
}

/// Everything that survives.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub journal: Vec<Entry>,
    pub state: PersistentState,
    pub settings: BTreeMap<String, String>,
    pub adapter: AdapterRecord,
    /// Latched trips of each EVSE.
    pub trips: BTreeMap<u8, u32>,
    pub boots: u64,
    /// When the present run began.
    pub booted_at: Option<Instant>,
    /// Wall clock minus monotonic clock, ms, of every run that learnt the time.
    pub offsets: BTreeMap<u64, i64>,
}

impl Disk {
    /// Highest committed journal position.
    pub fn last_seq(&self) -> u64 {
        self.journal.last().map_or(0, |entry| entry.seq.0)
    }

    /// What a new run of the station starts from.
    pub fn restored(&self) -> PersistentState {
        let mut state = self.state.clone();
        state.next_journal = self.last_seq() + 1;
        state
    }

    /// The first entry that the adapter has not taken, if its outbox is empty.
    pub fn next_for_adapter(&self) -> Option<&Entry> {
        if !self.adapter.outbox.is_empty() {
            return None;
        }
        // Positions rise by one from 1, so the place follows from the cursor.
        self.journal.get(usize::try_from(self.adapter.cursor).ok()?)
    }

    /// This run knows the time.
    pub fn learn_time(&mut self, now: Instant, wall: Timestamp) {
        self.offsets
            .insert(self.boots, wall.as_unix_millis() - ms(now));
    }

    /// A moment of that run with its wall clock, as far as it can be told afterwards.
    pub fn with_time(&self, moment: Moment, boot: u64) -> Moment {
        let own = self.offsets.get(&boot).map(|offset| offset + ms(moment.at));
        // A run that never learnt the time: it is at least as old as the present one.
        let present = self.offsets.get(&self.boots).zip(self.booted_at);
        let guess = present
            .filter(|_| boot != self.boots)
            .map(|(offset, at)| offset + ms(at));
        let wall = moment
            .wall
            .or_else(|| own.or(guess).map(Timestamp::from_unix_millis));
        Moment { wall, ..moment }
    }

    pub fn latched(&self, evse: u8) -> Trips {
        Trips::from_bits_truncate(self.trips.get(&evse).copied().unwrap_or(0))
    }
}

fn ms(at: Instant) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}
