//! The files below a folder, sorted into documents, tables and others.

use std::fs;
use std::path::{Path, PathBuf};

use crate::document_format::{DocumentFormat, ending_of};
use crate::format::Format;
use crate::read::error::ReadError;

/// The files below a folder, none of them hidden.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The documents.
    pub(super) documents: Vec<PathBuf>,
    /// The tables.
    pub(super) tables: Vec<PathBuf>,
    /// All other files.
    pub(super) others: Vec<PathBuf>,
    /// The folders that are links, and are not read.
    pub(super) linked: Vec<PathBuf>,
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A document.
    Document,
    /// A table.
    Table,
    /// Neither.
    Other,
}

impl FileKind {
    /// The kind of a file; `is_read` says which further endings, in lower case and without their dots, are documents.
    pub(super) fn of(path: &Path, is_read: impl Fn(&str) -> bool) -> Self {
        if DocumentFormat::of_path(path).is_some() || ending_of(path).is_some_and(|ending| is_read(&ending)) {
            return Self::Document;
        }
        match path.to_str().and_then(Format::of_path) {
            Some(_) => Self::Table,
            None => Self::Other,
        }
    }
}

/// Searches a folder and its subfolders, except hidden ones. Links are followed only to files; a link that leads nowhere is a
/// file that cannot be read.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn walk(folder: &Path, kind: impl Fn(&Path) -> FileKind) -> Result<Walked, ReadError> {
    let mut walked = Walked::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| ReadError::unreadable(&folder.display().to_string(), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if is_hidden(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let path = entry.path();
            let found = entry.file_type().map_err(failed)?;
            if found.is_dir() {
                folders.push(path);
            } else if found.is_symlink() && path.is_dir() {
                walked.linked.push(path);
            } else if found.is_file() || (found.is_symlink() && !is_special(&path)) {
                match kind(&path) {
                    FileKind::Document => walked.documents.push(path),
                    FileKind::Table => walked.tables.push(path),
                    FileKind::Other => walked.others.push(path),
                }
            }
        }
    }
    walked.tables.sort();
    walked.others.sort();
    walked.linked.sort();
    Ok(walked)
}

/// Whether a name is that of a hidden file, or of a lock of an office program: `~$letter.docx`.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("~$")
}

/// Whether a link leads to a pipe or a device.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file())
}
