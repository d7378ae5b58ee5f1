//! Why an output could not be written, with advice.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

use crate::format::{Format, MAX_SHEET_TEXT};
use crate::row::{Item, Place};

/// The last step of writing a file as a whole.
pub(super) const SYNC_FOLDER: &str = "sync the folder";

/// Why the output could not be written.
#[derive(Debug, ThisError)]
pub enum WriteError {
    /// The reader of the output has gone: a reason to end quietly.
    #[error("the reader of the output has closed it")]
    BrokenPipe,
    /// The disk is full, or the user's quota on it.
    #[error(
        "no space left for {}: free some, and run the same command again; no answer is lost",
        path.display()
    )]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system rejected another operation.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A row brings a column that would be in the output twice.
    #[error(
        "{place}: the output would have two columns named `{column}`, one of them from the input; set a \
         `prefix` under [output] for the answer columns"
    )]
    Clash {
        /// The place of the row.
        place: Place,
        /// The name in the output.
        column: String,
    },
    /// A row does not match the declared columns.
    #[error("{place}: {problem}; was the input changed after it was first read?")]
    Row {
        /// The place of the row.
        place: Place,
        /// What is wrong with it.
        problem: String,
    },
    /// More than a spreadsheet holds.
    #[error(
        "{what}: {problem}; no answer is lost: `fanfold export JOB --output out.csv` writes them all, or give the job another \
         output"
    )]
    Sheet {
        /// The place of the row, or the output.
        what: String,
        /// What is too much.
        problem: String,
    },
    /// The values cannot be represented in the output's format.
    #[error("cannot write the rows of {} in their format", path.display())]
    Encoding {
        /// The output.
        path: PathBuf,
        /// The error of the format's library.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The input's columns are unknown, but the format needs them.
    #[error("{format} needs to know the input's columns before the first row")]
    ColumnsUnknown {
        /// The output's format.
        format: Format,
    },
}

impl WriteError {
    /// Whether the file was moved to its destination, and only its folder was not synced.
    pub fn is_of_the_folder(&self) -> bool {
        matches!(self, Self::Io { doing: SYNC_FOLDER, .. })
    }

    /// The `WriteError` for a failure to write to the output.
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        Self::io("write", path, source)
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            _ => Self::Io { doing, path, source },
        }
    }

    /// More than a spreadsheet holds: where, and what.
    pub fn sheet(what: String, problem: String) -> Self {
        Self::Sheet { what, problem }
    }

    /// A text in column `name` of so many characters, more than a cell of a spreadsheet holds.
    pub fn long_cell(what: String, name: &str, length: usize) -> Self {
        let problem = format!(
            "the text of column `{name}` has {length} characters, and a cell of a spreadsheet holds {MAX_SHEET_TEXT}"
        );
        Self::Sheet { what, problem }
    }

    pub(super) fn row(item: &Item, problem: impl Into<String>) -> Self {
        Self::Row { place: item.place().clone(), problem: problem.into() }
    }
}
