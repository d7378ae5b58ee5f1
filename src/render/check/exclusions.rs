//! Combinations of fields that the API rejects, and requests that it answers only as a stream, as data.

use serde_json::Value;

use super::draft::DraftBody;
use super::violation::Violation;
use crate::job::facts::Thinking;

/// How to fix a request that must not think.
pub(super) const HELP_THINKING: &str = "set `enable_thinking = false` in the request";

const OTHER_MODEL: &str = "use another model, or remove it";
const ONE_OF_TWO: &str = "set only one of the two";
const LET_STREAM: &str = "leave `transport` under [model] at \"auto\", or set it to \"stream\"";

/// A rule over several fields of a request.
struct Exclusion {
    /// The field at fault.
    at: &'static str,
    /// What is wrong with it; `{model}` is the name of the model.
    words: &'static str,
    help: &'static str,
    is_broken: fn(DraftBody<'_>) -> bool,
}

const fn rule(
    at: &'static str,
    words: &'static str,
    help: &'static str,
    is_broken: fn(DraftBody<'_>) -> bool,
) -> Exclusion {
    Exclusion { at, words, help, is_broken }
}

static TOGETHER: [Exclusion; 10] = [
    rule("enable_thinking", "is not accepted by {model}, which does not think", OTHER_MODEL, |draft| {
        draft.is("enable_thinking", true) && draft.facts.thinking == Some(Thinking::No)
    }),
    rule("enable_thinking", "cannot be false: {model} always thinks", OTHER_MODEL, |draft| {
        draft.is("enable_thinking", false) && draft.facts.thinking == Some(Thinking::Always)
    }),
    rule("reasoning_effort", "cannot be combined with `thinking_budget`", ONE_OF_TWO, |draft| {
        draft.gives("reasoning_effort") && draft.gives("thinking_budget")
    }),
    rule("reasoning_effort", "cannot be combined with `enable_thinking = false`", ONE_OF_TWO, |draft| {
        draft.gives("reasoning_effort") && draft.is("enable_thinking", false)
    }),
    rule("response_format", ALWAYS_THINKS, "use a model that does not always think", |draft| {
        wants_json(draft) && draft.facts.thinking == Some(Thinking::Always)
    }),
    rule("response_format", IS_TO_THINK, HELP_THINKING, |draft| {
        wants_json(draft) && draft.is("enable_thinking", true)
    }),
    rule("response_format", THINKS_BY_DEFAULT, HELP_THINKING, |draft| wants_json(draft) && thinks(draft)),
    rule("response_format", "of the type json_schema is not accepted by {model}", NO_SCHEMA, |draft| {
        format(draft) == Some("json_schema") && draft.facts.json_schema == Some(false)
    }),
    rule("tool_choice", "names a function, which cannot be combined with thinking", HELP_THINKING, |draft| {
        draft.object("tool_choice").is_some() && thinks(draft)
    }),
    rule("n", "must be 1 in a request with tools", "remove `n` or `tools`", |draft| {
        draft.get("n").and_then(Value::as_u64) > Some(1) && draft.get("tools").is_some()
    }),
];

const ALWAYS_THINKS: &str = "of this type cannot be combined with thinking, and {model} always thinks";
const IS_TO_THINK: &str = "of this type cannot be combined with thinking, and `enable_thinking` is true";
const THINKS_BY_DEFAULT: &str =
    "of this type cannot be combined with thinking, and {model} thinks by default";
const NO_SCHEMA: &str = "use the type json_object, and let `schema` under [answer] check the answers";

static STREAM_ONLY: [Exclusion; 3] = [
    rule("enable_search", "by a thinking model is only answered as a stream", LET_STREAM, |draft| {
        draft.is("enable_search", true) && thinks(draft)
    }),
    rule(STRATEGY, "by an agent is only answered as a stream", LET_STREAM, |draft| {
        let strategy = draft.object("search_options").and_then(|options| options.text("search_strategy"));
        draft.is("enable_search", true) && strategy.is_some_and(|name| name.starts_with("agent"))
    }),
    rule("skill", "in a request is only answered as a stream", LET_STREAM, |draft| draft.gives("skill")),
];

const STRATEGY: &str = "search_options.search_strategy";

/// Rejects fields that cannot be combined.
pub(super) fn together(draft: DraftBody<'_>) -> Result<(), Violation> {
    first_broken(&TOGETHER, draft)
}

/// Rejects a request without streaming that is answered only as a stream.
pub(super) fn in_one_piece(draft: DraftBody<'_>) -> Result<(), Violation> {
    first_broken(&STREAM_ONLY, draft)
}

fn first_broken(rules: &[Exclusion], draft: DraftBody<'_>) -> Result<(), Violation> {
    match rules.iter().find(|rule| (rule.is_broken)(draft)) {
        Some(rule) => Err(Violation::of(rule.at, rule.words.replace("{model}", draft.model)).help(rule.help)),
        None => Ok(()),
    }
}

/// The response format that the request asks for.
pub(super) fn format(draft: DraftBody<'_>) -> Option<&str> {
    draft.object("response_format")?.text("type")
}

fn wants_json(draft: DraftBody<'_>) -> bool {
    matches!(format(draft), Some("json_object" | "json_schema"))
}

fn thinks(draft: DraftBody<'_>) -> bool {
    draft.thinks() == Some(true)
}
