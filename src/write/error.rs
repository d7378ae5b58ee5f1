//! Why an output could not be written, in words that say what to do.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

use crate::format::Format;
use crate::row::{Item, Place};

/// The last step of writing a file as a whole.
pub(super) const SYNC_FOLDER: &str = "sync the folder";

/// Why the output could not be written.
#[derive(Debug, ThisError)]
pub enum WriteError {
    /// Whoever read the output has gone: a reason to end quietly.
    #[error("the reader of the output has closed it")]
    BrokenPipe,
    /// The disk or the user's share of it is full.
    #[error(
        "no space left for {}: free some, and run the same command again; no answer is lost",
        path.display()
    )]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused something else.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or folder it was done to.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A row brings a column that would be in the output twice.
    #[error(
        "{place}: the output would have two columns named `{column}`, one of them from the input; set a \
         `prefix` under [output] for the answer columns"
    )]
    Clash {
        /// Where the row stands.
        place: Place,
        /// The name in the output.
        column: String,
    },
    /// A row is not what its columns were said to be.
    #[error("{place}: {problem}; was the input changed after it was first read?")]
    Row {
        /// Where the row stands.
        place: Place,
        /// What is wrong with it.
        problem: String,
    },
    /// The values cannot be put in the output's format.
    #[error("cannot write the rows of {} in their format", path.display())]
    Encoding {
        /// The output.
        path: PathBuf,
        /// What the format's library said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The input's columns were left open for a format that has to know them.
    #[error("{format} needs to know the input's columns before the first row")]
    ColumnsUnknown {
        /// The output's format.
        format: Format,
    },
}

impl WriteError {
    /// Whether the file is in its place, and only its folder was not synced.
    pub fn is_of_the_folder(&self) -> bool {
        matches!(self, Self::Io { doing: SYNC_FOLDER, .. })
    }

    /// What a failure to write to the output means.
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

    pub(super) fn row(item: &Item, problem: impl Into<String>) -> Self {
        Self::Row { place: item.place().clone(), problem: problem.into() }
    }
}
