//! What tokens cost: tiers by the length of a single request's input.

use serde::Deserialize;

use super::date::FactsDate;
use crate::job::price::rounded;

/// The prices of one model in one region, or at any address.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawPrice")]
pub struct PriceList {
    /// The date of these prices.
    pub as_of: Option<FactsDate>,
    /// Whether long inputs are known to cost more than is written here, so that a cost is a lower bound.
    pub rises: bool,
    /// The tiers, shortest inputs first; never empty.
    pub tiers: Vec<PriceTier>,
}

/// The prices for requests whose input is of a certain length, in money per million tokens: US dollars in the
/// built-in table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
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

/// What cached input costs of the price of input, where a tier does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheShares {
    /// Of tokens found in the automatic cache.
    pub automatic: Option<f64>,
    /// Of tokens read from a cache that the request marked.
    pub marked_read: Option<f64>,
    /// Of tokens written to a cache that the request marked.
    pub marked_write: Option<f64>,
    /// The date of these shares.
    pub as_of: Option<FactsDate>,
}

impl CacheShares {
    /// The tier with its cache prices worked out.
    pub fn fill(&self, tier: &PriceTier) -> PriceTier {
        let share = |share: Option<f64>| share.map(|share| rounded(tier.input * share));
        PriceTier {
            cached_input: tier.cached_input.or(share(self.automatic)),
            cache_read: tier.cache_read.or(share(self.marked_read)),
            cache_write: tier.cache_write.or(share(self.marked_write)),
            ..tier.clone()
        }
    }

    /// Takes over every share the other one has.
    pub(super) fn override_with(&mut self, other: Self) {
        let given = [other.automatic, other.marked_read, other.marked_write];
        self.automatic = other.automatic.or(self.automatic);
        self.marked_read = other.marked_read.or(self.marked_read);
        self.marked_write = other.marked_write.or(self.marked_write);
        if given.iter().any(Option::is_some) {
            self.as_of = other.as_of;
        }
    }
}

/// Prices as they are written: a list of tiers, or one price for inputs of every length.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    as_of: Option<FactsDate>,
    #[serde(default)]
    rises: bool,
    tiers: Option<Vec<PriceTier>>,
    input: Option<f64>,
    output: Option<f64>,
    thinking_output: Option<f64>,
    cached_input: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

impl TryFrom<RawPrice> for PriceList {
    type Error = &'static str;

    fn try_from(written: RawPrice) -> Result<Self, &'static str> {
        let RawPrice { as_of, rises, tiers, input, output, .. } = written;
        let RawPrice { thinking_output, cached_input, cache_read, cache_write, .. } = written;
        let extras = [thinking_output, cached_input, cache_read, cache_write];
        let is_flat = [input, output].iter().chain(&extras).any(Option::is_some);
        let tiers = match (tiers, input, output) {
            (Some(tiers), ..) if !is_flat => tiers,
            (Some(_), ..) => return Err("prices stand in `tiers` or without them, not both"),
            (None, Some(input), Some(output)) => vec![PriceTier {
                up_to: None,
                input,
                output,
                thinking_output,
                cached_input,
                cache_read,
                cache_write,
            }],
            (None, ..) => return Err("a price has both `input` and `output`, or `tiers` of them"),
        };
        let list = Self { as_of, rises, tiers };
        list.fault().map_or(Ok(list), Err)
    }
}

impl PriceList {
    /// The tier of a request with so many input tokens; none where its price is not known.
    pub fn tier_for(&self, prompt_tokens: u64) -> Option<&PriceTier> {
        self.tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| prompt_tokens <= up_to))
    }

    /// What is wrong with the list, if anything.
    fn fault(&self) -> Option<&'static str> {
        let prices_hold = self.tiers.iter().all(PriceTier::prices_hold);
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

impl PriceTier {
    fn prices_hold(&self) -> bool {
        let extras = [self.thinking_output, self.cached_input, self.cache_read, self.cache_write];
        let prices = [self.input, self.output].into_iter().chain(extras.into_iter().flatten());
        prices.into_iter().all(|price| price.is_finite() && price >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(up_to: Option<u64>, input: f64) -> PriceTier {
        PriceTier {
            up_to,
            input,
            output: 1.0,
            thinking_output: None,
            cached_input: None,
            cache_read: None,
            cache_write: None,
        }
    }

    fn list(tiers: Vec<PriceTier>) -> PriceList {
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

    #[test]
    fn one_price_for_every_length_needs_no_tiers() {
        let parse =
            |text: &str| toml::from_str::<PriceList>(text).map_err(|error| error.message().to_owned());
        let flat = parse("input = 0.4\noutput = 1.2\ncached_input = 0.1");
        assert_eq!(
            flat.map(|list| list.tiers),
            Ok(vec![PriceTier { output: 1.2, cached_input: Some(0.1), ..tier(None, 0.4) }])
        );
        assert!(parse("input = 0.4").is_err_and(|said| said.contains("`output`")));
        assert!(parse("input = 1.0\noutput = 1.0\ntiers = []").is_err_and(|said| said.contains("not both")));
    }

    #[test]
    fn what_a_tier_says_of_its_cache_beats_the_shares() {
        let shares = CacheShares {
            automatic: Some(0.2),
            marked_read: Some(0.1),
            marked_write: Some(1.25),
            as_of: None,
        };
        let filled = shares.fill(&PriceTier { cache_read: Some(0.07), ..tier(None, 0.4) });
        // 0.4 × 20 % = 0.08; 0.4 × 125 % = 0.5; the tier's own 0.07 stays.
        assert_eq!(
            (filled.cached_input, filled.cache_read, filled.cache_write),
            (Some(0.08), Some(0.07), Some(0.5))
        );
        assert_eq!(CacheShares::default().fill(&tier(None, 0.4)), tier(None, 0.4));
    }
}
