//! One model's facts. An unknown fact is absent, never zero.

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

/// The facts about a model, or about a family of models with one pattern.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// The name in requests, or the pattern of such names.
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
    /// Longest input in tokens for a request that thinks, if it differs.
    #[serde(deserialize_with = "tokens")]
    pub max_input_thinking: Option<u64>,
    /// The most tokens that one image becomes.
    #[serde(deserialize_with = "tokens")]
    pub max_image: Option<u64>,
    /// Longest answer in tokens, thoughts not counted unless `output_includes_thinking`; the default of `max_tokens`.
    #[serde(deserialize_with = "tokens")]
    pub max_output: Option<u64>,
    /// Whether `max_tokens` limits thoughts and answer together, and not only the answer.
    pub output_includes_thinking: Option<bool>,
    /// Longest chain of thought in tokens; the upper end of `thinking_budget`.
    #[serde(deserialize_with = "tokens")]
    pub max_thinking: Option<u64>,
    /// Whether the model thinks.
    pub thinking: Option<Thinking>,
    /// The levels of `reasoning_effort`; empty if unknown.
    pub efforts: Vec<String>,
    /// How the model returns its answers.
    pub transport: Option<Answers>,
    /// Whether the model accepts `tools`.
    pub function_calling: Option<bool>,
    /// Whether the model accepts a JSON Schema in `response_format`.
    #[serde(skip_serializing)]
    pub json_schema: Option<bool>,
    /// The languages it translates between; absent for other models.
    #[serde(skip_serializing)]
    pub translates: Option<Translates>,
    /// Where Batch File jobs can use it, at half price.
    pub batch_file: Option<Offer>,
    /// Where the Batch Chat host offers it, at half price.
    pub batch_chat: Option<Offer>,
    /// Longest context in tokens in either of them, if it is shorter than its own.
    #[serde(deserialize_with = "tokens")]
    pub batch_context: Option<u64>,
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
    /// Names that share these facts and have their own limits or prices.
    #[serde(skip_serializing)]
    pub variants: BTreeMap<String, Variant>,
}

/// The facts that differ in a variant of a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variant {
    /// Its own limits; those of the model do not apply to it.
    pub limits: BTreeMap<Scope, RateLimits>,
    /// Its own prices; without any, those of the model apply.
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

/// Where something is available: in the regions listed (an empty list: nowhere), or without naming regions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Offer {
    /// The regions that have it.
    In(Vec<Region>),
    /// Known to be available or not, but not in which regions.
    Somewhere(bool),
}

impl Offer {
    /// The regions that are known to have it.
    pub fn regions(&self) -> &[Region] {
        match self {
            Self::In(regions) => regions,
            Self::Somewhere(_) => &[],
        }
    }

    /// Whether it is available in this region, or without one, anywhere. `None` if unknown.
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
    /// Takes every figure that the other limits have; the date of the old figures does not apply to the new ones.
    fn override_with(&mut self, other: &Self) {
        self.requests_per_minute = other.requests_per_minute.or(self.requests_per_minute);
        self.tokens_per_minute = other.tokens_per_minute.or(self.tokens_per_minute);
        self.as_of.clone_from(&other.as_of);
    }

    /// The lower of two limits, figure by figure; the date is that of `self`.
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
    /// The longest input, in tokens, of a request that thinks or does not; the context window if no more is known.
    pub fn longest_input(&self, thinks: bool) -> Option<u64> {
        let thinking = self.max_input_thinking.filter(|_| thinks);
        thinking.or(self.max_input).or(self.context)
    }

    /// Whether there are prices, of the model or of a variant.
    pub(super) fn has_prices(&self) -> bool {
        !self.prices.is_empty() || self.variants.values().any(|variant| !variant.prices.is_empty())
    }

    /// Takes every fact that the other model has.
    pub(super) fn override_with(&mut self, other: Self) {
        // Destructured, so that a new field cannot be forgotten here.
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
            batch_context,
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
        self.batch_context = batch_context.or(self.batch_context);
        override_limits(&mut self.limits, limits);
        override_prices(&mut self.prices, prices);
        for (name, variant) in variants {
            let mine = self.variants.entry(name).or_default();
            override_limits(&mut mine.limits, variant.limits);
            override_prices(&mut mine.prices, variant.prices);
        }
    }
}

/// Takes every figure that the other limits have. A figure for any address replaces those for single regions.
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

/// Takes every price list of the other model, whole. One for any address replaces those for single regions.
fn override_prices(mine: &mut BTreeMap<Scope, Price>, other: BTreeMap<Scope, Price>) {
    if other.contains_key(&Scope::Any) {
        mine.clear();
    }
    mine.extend(other);
}

/// A number of tokens; an unknown one is omitted, and never 0.
fn tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a number of tokens is above 0; leave out what is not known")),
        tokens => Ok(Some(tokens)),
    }
}
