//! The rules of the API that can be checked before anything is sent.
//!
//! Structure is checked for every server. Ranges and the order of roles are Qwen's, as the vendor's page on the
//! OpenAI-compatible chat API gives them, and are held against Qwen's own models only: another server may allow more.

use serde_json::{Map, Value};

/// Whether a model is one of Qwen's own, whose rules are known.
pub(super) fn is_qwen(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    ["qwen", "qwq", "qvq"].iter().any(|family| model.starts_with(family))
}

/// Checks a whole request body.
///
/// # Errors
///
/// The first rule it breaks, in a sentence without a full stop.
pub fn request(body: &Map<String, Value>) -> Result<(), String> {
    let qwen = match body.get("model") {
        Some(Value::String(model)) if !model.is_empty() => is_qwen(model),
        _ => return Err("the request names no `model`".to_owned()),
    };
    match body.get("messages") {
        Some(Value::Array(messages)) => turns(messages, qwen)?,
        _ => return Err("the request has no `messages`".to_owned()),
    }
    match qwen {
        true => parameters(body).map_err(|(key, message)| format!("`{key}` {message}")),
        false => Ok(()),
    }
}

fn turns(messages: &[Value], qwen: bool) -> Result<(), String> {
    let Some(last) = messages.last() else { return Err("`messages` is empty".to_owned()) };
    for (index, message) in messages.iter().enumerate() {
        let Some(role) = message.get("role").and_then(Value::as_str) else {
            return Err(format!("turn {} of `messages` has no `role`", index + 1));
        };
        if !qwen {
            continue;
        }
        if !["system", "user", "assistant", "tool"].contains(&role) {
            return Err(format!(
                "turn {} of `messages` has the role `{role}`; roles are system, user, assistant, tool",
                index + 1
            ));
        }
        if role == "system" && index > 0 {
            return Err(format!(
                "turn {} of `messages` is a system turn, which may only come first",
                index + 1
            ));
        }
    }
    let role = last.get("role").and_then(Value::as_str).unwrap_or_default();
    let partial = role == "assistant" && last.get("partial") == Some(&Value::Bool(true));
    match qwen && !partial && !["user", "tool"].contains(&role) {
        true => Err(format!(
            "the last turn of `messages` is {role}'s; it is the user's, a tool's, or an assistant's with `partial`"
        )),
        false => Ok(()),
    }
}

/// Checks the parameters of a request to one of Qwen's models.
///
/// # Errors
///
/// The key, and what its value has to be.
pub fn parameters(body: &Map<String, Value>) -> Result<(), (String, String)> {
    for (key, low, high, words) in [
        ("temperature", 0.0, 2.0_f64.next_down(), "is a number from 0 to below 2"),
        ("top_p", f64::MIN_POSITIVE, 1.0, "is a number above 0, up to 1"),
        ("presence_penalty", -2.0, 2.0, "is a number from -2 to 2"),
        ("repetition_penalty", f64::MIN_POSITIVE, f64::MAX, "is a number above 0"),
    ] {
        within(body, key, low, high, false, words)?;
    }
    for (key, low, high, words) in [
        ("seed", 0.0, 2_147_483_647.0, "is a whole number from 0 to 2147483647"),
        ("n", 1.0, 4.0, "is a whole number from 1 to 4"),
        ("top_k", 0.0, f64::MAX, "is a whole number, 0 or above"),
        ("max_tokens", 1.0, f64::MAX, "is a whole number, 1 or above"),
        ("thinking_budget", 1.0, f64::MAX, "is a whole number, 1 or above"),
        ("top_logprobs", 0.0, 5.0, "is a whole number from 0 to 5"),
    ] {
        within(body, key, low, high, true, words)?;
    }
    let tools = body.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
    let several = body.get("n").and_then(Value::as_f64).is_some_and(|n| n > 1.0);
    match tools && several {
        true => Err(("n".to_owned(), "is 1 in a request with tools".to_owned())),
        false => Ok(()),
    }
}

fn within(
    body: &Map<String, Value>,
    key: &str,
    low: f64,
    high: f64,
    whole: bool,
    words: &str,
) -> Result<(), (String, String)> {
    let given = match body.get(key) {
        None | Some(Value::Null) => return Ok(()),
        Some(given) => given,
    };
    let good = given
        .as_f64()
        .is_some_and(|number| (low..=high).contains(&number) && (!whole || number.fract() == 0.0));
    match good {
        true => Ok(()),
        false => Err((key.to_owned(), format!("{words}, not {given}"))),
    }
}

/// Checks those parameters of a job's `[request]` that are no templates, for a job that names one of Qwen's models.
///
/// # Errors
///
/// The key, and what its value has to be.
pub fn literals(model: Option<&str>, request: &Map<String, Value>) -> Result<(), (String, String)> {
    if !model.is_some_and(is_qwen) {
        return Ok(());
    }
    let templated =
        |value: &Value| value.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"));
    parameters(
        &request.iter().filter(|(_, value)| !templated(value)).map(|(k, v)| (k.clone(), v.clone())).collect(),
    )
}
