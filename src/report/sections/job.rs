//! The job as it ran, and its runs.

use super::{SAID, cost};
use crate::history::PastRun;
use crate::report::figures::Figures;
use crate::report::markup::Markup;
use crate::report::moment;
use crate::report::page::About;
use crate::report::timeline::RUNS;
use crate::report::verdict::time;
use crate::text::{count, short};

/// The job as it ran.
pub(in crate::report) fn job(figures: &Figures, about: &About) -> Markup {
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
    orders(&mut section, about);
    runs(&mut section, figures, about);
    section
}

fn orders(section: &mut Markup, about: &About) {
    if about.orders.is_empty() {
        return;
    }
    section.raw("<h3>Told while it ran</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th>given</th><th>what</th><th>to run</th></tr></thead>\n<tbody>\n");
    for order in &about.orders {
        let run = order.run.map_or_else(|| "none yet".to_owned(), |run| run.to_string());
        let what = match order.value.as_str() {
            "" => order.key.clone(),
            value => format!("{} = {value}", order.key),
        };
        section.put(
            "<tr><td class=\"key-cell\">{}</td><td class=\"said\"><code>{}</code></td><td>{}</td></tr>\n",
            &[&moment(order.given_at, &about.zone), &short(&what, SAID), &run],
        );
    }
    section.raw("</tbody>\n</table></div>\n");
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
