//! A round: requests that are sent while one thread makes them and another stores their ends. A run has one for its rows, and
//! further ones for what follows on their answers.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use tokio::sync::mpsc::Receiver;
use tokio::sync::{mpsc, watch};

use super::audience::Watch;
use super::batches::line_feed::{FoundRow, Judge, LineFeed, LineRules, judged};
use super::feed::{Feed, FeedRules};
use super::held::HeldRecorder;
use super::over_feed::{self, OverFeed};
use super::plan::Plan;
use super::scan::RequestPlace;
use super::{Opened, PipelineError};
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::dispatch::{Dispatcher, Ledger, PassEnd, Ready};
use crate::endpoint::Endpoint;
use crate::journal::ballast::Ballast;
use crate::journal::writer::{Committed, EventSender};
use crate::journal::{Journal, JournalError};
use crate::kin::ProcessMark;
use crate::note::{JournalEvent, OverKind};
use crate::reserve::Reserve;

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    /// What the first pass found.
    pub plan: &'a Plan,
    /// The number of the run in the journal.
    pub run: i64,
    /// Who is asked, as the journal has it.
    pub address: &'a str,
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
    pub(super) fn kept(&self, journal: &Journal, error: PipelineError) -> PipelineError {
        journal.settle(Some(self.run)).err().map_or(error, PipelineError::from)
    }
}

/// How the passes over the input ended.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) reason: StopReason,
    /// Rows left for one more pass.
    pub(super) set_aside: u64,
    /// Requests that were given up in flight.
    pub(super) abandoned: usize,
    /// The most that the request may use which a cap did not let leave.
    pub(super) beyond: Option<Reserve>,
    pub(super) input_changed: bool,
}

impl Passed {
    /// Nothing was to be sent.
    pub(super) const NOTHING: Self =
        Self { reason: StopReason::Finished, set_aside: 0, abandoned: 0, beyond: None, input_changed: false };
}

/// What is sent in a round: each begins when the one before has ended.
#[derive(Clone, Copy)]
pub(super) enum RoundKind<'j> {
    /// The requests of rows.
    Rows,
    /// Requests over answers.
    Over(OverKind),
    /// The replies that batches have brought for rows, and what follows on answers.
    Lines(LineRules, Judge<'j>),
}

impl RoundKind<'_> {
    /// Whether each pass is the last: rows that are set aside have one more.
    fn passes(&self) -> &'static [bool] {
        match self {
            Self::Rows | Self::Over(_) => &[false, true],
            Self::Lines(LineRules { last: true, .. }, _) => &[true],
            Self::Lines(..) => &[false],
        }
    }
}

/// The thread that makes the requests of a round.
enum RoundFeed {
    Rows(Feed),
    Over(OverFeed),
    Lines(LineFeed),
}

/// What it makes.
enum Requests {
    Ready(Receiver<Vec<Ready>>),
    /// With replies that are still to be judged.
    Found(Receiver<Vec<FoundRow>>),
}

impl RoundFeed {
    fn start(opened: &Opened, order: SendRequest<'_>, kind: RoundKind<'_>, last: bool) -> (Self, Requests) {
        match kind {
            RoundKind::Rows => {
                let SendRequest { retry_failed, plan, .. } = order;
                // Failed rows may be anywhere.
                let from = if retry_failed { Some(RequestPlace::default()) } else { plan.first_news };
                let (feed, rows) = Feed::start(opened, FeedRules { retry_failed, last, from });
                (Self::Rows(feed), Requests::Ready(rows))
            }
            RoundKind::Over(kind) => {
                let (feed, rows) = OverFeed::start(opened, kind, last);
                (Self::Over(feed), Requests::Ready(rows))
            }
            RoundKind::Lines(rules, _) => {
                let (feed, rows) = LineFeed::start(opened, rules, order.plan.first_news);
                (Self::Lines(feed), Requests::Found(rows))
            }
        }
    }

    /// Waits for the end, and returns whether the input changed since it was planned.
    fn finish(self, plan: &Plan) -> Result<bool, PipelineError> {
        match self {
            Self::Rows(feed) => feed.finish(plan),
            Self::Over(feed) => feed.finish().map(|()| false),
            Self::Lines(feed) => feed.finish(plan),
        }
    }
}

/// What every round needs.
pub(super) struct Sender<'s, 'd, 'a, E> {
    pub(super) opened: &'s Opened,
    pub(super) order: SendRequest<'s>,
    pub(super) dispatcher: &'s mut Dispatcher<'d, E>,
    pub(super) observer: &'s mut Watch<'a>,
    pub(super) stop: &'s Stop,
}

impl<E: Endpoint> Sender<'_, '_, '_, E> {
    /// Sends the requests over answers of a kind, if there are any to be sent.
    pub(super) async fn over_round(
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
    pub(super) async fn round(
        &mut self,
        journal: Journal,
        kind: RoundKind<'_>,
    ) -> Result<(Passed, Journal), PipelineError> {
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
        kind: RoundKind<'_>,
        ledger: &mut JournalLedger,
        asked: &Asked,
    ) -> Result<Passed, PipelineError> {
        let mut passed = Passed::NOTHING;
        for &last in kind.passes() {
            let (feed, requests) = RoundFeed::start(self.opened, self.order, kind, last);
            let end = self.pass(kind, requests, ledger, asked, last).await?;
            passed.input_changed |= feed.finish(self.order.plan)?;
            passed.abandoned += end.abandoned;
            (passed.reason, passed.beyond, passed.set_aside) = (end.reason, end.beyond, end.set_aside);
            if passed.reason != StopReason::Finished || end.set_aside == 0 {
                break;
            }
        }
        Ok(passed)
    }

    async fn pass(
        &mut self,
        kind: RoundKind<'_>,
        requests: Requests,
        ledger: &mut JournalLedger,
        asked: &Asked,
        last: bool,
    ) -> Result<PassEnd, PipelineError> {
        let (asks, hears) = watch::channel(*asked.stop.borrow());
        let asked = pass_on(asked.clone(), asks);
        let end = match (requests, kind) {
            (Requests::Found(found), RoundKind::Lines(_, judge)) => {
                let (ready, rows) = mpsc::channel(1);
                tokio::select! {
                    biased;
                    never = asked => match never {},
                    never = judged(found, ready, judge) => match never {},
                    end = self.dispatcher.collecting_pass(rows, ledger, hears, self.observer, last) => end,
                }
            }
            (Requests::Ready(rows), _) => tokio::select! {
                biased;
                never = asked => match never {},
                end = self.dispatcher.pass(rows, ledger, hears, self.observer, last) => end,
            },
            (Requests::Found(_), _) => return Ok(PassEnd::NOTHING),
        };
        Ok(end?)
    }
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
