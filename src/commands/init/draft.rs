//! The job file that `init` writes: every line says why it is there.

use std::path::Path;

use super::choices::JobChoices;
use super::folder::JobFolder;
use super::identity::IdOffer;
use super::quoted::quoted;
use super::translation::TranslationDraft;
use crate::commands::resume::shell_quoted;
use crate::format::{ENDINGS, Format};
use crate::job::facts::{ModelInfo, Thinking};
use crate::job::sheet_choice::SheetChoice;

/// The contents of a new job.
#[derive(Debug)]
pub(super) struct JobDraft {
    /// What was chosen.
    pub(super) choices: JobChoices,
    /// The format of the input, which is also that of the output.
    pub(super) format: Format,
    /// Whether its rows are documents.
    pub(super) is_of_documents: bool,
    /// The column that may identify a row.
    pub(super) id: Option<IdOffer>,
    /// The columns of the input.
    pub(super) columns: Vec<String>,
    /// The facts known about the model.
    pub(super) facts: ModelInfo,
}

impl JobDraft {
    /// The text of the job file in a folder.
    pub(super) fn text(&self, place: &JobFolder) -> String {
        let job = shell_quoted(&place.job().display().to_string());
        let width = job.len() + " --simulate".len();
        let translation = self.translation();
        let input = self.choices.input.clone().unwrap_or_else(|| place.sample().display().to_string());
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
path = {input}{sheet}

{identity}

[model]
name = {model}

# The default is DashScope in Singapore. For another region, or another server with OpenAI's API:
# region = \"beijing\"
# base_url = \"http://127.0.0.1:8000/v1\"

{each}{prompt}
[request]
# Every other field of the request is sent unchanged; strings are templates too.
{request}{split}{desk}
[limits]
# By default, the model table's limits (`fanfold models`). All of them hold at the same time.
# qpm = 60              # requests per minute
# tpm = 100_000         # tokens per minute, input and output together
# max_cost = 1.00       # stop before spending more than this

[output]
# The ending chooses the format: {ENDINGS}. The journal, which lets the job resume, is beside it.
path = {output}
{wide}
# Only these columns, in this order:
# select = [{selected}, \"status\", \"error\"]
",
            input = quoted(&input),
            model = quoted(&self.choices.model),
            sheet = self.sheet(),
            each = translation.as_ref().map(TranslationDraft::each).unwrap_or_default(),
            wide = translation.as_ref().map(TranslationDraft::wide).unwrap_or_default(),
            selected = translation.as_ref().map_or_else(|| quoted("response"), TranslationDraft::select),
            desk = self.desk(),
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
        let id = match self.choices.input {
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

    /// What the sections for a translation are made of, for a translation model.
    fn translation(&self) -> Option<TranslationDraft<'_>> {
        let translation = TranslationDraft { choices: &self.choices, input_columns: &self.columns };
        self.facts.languages.is_some().then_some(translation)
    }

    /// The sections for the texts of a table.
    fn desk(&self) -> &'static str {
        // Rows that bring their own turns are neither packed nor plain texts.
        let is_of_texts = !self.is_of_documents && self.choices.prompt.is_some();
        self.translation().filter(|_| is_of_texts).map_or("", |translation| translation.desk())
    }

    fn sheet(&self) -> String {
        match &self.choices.sheet {
            None => String::new(),
            Some(SheetChoice::Name(name)) => format!("\nsheet = {}", quoted(name)),
            Some(SheetChoice::Number(number)) => format!("\nsheet = {number}"),
        }
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
        match &self.choices.prompt {
            Some(prompt) if self.choices.are_combined() => format!(
                "[prompt]\n# A translation model takes the text and nothing else: no instruction, no examples.\nuser = \
                 {}\n",
                quoted(prompt)
            ),
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
        if let Some(translation) = self.translation() {
            return translation.options();
        }
        let section = match self.facts.thinking {
            Some(Thinking::On) => {
                "# This model thinks by default. Thoughts take time, and are billed.\nenable_thinking = \
                 false\n# temperature = 0.3\n"
            }
            _ => "# temperature = 0.3\n# max_tokens = 300      # longer answers are truncated\n",
        };
        section.to_owned()
    }

    fn output_name(&self) -> String {
        let input = self.choices.input.as_deref().unwrap_or("sample.csv");
        let name = Path::new(input).file_name().map(|name| name.to_string_lossy().into_owned());
        let stem = name.as_deref().unwrap_or_default().split('.').next().unwrap_or_default();
        match stem.is_empty() || stem.contains(['*', '?', '[']) {
            true => format!("answers.{}", self.format),
            false => format!("{stem}.answers.{}", self.format),
        }
    }
}
