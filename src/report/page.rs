//! Fills the template `page.html`.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Output, State, escape_formatter};
use serde::Serialize;

use super::bottleneck::{sentence, time};
use super::chart::Chart;
use super::figures::Figures;
use super::sections::{
    DayCost, Distribution, Groups, Outlier, Shares, bottlenecks, days, distributions, kinds, local, outliers,
    part, rates,
};
use super::subject::ReportSubject;
use super::timeline::RUNS;
use crate::epoch;
use crate::history::{PastOrder, Run, Spent};
use crate::job::units::shown;
use crate::text::{count, counted, money, printable, rate, short};

/// The page's style, the only resource that a browser may load, allowed by its hash.
const STYLE: &str = include_str!("style.css");

/// The page.
const TEMPLATE: &str = include_str!("page.html");

/// The template's name. Its ending makes the engine escape values.
const NAME: &str = "page.html";

/// The values for the template.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    output: &'a str,
    program: &'a str,
    made_at: f64,
    zone: String,
    running: bool,
    sentence: String,
    tiles: Tiles,
    answers: u64,
    rates: Vec<(&'static str, Chart)>,
    throttled: u64,
    bottlenecks: Option<Shares<'a>>,
    distributions: Vec<Distribution>,
    words: [(&'static str, &'a BTreeMap<String, u64>); 2],
    failed: Groups<String>,
    warnings: Groups<String>,
    faults: Groups<Option<u16>>,
    has_spending: bool,
    kinds: Shares<'static>,
    days: Vec<DayCost>,
    days_before: usize,
    outliers: [(&'static str, Vec<Outlier>); 2],
    facts: Vec<(String, String)>,
    orders: Vec<OrderLine<'a>>,
    first_run: Option<RunLine>,
    last_run: Option<RunLine>,
    all_runs: usize,
    runs: Vec<RunLine>,
}

/// The figures at the top.
#[derive(Serialize)]
struct Tiles {
    noun: &'static str,
    whole: Option<String>,
    rows: Option<u64>,
    ok: u64,
    failed: u64,
    left: Option<u64>,
    requests: u64,
    throttled: u64,
    faults: u64,
    seconds: f64,
    rows_each_second: Option<String>,
    tokens: u64,
    uncounted: u64,
    reserved_tokens: u64,
    reserved_cost: f64,
    cost: Option<f64>,
    unpriced: u64,
}

/// A run, and how it ended.
#[derive(Serialize)]
struct RunLine {
    number: i64,
    started_at: f64,
    last_at: f64,
    seconds: f64,
    ending: String,
    requests: u64,
    throttled: u64,
    faults: u64,
    tokens: u64,
    cost: f64,
    in_doubt: u64,
}

/// What somebody told the job while it ran.
#[derive(Serialize)]
struct OrderLine<'a> {
    key: &'a str,
    value: &'a str,
    given_at: f64,
    run: Option<i64>,
}

/// The whole page.
///
/// # Errors
///
/// When the template fails, which is a defect of the program.
pub fn page(figures: &Figures, subject: &ReportSubject) -> Result<String, minijinja::Error> {
    let mut engine = Environment::new();
    // Tags on lines of their own leave no empty lines.
    engine.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?,
    );
    engine.set_formatter(written);
    engine.add_filter("count", |number: f64| count(number as u64));
    engine.add_filter("counted", |number: u64, noun: &str| counted(number, noun));
    engine.add_filter("money", |cost: Option<f64>| cost.map_or_else(|| "not known".to_owned(), money));
    engine.add_filter("time", time);
    engine.add_filter("latency", |milliseconds: u64| shown(Duration::from_millis(milliseconds)));
    engine.add_filter("part", part);
    engine.add_filter("short", |text: &str, most: usize| short(text, most));
    let zone = subject.zone.clone();
    engine.add_filter("moment", move |seconds: f64| local(seconds, &zone, "%F %T"));
    engine.add_template(NAME, TEMPLATE)?;
    engine.get_template(NAME)?.render(Value::from(Serde(Page::new(figures, subject))))
}

/// Escapes values, and removes characters that control a terminal or change the direction of writing.
fn written(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => escape_formatter(out, state, &Value::from(printable(text))),
        None => escape_formatter(out, state, value),
    }
}

impl<'a> Page<'a> {
    fn new(figures: &'a Figures, subject: &'a ReportSubject) -> Self {
        let mut causes = figures.causes.clone();
        causes.sort_by(|one, other| other.1.total_cmp(&one.1));
        let (days, days_before) = days(figures, &subject.zone);
        let drawn = figures.runs.len().saturating_sub(RUNS);
        let line = |run: &Run| RunLine::new(run, subject.running && Some(run) == figures.runs.last());
        Self {
            style: STYLE,
            output: &subject.output,
            program: &subject.program,
            made_at: epoch::seconds(subject.made_at),
            zone: zone_name(subject),
            running: subject.running,
            sentence: sentence(&causes, figures.runs.len(), figures.whole().requests),
            tiles: Tiles::new(figures, subject),
            answers: figures.answers,
            rates: rates(figures),
            throttled: figures.throttled,
            bottlenecks: bottlenecks(figures),
            distributions: distributions(figures),
            words: [("finish_reason", &figures.finish_reasons), ("model", &figures.models)],
            failed: Groups::new(figures.failed.clone()),
            warnings: Groups::new(figures.warnings.clone()),
            faults: Groups::new(figures.faults.clone()),
            has_spending: !figures.quarters.is_empty(),
            kinds: kinds(&figures.tokens, figures.costs.as_ref()),
            days,
            days_before,
            outliers: [
                ("The slowest answers", outliers(&figures.slowest, subject)),
                ("The most tokens", outliers(&figures.longest, subject)),
            ],
            facts: facts(figures, subject),
            orders: subject.orders.iter().map(OrderLine::new).collect(),
            first_run: figures.runs.first().map(line),
            last_run: figures.runs.last().map(line),
            all_runs: figures.runs.len(),
            runs: figures.runs[drawn..].iter().map(line).collect(),
        }
    }
}

impl RunLine {
    fn new(run: &Run, is_active: bool) -> Self {
        let Spent { requests, throttled, faults, usage, cost, duration, .. } = run.spent;
        Self {
            number: run.number,
            started_at: epoch::seconds(run.started_at),
            last_at: epoch::seconds(run.last_at),
            seconds: duration.as_secs_f64(),
            ending: ending(run, is_active),
            requests,
            throttled,
            faults,
            tokens: usage.total_tokens,
            cost,
            in_doubt: run.in_doubt,
        }
    }
}

impl<'a> OrderLine<'a> {
    fn new(order: &'a PastOrder) -> Self {
        Self {
            key: &order.key,
            value: &order.value,
            given_at: epoch::seconds(order.given_at),
            run: order.run,
        }
    }
}

impl Tiles {
    fn new(figures: &Figures, subject: &ReportSubject) -> Self {
        let (rows, whole) = (subject.rows, figures.whole());
        let seconds = whole.duration.as_secs_f64();
        Self {
            noun: subject.noun,
            whole: subject.whole.clone(),
            rows: rows.all,
            ok: rows.ok,
            failed: rows.failed,
            left: rows.all.map(|all| all.saturating_sub(rows.ok + rows.failed)),
            requests: whole.requests,
            throttled: whole.throttled,
            faults: whole.faults,
            seconds,
            rows_each_second: (seconds > 0.0).then(|| rate(figures.rows as f64 / seconds)),
            tokens: whole.usage.total_tokens,
            uncounted: figures.uncounted,
            reserved_tokens: whole.reserved.tokens,
            reserved_cost: whole.reserved.cost,
            cost: figures.cost,
            unpriced: figures.unpriced,
        }
    }
}

/// The job as it last ran.
fn facts(figures: &Figures, subject: &ReportSubject) -> Vec<(String, String)> {
    let text = |key: &str| match &subject.job[key] {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(items) => {
            Some(items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    let known = [("model", "model"), ("address", "base_url"), ("input", "input"), ("id column", "id")];
    let mut facts: Vec<(String, String)> =
        known.into_iter().filter_map(|(name, key)| Some((name.to_owned(), text(key)?))).collect();
    facts.push(("output".to_owned(), subject.output.clone()));
    facts.extend(subject.limits.iter().cloned());
    facts.extend(figures.runs.last().map(|run| ("program".to_owned(), run.program.clone())));
    facts
}

fn ending(run: &Run, is_active: bool) -> String {
    match (&run.reason, run.ended_at.is_some()) {
        _ if is_active => "running".to_owned(),
        (Some(reason), true) => reason.replace('_', " "),
        (None, true) => "finished".to_owned(),
        (_, false) => "killed".to_owned(),
    }
}

/// The name of the zone, such as `Europe/Berlin`, or its distance from UTC.
fn zone_name(subject: &ReportSubject) -> String {
    let named = subject.zone.iana_name().map(str::to_owned);
    named.unwrap_or_else(|| local(epoch::seconds(subject.made_at), &subject.zone, "UTC%:z"))
}

#[cfg(test)]
mod tests;
