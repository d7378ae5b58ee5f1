//! An output that `limit` would shorten: a user tries a few rows, and would replace the answers of a whole night.

use std::path::Path;

use super::failure::Failure;
use super::resume::shell_quoted;
use super::side_file::settled;
use crate::job::Output;
use crate::journal::reader::Reader;
use crate::pipeline::{Opened, PipelineError};
use crate::read::Projection;
use crate::text::{count, counted};

/// The error for a job whose output would lose rows to its `limit`, if so.
pub(super) fn shortened(opened: &Opened, reader: &Reader) -> Result<Option<String>, Failure> {
    let output = &opened.job.output;
    let Some(limit) = opened.job.input.limit else { return Ok(None) };
    let written = reader.written()?;
    let Some(last) = written.iter().find(|written| is_this(&written.path, output)) else { return Ok(None) };
    if last.rows <= limit || !output.path.is_file() || !has_more(opened, limit)? {
        return Ok(None);
    }
    let shown = |path: &Path| shell_quoted(&path.to_string_lossy());
    let (path, journal) = (shown(&output.path), shown(&output.journal()));
    Ok(Some(format!(
        "{path} has the {} of the last run; with `limit` {} the others would be lost from it\n  = help: \
         `--output OTHER --journal {journal}` writes the first rows elsewhere, and pays for no answered row \
         again; to overwrite {path} anyway, move that file away first",
        counted(last.rows, "row"),
        count(limit),
    )))
}

/// Whether a written output is that of the job, under whatever path it was then named: a journal next to its output has one
/// output of each name.
fn is_this(written: &Path, output: &Output) -> bool {
    let same_name = written.file_name() == output.path.file_name();
    written == output.path
        || settled(written) == settled(&output.path)
        || (same_name && output.journal.is_none())
}

/// Whether the input continues beyond the limit: if the input has become shorter, its output may too.
fn has_more(opened: &Opened, limit: u64) -> Result<bool, PipelineError> {
    let mut rows = opened.source.rows(Projection::Only([].into()))?;
    Ok(rows.nth(usize::try_from(limit).unwrap_or(usize::MAX)).transpose()?.is_some())
}
