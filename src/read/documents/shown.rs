//! Documents as they are read now, to be looked at: nothing is kept.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::find::find;
use super::line::DocumentLine;
use super::one::{OneRead, read_one};
use super::pool::in_order;
use super::reader::DocumentReader;
use super::spec::DocumentsSpec;
use super::watch::ReadingWatch;
use crate::read::error::ReadError;

/// What was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownDocuments {
    /// Documents.
    pub documents: u64,
    /// Those that cannot be read.
    pub unread: u64,
    /// What is to be said about other files, one line each.
    pub notices: Vec<String>,
}

/// Reads the documents of an input, and gives the columns of each to `show`, in order; one that cannot be read has the columns
/// `error_code` and `error`. `None` for an input of tables.
///
/// # Errors
/// Documents are mixed with other files, a path leads nowhere, or somebody stopped it: also `show`, by returning false.
pub fn show(
    spec: &DocumentsSpec,
    reader: Arc<dyn DocumentReader>,
    watch: &ReadingWatch<'_>,
    mut show: impl FnMut(&Map<String, Value>) -> bool,
) -> Result<Option<ShownDocuments>, ReadError> {
    let Some(found) = find(spec)? else { return Ok(None) };
    let mut shown = ShownDocuments { notices: found.notices, ..ShownDocuments::default() };
    let documents = found.documents;
    let count = documents.len().min(usize::try_from(spec.limit).unwrap_or(usize::MAX));
    let max_bytes = spec.max_bytes;
    let one = move |index: usize| {
        let document = &documents[index];
        match read_one(document, max_bytes, &*reader, |_, _| None::<()>) {
            OneRead::Read { stamp, read, .. } => {
                let is_unread = read.is_err();
                Some((DocumentLine { document, stamp: stamp.as_ref(), read }.columns(), is_unread))
            }
            OneRead::Known(()) | OneRead::Gone => None,
        }
    };
    let bytes = |row: &Option<(Map<String, Value>, bool)>| {
        let text = row.as_ref().and_then(|(columns, _)| columns.get("text")?.as_str());
        text.map_or(0, str::len)
    };
    let all = in_order(count, one, bytes, watch.is_stopped, |index, row| {
        (watch.progress)(index as u64 + 1, count as u64);
        let Some((columns, is_unread)) = row else { return Ok(()) };
        shown.documents += 1;
        shown.unread += u64::from(is_unread);
        if show(&columns) { Ok(()) } else { Err(ReadError::Interrupted) }
    })?;
    if all { Ok(Some(shown)) } else { Err(ReadError::Interrupted) }
}
