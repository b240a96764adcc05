//! What outlives a restart of the owner.

use super::{
    Csms, CsmsConfig, InstalledProfile, Job, KnownList, ListEntries, Reservation, Session,
    SessionEnd,
};
use crate::v16::RegistrationStatus;
use alloc::vec::Vec;
use units::{Instant, Timestamp};

/// The books as plain data, for the owner to store.
///
/// Calls that wait or are in flight are not in it: what they were about is the owner's to repeat. Reservations and
/// jobs that were asked for come back as doubtful, and the local list is confirmed by its version before anything is
/// built on it. Configuration keys and certificates are not in it either; they are asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsmsMemory {
    /// What the last boot message was answered with.
    pub registration: Option<RegistrationStatus>,
    /// Number of the next transaction.
    pub next_transaction_id: i64,
    /// Sessions, open and billed.
    pub sessions: Vec<Session>,
    /// Ends of transactions that are not in the book.
    pub orphans: Vec<(i64, SessionEnd)>,
    /// The highest reservation number given.
    pub last_reservation_id: i64,
    /// Reservations.
    pub reservations: Vec<Reservation>,
    /// Charging profiles.
    pub profiles: Vec<InstalledProfile>,
    /// The local list as it is wanted.
    pub list_wanted: ListEntries,
    /// The local list as the charge point has it.
    pub list_known: Option<KnownList>,
    /// The highest number given to a job.
    pub last_job_id: i64,
    /// The latest job of each kind.
    pub jobs: Vec<Job>,
}

impl Csms {
    /// The books as they are now.
    #[must_use]
    pub fn memory(&self) -> CsmsMemory {
        CsmsMemory {
            registration: self.boot_answer,
            next_transaction_id: self.book.next_transaction_id(),
            sessions: self.book.sessions().cloned().collect(),
            orphans: self
                .book
                .orphans()
                .map(|(id, end)| (id, end.clone()))
                .collect(),
            last_reservation_id: self.reservations.last_id(),
            reservations: self.reservations.reservations().cloned().collect(),
            profiles: self.profiles.profiles().cloned().collect(),
            list_wanted: self.list.wanted().clone(),
            list_known: self.list.known().cloned(),
            last_job_id: self.jobs.last_id(),
            jobs: self.jobs.jobs().cloned().collect(),
        }
    }

    /// A central system with the books of an earlier run. The bounds of [`limits`](crate::limits) hold for what is
    /// put back; numbers given before are not given again.
    #[must_use]
    pub fn with_memory(
        config: CsmsConfig,
        now: Instant,
        wall: Timestamp,
        memory: CsmsMemory,
    ) -> Self {
        let mut csms = Self::new(config, now, wall);
        csms.boot_answer = memory.registration;
        csms.book
            .restore(memory.next_transaction_id, memory.sessions, memory.orphans);
        csms.reservations
            .restore(memory.last_reservation_id, memory.reservations);
        csms.profiles.restore(memory.profiles);
        csms.list.restore(memory.list_wanted, memory.list_known);
        csms.jobs.restore(memory.last_job_id, memory.jobs);
        csms
    }
}
