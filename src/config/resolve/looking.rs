//! A job for those who only look at what it has done: what only the sending needs is put aside before it is settled, so that
//! nothing of it is in the way.

use super::{DEFAULT_BASE_URL, Lookups, settle};
use crate::config::file::{JobFile, ModelSection, RetrySection};
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::Job;
use crate::job::address;

/// Settles a job to look at what it has done. Its address is the default one where the job's own is none.
///
/// # Errors
///
/// As [`super::resolve`], but for what only the sending needs.
pub fn resolve_to_look(mut file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Job, Diagnostic> {
    file.model = without_sending(file.model);
    (file.retry, file.notify) = (RetrySection::default(), None);
    file.tools.clear();
    let region = |name: &str, workspace: Option<&str>| {
        Ok((lookups.region)(name, workspace).unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned()))
    };
    settle(file, layers, &Lookups { region: &region, ..*lookups })
}

/// Checks that the rows of a job can be made the requests that the journal knows.
///
/// # Errors
///
/// When nobody names the model.
pub fn check_model_is_named(job: &Job) -> Result<(), Diagnostic> {
    let has_prompt = job.prompt.as_ref().is_some_and(|prompt| prompt.user.is_some());
    match job.model.name.is_none() && has_prompt {
        true => {
            let help = "give it with --model, or as `name` under [model]";
            Err(Diagnostic::new("no model is named").help(help))
        }
        false => Ok(()),
    }
}

/// Who is asked, without the key, the headers, and an address that is none.
fn without_sending(section: ModelSection) -> ModelSection {
    let base_url = section.base_url.filter(|url| address::check(url, true).is_ok());
    let in_a_region = base_url.is_none();
    let has_a_name = |id: &String| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    ModelSection {
        region: section.region.filter(|_| in_a_region),
        workspace: section.workspace.filter(|id| in_a_region && !id.is_empty() && has_a_name(id)),
        base_url,
        allow_http: Some(true),
        name: section.name,
        table: section.table,
        transport: section.transport,
        ..ModelSection::default()
    }
}
