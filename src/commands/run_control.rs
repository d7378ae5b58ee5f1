//! The tasks next to sending, driven by the time of day: accepts orders, applies the schedule, reports that the time is up,
//! and updates the file of figures.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::deadline::{DeadlineCheck, PlannedWork, deadline};
use super::metrics::MetricsFile;
use crate::config::orders::{Order, live_settings};
use crate::dispatch::live_limits::LiveLimits;
use crate::dispatch::stop::StopLevel;
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::job::limits::EffectiveLimits;
use crate::journal::orders::Inbox;
use crate::tally::Snapshot;
use crate::watch::Screen;

/// The time between two rounds.
const ROUND: Duration = Duration::from_millis(250);

/// What a controller needs.
pub(super) struct ControlContext {
    /// The job.
    pub(super) job: Arc<Job>,
    /// The inbox of the run's orders.
    pub(super) inbox: Inbox,
    /// When the run began.
    pub(super) begun: Timestamp,
    /// How much of the cap on time earlier runs took.
    pub(super) spent: Duration,
    /// What is known about the run before it sends.
    pub(super) beginning: PlannedWork,
    /// The state of the run.
    pub(super) snapshots: watch::Receiver<Snapshot>,
    /// The work of the run before its input was planned again.
    pub(super) earlier: Snapshot,
    /// The channel on which the run is asked to stop.
    pub(super) ask: watch::Sender<StopLevel>,
    /// The file of the run's figures.
    pub(super) metrics: MetricsFile,
    /// The screen for messages.
    pub(super) screen: Screen,
    /// The time of day.
    pub(super) clock: fn() -> Timestamp,
}

/// A running controller.
#[derive(Debug)]
pub(super) struct RunController {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl RunController {
    /// Starts to control a run, on a separate thread. The run receives its terms through the live limits.
    pub(super) fn start(context: ControlContext) -> (Self, LiveLimits) {
        let ControlContext { job, begun, beginning, clock, .. } = &context;
        let ends_at = job.schedule.ends_at(*begun);
        let (steer, live_limits) = watch::channel(job.terms(&LiveSettings::default(), clock(), ends_at));
        let (end, ended) = channel();
        let (settings, deadline_check) = (LiveSettings::default(), DeadlineCheck::new(*beginning));
        let mut rounds =
            Rounds { context, ends_at, steer, settings, deadline_check, hours: None, trouble: None };
        rounds.go();
        let thread = std::thread::spawn(move || {
            while matches!(ended.recv_timeout(rounds.pause()), Err(RecvTimeoutError::Timeout)) {
                rounds.go();
            }
        });
        (Self { end, thread }, live_limits)
    }

    /// Stops it.
    pub(super) fn finish(self) {
        drop(self.end);
        // A controller that panicked has reported it itself.
        let _ = self.thread.join();
    }
}

struct Rounds {
    context: ControlContext,
    /// The time of day at which the run ends.
    ends_at: Option<Timestamp>,
    deadline_check: DeadlineCheck,
    steer: watch::Sender<EffectiveLimits>,
    settings: LiveSettings,
    /// The hours of the schedule that currently apply.
    hours: Option<String>,
    /// When it was last reported that orders cannot be read.
    trouble: Option<Instant>,
}

impl Rounds {
    fn go(&mut self) {
        self.take_orders();
        let ControlContext { job, clock, screen, .. } = &self.context;
        let now = clock();
        let hours = job.schedule.at(now).map(|span| format!("{}: {}", span.hours(), span.shown()));
        if hours != self.hours {
            screen.say_when(&match &hours {
                Some(hours) => format!("schedule: from now on {hours}"),
                None => "schedule: from now on the job's own limits".to_owned(),
            });
            self.hours = hours;
        }
        let terms = job.terms(&self.settings, now, self.ends_at);
        self.steer.send_if_modified(|before| std::mem::replace(before, terms) != terms);
        self.look_ahead(now);
        let snapshot = self.context.snapshots.borrow().after(&self.context.earlier);
        self.context.metrics.keep(&snapshot);
    }

    /// The time until the next round: at most until the caps begin a new period.
    fn pause(&self) -> Duration {
        let ControlContext { job, clock, .. } = &self.context;
        let now = clock();
        let turn = job.cap_period.ends(now, &job.schedule.zone);
        let left = turn.and_then(|turn| Duration::try_from(turn.duration_since(now)).ok());
        left.map_or(ROUND, |left| left.min(ROUND))
    }

    fn look_ahead(&mut self, now: Timestamp) {
        let ControlContext { job, begun, spent, snapshots, screen, .. } = &self.context;
        if self.settings.paused == Some(true) {
            // A user who pauses the run knows it, and decides how long.
            return;
        }
        let Some(deadline) = deadline(job, &self.settings, *begun, *spent) else { return };
        let snapshot = *snapshots.borrow();
        if let Some(warning) = self.deadline_check.look((job, &self.settings), &snapshot, now, deadline) {
            screen.insist(&warning);
        }
    }

    fn take_orders(&mut self) {
        let ControlContext { inbox, screen, ask, .. } = &mut self.context;
        let (orders, new) = match inbox.look() {
            Ok(Some(orders)) => orders,
            Ok(None) => return,
            Err(error) => {
                // The journal's own writer reports the details; this is worth at most a line a minute.
                let is_new = self.trouble.is_none_or(|since| since.elapsed() > Duration::from_secs(60));
                if is_new && self.trouble.replace(Instant::now()).is_some() {
                    screen.say(&format!("warning: cannot read changes from `fanfold set`: {error}"));
                }
                return;
            }
        };
        match live_settings(&orders) {
            Ok(settings) => self.settings = settings,
            // Something other than `fanfold set` wrote it.
            Err(problem) => {
                screen.insist(&format!("warning: cannot apply a change from `fanfold set`: {problem}"))
            }
        }
        let words: Vec<String> = orders.iter().skip(new).map(Order::shown).collect();
        if !words.is_empty() {
            screen.say_when(&format!("set: {}", words.join(", ")));
        }
        if self.settings.stop {
            let ask_now = |before: &mut StopLevel| {
                let is_first = *before == StopLevel::None;
                *before = (*before).max(StopLevel::Drain);
                is_first
            };
            if ask.send_if_modified(ask_now) {
                screen.insist(super::interrupt::STOPPING);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::config::layers::Layers;
    use crate::config::resolve::{Lookups, resolve};
    use crate::diagnostic::SourceText;
    use crate::job::facts::ModelCatalog;
    use crate::job::schedule::utc;
    use crate::watch::Mode;
    use crate::watch::metrics::RunLabels;

    /// The current second of the wall clock.
    static NOW: AtomicI64 = AtomicI64::new(0);

    fn clock() -> Timestamp {
        Timestamp::from_second(NOW.load(Ordering::Relaxed)).expect("a time")
    }

    fn job(limits: &str) -> Job {
        let text = format!(
            "input.path = \"a.csv\"\noutput.path = \"b.csv\"\nmodel.name = \"m\"\n[limits]\n{limits}\n"
        );
        let script = SourceText { name: "job.toml".into(), text: text.into() };
        let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
        let lookups =
            Lookups { region: &|_, _| Err(String::new()), book: &|_| ModelCatalog::default(), zone: &utc };
        resolve(file, &layers, &lookups).expect("a job")
    }

    #[test]
    fn a_run_hears_of_midnight_when_it_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("b.csv.journal");
        let journal = crate::journal::Journal::open(&path).expect("a journal");
        let screen = Screen::new(Mode::Quiet, false);
        let about =
            RunLabels { job: String::new(), model: String::new(), run: 1, begun: std::time::UNIX_EPOCH };
        let midnight = 20_000 * 86_400;
        NOW.store(midnight - 1, Ordering::Relaxed);
        let context = ControlContext {
            job: Arc::new(job("cap_period = \"day\"\nmax_total_tokens = 10")),
            inbox: journal.reader().inbox(1, 0).expect("an inbox"),
            begun: clock(),
            spent: Duration::ZERO,
            beginning: PlannedWork { rows: 0, tokens: 0 },
            snapshots: watch::channel(Snapshot::default()).1,
            earlier: Snapshot::default(),
            ask: watch::channel(StopLevel::None).0,
            metrics: MetricsFile::new(None, about, &screen),
            screen,
            clock,
        };
        let (controller, live_limits) = RunController::start(context);
        let day = |second: i64| Timestamp::from_second(second).ok();
        assert_eq!(live_limits.borrow().since, day(midnight - 86_400));
        NOW.store(midnight, Ordering::Relaxed);
        let patience = Instant::now() + Duration::from_secs(60);
        while live_limits.borrow().since != day(midnight) {
            assert!(Instant::now() < patience, "it hears of it");
            std::thread::sleep(Duration::from_millis(5));
        }
        controller.finish();
    }
}
