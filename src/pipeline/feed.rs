//! The rows to be sent, read and rendered on a separate thread.

use std::thread::JoinHandle;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::batches::lines::LineFinder;
use super::plan::Plan;
use super::scan::{Depth, RequestPlace, Scan};
use super::{Opened, PipelineError};
use crate::dispatch::Ready;
use crate::job::Transport;
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::outcome::Status;

/// How many rows are passed on together while the sender has enough, so that the thread is not woken for each.
const BATCH_ROWS: usize = 16;

/// How many bytes of requests are passed on together; a single one may be larger.
const BATCH_BYTES: usize = 64 * 1024;

/// Batches that wait between reading and dispatching.
pub(super) const BATCHES: usize = 1;

/// The thread that reads and renders the rows to be sent.
pub(super) struct Feed {
    thread: JoinHandle<Result<bool, PipelineError>>,
    opened: Opened,
}

/// Which rows are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedRules {
    /// Rows that have failed are sent again.
    pub(super) retry_failed: bool,
    /// Only rows left over from the first pass are sent.
    pub(super) last: bool,
    /// No request before this one is sent; `None` where every row has its answer.
    pub(super) from: Option<RequestPlace>,
}

impl FeedRules {
    /// Whether the row of an entry is sent.
    fn sends(self, entry: Option<&Entry>) -> bool {
        match entry.map(|entry| entry.status) {
            Some(Status::Ok | Status::Skipped) => false,
            Some(Status::Failed) => self.retry_failed && !self.last,
            Some(Status::SetAside) => true,
            Some(Status::Pending | Status::Dropped) | None => !self.last,
        }
    }
}

impl Feed {
    /// Starts the thread.
    pub(super) fn start(opened: &Opened, rules: FeedRules) -> (Self, Receiver<Vec<Ready>>) {
        let (sender, rows) = channel(BATCHES);
        let theirs = opened.clone();
        let thread = std::thread::spawn(move || feed(&theirs, rules, &sender));
        (Self { thread, opened: opened.clone() }, rows)
    }

    /// Waits for the end, and returns whether the input changed since it was planned.
    pub(super) fn finish(self, plan: &Plan) -> Result<bool, PipelineError> {
        let changed = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(changed || self.opened.source.stamp()? != plan.stamp)
    }
}

/// Reads rows and passes on those to be sent, until there are no more or nobody takes them. Returns whether a row was found
/// that differs from the planned one.
fn feed(opened: &Opened, rules: FeedRules, rows: &Sender<Vec<Ready>>) -> Result<bool, PipelineError> {
    let Some(from) = rules.from else { return Ok(false) };
    let path = opened.journal();
    let reader = Reader::beside(&path)?;
    let sharing = match opened.job.input.share_duplicates && !rules.last {
        true => Some(reader.sharing()?),
        false => None,
    };
    let in_between = reader.has_steps_in_between()?;
    // What is in a provider's batch, and paid for there, is not sent as well.
    let mut lines = reader.has_open_lines()?.then(|| LineFinder::new(&reader));
    let mut batch = RowBatch::default();
    let wanted = opened.wanted_by_requests();
    // Finished rows need not be parsed: half of a large job is skipped in a moment.
    let depth = |_, entry: Option<&Entry>| if rules.sends(entry) { Depth::Whole } else { Depth::Pass };
    let mut scan = Scan::new(opened, wanted, Some(Reader::beside(&path)?.entries()), depth)?;
    scan.pass_over(from)?;
    loop {
        // Checked at every row, even at skipped ones: the sender may have become idle meanwhile.
        if rows.is_closed() || !batch.hand_on(rows) {
            break;
        }
        let Some(scanned) = scan.next().transpose()? else { break };
        let Some((row, request)) = scanned.prepared(opened) else { continue };
        let entry = scanned.entry;
        if entry.as_ref().is_some_and(|entry| entry.fingerprint != row.fingerprint) {
            batch.flush(rows);
            return Ok(true);
        }
        // A row that cannot be sent was recorded as failed, and sending failed rows again does not change that.
        let Ok(mut request) = request else { continue };
        if let Some(lines) = &mut lines
            && lines.find(entry.as_ref(), row.fingerprint)?.is_some()
        {
            continue;
        }
        if let Some(sharing) = &sharing
            && !sharing.goes_out(&row.fingerprint)?
        {
            continue;
        }
        // A row whose tries are used up gets some again, and is marked as one that failed while others did not.
        let pending =
            entry.as_ref().filter(|entry| matches!(entry.status, Status::Pending | Status::SetAside));
        let tries = pending.map_or(0, |entry| entry.tries);
        let streams = opened.job.model.transport != Transport::Whole;
        request.stream |= streams && entry.as_ref().is_some_and(|entry| entry.cut);
        let steps = match in_between && entry.is_some() {
            true => reader.steps(row.position)?,
            false => Vec::new(),
        };
        let bytes = request.body.len();
        batch.add(Ready { row, request, tries, steps, collected: None }, bytes);
    }
    batch.flush(rows);
    Ok(false)
}

/// Rows that are passed on together.
pub(super) struct RowBatch<T> {
    rows: Vec<T>,
    bytes: usize,
}

impl<T> Default for RowBatch<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }
}

impl<T> RowBatch<T> {
    /// Adds one with so many bytes.
    pub(super) fn add(&mut self, row: T, bytes: usize) {
        self.bytes += bytes;
        self.rows.push(row);
    }

    /// Passes the rows on if there is room; once there are enough, waits for room. Returns whether anyone still takes them.
    pub(super) fn hand_on(&mut self, rows: &Sender<Vec<T>>) -> bool {
        let enough = self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES;
        match rows.capacity() == 0 && !enough {
            true => true,
            false => self.flush(rows),
        }
    }

    pub(super) fn flush(&mut self, rows: &Sender<Vec<T>>) -> bool {
        let batch = std::mem::replace(self, Self { rows: Vec::with_capacity(BATCH_ROWS), bytes: 0 });
        batch.rows.is_empty() || rows.blocking_send(batch.rows).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{EntryPart, RowKey};
    use crate::request::{ChatRequest, Fingerprint};

    fn ready(position: u64, bytes: usize) -> Ready {
        let fingerprint = Fingerprint::default();
        let request = ChatRequest::of_body(vec![b' '; bytes], fingerprint);
        Ready {
            row: RowKey {
                row: position,
                position,
                part: EntryPart::WHOLE,
                over: None,
                id: None,
                fingerprint,
                record: None,
            },
            request,
            tries: 0,
            steps: Vec::new(),
            collected: None,
        }
    }

    #[test]
    fn a_row_goes_at_once_to_an_idle_sender_and_with_others_to_a_busy_one() {
        let (sender, mut rows) = channel(BATCHES);
        let mut batch = RowBatch::default();
        for position in 0..BATCH_ROWS as u64 {
            batch.add(ready(position, 10), 10);
            assert!(batch.hand_on(&sender));
        }
        let mut taken = || rows.try_recv().map(|rows| rows.len()).ok();
        assert_eq!((taken(), taken()), (Some(1), None));
        assert!(batch.hand_on(&sender), "somebody has become idle");
        assert_eq!((taken(), taken()), (Some(BATCH_ROWS - 1), None));
        assert!(batch.hand_on(&sender), "there is nothing to hand on");
        assert_eq!(taken(), None);
    }

    #[test]
    fn rows_are_held_by_number_and_by_bytes_until_they_are_taken() {
        for (rows, bytes) in [(BATCH_ROWS, 10), (2, BATCH_BYTES / 2)] {
            let (sender, mut taken) = channel(BATCHES);
            let full = std::thread::spawn(move || {
                let mut batch = RowBatch::default();
                let mut added = 0;
                // The first batch goes at once; the second has no room until it is taken.
                while added < 1 + 2 * rows && batch.hand_on(&sender) {
                    batch.add(ready(added as u64, bytes), bytes);
                    added += 1;
                }
                batch.flush(&sender)
            });
            let sizes: Vec<usize> =
                std::iter::from_fn(|| taken.blocking_recv()).map(|rows| rows.len()).collect();
            assert!(full.join().unwrap());
            assert_eq!(sizes.iter().sum::<usize>(), 1 + 2 * rows);
            assert!(sizes.iter().all(|size| *size <= rows), "{sizes:?}");
        }
    }

    #[test]
    fn nobody_is_fed_who_does_not_listen_any_more() {
        let (sender, rows) = channel(BATCHES);
        drop(rows);
        let mut batch = RowBatch::default();
        batch.add(ready(0, 10), 10);
        assert!(!batch.hand_on(&sender));
    }
}
