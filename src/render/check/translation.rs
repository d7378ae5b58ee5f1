//! The rules of the translation models: one text of the user's, a few parameters, languages they know.

use serde_json::Value;

use super::Violation;
use super::draft::DraftBody;
use super::known::{ValueKind, parameters};
use super::messages::role;
use super::parameters::{no_slips, of_kind};
use crate::job::Job;
use crate::job::facts::ModelInfo;
use crate::job::languages::Languages;

/// All that these models take (the vendor's API reference of qwen-mt).
const ACCEPTED: [&str; 11] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "seed",
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "translation_options",
];

/// What `translation_options` may hold.
const OPTIONS: [&str; 5] = ["source_lang", "target_lang", "terms", "tm_list", "domains"];

/// What to do about turns that these models do not take.
const HELP_TURNS: &str = "what to do with the text stands in `translation_options`; a sentence on its style goes into `domains` there";

/// Checks the fields beside the messages.
pub(super) fn fields(draft: DraftBody<'_>, languages: Languages) -> Result<(), Violation> {
    let known = || parameters().map(|(name, _)| name);
    if let Some(key) = known().find(|key| draft.gives(key) && !ACCEPTED.contains(key)) {
        let taken: Vec<&str> = ACCEPTED.into_iter().skip(4).collect();
        return Err(Violation::of(key, format!("is nothing that {} takes", draft.model))
            .help(format!("it takes {}", taken.join(", "))));
    }
    of_kind(draft, "translation_options", "translation_options", ValueKind::Object)?;
    match draft.get("translation_options") {
        Some(Value::Object(options)) => translation_options(draft.inside(options), languages),
        _ => Ok(()),
    }
}

fn translation_options(options: DraftBody<'_>, languages: Languages) -> Result<(), Violation> {
    no_slips(options, &OPTIONS, "translation_options.")?;
    if !options.gives("target_lang") {
        return Err(Violation::of(
            "translation_options.target_lang",
            "is missing: the language to translate into",
        ));
    }
    for key in ["target_lang", "source_lang"] {
        language(options, key, languages)?;
    }
    of_kind(options, "domains", "translation_options.domains", ValueKind::Text)?;
    ["terms", "tm_list"].into_iter().try_for_each(|key| pairs(options, key))
}

fn language(options: DraftBody<'_>, key: &str, languages: Languages) -> Result<(), Violation> {
    let at = format!("translation_options.{key}");
    of_kind(options, key, &at, ValueKind::Text)?;
    let Some(text) = options.get(key).and_then(Value::as_str) else { return Ok(()) };
    match text {
        "auto" if key == "source_lang" => return Ok(()),
        "auto" => {
            return Err(Violation::of(at, "is \"auto\", which only `source_lang` may be")
                .help("name the language to translate into"));
        }
        "" => return Err(Violation::of(at, "is empty")),
        _ => {}
    }
    match languages.fault(options.model, text) {
        None => Ok(()),
        Some((message, help)) => {
            let violation = Violation::said(&at, format!("`{at}`: {message}"));
            Err(help.into_iter().fold(violation, Violation::help))
        }
    }
}

/// A list of texts, each with its translation.
fn pairs(options: DraftBody<'_>, key: &str) -> Result<(), Violation> {
    let at = format!("translation_options.{key}");
    of_kind(options, key, &at, ValueKind::List)?;
    let pairs = options.get(key).and_then(Value::as_array).into_iter().flatten();
    for (index, pair) in pairs.enumerate().filter(|(_, pair)| !options.is_open(pair)) {
        let text = |side: &str| match pair.get(side) {
            Some(value) => options.is_open(value) || value.as_str().is_some_and(|text| !text.is_empty()),
            None => false,
        };
        if !text("source") || !text("target") {
            let words = "is no pair of texts such as { source = \"…\", target = \"…\" }";
            return Err(Violation::of(format!("{at}.{index}"), words));
        }
    }
    Ok(())
}

/// Checks that the messages are one text of the user's.
pub(super) fn only_one_text(turns: &[Value], model: &str) -> Result<(), Violation> {
    match turns {
        [turn] if role(turn) == "user" => match turn.get("content") {
            Some(Value::String(_)) => Ok(()),
            _ => Err(Violation::said(
                "messages.0.content",
                format!("{model} takes the `content` as one text, not as parts"),
            )),
        },
        turns => {
            let roles: Vec<&str> = turns.iter().map(role).collect();
            let message = format!(
                "{model} takes exactly one message, the user's, and here are {}: {}",
                turns.len(),
                roles.join(", ")
            );
            Err(Violation::said("messages", message).help(HELP_TURNS))
        }
    }
}

/// Checks that a job's prompt has no turns that these models do not take.
pub(super) fn no_other_turns(job: &Job, model: &str) -> Result<(), Violation> {
    let Some(prompt) = &job.prompt else { return Ok(()) };
    let (at, what) = match prompt {
        prompt if prompt.system.is_some() => ("prompt.system", "no system turn"),
        prompt if !prompt.turns.is_empty() => ("prompt.messages", "no turns before the text"),
        _ => return Ok(()),
    };
    let message = format!("{model} takes exactly one message, the user's, and {what}");
    Err(Violation::said(at, message).help(HELP_TURNS))
}

/// Checks that a job with a glossary has a model for it, and says into which language it translates.
pub(super) fn glossary(job: &Job, model: &str, facts: &ModelInfo) -> Result<(), Violation> {
    let at = match &job.glossary {
        glossary if glossary.terms.is_some() => "glossary.terms",
        glossary if glossary.memory.is_some() => "glossary.memory",
        _ => return Ok(()),
    };
    if facts.languages.is_none() {
        let who = match model {
            "" => "no model is named".to_owned(),
            model => format!("{model} is none"),
        };
        return Err(Violation::said(at, format!("a glossary is for a model that translates, and {who}"))
            .help("take qwen-mt-plus, or put the terms into the prompt"));
    }
    match job.request.get("translation_options") {
        Some(options) if !options.is_null() => Ok(()),
        _ => Err(Violation::said(at, "a glossary goes into `translation_options`, and the job has none").help(
            "say at least into which language: translation_options = { target_lang = \"…\" } under [request]",
        )),
    }
}
