//! The sections of the page: tables, distributions and charts, in the form that the template needs.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::bottleneck::{RECORDED_FROM, class_of, meaning, time};
use super::chart::{self, Chart, Rate, Rectangle};
use super::figures::{AnswerFigures, Figures, QUARTER, Spending};
use super::histogram::Histogram;
use super::message_groups::{MessageGroup, MessageGroups};
use super::subject::{ReportSubject, row_name};
use crate::job::price::ByKind;
use crate::job::units::shown;
use crate::text::{count, rate};

/// The most groups of messages that are listed.
const GROUPS: usize = 20;

/// The most days that are listed: the last ones.
const DAYS: usize = 31;

/// Parts of a whole, as a bar and a table.
#[derive(Serialize)]
pub(super) struct Shares<'a> {
    whole: f64,
    bar: Vec<Rectangle>,
    parts: Vec<Share<'a>>,
}

/// A part of a whole: seconds, or tokens and their cost.
#[derive(Serialize)]
pub(super) struct Share<'a> {
    class: &'static str,
    name: &'a str,
    size: f64,
    cost: Option<f64>,
    meaning: String,
}

/// A distribution of values. Without values it has only a title; if all are equal, no chart.
#[derive(Default, Serialize)]
pub(super) struct Distribution {
    title: &'static str,
    /// p50, p90, p99, mean, least, and most, as people read them.
    values: Option<[String; 6]>,
    is_wide: bool,
    chart: Option<Chart>,
}

/// Groups of messages, the largest first, and the number of messages in none of them.
#[derive(Serialize)]
pub(super) struct Groups<E> {
    groups: Vec<MessageGroup<E>>,
    others: u64,
}

/// The cost of a day.
#[derive(Serialize)]
pub(super) struct DayCost {
    date: String,
    spending: Spending,
    /// Its share of the most expensive day, in per cent.
    share: f64,
}

/// An outlier.
#[derive(Serialize)]
pub(super) struct Outlier {
    row: Option<String>,
    answer: AnswerFigures,
}

impl<E> Groups<E> {
    pub(super) fn new(groups: MessageGroups<E>) -> Self {
        let (mut groups, others) = groups.sorted();
        let beyond: u64 = groups.iter().skip(GROUPS).map(|group| group.count).sum();
        groups.truncate(GROUPS);
        Self { groups, others: others + beyond }
    }
}

/// Rows and tokens over time; empty before the first answer.
pub(super) fn rates(figures: &Figures) -> Vec<(&'static str, Chart)> {
    let timeline = &figures.timeline;
    if figures.answers == 0 || timeline.slices.is_empty() {
        return Vec::new();
    }
    let rates = [
        Rate { title: "Rows answered each second", noun: "rows/s", of: |slice| slice.rows, written: rate },
        Rate { title: "Tokens each second", noun: "tokens/s", of: |slice| slice.tokens, written: rate },
    ];
    rates.map(|rate| (rate.title, chart::over_time(timeline, &rate, &figures.causes))).into()
}

/// What held the runs back; `None` if nothing was sent and nothing recorded.
pub(super) fn bottlenecks(figures: &Figures) -> Option<Shares<'_>> {
    let mut causes: Vec<&(String, f64)> = figures.causes.iter().collect();
    causes.sort_by(|one, other| other.1.total_cmp(&one.1));
    let whole: f64 = causes.iter().map(|(_, seconds)| seconds).sum();
    if figures.whole().requests == 0 && !figures.runs.is_empty() && whole < RECORDED_FROM {
        return None;
    }
    let says = |cause: &str, seconds| format!("{cause}: {}, {}", time(seconds), part(seconds, whole));
    let bar = causes.iter().map(|(cause, seconds)| (class_of(cause), says(cause, *seconds), *seconds));
    Some(Shares {
        whole,
        bar: chart::shares(bar.collect()),
        parts: causes
            .iter()
            .map(|(cause, seconds)| Share {
                class: class_of(cause),
                name: cause,
                size: *seconds,
                cost: None,
                meaning: meaning(cause),
            })
            .collect(),
    })
}

/// How long answers took, and how long they were.
pub(super) fn distributions(figures: &Figures) -> Vec<Distribution> {
    let latency = |value| shown(Duration::from_millis(value));
    vec![
        distribution("Time to the answer", &figures.latency, latency),
        distribution("Tokens of the prompt", &figures.prompt, count),
        distribution("Tokens of the answer", &figures.completion, count),
    ]
}

fn distribution(title: &'static str, of: &Histogram, written: impl Fn(u64) -> String) -> Distribution {
    let at = |percent: f64| of.percentile(percent).map(&written);
    let (Some(p50), Some(p90), Some(p99), Some(mean)) = (at(50.0), at(90.0), at(99.0), of.mean()) else {
        return Distribution { title, ..Distribution::default() };
    };
    let mean = written(mean.round() as u64);
    Distribution {
        title,
        values: Some([p50, p90, p99, mean, written(of.least()), written(of.most())]),
        is_wide: of.is_wide(),
        chart: if of.least() == of.most() { None } else { chart::histogram(of, title, "answer", written) },
    }
}

/// The tokens of the answers and their costs, by kind.
pub(super) fn kinds(tokens: &ByKind, costs: Option<&ByKind>) -> Shares<'static> {
    let whole = tokens.whole();
    let share = |class, name, of: fn(&ByKind) -> f64| Share {
        class,
        name,
        size: of(tokens),
        cost: costs.map(of),
        meaning: String::new(),
    };
    let mut parts = vec![
        share("kind-prompt", "prompt", |kind| kind.prompt),
        share("kind-cached", "prompt, from the cache", |kind| kind.cached),
        share("kind-answer", "answer", |kind| kind.answer),
        share("kind-reasoning", "reasoning", |kind| kind.reasoning),
    ];
    parts.retain(|share| share.size > 0.0);
    let says = |share: &Share<'_>| {
        format!("{}: {} tokens, {}", share.name, count(share.size as u64), part(share.size, whole))
    };
    let bar = parts.iter().map(|share| (share.class, says(share), share.size)).collect();
    Shares { whole, bar: chart::shares(bar), parts }
}

/// The cost of each of the last days, and the number of days before them.
pub(super) fn days(figures: &Figures, zone: &TimeZone) -> (Vec<DayCost>, usize) {
    let mut days: Vec<DayCost> = Vec::new();
    for (quarter, spending) in &figures.quarters {
        let date = local(*quarter as f64 * QUARTER, zone, "%F");
        match days.last_mut().filter(|last| last.date == date) {
            Some(day) => day.spending.add(spending),
            None => days.push(DayCost { date, spending: *spending, share: 0.0 }),
        }
    }
    let before = days.len().saturating_sub(DAYS);
    days.drain(..before);
    let most = days.iter().map(|day| day.spending.size()).fold(0.0, f64::max);
    for day in days.iter_mut().filter(|_| most > 0.0) {
        day.share = (day.spending.size() / most * 100.0).clamp(0.0, 100.0);
    }
    (days, before)
}

pub(super) fn outliers(answers: &[AnswerFigures], subject: &ReportSubject) -> Vec<Outlier> {
    let name = |answer: &AnswerFigures| {
        let (position, id) = subject.names.get(&answer.entry)?;
        Some(row_name(subject.counted, *position, id.as_deref()))
    };
    let outlier = |answer: &AnswerFigures| Outlier { row: name(answer), answer: *answer };
    answers.iter().map(outlier).collect()
}

/// A share of a whole; one that is too small to show is still mentioned.
pub(super) fn part(part: f64, whole: f64) -> String {
    match part * 100.0 / whole {
        share if !share.is_finite() => String::new(),
        share if part > 0.0 && share < 0.1 => "< 0.1 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// The local time at a time in seconds since 1970.
pub(super) fn local(seconds: f64, zone: &TimeZone, form: &str) -> String {
    let since = Duration::try_from_secs_f64(seconds).ok();
    let time = since.and_then(|since| Timestamp::from_second(i64::try_from(since.as_secs()).ok()?).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_zoned(zone.clone()).strftime(form).to_string())
}
