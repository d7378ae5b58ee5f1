//! The second of two passes: what has no answer is sent, and every end is stored before it counts.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::bad_rows::{BAD_ROW, code_of};
use super::feed::{Feed, FeedRules};
use super::held::HeldRecorder;
use super::plan::Plan;
use super::scan::{Depth, RequestPlace, Scan};
use super::{Opened, PipelineError};
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::dispatch::{CarryOver, DispatchSettings, Dispatcher, Ledger};
use crate::endpoint::Endpoint;
use crate::event::{Bottleneck, Event, Observer};
use crate::job::field_owner::FieldOwners;
use crate::job::limits::EffectiveLimits;
use crate::journal::ballast::Ballast;
use crate::journal::cursors::Entry;
use crate::journal::duplicates::Shared;
use crate::journal::reader::Reader;
use crate::journal::writer::{Committed, EventSender};
use crate::journal::{Journal, JournalError};
use crate::kin::ProcessMark;
use crate::note::{JournalEvent, Outcome, RequestEnd};
use crate::outcome::{Fault, FaultKind, Status};
use crate::reserve::Reserve;
use crate::tally::{Snapshot, Tally};
use crate::tools::Commands;

/// How the sending ended.
#[derive(Debug)]
pub struct SendReport {
    /// Why.
    pub reason: StopReason,
    /// Requests that were given up in flight.
    pub abandoned: usize,
    /// The most that the request may use which a cap did not let leave.
    pub beyond: Option<Reserve>,
    /// The counts.
    pub snapshot: Snapshot,
    /// Whether the input changed meanwhile: rows may be left, and are to be planned anew.
    pub input_changed: bool,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    /// What the first pass found.
    pub plan: &'a Plan,
    /// The number of the run in the journal.
    pub run: i64,
    /// Whether rows that have failed are sent again.
    pub retry_failed: bool,
    /// Files the process may open.
    pub open_files: u64,
    /// Where the run hears of other limits while it goes on.
    pub live_limits: &'a LiveLimits,
    /// Variables that the commands of tools do not get to see.
    pub hidden: &'a [OsString],
    /// What those commands are known by.
    pub mark: &'a ProcessMark,
}

impl SendRequest<'_> {
    /// What went wrong; a journal that was lost meanwhile is put in its place first, and that is told instead.
    fn kept(&self, journal: &Journal, error: PipelineError) -> PipelineError {
        journal.settle(Some(self.run)).err().map_or(error, PipelineError::from)
    }
}

/// Who looks on.
pub struct Audience<'a> {
    /// Where snapshots are shown.
    pub snapshots: &'a tokio::sync::watch::Sender<Snapshot>,
    /// Who hears of every event.
    pub listener: &'a mut dyn Observer,
}

/// Sends what is to be sent. Gives the journal back.
///
/// # Errors
///
/// When input or journal fail.
pub async fn send<E: Endpoint>(
    opened: &Opened,
    journal: Journal,
    order: SendRequest<'_>,
    past: &CarryOver,
    endpoint: &E,
    stop: Stop,
    audience: Audience<'_>,
) -> Result<(SendReport, Journal), PipelineError> {
    let mut observer = Watch::new(opened, order, audience);
    let failed = store_unsent(opened, &journal, order).map_err(|error| order.kept(&journal, error))?;
    observer.tally.now.failed += failed;
    let rules = settings(opened, order);
    let commands = Commands::new(opened.job.tools.clone(), order.hidden.to_vec(), order.mark.clone());
    let dispatcher = Dispatcher::new(endpoint, &commands, &rules, past, Box::new(rand::random::<f64>));
    let mut dispatcher = dispatcher.steered(order.live_limits.clone());
    let path = opened.journal();
    let ballast = Ballast::beside(&path);
    let (full, lost) = (ballast.full(), journal.lost());
    let (writer, events, committed) = journal.writer(order.run, ballast);
    observer.held = Some(HeldRecorder::new(events.clone()));
    let mut ledger = JournalLedger { path: path.clone(), events, committed };
    let asked = Asked { stop: stop.clone(), full, lost };
    let passed = passes(opened, order, &mut dispatcher, &mut ledger, &mut observer, &asked).await;
    let passed = match passed {
        Ok(passed) => passed,
        Err(error) => {
            // The writer's thread closes the journal before the run ends.
            drop((ledger, observer));
            return Err(match writer.finish() {
                Ok(journal) => order.kept(&journal, error),
                Err(_) => error,
            });
        }
    };
    drop(ledger);
    observer.held.take().into_iter().for_each(HeldRecorder::finish);
    let journal = writer.finish()?;
    journal.settle(Some(order.run))?;
    if *asked.full.borrow() && passed.reason == StopReason::Interrupted {
        return Err(JournalError::Full { path }.into());
    }
    let shares = opened.job.input.share_duplicates && *stop.borrow() != StopLevel::Now;
    let ended = end_pass(opened, &journal, order, &mut observer.tally, (passed.input_changed, shares));
    ended.map_err(|error| order.kept(&journal, error))?;
    let Passed { reason, abandoned, beyond, input_changed } = passed;
    let snapshot = observer.finish();
    Ok((SendReport { reason, abandoned, beyond, snapshot, input_changed }, journal))
}

/// Stores what is known of rows before anything is sent: those that cannot be sent as failed, and those that had failed as
/// open, where they are sent again. Gives how many failed now.
fn store_unsent(opened: &Opened, journal: &Journal, order: SendRequest<'_>) -> Result<u64, PipelineError> {
    let failed = match order.plan.matched.unsendable {
        0 => 0,
        _ => store_bad_rows(opened, journal)?,
    };
    if order.retry_failed {
        journal.reopen_failed(limit(opened, order.plan))?;
    }
    Ok(failed)
}

/// The number of requests to which the job's limit of rows comes, if it has one.
fn limit(opened: &Opened, plan: &Plan) -> Option<u64> {
    opened.job.input.limit.map(|_| plan.requests)
}

fn settings(opened: &Opened, order: SendRequest<'_>) -> DispatchSettings {
    let EffectiveLimits { quotas, concurrency, caps, .. } = *order.live_limits.borrow();
    DispatchSettings {
        retry: opened.job.retry,
        quotas,
        concurrency,
        caps,
        conversation: opened.conversation(),
        open_files: order.open_files,
        field_owners: FieldOwners::of(&opened.job),
    }
}

/// How the passes over the input ended.
struct Passed {
    reason: StopReason,
    abandoned: usize,
    beyond: Option<Reserve>,
    input_changed: bool,
}

/// Sends what has no answer, and in a last pass the rows that were set aside.
async fn passes<E: Endpoint>(
    opened: &Opened,
    order: SendRequest<'_>,
    dispatcher: &mut Dispatcher<'_, E>,
    ledger: &mut JournalLedger,
    observer: &mut Watch<'_>,
    asked: &Asked,
) -> Result<Passed, PipelineError> {
    let mut passed =
        Passed { reason: StopReason::Finished, abandoned: 0, beyond: None, input_changed: false };
    // Failed rows may be anywhere.
    let from = if order.retry_failed { Some(RequestPlace::default()) } else { order.plan.first_news };
    for last in [false, true] {
        let (feed, rows) = Feed::start(opened, FeedRules { retry_failed: order.retry_failed, last, from });
        let (asks, hears) = watch::channel(*asked.stop.borrow());
        let end = tokio::select! {
            biased;
            never = pass_on(asked.clone(), asks) => match never {},
            end = dispatcher.pass(rows, ledger, hears, observer, last) => end,
        }?;
        passed.input_changed |= feed.finish(order.plan)?;
        passed.abandoned += end.abandoned;
        (passed.reason, passed.beyond) = (end.reason, end.beyond);
        if passed.reason != StopReason::Finished || end.set_aside == 0 {
            break;
        }
    }
    Ok(passed)
}

/// What is stored when nothing is sent any more: the ends of rows that share a request, and that the survey of the input holds.
fn end_pass(
    opened: &Opened,
    journal: &Journal,
    order: SendRequest<'_>,
    tally: &mut Tally,
    (input_changed, shares): (bool, bool),
) -> Result<(), PipelineError> {
    if shares {
        let healed = journal.heal(limit(opened, order.plan))?;
        if !order.retry_failed {
            tally.now.failed = tally.now.failed.saturating_sub(healed);
        }
        let shared = match order.retry_failed || order.plan.matched.shared() > 0 {
            true => share(opened, journal, order.retry_failed)?,
            false => Shared::default(),
        };
        tally.shared(healed + shared.ok);
        tally.now.failed += shared.failed;
    }
    // Rows that got the answer of another were read once more.
    if !input_changed && opened.source.stamp().is_ok_and(|stamp| stamp == order.plan.stamp) {
        journal.survey_holds()?;
    }
    Ok(())
}

/// What may ask a run to stop: somebody; a disk that is full; a journal that is lost.
#[derive(Debug, Clone)]
struct Asked {
    stop: Stop,
    full: watch::Receiver<bool>,
    lost: watch::Receiver<bool>,
}

/// Passes on what a run is asked. A disk that is full, and a journal that is lost, ask for what Ctrl-C asks for: what is in
/// flight may end.
async fn pass_on(asked: Asked, asks: watch::Sender<StopLevel>) -> Infallible {
    let Asked { mut stop, mut full, mut lost } = asked;
    let (mut may_be_stopped, mut may_be_full, mut may_be_lost) = (true, true, true);
    loop {
        let must_end = *full.borrow_and_update() | *lost.borrow_and_update();
        let by_itself = if must_end { StopLevel::Drain } else { StopLevel::None };
        let stop_level = (*stop.borrow_and_update()).max(by_itself);
        asks.send_if_modified(|before| std::mem::replace(before, stop_level) != stop_level);
        tokio::select! {
            changed = stop.changed(), if may_be_stopped => may_be_stopped = changed.is_ok(),
            changed = full.changed(), if may_be_full => may_be_full = changed.is_ok(),
            changed = lost.changed(), if may_be_lost => may_be_lost = changed.is_ok(),
            () = std::future::pending() => {}
        }
    }
}

/// The journal's writer, as the dispatcher knows it.
struct JournalLedger {
    path: PathBuf,
    events: EventSender,
    committed: Committed,
}

impl Ledger for JournalLedger {
    type Error = JournalError;

    fn write(&mut self, note: JournalEvent) {
        self.events.write(note);
    }

    async fn committed(&mut self) -> Result<Vec<JournalEvent>, JournalError> {
        match self.committed.recv().await {
            Some(notes) => notes,
            None => {
                let source = std::io::Error::other("its writer ended unexpectedly");
                Err(JournalError::File { path: self.path.clone(), source })
            }
        }
    }
}

/// Turns events into snapshots for whoever watches.
struct Watch<'a> {
    tally: Tally,
    begun: Instant,
    sent: Instant,
    held_by: Option<Bottleneck>,
    held: Option<HeldRecorder>,
    audience: Audience<'a>,
}

/// How a run stands before it sends: with what earlier runs have done.
pub fn before_it_sends(opened: &Opened, plan: &Plan, retry_failed: bool) -> Tally {
    let matched = &plan.matched;
    let failed = if retry_failed { 0 } else { matched.failed };
    let ok = matched.kept + matched.moved - matched.failed;
    let mut tally = Tally::new(plan.requests, ok, failed, opened.job.price.is_some());
    (tally.now.words, tally.now.input_rows) = (opened.words(), plan.rows);
    tally
}

impl<'a> Watch<'a> {
    fn new(opened: &Opened, order: SendRequest<'_>, audience: Audience<'a>) -> Self {
        let tally = before_it_sends(opened, order.plan, order.retry_failed);
        let begun = Instant::now();
        audience.snapshots.send_replace(tally.now);
        Self { tally, begun, sent: begun, held_by: None, held: None, audience }
    }

    fn finish(self) -> Snapshot {
        let now = Snapshot { elapsed: self.begun.elapsed(), ..self.tally.now };
        self.audience.snapshots.send_replace(now);
        now
    }
}

impl Observer for Watch<'_> {
    fn on(&mut self, event: Event<'_>) {
        let now = Instant::now();
        self.tally.on(&event, now - self.begun);
        if let Event::State(state) = &event {
            self.held.iter_mut().for_each(|held| held.set_state(state, now));
        }
        self.audience.listener.on(event);
        // A screen is drawn ten times a second; more would only cost.
        let held_by = self.tally.now.state.held_by;
        if now - self.sent >= Duration::from_millis(50) || held_by != self.held_by {
            (self.sent, self.held_by) = (now, held_by);
            self.audience.snapshots.send_replace(self.tally.now);
        }
    }
}

/// Records the rows that cannot be sent as failed. Gives how many were recorded now.
fn store_bad_rows(opened: &Opened, journal: &Journal) -> Result<u64, PipelineError> {
    let mut stored = 0;
    let mut group = Vec::new();
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| matches!(status, Status::Failed | Status::Ok))
    })?;
    for row in scan {
        let scanned = row?;
        let Some((row, Err(problem))) = scanned.prepared(opened) else { continue };
        let code = scanned.item.as_ref().map_or(BAD_ROW, code_of);
        // Where the row stands is said when this is shown: it may have moved by then.
        let fault = Fault::new(FaultKind::RowRefused, code, problem.in_a_line());
        group.push(RequestEnd::unsent(row, 0, Outcome::Failed(fault)));
        stored += 1;
        if group.len() >= 256 {
            journal.store_unsent(&group)?;
            group.clear();
        }
    }
    journal.store_unsent(&group)?;
    Ok(stored)
}

/// Gives rows with equal requests the end of the one that was sent; rows that have failed, when that was sent again.
fn share(opened: &Opened, journal: &Journal, retry_failed: bool) -> Result<Shared, PipelineError> {
    let mut sharer = journal.sharer()?;
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| status == Status::Ok || status == Status::Failed && !retry_failed)
    })?;
    for row in scan {
        if let Some((row, _)) = row?.prepared(opened) {
            sharer.share(&row)?;
        }
    }
    Ok(sharer.finish()?)
}

/// Looks into a row unless its entry is in such a state.
fn unless(entry: Option<&Entry>, is_so: impl Fn(Status) -> bool) -> Depth {
    if entry.is_some_and(|entry| is_so(entry.status)) { Depth::Pass } else { Depth::Whole }
}

/// A handle on nothing: for callers that send nothing and cannot be stopped.
pub fn never_stopped() -> Stop {
    tokio::sync::watch::channel(StopLevel::None).1
}
