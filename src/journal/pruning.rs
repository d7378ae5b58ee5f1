//! Dropping the answers whose rows have been gone from the input for long.
//!
//! What the answers cost, how long they took and when they were sent stays: the sums of `status` and `report`, and caps that
//! count what was spent, say the same before and after. What goes are their texts, and with them the claim that a row
//! which comes back would have on them.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;
use super::seal::RESEAL_DROPPED;
use crate::epoch::seconds;
use crate::failpoint::meet;

/// What has been gone for long.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Gone {
    /// Answers that no row of the input claims.
    pub answers: u64,
    /// Rows that failed, or have no answer yet, and are not in the input any more.
    pub others: u64,
    /// What they cost; `None` when no price was known.
    pub cost: Option<f64>,
}

impl Gone {
    /// Whether there is nothing.
    pub fn is_nothing(&self) -> bool {
        self.answers + self.others == 0
    }
}

impl Reader {
    /// Counts what has been gone since a time or longer, and leaves all as it is.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn gone_since(&self, since: SystemTime) -> Result<Gone, JournalError> {
        let counted = || {
            self.connection().execute_batch(TABLE)?;
            gather(self.connection(), since)?;
            count(self.connection())
        };
        counted().map_err(self.failed())
    }

    /// Whether a fifth of the journal's file, or more, holds nothing.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn may_shrink(&self) -> Result<bool, JournalError> {
        let pages = |name: &str| self.connection().pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let free = pages("freelist_count").and_then(|free| Ok(free * 5 >= pages("page_count")? && free > 0));
        free.map_err(self.failed())
    }
}

impl Journal {
    /// Drops what has been gone since a time or longer, all of it or nothing, and says what it was. The file keeps its size
    /// until [`Journal::shrink`].
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn drop_gone_since(&self, since: SystemTime) -> Result<Gone, JournalError> {
        let dropped = || {
            self.connection().execute_batch(TABLE)?;
            let transaction = self.connection().unchecked_transaction()?;
            gather(&transaction, since)?;
            let gone = count(&transaction)?;
            transaction.execute_batch(TEXTS)?;
            transaction.execute(RESEAL_DROPPED, [])?;
            transaction.execute_batch(CLAIMS)?;
            meet("journal.prune.inside");
            transaction.commit()?;
            Ok(gone)
        };
        let gone = dropped().map_err(self.broke())?;
        meet("journal.prune.dropped");
        Ok(gone)
    }

    /// Gives the room back that was dropped.
    ///
    /// # Errors
    ///
    /// When there is no room for the smaller copy that takes the journal's place. Nothing is lost then.
    pub fn shrink(&self) -> Result<(), JournalError> {
        // One who looks on may hold the last step up, and the next run does it.
        let shrunk = self.connection().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
        meet("journal.prune.shrunk");
        shrunk.map_err(self.broke())
    }
}

/// The entries that are dropped.
pub(super) const TABLE: &str = "
PRAGMA temp_store = FILE;
DROP TABLE IF EXISTS temp.dropped;
CREATE TEMP TABLE dropped (entry INTEGER PRIMARY KEY);
";

/// The texts of the answers, and what a reply that was none looked like. What was said of it stays: the report tells it.
pub(super) const TEXTS: &str = "
UPDATE steps SET response = NULL, reasoning = NULL, tool_calls = NULL, results = NULL, request_id = NULL
    WHERE entry IN (SELECT entry FROM temp.dropped);
UPDATE faults SET evidence = NULL, request_id = NULL WHERE entry IN (SELECT entry FROM temp.dropped);
";

/// No row finds these entries any more.
pub(super) const CLAIMS: &str = "
UPDATE entries SET status = 'dropped', row_id = NULL, answer = NULL, shares = NULL, error_code = NULL, error = NULL, out = 0
    WHERE entry IN (SELECT entry FROM temp.dropped);
";

/// Gathers what has been gone since a time. What an entry that stays shares with its own stays as well.
fn gather(connection: &Connection, since: SystemTime) -> rusqlite::Result<()> {
    let gone = "INSERT INTO temp.dropped SELECT entry FROM entries
                WHERE position IS NULL AND status <> 'dropped' AND gone_at <= ?1";
    connection.execute(gone, params![seconds(since)])?;
    let shared = "DELETE FROM temp.dropped WHERE entry IN (
                      SELECT shares FROM entries WHERE shares IS NOT NULL
                          AND entry NOT IN (SELECT entry FROM temp.dropped))";
    connection.execute(shared, []).map(|_| ())
}

fn count(connection: &Connection) -> rusqlite::Result<Gone> {
    let sql = "SELECT coalesce(sum(e.status = 'ok'), 0), coalesce(sum(e.status <> 'ok'), 0), sum(e.cost)
               FROM temp.dropped d JOIN entries e ON e.entry = d.entry";
    connection
        .query_row(sql, [], |row| Ok(Gone { answers: row.get(0)?, others: row.get(1)?, cost: row.get(2)? }))
}
