//! The requests over answers that are to be sent, once nothing else is: a merge for each row, then the digest.

use std::thread::JoinHandle;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::bad_rows::BAD_ROW;
use super::fold::parts_of;
use super::looked::looked_rows;
use super::scan::{Depth, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::dispatch::Ready;
use crate::job::Transport;
use crate::journal::Journal;
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::note::{EntryPart, Outcome, OverKind, RequestEnd, RowKey};
use crate::outcome::{Fault, FaultKind, Status};
use crate::request::{ChatRequest, Fingerprint};
use crate::row::RowId;

/// A request over answers.
struct OverRequest {
    id: Option<RowId>,
    request: Result<ChatRequest, Box<Diagnostic>>,
}

/// What is done with a request over answers.
type Visit<'v> = dyn FnMut(OverRequest) -> Result<bool, PipelineError> + 'v;

/// Visits the requests of a kind, in input order, until one is the last that is wanted.
fn each(
    opened: &Opened,
    reader: &Reader,
    kind: OverKind,
    visit: &mut Visit<'_>,
) -> Result<(), PipelineError> {
    match kind {
        OverKind::Merge => each_merge(opened, reader, visit),
        OverKind::Digest => digest(opened, reader, visit),
    }
}

/// A merge for each row of several pieces, if all of these are answered.
fn each_merge(opened: &Opened, reader: &Reader, visit: &mut Visit<'_>) -> Result<(), PipelineError> {
    let Some(merger) = opened.merger() else { return Ok(()) };
    let mut results = reader.results();
    let mut of_row = Vec::new();
    let wanted = opened.wanted_by_requests();
    for scanned in Scan::new(opened, wanted, None, |_: u64, _: Option<&Entry>| Depth::Whole)? {
        let Scanned { place, part, whole, .. } = scanned?;
        if part.count > 0 {
            of_row.push(results.at(place.position)?.unwrap_or_default());
        }
        if !part.is_last() {
            continue;
        }
        let of_row = std::mem::take(&mut of_row);
        let Some(whole) = whole else { continue };
        for (number, of_pieces) in whole.by_combination(of_row).iter().enumerate() {
            let is_answered = of_pieces.iter().all(|result| result.status == Status::Ok);
            let Some(parts) = parts_of(of_pieces).filter(|_| is_answered) else { continue };
            let id = whole.id_for(number).map(|id| RowId::from_text(format!("{id}#merge")));
            let request = merger.request(&whole.fields_for(number), parts);
            if !visit(OverRequest { id, request })? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The digest over the rows that are answered, if none is without an end and there are any.
fn digest(opened: &Opened, reader: &Reader, visit: &mut Visit<'_>) -> Result<(), PipelineError> {
    let request = digest_parts(opened, reader)?.and_then(|parts| parts.request);
    request.map_or(Ok(()), |request| visit(OverRequest { id: None, request }).map(drop))
}

/// What a digest is made of.
pub(super) struct DigestParts {
    /// The request; `None` if no row is answered.
    pub(super) request: Option<Result<ChatRequest, Box<Diagnostic>>>,
    /// The rows that are answered.
    pub(super) rows: u64,
    /// The rows that have failed.
    pub(super) lacks: u64,
}

/// What the digest is made of; `None` while a row has no end, and for a job without one.
pub(super) fn digest_parts(opened: &Opened, reader: &Reader) -> Result<Option<DigestParts>, PipelineError> {
    let Some(digester) = opened.digester() else { return Ok(None) };
    let (mut parts, mut rows, mut lacks) = (Vec::new(), 0, 0);
    for row in looked_rows(opened, reader.results(), true)? {
        let row = row?;
        match row.result.status {
            Status::Ok => {}
            Status::Skipped => continue,
            Status::Failed => {
                lacks += 1;
                continue;
            }
            Status::Pending | Status::SetAside | Status::Dropped => return Ok(None),
        }
        rows += 1;
        let fields = row.item.row().map(|row| row.fields.clone()).unwrap_or_default();
        let Some(each) = &opened.requester().each else {
            parts.push(digester.part(&fields, row.result.response().unwrap_or_default()));
            continue;
        };
        // Each combination contributes.
        for (number, result) in row.each.iter().enumerate().filter(|(_, one)| one.status == Status::Ok) {
            let mut fields = fields.clone();
            each.put(number, &mut fields);
            parts.push(digester.part(&fields, result.response().unwrap_or_default()));
        }
    }
    let request = (rows > 0).then(|| {
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>().map_err(Box::new)?;
        digester.request(parts)
    });
    Ok(Some(DigestParts { request, rows, lacks }))
}

/// Whether a request over answers is sent, by what the journal says of it.
fn is_sent(status: Option<Status>, retry_failed: bool) -> bool {
    match status {
        Some(Status::Ok | Status::Skipped) => false,
        Some(Status::Failed) => retry_failed,
        Some(Status::Pending | Status::SetAside | Status::Dropped) | None => true,
    }
}

/// Gives the requests of a kind that are to be sent their places, behind all others. Returns how many there are.
pub(super) fn open(
    opened: &Opened,
    journal: &Journal,
    kind: OverKind,
    retry_failed: bool,
) -> Result<u64, PipelineError> {
    let reader = Reader::beside(journal.path())?;
    let mut position = reader.end()?;
    let first = position;
    let mut unmade_requests = Vec::new();
    journal.begin_over(kind)?;
    let seen = each(opened, &reader, kind, &mut |OverRequest { id, request }| {
        let (fingerprint, problem) = match request {
            Ok(request) => (request.fingerprint, None),
            Err(problem) => (unmade(&problem), Some(problem)),
        };
        let known = journal.reader().entry_over(fingerprint)?;
        known.map_or(Ok(()), |known| journal.saw_over(known.number))?;
        // Of two rows with one request, the first has opened it.
        let is_open = known.is_some_and(|known| known.position.is_some_and(|position| position >= first));
        if is_open || !is_sent(known.map(|known| known.status), retry_failed) {
            return Ok(true);
        }
        let (part, over) = (EntryPart::WHOLE, Some(kind));
        let key = RowKey { row: position, position, part, over, id, fingerprint, record: None };
        match problem {
            Some(problem) => {
                let fault = Fault::new(FaultKind::RowRefused, BAD_ROW, problem.in_a_line());
                unmade_requests.push(RequestEnd::unsent(key, 0, Outcome::Failed(fault)));
            }
            None => journal.open_over(&key, known.map(|known| known.number))?,
        }
        position += 1;
        Ok(true)
    });
    journal.end_over(seen.is_ok())?;
    seen?;
    journal.store_unsent(&unmade_requests)?;
    Ok(position - first)
}

/// What identifies a request that cannot be made.
fn unmade(problem: &Diagnostic) -> Fingerprint {
    crate::render::fingerprint::of_bytes(&[b"no request over answers: ", problem.message.as_bytes()].concat())
}

/// The thread that makes the requests over answers that are to be sent.
pub(super) struct OverFeed(JoinHandle<Result<(), PipelineError>>);

impl OverFeed {
    /// Starts the thread. `last`: whether only those are sent that were set aside.
    pub(super) fn start(opened: &Opened, kind: OverKind, last: bool) -> (Self, Receiver<Vec<Ready>>) {
        let (sender, ready) = channel(1);
        let theirs = opened.clone();
        (Self(std::thread::spawn(move || feed(&theirs, kind, last, &sender))), ready)
    }

    /// Waits for the end.
    pub(super) fn finish(self) -> Result<(), PipelineError> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn feed(
    opened: &Opened,
    kind: OverKind,
    last: bool,
    ready: &Sender<Vec<Ready>>,
) -> Result<(), PipelineError> {
    let path = opened.journal();
    let (reader, entries) = (Reader::beside(&path)?, Reader::beside(&path)?);
    let streams = opened.job.model.transport != Transport::Whole;
    let mut from = 0;
    each(opened, &reader, kind, &mut |OverRequest { id, request }| {
        let Ok(mut request) = request else { return Ok(!ready.is_closed()) };
        let Some(entry) = entries.entry_over(request.fingerprint)? else { return Ok(true) };
        let is_wanted = match entry.status {
            Status::Pending => !last,
            Status::SetAside => true,
            _ => false,
        };
        // Each has its place by now, in this order; a place that was passed is that of an equal request.
        let position = entry.position.filter(|position| is_wanted && *position >= from);
        let Some(position) = position else { return Ok(!ready.is_closed()) };
        from = position + 1;
        request.stream |= streams && entry.cut;
        let steps = entries.steps(position)?;
        let (part, over, fingerprint) = (EntryPart::WHOLE, Some(kind), request.fingerprint);
        let row = RowKey { row: position, position, part, over, id, fingerprint, record: None };
        Ok(ready
            .blocking_send(vec![Ready { row, request, tries: entry.tries, steps, collected: None }])
            .is_ok())
    })
}
