//! Which rows of the input already have their answer: kept, moved, changed, new.
//!
//! The common case, in which nothing moved, is a merge of two streams in the order of position. Only what does not
//! fit there goes into two temporary tables on disk, which are joined at the end; memory does not grow with the rows.

use std::collections::VecDeque;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::JournalError;
use crate::note::RowKey;

/// Entries fetched at once in the order of position.
const PAGE: usize = 2048;

/// How the rows of the input relate to the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matched {
    /// Rows that stand where they stood, with the request they had, and have their answer or have failed.
    pub kept: u64,
    /// Rows whose answer was found for a row that stood elsewhere, or was gone for a while.
    pub moved: u64,
    /// Rows whose place, or identifier, had another request before.
    pub changed: u64,
    /// All other rows.
    pub new: u64,
    /// Of the kept and moved rows, those that have failed.
    pub failed: u64,
    /// Entries whose row is not in the input any more. Their answers are kept.
    pub gone: u64,
}

/// Matches rows, in the order of the input, against the entries of a journal.
#[derive(Debug)]
pub struct Matcher<'c> {
    connection: &'c Connection,
    path: &'c Path,
    page: VecDeque<Entry>,
    next_position: Option<u64>,
    has_entries: bool,
    with_ids: bool,
    matched: Matched,
    rows: u64,
}

#[derive(Debug)]
struct Entry {
    number: i64,
    position: u64,
    row_id: Option<String>,
    fingerprint: Vec<u8>,
    status: i64,
}

/// Whether an entry has its answer or has failed. One that is set aside is still to be sent.
fn is_settled(status: i64) -> bool {
    matches!(status, 1 | 2)
}

/// Two rows with one identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateId {
    /// The identifier.
    pub id: String,
    /// The position of the row that had it first.
    pub first: u64,
    /// The position of the row that has it too.
    pub second: u64,
}

/// What ended a matching early.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// Two rows have one identifier.
    #[error("two rows have the id `{}`", .0.id)]
    Duplicate(DuplicateId),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

const TABLES: &str = "
PRAGMA temp_store = FILE;
DROP TABLE IF EXISTS temp.loose_rows;
DROP TABLE IF EXISTS temp.loose_entries;
DROP TABLE IF EXISTS temp.claims;
CREATE TEMP TABLE loose_rows (position INTEGER PRIMARY KEY, row_id TEXT UNIQUE, fingerprint BLOB NOT NULL);
CREATE TEMP TABLE loose_entries (entry INTEGER PRIMARY KEY, position INTEGER, row_id TEXT, fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL);
CREATE TEMP TABLE claims (entry INTEGER PRIMARY KEY, position INTEGER NOT NULL UNIQUE, status INTEGER NOT NULL);
BEGIN;
";

impl<'c> Matcher<'c> {
    /// Begins a matching. `with_ids` says whether the job names rows by a column. The journal itself is not changed
    /// before [`Matcher::finish`], and only if that is asked to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn begin(connection: &'c Connection, path: &'c Path, with_ids: bool) -> Result<Self, JournalError> {
        let failed = |source| JournalError::sqlite(path, source);
        connection.execute_batch(TABLES).map_err(failed)?;
        let sql =
            "INSERT INTO temp.loose_entries SELECT entry, NULL, row_id, fingerprint, status FROM entries
                   WHERE position IS NULL";
        connection.execute(sql, []).map_err(failed)?;
        let has_entries = connection
            .query_row("SELECT 1 FROM entries LIMIT 1", [], |_| Ok(()))
            .optional()
            .map_err(failed)?
            .is_some();
        Ok(Self {
            connection,
            path,
            page: VecDeque::new(),
            next_position: Some(0),
            has_entries,
            with_ids,
            matched: Matched::default(),
            rows: 0,
        })
    }

    /// Takes the next row of the input. Says whether it stands where it stood, with its answer.
    ///
    /// # Errors
    ///
    /// When another row has the same identifier, or the journal cannot be read.
    pub fn row(&mut self, key: &RowKey) -> Result<bool, MatchError> {
        self.rows = key.position + 1;
        match self.entry_at(key.position)? {
            Some(entry) if is_settled(entry.status) && self.fits(&entry, key) => {
                self.matched.kept += 1;
                self.matched.failed += u64::from(entry.status == 2);
                return Ok(true);
            }
            Some(entry) => {
                self.loosen_entry(&entry)?;
                self.loosen_row(key)?;
            }
            None if self.has_entries || self.with_ids => self.loosen_row(key)?,
            None => self.matched.new += 1,
        }
        Ok(false)
    }

    fn fits(&self, entry: &Entry, key: &RowKey) -> bool {
        entry.fingerprint == key.fingerprint.0
            && (!self.with_ids || entry.row_id.as_deref() == key.id.as_ref().map(|id| id.as_str()))
    }

    /// The entry at a position; entries at positions that no row of the input has come to are set loose.
    fn entry_at(&mut self, position: u64) -> Result<Option<Entry>, JournalError> {
        loop {
            match self.page.front() {
                Some(entry) if entry.position > position => return Ok(None),
                Some(entry) if entry.position == position => return Ok(self.page.pop_front()),
                Some(_) => {
                    if let Some(entry) = self.page.pop_front() {
                        self.loosen_entry(&entry)?;
                    }
                }
                None if self.next_position.is_none() => return Ok(None),
                None => self.fetch()?,
            }
        }
    }

    fn fetch(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::sqlite(self.path, source);
        let Some(from) = self.next_position else { return Ok(()) };
        let sql = "SELECT entry, position, row_id, fingerprint, status FROM entries WHERE position >= ?1
                   ORDER BY position LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let rows = statement.query_map(params![from, PAGE], |row| {
            Ok(Entry {
                number: row.get(0)?,
                position: row.get(1)?,
                row_id: row.get(2)?,
                fingerprint: row.get(3)?,
                status: row.get(4)?,
            })
        });
        self.page = rows.and_then(Iterator::collect).map_err(failed)?;
        self.next_position =
            if self.page.len() < PAGE { None } else { self.page.back().map(|entry| entry.position + 1) };
        Ok(())
    }

    fn loosen_entry(&self, entry: &Entry) -> Result<(), JournalError> {
        let sql = "INSERT INTO temp.loose_entries VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![entry.number, entry.position, entry.row_id, entry.fingerprint, entry.status];
        let inserted =
            self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        inserted.map(drop).map_err(|source| JournalError::sqlite(self.path, source))
    }

    fn loosen_row(&mut self, key: &RowKey) -> Result<(), MatchError> {
        let failed = |source| JournalError::sqlite(self.path, source);
        let id = key.id.as_ref().map(|id| id.as_str()).filter(|_| self.with_ids);
        let sql = "INSERT INTO temp.loose_rows VALUES (?1, ?2, ?3) ON CONFLICT (row_id) DO NOTHING";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let inserted = statement.execute(params![key.position, id, key.fingerprint.0]).map_err(failed)?;
        match (inserted, id) {
            (0, Some(id)) => {
                let sql = "SELECT position FROM temp.loose_rows WHERE row_id = ?1";
                let first = self.connection.query_row(sql, [id], |row| row.get(0)).map_err(failed)?;
                Err(MatchError::Duplicate(DuplicateId { id: id.to_owned(), first, second: key.position }))
            }
            _ => Ok(()),
        }
    }

    /// Joins what did not fit in place, and counts. With `apply`, the journal is brought to the present input: each
    /// claimed entry gets its row's position, every other one none. Entries past the last row are left alone when
    /// the input was `limited` to its first rows.
    ///
    /// # Errors
    ///
    /// When two rows have one identifier, or the journal cannot be read or written.
    pub fn finish(mut self, limited: bool, apply: bool) -> Result<Matched, MatchError> {
        if !limited {
            while self.next_position.is_some() || !self.page.is_empty() {
                self.entry_at(u64::MAX)?;
            }
        }
        self.check_kept_ids()?;
        let failed = |source| JournalError::sqlite(self.path, source);
        self.claim().map_err(failed)?;
        self.count().map_err(failed)?;
        if apply {
            self.apply().map_err(failed)?;
        }
        self.connection.execute_batch("COMMIT").map_err(failed)?;
        Ok(self.matched)
    }

    /// A row that fits in place and a loose one can have the same identifier.
    fn check_kept_ids(&self) -> Result<(), MatchError> {
        if !self.with_ids {
            return Ok(());
        }
        let sql = "SELECT e.row_id, e.position, l.position FROM temp.loose_rows l
                   JOIN entries e ON e.row_id = l.row_id
                   WHERE e.position < ?1 AND NOT EXISTS (SELECT 1 FROM temp.loose_entries x WHERE x.entry = e.entry)
                   LIMIT 1";
        let found = self.connection.query_row(sql, [self.rows], |row| {
            let (one, other): (u64, u64) = (row.get(1)?, row.get(2)?);
            Ok(DuplicateId { id: row.get(0)?, first: one.min(other), second: one.max(other) })
        });
        match found.optional().map_err(|source| JournalError::sqlite(self.path, source))? {
            Some(duplicate) => Err(MatchError::Duplicate(duplicate)),
            None => Ok(()),
        }
    }

    /// Gives loose rows the loose entries of the same request: by identifier where the job has one, else as a
    /// multiset, first to first. An entry without an answer is worth claiming too: it knows the tries.
    fn claim(&self) -> rusqlite::Result<()> {
        let (partition, on) = match self.with_ids {
            true => ("row_id, fingerprint", "r.row_id = e.row_id AND r.fingerprint = e.fingerprint"),
            false => ("fingerprint", "r.fingerprint = e.fingerprint"),
        };
        // Answered entries come first, so that no row is sent while an answer to it lies unclaimed.
        let sql = format!(
            "INSERT INTO temp.claims
             WITH r AS (SELECT position, row_id, fingerprint,
                               row_number() OVER (PARTITION BY {partition} ORDER BY position) AS turn
                        FROM temp.loose_rows),
                  e AS (SELECT entry, row_id, fingerprint, status,
                               row_number() OVER (PARTITION BY {partition} ORDER BY status <> 1, status <> 2,
                                   position IS NULL, position, entry) AS turn
                        FROM temp.loose_entries)
             SELECT e.entry, r.position, e.status FROM r JOIN e ON {on} AND r.turn = e.turn"
        );
        self.connection.execute(&sql, []).map(drop)
    }

    fn count(&mut self) -> rusqlite::Result<()> {
        let one = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, u64>(0));
        let moved = one("SELECT count(*) FROM temp.claims WHERE status IN (1, 2)")?;
        let failed = one("SELECT count(*) FROM temp.claims WHERE status = 2")?;
        let on = if self.with_ids { "e.row_id = r.row_id" } else { "e.position = r.position" };
        let unanswered =
            "NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.position = r.position AND c.status IN (1, 2))";
        let changed = one(&format!(
            "SELECT count(*) FROM temp.loose_rows r WHERE {unanswered} AND EXISTS (
                 SELECT 1 FROM temp.loose_entries e WHERE {on} AND e.status <> 0 AND e.fingerprint <> r.fingerprint
                     AND NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.entry = e.entry))"
        ))?;
        let unclaimed = one(&format!("SELECT count(*) FROM temp.loose_rows r WHERE {unanswered}"))?;
        let gone =
            one("SELECT count(*) FROM temp.loose_entries e WHERE e.status <> 0 AND e.position IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.entry = e.entry)")?;
        self.matched.moved += moved;
        self.matched.failed += failed;
        self.matched.changed += changed;
        self.matched.new += unclaimed - changed;
        self.matched.gone = gone - changed.min(gone);
        Ok(())
    }

    fn apply(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(
            "UPDATE entries SET position = NULL, out = 0
                 WHERE position IS NOT NULL AND entry IN (SELECT entry FROM temp.loose_entries);
             DELETE FROM entries WHERE position IS NULL AND status = 0
                 AND entry NOT IN (SELECT entry FROM temp.claims) AND entry IN (SELECT entry FROM temp.loose_entries);
             UPDATE entries SET position = c.position FROM temp.claims c WHERE c.entry = entries.entry;",
        )
    }
}

impl Drop for Matcher<'_> {
    fn drop(&mut self) {
        // A matching that was given up leaves nothing behind.
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}
