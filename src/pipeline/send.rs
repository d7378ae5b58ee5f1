//! The second of two passes: rows without an answer are sent, and every end is stored before it counts.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::counted::{Counted, counted};
use super::feed::{Feed, FeedRules};
use super::held::HeldRecorder;
use super::plan::{BAD_ROW, Plan, prepare};
use super::scan::{Depth, RowRead, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::dispatch::carry_over::{EarlierRun, doubts};
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::pace::Pace;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::dispatch::{CarryOver, DispatchSettings, Dispatcher, Ledger};
use crate::endpoint::Endpoint;
use crate::event::{Bottleneck, Event, Observer};
use crate::history::{Spent, spent_by};
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::EffectiveLimits;
use crate::journal::ballast::Ballast;
use crate::journal::cursors::Entry;
use crate::journal::duplicates::Shared;
use crate::journal::reader::Reader;
use crate::journal::writer::{Committed, EventSender};
use crate::journal::{Journal, JournalError};
use crate::note::{JournalEvent, Outcome, RequestEnd, RowKey};
use crate::outcome::{Fault, FaultKind, Status};
use crate::request::Estimate;
use crate::reserve::Reserve;
use crate::tally::{Snapshot, Tally};
use crate::tools::Commands;
use crate::tools::kin::ProcessMark;

/// How the sending ended.
#[derive(Debug)]
pub struct SendReport {
    /// Why.
    pub reason: StopReason,
    /// Requests abandoned in flight.
    pub abandoned: usize,
    /// The most that the request may use that a cap did not allow.
    pub beyond: Option<Reserve>,
    /// The counts.
    pub snapshot: Snapshot,
    /// Whether the input changed meanwhile: then rows may be left, and must be planned again.
    pub input_changed: bool,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    /// The result of the first pass.
    pub plan: &'a Plan,
    /// The number of the run in the journal.
    pub run: i64,
    /// Whether rows that have failed are sent again.
    pub retry_failed: bool,
    /// How many files the process may open.
    pub open_files: u64,
    /// The channel for changed limits during the run.
    pub live_limits: &'a LiveLimits,
    /// Variables hidden from the commands of tools.
    pub hidden: &'a [OsString],
    /// The mark of those commands.
    pub mark: &'a ProcessMark,
}

impl SendRequest<'_> {
    /// The error to report; a journal that was lost meanwhile is restored first, and reported instead.
    fn kept(&self, journal: &Journal, error: PipelineError) -> PipelineError {
        journal.settle(Some(self.run)).err().map_or(error, PipelineError::from)
    }
}

/// The observers of a run.
pub struct Audience<'a> {
    /// Where snapshots are shown.
    pub snapshots: &'a tokio::sync::watch::Sender<Snapshot>,
    /// The observer of every event.
    pub listener: &'a mut dyn Observer,
}

/// What earlier runs leave for the limits and caps of this one, according to the journal.
///
/// # Errors
///
/// The journal cannot be read.
pub fn past(
    reader: &Reader,
    (job, run): (&Job, i64),
    plan: &Plan,
    base_url: &str,
) -> Result<CarryOver, JournalError> {
    let now = SystemTime::now();
    let runs = reader.runs()?;
    let Counted { since, bought } = counted(reader, job, Some(run), now)?;
    let spent = spent_by(&runs);
    let ago = |at: SystemTime| now.duration_since(at).unwrap_or_default();
    let tokens_unknown = mean_tokens(&spent, plan);
    // At this time of day, and in hours outside the schedule.
    let moment = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let quotas = [job.quotas_in_force(), job.terms(&LiveSettings::default(), moment, None).quotas];
    let memory = quotas.map(|quotas| quotas.memory(tokens_unknown));
    let memory = memory.into_iter().max().unwrap_or_default();
    let stored = reader.sent_within(memory, now)?.into_iter().map(|(at, tokens)| (ago(at), tokens));
    let earlier = runs.iter().map(|run| EarlierRun { began: ago(run.started_at), in_doubt: run.in_doubt });
    Ok(CarryOver {
        cost: bought.cost,
        tokens: bought.tokens,
        reserved: bought.reserved,
        longest_answer: reader.longest_answer()?,
        since,
        duration: spent.duration,
        reached: reader.has_answers_from(base_url)?,
        works: plan.matched.kept + plan.matched.moved > 0,
        recent: stored.chain(doubts(earlier, memory)).collect(),
        tokens_unknown,
    })
}

/// The mean tokens of a request; before the first answer, the estimate.
fn mean_tokens(spent: &Spent, plan: &Plan) -> u64 {
    let answers = spent.requests - (spent.throttled + spent.faults).min(spent.requests);
    if answers > 0 && spent.usage.total_tokens > 0 {
        return spent.usage.total_tokens.div_ceil(answers);
    }
    let estimated = plan.estimated.max(1);
    let Estimate { prompt_tokens, max_completion_tokens, unbounded } = plan.estimate;
    Pace::first_guess(&Estimate {
        prompt_tokens: prompt_tokens / estimated,
        max_completion_tokens: max_completion_tokens / estimated,
        unbounded,
    })
}

/// Sends the planned rows, and returns the journal.
///
/// # Errors
///
/// The input or the journal fails.
pub async fn send<E: Endpoint>(
    opened: &Opened,
    journal: Journal,
    order: SendRequest<'_>,
    past: &CarryOver,
    endpoint: &E,
    stop: Stop,
    audience: Audience<'_>,
) -> Result<(SendReport, Journal), PipelineError> {
    let path = opened.journal();
    let job = &opened.job;
    let mut observer = Watch::new(opened, order, audience);
    if order.plan.matched.unsendable > 0 {
        let stored = store_bad_rows(opened, &journal).map_err(|error| order.kept(&journal, error))?;
        observer.tally.now.failed += stored;
    }
    if order.retry_failed {
        let reopened = journal.reopen_failed(job.input.limit);
        reopened.map_err(|error| order.kept(&journal, error.into()))?;
    }
    let EffectiveLimits { quotas, concurrency, caps, .. } = *order.live_limits.borrow();
    let rules = DispatchSettings {
        retry: job.retry,
        quotas,
        concurrency,
        caps,
        conversation: opened.conversation(),
        open_files: order.open_files,
        setters: FieldOwners::of(job),
    };
    let commands = Commands::new(job.tools.clone(), order.hidden.to_vec(), order.mark.clone());
    let dispatcher = Dispatcher::new(endpoint, &commands, &rules, past, Box::new(rand::random::<f64>));
    let mut dispatcher = dispatcher.steered(order.live_limits.clone());
    let ballast = Ballast::beside(&path);
    let mut full = ballast.full();
    let lost = journal.lost();
    let (writer, pen, committed) = journal.writer(order.run, ballast);
    observer.held = Some(HeldRecorder::new(pen.clone()));
    let mut ledger = JournalLedger { path: path.clone(), pen, committed };
    let (mut abandoned, mut input_changed) = (0, false);
    let (mut reason, mut beyond) = (StopReason::Finished, None);
    // Failed rows may be anywhere.
    let from = if order.retry_failed { Some(0) } else { order.plan.first_news };
    for last in [false, true] {
        let (feed, rows) = Feed::start(opened, FeedRules { retry_failed: order.retry_failed, last, from });
        let (asked, hears) = watch::channel(*stop.borrow());
        let end = tokio::select! {
            biased;
            never = pass_on(stop.clone(), full.clone(), lost.clone(), asked) => match never {},
            end = dispatcher.pass(rows, &mut ledger, hears, &mut observer, last) => end,
        };
        let fed = match end {
            Ok(end) => feed.finish(order.plan).map(|changed| (end, changed)),
            Err(error) => Err(error.into()),
        };
        let (end, changed) = match fed {
            Ok(fed) => fed,
            Err(error) => {
                // The writer's thread closes the journal before the run ends.
                drop((ledger, observer));
                return Err(match writer.finish() {
                    Ok(journal) => order.kept(&journal, error),
                    Err(_) => error,
                });
            }
        };
        abandoned += end.abandoned;
        input_changed |= changed;
        (reason, beyond) = (end.reason, end.beyond);
        if reason != StopReason::Finished || end.set_aside == 0 {
            break;
        }
    }
    drop(ledger);
    observer.held.take().into_iter().for_each(HeldRecorder::finish);
    let journal = writer.finish()?;
    journal.settle(Some(order.run))?;
    if *full.borrow_and_update() && reason == StopReason::Interrupted {
        return Err(JournalError::Full { path }.into());
    }
    if job.input.share_duplicates && *stop.borrow() != StopLevel::Now {
        let failed = |error: PipelineError| order.kept(&journal, error);
        let healed = journal.heal(job.input.limit).map_err(|error| failed(error.into()))?;
        if !order.retry_failed {
            observer.tally.now.failed = observer.tally.now.failed.saturating_sub(healed);
        }
        let shared = match order.retry_failed || order.plan.matched.shared() > 0 {
            true => share(opened, &journal, order.retry_failed).map_err(failed)?,
            false => Shared::default(),
        };
        observer.tally.shared(healed + shared.ok);
        observer.tally.now.failed += shared.failed;
    }
    // Rows that share the answer of another were read once more.
    if !input_changed && opened.source.stamp().is_ok_and(|stamp| stamp == order.plan.stamp) {
        journal.survey_holds().map_err(|error| order.kept(&journal, error.into()))?;
    }
    let snapshot = observer.finish();
    Ok((SendReport { reason, abandoned, beyond, snapshot, input_changed }, journal))
}

/// Passes on requests to stop. A full disk and a lost journal count like a first Ctrl-C: requests in flight may finish.
async fn pass_on(
    mut stop: Stop,
    mut full: watch::Receiver<bool>,
    mut lost: watch::Receiver<bool>,
    asked: watch::Sender<StopLevel>,
) -> Infallible {
    let (mut may_be_stopped, mut may_be_full, mut may_be_lost) = (true, true, true);
    loop {
        let must_end = *full.borrow_and_update() | *lost.borrow_and_update();
        let by_itself = if must_end { StopLevel::Drain } else { StopLevel::None };
        let stop_level = (*stop.borrow_and_update()).max(by_itself);
        asked.send_if_modified(|before| std::mem::replace(before, stop_level) != stop_level);
        tokio::select! {
            changed = stop.changed(), if may_be_stopped => may_be_stopped = changed.is_ok(),
            changed = full.changed(), if may_be_full => may_be_full = changed.is_ok(),
            changed = lost.changed(), if may_be_lost => may_be_lost = changed.is_ok(),
            () = std::future::pending() => {}
        }
    }
}

/// The journal's writer, as the dispatcher's ledger.
struct JournalLedger {
    path: PathBuf,
    pen: EventSender,
    committed: Committed,
}

impl Ledger for JournalLedger {
    type Error = JournalError;

    fn write(&mut self, note: JournalEvent) {
        self.pen.write(note);
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

/// Turns events into snapshots for observers.
struct Watch<'a> {
    tally: Tally,
    begun: Instant,
    sent: Instant,
    held_by: Option<Bottleneck>,
    held: Option<HeldRecorder>,
    audience: Audience<'a>,
}

/// The counts before a run sends, including those of earlier runs.
pub fn before_it_sends(opened: &Opened, plan: &Plan, retry_failed: bool) -> Tally {
    let matched = &plan.matched;
    let failed = if retry_failed { 0 } else { matched.failed };
    let ok = matched.kept + matched.moved - matched.failed;
    Tally::new(plan.rows, ok, failed, opened.job.price.is_some())
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
        if let Event::Standing(standing) = &event {
            self.held.iter_mut().for_each(|held| held.stand(standing, now));
        }
        self.audience.listener.on(event);
        // A screen is drawn ten times a second; more would only cost time.
        let held_by = self.tally.now.standing.held_by;
        if now - self.sent >= Duration::from_millis(50) || held_by != self.held_by {
            (self.sent, self.held_by) = (now, held_by);
            self.audience.snapshots.send_replace(self.tally.now);
        }
    }
}

/// Records the rows that cannot be sent as failed. Returns how many were newly recorded.
fn store_bad_rows(opened: &Opened, journal: &Journal) -> Result<u64, PipelineError> {
    let mut stored = 0;
    let mut group = Vec::new();
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| matches!(status, Status::Failed | Status::Ok))
    })?;
    for row in scan {
        let Scanned { read: RowRead::Whole(item), .. } = row? else { continue };
        let (row, request) = prepare(opened, &item);
        let Err(problem) = request else { continue };
        // The place is added when this is shown: the row may have moved by then.
        let fault = Fault::new(FaultKind::RowRefused, BAD_ROW, problem.in_a_line());
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

/// Gives rows with equal requests the end of the one that was sent; failed rows too, if that one was sent again.
fn share(opened: &Opened, journal: &Journal, retry_failed: bool) -> Result<Shared, PipelineError> {
    let mut sharer = journal.sharer()?;
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| status == Status::Ok || status == Status::Failed && !retry_failed)
    })?;
    for row in scan {
        let Scanned { read: RowRead::Whole(item), record, .. } = row? else { continue };
        sharer.share(&RowKey { record, ..prepare(opened, &item).0 })?;
    }
    Ok(sharer.finish()?)
}

/// Reads a row unless its entry is in such a state.
fn unless(entry: Option<&Entry>, is_so: impl Fn(Status) -> bool) -> Depth {
    if entry.is_some_and(|entry| is_so(entry.status)) { Depth::Pass } else { Depth::Whole }
}

/// A stop signal that never comes: for callers that send nothing and cannot be stopped.
pub fn never_stopped() -> Stop {
    tokio::sync::watch::channel(StopLevel::None).1
}
