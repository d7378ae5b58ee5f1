//! The section of a job file about long texts: `[split]`.

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

/// `split.max_tokens`: a number, or a word.
fn tokens(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1 }] })
}
