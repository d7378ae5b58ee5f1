//! The parameters of the chat API as data: which models accept each, and the type and range of its value. From the vendor's
//! pages on the OpenAI-compatible chat API and on qwen-mt.

use serde_json::Value;

use super::value_kind::ValueKind::{self, List, Mixed, Number, Object, Switch, Text, Whole};
use crate::job::facts::ModelInfo;

/// A parameter of a request, or a field of an object parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) taken: TakenBy,
    pub(super) kind: ValueKind,
    pub(super) range: Range,
    /// Whether the parameter is required.
    pub(super) is_required: bool,
    /// How to fix a value out of range.
    pub(super) help: Option<&'static str>,
}

/// Which of Qwen's models accept a parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TakenBy {
    All,
    /// All except the translation models.
    Chat,
}
use TakenBy::{All, Chat};

/// The permitted values of the right type.
#[derive(Debug)]
pub(super) enum Range {
    Any,
    /// A range of numbers, both ends included, and the range in words.
    Numbers(f64, f64, &'static str),
    /// From 1 to the maximum tokens of the model, where that is known.
    Tokens(fn(&ModelInfo) -> Option<u64>),
    OneOf(&'static [&'static str]),
    /// Any value that passes a test, and its description in words.
    Passing(fn(&Value) -> bool, &'static str),
}
use Range::{Any, Numbers, OneOf, Passing, Tokens};

const fn row(name: &'static str, taken: TakenBy, kind: ValueKind, range: Range) -> Parameter {
    Parameter { name, taken, kind, range, is_required: false, help: None }
}

impl Parameter {
    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }
}

const MOST: f64 = f64::MAX;
const ABOVE_0: f64 = f64::MIN_POSITIVE;
const BELOW_2: f64 = 2.0_f64.next_down();

/// The fields of a body.
pub(super) static PARAMETERS: [Parameter; 35] = [
    row("model", All, Text, Any),
    row("messages", All, List, Any),
    row("stream", All, Switch, Any),
    row("stream_options", All, Object, Any),
    row("temperature", All, Number, Numbers(0.0, BELOW_2, "a number from 0 to below 2")),
    row("top_p", All, Number, Numbers(ABOVE_0, 1.0, "a number above 0, up to 1")),
    row("top_k", All, Whole, Numbers(0.0, MOST, "a whole number, 0 or above")),
    row("presence_penalty", Chat, Number, Numbers(-2.0, 2.0, "a number from -2 to 2")),
    row("repetition_penalty", All, Number, Numbers(ABOVE_0, MOST, "a number above 0")),
    row("seed", All, Whole, Numbers(0.0, 2_147_483_647.0, "a whole number from 0 to 2147483647")),
    row("n", Chat, Whole, Numbers(1.0, 4.0, "a whole number from 1 to 4")),
    row("max_tokens", All, Whole, Tokens(|facts| facts.max_output_tokens)),
    row("stop", Chat, Mixed, Passing(is_stop, "text, or a list that does not mix texts and token ids")),
    row("logprobs", Chat, Switch, Any),
    row("top_logprobs", Chat, Whole, Numbers(0.0, 5.0, "a whole number from 0 to 5")),
    row("response_format", Chat, Object, Any),
    row("tools", Chat, List, Passing(is_filled, "a list of at least one function"))
        .help("define a function, or remove `tools`"),
    row("tool_choice", Chat, Mixed, Passing(is_choice, "\"auto\", \"none\" or one function by name"))
        .help("name the function: { type = \"function\", function = { name = \"…\" } }"),
    row("parallel_tool_calls", Chat, Switch, Any),
    row("enable_thinking", Chat, Switch, Any),
    row("thinking_budget", Chat, Whole, Tokens(|facts| facts.max_thinking_tokens)),
    row("preserve_thinking", Chat, Switch, Any),
    row("reasoning_effort", Chat, Text, OneOf(&EFFORTS)),
    row("enable_search", Chat, Switch, Any),
    row("search_options", Chat, Object, Any),
    row("enable_code_interpreter", Chat, Switch, Any),
    row("vl_high_resolution_images", Chat, Switch, Any),
    row("max_pixels", Chat, Whole, Numbers(1.0, MOST, "a whole number, 1 or above")),
    row("modalities", Chat, List, Any),
    row("audio", Chat, Object, Any),
    row("cache_control", Chat, Object, Any),
    row("translation_options", All, Object, Any),
    row("skill", Chat, Mixed, Any),
    // From OpenAI's own API; whether Qwen accepts them is unknown, and left to the service.
    row("frequency_penalty", Chat, Number, Any),
    row("max_completion_tokens", Chat, Whole, Numbers(1.0, MOST, "a whole number, 1 or above")),
];

/// The levels of `reasoning_effort` that at least one model accepts; a model maps the levels of others to its own.
const EFFORTS: [&str; 8] = ["none", "off", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The fields of `search_options`.
pub(super) static SEARCH: [Parameter; 4] = [
    row("forced_search", Chat, Switch, Any),
    row("enable_search_extension", Chat, Switch, Any),
    row("enable_source", Chat, Switch, Any),
    row("search_strategy", Chat, Text, OneOf(&["turbo", "max", "agent", "agent_max"])),
];

/// The fields of `response_format`.
pub(super) static FORMAT: [Parameter; 2] = [
    row("type", Chat, Text, OneOf(&["text", "json_object", "json_schema"])).required(),
    row("json_schema", Chat, Object, Any),
];

/// The fields of `response_format.json_schema`.
pub(super) static JSON_SCHEMA: [Parameter; 4] = [
    row("name", Chat, Text, Passing(is_name, "a name of 1 to 64 characters")).required(),
    row("schema", Chat, Mixed, Any),
    row("strict", Chat, Mixed, Any),
    row("description", Chat, Mixed, Any),
];

/// The fields of a tool's `function`.
pub(super) static FUNCTION: [Parameter; 4] = [
    row("name", Chat, Text, Passing(is_function_name, FUNCTION_NAME)).required(),
    row("description", Chat, Mixed, Any),
    row("parameters", Chat, Mixed, Any),
    row("strict", Chat, Mixed, Any),
];

const FUNCTION_NAME: &str =
    "1 to 64 letters of a-z, A-Z, digits, `_` and `-` (the service reserves `search`)";

/// The fields of `translation_options`.
pub(super) static TRANSLATION: [Parameter; 5] = [
    row("source_lang", All, Text, Any),
    row("target_lang", All, Text, Passing(is_not_auto, TARGET)).required(),
    row("terms", All, List, Any),
    row("tm_list", All, List, Any),
    row("domains", All, Text, Any),
];

const TARGET: &str = "a language, by its name or code (only `source_lang` may be \"auto\")";

/// The kind of a known parameter's value.
pub fn kind_of(name: &str) -> Option<ValueKind> {
    PARAMETERS.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.kind)
}

fn is_stop(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_string) || items.iter().all(Value::is_u64),
        value => value.is_string(),
    }
}

fn is_filled(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}

fn is_choice(value: &Value) -> bool {
    match value {
        Value::String(choice) => choice == "auto" || choice == "none",
        value => value.pointer("/function/name").is_some_and(Value::is_string),
    }
}

fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|name| (1..=64).contains(&name.chars().count()))
}

fn is_function_name(value: &Value) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    is_name(value) && value.as_str().is_some_and(|name| name.chars().all(is_allowed) && name != "search")
}

fn is_not_auto(value: &Value) -> bool {
    value.as_str().is_some_and(|language| !language.is_empty() && language != "auto")
}
