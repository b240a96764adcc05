//! What must survive: the journal, adapters' cursors, outboxes and stores, the station's record, settings, fault history.
//!
//! SQLite in WAL mode with `synchronous=FULL`: when a call returns, it is on the disk. Each thread that writes has a
//! [`Store`] of its own over the same file. A file that cannot be read is moved aside and reported; the station goes on
//! with an empty one, because a car that waits for power is worth more than a queue that nobody can read.

mod adapter;
mod encode;
mod history;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use station::{FaultNotice, JournalEvent, JournalSeq, Moment, PersistentState};
use units::{Instant, Timestamp};

pub use adapter::AdapterBatch;
pub use history::Past;

use crate::limits::{DATABASE_BUSY, DATABASE_CACHE, DATABASE_PAGE_BYTES, FAULT_HISTORY};

/// Version of the tables. A newer file is refused: an older program would not understand it.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE boot (
        id INTEGER PRIMARY KEY,
        wall_offset_ms INTEGER
    );
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        boot INTEGER NOT NULL,
        monotonic_ms INTEGER NOT NULL,
        wall_ms INTEGER,
        event TEXT NOT NULL
    );
    CREATE TABLE record (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE cursor (adapter TEXT PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE outbox (
        place INTEGER PRIMARY KEY,
        adapter TEXT NOT NULL,
        id TEXT NOT NULL,
        frame TEXT NOT NULL,
        UNIQUE (adapter, id)
    );
    CREATE TABLE store (
        plugin TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (plugin, key)
    ) WITHOUT ROWID;
    CREATE TABLE fault_history (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        wall_ms INTEGER,
        evse INTEGER,
        id TEXT NOT NULL,
        active INTEGER NOT NULL,
        message TEXT NOT NULL
    );
";

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error(
        "the database refused: {0}; check that the disk is not full and that nobody else writes to the state folder"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a newer program.
    #[error(
        "the database has version {found}, this program knows {SCHEMA_VERSION}; install the newer program again or move the file away"
    )]
    Newer {
        /// Its version.
        found: i64,
    },
    /// An entry that makes no sense.
    #[error("the database has an entry that makes no sense: {0}")]
    Entry(String),
    /// The file could not be moved aside.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A connection to the station's database.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    boot: u64,
    /// Entries up to here that cannot be read were named.
    unreadable: Cell<u64>,
}

/// An entry as it lies in the database.
struct Row {
    seq: JournalSeq,
    boot: u64,
    monotonic: u64,
    wall: Option<i64>,
    text: String,
}

/// A database that was opened for a new start of the station.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub store: Store,
    /// A damaged file was moved here.
    pub moved_aside: Option<PathBuf>,
}

/// Opens the database for a new start: counts the boot, makes the tables if they are missing, and moves a damaged file
/// aside.
///
/// # Errors
/// [`StoreError`] when even a new file cannot be made, or when the file is of a newer program.
pub fn open(path: &Path) -> Result<Opened, StoreError> {
    match Store::open_existing(path).and_then(Store::count_boot) {
        Ok(store) => Ok(Opened {
            store,
            moved_aside: None,
        }),
        Err(error) if is_damage(&error) => {
            let aside = move_aside(path)?;
            let store = Store::open_existing(path)?.count_boot()?;
            Ok(Opened {
                store,
                moved_aside: Some(aside),
            })
        }
        Err(error) => Err(error),
    }
}

fn is_damage(error: &StoreError) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        StoreError::Sqlite(error) => {
            matches!(
                error.sqlite_error_code(),
                Some(DatabaseCorrupt | NotADatabase)
            )
        }
        StoreError::Entry(_) => true,
        StoreError::Newer { .. } | StoreError::File { .. } => false,
    }
}

/// Renames the damaged file and its companions, so that somebody can look at them.
fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = (1_u32..)
        .map(|n| name(&format!(".damaged-{n}")))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| name(".damaged"));
    std::fs::rename(path, &aside).map_err(|error| StoreError::File {
        path: path.to_owned(),
        error,
    })?;
    for companion in ["-wal", "-shm"] {
        let _may_not_exist = std::fs::remove_file(name(companion));
    }
    Ok(aside)
}

impl Store {
    fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let db = Connection::open(path)?;
        db.busy_timeout(DATABASE_BUSY)?;
        // Only a new file takes it; an older one keeps the pages that it has.
        db.pragma_update(None, "page_size", DATABASE_PAGE_BYTES)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update(None, "cache_size", DATABASE_CACHE)?;
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > SCHEMA_VERSION {
            return Err(StoreError::Newer { found: version });
        }
        let mut store = Self {
            db,
            boot: 0,
            unreadable: Cell::new(0),
        };
        if version == 0 {
            let transaction = store.db.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            transaction.commit()?;
        }
        store.db.execute_batch(history::SECURITY_TABLE)?;
        let check: String = store
            .db
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(StoreError::Entry(check));
        }
        Ok(store)
    }

    fn count_boot(mut self) -> Result<Self, StoreError> {
        self.db
            .execute("INSERT INTO boot (wall_offset_ms) VALUES (NULL)", [])?;
        self.boot = u64::try_from(self.db.last_insert_rowid()).unwrap_or(0);
        // A damaged record shows itself now, while the file can still be moved aside.
        let _ = self.persistent_state()?;
        Ok(self)
    }

    /// Another connection to the same database, for another thread.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn again(&self) -> Result<Self, StoreError> {
        let path = self.db.path().unwrap_or_default();
        let db = Connection::open(path)?;
        db.busy_timeout(DATABASE_BUSY)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", DATABASE_CACHE)?;
        Ok(Self {
            db,
            boot: self.boot,
            unreadable: self.unreadable.clone(),
        })
    }

    /// Number of this start; rises with each.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Writes journal entries and the station's record in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written then.
    pub fn commit_station(
        &mut self,
        entries: &[(JournalSeq, Moment, JournalEvent)],
        state: Option<&PersistentState>,
    ) -> Result<(), StoreError> {
        let boot = sql(self.boot);
        let transaction = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (seq, moment, event) in entries {
            transaction.execute(
                "INSERT INTO journal (seq, boot, monotonic_ms, wall_ms, event) VALUES (?, ?, ?, ?, ?)",
                params![
                    sql(seq.0),
                    boot,
                    sql(moment.at.as_millis()),
                    moment.wall.map(Timestamp::as_unix_millis),
                    encode::event(event).to_string(),
                ],
            )?;
            if let JournalEvent::Security { text } = event {
                history::add_security(&transaction, boot, *moment, text)?;
            }
        }
        if let Some(state) = state {
            put_record(&transaction, "station", &encode::state(state).to_string())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The station's record as a restart needs it; `next_journal` is right even if the record is older than the journal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn persistent_state(&self) -> Result<PersistentState, StoreError> {
        let mut state = match self.record("station")? {
            Some(text) => encode::parse_state(&text)
                .ok_or_else(|| StoreError::Entry("the station's record".to_owned()))?,
            None => PersistentState {
                next_transaction: 1,
                next_journal: 1,
                evses: Vec::new(),
                reservations: Vec::new(),
            },
        };
        let last = self.last_journal()?;
        state.next_journal = state.next_journal.max(last + 1).max(1);
        Ok(state)
    }

    /// Highest position that was ever written (entries may have been pruned).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_journal(&self) -> Result<u64, StoreError> {
        let seq: Option<i64> = self.db.query_row(
            "SELECT max(coalesce((SELECT max(seq) FROM journal), 0), coalesce((SELECT max(seq) FROM cursor), 0))",
            [],
            |row| row.get(0),
        )?;
        Ok(unsql(seq.unwrap_or(0)))
    }

    /// The wall clock became known or was corrected: `wall − monotonic` of this start, for entries without a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_wall_offset(&mut self, offset_ms: i64) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE boot SET wall_offset_ms = ? WHERE id = ?",
            params![offset_ms, sql(self.boot)],
        )?;
        Ok(())
    }

    /// The first entry after `seq` that can be read. A time that was not known then is filled in if that start learnt it later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry_after(
        &self,
        seq: JournalSeq,
    ) -> Result<Option<(JournalSeq, Moment, JournalEvent)>, StoreError> {
        let mut after = seq;
        while let Some(row) = self.row_after(after)? {
            let Some(mut event) = encode::parse_event(&row.text) else {
                self.report_unreadable(&row);
                after = row.seq;
                continue;
            };
            // Monotonic times of an earlier start mean nothing now.
            let at = if row.boot == self.boot {
                Instant::from_millis(row.monotonic)
            } else {
                Instant::ZERO
            };
            let moment = Moment {
                at,
                wall: row.wall.map(Timestamp::from_unix_millis),
            };
            if let JournalEvent::TransactionMetered { reading, .. } = &mut event
                && reading.moment.wall.is_none()
            {
                reading.moment = moment;
            }
            return Ok(Some((row.seq, moment, event)));
        }
        Ok(None)
    }

    /// An entry that nobody can read must not hold up those behind it. It is named once, with its text.
    fn report_unreadable(&self, row: &Row) {
        if self.unreadable.replace(row.seq.0) < row.seq.0 {
            tracing::error!(
                seq = row.seq.0,
                "a journal entry cannot be read and no backend will hear of it: {:?}",
                row.text
            );
        }
    }

    fn row_after(&self, seq: JournalSeq) -> Result<Option<Row>, StoreError> {
        let row = self.db.query_row(
            // An earlier start that never learnt the time: the entry is at least as old as this start.
            "SELECT j.seq, j.boot, j.monotonic_ms, coalesce(j.wall_ms, j.monotonic_ms + b.wall_offset_ms,
                    (SELECT wall_offset_ms FROM boot WHERE id = ?2)), j.event
             FROM journal j LEFT JOIN boot b ON b.id = j.boot WHERE j.seq > ?1 ORDER BY j.seq LIMIT 1",
            [sql(seq.0), sql(self.boot)],
            |row| {
                Ok(Row {
                    seq: JournalSeq(unsql(row.get(0)?)),
                    boot: unsql(row.get(1)?),
                    monotonic: unsql(row.get(2)?),
                    wall: row.get(3)?,
                    text: String::from_utf8_lossy(row.get_ref(4)?.as_bytes()?).into_owned(),
                })
            },
        );
        Ok(row.optional()?)
    }

    /// Entries that no adapter has taken yet, counted from `seq`. Positions have no gaps, so nothing has to be counted: a
    /// station that was offline for a month would read its whole journal for every status.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entries_after(&self, seq: JournalSeq) -> Result<u64, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = self.db.query_row(
            "SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(0);
        };
        let taken = seq.0.max(unsql(first).saturating_sub(1));
        Ok(unsql(last).saturating_sub(taken))
    }

    /// Deletes entries that every one of these adapters has passed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prune(&mut self, adapters: &[String]) -> Result<(), StoreError> {
        let mut lowest = u64::MAX;
        for adapter in adapters {
            lowest = lowest.min(self.cursor(adapter)?.map_or(0, |seq| seq.0));
        }
        // Without an adapter nobody will ever ask; the last entries are kept for people.
        let last = self.last_journal()?;
        let keep_from = if adapters.is_empty() {
            last.saturating_sub(1_000)
        } else {
            lowest.min(last)
        };
        self.db
            .execute("DELETE FROM journal WHERE seq < ?", [sql(keep_from)])?;
        Ok(())
    }

    /// Stores a setting.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_setting(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value],
        )?;
        Ok(())
    }

    /// Settings that were changed while running.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT key, value FROM setting ORDER BY key")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A small record by name (latched trips, the reason of the last restart, the simulated world).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .db
            .query_row("SELECT value FROM record WHERE key = ?", [key], |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// Stores a small record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_record(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        put_record(&self.db, key, value)?;
        Ok(())
    }

    /// Adds a line to the fault history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_fault(&mut self, notice: &FaultNotice) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT INTO fault_history (wall_ms, evse, id, active, message) VALUES (?, ?, ?, ?, ?)",
            params![
                notice.moment.wall.map(Timestamp::as_unix_millis),
                notice.evse.map(|evse| i64::from(evse.0)),
                notice.id,
                notice.active,
                notice.message,
            ],
        )?;
        self.db.execute(
            "DELETE FROM fault_history WHERE place <= (SELECT max(place) FROM fault_history) - ?",
            [sql(FAULT_HISTORY)],
        )?;
        Ok(())
    }
}

fn put_record(db: &Connection, key: &str, value: &str) -> Result<(), rusqlite::Error> {
    db.execute(
        "INSERT INTO record (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}

/// SQLite's integers are signed; ours never come near the sign.
fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
