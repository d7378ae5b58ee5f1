//! What may be asked of an answer: its form, whether it is thought about, and what then goes together.

use serde_json::Value;

use super::Violation;
use super::draft::DraftBody;
use crate::job::facts::Thinking;

/// What is done about a request that must not think.
pub(super) const HELP_THINKING: &str = "set `enable_thinking = false` in the request";

/// The longest name of a JSON Schema.
const LONGEST_NAME: usize = 64;

/// The fields of a request that ask for structured output.
const FORMATS: [&str; 3] = ["text", "json_object", "json_schema"];

/// The levels of `reasoning_effort` that one model or another takes; a model maps those of others to its own.
const EFFORTS: [&str; 8] = ["none", "off", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Checks `reasoning_effort`: its level, and what it does not go with.
fn effort(draft: DraftBody<'_>) -> Result<(), Violation> {
    match draft.get("reasoning_effort") {
        Some(Value::String(level)) if !EFFORTS.contains(&level.as_str()) => {
            let words = format!("is one of {}, not {level}", EFFORTS.join(", "));
            return Err(Violation::of("reasoning_effort", words));
        }
        None if !draft.gives("reasoning_effort") => return Ok(()),
        _ => {}
    }
    match () {
        () if draft.gives("thinking_budget") => {
            Err(Violation::of("reasoning_effort", "does not go with `thinking_budget`")
                .help("give one of the two"))
        }
        () if draft.get("enable_thinking") == Some(&Value::Bool(false)) => {
            Err(Violation::of("reasoning_effort", "does not go with `enable_thinking = false`")
                .help("give one of the two"))
        }
        () => Ok(()),
    }
}

/// Checks `enable_thinking`, `reasoning_effort` and `response_format`.
pub(super) fn format(draft: DraftBody<'_>) -> Result<(), Violation> {
    thinking(draft)?;
    effort(draft)?;
    let Some(Value::Object(format)) = draft.get("response_format") else { return Ok(()) };
    let format = draft.inside(format);
    let kind = match format.get("type") {
        None if format.gives("type") => return Ok(()),
        None => {
            return Err(Violation::of("response_format", format!("has no `type`: {}", FORMATS.join(", "))));
        }
        Some(kind) => kind,
    };
    let kind = match kind.as_str() {
        Some("text") => return Ok(()),
        Some(kind) if FORMATS.contains(&kind) => kind,
        _ => {
            let words = format!("is one of {}, not {kind}", FORMATS.join(", "));
            return Err(Violation::of("response_format.type", words));
        }
    };
    if draft.thinks() == Some(true) {
        return Err(not_while_thinking(draft, kind));
    }
    match kind {
        "json_schema" => schema(draft, format),
        _ => Ok(()),
    }
}

fn thinking(draft: DraftBody<'_>) -> Result<(), Violation> {
    let asked = draft.get("enable_thinking").and_then(Value::as_bool);
    let model = draft.model;
    match (draft.facts.thinking, asked) {
        (Some(Thinking::No), Some(true)) => {
            Err(Violation::of("enable_thinking", format!("is nothing that {model} takes: it does not think")))
        }
        (Some(Thinking::Always), Some(false)) => {
            Err(Violation::of("enable_thinking", format!("cannot be false: {model} always thinks"))
                .help("take another model, or leave it out"))
        }
        _ => Ok(()),
    }
}

fn not_while_thinking(draft: DraftBody<'_>, kind: &str) -> Violation {
    let why = match draft.get("enable_thinking") {
        Some(_) => "and `enable_thinking` is true".to_owned(),
        None => format!("and {} thinks unless it is told not to", draft.model),
    };
    let violation =
        Violation::of("response_format", format!("of the type {kind} does not go with thinking, {why}"));
    match draft.facts.thinking {
        Some(Thinking::Always) => violation.help("take a model that does not always think"),
        _ => violation.help(HELP_THINKING),
    }
}

fn schema(draft: DraftBody<'_>, format: DraftBody<'_>) -> Result<(), Violation> {
    if draft.facts.json_schema == Some(false) {
        let words = format!("of the type json_schema is nothing that {} takes", draft.model);
        return Err(Violation::of("response_format", words)
            .help("take the type json_object, and let `schema` under [answer] check the answers"));
    }
    let at = "response_format.json_schema";
    let schema = match format.get("json_schema") {
        None if format.gives("json_schema") => return Ok(()),
        Some(Value::Object(schema)) => format.inside(schema),
        _ => return Err(Violation::of(at, "is missing: an object with `name` and `schema`")),
    };
    match schema.get("name") {
        None if schema.gives("name") => Ok(()),
        None => Err(Violation::of(format!("{at}.name"), "is missing")),
        Some(Value::String(name)) if !name.is_empty() && name.chars().count() <= LONGEST_NAME => Ok(()),
        Some(name) => {
            let words = format!("is a name of 1 to {LONGEST_NAME} characters, not {name}");
            Err(Violation::of(format!("{at}.name"), words))
        }
    }
}

/// Whether the service wants to read the word "json" in the messages: where it is to write JSON.
pub(super) fn wants_word_json(draft: DraftBody<'_>) -> bool {
    let kind = draft.get("response_format").and_then(|format| format.get("type"));
    kind.and_then(Value::as_str) == Some("json_object")
}

/// Looks for the word.
pub(super) fn word_json<'t>(mut texts: impl Iterator<Item = &'t str>) -> Result<(), Violation> {
    match texts.any(|text| text.to_ascii_lowercase().contains("json")) {
        true => Ok(()),
        false => Err(Violation::of(
            "response_format",
            "of the type json_object needs the word \"json\" in the messages",
        )
        .help("ask for it, such as: Answer in JSON")),
    }
}

/// Refuses in one piece what is only to be had as a stream.
pub(super) fn whole(draft: DraftBody<'_>) -> Result<(), Violation> {
    match needs_stream(draft) {
        None => Ok(()),
        Some((key, words)) => Err(Violation::of(key, format!("{words} is answered only as a stream"))
            .help("leave `transport` under [model] at \"auto\", or set it to \"stream\"")),
    }
}

/// The field by which a request is answered only as a stream, and what of it.
pub(super) fn needs_stream(draft: DraftBody<'_>) -> Option<(&'static str, &'static str)> {
    let searches = draft.get("enable_search") == Some(&Value::Bool(true));
    let strategy = draft.get("search_options").and_then(|options| options.get("search_strategy"));
    let agent = strategy.and_then(Value::as_str).is_some_and(|strategy| strategy.starts_with("agent"));
    match () {
        () if searches && draft.thinks() == Some(true) => Some(("enable_search", "by a model that thinks")),
        () if searches && agent => Some(("search_options.search_strategy", "that is an agent's")),
        () if draft.gives("skill") => Some(("skill", "in a request")),
        () => None,
    }
}
