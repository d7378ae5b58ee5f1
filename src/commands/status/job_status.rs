//! The state of a job: read from the journal, and shown as lines or JSON.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::ended;
use super::screen::{Ink, ScreenLine};
use crate::batch::phase::BatchRecord;
use crate::clock;
use crate::commands::batches;
use crate::commands::caps::{CapAccount, may_be_more};
use crate::commands::failure::Failure;
use crate::commands::receipt::known_cost;
use crate::commands::rehearsed::simulated_line;
use crate::commands::summary::with_warnings;
use crate::commands::time::timestamp;
use crate::config::orders::{self, Order};
use crate::conversation::follow_ups::{FollowUps, requests};
use crate::event::Bottleneck;
use crate::history::{PastFault, Run, Spent, spent_by};
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::job::units::shown;
use crate::journal::costs::Day;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::journal::recent::Lately;
use crate::journal::rows::{FailureGroup, StateCounts};
use crate::packs::PackFigures;
use crate::pipeline::Opened;
use crate::pipeline::requests::rows_of;
use crate::report::message_groups::{MessageGroup, MessageGroups};
use crate::row_words::RowWords;
use crate::text::{count, counted, money, printable, rate, short};

/// How many days and runs are shown; the JSON has all.
const SHOWN: usize = 7;

/// How many requests without an answer are examined, and how many kinds of them are shown.
const FAULTS: (u32, usize) = (200, 5);

/// The width of the bar.
const BAR: usize = 40;

/// The journal of a job, for reading.
pub(super) fn open(job: &Job) -> Result<Reader, Failure> {
    Ok(Reader::open(&job.output.journal())?)
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadScope {
    /// Everything.
    Whole,
    /// What changes from one look to the next, without the spending of all days, which requires the whole journal.
    Present,
}

/// The state of a job.
pub(super) struct JobStatus {
    pub(super) input_rows: Option<u64>,
    /// What is counted: the rows or, in a job that cuts them, their pieces.
    pub(super) rows: Option<u64>,
    pub(super) words: RowWords,
    pub(super) counts: StateCounts,
    /// The answers that have warnings.
    pub(super) warned: u64,
    /// The provider's batches.
    pub(super) batches: Vec<BatchRecord>,
    /// The requests over answers: merges and a digest.
    pub(super) over: Option<StateCounts>,
    /// Answers from a simulator.
    pub(super) simulated: u64,
    pub(super) runs: Vec<Run>,
    pub(super) spent: Spent,
    pub(super) follow_ups: FollowUps,
    /// Answered requests with several rows.
    pub(super) packs: PackFigures,
    pub(super) cost: Option<f64>,
    pub(super) days: Vec<Day>,
    pub(super) holder: Option<String>,
    pub(super) in_doubt: u64,
    pub(super) last_minute: u64,
    /// Those of them that the present run has sent.
    pub(super) of_this_run: u64,
    pub(super) lately: Lately,
    /// What held the run back in this minute and the previous one, in seconds; the longest first.
    pub(super) held: Vec<(String, f64)>,
    pub(super) failures: Vec<FailureGroup>,
    pub(super) faults: Vec<MessageGroup<PastFault>>,
    /// The state of the caps.
    pub(super) allowance: CapAccount,
    /// Orders to the last run.
    pub(super) orders: Vec<Order>,
    /// Whether an active run sends nothing because of an order or the schedule.
    pub(super) paused: bool,
}

/// The groups with the numbers of their rows instead of positions, which differ where a row makes no request, or
/// several. That takes a pass over the input, once.
fn with_row_numbers(mut groups: Vec<FailureGroup>, job: &Job, scope: ReadScope) -> Vec<FailureGroup> {
    let unnamed: BTreeSet<u64> =
        groups.iter().filter(|group| group.id.is_none()).map(|group| group.example).collect();
    if unnamed.is_empty() || scope != ReadScope::Whole {
        return groups;
    }
    let Ok(opened) = Opened::again(job.clone()) else { return groups };
    let rows = rows_of(&opened, &unnamed);
    for group in groups.iter_mut().filter(|group| group.id.is_none()) {
        group.example = rows.get(&group.example).copied().unwrap_or(group.example);
    }
    groups
}

impl JobStatus {
    /// Reads the state of a job.
    pub(super) fn read(reader: &Reader, settled: &Job, scope: ReadScope) -> Result<Self, Failure> {
        let priced = settled.price.is_some();
        let job: Value =
            reader.last_job()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let number = |key: &str| job.get(key).and_then(Value::as_u64);
        let runs = reader.runs()?;
        let spent = spent_by(&runs);
        let holder = Lock::holder(reader.path());
        let in_doubt = if holder.is_some() { 0 } else { reader.in_doubt()? };
        let orders = runs.last().map(|run| reader.orders_of(run.number)).transpose()?.unwrap_or_default();
        // An order to a run applies until it ends.
        let holds = if holder.is_some() {
            orders::live_settings(&orders).unwrap_or_default()
        } else {
            LiveSettings::default()
        };
        let paused = holder.is_some() && settled.terms(&holds, clock::timestamp(), None).paused;
        let now = clock::now();
        let began = runs.last().map_or(now, |run| run.started_at);
        let faults = last_faults(reader, began)?;
        let allowance = match runs.last() {
            Some(last) => CapAccount::of_run(reader, settled, last, &holds)?,
            None => CapAccount::before_a_run(Some(reader), settled)?,
        };
        let running = holder.is_some();
        let last_minute = reader.sent_within(Duration::from_secs(60), now)?;
        Ok(Self {
            input_rows: number("rows"),
            rows: number("requests").or(number("rows")),
            words: RowWords {
                documents: job.get("documents").and_then(Value::as_bool) == Some(true),
                pieces: settled.split.is_some(),
                each: settled.each.is_some(),
            },
            counts: reader.counts(None)?,
            warned: reader.warned(None)?,
            batches: reader.batches()?,
            over: reader.counts_over()?,
            simulated: reader.simulated()?.answers,
            last_minute: last_minute.len() as u64,
            of_this_run: last_minute.iter().filter(|(at, _)| *at >= began).count() as u64,
            lately: if running { reader.lately(now, began)? } else { Lately::default() },
            held: if running { reader.held_lately(now)? } else { Vec::new() },
            follow_ups: reader.follow_ups()?,
            packs: reader.packs()?,
            failures: with_row_numbers(reader.failures()?, settled, scope),
            faults: faults.sorted().0,
            cost: known_cost(reader, &spent, priced)?,
            days: if scope == ReadScope::Whole { reader.days()? } else { Vec::new() },
            orders,
            paused,
            allowance,
            runs,
            spent,
            holder,
            in_doubt,
        })
    }

    /// Whether a run is active.
    pub(super) fn is_running(&self) -> bool {
        self.holder.is_some()
    }

    pub(super) fn left(&self) -> Option<u64> {
        Some(self.rows?.saturating_sub(self.counts.ok + self.counts.failed))
    }

    /// How long the remaining rows take at the present rate; `None` in a pause and an outage.
    pub(super) fn time_left(&self) -> Option<Duration> {
        // During an outage the earlier rate means nothing.
        let outage = self.held.first().is_some_and(|(cause, _)| cause == Bottleneck::Outage.as_str());
        let left = self.left().filter(|_| self.is_running() && !self.paused && !outage)?;
        let rate = self.lately.rows_per_second;
        (rate > 0.0).then(|| Duration::try_from_secs_f64(left as f64 / rate).unwrap_or(Duration::MAX))
    }

    /// All lines.
    pub(super) fn lines(&self) -> Vec<ScreenLine> {
        let plain = |line: String| (Ink::Plain, line);
        let noun = self.words.request();
        let mut rows = self.rows.map_or_else(|| format!("? {noun}s"), |rows| counted(rows, noun));
        if let Some(whole) = self.input_rows.filter(|_| self.words.several()) {
            rows.push_str(&format!(" of {}", counted(whole, self.words.row())));
        }
        let left = self.left().map_or_else(|| "?".to_owned(), count);
        let mut lines = vec![plain(format!(
            "{rows}: {} ok{} · {} failed · {left} left",
            count(self.counts.ok),
            with_warnings(self.warned),
            count(self.counts.failed)
        ))];
        lines.extend(self.over.map(over_line).map(plain));
        lines.extend(self.bar());
        lines.push(plain(self.whether_it_runs()));
        lines.extend(self.present());
        lines.extend(batches::lines(&self.batches, clock::now()).into_iter().map(plain));
        lines.extend(simulated_line(self.simulated).map(|line| (Ink::Notable, line)));
        let cost = self.cost.filter(|cost| *cost > 0.0 || self.spent.reserved.cost == 0.0);
        let cost = cost.map_or_else(String::new, |cost| format!(" · cost {} (estimate)", money(cost)));
        lines.push(plain(format!(
            "{} in {} · {} tokens{cost}",
            requests(self.spent.requests, &self.follow_ups, self.spent.throttled, self.spent.faults),
            counted(self.runs.len() as u64, "run"),
            count(self.spent.usage.total_tokens),
        )));
        lines.extend(self.packs.words().map(plain));
        lines.extend(may_be_more(self.spent.reserved).map(plain));
        lines.extend(self.allowance.lines().into_iter().map(plain));
        lines.extend(self.failures.iter().map(|group| {
            // In the form that `--row` accepts.
            let row = group.id.as_deref().map_or_else(|| count(group.example + 1), |id| short(id, 60));
            let rows = counted(group.rows, self.words.request());
            let (code, message) = (short(&group.code, 60), short(&group.message, 120));
            (Ink::Notable, format!("{rows} failed with {code}, such as row {row}: {message}"))
        }));
        lines.extend(self.last_errors());
        lines.extend(self.spending().into_iter().map(|line| (Ink::Dim, line)));
        lines
    }

    fn bar(&self) -> Option<ScreenLine> {
        let rows = self.rows.filter(|rows| *rows > 0)?;
        let done = (self.counts.ok + self.counts.failed).min(rows);
        // Full only when nothing is left.
        let full = (done as f64 / rows as f64 * BAR as f64) as usize;
        let bar = format!("{}{}", "━".repeat(full), "─".repeat(BAR - full));
        Some((Ink::Bar, format!("{bar} {:.1} %", (done as f64 / rows as f64 * 1000.0).floor() / 10.0)))
    }

    /// The rates of an active run, the time left, and what holds it back.
    fn present(&self) -> Vec<ScreenLine> {
        if !self.is_running() {
            return Vec::new();
        }
        let mut rates = format!(
            "{} {}s/s · {} tokens/s (recent)",
            rate(self.lately.rows_per_second),
            self.words.answer(),
            rate(self.lately.tokens_per_second)
        );
        if let Some(time) = self.time_left() {
            rates.push_str(&format!(" · about {} left at that rate", shown(time)));
        }
        let whole: f64 = self.held.iter().map(|(_, seconds)| seconds).sum();
        let held = self.held.first().filter(|_| whole > 0.0).map(|(cause, seconds)| {
            let share = seconds * 100.0 / whole;
            (Ink::Notable, format!("held by {} ({share:.0} % of recent time)", short(cause, 40)))
        });
        let paused = (Ink::Notable, "held by pause: nothing is sent for now".to_owned());
        let held = if self.paused { Some(paused) } else { held };
        let orders: Vec<String> = orders::last_words(&self.orders).into_iter().map(Order::shown).collect();
        let changed = (!orders.is_empty())
            .then(|| (Ink::Plain, format!("changed by `fanfold set`: {}", printable(&orders.join(", ")))));
        std::iter::once((Ink::Plain, rates)).chain(held).chain(changed).collect()
    }

    fn whether_it_runs(&self) -> String {
        match (&self.holder, self.runs.last()) {
            (Some(holder), _) => {
                // A run that has just begun is less than a minute old.
                let age = self.runs.last().and_then(|run| run.started_at.elapsed().ok()).unwrap_or_default();
                let each_second = self.of_this_run as f64 / age.as_secs_f64().clamp(1.0, 60.0);
                format!(
                    "running: {} · {} requests/s in the last minute",
                    printable(holder),
                    rate(each_second)
                )
            }
            (None, Some(Run { ended_at: Some(ended), reason, .. })) => {
                let when = timestamp(*ended);
                match reason.as_deref() {
                    None | Some("finished") => format!("not running: finished at {when}"),
                    Some(reason) => format!("not running: stopped at {when} ({reason})"),
                }
            }
            (None, Some(run)) => {
                let doubt = counted(self.in_doubt, "request");
                let when = timestamp(run.last_at);
                format!(
                    "not running: killed, or stopped immediately; the last answer was stored at {when}; up to \
                     {doubt} in doubt"
                )
            }
            (None, None) => "not running: nothing has been sent yet".to_owned(),
        }
    }

    /// Recent requests without an answer in the last run; the causes of failed rows are already shown.
    fn last_errors(&self) -> Vec<ScreenLine> {
        let failed =
            |kind: &&MessageGroup<PastFault>| self.failures.iter().any(|group| group.code == kind.code);
        let kinds: Vec<_> = self.faults.iter().filter(|kind| !failed(kind)).take(FAULTS.1).collect();
        if kinds.is_empty() {
            return Vec::new();
        }
        let heading = (Ink::Plain, format!("recent failures (last {}):", FAULTS.0));
        let lines = kinds.into_iter().map(|kind| {
            let status = kind.example.status.map(|status| format!("{status} ")).unwrap_or_default();
            let last = timestamp(kind.example.sent_at);
            let line = format!(
                "  {} × {status}{}, last at {last}, such as: {}",
                count(kind.count),
                short(&kind.code, 60),
                short(&kind.message, 120)
            );
            (Ink::Notable, line)
        });
        std::iter::once(heading).chain(lines).collect()
    }

    /// What was spent by day and by run, the latest of each.
    fn spending(&self) -> Vec<String> {
        let used = |requests: u64, tokens: u64, cost: Option<f64>| {
            let cost = cost.map_or_else(String::new, |cost| format!(" · cost {}", money(cost)));
            format!("{} · {} tokens{cost}", counted(requests, "request"), count(tokens))
        };
        let days = self
            .days
            .iter()
            .map(|day| format!("  {}: {}", day.date, used(day.requests, day.tokens, day.cost)));
        let runs = self.runs.iter().map(|run| {
            let (number, began) = (run.number, timestamp(run.started_at));
            let used = used(run.spent.requests, run.spent.usage.total_tokens, self.cost_of(run));
            let whom = if run.simulated { " (simulator)" } else { "" };
            format!("  run {number}{whom}, {began}: {} · {used}", ended::described(run, self.goes_on(run)))
        });
        [last("by day", "day", days.collect()), last("by run", "run", runs.collect())].concat()
    }

    /// Whether a run is the active one.
    pub(super) fn goes_on(&self, run: &Run) -> bool {
        self.is_running() && self.runs.last().is_some_and(|last| last.number == run.number)
    }

    /// What a run spent, if known.
    pub(super) fn cost_of(&self, run: &Run) -> Option<f64> {
        let known = run.spent.cost > 0.0 || run.spent.usage.total_tokens == 0;
        // A run of a free model cost nothing, as did everything known.
        (known || self.spent.cost == 0.0).then_some(run.spent.cost).filter(|_| self.cost.is_some())
    }
}

/// The last lines under a heading, with a count of those before.
fn last(heading: &str, noun: &str, lines: Vec<String>) -> Vec<String> {
    let earlier = lines.len().saturating_sub(SHOWN);
    let heading = match (lines.len(), earlier) {
        (0, _) => return Vec::new(),
        (_, 0) => format!("{heading}:"),
        _ => format!("{heading}, after {} before:", counted(earlier as u64, noun)),
    };
    std::iter::once(heading).chain(lines.into_iter().skip(earlier)).collect()
}

/// The requests over answers, in a line.
pub(in crate::commands) fn over_line(counts: StateCounts) -> String {
    let StateCounts { ok, failed, pending } = counts;
    format!("requests over answers: {} ok · {} failed · {} pending", count(ok), count(failed), count(pending))
}
/// The last faults since a time, those that are alike together.
fn last_faults(reader: &Reader, since: SystemTime) -> Result<MessageGroups<PastFault>, Failure> {
    let mut faults = MessageGroups::default();
    for fault in reader.last_faults(since, FAULTS.0)? {
        let (code, message) = (fault.code.clone(), fault.message.clone());
        faults.add(&code, &message, || fault);
    }
    Ok(faults)
}
