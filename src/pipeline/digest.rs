//! What became of the digest of a job, and the file it is written to.

use std::path::PathBuf;

use super::bad_rows::BAD_ROW;
use super::over_feed::{DigestParts, digest_parts};
use super::{Opened, PipelineError};
use crate::journal::reader::Reader;
use crate::outcome::{RowResult, Status};
use crate::write::{Manner, write_atomic};

/// The digest of a job after a run.
#[derive(Debug, Clone)]
pub struct DigestEnd {
    /// Its result; pending while a row has no end.
    pub result: RowResult,
    /// The rows that it is made of.
    pub rows: u64,
    /// The rows that it lacks, because they have failed.
    pub lacks: u64,
    /// The file it was written to.
    pub written: Option<PathBuf>,
}

/// What became of the digest; `None` for a job without one. An answer is written to its file.
///
/// # Errors
///
/// When input or journal cannot be read, or the file cannot be written.
pub(super) fn digest_end(opened: &Opened, reader: &Reader) -> Result<Option<DigestEnd>, PipelineError> {
    let Some(digest) = &opened.job.digest else { return Ok(None) };
    let Some(DigestParts { request, rows, lacks }) = digest_parts(opened, reader)? else {
        return Ok(Some(DigestEnd { result: RowResult::default(), rows: 0, lacks: 0, written: None }));
    };
    let result = match request {
        None => RowResult { status: Status::Skipped, ..RowResult::default() },
        Some(Ok(request)) => match reader.entry_over(request.fingerprint)? {
            Some(entry) => reader.result_of(entry.number)?,
            None => RowResult::default(),
        },
        Some(Err(problem)) => RowResult {
            status: Status::Failed,
            error_code: Some(BAD_ROW.to_owned()),
            error: Some(problem.in_a_line()),
            ..RowResult::default()
        },
    };
    let text = result.response();
    let written = match (&digest.output, text.filter(|_| result.status == Status::Ok)) {
        (Some(path), Some(text)) => {
            write_atomic(path, text.as_bytes(), Manner::AS_NAMED)?;
            Some(path.clone())
        }
        _ => None,
    };
    Ok(Some(DigestEnd { result, rows, lacks, written }))
}
