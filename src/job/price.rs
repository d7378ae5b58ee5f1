//! The price of tokens.

use serde::{Deserialize, Serialize};

use super::facts_date::FactsDate;
use crate::outcome::Usage;

/// Money per million tokens, in any currency, by the length of a request's input.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Price {
    /// The date of these figures; `None` for the user's own.
    pub as_of: Option<FactsDate>,
    /// Whether long inputs are known to cost more than these figures, so a cost is a lower bound.
    pub rises: bool,
    /// The tiers, shortest inputs first; never empty.
    pub tiers: Vec<Tier>,
    /// Whether this is the price of requests that mark their cache with `cache_control`. The automatic cache and a marked
    /// one exclude each other.
    #[serde(skip)]
    pub marks_cache: bool,
}

/// The price of requests whose input is of a certain length.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The longest input of this tier, in tokens; `None` if unlimited.
    pub up_to: Option<u64>,
    /// Per million prompt tokens.
    pub input: f64,
    /// Per million completion tokens, reasoning included.
    pub output: f64,
    /// Per million completion tokens of an answer with reasoning, if they cost more.
    pub thinking_output: Option<f64>,
    /// Per million prompt tokens from the automatic cache; without it, the input price applies.
    pub cached_input: Option<f64>,
    /// Per million prompt tokens read from a cache that the request marked; without it, the price of the automatic cache
    /// applies.
    pub cache_read: Option<f64>,
    /// Per million prompt tokens written to a cache that the request marked; without it, the input price applies.
    pub cache_write: Option<f64>,
}

/// Tokens or their cost, by kind; together they are the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ByKind {
    /// Prompt, except from the cache.
    pub prompt: f64,
    /// Prompt, from the cache.
    pub cached: f64,
    /// Answer, without reasoning.
    pub answer: f64,
    /// Reasoning.
    pub reasoning: f64,
}

/// Prices that a user gives, each per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PriceFigures {
    /// Prompt tokens.
    pub input: Option<f64>,
    /// Completion tokens.
    pub output: Option<f64>,
    /// Prompt tokens from the automatic cache.
    pub cached_input: Option<f64>,
    /// Completion tokens of an answer with reasoning.
    pub thinking_output: Option<f64>,
    /// Prompt tokens written to a cache that the request marked.
    pub cache_write: Option<f64>,
}

impl PriceFigures {
    /// Each figure with its key.
    pub fn named(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("input", self.input),
            ("output", self.output),
            ("cached_input", self.cached_input),
            ("thinking_output", self.thinking_output),
            ("cache_write", self.cache_write),
        ]
    }

    /// Whether there are any.
    pub fn some(&self) -> bool {
        self.named().iter().any(|(_, figure)| figure.is_some())
    }

    /// The price that they are by themselves; `None` without both `input` and `output`.
    pub fn whole(&self) -> Option<Price> {
        let (input, output) = (self.input?, self.output?);
        let Self { thinking_output, cached_input, cache_write, .. } = *self;
        let tier = Tier { input, output, thinking_output, cached_input, cache_write, ..Tier::default() };
        Some(Price { tiers: vec![tier], ..Price::default() })
    }

    /// A price in which these figures replace its own, in every tier. Prices that follow from another one keep their share of
    /// it: of the input from a cache, and of the output after reasoning.
    pub fn over(&self, price: &Price) -> Price {
        let share = |part: Option<f64>, old: f64, new: f64| {
            let ratio = if old > 0.0 { new / old } else { 1.0 };
            part.map(|part| rounded(part * ratio))
        };
        let tier = |tier: &Tier| {
            let (input, output) = (self.input.unwrap_or(tier.input), self.output.unwrap_or(tier.output));
            let of_input = |part| share(part, tier.input, input);
            Tier {
                up_to: tier.up_to,
                input,
                output,
                thinking_output: self.thinking_output.or(share(tier.thinking_output, tier.output, output)),
                cached_input: self.cached_input.or(of_input(tier.cached_input)),
                cache_read: of_input(tier.cache_read),
                cache_write: self.cache_write.or(of_input(tier.cache_write)),
            }
        };
        Price { tiers: price.tiers.iter().map(tier).collect(), ..price.clone() }
    }
}

impl ByKind {
    /// All kinds together.
    pub fn whole(&self) -> f64 {
        self.prompt + self.cached + self.answer + self.reasoning
    }

    /// Adds a multiple of another.
    pub fn add(&mut self, other: &Self, times: f64) {
        self.prompt += other.prompt * times;
        self.cached += other.cached * times;
        self.answer += other.answer * times;
        self.reasoning += other.reasoning * times;
    }
}

impl Price {
    /// A single price for inputs of every length.
    #[cfg(test)]
    pub fn flat(input: f64, output: f64, cached_input: Option<f64>) -> Self {
        let tier = Tier { input, output, cached_input, ..Tier::default() };
        Self { tiers: vec![tier], ..Self::default() }
    }

    /// The price of requests that mark their cache.
    #[must_use]
    pub fn of_marked_cache(&self) -> Self {
        Self { marks_cache: true, ..self.clone() }
    }

    /// The price of a slower route that costs this share of it. Such a route gives no discount for input from a cache.
    #[must_use]
    pub fn at_share(&self, share: f64) -> Self {
        let tier = |tier: &Tier| Tier {
            up_to: tier.up_to,
            input: rounded(tier.input * share),
            output: rounded(tier.output * share),
            thinking_output: tier.thinking_output.map(|price| rounded(price * share)),
            ..Tier::default()
        };
        Self { tiers: self.tiers.iter().map(tier).collect(), ..self.clone() }
    }

    /// The tier for this many prompt tokens; `None` if its price is unknown.
    pub fn tier(&self, prompt_tokens: u64) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to))
    }

    /// The cost of a request by the service's own count; `None` if its price is unknown or the count incomplete. `thought`:
    /// whether the answer had reasoning.
    pub fn of(&self, usage: &Usage, thought: bool) -> Option<f64> {
        let (prompt, completion) = (usage.prompt_tokens?, usage.completion_tokens?);
        let tier = self.tier(prompt)?;
        let cached = usage.cached_tokens.unwrap_or(0).min(prompt);
        let written = usage.cache_written_tokens.unwrap_or(0).min(prompt - cached);
        let fresh = prompt - cached - written;
        let millionths = fresh as f64 * tier.input
            + cached as f64 * self.cached(tier)
            + written as f64 * tier.cache_write.unwrap_or(tier.input)
            + completion as f64 * tier.output_price(thought);
        // Rounded, to read 0.0000116 and not 0.000011599999999999999.
        Some((millionths * 1e6).round() / 1e12)
    }

    /// The cost of a request's tokens by kind; `None` if its price is unknown. Reasoning costs the same as the answer.
    pub fn by_kind(&self, usage: &Usage, thought: bool) -> Option<ByKind> {
        let (prompt, completion) = (usage.prompt_tokens?, usage.completion_tokens?);
        let tier = self.tier(prompt)?;
        let cached = usage.cached_tokens.unwrap_or(0).min(prompt);
        let reasoning = usage.reasoning_tokens.unwrap_or(0).min(completion);
        let of = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        Some(ByKind {
            prompt: of(prompt - cached, tier.input),
            cached: of(cached, self.cached(tier)),
            answer: of(completion - reasoning, tier.output_price(thought)),
            reasoning: of(reasoning, tier.output_price(thought)),
        })
    }

    /// The most a request can cost. An input beyond the last tier counts at the highest price.
    pub fn worst_case(&self, prompt_tokens: u64, completion_tokens: u64, thinks: bool) -> f64 {
        let within = |tier: &Tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to);
        let ends_here = self.tiers.iter().position(within).unwrap_or(self.tiers.len());
        // The estimate is never below the truth, so the real request has this tier or a lower one.
        let tiers = self.tiers.iter().take(ends_here + 1);
        let cost = |tier: &Tier| {
            let written = tier.cache_write.filter(|_| self.marks_cache).unwrap_or(0.0);
            let input = tier.input.max(self.cached(tier)).max(written);
            prompt_tokens as f64 * input + completion_tokens as f64 * tier.output_price(thinks)
        };
        tiers.map(cost).fold(0.0, f64::max) / 1e6
    }

    fn cached(&self, tier: &Tier) -> f64 {
        let read = tier.cache_read.filter(|_| self.marks_cache);
        read.or(tier.cached_input).unwrap_or(tier.input)
    }
}

impl Tier {
    /// Per million completion tokens of a request that thinks or does not.
    pub fn output_price(&self, thinks: bool) -> f64 {
        self.thinking_output.filter(|_| thinks).unwrap_or(self.output)
    }
}

/// Money with twelve significant digits, without rounding noise.
pub fn rounded(money: f64) -> f64 {
    format!("{money:.11e}").parse().unwrap_or(money)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt_tokens: u64, completion_tokens: u64) -> Usage {
        Usage::of(prompt_tokens, completion_tokens)
    }

    #[test]
    fn the_tier_is_the_first_that_holds_the_input() {
        let tier = |up_to, input| Tier { up_to, input, ..Tier::default() };
        let price = Price { tiers: vec![tier(Some(256_000), 0.5), tier(None, 2.0)], ..Price::default() };
        let input_price = |tokens| price.tier(tokens).map(|tier| tier.input);
        assert_eq!(input_price(0), Some(0.5));
        assert_eq!(input_price(256_000), Some(0.5));
        assert_eq!(input_price(256_001), Some(2.0));
    }

    #[test]
    fn an_input_past_the_last_tier_has_no_known_price() {
        let tier = Tier { up_to: Some(32_000), input: 1.2, ..Tier::default() };
        assert_eq!(Price { tiers: vec![tier], ..Price::default() }.tier(32_001), None);
    }

    #[test]
    fn cached_tokens_are_charged_at_their_own_price() {
        let price = Price::flat(0.4, 1.2, Some(0.08));
        let cached = Usage { cached_tokens: Some(250_000), ..usage(1_000_000, 500_000) };
        // 750,000 × 0.4 + 250,000 × 0.08 + 500,000 × 1.2 = 300,000 + 20,000 + 600,000 millionths.
        assert_eq!(price.of(&cached, false), Some(0.92));
        // 5 × 0.4 + 8 × 1.2 = 2 + 9.6 millionths.
        assert_eq!(price.of(&usage(5, 8), false).map(|cost| cost.to_string()), Some("0.0000116".to_owned()));
    }

    #[test]
    fn a_marked_cache_is_read_cheaply_and_written_dearly() {
        let tier = Tier {
            input: 1.0,
            output: 2.0,
            cached_input: Some(0.2),
            cache_read: Some(0.1),
            cache_write: Some(1.25),
            ..Tier::default()
        };
        let price = Price { tiers: vec![tier], ..Price::default() };
        let marked = price.of_marked_cache();
        let read = Usage { cached_tokens: Some(2_000), ..usage(3_000, 100) };
        let written = Usage { cache_written_tokens: Some(2_000), ..usage(3_000, 100) };
        // Automatic: 1,000 × 1 + 2,000 × 0.2 + 100 × 2 = 1,600 millionths; marked: 2,000 × 0.1 instead, 1,400.
        assert_eq!((price.of(&read, false), marked.of(&read, false)), (Some(0.0016), Some(0.0014)));
        // 1,000 × 1 + 2,000 × 1.25 + 100 × 2 = 3,700.
        assert_eq!(marked.of(&written, false), Some(0.0037));
        // At worst, all of a marked prompt is written: 3,000 × 1.25 + 100 × 2 = 3,950; of an unmarked one none.
        assert!((marked.worst_case(3_000, 100, false) - 0.003_95).abs() < 1e-15);
        assert!((price.worst_case(3_000, 100, false) - 0.003_2).abs() < 1e-15);
    }

    #[test]
    fn figures_replace_those_of_a_price_and_what_follows_from_them_keeps_its_share() {
        let tier = |up_to, input: f64| Tier {
            up_to,
            input,
            output: 2.0,
            thinking_output: Some(6.0),
            cached_input: Some(input * 0.25),
            ..Tier::default()
        };
        let price = Price { tiers: vec![tier(Some(10), 1.0), tier(None, 4.0)], ..Price::default() };
        let dearer = PriceFigures { output: Some(3.0), ..PriceFigures::default() }.over(&price);
        assert_eq!(
            dearer.tiers,
            [
                Tier { output: 3.0, thinking_output: Some(9.0), ..tier(Some(10), 1.0) },
                Tier { output: 3.0, thinking_output: Some(9.0), ..tier(None, 4.0) }
            ]
        );
        let flat = PriceFigures { input: Some(2.0), cached_input: Some(0.1), ..PriceFigures::default() }
            .over(&price);
        assert_eq!(flat.tiers[1], Tier { input: 2.0, cached_input: Some(0.1), ..tier(None, 4.0) });
        assert_eq!(PriceFigures::default().over(&price), price);
    }

    #[test]
    fn a_slower_route_costs_a_share_of_every_price_and_has_no_cache() {
        let tier = Tier {
            up_to: Some(1_000),
            input: 1.0,
            output: 2.0,
            thinking_output: Some(3.0),
            cached_input: Some(0.2),
            cache_read: Some(0.1),
            cache_write: Some(1.25),
        };
        let half = Price { tiers: vec![tier], rises: true, ..Price::default() }.at_share(0.5);
        let expected = Tier {
            up_to: Some(1_000),
            input: 0.5,
            output: 1.0,
            thinking_output: Some(1.5),
            ..Tier::default()
        };
        assert_eq!((half.tiers.as_slice(), half.rises), ([expected].as_slice(), true));
        // All of the prompt at 0.5, whatever the service counts as cached: 1,000 × 0.5 + 100 × 1.
        let cached = Usage { cached_tokens: Some(900), ..usage(1_000, 100) };
        assert_eq!(
            (half.of(&cached, false), half.of_marked_cache().of(&cached, false)),
            (Some(0.0006), Some(0.0006))
        );
    }

    #[test]
    fn counts_that_contradict_each_other_never_make_a_cost_negative() {
        let price = Price::flat(1.0, 1.0, Some(0.5));
        let senseless = Usage { cached_tokens: Some(90), cache_written_tokens: Some(90), ..usage(100, 0) };
        // 90 × 0.5, and of the 90 written ones the remaining 10 × 1.
        assert_eq!(price.of(&senseless, false), Some(0.000_055));
    }

    #[test]
    fn money_is_written_without_rounding_noise() {
        assert_eq!(rounded(0.1 + 0.2).to_string(), "0.3");
        assert_eq!(rounded(0.000_011_599_999_999_999_999).to_string(), "0.0000116");
        assert_eq!(rounded(1_234_567.89), 1_234_567.89);
        assert_eq!(rounded(0.0), 0.0);
    }
}
