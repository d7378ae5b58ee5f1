//! The rules of a request as data: types, ranges, and invalid combinations, with the service's own messages.

use serde_json::Value;

use super::super::catalogue::{SimulatedModel, ThinkingMode};
use super::super::error_bodies::Refusal;
use super::super::languages::knows_language;
use super::super::request::{ValidRequest, field, is_partial, role, text_of};

/// A type of JSON Schema.
pub(super) enum Kind {
    String,
    Array,
    Boolean,
    Number,
    Integer,
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::Integer => "integer",
        }
    }

    pub(super) fn is_of(&self, value: &Value) -> bool {
        match self {
            Kind::String => value.is_string(),
            Kind::Array => value.is_array(),
            Kind::Boolean => value.is_boolean(),
            Kind::Number => value.is_number(),
            Kind::Integer => value.is_number() && !value.is_f64(),
        }
    }
}

/// The types that every server requires.
pub(super) static FIELDS: [(&str, Kind); 5] = [
    ("model", Kind::String),
    ("messages", Kind::Array),
    ("stream", Kind::Boolean),
    ("enable_thinking", Kind::Boolean),
    ("reasoning_effort", Kind::String),
];

/// The types that DashScope requires in addition.
pub(super) static NUMBERS: [(&str, Kind); 11] = [
    ("temperature", Kind::Number),
    ("top_p", Kind::Number),
    ("presence_penalty", Kind::Number),
    ("repetition_penalty", Kind::Number),
    ("top_k", Kind::Integer),
    ("n", Kind::Integer),
    ("seed", Kind::Integer),
    ("max_tokens", Kind::Integer),
    ("max_completion_tokens", Kind::Integer),
    ("thinking_budget", Kind::Integer),
    ("tools", Kind::Array),
];

/// The range of a number, both ends included.
pub(super) struct NumberRange {
    pub(super) key: &'static str,
    pub(super) low: f64,
    pub(super) high: fn(&SimulatedModel) -> f64,
    pub(super) words: &'static str,
}

const fn range(
    key: &'static str,
    low: f64,
    high: fn(&SimulatedModel) -> f64,
    words: &'static str,
) -> NumberRange {
    NumberRange { key, low, high, words }
}

const ABOVE_0: f64 = f64::MIN_POSITIVE;
const BELOW_2: f64 = 2.0_f64.next_down();

pub(super) static RANGES: [NumberRange; 9] = [
    range("temperature", 0.0, |_| BELOW_2, "Temperature should be in [0.0, 2.0)"),
    range("top_p", ABOVE_0, |_| 1.0, "Range of top_p should be (0.0, 1.0]"),
    range("presence_penalty", -2.0, |_| 2.0, "Presence_penalty should be in [-2.0, 2.0]"),
    range("repetition_penalty", ABOVE_0, |_| f64::MAX, "Repetition_penalty should be greater than 0.0"),
    range("top_k", 0.0, |_| f64::MAX, "Parameter top_k be greater than or equal to 0"),
    range("n", 1.0, |_| 4.0, "Range of n should be [1, 4]"),
    range("max_tokens", 1.0, most_output, "Range of max_tokens should be [1, {max_output}]"),
    range(
        "max_completion_tokens",
        1.0,
        most_output,
        "Range of max_completion_tokens should be [1, {max_output}]",
    ),
    range(
        "thinking_budget",
        1.0,
        |model| model.max_thinking as f64,
        "The thinking_budget parameter must be a positive integer and not greater than {max_thinking}",
    ),
];

fn most_output(model: &SimulatedModel) -> f64 {
    model.max_output as f64
}

/// The models to which a rule applies.
pub(super) enum Models {
    All,
    Chat,
    Translation,
}
use Models::{All, Chat, Translation};

impl Models {
    pub(super) fn have(&self, model: &SimulatedModel) -> bool {
        match self {
            All => true,
            Chat => !model.translates,
            Translation => model.translates,
        }
    }
}

/// A rule about the whole request.
pub(super) struct ServiceRule {
    pub(super) models: Models,
    /// Who rejects the request: the gateway, or the model's service behind it.
    pub(super) refuse: fn(&str) -> Refusal,
    pub(super) words: &'static str,
    pub(super) is_broken: fn(&ValidRequest) -> bool,
}

const fn rule(
    models: Models,
    refuse: fn(&str) -> Refusal,
    words: &'static str,
    is_broken: fn(&ValidRequest) -> bool,
) -> ServiceRule {
    ServiceRule { models, refuse, words, is_broken }
}

const GATEWAY: fn(&str) -> Refusal = |words| Refusal::invalid(words);
const SERVICE: fn(&str) -> Refusal = Refusal::invalid_in_service;
/// The service, too late: it responds with a 500.
const LATE: fn(&str) -> Refusal = Refusal::broken_in_service;
const CANNOT_THINK: fn(&str) -> Refusal =
    |words| Refusal::new(400, "InvalidParameter.NotSupportEnableThinking", "invalid_request_error", words);

#[rustfmt::skip]
pub(super) static RULES: [ServiceRule; 36] = [
    // An argument of the Python client, which is never sent by it.
    rule(All, GATEWAY, "Unknown parameter: 'extra_body'",
        |request| request.body.get("extra_body").is_some()),
    rule(All, GATEWAY, "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        |request| request.get("stream_options").is_some() && !request.streams),
    rule(All, CANNOT_THINK, "The model {model} does not support enable_thinking.",
        |request| request.model.thinking == ThinkingMode::Never && request.flag("enable_thinking") == Some(true)),
    rule(All, SERVICE, "The value of the enable_thinking parameter is restricted to True.",
        |request| request.model.thinking == ThinkingMode::Always && request.flag("enable_thinking") == Some(false)),
    // The blank at the end is the service's own.
    rule(All, GATEWAY, "This model only support stream mode, please enable the stream parameter to access the model. ",
        |request| request.model.stream_only && !request.streams),
    rule(All, GATEWAY, "parameter.enable_thinking must be set to false for non-streaming calls",
        |request| request.thinks && request.model.thinks_by_stream_only && !request.streams),
    rule(All, GATEWAY, EFFORT_WORDS,
        |request| request.get("reasoning_effort").is_some_and(|level| !EFFORTS.iter().any(|effort| level == effort))),
    rule(All, GATEWAY, "'reasoning_effort' and 'thinking_budget' cannot be set simultaneously",
        |request| request.get("reasoning_effort").is_some() && request.get("thinking_budget").is_some()),
    rule(All, GATEWAY, "'reasoning_effort' cannot be set when 'enable_thinking' is false",
        |request| request.get("reasoning_effort").is_some() && request.flag("enable_thinking") == Some(false)),
    rule(All, GATEWAY, "{seed} is lesser than the minimum of 0 - 'seed'",
        |request| request.number("seed").is_some_and(|seed| seed < 0.0)),
    rule(All, GATEWAY, "{seed} is greater than the maximum of 2147483647 - 'seed'",
        |request| request.number("seed").is_some_and(|seed| seed > 2_147_483_647.0)),
    rule(All, SERVICE, "The 'stop' parameter is invalid.",
        |request| request.get("stop").is_some_and(|stop| !is_stop(stop))),

    rule(Translation, GATEWAY, "The model {model} does not support 'tools'.",
        |request| request.get("tools").is_some()),
    rule(Translation, GATEWAY, "The model {model} does not support 'response_format'.",
        |request| request.get("response_format").is_some()),
    rule(Translation, GATEWAY, "The model {model} does not support 'enable_search'.",
        |request| request.get("enable_search").is_some()),
    // The service answers like this for any deviation, usually a system message.
    rule(Translation, LATE, "Role must be in [user, assistant]",
        |request| !matches!(request.messages, [message] if role(message) == "user")),

    rule(Chat, GATEWAY, "Role must be user or assistant and Content length must be greater than 0",
        |request| request.messages.iter().enumerate().any(is_out_of_place)),
    rule(All, SERVICE, "input content must be a string.",
        |request| request.messages.iter().any(|message| !has_content(message, &request.model))),
    rule(Chat, SERVICE, "partial is not supported when enable_thinking is true",
        |request| request.thinks && request.messages.last().is_some_and(is_continued)),
    rule(Chat, LATE, "list index out of range",
        |request| request.messages.last().is_some_and(|last| !matches!(role(last), "user" | "tool") && !is_continued(last))),
    rule(All, SERVICE, "Range of input length should be [1, {max_input}]",
        |request| request.prompt_tokens() > request.model.max_input),

    rule(Translation, GATEWAY, "'target_lang' is a required property - 'translation_options'",
        |request| request.get("translation_options").is_some_and(|options| !options["target_lang"].is_string())),
    rule(Translation, SERVICE, "Current language settings are not supported!",
        |request| !["source_lang", "target_lang"].iter().all(|key| is_known_language(request, key))),
    rule(Translation, GATEWAY, "'source' and 'target' are required properties - 'translation_options'",
        |request| ["terms", "tm_list"].iter().any(|list| request.pairs(list).any(|pair| pair.is_none()))),

    rule(Chat, GATEWAY, "'{format}' is not one of ['text', 'json_object', 'json_schema'] - 'response_format.type'",
        |request| request.format().is_some_and(|format| !["text", "json_object", "json_schema"].contains(&format))),
    rule(Chat, SERVICE, "Json mode response is not supported when enable_thinking is true",
        |request| request.thinks && request.format().is_some_and(|format| format != "text")),
    rule(Chat, GATEWAY, "'name' is a required property - 'response_format.json_schema'",
        |request| request.format() == Some("json_schema") && schema_name(request).is_none()),
    rule(Chat, GATEWAY, "'response_format.json_schema.name' is longer than 64 characters",
        |request| request.format() == Some("json_schema") && schema_name(request).is_some_and(|name| name.chars().count() > 64)),
    rule(Chat, SERVICE, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        |request| request.format() == Some("json_object") && !request.messages.iter().any(says_json)),

    rule(Chat, SERVICE, "The tool_choice parameter does not support being set to required or object in thinking mode",
        |request| request.thinks && request.get("tool_choice").is_some_and(Value::is_object)),
    rule(Chat, SERVICE, "tool_choice is one of the strings that should be [\"none\",\"auto\"]",
        |request| request.get("tool_choice").is_some_and(|choice| !choice.is_object() && choice != "auto" && choice != "none")),
    rule(Chat, GATEWAY, "[] is too short - 'tools'",
        |request| request.get("tools").is_some() && request.list("tools").is_empty()),
    rule(Chat, GATEWAY, "'name' is a required property - 'tools.0.function'",
        |request| request.list("tools").iter().any(|tool| tool_name(tool).is_none())),
    rule(Chat, SERVICE, "Tool names are not allowed to be [search]",
        |request| request.list("tools").iter().any(|tool| tool_name(tool) == Some("search"))),
    rule(Chat, SERVICE, "The length of a function name should be [1, 64]",
        |request| request.list("tools").iter().any(|tool| tool_name(tool).is_some_and(is_no_length))),
    rule(Chat, SERVICE, "n must be 1 when tools are used",
        |request| request.get("tools").is_some() && request.number("n") > Some(1.0)),
];

const EFFORTS: [&str; 8] = ["none", "off", "minimal", "low", "medium", "high", "xhigh", "max"];
const EFFORT_WORDS: &str = "'reasoning_effort' must be one of: \
                            'none', 'off', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'";

fn is_stop(stop: &Value) -> bool {
    match stop {
        Value::Array(items) => items.iter().all(Value::is_string) || items.iter().all(Value::is_u64),
        stop => stop.is_string(),
    }
}

fn is_out_of_place((index, message): (usize, &Value)) -> bool {
    (role(message) == "system" && index > 0) || (role(message) == "user" && message["content"] == "")
}

fn has_content(message: &Value, model: &SimulatedModel) -> bool {
    match field(message, "content") {
        Some(Value::String(_)) => true,
        Some(Value::Array(parts)) => {
            model.sees_images || model.translates || parts.iter().all(|part| part["type"] == "text")
        }
        None => field(message, "tool_calls").is_some(),
        Some(_) => false,
    }
}

fn is_continued(message: &Value) -> bool {
    role(message) == "assistant" && is_partial(message)
}

fn says_json(message: &Value) -> bool {
    text_of(message).to_ascii_lowercase().contains("json")
}

fn schema_name<'a>(request: &ValidRequest<'a>) -> Option<&'a str> {
    request.body.pointer("/response_format/json_schema/name")?.as_str()
}

fn tool_name(tool: &Value) -> Option<&str> {
    tool.pointer("/function/name")?.as_str()
}

fn is_no_length(name: &str) -> bool {
    !(1..=64).contains(&name.chars().count())
}

/// Whether a language is known to the model, left to the model, or not given.
fn is_known_language(request: &ValidRequest, key: &str) -> bool {
    let language = request.get("translation_options").and_then(|options| options.get(key)?.as_str());
    let is_known =
        |language| (language == "auto" && key == "source_lang") || knows_language(request.name, language);
    language.is_none_or(is_known)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_passes, assert_refused};
    use serde_json::{Value, json};

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

    fn translation(options: Value) -> Value {
        json!({"model": "qwen-mt-plus", "translation_options": options})
    }

    #[test]
    fn languages_must_be_known() {
        assert_passes(translation(json!({"source_lang": "auto", "target_lang": "French"})));
        let not_supported = "Current language settings are not supported!";
        assert_refused(translation(json!({"target_lang": "Klingon"})), 400, not_supported);
        assert_refused(
            translation(json!({"source_lang": "Klingon", "target_lang": "fr"})),
            400,
            not_supported,
        );
        assert_refused(translation(json!({"source_lang": "en"})), 400, "'target_lang' is a required");
    }

    #[test]
    fn only_one_message_of_the_user_is_taken() {
        let mut body = translation(json!({"target_lang": "fr"}));
        body["messages"] = json!([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]);
        assert_refused(body, 500, "Role must be in [user, assistant]");
    }

    #[test]
    fn more_than_8192_tokens_are_too_long() {
        let mut body = translation(json!({"target_lang": "fr"}));
        body["messages"] = json!([{"role": "user", "content": "word ".repeat(8_200)}]);
        assert_refused(body, 400, "Range of input length should be [1, 8192]");
    }
}
