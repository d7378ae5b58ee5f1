//! Every model of the table, one per line, in one region.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::commands::tables::Tables;
use crate::job::facts::{Answers, Thinking};
use crate::job::facts_date::FactsDate;
use crate::job::price::Price;
use crate::models::{ModelEntry, Region};

/// The headings. A column is as wide as its widest cell; the first and the last are left-aligned.
const HEADINGS: [&str; 10] =
    ["MODEL", "CONTEXT", "OUTPUT", "THINKS", "SENT", "TOOLS", "BATCH", "RPM", "TPM", "PRICE"];

const LEGEND: &str =
    "CONTEXT, and OUTPUT, which is the longest answer, are in tokens. SENT: whole, stream, or mixed:
streamed only when it thinks. RPM and TPM: requests and tokens per minute. PRICE: input / output
per million tokens, of short inputs without thinking; + where longer inputs or thinking cost more.
`?` is not known; ended: retired on that day. For everything about a model: fanfold models NAME";

/// The table of the models in a region.
pub(super) fn of(tables: &Tables, region: Option<Region>) -> String {
    let names = tables.table.models().map(|model| model.name.as_str());
    let found: Vec<ModelEntry<'_>> = names.filter_map(|name| tables.table.find(name, region)).collect();
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(found.iter().map(line));
    let place = region.map_or_else(
        || "an address in no region, for which only facts for any address are known".to_owned(),
        |region| format!("region {region}"),
    );
    let own = tables.own.as_ref().map_or_else(String::new, |_| format!("\nmodel table: {}", tables.words()));
    format!("{place}{own}\n{}\n\n{LEGEND}\n{}", aligned(&lines), dates(&found))
}

fn line(found: &ModelEntry<'_>) -> [String; 10] {
    let model = found.model;
    let limits = found.limits().filter(|_| !found.is_missing_here());
    let rate = |limit: Option<std::num::NonZeroU32>| shown(limit.map(|limit| short(u64::from(limit.get()))));
    [
        model.name.clone(),
        shown(model.context.map(short)),
        shown(model.max_output.map(short)),
        shown(model.thinking.map(thinks)),
        shown(model.transport.map(sent)),
        shown(model.function_calling.map(|takes| if takes { "yes" } else { "no" })),
        batch(found).to_owned(),
        rate(limits.as_ref().and_then(|limits| limits.requests_per_minute)),
        rate(limits.as_ref().and_then(|limits| limits.tokens_per_minute)),
        match found.retired {
            Some(retirement) => format!("ended {}", retirement.since),
            None if found.is_missing_here() => "not offered".to_owned(),
            None => shown(found.price().map(price)),
        },
    ]
}

/// In a word, whether it thinks.
fn thinks(thinking: Thinking) -> &'static str {
    match thinking {
        Thinking::On => "on",
        Thinking::Off => "off",
        Thinking::Always => "always",
        Thinking::No => "no",
    }
}

fn sent(transport: Answers) -> &'static str {
    match transport {
        Answers::Whole => "whole",
        Answers::StreamOnly => "stream",
        Answers::StreamOnlyUnlessThinkingOff => "mixed",
    }
}

fn batch(found: &ModelEntry<'_>) -> &'static str {
    match (found.batch_file(), found.batch_chat()) {
        (Some(true), Some(true)) => "both",
        (Some(true), _) => "file",
        (_, Some(true)) => "chat",
        (Some(false), Some(false)) => "no",
        // A fact about one kind of batch covers batches as a whole, as in the sources.
        (Some(false), None) => "no",
        (None, _) => "?",
    }
}

fn price(list: Price) -> String {
    let Some(first) = list.tiers.first() else { return "?".to_owned() };
    let dearer = list.rises
        || first.thinking_output.is_some()
        || list.tiers.len() > 1
        || list.tiers.iter().all(|tier| tier.up_to.is_some());
    let plus = if dearer { " +" } else { "" };
    format!("{} / {}{plus}", brief(first.input), brief(first.output))
}

/// A price with four significant digits.
fn brief(price: f64) -> f64 {
    format!("{price:.3e}").parse().unwrap_or(price)
}

/// A number of tokens or requests with three digits.
fn short(number: u64) -> String {
    let digits = |unit: f64, word: &str| {
        let value = number as f64 / unit;
        let text = match value {
            value if value >= 100.0 => format!("{value:.0}"),
            value if value >= 10.0 => format!("{value:.1}"),
            value => format!("{value:.2}"),
        };
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text}{word}")
    };
    match number {
        1_000_000.. => digits(1e6, "M"),
        1_000.. => digits(1e3, "k"),
        _ => number.to_string(),
    }
}

fn shown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn aligned(lines: &[[String; 10]]) -> String {
    let width = |column: usize| lines.iter().map(|cells| cells[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |cells: &[String; 10]| {
        let cell = |(column, cell): (usize, &String)| match column {
            0 => format!("{cell:<width$}", width = widths[column]),
            9 => cell.clone(),
            _ => format!("{cell:>width$}", width = widths[column]),
        };
        cells.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The period in which the shown facts, limits and prices were valid.
fn dates(found: &[ModelEntry<'_>]) -> String {
    let facts = found.iter().filter_map(|found| found.model.facts_as_of.clone());
    let limits = found.iter().filter_map(|found| found.limits()?.as_of);
    let prices = found.iter().filter_map(|found| found.price()?.as_of);
    format!("Facts of {}, limits of {}, prices of {}; all change.", span(facts), span(limits), span(prices))
}

fn span(dates: impl Iterator<Item = FactsDate>) -> String {
    let dates: BTreeSet<FactsDate> = dates.collect();
    match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.to_string(),
        _ => "no known date".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_four_digits() {
        let shown = [0.1875, 1.433_525, 23.367, 3.0].map(|price| brief(price).to_string());
        assert_eq!(shown, ["0.1875", "1.434", "23.37", "3"]);
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<String> =
            [512, 1_200, 8_192, 32_768, 131_072, 991_808, 1_000_000, 1_048_576].map(short).into();
        assert_eq!(shown, ["512", "1.2k", "8.19k", "32.8k", "131k", "992k", "1M", "1.05M"]);
    }
}
