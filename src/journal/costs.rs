//! What a journal knows of spending beyond its totals: day by day, since a moment, and what the thoughts came to.

use std::time::SystemTime;

use rusqlite::OptionalExtension;

use super::JournalError;
use super::reader::Reader;
use crate::epoch::seconds;
use crate::reserve::Reserve;

/// What was spent in a day of the local time zone, by when requests were sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// The day: `2026-07-02`.
    pub date: String,
    /// Requests that came to an end.
    pub requests: u64,
    /// Tokens, failed and repeated attempts included.
    pub tokens: u64,
    /// Money; `None` when no price was known.
    pub cost: Option<f64>,
}

/// Tokens of an answered request, with those of its answers in between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsedTokens {
    /// Of its prompts.
    pub prompt_tokens: u64,
    /// Of them, those that came from the service's cache.
    pub cached_tokens: u64,
    /// Of its answers.
    pub completion_tokens: u64,
}

/// Money and tokens that went to the service.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bought {
    /// Money, where prices were known.
    pub cost: f64,
    /// Tokens, failed and repeated attempts included.
    pub tokens: u64,
    /// What is set aside beyond that, because nobody knows what was used, or whether it was.
    pub reserved: Reserve,
}

impl Reader {
    /// What was spent day by day, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn days(&self) -> Result<Vec<Day>, JournalError> {
        let ends = self.ends()?;
        let sql = format!(
            "SELECT date(sent_at, 'unixepoch', 'localtime'), CAST(round(sum(requests)) AS INTEGER), coalesce(sum(total_tokens), 0), sum(cost)
             FROM ({ends}) GROUP BY 1 ORDER BY 1"
        );
        self.all(&sql, [], |row| {
            Ok(Day { date: row.get(0)?, requests: row.get(1)?, tokens: row.get(2)?, cost: row.get(3)? })
        })
    }

    /// What was bought by requests that were sent since a moment.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn bought_since(&self, moment: SystemTime) -> Result<Bought, JournalError> {
        let from = seconds(moment);
        let bought = |sql: &str, upto: f64| {
            let sums = self.connection().query_row(sql, [from, upto], |row| {
                let reserved = Reserve { cost: row.get(2)?, tokens: row.get(3)? };
                Ok(Bought { cost: row.get(0)?, tokens: row.get(1)?, reserved })
            });
            sums.map_err(self.failed())
        };
        let sums = "SELECT coalesce(sum(cost), 0.0), coalesce(sum(total_tokens), 0), coalesce(sum(reserved_cost), 0.0),
                        coalesce(sum(reserved_tokens), 0)";
        let whole = bought(
            &format!(
                "{sums} FROM runs WHERE started_at >= ?1 AND started_at < ?2 AND {}",
                self.what_counts()?
            ),
            f64::MAX,
        )?;
        let whole = Bought { reserved: whole.reserved + self.out_since(from)?, ..whole };
        // Of a run that was going on then, each request is looked at; of no other, since a journal may be large.
        let sql = "SELECT max(last_at) FROM runs WHERE started_at < ?1";
        let last: Option<f64> =
            self.connection().query_row(sql, [from], |row| row.get(0)).map_err(self.failed())?;
        if last.is_none_or(|last| last < from) {
            return Ok(whole);
        }
        let sql = "SELECT min(started_at) FROM runs WHERE started_at >= ?1";
        let next: Option<f64> =
            self.connection().query_row(sql, [from], |row| row.get(0)).map_err(self.failed())?;
        let ends = self.ends()?;
        let sql = format!("{sums} FROM ({ends}) WHERE sent_at >= ?1 AND sent_at < ?2");
        let part = bought(&sql, next.unwrap_or(f64::MAX))?;
        Ok(Bought {
            cost: whole.cost + part.cost,
            tokens: whole.tokens.saturating_add(part.tokens),
            reserved: whole.reserved + part.reserved,
        })
    }

    /// What requests may have cost whose ends are not stored, and that may have left since a moment: a run that was killed may
    /// have sent them until the next one began.
    fn out_since(&self, from: f64) -> Result<Reserve, JournalError> {
        let sql = format!(
            "SELECT coalesce(sum(out_cost), 0.0), coalesce(sum(out_tokens), 0) FROM runs r
             WHERE coalesce(ended_at, (SELECT min(started_at) FROM runs n WHERE n.run > r.run), ?1) >= ?1 AND {}",
            self.what_counts()?
        );
        let out = self
            .connection()
            .query_row(&sql, [from], |row| Ok(Reserve { cost: row.get(0)?, tokens: row.get(1)? }));
        out.map_err(self.failed())
    }

    /// Every request that came to an end, as a query: when it was sent, its tokens, its cost, and what
    /// is set aside for it.
    fn ends(&self) -> Result<String, JournalError> {
        let counts = self.what_counts()?;
        let columns = "sent_at, total_tokens, cost, reserved_cost, reserved_tokens";
        // Of a request with several rows, each has a part.
        Ok(format!(
            "SELECT {columns}, 1.0 / packed AS requests FROM steps WHERE {counts}
             UNION ALL SELECT {columns}, 1.0 FROM faults WHERE {counts}"
        ))
    }

    /// What an entry's answers have used; `None` if the service did not report it, or if they are a simulator's and do not
    /// count.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn used_by(&self, entry: i64) -> Result<Option<UsedTokens>, JournalError> {
        let columns = "prompt_tokens, cached_tokens, completion_tokens, simulated";
        let counts = self.what_counts()?;
        let sql = format!(
            "SELECT sum(prompt_tokens), coalesce(sum(cached_tokens), 0), sum(completion_tokens)
             FROM (SELECT {columns} FROM steps WHERE step = (SELECT answer FROM entries WHERE entry = ?1) AND {counts}
                   UNION ALL SELECT {columns} FROM steps WHERE entry = ?1 AND next IS NOT NULL)
             HAVING count(*) > 0 AND count(prompt_tokens) = count(*) AND count(completion_tokens) = count(*)"
        );
        let mut statement = self.connection().prepare_cached(&sql).map_err(self.failed())?;
        let used = statement.query_row([entry], |row| {
            Ok(UsedTokens {
                prompt_tokens: row.get(0)?,
                cached_tokens: row.get(1)?,
                completion_tokens: row.get(2)?,
            })
        });
        used.optional().map_err(self.failed())
    }

    /// What counts of runs, answers and faults, as SQL: what a simulator gave only as long as the last run asked one too.
    fn what_counts(&self) -> Result<&'static str, JournalError> {
        let sql = "SELECT simulated FROM runs ORDER BY run DESC LIMIT 1";
        let last: Option<bool> =
            self.connection().query_row(sql, [], |row| row.get(0)).optional().map_err(self.failed())?;
        Ok(if last == Some(true) { "1" } else { "simulated = 0" })
    }

    /// Whether the cost of any row is known. Where none is, a total of 0 is no price.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_costs(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM entries WHERE cost IS NOT NULL)";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// The mean tokens of reasoning in the answers that came with any; `None` when none did.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn mean_reasoning_tokens(&self) -> Result<Option<f64>, JournalError> {
        let sql = "SELECT avg(reasoning_tokens) FROM steps WHERE reasoning_tokens > 0";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }
}
