//! Finds the facts for the name in a request.

use std::cmp::Reverse;

use jiff::civil::Date;
use serde::Serialize;

use super::model::{Model, RateLimits, Variant};
use super::pattern::{fits, specificity};
use super::region::{Region, at};
use super::retired::Retirement;
use super::table::ModelTable;
use crate::job::price::Price;

/// The model found for a name, and the facts of that name in one region.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry<'t> {
    /// The facts that all names of the model share.
    pub model: &'t Model,
    /// How the name was matched.
    pub matched: NameMatch,
    /// The region asked for.
    pub region: Option<Region>,
    /// Since when the name no longer answers, if it is known to be retired.
    pub retired: Option<&'t Retirement>,
    variant: Option<&'t Variant>,
    table: &'t ModelTable,
}

/// How a name was matched to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// By the model's name, or an alias of it.
    Name,
    /// By a name that has its own limits or prices.
    Variant,
    /// As a dated snapshot: `qwen-plus-2025-07-28`, `qwen-max-0125`.
    Snapshot,
    /// As the newest snapshot: `qwen-plus-latest`.
    Latest,
    /// As the United States edition: `qwen-flash-us`.
    #[serde(rename = "us")]
    UnitedStates,
    /// By a pattern only, so little is known.
    Pattern,
}

impl ModelTable {
    /// The facts for a model's name in a region.
    ///
    /// Names, variants and aliases are tried first, then snapshots, `-latest` and `-us` of a known model, then patterns.
    /// Without a region there are only the limits and prices that apply at any address: all others belong to a region.
    pub fn find(&self, name: &str, region: Option<Region>) -> Option<ModelEntry<'_>> {
        let known = || self.find_known(name);
        let ending = || self.find_by_ending(name);
        let pattern = || self.find_by_pattern(name).map(|model| (model, NameMatch::Pattern));
        let (model, matched) = known().or_else(ending).or_else(pattern)?;
        let variant = model.variants.get(name);
        Some(ModelEntry { model, matched, region, retired: self.retirement(name), variant, table: self })
    }

    /// The known name most similar to this one, if any: for "did you mean".
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let wanted = name.trim().to_ascii_lowercase();
        let typos_allowed = (wanted.chars().count() / 4).clamp(1, 2);
        self.names()
            .map(|known| (strsim::damerau_levenshtein(&wanted, known), known))
            .filter(|(typos, known)| *typos <= typos_allowed && *known != name)
            .min_by_key(|(typos, known)| (*typos, Reverse(common_start(&wanted, known))))
            .map(|(_, known)| known)
    }

    /// The same for a server without known models: there, a name that differs only in its numbers is another model.
    pub fn slip(&self, name: &str) -> Option<&str> {
        let letters = |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphabetic(), "");
        self.nearest(name).filter(|nearest| letters(nearest) != letters(name))
    }

    fn find_known(&self, name: &str) -> Option<(&Model, NameMatch)> {
        let model = |has: fn(&Model, &str) -> bool| self.models.values().find(|model| has(model, name));
        let by_name = || Some((self.models.get(name)?, NameMatch::Name));
        let by_variant =
            || Some((model(|model, name| model.variants.contains_key(name))?, NameMatch::Variant));
        let by_alias =
            || Some((model(|model, name| model.aliases.iter().any(|alias| alias == name))?, NameMatch::Name));
        by_name().or_else(by_variant).or_else(by_alias)
    }

    fn find_by_ending(&self, name: &str) -> Option<(&Model, NameMatch)> {
        let model = |base: &str| self.find_known(base).map(|(model, _)| model);
        if let Some(base) = name.strip_suffix("-us") {
            return Some((model(without_date(base).unwrap_or(base))?, NameMatch::UnitedStates));
        }
        if let Some(base) = name.strip_suffix("-latest") {
            return Some((model(base)?, NameMatch::Latest));
        }
        Some((model(without_date(name)?)?, NameMatch::Snapshot))
    }

    /// The model with the most specific pattern that matches the name.
    fn find_by_pattern(&self, name: &str) -> Option<&Model> {
        let fitting = self.patterns.values().filter(|model| fits(&model.name, name));
        fitting.max_by_key(|model| specificity(&model.name))
    }
}

impl ModelEntry<'_> {
    /// The rate limits of this name in the region; `None` if unknown.
    ///
    /// Those of the stable name apply to no other: a snapshot's are far lower, and `-latest` and `-us` have their own.
    pub fn limits(&self) -> Option<RateLimits> {
        let stable = at(&self.model.limits, self.region);
        match self.matched {
            NameMatch::Name | NameMatch::Pattern => stable.cloned(),
            NameMatch::Variant => at(&self.variant?.limits, self.region).cloned(),
            NameMatch::Snapshot => {
                let limits = at(&self.table.snapshots, self.region)?;
                Some(stable.map_or_else(|| limits.clone(), |stable| limits.lower_of(stable)))
            }
            NameMatch::Latest | NameMatch::UnitedStates => None,
        }
    }

    /// The price of this name in the region, including that of cached input; `None` if unknown.
    pub fn price(&self) -> Option<Price> {
        let own = self.variant.and_then(|variant| at(&variant.prices, self.region));
        let price = own.or_else(|| at(&self.model.prices, self.region))?;
        // The cache's shares of the input price are this service's, and do not apply elsewhere.
        Some(self.region.map_or_else(|| price.clone(), |_| self.table.cache.fill(price)))
    }

    /// Whether Batch File jobs can use the model here. `None` if unknown.
    pub fn batch_file(&self) -> Option<bool> {
        self.model.batch_file.as_ref()?.holds_in(self.region)
    }

    /// Whether the Batch Chat host has the model here. `None` if unknown.
    pub fn batch_chat(&self) -> Option<bool> {
        self.model.batch_chat.as_ref()?.holds_in(self.region)
    }

    /// Whether the model is known to be missing in the region.
    pub fn is_missing_here(&self) -> bool {
        self.region.is_some_and(|region| self.model.not_offered_in.contains(&region))
    }
}

/// The name of a snapshot without its date: a day (`-2025-07-28`), or in old names a month and a day (`-0125`).
fn without_date(name: &str) -> Option<&str> {
    [11, 5].into_iter().find_map(|length| {
        let (base, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        is_date(date.strip_prefix('-')?).then_some(base)
    })
}

fn is_date(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_at_checked(2) {
        // A leap year has all possible days.
        Some((month, day)) if digits(text) => format!("2024-{month}-{day}").parse::<Date>().is_ok(),
        _ => text.parse::<Date>().is_ok(),
    }
}

fn common_start(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::facts::ModelInfo;

    fn found(name: &str, region: Region) -> ModelEntry<'static> {
        ModelTable::built_in().find(name, Some(region)).unwrap_or_else(|| panic!("{name} is not found"))
    }

    fn limits(name: &str, region: Region) -> Option<(u32, u32)> {
        let limits = found(name, region).limits()?;
        Some((limits.requests_per_minute?.get(), limits.tokens_per_minute?.get()))
    }

    #[test]
    fn a_snapshot_has_the_facts_of_its_family_and_limits_far_lower() {
        let snapshot = found("qwen-plus-2025-07-28", Region::Singapore);
        assert_eq!(snapshot.model.name, "qwen-plus");
        assert_eq!(snapshot.matched, NameMatch::Snapshot);
        assert_eq!(
            snapshot.price().and_then(|price| price.tier(1).copied()).map(|tier| tier.input),
            Some(0.4)
        );
        assert_eq!(limits("qwen-plus-2025-07-28", Region::Singapore), Some((60, 1_000_000)));
        assert_eq!(limits("qwen3.7-plus-2026-05-26", Region::Singapore), Some((60, 1_000_000)));
        assert_eq!(limits("qwen-max-0125", Region::Singapore), Some((60, 1_000_000)));
        assert_eq!(limits("qwen-plus-2025-07-28", Region::Beijing), None);
    }

    #[test]
    fn a_snapshot_never_has_higher_limits_than_its_family() {
        assert_eq!(limits("qwq-plus-2025-03-05", Region::Singapore), Some((60, 100_000)));
    }

    #[test]
    fn variants_have_limits_and_prices_of_their_own() {
        assert_eq!(limits("qwen3-max-2025-09-23", Region::Singapore), Some((60, 100_000)));
        assert_eq!(limits("qwen-plus-us", Region::Virginia), Some((600, 1_000_000)));
        assert_eq!(limits("qwen-plus", Region::Virginia), Some((15_000, 5_000_000)));
        assert_eq!(limits("qwen-long-latest", Region::Beijing), Some((1_200, 60_000)));
        assert_eq!(limits("qwen-long-2025-01-25", Region::Beijing), Some((3, 7_500)));
        let lite = found("qwen-mt-lite-us", Region::Virginia);
        assert_eq!(
            lite.price().and_then(|price| price.tier(100).copied()).map(|tier| (tier.input, tier.output)),
            Some((0.12, 0.36))
        );
        assert_eq!(lite.model.max_input, Some(8_192));
    }

    #[test]
    fn latest_and_us_share_facts_but_not_limits() {
        let latest = found("qwen-flash-latest", Region::Singapore);
        assert_eq!((latest.model.name.as_str(), latest.matched), ("qwen-flash", NameMatch::Latest));
        assert_eq!(latest.limits(), None);
        let us = found("qwen-flash-2025-07-28-us", Region::Virginia);
        assert_eq!((us.model.name.as_str(), us.matched), ("qwen-flash", NameMatch::UnitedStates));
        assert_eq!(us.limits(), None);
    }

    #[test]
    fn a_retired_name_has_its_date() {
        let retired = |name| {
            let retirement = ModelTable::built_in().retirement(name)?;
            Some((retirement.since.to_string(), retirement.instead.as_deref().unwrap_or_default()))
        };
        let spring = |instead| Some(("2026-05-13".to_owned(), instead));
        let autumn = |instead| Some(("2026-10-10".to_owned(), instead));
        assert_eq!(retired("qwen-max-latest"), spring("qwen3.6-plus"));
        assert_eq!(retired("qwen-turbo-latest"), spring("qwen3.6-flash"));
        assert_eq!(retired("qwq-plus-2025-03-05"), spring("qwen3.6-plus"));
        for (instead, names) in [
            (
                "qwen3.7-max",
                &["qwen3-max", "qwen3-max-2026-01-23", "qwen3-max-preview", "qwen3.6-max-preview"][..],
            ),
            (
                "qwen3.7-plus",
                &["qwq-plus", "qvq-max", "qwen-math-plus", "qwen-math-turbo", "qwen3-coder-plus"][..],
            ),
            ("qwen3.7-plus", &["qwen3-coder-next", "qwen3-32b", "qwen3-30b-a3b", "qwen3-235b-a22b"][..]),
            (
                "qwen3.7-plus",
                &["qwen3-235b-a22b-thinking-2507", "qwen-long-latest", "qwen3-vl-plus-2025-12-19"][..],
            ),
            (
                "qwen3.6-flash",
                &["qwen-turbo", "qwen3-8b", "qwen3-14b", "qwen3-vl-flash", "qwen3-vl-flash-2025-10-15"][..],
            ),
            ("qwen3.6-flash-us", &["qwen-flash-us", "qwen-mt-lite-us"][..]),
            ("qwen-mt-flash", &["qwen-mt-turbo"][..]),
            ("glm-5.2", &["glm-4.5", "glm-4.5-air"][..]),
            (
                "qwen3.7-plus",
                &["glm-4.6", "glm-4.7", "deepseek-v3.2", "deepseek-r1-0528", "kimi-k2-thinking"][..],
            ),
        ] {
            for name in names {
                assert_eq!(retired(name), autumn(instead), "{name}");
            }
        }
        for name in [
            "qwen-max",
            "qwen-plus",
            "qwen-plus-latest",
            "qwen-flash",
            "qwen-long",
            "qwen3-vl-plus",
            "qwen3-coder-flash",
            "qwen-mt-plus",
            "qwen-mt-flash",
            "qwen-mt-lite",
            "qwen3.6-plus",
            "qwen4-max",
            "glm-5.2",
            "deepseek-v4-pro",
            "",
        ] {
            assert_eq!(retired(name), None, "{name}");
        }
    }

    #[test]
    fn a_month_and_day_is_distinguished_from_a_year_and_month() {
        assert_eq!(without_date("m-0125"), Some("m"));
        assert_eq!(without_date("m-2024-02-29"), Some("m"));
        assert_eq!(
            (without_date("m-2507"), without_date("m-125"), without_date("m-2024-02")),
            (None, None, None)
        );
    }

    #[test]
    fn an_alias_is_the_model_itself() {
        let table =
            ModelTable::parse("[models.long-name]\naliases = ['short']\nlimits.beijing = { rpm = 5 }")
                .expect("the test's own table");
        let found = table.find("short", Some(Region::Beijing)).expect("the alias");
        assert_eq!((found.model.name.as_str(), found.matched), ("long-name", NameMatch::Name));
        assert!(found.limits().is_some());
        assert!(table.find("short-2026-01-31", None).is_some());
    }

    #[test]
    fn without_a_region_there_are_facts_but_no_limits_and_no_prices() {
        let found = ModelTable::built_in().find("qwen-plus", None).expect("qwen-plus");
        assert_eq!(found.model.context, Some(1_000_000));
        assert!(found.limits().is_none() && found.price().is_none());
    }

    #[test]
    fn unlisted_names_are_known_by_their_pattern() {
        let transport = |name| {
            let found = found(name, Region::Singapore);
            assert_eq!(found.matched, NameMatch::Pattern, "{name}");
            let &Model { thinking, transport, .. } = found.model;
            let facts = ModelInfo { thinking, transport, ..ModelInfo::default() };
            (facts.needs_stream(None), facts.needs_stream(Some(false)))
        };
        assert_eq!(transport("qwen3-30b-a3b"), (Some(true), Some(false)));
        assert_eq!(transport("qwen3-235b-a22b-thinking-2507"), (Some(true), Some(true)));
        assert_eq!(transport("qwen3-235b-a22b-instruct-2507"), (Some(false), Some(false)));
        assert_eq!(transport("qwen3-omni-flash"), (Some(true), Some(true)));
    }

    #[test]
    fn an_unrelated_name_is_not_found() {
        for name in
            ["", "-", "gpt-oss", "qwen-plus-2025-13-01", "qwen-plus-", "-us", "千问-2025-07-28", "QWEN-PLUS"]
        {
            assert!(ModelTable::built_in().find(name, None).is_none(), "{name}");
        }
    }

    #[test]
    fn a_model_of_another_size_is_not_a_typo_on_a_server_of_one_s_own() {
        let slip = |name| ModelTable::built_in().slip(name);
        assert_eq!(slip("qwen-plsu"), Some("qwen-plus"));
        assert_eq!((slip("qwen3-9b"), slip("qwen9-max"), slip("llama-3")), (None, None, None));
    }

    #[test]
    fn a_typo_leads_to_the_nearest_name_and_an_unrelated_name_to_none() {
        let nearest = |name| ModelTable::built_in().nearest(name);
        assert_eq!(nearest("qwen-pluss"), Some("qwen-plus"));
        assert_eq!(nearest("qwne-mt-plus"), Some("qwen-mt-plus"));
        assert_eq!(nearest("Qwen3.6-Plus"), Some("qwen3.6-plus"));
        assert_eq!(nearest("qwen3_max"), Some("qwen3-max"));
        assert_eq!(nearest("claude"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn batch_is_offered_by_region() {
        assert_eq!(found("qwen-plus", Region::Singapore).batch_file(), Some(true));
        assert_eq!(found("qwen-plus", Region::Singapore).batch_chat(), Some(false));
        assert_eq!(found("qwen-plus", Region::Beijing).batch_chat(), Some(true));
        assert_eq!(found("qwen-mt-plus", Region::Beijing).batch_file(), Some(false));
        assert_eq!(found("qwq-plus", Region::Beijing).batch_file(), Some(false));
        assert_eq!(found("qwen3-max", Region::Beijing).batch_chat(), Some(false));
        assert_eq!(found("qwen3.7-flash", Region::Beijing).batch_file(), None);
        assert!(found("qwen-long", Region::Singapore).is_missing_here());
    }
}
