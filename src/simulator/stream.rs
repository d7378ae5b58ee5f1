//! An answer as a stream: server-sent events, each with a piece of the answer.
//!
//! Source: Model Studio, "streaming" and "qwen-mt-api".

use serde_json::{Value, json};

use super::completion::Envelope;
use super::simulated_answer::{SimulatedAnswer, SimulatedChoice};
use super::tokens::tokens;

const OBJECT: &str = "chat.completion.chunk";
/// The event after the last piece.
pub(super) const DONE: &str = "data: [DONE]\n\n";
/// How many tokens a piece of an answer has.
const TOKENS_PER_PIECE: usize = 4;

/// The events of an answer, with the usage in an event of its own if the request asks for it.
pub(super) fn events(answer: &SimulatedAnswer, envelope: &Envelope) -> Vec<String> {
    let mut events = Vec::new();
    for (index, choice) in answer.choices.iter().enumerate() {
        for delta in deltas(choice, envelope.call.model.repeats_itself) {
            events.push(piece(envelope, index, delta, Value::Null));
        }
        // An answer that was cut off just stops, without a final piece.
        if choice.finish_reason.is_some() {
            events.push(piece(envelope, index, json!({"content": ""}), json!(choice.finish_reason)));
        }
    }
    if envelope.call.body["stream_options"]["include_usage"] == true {
        let usage = envelope.usage(&answer.usage);
        events.push(event(&envelope.wrap(OBJECT, json!([]), usage)));
    }
    events.push(DONE.to_owned());
    events
}

/// The first half of the events and then an error, with nothing after it, not even the end marker.
pub(super) fn broken_off(mut events: Vec<String>, error: &Value) -> Vec<String> {
    events.truncate(events.len() / 2);
    events.push(event(error));
    events
}

fn event(object: &Value) -> String {
    format!("data: {object}\n\n")
}

fn piece(envelope: &Envelope, index: usize, delta: Value, finish_reason: Value) -> String {
    let choice = json!({"delta": delta, "finish_reason": finish_reason, "index": index, "logprobs": null});
    event(&envelope.wrap(OBJECT, json!([choice]), Value::Null))
}

/// The pieces of an answer: the role, the reasoning, the text, the calls.
fn deltas(choice: &SimulatedChoice, repeats_itself: bool) -> Vec<Value> {
    let mut deltas = vec![json!({"content": "", "role": "assistant"})];
    for piece in choice.reasoning.iter().flat_map(|reasoning| pieces(reasoning)) {
        deltas.push(json!({"content": null, "reasoning_content": piece}));
    }
    let mut sent = 0;
    for piece in pieces(&choice.content) {
        sent += piece.len();
        // Two of the translation models repeat the whole text so far in each piece.
        let content = if repeats_itself { &choice.content[..sent] } else { piece.as_str() };
        deltas.push(json!({"content": content}));
    }
    for (index, call) in choice.tool_calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let opening = json!({"index": index, "id": call.id, "type": "function", "function": function});
        deltas.push(json!({"content": null, "tool_calls": [opening]}));
        for piece in pieces(&call.arguments) {
            let next =
                json!({"index": index, "id": "", "type": "function", "function": {"arguments": piece}});
            deltas.push(json!({"content": null, "tool_calls": [next]}));
        }
    }
    deltas
}

fn pieces(text: &str) -> Vec<String> {
    let tokens: Vec<&str> = tokens(text).collect();
    tokens.chunks(TOKENS_PER_PIECE).map(|piece| piece.concat()).collect()
}
