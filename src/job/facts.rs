//! What is known of a model beforehand. A fact that is not known is absent, and nothing is assumed in its place.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::languages::Languages;
use super::limits::Rates;
use super::price::Price;

/// What is known of a model at an address: the defaults of quota and price, and what its requests may ask.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelInfo {
    /// Its limits.
    pub rates: Rates,
    /// Money per million tokens.
    pub price: Option<Arc<Price>>,
    /// The longest input of a request that does not think, in tokens.
    pub max_input_tokens: Option<u64>,
    /// The longest input of a request that thinks, in tokens.
    pub max_input_tokens_thinking: Option<u64>,
    /// The most tokens that are made of one image.
    pub max_image_tokens: Option<u64>,
    /// The longest answer in tokens; thoughts count with `output_includes_thinking` only.
    pub max_output_tokens: Option<u64>,
    /// Whether `max_tokens` bounds thoughts and answer together, and not the answer alone.
    pub output_includes_thinking: bool,
    /// The longest chain of thought in tokens.
    pub max_thinking_tokens: Option<u64>,
    /// Whether it thinks.
    pub thinking: Option<Thinking>,
    /// In which form it gives its answers.
    pub transport: Option<Answers>,
    /// Whether it takes `tools`.
    pub function_calling: Option<bool>,
    /// Why it is not to be had at this address, where that is known: a sentence without a full stop.
    pub unavailable: Option<Arc<str>>,
    /// Whether its answers can be held to a JSON Schema by `response_format`.
    pub json_schema: Option<bool>,
    /// The languages it translates between; `None` for a model that does not translate.
    pub languages: Option<Languages>,
}

/// Whether a model thinks, and what `enable_thinking` does to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It thinks unless told not to.
    On,
    /// It thinks only when told to.
    Off,
    /// It thinks, and refuses to be told not to.
    Always,
    /// It cannot.
    No,
}

/// In which form a model gives its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// In one piece, or as a stream.
    Whole,
    /// As a stream only.
    StreamOnly,
    /// As a stream only when it thinks, else also in one piece.
    StreamOnlyUnlessThinkingOff,
}

/// What a request's `enable_thinking` and `reasoning_effort` say of thinking. `None`: nothing.
pub fn asked_to_think(enable_thinking: Option<bool>, effort: Option<&str>) -> Option<bool> {
    let effort = effort.map(|effort| !NO_EFFORT.contains(&effort));
    // An effort says how long to think, not that a model thinks which does not by itself.
    enable_thinking.or(effort.filter(|thinks| !thinks))
}

/// The levels of `reasoning_effort` that turn thinking off.
const NO_EFFORT: [&str; 2] = ["none", "off"];

impl Thinking {
    /// Whether a request with this `enable_thinking` thinks.
    pub fn with(self, enable_thinking: Option<bool>) -> bool {
        match self {
            Self::On => enable_thinking.unwrap_or(true),
            Self::Off => enable_thinking.unwrap_or(false),
            Self::Always => true,
            Self::No => false,
        }
    }
}

impl ModelInfo {
    /// Whether a request with this `enable_thinking` thinks. `None`: not known.
    pub fn thinks(&self, enable_thinking: Option<bool>) -> Option<bool> {
        self.thinking.map(|thinking| thinking.with(enable_thinking)).or(enable_thinking)
    }

    /// Whether a request with this `enable_thinking` is answered only as a stream. `None`: not known.
    pub fn needs_stream(&self, enable_thinking: Option<bool>) -> Option<bool> {
        match self.transport? {
            Answers::Whole => Some(false),
            Answers::StreamOnly => Some(true),
            Answers::StreamOnlyUnlessThinkingOff => self.thinks(enable_thinking),
        }
    }
}

/// Looks up what is known of any model, for rows that bring their own.
#[derive(Clone)]
pub struct ModelCatalog(Arc<dyn Fn(&str) -> ModelInfo + Send + Sync>);

impl ModelCatalog {
    /// A catalogue that asks the function.
    pub fn new(look_up: impl Fn(&str) -> ModelInfo + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// What is known of a model.
    pub fn of(&self, model: &str) -> ModelInfo {
        (self.0)(model)
    }
}

impl Default for ModelCatalog {
    fn default() -> Self {
        Self::new(|_| ModelInfo::default())
    }
}

impl fmt::Debug for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelCatalog")
    }
}
