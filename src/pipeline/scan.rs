//! One pass over the input beside the journal: each row with what the journal says of it.
//!
//! Every stage that needs both goes through here: planning, sending, bad rows, shared answers, the output. A row that is
//! written as it was when its entry was stored, in a job that makes the same of it, need not be parsed or rendered to know its
//! request: the hash of its record says so.

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
    /// Its number in the input, from 0.
    pub(super) position: u64,
    /// What was read of it.
    pub(super) read: RowRead,
    /// The hash of its record, where it was asked for.
    pub(super) record: Option<RecordHash>,
    /// What the journal says of the row that stood in its place.
    pub(super) entry: Option<Entry>,
}

/// What is read of a row.
pub(super) enum RowRead {
    /// Nothing: it was passed over.
    Nothing,
    /// Its form alone; its entry is that of this very record.
    Known(Item),
    /// All that was asked for.
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

/// How far a row is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Not at all.
    Pass,
    /// As far as its form, if its entry is that of this record.
    Form,
    /// Not at all, if its entry is that of this record.
    News,
    /// Wholly.
    Whole,
}

/// A pass over the input and the journal, in the order of the input.
pub(super) struct Scan<D> {
    rows: Rows,
    entries: Option<EntryCursor>,
    /// Rows at most.
    limit: u64,
    depth: D,
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Scan<D> {
    /// Begins a pass. `depth` decides of each row, by its position and its entry, how far it is looked into.
    pub(super) fn new(
        opened: &Opened,
        wanted: Projection,
        entries: Option<EntryCursor>,
        depth: D,
    ) -> Result<Self, PipelineError> {
        let rows = opened.source.rows_with(wanted, Some(record_key(opened)))?;
        Ok(Self { rows, entries, limit: opened.job.input.limit.unwrap_or(u64::MAX), depth })
    }

    /// Goes to the row at a position. Of those before it nothing is asked.
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

/// What hashes of records are keyed with: all that decides which request a record leads to.
fn record_key(opened: &Opened) -> RecordKey {
    RecordKey::of(&what_decides_requests(opened))
}

/// What decides which request a record of the input leads to, besides itself. More than that is no harm: a difference that does
/// not matter costs one pass over the input.
pub(super) fn what_decides_requests(opened: &Opened) -> String {
    let job = &opened.job;
    let InputSettings { format, id, delimiter, max_record_bytes, .. } = &job.input;
    let model = job.model.name.as_deref();
    let facts = model.map(|model| job.facts_of(model));
    // Quotas and prices are not what is asked, and may be given by a flag of one run.
    let facts = facts.map(|facts| ModelInfo { rates: Rates::default(), price: None, ..facts });
    let input = (format, id, delimiter, max_record_bytes, opened.source.columns());
    // The text of each template; where it stands in the job file says nothing.
    let text = |text: &TemplateText| text.source.clone();
    let prompt = job.prompt.as_ref().map(|prompt| {
        let turns = prompt.turns.iter().map(|turn| (turn.role, text(&turn.content)));
        (prompt.system.as_ref().map(text), turns.collect::<Vec<_>>(), prompt.user.as_ref().map(text))
    });
    let asked = (model, facts, prompt, &job.request, opened.renderer.glossary());
    format!("{} {input:?} {asked:?}", env!("CARGO_PKG_VERSION"))
}
