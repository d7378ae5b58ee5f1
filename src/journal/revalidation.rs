//! Kept answers held against the rules of the present job: what a schema that was added refuses is no answer any more,
//! and what one that was loosened allows is one again.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::JournalError;
use super::codec::{read_texts, written_warnings};
use super::handle::Journal;
use crate::conversation::kept::KeptAnswer;
use crate::failpoint::meet;
use crate::note::RowKey;
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
    /// Of these, those that are kept with a warning.
    pub warned: u64,
}

/// Which answers are checked against the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldScope {
    /// All.
    All,
    /// Those that no row of the input claims at present.
    WithoutPlace,
}

/// An answer to be held against the rules.
struct Kept {
    entry: i64,
    status: Status,
    error_code: Option<String>,
    /// Why it has failed, or its warnings.
    error: Option<String>,
    answer: KeptAnswer,
}

impl Journal {
    /// Holds each answer in the journal against the rules: `verdict` gives its warnings, or why it is rejected. Only failures of
    /// these codes can become answers again.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read or written.
    pub fn hold_to(
        &self,
        (codes, scope): (&[&str], HeldScope),
        verdict: impl Fn(&KeptAnswer) -> Result<Vec<String>, Flaw>,
    ) -> Result<Turned, JournalError> {
        let connection = self.connection();
        let failed = self.broke();
        let mut turned = Turned::default();
        let mut after = 0;
        loop {
            let page = page(connection, after, (codes, scope)).map_err(&failed)?;
            let Some(last) = page.last() else { break };
            after = last.entry;
            let transaction = connection.unchecked_transaction().map_err(&failed)?;
            for kept in &page {
                store(&transaction, kept, verdict(&kept.answer), &mut turned).map_err(&failed)?;
            }
            transaction.commit().map_err(&failed)?;
        }
        if scope != HeldScope::All {
            return Ok(turned);
        }
        // Rows that share an answer share what becomes of it.
        let sql = "UPDATE entries SET status = o.status, error_code = o.error_code, error = o.error
                   FROM entries o WHERE o.entry = entries.shares
                       AND (o.status <> entries.status OR o.error IS NOT entries.error)";
        connection.execute(sql, []).map_err(&failed)?;
        Ok(turned)
    }
}

/// Stores what an answer is now, if that is something else than before.
fn store(
    connection: &Connection,
    kept: &Kept,
    verdict: Result<Vec<String>, Flaw>,
    turned: &mut Turned,
) -> rusqlite::Result<()> {
    let (status, code, words) = match verdict {
        Ok(warnings) => (Status::Ok, None, written_warnings(&warnings)),
        Err(flaw) => (Status::Failed, Some(flaw.code), Some(flaw.message)),
    };
    match status {
        _ if status == kept.status => {}
        Status::Ok => {
            turned.ok += 1;
            turned.warned += u64::from(words.is_some());
        }
        _ => turned.failed += 1,
    }
    if (status, &code, &words) == (kept.status, &kept.error_code, &kept.error) {
        return Ok(());
    }
    let sql = "UPDATE entries SET status = ?2, error_code = ?3, error = ?4 WHERE entry = ?1";
    connection.prepare_cached(sql)?.execute(params![kept.entry, status, code, words]).map(drop)
}

/// What [`kept`] reads of an entry `e` and the step `s` that holds its answer.
const KEPT: &str = "e.entry, e.status, s.finish_reason, s.response, s.results, e.error_code, e.error, s.tool_calls IS NOT NULL";

/// The entries with an answer, if it is accepted or was rejected with one of the codes in `?3`.
const ARE_ANSWERS: &str =
    "(e.status = 'ok' OR e.status = 'failed' AND e.error_code IN (SELECT value FROM json_each(?3)))";

/// The next answers, in the order of their entries.
fn page(
    connection: &Connection,
    after: i64,
    (codes, scope): (&[&str], HeldScope),
) -> rusqlite::Result<Vec<Kept>> {
    let codes = serde_json::Value::from(codes).to_string();
    let scope = match scope {
        HeldScope::All => "",
        HeldScope::WithoutPlace => "AND e.position IS NULL",
    };
    let sql = format!(
        "SELECT {KEPT} FROM entries e JOIN steps s ON s.step = e.answer
         WHERE e.entry > ?1 AND {ARE_ANSWERS} {scope} ORDER BY e.entry LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![after, PAGE, codes], kept)?.collect()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        entry: row.get(0)?,
        status: row.get(1)?,
        error_code: row.get(5)?,
        error: row.get(6)?,
        answer: KeptAnswer {
            finish_reason: row.get(2)?,
            response: row.get(3)?,
            calls_tools: row.get(7)?,
            flaw: Flaw::of_texts(&read_texts(row.get(4)?)),
        },
    })
}

/// Holds answers against the rules one by one, those of rows that are read again; nothing is stored before
/// [`Judging::finish`].
#[derive(Debug)]
pub struct Judging<'j> {
    journal: &'j Journal,
    codes: String,
    turned: Turned,
}

impl Journal {
    /// Begins to hold answers against the rules. Only failures of these codes can become answers again.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn judging(&self, codes: &[&str]) -> Result<Judging<'_>, JournalError> {
        self.connection().execute_batch("BEGIN IMMEDIATE").map_err(self.broke())?;
        let codes = serde_json::Value::from(codes).to_string();
        Ok(Judging { journal: self, codes, turned: Turned::default() })
    }
}

impl Judging<'_> {
    /// Holds the answer of a row against the rules, its own or a shared one, if it is that to this request.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read or written.
    pub fn row(
        &mut self,
        row: &RowKey,
        verdict: impl FnOnce(&KeptAnswer) -> Result<Vec<String>, Flaw>,
    ) -> Result<(), JournalError> {
        let connection = self.journal.connection();
        let sql = format!(
            "SELECT {KEPT} FROM entries e LEFT JOIN entries o ON o.entry = e.shares
             JOIN steps s ON s.step = coalesce(e.answer, o.answer)
             WHERE e.position = ?1 AND e.fingerprint = ?2 AND {ARE_ANSWERS}"
        );
        let judge = || {
            let mut statement = connection.prepare_cached(&sql)?;
            let values = params![row.position, row.fingerprint.0, self.codes];
            let Some(kept) = statement.query_row(values, kept).optional()? else { return Ok(()) };
            store(connection, &kept, verdict(&kept.answer), &mut self.turned)
        };
        judge().map_err(self.journal.broke())
    }

    /// Stores what has turned.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn finish(self) -> Result<Turned, JournalError> {
        meet("journal.judge.before");
        self.journal.connection().execute_batch("COMMIT").map_err(self.journal.broke())?;
        meet("journal.judge.after");
        Ok(self.turned)
    }
}

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        let connection = self.journal.connection();
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}
