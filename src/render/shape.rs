//! The shape of a request: what it shares with the requests of its job that are answered or rejected like it.
//!
//! It consists of the model, the transport, the names of the fields, and their switches. Texts and numbers are left out:
//! they differ between rows, and nearly every row would have a shape of its own.

use serde_json::{Map, Value};

use super::fingerprint;
use crate::request::Shape;

/// Fields whose text is a switch.
const SWITCHES: [&str; 3] = ["model", "reasoning_effort", "tool_choice"];

/// The shape of a request with this body, with or without streaming.
pub(super) fn of(body: &Map<String, Value>, stream: bool) -> Shape {
    let mut words: Vec<String> =
        body.iter().map(|(key, value)| format!("{key}={}", switch(key, value))).collect();
    // Not every text model accepts a list of parts.
    let parts = body.get("messages").and_then(Value::as_array).is_some_and(|messages| {
        messages.iter().any(|message| message.get("content").is_some_and(Value::is_array))
    });
    words.extend([format!("by stream={stream}"), format!("in parts={parts}")]);
    words.sort_unstable();
    let hash = fingerprint::of_bytes(words.join("\0").as_bytes()).0;
    Shape(u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]))
}

/// What a field contributes besides its name.
fn switch(key: &str, value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Null => value.to_string(),
        Value::String(text) if SWITCHES.contains(&key) => text.clone(),
        // `response_format`, `tool_choice`: the type alone, without the schema or the function.
        Value::Object(fields) => fields.get("type").map(Value::to_string).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(body: Value) -> Shape {
        of(body.as_object().expect("an object"), false)
    }

    #[test]
    fn texts_and_numbers_make_no_difference() {
        let one = serde_json::json!({
            "model": "m", "messages": [{"role": "user", "content": "one"}], "max_tokens": 5, "seed": 1,
            "translation_options": {"target_lang": "French"}, "tools": [{"type": "function"}], "stop": "x",
        });
        let other = serde_json::json!({
            "stop": "y", "tools": [], "translation_options": {"target_lang": "German", "terms": []}, "seed": 2,
            "max_tokens": 500_000, "messages": [{"role": "system", "content": ""}], "model": "m",
        });
        assert_eq!(shape(one), shape(other));
    }

    #[test]
    fn the_model_the_fields_and_their_switches_make_the_shape() {
        let base = || serde_json::json!({"model": "m", "messages": [{"role": "user", "content": "one"}]});
        let with = |key: &str, value: Value| {
            let mut body = base();
            body[key] = value;
            shape(body)
        };
        let forced = serde_json::json!({"type": "function", "function": {"name": "f"}});
        let shapes = [
            shape(base()),
            of(base().as_object().expect("an object"), true),
            with("model", "n".into()),
            with("max_tokens", 1.into()),
            with("enable_thinking", true.into()),
            with("enable_thinking", false.into()),
            with("enable_thinking", Value::Null),
            with("tool_choice", "auto".into()),
            with("tool_choice", "required".into()),
            with("tool_choice", forced),
            with("response_format", serde_json::json!({"type": "json_object"})),
            with("response_format", serde_json::json!({"type": "json_schema"})),
            with(
                "messages",
                serde_json::json!([{"role": "user", "content": [{"type": "text", "text": "one"}]}]),
            ),
        ];
        let different: std::collections::HashSet<Shape> = shapes.into_iter().collect();
        assert_eq!(different.len(), shapes.len());
    }
}
