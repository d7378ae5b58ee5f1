//! The deviations of OpenAI-compatible servers other than DashScope: what they leave out of an answer or write differently,
//! and the shapes of their errors.
//!
//! Sources: the OpenAPI descriptions and issues of vLLM, llama.cpp, Ollama, LM Studio, FastAPI and OpenRouter.

use serde_json::{Value, json};

use super::fingerprint::RequestDigest;

/// One way of writing a completion, drawn from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// As OpenAI does.
    Tidy,
    /// Without `usage`.
    NoUsage,
    /// Tokens as floating-point numbers.
    FloatUsage,
    /// Tokens as text.
    TextUsage,
    /// `id` is a number.
    NumericId,
    /// Without `id`, `created`, `object`, `model` and the index of a choice.
    Bare,
    /// `content` is a list of parts.
    Parts,
    /// Without `finish_reason`.
    NoFinish,
    /// The model's thoughts are in `reasoning`, as with vLLM and OpenRouter.
    OtherReasoning,
    /// Tool calls without `id` and `type`.
    BareCalls,
}

impl Dialect {
    pub(super) const ALL: [Dialect; 10] = [
        Dialect::Tidy,
        Dialect::NoUsage,
        Dialect::FloatUsage,
        Dialect::TextUsage,
        Dialect::NumericId,
        Dialect::Bare,
        Dialect::Parts,
        Dialect::NoFinish,
        Dialect::OtherReasoning,
        Dialect::BareCalls,
    ];

    /// The dialect for a request.
    pub(super) fn of(fingerprint: RequestDigest, seed: u64) -> Dialect {
        let index = fingerprint.draw("manner", seed) * Dialect::ALL.len() as f64;
        Dialect::ALL.get(index as usize).copied().unwrap_or(Dialect::Tidy)
    }

    /// Rewrites a completion in this dialect.
    pub(super) fn write(self, completion: &mut Value) {
        match self {
            Dialect::Tidy => {}
            Dialect::NoUsage => remove(completion, &["usage"]),
            Dialect::FloatUsage => each_count(completion, |count| json!(count as f64)),
            Dialect::TextUsage => each_count(completion, |count| json!(count.to_string())),
            Dialect::NumericId => completion["id"] = completion["created"].clone(),
            Dialect::Bare => {
                remove(completion, &["id", "created", "object", "model", "system_fingerprint"]);
                each_choice(completion, |choice| remove(choice, &["index", "logprobs"]));
            }
            Dialect::Parts => each_choice(completion, |choice| {
                let content = choice["message"]["content"].take();
                choice["message"]["content"] = json!([{"type": "text", "text": content}]);
            }),
            Dialect::NoFinish => each_choice(completion, |choice| remove(choice, &["finish_reason"])),
            Dialect::OtherReasoning => each_choice(completion, |choice| {
                if let Some(message) = choice["message"].as_object_mut()
                    && let Some(reasoning) = message.remove("reasoning_content")
                {
                    message.insert("reasoning".into(), reasoning);
                }
            }),
            Dialect::BareCalls => each_choice(completion, |choice| {
                let calls = choice["message"].get_mut("tool_calls").and_then(Value::as_array_mut);
                calls.into_iter().flatten().for_each(|call| remove(call, &["id", "type", "index"]));
            }),
        }
    }
}

fn remove(value: &mut Value, keys: &[&str]) {
    if let Some(fields) = value.as_object_mut() {
        keys.iter().for_each(|key| drop(fields.remove(*key)));
    }
}

fn each_choice(completion: &mut Value, write: impl FnMut(&mut Value)) {
    completion["choices"].as_array_mut().into_iter().flatten().for_each(write);
}

fn each_count(completion: &mut Value, write: impl Fn(u64) -> Value) {
    for count in completion["usage"].as_object_mut().into_iter().flat_map(|usage| usage.values_mut()) {
        if let Some(number) = count.as_u64() {
            *count = write(number);
        }
    }
}

/// The body of an error: each status imitates another server.
pub(super) fn error(status: u16, kind: &str, message: &str) -> Value {
    match status {
        // vLLM.
        400 | 404 => {
            json!({"object": "error", "message": message, "type": kind, "param": null, "code": status})
        }
        // FastAPI, for a body that it cannot parse.
        422 => json!({"detail": [{"loc": ["body"], "msg": message, "type": "value_error"}]}),
        401 | 403 | 503 => json!({"detail": message}),
        // OpenAI, and OpenRouter with a number as the code.
        500 | 502 => json!({"error": {"message": message, "code": status}}),
        // Ollama, llama.cpp.
        _ => json!({"error": message}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manner_is_met_and_always_by_the_same_requests() {
        let of = |row: u32| Dialect::of(RequestDigest::of_bytes(format!("row {row}").as_bytes()), 0);
        for manner in Dialect::ALL {
            assert!((0..200).any(|row| of(row) == manner), "{manner:?}");
        }
        assert!((0..200).all(|row| of(row) == of(row)));
    }

    #[test]
    fn a_dialect_changes_only_its_own_fields() {
        let tidy = json!({
            "id": "chatcmpl-1", "created": 1_700_000_000, "object": "chat.completion", "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                "content": "Hi", "reasoning_content": "hm", "tool_calls": [{"id": "c", "type": "function",
                "index": 0, "function": {"name": "f", "arguments": "{}"}}]}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        });
        let written = |manner: Dialect| {
            let mut completion = tidy.clone();
            manner.write(&mut completion);
            completion
        };
        assert_eq!(written(Dialect::Tidy), tidy);
        assert!(written(Dialect::NoUsage).get("usage").is_none());
        assert_eq!(
            written(Dialect::FloatUsage)["usage"].to_string(),
            r#"{"prompt_tokens":7.0,"completion_tokens":3.0,"total_tokens":10.0}"#
        );
        assert_eq!(written(Dialect::TextUsage)["usage"]["prompt_tokens"], "7");
        assert_eq!(written(Dialect::NumericId)["id"], 1_700_000_000);
        assert_eq!(written(Dialect::Bare).as_object().unwrap().len(), 2);
        assert_eq!(written(Dialect::Parts)["choices"][0]["message"]["content"][0]["text"], "Hi");
        assert!(written(Dialect::NoFinish)["choices"][0].get("finish_reason").is_none());
        assert_eq!(written(Dialect::OtherReasoning)["choices"][0]["message"]["reasoning"], "hm");
        let call = written(Dialect::BareCalls)["choices"][0]["message"]["tool_calls"][0].clone();
        assert_eq!(call, json!({"function": {"name": "f", "arguments": "{}"}}));
    }
}
