//! The section `[pack]` of a job file: short rows that travel together.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::Value;

use crate::job::pack::PackSettings;

/// `[pack]`: how many short rows may travel in one request, where requests are what is limited.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackSection {
    /// Most rows of one request; `auto`: as many as use up the limits of requests and tokens together. Default: 1, no packs.
    #[serde(default)]
    #[schemars(schema_with = "rows", extend("default" = 1))]
    pub rows: Option<Value>,
    /// Most tokens of one request with several rows, in and out, estimated.
    #[schemars(range(min = 1), extend("default" = PackSettings::MAX_TOKENS))]
    pub max_tokens: Option<u64>,
}

/// `pack.rows`: a number, or a word.
fn rows(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 100 }] })
}
