//! How a long text is cut into pieces, and what is asked over answers.

use std::path::PathBuf;

use toml::Value;

use crate::config::fields::request;
use crate::config::layers::Layers;
use crate::config::text_sections::{DigestSection, MergeSection, SplitSection};
use crate::diagnostic::Diagnostic;
use crate::job::over::{DigestRequest, PartsRequest};
use crate::job::split::{Combine, PieceSize, Split};
use crate::job::{Job, TemplateText};

/// The smallest piece that a job may ask for, in estimated tokens: below it, hardly a sentence would stay whole.
const LEAST_TOKENS: i64 = 16;

/// The most sentences before a piece that templates may see.
const MOST_CONTEXT: u32 = 100;

pub(super) fn split(section: SplitSection, layers: &Layers) -> Result<Split, Diagnostic> {
    let max_tokens = match section.max_tokens {
        None => PieceSize::Auto,
        Some(Value::String(word)) if word == "auto" => PieceSize::Auto,
        Some(Value::Integer(tokens)) if tokens >= LEAST_TOKENS => PieceSize::Tokens(tokens.cast_unsigned()),
        Some(_) => {
            let message = format!("`max_tokens` must be \"auto\" or a whole number from {LEAST_TOKENS}");
            return Err(layers.problem("split.max_tokens", message));
        }
    };
    let context = section.context.unwrap_or(0);
    let too_much = format!("`context` must be a whole number from 0 to {MOST_CONTEXT}");
    layers.refuse_if(context > MOST_CONTEXT, "split.context", &too_much)?;
    let source = section.column.unwrap_or_else(|| "text".to_owned());
    layers.refuse_if(source.is_empty(), "split.column", "`column` must name a column")?;
    Ok(Split {
        max_tokens,
        column: TemplateText { source, place: layers.place("split.column") },
        by: section.by.unwrap_or_default(),
        context,
        combine: section.combine.unwrap_or_default(),
        on_mismatch: section.on_mismatch.unwrap_or_default(),
    })
}

/// The request over the answers to a row's pieces: with `combine = "merge"`, and only then.
pub(super) fn merge(
    section: Option<MergeSection>,
    split: Option<&SplitSection>,
    layers: &Layers,
) -> Result<Option<PartsRequest>, Diagnostic> {
    let merges = split.and_then(|split| split.combine) == Some(Combine::Merge);
    let Some(MergeSection { prompt, system, model, max_tokens, request }) = section else {
        let help = "add [merge] with a `prompt` over the list `parts`";
        let problem =
            || layers.problem("split.combine", "`combine = \"merge\"` needs a prompt for the merge");
        return if merges { Err(problem().help(help)) } else { Ok(None) };
    };
    if !merges {
        let problem = layers.problem("merge", "[merge] has nothing to merge without `combine = \"merge\"`");
        return Err(problem.help("set `combine = \"merge\"` under [split], or remove [merge]"));
    }
    over(("merge", prompt), (system, model, max_tokens), &request, layers).map(Some)
}

pub(super) fn digest(section: DigestSection, layers: &Layers) -> Result<DigestRequest, Diagnostic> {
    let DigestSection { each, prompt, system, model, max_tokens, output, request } = section;
    let source = each.unwrap_or_else(|| "{{ response }}".to_owned());
    let is_empty = output.as_deref() == Some("");
    layers.refuse_if(is_empty, "digest.output", "`output` must name a file")?;
    Ok(DigestRequest {
        each: TemplateText { source, place: layers.place("digest.each") },
        asked: over(("digest", prompt), (system, model, max_tokens), &request, layers)?,
        output: output.map(PathBuf::from),
    })
}

/// A request over answers, of a section of this name.
fn over(
    (section, prompt): (&'static str, Option<String>),
    (system, model, max_tokens): (Option<String>, Option<String>, Option<u64>),
    fields: &toml::Table,
    layers: &Layers,
) -> Result<PartsRequest, Diagnostic> {
    let text =
        |key: &str, source: String| TemplateText { source, place: layers.place(&format!("{section}.{key}")) };
    let Some(prompt) = prompt else {
        let problem = layers.problem(section, format!("[{section}] has no `prompt`"));
        return Err(
            problem.help("write one over the list `parts`: {% for part in parts %}{{ part }}{% endfor %}")
        );
    };
    if !prompt.contains("parts") {
        let message =
            format!("the prompt of [{section}] does not use `parts`, the list of what it is asked about");
        let problem = layers.problem(&format!("{section}.prompt"), message);
        return Err(problem.help("write {% for part in parts %}{{ part }}{% endfor %}"));
    }
    let key = format!("{section}.max_tokens");
    layers.refuse_if(max_tokens == Some(0), &key, "`max_tokens` must be above 0")?;
    let (request, request_texts) = request(fields, &format!("{section}.request"), layers)?;
    Ok(PartsRequest {
        section,
        prompt: text("prompt", prompt),
        system: system.map(|source| text("system", source)),
        model: model.filter(|model| !model.is_empty()),
        max_tokens,
        request,
        request_texts,
    })
}

/// Refuses several answers to a piece, of which none could take its place.
pub(super) fn check_joined(job: &Job, layers: &Layers) -> Result<(), Diagnostic> {
    if job.split.as_ref().is_none_or(|split| split.combine != Combine::Join) {
        return Ok(());
    }
    let choices = job.request.get("n").and_then(serde_json::Value::as_f64);
    if choices.is_none_or(|n| n <= 1.0) {
        return Ok(());
    }
    let message = "`combine = \"join\"` needs one text for each piece, and `request.n` asks for several";
    Err(layers.problem("request.n", message).help("set `combine = \"rows\"`, or remove `n`"))
}
