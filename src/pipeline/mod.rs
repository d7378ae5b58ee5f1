//! Joins the stages: read, match, render, dispatch, journal, write. The only place that knows their order.

pub mod cost_estimate;
pub mod counted;
mod error;
mod feed;
mod glossary;
mod held;
pub mod output;
pub mod own_output;
pub mod plan;
mod prefetch;
mod scan;
pub mod send;
mod structure;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::conversation::ConversationRules;
use crate::diagnostic::Diagnostic;
use crate::format::Format;
use crate::job::{Job, Output};
use crate::read::{Expansion, InputSpec, Projection, ReadError, Source};
use crate::render::{Renderer, check};
use crate::row::{Item, Origin, Row};
use crate::schema::{AnswerSchema, Field};
use crate::write::{Layout, LayoutError, OutputSpec};

pub use error::PipelineError;

use prefetch::Weight;
use structure::Structure;

/// A job with its input opened and its templates compiled.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The job.
    pub job: Arc<Job>,
    /// Its input.
    pub source: Arc<Source>,
    /// Its templates.
    pub renderer: Arc<Renderer>,
    /// The schema that each answer must satisfy, if the job has one.
    pub schema: Option<Arc<AnswerSchema>>,
    /// The fields of the schema that become columns.
    fields: Vec<Field>,
}

impl Opened {
    /// Opens the input of a job, checks its templates and output columns against it as far as that is possible before
    /// reading rows, and reads the schema of its answers.
    ///
    /// # Errors
    ///
    /// An input that cannot be opened, a template or an output column that does not match it, or a file that is not a
    /// schema.
    pub fn new(job: Job) -> Result<Self, PipelineError> {
        Self::with(job, Source::open)
    }

    /// Like [`Opened::new`], but to inspect a run: standard input is what the run saved of it.
    ///
    /// # Errors
    ///
    /// As for [`Opened::new`].
    pub fn again(job: Job) -> Result<Self, PipelineError> {
        Self::with(job, Source::reopen)
    }

    fn with(
        mut job: Job,
        open: impl FnOnce(InputSpec) -> Result<Source, ReadError>,
    ) -> Result<Self, PipelineError> {
        let Structure { schema, fields } = Structure::read(&mut job)?;
        let spec = InputSpec {
            format: job.input.format,
            id: job.input.id.clone(),
            delimiter: job.input.delimiter,
            max_record_bytes: job.input.max_record_bytes,
            own: own_files(&job.output),
            is_kept: crate::journal::is_part_of_one,
            ..InputSpec::new(job.input.paths.clone(), job.output.spool())
        };
        let spec = match job.input.max_expanded_bytes {
            Some(bytes) => InputSpec { expansion: Expansion { ratio: 0, free_bytes: bytes }, ..spec },
            None => spec,
        };
        let source = open(spec)?;
        let renderer = Renderer::new(&job, source.columns())?.with_glossary(glossary::read(&job)?);
        let (job, source, renderer) = (Arc::new(job), Arc::new(source), Arc::new(renderer));
        let opened = Self { job, source, renderer, schema, fields };
        opened.check_output_is_no_input(&opened.job.output.path)?;
        if opened.source.columns().is_some() {
            opened.layout(opened.source.columns(), opened.job.output.format)?;
        }
        Ok(opened)
    }

    /// The columns of an output in a format. JSONL rows may each bring their own columns; every other format needs to know
    /// them.
    ///
    /// # Errors
    ///
    /// A column that does not exist, or two with the same name.
    pub fn layout(
        &self,
        columns: Option<&[crate::row::Column]>,
        format: Format,
    ) -> Result<Layout, PipelineError> {
        let rows_bring_their_own = self.source.columns().is_none() && format == Format::Jsonl;
        let columns = columns.filter(|_| !rows_bring_their_own);
        Layout::new(columns, &self.output_spec()).map_err(|error| self.misnamed(error))
    }

    /// Rejects a name in `select` or `rename` that is neither an answer column nor a column of any row, for an input whose
    /// rows each bring their own columns. `columns` are all of them.
    ///
    /// # Errors
    ///
    /// There is such a name.
    pub fn check_names(&self, columns: &[crate::row::Column]) -> Result<(), PipelineError> {
        match Layout::new(Some(columns), &self.output_spec()) {
            Err(error @ LayoutError::Unknown { .. }) => Err(self.misnamed(error)),
            _ => Ok(()),
        }
    }

    /// Whether anything depends on the columns of rows that each bring their own.
    fn columns_matter(&self) -> bool {
        let output = &self.job.output;
        output.format != Format::Jsonl || !output.names.is_empty()
    }

    fn output_spec(&self) -> OutputSpec {
        let output = &self.job.output;
        OutputSpec {
            select: output.select.clone(),
            rename: output.rename.clone(),
            prefix: output.prefix.clone(),
            spreadsheet_safe: output.spreadsheet_safe,
            fields: self.fields.clone(),
        }
    }

    fn misnamed(&self, error: LayoutError) -> PipelineError {
        match self.job.output.names.iter().find(|text| text.source == error.name()) {
            Some(text) => text.problem(Some(0..text.source.len()), error.to_string()).into(),
            None => error.into(),
        }
    }

    /// Rejects an output that is an input, or will match a glob of the input: it would replace the rows from which it is
    /// made.
    ///
    /// # Errors
    ///
    /// The output is an input.
    pub fn check_output_is_no_input(&self, output: &Path) -> Result<(), PipelineError> {
        match self.source.reads(output) {
            Some(input) => {
                Err(PipelineError::OutputIsInput { output: output.to_owned(), input: input.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Warnings before anything is sent: columns that requests depend on, and that some files lack.
    pub fn warnings(&self) -> Vec<String> {
        let asked = self.renderer.columns().unwrap_or_default();
        let lacking = self.source.lacking().iter().filter(|(column, _)| asked.contains(column));
        let warning = |(column, files): &(String, String)| {
            format!("warning: requests depend on `{column}`, which is null in the rows of {files}")
        };
        lacking.map(warning).collect()
    }

    /// The fields of the answers' schema that become columns, if the job says so.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A pass over the rows from the start, up to the job's limit.
    ///
    /// # Errors
    ///
    /// The input cannot be opened.
    pub fn rows(
        &self,
        wanted: Projection,
    ) -> Result<impl Iterator<Item = Result<Item, ReadError>> + Send + use<>, ReadError> {
        let limit = self.job.input.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(self.source.rows(wanted)?.take(limit.unwrap_or(usize::MAX)))
    }

    /// The columns of a row on which its request can depend.
    pub fn wanted_by_requests(&self) -> Projection {
        self.renderer.columns().map_or(Projection::Fields, Projection::Only)
    }

    /// How a row continues after an answer that does not end it.
    pub fn conversation(&self) -> ConversationRules {
        let answer = &self.job.answer;
        ConversationRules {
            schema: self.schema.clone(),
            repair: answer.repair,
            on_length: answer.on_length,
            tools: self.job.tools.iter().map(|tool| tool.name.clone()).collect(),
            max_rounds: answer.max_rounds,
            transport: self.job.model.transport,
        }
    }

    /// The journal's path.
    pub fn journal(&self) -> PathBuf {
        self.job.output.journal()
    }
}

impl<T: Weight, E> Weight for Result<T, E> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Weight::bytes)
    }
}

impl Weight for Item {
    /// The bytes of a row's values. Rows of a Parquet batch share them with their neighbours.
    fn bytes(&self) -> usize {
        let of_row = |row: &Row| match &row.origin {
            Origin::Line(line) => line.len(),
            _ => row.fields.values().filter_map(|value| value.as_str()).map(str::len).sum(),
        };
        match self {
            Self::Row(row) => of_row(row),
            Self::Bad(bad) => bad.raw.len() + bad.row.as_deref().map_or(0, of_row),
        }
    }
}

/// The files that a job keeps next to its output: a glob may match them, but never means them.
fn own_files(output: &Output) -> Vec<PathBuf> {
    let journal = output.journal();
    let beside = [output.summary(), output.report(), output.spool()];
    crate::journal::files(&journal).chain(beside).collect()
}

/// Checks a job's requests before its input is read.
///
/// # Errors
///
/// The key of the job file, and the problem with it.
pub fn check_request(job: &Job) -> Result<(), (String, Diagnostic)> {
    check::literals(&Job { request: structure::foreseen(job), ..job.clone() })
}

/// Checks that the output can be written, before anything is sent. Creates missing folders.
///
/// # Errors
///
/// The output cannot be written.
pub fn check_target(path: &Path) -> Result<(), PipelineError> {
    Ok(crate::write::check_target(path)?)
}

/// The same for a file whose name the user has not chosen, or that is written on the side: a link there is not followed.
///
/// # Errors
///
/// As [`check_target`].
pub fn check_own_target(path: &Path) -> Result<(), PipelineError> {
    Ok(crate::write::check_own_target(path)?)
}
