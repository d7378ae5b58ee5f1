//! What a journal knows of spending beyond its totals: day by day, and what the thoughts came to.

use super::JournalError;
use super::reader::Reader;

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

/// The version of the journal that first knew the cost of each request.
const COSTS_SINCE: i32 = 2;

impl Reader {
    /// What was spent day by day, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn days(&self) -> Result<Vec<Day>, JournalError> {
        // Looking changes nothing: a journal of an older program stays as it is, and knows the costs of rows only.
        let ends = match self.version()? >= COSTS_SINCE {
            true => {
                "SELECT sent_at, total_tokens, cost FROM steps
                 UNION ALL SELECT sent_at, total_tokens, cost FROM faults"
            }
            false => {
                "SELECT s.sent_at, s.total_tokens, e.cost FROM steps s
                 LEFT JOIN entries e ON e.entry = s.entry AND e.answer = s.step
                 UNION ALL SELECT sent_at, total_tokens, NULL FROM faults"
            }
        };
        let sql = format!(
            "SELECT date(sent_at, 'unixepoch', 'localtime'), count(*), coalesce(sum(total_tokens), 0), sum(cost)
             FROM ({ends}) GROUP BY 1 ORDER BY 1"
        );
        let mut statement = self.connection().prepare(&sql).map_err(self.failed())?;
        let days = statement.query_map([], |row| {
            Ok(Day { date: row.get(0)?, requests: row.get(1)?, tokens: row.get(2)?, cost: row.get(3)? })
        });
        days.and_then(Iterator::collect).map_err(self.failed())
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
