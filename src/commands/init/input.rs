//! What an input offers for a new job: its columns, its first row, and the column most suitable for a question.

use std::ffi::OsString;
use std::path::Path;

use serde_json::{Map, Value};

use super::choices::JobChoices;
use super::identity::{self, IdOffer, Identifiers, is_id};
use super::texts::TextColumns;
use crate::commands::environment::KEY_VARIABLES;
use crate::commands::failure::Failure;
use crate::config::flags::set;
use crate::config::layers::Layers;
use crate::config::resolve::input_alone;
use crate::diagnostic::Diagnostic;
use crate::format::Format;
use crate::job::InputSettings;
use crate::job::facts::ModelInfo;
use crate::job::sheet_choice::SheetChoice;
use crate::pipeline::{DocumentReading, PipelineError, show_documents};
use crate::read::{InputSpec, Projection, Source};
use crate::row::{Column, ColumnKind, Item, Origin, Place, PlaceUnit, Row};

/// The rows of a job without an input.
pub(super) const SAMPLE: &str = "\
id,text
1,\"The kettle arrived in two days and boils faster than my old one. Only the lid is a little stiff.\"
2,\"I ordered the blue scarf and got a green one. The shop has not answered my two letters.\"
3,\"Does the lamp come with a bulb? The page says yes, the box says no.\"
4,\"Third pair of these boots in ten years. They have never let the rain in, and they never will.\"
5,\"The instructions are in a language that nobody in our house can name. We built it all the same!\"
";

/// How many rows are examined for the column to ask about.
const LOOKED_AT: usize = 20;

/// Names with another meaning in a template.
const RESERVED: [&str; 20] = [
    "and", "each", "else", "false", "False", "for", "if", "in", "include", "is", "loop", "none", "None",
    "not", "or", "piece", "row", "set", "true", "True",
];

/// What an input offers.
#[derive(Debug)]
pub(super) struct InputSummary {
    /// Its format.
    pub(super) format: Format,
    /// Its first row, where one could be read.
    pub(super) first: Option<Row>,
    /// Its columns; for JSONL, those of the examined rows.
    known: Vec<Column>,
    /// Whether every row has these columns.
    has_header: bool,
    /// The column with the longest texts.
    longest: Option<String>,
    /// The columns with texts to translate.
    texts: Vec<String>,
    /// Whether its rows are documents.
    pub(super) is_of_documents: bool,
    /// The column that may identify a row.
    pub(super) id: Option<IdOffer>,
    source: Option<Source>,
}

impl InputSummary {
    /// Examines an input, or the sample if none is given.
    pub(super) fn of(path: Option<&str>, sheet: Option<&SheetChoice>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::of_the_sample()) };
        if path == "-" {
            let problem = Diagnostic::new("standard input cannot be inspected in advance");
            return Err(problem
                .help("name a file, and put `path = \"-\"` into the job file afterwards")
                .into());
        }
        let source = match Source::open(InputSpec { sheet: sheet.cloned(), ..InputSpec::new([path], "") }) {
            Ok(source) => source,
            Err(error) => match documents_of(path)? {
                rows if rows.is_empty() => return Err(PipelineError::from(error).into()),
                rows => return Ok(Self::of_documents(rows)),
            },
        };
        let (mut rows, mut identifiers, mut texts) =
            (Vec::new(), Identifiers::default(), TextColumns::default());
        for item in source.rows(Projection::Fields).map_err(PipelineError::from)?.take(identity::LOOKED_AT) {
            if let Item::Row(row) = item.map_err(PipelineError::from)? {
                identifiers.look_at(&row);
                texts.look_at(&row);
                if rows.len() < LOOKED_AT {
                    rows.push(row);
                }
            }
        }
        let has_header = source.columns().is_some();
        let mut known = source.columns().map(<[Column]>::to_vec).unwrap_or_default();
        let mut lengths: Vec<(String, usize)> = Vec::new();
        for (name, value) in rows.iter().flat_map(|row| &row.fields) {
            if !has_header && !known.iter().any(|column| column.name == *name) {
                known.push(Column { name: name.clone(), kind: ColumnKind::Text });
            }
            let Value::String(text) = value else { continue };
            match lengths.iter_mut().find(|(known, _)| known == name) {
                Some((_, length)) => *length += text.chars().count(),
                None => lengths.push((name.clone(), text.chars().count())),
            }
        }
        // An identifier is not a text to ask about, however long, unless there is nothing else. Among equals the first is
        // chosen: `max_by_key` returns the last.
        let worth = |(name, length): &(String, usize)| (!is_id(name), *length);
        let longest = lengths.into_iter().rev().max_by_key(worth).map(|(name, _)| name);
        let format = source.files().first().and_then(|file| Format::of_path(file)).unwrap_or(Format::Jsonl);
        let first = rows.into_iter().next();
        let (source, id, texts) = (Some(source), identifiers.offer(), texts.offer());
        Ok(Self { format, first, known, has_header, longest, texts, is_of_documents: false, id, source })
    }

    fn of_documents(rows: Vec<Row>) -> Self {
        let first = rows.into_iter().next();
        let names = first.iter().flat_map(|row| row.fields.keys());
        Self {
            format: Format::Jsonl,
            known: names.map(|name| Column { name: name.clone(), kind: ColumnKind::Text }).collect(),
            has_header: true,
            longest: Some("text".to_owned()),
            texts: Vec::new(),
            is_of_documents: true,
            id: None,
            source: None,
            first,
        }
    }

    fn of_the_sample() -> Self {
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
        Self {
            format: Format::Csv,
            first: None,
            known: vec![column("id"), column("text")],
            has_header: true,
            longest: Some("text".to_owned()),
            texts: vec!["text".to_owned()],
            is_of_documents: false,
            id: Some(IdOffer { column: "id".to_owned(), is_named: true }),
            source: None,
        }
    }

    /// The columns of every row, if known.
    pub(super) fn columns(&self) -> Option<&[Column]> {
        self.has_header.then_some(&self.known[..])
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> Vec<&str> {
        self.known.iter().map(|column| column.name.as_str()).collect()
    }

    /// The prompt of a job that gives none; `None` if rows bring their own.
    pub(super) fn prompt(&self, facts: &ModelInfo) -> Result<Option<String>, Diagnostic> {
        if self.brings_turns() {
            return Ok(None);
        }
        let column = self.column()?;
        Ok(Some(match facts.languages {
            Some(_) => format!("{{{{ {} }}}}", expression(column)),
            None => format!("Summarise in one sentence: {{{{ {} }}}}", expression(column)),
        }))
    }

    /// Whether rows bring their own turns.
    fn brings_turns(&self) -> bool {
        let names = self.names();
        let has = |name: &str| names.contains(&name);
        // `body` alone may be any text; a line of the OpenAI Batch format also has a `url`.
        has("messages") || has("prompt") || has("body") && has("url")
    }

    /// The column to ask about.
    fn column(&self) -> Result<&str, Diagnostic> {
        self.longest.as_deref().or(self.names().first().copied()).ok_or_else(|| {
            let problem = Diagnostic::new("the input has no columns that a prompt could use");
            problem.help("put rows into it, or give the prompt with --prompt")
        })
    }

    /// The columns to translate, if a translation model is to translate columns: those that seem to have texts, else the one to
    /// ask about.
    pub(super) fn translatable(&self) -> Result<Vec<String>, Diagnostic> {
        match self.is_of_documents || self.brings_turns() {
            true => Ok(Vec::new()),
            false if self.texts.is_empty() => Ok(vec![self.column()?.to_owned()]),
            false => Ok(self.texts.clone()),
        }
    }

    /// The prompt that translates the chosen columns.
    pub(super) fn translating(choices: &JobChoices) -> Option<String> {
        match choices.are_combined() {
            true => Some("{{ row[each.column] }}".to_owned()),
            false => choices.columns.first().map(|column| format!("{{{{ {} }}}}", expression(column))),
        }
    }

    /// Rejects an output that a glob would read as input.
    pub(super) fn check_output(&self, output: &Path) -> Result<(), Failure> {
        match self.source.as_ref().and_then(|source| source.reads(output)) {
            Some(input) => {
                Err(PipelineError::OutputIsInput { output: output.to_owned(), input: input.to_owned() }
                    .into())
            }
            None => Ok(()),
        }
    }
}

/// The first documents of a path that can be read.
fn documents_of(path: &str) -> Result<Vec<Row>, Failure> {
    let (file, layers) = Layers::read(None, vec![set(&format!("input.path={}", Value::from(path)))?])?;
    let settings = InputSettings { limit: Some(LOOKED_AT as u64), ..input_alone(file.input, &layers)? };
    let reading =
        DocumentReading { hidden: KEY_VARIABLES.map(OsString::from).to_vec(), ..DocumentReading::default() };
    let mut rows = Vec::new();
    // What else is wrong with the path is said where tables are read.
    let _ = show_documents(&settings, None, &reading, |columns| {
        if !columns.contains_key("error_code") {
            rows.push(row(rows.len() as u64, columns));
        }
        true
    });
    Ok(rows)
}

fn row(position: u64, columns: &Map<String, Value>) -> Row {
    let file = columns.get("path").and_then(Value::as_str).unwrap_or_default().into();
    let place = Place { file, number: 1, unit: PlaceUnit::Line };
    Row { position, place, id: None, fields: columns.clone(), origin: Origin::Record, whole: None }
}

/// A column as a template expression.
fn expression(column: &str) -> String {
    // A name is written as it is; one with characters of the template language is safer in quotes.
    let is_plain = column.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && column.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        && column.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-'));
    match is_plain && !RESERVED.contains(&column.split(' ').next().unwrap_or_default()) {
        true => column.to_owned(),
        false => format!("row[{}]", Value::from(column)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_written_by_its_name_and_one_with_signs_in_it_is_taken_from_the_row() {
        for plain in ["text_2", "target lang", "größe", "first-name", "Row 1"] {
            assert_eq!(expression(plain), plain);
        }
        assert_eq!(expression("if any"), "row[\"if any\"]");
        assert_eq!(expression("each"), "row[\"each\"]");
        assert_eq!(expression("a\"b"), "row[\"a\\\"b\"]");
        assert_eq!(expression("not"), "row[\"not\"]");
        assert_eq!(expression(""), "row[\"\"]");
    }
}
