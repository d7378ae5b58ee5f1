//! Why a run cannot continue, with advice.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::journal::JournalError;
use crate::read::ReadError;
use crate::write::{LayoutError, WriteError};

/// Why a run cannot continue. The failure of a single row is not an error.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The input cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The job does not match the input.
    #[error("{0}")]
    Problem(Box<Diagnostic>),
    /// A row cannot be sent, and the job does not skip such rows.
    #[error(
        "{place}: {problem}{others}\n  = help: nothing is sent while a row is bad; fix it, or set `on_bad_row = \
         \"skip\"` under [input] to record such rows as failed"
    )]
    BadRow {
        /// The place of the row.
        place: String,
        /// Why it cannot be sent.
        problem: String,
        /// A sentence about the other bad rows.
        others: String,
    },
    /// The input has fewer rows than the job requires.
    #[error(
        "the input has {rows} rows, and `min_rows` under [input] is {fewest}: nothing is sent, and the output \
         stays unchanged\n  = help: did the export that writes it fail? If it is right, lower `min_rows`"
    )]
    FewRows {
        /// The number of rows.
        rows: u64,
        /// The required number of rows.
        fewest: u64,
    },
    /// Two rows have the same identifier.
    #[error(
        "the id `{id}` names two rows: {first} and {second}\n  = help: an id must be unique; choose another \
         column, or remove `id` to identify rows by their content"
    )]
    DuplicateId {
        /// The identifier.
        id: String,
        /// The first place where it occurs.
        first: String,
        /// The second place where it occurs.
        second: String,
    },
    /// The output would replace the input.
    #[error(
        "the output {} is also read as input, by `{input}`\n  = help: give the output another name, or its own \
         folder",
        output.display()
    )]
    OutputIsInput {
        /// The output.
        output: PathBuf,
        /// The path or glob of the input that matches it.
        input: String,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The output cannot have the requested columns.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The output cannot be written.
    #[error("{}", with_causes(.0))]
    Write(#[from] WriteError),
    /// The user interrupted it before anything was sent, or while the output was being written.
    #[error("interrupted")]
    Interrupted,
}

impl From<Diagnostic> for PipelineError {
    fn from(problem: Diagnostic) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// An error and those of its causes that its own text leaves out, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
