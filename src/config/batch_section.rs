//! The section `[batch]` of a job file: the provider's Batch API.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

use crate::config::patterns::{DURATION, size};
use crate::job::batch::BatchSettings;

/// `[batch]`: how requests travel in batches of the provider, with `transport = "batch"` under [model].
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSection {
    /// Time that the provider has for a batch, in whole hours: `24h` to `336h` on DashScope.
    #[schemars(extend("pattern" = DURATION, "default" = "24h"))]
    pub window: Option<String>,
    /// How often the provider is asked how a batch is; at least 100ms.
    #[schemars(extend("pattern" = DURATION, "default" = "60s"))]
    pub poll: Option<String>,
    /// Wait for the batches. Without waiting, the run ends with exit code 8, and the same command collects them.
    #[schemars(extend("default" = true))]
    pub wait: Option<bool>,
    /// Most requests of one batch.
    #[schemars(range(min = 1, max = BatchSettings::MAX_LINES), extend("default" = BatchSettings::MAX_LINES))]
    pub max_lines: Option<u32>,
    /// Most bytes of one batch's file: a number, or text such as `200MB`.
    #[schemars(schema_with = "size", extend("default" = "500MB"))]
    pub max_bytes: Option<Value>,
    /// Leave the files of a collected batch in the account.
    #[schemars(extend("default" = false))]
    pub keep_files: Option<bool>,
}
