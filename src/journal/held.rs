//! What held the runs back, minute by minute.

use std::time::SystemTime;

use super::JournalError;
use super::reader::Reader;
use crate::epoch::seconds;
use crate::history::PastHeld;

impl Reader {
    /// What held the runs back, minute by minute.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn each_held(&self, mut visit: impl FnMut(&PastHeld)) -> Result<(), JournalError> {
        self.each("SELECT run, minute, cause, seconds FROM held ORDER BY run, minute, cause", |row| {
            let (run, minute, cause, seconds) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            visit(&PastHeld { run, minute, cause, seconds });
            Ok(())
        })
    }

    /// What has held the last run back in this minute and the one before: each cause with its seconds, the longest first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn held_lately(&self, now: SystemTime) -> Result<Vec<(String, f64)>, JournalError> {
        let sql = "SELECT cause, sum(seconds) FROM held
                   WHERE run = (SELECT max(run) FROM runs) AND minute >= ?1 GROUP BY 1 ORDER BY 2 DESC";
        let minute = seconds(now) as i64 / 60;
        self.all(sql, [minute - 1], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
