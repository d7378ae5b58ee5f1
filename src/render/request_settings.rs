//! Makes a request from its body: the facts of its model decide its transport and its maximum price.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::check::TextRules;
use super::likely::LikelyLengths;
use super::{check, estimate, fingerprint, media, shape};
use crate::diagnostic::Diagnostic;
use crate::job::facts::{ModelInfo, Thinking, asked_to_think};
use crate::job::price::Price;
use crate::job::{ModelSettings, Transport};
use crate::request::{ChatRequest, Estimate, Fingerprint, UnaskedThinking};
use crate::tokens::text_tokens;

/// The settings shared by all requests of a job.
#[derive(Debug)]
pub(super) struct RequestSettings {
    model: ModelSettings,
    own_price: Option<Arc<Price>>,
    facts: ModelInfo,
}

impl RequestSettings {
    /// For requests to a model, at the user's own price if there is one.
    pub(super) fn new(model: &ModelSettings, own_price: Option<Arc<Price>>) -> Self {
        let known = |name| model.facts_of(name, own_price.as_ref());
        let facts = model.name.as_deref().map(known).unwrap_or_default();
        Self { model: model.clone(), own_price, facts }
    }

    /// The request with this body.
    ///
    /// # Errors
    ///
    /// A rule of the API that the body breaks.
    pub(super) fn request(&self, body: &Map<String, Value>) -> Result<ChatRequest, Diagnostic> {
        self.common(body)?.of_body(body)
    }

    /// The common part of all requests whose bodies differ from this one only in the texts of their turns.
    ///
    /// # Errors
    ///
    /// A rule of the API that the body breaks, whatever its texts.
    pub(super) fn common(&self, body: &Map<String, Value>) -> Result<Common, Diagnostic> {
        let other;
        let facts = match body.get("model").and_then(Value::as_str) {
            Some(model) if self.model.name.as_deref() != Some(model) => {
                other = self.model.facts_of(model, self.own_price.as_ref());
                &other
            }
            _ => &self.facts,
        };
        let effort = body.get("reasoning_effort").and_then(Value::as_str);
        let enable_thinking = asked_to_think(body.get("enable_thinking").and_then(Value::as_bool), effort);
        let thinks = facts.thinks(enable_thinking).unwrap_or(false);
        let stream = match self.model.transport {
            // A line of the OpenAI Batch format may ask for a stream itself.
            Transport::Auto if body.get("stream") == Some(&Value::Bool(true)) => true,
            // What follows a batch's answer is sent live.
            Transport::Auto | Transport::Batch => {
                facts.needs_stream(enable_thinking).unwrap_or(false) || check::needs_stream(body, facts)
            }
            Transport::Whole => false,
            Transport::Stream => true,
        };
        if self.model.transport == Transport::Batch {
            check::batch(body, facts)?;
        }
        let text_rules = check::form(body, facts, stream)?;
        let price = match marks_cache(body) {
            true => facts.price.as_ref().map(|price| Arc::new(price.of_marked_cache())),
            false => facts.price.clone(),
        };
        let estimate = estimate::of(body, facts, thinks);
        let likely = LikelyLengths::of(body, facts, thinks, &estimate);
        let request = ChatRequest {
            estimate,
            media: media::of(body, facts),
            shape: shape::of(body, stream),
            stream,
            thinks,
            may_continue: !thinks && may_continue(body),
            longest_answer: facts.max_output_tokens,
            price,
            unasked_thinking: unasked_thinking(body, facts),
            unavailable: facts.unavailable.clone(),
            single_turn: facts.languages.is_some() || body.contains_key("translation_options"),
            ..ChatRequest::of_body(Vec::new(), Fingerprint::default())
        };
        let model = body.get("model").and_then(Value::as_str).map(str::to_owned);
        Ok(Common { request, text_rules, model, likely, facts: facts.clone() })
    }
}

/// The common part of requests that differ only in the texts of their turns.
#[derive(Debug)]
pub(super) struct Common {
    /// One of these requests, without its body.
    request: ChatRequest,
    /// The rules that the texts must follow.
    pub(super) text_rules: TextRules,
    model: Option<String>,
    likely: LikelyLengths,
    facts: ModelInfo,
}

impl Common {
    /// The request with this body.
    ///
    /// # Errors
    ///
    /// A rule of the API that the texts break.
    pub(super) fn of_body(&self, body: &Map<String, Value>) -> Result<ChatRequest, Diagnostic> {
        self.text_rules.hold(check::texts(body))?;
        let bytes = bytes(body).map_err(|error| Diagnostic::new(error.to_string()))?;
        let tokens = (check::texts(body).map(text_tokens).sum(), estimate::prompt(body));
        Ok(self.request(bytes, fingerprint::of(body), tokens, check::texts(body)))
    }

    /// The request with a body that is already serialised, the texts of its turns, and the approximate tokens of these and of
    /// the whole prompt.
    pub(super) fn request<'t>(
        &self,
        body: Vec<u8>,
        fingerprint: Fingerprint,
        (text_tokens, prompt_tokens): (f64, f64),
        texts: impl Iterator<Item = &'t str>,
    ) -> ChatRequest {
        let likely = self.likely.usage(texts, text_tokens, prompt_tokens);
        let estimate = Estimate { prompt_tokens: prompt_tokens.ceil() as u64, ..self.request.estimate };
        let media = media::with_files(self.request.media, self.model.as_deref(), &body, &self.facts);
        ChatRequest { body, fingerprint, estimate, likely, media, ..self.request.clone() }
    }
}

/// Whether an answer can be continued in the API's partial mode: for Qwen's models without thinking, when the answer is one
/// plain text. Translation models accept only a single turn, the user's.
fn may_continue(body: &Map<String, Value>) -> bool {
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let plain =
        ["tools", "response_format", "translation_options"].iter().all(|key| !body.contains_key(*key));
    let one = body.get("n").is_none_or(|n| n.as_f64() == Some(1.0));
    check::is_qwen(model) && !model.contains("-mt-") && plain && one
}

/// The model's default thinking, when the request does not set it.
fn unasked_thinking(body: &Map<String, Value>, facts: &ModelInfo) -> Option<UnaskedThinking> {
    let speaks_of_it =
        ["enable_thinking", "thinking_budget", "reasoning_effort"].iter().any(|key| body.contains_key(*key));
    let by_default = facts.thinking == Some(Thinking::On) && !speaks_of_it;
    by_default.then_some(UnaskedThinking { longest: facts.max_thinking_tokens })
}

/// Whether a part of a turn, or a tool, is marked with `cache_control`.
fn marks_cache(body: &Map<String, Value>) -> bool {
    let marked = |value: &Value| value.get("cache_control").is_some_and(|mark| !mark.is_null());
    let in_turn = |turn: &Value| marked(turn) || items(turn.get("content")).iter().any(marked);
    items(body.get("messages")).iter().any(in_turn) || items(body.get("tools")).iter().any(marked)
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The body without the transport fields, which are added when it is sent.
pub(super) fn bytes(body: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    if !fingerprint::TRANSPORT.iter().any(|key| body.contains_key(*key)) {
        return serde_json::to_vec(body);
    }
    let mut body = body.clone();
    body.retain(|key, _| !fingerprint::TRANSPORT.contains(&key.as_str()));
    serde_json::to_vec(&body)
}
