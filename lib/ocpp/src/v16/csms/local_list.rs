//! The local list: what the owner wants it to be, what the charge point has, and the way from one to the other.
//!
//! ```text
//!  start ─▶ version known? ──no──▶ GetLocalListVersion
//!              │yes                    │ as we left it? otherwise the content is unknown
//!              ▼                       ▼
//!          content known? ──no──▶ SendLocalList Full (first part), then
//!              │yes
//!              ▼
//!          differences? ──yes──▶ SendLocalList Differential, part by part
//!              │no
//!              ▼ in step
//! ```
//!
//! A refused part makes the content unknown, so that the full list is next; after
//! [`CSMS_LIST_REFUSALS_MAX`] refusals it is given up. A lost answer leaves two possible contents; the version
//! tells them apart at the next start.

use crate::limits::{CSMS_LIST_ENTRIES_MAX, CSMS_LIST_MESSAGE_ENTRIES_MAX, CSMS_LIST_REFUSALS_MAX};
use crate::v16::{
    AuthorizationData, IdTagInfo, IdToken, SendLocalListRequest, UpdateStatus, UpdateType,
};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Entries of a list.
pub type ListEntries = BTreeMap<IdToken, IdTagInfo>;

/// A list that is too long to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListTooLong {
    /// The most entries it may have.
    pub limit: usize,
}

/// Why the charge point's list could not be brought in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFailure {
    /// The charge point keeps no list.
    NotSupported,
    /// The charge point keeps fewer entries than are wanted.
    TooLong {
        /// What it keeps, by its own word.
        limit: usize,
    },
    /// The charge point refused it again and again.
    Refused(UpdateStatus),
    /// The charge point answered with an error.
    Error,
    /// The charge point did not answer, or the connection went.
    Unanswered,
    /// Too many calls wait.
    Busy,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListStep {
    AskVersion,
    Send(SendLocalListRequest),
    InStep,
    Failed(ListFailure),
}

/// A version and, as far as it is known, the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownList {
    /// The version.
    pub version: i64,
    /// The content; `None` if somebody else may have written it.
    pub entries: Option<ListEntries>,
}

#[derive(Debug)]
struct Run {
    refusals: u8,
    /// What the charge point has if it takes the part under way.
    sent: Option<KnownList>,
}

/// The local list of one charge point.
#[derive(Debug, Default)]
pub struct LocalList {
    wanted: ListEntries,
    known: Option<KnownList>,
    /// The highest version the charge point told or took. An empty list may be told as version 0 while the charge
    /// point counts on from its last one.
    highest: i64,
    /// True if `known` must be confirmed by the charge point before anything is built on it.
    doubted: bool,
    /// The other possible content after a lost answer.
    other: Option<KnownList>,
    run: Option<Run>,
}

/// Bounds that the charge point told.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListLimits {
    /// Entries in one message.
    pub(super) message: usize,
    /// Entries in the list.
    pub(super) list: Option<usize>,
}

impl LocalList {
    /// The list as the owner wants it.
    #[must_use]
    pub const fn wanted(&self) -> &ListEntries {
        &self.wanted
    }

    /// The list as the charge point has it, as far as is known.
    #[must_use]
    pub const fn known(&self) -> Option<&KnownList> {
        self.known.as_ref()
    }

    /// True while the charge point's list is being brought in step.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.run.is_some()
    }

    /// True if the charge point has what is wanted.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        let content = self.known.as_ref().and_then(|known| known.entries.as_ref());
        !self.doubted && content == Some(&self.wanted)
    }

    pub(super) fn want(&mut self, entries: ListEntries) -> Result<(), ListTooLong> {
        if entries.len() > CSMS_LIST_ENTRIES_MAX {
            return Err(ListTooLong {
                limit: CSMS_LIST_ENTRIES_MAX,
            });
        }
        self.wanted = entries;
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        self.run = Some(Run {
            refusals: 0,
            sent: None,
        });
    }

    pub(super) fn end(&mut self) {
        self.run = None;
    }

    /// The next step of the run under way.
    pub(super) fn step(&mut self, limits: ListLimits) -> ListStep {
        if let Some(limit) = limits.list.filter(|limit| self.wanted.len() > *limit) {
            return ListStep::Failed(ListFailure::TooLong { limit });
        }
        let Some(known) = self.known.as_ref().filter(|_| !self.doubted) else {
            return ListStep::AskVersion;
        };
        if known.version < 0 {
            return ListStep::Failed(ListFailure::NotSupported);
        }
        let most = limits.message.clamp(1, CSMS_LIST_MESSAGE_ENTRIES_MAX);
        // Charge points keep versions in 32 bits; only a full list may begin again at 1.
        let version = known.version.max(self.highest);
        let last_version = version >= i64::from(i32::MAX);
        let (update_type, before) = match &known.entries {
            Some(entries) if *entries == self.wanted => return ListStep::InStep,
            Some(entries) if !last_version => (UpdateType::Differential, entries.clone()),
            Some(_) | None => (UpdateType::Full, ListEntries::new()),
        };
        let list_version = if last_version { 1 } else { version + 1 };
        let changes = differences(&before, &self.wanted, most);
        let sent = KnownList {
            version: list_version,
            entries: Some(applied(before, &changes)),
        };
        if let Some(run) = &mut self.run {
            run.sent = Some(sent);
        }
        ListStep::Send(SendLocalListRequest {
            list_version,
            local_authorization_list: Some(changes),
            update_type,
        })
    }

    /// The charge point answered a part of ours; `Some` if the run is over because of it.
    pub(super) fn answered(&mut self, status: UpdateStatus) -> Option<ListFailure> {
        let run = self.run.as_mut()?;
        let sent = run.sent.take();
        match status {
            UpdateStatus::Accepted => {
                self.highest = sent.as_ref().map_or(self.highest, |sent| sent.version);
                self.known = sent;
                return None;
            }
            UpdateStatus::NotSupported => {
                self.known = Some(KnownList {
                    version: -1,
                    entries: None,
                });
                return Some(ListFailure::NotSupported);
            }
            UpdateStatus::Failed | UpdateStatus::VersionMismatch => {}
        }
        run.refusals = run.refusals.saturating_add(1);
        let over = run.refusals >= CSMS_LIST_REFUSALS_MAX;
        self.lose_content();
        // Somebody else counted on; ask where the version is now.
        self.doubted = status == UpdateStatus::VersionMismatch;
        over.then_some(ListFailure::Refused(status))
    }

    /// The answer to a part of ours was lost.
    pub(super) fn unanswered(&mut self, sent: bool) {
        let pending = self.run.as_mut().and_then(|run| run.sent.take());
        if sent {
            self.doubted = true;
            self.other = pending.or_else(|| self.other.take());
        }
    }

    /// The charge point told its version.
    pub(super) fn told(&mut self, version: i64) {
        self.highest = self.highest.max(version);
        let other = self.other.take().filter(|other| other.version == version);
        let same = |known: &KnownList| {
            // An empty list has version 0 by the standard, and the version it was sent with by some tests.
            let emptied = version == 0 && known.entries.as_ref().is_some_and(BTreeMap::is_empty);
            known.version == version || emptied
        };
        if let Some(other) = other {
            self.known = Some(other);
        } else if !self.known.as_ref().is_some_and(same) {
            let entries = (version == 0).then(ListEntries::new);
            self.known = Some(KnownList { version, entries });
        }
        self.doubted = false;
    }

    /// Somebody sent a list past this book, and the charge point took it or may have taken it.
    pub(super) fn overwritten(&mut self, version: i64) {
        self.highest = self.highest.max(version);
        self.lose_content();
        self.doubted = true;
        // What our own part in flight was built on is gone too.
        if let Some(run) = &mut self.run {
            run.sent = None;
        }
    }

    fn lose_content(&mut self) {
        if let Some(known) = &mut self.known {
            known.entries = None;
        }
        self.other = None;
    }

    /// Puts back what is known from an earlier run. It is confirmed by version before anything is built on it.
    pub(super) fn restore(&mut self, wanted: ListEntries, known: Option<KnownList>) {
        self.wanted = wanted;
        self.highest = known.as_ref().map_or(0, |known| known.version);
        self.known = known;
        self.doubted = true;
    }
}

/// What changes one list into the other, at most so many entries of it.
fn differences(from: &ListEntries, to: &ListEntries, most: usize) -> Vec<AuthorizationData> {
    let removed = from
        .keys()
        .filter(|id_tag| !to.contains_key(*id_tag))
        .map(|id_tag| AuthorizationData {
            id_tag: id_tag.clone(),
            id_tag_info: None,
        });
    let written = to
        .iter()
        .filter(|(id_tag, info)| from.get(*id_tag) != Some(*info))
        .map(|(id_tag, info)| AuthorizationData {
            id_tag: id_tag.clone(),
            id_tag_info: Some(info.clone()),
        });
    // Removals first, so that a charge point whose list is nearly full has room.
    removed.chain(written).take(most).collect()
}

fn applied(mut entries: ListEntries, changes: &[AuthorizationData]) -> ListEntries {
    for change in changes {
        match &change.id_tag_info {
            Some(info) => entries.insert(change.id_tag.clone(), info.clone()),
            None => entries.remove(&change.id_tag),
        };
    }
    entries
}
