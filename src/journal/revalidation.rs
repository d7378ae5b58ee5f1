//! Kept answers held against the rules of the present job: what a schema that was added refuses is no answer any more,
//! and what one that was loosened allows is one again.

use rusqlite::{Connection, params};

use super::JournalError;
use super::codec::read_texts;
use super::handle::Journal;
use crate::conversation::KeptAnswer;
use crate::outcome::{Flaw, Status};

/// Entries looked at in one transaction.
const PAGE: usize = 512;

/// How many rows have another status than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turned {
    /// Answers that have become failures.
    pub failed: u64,
    /// Failures that have become answers.
    pub ok: u64,
}

/// An answer to be held against the rules.
struct Kept {
    entry: i64,
    ok: bool,
    answer: KeptAnswer,
}

impl Journal {
    /// Holds each answer in the journal against the rules: `objection` gives what is wrong with it. Only failures of these
    /// codes can become answers again.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read or written.
    pub fn hold_to(
        &self,
        codes: &[&str],
        objection: impl Fn(&KeptAnswer) -> Option<Flaw>,
    ) -> Result<Turned, JournalError> {
        let connection = self.connection();
        let failed = self.broke();
        let mut turned = Turned::default();
        let mut after = 0;
        loop {
            let page = page(connection, after, codes).map_err(&failed)?;
            let Some(last) = page.last() else { break };
            after = last.entry;
            let transaction = connection.unchecked_transaction().map_err(&failed)?;
            for kept in &page {
                let fault = objection(&kept.answer);
                match (kept.ok, &fault) {
                    (true, None) | (false, Some(_)) => continue,
                    (true, Some(_)) => turned.failed += 1,
                    (false, None) => turned.ok += 1,
                }
                let status = if fault.is_some() { Status::Failed } else { Status::Ok };
                let (code, words) = fault.map(|flaw| (flaw.code, flaw.message)).unzip();
                let sql = "UPDATE entries SET status = ?2, error_code = ?3, error = ?4 WHERE entry = ?1";
                let mut statement = transaction.prepare_cached(sql).map_err(&failed)?;
                statement.execute(params![kept.entry, status, code, words]).map_err(&failed)?;
            }
            transaction.commit().map_err(&failed)?;
        }
        // Rows that share an answer share what becomes of it.
        let sql = "UPDATE entries SET status = o.status, error_code = o.error_code, error = o.error
                   FROM entries o WHERE o.entry = entries.shares AND o.status <> entries.status";
        connection.execute(sql, []).map_err(&failed)?;
        Ok(turned)
    }
}

/// The next answers, in the order of their entries.
fn page(connection: &Connection, after: i64, codes: &[&str]) -> rusqlite::Result<Vec<Kept>> {
    let codes = serde_json::Value::from(codes).to_string();
    let sql = "SELECT e.entry, e.status, s.finish_reason, s.response, s.results FROM entries e JOIN steps s ON s.step = e.answer
               WHERE e.entry > ?1 AND (e.status = 'ok' OR e.status = 'failed' AND e.error_code IN (SELECT value FROM json_each(?3)))
               ORDER BY e.entry LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let kept = statement.query_map(params![after, PAGE, codes], |row| {
        let status: Status = row.get(1)?;
        Ok(Kept {
            entry: row.get(0)?,
            ok: status == Status::Ok,
            answer: KeptAnswer {
                finish_reason: row.get(2)?,
                response: row.get(3)?,
                flaw: Flaw::of_texts(&read_texts(row.get(4)?)),
            },
        })
    });
    kept?.collect()
}
