//! A request that may be answered, and its contents.

use serde_json::Value;

use super::catalogue::SimulatedModel;
use super::tokens::count_tokens;

/// Tokens for the marks around each message.
const TOKENS_PER_MESSAGE: u64 = 4;
/// Tokens for an image or another part that is not text, whatever its size.
const TOKENS_PER_OTHER_PART: u64 = 256;

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct ValidRequest<'a> {
    pub(super) body: &'a Value,
    pub(super) name: &'a str,
    pub(super) model: SimulatedModel,
    pub(super) messages: &'a [Value],
    pub(super) thinks: bool,
    pub(super) streams: bool,
}

impl<'a> ValidRequest<'a> {
    /// A field of the body.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        field(self.body, key)
    }

    /// A field that is a number.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// A field that is true or false.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// The items of a list.
    pub(super) fn list(&self, key: &str) -> &'a [Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The type of `response_format`.
    pub(super) fn format(&self) -> Option<&'a str> {
        self.get("response_format").map(|format| format["type"].as_str().unwrap_or_default())
    }

    /// The pairs of source and target in a list of `translation_options`; `None` for an item that is not a pair.
    pub(super) fn pairs(&self, list: &str) -> impl Iterator<Item = Option<(&'a str, &'a str)>> {
        let pairs = self.get("translation_options").and_then(|options| options.get(list)?.as_array());
        let pair = |pair: &'a Value| Some((pair.get("source")?.as_str()?, pair.get("target")?.as_str()?));
        pairs.into_iter().flatten().map(pair)
    }

    /// The tokens of everything that the model reads.
    pub(super) fn prompt_tokens(&self) -> u64 {
        let messages: u64 = self.messages.iter().map(message_tokens).sum();
        messages + self.get("tools").map_or(0, |tools| count_tokens(&tools.to_string()))
    }
}

/// A field of an object; null counts as absent.
pub(super) fn field<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

fn message_tokens(message: &Value) -> u64 {
    let content = match message.get("content") {
        Some(Value::String(text)) => count_tokens(text),
        Some(Value::Array(parts)) => {
            parts.iter().map(|part| part["text"].as_str().map_or(TOKENS_PER_OTHER_PART, count_tokens)).sum()
        }
        _ => 0,
    };
    let calls = field(message, "tool_calls").map_or(0, |calls| count_tokens(&calls.to_string()));
    TOKENS_PER_MESSAGE + content + calls
}

/// The role of a message; empty if it has none.
pub(super) fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// Whether the model is to continue this message.
pub(super) fn is_partial(message: &Value) -> bool {
    message.get("partial") == Some(&Value::Bool(true))
}

/// The text of a message, with its parts joined.
pub(super) fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// The text of the user's last message.
pub(super) fn last_question(messages: &[Value]) -> String {
    messages.iter().rfind(|message| role(message) == "user").map(text_of).unwrap_or_default()
}
