//! How a document becomes text: passed in by the caller, because readers are a room of their own.

use std::path::Path;

use crate::document_format::DocumentFormat;

/// Makes text of documents, one call per document, from several threads.
pub trait DocumentReader: Send + Sync {
    /// The reader of files with this ending, in lower case and without its dot, in this format.
    fn name(&self, ending: &str, format: Option<DocumentFormat>) -> ReaderName;

    /// The text of a document.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn read(
        &self,
        file: &Path,
        ending: &str,
        format: Option<DocumentFormat>,
    ) -> Result<DocumentText, DocumentFault>;
}

/// Which reader makes the text of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderName {
    /// The reader, with everything of its settings that decides the text.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The text of a document, and what is known about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentText {
    /// Its text.
    pub text: String,
    /// The format in which it was read.
    pub format: String,
    /// Its title, where it has one.
    pub title: Option<String>,
    /// Its pages, where it has some.
    pub pages: Option<u64>,
    /// The encoding of a text file.
    pub encoding: Option<String>,
    /// What a reader of the text should know.
    pub warnings: Vec<String>,
}

/// Why a document has no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFault {
    /// A short stable code, such as `encrypted`.
    pub code: String,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Whether the same file may be readable at another time, so that the fault is not worth keeping.
    pub may_pass: bool,
}

impl DocumentFault {
    /// A fault of the document itself: the same reader will say the same of the same bytes.
    pub(super) fn of_document(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), may_pass: false }
    }

    /// A fault of what is around the document.
    pub(super) fn of_today(code: &str, message: impl Into<String>) -> Self {
        Self { may_pass: true, ..Self::of_document(code, message) }
    }
}
