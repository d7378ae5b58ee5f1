//! Recent requests and present rates: a bounded look from the end.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::JournalError;
use super::reader::Reader;
use super::requests::{FAULT, fault};
use crate::epoch::{seconds, time};
use crate::history::PastFault;

/// Answers that are looked at, at most: a fast run has more of them in a minute.
const LOOKED_AT: u32 = 20_000;

/// Requests at most that are stored long after they ended.
const HELD_BACK: u32 = 64;

/// Recent answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lately {
    /// Rows answered each second.
    pub rows_per_second: f64,
    /// Tokens used for them each second.
    pub tokens_per_second: f64,
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
    pub fn last_faults(&self, since: SystemTime, most: u32) -> Result<Vec<PastFault>, JournalError> {
        let sql = format!(
            "SELECT {FAULT} FROM (SELECT * FROM faults ORDER BY fault DESC LIMIT ?1) f WHERE f.sent_at >= ?2"
        );
        self.all(&sql, (most, seconds(since)), fault)
    }

    /// The requests sent within so long before `now`, the oldest first: when each was sent, and its tokens; `None` of one
    /// that may have used some, and nobody said how many. Those that came by a provider's batch count towards no limit.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn sent_within(
        &self,
        span: Duration,
        now: SystemTime,
    ) -> Result<Vec<(SystemTime, Option<u64>)>, JournalError> {
        let from = seconds(now) - span.as_secs_f64();
        let mut sent = Vec::new();
        let mut packs = HashMap::new();
        // Steps and faults are stored nearly in the order of their ends: past some that ended before that time began,
        // none was sent within it. A few refusals of the first rows are held back until they can be judged.
        for sql in [
            "SELECT sent_at, latency_ms, total_tokens, packed FROM steps WHERE batch IS NULL ORDER BY step DESC",
            "SELECT sent_at, latency_ms,
                 coalesce(total_tokens, CASE WHEN kind IN ('throttled', 'unreachable') THEN 0 END), 1
             FROM faults WHERE batch IS NULL ORDER BY fault DESC",
        ] {
            let mut statement = self.connection().prepare(sql).map_err(self.failed())?;
            let mut rows = statement.query([]).map_err(self.failed())?;
            let mut ended_before = 0;
            while let Some(row) = rows.next().map_err(self.failed())? {
                let read = || {
                    let tokens: Option<u64> = row.get(2)?;
                    Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?, tokens, row.get::<_, u32>(3)?))
                };
                let (at, latency, tokens, packed) = read().map_err(self.failed())?;
                ended_before += u32::from(at + latency / 1000.0 < from - 5.0);
                if ended_before > HELD_BACK {
                    break;
                }
                if at < from {
                    continue;
                }
                // The rows of one request were sent at one time, and each has a share of its tokens.
                if packed > 1
                    && let Some(request) = packs.get(&at.to_bits())
                {
                    let (_, all): &mut (SystemTime, Option<u64>) = &mut sent[*request];
                    *all = all.zip(tokens).map(|(one, other)| one.saturating_add(other));
                    continue;
                }
                if packed > 1 {
                    packs.insert(at.to_bits(), sent.len());
                }
                sent.push((time(at), tokens));
            }
        }
        sent.sort_by_key(|(at, _)| *at);
        Ok(sent)
    }
}
