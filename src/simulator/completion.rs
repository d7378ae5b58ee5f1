//! An answer as one chat completion object, with DashScope's fields in their order.
//!
//! Source: Model Studio, "qwen-api-via-openai-chat-completions", and answers quoted in public issues.

use serde_json::{Map, Value, json};

use super::request::ValidRequest;
use super::simulated_answer::{SimulatedAnswer, SimulatedCall, SimulatedChoice, TokenUsage};
use super::{MARK, Profile};

/// The parts of a completion around the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) profile: Profile,
    /// The request's UUID.
    pub(super) identity: &'a str,
    /// Unix seconds.
    pub(super) created: u64,
    pub(super) call: &'a ValidRequest<'a>,
}

impl Envelope<'_> {
    /// The fields that completions and their pieces share.
    pub(super) fn wrap(&self, object: &str, choices: Value, usage: Value) -> Value {
        json!({
            "choices": choices,
            "object": object,
            "usage": usage,
            "created": self.created,
            // Not null as on DashScope: gateways pass this field on, so nobody mistakes the answer for a model's.
            "system_fingerprint": MARK,
            "model": self.call.name,
            "id": format!("chatcmpl-{}", self.identity),
        })
    }

    /// The usage, with details if the server has them.
    pub(super) fn usage(&self, usage: &TokenUsage) -> Value {
        let mut fields = Map::new();
        fields.insert("prompt_tokens".into(), usage.prompt.into());
        fields.insert("completion_tokens".into(), usage.completion.into());
        fields.insert("total_tokens".into(), usage.total().into());
        if self.profile == Profile::DashScope {
            let translates = self.call.model.translates;
            let prompt = if translates { Value::Null } else { json!({"cached_tokens": 0}) };
            fields.insert("prompt_tokens_details".into(), prompt);
            if let Some(reasoning) = usage.reasoning {
                let text = usage.completion - reasoning;
                let details = json!({"reasoning_tokens": reasoning, "text_tokens": text});
                fields.insert("completion_tokens_details".into(), details);
            } else if translates {
                fields.insert("completion_tokens_details".into(), Value::Null);
            }
        }
        Value::Object(fields)
    }
}

/// The answer as a single object.
pub(super) fn completion(answer: &SimulatedAnswer, envelope: &Envelope) -> Value {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| {
        json!({
            "message": message(choice),
            "finish_reason": choice.finish_reason,
            "index": index,
            "logprobs": null,
        })
    });
    envelope.wrap("chat.completion", choices.collect(), envelope.usage(&answer.usage))
}

fn message(choice: &SimulatedChoice) -> Value {
    let mut message = Map::new();
    message.insert("content".into(), choice.content.as_str().into());
    if let Some(reasoning) = &choice.reasoning {
        message.insert("reasoning_content".into(), reasoning.as_str().into());
    }
    message.insert("role".into(), "assistant".into());
    if !choice.tool_calls.is_empty() {
        let calls = choice.tool_calls.iter().enumerate();
        message.insert("tool_calls".into(), calls.map(|(index, call)| tool_call(call, index)).collect());
    }
    Value::Object(message)
}

fn tool_call(call: &SimulatedCall, index: usize) -> Value {
    json!({
        "function": {"arguments": call.arguments, "name": call.name},
        "id": call.id,
        "index": index,
        "type": "function",
    })
}
