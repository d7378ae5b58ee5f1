//! What a new job is made of, by flags, answers and defaults.

use crate::job::sheet_choice::SheetChoice;

/// The choices for a job.
#[derive(Debug, Clone)]
pub(super) struct JobChoices {
    /// The input; `None` for the sample.
    pub(super) input: Option<String>,
    /// The sheet of a spreadsheet, if it is named.
    pub(super) sheet: Option<SheetChoice>,
    /// The model.
    pub(super) model: String,
    /// The languages to translate into, for a translation model; at least one.
    pub(super) languages: Vec<String>,
    /// The columns to translate, for a translation model over a table, unless the prompt was given.
    pub(super) columns: Vec<String>,
    /// The user's turn; `None` if the rows bring their own.
    pub(super) prompt: Option<String>,
}

impl JobChoices {
    /// Whether a row is translated for each combination of columns and languages. A single column into a single language needs
    /// none of this.
    pub(super) fn are_combined(&self) -> bool {
        !self.columns.is_empty() && self.columns.len() * self.languages.len() > 1
    }
}
