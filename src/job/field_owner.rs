//! Who sets which field of the request: the job, for every row alike, or each row for itself. If the service refuses a field
//! that the job sets, every row has the same fault.

use std::collections::BTreeSet;

use super::{Job, TemplateText};

/// Who sets which field of the request.
#[derive(Debug, Clone, Default)]
pub struct FieldOwners {
    job: BTreeSet<String>,
    rows: BTreeSet<String>,
}

impl FieldOwners {
    /// These fields are set by the job, and these by each row.
    #[cfg(test)]
    pub fn new(job: impl IntoIterator<Item = String>, rows: impl IntoIterator<Item = String>) -> Self {
        Self { job: job.into_iter().collect(), rows: rows.into_iter().collect() }
    }

    /// The owners of a job's fields. A field with a template anywhere in it is the row's.
    pub fn of(job: &Job) -> Self {
        let prompt = job.prompt.as_ref();
        let texts = prompt.into_iter().flat_map(|prompt| {
            let turns = prompt.turns.iter().map(|turn| &turn.content);
            prompt.system.iter().chain(turns).chain(&prompt.user)
        });
        let brought = prompt.is_none_or(|prompt| prompt.user.is_none());
        let templates = job.request_texts.iter().filter(|(_, text)| is_template(text));
        let mut rows: BTreeSet<String> = templates.filter_map(|(path, _)| path.first().cloned()).collect();
        let mut all: BTreeSet<String> = job.request.keys().cloned().collect();
        // Streaming, the model and the turns are set elsewhere in the job file.
        all.extend(["stream", "model", "messages"].map(str::to_owned));
        if job.answer.schema.is_some() {
            all.insert("response_format".to_owned());
        }
        if brought || texts.into_iter().any(is_template) {
            rows.insert("messages".to_owned());
        }
        if job.model.name.is_none() {
            rows.insert("model".to_owned());
        }
        Self { job: all.difference(&rows).cloned().collect(), rows }
    }

    /// Whether the job sets this field for every row alike.
    pub fn is_the_job_s(&self, field: &str) -> bool {
        self.job.contains(field)
    }

    /// Whether each row sets this field for itself.
    pub fn is_the_row_s(&self, field: &str) -> bool {
        self.rows.contains(field)
    }
}

/// Whether a text can differ from row to row.
fn is_template(text: &TemplateText) -> bool {
    text.source.contains("{{") || text.source.contains("{%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Layers;
    use crate::config::resolve::{Lookups, resolve};
    use crate::diagnostic::SourceText;
    use crate::job::facts::ModelCatalog;

    fn of(text: &str) -> FieldOwners {
        let text = format!("input.path = \"a.csv\"\noutput.path = \"b.csv\"\n{text}");
        let script = SourceText { name: "job.toml".into(), text: text.into() };
        let (file, layers) = Layers::read(Some(script), vec![]).expect("a job file");
        let lookups = Lookups {
            region: &|_, _| Err(String::new()),
            book: &|_| ModelCatalog::default(),
            zone: &|_| Ok(jiff::tz::TimeZone::UTC),
        };
        FieldOwners::of(&resolve(file, &layers, &lookups).expect("a job"))
    }

    #[test]
    fn a_field_is_the_row_s_when_any_text_in_it_is_a_template() {
        let field_owners = of(
            "model.name = \"m\"\nprompt.user = \"{{ t }}\"\n[request]\nmax_tokens = \"{{ m }}\"\nseed = 1\n\
             stop = [\"a\", \"{% if t %}b{% endif %}\"]\nresponse_format = { type = \"json_object\" }\n",
        );
        for field in ["messages", "max_tokens", "stop"] {
            assert!(field_owners.is_the_row_s(field) && !field_owners.is_the_job_s(field), "{field}");
        }
        for field in ["model", "seed", "response_format", "stream"] {
            assert!(field_owners.is_the_job_s(field) && !field_owners.is_the_row_s(field), "{field}");
        }
        assert!(
            !field_owners.is_the_job_s("enable_thinking") && !field_owners.is_the_row_s("enable_thinking")
        );
    }

    #[test]
    fn rows_with_their_own_requests_set_the_turns_and_the_model_if_the_job_names_none() {
        let field_owners = of("");
        assert!(field_owners.is_the_row_s("model") && field_owners.is_the_row_s("messages"));
        assert!(of("model.name = \"m\"\n").is_the_job_s("model"));
    }

    #[test]
    fn turns_without_a_template_are_the_job_s() {
        assert!(of("model.name = \"m\"\nprompt.user = \"Tell a joke\"\n").is_the_job_s("messages"));
    }
}
