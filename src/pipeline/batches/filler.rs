//! Divides the rows that have no answer among files, in the order of the input: as many as limits, caps and patience allow.

use super::file::{BatchFile, FilledFile};
use super::lines::LineFinder;
use crate::batch::filling::BatchKind;
use crate::batch::line::line_bytes;
use crate::dispatch::stop::{Cap, Stop, StopLevel};
use crate::job::batch::BatchSettings;
use crate::journal::cursors::Entry;
use crate::journal::duplicates::Sharing;
use crate::journal::reader::Reader;
use crate::note::RowKey;
use crate::outcome::Status;
use crate::pipeline::scan::{Depth, RequestPlace, Scan};
use crate::pipeline::{Opened, PipelineError};
use crate::request::ChatRequest;
use crate::reserve::Reserve;

/// Files under way at once: one for each model and thinking mode.
const MOST_FILES: usize = 32;

/// Says what a request may cost in a batch, when so much is set aside for others; or which cap is in the way, and how much the request
/// would have needed.
pub(super) type Affords<'a> = &'a dyn Fn(&ChatRequest, Reserve) -> Result<Reserve, (Cap, Reserve)>;

/// What was found on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OnTheWay {
    /// Rows that wait for a reply.
    pub(super) awaited: u64,
    /// The cap that leaves rows out, and what the first of them may cost.
    pub(super) short: Option<(Cap, Reserve)>,
    /// Whether the input is another than was planned.
    pub(super) input_changed: bool,
}

/// One pass over the rows that have no answer.
pub(super) struct Filler<'f> {
    opened: &'f Opened,
    settings: BatchSettings,
    reader: &'f Reader,
    sharing: Option<Sharing<'f>>,
    finder: LineFinder<'f>,
    scan: Scan<fn(u64, Option<&Entry>) -> Depth>,
    in_between: bool,
    files: Vec<BatchFile>,
    /// A row that did not fit into its file any more.
    over: Option<(RowKey, ChatRequest)>,
    is_done: bool,
    pub(super) found: OnTheWay,
}

impl<'f> Filler<'f> {
    /// Begins at the first request that has no answer. `settings` bound the files.
    pub(super) fn new(
        opened: &'f Opened,
        reader: &'f Reader,
        settings: BatchSettings,
        from: Option<RequestPlace>,
    ) -> Result<Self, PipelineError> {
        let shares = opened.job.input.share_duplicates;
        let entries = Reader::beside(reader.path())?.entries();
        let depth: fn(u64, Option<&Entry>) -> Depth = |_, entry| match entry.map(|entry| entry.status) {
            None | Some(Status::Pending | Status::Dropped) => Depth::Whole,
            _ => Depth::Pass,
        };
        let mut scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), depth)?;
        scan.pass_over(from.unwrap_or_default())?;
        Ok(Self {
            opened,
            settings,
            reader,
            sharing: shares.then(|| reader.sharing()).transpose()?,
            finder: LineFinder::new(reader),
            scan,
            in_between: reader.has_steps_in_between()?,
            files: Vec::new(),
            over: None,
            is_done: from.is_none(),
            found: OnTheWay::default(),
        })
    }

    /// The next file that is full, or that no more rows go into; `None` when there is none, or the run is to stop.
    pub(super) fn next(
        &mut self,
        affords: Affords<'_>,
        stop: &Stop,
    ) -> Result<Option<FilledFile>, PipelineError> {
        while !self.is_done {
            if *stop.borrow() != StopLevel::None {
                self.discard();
                return Ok(None);
            }
            let line = match self.over.take() {
                Some(line) => Some(line),
                None => self.next_line()?,
            };
            let Some((row, request)) = line else {
                self.is_done = true;
                break;
            };
            if let Some(full) = self.add(row, request, affords)? {
                return full.finish().map(Some);
            }
        }
        match self.files.is_empty() {
            true => Ok(None),
            false => self.files.remove(0).finish().map(Some),
        }
    }

    /// Puts a row into the file of its kind. Returns the file that has to leave first, if there is one.
    fn add(
        &mut self,
        row: RowKey,
        request: ChatRequest,
        affords: Affords<'_>,
    ) -> Result<Option<BatchFile>, PipelineError> {
        let planned = self.files.iter().map(|file| file.filling.worst);
        let worst = match affords(&request, planned.fold(Reserve::NOTHING, |sum, one| sum + one)) {
            Ok(worst) => worst,
            Err(short) => {
                self.found.short = Some(short);
                self.is_done = true;
                return Ok(None);
            }
        };
        let kind = BatchKind::of(&request);
        let bytes = line_bytes(&request);
        let known = self.files.iter().position(|file| file.kind == kind);
        let leaves = match known {
            Some(place) if self.files[place].filling.takes(bytes, &self.settings) => None,
            Some(place) => Some(place),
            None if self.files.len() < MOST_FILES => None,
            None => Some(0),
        };
        if let Some(place) = leaves {
            self.over = Some((row, request));
            return Ok(Some(self.files.remove(place)));
        }
        let place = match known {
            Some(place) => place,
            None => {
                self.files.push(BatchFile::begin(self.reader.path(), kind)?);
                self.files.len() - 1
            }
        };
        self.files[place].add(row, &request, worst)?;
        Ok(None)
    }

    /// The next row that is in no batch.
    fn next_line(&mut self) -> Result<Option<(RowKey, ChatRequest)>, PipelineError> {
        while let Some(scanned) = self.scan.next().transpose()? {
            let Some((row, request)) = scanned.prepared(self.opened) else { continue };
            let entry = scanned.entry.as_ref();
            if entry.is_some_and(|entry| entry.fingerprint != row.fingerprint) {
                self.found.input_changed = true;
                return Ok(None);
            }
            let Ok(request) = request else { continue };
            // What follows on an answer is sent at once.
            if self.in_between && entry.is_some() && !self.reader.steps(row.position)?.is_empty() {
                continue;
            }
            if self.finder.find(entry, row.fingerprint)?.is_some() {
                self.found.awaited += 1;
                continue;
            }
            if let Some(sharing) = &self.sharing
                && (self.reader.is_submitted(row.fingerprint)? || !sharing.goes_out(&row.fingerprint)?)
            {
                continue;
            }
            return Ok(Some((row, request)));
        }
        Ok(None)
    }

    fn discard(&mut self) {
        self.is_done = true;
        self.files.drain(..).for_each(BatchFile::discard);
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        self.discard();
    }
}
