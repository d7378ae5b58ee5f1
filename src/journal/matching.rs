//! Which rows of the input already have their answer: kept, moved, changed, new.
//!
//! The common case, in which nothing moved, is a merge of two streams in the order of position. Only what does not
//! fit there goes into two temporary tables on disk, which are joined at the end; memory does not grow with the rows.
//! The journal's entries come with the rows, a page at a time and not held in between, so that a run can write meanwhile.

mod join;

use rusqlite::{Connection, OptionalExtension, params};

use super::JournalError;
use super::cursors::Entry;
use super::reader::Reader;
use super::seal::record_of;
use super::survey::Survey;
use crate::failpoint::meet;
use crate::note::RowKey;
use crate::outcome::Status;

/// How the rows of the input relate to the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matched {
    /// Rows that stand where they stood, with the request they had, and have their answer or have failed.
    pub kept: u64,
    /// Rows whose answer was found for a row that stood elsewhere, was named otherwise, or was gone for a while.
    pub moved: u64,
    /// Rows without an answer whose place, or identifier, had another request before.
    pub changed: u64,
    /// All other rows.
    pub new: u64,
    /// Of the kept and moved rows, those that have failed.
    pub failed: u64,
    /// Entries whose row is not in the input any more. Their answers are kept.
    pub gone: u64,
    /// Requests that go out: of the changed and new rows, those that have a request, and where equal ones share their answer,
    /// one of each.
    pub to_send: u64,
    /// Changed and new rows that have no request to send.
    pub unsendable: u64,
}

impl Matched {
    /// Rows without an answer or a failure.
    pub fn unanswered(&self) -> u64 {
        self.changed + self.new
    }

    /// Rows that will have the answer of another one.
    pub fn shared(&self) -> u64 {
        self.unanswered().saturating_sub(self.to_send + self.unsendable)
    }
}

/// What a row of the input was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It stands where it stood, with its answer.
    Kept,
    /// It may have an answer that stood elsewhere, or keep its failure, which is known at the end.
    Loose,
    /// It has no answer.
    New,
}

/// How rows are matched.
#[derive(Debug, Clone, Copy, Default)]
pub struct MatchRules {
    /// The job names rows by a column.
    pub with_ids: bool,
    /// Rows with equal requests share an answer.
    pub shares: bool,
}

/// Matches rows, in the order of the input, against the entries of a journal.
#[derive(Debug)]
pub struct Matcher<'r> {
    reader: &'r Reader,
    /// There is no entry at this position or beyond.
    end: u64,
    /// Whether a row that does not stand in its place may find its answer elsewhere.
    may_be_loose: bool,
    with_ids: bool,
    shares: bool,
    matched: Matched,
    rows: u64,
    survey: Option<Survey>,
    tables_stay: bool,
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

/// Made where [`NO_TABLES`] has left none.
const TABLES: &str = "
PRAGMA temp_store = FILE;
CREATE TEMP TABLE records (entry INTEGER PRIMARY KEY, record BLOB, part INTEGER NOT NULL, parts INTEGER NOT NULL);
CREATE TEMP TABLE loose_rows (position INTEGER PRIMARY KEY, row_id TEXT UNIQUE, fingerprint BLOB NOT NULL,
    sendable INTEGER NOT NULL, record BLOB, part INTEGER NOT NULL, parts INTEGER NOT NULL);
CREATE TEMP TABLE asked (fingerprint BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE loose_entries (entry INTEGER PRIMARY KEY, position INTEGER, row_id TEXT, fingerprint BLOB NOT NULL,
    status TEXT NOT NULL);
CREATE TEMP TABLE claims (entry INTEGER PRIMARY KEY, position INTEGER NOT NULL UNIQUE, status TEXT NOT NULL);
INSERT INTO temp.loose_entries SELECT entry, NULL, row_id, fingerprint, status FROM entries
    WHERE position IS NULL AND status <> 'dropped' AND over IS NULL;
";

const NO_TABLES: &str = "
DROP TABLE IF EXISTS temp.loose_rows;
DROP TABLE IF EXISTS temp.loose_entries;
DROP TABLE IF EXISTS temp.claims;
DROP TABLE IF EXISTS temp.asked;
DROP TABLE IF EXISTS temp.records;
";

impl Reader {
    /// Begins a matching. The journal itself is not changed before [`Matcher::finish`], and only if that is asked to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn matcher(&self, rules: MatchRules) -> Result<Matcher<'_>, JournalError> {
        let MatchRules { with_ids, shares } = rules;
        let mut matcher = Matcher {
            reader: self,
            end: 0,
            may_be_loose: false,
            with_ids,
            shares,
            matched: Matched::default(),
            rows: 0,
            survey: None,
            tables_stay: false,
        };
        matcher.batch(NO_TABLES)?;
        matcher.batch(TABLES)?;
        let found = "SELECT 1 FROM temp.loose_entries LIMIT 1";
        let found = self.connection().query_row(found, [], |_| Ok(())).optional();
        matcher.may_be_loose = found.map_err(self.failed())?.is_some();
        let end = "SELECT coalesce(max(position) + 1, 0) FROM entries WHERE over IS NULL";
        matcher.end = self.connection().query_row(end, [], |row| row.get(0)).map_err(self.failed())?;
        matcher.batch("BEGIN")?;
        Ok(matcher)
    }
}

impl Matcher<'_> {
    fn batch(&self, sql: &str) -> Result<(), JournalError> {
        self.connection().execute_batch(sql).map_err(self.reader.broke())
    }

    fn connection(&self) -> &Connection {
        self.reader.connection()
    }

    /// Takes the next row of the input, which is as it was when its entry was stored, and answered.
    pub fn known(&mut self, position: u64) {
        self.rows = position + 1;
        self.matched.kept += 1;
    }

    /// Takes the next row of the input, which has a request or not (`sendable`), with the entry in its place.
    ///
    /// # Errors
    ///
    /// When another row has the same identifier, or the journal cannot be read.
    pub fn row(&mut self, key: &RowKey, sendable: bool, entry: Option<&Entry>) -> Result<Fit, MatchError> {
        self.rows = key.position + 1;
        match entry {
            Some(entry) if self.fits(entry, key) => {
                self.matched.kept += 1;
                self.note_record(entry, key)?;
                return Ok(Fit::Kept);
            }
            Some(entry) => {
                self.loosen_entry(entry)?;
                self.loosen_row(key, sendable)?;
            }
            None if self.may_find_an_entry() || self.with_ids => self.loosen_row(key, sendable)?,
            // Behind the last entry, with none that was set loose: as most rows are of a job that was stopped half-way.
            None => {
                self.matched.new += 1;
                match sendable {
                    false => self.matched.unsendable += 1,
                    true if self.shares => self.ask(key)?,
                    true => self.matched.to_send += 1,
                }
                return Ok(Fit::New);
            }
        }
        Ok(Fit::Loose)
    }

    fn ask(&self, key: &RowKey) -> Result<(), JournalError> {
        let asked = self
            .connection()
            .prepare_cached("INSERT OR IGNORE INTO temp.asked VALUES (?1)")
            .and_then(|mut statement| statement.execute([key.fingerprint.0]));
        asked.map(drop).map_err(self.reader.failed())
    }

    /// Whether there can be an entry for a row that has none in its place.
    fn may_find_an_entry(&self) -> bool {
        self.may_be_loose || self.rows < self.end
    }

    /// Whether a row has its answer in place. A failure is settled at the end: an answer may have been left over by then.
    fn fits(&self, entry: &Entry, key: &RowKey) -> bool {
        entry.status == Status::Ok
            && entry.fingerprint == key.fingerprint
            && (!self.with_ids || entry.id == key.id)
    }

    /// A row that is written otherwise by now, or was not known by that, is known by it from now on.
    fn note_record(&self, entry: &Entry, key: &RowKey) -> Result<(), JournalError> {
        let record = record_of(key);
        if record == entry.record && key.part == entry.part {
            return Ok(());
        }
        let sql = "INSERT OR IGNORE INTO temp.records VALUES (?1, ?2, ?3, ?4)";
        let values = params![entry.number, record, key.part.number, key.part.count];
        let noted = self.connection().prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        noted.map(drop).map_err(self.reader.failed())
    }

    fn loosen_entry(&mut self, entry: &Entry) -> Result<(), JournalError> {
        // It can be there already when a run that has just begun gave it a place meanwhile.
        let sql = "INSERT OR IGNORE INTO temp.loose_entries VALUES (?1, ?2, ?3, ?4, ?5)";
        self.may_be_loose = true;
        let id = entry.id.as_ref().map(|id| id.as_str());
        let values = params![entry.number, entry.position, id, entry.fingerprint.0, entry.status];
        let inserted =
            self.connection().prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        inserted.map(drop).map_err(self.reader.failed())
    }

    fn loosen_behind_the_last_row(&self) -> Result<(), JournalError> {
        let sql = "INSERT OR IGNORE INTO temp.loose_entries
                   SELECT entry, position, row_id, fingerprint, status FROM entries WHERE position >= ?1 AND over IS NULL";
        self.connection().execute(sql, [self.rows]).map(drop).map_err(self.reader.failed())
    }

    fn loosen_row(&mut self, key: &RowKey, sendable: bool) -> Result<(), MatchError> {
        let failed = self.reader.failed();
        let id = key.id.as_ref().map(|id| id.as_str()).filter(|_| self.with_ids);
        let sql =
            "INSERT INTO temp.loose_rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (row_id) DO NOTHING";
        let mut statement = self.connection().prepare_cached(sql).map_err(&failed)?;
        let (part, record) = (key.part, record_of(key));
        let values = params![key.position, id, key.fingerprint.0, sendable, record, part.number, part.count];
        let inserted = statement.execute(values).map_err(&failed)?;
        match (inserted, id) {
            (0, Some(id)) => {
                let sql = "SELECT position FROM temp.loose_rows WHERE row_id = ?1";
                let first = self.connection().query_row(sql, [id], |row| row.get(0)).map_err(&failed)?;
                Err(MatchError::Duplicate(DuplicateId { id: id.to_owned(), first, second: key.position }))
            }
            _ => Ok(()),
        }
    }

    /// Says what is known of the rows as a whole, which is kept when the matching is applied.
    pub fn surveyed(&mut self, survey: Option<Survey>) {
        self.survey = survey;
    }

    /// Joins what did not fit in place, and counts. With `apply`, the journal is brought to the present input: each
    /// claimed entry gets its row's position, every other one none. When the input was `limited` to its first rows,
    /// entries past the last of them can be claimed, and stand where they are otherwise. Without `apply`, the temporary
    /// tables stay, for [`Reader::results_as_matched`](super::reader::Reader::results_as_matched).
    ///
    /// # Errors
    ///
    /// When two rows have one identifier, or the journal cannot be read or written.
    pub fn finish(mut self, limited: bool, apply: bool) -> Result<Matched, MatchError> {
        if !limited {
            self.loosen_behind_the_last_row()?;
        }
        self.batch("COMMIT")?;
        // To apply means to write: whoever else is about to write is waited for here, once.
        self.batch(if apply { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        self.join(limited, apply)?;
        meet("journal.match.before");
        self.batch("COMMIT")?;
        meet("journal.match.after");
        self.tables_stay = !apply;
        Ok(self.matched)
    }
}

impl Drop for Matcher<'_> {
    fn drop(&mut self) {
        // A matching that was applied or given up leaves nothing behind.
        if !self.connection().is_autocommit() {
            let _ = self.connection().execute_batch("ROLLBACK");
        }
        if !self.tables_stay {
            let _ = self.connection().execute_batch(NO_TABLES);
        }
    }
}
