//! How requests travel in batches of the provider.

use super::values::{bytes, duration};
use crate::config::batch_section::BatchSection;
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::batch::BatchSettings;
use crate::job::tier::ServiceTier;
use crate::job::{ModelSettings, Transport};

/// The section, settled; `None` where requests are sent one by one.
pub(super) fn batch(
    section: &BatchSection,
    model: &ModelSettings,
    layers: &Layers,
) -> Result<Option<BatchSettings>, Diagnostic> {
    let is_batch = model.transport == Transport::Batch;
    let message = "Batch Chat, the tier `batch-chat`, is another way to the half price, and has no Batch API: leave one of them out";
    layers.refuse_if(is_batch && model.tier != ServiceTier::Standard, "model.transport", message)?;
    let default = BatchSettings::default();
    let window = duration("batch.window", section.window.as_deref(), layers)?;
    let hours = window.map(|window| window.as_secs() / 3600);
    let is_whole =
        window.is_none_or(|window| window.as_secs().is_multiple_of(3600) && window.subsec_nanos() == 0);
    let longest = BatchSettings::LONGEST_WINDOW_HOURS;
    let fits = is_whole && hours.is_none_or(|hours| (1..=u64::from(longest)).contains(&hours));
    let message = format!("`window` must be whole hours, from 1h to {longest}h");
    layers.refuse_if(!fits, "batch.window", &message)?;
    let poll = duration("batch.poll", section.poll.as_deref(), layers)?.unwrap_or(default.poll);
    layers.refuse_if(poll < BatchSettings::SHORTEST_POLL, "batch.poll", "`poll` must be at least 100ms")?;
    let max_lines = section.max_lines.unwrap_or(default.max_lines);
    let fits = (1..=BatchSettings::MAX_LINES).contains(&max_lines);
    let message = format!("`max_lines` must be from 1 to {}", BatchSettings::MAX_LINES);
    layers.refuse_if(!fits, "batch.max_lines", &message)?;
    let max_bytes = bytes("batch.max_bytes", section.max_bytes.as_ref(), layers)?;
    let settings = BatchSettings {
        window_hours: hours.map_or(default.window_hours, |hours| hours as u32),
        poll,
        wait: section.wait.unwrap_or(default.wait),
        max_lines,
        max_bytes: max_bytes.unwrap_or(default.max_bytes),
        keep_files: section.keep_files.unwrap_or(default.keep_files),
    };
    Ok(is_batch.then_some(settings))
}
