//! Looking back over a whole journal, record after record: nothing is kept, whatever the number of rows.

use rusqlite::types::{FromSqlError, ValueRef};
use rusqlite::{OptionalExtension, Row};

use super::JournalError;
use super::reader::Reader;
use super::steps::usage;
use crate::history::{FailedRow, PastAnswer, PastFault, PastHeld, PastOrder, PastRun};

impl Reader {
    /// Visits every paid answer, in the order in which they were stored.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_answer(&self, mut visit: impl FnMut(&PastAnswer<'_>)) -> Result<(), JournalError> {
        let sql =
            "SELECT entry, sent_at, latency_ms, prompt_tokens, completion_tokens, total_tokens, cached_tokens,
                 reasoning_tokens, finish_reason, model, cost, next IS NULL FROM steps ORDER BY step";
        self.each(sql, |row| {
            visit(&PastAnswer {
                entry: row.get(0)?,
                sent_at: row.get(1)?,
                latency_ms: row.get(2)?,
                usage: usage(row, 3)?,
                finish_reason: text(row, 8)?,
                model: text(row, 9)?,
                cost: row.get(10)?,
                is_last: row.get(11)?,
            });
            Ok(())
        })
    }

    /// Visits every request that brought no answer, in the order in which they were stored.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_fault(&self, mut visit: impl FnMut(&PastFault<'_>)) -> Result<(), JournalError> {
        let sql =
            "SELECT sent_at, latency_ms, kind = 'throttled', status, code, message, total_tokens, cost FROM faults
             ORDER BY fault";
        self.each(sql, |row| {
            visit(&PastFault {
                sent_at: row.get(0)?,
                latency_ms: row.get(1)?,
                throttled: row.get(2)?,
                status: row.get(3)?,
                code: text(row, 4)?.unwrap_or_default(),
                message: text(row, 5)?.unwrap_or_default(),
                total_tokens: row.get(6)?,
                cost: row.get(7)?,
            });
            Ok(())
        })
    }

    /// Visits every row of the present input that has failed, in the order of the input.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_failed_row(&self, mut visit: impl FnMut(&FailedRow<'_>)) -> Result<(), JournalError> {
        let sql = "SELECT position, row_id, error_code, error FROM entries
                   WHERE status = 'failed' AND position IS NOT NULL ORDER BY position";
        self.each(sql, |row| {
            visit(&FailedRow {
                position: row.get(0)?,
                id: text(row, 1)?,
                code: text(row, 2)?.unwrap_or_default(),
                message: text(row, 3)?.unwrap_or_default(),
            });
            Ok(())
        })
    }

    /// What held the runs back, minute by minute.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_held(&self, mut visit: impl FnMut(&PastHeld)) -> Result<(), JournalError> {
        self.each("SELECT run, minute, cause, seconds FROM held ORDER BY run, minute, cause", |row| {
            let (run, minute, cause, seconds) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            visit(&PastHeld { run, minute, cause, seconds });
            Ok(())
        })
    }

    /// What has held the last run back since a minute, counted from 1970: each cause with its seconds, the longest first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn held_since(&self, minute: i64) -> Result<Vec<(String, f64)>, JournalError> {
        let sql = "SELECT cause, sum(seconds) FROM held
                   WHERE run = (SELECT max(run) FROM runs) AND minute >= ?1 GROUP BY 1 ORDER BY 2 DESC";
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let causes = statement.query_map([minute], |row| Ok((row.get(0)?, row.get(1)?)));
        causes.and_then(Iterator::collect).map_err(self.failed())
    }

    /// What somebody told the job while it ran: the last orders, the first of them first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn past_orders(&self, most: u32) -> Result<Vec<PastOrder>, JournalError> {
        let sql = "SELECT key, value, given_at, run FROM (SELECT * FROM orders ORDER BY number DESC LIMIT ?1)
                   ORDER BY number";
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let orders = statement.query_map([most], |row| {
            Ok(PastOrder { key: row.get(0)?, value: row.get(1)?, given_at: row.get(2)?, run: row.get(3)? })
        });
        orders.and_then(Iterator::collect).map_err(self.failed())
    }

    /// Every run as it is kept, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn past_runs(&self) -> Result<Vec<PastRun>, JournalError> {
        let sql =
            "SELECT run, started_at, last_at, ended_at IS NOT NULL, reason, program, job, requests, throttled,
                 faults, total_tokens, cost, in_doubt, reserved_tokens + out_tokens, reserved_cost + out_cost
             FROM runs ORDER BY run";
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let runs = statement.query_map([], |row| {
            Ok(PastRun {
                number: row.get(0)?,
                started_at: row.get(1)?,
                last_at: row.get(2)?,
                ended: row.get(3)?,
                reason: row.get(4)?,
                program: row.get(5)?,
                job: row.get(6)?,
                requests: row.get(7)?,
                throttled: row.get(8)?,
                faults: row.get(9)?,
                total_tokens: row.get(10)?,
                cost: row.get(11)?,
                in_doubt: row.get(12)?,
                reserved_tokens: row.get(13)?,
                reserved_cost: row.get(14)?,
            })
        });
        runs.and_then(Iterator::collect).map_err(self.failed())
    }

    /// The row an entry belongs to: its position and its identifier; `None` when no row claims it at present.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn row_of(&self, entry: i64) -> Result<Option<(u64, Option<String>)>, JournalError> {
        let sql = "SELECT position, row_id FROM entries WHERE entry = ?1 AND position IS NOT NULL";
        let row = self.connection().query_row(sql, [entry], |row| Ok((row.get(0)?, row.get(1)?)));
        row.optional().map_err(self.failed())
    }

    fn each(
        &self,
        sql: &str,
        mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            visit(row).map_err(self.failed())?;
        }
        Ok(())
    }
}

/// A text that is only looked at; `None` where there is none, or where it is no UTF-8.
fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => Ok(std::str::from_utf8(bytes).ok()),
        value => {
            let kind = value.data_type();
            Err(rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(FromSqlError::InvalidType)))
        }
    }
}
