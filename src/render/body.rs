//! Builds the body of a request, or takes the one that the row brings.

use serde_json::{Map, Value, json};

use crate::blank::is_blank;
use crate::digits;

/// The paths that an OpenAI Batch line may name. The line never chooses the host.
const BATCH_URLS: [&str; 3] =
    ["/v1/chat/completions", "/chat/completions", "/compatible-mode/v1/chat/completions"];

/// The columns by which a row brings its own request.
pub const BROUGHT: [&str; 3] = ["messages", "prompt", "body"];

/// One text turn.
pub fn message(role: &str, content: String) -> Value {
    json!({ "role": role, "content": content })
}

/// The value at the end of a path of keys and indexes.
pub fn at_path<'a>(body: &'a mut Map<String, Value>, path: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    let mut value = body.get_mut(first)?;
    for part in rest {
        value = match value {
            Value::Object(fields) => fields.get_mut(part)?,
            Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// The body of a line in the OpenAI Batch format (`custom_id`, `method`, `url`, `body`), unchanged. `None` when the row is
/// not such a line.
///
/// # Errors
///
/// A line that requests something other than a chat completion.
pub fn of_batch_line(fields: &Map<String, Value>) -> Result<Option<Map<String, Value>>, String> {
    let is_batch_line = fields.contains_key("custom_id") || fields.contains_key("url");
    let Some(body) = fields.get("body").filter(|_| is_batch_line) else { return Ok(None) };
    let body = match object(body) {
        Some(body) => body,
        None => return Err("the `body` of an OpenAI Batch line must be an object".to_owned()),
    };
    if let Some(method) = fields.get("method").and_then(Value::as_str).filter(|method| *method != "POST") {
        return Err(format!("the `method` of an OpenAI Batch line must be POST, not {method}"));
    }
    match fields.get("url") {
        None | Some(Value::Null) => {}
        Some(Value::String(url)) if BATCH_URLS.contains(&url.as_str()) => {}
        Some(url) => return Err(format!("the `url` {url} is not one of {}", BATCH_URLS.join(", "))),
    }
    Ok(Some(body))
}

/// The turns that a row brings: a column `messages` (an array, or its JSON text), or a column `prompt`.
///
/// # Errors
///
/// The column exists but holds something else.
pub fn messages_of(fields: &Map<String, Value>) -> Result<Option<Vec<Value>>, String> {
    match fields.get("messages") {
        Some(Value::Array(messages)) => return Ok(Some(messages.clone())),
        Some(Value::String(text)) if !text.trim().is_empty() => {
            let parsed = digits::from_str(text).and_then(serde_json::from_value);
            return parsed.map(Some).map_err(|error| format!("`messages` is not a JSON array: {error}"));
        }
        None | Some(Value::Null | Value::String(_)) => {}
        Some(other) => {
            return Err(format!("`messages` must be an array of turns, or its JSON text, not {other}"));
        }
    }
    match fields.get("prompt") {
        Some(Value::String(text)) => Ok(Some(vec![message("user", text.clone())])),
        None | Some(Value::Null) => Ok(None),
        Some(other) => Err(format!("`prompt` must be text, not {other}")),
    }
}

/// Whether a row brings a text in its column `prompt`, and that is blank.
pub fn is_blank_prompt(fields: &Map<String, Value>) -> bool {
    let brings_more =
        ["messages", "body"].iter().any(|name| fields.get(*name).is_some_and(|value| !value.is_null()));
    !brings_more && fields.get("prompt").and_then(Value::as_str).is_some_and(is_blank)
}

fn object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::String(text) => digits::from_str(text).and_then(serde_json::from_value).ok(),
        _ => None,
    }
}
