//! Settles the written values into a job: the home of every default and of every check that needs no input.

mod answering;
mod asking;
mod batching;
mod bounds;
mod each;
mod files;
mod looking;
mod lookups;
mod packing;
mod pricing;
mod splitting;
mod tier;
mod values;

use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::notify::notify;
use crate::config::fields::request;
use crate::config::file::{JobFile, PromptSection};
use crate::config::headers::raise;
use crate::config::layers::Layers;
use crate::config::overlay::Overlay;
use crate::diagnostic::Diagnostic;
use crate::job::address::DEFAULT_BASE_URL;
use crate::job::answer::GlossaryFiles;
use crate::job::limits::Concurrency;
use crate::job::{ExampleTurn, Job, ModelCall, Prompt, TemplateText};
use answering::{answer, tools};
use asking::{model, retry};
use batching::batch;
pub(super) use bounds::limits_alone;
use bounds::schedule;
pub use files::input as input_alone;
use files::{format_of, input, output};
use looking::without_sending;
pub use lookups::Lookups;
use packing::pack;
use pricing::pricing;
use splitting::{digest, merge, split};

/// The model for a question that names none: the one that the vendor's guide recommends. A job must name its model, because
/// a job costs more.
pub const DEFAULT_MODEL: &str = "qwen3.6-plus";

/// Settles a job.
///
/// # Errors
///
/// The first value that is missing or out of range, shown where it was given.
pub fn resolve(file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Job, Diagnostic> {
    let job = settle(file, layers, lookups)?;
    check_model_is_named(&job)?;
    tier::check(&job, layers)?;
    splitting::check_joined(&job, layers)?;
    each::check(&job, layers)?;
    // If rows bring their own model, the price of each is looked up when it is rendered.
    if job.caps.cost.is_some() && job.price.is_none() && job.model.name.is_some() {
        let message = "a cap on cost needs a price, and this model's price is not known";
        return Err(layers
            .problem("limits.max_cost", message)
            .help("set it under [price] (`input` and `output`, or a `region`), or in your own model table"));
    }
    Ok(job)
}

/// Settles a job to look at what it has done. An invalid address is replaced by the default one.
///
/// # Errors
///
/// As [`resolve`], except for values that only sending needs.
pub fn resolve_to_look(mut file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Job, Diagnostic> {
    without_sending(&mut file);
    let region = |name: &str, workspace: Option<&str>| {
        Ok((lookups.region)(name, workspace).unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned()))
    };
    settle(file, layers, &Lookups { region: &region, ..*lookups })
}

/// Checks that the rows of a job can be rendered as the requests in the journal.
///
/// # Errors
///
/// When no model is named.
pub fn check_model_is_named(job: &Job) -> Result<(), Diagnostic> {
    let has_prompt = job.prompt.as_ref().is_some_and(|prompt| prompt.user.is_some());
    match job.model.name.is_none() && has_prompt {
        true => {
            let help = "give it with --model, or as `name` under [model]";
            Err(Diagnostic::new("no model given").help(help))
        }
        false => Ok(()),
    }
}

fn settle(mut file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Job, Diagnostic> {
    let ModelCall { model, request, request_texts, retry, own_price, currency } =
        resolve_question(&mut file, layers, lookups)?;
    let known = tier::known(&model);
    let prompt = file.prompt.map(|section| prompt(section, layers)).transpose()?;
    let (rates, concurrency, caps) = limits_alone(&file.limits, layers)?;
    Ok(Job {
        read_from: Vec::new(),
        input: input(file.input, layers)?,
        quotas: rates.quotas(known.rates),
        rates,
        known_rates: known.rates,
        concurrency: concurrency.unwrap_or(Concurrency::Auto),
        most_in_flight: known.most_in_flight,
        caps,
        cap_period: file.limits.cap_period.unwrap_or_default(),
        schedule: schedule(&file.limits, layers, lookups.zone)?,
        retry,
        output: output(file.output, layers)?,
        currency,
        own_price: own_price.is_some(),
        price: own_price.or(known.price),
        answer: answer(file.answer, layers)?,
        tools: tools(file.tools, layers)?,
        notify: file.notify.map(|section| notify(section, layers)).transpose()?,
        glossary: GlossaryFiles {
            terms: file.glossary.terms.map(PathBuf::from),
            memory: file.glossary.memory.map(PathBuf::from),
        },
        pack: pack(file.pack, layers)?,
        batch: batch(&file.batch, &model, layers)?,
        each: each::each(file.each, layers)?,
        merge: merge(file.merge, file.split.as_ref(), layers)?,
        split: file.split.map(|section| split(section, layers)).transpose()?,
        digest: file.digest.map(|section| digest(section, layers)).transpose()?,
        model,
        prompt,
        request,
        request_texts,
    })
}

/// Checks the values of flags by themselves: numbers, durations, times, the name of a region, the ending of an output. A
/// wrong one is a mistake in the command, whatever the job file says and whether or not there is one. `region` says why a
/// name is not a region.
///
/// # Errors
///
/// The first flag whose value is invalid.
pub fn check_flags(
    flags: Vec<Overlay>,
    zone: impl Fn() -> TimeZone,
    region: impl Fn(&str) -> Result<(), String>,
) -> Result<(), Diagnostic> {
    let (file, layers) = Layers::read(None, flags)?;
    limits_alone(&file.limits, &layers)?;
    retry(&file.retry, file.model.tier.unwrap_or_default(), &layers)?;
    if let Some(name) = &file.model.region {
        region(name).map_err(|message| layers.problem("model.region", message))?;
    }
    if let Some(path) = file.output.path.as_deref().filter(|path| !path.is_empty()) {
        format_of(path, &layers)?;
    }
    schedule(&file.limits, &layers, &|_| Ok(zone())).map(drop)
}

/// Settles one question, which has no input and no output: the job's model, request, patience and price. The other sections
/// of the file do not matter.
///
/// # Errors
///
/// As [`resolve`].
pub fn resolve_question(
    file: &mut JobFile,
    layers: &Layers,
    lookups: &Lookups<'_>,
) -> Result<ModelCall, Diagnostic> {
    let pricing = pricing(file.price.take(), layers, lookups)?;
    let model = model(take(&mut file.model), &pricing, layers, lookups)?;
    let (request, request_texts) = request(&file.request, "request", layers)?;
    Ok(ModelCall {
        request,
        request_texts,
        retry: raise(retry(&file.retry, model.tier, layers)?, &model.headers, layers)?,
        own_price: pricing.own().map(Arc::new),
        currency: pricing.currency(&tier::known(&model), layers, lookups)?,
        model,
    })
}

fn prompt(section: PromptSection, layers: &Layers) -> Result<Prompt, Diagnostic> {
    let text = |key: &str, source: String| TemplateText { source, place: layers.place(key) };
    let mut turns = Vec::new();
    for (index, turn) in section.messages.into_iter().enumerate() {
        let key = format!("prompt.messages.{index}");
        turns.push(ExampleTurn { role: turn.role, content: text(&format!("{key}.content"), turn.content) });
    }
    if section.user.is_none() && !turns.is_empty() {
        let message = "[prompt] has turns but no `user`: the last turn must be the user's";
        return Err(layers.problem("prompt.messages", message));
    }
    Ok(Prompt {
        system: section.system.map(|source| text("prompt.system", source)),
        turns,
        user: section.user.map(|source| text("prompt.user", source)),
    })
}

#[cfg(test)]
mod tests;
