//! Everything that the table knows about one model, for every region.

use std::fmt::Display;

use super::found::{everywhere, origin, place_name};
use crate::commands::tables::Tables;
use crate::job::facts::{Answers, Thinking};
use crate::job::price::{Price, Tier, rounded};
use crate::models::{Model, ModelEntry, Offer, RateLimits, Region, Retirement};
use crate::text::count;

const NOT_KNOWN: &str = "not known";

const LEGEND: &str =
    "Prices are per million tokens, US dollars in the built-in table; they depend on the length of each
request's input. Limits and prices change every few months, so costs are estimates.";

/// The page of a model found by a name.
pub(super) fn of(tables: &Tables, name: &str, found: &ModelEntry<'_>) -> String {
    let mut lines = vec![name.to_owned()];
    lines.extend(origin(name, found).map(|how| format!("  {how}")));
    if let Some(Retirement { since, instead }) = found.retired {
        let instead = instead
            .as_ref()
            .map_or_else(String::new, |instead| format!("; the vendor recommends {instead} instead"));
        lines.push(format!("  retired on {since} in Beijing, and perhaps elsewhere{instead}"));
    }
    lines.push(String::new());
    lines.extend(facts(found.model).into_iter().map(|(fact, value)| format!("  {fact:<17} {value}")));
    let mut blank = Vec::new();
    for region in everywhere() {
        match place(tables, name, region) {
            place if place.is_empty() => blank.extend(region.map(Region::name)),
            place => lines.extend(place),
        }
    }
    if !blank.is_empty() {
        lines.extend([String::new(), format!("{}: limits and prices {NOT_KNOWN}", blank.join(", "))]);
    }
    lines.push(String::new());
    lines.push(LEGEND.to_owned());
    if tables.own.is_some() {
        lines.push(format!("Model table: {}.", tables.words()));
    }
    lines.join("\n")
}

fn facts(model: &Model) -> Vec<(&'static str, String)> {
    let tokens = |tokens: Option<u64>| tokens.map(|tokens| format!("{} tokens", count(tokens)));
    let input = match (model.max_input, model.max_input_thinking) {
        (plain, Some(thinking)) => {
            let plain = tokens(plain).unwrap_or_else(|| NOT_KNOWN.to_owned());
            Some(format!("{plain}; {} when it thinks", count(thinking)))
        }
        (plain, None) => tokens(plain),
    };
    vec![
        ("context", shown(tokens(model.context))),
        ("longest input", shown(input)),
        (
            "longest answer",
            match model.output_includes_thinking {
                Some(true) => {
                    shown(tokens(model.max_output).map(|answer| format!("{answer}, thoughts included")))
                }
                _ => shown(tokens(model.max_output)),
            },
        ),
        (
            "longest thoughts",
            match model.thinking {
                Some(Thinking::No) => "none".to_owned(),
                _ if model.output_includes_thinking == Some(true) => "part of the answer".to_owned(),
                _ => shown(tokens(model.max_thinking)),
            },
        ),
        ("thinking", shown(model.thinking.map(thinking))),
        ("reasoning effort", shown(Some(model.efforts.join(", ")).filter(|levels| !levels.is_empty()))),
        ("transport", shown(model.transport.map(transport))),
        ("function calling", shown(model.function_calling.map(|takes| if takes { "yes" } else { "no" }))),
        ("batch file", shown(model.batch_file.as_ref().map(offer))),
        ("batch chat", shown(model.batch_chat.as_ref().map(offer))),
        (
            "not offered in",
            match model.not_offered_in.as_slice() {
                [] => "no region is known".to_owned(),
                regions => names(regions),
            },
        ),
        ("facts of", shown(model.facts_as_of.as_ref())),
    ]
}

fn thinking(thinking: Thinking) -> &'static str {
    match thinking {
        Thinking::On => "on by default; `enable_thinking = false` turns it off",
        Thinking::Off => "off by default; `enable_thinking = true` turns it on",
        Thinking::Always => "always",
        Thinking::No => "no",
    }
}

fn transport(answers: Answers) -> &'static str {
    match answers {
        Answers::Whole => "whole or streamed",
        Answers::StreamOnly => "only streamed",
        Answers::StreamOnlyUnlessThinkingOff => "whole or streamed; only streamed when it thinks",
    }
}

fn offer(offer: &Offer) -> String {
    match offer {
        Offer::In(regions) if regions.is_empty() => "no".to_owned(),
        Offer::In(regions) => names(regions),
        Offer::Somewhere(true) => "yes; in which regions is not known".to_owned(),
        Offer::Somewhere(false) => "no".to_owned(),
    }
}

fn names(regions: &[Region]) -> String {
    regions.iter().map(|region| region.name()).collect::<Vec<_>>().join(", ")
}

/// The facts in a region; without one, those at other addresses, from the user's own table. Empty if nothing is known.
fn place(tables: &Tables, name: &str, region: Option<Region>) -> Vec<String> {
    let Some(found) = tables.table.find(name, region) else { return vec![] };
    let (limits, price) = (found.limits(), found.price());
    let name = place_name(region);
    if found.is_missing_here() {
        return vec![String::new(), format!("{name}: not offered")];
    }
    if limits.is_none() && price.is_none() {
        return vec![];
    }
    let limits = shown(limits.as_ref().map(limits_line));
    let mut lines = vec![String::new(), name.to_owned(), format!("  limits   {limits}")];
    match price {
        Some(price) => lines.extend(price_lines(&price)),
        None => lines.push(format!("  price    {NOT_KNOWN}")),
    }
    lines
}

fn limits_line(limits: &RateLimits) -> String {
    let figure = |limit: Option<std::num::NonZeroU32>| shown(limit.map(|limit| count(limit.get().into())));
    let of = limits.as_of.as_ref().map_or_else(String::new, |date| format!(" (of {date})"));
    format!(
        "{} requests and {} tokens per minute{of}",
        figure(limits.requests_per_minute),
        figure(limits.tokens_per_minute)
    )
}

fn price_lines(price: &Price) -> Vec<String> {
    let mut lines = Vec::new();
    let mut from = 0;
    for tier in &price.tiers {
        let length = match (from, tier.up_to) {
            (0, None) => String::new(),
            (0, Some(up_to)) => format!("inputs up to {}: ", count(up_to)),
            (from, None) => format!("inputs above {}: ", count(from)),
            (from, Some(up_to)) => format!("inputs above {} up to {}: ", count(from), count(up_to)),
        };
        let heading = if lines.is_empty() { "price" } else { "" };
        lines.push(format!("  {heading:<8} {length}{}", tier_words(tier)));
        lines.extend(cache_words(tier).map(|cache| format!("  {:<8}   {cache}", "")));
        from = tier.up_to.unwrap_or(0);
    }
    if from > 0 {
        lines.push(format!("  {:<8} inputs above {}: {NOT_KNOWN}", "", count(from)));
    }
    if price.rises {
        lines.push(format!("  {:<8} long inputs cost more; from where, and how much, is {NOT_KNOWN}", ""));
    }
    let date = price.as_of.as_ref().map_or_else(|| "no known date".to_owned(), ToString::to_string);
    lines.push(format!("  {:<8} prices of {date}", ""));
    lines
}

fn tier_words(tier: &Tier) -> String {
    let thinking = tier
        .thinking_output
        .map_or_else(String::new, |price| format!(", {} of requests that think", rounded(price)));
    format!("{} input, {} output{thinking}", rounded(tier.input), rounded(tier.output))
}

fn cache_words(tier: &Tier) -> Option<String> {
    let part = |price: Option<f64>, words: &str| price.map(|price| format!("{} {words}", rounded(price)));
    let parts = [
        part(tier.cached_input, "cached"),
        part(tier.cache_read, "read from a marked cache"),
        part(tier.cache_write, "written to it"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("input {}", parts.join(", ")))
}

fn shown(value: Option<impl Display>) -> String {
    value.map_or_else(|| NOT_KNOWN.to_owned(), |value| value.to_string())
}
