//! `[split]`, settled: how a long text is cut into pieces, and how their answers become one.

use schemars::JsonSchema;
use serde::Deserialize;

use super::template_text::TemplateText;

/// How a row's text is cut into pieces, each of which is a request of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The largest piece.
    pub max_tokens: PieceSize,
    /// The column that is cut, with its place in the job file.
    pub column: TemplateText,
    /// What it is cut at.
    pub by: SplitUnit,
    /// How many sentences before a piece templates see.
    pub context: u32,
    /// How the answers become one.
    pub combine: Combine,
    /// The treatment of an answer that is not whole.
    pub on_mismatch: OnMismatch,
}

/// The largest piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceSize {
    /// What suits the model.
    Auto,
    /// In estimated tokens.
    Tokens(u64),
}

/// What a text is cut at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitUnit {
    /// What its format says.
    #[default]
    Auto,
    /// Paragraphs.
    Text,
    /// Blocks of Markdown.
    Markdown,
    /// Lines.
    Lines,
    /// Nothing: it stays whole.
    None,
}

/// How the answers to a row's pieces become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// In the text's own frame.
    #[default]
    Join,
    /// By one more request.
    Merge,
    /// Not at all: each piece is a row of the output.
    Rows,
}

/// The treatment of an answer that lacks paragraphs or markup of its piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMismatch {
    /// The piece is cut in two, and both halves are requested.
    #[default]
    Split,
    /// It is kept.
    Keep,
    /// The piece fails.
    Fail,
}
