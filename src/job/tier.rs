//! The tier of the service that answers: at once, or through a queue for less. How a request travels is not part of what it is.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceTier {
    /// The usual way: a request is answered at once, and limits per minute apply.
    #[default]
    Standard,
    /// Batch Chat: a synchronous request that waits in a queue, for up to an hour.
    BatchChat,
}

/// A slower way to a model, for less: what is known of it beforehand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheaperRoute {
    /// Whether it has the model in the region of the address; `None` if that is not known, or the address has no region.
    pub offered: Option<bool>,
    /// The regions in which it has the model, as far as they are known.
    pub regions: Vec<&'static str>,
    /// Its price, as a share of the price of a request that is answered at once; `None` if unknown.
    pub share: Option<f64>,
    /// The longest input that it takes for this model, in tokens, if it is shorter than the model's own.
    pub max_input_tokens: Option<u64>,
}

/// Where requests go, as far as the facts about models depend on it.
#[derive(Debug, Clone, Copy)]
pub struct ServedAt<'a> {
    /// The address of the API.
    pub base_url: &'a str,
    /// The tier.
    pub tier: ServiceTier,
    /// The region whose prices apply, by its name, for an address that has no region of its own.
    pub priced_in: Option<&'a str>,
}

impl<'a> ServedAt<'a> {
    /// The usual tier at an address.
    pub fn address(base_url: &'a str) -> Self {
        Self { base_url, tier: ServiceTier::Standard, priced_in: None }
    }
}
