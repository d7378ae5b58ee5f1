//! Joins the stages: read, match, render, dispatch, journal, write. The only place that knows their order.

mod audience;
mod bad_rows;
pub mod batches;
mod before;
pub mod cost_estimate;
pub mod counted;
pub mod digest;
mod document_files;
mod document_input;
mod each_columns;
mod error;
pub mod execute;
pub mod experience;
mod feed;
mod fold;
mod glossary;
mod held;
mod judged;
pub mod looked;
mod opened;
pub mod output;
mod over;
mod over_feed;
pub mod own_output;
pub mod pack_survey;
mod past;
mod piece_size;
pub mod plan;
mod prefetch;
pub mod prepare;
pub mod reporter;
mod request_key;
pub mod requests;
mod rounds;
mod row_requests;
mod run_end;
pub mod run_record;
mod scan;
pub mod send;
mod sheet_fit;
mod split_row;
mod structure;
mod survey;
mod unsent;
mod weights;
pub mod whole_rows;

use std::path::Path;

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::job::Job;
use crate::render::check;
pub use document_input::{DocumentReading, show_documents};
pub use error::PipelineError;
pub use opened::Opened;

/// Checks what a job says of its requests before its input is read.
///
/// # Errors
///
/// The key of the job file, and the problem with it.
pub fn check_request(job: &Job) -> Result<(), (String, Diagnostic)> {
    check::literals(&Job { request: structure::foreseen(job), ..job.clone() })?;
    if let (Some(_), Some(name)) = (job.batch, &job.model.name) {
        let body = Map::from_iter([("model".to_owned(), Value::from(name.as_str()))]);
        check::batch(&body, &job.facts_of(name))
            .map_err(|problem| ("model.transport".to_owned(), problem))?;
    }
    let digest = job.digest.as_ref().map(|digest| &digest.asked);
    job.merge.iter().chain(digest).try_for_each(|asked| {
        let named = |(key, problem): (String, Diagnostic)| (format!("{}.{key}", asked.section), problem);
        let job = over::job_of(job, asked);
        over::check_model(&job, asked).map_err(|problem| (format!("{}.model", asked.section), problem))?;
        check::literals(&job).map_err(named)
    })
}

/// Checks that the output can be written, before anything is sent. Missing folders are made.
///
/// # Errors
///
/// When it cannot be written.
pub fn check_target(path: &Path) -> Result<(), PipelineError> {
    Ok(crate::write::check_target(path)?)
}

/// The same for a file whose name is not the user's own choice, or that is written aside: no link there is followed.
///
/// # Errors
///
/// As [`check_target`].
pub fn check_own_target(path: &Path) -> Result<(), PipelineError> {
    Ok(crate::write::check_own_target(path)?)
}
