//! What happened of late: rates of the present, and the last requests without an answer. A bounded look from the end.

use std::time::SystemTime;

use rusqlite::OptionalExtension;

use super::JournalError;
use super::codec::seconds;
use super::reader::Reader;
use super::steps::usage;
use crate::outcome::Usage;
use crate::request::Fingerprint;

/// Answers that are looked at, at most: a fast run has more of them in a minute.
const LOOKED_AT: u32 = 20_000;

/// What was answered of late.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lately {
    /// Rows answered each second.
    pub rows_per_second: f64,
    /// Tokens used for them each second.
    pub tokens_per_second: f64,
}

/// A request that brought no answer, of late.
#[derive(Debug, Clone, PartialEq)]
pub struct LateFault {
    /// When it was sent, in seconds since 1970.
    pub sent_at: f64,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// What was said.
    pub message: String,
}

/// One paid answer of a row, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// When its request was sent, in seconds since 1970.
    pub sent_at: f64,
    /// From sending to the end of the reply, in milliseconds.
    pub latency_ms: u64,
    /// What it used.
    pub usage: Option<Usage>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The model that answered, by its own account.
    pub model: Option<String>,
    /// The service's name for the request.
    pub request_id: Option<String>,
}

impl Reader {
    /// The rates of the minute before `now`, or of the time since `begun`, where that is shorter.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn lately(&self, now: SystemTime, begun: SystemTime) -> Result<Lately, JournalError> {
        let now = seconds(now);
        let from = (now - 60.0).max(seconds(begun));
        // Answers are stored nearly in the order of their ends.
        let sql = "SELECT count(*), coalesce(sum(tokens), 0), min(ended) FROM (
                       SELECT sent_at + latency_ms / 1000.0 AS ended, coalesce(total_tokens, 0) AS tokens
                       FROM steps ORDER BY step DESC LIMIT ?1) WHERE ended >= ?2";
        let found = self.connection().query_row(sql, (LOOKED_AT, from), |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, f64>(1)?, row.get::<_, Option<f64>>(2)?))
        });
        let (rows, tokens, first) = found.map_err(self.failed())?;
        let since = if rows == LOOKED_AT { first.unwrap_or(from) } else { from };
        let span = (now - since).max(0.5);
        Ok(Lately { rows_per_second: f64::from(rows) / span, tokens_per_second: tokens / span })
    }

    /// The last requests that brought no answer, of those sent since a time; the last one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn last_faults(&self, since: SystemTime, most: u32) -> Result<Vec<LateFault>, JournalError> {
        let sql =
            "SELECT sent_at, status, code, message FROM (SELECT * FROM faults ORDER BY fault DESC LIMIT ?1)
                   WHERE sent_at >= ?2";
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let faults = statement.query_map((most, seconds(since)), |row| {
            Ok(LateFault {
                sent_at: row.get(0)?,
                status: row.get(1)?,
                code: row.get(2)?,
                message: row.get(3)?,
            })
        });
        faults.and_then(Iterator::collect).map_err(self.failed())
    }

    /// Every paid answer of the row at a position, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn attempts(&self, position: u64) -> Result<Vec<Attempt>, JournalError> {
        let sql = "SELECT s.sent_at, s.latency_ms, s.prompt_tokens, s.completion_tokens, s.total_tokens, s.cached_tokens,
                       s.reasoning_tokens, s.finish_reason, s.model, s.request_id
                   FROM entries e JOIN steps s ON s.entry = e.entry WHERE e.position = ?1 ORDER BY s.step";
        let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
        let attempts = statement.query_map([position], |row| {
            Ok(Attempt {
                sent_at: row.get(0)?,
                latency_ms: row.get(1)?,
                usage: usage(row, 2)?,
                finish_reason: row.get(7)?,
                model: row.get(8)?,
                request_id: row.get(9)?,
            })
        });
        attempts.and_then(Iterator::collect).map_err(self.failed())
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
}
