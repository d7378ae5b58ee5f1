//! The rules that a request must follow, and the validated request.

mod messages;
mod rules;

use serde_json::Value;

use super::Profile;
use super::catalogue::{ThinkingMode, any_model, find_model};
use super::error_bodies::Refusal;
use super::request::{ValidRequest, field};
use rules::{FIELDS, Kind, NUMBERS, RANGES, RULES};

/// Validates a request's body by the rules of its model.
///
/// # Errors
///
/// The real service's error for the first broken rule.
pub(super) fn validate(body: &Value, profile: Profile) -> Result<ValidRequest<'_>, Refusal> {
    if !body.is_object() {
        return Err(Refusal::invalid("Required body invalid"));
    }
    check_kinds(body, &FIELDS)?;
    let name = body["model"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::invalid("you must provide a model parameter"))?;
    let model = match profile {
        Profile::DashScope => find_model(name).ok_or_else(|| Refusal::unknown_model(name))?,
        Profile::Plain => any_model(),
    };
    let messages = match body["messages"].as_array() {
        None => return Err(Refusal::invalid("'messages' is a required property")),
        Some(messages) if messages.is_empty() => {
            return Err(Refusal::invalid("[] is too short - 'messages'"));
        }
        Some(messages) => messages,
    };
    let asked = body["enable_thinking"].as_bool();
    let thinks = match model.thinking {
        ThinkingMode::Never => false,
        ThinkingMode::Off => asked == Some(true),
        ThinkingMode::On => {
            asked != Some(false) && !matches!(body["reasoning_effort"].as_str(), Some("none" | "off"))
        }
        ThinkingMode::Always => true,
    };
    let streams = body["stream"] == true;
    let request = ValidRequest { body, name, model, messages, thinks, streams };
    if profile == Profile::DashScope {
        check(&request)?;
    }
    Ok(request)
}

fn check(request: &ValidRequest) -> Result<(), Refusal> {
    check_kinds(request.body, &NUMBERS)?;
    for range in &RANGES {
        let is_within = |number| range.low <= number && number <= (range.high)(&request.model);
        if request.number(range.key).is_some_and(|number| !is_within(number)) {
            return Err(Refusal::invalid_in_service(&filled(range.words, request)));
        }
    }
    if !request.model.translates {
        messages::check(request.messages)?;
    }
    let is_broken =
        |rule: &&rules::ServiceRule| rule.models.have(&request.model) && (rule.is_broken)(request);
    match RULES.iter().find(is_broken) {
        Some(rule) => Err((rule.refuse)(&filled(rule.words, request))),
        None => Ok(()),
    }
}

fn check_kinds(body: &Value, fields: &[(&str, Kind)]) -> Result<(), Refusal> {
    for (key, kind) in fields {
        if let Some(value) = field(body, key).filter(|value| !kind.is_of(value)) {
            return Err(Refusal::invalid(format!("{value} is not of type '{}' - '{key}'", kind.name())));
        }
    }
    Ok(())
}

/// The message of a rule, with values from the request filled in.
fn filled(words: &str, request: &ValidRequest) -> String {
    words
        .replace("{model}", request.name)
        .replace("{max_input}", &request.model.max_input.to_string())
        .replace("{max_output}", &request.model.max_output.to_string())
        .replace("{max_thinking}", &request.model.max_thinking.to_string())
        .replace("{seed}", &request.number("seed").unwrap_or_default().to_string())
        .replace("{format}", request.format().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The error's status and message for a body; `None` when it passes.
    pub(super) fn refusal(body: Value) -> Option<(u16, String)> {
        validate(&body, Profile::DashScope).err().map(|refusal| (refusal.status, refusal.message))
    }

    /// A valid body with the given fields added.
    pub(super) fn body_with(fields: Value) -> Value {
        let mut body = json!({"model": "qwen-plus", "messages": [{"role": "user", "content": "Hello"}]});
        for (key, value) in fields.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    }

    #[track_caller]
    pub(super) fn assert_refused(fields: Value, status: u16, part: &str) {
        let (actual, message) = refusal(body_with(fields)).expect("it should be refused");
        assert!(actual == status && message.contains(part), "{actual} {message}");
    }

    #[track_caller]
    pub(super) fn assert_passes(fields: Value) {
        assert_eq!(refusal(body_with(fields)), None);
    }

    #[test]
    fn a_plain_question_passes() {
        assert_passes(json!({}));
        assert_passes(json!({"stream": true, "stream_options": {"include_usage": true}}));
    }

    #[test]
    fn models_and_messages_must_be_there() {
        assert_refused(json!({"model": "gpt-5"}), 404, "does not exist");
        assert_refused(json!({"messages": []}), 400, "[] is too short");
        assert_refused(json!({"messages": "hi"}), 400, "'array'");
        assert_eq!(refusal(json!([1])).unwrap().1, "Required body invalid");
    }

    #[test]
    fn a_request_that_must_be_streamed_is_rejected_without_streaming() {
        assert_refused(json!({"model": "qwq-plus"}), 400, "only support stream mode");
        let must_be_false = "parameter.enable_thinking must be set to false for non-streaming calls";
        assert_passes(json!({"enable_thinking": true}));
        assert_refused(json!({"model": "qwen3-32b"}), 400, must_be_false);
        assert_passes(json!({"model": "qwen3-32b", "enable_thinking": false}));
        assert_passes(json!({"model": "qwen3.6-plus"}));
        assert_passes(json!({"model": "qwq-plus", "stream": true}));
    }

    #[test]
    fn a_reasoning_effort_has_levels_and_excludes_other_words_about_thinking() {
        let effort = |level: &str, more: Value| {
            let mut fields = json!({"model": "qwen4-max", "reasoning_effort": level});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fields
        };
        assert_passes(effort("max", json!({})));
        assert_refused(effort("huge", json!({})), 400, "'reasoning_effort' must be one of");
        assert_refused(effort("low", json!({"thinking_budget": 5})), 400, "cannot be set simultaneously");
        assert_refused(effort("low", json!({"enable_thinking": false})), 400, "cannot be set");
    }

    #[test]
    fn thinking_follows_model_and_wish() {
        let thinks = |fields: Value| validate(&body_with(fields), Profile::DashScope).map(|call| call.thinks);
        assert_eq!(thinks(json!({"model": "qwen3.6-plus"})), Ok(true));
        assert_eq!(thinks(json!({"model": "qwen3.6-plus", "enable_thinking": false})), Ok(false));
        assert_eq!(thinks(json!({})), Ok(false));
        assert_refused(json!({"model": "qwen-max", "enable_thinking": true}), 400, "does not support");
        assert_refused(
            json!({"model": "qwq-plus", "enable_thinking": false, "stream": true}),
            400,
            "restricted to True",
        );
    }

    #[test]
    fn wire_rules_of_streams_and_clients_hold() {
        assert_refused(json!({"stream_options": {"include_usage": true}}), 400, "stream_options");
        assert_refused(json!({"extra_body": {}}), 400, "extra_body");
        assert_refused(json!({"stream": "yes"}), 400, "'boolean'");
    }

    #[test]
    fn a_plain_server_takes_every_model() {
        let body = json!({"model": "llama", "messages": [{"role": "developer", "content": "x"}]});
        assert!(validate(&body, Profile::Plain).is_ok());
    }
}
