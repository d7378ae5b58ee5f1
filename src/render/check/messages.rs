//! The rules of a conversation: which roles may speak, in which order, and with what content.

use serde_json::Value;

use super::draft::DraftBody;
use super::exclusions::HELP_THINKING;
use super::violation::Violation;

/// The maximum number of cache marks in one request.
const MOST_CACHE_MARKS: usize = 4;

/// The rules of every server: there are turns, and each has a role.
pub(super) fn structure(turns: &[Value]) -> Result<(), Violation> {
    if turns.is_empty() {
        return Err(Violation::with_message("messages", "`messages` is empty"));
    }
    match turns.iter().position(|turn| turn.get("role").is_none_or(|role| !role.is_string())) {
        Some(index) => Err(at(index, "has no `role`")),
        None => Ok(()),
    }
}

/// The rules for Qwen's own models.
pub(super) fn turns(turns: &[Value], draft: DraftBody<'_>) -> Result<(), Violation> {
    let (Some(last), Some(end)) = (turns.last(), turns.len().checked_sub(1)) else { return Ok(()) };
    let is_out_of_place = |(index, turn): (usize, &Value)| {
        let is_continued = index == end && role(turn) == "assistant";
        (role(turn) == "system" && index > 0) || (is_partial(turn) && !is_continued)
    };
    if let Some(index) = turns.iter().enumerate().position(is_out_of_place) {
        let words = if is_partial(&turns[index]) {
            "has `partial`, which only the last turn may have, and only the assistant's"
        } else {
            "is a system turn, which may only come first"
        };
        return Err(at(index, words));
    }
    if is_partial(last) && draft.thinks() == Some(true) {
        return Err(at(end, "has `partial`, which cannot be combined with thinking").help(HELP_THINKING));
    }
    tool_results(turns)?;
    cache_marks(turns)?;
    match role(last) {
        "user" | "tool" => Ok(()),
        "assistant" if is_partial(last) => Ok(()),
        last => Err(Violation::with_message(
            "messages",
            format!(
                "the last turn of `messages` is {last}'s; it must be the user's, a tool's, or an assistant's \
                 with `partial`"
            ),
        )),
    }
}

/// The role of a turn.
pub(super) fn role(turn: &Value) -> &str {
    turn.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a turn: its content, or its text parts.
pub(super) fn texts(turn: &Value) -> impl Iterator<Item = &str> + Clone {
    let of_parts = items(turn, "content").filter_map(|part| part.get("text").and_then(Value::as_str));
    turn.get("content").and_then(Value::as_str).into_iter().chain(of_parts)
}

fn items<'a>(turn: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + Clone {
    turn.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Whether the model is to continue the assistant's text.
fn is_partial(turn: &Value) -> bool {
    turn.get("partial") == Some(&Value::Bool(true))
}

fn at(index: usize, words: impl std::fmt::Display) -> Violation {
    Violation::with_message(format!("messages.{index}"), format!("turn {} of `messages` {words}", index + 1))
}

/// A tool's result must belong to a call before it.
fn tool_results(turns: &[Value]) -> Result<(), Violation> {
    let mut called: Vec<&str> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        called.extend(items(turn, "tool_calls").filter_map(|call| call.get("id").and_then(Value::as_str)));
        if role(turn) != "tool" {
            continue;
        }
        match turn.get("tool_call_id").and_then(Value::as_str) {
            None => return Err(at(index, "is a tool's and has no `tool_call_id`")),
            Some(id) if !called.contains(&id) => {
                return Err(at(index, format!("answers the call `{id}`, which no turn before it makes")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn cache_marks(turns: &[Value]) -> Result<(), Violation> {
    let parts = turns
        .iter()
        .enumerate()
        .flat_map(|(index, turn)| items(turn, "content").map(move |part| (index, part)));
    let mut marks = parts.filter(|(_, part)| part.get("cache_control").is_some_and(|mark| !mark.is_null()));
    match marks.nth(MOST_CACHE_MARKS) {
        Some((index, _)) => {
            let words =
                format!("has one `cache_control` too many: a request may have at most {MOST_CACHE_MARKS}");
            Err(at(index, words))
        }
        None => Ok(()),
    }
}
