//! What the database remembers for people: faults, security events, and the newest entries of the journal.

use rusqlite::{Connection, params};
use station::Moment;
use units::Timestamp;

use super::{Store, StoreError, sql};
use crate::limits::{DIAGNOSTICS_ENTRIES, SECURITY_LOG};

/// Made on every opening: databases of earlier versions do not have it.
pub(super) const SECURITY_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS security_log (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        boot INTEGER NOT NULL,
        monotonic_ms INTEGER NOT NULL,
        wall_ms INTEGER,
        text TEXT NOT NULL
    );
";

/// When a row of this table happened, as far as that is known by now.
fn wall_of(table: &str) -> String {
    format!(
        "coalesce(wall_ms, monotonic_ms + (SELECT wall_offset_ms FROM boot WHERE boot.id = {table}.boot))"
    )
}

/// When something happened, if that is known, and what.
pub type Past = (Option<Timestamp>, String);

/// Adds a line; the oldest go.
pub(super) fn add_security(
    db: &Connection,
    boot: i64,
    moment: Moment,
    text: &str,
) -> Result<(), rusqlite::Error> {
    db.execute(
        "INSERT INTO security_log (boot, monotonic_ms, wall_ms, text) VALUES (?, ?, ?, ?)",
        params![
            boot,
            sql(moment.at.as_millis()),
            moment.wall.map(Timestamp::as_unix_millis),
            text,
        ],
    )?;
    db.execute(
        "DELETE FROM security_log WHERE place <= (SELECT max(place) FROM security_log) - ?",
        [sql(SECURITY_LOG)],
    )?;
    Ok(())
}

impl Store {
    /// The security log, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn security_log(&self) -> Result<Vec<Past>, StoreError> {
        self.past(&format!(
            "SELECT {}, text FROM security_log ORDER BY place",
            wall_of("security_log")
        ))
    }

    /// The fault history, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn fault_history(&self) -> Result<Vec<Past>, StoreError> {
        self.past(
            "SELECT wall_ms, id || iif(active, ' came', ' went') || coalesce(' at EVSE ' || evse, '') || ': ' || message
             FROM fault_history ORDER BY place",
        )
    }

    /// The newest entries of the journal, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_entries(&self) -> Result<Vec<Past>, StoreError> {
        self.past(&format!(
            "SELECT {}, seq || ' ' || event
             FROM (SELECT * FROM journal ORDER BY seq DESC LIMIT {DIAGNOSTICS_ENTRIES}) AS newest ORDER BY seq",
            wall_of("newest")
        ))
    }

    fn past(&self, query: &str) -> Result<Vec<Past>, StoreError> {
        let mut query = self.db.prepare(query)?;
        let rows = query.query_map([], |row| {
            let wall: Option<i64> = row.get(0)?;
            Ok((wall.map(Timestamp::from_unix_millis), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
