//! The paid answers of a row that did not end it: where a row goes on that was interrupted between two requests.

use rusqlite::{OptionalExtension, params};

use super::JournalError;
use super::codec::{read_texts, usage};
use super::reader::Reader;
use super::seal::STEP_IS_WHOLE;
use crate::conversation::follow_ups::FollowUps;
use crate::conversation::{Asks, Step};
use crate::outcome::{Answer, RowResult, Status, Usage};
use crate::packs::PackFigures;

impl Reader {
    /// Whether any row took more than one request. Without, nothing else here needs to be asked.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_steps_in_between(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM steps WHERE next IS NOT NULL)";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// The requests that rows took beyond their first, of all runs.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn follow_ups(&self) -> Result<FollowUps, JournalError> {
        let sql = "SELECT next, count(*) FROM steps WHERE next IS NOT NULL GROUP BY next";
        let found: Vec<(String, u64)> = self.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut follow_ups = FollowUps::default();
        for (word, steps) in found {
            // A kind that a newer program wrote is none of these.
            Asks::of_word(&word).into_iter().for_each(|asks| follow_ups.add(asks, steps));
        }
        Ok(follow_ups)
    }

    /// The answered requests that had several rows.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn packs(&self) -> Result<PackFigures, JournalError> {
        let sql = "SELECT CAST(coalesce(round(sum(1.0 / packed)), 0) AS INTEGER),
                       CAST(coalesce(round(sum(1.0 / packed) FILTER (WHERE next = 'alone')), 0) AS INTEGER), count(*),
                       coalesce(sum(total_tokens) FILTER (WHERE next = 'alone'), 0)
                   FROM steps WHERE packed > 1";
        let figures = self.connection().query_row(sql, [], |row| {
            Ok(PackFigures {
                sent: row.get(0)?,
                failed: row.get(1)?,
                rows: row.get(2)?,
                tokens_of_failed: row.get(3)?,
            })
        });
        figures.map_err(self.failed())
    }

    /// The steps of the row at a position that did not end it, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn steps(&self, position: u64) -> Result<Vec<Step>, JournalError> {
        let sql = format!(
            "SELECT s.next, s.results, s.response, s.reasoning, s.tool_calls, s.finish_reason, s.model, s.request_id,
                 s.prompt_tokens, s.completion_tokens, s.total_tokens, s.cached_tokens, s.reasoning_tokens, {STEP_IS_WHOLE},
                 s.simulated
             FROM entries e JOIN steps s ON s.entry = e.entry AND s.next IS NOT NULL
             WHERE e.position = ?1 ORDER BY s.step"
        );
        let mut statement = self.connection().prepare_cached(&sql).map_err(self.failed())?;
        let mut rows = statement.query([position]).map_err(self.failed())?;
        let mut steps = Vec::new();
        while let Some(row) = rows.next().map_err(self.failed())? {
            if !row.get(13).map_err(self.failed())? {
                return Err(self.not_as_stored(position));
            }
            steps.extend(step(row).map_err(self.failed())?);
        }
        Ok(steps)
    }

    /// The text of an answer that made the row at a position fail, where one did.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn unfit_response(&self, position: u64) -> Result<Option<String>, JournalError> {
        let sql = "SELECT s.response FROM entries e JOIN steps s ON s.step = e.answer
                   WHERE e.position = ?1 AND e.status = 'failed'";
        let text = self.connection().query_row(sql, [position], |row| row.get(0)).optional();
        Ok(text.map_err(self.failed())?.flatten())
    }

    /// What the steps of an entry that did not end its row used, all together.
    pub(super) fn used_in_between(&self, entry: i64) -> Result<Between, JournalError> {
        let sql = "SELECT count(*), count(coalesce(total_tokens, prompt_tokens, completion_tokens)),
                       CASE count(prompt_tokens) WHEN count(*) THEN sum(prompt_tokens) END,
                       CASE count(completion_tokens) WHEN count(*) THEN sum(completion_tokens) END,
                       CASE count(total_tokens) WHEN count(*) THEN sum(total_tokens) END, sum(cached_tokens),
                       sum(reasoning_tokens)
                   FROM steps WHERE entry = ?1 AND next IS NOT NULL";
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        let used = statement.query_row(params![entry], |row| {
            let (steps, counted): (u64, u64) = (row.get(0)?, row.get(1)?);
            let usage = Usage {
                prompt_tokens: row.get(2)?,
                completion_tokens: row.get(3)?,
                total_tokens: row.get(4)?,
                cached_tokens: row.get(5)?,
                reasoning_tokens: row.get(6)?,
                cache_written_tokens: None,
            };
            Ok(match steps {
                0 => Between::Nothing,
                _ if counted < steps => Between::Unknown,
                _ => Between::Used(usage),
            })
        });
        used.map_err(self.failed())
    }
}

/// What a row used before the answer that ended it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Between {
    /// Nothing: it took one request.
    Nothing,
    /// So much.
    Used(Usage),
    /// The service did not say of every step.
    Unknown,
}

impl Between {
    /// Adds this to what a row's last answer used and cost. What is not known of a part is not known of the whole.
    pub(super) fn add_to(self, result: &mut RowResult) {
        let failed = result.status == Status::Failed;
        match (self, &mut result.answer) {
            (Self::Nothing, _) => {}
            (Self::Used(used), Some(answer)) => {
                if let Some(usage) = &mut answer.usage {
                    usage.add(&used);
                }
            }
            (Self::Used(used), None) if failed => {
                result.answer = Some(Answer { usage: Some(used), ..Answer::default() });
            }
            (Self::Unknown, Some(answer)) => (answer.usage, result.cost) = (None, None),
            (Self::Unknown, None) => result.cost = None,
            (Self::Used(_), None) => {}
        }
    }
}

/// A step; of a kind that a newer program wrote, none.
fn step(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Step>> {
    let Some(asks) = Asks::of_word(&row.get::<_, String>(0)?) else { return Ok(None) };
    let results: Option<String> = row.get(1)?;
    let usage = usage(row, 8)?;
    let answer = Answer {
        response: row.get(2)?,
        reasoning: row.get(3)?,
        tool_calls: row.get(4)?,
        finish_reason: row.get(5)?,
        usage,
        model: row.get(6)?,
        request_id: row.get(7)?,
        simulated: row.get(14)?,
        miscounted: false,
        flaw: None,
        warnings: Vec::new(),
    };
    Ok(Some(Step { answer, asks, results: read_texts(results) }))
}
