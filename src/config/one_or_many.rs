//! A value that may be one text or several.

use schemars::JsonSchema;
use serde::Deserialize;

/// One text or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOrMany {
    /// One text.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }

    /// The words of a command: a list as it is, one line split at spaces.
    pub fn into_command(self) -> Vec<String> {
        match self {
            Self::One(line) => line.split_whitespace().map(str::to_owned).collect(),
            Self::Many(words) => words,
        }
    }
}
