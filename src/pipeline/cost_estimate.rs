//! The possible cost of a plan's requests: sums over single requests, each at the price of its own model and length.

use std::sync::Arc;

use crate::job::facts_date::FactsDate;
use crate::job::price::Tier;
use crate::likely::LikelyBy;
use crate::request::ChatRequest;

/// The maximum number of distinct reasons for unavailable models; further ones are counted together.
const REASONS: usize = 8;

/// The possible cost of requests before anything is known about their answers. Money is in the currency of the prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CostEstimate {
    /// Requests with an unknown price: they are in no sum of money here.
    pub unpriced: u64,
    /// Requests of a model whose price rises with the input at an unknown length.
    pub rising: u64,
    /// Requests with answers of unknown maximum length.
    pub unbounded: u64,
    /// The maximum cost of all requests: what caps set aside for them.
    pub worst: f64,
    /// The cost of the prompts.
    pub prompts: f64,
    /// What the requests are likely to use and to cost.
    pub likely: Likely,
    /// The distinct dates of the prices.
    pub dates: Vec<FactsDate>,
    /// The requests that think without being asked to.
    pub unasked: Unasked,
    /// Why models are unavailable, and for how many requests.
    pub unavailable: Vec<(Arc<str>, u64)>,
    /// Whether any of the requests has entries of a glossary.
    pub uses_glossary: bool,
}

/// What requests are likely to use and to cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Likely {
    /// Tokens of the prompts.
    pub prompt_tokens: f64,
    /// Tokens of the answers.
    pub completion_tokens: f64,
    /// The most tokens of the answers.
    pub most_completion_tokens: f64,
    /// The cost of the prompts.
    pub prompts: f64,
    /// What the prompts would cost less if all of them came from the cache.
    pub saved_by_cache: f64,
    /// The cost of the answers.
    pub answers: f64,
    /// The most that prompts and answers can cost.
    pub most: f64,
    /// What the length of most answers follows from; the least certain one, where requests differ.
    pub by: Option<LikelyBy>,
}

/// Requests that think without being asked to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Unasked {
    pub requests: u64,
    /// Those of them with an unknown price.
    pub unpriced: u64,
    /// Those of them with an unknown longest chain of thought.
    pub boundless: u64,
    /// The cost of one more token of thought in each.
    pub token: f64,
    /// The cost of the longest chains of thought, where these are known.
    pub longest: f64,
    /// The longest chain of thought of all, in tokens.
    pub longest_tokens: u64,
}

impl CostEstimate {
    /// Adds a request.
    pub fn add(&mut self, request: &ChatRequest) {
        self.uses_glossary |= request.uses_glossary;
        if let Some(reason) = &request.unavailable {
            self.cannot_be_had(reason);
        }
        self.unbounded += u64::from(request.estimate.unbounded);
        let prompt_tokens = request.estimate.prompt_tokens;
        let price = request.price.as_deref();
        let tier = price.and_then(|price| price.tier(prompt_tokens));
        let per_token = tier.map(|tier| tier.output_price(request.thinks) / 1e6);
        if let Some(thinking) = request.unasked_thinking {
            self.unasked.add(thinking.longest, per_token);
        }
        if let Some(price) = price {
            let most = request.estimate.max_completion_tokens;
            self.worst += price.worst_case(prompt_tokens, most, request.thinks);
            self.rising += u64::from(price.rises);
            match &price.as_of {
                Some(date) if !self.dates.contains(date) => self.dates.push(date.clone()),
                _ => {}
            }
        }
        match tier {
            Some(tier) => self.prompts += prompt_tokens as f64 * tier.input / 1e6,
            None => self.unpriced += 1,
        }
        self.likely.add(request, tier, per_token);
    }

    /// The estimate for a share of the requests.
    #[must_use]
    pub fn scaled(&self, share: f64) -> Self {
        let count = |requests: u64| (requests as f64 * share).round() as u64;
        let unasked = self.unasked;
        Self {
            unpriced: count(self.unpriced),
            rising: count(self.rising),
            unbounded: count(self.unbounded),
            worst: self.worst * share,
            prompts: self.prompts * share,
            likely: self.likely.scaled(share),
            dates: self.dates.clone(),
            unasked: Unasked {
                requests: count(unasked.requests),
                unpriced: count(unasked.unpriced),
                boundless: count(unasked.boundless),
                token: unasked.token * share,
                longest: unasked.longest * share,
                longest_tokens: unasked.longest_tokens,
            },
            unavailable: self
                .unavailable
                .iter()
                .map(|(reason, requests)| (reason.clone(), count(*requests)))
                .collect(),
            uses_glossary: self.uses_glossary,
        }
    }

    fn cannot_be_had(&mut self, reason: &Arc<str>) {
        match self.unavailable.iter().position(|(known, _)| known == reason) {
            Some(index) => self.unavailable[index].1 += 1,
            None if self.unavailable.len() < REASONS => self.unavailable.push((reason.clone(), 1)),
            None => {}
        }
    }
}

impl Likely {
    fn add(&mut self, request: &ChatRequest, tier: Option<&Tier>, per_token: Option<f64>) {
        let usage = &request.likely;
        self.prompt_tokens += usage.prompt_tokens;
        self.completion_tokens += usage.completion_tokens;
        self.most_completion_tokens += usage.most_completion_tokens;
        self.by = self.by.max(Some(usage.by));
        if let (Some(tier), Some(per_token)) = (tier, per_token) {
            let cached = tier.cached_input.unwrap_or(tier.input).min(tier.input);
            self.prompts += usage.prompt_tokens * tier.input / 1e6;
            self.saved_by_cache += usage.prompt_tokens * (tier.input - cached) / 1e6;
            self.answers += usage.completion_tokens * per_token;
        }
        if let Some(price) = &request.price {
            // The estimate is the other way to count them.
            let prompt = (usage.most_prompt_tokens.ceil() as u64).max(request.estimate.prompt_tokens);
            let most = usage.most_completion_tokens.ceil() as u64;
            self.most += price.worst_case(prompt, most, request.thinks);
        }
    }

    fn scaled(&self, share: f64) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens * share,
            completion_tokens: self.completion_tokens * share,
            most_completion_tokens: self.most_completion_tokens * share,
            prompts: self.prompts * share,
            saved_by_cache: self.saved_by_cache * share,
            answers: self.answers * share,
            most: self.most * share,
            by: self.by,
        }
    }
}

impl Unasked {
    fn add(&mut self, longest: Option<u64>, per_token: Option<f64>) {
        self.requests += 1;
        self.unpriced += u64::from(per_token.is_none());
        self.boundless += u64::from(longest.is_none());
        self.token += per_token.unwrap_or(0.0);
        self.longest += longest.unwrap_or(0) as f64 * per_token.unwrap_or(0.0);
        self.longest_tokens = self.longest_tokens.max(longest.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::price::Price;
    use crate::likely::LikelyUsage;
    use crate::request::{Estimate, Fingerprint, UnaskedThinking};

    fn request(prompt_tokens: u64, price: Option<Price>) -> ChatRequest {
        ChatRequest {
            estimate: Estimate { prompt_tokens, max_completion_tokens: 100, unbounded: false },
            price: price.map(Arc::new),
            likely: LikelyUsage {
                prompt_tokens: 500.0,
                completion_tokens: 10.0,
                most_prompt_tokens: 600.0,
                most_completion_tokens: 20.0,
                by: LikelyBy::Translation,
            },
            ..ChatRequest::of_body(b"{}".to_vec(), Fingerprint([0; 16]))
        }
    }

    fn date() -> Option<FactsDate> {
        "2026-07-02".parse().ok()
    }

    fn tiered() -> Price {
        let low = Tier { up_to: Some(1_000), input: 1.0, output: 2.0, ..Tier::default() };
        let high = Tier {
            up_to: Some(2_000),
            input: 3.0,
            output: 4.0,
            thinking_output: Some(8.0),
            ..Tier::default()
        };
        Price { tiers: vec![low, high], as_of: date(), ..Price::default() }
    }

    #[test]
    fn each_request_counts_at_the_tier_of_its_own_length() {
        let mut cost_estimate = CostEstimate::default();
        cost_estimate.add(&request(1_000, Some(tiered())));
        cost_estimate.add(&request(1_001, Some(tiered())));
        cost_estimate.add(&ChatRequest { thinks: true, ..request(1_001, Some(tiered())) });
        // 1,000 × 1 + 1,001 × 3 + 1,001 × 3 = 7,006 millionths.
        assert!((cost_estimate.prompts - 0.007_006).abs() < 1e-12, "{cost_estimate:?}");
        assert_eq!((cost_estimate.unpriced, cost_estimate.dates.as_slice()), (0, date().as_slice()));
        // Likely 500 in and 10 out each: 500 × (1 + 3 + 3) + 10 × (2 + 4 + 8) = 3,640.
        let likely = cost_estimate.likely;
        assert!((likely.prompts + likely.answers - 0.003_64).abs() < 1e-12, "{likely:?}");
        assert_eq!((likely.prompt_tokens, likely.completion_tokens), (1_500.0, 30.0));
        // At most the estimated prompts, and 20 out: 7,006 + 20 × (2 + 4 + 8).
        assert!((likely.most - 0.007_286).abs() < 1e-12, "{likely:?}");
        assert!(likely.most <= cost_estimate.worst && likely.by == Some(LikelyBy::Translation));
    }

    #[test]
    fn requests_without_a_known_price_are_counted_separately() {
        let mut cost_estimate = CostEstimate::default();
        cost_estimate.add(&request(10, None));
        cost_estimate.add(&request(2_001, Some(tiered())));
        assert_eq!(
            (cost_estimate.unpriced, cost_estimate.prompts, cost_estimate.likely.answers),
            (2, 0.0, 0.0)
        );
        // Beyond the last tier it is reserved at the highest known price: 2,001 × 3 + 100 × 4.
        assert!((cost_estimate.worst - 0.006_403).abs() < 1e-12, "{cost_estimate:?}");
    }

    #[test]
    fn unasked_thinking_is_priced_by_the_longest_chain_where_that_is_known() {
        let mut cost_estimate = CostEstimate::default();
        let thinking = |longest| Some(UnaskedThinking { longest });
        let price = Price::flat(1.0, 2.0, None);
        cost_estimate
            .add(&ChatRequest { unasked_thinking: thinking(Some(500)), ..request(10, Some(price.clone())) });
        cost_estimate.add(&ChatRequest { unasked_thinking: thinking(None), ..request(10, Some(price)) });
        cost_estimate.add(&ChatRequest { unasked_thinking: thinking(None), ..request(10, None) });
        let unasked = cost_estimate.unasked;
        assert_eq!((unasked.requests, unasked.unpriced, unasked.boundless), (3, 1, 2));
        // 500 × 2 millionths; one more token in each of the two with a price: 2 × 2.
        assert!((unasked.longest - 0.001).abs() < 1e-12 && (unasked.token - 4e-6).abs() < 1e-15);
    }
}
