//! What tokens cost: tiers by the length of a single request's input.

use serde::Deserialize;

use super::date::FactsDate;

/// The prices of one model in one region.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// The date of these prices.
    pub as_of: Option<FactsDate>,
    /// Whether long inputs are known to cost more than is written here, so that a cost is a lower bound.
    #[serde(default)]
    pub rises: bool,
    /// The tiers, shortest inputs first; never empty.
    pub tiers: Vec<Tier>,
}

/// The prices for requests whose input is of a certain length, in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The longest input of this tier, in tokens; none: no end.
    pub up_to: Option<u64>,
    /// Input tokens.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Output tokens of a request that thinks, the thoughts included, where they cost more.
    pub thinking_output: Option<f64>,
    /// Input tokens found in the automatic cache.
    pub cached_input: Option<f64>,
    /// Input tokens read from a cache that the request marked with `cache_control`.
    pub cache_read: Option<f64>,
    /// Input tokens written to a cache that the request marked with `cache_control`.
    pub cache_write: Option<f64>,
}

impl PriceList {
    /// The tier of a request with so many input tokens; none where its price is not known.
    pub fn tier_for(&self, prompt_tokens: u64) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to))
    }

    /// What is wrong with the list, if anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let prices_hold = self.tiers.iter().all(Tier::prices_hold);
        let bounds_rise = self.tiers.windows(2).all(|pair| match (pair[0].up_to, pair[1].up_to) {
            (Some(first), Some(second)) => first < second,
            (Some(_), None) => true,
            (None, _) => false,
        });
        match (self.tiers.is_empty(), prices_hold, bounds_rise) {
            (true, _, _) => Some("a price needs at least one tier"),
            (_, false, _) => Some("a price must be a number, not below zero"),
            (_, _, false) => Some("the tiers must rise by `up_to`, and only the last may be without"),
            _ => None,
        }
    }
}

impl Tier {
    fn prices_hold(&self) -> bool {
        let extras = [self.thinking_output, self.cached_input, self.cache_read, self.cache_write];
        let prices = [self.input, self.output].into_iter().chain(extras.into_iter().flatten());
        prices.into_iter().all(|price| price.is_finite() && price >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(up_to: Option<u64>, input: f64) -> Tier {
        Tier {
            up_to,
            input,
            output: 1.0,
            thinking_output: None,
            cached_input: None,
            cache_read: None,
            cache_write: None,
        }
    }

    fn list(tiers: Vec<Tier>) -> PriceList {
        PriceList { as_of: None, rises: false, tiers }
    }

    #[test]
    fn the_tier_is_the_first_that_holds_the_input() {
        let prices = list(vec![tier(Some(256_000), 0.5), tier(None, 2.0)]);
        let input_price = |tokens| prices.tier_for(tokens).map(|tier| tier.input);
        assert_eq!(input_price(0), Some(0.5));
        assert_eq!(input_price(256_000), Some(0.5));
        assert_eq!(input_price(256_001), Some(2.0));
    }

    #[test]
    fn an_input_past_the_last_tier_has_no_known_price() {
        assert_eq!(list(vec![tier(Some(32_000), 1.2)]).tier_for(32_001), None);
    }

    #[test]
    fn lists_that_make_no_sense_are_named() {
        assert!(list(vec![]).fault().is_some());
        assert!(list(vec![tier(None, f64::NAN)]).fault().is_some());
        assert!(list(vec![tier(None, -1.0)]).fault().is_some());
        assert!(list(vec![tier(None, 1.0), tier(None, 2.0)]).fault().is_some());
        assert!(list(vec![tier(Some(2), 1.0), tier(Some(2), 2.0)]).fault().is_some());
        assert!(list(vec![tier(Some(2), 1.0), tier(None, 2.0)]).fault().is_none());
    }
}
