//! Which rows are in a batch already: each line was made for the entry of a row, and serves another row with the same request when
//! that row is gone.

use std::collections::HashSet;

use crate::journal::JournalError;
use crate::journal::batches::OpenLine;
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::note::BatchLine;
use crate::request::Fingerprint;

/// Finds the open lines of rows, in one pass over the input.
pub(in crate::pipeline) struct LineFinder<'r> {
    reader: &'r Reader,
    /// Lines whose own rows are gone, and that other rows have been given.
    claimed: HashSet<BatchLine>,
}

impl<'r> LineFinder<'r> {
    /// In a journal.
    pub(in crate::pipeline) fn new(reader: &'r Reader) -> Self {
        Self { reader, claimed: HashSet::new() }
    }

    /// The open line for a row with this entry and request.
    pub(in crate::pipeline) fn find(
        &mut self,
        entry: Option<&Entry>,
        request: Fingerprint,
    ) -> Result<Option<OpenLine>, JournalError> {
        if let Some(entry) = entry
            && let Some(own) = self.reader.line_of(entry.number)?
        {
            return Ok(Some(own));
        }
        self.reader.ownerless_line(request, |line| self.claimed.insert(line))
    }
}
