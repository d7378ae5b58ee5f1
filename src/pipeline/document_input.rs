//! An input of documents: what is read when a job is opened, and by which readers.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::PipelineError;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::document_format::DocumentFormat;
use crate::documents::{ReadDocument, Unreadable, read};
use crate::job::documents::DocumentSettings;
use crate::job::{InputSettings, Job, Output, TemplateText};
use crate::read::documents::{
    self as documents, DocumentFault, DocumentReader, DocumentText, DocumentsSpec, OwnOutputs, ReaderName,
    ReadingWatch, ShownDocuments, bring_up_to_date, has_kept_texts,
};
use crate::read::{InputSpec, Source};

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
    pub progress: Rc<dyn Fn(u64, u64)>,
}

impl Default for DocumentReading {
    fn default() -> Self {
        Self {
            reread: false,
            stop: tokio::sync::watch::channel(StopLevel::None).1,
            hidden: Vec::new(),
            progress: Rc::new(|_, _| {}),
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
    let spec =
        spec(&job.input, Some(&job.output), input.clone(), reading.is_some_and(|reading| reading.reread));
    let notices = match reading {
        None => has_kept_texts(&spec)?.then(Vec::new),
        Some(reading) => {
            let reader = Arc::new(JobReader::new(&job.input, reading));
            let is_stopped = || *reading.stop.borrow() != StopLevel::None;
            let watch = ReadingWatch { is_stopped: &is_stopped, progress: &*reading.progress };
            bring_up_to_date(&spec, reader, &watch)?
        }
    };
    let Some(notices) = notices else { return Ok(None) };
    let settings = &mut job.input;
    let id = settings.id.get_or_insert_with(|| "path".to_owned()).clone();
    // A document is a row, however long; templates may produce as much.
    settings.max_record_bytes = settings.max_record_bytes.max(settings.documents.max_bytes);
    ask_the_text(job);
    Ok(Some(Source::of_documents(InputSpec { id: Some(id), ..input.clone() }, &spec.kept, notices)?))
}

/// Without a prompt, the message is the text of the document, or of its piece.
fn ask_the_text(job: &mut Job) {
    let column = job.split.as_ref().map_or("text", |split| &split.column.source);
    let source = format!("{{{{ {column} }}}}");
    let prompt = job.prompt.get_or_insert_default();
    prompt.user.get_or_insert(TemplateText { source, place: None });
}

/// Reads the documents of an input, and gives the columns of each to `show`, in order, until that returns false; one that
/// cannot be read has the columns `error_code` and `error`. Nothing is kept. `output` is no input.
///
/// # Errors
///
/// The input is not of documents, or cannot be found; or somebody stopped it.
pub fn show_documents(
    settings: &InputSettings,
    output: Option<&Path>,
    reading: &DocumentReading,
    show: impl FnMut(&Map<String, Value>) -> bool,
) -> Result<ShownDocuments, PipelineError> {
    let mut input = InputSpec::new(settings.paths.clone(), "");
    input.own.extend(output.map(Path::to_owned));
    input.is_kept = crate::journal::is_part_of_one;
    let spec = spec(settings, None, input, true);
    let reader = Arc::new(JobReader::new(settings, reading));
    let is_stopped = || *reading.stop.borrow() != StopLevel::None;
    let watch = ReadingWatch { is_stopped: &is_stopped, progress: &*reading.progress };
    let shown = documents::show(&spec, reader, &watch, show)?;
    let no_documents = || {
        let paths = settings.paths.join(", ");
        // Whatever else is wrong with the paths is said where tables are read.
        let problem = Source::open(InputSpec::new(settings.paths.clone(), "")).err();
        let problem = problem
            .map_or_else(|| format!("{paths}: these are tables, not documents"), |error| error.to_string());
        PipelineError::Other(problem)
    };
    shown.ok_or_else(no_documents)
}

/// What to read as documents.
fn spec(
    settings: &InputSettings,
    output: Option<&Output>,
    mut input: InputSpec,
    reread: bool,
) -> DocumentsSpec {
    if let Some(output) = output {
        input.own.push(output.path.clone());
        input.own.extend(output.leads_to.clone().into_iter().chain(output.metrics.clone()));
    }
    DocumentsSpec {
        input,
        format: settings.format,
        endings: settings.documents.readers.keys().cloned().collect(),
        max_bytes: settings.documents.max_bytes,
        kept: output.map(Output::kept_documents).unwrap_or_default(),
        reread,
        outputs: output
            .and_then(|output| output.documents.as_ref())
            .and_then(|template| OwnOutputs::of(&template.source, &settings.paths)),
        limit: settings.limit.unwrap_or(u64::MAX),
    }
}

/// The readers of a job.
struct JobReader {
    settings: DocumentSettings,
    /// Variables that commands do not get to see.
    hidden: Vec<OsString>,
}

impl JobReader {
    fn new(settings: &InputSettings, reading: &DocumentReading) -> Self {
        Self { settings: settings.documents.clone(), hidden: reading.hidden.clone() }
    }
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
