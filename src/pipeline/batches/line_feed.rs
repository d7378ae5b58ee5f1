//! The rows whose replies were downloaded, found and rendered on a separate thread; and rows that continue from a stored answer, or are
//! the first of their kind, which are sent at once.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::lines::LineFinder;
use super::prices::BatchPrices;
use crate::batch::phase::BatchRecord;
use crate::dispatch::{Collected, Ready};
use crate::job::price::Price;
use crate::journal::JournalError;
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::note::{BatchLine, RowKey};
use crate::outcome::{Reply, Status};
use crate::pipeline::feed::{BATCHES, RowBatch};
use crate::pipeline::plan::Plan;
use crate::pipeline::scan::{Depth, RequestPlace, Scan};
use crate::pipeline::{Opened, PipelineError};
use crate::request::{ChatRequest, Shape};
use crate::reserve::Reserve;

/// Shapes of requests of which one goes first, and the requests among which they are looked for.
const FIRST: (usize, u64) = (8, 1_000);

/// Which rows are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct LineRules {
    pub(super) wanted: Wanted,
    /// Rows that were set aside are sent, too, for the last time.
    pub(in crate::pipeline) last: bool,
}

/// Which rows are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One request of each shape, before any batch is made: a job that is wrong shows it within seconds.
    First,
    /// Those with replies, and those that continue from an answer.
    Collected,
}

/// Judges a line of an output or error file like a live reply.
pub(in crate::pipeline) type Judge<'j> = &'j dyn Fn(&[u8], &ChatRequest) -> Reply;

/// A row, with its reply if a batch has brought that.
pub(in crate::pipeline) struct FoundRow {
    ready: Ready,
    reply: Option<FoundReply>,
}

struct FoundReply {
    line: BatchLine,
    text: Vec<u8>,
    at: SystemTime,
    latency: Duration,
    worst: Reserve,
    price: Option<Arc<Price>>,
}

impl FoundRow {
    fn judged(self, judge: Judge<'_>) -> Ready {
        let Self { ready, reply } = self;
        let Some(FoundReply { line, text, at, latency, worst, price }) = reply else { return ready };
        let reply = judge(&text, &ready.request);
        Ready { collected: Some(Box::new(Collected { line, reply, at, latency, worst, price })), ..ready }
    }
}

/// Judges the replies of rows on their way.
pub(in crate::pipeline) async fn judged(
    mut found: Receiver<Vec<FoundRow>>,
    ready: Sender<Vec<Ready>>,
    judge: Judge<'_>,
) -> Infallible {
    while let Some(rows) = found.recv().await {
        let rows = rows.into_iter().map(|row| row.judged(judge)).collect();
        if ready.send(rows).await.is_err() {
            break;
        }
    }
    drop((found, ready));
    std::future::pending().await
}

/// The thread that finds the rows.
pub(in crate::pipeline) struct LineFeed {
    thread: JoinHandle<Result<bool, PipelineError>>,
    opened: Opened,
}

impl LineFeed {
    /// Starts the thread.
    pub(in crate::pipeline) fn start(
        opened: &Opened,
        rules: LineRules,
        from: Option<RequestPlace>,
    ) -> (Self, Receiver<Vec<FoundRow>>) {
        let (sender, rows) = channel(BATCHES);
        let theirs = opened.clone();
        let thread = std::thread::spawn(move || feed(&theirs, rules, from, &sender));
        (Self { thread, opened: opened.clone() }, rows)
    }

    /// Waits for the end, and returns whether the input changed since it was planned.
    pub(in crate::pipeline) fn finish(self, plan: &Plan) -> Result<bool, PipelineError> {
        let changed = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(changed || self.opened.source.stamp()? != plan.stamp)
    }
}

/// Finds rows and passes them on, until there are no more or nobody takes them. Returns whether a row was found that differs from the
/// planned one.
fn feed(
    opened: &Opened,
    rules: LineRules,
    from: Option<RequestPlace>,
    rows: &Sender<Vec<FoundRow>>,
) -> Result<bool, PipelineError> {
    let Some(from) = from else { return Ok(false) };
    let path = opened.journal();
    let reader = Reader::beside(&path)?;
    let mut picker = Picker::new(opened, rules, &reader)?;
    let mut batch = RowBatch::default();
    let depth = move |_, entry: Option<&Entry>| match entry.map(|entry| entry.status) {
        None | Some(Status::Pending | Status::Dropped) => Depth::Whole,
        Some(Status::SetAside) if rules.last => Depth::Whole,
        _ => Depth::Pass,
    };
    let mut scan =
        Scan::new(opened, opened.wanted_by_requests(), Some(Reader::beside(&path)?.entries()), depth)?;
    scan.pass_over(from)?;
    loop {
        if rows.is_closed() || picker.is_done() || !batch.hand_on(rows) {
            break;
        }
        let Some(scanned) = scan.next().transpose()? else { break };
        let Some((row, request)) = scanned.prepared(opened) else { continue };
        let entry = scanned.entry.as_ref();
        if entry.is_some_and(|entry| entry.fingerprint != row.fingerprint) {
            batch.flush(rows);
            return Ok(true);
        }
        let Ok(request) = request else { continue };
        if let Some(found) = picker.pick(entry, row, request)? {
            let reply = found.reply.as_ref().map_or(0, |reply| reply.text.len());
            let bytes = found.ready.request.body.len() + reply;
            batch.add(found, bytes);
        }
    }
    batch.flush(rows);
    Ok(false)
}

/// Picks the rows that are wanted.
struct Picker<'p> {
    rules: LineRules,
    reader: &'p Reader,
    finder: LineFinder<'p>,
    prices: BatchPrices,
    /// When each batch was submitted, and how long it took.
    times: HashMap<i64, (SystemTime, Duration)>,
    in_between: bool,
    shapes: HashSet<Shape>,
    looked_at: u64,
}

impl<'p> Picker<'p> {
    fn new(opened: &Opened, rules: LineRules, reader: &'p Reader) -> Result<Self, JournalError> {
        let times = reader.batches()?.iter().map(|batch| (batch.number, times(batch))).collect();
        Ok(Self {
            rules,
            reader,
            finder: LineFinder::new(reader),
            prices: BatchPrices::of(&opened.job),
            times,
            in_between: reader.has_steps_in_between()?,
            shapes: HashSet::new(),
            looked_at: 0,
        })
    }

    /// Whether no more rows are wanted.
    fn is_done(&self) -> bool {
        let (shapes, requests) = FIRST;
        self.rules.wanted == Wanted::First && (self.shapes.len() >= shapes || self.looked_at >= requests)
    }

    fn pick(
        &mut self,
        entry: Option<&Entry>,
        row: RowKey,
        mut request: ChatRequest,
    ) -> Result<Option<FoundRow>, PipelineError> {
        self.looked_at += 1;
        let line = self.finder.find(entry, row.fingerprint)?;
        let steps = match (&line, self.in_between && entry.is_some()) {
            (None, true) => self.reader.steps(row.position)?,
            _ => Vec::new(),
        };
        let is_wanted = match line {
            Some(line) => line.is_replied,
            None if !steps.is_empty() => true,
            None if entry.is_some_and(|entry| entry.status == Status::SetAside) => true,
            None => self.rules.wanted == Wanted::First && self.shapes.insert(request.shape),
        };
        if !is_wanted {
            return Ok(None);
        }
        request.stream |= entry.is_some_and(|entry| entry.cut);
        let reply = line.map(|line| self.reply(line.line, &request)).transpose()?;
        let tries = entry.map_or(0, |entry| entry.tries);
        Ok(Some(FoundRow { ready: Ready { row, request, tries, steps, collected: None }, reply }))
    }

    fn reply(&self, line: BatchLine, request: &ChatRequest) -> Result<FoundReply, PipelineError> {
        let (text, worst) = self.reader.reply_of(line)?;
        let known = self.times.get(&line.batch).copied();
        let (at, latency) = known.unwrap_or((SystemTime::UNIX_EPOCH, Duration::ZERO));
        let price = request.price.as_ref().map(|price| self.prices.of_price(price));
        Ok(FoundReply { line, text, at, latency, worst, price })
    }
}

fn times(batch: &BatchRecord) -> (SystemTime, Duration) {
    let at = batch.submitted_at();
    (at, batch.ended_at.and_then(|ended| ended.duration_since(at).ok()).unwrap_or_default())
}
