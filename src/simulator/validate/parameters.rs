//! Ranges of the parameters, and the rules of `response_format`.

use serde_json::{Map, Value};

use super::super::answer::text_of;
use super::super::error_bodies::Refusal;
use super::ValidRequest;

const LARGEST_SEED: f64 = 2_147_483_647.0;

/// A boolean field; null is as good as nothing.
pub(super) fn flag(body: &Map<String, Value>, key: &str) -> Result<Option<bool>, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(Refusal::invalid(format!("{other} is not of type 'boolean' - '{key}'"))),
    }
}

/// A field that must be a number, whole if `kind` is `integer`.
fn number(body: &Map<String, Value>, key: &str, kind: &str) -> Result<Option<f64>, Refusal> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if kind == "number" || !number.is_f64() => Ok(number.as_f64()),
        Some(other) => Err(Refusal::invalid(format!("{other} is not of type '{kind}' - '{key}'"))),
    }
}

/// Checks that a number, where there is one, is within; `words` is the service's own sentence.
fn within(value: Option<f64>, allowed: impl Fn(f64) -> bool, words: &str) -> Result<(), Refusal> {
    match value {
        Some(value) if !allowed(value) => Err(Refusal::invalid_in_service(words)),
        _ => Ok(()),
    }
}

/// Checks every number of the request against its range.
pub(super) fn check_ranges(call: &ValidRequest) -> Result<(), Refusal> {
    let body = call.body;
    let temperature = number(body, "temperature", "number")?;
    within(temperature, |value| (0.0..2.0).contains(&value), "Temperature should be in [0.0, 2.0)")?;
    let top_p = number(body, "top_p", "number")?;
    within(top_p, |value| value > 0.0 && value <= 1.0, "Range of top_p should be (0.0, 1.0]")?;
    let presence = number(body, "presence_penalty", "number")?;
    within(presence, |value| value.abs() <= 2.0, "Presence_penalty should be in [-2.0, 2.0]")?;
    let repetition = number(body, "repetition_penalty", "number")?;
    within(repetition, |value| value > 0.0, "Repetition_penalty should be greater than 0.0")?;
    let top_k = number(body, "top_k", "integer")?;
    within(top_k, |value| value >= 0.0, "Parameter top_k be greater than or equal to 0")?;
    let n = number(body, "n", "integer")?;
    within(n, |value| (1.0..=4.0).contains(&value), "Range of n should be [1, 4]")?;
    check_seed(body)?;
    check_sizes(call)?;
    check_stop(body)
}

/// The level of `reasoning_effort`, if the request gives one.
pub(super) fn effort(body: &Map<String, Value>) -> Result<Option<&str>, Refusal> {
    match body.get("reasoning_effort") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(level)) => Ok(Some(level)),
        Some(other) => Err(Refusal::invalid(format!("{other} is not of type 'string' - 'reasoning_effort'"))),
    }
}

/// The rules of `reasoning_effort`: its levels, and that nothing else says how long to think.
pub(super) fn check_effort(
    call: &ValidRequest,
    effort: Option<&str>,
    asked: Option<bool>,
) -> Result<(), Refusal> {
    let levels = ["none", "off", "minimal", "low", "medium", "high", "xhigh", "max"];
    match effort {
        None => Ok(()),
        Some(level) if !levels.contains(&level) => {
            let message = format!("'reasoning_effort' must be one of: '{}'", levels.join("', '"));
            Err(Refusal::invalid(message))
        }
        Some(_) if call.body.get("thinking_budget").is_some_and(|budget| !budget.is_null()) => {
            let message = "'reasoning_effort' and 'thinking_budget' cannot be set simultaneously";
            Err(Refusal::invalid(message))
        }
        Some(_) if asked == Some(false) => {
            let message = "'reasoning_effort' cannot be set when 'enable_thinking' is false";
            Err(Refusal::invalid(message))
        }
        Some(_) => Ok(()),
    }
}

fn check_seed(body: &Map<String, Value>) -> Result<(), Refusal> {
    match number(body, "seed", "integer")? {
        Some(seed) if seed < 0.0 => {
            Err(Refusal::invalid(format!("{seed} is lesser than the minimum of 0 - 'seed'")))
        }
        Some(seed) if seed > LARGEST_SEED => {
            Err(Refusal::invalid(format!("{seed} is greater than the maximum of {LARGEST_SEED} - 'seed'")))
        }
        _ => Ok(()),
    }
}

fn check_sizes(call: &ValidRequest) -> Result<(), Refusal> {
    for key in ["max_tokens", "max_completion_tokens"] {
        let words = format!("Range of {key} should be [1, {}]", call.model.max_output);
        let size = number(call.body, key, "integer")?;
        within(size, |value| value >= 1.0 && value <= call.model.max_output as f64, &words)?;
    }
    let words = format!(
        "The thinking_budget parameter must be a positive integer and not greater than {}",
        call.model.max_thinking
    );
    let budget = number(call.body, "thinking_budget", "integer")?;
    within(budget, |value| value >= 1.0 && value <= call.model.max_thinking as f64, &words)
}

fn check_stop(body: &Map<String, Value>) -> Result<(), Refusal> {
    let fits = match body.get("stop") {
        None | Some(Value::Null | Value::String(_)) => true,
        Some(Value::Array(items)) => items.iter().all(Value::is_string) || items.iter().all(Value::is_u64),
        Some(_) => false,
    };
    if fits { Ok(()) } else { Err(Refusal::invalid_in_service("The 'stop' parameter is invalid.")) }
}

/// The rules of structured output: only without thinking, and JSON must be asked for in words.
pub(super) fn check_response_format(call: &ValidRequest) -> Result<(), Refusal> {
    let Some(format) = call.body.get("response_format").filter(|format| !format.is_null()) else {
        return Ok(());
    };
    let kind = format.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "text" => return Ok(()),
        "json_object" | "json_schema" => {}
        other => {
            return Err(Refusal::invalid(format!(
                "'{other}' is not one of ['text', 'json_object', 'json_schema'] - 'response_format.type'"
            )));
        }
    }
    if call.thinks {
        let message = "Json mode response is not supported when enable_thinking is true";
        return Err(Refusal::invalid_in_service(message));
    }
    if kind == "json_schema" {
        return check_schema_name(format);
    }
    let mentions_json =
        call.messages.iter().any(|message| text_of(message).to_ascii_lowercase().contains("json"));
    if mentions_json {
        return Ok(());
    }
    Err(Refusal::invalid_in_service(
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
         'json_object'.",
    ))
}

fn check_schema_name(format: &Value) -> Result<(), Refusal> {
    let name = format.pointer("/json_schema/name").and_then(Value::as_str);
    match name {
        Some(name) if name.chars().count() <= 64 => Ok(()),
        Some(_) => Err(Refusal::invalid("'response_format.json_schema.name' is longer than 64 characters")),
        None => Err(Refusal::invalid("'name' is a required property - 'response_format.json_schema'")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_passes, assert_refused};
    use serde_json::json;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_refused(json!({"temperature": 2}), 400, "Temperature should be in [0.0, 2.0)");
        assert_refused(json!({"top_p": 0}), 400, "(0.0, 1.0]");
        assert_refused(json!({"presence_penalty": -2.1}), 400, "[-2.0, 2.0]");
        assert_refused(json!({"seed": -1}), 400, "-1 is lesser than the minimum of 0 - 'seed'");
        assert_refused(json!({"n": 5}), 400, "[1, 4]");
        assert_refused(json!({"max_tokens": 0}), 400, "Range of max_tokens should be [1, 32768]");
        assert_refused(json!({"thinking_budget": 0}), 400, "must be a positive integer");
        assert_refused(json!({"temperature": "0.5"}), 400, "is not of type 'number' - 'temperature'");
        assert_refused(json!({"n": 1.5}), 400, "'integer'");
        assert_refused(json!({"stop": ["a", 3]}), 400, "stop");
    }

    #[test]
    fn numbers_at_the_ends_of_their_ranges_pass() {
        assert_passes(json!({"temperature": 0, "top_p": 1.0, "presence_penalty": 2, "n": 4}));
        assert_passes(json!({"seed": 2_147_483_647, "max_tokens": 32_768, "stop": ["a"]}));
    }

    #[test]
    fn json_must_be_asked_for_in_words_and_without_thinking() {
        let format = json!({"type": "json_object"});
        assert_refused(json!({"response_format": format}), 400, "must contain the word 'json'");
        let messages = json!([{"role": "user", "content": "As JSON please"}]);
        assert_passes(json!({"response_format": format, "messages": messages}));
        assert_refused(
            json!({"response_format": format, "messages": messages, "model": "qwen3.6-plus"}),
            400,
            "Json mode response is not supported",
        );
    }
}
