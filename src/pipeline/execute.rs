//! A run from its beginning to its end: the one place that knows the order of it.

use std::ffi::OsString;

use jiff::Timestamp;
use tokio::sync::watch;

use super::audience::{Audience, before_it_sends};
#[cfg(not(main_alone))]
use super::batches::NoBatchService;
use super::before::{Legacy, revalidate};
use super::digest::{DigestEnd, digest_end};
use super::judged::planned;
use super::output::OutputCounts;
use super::own_output::write_own;
use super::past::past;
use super::plan::{self, Plan, Purpose};
use super::reporter::{Reporter, RunNews, Sending};
pub use super::run_end::RunEnd;
use super::run_record::{SIMULATOR, described};
use super::send::{SendReport, SendRequest, never_stopped, send};
use super::{Opened, PipelineError};
use crate::batch_service::BatchService;
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::endpoint::Endpoint;
use crate::job::effective::LiveSettings;
use crate::job::limits::EffectiveLimits;
use crate::journal::runs::RunRecord;
use crate::journal::{Journal, JournalError};
use crate::kin::ProcessMark;
use crate::tally::Snapshot;

/// How often an input that keeps changing is planned anew.
const PLANS: usize = 3;

/// Gives the time of day.
pub type Clock = fn() -> Timestamp;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct RunOrder<'a> {
    /// The job.
    pub opened: &'a Opened,
    /// Whether rows that have failed are sent again.
    pub retry_failed: bool,
    /// Whether it is a rehearsal, in which the built-in simulator answers.
    pub simulated: bool,
    /// Files the process may open.
    pub open_files: u64,
    /// Variables that the commands of tools do not get to see.
    pub hidden: &'a [OsString],
    /// What those commands are known by.
    pub mark: ProcessMark,
}

impl<'a> RunOrder<'a> {
    /// A job, run as it is.
    pub fn new(opened: &'a Opened) -> Self {
        let mark = ProcessMark::of_run(rand::random());
        Self { opened, retry_failed: false, simulated: false, open_files: u64::MAX, hidden: &[], mark }
    }

    /// Who is asked, as the journal has it.
    fn address(&self) -> &str {
        if self.simulated { SIMULATOR } else { &self.opened.job.model.base_url }
    }
}

/// How a run went.
#[derive(Debug)]
pub struct Summary {
    /// Its number in the journal.
    pub run: i64,
    /// What was found before anything was sent; anew, where the input has changed since.
    pub plan: Plan,
    /// How the sending ended.
    pub sent: SendReport,
    /// What the output holds; `None` when none was written, because somebody had no patience for that.
    pub written: Option<OutputCounts>,
    /// What became of the digest, in a job that has one.
    pub digest: Option<DigestEnd>,
    /// How it ended.
    pub end: RunEnd,
    /// The same in a word, as the journal has it.
    pub reason: &'static str,
    /// Rows without an answer; at least one, where no output was written.
    pub pending: u64,
    /// Requests that were out when the run before was killed.
    pub in_doubt: u64,
}

/// Why a run has no summary.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It was interrupted while the input was read: nothing was sent then, and no output was written.
    #[error("interrupted")]
    Interrupted,
    /// The input, the disk or the output failed when the run had begun. All answers are stored, and the same job continues
    /// once that is fixed.
    #[error(transparent)]
    BrokenOff(PipelineError),
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] PipelineError),
}

impl From<JournalError> for ExecuteError {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs a job: sends what has no answer yet, and writes the output. The journal is the run's own, by its
/// [`Lock`](crate::journal::lock::Lock), and is given back. `clock` gives the time of day, `stop` says when to end
/// early, `reporter` hears how it goes; `()` is nobody.
///
/// ```no_run
/// # use std::error::Error;
/// # use fanfold::{Endpoint, Job};
/// use fanfold::{Lock, Opened, RunOrder, StopLevel, execute};
///
/// # async fn run(job: Job, endpoint: impl Endpoint) -> Result<(), Box<dyn Error>> {
/// let lock = Lock::take(&job.output.journal())?;
/// let opened = Opened::new(job)?;
/// let (_ask, stop) = tokio::sync::watch::channel(StopLevel::None);
/// let order = RunOrder::new(&opened);
/// let (summary, _journal) =
///     execute(&order, &endpoint, lock.open()?, jiff::Timestamp::now, stop, &mut ()).await?;
/// println!("{} rows are without an answer", summary.pending);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the job cannot begin, or input, journal or output fail. However it ends, the journal is in its place afterwards.
#[cfg(not(main_alone))]
pub async fn execute<E: Endpoint, R: Reporter>(
    order: &RunOrder<'_>,
    endpoint: &E,
    journal: Journal,
    clock: Clock,
    stop: Stop,
    reporter: &mut R,
) -> Result<(Summary, Journal), ExecuteError> {
    execute_in_batches(order, (endpoint, &NoBatchService), journal, clock, stop, reporter).await
}

/// As `execute`, for a service with a Batch API, which a job with `transport = "batch"` needs.
///
/// # Errors
///
/// As `execute`.
pub async fn execute_in_batches<E: Endpoint, B: BatchService, R: Reporter>(
    order: &RunOrder<'_>,
    doors: (&E, &B),
    mut journal: Journal,
    clock: Clock,
    stop: Stop,
    reporter: &mut R,
) -> Result<(Summary, Journal), ExecuteError> {
    let begun = clock();
    let (endpoint, batch_service) = doors;
    let mut run = Execution {
        order,
        endpoint,
        batch_service,
        clock,
        begun,
        stop,
        reporter,
        snapshot: Snapshot::default(),
    };
    // What earlier runs have left is brought to the rules of the present job.
    let legacy = revalidate(order.opened, order.simulated, &journal, endpoint, run.reporter).await;
    let legacy = legacy.map_err(|error| settled(&journal, None, error.into()))?;
    // Every row is read, rendered and matched before anything is sent.
    let mut plan = run.plan(&journal, None)?;
    let number = run.begin(&journal, &plan, &legacy)?;
    // What has no answer is sent, and once more where the input has changed meanwhile.
    let mut plans = 1;
    let sent = loop {
        let sent;
        (sent, journal) = run.send(journal, &plan, (number, plans == 1), &legacy).await?;
        if !sent.input_changed || plans == PLANS || *run.stop.borrow() != StopLevel::None {
            break sent;
        }
        run.reporter.tell(RunNews::InputChanged);
        plan = run.plan(&journal, Some(number))?;
        plans += 1;
    };
    // The run's end is entered, and the output written.
    let ended = run.end(&journal, number, plan, sent, legacy.in_doubt);
    journal.settle(Some(number))?;
    Ok((ended?, journal))
}

/// A run under way.
struct Execution<'a, E, B, R> {
    order: &'a RunOrder<'a>,
    endpoint: &'a E,
    batch_service: &'a B,
    clock: Clock,
    begun: Timestamp,
    stop: Stop,
    reporter: &'a mut R,
    /// Its state, over all plans of the input.
    snapshot: Snapshot,
}

impl<E: Endpoint, B: BatchService, R: Reporter> Execution<'_, E, B, R> {
    /// Plans. `run`: the number of the run, when it has begun.
    fn plan(&mut self, journal: &Journal, run: Option<i64>) -> Result<Plan, ExecuteError> {
        let error = match planned(self.order.opened, journal, &self.stop, self.reporter) {
            Ok(plan) => {
                self.reporter.tell(RunNews::Planned(&plan));
                return Ok(plan);
            }
            Err(PipelineError::Interrupted) => {
                let entered =
                    run.map_or(Ok(()), |run| journal.end_run(run, StopReason::Interrupted.as_str()));
                entered.map_or_else(ExecuteError::from, |()| ExecuteError::Interrupted)
            }
            Err(error) => match run {
                Some(run) => self.broken_off(error, run),
                None => error.into(),
            },
        };
        Err(settled(journal, run, error))
    }

    /// Enters the run into the journal and gives its number, unless the reporter has something against it.
    fn begin(&mut self, journal: &Journal, plan: &Plan, legacy: &Legacy) -> Result<i64, ExecuteError> {
        let (job, rules) = (&self.order.opened.job, self.order.opened.conversation());
        let record = RunRecord {
            program: concat!("fanfold ", env!("CARGO_PKG_VERSION")).to_owned(),
            job: described(
                job,
                self.order.address(),
                &rules.key(),
                (plan.rows, plan.requests),
                self.order.opened.words(),
            )
            .to_string(),
            in_doubt: legacy.in_doubt,
            simulated: legacy.simulated,
        };
        let allowed = self.reporter.may_begin(plan, journal.reader());
        let number = allowed.and_then(|()| Ok(journal.begin_run(&record)?));
        let number = number.map_err(|error| settled(journal, None, error.into()))?;
        self.reporter.tell(RunNews::Begun { run: number, plan });
        Ok(number)
    }

    /// Sends what has no answer. Gives the journal back.
    async fn send(
        &mut self,
        journal: Journal,
        plan: &Plan,
        (run, is_first): (i64, bool),
        legacy: &Legacy,
    ) -> Result<(SendReport, Journal), ExecuteError> {
        // What fails now is not sent again because the input changed as well.
        let retry_failed = self.order.retry_failed && is_first;
        let earlier = self.snapshot;
        let before = before_it_sends(self.order.opened, plan, retry_failed).now;
        let (snapshots, shown) = watch::channel(before);
        let sent = self.send_and_show(journal, plan, (run, retry_failed), legacy, &snapshots, &shown).await;
        self.snapshot = shown.borrow().after(&earlier);
        self.reporter.sent(&self.snapshot);
        match sent {
            Ok((sent, journal)) => Ok((SendReport { snapshot: self.snapshot, ..sent }, journal)),
            Err(error) => Err(self.broken_off(error, run)),
        }
    }

    async fn send_and_show(
        &mut self,
        journal: Journal,
        plan: &Plan,
        (run, retry_failed): (i64, bool),
        legacy: &Legacy,
        snapshots: &watch::Sender<Snapshot>,
        shown: &watch::Receiver<Snapshot>,
    ) -> Result<(SendReport, Journal), PipelineError> {
        let RunOrder { opened, open_files, hidden, ref mark, .. } = *self.order;
        let past = past(journal.reader(), (&opened.job, run), plan, self.order.address(), (self.clock)())?;
        let sending = Sending {
            plan,
            inbox: journal.reader().inbox(run, legacy.last_order)?,
            begun: self.begun,
            spent: past.duration,
            earlier: self.snapshot,
            snapshots: shown.clone(),
        };
        let steered = self.reporter.send(sending);
        let (_steer, fixed) = self.limits_of_the_job();
        let live_limits = &steered.unwrap_or(fixed);
        let address = self.order.address();
        let request = SendRequest { plan, run, address, retry_failed, open_files, live_limits, hidden, mark };
        let audience = Audience { snapshots, listener: self.reporter };
        let doors = (self.endpoint, self.batch_service);
        send(opened, journal, request, &past, doors, self.stop.clone(), audience).await
    }

    /// The limits that hold now, for a run that nobody steers.
    fn limits_of_the_job(&self) -> (watch::Sender<EffectiveLimits>, LiveLimits) {
        let job = &self.order.opened.job;
        let ends_at = job.schedule.ends_at(self.begun);
        watch::channel(job.terms(&LiveSettings::default(), (self.clock)(), ends_at))
    }

    /// The input failed while rows were sent, or the disk was full. What was answered by then is stored, and nothing is in
    /// doubt; of a journal that failed that cannot be said.
    fn broken_off(&self, error: PipelineError, run: i64) -> ExecuteError {
        let is_stored = match &error {
            PipelineError::Journal(error) => matches!(error, JournalError::Full { .. }),
            _ => true,
        };
        if is_stored && let Ok(journal) = Journal::open_again(&self.order.opened.journal()) {
            let _ = journal.end_run(run, "broken_off");
        }
        ExecuteError::BrokenOff(error)
    }

    /// Enters the end of the run, and writes the output.
    fn end(
        &self,
        journal: &Journal,
        run: i64,
        mut plan: Plan,
        sent: SendReport,
        in_doubt: u64,
    ) -> Result<Summary, ExecuteError> {
        // Told to stop at once: what was out stays in doubt, as after a kill.
        let is_orderly = *self.stop.borrow() != StopLevel::Now && sent.abandoned == 0;
        let (mut written, mut digest) = (None, None);
        if is_orderly {
            // Whatever becomes of the output, what was sent is stored.
            journal.end_run(run, sent.reason.as_str())?;
            written = self.write(&mut plan, journal).map_err(ExecuteError::BrokenOff)?;
            if written.is_some() {
                let end = digest_end(self.order.opened, journal.reader());
                digest = end.map_err(ExecuteError::BrokenOff)?;
            }
        }
        let waits = digest.as_ref().is_some_and(|digest| digest.result.status.as_str() == "pending");
        let pending = written.map_or(1, |written| written.pending.max(u64::from(waits)));
        let (end, reason) = RunEnd::of(written.map(|_| pending), &sent.reason);
        if is_orderly {
            journal.end_run(run, reason)?;
        }
        Ok(Summary { run, plan, sent, written, digest, end, reason, pending, in_doubt })
    }

    /// Writes the output; `None` when somebody had no patience for that. Answers are found by the rows' positions, so
    /// an input that changed since it was planned is matched anew first: no row gets the answer of another.
    fn write(&self, plan: &mut Plan, journal: &Journal) -> Result<Option<OutputCounts>, PipelineError> {
        let opened = self.order.opened;
        let mut is_as_planned = true;
        for _ in 0..PLANS {
            if !is_as_planned || opened.source.stamp()? != plan.stamp {
                *plan = plan::plan(opened, Some(journal.reader()), Purpose::Send, &never_stopped())?;
            }
            match write_own(opened, plan, journal, &self.stop) {
                Err(PipelineError::Interrupted) => return Ok(None),
                Ok(None) => is_as_planned = false,
                written => return written,
            }
        }
        Err(PipelineError::Other(
            "the input kept changing while it was read, so no output was written; all answers are saved"
                .to_owned(),
        ))
    }
}

/// The error, once the journal is in its place again; or the error that prevents that.
fn settled(journal: &Journal, run: Option<i64>, error: ExecuteError) -> ExecuteError {
    journal.settle(run).err().map_or(error, ExecuteError::from)
}

#[cfg(test)]
mod tests;
