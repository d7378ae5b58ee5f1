//! Every request that came to its end, looking back: those that were answered, and those that were not.

use std::time::Duration;

use rusqlite::Row;

use super::JournalError;
use super::codec::{text, usage};
use super::reader::Reader;
use crate::epoch::time;
use crate::history::{PastAnswer, PastFault};

/// What is read of a step `s`, as [`answer`] takes it.
const ANSWER: &str =
    "s.entry, s.sent_at, s.latency_ms, s.finish_reason, s.model, s.request_id, s.cost, s.next IS NULL,
     s.prompt_tokens, s.completion_tokens, s.total_tokens, s.cached_tokens, s.reasoning_tokens";

/// What is read of a fault `f`, as [`fault`] takes it.
pub(super) const FAULT: &str =
    "f.sent_at, f.latency_ms, f.kind = 'throttled', f.status, f.code, f.message, f.total_tokens, f.cost";

impl Reader {
    /// Visits every paid answer, in the order in which they were stored. Nothing is kept, whatever the number of rows.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_answer(&self, mut visit: impl FnMut(&PastAnswer)) -> Result<(), JournalError> {
        let sql = format!("SELECT {ANSWER} FROM steps s ORDER BY s.step");
        self.each(&sql, |row| answer(row).map(|answer| visit(&answer)))
    }

    /// Every paid answer of the row at a position, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn answers_of(&self, position: u64) -> Result<Vec<PastAnswer>, JournalError> {
        let sql = format!(
            "SELECT {ANSWER} FROM entries e JOIN steps s ON s.entry = e.entry WHERE e.position = ?1 ORDER BY s.step"
        );
        self.all(&sql, [position], answer)
    }

    /// Visits every request that brought no answer, in the order in which they were stored.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_fault(&self, mut visit: impl FnMut(&PastFault)) -> Result<(), JournalError> {
        let sql = format!("SELECT {FAULT} FROM faults f ORDER BY f.fault");
        self.each(&sql, |row| fault(row).map(|fault| visit(&fault)))
    }

    /// Every request of the row at a position that brought no answer, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn faults_of(&self, position: u64) -> Result<Vec<PastFault>, JournalError> {
        let sql = format!(
            "SELECT {FAULT} FROM faults f JOIN entries e ON e.entry = f.entry WHERE e.position = ?1 ORDER BY f.fault"
        );
        self.all(&sql, [position], fault)
    }
}

fn answer(row: &Row<'_>) -> rusqlite::Result<PastAnswer> {
    let said = |column| Ok::<_, rusqlite::Error>(text(row, column)?.map(str::to_owned));
    Ok(PastAnswer {
        entry: row.get(0)?,
        sent_at: time(row.get(1)?),
        latency: Duration::from_millis(row.get(2)?),
        finish_reason: said(3)?,
        model: said(4)?,
        request_id: said(5)?,
        cost: row.get(6)?,
        is_last: row.get(7)?,
        usage: usage(row, 8)?,
    })
}

pub(super) fn fault(row: &Row<'_>) -> rusqlite::Result<PastFault> {
    Ok(PastFault {
        sent_at: time(row.get(0)?),
        latency: Duration::from_millis(row.get(1)?),
        throttled: row.get(2)?,
        status: row.get(3)?,
        code: text(row, 4)?.unwrap_or_default().to_owned(),
        message: text(row, 5)?.unwrap_or_default().to_owned(),
        total_tokens: row.get(6)?,
        cost: row.get(7)?,
    })
}
