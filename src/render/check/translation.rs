//! The rules of the translation models: one text from the user, a few parameters, and the languages they support.

use serde_json::Value;

use super::draft::DraftBody;
use super::messages::role;
use super::violation::Violation;
use crate::job::Job;
use crate::job::facts::ModelInfo;
use crate::job::languages::Languages;

/// How to fix turns that these models do not accept.
const HELP_TURNS: &str = "put instructions into `translation_options`; a sentence about style goes into its \
    `domains`";

/// Checks the languages and pairs in `translation_options`; the types of its fields have been checked.
pub(super) fn options(options: DraftBody<'_>, languages: Languages) -> Result<(), Violation> {
    ["target_lang", "source_lang"].into_iter().try_for_each(|key| language(options, key, languages))?;
    ["terms", "tm_list"].into_iter().try_for_each(|key| pairs(options, key))
}

fn language(options: DraftBody<'_>, key: &str, languages: Languages) -> Result<(), Violation> {
    let Some(text) = options.text(key).filter(|text| *text != "auto") else { return Ok(()) };
    match languages.fault(options.model, text) {
        None => Ok(()),
        Some((message, help)) => {
            let at = format!("translation_options.{key}");
            let violation = Violation::with_message(&at, format!("`{at}`: {message}"));
            Err(help.into_iter().fold(violation, Violation::help))
        }
    }
}

/// A list of texts, each with its translation.
fn pairs(options: DraftBody<'_>, key: &str) -> Result<(), Violation> {
    let is_text =
        |value: &Value| options.is_open(value) || value.as_str().is_some_and(|text| !text.is_empty());
    let is_pair = |pair: &Value| ["source", "target"].iter().all(|side| pair.get(side).is_some_and(is_text));
    let pairs = options.get(key).and_then(Value::as_array).into_iter().flatten();
    match pairs.into_iter().position(|pair| !options.is_open(pair) && !is_pair(pair)) {
        Some(index) => {
            let words = "is not a pair of texts such as { source = \"…\", target = \"…\" }";
            Err(Violation::of(format!("translation_options.{key}.{index}"), words))
        }
        None => Ok(()),
    }
}

/// Checks that the messages are a single text from the user.
pub(super) fn only_one_text(turns: &[Value], model: &str) -> Result<(), Violation> {
    match turns {
        [turn] if role(turn) == "user" => match turn.get("content") {
            Some(Value::String(_)) => Ok(()),
            _ => Err(Violation::with_message(
                "messages.0.content",
                format!("{model} accepts `content` as one text, not as parts"),
            )),
        },
        turns => {
            let roles: Vec<&str> = turns.iter().map(role).collect();
            let message = format!(
                "{model} accepts exactly one message, the user's, and here are {}: {}",
                turns.len(),
                roles.join(", ")
            );
            Err(Violation::with_message("messages", message).help(HELP_TURNS))
        }
    }
}

/// Checks that a job's prompt has no turns that these models reject.
pub(super) fn no_other_turns(job: &Job, model: &str) -> Result<(), Violation> {
    let Some(prompt) = &job.prompt else { return Ok(()) };
    let (at, what) = match prompt {
        prompt if prompt.system.is_some() => ("prompt.system", "no system turn"),
        prompt if !prompt.turns.is_empty() => ("prompt.messages", "no turns before the text"),
        _ => return Ok(()),
    };
    let message = format!("{model} accepts exactly one message, the user's, and {what}");
    Err(Violation::with_message(at, message).help(HELP_TURNS))
}

/// Checks that a job with a glossary has a translation model, and sets the target language.
pub(super) fn glossary(job: &Job, model: &str, facts: &ModelInfo) -> Result<(), Violation> {
    let at = match &job.glossary {
        glossary if glossary.terms.is_some() => "glossary.terms",
        glossary if glossary.memory.is_some() => "glossary.memory",
        _ => return Ok(()),
    };
    if facts.languages.is_none() {
        let who = match (model, &facts.unavailable) {
            ("", _) => "no model is set".to_owned(),
            // As a misspelt translator, with the name that was probably meant.
            (_, Some(reason)) => reason.to_string(),
            (model, None) => format!("{model} is not one"),
        };
        return Err(Violation::with_message(at, format!("a glossary needs a translation model, and {who}"))
            .help("use qwen-mt-plus, or put the terms into the prompt"));
    }
    match job.request.get("translation_options") {
        Some(options) if !options.is_null() => Ok(()),
        _ => Err(Violation::with_message(
            at,
            "a glossary goes into `translation_options`, and the job has none",
        )
        .help(
            "set at least the target language: translation_options = { target_lang = \"…\" } under [request]",
        )),
    }
}
