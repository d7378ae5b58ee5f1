//! The rules of a conversation: who may speak, in which order, and with what.

use serde_json::Value;

use super::Violation;
use super::draft::DraftBody;

/// Who may speak.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// The most marks of a cache in one request.
const MOST_CACHE_MARKS: usize = 4;

/// What holds for every server: turns, each with a role.
pub(super) fn structure(turns: &[Value]) -> Result<(), Violation> {
    if turns.is_empty() {
        return Err(Violation::said("messages", "`messages` is empty"));
    }
    match turns.iter().position(|turn| turn.get("role").is_none_or(|role| !role.is_string())) {
        Some(index) => Err(at(index, "has no `role`")),
        None => Ok(()),
    }
}

/// The rules for Qwen's own models.
pub(super) fn turns(turns: &[Value], draft: DraftBody<'_>) -> Result<(), Violation> {
    for (index, turn) in turns.iter().enumerate() {
        let last = index + 1 == turns.len();
        one(turn, index)?;
        partial(turn, index, last, draft)?;
    }
    tool_results(turns)?;
    cache_marks(turns)?;
    let last = turns.last().map(role).unwrap_or_default();
    let goes_on = turns.last().is_some_and(|turn| turn.get("partial") == Some(&Value::Bool(true)));
    match last {
        "user" | "tool" => Ok(()),
        "assistant" if goes_on => Ok(()),
        last => Err(Violation::said(
            "messages",
            format!(
                "the last turn of `messages` is {last}'s; it is the user's, a tool's, or an assistant's with `partial`"
            ),
        )),
    }
}

/// The role of a turn.
pub(super) fn role(turn: &Value) -> &str {
    turn.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a turn: its content, or the parts of it that are text.
pub(super) fn texts(turn: &Value) -> impl Iterator<Item = &str> + Clone {
    let content = turn.get("content");
    let parts = content.and_then(Value::as_array).into_iter().flatten();
    let of_parts = parts.filter_map(|part| part.get("text").and_then(Value::as_str));
    content.and_then(Value::as_str).into_iter().chain(of_parts)
}

fn at(index: usize, words: impl std::fmt::Display) -> Violation {
    Violation::said(format!("messages.{index}"), format!("turn {} of `messages` {words}", index + 1))
}

fn one(turn: &Value, index: usize) -> Result<(), Violation> {
    let role = role(turn);
    if !ROLES.contains(&role) {
        let violation = at(index, format!("has the role `{role}`; roles are system, user, assistant, tool"));
        return Err(match role {
            "developer" => violation.help("OpenAI's `developer` is `system` here"),
            _ => violation,
        });
    }
    if role == "system" && index > 0 {
        return Err(at(index, "is a system turn, which may only come first"));
    }
    let calls = turn.get("tool_calls").is_some_and(|calls| !calls.is_null());
    match turn.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            match parts.iter().all(|part| part.get("type").is_some_and(Value::is_string)) {
                true => Ok(()),
                false => Err(at(
                    index,
                    "has a part without a `type`, such as {\"type\": \"text\", \"text\": \"…\"}",
                )),
            }
        }
        Some(Value::Null) | None if calls => Ok(()),
        Some(Value::Null) | None => Err(at(index, "has no `content`")),
        Some(_) => Err(at(index, "has a `content` that is neither text nor a list of parts")),
    }
}

/// `partial` has the model go on with the assistant's words.
fn partial(turn: &Value, index: usize, last: bool, draft: DraftBody<'_>) -> Result<(), Violation> {
    match turn.get("partial") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(()),
        Some(Value::Bool(true)) if !last || role(turn) != "assistant" => {
            Err(at(index, "has `partial`, which only the last turn may have, and only the assistant's"))
        }
        Some(Value::Bool(true)) if draft.thinks() == Some(true) => {
            Err(at(index, "has `partial`, which does not go with thinking")
                .help(super::answers::HELP_THINKING))
        }
        Some(Value::Bool(true)) => Ok(()),
        Some(other) => Err(at(index, format!("has a `partial` that is neither true nor false: {other}"))),
    }
}

/// A tool's result belongs to a call before it.
fn tool_results(turns: &[Value]) -> Result<(), Violation> {
    let mut called: Vec<&str> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let calls = turn.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        called.extend(calls.filter_map(|call| call.get("id").and_then(Value::as_str)));
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
    let mut marks = 0;
    for (index, turn) in turns.iter().enumerate() {
        let parts = turn.get("content").and_then(Value::as_array).into_iter().flatten();
        for mark in parts.filter_map(|part| part.get("cache_control")).filter(|mark| !mark.is_null()) {
            marks += 1;
            if mark.get("type").and_then(Value::as_str) != Some("ephemeral") {
                return Err(at(index, "has a `cache_control` that is not {\"type\": \"ephemeral\"}"));
            }
            if marks > MOST_CACHE_MARKS {
                let words =
                    format!("has one `cache_control` too many: a request has {MOST_CACHE_MARKS} at most");
                return Err(at(index, words));
            }
        }
    }
    Ok(())
}
