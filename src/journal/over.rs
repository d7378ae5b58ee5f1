//! Answers over answers: found by their request, since they belong to no place.

use rusqlite::{OptionalExtension, params};

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;
use crate::clock;
use crate::epoch::seconds;
use crate::note::{OverKind, RowKey};
use crate::outcome::Status;
use crate::request::Fingerprint;

/// What the journal says of a request over answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverEntry {
    /// Its number in the journal.
    pub number: i64,
    /// Its place, while it is to be sent.
    pub position: Option<u64>,
    /// What became of it so far.
    pub status: Status,
    /// Tries that count against its allowance.
    pub tries: u32,
    /// Whether the service cut the last answer.
    pub cut: bool,
}

impl Reader {
    /// The entry of a request over answers.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn entry_over(&self, request: Fingerprint) -> Result<Option<OverEntry>, JournalError> {
        // Of several, one that is answered.
        let sql = "SELECT entry, status, tries, error_code IS 'cut_by_server', position FROM entries
                   WHERE over IS NOT NULL AND fingerprint = ?1 ORDER BY status = 'ok' DESC, entry LIMIT 1";
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        let entry = statement.query_row([request.0], |row| {
            Ok(OverEntry {
                number: row.get(0)?,
                status: row.get(1)?,
                tries: row.get(2)?,
                cut: row.get(3)?,
                position: row.get(4)?,
            })
        });
        entry.optional().map_err(self.failed())
    }

    /// The number of the entry of the merge of the row with an identifier.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn entry_of_merge(&self, id: &str) -> Result<Option<i64>, JournalError> {
        let sql =
            "SELECT entry FROM entries WHERE over IS NOT NULL AND row_id = ?1 || '#merge' AND gone_at IS NULL
                   ORDER BY entry DESC LIMIT 1";
        self.connection().query_row(sql, [id], |row| row.get(0)).optional().map_err(self.failed())
    }

    /// The first position behind all entries.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn end(&self) -> Result<u64, JournalError> {
        let sql = "SELECT coalesce(max(position) + 1, 0) FROM entries";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }
}

impl Journal {
    /// Begins to look at the requests over answers of a kind, in one transaction: those that are not [seen](Self::saw_over) again
    /// before [`Journal::end_over`] are gone.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn begin_over(&self, kind: OverKind) -> Result<(), JournalError> {
        let begin = || {
            self.connection().execute_batch("BEGIN IMMEDIATE")?;
            let sql = "UPDATE entries SET gone_at = coalesce(gone_at, ?2) WHERE over = ?1";
            self.connection().execute(sql, params![kind.as_str(), seconds(clock::now())])
        };
        begin().map(drop).map_err(self.broke())
    }

    /// Notes that the job makes the request of an entry.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn saw_over(&self, entry: i64) -> Result<(), JournalError> {
        let sql = "UPDATE entries SET gone_at = NULL WHERE entry = ?1";
        let saw = self.connection().prepare_cached(sql).and_then(|mut statement| statement.execute([entry]));
        saw.map(drop).map_err(self.broke())
    }

    /// Stores what was seen and opened; or nothing of it, if not all of it was `whole`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn end_over(&self, whole: bool) -> Result<(), JournalError> {
        self.connection().execute_batch(if whole { "COMMIT" } else { "ROLLBACK" }).map_err(self.broke())
    }

    /// Gives a request over answers that is to be sent its place; `known` is its entry, if it has one.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn open_over(&self, key: &RowKey, known: Option<i64>) -> Result<(), JournalError> {
        let (id, over) = (key.id.as_ref().map(|id| id.as_str()), key.over.map(OverKind::as_str));
        let open = || match known {
            Some(entry) => {
                let sql = "UPDATE entries SET position = ?2, status = 'pending', tries = CASE status WHEN 'failed' THEN 0 ELSE tries END
                           WHERE entry = ?1";
                self.connection().prepare_cached(sql)?.execute(params![entry, key.position])
            }
            None => {
                let sql = "INSERT INTO entries (position, row_id, fingerprint, over) VALUES (?1, ?2, ?3, ?4)";
                self.connection().prepare_cached(sql)?.execute(params![
                    key.position,
                    id,
                    key.fingerprint.0,
                    over
                ])
            }
        };
        open().map(drop).map_err(self.broke())
    }

    /// Takes requests over answers from their places, once none is sent any more; those that have failed stay, to be shown.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn settle_over(&self) -> Result<(), JournalError> {
        let sql = "UPDATE entries SET position = NULL, out = 0 WHERE over IS NOT NULL AND status <> 'failed'";
        self.connection().execute(sql, []).map(drop).map_err(self.broke())
    }
}
