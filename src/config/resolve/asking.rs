//! The service and patience: the parts that a job and a single question share.

use std::time::Duration;

use super::lookups::Lookups;
use super::pricing::Pricing;
use super::tier;
use super::values::duration;
use crate::config::file::{ModelSection, RetrySection};
use crate::config::headers::headers;
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::secret_scan::names_a_variable;
use crate::job::address::{self, BATCH_CHAT_URL, DEFAULT_BASE_URL};
use crate::job::tier::ServiceTier;
use crate::job::{KeySource, ModelSettings, Retry};

pub(super) fn model(
    section: ModelSection,
    pricing: &Pricing,
    layers: &Layers,
    lookups: &Lookups<'_>,
) -> Result<ModelSettings, Diagnostic> {
    let tier = section.tier.unwrap_or_default();
    let base_url = match tier {
        ServiceTier::Standard => base_url(&section, layers, lookups)?,
        ServiceTier::BatchChat => tier::batch_chat_url(&section, layers, lookups)?,
    };
    let local = address::check(&base_url, section.allow_http.unwrap_or(false))
        .map_err(|message| layers.problem("model.base_url", message))?;
    let sources =
        [section.api_key_env.is_some(), section.api_key_file.is_some(), section.api_key_command.is_some()];
    let places = sources.iter().filter(|given| **given).count();
    let message = "set only one of api_key_env, api_key_file and api_key_command";
    layers.refuse_if(places > 1, "model.api_key_env", message)?;
    if section.api_key_env.as_deref().is_some_and(|name| !names_a_variable(name)) {
        // The value may be the key itself, and is not shown.
        let problem = layers.problem("model.api_key_env", "`api_key_env` does not name a variable");
        return Err(problem.help("name the variable that holds the key, as in api_key_env = \"MY_KEY\""));
    }
    let key = match (section.api_key_file, section.api_key_command) {
        (Some(path), _) => KeySource::File(path.into()),
        (None, Some(command)) => KeySource::Command(command.into_command()),
        (None, None) => KeySource::Variable {
            optional: section.api_key_env.is_none() && local,
            name: section.api_key_env.unwrap_or_else(|| "DASHSCOPE_API_KEY".to_owned()),
        },
    };
    let is_empty = key == KeySource::Command(vec![]);
    layers.refuse_if(is_empty, "model.api_key_command", "the command is empty")?;
    let base_url = base_url.trim_end_matches('/').trim_end_matches("/chat/completions").to_owned();
    // Its address is the tier, however that is written.
    let tier = if base_url == BATCH_CHAT_URL { ServiceTier::BatchChat } else { tier };
    Ok(ModelSettings {
        name: section.name.filter(|name| !name.is_empty()),
        book: pricing.book(lookups, &base_url, tier),
        base_url,
        tier,
        key,
        headers: headers(section.headers, layers)?,
        transport: section.transport.unwrap_or_default(),
    })
}

/// The address: as given, or that of a region. If both are given, the later origin in the order of job file, variable and
/// flag decides; two from the same origin contradict each other.
fn base_url(section: &ModelSection, layers: &Layers, lookups: &Lookups<'_>) -> Result<String, Diagnostic> {
    let origin = |key: &str, given: bool| given.then(|| layers.origin(key));
    let address = origin("model.base_url", section.base_url.is_some());
    let region = origin("model.region", section.region.is_some());
    let workspace = origin("model.workspace", section.workspace.is_some());
    match &section.base_url {
        Some(_) if region == address => {
            let message = "the address is given twice, by `base_url` and by `region`";
            return Err(layers.problem("model.region", message).help("remove one of them"));
        }
        Some(_) if region < address && workspace >= address => {
            let message = "`workspace` needs `region`; a `base_url` already has its host";
            return Err(layers.problem("model.workspace", message));
        }
        Some(base_url) if region < address => return Ok(base_url.clone()),
        None if region.is_none() && workspace.is_none() => return Ok(DEFAULT_BASE_URL.to_owned()),
        _ => {}
    }
    if let Some(name) = &section.workspace {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_wrong = name.is_empty() || name.len() > 63 || name.starts_with('-') || !name.chars().all(fits);
        let message = format!("`{name}` is not a workspace: an id has letters, digits and dashes");
        layers.refuse_if(is_wrong, "model.workspace", &message)?;
    }
    let name = section.region.as_deref().unwrap_or("singapore");
    (lookups.region)(name, section.workspace.as_deref())
        .map_err(|message| layers.problem("model.region", message))
}

/// Retries and time-outs: as given, else the tier's.
pub(super) fn retry(section: &RetrySection, tier: ServiceTier, layers: &Layers) -> Result<Retry, Diagnostic> {
    let time = |key: &str, text: &Option<String>, default: Duration| {
        let given = duration(&format!("retry.{key}"), text.as_deref(), layers)?;
        Ok::<_, Diagnostic>(given.unwrap_or(default))
    };
    let default = Retry::of_tier(tier);
    // A time limit for answers applies to streams too: it limits their pauses.
    let timeout = time("timeout", &section.timeout, default.timeout)?;
    let idle = if section.timeout.is_some() { timeout } else { default.idle_timeout };
    let retry = Retry {
        max_attempts: section.max_attempts.unwrap_or(default.max_attempts),
        initial_backoff: time("initial_backoff", &section.initial_backoff, default.initial_backoff)?,
        max_backoff: time("max_backoff", &section.max_backoff, default.max_backoff)?,
        timeout,
        stream_timeout: time("stream_timeout", &section.stream_timeout, default.stream_timeout)?,
        idle_timeout: time("idle_timeout", &section.idle_timeout, idle)?,
        max_outage: time("max_outage", &section.max_outage, default.max_outage)?,
    };
    let (first, longest) = (retry.initial_backoff, retry.max_backoff);
    for (is_wrong, key, message) in [
        (
            retry.max_attempts == 0,
            "max_attempts",
            "`max_attempts` must be 1 or more: it includes the first try",
        ),
        (
            first.is_zero(),
            "initial_backoff",
            "`initial_backoff` must be above 0, or an overloaded service could \
            not recover",
        ),
        (longest < first, "max_backoff", "`max_backoff` must not be below `initial_backoff`"),
        (retry.timeout.is_zero(), "timeout", "`timeout` must be above 0"),
        (retry.stream_timeout.is_zero(), "stream_timeout", "`stream_timeout` must be above 0"),
        (retry.idle_timeout.is_zero(), "idle_timeout", "`idle_timeout` must be above 0"),
    ] {
        layers.refuse_if(is_wrong, &format!("retry.{key}"), message)?;
    }
    Ok(retry)
}
