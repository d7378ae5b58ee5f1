//! What `fanfold run` says and shows of its run, and what steers it: the screen, orders and schedule, figures, notifications.

use std::cell::RefCell;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::deadline::PlannedWork;
use super::event_log::Listener;
use super::limited::shortened;
use super::metrics::MetricsFile;
use super::notify::{Notice, Notifier};
use super::outlook::Outlook;
use super::plan_words::{forewarn, say_outlook, say_plan};
use super::run_control::{ControlContext, RunController};
use crate::api::client::HttpEndpoint;
use crate::cli::RunArgs;
use crate::clock;
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::event::{Event, Observer};
use crate::exit::Exit;
use crate::job::notify::Moment;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::pipeline::plan::Plan;
use crate::pipeline::reporter::{Reporter, RunNews, Sending};
use crate::pipeline::{Opened, PipelineError};
use crate::tally::Snapshot;
use crate::text::{count, counted};
use crate::watch::metrics::RunLabels;
use crate::watch::{Screen, Watcher};

/// One run of a job, with everything at hand.
pub(super) struct RunSession<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) screen: Screen,
    /// Where others than the user can ask it to stop.
    pub(super) ask: watch::Sender<StopLevel>,
    pub(super) stop: Stop,
    pub(super) opened: Opened,
    /// The hold on the journal.
    pub(super) lock: &'a Lock,
    pub(super) endpoint: HttpEndpoint,
    /// Variables that commands do not get to see.
    pub(super) hidden: Vec<OsString>,
    /// Sends the notifications.
    pub(super) notifier: &'a RefCell<Notifier>,
    pub(super) begun: SystemTime,
    /// What is expected of the run, once that is known.
    pub(super) outlook: RefCell<Option<Outlook>>,
}

/// Says and shows how a run goes.
pub(super) struct RunReporter<'a> {
    session: &'a RunSession<'a>,
    listener: Listener<'a>,
    /// Who shows and who steers, while rows are sent.
    at_work: Option<(Watcher, RunController)>,
    /// The number of the run; `None` before it has begun.
    run: Option<i64>,
    snapshot: Snapshot,
}

impl<'a> RunReporter<'a> {
    /// Of a run that has not begun.
    pub(super) fn new(session: &'a RunSession<'a>) -> Self {
        let listener = Listener::new(&session.screen, session.args.job.verbose);
        Self { session, listener, at_work: None, run: None, snapshot: Snapshot::default() }
    }

    /// The run has ended. However that was, the file of figures says so.
    pub(super) fn finish(self, exit: Exit) {
        if let Some(run) = self.run {
            self.metrics(run).finish(&self.snapshot, exit);
        }
    }

    fn metrics(&self, run: i64) -> MetricsFile {
        let RunSession { opened, args, screen, begun, .. } = self.session;
        let job = &opened.job;
        let file = args.job.job.as_ref().unwrap_or(&job.output.path);
        let about = RunLabels {
            job: file.to_string_lossy().into_owned(),
            model: job.model.name.clone().unwrap_or_default(),
            run,
            begun: *begun,
        };
        MetricsFile::new(job.output.metrics.clone(), about, screen)
    }

    /// What a log is searched for: which run this is of which job, and what it is about to do.
    fn name_of_run(&self, plan: &Plan, number: i64) -> String {
        let RunSession { opened, args, .. } = self.session;
        let again = if args.retry_failed { plan.matched.failed } else { 0 };
        let to_send = match plan.to_send() + again {
            0 if opened.job.merge.is_some() || opened.job.digest.is_some() => {
                "nothing to send but requests over answers, as far as they are new".to_owned()
            }
            0 => "nothing to send".to_owned(),
            requests => format!("{} to send", counted(requests, opened.words().request())),
        };
        let job = args.job.job.as_ref().map(|job| format!(" of {}", job.display())).unwrap_or_default();
        format!("run {number}{job}: {to_send}, output {}", opened.job.output.path.display())
    }

    fn say_revalidated(&self, failed: u64, ok: u64, warned: u64) {
        let RunSession { screen, opened, .. } = self.session;
        let noun = opened.words().request();
        if failed > 0 {
            let answers = counted(failed, "kept answer");
            screen.insist(&format!(
                "the rules for answers have changed: {answers} violated them and failed; --retry-failed sends \
                 those {noun}s again"
            ));
        }
        if ok > 0 {
            let requests = counted(ok, noun);
            let now = match warned {
                0 if ok == 1 => "now satisfies them".to_owned(),
                0 => "now satisfy them".to_owned(),
                warned if warned < ok => {
                    format!("now satisfy them or are kept ({} with a warning)", count(warned))
                }
                _ if ok == 1 => "is now kept with a warning".to_owned(),
                _ => "are now kept with a warning".to_owned(),
            };
            screen.say(&format!("the rules for answers have changed: {requests} that had failed {now}"));
        }
    }
}

impl Observer for RunReporter<'_> {
    fn on(&mut self, event: Event<'_>) {
        self.listener.on(event);
    }
}

impl Reporter for RunReporter<'_> {
    fn tell(&mut self, news: RunNews<'_>) {
        let RunSession { args, screen, opened, notifier, .. } = self.session;
        match news {
            RunNews::InDoubt(answers) => screen.say(&format!(
                "in doubt: up to {} may have been paid for but not stored when the last run was killed; those rows are \
                 sent again",
                counted(answers, "answer")
            )),
            RunNews::Rehearsed(answers) => screen.say(&format!(
                "{} in the journal came from a simulator, and {} is a real service: none of them counts, and their rows \
                 are sent again",
                counted(answers, "answer"),
                opened.job.model.base_url
            )),
            RunNews::Revalidated { failed, ok, warned } => self.say_revalidated(failed, ok, warned),
            RunNews::Planned(plan) => say_plan(plan, opened.words(), args.retry_failed, screen),
            RunNews::Begun { run, plan } => {
                self.run = Some(run);
                screen.say_when(&self.name_of_run(plan, run));
                notifier.borrow_mut().send(Moment::Start, &Notice::started(plan, run));
            }
            RunNews::InputChanged => screen.say("the input changed while it was read: planning again"),
        }
    }

    /// Refuses to leave a few rows of the output where there were many, and says what a user should know.
    fn may_begin(&mut self, plan: &Plan, journal: &Reader) -> Result<(), PipelineError> {
        let RunSession { args, screen, opened, outlook, .. } = self.session;
        let refused = match shortened(opened, journal) {
            Ok(None) => {
                // Who starts over wants to pay, and a rehearsal buys nothing.
                let may_buy_again = !args.fresh && !args.job.simulate;
                let forewarned = forewarn(opened, plan, journal, may_buy_again, screen);
                let expected =
                    forewarned.and_then(|()| Outlook::of(opened, plan, Some(journal), clock::timestamp()));
                expected
                    .map(|expected| say_outlook(outlook.borrow_mut().insert(expected), &opened.job, screen))
                    .err()
            }
            Ok(Some(why)) => return Err(PipelineError::Other(why)),
            Err(failure) => Some(failure),
        };
        refused.map_or(Ok(()), |failure| Err(PipelineError::Other(failure.message)))
    }

    fn send(&mut self, sending: Sending<'_>) -> Option<LiveLimits> {
        let RunSession { args, screen, opened, ask, .. } = self.session;
        let Sending { plan, inbox, begun, spent, earlier, snapshots } = sending;
        self.listener = Listener::new(screen, args.job.verbose);
        let watched = snapshots.clone();
        let (controller, live_limits) = RunController::start(ControlContext {
            job: Arc::clone(&opened.job),
            inbox,
            begun,
            spent,
            beginning: PlannedWork::of(plan),
            snapshots,
            earlier,
            ask: ask.clone(),
            metrics: self.metrics(self.run.unwrap_or_default()),
            screen: screen.clone(),
            clock: clock::timestamp,
        });
        self.at_work = Some((Watcher::start(screen, watched), controller));
        Some(live_limits)
    }

    fn sent(&mut self, snapshot: &Snapshot) {
        if let Some((watcher, controller)) = self.at_work.take() {
            watcher.finish();
            controller.finish();
        }
        self.snapshot = *snapshot;
    }
}
