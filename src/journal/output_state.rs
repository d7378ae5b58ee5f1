//! What the job's output was last written from: one that would come out the same need not be written again.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, params};

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;
use super::seal::Digest;

/// An output as it was written, with every row answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputState {
    /// What tells the job and the form of its output from any others.
    pub job: String,
    /// What tells the file, as it was left, from any other and from any later state of its own.
    pub file: String,
    /// What the journal said of its rows and their results.
    pub results: [u8; 16],
    /// Its rows.
    pub rows: u64,
    /// Of these, those that a simulator has answered.
    pub simulated: u64,
}

impl Reader {
    /// What tells the first rows, as they are written, and their results from any others: each answer is one step, which
    /// never changes; its warnings can. `None` where one of the rows is not known by its record, as those of Parquet are not.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn results_digest(&self, rows: u64) -> Result<Option<[u8; 16]>, JournalError> {
        let sql = "SELECT record, position, entry, status, attempts, answer, shares, cost, error FROM entries
                   WHERE position < ?1 ORDER BY position";
        let mut digest = Digest::default();
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        let mut entries = statement.query([rows]).map_err(self.failed())?;
        while let Some(entry) = entries.next().map_err(self.failed())? {
            if entry.get_ref(0).map_err(self.failed())? == ValueRef::Null {
                return Ok(None);
            }
            for column in 0..9 {
                digest.add(entry.get_ref(column).map_err(self.failed())?);
            }
        }
        Ok(Some(digest.finish()))
    }

    /// The output as it was last written, where that is known.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn output_state(&self) -> Result<Option<OutputState>, JournalError> {
        let sql = "SELECT job, file, results, rows, simulated FROM output";
        let state = self.connection().query_row(sql, [], |row| {
            Ok(OutputState {
                job: row.get(0)?,
                file: row.get(1)?,
                results: row.get(2)?,
                rows: row.get(3)?,
                simulated: row.get(4)?,
            })
        });
        state.optional().map_err(self.failed())
    }
}

impl Journal {
    /// Keeps what the output was written from; nothing where one of its rows is not answered.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn keep_output_state(&self, state: Option<&OutputState>) -> Result<(), JournalError> {
        let keep = || {
            let transaction = self.connection().unchecked_transaction()?;
            transaction.execute("DELETE FROM output", [])?;
            if let Some(OutputState { job, file, results, rows, simulated }) = state {
                let sql = "INSERT INTO output VALUES (?1, ?2, ?3, ?4, ?5)";
                transaction.execute(sql, params![job, file, results, rows, simulated])?;
            }
            transaction.commit()
        };
        keep().map_err(self.broke())
    }
}
