//! The requirements for an answer, and what is done if it does not meet them.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::template_text::TemplateText;
use crate::checks::Checks;

/// `[answer]`, settled.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRules {
    /// The file of the JSON Schema that each answer must satisfy.
    pub schema: Option<PathBuf>,
    /// The place in the job file that names it, for messages.
    pub schema_text: Option<TemplateText>,
    /// What each answer is checked for.
    pub checks: Checks,
    /// What it is checked against; `None` for the user's message.
    pub source: Option<TemplateText>,
    /// The treatment of an answer that does not pass.
    pub on_check: OnCheck,
    /// How often an answer that does not satisfy the schema, or does not pass a check, is requested again.
    pub repair: u32,
    /// Whether the schema's fields become columns.
    pub expand: bool,
    /// The treatment of an answer that `max_tokens` cut.
    pub on_length: OnLength,
    /// Rounds of tool calls that a row may take.
    pub max_rounds: u32,
}

impl Default for AnswerRules {
    fn default() -> Self {
        Self {
            schema: None,
            schema_text: None,
            checks: Checks::default(),
            source: None,
            on_check: OnCheck::Fail,
            repair: 1,
            expand: false,
            on_length: OnLength::Keep,
            max_rounds: 8,
        }
    }
}

/// The treatment of an answer that `max_tokens` cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLength {
    /// It is kept, and counted separately.
    #[default]
    Keep,
    /// The row fails.
    Fail,
    /// It is requested once more, with a larger `max_tokens`.
    Grow,
}

/// The treatment of an answer that does not pass a check, when it was asked again as often as the job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnCheck {
    /// The row fails.
    #[default]
    Fail,
    /// It is accepted, with warnings.
    Flag,
}

/// A command that is run when the model calls a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The tool's name, as in its definition in `request.tools`.
    pub name: String,
    /// The command and its arguments; not empty.
    pub command: Vec<String>,
    /// The time one call may take.
    pub timeout: Duration,
}

/// The files of `[glossary]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GlossaryFiles {
    /// Terms: `translation_options.terms`.
    pub terms: Option<PathBuf>,
    /// Sentences translated before: `translation_options.tm_list`.
    pub memory: Option<PathBuf>,
}
