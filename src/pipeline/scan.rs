//! One pass over the input and the journal together: each row with its entry.
//!
//! Every stage that needs both uses this: planning, sending, bad rows, shared answers, the output. A row whose record is
//! unchanged since its entry was stored, in a job that makes the same request of it, need not be parsed or rendered: the
//! hash of its record shows its request.

use super::prefetch::Weight;
use super::{Opened, PipelineError};
use crate::job::facts::ModelInfo;
use crate::job::limits::Rates;
use crate::job::{InputSettings, TemplateText};
use crate::journal::cursors::{Entry, EntryCursor};
use crate::read::{Projection, RecordKey, Rows};
use crate::row::{Item, RecordHash};

/// A row of the input, and its entry.
pub(super) struct Scanned {
    /// Its position in the input, from 0.
    pub(super) position: u64,
    /// How much of it was read.
    pub(super) read: RowRead,
    /// The hash of its record, if requested.
    pub(super) record: Option<RecordHash>,
    /// The journal's entry for the row that was at its position.
    pub(super) entry: Option<Entry>,
}

/// How much of a row was read.
pub(super) enum RowRead {
    /// Nothing: it was skipped.
    Nothing,
    /// Only its form; its entry belongs to this same record.
    Known(Item),
    /// Everything that was requested.
    Whole(Item),
}

impl Weight for Scanned {
    fn bytes(&self) -> usize {
        match &self.read {
            RowRead::Nothing => size_of::<Self>(),
            RowRead::Known(item) | RowRead::Whole(item) => item.bytes(),
        }
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
        let rows = opened.source.rows_with(wanted, Some(record_key(opened)))?;
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
            return Ok(Some(Scanned { position, read: RowRead::Nothing, record: None, entry }));
        }
        let record = self.rows.record();
        let is_known = entry.as_ref().zip(record).is_some_and(|(entry, record)| entry.is_of(record));
        let read = match depth {
            Depth::News if is_known => Some(RowRead::Nothing),
            Depth::Form if is_known => self.rows.bare_item()?.map(RowRead::Known),
            _ => self.rows.item()?.map(RowRead::Whole),
        };
        Ok(read.map(|read| Scanned { position, read, record, entry }))
    }
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Iterator for Scan<D> {
    type Item = Result<Scanned, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The key for the hashes of records: everything that decides which request a record leads to.
fn record_key(opened: &Opened) -> RecordKey {
    RecordKey::of(&request_determinants(opened))
}

/// Everything besides the record that decides its request. Including more does no harm: an irrelevant difference costs one
/// pass over the input.
pub(super) fn request_determinants(opened: &Opened) -> String {
    let job = &opened.job;
    let InputSettings { format, id, delimiter, max_record_bytes, .. } = &job.input;
    let model = job.model.name.as_deref();
    let facts = model.map(|model| job.facts_of(model));
    // Quotas and prices are not part of the request, and a flag may set them for a single run.
    let facts = facts.map(|facts| ModelInfo { rates: Rates::default(), price: None, ..facts });
    let input = (format, id, delimiter, max_record_bytes, opened.source.columns());
    // The text of each template; its place in the job file does not matter.
    let text = |text: &TemplateText| text.source.clone();
    let prompt = job.prompt.as_ref().map(|prompt| {
        let turns = prompt.turns.iter().map(|turn| (turn.role, text(&turn.content)));
        (prompt.system.as_ref().map(text), turns.collect::<Vec<_>>(), prompt.user.as_ref().map(text))
    });
    let asked = (model, facts, prompt, &job.request, opened.renderer.glossary());
    format!("{} {input:?} {asked:?}", env!("CARGO_PKG_VERSION"))
}
