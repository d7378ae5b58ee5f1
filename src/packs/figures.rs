//! What became of the requests of a run that had several rows.

use serde::Serialize;

use crate::text::{count, counted};

/// Requests with several rows that were answered, or refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PackFigures {
    /// Those requests.
    pub sent: u64,
    /// Of these, those whose answer was not used: each of their rows was asked alone.
    pub failed: u64,
    /// The rows in them.
    pub rows: u64,
    /// Tokens of those whose answer was not used.
    pub tokens_of_failed: u64,
}

impl PackFigures {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            failed: self.failed + other.failed,
            rows: self.rows + other.rows,
            tokens_of_failed: self.tokens_of_failed.saturating_add(other.tokens_of_failed),
        }
    }

    /// The figures in words; `None` if there were no packs.
    pub fn words(&self) -> Option<String> {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(" ({} failed, {} tokens)", count(failed), count(self.tokens_of_failed)),
        };
        // A row may have several texts: one for each combination, or piece.
        let packs = || format!("{} of {}{failed}", counted(self.sent, "pack"), counted(self.rows, "text"));
        (self.sent > 0).then(packs)
    }
}
