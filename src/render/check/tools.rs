//! The rules of tools: their names, and the choice among them.

use serde_json::Value;

use super::Breach;
use super::answers::MEND_THINKING;
use super::draft::Draft;

/// The longest name of a function.
const LONGEST_NAME: usize = 64;

/// The name that the service keeps for its own web search.
const RESERVED: &str = "search";

/// Checks the tools, the choice among them, and what goes with them.
pub(super) fn check(draft: Draft<'_>) -> Result<(), Breach> {
    choice(draft)?;
    let Some(Value::Array(tools)) = draft.get("tools") else { return Ok(()) };
    if tools.is_empty() {
        return Err(Breach::of("tools", "is empty").help("name a function, or take `tools` out"));
    }
    for (index, tool) in tools.iter().filter(|tool| !draft.is_open(tool)).enumerate() {
        name(tool, index, draft)?;
    }
    match draft.get("n").and_then(Value::as_f64) {
        Some(n) if n > 1.0 => Err(Breach::of("n", "is 1 in a request with tools")),
        _ => Ok(()),
    }
}

fn name(tool: &Value, index: usize, draft: Draft<'_>) -> Result<(), Breach> {
    let at = format!("tools.{index}");
    let function = tool.get("function").and_then(Value::as_object);
    // Tools that are no functions are the service's own, and new models bring new ones.
    if tool.get("type").is_some_and(|kind| kind != "function" && !draft.is_open(kind)) && function.is_none() {
        return Ok(());
    }
    let name = match function.and_then(|function| function.get("name")) {
        Some(name) if draft.is_open(name) => return Ok(()),
        Some(Value::String(name)) => name,
        _ => return Err(Breach::of(at, "has no function with a `name`")),
    };
    let at = format!("{at}.function.name");
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match name {
        name if name == RESERVED => {
            Err(Breach::of(at, "may not be `search`, which the service keeps for itself")
                .help("call it `web_search`"))
        }
        name if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(allowed) => {
            let words =
                format!("is 1 to {LONGEST_NAME} letters of a-z, A-Z, digits, `_` and `-`, not `{name}`");
            Err(Breach::of(at, words))
        }
        _ => Ok(()),
    }
}

fn choice(draft: Draft<'_>) -> Result<(), Breach> {
    let breach = |words: String| Err(Breach::of("tool_choice", words));
    match draft.get("tool_choice") {
        None => Ok(()),
        Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
        Some(Value::String(choice)) if choice == "required" => breach(
            "is \"auto\", \"none\" or one function by name; Qwen does not take \"required\"".to_owned(),
        )
        .map_err(|breach: Breach| {
            breach.help("name the function: { type = \"function\", function = { name = \"…\" } }")
        }),
        Some(Value::Object(choice)) => {
            let name = choice.get("function").and_then(|function| function.get("name"));
            if !name.is_some_and(Value::is_string) {
                return breach(
                    "names no function: { type = \"function\", function = { name = \"…\" } }".to_owned(),
                );
            }
            match draft.thinks() {
                Some(true) => {
                    Err(Breach::of("tool_choice", "names a function, which does not go with thinking")
                        .help(MEND_THINKING))
                }
                _ => Ok(()),
            }
        }
        Some(other) => breach(format!("is \"auto\", \"none\" or one function by name, not {other}")),
    }
}
