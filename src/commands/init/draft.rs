//! The job file that `init` writes: every line says why it is there.

use std::path::Path;

use toml::Value;

use super::folder::JobFolder;
use super::identity::IdOffer;
use crate::commands::resume::shell_quoted;
use crate::format::{ENDINGS, Format};
use crate::job::facts::{ModelInfo, Thinking};

/// The contents of a new job.
#[derive(Debug)]
pub(super) struct JobDraft {
    /// The input; `None` for the sample.
    pub(super) input: Option<String>,
    /// Its format, which is also that of the output.
    pub(super) format: Format,
    /// Whether its rows are documents.
    pub(super) is_of_documents: bool,
    /// The column that may identify a row.
    pub(super) id: Option<IdOffer>,
    /// The model.
    pub(super) model: String,
    /// The facts known about the model.
    pub(super) facts: ModelInfo,
    /// The languages to translate into, for a translation model; at least one.
    pub(super) languages: Vec<String>,
    /// The user's turn; `None` if the rows bring their own.
    pub(super) prompt: Option<String>,
}

impl JobDraft {
    /// The text of the job file in a folder.
    pub(super) fn text(&self, place: &JobFolder) -> String {
        let job = shell_quoted(&place.job().display().to_string());
        let width = job.len() + " --simulate".len();
        let input = self.input.clone().unwrap_or_else(|| place.sample().display().to_string());
        format!(
            "#:schema ./job.schema.json
# A fanfold job: one prompt over every row of a file. The line above lets an editor complete and explain
# the keys; `fanfold schema` prints that file.
#
#   fanfold preview {job:width$}   shows the first requests and what they may cost; sends nothing
#   fanfold run     {job} --simulate   rehearses against the built-in simulator: no key, no tokens
#   fanfold run     {job:width$}   sends the rows without an answer; needs DASHSCOPE_API_KEY
#
# Repeat the last command to resume a stopped run. Paths are relative to the working directory: here, the one in
# which `fanfold init` was run.

[input]
path = {input}

{identity}

[model]
name = {model}

# The default is DashScope in Singapore. For another region, or another server with OpenAI's API:
# region = \"beijing\"
# base_url = \"http://127.0.0.1:8000/v1\"

{each}{prompt}
[request]
# Every other field of the request is sent unchanged; strings are templates too.
{request}{split}
[limits]
# By default, the model table's limits (`fanfold models`). All of them hold at the same time.
# qpm = 60              # requests per minute
# tpm = 100_000         # tokens per minute, input and output together
# max_cost = 1.00       # stop before spending more than this

[output]
# The ending chooses the format: {ENDINGS}. The journal, which lets the job resume, is beside it.
path = {output}

# Only these columns, in this order:
# select = [\"response\", \"status\", \"error\"]
",
            input = quoted(&input),
            model = quoted(&self.model),
            each = self.each_section(),
            prompt = self.prompt_section(),
            identity = self.identity(),
            request = self.request_section(),
            split = self.split_section(),
            output = quoted(&place.folder.join("out").join(self.output_name()).display().to_string()),
        )
    }

    fn identity(&self) -> String {
        if self.is_of_documents {
            return "# A document is identified by its path. Documents that cannot be read stop the run before anything is sent; to \
                    send the\n# others:\n# on_bad_row = \"skip\""
                .to_owned();
        }
        let id = match self.input {
            None => "id = \"id\"".to_owned(),
            Some(_) => match &self.id {
                Some(offer) if offer.is_named => format!("id = {}", quoted(&offer.column)),
                Some(offer) => format!("# id = {}", quoted(&offer.column)),
                None => "# id = \"a column\"".to_owned(),
            },
        };
        format!(
            "# The column that identifies a row. With it, rows may be sorted, added or removed between runs, and each answer\n\
             # stays with its row. Without it, a row is identified by its position and content.\n{id}"
        )
    }

    /// The languages, if there are several.
    fn each_section(&self) -> String {
        if self.facts.languages.is_none() || self.languages.len() < 2 {
            return String::new();
        }
        let languages: Vec<String> = self.languages.iter().map(|language| quoted(language)).collect();
        format!(
            "[each]\n# Each row is translated into each of these; a language added later sends only what is new. The output has a \
             column\n# for each; one row for each instead: layout = \"long\" under [output].\nlang = [{}]\n\n",
            languages.join(", ")
        )
    }

    fn split_section(&self) -> &'static str {
        match (self.is_of_documents, &self.facts.languages) {
            (false, _) => "",
            (true, Some(_)) => {
                "\n[split]\n# A long text is sent in pieces of so many tokens, and the answers become one text again.\n\
                 max_tokens = 1200\n"
            }
            (true, None) => {
                "\n# A text longer than the model reads can be sent in pieces, whose answers are merged:\n# [split]\n\
                 # combine = \"merge\"\n# [merge]\n# prompt = \"Merge these: {{ parts | join(' ') }}\"\n"
            }
        }
    }

    fn prompt_section(&self) -> String {
        match &self.prompt {
            Some(prompt) => format!(
                "[prompt]\n# A template with the columns of a row: {{{{ text }}}}, or {{{{ a column }}}}.\nuser \
                 = {}\n{}",
                quoted(prompt),
                match self.facts.languages {
                    Some(_) => "# A translation model accepts only one message, the text.\n",
                    None => "# system = \"You write for readers in a hurry.\"\n",
                }
            ),
            None => "# Each row brings its own turns. To build them from the row's columns instead:\n# \
                [prompt]\n# user = \"Summarise in one sentence: {{ text }}\"\n"
                .to_owned(),
        }
    }

    fn request_section(&self) -> String {
        let section = match (&self.facts.languages, self.facts.thinking) {
            (Some(_), _) => {
                let language = match self.languages.as_slice() {
                    [language] => quoted(language),
                    _ => quoted("{{ each.lang }}"),
                };
                return format!(
                    "translation_options = {{ source_lang = \"auto\", target_lang = {language} }}\n# temperature = 0.2\n"
                );
            }
            (None, Some(Thinking::On)) => {
                "# This model thinks by default. Thoughts take time, and are billed.\nenable_thinking = \
                 false\n# temperature = 0.3\n"
            }
            (None, _) => "# temperature = 0.3\n# max_tokens = 300      # longer answers are truncated\n",
        };
        section.to_owned()
    }

    fn output_name(&self) -> String {
        let input = self.input.as_deref().unwrap_or("sample.csv");
        let name = Path::new(input).file_name().map(|name| name.to_string_lossy().into_owned());
        let stem = name.as_deref().unwrap_or_default().split('.').next().unwrap_or_default();
        match stem.is_empty() || stem.contains(['*', '?', '[']) {
            true => format!("answers.{}", self.format),
            false => format!("{stem}.answers.{}", self.format),
        }
    }
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
