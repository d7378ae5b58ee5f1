//! An input of documents, brought up to date before its rows are read.

use std::path::Path;
use std::sync::Arc;

use super::find::{find, looks_missing};
use super::keep::{KeptCounts, keep};
use super::reader::DocumentReader;
use super::spec::DocumentsSpec;
use super::watch::ReadingWatch;
use crate::job::input_format::InputFormat;
use crate::read::error::ReadError;
use crate::text::{count, counted};

/// Finds the documents of an input, and reads those that are not kept as they are; the file of kept texts has them then.
/// Returns notices, one line each; `None` for an input of tables.
///
/// # Errors
/// Documents are mixed with other files, a path leads nowhere, the file of kept texts cannot be written, or somebody stopped it.
/// A document that cannot be read is not an error, but a row of its own.
pub fn bring_up_to_date(
    spec: &DocumentsSpec,
    reader: Arc<dyn DocumentReader>,
    watch: &ReadingWatch<'_>,
) -> Result<Option<Vec<String>>, ReadError> {
    let Some(found) = find(spec)? else { return Ok(None) };
    let counts = keep(found.documents, spec, reader, watch)?;
    let mut notices = found.notices;
    notices.extend(counts.notices());
    Ok(Some(notices))
}

/// Whether an input is of documents whose texts were kept, as far as that shows without reading them.
///
/// # Errors
/// It is of documents, and no texts are kept.
pub fn has_kept_texts(spec: &DocumentsSpec) -> Result<bool, ReadError> {
    if matches!(spec.format, Some(InputFormat::Table(_))) {
        return Ok(false);
    }
    let is_kept = spec.kept.is_file();
    match find(spec) {
        Ok(None) => return Ok(is_kept && looks_missing(spec)),
        Ok(Some(_)) | Err(_) if is_kept => return Ok(true),
        Ok(Some(_)) => {}
        Err(error) => return Err(error),
    }
    Err(not_read(&spec.kept))
}

fn not_read(kept: &Path) -> ReadError {
    let reason = "the documents of this job have not been read yet; run the job, or `fanfold preview` it";
    ReadError::Documents { path: kept.to_owned(), reason: reason.to_owned() }
}

impl KeptCounts {
    /// What is to be said about what was read and what was not.
    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.read > 0 {
            let read = counted(self.read, "document");
            let unread: u64 = self.unread.values().sum();
            notices.push(match self.documents - self.read - unread {
                0 => format!("{read} read"),
                kept => format!("{read} read, {} kept as read before", count(kept)),
            });
        }
        if self.of_another_reader > 0 {
            let texts = counted(self.of_another_reader, "text");
            notices.push(format!(
                "{texts} kept from another reader or encoding than the job has now; `--reread` reads anew"
            ));
        }
        notices
    }
}
