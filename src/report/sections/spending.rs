//! What was spent, by kind of token and by day.

use super::{cost, key, percent};
use crate::job::price::ByKind;
use crate::report::chart::{self, cell};
use crate::report::day;
use crate::report::figures::{Figures, QUARTER, Spending};
use crate::report::markup::Markup;
use crate::report::page::About;
use crate::text::count;

/// Days that are told at most: the last ones.
const DAYS: usize = 31;

/// What was spent: by day, and by kind of token.
pub(in crate::report) fn spending(figures: &Figures, about: &About) -> Markup {
    let mut section = Markup::default();
    if figures.quarters.is_empty() {
        return section;
    }
    section.raw("<h2>Tokens and cost</h2>\n");
    by_kind(&mut section, figures);
    let mut days: Vec<(String, Spending)> = Vec::new();
    for (quarter, spending) in &figures.quarters {
        let day = day(*quarter as f64 * QUARTER, &about.zone);
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
    let of = |pick: fn(&ByKind) -> f64| (pick(tokens), costs.as_ref().map(pick));
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
