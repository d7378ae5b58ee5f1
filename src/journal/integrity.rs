//! Whether a journal is whole: its pages, what it says of each answer, and the sums that caps are kept by.

use std::fs;

use super::JournalError;
use super::reader::Reader;
use super::seal::{broken_entry, broken_sum};

/// Journals up to this size are checked whole whenever a run begins; beyond it, `verify` does.
const CHECKED_AT_START_BYTES: u64 = 256 * 1024 * 1024;

impl Reader {
    /// Checks the whole file.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] with the first faults found.
    pub fn check_integrity(&self) -> Result<(), JournalError> {
        self.check_whole(5)
    }

    /// Checks a journal that a run is about to write to; the whole of it, when it is small.
    pub(super) fn check_at_start(&self) -> Result<(), JournalError> {
        self.check_version()?;
        let metadata = fs::metadata(self.path());
        let size =
            metadata.map_err(|source| JournalError::File { path: self.path().to_owned(), source })?.len();
        if size > CHECKED_AT_START_BYTES { Ok(()) } else { self.check_whole(1) }
    }

    /// `most`: the faults of the file that are named.
    fn check_whole(&self, most: u32) -> Result<(), JournalError> {
        let sql = format!("PRAGMA integrity_check({most})");
        let mut statement = self.connection().prepare(&sql).map_err(self.failed())?;
        let lines = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        let lines: Vec<String> = lines.map_err(self.failed())?;
        if lines != ["ok"] {
            return Err(self.damaged(lines.join("; ")));
        }
        if let Some(detail) = broken_sum(self.connection()).map_err(self.failed())? {
            return Err(self.damaged(detail));
        }
        match broken_entry(self.connection()).map_err(self.failed())? {
            Some(entry) => Err(self.damaged(format!("the record of entry {entry} is not what was stored"))),
            None => Ok(()),
        }
    }
}
