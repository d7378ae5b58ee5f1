//! What `fanfold preview` says of the requests to send: tokens, cost, duration.

use std::time::Duration;

use jiff::Timestamp;

use super::caps::CapAccount;
use super::deadline::{PlannedWork, before_it_begins, deadline};
use super::failure::Failure;
use super::outlook::Outlook;
use super::{price_advice, warnings};
use crate::clock;
use crate::history::Spent;
use crate::job::Job;
use crate::job::answer::OnLength;
use crate::job::effective::LiveSettings;
use crate::job::split::{Combine, OnMismatch};
use crate::job::units::shown;
use crate::journal::reader::Reader;
use crate::pipeline::Opened;
use crate::pipeline::cost_estimate::CostEstimate;
use crate::pipeline::plan::Plan;
use crate::pipeline::whole_rows::WholeRows;
use crate::row_words::RowWords;
use crate::text::{count, counted, money, rate};

/// The expected usage, cost and duration of the rows to be sent.
pub(super) fn estimates(
    opened: &Opened,
    plan: &Plan,
    reader: Option<&Reader>,
    outlook: &Outlook,
) -> Result<Vec<String>, Failure> {
    let (job, words) = (&opened.job, opened.words());
    let cost_estimate = plan.cost_estimate.scaled(plan.share_to_send());
    let now = clock::timestamp();
    let rest = not_sent(plan) + &sent_later(job, plan);
    let mut lines = vec![format!("to send: {}{rest}", outlook.requests())];
    lines.extend(outlook.lines(job, besides(job)));
    lines.extend(prices(job, &cost_estimate).filter(|_| outlook.expected.is_some()));
    lines.extend(whole_line(&plan.whole_rows, plan.cost_estimate.prompts, words));
    lines.extend(CapAccount::before_a_run(reader, job)?.lines());
    lines.extend(outlook.cap_line());
    lines.extend((outlook.to_send > 0).then(|| duration_line(job, outlook.seconds)));
    lines.extend(outlook.pack_line());
    lines.extend(price_advice::lines(job, outlook));
    lines.extend(time_is_up(job, plan, reader, now)?);
    if let Some(span) = job.schedule.at(now) {
        lines.push(format!("schedule: {} applies now: {}", span.hours(), span.shown()));
    }
    lines.extend(warnings::warnings(job, &cost_estimate, reader)?);
    lines.extend(warnings::unused_glossary(job, plan));
    Ok(lines)
}

/// When the time of a run is up, and whether it is enough.
fn time_is_up(
    job: &Job,
    plan: &Plan,
    reader: Option<&Reader>,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let spent: Spent =
        reader.map(Reader::runs).transpose()?.unwrap_or_default().iter().map(|run| run.spent).sum();
    let Some(deadline) = deadline(job, &LiveSettings::default(), now, spent.duration) else {
        return Ok(Vec::new());
    };
    let ends = format!("ends at: {} (`{}`)", job.schedule.shown(deadline.0, now), deadline.1.key());
    let warning = before_it_begins(job, PlannedWork::of(plan), now, deadline);
    Ok(std::iter::once(ends).chain(warning).collect())
}

/// The requests over answers, which are made when there are answers.
fn sent_later(job: &Job, plan: &Plan) -> String {
    let merges = match plan.merges {
        0 => None,
        merges => Some(counted(merges, "merge")),
    };
    let digest = job.digest.as_ref().map(|_| "the digest".to_owned());
    let later: Vec<String> = merges.into_iter().chain(digest).collect();
    if later.is_empty() {
        String::new()
    } else {
        format!("; then {}, as far as they are new", later.join(" and "))
    }
}

/// The rows without an answer for which nothing is sent.
fn not_sent(plan: &Plan) -> String {
    let shared = match plan.matched.shared() {
        0 => String::new(),
        1 => "; 1 row shares another row's answer".to_owned(),
        rows => format!("; {} rows share another row's answer", count(rows)),
    };
    match plan.matched.unsendable {
        0 => shared,
        rows => format!("{shared}; {} cannot be sent", counted(rows, "row")),
    }
}

/// Whether pieces are asked again in parts.
fn halves(job: &Job) -> bool {
    job.split
        .as_ref()
        .is_some_and(|split| (split.combine, split.on_mismatch) == (Combine::Join, OnMismatch::Split))
}

/// What the prompts cost in pieces, and in one request for each row.
fn whole_line(whole: &WholeRows, in_pieces: f64, words: RowWords) -> Option<String> {
    if whole.rows == 0 || in_pieces == 0.0 {
        return None;
    }
    let (pieces, noun) = (money(in_pieces), words.row());
    let too_long = match whole.too_long {
        0 => String::new(),
        all if all == whole.rows => {
            return Some(format!("prompts: {pieces} in pieces; in one request a {noun}, all are too long"));
        }
        some => format!(", without {} too long", count(some)),
    };
    Some(format!("prompts: {pieces} in pieces, {} in one request a {noun}{too_long}", money(whole.prompts)))
}

/// Where the prices come from, in words.
fn prices(job: &Job, cost_estimate: &CostEstimate) -> Option<String> {
    match cost_estimate.dates.as_slice() {
        _ if job.own_price => Some("prices: the job's own".to_owned()),
        [] => None,
        dates => Some(format!("prices: of {}", dates.join(" and "))),
    }
}

/// What the estimates do not have, because only answers show it.
fn besides(job: &Job) -> &'static str {
    match () {
        () if !job.tools.is_empty() => "; plus rounds of tools",
        () if halves(job) => "; plus the parts of pieces whose answers are not whole",
        () if job.merge.is_some() || job.digest.is_some() => "; plus the requests over answers",
        () if job.answer.on_length == OnLength::Grow => "; plus longer second answers",
        () if job.answer.repair > 0 && (job.answer.schema.is_some() || !job.answer.checks.is_empty()) => {
            "; plus repaired answers"
        }
        () => "",
    }
}

/// How long the rows take by the limits alone, including the schedule's.
fn duration_line(job: &Job, seconds: Option<f64>) -> String {
    let has_limits = job.quotas.requests_each_second().is_some() || job.quotas.tokens_per_minute.is_some();
    let by = match job.quotas.requests_each_second() {
        _ if job.schedule.has_hours() => ", given the limits and hours of `schedule`".to_owned(),
        _ if !has_limits => {
            return "duration: depends on the service, as no limit on requests or tokens is set".to_owned();
        }
        Some(each_second) => format!(" at {} requests/s", rate(each_second)),
        None => String::new(),
    };
    match seconds {
        Some(seconds) => format!(
            "duration: at least {}{by}",
            shown(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        ),
        None => format!("duration: no end can be predicted{by}"),
    }
}
