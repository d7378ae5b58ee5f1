//! A file of the input, as its readers need it.

use std::path::PathBuf;
use std::sync::Arc;

use super::folders::FolderColumn;
use crate::format::Format;

/// A file of the input, with its format.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// As the user named it, or `<stdin>`.
    pub(super) file: Arc<str>,
    /// The path of its bytes.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// Whether it holds the texts of documents, and not rows of its own.
    pub(super) is_documents: bool,
    /// The columns from the folders of its path.
    pub(super) folders: Arc<[FolderColumn]>,
}
