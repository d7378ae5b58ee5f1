//! What tokens cost.

use crate::outcome::Usage;

/// Money per million tokens, in whatever currency the user keeps books in, by the length of a request's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The tiers, shortest inputs first; never empty.
    pub tiers: Vec<Tier>,
    /// The date of these figures; `None` of the user's own.
    pub as_of: Option<String>,
}

/// The price of requests whose input is of a certain length.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tier {
    /// The longest input of this tier, in tokens; `None`: no end.
    pub up_to: Option<u64>,
    /// Per million prompt tokens.
    pub input: f64,
    /// Per million completion tokens, reasoning included.
    pub output: f64,
    /// Per million completion tokens of an answer that thought, where they cost more.
    pub thinking_output: Option<f64>,
    /// Per million prompt tokens that the service had cached; the input price where it is not given.
    pub cached_input: Option<f64>,
}

impl Price {
    /// One price for inputs of every length.
    pub fn flat(input: f64, output: f64, cached_input: Option<f64>) -> Self {
        let tier = Tier { input, output, cached_input, ..Tier::default() };
        Self { tiers: vec![tier], as_of: None }
    }

    /// The tier of a request with so many prompt tokens; `None` where its price is not known.
    fn tier(&self, prompt_tokens: u64) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to))
    }

    /// What a request cost by the service's own count; `None` where its price is not known. `thought`: whether the
    /// answer came with reasoning.
    pub fn of(&self, usage: &Usage, thought: bool) -> Option<f64> {
        let tier = self.tier(usage.prompt_tokens)?;
        let cached = usage.cached_tokens.unwrap_or(0).min(usage.prompt_tokens);
        let fresh = usage.prompt_tokens - cached;
        let millionths = fresh as f64 * tier.input
            + cached as f64 * tier.cached_input.unwrap_or(tier.input)
            + usage.completion_tokens as f64 * tier.output_price(thought);
        // So that it reads 0.0000116, and not 0.000011599999999999999.
        Some((millionths * 1e6).round() / 1e12)
    }

    /// The most a request can cost. An input past the last tier counts at the dearest.
    pub fn worst_case(&self, prompt_tokens: u64, completion_tokens: u64, thinks: bool) -> f64 {
        let within = |tier: &Tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to);
        let ends_here = self.tiers.iter().position(within).unwrap_or(self.tiers.len());
        // What is set aside is no less than the truth, so the truth has this tier or a lower one.
        let tiers = self.tiers.iter().take(ends_here + 1);
        let cost = |tier: &Tier| {
            let input = tier.input.max(tier.cached_input.unwrap_or(0.0));
            prompt_tokens as f64 * input + completion_tokens as f64 * tier.output_price(thinks)
        };
        tiers.map(cost).fold(0.0, f64::max) / 1e6
    }
}

impl Tier {
    fn output_price(&self, thinks: bool) -> f64 {
        self.thinking_output.filter(|_| thinks).unwrap_or(self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_charged_at_their_own_price() {
        let price = Price::flat(0.4, 1.2, Some(0.08));
        let usage = Usage {
            prompt_tokens: 1_000_000,
            completion_tokens: 500_000,
            total_tokens: 1_500_000,
            cached_tokens: Some(250_000),
            ..Usage::default()
        };
        assert_eq!(price.of(&usage, false), Some(0.92));
        let usage = Usage { prompt_tokens: 5, completion_tokens: 8, ..Usage::default() };
        assert_eq!(price.of(&usage, false).map(|cost| cost.to_string()), Some("0.0000116".to_owned()));
    }
}
