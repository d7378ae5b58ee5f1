//! The model table a command works with: the built-in one, and the user's own laid over it.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use crate::config::layers::explain;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::facts::{ModelCatalog, ModelInfo};
use crate::job::price::{Price, Tier};
use crate::models::{self, ModelEntry, ModelTable, Region, Retirement, Translates};
use crate::regular;

/// The name of a table that is found without being named.
pub(super) const FOUND_BY_ITSELF: &str = "models.toml";

/// A model table, and what it was made of.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// The table.
    pub(super) table: Arc<ModelTable>,
    /// The user's own file in it, if there is one.
    pub(super) own: Option<String>,
}

impl Tables {
    /// The built-in table with the file that is named laid over it; where none is named, with `models.toml` beside the
    /// job file, if it is there. Without a job file (an empty path) that is the one in the working directory.
    pub(super) fn read(named: Option<&Path>, job: &Path) -> Result<Self, Failure> {
        let beside = job.with_file_name(FOUND_BY_ITSELF);
        let path = match named {
            Some(path) => path,
            None if beside != job && beside.exists() && !beside.is_dir() => &beside,
            None => return Ok(Self::built_in()),
        };
        let name = path.display().to_string();
        let text = regular::read_to_string(path)
            .map_err(|error| Failure::unreadable("model table", path, &error))?;
        let script = SourceText { name: name.as_str().into(), text: text.into() };
        let own = ModelTable::parse(&script.text).map_err(|error| {
            let problem = explain(&script, &error.0);
            match (named, &problem.help) {
                // Whoever has such a file for another purpose does not know why it is read.
                (None, None) => problem.help(format!(
                    "`{FOUND_BY_ITSELF}` beside a job is read as a model table; `table` under [model] names another"
                )),
                _ => problem,
            }
        })?;
        Ok(Self { table: Arc::new(ModelTable::built_in().clone().merge(own)), own: Some(name) })
    }

    /// The built-in table alone.
    pub(super) fn built_in() -> Self {
        Self { table: Arc::new(ModelTable::built_in().clone()), own: None }
    }

    /// What the table is made of, for people.
    pub(super) fn words(&self) -> String {
        match &self.own {
            Some(own) => format!("{own} over the built-in one"),
            None => "built-in".to_owned(),
        }
    }

    /// What the table knows of models at an address.
    pub(super) fn book(&self, base_url: &str) -> ModelCatalog {
        let region = Region::from_base_url(base_url);
        let table = self.table.clone();
        ModelCatalog::new(move |model| {
            let known = table.find(model, region).map(|found| facts(model, &found));
            let retired = || Some(retired(model, table.retirement(model)?, region?));
            // A new model is unknown too; but one whose name is nearly another's is probably meant to be that.
            let slip = || region.map_or_else(|| table.slip(model), |_| table.nearest(model));
            known.unwrap_or_else(|| ModelInfo {
                unavailable: retired().map(Into::into).or_else(|| {
                    let nearest = slip()?;
                    Some(
                        format!("the model table does not know `{model}` (did you mean `{nearest}`?)").into(),
                    )
                }),
                ..ModelInfo::default()
            })
        })
    }

    /// An unknown name, with the known one that was probably meant.
    pub(super) fn unknown(&self, name: &str) -> Failure {
        let problem = Diagnostic::new(format!("the model table does not know `{name}`"));
        Failure::from(match self.table.nearest(name) {
            Some(nearest) => problem.help(format!("did you mean `{nearest}`?")),
            None => problem.help("`fanfold models` lists every model; a table of your own can add it"),
        })
    }
}

/// What is known of a model behind a name. Limits and prices belong to a region, unless they are given for any address;
/// of a server that belongs to none it is otherwise known only what a model of that name is like.
fn facts(name: &str, found: &ModelEntry<'_>) -> ModelInfo {
    let limits = found.limits();
    let tier = |tier: &models::PriceTier| Tier {
        up_to: tier.up_to,
        input: tier.input,
        output: tier.output,
        thinking_output: tier.thinking_output,
        cached_input: tier.cached_input,
        cache_read: tier.cache_read,
        cache_write: tier.cache_write,
    };
    let price = found.prices_with_cache().map(|prices| Price {
        tiers: prices.tiers.iter().map(tier).collect(),
        as_of: prices.as_of.map(|date| date.to_string()),
        rises: prices.rises,
        marks_cache: false,
    });
    ModelInfo {
        requests_per_minute: limits.and_then(|limits| limits.requests_per_minute).map(|n| f64::from(n.get())),
        tokens_per_minute: limits.and_then(|limits| limits.tokens_per_minute).map(|n| f64::from(n.get())),
        price: price.map(Arc::new),
        max_input_tokens: found.model.longest_input(false),
        max_input_tokens_thinking: found.model.longest_input(true),
        max_image_tokens: found.model.max_image,
        max_output_tokens: found.model.max_output,
        output_includes_thinking: found.model.output_includes_thinking == Some(true),
        max_thinking_tokens: found.model.max_thinking,
        thinking: found.model.thinking,
        transport: found.model.transport,
        function_calling: found.model.function_calling,
        unavailable: unavailable(name, found).map(Into::into),
        json_schema: found.model.json_schema,
        languages: found.model.translates.map(Translates::languages),
    }
}

/// What to say of a retired name. The dates are those of Beijing: elsewhere a model may answer for longer.
fn retired(name: &str, retirement: &Retirement, region: Region) -> String {
    let Retirement { since, instead } = retirement;
    let end = match region {
        Region::Beijing => format!("{name} was retired on {since}"),
        _ => format!("{name} was retired on {since} in Beijing and may no longer answer in {region}"),
    };
    match instead {
        Some(instead) => format!("{end}, and the vendor names {instead} in its place"),
        None => end,
    }
}

/// Why a model is not to be had where it is asked for, as far as that is known.
pub(super) fn unavailable(name: &str, found: &ModelEntry<'_>) -> Option<String> {
    let region = found.region?;
    match found.retired {
        Some(retirement) => Some(retired(name, retirement, region)),
        None if found.is_missing_here() => Some(format!("{name} is not offered in {region}")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Usage;

    const SINGAPORE: Option<Region> = Some(Region::Singapore);
    const BEIJING: Option<Region> = Some(Region::Beijing);

    fn price(name: &str, region: Option<Region>) -> Option<Arc<Price>> {
        let found =
            ModelTable::built_in().find(name, region).unwrap_or_else(|| panic!("{name} is not found"));
        facts(name, &found).price
    }

    fn used(prompt_tokens: u64, completion_tokens: u64) -> Usage {
        Usage::of(prompt_tokens, completion_tokens)
    }

    fn cost(name: &str, region: Option<Region>, prompt: u64, completion: u64, thought: bool) -> Option<f64> {
        price(name, region)?.of(&used(prompt, completion), thought)
    }

    #[test]
    fn the_cost_of_every_kind_of_model_is_as_worked_out_by_hand() {
        // One price: 1,000 × 2.46 + 800 × 7.37 = 2,460 + 5,896 millionths. In Beijing 259 + 620.
        assert_eq!(cost("qwen-mt-plus", SINGAPORE, 1_000, 800, false), Some(0.008_356));
        assert_eq!(cost("qwen-mt-plus", BEIJING, 1_000, 800, false), Some(0.000_879));
        // A million of each: 0.1875 + 1.125.
        assert_eq!(cost("qwen3.6-flash", SINGAPORE, 1_000_000, 1_000_000, true), Some(1.3125));
        // 100,000 × 0.072 + 500 × 0.287 = 7,200 + 143.5.
        assert_eq!(cost("qwen-long", BEIJING, 100_000, 500, false), Some(0.007_343_5));
        // Thinks always, at the one price there is: 1,000 × 0.8 + 5,000 × 2.4 = 800 + 12,000.
        assert_eq!(cost("qwq-plus", SINGAPORE, 1_000, 5_000, true), Some(0.0128));
        // A variant's own price: 120 + 360. A snapshot's is its family's: 10,000 × 0.4 + 2,000 × 1.2 = 4,000 + 2,400.
        assert_eq!(cost("qwen-mt-lite-us", Some(Region::Virginia), 1_000, 1_000, false), Some(0.000_48));
        assert_eq!(cost("qwen-plus-2025-07-28", SINGAPORE, 10_000, 2_000, false), Some(0.0064));
    }

    #[test]
    fn thinking_has_a_price_of_its_own_where_the_list_says_so() {
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
        // 32,000 × 0.861 + 1,000 × 3.441 = 30,993; past the last tier the price is not known.
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
    fn a_price_that_is_not_known_is_no_price() {
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
