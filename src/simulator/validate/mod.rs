//! The rules a request must keep, and the call that it then is.

mod messages;
mod parameters;
mod tools;
mod translation;

use serde_json::{Map, Value};

use super::Profile;
use super::catalogue::{SimulatedModel, ThinkingMode, any_model, find_model};
use super::error_bodies::Refusal;
use super::tokens::count_tokens;

/// Tokens for the marks around each message.
const TOKENS_PER_MESSAGE: u64 = 4;
/// Tokens for a picture or another part that is not text, whatever its size.
const TOKENS_PER_OTHER_PART: u64 = 256;

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct ValidRequest<'a> {
    pub(super) body: &'a Map<String, Value>,
    pub(super) name: &'a str,
    pub(super) model: SimulatedModel,
    pub(super) messages: &'a [Value],
    pub(super) thinks: bool,
    pub(super) streams: bool,
}

impl ValidRequest<'_> {
    /// The tokens of everything the model is given to read.
    pub(super) fn prompt_tokens(&self) -> u64 {
        let messages: u64 = self.messages.iter().map(message_tokens).sum();
        let tools = self.body.get("tools").filter(|tools| !tools.is_null());
        messages + tools.map_or(0, |tools| count_tokens(&tools.to_string()))
    }
}

fn message_tokens(message: &Value) -> u64 {
    let content = match message.get("content") {
        Some(Value::String(text)) => count_tokens(text),
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str).map_or(TOKENS_PER_OTHER_PART, count_tokens))
            .sum(),
        _ => 0,
    };
    let calls = message.get("tool_calls").filter(|calls| !calls.is_null());
    TOKENS_PER_MESSAGE + content + calls.map_or(0, |calls| count_tokens(&calls.to_string()))
}

/// Checks a request's body by the rules of its model.
///
/// # Errors
///
/// The refusal that the real service gives for the first rule broken.
pub(super) fn validate(body: &Value, profile: Profile) -> Result<ValidRequest<'_>, Refusal> {
    let body = body.as_object().ok_or_else(|| Refusal::invalid("Required body invalid"))?;
    let name = read_name(body)?;
    let model = match profile {
        Profile::DashScope => find_model(name).ok_or_else(|| Refusal::unknown_model(name))?,
        Profile::Plain => any_model(),
    };
    let messages = read_messages(body)?;
    let streams = parameters::flag(body, "stream")?.unwrap_or(false);
    let asked = parameters::flag(body, "enable_thinking")?;
    let effort = parameters::effort(body)?;
    let thinks = match model.thinking {
        ThinkingMode::Never => false,
        ThinkingMode::Off => asked == Some(true),
        ThinkingMode::On => asked != Some(false) && !matches!(effort, Some("none" | "off")),
        ThinkingMode::Always => true,
    };
    let call = ValidRequest { body, name, model, messages, thinks, streams };
    if profile == Profile::DashScope {
        check_stream(&call, asked)?;
        parameters::check_effort(&call, effort, asked)?;
        parameters::check_ranges(&call)?;
        if model.translates {
            translation::check(&call)?;
        } else {
            messages::check(&call)?;
            parameters::check_response_format(&call)?;
            tools::check(&call)?;
        }
    }
    Ok(call)
}

fn read_name(body: &Map<String, Value>) -> Result<&str, Refusal> {
    match body.get("model") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name),
        Some(Value::String(_)) | None => Err(Refusal::invalid("you must provide a model parameter")),
        Some(other) => Err(Refusal::invalid(format!("{other} is not of type 'string' - 'model'"))),
    }
}

fn read_messages(body: &Map<String, Value>) -> Result<&[Value], Refusal> {
    match body.get("messages") {
        Some(Value::Array(messages)) if messages.is_empty() => {
            Err(Refusal::invalid("[] is too short - 'messages'"))
        }
        Some(Value::Array(messages)) => Ok(messages),
        Some(other) => Err(Refusal::invalid(format!("{other} is not of type 'array' - 'messages'"))),
        None => Err(Refusal::invalid("'messages' is a required property")),
    }
}

/// What goes by stream, what does not, and whether the model may be told to think.
fn check_stream(call: &ValidRequest, asked: Option<bool>) -> Result<(), Refusal> {
    if call.body.contains_key("extra_body") {
        // The name of a Python client's argument: it is never part of the wire.
        return Err(Refusal::invalid("Unknown parameter: 'extra_body'"));
    }
    if call.body.get("stream_options").is_some_and(|options| !options.is_null()) && !call.streams {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid(message));
    }
    match (call.model.thinking, asked) {
        (ThinkingMode::Never, Some(true)) => {
            let message = format!("The model {} does not support enable_thinking.", call.name);
            return Err(Refusal::new(
                400,
                "InvalidParameter.NotSupportEnableThinking",
                "invalid_request_error",
                message,
            ));
        }
        (ThinkingMode::Always, Some(false)) => {
            let message = "The value of the enable_thinking parameter is restricted to True.";
            return Err(Refusal::invalid_in_service(message));
        }
        _ => {}
    }
    if call.model.stream_only && !call.streams {
        // The blank at the end is the service's own.
        let message = "This model only support stream mode, please enable the stream parameter to access \
                       the model. ";
        return Err(Refusal::invalid(message));
    }
    if call.thinks && call.model.thinks_by_stream_only && !call.streams {
        let message = "parameter.enable_thinking must be set to false for non-streaming calls";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The refusal's status and message for a body, or nothing when it passes.
    pub(super) fn refusal(body: Value) -> Option<(u16, String)> {
        validate(&body, Profile::DashScope).err().map(|refusal| (refusal.status, refusal.message))
    }

    /// A body that passes, with the given fields put over it.
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
    fn what_must_be_streamed_is_refused_in_one_piece() {
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
