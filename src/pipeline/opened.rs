//! A job with its input opened: what every stage is given.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document_input::{self, DocumentReading};
use super::each_columns::each_columns;
use super::over::{Digester, PartsRenderer};
use super::request_key::request_key;
use super::row_requests::{Combinations, Requester};
use super::split_row::{FORMAT, Splitter};
use super::structure::Structure;
use super::{PipelineError, glossary, piece_size};
use crate::conversation::{CHECK_FAILED, ConversationRules};
use crate::diagnostic::Diagnostic;
use crate::format::Format;
use crate::job::answer::OnCheck;
use crate::job::input_format::InputFormat;
use crate::job::over::PartsRequest;
use crate::job::split::{Combine, OnMismatch, Split};
use crate::job::{Job, Output};
use crate::note::OverKind;
use crate::read::{Expansion, InputSpec, Projection, ReadError, Source, documents};
use crate::render::Renderer;
use crate::render::estimate::tokens_of_piece;
use crate::row::Item;
use crate::row_words::RowWords;
use crate::schema::{AnswerSchema, Field};
use crate::write::{EachColumns, FurtherColumns, Layout, LayoutError, OutputSpec, PieceColumns};

/// The column of documents that says what to know of their texts.
pub(super) const WARNINGS: &str = "warnings";

/// A job with its input opened and its templates compiled.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The job.
    pub job: Arc<Job>,
    /// Its input.
    pub source: Arc<Source>,
    /// Its templates.
    pub renderer: Arc<Renderer>,
    /// What each answer has to satisfy, where the job says so.
    pub schema: Option<Arc<AnswerSchema>>,
    /// The fields of the schema that become columns.
    fields: Vec<Field>,
    /// Decides what each row asks.
    requester: Requester,
    /// The columns of the output for the combinations of `[each]`.
    each_columns: EachColumns,
    /// Makes the request over the answers to a row's pieces, in a job that merges them.
    merger: Option<PartsRenderer>,
    /// Makes the request over all rows, in a job that has one.
    digester: Option<Digester>,
    /// Everything besides a row's record that decides its request.
    request_key: Arc<str>,
}

impl Opened {
    /// Opens the input of a job and holds its templates and output columns against it, as far as that can be done
    /// before the rows are read; and reads the schema of its answers.
    ///
    /// # Errors
    ///
    /// An input that cannot be opened, a template or an output column that does not fit it, a file that is no schema.
    #[cfg(not(main_alone))]
    pub fn new(job: Job) -> Result<Self, PipelineError> {
        Self::reading(job, &DocumentReading::default())
    }

    /// As [`Opened::new`], with a way to read documents: those that are not kept as they are are read now.
    ///
    /// # Errors
    ///
    /// As [`Opened::new`], and when the reading is stopped.
    pub fn reading(job: Job, reading: &DocumentReading) -> Result<Self, PipelineError> {
        Self::with(job, Some(reading))
    }

    /// As [`Opened::new`], for looking at what a run did: standard input and the texts of documents are what the run kept of
    /// them.
    ///
    /// # Errors
    ///
    /// As [`Opened::new`].
    pub fn again(job: Job) -> Result<Self, PipelineError> {
        Self::with(job, None)
    }

    fn with(mut job: Job, reading: Option<&DocumentReading>) -> Result<Self, PipelineError> {
        let Structure { schema, fields } = Structure::read(&mut job)?;
        let spec = InputSpec {
            format: job.input.format.and_then(InputFormat::table),
            id: job.input.id.clone(),
            delimiter: job.input.delimiter,
            encoding: job.input.documents.encoding.clone(),
            sheet: job.input.sheet.clone(),
            max_record_bytes: job.input.max_record_bytes,
            own: own_files(&job.output),
            is_kept: crate::journal::is_part_of_one,
            ..InputSpec::new(job.input.paths.clone(), job.output.spool())
        };
        let spec = match job.input.max_expanded_bytes {
            Some(bytes) => InputSpec { expansion: Expansion { ratio: 0, free_bytes: bytes }, ..spec },
            None => spec,
        };
        let source = match document_input::source(&mut job, &spec, reading)? {
            Some(documents) => documents,
            None if reading.is_some() => Source::open(spec)?,
            None => Source::reopen(spec)?,
        };
        let renderer = Renderer::new(&job, source.columns())?.with_glossary(glossary::read(&job)?);
        let splitter = job.split.as_ref().map(|split| splitter(&job, split, &source)).transpose()?;
        job.split.as_ref().map_or(Ok(()), |split| renderer.check_pieces_are_used(&split.column))?;
        job.each.as_ref().map_or(Ok(()), |each| renderer.check_each_is_used(each))?;
        let each = job.each.as_ref().map(|each| Arc::new(Combinations::new(each)));
        let each_columns = each_columns(&job)?;
        let request_key = request_key(&job, &source, &renderer, splitter.as_ref()).into();
        let over = |asked: &PartsRequest| PartsRenderer::new(&job, asked, source.columns());
        let merger = job.merge.as_ref().map(over).transpose()?;
        let digester = job.digest.as_ref().map(|digest| Digester::new(&job, digest)).transpose()?;
        let (job, source, renderer) = (Arc::new(job), Arc::new(source), Arc::new(renderer));
        let blank = job.input.skip_blank.then(|| Arc::clone(&renderer));
        let requester = Requester { splitter, each, blank };
        let opened = Self {
            job,
            source,
            renderer,
            schema,
            fields,
            requester,
            each_columns,
            merger,
            digester,
            request_key,
        };
        opened.check_output_is_no_input(&opened.job.output.path)?;
        if opened.source.columns().is_some() {
            opened.layout(opened.source.columns(), opened.job.output.format)?;
        }
        Ok(opened)
    }

    /// The columns of an output in a format. JSONL rows may each bring their own columns; every other format needs
    /// to know them.
    ///
    /// # Errors
    ///
    /// A column that is not there, or two of one name.
    pub fn layout(
        &self,
        columns: Option<&[crate::row::Column]>,
        format: Format,
    ) -> Result<Layout, PipelineError> {
        let rows_bring_their_own = self.source.columns().is_none() && format == Format::Jsonl;
        let columns = columns.filter(|_| !rows_bring_their_own);
        if self.joins_warnings() {
            let is_other = |column: &&crate::row::Column| column.name != WARNINGS;
            let columns: Vec<_> = columns.unwrap_or_default().iter().filter(is_other).cloned().collect();
            return Layout::new(Some(&columns), &self.output_spec(format))
                .map_err(|error| self.misnamed(error));
        }
        Layout::new(columns, &self.output_spec(format)).map_err(|error| self.misnamed(error))
    }

    /// Refuses a name in `select` or `rename` that is neither an answer column's nor that of any row, in an input whose
    /// rows each bring their own columns. These are all of them.
    ///
    /// # Errors
    ///
    /// When there is such a name.
    pub fn check_names(&self, columns: &[crate::row::Column]) -> Result<(), PipelineError> {
        match Layout::new(Some(columns), &self.output_spec(self.job.output.format)) {
            Err(error @ LayoutError::Unknown { .. }) => Err(self.misnamed(error)),
            _ => Ok(()),
        }
    }

    /// Identifies everything besides a row's record that decides its request.
    pub(super) fn request_key(&self) -> &str {
        &self.request_key
    }

    /// How rows are cut into pieces, in a job that does so.
    pub(super) fn splitter(&self) -> Option<&Splitter> {
        self.requester.splitter.as_ref()
    }

    /// Decides what each row asks.
    pub(super) fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Makes the request over the answers to a row's pieces, in a job that merges them.
    pub(super) fn merger(&self) -> Option<&PartsRenderer> {
        self.merger.as_ref()
    }

    /// The kinds of requests over answers that the job has, in the order in which they are sent.
    pub(super) fn over_kinds(&self) -> impl Iterator<Item = OverKind> + use<> {
        let merge = self.merger.as_ref().map(|_| OverKind::Merge);
        let digest = self.digester.as_ref().map(|_| OverKind::Digest);
        merge.into_iter().chain(digest)
    }

    /// Makes the request over all rows, in a job that has one.
    pub(super) fn digester(&self) -> Option<&Digester> {
        self.digester.as_ref()
    }

    /// What messages call the job's rows and requests.
    pub fn words(&self) -> RowWords {
        let (pieces, each) = (self.splitter().is_some(), self.requester.each.is_some());
        RowWords { documents: self.source.is_of_documents(), pieces, each }
    }

    /// How the answers to a row's pieces become one.
    pub(super) fn combine(&self) -> Combine {
        self.job.split.as_ref().map(|split| split.combine).unwrap_or_default()
    }

    /// Whether an accepted answer of the job can have warnings.
    pub fn gives_warnings(&self) -> bool {
        let rules = self.conversation();
        rules.on_mismatch == Some(OnMismatch::Keep) || (rules.flags && !rules.checks.is_empty())
    }

    /// Codes of failures that may be right for one row and not for another with the same request: those of answers that are checked against
    /// what a template makes of the row.
    pub(super) fn codes_of_one_row(&self) -> &'static [&'static str] {
        if self.has_own_source() { &[CHECK_FAILED] } else { &[] }
    }

    /// Whether answers are checked against something else than their request.
    pub(super) fn has_own_source(&self) -> bool {
        self.job.answer.source.is_some() && !self.job.answer.checks.is_empty()
    }

    /// Whether the warnings of documents and those of their answers are one column.
    pub(super) fn joins_warnings(&self) -> bool {
        self.source.is_of_documents() && self.gives_warnings()
    }

    /// Whether the columns of rows that each bring their own decide anything.
    pub(super) fn columns_matter(&self) -> bool {
        let output = &self.job.output;
        output.format != Format::Jsonl || !output.names.is_empty()
    }

    fn output_spec(&self, format: Format) -> OutputSpec {
        let output = &self.job.output;
        // CSV is written as it was read.
        let manner = self.source.csv_manner().filter(|_| matches!(format, Format::Csv | Format::Tsv));
        let theirs = manner.filter(|_| format == Format::Csv).map(|manner| manner.delimiter);
        OutputSpec {
            select: output.select.clone(),
            answers_only: output.answers_only,
            rename: output.rename.clone(),
            prefix: output.prefix.clone(),
            spreadsheet_safe: output.spreadsheet_safe,
            delimiter: output.delimiter.or(theirs),
            is_marked: output.bom.unwrap_or(manner.is_some_and(|manner| manner.is_marked)),
            fields: self.fields.clone(),
            further: FurtherColumns {
                packed: self.job.pack.is_some(),
                warnings: self.gives_warnings(),
                pieces: match self.job.split.as_ref().map(|split| split.combine) {
                    None => PieceColumns::None,
                    Some(Combine::Rows) => PieceColumns::Numbers,
                    Some(Combine::Join | Combine::Merge) => PieceColumns::Counts,
                },
            },
            each: self.each_columns.clone(),
            // The whole text of a document would stand beside its translation.
            unless_selected: self.source.is_of_documents().then(|| "text".to_owned()),
        }
    }

    fn misnamed(&self, error: LayoutError) -> PipelineError {
        match self.job.output.names.iter().find(|text| text.source == error.name()) {
            Some(text) => text.problem(Some(0..text.source.len()), error.to_string()).into(),
            None => error.into(),
        }
    }

    /// Refuses an output that is, or by a glob will be, an input: it would replace the rows it is made of.
    ///
    /// # Errors
    ///
    /// When it is one.
    pub fn check_output_is_no_input(&self, output: &Path) -> Result<(), PipelineError> {
        match self.source.reads(output) {
            Some(input) => {
                Err(PipelineError::OutputIsInput { output: output.to_owned(), input: input.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// What is to be warned of before anything is sent: columns that requests depend on, and that some file lacks.
    pub fn warnings(&self) -> Vec<String> {
        let asked = self.renderer.columns().unwrap_or_default();
        let lacking = self.source.lacking().iter().filter(|(column, _)| asked.contains(column));
        let warning = |(column, files): &(String, String)| {
            format!("warning: requests depend on `{column}`, which is null in the rows of {files}")
        };
        lacking.map(warning).collect()
    }

    /// The fields of the answers' schema that become columns, when the job says that they do.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A pass over the rows, from the top, as far as the job is limited to.
    ///
    /// # Errors
    ///
    /// When the input cannot be opened.
    pub fn rows(
        &self,
        wanted: Projection,
    ) -> Result<impl Iterator<Item = Result<Item, ReadError>> + Send + use<>, ReadError> {
        let limit = self.job.input.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(self.source.rows(wanted)?.take(limit.unwrap_or(usize::MAX)))
    }

    /// What of a row its request can depend on.
    pub fn wanted_by_requests(&self) -> Projection {
        let Some(mut columns) = self.renderer.columns() else { return Projection::Fields };
        if let Some(splitter) = self.splitter() {
            // What decides how a row is cut, whatever its template uses.
            columns.extend([splitter.column.to_string(), FORMAT.to_owned()]);
        }
        Projection::Only(columns)
    }

    /// Whether the answers to pieces are joined in the frame of their text.
    pub(super) fn joins_pieces(&self) -> bool {
        self.job.split.as_ref().is_some_and(|split| split.combine == Combine::Join)
    }

    /// How a row continues after an answer that does not end it.
    pub fn conversation(&self) -> ConversationRules {
        let answer = &self.job.answer;
        ConversationRules {
            schema: self.schema.clone(),
            checks: answer.checks.clone(),
            source: answer.source.as_ref().map(|text| text.source.clone()).unwrap_or_default(),
            flags: answer.on_check == OnCheck::Flag,
            repair: answer.repair,
            on_length: answer.on_length,
            tools: self.job.tools.iter().map(|tool| tool.name.clone()).collect(),
            max_rounds: answer.max_rounds,
            transport: self.job.model.transport,
            on_mismatch: self
                .job
                .split
                .as_ref()
                .filter(|_| self.joins_pieces())
                .map(|split| split.on_mismatch),
        }
    }

    /// The journal's path.
    pub fn journal(&self) -> PathBuf {
        self.job.output.journal()
    }
}

/// How the rows of a job are cut.
fn splitter(job: &Job, split: &Split, source: &Source) -> Result<Splitter, Diagnostic> {
    let column = split.column.source.as_str();
    if let Some(columns) = source.columns().filter(|columns| !columns.is_empty())
        && !columns.iter().any(|known| known.name == column)
    {
        let known: Vec<&str> = columns.iter().map(|known| known.name.as_str()).collect();
        let problem =
            split.column.problem(None, format!("[split] cuts the column `{column}`, and the input has none"));
        let help = format!("name one with `column` under [split]; the columns are {}", known.join(", "));
        return Err(problem.help(help));
    }
    Ok(Splitter {
        column: column.into(),
        by: split.by,
        combine: split.combine,
        budget: piece_size::budget(job, split),
        context: split.context as usize,
        tokens: tokens_of_piece,
    })
}

/// What a job keeps beside its output, which an input's glob may match and never means.
fn own_files(output: &Output) -> Vec<PathBuf> {
    let journal = output.journal();
    let beside = [output.summary(), output.report(), output.spool()];
    let kept = documents::own_files(&output.kept_documents());
    crate::journal::files(&journal).chain(beside).chain(kept).collect()
}
