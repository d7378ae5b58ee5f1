//! Facts about a model that are known beforehand. An unknown fact is absent, and nothing is assumed instead.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::languages::Languages;
use super::lengths::Lengths;
use super::limits::Rates;
use super::price::Price;
use super::tier::CheaperRoute;

/// The facts about a model at an address: the defaults of limits and price, and what its requests may contain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelInfo {
    /// Its limits.
    pub rates: Rates,
    /// Money per million tokens.
    pub price: Option<Arc<Price>>,
    /// The currency of that price, if it is the built-in table's.
    pub currency: Option<&'static str>,
    /// The longest input of a request that does not think, in tokens.
    pub max_input_tokens: Option<u64>,
    /// The longest input of a request that thinks, in tokens.
    pub max_input_tokens_thinking: Option<u64>,
    /// The most tokens that one image becomes.
    pub max_image_tokens: Option<u64>,
    /// The longest answer in tokens; thoughts count with `output_includes_thinking` only.
    pub max_output_tokens: Option<u64>,
    /// Whether `max_tokens` limits thoughts and answer together, and not only the answer.
    pub output_includes_thinking: bool,
    /// The longest chain of thought in tokens.
    pub max_thinking_tokens: Option<u64>,
    /// Whether it thinks.
    pub thinking: Option<Thinking>,
    /// How it returns its answers.
    pub transport: Option<Answers>,
    /// Whether it accepts `tools`.
    pub function_calling: Option<bool>,
    /// Why it is not available at this address, if known: a sentence without a full stop.
    pub unavailable: Option<Arc<str>>,
    /// Whether `response_format` can hold its answers to a JSON Schema.
    pub json_schema: Option<bool>,
    /// The languages it translates between; `None` for a model that does not translate.
    pub languages: Option<Languages>,
    /// How long prompts and answers are expected to be.
    pub lengths: Option<&'static Lengths>,
    /// The region of the address, by its name; `None` for an address that is not the vendor's.
    pub region: Option<&'static str>,
    /// The most requests that the service takes at once.
    pub most_in_flight: Option<usize>,
    /// The model through Batch Chat.
    pub batch_chat: CheaperRoute,
    /// The model in files of requests, through the Batch API.
    pub batch_file: CheaperRoute,
}

/// Whether a model thinks, and how `enable_thinking` changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It thinks unless thinking is switched off.
    On,
    /// It thinks only if thinking is switched on.
    Off,
    /// It thinks, and refuses requests that switch thinking off.
    Always,
    /// It cannot think.
    No,
}

/// How a model returns its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Whole, or as a stream.
    Whole,
    /// As a stream only.
    StreamOnly,
    /// As a stream only when it thinks, otherwise also whole.
    StreamOnlyUnlessThinkingOff,
}

/// Whether `enable_thinking` and `reasoning_effort` of a request ask for thinking. `None` if neither says.
pub fn asked_to_think(enable_thinking: Option<bool>, effort: Option<&str>) -> Option<bool> {
    let effort = effort.map(|effort| !NO_EFFORT.contains(&effort));
    // An effort says how long to think, and does not switch thinking on.
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
    /// Whether a request with this `enable_thinking` thinks. `None` if unknown.
    pub fn thinks(&self, enable_thinking: Option<bool>) -> Option<bool> {
        self.thinking.map(|thinking| thinking.with(enable_thinking)).or(enable_thinking)
    }

    /// Whether a request with this `enable_thinking` is answered only as a stream. `None` if unknown.
    pub fn needs_stream(&self, enable_thinking: Option<bool>) -> Option<bool> {
        match self.transport? {
            Answers::Whole => Some(false),
            Answers::StreamOnly => Some(true),
            Answers::StreamOnlyUnlessThinkingOff => self.thinks(enable_thinking),
        }
    }
}

/// Looks up the facts about any model, for rows that bring their own.
#[derive(Clone)]
pub struct ModelCatalog(Arc<dyn Fn(&str) -> ModelInfo + Send + Sync>);

impl ModelCatalog {
    /// A catalogue that calls a function.
    pub fn new(look_up: impl Fn(&str) -> ModelInfo + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// The facts about a model.
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
