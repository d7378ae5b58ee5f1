//! Why an input cannot be read, or not be read any further.

use std::io;
use std::path::PathBuf;

use crate::row::Place;

/// Why an input cannot be read, or not be read any further. Each message names the file, and stands by itself:
/// it includes the text of its source.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A path or glob that leads to no file.
    #[error("{path}: {reason}")]
    NoFile {
        /// The path or glob as the user gave it.
        path: String,
        /// Why it leads to none, and what to do.
        reason: String,
    },
    /// The system refused to open or to read a file.
    #[error("{file} cannot be read: {source}; check that it exists and that you have permission")]
    Unreadable {
        /// The file as the user named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file whose format is not known, or is not what it is said to be, or does not go with the others.
    #[error("{file}: {reason}")]
    Format {
        /// The file as the user named it.
        file: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A compressed file that is cut, corrupt, or expands beyond all measure.
    #[error("{file} cannot be decompressed: {reason}")]
    Compressed {
        /// The file as the user named it.
        file: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Columns that are missing, that are there twice, or that differ between files.
    #[error("{file}: {reason}")]
    Columns {
        /// The file as the user named it.
        file: String,
        /// What is wrong with them, and what to do.
        reason: String,
    },
    /// A record whose end cannot be found, so that the rows after it are not known.
    #[error("{place}: {reason}")]
    Endless {
        /// Where the record begins.
        place: Place,
        /// Why it does not end, and what to do.
        reason: String,
    },
    /// A Parquet file that is cut or corrupt, or uses what is not supported.
    #[error(
        "{file} is not a readable Parquet file: {reason}; it may be truncated or damaged, so write it again"
    )]
    Parquet {
        /// The file as the user named it.
        file: String,
        /// What the decoder said.
        reason: String,
    },
    /// Standard input that could not be kept.
    #[error("cannot save standard input in {}: {reason}", path.display())]
    Spool {
        /// Where it was to be kept.
        path: PathBuf,
        /// What went wrong, and what to do.
        reason: String,
    },
}

impl ReadError {
    /// The system's refusal to open or read `file`.
    pub(super) fn unreadable(file: &str, source: io::Error) -> Self {
        Self::Unreadable { file: file.to_owned(), source }
    }

    /// A file of the wrong format.
    pub(super) fn format(file: &str, reason: impl Into<String>) -> Self {
        Self::Format { file: file.to_owned(), reason: reason.into() }
    }

    /// A file of the wrong columns.
    pub(super) fn columns(file: &str, reason: impl Into<String>) -> Self {
        Self::Columns { file: file.to_owned(), reason: reason.into() }
    }
}
