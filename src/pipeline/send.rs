//! The second of two passes: what has no answer is sent, and every end is stored before it counts.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use super::audience::{Audience, Watch, before_it_sends};
use super::feed::{Feed, FeedRules};
use super::held::HeldRecorder;
use super::judged::judge;
use super::over_feed::{self, OverFeed};
use super::plan::Plan;
use super::scan::RequestPlace;
use super::unsent::{share, store_bad_rows};
use super::{Opened, PipelineError};
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::dispatch::{CarryOver, DispatchSettings, Dispatcher, Ledger, Ready};
use crate::endpoint::Endpoint;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::EffectiveLimits;
use crate::journal::ballast::Ballast;
use crate::journal::duplicates::Shared;
use crate::journal::writer::{Committed, EventSender};
use crate::journal::{Journal, JournalError};
use crate::kin::ProcessMark;
use crate::note::{JournalEvent, OverKind};
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
    let mut observer = Watch::new(before_it_sends(opened, order.plan, order.retry_failed), audience);
    let failed = store_unsent(opened, &journal, order).map_err(|error| order.kept(&journal, error))?;
    observer.tally.now.failed += failed;
    let rules = settings(opened, order);
    let commands = Commands::new(opened.job.tools.clone(), order.hidden.to_vec(), order.mark.clone());
    let dispatcher = Dispatcher::new(endpoint, &commands, &rules, past, Box::new(rand::random::<f64>));
    let mut dispatcher = dispatcher.steered(order.live_limits.clone());
    let mut sender =
        Sender { opened, order, dispatcher: &mut dispatcher, observer: &mut observer, stop: &stop };
    let (mut passed, mut journal) = sender.round(journal, RoundKind::Rows).await?;
    let shares = opened.job.input.share_duplicates && *stop.borrow() != StopLevel::Now;
    let ended = end_pass(opened, &journal, order, &mut sender.observer.tally, (passed.input_changed, shares));
    ended.map_err(|error| order.kept(&journal, error))?;
    for kind in opened.over_kinds() {
        if passed.reason == StopReason::Finished && !passed.input_changed {
            (passed, journal) = sender.over_round(journal, passed, kind).await?;
        }
    }
    let Passed { reason, abandoned, beyond, input_changed } = passed;
    let snapshot = observer.finish();
    Ok((SendReport { reason, abandoned, beyond, snapshot, input_changed }, journal))
}

/// What is sent in a round: each begins when the one before has ended.
#[derive(Debug, Clone, Copy)]
enum RoundKind {
    /// The requests of rows.
    Rows,
    /// Requests over answers.
    Over(OverKind),
}

/// The thread that makes the requests of a round.
enum RoundFeed {
    Rows(Feed),
    Over(OverFeed),
}

impl RoundFeed {
    fn start(
        opened: &Opened,
        order: SendRequest<'_>,
        kind: RoundKind,
        last: bool,
    ) -> (Self, Receiver<Vec<Ready>>) {
        match kind {
            RoundKind::Rows => {
                let SendRequest { retry_failed, plan, .. } = order;
                // Failed rows may be anywhere.
                let from = if retry_failed { Some(RequestPlace::default()) } else { plan.first_news };
                let (feed, rows) = Feed::start(opened, FeedRules { retry_failed, last, from });
                (Self::Rows(feed), rows)
            }
            RoundKind::Over(kind) => {
                let (feed, rows) = OverFeed::start(opened, kind, last);
                (Self::Over(feed), rows)
            }
        }
    }

    /// Waits for the end, and returns whether the input changed since it was planned.
    fn finish(self, plan: &Plan) -> Result<bool, PipelineError> {
        match self {
            Self::Rows(feed) => feed.finish(plan),
            Self::Over(feed) => feed.finish().map(|()| false),
        }
    }
}

/// What every round needs.
struct Sender<'s, 'd, 'a, E> {
    opened: &'s Opened,
    order: SendRequest<'s>,
    dispatcher: &'s mut Dispatcher<'d, E>,
    observer: &'s mut Watch<'a>,
    stop: &'s Stop,
}

impl<E: Endpoint> Sender<'_, '_, '_, E> {
    /// Sends the requests over answers of a kind, if there are any to be sent.
    async fn over_round(
        &mut self,
        journal: Journal,
        passed: Passed,
        kind: OverKind,
    ) -> Result<(Passed, Journal), PipelineError> {
        let opened = over_feed::open(self.opened, &journal, kind, self.order.retry_failed);
        if opened.map_err(|error| self.order.kept(&journal, error))? == 0 {
            return Ok((passed, journal));
        }
        let (over, journal) = self.round(journal, RoundKind::Over(kind)).await?;
        if *self.stop.borrow() != StopLevel::Now {
            journal.settle_over().map_err(|error| self.order.kept(&journal, error.into()))?;
        }
        Ok((Passed { abandoned: passed.abandoned + over.abandoned, ..over }, journal))
    }

    /// Sends what a round has, and gives the journal back.
    async fn round(&mut self, journal: Journal, kind: RoundKind) -> Result<(Passed, Journal), PipelineError> {
        let (path, order) = (self.opened.journal(), self.order);
        let ballast = Ballast::beside(&path);
        let (full, lost) = (ballast.full(), journal.lost());
        let (writer, events, committed) = journal.writer(order.run, ballast);
        self.observer.held = Some(HeldRecorder::new(events.clone()));
        let mut ledger = JournalLedger { path: path.clone(), events, committed };
        let asked = Asked { stop: self.stop.clone(), full, lost };
        let passed = self.passes(kind, &mut ledger, &asked).await;
        drop(ledger);
        let held = self.observer.held.take();
        let passed = match passed {
            Ok(passed) => passed,
            Err(error) => {
                // The writer's thread closes the journal before the run ends.
                drop(held);
                return Err(match writer.finish() {
                    Ok(journal) => order.kept(&journal, error),
                    Err(_) => error,
                });
            }
        };
        held.into_iter().for_each(HeldRecorder::finish);
        let journal = writer.finish()?;
        journal.settle(Some(order.run))?;
        if *asked.full.borrow() && passed.reason == StopReason::Interrupted {
            return Err(JournalError::Full { path }.into());
        }
        Ok((passed, journal))
    }

    /// Sends what has no answer, and in a last pass what was set aside.
    async fn passes(
        &mut self,
        kind: RoundKind,
        ledger: &mut JournalLedger,
        asked: &Asked,
    ) -> Result<Passed, PipelineError> {
        let mut passed =
            Passed { reason: StopReason::Finished, abandoned: 0, beyond: None, input_changed: false };
        for last in [false, true] {
            let (feed, rows) = RoundFeed::start(self.opened, self.order, kind, last);
            let (asks, hears) = watch::channel(*asked.stop.borrow());
            let end = tokio::select! {
                biased;
                never = pass_on(asked.clone(), asks) => match never {},
                end = self.dispatcher.pass(rows, ledger, hears, self.observer, last) => end,
            }?;
            passed.input_changed |= feed.finish(self.order.plan)?;
            passed.abandoned += end.abandoned;
            (passed.reason, passed.beyond) = (end.reason, end.beyond);
            if passed.reason != StopReason::Finished || end.set_aside == 0 {
                break;
            }
        }
        Ok(passed)
    }
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
        // An answer that is checked against a schema is that of one row.
        pack: opened.job.pack.filter(|_| opened.conversation().schema.is_none()),
        conversation: opened.conversation(),
        open_files: order.open_files,
        most_in_flight: opened.job.most_in_flight,
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

/// What is stored when nothing is sent any more: the ends of rows that share a request, and that the survey of the input holds.
fn end_pass(
    opened: &Opened,
    journal: &Journal,
    order: SendRequest<'_>,
    tally: &mut Tally,
    (input_changed, shares): (bool, bool),
) -> Result<(), PipelineError> {
    if shares {
        let healed = journal.heal(limit(opened, order.plan), opened.codes_of_one_row())?;
        if !order.retry_failed {
            tally.now.failed = tally.now.failed.saturating_sub(healed);
        }
        let shared = match order.retry_failed || order.plan.matched.shared() > 0 {
            true => share(opened, journal, order.retry_failed)?,
            false => Shared::default(),
        };
        tally.shared(healed + shared.ok);
        tally.now.failed += shared.failed;
        if opened.has_own_source() && healed + shared.ok + shared.failed > 0 {
            // What is shared was checked against the text of another row.
            let turned = judge(opened, journal)?;
            tally.now.failed = (tally.now.failed + turned.failed).saturating_sub(turned.ok);
        }
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

/// A handle on nothing: for callers that send nothing and cannot be stopped.
pub fn never_stopped() -> Stop {
    tokio::sync::watch::channel(StopLevel::None).1
}
