//! `[model] tier`: where it is offered, and what contradicts it.

use super::lookups::Lookups;
use crate::config::file::ModelSection;
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::address::BATCH_CHAT_URL;
use crate::job::facts::ModelInfo;
use crate::job::limits::Concurrency;
use crate::job::tier::ServiceTier;
use crate::job::{Job, ModelSettings};
use crate::text::count;

/// The one region that has Batch Chat.
const HOME: &str = "beijing";

/// The address of Batch Chat, unless the job names another place.
pub(super) fn batch_chat_url(
    section: &ModelSection,
    layers: &Layers,
    lookups: &Lookups<'_>,
) -> Result<String, Diagnostic> {
    let word = "`tier = \"batch-chat\"`";
    let same = |url: &String| url.trim_end_matches('/') == BATCH_CHAT_URL;
    if let Some(other) = section.base_url.as_ref().filter(|url| !same(url)) {
        let message = format!("{word} has an address of its own, and {other} is another one");
        let help = format!(
            "Batch Chat is offered only in {HOME}, at {BATCH_CHAT_URL}: remove `base_url`, or `tier`"
        );
        return Err(layers.problem("model.base_url", message).help(help));
    }
    if section.workspace.is_some() {
        let message = format!("{word} is not offered on the host of a workspace");
        let help = format!("it is offered in {HOME}, at {BATCH_CHAT_URL}: remove `workspace`");
        return Err(layers.problem("model.workspace", message).help(help));
    }
    if let Some(region) = &section.region {
        let url = |name: &str| (lookups.region)(name, None);
        // A name that is not a region at all is its own problem.
        let given = (lookups.region)(region, Some("any"))
            .map(|_| url(region))
            .map_err(|message| layers.problem("model.region", message))?;
        if given != url(HOME) {
            let message = format!("{word} is not offered in {region}");
            let help = format!(
                "Batch Chat is offered only in {HOME}: write `region = \"{HOME}\"`, with a key of that region, or \
                 remove `tier`"
            );
            return Err(layers.problem("model.region", message).help(help));
        }
    }
    Ok(BATCH_CHAT_URL.to_owned())
}

/// What is known of the job's model; of rows that bring their own, only what holds for every model of the tier.
pub(super) fn known(model: &ModelSettings) -> ModelInfo {
    match (&model.name, model.tier) {
        (Some(name), _) => model.book.of(name),
        (None, ServiceTier::Standard) => ModelInfo::default(),
        (None, ServiceTier::BatchChat) => {
            let ModelInfo { rates, most_in_flight, region, .. } = model.book.of("");
            ModelInfo { rates, most_in_flight, region, ..ModelInfo::default() }
        }
    }
}

/// Checks that the tier has the job's model and takes as many requests as the job sends at once.
pub(super) fn check(job: &Job, layers: &Layers) -> Result<(), Diagnostic> {
    if job.model.tier == ServiceTier::Standard {
        return Ok(());
    }
    if let Some(name) = &job.model.name
        && job.model.book.of(name).batch_chat.offered == Some(false)
    {
        let message = format!("Batch Chat, the tier `batch-chat`, does not have the model {name}");
        let help = "`fanfold models --region beijing` lists the models and the batches that have them; remove `tier`, or \
            name another model. Your own model table can add it, with `batch_chat = [\"beijing\"]`";
        return Err(layers.problem("model.name", message).help(help));
    }
    match (job.concurrency, job.most_in_flight) {
        (Concurrency::Fixed(places), Some(most)) if places > most => {
            let message = format!("Batch Chat takes at most {} requests at once", count(most as u64));
            Err(layers.problem("limits.concurrency", message).help("lower `concurrency`, or remove it"))
        }
        _ => Ok(()),
    }
}
