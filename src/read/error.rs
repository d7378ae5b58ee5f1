//! Why an input cannot be read, or cannot be read any further.

use std::io;
use std::path::PathBuf;

use crate::row::Place;

/// Why an input cannot be read, or cannot be read any further. Each message names the file and is complete: it includes the
/// text of its source.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A path or glob that matches no file.
    #[error("{path}: {reason}")]
    NoFile {
        /// The path or glob as the user gave it.
        path: String,
        /// Why it matches none, and what to do.
        reason: String,
    },
    /// The system refused to open or to read a file.
    #[error("{file} cannot be read: {source}; check that it exists and that you have permission")]
    Unreadable {
        /// The file as the user named it.
        file: String,
        /// The system's error.
        source: io::Error,
    },
    /// A file whose format is unknown, is not the declared one, or does not match the others.
    #[error("{file}: {reason}")]
    Format {
        /// The file as the user named it.
        file: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A compressed file that is truncated, corrupt, or expands beyond the limit.
    #[error("{file} cannot be decompressed: {reason}")]
    Compressed {
        /// The file as the user named it.
        file: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Columns that are missing, appear twice, or differ between files.
    #[error("{file}: {reason}")]
    Columns {
        /// The file as the user named it.
        file: String,
        /// What is wrong with them, and what to do.
        reason: String,
    },
    /// A record without an end, so that the rows after it cannot be found.
    #[error("{place}: {reason}")]
    Endless {
        /// Where the record begins.
        place: Place,
        /// Why it does not end, and what to do.
        reason: String,
    },
    /// A Parquet file that is truncated or corrupt, or uses an unsupported feature.
    #[error(
        "{file} is not a readable Parquet file: {reason}; it may be truncated or damaged, so write it again"
    )]
    Parquet {
        /// The file as the user named it.
        file: String,
        /// The decoder's error.
        reason: String,
    },
    /// A spreadsheet that is truncated or corrupt, or uses an unsupported feature.
    #[error(
        "{file} is not a readable .xlsx file: {reason}; open it in a spreadsheet program and save it again"
    )]
    Sheet {
        /// The file as the user named it.
        file: String,
        /// The decoder's error.
        reason: String,
    },
    /// The texts of documents that could not be kept, or were not.
    #[error("{}: {reason}", path.display())]
    Documents {
        /// The file in which they are kept.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Somebody stopped the reading of documents.
    #[error("interrupted")]
    Interrupted,
    /// Standard input that could not be saved.
    #[error("cannot save standard input in {}: {reason}", path.display())]
    Spool {
        /// Where it was to be saved.
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
