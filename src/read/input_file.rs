//! A file of the input, as whoever reads it has to know it.

use std::path::PathBuf;
use std::sync::Arc;

use super::folders::FolderColumn;
use crate::format::Format;

/// A file of the input, its format settled.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// As the user named it, or `<stdin>`.
    pub(super) file: Arc<str>,
    /// Where its bytes are.
    pub(super) path: PathBuf,
    /// Its format.
    pub(super) format: Format,
    /// What the folders of its path tell of its rows.
    pub(super) folders: Arc<[FolderColumn]>,
}
