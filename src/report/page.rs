//! The page: its head, the sentence that matters most, and the figures at a glance; the rest is in sections below.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::figures::Figures;
use super::markup::Markup;
use super::moment;
use super::sections;
use super::verdict::{sentence, time};
use crate::history::PastOrder;
use crate::text::{count, counted, money, rate};

/// The page's style. It is the only thing on the page that a browser may follow, told by its hash.
const STYLE: &str = include_str!("style.css");

/// What comes before the style: nothing is loaded, nothing is run, and no style but the one with this hash is applied.
const HEAD: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ",
    "'sha256-+JUuz28GVb3rIaQz1cuECRywVWQaa8A3FviR6YzIczA='; base-uri 'none'; form-action 'none'\">\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n<style>",
);

/// What a journal says of its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// All of the input; `None` before the first run.
    pub all: Option<u64>,
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub failed: u64,
}

/// What a report is about, besides its figures.
#[derive(Debug, Clone)]
pub struct About {
    /// The output.
    pub output: String,
    /// The rows.
    pub rows: Rows,
    /// The limits of the last run, by name.
    pub limits: Vec<(String, String)>,
    /// Whether a run goes on.
    pub running: bool,
    /// The rows of the answers that are told by themselves, by entry: number from 0, and identifier; without those that
    /// no row claims at present.
    pub names: BTreeMap<i64, (u64, Option<String>)>,
    /// What the job was told while it ran, the last of it.
    pub orders: Vec<PastOrder>,
    /// When the report is made, in seconds since 1970.
    pub made_at: f64,
    /// The zone that times are told in.
    pub zone: TimeZone,
    /// Who makes it.
    pub program: String,
}

/// The whole page.
pub fn page(figures: &Figures, about: &About) -> String {
    let mut page = Markup::default();
    page.raw(HEAD);
    page.raw(STYLE);
    page.put("</style>\n<title>{} · fanfold report</title>\n</head>\n<body>\n", &[&about.output]);
    header(&mut page, figures, about);
    page.raw("<main>\n");
    for section in [
        sections::throughput(figures),
        sections::held(figures),
        sections::distributions(figures),
        sections::endings(figures),
        sections::errors(figures),
        sections::spending(figures, about),
        sections::rows(figures, about),
        sections::job(figures, about),
    ] {
        page.add(&section);
    }
    page.put(
        "</main>\n<footer><p>Made by {} at {} ({}). Costs are estimates.</p></footer>\n</body>\n</html>\n",
        &[&about.program, &moment(about.made_at, &about.zone), &zone_name(about)],
    );
    page.into_text()
}

fn header(page: &mut Markup, figures: &Figures, about: &About) {
    page.put("<header>\n<h1>{}</h1>\n", &[&about.output]);
    page.put("<p class=\"soft\">{}</p>\n", &[&span(figures, about)]);
    let mut causes = figures.causes.clone();
    causes.sort_by(|one, other| other.1.total_cmp(&one.1));
    page.put("<p class=\"verdict\">{}</p>\n", &[&sentence(&causes, figures.runs.len(), figures.requests())]);
    page.raw("<dl class=\"tiles\">\n");
    let mut tile = |name: &'static str, value: String, more: String| {
        page.put("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n", &[&name, &value, &more]);
    };
    let Rows { all, ok, failed } = about.rows;
    let of = all.map_or_else(String::new, |all| format!("of {}", count(all)));
    tile("Rows answered", count(ok), of);
    let left = all.map_or_else(String::new, |all| format!("{} left", count(all.saturating_sub(ok + failed))));
    tile("Rows failed", count(failed), left);
    let sum = u64::saturating_add;
    let faults = figures.runs.iter().fold(0, |faults, run| sum(faults, run.faults));
    let throttled = figures.runs.iter().fold(0, |throttled, run| sum(throttled, run.throttled));
    let bad = format!("{} throttled, {} without an answer", count(throttled), count(faults));
    tile("Requests", count(figures.requests()), bad);
    let seconds: f64 = figures.runs.iter().map(|run| (run.last_at - run.started_at).max(0.0)).sum();
    let each_second =
        (seconds > 0.0).then(|| format!("{} rows/s on the average", rate(figures.rows as f64 / seconds)));
    tile("Time running", time(seconds), each_second.unwrap_or_default());
    let tokens = figures.runs.iter().fold(0, |tokens, run| sum(tokens, run.total_tokens));
    let uncounted = match figures.uncounted {
        0 => String::new(),
        answers => format!("without {} that the service did not count", counted(answers, "answer")),
    };
    tile("Tokens", count(tokens), uncounted);
    match figures.cost {
        Some(cost) if figures.unpriced > 0 => {
            let without = format!(
                "estimate, without {} whose price was not known",
                counted(figures.unpriced, "request")
            );
            tile("Cost", money(cost), without);
        }
        Some(cost) => tile("Cost", money(cost), "estimate".to_owned()),
        None => tile("Cost", "not known".to_owned(), "no price is known".to_owned()),
    }
    page.raw("</dl>\n</header>\n");
}

/// When the job ran, in a line.
fn span(figures: &Figures, about: &About) -> String {
    let (Some(first), Some(last)) = (figures.runs.first(), figures.runs.last()) else {
        return "no run yet".to_owned();
    };
    let begun = moment(first.started_at, &about.zone);
    let runs = match figures.runs.len() {
        1 => "one run".to_owned(),
        runs => format!("{} runs", count(runs as u64)),
    };
    let until = match about.running {
        true => "and goes on".to_owned(),
        false => format!("to {}", moment(last.last_at, &about.zone)),
    };
    format!("{runs}, from {begun} {until} ({})", zone_name(about))
}

/// The name of the zone, such as `Europe/Berlin`, or its distance from UTC.
fn zone_name(about: &About) -> String {
    let named = about.zone.iana_name().map(str::to_owned);
    named.unwrap_or_else(|| super::written(about.made_at, &about.zone, "UTC%:z"))
}

#[cfg(test)]
mod tests;
