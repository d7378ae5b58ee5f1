//! The rules of tools: their names, and the choice among them.

use serde_json::Value;

use super::Violation;
use super::answers::HELP_THINKING;
use super::draft::DraftBody;

/// The longest name of a function.
const LONGEST_NAME: usize = 64;

/// The name that the service keeps for its own web search.
const RESERVED: &str = "search";

/// Checks the tools, the choice among them, and what goes with them.
pub(super) fn check(draft: DraftBody<'_>) -> Result<(), Violation> {
    choice(draft)?;
    let Some(Value::Array(tools)) = draft.get("tools") else { return Ok(()) };
    if tools.is_empty() {
        return Err(Violation::of("tools", "is empty").help("name a function, or take `tools` out"));
    }
    for (index, tool) in tools.iter().filter(|tool| !draft.is_open(tool)).enumerate() {
        name(tool, index, draft)?;
    }
    match draft.get("n").and_then(Value::as_f64) {
        Some(n) if n > 1.0 => Err(Violation::of("n", "is 1 in a request with tools")),
        _ => Ok(()),
    }
}

fn name(tool: &Value, index: usize, draft: DraftBody<'_>) -> Result<(), Violation> {
    let at = format!("tools.{index}");
    let function = tool.get("function").and_then(Value::as_object);
    // Tools that are no functions are the service's own, and new models bring new ones.
    if tool.get("type").is_some_and(|kind| kind != "function" && !draft.is_open(kind)) && function.is_none() {
        return Ok(());
    }
    let name = match function.and_then(|function| function.get("name")) {
        Some(name) if draft.is_open(name) => return Ok(()),
        Some(Value::String(name)) => name,
        _ => return Err(Violation::of(at, "has no function with a `name`")),
    };
    let at = format!("{at}.function.name");
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match name {
        name if name == RESERVED => {
            Err(Violation::of(at, "may not be `search`, which the service keeps for itself")
                .help("call it `web_search`"))
        }
        name if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(allowed) => {
            let words =
                format!("is 1 to {LONGEST_NAME} letters of a-z, A-Z, digits, `_` and `-`, not `{name}`");
            Err(Violation::of(at, words))
        }
        _ => Ok(()),
    }
}

fn choice(draft: DraftBody<'_>) -> Result<(), Violation> {
    let violation = |words: String| Err(Violation::of("tool_choice", words));
    match draft.get("tool_choice") {
        None => Ok(()),
        Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
        Some(Value::String(choice)) if choice == "required" => violation(
            "is \"auto\", \"none\" or one function by name; Qwen does not take \"required\"".to_owned(),
        )
        .map_err(|violation: Violation| {
            violation.help("name the function: { type = \"function\", function = { name = \"…\" } }")
        }),
        Some(Value::Object(choice)) => {
            let name = choice.get("function").and_then(|function| function.get("name"));
            if !name.is_some_and(Value::is_string) {
                return violation(
                    "names no function: { type = \"function\", function = { name = \"…\" } }".to_owned(),
                );
            }
            match draft.thinks() {
                Some(true) => {
                    Err(Violation::of("tool_choice", "names a function, which does not go with thinking")
                        .help(HELP_THINKING))
                }
                _ => Ok(()),
            }
        }
        Some(other) => violation(format!("is \"auto\", \"none\" or one function by name, not {other}")),
    }
}
