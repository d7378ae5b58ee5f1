//! The tool calls of an answer.

use serde_json::{Value, json};

/// A tool call by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The id of the call, which its result refers to.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them, normally JSON text; `{}` for a call without any.
    pub arguments: String,
}

impl ToolCall {
    /// The call as part of an assistant's turn.
    pub(super) fn in_turn(&self) -> Value {
        let function = json!({ "name": self.name, "arguments": self.arguments });
        json!({ "id": self.id, "type": "function", "function": function })
    }
}

/// The calls in the JSON text of an answer's `tool_calls`. Servers omit various fields; a call without an id gets one from
/// its position.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn of(text: &str) -> Result<Vec<ToolCall>, String> {
    let calls: Vec<Value> =
        serde_json::from_str(text).map_err(|error| format!("the tool calls are not JSON: {error}"))?;
    calls.iter().enumerate().map(|(index, call)| read(index, call)).collect()
}

fn read(index: usize, call: &Value) -> Result<ToolCall, String> {
    let function = call.get("function").unwrap_or(call);
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned)
    };
    let Some(name) = text(function, "name") else {
        return Err(format!("tool call {} names no function", index + 1));
    };
    // Some servers give the arguments as an object instead of its text.
    let arguments = match function.get("arguments") {
        Some(object @ Value::Object(_)) => object.to_string(),
        _ => text(function, "arguments").unwrap_or_else(|| "{}".to_owned()),
    };
    let id = text(call, "id").unwrap_or_else(|| format!("call_{}", index + 1));
    Ok(ToolCall { id, name, arguments })
}
