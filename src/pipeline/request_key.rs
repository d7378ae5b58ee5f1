//! The key of a job's requests: everything besides a row's record that decides its request, in one hash.

use super::split_row::Splitter;
use crate::job::facts::ModelInfo;
use crate::job::limits::Rates;
use crate::job::{InputSettings, Job, TemplateText};
use crate::read::Source;
use crate::render::{Renderer, fingerprint};

/// The key of a job with its input and its templates. Including more than decides a request does no harm: an irrelevant
/// difference costs one pass over the input.
pub(super) fn request_key(
    job: &Job,
    source: &Source,
    renderer: &Renderer,
    splitter: Option<&Splitter>,
) -> String {
    let InputSettings { format, id, delimiter, max_record_bytes, skip_blank, .. } = &job.input;
    let model = job.model.name.as_deref();
    let facts = model.map(|model| job.facts_of(model));
    // Quotas and prices are not part of the request, and a flag may set them for a single run.
    let facts = facts.map(|facts| ModelInfo { rates: Rates::default(), price: None, ..facts });
    let checked = job.answer.source.as_ref().filter(|_| *skip_blank && !job.answer.checks.is_empty());
    let blank = (skip_blank, checked.map(|template| &template.source));
    let input = (format, id, delimiter, max_record_bytes, blank, source.columns());
    // The text of each template; its place in the job file does not matter.
    let text = |text: &TemplateText| text.source.clone();
    let prompt = job.prompt.as_ref().map(|prompt| {
        let turns = prompt.turns.iter().map(|turn| (turn.role, text(&turn.content)));
        (prompt.system.as_ref().map(text), turns.collect::<Vec<_>>(), prompt.user.as_ref().map(text))
    });
    let each: Vec<_> = job.each.iter().flat_map(|each| &each.names).collect();
    let each: Vec<_> =
        each.iter().map(|each| (&each.name, each.values.iter().map(text).collect::<Vec<_>>())).collect();
    let asked = (model, facts, prompt, &job.request, renderer.glossary());
    // A function has no form of its own.
    let cut = splitter.map(|splitter| {
        let Splitter { column, by, combine, budget, context, tokens: _ } = splitter;
        (column, by, combine, budget, context)
    });
    let mut text = format!("{} {input:?} {asked:?} {cut:?}", env!("CARGO_PKG_VERSION"));
    if !each.is_empty() {
        text.push_str(&format!(" {each:?}"));
    }
    fingerprint::of_bytes(text.as_bytes()).to_string()
}
