//! The model table as JSON: all of it, null where a fact is not known.

use serde_json::{Map, Value, json};

use super::card::{origin, scope_name};
use super::list::thinks;
use crate::commands::tables::Tables;
use crate::job::facts::Answers;
use crate::job::price::rounded;
use crate::models::{FactsDate, ModelEntry, NameMatch, Offer, PriceList, RateLimits, Region, Scope};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// Every model of the table.
pub(super) fn of_all(tables: &Tables, region: Option<Region>) -> Value {
    let names = tables.table.models().map(|model| model.name.as_str());
    let models = names.filter_map(|name| Some(model(tables, name, &tables.table.find(name, region)?)));
    json!({
        "version": VERSION,
        "own_table": tables.own,
        "region": region.map(Region::name),
        "cache": cache(tables),
        "models": models.collect::<Vec<_>>(),
    })
}

/// One model.
pub(super) fn of_one(tables: &Tables, name: &str, found: &ModelEntry<'_>) -> Value {
    let region = found.region.map(Region::name);
    let model = model(tables, name, found);
    json!({
        "version": VERSION, "own_table": tables.own, "region": region, "cache": cache(tables), "model": model,
    })
}

/// What cached input costs of the price of input in the regions of the service, where a price does not say.
fn cache(tables: &Tables) -> Value {
    let shares = tables.table.cache();
    json!({
        "automatic": shares.automatic, "marked_read": shares.marked_read, "marked_write": shares.marked_write,
        "as_of": date(shares.as_of),
    })
}

fn model(tables: &Tables, name: &str, found: &ModelEntry<'_>) -> Value {
    let model = found.model;
    let mut places = Map::new();
    for scope in Region::ALL.map(Scope::In).into_iter().chain([Scope::Any]) {
        let region = match scope {
            Scope::In(region) => Some(region),
            Scope::Any => None,
        };
        if let Some(found) = tables.table.find(name, region) {
            places.insert(scope_name(scope).to_owned(), place(&found));
        }
    }
    json!({
        "name": name,
        "found_by": found_by(&found.matched),
        "model": model.name,
        "how": origin(name, found),
        "retired": date(found.retired.map(|retirement| retirement.since)),
        "instead": found.retired.and_then(|retirement| retirement.instead.as_deref()),
        "context": model.context,
        "max_input": model.max_input,
        "max_input_thinking": model.max_input_thinking,
        "max_image": model.max_image,
        "max_output": model.max_output,
        "output_includes_thinking": model.output_includes_thinking,
        "max_thinking": model.max_thinking,
        "thinking": model.thinking.map(thinks),
        "efforts": model.efforts,
        "transport": model.transport.map(transport),
        "function_calling": model.function_calling,
        "batch_file": model.batch_file.as_ref().map(offer),
        "batch_chat": model.batch_chat.as_ref().map(offer),
        "not_offered_in": model.not_offered_in.iter().map(|region| region.name()).collect::<Vec<_>>(),
        "facts_as_of": date(model.facts_as_of),
        "regions": places,
    })
}

fn found_by(matched: &NameMatch<'_>) -> &'static str {
    match matched {
        NameMatch::Name => "name",
        NameMatch::Variant(_) => "variant",
        NameMatch::Snapshot => "snapshot",
        NameMatch::Latest => "latest",
        NameMatch::UnitedStates => "us",
        NameMatch::Pattern => "pattern",
    }
}

/// The word for it in the table.
fn transport(answers: Answers) -> &'static str {
    match answers {
        Answers::Whole => "whole",
        Answers::StreamOnly => "stream_only",
        Answers::StreamOnlyUnlessThinkingOff => "stream_only_unless_thinking_off",
    }
}

fn offer(offer: &Offer) -> Value {
    match offer {
        Offer::In(regions) => regions.iter().map(|region| region.name()).collect(),
        Offer::Somewhere(somewhere) => Value::Bool(*somewhere),
    }
}

fn place(found: &ModelEntry<'_>) -> Value {
    json!({
        "offered": if found.is_missing_here() { Some(false) } else { None },
        "limits": found.limits().map(limits),
        "price": found.prices_with_cache().as_ref().map(prices),
    })
}

fn limits(limits: RateLimits) -> Value {
    json!({
        "rpm": limits.requests_per_minute, "tpm": limits.tokens_per_minute, "as_of": date(limits.as_of),
    })
}

fn prices(prices: &PriceList) -> Value {
    let tiers = prices.tiers.iter().map(|tier| {
        json!({
            "up_to": tier.up_to,
            "input": rounded(tier.input),
            "output": rounded(tier.output),
            "thinking_output": tier.thinking_output.map(rounded),
            "cached_input": tier.cached_input.map(rounded),
            "cache_read": tier.cache_read.map(rounded),
            "cache_write": tier.cache_write.map(rounded),
        })
    });
    json!({ "as_of": date(prices.as_of), "rises": prices.rises, "tiers": tiers.collect::<Vec<_>>() })
}

fn date(date: Option<FactsDate>) -> Option<String> {
    date.map(|date| date.to_string())
}
