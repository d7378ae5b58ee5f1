//! The runs of a journal, looking back: what each was, what it spent, and what it left in doubt.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::OptionalExtension;

use super::JournalError;
use super::reader::Reader;
use super::seal::run_is_whole;
use crate::epoch::time;
use crate::history::{Run, Spent};
use crate::outcome::TokenSum;
use crate::reserve::Reserve;

/// An output that a run has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenOutput {
    /// Its path, as the job had it.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
}

impl Reader {
    /// All runs, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, JournalError> {
        let sql = format!(
            "SELECT {}, run, started_at, last_at, ended_at, reason, program, in_doubt, simulated, requests, throttled, faults,
                 prompt_tokens, completion_tokens, total_tokens, cost, reserved_cost + out_cost, reserved_tokens + out_tokens
             FROM runs ORDER BY run",
            run_is_whole()
        );
        // No sum is made of what somebody, or a disk, has changed.
        let runs = self.all(&sql, [], |row| match row.get(0)? {
            true => run(row).map(Ok),
            false => Ok(Err(row.get::<_, i64>(1)?)),
        })?;
        let not_as_stored = |run| self.damaged(format!("the record of run {run} is not what was stored"));
        runs.into_iter().collect::<Result<_, i64>>().map_err(not_as_stored)
    }

    /// The longest answer of all runs, in tokens; 0 where there was none.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn longest_answer(&self) -> Result<u64, JournalError> {
        let sql = "SELECT coalesce(max(longest_answer), 0) FROM runs";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// The job of the last run, as its JSON text; `None` before the first run.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn last_job(&self) -> Result<Option<String>, JournalError> {
        let sql = "SELECT job FROM runs ORDER BY run DESC LIMIT 1";
        self.connection().query_row(sql, [], |row| row.get(0)).optional().map_err(self.failed())
    }

    /// The outputs that were written, the last one first, as far as the journal tells: a run that was killed or broken off
    /// writes none.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn written(&self) -> Result<Vec<WrittenOutput>, JournalError> {
        let sql = "SELECT json_extract(job, '$.output'), json_extract(job, '$.rows') FROM runs
                   WHERE ended_at IS NOT NULL AND reason IS NOT 'broken_off' ORDER BY run DESC LIMIT 1000";
        let outputs = self.all(sql, [], |row| {
            let (path, rows): (Option<String>, Option<u64>) = (row.get(0)?, row.get(1)?);
            Ok(path.zip(rows).map(|(path, rows)| WrittenOutput { path: path.into(), rows }))
        });
        Ok(outputs?.into_iter().flatten().collect())
    }

    /// Whether a run was answered by the service at an address.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_answers_from(&self, base_url: &str) -> Result<bool, JournalError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM runs WHERE answers > 0 AND json_extract(job, '$.base_url') = ?1)";
        self.connection().query_row(sql, [base_url], |row| row.get(0)).map_err(self.failed())
    }

    /// Rows that were out when the last run was killed; 0 when it ended in order. To be asked before a matching moves
    /// entries and before the next run begins.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn in_doubt(&self) -> Result<u64, JournalError> {
        let sql = "SELECT max(0, handed_out - (SELECT count(*) FROM entries WHERE position < handed_out))
                       + (SELECT count(*) FROM entries WHERE out = 1 AND position IS NOT NULL)
                   FROM runs WHERE run = (SELECT max(run) FROM runs) AND ended_at IS NULL";
        let rows = self.connection().query_row(sql, [], |row| row.get(0)).optional();
        Ok(rows.map_err(self.failed())?.unwrap_or(0))
    }
}

/// A run, in columns from the second on.
fn run(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    let (started, last): (f64, f64) = (row.get(2)?, row.get(3)?);
    Ok(Run {
        number: row.get(1)?,
        started_at: time(started),
        last_at: time(last),
        ended_at: row.get::<_, Option<f64>>(4)?.map(time),
        reason: row.get(5)?,
        program: row.get(6)?,
        in_doubt: row.get(7)?,
        simulated: row.get(8)?,
        spent: Spent {
            requests: row.get(9)?,
            throttled: row.get(10)?,
            faults: row.get(11)?,
            usage: TokenSum {
                prompt_tokens: row.get(12)?,
                completion_tokens: row.get(13)?,
                total_tokens: row.get(14)?,
            },
            cost: row.get(15)?,
            reserved: Reserve { cost: row.get(16)?, tokens: row.get(17)? },
            duration: Duration::try_from_secs_f64(last - started).unwrap_or_default(),
        },
    })
}
