//! The state of a job, as `fanfold status --json` prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::ended;
use super::job_status::JobStatus;
use crate::clock;
use crate::commands::batches::BatchReport;
use crate::commands::caps::CapsReport;
use crate::commands::time::timestamp;
use crate::config::orders::Order;
use crate::event::Bottleneck;
use crate::history::{PastFault, Run};
use crate::job::Output;
use crate::job::price::rounded;
use crate::journal::costs::Day;
use crate::journal::rows::FailureGroup;
use crate::report::message_groups::MessageGroup;
use crate::reserve::Reserve;
use crate::tally::RequestFigures;

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// The state of a job.
#[derive(Debug, Serialize)]
pub(super) struct StatusReport<'a> {
    version: u32,
    input_rows: Option<u64>,
    rows: Option<u64>,
    ok: u64,
    warned: u64,
    failed: u64,
    simulated: u64,
    left: Option<u64>,
    running: bool,
    holder: Option<&'a str>,
    in_doubt: u64,
    #[serde(flatten)]
    figures: RequestFigures,
    #[serde(flatten)]
    reserved: Reserve,
    requests_in_the_last_minute: u64,
    rows_per_second: Option<f64>,
    tokens_per_second: Option<f64>,
    seconds_left: Option<u64>,
    held_by: Option<&'a str>,
    held_seconds: BTreeMap<&'a str, f64>,
    failures: Vec<FailureReport<'a>>,
    last_errors: Vec<LastError<'a>>,
    batches: Vec<BatchReport<'a>>,
    caps: CapsReport,
    runs: Vec<RunReport<'a>>,
    days: Vec<DayReport<'a>>,
    paused: bool,
    #[serde(rename = "told")]
    orders: Vec<String>,
    output: PathBuf,
    journal: PathBuf,
    receipt: PathBuf,
}

impl<'a> StatusReport<'a> {
    /// The fields for programs.
    pub(super) fn of(status: &'a JobStatus, output: &Output) -> Self {
        let (spent, lately, running) = (&status.spent, status.lately, status.is_running());
        Self {
            version: VERSION,
            input_rows: status.input_rows,
            rows: status.rows,
            ok: status.counts.ok,
            warned: status.warned,
            failed: status.counts.failed,
            simulated: status.simulated,
            left: status.left(),
            running,
            holder: status.holder.as_deref(),
            in_doubt: status.in_doubt,
            figures: RequestFigures {
                requests: spent.requests,
                throttled: spent.throttled,
                faults: spent.faults,
                follow_ups: Some(status.follow_ups),
                packs: Some(status.packs).filter(|packs| packs.sent > 0),
                usage: spent.usage,
                cost: status.cost,
            },
            reserved: spent.reserved,
            requests_in_the_last_minute: status.last_minute,
            rows_per_second: running.then_some(lately.rows_per_second),
            tokens_per_second: running.then_some(lately.tokens_per_second),
            seconds_left: status.time_left().map(|left| left.as_secs()),
            held_by: match status.paused {
                true => Some(Bottleneck::Pause.as_str()),
                false => status.held.first().map(|(cause, _)| cause.as_str()),
            },
            held_seconds: status.held.iter().map(|(cause, seconds)| (cause.as_str(), *seconds)).collect(),
            failures: status.failures.iter().map(FailureReport::of).collect(),
            last_errors: status.faults.iter().map(LastError::of).collect(),
            batches: BatchReport::of_all(&status.batches, clock::now()),
            caps: status.allowance.report(),
            runs: status.runs.iter().map(|run| RunReport::of(run, status)).collect(),
            days: status.days.iter().map(DayReport::of).collect(),
            paused: status.paused,
            orders: status.orders.iter().map(Order::shown).collect(),
            output: output.path.clone(),
            journal: output.journal(),
            receipt: output.summary(),
        }
    }
}

/// Rows that failed alike.
#[derive(Debug, Serialize)]
struct FailureReport<'a> {
    code: &'a str,
    rows: u64,
    example: &'a str,
    row: u64,
    id: Option<&'a str>,
}

impl<'a> FailureReport<'a> {
    fn of(group: &'a FailureGroup) -> Self {
        let (row, id) = (group.example + 1, group.id.as_deref());
        Self { code: &group.code, rows: group.rows, example: &group.message, row, id }
    }
}

/// Requests that brought no answer for the same reason.
#[derive(Debug, Serialize)]
struct LastError<'a> {
    code: &'a str,
    status: Option<u16>,
    requests: u64,
    example: &'a str,
    last_sent_at: String,
}

impl<'a> LastError<'a> {
    fn of(kind: &'a MessageGroup<PastFault>) -> Self {
        Self {
            code: &kind.code,
            status: kind.example.status,
            requests: kind.count,
            example: &kind.message,
            last_sent_at: timestamp(kind.example.sent_at),
        }
    }
}

/// A run.
#[derive(Debug, Serialize)]
struct RunReport<'a> {
    run: i64,
    started_at: String,
    last_at: String,
    ended_at: Option<String>,
    reason: Option<&'a str>,
    outcome: &'static str,
    in_doubt: u64,
    simulated: bool,
    requests: u64,
    total_tokens: u64,
    cost: Option<f64>,
    #[serde(flatten)]
    reserved: Reserve,
}

impl<'a> RunReport<'a> {
    fn of(run: &'a Run, status: &JobStatus) -> Self {
        Self {
            run: run.number,
            started_at: timestamp(run.started_at),
            last_at: timestamp(run.last_at),
            ended_at: run.ended_at.map(timestamp),
            reason: run.reason.as_deref(),
            outcome: ended::outcome(run, status.goes_on(run)),
            in_doubt: run.in_doubt,
            simulated: run.simulated,
            requests: run.spent.requests,
            total_tokens: run.spent.usage.total_tokens,
            cost: status.cost_of(run).map(rounded),
            reserved: run.spent.reserved,
        }
    }
}

/// A day.
#[derive(Debug, Serialize)]
struct DayReport<'a> {
    date: &'a str,
    requests: u64,
    tokens: u64,
    cost: Option<f64>,
}

impl<'a> DayReport<'a> {
    fn of(day: &'a Day) -> Self {
        let cost = day.cost.map(rounded);
        Self { date: &day.date, requests: day.requests, tokens: day.tokens, cost }
    }
}
