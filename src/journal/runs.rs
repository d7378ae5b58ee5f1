//! The beginning and the end of a run, and what is stored of rows before it sends and without a request.

use rusqlite::{ErrorCode, params};

use super::JournalError;
use super::entries::end;
use super::handle::Journal;
use super::high_water_mark::held;
use super::seal::seal_run;
use crate::clock;
use crate::epoch::seconds;
use crate::failpoint::meet;
use crate::note::RequestEnd;
use crate::secrets::hidden;

/// What is entered of a run when it begins.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The version of the program.
    pub program: String,
    /// The settled job, as JSON, without the key.
    pub job: String,
    /// Rows that were out when the run before this one was killed.
    pub in_doubt: u64,
    /// Whether it is known that fanfold's simulator is asked.
    pub simulated: bool,
}

impl Journal {
    /// Enters a run into the journal and gives its number.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn begin_run(&self, record: &RunRecord) -> Result<i64, JournalError> {
        let connection = self.connection();
        let now = seconds(clock::now());
        let sql = "INSERT INTO runs (started_at, last_at, program, job, in_doubt, simulated) VALUES (?1, ?1, ?2, ?3, ?4, ?5)";
        let enter = || {
            let transaction = connection.unchecked_transaction()?;
            // What was out at a kill is counted in the record; from here on only what this run sends is out.
            transaction.execute("UPDATE entries SET out = 0 WHERE out <> 0", [])?;
            transaction.execute(
                sql,
                params![now, record.program, hidden(record.job.clone()), record.in_doubt, record.simulated],
            )?;
            seal_run(&transaction, transaction.last_insert_rowid())?;
            transaction.commit()
        };
        meet("journal.run.before");
        enter().map_err(self.broke())?;
        meet("journal.run.begun");
        Ok(connection.last_insert_rowid())
    }

    /// Enters the end of a run. A run without an end was killed.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn end_run(&self, run: i64, reason: &str) -> Result<(), JournalError> {
        let now = seconds(clock::now());
        let sql = "UPDATE runs SET ended_at = ?2, last_at = ?2, reason = ?3, handed_out = 0 WHERE run = ?1";
        meet("journal.end.before");
        let enter = || {
            let transaction = self.connection().unchecked_transaction()?;
            transaction.execute(sql, params![run, now, reason])?;
            seal_run(&transaction, run)?;
            transaction.commit()
        };
        enter().map_err(self.broke())?;
        meet("journal.end.entered");
        // What is left in the log goes into the journal itself, so that a copy of the one file is whole.
        let checkpoint = self.connection().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        meet("journal.end.in-one-file");
        match checkpoint {
            Err(source) if source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                Err(self.broke()(source))
            }
            // The log holds it as well.
            _ => Ok(()),
        }
    }

    /// Makes rows that have failed after they were sent pending again, among the first `limit` where that is given.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn reopen_failed(&self, limit: Option<u64>) -> Result<(), JournalError> {
        let sql = "UPDATE entries SET status = 'pending', tries = 0 WHERE status = 'failed' AND attempts > 0 AND position < ?1";
        let reopened = self.connection().execute(sql, [limit.unwrap_or(i64::MAX as u64)]);
        reopened.map(drop).map_err(self.broke())
    }

    /// Stores rows that came to their end without a request, in one commit.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn store_unsent(&self, group: &[RequestEnd]) -> Result<(), JournalError> {
        let store = || {
            let transaction = self.connection().unchecked_transaction()?;
            let mut answers = held(&transaction)?;
            let ends = group.iter().map(|ended| ended.clone().without_secrets());
            ends.into_iter().try_for_each(|ended| end(&transaction, &ended, &mut answers))?;
            transaction.commit()
        };
        store().map_err(self.broke())
    }
}
