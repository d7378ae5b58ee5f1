//! One run of a job: plans, sends rows without an answer, writes the output, and reports the result.

use std::cell::RefCell;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use tokio::sync::watch;

use super::caps::CapAccount;
use super::deadline::PlannedWork;
use super::event_log::Listener;
use super::failure::Failure;
use super::limited::shortened;
use super::metrics::MetricsFile;
use super::notify::{Notice, Notifier};
use super::receipt::Receipt;
use super::rehearsed::{SIMULATOR, is_rehearsal};
use super::resume::{resumable, resume_command};
use super::run_control::{ControlContext, RunController};
use super::run_record::described;
use super::summary::{Account, Summary};
use super::{keeper, warnings};
use crate::api::client::HttpEndpoint;
use crate::cli::RunArgs;
use crate::config::orders::told;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::exit::Exit;
use crate::failpoint::meet;
use crate::job::notify::Moment;
use crate::journal::lock::Lock;
use crate::journal::runs::RunRecord;
use crate::journal::{Journal, JournalError};
use crate::pipeline::output::OutputCounts;
use crate::pipeline::own_output::write_own;
use crate::pipeline::plan::{self, Plan, Purpose, plan};
use crate::pipeline::send::{Audience, SendReport, SendRequest, before_it_sends, never_stopped, past, send};
use crate::pipeline::{Opened, PipelineError};
use crate::tally::Snapshot;
use crate::text::{count, counted};
use crate::watch::metrics::RunLabels;
use crate::watch::{Screen, Watcher};

/// How often an input that keeps changing is planned again.
const PLANS: usize = 3;

/// One run of a job, with everything at hand.
pub(super) struct RunSession<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) screen: Screen,
    /// The channel on which others than the user can ask it to stop.
    pub(super) ask: watch::Sender<StopLevel>,
    pub(super) stop: Stop,
    pub(super) opened: Opened,
    /// The lock on the journal.
    pub(super) lock: &'a Lock,
    pub(super) endpoint: HttpEndpoint,
    /// Variables hidden from commands.
    pub(super) hidden: Vec<OsString>,
    /// Sends notifications about it.
    pub(super) notifier: &'a RefCell<Notifier>,
    pub(super) begun: SystemTime,
}

/// How far a run has come, whatever its result.
#[derive(Debug, Default)]
struct Underway {
    /// Its number in the journal; `None` before it has begun.
    run: Option<i64>,
    /// Its state, over all plans of the input.
    snapshot: Snapshot,
}

/// What a run finds in its journal.
struct Legacy {
    /// The number of the last order not meant for it.
    last_order: i64,
    /// Requests in flight when the previous run was killed.
    in_doubt: u64,
    /// Whether a simulator is asked.
    simulated: bool,
}

/// The settings of one pass over the rows.
struct Assignment {
    run: i64,
    /// The last order not meant for this run.
    last_order: i64,
    retry_failed: bool,
}

impl RunSession<'_> {
    /// Plans, sends and writes. However that ends, the file of figures shows that the run is over.
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut underway = Underway::default();
        let ended = self.plan_and_send(&mut underway);
        if let Some(run) = underway.run {
            let exit = ended.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
            self.metrics(run).finish(&underway.snapshot, exit);
        }
        ended
    }

    fn plan_and_send(&self, underway: &mut Underway) -> Result<Exit, Failure> {
        let mut journal = self.lock.open()?;
        // However it ends, the journal is in place afterwards, or a failure is reported.
        let kept = |journal: &Journal, run: Option<i64>, failure: Failure| {
            journal.settle(run).err().map_or(failure, Failure::from)
        };
        let begun = self.look_back(&journal);
        let past = begun.map_err(|failure| kept(&journal, None, failure))?;
        let mut plans = 0;
        let (plan, sent) = loop {
            plans += 1;
            let planned = self.plan(&journal, plans == 1, &past, underway);
            let planned = planned.map_err(|failure| kept(&journal, underway.run, failure))?;
            let Some((plan, number)) = planned else {
                let ended = self.interrupted_early(&journal, underway.run);
                journal.settle(underway.run)?;
                return ended;
            };
            // A row that fails now is not sent again just because the input has changed as well.
            let retry_failed = self.args.retry_failed && plans == 1;
            let assignment = Assignment { run: number, last_order: past.last_order, retry_failed };
            let sending = self.send(journal, &plan, &assignment, &mut underway.snapshot);
            let (sent, back) = sending.map_err(|error| self.broken_off(error, number))?;
            journal = back;
            if !sent.input_changed || plans == PLANS || *self.stop.borrow() != StopLevel::None {
                break (plan, sent);
            }
            self.screen.say("the input changed while it was read: planning again");
        };
        let ended = self.finish(plan, &sent, &journal, underway.run.unwrap_or_default(), past.in_doubt);
        journal.settle(underway.run)?;
        ended
    }

    /// Checks what earlier runs have left. Kept answers are adapted to the rules of the present job.
    fn look_back(&self, journal: &Journal) -> Result<Legacy, Failure> {
        let last_order = journal.reader().last_order()?;
        let in_doubt = self.say_doubts(journal)?;
        let simulated =
            self.args.job.simulate || is_rehearsal(&self.opened.job.model.base_url, journal, &self.screen)?;
        self.hold_to_rules(journal)?;
        if self.opened.job.input.share_duplicates {
            // A killed run may have had no time for it, or the job did not share answers before.
            journal.heal(None)?;
        }
        Ok(Legacy { last_order, in_doubt, simulated })
    }

    /// Plans, and records the run the first time. `None` when it was interrupted.
    fn plan(
        &self,
        journal: &Journal,
        first: bool,
        past: &Legacy,
        underway: &mut Underway,
    ) -> Result<Option<(Plan, i64)>, Failure> {
        let plan = match plan(&self.opened, Some(journal.reader()), Purpose::Send, &self.stop) {
            Err(PipelineError::Interrupted) => return Ok(None),
            Err(error) => match underway.run {
                Some(run) => return Err(self.broken_off(error, run)),
                None => return Err(error.into()),
            },
            Ok(plan) => plan,
        };
        self.say_plan(&plan);
        if first {
            self.check_limit(journal)?;
            self.forewarn(&plan, journal)?;
        }
        let number = match underway.run {
            Some(number) => number,
            None => {
                let number = journal.begin_run(&self.record(&plan, past.in_doubt, past.simulated))?;
                self.screen.say_when(&self.name_of_run(&plan, number));
                self.notifier.borrow_mut().tell(Moment::Start, &Notice::started(&plan, number));
                number
            }
        };
        underway.run = Some(number);
        Ok(Some((plan, number)))
    }

    /// The input failed while rows were sent, or the disk was full. Answers so far are stored, and nothing is in doubt; if
    /// the journal failed, that is not certain.
    fn broken_off(&self, error: PipelineError, run: i64) -> Failure {
        let is_stored = match &error {
            PipelineError::Journal(error) => matches!(error, JournalError::Full { .. }),
            _ => true,
        };
        if is_stored && let Ok(journal) = Journal::open_again(&self.opened.journal()) {
            let _ = journal.end_run(run, "broken_off");
        }
        resumable(Failure::from(error), &self.opened.job)
    }

    /// Interrupted while the input was read: there is nothing to wait for, and the output is unchanged.
    fn interrupted_early(&self, journal: &Journal, run: Option<i64>) -> Result<Exit, Failure> {
        if let Some(run) = run {
            journal.end_run(run, StopReason::Interrupted.as_str())?;
        }
        self.screen
            .insist("interrupted while the input was read: nothing was sent and no output was written");
        self.screen.insist(&format!("to continue: {}", resume_command(&self.opened.job)));
        Ok(Exit::Interrupted)
    }

    /// Reports how many requests were in flight when the previous run was killed, and returns the number.
    fn say_doubts(&self, journal: &Journal) -> Result<u64, Failure> {
        let in_doubt = journal.reader().in_doubt()?;
        if in_doubt > 0 {
            let requests = counted(in_doubt, "request");
            self.screen.say(&format!(
                "in doubt: up to {requests} may have been sent but not stored when the last run was killed; \
                 those rows are sent again"
            ));
        }
        Ok(in_doubt)
    }

    fn say_plan(&self, plan: &Plan) {
        self.screen.say(&plan_line(plan));
        let bad = plan.matched.unsendable;
        if bad > 0 {
            let verb = if bad == 1 { "is" } else { "are" };
            let rows = counted(bad, "row");
            self.screen.say(&format!("{rows} cannot be sent and {verb} recorded as failed"));
        }
        if plan.rows == 0 && plan.matched.gone > 0 {
            // A run without rows is valid; but a nightly export that failed looks the same.
            let rows = counted(plan.matched.gone, "row");
            self.screen.insist(&format!(
                "warning: the input has no rows, and had {rows} with answers before; the output will be empty, \
                 and the journal keeps the answers"
            ));
        }
        if plan.matched.failed > 0 && !self.args.retry_failed {
            let rows = counted(plan.matched.failed, "row");
            self.screen.say(&format!("{rows} failed earlier; --retry-failed sends such rows again"));
        }
    }

    /// The line to search for in a log: which run this is of which job, and what it is about to do.
    fn name_of_run(&self, plan: &Plan, number: i64) -> String {
        let again = if self.args.retry_failed { plan.matched.failed } else { 0 };
        let to_send = match beginning(plan).rows + again {
            0 => "nothing to send".to_owned(),
            rows => format!("{} to send", counted(rows, "row")),
        };
        let job = self.args.job.job.as_ref().map(|job| format!(" of {}", job.display())).unwrap_or_default();
        format!("run {number}{job}: {to_send}, output {}", self.opened.job.output.path.display())
    }

    /// Refuses to leave a few rows in an output that had many.
    fn check_limit(&self, journal: &Journal) -> Result<(), Failure> {
        match shortened(&self.opened, journal.reader())? {
            Some(why) => Err(Failure::new(why)),
            None => Ok(()),
        }
    }

    fn forewarn(&self, plan: &Plan, journal: &Journal) -> Result<(), Failure> {
        let cost_estimate = plan.cost_estimate.scaled(plan.share_to_send());
        for warning in warnings::warnings(&self.opened.job, &cost_estimate, Some(journal.reader()))? {
            self.screen.say(&warning);
        }
        if let Some(warning) = warnings::unused_glossary(&self.opened.job, plan) {
            self.screen.say(&warning);
        }
        // With `--fresh` the user wants to pay again, and a rehearsal buys nothing.
        if !self.args.fresh
            && !self.args.job.simulate
            && let Some(warning) = warnings::answered_elsewhere(&self.opened, plan)
        {
            self.screen.say(&warning);
        }
        Ok(())
    }

    /// The address, as recorded in the journal.
    fn address(&self) -> &str {
        if self.args.job.simulate { SIMULATOR } else { self.opened.job.model.base_url.as_str() }
    }

    /// Checks the kept answers against the job's rules for answers, if these have changed since the last run.
    fn hold_to_rules(&self, journal: &Journal) -> Result<(), Failure> {
        let rules = self.opened.conversation();
        let last = journal.reader().last_job()?;
        let last: Option<serde_json::Value> = last.and_then(|job| serde_json::from_str(&job).ok());
        let before = last.as_ref().and_then(|job| job["answer_rules"].as_str()).unwrap_or_default();
        if last.is_none() || before == rules.key() {
            return Ok(());
        }
        let codes = ["length", "schema_violation"];
        let turned = journal.hold_to(&codes, |reason, text| rules.objection(reason, text))?;
        if turned.failed > 0 {
            let answers = counted(turned.failed, "kept answer");
            self.screen.insist(&format!(
                "the rules for answers have changed: {answers} violated them and failed; --retry-failed sends \
                 those rows again"
            ));
        }
        if turned.ok > 0 {
            let rows = counted(turned.ok, "row");
            self.screen
                .say(&format!("the rules for answers have changed: {rows} that had failed now satisfy them"));
        }
        Ok(())
    }

    fn record(&self, plan: &Plan, in_doubt: u64, simulated: bool) -> RunRecord {
        let job = &self.opened.job;
        let rules = self.opened.conversation();
        let described = described(job, self.address(), &rules.key(), plan.rows);
        RunRecord {
            program: concat!("fanfold ", env!("CARGO_PKG_VERSION")).to_owned(),
            job: described.to_string(),
            in_doubt,
            simulated,
        }
    }

    fn send(
        &self,
        journal: Journal,
        plan: &Plan,
        assignment: &Assignment,
        so_far: &mut Snapshot,
    ) -> Result<(SendReport, Journal), PipelineError> {
        let &Assignment { run, last_order, retry_failed } = assignment;
        let earlier = *so_far;
        let past = past(journal.reader(), (&self.opened.job, run), plan, self.address())?;
        let (snapshots, receiver) = watch::channel(before_it_sends(&self.opened, plan, retry_failed).now);
        let context = ControlContext {
            job: Arc::clone(&self.opened.job),
            inbox: journal.reader().inbox(run, last_order)?,
            begun: Timestamp::try_from(self.begun).unwrap_or(Timestamp::UNIX_EPOCH),
            spent: past.duration,
            beginning: beginning(plan),
            snapshots: receiver.clone(),
            earlier,
            ask: self.ask.clone(),
            metrics: self.metrics(run),
            screen: self.screen.clone(),
            clock: Timestamp::now,
        };
        let (controller, live_limits) = RunController::start(context);
        let watcher = Watcher::start(&self.screen, receiver.clone());
        let mut listener = Listener::new(&self.screen, self.args.job.verbose);
        let open_files =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let (mark, _keeper) = keeper::of_run(!self.opened.job.tools.is_empty());
        let hidden = &self.hidden;
        let (live_limits, mark) = (&live_limits, &mark);
        let order = SendRequest { plan, run, retry_failed, open_files, live_limits, hidden, mark };
        let audience = Audience { snapshots: &snapshots, listener: &mut listener };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| JournalError::File { path: "the runtime".into(), source })?;
        let sending = send(&self.opened, journal, order, &past, &self.endpoint, self.stop.clone(), audience);
        let sent = runtime.block_on(sending);
        watcher.finish();
        controller.finish();
        let sent = sent.map(|(sent, journal)| {
            let snapshot = sent.snapshot.after(&earlier);
            (SendReport { snapshot, ..sent }, journal)
        });
        *so_far = match &sent {
            Ok((sent, _)) => sent.snapshot,
            Err(_) => receiver.borrow().after(&earlier),
        };
        sent
    }

    fn metrics(&self, run: i64) -> MetricsFile {
        let job = &self.opened.job;
        let file = self.args.job.job.as_ref().unwrap_or(&job.output.path);
        let about = RunLabels {
            job: file.to_string_lossy().into_owned(),
            model: job.model.name.clone().unwrap_or_default(),
            run,
            begun: self.begun,
        };
        MetricsFile::new(job.output.metrics.clone(), about, &self.screen)
    }

    /// Writes the output and the receipt, and reports the result.
    fn finish(
        &self,
        mut plan: Plan,
        sent: &SendReport,
        journal: &Journal,
        run: i64,
        in_doubt: u64,
    ) -> Result<Exit, Failure> {
        // Stopped at once: requests in flight remain in doubt, as after a kill.
        let orderly = *self.stop.borrow() != StopLevel::Now && sent.abandoned == 0;
        if orderly {
            // Whatever happens to the output, everything sent is stored.
            journal.end_run(run, sent.reason.as_str())?;
        }
        let written = match orderly {
            true => self.write(&mut plan, journal).map_err(|failure| resumable(failure, &self.opened.job))?,
            false => None,
        };
        let reader = journal.reader();
        let account = Account::of(written, &sent.reason);
        if orderly {
            journal.end_run(run, account.reason)?;
        }
        let resume = resume_command(&self.opened.job);
        let this_run = reader.runs()?.into_iter().find(|one| one.number == run);
        let allowance = match &this_run {
            Some(this_run) => {
                let told = told(&reader.orders_of(run)?).unwrap_or_default();
                CapAccount::of_run(reader, &self.opened.job, this_run, &told)?
            }
            None => CapAccount::before_a_run(Some(reader), &self.opened.job)?,
        };
        let summary = Summary {
            opened: &self.opened,
            plan: &plan,
            sent,
            written,
            account: &account,
            allowance: &allowance,
            finish_reasons: &reader.finish_reasons()?,
            in_doubt,
            run,
            begun: self.begun,
            resume: &resume,
            simulated: self.args.job.simulate,
        };
        meet("summary.before");
        let receipt = Receipt::of(&summary, reader)?;
        receipt.store(&self.opened.job.output.summary(), &self.opened.job.output.journal())?;
        meet("summary.after");
        summary.say(&self.screen, reader)?;
        let moment = if account.pending == 0 { Moment::End } else { Moment::Stop };
        self.notifier.borrow_mut().tell(moment, &Notice::ended(&receipt));
        Ok(account.exit)
    }

    /// Writes the output; `None` when the user interrupted that. Answers are found by the rows' positions, so an input that
    /// changed since it was planned is matched again first: no row gets the answer of another.
    fn write(&self, plan: &mut Plan, journal: &Journal) -> Result<Option<OutputCounts>, Failure> {
        let mut is_as_planned = true;
        for _ in 0..PLANS {
            if !is_as_planned || self.opened.source.stamp().map_err(PipelineError::from)? != plan.stamp {
                let stop = never_stopped();
                *plan = plan::plan(&self.opened, Some(journal.reader()), Purpose::Send, &stop)?;
            }
            match write_own(&self.opened, plan, journal, &self.stop) {
                Err(PipelineError::Interrupted) => return Ok(None),
                Ok(None) => is_as_planned = false,
                written => return Ok(written?),
            }
        }
        Err(Failure::new(
            "the input kept changing while it was read, so no output was written; all answers are saved",
        ))
    }
}

/// What is known about a run before it sends.
pub(super) fn beginning(plan: &Plan) -> PlannedWork {
    let prompt_tokens = plan.estimate.prompt_tokens as f64 * plan.share_to_send();
    PlannedWork { rows: plan.to_send(), prompt_tokens: prompt_tokens.round() as u64 }
}

/// The result of a plan, in a line.
pub(super) fn plan_line(plan: &Plan) -> String {
    let matched = &plan.matched;
    let gone = match matched.gone {
        0 => String::new(),
        gone => format!(" · {} gone", count(gone)),
    };
    let rows = counted(plan.rows, "row");
    // A first run has nothing else to report.
    if matched.kept + matched.moved + matched.changed + matched.gone == 0 {
        return format!("{rows}: new {}", count(matched.new));
    }
    format!(
        "{rows}: kept {} · moved {} · changed {} · new {}{gone}",
        count(matched.kept),
        count(matched.moved),
        count(matched.changed),
        count(matched.new),
    )
}
