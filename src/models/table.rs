//! The table itself: reads it from TOML, and lays one over another.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::model::{Model, RateLimits, override_limits};
use super::price::CacheShares;
use super::region::Scope;
use super::retired::{self, Retirement};
use super::routes::SlowRoutes;
use crate::job::facts_date::FactsDate;
use crate::job::price::Price;

/// The models known by name, families known by pattern, and facts about all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelTable {
    pub(super) models: BTreeMap<String, Model>,
    pub(super) patterns: BTreeMap<String, Model>,
    pub(super) snapshots: BTreeMap<Scope, RateLimits>,
    pub(super) retired: BTreeMap<String, Retirement>,
    pub(super) cache: CacheShares,
    pub(super) routes: SlowRoutes,
    /// Whether a table with prices, which may be in any currency, was laid over the built-in one.
    pub(super) has_own_prices: bool,
}

/// Why a text is not a model table: it is not TOML, or holds impossible values. The source says where.
#[derive(Debug, thiserror::Error)]
#[error("the model table cannot be read: {0}")]
pub struct TableError(#[from] pub toml::de::Error);

/// The table as written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTable {
    as_of: Dates,
    cache: CacheShares,
    routes: SlowRoutes,
    snapshots: BTreeMap<Scope, RateLimits>,
    retired: BTreeMap<String, Retirement>,
    models: BTreeMap<String, Model>,
    patterns: BTreeMap<String, Model>,
}

/// The dates of entries without their own.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Dates {
    facts: Option<FactsDate>,
    prices: Option<FactsDate>,
    limits: Option<FactsDate>,
}

impl ModelTable {
    /// The table that comes with the program.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<ModelTable> = LazyLock::new(|| {
            ModelTable::parse(include_str!("table.toml"))
                .expect("a test holds that the built-in table can be read")
        });
        &BUILT_IN
    }

    /// Reads a table in the form of the built-in one.
    ///
    /// # Errors
    ///
    /// When the text is not TOML of that form, or holds impossible figures.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let RawTable { as_of, cache, routes, mut snapshots, retired, models, patterns } =
            toml::from_str(text)?;
        as_of.date_limits(&mut snapshots);
        let (models, patterns) = (settle(models, &as_of), settle(patterns, &as_of));
        Ok(Self { models, patterns, snapshots, retired, cache, routes, has_own_prices: false })
    }

    /// Lays the other table over this one: it adds models, and each of its facts replaces the one here.
    ///
    /// Limits are replaced figure by figure, a region's price list as a whole; figures for any address replace those for
    /// single regions. A name that the other table gives to a model is removed from any other model that had it as an alias
    /// or a variant.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let mut added = other.models.values().chain(other.patterns.values());
        self.has_own_prices |= added.any(Model::has_prices);
        for (name, model) in other.models {
            self.free_names(&name, &model);
            let mine = self.models.entry(name.clone()).or_insert_with(|| Model { name, ..Model::default() });
            mine.override_with(model);
        }
        for (name, model) in other.patterns {
            let mine =
                self.patterns.entry(name.clone()).or_insert_with(|| Model { name, ..Model::default() });
            mine.override_with(model);
        }
        override_limits(&mut self.snapshots, other.snapshots);
        self.retired.extend(other.retired);
        self.cache.override_with(other.cache);
        self.routes.override_with(other.routes);
        self
    }

    /// Every model known by name, in the order of the names.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// Whether a name no longer answers, and its successor; also for a name without other facts.
    pub fn retirement(&self, name: &str) -> Option<&Retirement> {
        retired::of(&self.retired, name)
    }

    /// The price of cached input as a share of the input price, for tiers without their own.
    pub fn cache(&self) -> &CacheShares {
        &self.cache
    }

    /// Every full name that is known: models, variants, aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.values().flat_map(|model| {
            let others = model.variants.keys().chain(&model.aliases);
            std::iter::once(&model.name).chain(others).map(String::as_str)
        })
    }

    /// Removes the names that `claimant` claims from every other model.
    fn free_names(&mut self, name: &str, claimant: &Model) {
        let claimed = |other: &String| {
            other == name || claimant.aliases.contains(other) || claimant.variants.contains_key(other)
        };
        for (_, model) in self.models.iter_mut().filter(|(other, _)| *other != name) {
            model.aliases.retain(|alias| !claimed(alias));
            model.variants.retain(|variant, _| !claimed(variant));
        }
    }
}

/// Gives each model its name and its dates.
fn settle(mut models: BTreeMap<String, Model>, as_of: &Dates) -> BTreeMap<String, Model> {
    for (name, model) in &mut models {
        set(&mut model.facts_as_of, &as_of.facts);
        as_of.date_limits(&mut model.limits);
        as_of.date_prices(&mut model.prices);
        for variant in model.variants.values_mut() {
            as_of.date_limits(&mut variant.limits);
            as_of.date_prices(&mut variant.prices);
        }
        model.name.clone_from(name);
    }
    models
}

impl Dates {
    fn date_limits(&self, limits: &mut BTreeMap<Scope, RateLimits>) {
        limits.values_mut().for_each(|limits| set(&mut limits.as_of, &self.limits));
    }

    fn date_prices(&self, prices: &mut BTreeMap<Scope, Price>) {
        prices.values_mut().for_each(|price| set(&mut price.as_of, &self.prices));
    }
}

/// Sets a date where there is none.
fn set(date: &mut Option<FactsDate>, default: &Option<FactsDate>) {
    if date.is_none() {
        date.clone_from(default);
    }
}

#[cfg(test)]
mod tests {
    use super::super::region::Region;
    use super::*;

    fn parse(text: &str) -> ModelTable {
        ModelTable::parse(text).expect("the test's own table")
    }

    fn refusal(text: &str) -> String {
        ModelTable::parse(text).expect_err("a table that makes no sense").to_string()
    }

    #[test]
    fn an_own_table_adds_models_and_overrides_single_facts() {
        let own = parse(
            r#"
            [models.house-model]
            context = 4_096
            [models.qwen-plus]
            function_calling = false
            limits.singapore = { rpm = 1_200 }
            "#,
        );
        let table = ModelTable::built_in().clone().merge(own);
        assert_eq!(table.models["house-model"].context, Some(4_096));
        assert_eq!(table.models["house-model"].name, "house-model");
        let plus = &table.models["qwen-plus"];
        assert_eq!(plus.function_calling, Some(false));
        assert_eq!(plus.context, Some(1_000_000));
        let limits = &plus.limits[&Scope::In(Region::Singapore)];
        assert_eq!(limits.requests_per_minute.map(u32::from), Some(1_200));
        assert_eq!(limits.tokens_per_minute.map(u32::from), Some(1_000_000));
        assert_eq!(limits.as_of, None, "the date of the old figures does not vouch for the new one");
    }

    #[test]
    fn an_own_table_takes_a_name_from_the_model_that_had_it() {
        let own = parse("[models.mine]\naliases = ['qwen-plus-us']");
        let table = ModelTable::built_in().clone().merge(own);
        assert!(!table.models["qwen-plus"].variants.contains_key("qwen-plus-us"));
        let names: Vec<_> = table.names().filter(|name| *name == "qwen-plus-us").collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn figures_for_any_address_replace_those_for_regions() {
        let own = parse(
            r#"
            [models.house-model]
            limits.any = { rpm = 60 }
            prices.any = { input = 0.1, output = 0.2 }
            [models.qwen-plus]
            limits.any = { rpm = 7 }
            prices.any = { input = 1.0, output = 2.0 }
            "#,
        );
        let table = ModelTable::built_in().clone().merge(own);
        let found = |name, region| table.find(name, region).expect("a model of the table");
        let rpm = |name, region| found(name, region).limits()?.requests_per_minute.map(u32::from);
        for region in [None, Some(Region::Singapore), Some(Region::Tokyo)] {
            assert_eq!(rpm("house-model", region), Some(60));
            assert_eq!(
                found("house-model", region)
                    .price()
                    .and_then(|price| price.tier(1).copied())
                    .map(|tier| tier.output),
                Some(0.2)
            );
            assert_eq!(rpm("qwen-plus", region), Some(7));
            assert_eq!(
                found("qwen-plus", region)
                    .price()
                    .and_then(|price| price.tier(1).copied())
                    .map(|tier| tier.output),
                Some(2.0)
            );
        }
        let limits = found("qwen-plus", Some(Region::Singapore)).limits().expect("limits");
        assert_eq!(limits.tokens_per_minute.map(u32::from), Some(1_000_000), "of which it says nothing");
    }

    #[test]
    fn merging_an_empty_table_changes_nothing() {
        assert_eq!(&ModelTable::built_in().clone().merge(parse("")), ModelTable::built_in());
    }

    #[test]
    fn an_entry_keeps_its_own_date() {
        let table = parse(
            r#"
            as_of.facts = "2026-07-02"
            [models.a]
            [models.b]
            facts_as_of = "2025-01"
            "#,
        );
        let date = |name: &str| table.models[name].facts_as_of.as_ref().map(|date| date.to_string());
        assert_eq!(date("a").as_deref(), Some("2026-07-02"));
        assert_eq!(date("b").as_deref(), Some("2025-01"));
    }

    #[test]
    fn senseless_tables_are_refused_by_name() {
        assert!(refusal("[models.a]\ncontxt = 1").contains("contxt"));
        assert!(refusal("[models.a]\nmax_input = 0").contains("line 2, column 13"));
        assert!(refusal("[models.a]\nlimits.mars = {}").contains("mars"));
        assert!(refusal("[models.a]\nlimits.beijing = { rpm = 0 }").contains("rpm"));
        assert!(refusal("[models.a]\nprices.beijing.tiers = []").contains("at least one tier"));
        assert!(refusal("[models.a]\nfacts_as_of = 'July'").contains("July"));
    }
}
