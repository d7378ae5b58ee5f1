//! The sections of a job file about long texts: `[split]`, `[merge]`, `[digest]`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::Value;

use crate::config::words::optional_word;
use crate::job::split::{Combine, OnMismatch, SplitUnit};

/// `[split]`: how a long text is cut into pieces.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSection {
    /// Largest piece, in estimated tokens; `auto`: 1200 for translation models, else what fits the cheapest price tier.
    #[serde(default)]
    #[schemars(schema_with = "tokens", extend("default" = "auto"))]
    pub max_tokens: Option<Value>,
    /// Column that is cut. Default: `text`.
    #[schemars(extend("default" = "text"))]
    pub column: Option<String>,
    /// What a text is cut at: `auto` (by its format), the paragraphs of `text` or `markdown`, `lines`, or `none`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "auto"))]
    pub by: Option<SplitUnit>,
    /// Sentences before a piece that templates see as `piece.before`.
    #[schemars(range(max = 100), extend("default" = 0))]
    pub context: Option<u32>,
    /// How the answers become one: `join` them in the text's own frame, `merge` them by one more request, or keep `rows`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "join"))]
    pub combine: Option<Combine>,
    /// For an answer that lacks paragraphs or markup of its piece: `split` the piece further, `keep` it, or `fail` it.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "split"))]
    pub on_mismatch: Option<OnMismatch>,
}

/// `[merge]`: the request over the answers to a row's pieces.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeSection {
    /// Template of the user's turn; `parts` is the list of answers.
    #[schemars(required)]
    pub prompt: Option<String>,
    /// Template of the system turn. Default: none.
    pub system: Option<String>,
    /// Model name. Default: the job's.
    pub model: Option<String>,
    /// Most tokens of parts in one request, estimated; more are merged in groups first. Default: what the model reads.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u64>,
    /// Other fields of the request body. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub request: toml::Table,
}

/// `[digest]`: one answer over all rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestSection {
    /// Template of what each row contributes.
    #[schemars(extend("default" = "{{ response }}"))]
    pub each: Option<String>,
    /// Template of the user's turn; `parts` is the list of contributions.
    #[schemars(required)]
    pub prompt: Option<String>,
    /// Template of the system turn. Default: none.
    pub system: Option<String>,
    /// Model name. Default: the job's.
    pub model: Option<String>,
    /// Most tokens of parts in one request, estimated; more are digested in groups first. Default: what the model reads.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u64>,
    /// File that the digest is written to.
    pub output: Option<String>,
    /// Other fields of the request body. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub request: toml::Table,
}

/// `split.max_tokens`: a number, or a word.
fn tokens(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1 }] })
}
