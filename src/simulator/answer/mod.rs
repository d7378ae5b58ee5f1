//! The answer to a request: always the same for the same request, and different from all others.

mod example;
mod prose;
mod quote;
mod tools;
mod translation;

use serde_json::Value;

use super::fingerprint::RequestDigest;
use super::numbered::NumberedTexts;
use super::request::{ValidRequest, last_question, role};
use super::simulated_answer::{SimulatedAnswer, SimulatedChoice, TokenUsage};
use super::tokens::{count_tokens, first_tokens};
use super::translation_style::TranslationStyle;

/// Answers a request.
pub(super) fn answer(
    call: &ValidRequest,
    fingerprint: RequestDigest,
    translations: TranslationStyle,
) -> SimulatedAnswer {
    let count = call.number("n").map_or(1, |count| count as u64);
    let choices = (0..count).map(|index| choose(call, fingerprint, translations, index)).collect();
    let usage = TokenUsage { prompt: call.prompt_tokens(), ..TokenUsage::default() };
    let mut answer = SimulatedAnswer { choices, usage };
    answer.recount();
    answer
}

fn choose(
    call: &ValidRequest,
    fingerprint: RequestDigest,
    translations: TranslationStyle,
    index: u64,
) -> SimulatedChoice {
    let mut reasoning = call.thinks.then(|| prose::reasoning(call));
    let tool_calls = tools::calls(call, fingerprint);
    if !tool_calls.is_empty() {
        return SimulatedChoice {
            content: String::new(),
            reasoning,
            tool_calls,
            finish_reason: Some("tool_calls"),
        };
    }
    let mut content =
        match NumberedTexts::of(&last_question(call.messages)).filter(|_| call.format().is_none()) {
            Some(texts) => texts.answered(|text| alone(call, text, translations, index)),
            None => written(call, fingerprint, translations, index),
        };
    let mut finish_reason = "stop";
    for stop in stops(call) {
        if let Some(position) = content.find(stop) {
            content.truncate(position);
        }
    }
    let mut bound = bound(call);
    if let (Some(reasoning), true) = (&mut reasoning, bounds_thoughts(call)) {
        // The thoughts can use up a small bound, so that no word is left for the answer.
        let kept = first_tokens(reasoning, bound).len();
        reasoning.truncate(kept);
        bound = bound.saturating_sub(count_tokens(reasoning));
    }
    let kept = first_tokens(&content, bound).len();
    if kept < content.len() {
        content.truncate(kept);
        finish_reason = "length";
    }
    SimulatedChoice { content, reasoning, tool_calls, finish_reason: Some(finish_reason) }
}

/// The text of the answer to one request.
fn written(call: &ValidRequest, fingerprint: RequestDigest, style: TranslationStyle, index: u64) -> String {
    match call.model.translates {
        true => translation::translate(call, style),
        false => prose::write(call, fingerprint, index),
    }
}

/// The answer to one of several numbered texts: that of the same request with this text alone.
fn alone(call: &ValidRequest, text: &str, style: TranslationStyle, index: u64) -> String {
    let mut body = call.body.clone();
    let turns = body.get_mut("messages").and_then(Value::as_array_mut);
    if let Some(turn) = turns.and_then(|turns| turns.iter_mut().rfind(|turn| role(turn) == "user")) {
        turn["content"] = Value::from(text);
    }
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = ValidRequest { body: &body, messages, ..*call };
    written(&one, RequestDigest::of_json(&body), style, index)
}

/// The maximum tokens of the answer, never above the model's own; the reasoning counts where `bounds_thoughts` (Model Studio,
/// "max_tokens").
fn bound(call: &ValidRequest) -> u64 {
    let bound = call.number("max_completion_tokens").or_else(|| call.number("max_tokens"));
    bound.map_or(u64::MAX, |bound| bound as u64).min(call.model.max_output)
}

/// Whether the bound applies to thoughts and answer together.
fn bounds_thoughts(call: &ValidRequest) -> bool {
    call.model.output_includes_thinking || call.get("max_completion_tokens").is_some()
}

fn stops<'a>(call: &ValidRequest<'a>) -> Vec<&'a str> {
    match call.get("stop") {
        Some(Value::String(stop)) => vec![stop.as_str()],
        Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|stop| !stop.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::super::validate::validate;
    use super::*;
    use serde_json::json;

    /// The answer to a body with one user message and the given fields.
    pub(super) fn answer_to(text: &str, fields: Value) -> SimulatedAnswer {
        let mut body = json!({"model": "qwen-plus", "messages": [{"role": "user", "content": text}]});
        for (key, value) in fields.as_object().unwrap() {
            body[key] = value.clone();
        }
        answer_in(TranslationStyle::Marked, &body)
    }

    /// The answer to a body.
    pub(super) fn answer_in(translations: TranslationStyle, body: &Value) -> SimulatedAnswer {
        let call = validate(body, Profile::DashScope).unwrap();
        answer(&call, RequestDigest::of_json(body), translations)
    }

    #[test]
    fn the_same_request_has_the_same_answer_and_another_has_another() {
        let one = answer_to("Hello there", json!({}));
        assert_eq!(one, answer_to("Hello there", json!({"stream": true})));
        assert_ne!(one.choices[0].content, answer_to("Hello there!", json!({})).choices[0].content);
        assert!(one.choices[0].content.contains("Hello there"));
    }

    #[test]
    fn numbered_texts_are_answered_as_each_would_be_alone() {
        for fields in
            [json!({}), json!({"model": "qwen-mt-plus", "translation_options": {"target_lang": "fr"}})]
        {
            let content = |text: &str| answer_to(text, fields.clone()).choices[0].content.clone();
            let expected = format!("[[1]]\n{}\n[[2]]\n{}", content("One"), content("Two\nlines"));
            assert_eq!(content("Do both.\n[[1]]\nOne\n[[2]]\nTwo\nlines"), expected);
        }
    }

    #[test]
    fn usage_counts_the_tokens_of_the_answer() {
        let answer = answer_to("Hello there", json!({}));
        assert_eq!(answer.usage.prompt, count_tokens("Hello there") + 4);
        assert_eq!(answer.usage.completion, count_tokens(&answer.choices[0].content));
        assert_eq!(answer.usage.reasoning, None);
    }

    #[test]
    fn max_tokens_cuts_the_answer_and_says_length() {
        let answer = answer_to("Hello there", json!({"max_tokens": 3}));
        assert_eq!(answer.choices[0].finish_reason, Some("length"));
        assert_eq!(answer.usage.completion, 3);
    }

    #[test]
    fn a_translation_is_cut_at_the_models_own_bound() {
        let terms = json!([{"source": "，", "target": "，，"}]);
        let options = json!({"target_lang": "French", "terms": terms});
        let fields = json!({"model": "qwen-mt-plus", "translation_options": options});
        // The mark `[French]` has four tokens.
        let whole = answer_to(&"，".repeat(4_094), fields.clone());
        assert_eq!((whole.choices[0].finish_reason, whole.usage.completion), (Some("stop"), 8_192));
        let cut = answer_to(&"，".repeat(4_095), fields);
        assert_eq!((cut.choices[0].finish_reason, cut.usage.completion), (Some("length"), 8_192));
    }

    #[test]
    fn stop_sequences_end_the_answer_before_them() {
        let answer = answer_to("alpha beta gamma", json!({"stop": ["zeta", " beta"]}));
        assert!(answer.choices[0].content.ends_with("alpha"));
        assert_eq!(answer.choices[0].finish_reason, Some("stop"));
    }

    #[test]
    fn thinking_is_returned_and_counted() {
        let answer = answer_to("Why?", json!({"model": "qwen3.6-plus"}));
        let reasoning = answer.choices[0].reasoning.clone().unwrap();
        assert_eq!(answer.usage.reasoning, Some(count_tokens(&reasoning)));
        assert!(answer.usage.completion > count_tokens(&reasoning));
        let short = answer_to("Why?", json!({"model": "qwen3.6-plus", "thinking_budget": 2}));
        assert_eq!(short.usage.reasoning, Some(2));
    }

    #[test]
    fn a_bound_over_thoughts_and_answer_together_can_go_to_the_thoughts_whole() {
        for fields in [
            json!({"model": "qwen4-max", "max_tokens": 2}),
            json!({"model": "qwen3.6-plus", "max_completion_tokens": 2}),
        ] {
            let answer = answer_to("Why?", fields);
            let choice = &answer.choices[0];
            assert_eq!((choice.content.as_str(), choice.finish_reason), ("", Some("length")));
            assert_eq!((answer.usage.reasoning, answer.usage.completion), (Some(2), 2));
        }
    }

    #[test]
    fn several_choices_differ() {
        let answer = answer_to("Hello", json!({"n": 3}));
        assert_eq!(answer.choices.len(), 3);
        assert_ne!(answer.choices[0].content, answer.choices[1].content);
    }
}
