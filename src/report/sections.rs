//! The sections of the page, each a heading with its charts and tables; one with nothing to show says so, or is left out.

use std::time::Duration;

use super::chart::{self, Rate, cell};
use super::figures::{Example, Figures, Spending, Told};
use super::markup::Markup;
use super::page::About;
use super::spread::Spread;
use super::timeline::RUNS;
use super::verdict::{class_of, meaning, time};
use super::{day, moment};
use crate::history::PastRun;
use crate::job::units::shown;
use crate::text::{count, money, rate, short};

/// Kinds of errors that are told at most.
const KINDS: usize = 20;

/// Days that are told at most: the last ones.
const DAYS: usize = 31;

/// Characters of a message that are shown.
const SAID: usize = 400;

/// What was done over time.
pub(super) fn throughput(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    section.raw("<h2>Throughput</h2>\n");
    let timeline = &figures.timeline;
    if figures.answers == 0 || timeline.slices.is_empty() {
        section.raw("<p class=\"soft\">Nothing has been answered yet.</p>\n");
        return section;
    }
    let left_out = match figures.runs.len() {
        0 | 1 => String::new(),
        runs if runs > RUNS => format!(" The last {RUNS} of {runs} runs; time between runs is left out."),
        _ => " Time between runs is left out.".to_owned(),
    };
    for chart in [
        Rate { title: "Rows answered each second", noun: "rows/s", of: |slice| slice.rows, written: rate },
        Rate { title: "Tokens each second", noun: "tokens/s", of: |slice| slice.tokens, written: rate },
    ] {
        section.put(
            "<figure><figcaption><strong>{}</strong>, over the time of running.{}</figcaption>\n",
            &[&chart.title, &left_out],
        );
        section.add(&chart::over_time(timeline, &chart, &figures.causes));
        section.raw("</figure>\n");
    }
    section.put(
        "<p class=\"soft\">Below the bars: in the upper strip, when the service throttled ({} requests in all); in the lower \
         one, what held the run back, in the colours of the table below.</p>\n",
        &[&count(figures.throttled)],
    );
    section
}

/// What held the runs back.
pub(super) fn held(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    let mut causes: Vec<&(String, f64)> = figures.causes.iter().collect();
    causes.sort_by(|one, other| other.1.total_cmp(&one.1));
    let whole: f64 = causes.iter().map(|(_, seconds)| seconds).sum();
    section.raw("<h2>What held it back</h2>\n");
    if whole <= 0.0 {
        section.raw(
            "<p class=\"soft\">The journal does not say: only newer versions of fanfold record it.</p>\n",
        );
        return section;
    }
    let says = |cause: &str, seconds: f64| format!("{cause}: {}, {}", time(seconds), percent(seconds, whole));
    let parts: Vec<_> =
        causes.iter().map(|(cause, seconds)| (class_of(cause), says(cause, *seconds), *seconds)).collect();
    section.add(&chart::shares("What held the run back, by time", &parts));
    section.raw("<div class=\"scroll\"><table>\n<thead><tr><th>held by</th><th class=\"n\">time</th><th class=\"n\">share</th><th>what that means</th></tr></thead>\n<tbody>\n");
    for (cause, seconds) in causes {
        section.raw("<tr><td class=\"key-cell\">");
        key(&mut section, class_of(cause));
        section.put(
            "{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"said\">{}</td></tr>\n",
            &[cause, &time(*seconds), &percent(*seconds, whole), &meaning(cause)],
        );
    }
    section.raw("</tbody>\n</table></div>\n");
    section
}

/// How long answers took, and how long they were.
pub(super) fn distributions(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    if figures.answers == 0 {
        return section;
    }
    section.raw("<h2>Latency and tokens</h2>\n<div class=\"pair\">\n");
    let latency = |value: u64| shown(Duration::from_millis(value));
    spread(&mut section, "Time to the answer", &figures.latency, "answer", latency);
    spread(&mut section, "Tokens of the prompt", &figures.prompt, "answer", count);
    spread(&mut section, "Tokens of the answer", &figures.completion, "answer", count);
    section.raw("</div>\n");
    section
}

fn spread(section: &mut Markup, title: &str, of: &Spread, noun: &str, written: impl Fn(u64) -> String) {
    section.put("<figure><figcaption><strong>{}</strong><br>", &[&title]);
    let at = |percent: f64| of.percentile(percent).map(&written);
    let (Some(p50), Some(p90), Some(p99), Some(mean)) = (at(50.0), at(90.0), at(99.0), of.mean()) else {
        section.raw("the service did not say</figcaption></figure>\n");
        return;
    };
    if of.least() == of.most() {
        section.put("always {}</figcaption></figure>\n", &[&p50]);
        return;
    }
    section.put(
        "p50 {} · p90 {} · p99 {} · mean {} · {} to {}",
        &[&p50, &p90, &p99, &written(mean.round() as u64), &written(of.least()), &written(of.most())],
    );
    section.raw(if of.is_wide() { " · logarithmic axis</figcaption>\n" } else { "</figcaption>\n" });
    section.add(&chart::histogram(of, title, noun, written));
    section.raw("</figure>\n");
}

/// How answers ended, and who gave them.
pub(super) fn endings(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    if figures.answers == 0 {
        return section;
    }
    section.raw("<h2>Finish reasons and models</h2>\n<div class=\"pair\">\n");
    for (name, words) in [("finish_reason", &figures.finish_reasons), ("model", &figures.models)] {
        section.put(
            "<div class=\"scroll\"><table>\n<thead><tr><th>{}</th><th class=\"n\">answers</th><th class=\"n\">share</th></tr></thead>\n<tbody>\n",
            &[&name],
        );
        let mut words: Vec<(&String, &u64)> = words.iter().collect();
        words.sort_by(|one, other| other.1.cmp(one.1));
        for (word, number) in words {
            section.put(
                "<tr><td class=\"said\"><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                &[&short(word, 80), &count(*number), &percent(*number as f64, figures.answers as f64)],
            );
        }
        section.raw("</tbody>\n</table></div>\n");
    }
    section.raw("</div>\n");
    section
}

/// Rows that failed, and requests that brought no answer, by kind.
pub(super) fn errors(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    section.raw("<h2>Errors</h2>\n");
    let (failed, more_failed) = figures.failed.clone().sorted();
    let (faults, more_faults) = figures.faults.clone().sorted();
    if failed.is_empty() && faults.is_empty() {
        section.raw("<p>None: every request was answered, and no row has failed.</p>\n");
        return section;
    }
    let lines: Vec<Line> =
        failed.into_iter().map(|kind| (kind.count, kind.code, kind.message, named(&kind.example))).collect();
    kinds(&mut section, "Rows that have failed", ["rows", "such as"], lines, more_failed);
    let status = |status: Option<u16>| status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let lines: Vec<Line> =
        faults.into_iter().map(|kind| (kind.count, kind.code, kind.message, status(kind.example))).collect();
    let title = "Requests that brought no answer; most were sent again";
    kinds(&mut section, title, ["requests", "status"], lines, more_faults);
    section
}

/// How many, the code, an example of what was said, and where.
type Line = (u64, String, String, String);

fn kinds(section: &mut Markup, title: &'static str, heads: [&'static str; 2], lines: Vec<Line>, others: u64) {
    if lines.is_empty() {
        return;
    }
    section.put(
        "<h3>{}</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">{}</th><th>code</th><th>{}</th><th>message</th></tr></thead>\n<tbody>\n",
        &[&title, &heads[0], &heads[1]],
    );
    let beyond: u64 = others + lines.iter().skip(KINDS).map(|line| line.0).sum::<u64>();
    for (number, code, message, example) in lines.into_iter().take(KINDS) {
        section.put(
            "<tr><td class=\"n\">{}</td><td><code>{}</code></td><td>{}</td><td class=\"said\">{}</td></tr>\n",
            &[&count(number), &short(&code, 60), &example, &short(&message, SAID)],
        );
    }
    section.raw("</tbody>\n</table></div>\n");
    if beyond > 0 {
        section.put("<p class=\"soft\">And {} of other kinds.</p>\n", &[&count(beyond)]);
    }
}

/// What was spent: by day, and by kind of token.
pub(super) fn spending(figures: &Figures, about: &About) -> Markup {
    let mut section = Markup::default();
    if figures.quarters.is_empty() {
        return section;
    }
    section.raw("<h2>Tokens and cost</h2>\n");
    by_kind(&mut section, figures);
    let mut days: Vec<(String, Spending)> = Vec::new();
    for (quarter, spending) in &figures.quarters {
        let day = day(*quarter as f64 * 900.0, &about.zone);
        match days.last_mut().filter(|(last, _)| *last == day) {
            Some((_, sum)) => {
                sum.requests += spending.requests;
                sum.tokens = sum.tokens.saturating_add(spending.tokens);
                sum.cost = sum.cost.into_iter().chain(spending.cost).reduce(|one, other| one + other);
            }
            None => days.push((day, *spending)),
        }
    }
    let earlier = days.len().saturating_sub(DAYS);
    let shown_days = &days[earlier..];
    let size = |spending: &Spending| spending.cost.unwrap_or(spending.tokens as f64);
    let most = shown_days.iter().map(|(_, spending)| size(spending)).fold(0.0, f64::max);
    section.raw("<h3>By day</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th>day</th><th class=\"n\">requests</th><th class=\"n\">tokens</th><th class=\"n\">cost</th><th class=\"share\"></th></tr></thead>\n<tbody>\n");
    for (day, spending) in shown_days {
        section.put(
            "<tr><td class=\"key-cell\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"share\">",
            &[day, &count(spending.requests), &count(spending.tokens), &cost(spending.cost)],
        );
        section.add(&cell(if most > 0.0 { size(spending) / most } else { 0.0 }));
        section.raw("</td></tr>\n");
    }
    section.raw("</tbody>\n</table></div>\n");
    if earlier > 0 {
        section.put(
            "<p class=\"soft\">The last {} days; {} before them.</p>\n",
            &[&DAYS, &count(earlier as u64)],
        );
    }
    section
}

fn by_kind(section: &mut Markup, figures: &Figures) {
    let (tokens, costs) = (&figures.tokens, figures.costs);
    let whole = tokens.whole();
    if whole <= 0.0 {
        section.raw("<p class=\"soft\">The service did not say what kinds of tokens were used.</p>\n");
        return;
    }
    let of = |pick: fn(&crate::job::price::ByKind) -> f64| (pick(tokens), costs.as_ref().map(pick));
    let kinds = [
        ("kind-prompt", "prompt", of(|kind| kind.prompt)),
        ("kind-cached", "prompt, from the cache", of(|kind| kind.cached)),
        ("kind-answer", "answer", of(|kind| kind.answer)),
        ("kind-reasoning", "reasoning", of(|kind| kind.reasoning)),
    ];
    section.raw("<h3>By kind of token, in answers</h3>\n");
    let parts = kinds.map(|(class, name, (tokens, _))| {
        (class, format!("{name}: {} tokens, {}", count(tokens as u64), percent(tokens, whole)), tokens)
    });
    section.add(&chart::shares("Tokens by kind", &parts));
    section.raw("<div class=\"scroll\"><table>\n<thead><tr><th>kind</th><th class=\"n\">tokens</th><th class=\"n\">share</th><th class=\"n\">cost</th></tr></thead>\n<tbody>\n");
    for (class, name, (number, price)) in kinds.into_iter().filter(|(.., (tokens, _))| *tokens > 0.0) {
        section.raw("<tr><td class=\"key-cell\">");
        key(section, class);
        section.put(
            "{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            &[&name, &count(number as u64), &percent(number, whole), &cost(price)],
        );
    }
    section.raw("</tbody>\n</table></div>\n");
}

/// The rows that stand out.
pub(super) fn rows(figures: &Figures, about: &About) -> Markup {
    let mut section = Markup::default();
    if figures.slowest.is_empty() {
        return section;
    }
    section.raw("<h2>Rows that stand out</h2>\n<div class=\"pair\">\n");
    for (title, rows) in [("The slowest answers", &figures.slowest), ("The most tokens", &figures.longest)] {
        section.put(
            "<div><h3>{}</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th>row</th><th class=\"n\">time</th><th class=\"n\">tokens</th><th>sent</th></tr></thead>\n<tbody>\n",
            &[&title],
        );
        for Told { entry, latency_ms, tokens, sent_at } in rows {
            let name = about.names.get(entry).map_or_else(|| "not in the input any more".to_owned(), named);
            section.put(
                "<tr><td class=\"said\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"key-cell\">{}</td></tr>\n",
                &[&name, &shown(Duration::from_millis(*latency_ms)), &count(*tokens), &moment(*sent_at, &about.zone)],
            );
        }
        section.raw("</tbody>\n</table></div></div>\n");
    }
    section.raw("</div>\n");
    section
}

/// The job as it ran.
pub(super) fn job(figures: &Figures, about: &About) -> Markup {
    let mut section = Markup::default();
    section.raw("<h2>The job</h2>\n<div class=\"scroll\"><table class=\"facts\">\n<tbody>\n");
    let mut fact = |name: &str, value: &str| {
        section.put("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", &[&name, &short(value, SAID)]);
    };
    let last = figures.runs.last();
    let job: serde_json::Value = last.and_then(|run| serde_json::from_str(&run.job).ok()).unwrap_or_default();
    let text = |key: &str| match &job[key] {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(items) => {
            Some(items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    for (name, key) in [("model", "model"), ("address", "base_url"), ("input", "input"), ("id column", "id")]
    {
        if let Some(value) = text(key) {
            fact(name, &value);
        }
    }
    fact("output", &about.output);
    for (name, value) in &about.limits {
        fact(name, value);
    }
    if let Some(run) = last {
        fact("program", &run.program);
    }
    section.raw("</tbody>\n</table></div>\n");
    runs(&mut section, figures, about);
    section
}

fn runs(section: &mut Markup, figures: &Figures, about: &About) {
    let earlier = figures.runs.len().saturating_sub(RUNS);
    if figures.runs.is_empty() {
        return;
    }
    section.raw("<h3>Runs</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th class=\"n\">run</th><th>began</th><th class=\"n\">took</th><th>ended</th><th class=\"n\">requests</th><th class=\"n\">throttled</th><th class=\"n\">no answer</th><th class=\"n\">tokens</th><th class=\"n\">cost</th><th class=\"n\">in doubt</th></tr></thead>\n<tbody>\n");
    for run in &figures.runs[earlier..] {
        let spent = figures.cost.map(|_| run.cost);
        section.put(
            "<tr><td class=\"n\">{}</td><td class=\"key-cell\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            &[
                &run.number,
                &moment(run.started_at, &about.zone),
                &time(run.last_at - run.started_at),
                &ending(run, about.running && Some(run) == figures.runs.last()),
                &count(run.requests),
                &count(run.throttled),
                &count(run.faults),
                &count(run.total_tokens),
                &cost(spent),
                &count(run.in_doubt),
            ],
        );
    }
    section.raw("</tbody>\n</table></div>\n");
    if earlier > 0 {
        section.put(
            "<p class=\"soft\">The last {} runs; {} before them.</p>\n",
            &[&RUNS, &count(earlier as u64)],
        );
    }
}

fn ending(run: &PastRun, goes_on: bool) -> String {
    match (&run.reason, run.ended) {
        _ if goes_on => "goes on".to_owned(),
        (Some(reason), true) => short(&reason.replace('_', " "), 60),
        (None, true) => "finished".to_owned(),
        (_, false) => "killed".to_owned(),
    }
}

fn key(section: &mut Markup, class: &'static str) {
    section.put(
        "<svg class=\"key\" aria-hidden=\"true\"><rect class=\"{}\" width=\"12\" height=\"12\"/></svg>",
        &[&class],
    );
}

fn named((position, id): &Example) -> String {
    match id {
        Some(id) => format!("{} (row {})", short(id, 60), count(position + 1)),
        None => format!("row {}", count(position + 1)),
    }
}

fn cost(cost: Option<f64>) -> String {
    cost.map_or_else(|| "not known".to_owned(), money)
}

/// A part of a whole; of a part that is too small to show, that it is there.
fn percent(part: f64, whole: f64) -> String {
    match part * 100.0 / whole {
        share if !share.is_finite() => String::new(),
        share if part > 0.0 && share < 0.1 => "< 0.1 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}
