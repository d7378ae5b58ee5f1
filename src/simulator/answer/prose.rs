//! Answers as text or JSON, and the reasoning before them.

use serde_json::{Value, json};

use super::super::fingerprint::RequestDigest;
use super::super::request::{ValidRequest, is_partial, last_question, role, text_of};
use super::super::tokens::first_tokens;
use super::example::{Example, example};
use super::quote::quote;

/// The reasoning of a thinking model, within its budget.
pub(super) fn reasoning(call: &ValidRequest) -> String {
    let question = quote(&last_question(call.messages));
    let thought =
        format!("The user writes \"{question}\". A short answer will do, and it should quote them.");
    let budget = call.number("thinking_budget").map_or(u64::MAX, |budget| budget as u64);
    first_tokens(&thought, budget).to_owned()
}

/// The answer's text; if the last message is a beginning to be continued, only the continuation.
pub(super) fn write(call: &ValidRequest, fingerprint: RequestDigest, index: u64) -> String {
    let Some((beginning, messages)) = beginning(call.messages) else {
        return write_whole(call, call.messages, fingerprint, index);
    };
    let mut body = call.body.clone();
    body["messages"] = Value::Array(messages.to_vec());
    let whole = write_whole(call, messages, RequestDigest::of_json(&body), index);
    match whole.strip_prefix(&beginning) {
        Some(rest) => rest.to_owned(),
        None => format!(" … {whole}"),
    }
}

/// The assistant's beginning to be continued, and the messages before it.
fn beginning(messages: &[Value]) -> Option<(String, &[Value])> {
    let (last, earlier) = messages.split_last()?;
    (role(last) == "assistant" && is_partial(last)).then(|| (text_of(last), earlier))
}

fn write_whole(call: &ValidRequest, messages: &[Value], fingerprint: RequestDigest, index: u64) -> String {
    let fingerprint = if index == 0 { fingerprint } else { fingerprint.derive("choice", index) };
    let question = last_question(messages);
    match call.format() {
        Some("json_object") => json!({
            "summary": quote(&question),
            "words": question.split_whitespace().count(),
            "check": fingerprint.short(),
        })
        .to_string(),
        Some("json_schema") => {
            let schema = call.body["response_format"].pointer("/json_schema/schema").unwrap_or(&Value::Null);
            example(schema, &Example { hint: &question, fingerprint }).to_string()
        }
        _ => match results(messages) {
            Some(results) => format!("According to the tools: {results} [{}]", fingerprint.short()),
            None => format!("Summary: {} [{}]", quote(&question), fingerprint.short()),
        },
    }
}

/// The results of tools, if they are the last messages.
fn results(messages: &[Value]) -> Option<String> {
    let is_result = |message: &&Value| role(message) == "tool";
    let mut results: Vec<String> =
        messages.iter().rev().take_while(is_result).map(|message| quote(&text_of(message))).collect();
    results.reverse();
    (!results.is_empty()).then(|| results.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer_to;
    use super::*;

    #[test]
    fn a_json_answer_is_an_object() {
        let answer = answer_to("As JSON, please", json!({"response_format": {"type": "json_object"}}));
        let parsed: Value = serde_json::from_str(&answer.choices[0].content).unwrap();
        assert_eq!(parsed["summary"], "As JSON, please");
    }

    #[test]
    fn a_partial_answer_is_continued_where_it_ended() {
        let user = json!({"role": "user", "content": "Tell me of the sea"});
        let whole = answer_to("Tell me of the sea", json!({})).choices[0].content.clone();
        let beginning = json!({"role": "assistant", "content": &whole[..12], "partial": true});
        let rest = answer_to("", json!({"messages": [user, beginning]}));
        assert_eq!(rest.choices[0].content, whole[12..]);
    }

    #[test]
    fn the_result_of_a_tool_is_in_the_answer() {
        let user = json!({"role": "user", "content": "x"});
        let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let assistant = json!({"role": "assistant", "content": "", "tool_calls": [call]});
        let result = json!({"role": "tool", "tool_call_id": "c1", "content": "21 degrees"});
        let answer = answer_to("", json!({"messages": [user, assistant, result]}));
        assert!(answer.choices[0].content.contains("21 degrees"));
    }
}
