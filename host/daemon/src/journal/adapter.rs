//! What the database keeps for one adapter (or any plugin): cursor, outbox, key-value store.

use plugin_host::{DurableFrame, StoreEntry, StoreWrite};
use rusqlite::{OptionalExtension, TransactionBehavior, params};
use station::JournalSeq;

use super::{Store, StoreError, sql, unsql};

/// Everything durable that one call of an adapter asked for. Committed whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdapterBatch {
    /// The journal is taken up to here.
    pub advance: Option<JournalSeq>,
    /// Changes of its store, in order.
    pub store: Vec<StoreWrite>,
    /// Frames to keep.
    pub enqueue: Vec<DurableFrame>,
    /// Frames to forget.
    pub dequeue: Vec<String>,
}

impl AdapterBatch {
    /// Nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.advance.is_none()
            && self.store.is_empty()
            && self.enqueue.is_empty()
            && self.dequeue.is_empty()
    }
}

/// What an adapter is given when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterState {
    /// The journal was taken up to here.
    pub cursor: JournalSeq,
    /// Frames not confirmed, oldest first.
    pub outbox: Vec<DurableFrame>,
    /// Its store.
    pub store: Vec<StoreEntry>,
}

impl Store {
    /// The adapter's cursor; `None` if it never ran here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursor(&self, adapter: &str) -> Result<Option<JournalSeq>, StoreError> {
        let seq: Option<i64> = self
            .db
            .query_row(
                "SELECT seq FROM cursor WHERE adapter = ?",
                [adapter],
                |row| row.get(0),
            )
            .optional()?;
        Ok(seq.map(|seq| JournalSeq(unsql(seq))))
    }

    /// What is kept for an adapter. One that never ran here begins with what happens from now on: its backend has never
    /// heard of the transactions before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn adapter_state(&mut self, adapter: &str) -> Result<AdapterState, StoreError> {
        let cursor = self.know_adapter(adapter)?;
        Ok(AdapterState {
            cursor,
            outbox: self.outbox(adapter)?,
            store: self.plugin_store(adapter)?,
        })
    }

    /// Where an adapter is in the journal; one that is not known begins at its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn know_adapter(&mut self, adapter: &str) -> Result<JournalSeq, StoreError> {
        if let Some(cursor) = self.cursor(adapter)? {
            return Ok(cursor);
        }
        let last = self.last_journal()?;
        self.db.execute(
            "INSERT OR IGNORE INTO cursor (adapter, seq) VALUES (?, ?)",
            params![adapter, sql(last)],
        )?;
        Ok(JournalSeq(last))
    }

    fn outbox(&self, adapter: &str) -> Result<Vec<DurableFrame>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT id, frame FROM outbox WHERE adapter = ? ORDER BY place")?;
        let rows = query.query_map([adapter], |row| {
            Ok(DurableFrame {
                id: row.get(0)?,
                text: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The key-value store of a plugin.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn plugin_store(&self, plugin: &str) -> Result<Vec<StoreEntry>, StoreError> {
        let mut query = self
            .db
            .prepare("SELECT key, value FROM store WHERE plugin = ? ORDER BY key")?;
        let rows = query.query_map([plugin], |row| {
            Ok(StoreEntry {
                key: row.get(0)?,
                value: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Commits everything durable of one call in one transaction. The cursor never goes back.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written then.
    pub fn commit_adapter(&mut self, plugin: &str, batch: &AdapterBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(seq) = batch.advance {
            transaction.execute(
                "INSERT INTO cursor (adapter, seq) VALUES (?, ?)
                 ON CONFLICT (adapter) DO UPDATE SET seq = max(seq, excluded.seq)",
                params![plugin, sql(seq.0)],
            )?;
        }
        for id in &batch.dequeue {
            transaction.execute(
                "DELETE FROM outbox WHERE adapter = ? AND id = ?",
                params![plugin, id],
            )?;
        }
        for frame in &batch.enqueue {
            transaction.execute(
                "INSERT INTO outbox (adapter, id, frame) VALUES (?, ?, ?)",
                params![plugin, frame.id, frame.text],
            )?;
        }
        for write in &batch.store {
            match &write.value {
                Some(value) => transaction.execute(
                    "INSERT INTO store (plugin, key, value) VALUES (?, ?, ?)
                     ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value",
                    params![plugin, write.key, value],
                )?,
                None => transaction.execute(
                    "DELETE FROM store WHERE plugin = ? AND key = ?",
                    params![plugin, write.key],
                )?,
            };
        }
        transaction.commit()?;
        Ok(())
    }
}
