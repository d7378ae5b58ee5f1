//! What fanfold's simulator has said in a rehearsal: how much of it a journal holds, and how it goes once a service is asked.

use rusqlite::params;

use super::JournalError;
use super::handle::Journal;
use super::pruning::{CLAIMS, TABLE, TEXTS};
use super::reader::Reader;
use super::seal::RESEAL_DROPPED;
use crate::clock;
use crate::epoch::seconds;
use crate::failpoint::meet;

/// What a journal holds of a simulator's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Rows of the present input that have its answers.
    pub answers: u64,
    /// Rows with anything from it, failures and such as are not in the input any more included.
    pub rows: u64,
}

impl Reader {
    /// What of a simulator's the journal holds for its rows.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn simulated(&self) -> Result<Simulated, JournalError> {
        let sql = "SELECT coalesce(sum(status = 'ok' AND position IS NOT NULL), 0), count(*)
                   FROM entries WHERE simulated <> 0 AND status <> 'dropped'";
        let found = self
            .connection()
            .query_row(sql, [], |row| Ok(Simulated { answers: row.get(0)?, rows: row.get(1)? }));
        found.map_err(self.failed())
    }

    /// Whether a run that asked at this address heard a simulator.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_heard_a_simulator_at(&self, base_url: &str) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE simulated <> 0 AND json_extract(job, '$.base_url') = ?1)";
        self.connection().query_row(sql, [base_url], |row| row.get(0)).map_err(self.failed())
    }
}

impl Journal {
    /// Drops what a simulator has said, all of it or nothing: it is no answer to a row of a real job. Gives how many answers of
    /// the present input that were. That they were given stays, as it does of what `prune` drops.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn drop_simulated(&self) -> Result<u64, JournalError> {
        let dropped = || {
            self.connection().execute_batch(TABLE)?;
            let transaction = self.connection().unchecked_transaction()?;
            let all = "INSERT INTO temp.dropped SELECT entry FROM entries WHERE simulated <> 0 AND status <> 'dropped'";
            transaction.execute(all, [])?;
            let sql = "SELECT count(*) FROM temp.dropped d JOIN entries e ON e.entry = d.entry
                       WHERE e.status = 'ok' AND e.position IS NOT NULL";
            let answers = transaction.query_row(sql, [], |row| row.get(0))?;
            transaction.execute_batch(TEXTS)?;
            transaction.execute(RESEAL_DROPPED, [])?;
            let gone = "UPDATE entries SET position = NULL, record = NULL, gone_at = coalesce(gone_at, ?1)
                        WHERE entry IN (SELECT entry FROM temp.dropped)";
            transaction.execute(gone, params![seconds(clock::now())])?;
            transaction.execute_batch(CLAIMS)?;
            meet("journal.simulated.inside");
            transaction.commit()?;
            Ok(answers)
        };
        dropped().map_err(self.broke())
    }
}
