//! The output of the job itself: written from the journal, unless the existing one would be the same.

use super::document_files::DocumentFiles;
use super::fold::FoldedRow;
use super::output::{Destination, OutputCounts, write_each};
use super::plan::Plan;
use super::{Opened, PipelineError};
use crate::dispatch::stop::Stop;
use crate::format::Compression;
use crate::journal::Journal;
use crate::journal::output_state::OutputState;
use crate::read::file_mark;
use crate::render::fingerprint;

/// Writes the output of a job like [`write`](super::output::write), and the files of its documents' answers. An existing output that was written from the same rows and the same answers
/// is left as it is.
///
/// # Errors
///
/// As for [`write`](super::output::write).
pub fn write_own(
    opened: &Opened,
    plan: &Plan,
    journal: &Journal,
    stop: &Stop,
) -> Result<Option<OutputCounts>, PipelineError> {
    let reader = journal.reader();
    let job = job_mark(opened, plan);
    let files = DocumentFiles::of(opened)?;
    // A file of an answer may have been taken away, and what a merged row is written from has no place in the journal.
    let is_settled = plan.first_news.is_none() && files.is_none() && opened.merger().is_none();
    let warned = reader.warned(Some(plan.requests))?;
    // Which requests are those of one row is not known here.
    let is_settled = is_settled && (warned == 0 || plan.requests == plan.rows);
    if is_settled
        && let Some(state) = reader.output_state()?
        && (&state.job, state.rows) == (&job, plan.rows)
        && Some(&state.file) == file_mark(&opened.job.output.path).as_ref()
        && Some(state.results) == reader.results_digest(plan.requests)?
    {
        return Ok(Some(OutputCounts {
            ok: state.rows,
            simulated: state.simulated,
            warned,
            ..OutputCounts::default()
        }));
    }
    let output = &opened.job.output;
    let destination = Destination::file(output.path.clone(), output.format);
    let each = |row: &FoldedRow| files.as_ref().map_or(Ok(()), |files| files.write_row(row));
    let written = write_each(opened, plan, reader.results(), destination, stop, each)?;
    let Some(written) = written else { return Ok(None) };
    // What a skipped row is written from is not in the journal.
    let is_answered = written.ok == plan.rows;
    let results = if is_answered { reader.results_digest(plan.requests)? } else { None };
    let state = file_mark(&output.path).zip(results).map(|(file, results)| OutputState {
        job,
        file,
        results,
        rows: written.ok,
        simulated: written.simulated,
    });
    journal.keep_output_state(state.as_ref())?;
    Ok(Some(written))
}

/// Identifies the job, and the form of its output.
fn job_mark(opened: &Opened, plan: &Plan) -> String {
    let output = &opened.job.output;
    let compression = Compression::of_path(&output.path.to_string_lossy());
    let form =
        (output.format, compression, &output.select, &output.rename, &output.prefix, output.spreadsheet_safe);
    let manner = (opened.source.csv_manner(), output.delimiter, output.bom);
    let each = (output.layout, output.wide.as_ref().map(|template| &template.source), output.answers_only);
    let (fields, columns, warnings) = (opened.fields(), &plan.columns, opened.gives_warnings());
    let text =
        format!("{} {form:?} {manner:?} {each:?} {fields:?} {columns:?} {warnings}", opened.request_key());
    fingerprint::of_bytes(text.as_bytes()).to_string()
}
