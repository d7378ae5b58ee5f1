//! What to read as documents, and how.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::own_outputs::OwnOutputs;
use super::walk::FileKind;
use crate::document_format::DocumentFormat;
use crate::job::input_format::InputFormat;
use crate::read::spec::InputSpec;

/// An input that may be documents.
#[derive(Debug, Clone)]
pub struct DocumentsSpec {
    /// The paths, and the files that are no input.
    pub input: InputSpec,
    /// The format that the job declares.
    pub format: Option<InputFormat>,
    /// Endings for which the job has a reader, in lower case and without their dots: such files are documents.
    pub endings: BTreeSet<String>,
    /// The largest document, in bytes.
    pub max_bytes: u64,
    /// The file in which the texts are kept.
    pub kept: PathBuf,
    /// Whether texts that were read before are read anew.
    pub reread: bool,
    /// The files of the job's own answers, which are no input.
    pub outputs: Option<OwnOutputs>,
    /// How many documents are read, from the first.
    pub limit: u64,
}

impl DocumentsSpec {
    /// What a file is, by its name.
    pub(super) fn kind(&self, path: &Path) -> FileKind {
        match self.every() {
            Some(_) => FileKind::Document,
            None => FileKind::of(path, |ending| self.endings.contains(ending)),
        }
    }

    /// The format of every file, if the job gives one.
    pub(super) fn every(&self) -> Option<DocumentFormat> {
        match self.format {
            Some(InputFormat::Document(format)) => format,
            _ => None,
        }
    }
}
