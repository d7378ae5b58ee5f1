//! The slower routes to a model, as a table writes them, and what they change of its facts.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Deserialize;

use super::model::{Model, Offer};
use super::region::Region;
use crate::job::facts::ModelInfo;
use crate::job::facts_date::FactsDate;
use crate::job::limits::Rates;
use crate::job::tier::{CheaperRoute, ServiceTier};

/// Every slower route.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowRoutes {
    /// A synchronous request that waits in a queue.
    pub batch_chat: SlowRoute,
    /// A file of requests.
    pub batch_file: SlowRoute,
}

/// A slower route: its price and its limits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowRoute {
    /// Its price as a share of the usual one.
    #[serde(deserialize_with = "share")]
    pub share: Option<f64>,
    /// Requests per second that it takes.
    pub qps: Option<NonZeroU32>,
    /// Requests that may wait in it at once.
    pub waiting: Option<NonZeroU32>,
    /// The date of these figures.
    pub as_of: Option<FactsDate>,
}

impl SlowRoutes {
    /// Takes every figure that the other one has.
    pub(super) fn override_with(&mut self, other: Self) {
        self.batch_chat.override_with(other.batch_chat);
        self.batch_file.override_with(other.batch_file);
    }

    /// Adds to the facts about a model what the routes offer of it in a region.
    pub(super) fn offered(&self, info: &mut ModelInfo, model: &Model, region: Option<Region>) {
        let route = |slow: &SlowRoute, offer: &Option<Offer>| CheaperRoute {
            offered: region.and_then(|region| offer.as_ref()?.holds_in(Some(region))),
            regions: offer.iter().flat_map(Offer::regions).map(|region| region.name()).collect(),
            share: slow.share,
            max_input_tokens: model.batch_context,
        };
        info.batch_chat = route(&self.batch_chat, &model.batch_chat);
        info.batch_file = route(&self.batch_file, &model.batch_file);
    }

    /// The facts about a model through a tier: its price there and its limits.
    pub(super) fn through(&self, tier: ServiceTier, name: &str, info: ModelInfo) -> ModelInfo {
        if tier == ServiceTier::Standard {
            return info;
        }
        let share = self.batch_chat.share.unwrap_or(1.0);
        let longest = info.batch_chat.max_input_tokens;
        let fits = |own: Option<u64>| own.into_iter().chain(longest).min();
        let missing = || format!("{name} is not offered by Batch Chat");
        ModelInfo {
            rates: Rates { qps: self.batch_chat.qps.map(|limit| limit.get().into()), ..Rates::default() },
            most_in_flight: self.batch_chat.waiting.map(|waiting| waiting.get() as usize),
            price: info.price.map(|price| Arc::new(price.at_share(share))),
            max_input_tokens: fits(info.max_input_tokens),
            max_input_tokens_thinking: fits(info.max_input_tokens_thinking),
            unavailable: match info.batch_chat.offered {
                Some(false) => info.unavailable.or_else(|| Some(missing().into())),
                _ => info.unavailable,
            },
            ..info
        }
    }
}

impl SlowRoute {
    fn override_with(&mut self, other: Self) {
        let Self { share, qps, waiting, as_of } = other;
        if share.is_some() || qps.is_some() || waiting.is_some() {
            self.as_of = as_of;
        }
        self.share = share.or(self.share);
        self.qps = qps.or(self.qps);
        self.waiting = waiting.or(self.waiting);
    }
}

fn share<'de, D: serde::Deserializer<'de>>(written: D) -> Result<Option<f64>, D::Error> {
    let share = f64::deserialize(written)?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(Some(share)),
        false => Err(serde::de::Error::custom("a share of the price is from 0 to 1")),
    }
}
