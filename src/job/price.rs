//! What tokens cost.

use crate::outcome::Usage;
use crate::request::Estimate;

/// Money per million tokens, in whatever currency the user keeps books in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Per million prompt tokens.
    pub input: f64,
    /// Per million completion tokens, reasoning included.
    pub output: f64,
    /// Per million prompt tokens that the service had cached; the input price where it is not given.
    pub cached_input: Option<f64>,
}

impl Price {
    /// What a request cost by the service's own count.
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.unwrap_or(0).min(usage.prompt_tokens);
        let fresh = usage.prompt_tokens - cached;
        let millionths = fresh as f64 * self.input
            + cached as f64 * self.cached_input.unwrap_or(self.input)
            + usage.completion_tokens as f64 * self.output;
        // So that it reads 0.0000116, and not 0.000011599999999999999.
        (millionths * 1e6).round() / 1e12
    }

    /// The most a request can cost.
    pub fn worst_case(&self, estimate: &Estimate) -> f64 {
        let input = self.input.max(self.cached_input.unwrap_or(0.0));
        (estimate.prompt_tokens as f64 * input + estimate.max_completion_tokens as f64 * self.output) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_charged_at_their_own_price() {
        let price = Price { input: 0.4, output: 1.2, cached_input: Some(0.08) };
        let usage = Usage {
            prompt_tokens: 1_000_000,
            completion_tokens: 500_000,
            total_tokens: 1_500_000,
            cached_tokens: Some(250_000),
            reasoning_tokens: None,
        };
        assert!((price.of(&usage) - (0.3 + 0.02 + 0.6)).abs() < 1e-12);
        let usage = Usage { prompt_tokens: 5, completion_tokens: 8, ..Usage::default() };
        assert_eq!(price.of(&usage).to_string(), "0.0000116");
    }
}
