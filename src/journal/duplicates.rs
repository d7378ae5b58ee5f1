//! Rows with equal requests that are sent once: which of them go out, and who gets their answer.

use rusqlite::params;

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;
use super::seal::record_of;
use crate::failpoint::meet;
use crate::note::RowKey;
use crate::outcome::Status;
use crate::request::Fingerprint;

/// Knows which requests are answered or on their way. It lives on disk: memory does not grow with the rows.
#[derive(Debug)]
pub struct Sharing<'r> {
    reader: &'r Reader,
}

impl Reader {
    /// Begins with the requests that the journal has answers to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn sharing(&self) -> Result<Sharing<'_>, JournalError> {
        let sql = "PRAGMA temp_store = FILE;
                   DROP TABLE IF EXISTS temp.requests;
                   CREATE TEMP TABLE requests (fingerprint BLOB PRIMARY KEY) WITHOUT ROWID;
                   INSERT OR IGNORE INTO requests SELECT fingerprint FROM entries WHERE status = 'ok';";
        self.connection().execute_batch(sql).map_err(self.failed())?;
        Ok(Sharing { reader: self })
    }
}

impl Sharing<'_> {
    /// Whether a request has to go out: it has no answer, and no other row has sent it.
    ///
    /// # Errors
    ///
    /// When the temporary table cannot be written.
    pub fn goes_out(&self, fingerprint: &Fingerprint) -> Result<bool, JournalError> {
        let sql = "INSERT OR IGNORE INTO temp.requests VALUES (?1)";
        let statement = self.reader.connection().prepare_cached(sql);
        let inserted = statement.and_then(|mut statement| statement.execute([fingerprint.0]));
        inserted.map(|rows| rows == 1).map_err(self.reader.failed())
    }
}

/// Gives rows the answers of others with the same request, and their failures too.
#[derive(Debug)]
pub struct Sharer<'j> {
    journal: &'j Journal,
    shared: Shared,
}

/// How many rows share another's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// An answer.
    pub ok: u64,
    /// A failure.
    pub failed: u64,
}

impl Journal {
    /// Gives all entries that have failed the answer to the same request that another has, whether a row claims them at
    /// present or not: an answer beats a failure, whichever came first, except one of these codes, which may be right for its row alone. Returns how many of them are before `limit`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn heal(&self, limit: Option<u64>, except: &[&str]) -> Result<u64, JournalError> {
        let sql = "UPDATE entries SET status = 'ok', out = 0, shares = x.answered, answer = NULL, error_code = NULL, error = x.error,
                       simulated = x.simulated
                   FROM (SELECT fingerprint, min(entry) AS answered, simulated, error FROM entries
                         WHERE status = 'ok' AND shares IS NULL
                             AND fingerprint IN (SELECT fingerprint FROM entries WHERE status = 'failed')
                         GROUP BY fingerprint) x
                   WHERE entries.status = 'failed' AND entries.fingerprint = x.fingerprint
                       AND entries.error_code NOT IN (SELECT value FROM json_each(?1))
                   RETURNING position";
        let limit = limit.unwrap_or(u64::MAX);
        let healed = || {
            let mut statement = self.connection().prepare(sql)?;
            let except = serde_json::Value::from(except).to_string();
            let mut rows = statement.query([except])?;
            let mut healed = 0;
            while let Some(row) = rows.next()? {
                healed += u64::from(row.get::<_, Option<u64>>(0)?.is_some_and(|position| position < limit));
            }
            Ok(healed)
        };
        healed().map_err(self.broke())
    }

    /// Begins to give rows the ends of others; nothing is stored before [`Sharer::finish`].
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn sharer(&self) -> Result<Sharer<'_>, JournalError> {
        let sql = "PRAGMA temp_store = FILE;
                   DROP TABLE IF EXISTS temp.ends;
                   CREATE TEMP TABLE ends (fingerprint BLOB PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID;
                   INSERT OR IGNORE INTO ends SELECT fingerprint, entry FROM entries
                       WHERE status IN ('ok', 'failed') AND shares IS NULL ORDER BY status = 'ok' DESC;
                   BEGIN;";
        self.connection().execute_batch(sql).map_err(self.reader().failed())?;
        Ok(Sharer { journal: self, shared: Shared::default() })
    }
}

impl Sharer<'_> {
    /// Gives a row the end of another row with the same request, if there is one; an answer rather than a failure. An
    /// answer of its own that made it fail before is its end no more. What another request left in its place stays there
    /// until the row is planned.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn share(&mut self, row: &RowKey) -> Result<(), JournalError> {
        let sql = "INSERT INTO entries (position, row_id, fingerprint, status, shares, error_code, error, simulated, record,
                       part, parts)
                   SELECT ?1, ?2, e.fingerprint, e.status, e.entry, e.error_code, e.error, e.simulated, ?4, ?5, ?6
                   FROM temp.ends x JOIN entries e ON e.entry = x.entry
                   WHERE x.fingerprint = ?3 AND e.position IS NOT ?1
                   ON CONFLICT (position) DO UPDATE SET status = excluded.status, shares = excluded.shares,
                       answer = NULL, error_code = excluded.error_code, error = excluded.error,
                       simulated = excluded.simulated, row_id = coalesce(excluded.row_id, row_id), record = excluded.record,
                       part = excluded.part, parts = excluded.parts
                       WHERE fingerprint = excluded.fingerprint
                   RETURNING status";
        let failed = self.journal.reader().failed();
        let mut statement = self.journal.connection().prepare_cached(sql).map_err(&failed)?;
        let id = row.id.as_ref().map(|id| id.as_str());
        let values =
            params![row.position, id, row.fingerprint.0, record_of(row), row.part.number, row.part.count];
        let mut rows = statement.query(values).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            match row.get(0).map_err(&failed)? {
                Status::Ok => self.shared.ok += 1,
                _ => self.shared.failed += 1,
            }
        }
        Ok(())
    }

    /// Stores what was shared.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn finish(self) -> Result<Shared, JournalError> {
        meet("journal.share.before");
        self.journal.connection().execute_batch("COMMIT").map_err(self.journal.broke())?;
        meet("journal.share.after");
        Ok(self.shared)
    }
}

impl Drop for Sharer<'_> {
    fn drop(&mut self) {
        let connection = self.journal.connection();
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}
