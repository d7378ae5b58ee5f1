//! Decides whether the model calls a tool, and with which arguments.

use serde_json::Value;

use super::super::fingerprint::RequestDigest;
use super::super::request::{ValidRequest, last_question, role};
use super::super::simulated_answer::SimulatedCall;
use super::example::{Example, example};

/// The calls that the model makes: of the tool set by `tool_choice`, otherwise of the tools named in the user's text,
/// otherwise of the first one if the text is about the weather.
pub(super) fn calls(call: &ValidRequest, fingerprint: RequestDigest) -> Vec<SimulatedCall> {
    let tools = call.list("tools");
    let is_asked = call.messages.last().is_some_and(|last| role(last) == "user");
    if tools.is_empty() || !is_asked {
        return Vec::new();
    }
    let question = last_question(call.messages);
    chosen(call, tools, &question)
        .into_iter()
        .enumerate()
        .map(|(index, tool)| call_of(tool, &question, fingerprint.derive("tool", index as u64)))
        .collect()
}

fn chosen<'a>(call: &ValidRequest, tools: &'a [Value], question: &str) -> Vec<&'a Value> {
    match call.get("tool_choice") {
        Some(Value::String(choice)) if choice == "none" => return Vec::new(),
        Some(choice @ Value::Object(_)) => {
            let forced = choice.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
            return tools.iter().filter(|tool| name(tool) == forced).take(1).collect();
        }
        _ => {}
    }
    let question = question.to_lowercase();
    let is_named = |tool: &&Value| {
        let name = name(tool).to_lowercase();
        question.contains(&name) || question.contains(&name.replace('_', " "))
    };
    let is_parallel = call.flag("parallel_tool_calls") == Some(true);
    let mut named: Vec<&Value> = tools.iter().filter(is_named).collect();
    if named.is_empty() && question.contains("weather") {
        named.extend(tools.first());
    }
    named.truncate(if is_parallel { usize::MAX } else { 1 });
    named
}

fn name(tool: &Value) -> &str {
    tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default()
}

fn call_of(tool: &Value, question: &str, fingerprint: RequestDigest) -> SimulatedCall {
    let schema = tool.pointer("/function/parameters").unwrap_or(&Value::Null);
    let arguments = match schema {
        Value::Null => "{}".to_owned(),
        schema => example(schema, &Example { hint: question, fingerprint }).to_string(),
    };
    SimulatedCall { id: format!("call_{}", &fingerprint.hex()[..24]), name: name(tool).to_owned(), arguments }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer_to;
    use serde_json::{Value, json};

    fn tool(name: &str, parameter: &str) -> Value {
        let parameters = json!({"type": "object", "properties": {parameter: {"type": "string"}}});
        json!({"type": "function", "function": {"name": name, "parameters": parameters}})
    }

    #[test]
    fn a_question_about_the_weather_calls_the_first_tool() {
        let tools = json!([tool("get_weather", "location"), tool("get_time", "zone")]);
        let choice = answer_to("What is the weather in Paris?", json!({"tools": tools})).choices.remove(0);
        assert_eq!(choice.finish_reason, Some("tool_calls"));
        assert_eq!(choice.content, "");
        assert_eq!(choice.tool_calls.len(), 1);
        assert_eq!(choice.tool_calls[0].arguments, r#"{"location":"Paris"}"#);
    }

    #[test]
    fn tools_that_are_named_are_called_several_only_in_parallel() {
        let tools = json!([tool("get_weather", "location"), tool("get_time", "zone")]);
        let names = |fields: Value| -> Vec<String> {
            let answer = answer_to("Please get_time and get_weather", fields);
            answer.choices[0].tool_calls.iter().map(|call| call.name.clone()).collect()
        };
        assert_eq!(names(json!({"tools": tools})), ["get_weather"]);
        assert_eq!(names(json!({"tools": tools, "parallel_tool_calls": true})), ["get_weather", "get_time"]);
        assert_eq!(names(json!({"tools": tools, "tool_choice": "none"})), Vec::<String>::new());
        let forced = json!({"type": "function", "function": {"name": "get_time"}});
        assert_eq!(names(json!({"tools": tools, "tool_choice": forced})), ["get_time"]);
    }

    #[test]
    fn other_questions_are_answered_in_words() {
        let tools = json!([tool("get_weather", "location")]);
        assert_eq!(answer_to("Hello", json!({"tools": tools})).choices[0].finish_reason, Some("stop"));
    }
}
