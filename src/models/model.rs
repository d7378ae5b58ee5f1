//! One model's facts. A fact that is not known is absent, never zero.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::languages::Translates;
use super::price::by_scope;
use super::region::{Region, Scope};
use crate::job::facts::{Answers, Thinking};
use crate::job::facts_date::FactsDate;
use crate::job::price::Price;

/// What is known of a model, or of a family of models by one pattern.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The name requests carry, or the pattern of such names.
    #[serde(skip)]
    pub name: String,
    /// Other names for the very same model.
    #[serde(skip_serializing)]
    pub aliases: Vec<String>,
    /// Context window in tokens, input and output together.
    #[serde(deserialize_with = "tokens")]
    pub context: Option<u64>,
    /// Longest input in tokens.
    #[serde(deserialize_with = "tokens")]
    pub max_input: Option<u64>,
    /// Longest input in tokens for a request that thinks, where it differs.
    #[serde(deserialize_with = "tokens")]
    pub max_input_thinking: Option<u64>,
    /// The most tokens that are made of one image.
    #[serde(deserialize_with = "tokens")]
    pub max_image: Option<u64>,
    /// Longest answer in tokens, thoughts not counted unless `output_includes_thinking`; the default of `max_tokens`.
    #[serde(deserialize_with = "tokens")]
    pub max_output: Option<u64>,
    /// Whether `max_tokens` bounds thoughts and answer together, and not the answer alone.
    pub output_includes_thinking: Option<bool>,
    /// Longest chain of thought in tokens; the upper end of `thinking_budget`.
    #[serde(deserialize_with = "tokens")]
    pub max_thinking: Option<u64>,
    /// Whether the model thinks.
    pub thinking: Option<Thinking>,
    /// The levels of `reasoning_effort`; empty where they are not known.
    pub efforts: Vec<String>,
    /// In which form the model gives its answers.
    pub transport: Option<Answers>,
    /// Whether the model takes `tools`.
    pub function_calling: Option<bool>,
    /// Whether the model takes a JSON Schema in `response_format`.
    #[serde(skip_serializing)]
    pub json_schema: Option<bool>,
    /// Between which languages it translates; absent for a model that is not made for that.
    #[serde(skip_serializing)]
    pub translates: Option<Translates>,
    /// Where it can be used in Batch File jobs, at half price.
    pub batch_file: Option<Offer>,
    /// Where it can be used through the Batch Chat host, at half price.
    pub batch_chat: Option<Offer>,
    /// Regions known not to have the model.
    pub not_offered_in: Vec<Region>,
    /// The date of the facts; limits and prices have their own.
    pub facts_as_of: Option<FactsDate>,
    /// The rate limits of the stable name, by region.
    #[serde(skip_serializing)]
    pub limits: BTreeMap<Scope, RateLimits>,
    /// The prices, by region.
    #[serde(deserialize_with = "by_scope", skip_serializing)]
    pub prices: BTreeMap<Scope, Price>,
    /// Names that share these facts and have limits or prices of their own.
    #[serde(skip_serializing)]
    pub variants: BTreeMap<String, Variant>,
}

/// What a variant of a model does not share with it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variant {
    /// Its own limits; those of the model do not hold for it.
    pub limits: BTreeMap<Scope, RateLimits>,
    /// Its own prices; where there are none, those of the model hold.
    #[serde(deserialize_with = "by_scope")]
    pub prices: BTreeMap<Scope, Price>,
}

/// The rate limits of a model in a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Requests per minute.
    #[serde(rename = "rpm")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens per minute, input and output together.
    #[serde(rename = "tpm")]
    pub tokens_per_minute: Option<NonZeroU32>,
    /// The date of these limits.
    pub as_of: Option<FactsDate>,
}

/// Where something is on offer: in the regions listed (an empty list: nowhere), or said without a region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Offer {
    /// The regions that have it.
    In(Vec<Region>),
    /// Known to exist or not; in which regions is not.
    Somewhere(bool),
}

impl Offer {
    /// Whether it is on offer in this region, or without one, anywhere. None: not known.
    pub fn holds_in(&self, region: Option<Region>) -> Option<bool> {
        match (self, region) {
            (Self::In(regions), Some(region)) => Some(regions.contains(&region)),
            (Self::In(regions), None) => Some(!regions.is_empty()),
            (Self::Somewhere(true), Some(_)) => None,
            (Self::Somewhere(somewhere), _) => Some(*somewhere),
        }
    }
}

impl RateLimits {
    /// Takes over every figure that the other ones have; the date of the old figures does not vouch for the new.
    fn override_with(&mut self, other: &Self) {
        self.requests_per_minute = other.requests_per_minute.or(self.requests_per_minute);
        self.tokens_per_minute = other.tokens_per_minute.or(self.tokens_per_minute);
        self.as_of.clone_from(&other.as_of);
    }

    /// The lower of two limits, each figure for itself; the date is that of `self`.
    pub fn lower_of(&self, other: &Self) -> Self {
        let lower = |mine: Option<NonZeroU32>, theirs| mine.into_iter().chain(theirs).min();
        Self {
            requests_per_minute: lower(self.requests_per_minute, other.requests_per_minute),
            tokens_per_minute: lower(self.tokens_per_minute, other.tokens_per_minute),
            as_of: self.as_of.clone(),
        }
    }
}

impl Model {
    /// The longest input, in tokens, of a request that thinks or does not; the context where no more is known.
    pub fn longest_input(&self, thinks: bool) -> Option<u64> {
        let thinking = self.max_input_thinking.filter(|_| thinks);
        thinking.or(self.max_input).or(self.context)
    }

    /// Takes over every fact the other one has.
    pub(super) fn override_with(&mut self, other: Self) {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            name: _,
            aliases,
            facts_as_of,
            context,
            max_input,
            max_input_thinking,
            max_image,
            max_output,
            output_includes_thinking,
            max_thinking,
            thinking,
            efforts,
            transport,
            function_calling,
            json_schema,
            translates,
            batch_file,
            batch_chat,
            not_offered_in,
            limits,
            prices,
            variants,
        } = other;
        self.aliases.extend(aliases);
        self.not_offered_in.extend(not_offered_in);
        self.facts_as_of = facts_as_of.or_else(|| self.facts_as_of.take());
        self.context = context.or(self.context);
        self.max_input = max_input.or(self.max_input);
        self.max_input_thinking = max_input_thinking.or(self.max_input_thinking);
        self.max_image = max_image.or(self.max_image);
        self.max_output = max_output.or(self.max_output);
        self.output_includes_thinking = output_includes_thinking.or(self.output_includes_thinking);
        self.max_thinking = max_thinking.or(self.max_thinking);
        self.thinking = thinking.or(self.thinking);
        if !efforts.is_empty() {
            self.efforts = efforts;
        }
        self.transport = transport.or(self.transport);
        self.function_calling = function_calling.or(self.function_calling);
        self.json_schema = json_schema.or(self.json_schema);
        self.translates = translates.or(self.translates);
        self.batch_file = batch_file.or_else(|| self.batch_file.take());
        self.batch_chat = batch_chat.or_else(|| self.batch_chat.take());
        override_limits(&mut self.limits, limits);
        override_prices(&mut self.prices, prices);
        for (name, variant) in variants {
            let mine = self.variants.entry(name).or_default();
            override_limits(&mut mine.limits, variant.limits);
            override_prices(&mut mine.prices, variant.prices);
        }
    }
}

/// Takes over every figure the other limits have. A figure for any address takes the place of those for single regions.
pub(super) fn override_limits(mine: &mut BTreeMap<Scope, RateLimits>, other: BTreeMap<Scope, RateLimits>) {
    if let Some(any) = other.get(&Scope::Any) {
        for limits in mine.values_mut() {
            limits.override_with(any);
        }
    }
    for (scope, limits) in other {
        mine.entry(scope).or_default().override_with(&limits);
    }
}

/// Takes over every price list of the other, whole. One for any address takes the place of those for single regions.
fn override_prices(mine: &mut BTreeMap<Scope, Price>, other: BTreeMap<Scope, Price>) {
    if other.contains_key(&Scope::Any) {
        mine.clear();
    }
    mine.extend(other);
}

/// A number of tokens; what is not known is left out, and never 0.
fn tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a number of tokens is above 0; leave out what is not known")),
        tokens => Ok(Some(tokens)),
    }
}
