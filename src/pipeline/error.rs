//! Why a run cannot continue, in words that say what to do.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::journal::JournalError;
use crate::read::ReadError;
use crate::write::{LayoutError, WriteError};

/// Why a run cannot continue. What became of single rows is no error.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The input cannot be read.
    #[error(transparent)]
    Read(ReadError),
    /// The job does not fit the input.
    #[error("{0}")]
    Problem(Box<Diagnostic>),
    /// A row cannot be sent, and the job does not skip such rows.
    #[error(
        "{place}: {problem}{others}\n  = help: nothing is sent while a row is bad; fix it, or set `on_bad_row = \
         \"skip\"` under [input] to record such rows as failed"
    )]
    BadRow {
        /// Its place.
        place: String,
        /// Why it cannot be sent.
        problem: String,
        /// The words about the others.
        others: String,
    },
    /// Documents cannot be read or sent, and the job does not skip them.
    #[error(
        "{documents} cannot be sent:{list}\n  = help: nothing is sent while a document cannot be read; repair or \
         remove it, or set `on_bad_row = \"skip\"` under [input] to record such documents as failed"
    )]
    BadDocuments {
        /// How many.
        documents: String,
        /// The first of them, a line each, and the number of the others.
        list: String,
    },
    /// The input has fewer rows than the job takes for an input.
    #[error(
        "the input has {rows} rows, and `min_rows` under [input] is {fewest}: nothing is sent, and the output \
         stays unchanged\n  = help: did the export that writes it fail? If it is right, lower `min_rows`"
    )]
    FewRows {
        /// Rows there are.
        rows: u64,
        /// Rows there have to be.
        fewest: u64,
    },
    /// Two rows have one identifier.
    #[error(
        "the id `{id}` names two rows: {first} and {second}\n  = help: an id must be unique; choose another \
         column, or remove `id` to identify rows by their content"
    )]
    DuplicateId {
        /// The identifier.
        id: String,
        /// Its first place.
        first: String,
        /// Its second place.
        second: String,
    },
    /// The output would take the place of the input.
    #[error(
        "the output {} is also read as input, by `{input}`\n  = help: give the output another name, or its own \
         folder",
        output.display()
    )]
    OutputIsInput {
        /// The output.
        output: PathBuf,
        /// The path or glob of the input that reads it.
        input: String,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The output cannot have the columns that it should.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The output cannot be written.
    #[error("{}", with_causes(.0))]
    Write(#[from] WriteError),
    /// The reporter or the endpoint refuses it.
    #[error("{0}")]
    Other(String),
    /// Somebody interrupted it before anything was sent, or while the output was being written.
    #[error("interrupted")]
    Interrupted,
}

impl From<ReadError> for PipelineError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Interrupted => Self::Interrupted,
            error => Self::Read(error),
        }
    }
}

impl From<Diagnostic> for PipelineError {
    fn from(problem: Diagnostic) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// An error and the causes its own text leaves out, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
