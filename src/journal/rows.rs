//! The rows of the present input, looking back: how many there are of each state, which is which, and why some failed.

use std::ops::Range;

use rusqlite::{OptionalExtension, Params};

use super::JournalError;
use super::codec::{read_texts, text};
use super::reader::Reader;
use crate::history::FailedRow;
use crate::note::EntryPart;
use crate::outcome::Status;
use crate::request::Fingerprint;

/// Rows by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub failed: u64,
    /// Sent, and without an answer yet.
    pub pending: u64,
}

/// Rows that failed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// The code.
    pub code: String,
    /// How many rows.
    pub rows: u64,
    /// The position of one of them.
    pub example: u64,
    /// Its identifier, in a job that names the column.
    pub id: Option<String>,
    /// Its message.
    pub message: String,
}

/// Where the entry of a row's piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceEntry {
    /// Its place among all requests.
    pub position: u64,
    /// Which piece it is.
    pub part: EntryPart,
}

impl Reader {
    /// The entries of the pieces of the row with an identifier, in order.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn pieces_of(&self, id: &str) -> Result<Vec<PieceEntry>, JournalError> {
        let sql = "SELECT position, part, parts FROM entries
                   WHERE row_id = ?1 || '#' || (part + 1) AND position IS NOT NULL ORDER BY position";
        self.all(sql, [id], piece_entry)
    }

    /// The entries at some positions, in order.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn pieces_at(&self, positions: Range<u64>) -> Result<Vec<PieceEntry>, JournalError> {
        let sql = "SELECT position, part, parts FROM entries WHERE position >= ?1 AND position < ?2 ORDER BY position";
        self.all(sql, [positions.start, positions.end], piece_entry)
    }

    /// Rows of the present input by their state, among its first `rows` where that is given.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn counts(&self, rows: Option<u64>) -> Result<StateCounts, JournalError> {
        let sql = "SELECT status, count(*) FROM entries WHERE position < ?1 AND over IS NULL GROUP BY status";
        self.counted(sql, [rows.unwrap_or(i64::MAX as u64)])
    }

    /// The present requests over answers by their state; none if there are none.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn counts_over(&self) -> Result<Option<StateCounts>, JournalError> {
        let sql =
            "SELECT status, count(*) FROM entries WHERE over IS NOT NULL AND gone_at IS NULL GROUP BY status";
        Ok(Some(self.counted(sql, [])?).filter(|counts| *counts != StateCounts::default()))
    }

    /// Requests of the present input whose answers have warnings, among its first `rows` where that is given.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn warned(&self, rows: Option<u64>) -> Result<u64, JournalError> {
        let sql = "SELECT count(*) FROM entries
                   WHERE position < ?1 AND over IS NULL AND status = 'ok' AND error IS NOT NULL";
        let rows = rows.unwrap_or(i64::MAX as u64);
        self.connection().query_row(sql, [rows], |row| row.get(0)).map_err(self.failed())
    }

    fn counted(&self, sql: &str, values: impl Params) -> Result<StateCounts, JournalError> {
        let found: Vec<(Status, u64)> = self.all(sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut counts = StateCounts::default();
        for (status, count) in found {
            match status {
                Status::Ok => counts.ok += count,
                Status::Failed => counts.failed += count,
                Status::Pending | Status::SetAside | Status::Dropped | Status::Skipped => {
                    counts.pending += count
                }
            }
        }
        Ok(counts)
    }

    /// The position of the row with an identifier.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn position_of(&self, id: &str) -> Result<Option<u64>, JournalError> {
        let sql = "SELECT position FROM entries WHERE row_id = ?1 AND position IS NOT NULL";
        self.connection().query_row(sql, [id], |row| row.get(0)).optional().map_err(self.failed())
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

    /// The request that the entry at a position belongs to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn fingerprint_of(&self, position: u64) -> Result<Option<Fingerprint>, JournalError> {
        let sql = "SELECT fingerprint FROM entries WHERE position = ?1";
        let found = self.connection().query_row(sql, [position], |row| row.get(0)).optional();
        Ok(found.map_err(self.failed())?.map(Fingerprint))
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

    /// Visits every warning about an answer that the present input has, in the order of the input: the code is what comes before the
    /// first colon.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_warning(&self, mut visit: impl FnMut(&FailedRow<'_>)) -> Result<(), JournalError> {
        let sql = "SELECT position, row_id, error FROM entries
                   WHERE status = 'ok' AND error IS NOT NULL AND position IS NOT NULL ORDER BY position";
        self.each(sql, |row| {
            for message in read_texts(row.get(2)?) {
                let code = message.split_once(": ").map_or("warning", |(code, _)| code);
                visit(&FailedRow { position: row.get(0)?, id: text(row, 1)?, code, message: &message });
            }
            Ok(())
        })
    }

    /// Why rows have failed: the code (and for an answer that does not pass a check, the first such check), how many rows, the position of one and its message; the most frequent first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn failures(&self) -> Result<Vec<FailureGroup>, JournalError> {
        // Of a group SQLite gives the columns of the row that has the least position.
        let sql = "SELECT error_code, count(*), min(coalesce(position, 9000000000)), error, coalesce(row_id, over)
                   FROM entries WHERE status = 'failed' AND (position IS NOT NULL OR over IS NOT NULL AND gone_at IS NULL)
                   GROUP BY error_code, CASE error_code WHEN 'check_failed' THEN substr(error, 1, instr(error, ':')) END
                   ORDER BY 2 DESC LIMIT 10";
        self.all(sql, [], |row| {
            Ok(FailureGroup {
                code: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                rows: row.get(1)?,
                example: row.get(2)?,
                message: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                id: row.get(4)?,
            })
        })
    }

    /// Why the answers of the present rows ended, the most frequent first: a word, and how many answers it ended.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn finish_reasons(&self) -> Result<Vec<(String, u64)>, JournalError> {
        let sql = "SELECT s.finish_reason, count(*) FROM entries e JOIN steps s ON s.step = e.answer
                   WHERE e.position IS NOT NULL AND s.finish_reason IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100";
        self.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

fn piece_entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<PieceEntry> {
    Ok(PieceEntry { position: row.get(0)?, part: EntryPart { number: row.get(1)?, count: row.get(2)? } })
}
