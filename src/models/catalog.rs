//! The facts about models that a job uses: the table, for one address.

use std::sync::Arc;

use super::languages::Translates;
use super::lengths;
use super::lookup::ModelEntry;
use super::region::Region;
use super::retired::Retirement;
use super::table::ModelTable;
use crate::job::facts::{ModelCatalog, ModelInfo};
use crate::job::limits::Rates;
use crate::job::tier::ServedAt;

/// The currency of the built-in table.
const CURRENCY: &str = "USD";

impl ModelTable {
    /// The table's facts about models at an address, through a tier. An address without a region of its own may have the
    /// prices of one.
    pub fn catalog(self: &Arc<Self>, at: &ServedAt<'_>) -> ModelCatalog {
        let region = Region::from_base_url(at.base_url);
        let priced_in = at.priced_in.and_then(|name| name.parse().ok()).filter(|_| region.is_none());
        let (table, tier) = (Arc::clone(self), at.tier);
        ModelCatalog::new(move |model| {
            let mut info = ModelInfo { lengths: Some(lengths::built_in()), ..ModelInfo::default() };
            match table.find(model, region) {
                Some(found) => {
                    info = found.info(model);
                    table.routes.offered(&mut info, found.model, region);
                }
                None => info.unavailable = table.unavailable(model, region).map(Into::into),
            }
            if priced_in.is_some() {
                let price = table.find(model, priced_in).and_then(|found| found.price());
                info.price = price.map(Arc::new);
            }
            info.currency = info.price.as_ref().filter(|_| !table.has_own_prices).map(|_| CURRENCY);
            info.region = region.map(Region::name);
            table.routes.through(tier, model, info)
        })
    }

    /// Why an unknown model may not be available: it has been retired, or its name is nearly another's, which is probably
    /// meant.
    fn unavailable(&self, model: &str, region: Option<Region>) -> Option<String> {
        let ended = || Some(ended(model, self.retirement(model)?, region?));
        let slip = || {
            let nearest = if region.is_some() { self.nearest(model) } else { self.slip(model) }?;
            Some(format!("`{model}` is not in the model table (did you mean `{nearest}`?)"))
        };
        ended().or_else(slip)
    }
}

impl ModelEntry<'_> {
    /// The facts about the model of this name. Limits and prices belong to a region, unless they are given for any address;
    /// for a server in no region, only the model's other facts are known.
    fn info(&self, name: &str) -> ModelInfo {
        let (model, limits) = (self.model, self.limits().unwrap_or_default());
        ModelInfo {
            rates: Rates {
                qps: None,
                qpm: limits.requests_per_minute.map(|limit| limit.get().into()),
                tpm: limits.tokens_per_minute.map(|limit| limit.get().into()),
            },
            price: self.price().map(Arc::new),
            max_input_tokens: model.longest_input(false),
            max_input_tokens_thinking: model.longest_input(true),
            max_image_tokens: model.max_image,
            max_output_tokens: model.max_output,
            output_includes_thinking: model.output_includes_thinking == Some(true),
            max_thinking_tokens: model.max_thinking,
            thinking: model.thinking,
            transport: model.transport,
            function_calling: model.function_calling,
            unavailable: self.unavailable(name).map(Into::into),
            json_schema: model.json_schema,
            languages: model.translates.map(Translates::languages),
            lengths: Some(lengths::built_in()),
            ..ModelInfo::default()
        }
    }

    /// Why the model is not available here, as far as that is known.
    fn unavailable(&self, name: &str) -> Option<String> {
        let region = self.region?;
        match self.retired {
            Some(retirement) => Some(ended(name, retirement, region)),
            None => self.is_missing_here().then(|| format!("{name} is not offered in {region}")),
        }
    }
}

/// The sentence about a retired name. The dates are those of Beijing: elsewhere a model may answer for longer.
fn ended(name: &str, retirement: &Retirement, region: Region) -> String {
    let Retirement { since, instead } = retirement;
    let end = match region {
        Region::Beijing => format!("{name} was retired on {since}"),
        _ => format!("{name} was retired on {since} in Beijing and may no longer answer in {region}"),
    };
    match instead {
        Some(instead) => format!("{end}; the vendor recommends {instead} instead"),
        None => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::price::Price;
    use crate::outcome::Usage;

    const SINGAPORE: Option<Region> = Some(Region::Singapore);
    const BEIJING: Option<Region> = Some(Region::Beijing);

    fn price(name: &str, region: Option<Region>) -> Option<Arc<Price>> {
        let found =
            ModelTable::built_in().find(name, region).unwrap_or_else(|| panic!("{name} is not found"));
        found.info(name).price
    }

    fn used(prompt_tokens: u64, completion_tokens: u64) -> Usage {
        Usage::of(prompt_tokens, completion_tokens)
    }

    fn cost(name: &str, region: Option<Region>, prompt: u64, completion: u64, thought: bool) -> Option<f64> {
        price(name, region)?.of(&used(prompt, completion), thought)
    }

    #[test]
    fn the_cost_of_every_kind_of_model_is_as_calculated_by_hand() {
        // One price: 1,000 × 2.46 + 800 × 7.37 = 2,460 + 5,896 millionths. In Beijing 259 + 620.
        assert_eq!(cost("qwen-mt-plus", SINGAPORE, 1_000, 800, false), Some(0.008_356));
        assert_eq!(cost("qwen-mt-plus", BEIJING, 1_000, 800, false), Some(0.000_879));
        // A million of each: 0.1875 + 1.125.
        assert_eq!(cost("qwen3.6-flash", SINGAPORE, 1_000_000, 1_000_000, true), Some(1.3125));
        // 100,000 × 0.072 + 500 × 0.287 = 7,200 + 143.5.
        assert_eq!(cost("qwen-long", BEIJING, 100_000, 500, false), Some(0.007_343_5));
        // It always thinks, at a single price: 1,000 × 0.8 + 5,000 × 2.4 = 800 + 12,000.
        assert_eq!(cost("qwq-plus", SINGAPORE, 1_000, 5_000, true), Some(0.0128));
        // A variant's own price: 120 + 360. A snapshot's is its family's: 10,000 × 0.4 + 2,000 × 1.2 = 4,000 + 2,400.
        assert_eq!(cost("qwen-mt-lite-us", Some(Region::Virginia), 1_000, 1_000, false), Some(0.000_48));
        assert_eq!(cost("qwen-plus-2025-07-28", SINGAPORE, 10_000, 2_000, false), Some(0.0064));
    }

    #[test]
    fn thinking_has_its_own_price_if_the_list_says_so() {
        // 10,000 × 0.4 + 2,000 × 1.2 = 6,400; thinking, 4,000 + 2,000 × 4.0 = 12,000.
        assert_eq!(cost("qwen-plus", SINGAPORE, 10_000, 2_000, false), Some(0.0064));
        assert_eq!(cost("qwen-plus", SINGAPORE, 10_000, 2_000, true), Some(0.012));
        // 1,150 + 574; thinking, 1,150 + 2,000 × 1.147 = 3,444.
        assert_eq!(cost("qwen-plus", BEIJING, 10_000, 2_000, false), Some(0.001_724));
        assert_eq!(cost("qwen-plus", BEIJING, 10_000, 2_000, true), Some(0.003_444));
        // 700 + 2,800; thinking, 700 + 8,400.
        assert_eq!(cost("qwen3-32b", SINGAPORE, 1_000, 1_000, false), Some(0.0035));
        assert_eq!(cost("qwen3-32b", SINGAPORE, 1_000, 1_000, true), Some(0.0091));
    }

    #[test]
    fn the_length_of_the_single_request_decides_on_the_tier() {
        // 256,000 × 0.5 + 1,000 × 3 = 131,000; a token more: 256,001 × 2 + 1,000 × 6 = 518,002.
        assert_eq!(cost("qwen3.6-plus", SINGAPORE, 256_000, 1_000, true), Some(0.131));
        assert_eq!(cost("qwen3.6-plus", SINGAPORE, 256_001, 1_000, true), Some(0.518_002));
        // In Beijing the first border of this one is lower: 128,000 × 0.022 = 2,816; 128,001 × 0.087 = 11,136.087.
        assert_eq!(cost("qwen-flash", BEIJING, 128_000, 0, false), Some(0.002_816));
        assert_eq!(cost("qwen-flash", BEIJING, 128_001, 0, false), Some(0.011_136_087));
        // 32,000 × 0.861 + 1,000 × 3.441 = 30,993; beyond the last tier the price is not known.
        assert_eq!(cost("qwen3-max", BEIJING, 32_000, 1_000, false), Some(0.030_993));
        assert_eq!(cost("qwen3-max", BEIJING, 32_001, 1_000, false), None);
    }

    #[test]
    fn cached_input_costs_a_share_of_the_input_price() {
        let plus = price("qwen-plus", SINGAPORE).expect("a price");
        let cached = Usage { cached_tokens: Some(4_000), ..used(10_000, 2_000) };
        let written = Usage { cache_written_tokens: Some(4_000), ..used(10_000, 2_000) };
        // 6,000 × 0.4 + 4,000 × (20 % of 0.4) + 2,000 × 1.2 = 2,400 + 320 + 2,400.
        assert_eq!(plus.of(&cached, false), Some(0.005_12));
        // Marked by the request: 2,400 + 4,000 × (10 % of 0.4) + 2,400 = 4,960.
        assert_eq!(plus.of_marked_cache().of(&cached, false), Some(0.004_96));
        // Written to it: 2,400 + 4,000 × (125 % of 0.4) + 2,400 = 6,800.
        assert_eq!(plus.of_marked_cache().of(&written, false), Some(0.0068));
        // The second tier has figures of its own: 200,000 × 2 + 100,000 × 0.2 = 420,000.
        let long = Usage { cached_tokens: Some(100_000), ..used(300_000, 0) };
        let qwen36 = price("qwen3.6-plus", SINGAPORE).expect("a price").of_marked_cache();
        assert_eq!(qwen36.of(&long, true), Some(0.42));
    }

    #[test]
    fn an_unknown_price_is_absent() {
        for (name, region) in [
            ("qwen-mt-lite", SINGAPORE),
            ("qwen4-max", BEIJING),
            ("qwen3.8-flash", BEIJING),
            ("qwen-plus", Some(Region::Tokyo)),
            ("qwen-plus", None),
        ] {
            assert_eq!(cost(name, region, 10, 10, false), None, "{name}");
        }
    }
}
