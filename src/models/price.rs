//! Prices as a table writes them, and the price of cached input if they do not give one.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::region::Scope;
use crate::job::facts_date::FactsDate;
use crate::job::price::{Price, Tier, rounded};

/// The price of cached input as a share of the input price, for tiers without their own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
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
    /// The price with its cache prices calculated.
    pub(super) fn fill(&self, price: &Price) -> Price {
        let tiers = price.tiers.iter().map(|tier| self.fill_tier(tier)).collect();
        Price { tiers, ..price.clone() }
    }

    fn fill_tier(&self, tier: &Tier) -> Tier {
        let share = |share: Option<f64>| share.map(|share| rounded(tier.input * share));
        Tier {
            cached_input: tier.cached_input.or(share(self.automatic)),
            cache_read: tier.cache_read.or(share(self.marked_read)),
            cache_write: tier.cache_write.or(share(self.marked_write)),
            ..*tier
        }
    }

    /// Takes every share that the other one has.
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

/// A price as it is written: a list of tiers, or a single price for all input lengths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    as_of: Option<FactsDate>,
    #[serde(default)]
    rises: bool,
    tiers: Option<Vec<Tier>>,
    input: Option<f64>,
    output: Option<f64>,
    thinking_output: Option<f64>,
    cached_input: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

/// A price that was read and is valid.
#[derive(Deserialize)]
#[serde(try_from = "RawPrice")]
struct SoundPrice(Price);

/// Reads the prices of a model, by scope.
pub(super) fn by_scope<'de, D: Deserializer<'de>>(written: D) -> Result<BTreeMap<Scope, Price>, D::Error> {
    let prices = BTreeMap::<Scope, SoundPrice>::deserialize(written)?;
    Ok(prices.into_iter().map(|(scope, price)| (scope, price.0)).collect())
}

impl TryFrom<RawPrice> for SoundPrice {
    type Error = &'static str;

    fn try_from(written: RawPrice) -> Result<Self, &'static str> {
        let RawPrice { as_of, rises, tiers, input, output, .. } = written;
        let RawPrice { thinking_output, cached_input, cache_read, cache_write, .. } = written;
        let extras = [thinking_output, cached_input, cache_read, cache_write];
        let is_flat = [input, output].iter().chain(&extras).any(Option::is_some);
        let tiers = match (tiers, input, output) {
            (Some(tiers), ..) if !is_flat => tiers,
            (Some(_), ..) => return Err("give prices in `tiers` or without them, not both"),
            (None, Some(input), Some(output)) => {
                vec![Tier {
                    up_to: None,
                    input,
                    output,
                    thinking_output,
                    cached_input,
                    cache_read,
                    cache_write,
                }]
            }
            (None, ..) => return Err("a price has both `input` and `output`, or `tiers` of them"),
        };
        match fault(&tiers) {
            Some(fault) => Err(fault),
            None => Ok(Self(Price { as_of, rises, tiers, marks_cache: false })),
        }
    }
}

/// What is wrong with the tiers of a price, if anything.
fn fault(tiers: &[Tier]) -> Option<&'static str> {
    let prices_hold = tiers.iter().all(prices_hold);
    let bounds_rise = tiers.windows(2).all(|pair| match (pair[0].up_to, pair[1].up_to) {
        (Some(first), Some(second)) => first < second,
        (Some(_), None) => true,
        (None, _) => false,
    });
    match (tiers.is_empty(), prices_hold, bounds_rise) {
        (true, _, _) => Some("a price needs at least one tier"),
        (_, false, _) => Some("a price must be a number, not below zero"),
        (_, _, false) => Some("the tiers must rise by `up_to`, and only the last may be without"),
        _ => None,
    }
}

fn prices_hold(tier: &Tier) -> bool {
    let extras = [tier.thinking_output, tier.cached_input, tier.cache_read, tier.cache_write];
    let prices = [tier.input, tier.output].into_iter().chain(extras.into_iter().flatten());
    prices.into_iter().all(|price| price.is_finite() && price >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(up_to: Option<u64>, input: f64) -> Tier {
        Tier { up_to, input, output: 1.0, ..Tier::default() }
    }

    #[test]
    fn senseless_lists_are_named() {
        assert!(fault(&[]).is_some());
        assert!(fault(&[tier(None, f64::NAN)]).is_some());
        assert!(fault(&[tier(None, -1.0)]).is_some());
        assert!(fault(&[tier(None, 1.0), tier(None, 2.0)]).is_some());
        assert!(fault(&[tier(Some(2), 1.0), tier(Some(2), 2.0)]).is_some());
        assert!(fault(&[tier(Some(2), 1.0), tier(None, 2.0)]).is_none());
    }

    #[test]
    fn one_price_for_every_length_needs_no_tiers() {
        let parse =
            |text: &str| toml::from_str::<SoundPrice>(text).map_err(|error| error.message().to_owned());
        let flat = parse("input = 0.4\noutput = 1.2\ncached_input = 0.1");
        assert_eq!(
            flat.map(|price| price.0.tiers),
            Ok(vec![Tier { output: 1.2, cached_input: Some(0.1), ..tier(None, 0.4) }])
        );
        assert!(parse("input = 0.4").is_err_and(|said| said.contains("`output`")));
        assert!(parse("input = 1.0\noutput = 1.0\ntiers = []").is_err_and(|said| said.contains("not both")));
    }

    #[test]
    fn a_tier_s_own_cache_price_overrides_the_shares() {
        let shares = CacheShares {
            automatic: Some(0.2),
            marked_read: Some(0.1),
            marked_write: Some(1.25),
            as_of: None,
        };
        let filled = shares.fill_tier(&Tier { cache_read: Some(0.07), ..tier(None, 0.4) });
        // 0.4 × 20 % = 0.08; 0.4 × 125 % = 0.5; the tier's own 0.07 stays.
        assert_eq!(
            (filled.cached_input, filled.cache_read, filled.cache_write),
            (Some(0.08), Some(0.07), Some(0.5))
        );
        assert_eq!(CacheShares::default().fill_tier(&tier(None, 0.4)), tier(None, 0.4));
    }
}
