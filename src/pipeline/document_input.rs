//! An input of documents: what is read when a job is opened, and by which readers.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::PipelineError;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::document_format::DocumentFormat;
use crate::documents::{ReadDocument, Unreadable, read};
use crate::job::Job;
use crate::job::documents::DocumentSettings;
use crate::read::documents::{
    DocumentFault, DocumentReader, DocumentText, DocumentsSpec, ReaderName, ReadingWatch, bring_up_to_date,
    has_kept_texts,
};
use crate::read::{InputSpec, ReadError, Source};

/// How the documents of a job are read when it is opened.
#[derive(Clone)]
pub struct DocumentReading {
    /// Whether texts that are kept are read anew.
    pub reread: bool,
    /// Ends the reading.
    pub stop: Stop,
    /// Variables that the job's commands do not get to see.
    pub hidden: Vec<OsString>,
    /// Is called after each document with how many are done, and how many there are.
    pub progress: Arc<dyn Fn(u64, u64)>,
}

impl Default for DocumentReading {
    fn default() -> Self {
        Self {
            reread: false,
            stop: tokio::sync::watch::channel(StopLevel::None).1,
            hidden: Vec::new(),
            progress: Arc::new(|_, _| {}),
        }
    }
}

impl fmt::Debug for DocumentReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentReading").field("reread", &self.reread).finish_non_exhaustive()
    }
}

/// The source of a job's documents; `None` if its input is a table. Without a `reading`, the texts are those that a run has
/// kept.
pub(super) fn source(
    job: &mut Job,
    input: &InputSpec,
    reading: Option<&DocumentReading>,
) -> Result<Option<Source>, PipelineError> {
    let spec = spec(job, input.clone(), reading.is_some_and(|reading| reading.reread));
    let notices = match reading {
        None => has_kept_texts(&spec)?.then(Vec::new),
        Some(reading) => {
            let reader =
                Arc::new(JobReader { settings: job.input.documents.clone(), hidden: reading.hidden.clone() });
            let is_stopped = || *reading.stop.borrow() != StopLevel::None;
            let watch = ReadingWatch { is_stopped: &is_stopped, progress: &*reading.progress };
            bring_up_to_date(&spec, reader, &watch).map_err(interrupted)?
        }
    };
    let Some(notices) = notices else { return Ok(None) };
    let settings = &mut job.input;
    let id = settings.id.get_or_insert_with(|| "path".to_owned()).clone();
    // A document is a row, however long; templates may produce as much.
    settings.max_record_bytes = settings.max_record_bytes.max(settings.documents.max_bytes);
    Ok(Some(Source::of_documents(InputSpec { id: Some(id), ..input.clone() }, &spec.kept, notices)?))
}

/// What to read as documents.
pub(super) fn spec(job: &Job, mut input: InputSpec, reread: bool) -> DocumentsSpec {
    let (settings, output) = (&job.input, &job.output);
    input.own.push(output.path.clone());
    input.own.extend(output.leads_to.clone().into_iter().chain(output.metrics.clone()));
    DocumentsSpec {
        input,
        format: settings.format,
        endings: settings.documents.readers.keys().cloned().collect(),
        max_bytes: settings.documents.max_bytes,
        kept: output.kept_documents(),
        reread,
        limit: settings.limit.unwrap_or(u64::MAX),
    }
}

fn interrupted(error: ReadError) -> PipelineError {
    match error {
        ReadError::Interrupted => PipelineError::Interrupted,
        error => error.into(),
    }
}

/// The readers of a job.
pub(super) struct JobReader {
    settings: DocumentSettings,
    /// Variables that commands do not get to see.
    hidden: Vec<OsString>,
}

impl DocumentReader for JobReader {
    fn name(&self, ending: &str, format: Option<DocumentFormat>) -> ReaderName {
        if let Some(command) = self.settings.readers.get(ending) {
            return ReaderName { name: command.join(" "), version: String::new() };
        }
        let format = format.map_or("none", DocumentFormat::name);
        let encoding = self.settings.encoding.as_deref().map(|encoding| format!(" ({encoding})"));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        ReaderName { name: format!("{format}{}", encoding.unwrap_or_default()), version }
    }

    fn read(
        &self,
        file: &Path,
        _ending: &str,
        format: Option<DocumentFormat>,
    ) -> Result<DocumentText, DocumentFault> {
        match read(file, format, &self.settings, &self.hidden) {
            Ok(ReadDocument { text, format, title, pages, encoding, warnings }) => {
                Ok(DocumentText { text, format: format.to_owned(), title, pages, encoding, warnings })
            }
            Err(Unreadable { reason, message, may_pass }) => {
                Err(DocumentFault { code: reason.code().to_owned(), message, may_pass })
            }
        }
    }
}
