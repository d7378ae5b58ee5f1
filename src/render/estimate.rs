//! The expected usage of a request, from its text alone.

use serde_json::{Map, Value};

use super::media;
use crate::job::facts::ModelInfo;
use crate::request::Estimate;
use crate::tokens::text_tokens;

/// The assumed maximum length of an answer when neither the request nor the model table gives one.
const UNKNOWN_MAX_OUTPUT_TOKENS: u64 = 8_192;

/// The assumed longest chain of thought when neither the request's `thinking_budget` nor the model table bounds it: without
/// a bound, the thoughts would exceed every cap.
const UNKNOWN_MAX_THINKING_TOKENS: u64 = 32_768;

/// Tokens around each turn, and around the whole conversation, in Qwen's chat format.
const TOKENS_PER_TURN: u64 = 5;

/// The approximate tokens of an image.
const TOKENS_OF_MEDIA: f64 = 1_000.0;

/// Estimates the tokens of a request. The estimate is rough by design: a job calibrates it on its own answers.
pub fn of(body: &Map<String, Value>, facts: &ModelInfo, thinks: bool) -> Estimate {
    let (max_completion_tokens, unbounded) = max_completion(body, facts, thinks);
    Estimate { prompt_tokens: prompt(body).ceil() as u64, max_completion_tokens, unbounded }
}

/// The approximate tokens of a body's turns, and of everything else that the model reads.
pub(super) fn prompt(body: &Map<String, Value>) -> f64 {
    let turns = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text: f64 = turns.iter().map(of_turn).sum();
    let rest: f64 = ["tools", "translation_options", "response_format"]
        .iter()
        .filter_map(|key| body.get(*key))
        .map(tokens)
        .sum();
    text + rest + (TOKENS_PER_TURN * turns.len() as u64) as f64
}

/// The approximate tokens of a turn. A part that is not text is usually an image, whose size in bytes is meaningless here.
fn of_turn(turn: &Value) -> f64 {
    let Some(parts) = turn.get("content").and_then(Value::as_array) else { return tokens(turn) };
    let media = parts.iter().filter(|part| media::kind(part).is_some());
    media.map(|part| TOKENS_OF_MEDIA - tokens(part)).sum::<f64>() + tokens(turn)
}

/// The maximum tokens of all answers to a request, and whether that is a guess because nothing bounds them.
fn max_completion(body: &Map<String, Value>, facts: &ModelInfo, thinks: bool) -> (u64, bool) {
    let bound = |key: &str| number(body, key);
    let choices = bound("n").unwrap_or(1);
    // A model that accepts one of these may ignore the other, so the larger one counts.
    let (whole, alone) = (bound("max_completion_tokens"), bound("max_tokens"));
    let (answer, guessed) = match alone.or(facts.max_output_tokens) {
        Some(most) => (most, false),
        None => (UNKNOWN_MAX_OUTPUT_TOKENS, true),
    };
    // `max_tokens` bounds the answer alone, except in the newest models. A model's input and its thoughts share its
    // context.
    let known = || facts.max_thinking_tokens.or(facts.max_input_tokens);
    let (thoughts, boundless) = match bound("thinking_budget").or_else(known) {
        _ if !thinks || facts.output_includes_thinking => (0, false),
        Some(most) => (most, false),
        None => (UNKNOWN_MAX_THINKING_TOKENS, true),
    };
    let together = answer.saturating_add(thoughts);
    let (completion, unbounded) = match (whole, alone) {
        // `max_completion_tokens` bounds thoughts and answer together.
        (Some(whole), None) => (whole, false),
        (Some(whole), Some(_)) => (whole.max(together), boundless),
        (None, _) => (together, guessed || boundless),
    };
    (completion.saturating_mul(choices), unbounded)
}

/// The number under a key that bounds or multiplies answers. Any notation counts: 4.0 is 4, and so is the text "4", which
/// some servers accept. A number below 1 is not a bound.
pub fn number(body: &Map<String, Value>, key: &str) -> Option<u64> {
    let number = match body.get(key)? {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    (number >= 1.0).then(|| number.ceil() as u64)
}

fn tokens(value: &Value) -> f64 {
    match value {
        Value::String(text) => text_tokens(text),
        Value::Array(items) => items.iter().map(tokens).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| text_tokens(key) + tokens(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1.0,
    }
}

/// The approximate tokens of a text that is to be cut into pieces, or of one of them.
pub fn tokens_of_piece(text: &str) -> u64 {
    text_tokens(text).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(body: serde_json::Value, facts: &ModelInfo) -> u64 {
        let body = body.as_object().expect("an object");
        of(body, facts, body.contains_key("enable_thinking")).max_completion_tokens
    }

    #[test]
    fn thoughts_of_which_no_length_is_known_are_bounded_all_the_same() {
        let known = ModelInfo { max_thinking_tokens: Some(1_000), ..ModelInfo::default() };
        let context = ModelInfo { max_input_tokens: Some(252_000), ..ModelInfo::default() };
        let thinking = || serde_json::json!({"max_tokens": 10, "enable_thinking": true});
        assert_eq!(longest(serde_json::json!({"max_tokens": 10}), &known), 10);
        assert_eq!(longest(thinking(), &known), 1_010);
        assert_eq!(longest(thinking(), &context), 252_010);
        assert_eq!(longest(thinking(), &ModelInfo::default()), 10 + UNKNOWN_MAX_THINKING_TOKENS);
        let budget =
            serde_json::json!({"max_tokens": 10, "enable_thinking": true, "thinking_budget": 20, "n": 2});
        assert_eq!(longest(budget, &context), 60);
    }

    #[test]
    fn a_bound_over_thoughts_and_answer_together_is_the_whole_of_it() {
        let together = ModelInfo {
            output_includes_thinking: true,
            max_output_tokens: Some(384_000),
            ..ModelInfo::default()
        };
        assert_eq!(longest(serde_json::json!({"max_tokens": 10, "enable_thinking": true}), &together), 10);
        assert_eq!(longest(serde_json::json!({"enable_thinking": true}), &together), 384_000);
        let completion = serde_json::json!({"max_completion_tokens": 30, "enable_thinking": true, "n": 2});
        assert_eq!(longest(completion, &ModelInfo::default()), 60);
        let both = serde_json::json!({"max_completion_tokens": 30, "max_tokens": 50});
        assert_eq!(longest(both, &ModelInfo::default()), 50);
    }

    #[test]
    fn a_number_counts_however_it_is_written() {
        for body in [
            serde_json::json!({"max_tokens": 50_000.0, "n": 4.0}),
            serde_json::json!({"max_tokens": "50000", "n": "4"}),
            serde_json::json!({"max_completion_tokens": 5e4, "n": 3.5}),
        ] {
            assert_eq!(longest(body, &ModelInfo::default()), 200_000);
        }
        // On one server, -1 means that nothing bounds the answer.
        assert_eq!(
            longest(serde_json::json!({"max_tokens": -1}), &ModelInfo::default()),
            UNKNOWN_MAX_OUTPUT_TOKENS
        );
    }

    #[test]
    fn an_answer_is_unbounded_where_neither_the_request_nor_the_model_bounds_it() {
        let unbounded = |body: serde_json::Value, facts: &ModelInfo| {
            let body = body.as_object().expect("an object");
            of(body, facts, body.contains_key("enable_thinking")).unbounded
        };
        let known = ModelInfo { max_output_tokens: Some(10), ..ModelInfo::default() };
        assert!(unbounded(serde_json::json!({}), &ModelInfo::default()));
        assert!(unbounded(
            serde_json::json!({"max_tokens": 10, "enable_thinking": true}),
            &ModelInfo::default()
        ));
        assert!(!unbounded(serde_json::json!({"max_tokens": 10}), &ModelInfo::default()));
        assert!(!unbounded(serde_json::json!({"max_completion_tokens": 10}), &ModelInfo::default()));
        assert!(!unbounded(serde_json::json!({}), &known));
    }
}
