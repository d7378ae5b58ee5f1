//! One pass over the input and the journal together: each row with its entry.
//!
//! Every stage that needs both uses this: planning, sending, bad rows, shared answers, the output. A row whose record is
//! unchanged since its entry was stored, in a job that makes the same request of it, need not be parsed or rendered: the
//! hash of its record shows its request.

use super::prefetch::Weight;
use super::{Opened, PipelineError};
use crate::journal::cursors::{Entry, EntryCursor};
use crate::read::{Projection, RecordKey, Rows};
use crate::row::{Item, RecordHash};

/// A row of the input, and its entry.
pub(super) struct Scanned {
    /// Its position in the input, from 0.
    pub(super) position: u64,
    /// The row as far as it was read; `None` for a skipped one.
    pub(super) item: Option<Item>,
    /// The hash of its record, if requested.
    pub(super) record: Option<RecordHash>,
    /// The journal's entry for the row that was at its position.
    pub(super) entry: Option<Entry>,
    /// Whether the entry belongs to this same record, so that its request is the row's.
    pub(super) is_known: bool,
}

impl Weight for Scanned {
    fn bytes(&self) -> usize {
        self.item.as_ref().map_or(size_of::<Self>(), Weight::bytes)
    }
}

/// How much of a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Nothing.
    Pass,
    /// Only its form, if its entry belongs to this record.
    Form,
    /// Nothing, if its entry belongs to this record.
    News,
    /// Everything.
    Whole,
}

/// A pass over the input and the journal, in input order.
pub(super) struct Scan<D> {
    rows: Rows,
    entries: Option<EntryCursor>,
    /// The maximum number of rows.
    limit: u64,
    depth: D,
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Scan<D> {
    /// Begins a pass. `depth` decides how much of each row is read, from its position and its entry.
    pub(super) fn new(
        opened: &Opened,
        wanted: Projection,
        entries: Option<EntryCursor>,
        depth: D,
    ) -> Result<Self, PipelineError> {
        let rows = opened.source.rows_with(wanted, Some(RecordKey::of(opened.request_key())))?;
        Ok(Self { rows, entries, limit: opened.job.input.limit.unwrap_or(u64::MAX), depth })
    }

    /// Moves to the row at a position, without reading those before it.
    pub(super) fn pass_over(&mut self, position: u64) -> Result<(), PipelineError> {
        while self.rows.next_position() < position && self.rows.advance()? {}
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Scanned>, PipelineError> {
        let position = self.rows.next_position();
        if position >= self.limit || !self.rows.advance()? {
            return Ok(None);
        }
        let entry = match &mut self.entries {
            Some(entries) => entries.at(position)?,
            None => None,
        };
        let depth = (self.depth)(position, entry.as_ref());
        if depth == Depth::Pass {
            return Ok(Some(Scanned { position, item: None, record: None, entry, is_known: false }));
        }
        let record = self.rows.record();
        let is_known = entry.as_ref().zip(record).is_some_and(|(entry, record)| entry.is_of(record));
        let item = match depth {
            Depth::News if is_known => None,
            Depth::Form if is_known => self.rows.bare_item()?,
            _ => self.rows.item()?,
        };
        Ok(Some(Scanned { position, item, record, entry, is_known }))
    }
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Iterator for Scan<D> {
    type Item = Result<Scanned, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
