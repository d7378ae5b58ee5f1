//! The model table as JSON: all of it, with null for unknown facts.

use std::io;

use serde::{Serialize, Serializer};

use super::found::{everywhere, origin, place_name};
use crate::commands::tables::Tables;
use crate::job::facts_date::FactsDate;
use crate::job::price::Price;
use crate::models::{CacheShares, Model, ModelEntry, NameMatch, RateLimits, Region};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'t> {
    version: u32,
    own_table: Option<&'t str>,
    region: Option<Region>,
    cache: &'t CacheShares,
    #[serde(flatten)]
    shown: Shown<'t>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Shown<'t> {
    Models(Vec<ModelRecord<'t>>),
    Model(ModelRecord<'t>),
}

#[derive(Serialize)]
struct ModelRecord<'t> {
    name: &'t str,
    found_by: NameMatch,
    /// The name of the model that the facts describe.
    model: &'t str,
    how: Option<String>,
    retired: Option<&'t FactsDate>,
    instead: Option<&'t str>,
    #[serde(flatten)]
    facts: &'t Model,
    #[serde(serialize_with = "as_map")]
    regions: Vec<(&'static str, RegionRecord)>,
}

/// The facts in one region.
#[derive(Serialize)]
struct RegionRecord {
    /// `false`, or unknown.
    offered: Option<bool>,
    limits: Option<RateLimits>,
    price: Option<Price>,
}

/// Every model of the table.
pub(super) fn of_all(tables: &Tables, region: Option<Region>) -> io::Result<String> {
    let names = tables.table.models().map(|model| model.name.as_str());
    let models = names.filter_map(|name| Some(record(tables, name, &tables.table.find(name, region)?)));
    document(tables, region, Shown::Models(models.collect()))
}

/// One model.
pub(super) fn of_one(tables: &Tables, name: &str, found: &ModelEntry<'_>) -> io::Result<String> {
    document(tables, found.region, Shown::Model(record(tables, name, found)))
}

fn document(tables: &Tables, region: Option<Region>, shown: Shown<'_>) -> io::Result<String> {
    let (own_table, cache) = (tables.own.as_deref(), tables.table.cache());
    Ok(serde_json::to_string(&Document { version: VERSION, own_table, region, cache, shown })?)
}

fn record<'t>(tables: &Tables, name: &'t str, found: &ModelEntry<'t>) -> ModelRecord<'t> {
    let in_region = |region| {
        let found = tables.table.find(name, region)?;
        let offered = found.is_missing_here().then_some(false);
        Some((place_name(region), RegionRecord { offered, limits: found.limits(), price: found.price() }))
    };
    ModelRecord {
        name,
        found_by: found.matched,
        model: &found.model.name,
        how: origin(name, found),
        retired: found.retired.map(|retirement| &retirement.since),
        instead: found.retired.and_then(|retirement| retirement.instead.as_deref()),
        facts: found.model,
        regions: everywhere().filter_map(in_region).collect(),
    }
}

fn as_map<S: Serializer>(regions: &[(&str, RegionRecord)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(regions.iter().map(|(name, region)| (name, region)))
}
