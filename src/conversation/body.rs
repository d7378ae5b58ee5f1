//! The bodies of a row's later requests: the first one, followed by the answers so far and the replies to them.

use serde_json::{Map, Value, json};

use super::calls;
use super::step::{Asks, Step};
use crate::outcome::Answer;
use crate::request::{ChatRequest, Estimate};

/// The factor by which the `max_tokens` of a cut answer grows.
const GROWTH: u64 = 4;

/// The longest request that may be made of a row's steps.
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The request that follows these steps of a row.
pub(super) fn next(first: &ChatRequest, steps: &[Step]) -> Result<ChatRequest, String> {
    let mut body: Map<String, Value> =
        serde_json::from_slice(&first.body).map_err(|error| error.to_string())?;
    let mut turns = match body.remove("messages") {
        Some(Value::Array(turns)) => turns,
        _ => return Err("the request has no `messages`".to_owned()),
    };
    let mut estimate = first.estimate;
    // Each choice may be as long as `max_tokens` allows.
    let choices = number(body.get("n")).unwrap_or(1).max(1);
    for (index, step) in steps.iter().enumerate() {
        match step.asks {
            Asks::Tools => {
                tool_turns(step, &mut turns)?;
                // A call that is forced in every round would be repeated for ever.
                if body.get("tool_choice").is_some_and(Value::is_object) {
                    body.remove("tool_choice");
                }
            }
            Asks::Repair => turns.extend(repair_turns(step)),
            Asks::Grow => {
                let most = grown_max_tokens(first).ok_or("`max_tokens` cannot grow")?;
                let before = number(body.get("max_tokens")).unwrap_or(0);
                let more = most.saturating_sub(before).saturating_mul(choices);
                estimate.max_completion_tokens = estimate.max_completion_tokens.saturating_add(more);
                body.insert("max_tokens".to_owned(), Value::from(most));
            }
            // An answer that another request follows has been joined to a later answer, or is requested anew.
            Asks::Continue if index + 1 < steps.len() => {}
            Asks::Continue => {
                let text = so_far(steps);
                turns.push(json!({ "role": "assistant", "content": text, "partial": true }));
            }
            // The steps of a part, and of another attempt, begin after these.
            Asks::Check | Asks::Halve | Asks::Gaps | Asks::Part | Asks::Merge | Asks::Alone => {}
        }
    }
    body.insert("messages".to_owned(), Value::Array(turns));
    let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
    if body.len() > MOST_BODY_BYTES.max(first.body.len()) {
        let (bytes, most) = (body.len() >> 20, MOST_BODY_BYTES >> 20);
        return Err(format!("the row's next request has grown to {bytes} MiB; the maximum is {most} MiB"));
    }
    Ok(ChatRequest {
        estimate: grown_estimate(&estimate, first.body.len(), body.len()),
        body,
        ..first.clone()
    })
}

/// The request for an answer that passes the checks, after one that did not.
pub(super) fn corrected(first: &ChatRequest, step: &Step) -> Result<ChatRequest, String> {
    let mut body: Map<String, Value> =
        serde_json::from_slice(&first.body).map_err(|error| error.to_string())?;
    let turns = body.get_mut("messages").and_then(Value::as_array_mut);
    turns.ok_or("the request has no `messages`")?.extend(check_turns(step));
    let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
    let estimate = grown_estimate(&first.estimate, first.body.len(), body.len());
    Ok(ChatRequest { estimate, body, ..first.clone() })
}

fn check_turns(step: &Step) -> [Value; 2] {
    let answer = step.answer.response.as_deref().unwrap_or_default();
    let fault = step.results.first().map_or("it is not as it should be", String::as_str);
    let ask = format!(
        "Your answer did not pass these checks: {fault}\nAnswer again, with the whole corrected answer and nothing else."
    );
    [json!({ "role": "assistant", "content": answer }), json!({ "role": "user", "content": ask })]
}

/// The request with another text in the place of its piece; `None` if the last message of the user does not have the piece
/// exactly once, as after a template that changes it.
pub(super) fn with_text(first: &ChatRequest, text: &str) -> Option<ChatRequest> {
    let piece = first.piece.as_deref()?;
    let mut body: Map<String, Value> = serde_json::from_slice(&first.body).ok()?;
    let turns = body.get_mut("messages")?.as_array_mut()?;
    let turn = turns.iter_mut().rfind(|turn| turn["role"] == "user")?;
    let contents: Vec<&mut String> = match turn.get_mut("content")? {
        Value::String(content) => vec![content],
        Value::Array(parts) => parts.iter_mut().filter_map(text_of_part).collect(),
        _ => return None,
    };
    let mut holders = contents.into_iter().filter(|content| content.contains(piece));
    let content = holders.next().filter(|_| holders.next().is_none())?;
    let at = content.find(piece).filter(|at| content.rfind(piece) == Some(*at))?;
    content.replace_range(at..at + piece.len(), text);
    let body = serde_json::to_vec(&body).ok()?;
    let share = body.len() as f64 / first.body.len().max(1) as f64;
    let prompt_tokens = (first.estimate.prompt_tokens as f64 * share).ceil() as u64;
    Some(ChatRequest { estimate: Estimate { prompt_tokens, ..first.estimate }, body, ..first.clone() })
}

fn text_of_part(part: &mut Value) -> Option<&mut String> {
    match part.get_mut("text")? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// The text of the last steps that are pieces of one answer.
fn so_far(steps: &[Step]) -> String {
    let from = steps.iter().rposition(|step| step.asks != Asks::Continue).map_or(0, |index| index + 1);
    steps[from..].iter().filter_map(|step| step.answer.response.as_deref()).collect()
}

/// An answer, joined with the earlier pieces into which the service cut it.
pub(super) fn joined(steps: &[Step], answer: Answer) -> Answer {
    let before = so_far(steps);
    match before.is_empty() {
        true => answer,
        false => Answer { response: Some(before + answer.response.as_deref().unwrap_or_default()), ..answer },
    }
}

fn tool_turns(step: &Step, turns: &mut Vec<Value>) -> Result<(), String> {
    let calls = calls::of(step.answer.tool_calls.as_deref().unwrap_or_default())?;
    let content = step.answer.response.as_deref().unwrap_or_default();
    let asked: Vec<Value> = calls.iter().map(calls::ToolCall::in_turn).collect();
    turns.push(json!({ "role": "assistant", "content": content, "tool_calls": asked }));
    for (call, result) in calls.iter().zip(&step.results) {
        turns.push(json!({ "role": "tool", "tool_call_id": call.id, "content": result }));
    }
    Ok(())
}

fn repair_turns(step: &Step) -> [Value; 2] {
    let answer = step.answer.response.as_deref().unwrap_or_default();
    let fault = step.results.first().map_or("it is not JSON", String::as_str);
    let ask = format!(
        "Your answer does not satisfy the JSON Schema: {fault}\nAnswer again, with the whole corrected JSON and \
         nothing else."
    );
    [json!({ "role": "assistant", "content": answer }), json!({ "role": "user", "content": ask })]
}

/// The `max_tokens` with which a cut answer is requested again; `None` if it was already the model's longest.
pub(super) fn grown_max_tokens(first: &ChatRequest) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Given {
        max_tokens: Option<Value>,
    }
    // Without one, the model's own longest answer was cut.
    let given = number(serde_json::from_slice::<Given>(&first.body).ok()?.max_tokens.as_ref())?;
    let grown = given.saturating_mul(GROWTH);
    let most = first.longest_answer.map_or(grown, |longest| grown.min(longest));
    (most > given).then_some(most)
}

/// A whole number, however it is written: 4.0 is 4.
fn number(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|number| *number >= 0.0).map(|number| number.ceil() as u64))
}

/// The estimate of the prompt grows with the body.
fn grown_estimate(first: &Estimate, bytes_before: usize, bytes: usize) -> Estimate {
    let ratio = bytes as f64 / bytes_before.max(1) as f64;
    let prompt_tokens = (first.prompt_tokens as f64 * ratio.max(1.0)).ceil() as u64;
    Estimate { prompt_tokens, ..*first }
}
