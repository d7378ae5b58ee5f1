//! Which fields of the request each row sets for itself. What the service finds wrong with any other field is wrong with
//! the job, and would be wrong with every row.

use std::collections::BTreeSet;

use super::{Job, Text};

/// The fields of the request that a row sets for itself.
#[derive(Debug, Clone, Default)]
pub struct RowFields {
    named: BTreeSet<String>,
    whole: bool,
}

impl RowFields {
    /// These fields; with `whole`, perhaps any other too, because rows may bring a whole body.
    pub fn new(named: impl IntoIterator<Item = String>, whole: bool) -> Self {
        Self { named: named.into_iter().collect(), whole }
    }

    /// Those of a job: the ones made by a template, and what the job leaves to the rows.
    pub fn of(job: &Job) -> Self {
        let templates = job.request_texts.iter().filter(|(_, text)| is_template(text));
        let mut named: BTreeSet<String> = templates.filter_map(|(path, _)| path.first().cloned()).collect();
        let prompt = job.prompt.as_ref();
        let brought = prompt.is_none_or(|prompt| prompt.user.is_none());
        let texts = prompt.into_iter().flat_map(|prompt| {
            let turns = prompt.turns.iter().map(|turn| &turn.content);
            prompt.system.iter().chain(turns).chain(&prompt.user)
        });
        if brought || texts.into_iter().any(is_template) {
            named.insert("messages".to_owned());
        }
        if job.model.name.is_none() {
            named.insert("model".to_owned());
        }
        Self { named, whole: brought && job.request.is_empty() }
    }

    /// Whether each row is known to set this field for itself.
    pub fn sets(&self, field: &str) -> bool {
        self.named.contains(field)
    }

    /// Whether a row may set this field for itself: a line of the OpenAI Batch format brings its whole body.
    pub fn may_set(&self, field: &str) -> bool {
        self.whole || self.sets(field)
    }
}

/// Whether a text can differ from row to row.
fn is_template(text: &Text) -> bool {
    text.source.contains("{{") || text.source.contains("{%")
}

#[cfg(test)]
mod tests {
    use super::super::facts::FactsBook;
    use super::super::layers::Layers;
    use super::super::problem::Script;
    use super::super::resolve::{Lookups, resolve};
    use super::*;

    fn of(text: &str) -> RowFields {
        let text = format!("input.path = \"a.csv\"\noutput.path = \"b.csv\"\n{text}");
        let script = Script { name: "job.toml".into(), text: text.into() };
        let (file, layers) = Layers::read(Some(script), vec![]).expect("a job file");
        let lookups = Lookups { region: &|_, _| Err(String::new()), book: &|_| FactsBook::default() };
        RowFields::of(&resolve(file, &layers, &lookups).expect("a job"))
    }

    #[test]
    fn a_field_is_the_row_s_when_any_text_in_it_is_a_template() {
        let fields = of(
            "model.name = \"m\"\nprompt.user = \"{{ t }}\"\n[request]\nmax_tokens = \"{{ m }}\"\nseed = 1\n\
             stop = [\"a\", \"{% if t %}b{% endif %}\"]\nresponse_format = { type = \"json_object\" }\n",
        );
        for field in ["messages", "max_tokens", "stop"] {
            assert!(fields.sets(field) && fields.may_set(field), "{field}");
        }
        for field in ["model", "seed", "response_format", "stream", "enable_thinking"] {
            assert!(!fields.sets(field) && !fields.may_set(field), "{field}");
        }
    }

    #[test]
    fn rows_that_bring_their_own_requests_may_set_anything() {
        let fields = of("");
        assert!(fields.sets("model") && fields.sets("messages") && !fields.sets("seed"));
        assert!(fields.may_set("seed"));
        let fields = of("model.name = \"m\"\nrequest.seed = 1\n");
        assert!(fields.sets("messages") && !fields.may_set("model") && !fields.may_set("seed"));
    }

    #[test]
    fn turns_without_a_template_are_the_job_s() {
        assert!(!of("model.name = \"m\"\nprompt.user = \"Tell a joke\"\n").may_set("messages"));
    }
}
