//! Whether a run will be done when its time is up: said as soon as it will not, and again when that gets much worse.

use jiff::{SignedDuration, Timestamp};

use crate::dispatch::stop::Cap;
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::job::forecast::{Course, Shortfall, shortfall};
use crate::pipeline::plan::Plan;
use crate::tally::Snapshot;
use crate::text::{count, counted, rate};

/// Seconds of sending without a pause after which the present rate says something, and rows that have come to their end by then.
const MEASURED: (f64, u64) = (30.0, 20);

/// How much worse it has to get to be said again: so many times the rows that would be left.
const WORSE: u64 = 2;

/// What is known of a run before it sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedWork {
    /// Rows to send.
    pub(super) rows: u64,
    /// Tokens of their prompts and answers, as far as expected.
    pub(super) tokens: u64,
}

impl PlannedWork {
    /// Of a plan, what is to be sent.
    pub(super) fn of(plan: &Plan) -> Self {
        let likely = plan.cost_estimate.scaled(plan.share_to_send()).likely;
        let tokens = likely.prompt_tokens + likely.completion_tokens;
        Self { rows: plan.to_send(), tokens: tokens.round() as u64 }
    }

    /// How it will go, as far as the limits let it.
    pub(super) fn course(self) -> Course {
        let tokens_each = self.tokens as f64 / self.rows.max(1) as f64;
        Course { left: self.rows, requests_each: 1.0, tokens_each, measured: None }
    }
}

/// When a run's time is up, and the key that says so; `None` when it has all the time that it takes. `spent`: what earlier
/// runs took of `max_duration`.
pub(super) fn deadline(
    job: &Job,
    live_settings: &LiveSettings,
    begun: Timestamp,
    spent: std::time::Duration,
) -> Option<(Timestamp, Cap)> {
    let until = job.schedule.ends_at(begun).map(|end| (end, Cap::Until));
    let cap = live_settings.caps.over(job.caps).duration;
    let duration = cap.and_then(|cap| {
        let left = SignedDuration::try_from(cap.saturating_sub(spent)).ok()?;
        Some((begun.checked_add(left).ok()?, Cap::Duration))
    });
    until.into_iter().chain(duration).min_by_key(|(end, _)| *end)
}

/// What the limits alone say of a run that has not begun: the warning, if it cannot be done in time.
pub(super) fn before_it_begins(
    job: &Job,
    beginning: PlannedWork,
    now: Timestamp,
    deadline: (Timestamp, Cap),
) -> Option<String> {
    if deadline.0 <= now {
        return Some(over(job, now, deadline));
    }
    let short = shortfall(job, &LiveSettings::default(), &beginning.course(), now, deadline.0)?;
    Some(words(job, &short, None, (now, beginning.rows), deadline))
}

/// What is said of a run whose time is up before it has begun.
fn over(job: &Job, now: Timestamp, (deadline, cap): (Timestamp, Cap)) -> String {
    let what = match cap {
        Cap::Until => format!("`until` ({}) is in the past", job.schedule.shown(deadline, now)),
        cap => format!("the time allowed by `{}` is used up", cap.key()),
    };
    format!("warning: {what}: nothing is sent")
}

/// Looks ahead while a run goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineCheck {
    beginning: PlannedWork,
    said: Option<u64>,
}

impl DeadlineCheck {
    /// An deadline check that has said nothing yet.
    pub(super) fn new(beginning: PlannedWork) -> Self {
        Self { beginning, said: None }
    }

    /// What is to be said now, if anything.
    pub(super) fn look(
        &mut self,
        (job, live_settings): (&Job, &LiveSettings),
        snapshot: &Snapshot,
        now: Timestamp,
        deadline: (Timestamp, Cap),
    ) -> Option<String> {
        if deadline.0 <= now {
            // One that went on until now is about to end, and says so itself.
            let is_first = self.said.replace(u64::MAX).is_none() && snapshot.requests == 0;
            return is_first.then(|| over(job, now, deadline));
        }
        let course = self.course(snapshot)?;
        let short = shortfall(job, live_settings, &course, now, deadline.0)?;
        let is_news = match self.said {
            Some(said) => short.left > said.saturating_mul(WORSE).saturating_add(snapshot.rows / 100),
            None => true,
        };
        // That the last few rows may be late is no news, when the rate goes up and down by as much.
        if !is_news || (short.left < snapshot.rows / 100 && short.ends_at.is_some()) {
            return None;
        }
        self.said = Some(short.left);
        let measured = course.measured.map(|(rate, _)| rate);
        Some(words(job, &short, measured, (now, snapshot.rows), deadline))
    }

    /// How the run goes; before that is known, what its limits let through.
    fn course(&self, snapshot: &Snapshot) -> Option<Course> {
        let done = (snapshot.ok + snapshot.failed).min(snapshot.rows);
        let ended = self.beginning.rows.saturating_sub(snapshot.rows - done);
        let left = snapshot.left().min(self.beginning.rows);
        let beginning = Course { left, ..self.beginning.course() };
        let held_by = snapshot.state.held_by;
        let known = snapshot.measured_for.as_secs_f64() >= MEASURED.0 && ended >= MEASURED.1;
        if !known {
            // Once is enough for what does not change.
            return self.said.is_none().then_some(beginning);
        }
        Some(Course {
            requests_each: (snapshot.requests as f64 / ended as f64).max(1.0),
            tokens_each: snapshot.usage.total_tokens as f64 / ended as f64,
            measured: Some((snapshot.rows_per_second, held_by)),
            ..beginning
        })
    }
}

/// The warning.
fn words(
    job: &Job,
    short: &Shortfall,
    measured: Option<f64>,
    (now, rows): (Timestamp, u64),
    (deadline, cap): (Timestamp, Cap),
) -> String {
    let when = job.schedule.shown(deadline, now);
    let by = match measured {
        Some(each_second) => format!("at the current rate ({} rows/s)", rate(each_second)),
        None => "by its limits alone".to_owned(),
    };
    let end = match short.ends_at {
        Some(end) => format!("it would take until {}", job.schedule.shown(end, now)),
        None => "no end can be predicted".to_owned(),
    };
    let decider = match short.decided_by {
        word if word.contains(' ') => word.to_owned(),
        key => format!("`{key}`"),
    };
    format!(
        "warning: {by} the run will not finish by {when} (`{}`): about {} of {} would be left, and {end}; \
         limited by {decider}",
        cap.key(),
        count(short.left),
        counted(rows, "row"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::layers::Layers;
    use crate::config::resolve::{Lookups, resolve};
    use crate::diagnostic::SourceText;
    use crate::event::{Bottleneck, DispatchState};
    use crate::job::facts::ModelCatalog;
    use crate::job::schedule::utc;

    fn job() -> Job {
        let text = "input.path = \"a.csv\"\noutput.path = \"b.csv\"\nmodel.name = \"m\"\nlimits.qps = 50\n";
        let script = SourceText { name: "job.toml".into(), text: text.into() };
        let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
        let lookups =
            Lookups { region: &|_, _| Err(String::new()), book: &|_| ModelCatalog::default(), zone: &utc };
        resolve(file, &layers, &lookups).expect("a job")
    }

    fn snapshot(seconds: u64, ok: u64, rows_per_second: f64) -> Snapshot {
        let state = DispatchState { held_by: Some(Bottleneck::Places), ..DispatchState::default() };
        let elapsed = Duration::from_secs(seconds);
        let measured_for = elapsed.min(Duration::from_secs(30));
        Snapshot {
            rows: 10_000,
            ok,
            requests: ok,
            elapsed,
            measured_for,
            rows_per_second,
            state,
            ..Snapshot::default()
        }
    }

    #[test]
    fn it_is_said_once_when_it_is_known_and_again_when_it_gets_much_worse() {
        let (job, live_settings) = (job(), LiveSettings::default());
        let begun: Timestamp = "2026-07-03T05:00:00Z".parse().expect("a time");
        let deadline = (begun + SignedDuration::from_mins(60), Cap::Until);
        let mut deadline_check = DeadlineCheck::new(PlannedWork { rows: 10_000, tokens: 0 });
        let mut look = |seconds: u64, ok: u64, rate: f64| {
            let now = begun + SignedDuration::from_secs(seconds as i64);
            deadline_check.look((&job, &live_settings), &snapshot(seconds, ok, rate), now, deadline)
        };
        assert_eq!(look(5, 2, 0.4), None, "nothing is known yet, and the limits allow it");
        assert_eq!(look(40, 120, 3.0), None, "10,000 rows at 3 a second are done within the hour");
        let said = look(60, 150, 2.0).expect("a warning");
        for part in ["(2.00 rows/s)", "by 06:00 (`until`)", "about 2,770 of 10,000 rows", "`concurrency`"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(look(120, 250, 1.9), None, "a little worse is no news");
        assert!(look(600, 400, 0.5).is_some_and(|said| said.contains("8,100")), "much worse is");
        assert_eq!(look(660, 430, 0.5), None);
        assert_eq!(look(3600, 2000, 0.5), None, "it ends by itself");
    }

    #[test]
    fn a_time_that_is_past_when_the_run_begins_is_told_as_that() {
        let (job, live_settings) = (job(), LiveSettings::default());
        let now: Timestamp = "2026-07-03T05:00:00Z".parse().expect("a time");
        let yesterday = (now - SignedDuration::from_hours(24), Cap::Until);
        let beginning = PlannedWork { rows: 10_000, tokens: 0 };
        let mut deadline_check = DeadlineCheck::new(beginning);
        let said = deadline_check.look((&job, &live_settings), &snapshot(0, 0, 0.0), now, yesterday);
        assert_eq!(
            said.as_deref(),
            Some("warning: `until` (Thu 2026-07-02 05:00) is in the past: nothing is sent")
        );
        assert_eq!(deadline_check.look((&job, &live_settings), &snapshot(1, 0, 0.0), now, yesterday), None);
        let used_up = before_it_begins(&job, beginning, now, (now, Cap::Duration));
        assert!(used_up.is_some_and(|said| said.contains("`max_duration` is used up")));
    }
}
