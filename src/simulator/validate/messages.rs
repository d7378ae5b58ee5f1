//! The rules of a conversation: its roles, and the results of tool calls.

use serde_json::Value;

use super::super::error_bodies::Refusal;
use super::super::request::role;

const ROLES: [&str; 5] = ["system", "assistant", "user", "tool", "function"];

/// Checks the roles, and that calls and results match.
pub(super) fn check(messages: &[Value]) -> Result<(), Refusal> {
    if let Some(index) = messages.iter().position(|message| !ROLES.contains(&role(message))) {
        return Err(Refusal::invalid(format!(
            "{} is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.{index}.role'",
            role(&messages[index])
        )));
    }
    check_tool_results(messages)
}

/// Every tool call must have its result right after it, and every result a call.
fn check_tool_results(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let identifier = message.get("tool_call_id").and_then(Value::as_str);
        if role(message) == "tool" {
            let position = open.iter().position(|call| Some(*call) == identifier);
            let Some(position) = position else {
                return Err(Refusal::invalid_in_service(
                    "messages with role \"tool\" must be a response to a preceeding message with \
                     \"tool_calls\".",
                ));
            };
            open.swap_remove(position);
            continue;
        }
        check_all_answered(&open)?;
        let calls = message.get("tool_calls").and_then(Value::as_array);
        open = calls.into_iter().flatten().filter_map(|call| call.get("id")?.as_str()).collect();
    }
    check_all_answered(&open)
}

fn check_all_answered(open: &[&str]) -> Result<(), Refusal> {
    if open.is_empty() {
        return Ok(());
    }
    let words = format!(
        "An assistant message with \"tool_calls\" must be followed by tool messages responding to each \
         \"tool_call_id\". The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    );
    Err(Refusal::invalid_in_service(&words))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_passes, assert_refused};
    use serde_json::json;

    #[test]
    fn roles_and_their_order_are_checked() {
        let user = json!({"role": "user", "content": "x"});
        let system = json!({"role": "system", "content": "x"});
        assert_passes(json!({"messages": [system, user]}));
        assert_refused(json!({"messages": [user, system, user]}), 400, "Role must be");
        let developer = json!({"role": "developer", "content": "x"});
        assert_refused(json!({"messages": [developer, user]}), 400, "developer is not one of");
    }

    #[test]
    fn the_last_message_is_not_the_assistants_unless_it_is_partial() {
        let user = json!({"role": "user", "content": "x"});
        let assistant = json!({"role": "assistant", "content": "x"});
        assert_refused(json!({"messages": [user, assistant]}), 500, "list index out of range");
        let partial = json!({"role": "assistant", "content": "x", "partial": true});
        assert_passes(json!({"messages": [user, partial]}));
    }

    #[test]
    fn tool_results_answer_tool_calls() {
        let user = json!({"role": "user", "content": "x"});
        let function = json!({"name": "f", "arguments": "{}"});
        let calls = json!([{"id": "c1", "type": "function", "function": function}]);
        let assistant = json!({"role": "assistant", "content": null, "tool_calls": calls});
        let result = json!({"role": "tool", "tool_call_id": "c1", "content": "21 C"});
        assert_passes(json!({"messages": [user, assistant, result]}));
        assert_refused(json!({"messages": [user, result]}), 400, "must be a response");
        assert_refused(
            json!({"messages": [user, assistant, user]}),
            400,
            "did not have response messages: c1",
        );
    }

    #[test]
    fn images_and_long_texts_need_a_model_that_takes_them() {
        let image = json!({"type": "image_url", "image_url": {"url": "data:,"}});
        let messages = json!([{"role": "user", "content": [image]}]);
        assert_refused(json!({"messages": messages}), 400, "input content must be a string.");
        assert_passes(json!({"messages": messages, "model": "qwen3-vl-plus"}));
        let long = json!([{"role": "user", "content": "word ".repeat(31_000)}]);
        assert_refused(
            json!({"model": "qwen-max", "messages": long}),
            400,
            "input length should be [1, 30720]",
        );
    }
}
