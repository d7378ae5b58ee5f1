//! `fanfold status`: how a job stands, from its journal alone.

use std::io::{Write, stdout};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Failure;
use super::load::load;
use super::page::Page;
use super::summary::{known_cost, timestamp};
use crate::cli::StatusArgs;
use crate::conversation::{Asks, Step};
use crate::exit::Exit;
use crate::job::Job;
use crate::job::orders::{self, Order};
use crate::job::price::rounded;
use crate::job::units::shown;
use crate::journal;
use crate::journal::lock::Lock;
use crate::journal::reader::{Counts, Reader, Run, Spent};
use crate::journal::spending::Day;
use crate::watch::text::{count, counted, money, printable, rate, short};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// Days and runs that are shown at most; the JSON has all.
const SHOWN: usize = 7;

/// Runs the command.
pub(super) fn run(args: StatusArgs) -> Result<Exit, Failure> {
    let loaded = load(&args.job)?;
    let path = loaded.job.output.journal();
    let reader = Reader::new(journal::open_to_read(&path)?, &path);
    let mut out = stdout().lock();
    if let Some(row) = &args.row {
        return tell_row(&reader, row, loaded.job.input.id.is_some(), args.json, &mut out);
    }
    let status = Status::read(&reader, &loaded.job)?;
    match args.json {
        true => writeln!(out, "{}", status.json())?,
        false => writeln!(Page(out), "{}", status.lines().join("\n"))?,
    }
    Ok(Exit::Done)
}

/// How a job stands.
struct Status {
    rows: Option<u64>,
    counts: Counts,
    runs: Vec<Run>,
    spent: Spent,
    cost: Option<f64>,
    days: Vec<Day>,
    holder: Option<String>,
    in_doubt: u64,
    last_minute: u64,
    failures: Vec<(String, u64, String)>,
    /// What the last run was told while it went on.
    told: Vec<Order>,
    /// Whether a run that goes on sends nothing because it was told so, or because of the schedule.
    paused: bool,
}

impl Status {
    fn read(reader: &Reader, settled: &Job) -> Result<Self, Failure> {
        let priced = settled.price.is_some();
        let job: Value =
            reader.last_job()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let runs = reader.runs()?;
        let spent: Spent = runs.iter().map(|run| run.spent).sum();
        let holder = Lock::holder(reader.path());
        let in_doubt = if holder.is_some() { 0 } else { reader.in_doubt()? };
        let told = runs.last().map(|run| reader.orders_of(run.number)).transpose()?.unwrap_or_default();
        let paused = holder.is_some() && {
            let told = orders::told(&told).unwrap_or_default();
            settled.terms(&told, Timestamp::now(), None).paused
        };
        let failures = reader.failures()?.into_iter().map(|group| (group.code, group.rows, group.message));
        Ok(Self {
            rows: job.get("rows").and_then(Value::as_u64),
            counts: reader.counts(None)?,
            last_minute: reader.last_minute(SystemTime::now())?.len() as u64,
            failures: failures.collect(),
            cost: known_cost(reader, &spent, priced)?,
            days: reader.days()?,
            told,
            paused,
            runs,
            spent,
            holder,
            in_doubt,
        })
    }

    fn left(&self) -> Option<u64> {
        Some(self.rows?.saturating_sub(self.counts.ok + self.counts.failed))
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let rows = self.rows.map_or_else(|| "? rows".to_owned(), |rows| counted(rows, "row"));
        let left = self.left().map_or_else(|| "?".to_owned(), count);
        lines.push(format!(
            "{rows}: {} ok · {} failed · {left} left",
            count(self.counts.ok),
            count(self.counts.failed)
        ));
        let cost = self.cost.map_or_else(String::new, |cost| format!(" · cost {} (estimate)", money(cost)));
        lines.push(format!(
            "{} ({} throttled, {} without an answer) in {} · {} tokens{cost}",
            counted(self.spent.requests, "request"),
            count(self.spent.throttled),
            count(self.spent.faults),
            counted(self.runs.len() as u64, "run"),
            count(self.spent.usage.total_tokens),
        ));
        lines.extend(self.spending());
        match (&self.holder, self.runs.last()) {
            (Some(holder), _) => {
                // A run that began a moment ago has not had its minute yet.
                let age = self.runs.last().and_then(|run| run.started_at.elapsed().ok()).unwrap_or_default();
                let each_second = self.last_minute as f64 / age.as_secs_f64().clamp(1.0, 60.0);
                lines.push(format!(
                    "running: {} · {} requests/s in the last minute",
                    printable(holder),
                    rate(each_second)
                ));
                if self.paused {
                    lines.push("held by pause: nothing is sent for now".to_owned());
                }
                if !self.told.is_empty() {
                    let told: Vec<String> = self.told.iter().map(Order::shown).collect();
                    lines.push(format!("told while it runs: {}", printable(&told.join(", "))));
                }
                if let Some(left) = self.left().filter(|_| each_second > 0.0 && !self.paused) {
                    let time =
                        Duration::try_from_secs_f64(left as f64 / each_second).unwrap_or(Duration::MAX);
                    lines.push(format!("about {} left at that rate", shown(time)));
                }
            }
            (None, Some(Run { ended_at: Some(ended), reason, .. })) => {
                let when = timestamp(*ended);
                lines.push(match reason.as_deref() {
                    None | Some("finished") => format!("not running: finished at {when}"),
                    Some(reason) => format!("not running: stopped at {when} ({reason})"),
                });
            }
            (None, Some(run)) => {
                let doubt = counted(self.in_doubt, "request");
                let when = timestamp(run.last_at);
                lines.push(format!(
                    "not running: it was killed or stopped at once, and stored its last answer at {when}; up to {doubt} in doubt"
                ));
            }
            (None, None) => lines.push("not running: it has not sent anything yet".to_owned()),
        }
        for (code, rows, message) in &self.failures {
            lines.push(format!(
                "  {} failed with {}, such as: {}",
                counted(*rows, "row"),
                short(code, 60),
                short(message, 120)
            ));
        }
        lines
    }

    /// What was spent by day and by run, the last ones of each.
    fn spending(&self) -> Vec<String> {
        let line = |name: &str, requests: u64, tokens: u64, cost: Option<f64>| {
            let cost = cost.map_or_else(String::new, |cost| format!(" · cost {}", money(cost)));
            format!("  {name}: {} · {} tokens{cost}", counted(requests, "request"), count(tokens))
        };
        let days = self.days.iter().map(|day| line(&day.date, day.requests, day.tokens, day.cost));
        let runs = self.runs.iter().map(|run| {
            let spent = &run.spent;
            let name = format!("run {}, {}", run.number, timestamp(run.started_at));
            line(&name, spent.requests, spent.usage.total_tokens, self.cost_of(run))
        });
        [last("by day", "day", days.collect()), last("by run", "run", runs.collect())].concat()
    }

    /// What a run spent, where it is known.
    fn cost_of(&self, run: &Run) -> Option<f64> {
        let known = run.spent.cost > 0.0 || run.spent.usage.total_tokens == 0;
        // A run of a free model cost nothing; then so did all that is known.
        (known || self.spent.cost == 0.0).then_some(run.spent.cost).filter(|_| self.cost.is_some())
    }

    fn json(&self) -> Value {
        let runs: Vec<Value> = self.runs.iter().map(|run| {
            json!({
                "run": run.number, "started_at": timestamp(run.started_at), "last_at": timestamp(run.last_at),
                "ended_at": run.ended_at.map(timestamp), "reason": run.reason, "in_doubt": run.in_doubt,
                "requests": run.spent.requests, "total_tokens": run.spent.usage.total_tokens,
                "cost": self.cost_of(run).map(rounded),
            })
        }).collect();
        let days: Vec<Value> = self.days.iter().map(|day| {
            json!({
                "date": day.date, "requests": day.requests, "tokens": day.tokens, "cost": day.cost.map(rounded),
            })
        }).collect();
        json!({
            "version": VERSION,
            "rows": self.rows,
            "ok": self.counts.ok,
            "failed": self.counts.failed,
            "left": self.left(),
            "running": self.holder.is_some(),
            "holder": self.holder,
            "in_doubt": self.in_doubt,
            "requests": self.spent.requests,
            "throttled": self.spent.throttled,
            "faults": self.spent.faults,
            "prompt_tokens": self.spent.usage.prompt_tokens,
            "completion_tokens": self.spent.usage.completion_tokens,
            "total_tokens": self.spent.usage.total_tokens,
            "cost": self.cost,
            "requests_in_the_last_minute": self.last_minute,
            "failures": self.failures.iter().map(|(code, rows, example)| {
                json!({ "code": code, "rows": rows, "example": example })
            }).collect::<Vec<_>>(),
            "runs": runs,
            "days": days,
            "paused": self.paused,
            "told": self.told.iter().map(Order::shown).collect::<Vec<_>>(),
        })
    }
}

/// The last lines under a heading; of those before it is said how many there are.
fn last(heading: &str, noun: &str, lines: Vec<String>) -> Vec<String> {
    let earlier = lines.len().saturating_sub(SHOWN);
    let heading = match (lines.len(), earlier) {
        (0, _) => return Vec::new(),
        (_, 0) => format!("{heading}:"),
        _ => format!("{heading}, after {} before:", counted(earlier as u64, noun)),
    };
    std::iter::once(heading).chain(lines.into_iter().skip(earlier)).collect()
}

/// One row's history.
fn tell_row(
    reader: &Reader,
    row: &str,
    has_ids: bool,
    as_json: bool,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let position = match has_ids {
        true => reader.position_of(row)?,
        false => row.parse::<u64>().ok().and_then(|number| number.checked_sub(1)),
    };
    let unknown = || Failure::new(format!("the journal knows no row `{}`", printable(row)));
    let position = position.ok_or_else(unknown)?;
    let result = reader.results().at(position)?;
    let faults = reader.history(position)?;
    let result = result.ok_or_else(unknown)?;
    let steps = if reader.has_steps_in_between()? { reader.steps(position)? } else { Vec::new() };
    let unfit = reader.unfit_response(position)?;
    let answer = result.answer.as_ref();
    if as_json {
        let faults: Vec<Value> = faults
            .iter()
            .map(|fault| {
                json!({
                    "sent_at": timestamp(fault.sent_at), "latency_ms": fault.latency.as_millis() as u64,
                    "status": fault.status, "code": fault.code, "message": fault.message,
                })
            })
            .collect();
        let line = json!({
            "version": VERSION, "row": row, "position": position, "status": result.status.as_str(),
            "attempts": result.attempts, "cost": result.cost.map(rounded), "error_code": result.error_code, "error": result.error,
            "response": answer.and_then(|answer| answer.response.as_ref()),
            "finish_reason": answer.and_then(|answer| answer.finish_reason.as_ref()),
            "request_id": answer.and_then(|answer| answer.request_id.as_ref()),
            "total_tokens": answer.and_then(|answer| answer.usage).map(|usage| usage.total_tokens),
            "latency_ms": result.latency_ms, "faults": faults, "unfit_response": unfit,
            "steps": steps.iter().map(|step| json!({
                "asks": step.asks.as_str(), "response": step.answer.response,
                "tool_calls": step.answer.tool_calls.as_deref().and_then(as_json_text), "results": step.results,
                "total_tokens": step.answer.usage.map(|usage| usage.total_tokens),
            })).collect::<Vec<_>>(),
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let attempts = counted(u64::from(result.attempts.unwrap_or(0)), "request");
    writeln!(out, "row {}: {} after {attempts}", printable(row), result.status.as_str())?;
    for step in &steps {
        writeln!(out, "  {}", told(step))?;
    }
    for fault in faults {
        let status = fault.status.map(|status| format!("{status} ")).unwrap_or_default();
        let (when, time) = (timestamp(fault.sent_at), shown(fault.latency));
        writeln!(
            out,
            "  {when}, {time}: {status}{}: {}",
            printable(&fault.code),
            short(&fault.message, 300)
        )?;
    }
    if let Some(response) = answer.and_then(|answer| answer.response.as_deref()) {
        writeln!(out, "  answer: {}", short(response, 500))?;
    }
    if let Some(unfit) = &unfit {
        writeln!(out, "  an answer that is not what the job asks for: {}", short(unfit, 500))?;
    }
    if let Some(error) = &result.error {
        writeln!(out, "  error: {}", short(error, 500))?;
    }
    Ok(Exit::Done)
}

/// A paid answer that did not end its row, in a line.
fn told(step: &Step) -> String {
    let text = |text: Option<&String>| short(text.map_or("", String::as_str), 200);
    let answer = text(step.answer.response.as_ref());
    let result = step.results.iter().map(|result| short(result, 200)).collect::<Vec<_>>().join(" · ");
    match step.asks {
        Asks::Tools => format!("called tools: {}: {result}", text(step.answer.tool_calls.as_ref())),
        Asks::Repair => format!("asked again, because {result}: {answer}"),
        Asks::Grow => format!("asked again with more room: {answer}"),
        Asks::Rest => format!("continued: {answer}"),
    }
}

fn as_json_text(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
