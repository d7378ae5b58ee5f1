//! The sections of the page, each a heading with its charts and tables; one with nothing to show says so, or is left out.

mod job;
mod spending;

use std::time::Duration;

pub(super) use self::job::job;
pub(super) use self::spending::spending;
use super::chart::{self, Rate};
use super::figures::{Example, Figures, Told};
use super::markup::Markup;
use super::moment;
use super::page::About;
use super::spread::Spread;
use super::timeline::RUNS;
use super::verdict::{TELLING, class_of, meaning, time};
use crate::job::units::shown;
use crate::text::{count, counted, money, rate, short};

/// Kinds of errors that are told at most.
const KINDS: usize = 20;

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
        "<p class=\"soft\">Below the bars: in the upper strip, when the service throttled ({} in all); in the lower \
         one, what held the run back (by the minute), in the colours of the table below.</p>\n",
        &[&counted(figures.throttled, "request")],
    );
    section
}

/// What held the runs back.
pub(super) fn held(figures: &Figures) -> Markup {
    let mut section = Markup::default();
    let mut causes: Vec<&(String, f64)> = figures.causes.iter().collect();
    causes.sort_by(|one, other| other.1.total_cmp(&one.1));
    let whole: f64 = causes.iter().map(|(_, seconds)| seconds).sum();
    if figures.requests() == 0 && !figures.runs.is_empty() && whole < TELLING {
        return section;
    }
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
