//! The rules of the API that can be checked before anything is sent.
//!
//! Structure is checked for every server. The vendor's rules for parameters, roles and combinations (from its pages on the
//! OpenAI-compatible chat API) apply only to Qwen's own models: another server may allow more. Rules that depend on a fact
//! of the model apply where the fact is known. Unknown fields pass unchanged, since new models bring new fields; but a
//! misspelling of a known name is rejected, because the service ignores such a field, and a night's answers would lack what
//! it asked for.

mod batch;
mod draft;
mod exclusions;
mod fields;
mod length;
mod messages;
mod parameters;
mod translation;
mod value_kind;
mod violation;

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::job::Job;
use crate::job::facts::ModelInfo;
use draft::DraftBody;
pub use parameters::kind_of;
use violation::Violation;

/// Whether a model is one of Qwen's own, as DashScope names them. Names with a slash or a colon belong to other servers:
/// `Qwen/Qwen3-8B`, `qwen3:8b`.
pub(super) fn is_qwen(model: &str) -> bool {
    let name = model.to_ascii_lowercase();
    !name.contains(['/', ':']) && ["qwen", "qwq", "qvq"].iter().any(|family| name.starts_with(family))
}

/// Whether a request is answered only as a stream, whatever its model supports otherwise: agents of the web search, a
/// search while thinking, and the skills of qwen-doc-turbo.
pub fn needs_stream(body: &Map<String, Value>, facts: &ModelInfo) -> bool {
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    is_qwen(model) && exclusions::in_one_piece(DraftBody::whole(body, model, facts)).is_err()
}

/// Checks that a request may travel in a provider batch.
///
/// # Errors
///
/// The model is known not to be offered there.
pub fn batch(body: &Map<String, Value>, facts: &ModelInfo) -> Result<(), Diagnostic> {
    Ok(batch::check(body, facts)?)
}

/// Checks everything in a request except its texts: its fields and the roles of its turns.
///
/// # Errors
///
/// The first rule it breaks.
pub(super) fn form(
    body: &Map<String, Value>,
    facts: &ModelInfo,
    as_stream: bool,
) -> Result<TextRules, Diagnostic> {
    Ok(whole(body, facts, as_stream)?)
}

fn whole(body: &Map<String, Value>, facts: &ModelInfo, as_stream: bool) -> Result<TextRules, Violation> {
    if body.contains_key("extra_body") {
        let message = "`extra_body` is a wrapper of the Python client, which no server accepts";
        return Err(Violation::with_message("extra_body", message)
            .help("put its fields next to the others in the body"));
    }
    let model = match body.get("model") {
        Some(Value::String(model)) if !model.is_empty() => model,
        _ => return Err(Violation::with_message("model", "the request has no `model`")),
    };
    let Some(Value::Array(turns)) = body.get("messages") else {
        return Err(Violation::with_message("messages", "the request has no `messages`"));
    };
    messages::structure(turns)?;
    let rules = TextRules { model: model.clone(), wants_word_json: false, longest: None };
    if !is_qwen(model) {
        return Ok(rules);
    }
    let draft = DraftBody::whole(body, model, facts);
    fields::check(draft)?;
    if facts.languages.is_some() {
        translation::only_one_text(turns, model)?;
    }
    messages::turns(turns, draft)?;
    if !as_stream {
        exclusions::in_one_piece(draft)?;
    }
    // With JSON output, the service requires the word "JSON" in the messages.
    let wants_word_json = exclusions::format(draft) == Some("json_object");
    Ok(TextRules { wants_word_json, longest: length::longest(draft), ..rules })
}

/// The rules that the other fields of a request impose on its texts.
#[derive(Debug, Clone)]
pub(super) struct TextRules {
    model: String,
    wants_word_json: bool,
    /// The maximum input tokens of the model.
    longest: Option<u64>,
}

impl TextRules {
    /// Checks the texts of all turns.
    ///
    /// # Errors
    ///
    /// The first rule they break.
    pub(super) fn hold<'t>(&self, texts: impl Iterator<Item = &'t str> + Clone) -> Result<(), Diagnostic> {
        let says_json = |text: &str| text.to_ascii_lowercase().contains("json");
        if self.wants_word_json && !texts.clone().any(says_json) {
            let message = "`response_format` of the type json_object needs the word \"json\" in the messages";
            return Err(Diagnostic::new(message).help("ask for it, such as: Answer in JSON"));
        }
        Ok(self.longest.map_or(Ok(()), |longest| length::fits(texts, longest, &self.model))?)
    }
}

/// The texts of the turns of a body.
pub(super) fn texts(body: &Map<String, Value>) -> impl Iterator<Item = &str> + Clone {
    let turns = body.get("messages").and_then(Value::as_array);
    turns.map(Vec::as_slice).unwrap_or_default().iter().flat_map(messages::texts)
}

/// Checks a job's requests before any row is read: the fields of `[request]` that are not templates, and whether the job
/// suits its model.
///
/// # Errors
///
/// The key of the job file, and the problem with it.
pub fn literals(job: &Job) -> Result<(), (String, Diagnostic)> {
    let model = job.model.name.as_deref().unwrap_or_default();
    let facts = job.facts_of(model);
    if is_qwen(model) {
        if facts.languages.is_some() {
            translation::no_other_turns(job, model).map_err(Violation::with_key)?;
        }
        fields::check(DraftBody::unfilled(&job.request, model, &facts))
            .map_err(|Violation { at, problem }| (format!("request.{at}"), problem))?;
    }
    translation::glossary(job, model, &facts).map_err(Violation::with_key)
}

#[cfg(test)]
mod tests;
