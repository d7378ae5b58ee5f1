//! The last stage: joins answers to the input again, in input order.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::fold::{FoldedRow, Folding};
use super::plan::Plan;
use super::prefetch::{Prefetch, PrefetchBatch, Weight};
use super::row_requests::RowRequests;
use super::scan::{Depth, RequestPlace, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::dispatch::stop::{Stop, StopLevel};
use crate::format::{Compression, Format};
use crate::journal::cursors::Results;
use crate::journal::reader::Reader;
use crate::note::EntryPart;
use crate::outcome::{Answer, RowResult, Status};
use crate::read::Projection;
use crate::request::Fingerprint;
use crate::row::{Column, ColumnKind, Item};
use crate::write::{Target, WriteError, Writer};

/// The destination and format of an output.
pub struct Destination {
    pub target: Target,
    pub format: Format,
    pub compression: Compression,
}

impl Destination {
    /// The destination at a path.
    pub fn file(path: PathBuf, format: Format) -> Self {
        let compression = Compression::of_path(&path.to_string_lossy());
        Self { target: Target::File(path), format, compression }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputCounts {
    /// Rows that are answered.
    pub ok: u64,
    /// Rows that have failed.
    pub failed: u64,
    /// Rows without an answer yet.
    pub pending: u64,
    /// Rows that ask nothing.
    pub skipped: u64,
    /// The answered rows whose answers have warnings.
    pub warned: u64,
    /// The answered rows whose answer came from fanfold's simulator.
    pub simulated: u64,
}

impl OutputCounts {
    /// Counts a row.
    pub fn count(&mut self, result: &RowResult) {
        match result.status {
            Status::Ok => {
                self.ok += 1;
                self.warned += u64::from(!result.warnings.is_empty());
                self.simulated += u64::from(result.answer.as_ref().is_some_and(|answer| answer.simulated));
            }
            Status::Failed => self.failed += 1,
            Status::Skipped => self.skipped += 1,
            Status::Pending | Status::SetAside | Status::Dropped => self.pending += 1,
        }
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.ok + self.failed + self.pending + self.skipped
    }
}

/// Writes every row of the input with its result. The journal may be written to meanwhile. `None` when the input is not
/// as it was planned, and an output of before is untouched then: answers are found by the rows' positions, and each is held
/// against the request of the row as it is read now.
///
/// The input is read on one thread, its requests are made on others where they are not known, the journal is read on this one,
/// and the output written on another.
///
/// # Errors
///
/// When input, journal or output fail, or when somebody stops the run at once; an output of before is untouched then.
pub fn write(
    opened: &Opened,
    plan: &Plan,
    results: Results<'_>,
    destination: Destination,
    stop: &Stop,
) -> Result<Option<OutputCounts>, PipelineError> {
    write_each(opened, plan, results, destination, stop, |_| Ok(()))
}

/// The same, and each row is shown to `each` before it is written.
///
/// # Errors
///
/// As [`write`], and the error of `each`.
pub(super) fn write_each(
    opened: &Opened,
    plan: &Plan,
    mut results: Results<'_>,
    destination: Destination,
    stop: &Stop,
    mut each: impl FnMut(&FoldedRow) -> Result<(), PipelineError>,
) -> Result<Option<OutputCounts>, PipelineError> {
    let layout = opened.layout(Some(&plan.columns), destination.format)?;
    let wanted = wanted(opened, destination.format, layout.is_open());
    // A line is written unchanged.
    let depth = if layout.is_open() { Depth::Form } else { Depth::Whole };
    let writer = Writer::create(destination.target, destination.format, destination.compression, layout)?;
    let mut behind = Behind::new(writer);
    let mut written = OutputCounts::default();
    let entries = Reader::beside(results.reader().path())?.entries();
    let scan = Scan::new(opened, wanted, Some(entries), move |_, _| depth)?;
    let theirs = opened.clone();
    let asked = move |part: Result<Scanned, PipelineError>| part.map(|part| AskedPart::new(&theirs, part));
    let mut folding = Folding::new(opened, results.reader());
    for part in Prefetch::of_each(scan, asked) {
        let AskedPart { place, part, item, whole, asked } = part?;
        if *stop.borrow() == StopLevel::Now {
            return Err(PipelineError::Interrupted);
        }
        let result = match part.count {
            0 => None,
            _ => match results.belonging(place.position)? {
                // An answer belongs to one request, and not to another that has replaced it.
                Some((answered, _)) if asked != Some(answered) => return Ok(None),
                found => Some(found.map(|(_, result)| result).unwrap_or_default()),
            },
        };
        let Some(row) = folding.add(part, (whole, item), result)? else { continue };
        written.count(&row.result);
        each(&row)?;
        if !behind.write_all(row) {
            break;
        }
    }
    let writer = behind.finish()?;
    if opened.source.stamp()? != plan.stamp {
        return Ok(None);
    }
    if let Some(writer) = writer {
        writer.finish()?;
    }
    Ok(Some(written))
}

/// What is read of each row: the output's columns, and those of its request.
fn wanted(opened: &Opened, format: Format, is_open: bool) -> Projection {
    let is_arrow = |column: &Column| matches!(column.kind, ColumnKind::Arrow(_));
    let is_columnar = opened.source.columns().is_some_and(|columns| columns.iter().any(is_arrow));
    match (format, opened.wanted_by_requests()) {
        // The whole row unchanged, and as JSON those columns that its request needs.
        (Format::Parquet, Projection::Only(columns)) if is_columnar && !columns.is_empty() => {
            Projection::Checked(columns)
        }
        (Format::Parquet, Projection::Only(_)) => Projection::Origin,
        // Lines are written unchanged.
        (Format::Jsonl, asked) if is_open => asked,
        _ => Projection::Fields,
    }
}

/// A row's request, and what the row is written from.
struct AskedPart {
    place: RequestPlace,
    part: EntryPart,
    item: Option<Item>,
    whole: Option<Arc<RowRequests>>,
    /// The request's fingerprint, if there is a request.
    asked: Option<Fingerprint>,
}

impl AskedPart {
    fn new(opened: &Opened, scanned: Scanned) -> Self {
        let known = scanned.entry.as_ref().filter(|_| scanned.is_known).map(|entry| entry.fingerprint);
        let asked = known.or_else(|| scanned.prepared(opened).map(|(key, _)| key.fingerprint));
        let Scanned { place, part, item, whole, .. } = scanned;
        Self { place, part, item, whole, asked }
    }
}

/// A row of the output.
struct OutputRow {
    item: Item,
    result: RowResult,
}

impl Weight for OutputRow {
    fn bytes(&self) -> usize {
        self.item.bytes() + self.result.answer.as_ref().map_or(0, Answer::text_bytes)
    }
}

/// Batches that wait for the writing thread.
const BATCHES: usize = 1;

/// A writer on a separate thread. Dropped, it leaves the old output unchanged.
struct Behind {
    batch: PrefetchBatch<OutputRow>,
    /// `None` after the last batch.
    batches: Option<SyncSender<Vec<OutputRow>>>,
    thread: Option<JoinHandle<Result<Writer, WriteError>>>,
}

impl Behind {
    fn new(mut writer: Writer) -> Self {
        let (batches, full) = sync_channel::<Vec<OutputRow>>(BATCHES);
        let thread = std::thread::spawn(move || {
            for OutputRow { item, result } in full.into_iter().flatten() {
                writer.write(&item, &result)?;
            }
            Ok(writer)
        });
        Self { batch: PrefetchBatch::default(), batches: Some(batches), thread: Some(thread) }
    }

    /// Accepts what the output has of a row. False when it cannot be written.
    fn write_all(&mut self, row: FoldedRow) -> bool {
        let FoldedRow { item, mut lines, .. } = row;
        let last = lines.pop();
        lines.into_iter().all(|result| self.write(OutputRow { item: item.clone(), result }))
            && last.is_none_or(|result| self.write(OutputRow { item, result }))
    }

    /// Accepts the next row. False when it cannot be written; [`Behind::finish`] returns the reason.
    fn write(&mut self, line: OutputRow) -> bool {
        self.batch.add(line).is_none_or(|full| self.hand_on(full))
    }

    fn hand_on(&self, lines: Vec<OutputRow>) -> bool {
        self.batches.as_ref().is_some_and(|batches| batches.send(lines).is_ok())
    }

    /// The writer after the last row, before it replaces the old output.
    fn finish(mut self) -> Result<Option<Writer>, WriteError> {
        let last = std::mem::take(&mut self.batch.items);
        self.hand_on(last);
        self.end()
    }

    fn end(&mut self) -> Result<Option<Writer>, WriteError> {
        self.batches = None;
        let Some(thread) = self.thread.take() else { return Ok(None) };
        thread.join().map_or_else(|panic| std::panic::resume_unwind(panic), |writer| writer.map(Some))
    }
}

impl Drop for Behind {
    /// An abandoned pass must leave nothing behind, so its thread is waited for.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = self.end();
        }
    }
}
