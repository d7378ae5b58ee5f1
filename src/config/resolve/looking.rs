//! A job for commands that only look at what it has done: values that only sending needs are removed before it is settled,
//! and cannot be wrong.

use crate::config::file::{JobFile, ModelSection, RetrySection};
use crate::job::address;
use crate::job::tier::ServiceTier;

/// Removes the key, the headers, an invalid address, patience, notifications and tools.
pub(super) fn without_sending(file: &mut JobFile) {
    let section = std::mem::take(&mut file.model);
    // A tier has its own address.
    let has_tier = section.tier.unwrap_or_default() != ServiceTier::Standard;
    let base_url = section.base_url.filter(|url| !has_tier && address::check(url, true).is_ok());
    let in_a_region = base_url.is_none() && !has_tier;
    let has_a_name = |id: &String| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    file.model = ModelSection {
        region: section.region.filter(|_| in_a_region),
        workspace: section.workspace.filter(|id| in_a_region && !id.is_empty() && has_a_name(id)),
        base_url,
        allow_http: Some(true),
        name: section.name,
        table: section.table,
        transport: section.transport,
        tier: section.tier,
        ..ModelSection::default()
    };
    (file.retry, file.notify) = (RetrySection::default(), None);
    file.tools.clear();
}
