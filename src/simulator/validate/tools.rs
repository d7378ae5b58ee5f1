//! The rules of tools.

use serde_json::Value;

use super::super::error_bodies::Refusal;
use super::ValidRequest;

/// Checks the tools, the choice among them, and what goes with them.
pub(super) fn check(call: &ValidRequest) -> Result<(), Refusal> {
    check_choice(call)?;
    let tools = match call.body.get("tools") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(tools)) => tools,
        Some(other) => return Err(Refusal::invalid(format!("{other} is not of type 'array' - 'tools'"))),
    };
    if tools.is_empty() {
        return Err(Refusal::invalid("[] is too short - 'tools'"));
    }
    tools.iter().try_for_each(check_name)?;
    match call.body.get("n").and_then(Value::as_f64) {
        Some(n) if n > 1.0 => Err(Refusal::invalid_in_service("n must be 1 when tools are used")),
        _ => Ok(()),
    }
}

fn check_name(tool: &Value) -> Result<(), Refusal> {
    match tool.pointer("/function/name").and_then(Value::as_str) {
        Some("search") => Err(Refusal::invalid_in_service("Tool names are not allowed to be [search]")),
        Some(name) if name.is_empty() || name.chars().count() > 64 => {
            Err(Refusal::invalid_in_service("The length of a function name should be [1, 64]"))
        }
        Some(_) => Ok(()),
        None => Err(Refusal::invalid("'name' is a required property - 'tools.0.function'")),
    }
}

fn check_choice(call: &ValidRequest) -> Result<(), Refusal> {
    match call.body.get("tool_choice") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
        Some(Value::Object(_)) if call.thinks => Err(Refusal::invalid_in_service(
            "The tool_choice parameter does not support being set to required or object in thinking mode",
        )),
        Some(Value::Object(_)) => Ok(()),
        Some(_) => Err(Refusal::invalid_in_service(
            "tool_choice is one of the strings that should be [\"none\",\"auto\"]",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_passes, assert_refused};
    use serde_json::{Value, json};

    fn tool(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
    }

    #[test]
    fn tools_need_names_that_are_allowed() {
        assert_passes(json!({"tools": [tool("get_weather")], "tool_choice": "auto"}));
        assert_refused(json!({"tools": []}), 400, "[] is too short");
        assert_refused(json!({"tools": [tool("search")]}), 400, "not allowed to be [search]");
        assert_refused(json!({"tools": [tool(&"x".repeat(65))]}), 400, "[1, 64]");
    }

    #[test]
    fn a_tool_can_be_forced_by_name_only_and_for_one_answer_only() {
        assert_refused(json!({"tools": [tool("f")], "tool_choice": "required"}), 400, "[\"none\",\"auto\"]");
        let forced = json!({"type": "function", "function": {"name": "f"}});
        assert_passes(json!({"tools": [tool("f")], "tool_choice": forced}));
        assert_refused(
            json!({"tools": [tool("f")], "tool_choice": forced, "model": "qwen3.6-plus"}),
            400,
            "in thinking mode",
        );
        assert_refused(json!({"tools": [tool("f")], "n": 2}), 400, "n must be 1");
    }
}
