//! Which requests may travel together: those of which everything is equal but the text of the user's turn.

use serde_json::{Map, Value};

use super::glossary::RowGlossary;
use super::marks::has_mark;
use crate::request::{ChatRequest, Media};
use crate::tokens::text_tokens;

/// Fields of a body that ask for something that several answers in one text cannot be: another form, other choices, an end at
/// a word, or what goes with each token.
const FORBIDDEN: [&str; 12] = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "response_format",
    "stop",
    "logprobs",
    "top_logprobs",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
];

/// What rows of one request have in common: a hash of all but their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackKey([u8; 16]);

/// The text of a row that may travel with others.
#[derive(Debug, Clone, PartialEq)]
pub struct PackText {
    /// What the row has in common with those it may travel with.
    pub key: PackKey,
    /// The tokens of its request that others share, estimated: turns of the system, options.
    pub shared_tokens: f64,
    /// The tokens of its text and its glossary, estimated.
    pub own_tokens: f64,
    /// The bytes of its text.
    pub bytes: u64,
    /// Its glossary, which it shares with the others, if it is translated.
    pub glossary: Option<RowGlossary>,
}

#[cfg(test)]
impl PackKey {
    /// One of many different keys.
    pub fn numbered(number: u64) -> Self {
        Self(u128::from(number).to_le_bytes())
    }
}

impl PackText {
    /// The text of a request that may travel with others; `None` for one that goes alone.
    pub fn of(request: &ChatRequest) -> Option<Self> {
        if request.brought || request.groups.is_some() || request.media != Media::default() {
            return None;
        }
        let mut body: Map<String, Value> = serde_json::from_slice(&request.body).ok()?;
        if FORBIDDEN.iter().any(|field| body.contains_key(*field)) || !has_one_choice(&body) {
            return None;
        }
        let text = take_text(&mut body)?;
        let text = text.trim();
        if text.is_empty() || has_mark(text) {
            return None;
        }
        let glossary = RowGlossary::take(&mut body, text);
        let own_tokens = text_tokens(text) + glossary.as_ref().map_or(0.0, |glossary| glossary.tokens);
        let shared_tokens = (request.estimate.prompt_tokens as f64 - own_tokens).max(0.0);
        // The first row of each shape goes alone: a pack has one shape.
        let frame = serde_json::to_vec(&(body, request.stream, request.shape.0)).ok()?;
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(&frame).as_bytes()[..16]);
        Some(Self { key: PackKey(key), shared_tokens, own_tokens, bytes: text.len() as u64, glossary })
    }
}

/// Whether a body asks for one answer, whose length it bounds by a whole number if at all.
fn has_one_choice(body: &Map<String, Value>) -> bool {
    let one = body.get("n").is_none_or(|n| n.as_f64() == Some(1.0));
    one && ["max_tokens", "max_completion_tokens"]
        .iter()
        .all(|key| body.get(*key).is_none_or(|most| most.as_u64().is_some_and(|most| most > 0)))
}

/// Takes the text of the user's turn out of a body; `None` if it has other turns than that and the system's, or other content
/// than text.
pub(super) fn take_text(body: &mut Map<String, Value>) -> Option<String> {
    let turns = body.get_mut("messages")?.as_array_mut()?;
    let (last, before) = turns.split_last_mut()?;
    let is_plain = |turn: &Value, role: &str| {
        turn["role"] == role && turn.as_object().is_some_and(|turn| turn.len() == 2)
    };
    let is_known = match before {
        [] => true,
        [system] => is_plain(system, "system") && system["content"].is_string(),
        _ => false,
    };
    if !is_known || !is_plain(last, "user") {
        return None;
    }
    match last.get_mut("content")?.take() {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Whether a body is for a translation model: it takes a text, and no instruction.
pub(super) fn translates(body: &Map<String, Value>) -> bool {
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    body.contains_key("translation_options") || model.contains("-mt-")
}
